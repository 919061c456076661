//! What of a table follows from the plan alone: made once per plan, shared by its generations.
//!
//! Things that are equal are given one number here, so that they are decided once and kept
//! once: services with the same map, pools and wishes share their *routes*, pools with the same
//! members, cohort orders and number of answers are one *pool*. Classes are put in the order of their
//! preferences, so that those with equal routes are neighbours. And references are turned around, so
//! that a change of one target leads to what depends on it and to nothing else.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{ClassId, EndpointId, Family, Permille, RegionId, ServiceId, TargetId};
use crate::plan::{AllDown, Demand, FamilyPairing, Map, Overload, Plan, Pool, Service, Tier};

/// Marks what is absent in dense lists of numbers.
pub(super) const ABSENT: u32 = u32::MAX;

/// What of a table follows from the plan alone.
#[derive(Debug)]
pub(super) struct Layout {
    /// The distinct pools.
    pub(super) pools: Vec<PoolPlace>,
    /// The distinct routes of services.
    pub(super) service_routes: Vec<RoutesPlace>,
    /// Number of the routes by service and family.
    pub(super) routes_of: Vec<[u32; 2]>,
    /// The pools that each target is a member of.
    pub(super) pools_of: Groups,
    /// The routes that each pool belongs to.
    pub(super) routes_through: Groups,
    /// Tells whether capacity is planned.
    pub(super) planning: Planning,
    /// The services that share each.
    services_of: Groups,
    /// The order of the classes, by map.
    orders: Vec<Order>,
}

/// Tells whether capacity is planned: it is where some service states a demand and some place a capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planning {
    /// There is nothing to plan.
    Idle,
    /// It is.
    Active,
}

/// Where a distinct pool stands in the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolPlace {
    /// One of the services that have it.
    pub(super) service: ServiceId,
    /// Its family.
    pub(super) family: Family,
    /// Its region.
    pub(super) region: RegionId,
}

/// Services of one family that are steered alike.
#[derive(Debug)]
pub(super) struct RoutesPlace {
    /// One of the services.
    pub(super) service: ServiceId,
    /// Its family.
    pub(super) family: Family,
    /// Pool by region, [`ABSENT`] where there is none.
    pub(super) pools: Box<[u32]>,
    /// The same of the other family, where both come from one region; nothing where that does not matter.
    pub(super) others: Box<[u32]>,
}

/// The classes of one map in the order of their preferences.
#[derive(Debug)]
pub(super) struct Order(Box<[Neighbour]>);

/// One class, after another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    /// The class.
    pub(super) class: ClassId,
    /// The number of regions that its preference begins with that the one before begins with too;
    /// [`Neighbour::EQUAL`] where they are the same.
    pub(super) common: u16,
}

/// Numbers in groups, one group after the other.
#[derive(Debug)]
pub(super) struct Groups {
    /// Where each group ends.
    ends: Box<[u32]>,
    numbers: Box<[u32]>,
}

/// Key by which pools are equal.
type PoolKey = (RegionId, u8, (usize, Permille), Vec<TierKey>);
/// Key by which tiers are equal.
type TierKey = (u16, usize, Vec<(EndpointId, TargetId)>);
/// Key by which routes are equal.
type RoutesKey = (usize, [Box<[u32]>; 2], u8, Option<Overload>);

impl PoolPlace {
    pub(super) fn pool(self, plan: &Plan) -> &Pool {
        let service = &plan.services[self.service.index()];
        &service.pools[self.family.index()][self.region.index()]
    }

    pub(super) fn answers(self, plan: &Plan) -> u8 {
        plan.services[self.service.index()].answers
    }
}

impl RoutesPlace {
    /// The numbers of the pools that a class consults, in order.
    pub(super) fn consulted(&self, plan: &Plan, class: ClassId) -> Vec<u32> {
        let regions = plan.class(self.service, class).preference.iter();
        let numbers = regions.filter_map(|region| self.pools.get(region.index()));
        numbers
            .copied()
            .filter(|number| *number != ABSENT)
            .collect()
    }

