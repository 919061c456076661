//! Weights that follow a value: which monitor reads it, and within which limits.
use crate::base::{MonitorId, Permille, Span};

/// The source of an endpoint's weight, beside the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightSource {
    /// The monitor whose value is the weight.
    pub monitor: MonitorId,
    /// At the least; above 0.
    pub min: u16,
    /// At the most; no more than the endpoint's weight.
    pub max: u16,
    /// The most that it changes in a minute, as a part of the endpoint's weight.
    pub change_per_minute: Permille,
    /// The age past which a value counts no more, and the config's weight holds.
    pub stale_after: Span,
}

impl WeightSource {
    /// The change of a source that says nothing of it.
    pub const CHANGE_PER_MINUTE: Permille = Permille(100);
    /// The age of a source that says nothing of it.
    pub const STALE_AFTER: Span = Span::from_secs(300);
}
