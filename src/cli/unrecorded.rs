//! A warning for a config whose changes cannot be recorded.
//!
//! Where nobody names an audit log and the folder of the state cannot be written, a server does without one. Where one is named, it
//! refuses every change until it can be written.
use std::path::Path;

use crate::config::{Compiled, Finding, Severity};
use crate::io::state;

/// The warning, if the audit log has no place.
pub(super) fn warning(config: &Path, compiled: &Compiled) -> Option<Finding> {
    let log = compiled.plan.control.access.audit.as_ref()?;
    let folder = log.value.parent().filter(|own| !own.as_os_str().is_empty());
    let why = state::usable(folder.unwrap_or(Path::new("."))).err()?;
    let (path, outcome) = match log.stated {
        true => (log.value.display(), "every change is refused"),
        false => (log.value.display(), "nothing records who changes what"),
    };
    Some(Finding {
        file: config.display().to_string(),
        line: 1,
        column: 1,
        severity: Severity::Warning,
        message: format!("there can be no audit log at `{path}` ({why}): {outcome}"),
        help: Some("name a file that the server's user may write by `[control] audit`".to_owned()),
    })
}
