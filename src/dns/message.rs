//! A message of any kind taken apart: header, questions, records, names made whole.
//!
//! For what is not a plain query: transfers, notifications, updates, and whatever is signed. It
//! is slower than [`super::query`] and copies every name, because a transferred record must
//! outlive its message. What it is given comes from the network: a compression pointer must lead
//! to octets in front of the name that it stands in, each further one in front of that, so
//! reading a name ends; a record that ends after the message is malformed, and nothing is
//! allocated by what a length field claims.
//!
//! It does not know which records belong together, nor whether a zone can be made of them.
use thiserror::Error;

use super::Name;
use super::query::HEADER_BYTES;
use super::rr::rtype;
use crate::base::limits::NAME_BYTES;

/// Operation codes (RFC 6895, section 2.2).
pub mod opcode {
    /// A standard query.
    pub const QUERY: u8 = 0;
    /// A zone has changed (RFC 1996).
    pub const NOTIFY: u8 = 4;
    /// A zone is to be changed (RFC 2136).
    pub const UPDATE: u8 = 5;
}

const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;

/// The octets are no message, or end too soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("malformed message")]
pub struct Malformed;

/// The first twelve octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Chosen by the client; echoed.
    pub id: u16,
    flags: u16,
    /// Records (questions in the first) of the four sections.
    pub counts: [u16; 4],
}

/// One question (in an update: the zone).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Name.
    pub name: Name,
    /// Type.
    pub qtype: u16,
    /// Class.
    pub qclass: u16,
}

/// One record, names in its data made whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Owner.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Class.
    pub class: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// Data, names in it uncompressed.
    pub rdata: Vec<u8>,
}

/// A record by reference, names in its data made whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordRef<'r> {
    /// Owner, in wire format.
    pub(super) owner: &'r [u8],
    /// Type.
    pub(super) rtype: u16,
    /// Class.
    pub(super) class: u16,
    /// Time to live, seconds.
    pub(super) ttl: u32,
    /// Data, names in it uncompressed.
    pub(super) rdata: &'r [u8],
}

/// Room in which the names of one record after the other are made whole.
#[derive(Debug, Default)]
pub(super) struct Room {
    owner: Vec<u8>,
    rdata: Vec<u8>,
}

/// Takes a message apart from its front.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

/// A record whose data is still as it stands in the message.
pub(super) struct Raw<'m> {
    /// Owner.
    pub(super) owner: Name,
    /// Type.
    pub(super) rtype: u16,
    /// Class.
    pub(super) class: u16,
    /// Time to live.
    pub(super) ttl: u32,
    /// The data.
    pub(super) rdata: &'m [u8],
}

/// Fields of a record behind its owner.
struct RecordBody<'m> {
    rtype: u16,
    class: u16,
    ttl: u32,
    /// Place of the data in the message.
    start: usize,
    rdata: &'m [u8],
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// When there are fewer than twelve octets.
    pub fn read(message: &[u8]) -> Result<Self, Malformed> {
        let head = message.first_chunk::<HEADER_BYTES>().ok_or(Malformed)?;
        let word = |index: usize| u16::from_be_bytes([head[2 * index], head[2 * index + 1]]);
        Ok(Self {
            id: word(0),
            flags: word(1),
            counts: [word(2), word(3), word(4), word(5)],
        })
    }

    /// What is to be done; see [`opcode`].
    #[must_use]
    pub fn opcode(self) -> u8 {
        (self.flags >> 11 & 0xF).to_be_bytes()[1]
    }

    /// The response code, without what OPT adds to it.
    #[must_use]
    pub fn rcode(self) -> u16 {
        self.flags & 0xF
    }

    /// Whether it is a reply.
    #[must_use]
    pub fn is_response(self) -> bool {
        self.flags & RESPONSE != 0
    }

    /// Whether the sender has authority.
    #[must_use]
    pub fn is_authoritative(self) -> bool {
        self.flags & AUTHORITATIVE != 0
    }

    /// Whether something was left out.
    #[must_use]
    pub fn is_truncated(self) -> bool {
        self.flags & TRUNCATED != 0
    }
}

/// A header alone, without any records: a reply to it if `rcode` is given, else a request.
#[must_use]
pub fn header(id: u16, opcode: u8, rcode: Option<u16>, counts: [u16; 4]) -> [u8; HEADER_BYTES] {
    let kind = match rcode {
        Some(rcode) => RESPONSE | rcode & 0xF,
        None => 0,
    };
    let flags = kind | u16::from(opcode & 0xF) << 11;
    let mut head = [0; HEADER_BYTES];
    let words = [id, flags].into_iter().chain(counts);
    for (pair, word) in head.chunks_exact_mut(2).zip(words) {
        pair.copy_from_slice(&word.to_be_bytes());
    }
    head
}

/// Says in a message's header that the sender has authority.
pub fn set_authoritative(message: &mut [u8]) {
    if let Some(flags) = message.get_mut(2) {
        *flags |= AUTHORITATIVE.to_be_bytes()[0];
    }
}

