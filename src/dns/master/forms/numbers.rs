//! Numbers, times, and numbers that have mnemonics.
//!
//! A number is written as digits alone and must have room; leading zeros are nothing. Mnemonics
//! are read in any case, and shown as numbers: those every server reads.
use std::fmt::Write;

use super::mnemonics::{
    ALGORITHMS, CERTIFICATES, DIGESTS, HASHES, KEY_FLAGS, PROTOCOLS, SCHEMES, Table,
};
use super::words::{Words, number};
use super::{Field, Unfit};
use crate::dns::dnssec::bind::{parse_stamp, stamp};
use crate::dns::master::words::seconds;

/// One octet.
pub(super) const U8: Field = Field {
    read: |words, rdata| {
        rdata.push(words.number()?);
        Ok(())
    },
    show: show::<1>,
    is_name: false,
};

/// Two octets.
pub(super) const U16: Field = Field {
    read: |words, rdata| {
        rdata.extend(words.number::<u16>()?.to_be_bytes());
        Ok(())
    },
    show: show::<2>,
    is_name: false,
};

/// Four octets.
pub(super) const U32: Field = Field {
    read: |words, rdata| {
        rdata.extend(words.number::<u32>()?.to_be_bytes());
        Ok(())
    },
    show: show::<4>,
    is_name: false,
};

/// Seconds, with units if wanted: `1h30m`.
pub(super) const SECONDS: Field = Field {
    read: |words, rdata| {
        let word = words.next()?;
        let units = seconds(word).and_then(Result::ok);
        let seconds = units.or_else(|| number::<u32>(word)).ok_or(Unfit::Number)?;
        rdata.extend(seconds.to_be_bytes());
        Ok(())
    },
    ..U32
};

/// A moment as `YYYYMMDDHHMMSS` or as seconds since 1970 (RFC 4034, section 3.2), modulo 2^32.
/// A date that no calendar has is none; NSD takes 30 February.
pub(super) const TIME: Field = Field {
    read: |words, rdata| {
        const WHAT: &str = "a time: `20300101000000` (year to second, UTC) or seconds since 1970";
        let word = words.text(WHAT)?;
        let date = || date(word).and_then(|seconds| u32::try_from(seconds % (1 << 32)).ok());
        let seconds = match word.len() {
            ..=10 => number(word.as_bytes()),
            _ => date(),
        };
        rdata.extend(seconds.ok_or(Unfit::Not(WHAT))?.to_be_bytes());
        Ok(())
    },
    show: |rest, text| {
        let seconds = u32::from_be_bytes(take(rest)?);
        text.push_str(&stamp(u64::from(seconds)));
        Some(())
    },
    is_name: false,
};

/// A security algorithm (RFC 4034, appendix A.1).
pub(super) const ALGORITHM: Field = Field {
    read: |words, rdata| named(words, ALGORITHMS, "an algorithm", rdata),
    ..U8
};

/// The digest of a DS (RFC 4034, appendix A.2); its names are BIND's alone.
pub(super) const DIGEST: Field = Field {
    read: |words, rdata| named(words, DIGESTS, "a digest type", rdata),
    ..U8
};

/// The hash of NSEC3 (RFC 5155, section 11); its name is BIND's alone.
pub(super) const HASH: Field = Field {
    read: |words, rdata| named(words, HASHES, "a hash algorithm", rdata),
    ..U8
};

/// What a key is for (RFC 2535, section 3.1.3); its names are BIND's alone.
pub(super) const PROTOCOL: Field = Field {
    read: |words, rdata| named(words, PROTOCOLS, "a protocol", rdata),
    ..U8
};

/// The way in which a parent wants to be notified (RFC 9859, section 2.1).
pub(super) const SCHEME: Field = Field {
    read: |words, rdata| named(words, SCHEMES, "a scheme", rdata),
    ..U8
};

/// What a certificate is (RFC 4398, section 2.1).
pub(super) const CERTIFICATE: Field = Field {
    read: |words, rdata| {
        let kind = find(words.next()?, CERTIFICATES, "a certificate type")?;
        rdata.extend(kind.to_be_bytes());
        Ok(())
    },
    ..U16
};

/// Flags of a key: a number, or names with `|` between them (RFC 2535, section 7.1; BIND's alone).
pub(super) const FLAGS: Field = Field {
    read: |words, rdata| {
        let mut flags = 0;
        let word = words.next()?;
        for part in word.split(|&byte| byte == b'|') {
            flags |= find::<u16>(part, KEY_FLAGS, "key flags")?;
        }
        rdata.extend(flags.to_be_bytes());
        Ok(())
    },
    ..U16
};

/// Octets at the front of RDATA.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*first)
}

/// So many octets at the front of RDATA.
pub(super) fn take_some<'r>(rest: &mut &'r [u8], octets: usize) -> Option<&'r [u8]> {
    let (first, tail) = rest.split_at_checked(octets)?;
    *rest = tail;
    Some(first)
}

/// Shows octets as a number.
pub(super) fn show<const N: usize>(rest: &mut &[u8], text: &mut String) -> Option<()> {
    let octets: [u8; N] = take(rest)?;
    let number = octets
        .iter()
        .fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
    write!(text, "{number}").ok()
}

/// A number by its mnemonic, or as it is.
pub(super) fn find<T: Copy + TryFrom<u64>>(
    word: &[u8],
    table: Table<T>,
    what: &'static str,
) -> Result<T, Unfit> {
    let mut named = table.iter();
    match named.find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word)) {
        Some((_, number)) => Ok(*number),
        None if word.iter().all(u8::is_ascii_digit) => number(word).ok_or(Unfit::Number),
        None => Err(Unfit::Not(what)),
    }
}

fn named(
    words: &mut Words<'_, '_>,
    table: Table<u8>,
    what: &'static str,
    rdata: &mut Vec<u8>,
) -> Result<(), Unfit> {
    rdata.push(find(words.next()?, table, what)?);
    Ok(())
}

/// Seconds since 1970 of a date that there is. The second 60 is the next minute's first.
fn date(word: &str) -> Option<u64> {
    let seconds = parse_stamp(word)?;
    let (minute, second) = word.split_at_checked(12)?;
    let start = seconds - number::<u64>(second.as_bytes())?;
    stamp(start).starts_with(minute).then_some(seconds)
}
