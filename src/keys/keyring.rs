//! Keys with what is remembered of them, as whoever signs the zone needs them.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Key, KeyId, Ring, Sync, ToldRing, View};
use crate::dns::Name;
use crate::dns::dnssec::ds::{CDNSKEY_DELETE, CDS_DELETE};
use crate::dns::dnssec::{Digest, PrivateKey};

/// The keys of a zone that are in it, with their secrets.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// What is remembered.
    pub ring: Ring,
    /// What the zone shows.
    pub view: View,
    keys: BTreeMap<KeyId, Arc<PrivateKey>>,
    /// Of keys that the zone does not show yet.
    prints: BTreeMap<KeyId, u64>,
    zone: Name,
}

impl Keyring {
    /// What a zone shows of its ring, with the keys of that view.
    #[must_use]
    pub fn new(zone: Name, ring: Ring, keys: BTreeMap<KeyId, Arc<PrivateKey>>) -> Self {
        Self {
            view: ring.view(),
            ring,
            keys,
            prints: BTreeMap::new(),
            zone,
        }
    }

    /// The same, with the prints of keys that the zone does not show yet.
    #[must_use]
    pub fn with_prints(self, prints: BTreeMap<KeyId, u64>) -> Self {
        Self { prints, ..self }
    }

    /// The ring that other nodes are told, once it is served.
    #[must_use]
    pub fn told(&self) -> ToldRing {
        let shown = self.keys.iter();
        let shown = shown.map(|(id, key)| (*id, key.public().print()));
        let mut prints = self.prints.clone();
        prints.extend(shown);
        prints.retain(|id, _| self.ring.find(*id).is_some_and(Key::is_live));
        ToldRing {
            ring: self.ring.clone(),
            prints,
        }
    }

    /// Whether there are no keys, nor ever were.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.keys.is_empty()
    }

    /// Keys that sign DNSKEY, CDS and CDNSKEY.
    #[must_use]
    pub fn entry_keys(&self) -> Vec<Arc<PrivateKey>> {
        self.these(&self.view.entry_signers)
    }

    /// Keys that sign everything else; none when the zone is not signed.
    #[must_use]
    pub fn zone_keys(&self) -> Vec<Arc<PrivateKey>> {
        self.these(&self.view.zone_signers)
    }

    /// The RDATA of the DNSKEY RRset.
    #[must_use]
    pub fn dnskey(&self) -> Vec<Vec<u8>> {
        let keys = self.these(&self.view.published);
        keys.iter().map(|key| key.public().rdata()).collect()
    }

    /// The RDATA of the CDS RRset (RFC 7344, section 3.1; RFC 8078, section 4).
    #[must_use]
    pub fn cds(&self) -> Vec<Vec<u8>> {
        match self.view.sync {
            Sync::Silent => Vec::new(),
            Sync::Delete => vec![CDS_DELETE.to_vec()],
            Sync::Key(id) => {
                let keys = self.these(&[id]);
                let ds = keys
                    .iter()
                    .map(|key| key.public().ds(&self.zone, Digest::Sha256));
                ds.collect()
            }
        }
    }

    /// The RDATA of the CDNSKEY RRset (RFC 7344, section 3.2; RFC 8078, section 4).
    #[must_use]
    pub fn cdnskey(&self) -> Vec<Vec<u8>> {
        match self.view.sync {
            Sync::Silent => Vec::new(),
            Sync::Delete => vec![CDNSKEY_DELETE.to_vec()],
            Sync::Key(id) => {
                let keys = self.these(&[id]);
                keys.iter().map(|key| key.public().rdata()).collect()
            }
        }
    }

    fn these(&self, ids: &[KeyId]) -> Vec<Arc<PrivateKey>> {
        let found = ids.iter().filter_map(|id| self.keys.get(id));
        found.map(Arc::clone).collect()
    }
}
