//! A MaxMind-format file, read once into flat ranges of places.
//!
//! Decides what a file says of each address, at load time, so that no record is decoded while
//! queries wait. Records are decoded once for each place in the file where they stand, not once
//! for each network that points there.
//!
//! In an IPv6 file IPv4 stands at `::/96`, and other blocks (`::ffff:0:0/96`, `2002::/16`,
//! `2001::/32`) may lead into the same subtree again. Those aliases are passed over: a client in
//! mapped form counts as IPv4, and where a 6to4 or Teredo relay stands is not known.
//!
//! A broken file is an error, never a panic and never half a database. One without countries or
//! locations is still of use if it knows autonomous systems, since regions may claim those.
//!
//! It does not know where the file came from, nor how old is too old.
use std::collections::HashMap;
use std::net::IpAddr;

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use thiserror::Error;

use super::network::Network;
use super::place::Place;
use super::record::Record;
use super::steps::Steps;

/// Why a file is no geo database.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GeoError {
    /// Not a MaxMind-format file, or a broken one.
    #[error("not a MaxMind-format database: {0}")]
    Format(String),
    /// The file has no country, continent, location or autonomous system in it; the type is
    /// the one that it states.
    #[error("a {0} database, which holds neither countries nor locations")]
    NoPlaces(String),
}

/// What a geo database says, in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Database {
    /// Distinct places; the first is the unknown one.
    pub(super) places: Vec<Place>,
    /// Indexes of `places`.
    pub(super) v4: Steps<u32, u32>,
    /// Indexes of `places`.
    pub(super) v6: Steps<u128, u32>,
    pub(super) built_at: u64,
    pub(super) networks: usize,
}

impl Database {
    /// Reads a MaxMind-format file: MaxMind's own nested records and flat ones.
    ///
    /// # Errors
    /// When the bytes are no such file or hold no places.
    pub fn read(bytes: &[u8]) -> Result<Self, GeoError> {
        let reader = Reader::from_source(bytes).map_err(|error| broken(&error))?;
        let mut reading = Reading::new();
        reading.read(&reader).map_err(|error| broken(&error))?;
        if reading.places.numbers.len() == 1 {
            return Err(GeoError::NoPlaces(reader.metadata().database_type.clone()));
        }
        Ok(Self {
            places: reading.places.list,
            v4: Steps::from_prefixes(UNKNOWN, reading.v4),
            v6: Steps::from_prefixes(UNKNOWN, reading.v6),
            built_at: reader.metadata().build_epoch,
            networks: reading.networks,
        })
    }

    /// When the file was built, in seconds since 1970.
    #[must_use]
    pub fn built_at(&self) -> u64 {
        self.built_at
    }

    /// Every place that it knows, the unknown one first.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// How many networks it tells apart.
    #[must_use]
    pub fn networks(&self) -> usize {
        self.networks
    }
}

/// Index of the unknown place.
const UNKNOWN: u32 = 0;

/// Places without repetition, numbered as they come.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) list: Vec<Place>,
    numbers: HashMap<Place, u32>,
}

impl Places {
    /// The list to go on from; its places are distinct.
    pub(super) fn from_list(list: Vec<Place>) -> Self {
        let numbers = list.iter().copied().zip(0..).collect();
        Self { list, numbers }
    }

    /// The number of a place, an old one or the next.
    pub(super) fn number(&mut self, place: Place) -> u32 {
        *self.numbers.entry(place).or_insert_with(|| {
            self.list.push(place);
            u32::try_from(self.list.len() - 1).expect("a file of 32-bit records has fewer places")
        })
    }
}

/// What has been read so far.
struct Reading {
    places: Places,
    /// The place of the record at each offset of the data section.
    offsets: HashMap<usize, u32>,
    v4: Vec<(u32, u8, u32)>,
    v6: Vec<(u128, u8, u32)>,
    networks: usize,
}

impl Reading {
    fn new() -> Self {
        Self {
            places: Places::from_list(vec![Place::default()]),
            offsets: HashMap::new(),
            v4: Vec::new(),
            v6: Vec::new(),
            networks: 0,
        }
    }

    /// Walks the tree. A sound tree has one leaf more than it has nodes; a broken one may lead
    /// around in circles, and many times over the same ground.
    fn read(&mut self, reader: &Reader<&[u8]>) -> Result<(), MaxMindDbError> {
        let mut left = 2 * u64::from(reader.metadata().node_count) + 2;
        for found in reader.networks(options(reader)?)? {
            left = left.checked_sub(1).ok_or_else(|| {
                MaxMindDbError::invalid_database("its search tree leads around in circles")
            })?;
            self.add(&found?)?;
        }
        Ok(())
    }

