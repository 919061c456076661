//! The things that those who ask and those who answer have in common.
use std::sync::Arc;
use std::time::Duration;

use super::ring::PeerRing;
use super::troubles::Troubles;
use crate::base::Span;
use crate::io::carry::SharedCopy;
use crate::io::clock::Clock;
use crate::io::metrics::Metrics;
use crate::plan::ClusterRules;

/// The things that a carrier works with.
#[derive(Clone, Debug)]
pub struct PeerTools {
    /// The copy that is carried.
    pub copy: SharedCopy,
    /// The time.
    pub clock: Clock,
    /// The counters of troubles and octets.
    pub metrics: Arc<Metrics>,
}

/// The things that all tasks of one config share.
#[derive(Debug)]
pub(super) struct PeerCarriage {
    pub(super) tools: PeerTools,
    pub(super) rules: Arc<ClusterRules>,
    pub(super) ring: PeerRing,
    pub(super) troubles: Troubles,
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerQuestion {
    /// Answered when there is anything new.
    News,
    /// Answered when there is a new order.
    Orders,
    /// Answered at once.
    State,
}

impl PeerQuestion {
    pub(super) const ALL: [Self; 3] = [Self::News, Self::Orders, Self::State];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::News => "/cluster/v1/news",
            Self::Orders => "/cluster/v1/orders",
            Self::State => "/cluster/v1/state",
        }
    }
}

/// A span as the runtime wants it.
pub(super) fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0)
}
