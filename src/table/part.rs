//! Which pools the classes of a service consult: routes, each kept once.
//!
//! Where all cohorts of a class get the same, its route has that ready, records and all; only where
//! cohorts differ are pools asked when a query comes. Pools that take nobody are passed over when
//! the part is built. How a pool comes to what it gives is not known here.
use std::sync::Arc;

use crate::base::{ClassId, EndpointId, Reason, RegionId};
use crate::plan::{AllDown, Plan};
use crate::steer::{self, Ending, Extent, Spread};

use super::Selection;
use super::layout::{ABSENT, Layout, Neighbour, PartPlace};
use super::pool::{PoolTable, Wait};

/// How one family of some services is steered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The distinct routes.
    pub(super) routes: Vec<Route>,
    /// Index into `routes` by class; [`Part::NONE`] where there is no endpoint.
    of_class: Box<[u16]>,
    /// Whether some class is answered though nothing is healthy, or gets nothing because of it.
    pub(super) strands: bool,
}

/// What one class consults.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// What every cohort gets; absent where cohorts differ.
    pub(super) whole: Option<Whole>,
    /// The first pool that takes some cohorts.
    pub(super) first: Option<Step>,
    /// The others, in order.
    pub(super) later: Box<[Step]>,
    /// What becomes of cohorts that no step takes.
    pub(super) rest: Rest,
    /// How long the standings of all pools last, for what no step takes.
    pub(super) wait: Wait,
}

/// What every cohort gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) records: Box<[u8]>,
    pub(super) endpoints: Box<[EndpointId]>,
    pub(super) region: Option<RegionId>,
    pub(super) reason: Reason,
    pub(super) wait: Wait,
}

/// One pool that takes some cohorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Number of the pool.
    pub(super) pool: u32,
    /// Its region.
    pub(super) region: RegionId,
    /// Which preference it is.
    pub(super) place: Preference,
    /// How long the pools before it stay as they are.
    pub(super) before: Wait,
}

/// Which preference a region is for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    /// The first that has an endpoint at all.
    First,
    /// A later one.
    Later,
}

/// What becomes of cohorts that no step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// There are none.
    Nobody,
    /// The largest share, in this pool and region, takes them.
    Overflow(u32, RegionId),
    /// This pool in this region takes them, though nothing is healthy.
    FailOpen(u32, RegionId),
    /// They get nothing.
    AllDown,
}

impl Part {
    /// Marks a preference without any endpoint of the service.
    const NONE: u16 = u16::MAX;

    pub(super) fn new(
        plan: &Plan,
        layout: &Layout,
        place: &PartPlace,
        pools: &[Arc<PoolTable>],
    ) -> Self {
        let service = &plan.services[place.service.index()];
        let order = layout.order_of(plan, place.service).neighbours();
        let mut routes = Routes {
            place,
            pools,
            all_down: service.all_down,
            done: Vec::new(),
        };
        let preference = |class: ClassId| {
            let map = &plan.maps[service.map.index()];
            map.classes[class.index()].preference.as_slice()
        };
        let of_class = routes.of_classes(order, preference);
        Self {
            strands: routes.done.iter().any(Route::strands),
            routes: routes.done,
            of_class,
        }
    }

    /// The route of a class.
    pub(super) fn route(&self, class: ClassId) -> Option<&Route> {
        self.routes
            .get(usize::from(*self.of_class.get(class.index())?))
    }

    /// The number of the route of a class.
    pub(super) fn number(&self, class: ClassId) -> Option<usize> {
        let number = self.of_class.get(class.index()).copied();
        number
            .filter(|&number| number != Self::NONE)
            .map(usize::from)
    }
}

/// The routes of a part while they are found.
struct Routes<'p> {
    place: &'p PartPlace,
    pools: &'p [Arc<PoolTable>],
    all_down: AllDown,
    done: Vec<Route>,
}

