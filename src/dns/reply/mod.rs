//! The reply writer: a message grows front to back in a buffer that is not its own.
//!
//! - **Whole RRsets.** What does not fit leaves no trace: the writer goes back to where the
//!   RRset began and says [`Full`]. Whether that means TC is for the caller to know.
//! - **OPT always fits**: its room is reserved before the first record is written.
//! - **Copies.** RRsets come encoded ([`super::rrset`]): one is copied in a stroke or two and
//!   its pointers, owners and TTL are set where they differ. Where that cannot be (names in
//!   RDATA and question differ in case, an owner beyond the reach of pointers, a copy that is too
//!   long) it is spelled record by record, to the same effect.
//! - **Compression** (RFC 1035, section 4.1.4) is against the question and against names
//!   written before at a known [`Place`]; there is no table of names. Owners are always
//!   pointers into the question or into the RDATA of an alias, so they have the case of the query;
//!   names in RDATA are cut only where the question has the very same octets, so they keep
//!   the case of the zone file. Only types of RFC 1035 are compressed (RFC 3597, section 4).
//! - **Rotation**: the records of an RRset start at the query's id modulo their number, so
//!   that the same query gives the same reply.
use super::addresses;
use super::edns::Opt;
use super::query::{HEADER_BYTES, Header, Question};
use super::rr::{RrSet, class, rtype};
use super::rrset::{Form, HEAD_BYTES, TTL_AT, names_in, record_bytes, shared_suffix, ttl_of};
use crate::base::Family;

/// Flag: the data is the zone's own (AA).
pub const AUTHORITATIVE: u16 = 0x0400;
/// Flag: something is missing for want of room (TC).
pub const TRUNCATED: u16 = 0x0200;

mod hinted;

const POINTER: u16 = 0xC000;
/// Where the question's name stands.
#[expect(clippy::cast_possible_truncation, reason = "12 is small")]
const TO_QUESTION: u16 = HEADER_BYTES as u16;
/// A pointer has 14 bits: it reaches no further than this.
const POINTER_REACH: u16 = 0x4000;
const POINTER_BYTES: usize = 2;

/// There is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A section of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Answer.
    Answer,
    /// Authority.
    Authority,
    /// Additional.
    Additional,
}

/// Where a name stands in the message: so many octets as they are, the rest elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    at: u16,
    literal: u16,
    tail: u16,
}

/// The owner of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'n> {
    /// A pointer to where the name stands in the message.
    At(u16),
    /// The name itself, uncompressed.
    Name(&'n [u8]),
    /// Labels, and a pointer to where the rest of the name stands.
    Under(&'n [u8], u16),
}

/// What stands in front of RDATA.
#[derive(Clone, Copy, Debug)]
struct Head<'n> {
    owner: Owner<'n>,
    rtype: u16,
    class: u16,
    ttl: u32,
}

/// A reply that is being written.
#[derive(Debug)]
pub struct Reply<'b, 'q> {
    buffer: &'b mut [u8],
    header: Header,
    question: &'q [u8],
    /// Where the records start.
    body: usize,
    /// Where the next octet goes.
    at: usize,
    /// Where records must end; behind it is OPT's room.
    end: usize,
    counts: [u16; 3],
}

impl Place {
    /// The question's name.
    pub const QUESTION: Self = Self {
        at: TO_QUESTION,
        literal: u16::MAX,
        tail: 0,
    };

    /// Whether this is the question's name: nothing else stands there.
    #[inline]
    #[must_use]
    pub fn is_question(self) -> bool {
        self.at == TO_QUESTION
    }

    /// The owner that is this name without its first `skip` octets (whole labels of it).
    #[inline]
    #[must_use]
    pub fn suffix(self, skip: usize) -> Owner<'static> {
        let skip = u16::try_from(skip).unwrap_or(u16::MAX);
        Owner::At(match skip.checked_sub(self.literal) {
            None => self.at.saturating_add(skip),
            Some(beyond) => self.tail.saturating_add(beyond),
        })
    }
}

impl<'n> Owner<'n> {
    /// A pointer to `at`, where `name` stands; the name itself if that is too far away.
    #[must_use]
    pub fn at(at: usize, name: &'n [u8]) -> Self {
        match u16::try_from(at) {
            Ok(at) if at < POINTER_REACH => Self::At(at),
            _ => Self::Name(name),
        }
    }
}

