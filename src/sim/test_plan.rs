//! A plan in short: what a seeded world is set in.
//!
//! Small, but with everything that steering tells apart: regions that share a jurisdiction and regions
//! that do not, primary and backup providers, weights, both families, a strict and an open service,
//! a recovery with and one without a gate, several answers, canaries, capacities. Each region has one network of clients
//! that prefer it; the others follow in the order of the regions.
//!
//! It makes a [`Plan`] without the config's text, so that ten thousand worlds cost little.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::test_canary::canary;
pub use super::test_probing::Probing;
use super::{TestSteering, test_zone};
use crate::base::{
    Draws, EndpointId, Family, HashKey, JurisdictionId, JurisdictionSet, MapId, MonitorId,
    Permille, RecoveryId, RegionId, SlotId, Span, TargetId,
};
use crate::plan::{
    AddressesDown, AllDown, Approval, Check, ChosenRecords, CohortOrder, Control, DampingPolicy,
    Defence, Demand, Endpoint, FailureCount, GeoFile, GeoKnowledge, Guard, Jurisdiction, Map,
    Member, Monitor, Overload, Plan, Pool, ProbeSource, Recovery, Residency, Resolving, Server,
    Service, Slot, Target, Tier, TtlBounds,
};

/// A plan in short.
#[derive(Clone, Debug)]
pub struct TestPlan {
    /// How many regions; two neighbours share a jurisdiction.
    pub regions: u16,
    /// The machines, in the order of the config.
    pub machines: Vec<TestEndpoint>,
    /// The services; each has every machine.
    pub services: Vec<TestService>,
    /// How machines are probed.
    pub probing: Probing,
    /// Shares of the steps of a ramp.
    pub steps: Vec<Permille>,
    /// How long each lasts.
    pub every: Span,
    /// What a return waits for before its ramp.
    pub patience: Patience,
    /// How many canaries.
    pub canaries: u16,
    /// The guard.
    pub guard: Guard,
    /// Counts the changes; the plan's digest.
    pub edition: u64,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct TestEndpoint {
    /// Number, its name across editions.
    pub number: u16,
    /// Its region.
    pub region: u16,
    /// Its tier, and the number of its provider.
    pub tier: u16,
    /// Its weight.
    pub weight: u16,
    /// What it can carry.
    pub capacity: Option<u32>,
    /// Its families.
    pub families: Vec<Family>,
}

/// One service.
#[derive(Clone, Debug)]
pub struct TestService {
    /// How strictly it stays.
    pub residency: Residency,
    /// What it answers when nothing is healthy.
    pub all_down: AllDown,
    /// Endpoints per answer.
    pub answers: u8,
    /// Tells whether its ramps wait for the gate.
    pub gating: Gating,
    /// The part of a pool that must be up.
    pub min_up: Permille,
    /// The way in which its clients prefer regions.
    pub steering: TestSteering,
}

/// Tells whether a service's ramps wait for a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gating {
    /// They do.
    Gated,
    /// They do not.
    Free,
}

/// What a return waits for before its ramp, beside the gate.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long it must have been up.
    pub delay: Span,
    /// How relapses slow it down.
    pub damping: DampingPolicy,
    /// Tells whether the ramps that wait for the gate wait for an operator's word as well.
    pub approval: Approval,
}

impl Patience {
    /// None but for damping as it is by default.
    pub const NONE: Self = Self {
        delay: Span::ZERO,
        damping: DampingPolicy::DEFAULT,
        approval: Approval::Automatic,
    };

    fn draw(draws: &mut Draws) -> Self {
        Self {
            delay: match draws.below(3) {
                0 => Span(draws.below(6000)),
                _ => Span::ZERO,
            },
            damping: DampingPolicy {
                half_life: Span(2000 + draws.below(60_000)),
                most: 1 + small(draws, 8),
            },
            approval: match draws.below(4) {
                0 => Approval::Needed,
                _ => Approval::Automatic,
            },
        }
    }
}

const WEB: MonitorId = MonitorId(0);
const GATE: MonitorId = MonitorId(1);

