//! Records: an envelope that says whose it is and which, a content, and the author's signature over both.
//!
//! ```text
//! "WPS" version | kind | part | cluster | author | boot | seq | length | content | signature
//!   3      1        1     2        8        8       8      8      4       length      64     octets
//! ```
//!
//! A record of another version is refused whole: the first octets say so. The cluster is part of what is signed, so that no
//! record of one is taken in another. Nothing here knows what a content means.
use std::sync::Arc;

use crate::base::limits::{CLUSTER_DECLARED, CLUSTER_RECORD_BYTES};

use super::entry::EntryHash;
use super::packing::{Garbled, Packer, Unpacker};
use super::seal::{Author, AuthorKey, AuthorSeal, SIGNATURE_BYTES, hash};
use super::stamp::Boot;

const MAGIC: [u8; 4] = *b"WPS\x01";
/// Octets before the content.
const HEADER_BYTES: usize = 43;

/// One of the series of records that an author writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordStream {
    /// The newest vote.
    Vote,
    /// The names of the targets that it votes on, in parts.
    Names(u16),
    /// Entries of the log; all of them are kept.
    Log,
    /// The newest head.
    Head,
    /// The newest load.
    Load,
    /// The rings of keys that it serves, in parts.
    Rings(u16),
    /// Secrets for those who lack them.
    Secrets,
    /// The secrets that all nodes have in common, for those who lack them.
    Vault,
    /// Records and objects that are declared, in parts.
    Declared(u16),
    /// The newest release of the shared config: a word on it, then its text in parts.
    Release(u16),
}

/// The outside of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The cluster that it is for.
    pub cluster: u64,
    /// Its author.
    pub author: Author,
    /// The series that it belongs to.
    pub stream: RecordStream,
    /// The start of its author.
    pub boot: Boot,
    /// Its number since then, from 1.
    pub seq: u64,
}

/// A record as it is carried and kept. Its signature is not necessarily good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    envelope: Envelope,
    octets: Arc<[u8]>,
}

impl RecordStream {
    /// Octets of one of its records at the most.
    fn room(self) -> usize {
        match self {
            Self::Declared(_) => CLUSTER_DECLARED.0,
            Self::Vote
            | Self::Names(_)
            | Self::Log
            | Self::Head
            | Self::Load
            | Self::Rings(_)
            | Self::Secrets
            | Self::Vault
            | Self::Release(_) => CLUSTER_RECORD_BYTES,
        }
    }

    fn code(self) -> (u8, u16) {
        match self {
            Self::Vote => (1, 0),
            Self::Names(part) => (2, part),
            Self::Log => (3, 0),
            Self::Head => (4, 0),
            Self::Load => (5, 0),
            Self::Rings(part) => (6, part),
            Self::Secrets => (7, 0),
            Self::Declared(part) => (8, part),
            Self::Release(part) => (9, part),
            Self::Vault => (10, 0),
        }
    }

    pub(super) fn pack(self, out: &mut Packer) {
        let (kind, part) = self.code();
        out.u8(kind);
        out.u16(part);
    }

    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Garbled> {
        let wrong = from.wrong("kind");
        match (from.u8()?, from.u16()?) {
            (1, 0) => Ok(Self::Vote),
            (2, part) => Ok(Self::Names(part)),
            (3, 0) => Ok(Self::Log),
            (4, 0) => Ok(Self::Head),
            (5, 0) => Ok(Self::Load),
            (6, part) => Ok(Self::Rings(part)),
            (7, 0) => Ok(Self::Secrets),
            (8, part) if part < CLUSTER_DECLARED.2 => Ok(Self::Declared(part)),
            (9, part) => Ok(Self::Release(part)),
            (10, 0) => Ok(Self::Vault),
            _ => Err(wrong),
        }
    }
}

impl Sealed {
    /// Signs a content.
    ///
    /// # Panics
    /// If the content is longer than a record may be; contents have limits below that.
    #[must_use]
    pub fn seal(envelope: Envelope, content: &[u8], seal: &AuthorSeal) -> Self {
        let mut out = Packer::default();
        out.fixed(&MAGIC);
        envelope.stream.pack(&mut out);
        for number in [
            envelope.cluster,
            envelope.author.0,
            envelope.boot.0,
            envelope.seq,
        ] {
            out.u64(number);
        }
        out.octets(content);
        let signature = seal.sign(&out.0);
        out.fixed(&signature);
        assert!(
            out.0.len() <= envelope.stream.room(),
            "contents have limits"
        );
        Self {
            envelope,
            octets: out.0.into(),
        }
    }

    /// Reads a record; its signature is not looked at.
    ///
    /// # Errors
    /// The place from which it is none.
    pub fn parse(octets: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(octets);
        if from.fixed()? != MAGIC {
            return Err(Garbled {
                at: 0,
                what: "version",
            });
        }
        let stream = RecordStream::unpack(&mut from)?;
        if octets.len() > stream.room() {
            return Err(from.wrong("length"));
        }
        let [cluster, author, boot, seq] = [from.u64()?, from.u64()?, from.u64()?, from.u64()?];
        from.octets(stream.room())?;
        from.fixed::<SIGNATURE_BYTES>()?;
        from.end()?;
        let envelope = Envelope {
            cluster,
            author: Author(author),
            stream,
            boot: Boot(boot),
            seq,
        };
        Ok(Self {
            envelope,
            octets: octets.into(),
        })
    }

    /// The outside.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// All of it.
    #[must_use]
    pub fn octets(&self) -> &Arc<[u8]> {
        &self.octets
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.octets[HEADER_BYTES..self.octets.len() - SIGNATURE_BYTES]
    }

    /// Tells that this key's owner has signed it, and is whom it names as its author.
    #[must_use]
    pub fn is_signed_by(&self, key: &AuthorKey) -> bool {
        let (signed, signature) = self.octets.split_at(self.octets.len() - SIGNATURE_BYTES);
        key.author() == self.envelope.author && key.has_signed(signed, signature)
    }

    /// The hash of all of it.
    #[must_use]
    pub fn hash(&self) -> EntryHash {
        EntryHash(hash(&self.octets))
    }
}
