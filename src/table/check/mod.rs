//! The independent check of a table, made before it is published.
//!
//! It reads the plan, the standings and what [`Table::select`] gives, and holds them against the
//! promises. It reads the types that the builder fills and shares none of its decisions: the builder walks from standings to picks, the
//! check from what is given back to the config.
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
//! | [`Breach::Above`], [`Breach::Room`] | no place above its capacity while there is room elsewhere |
//! | [`Breach::Beyond`] | no ramp ahead of its curve because another place is full |
//! | [`Breach::Region`] | the standings of the client's own region, where it has some |
//! | [`Breach::Scope`] | answers said to be alike for all cohorts are (promise 9) |
//!
//! Every cohort is looked at once, in the check of its pool: after that, all picks of a pool are known
//! to be sound, and how many cohorts it leaves over. So a route is sound if each of its pools is the
//! service's own, and no cohort is left at its end; one cohort for each pool that it leads to is asked
//! of the table and held against the config in full. Classes are then judged each by the regions
//! that their route gives.
//!
//! What [`check_changed`] finds shared with a table that was checked before, it leaves out.
use std::sync::Arc;

use thiserror::Error;

use crate::base::{ClassId, Family, Permille, Reason, RegionId, ServiceId};
use crate::plan::{AllDown, Class, FamilyPairing, Pool, Service};

use super::Table;

use allocations::AllTakes;
use route::known_to_give;

mod allocations;
mod family_pair;
mod fleet;
mod loads;
mod numbers;
#[cfg(test)]
mod planted;
mod pool;
mod regions;
mod route;
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
    /// Another region than the one that both families are to come from.
    #[error("{0} is where both families are to come from")]
    Apart(String),
    /// An endpoint without a share.
    #[error("endpoint {0} has no share")]
    Dead(String),
    /// A pool of which too few endpoints are up takes clients by share.
    #[error("{0} takes clients, and fewer of its endpoints are fully up than it needs")]
    Short(String),
    /// An endpoint serves more than its share.
    #[error("endpoint {0} serves {1} cohorts of 1000, its share is {2}")]
    Ahead(String, u16, Permille),
    /// An endpoint takes clients because others are full, and its share does not let it.
    #[error("endpoint {0} is given cohorts that its share does not let it take")]
    Beyond(String),
    /// A place carries more than it can, and not for want of room.
    #[error("{0} would carry {1}, its capacity is {2}")]
    Above(String, u64, u32),
    /// Clients are said to fit nowhere.
    #[error("endpoint {0} has room, and clients that may use it are said to fit nowhere")]
    Room(String),
    /// The reason is not the true one.
    #[error("the reason is not {0:?}")]
    Reason(Reason),
    /// Clients are not given what the standings of their region come to.
    #[error("clients who prefer {0} first are not answered by the standings that hold for them")]
    Region(String),
    /// Cohorts differ where none should.
    #[error("cohorts differ, though they are said to be alike")]
    Scope,
}

/// Checks a whole table.
///
/// # Errors
/// The first breach that is found.
pub fn check(table: &Table) -> Result<(), CheckError> {
    if let Some(views) = &table.regional {
        check(&views.whole)?;
        return views.check(table);
    }
    let check = Check {
        table,
        previous: None,
        shared: vec![false; table.pools.len()],
        takes: AllTakes::new(table),
    };
    check.check_numbers()?;
    (0..table.pools.len()).try_for_each(|number| check.check_pool(number))?;
    (0..table.service_routes.len()).try_for_each(|number| check.check_routes(number))?;
    check.check_loads()
}

