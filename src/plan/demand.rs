//! How much the clients of each class ask for.
//!
//! A config states demand by service, or by the region that clients would see first; what is planned
//! with is demand by class. So a stated demand is shared out among the classes by the size of their
//! networks, whole and by largest remainder: the parts add up to what was stated. A class's demand is
//! split evenly between the families in which it has an endpoint, because a client asks for both.
//!
//! It is counted in thousandths of the operator's unit. A cohort is a thousandth of its class, so the
//! same number is a cohort's demand in millionths, and nothing is ever rounded.
//!
//! Beside it stand the capacities that are others than the config's for a while. It knows no health.
use std::collections::BTreeMap;
use std::fmt;

use crate::base::{ClassId, EndpointId, Family, RegionId, ServiceId, shared_out};

use super::{Class, Demand, Map, Plan, Service};

/// What the clients of a plan ask for, and what endpoints can carry of it at the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// By service, family and class, in thousandths of the unit; empty where nothing is asked for.
    rows: Vec<[Box<[u64]>; 2]>,
    /// The capacities of endpoints that are not the config's now, because they follow a value.
    capacities: BTreeMap<EndpointId, u32>,
}

impl Plan {
    /// Tells that capacity is planned: some service states a demand, and some place a capacity.
    #[must_use]
    pub fn plans_capacity(&self) -> bool {
        let mut services = self.services.iter();
        let asked = services.any(|service| service.demand != Demand::Unstated);
        let regions = self.regions.iter().map(|region| region.capacity);
        let endpoints = self.endpoints.iter().map(|endpoint| endpoint.capacity);
        asked && regions.chain(endpoints).flatten().next().is_some()
    }
}

impl Demands {
    /// Thousandths of one unit.
    pub const UNIT: u64 = 1000;

    /// What the config states. A service whose demand is observed asks for nothing yet.
    #[must_use]
    pub fn stated(plan: &Plan) -> Self {
        let rows = plan.services.iter().map(|service| {
            if matches!(service.demand, Demand::Unstated | Demand::Observed) {
                return Default::default();
            }
            let map = &plan.maps[service.map.index()];
            by_family(service, map, &by_class(service, map))
        });
        Self {
            rows: rows.collect(),
            capacities: BTreeMap::new(),
        }
    }

    /// The same with these capacities of endpoints in place of the config's.
    #[must_use]
    pub fn within(self, capacities: BTreeMap<EndpointId, u32>) -> Self {
        Self { capacities, ..self }
    }

    /// Tells that just these capacities are in place of the config's.
    #[must_use]
    pub fn has_capacities(&self, capacities: &BTreeMap<EndpointId, u32>) -> bool {
        self.capacities == *capacities
    }

    /// The capacity of an endpoint now, in the operator's unit; unlimited if absent.
    #[must_use]
    pub fn capacity(&self, plan: &Plan, endpoint: EndpointId) -> Option<u32> {
        let now = self.capacities.get(&endpoint).copied();
        now.or(plan.endpoints[endpoint.index()].capacity)
    }

    /// The same with another demand for one service: in thousandths of the unit, by family and
    /// class.
    #[must_use]
    pub fn with(mut self, service: ServiceId, by_family: [&[u64]; 2]) -> Self {
        if let Some(rows) = self.rows.get_mut(service.index()) {
            *rows = by_family.map(kept);
        }
        self
    }

    /// What a service is asked for in all, in thousandths of the unit.
    #[must_use]
    pub fn total(&self, service: ServiceId) -> u64 {
        let rows = Family::ALL.map(|family| self.row(service, family));
        rows.into_iter().flatten().sum()
    }

    /// What a class asks for in a family, in thousandths of the unit.
    #[must_use]
    pub fn of(&self, service: ServiceId, family: Family, class: ClassId) -> u64 {
        let row = self.row(service, family);
        row.get(class.index()).copied().unwrap_or(0)
    }

    /// What the classes of a service ask for in a family, in thousandths of the unit; empty where
    /// nothing is asked for.
    #[must_use]
    pub fn row(&self, service: ServiceId, family: Family) -> &[u64] {
        let rows = self.rows.get(service.index());
        rows.map_or(&[], |rows| &rows[family.index()])
    }
}

