//! The records of a zone as they come, in about as many octets as they had on the wire.
//!
//! A zone of a million names is a million times two small boxes if every record is one by itself: several times what
//! was received. Here records stand one behind the other in a few large pieces, owners without the apex that
//! all of them end in; so a transfer needs about as much as it brought, and whoever makes a zone of it
//! gives each piece back once it has been read.
//!
//! ```text
//! record = octets of the owner's labels before the apex, these labels, type, TTL, octets of the data, data
//!          255 in place of both says: the owner of the record before
//! ```
//!
//! How many owners there are, and how long their labels, is counted, so that whoever makes the zone can make room for
//! them once. Nothing is sorted or told apart here: that is done where the zone is built, in any order.
use std::ops::Range;

use super::content::{Content, Entry};
use crate::dns::Name;
use crate::dns::rr::rtype;

/// Octets of a piece; one record is always whole in one.
const PIECE_BYTES: usize = 256 * 1024;
/// Octets of a record beside its labels and its data.
const FRAME_BYTES: usize = 1 + 2 + 4 + 2;

/// In place of an owner: that of the record before. No labels before an apex are as long.
const SAME_OWNER: u8 = u8::MAX;

/// All records of a zone, the SOA apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    apex: Name,
    soa: Entry,
    pieces: Pieces,
}

/// The pieces of a zone whose SOA is not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    pieces: Vec<Vec<u8>>,
    /// Place of the labels of the last owner in the last piece.
    last: Range<usize>,
    /// Number of times that an owner is another one than before.
    owners: usize,
    /// Octets of the labels of those.
    labels: usize,
}

/// One record, by reference.
pub(super) struct PackedRecord<'p> {
    /// Owner, in wire format.
    pub(super) owner: &'p [u8],
    /// Type.
    pub(super) rtype: u16,
    /// Time to live, seconds.
    pub(super) ttl: u32,
    /// Data, names in it uncompressed.
    pub(super) rdata: &'p [u8],
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
        let octets = FRAME_BYTES + labels.len() + rdata.len();
        let has_room = |piece: &&mut Vec<u8>| piece.capacity() - piece.len() >= octets;
        let mut is_first = false;
        if self.pieces.last_mut().filter(has_room).is_none() {
            self.pieces
                .push(Vec::with_capacity(PIECE_BYTES.max(octets)));
            is_first = true;
        }
        let Some(piece) = self.pieces.last_mut() else {
            return;
        };
        if !is_first && piece.get(self.last.clone()) == Some(labels) {
            piece.push(SAME_OWNER);
        } else {
            piece.push(u8::try_from(labels.len()).unwrap_or(SAME_OWNER));
            self.last = piece.len()..piece.len() + labels.len();
            piece.extend_from_slice(labels);
            self.owners += 1;
            self.labels += 1 + labels.len();
        }
        piece.extend_from_slice(&rtype.to_be_bytes());
        piece.extend_from_slice(&ttl.to_be_bytes());
        piece.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
        piece.extend_from_slice(rdata);
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
        let (soa, mut records) = (self.soa.clone(), Vec::new());
        self.each(|record| {
            if record.rtype == rtype::SOA {
                return;
            }
            records.extend(Name::from_wire(record.owner).map(|owner| Entry {
                owner,
                rtype: record.rtype,
                ttl: record.ttl,
                rdata: record.rdata.into(),
            }));
        });
        Content::of(soa, records)
    }

    /// The serial of its SOA.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.soa.serial()
    }

    /// Octets that it holds.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.pieces.pieces.iter().map(Vec::capacity).sum()
    }

    /// Number of owners at the most, and octets of their labels before the apex, each with its length.
    pub(super) fn owners(&self) -> (usize, usize) {
        (self.pieces.owners, self.pieces.labels)
    }

    /// Gives the SOA and then every record, and each piece back behind its last.
    pub(super) fn each(self, mut take: impl FnMut(PackedRecord<'_>)) {
        take(PackedRecord {
            owner: self.soa.owner.as_wire(),
            rtype: self.soa.rtype,
            ttl: self.soa.ttl,
            rdata: &self.soa.rdata,
        });
        let mut owner = Vec::new();
        for piece in self.pieces.pieces {
            let mut rest = &piece[..];
            while let Some(record) = next(&mut rest, &self.apex, &mut owner) {
                take(record);
            }
        }
    }
}

/// Takes the first record; its owner is put together in `owner`, which holds that of the record before.
fn next<'r, 'p: 'r>(
    rest: &mut &'p [u8],
    apex: &Name,
    owner: &'r mut Vec<u8>,
) -> Option<PackedRecord<'r>> {
    let (&labels, mut behind) = rest.split_first()?;
    if labels != SAME_OWNER {
        let labels = behind.split_off(..usize::from(labels))?;
        owner.clear();
        owner.extend_from_slice(labels);
        owner.extend_from_slice(apex.as_wire());
    }
    let (head, behind) = behind.split_first_chunk::<8>()?;
    let [r0, r1, t0, t1, t2, t3, l0, l1] = *head;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let (rdata, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(PackedRecord {
        owner,
        rtype: u16::from_be_bytes([r0, r1]),
        ttl: u32::from_be_bytes([t0, t1, t2, t3]),
        rdata,
    })
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
