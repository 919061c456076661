//! The records of a zone before it is built, in the order in which they came.
//!
//! They stand in chunks, one behind the other, about as long as on the wire:
//!
//! ```text
//! record = mark | link | file, line | type | TTL | octets of RDATA | RDATA
//!            1      4        2 + 4      2     4           2
//! ```
//!
//! Records of one name that come together are a *run*: all but the first are marked as going on. Where a name comes again
//! later, the first of that run has a *link* to the run before it. File and line stand only where there are any.
//!
//! A builder that has written a record into the zone gives it back, and a chunk of which all are given back is freed. Names
//! are written about in the order in which they came, so that the records shrink as the zone grows, and both together hold
//! little more than the zone in the end. Where the records of one name stand far apart, chunks live longer; nothing
//! else depends on it.
use std::ops::Range;

use super::tree::NONE;
use crate::dns::rr::rtype;

/// Bits of a record's number that say where in its chunk it stands.
const BITS: u32 = 17;
/// Octets of a chunk: more than the longest record has.
const CHUNK_BYTES: usize = 1 << BITS;
/// Octets of the first chunks.
const CHUNK_LEAST: usize = 1024;
/// Mark: the record is of the name of the one before it.
const GOES_ON: u8 = 1;
/// Mark: a link follows.
const LINKED: u8 = 2;
/// Mark: file and line follow.
const PLACED: u8 = 4;
/// Octets of the link, if there is one.
const LINK_BYTES: usize = 4;
/// Octets of file and line.
const PLACE_BYTES: usize = 6;
/// Octets of type, TTL and length.
const FRAME_BYTES: usize = 8;
/// Octets in front of RDATA at the most.
const HEAD_BYTES: usize = 1 + LINK_BYTES + PLACE_BYTES + FRAME_BYTES;

/// Place of a record in the files of its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of the file, in the order in which the zone's files were read.
    pub(crate) file: u16,
    /// Line, from 1; 0 when there is none.
    pub(crate) line: u32,
}

impl Place {
    /// No place: what the config asks for, not the file.
    pub(crate) const NOWHERE: Self = Self { file: 0, line: 0 };
}

/// A record, its data apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    /// Type.
    pub(crate) rtype: u16,
    /// Time to live, seconds.
    pub(crate) ttl: u32,
    /// The place where it was read.
    pub(crate) place: Place,
}

/// A record that was looked at once; it is there until it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordRow {
    /// Its number.
    id: u32,
    /// Its type, TTL and place.
    pub(crate) raw: Raw,
    /// The type that it covers, if it is a signature (RFC 4034, section 3.1.1); 0 otherwise.
    covers: u16,
    /// The first record of the run before, if it is linked.
    link: u32,
    /// Octets in front of its RDATA.
    head: usize,
    /// Octets of its RDATA.
    length: usize,
}

impl RecordRow {
    /// The key that the records of one RRset have in common: the type, and of signatures the type that they
    /// cover as well, because each has the TTL of that (RFC 4034, section 3).
    pub(crate) fn kind(&self) -> (u16, u16) {
        (self.raw.rtype, self.covers)
    }

    /// Octets of its data.
    pub(crate) fn data_bytes(&self) -> usize {
        self.length
    }

    /// The type that it covers; `None` for records of other types.
    pub(crate) fn covered(&self) -> Option<u16> {
        (self.raw.rtype == rtype::RRSIG && self.length >= 2).then_some(self.covers)
    }
}

/// Records, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct RawChunk {
    octets: Vec<u8>,
    /// Records that are not given back.
    left: usize,
}

/// Records by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawRecords {
    chunks: Vec<RawChunk>,
    count: usize,
    /// Octets of RDATA.
    octets: usize,
    /// Set when the next record begins a chunk, whatever room there is.
    is_sealed: bool,
}

/// A way through the runs of records that are there.
#[derive(Debug)]
pub(crate) struct RecordRuns {
    chunks: Range<usize>,
    next: Option<u32>,
}

impl RecordRuns {
    /// The first record of the next run, all of which is still there.
    pub(crate) fn next(&mut self, records: &RawRecords) -> Option<u32> {
        let next = self.next.take();
        let run = next.or_else(|| self.chunks.find_map(|chunk| records.first_of(chunk)))?;
        let last = records.rows(run).last()?;
        self.next = records.behind(&last);
        Some(run)
    }
}

