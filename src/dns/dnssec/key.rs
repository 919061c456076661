//! Keys: the public part as a DNSKEY record, the private part as a signer.
//!
//! Signing is deterministic: PKCS #1 v1.5 and Ed25519 are by definition, ECDSA because its nonce
//! is made of key and message (RFC 6979). So nodes that hold the same keys give the same octets
//! for the same records, and a signature may be made again instead of being remembered.
//!
//! What a signature costs (`cargo bench --bench signing costs`, one core, of which `openssl speed` gets an ECDSA
//! signature in 33 µs): Ed25519 12 µs, ECDSA on P-256 37 µs, RSA of 2048 bits 0.41 ms, of 3072 bits 1.1 ms, of 4096
//! bits 2.2 ms. ECDSA and RSA are checked before they leave, Ed25519 is as the library makes it.
use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use thiserror::Error;

use super::Algorithm;
use super::der;
use super::der::Elements;
use super::ecdsa::Ecdsa;
use super::material::{Material, RsaNumbers};

/// The flags of a key that signs zone data: bit 7, "zone key" (RFC 4034, section 2.1.1).
pub const FLAGS_ZONE: u16 = 256;
/// The flags of a key that a DS names: zone key and secure entry point (RFC 4034, section 2.1.1).
pub const FLAGS_ENTRY: u16 = 257;
const FLAG_ENTRY: u16 = 1;
/// The only protocol number of DNSKEY records (RFC 4034, section 2.1.2).
const PROTOCOL: u8 = 3;

/// What a DNSKEY record says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    /// [`FLAGS_ZONE`] or [`FLAGS_ENTRY`].
    pub flags: u16,
    /// How this key signs.
    pub algorithm: Algorithm,
    /// The key itself, in the form of its algorithm (RFC 3110, 6605, 8080).
    pub octets: Box<[u8]>,
}

/// A key that signs. It shows nothing but its public part, and may be used by many threads.
pub struct PrivateKey {
    public: PublicKey,
    /// That of the public part, which each signature bears.
    tag: u16,
    signer: Box<KeySigner>,
}

enum KeySigner {
    Rsa(RsaKeyPair),
    P256(Ecdsa),
    Ed25519(Ed25519KeyPair),
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The numbers are no key of this algorithm, or do not belong together.
    #[error("the numbers are not those of a key")]
    Numbers,
    /// RSA below 2048 bits is too weak, above 4096 bits not allowed (RFC 5702, section 2.1).
    #[error("an RSA key has 2048 to 4096 bits")]
    Size,
    /// The library found no primes.
    #[error("no key could be made")]
    Unmade,
}

/// How long the modulus of a new RSA key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaSize {
    /// 2048 bits: what a UDP reply has room for.
    Bits2048,
    /// 3072 bits.
    Bits3072,
    /// 4096 bits.
    Bits4096,
}

impl PublicKey {
    /// The RDATA of the DNSKEY record (RFC 4034, section 2).
    #[must_use]
    pub fn rdata(&self) -> Vec<u8> {
        let mut rdata = self.flags.to_be_bytes().to_vec();
        rdata.extend([PROTOCOL, self.algorithm.number()]);
        rdata.extend_from_slice(&self.octets);
        rdata
    }

    /// The key of a DNSKEY record; `None` if its algorithm is not one of ours.
    #[must_use]
    pub fn from_rdata(rdata: &[u8]) -> Option<Self> {
        let (&[high, low, PROTOCOL, algorithm], octets) = rdata.split_first_chunk()? else {
            return None;
        };
        Some(Self {
            flags: u16::from_be_bytes([high, low]),
            algorithm: Algorithm::from_number(algorithm)?,
            octets: octets.into(),
        })
    }

