//! Names of an NSEC3 chain (RFC 5155): how a name is hashed, how a hash is written as a label, and
//! the links of a chain that a zone brings with it.
//!
//! The owner of an NSEC3 record is no name that a query can ask for (RFC 5155, section 7.2.8), so
//! such records stand beside the names of a zone, not among them. Which link proves what is not
//! known here.
use crate::base::limits::NAME_BYTES;
use crate::dns::dnssec::sha1;

/// Octets of a hash (RFC 5155, section 5: SHA-1).
pub(super) const HASH_BYTES: usize = 20;
/// Octets of a hash as a label: base32hex without padding, behind its length.
pub(super) const LABEL_BYTES: usize = 33;
/// Most iterations that a chain may have: what RFC 5155, section 10.3, allows to the longest keys.
/// Each costs every denial a hash; resolvers take a zone with more than 100 for unsigned (RFC 9276).
pub(super) const ITERATIONS_MOST: u16 = 2500;
/// SHA-1, the only hash algorithm there is (RFC 5155, section 11).
const SHA1: u8 = 1;
/// Digits of base32hex (RFC 4648, section 7).
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
/// Octets of the longest salt.
const SALT_BYTES: usize = 255;

/// A hashed name.
pub(super) type Hash = [u8; HASH_BYTES];

/// How names of one chain are hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hashing {
    iterations: u16,
    salt: Box<[u8]>,
}

/// One owner of a chain that came with the zone: its NSEC3 and their signatures.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashedOwner {
    /// The owner, without the apex.
    pub(super) hash: Hash,
    /// Where its RRsets begin.
    pub(super) sets: u32,
    /// How many RRsets it has.
    pub(super) count: u16,
}

impl Hashing {
    /// Reads the parameters that RDATA of NSEC3 and of NSEC3PARAM begins with; `None` if they are
    /// malformed or of an unknown algorithm.
    pub(super) fn of(rdata: &[u8]) -> Option<Self> {
        let (&[algorithm, _flags, high, low, salt], rest) = rdata.split_first_chunk()?;
        (algorithm == SHA1).then_some(Self {
            iterations: u16::from_be_bytes([high, low]),
            salt: rest.get(..usize::from(salt))?.into(),
        })
    }

    /// How often a hash is hashed again.
    pub(super) fn iterations(&self) -> u16 {
        self.iterations
    }

    /// Hashes a name in wire format, of any case.
    #[inline]
    pub(super) fn hash(&self, name: &[u8]) -> Hash {
        let mut lower = [0; NAME_BYTES];
        let length = name.len().min(NAME_BYTES);
        lower[..length].copy_from_slice(&name[..length]);
        lower.make_ascii_lowercase();
        if self.salt.is_empty() && self.iterations == 0 {
            return sha1(&lower[..length]);
        }
        let first = self.salted(&lower[..length]);
        (0..self.iterations).fold(first, |hash, _| self.salted(&hash))
    }

    fn salted(&self, octets: &[u8]) -> Hash {
        let mut input = [0; NAME_BYTES + SALT_BYTES];
        let end = octets.len() + self.salt.len();
        input[..octets.len()].copy_from_slice(octets);
        input[octets.len()..end].copy_from_slice(&self.salt);
        sha1(&input[..end])
    }
}

/// Writes a hash as a label, in lower case.
pub(super) fn to_label(hash: &Hash) -> [u8; LABEL_BYTES] {
    let mut label = [0; LABEL_BYTES];
    label[0] = 32;
    for (octets, digits) in hash.chunks(5).zip(label[1..].chunks_mut(8)) {
        let word = octets
            .iter()
            .fold(0_u64, |word, &octet| word << 8 | u64::from(octet));
        for (place, digit) in digits.iter_mut().enumerate() {
            *digit = DIGITS[usize::try_from(word >> (35 - 5 * place) & 31).unwrap_or(0)];
        }
    }
    label
}

/// Reads a label, its length in front, as a hash.
pub(super) fn from_label(label: &[u8]) -> Option<Hash> {
    let (&length, digits) = label.split_first()?;
    if length != 32 || digits.len() != 32 {
        return None;
    }
    let mut hash = Hash::default();
    for (digits, octets) in digits.chunks(8).zip(hash.chunks_mut(5)) {
        let mut word = 0_u64;
        for digit in digits {
            let value = DIGITS
                .iter()
                .position(|own| own.eq_ignore_ascii_case(digit))?;
            word = word << 5 | u64::try_from(value).ok()?;
        }
        octets.copy_from_slice(&word.to_be_bytes()[3..]);
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of RFC 5155, appendix A: salt AABBCCDD, 12 iterations.
    #[test]
    fn names_are_hashed_as_the_standard_has_it() {
        let hashing = Hashing::of(&[1, 0, 0, 12, 4, 0xAA, 0xBB, 0xCC, 0xDD, 20]).unwrap();
        for (name, label) in [
            (&b"\x07example\0"[..], b"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            (b"\x01a\x07Example\0", b"35mthgpgcu1qg68fab165klnsnk3dpvl"),
            (
                b"\x01*\x01w\x07example\0",
                b"r53bq7cc2uvmubfu5ocmm6pers9tk9en",
            ),
        ] {
            assert_eq!(&to_label(&hashing.hash(name))[1..], label);
        }
        let plain = Hashing::of(&[1, 0, 0, 0, 0]).unwrap();
        assert_eq!(plain, Hashing::default());
        assert_eq!(plain.hash(b"\x01A\0"), sha1(b"\x01a\0"));
        assert_eq!(Hashing::of(&[2, 0, 0, 0, 0]), None, "another algorithm");
        assert_eq!(Hashing::of(&[1, 0, 0, 0, 1]), None, "no salt there");
    }

    #[test]
    fn hashes_are_labels_both_ways() {
        let label = to_label(&[0xFF; HASH_BYTES]);
        assert_eq!(&label[1..], [b'v'; 32]);
        let mut hash = Hash::default();
        hash[0] = 0b0000_1000;
        hash[19] = 1;
        let label = to_label(&hash);
        assert_eq!((&label[1..4], label[32]), (&b"100"[..], b'1'));
        assert_eq!(from_label(&label), Some(hash));
        assert_eq!(from_label(&label.to_ascii_uppercase()), Some(hash));
        let mut wrong = label;
        wrong[5] = b'w';
        assert_eq!(from_label(&wrong), None);
        assert_eq!(from_label(b"\x03www"), None);
        assert_eq!(from_label(&[]), None);
    }
}
