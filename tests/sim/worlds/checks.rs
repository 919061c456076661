//! What must hold in every world, after every step.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use waypost::base::{
    ClassId, Draws, EndpointId, Family, HashKey, Moment, Permille, Reason, RegionId, ServiceId,
    TargetId, limits,
};
use waypost::engine::ProbeId;
use waypost::plan::{AllDown, FamilyPairing, Plan, Residency};
use waypost::sim::{Event, TestPlan, World, resolver, test_zone};
use waypost::table::Table;

use super::oracle::{Client, Expected, Oracle, serve};
use super::staying::{self, ClientsTold};

const CLIENTS: usize = 24;

/// The checks of one run.
pub(crate) struct Checks {
    oracle: Oracle,
    fed: usize,
    tables: usize,
    generation: u64,
    /// Since when the oracle and the table have differed.
    stale_since: Option<Moment>,
    clients: Vec<(u16, u16, Family, u16)>,
    /// What was seen at all: words of standings and reasons of answers.
    pub(crate) seen: BTreeSet<&'static str>,
    ride: Option<Ride>,
    /// The digest of the plan by which clients were answered last.
    told_by: Option<u64>,
    /// Pools that count as down.
    short: Vec<bool>,
    dead_since: BTreeMap<String, Moment>,
    asked: BTreeMap<ProbeId, Moment>,
    draws: Draws,
}

/// A time in which one share rises and nothing else changes.
struct Ride {
    target: String,
    shares: Vec<u16>,
    /// By client: what of its answer has changed, which it may once.
    moves: Vec<BTreeSet<Turn>>,
    answers: Vec<Vec<EndpointId>>,
}

/// A change of a client's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Another endpoint stands first.
    First,
    /// One has come in or gone out.
    Member(EndpointId),
    /// The same stand in another order.
    Order,
}

impl Checks {
    pub(crate) fn new(world: &World, draws: &mut Draws) -> Self {
        let clients = (0..CLIENTS).map(|_| {
            let family = Family::ALL[usize::try_from(draws.below(2)).unwrap()];
            let mut small = || u16::try_from(draws.below(60_000)).unwrap();
            (small(), small(), family, small())
        });
        let clients = clients.collect();
        let mut checks = Self {
            oracle: Oracle::new(world.plan().clone()),
            fed: 0,
            tables: 0,
            generation: 0,
            stale_since: None,
            clients,
            seen: BTreeSet::new(),
            ride: None,
            told_by: None,
            short: Vec::new(),
            dead_since: BTreeMap::new(),
            asked: BTreeMap::new(),
            draws: Draws::from_seed(draws.next_u64()),
        };
        checks.observe(world);
        checks
    }

    /// After every step.
    pub(crate) fn observe(&mut self, world: &World) {
        let before = self.fed.checked_sub(1).map(|_| self.oracle.expected());
        let mut reloaded = false;
        while let Some((at, event)) = world.log().get(self.fed) {
            self.oracle.feed(*at, event);
            self.check_pace(world, *at, event);
            reloaded |= matches!(event, Event::Planned(_) | Event::Restarted(_));
            if let Event::Restarted(_) = event {
                self.restarted();
            }
            self.fed += 1;
        }
        let expected = self.oracle.expected();
        self.check_progress(world);
        let tables = world.published()[self.tables..].to_vec();
        self.tables = world.published().len();
        for (_, table) in &tables {
            self.check_generation(table);
            assert_eq!(
                told(table),
                expected,
                "oracle: generation {} at {:?}",
                table.generation,
                world.now()
            );
            self.check_clients(world, table);
        }
        if reloaded {
            self.ride = None;
            let endpoints = world.plan().endpoints.iter();
            let names: BTreeSet<&String> = endpoints.map(|endpoint| &endpoint.name).collect();
            self.dead_since.retain(|name, _| names.contains(name));
        }
        self.check_timeliness(world, &expected);
        if !reloaded && let Some(before) = before {
            check_last_out(world, &before, &expected);
            check_falls(&self.oracle, &before, &expected);
        }
        self.check_dead(world);
    }

    /// The node begins anew: its generations, and the times of its probes.
    fn restarted(&mut self) {
        (self.generation, self.stale_since) = (0, None);
        self.dead_since.clear();
        self.asked.clear();
    }

    /// At the end of a stretch of time.
    pub(crate) fn at_rest(&mut self, world: &World) {
        assert!(
            world.engine().is_current(world.now()),
            "timeliness: not current at {:?}",
            world.now()
        );
        let status = world.engine().status(world.now());
        assert_eq!(
            status.doubting,
            self.oracle.doubts(),
            "oracle: doubt at {:?}",
            world.now()
        );
        self.check_ceiling(world);
    }