impl TestPlan {
    /// Draws one.
    #[must_use]
    pub fn draw(draws: &mut Draws) -> Self {
        let regions = 2 + small(draws, 3);
        let mut machines: Vec<TestEndpoint> = Vec::new();
        for region in 0..regions {
            for _ in 0..=small(draws, 3) {
                machines.push(TestEndpoint::draw(machines.len(), region, draws));
            }
        }
        draw_capacities(&mut machines, draws);
        let interval = Span(1000 + draws.below(2500));
        let mut test_plan = Self {
            regions,
            machines,
            services: (0..=small(draws, 2))
                .map(|_| TestService::draw(regions, draws))
                .collect(),
            probing: Probing {
                interval,
                near_interval: Span(interval.0 / (1 + draws.below(4))),
                timeout: Span(200 + draws.below(interval.0)),
                fall: 1 + small(draws, 4),
                rise: 1 + small(draws, 4),
                slow_after: None,
                degraded: None,
            },
            steps: steps(draws),
            every: Span(1000 + draws.below(4000)),
            patience: Patience::draw(draws),
            canaries: [0, 0, 1, 3][usize::from(small(draws, 4))],
            guard: Guard {
                doubt: Permille(500 + small(draws, 400)),
                max_ejected: Permille([1000, 1000, 700, 400][usize::from(small(draws, 4))]),
                max_ejected_at_once: Permille([1000, 1000, 500, 300][usize::from(small(draws, 4))]),
                ejection_interval: Span(1000 + draws.below(20_000)),
                max_shrink: Permille(500),
                max_shrink_watched: Permille(100),
                ..Guard::DEFAULT
            },
            edition: 1,
        };
        test_plan.probing.draw_pace(draws);
        test_plan
    }

    /// Changes one thing: a machine comes, goes, or gets another weight.
    pub fn change(&mut self, draws: &mut Draws) {
        self.edition += 1;
        let place = usize::from(small(draws, self.machines.len()));
        match draws.below(3) {
            0 if self.machines.len() > 2 => drop(self.machines.remove(place)),
            1 => self.machines[place].weight = 1 + small(draws, 9),
            _ => {
                let number = self.machines.iter().map(|machine| machine.number).max();
                let number = usize::from(number.unwrap_or(0)) + 1;
                let region = small(draws, usize::from(self.regions));
                let machine = TestEndpoint::draw(number, region, draws);
                self.machines.insert(place, machine);
            }
        }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        let (mut slots, targets) = self.watch();
        let watched = slots.len();
        slots.extend((0..self.canaries).map(|number| canary(number, WEB)));
        let targets_of = |service: usize| self.targets_of(service, &targets);
        let services =
            (0..self.services.len()).map(|index| self.service(index, &targets_of(index)));
        Arc::new(Plan {
            digest: self.edition,
            policy: 0,
            key: HashKey::from_secret(b"simulation"),
            server: server(),
            control: Control::default(),
            guard: self.guard.clone(),
            jurisdictions: self.jurisdictions(),
            regions: (0..self.regions)
                .map(|number| test_zone::region(number, Self::jurisdiction_of(number)))
                .collect(),
            endpoints: self.machines.iter().map(TestEndpoint::endpoint).collect(),
            monitors: vec![self.monitor("web"), self.monitor("gate")],
            recoveries: vec![self.recovery(Gating::Free), self.recovery(Gating::Gated)],
            services: services.collect(),
            canaries: (watched..slots.len()).map(SlotId::from_index).collect(),
            maintenance: Vec::new(),
            slots,
            targets,
            maps: Arc::new(self.services.iter().map(|own| self.map(own)).collect()),
            views: Arc::default(),
            claimants: Vec::new(),
            resolving: Resolving::default(),
            discoveries: Vec::new(),
            cluster: None,
            atlas: test_zone::atlas(),
            geo: GeoFile {
                source: "none".into(),
                built_at: 0,
                networks: 0,
                knows: GeoKnowledge::default(),
                claimed: GeoKnowledge::default(),
            },
        })
    }

    /// The jurisdiction of a region.
    #[must_use]
    pub fn jurisdiction_of(region: u16) -> JurisdictionId {
        JurisdictionId(u8::try_from(region / 2).unwrap_or(u8::MAX))
    }

    fn map(&self, service: &TestService) -> Map {
        let steering = &service.steering;
        steering.map((self.regions, service.residency), Self::jurisdiction_of)
    }

    fn jurisdictions(&self) -> Vec<Jurisdiction> {
        let numbers = 0..self.regions.div_ceil(2);
        let jurisdictions = numbers.map(|number| Jurisdiction {
            subdivisions: Vec::new(),
            name: format!("law{number}"),
            countries: Vec::new(),
            may_use: Vec::new(),
        });
        jurisdictions.collect()
    }

