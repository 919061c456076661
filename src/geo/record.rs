//! One record of a database, whatever its makers called things.
//!
//! Decides which fields are believed. There are two manners: MaxMind's nested one
//! (`country.iso_code`, `location.latitude`) and the flat one of most others (`country_code`,
//! `lat`, `loc`). A field that is absent, or of a type nobody expects, counts as not known;
//! a database with a new field must not stop a server. A country code that ISO 3166-1 does not
//! have is not known either, save for the two that databases write by habit and the two that
//! stand for a continent. What the record leaves open is filled from the facts of its country.
//!
//! `registered_country` says where the network's holder is registered, not where its users are (MaxMind says so
//! itself): by it the country stays unknown, and with it the law. It is good enough a guess at what is near, so
//! continent and location are taken from it where nothing better is written.
//!
//! It does not know how records are found in a file.
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::country;
use super::place::{City, Continent, Country, Location, Place, Territory};

/// Octets of the name of a city at the most; one with more is no name.
const NAME_MOST: usize = 255;

/// The fields of a record that say where.
#[derive(Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Record<'a> {
    country: Field<'a>,
    country_code: Field<'a>,
    registered_country: Field<'a>,
    /// A list, of which the first is the largest part.
    subdivisions: Field<'a>,
    subdivision_code: Field<'a>,
    region_code: Field<'a>,
    city: Field<'a>,
    /// Below `city`.
    names: Field<'a>,
    /// Below `names`.
    en: Field<'a>,
    continent: Field<'a>,
    continent_code: Field<'a>,
    location: Field<'a>,
    loc: Field<'a>,
    latitude: Field<'a>,
    lat: Field<'a>,
    longitude: Field<'a>,
    lng: Field<'a>,
    lon: Field<'a>,
    asn: Field<'a>,
    as_number: Field<'a>,
    autonomous_system_number: Field<'a>,
    /// Below `country`, in files of GeoOpen.
    #[serde(rename = "AutonomousSystemNumber")]
    system_number: Field<'a>,
    traits: Field<'a>,
    /// Below `country`, `registered_country` and `subdivisions`.
    iso_code: Field<'a>,
    /// Below `continent`.
    code: Field<'a>,
}

/// A value of which not even the type is certain.
#[derive(Default)]
enum Field<'a> {
    #[default]
    Absent,
    Text(&'a str),
    Number(f64),
    Map(Box<Record<'a>>),
}

impl Record<'_> {
    /// Where this record puts its network.
    pub(super) fn place(&self) -> Place {
        let (country, code_continent) = self.country();
        let facts = country
            .and_then(country::find)
            .or_else(|| self.registered().filter(|_| code_continent.is_none()));
        Place {
            country,
            subdivision: country.and_then(|country| self.subdivision(country)),
            city: self.city().map(City::named),
            continent: self
                .continent()
                .or(code_continent)
                .or(facts.map(|facts| facts.continent)),
            location: self.location().or(facts.map(|facts| facts.location)),
            asn: self.asn(),
        }
    }

    fn country(&self) -> (Option<Country>, Option<Continent>) {
        let written = [
            self.country_code.text(),
            self.country.inner(|country| country.iso_code.text()),
            self.country.text(),
        ];
        let read = |text: &str| {
            let meaning = resolve(Country::parse(text)?);
            (meaning != (None, None)).then_some(meaning)
        };
        written
            .into_iter()
            .flatten()
            .find_map(read)
            .unwrap_or_default()
    }

    /// The part of a country. Names of parts are not codes: they are passed over.
    fn subdivision(&self, country: Country) -> Option<Territory> {
        let written = [
            self.subdivisions.inner(|first| first.iso_code.text()),
            self.subdivision_code.text(),
            self.region_code.text(),
        ];
        let mut codes = written.into_iter().flatten();
        codes.find_map(|code| Territory::part_of(country, code))
    }

    /// The name of the city, in English where there are several.
    pub(super) fn city(&self) -> Option<&str> {
        let nested = self
            .city
            .inner(|city| city.names.inner(|all| all.en.text()));
        let written = nested.or_else(|| self.city.text());
        written.filter(|name| (1..=NAME_MOST).contains(&name.trim().len()))
    }

    /// The facts of the country in which the network's holder is registered.
    fn registered(&self) -> Option<&'static country::Facts> {
        let code = self
            .registered_country
            .inner(|country| country.iso_code.text())?;
        let facts = country::find(resolve(Country::parse(code)?).0?)?;
        let own = self.continent();
        own.is_none_or(|own| own == facts.continent)
            .then_some(facts)
    }

    fn continent(&self) -> Option<Continent> {
        let written = [
            self.continent_code.text(),
            self.continent.inner(|continent| continent.code.text()),
            self.continent.text(),
        ];
        written.into_iter().flatten().find_map(Continent::parse)
    }

    fn location(&self) -> Option<Location> {
        self.point()
            .or_else(|| self.location.inner(Record::point))
            .or_else(|| self.loc.pair())
            .or_else(|| self.location.pair())
    }

    fn point(&self) -> Option<Location> {
        let latitude = [&self.latitude, &self.lat];
        let longitude = [&self.longitude, &self.lng, &self.lon];
        let latitude = latitude.into_iter().find_map(Field::number)?;
        let longitude = longitude.into_iter().find_map(Field::number)?;
        Location::from_degrees(latitude, longitude)
    }

    fn asn(&self) -> Option<u32> {
        let written = [&self.autonomous_system_number, &self.asn, &self.as_number];
        let own = written.into_iter().find_map(Field::asn);
        own.or_else(|| self.traits.inner(Record::asn))
            .or_else(|| self.asn.inner(Record::asn))
            .or_else(|| self.country.inner(|country| country.system_number.asn()))
    }
}

