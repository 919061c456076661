//! The load that the clients of some services put on endpoints and regions when each gets what its route says.
//!
//! It follows from routes, pools and demand alone: no capacity is known here. What clients put
//! there whom no share takes ([`Rest`]) is counted apart, for no planning can move them.
use std::sync::Arc;

use crate::base::{ClassId, EndpointId, RegionId};
use crate::plan::Demands;
use crate::steer::capacity::cohorts::Cohorts;
use crate::steer::capacity::rooms::Loads;
use crate::steer::fleet::CohortSource;

use super::layout::{Layout, RoutesPlace};
use super::pool::{Given, PoolTable};
use super::service_routes::{Rest, Route, ServiceRoutes};

/// The load that the clients of some services put on endpoints.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RoutesLoad {
    /// What could be planned otherwise.
    open: Vec<Weight>,
    /// What could not.
    fixed: Vec<Weight>,
}

/// The load of endpoints that answer together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Weight {
    region: RegionId,
    together: Box<[EndpointId]>,
    /// How many cohorts of which demand each, in millionths of the unit.
    cohorts: Vec<(u64, u64)>,
}

/// The profile of one route: endpoints that answer together, and to how many cohorts.
#[derive(Default)]
struct Profile {
    open: Vec<(RegionId, Box<[EndpointId]>, u64)>,
    fixed: Vec<(RegionId, Box<[EndpointId]>, u64)>,
}

impl RoutesLoad {
    /// The load of services whose classes ask for `asked`, by class.
    pub(super) fn new(routes: &ServiceRoutes, pools: &[Arc<PoolTable>], asked: &[u64]) -> Self {
        let mut of_route: Vec<Vec<u64>> = vec![Vec::new(); routes.routes.len()];
        for (index, &demand) in asked.iter().enumerate().filter(|(_, demand)| **demand > 0) {
            if let Some(number) = routes.number(ClassId::from_index(index)) {
                of_route[number].push(demand);
            }
        }
        let mut route_load = Self::default();
        for (route, demands) in routes.routes.iter().zip(&of_route) {
            if demands.is_empty() {
                continue;
            }
            let profile = Profile::new(route, pools);
            let weigh = |own: Vec<(RegionId, Box<[EndpointId]>, u64)>| {
                own.into_iter()
                    .map(|(region, together, count)| Weight {
                        region,
                        cohorts: grouped(demands, together.len(), count),
                        together,
                    })
                    .collect::<Vec<_>>()
            };
            route_load.open.extend(weigh(profile.open));
            route_load.fixed.extend(weigh(profile.fixed));
        }
        route_load
    }

    /// Adds all of it.
    pub(super) fn add_to(&self, loads: &mut Loads) {
        add(&self.open, loads);
        add(&self.fixed, loads);
    }

    /// Adds what no planning can move.
    pub(super) fn add_fixed_to(&self, loads: &mut Loads) {
        add(&self.fixed, loads);
    }
}

fn add(weights: &[Weight], loads: &mut Loads) {
    for weight in weights {
        for &(demand, count) in &weight.cohorts {
            loads.put(weight.region, &weight.together, demand, count);
        }
    }
}

/// The demands of classes that get the same, as few as can be: where one endpoint answers, nothing is
/// rounded, and they are as good as one class.
fn grouped(demands: &[u64], together: usize, count: u64) -> Vec<(u64, u64)> {
    match together {
        0 | 1 => vec![(demands.iter().sum(), count)],
        _ => demands.iter().map(|&demand| (demand, count)).collect(),
    }
}

impl Profile {
    fn new(route: &Route, pools: &[Arc<PoolTable>]) -> Self {
        let mut profile = Self::default();
        let mut left = Cohorts::ALL;
        for step in route.steps() {
            let Some(offer) = &pools[step.pool as usize].offer else {
                continue;
            };
            offer.deal_to(&left, |together, count| {
                profile
                    .open
                    .push((step.region, together.into(), count.into()));
            });
            left = left.without(offer.takes());
        }
        if let Rest::Overflow(pool, region) | Rest::FailOpen(pool, region) = route.rest
            && let Some(spare) = &pools[pool as usize].spare
        {
            profile.leave(spare, region, &left);
        }
        profile
    }

    fn leave(&mut self, spare: &Given, region: RegionId, left: &Cohorts) {
        let mut counts = vec![0; spare.picks.len()];
        let mut drawn = 0;
        for source in left.iter().filter_map(|cohort| spare.spread.source(cohort)) {
            match source {
                CohortSource::Pick(pick) => counts[pick] += 1,
                CohortSource::Fleet => drawn += 1,
            }
        }
        if drawn > 0 {
            // What each endpoint of a fleet carries is not counted: none of them states a capacity.
            self.fixed.push((region, Box::default(), drawn));
        }
        for (pick, count) in spare
            .picks
            .iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
        {
            self.fixed
                .push((region, spare.endpoints(pick).into(), count));
        }
    }
}

/// What the classes of some services ask for in all, in thousandths of the unit; empty if nothing is asked for.
pub(super) fn asked(
    layout: &Layout,
    number: usize,
    place: &RoutesPlace,
    demands: &Demands,
) -> Vec<u64> {
    let mut asked = Vec::new();
    for service in layout.services_of(number) {
        let row = demands.row(service, place.family);
        if asked.len() < row.len() {
            asked.resize(row.len(), 0);
        }
        asked.iter_mut().zip(row).for_each(|(sum, own)| *sum += own);
    }
    asked
}
