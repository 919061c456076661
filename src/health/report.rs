//! What one probe saw.
use serde::{Deserialize, Serialize};

use crate::base::{Cause, MonitorValue, Span};
use crate::plan::Monitor;

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
    /// From the request until the first octet of the response, where the protocol has one of each (HTTP, gRPC).
    pub first_byte_us: u32,
    /// From when the connection was ready until the whole response was read and judged; the time to the first octet is part
    /// of it.
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

impl Report {
    /// The report as a monitor takes it: a probe that passed and took longer than `slow_after` has failed for being slow, and
    /// counts towards `fall` as any other, unless slow endpoints serve a part of their clients (`degraded`): then it has
    /// passed. One that failed has failed for its own cause, however long that took.
    #[must_use]
    pub fn judged_by(self, monitor: &Monitor) -> Self {
        match self.outcome {
            ProbeResult::Pass if monitor.degraded.is_none() && self.is_late(monitor) => Self {
                outcome: ProbeResult::Fail(Cause::Slow),
                ..self
            },
            ProbeResult::Pass | ProbeResult::Fail(_) => self,
        }
    }

    /// Tells that the probe took longer than `slow_after`, whatever it saw.
    #[must_use]
    pub fn is_late(&self, monitor: &Monitor) -> bool {
        let took_us = u64::from(self.timing.total_us);
        let is_late = |most: Span| took_us > most.0.saturating_mul(1000);
        monitor.slow_after.is_some_and(is_late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Permille;
    use crate::plan::{Check, FailureCount, ProbeSource};

    #[test]
    fn what_passes_too_late_has_failed_for_being_slow() {
        let passed = ProbeResult::Pass;
        let refused = ProbeResult::Fail(Cause::Refused);
        let slow = ProbeResult::Fail(Cause::Slow);
        let part = Some(Permille(200));
        for (slow_after, degraded, total_us, outcome, judged) in [
            (None, None, u32::MAX, passed, passed),
            (Some(Span(500)), None, 500_000, passed, passed),
            (Some(Span(500)), None, 500_001, passed, slow),
            (Some(Span(500)), part, 500_001, passed, passed),
            (Some(Span(500)), None, 500_001, refused, refused),
            (Some(Span(500)), part, 500_001, refused, refused),
            (Some(Span(u64::MAX)), None, u32::MAX, passed, passed),
        ] {
            let monitor = Monitor {
                name: "web".to_owned(),
                check: Check::default(),
                port: 443,
                interval: Span(5000),
                near_interval: Span(1000),
                timeout: Span(2000),
                slow_after,
                degraded,
                source: ProbeSource::default(),
                fall: 3,
                failures: FailureCount::Accumulated,
                rise: 3,
            };
            let timing = Timing {
                total_us,
                ..Timing::default()
            };
            let report = Report {
                outcome,
                timing,
                certificate_expires: Some(7),
                value: None,
            };
            let found = report.judged_by(&monitor);
            assert_eq!(found.outcome, judged, "{slow_after:?} {total_us}");
            assert_eq!((found.timing, found.certificate_expires), (timing, Some(7)));
        }
    }
}
