//! Octets as hexadecimal, base64 or base32 digits.
//!
//! What stands at the end of a record may be in several words. It is not empty, except where a
//! field says so. Digits that stand for no octet are an error, as for BIND and NSD (Knot lets the
//! last bits of base64 be).
use domain::utils::{base32, base64};

use super::numbers::{take, take_some};
use super::words::Words;
use super::{Field, Unfit};

const NOT_HEX: Unfit = Unfit::Not("hexadecimal");
const ODD: Unfit = Unfit::Not("hexadecimal: two digits make an octet");
const NOT_BASE64: Unfit = Unfit::Not("base64");

/// Hexadecimal to the end.
pub(super) const HEX: Field = Field {
    read: |words, rdata| {
        let digits = join(words, |byte| byte.is_ascii_hexdigit(), NOT_HEX)?;
        push_hex(&digits, rdata)
    },
    show: |rest, text| match std::mem::take(rest) {
        [] => None,
        octets => {
            show_hex(octets, text);
            Some(())
        }
    },
    is_name: false,
};

/// Base64 to the end.
pub(super) const BASE64: Field = Field {
    read: read_base64,
    show: |rest, text| match rest.is_empty() {
        true => None,
        false => show_base64(rest, text),
    },
    is_name: false,
};

/// Base64 to the end, or nothing.
pub(super) const MAYBE_BASE64: Field = Field {
    read: |words, rdata| match words.is_at_end() {
        true => Ok(()),
        false => read_base64(words, rdata),
    },
    show: show_base64,
    is_name: false,
};

/// Base64 to the end, or `-` for nothing (DOA).
pub(super) const BASE64_OR_DASH: Field = Field {
    read: |words, rdata| match words.is_next(b"-") {
        true => words.next().map(drop),
        false => read_base64(words, rdata),
    },
    show: |rest, text| match rest.is_empty() {
        true => {
            text.push('-');
            Some(())
        }
        false => show_base64(rest, text),
    },
    is_name: false,
};

/// The salt of NSEC3 behind its length: hexadecimal in one word, or `-` (RFC 5155, section 3.3).
pub(super) const SALT: Field = Field {
    read: |words, rdata| {
        let word = words.next()?;
        let start = rdata.len();
        rdata.push(0);
        if word != b"-" {
            push_hex(word, rdata)?;
        }
        rdata[start] = u8::try_from(rdata.len() - start - 1)
            .map_err(|_| Unfit::Not("a salt of at most 255 octets"))?;
        Ok(())
    },
    show: |rest, text| {
        let [length] = take(rest)?;
        match take_some(rest, usize::from(length))? {
            [] => text.push('-'),
            salt => show_hex(salt, text),
        }
        Some(())
    },
    is_name: false,
};

/// The next hashed name of NSEC3 behind its length: base32 with the extended alphabet, without
/// padding (RFC 5155, section 3.3).
pub(super) const NEXT_HASH: Field = Field {
    read: |words, rdata| {
        const WHAT: &str = "a hashed name in base32";
        let word = words.text(WHAT)?;
        let hash: Vec<u8> = base32::decode_hex(word).map_err(|_| Unfit::Not(WHAT))?;
        let again = base32::encode_string_hex(&hash);
        let length = u8::try_from(hash.len()).map_err(|_| Unfit::Not(WHAT))?;
        if length == 0 || !again.eq_ignore_ascii_case(word) {
            return Err(Unfit::Not(WHAT));
        }
        rdata.push(length);
        rdata.extend(hash);
        Ok(())
    },
    show: |rest, text| {
        let [length] = take(rest)?;
        let hash = take_some(rest, usize::from(length)).filter(|hash| !hash.is_empty())?;
        text.push_str(&base32::encode_string_hex(hash));
        Some(())
    },
    is_name: false,
};

/// `00-00-5e-00-53-2a` (RFC 7043, section 3.2).
pub(super) const EUI48: Field = Field {
    read: |words, rdata| groups(words, GROUPS_OF_EUI48, rdata),
    show: |rest, text| show_groups(&take::<6>(rest)?, 1, '-', text),
    is_name: false,
};

/// `00-00-5e-ef-10-00-00-2a` (RFC 7043, section 4.2).
pub(super) const EUI64: Field = Field {
    read: |words, rdata| groups(words, GROUPS_OF_EUI64, rdata),
    show: |rest, text| show_groups(&take::<8>(rest)?, 1, '-', text),
    is_name: false,
};

/// `2001:db8:1140:1000` (RFC 6742, sections 2.1.2 and 2.3.2).
pub(super) const LOCATOR: Field = Field {
    read: |words, rdata| groups(words, GROUPS_OF_LOCATOR, rdata),
    show: |rest, text| show_groups(&take::<8>(rest)?, 2, ':', text),
    is_name: false,
};

/// `0x47.0005.80`: hexadecimal in one word, with dots wherever they please (RFC 1706, section 5).
pub(super) const NSAP: Field = Field {
    read: |words, rdata| {
        const WHAT: &str = "hexadecimal behind `0x`";
        let word = words.next()?;
        let digits = word
            .strip_prefix(b"0x")
            .or_else(|| word.strip_prefix(b"0X"));
        let digits = without_dots(digits.ok_or(Unfit::Not(WHAT))?);
        match digits.is_empty() {
            true => Err(Unfit::Not(WHAT)),
            false => push_hex(&digits, rdata),
        }
    },
    show: |rest, text| {
        if rest.is_empty() {
            return None;
        }
        text.push_str("0x");
        show_hex(std::mem::take(rest), text);
        Some(())
    },
    is_name: false,
};