    pub(crate) fn is_well(world: &World) -> bool {
        let status = world.engine().status(world.now());
        let mut targets = status
            .regions
            .iter()
            .flat_map(|region| &region.endpoints)
            .flat_map(|own| &own.targets);
        targets.all(|target| target.state == "healthy")
    }

    pub(crate) fn assert_well(&self, world: &World) {
        let now = world.now();
        assert!(
            Self::is_well(world),
            "convergence: at {now:?} {:?}",
            told(world.table())
        );
        let status = world.engine().status(now);
        assert!(!status.doubting && !status.capped, "convergence: {now:?}");
        assert!(
            status.services.iter().all(|service| !service.fail_open),
            "convergence: {now:?}"
        );
        assert_eq!(self.stale_since, None, "convergence: {now:?}");
        for client in self.clients(world.plan()) {
            let selection =
                world
                    .table()
                    .select(client.service, client.family, client.class, client.hash);
            let reason = selection.map(|selection| selection.reason);
            let shares = vec![1000; world.plan().targets.len()];
            let expected = serve(world.plan(), &shares, client);
            let expected = expected.map(|(_, reason)| reason);
            assert_eq!(reason, expected, "convergence: {client:?}");
            let service = &world.plan().services[client.service.index()];
            let is_pair = service.steering.families == FamilyPairing::Together;
            // Some go to the next tier while all is well.
            let pools = &service.pools[client.family.index()];
            let trickles = pools.iter().any(|pool| pool.trickle > Permille::NONE);
            let is_first = expected.is_none_or(|reason| {
                reason == Reason::Preferred || (trickles && reason == Reason::Backup)
            });
            assert!(is_first || is_pair, "convergence: {client:?}");
        }
    }

    /// Progress: whatever is due has been done, and what is due next is not slept through.
    fn check_progress(&self, world: &World) {
        let wake = world.engine().wake_at();
        let due = self.oracle.due();
        assert!(
            due.is_none_or(|due| wake <= Some(due)),
            "progress: wakes at {wake:?}, but {due:?} something is due"
        );
        assert!(
            wake.is_some_and(|wake| wake > world.now()),
            "progress: {wake:?} at {:?}",
            world.now()
        );
    }

    /// Pace: no slot is probed more often than its shortest interval allows, with jitter.
    fn check_pace(&mut self, world: &World, at: Moment, event: &Event) {
        if let Event::Asked(id) = event
            && let Some(last) = self.asked.insert(*id, at)
        {
            let gap = at.since(last).0;
            let least = world.plan().monitors[0].near_interval.0 * 9 / 10;
            assert!(
                gap >= least,
                "pace: {gap} ms after the last probe at {at:?}"
            );
        }
    }

    /// One world: generations only rise, and every answer is read from the last one.
    fn check_generation(&mut self, table: &Arc<Table>) {
        assert!(
            table.generation > self.generation,
            "one world: {} after {}",
            table.generation,
            self.generation
        );
        self.generation = table.generation;
    }

    /// Timeliness: what the oracle says is served within the time of coalescing.
    fn check_timeliness(&mut self, world: &World, expected: &[Expected]) {
        let now = world.now();
        let same_plan = Arc::ptr_eq(&world.table().plan, world.plan());
        assert!(same_plan, "timeliness: a reload publishes at once");
        if told(world.table()) == expected {
            self.stale_since = None;
        } else {
            let since = *self.stale_since.get_or_insert(now);
            let late = now.since(since);
            assert!(
                late <= limits::COALESCE,
                "timeliness: {late} late at {now:?}"
            );
        }
    }

    /// Every client that is watched: the oracle's answer, never empty, inside the fence.
    fn check_clients(&mut self, world: &World, table: &Arc<Table>) {
        let shares: Vec<u16> = table
            .standings
            .iter()
            .map(|standing| standing.share.0)
            .collect();
        let clients = self.clients(&table.plan);
        let mut answers = Vec::new();
        for client in clients {
            let (endpoints, reason) = check_client(world, table, &shares, client);
            self.seen.insert(reason.word());
            answers.push(endpoints);
        }
        let words = table.standings.iter().map(|standing| standing.why.word());
        self.seen.extend(words);
        let same_plan = self.told_by.replace(table.plan.digest) == Some(table.plan.digest);
        if let Some(ride) = &self.ride
            && same_plan
            && self.short == short_pools(table)
        {
            let before = ClientsTold {
                shares: &ride.shares,
                answers: &ride.answers,
            };
            let after = ClientsTold {
                shares: &shares,
                answers: &answers,
            };
            staying::check(&table.plan, &self.clients(&table.plan), before, after);
        }
        self.check_moves(world, table, shares, answers);
    }

