//! What is known of where a client is.
//!
//! Countries, continents and points are kept small and whole (two letters, thousandths of a
//! degree), so that places can be compared, hashed and counted: a database of millions of
//! networks has far fewer places. Distances come out in whole kilometres, so that no floating
//! point reaches the decisions above.
//!
//! It does not know which country codes exist; that is [`super::country`]'s.
use std::fmt;
use std::num::NonZeroU64;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::base::HashKey;

/// A country by its two letters (ISO 3166-1 alpha-2), upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

/// A country, or a part of one by its code of ISO 3166-2: `US`, `US-CA`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Territory {
    /// The country.
    pub country: Country,
    /// One to three letters and digits, upper case, then zeros; zeros alone for the whole country.
    part: [u8; 3],
}

/// A city, by the hash of its name. Names are not unique: which city it is, is said together with its territory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct City(pub(super) NonZeroU64);

/// A city as it is written: `DE/Frankfurt am Main`, `US-IL/Springfield`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedCity {
    /// The country, or the part of one.
    pub within: Territory,
    /// Its name, in English.
    pub name: String,
}

/// A territory, or a city in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locality {
    /// The territory.
    pub territory: Territory,
    /// The city.
    pub city: Option<City>,
}

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
    #[serde(rename = "latitude_thousandths")]
    pub latitude: i32,
    /// East is positive; -180000 to 180000.
    #[serde(rename = "longitude_thousandths")]
    pub longitude: i32,
}

/// All that a database says of a network; nothing of it may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Place {
    /// Country.
    pub country: Option<Country>,
    /// The largest part of the country that is known; never the whole.
    pub subdivision: Option<Territory>,
    /// City.
    pub city: Option<City>,
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

impl Territory {
    /// Reads the code of a part, with or without the country's before it, of any case.
    #[must_use]
    pub fn part_of(country: Country, code: &str) -> Option<Self> {
        let own = code.split_once('-').map_or(Some(code), |(first, rest)| {
            (Country::parse(first) == Some(country)).then_some(rest)
        })?;
        let fits = own.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut part = [0; 3];
        let room = part
            .get_mut(..own.len())
            .filter(|room| !room.is_empty() && fits)?;
        room.copy_from_slice(own.to_ascii_uppercase().as_bytes());
        Some(Self { country, part })
    }

    /// Reads `US` or `US-CA`, of any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('-') {
            Some((country, code)) => Self::part_of(Country::parse(country)?, code),
            None => Country::parse(text).map(Self::from),
        }
    }

    /// Tells whether it is less than the whole country.
    #[must_use]
    pub fn is_part(self) -> bool {
        self.part != [0; 3]
    }

    /// The code of the part, with zeros behind it.
    pub(super) fn octets(self) -> [u8; 3] {
        self.part
    }
}

impl From<Country> for Territory {
    fn from(country: Country) -> Self {
        Self {
            country,
            part: [0; 3],
        }
    }
}

impl fmt::Display for Territory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part: String = self
            .part
            .iter()
            .filter(|own| **own != 0)
            .map(|own| char::from(*own))
            .collect();
        match part.is_empty() {
            true => write!(out, "{}", self.country),
            false => write!(out, "{}-{part}", self.country),
        }
    }
}

impl fmt::Debug for Territory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl Serialize for Territory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl City {
    /// The city of this name, of any case.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let hash = HashKey::from_secret(b"cities").hash(name.trim().to_lowercase().as_bytes());
        Self(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN))
    }
}

impl NamedCity {
    /// The city, wherever one of this name is.
    #[must_use]
    pub fn city(&self) -> City {
        City::named(&self.name)
    }

    /// Tells whether a place is in it: in a city of this name, and inside its territory.
    #[must_use]
    pub fn has(&self, place: &Place) -> bool {
        place.city == Some(self.city()) && place.is_in(self.within)
    }
}

impl fmt::Display for NamedCity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.within, self.name)
    }
}

impl From<Territory> for Locality {
    fn from(territory: Territory) -> Self {
        Self {
            territory,
            city: None,
        }
    }
}

impl Place {
    /// Tells whether it is known to be inside a territory.
    #[must_use]
    pub fn is_in(&self, own: Territory) -> bool {
        match own.is_part() {
            true => self.subdivision == Some(own),
            false => self.country == Some(own.country),
        }
    }

    /// The smallest territory that is known.
    #[must_use]
    pub fn territory(&self) -> Option<Territory> {
        self.subdivision.or(self.country.map(Territory::from))
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
    use super::{City, Country, Location, NamedCity, Place, Territory};

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
    fn territories_are_countries_and_parts_of_them() {
        for (text, shown) in [
            ("us-ca", "US-CA"),
            ("DE", "DE"),
            ("GB-ENG", "GB-ENG"),
            ("fr-2a", "FR-2A"),
        ] {
            let own = Territory::parse(text).unwrap();
            assert_eq!(own.to_string(), shown);
            assert_eq!(own.is_part(), shown.contains('-'));
        }
        for text in ["", "US-", "US-CALI", "USA-CA", "US-C\u{e9}"] {
            assert_eq!(Territory::parse(text), None, "{text}");
        }
        let us = Country(*b"US");
        assert_eq!(
            Territory::part_of(us, "US-CA"),
            Territory::part_of(us, "ca")
        );
        assert_eq!(Territory::part_of(us, "CA-ON"), None);
    }

    #[test]
    fn a_city_is_one_of_its_name_inside_its_territory() {
        let named = |within: &str, name: &str| NamedCity {
            within: Territory::parse(within).unwrap(),
            name: name.to_owned(),
        };
        let place = Place {
            country: Some(Country(*b"US")),
            subdivision: Territory::parse("US-IL"),
            city: Some(City::named("Springfield")),
            ..Place::default()
        };
        for (within, name, is_there) in [
            ("US", "springfield", true),
            ("US-IL", " Springfield", true),
            ("US-MO", "Springfield", false),
            ("CA", "Springfield", false),
            ("US", "Chicago", false),
        ] {
            assert_eq!(named(within, name).has(&place), is_there, "{within} {name}");
        }
        let elsewhere = Place {
            country: None,
            ..place
        };
        assert!(!named("US", "Springfield").has(&elsewhere));
    }

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(Country::parse("de"), Some(Country(*b"DE")));
        for text in ["", "D", "DEU", "D1", "ß"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
    }
}
