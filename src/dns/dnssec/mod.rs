//! DNSSEC as data: keys, what they sign, and what parents and validators see of it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`algorithm`] | the algorithms that keys may have, with their numbers and names |
//! | [`key`] | public keys as DNSKEY records, private keys that sign |
//! | [`ds`] | digests of keys for the parent (DS, CDS, CDNSKEY) |
//! | [`material`] | the secret numbers of a private key, for files to hold |
//! | `der` | the few elements of DER that key files are made of |
//!
//! Nothing here knows when a key is used: that is the policy of rollovers. Nothing here reads a
//! file or a clock, and what is random comes as an argument (only RSA primes are found by the
//! cryptographic library itself).
pub mod algorithm;
mod der;
pub mod ds;
pub mod key;
pub mod material;

pub use algorithm::Algorithm;
pub use ds::Digest;
pub use key::{KeyError, PrivateKey, PublicKey};