    /// A client moves at most once while one share rises and nothing else changes.
    fn check_moves(
        &mut self,
        world: &World,
        table: &Table,
        shares: Vec<u16>,
        answers: Vec<Vec<EndpointId>>,
    ) {
        let name = |index: usize| table.plan.targets[index].key.clone();
        // A pool that begins or ceases to count as down is an event of its own, as is the share of another.
        let short = short_pools(table);
        if self.short != short {
            self.short = short;
            self.ride = Some(Ride::start(String::new(), shares, answers));
            return;
        }
        let ride = self
            .ride
            .take()
            .filter(|ride| ride.shares.len() == shares.len());
        let Some(mut ride) = ride else {
            self.ride = Some(Ride::start(String::new(), shares, answers));
            return;
        };
        let changed: Vec<usize> = (0..shares.len())
            .filter(|&index| shares[index] != ride.shares[index])
            .collect();
        match changed[..] {
            [] => {}
            [one] if shares[one] > ride.shares[one] => {
                if ride.target != name(one) {
                    ride = Ride::start(name(one), ride.shares, ride.answers);
                }
                ride.move_to(shares, answers, world);
            }
            _ => ride = Ride::start(String::new(), shares, answers),
        }
        self.ride = Some(ride);
    }

    /// A ramp never carries more than its curve: of the clients that would have it at full share,
    /// at most that part, up to one cohort per hand that the ring was dealt in.
    fn check_ceiling(&mut self, world: &World) {
        let plan = world.plan();
        let table = world.table();
        let shares: Vec<u16> = table
            .standings
            .iter()
            .map(|standing| standing.share.0)
            .collect();
        let ramping: Vec<usize> = (0..shares.len())
            .filter(|&index| (1..1000).contains(&shares[index]))
            .collect();
        let [target] = ramping[..] else { return };
        let mut full = shares.clone();
        full[target] = 1000;
        let any = self.clients(plan)[usize::try_from(self.draws.below(CLIENTS as u64)).unwrap()];
        let (id, target) = (TargetId::from_index(target), &plan.targets[target]);
        if !is_for(plan, any, id) {
            return;
        }
        let (endpoint, share) = (target.endpoint, usize::from(shares[id.index()]));
        let (mut seen, mut most) = (0, 0);
        for cohort in 0..limits::COHORTS {
            let client = Client {
                hash: cohort.into(),
                ..any
            };
            let Some((with_full, _)) = serve(plan, &full, client) else {
                return;
            };
            most += usize::from(with_full.contains(&endpoint));
            let selection = table.select(any.service, any.family, any.class, cohort);
            let selection = selection.filter(|found| found.reason != Reason::Overflow);
            seen += usize::from(selection.is_some_and(|found| found.endpoints.contains(&endpoint)));
        }
        // Of a fleet each cohort is one client that stands for it: a sample of a thousand.
        let pools = plan.services[any.service.index()].pools.iter().flatten();
        let fleets = pools
            .flat_map(|pool| &pool.tiers)
            .any(|tier| tier.fleet.is_some());
        let hands = if fleets { 70 } else { 16 };
        let ceiling = most * share / 1000 + hands;
        assert!(
            seen <= ceiling,
            "ramp ceiling: {seen} of {most} at {share} permille"
        );
    }

    /// A dead endpoint is out within `fall` probes, reloads or not, unless a guard keeps it.
    fn check_dead(&mut self, world: &World) {
        let plan = world.plan();
        for (index, endpoint) in plan.endpoints.iter().enumerate() {
            let id = EndpointId::from_index(index);
            if !world.truth.is_dead(plan, id) || world.truth.mislaid > 0 {
                self.dead_since.remove(&endpoint.name);
                continue;
            }
            let since = *self
                .dead_since
                .entry(endpoint.name.clone())
                .or_insert(world.now());
            if world.now().since(since).0 > time_to_notice(plan) {
                check_out(world, id);
            }
        }
    }

    fn clients(&self, plan: &Plan) -> Vec<Client> {
        let regions = u16::try_from(plan.regions.len()).unwrap();
        let clients = self.clients.iter().map(|&(service, region, family, host)| {
            let address = test_zone::client(region % regions, host);
            let service = ServiceId::from_index(usize::from(service) % plan.services.len());
            Client {
                service,
                class: plan.class_of(service, address.into()),
                home: region % regions,
                family,
                hash: plan.client_hash(address.into()),
                address,
            }
        });
        clients.collect()
    }
}