/// Says in a message's header that something was left out.
pub fn set_truncated(message: &mut [u8]) {
    if let Some(flags) = message.get_mut(2) {
        *flags |= TRUNCATED.to_be_bytes()[0];
    }
}

/// The reply to a request that goes no further than its questions.
///
/// # Errors
/// When the request has no header.
pub fn reply(request: &[u8], rcode: u16) -> Result<Vec<u8>, Malformed> {
    let head = Header::read(request)?;
    let mut reader = Reader::new(request)?;
    let start = reader.at;
    let asked = (0..head.counts[0]).try_for_each(|_| reader.question().map(|_| ()));
    let (questions, octets) = match asked {
        Ok(()) => (head.counts[0], &request[start..reader.at]),
        Err(Malformed) => (0, &[][..]),
    };
    let head = header(head.id, head.opcode(), Some(rcode), [questions, 0, 0, 0]);
    Ok([&head[..], octets].concat())
}

impl<'m> Reader<'m> {
    /// Starts behind the header.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(message: &'m [u8]) -> Result<Self, Malformed> {
        match message.len() {
            HEADER_BYTES.. => Ok(Self {
                message,
                at: HEADER_BYTES,
            }),
            _ => Err(Malformed),
        }
    }

    /// How many octets were taken.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Takes a question.
    ///
    /// # Errors
    /// When there is none.
    pub fn question(&mut self) -> Result<Question, Malformed> {
        Ok(Question {
            name: self.name()?,
            qtype: self.word()?,
            qclass: self.word()?,
        })
    }

    /// Takes a record and makes the names in its data whole.
    ///
    /// # Errors
    /// When there is none, or its data is not what its type says.
    pub fn record(&mut self) -> Result<Record, Malformed> {
        let mut room = Room::default();
        let record = self.record_in(&mut room)?;
        Ok(Record {
            owner: Name::from_wire(record.owner).ok_or(Malformed)?,
            rtype: record.rtype,
            class: record.class,
            ttl: record.ttl,
            rdata: record.rdata.to_vec(),
        })
    }

    /// Takes a record and makes the names in it whole, without an allocation for each.
    pub(super) fn record_in<'r>(&mut self, room: &'r mut Room) -> Result<RecordRef<'r>, Malformed>
    where
        'm: 'r,
    {
        room.owner.clear();
        self.at = expand(self.message, self.at, &mut room.owner)?;
        let body = self.body()?;
        let (skipped, names) = names(body.rtype, body.rdata);
        let rdata = if names == 0 || body.rdata.is_empty() {
            body.rdata
        } else {
            room.rdata.clear();
            whole(self.message, &body, (skipped, names), &mut room.rdata)?;
            &room.rdata
        };
        Ok(RecordRef {
            owner: &room.owner,
            rtype: body.rtype,
            class: body.class,
            ttl: body.ttl,
            rdata,
        })
    }

    /// Takes a record and leaves its data as it stands.
    pub(super) fn raw(&mut self) -> Result<Raw<'m>, Malformed> {
        let owner = self.name()?;
        let body = self.body()?;
        Ok(Raw {
            owner,
            rtype: body.rtype,
            class: body.class,
            ttl: body.ttl,
            rdata: body.rdata,
        })
    }

    /// Takes the fields behind an owner.
    fn body(&mut self) -> Result<RecordBody<'m>, Malformed> {
        let rest = self.message.get(self.at..).ok_or(Malformed)?;
        let (head, rest) = rest.split_first_chunk::<10>().ok_or(Malformed)?;
        let [r0, r1, c0, c1, t0, t1, t2, t3, l0, l1] = *head;
        let rdata = rest.get(..usize::from(u16::from_be_bytes([l0, l1])));
        let rdata = rdata.ok_or(Malformed)?;
        let start = self.at + head.len();
        self.at = start + rdata.len();
        Ok(RecordBody {
            rtype: u16::from_be_bytes([r0, r1]),
            class: u16::from_be_bytes([c0, c1]),
            ttl: u32::from_be_bytes([t0, t1, t2, t3]),
            start,
            rdata,
        })
    }

    fn word(&mut self) -> Result<u16, Malformed> {
        let rest = self.message.get(self.at..).ok_or(Malformed)?;
        let word = rest.first_chunk::<2>().ok_or(Malformed)?;
        self.at += 2;
        Ok(u16::from_be_bytes(*word))
    }

    fn name(&mut self) -> Result<Name, Malformed> {
        let mut wire = Vec::new();
        self.at = expand(self.message, self.at, &mut wire)?;
        Name::from_wire(&wire).ok_or(Malformed)
    }
}

