//! The independent check of a table, made before it is published.
//!
//! It reads the plan, the standings and what [`Table::select`] gives, and holds them against the
//! promises. It shares no code with the builder: the builder walks from pools to answers, the
//! check from answers back to the config.
//!
//! | breach | what it would break |
//! |---|---|
//! | [`Breach::Empty`] | an answer for every class with an endpoint inside its fence (promise 1) |
//! | [`Breach::Fence`], [`Breach::Preference`] | no answer outside the fence (promise 2) |
//! | [`Breach::Foreign`], [`Breach::Addresses`] | the service's own endpoints, with their addresses |
//! | [`Breach::Passed`] | the first region that can take the client, and the first tier |
//! | [`Breach::Dead`] | no endpoint without a share while there is any share |
//! | [`Breach::Ahead`] | no ramp ahead of its curve (promise 4) |
//! | [`Breach::Reason`] | the reason given is the true one |
//! | [`Breach::Scope`] | answers said to be alike for all cohorts are (promise 9) |
//!
//! Pools are checked for every cohort, routes for every cohort where cohorts differ and for
//! three where they do not, classes each by the regions of their route. What [`check_changed`]
//! finds shared with a table that was checked before, it leaves out.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, Family, Permille, Reason, RegionId, ServiceId};
use crate::plan::{AllDown, Class, Pool, Service};

use super::{Selection, Table};

mod pool;
#[cfg(test)]
mod tests;

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("service {service}, {family:?}, {place}: {breach}")]
pub struct CheckError {
    /// The service.
    pub service: String,
    /// The family.
    pub family: Family,
    /// The class or region, and the cohort if it is one.
    pub place: String,
    /// What is wrong.
    pub breach: Breach,
}

/// What may be wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Breach {
    /// No answer where the config has an endpoint inside the fence.
    #[error("no answer, though an endpoint lies inside the fence")]
    Empty,
    /// An answer outside the fence.
    #[error("region {0} lies outside the fence")]
    Fence(String),
    /// An answer in a region that the class does not prefer at all.
    #[error("region {0} is not in the preference")]
    Preference(String),
    /// An endpoint of another service, family or region.
    #[error("endpoint {0} does not belong there")]
    Foreign(String),
    /// Other octets than the endpoints' addresses.
    #[error("the addresses are not those of the endpoints")]
    Addresses,
    /// Someone better could have taken the client.
    #[error("{0} could have taken the client and was passed over")]
    Passed(String),
    /// An endpoint without a share.
    #[error("endpoint {0} has no share")]
    Dead(String),
    /// An endpoint serves more than its share.
    #[error("endpoint {0} serves {1} cohorts of 1000, its share is {2}")]
    Ahead(String, u16, Permille),
    /// The reason is not the true one.
    #[error("the reason is not {0:?}")]
    Reason(Reason),
    /// Cohorts differ where none should.
    #[error("cohorts differ, though they are said to be alike")]
    Scope,
}

/// Checks a whole table.
///
/// # Errors
/// The first breach that is found.
pub fn check(table: &Table) -> Result<(), CheckError> {
    Check::new(table, None).run()
}

/// Checks what `table` does not share with `previous`, which was checked before.
///
/// # Errors
/// The first breach that is found.
pub fn check_changed(table: &Table, previous: &Table) -> Result<(), CheckError> {
    let related = Arc::ptr_eq(&table.layout, &previous.layout);
    Check::new(table, related.then_some(previous)).run()
}

struct Check<'t> {
    table: &'t Table,
    previous: Option<&'t Table>,
    /// The service that each pool was checked for.
    pools: Vec<Option<ServiceId>>,
    /// The service that each part was checked for.
    parts: Vec<Option<ServiceId>>,
}

/// One service and family.
#[derive(Clone, Copy)]
struct Subject<'t> {
    id: ServiceId,
    service: &'t Service,
    family: Family,
}

/// What a route gives to its cohorts.
type Gives = BTreeSet<(Option<RegionId>, Reason)>;

impl Subject<'_> {
    fn pool(&self, region: RegionId) -> Option<&Pool> {
        let pool = self.service.pools[self.family.index()].get(region.index());
        pool.filter(|pool| !pool.tiers.is_empty())
    }

    fn error(&self, place: String, breach: Breach) -> CheckError {
        CheckError {
            service: self.service.name.clone(),
            family: self.family,
            place,
            breach,
        }
    }
}

