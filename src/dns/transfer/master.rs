//! Content as a master file, and out of a zone.
//!
//! A transferred zone is kept as the file that the config names, so that everything that reads
//! zones reads this one too, and a person can. Names are absolute and every record says its TTL. A zone is
//! written a piece at a time, as it has its names, so that a large one is never there as text.
use std::fmt::Write;

use super::content::{Content, Entry};
use crate::dns::rr::{RrSet, rtype};
use crate::dns::text::{show_rdata, show_record, type_name};
use crate::dns::zone::Zone;
use crate::dns::{Name, master};

/// Octets from which on a piece of text is given on.
const PIECE_BYTES: usize = 64 * 1024;

/// A zone as a master file, in pieces of some ten thousand octets that end with a line: a comment that says where it
/// is from, the SOA, and all other records as the zone has them. `None` without an SOA.
pub fn master_pieces<'z>(
    zone: &'z Zone,
    source: &str,
) -> Option<impl Iterator<Item = String> + 'z> {
    let soa = zone.set_at(Zone::APEX, rtype::SOA)?;
    let soa = entries(zone.apex(), soa).next()?;
    let mut head = comment(source);
    put_line(&mut head, &soa);
    let mut owners = zone.owners();
    let mut is_first = Some(head);
    Some(std::iter::from_fn(move || {
        let mut piece = is_first.take().unwrap_or_default();
        while piece.len() < PIECE_BYTES
            && let Some((owner, sets)) = owners.next()
        {
            let owner = absolute(&owner);
            for set in sets.filter(|set| set.rtype != rtype::SOA) {
                put_set(&mut piece, &owner, set);
            }
        }
        (!piece.is_empty()).then_some(piece)
    }))
}

/// The first line of a master file.
fn comment(source: &str) -> String {
    format!("; {}\n", source.replace(['\n', '\r'], " "))
}

/// A name with its final dot.
fn absolute(name: &Name) -> String {
    let dot = if *name == Name::root() { "" } else { "." };
    format!("{name}{dot}")
}

fn put_line(text: &mut String, entry: &Entry) {
    let line = show_record(&entry.owner, entry.ttl, entry.rtype, &entry.rdata);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn put_set(text: &mut String, owner: &str, set: RrSet<'_>) {
    let (ttl, kind) = (set.ttl, type_name(set.rtype));
    for rdata in set.records() {
        let shown = show_rdata(set.rtype, rdata);
        let _ = writeln!(text, "{owner} {ttl} IN {kind} {shown}");
    }
}

impl Content {
    /// The records that a zone file gave, without steered names.
    #[must_use]
    pub fn of_zone(zone: &Zone) -> Option<Self> {
        let owners = zone.owners();
        Self::new(owners.flat_map(|(owner, sets)| {
            sets.flat_map(|set| entries(&owner, set))
                .collect::<Vec<_>>()
        }))
    }

    /// The content of a master file of this zone; `None` if it cannot be read.
    #[must_use]
    pub fn of_master(apex: &Name, text: &[u8]) -> Option<Self> {
        let none = |_: &str| Err("nothing is included".to_owned());
        let loaded = master::read(apex, text, &none, &[]);
        Self::of_zone(&loaded.zone.ok()?)
    }

    /// As a master file, one record a line, its first line a comment that says where it is from.
    #[must_use]
    pub fn to_master(&self, source: &str) -> String {
        let mut text = comment(source);
        for entry in std::iter::once(&self.soa).chain(self.records()) {
            put_line(&mut text, entry);
        }
        text
    }
}

/// The records of one RRset.
pub(crate) fn entries<'z>(owner: &Name, set: RrSet<'z>) -> impl Iterator<Item = Entry> + use<'z> {
    let owner = owner.clone();
    set.records().map(move |rdata| Entry {
        owner: owner.clone(),
        rtype: set.rtype,
        ttl: set.ttl,
        rdata: rdata.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
$ORIGIN z.test.
@ 60 IN SOA ns hostmaster 7 2 3 4 5
@ 60 IN NS ns
@ 60 IN MX 10 mail.example.
ns 60 IN A 192.0.2.1
ns 60 IN AAAA 2001:db8::1
a\\.b\\\"c 60 IN TXT \"one \\\"quoted\\\" \\; text\" \"two\\195\\188\"
* 60 IN TXT \"\"
_sip._tcp 60 IN SRV 1 2 5060 ns
cut 60 IN NS ns.cut
ns.cut 60 IN A 192.0.2.2
cut 60 IN DS 12345 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE049FD46E6C4B45C55D4AC69C
c 60 IN CAA 0 issue \"ca.example\"
t 60 IN TYPE65280 \\# 3 010203
s 60 IN SVCB 1 svc.example. alpn=h2,h3
n 60 IN NAPTR 1 2 \"u\" \"E2U+sip\" \"!^.*$!sip:x@z.test!\" .
";

    #[test]
    fn a_master_file_comes_back_as_it_was() {
        let apex = Name::parse("z.test").unwrap();
        let content = Content::of_master(&apex, TEXT.as_bytes()).unwrap();
        assert_eq!((content.serial(), content.records().len()), (7, 14));
        let text = content.to_master("from 192.0.2.1\nnot a record");
        let again = Content::of_master(&apex, text.as_bytes());
        assert_eq!(again, Some(content), "{text}");
    }

    #[test]
    fn a_zone_comes_back_from_its_pieces() {
        let apex = Name::parse("z.test").unwrap();
        let include = |_: &str| Err(String::new());
        let more: String = (0..5000)
            .map(|one| format!("h{one} 60 A 192.0.2.1\n"))
            .collect();
        for text in [TEXT.to_owned(), format!("{TEXT}{more}")] {
            let zone = master::load(&apex, text.as_bytes(), &include, &[]).unwrap();
            let pieces: Vec<String> = master_pieces(&zone, "a\nb").unwrap().collect();
            assert!(pieces.iter().all(|piece| piece.ends_with('\n')));
            assert_eq!(pieces.len() > 1, text.len() > TEXT.len());
            assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 1000));
            let written = pieces.concat();
            assert!(
                written.starts_with("; a b\nz.test. 60 IN SOA "),
                "{written}"
            );
            let again = Content::of_master(&apex, written.as_bytes());
            assert_eq!(again, Content::of_zone(&zone));
        }
    }

    #[test]
    fn a_broken_file_is_no_content() {
        let apex = Name::parse("z.test").unwrap();
        assert_eq!(Content::of_master(&apex, b"@ 60 IN NS ns\n"), None);
    }
}
