//! Which pools the classes of a service consult: routes, each kept once.
//!
//! A part holds numbers of pools and never what is in them, so a pool whose picks change while
//! its extent stays leaves most of the part as it was. Pools that take nobody are passed over
//! when the part is built, not when a query comes.
use crate::base::RegionId;
use crate::plan::{AllDown, Plan};
use crate::steer::{self, Ending, Extent};

use super::layout::{ABSENT, Layout, Lists, PartPlace};
use super::pool::{PoolTable, Wait};

/// How one family of some services is steered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The distinct routes.
    pub(super) routes: Vec<Route>,
    /// Index into `routes` by preference list; [`Part::NONE`] where there is no endpoint.
    of_list: Box<[u16]>,
    /// Whether some class is answered though nothing is healthy, or gets nothing because of it.
    pub(super) strands: bool,
}

/// What one class consults.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The pools that take some cohorts, in order.
    pub(super) steps: Box<[Step]>,
    /// What becomes of cohorts that no step takes.
    pub(super) rest: Rest,
    /// How long the standings of all pools last, for what no step takes.
    pub(super) wait: Wait,
    /// Whether cohorts differ.
    pub(super) by_cohort: bool,
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
        pools: &[std::sync::Arc<PoolTable>],
    ) -> Self {
        let lists = layout.lists_of(plan, place.service);
        let all_down = plan.services[place.service.index()].all_down;
        let mut routes = Routes {
            place,
            pools,
            all_down,
            done: Vec::new(),
        };
        let of_list = routes.of_lists(lists);
        Self {
            strands: routes.done.iter().any(Route::strands),
            routes: routes.done,
            of_list,
        }
    }

    /// The route of a preference list.
    pub(super) fn route(&self, list: usize) -> Option<&Route> {
        self.routes.get(usize::from(*self.of_list.get(list)?))
    }

    /// The number of the route of a preference list.
    pub(super) fn number(&self, list: usize) -> Option<u16> {
        self.of_list
            .get(list)
            .copied()
            .filter(|&number| number != Self::NONE)
    }
}

/// The routes of a part while they are found.
struct Routes<'p> {
    place: &'p PartPlace,
    pools: &'p [std::sync::Arc<PoolTable>],
    all_down: AllDown,
    done: Vec<Route>,
}

impl Routes<'_> {
    /// The route of each list. Lists are sorted, so one that begins with all that the route of
    /// its neighbour depends on has that route as well.
    fn of_lists(&mut self, lists: &Lists) -> Box<[u16]> {
        let mut last: Option<(&[RegionId], u16)> = None;
        let mut numbers = Vec::with_capacity(lists.lists.len());
        for list in &lists.lists {
            let number = match last {
                Some((start, number)) if list.starts_with(start) => number,
                _ => {
                    let (depth, number) = self.find(list);
                    last = depth.map(|depth| (&list[..depth], number));
                    number
                }
            };
            numbers.push(number);
        }
        numbers.into()
    }

    /// Finds the route of a list: how many of its regions it depends on (none if on where the
    /// list ends as well), and its number.
    fn find(&mut self, list: &[RegionId]) -> (Option<usize>, u16) {
        let state = |region| self.pool(region).map(|(_, pool)| pool.state);
        let Some(route) = steer::route(list, self.all_down, state) else {
            return (None, Part::NONE);
        };
        let dense = self.dense(&route);
        self.done.push(dense);
        let number = u16::try_from(self.done.len() - 1);
        let number = number.expect("limits.rs bounds the classes of a map");
        let whole = route.ending == Ending::Whole;
        (whole.then_some(route.depth), number)
    }

    fn pool(&self, region: RegionId) -> Option<(u32, &PoolTable)> {
        let number = *self.place.pools.get(region.index())?;
        (number != ABSENT).then(|| (number, &*self.pools[number as usize]))
    }

    /// The same route in numbers of pools, without those that take nobody.
    fn dense(&self, route: &steer::Route) -> Route {
        let (mut steps, mut wait) = (Vec::new(), Wait::FOREVER);
        for (index, step) in route.steps.iter().enumerate() {
            let Some((number, pool)) = self.pool(step.region) else {
                continue;
            };
            if step.extent != Extent::Nobody {
                steps.push(Step {
                    pool: number,
                    region: step.region,
                    place: match index {
                        0 => Preference::First,
                        _ => Preference::Later,
                    },
                    before: wait,
                });
            }
            wait = wait.or(pool.wait);
        }
        let rest = self.rest(route.ending);
        Route {
            by_cohort: self.differ(&steps, rest),
            steps: steps.into(),
            rest,
            wait: if rest == Rest::Nobody {
                Wait::FOREVER
            } else {
                wait
            },
        }
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

    /// Whether cohorts get different picks: the first pool asked decides, for it takes some
    /// cohorts, and if it takes all of them alike there is no second.
    fn differ(&self, steps: &[Step], rest: Rest) -> bool {
        let spread = match (steps.first(), rest) {
            (Some(step), _) => Some(&self.pools[step.pool as usize].by_share.spread),
            (None, Rest::Overflow(pool, _) | Rest::FailOpen(pool, _)) => {
                let spare = self.pools[pool as usize].spare.as_ref();
                spare.map(|given| &given.spread)
            }
            (None, Rest::Nobody | Rest::AllDown) => None,
        };
        matches!(spread, Some(steer::Spread::ByCohort(_)))
    }
}

impl Route {
    /// Whether nothing is healthy for the classes that have it.
    pub(super) fn strands(&self) -> bool {
        matches!(self.rest, Rest::FailOpen(..) | Rest::AllDown)
    }
}
