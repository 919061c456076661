//! The secret numbers of a private key: what files hold and what a signer is made of.
//!
//! This is the one seam between a key that signs ([`super::PrivateKey`]) and the formats that
//! keep it. It has no `Debug`: nothing of it belongs into a log or a message.
use super::der;
use super::der::Elements;

/// The secret of a key, enough to make its public part as well.
pub enum Material {
    /// The numbers of an RSA key.
    Rsa(Box<RsaNumbers>),
    /// The scalar of a P-256 key, big endian.
    P256([u8; 32]),
    /// The seed of an Ed25519 key (RFC 8032).
    Ed25519([u8; 32]),
}

/// The numbers of an RSA key (RFC 8017, section 3.2), each big endian without leading zeros.
pub struct RsaNumbers {
    /// The modulus, n.
    pub modulus: Vec<u8>,
    /// The public exponent, e.
    pub public_exponent: Vec<u8>,
    /// The private exponent, d.
    pub private_exponent: Vec<u8>,
    /// The two primes, p and q.
    pub primes: [Vec<u8>; 2],
    /// d mod (p - 1) and d mod (q - 1).
    pub exponents: [Vec<u8>; 2],
    /// The inverse of q mod p.
    pub coefficient: Vec<u8>,
}

impl RsaNumbers {
    /// Reads an `RSAPrivateKey` of two primes (RFC 8017, appendix A.1.2).
    pub(super) fn from_pkcs1(octets: &[u8]) -> Option<Self> {
        let mut inner = Elements(octets).enter(der::SEQUENCE)?;
        let version = inner.number()?;
        let mut next = || inner.number().map(<[u8]>::to_vec);
        let read = Self {
            modulus: next()?,
            public_exponent: next()?,
            private_exponent: next()?,
            primes: [next()?, next()?],
            exponents: [next()?, next()?],
            coefficient: next()?,
        };
        version.is_empty().then_some(read)
    }

    /// All of them, in the order of key files.
    pub(super) fn all(&self) -> [&[u8]; 8] {
        [
            &self.modulus,
            &self.public_exponent,
            &self.private_exponent,
            &self.primes[0],
            &self.primes[1],
            &self.exponents[0],
            &self.exponents[1],
            &self.coefficient,
        ]
    }

    /// Writes what `from_pkcs1` reads.
    pub(super) fn to_pkcs1(&self) -> Vec<u8> {
        let numbers = self.all().map(der::number).concat();
        der::element(der::SEQUENCE, &[&der::number(&[]), &numbers])
    }
}
