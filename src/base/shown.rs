//! Units at the edge: how numbers that are kept in one unit stand in JSON, for `#[serde(with = "…")]`.
//!
//! Moments of civil time are kept as seconds since 1970, and stand as text of RFC 3339; the last number there is means never,
//! and stands as null. Spans stand as a number of milliseconds.
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Span, Utc};

/// Seconds since 1970 as text; `u64::MAX` as null.
pub mod utc {
    use super::{Deserializer, Serializer, utc_or_null};

    /// Writes the text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(seconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        utc_or_null::serialize(&Some(*seconds), serializer)
    }

    /// Reads the text.
    ///
    /// # Errors
    /// It is no time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let seconds = utc_or_null::deserialize(deserializer)?;
        Ok(seconds.unwrap_or(u64::MAX))
    }
}

/// The same of what may be absent.
pub mod utc_or_null {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Utc};

    /// Writes the text, or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        seconds: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let known = seconds.filter(|seconds| *seconds != u64::MAX);
        known.map(Utc::from_seconds).serialize(serializer)
    }

    /// Reads the text, or null.
    ///
    /// # Errors
    /// It is no time.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        let time = Option::<Utc>::deserialize(deserializer)?;
        Ok(time.map(|time| time.0 / 1000))
    }
}

/// Writes a span as milliseconds.
///
/// # Errors
/// Those of the serializer.
pub fn ms<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(span.0)
}

/// Writes a span as milliseconds, or null.
///
/// # Errors
/// Those of the serializer.
pub fn ms_or_null<S: Serializer>(span: &Option<Span>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.0).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Shown {
        #[serde(with = "utc")]
        at: u64,
        #[serde(with = "utc_or_null")]
        perhaps: Option<u64>,
    }

    #[test]
    fn moments_stand_as_text_and_never_as_null() {
        for (at, perhaps, text) in [
            (
                0,
                Some(60),
                r#"{"at":"1970-01-01T00:00:00Z","perhaps":"1970-01-01T00:01:00Z"}"#,
            ),
            (u64::MAX, None, r#"{"at":null,"perhaps":null}"#),
        ] {
            let shown = Shown { at, perhaps };
            assert_eq!(serde_json::to_string(&shown).unwrap(), text);
            assert_eq!(serde_json::from_str::<Shown>(text).unwrap(), shown);
        }
    }
}
