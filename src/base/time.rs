//! Points and lengths of time, in whole milliseconds.
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A point on the monotonic clock, in milliseconds since the process started; where state is kept over
/// restarts, since the first start of all.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Moment(pub u64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

impl Moment {
    /// The moment `span` later, at most the last one there is.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long after `earlier` this is; nothing if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Reads `500ms`, `5s`, `2m`, `1h` or `1d`; `None` if it is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = text.split_at(digits);
        let unit = match unit {
            "ms" => Self(1),
            "s" => Self::from_secs(1),
            "m" => Self::from_secs(60),
            "h" => Self::from_secs(3600),
            "d" => Self::from_secs(24 * 3600),
            _ => return None,
        };
        Some(unit.times(count.parse().ok()?))
    }

    /// Whole seconds, rounded down; what a TTL field holds.
    #[must_use]
    pub fn as_secs(self) -> u32 {
        u32::try_from(self.0 / 1000).unwrap_or(u32::MAX)
    }

    /// This span `count` times over.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

/// As the config writes it: `1500ms`, `5s`, `2m`, `1h`.
impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0;
        match millis {
            0 => write!(out, "0s"),
            _ if millis.is_multiple_of(3_600_000) => write!(out, "{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(out, "{}m", millis / 60_000),
            _ if millis.is_multiple_of(1000) => write!(out, "{}s", millis / 1000),
            _ => write!(out, "{millis}ms"),
        }
    }
}

/// In JSON as the config writes it.
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
