//! Secrets that all nodes have in common: cookie secrets, the key of cohorts, secrets of TSIG keys.
//!
//! ```text
//! vault of a node, on its disk --names and ranks--> told to all      others' ranks --> who lacks what --secret, encrypted to that one--> his vault
//! ```
//!
//! Each secret has a name and a rank, drawn from a hybrid clock; of two of one name the greater rank holds, on all nodes. So whoever was away, has
//! lost his disk or comes back with an old one is given what he lacks by any other, as of [`super::secrets`]. It is told as a newest record, and not in the
//! log, for a secret is as long as its recipients are many. A secret that was removed has an empty value.
//!
//! Cookie secrets come and go by themselves ([`super::cookie_secrets`]), and each has a name of its own. The key of cohorts is first that which a node has
//! made of the names of its zones, so that no client moves when nodes begin to share it: of such first keys the oldest holds, and below any that was ordered.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::base::limits::{CLUSTER_TEXT_BYTES, CLUSTER_VAULT};
use crate::base::{
    HashKey, Moment, NodeMark, Utc, from_hexadecimal, next_revision, revision_time, to_hexadecimal,
};
use crate::dns::{Name, cookie, tsig};

use super::packing::{Garbled, Packer, Unpacker};
use super::seal::Author;
use super::secrets::NodeSecrets;

/// The rank between those of first keys of cohorts and those that were ordered.
const MIDDLE: u64 = 1 << 62;
/// The name of the key of cohorts.
pub(super) const COHORT: &str = "cohort";
const COOKIE: &str = "cookie ";
const TSIG: &str = "tsig ";

/// A secret of all nodes.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret {
    /// Of two of one name the greater holds.
    pub rank: u64,
    /// Its text; empty if it was removed.
    pub value: String,
}

/// The secrets that a node holds, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vault(BTreeMap<String, SharedSecret>);

/// The kind of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// One with which cookies are made and checked (RFC 9018).
    Cookie {
        /// The time from which it makes them.
        begins: Utc,
        /// The secret.
        secret: cookie::Secret,
    },
    /// The key by which clients fall into cohorts.
    Cohort(HashKey),
    /// That of a TSIG key of this name, in base64; nothing, if it was removed.
    Tsig(Name, Option<String>),
}

/// All that a node tells of its vault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeVault {
    /// The ranks of the secrets that are in force there.
    pub held: BTreeMap<String, u64>,
    /// Names of those in whose place its config has another one.
    pub own: BTreeSet<String>,
    /// Its lock, and secrets for those who lack them; their prints are ranks.
    pub secrets: NodeSecrets,
}

/// Knowledge of others with which a node looks at its vault.
#[derive(Clone, Debug)]
pub struct VaultSight {
    /// This node.
    pub me: Author,
    /// Its mark in what it draws; absent if nobody listens to it.
    pub mark: Option<NodeMark>,
    /// Tells that a majority is heard.
    pub is_together: bool,
    /// Time by its own clock.
    pub now: Moment,
    /// Time by the wall.
    pub wall: Utc,
    /// The others that are listened to, those that come after this one in order first.
    pub others: Vec<OtherVault>,
}

/// Another node, and what it tells of its vault.
#[derive(Clone, Debug)]
pub struct OtherVault {
    /// The node.
    pub author: Author,
    /// Its name.
    pub name: String,
    /// Tells that it was heard lately.
    pub is_heard: bool,
    /// Its word; absent if it has told none.
    pub said: Option<Arc<NodeVault>>,
}

/// All that was heard of vaults.
#[derive(Debug, Default)]
pub(super) struct VaultsHeard {
    pub(super) said: BTreeMap<Author, Arc<NodeVault>>,
    pub(super) own: Option<NodeVault>,
    /// Everything that is wrong with secrets at this node; for people.
    pub(super) doubts: Vec<String>,
    /// Rises with each word.
    pub(super) news: u64,
}

/// Shown without the value.
impl fmt::Debug for SharedSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "(secret of rank {})", self.rank)
    }
}

impl SecretKind {
    /// Reads a secret of this name; nothing if it is none.
    #[must_use]
    pub fn read(name: &str, value: &str) -> Option<Self> {
        if name == COHORT {
            return Some(Self::Cohort(HashKey(u64::from_be_bytes(from_hexadecimal(
                value,
            )?))));
        }
        if name.starts_with(COOKIE) {
            let (begins, secret) = value.split_once(' ')?;
            return Some(Self::Cookie {
                begins: Utc(begins.parse().ok()?),
                secret: cookie::Secret(from_hexadecimal(secret)?),
            });
        }
        let key = Name::parse(name.strip_prefix(TSIG)?).ok()?;
        let is_sound = value.is_empty() || tsig::secret(value).is_some();
        let value = Some(value.to_owned()).filter(|value| !value.is_empty());
        is_sound.then_some(Self::Tsig(key, value))
    }

