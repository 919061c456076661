//! Types, lists of types, and lists of services: bitmaps on the wire.
use std::fmt::Write;
use std::net::Ipv4Addr;

use super::addresses::v4;
use super::mnemonics::{SERVICES, TRANSPORTS};
use super::numbers::{find, take, take_some};
use super::words::Words;
use super::{Field, Unfit};
use crate::dns::rr::rtype;
use crate::dns::text::{type_name, type_number};

/// Types that an NXT can speak of (RFC 2535, section 5.2).
const NXT_TYPES: u16 = 128;

/// One type: its mnemonic, or `TYPE1234`.
pub(super) const TYPE: Field = Field {
    read: |words, rdata| {
        rdata.extend(kind(words)?.to_be_bytes());
        Ok(())
    },
    show: |rest, text| {
        text.push_str(&type_name(u16::from_be_bytes(take(rest)?)));
        Some(())
    },
    is_name: false,
};

/// Types to the end, if any, in any order (RFC 4034, section 4.1.2).
pub(super) const TYPES: Field = Field {
    read: |words, rdata| {
        let mut kinds = kinds(words)?;
        kinds.sort_unstable();
        let windows = kinds.chunk_by(|one, other| one >> 8 == other >> 8);
        for window in windows {
            let [number, _] = window[0].to_be_bytes();
            let map = bitmap(window.iter().map(|kind| kind & 0xFF));
            // A window has 256 bits, so at most 32 octets.
            rdata.extend([number, u8::try_from(map.len()).unwrap_or(0)]);
            rdata.extend(map);
        }
        Ok(())
    },
    show: |rest, text| {
        let mut least = 0;
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let [window, length] = take(rest)?;
            if u16::from(window) < least || !(1..=32).contains(&length) {
                return None;
            }
            least = u16::from(window) + 1;
            let map = take_some(rest, usize::from(length))?;
            kinds.extend(bits(map).map(|bit| u16::from(window) << 8 | bit));
        }
        show_kinds(kinds, text);
        Some(())
    },
    is_name: false,
};

/// Types below 128 to the end, if any (RFC 2535, section 5.2).
pub(super) const NXT: Field = Field {
    read: |words, rdata| {
        let kinds = kinds(words)?;
        if kinds.iter().any(|kind| *kind >= NXT_TYPES) {
            return Err(Unfit::Not("a type below 128, as NXT wants them"));
        }
        rdata.extend(bitmap(kinds.into_iter()));
        Ok(())
    },
    show: |rest, text| {
        let map = std::mem::take(rest);
        if map.len() > usize::from(NXT_TYPES / 8) {
            return None;
        }
        show_kinds(bits(map).collect(), text);
        Some(())
    },
    is_name: false,
};

/// `address protocol services…` (RFC 1035, section 3.4.2). The names of protocols and services are
/// those of the time, in any case (BIND; NSD wants services in small letters). There may be
/// no service, as for BIND.
pub(super) const SERVICE_MAP: Field = Field {
    read: |words, rdata| {
        let address = v4(words.next()?).ok_or(Unfit::Ipv4)?;
        rdata.extend(address.octets());
        rdata.push(find(words.next()?, TRANSPORTS, "a protocol")?);
        let mut ports = Vec::new();
        while !words.is_at_end() {
            ports.push(find::<u16>(words.next()?, SERVICES, "a service")?);
        }
        rdata.extend(bitmap(ports.into_iter()));
        Ok(())
    },
    show: |rest, text| {
        let address = Ipv4Addr::from(take::<4>(rest)?);
        let [protocol] = take(rest)?;
        write!(text, "{address} {protocol}").ok()?;
        let map = std::mem::take(rest);
        if map.len() > 65_536 / 8 {
            return None;
        }
        bits(map).try_for_each(|port| write!(text, " {port}")).ok()
    },
    is_name: false,
};

/// The next word as a type that can be the type of a record.
fn kind(words: &mut Words<'_, '_>) -> Result<u16, Unfit> {
    const WHAT: &str = "a record type";
    let word = words.text(WHAT)?;
    let kind = type_number(word).ok_or(Unfit::Not(WHAT))?;
    match kind {
        rtype::ANY => Err(Unfit::Not(WHAT)),
        _ => Ok(kind),
    }
}

fn kinds(words: &mut Words<'_, '_>) -> Result<Vec<u16>, Unfit> {
    let mut kinds = Vec::new();
    while !words.is_at_end() {
        kinds.push(kind(words)?);
    }
    Ok(kinds)
}

/// Bits from the front, the highest of an octet first, no octet behind the last that is set.
fn bitmap(numbers: impl Iterator<Item = u16>) -> Vec<u8> {
    let mut map = Vec::new();
    for number in numbers {
        let octet = usize::from(number / 8);
        if map.len() <= octet {
            map.resize(octet + 1, 0);
        }
        map[octet] |= 0x80 >> (number % 8);
    }
    map
}

/// The reverse of [`bitmap`].
fn bits(map: &[u8]) -> impl Iterator<Item = u16> {
    let octets = (0_u32..).step_by(8).zip(map);
    octets.flat_map(|(first, octet)| {
        let set = (0..8).filter(move |bit| octet & (0x80 >> bit) != 0);
        set.filter_map(move |bit| u16::try_from(first + bit).ok())
    })
}

fn show_kinds(kinds: Vec<u16>, text: &mut String) {
    let names: Vec<String> = kinds.into_iter().map(type_name).collect();
    text.push_str(&names.join(" "));
}
