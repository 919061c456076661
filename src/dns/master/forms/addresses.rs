//! Addresses and prefixes.
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::numbers::{take, take_some};
use super::strings::NAME;
use super::words::{Words, number};
use super::{Field, Unfit};

/// An IPv4 address as four decimal numbers without zeros in front.
pub(super) const V4: Field = Field {
    read: |words, rdata| {
        rdata.extend(v4(words.next()?).ok_or(Unfit::Ipv4)?.octets());
        Ok(())
    },
    show: |rest, text| write!(text, "{}", Ipv4Addr::from(take::<4>(rest)?)).ok(),
    is_name: false,
};

/// An IPv6 address (RFC 4291, section 2.2).
pub(super) const V6: Field = Field {
    read: |words, rdata| {
        rdata.extend(v6(words.next()?).ok_or(Unfit::Ipv6)?.octets());
        Ok(())
    },
    show: |rest, text| write!(text, "{}", Ipv6Addr::from(take::<16>(rest)?)).ok(),
    is_name: false,
};

/// Prefixes to the end, if any: `1:192.0.2.0/24 !2:2001:db8::/32` (RFC 3123). The families
/// are 1 and 2, IPv4 and IPv6; others have no form.
pub(super) const PREFIXES: Field = Field {
    read: |words, rdata| {
        while !words.is_at_end() {
            prefix(words.next()?, rdata)?;
        }
        Ok(())
    },
    show: |rest, text| {
        let mut gap = "";
        while !rest.is_empty() {
            text.push_str(gap);
            show_prefix(rest, text)?;
            gap = " ";
        }
        Some(())
    },
    is_name: false,
};

/// Length of a prefix, the address behind it, and the name that has the prefix: `64 ::1 name`
/// (RFC 2874, section 3.1; BIND's alone). The address is absent for the length 128, the name for 0.
pub(super) const A6: Field = Field {
    read: |words, rdata| {
        let length: u8 = words.number()?;
        if length > 128 {
            return Err(Unfit::Number);
        }
        rdata.push(length);
        if length < 128 {
            let address = v6(words.next()?).ok_or(Unfit::Ipv6)?;
            let behind = u128::MAX >> length;
            let octets = (u128::from(address) & behind).to_be_bytes();
            rdata.extend_from_slice(&octets[usize::from(length / 8)..]);
        }
        match length {
            0 => Ok(()),
            _ => (NAME.read)(words, rdata),
        }
    },
    show: |rest, text| {
        let [length] = take(rest)?;
        write!(text, "{length}").ok()?;
        if length < 128 {
            let mut address = [0; 16];
            let behind = address.get_mut(usize::from(length / 8)..)?;
            behind.copy_from_slice(take_some(rest, behind.len())?);
            write!(text, " {}", Ipv6Addr::from(address)).ok()?;
        }
        match length {
            0 => Some(()),
            1..=128 => {
                text.push(' ');
                (NAME.show)(rest, text)
            }
            _ => None,
        }
    },
    is_name: false,
};

/// A word as an IPv4 address.
pub(super) fn v4(word: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut rest) = ([0; 4], word);
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let (mut value, mut digits) = (0_u16, 0);
        while let Some((&digit @ b'0'..=b'9', tail)) = rest.split_first()
            && digits < 3
        {
            value = value * 10 + u16::from(digit - b'0');
            digits += 1;
            rest = tail;
        }
        // No zeros in front: some take these for octal.
        let is_plain = matches!((digits, value), (1, _) | (2, 10..) | (3, 100..));
        *octet = u8::try_from(value).ok().filter(|_| is_plain)?;
    }
    rest.is_empty().then(|| Ipv4Addr::from(octets))
}

