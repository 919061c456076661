//! The clients' resolvers: what each holds, and when it asks again.
//!
//! A resolver asks when what it holds has expired and somebody wants it, with real packets and
//! through the real answer path, and keeps the answer for its TTL, as far as its own bounds let it.
//!
//! **Rest.** As long as the table stays the same, asking again gives the same answer, but for the
//! TTL, which can only shrink (towards the next step of a ramp). So a resolver that would be told
//! the same even at the end of time is at rest: it is not woken for each expiry, and when a
//! table is published, the moment of its next expiry is reckoned from when it last asked. Whole days
//! in which nothing happens cost nothing.
//!
//! A client of a resolver is unavailable while what it holds is dead, and when it holds no
//! address. With several addresses it tries one at random.
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::IpAddr;

use super::accounting::{Accounting, Shift};
use super::endpoint_timelines::EndpointTimelines;
use super::population;
use super::scenario::Resolvers;
use crate::base::{
    ClassId, ClientHash, JurisdictionSet, Moment, Reason, ServiceId, Span, TargetId, ViewId,
};
use crate::dns::Name;
use crate::plan::Plan;
use crate::sim::resolver;
use crate::table::Table;

/// How long a resolver that got no address waits before it asks again.
const NO_ADDRESS: Span = Span::from_secs(5);
/// The end of time: no step of a ramp lies behind it.
const END_OF_TIME: Moment = Moment(1 << 50);

/// Clients of one class of one service.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The service, by its place in [`Caches::services`].
    pub(super) service: usize,
    /// The class, by the plan that the play began with.
    pub(super) class: ClassId,
    /// Its resolvers.
    pub(super) caches: std::ops::Range<usize>,
    /// Tells whether the service's demand was stated.
    pub(super) stated: population::Stated,
}

/// A service that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) query: Vec<u8>,
    /// The view in which it is asked for.
    view: Option<ViewId>,
    pub(super) family: crate::base::Family,
    /// Its number in the plan in force.
    pub(super) id: Option<ServiceId>,
    /// The target behind each endpoint (by its place in the accounting), in the plan in force.
    targets: BTreeMap<usize, TargetId>,
}

/// One resolver.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    pub(super) group: usize,
    pub(super) client: IpAddr,
    /// Its class and cohort in the plan in force.
    pub(super) class: ClassId,
    pub(super) client_hash: ClientHash,
    pub(super) moves: u32,
    /// The most often that it moved to one endpoint within one ramp of it.
    pub(super) moves_in_ramp: u32,
    /// The longest that its clients could reach nothing.
    pub(super) longest: Span,
    dead_since: Option<Moment>,
    arrivals: Vec<(u32, u32)>,
    allowed: JurisdictionSet,
    answer: usize,
    asked: Moment,
    life: Span,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It will ask when its answer has expired.
    Waiting,
    /// It would be told the same until the end of time.
    AtRest,
    /// Nobody wants it.
    Idle,
}

/// Some addresses that were answered.
#[derive(Clone, Debug, Default)]
struct Answer {
    addresses: Vec<IpAddr>,
    /// Their endpoints, by place in the accounting.
    endpoints: Vec<usize>,
    /// The part of connections that is lost, permille.
    felt: u64,
}

/// Why a client came to where it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    /// The share of an endpoint took it: what a ramp may do once.
    ByShare,
    /// Nothing else was left, or there was no room elsewhere: that is no ramp's doing.
    Otherwise,
}

impl Coming {
    fn by(reason: Option<Reason>) -> Self {
        match reason {
            Some(Reason::Preferred | Reason::Backup | Reason::Failover) => Self::ByShare,
            Some(_) | None => Self::Otherwise,
        }
    }
}

/// An answer outside the law of its client's place.
#[derive(Clone, Debug)]
pub(super) struct Breach {
    pub(super) at: Moment,
    pub(super) service: usize,
    pub(super) client: IpAddr,
    pub(super) address: IpAddr,
}

/// All resolvers.
#[derive(Debug)]
pub(super) struct Caches {
    pub(super) services: Vec<Asked>,
    pub(super) groups: Vec<Group>,
    pub(super) caches: Vec<Cache>,
    pub(super) asks: u64,
    pub(super) breaches: u64,
    pub(super) first_breach: Option<Breach>,
    resolvers: Resolvers,
    /// Answer 0 has no address.
    answers: Vec<Answer>,
    numbers: BTreeMap<Vec<IpAddr>, usize>,
    due: BinaryHeap<Reverse<(Moment, usize)>>,
    /// Addresses that machines have left: they lead nowhere.
    gone: BTreeSet<IpAddr>,
    /// Jurisdiction of each address of the plan in force.
    laws: BTreeMap<IpAddr, Option<crate::base::JurisdictionId>>,
}