/// Thousandths of the operator's unit; for a person a decimal fraction without what is not needed:
/// `12.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(pub u64);

impl fmt::Display for Units {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        out.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Plan {
    /// What each region can carry, in the operator's unit: its own bound or what all its endpoints can
    /// carry together, whichever is less; `None` where there is no bound. By [`RegionId`].
    #[must_use]
    pub fn region_capacities(&self) -> Vec<Option<u64>> {
        let mut sums: Vec<Option<Option<u64>>> = vec![None; self.regions.len()];
        for endpoint in &self.endpoints {
            let own = endpoint.capacity.map(u64::from);
            let sum = &mut sums[endpoint.region.index()];
            let before = sum.unwrap_or(Some(0));
            *sum = Some(before.zip(own).map(|(sum, own)| sum + own));
        }
        let regions = self.regions.iter().zip(sums);
        let bounds = regions.map(|(region, sum)| {
            let own = region.capacity.map(u64::from);
            sum.flatten().into_iter().chain(own).min()
        });
        bounds.collect()
    }
}

/// The demand of each class, families together.
fn by_class(service: &Service, map: &Map) -> Vec<u64> {
    let mut demands = vec![0; map.classes.len()];
    let mut share_out = |units: u32, asks: &dyn Fn(RegionId) -> bool| {
        let asked = map.classes.iter().enumerate().filter(|(_, class)| {
            let first = first_region(service, class);
            first.is_some_and(asks)
        });
        let asked: Vec<usize> = asked.map(|(index, _)| index).collect();
        let sizes: Vec<u64> = asked.iter().map(|&index| map.sizes[index]).collect();
        let parts = shared_out(u64::from(units) * Demands::UNIT, &sizes);
        for (index, part) in asked.into_iter().zip(parts) {
            demands[index] += part;
        }
    };
    match &service.demand {
        Demand::Unstated | Demand::Observed => {}
        Demand::Whole(units) => share_out(*units, &|_| true),
        Demand::ByRegion(list) => {
            for (region, units) in list {
                share_out(*units, &|first| first == *region);
            }
        }
    }
    demands
}

/// The first region of a class in which the service has an endpoint.
fn first_region(service: &Service, class: &Class) -> Option<RegionId> {
    let mut regions = class.preference.iter().copied();
    regions.find(|region| {
        let mut families = Family::ALL.into_iter();
        families.any(|family| has_pool(service, family, *region))
    })
}

fn has_pool(service: &Service, family: Family, region: RegionId) -> bool {
    let pool = service.pools[family.index()].get(region.index());
    pool.is_some_and(|pool| !pool.tiers.is_empty())
}

/// Splits the demand of each class between the families in which it has an endpoint; what is odd
/// goes to the first.
fn by_family(service: &Service, map: &Map, demands: &[u64]) -> [Box<[u64]>; 2] {
    let mut rows = [vec![0; demands.len()], vec![0; demands.len()]];
    for (index, (class, &demand)) in map.classes.iter().zip(demands).enumerate() {
        let reaches = |family: Family| {
            let mut regions = class.preference.iter();
            regions.any(|region| has_pool(service, family, *region))
        };
        let parts = match Family::ALL.map(reaches) {
            [true, true] => [demand.div_ceil(2), demand / 2],
            [true, false] => [demand, 0],
            [false, true] => [0, demand],
            [false, false] => [0, 0],
        };
        for (row, part) in rows.iter_mut().zip(parts) {
            row[index] = part;
        }
    }
    rows.map(|row| kept(&row))
}

/// A row as it is kept: empty where nothing is asked for.
fn kept(row: &[u64]) -> Box<[u64]> {
    match row.iter().all(|demand| *demand == 0) {
        true => Box::default(),
        false => row.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_fractions() {
        for (thousandths, text) in [
            (0, "0"),
            (1, "0.001"),
            (12_500, "12.5"),
            (1_000_000, "1000"),
        ] {
            assert_eq!(Units(thousandths).to_string(), text);
        }
    }
}
