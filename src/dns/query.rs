//! A query read in place: nothing is copied, nothing allocated, every octet looked at once.
//!
//! What is refused, and what is not:
//!
//! - Fewer than 12 octets, or the QR bit set: no reply at all, or two servers could be made
//!   to talk to each other for ever.
//! - Another opcode than QUERY: NOTIMP, with the question echoed where there is one. RD is not
//!   echoed: what the bit means is the opcode's to say. BIND does the same and ISC's compliance
//!   report asks for it (`opcodeflg`); Knot, NSD and gdnsd copy the bit.
//! - Other than one question: FORMERR (RFC 9619), but none at all with a cookie (RFC 7873,
//!   section 5.4). A compression pointer in the question:
//!   FORMERR; there is nothing before it that it could point to.
//! - Records in the answer or authority section: read over, as BIND, Knot and gdnsd do (NSD:
//!   FORMERR). An IXFR carries its SOA there (RFC 1995, section 3); in other queries they say nothing.
//! - A record that ends after the packet: FORMERR. Octets after the last record: ignored, as
//!   NSD and Knot do; no rule forbids them, and some middleboxes pad.
//! - Several OPT records, an OPT outside the additional section or whose owner is not the root, a
//!   malformed option: FORMERR (RFC 6891, section 6.1.1). Another EDNS version than 0: BADVERS, its options unread.
//! - TC, AA, RA, Z, AD and CD in a query mean nothing here and are ignored.
//!
//! Which names and types there are is not known here.
use super::edns::Edns;
use super::rr::{rcode, rtype};
use crate::base::limits::NAME_BYTES;

const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const OPCODE_BITS: u16 = 0x7800;

/// Octets of a message's header.
pub const HEADER_BYTES: usize = 12;

/// The first two words of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Chosen by the client; echoed.
    pub id: u16,
    flags: u16,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'q> {
    /// Name in wire format, uncompressed, in the client's case.
    pub name: &'q [u8],
    /// Type.
    pub qtype: u16,
    /// Class.
    pub qclass: u16,
    /// All three, as they stand in the query.
    pub(super) octets: &'q [u8],
}

/// A query, as much of it as could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'q> {
    /// Id and flags.
    pub header: Header,
    /// The question, if there is exactly one.
    pub question: Option<Question<'q>>,
    /// What the OPT record says, if there is one and it was reached.
    pub edns: Option<Edns>,
    /// Why it cannot be answered: FORMERR, NOTIMP or BADVERS. A query without fault has a
    /// question, or a cookie and no question.
    pub fault: Option<u16>,
}

/// The octets are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Header {
    /// The flags of the reply before it is known: QR set; opcode and, of a QUERY, RD copied
    /// (RFC 1035, section 4.1.1); AA, TC, RA, Z, AD and CD clear (CD: RFC 4035, section 3.1.6).
    #[must_use]
    pub fn reply_flags(self) -> u16 {
        FLAG_RESPONSE | self.flags & (OPCODE_BITS | FLAG_RECURSION_DESIRED)
    }

    fn is_response(self) -> bool {
        self.flags & FLAG_RESPONSE != 0
    }

    fn is_query(self) -> bool {
        self.flags & OPCODE_BITS == 0
    }
}

/// Reads a packet; `None` if it deserves no reply. What it gives is large: whoever is in a hurry takes [`Query::read`].
#[must_use]
pub fn read(packet: &[u8]) -> Option<Query<'_>> {
    let mut query = Query::UNREAD;
    query.read(packet).then_some(query)
}

impl<'q> Query<'q> {
    /// A query of which nothing is read yet.
    pub const UNREAD: Self = Self {
        header: Header { id: 0, flags: 0 },
        question: None,
        edns: None,
        fault: None,
    };

    /// Reads a packet into what is unread; tells whether it deserves a reply.
    #[inline(always)]
    #[must_use]
    pub fn read(&mut self, packet: &'q [u8]) -> bool {
        let Some((head, rest)) = packet.split_first_chunk::<HEADER_BYTES>() else {
            return false;
        };
        self.header = Header {
            id: word(head, 0),
            flags: word(head, 1),
        };
        if self.header.is_response() {
            return false;
        }
        self.fault = self.read_sections(head, rest).err();
        true
    }

