//! Keys of authors: Ed25519 (RFC 8032), and the short name of an author that its key gives it.
//!
//! An author is called by the first octets of its public key's hash, so that it is the same on every node, whatever each
//! node's roster calls it and in whichever order. Two keys of one roster with the same short name are refused there.
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Octets of a signature.
pub(super) const SIGNATURE_BYTES: usize = 64;

/// A node as the author of records: the first octets of the hash of its public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Author(pub u64);

/// The public key of an author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuthorKey(pub [u8; 32]);

/// The key with which an author signs.
pub struct AuthorSeal {
    pair: Ed25519KeyPair,
    key: AuthorKey,
}

impl AuthorKey {
    /// The short name.
    #[must_use]
    pub fn author(&self) -> Author {
        Author(short_hash(&self.0))
    }

    /// Tells that this key's owner has signed these octets.
    pub(super) fn has_signed(&self, octets: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(octets, signature).is_ok()
    }
}

impl AuthorSeal {
    /// The key of a seed that somebody drew; nothing if the library refuses it.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let key = AuthorKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, key })
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> AuthorKey {
        self.key
    }

    /// Signs these octets.
    pub(super) fn sign(&self, octets: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let signature = self.pair.sign(octets);
        let octets = signature.as_ref().try_into();
        octets.expect("a signature of Ed25519 has 64 octets")
    }
}

/// Shown without the key.
impl fmt::Debug for AuthorSeal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "seal of {:?}", self.key.author())
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Author {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl fmt::Debug for Author {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// SHA-256.
pub(super) fn hash(octets: &[u8]) -> [u8; 32] {
    let hash = digest(&SHA256, octets);
    hash.as_ref().try_into().expect("SHA-256 has 32 octets")
}

/// The first octets of it, as a number.
pub(super) fn short_hash(octets: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash(octets);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