/// What resolvers ask, and what is written down about it.
pub(super) struct Scene<'s> {
    pub(super) now: Moment,
    pub(super) table: &'s Table,
    /// Names that lead nowhere.
    pub(super) unresolved: &'s BTreeSet<Name>,
    pub(super) accounting: &'s mut Accounting,
    pub(super) timelines: &'s mut EndpointTimelines,
}

impl Caches {
    pub(super) fn new(resolvers: Resolvers) -> Self {
        Self {
            services: Vec::new(),
            groups: Vec::new(),
            caches: Vec::new(),
            asks: 0,
            breaches: 0,
            first_breach: None,
            resolvers,
            answers: vec![Answer {
                felt: 1000,
                ..Answer::default()
            }],
            numbers: BTreeMap::from([(Vec::new(), 0)]),
            due: BinaryHeap::new(),
            gone: BTreeSet::new(),
            laws: BTreeMap::new(),
        }
    }

    /// Adds a service that is asked for.
    pub(super) fn add_service(&mut self, plan: &Plan, id: ServiceId) {
        let service = &plan.services[id.index()];
        let family = population::family(service);
        let query = service.hostnames.first();
        self.services.push(Asked {
            name: service.name.clone(),
            query: query.map_or_else(Vec::new, |name| resolver::query(name, family)),
            view: service.views.first().copied().flatten(),
            family,
            id: None,
            targets: BTreeMap::new(),
        });
    }

    /// Adds clients that ask for a service for the first time at these moments.
    pub(super) fn add_group(&mut self, mut group: Group, clients: &[(IpAddr, Moment)]) {
        group.caches = self.caches.len()..self.caches.len() + clients.len();
        for (client, first) in clients {
            self.due.push(Reverse((*first, self.caches.len())));
            self.caches.push(Cache {
                group: self.groups.len(),
                client: *client,
                class: group.class,
                client_hash: 0.into(),
                moves: 0,
                moves_in_ramp: 0,
                longest: Span::ZERO,
                dead_since: None,
                arrivals: Vec::new(),
                allowed: JurisdictionSet::EVERYWHERE,
                answer: 0,
                asked: Moment(0),
                life: Span::ZERO,
                phase: Phase::Waiting,
            });
        }
        self.groups.push(group);
    }

    /// Takes in a plan that is now in force, after the accounting did.
    pub(super) fn adopt(&mut self, plan: &Plan, accounting: &Accounting) {
        self.laws.clear();
        for endpoint in &plan.endpoints {
            let stated = endpoint.named.as_ref().and_then(|own| own.jurisdiction);
            let law = stated.or(plan.regions[endpoint.region.index()].jurisdiction);
            let laws = endpoint.addresses.iter().map(|address| (*address, law));
            self.laws.extend(laws);
        }
        for service in &mut self.services {
            let found = plan
                .services
                .iter()
                .position(|one| one.name == service.name);
            service.id = found.map(ServiceId::from_index);
            service.targets = match service.id {
                Some(id) => targets(plan, id, service.family, accounting),
                None => BTreeMap::new(),
            };
        }
        for cache in &mut self.caches {
            let service = &self.services[self.groups[cache.group].service];
            cache.client_hash = plan.client_hash(cache.client);
            if let Some(id) = service.id {
                cache.class = plan.class_of(id, cache.client);
                let service = &plan.services[id.index()];
                cache.allowed = population::allowed(plan, service, cache.client);
            }
        }
        for answer in &mut self.answers {
            answer.endpoints = accounting.endpoints_at(&answer.addresses);
        }
    }

    /// Takes in that machines have left the addresses that one plan has and the next has not.
    pub(super) fn leave(&mut self, plan: &Plan, next: &Plan) {
        let addresses = |plan: &Plan| -> BTreeSet<IpAddr> {
            let all = plan.endpoints.iter().flat_map(|one| &one.addresses);
            all.copied().collect()
        };
        let there = addresses(next);
        self.gone.extend(addresses(plan));
        self.gone.retain(|address| !there.contains(address));
    }

    /// When the next resolver asks.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Lets everyone ask whose answer has expired by now.
    pub(super) fn refresh(&mut self, scene: &mut Scene<'_>) {
        while let Some(Reverse((at, index))) = self.due.peek().copied()
            && at <= scene.now
        {
            self.due.pop();
            self.ask(index, scene);
        }
    }

