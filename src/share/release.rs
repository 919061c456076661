//! Releases: the shared part of a config, signed by an administrator's key, and how it is carried.
//!
//! ```text
//! #waypost-release version=1764496564 cluster=prod first=fra1 pace=waves weaken=no
//! #waypost-signature ed25519:KEY SIGNATURE
//! the text, in TOML
//! ```
//!
//! Both lines are comments of TOML: what is carried is what lies on the disk of each node, and a node that begins knows by its file what it
//! has. The signature (Ed25519, RFC 8032) is over the first line and the text. The version is the second in which it was signed, so it
//! rises by itself; an older text comes back only by being signed anew, as a rollback.
//!
//! A node tells which release it knows and how far it is with it in one small record, and gives the text in parts to those who lack it.
use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::packing::{Garbled, Packer, Unpacker};
use super::seal::{Author, AuthorKey, AuthorSeal, SIGNATURE_BYTES, short_hash};
use crate::base::limits::{CLUSTER_RELEASE, CLUSTER_TEXT_BYTES};
use crate::base::{from_hexadecimal, to_hexadecimal};

const HEAD: &str = "#waypost-release ";
const SIGNED: &str = "#waypost-signature ed25519:";
const CONTEXT: &[u8] = b"waypost config release\n";

/// A release among others: its version, and a number made of its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseId {
    /// The second in which it was signed, since 1970.
    pub version: u64,
    /// The number.
    pub print: u64,
}

/// The order in which nodes take a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleasePace {
    /// One node, then its region, then all.
    Waves,
    /// All at once: a way back to what is known to be good.
    AtOnce,
}

/// A word on what a release takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseConsent {
    /// It may weaken nothing.
    None,
    /// It may weaken what a reload by itself may not.
    Weakens,
}

/// The first line of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseHead {
    /// The second in which it was signed, since 1970.
    pub version: u64,
    /// The cluster that it is for.
    pub cluster: String,
    /// The node that takes it first.
    pub first: String,
    /// The order in which nodes take it.
    pub pace: ReleasePace,
    /// The word on what it takes away.
    pub consent: ReleaseConsent,
}

/// A release whose signature is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its first line.
    pub head: ReleaseHead,
    /// The key that signed it.
    pub key: AuthorKey,
    /// All of it, with both lines.
    pub text: Arc<str>,
    /// Its name among others.
    pub id: ReleaseId,
}

/// Why a text is no release for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReleaseFault {
    /// It lacks the lines, or one cannot be read.
    #[error("it is not signed: `waypost config sign` does that")]
    Unsigned,
    /// It is for another cluster.
    #[error("it is for another cluster")]
    Foreign,
    /// Its key is none of those that may sign.
    #[error("its key is none of `keys` of [cluster.distribute]")]
    Stranger,
    /// The key's owner has not signed this.
    #[error("its signature is not good: it was changed after it was signed")]
    Forged,
    /// It is too long.
    #[error("it is longer than a release may be")]
    Long,
}

impl ReleaseHead {
    fn line(&self) -> String {
        let pace = match self.pace {
            ReleasePace::Waves => "waves",
            ReleasePace::AtOnce => "all",
        };
        let weaken = match self.consent {
            ReleaseConsent::None => "no",
            ReleaseConsent::Weakens => "yes",
        };
        format!(
            "{HEAD}version={} cluster={} first={} pace={pace} weaken={weaken}",
            self.version, self.cluster, self.first
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix(HEAD)?.split(' ');
        let mut value = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let head = Self {
            version: value("version")?.parse().ok()?,
            cluster: value("cluster")?.to_owned(),
            first: value("first")?.to_owned(),
            pace: match value("pace")? {
                "waves" => ReleasePace::Waves,
                "all" => ReleasePace::AtOnce,
                _ => return None,
            },
            consent: match value("weaken")? {
                "no" => ReleaseConsent::None,
                "yes" => ReleaseConsent::Weakens,
                _ => return None,
            },
        };
        // There is one form only.
        (head.line() == line).then_some(head)
    }
}

impl Release {
    /// Signs a text; a release is signed anew, its lines replaced.
    #[must_use]
    pub fn sign(text: &str, head: &ReleaseHead, seal: &AuthorSeal) -> String {
        let (_, text) = parted(text).unwrap_or((("", ""), text));
        let line = head.line();
        let signature = seal.sign(&signed(&line, text));
        let (key, signature) = (to_hexadecimal(&seal.key().0), to_hexadecimal(&signature));
        format!("{line}\n{SIGNED}{key} {signature}\n{text}")
    }

