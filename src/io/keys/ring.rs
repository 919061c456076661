//! Keys with what is remembered of them, as whoever signs the zone needs them.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::store::{KeysError, Locked, Store};
use crate::base::Span;
use crate::base::limits::KEY_STEPS;
use crate::dns::dnssec::ds::{CDNSKEY_DELETE, CDS_DELETE};
use crate::dns::dnssec::key::RsaSize;
use crate::dns::dnssec::{Digest, PrivateKey};
use crate::keys::{KeyId, Policy, Ring, Step, Sync, Time, View};
use crate::plan::ZoneDnssec;

/// The keys of a zone that are in it, with their secrets.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// What is remembered.
    pub ring: Ring,
    /// What the zone shows.
    pub view: View,
    keys: BTreeMap<KeyId, Arc<PrivateKey>>,
    store: Store,
}

/// The policy of a zone whose largest TTL is `zone_ttl`.
#[must_use]
pub fn policy(how: &ZoneDnssec, zone_ttl: Span) -> Policy {
    Policy {
        zsk_lifetime: how.zsk_lifetime,
        ksk_lifetime: how.ksk_lifetime,
        dnskey_ttl: how.dnskey_ttl,
        zone_ttl,
        ds_ttl: how.parent_ds_ttl,
        propagation: how.propagation,
        signing: how.signature_validity,
    }
}

impl Store {
    /// Reads the keys that the zone shows, and changes nothing.
    ///
    /// # Errors
    /// When the state or one of the keys cannot be read.
    pub fn load(&self) -> Result<Keyring, KeysError> {
        let ring = self.ring()?;
        let view = ring.view();
        let mut keys = BTreeMap::new();
        for id in &view.published {
            keys.insert(*id, Arc::new(self.key(*id)?));
        }
        Ok(Keyring {
            ring,
            view,
            keys,
            store: self.clone(),
        })
    }

    /// Takes all steps that are due, makes the keys that they want, and remembers. To be called
    /// only while what was remembered before is what is served: the waits of a rollover count from
    /// the moment that a step was remembered. What was done comes back; [`Store::load`] then
    /// gives what is to be served. An error leaves a state that may be served, and the step is
    /// tried again the next time.
    ///
    /// # Errors
    /// When a file cannot be read or written, or no key can be made.
    pub fn advance(&self, policy: &Policy, now: Time) -> Result<Vec<Step>, KeysError> {
        let mut ring = self.ring()?;
        if ring.keys.is_empty() || !ring.heed(policy, now) && ring.due(policy, now).is_none() {
            return Ok(Vec::new());
        }
        let locked = self.lock()?;
        let mut ring = locked.ring()?;
        if ring.heed(policy, now) {
            locked.save(&ring)?;
        }
        let mut done = Vec::new();
        while let Some(step) = ring.due(policy, now).filter(|_| done.len() < KEY_STEPS) {
            locked.step(&mut ring, step, now)?;
            locked.save(&ring)?;
            done.push(step);
        }
        Ok(done)
    }
}

impl Locked<'_> {
    fn step(&self, ring: &mut Ring, step: Step, now: Time) -> Result<(), KeysError> {
        match step {
            Step::Make(role) => {
                let last = ring.live().rev().find(|key| key.role == role);
                let Some(algorithm) = last.map(|key| key.id.algorithm) else {
                    return Ok(());
                };
                ring.add(self.make(role, algorithm, RsaSize::Bits2048, now)?);
            }
            Step::Publish(_)
            | Step::Activate(_)
            | Step::Submit(_)
            | Step::See(_)
            | Step::Remove(_)
            | Step::SeeNone
            | Step::Unsign => ring.take(step, now),
        }
        Ok(())
    }
}

impl Keyring {
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
                let zone = self.store.zone();
                let ds = keys.iter().map(|key| key.public().ds(zone, Digest::Sha256));
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
