//! The octets of names eight at a time, without their case (RFC 4343).
//!
//! A name is looked at as words of eight octets, those beyond its end zero. Lower case is made
//! of a whole word by a few additions, so that hashing and comparing cost the same for every
//! spelling and nothing is copied. Length octets stay below `A`, so whole names may be folded
//! like labels.
use std::cmp::Ordering;

const WORD: usize = 8;
/// This octet in each place of a word.
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = EACH << 7;

/// Hashes octets without their case, apart from others by `key`.
#[inline]
#[must_use]
pub fn hash(key: u64, octets: &[u8]) -> u64 {
    let mut state = key ^ octets.len() as u64;
    let mut rest = octets;
    while let Some((head, tail)) = rest
        .split_first_chunk()
        .filter(|(_, tail)| !tail.is_empty())
    {
        state = mix(state ^ lower(u64::from_le_bytes(*head)));
        rest = tail;
    }
    mix(state ^ lower(word(rest)))
}

/// Whether two lists of octets differ at most in case.
#[inline]
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut one, mut other) = (one, other);
    while one.len() > WORD {
        let (Some((left, one_more)), Some((right, other_more))) =
            (one.split_first_chunk(), other.split_first_chunk())
        else {
            return false;
        };
        if !alike(u64::from_le_bytes(*left), u64::from_le_bytes(*right)) {
            return false;
        }
        (one, other) = (one_more, other_more);
    }
    alike(word(one), word(other))
}

#[inline]
fn alike(one: u64, other: u64) -> bool {
    one == other || lower(one) == lower(other)
}

/// The order of two labels, without their case (RFC 4034, section 6.1).
#[inline]
pub(super) fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let (mut one, mut other) = (one, other);
    while let (Some((left, one_more)), Some((right, other_more))) =
        (one.split_first_chunk(), other.split_first_chunk())
    {
        let [left, right] = [left, right].map(|word| lower(u64::from_be_bytes(*word)));
        if left != right {
            return left.cmp(&right);
        }
        (one, other) = (one_more, other_more);
    }
    let (one, other) = (one.iter(), other.iter());
    one.map(u8::to_ascii_lowercase)
        .cmp(other.map(u8::to_ascii_lowercase))
}

/// Where `ancestor` starts in `name` if that is it or, by the octets alone, lies below it; both
/// in wire format, in any case.
#[inline]
pub fn ending(name: &[u8], ancestor: &[u8]) -> Option<usize> {
    let start = name.len().checked_sub(ancestor.len())?;
    same(&name[start..], ancestor).then_some(start)
}

/// Whether `name` is `ancestor` or lies below it, in any case; both in wire format.
#[inline]
#[must_use]
pub fn is_within(name: &[u8], ancestor: &[u8]) -> bool {
    let Some(start) = ending(name, ancestor) else {
        return false;
    };
    let mut at = 0;
    while at < start {
        at += 1 + usize::from(name[at]);
    }
    at == start
}

/// At most eight octets as a word, each of them in it at least once: equal for two lists of one
/// length if they are equal.
#[inline]
fn word(octets: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
        return first | last << 32;
    }
    match *octets {
        [] => 0,
        [first, ..] => {
            let octet = |at: usize| octets.get(at).copied().unwrap_or(0);
            u64::from(u32::from_le_bytes([first, octet(1), octet(2), 0]))
        }
    }
}

/// Sets bit 5 of the octets that are `A` to `Z`.
#[inline]
fn lower(word: u64) -> u64 {
    let low_bits = word & !HIGH_BITS;
    let from_a = low_bits + EACH * u64::from(0x80 - b'A');
    let beyond_z = low_bits + EACH * u64::from(0x7F - b'Z');
    let upper = (from_a & !beyond_z) & !word & HIGH_BITS;
    word | upper >> 2
}

/// Multiplies and folds the 128-bit product onto 64 bits.
#[inline]
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x2D35_8DCC_AA6C_78A5) * 0x9E37_79B9_7F4A_7C15;
    #[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_is_folded_as_ascii_wants_it() {
        for octet in 0..=u8::MAX {
            for place in 0..WORD {
                let mut octets = [b'Q'; WORD];
                octets[place] = octet;
                let folded = lower(u64::from_le_bytes(octets)).to_le_bytes();
                assert_eq!(
                    folded,
                    octets.to_ascii_lowercase()[..],
                    "{octet} at {place}"
                );
            }
        }
    }

    #[test]
    fn case_makes_no_difference_and_everything_else_does() {
        let text = b"Abcdefgh-IJKLMNop.qrstuvwxyZ";
        for length in 0..=text.len() {
            let own = &text[..length];
            let lower = own.to_ascii_lowercase();
            assert!(same(own, &lower), "{length}");
            assert_eq!(hash(5, own), hash(5, &lower), "{length}");
            assert_ne!(hash(5, own), hash(6, own), "{length}");
            for place in 0..length {
                let mut other = own.to_vec();
                other[place] ^= 1;
                assert!(!same(own, &other), "{length} at {place}");
                assert_ne!(hash(5, own), hash(5, &other), "{length} at {place}");
            }
        }
        assert!(!same(b"a", b"a\0"));
        assert_ne!(hash(5, b"a"), hash(5, b"a\0"));
    }

    #[test]
    fn labels_are_in_the_order_of_their_lower_case() {
        let words: Vec<Vec<u8>> = (0..400_usize)
            .map(|number| {
                let octets = [b"aZ", b"\xFF@", b"bB", b"[z"].into_iter().cycle();
                let octets = octets.flatten().copied().skip(number % 8);
                let mut word: Vec<u8> = octets.take(number % 19).collect();
                if let Some(last) = word.get_mut(number % 17) {
                    *last = u8::try_from(number % 256).unwrap();
                }
                word
            })
            .collect();
        for one in &words {
            for other in &words {
                let plain = one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase());
                assert_eq!(compare(one, other), plain, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn descent_goes_by_whole_labels_in_any_case() {
        let apex = b"\x07example\x03org\x00";
        assert!(is_within(b"\x03www\x07eXample\x03ORG\x00", apex));
        assert!(is_within(apex, apex));
        assert!(is_within(apex, b"\x00"));
        assert!(!is_within(b"\x03org\x00", apex));
        assert!(!is_within(b"\x0Awwwexample\x03org\x00", apex));
        assert!(!is_within(b"\x03www\x07exampl\x65\x03com\x00", apex));
        assert!(!is_within(b"\x3F", b""));
        assert!(!is_within(b"\x0Awww\x07example\x03org\x00", apex));
    }

    #[test]
    fn neighbouring_labels_and_keys_spread() {
        let mut buckets = [0_u32; 64];
        for number in 0..64_000_u64 {
            let label = format!("host{}", number / 8);
            let bucket = hash(number % 8, label.as_bytes()) >> 58;
            buckets[usize::try_from(bucket).unwrap()] += 1;
        }
        // Chi-square with 63 degrees of freedom: 103 is passed once in a thousand.
        let chi: f64 = buckets
            .iter()
            .map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(chi < 103.0, "chi-square {chi} for {buckets:?}");
    }
}