impl RawRecords {
    /// Number of those that are held.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Octets of the RDATA of all that are held, each with its length.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// Octets of memory that they take.
    pub(crate) fn room(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| chunk.octets.capacity())
            .sum()
    }

    /// A way through the runs that are there now; none of those that are added behind a seal is on it.
    pub(crate) fn runs(&self) -> RecordRuns {
        RecordRuns {
            chunks: 0..self.chunks.len(),
            next: None,
        }
    }

    /// Adds a record: to the run that the one before it is of, if it is of that name too, or else behind the
    /// run `before`, if there is one. Its number, and whether it begins a run. Its RDATA has at most 65,535 octets.
    pub(crate) fn push(
        &mut self,
        (goes_on, before): (bool, u32),
        raw: Raw,
        rdata: &[u8],
    ) -> (u32, bool) {
        let most = HEAD_BYTES + rdata.len();
        let has_room = |chunk: &RawChunk| {
            let room = chunk.octets.capacity().min(CHUNK_BYTES);
            chunk.octets.len() + most <= room
        };
        let is_first = self.is_sealed || !self.chunks.last().is_some_and(has_room);
        if is_first {
            self.open(most);
        }
        let begins = is_first || !goes_on;
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let at = chunk.octets.len();
        let link = Some(before).filter(|before| begins && *before != NONE);
        let is_placed = raw.place != Place::NOWHERE;
        let flag = |is_so: bool, mark| if is_so { mark } else { 0 };
        let mut head = RecordHead::default();
        head.put([flag(!begins, GOES_ON) | flag(link.is_some(), LINKED) | flag(is_placed, PLACED)]);
        if let Some(link) = link {
            head.put(link.to_be_bytes());
        }
        if is_placed {
            head.put(raw.place.file.to_be_bytes());
            head.put(raw.place.line.to_be_bytes());
        }
        head.put(raw.rtype.to_be_bytes());
        head.put(raw.ttl.to_be_bytes());
        let length = u16::try_from(rdata.len()).expect("RDATA has at most 65,535 octets");
        head.put(length.to_be_bytes());
        chunk.octets.extend_from_slice(&head.octets[..head.length]);
        chunk.octets.extend_from_slice(rdata);
        chunk.left += 1;
        self.count += 1;
        self.octets += 2 + rdata.len();
        (number_of(number, at), begins)
    }

    /// Adds a record where nobody knows what has come before of its name; whether it begins a run.
    pub(crate) fn push_alone(&mut self, goes_on: bool, raw: Raw, rdata: &[u8]) -> bool {
        self.push((goes_on, NONE), raw, rdata).1
    }

    /// Lets the next record begin a chunk.
    pub(crate) fn seal(&mut self) {
        self.is_sealed = true;
    }

    /// Begins a chunk with room for a record of so many octets. It is little beside those before, as most zones are small.
    fn open(&mut self, most: usize) {
        self.is_sealed = false;
        let room = (self.room() / 32).clamp(CHUNK_LEAST, CHUNK_BYTES).max(most);
        self.chunks.push(RawChunk {
            octets: Vec::with_capacity(room),
            left: 0,
        });
    }

    /// The record with this number, which was not given back.
    pub(crate) fn raw(&self, id: u32) -> Raw {
        self.row(id).raw
    }

    /// Its RDATA.
    pub(crate) fn rdata(&self, id: u32) -> &[u8] {
        self.data(&self.row(id))
    }

    /// The RDATA of a record.
    pub(crate) fn data(&self, row: &RecordRow) -> &[u8] {
        let (chunk, at) = place_of(row.id);
        let start = at + row.head;
        &self.chunks[chunk].octets[start..start + row.length]
    }

    /// A record, and those behind it in its run.
    pub(crate) fn run(&self, id: u32) -> impl Iterator<Item = u32> {
        self.rows(id).map(|row| row.id)
    }

    /// The same, each looked at.
    pub(crate) fn rows(&self, id: u32) -> impl Iterator<Item = RecordRow> {
        std::iter::successors(Some(self.row(id)), |row| self.after(row))
    }

    /// Appends the records of a run, the last one first; the run before it, [`NONE`] if there is none.
    pub(crate) fn gather(&self, run: u32, rows: &mut Vec<RecordRow>) -> u32 {
        let (from, first) = (rows.len(), self.row(run));
        rows.push(first);
        let mut last = first;
        while let Some(next) = self.after(&last) {
            rows.push(next);
            last = next;
        }
        rows[from..].reverse();
        first.link
    }

    /// The record behind this one in its run.
    pub(crate) fn after(&self, row: &RecordRow) -> Option<RecordRow> {
        let (chunk, at) = place_of(row.id);
        let end = at + row.head + row.length;
        let mark = self.chunks[chunk].octets.get(end)?;
        (mark & GOES_ON != 0).then(|| self.row(number_of(chunk, end)))
    }

    /// The first record of a chunk.
    fn first_of(&self, chunk: usize) -> Option<u32> {
        let is_there = self.chunks.get(chunk)?.octets.is_empty();
        (!is_there).then(|| number_of(chunk, 0))
    }

    /// The record behind this one in its chunk.
    fn behind(&self, row: &RecordRow) -> Option<u32> {
        let (chunk, at) = place_of(row.id);
        let end = at + row.head + row.length;
        (end < self.chunks[chunk].octets.len()).then(|| number_of(chunk, end))
    }

    /// Gives a record another TTL.
    pub(crate) fn set_ttl(&mut self, row: &RecordRow, ttl: u32) {
        let (chunk, at) = place_of(row.id);
        let end = at + row.head - 2;
        self.chunks[chunk].octets[end - 4..end].copy_from_slice(&ttl.to_be_bytes());
    }

    /// Takes a record back of which nothing more will be asked.
    pub(crate) fn give_back(&mut self, row: &RecordRow) {
        self.count -= 1;
        self.octets -= 2 + row.length;
        let (number, _) = place_of(row.id);
        let chunk = &mut self.chunks[number];
        chunk.left -= 1;
        if chunk.left == 0 {
            *chunk = RawChunk::default();
        }
    }

    /// Looks at the record with this number, which was not given back.
    pub(crate) fn row(&self, id: u32) -> RecordRow {
        let (chunk, at) = place_of(id);
        let octets = &self.chunks[chunk].octets[at..];
        let (mark, mut rest) = octets.split_first().expect("numbers are given by `push`");
        let mut link = NONE;
        if mark & LINKED != 0 {
            link = u32::from_be_bytes(take(&mut rest));
        }
        let mut place = Place::NOWHERE;
        if mark & PLACED != 0 {
            place.file = u16::from_be_bytes(take(&mut rest));
            place.line = u32::from_be_bytes(take(&mut rest));
        }
        let raw = Raw {
            rtype: u16::from_be_bytes(take(&mut rest)),
            ttl: u32::from_be_bytes(take(&mut rest)),
            place,
        };
        let length = u16::from_be_bytes(take(&mut rest)).into();
        let covers = match raw.rtype {
            rtype::RRSIG if length >= 2 => {
                rest.first_chunk().copied().map_or(0, u16::from_be_bytes)
            }
            _ => 0,
        };
        RecordRow {
            id,
            raw,
            covers,
            link,
            head: octets.len() - rest.len(),
            length,
        }
    }
}