    /// Its name and its text; `rank` is the name of a cookie's.
    pub(super) fn write(&self, rank: u64) -> (String, String) {
        match self {
            Self::Cookie { begins, secret } => (
                format!("{COOKIE}{rank:016x}"),
                format!("{} {}", begins.0, to_hexadecimal(&secret.0)),
            ),
            Self::Cohort(key) => (COHORT.to_owned(), to_hexadecimal(&key.0.to_be_bytes())),
            Self::Tsig(key, value) => (tsig_name(key), value.clone().unwrap_or_default()),
        }
    }
}

/// The name of a TSIG key's secret.
#[must_use]
pub fn tsig_name(key: &Name) -> String {
    format!("{TSIG}{}", key.to_string().to_ascii_lowercase())
}

/// The time at which a secret of this rank was drawn or set.
#[must_use]
pub fn rank_time(rank: u64) -> Utc {
    match rank > MIDDLE / 2 {
        true => revision_time(rank.abs_diff(MIDDLE)),
        false => revision_time(rank),
    }
}

/// The revision from which a rank was made.
fn revision(rank: u64) -> u64 {
    match rank > MIDDLE / 2 {
        true => rank.abs_diff(MIDDLE),
        false => rank,
    }
}

impl Vault {
    /// All secrets, those that were removed among them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SharedSecret)> {
        self.0.iter().map(|(name, own)| (&**name, own))
    }

    /// A secret.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SharedSecret> {
        self.0.get(name)
    }

    /// The ranks of all.
    #[must_use]
    pub fn ranks(&self) -> BTreeMap<String, u64> {
        let all = self.0.iter();
        all.map(|(name, own)| (name.clone(), own.rank)).collect()
    }

    /// Takes a secret, if it holds over what is there; tells whether it did. What is none, or has no room, is not taken.
    pub fn take(&mut self, name: &str, secret: SharedSecret) -> bool {
        let known = self.0.get(name);
        let is_newer = known.is_none_or(|known| known.rank < secret.rank);
        let has_room = known.is_some() || self.0.len() < CLUSTER_VAULT.0;
        let fits = name.len() <= CLUSTER_TEXT_BYTES.0 && secret.value.len() <= CLUSTER_TEXT_BYTES.2;
        let is_sound = SecretKind::read(name, &secret.value).is_some();
        let takes = is_newer && has_room && fits && is_sound;
        if takes {
            self.0.insert(name.to_owned(), secret);
        }
        takes
    }

    /// Puts a new secret in the place of what is there; its name, or nothing if there is no room.
    pub(super) fn put(
        &mut self,
        kind: &SecretKind,
        (mark, wall): (NodeMark, Utc),
    ) -> Option<String> {
        let revision = self.next(mark, wall);
        let rank = match kind {
            SecretKind::Cohort(_) => MIDDLE + revision,
            SecretKind::Cookie { .. } | SecretKind::Tsig(..) => revision,
        };
        let (name, value) = kind.write(rank);
        let secret = SharedSecret { rank, value };
        self.take(&name, secret).then_some(name)
    }

    /// Puts the first key of cohorts.
    pub(super) fn put_first(&mut self, key: HashKey, (mark, wall): (NodeMark, Utc)) {
        let rank = MIDDLE - self.next(mark, wall);
        let (name, value) = SecretKind::Cohort(key).write(rank);
        self.take(&name, SharedSecret { rank, value });
    }

    fn next(&self, mark: NodeMark, wall: Utc) -> u64 {
        let last = self.0.values().map(|own| revision(own.rank)).max();
        next_revision(last.unwrap_or(0), wall.0, Some(mark))
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// All that are read, with their names and ranks.
    pub fn read(&self) -> impl Iterator<Item = (&str, u64, SecretKind)> {
        let all = self.0.iter();
        all.filter_map(|(name, own)| Some((&**name, own.rank, SecretKind::read(name, &own.value)?)))
    }

    /// The names of cookie secrets; a later one has a greater name.
    pub(super) fn cookie_names(&self) -> impl Iterator<Item = &String> {
        self.0.keys().filter(|name| name.starts_with(COOKIE))
    }

    /// The key of cohorts.
    #[must_use]
    pub fn cohort(&self) -> Option<HashKey> {
        match SecretKind::read(COHORT, &self.0.get(COHORT)?.value)? {
            SecretKind::Cohort(key) => Some(key),
            SecretKind::Cookie { .. } | SecretKind::Tsig(..) => None,
        }
    }

    /// The secrets of TSIG keys, in base64.
    pub fn tsig(&self) -> impl Iterator<Item = (Name, String)> {
        self.read().filter_map(|(_, _, kind)| match kind {
            SecretKind::Tsig(key, value) => Some((key, value?)),
            SecretKind::Cookie { .. } | SecretKind::Cohort(_) => None,
        })
    }
}