    /// The numbers of its pools, and of those of the other family that its routes depend on.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        let numbers = self.pools.iter().chain(&self.others);
        let numbers = numbers.filter(|number| **number != ABSENT);
        numbers.map(|number| *number as usize)
    }
}

impl Layout {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut layout = Self {
            pools: Vec::new(),
            service_routes: Vec::new(),
            routes_of: Vec::with_capacity(plan.services.len()),
            pools_of: Groups::new(0, std::iter::empty),
            routes_through: Groups::new(0, std::iter::empty),
            planning: planning(plan),
            services_of: Groups::new(0, std::iter::empty),
            orders: plan.maps.iter().map(Order::new).collect(),
        };
        let (mut pools, mut service_routes) = (BTreeMap::new(), BTreeMap::new());
        for index in 0..plan.services.len() {
            let place = |family| (ServiceId::from_index(index), family);
            let numbers =
                Family::ALL.map(|family| layout.number_pools(plan, place(family), &mut pools));
            let is_together = plan.services[index].steering.families == FamilyPairing::Together;
            let of_service = Family::ALL.map(|family| {
                let others = match (is_together, family) {
                    (false, _) => Box::default(),
                    (true, Family::V4) => numbers[Family::V6.index()].clone(),
                    (true, Family::V6) => numbers[Family::V4.index()].clone(),
                };
                let numbers = [numbers[family.index()].clone(), others];
                layout.number_part(plan, place(family), numbers, &mut service_routes)
            });
            layout.routes_of.push(of_service);
        }
        layout.turn_around(plan);
        layout
    }

    fn turn_around(&mut self, plan: &Plan) {
        let pools = || (0..).zip(&self.pools);
        self.pools_of = Groups::new(plan.targets.len(), || {
            pools().flat_map(|(number, place)| {
                let members = place.pool(plan).tiers.iter().flat_map(|tier| &tier.members);
                members.map(move |member| (member.target.index(), number))
            })
        });
        let service_routes = || (0..).zip(&self.service_routes);
        self.routes_through = Groups::new(self.pools.len(), || {
            service_routes()
                .flat_map(|(number, place)| place.numbers().map(move |pool| (pool, number)))
        });
        let services = || (0..).zip(&self.routes_of);
        self.services_of = Groups::new(self.service_routes.len(), || {
            services().flat_map(|(service, service_routes)| {
                service_routes.map(|routes| (routes as usize, service))
            })
        });
    }

    /// The services that share routes, by their numbers.
    pub(super) fn services_of(&self, routes: usize) -> impl Iterator<Item = ServiceId> {
        let services = self.services_of.of(routes).iter();
        services.map(|&number| ServiceId::from_index(number as usize))
    }

    /// The number of each region's pool of a service and family.
    fn number_pools(
        &mut self,
        plan: &Plan,
        (service, family): (ServiceId, Family),
        known: &mut BTreeMap<PoolKey, u32>,
    ) -> Box<[u32]> {
        let own = &plan.services[service.index()];
        let mut numbers = vec![ABSENT; plan.regions.len()].into_boxed_slice();
        for (index, pool) in own.pools[family.index()].iter().enumerate() {
            if pool.tiers.is_empty() {
                continue;
            }
            let region = RegionId::from_index(index);
            let key = pool_key(region, own.answers, pool);
            numbers[index] = *known.entry(key).or_insert_with(|| {
                self.pools.push(PoolPlace {
                    service,
                    family,
                    region,
                });
                number(self.pools.len())
            });
        }
        numbers
    }

    fn number_part(
        &mut self,
        plan: &Plan,
        (service, family): (ServiceId, Family),
        numbers: [Box<[u32]>; 2],
        known: &mut BTreeMap<RoutesKey, u32>,
    ) -> u32 {
        let key = part_key(&plan.services[service.index()], numbers.clone());
        let [pools, others] = numbers;
        *known.entry(key).or_insert_with(|| {
            self.service_routes.push(RoutesPlace {
                service,
                family,
                pools,
                others,
            });
            number(self.service_routes.len())
        })
    }

    /// The number of a pool, if there is one.
    pub(super) fn pool_of(
        &self,
        service: ServiceId,
        family: Family,
        region: RegionId,
    ) -> Option<usize> {
        let routes = self.routes_of.get(service.index())?[family.index()];
        let number = *self.service_routes[routes as usize]
            .pools
            .get(region.index())?;
        (number != ABSENT).then_some(number as usize)
    }

    /// The order of the classes of a service.
    pub(super) fn order_of(&self, plan: &Plan, service: ServiceId) -> &Order {
        &self.orders[plan.services[service.index()].map.index()]
    }
}

