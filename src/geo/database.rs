//! A MaxMind-format file, read once into flat ranges of places.
//!
//! Decides what a file says of each address, at load time, so that no record is decoded while
//! queries wait. RecordPlaces are decoded once for each place in the file where they stand, not once
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
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use maxminddb::{MaxMindDbError, Reader};
use rustc_hash::FxHashMap;
use thiserror::Error;

use super::makers;
use super::packed::PackedSteps;
use super::place::{City, Place};
use super::record::Record;
use super::steps::{Key, Steps};
use super::tree::{Branch, BrokenTree, Leaf, SearchTree};

/// Why a file is no geo database.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GeoError {
    /// Not a MaxMind-format file, or a broken one.
    #[error("not a MaxMind-format database: {0}")]
    Format(String),
    /// The file has no country, continent, location or autonomous system in it; the type is
    /// the one that it states.
    #[error("a {0} database, which holds neither countries nor locations{advice}", advice = advice(.0))]
    NoPlaces(String),
}

/// Advice on a database of this type, in brackets.
fn advice(database_type: &str) -> String {
    let advice = makers::advice(database_type);
    advice.map_or_else(String::new, |advice| format!(" ({advice})"))
}

/// All that a geo database says, in memory; a clone shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database(pub(super) Arc<GeoContent>);

/// All that a geo database says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GeoContent {
    /// Distinct places; the first is the unknown one.
    pub(super) places: Vec<Place>,
    /// Indexes of `places`.
    pub(super) v4: PackedSteps<u32>,
    /// Indexes of `places`.
    pub(super) v6: PackedSteps<u128>,
    /// Names of the cities, in the order of their hashes.
    pub(super) cities: Vec<(City, Box<str>)>,
    pub(super) built_at: u64,
    pub(super) networks: usize,
}

impl Database {
    /// Reads a MaxMind-format file: MaxMind's own nested records and flat ones.
    ///
    /// # Errors
    /// When the bytes are no such file or hold no places.
    pub fn read(bytes: &[u8]) -> Result<Self, GeoError> {
        let reader = Reader::from_source(bytes).map_err(|error| match makers::foreign(bytes) {
            Some(what) => format_error(what),
            None => broken(&error),
        })?;
        let metadata = reader.metadata();
        let tree = SearchTree::new(bytes, metadata.node_count, metadata.record_size);
        let mut tree = tree.ok_or_else(|| format_error("its search tree does not fit into it"))?;
        let mut reading = Reading::new(&reader);
        let (v4, v6) = reading.read(&mut tree).map_err(|error| match error {
            BrokenTree::Shape(why) => format_error(why),
            BrokenTree::Leaf(error) => broken(&error),
        })?;
        let places = reading.places.list;
        if places.len() == 1 {
            return Err(GeoError::NoPlaces(metadata.database_type.clone()));
        }
        Ok(Self(Arc::new(GeoContent {
            v4: PackedSteps::of(&v4, places.len()),
            v6: PackedSteps::of(&v6, places.len()),
            places,
            cities: reading.cities.into_iter().collect(),
            built_at: metadata.build_epoch,
            networks: reading.networks,
        })))
    }

    /// When the file was built, in seconds since 1970.
    #[must_use]
    pub fn built_at(&self) -> u64 {
        self.0.built_at
    }

    /// Every place that it knows, the unknown one first.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.0.places
    }

    /// The name of a city, as the file writes it.
    #[must_use]
    pub fn city_name(&self, city: City) -> Option<&str> {
        let all = &self.0.cities;
        let found = all.binary_search_by_key(&city, |(own, _)| *own).ok()?;
        Some(&*all[found].1)
    }

    /// How many networks it tells apart.
    #[must_use]
    pub fn networks(&self) -> usize {
        self.0.networks
    }
}

/// Index of the unknown place.
const UNKNOWN: u32 = 0;

/// Places without repetition, numbered as they come.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) list: Vec<Place>,
    numbers: FxHashMap<Place, u32>,
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
struct Reading<'r, 'f> {
    reader: &'r Reader<&'f [u8]>,
    places: Places,
    cities: BTreeMap<City, Box<str>>,
    /// The place of each record, by the number that the tree has for it.
    records: RecordPlaces,
    networks: usize,
}

impl<'r, 'f> Reading<'r, 'f> {
    fn new(reader: &'r Reader<&'f [u8]>) -> Self {
        Self {
            reader,
            places: Places::from_list(vec![Place::default()]),
            cities: BTreeMap::new(),
            records: RecordPlaces::new(),
            networks: 0,
        }
    }

