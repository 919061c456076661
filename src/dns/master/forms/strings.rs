//! Names and strings.
//!
//! A string is a word, in quotes if it holds blanks; in it `\` stands before one character that
//! has no meaning of its own, or before three digits up to 255 that are an octet (RFC 1035,
//! section 5.1). What else is in it is data as it is: text that is not ASCII, and the end of a
//! line between quotes.
use std::fmt::Write;

use super::numbers::{take, take_some};
use super::words::Words;
use super::{Field, Unfit};
use crate::dns::query::take_name;

/// A name, never compressed.
pub(super) const NAME: Field = Field {
    read: |words, rdata| {
        rdata.extend_from_slice(words.name()?);
        Ok(())
    },
    show: show_name,
    is_name: true,
};

/// A string of at most 255 octets behind its length.
pub(super) const STRING: Field = Field {
    read: read_string,
    show: show_string,
    is_name: false,
};

/// A string that may be absent, at the end.
pub(super) const MAYBE_STRING: Field = Field {
    read: |words, rdata| match words.is_at_end() {
        true => Ok(()),
        false => read_string(words, rdata),
    },
    show: |rest, text| match rest.is_empty() {
        true => Some(()),
        false => show_string(rest, text),
    },
    is_name: false,
};

/// One string or more, to the end.
pub(super) const STRINGS: Field = Field {
    read: |words, rdata| {
        read_string(words, rdata)?;
        while !words.is_at_end() {
            read_string(words, rdata)?;
        }
        Ok(())
    },
    show: |rest, text| {
        show_string(rest, text)?;
        while !rest.is_empty() {
            text.push(' ');
            show_string(rest, text)?;
        }
        Some(())
    },
    is_name: false,
};

/// A string of digits (RFC 1183, section 3.1).
pub(super) const DIGITS: Field = Field {
    read: |words, rdata| {
        let start = rdata.len();
        read_string(words, rdata)?;
        match rdata.get(start + 1..) {
            Some([]) | None => Err(Unfit::Not("a number of digits")),
            Some(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(()),
            Some(_) => Err(Unfit::Not("a number of digits")),
        }
    },
    ..STRING
};

/// The tag of a CAA: letters and digits (RFC 8659, section 4.1). Knot takes anything, NSD no
/// capitals.
pub(super) const TAG: Field = Field {
    read: |words, rdata| {
        let start = rdata.len();
        read_string(words, rdata)?;
        let tag = rdata.get(start + 1..).unwrap_or_default();
        let fits = !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric);
        fits.then_some(())
            .ok_or(Unfit::Not("a tag of letters and digits"))
    },
    show: |rest, text| {
        let [length] = take(rest)?;
        let tag = take_some(rest, usize::from(length))?;
        if tag.is_empty() {
            return None;
        }
        for &byte in tag {
            push_byte(byte, text);
        }
        Some(())
    },
    is_name: false,
};

/// A string to the end, without its length. It may be empty: RFC 7553 (section 4.4) forbids that for
/// URI, and BIND, Knot and NSD take it.
pub(super) const TARGET: Field = Field {
    read: |words, rdata| push_octets(words.next()?, rdata),
    show: |rest, text| {
        quote(std::mem::take(rest), text);
        Some(())
    },
    is_name: false,
};

fn read_string(words: &mut Words<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Unfit> {
    let start = rdata.len();
    rdata.push(0);
    push_octets(words.next()?, rdata)?;
    rdata[start] = u8::try_from(rdata.len() - start - 1).map_err(|_| Unfit::LongString)?;
    Ok(())
}

/// Puts what a word says, without quotes and escapes.
pub(super) fn push_octets(word: &[u8], octets: &mut Vec<u8>) -> Result<(), Unfit> {
    const UNKNOWN: Unfit =
        Unfit::Not("a string: `\\` stands before one character, or before three digits up to 255");
    let inner = word
        .strip_prefix(b"\"")
        .and_then(|inner| inner.strip_suffix(b"\""));
    let mut rest = inner.unwrap_or(word);
    while let Some(plain) = rest.iter().position(|&byte| byte == b'\\') {
        octets.extend_from_slice(&rest[..plain]);
        let escape = &rest[plain + 1..];
        let digits = escape
            .first_chunk::<3>()
            .filter(|digits| digits[0].is_ascii_digit());
        let (octet, length) = match (escape.first(), digits) {
            (_, Some(digits)) => {
                let number = super::words::number::<u8>(digits).ok_or(UNKNOWN)?;
                (number, digits.len())
            }
            (Some(byte), None) if !byte.is_ascii_digit() => (*byte, 1),
            _ => return Err(UNKNOWN),
        };
        octets.push(octet);
        rest = &escape[length..];
    }
    octets.extend_from_slice(rest);
    Ok(())
}

fn show_string(rest: &mut &[u8], text: &mut String) -> Option<()> {
    let [length] = take(rest)?;
    quote(take_some(rest, usize::from(length))?, text);
    Some(())
}

/// Puts a string in quotes.
pub(super) fn quote(octets: &[u8], text: &mut String) {
    text.push('"');
    for &byte in octets {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' ' => text.push(' '),
            _ => push_byte(byte, text),
        }
    }
    text.push('"');
}

/// Puts an octet as it is if that is a printable character, and else as `\ddd`.
fn push_byte(byte: u8, text: &mut String) {
    match byte {
        0x21..=0x7E => text.push(char::from(byte)),
        // Writing to a string cannot fail.
        _ => drop(write!(text, "\\{byte:03}")),
    }
}

fn show_name(rest: &mut &[u8], text: &mut String) -> Option<()> {
    let mut name = take_name(rest).ok()?;
    if name == b"\0" {
        text.push('.');
    }
    while let Some((&length, tail)) = name.split_first().filter(|(length, _)| **length > 0) {
        let (label, tail) = tail.split_at_checked(usize::from(length))?;
        for &byte in label {
            if b".\\\"();@$".contains(&byte) {
                text.push('\\');
            }
            push_byte(byte, text);
        }
        text.push('.');
        name = tail;
    }
    Some(())
}