/// A word as an IPv6 address.
pub(super) fn v6(word: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// `!1:192.0.2.0/24`; the octets behind the last that is not zero are left out.
fn prefix(word: &[u8], rdata: &mut Vec<u8>) -> Result<(), Unfit> {
    const WHAT: Unfit = Unfit::Not("a prefix like `1:192.0.2.0/24` or `!2:2001:db8::/32`");
    let positive = word.strip_prefix(b"!").unwrap_or(word);
    let split = |sign: u8, text: &[u8]| {
        let at = text.iter().position(|&byte| byte == sign)?;
        Some((text[..at].to_vec(), text[at + 1..].to_vec()))
    };
    let (family, rest) = split(b':', positive).ok_or(WHAT)?;
    let (address, length) = split(b'/', &rest).ok_or(WHAT)?;
    let (family, most, address) = match number::<u16>(&family) {
        Some(1) => (1_u16, 32, v4(&address).map(|v4| v4.octets().to_vec())),
        Some(2) => (2_u16, 128, v6(&address).map(|v6| v6.octets().to_vec())),
        _ => return Err(WHAT),
    };
    let length = number::<u8>(&length).filter(|length| *length <= most);
    let (Some(mut address), Some(length)) = (address, length) else {
        return Err(WHAT);
    };
    let used = address.iter().rposition(|&octet| octet != 0);
    address.truncate(used.map_or(0, |last| last + 1));
    rdata.extend(family.to_be_bytes());
    rdata.push(length);
    let octets = u8::try_from(address.len()).map_err(|_| WHAT)?;
    let negative = if positive.len() < word.len() { 0x80 } else { 0 };
    rdata.push(negative | octets);
    rdata.extend(address);
    Ok(())
}

fn show_prefix(rest: &mut &[u8], text: &mut String) -> Option<()> {
    let [f0, f1, length, octets] = take(rest)?;
    let used = take_some(rest, usize::from(octets & 0x7F))?;
    let sign = if octets & 0x80 == 0 { "" } else { "!" };
    let family = u16::from_be_bytes([f0, f1]);
    let mut whole = [0; 16];
    whole.get_mut(..used.len())?.copy_from_slice(used);
    match family {
        1 if used.len() > 4 || length > 32 => None,
        2 if length > 128 => None,
        1 => {
            let [a, b, c, d, ..] = whole;
            write!(text, "{sign}1:{a}.{b}.{c}.{d}/{length}").ok()
        }
        _ => write!(text, "{sign}{family}:{}/{length}", Ipv6Addr::from(whole)).ok(),
    }
}

/// Reads a word as an IPv4 or IPv6 address or as a name, whichever a gateway is.
pub(super) fn read_gateway(
    kind: u8,
    words: &mut Words<'_, '_>,
    rdata: &mut Vec<u8>,
) -> Result<(), Unfit> {
    match kind {
        0 if words.next()? == b"." => Ok(()),
        0 => Err(Unfit::Not("`.`: the type 0 is no gateway")),
        1 => (V4.read)(words, rdata),
        2 => (V6.read)(words, rdata),
        _ => (NAME.read)(words, rdata),
    }
}

/// The reverse of [`read_gateway`].
pub(super) fn show_gateway(kind: u8, rest: &mut &[u8], text: &mut String) -> Option<()> {
    match kind {
        0 => {
            text.push('.');
            Some(())
        }
        1 => (V4.show)(rest, text),
        2 => (V6.show)(rest, text),
        _ => (NAME.show)(rest, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Draws;

    /// As the standard library reads them.
    #[test]
    fn an_address_is_four_numbers_without_zeros_in_front() {
        let mut draws = Draws::from_seed(3);
        let parts = [
            "0", "1", "25", "255", "256", "01", "00", "1000", "", "a", "-1", "99",
        ];
        let mut counts = [0, 0];
        for _ in 0..20_000 {
            let mut text = String::new();
            for place in 0..4 + usize::from(draws.chance(50)) - usize::from(draws.chance(50)) {
                let good = if draws.chance(900) {
                    4
                } else {
                    parts.len() as u64
                };
                text += if place > 0 && !draws.chance(10) {
                    "."
                } else {
                    ""
                };
                text += parts[usize::try_from(draws.below(good)).unwrap()];
            }
            let read = v4(text.as_bytes());
            assert_eq!(read, text.parse().ok(), "{text}");
            counts[usize::from(read.is_some())] += 1;
        }
        assert!(counts.iter().all(|count| *count > 2000), "{counts:?}");
    }
}
