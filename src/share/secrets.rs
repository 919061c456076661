//! Keys of signed zones: what each node serves, and secrets on their way to those who lack them.
//!
//! ```text
//! a node serves its ring --Rings--> all others: may the next step be taken, is there one to take over, who lacks a key?
//! who has a key that another lacks --Secrets, encrypted to that one--> its folder of keys --Rings--> nobody gives it any more
//! ```
//!
//! Both are told as a newest record and not as entries of the log: a ring lies on the disk of its node, so that nothing is lost with a copy, and
//! however many zones are signed, no order loses its room. Rings come in parts; they count once all parts of one telling are there.
//!
//! Nothing is encrypted or opened here: secrets are octets.
use std::collections::BTreeMap;

use crate::base::limits::{
    CLUSTER_MEMBERS, CLUSTER_RECORD_BYTES, CLUSTER_RINGS, CLUSTER_SECRETS, CLUSTER_TEXT_BYTES,
    KEYS_REMEMBERED,
};
use crate::dns::dnssec::Algorithm;
use crate::keys::{Goal, Key, KeyId, Ring, Role, Time, ToldRing};

use super::packing::{Garbled, Packer, Unpacker};
use super::seal::{Author, short_hash};

/// Octets of a part of rings; the largest ring has room beside it.
const PART_BYTES: usize = 24 * 1024;

/// The rings that a node serves, by the name of the zone; nothing, of a zone that it signs and cannot tell of.
pub type RingsTold = BTreeMap<String, Option<ToldRing>>;

/// A part of what a node serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeRings {
    /// A number made of all parts.
    pub(super) telling: u64,
    pub(super) parts: u16,
    pub(super) zones: Vec<(String, Option<ToldRing>)>,
}

/// The lock to which secrets of a node are encrypted, and those that it gives others.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NodeSecrets {
    /// The public key, of X25519 (RFC 7748).
    pub lock: [u8; 32],
    /// The secrets.
    pub given: Vec<SealedSecret>,
}

/// A secret, encrypted to those who lack it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its name.
    pub name: String,
    /// A number made of its public half.
    pub print: u64,
    /// One for each recipient.
    pub wraps: Vec<SecretWrap>,
}

/// A secret, encrypted to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretWrap {
    /// The recipient.
    pub to: Author,
    /// The key that was encapsulated (RFC 9180, section 4.1).
    pub encapsulated: [u8; 32],
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
}

/// All that is known of the keys and secrets of nodes.
#[derive(Debug, Default)]
pub(super) struct KeysHeard {
    pub(super) rings: BTreeMap<Author, BTreeMap<u16, NodeRings>>,
    pub(super) secrets: BTreeMap<Author, NodeSecrets>,
    pub(super) own_parts: Vec<NodeRings>,
    pub(super) own_secrets: Option<NodeSecrets>,
    /// Rises with each word.
    pub(super) news: u64,
}

impl KeysHeard {
    pub(super) fn rings_of(&mut self, author: Author) -> &mut BTreeMap<u16, NodeRings> {
        self.news += 1;
        self.rings.entry(author).or_default()
    }

    pub(super) fn take_secrets(&mut self, author: Author, secrets: NodeSecrets) {
        self.news += 1;
        self.secrets.insert(author, secrets);
    }

    /// Has it looked at again who is to have what.
    pub(super) fn stir(&mut self) {
        self.news += 1;
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Author) -> bool) {
        let before = self.rings.len() + self.secrets.len();
        self.rings.retain(|author, _| stays(author));
        self.secrets.retain(|author, _| stays(author));
        if self.rings.len() + self.secrets.len() < before {
            self.news += 1;
        }
    }
}

/// A zone, and its ring if there is one.
type ZoneTold = (String, Option<ToldRing>);