impl Order {
    fn new(map: &Map) -> Self {
        let preference = |class: ClassId| map.classes[class.index()].preference.as_slice();
        let mut classes: Vec<ClassId> = (0..map.classes.len()).map(ClassId::from_index).collect();
        classes.sort_by_key(|class| preference(*class));
        let mut before: &[RegionId] = &[];
        let neighbours = classes.into_iter().map(|class| {
            let own = preference(class);
            let common = Neighbour::common(std::mem::replace(&mut before, own), own);
            Neighbour { class, common }
        });
        Self(neighbours.collect())
    }

    /// The classes, in order.
    pub(super) fn neighbours(&self) -> &[Neighbour] {
        &self.0
    }
}

impl Neighbour {
    /// Marks a preference that is the same as the one before.
    pub(super) const EQUAL: u16 = u16::MAX;

    fn common(one: &[RegionId], other: &[RegionId]) -> u16 {
        if one == other {
            return Self::EQUAL;
        }
        let pairs = one.iter().zip(other);
        let common = pairs.take_while(|(one, other)| one == other).count();
        u16::try_from(common).expect("limits.rs bounds regions")
    }
}

impl Groups {
    /// So many groups of `(group, number)`; within a group the order stays.
    fn new<I>(groups: usize, pairs: impl Fn() -> I) -> Self
    where
        I: Iterator<Item = (usize, u32)>,
    {
        let mut counts = vec![0; groups];
        for (group, _) in pairs() {
            counts[group] += 1;
        }
        // Ends are starts until the numbers are in.
        let mut ends: Vec<u32> = Vec::with_capacity(groups);
        let mut total: u32 = 0;
        for count in counts {
            ends.push(total);
            total += count;
        }
        let mut numbers = vec![0; total as usize];
        for (group, number) in pairs() {
            numbers[ends[group] as usize] = number;
            ends[group] += 1;
        }
        Self {
            ends: ends.into(),
            numbers: numbers.into(),
        }
    }

    /// The numbers of a group.
    pub(super) fn of(&self, group: usize) -> &[u32] {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.numbers[start as usize..self.ends[group] as usize]
    }
}

/// The number of the last of `count` things.
fn number(count: usize) -> u32 {
    u32::try_from(count - 1).expect("limits.rs bounds services and regions")
}

fn pool_key(region: RegionId, answers: u8, pool: &Pool) -> PoolKey {
    let tiers = pool.tiers.iter().map(|tier| {
        let members = tier.members.iter();
        let members = members.map(|member| (member.endpoint, member.target));
        // Where two cohort orders or fleets are one object they are equal; where not, the pools stay apart.
        (tier.number, deal_of(tier), members.collect())
    });
    let rules = (pool.min_up, pool.trickle);
    (region, answers, rules, tiers.collect())
}

/// The address of what deals out a tier.
fn deal_of(tier: &Tier) -> usize {
    match &tier.fleet {
        Some(fleet) => Arc::as_ptr(fleet).addr(),
        None => Arc::as_ptr(&tier.cohort_order).addr(),
    }
}

fn part_key(service: &Service, pools: [Box<[u32]>; 2]) -> RoutesKey {
    let all_down = match service.all_down {
        AllDown::FailOpen => 0,
        AllDown::Servfail | AllDown::Nodata => 1,
    };
    // Services that are planned are planned as one, which shares what fits nowhere.
    let overload = match service.demand {
        Demand::Unstated => None,
        Demand::Whole(_) | Demand::ByRegion(_) | Demand::Observed => Some(service.overload),
    };
    (service.map.index(), pools, all_down, overload)
}

fn planning(plan: &Plan) -> Planning {
    match plan.plans_capacity() {
        true => Planning::Active,
        false => Planning::Idle,
    }
}
