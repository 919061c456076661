//! Every class of clients: its law, its fence, its preference, and where that leads.
//!
//! A breach is shown by the mildest health that brings it about: all regions that the class
//! prefers are down, and in the region itself everything but the endpoint that is given.
use std::collections::BTreeSet;

use crate::audit::law::{Who, is_inside};
use crate::audit::sight::Group;
use crate::base::{EndpointId, Family, JurisdictionSet, Permille, RegionId, ServiceId};
use crate::plan::{AllDown, Class, Residency};
use crate::steer::{Ending, Extent, PoolState, route};

use super::{
    ClientsProof, Counterexample, Kind, Prover, Reach, RegionReach, ServiceProof, Subject, client,
    pools, verdict,
};

/// A class of clients that is asked about.
#[derive(Clone, Copy)]
struct Asker<'a> {
    own: Subject,
    group: &'a Group,
    class: &'a Class,
    allowed: JurisdictionSet,
}

impl Prover<'_> {
    /// Proves the promises for all clients of a service.
    pub(super) fn prove_service(&mut self, id: ServiceId) -> ServiceProof {
        let plan = self.plan;
        let service = &plan.services[id.index()];
        let groups = std::mem::take(&mut self.groups[service.map.index()]);
        let clients = groups.iter().map(|group| self.prove_group(id, group));
        let clients = clients.collect();
        self.groups[service.map.index()] = groups;
        ServiceProof {
            service: service.name.clone(),
            hostnames: service.hostnames.iter().map(ToString::to_string).collect(),
            residency: service.residency,
            all_down: service.all_down,
            clients,
        }
    }

    fn prove_group(&mut self, id: ServiceId, group: &Group) -> ClientsProof {
        self.cases.classes += 1;
        let before = self.found;
        let allowed = self.law.allowed(&self.plan.services[id.index()], group.who);
        let reach = self.prove_lawful(id, group, allowed);
        ClientsProof {
            who: client(&self.law, group),
            networks: group.networks,
            size: group.size,
            fence: self.law.names(allowed),
            reach,
            result: verdict(self.found == before),
        }
    }

    /// Proves that clients can be given nothing but what is lawful for them, and something if there is any; gives what
    /// they can be given.
    pub(super) fn prove_lawful(
        &mut self,
        id: ServiceId,
        group: &Group,
        allowed: JurisdictionSet,
    ) -> Vec<Reach> {
        let before = self.found;
        let class = self.plan.class(id, group.class);
        let asker = |family| Asker {
            own: Subject {
                service: id,
                family,
            },
            group,
            class,
            allowed,
        };
        self.check_fence(asker(Family::V4));
        self.check_home_first(asker(Family::V4));
        let reach = Family::ALL.map(|family| self.reach(asker(family)));
        let reach: Vec<Reach> = reach.into_iter().flatten().collect();
        // Clients under several laws may have nothing in common.
        if reach.is_empty() && self.found == before && group.who != Who::Several {
            let finding = "it has no endpoint inside of the clients' fence".to_owned();
            let mut breach = self.breach_for(asker(Family::V4), Kind::Empty, finding);
            breach.family = None;
            self.breach(breach);
        }
        reach
    }

    fn breach_for(&self, asker: Asker<'_>, kind: Kind, finding: String) -> Counterexample {
        let breach = Counterexample::new(kind, finding).of(self.plan, asker.own);
        breach.to(&self.law, asker.group, asker.allowed)
    }

    /// The fence that a table is checked by is no wider than the law.
    fn check_fence(&mut self, asker: Asker<'_>) {
        let fence = asker.class.fence;
        if is_inside(fence, asker.allowed) {
            return;
        }
        let names = self.law.names(fence).join(", ");
        let finding = format!("the class is fenced in by {names}, which is wider than its law");
        let mut breach = self.breach_for(asker, Kind::WideFence, finding);
        breach.family = None;
        self.breach(breach);
    }

    /// What clients can be given for one type of query, every breach of the promises told.
    fn reach(&mut self, asker: Asker<'_>) -> Option<Reach> {
        let reached = self.lead(asker);
        let Some(reached) = reached else {
            self.check_none(asker);
            return None;
        };
        let facts = |region: RegionId| (asker.own.service, asker.own.family, region);
        let consulted: Vec<RegionId> = asker
            .class
            .preference
            .iter()
            .copied()
            .filter(|region| reached.contains(region) && self.pools.contains_key(&facts(*region)))
            .collect();
        for region in reached.iter().filter(|region| !consulted.contains(region)) {
            let finding = "steering leads to a region that the class does not prefer".to_owned();
            let breach = self.breach_for(asker, Kind::Astray, finding);
            let given = self.given(*region, None, asker.own.family);
            self.breach(breach.giving(Some(given)));
        }
        for (place, region) in consulted.iter().enumerate() {
            self.check_region(asker, &consulted[..place], *region);
        }
        Some(self.reach_of(asker, &consulted))
    }

    /// The regions to which the class is led by the states of health that stand for all (see
    /// `routes`): nothing up, each pool alone up wholly or in part, all up. `None` if it is led nowhere.
    fn lead(&mut self, asker: Asker<'_>) -> Option<BTreeSet<RegionId>> {
        let plan = self.plan;
        let Subject { service, family } = asker.own;
        let all_down = plan.services[service.index()].all_down;
        let mut has = vec![false; plan.regions.len()];
        for region in &asker.class.preference {
            has[region.index()] = self.pools.contains_key(&(service, family, *region));
        }
        let mut reached = BTreeSet::new();
        let mut ask = |state_of: &dyn Fn(RegionId) -> (Extent, Permille)| {
            self.cases.routes += 1;
            let pool_of = |region: RegionId| {
                let (extent, largest) = state_of(region);
                let state = PoolState { extent, largest };
                has[region.index()].then_some(state)
            };
            let found = route(&asker.class.preference, all_down, pool_of)?;
            let steps = found
                .steps
                .iter()
                .filter(|step| step.extent != Extent::Nobody);
            reached.extend(steps.map(|step| step.region));
            match found.ending {
                Ending::Overflow(region) | Ending::FailOpen(region) => {
                    reached.insert(region);
                }
                Ending::Whole | Ending::AllDown => {}
            }
            Some(())
        };
        const NOBODY: (Extent, Permille) = (Extent::Nobody, Permille::NONE);
        const WHOLE: (Extent, Permille) = (Extent::Everyone, Permille::FULL);
        const PART: (Extent, Permille) = (Extent::Some, Permille(1));
        ask(&|_| NOBODY)?;
        ask(&|_| WHOLE)?;
        for &alone in &asker.class.preference {
            for state in [WHOLE, PART] {
                ask(&|region| if region == alone { state } else { NOBODY })?;
            }
        }
        Some(reached)
    }

    /// An answer must be missing only where no endpoint of the family lies inside of the fence.
    fn check_none(&mut self, asker: Asker<'_>) {
        let Subject { service, family } = asker.own;
        let regions = (0..self.plan.regions.len()).map(RegionId::from_index);
        let mut inside = regions.filter(|region| {
            let law = self.plan.regions[region.index()].jurisdiction;
            asker.allowed.contains(law) && self.pools.contains_key(&(service, family, *region))
        });
        let Some(region) = inside.next() else {
            return;
        };
        let name = &self.plan.regions[region.index()].name;
        let finding = format!("no answer, though {name} is inside of the clients' fence");
        let breach = self.breach_for(asker, Kind::Empty, finding);
        self.breach(breach);
    }

    /// A service that prefers home asks every region at home before any abroad.
    fn check_home_first(&mut self, asker: Asker<'_>) {
        let prefers = self.plan.services[asker.own.service.index()].residency == Residency::Prefer;
        let Who::Under(home) = asker.group.who else {
            return;
        };
        let is_home =
            |region: &&RegionId| self.plan.regions[region.index()].jurisdiction == Some(home);
        let regions = asker.class.preference.iter();
        let abroad = regions.clone().take_while(is_home).count();
        let late = regions.clone().skip(abroad).find(is_home);
        let (true, Some(late), Some(first)) = (prefers, late, asker.class.preference.get(abroad))
        else {
            return;
        };
        let finding = format!(
            "{} abroad is asked before {} at home",
            self.plan.regions[first.index()].name,
            self.plan.regions[late.index()].name,
        );
        let mut breach = self.breach_for(asker, Kind::AbroadFirst, finding);
        breach.family = None;
        let given = self.given(*first, None, asker.own.family);
        self.breach(breach.giving(Some(given)));
    }

    /// Nothing that a region can give the class leads outside of the fence.
    fn check_region(&mut self, asker: Asker<'_>, before: &[RegionId], region: RegionId) {
        let Subject { service, family } = asker.own;
        let facts = &self.pools[&(service, family, region)];
        if is_inside(facts.exposed, asker.allowed) {
            return;
        }
        let outside = |endpoint: &EndpointId| !asker.allowed.contains(self.law_of(*endpoint));
        let law = self.plan.regions[region.index()].jurisdiction;
        let foreign = facts.given.endpoints.iter().copied().find(outside);
        if !asker.allowed.contains(law) || foreign.is_some() {
            let endpoint = foreign.or(facts.given.endpoints.first().copied());
            let place = foreign.map_or(region, |one| self.plan.endpoints[one.index()].region);
            let name = &self.plan.regions[place.index()].name;
            let finding = format!("an answer from {name} lies outside of the clients' fence");
            let breach = self.breach_for(asker, Kind::Outside, finding);
            let breach = breach.when(self.witness(asker.own, before, region, endpoint));
            let given = self.given(place, endpoint, family);
            self.breach(breach.giving(Some(given)));
            return;
        }
        for &endpoint in &facts.given.endpoints {
            let addresses = self.plan.endpoints[endpoint.index()].addresses.iter();
            for address in addresses.filter(|address| Family::of(**address) == family) {
                let Some(other) = self.owners[address].iter().copied().find(outside) else {
                    continue;
                };
                let other = &self.plan.endpoints[other.index()];
                let finding = format!(
                    "{address} is an address of {} in {} as well, outside of the clients' fence",
                    other.name,
                    self.plan.regions[other.region.index()].name,
                );
                let breach = self.breach_for(asker, Kind::SharedAddress, finding);
                let health = self.witness(asker.own, before, region, Some(endpoint));
                let mut given = self.given(region, Some(endpoint), family);
                given.address = Some(*address);
                return self.breach(breach.when(health).giving(Some(given)));
            }
        }
    }

    /// A state of health in which a region gives an endpoint to a class.
    fn witness(
        &self,
        own: Subject,
        before: &[RegionId],
        region: RegionId,
        endpoint: Option<EndpointId>,
    ) -> String {
        let name = |region: &RegionId| self.plan.regions[region.index()].name.clone();
        let mut down: Vec<String> = before.iter().map(name).collect();
        let pool = pools::pool(self.plan, own.service, own.family, region);
        let others = pool.into_iter().flat_map(pools::members);
        let others = others.filter(|other| Some(other.endpoint) != endpoint);
        down.extend(others.map(|one| self.plan.endpoints[one.endpoint.index()].name.clone()));
        if down.is_empty() {
            return "all up".to_owned();
        }
        format!("down: {}; all else up", down.join(", "))
    }

    fn reach_of(&self, asker: Asker<'_>, consulted: &[RegionId]) -> Reach {
        let plan = self.plan;
        let Subject { service, family } = asker.own;
        let names = |endpoints: &[EndpointId]| {
            let names = endpoints.iter();
            names
                .map(|one| plan.endpoints[one.index()].name.clone())
                .collect()
        };
        let facts = |region: &RegionId| &self.pools[&(service, family, *region)].given;
        let regions = consulted.iter().map(|region| {
            let place = &plan.regions[region.index()];
            let law = place.jurisdiction;
            RegionReach {
                region: place.name.clone(),
                jurisdiction: law.map(|law| plan.jurisdictions[law.index()].name.clone()),
                endpoints: names(&facts(region).endpoints),
            }
        });
        let opens = plan.services[service.index()].all_down == AllDown::FailOpen;
        let first = consulted.first().filter(|_| opens);
        Reach {
            family,
            regions: regions.collect(),
            last_resort: consulted
                .last()
                .map_or(Vec::new(), |last| names(&facts(last).last)),
            failures_until_all_down: consulted.len(),
            fail_open: first.map(|region| plan.regions[region.index()].name.clone()),
            combinations_power_of_ten: consulted.iter().map(|one| 3 * facts(one).targets).sum(),
        }
    }
}
