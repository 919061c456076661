//! The things that those who ask and those who answer have in common.
use std::sync::Arc;

use super::ring::PeerRing;
use crate::io::carry::tools::CarrierTools;
use crate::io::carry::troubles::Troubles;
use crate::plan::ClusterRules;

/// The things that all tasks of one config share.
#[derive(Debug)]
pub(super) struct PeerCarriage {
    pub(super) tools: CarrierTools,
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