    /// Wakes those at rest: a table was published, or demand may have come to an end.
    pub(super) fn rouse(&mut self, now: Moment) {
        for (index, cache) in self.caches.iter_mut().enumerate() {
            if cache.phase == Phase::AtRest {
                cache.phase = Phase::Waiting;
                let life = cache.life.0.max(1);
                let gone = now.since(cache.asked).0.div_ceil(life).max(1);
                cache.asked = cache.asked.after(Span((gone - 1) * life));
                self.due
                    .push(Reverse((cache.asked.after(cache.life), index)));
            }
        }
    }

    /// Lets those ask again whom somebody wants after a pause.
    pub(super) fn resume(&mut self, group: usize, now: Moment) {
        for index in self.groups[group].caches.clone() {
            if self.caches[index].phase == Phase::Idle {
                self.caches[index].phase = Phase::Waiting;
                self.due.push(Reverse((now.after(Span(1)), index)));
            }
        }
    }

    fn ask(&mut self, index: usize, scene: &mut Scene<'_>) {
        let cache = &mut self.caches[index];
        let group = &self.groups[cache.group];
        if scene.accounting.groups[cache.group].weight == 0 {
            cache.phase = Phase::Idle;
            return;
        }
        let service = &self.services[group.service];
        let (query, table) = (&service.query, scene.table.seen(service.view));
        let ask = |now| {
            let mut learned = resolver::ask_query(table, now, cache.client, query)?;
            let alias = learned.alias.as_ref();
            if alias.is_some_and(|name| scene.unresolved.contains(name)) {
                (learned.addresses, learned.ttl) = (Vec::new(), None);
            }
            Some(learned)
        };
        let learned = ask(scene.now);
        let later = ask(END_OF_TIME);
        self.asks += 1;
        let is_at_rest = learned
            .as_ref()
            .zip(later.as_ref())
            .is_some_and(|(one, two)| (&one.addresses, one.ttl) == (&two.addresses, two.ttl));
        let reason = learned.as_ref().map(|one| one.answered.reason);
        let (mut addresses, ttl) =
            learned.map_or((Vec::new(), None), |one| (one.addresses, one.ttl));
        let life = match ttl {
            None => NO_ADDRESS,
            Some(ttl) => self.resolvers.keeps(Span::from_secs(u64::from(ttl))),
        };
        let asked = std::mem::replace(&mut cache.asked, scene.now);
        cache.life = life;
        cache.phase = match is_at_rest {
            true => Phase::AtRest,
            false => Phase::Waiting,
        };
        if cache.phase == Phase::Waiting {
            self.due.push(Reverse((scene.now.after(life), index)));
        }
        self.check_law(index, &addresses, scene.now);
        addresses.sort_unstable();
        if self.answers[self.caches[index].answer].addresses != addresses {
            let by = Coming::by(reason);
            self.take(index, (addresses, by), asked, scene);
        }
    }

    fn check_law(&mut self, index: usize, addresses: &[IpAddr], now: Moment) {
        let cache = &self.caches[index];
        let outside = |address: &&IpAddr| {
            let law = self.laws.get(*address);
            law.is_some_and(|law| !cache.allowed.contains(*law))
        };
        if let Some(address) = addresses.iter().find(outside) {
            self.breaches += 1;
            let breach = Breach {
                at: now,
                service: self.groups[cache.group].service,
                client: cache.client,
                address: *address,
            };
            self.first_breach.get_or_insert(breach);
        }
    }

    /// Puts another answer in place of the one that a resolver held since `asked`.
    fn take(
        &mut self,
        index: usize,
        (addresses, by): (Vec<IpAddr>, Coming),
        asked: Moment,
        scene: &mut Scene<'_>,
    ) {
        let number = self.number(addresses, scene.accounting);
        let group = self.caches[index].group;
        let old = std::mem::replace(&mut self.caches[index].answer, number);
        let (from, to) = (&self.answers[old], &self.answers[number]);
        let (now, weight) = (scene.now, scene.accounting.groups[group].weight);
        let counted = match self.groups[group].stated {
            population::Stated::Yes => weight,
            population::Stated::No => 0,
        };
        let all = weight;
        let accounting = &mut *scene.accounting;
        accounting.shift(now, &from.endpoints, Shift::Off { all, counted });
        accounting.shift(now, &to.endpoints, Shift::Onto { all, counted });
        let felt = &mut accounting.groups[group];
        let lost = (felt.lost.now + to.felt).saturating_sub(from.felt);
        felt.set(now, lost, weight);
        let service = &self.services[self.groups[group].service];
        let cache = &mut self.caches[index];
        cache.mourn(now, to.felt);
        for place in from
            .endpoints
            .iter()
            .filter(|one| !to.endpoints.contains(one))
        {
            if let Some(target) = service.targets.get(place) {
                scene.timelines.forgotten(now, *target, asked);
            }
        }
        cache.moves += u32::from(!from.endpoints.is_empty());
        for place in to
            .endpoints
            .iter()
            .filter(|one| !from.endpoints.contains(one))
        {
            let target = service.targets.get(place);
            let ramp = target.and_then(|target| scene.timelines.ramp(*target));
            if let (Some(ramp), Coming::ByShare) = (ramp, by) {
                cache.arrive(ramp);
            }
        }
    }