impl NodeRings {
    /// All rings, in as many parts as they need.
    pub(super) fn parts(told: &RingsTold) -> Vec<Self> {
        let mut parts: Vec<(usize, Vec<ZoneTold>)> = vec![(0, Vec::new())];
        let mut all = Packer::default();
        for (zone, ring) in told {
            let before = all.0.len();
            pack_zone(&mut all, zone, ring.as_ref());
            let octets = all.0.len() - before;
            let last = parts
                .last_mut()
                .filter(|(size, _)| size + octets <= PART_BYTES);
            let one = (zone.clone(), ring.clone());
            match last {
                Some((size, zones)) => {
                    *size += octets;
                    zones.push(one);
                }
                None => parts.push((octets, vec![one])),
            }
        }
        parts.truncate(CLUSTER_RINGS);
        let telling = short_hash(&all.0);
        let count = u16::try_from(parts.len()).expect("limits.rs bounds the parts");
        let parts = parts.into_iter().map(|(_, zones)| Self {
            telling,
            parts: count,
            zones,
        });
        parts.collect()
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.u64(self.telling);
        out.u16(self.parts);
        out.count(self.zones.len());
        for (zone, told) in &self.zones {
            pack_zone(&mut out, zone, told.as_ref());
        }
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let (telling, parts) = (from.u64()?, from.u16()?);
        if parts == 0 || usize::from(parts) > CLUSTER_RINGS {
            return Err(from.wrong("parts"));
        }
        let count = from.count(CLUSTER_RECORD_BYTES)?;
        let mut zones = Vec::new();
        for _ in 0..count {
            let zone = from.text(CLUSTER_TEXT_BYTES.0)?;
            let told = match from.u8()? {
                0 => None,
                1 => Some(unpack_ring(&mut from)?),
                _ => return Err(from.wrong("ring")),
            };
            zones.push((zone, told));
        }
        from.end()?;
        Ok(Self {
            telling,
            parts,
            zones,
        })
    }
}

impl NodeSecrets {
    /// Octets that what is given takes, at the most.
    #[must_use]
    pub fn octets(&self) -> usize {
        let wraps = self.given.iter().flat_map(|given| &given.wraps);
        wraps.map(|wrap| 512 + wrap.sealed.len()).sum()
    }

    /// Adds a secret, if there is room.
    pub fn give(&mut self, name: &str, print: u64, wrap: SecretWrap) {
        let (most, octets) = CLUSTER_SECRETS;
        if self.octets() + 512 + wrap.sealed.len() > octets || self.given.len() == most {
            return;
        }
        let mut given = self.given.iter_mut();
        match given.find(|given| given.name == name && given.print == print) {
            Some(given) => given.wraps.push(wrap),
            None => self.given.push(SealedSecret {
                name: name.to_owned(),
                print,
                wraps: vec![wrap],
            }),
        }
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.fixed(&self.lock);
        out.count(self.given.len());
        for given in &self.given {
            out.octets(given.name.as_bytes());
            out.u64(given.print);
            out.count(given.wraps.len());
            for wrap in &given.wraps {
                out.u64(wrap.to.0);
                out.fixed(&wrap.encapsulated);
                out.octets(&wrap.sealed);
            }
        }
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let lock = from.fixed()?;
        let mut given = Vec::new();
        for _ in 0..from.count(CLUSTER_SECRETS.0)? {
            let (name, print) = (from.text(CLUSTER_TEXT_BYTES.2)?, from.u64()?);
            let mut wraps = Vec::new();
            for _ in 0..from.count(CLUSTER_MEMBERS)? {
                wraps.push(SecretWrap {
                    to: Author(from.u64()?),
                    encapsulated: from.fixed()?,
                    sealed: from.octets(CLUSTER_SECRETS.1)?.to_vec(),
                });
            }
            given.push(SealedSecret { name, print, wraps });
        }
        from.end()?;
        Ok(Self { lock, given })
    }
}

fn pack_zone(out: &mut Packer, zone: &str, told: Option<&ToldRing>) {
    out.octets(zone.as_bytes());
    out.u8(told.is_some().into());
    let Some(told) = told else { return };
    let ring = &told.ring;
    out.u8((ring.goal == Goal::Insecure).into());
    for time in [
        ring.turned,
        ring.signed,
        ring.gone,
        ring.unsigned,
        ring.settled,
    ] {
        out.maybe(time.map(|time| time.0));
    }
    out.count(ring.keys.len());
    for key in &ring.keys {
        out.u16(key.id.tag);
        out.u8(key.id.algorithm.number());
        out.u8(match key.role {
            Role::Ksk => 1,
            Role::Zsk => 2,
            Role::Csk => 3,
        });
        out.u64(key.created.0);
        for time in [
            key.published,
            key.active,
            key.retired,
            key.submitted,
            key.seen,
            key.removed,
        ] {
            out.maybe(time.map(|time| time.0));
        }
        out.maybe(told.prints.get(&key.id).copied());
    }
}

