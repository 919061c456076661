//! Routes of services whose families come from one region.
//!
//! What they lead whom to is the matter of [`crate::steer::together`](fn@crate::steer::together). A route that leads everyone
//! where it would lead them by itself is left as it is, so that nothing is paid while both families are well.
use super::layout::ABSENT;
use super::pool::{PoolTable, Wait};
use super::service_routes::{Preference, Recipient, Route, RouteAllocation, Routes};
use crate::base::RegionId;
use crate::base::limits::COHORTS;
use crate::steer::capacity::Placement;
use crate::steer::capacity::cohorts::Cohorts;
use crate::steer::{RegionTakes, Spread, together};
use std::sync::Arc;

/// The regions of a preference, as both families see them.
pub(super) struct FamilyPair<'p> {
    pools: &'p [Arc<PoolTable>],
    /// By region in which the family at hand has a pool: its number.
    numbers: Vec<(RegionId, u32)>,
    takes: Vec<RegionTakes>,
    /// How long all pools of the other family stay as they are.
    others: Wait,
}

impl<'p> FamilyPair<'p> {
    pub(super) fn new(routes: &Routes<'p>, preference: &[RegionId]) -> Self {
        let pools = routes.pools;
        let mut pair = Self {
            pools,
            numbers: Vec::new(),
            takes: Vec::new(),
            others: Wait::FOREVER,
        };
        for &region in preference {
            let Some((number, own)) = routes.pool(region) else {
                continue;
            };
            let other = routes.place.others[region.index()];
            let other = (other != ABSENT).then(|| &*pools[other as usize]);
            pair.numbers.push((region, number));
            pair.takes.push(RegionTakes {
                own: taken(&own.by_share.spread),
                other: other.map_or(Cohorts::NONE, |pool| taken(&pool.by_share.spread)),
            });
            let wait = other.map_or(Wait::FOREVER, |pool| pool.wait);
            pair.others = pair.others.or(wait);
        }
        pair
    }

    /// The route that leads both families together, where it led one alone.
    pub(super) fn lead(&self, mut route: Route) -> Route {
        let (serves, _) = together(&self.takes);
        if serves == self.alone() {
            route.shorten(self.others);
            return route;
        }
        let own = self
            .numbers
            .iter()
            .map(|(_, number)| self.pools[*number as usize].wait);
        let wait = own.fold(self.others, Wait::or);
        let places = self.numbers.iter().zip(serves).enumerate();
        let led = places.filter(|(_, (_, cohorts))| !cohorts.is_empty());
        let allocations = led.map(|(place, ((region, pool), cohorts))| RouteAllocation {
            pool: *pool,
            region: *region,
            place: match place {
                0 => Preference::First,
                _ => Preference::Later,
            },
            by: Recipient::Share,
            placement: Placement::Natural,
            cohorts,
        });
        let mut route = Route {
            whole: None,
            first: None,
            later: Box::default(),
            allocations: allocations.collect(),
            rest: route.rest,
            wait,
        };
        route.whole = route.whole_allocation(self.pools);
        route
    }

    /// Whom each region serves if the other family does not matter.
    fn alone(&self) -> Vec<Cohorts> {
        let mut left = Cohorts::ALL;
        let takes = self.takes.iter().map(|region| {
            let own = left.and(&region.own);
            left = left.without(&own);
            own
        });
        takes.collect()
    }
}

/// The cohorts that a pool takes by share.
fn taken(spread: &Spread) -> Cohorts {
    match spread {
        Spread::Nobody => Cohorts::NONE,
        Spread::Everyone => Cohorts::ALL,
        Spread::ByCohort(_) | Spread::Fleet(_) => {
            let mut taken = Cohorts::NONE;
            let own = (0..COHORTS).filter(|cohort| spread.source(*cohort).is_some());
            own.for_each(|cohort| taken.insert(cohort));
            taken
        }
    }
}

impl Route {
    /// Lets what it gives last no longer than something else does.
    fn shorten(&mut self, wait: Wait) {
        self.wait = self.wait.or(wait);
        if let Some(whole) = &mut self.whole {
            whole.wait = whole.wait.or(wait);
        }
        let steps = self.first.iter_mut().chain(&mut self.later);
        steps.for_each(|step| step.before = step.before.or(wait));
    }
}
