//! Routes: the pools that the classes of a service consult, each kept once.
//!
//! Where all cohorts of a class get the same, its route has that ready, records and all; only where
//! cohorts differ are pools asked when a query comes. Pools that take nobody are passed over when
//! routes are built. How a pool comes to what it gives is not known here.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, EndpointId, Reason, RegionId, Standing};
use crate::dns::addresses;
use crate::plan::{AllDown, Plan};
use crate::steer::capacity::cohorts::Cohorts;
use crate::steer::capacity::{Placement, Selector};
use crate::steer::{self, Ending, Extent, RegionTakes, Spread, together};

use super::Selection;
use super::layout::{ABSENT, Layout, Neighbour, RoutesPlace};
use super::load_plan::DivertedClass;
use super::pool::{PoolTable, Wait};

/// The routes of one family of some services: how it is steered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServiceRoutes {
    /// The distinct routes.
    pub(super) routes: Vec<Route>,
    /// Index into `routes` by class; [`ServiceRoutes::NONE`] where there is no endpoint.
    of_class: Box<[u16]>,
    /// Tells whether some class is answered though nothing is healthy, or gets nothing because of it.
    pub(super) strands: bool,
}

/// The route of one class: what it consults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// What every cohort gets; absent where cohorts differ.
    pub(super) whole: Option<Whole>,
    /// The first pool that takes some cohorts.
    pub(super) first: Option<Step>,
    /// The others, in order.
    pub(super) later: Box<[Step]>,
    /// Where capacity or the other family has decided otherwise: every cohort that some pool takes, in place of steps.
    pub(super) allocations: Box<[RouteAllocation]>,
    /// What becomes of cohorts that no step takes, and that are in no allocation.
    pub(super) rest: Rest,
    /// How long the standings of all pools last, for what no step takes.
    pub(super) wait: Wait,
}

/// Cohorts that go to one place because there is room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouteAllocation {
    /// Number of the pool.
    pub(super) pool: u32,
    /// Its region.
    pub(super) region: RegionId,
    /// Which preference it is.
    pub(super) place: Preference,
    /// Who of the pool.
    pub(super) by: Recipient,
    /// How they came there.
    pub(super) placement: Placement,
    /// Who they are.
    pub(super) cohorts: Cohorts,
}

/// The members of a pool that take the cohorts of an allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// Whom the shares say.
    Share,
    /// One endpoint, with its address records.
    Alone(EndpointId, Box<[u8]>),
}

/// The answer that every cohort gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) records: Box<[u8]>,
    pub(super) endpoints: Box<[EndpointId]>,
    pub(super) region: Option<RegionId>,
    pub(super) reason: Reason,
    pub(super) wait: Wait,
}

impl Whole {
    fn gives_as(&self, other: &Self) -> bool {
        (self.region, self.reason) == (other.region, other.reason)
            && (&self.records, &self.endpoints) == (&other.records, &other.endpoints)
    }
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

/// The rank of a region among the preferences of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    /// The first that has an endpoint at all.
    First,
    /// A later one.
    Later,
}

/// The rule for cohorts that no step takes.
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

impl ServiceRoutes {
    /// Marks a preference without any endpoint of the service.
    const NONE: u16 = u16::MAX;

    pub(super) fn new(
        plan: &Plan,
        layout: &Layout,
        place: &RoutesPlace,
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

    /// The same routes where some classes are diverted by a plan of capacity.
    pub(super) fn diverted_by(
        &self,
        (plan, place): (&Plan, &RoutesPlace),
        (pools, standings): (&[Arc<PoolTable>], &[Standing]),
        placed: &[DivertedClass],
    ) -> Self {
        let (mut routes, mut of_class) = (self.routes.clone(), self.of_class.clone());
        for own in placed {
            let Some(natural) = self.route(own.class) else {
                continue;
            };
            let route = planned((plan, place), (pools, standings), own, natural);
            let number = u16::try_from(routes.len());
            of_class[own.class.index()] = number.expect("limits.rs bounds the classes of a map");
            routes.push(route);
        }
        Self {
            routes,
            of_class,
            strands: self.strands,
        }
    }

    /// The same routes where some classes have those of a view: by class the number of the view, its routes, and the numbers that
    /// its pools have here.
    pub(super) fn composed<'v>(
        &self,
        view_of: impl Fn(ClassId) -> Option<(usize, &'v Self, &'v [u32])>,
    ) -> Self {
        let (mut known, mut routes) = (BTreeMap::new(), Vec::new());
        let classes = (0..self.of_class.len()).map(ClassId::from_index);
        let of_class = classes.map(|class| {
            let view = view_of(class);
            let own = view.map_or(self, |(_, routes, _)| routes);
            let Some(number) = own.number(class) else {
                return Self::NONE;
            };
            let key = (view.map(|(place, ..)| place), number);
            *known.entry(key).or_insert_with(|| {
                let route = own.routes[number].clone();
                routes.push(match view {
                    Some((.., pools)) => route.renumbered(pools),
                    None => route,
                });
                let number = u16::try_from(routes.len() - 1);
                number.expect("limits.rs bounds the classes of a map")
            })
        });
        let of_class = of_class.collect();
        Self {
            of_class,
            strands: routes.iter().any(Route::strands),
            routes,
        }
    }

