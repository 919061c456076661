//! Secrets that one node encrypts to another: HPKE (RFC 9180) in base mode, X25519 with HKDF-SHA256 and AES-128-GCM.
//!
//! A node's lock is made of the seed with which it signs what it says, by HKDF (RFC 5869): no further secret has to be made, kept and
//! brought along. Its public half goes out in a record that the node signs, so that it is as trusted as its word. What a secret is called is
//! bound to it, as additional data.
//!
//! Nothing here keeps a secret; what was opened is given to whoever asked.
use aws_lc_rs::agreement::{PrivateKey, X25519};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;
use tokio_rustls::rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
use tokio_rustls::rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};

use crate::share::{Author, SecretLock, SecretWrap};

const INFO: &[u8] = b"waypost secret 1";

/// The private half of a node's lock.
pub struct NodeLock {
    private: HpkePrivateKey,
    public: [u8; 32],
}

impl NodeLock {
    /// The lock of the node with this seed; nothing if the library refuses it.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        let made = Salt::new(HKDF_SHA256, b"waypost node lock 1").extract(seed);
        let mut private = [0; 32];
        let made = made.expand(&[], HKDF_SHA256).ok()?;
        made.fill(&mut private).ok()?;
        let pair = PrivateKey::from_private_key(&X25519, &private).ok()?;
        let public = pair.compute_public_key().ok()?;
        Some(Self {
            public: public.as_ref().try_into().ok()?,
            private: private.to_vec().into(),
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Decrypts a secret of this name; nothing, if it is another or not encrypted to this node.
    #[must_use]
    pub fn open(&self, name: &str, print: u64, wrap: &SecretWrap) -> Option<String> {
        let hpke = DH_KEM_X25519_HKDF_SHA256_AES_128;
        let encapsulated = EncapsulatedSecret(wrap.encapsulated.to_vec());
        let bound = bound(name, print, wrap.to);
        let opened = hpke.open(&encapsulated, INFO, &bound, &wrap.sealed, &self.private);
        String::from_utf8(opened.ok()?).ok()
    }
}

/// Encrypts a secret of this name to the node with this lock; nothing, if that is no lock.
#[must_use]
pub fn seal(
    name: &str,
    print: u64,
    secret: &str,
    (to, lock): (Author, [u8; 32]),
) -> Option<SecretWrap> {
    let hpke = DH_KEM_X25519_HKDF_SHA256_AES_128;
    let lock = HpkePublicKey(lock.to_vec());
    let bound = bound(name, print, to);
    let sealed = hpke.seal(INFO, &bound, secret.as_bytes(), &lock);
    let (encapsulated, sealed) = sealed.ok()?;
    Some(SecretWrap {
        to,
        encapsulated: encapsulated.0.try_into().ok()?,
        sealed,
    })
}

/// A node's lock, for secrets that all nodes have in common.
impl SecretLock for NodeLock {
    fn public(&self) -> [u8; 32] {
        self.public
    }

    fn seal(
        &self,
        (name, rank): (&str, u64),
        value: &str,
        to: (Author, [u8; 32]),
    ) -> Option<SecretWrap> {
        seal(name, rank, value, to)
    }

    fn open(&self, (name, rank): (&str, u64), wrap: &SecretWrap) -> Option<String> {
        Self::open(self, name, rank, wrap)
    }

    fn draw(&self) -> Option<[u8; 16]> {
        let mut drawn = [0; 16];
        rand::fill(&mut drawn).ok()?;
        Some(drawn)
    }
}

fn bound(name: &str, print: u64, to: Author) -> Vec<u8> {
    format!("{to} {print:016x} {name}").into_bytes()
}

/// Shown without the secret.
impl std::fmt::Debug for NodeLock {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("NodeLock").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_opened_by_whom_it_is_for_and_under_its_name() {
        let [own, other] = [[1; 32], [2; 32]].map(|seed| NodeLock::from_seed(&seed).unwrap());
        let to = Author(7);
        let wrap = seal("key", 5, "secret", (to, own.public())).unwrap();
        assert_eq!(own.open("key", 5, &wrap).as_deref(), Some("secret"));
        assert_eq!(other.open("key", 5, &wrap), None);
        assert_eq!(own.open("other", 5, &wrap), None);
        assert_eq!(own.open("key", 6, &wrap), None);
        let mut bent = wrap.clone();
        bent.sealed[0] ^= 1;
        assert_eq!(own.open("key", 5, &bent), None);
        assert!(!wrap.sealed.windows(6).any(|six| six == b"secret"));
    }
}
