//! Small plans for tests, written by hand and complete enough to steer by.
//!
//! `tests/pure/table.rs` and `benches/table.rs` take this file in as well, so that a plan for a test is
//! made in one place; it names nothing that they cannot see.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use crate::base::{
    AddressSet, Cause, ClassId, EndpointId, Family, HashKey, JurisdictionId, JurisdictionSet,
    MapId, MonitorId, Permille, RecoveryId, RegionId, ServiceId, Span, Standing, TargetId, Why,
};
use crate::dns::Name;
use crate::geo::{Atlas, Database, EMBEDDED, Location, Networks};
use crate::plan::fleet::Missing;
use crate::plan::{
    AddressesDown, AllDown, Approval, ChosenRecords, Class, CohortOrder, Control, DampingPolicy,
    Defence, Demand, Endpoint, Fleet, GeoFile, GeoKnowledge, Guard, Jurisdiction, Map, Member,
    Overload, Plan, Pool, Recovery, Region, Residency, Resolving, Server, Service, SteeringFacts,
    Target, Tier, TtlBounds,
};

/// One endpoint: region, tier, weight.
pub(crate) type Machine = (u16, u16, u16);

/// A plan in short: endpoint `e` of the list is `e<index>`, region `r<index>`, and the region's
/// jurisdiction is `j<index>`. All services have all endpoints, all monitors none.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) machines: Vec<Machine>,
    pub(crate) classes: Vec<Vec<u16>>,
    pub(crate) services: usize,
    pub(crate) answers: u8,
    pub(crate) all_down: AllDown,
    pub(crate) families: Vec<Family>,
    /// Every tier is a fleet, of which some may be missing so.
    pub(crate) fleets: Option<Missing>,
}

static ATLAS: LazyLock<Arc<Atlas>> = LazyLock::new(|| {
    let database = Database::read(EMBEDDED).expect("the embedded database is well formed");
    Arc::new(Atlas::new(&database, &[], &[]))
});

impl World {
    pub(crate) fn new(machines: &[Machine], classes: &[&[u16]]) -> Self {
        Self {
            machines: machines.to_vec(),
            classes: classes.iter().map(|class| class.to_vec()).collect(),
            services: 1,
            answers: 1,
            all_down: AllDown::FailOpen,
            families: vec![Family::V4],
            fleets: None,
        }
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        let key = HashKey::from_secret(b"tests");
        Arc::new(Plan {
            digest: 1,
            policy: 0,
            key,
            server: server(),
            control: Control::default(),
            guard: Guard {
                doubt: Permille(800),
                max_ejected: Permille(700),
                max_shrink: Permille(500),
                max_shrink_watched: Permille(100),
                ..Guard::DEFAULT
            },
            jurisdictions: self.each_region(|region| Jurisdiction {
                subdivisions: Vec::new(),
                name: format!("j{region}"),
                countries: Vec::new(),
                may_use: Vec::new(),
            }),
            regions: self.each_region(|region| Region {
                name: format!("r{region}"),
                location: Location {
                    latitude: 0,
                    longitude: i32::from(region) * 1000,
                },
                jurisdiction: Some(jurisdiction(region)),
                capacity: None,
                takes_failover: true,
            }),
            endpoints: self.endpoints(),
            monitors: Vec::new(),
            recoveries: vec![recovery()],
            slots: Vec::new(),
            targets: self.targets(),
            canaries: Vec::new(),
            maintenance: Vec::new(),
            services: (0..self.services)
                .map(|index| self.service(index))
                .collect(),
            maps: vec![self.map()].into(),
            views: Arc::default(),
            claimants: Vec::new(),
            resolving: Resolving::default(),
            discoveries: Vec::new(),
            cluster: None,
            atlas: Arc::clone(&ATLAS),
            geo: GeoFile {
                source: "embedded".into(),
                built_at: 0,
                networks: 0,
                knows: GeoKnowledge::default(),
                claimed: GeoKnowledge::default(),
            },
        })
    }

    fn regions(&self) -> u16 {
        let of_machines = self.machines.iter().map(|machine| machine.0);
        let all = of_machines.chain(self.classes.iter().flatten().copied());
        all.max().map_or(0, |last| last + 1)
    }

    fn each_region<T>(&self, make: impl Fn(u16) -> T) -> Vec<T> {
        (0..self.regions()).map(make).collect()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let numbered = self.machines.iter().enumerate();
        let endpoints = numbered.map(|(index, &(region, tier, weight))| Endpoint {
            name: format!("e{index}"),
            region: RegionId(region),
            service: None,
            enabled: true,
            provider: format!("p{tier}"),
            tier,
            weight,
            weight_from: None,
            capacity_from: None,
            capacity: None,
            addresses: self
                .families
                .iter()
                .map(|family| address(*family, index))
                .collect(),
            named: None,
        });
        endpoints.collect()
    }

