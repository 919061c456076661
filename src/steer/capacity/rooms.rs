//! How much endpoints and regions can carry, and how much they do.
//!
//! All is in millionths of the operator's unit. The demand of a cohort that several endpoints answer
//! is split evenly over them, each part rounded up; its region carries it whole.
use crate::base::{EndpointId, RegionId};
use crate::plan::{Demands, Plan};

use super::pool_offer::PoolOffer;

/// Millionths of one unit.
pub const UNIT: u64 = 1_000_000;
/// What there is no bound on.
const UNLIMITED: u64 = u64::MAX;

/// What endpoints and regions carry, in millionths of the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loads {
    /// By [`EndpointId`].
    pub endpoints: Vec<u64>,
    /// By [`RegionId`].
    pub regions: Vec<u64>,
}

impl Loads {
    /// Nothing yet.
    #[must_use]
    pub fn none(plan: &Plan) -> Self {
        Self {
            endpoints: vec![0; plan.endpoints.len()],
            regions: vec![0; plan.regions.len()],
        }
    }

    /// Puts so many cohorts of so much demand each on endpoints of a region that answer together.
    pub fn put(&mut self, region: RegionId, together: &[EndpointId], demand: u64, cohorts: u64) {
        let part = part(demand, together.len()) * cohorts;
        for endpoint in together {
            let load = &mut self.endpoints[endpoint.index()];
            *load = load.saturating_add(part);
        }
        let load = &mut self.regions[region.index()];
        *load = load.saturating_add(demand * cohorts);
    }

    /// Adds other loads.
    pub fn add(&mut self, other: &Self) {
        let pairs = self.endpoints.iter_mut().zip(&other.endpoints);
        pairs.for_each(|(own, other)| *own = own.saturating_add(*other));
        let pairs = self.regions.iter_mut().zip(&other.regions);
        pairs.for_each(|(own, other)| *own = own.saturating_add(*other));
    }

    /// Tells whether some endpoint or region carries more than it can.
    #[must_use]
    pub fn exceed(&self, plan: &Plan, demands: &Demands) -> bool {
        let over = |load: u64, capacity: Option<u32>| load > millionths(capacity);
        let mut endpoints = self.endpoints.iter().zip((0..).map(EndpointId));
        let mut regions = self.regions.iter().zip(&plan.regions);
        endpoints.any(|(load, own)| over(*load, demands.capacity(plan, own)))
            || regions.any(|(load, own)| over(*load, own.capacity))
    }
}

/// What each of so many endpoints carries of a demand.
pub(super) fn part(demand: u64, endpoints: usize) -> u64 {
    match endpoints {
        0 | 1 => demand,
        many => demand.div_ceil(many as u64),
    }
}

fn millionths(capacity: Option<u32>) -> u64 {
    capacity.map_or(UNLIMITED, |units| u64::from(units) * UNIT)
}

/// What can be carried, and what is carried already.
#[derive(Debug)]
pub(super) struct Rooms {
    /// Capacity by endpoint.
    endpoints: Vec<u64>,
    /// Capacity by region.
    regions: Vec<u64>,
    /// Endpoints by region.
    neighbours: Vec<Vec<EndpointId>>,
    pub(super) loads: Loads,
}

impl Rooms {
    pub(super) fn new(plan: &Plan, demands: &Demands, loads: Loads) -> Self {
        let endpoints = (0..plan.endpoints.len()).map(EndpointId::from_index);
        let regions = plan.regions.iter();
        let mut neighbours = vec![Vec::new(); plan.regions.len()];
        for (index, endpoint) in plan.endpoints.iter().enumerate() {
            neighbours[endpoint.region.index()].push(EndpointId::from_index(index));
        }
        Self {
            neighbours,
            endpoints: endpoints
                .map(|own| millionths(demands.capacity(plan, own)))
                .collect(),
            regions: regions.map(|own| millionths(own.capacity)).collect(),
            loads,
        }
    }

    /// What an endpoint can carry, if that is stated.
    pub(super) fn capacity(&self, endpoint: EndpointId) -> Option<u64> {
        Some(self.endpoints[endpoint.index()]).filter(|own| *own != UNLIMITED)
    }

    /// What a region can carry, if that is stated.
    pub(super) fn region_capacity(&self, region: RegionId) -> Option<u64> {
        Some(self.regions[region.index()]).filter(|own| *own != UNLIMITED)
    }

    /// The endpoints of a region.
    pub(super) fn neighbours(&self, region: RegionId) -> &[EndpointId] {
        &self.neighbours[region.index()]
    }

    /// What an endpoint could carry more.
    pub(super) fn room(&self, endpoint: EndpointId) -> u64 {
        left(
            self.endpoints[endpoint.index()],
            self.loads.endpoints[endpoint.index()],
        )
    }

    /// What a region could carry more.
    pub(super) fn region_room(&self, region: RegionId) -> u64 {
        left(
            self.regions[region.index()],
            self.loads.regions[region.index()],
        )
    }

    /// How many cohorts of a demand endpoints that answer together could take more.
    pub(super) fn fits(&self, region: RegionId, together: &[EndpointId], demand: u64) -> u64 {
        let most = self.fit_on(together, demand);
        most.min(self.region_room(region) / demand)
    }

    /// How many cohorts of a demand endpoints that answer together could take more, if these are in
    /// their region already.
    pub(super) fn fit_on(&self, together: &[EndpointId], demand: u64) -> u64 {
        let part = part(demand, together.len());
        let counts = together.iter().map(|&id| self.room(id) / part);
        counts.fold(u64::MAX, u64::min)
    }

    /// Takes back what [`Loads::put`] put.
    pub(super) fn take(
        &mut self,
        region: RegionId,
        together: &[EndpointId],
        demand: u64,
        cohorts: u64,
    ) {
        let part = part(demand, together.len()) * cohorts;
        for endpoint in together {
            self.loads.endpoints[endpoint.index()] -= part;
        }
        self.loads.regions[region.index()] -= demand * cohorts;
    }

    /// Puts all cohorts that an offer takes by share on its endpoints, if there is room for all.
    pub(super) fn put_whole(&mut self, offer: &PoolOffer, demand: u64) -> bool {
        let whole = demand * u64::from(offer.takes.len());
        let each = offer
            .load_by_endpoint
            .chunk_by(|one, other| one.0 == other.0);
        let each = each.map(|own| {
            let parts = own.iter();
            let parts = parts.map(|(_, size, count)| part(demand, *size) * count);
            (own[0].0, parts.sum::<u64>())
        });
        let fits = whole <= self.region_room(offer.region)
            && each
                .clone()
                .all(|(endpoint, sum)| sum <= self.room(endpoint));
        if fits {
            for (endpoint, sum) in each {
                self.loads.endpoints[endpoint.index()] += sum;
            }
            self.loads.regions[offer.region.index()] += whole;
        }
        fits
    }
}

fn left(capacity: u64, load: u64) -> u64 {
    match capacity {
        UNLIMITED => UNLIMITED,
        bounded => bounded.saturating_sub(load),
    }
}
