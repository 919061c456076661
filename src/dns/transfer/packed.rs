//! The records of a zone as they come, in about as many octets as they had on the wire.
//!
//! A zone of a million names is a million times two small boxes if every record is one by itself: several times what
//! was received. Here records stand one behind the other as a zone's builder has them ([`RawRecords`]), which takes them
//! over as they are; and beside them, the owners of each run, without the apex that all of them end in:
//!
//! ```text
//! owner = octets of the labels before the apex, these labels
//! ```
//!
//! So a transfer needs about as much as it brought. Owners are given back while they become the names of the zone, records
//! while they become its data. How many owners there are, and how long their labels, is counted, so that whoever makes the
//! zone can make room for them once. Nothing is sorted or told apart here: that is done where the zone is built, in any order.
use std::ops::Range;

use super::content::{Content, Entry};
use crate::dns::Name;
use crate::dns::zone::{Place, Raw, RawRecords};

/// Octets of a piece of owners at the most; each is little beside those before, as most zones are small.
const PIECE_BYTES: usize = 1 << PIECE_BITS;
/// Octets of the first pieces: more than the longest owner has.
const PIECE_LEAST: usize = 512;
/// Bits of the place of an owner that say where in its piece it stands.
const PIECE_BITS: u32 = 17;
/// Pieces of owners at the most, so that each has a place in 31 bits.
const OWNER_PIECES: usize = 1 << 14;
/// Octets of data at the most, with the length of each record's: as many as a zone holds.
const RECORD_OCTETS: usize = 1 << 29;

/// All records of a zone, the SOA apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    apex: Name,
    soa: Entry,
    pieces: Pieces,
}

/// The records of a zone whose SOA is not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) records: RawRecords,
    owners: Vec<Vec<u8>>,
    /// Place of the labels of the last owner in the last piece.
    last: Range<usize>,
    /// Number of runs.
    runs: usize,
    /// Octets of the labels of their owners.
    labels: usize,
}

/// The owners of runs, one after the other.
pub(super) struct Owners {
    apex: Name,
    pieces: std::vec::IntoIter<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Pieces {
    /// Adds a record whose owner, in wire format, lies within the apex.
    pub(super) fn push(
        &mut self,
        apex: &Name,
        (owner, rtype, ttl): (&[u8], u16, u32),
        rdata: &[u8],
    ) {
        let labels = owner.len().saturating_sub(apex.as_wire().len());
        let labels = &owner[..labels];
        let last = self
            .owners
            .last()
            .and_then(|piece| piece.get(self.last.clone()));
        let raw = Raw {
            rtype,
            ttl,
            place: Place::NOWHERE,
        };
        if self.records.push_alone(last == Some(labels), raw, rdata) {
            self.push_owner(labels);
        }
    }

    fn push_owner(&mut self, labels: &[u8]) {
        let has_room = |piece: &Vec<u8>| {
            let room = piece.capacity().min(PIECE_BYTES);
            piece.len() + 1 + labels.len() <= room
        };
        if !self.owners.last().is_some_and(has_room) {
            let room = (self.labels / 32).clamp(PIECE_LEAST, PIECE_BYTES);
            self.owners.push(Vec::with_capacity(room));
        }
        let Some(piece) = self.owners.last_mut() else {
            return;
        };
        piece.push(u8::try_from(labels.len()).unwrap_or(u8::MAX));
        self.last = piece.len()..piece.len() + labels.len();
        piece.extend_from_slice(labels);
        self.runs += 1;
        self.labels += labels.len();
    }

    /// Tells that more has come than a zone can hold, or than can be counted.
    pub(super) fn is_full(&self) -> bool {
        self.records.octets() >= RECORD_OCTETS || self.owners.len() >= OWNER_PIECES
    }

    /// The labels of an owner before the apex, by its place.
    pub(super) fn labels(&self, owner: u32) -> &[u8] {
        let piece = self.owners.get((owner >> PIECE_BITS) as usize);
        let octets = piece.and_then(|piece| piece.get(owner as usize & (PIECE_BYTES - 1)..));
        let (&length, labels) = octets.and_then(<[u8]>::split_first).unwrap_or((&0, &[]));
        labels.get(..usize::from(length)).unwrap_or_default()
    }

    /// A record by itself; the place of its owner, and its number.
    pub(super) fn entry(&self, apex: &Name, owner: u32, record: u32) -> Option<Entry> {
        let raw = self.records.raw(record);
        Some(Entry {
            owner: Name::from_wire(&[self.labels(owner), apex.as_wire()].concat())?,
            rtype: raw.rtype,
            ttl: raw.ttl,
            rdata: self.records.rdata(record).into(),
        })
    }

    /// Gives the place of the owner and the number of each record, as they came.
    pub(super) fn each(&self, mut take: impl FnMut(u32, u32)) {
        let places = (0..).zip(&self.owners).flat_map(|(number, piece)| {
            let first = (!piece.is_empty()).then_some(0);
            let starts = std::iter::successors(first, |at| {
                let next = at + 1 + usize::from(piece[*at]);
                (next < piece.len()).then_some(next)
            });
            starts.map(move |at| u32::try_from(number << PIECE_BITS | at).unwrap_or(u32::MAX))
        });
        let mut runs = self.records.runs();
        for owner in places {
            let Some(run) = runs.next(&self.records) else {
                return;
            };
            self.records.run(run).for_each(|record| take(owner, record));
        }
    }

    /// All records by themselves, as they came.
    pub(super) fn entries(&self, apex: &Name) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.each(|owner, record| entries.extend(self.entry(apex, owner, record)));
        entries
    }

