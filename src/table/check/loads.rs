//! The check of what places carry: nobody above a capacity but those who are said to fit nowhere, and
//! nobody said so while there is room.
//!
//! The sums are made anew from what routes give and classes ask for. All is in millionths of the
//! operator's unit.
use crate::base::{ClassId, EndpointId, Family, RegionId};
use crate::steer::CohortSource;
use crate::steer::capacity::Placement;
use crate::steer::capacity::cohorts::Cohorts;
use crate::table::pool::Given;
use crate::table::service_routes::{Recipient, Rest, Route, RouteAllocation};

use super::{Breach, Check, CheckError, Subject};

const UNIT: u64 = 1_000_000;

/// What places carry.
struct Sums {
    endpoints: Vec<Sum>,
    regions: Vec<Sum>,
}

/// What one place carries.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// By clients whom some share takes and for whom there is room.
    placed: u64,
    /// By clients whom no share takes.
    fixed: u64,
}

impl Sums {
    fn put(&mut self, (region, together): (RegionId, &[EndpointId]), whole: u64, fixed: bool) {
        let many = together.len().max(1) as u64;
        let places = together
            .iter()
            .map(|own| (own.index(), whole.div_ceil(many)));
        for (place, routes) in places {
            self.endpoints[place].add(routes, fixed);
        }
        self.regions[region.index()].add(whole, fixed);
    }
}

impl Sum {
    fn add(&mut self, routes: u64, fixed: bool) {
        let sum = if fixed {
            &mut self.fixed
        } else {
            &mut self.placed
        };
        *sum = sum.saturating_add(routes);
    }

    fn room(self, capacity: Option<u32>) -> u64 {
        let all = self.placed.saturating_add(self.fixed);
        capacity.map_or(u64::MAX, |units| {
            (u64::from(units) * UNIT).saturating_sub(all)
        })
    }

    /// Checks that it is no more than can be carried, if anyone is there who could be elsewhere.
    fn check(self, name: &str, capacity: Option<u32>) -> Result<(), Breach> {
        let all = self.placed.saturating_add(self.fixed);
        match capacity {
            Some(units) if self.placed > 0 && all > u64::from(units) * UNIT => {
                Err(Breach::Above(name.to_owned(), all / UNIT, units))
            }
            _ => Ok(()),
        }
    }
}

