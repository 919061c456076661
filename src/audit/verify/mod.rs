//! Whether any health leads a client out of its fence, or to no answer (promises 1 and 2).
//!
//! | module | what is gone through |
//! |---|---|
//! | `classes` | every class of clients: its law, its fence, its preference, and where that leads |
//! | `shared` | every network of clients that are not under one law, asked for as a whole |
//! | `given` | what leaves by zone transfer |
//! | `pools` | what each pool can give, by the decision that gives it |
//! | `routes` | every combination of pools that a preference can meet |
//! | `tables` | whole tables for the states that stand for the rest, asked as a query asks |
//! | `records` | what those tables give of other types than addresses |
//! | `breach` | what disproves a promise |
//! | `text` | the proof for a person |
//!
//! # What is trusted, and what is not
//!
//! What the config's compiler derived is not: the law is derived again from jurisdictions and
//! countries, and every network of the atlas is looked up as a query looks it up. The decisions
//! are the production's own, called and not copied. That a few states of health stand for all is
//! argued in `routes` and `pools`; how many they stand for is counted.
//!
//! It does not know what is healthy now, nor what an operator might order: every share of every
//! target, from none to all, is taken for possible at any time, and that includes all of these.
mod breach;
mod classes;
mod given;
mod pools;
mod records;
mod routes;
mod shared;
mod stated;
mod tables;
mod text;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::base::{
    AddressSet, EndpointId, Family, JurisdictionSet, MapId, Permille, RegionId, ServiceId, Span,
    Standing, Why,
};
use crate::geo::Territory;
use crate::plan::{AllDown, Plan, Residency, ZonePlan};

use super::law::Law;
use super::sight::{self, Group};

pub use breach::{Client, Counterexample, Given, Kind};
pub use stated::Statement;

/// Most counterexamples that are kept; all are counted.
const KEPT: usize = 200;

/// What has been proved of a plan, or what disproves it.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// Whether both promises hold.
    pub result: Verdict,
    /// How many counterexamples there are.
    pub breaches: u64,
    /// The first of them.
    pub counterexamples: Vec<Counterexample>,
    /// What was gone through, and what that stands for.
    pub cases: Cases,
    /// Who may be sent where, by service.
    pub services: Vec<ServiceProof>,
    /// Answers of strict services that leave by zone transfer.
    pub transfers: Vec<TransferProof>,
    /// Statements about machines that are known by name, which the fences of strict services rest on.
    pub rests_on: Vec<Statement>,
}

/// Whether the promises hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// They do, for every combination.
    Proved,
    /// There is a counterexample.
    Broken,
}

/// What was gone through, and what that stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cases {
    /// Targets whose health is free, each with 1001 shares: more than 10 to the power of three times
    /// as many combinations.
    pub targets: u64,
    /// The power of ten that the number of combinations is above.
    pub combinations_power_of_ten: u64,
    /// Classes of clients, over all services.
    pub classes: u64,
    /// Networks that were looked up, over all maps.
    pub networks: u64,
    /// Networks of clients who are not under one law, over all strict services.
    pub shared: u64,
    /// Decisions on which pool is asked.
    pub routes: u64,
    /// Decisions on which endpoint of a pool answers.
    pub pools: u64,
    /// Whole tables that were built and checked.
    pub tables: u64,
    /// Answers that were read from them.
    pub answers: u64,
}

/// Who may be sent where by one service.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceProof {
    /// Its name.
    pub service: String,
    /// Its hostnames.
    pub hostnames: Vec<String>,
    /// How strictly its answers stay in the client's jurisdiction.
    pub residency: Residency,
    /// What it answers when nothing is healthy.
    pub all_down: AllDown,
    /// Its clients, by class and law.
    pub clients: Vec<ClientsProof>,
}