/// Checks what `table` does not share with `previous`, which was checked before.
///
/// # Errors
/// The first breach that is found.
pub fn check_changed(table: &Table, previous: &Table) -> Result<(), CheckError> {
    let previous = previous.whole();
    if let Some(views) = &table.regional {
        check_changed(&views.whole, previous)?;
        return views.check(table);
    }
    if !Arc::ptr_eq(&table.layout, &previous.layout) {
        return check(table);
    }
    let shared = (0..table.pools.len()).map(|number| is_shared(table, previous, number));
    let check = Check {
        table,
        previous: Some(previous),
        shared: shared.collect(),
        takes: AllTakes::new(table),
    };
    let mut pools = (0..table.pools.len()).filter(|number| !check.shared[*number]);
    pools.try_for_each(|number| check.check_pool(number))?;
    let same_part = |number: usize| {
        let mut pools = table.layout.service_routes[number].numbers();
        let same = Arc::ptr_eq(
            &table.service_routes[number],
            &previous.service_routes[number],
        );
        same && pools.all(|pool| check.shared[pool])
    };
    let mut service_routes = (0..table.service_routes.len()).filter(|number| !same_part(*number));
    service_routes.try_for_each(|number| check.check_routes(number))?;
    check.check_loads()
}

/// Tells whether the pool of a number is that of the previous table, or makes the same choices out of the
/// same shares.
fn is_shared(table: &Table, previous: &Table, number: usize) -> bool {
    let (pool, old) = (&table.pools[number], &previous.pools[number]);
    Arc::ptr_eq(pool, old) || pool.chooses_as(old) && has_same_shares(table, previous, number)
}

fn has_same_shares(table: &Table, previous: &Table, number: usize) -> bool {
    let pool = table.layout.pools[number].pool(&table.plan);
    let members = pool.tiers.iter().flat_map(|tier| &tier.members);
    let mut targets = members.map(|member| member.target.index());
    targets.all(|one| table.standings[one].share == previous.standings[one].share)
}

struct Check<'t> {
    table: &'t Table,
    /// A table of the same layout that was checked before.
    previous: Option<&'t Table>,
    /// By pool: whether that table has it, too.
    shared: Vec<bool>,
    /// Whom the pools take, where capacity is planned.
    takes: AllTakes,
}

/// One service and family.
#[derive(Clone, Copy)]
struct Subject<'t> {
    id: ServiceId,
    service: &'t Service,
    family: Family,
}

/// What a route gives to some of its cohorts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Given {
    region: Option<RegionId>,
    reason: Reason,
}

/// The largest share in each region; absent where the subject has no endpoint.
type Largest = Vec<Option<Permille>>;

