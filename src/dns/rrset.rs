//! An RRset as a zone keeps it: encoded once, so that a reply copies it.
//!
//! ```text
//! 1                                                                 one record, nothing follows it
//! 0, any, count, octets of records, octets of what follows them     12 octets, otherwise
//! records   C0 0C | type | class | TTL | RDLENGTH | RDATA           names in RDATA uncompressed
//!
//! octets of suffix, number of targets, number of pointers           6 octets, if any is there
//! suffix | one node for each target | where the pointers stand | records in short form
//! ```
//!
//! The **short form** is there where names in RDATA end as the owner does and the type allows
//! compression (RFC 3597, section 4: types of RFC 1035 only). In it such a name is cut, and
//! in place of a pointer stands how many octets of the owner it ends with. A question that ends
//! with the *suffix*, octet for octet, stands for the owner: each pointer is then one
//! subtraction away. In another case it does not, because names in RDATA keep the case of
//! the zone.
//!
//! **Targets** are the names that records point to (a name server, a mail exchanger, …) and whose
//! addresses go beside them. There are as many as records, or none at all: what each is in its zone was
//! settled when the zone was built. Where a record goes, in which order and with which owner is
//! the reply's affair.
use std::ops::Range;

use super::query::{HEADER_BYTES, take_name};
use super::rr::{class, rtype};
use super::targets;

/// Owner, type, class, TTL and RDLENGTH: what stands in front of RDATA.
pub(super) const HEAD_BYTES: usize = 12;
/// Where the TTL stands in a record.
pub(super) const TTL_AT: usize = 6;
/// A compression pointer to the question's name (RFC 1035, section 4.1.4).
#[expect(clippy::cast_possible_truncation, reason = "12 is small")]
pub(super) const TO_QUESTION: [u8; 2] = [0xC0, HEADER_BYTES as u8];
/// Octets in front of an RRset whose first is not [`ALONE`].
const SET_HEAD_BYTES: usize = 12;
/// All that stands in front of an RRset that is one record, as most are.
const ALONE: u8 = 1;
/// Octets in front of what follows the records.
const EXTRA_HEAD_BYTES: usize = 6;
/// Octets of what is known of one target.
const GLUE_BYTES: usize = 4;
/// The target lies inside the delegated zone.
const GLUE_NEEDED: u32 = 1 << 31;
/// The target lies outside this zone, or is not known to it.
const GLUE_NONE: u32 = GLUE_NEEDED - 1;

/// All records of one type at one name, by reference into the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RrSet<'z> {
    /// Type.
    pub rtype: u16,
    /// Time to live, seconds; one for the whole set (RFC 2181, section 5.2).
    pub ttl: u32,
    /// How many records.
    pub count: u16,
    /// The records, owners pointing to the question, names in RDATA uncompressed.
    pub(super) encoded: &'z [u8],
    /// Targets and short form.
    extra: &'z [u8],
}

/// What stands behind the records.
struct Extra<'z> {
    glue: &'z [[u8; GLUE_BYTES]],
    short: Form<'z>,
}

/// The records of an RRset as a reply copies them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'z> {
    /// What a question must end with; nothing where no name is cut.
    pub(super) suffix: &'z [u8],
    /// Where in the records a pointer stands, as how many octets it leaves to the owner's end.
    pub(super) pointers: &'z [[u8; 2]],
    /// The records.
    pub(super) encoded: &'z [u8],
}

/// A name that a record points to, and whose addresses go beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'z> {
    /// The name, as the zone has it; the root where SVCB means its own owner.
    pub name: &'z [u8],
    /// Where in RDATA it stands.
    pub at: usize,
    /// Whether it lies inside the delegated zone, and is out of reach without an address.
    pub needed: bool,
    /// What answers for it in the zone of the record.
    pub node: Option<u32>,
    /// What is wanted of it beside addresses.
    pub also: Option<u16>,
}

/// What becomes an RRset.
pub(super) struct Source<'s, R> {
    /// Type.
    pub(super) rtype: u16,
    /// Time to live, seconds.
    pub(super) ttl: u32,
    /// The name that questions end with: the owner, without its asterisk label.
    pub(super) owner: &'s [u8],
    /// RDATA of each record.
    pub(super) records: R,
    /// The targets, in the order of the records; empty where the zone knows none.
    pub(super) glue: &'s [Glue],
}