    /// Reads what stands behind the header; an error is an RCODE.
    fn read_sections(&mut self, head: &[u8; HEADER_BYTES], mut rest: &'q [u8]) -> Result<(), u16> {
        let (questions, additional) = (word(head, 2), word(head, 5));
        let (answers, authorities) = (word(head, 3), word(head, 4));
        let asked = self.read_questions(questions, &mut rest);
        if !self.header.is_query() {
            self.header.flags &= !FLAG_RECURSION_DESIRED;
            return Err(rcode::NOTIMP);
        }
        asked.map_err(|Malformed| rcode::FORMERR)?;
        self.read_records([answers, authorities, additional], rest)
            .map_err(|Malformed| rcode::FORMERR)?;
        if self.edns.as_ref().is_some_and(|edns| edns.version > 0) {
            return Err(rcode::BADVERS);
        }
        let wants_cookie = || self.edns.as_ref().is_some_and(|edns| edns.cookie.is_some());
        match self.question {
            Some(_) => Ok(()),
            None if questions == 0 && wants_cookie() => Ok(()),
            None => Err(rcode::FORMERR),
        }
    }

    /// Takes all questions, and keeps the one, if there is exactly one.
    #[inline]
    fn read_questions(&mut self, count: u16, rest: &mut &'q [u8]) -> Result<(), Malformed> {
        if count == 1 {
            self.question = Some(read_question(rest)?);
            return Ok(());
        }
        for _ in 0..count {
            read_question(rest)?;
        }
        Ok(())
    }

    /// Walks the records behind the question and keeps what OPT says.
    fn read_records(&mut self, counts: [u16; 3], mut rest: &[u8]) -> Result<(), Malformed> {
        let [answers, authorities, additional] = counts;
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            if take_record(&mut rest)?.rtype == rtype::OPT {
                return Err(Malformed);
            }
        }
        for _ in 0..additional {
            let record = take_record(&mut rest)?;
            if record.rtype == rtype::OPT {
                self.read_opt(&record)?;
            }
        }
        Ok(())
    }

    fn read_opt(&mut self, record: &Record<'_>) -> Result<(), Malformed> {
        if self.edns.is_some() || record.owner != [0] {
            return Err(Malformed);
        }
        let read = self.edns.insert(Edns::from_head(record.class, record.ttl));
        match read.version {
            0 => read.read_options(record.rdata),
            _ => Ok(()),
        }
    }
}

/// A word of the header, by its number.
#[inline]
fn word(head: &[u8; HEADER_BYTES], index: usize) -> u16 {
    u16::from_be_bytes([head[2 * index], head[2 * index + 1]])
}

fn read_question<'q>(rest: &mut &'q [u8]) -> Result<Question<'q>, Malformed> {
    let whole = *rest;
    let name = take_name(rest)?;
    Ok(Question {
        name,
        qtype: take_u16(rest)?,
        qclass: take_u16(rest)?,
        octets: &whole[..name.len() + 4],
    })
}

/// A record as it stands in the packet; the owner may be compressed.
struct Record<'q> {
    owner: &'q [u8],
    rtype: u16,
    class: u16,
    ttl: [u8; 4],
    rdata: &'q [u8],
}

fn take_record<'q>(rest: &mut &'q [u8]) -> Result<Record<'q>, Malformed> {
    let owner = take_owner(rest)?;
    let rtype = take_u16(rest)?;
    let class = take_u16(rest)?;
    let (ttl, tail) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
    *rest = tail;
    let length = take_u16(rest)?;
    Ok(Record {
        owner,
        rtype,
        class,
        ttl: *ttl,
        rdata: take(rest, usize::from(length))?,
    })
}

/// Takes an uncompressed name of at most 255 octets.
pub(super) fn take_name<'q>(rest: &mut &'q [u8]) -> Result<&'q [u8], Malformed> {
    let mut length = 0;
    loop {
        let label = *rest.get(length).ok_or(Malformed)?;
        length += 1 + usize::from(label);
        if label > 63 || length > NAME_BYTES {
            return Err(Malformed);
        }
        if label == 0 {
            return take(rest, length);
        }
    }
}

/// Takes a name up to its root or its first compression pointer.
fn take_owner<'q>(rest: &mut &'q [u8]) -> Result<&'q [u8], Malformed> {
    let mut length = 0;
    loop {
        let label = *rest.get(length).ok_or(Malformed)?;
        length += match label {
            0 => return take(rest, length + 1),
            1..=63 => 1 + usize::from(label),
            0xC0.. => return take(rest, length + 2),
            _ => return Err(Malformed),
        };
        if length > NAME_BYTES {
            return Err(Malformed);
        }
    }
}

