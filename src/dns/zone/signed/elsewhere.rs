//! A zone that comes with signatures: from a file that another program signed, or from a primary.
//!
//! Times in signatures are numbers of 32 bits that wrap around (RFC 4034, section 3.1.5); they are
//! read as seconds since 1970, which holds until 2106. Whether a signature verifies is not asked:
//! validating resolvers find out, and a server that guessed wrong would be the outage itself.
use std::sync::Arc;

use super::base::Base;
use super::chain::Chain;
use super::{Brought, Signed, Signer};
use crate::dns::rr::rtype;
use crate::dns::zone::Zone;
use crate::dns::zone::index::Index;
use crate::dns::zone::tree::APEX;

impl Signed {
    /// A zone with the signatures and the chain that came with it; `None` if none came, or if steered
    /// names are mounted over it, whose answers nobody has signed.
    #[must_use]
    pub fn elsewhere(zone: Arc<Zone>) -> Option<Self> {
        let is_steered = zone.tree.nodes.iter().any(|node| node.mount().is_some());
        if !zone.is_signed_elsewhere() || is_steered {
            return None;
        }
        let base = Base {
            chain: Chain::given(&zone),
            signer: Signer::Elsewhere(Brought::of(&zone)),
            zone,
            first: Vec::new(),
            variants: Vec::new(),
            variant_index: Index::default(),
            set_index: Index::default(),
            variants_from: 0,
        };
        Some(Self {
            base: Arc::new(base),
            chunks: Vec::new(),
            times: Vec::new(),
        })
    }
}

impl Brought {
    fn of(zone: &Zone) -> Self {
        let mut brought = Self {
            expires: u64::MAX,
            overdue: u64::MAX,
            ..Self::default()
        };
        for (_, sets) in zone.owners() {
            for signatures in sets.filter(|set| set.rtype == rtype::RRSIG) {
                brought.rrsets += 1;
                signatures.records().for_each(|rdata| brought.count(rdata));
            }
        }
        let over_soa = zone.signatures(APEX, rtype::SOA);
        let tags = over_soa.into_iter().flat_map(|set| set.records().map(tag));
        brought.keys = tags.flatten().collect();
        brought
    }

    fn count(&mut self, rdata: &[u8]) {
        let time = |at: usize| {
            let octets = rdata.get(at..)?.first_chunk().copied();
            octets.map(|octets| u64::from(u32::from_be_bytes(octets)))
        };
        let (Some(expires), Some(inception)) = (time(8), time(12)) else {
            return;
        };
        let life = expires.saturating_sub(inception);
        self.expires = self.expires.min(expires);
        self.overdue = self.overdue.min(expires - life / 8);
    }
}

