//! The pace of a conversation: time between two bundles, by their size.
//!
//! A second for as much as one bundle may hold, and never less than the time for which news are gathered. Both ends keep it, so
//! neither can be made to work faster by the other.
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::tools::duration;
use crate::base::limits::{CLUSTER_BUNDLE_BYTES, CLUSTER_GATHERED};

/// The moment from which the next bundle may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerPace(Instant);

impl PeerPace {
    /// It may go at once.
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Waits for the turn.
    pub(super) async fn turn(self) {
        sleep_until(self.0).await;
    }

    /// A bundle of so many octets has gone.
    pub(super) fn gone(&mut self, octets: usize) {
        let whole = u32::try_from(CLUSTER_BUNDLE_BYTES).unwrap_or(u32::MAX);
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        let took = Duration::from_secs(1) * octets.min(whole) / whole;
        self.0 = Instant::now() + took.max(duration(CLUSTER_GATHERED));
    }
}
