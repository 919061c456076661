//! Where the clients of each service are sent by two tables of one plan, and who of them moves.
//!
//! Clients are counted by what they ask for where that is known, and otherwise by the addresses of known place that
//! they have. Both are by class, and each cohort is a thousandth of its class; so what is told is exact for as long as
//! clients are spread evenly over cohorts. It knows no names, and not why the tables differ.
use std::collections::BTreeMap;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, Family, RegionId, ServiceId};

use super::service_routes::ServiceRoutes;
use super::{Selection, Table};

/// Clients of one family of a service, as two tables send them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientShift {
    /// The service.
    pub service: ServiceId,
    /// The family.
    pub family: Family,
    /// All its clients, in a unit of their own.
    pub clients: u128,
    /// Those who are given other endpoints by the second table.
    pub moved: u128,
    /// By region, those who are sent there by the first table and by the second; without a region, those who get no
    /// address.
    pub regions: BTreeMap<Option<RegionId>, [u128; 2]>,
}

/// Compares two tables of the same plan, service by service; those that nobody asks for are left out.
#[must_use]
pub fn shifts(before: &Table, after: &Table) -> Vec<ClientShift> {
    let services = (0..before.plan.services.len()).map(ServiceId::from_index);
    let pairs = services.flat_map(|service| Family::ALL.map(|family| (service, family)));
    let shifts = pairs.filter_map(|(service, family)| shift([before, after], service, family));
    shifts.collect()
}

fn shift(tables: [&Table; 2], service: ServiceId, family: Family) -> Option<ClientShift> {
    let routes = [
        tables[0].routes(service, family)?,
        tables[1].routes(service, family)?,
    ];
    let mut shift = ClientShift {
        service,
        family,
        clients: 0,
        moved: 0,
        regions: BTreeMap::new(),
    };
    for (class, weight) in alike(routes, weights(tables[0], service, family)) {
        let select = |cohort| tables.map(|table| table.select(service, family, class, cohort));
        if let [Some(one), Some(two)] = select(0)
            && !one.by_cohort
            && !two.by_cohort
        {
            shift.count(u128::from(weight) * u128::from(COHORTS), one, two);
            continue;
        }
        for cohort in 0..COHORTS {
            if let [Some(one), Some(two)] = select(cohort) {
                shift.count(weight.into(), one, two);
            }
        }
    }
    (shift.clients > 0).then_some(shift)
}

/// The weight of each class.
fn weights(table: &Table, service: ServiceId, family: Family) -> &[u64] {
    let demand = table.demands.row(service, family);
    if demand.iter().any(|own| *own > 0) {
        return demand;
    }
    let map = table.plan.services[service.index()].map;
    &table.plan.maps[map.index()].sizes
}

/// One class of each kind that both tables treat alike, with what all of the kind weigh.
fn alike(routes: [&ServiceRoutes; 2], weights: &[u64]) -> Vec<(ClassId, u64)> {
    let mut kinds: BTreeMap<[usize; 2], (ClassId, u64)> = BTreeMap::new();
    for (index, weight) in weights.iter().enumerate() {
        let class = ClassId::from_index(index);
        let [Some(one), Some(two)] = routes.map(|routes| routes.number(class)) else {
            continue;
        };
        kinds.entry([one, two]).or_insert((class, 0)).1 += weight;
    }
    kinds.into_values().collect()
}

impl ClientShift {
    fn count(&mut self, clients: u128, one: Selection<'_>, two: Selection<'_>) {
        self.clients += clients;
        self.regions.entry(one.region).or_default()[0] += clients;
        self.regions.entry(two.region).or_default()[1] += clients;
        let stays = |endpoint| two.endpoints.contains(endpoint);
        let same = one.endpoints.len() == two.endpoints.len() && one.endpoints.iter().all(stays);
        if !same {
            self.moved += clients;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Moment, Permille};
    use crate::table::fixture::{SERVICE, World, standings};

    #[test]
    fn clients_are_counted_where_they_are_sent() {
        let plan = World::new(&[(0, 1, 1), (0, 1, 1), (1, 1, 1)], &[&[0, 1], &[1, 0]]).plan();
        let table = |shares: &[u16]| {
            let mut standings = standings(&plan, &[]).to_vec();
            for (standing, share) in standings.iter_mut().zip(shares) {
                standing.share = Permille(*share);
            }
            Table::build(1, plan.clone(), standings.into(), Moment(0), None)
        };
        let whole = table(&[1000; 3]);
        for (shares, moved, left) in [
            ([1000, 1000, 1000], 0, 1000),
            ([0, 1000, 1000], 500, 1000),
            ([0, 0, 1000], 1000, 0),
        ] {
            let found = shifts(&whole, &table(&shares));
            let [own] = &found[..] else {
                panic!("one service of one family: {found:?}")
            };
            assert_eq!((own.service, own.family), (SERVICE, Family::V4));
            let [first, second] = [0, 1].map(|region| own.regions[&Some(RegionId(region))]);
            assert_eq!(first[0], first[0] / 1000 * 1000, "whole classes");
            assert_eq!(own.moved, first[0] / 1000 * moved, "{shares:?}");
            assert_eq!(first[1], first[0] / 1000 * left, "{shares:?}");
            assert_eq!(first[1] + second[1], own.clients);
        }
    }
}
