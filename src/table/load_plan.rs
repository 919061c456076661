//! The load of endpoints and regions, and the classes that capacity diverts.
//!
//! ```text
//! routes, demand --> loads --fit--> nothing changes
//!                      '--exceed--> a plan --> routes of services that it diverts
//! ```
//!
//! Where no capacity or no demand is stated there is nothing of this, and no cost. Where all fits,
//! the loads are all there is. Only where some place would carry more than it can is it planned who
//! goes where ([`crate::steer::capacity`]), anew from scratch, so that the plan depends on nothing
//! but plan, demand and shares; what it gives to a service is kept as long as it is the same.
use std::sync::Arc;

use crate::base::{ClassId, EndpointId, Family, RegionId, ServiceId};
use crate::plan::{Demands, Plan};
use crate::steer::capacity::pool_offer::PoolOffer;
use crate::steer::capacity::rooms::Loads;
use crate::steer::capacity::{Allocation, CapacityPlan, Claim, Inputs, place};

use super::Table;
use super::layout::{Layout, Planning};
use super::load::{RoutesLoad, asked};
use super::service_routes::ServiceRoutes;

/// The load of a table's clients on endpoints and regions, and the classes that capacity diverts.
#[derive(Clone, Debug)]
pub(super) struct LoadPlan {
    /// The routes as they are without a plan.
    naturals: Vec<Arc<ServiceRoutes>>,
    /// What each of them puts where.
    route_loads: Vec<Arc<RoutesLoad>>,
    claims: Arc<Claims>,
    /// By number of the routes: the classes that are diverted.
    placed: Vec<Arc<[DivertedClass]>>,
    /// What endpoints and regions carry.
    loads: Arc<Loads>,
}

/// The claims: who asks for how much; it follows from plan and demand alone.
#[derive(Debug)]
struct Claims {
    /// Demand by number of the routes, and class.
    asked: Vec<Vec<u64>>,
    /// The routes and class of each claim.
    of: Vec<(usize, ClassId)>,
    claims: Vec<Claim>,
}

/// A class that is diverted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DivertedClass {
    pub(super) class: ClassId,
    /// Its cohorts; an allocation's pool is the place of it among those that the class consults.
    pub(super) allocations: Vec<Allocation>,
    /// How many of its cohorts fit nowhere.
    pub(super) overloaded: u64,
}

impl Claims {
    fn new(plan: &Plan, layout: &Layout, demands: &Demands) -> Self {
        let service_routes = layout.service_routes.iter().enumerate();
        let asked = service_routes.map(|(number, place)| asked(layout, number, place, demands));
        let mut all = Self {
            asked: asked.collect(),
            of: Vec::new(),
            claims: Vec::new(),
        };
        for (number, place) in layout.service_routes.iter().enumerate() {
            let asked = all.asked[number].iter().enumerate();
            for (index, &demand) in asked.filter(|(_, demand)| **demand > 0) {
                let class = ClassId::from_index(index);
                let pools = place.consulted(plan, class);
                if pools.is_empty() {
                    continue;
                }
                all.of.push((number, class));
                all.claims.push(Claim {
                    pools,
                    demand,
                    overload: plan.services[place.service.index()].overload,
                    start: Claim::start_of((number as u64) << 32 | index as u64),
                });
            }
        }
        all
    }
}

impl LoadPlan {
    /// The load of a table whose routes are as they are without a plan, and the classes that are diverted; `None` where nothing is
    /// to be planned. `previous` is of the same layout.
    pub(super) fn new(table: &Table, previous: Option<&Table>) -> Option<Self> {
        match table.layout.planning {
            Planning::Idle => return None,
            Planning::Active => {}
        }
        let naturals = table.service_routes.clone();
        let before = previous.and_then(|previous| previous.load_plan.as_ref());
        let same = |previous: &&Table| previous.demands == table.demands;
        let asks_alike = previous.filter(same).and(before);
        let claims = match asks_alike {
            Some(before) => Arc::clone(&before.claims),
            None => Arc::new(Claims::new(&table.plan, &table.layout, &table.demands)),
        };
        let route_load = |(number, routes): (usize, &Arc<ServiceRoutes>)| match asks_alike {
            Some(before) if Arc::ptr_eq(routes, &before.naturals[number]) => {
                Arc::clone(&before.route_loads[number])
            }
            _ => Arc::new(RoutesLoad::new(routes, &table.pools, &claims.asked[number])),
        };
        let load_plan = Self {
            route_loads: naturals.iter().enumerate().map(route_load).collect(),
            placed: vec![Arc::from([]); naturals.len()],
            naturals,
            claims,
            loads: Arc::default(),
        };
        let alike = asks_alike.zip(previous).filter(|(_, previous)| {
            let mut pairs = table.standings.iter().zip(&*previous.standings);
            pairs.all(|(one, two)| one.share == two.share)
        });
        Some(match alike {
            Some((before, _)) => Self {
                placed: before.placed.clone(),
                loads: Arc::clone(&before.loads),
                ..load_plan
            },
            None => load_plan.planned(table, before),
        })
    }

