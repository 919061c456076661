//! `monitors` of a service or an endpoint, and `weight_from`, as they are written.
use super::reader::At;
use crate::base::{Permille, Span};
use crate::plan::Combination;

/// The monitors of a service or an endpoint, by name.
#[derive(Debug, Default)]
pub(crate) struct WatchSpec {
    /// Those that decide; absent = none.
    pub(crate) decide: Option<At<Combination<At<String>>>>,
    /// Those that are probed and shown, and decide nothing.
    pub(crate) report_only: Vec<At<String>>,
}

/// `weight_from` of an endpoint: the value that its weight follows.
#[derive(Debug)]
pub(crate) struct WeightSpec {
    pub(crate) monitor: Option<At<String>>,
    pub(crate) min: u16,
    /// The endpoint's weight if absent.
    pub(crate) max: Option<At<u16>>,
    pub(crate) change_per_minute: Permille,
    pub(crate) stale_after: Span,
}