    /// Reads a release for a cluster, signed by one of these keys.
    ///
    /// # Errors
    /// The reason for which it is none.
    pub fn read(text: &str, cluster: &str, keys: &[AuthorKey]) -> Result<Self, ReleaseFault> {
        let (parts, octets) = CLUSTER_RELEASE;
        if text.len() > usize::from(parts) * octets {
            return Err(ReleaseFault::Long);
        }
        let ((line, seal), body) = parted(text).ok_or(ReleaseFault::Unsigned)?;
        let head = ReleaseHead::parse(line).ok_or(ReleaseFault::Unsigned)?;
        let (key, signature) = signature(seal).ok_or(ReleaseFault::Unsigned)?;
        if head.cluster != cluster {
            return Err(ReleaseFault::Foreign);
        }
        if !keys.contains(&key) {
            return Err(ReleaseFault::Stranger);
        }
        if !key.has_signed(&signed(line, body), &signature) {
            return Err(ReleaseFault::Forged);
        }
        Ok(Self {
            id: ReleaseId {
                version: head.version,
                print: short_hash(text.as_bytes()),
            },
            head,
            key,
            text: text.into(),
        })
    }
}

/// The two lines of a release, and the text below them.
fn parted(text: &str) -> Option<((&str, &str), &str)> {
    let (line, rest) = text.split_once('\n')?;
    let (seal, body) = rest.split_once('\n')?;
    let is_release = line.starts_with(HEAD) && seal.starts_with(SIGNED);
    is_release.then_some(((line, seal), body))
}

fn signed(line: &str, text: &str) -> Vec<u8> {
    [CONTEXT, line.as_bytes(), b"\n", text.as_bytes()].concat()
}

fn signature(line: &str) -> Option<(AuthorKey, [u8; SIGNATURE_BYTES])> {
    let (key, signature) = line.strip_prefix(SIGNED)?.split_once(' ')?;
    Some((
        AuthorKey(from_hexadecimal(key)?),
        from_hexadecimal(signature)?,
    ))
}

/// The stage of a node with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseStage {
    /// It has it, and its turn has not come.
    Waiting,
    /// It is in force, and not long enough.
    Taken,
    /// It is in force, and nothing has grown worse.
    Sound,
    /// It was not taken.
    Refused,
    /// It was taken, something grew worse, and the one before is in force again.
    Worse,
}

impl ReleaseStage {
    const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Taken,
        Self::Sound,
        Self::Refused,
        Self::Worse,
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Taken => "taken",
            Self::Sound => "sound",
            Self::Refused => "refused",
            Self::Worse => "worse",
        }
    }
}

/// A node's word on the newest release that it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseWord {
    /// The release.
    pub id: ReleaseId,
    /// The stage of the node with it.
    pub stage: ReleaseStage,
    /// Why it was not taken, or is in force no more; for a person.
    pub reason: String,
    /// Parts of its text that the node gives.
    pub parts: u16,
}

/// A part of the text of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReleasePart {
    pub(super) print: u64,
    pub(super) parts: u16,
    pub(super) octets: Vec<u8>,
}

/// All that nodes tell of releases.
#[derive(Debug, Default)]
pub(super) struct ReleasesHeard {
    pub(super) words: BTreeMap<Author, ReleaseWord>,
    pub(super) parts: BTreeMap<(Author, u16), ReleasePart>,
    pub(super) said: Option<ReleaseWord>,
}

impl ReleasesHeard {
    /// Takes in a record: the word is part 0.
    pub(super) fn take(
        &mut self,
        author: Author,
        part: u16,
        content: &[u8],
    ) -> Result<(), Garbled> {
        if part == 0 {
            self.words.insert(author, ReleaseWord::unpack(content)?);
        } else {
            let own = ReleasePart::unpack(content)?;
            self.parts.insert((author, part), own);
        }
        Ok(())
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Author) -> bool) {
        self.words.retain(|author, _| stays(author));
        self.parts.retain(|(author, _), _| stays(author));
    }

    /// Has all of it said once more.
    pub(super) fn say_again(&mut self) {
        self.said = None;
    }
}

