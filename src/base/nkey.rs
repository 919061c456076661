//! NKeys: how NATS writes Ed25519 keys, as base32 with a kind and a checksum (nats-io/nkeys, `strkey.go`). Keys as octets, texts
//! as texts; whoever signs is elsewhere.

/// The kind of a seed, in its five upper bits.
const SEED: u8 = 18 << 3;
/// The kind of a user, whose key opens a connection.
const USER: u8 = 20 << 3;
/// The digits of base32 (RFC 4648 section 6).
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The digits of base64 for URLs (RFC 4648 section 5).
const URL_DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The secret of a user's seed, which begins with `SU`; nothing, if the text is none.
#[must_use]
pub fn nkey_seed(text: &str) -> Option<[u8; 32]> {
    let value = |digit: u8| {
        let place = DIGITS.iter().position(|own| *own == digit)?;
        u8::try_from(place).ok()
    };
    let values: Vec<u8> = text.bytes().map(value).collect::<Option<_>>()?;
    let octets = regrouped(&values, [5, 8]);
    let (head, sum) = octets.split_last_chunk::<2>()?;
    let seed = head.strip_prefix(&[SEED | USER >> 5, USER << 3])?;
    let is_whole = values.len() == 58 && crc16(head) == u16::from_le_bytes(*sum);
    seed.try_into().ok().filter(|_| is_whole)
}

/// The public key of a user, as the server's config has it: it begins with `U`.
#[must_use]
pub fn nkey_user(key: &[u8; 32]) -> String {
    let mut octets = [&[USER][..], key].concat();
    octets.extend(crc16(&octets).to_le_bytes());
    digits(&octets, 5, DIGITS)
}

/// Octets in base64 for URLs, without padding.
#[must_use]
pub fn base64_url(octets: &[u8]) -> String {
    digits(octets, 6, URL_DIGITS)
}

fn digits(octets: &[u8], width: u32, digits: &[u8]) -> String {
    let spare = (8 * octets.len()).next_multiple_of(width as usize) - 8 * octets.len();
    let padded = [octets, &[0][..usize::from(spare > 0)]].concat();
    let mut values = regrouped(&padded, [8, width]);
    values.truncate((8 * octets.len()).div_ceil(width as usize));
    let digits = values.into_iter().map(|value| digits[usize::from(value)]);
    digits.map(char::from).collect()
}

/// The same bits in groups of another width, at most 8; what does not fill one at the end is left out.
fn regrouped(groups: &[u8], [from, to]: [u32; 2]) -> Vec<u8> {
    let (mut bits, mut held) = (0_u32, 0);
    let mut all = Vec::new();
    for group in groups {
        bits = bits << from | u32::from(*group);
        held += from;
        while held >= to {
            held -= to;
            all.push(u8::try_from(bits >> held).unwrap_or(u8::MAX));
            bits &= (1 << held) - 1;
        }
    }
    all
}

/// CRC-16 of XMODEM.
fn crc16(octets: &[u8]) -> u16 {
    octets.iter().fold(0, |sum, octet| {
        let mixed = sum ^ u16::from(*octet) << 8;
        (0..8).fold(mixed, |sum, _| {
            let shifted = sum << 1;
            if sum & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of nkeys.
    const TEXT: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

    #[test]
    fn a_seed_is_read_and_no_other_text() {
        let seed = nkey_seed(TEXT).unwrap();
        assert_eq!(seed[..4], [0x29, 0x49, 0x7b, 0xa0]);
        for (place, _) in TEXT.char_indices() {
            let mut bent = TEXT.as_bytes().to_vec();
            bent[place] = if bent[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(nkey_seed(str::from_utf8(&bent).unwrap()), None, "{place}");
        }
        assert_eq!(nkey_seed(&TEXT[..57]), None);
        assert_eq!(nkey_seed(&format!("{TEXT}A")), None);
        assert_eq!(nkey_seed(&TEXT.to_lowercase()), None);
    }

    #[test]
    fn a_key_is_written_as_its_server_has_it() {
        let name = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
        let key = "ef4e44524b72e440f96dae7bba237c6666a40701cb1365a42244f84e7a67dab1";
        let key = crate::base::from_hexadecimal(key).unwrap();
        assert_eq!(nkey_user(&key), name);
    }

    #[test]
    fn octets_are_written_in_base64_for_urls() {
        for (octets, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (&[0xfb, 0xff], "-_8"),
        ] {
            assert_eq!(base64_url(octets), text);
        }
    }
}