/// What a zone knows of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glue {
    /// Whether it lies inside the delegated zone.
    pub(super) needed: bool,
    /// The node that answers for it, if there is one.
    pub(super) node: Option<u32>,
}

/// An RRset that stands in no zone: whoever has it says at which names it is answered.
#[derive(Clone, PartialEq, Eq)]
pub struct DetachedSet(Box<[u8]>);

impl DetachedSet {
    /// Of these records, of which there is at least one; the whole is smaller than a message.
    #[must_use]
    pub fn new(rtype: u16, ttl: u32, records: &[Vec<u8>]) -> Self {
        let set = Source {
            rtype,
            ttl,
            owner: &[],
            records: records.iter().map(Vec::as_slice),
            glue: &[],
        };
        let mut encoded = Vec::new();
        set.put(&mut encoded);
        Self(encoded.into())
    }

    /// The RRset.
    #[must_use]
    pub fn set(&self) -> RrSet<'_> {
        let set = RrSet::take(&mut &*self.0);
        set.expect("it was encoded as an RRset")
    }
}

/// Type, TTL and RDATA of each record.
impl std::fmt::Debug for DetachedSet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set = self.set();
        let records: Vec<&[u8]> = set.records().collect();
        write!(out, "{} {} {records:?}", set.rtype, set.ttl)
    }
}

impl<'z> RrSet<'z> {
    /// An RRset of one record that no zone has; `encoded` points to the question.
    pub(crate) const fn of_one(rtype: u16, ttl: u32, encoded: &'static [u8]) -> RrSet<'static> {
        RrSet {
            rtype,
            ttl,
            count: 1,
            encoded,
            extra: &[],
        }
    }

    /// Takes an RRset from the front of a zone's data.
    #[inline]
    pub(super) fn take(rest: &mut &'z [u8]) -> Option<Self> {
        let (&kind, tail) = rest.split_first()?;
        if kind != ALONE {
            return Self::take_several(rest);
        }
        let (encoded, tail) = tail.split_at_checked(record_bytes(tail)?)?;
        *rest = tail;
        Some(Self {
            rtype: type_of(encoded),
            ttl: ttl_of(encoded),
            count: 1,
            encoded,
            extra: &[],
        })
    }

    #[inline]
    fn take_several(rest: &mut &'z [u8]) -> Option<Self> {
        let (head, tail) = rest.split_first_chunk::<SET_HEAD_BYTES>()?;
        let [_, _, c0, c1, r0, r1, r2, r3, e0, e1, e2, e3] = *head;
        let records = u32::from_be_bytes([r0, r1, r2, r3]) as usize;
        let extra = u32::from_be_bytes([e0, e1, e2, e3]) as usize;
        let (encoded, tail) = tail.split_at_checked(records)?;
        let (extra, tail) = tail.split_at_checked(extra)?;
        *rest = tail;
        Some(Self {
            rtype: type_of(encoded),
            ttl: ttl_of(encoded),
            count: u16::from_be_bytes([c0, c1]),
            encoded,
            extra,
        })
    }

    /// How many octets of a zone's data it takes.
    pub(super) fn encoded_bytes(&self) -> usize {
        let head = match self.count == 1 && self.extra.is_empty() {
            true => 1,
            false => SET_HEAD_BYTES,
        };
        head + self.encoded.len() + self.extra.len()
    }

    /// The same RRset with a TTL of at most so many seconds.
    #[must_use]
    pub fn for_at_most(self, seconds: u32) -> Self {
        let ttl = self.ttl.min(seconds);
        Self { ttl, ..self }
    }

    /// The type that its records cover, if they are signatures (RFC 4034, section 3.1.1).
    #[must_use]
    pub fn covers(self) -> Option<u16> {
        let rdata = self.encoded.get(HEAD_BYTES..)?.first_chunk();
        let covered = rdata.copied().map(u16::from_be_bytes);
        covered.filter(|_| self.rtype == rtype::RRSIG)
    }

    /// The RDATA of each record, in the order of the zone, names in it uncompressed.
    pub fn records(self) -> impl Iterator<Item = &'z [u8]> + Clone {
        let mut rest = self.encoded;
        std::iter::from_fn(move || {
            let length = record_bytes(rest)?;
            let (record, tail) = rest.split_at_checked(length)?;
            rest = tail;
            record.get(HEAD_BYTES..)
        })
    }

    /// Whether its zone knows any of its targets.
    #[inline]
    #[must_use]
    pub fn has_targets(&self) -> bool {
        self.extra().is_some_and(|extra| !extra.glue.is_empty())
    }