/// Appends the name at `at`, made whole; gives where what follows it starts.
fn expand(message: &[u8], at: usize, wire: &mut Vec<u8>) -> Result<usize, Malformed> {
    let start = wire.len();
    let (mut at, mut end, mut least) = (at, None, at);
    loop {
        let length = usize::from(*message.get(at).ok_or(Malformed)?);
        match length {
            0 => {
                wire.push(0);
                return Ok(end.unwrap_or(at + 1));
            }
            1..=63 => {
                let label = message.get(at..=at + length).ok_or(Malformed)?;
                wire.extend_from_slice(label);
                at += 1 + length;
            }
            0xC0.. => {
                let low = usize::from(*message.get(at + 1).ok_or(Malformed)?);
                end = end.or(Some(at + 2));
                at = (length & 0x3F) << 8 | low;
                if at >= least {
                    return Err(Malformed);
                }
                least = at;
            }
            _ => return Err(Malformed),
        }
        if wire.len() - start >= NAME_BYTES {
            return Err(Malformed);
        }
    }
}

/// Octets in front of the names in data that a sender may have compressed, and how many names
/// there are (RFC 3597, section 4: also where it no longer should have been).
fn names(rtype: u16, rdata: &[u8]) -> (usize, usize) {
    match rtype {
        35 => (before_replacement(rdata), 1), // NAPTR.
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => (0, 1),
        3 | 4 | 7..=9 => (0, 1),            // MD, MF, MB, MG, MR.
        rtype::SOA | 14 | 17 => (0, 2),     // MINFO, RP.
        rtype::MX | 18 | 21 | 36 => (2, 1), // AFSDB, RT, KX.
        26 => (2, 2),                       // PX.
        rtype::SRV => (6, 1),
        24 => (18, 1), // SIG.
        30 => (0, 1),  // NXT.
        _ => (0, 0),
    }
}

/// Octets of a NAPTR in front of its name: two numbers and three strings (RFC 3403, section 4.1).
fn before_replacement(rdata: &[u8]) -> usize {
    (0..3).fold(4, |at, _| {
        let length = rdata.get(at).map_or(0, |length| usize::from(*length));
        at + 1 + length
    })
}

/// Appends the data of a record, made whole, in which so many names stand behind so many octets.
fn whole(
    message: &[u8],
    body: &RecordBody<'_>,
    (skipped, names): (usize, usize),
    rdata: &mut Vec<u8>,
) -> Result<(), Malformed> {
    rdata.extend_from_slice(body.rdata.get(..skipped).ok_or(Malformed)?);
    // A name may not reach beyond the data that it stands in; what it points to lies before.
    let end = body.start + body.rdata.len();
    let message = message.get(..end).ok_or(Malformed)?;
    let mut at = body.start + skipped;
    for _ in 0..names {
        at = expand(message, at, rdata)?;
    }
    rdata.extend_from_slice(&message[at..]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply with a question and an MX record whose names lean on the question.
    fn sample() -> Vec<u8> {
        let mut message = header(7, opcode::QUERY, Some(0), [1, 1, 0, 0]).to_vec();
        message.extend(b"\x07example\x03org\x00\x00\x0F\x00\x01");
        message.extend(
            b"\x03www\xC0\x0C\x00\x0F\x00\x01\x00\x00\x0E\x10\x00\x09\x00\x05\x04mail\xC0\x0C",
        );
        message
    }

    fn read(message: &[u8]) -> Result<(Question, Record), Malformed> {
        let mut reader = Reader::new(message)?;
        Ok((reader.question()?, reader.record()?))
    }

    #[test]
    fn names_are_made_whole() {
        let (question, record) = read(&sample()).unwrap();
        assert_eq!(question.name.to_string(), "example.org");
        assert_eq!(record.owner.to_string(), "www.example.org");
        assert_eq!((record.rtype, record.class, record.ttl), (15, 1, 3600));
        assert_eq!(record.rdata, b"\x00\x05\x04mail\x07example\x03org\x00");
    }

    #[test]
    fn pointers_lead_backwards_or_nowhere() {
        for pointer in [[0xC0, 33], [0xC0, 29], [0xC0, 250], [0xFF, 0xFF], [0x80, 0]] {
            let mut message = sample();
            let place = 12 + 17 + 4;
            message[place..place + 2].copy_from_slice(&pointer);
            assert_eq!(read(&message), Err(Malformed), "{pointer:?}");
        }
    }

    #[test]
    fn torn_messages_are_malformed() {
        let whole = sample();
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Err(Malformed), "{length}");
        }
        for (index, octet) in
            (0..whole.len()).flat_map(|at| [0, 0x3F, 0xC0, 0xFF].map(|to| (at, to)))
        {
            let mut message = whole.clone();
            message[index] = octet;
            let _ = read(&message);
        }
    }

    #[test]
    fn a_name_in_data_does_not_reach_beyond_it() {
        let mut message = sample();
        let length = message.len();
        message[length - 10] = 8; // RDLENGTH, one octet less.
        assert_eq!(read(&message), Err(Malformed));
    }

    #[test]
    fn a_reply_echoes_id_opcode_and_question() {
        let mut request = sample();
        request[2] = 0x20;
        let reply = reply(&request, 4).unwrap();
        assert_eq!(reply[..12], [0, 7, 0xA0, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(reply[12..], request[12..29]);
        let cut = super::reply(&request[..20], 1).unwrap();
        assert_eq!(cut, [0, 7, 0xA0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