fn unpack_ring(from: &mut Unpacker<'_>) -> Result<ToldRing, Garbled> {
    let goal = match from.u8()? {
        0 => Goal::Secure,
        1 => Goal::Insecure,
        _ => return Err(from.wrong("goal")),
    };
    let mut told = ToldRing {
        ring: Ring {
            goal,
            turned: time(from)?,
            signed: time(from)?,
            gone: time(from)?,
            unsigned: time(from)?,
            settled: time(from)?,
            ..Ring::default()
        },
        ..ToldRing::default()
    };
    // History is trimmed when a key goes; live ones may be more for a while.
    for _ in 0..from.count(2 * KEYS_REMEMBERED)? {
        let (tag, algorithm) = (from.u16()?, from.u8()?);
        let algorithm = Algorithm::from_number(algorithm);
        let algorithm = algorithm.ok_or_else(|| from.wrong("algorithm"))?;
        let role = match from.u8()? {
            1 => Role::Ksk,
            2 => Role::Zsk,
            3 => Role::Csk,
            _ => return Err(from.wrong("role")),
        };
        let id = KeyId { tag, algorithm };
        let made = Key::new(id, role, Time(from.u64()?));
        let key = Key {
            published: time(from)?,
            active: time(from)?,
            retired: time(from)?,
            submitted: time(from)?,
            seen: time(from)?,
            removed: time(from)?,
            ..made
        };
        if let Some(print) = from.maybe()? {
            told.prints.insert(id, print);
        }
        if told.ring.find(id).is_some() {
            return Err(from.wrong("key twice"));
        }
        told.ring.keys.push(key);
    }
    Ok(told)
}

fn time(from: &mut Unpacker<'_>) -> Result<Option<Time>, Garbled> {
    Ok(from.maybe()?.map(Time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tag: u16) -> ToldRing {
        let id = KeyId {
            tag,
            algorithm: Algorithm::Ed25519,
        };
        let mut key = Key::new(id, Role::Csk, Time(5));
        (key.published, key.submitted) = (Some(Time(6)), Some(Time(7)));
        ToldRing {
            ring: Ring {
                goal: Goal::Insecure,
                turned: Some(Time(3)),
                signed: Some(Time(6)),
                gone: Some(Time(9)),
                keys: vec![key],
                ..Ring::default()
            },
            prints: BTreeMap::from([(id, 77)]),
        }
    }

    #[test]
    fn rings_are_read_as_they_were_written_in_parts() {
        let zone = |number: u16| (format!("zone-{number}.example"), Some(told(number)));
        let all: RingsTold = (0..500).map(zone).collect();
        let parts = NodeRings::parts(&all);
        assert!(parts.len() > 1);
        let mut read = RingsTold::new();
        for part in &parts {
            let packed = part.pack();
            let unpacked = NodeRings::unpack(&packed).unwrap();
            assert_eq!(unpacked, *part);
            assert!(NodeRings::unpack(&packed[..packed.len() - 1]).is_err());
            read.extend(unpacked.zones);
        }
        assert_eq!(read, all);
        assert_eq!(
            NodeRings::parts(&RingsTold::new()).len(),
            1,
            "nothing is a telling, too"
        );
    }

    #[test]
    fn secrets_are_read_as_they_were_written_and_have_a_limit() {
        let mut secrets = NodeSecrets {
            lock: [7; 32],
            ..NodeSecrets::default()
        };
        for number in 0..1000 {
            let wrap = SecretWrap {
                to: Author(number),
                encapsulated: [1; 32],
                sealed: vec![2; 100],
            };
            secrets.give("key example.org.", 5, wrap);
        }
        let count = secrets.given[0].wraps.len();
        assert!((50..100).contains(&count), "{count}");
        assert_eq!(NodeSecrets::unpack(&secrets.pack()), Ok(secrets));
    }
}