    /// The name that each record leads to, and where in its RDATA that stands; whatever any zone knows of it.
    pub fn target_names(self) -> impl Iterator<Item = Option<(usize, &'z [u8])>> + Clone {
        self.records().map(move |rdata| {
            let place = targets::place(self.rtype, rdata)?;
            Some((place.start, rdata.get(place)?))
        })
    }

    /// The targets, in the order of the zone; none if the zone knows none of them.
    pub fn targets(self) -> impl Iterator<Item = Target<'z>> + Clone {
        let glue = self.extra().map_or(&[][..], |extra| extra.glue);
        self.records().zip(glue).map(move |(rdata, known)| {
            let word = u32::from_be_bytes(*known);
            let node = word & !GLUE_NEEDED;
            let place = targets::place(self.rtype, rdata).unwrap_or_default();
            Target {
                name: rdata.get(place.clone()).unwrap_or_default(),
                at: place.start,
                needed: word & GLUE_NEEDED != 0,
                node: (node != GLUE_NONE).then_some(node),
                also: targets::also(self.rtype, rdata),
            }
        })
    }

    /// The short form, or the records as they are where there is none.
    #[inline]
    pub(super) fn form(&self) -> Form<'z> {
        let short = self.extra().map(|extra| extra.short);
        let short = short.filter(|short| !short.suffix.is_empty());
        short.unwrap_or(Form {
            suffix: &[],
            pointers: &[],
            encoded: self.encoded,
        })
    }

    #[inline]
    fn extra(&self) -> Option<Extra<'z>> {
        let (head, rest) = self.extra.split_first_chunk::<EXTRA_HEAD_BYTES>()?;
        let [suffix, _, g0, g1, p0, p1] = *head;
        let glue = GLUE_BYTES * usize::from(u16::from_be_bytes([g0, g1]));
        let pointers = 2 * usize::from(u16::from_be_bytes([p0, p1]));
        let (suffix, rest) = rest.split_at_checked(usize::from(suffix))?;
        let (glue, rest) = rest.split_at_checked(glue)?;
        let (pointers, encoded) = rest.split_at_checked(pointers)?;
        Some(Extra {
            glue: glue.as_chunks().0,
            short: Form {
                suffix,
                pointers: pointers.as_chunks().0,
                encoded,
            },
        })
    }
}

/// Octets of the record that stands first; `None` if there is none.
#[inline]
pub(super) fn record_bytes(records: &[u8]) -> Option<usize> {
    let head = records.first_chunk::<HEAD_BYTES>()?;
    Some(HEAD_BYTES + usize::from(u16::from_be_bytes([head[10], head[11]])))
}

/// The type of the record that stands first.
#[inline]
fn type_of(records: &[u8]) -> u16 {
    let head = records.first_chunk::<HEAD_BYTES>();
    head.map_or(0, |head| u16::from_be_bytes([head[2], head[3]]))
}

/// The TTL of the record that stands first.
#[inline]
pub(super) fn ttl_of(records: &[u8]) -> u32 {
    let head = records.first_chunk::<HEAD_BYTES>();
    head.map_or(0, |head| {
        u32::from_be_bytes([head[6], head[7], head[8], head[9]])
    })
}

/// Whether names in RDATA of this type may be compressed (RFC 3597, section 4).
pub(super) fn may_be_cut(rtype: u16) -> bool {
    name_fields(rtype) != (0, 0)
}

/// How many octets stand in front of the first name in RDATA, and how many names follow.
fn name_fields(rtype: u16) -> (usize, usize) {
    match rtype {
        rtype::NS | rtype::CNAME | rtype::PTR => (0, 1),
        rtype::MX => (2, 1),
        rtype::SOA => (0, 2),
        _ => (0, 0),
    }
}

/// Where the names stand in RDATA that may be compressed; a malformed one ends the list.
pub(super) fn names_in(rtype: u16, rdata: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let (mut at, names) = name_fields(rtype);
    (0..names).map_while(move |_| {
        let mut rest = rdata.get(at..)?;
        let name = take_name(&mut rest).ok()?;
        let start = at;
        at += name.len();
        Some(start..at)
    })
}