impl<'b, 'q> Reply<'b, 'q> {
    /// Starts a reply that may fill `buffer`; `None` if that has no room
    /// for a header and the question.
    #[inline]
    #[must_use]
    pub fn begin(
        buffer: &'b mut [u8],
        header: Header,
        question: Option<&Question<'q>>,
    ) -> Option<Self> {
        if buffer.len() < HEADER_BYTES {
            return None;
        }
        let mut reply = Self {
            end: buffer.len(),
            buffer,
            header,
            question: question.map_or(&[], |question| question.name),
            body: HEADER_BYTES,
            at: HEADER_BYTES,
            counts: [0; 3],
        };
        if let Some(question) = question {
            reply.put(question.octets).ok()?;
            reply.body = reply.at;
        }
        Some(reply)
    }

    /// Octets left for records.
    #[inline]
    #[must_use]
    pub fn room(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// Keeps octets back for OPT.
    #[inline]
    pub fn reserve(&mut self, octets: usize) {
        self.end = self.end.saturating_sub(octets).max(self.at);
    }

    /// Takes every record out again.
    pub fn clear(&mut self) {
        self.at = self.body;
        self.counts = [0; 3];
    }

    /// Writes an RRset and gives the place of its first record.
    ///
    /// # Errors
    /// [`Full`], with nothing of it written.
    pub fn rrset(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        rrset: RrSet<'_>,
    ) -> Result<usize, Full> {
        let form = rrset.form();
        let fits = form.encoded.len() <= self.room();
        match owner {
            Owner::At(at) if fits && at < POINTER_REACH && self.ends_with(form.suffix) => {
                Ok(self.copy(section, at, &rrset, form))
            }
            Owner::At(_) | Owner::Name(_) | Owner::Under(..) => self.spell(section, owner, rrset),
        }
    }

    /// Whether the question ends with these octets.
    fn ends_with(&self, suffix: &[u8]) -> bool {
        suffix.is_empty() || self.question.ends_with(suffix)
    }

    /// Copies an RRset for which there is room, the record whose turn it is first.
    fn copy(&mut self, section: Section, owner: u16, rrset: &RrSet<'_>, form: Form<'_>) -> usize {
        let start = self.at;
        let split = nth_record(form.encoded, self.turn(rrset.count));
        let (last, first) = form.encoded.split_at(split);
        self.copy_octets(first);
        if split > 0 {
            self.copy_octets(last);
        }
        for pointer in form.pointers {
            let at = usize::from(u16::from_be_bytes(*pointer));
            let turned = at.checked_sub(split).unwrap_or(at + first.len());
            self.point(start + turned);
        }
        if owner != TO_QUESTION || rrset.ttl != ttl_of(form.encoded) {
            self.set_heads(start, owner, rrset.ttl);
        }
        self.counts[section as usize] += rrset.count;
        start
    }

    /// Makes a pointer of how many octets it leaves to the question's end.
    fn point(&mut self, at: usize) {
        let end = HEADER_BYTES + self.question.len();
        if let Some(place) = self.buffer.get_mut(at..at + POINTER_BYTES) {
            let left = usize::from(u16::from_be_bytes([place[0], place[1]]));
            let to = u16::try_from(end - left).unwrap_or(0);
            place.copy_from_slice(&(POINTER | to).to_be_bytes());
        }
    }

    /// Gives all records from `start` on an owner and a TTL.
    fn set_heads(&mut self, start: usize, owner: u16, ttl: u32) {
        let mut rest = &mut self.buffer[start..self.at];
        while let Some(length) = record_bytes(rest) {
            let (record, tail) = rest.split_at_mut(length);
            record[..POINTER_BYTES].copy_from_slice(&(POINTER | owner).to_be_bytes());
            record[TTL_AT..][..4].copy_from_slice(&ttl.to_be_bytes());
            rest = tail;
        }
    }

    /// Writes an RRset name by name: what [`Self::copy`] cannot do. It is seldom needed, and
    /// kept out of the way of what is needed often.
    #[inline(never)]
    fn spell(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        rrset: RrSet<'_>,
    ) -> Result<usize, Full> {
        let head = Head {
            owner,
            rtype: rrset.rtype,
            class: class::IN,
            ttl: rrset.ttl,
        };
        let first = self.at;
        self.whole(|reply| {
            for rdata in reply.rotated(rrset.count, rrset.records()) {
                reply.record(section, head, |reply| reply.put_rdata(rrset.rtype, rdata))?;
            }
            Ok(first)
        })
    }

    /// Writes a CNAME into the answer and gives the place of its target.
    ///
    /// # Errors
    /// [`Full`], with nothing of it written.
    pub fn cname(&mut self, owner: Owner<'_>, ttl: u32, target: &[u8]) -> Result<Place, Full> {
        let head = Head {
            owner,
            rtype: rtype::CNAME,
            class: class::IN,
            ttl,
        };
        self.whole(|reply| reply.record(Section::Answer, head, |reply| reply.put_name(target)))
    }

    /// Writes address records of one family into the additional section, in their order; `records` are as
    /// [`addresses::put`] makes them.
    ///
    /// # Errors
    /// [`Full`], with nothing of it written.
    pub fn addresses_beside(
        &mut self,
        owner: Owner<'_>,
        ttl: u32,
        family: Family,
        records: &[u8],
    ) -> Result<(), Full> {
        let answers = self.counts[Section::Answer as usize];
        self.addresses(owner, ttl, family, records)?;
        let added = self.counts[Section::Answer as usize] - answers;
        self.counts[Section::Answer as usize] = answers;
        self.counts[Section::Additional as usize] += added;
        Ok(())
    }

    /// Writes address records of one family into the answer, in their order; `records` are as
    /// [`addresses::put`] makes them.
    ///
    /// # Errors
    /// [`Full`], with nothing of it written.
    pub fn addresses(
        &mut self,
        owner: Owner<'_>,
        ttl: u32,
        family: Family,
        records: &[u8],
    ) -> Result<(), Full> {
        let each = addresses::record_bytes(family);
        let Owner::At(owner @ 0..POINTER_REACH) = owner else {
            return Err(Full);
        };
        let start = self.at;
        self.put(records)?;
        self.set_heads(start, owner, ttl);
        let count = u16::try_from(records.len() / each).map_err(|_| Full)?;
        self.counts[Section::Answer as usize] += count;
        Ok(())
    }

    /// Answers a question of class CH with a text, TTL 0.
    ///
    /// # Errors
    /// [`Full`], with nothing of it written.
    pub fn chaos_text(&mut self, text: &[u8]) -> Result<(), Full> {
        let head = Head {
            owner: Place::QUESTION.suffix(0),
            rtype: rtype::TXT,
            class: class::CH,
            ttl: 0,
        };
        self.whole(|reply| {
            reply.record(Section::Answer, head, |reply| {
                for part in text.chunks(usize::from(u8::MAX)) {
                    reply.put(&[u8::try_from(part.len()).map_err(|_| Full)?])?;
                    reply.put(part)?;
                }
                Ok(())
            })
        })
    }

    /// What belongs to the records of an RRset, in the order in which this reply gives them.
    pub fn rotated<I>(&self, count: u16, records: I) -> impl Iterator<Item = I::Item> + use<I>
    where
        I: Iterator + Clone,
    {
        let first = self.turn(count);
        let rotated = records.clone().skip(first);
        rotated.chain(records.take(first))
    }

    /// Which record of so many comes first.
    fn turn(&self, count: u16) -> usize {
        match count {
            0 | 1 => 0,
            _ => usize::from(self.header.id % count),
        }
    }

    /// Where the RDATA of a record is that starts at `record` with a pointer; its end is where
    /// the next record starts.
    #[must_use]
    pub fn rdata(&self, record: usize) -> std::ops::Range<usize> {
        let start = record + HEAD_BYTES;
        let length = self.buffer.get(start - 2..start).map_or(0, |octets| {
            usize::from(u16::from_be_bytes([octets[0], octets[1]]))
        });
        start..start + length
    }

    /// Writes OPT and the header, and gives the length of the reply. `flags` are
    /// [`AUTHORITATIVE`] and [`TRUNCATED`]; `opt` is what room was reserved for, or more: what
    /// the records have left no room for is left out ([`Opt::fit`]). Called, it costs a tenth of an answer for passing the OPT.
    #[inline(always)]
    #[must_use]
    pub fn finish(self, flags: u16, rcode: u16, opt: Option<&mut Opt<'_>>) -> usize {
        let [answers, authorities, mut additional] = self.counts;
        let mut length = self.at;
        if let Some(opt) = opt {
            opt.fit(self.buffer.len() - length);
            let end = length + opt.padded_bytes(length, self.buffer.len());
            if let Some(room) = self.buffer.get_mut(length..end) {
                opt.write(rcode, room);
                length = end;
                additional = additional.saturating_add(1);
            }
        }
        let words = [
            self.header.id,
            self.header.reply_flags() | flags | (rcode & 0x000F),
            u16::from(self.body > HEADER_BYTES),
            answers,
            authorities,
            additional,
        ];
        if let Some(head) = self.buffer.first_chunk_mut::<HEADER_BYTES>() {
            let (octets, _) = head.as_chunks_mut::<2>();
            for (octets, word) in octets.iter_mut().zip(words) {
                *octets = word.to_be_bytes();
            }
        }
        length
    }

    /// Writes all of something or nothing of it.
    fn whole<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, Full>) -> Result<T, Full> {
        let (at, counts) = (self.at, self.counts);
        write(self).inspect_err(|Full| {
            self.at = at;
            self.counts = counts;
        })
    }

