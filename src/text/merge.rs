//! The keys of several files as those of one.
//!
//! Each file is TOML of its own. A table that stands in several is one table, lists of tables follow each other, and a key has
//! one place: where it stands in two, that is an error which names both. Every place is one of the whole text
//! ([`super::document`]).
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostics;
use super::reader;

/// Parses a part of a text as a document of its own, every place as it is in the whole; what is not TOML is added to `found`.
pub(crate) fn parse<'t>(found: &mut Diagnostics, text: &'t str, part: Range<usize>) -> DeTable<'t> {
    let (document, errors) = DeTable::parse_recoverable(&text[part.clone()]);
    reader::report(found, errors, &part);
    match part.start {
        0 => document.into_inner(),
        start => moved(document.into_inner(), start),
    }
}

/// A table with all its places so many bytes further on.
fn moved(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let entries = table.into_iter();
    let entries =
        entries.map(|(key, value)| (moved_one(key, by, |key| key), moved_value(value, by)));
    entries.collect()
}

fn moved_one<T>(one: Spanned<T>, by: usize, inside: impl FnOnce(T) -> T) -> Spanned<T> {
    let at = one.span();
    Spanned::new(at.start + by..at.end + by, inside(one.into_inner()))
}

fn moved_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    moved_one(value, by, |value| match value {
        DeValue::Table(table) => DeValue::Table(moved(table, by)),
        DeValue::Array(items) => DeValue::Array(
            items
                .into_iter()
                .map(|item| moved_value(item, by))
                .collect(),
        ),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => value,
    })
}

/// Adds the tables and keys of another file. A key that stands in both is an error that names both places.
pub(crate) fn merge<'t>(into: &mut DeTable<'t>, from: DeTable<'t>, found: &mut Diagnostics) {
    for (key, value) in from {
        let name = key.get_ref().clone();
        let Some((first, _)) = into.get_key_value(&*name) else {
            into.insert(key, value);
            continue;
        };
        let first = first.span();
        let own = into.get_mut(&*name).expect("it was just found");
        match (own.get_mut(), value.into_inner()) {
            (DeValue::Table(own), DeValue::Table(more)) => merge(own, more, found),
            (DeValue::Array(own), DeValue::Array(more)) if are_tables(own) && are_tables(&more) => {
                more.into_iter().for_each(|item| own.push(item));
            }
            (
                DeValue::Table(_)
                | DeValue::Array(_)
                | DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_),
                _,
            ) => twice(&name, &first, &key.span(), found),
        }
    }
}

fn are_tables(items: &[Spanned<DeValue<'_>>]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get_ref().is_table())
}

fn twice(name: &str, first: &Range<usize>, second: &Range<usize>, found: &mut Diagnostics) {
    let place = found.place(first);
    let message = format!("key `{name}` stands here and at {place}");
    found
        .error(second, message)
        .help("tables of several files are one table, in which a key has one place: remove one of the two");
}
