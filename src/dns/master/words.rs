//! Single words of a master file: names, times to live, numbers.
//!
//! A name may stand in quotes, as an owner (BIND, NSD) and in data (NSD); it means what it means
//! without them, and may then have blanks in its labels.
use std::path::{Component, Path, PathBuf};

use super::lex::Token;
use crate::base::limits::NAME_BYTES;
use crate::dns::name::NameError;

/// Whether a name is written relative to the origin: it does not end with a bare dot.
pub(super) fn is_relative(text: &[u8]) -> bool {
    let Some((b'.', rest)) = quoted(text).unwrap_or(text).split_last() else {
        return true;
    };
    let escapes = rest.iter().rev().take_while(|byte| **byte == b'\\').count();
    escapes % 2 == 1
}

/// What stands between quotes, if there are any.
pub(super) fn quoted(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// Puts a name into wire format; relative ones get the origin behind them.
pub(super) fn name(text: &[u8], origin: &[u8], wire: &mut Vec<u8>) -> Result<(), NameError> {
    match quoted(text) {
        Some(text) => put_name(text, origin, wire, |byte| *byte != b' ' && is_special(byte)),
        None => put_name(text, origin, wire, is_special),
    }
}

fn put_name(
    text: &[u8],
    origin: &[u8],
    wire: &mut Vec<u8>,
    is_special: impl Fn(&u8) -> bool,
) -> Result<(), NameError> {
    wire.clear();
    if text == b"@" {
        wire.extend_from_slice(origin);
        return Ok(());
    }
    if text == b"." {
        wire.push(0);
        return Ok(());
    }
    let mut label = 0;
    wire.push(0);
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.iter().position(&is_special).unwrap_or(rest.len());
        wire.extend_from_slice(&rest[..plain]);
        let mut bytes = rest[plain..].iter();
        match bytes.next() {
            None => {}
            Some(b'.') => {
                close(wire, label)?;
                label = wire.len();
                wire.push(0);
            }
            Some(b'\\') => wire.push(unescape(&mut bytes.by_ref().copied())?),
            Some(_) => return Err(NameError::NotAscii),
        }
        rest = bytes.as_slice();
    }
    if wire.len() == label + 1 {
        if label == 0 {
            return Err(NameError::EmptyLabel);
        }
    } else {
        close(wire, label)?;
        wire.extend_from_slice(origin);
    }
    if wire.len() > NAME_BYTES {
        return Err(NameError::LongName);
    }
    Ok(())
}

/// Whether an octet of a name is not simply part of a label.
fn is_special(byte: &u8) -> bool {
    !matches!(byte, 0x21..=0x7E) || matches!(byte, b'.' | b'\\')
}

fn close(wire: &mut [u8], label: usize) -> Result<(), NameError> {
    match u8::try_from(wire.len() - label - 1) {
        Ok(0) => Err(NameError::EmptyLabel),
        Ok(length @ 1..=63) => {
            wire[label] = length;
            Ok(())
        }
        _ => Err(NameError::LongLabel),
    }
}

/// What stands behind a backslash: one character, or three digits up to 255.
fn unescape(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::Escape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit);
        value = value * 10 + u16::from(digit.ok_or(NameError::Escape)? - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::Escape)
}

/// Seconds: `3600`, `1h`, `1h30m` (units w, d, h, m, s, as BIND has them); `None` if the word is
/// no such thing, `Err` if it is one that does not fit into 32 bits.
pub(super) fn seconds(text: &[u8]) -> Option<Result<u32, ()>> {
    let mut total = 0_u64;
    let mut number: Option<u64> = None;
    for &byte in text {
        if byte.is_ascii_digit() {
            let digit = u64::from(byte - b'0');
            let value = number.unwrap_or(0).saturating_mul(10).saturating_add(digit);
            number = Some(value);
        } else {
            let unit = unit(byte)?;
            total = total.saturating_add(number.take()?.saturating_mul(unit));
        }
    }
    let total = match number {
        Some(number) => total.saturating_add(number),
        None if text.is_empty() => return None,
        None => total,
    };
    Some(u32::try_from(total).map_err(|_| ()))
}

fn unit(byte: u8) -> Option<u64> {
    Some(match byte.to_ascii_lowercase() {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        b'w' => 604_800,
        _ => return None,
    })
}

/// What a token says, without quotes and escapes; for file names.
pub(super) fn plain(token: &Token<'_>) -> Option<String> {
    let text = quoted(token.text).unwrap_or(token.text);
    let mut bytes = text.iter().copied();
    let mut said = Vec::new();
    while let Some(byte) = bytes.next() {
        said.push(match byte {
            b'\\' => unescape(&mut bytes).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(said).ok()
}

/// A path as written in the file `base`: relative to that file's folder. `base` is itself
/// relative to the folder of the zone's own file, which is `None`.
pub(super) fn beside(base: Option<&str>, path: &str) -> String {
    let folder = base.and_then(|base| Path::new(base).parent());
    let joined = folder.unwrap_or(Path::new("")).join(path);
    let parts = joined.components();
    let parts = parts.filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().display().to_string()
}