pub(super) fn take<'q>(rest: &mut &'q [u8], length: usize) -> Result<&'q [u8], Malformed> {
    let (taken, tail) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = tail;
    Ok(taken)
}

pub(super) fn take_u8(rest: &mut &[u8]) -> Result<u8, Malformed> {
    let (first, tail) = rest.split_first().ok_or(Malformed)?;
    *rest = tail;
    Ok(*first)
}

pub(super) fn take_u16(rest: &mut &[u8]) -> Result<u16, Malformed> {
    let (first, tail) = rest.split_first_chunk::<2>().ok_or(Malformed)?;
    *rest = tail;
    Ok(u16::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x03wWw\x07example\x03org\x00\x00\x01\x00\x01";
    const OPT: &[u8] = &[0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0];

    /// A packet of id 0x1234 with these flags, counts and sections.
    fn packet(flags: u16, counts: [u16; 4], sections: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0x12, 0x34];
        packet.extend(flags.to_be_bytes());
        packet.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        packet.extend(sections.concat());
        packet
    }

    fn rcode_of(packet: &[u8]) -> u16 {
        let query = read(packet).unwrap();
        assert!(query.fault.is_some() || query.question.is_some());
        query.fault.unwrap_or(rcode::NOERROR)
    }

    fn opt(rdata: &[u8]) -> Vec<u8> {
        let mut record = OPT.to_vec();
        record[10] = u8::try_from(rdata.len()).unwrap();
        record.extend(rdata);
        record
    }

    #[test]
    fn a_plain_query_is_read_in_its_own_case() {
        let packet = packet(0x0110, [1, 0, 0, 0], &[QUESTION]);
        let query = read(&packet).unwrap();
        assert_eq!(query.header.id, 0x1234);
        assert_eq!(query.header.reply_flags(), 0x8100);
        let question = query.question.unwrap();
        assert_eq!(question.name, &QUESTION[..17]);
        assert_eq!((question.qtype, question.qclass), (1, 1));
        assert_eq!((query.edns, query.fault), (None, None));
    }

    #[test]
    fn replies_and_scraps_are_left_alone() {
        assert_eq!(read(&packet(0x8000, [1, 0, 0, 0], &[QUESTION])), None);
        let whole = packet(0, [1, 0, 0, 0], &[QUESTION]);
        for length in 0..HEADER_BYTES {
            assert_eq!(read(&whole[..length]), None, "{length} octets");
        }
        for length in HEADER_BYTES..whole.len() {
            assert_eq!(rcode_of(&whole[..length]), rcode::FORMERR, "{length}");
        }
    }

    #[test]
    fn only_one_question_is_a_question() {
        for (count, sections) in [(0, &[][..]), (2, &[QUESTION, QUESTION][..])] {
            let packet = packet(0, [count, 0, 0, 0], sections);
            let rejected = read(&packet).unwrap();
            assert_eq!(
                (rejected.fault, rejected.question),
                (Some(rcode::FORMERR), None)
            );
        }
    }

    #[test]
    fn edns_is_heard_whatever_the_number_of_questions() {
        for (count, sections) in [(0, &[OPT][..]), (2, &[QUESTION, QUESTION, OPT])] {
            let packet = packet(0, [count, 0, 0, 1], sections);
            let rejected = read(&packet).unwrap();
            assert_eq!(
                (rejected.fault, rejected.question),
                (Some(rcode::FORMERR), None)
            );
            assert!(rejected.edns.is_some(), "{count} questions");
        }
    }

    #[test]
    fn other_opcodes_are_not_implemented() {
        for opcode in 1..16_u16 {
            // With and without every flag that a query may carry: none of them comes back.
            for flags in [0, 0x07F0] {
                let packet = packet(opcode << 11 | flags, [1, 0, 0, 0], &[QUESTION]);
                let rejected = read(&packet).unwrap();
                assert_eq!(rejected.fault, Some(rcode::NOTIMP));
                assert_eq!(rejected.header.reply_flags(), 0x8000 | (opcode << 11));
                assert!(rejected.question.is_some());
            }
        }
        let empty = packet(0x2800, [0, 0, 0, 0], &[]);
        assert_eq!(read(&empty).unwrap().question, None);
    }

    #[test]
    fn names_are_bounded_and_uncompressed() {
        let tail = [0, 0, 1, 0, 1];
        let label = |length: u8| [vec![length], vec![b'a'; usize::from(length)]].concat();
        let of = |labels: &[u8]| {
            let name: Vec<u8> = labels.iter().flat_map(|length| label(*length)).collect();
            rcode_of(&packet(0, [1, 0, 0, 0], &[&name, &tail]))
        };
        assert_eq!(of(&[]), rcode::NOERROR);
        assert_eq!(of(&[63, 63, 63, 61]), rcode::NOERROR);
        assert_eq!(of(&[63, 63, 63, 62]), rcode::FORMERR);
        assert_eq!(of(&[64]), rcode::FORMERR);
        let pointer = packet(0, [1, 0, 0, 0], &[&[0xC0, 12, 0, 1, 0, 1]]);
        assert_eq!(rcode_of(&pointer), rcode::FORMERR);
    }

    #[test]
    fn opt_is_found_behind_other_records() {
        let other = b"\xC0\x0C\x00\x10\x00\x01\x00\x00\x00\x00\x00\x02\x01a";
        let sections = [QUESTION, other, OPT];
        let packet = packet(0, [1, 0, 0, 2], &sections);
        let query = read(&packet).unwrap();
        assert_eq!((query.fault, query.edns.unwrap().payload), (None, 1232));
    }

    #[test]
    fn records_where_queries_have_none_are_read_over() {
        let record = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00".as_slice();
        for (answers, authorities) in [(1, 0), (0, 1), (2, 3)] {
            let records = vec![record; usize::from(answers + authorities)].concat();
            let packet = packet(0, [1, answers, authorities, 1], &[QUESTION, &records, OPT]);
            let query = read(&packet).unwrap();
            assert_eq!(query.fault, None, "{answers} and {authorities}");
            assert_eq!(query.edns.map(|edns| edns.payload), Some(1232));
        }
    }

    #[test]
    fn malformed_records_are_format_errors() {
        let bad_subnet = opt(&[0, 8, 0, 4, 0, 9, 0, 0]);
        let owned = [&[1, b'a'], OPT].concat();
        let record = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00";
        for (why, counts, sections) in [
            ("missing record", [1, 0, 0, 1], vec![QUESTION]),
            ("cut record", [1, 0, 0, 1], vec![QUESTION, &OPT[..10]]),
            ("two OPTs", [1, 0, 0, 2], vec![QUESTION, OPT, OPT]),
            ("OPT with an owner", [1, 0, 0, 1], vec![QUESTION, &owned]),
            ("malformed ECS", [1, 0, 0, 1], vec![QUESTION, &bad_subnet]),
            ("no answer", [1, 1, 0, 0], vec![QUESTION]),
            ("no authority", [1, 0, 1, 0], vec![QUESTION]),
            ("half an answer", [1, 1, 0, 0], vec![QUESTION, &record[..9]]),
            ("OPT as an answer", [1, 1, 0, 0], vec![QUESTION, OPT]),
            ("OPT as authority", [1, 0, 1, 1], vec![QUESTION, OPT, OPT]),
            (
                "reserved label",
                [1, 0, 0, 1],
                vec![QUESTION, &[0x80, 0], OPT],
            ),
        ] {
            assert_eq!(
                rcode_of(&packet(0, counts, &sections)),
                rcode::FORMERR,
                "{why}"
            );
        }
        let garbage = packet(0, [1, 0, 0, 0], &[QUESTION, b"garbage"]);
        assert_eq!(rcode_of(&garbage), rcode::NOERROR);
    }

    #[test]
    fn a_malformed_option_still_shows_that_edns_was_spoken() {
        let bad = opt(&[0, 3, 0, 0, 0, 8, 0, 4, 0, 9, 0, 0]);
        let packet = packet(0, [1, 0, 0, 1], &[QUESTION, &bad]);
        assert_eq!(rcode_of(&packet), rcode::FORMERR);
        let edns = read(&packet).unwrap().edns.unwrap();
        assert_eq!((edns.payload, edns.nsid, edns.subnet), (1232, false, None));
    }

    #[test]
    fn an_unknown_version_is_said_to_be_so() {
        let mut newer = opt(&[0xFF]);
        newer[6] = 1;
        let packet = packet(0, [1, 0, 0, 1], &[QUESTION, &newer]);
        let rejected = read(&packet).unwrap();
        assert_eq!(rejected.fault, Some(rcode::BADVERS));
        assert!(rejected.edns.is_some());
    }
}