/// Answers of a strict service that leave with a zone.
#[derive(Clone, Debug, Serialize)]
pub struct TransferProof {
    /// The zone.
    pub zone: String,
    /// The service.
    pub service: String,
    /// The jurisdiction whose clients secondaries answer; absent where the config does not say, and nothing of the
    /// service leaves.
    pub clients_of: Option<String>,
    /// The client whose answers leave.
    pub rendered_for: Option<IpAddr>,
    /// Answers that secondaries can be given, by type of query.
    pub reach: Vec<Reach>,
    /// The verdict on it.
    pub result: Verdict,
}

/// What may become of clients of one class and one law.
#[derive(Clone, Debug, Serialize)]
pub struct ClientsProof {
    /// Who they are.
    #[serde(flatten)]
    pub who: Client,
    /// How many stretches of the geo database they are.
    pub networks: u64,
    /// Their IPv4 addresses of known place, in /24s rounded up.
    pub size: u64,
    /// Names of the jurisdictions in which their answers may lie.
    pub fence: Vec<String>,
    /// What they can be given, by type of query; absent where the service has no such endpoint for
    /// them.
    pub reach: Vec<Reach>,
    /// Whether the promises hold for them.
    pub result: Verdict,
}

/// What clients can be given for one type of query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reach {
    /// IPv4 for A, IPv6 for AAAA.
    pub family: Family,
    /// The regions, best first.
    pub regions: Vec<RegionReach>,
    /// Endpoints that are left when all is down but the last resort: the last tier of the last
    /// region.
    pub last_resort: Vec<String>,
    /// How many regions must fail until nothing healthy is left.
    pub failures_until_all_down: usize,
    /// Region whose endpoints answer then; absent where the service answers nothing instead.
    pub fail_open: Option<String>,
    /// More than 10 to this power combinations of health lead to these regions and to no other.
    pub combinations_power_of_ten: u32,
}

/// One region that can answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RegionReach {
    /// Its name.
    pub region: String,
    /// Its jurisdiction, if it states one.
    pub jurisdiction: Option<String>,
    /// Endpoints that can be given there.
    pub endpoints: Vec<String>,
}

/// Proves both promises for a plan that gives no zone away, or finds what disproves them.
#[must_use]
pub fn verify(plan: &Arc<Plan>) -> Proof {
    verify_with(plan, &[])
}

/// Proves both promises for a plan and the zones that are served with it, or finds what disproves them.
#[must_use]
pub fn verify_with(plan: &Arc<Plan>, zones: &[Arc<ZonePlan>]) -> Proof {
    let mut prover = Prover::new(plan);
    prover.check_law();
    prover.prove_pools();
    prover.prove_routes();
    let services = (0..plan.services.len()).map(ServiceId::from_index);
    let services = services.map(|id| prover.prove_service(id)).collect();
    for id in (0..plan.services.len()).map(ServiceId::from_index) {
        prover.prove_shared(id);
    }
    let transfers = prover.prove_transfers(zones);
    prover.prove_tables();
    Proof {
        result: verdict(prover.found == 0),
        breaches: prover.found,
        counterexamples: prover.kept,
        cases: prover.cases,
        services,
        transfers,
        rests_on: stated::of(plan),
    }
}

fn verdict(holds: bool) -> Verdict {
    if holds {
        Verdict::Proved
    } else {
        Verdict::Broken
    }
}

/// What is known of one pool.
struct PoolFacts {
    given: pools::Yield,
    /// Jurisdictions of all that an address of this pool leads to.
    exposed: JurisdictionSet,
}

/// A service and a family.
#[derive(Clone, Copy)]
struct Subject {
    service: ServiceId,
    family: Family,
}

struct Prover<'p> {
    plan: &'p Arc<Plan>,
    law: Law<'p>,
    /// By map.
    groups: Vec<Vec<Group>>,
    pools: BTreeMap<(ServiceId, Family, RegionId), PoolFacts>,
    /// Who has an address.
    owners: BTreeMap<IpAddr, Vec<EndpointId>>,
    found: u64,
    kept: Vec<Counterexample>,
    cases: Cases,
}