    fn record<T>(
        &mut self,
        section: Section,
        head: Head<'_>,
        rdata: impl FnOnce(&mut Self) -> Result<T, Full>,
    ) -> Result<T, Full> {
        match head.owner {
            Owner::At(at) => self.put_pointer(usize::from(at))?,
            Owner::Name(name) => self.put(name)?,
            Owner::Under(labels, rest) => {
                self.put(labels)?;
                self.put_pointer(usize::from(rest))?;
            }
        }
        self.put_u16(head.rtype)?;
        self.put_u16(head.class)?;
        self.put(&head.ttl.to_be_bytes())?;
        self.put_u16(0)?;
        let start = self.at;
        let value = rdata(self)?;
        let length = u16::try_from(self.at - start).map_err(|_| Full)?;
        self.buffer[start - 2..start].copy_from_slice(&length.to_be_bytes());
        let count = &mut self.counts[section as usize];
        *count = count.checked_add(1).ok_or(Full)?;
        Ok(value)
    }

    fn put_rdata(&mut self, rtype: u16, rdata: &[u8]) -> Result<(), Full> {
        let mut written = 0;
        for name in names_in(rtype, rdata) {
            self.put(&rdata[written..name.start])?;
            written = name.end;
            self.put_name(&rdata[name])?;
        }
        self.put(&rdata[written..])
    }