    /// The number of an answer.
    fn number(&mut self, addresses: Vec<IpAddr>, accounting: &Accounting) -> usize {
        if let Some(number) = self.numbers.get(&addresses) {
            return *number;
        }
        let endpoints = accounting.endpoints_at(&addresses);
        let number = self.answers.len();
        self.numbers.insert(addresses.clone(), number);
        let mut answer = Answer {
            addresses,
            endpoints,
            felt: 0,
        };
        answer.feel(&accounting.felt, &self.gone);
        self.answers.push(answer);
        number
    }

    /// Reckons everything anew that depends on how endpoints are and on how much is asked for:
    /// `weights` is what one client of each group asks for.
    pub(super) fn reckon(&mut self, now: Moment, weights: &[u64], accounting: &mut Accounting) {
        for answer in self.answers.iter_mut().skip(1) {
            answer.feel(&accounting.felt, &self.gone);
        }
        let mut lost = vec![0; self.groups.len()];
        let mut loads = vec![(0, 0); accounting.endpoints.len()];
        for cache in &mut self.caches {
            let answer = &self.answers[cache.answer];
            // Nobody feels what nobody wants.
            let felt = match weights[cache.group] {
                0 => 0,
                _ => answer.felt,
            };
            lost[cache.group] += felt;
            cache.mourn(now, felt);
            let weight = weights[cache.group] / (answer.endpoints.len() as u64).max(1);
            for place in &answer.endpoints {
                let load: &mut (u64, u64) = &mut loads[*place];
                load.0 += weight;
                load.1 += match self.groups[cache.group].stated {
                    population::Stated::Yes => weight,
                    population::Stated::No => 0,
                };
            }
        }
        for (felt, (lost, weight)) in accounting.groups.iter_mut().zip(lost.iter().zip(weights)) {
            felt.set(now, *lost, *weight);
        }
        accounting.replace(now, &loads);
    }

    /// Begins to count.
    pub(super) fn restart(&mut self, now: Moment) {
        (self.asks, self.breaches, self.first_breach) = (0, 0, None);
        for cache in &mut self.caches {
            (cache.moves, cache.moves_in_ramp, cache.longest) = (0, 0, Span::ZERO);
            cache.arrivals.clear();
            cache.dead_since = cache.dead_since.map(|_| now);
        }
    }

    /// Ends what lasts still.
    pub(super) fn end(&mut self, now: Moment) {
        for cache in &mut self.caches {
            cache.mourn(now, 0);
        }
    }
}

impl Cache {
    /// Takes in how much its clients lose from now on.
    fn mourn(&mut self, now: Moment, felt: u64) {
        match (felt >= 1000, self.dead_since) {
            (true, None) => self.dead_since = Some(now),
            (false, Some(since)) => {
                self.longest = self.longest.max(now.since(since));
                self.dead_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    fn arrive(&mut self, ramp: u32) {
        let known = self.arrivals.iter_mut().find(|(own, _)| *own == ramp);
        let count = match known {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.arrivals.push((ramp, 1));
                1
            }
        };
        self.moves_in_ramp = self.moves_in_ramp.max(count);
    }
}

impl Answer {
    fn feel(&mut self, felt: &[u64], gone: &BTreeSet<IpAddr>) {
        let parts = self.endpoints.iter();
        let sum: u64 = parts
            .map(|place| felt.get(*place).copied().unwrap_or(0))
            .sum();
        let left = self.addresses.iter().filter(|one| gone.contains(*one));
        let left = left.count() as u64;
        self.felt = (sum + left * 1000) / (self.endpoints.len() as u64 + left).max(1);
    }
}

impl Resolvers {
    /// How long an answer with this TTL is kept.
    pub(super) fn keeps(&self, ttl: Span) -> Span {
        ttl.max(self.ttl_min).min(self.ttl_max).max(Span(1))
    }
}

fn targets(
    plan: &Plan,
    id: ServiceId,
    family: crate::base::Family,
    accounting: &Accounting,
) -> BTreeMap<usize, TargetId> {
    let pools = plan.services[id.index()].pools[family.index()].iter();
    let members = pools.flat_map(|pool| pool.tiers.iter().flat_map(|tier| &tier.members));
    let targets = members.filter_map(|member| {
        let name = &plan.endpoints[member.endpoint.index()].name;
        Some((accounting.endpoint(name)?, member.target))
    });
    targets.collect()
}
