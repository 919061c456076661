//! Answers of nodes, between the counts of one of them and the records of all.
//!
//! Rows go by hashes of names, for each node numbers services and classes by its own plan. A count is of [`OBSERVE_EVERY`], whatever
//! time a node took to count it. Where there are more rows than a record has room for the smallest are left out; what a plan does
//! not know of the others' is left out, too.
//!
//! It knows no address: classes are told as the regions that they prefer, in order.
use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::base::limits::{CLUSTER_LOAD_ROWS, OBSERVE_EVERY};
use crate::base::{Family, ServiceId};
use crate::engine::Observed;
use crate::plan::{Demand, Plan};
use crate::share::{LoadRow, NodeLoad, TargetNames};

/// The record of what this node counted.
pub(super) fn told(plan: &Plan, observed: &Observed) -> NodeLoad {
    let mut rows: BTreeMap<LoadRow, u64> = BTreeMap::new();
    for ((service, family), counts) in &observed.answers {
        for (row, count) in rows_of(plan, *service, *family).into_iter().zip(counts) {
            let scaled = count.saturating_mul(OBSERVE_EVERY.0) / observed.within.0.max(1);
            *rows.entry(row).or_default() += scaled;
        }
    }
    let mut rows: Vec<(LoadRow, u64)> = rows.into_iter().filter(|(_, count)| *count > 0).collect();
    rows.sort_unstable_by_key(|(row, count)| (Reverse(*count), *row));
    rows.truncate(CLUSTER_LOAD_ROWS);
    rows.sort_unstable();
    NodeLoad {
        rows,
        ..NodeLoad::default()
    }
}

/// The sum of what all nodes counted, by the numbers of this plan. Of classes that prefer the same, the first has it all.
pub(super) fn observed(plan: &Plan, mut load: BTreeMap<LoadRow, u64>) -> Observed {
    let services = (0..).map(ServiceId).zip(&plan.services);
    let counted = services.filter(|(_, own)| own.demand == Demand::Observed);
    let keys = counted.flat_map(|(id, _)| Family::ALL.map(|family| (id, family)));
    let answers = keys.map(|(service, family)| {
        let rows = rows_of(plan, service, family).into_iter();
        let counts = rows.map(|row| load.remove(&row).unwrap_or(0)).collect();
        ((service, family), counts)
    });
    Observed {
        digest: plan.digest,
        within: OBSERVE_EVERY,
        answers: answers.collect(),
    }
}

/// The rows of a service's classes, in their order.
fn rows_of(plan: &Plan, service: ServiceId, family: Family) -> Vec<LoadRow> {
    let own = &plan.services[service.index()];
    let hash = TargetNames::hash(&own.name);
    let classes = &plan.maps[own.map.index()].classes;
    let rows = classes.iter().map(|class| {
        let names = class.preference.iter();
        let names = names.map(|region| plan.regions[region.index()].name.as_str());
        LoadRow {
            service: hash,
            family,
            class: TargetNames::hash(&names.collect::<Vec<_>>().join(",")),
        }
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;
    use crate::table::fixture::{SERVICE, World};
    use std::sync::Arc;

    #[test]
    fn what_two_nodes_counted_is_summed_by_what_clients_prefer() {
        let plan = |classes: &[&[u16]]| {
            let world = World::new(&[(0, 1, 100), (1, 1, 100)], classes);
            let mut plan = Arc::into_inner(world.plan()).unwrap();
            plan.services[0].demand = Demand::Observed;
            plan
        };
        let (one, other) = (plan(&[&[0, 1], &[1, 0]]), plan(&[&[1, 0], &[1], &[0, 1]]));
        let counted = |plan: &Plan, seconds: u64, counts: &[u64]| Observed {
            digest: plan.digest,
            within: Span::from_secs(seconds),
            answers: BTreeMap::from([((SERVICE, Family::V4), counts.to_vec())]),
        };
        let mut sum: BTreeMap<LoadRow, u64> = BTreeMap::new();
        for load in [
            told(&one, &counted(&one, 10, &[100, 7])),
            told(&other, &counted(&other, 20, &[20, 50, 6])),
        ] {
            assert!(load.rows.is_sorted());
            for (row, count) in load.rows {
                *sum.entry(row).or_default() += count;
            }
        }
        let all = observed(&one, sum);
        assert_eq!(all.within, OBSERVE_EVERY);
        assert_eq!(all.answers[&(SERVICE, Family::V4)], [103, 17]);
    }
}
