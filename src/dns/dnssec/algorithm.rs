//! The algorithms that keys may have (RFC 8624: what signers should use today).
//!
//! Three and no more: the default of the field, its modern sibling, and the one that every old
//! validator knows. Whoever has keys of another algorithm rolls to one of these first.
use std::fmt;

use serde::{Deserialize, Serialize};

/// A DNSSEC algorithm; its number is that of the DNSKEY, RRSIG and DS records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// RSA with PKCS #1 v1.5 padding over SHA-256 (RFC 5702).
    RsaSha256 = 8,
    /// ECDSA on P-256 over SHA-256 (RFC 6605).
    EcdsaP256 = 13,
    /// Ed25519 (RFC 8080).
    Ed25519 = 15,
}

impl Algorithm {
    /// All of them, by number.
    pub const ALL: [Self; 3] = [Self::RsaSha256, Self::EcdsaP256, Self::Ed25519];

    /// The number in records.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The algorithm of a number, if it is one of these.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.number() == number)
    }

    /// The name in key files and master files (RFC 4034, appendix A.1, as BIND spells it).
    #[must_use]
    pub const fn mnemonic(self) -> &'static str {
        match self {
            Self::RsaSha256 => "RSASHA256",
            Self::EcdsaP256 => "ECDSAP256SHA256",
            Self::Ed25519 => "ED25519",
        }
    }

    /// The name in configs and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::EcdsaP256 => "ecdsa-p256",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The algorithm that a config or a command names, in either spelling.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| {
            text == algorithm.name() || text.eq_ignore_ascii_case(algorithm.mnemonic())
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_number(algorithm.number()), Some(algorithm));
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::from_name(algorithm.mnemonic()), Some(algorithm));
        }
        assert_eq!(Algorithm::EcdsaP256.number(), 13);
        assert_eq!(Algorithm::from_number(5), None);
        assert_eq!(Algorithm::from_name("rsa"), None);
    }
}
