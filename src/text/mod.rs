//! Text in TOML taken apart: tables, keys and values with their places, and what is wrong with them.
//!
//! Whoever reads a config, a monitor's part of one or a scenario says which keys there are and what they
//! mean; this floor knows neither. It knows what a value of each kind looks like, how to go on after
//! an error so that all of them are found, and how they are shown to a person.
//!
//! | module | what it decides |
//! |---|---|
//! | `value` | what a single value looks like |
//! | `reader` | how tables are taken apart without stopping at the first error |
//! | `diagnostic` | how errors are kept and shown |
pub(crate) mod diagnostic;
pub(crate) mod reader;
pub(crate) mod value;

pub use diagnostic::{Diagnostics, Finding, Severity};
