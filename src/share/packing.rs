//! Octets of records, put together and taken apart.
//!
//! Numbers are big-endian and of fixed width, lists and texts have their count before them, and every count has a limit that is checked
//! before anything is allocated. A content has one form only: whoever reads it refuses lists out of order, bits past the end and
//! octets left over, so that what was read, written again, is the same.
use std::fmt;

/// Octets that are no record, and where that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled {
    /// The offset of the octet from which it cannot be read.
    pub at: usize,
    /// The part that is wrong.
    pub what: &'static str,
}

/// `kind at octet 4`.
impl fmt::Display for Garbled {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at octet {}", self.what, self.at)
    }
}

/// Octets that are being put together.
#[derive(Default)]
pub(super) struct Packer(pub(super) Vec<u8>);

/// Octets that are being taken apart.
pub(super) struct Unpacker<'o> {
    octets: &'o [u8],
    at: usize,
}

impl Packer {
    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn fixed(&mut self, octets: &[u8]) {
        self.0.extend(octets);
    }

    /// A count; the limits of what is counted lie below 2^32.
    pub(super) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("lists have limits below 2^32"));
    }

    /// Octets with their count.
    pub(super) fn octets(&mut self, octets: &[u8]) {
        self.count(octets.len());
        self.fixed(octets);
    }

    /// A number that may be absent; 0 says so.
    pub(super) fn maybe(&mut self, number: Option<u64>) {
        self.u64(number.unwrap_or(0));
    }
}

impl<'o> Unpacker<'o> {
    pub(super) fn new(octets: &'o [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// Says what is wrong here.
    pub(super) fn wrong(&self, what: &'static str) -> Garbled {
        Garbled { at: self.at, what }
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        let taken = self.octets.get(self.at..).and_then(<[u8]>::first_chunk);
        let taken = *taken.ok_or_else(|| self.wrong("end"))?;
        self.at += N;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Garbled> {
        Ok(u8::from_be_bytes(self.fixed()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Garbled> {
        Ok(u16::from_be_bytes(self.fixed()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Garbled> {
        Ok(u32::from_be_bytes(self.fixed()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Garbled> {
        Ok(u64::from_be_bytes(self.fixed()?))
    }

    /// A count of at most so many.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, Garbled> {
        let at = self.at;
        let count = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let too_many = Garbled { at, what: "count" };
        (count <= most).then_some(count).ok_or(too_many)
    }

    /// So many octets.
    pub(super) fn slice(&mut self, length: usize) -> Result<&'o [u8], Garbled> {
        let end = self.at.saturating_add(length);
        let taken = self.octets.get(self.at..end);
        let taken = taken.ok_or_else(|| self.wrong("end"))?;
        self.at = end;
        Ok(taken)
    }

    /// Octets with their count, at most so many.
    pub(super) fn octets(&mut self, most: usize) -> Result<&'o [u8], Garbled> {
        let length = self.count(most)?;
        self.slice(length)
    }

    /// Text of at most so many octets.
    pub(super) fn text(&mut self, most: usize) -> Result<String, Garbled> {
        let at = self.at;
        let octets = self.octets(most)?;
        let text = std::str::from_utf8(octets);
        let text = text.map_err(|_| Garbled { at, what: "text" })?;
        Ok(text.to_owned())
    }

    /// A list of at most so many, each of which is greater than the one before.
    pub(super) fn rising<T: PartialOrd>(
        &mut self,
        most: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Garbled>,
    ) -> Result<Vec<T>, Garbled> {
        let count = self.count(most)?;
        let mut list: Vec<T> = Vec::new();
        for _ in 0..count {
            let at = self.at;
            let next = read(self)?;
            if list.last().is_some_and(|last| *last >= next) {
                return Err(Garbled { at, what: "order" });
            }
            list.push(next);
        }
        Ok(list)
    }

    /// A number that may be absent.
    pub(super) fn maybe(&mut self) -> Result<Option<u64>, Garbled> {
        Ok(Some(self.u64()?).filter(|number| *number != 0))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.octets.len()
    }

    /// Ends; nothing may be left over.
    pub(super) fn end(&self) -> Result<(), Garbled> {
        let left = self.is_at_end();
        left.then_some(()).ok_or_else(|| self.wrong("octets left"))
    }
}
