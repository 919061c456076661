//! Counts how often the clients of each class ask for services whose demand is observed.
//!
//! As in [`super::queries`] only its owner writes a slab, and a row is made when the first answer
//! comes that it is for. Services whose demand is stated, or not of interest, have no rows and cost
//! one look. A reply that was cut off is not counted: the client asks again over TCP.
//!
//! The counts rise for as long as a plan is in force, and are by its numbers. What was counted for a
//! plan before it is of no use any more, and is forgotten with it.
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::queries::raise;
use crate::answer::Answered;
use crate::base::{Family, ServiceId};
use crate::plan::{Demand, Plan};

/// Counts by class.
pub type Asked = BTreeMap<(ServiceId, Family), Vec<u64>>;

/// One thread's counts for one plan.
#[derive(Debug)]
pub(super) struct AskedCells {
    /// By service; absent where the demand is not observed.
    services: Box<[Option<ByFamily>]>,
}

/// Cells of one service.
#[derive(Debug)]
struct ByFamily {
    classes: usize,
    rows: [OnceLock<Box<[AtomicU64]>>; 2],
}

impl AskedCells {
    pub(super) fn new(plan: &Plan) -> Self {
        let services = plan.services.iter().map(|service| {
            let classes = plan.maps[service.map.index()].classes.len();
            (service.demand == Demand::Observed).then(|| ByFamily {
                classes,
                rows: [OnceLock::new(), OnceLock::new()],
            })
        });
        let services: Vec<_> = services.collect();
        // One look at nothing is cheaper than one at a list of nothings.
        match services.iter().all(Option::is_none) {
            true => Self {
                services: Box::default(),
            },
            false => Self {
                services: services.into(),
            },
        }
    }

    /// Counts one reply; the caller is the only one to count here.
    pub(super) fn count(&self, answered: &Answered) {
        let service = answered
            .service
            .and_then(|id| self.services.get(id.index()));
        let Some(service) = service.and_then(Option::as_ref) else {
            return;
        };
        let Some((family, class)) = answered.asked.filter(|_| !answered.truncated) else {
            return;
        };
        let row = service.rows[family.index()].get_or_init(|| {
            let cells = std::iter::repeat_with(AtomicU64::default);
            cells.take(service.classes).collect()
        });
        if let Some(cell) = row.get(class.index()) {
            raise(cell);
        }
    }

    /// Adds what was counted.
    pub(super) fn add_to(&self, sums: &mut Asked) {
        let services = (0..).map(ServiceId).zip(&*self.services);
        for (id, service) in services.filter_map(|(id, own)| Some((id, own.as_ref()?))) {
            for family in Family::ALL {
                let Some(row) = service.rows[family.index()].get() else {
                    continue;
                };
                let sums = sums.entry((id, family)).or_default();
                sums.resize(row.len(), 0);
                for (sum, cell) in sums.iter_mut().zip(row) {
                    *sum += cell.load(Ordering::Relaxed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::answer::{Counted, Transport};
    use crate::base::{ClassId, Reason};
    use crate::io::metrics::queries::Ledger;
    use crate::table::fixture::World;

    fn plan(digest: u64) -> Plan {
        let mut world = World::new(&[(0, 1, 100)], &[&[0], &[0]]);
        world.services = 2;
        let mut plan = Arc::into_inner(world.plan()).unwrap();
        plan.digest = digest;
        plan.services[1].demand = Demand::Observed;
        plan
    }

    fn answered(service: u16, class: u16) -> Answered {
        Answered {
            length: 60,
            rcode: 0,
            service: Some(ServiceId(service)),
            region: None,
            asked: Some((Family::V4, ClassId(class))),
            reason: Reason::Preferred,
            truncated: false,
            counted: Counted::NOTHING,
        }
    }

    #[test]
    fn who_asks_is_counted_where_that_is_observed() {
        let (ledger, plan) = (Ledger::default(), plan(1));
        assert!(ledger.asked(&plan).is_empty());
        let mut one = ledger.open(&plan, Transport::Udp);
        let mut other = ledger.open(&plan, Transport::Tcp);
        for _ in 0..3 {
            one.count(&answered(1, 1));
            other.count(&answered(1, 0));
        }
        one.count(&answered(0, 1));
        one.count(&Answered {
            truncated: true,
            ..answered(1, 1)
        });
        one.count(&Answered {
            asked: None,
            ..answered(1, 1)
        });
        let expected =
            |counts: [u64; 2]| Asked::from([((ServiceId(1), Family::V4), counts.to_vec())]);
        assert_eq!(ledger.asked(&plan), expected([3, 3]));
        drop(other);
        assert_eq!(
            ledger.asked(&plan),
            expected([3, 3]),
            "of a thread that is gone"
        );
        one.count(&answered(1, 0));
        assert_eq!(ledger.asked(&plan), expected([4, 3]));
        assert!(ledger.asked(&self::plan(2)).is_empty(), "another plan");
    }
}