    /// Target by family, then by endpoint.
    fn targets(&self) -> Vec<Target> {
        let each = |family: &Family| {
            let family = *family;
            (0..self.machines.len()).map(move |index| Target {
                endpoint: EndpointId::from_index(index),
                family,
                slots: Vec::new(),
                combination: None,
                reported: Vec::new(),
                addresses_down: AddressesDown::Endpoint,
                recovery: RecoveryId(0),
                gate: Vec::new(),
                key: format!("e{index}/{family:?}"),
            })
        };
        self.families.iter().flat_map(each).collect()
    }

    fn service(&self, index: usize) -> Service {
        let name = format!("s{index}");
        Service {
            hostnames: vec![Name::parse(&format!("{name}.example.org")).expect("a name")],
            views: vec![None],
            name,
            map: MapId(0),
            steering: SteeringFacts::default(),
            measured: None,
            residency: Residency::Strict,
            outside: JurisdictionSet::EVERYWHERE,
            unknown: JurisdictionSet::EVERYWHERE,
            all_down: self.all_down,
            demand: Demand::Unstated,
            overload: Overload::Spread,
            is_signed: true,
            is_unresolved: false,
            records: ChosenRecords::default(),
            answers: self.answers,
            ttl: TtlBounds {
                min: Span::from_secs(10),
                max: Span::from_secs(60),
            },
            monitors: vec![MonitorId(0); 0],
            combination: None,
            reported: Vec::new(),
            recovery: RecoveryId(0),
            pools: Family::ALL.map(|family| self.each_region(|region| self.pool(family, region))),
        }
    }

    fn pool(&self, family: Family, region: u16) -> Pool {
        let Some(place) = self.families.iter().position(|own| *own == family) else {
            return Pool::default();
        };
        let own = self.machines.iter().filter(|machine| machine.0 == region);
        let mut numbers: Vec<u16> = own.map(|machine| machine.1).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let tier = |number| self.tier(place, region, number);
        Pool {
            tiers: numbers.into_iter().map(tier).collect(),
            min_up: 0,
            trickle: Permille::NONE,
        }
    }

    fn tier(&self, place: usize, region: u16, number: u16) -> Tier {
        let numbered = self.machines.iter().enumerate();
        let own = numbered.filter(|(_, machine)| (machine.0, machine.1) == (region, number));
        let members: Vec<Member> = own
            .map(|(index, machine)| Member {
                endpoint: EndpointId::from_index(index),
                target: TargetId::from_index(place * self.machines.len() + index),
                weight: machine.2,
            })
            .collect();
        let weights: Vec<u16> = members.iter().map(|member| member.weight).collect();
        let seed = u64::from(region) << 16 | u64::from(number);
        let fleet = |missing| Arc::new(Fleet::deal(&weights, self.answers, missing, seed));
        let by_cohort: &[u16] = match self.fleets {
            Some(_) => &[],
            None => &weights,
        };
        Tier {
            number,
            members,
            cohort_order: Arc::new(CohortOrder::deal(by_cohort, seed)),
            fleet: self.fleets.map(fleet),
        }
    }

    fn map(&self) -> Map {
        let classes = self.classes.iter().map(|regions| Class {
            preference: regions.iter().map(|&region| RegionId(region)).collect(),
            fence: regions
                .iter()
                .fold(JurisdictionSet::EMPTY, |fence, &region| {
                    fence.with(Some(jurisdiction(region)))
                }),
        });
        Map {
            classes: classes.collect(),
            networks: Networks::all(ClassId(0)),
            sizes: vec![1; self.classes.len()],
            lots: Vec::new(),
            shared: None,
        }
    }
}

/// The standings of a plan's targets by share; what is missing is healthy.
pub(crate) fn standings(plan: &Plan, shares: &[u16]) -> Arc<[Standing]> {
    let shares = shares.iter().copied().chain(std::iter::repeat(1000));
    let targets = plan.targets.iter().zip(shares);
    targets.map(|(_, share)| standing(share)).collect()
}

/// A standing that explains its share, and lasts 15 seconds at the least.
pub(crate) fn standing(share: u16) -> Standing {
    let why = match share {
        0 => Why::Down(Cause::Refused),
        1000 => Why::Healthy,
        _ => Why::Ramping { step: 1, of: 2 },
    };
    Standing {
        share: Permille(share),
        why,
        until: None,
        hold: Span::from_secs(15),
        without: AddressSet::EMPTY,
    }
}

/// The service that every world has.
pub(crate) const SERVICE: ServiceId = ServiceId(0);

fn jurisdiction(region: u16) -> JurisdictionId {
    JurisdictionId(u8::try_from(region).expect("tests have few regions"))
}

fn address(family: Family, index: usize) -> IpAddr {
    let low = u16::try_from(index).expect("tests have few endpoints");
    match family {
        Family::V4 => {
            let [high, low] = low.to_be_bytes();
            Ipv4Addr::new(192, 0, high, low).into()
        }
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, low).into(),
    }
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

fn recovery() -> Recovery {
    Recovery {
        name: "default".into(),
        steps: vec![Permille(500), Permille(1000)],
        every: Span::from_secs(60),
        gates: Vec::new(),
        approval: Approval::Automatic,
        delay: Span::ZERO,
        damping: DampingPolicy::DEFAULT,
    }
}