    /// All that has come.
    pub(super) fn under(self, apex: Name, soa: Entry) -> Packed {
        Packed {
            apex,
            soa,
            pieces: self,
        }
    }
}

impl Packed {
    /// The same as a content.
    #[must_use]
    pub fn of(apex: &Name, content: &Content) -> Self {
        let mut pieces = Pieces::default();
        for entry in content.records() {
            let about = (entry.owner.as_wire(), entry.rtype, entry.ttl);
            pieces.push(apex, about, &entry.rdata);
        }
        pieces.under(apex.clone(), content.soa.clone())
    }

    /// The same in a fixed order.
    #[must_use]
    pub fn into_content(self) -> Content {
        Content::of(self.soa, self.pieces.entries(&self.apex))
    }

    /// The serial of its SOA.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.soa.serial()
    }

    /// Octets that it holds.
    #[must_use]
    pub fn octets(&self) -> usize {
        let owners: usize = self.pieces.owners.iter().map(Vec::capacity).sum();
        self.pieces.records.room() + owners
    }

    /// Number of owners at the most, and octets of their labels before the apex.
    pub(super) fn owners(&self) -> (usize, usize) {
        (self.pieces.runs, self.pieces.labels)
    }

    /// The SOA, the records in their runs, and the owners of these.
    pub(super) fn into_parts(self) -> (Entry, RawRecords, Owners) {
        let owners = Owners {
            apex: self.apex,
            pieces: self.pieces.owners.into_iter(),
            piece: Vec::new(),
            at: 0,
        };
        (self.soa, self.pieces.records, owners)
    }
}

impl Owners {
    /// Puts the next owner, in wire format, in place of what there is. Each piece is given back behind its last.
    pub(super) fn next_into(&mut self, owner: &mut Vec<u8>) {
        if self.at >= self.piece.len() {
            (self.piece, self.at) = (self.pieces.next().unwrap_or_default(), 0);
        }
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let length = rest.first().copied().map_or(0, usize::from);
        owner.clear();
        owner.extend_from_slice(rest.get(1..1 + length).unwrap_or_default());
        owner.extend_from_slice(self.apex.as_wire());
        self.at += 1 + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::transfer::content::tests::{content, soa, text};

    #[test]
    fn what_is_packed_is_what_comes_out() {
        let apex = Name::parse("z.test").unwrap();
        let long: Vec<String> = (0..5000).map(|one| format!("{one:0>200}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let names = [
            text("b.z.test", "x"),
            text("z.test", "y"),
            text("ab.z.test", "x"),
        ];
        let names = Content::of(soa(4), names.into());
        let texts = [content(1, &[]), content(2, &["a", "b"]), content(3, &long)];
        for own in texts.into_iter().chain([names]) {
            let packed = Packed::of(&apex, &own);
            assert_eq!(packed.serial(), own.serial());
            assert_eq!(packed.into_content(), own);
        }
    }

    /// A transfer of names like any holds about what it brought.
    #[test]
    fn a_record_takes_about_what_it_took_on_the_wire() {
        let apex = Name::parse("z.test").unwrap();
        let entries = (0..50_000).map(|one| text(&format!("host-{one:0>6}.z.test"), "1.2.3.4"));
        let own = Content::of(soa(1), entries.collect());
        let packed = Packed::of(&apex, &own);
        // An owner of which the apex is a pointer, 10 octets, and the data.
        let on_the_wire = 50_000 * (12 + 2 + 10 + 8);
        assert!(packed.octets() < on_the_wire, "{}", packed.octets());
    }
}