    fn monitor(&self, name: &str) -> Monitor {
        Monitor {
            name: name.into(),
            check: Check::default(),
            port: 443,
            interval: self.probing.interval,
            near_interval: self.probing.near_interval,
            failures: FailureCount::Accumulated,
            timeout: self.probing.timeout,
            slow_after: self.probing.slow_after,
            degraded: self.probing.degraded,
            source: ProbeSource::default(),
            fall: self.probing.fall,
            rise: self.probing.rise,
        }
    }

    fn recovery(&self, gating: Gating) -> Recovery {
        Recovery {
            name: format!("{gating:?}"),
            steps: self.steps.clone(),
            every: self.every,
            gates: (gating == Gating::Gated)
                .then_some(GATE)
                .into_iter()
                .collect(),
            approval: match gating {
                Gating::Gated => self.patience.approval,
                Gating::Free => Approval::Automatic,
            },
            delay: self.patience.delay,
            damping: self.patience.damping,
        }
    }

    /// All slots and targets: for each machine and family one target per kind of recovery in use.
    fn watch(&self) -> (Vec<Slot>, Vec<Target>) {
        let (mut slots, mut targets) = (Vec::new(), Vec::new());
        let gatings = [Gating::Free, Gating::Gated];
        let used = gatings.map(|gating| self.services.iter().any(|own| own.gating == gating));
        for (index, machine) in self.machines.iter().enumerate() {
            let endpoint = EndpointId::from_index(index);
            for family in &machine.families {
                let mut slot = |monitor: MonitorId, word: &str| {
                    slots.push(machine.slot(endpoint, *family, monitor, word));
                    SlotId::from_index(slots.len() - 1)
                };
                let web = slot(WEB, "web");
                if used[0] {
                    targets.push(machine.target(endpoint, *family, &[web], &[]));
                }
                if used[1] {
                    let gate = slot(GATE, "gate");
                    targets.push(machine.target(endpoint, *family, &[web], &[gate]));
                }
            }
        }
        (slots, targets)
    }

    /// The targets of a service, with their numbers.
    fn targets_of<'t>(&self, service: usize, all: &'t [Target]) -> Vec<(TargetId, &'t Target)> {
        let recovery = self.services[service].gating.recovery();
        let numbered = (0..).map(TargetId).zip(all);
        numbered
            .filter(|(_, target)| target.recovery == recovery)
            .collect()
    }

    fn service(&self, index: usize, targets: &[(TargetId, &Target)]) -> Service {
        let service = &self.services[index];
        let name = format!("s{index}");
        let pools = |family| (0..self.regions).map(move |region| (family, region));
        Service {
            hostnames: vec![test_zone::hostname(index)],
            views: vec![None],
            name,
            map: MapId::from_index(index),
            steering: service.steering.facts(),
            measured: None,
            residency: service.residency,
            outside: JurisdictionSet::EVERYWHERE,
            unknown: JurisdictionSet::EVERYWHERE,
            all_down: service.all_down,
            demand: Demand::Unstated,
            overload: Overload::Spread,
            is_signed: true,
            is_unresolved: false,
            records: ChosenRecords::default(),
            answers: service.answers,
            ttl: TtlBounds {
                min: Span::from_secs(1),
                max: Span::from_secs(30),
            },
            monitors: vec![WEB],
            combination: None,
            reported: Vec::new(),
            recovery: service.gating.recovery(),
            pools: Family::ALL.map(|family| {
                pools(family)
                    .map(|(family, region)| self.pool(family, region, service, targets))
                    .collect()
            }),
        }
    }

    fn pool(
        &self,
        family: Family,
        region: u16,
        service: &TestService,
        targets: &[(TargetId, &Target)],
    ) -> Pool {
        let own = targets.iter().filter(|(_, target)| {
            target.family == family && self.machine_of(target).region == region
        });
        let own: Vec<_> = own.collect();
        let mut numbers: Vec<u16> = own
            .iter()
            .map(|(_, target)| self.machine_of(target).tier)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let tier = |number| {
            let members = own.iter().filter_map(|(id, target)| {
                let machine = self.machine_of(target);
                (machine.tier == number).then_some(Member {
                    endpoint: target.endpoint,
                    target: *id,
                    weight: machine.weight,
                })
            });
            tier(number, region, members.collect())
        };
        Pool {
            tiers: numbers.into_iter().map(tier).collect(),
            min_up: (own.len() * usize::from(service.min_up.0)).div_ceil(1000),
            trickle: service.steering.trickle,
        }
    }

    fn machine_of(&self, target: &Target) -> &TestEndpoint {
        &self.machines[target.endpoint.index()]
    }
}

