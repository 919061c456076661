//! Rules of a plan that a slot or a target lives by.
use crate::base::{SlotId, TargetId};
use crate::plan::{Endpoint, Monitor, Plan, Recovery};

/// The monitor of a slot.
pub(super) fn monitor(plan: &Plan, slot: SlotId) -> &Monitor {
    &plan.monitors[plan.slots[slot.index()].monitor.index()]
}

/// The endpoint of a target.
pub(super) fn own_endpoint(plan: &Plan, target: TargetId) -> &Endpoint {
    &plan.endpoints[plan.targets[target.index()].endpoint.index()]
}

/// The way back of a target.
pub(super) fn recovery(plan: &Plan, target: TargetId) -> &Recovery {
    &plan.recoveries[plan.targets[target.index()].recovery.index()]
}
