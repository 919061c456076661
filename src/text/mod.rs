//! Text in TOML taken apart: tables, keys and values with their places, and what is wrong with them.
//!
//! Whoever reads a config, a monitor's part of one or a scenario says which keys there are and what they
//! mean; this floor knows neither. It knows what a value of each kind looks like, how to go on after
//! an error so that all of them are found, and how they are shown to a person.
//!
//! | module | what it decides |
//! |---|---|
//! | `document`, `merge` | the text of several files, and their keys, as one |
//! | `format` | how a text is written that means the same |
//! | `survey` | which keys and values a reading asks for |
//! | `value` | what a single value looks like |
//! | `reader` | how tables are taken apart without stopping at the first error |
//! | `diagnostic` | how errors are kept and shown |
pub(crate) mod diagnostic;
pub(crate) mod document;
pub(crate) mod format;
pub(crate) mod merge;
pub(crate) mod reader;
pub(crate) mod survey;
pub(crate) mod value;

pub use diagnostic::{Diagnostics, Finding, Severity};