/// The tag of the key that made a signature (RFC 4034, section 3.1.6).
fn tag(rdata: &[u8]) -> Option<u16> {
    let octets = rdata.get(16..)?.first_chunk().copied();
    octets.map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;
    use crate::dns::zone::hashed::{self, Hashing};
    use crate::dns::zone::signed::MADE_HERE;
    use crate::dns::zone::{Edit, Record};

    const HASHING: [u8; 6] = [1, 0, 0, 2, 1, 0xAB];

    fn record(owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Record {
        Record {
            owner: Name::from_wire(owner).unwrap(),
            rtype,
            ttl,
            rdata: rdata.to_vec(),
            line: 1,
        }
    }

    /// A signature over a type, from 1000 to `expires`.
    fn rrsig(covered: u16, expires: u32) -> Vec<u8> {
        let mut rdata = covered.to_be_bytes().to_vec();
        rdata.extend([13, 2, 0, 0, 0, 60]);
        rdata.extend(expires.to_be_bytes());
        rdata.extend(1000_u32.to_be_bytes());
        rdata.extend([0, 77]);
        rdata.extend(b"\x01z\x04test\0signature");
        rdata
    }

    fn records() -> Vec<Record> {
        let soa = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
        let (apex, www) = (b"\x01z\x04test\0", b"\x03www\x01z\x04test\0");
        vec![
            record(apex, rtype::SOA, 60, soa),
            record(apex, rtype::NS, 60, b"\x02ns\0"),
            record(apex, rtype::RRSIG, 9, &rrsig(rtype::SOA, 9000)),
            record(www, rtype::A, 7200, &[192, 0, 2, 1]),
            record(www, rtype::TXT, 20, b"\x01t"),
            record(www, rtype::RRSIG, 20, &rrsig(rtype::TXT, 9800)),
            record(www, rtype::RRSIG, 20, &rrsig(rtype::A, 9900)),
        ]
    }

    /// With a chain of NSEC3, which leaves out the names of which `is_left_out` is true.
    fn hashed(is_left_out: impl Fn(&[u8]) -> bool) -> Arc<Zone> {
        let mut all = records();
        let hashing = Hashing::of(&HASHING).unwrap();
        let apex = b"\x01z\x04test\0".as_slice();
        all.push(record(apex, rtype::NSEC3PARAM, 0, &HASHING));
        for name in [apex, b"\x03www\x01z\x04test\0"] {
            if is_left_out(name) {
                continue;
            }
            let label = hashed::to_label(&hashing.hash(name));
            let owner = [&label[..], apex].concat();
            let link = [&HASHING[..], &[20], &[7; 20], &[0, 1, 0x40]].concat();
            all.push(record(&owner, rtype::RRSIG, 5, &rrsig(rtype::NSEC3, 8000)));
            all.push(record(&owner, rtype::NSEC3, 5, &link));
        }
        Arc::new(Zone::build(&Name::parse("z.test").unwrap(), all, &[]).unwrap())
    }

    fn node(zone: &Zone, name: &str) -> u32 {
        zone.node_of(Name::parse(name).unwrap().as_wire()).unwrap()
    }

    #[test]
    fn each_signature_has_the_ttl_of_what_it_covers() {
        let zone = hashed(|_| false);
        let signed = Signed::elsewhere(Arc::clone(&zone)).unwrap();
        let www = node(&zone, "www.z.test");
        let ttl = |kind| signed.of_set(www, kind).map(|set| (set.ttl, set.covers()));
        assert_eq!(ttl(rtype::A), Some((7200, Some(rtype::A))));
        assert_eq!(ttl(rtype::TXT), Some((20, Some(rtype::TXT))));
        assert_eq!(ttl(rtype::AAAA), None);
        let brought = signed.brought().unwrap();
        assert_eq!((brought.rrsets, brought.expires), (5, 8000));
        assert_eq!(
            (brought.overdue, &brought.keys[..]),
            (8000 - 875, &[77][..])
        );
    }

    #[test]
    fn owners_of_hashed_links_are_no_names() {
        let zone = hashed(|_| false);
        assert_eq!(zone.names(), 2);
        let signed = Signed::elsewhere(Arc::clone(&zone)).unwrap();
        let link = signed.matching(node(&zone, "www.z.test")).unwrap();
        assert_eq!(link.set.rtype, rtype::NSEC3);
        assert_eq!(link.signatures.covers(), Some(rtype::NSEC3));
        let mut labels = [0; 255];
        let hash = Hashing::of(&HASHING)
            .unwrap()
            .hash(b"\x03WWW\x01z\x04test\0");
        assert_eq!(
            signed.owner_below_apex(&link, &mut labels),
            hashed::to_label(&hash)
        );
        assert_eq!(zone.owners().count(), 4, "transfers have them all");
    }

    #[test]
    fn what_opts_out_has_no_link() {
        let zone = hashed(|name| name.len() > 8);
        let signed = Signed::elsewhere(Arc::clone(&zone)).unwrap();
        assert!(signed.matching(node(&zone, "www.z.test")).is_none());
        assert!(signed.matching(APEX).is_some());
        let covering = signed.covering(b"\x03www\x01z\x04test\0", 4);
        assert!(covering.is_some(), "the only link covers everything");
    }

    #[test]
    fn edits_keep_what_is_hashed_unless_it_is_barred() {
        let zone = hashed(|_| false);
        let edit = Edit {
            owner: Name::parse("new.z.test").unwrap(),
            rtype: rtype::TXT,
            ttl: 60,
            records: vec![b"\x01x".to_vec()],
        };
        let amended = zone.amended(std::slice::from_ref(&edit), &[]).unwrap();
        assert_eq!(amended.owners().count(), 5);
        let bare = zone.amended(&[edit], &MADE_HERE).unwrap();
        assert_eq!(bare.owners().count(), 3);
        assert!(!bare.is_signed_elsewhere());
    }

    #[test]
    fn what_nobody_signed_is_not_taken_for_signed() {
        let plain = records()
            .into_iter()
            .filter(|one| one.rtype != rtype::RRSIG);
        let apex = Name::parse("z.test").unwrap();
        let zone = Zone::build(&apex, plain.collect(), &[]).unwrap();
        assert!(Signed::elsewhere(Arc::new(zone)).is_none());
        let steered = (Name::parse("steered.z.test").unwrap(), 0);
        let zone = Zone::build(&apex, records(), &[steered]).unwrap();
        assert!(Signed::elsewhere(Arc::new(zone)).is_none());
    }

    #[test]
    fn hashed_records_of_other_owners_are_refused() {
        let mut all = records();
        let link = [&HASHING[..], &[20], &[7; 20]].concat();
        all.push(record(b"\x03www\x01z\x04test\0", rtype::NSEC3, 5, &link));
        let errors = Zone::build(&Name::parse("z.test").unwrap(), all, &[]).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}
