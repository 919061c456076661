//! Civil time, as people and files write it, and how moments relate to it.
//!
//! Whatever decides goes by [`Moment`], which no wall clock that is set can move. A person says `in two hours` or
//! names a time of day, and is shown one: both are turned around at the edge, by the one [`Calendar`] of that turn.
//! Texts are RFC 3339 in UTC, to the second.
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Moment, Span};

/// A point of civil time, in milliseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Utc(pub u64);

/// A text with the format of RFC 3339.
impl utoipa::PartialSchema for Utc {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.format(Some(format)).into()
    }
}

impl utoipa::ToSchema for Utc {}

/// A time as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSpec {
    /// So long from now: `2h`.
    In(Span),
    /// Then: `2027-03-01T22:00:00Z`.
    At(Utc),
}

/// Civil time at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The moment.
    pub now: Moment,
    /// The civil time then.
    pub utc: Utc,
}

impl Utc {
    /// The time so many seconds after 1970.
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The nearest second. A moment that was reckoned of a second that somebody named comes back some milliseconds early
    /// or late, for the two clocks are not read at once.
    #[must_use]
    pub fn to_nearest_second(self) -> Self {
        Self::from_seconds(self.0.saturating_add(500) / 1000)
    }

    /// Reads RFC 3339, with `Z` or an offset; `None` if it is none, or before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let read: Timestamp = text.parse().ok()?;
        u64::try_from(read.as_millisecond()).ok().map(Self)
    }
}

/// `2027-03-01T22:00:00Z`; what lies past the year 9999 is the end of it.
impl fmt::Display for Utc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0 / 1000).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        write!(out, "{time:.0}")
    }
}

/// As text.
impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text.
impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a time of RFC 3339"))
    }
}

impl TimeSpec {
    /// The way in which a time is to be written, for whoever wrote something else.
    pub const HELP: &'static str = "write it as 30m, 2h or 1d, or as 2027-03-01T22:00:00Z";

    /// Reads a span or an RFC 3339 time; `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let span = Span::parse(text).map(Self::In);
        span.or_else(|| Utc::parse(text).map(Self::At))
    }
}

/// As it is read.
impl fmt::Display for TimeSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(span) => span.fmt(out),
            Self::At(utc) => utc.fmt(out),
        }
    }
}

impl Calendar {
    /// The moment that is meant; the first one there is if it lies before that.
    #[must_use]
    pub fn moment_of(&self, when: TimeSpec) -> Moment {
        match when {
            TimeSpec::In(span) => self.now.after(span),
            TimeSpec::At(utc) if utc >= self.utc => self.now.after(Span(utc.0 - self.utc.0)),
            TimeSpec::At(utc) => Moment(self.now.0.saturating_sub(self.utc.0 - utc.0)),
        }
    }

    /// The civil time of a moment to the nearest second, as people are shown it.
    #[must_use]
    pub fn second_of(&self, moment: Moment) -> Utc {
        self.utc_of(moment).to_nearest_second()
    }

    /// The civil time of a moment.
    #[must_use]
    pub fn utc_of(&self, moment: Moment) -> Utc {
        let ahead = moment.since(self.now).0;
        let ago = self.now.since(moment).0;
        Utc(self.utc.0.saturating_add(ahead).saturating_sub(ago))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_as_rfc_3339_has_them() {
        for (text, shown) in [
            ("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00Z")),
            ("2027-03-01T22:00:00Z", Some("2027-03-01T22:00:00Z")),
            ("2027-03-01T22:00:00.750Z", Some("2027-03-01T22:00:00Z")),
            ("2028-02-29T23:30:00-02:00", Some("2028-03-01T01:30:00Z")),
            ("2027-02-29T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("2027-03-01T22:00:00", None),
            ("22:00", None),
            ("", None),
        ] {
            let read = Utc::parse(text).map(|utc| utc.to_string());
            assert_eq!(read.as_deref(), shown, "{text}");
        }
        assert_eq!(Utc(u64::MAX).to_string()[..5], *"9999-");
    }

    #[test]
    fn a_calendar_turns_times_into_moments_and_back() {
        let calendar = Calendar {
            now: Moment(5000),
            utc: Utc(1_000_000),
        };
        for (when, moment) in [
            (TimeSpec::In(Span(70)), 5070),
            (TimeSpec::At(Utc(1_000_250)), 5250),
            (TimeSpec::At(Utc(999_000)), 4000),
            (TimeSpec::At(Utc(7)), 0),
        ] {
            assert_eq!(calendar.moment_of(when), Moment(moment), "{when:?}");
        }
        for moment in [4000, 5000, 5250] {
            let back = calendar.moment_of(TimeSpec::At(calendar.utc_of(Moment(moment))));
            assert_eq!(back, Moment(moment));
        }
        // Read again two milliseconds later by one clock, and one by the other.
        let named = calendar.moment_of(TimeSpec::At(Utc(1_060_000)));
        let again = Calendar {
            now: Moment(5002),
            utc: Utc(1_000_001),
        };
        assert_eq!(again.utc_of(named), Utc(1_059_999));
        assert_eq!(again.second_of(named), Utc(1_060_000));
        assert_eq!(
            TimeSpec::parse("2h"),
            Some(TimeSpec::In(Span::from_secs(7200)))
        );
        assert_eq!(TimeSpec::parse("soon"), None);
    }
}
