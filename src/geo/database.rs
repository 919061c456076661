//! A MaxMind-format file, read once into flat ranges of places.
use std::net::IpAddr;

use thiserror::Error;

use super::network::Network;
use super::networks::Networks;
use super::place::{Country, Place};
use crate::base::ClassId;

/// Why a file is no geo database.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GeoError {
    /// Not a MaxMind-format file, or a broken one.
    #[error("not a MaxMind-format database: {0}")]
    Format(String),
    /// The file has no country, continent or location in it.
    #[error("a {0} database, which holds neither countries nor locations")]
    NoPlaces(String),
}

/// What a geo database says, in memory.
#[derive(Debug)]
pub struct Database {}

impl Database {
    /// Reads a MaxMind-format file: MaxMind's own nested records and flat ones.
    ///
    /// # Errors
    /// When the bytes are no such file or hold no places.
    pub fn read(_bytes: &[u8]) -> Result<Self, GeoError> {
        Ok(Self {})
    }

    /// When the file was built, in seconds since 1970.
    #[must_use]
    pub fn built_at(&self) -> u64 {
        0
    }

    /// How many networks it tells apart.
    #[must_use]
    pub fn networks(&self) -> usize {
        0
    }
}

/// A database with the operator's own networks laid over it.
#[derive(Debug)]
pub struct Atlas {}

impl Atlas {
    /// Lays networks over a database: `countries` replace the place, `marks` are what
    /// regions claim by network (`serves`); the longest prefix wins in each.
    #[must_use]
    pub fn new(
        _database: &Database,
        _countries: &[(Network, Country)],
        _marks: &[(Network, u16)],
    ) -> Self {
        Self {}
    }

    /// What is known of an address: its place and the mark over it.
    #[must_use]
    pub fn find(&self, _address: IpAddr) -> (Place, Option<u16>) {
        (Place::default(), None)
    }

    /// Sorts all addresses into classes; `class_of` is asked once for each distinct
    /// (place, mark).
    pub fn classify(&self, _class_of: &mut dyn FnMut(&Place, Option<u16>) -> ClassId) -> Networks {
        Networks::all(ClassId(0))
    }
}