/// The octets in front of RDATA, while they are put together.
#[derive(Default)]
struct RecordHead {
    octets: [u8; HEAD_BYTES],
    length: usize,
}

impl RecordHead {
    #[inline]
    fn put<const N: usize>(&mut self, octets: [u8; N]) {
        self.octets[self.length..self.length + N].copy_from_slice(&octets);
        self.length += N;
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (head, tail) = rest.split_first_chunk().expect("records are whole");
    *rest = tail;
    *head
}

fn place_of(id: u32) -> (usize, usize) {
    ((id >> BITS) as usize, id as usize & (CHUNK_BYTES - 1))
}

fn number_of(chunk: usize, at: usize) -> u32 {
    u32::try_from(chunk << BITS | at).expect("a zone's bounds keep its chunks below 2^15")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_there_until_they_are_given_back() {
        let mut records = RawRecords::default();
        let mut ids = Vec::new();
        let raw = |number: u16| Raw {
            rtype: number,
            ttl: 60,
            place: match number % 3 {
                0 => Place::NOWHERE,
                _ => Place {
                    file: 1,
                    line: u32::from(number),
                },
            },
        };
        let count = 30_000_u16;
        for number in 0..count {
            let before = ids.last().copied().unwrap_or(NONE);
            let goes_on = number % 4 != 0;
            let (id, begins) = records.push((goes_on, before), raw(number), &number.to_be_bytes());
            assert!(begins || goes_on);
            ids.push(id);
        }
        assert!(records.chunks.len() > 2);
        assert_eq!((records.len(), records.octets()), (30_000, 120_000));
        records.set_ttl(&records.row(ids[7]), 61);
        for (number, id) in (0..count).zip(&ids) {
            let ttl = if number == 7 { 61 } else { 60 };
            assert_eq!(records.rdata(*id), number.to_be_bytes());
            assert_eq!(records.raw(*id), Raw { ttl, ..raw(number) });
            let next = ids.get(usize::from(number) + 1).copied();
            let follower = next.filter(|next| records.row(*next).link == NONE);
            let after = records.after(&records.row(*id));
            assert_eq!(after.map(|row| row.id), follower);
        }
        assert_eq!(records.row(ids[8]).link, ids[7]);
        for id in ids {
            records.give_back(&records.row(id));
        }
        assert_eq!((records.len(), records.octets(), records.room()), (0, 0, 0));
    }

    #[test]
    fn the_longest_record_has_room_in_a_chunk() {
        let mut records = RawRecords::default();
        let raw = Raw {
            rtype: 16,
            ttl: 1,
            place: Place { file: 9, line: 8 },
        };
        for round in 0..5_u8 {
            let (id, begins) = records.push((true, 3), raw, &[round; 65_535]);
            assert!(begins);
            assert_eq!(records.rdata(id), [round; 65_535]);
        }
    }
}
