//! Numbers of an endpoint that follow a value: which monitor reads it, and within which limits.
use crate::base::{MonitorId, Permille, Span};

/// A number that may follow a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Followed {
    /// The weight.
    Weight,
    /// The capacity.
    Capacity,
}

/// The source of a number of an endpoint, beside the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueSource {
    /// The monitor whose value is the number.
    pub monitor: MonitorId,
    /// At the least; above 0.
    pub min: u32,
    /// At the most; no more than the number of the config.
    pub max: u32,
    /// The most that it changes in a minute, as a part of the number of the config.
    pub change_per_minute: Permille,
    /// The age past which a value counts no more, and the number of the config holds.
    pub stale_after: Span,
}

impl Followed {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Weight, Self::Capacity];

    /// Its place among all.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Weight => 0,
            Self::Capacity => 1,
        }
    }
}

impl ValueSource {
    /// The change of a source that says nothing of it.
    pub const CHANGE_PER_MINUTE: Permille = Permille(100);
    /// The age of a source that says nothing of it.
    pub const STALE_AFTER: Span = Span::from_secs(300);
}