impl Ride {
    fn start(target: String, shares: Vec<u16>, answers: Vec<Vec<EndpointId>>) -> Self {
        Self {
            target,
            shares,
            moves: vec![BTreeSet::new(); answers.len()],
            answers,
        }
    }

    fn move_to(&mut self, shares: Vec<u16>, answers: Vec<Vec<EndpointId>>, world: &World) {
        for (moves, (old, new)) in self.moves.iter_mut().zip(self.answers.iter().zip(&answers)) {
            // Of several that answer, the one that rises comes in at one step, and at another one of the rest goes out.
            let others = |one: &EndpointId| old.contains(one) != new.contains(one);
            let turned = old.iter().chain(new).filter(|one| others(one));
            let turned: BTreeSet<Turn> = turned.map(|one| Turn::Member(*one)).collect();
            let order = (turned.is_empty() && old != new).then_some(Turn::Order);
            let first = (old.first() != new.first()).then_some(Turn::First);
            for turn in turned.into_iter().chain(order).chain(first) {
                assert!(
                    moves.insert(turn),
                    "moves: a client twice in the ramp of {} at {:?}: {turn:?}",
                    self.target,
                    world.now()
                );
            }
        }
        (self.shares, self.answers) = (shares, answers);
    }
}

/// Tells of each pool whether it counts as down, read literally.
fn short_pools(table: &Table) -> Vec<bool> {
    let pools = table.plan.services.iter().flat_map(|own| own.pools.iter());
    let short = pools.flatten().map(|pool| {
        let members = pool.tiers.iter().flat_map(|tier| &tier.members);
        let shares = members.map(|one| table.standings[one.target.index()].share.0);
        pool.min_up > 1 && shares.filter(|share| *share == 1000).count() < pool.min_up
    });
    short.collect()
}

/// What a table says of every target.
fn told(table: &Table) -> Vec<Expected> {
    let standings = table.standings.iter();
    standings
        .map(|standing| (standing.share.0, standing.why.word()))
        .collect()
}

/// Asks a real question and holds the reply against the oracle and the promises.
fn check_client(
    world: &World,
    table: &Table,
    shares: &[u16],
    client: Client,
) -> (Vec<EndpointId>, Reason) {
    let plan = &table.plan;
    let now = world.now();
    check_draw(plan, client);
    let name = test_zone::hostname(client.service.index());
    let asked = resolver::ask(table, now, client.address.into(), &name, client.family);
    let learned = asked.unwrap_or_else(|| panic!("never empty: no reply for {client:?}"));
    let Some((endpoints, reason)) = serve(plan, shares, client) else {
        assert_eq!(first_pool(plan, client), None, "oracle: {client:?}");
        assert!(learned.addresses.is_empty(), "oracle: {client:?}");
        return (Vec::new(), Reason::Nodata);
    };
    let addresses = endpoints
        .iter()
        .flat_map(|endpoint| &plan.endpoints[endpoint.index()].addresses);
    let addresses: BTreeSet<IpAddr> = addresses
        .copied()
        .filter(|address| Family::of(*address) == client.family)
        .collect();
    let seen: BTreeSet<IpAddr> = learned.addresses.iter().copied().collect();
    assert_eq!(seen, addresses, "oracle: {client:?} at {now:?}");
    assert_eq!(
        learned.answered.reason, reason,
        "oracle: {client:?} at {now:?}"
    );
    let service = &plan.services[client.service.index()];
    match service.all_down {
        AllDown::Servfail if reason == Reason::AllDown => assert_eq!(learned.rcode, 2),
        AllDown::Nodata if reason == Reason::AllDown => assert_eq!(learned.rcode, 0),
        AllDown::FailOpen | AllDown::Servfail | AllDown::Nodata => {
            assert!(!seen.is_empty(), "never empty: {client:?} at {now:?}");
            let ttl = u64::from(learned.ttl.unwrap()) * 1000;
            let bounds = service.ttl.min.0..=service.ttl.max.0;
            assert!(bounds.contains(&ttl), "TTL {ttl} at {now:?}");
        }
    }
    if service.residency == Residency::Strict {
        check_fence(plan, client, &seen);
    }
    (endpoints, reason)
}

