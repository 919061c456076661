//! What is known of where a client is.
//!
//! Countries, continents and points are kept small and whole (two letters, thousandths of a
//! degree), so that places can be compared, hashed and counted: a database of millions of
//! networks has far fewer places. Distances come out in whole kilometres, so that no floating
//! point reaches the decisions above.
//!
//! It does not know which country codes exist; that is [`super::country`]'s.
use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A country by its two letters (ISO 3166-1 alpha-2), upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

/// A continent, by MaxMind's two letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
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
    /// A point from degrees; `None` for what is not on the globe.
    #[must_use]
    pub fn from_degrees(latitude: f64, longitude: f64) -> Option<Self> {
        let on_globe = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        on_globe.then(|| Self {
            latitude: thousandths(latitude),
            longitude: thousandths(longitude),
        })
    }

    /// Great-circle distance in whole kilometres, on a sphere: within half a percent of the true one.
    #[must_use]
    pub fn distance_km(self, other: Self) -> u32 {
        self.direction().distance_km(other.direction())
    }

    /// The direction of the point from the middle of the globe. Whoever wants many distances of one point takes this first:
    /// it is most of the work.
    #[must_use]
    pub fn direction(self) -> Direction {
        let (north, east) = (radians(self.latitude), radians(self.longitude));
        let ((sin_north, cos_north), (sin_east, cos_east)) = (north.sin_cos(), east.sin_cos());
        Direction([cos_north * cos_east, cos_north * sin_east, sin_north])
    }
}

/// The direction of a point from the middle of the globe, of length 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Direction([f64; 3]);

impl Direction {
    /// Great-circle distance, as [`Location::distance_km`]: by half the chord between the points, which is as exact for
    /// neighbours as it is for antipodes.
    #[must_use]
    pub fn distance_km(self, other: Self) -> u32 {
        let axes = self.0.into_iter().zip(other.0);
        let chord: f64 = axes.map(|(own, other)| (own - other) * (own - other)).sum();
        let kilometres = 2.0 * EARTH_RADIUS_KM * (chord.sqrt() / 2.0).clamp(0.0, 1.0).asin();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and half the circumference"
        )]
        let whole = kilometres.round() as u32;
        whole
    }
}

/// Mean radius of the earth (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0;

fn radians(thousandths: i32) -> f64 {
    (f64::from(thousandths) / 1000.0).to_radians()
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are at most 180")]
fn thousandths(degrees: f64) -> i32 {
    (degrees * 1000.0).round() as i32
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

#[cfg(test)]
mod tests {
    use super::{Country, Location};

    const FRANKFURT: Location = Location {
        latitude: 50_110,
        longitude: 8_680,
    };

    #[test]
    fn distances_are_the_known_ones() {
        let cases = [
            ((43.65, -79.38), 6_340),
            ((1.35, 103.82), 10_260),
            ((64.15, -21.94), 2_390),
            ((-33.87, 151.21), 16_480),
            ((50.11, 8.68), 0),
        ];
        for ((latitude, longitude), expected) in cases {
            let place = Location::from_degrees(latitude, longitude).unwrap();
            let distance = FRANKFURT.distance_km(place);
            assert!(
                distance.abs_diff(expected) <= expected / 100,
                "{latitude} {longitude}: {distance}, not {expected}"
            );
            assert_eq!(distance, place.distance_km(FRANKFURT));
        }
    }

    #[test]
    fn distances_cross_the_date_line_and_reach_the_antipode() {
        let at = |latitude, longitude| Location::from_degrees(latitude, longitude).unwrap();
        assert_eq!(at(0.0, 179.5).distance_km(at(0.0, -179.5)), 111);
        assert_eq!(at(0.0, 0.0).distance_km(at(0.0, 180.0)), 20_015);
        assert_eq!(at(90.0, 0.0).distance_km(at(-90.0, 77.0)), 20_015);
    }

    #[test]
    fn only_the_globe_has_locations() {
        for (latitude, longitude) in [
            (90.1, 0.0),
            (0.0, -180.1),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
        ] {
            assert_eq!(Location::from_degrees(latitude, longitude), None);
        }
    }

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(Country::parse("de"), Some(Country(*b"DE")));
        for text in ["", "D", "DEU", "D1", "ß"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
    }
}