impl<'t> Subject<'t> {
    fn pool(&self, region: RegionId) -> Option<&'t Pool> {
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
    fn subject(&self, id: ServiceId, family: Family) -> Subject<'t> {
        let service = &self.table.plan.services[id.index()];
        Subject {
            id,
            service,
            family,
        }
    }

    /// Checks what the classes of some services are given.
    fn check_routes(&self, number: usize) -> Result<(), CheckError> {
        let place = &self.table.layout.service_routes[number];
        let own = self.subject(place.service, place.family);
        let routes = &self.table.service_routes[number];
        let before = self
            .previous
            .map(|previous| &previous.service_routes[number]);
        let largest = self.largest(own);
        let mut gives_of: Vec<Option<Vec<Given>>> = vec![None; routes.routes.len()];
        let map = &self.table.plan.maps[own.service.map.index()];
        for (index, class) in map.classes.iter().enumerate() {
            let id = ClassId::from_index(index);
            let failed = |breach| own.error(format!("class {index}"), breach);
            if map.lots_of(id).is_some() {
                // Nobody is in it who is not in one of those that its clients draw.
                continue;
            }
            let Some(number) = routes.number(id) else {
                self.check_none(own, class).map_err(failed)?;
                continue;
            };
            let known = gives_of
                .get_mut(number)
                .ok_or_else(|| failed(Breach::Empty))?;
            let gives = match known {
                Some(gives) => gives,
                None => {
                    let route = &routes.routes[number];
                    if own.service.steering.families == FamilyPairing::Together {
                        self.check_pair(own, (id, class), &largest)
                            .map_err(failed)?;
                        continue;
                    }
                    if !route.allocations.is_empty() {
                        self.check_allocations(own, (id, class), route, &largest)
                            .map_err(failed)?;
                        continue;
                    }
                    let before = before.and_then(|before| before.route(id));
                    known.insert(match before {
                        Some(before) if self.leads_alike(before, route) => known_to_give(route),
                        _ => self.check_route(own, id, route)?,
                    })
                }
            };
            let mut gives = gives.iter();
            gives
                .try_for_each(|given| self.check_class(own, &largest, class, *given))
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Checks what a class gets against its preference and its fence.
    fn check_class(
        &self,
        own: Subject<'_>,
        largest: &Largest,
        class: &Class,
        given: Given,
    ) -> Result<(), Breach> {
        if let Some(region) = given.region {
            self.check_fence(class, region)?;
            let nearest = class.preference.first() == Some(&region);
            let proper = matches!(given.reason, Reason::Preferred | Reason::Backup);
            if nearest && proper && largest[region.index()] == Some(Permille::FULL) {
                // The best there is: nobody can have been passed over, and it is alive.
                return Ok(());
            }
        }
        let regions = class.preference.iter();
        let mut regions = regions.filter_map(|region| Some((*region, largest[region.index()]?)));
        let place = given.region.and_then(|given| {
            let mut regions = regions.clone();
            regions.position(|(region, _)| region == given)
        });
        let whole = regions
            .clone()
            .position(|(_, share)| share == Permille::FULL);
        if let (Some(whole), true) = (whole, place.is_none_or(|place| Some(place) > whole)) {
            let passed = regions.nth(whole).map(|(region, _)| region);
            return Err(Breach::Passed(
                passed.map_or_else(String::new, |region| self.region_name(region)),
            ));
        }
        let dead = regions.all(|(_, share)| share == Permille::NONE);
        let opens = own.service.all_down == AllDown::FailOpen;
        let right = match given.reason {
            Reason::Preferred | Reason::Backup => place == Some(0) && !dead,
            Reason::Failover => place.is_some_and(|place| place > 0) && !dead,
            Reason::Overflow => whole.is_none() && !dead,
            Reason::FailOpen => place == Some(0) && dead && opens,
            Reason::AllDown => dead && !opens,
            // Who gets them is diverted.
            Reason::Full | Reason::Overloaded => false,
            Reason::Static
            | Reason::Referral
            | Reason::Nodata
            | Reason::Nxdomain
            | Reason::Refused
            | Reason::Formerr
            | Reason::Notimp
            | Reason::Badvers
            | Reason::Yxdomain
            | Reason::Chaos
            | Reason::Expired
            | Reason::NotLoaded
            | Reason::Withheld
            | Reason::Cookie
            | Reason::Limited => false,
        };
        if right {
            Ok(())
        } else {
            Err(Breach::Reason(given.reason))
        }
    }

    /// Checks that there is no endpoint inside the fence where there is no answer.
    fn check_none(&self, own: Subject<'_>, class: &Class) -> Result<(), Breach> {
        let regions = self.table.plan.regions.iter().enumerate();
        let mut inside = regions.filter(|(_, region)| class.fence.contains(region.jurisdiction));
        let missed = inside.any(|(index, _)| own.pool(RegionId::from_index(index)).is_some());
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

    fn largest(&self, own: Subject<'_>) -> Largest {
        let regions = (0..self.table.plan.regions.len()).map(RegionId::from_index);
        let largest = regions.map(|region| {
            let pool = own.pool(region)?;
            let members = pool.tiers.iter().flat_map(|tier| &tier.members);
            let largest = members.map(|member| self.share(member)).max()?;
            // A pool that is short takes nobody by share, so nobody could have been passed over.
            let bound = match pool.is_short(&self.table.standings) {
                true => Permille(Permille::FULL.0 - 1),
                false => Permille::FULL,
            };
            Some(largest.min(bound))
        });
        largest.collect()
    }
}
