//! A reply as a client reads it: header, question, records in presentation format, EDNS.
//!
//! All or nothing: a message that ends early, or whose records do not, is no reply. RDATA that is
//! not what its type says is shown in the generic form of RFC 3597, since that is no reason to
//! hide the rest.
use std::net::IpAddr;

use domain::base::iana::{OptRcode, Rcode};
use domain::base::name::{ParsedName, ToName};
use domain::base::rdata::UnknownRecordData;
use domain::base::record::ParsedRecord;
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::base::{Message, Rtype};
use domain::rdata::AllRecordData;
use serde::Serialize;

use super::options::{self, Told};
use super::{DNSSEC_OK, Question};
use crate::dns::name::Name;
use crate::dns::rr::class;
use crate::dns::text;

/// The flags of a header by their bits, with their names (RFC 1035, section 4.1.1).
const FLAGS: [(u16, &str); 7] = [
    (0x8000, "qr"),
    (0x0400, "aa"),
    (TRUNCATED, "tc"),
    (0x0100, "rd"),
    (0x0080, "ra"),
    (0x0020, "ad"),
    (0x0010, "cd"),
];
const TRUNCATED: u16 = 0x0200;
const RESPONSE: u16 = 0x8000;

/// What a client reads in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Message id.
    pub id: u16,
    /// The second word of the header.
    pub flags: u16,
    /// Response code, extended ones included.
    pub rcode: u16,
    /// Name and type that were asked, if there is one question.
    pub question: Option<(Name, u16)>,
    /// Answer section.
    pub answer: Vec<Record>,
    /// Authority section.
    pub authority: Vec<Record>,
    /// Additional section, without OPT.
    pub additional: Vec<Record>,
    /// The OPT record.
    pub edns: Option<Edns>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Owner.
    pub name: Name,
    /// Seconds that it may be kept.
    #[serde(rename = "ttl_s")]
    pub ttl: u32,
    /// Class, by its mnemonic.
    pub class: String,
    /// Type, by its mnemonic.
    #[serde(rename = "type")]
    pub rtype: String,
    /// RDATA as a master file has it.
    pub data: String,
}

/// What an OPT record says (RFC 6891).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edns {
    /// EDNS version.
    pub version: u8,
    /// Largest query over UDP that the server takes, octets.
    #[serde(rename = "payload_bytes")]
    pub payload: u16,
    /// Echo of the DO bit.
    pub dnssec_ok: bool,
    /// The options, in order.
    pub options: Vec<Told>,
}

/// Reads a reply; `None` if the bytes are none.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Reply> {
    let message = Message::from_slice(bytes).ok()?;
    let header = message.header();
    let flags = u16::from_be_bytes([bytes[2], bytes[3]]);
    if flags & RESPONSE == 0 {
        return None;
    }
    let mut reply = Reply {
        id: header.id(),
        flags,
        rcode: u16::from(header.rcode().to_int()),
        question: question(message)?,
        answer: records(message.answer().ok()?)?,
        authority: records(message.authority().ok()?)?,
        additional: Vec::new(),
        edns: None,
    };
    for record in message.additional().ok()? {
        let record = record.ok()?;
        match record.rtype() {
            Rtype::OPT => reply.take_edns(&record)?,
            _ => reply.additional.push(Record::of(&record)?),
        }
    }
    Some(reply)
}

/// `None` if the question cannot be read, nothing inside if there is not exactly one.
fn question(message: &Message<[u8]>) -> Option<Option<(Name, u16)>> {
    let asked: Result<Vec<_>, _> = message.question().collect();
    match asked.ok()?.as_slice() {
        [one] => Some(Some((owned(one.qname())?, one.qtype().to_int()))),
        _ => Some(None),
    }
}

fn records<'m>(
    section: impl Iterator<Item = Result<ParsedRecord<'m, [u8]>, domain::base::wire::ParseError>>,
) -> Option<Vec<Record>> {
    section.map(|record| Record::of(&record.ok()?)).collect()
}

fn owned(name: &ParsedName<&[u8]>) -> Option<Name> {
    Name::from_wire(name.to_vec().as_slice())
}

impl Reply {
    /// Whether it is the reply to this question under this id. A server that cannot read a
    /// question may leave it out, with a code that says so.
    #[must_use]
    pub fn answers(&self, id: u16, question: &Question) -> bool {
        let same = match &self.question {
            Some((name, rtype)) => (name, rtype) == (&question.name, &question.rtype),
            None => self.rcode != 0,
        };
        self.id == id && same
    }

    /// Whether there was more than the transport could carry.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.flags & TRUNCATED != 0
    }

    /// The names of the flags that are set.
    pub fn flag_names(&self) -> impl Iterator<Item = &'static str> {
        let set = FLAGS.iter().filter(|(bit, _)| self.flags & bit != 0);
        set.map(|(_, name)| *name)
    }

    /// The response code by its mnemonic, or its number.
    #[must_use]
    pub fn rcode_name(&self) -> String {
        match u8::try_from(self.rcode)
            .ok()
            .and_then(Rcode::checked_from_int)
        {
            Some(basic) => basic.to_string(),
            None => OptRcode::masked_from_int(self.rcode).to_string(),
        }
    }

    /// Addresses of the answer section, in order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.answer
            .iter()
            .filter(|record| ["A", "AAAA"].contains(&&*record.rtype))
            .filter_map(|record| record.data.parse().ok())
    }

    /// TTL of the first record of the answer section.
    #[must_use]
    pub fn ttl(&self) -> Option<u32> {
        self.answer.first().map(|record| record.ttl)
    }

    /// What the options tell; nothing without EDNS.
    #[must_use]
    pub fn told(&self) -> &[Told] {
        self.edns.as_ref().map_or(&[], |edns| &edns.options)
    }

    /// CLASS holds the payload, TTL extended code, version and flags.
    fn take_edns(&mut self, record: &ParsedRecord<'_, [u8]>) -> Option<()> {
        let [high, version, flags @ ..] = record.ttl().as_secs().to_be_bytes();
        self.rcode |= u16::from(high) << 4;
        self.edns = Some(Edns {
            version,
            payload: record.class().to_int(),
            dnssec_ok: u16::from_be_bytes(flags) & DNSSEC_OK != 0,
            options: options::read(raw(record)?)?,
        });
        Some(())
    }
}

