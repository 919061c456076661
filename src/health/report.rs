//! What one probe saw.
use serde::{Deserialize, Serialize};

use crate::base::{Cause, MonitorValue};

/// Tells whether the probe passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeResult {
    /// Everything was as the monitor expects.
    Pass,
    /// Something was not, or the time ran out.
    Fail(Cause),
}

/// How long each phase of a probe took, in microseconds; 0 for a phase that was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// Until the TCP connection stood.
    pub connect_us: u32,
    /// From there until TLS stood.
    pub tls_us: u32,
    /// From there until the whole response was read and judged.
    pub response_us: u32,
    /// All together.
    pub total_us: u32,
}

/// What one probe saw. How long it took is not kept over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Tells whether it passed.
    pub outcome: ProbeResult,
    /// How long it took.
    #[serde(skip)]
    pub timing: Timing,
    /// When the server's certificate expires, in seconds since 1970, where one was seen.
    pub certificate_expires: Option<u64>,
    /// The value that was read, where the monitor reads one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<MonitorValue>,
}