impl<'p> Prover<'p> {
    fn new(plan: &'p Arc<Plan>) -> Self {
        let law = Law::new(plan);
        let maps = (0..plan.maps.len()).map(MapId::from_index);
        let groups: Vec<Vec<Group>> = maps.map(|map| sight::groups(plan, &law, map)).collect();
        let mut owners: BTreeMap<IpAddr, Vec<EndpointId>> = BTreeMap::new();
        for (index, endpoint) in plan.endpoints.iter().enumerate() {
            for address in &endpoint.addresses {
                let own = owners.entry(*address).or_default();
                own.push(EndpointId::from_index(index));
            }
        }
        let targets = plan.targets.len() as u64;
        let cases = Cases {
            targets,
            combinations_power_of_ten: 3 * targets,
            networks: groups.iter().flatten().map(|group| group.networks).sum(),
            ..Cases::default()
        };
        Self {
            plan,
            law,
            groups,
            pools: BTreeMap::new(),
            owners,
            found: 0,
            kept: Vec::new(),
            cases,
        }
    }

    fn breach(&mut self, breach: Counterexample) {
        self.found += 1;
        if self.kept.len() < KEPT {
            self.kept.push(breach);
        }
    }

    /// A country under two laws has no fence that could be proved.
    fn check_law(&mut self) {
        let names = |countries: &[Territory]| {
            let names: Vec<String> = countries.iter().map(ToString::to_string).collect();
            names.join(" ")
        };
        if !self.law.disputed.is_empty() {
            let finding = format!(
                "in two jurisdictions at once, so that no fence is theirs: {}",
                names(&self.law.disputed)
            );
            self.breach(Counterexample::new(Kind::Disputed, finding));
        }
    }

    /// Goes through what every pool can give.
    fn prove_pools(&mut self) {
        let plan = self.plan;
        let mut standings = vec![DOWN; plan.targets.len()];
        for service in (0..plan.services.len()).map(ServiceId::from_index) {
            for family in Family::ALL {
                let regions = plan.services[service.index()].pools[family.index()].len();
                for region in (0..regions).map(RegionId::from_index) {
                    let Some(pool) = pools::pool(plan, service, family, region) else {
                        continue;
                    };
                    let answers = plan.services[service.index()].answers;
                    let given = pools::yields(plan, pool, answers, &mut standings);
                    self.cases.pools += given.cases;
                    self.check_pool(Subject { service, family }, region, &given);
                    let exposed = self.exposed(region, family, &given);
                    let facts = PoolFacts { given, exposed };
                    self.pools.insert((service, family, region), facts);
                }
            }
        }
    }

    /// The jurisdictions of a pool's region, of its endpoints, and of whoever has their addresses.
    fn exposed(&self, region: RegionId, family: Family, given: &pools::Yield) -> JurisdictionSet {
        let own = JurisdictionSet::EMPTY.with(self.plan.regions[region.index()].jurisdiction);
        let addresses = given.endpoints.iter().flat_map(|endpoint| {
            let addresses = &self.plan.endpoints[endpoint.index()].addresses;
            addresses
                .iter()
                .filter(move |address| Family::of(**address) == family)
        });
        let sharers = addresses
            .filter_map(|address| self.owners.get(address))
            .flatten();
        let all = given.endpoints.iter().chain(sharers);
        all.fold(own, |set, endpoint| set.with(self.law_of(*endpoint)))
    }

    fn law_of(&self, endpoint: EndpointId) -> Option<crate::base::JurisdictionId> {
        let region = self.plan.endpoints[endpoint.index()].region;
        self.plan.regions[region.index()].jurisdiction
    }