impl ReleaseWord {
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.u64(self.id.version);
        out.u64(self.id.print);
        let code = ReleaseStage::ALL.iter().position(|own| *own == self.stage);
        out.u8(u8::try_from(code.unwrap_or(0)).unwrap_or(0));
        out.octets(self.reason.as_bytes());
        out.u16(self.parts);
        out.0
    }

    fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let id = ReleaseId {
            version: from.u64()?,
            print: from.u64()?,
        };
        let stage = ReleaseStage::ALL.get(usize::from(from.u8()?)).copied();
        let word = Self {
            id,
            stage: stage.ok_or_else(|| from.wrong("stage"))?,
            reason: from.text(CLUSTER_TEXT_BYTES.2)?,
            parts: from.u16()?,
        };
        from.end()?;
        (word.parts <= CLUSTER_RELEASE.0)
            .then_some(())
            .ok_or_else(|| from.wrong("parts"))?;
        Ok(word)
    }
}

impl ReleasePart {
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.u64(self.print);
        out.u16(self.parts);
        out.octets(&self.octets);
        out.0
    }

    fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let own = Self {
            print: from.u64()?,
            parts: from.u16()?,
            octets: from.octets(CLUSTER_RELEASE.1)?.to_vec(),
        };
        from.end()?;
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(number: u8) -> AuthorSeal {
        AuthorSeal::from_seed(&[number; 32]).unwrap()
    }

    #[test]
    fn a_release_is_taken_as_it_was_signed_and_not_otherwise() {
        let head = ReleaseHead {
            version: 7,
            cluster: "prod".to_owned(),
            first: "fra1".to_owned(),
            pace: ReleasePace::Waves,
            consent: ReleaseConsent::None,
        };
        let keys = [seal(1).key()];
        let text = Release::sign("[a]\nb = 1\n", &head, &seal(1));
        let read = Release::read(&text, "prod", &keys).unwrap();
        assert_eq!((&read.head, &*read.text), (&head, &*text));
        for (text, cluster, fault) in [
            (text.clone(), "test", ReleaseFault::Foreign),
            (text.replace("b = 1", "b = 2"), "prod", ReleaseFault::Forged),
            (
                text.replace("version=7", "version=8"),
                "prod",
                ReleaseFault::Forged,
            ),
            (
                text.replace("pace=waves", "pace=all"),
                "prod",
                ReleaseFault::Forged,
            ),
            (
                text.replace("version=7", "version=07"),
                "prod",
                ReleaseFault::Unsigned,
            ),
            (
                Release::sign("[a]\n", &head, &seal(2)),
                "prod",
                ReleaseFault::Stranger,
            ),
            ("[a]\nb = 1\n".to_owned(), "prod", ReleaseFault::Unsigned),
        ] {
            assert_eq!(Release::read(&text, cluster, &keys), Err(fault), "{text}");
        }
        // A release is signed anew without its former lines.
        let next = ReleaseHead { version: 9, ..head };
        let again = Release::sign(&text, &next, &seal(1));
        assert_eq!(again, Release::sign("[a]\nb = 1\n", &next, &seal(1)));
    }

    #[test]
    fn words_and_parts_are_read_as_they_were_written() {
        let word = ReleaseWord {
            id: ReleaseId {
                version: 3,
                print: 4,
            },
            stage: ReleaseStage::Worse,
            reason: "why".to_owned(),
            parts: 2,
        };
        assert_eq!(ReleaseWord::unpack(&word.pack()), Ok(word.clone()));
        let many = ReleaseWord {
            parts: CLUSTER_RELEASE.0 + 1,
            ..word
        };
        assert!(ReleaseWord::unpack(&many.pack()).is_err());
        let part = ReleasePart {
            print: 4,
            parts: 2,
            octets: vec![1, 2],
        };
        assert_eq!(ReleasePart::unpack(&part.pack()), Ok(part));
    }
}