/// Where the longest suffix of whole labels starts that two names share octet for octet: in
/// the one and in the other. The root alone is none. Both are well-formed names, or empty.
pub(super) fn shared_suffix(name: &[u8], other: &[u8]) -> Option<(usize, usize)> {
    let (mut here, mut there) = (name, other);
    loop {
        let (left, right) = (here.len(), there.len());
        if left <= 1 || right <= 1 {
            return None;
        }
        if here == there {
            return Some((name.len() - left, other.len() - right));
        }
        if left >= right {
            here = here.get(1 + usize::from(here[0])..)?;
        }
        if right >= left {
            there = there.get(1 + usize::from(there[0])..)?;
        }
    }
}

impl<'s, R: Iterator<Item = &'s [u8]> + Clone> Source<'s, R> {
    /// Appends the RRset to a zone's data.
    pub(super) fn put(&self, data: &mut Vec<u8>) {
        let suffix = self.suffix();
        let has_extra = suffix > 0 || !self.glue.is_empty();
        let count = self.records.clone().count();
        if count == 1 && !has_extra {
            data.push(ALONE);
            return self.put_records(data);
        }
        let start = data.len();
        data.extend_from_slice(&[0; SET_HEAD_BYTES]);
        self.put_records(data);
        let records = data.len() - start - SET_HEAD_BYTES;
        if has_extra {
            self.put_extra(data, suffix);
        }
        let extra = data.len() - start - SET_HEAD_BYTES - records;
        let head = &mut data[start..start + SET_HEAD_BYTES];
        head[2..4].copy_from_slice(&small(count));
        head[4..8].copy_from_slice(&large(records));
        head[8..].copy_from_slice(&large(extra));
    }

    fn put_records(&self, data: &mut Vec<u8>) {
        for rdata in self.records.clone() {
            self.put_record(data, |data| data.extend_from_slice(rdata));
        }
    }

    /// Octets of the longest suffix that a name in RDATA shares with the owner.
    fn suffix(&self) -> usize {
        let shared = self.records.clone().flat_map(|rdata| {
            let names = names_in(self.rtype, rdata);
            names.filter_map(|name| shared_suffix(&rdata[name], self.owner))
        });
        let longest = shared.map(|(_, at)| self.owner.len() - at).max();
        longest.unwrap_or(0)
    }

    fn put_extra(&self, data: &mut Vec<u8>, suffix: usize) {
        let (mut short, mut pointers) = (Vec::new(), Vec::new());
        for rdata in self.records.clone().filter(|_| suffix > 0) {
            self.put_record(&mut short, |out| self.put_cut(rdata, out, &mut pointers));
        }
        data.push(u8::try_from(suffix).expect("names have at most 255 octets"));
        data.push(0);
        data.extend_from_slice(&small(self.glue.len()));
        data.extend_from_slice(&small(pointers.len()));
        data.extend_from_slice(&self.owner[self.owner.len() - suffix..]);
        for glue in self.glue {
            let needed = if glue.needed { GLUE_NEEDED } else { 0 };
            let word = needed | glue.node.unwrap_or(GLUE_NONE);
            data.extend_from_slice(&word.to_be_bytes());
        }
        for at in pointers {
            data.extend_from_slice(&small(at));
        }
        data.extend_from_slice(&short);
    }

    /// Writes RDATA with its names cut, and notes where.
    fn put_cut(&self, rdata: &[u8], out: &mut Vec<u8>, pointers: &mut Vec<usize>) {
        let mut written = 0;
        for name in names_in(self.rtype, rdata) {
            let Some((literal, at)) = shared_suffix(&rdata[name.clone()], self.owner) else {
                continue;
            };
            out.extend_from_slice(&rdata[written..name.start + literal]);
            pointers.push(out.len());
            out.extend_from_slice(&small(self.owner.len() - at));
            written = name.end;
        }
        out.extend_from_slice(&rdata[written..]);
    }

    fn put_record(&self, out: &mut Vec<u8>, rdata: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&TO_QUESTION);
        out.extend_from_slice(&self.rtype.to_be_bytes());
        out.extend_from_slice(&class::IN.to_be_bytes());
        out.extend_from_slice(&self.ttl.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        let start = out.len();
        rdata(out);
        let length = small(out.len() - start);
        out[start - 2..start].copy_from_slice(&length);
    }
}

/// A number that is less than the octets of a message.
pub(super) fn small(number: usize) -> [u8; 2] {
    let number = u16::try_from(number).expect("the builder keeps an RRset within a message");
    number.to_be_bytes()
}

fn large(length: usize) -> [u8; 4] {
    let length = u32::try_from(length).expect("an RRset is a few messages long");
    length.to_be_bytes()
}
