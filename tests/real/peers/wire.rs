//! Messages of DNS, written and read by hand: queries as odd as one likes, replies in a form in
//! which two servers that mean the same say the same.
//!
//! Shares nothing with the server's own code. Names are compared without case, sections as sets.
use std::collections::BTreeSet;

pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const RRSIG: u16 = 46;
pub(crate) const NAPTR: u16 = 35;
pub(crate) const NSEC: u16 = 47;
pub(crate) const ANY: u16 = 255;
const OPT: u16 = 41;
const POINTER: usize = 0xC0;

/// A record: owner, type, class, TTL, RDATA; names uncompressed and in lower case.
pub(crate) type Record = (Vec<u8>, u16, u16, u32, Vec<u8>);

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) id: u16,
    /// QR, opcode, RD, RA, Z, AD and CD.
    pub(crate) flags: u16,
    pub(crate) question: Vec<u8>,
    /// TTL of OPT, extended RCODE taken out: EDNS version and flags.
    pub(crate) opt: Option<u32>,
    pub(crate) rcode: u16,
    pub(crate) authoritative: bool,
    pub(crate) truncated: bool,
    pub(crate) answer: BTreeSet<Record>,
    pub(crate) authority: BTreeSet<Record>,
    pub(crate) additional: BTreeSet<Record>,
    /// Whether a section has a record twice.
    pub(crate) repeated: bool,
    /// Octets.
    pub(crate) size: usize,
}

/// How a query speaks EDNS: UDP payload size, and whether DO is set.
pub(crate) type Edns = Option<(u16, bool)>;

/// A query of class IN; `flags` are those of the header.
pub(crate) fn query(id: u16, flags: u16, (name, rtype): (&[u8], u16), edns: Edns) -> Vec<u8> {
    let mut packet = Vec::new();
    for word in [id, flags, 1, 0, 0, u16::from(edns.is_some())] {
        packet.extend(word.to_be_bytes());
    }
    packet.extend(name);
    packet.extend(rtype.to_be_bytes());
    packet.extend(1_u16.to_be_bytes());
    if let Some((payload, dnssec_ok)) = edns {
        packet.extend([0, 0, 41]);
        packet.extend(payload.to_be_bytes());
        packet.extend([0, 0, u8::from(dnssec_ok) << 7, 0, 0, 0]);
    }
    packet
}

/// Reads a reply to its last octet; `None` if it is malformed.
pub(crate) fn read(packet: &[u8]) -> Option<Reply> {
    let mut reader = Reader {
        packet,
        at: 0,
        repeated: false,
    };
    let [id, flags, questions, answers, authorities, additionals] =
        [(); 6].map(|()| reader.word().unwrap_or_default());
    let start = reader.at;
    for _ in 0..questions {
        reader.name()?;
        reader.take(4)?;
    }
    let question = packet.get(start..reader.at)?.to_vec();
    let answer = reader.section(answers)?;
    let authority = reader.section(authorities)?;
    let mut additional = reader.section(additionals)?;
    let opt = additional.iter().find(|record| record.1 == OPT);
    let opt = opt.map(|record| record.3);
    let extended = opt.map_or(0, |ttl| u16::from(ttl.to_be_bytes()[0]) << 4);
    additional.retain(|record| record.1 != OPT);
    (reader.at == packet.len() && packet.len() >= 12).then_some(Reply {
        id,
        flags: flags & !0x060F,
        question,
        opt: opt.map(|ttl| ttl & 0x00FF_FFFF),
        rcode: extended | flags & 0x0F,
        authoritative: flags & 0x0400 != 0,
        truncated: flags & 0x0200 != 0,
        answer,
        authority,
        additional,
        repeated: reader.repeated,
        size: packet.len(),
    })
}

/// A name of a zone file as it is on the wire.
pub(crate) fn name(text: &str, origin: &[u8]) -> Vec<u8> {
    let mut wire = vec![0];
    let mut label = 0;
    let mut bytes = text.bytes();
    if text == "@" {
        return origin.to_vec();
    }
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => {
                label = wire.len();
                wire.push(0);
                continue;
            }
            b'\\' => wire.push(escaped(&mut bytes)),
            other => wire.push(other),
        }
        wire[label] += 1;
    }
    if !text.ends_with('.') {
        wire.extend(origin);
    }
    wire
}

fn escaped(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    let first = bytes.next().unwrap();
    if !first.is_ascii_digit() {
        return first;
    }
    let digits = [first, bytes.next().unwrap(), bytes.next().unwrap()];
    std::str::from_utf8(&digits).unwrap().parse().unwrap()
}

/// A name as people read it.
pub(crate) fn text(wire: &[u8]) -> String {
    let (mut rest, mut text) = (wire, String::new());
    while let Some((&length, tail)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, tail) = tail.split_at(usize::from(length));
        text += &format!("{}.", label.escape_ascii());
        rest = tail;
    }
    text
}

struct Reader<'p> {
    packet: &'p [u8],
    at: usize,
    repeated: bool,
}

impl Reader<'_> {
    fn take(&mut self, octets: usize) -> Option<Vec<u8>> {
        let taken = self.packet.get(self.at..self.at + octets)?.to_vec();
        self.at += octets;
        Some(taken)
    }

    fn word(&mut self) -> Option<u16> {
        let octets = self.take(2)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn name(&mut self) -> Option<Vec<u8>> {
        let (mut name, mut at, mut end) = (Vec::new(), self.at, None);
        loop {
            let length = usize::from(*self.packet.get(at)?);
            if length & POINTER == POINTER {
                let target = (length & !POINTER) << 8 | usize::from(*self.packet.get(at + 1)?);
                end = end.or(Some(at + 2));
                at = (target < at).then_some(target)?;
                continue;
            }
            name.extend(self.packet.get(at..=at + length)?);
            at += 1 + length;
            if length == 0 {
                self.at = end.unwrap_or(at);
                name.make_ascii_lowercase();
                return (name.len() <= 255).then_some(name);
            }
        }
    }

    fn section(&mut self, count: u16) -> Option<BTreeSet<Record>> {
        let records: Option<Vec<_>> = (0..count).map(|_| self.record()).collect();
        let records = records?;
        let set: BTreeSet<_> = records.iter().cloned().collect();
        self.repeated |= set.len() < records.len();
        Some(set)
    }

    fn record(&mut self) -> Option<Record> {
        let owner = self.name()?;
        let (rtype, class) = (self.word()?, self.word()?);
        let ttl = u32::from(self.word()?) << 16 | u32::from(self.word()?);
        let length = usize::from(self.word()?);
        let end = self.at + length;
        let mut rdata = Vec::new();
        // Octets in front of names, and how many names.
        let (fixed, names) = match rtype {
            2 | 5 | 12 | 39 => (0, 1),
            6 | 17 => (0, 2),
            15 | 18 => (2, 1),
            33 => (6, 1),
            35 => (self.before_replacement()?, 1),
            _ => (length, 0),
        };
        rdata.extend(self.take(fixed)?);
        for _ in 0..names {
            rdata.extend(self.name()?);
        }
        rdata.extend(self.take(end.checked_sub(self.at)?)?);
        Some((owner, rtype, class, ttl, rdata))
    }

    /// Order, preference and three strings of a NAPTR.
    fn before_replacement(&self) -> Option<usize> {
        (0..3).try_fold(4, |fixed, _| {
            let length = self.packet.get(self.at + fixed)?;
            Some(fixed + 1 + usize::from(*length))
        })
    }
}
