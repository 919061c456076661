//! Numbers of requests and changes, in the text format of Prometheus.
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProviderRequest {
    Negotiate,
    Records,
    Adjust,
    Apply,
}

/// Endings of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProviderEnding {
    /// Well.
    Done,
    /// Something has to be mended: 4xx.
    Refused,
    /// It may be tried again: 5xx.
    Failed,
}

const REQUESTS: [&str; 4] = ["negotiate", "records", "adjust", "apply"];
const ENDINGS: [&str; 3] = ["done", "refused", "failed"];

/// All numbers since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    requests: [[AtomicU64; ENDINGS.len()]; REQUESTS.len()],
    changes: AtomicU64,
}

impl Counts {
    /// Counts a request that has ended.
    pub(super) fn request(&self, request: ProviderRequest, ending: ProviderEnding) {
        self.requests[request as usize][ending as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts RRsets that were changed.
    pub(super) fn changed(&self, changes: usize) {
        let changes = u64::try_from(changes).unwrap_or(u64::MAX);
        self.changes.fetch_add(changes, Ordering::Relaxed);
    }

    /// The text that a scraper reads.
    pub(super) fn text(&self) -> String {
        let mut out = "# HELP waypost_external_dns_requests_total Requests of external-dns, by how they ended.\n\
             # TYPE waypost_external_dns_requests_total counter\n"
            .to_owned();
        for (request, endings) in REQUESTS.iter().zip(&self.requests) {
            for (ending, count) in ENDINGS.iter().zip(endings) {
                let count = count.load(Ordering::Relaxed);
                // Writing to a String cannot fail.
                let _ = writeln!(
                    out,
                    "waypost_external_dns_requests_total{{request=\"{request}\",ending=\"{ending}\"}} {count}"
                );
            }
        }
        out += "# HELP waypost_external_dns_changes_total RRsets that were declared or removed.\n\
             # TYPE waypost_external_dns_changes_total counter\n";
        let changes = self.changes.load(Ordering::Relaxed);
        out + &format!("waypost_external_dns_changes_total {changes}\n")
    }
}