impl Routes<'_> {
    /// The route of each class. A preference that begins with all that the route of its neighbour
    /// depends on has that route as well.
    fn of_classes<'p>(
        &mut self,
        order: &[Neighbour],
        preference: impl Fn(ClassId) -> &'p [RegionId],
    ) -> Box<[u16]> {
        let mut numbers = vec![Part::NONE; order.len()];
        let (mut depth, mut number) = (0, Part::NONE);
        for (place, neighbour) in order.iter().enumerate() {
            if place == 0 || neighbour.common < depth {
                (depth, number) = self.find(preference(neighbour.class));
            }
            numbers[neighbour.class.index()] = number;
        }
        numbers.into()
    }

    /// Finds the route of a preference: how many of its regions it depends on
    /// ([`Neighbour::EQUAL`] if on where it ends as well), and its number.
    fn find(&mut self, preference: &[RegionId]) -> (u16, u16) {
        let state = |region| self.pool(region).map(|(_, pool)| pool.state);
        let Some(route) = steer::route(preference, self.all_down, state) else {
            return (Neighbour::EQUAL, Part::NONE);
        };
        let dense = self.dense(&route);
        self.done.push(dense);
        let number = u16::try_from(self.done.len() - 1);
        let number = number.expect("limits.rs bounds the classes of a map");
        match route.ending {
            Ending::Whole => (u16::try_from(route.depth).unwrap_or(u16::MAX), number),
            Ending::Overflow(_) | Ending::FailOpen(_) | Ending::AllDown => {
                (Neighbour::EQUAL, number)
            }
        }
    }

    fn pool(&self, region: RegionId) -> Option<(u32, &PoolTable)> {
        let number = *self.place.pools.get(region.index())?;
        (number != ABSENT).then(|| (number, &*self.pools[number as usize]))
    }

    /// The same route in numbers of pools, without those that take nobody.
    fn dense(&self, route: &steer::Route) -> Route {
        let (mut first, mut later, mut wait) = (None, Vec::new(), Wait::FOREVER);
        for (index, step) in route.steps.iter().enumerate() {
            let Some((number, pool)) = self.pool(step.region) else {
                continue;
            };
            let dense = Step {
                pool: number,
                region: step.region,
                place: match index {
                    0 => Preference::First,
                    _ => Preference::Later,
                },
                before: wait,
            };
            match (step.extent, first) {
                (Extent::Nobody, _) => {}
                (_, None) => first = Some(dense),
                (_, Some(_)) => later.push(dense),
            }
            wait = wait.or(pool.wait);
        }
        let rest = self.rest(route.ending);
        let mut dense = Route {
            whole: None,
            first,
            later: later.into(),
            rest,
            wait: match rest {
                Rest::Nobody => Wait::FOREVER,
                Rest::Overflow(..) | Rest::FailOpen(..) | Rest::AllDown => wait,
            },
        };
        dense.whole = self.whole(&dense);
        dense
    }

    fn rest(&self, ending: Ending) -> Rest {
        let number = |region| self.pool(region).map_or(ABSENT, |(number, _)| number);
        match ending {
            Ending::Whole => Rest::Nobody,
            Ending::Overflow(region) => Rest::Overflow(number(region), region),
            Ending::FailOpen(region) => Rest::FailOpen(number(region), region),
            Ending::AllDown => Rest::AllDown,
        }
    }

    /// What every cohort gets, if that is the same: the first pool asked decides, for it takes
    /// some cohorts, and if it takes all of them alike there is no second.
    fn whole(&self, route: &Route) -> Option<Whole> {
        let spread = match (route.first, route.rest) {
            (Some(step), _) => Some(&self.pools[step.pool as usize].by_share.spread),
            (None, Rest::Overflow(pool, _) | Rest::FailOpen(pool, _)) => {
                let spare = self.pools[pool as usize].spare.as_ref();
                spare.map(|given| &given.spread)
            }
            (None, Rest::Nobody | Rest::AllDown) => None,
        };
        match spread {
            Some(Spread::ByCohort(_)) => None,
            _ => route.ask(self.pools, 0).as_ref().map(Whole::of),
        }
    }
}

impl Whole {
    fn of(selection: &Selection<'_>) -> Self {
        Self {
            records: selection.records.into(),
            endpoints: selection.endpoints.into(),
            region: selection.region,
            reason: selection.reason,
            wait: Wait::new(selection.hold, selection.until),
        }
    }
}

impl Route {
    /// The pools that take some cohorts, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.first.iter().chain(&self.later)
    }

    /// Whether nothing is healthy for the classes that have it.
    pub(super) fn strands(&self) -> bool {
        matches!(self.rest, Rest::FailOpen(..) | Rest::AllDown)
    }
}
