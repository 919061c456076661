//! Who is limited at the moment, and how often limits spared somebody.
//!
//! Whoever limits rates says here which networks it has cut off; status and metrics ask here. Networks are kept
//! as they are limited, by their prefix, and only status shows them: a label for each would let
//! strangers make series (promise 8).
use std::sync::{Mutex, PoisonError};

use metrics::Counter;

use super::registry::Registry;
use super::text::{Exposition, Kind};
use crate::base::Moment;
use crate::engine::status::LimitedStatus;
use crate::geo::Network;
use crate::plan::ResponseClass;

/// A network that gets no more replies of a class for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitedNetwork {
    /// Its prefix, as limits tell networks apart.
    pub network: Network,
    /// Which replies.
    pub class: ResponseClass,
    /// Since when.
    pub since: Moment,
}

/// What is known of limits.
#[derive(Debug)]
pub(super) struct Limits {
    present: Mutex<Vec<LimitedNetwork>>,
    exempt: Counter,
}

impl Limits {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            present: Mutex::default(),
            exempt: registry.counter("waypost_rate_limit_exempt_total", &[]),
        }
    }

    pub(super) fn set(&self, limited: Vec<LimitedNetwork>) {
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = limited;
    }

    pub(super) fn spare(&self, replies: u64) {
        self.exempt.increment(replies);
    }

    /// As status shows them.
    pub(super) fn status(&self, now: Moment) -> Vec<LimitedStatus> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = present.iter().map(|one| LimitedStatus {
            network: one.network.to_string(),
            class: one.class.word().to_owned(),
            age_ms: now.since(one.since).0,
        });
        shown.collect()
    }

    /// The number of networks.
    pub(super) fn count(&self) -> usize {
        self.present
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

/// Writes how many there are.
pub(super) fn write(text: &mut Exposition, networks: usize) {
    text.family(
        "waypost_rate_limited_networks",
        Kind::Gauge,
        "Networks that get no more replies of some class for now.",
    )
    .sample(&[], networks);
}
