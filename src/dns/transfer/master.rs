//! Content as a master file, and out of a zone.
//!
//! A transferred zone is kept as the file that the config names, so that everything that reads
//! zones reads this one too, and a person can. Names are absolute and every record says its TTL.
use std::fmt::Write;

use super::content::{Content, Entry};
use crate::dns::rr::RrSet;
use crate::dns::text::show_record;
use crate::dns::zone::Zone;
use crate::dns::{Name, master};

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
        let mut text = format!("; {}\n", source.replace(['\n', '\r'], " "));
        for entry in std::iter::once(&self.soa).chain(self.records()) {
            let line = show_record(&entry.owner, entry.ttl, entry.rtype, &entry.rdata);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
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
    fn a_broken_file_is_no_content() {
        let apex = Name::parse("z.test").unwrap();
        assert_eq!(Content::of_master(&apex, b"@ 60 IN NS ns\n"), None);
    }
}