    /// The route of a class.
    #[inline]
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

impl Route {
    /// The same route where pools have other numbers.
    fn renumbered(mut self, numbers: &[u32]) -> Self {
        let renumber = |pool: &mut u32| {
            if let Some(number) = numbers.get(*pool as usize) {
                *pool = *number;
            }
        };
        let steps = self.first.iter_mut().chain(&mut self.later);
        steps.for_each(|step| renumber(&mut step.pool));
        let allocations = self.allocations.iter_mut();
        allocations.for_each(|allocation| renumber(&mut allocation.pool));
        match &mut self.rest {
            Rest::Overflow(pool, _) | Rest::FailOpen(pool, _) => renumber(pool),
            Rest::Nobody | Rest::AllDown => {}
        }
        self
    }
}

/// The routes of some services while they are found.
struct Routes<'p> {
    place: &'p RoutesPlace,
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
        let mut numbers = vec![ServiceRoutes::NONE; order.len()];
        let (mut depth, mut number) = (0, ServiceRoutes::NONE);
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
            return (Neighbour::EQUAL, ServiceRoutes::NONE);
        };
        let dense = self.dense(&route);
        let mut depth = match route.ending {
            Ending::Whole => u16::try_from(route.depth).unwrap_or(u16::MAX),
            Ending::Overflow(_) | Ending::FailOpen(_) | Ending::AllDown => Neighbour::EQUAL,
        };
        let dense = match self.place.others.is_empty() {
            true => dense,
            false => {
                depth = Neighbour::EQUAL;
                FamilyPair::new(self, preference).lead(dense)
            }
        };
        self.done.push(dense);
        let number = u16::try_from(self.done.len() - 1);
        (
            depth,
            number.expect("limits.rs bounds the classes of a map"),
        )
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
            allocations: Box::default(),
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
            Some(Spread::ByCohort(_) | Spread::Fleet(_)) => None,
            _ => route.ask(self.pools, 0.into()).as_ref().map(Whole::of),
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

/// The route of a class that a plan of capacity diverts.
fn planned(
    (plan, place): (&Plan, &RoutesPlace),
    (pools, standings): (&[Arc<PoolTable>], &[Standing]),
    own: &DivertedClass,
    natural: &Route,
) -> Route {
    let family = place.family;
    let consulted = place.consulted(plan, own.class);
    let waits = consulted.iter().map(|number| pools[*number as usize].wait);
    let allocations = own.allocations.iter().map(|allocation| {
        let number = consulted[allocation.pool];
        let region = pools[number as usize].region;
        let pool = &plan.services[place.service.index()].pools[family.index()][region.index()];
        RouteAllocation {
            pool: number,
            region,
            place: match allocation.pool {
                0 => Preference::First,
                _ => Preference::Later,
            },
            by: match allocation.by {
                Selector::Share => Recipient::Share,
                Selector::Member { tier, member } => {
                    let members = &pool.tiers[usize::from(tier)].members;
                    let member = &members[usize::from(member)];
                    let endpoint = &plan.endpoints[member.endpoint.index()];
                    let without = standings[member.target.index()].without;
                    let mut records = Vec::new();
                    let own = endpoint.addresses_of(family, without);
                    own.for_each(|one| addresses::put(one, &mut records));
                    Recipient::Alone(member.endpoint, records.into())
                }
            },
            placement: allocation.placement,
            cohorts: allocation.cohorts,
        }
    });
    let mut route = Route {
        whole: None,
        first: None,
        later: Box::default(),
        allocations: allocations.collect(),
        rest: natural.rest,
        wait: waits.fold(Wait::FOREVER, Wait::or),
    };
    route.whole = route.whole_allocation(pools);
    route
}

impl Route {
    /// Tells whether it leads everyone where another leads them, for however long.
    pub(super) fn diverts_as(&self, other: &Self) -> bool {
        let without = |step: &Step| (step.pool, step.region, step.place);
        let wholes = match (&self.whole, &other.whole) {
            (Some(one), Some(two)) => one.gives_as(two),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        wholes
            && self.steps().map(without).eq(other.steps().map(without))
            && (&self.allocations, self.rest) == (&other.allocations, other.rest)
    }

    /// What every cohort gets, if they are all in one allocation and it makes no difference.
    fn whole_allocation(&self, pools: &[Arc<PoolTable>]) -> Option<Whole> {
        let [allocation] = &*self.allocations else {
            return None;
        };
        let spread = &pools[allocation.pool as usize].by_share.spread;
        let alike = match allocation.by {
            Recipient::Alone(..) => true,
            Recipient::Share => *spread == Spread::Everyone,
        };
        let whole = alike && allocation.cohorts == Cohorts::ALL;
        whole.then(|| self.ask(pools, 0.into()).as_ref().map(Whole::of))?
    }

    /// The pools that take some cohorts, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.first.iter().chain(&self.later)
    }

    /// Tells whether nothing is healthy for the classes that have it.
    pub(super) fn strands(&self) -> bool {
        matches!(self.rest, Rest::FailOpen(..) | Rest::AllDown)
    }
}

/// The regions of a preference, as both families see them, where these come from one region
/// ([`steer::together`](fn@steer::together)). A route that leads everyone where it would lead them by itself is left as it is, so
/// that nothing is paid while both families are well.
struct FamilyPair<'p> {
    pools: &'p [Arc<PoolTable>],
    /// By region in which the family at hand has a pool: its number.
    numbers: Vec<(RegionId, u32)>,
    takes: Vec<RegionTakes>,
    /// Time for which all pools of the other family stay as they are.
    others: Wait,
}

impl<'p> FamilyPair<'p> {
    fn new(routes: &Routes<'p>, preference: &[RegionId]) -> Self {
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
    fn lead(&self, mut route: Route) -> Route {
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

    /// Finds whom each region serves if the other family does not matter.
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