impl Check<'_> {
    /// Checks what places carry, unless it is what they carried in the table before.
    pub(super) fn check_loads(&self) -> Result<(), CheckError> {
        let Some(load_plan) = &self.table.load_plan else {
            return Ok(());
        };
        let before = self.previous.and_then(|previous| {
            let same = previous.demands == self.table.demands;
            previous.load_plan.as_ref().filter(|_| same)
        });
        if before.is_some_and(|before| load_plan.diverts_as(before)) && self.shares_are_as_before()
        {
            return Ok(());
        }
        let plan = &self.table.plan;
        let mut sums = Sums {
            endpoints: vec![Sum::default(); plan.endpoints.len()],
            regions: vec![Sum::default(); plan.regions.len()],
        };
        let asked = self.asked();
        for (number, asked) in asked.iter().enumerate() {
            self.add_part(number, asked, &mut sums);
        }
        let failed = |breach| CheckError {
            service: "all".to_owned(),
            family: Family::V4,
            place: "capacity".to_owned(),
            breach,
        };
        let endpoints = plan.endpoints.iter().zip(&sums.endpoints);
        for (id, (own, sum)) in (0..).map(EndpointId).zip(endpoints) {
            let capacity = self.table.demands.capacity(plan, id);
            sum.check(&own.name, capacity).map_err(failed)?;
        }
        for (own, sum) in plan.regions.iter().zip(&sums.regions) {
            sum.check(&own.name, own.capacity).map_err(failed)?;
        }
        let service_routes = asked.iter().enumerate();
        service_routes
            .into_iter()
            .try_for_each(|(number, asked)| self.check_rooms(number, asked, &sums))
    }

    fn shares_are_as_before(&self) -> bool {
        self.previous.is_some_and(|previous| {
            let mut pairs = self.table.standings.iter().zip(&*previous.standings);
            pairs.all(|(one, two)| one.share == two.share)
        })
    }

    /// The demand of classes, by number of the routes: a cohort's demand in millionths.
    fn asked(&self) -> Vec<Vec<u64>> {
        let layout = &self.table.layout;
        let mut asked = vec![Vec::new(); layout.service_routes.len()];
        for (service, service_routes) in (0..).map(crate::base::ServiceId).zip(&layout.routes_of) {
            for (family, routes) in Family::ALL.into_iter().zip(service_routes) {
                let row = self.table.demands.row(service, family);
                let own: &mut Vec<u64> = &mut asked[*routes as usize];
                own.resize(own.len().max(row.len()), 0);
                own.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
            }
        }
        asked
    }

    fn add_part(&self, number: usize, asked: &[u64], sums: &mut Sums) {
        let routes = &self.table.service_routes[number];
        let mut profiles: Vec<Option<Vec<Share<'_>>>> = Vec::new();
        profiles.resize_with(routes.routes.len(), || None);
        let asking = asked.iter().enumerate().filter(|(_, demand)| **demand > 0);
        for (index, &demand) in asking {
            let Some(number) = routes.number(ClassId::from_index(index)) else {
                continue;
            };
            let profile =
                profiles[number].get_or_insert_with(|| self.profile(&routes.routes[number]));
            for share in profile {
                let many = share.together.len().max(1) as u64;
                // Each cohort is split by itself, so each is rounded by itself.
                let whole = match many {
                    1 => demand * share.count,
                    _ => demand.div_ceil(many) * many * share.count,
                };
                let place = (share.region, share.together);
                sums.put(place, whole, share.fixed);
                let rounded = whole - demand * share.count;
                let region = &mut sums.regions[share.region.index()];
                let sum = if share.fixed {
                    &mut region.fixed
                } else {
                    &mut region.placed
                };
                *sum -= rounded;
            }
        }
    }

    /// What a route gives to how many cohorts, without those who fit nowhere.
    fn profile<'r>(&'r self, route: &'r Route) -> Vec<Share<'r>> {
        let mut shares = Vec::new();
        let mut left = Cohorts::ALL;
        for step in route.steps() {
            self.add_given((step.pool as usize, step.region), &left, &mut shares);
            left = left.without(&self.takes(step.pool as usize).all);
        }
        for allocation in &route.allocations {
            left = left.without(&allocation.cohorts);
            if allocation.placement != Placement::Overloaded {
                self.add_lot(allocation, &mut shares);
            }
        }
        if let Rest::Overflow(pool, region) | Rest::FailOpen(pool, region) = route.rest {
            let spare = self.table.pools[pool as usize].spare.as_ref();
            spare
                .into_iter()
                .for_each(|spare| add_spare(spare, region, &left, &mut shares));
        }
        shares
    }

    fn add_lot<'r>(&'r self, allocation: &'r RouteAllocation, shares: &mut Vec<Share<'r>>) {
        match &allocation.by {
            Recipient::Share => {
                self.add_given(
                    (allocation.pool as usize, allocation.region),
                    &allocation.cohorts,
                    shares,
                );
            }
            Recipient::Alone(endpoint, _) => shares.push(Share {
                region: allocation.region,
                together: std::slice::from_ref(endpoint),
                count: allocation.cohorts.len().into(),
                fixed: false,
            }),
        }
    }

    fn add_given<'r>(
        &'r self,
        (pool, region): (usize, RegionId),
        some: &Cohorts,
        shares: &mut Vec<Share<'r>>,
    ) {
        let given = &self.table.pools[pool].by_share;
        let takes = self.takes(pool);
        let picks = given.picks.iter().zip(&takes.by_pick);
        shares.push(Share {
            region,
            together: &[],
            count: takes.drawn.and(some).len().into(),
            fixed: false,
        });
        shares.extend(picks.map(|(pick, takers)| Share {
            region,
            together: given.endpoints(pick),
            count: takers.and(some).len().into(),
            fixed: false,
        }));
    }

    /// Checks that those who are said to fit nowhere find no room in any pool that takes them.
    fn check_rooms(&self, number: usize, asked: &[u64], sums: &Sums) -> Result<(), CheckError> {
        let place = &self.table.layout.service_routes[number];
        let own = self.subject(place.service, place.family);
        let routes = &self.table.service_routes[number];
        let asking = asked.iter().enumerate().filter(|(_, demand)| **demand > 0);
        for (index, &demand) in asking {
            let route = routes.route(ClassId::from_index(index));
            let allocations = route.map_or(&[][..], |route| &route.allocations);
            let over = allocations
                .iter()
                .filter(|allocation| allocation.placement == Placement::Overloaded);
            let over = over.fold(Cohorts::NONE, |all, allocation| all.or(&allocation.cohorts));
            if over.is_empty() {
                continue;
            }
            let found = self.room_for((own, ClassId::from_index(index)), demand, &over, sums);
            if let Some(endpoint) = found {
                let breach = Breach::Room(self.endpoint_name(endpoint));
                return Err(own.error(format!("class {index}"), breach));
            }
        }
        Ok(())
    }

    /// An endpoint with room for some cohorts of a class, if there is one.
    fn room_for(
        &self,
        (own, class): (Subject<'_>, ClassId),
        demand: u64,
        cohorts: &Cohorts,
        sums: &Sums,
    ) -> Option<EndpointId> {
        let plan = &self.table.plan;
        let regions = plan.class(own.id, class).preference.iter();
        let regions = regions.filter(|region| {
            let sum = sums.regions[region.index()];
            sum.room(plan.regions[region.index()].capacity) >= demand
        });
        let pools = regions.filter_map(|region| own.pool(*region));
        let members = pools.flat_map(|pool| {
            let members = pool.tiers.iter().flat_map(|tier| &tier.members);
            members.map(move |member| (pool, member.endpoint))
        });
        let mut free = members.filter(|(_, endpoint)| {
            let sum = sums.endpoints[endpoint.index()];
            sum.room(self.table.demands.capacity(plan, *endpoint)) >= demand
        });
        let found = free.find(|(pool, endpoint)| self.accepts(pool, *endpoint).meet(cohorts));
        found.map(|(_, endpoint)| endpoint)
    }
}

/// What some cohorts of a route get.
struct Share<'r> {
    region: RegionId,
    together: &'r [EndpointId],
    count: u64,
    /// Tells whether no share takes them.
    fixed: bool,
}

fn add_spare<'r>(spare: &'r Given, region: RegionId, left: &Cohorts, shares: &mut Vec<Share<'r>>) {
    let mut counts = vec![0; spare.picks.len()];
    let mut drawn = 0;
    for source in left.iter().filter_map(|cohort| spare.spread.source(cohort)) {
        match source {
            CohortSource::Pick(pick) => counts[pick] += 1,
            CohortSource::Fleet => drawn += 1,
        }
    }
    shares.push(Share {
        region,
        together: &[],
        count: drawn,
        fixed: true,
    });
    shares.extend(spare.picks.iter().zip(counts).map(|(pick, count)| Share {
        region,
        together: spare.endpoints(pick),
        count,
        fixed: true,
    }));
}