impl TestEndpoint {
    fn draw(number: usize, region: u16, draws: &mut Draws) -> Self {
        Self {
            number: u16::try_from(number).unwrap_or(u16::MAX),
            region,
            tier: 1 + small(draws, 2),
            weight: 1 + small(draws, 9),
            capacity: None,
            families: match draws.below(3) {
                0 => Family::ALL.to_vec(),
                _ => vec![Family::V4],
            },
        }
    }

    fn name(&self) -> String {
        format!("m{}", self.number)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            name: self.name(),
            region: RegionId(self.region),
            service: None,
            enabled: true,
            provider: format!("p{}", self.tier),
            tier: self.tier,
            weight: self.weight,
            weight_from: None,
            capacity: self.capacity,
            capacity_from: None,
            addresses: self.families.iter().map(|own| self.address(*own)).collect(),
            named: None,
        }
    }

    fn address(&self, family: Family) -> IpAddr {
        let [high, low] = self.number.to_be_bytes();
        match family {
            Family::V4 => Ipv4Addr::new(192, 0, high, low).into(),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, self.number).into(),
        }
    }

    fn slot(&self, endpoint: EndpointId, family: Family, monitor: MonitorId, word: &str) -> Slot {
        let address = SocketAddr::new(self.address(family), 443);
        Slot {
            endpoint: Some(endpoint),
            address,
            monitor,
            host: String::new(),
            opposed: false,
            key: format!("{}/{word}/{address}/", self.name()),
        }
    }

    fn target(
        &self,
        endpoint: EndpointId,
        family: Family,
        slots: &[SlotId],
        gate: &[SlotId],
    ) -> Target {
        let gating = match gate {
            [] => Gating::Free,
            _ => Gating::Gated,
        };
        Target {
            endpoint,
            family,
            slots: slots.to_vec(),
            combination: None,
            reported: Vec::new(),
            addresses_down: AddressesDown::Endpoint,
            recovery: gating.recovery(),
            gate: gate.to_vec(),
            key: format!("{}/{family:?}/web/{gating:?}", self.name()),
        }
    }
}

impl TestService {
    fn draw(regions: u16, draws: &mut Draws) -> Self {
        Self {
            residency: match draws.below(3) {
                0 => Residency::Any,
                1 => Residency::Prefer,
                _ => Residency::Strict,
            },
            all_down: match draws.below(8) {
                0 => AllDown::Servfail,
                1 => AllDown::Nodata,
                _ => AllDown::FailOpen,
            },
            answers: match draws.below(4) {
                0 => 2,
                _ => 1,
            },
            gating: match draws.below(2) {
                0 => Gating::Gated,
                _ => Gating::Free,
            },
            min_up: match draws.below(4) {
                0 => Permille(600),
                _ => Permille::NONE,
            },
            steering: TestSteering::draw(regions, draws),
        }
    }
}

impl Gating {
    fn recovery(self) -> RecoveryId {
        match self {
            Self::Free => RecoveryId(0),
            Self::Gated => RecoveryId(1),
        }
    }
}

fn tier(number: u16, region: u16, members: Vec<Member>) -> Tier {
    let weights: Vec<u16> = members.iter().map(|member| member.weight).collect();
    let seed = u64::from(region) << 16 | u64::from(number);
    Tier {
        number,
        members,
        cohort_order: Arc::new(CohortOrder::deal(&weights, seed)),
        fleet: None,
    }
}

/// All machines state a capacity, or some do, or none does.
fn draw_capacities(machines: &mut [TestEndpoint], draws: &mut Draws) {
    let stated = [0, 0, 700, 1000][usize::from(small(draws, 4))];
    for machine in machines {
        let capacity = 1 + u32::from(small(draws, 5));
        machine.capacity = draws.chance(stated).then_some(capacity);
    }
}

fn steps(draws: &mut Draws) -> Vec<Permille> {
    let curve: &[u16] = match small(draws, 4) {
        0 => &[50, 200, 500, 1000],
        1 => &[10, 100, 1000],
        2 => &[500, 1000],
        _ => &[1000],
    };
    curve.iter().copied().map(Permille).collect()
}

fn server() -> Server {
    Server {
        listen: Vec::new(),
        identity: None,
        version: None,
        udp_reply_bytes: 1232,
        threads: None,
        connections: 64,
        tls: None,
        defence: Defence::DEFAULT,
        exec: false,
    }
}

/// A number below a small bound.
fn small(draws: &mut Draws, bound: usize) -> u16 {
    u16::try_from(draws.below(bound as u64)).unwrap_or(0)
}
