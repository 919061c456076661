//! Names of the config's own things, and what to say of one that is not known.
//!
//! An unknown name is only inferred to be wrong: when a part of the config could not be
//! read, what it means may stand there. Many places that name it are one slip, told once. It does not
//! know what the things are.
use std::collections::BTreeMap;

use crate::base::similar;
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::reader::At;

/// The things of one kind by name; the number is their place in the config.
#[derive(Debug)]
pub(super) struct Names<'s> {
    noun: &'static str,
    places: BTreeMap<&'s str, usize>,
}

impl<'s> Names<'s> {
    pub(super) fn new(noun: &'static str, names: impl Iterator<Item = &'s str>) -> Self {
        let places = names.enumerate().map(|(place, name)| (name, place));
        Self {
            noun,
            places: places.collect(),
        }
    }

    /// The place of a thing by name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The place of a thing that the config refers to; reported if there is none.
    pub(super) fn find(&self, name: &At<String>, found: &mut Diagnostics) -> Option<usize> {
        let place = self.place(&name.value);
        if place.is_none() {
            found
                .error(&name.at, format!("unknown {} `{}`", self.noun, name.value))
                .help(self.hint(&name.value))
                .rests_on(Gap::Names(self.table()))
                .leaves(Gap::Uses(self.table()))
                .once();
        }
        place
    }

    /// The places of all that the config refers to, each once, in the order written.
    pub(super) fn find_all(&self, names: &[At<String>], found: &mut Diagnostics) -> Vec<usize> {
        let mut list = Vec::new();
        for name in names {
            let Some(place) = self.find(name, found) else {
                continue;
            };
            match list.contains(&place) {
                true => {
                    let message = format!("{} `{}` is listed twice", self.noun, name.value);
                    found.error(&name.at, message).help("remove one of them");
                }
                false => list.push(place),
            }
        }
        list
    }

    /// The key of the document under which they stand.
    fn table(&self) -> &'static str {
        match self.noun {
            "jurisdiction" => "jurisdictions",
            "region" => "regions",
            "monitor" => "monitors",
            "recovery" => "recoveries",
            "key" => "tsig",
            "token" => "tokens",
            "node" => "cluster",
            other => other,
        }
    }

    fn hint(&self, name: &str) -> String {
        let names = || self.places.keys().copied();
        if let Some(meant) = similar(name, names()) {
            return format!("did you mean `{meant}`?");
        }
        match names().take(10).collect::<Vec<_>>() {
            known if known.is_empty() => format!("the config has no {} at all", self.noun),
            known => format!("the config has: {}", known.join(", ")),
        }
    }
}
