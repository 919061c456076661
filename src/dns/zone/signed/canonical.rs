//! The canonical form of names, RDATA and RRsets (RFC 4034, section 6): what a signature covers,
//! and in which order names of a zone stand in a chain.
use std::borrow::Cow;

use crate::dns::rr::{class, rtype};
use crate::dns::rrset;

/// Type, class, TTL and RDLENGTH: what stands between owner and RDATA.
const HEAD_BYTES: usize = 10;

/// What one RRSIG covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Owner, in wire format; a wildcard's own name where it stands for others.
    pub(super) owner: Vec<u8>,
    /// Type.
    pub(super) rtype: u16,
    /// The TTL that the set has at most, seconds.
    pub(super) ttl: u32,
    /// RDATA of each record.
    pub(super) records: Vec<Vec<u8>>,
}

impl Content {
    /// The owner's labels, without root and a leading asterisk (RFC 4034, section 3.1.3).
    pub(super) fn labels(&self) -> u8 {
        let mut rest = self.owner.strip_prefix(b"\x01*").unwrap_or(&self.owner);
        let mut labels = 0;
        while let Some((&length, tail)) = rest.split_first().filter(|(length, _)| **length > 0) {
            labels += 1;
            rest = tail.get(usize::from(length)..).unwrap_or_default();
        }
        labels
    }

    /// The records as they are signed, in canonical order, none twice (RFC 4034, sections 6.2 and
    /// 6.3).
    pub(super) fn wire(&self) -> Vec<u8> {
        let canonical = |rdata| rdata_of(self.rtype, rdata);
        let mut records: Vec<Cow<'_, [u8]>> = self
            .records
            .iter()
            .map(Vec::as_slice)
            .map(canonical)
            .collect();
        records.sort_unstable();
        records.dedup();
        let each = self.owner.len() + HEAD_BYTES;
        let length: usize = records.iter().map(|rdata| each + rdata.len()).sum();
        let mut wire = Vec::with_capacity(length);
        for rdata in records {
            let owner = wire.len();
            wire.extend_from_slice(&self.owner);
            wire[owner..].make_ascii_lowercase();
            wire.extend_from_slice(&self.rtype.to_be_bytes());
            wire.extend_from_slice(&class::IN.to_be_bytes());
            wire.extend_from_slice(&self.ttl.to_be_bytes());
            wire.extend_from_slice(&rrset::small(rdata.len()));
            wire.extend_from_slice(&rdata);
        }
        wire
    }
}

/// RDATA with the names in it in lower case, for the types of RFC 4034, section 6.2, as RFC
/// 6840, section 5.1, has them.
fn rdata_of(kind: u16, rdata: &[u8]) -> Cow<'_, [u8]> {
    const MINFO: u16 = 14;
    const RP: u16 = 17;
    const PX: u16 = 26;
    const NAPTR: u16 = 35;
    let (mut at, names) = match kind {
        rtype::NS | 3 | 4 | rtype::CNAME | 7..=9 | rtype::PTR | rtype::DNAME => (0, 1),
        rtype::SOA | MINFO | RP => (0, 2),
        rtype::MX | 18 | 21 | 36 => (2, 1),
        PX => (2, 2),
        rtype::SRV => (6, 1),
        NAPTR => (behind_strings(rdata, 4, 3), 1),
        rtype::RRSIG => (18, 1),
        _ => return Cow::Borrowed(rdata),
    };
    let mut rdata = rdata.to_vec();
    for _ in 0..names {
        while let Some(&length) = rdata.get(at).filter(|length| **length > 0) {
            let end = at + 1 + usize::from(length);
            if let Some(label) = rdata.get_mut(at + 1..end) {
                label.make_ascii_lowercase();
            }
            at = end;
        }
        at += 1;
    }
    Cow::Owned(rdata)
}

/// Where so many character-strings end that start at `at`.
fn behind_strings(rdata: &[u8], at: usize, strings: usize) -> usize {
    (0..strings).fold(at, |at, _| {
        at + 1 + rdata.get(at).map_or(0, |&length| usize::from(length))
    })
}

/// Room for the sort key of any name.
pub(super) const KEY_BYTES: usize = 512;

/// What sorts names of one zone canonically (RFC 4034, section 6.1) by its octets alone: labels from
/// the apex down, in lower case, each ended by a zero; an octet 0 or 1 in a label becomes two, so that
/// an end comes before everything else.
#[derive(Clone, Debug)]
pub(super) struct SortKey {
    octets: [u8; KEY_BYTES],
    length: usize,
}

