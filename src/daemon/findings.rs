//! Lines of the log about configs: what is doubtful in one that is taken, what is wrong in one that is not, what it would take away.
//!
//! One line for each thing, so that whoever reads them by program need not take a page apart.
use tracing::{error, warn};

use crate::config::{Diagnostics, Severity};
use crate::dns::Name;

/// The beginning of a refusal that is none of an error.
pub(super) const REFUSED: &str = "refused: ";
/// Lines of what a refused config would take away.
const FINDINGS: usize = 100;

/// Writes that a config, or the file of a zone, is not taken. What is wrong in it has its lines before ([`errors`]); what it
/// would take away, which is no error, has a line for each thing here.
pub(super) fn refusal(zone: Option<&Name>, text: &str) {
    let zone = zone.map(tracing::field::display);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    error!(
        event = "reload_refused",
        zone, "nothing was changed: {first}"
    );
    if first.starts_with(REFUSED) {
        // The second line says what to do.
        for line in lines.skip(1).take(FINDINGS) {
            error!(event = "reload_finding", "{}", line.trim());
        }
    }
}

/// Writes what is wrong in a config, or in the file of a zone, that is refused for it; each finding is a line.
pub(super) fn errors(diagnostics: &Diagnostics) {
    let mut all = diagnostics.list();
    all.retain(|finding| finding.severity != Severity::Warning);
    for finding in all {
        let (file, line, column) = (&finding.file, finding.line, finding.column);
        let help = &finding.help;
        error!(
            event = "config_error",
            file, line, column, help, "{}", finding.message
        );
    }
}

/// Writes what is doubtful in a config that is taken all the same.
pub(super) fn doubts(diagnostics: &Diagnostics) {
    for finding in diagnostics.list() {
        let (file, line, column) = (&finding.file, finding.line, finding.column);
        match finding.severity {
            Severity::Warning => warn!(
                event = "config_warning",
                file, line, column, "{}", finding.message
            ),
            Severity::Unsettled | Severity::Error => error!(
                event = "config_unsettled",
                file, line, column, "{}; `waypost check` says what to write", finding.message
            ),
        }
    }
}