impl<'t> Check<'t> {
    fn new(table: &'t Table, previous: Option<&'t Table>) -> Self {
        Self {
            table,
            previous,
            pools: vec![None; table.pools.len()],
            parts: vec![None; table.parts.len()],
        }
    }

    fn run(mut self) -> Result<(), CheckError> {
        for (index, service) in self.table.plan.services.iter().enumerate() {
            for family in Family::ALL {
                let subject = Subject {
                    id: ServiceId::from_index(index),
                    service,
                    family,
                };
                self.check_pools(subject)?;
                self.check_part(subject)?;
            }
        }
        Ok(())
    }

    /// Checks the classes of a service, unless they were checked with another one's.
    fn check_part(&mut self, subject: Subject<'t>) -> Result<(), CheckError> {
        let number = self.table.layout.part_of[subject.id.index()][subject.family.index()];
        let number = number as usize;
        match self.parts[number] {
            Some(twin) if self.alike(twin, subject.service) => return Ok(()),
            _ => self.parts[number] = Some(subject.id),
        }
        if self.is_shared(number) {
            return Ok(());
        }
        let part = &self.table.parts[number];
        let lists = self.table.layout.lists_of(&self.table.plan, subject.id);
        let map = &self.table.plan.maps[subject.service.map.index()];
        let mut gives: BTreeMap<Option<u16>, Gives> = BTreeMap::new();
        for (index, class) in map.classes.iter().enumerate() {
            let id = ClassId::from_index(index);
            let route = lists.of(id).and_then(|list| part.number(list));
            let found = match gives.get(&route) {
                Some(found) => found,
                None => {
                    let found = self.check_route(subject, id)?;
                    gives.entry(route).or_insert(found)
                }
            };
            let failed = |breach| subject.error(format!("class {index}"), breach);
            self.check_class(subject, class, found).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether two services of one part may really be steered alike; their pools are compared
    /// when the pools are checked.
    fn alike(&self, twin: ServiceId, service: &Service) -> bool {
        let twin = &self.table.plan.services[twin.index()];
        let opens = |service: &Service| service.all_down == AllDown::FailOpen;
        twin.map == service.map && opens(twin) == opens(service)
    }

    /// Whether a part and all of its pools are those of the previous table.
    fn is_shared(&self, part: usize) -> bool {
        let Some(previous) = self.previous else {
            return false;
        };
        let mut pools = self.table.layout.parts[part].pools.iter();
        Arc::ptr_eq(&self.table.parts[part], &previous.parts[part])
            && pools.all(|&pool| {
                let own = self.table.pools.get(pool as usize);
                let before = previous.pools.get(pool as usize);
                match (own, before) {
                    (Some(own), Some(before)) => Arc::ptr_eq(own, before),
                    (own, before) => own.is_none() && before.is_none(),
                }
            })
    }

    /// Checks what the cohorts of a class get; where they are alike, three stand for all.
    fn check_route(&self, subject: Subject<'_>, class: ClassId) -> Result<Gives, CheckError> {
        let select = |cohort| self.table.select(subject.id, subject.family, class, cohort);
        let Some(first) = select(0) else {
            return Ok(Gives::new());
        };
        let step = if first.by_cohort { 1 } else { 499 };
        let mut seen: Vec<Selection<'_>> = Vec::new();
        for cohort in (0..COHORTS).step_by(step) {
            let place = || format!("class {}, cohort {cohort}", class.0);
            let failed = |breach| subject.error(place(), breach);
            let selection = select(cohort).ok_or_else(|| failed(Breach::Empty))?;
            if seen.contains(&selection) {
                continue;
            }
            self.check_selection(subject, selection).map_err(failed)?;
            if !first.by_cohort && selection != first {
                return Err(failed(Breach::Scope));
            }
            seen.push(selection);
        }
        Ok(seen.iter().map(|one| (one.region, one.reason)).collect())
    }

    /// Checks that endpoints and addresses are what the config says, and alive.
    fn check_selection(&self, subject: Subject<'_>, found: Selection<'_>) -> Result<(), Breach> {
        if found.reason == Reason::AllDown {
            let empty = found.records.is_empty() && found.endpoints.is_empty();
            return if empty {
                Ok(())
            } else {
                Err(Breach::Addresses)
            };
        }
        if found.endpoints.is_empty() || found.records.is_empty() {
            return Err(Breach::Empty);
        }
        let pool = found.region.and_then(|region| subject.pool(region));
        let members: Vec<_> = pool.iter().flat_map(|pool| &pool.tiers).collect();
        for &endpoint in found.endpoints {
            let mut members = members.iter().flat_map(|tier| &tier.members);
            let Some(member) = members.find(|member| member.endpoint == endpoint) else {
                return Err(Breach::Foreign(self.endpoint_name(endpoint)));
            };
            let share = self.table.standings[member.target.index()].share;
            if share == Permille::NONE && found.reason != Reason::FailOpen {
                return Err(Breach::Dead(self.endpoint_name(endpoint)));
            }
        }
        self.check_addresses(subject.family, found.endpoints, found.records)
    }

    /// Checks what a class gets against its preference and its fence.
    fn check_class(&self, own: Subject<'_>, class: &Class, gives: &Gives) -> Result<(), Breach> {
        if gives.is_empty() {
            return self.check_none(own, class);
        }
        let regions = class.preference.iter();
        let regions: Vec<_> = regions
            .filter(|region| own.pool(**region).is_some())
            .collect();
        let whole = regions
            .iter()
            .position(|region| self.largest(own, **region) == Permille::FULL);
        let dead = regions
            .iter()
            .all(|region| self.largest(own, **region) == Permille::NONE);
        for &(region, reason) in gives {
            let place = match region {
                Some(region) => {
                    self.check_fence(class, region)?;
                    regions.iter().position(|own| **own == region)
                }
                None => None,
            };
            if let (Some(whole), true) = (whole, place.is_none_or(|place| Some(place) > whole)) {
                return Err(Breach::Passed(self.region_name(*regions[whole])));
            }
            let right = match reason {
                Reason::Preferred | Reason::Backup => place == Some(0) && !dead,
                Reason::Failover => place.is_some_and(|place| place > 0) && !dead,
                Reason::Overflow => whole.is_none() && !dead,
                Reason::FailOpen => {
                    place == Some(0) && dead && own.service.all_down == AllDown::FailOpen
                }
                Reason::AllDown => dead && own.service.all_down != AllDown::FailOpen,
                Reason::Static
                | Reason::Referral
                | Reason::Nodata
                | Reason::Nxdomain
                | Reason::Refused
                | Reason::Formerr
                | Reason::Notimp
                | Reason::Badvers
                | Reason::Yxdomain
                | Reason::Chaos => false,
            };
            if !right {
                return Err(Breach::Reason(reason));
            }
        }
        Ok(())
    }

    /// Checks that there is no endpoint inside the fence where there is no answer.
    fn check_none(&self, subject: Subject<'_>, class: &Class) -> Result<(), Breach> {
        let regions = self.table.plan.regions.iter().enumerate();
        let mut inside = regions.filter(|(_, region)| class.fence.contains(region.jurisdiction));
        let missed = inside.any(|(index, _)| subject.pool(RegionId::from_index(index)).is_some());
        if missed { Err(Breach::Empty) } else { Ok(()) }
    }

    fn check_fence(&self, class: &Class, region: RegionId) -> Result<(), Breach> {
        let jurisdiction = self.table.plan.regions[region.index()].jurisdiction;
        if !class.fence.contains(jurisdiction) {
            return Err(Breach::Fence(self.region_name(region)));
        }
        if !class.preference.contains(&region) {
            return Err(Breach::Preference(self.region_name(region)));
        }
        Ok(())
    }

    fn largest(&self, subject: Subject<'_>, region: RegionId) -> Permille {
        let tiers = subject
            .pool(region)
            .into_iter()
            .flat_map(|pool| &pool.tiers);
        let members = tiers.flat_map(|tier| &tier.members);
        let shares = members.map(|member| self.table.standings[member.target.index()].share);
        shares.max().unwrap_or(Permille::NONE)
    }
}
