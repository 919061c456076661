//! Monitors, with their files brought.
use crate::base::{MonitorValue, Permille, Span};
use crate::monitor::Check;
use crate::monitor::bounds::ValueBefore;
use crate::monitor::source::ProbeSource;

/// Which failures of a slot that is up count together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureCount {
    /// All since `rise` successes in a row: what fails every third time goes down in the end.
    #[default]
    Accumulated,
    /// Those in a row: one success wipes the count.
    Consecutive,
}

/// A way to check endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Name.
    pub name: String,
    /// Type, and what is expected.
    pub check: Check,
    /// The port that is dialled.
    pub port: u16,
    /// Time between probes of one slot.
    pub interval: Span,
    /// Time between probes of a slot that is near a flip.
    pub near_interval: Span,
    /// Time that one probe may take in all.
    pub timeout: Span,
    /// Time past which a probe that passed counts as one that failed, or as slow; absent = only the timeout does.
    pub slow_after: Option<Span>,
    /// Part of its clients that an endpoint serves while its probes are slow; absent = a slow probe has failed.
    pub degraded: Option<Permille>,
    /// The way by which its probes leave this node.
    pub source: ProbeSource,
    /// Failures that take a slot down.
    pub fall: u16,
    /// Which failures count together.
    pub failures: FailureCount,
    /// Successes in a row that bring a slot up, and that wipe its failures.
    pub rise: u16,
}

impl Monitor {
    /// Tells whether a value is within the bounds that it must be in; any is, where there are none.
    #[must_use]
    pub fn holds(&self, value: MonitorValue, before: ValueBefore) -> bool {
        let bounds = self.check.bounds();
        bounds.is_none_or(|bounds| bounds.hold(value, before))
    }
}