    fn planned(mut self, table: &Table, before: Option<&Self>) -> Self {
        let mut loads = Loads::none(&table.plan);
        self.route_loads
            .iter()
            .for_each(|own| own.add_to(&mut loads));
        if !loads.exceed(&table.plan, &table.demands) {
            self.loads = Arc::new(loads);
            return self;
        }
        let capacity_plan = self.place(table);
        self.loads = Arc::new(capacity_plan.loads);
        let mut placed: Vec<Vec<DivertedClass>> =
            self.naturals.iter().map(|_| Vec::new()).collect();
        for own in capacity_plan.claim_plans {
            let (routes, class) = self.claims.of[own.claim];
            placed[routes].push(DivertedClass {
                class,
                allocations: own.allocations,
                overloaded: own.overloaded / self.claims.claims[own.claim].demand,
            });
        }
        let placed = placed.into_iter().enumerate();
        let placed = placed.map(|(number, own)| match before {
            Some(before) if *before.placed[number] == own[..] => Arc::clone(&before.placed[number]),
            _ => own.into(),
        });
        self.placed = placed.collect();
        self
    }

    fn place(&self, table: &Table) -> CapacityPlan {
        let mut fixed = Loads::none(&table.plan);
        self.route_loads
            .iter()
            .for_each(|own| own.add_fixed_to(&mut fixed));
        let offers = table.pools.iter().map(|pool| pool.offer.as_deref());
        let offers: Option<Vec<&PoolOffer>> = offers.collect();
        place(Inputs {
            plan: &table.plan,
            demands: &table.demands,
            offers: &offers.expect("every pool has an offer where capacity is planned"),
            claims: &self.claims.claims,
            fixed,
        })
    }

    /// The routes as they are with the plan; those of `previous` where nothing is different.
    pub(super) fn service_routes(
        &self,
        table: &Table,
        previous: Option<&Table>,
    ) -> Vec<Arc<ServiceRoutes>> {
        let before = previous.and_then(|previous| Some((previous, previous.load_plan.as_ref()?)));
        let service_routes = self.naturals.iter().zip(&self.placed).enumerate();
        let service_routes = service_routes.map(|(number, (natural, placed))| {
            if placed.is_empty() {
                return Arc::clone(natural);
            }
            if let Some((previous, before)) = before {
                let same = Arc::ptr_eq(natural, &before.naturals[number])
                    && Arc::ptr_eq(placed, &before.placed[number]);
                if same {
                    return Arc::clone(&previous.service_routes[number]);
                }
            }
            let place = &table.layout.service_routes[number];
            let state = (&table.pools[..], &table.standings[..]);
            Arc::new(natural.diverted_by((&table.plan, place), state, placed))
        });
        service_routes.collect()
    }

    /// Tells whether the same classes are diverted to the same places.
    pub(super) fn diverts_as(&self, other: &Self) -> bool {
        let mut pairs = self.placed.iter().zip(&other.placed);
        pairs.all(|(one, two)| Arc::ptr_eq(one, two) || one == two)
    }

    /// The routes as they are without a plan.
    pub(super) fn naturals(&self) -> &[Arc<ServiceRoutes>] {
        &self.naturals
    }
}

impl Table {
    /// Tells whether capacity is planned: some place states one, and some service a demand.
    #[must_use]
    pub fn plans_capacity(&self) -> bool {
        self.load_plan.is_some()
    }

    /// What an endpoint carries by the demand that is known, in millionths of the operator's unit;
    /// `None` where no capacity is planned.
    #[must_use]
    pub fn endpoint_load(&self, endpoint: EndpointId) -> Option<u64> {
        let load_plan = self.load_plan.as_ref()?;
        load_plan.loads.endpoints.get(endpoint.index()).copied()
    }

    /// What a region carries by the demand that is known, in millionths of the operator's unit;
    /// `None` where no capacity is planned.
    #[must_use]
    pub fn region_load(&self, region: RegionId) -> Option<u64> {
        let load_plan = self.load_plan.as_ref()?;
        load_plan.loads.regions.get(region.index()).copied()
    }

    /// The part of a service's demand that fits nowhere, in thousandths of the operator's unit, rounded up.
    #[must_use]
    pub fn unplaced(&self, service: ServiceId) -> u64 {
        let families = Family::ALL.map(|family| self.overloaded(service, family));
        families.iter().sum::<u64>().div_ceil(1000)
    }

    /// What of a service's demand in a family fits nowhere, in millionths of the operator's unit.
    #[must_use]
    pub fn overloaded(&self, service: ServiceId, family: Family) -> u64 {
        let Some(load_plan) = &self.load_plan else {
            return 0;
        };
        let routes = self.layout.routes_of[service.index()][family.index()];
        let placed = load_plan.placed.get(routes as usize);
        let placed = placed.map_or(&[][..], |placed| placed);
        let each = placed
            .iter()
            .map(|own| own.overloaded * self.demands.of(service, family, own.class));
        each.sum()
    }
}