    fn add(&mut self, found: &LookupResult<'_, &[u8]>) -> Result<(), MaxMindDbError> {
        let Some(offset) = found.offset() else {
            return Ok(());
        };
        let network = found.network()?;
        let network = Network::around(network.ip(), network.prefix());
        let place = self.place_at(offset, found)?;
        self.networks += usize::from(place != UNKNOWN);
        self.lay(network, place);
        Ok(())
    }

    fn place_at(
        &mut self,
        offset: usize,
        found: &LookupResult<'_, &[u8]>,
    ) -> Result<u32, MaxMindDbError> {
        if let Some(&place) = self.offsets.get(&offset) {
            return Ok(place);
        }
        let record: Record<'_> = found.decode()?.unwrap_or_default();
        let place = self.places.number(record.place());
        self.offsets.insert(offset, place);
        Ok(place)
    }

    fn lay(&mut self, network: Network, place: u32) {
        match network.address {
            IpAddr::V4(address) => self.v4.push((address.to_bits(), network.prefix, place)),
            IpAddr::V6(address) => {
                // One record for `::/96` or more is one for all of IPv4.
                if address.is_unspecified() && network.prefix <= 96 {
                    self.v4.push((0, 0, place));
                }
                self.v6.push((address.to_bits(), network.prefix, place));
            }
        }
    }
}

/// Where IPv4 has a subtree, the crate passes over other ways into it. Where it has none, that
/// check would mistake every network of the same record for an alias, so it is switched off.
fn options(reader: &Reader<&[u8]>) -> Result<WithinOptions, MaxMindDbError> {
    let every_leaf = WithinOptions::default().include_networks_without_data();
    let any = Network::around(IpAddr::from([0, 0, 0, 0]), 0);
    let first = reader.lookup(any.address)?.network()?;
    Ok(if first.is_ipv4() {
        every_leaf
    } else {
        every_leaf.include_aliased_networks()
    })
}

fn broken(error: &MaxMindDbError) -> GeoError {
    if let MaxMindDbError::InvalidDatabase {
        message,
        offset: None,
    } = error
    {
        return GeoError::Format(message.clone());
    }
    GeoError::Format(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Database, GeoError};
    use crate::geo::{Atlas, Country, EMBEDDED, Place, country};

    fn embedded() -> Database {
        Database::read(EMBEDDED).unwrap()
    }

    #[test]
    fn the_embedded_file_knows_the_well_known() {
        let atlas = Atlas::new(&embedded(), &[], &[]);
        for (address, code) in [
            ("193.99.144.80", "DE"),
            ("::ffff:193.99.144.80", "DE"),
            ("8.8.8.8", "US"),
            ("2001:4860:4860::8888", "US"),
            ("2a02:2e0:3fe::1", "DE"),
        ] {
            let facts = country::find(Country::parse(code).unwrap()).unwrap();
            let expected = Place {
                country: Some(facts.country),
                continent: Some(facts.continent),
                location: Some(facts.location),
                asn: None,
            };
            assert_eq!(
                atlas.find(address.parse().unwrap()),
                (expected, None),
                "{address}"
            );
        }
        for address in [
            "10.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "2002:808::",
        ] {
            let found = atlas.find(address.parse().unwrap());
            assert_eq!(found, (Place::default(), None), "{address}");
        }
    }

    #[test]
    fn the_embedded_file_is_whole_and_dated() {
        let database = embedded();
        assert!(database.networks() > 100_000, "{}", database.networks());
        assert!((200..=251).contains(&database.places.len()));
        // 2026-06-17 and the days around it.
        assert!(
            database.built_at().abs_diff(1_781_654_400) < 3 * 86_400,
            "{}",
            database.built_at()
        );
    }

    #[test]
    fn what_is_no_database_is_an_error() {
        for bytes in [
            &b""[..],
            b"MZ",
            b"\xAB\xCD\xEFMaxMind.com",
            &EMBEDDED[..1000],
        ] {
            let error = Database::read(bytes).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("not a MaxMind-format database: ")
            );
        }
    }

    #[test]
    fn truncated_files_are_errors() {
        for part in 1..16 {
            let cut = EMBEDDED.len() / 16 * part;
            let found = Database::read(&EMBEDDED[..cut]);
            assert!(matches!(found, Err(GeoError::Format(_))), "{cut}");
        }
        let nothing = Database::read(b"").unwrap_err().to_string();
        assert_eq!(
            nothing,
            "not a MaxMind-format database: could not find MaxMind DB metadata in file"
        );
        // The metadata are at the end: without the beginning the tree does not fit.
        assert!(Database::read(&EMBEDDED[EMBEDDED.len() / 2..]).is_err());
    }
}