/// What a database means by a code: a country, or a continent only. `EU` and `AP` are old
/// MaxMind codes for "somewhere in Europe" and "somewhere in Asia or the Pacific".
fn resolve(code: Country) -> (Option<Country>, Option<Continent>) {
    match &code.0 {
        b"UK" => (Some(Country(*b"GB")), None),
        b"EL" => (Some(Country(*b"GR")), None),
        b"EU" => (None, Some(Continent::Eu)),
        b"AP" => (None, Some(Continent::As)),
        _ => (country::find(code).map(|facts| facts.country), None),
    }
}

impl<'a> Field<'a> {
    fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Number(_) | Self::Map(_) => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Absent | Self::Map(_) => None,
        }
    }

    /// A field of the map that this is.
    fn inner<T>(&self, get: impl FnOnce(&Record<'a>) -> Option<T>) -> Option<T> {
        match self {
            Self::Map(record) => get(record),
            Self::Absent | Self::Text(_) | Self::Number(_) => None,
        }
    }

    /// `50.11,8.68`
    fn pair(&self) -> Option<Location> {
        let (latitude, longitude) = self.text()?.split_once(',')?;
        let degrees = |text: &str| text.trim().parse().ok();
        Location::from_degrees(degrees(latitude)?, degrees(longitude)?)
    }

    /// A number, or `AS123`; 0 is nobody's (RFC 7607).
    fn asn(&self) -> Option<u32> {
        let number = match self {
            Self::Number(number) => format!("{number}").parse().ok()?,
            Self::Text(text) => digits_of_asn(text).parse().ok()?,
            Self::Absent | Self::Map(_) => return None,
        };
        (number != 0).then_some(number)
    }
}

fn digits_of_asn(text: &str) -> &str {
    let prefix = text
        .get(..2)
        .filter(|start| start.eq_ignore_ascii_case("AS"));
    prefix.map_or(text, |prefix| &text[prefix.len()..])
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

/// Takes whatever comes; what cannot be a place is passed over.
struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(text))
    }

    fn visit_str<E>(self, _: &str) -> Result<Field<'de>, E> {
        Ok(Field::Absent)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Field<'de>, E> {
        Ok(Field::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Field<'de>, E> {
        // Whole numbers of interest fit 32 bits.
        let number = u32::try_from(number).ok();
        Ok(number.map_or(Field::Absent, |number| Field::Number(number.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Field<'de>, E> {
        let number = i32::try_from(number).ok();
        Ok(number.map_or(Field::Absent, |number| Field::Number(number.into())))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Field<'de>, E> {
        Ok(Field::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field<'de>, E> {
        Ok(Field::Absent)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Field<'de>, E> {
        Ok(Field::Absent)
    }

    fn visit_unit<E>(self) -> Result<Field<'de>, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Field<'de>, A::Error> {
        let first = list.next_element::<Field<'de>>()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        // A list of texts or numbers is none of the values that are expected; of maps the first is.
        Ok(match first {
            Some(Field::Map(map)) => Field::Map(map),
            Some(Field::Absent | Field::Text(_) | Field::Number(_)) | None => Field::Absent,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field<'de>, A::Error> {
        let record = Record::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Field::Map(Box::new(record)))
    }
}