/// Regions that are drawn come in the order of a race by their weights, whatever the place of the client.
fn check_draw(plan: &Plan, client: Client) {
    let service = &plan.services[client.service.index()];
    let map = &plan.maps[service.map.index()];
    let Some(lots) = map.lots_of(ClassId(client.home)) else {
        return;
    };
    let key = HashKey::from_secret(b"lots");
    let arrivals = lots.regions().iter().map(|lot| {
        let name = &plan.regions[lot.region.index()].name;
        let number = client.hash.draws(key.hash(name.as_bytes())).next_u64();
        let delay = -((number as f64) / 2_f64.powi(64)).ln();
        (delay / f64::from(lot.weight), lot.region)
    });
    let mut arrivals: Vec<(f64, RegionId)> = arrivals.collect();
    arrivals.sort_by(|one, other| one.0.total_cmp(&other.0));
    let order = arrivals.into_iter().map(|(_, region)| region);
    let preference = &plan.class(client.service, client.class).preference;
    let drawn = preference.iter().take(lots.regions().len()).copied();
    assert!(drawn.eq(order), "draw: {client:?}");
}

/// No address of an endpoint under another law than the client's.
fn check_fence(plan: &Plan, client: Client, seen: &BTreeSet<IpAddr>) {
    let law = TestPlan::jurisdiction_of(client.home);
    let inside = plan
        .endpoints
        .iter()
        .filter(|endpoint| TestPlan::jurisdiction_of(endpoint.region.0) == law);
    let inside: BTreeSet<IpAddr> = inside
        .flat_map(|endpoint| endpoint.addresses.clone())
        .collect();
    assert!(seen.is_subset(&inside), "fence: {client:?} got {seen:?}");
}

/// Whether a target may serve a client's service and family.
fn is_for(plan: &Plan, client: Client, target: TargetId) -> bool {
    let pools = &plan.services[client.service.index()].pools[client.family.index()];
    let mut tiers = pools.iter().flat_map(|pool| &pool.tiers);
    tiers.any(|tier| tier.members.iter().any(|member| member.target == target))
}

/// The most preferred region in which something is configured for a client.
fn first_pool(plan: &Plan, client: Client) -> Option<RegionId> {
    let pools = &plan.services[client.service.index()].pools[client.family.index()];
    let preference = &plan.class(client.service, client.class).preference;
    preference
        .iter()
        .copied()
        .find(|region| !pools[region.index()].tiers.is_empty())
}

/// The last endpoint of a pool that could serve goes: that is published in the same step.
fn check_last_out(world: &World, before: &[Expected], expected: &[Expected]) {
    let plan = world.plan();
    let pools = plan
        .services
        .iter()
        .flat_map(|service| service.pools.iter().flatten());
    for pool in pools.filter(|pool| !pool.tiers.is_empty()) {
        let members = pool.tiers.iter().flat_map(|tier| &tier.members);
        let empty = |told: &[Expected]| {
            members
                .clone()
                .all(|member| told[member.target.index()].0 == 0)
        };
        if !empty(before) && empty(expected) {
            assert_eq!(
                told(world.table()),
                expected,
                "at once: a pool went empty at {:?}",
                world.now()
            );
        }
    }
}

/// A share falls by a failure, by slowness or by an order, and by nothing else. What has stayed for want of room may leave and be up again
/// within one step.
fn check_falls(oracle: &Oracle, before: &[Expected], expected: &[Expected]) {
    for (index, (from, to)) in before.iter().zip(expected).enumerate() {
        let has_left = from.1 == "capped" && oracle.has_just_left(index);
        let may_fall = has_left || ["down", "draining", "drained", "degraded"].contains(&to.1);
        assert!(to.0 >= from.0 || may_fall, "falls: {from:?} to {to:?}");
    }
}

/// From death to the table: the probe in flight, `fall` failures, coalescing.
fn time_to_notice(plan: &Plan) -> u64 {
    let monitor = &plan.monitors[0];
    let period = (monitor.interval.0 * 11 / 10).max(monitor.timeout.0);
    (u64::from(monitor.fall) + 1) * period + monitor.timeout.0 + limits::COALESCE.0 + 1
}

fn check_out(world: &World, endpoint: EndpointId) {
    let (plan, table) = (world.plan(), world.table());
    for (target, standing) in plan.targets.iter().zip(table.standings.iter()) {
        let kept = ["doubted", "capped", "draining", "drained", "returning"]
            .contains(&standing.why.word());
        assert!(
            target.endpoint != endpoint || standing.share.0 == 0 || kept,
            "dead endpoint: {} still has {} at {:?}",
            target.key,
            standing.share,
            world.now()
        );
    }
}