impl NodeVault {
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.count(self.held.len());
        for (name, rank) in &self.held {
            out.octets(name.as_bytes());
            out.u64(*rank);
        }
        out.count(self.own.len());
        self.own.iter().for_each(|name| out.octets(name.as_bytes()));
        out.octets(&self.secrets.pack());
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let mut told = Self::default();
        for _ in 0..from.count(CLUSTER_VAULT.0)? {
            let name = from.text(CLUSTER_TEXT_BYTES.0)?;
            told.held.insert(name, from.u64()?);
        }
        for _ in 0..from.count(CLUSTER_VAULT.0)? {
            told.own.insert(from.text(CLUSTER_TEXT_BYTES.0)?);
        }
        told.secrets = NodeSecrets::unpack(from.octets(content.len())?)?;
        from.end()?;
        Ok(told)
    }

    /// Names of the cookie secrets that are in force there; they rise with the ranks.
    pub(super) fn cookies(&self) -> impl Iterator<Item = &String> {
        self.held.keys().filter(|name| name.starts_with(COOKIE))
    }

    /// Tells that there are any.
    pub(super) fn has_cookies(&self) -> bool {
        self.cookies().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::SecretWrap;

    const WALL: Utc = Utc(1_800_000_000_000);

    fn mark(octet: u8) -> NodeMark {
        NodeMark::of(&[octet; 32])
    }

    #[test]
    fn of_two_secrets_the_later_holds_and_of_first_keys_the_earlier() {
        let key = Name::parse("Transfer.example").unwrap();
        let tsig = |value: &str| SecretKind::Tsig(key.clone(), Some(value.to_owned()));
        let mut one = Vault::default();
        assert_eq!(
            one.put(&tsig("c2VjcmV0"), (mark(1), WALL)).as_deref(),
            Some("tsig transfer.example")
        );
        let mut other = one.clone();
        other.put(&SecretKind::Tsig(key.clone(), None), (mark(2), WALL));
        let removed = other.get(&tsig_name(&key)).unwrap().clone();
        assert!(!other.take(&tsig_name(&key), one.get(&tsig_name(&key)).unwrap().clone()));
        assert!(one.take(&tsig_name(&key), removed));
        assert_eq!(one.tsig().count(), 0);

        let (mut one, mut other) = (Vault::default(), Vault::default());
        one.put_first(HashKey(1), (mark(1), WALL));
        other.put_first(HashKey(2), (mark(2), Utc(WALL.0 + 1)));
        assert!(!one.take(COHORT, other.get(COHORT).unwrap().clone()));
        assert!(other.take(COHORT, one.get(COHORT).unwrap().clone()));
        other.put(&SecretKind::Cohort(HashKey(3)), (mark(2), WALL));
        assert!(one.take(COHORT, other.get(COHORT).unwrap().clone()));
        assert_eq!(one.cohort(), Some(HashKey(3)));
        assert_eq!(rank_time(one.get(COHORT).unwrap().rank).0 / 10, WALL.0 / 10);
        let value = &one.get(COHORT).unwrap().value;
        assert!(!format!("{one:?}").contains(value), "no secret is shown");
    }

    #[test]
    fn what_is_no_secret_is_not_taken() {
        let mut vault = Vault::default();
        for (name, value) in [
            ("cohort", "12"),
            ("cookie 1", "12 34"),
            ("tsig a", "%"),
            ("else", ""),
        ] {
            let secret = SharedSecret {
                rank: 7,
                value: value.to_owned(),
            };
            assert!(!vault.take(name, secret), "{name}");
        }
        for number in 0..CLUSTER_VAULT.0 + 5 {
            let secret = SharedSecret {
                rank: 7,
                value: "c2VjcmV0".to_owned(),
            };
            assert_eq!(
                vault.take(&format!("tsig k{number}"), secret),
                number < CLUSTER_VAULT.0
            );
        }
    }

    #[test]
    fn a_telling_is_read_as_it_was_written() {
        let wrap = SecretWrap {
            to: Author(9),
            encapsulated: [1; 32],
            sealed: vec![2; 50],
        };
        let mut told = NodeVault {
            held: BTreeMap::from([("cohort".to_owned(), 5)]),
            own: BTreeSet::from(["cookie".to_owned()]),
            ..NodeVault::default()
        };
        told.secrets.give("cohort", 5, wrap);
        let packed = told.pack();
        assert_eq!(NodeVault::unpack(&packed), Ok(told));
        assert!(NodeVault::unpack(&packed[..packed.len() - 1]).is_err());
    }
}
