//! Whole tables for the states of health that stand for the rest, asked as a query asks.
//!
//! What `routes` and `pools` go through are decisions; a table is what is made of them, with
//! addresses as bytes. So for each region in turn only that region is up, tier by tier, or in part,
//! or it is the only one down; then all are up, in part up, and down. Each such table must pass the
//! table's own check, and what it gives to every class, read back from the bytes, must lie inside of the
//! class's law and be the addresses of the endpoints that it names.
//!
//! A pool gives all its classes the same bytes, so cohorts are gone through one by one for one
//! class of each service, and by a sample for the others.
use std::net::IpAddr;
use std::sync::Arc;

use crate::audit::law::is_inside;
use crate::audit::sight::Group;
use crate::base::limits::COHORTS;
use crate::base::{
    ClassId, Family, JurisdictionSet, Moment, Permille, Reason, RegionId, ServiceId, Standing,
};
use crate::dns::addresses;
use crate::table::{Selection, Table, check};

use super::{Counterexample, DOWN, Kind, Prover, Subject};

/// One in so many cohorts is asked for classes that are only sampled.
pub(super) const SAMPLE: usize = 125;

/// A state of health, and what it is called.
struct State {
    health: String,
    standings: Arc<[Standing]>,
}

/// A class of a service with the strictest law of its clients.
pub(super) struct Subjected {
    /// The class.
    pub(super) class: ClassId,
    /// The place of the group with that law.
    pub(super) group: usize,
    /// Jurisdictions that all their laws allow.
    pub(super) allowed: JurisdictionSet,
}

