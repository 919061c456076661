//! What zones of a world hold: small, made of a number, so that what is served says which version it is.
use std::collections::BTreeSet;

use waypost::base::Span;
use waypost::dns::Name;
use waypost::dns::rr::rtype;
use waypost::dns::transfer::{Content, Entry, zone_of};
use waypost::dns::zone::{Mount, Zone};

/// Timers of every zone, seconds.
pub(super) const REFRESH: u64 = 8;
pub(super) const RETRY: u64 = 3;
pub(super) const EXPIRE: u64 = 24;
/// TTL of what they hold, seconds.
pub(super) const TTL: u32 = 5;

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A name below an apex.
pub(super) fn below(label: &str, apex: &Name) -> Name {
    name(&format!("{label}.{apex}"))
}

/// RDATA of a TXT record of one string.
pub(super) fn text(text: &str) -> Vec<u8> {
    let mut rdata = vec![u8::try_from(text.len()).unwrap()];
    rdata.extend_from_slice(text.as_bytes());
    rdata
}

/// One version of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edition {
    /// What tells it from the others.
    pub(super) mark: u64,
    pub(super) serial: u32,
    /// Whether `_acme-challenge.alias` is an alias in it.
    pub(super) has_alias: bool,
}

impl Edition {
    /// The first one.
    pub(super) const FIRST: Self = Self {
        mark: 1,
        serial: 1,
        has_alias: false,
    };

    /// All records of it.
    pub(super) fn content(self, apex: &Name) -> Content {
        let mut records = vec![
            entry(apex, rtype::NS, below("ns", apex).as_wire()),
            entry(&below("ns", apex), rtype::A, &[192, 0, 2, 1]),
            entry(&below("v", apex), rtype::TXT, &text(&self.mark.to_string())),
        ];
        for number in 0..4 {
            let last = u8::try_from((self.mark + number) / 4 % 250).unwrap();
            let owner = below(&format!("h{number}"), apex);
            records.push(entry(&owner, rtype::A, &[198, 51, 100, last]));
        }
        if self.has_alias {
            let owner = below("_acme-challenge.alias", apex);
            records.push(entry(&owner, rtype::CNAME, below("ns", apex).as_wire()));
        }
        let seconds = |seconds: u64| u32::try_from(seconds).unwrap();
        let numbers = [
            self.serial,
            seconds(REFRESH),
            seconds(RETRY),
            seconds(EXPIRE),
            TTL,
        ];
        let numbers = numbers.into_iter().flat_map(u32::to_be_bytes);
        let mut soa = below("ns", apex).as_wire().to_vec();
        soa.extend_from_slice(below("h", apex).as_wire());
        soa.extend(numbers);
        Content::of(entry(apex, rtype::SOA, &soa), records)
    }

    /// The same as a zone.
    pub(super) fn zone(self, apex: &Name, mounts: &[(Name, Mount)]) -> Zone {
        zone_of(apex, &self.content(apex), mounts).unwrap()
    }
}

fn entry(owner: &Name, rtype: u16, rdata: &[u8]) -> Entry {
    Entry {
        owner: owner.clone(),
        rtype,
        ttl: TTL,
        rdata: rdata.into(),
    }
}

/// Which edition a zone is; `None` without data.
pub(super) fn mark_of(zone: &Zone) -> Option<u64> {
    let texts = texts(zone, &below("v", zone.apex()));
    let text = texts.first()?.get(1..)?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The TXT records of a name.
pub(super) fn texts(zone: &Zone, name: &Name) -> BTreeSet<Vec<u8>> {
    let mut sets = zone.rrsets(name.as_wire());
    let set = sets.find(|set| set.rtype == rtype::TXT);
    let records = set.into_iter().flat_map(|set| {
        let records = set.records().map(<[u8]>::to_vec);
        records.collect::<Vec<_>>()
    });
    records.collect()
}

/// Whether a serial is ahead of another (RFC 1982, section 3.2).
pub(super) fn is_ahead(serial: u32, of: u32) -> bool {
    (1..1 << 31).contains(&serial.wrapping_sub(of))
}

/// From when until when all signatures of a content hold, seconds since 1970; `None` without any.
pub(super) fn window(content: &Content) -> Option<(u64, u64)> {
    let signatures = content.records().iter();
    let signatures = signatures.filter(|one| one.rtype == rtype::RRSIG);
    let times = signatures.map(|one| {
        let number = |at: usize| {
            let octets: [u8; 4] = one.rdata[at..at + 4].try_into().unwrap();
            u64::from(u32::from_be_bytes(octets))
        };
        (number(12), number(8))
    });
    times.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))
}

/// Longest TTL of these zones.
pub(super) const fn longest() -> Span {
    Span::from_secs(TTL as u64)
}