impl SortKey {
    /// Of a name up to octet `apex`, where the zone's own begins.
    pub(super) fn of(name: &[u8], apex: usize) -> Self {
        let mut starts = [0_u8; 128];
        let (mut count, mut at) = (0, 0);
        while let Some(&length) = name.get(at).filter(|_| at < apex) {
            if let (Some(start), Ok(octet)) = (starts.get_mut(count), u8::try_from(at)) {
                *start = octet;
                count += 1;
            }
            at += 1 + usize::from(length);
        }
        let mut key = Self::apex();
        for &start in starts.iter().take(count).rev() {
            let start = usize::from(start);
            let end = start + 1 + name.get(start).map_or(0, |&length| usize::from(length));
            key.descend(name.get(start + 1..end).unwrap_or_default());
        }
        key
    }

    /// Of the apex.
    pub(super) fn apex() -> Self {
        Self {
            octets: [0; KEY_BYTES],
            length: 0,
        }
    }

    /// Goes back to the apex.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Goes one label down.
    pub(super) fn descend(&mut self, label: &[u8]) {
        let end = self.length + label.len();
        if let Some(place) = self.octets.get_mut(self.length..end)
            && label.iter().fold(u8::MAX, |least, octet| least.min(*octet)) > 1
        {
            place.copy_from_slice(label);
            place.make_ascii_lowercase();
            self.length = end;
            return self.put(0);
        }
        for &octet in label {
            match octet {
                0 | 1 => {
                    self.put(1);
                    self.put(octet + 1);
                }
                _ => self.put(octet.to_ascii_lowercase()),
            }
        }
        self.put(0);
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// A name of 255 octets makes a key of fewer than twice as many.
    fn put(&mut self, octet: u8) {
        if let Some(place) = self.octets.get_mut(self.length) {
            *place = octet;
            self.length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;

    fn key(name: &[u8]) -> Vec<u8> {
        SortKey::of(name, name.len() - 9).octets().to_vec()
    }

    /// The example of RFC 4034, section 6.1.
    #[test]
    fn names_sort_as_the_rfc_has_them() {
        let names: [&[u8]; 9] = [
            b"\x07example\0",
            b"\x01a\x07example\0",
            b"\x08yljkjljk\x01a\x07example\0",
            b"\x01Z\x01a\x07example\0",
            b"\x04zABC\x01a\x07EXAMPLE\0",
            b"\x01z\x07example\0",
            b"\x01\x01\x01z\x07example\0",
            b"\x01*\x01z\x07example\0",
            b"\x01\xC8\x01z\x07example\0",
        ];
        for pair in names.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        assert!(key(b"\x01\0\x07example\0") < key(b"\x02\0\0\x07example\0"));
        assert!(key(b"\x02\0\x02\x07example\0") > key(b"\x02\0\x01\x07example\0"));
        assert_eq!(key(b"\x01Z\x07example\0"), key(b"\x01z\x07example\0"));
    }

    #[test]
    fn names_in_rdata_are_lowered_and_nothing_else() {
        let mx = b"\x00\x41\x01A\x01B\x00";
        assert_eq!(*rdata_of(rtype::MX, mx), *b"\x00\x41\x01a\x01b\x00");
        assert_eq!(*rdata_of(rtype::TXT, b"\x01A"), *b"\x01A");
        let naptr = b"AAAA\x01U\x02AB\x00\x01N\x00";
        assert_eq!(*rdata_of(35, naptr), *b"AAAA\x01U\x02AB\x00\x01n\x00");
        assert_eq!(*rdata_of(rtype::SOA, b"\x01A"), *b"\x01a", "cut short");
    }

    #[test]
    fn records_are_sorted_and_counted_once() {
        let owner = Name::parse("*.Example").unwrap();
        let content = Content {
            owner: owner.as_wire().to_vec(),
            rtype: rtype::A,
            ttl: 1,
            records: vec![vec![2; 4], vec![1; 4], vec![2; 4]],
        };
        let head = |rdata: [u8; 4]| {
            let mut wire = b"\x01*\x07example\0\0\x01\0\x01\0\0\0\x01\0\x04".to_vec();
            wire.extend(rdata);
            wire
        };
        assert_eq!(content.wire(), [head([1; 4]), head([2; 4])].concat());
        assert_eq!(content.labels(), 1);
    }
}
