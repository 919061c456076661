//! The engine's state as figures, for metrics: numbers by the ids of its plan, and not a name among them.
//!
//! A scrape is not worth holding probes up. So the engine gives a copy of what changes, a few octets for each target and slot,
//! and the plan and the table as they are; whoever writes metrics joins names to numbers elsewhere, at leisure.
use std::sync::Arc;

use crate::base::{Family, Moment, Permille, RegionId, ServiceId, SlotId, Span};
use crate::discovery::DiscoveryReport;
use crate::health::guard::Doubt;
use crate::names::NameReport;
use crate::plan::{AllDown, Plan};
use crate::share::ClusterView;
use crate::table::Table;

use super::Engine;
use super::effects;
use super::status::ZoneStatus;

/// The figures of one moment.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The plan in force, by whose ids everything here goes.
    pub plan: Arc<Plan>,
    /// The published table, which may be of the plan before.
    pub table: Arc<Table>,
    /// The moment.
    pub at: Moment,
    /// Tells whether the node doubts itself.
    pub doubting: bool,
    /// Tells whether the bound on automatic ejections holds something back.
    pub capped: bool,
    /// Tells whether the config that was read last was refused; configs are read elsewhere.
    pub refused: bool,
    /// By [`crate::base::TargetId`].
    pub targets: Vec<TargetFigures>,
    /// By [`SlotId`].
    pub slots: Vec<SlotFigures>,
    /// Machines that are known by name; they are looked after elsewhere.
    pub names: Vec<NameReport>,
    /// Sources of endpoints; they are looked after elsewhere.
    pub discoveries: Vec<DiscoveryReport>,
    /// Zones; they are looked after elsewhere.
    pub zones: Vec<ZoneStatus>,
    /// The cluster, if the node is of one; other nodes are spoken to elsewhere.
    pub cluster: Option<ClusterView>,
}

/// One target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetFigures {
    /// Its state, as status words it.
    pub state: &'static str,
    /// Its share.
    pub share: Permille,
    /// Tells whether nobody has looked at one of its slots for too long.
    pub unwatched: bool,
}

/// One probe slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotFigures {
    /// Age of the last result; absent before the first.
    pub age: Option<Span>,
    /// Tells whether that was a pass.
    pub passed: bool,
    /// The expiry of the certificate that was seen, in seconds since 1970.
    pub certificate_expires: Option<u64>,
}

/// One service, as the published table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceFigures {
    /// Tells whether some class gets endpoints that are down.
    pub fail_open: bool,
    /// Tells whether some class gets no address.
    pub all_down: bool,
    /// Demand, in thousandths of the operator's unit; 0 if nobody said.
    pub demand_thousandths: u64,
    /// The part of it that fits nowhere.
    pub overloaded_thousandths: u64,
}

impl Figures {
    /// The figures of a service of the table's plan.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> ServiceFigures {
        let mut families = Family::ALL.into_iter();
        let stranded = families.any(|family| self.table.stranded(id, family).is_some());
        let all_down = self.table.plan.services[id.index()].all_down;
        ServiceFigures {
            fail_open: stranded && all_down == AllDown::FailOpen,
            all_down: stranded && all_down != AllDown::FailOpen,
            demand_thousandths: self.table.demands.total(id),
            overloaded_thousandths: self.table.unplaced(id),
        }
    }

    /// The load of a region, in thousandths of the operator's unit, rounded up; absent where no capacity is planned, and
    /// until there is a table of the plan in force.
    #[must_use]
    pub fn region_load(&self, id: RegionId) -> Option<u64> {
        let load = self.table.region_load(id);
        load.filter(|_| Arc::ptr_eq(&self.table.plan, &self.plan))
            .map(|load| load.div_ceil(1000))
    }
}

/// Takes them.
pub(super) fn figures(engine: &Engine, now: Moment) -> Figures {
    let plan = &engine.plan;
    let targets = plan.targets.iter().zip(engine.health.standings());
    let targets = targets.map(|(target, standing)| TargetFigures {
        state: effects::shown_state(&engine.lookout, target, standing),
        share: standing.share,
        unwatched: engine.lookout.is_blind_to(target),
    });
    let slots = (0..plan.slots.len()).map(SlotId::from_index);
    let slots = slots.map(|id| {
        let slot = engine.health.slot(id);
        let last = slot.last();
        SlotFigures {
            age: last.map(|(at, _)| now.since(at)),
            passed: last.is_some() && slot.last_failure().is_none(),
            certificate_expires: last.and_then(|(_, report)| report.certificate_expires),
        }
    });
    Figures {
        plan: Arc::clone(plan),
        table: Arc::clone(&engine.table),
        at: now,
        doubting: engine.health.doubt() != Doubt::None,
        capped: engine.health.is_capped(),
        refused: false,
        targets: targets.collect(),
        slots: slots.collect(),
        names: Vec::new(),
        discoveries: Vec::new(),
        zones: Vec::new(),
        cluster: None,
    }
}
