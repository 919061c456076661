//! The forms of records: for every type which fields it has, how they are written, and how they
//! stand on the wire.
//!
//! [`table`] has one line a type: its number, its fields in order, and a sentence that shows how it
//! is written. A [`Field`] goes both ways, from words to octets and from octets to words. That
//! RDATA can be shown is also what makes it *well formed*: all its octets belong to a field, and
//! none is missing.
//!
//! Fields that belong together stand in one module: [`numbers`] and mnemonics, [`strings`],
//! [`blobs`] (hexadecimal, base64, base32), [`addresses`] and gateways, [`types`] (lists of types
//! and of services), [`location`], and [`svcb`].
//!
//! Where RFCs leave a choice, or servers differ, the form is what two of BIND 9.18, Knot 3.2 and
//! NSD 4.6 take; what only one of them has is taken where it can mean one thing only. Such
//! choices stand with the field. Types that none of the three has a form for are written in the
//! generic form alone.
//!
//! What text is strict about (a key named `mandatory` that is absent, say), well-formed octets need
//! not be: a secondary serves what its primary has. So RDATA is shown in its own form only if that
//! reads back as the same octets, and else in the generic form.
use std::borrow::Cow;

use super::lex::{Entry, Lexer, Token};
use crate::dns::name::NameError;
use crate::dns::rr::rtype;

mod addresses;
mod blobs;
mod gateways;
mod location;
mod mnemonics;
mod numbers;
mod simple;
mod strings;
mod svcb;
mod table;
mod types;
mod words;

pub(super) use words::Words;

/// What a type is written with.
pub(in crate::dns) struct Form {
    /// Its number.
    pub(super) kind: u16,
    fields: &'static [Field],
    /// A sentence that shows it.
    pub(super) help: &'static str,
}

/// A field of RDATA, or a few that only make sense together.
struct Field {
    /// From words to octets.
    read: fn(&mut Words<'_, '_>, &mut Vec<u8>) -> Result<(), Unfit>,
    /// From octets to words; `None` if they are none of this field.
    show: fn(&mut &[u8], &mut String) -> Option<()>,
    /// It is one name, written as one word.
    is_name: bool,
}

/// Why a word is not what the type wants.
#[derive(Debug)]
pub(super) enum Unfit {
    /// There is no further word.
    Missing,
    /// It is one too many.
    Excess,
    /// It is no number, or one that has no room.
    Number,
    /// It is no domain name.
    Name(NameError),
    /// It is a string of more than 255 octets.
    LongString,
    /// It is no IPv4 address.
    Ipv4,
    /// It is no IPv6 address.
    Ipv6,
    /// It is not this: `base64`, `a record type`.
    Not(&'static str),
    /// Something else, as a whole sentence.
    Said(String),
}

/// The form of a type, if it has one of its own.
pub(in crate::dns) fn form(kind: u16) -> Option<&'static Form> {
    let found = table::FORMS.binary_search_by_key(&kind, |form| form.kind);
    found.ok().map(|index| &table::FORMS[index])
}

impl Form {
    /// Reads all words of a record.
    ///
    /// # Errors
    /// Why, and the number of the word that does not fit; [`Words::len`] if one is missing.
    pub(super) fn read(
        &self,
        mut words: Words<'_, '_>,
        rdata: &mut Vec<u8>,
    ) -> Result<(), (Unfit, usize)> {
        for field in self.fields {
            (field.read)(&mut words, rdata).map_err(|unfit| (unfit, words.asked()))?;
        }
        match words.is_at_end() {
            true => Ok(()),
            false => Err((Unfit::Excess, words.next_index())),
        }
    }

    /// Tells whether all octets of RDATA belong to a field, and none is missing.
    pub(in crate::dns) fn is_well_formed(&self, rdata: &[u8]) -> bool {
        self.show(rdata).is_some()
    }

    /// RDATA as words; `None` if it is not well formed.
    fn show(&self, mut rdata: &[u8]) -> Option<String> {
        let mut text = String::new();
        for field in self.fields {
            let before = text.len();
            if before > 0 {
                text.push(' ');
            }
            let start = text.len();
            (field.show)(&mut rdata, &mut text)?;
            if text.len() == start {
                text.truncate(before);
            }
        }
        rdata.is_empty().then_some(text)
    }

    /// Which words are names.
    pub(super) fn names(&self) -> impl Iterator<Item = usize> {
        let fields = self.fields.iter().enumerate();
        fields.filter_map(|(index, field)| field.is_name.then_some(index))
    }
}

/// The words of an entry from one on, as the fields of a type: in SVCB and HTTPS, what stands in
/// quotes behind a `=` is part of that word.
pub(super) fn fields<'e, 't>(kind: u16, entry: &'e Entry<'t>, from: usize) -> Cow<'e, [Token<'t>]> {
    match kind {
        64 | 65 => Cow::Owned(entry.pairs(from)),
        _ => Cow::Borrowed(entry.tokens.get(from..).unwrap_or_default()),
    }
}

/// Whether octets may be RDATA of a type; of a type without a form, all may. Large zones are made of a few types, whose
/// octets are judged without being shown.
pub(in crate::dns) fn is_well_formed(kind: u16, rdata: &[u8]) -> bool {
    let judged = simple::is_well_formed(kind, rdata);
    judged.unwrap_or_else(|| form(kind).is_none_or(|form| form.show(rdata).is_some()))
}

/// RDATA in its type's own form; `None` if it has none in which it would come back as it is.
pub(in crate::dns) fn show(kind: u16, rdata: &[u8]) -> Option<String> {
    let form = form(kind)?;
    let text = form.show(rdata)?;
    if matches!(kind, rtype::A | rtype::AAAA) {
        return Some(text);
    }
    let (mut entry, mut name, mut again) = (Entry::default(), Vec::new(), Vec::new());
    let line = format!(" {text}");
    Lexer::new(line.as_bytes()).next(&mut entry).ok()?;
    let words = fields(kind, &entry, 0);
    let read = form.read(Words::new(&words, b"\0", &mut name), &mut again);
    (read.is_ok() && again == rdata).then_some(text)
}

#[cfg(test)]
mod tests;
