//! Lines for people on standard error.
use std::io::Write;

use k8s_openapi::jiff::Timestamp;

/// Writes one.
pub(crate) fn line(event: &str, text: &str) {
    let now = Timestamp::now();
    // A log that nobody takes stops nothing.
    let _ = writeln!(std::io::stderr(), "{now:.3} {event}: {text}");
}