impl Record {
    fn of(record: &ParsedRecord<'_, [u8]>) -> Option<Self> {
        Some(Self {
            name: owned(&record.owner())?,
            ttl: record.ttl().as_secs(),
            class: match record.class().to_int() {
                class::IN => "IN".to_owned(),
                class::CH => "CH".to_owned(),
                class::ANY => "ANY".to_owned(),
                other => format!("CLASS{other}"),
            },
            rtype: text::type_name(record.rtype().to_int()),
            data: data(record)?,
        })
    }

    /// Whether it is a signature.
    #[must_use]
    pub fn is_signature(&self) -> bool {
        self.rtype == "RRSIG"
    }
}

/// RDATA in the form of its type, or in the generic one.
fn data(record: &ParsedRecord<'_, [u8]>) -> Option<String> {
    let known = record.to_any_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>();
    match known.as_ref().map(domain::base::Record::data) {
        Ok(AllRecordData::Unknown(_)) | Err(_) => Some(text::show_generic(raw(record)?)),
        Ok(known) => Some(known.display_zonefile(DisplayKind::Simple).to_string()),
    }
}

fn raw<'m>(record: &ParsedRecord<'m, [u8]>) -> Option<&'m [u8]> {
    let record = record.to_record::<UnknownRecordData<&[u8]>>();
    Some(record.ok()??.data().data())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::ask::Want;
    use crate::dns::rr::rtype;

    /// `www.example.org` MX: one answer with a compressed name, an unknown type, a broken A.
    const MESSAGE: &[u8] = b"\x12\x34\x86\x03\0\x01\0\x01\0\x01\0\x02\
        \x03www\x07example\x03org\0\0\x0F\0\x01\
        \xC0\x0C\0\x0F\0\x01\0\0\x01\x2C\0\x09\0\x0A\x04mail\xC0\x10\
        \xC0\x10\x12\x67\0\x01\0\0\0\x3C\0\x01\xAB\
        \xC0\x0C\0\x01\0\x01\0\0\0\x01\0\x03\xC0\0\x02\
        \0\0\x29\x04\xD0\x01\0\x80\0\0\x06\0\x03\0\x02ns";

    fn question(name: &str) -> Question {
        Question {
            name: Name::parse(name).unwrap(),
            rtype: rtype::MX,
            wants: vec![Want::Identity],
        }
    }

    #[test]
    fn a_reply_is_read_whole() {
        let reply = decode(MESSAGE).unwrap();
        let shown = |records: &[Record]| {
            let lines = records.iter();
            let lines = lines.map(|one| {
                format!(
                    "{} {} {} {} {}",
                    one.name, one.ttl, one.class, one.rtype, one.data
                )
            });
            lines.collect::<Vec<_>>()
        };
        assert_eq!((reply.id, &*reply.rcode_name()), (0x1234, "19"));
        for (rcode, name) in [
            (3, "NXDOMAIN"),
            (5, "REFUSED"),
            (9, "NOTAUTH"),
            (16, "BADVERS"),
            (23, "BADCOOKIE"),
        ] {
            let other = Reply {
                rcode,
                ..reply.clone()
            };
            assert_eq!(other.rcode_name(), name);
        }
        let flags: Vec<&str> = reply.flag_names().collect();
        assert_eq!(flags, ["qr", "aa", "tc"]);
        assert!(reply.is_truncated());
        assert_eq!(
            shown(&reply.answer),
            ["www.example.org 300 IN MX 10 mail.example.org."]
        );
        assert_eq!(
            shown(&reply.authority),
            ["example.org 60 IN TYPE4711 \\# 1 AB"]
        );
        assert_eq!(
            shown(&reply.additional),
            ["www.example.org 1 IN A \\# 3 C00002"]
        );
        let edns = reply.edns.as_ref().unwrap();
        assert_eq!(
            (edns.version, edns.payload, edns.dnssec_ok),
            (0, 1232, true)
        );
        let name = "ns".to_owned();
        assert_eq!(reply.told(), [Told::Identity { name }]);
        assert_eq!((reply.addresses().count(), reply.ttl()), (0, Some(300)));
    }

    #[test]
    fn a_reply_belongs_to_one_question() {
        let mut reply = decode(MESSAGE).unwrap();
        assert!(reply.answers(0x1234, &question("WWW.example.org")));
        assert!(!reply.answers(0x1235, &question("www.example.org")));
        assert!(!reply.answers(0x1234, &question("www.example.com")));
        reply.question = None;
        assert!(reply.answers(0x1234, &question("www.example.org")));
        reply.rcode = 0;
        assert!(!reply.answers(0x1234, &question("www.example.org")));
    }

    #[test]
    fn noise_is_no_reply() {
        assert_eq!(decode(b"noise"), None);
        for length in 0..MESSAGE.len() {
            assert_eq!(decode(&MESSAGE[..length]), None, "{length} octets");
        }
        let mut query = MESSAGE.to_vec();
        query[2] &= 0x7F;
        assert_eq!(decode(&query), None);
        let mut looping = MESSAGE.to_vec();
        // The owner of the first answer points at itself.
        looping[34] = 33;
        assert_eq!(decode(&looping), None);
    }
}