    /// The first octets of the SHA-256 of its RDATA, as a number: keys of one tag differ in it.
    #[must_use]
    pub fn print(&self) -> u64 {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.rdata());
        let first = hash.as_ref().first_chunk();
        u64::from_be_bytes(*first.expect("SHA-256 has 32 octets"))
    }

    /// The key tag (RFC 4034, appendix B): a number to find keys by, not their identity.
    #[must_use]
    pub fn tag(&self) -> u16 {
        let sum = self.rdata().chunks(2).fold(0_u32, |sum, pair| {
            let high = u32::from(pair[0]) << 8;
            sum.wrapping_add(high + u32::from(pair.get(1).copied().unwrap_or(0)))
        });
        let [_, _, high, low] = sum.wrapping_add(sum >> 16).to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// Whether the parent's DS is meant to name this key (RFC 4034, section 2.1.1).
    #[must_use]
    pub const fn is_sep(&self) -> bool {
        self.flags & FLAG_ENTRY != 0
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::RsaSha256 => {
                let Some((e, n)) = rsa_halves(&self.octets) else {
                    return false;
                };
                PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Algorithm::EcdsaP256 => {
                let point = [&[4], &*self.octets].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Algorithm::Ed25519 => {
                // The library would take a whole certificate's key here; a record has 32 octets.
                let octets = self
                    .octets
                    .get(..32)
                    .filter(|key| key.len() == self.octets.len());
                let octets = octets.unwrap_or_default();
                UnparsedPublicKey::new(&ED25519, octets).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

impl PrivateKey {
    /// Makes a key out of 32 random octets; an RSA key of 2048 bits out of the library's own.
    ///
    /// # Errors
    /// When the octets are no scalar of P-256, which happens once in four thousand million times
    /// (take others), or when the library finds no primes.
    pub fn generate(algorithm: Algorithm, flags: u16, random: [u8; 32]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::RsaSha256 => Self::generate_rsa(flags, RsaSize::Bits2048),
            Algorithm::EcdsaP256 => Self::from_material(flags, &Material::P256(random)),
            Algorithm::Ed25519 => Self::from_material(flags, &Material::Ed25519(random)),
        }
    }

    /// Makes an RSA key.
    ///
    /// # Errors
    /// When the library finds no primes.
    pub fn generate_rsa(flags: u16, size: RsaSize) -> Result<Self, KeyError> {
        let size = match size {
            RsaSize::Bits2048 => KeySize::Rsa2048,
            RsaSize::Bits3072 => KeySize::Rsa3072,
            RsaSize::Bits4096 => KeySize::Rsa4096,
        };
        let pair = RsaKeyPair::generate(size).map_err(|_| KeyError::Unmade)?;
        Self::from_rsa(flags, pair)
    }

    /// Makes the key whose secret numbers are given.
    ///
    /// # Errors
    /// When they are not those of a key, or of one that is too short or too long.
    pub fn from_material(flags: u16, material: &Material) -> Result<Self, KeyError> {
        match material {
            Material::Rsa(numbers) => {
                let pair = RsaKeyPair::from_der(&numbers.to_pkcs1());
                Self::from_rsa(flags, pair.map_err(|_| KeyError::Numbers)?)
            }
            Material::P256(scalar) => {
                let (key, point) = Ecdsa::new(scalar).ok_or(KeyError::Numbers)?;
                let public = public(flags, Algorithm::EcdsaP256, &point);
                Ok(Self::new(public, KeySigner::P256(key)))
            }
            Material::Ed25519(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed);
                let pair = pair.map_err(|_| KeyError::Numbers)?;
                let public = public(flags, Algorithm::Ed25519, pair.public_key().as_ref());
                Ok(Self::new(public, KeySigner::Ed25519(pair)))
            }
        }
    }

    fn from_rsa(flags: u16, pair: RsaKeyPair) -> Result<Self, KeyError> {
        if !(256..=512).contains(&pair.public_modulus_len()) {
            return Err(KeyError::Size);
        }
        let mut inner = Elements(pair.public_key().as_ref())
            .enter(der::SEQUENCE)
            .ok_or(KeyError::Numbers)?;
        let (n, e) = inner
            .number()
            .zip(inner.number())
            .ok_or(KeyError::Numbers)?;
        let octets = rsa_octets(n, e).ok_or(KeyError::Numbers)?;
        let public = public(flags, Algorithm::RsaSha256, &octets);
        Ok(Self::new(public, KeySigner::Rsa(pair)))
    }

    fn new(public: PublicKey, signer: KeySigner) -> Self {
        Self {
            tag: public.tag(),
            public,
            signer: Box::new(signer),
        }
    }

    /// The public part.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key tag of the public part.
    #[must_use]
    pub const fn tag(&self) -> u16 {
        self.tag
    }

    /// The signature over `message`, as the RRSIG record has it. The same message gives the same
    /// octets at every time and on every machine.
    ///
    /// # Panics
    /// When the cryptographic library has no memory left, or the processor computes an ECDSA signature wrongly
    /// time after time.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &*self.signer {
            KeySigner::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let digest = digest::digest(&digest::SHA256, message);
                pair.sign_digest(&RSA_PKCS1_SHA256, &digest, &mut signature)
                    .expect("a key that was checked when it was made signs");
                signature
            }
            KeySigner::P256(key) => key.sign(message).to_vec(),
            KeySigner::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The secret numbers, for a file to hold; `None` if the library does not give them.
    #[must_use]
    pub fn material(&self) -> Option<Material> {
        match &*self.signer {
            KeySigner::Rsa(pair) => {
                let document: Pkcs8V1Der<'_> = pair.as_der().ok()?;
                let mut inner = Elements(document.as_ref()).enter(der::SEQUENCE)?;
                inner.number()?;
                inner.take(der::SEQUENCE)?;
                let numbers = RsaNumbers::from_pkcs1(inner.take(der::OCTET_STRING)?)?;
                Some(Material::Rsa(Box::new(numbers)))
            }
            KeySigner::P256(key) => Some(Material::P256(key.secret())),
            KeySigner::Ed25519(pair) => {
                let seed: Curve25519SeedBin<'_> = pair.seed().ok()?.as_be_bytes().ok()?;
                Some(Material::Ed25519(seed.as_ref().try_into().ok()?))
            }
        }
    }
}

fn public(flags: u16, algorithm: Algorithm, octets: &[u8]) -> PublicKey {
    PublicKey {
        flags,
        algorithm,
        octets: octets.into(),
    }
}

/// The public key of RSA in records: the exponent with its length before it, then the modulus
/// (RFC 3110, section 2).
fn rsa_octets(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let mut octets = match u8::try_from(exponent.len()).ok()? {
        0 => return None,
        length => vec![length],
    };
    octets.extend(exponent);
    octets.extend(modulus);
    Some(octets)
}

/// Exponent and modulus of a public key of RSA.
fn rsa_halves(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = octets.split_first()?;
    let (length, rest) = match length {
        0 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => (usize::from(length), rest),
    };
    rest.split_at_checked(length)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PrivateKey({} {})", self.public.algorithm, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use domain::utils::base64;

    use super::*;
    use crate::dns::Name;
    use crate::dns::dnssec::Digest;

    fn octets(text: &str) -> Vec<u8> {
        base64::decode(text).unwrap()
    }

    fn key(algorithm: Algorithm, secret: &str) -> PrivateKey {
        let secret = octets(secret).try_into().unwrap();
        PrivateKey::generate(algorithm, FLAGS_ENTRY, secret).unwrap()
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn the_key_of_rfc_6605_comes_out() {
        let secret = "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=";
        let key = key(Algorithm::EcdsaP256, secret);
        let public = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
        assert_eq!(*key.public().octets, octets(public));
        assert_eq!(key.public().tag(), 55648);
        let ds = key
            .public()
            .ds(&Name::parse("Example.net").unwrap(), Digest::Sha256);
        let digest = "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17";
        assert_eq!(hex(&ds), format!("d9600d02{digest}"));
    }

    #[test]
    fn the_key_of_rfc_8080_comes_out() {
        let secret = "ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=";
        let key = key(Algorithm::Ed25519, secret);
        let public = octets("l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=");
        assert_eq!(*key.public().octets, public);
        assert_eq!(key.public().tag(), 3613);
        let ds = key
            .public()
            .ds(&Name::parse("example.com").unwrap(), Digest::Sha256);
        let digest = "3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b";
        assert_eq!(hex(&ds), format!("0e1d0f02{digest}"));
    }

    #[test]
    fn every_algorithm_signs_the_same_twice_and_notices_a_changed_bit() {
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(algorithm, FLAGS_ZONE, [7; 32]).unwrap();
            let signature = key.sign(b"the records");
            assert_eq!(key.sign(b"the records"), signature);
            assert!(key.public().verify(b"the records", &signature));
            assert!(!key.public().verify(b"the record5", &signature));
            let mut other = signature.clone();
            other[20] ^= 1;
            assert!(!key.public().verify(b"the records", &other));
            let again = PrivateKey::from_material(FLAGS_ZONE, &key.material().unwrap()).unwrap();
            assert_eq!(again.public(), key.public());
            assert_eq!(again.sign(b"the records"), signature);
            let rdata = key.public().rdata();
            assert_eq!(PublicKey::from_rdata(&rdata).as_ref(), Some(key.public()));
        }
    }

    #[test]
    fn a_key_shows_no_secret() {
        let key = PrivateKey::generate(Algorithm::Ed25519, FLAGS_ZONE, [7; 32]).unwrap();
        let tag = key.public().tag();
        assert_eq!(format!("{key:?}"), format!("PrivateKey(ed25519 {tag})"));
    }

    #[test]
    fn foreign_keys_do_not_panic() {
        for algorithm in Algorithm::ALL {
            for length in [0, 1, 2, 3, 31, 32, 33, 64, 65, 300] {
                let public = public(FLAGS_ZONE, algorithm, &vec![0; length]);
                assert!(!public.verify(b"", &[0; 64]));
                assert!(!public.verify(b"", b""));
            }
        }
        assert_eq!(PublicKey::from_rdata(&[1, 0, 3]), None);
        assert_eq!(PublicKey::from_rdata(&[1, 0, 3, 5, 1]), None);
        let zero = PrivateKey::generate(Algorithm::EcdsaP256, FLAGS_ZONE, [0; 32]);
        assert_eq!(zero.err(), Some(KeyError::Numbers));
    }
}
