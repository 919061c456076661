//! DNSSEC as data: keys, what they sign, and what parents and validators see of it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`algorithm`] | the algorithms that keys may have, with their numbers and names |
//! | [`key`] | public keys as DNSKEY records, private keys that sign |
//! | `ecdsa` | signatures of ECDSA, with nonces made of key and message |
//! | [`ds`] | digests of keys for the parent (DS, CDS, CDNSKEY) |
//! | [`material`] | the secret numbers of a private key, for files to hold |
//! | [`bind`] | key files as BIND writes them |
//! | [`pkcs8`] | key files as OpenSSL writes them |
//! | `der` | the few elements of DER that key files are made of |
//!
//! Nothing here knows when a key is used: that is the policy of rollovers. Nothing here reads a
//! file or a clock, and what is random comes as an argument (only RSA primes are found by the
//! cryptographic library itself).
pub mod algorithm;
pub mod bind;
mod der;
pub mod ds;
mod ecdsa;
pub mod key;
pub mod material;
pub mod pkcs8;

/// SHA-1, for the hashed names of NSEC3 alone (RFC 5155, section 5).
#[must_use]
pub fn sha1(octets: &[u8]) -> [u8; 20] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
    let mut hash = [0; 20];
    hash.copy_from_slice(digest.as_ref());
    hash
}

pub use algorithm::Algorithm;
pub use ds::Digest;
pub use key::{KeyError, PrivateKey, PublicKey};
