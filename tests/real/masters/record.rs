//! Records in a form in which two programs that mean the same say the same, and how they come by
//! zone transfer. Shares nothing with the server's own code.
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Owner, type, TTL, data; names that may be compressed are in lower case.
pub(crate) type Record = (Vec<u8>, u16, u32, Vec<u8>);

const SOA: u16 = 6;
const AXFR: u16 = 252;

/// Octets in front of the names in the data of a type that may be compressed (RFC 3597, section
/// 4), and how many names there are.
fn layout(rtype: u16) -> Option<(usize, usize)> {
    Some(match rtype {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR.
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 => (0, 1),
        // SOA, MINFO.
        SOA | 14 => (0, 2),
        // MX.
        15 => (2, 1),
        _ => return None,
    })
}

/// A record whose names are not compressed.
pub(crate) fn canonical(owner: &[u8], rtype: u16, ttl: u32, data: &[u8]) -> Record {
    let mut data = data.to_vec();
    if let Some((fixed, names)) = layout(rtype) {
        let mut at = fixed;
        for _ in 0..names {
            while data.get(at).is_some_and(|length| *length > 0) {
                let end = at + 1 + usize::from(data[at]);
                data[at + 1..end].make_ascii_lowercase();
                at = end;
            }
            at += 1;
        }
    }
    (owner.to_ascii_lowercase(), rtype, ttl, data)
}

/// A name in wire format from its text, which has no escapes.
pub(crate) fn wire(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.bytes());
    }
    wire.push(0);
    wire
}

/// For people.
pub(crate) fn told((owner, rtype, ttl, data): &Record) -> String {
    format!(
        "{} {ttl} TYPE{rtype} {}",
        owner.escape_ascii(),
        data.escape_ascii()
    )
}

/// The records of a zone by AXFR.
pub(crate) fn transfer(server: &str, apex: &str) -> Result<BTreeSet<Record>, String> {
    let mut query = vec![0x2A, 0x2A, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(wire(apex));
    query.extend([AXFR.to_be_bytes(), 1_u16.to_be_bytes()].concat());
    let length = u16::try_from(query.len()).unwrap().to_be_bytes();
    let mut stream = TcpStream::connect((server, 53)).map_err(|error| error.to_string())?;
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream
        .write_all(&[&length[..], &query].concat())
        .map_err(|error| error.to_string())?;
    let (mut records, mut soas) = (BTreeSet::new(), 0);
    while soas < 2 {
        let mut length = [0; 2];
        stream
            .read_exact(&mut length)
            .map_err(|error| error.to_string())?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream
            .read_exact(&mut message)
            .map_err(|error| error.to_string())?;
        let answers = read(&message)?;
        soas += answers
            .iter()
            .filter(|record| record.1 == SOA && record.0 == wire(apex))
            .count();
        records.extend(answers);
    }
    Ok(records)
}

/// The answer section of a message.
fn read(message: &[u8]) -> Result<Vec<Record>, String> {
    let short = || "the message is too short".to_owned();
    let half = |at: usize| {
        let two = message.get(at..at + 2)?;
        Some(u16::from_be_bytes([two[0], two[1]]))
    };
    let rcode = message.get(3).ok_or_else(short)? & 15;
    if rcode != 0 {
        return Err(format!("RCODE {rcode}"));
    }
    let (questions, answers) = (half(4).ok_or_else(short)?, half(6).ok_or_else(short)?);
    let mut at = 12;
    for _ in 0..questions {
        at = name(message, at).ok_or_else(short)?.1 + 4;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        let (record, end) = one(message, at).ok_or_else(short)?;
        records.push(record);
        at = end;
    }
    Ok(records)
}

fn one(message: &[u8], at: usize) -> Option<(Record, usize)> {
    let (owner, at) = name(message, at)?;
    let fixed: &[u8; 10] = message.get(at..)?.first_chunk()?;
    let rtype = u16::from_be_bytes([fixed[0], fixed[1]]);
    let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
    let start = at + 10;
    let end = start + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    let mut data = message.get(start..end)?.to_vec();
    if let Some((front, names)) = layout(rtype) {
        let mut at = start + front;
        data.truncate(front);
        for _ in 0..names {
            let (name, next) = name(message, at)?;
            data.extend(name);
            at = next;
        }
        data.extend(message.get(at..end)?);
    }
    Some((canonical(&owner, rtype, ttl, &data), end))
}

/// A name, decompressed, and where it ends.
fn name(message: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut at, mut end) = (Vec::new(), start, None);
    loop {
        let length = usize::from(*message.get(at)?);
        if length >= 0xC0 {
            let target = (length & 0x3F) << 8 | usize::from(*message.get(at + 1)?);
            end = end.or(Some(at + 2));
            at = (target < at).then_some(target)?;
            continue;
        }
        name.extend(message.get(at..=at + length)?);
        at += 1 + length;
        if length == 0 {
            return Some((name, end.unwrap_or(at)));
        }
    }
}
