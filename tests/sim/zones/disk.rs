//! The disk of a world: what is kept of zones, copies, files, folders of keys.
//!
//! What was acknowledged is there after a crash. What was under way then may be there or not. It can be full:
//! then everything fails that would write.
use std::collections::BTreeMap;
use std::sync::Arc;

use waypost::base::{Draws, Span};
use waypost::dns::Name;
use waypost::dns::dnssec::{Algorithm, PrivateKey};
use waypost::dns::zone::Zone;
use waypost::keys::{Key, KeyId, Keyring, Policy, Ring, Role, Step, Time};
use waypost::zones::{Memories, Memory, Signedness};

use super::data::Edition;
use super::signatures::SignatureFiles;

/// Flags of a key that the DS names, and of one that it does not.
const ENTRY: u16 = 257;
const ZONE: u16 = 256;

#[derive(Default)]
pub(super) struct Disk {
    pub(super) memories: Memories,
    /// By zone from primaries: its copy, and when that was written, seconds since 1970.
    pub(super) copies: BTreeMap<Name, (Arc<Zone>, u64)>,
    /// By zone: its file.
    pub(super) files: BTreeMap<Name, Edition>,
    pub(super) folders: BTreeMap<Name, Folder>,
    pub(super) signatures: SignatureFiles,
    pub(super) is_full: bool,
}

impl Disk {
    /// Keeps something, or cannot.
    pub(super) fn keep(&mut self, memory: Memory) -> Result<(), String> {
        self.write()?;
        let zones = &mut self.memories.zones;
        match memory {
            Memory::Version(apex, last) => zones.entry(apex).or_default().last = Some(last),
            Memory::Refreshed(apex, at) => zones.entry(apex).or_default().refreshed = Some(at),
            Memory::Signed(apex, signedness) => {
                zones.entry(apex).or_default().signed = signedness == Signedness::Signed;
            }
            Memory::Challenges(all) => self.memories.challenges = all,
            Memory::Declared(part) => drop(self.memories.declared.take(part)),
        }
        Ok(())
    }

    /// Whether anything can be written.
    pub(super) fn write(&self) -> Result<(), String> {
        match self.is_full {
            true => Err("no space left on device".to_owned()),
            false => Ok(()),
        }
    }
}

/// What is the matter with a folder of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matter {
    Nothing,
    /// It may not be read.
    Unreadable,
    /// Nothing is in it.
    Empty,
    /// It may not be written.
    Frozen,
}

pub(super) struct Folder {
    pub(super) ring: Ring,
    keys: BTreeMap<KeyId, Arc<PrivateKey>>,
    pub(super) matter: Matter,
    /// Steps that were recorded, with the time that they bear.
    pub(super) taken: Vec<(Step, Time)>,
}

impl Folder {
    pub(super) fn new() -> Self {
        Self {
            ring: Ring::default(),
            keys: BTreeMap::new(),
            matter: Matter::Nothing,
            taken: Vec::new(),
        }
    }

    /// What the program reads there.
    pub(super) fn load(&self, apex: &Name) -> Result<Keyring, String> {
        match self.matter {
            Matter::Unreadable => Err("permission denied".to_owned()),
            Matter::Empty => {
                let ring = Ring::default();
                Ok(Keyring::new(apex.clone(), ring, BTreeMap::new()))
            }
            Matter::Nothing | Matter::Frozen => {
                let shown = self.ring.view().published.into_iter();
                let keys = shown.map(|id| (id, Arc::clone(&self.keys[&id])));
                let ring = self.ring.clone();
                Ok(Keyring::new(apex.clone(), ring, keys.collect()))
            }
        }
    }

    /// Takes the steps that are due, as the program does.
    pub(super) fn advance(
        &mut self,
        policy: &Policy,
        now: Time,
        draws: &mut Draws,
    ) -> Result<Vec<Step>, String> {
        match self.matter {
            Matter::Unreadable => return Err("permission denied".to_owned()),
            Matter::Empty => return Ok(Vec::new()),
            Matter::Nothing | Matter::Frozen => {}
        }
        let mut ring = self.ring.clone();
        let is_idle = !ring.heed(policy, now) && ring.due(policy, now).is_none();
        if ring.keys.is_empty() || is_idle {
            return Ok(Vec::new());
        }
        if self.matter == Matter::Frozen {
            return Err("read-only file system".to_owned());
        }
        let mut done = Vec::new();
        while let Some(step) = ring.due(policy, now).filter(|_| done.len() < 8) {
            match step {
                Step::Make(role) => ring.add(self.make(role, now, draws)),
                Step::Publish(_)
                | Step::Activate(_)
                | Step::Submit(_)
                | Step::See(_)
                | Step::Remove(_)
                | Step::SeeNone
                | Step::Unsign => ring.take(step, now),
            }
            done.push(step);
        }
        self.taken.extend(done.iter().map(|step| (*step, now)));
        self.ring = ring;
        Ok(done)
    }

    /// A new key, of a tag that no other has.
    pub(super) fn make(&mut self, role: Role, now: Time, draws: &mut Draws) -> Key {
        loop {
            let mut random = [0; 32];
            for part in random.chunks_mut(8) {
                part.copy_from_slice(&draws.next_u64().to_be_bytes());
            }
            let flags = match role {
                Role::Zsk => ZONE,
                Role::Ksk | Role::Csk => ENTRY,
            };
            let key = PrivateKey::generate(Algorithm::Ed25519, flags, random).unwrap();
            let id = KeyId {
                tag: key.public().tag(),
                algorithm: Algorithm::Ed25519,
            };
            if !self.keys.keys().any(|other| other.tag == id.tag) {
                self.keys.insert(id, Arc::new(key));
                return Key::new(id, role, now);
            }
        }
    }

    /// Whether the zone has gone insecure in all steps.
    pub(super) fn is_insecure(&self) -> bool {
        self.ring.unsigned.is_some() && self.ring.signed.is_none()
    }
}

/// How long a copy takes to be written.
pub(super) const COPYING: Span = Span(20);
