//! The built-in list of countries.
use super::place::{Continent, Country, Location};

/// What is known of a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its code.
    pub country: Country,
    /// Its English short name.
    pub name: &'static str,
    /// Its continent.
    pub continent: Continent,
    /// Roughly its middle, by population where that differs much.
    pub location: Location,
}

/// The facts of a country; `None` for a code that is not assigned.
#[must_use]
pub fn find(_country: Country) -> Option<&'static Facts> {
    None
}

/// The countries of a built-in list: `@EEA`, `@EU`, or a continent as `@AF`.
#[must_use]
pub fn list(_name: &str) -> Option<Vec<Country>> {
    None
}

/// The names of the built-in lists, with their `@`.
pub const LISTS: &[&str] = &[
    "@EEA",
    "@EU",
    "@AF",
    "@AN",
    "@AS",
    "@EU-CONTINENT",
    "@NA",
    "@OC",
    "@SA",
];
