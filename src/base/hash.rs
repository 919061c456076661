//! A keyed hash for cohorts and look-ups, and a seeded generator for simulations and jitter.
//!
//! The hash folds 8 bytes at a time through a 64x64 -> 128 bit multiplication. It is fast and
//! spreads well; it is not a cryptographic hash. Its two uses need no more: name look-ups hash
//! the operator's own names, and a client who found out its cohort could only choose among
//! answers that are all meant for its network.
use serde::Serialize;

/// The key of the cohort hash: the same on every node that should give a client the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HashKey(pub u64);

const FOLD: u64 = 0x9E37_79B9_7F4A_7C15;

impl HashKey {
    /// A key from a secret of any length.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self(Self(0x5741_5950_4F53_5421).hash(secret))
    }

    /// Hashes bytes.
    #[must_use]
    pub fn hash(self, bytes: &[u8]) -> u64 {
        let mut state = self.0 ^ (bytes.len() as u64).wrapping_mul(FOLD);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let word = u64::from_le_bytes(chunk.try_into().expect("chunks are 8 bytes long"));
            state = fold(state ^ word);
        }
        let mut tail = [0; 8];
        let rest = chunks.remainder();
        tail[..rest.len()].copy_from_slice(rest);
        fold(fold(state ^ u64::from_le_bytes(tail)))
    }

    /// Hashes one number.
    #[must_use]
    pub fn hash_u64(self, number: u64) -> u64 {
        fold(fold(self.0 ^ number))
    }
}

/// Bytes that are hashed as they come, so many in all; the outcome is that of [`HashKey::hash`].
#[derive(Clone, Debug)]
pub struct PieceHashing {
    state: u64,
    /// Bytes that make no word yet.
    word: [u8; 8],
    filled: usize,
}

impl HashKey {
    /// Begins to hash bytes of this length.
    #[must_use]
    pub fn hashing(self, length: u64) -> PieceHashing {
        PieceHashing {
            state: self.0 ^ length.wrapping_mul(FOLD),
            word: [0; 8],
            filled: 0,
        }
    }
}

impl PieceHashing {
    /// Takes the next bytes.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(8 - self.filled));
            self.word[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = rest;
            if self.filled == 8 {
                self.state = fold(self.state ^ u64::from_le_bytes(self.word));
                self.filled = 0;
            }
        }
    }

    /// The hash of all that was taken.
    #[must_use]
    pub fn finish(mut self) -> u64 {
        self.word[self.filled..].fill(0);
        fold(fold(self.state ^ u64::from_le_bytes(self.word)))
    }
}

/// Multiplies and folds the 128-bit product onto 64 bits.
fn fold(word: u64) -> u64 {
    let product = u128::from(word ^ 0xA076_1D64_78BD_642F) * u128::from(FOLD | 1);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

/// A small seeded generator (splitmix64): the only randomness below `io`.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// Starts from a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(FOLD);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Leaves the next number out, which costs less than to draw it.
    pub fn pass_over(&mut self) {
        self.0 = self.0.wrapping_add(FOLD);
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound.max(1)
    }

    /// True in `chance` of 1000 draws.
    pub fn chance(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_spreads_neighbouring_networks() {
        let key = HashKey::from_secret(b"example.org");
        let mut buckets = [0_u32; 16];
        for network in 0..16_000_u64 {
            buckets[usize::try_from(key.hash_u64(network << 8) % 16).unwrap()] += 1;
        }
        // Chi-square with 15 degrees of freedom: 37.7 is passed once in a thousand.
        let chi: f64 = buckets
            .iter()
            .map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(chi < 37.7, "chi-square {chi} for {buckets:?}");
    }

    #[test]
    fn bytes_in_pieces_have_the_hash_of_all() {
        let key = HashKey::from_secret(b"pieces");
        let bytes: Vec<u8> = (0..100).collect();
        for length in 0..bytes.len() {
            for piece in [1, 3, 8, 21] {
                let mut hashing = key.hashing(length as u64);
                bytes[..length]
                    .chunks(piece)
                    .for_each(|one| hashing.take(one));
                assert_eq!(
                    hashing.finish(),
                    key.hash(&bytes[..length]),
                    "{length} {piece}"
                );
            }
        }
    }

    #[test]
    fn hash_depends_on_key_length_and_content() {
        let (one, two) = (HashKey::from_secret(b"a"), HashKey::from_secret(b"b"));
        assert_ne!(one.hash(b"name"), two.hash(b"name"));
        assert_ne!(one.hash(b"name"), one.hash(b"name\0"));
        assert_ne!(one.hash(b"12345678"), one.hash(b"12345679"));
    }
}
