//! A warning of what a restart would undo, for a config that holds something back and keeps nothing.
//!
//! A gate, an approval and the signatures of a zone are promises that outlast the process only where what it knows
//! can be kept. With a folder that cannot be written, a restart is a way around them.
use std::path::Path;

use crate::config::{Compiled, Finding, Severity};
use crate::io::state;
use crate::plan::{Approval, Plan};

/// The warning, if there is something to lose and nowhere to keep it.
pub(super) fn warning(config: &Path, compiled: &Compiled) -> Option<Finding> {
    let held = held_back(&compiled.plan, compiled.zoning.signs());
    if held.is_empty() {
        return None;
    }
    let folder = compiled.zoning.state.as_deref()?;
    let why = state::usable(folder).err()?;
    Some(Finding {
        file: config.display().to_string(),
        line: 1,
        column: 1,
        severity: Severity::Warning,
        message: format!(
            "nothing can be kept in `{}` ({why}), so that a restart goes around {}",
            folder.display(),
            held.join(", ")
        ),
        help: Some("give `[server] state` a folder that the server's user may write".to_owned()),
    })
}

/// Names what is held back, in words.
fn held_back(plan: &Plan, is_signed: bool) -> Vec<&'static str> {
    let used = plan.targets.iter();
    let recoveries = used.map(|target| &plan.recoveries[target.recovery.index()]);
    let has_gate = recoveries.clone().any(|own| !own.gates.is_empty());
    let needs_word = recoveries
        .clone()
        .any(|own| own.approval == Approval::Needed);
    let found = [
        (has_gate, "the gates of recoveries"),
        (needs_word, "the approvals that recoveries ask for"),
        (is_signed, "what is known of signed zones"),
    ];
    let held = found.into_iter().filter(|(is_there, _)| *is_there);
    held.map(|(_, words)| words).collect()
}
