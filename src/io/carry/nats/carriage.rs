//! The things that all words of one set of rules need.
use std::sync::Arc;

use crate::io::carry::tools::CarrierTools;
use crate::io::carry::troubles::Troubles;
use crate::plan::{ClusterRules, NatsRules};

/// The rules, and the things that a connection by them works with.
pub(super) struct NatsCarriage {
    pub(super) tools: CarrierTools,
    pub(super) rules: Arc<ClusterRules>,
    pub(super) nats: NatsRules,
    pub(super) troubles: Troubles,
}
