//! `monitors` of a service or an endpoint, `weight_from` and `capacity_from`, as they are written.
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

/// `weight_from` or `capacity_from` of an endpoint: the value that the number follows.
#[derive(Debug)]
pub(crate) struct FollowSpec {
    pub(crate) monitor: Option<At<String>>,
    pub(crate) min: u32,
    /// The endpoint's own number if absent.
    pub(crate) max: Option<At<u32>>,
    pub(crate) change_per_minute: Permille,
    pub(crate) stale_after: Span,
}