    /// Every endpoint of a pool is of its region, and some one answers whenever one is up.
    fn check_pool(&mut self, own: Subject, region: RegionId, given: &pools::Yield) {
        let plan = self.plan;
        for &endpoint in &given.endpoints {
            let real = plan.endpoints[endpoint.index()].region;
            if real != region {
                let finding = format!(
                    "the pool in {} holds an endpoint of {}",
                    plan.regions[region.index()].name,
                    plan.regions[real.index()].name,
                );
                let breach = Counterexample::new(Kind::Misplaced, finding);
                let given = Some(self.given(real, Some(endpoint), own.family));
                self.breach(breach.of(plan, own).giving(given));
            }
        }
        for health in &given.empty {
            let region = &plan.regions[region.index()].name;
            let finding = format!("the pool in {region} leaves some cohort without an endpoint");
            let breach = Counterexample::new(Kind::Empty, finding);
            self.breach(breach.of(plan, own).when(format!("in {region} {health}")));
        }
    }

    /// Goes through all that a preference can lead to, for every length there is.
    fn prove_routes(&mut self) {
        let mut lengths: Vec<(usize, AllDown)> = Vec::new();
        for (index, service) in self.plan.services.iter().enumerate() {
            let id = ServiceId::from_index(index);
            for class in &self.plan.maps[service.map.index()].classes {
                for family in Family::ALL {
                    let has = |region: &&RegionId| self.pools.contains_key(&(id, family, **region));
                    let length = class.preference.iter().filter(has).count();
                    if !lengths.contains(&(length, service.all_down)) {
                        lengths.push((length, service.all_down));
                    }
                }
            }
        }
        for (length, all_down) in lengths {
            if length == 0 {
                continue;
            }
            let tree = routes::tree(length, all_down);
            self.cases.routes += tree.cases;
            if let Some((health, why)) = tree.fault {
                let finding = format!("a preference of {length} regions is led astray: {why}");
                let breach = Counterexample::new(Kind::Astray, finding);
                self.breach(breach.when(format!("pools, best first: {health}")));
            } else if tree.reached.contains(&false) {
                let finding = format!("a region of {length} is reached by no health");
                self.breach(Counterexample::new(Kind::Astray, finding));
            }
        }
    }

    fn given(&self, region: RegionId, endpoint: Option<EndpointId>, family: Family) -> Given {
        let place = &self.plan.regions[region.index()];
        let law = place.jurisdiction;
        let endpoint = endpoint.map(|endpoint| &self.plan.endpoints[endpoint.index()]);
        let addresses = endpoint.map_or(&[][..], |endpoint| &endpoint.addresses);
        let mut own = addresses
            .iter()
            .filter(|address| Family::of(**address) == family);
        Given {
            region: place.name.clone(),
            jurisdiction: law.map(|law| self.plan.jurisdictions[law.index()].name.clone()),
            endpoint: endpoint.map(|endpoint| endpoint.name.clone()),
            address: own.next().copied(),
        }
    }
}

impl Counterexample {
    fn new(kind: Kind, finding: String) -> Self {
        Self {
            kind,
            service: String::new(),
            family: None,
            client: None,
            health: "whatever it is".to_owned(),
            given: None,
            fence: Vec::new(),
            finding,
        }
    }

    fn of(mut self, plan: &Plan, own: Subject) -> Self {
        self.service
            .clone_from(&plan.services[own.service.index()].name);
        self.family = Some(own.family);
        self
    }

    fn giving(mut self, given: Option<Given>) -> Self {
        self.given = given;
        self
    }

    fn when(mut self, health: String) -> Self {
        self.health = health;
        self
    }

    fn to(mut self, law: &Law<'_>, group: &Group, allowed: JurisdictionSet) -> Self {
        self.client = Some(client(law, group));
        self.fence = law.names(allowed);
        self
    }
}

/// Who the clients of a group are.
fn client(law: &Law<'_>, group: &Group) -> Client {
    Client {
        law: law.name(group.who),
        countries: group.countries.clone(),
        network: group.example.to_string(),
        class: group.class.0,
    }
}

/// A target that is down.
const DOWN: Standing = Standing {
    share: Permille::NONE,
    why: Why::Supposed,
    until: None,
    hold: Span::ZERO,
    without: AddressSet::EMPTY,
};