    /// Writes a name, cut where the rest of it stands in the question octet for octet.
    fn put_name(&mut self, name: &[u8]) -> Result<Place, Full> {
        let place = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        let at = place(self.at);
        let Some((literal, inside)) = shared_suffix(name, self.question) else {
            self.put(name)?;
            return Ok(Place {
                at,
                ..Place::QUESTION
            });
        };
        let tail = HEADER_BYTES + inside;
        self.put(&name[..literal])?;
        self.put_pointer(tail)?;
        Ok(Place {
            at,
            literal: place(literal),
            tail: place(tail),
        })
    }

    fn put_pointer(&mut self, at: usize) -> Result<(), Full> {
        match u16::try_from(at) {
            Ok(at) if at < POINTER_REACH => self.put_u16(POINTER | at),
            _ => Err(Full),
        }
    }

    fn put_u16(&mut self, number: u16) -> Result<(), Full> {
        self.put(&number.to_be_bytes())
    }

    fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        if octets.len() > self.room() {
            return Err(Full);
        }
        self.copy_octets(octets);
        Ok(())
    }

    /// Writes octets for which there is room.
    fn copy_octets(&mut self, octets: &[u8]) {
        let end = self.at + octets.len();
        self.buffer[self.at..end].copy_from_slice(octets);
        self.at = end;
    }
}

/// Where a record starts, counted from 0; the end if there are not so many.
fn nth_record(records: &[u8], number: usize) -> usize {
    let mut at = 0;
    for _ in 0..number {
        at += record_bytes(&records[at..]).unwrap_or(0);
    }
    at
}

#[cfg(test)]
mod tests;
