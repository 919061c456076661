//! Reports that nobody asked for: which slots of the plan they are of.
//!
//! Whether whoever reports may do so was asked before. What a report comes to is the engine's.
use crate::base::SlotId;
use crate::io::control::PushReport;
use crate::plan::Plan;

/// The slots that a report is of, or why it is of none; for a person.
pub(super) fn slots_of(plan: &Plan, push: &PushReport) -> Result<Vec<SlotId>, String> {
    let Some(endpoint) = plan.endpoint(&push.endpoint) else {
        return Err(format!("there is no endpoint `{}`", push.endpoint));
    };
    let slots = plan.told_slots(&push.monitor, endpoint, push.address);
    if slots.is_empty() {
        let of = push
            .address
            .map_or(String::new(), |address| format!(" at {address}"));
        return Err(format!(
            "endpoint `{}`{of} has no monitor `{}` of type push",
            push.endpoint, push.monitor
        ));
    }
    Ok(slots)
}
