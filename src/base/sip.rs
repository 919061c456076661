//! SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for what strangers choose.
//!
//! Whoever does not know the key can neither foretell a hash nor find two inputs with the same one, so it
//! proves cookies and places what is counted by client. Names that the operator chose are hashed faster
//! by [`super::HashKey`].
/// SipHash-2-4.
#[must_use]
pub fn sip_hash(key: &[u8; 16], input: &[u8]) -> u64 {
    let (halves, _) = key.as_chunks::<8>();
    let (k0, k1) = (u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1]));
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = input.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = u8::try_from(input.len() % 256).unwrap_or(u8::MAX);
    for word in words.iter().chain([&last]) {
        let word = u64::from_le_bytes(*word);
        state[3] ^= word;
        sip_rounds(&mut state, 2);
        state[0] ^= word;
    }
    state[2] ^= 0xff;
    sip_rounds(&mut state, 4);
    state.iter().fold(0, |all, one| all ^ one)
}

fn sip_rounds(state: &mut [u64; 4], rounds: usize) {
    let [mut v0, mut v1, mut v2, mut v3] = *state;
    for _ in 0..rounds {
        v0 = v0.wrapping_add(v1);
        v1 = v1.rotate_left(13) ^ v0;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v3);
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.wrapping_add(v3);
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(17) ^ v2;
        v2 = v2.rotate_left(32);
    }
    *state = [v0, v1, v2, v3];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_its_authors() {
        let key = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let input: Vec<u8> = (0..15).collect();
        assert_eq!(sip_hash(&key, &input), 0xa129_ca61_49be_45e5);
        assert_eq!(sip_hash(&key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(sip_hash(&key, &input[..8]), 0x93f5_f579_9a93_2462);
    }
}