    /// Reads both families.
    fn read(
        &mut self,
        tree: &mut SearchTree<'_>,
    ) -> Result<StepsOfFamilies, BrokenTree<MaxMindDbError>> {
        if self.reader.metadata().ip_version == 4 {
            let v4 = self.family(tree, 0, None)?;
            return Ok((v4, Steps::all(UNKNOWN)));
        }
        let root = tree.ipv4();
        match tree.leaf(root) {
            Some(leaf) => {
                let all = self.place_of(leaf, 0_u128).map_err(BrokenTree::Leaf)?;
                Ok((Steps::all(all), self.family(tree, 0, None)?))
            }
            None => {
                let v4 = self.family(tree, root, None)?;
                Ok((v4, self.family(tree, 0, Some(root))?))
            }
        }
    }

    /// Reads what lies below a branch, but for what lies below `other`.
    fn family<K: Addressed>(
        &mut self,
        tree: &mut SearchTree<'_>,
        root: Branch,
        other: Option<Branch>,
    ) -> Result<Steps<K, u32>, BrokenTree<MaxMindDbError>> {
        let mut steps = Steps::all(UNKNOWN);
        tree.walk(root, other, |start: K, leaf| {
            let place = self.place_of(leaf, start)?;
            self.networks += usize::from(place != UNKNOWN);
            steps.set_from(start, place);
            Ok(())
        })?;
        Ok(steps)
    }

    /// The place that a leaf leads to; `start` is an address that leads to the leaf.
    fn place_of<K: Addressed>(&mut self, leaf: Leaf, start: K) -> Result<u32, MaxMindDbError> {
        let Leaf::Record(branch) = leaf else {
            return Ok(UNKNOWN);
        };
        if let Some(place) = self.records.find(branch) {
            return Ok(place);
        }
        let found = self.reader.lookup(start.address())?;
        let record: Record<'_> = found.decode()?.unwrap_or_default();
        let place = record.place();
        if let (Some(city), Some(name)) = (place.city, record.city()) {
            self.cities
                .entry(city)
                .or_insert_with(|| name.trim().into());
        }
        let place = self.places.number(place);
        self.records.insert(branch, place);
        Ok(place)
    }
}

/// The addresses of a family.
trait Addressed: Key {
    fn address(self) -> IpAddr;
}

impl Addressed for u32 {
    fn address(self) -> IpAddr {
        IpAddr::V4(self.into())
    }
}

impl Addressed for u128 {
    fn address(self) -> IpAddr {
        IpAddr::V6(self.into())
    }
}

/// Indexes of places over the addresses of IPv4 and of IPv6.
type StepsOfFamilies = (Steps<u32, u32>, Steps<u128, u32>);

/// The places of records, by the numbers that the tree has for them. It is asked for every network, so it is a table of
/// its own, of pairs that lie side by side: one look at memory for nearly each.
struct RecordPlaces {
    /// A number of 0 is nobody's, for the first numbers are those of nodes.
    slots: Vec<(Branch, u32)>,
    taken: usize,
}

impl RecordPlaces {
    /// Room for the first records.
    const ROOM: usize = 1024;

    fn new() -> Self {
        Self {
            slots: vec![(0, UNKNOWN); Self::ROOM],
            taken: 0,
        }
    }

    /// The slot of a record: its own, or the one that it may take.
    #[inline]
    fn slot(&self, branch: Branch) -> usize {
        let mask = self.slots.len() - 1;
        let mixed = u64::from(branch).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let mut slot = mixed as usize & mask;
        while self.slots[slot].0 != branch && self.slots[slot].0 != 0 {
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[inline]
    fn find(&self, branch: Branch) -> Option<u32> {
        let (known, place) = self.slots[self.slot(branch)];
        (known == branch).then_some(place)
    }

    fn insert(&mut self, branch: Branch, place: u32) {
        if 2 * self.taken >= self.slots.len() {
            let larger = vec![(0, UNKNOWN); 4 * self.slots.len()];
            let before = std::mem::replace(&mut self.slots, larger);
            for pair in before.into_iter().filter(|(known, _)| *known != 0) {
                let slot = self.slot(pair.0);
                self.slots[slot] = pair;
            }
        }
        let slot = self.slot(branch);
        self.slots[slot] = (branch, place);
        self.taken += 1;
    }
}

fn format_error(why: &str) -> GeoError {
    GeoError::Format(why.to_owned())
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
                subdivision: None,
                city: None,
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
        assert!((200..=251).contains(&database.places().len()));
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

    /// Every leaf, as the crate that knows the format walks over them: what is laid there, and what is found.
    #[test]
    fn the_walk_finds_what_a_general_iterator_does() {
        let reader = maxminddb::Reader::from_source(EMBEDDED).unwrap();
        let database = embedded();
        let atlas = Atlas::new(&database, &[], &[]);
        let options = maxminddb::WithinOptions::default().include_networks_without_data();
        let mut networks = 0;
        for found in reader.networks(options).unwrap() {
            let found = found.unwrap();
            let record: Option<super::Record<'_>> = found.decode().unwrap();
            let place = record.unwrap_or_default().place();
            networks += usize::from(place != Place::default());
            let network = found.network().unwrap();
            assert_eq!(atlas.find(network.ip()).0, place, "{network}");
        }
        assert_eq!(database.networks(), networks);
    }
}
