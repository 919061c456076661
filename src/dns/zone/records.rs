//! The records of a zone that is being built, in the order in which they came.
//!
//! They stand in chunks of a few thousand, each with the octets of their RDATA. A builder that has written a record
//! into the zone gives it back, and a chunk of which all are given back is freed. Names are written about in the
//! order in which they came, so that the records shrink as the zone grows, and both together hold little more than the
//! zone in the end. Where the records of one name stand far apart, chunks live longer; nothing else depends on it.
//!
//! Which records belong to one name is told by a list: each record knows the one before it there.

/// Bits of a record's number that say where in its chunk it stands.
const BITS: u32 = 12;
/// Records of a chunk.
const CHUNK: usize = 1 << BITS;

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

/// A record while building.
#[derive(Debug)]
pub(super) struct Raw {
    /// The record before it at the same name.
    pub(super) before: u32,
    /// Place of its RDATA in its chunk, behind its length.
    rdata: u32,
    pub(super) ttl: u32,
    line: u32,
    file: u16,
    pub(super) rtype: u16,
}

/// Records, and their RDATA.
#[derive(Debug, Default)]
struct RawChunk {
    raws: Vec<Raw>,
    rdata: Vec<u8>,
    /// Records that are not given back.
    left: usize,
}

/// Records by number.
#[derive(Debug, Default)]
pub(super) struct RawRecords {
    chunks: Vec<RawChunk>,
    count: usize,
    /// Octets of RDATA.
    octets: usize,
}

impl Raw {
    /// The place where it was read.
    pub(super) fn place(&self) -> Place {
        Place {
            file: self.file,
            line: self.line,
        }
    }
}

impl RawRecords {
    /// Number of those that were added.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Octets of the RDATA of all that were added, each with its length.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// The number that the next one will have.
    pub(super) fn next_id(&self) -> u32 {
        u32::try_from(self.count).expect("RECORDS bounds every list")
    }

    /// Adds a record; `length` is that of its RDATA.
    pub(super) fn push(
        &mut self,
        (before, rtype, ttl): (u32, u16, u32),
        place: Place,
        (length, rdata): (u16, &[u8]),
    ) {
        if self.count.is_multiple_of(CHUNK) {
            self.open();
        }
        let chunk = self.chunks.last_mut().expect("one was opened");
        chunk.raws.push(Raw {
            before,
            rdata: u32::try_from(chunk.rdata.len()).expect("a chunk has 2^28 octets at most"),
            ttl,
            line: place.line,
            file: place.file,
            rtype,
        });
        chunk.left += 1;
        chunk.rdata.extend_from_slice(&length.to_be_bytes());
        chunk.rdata.extend_from_slice(rdata);
        self.count += 1;
        self.octets += 2 + rdata.len();
    }

    /// Begins a chunk, with room for what the last one holds; the first one grows, as most zones are small.
    fn open(&mut self) {
        let room = self.chunks.last().map(|last| last.rdata.len());
        self.chunks.push(RawChunk {
            raws: Vec::with_capacity(room.map_or(0, |_| CHUNK)),
            rdata: Vec::with_capacity(room.map_or(0, |room| room + room / 16)),
            left: 0,
        });
    }

    /// The record with this number, which was not given back.
    pub(super) fn raw(&self, id: u32) -> &Raw {
        let (chunk, at) = place_of(id);
        &self.chunks[chunk].raws[at]
    }

    /// Its RDATA.
    pub(super) fn rdata(&self, id: u32) -> &[u8] {
        let (chunk, at) = place_of(id);
        let chunk = &self.chunks[chunk];
        let start = chunk.raws[at].rdata as usize;
        let length = [chunk.rdata[start], chunk.rdata[start + 1]];
        &chunk.rdata[start + 2..start + 2 + usize::from(u16::from_be_bytes(length))]
    }

    /// Takes a record back of which nothing more will be asked.
    pub(super) fn give_back(&mut self, id: u32) {
        let (number, _) = place_of(id);
        let chunk = &mut self.chunks[number];
        chunk.left -= 1;
        if chunk.left == 0 {
            *chunk = RawChunk::default();
        }
    }
}

fn place_of(id: u32) -> (usize, usize) {
    ((id >> BITS) as usize, id as usize & (CHUNK - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_there_until_they_are_given_back() {
        let mut records = RawRecords::default();
        let count = u16::try_from(2 * CHUNK + 5).unwrap();
        for number in 0..count {
            assert_eq!(records.next_id(), u32::from(number));
            let rdata = number.to_be_bytes();
            records.push((7, number, 60), Place::NOWHERE, (2, &rdata));
        }
        assert_eq!(
            (records.len(), records.octets()),
            (count.into(), 4 * usize::from(count))
        );
        for number in 0..count {
            let id = u32::from(number);
            assert_eq!(records.rdata(id), number.to_be_bytes());
            assert_eq!((records.raw(id).rtype, records.raw(id).before), (number, 7));
            records.give_back(id);
        }
        assert!(
            records
                .chunks
                .iter()
                .all(|chunk| chunk.raws.capacity() == 0)
        );
    }
}
