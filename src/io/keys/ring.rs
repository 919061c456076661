//! The keyring of a zone, read from its folder and moved on there.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::store::{KeysError, Locked, Store};
use crate::base::limits::KEY_STEPS;
use crate::dns::dnssec::key::RsaSize;
use crate::keys::{Fellows, Keyring, Policy, Ring, Step, Time};

impl Store {
    /// Reads the keys that the zone shows, and changes nothing.
    ///
    /// # Errors
    /// When the state or one of the keys cannot be read.
    pub fn load(&self) -> Result<Keyring, KeysError> {
        let ring = self.ring()?;
        let mut keys = BTreeMap::new();
        for id in ring.view().published {
            keys.insert(id, Arc::new(self.key(id)?));
        }
        let hidden = ring.live().filter(|key| !keys.contains_key(&key.id));
        let prints = hidden.filter_map(|key| Some((key.id, self.public(key.id).ok()?.print())));
        let prints = prints.collect();
        Ok(Keyring::new(self.zone().clone(), ring, keys).with_prints(prints))
    }

    /// Takes over what other nodes have done, and remembers it; tells whether that is anything.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn follow(&self, fellows: &Fellows, now: Time) -> Result<bool, KeysError> {
        if !self.ring()?.follow(fellows, now) {
            return Ok(false);
        }
        let locked = self.lock()?;
        let mut ring = locked.ring()?;
        let is_other = ring.follow(fellows, now);
        locked.save(&ring)?;
        Ok(is_other)
    }

    /// Takes all steps that are due, makes the keys that they want, and remembers. To be called
    /// only while what was remembered before is what is served: the waits of a rollover count from
    /// the moment that a step was remembered. What was done comes back; [`Store::load`] then
    /// gives what is to be served. An error leaves a state that may be served, and the step is
    /// tried again the next time. What other nodes have done is taken over first.
    ///
    /// # Errors
    /// When a file cannot be read or written, or no key can be made.
    pub fn advance(
        &self,
        policy: &Policy,
        fellows: &Fellows,
        now: Time,
    ) -> Result<Vec<Step>, KeysError> {
        let mut ring = self.ring()?;
        let follows = ring.follow(fellows, now);
        let is_due = |ring: &Ring| ring.due_among(policy, fellows, now);
        if !follows && (ring.keys.is_empty() || !ring.heed(policy, now) && is_due(&ring).is_none())
        {
            return Ok(Vec::new());
        }
        let locked = self.lock()?;
        let mut ring = locked.ring()?;
        if ring.follow(fellows, now) | ring.heed(policy, now) {
            locked.save(&ring)?;
        }
        let mut done = Vec::new();
        while let Some(step) = is_due(&ring).filter(|_| done.len() < KEY_STEPS) {
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