/// An ATM address: `+` and digits (E.164), or hexadecimal (AESA), both with dots wherever they
/// please. BIND's alone.
pub(super) const ATM: Field = Field {
    read: |words, rdata| {
        const WHAT: &str = "an ATM address: `+` and digits, or hexadecimal";
        let word = words.next()?;
        let digits = without_dots(word.strip_prefix(b"+").unwrap_or(word));
        if digits.is_empty() {
            return Err(Unfit::Not(WHAT));
        }
        if !word.starts_with(b"+") {
            rdata.push(0);
            return push_hex(&digits, rdata);
        }
        rdata.push(1);
        rdata.extend_from_slice(&digits);
        let numeric = digits.iter().all(u8::is_ascii_digit);
        numeric.then_some(()).ok_or(Unfit::Not(WHAT))
    },
    show: |rest, text| {
        let [format] = take(rest)?;
        let address = std::mem::take(rest);
        match format {
            _ if address.is_empty() => return None,
            1 if !address.iter().all(u8::is_ascii_digit) => return None,
            1 => {
                text.push('+');
                text.extend(address.iter().map(|digit| char::from(*digit)));
            }
            _ => show_hex(address, text),
        }
        Some(())
    },
    is_name: false,
};

/// How groups of digits are written: how many, with which sign between them, in how many digits.
struct Groups {
    count: usize,
    sign: u8,
    digits: usize,
    what: &'static str,
}

/// One digit for two is what BIND and NSD take, and Knot not.
const GROUPS_OF_EUI48: Groups = Groups {
    count: 6,
    sign: b'-',
    digits: 2,
    what: "six octets with `-` between them",
};
const GROUPS_OF_EUI64: Groups = Groups {
    count: 8,
    what: "eight octets with `-` between them",
    ..GROUPS_OF_EUI48
};
/// Fewer than four digits are what BIND and NSD take, and Knot not.
const GROUPS_OF_LOCATOR: Groups = Groups {
    count: 4,
    sign: b':',
    digits: 4,
    what: "four groups of up to four digits with `:` between them",
};

fn groups(words: &mut Words<'_, '_>, groups: Groups, rdata: &mut Vec<u8>) -> Result<(), Unfit> {
    let word = words.text(groups.what)?;
    let parts: Vec<&str> = word.split(char::from(groups.sign)).collect();
    let fits = |part: &&str| {
        (1..=groups.digits).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if parts.len() != groups.count || !parts.iter().all(fits) {
        return Err(Unfit::Not(groups.what));
    }
    for part in parts {
        push_hex(
            format!("{part:0>width$}", width = groups.digits).as_bytes(),
            rdata,
        )?;
    }
    Ok(())
}

fn show_groups(octets: &[u8], size: usize, sign: char, text: &mut String) -> Option<()> {
    for (index, group) in octets.chunks(size).enumerate() {
        if index > 0 {
            text.push(sign);
        }
        let digits: String = group.iter().map(|octet| format!("{octet:02x}")).collect();
        text.push_str(&digits);
    }
    Some(())
}

fn without_dots(word: &[u8]) -> Vec<u8> {
    word.iter().copied().filter(|byte| *byte != b'.').collect()
}

/// All words that are left, without the blanks between them.
fn join(
    words: &mut Words<'_, '_>,
    is_digit: fn(u8) -> bool,
    unfit: Unfit,
) -> Result<Vec<u8>, Unfit> {
    let mut digits = words.next()?.to_vec();
    let all = |digits: &[u8]| digits.iter().all(|byte| is_digit(*byte));
    let mut sound = all(&digits);
    while sound && !words.is_at_end() {
        let word = words.next()?;
        sound = all(word);
        digits.extend_from_slice(word);
    }
    match sound {
        true => Ok(digits),
        false => Err(unfit),
    }
}

/// Puts pairs of hexadecimal digits.
pub(super) fn push_hex(digits: &[u8], octets: &mut Vec<u8>) -> Result<(), Unfit> {
    let value = |digit: u8| {
        let value = char::from(digit).to_digit(16);
        value.and_then(|value| u8::try_from(value).ok())
    };
    for pair in digits.chunks(2) {
        let first = value(pair[0]).ok_or(NOT_HEX)?;
        let second = value(*pair.get(1).ok_or(ODD)?).ok_or(NOT_HEX)?;
        octets.push(first << 4 | second);
    }
    Ok(())
}

fn show_hex(octets: &[u8], text: &mut String) {
    let digits: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    text.push_str(&digits);
}

fn read_base64(words: &mut Words<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Unfit> {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let digits = join(words, is_digit, NOT_BASE64)?;
    push_base64(&digits, rdata)
}

/// Puts what base64 in one piece stands for.
pub(super) fn push_base64(digits: &[u8], octets: &mut Vec<u8>) -> Result<(), Unfit> {
    let digits = std::str::from_utf8(digits).map_err(|_| NOT_BASE64)?;
    let decoded: Vec<u8> = base64::decode(digits).map_err(|_| NOT_BASE64)?;
    if base64::encode_string(&decoded) != digits {
        return Err(NOT_BASE64);
    }
    octets.extend(decoded);
    Ok(())
}

/// Base64 of all that is left.
pub(super) fn show_base64(rest: &mut &[u8], text: &mut String) -> Option<()> {
    text.push_str(&base64::encode_string(std::mem::take(rest)));
    Some(())
}