impl Prover<'_> {
    /// Builds, checks and asks a table for every state.
    pub(super) fn prove_tables(&mut self) {
        let plan = self.plan;
        let groups = std::mem::take(&mut self.groups);
        let subjects: Vec<Vec<Subjected>> = (0..plan.services.len())
            .map(|index| self.subjected(ServiceId::from_index(index), &groups))
            .collect();
        let mut previous: Option<Table> = None;
        for state in self.states() {
            let standings = Arc::clone(&state.standings);
            let now = Moment::default();
            let table = Table::build(1, Arc::clone(plan), standings, now, previous.as_ref());
            self.cases.tables += 1;
            if let Err(refused) = check(&table) {
                let breach = Counterexample::new(Kind::Refused, refused.to_string());
                self.breach(breach.when(state.health.clone()));
            }
            for (index, subjects) in subjects.iter().enumerate() {
                let service = ServiceId::from_index(index);
                let groups = &groups[plan.services[index].map.index()];
                for family in Family::ALL {
                    let own = Subject { service, family };
                    self.ask_classes(&table, own, (subjects, groups), &state);
                }
                self.ask_records(&table, service, (subjects, groups), &state.health);
            }
            previous = Some(table);
        }
        self.groups = groups;
    }

    /// The classes of a service, each with what the laws of all its clients allow.
    fn subjected(&self, service: ServiceId, groups: &[Vec<Group>]) -> Vec<Subjected> {
        let own = &self.plan.services[service.index()];
        let mut subjects: Vec<Subjected> = Vec::new();
        for (index, group) in groups[own.map.index()].iter().enumerate() {
            let allowed = self.law.allowed(own, group.who);
            match subjects.last_mut().filter(|last| last.class == group.class) {
                Some(last) => {
                    if is_inside(allowed, last.allowed) {
                        last.group = index;
                    }
                    last.allowed = JurisdictionSet(last.allowed.0 & allowed.0);
                }
                None => subjects.push(Subjected {
                    class: group.class,
                    group: index,
                    allowed,
                }),
            }
        }
        subjects
    }

    fn ask_classes(
        &mut self,
        table: &Table,
        own: Subject,
        (subjects, groups): (&[Subjected], &[Group]),
        state: &State,
    ) {
        for (index, subject) in subjects.iter().enumerate() {
            let step = if index == 0 { 1 } else { SAMPLE };
            for cohort in (0..COHORTS).step_by(step) {
                self.cases.answers += 1;
                let found = table.select(own.service, own.family, subject.class, cohort);
                if let Err((kind, finding)) = self.judge(own, subject, found) {
                    let region = found.and_then(|found| found.region);
                    let endpoint = found.and_then(|found| found.endpoints.first().copied());
                    let given = region.map(|region| self.given(region, endpoint, own.family));
                    let breach = Counterexample::new(kind, finding).of(self.plan, own);
                    let breach = breach.to(&self.law, &groups[subject.group], subject.allowed);
                    self.breach(breach.when(state.health.clone()).giving(given));
                    break;
                }
                if found.is_none_or(|found| !found.by_cohort) {
                    break;
                }
            }
        }
    }

    /// Whether an answer is what it may be.
    fn judge(
        &self,
        own: Subject,
        subject: &Subjected,
        found: Option<Selection<'_>>,
    ) -> Result<(), (Kind, String)> {
        let plan = self.plan;
        let Some(found) = found else {
            // Whether there may be none is the config's matter, and is judged with the class.
            return Ok(());
        };
        let Some(region) = found.region else {
            let says_nothing = found.reason == Reason::AllDown && found.records.is_empty();
            let finding = "an answer without a region".to_owned();
            return if says_nothing {
                Ok(())
            } else {
                Err((Kind::Empty, finding))
            };
        };
        let laws = found
            .endpoints
            .iter()
            .map(|endpoint| self.law_of(*endpoint));
        let law = plan.regions[region.index()].jurisdiction;
        if laws.chain([law]).any(|law| !subject.allowed.contains(law)) {
            let finding = "the table gives an answer outside of the clients' fence".to_owned();
            return Err((Kind::Outside, finding));
        }
        let mut count = 0;
        for address in addresses::read(own.family, found.records) {
            count += 1;
            if !self.is_of(address, &found) {
                let finding = format!("{address} is not an address of the endpoint");
                return Err((Kind::ForeignAddress, finding));
            }
        }
        match count {
            0 => Err((Kind::Empty, "an answer without an address".to_owned())),
            _ => Ok(()),
        }
    }

    fn is_of(&self, address: IpAddr, found: &Selection<'_>) -> bool {
        let mut endpoints = found.endpoints.iter();
        endpoints.any(|endpoint| {
            let own = &self.plan.endpoints[endpoint.index()].addresses;
            own.contains(&address)
        })
    }

    /// The states of health that stand for all.
    fn states(&self) -> Vec<State> {
        let plan = self.plan;
        let share_of = |health: String, share: &dyn Fn(RegionId, u16) -> Permille| State {
            health,
            standings: plan
                .targets
                .iter()
                .map(|target| {
                    let endpoint = &plan.endpoints[target.endpoint.index()];
                    let share = share(endpoint.region, endpoint.tier);
                    Standing { share, ..DOWN }
                })
                .collect(),
        };
        let mut states = vec![
            share_of("all up".to_owned(), &|_, _| Permille::FULL),
            share_of("all down".to_owned(), &|_, _| Permille::NONE),
            share_of("all half way up a ramp".to_owned(), &|_, _| Permille(500)),
            share_of("all at the start of a ramp".to_owned(), &|_, _| Permille(1)),
        ];
        for (index, region) in plan.regions.iter().enumerate() {
            let id = RegionId::from_index(index);
            let own = plan
                .endpoints
                .iter()
                .filter(|endpoint| endpoint.region == id);
            let mut tiers: Vec<u16> = own.map(|endpoint| endpoint.tier).collect();
            tiers.sort_unstable();
            tiers.dedup();
            let name = &region.name;
            for tier in &tiers {
                let health = format!("only tier {tier} of {name} is up");
                states.push(share_of(health, &|place, own| {
                    Permille(if place == id && own == *tier { 1000 } else { 0 })
                }));
            }
            if tiers.is_empty() {
                continue;
            }
            let health = format!("only {name} is up, a little of it");
            states.push(share_of(health, &|place, _| {
                Permille(u16::from(place == id))
            }));
            let health = format!("only {name} is down");
            states.push(share_of(health, &|place, _| {
                Permille(if place == id { 0 } else { 1000 })
            }));
        }
        states
    }
}
