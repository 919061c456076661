//! A validator of what is served: every signature is by a key of the zone, over the very records that it stands beside.
//!
//! It has its own idea of what a signature covers (RFC 4034, section 3.1.8.1), good for these zones, whose names are in
//! lower case.
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use waypost::dns::Name;
use waypost::dns::dnssec::PublicKey;
use waypost::dns::rr::rtype;
use waypost::dns::transfer::{Content, Entry};

/// Signatures that were found good before.
#[derive(Default)]
pub(super) struct Validator {
    good: HashSet<u64>,
}

impl Validator {
    /// Looks at all of a zone.
    pub(super) fn look(&mut self, content: &Content) {
        let all = || content.records().iter().chain([&content.soa]);
        let keys: Vec<PublicKey> = all()
            .filter(|one| one.rtype == rtype::DNSKEY)
            .filter_map(|one| PublicKey::from_rdata(&one.rdata))
            .collect();
        let mut sets: BTreeMap<(&Name, u16), BTreeSet<&[u8]>> = BTreeMap::new();
        for one in all() {
            let set = sets.entry((&one.owner, one.rtype)).or_default();
            set.insert(&one.rdata);
        }
        for signature in all().filter(|one| one.rtype == rtype::RRSIG) {
            let covered = u16::from_be_bytes([signature.rdata[0], signature.rdata[1]]);
            let set = sets.get(&(&signature.owner, covered));
            let set = set.unwrap_or_else(|| panic!("{signature:?} is over nothing"));
            self.verify(signature, covered, set, &keys);
        }
    }

    fn verify(
        &mut self,
        signature: &Entry,
        covered: u16,
        set: &BTreeSet<&[u8]>,
        keys: &[PublicKey],
    ) {
        let rdata = &signature.rdata;
        let mut end = 18;
        while rdata[end] > 0 {
            end += 1 + usize::from(rdata[end]);
        }
        let (head, octets) = rdata.split_at(end + 1);
        let mut message = head.to_vec();
        for record in set {
            message.extend_from_slice(signature.owner.as_wire());
            message.extend_from_slice(&covered.to_be_bytes());
            message.extend_from_slice(&[0, 1]);
            message.extend_from_slice(&head[4..8]);
            message.extend_from_slice(&u16::try_from(record.len()).unwrap().to_be_bytes());
            message.extend_from_slice(record);
        }
        let tag = u16::from_be_bytes([head[16], head[17]]);
        let mut hasher = DefaultHasher::new();
        (&message, octets).hash(&mut hasher);
        if self.good.contains(&hasher.finish()) {
            return;
        }
        let mut keys = keys.iter().filter(|key| key.tag() == tag);
        assert!(
            keys.any(|key| key.verify(&message, octets)),
            "the signature of key {tag} over {} {covered} is over something else",
            signature.owner
        );
        self.good.insert(hasher.finish());
    }
}
