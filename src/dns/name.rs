//! Domain names in wire format (RFC 1035, section 3.1), never compressed.
//!
//! A [`Name`] keeps the case it was written in and compares without it (RFC 4343).
use std::fmt;
use std::hash::{Hash, Hasher};

use thiserror::Error;

use crate::base::limits::NAME_BYTES;

/// An absolute domain name, as written; equal to another when they differ in case only.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why a text is not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Two dots in a row, or a dot at the start.
    #[error("empty label")]
    EmptyLabel,
    /// A label of more than 63 octets.
    #[error("label longer than 63 octets")]
    LongLabel,
    /// More than 255 octets in all.
    #[error("name longer than 255 octets")]
    LongName,
    /// A backslash not followed by a character or three digits up to 255.
    #[error("incomplete escape")]
    Escape,
    /// Something other than ASCII; such names are written in their `xn--` form.
    #[error("not ASCII (write the xn-- form of an internationalised name)")]
    NotAscii,
}

impl Name {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads `www.example.org` or `www.example.org.`; both are taken as absolute.
    ///
    /// # Errors
    /// When the text is no domain name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::root());
        }
        let mut wire = vec![0];
        let mut label = 0;
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => {
                    close_label(&mut wire, label)?;
                    label = wire.len();
                    wire.push(0);
                }
                b'\\' => wire.push(unescape(&mut bytes)?),
                _ if byte.is_ascii() => wire.push(byte),
                _ => return Err(NameError::NotAscii),
            }
        }
        if wire.len() > label + 1 {
            close_label(&mut wire, label)?;
            wire.push(0);
        } else if label == 0 {
            return Err(NameError::EmptyLabel);
        }
        if wire.len() > NAME_BYTES {
            return Err(NameError::LongName);
        }
        Ok(Self(wire.into()))
    }

    /// Takes a name that is already in wire format, whole and uncompressed; `None` if it is not.
    #[must_use]
    pub fn from_wire(wire: &[u8]) -> Option<Self> {
        let mut rest = wire;
        while let Some((&length, tail)) = rest.split_first() {
            match length {
                0 if tail.is_empty() && wire.len() <= NAME_BYTES => return Some(Self(wire.into())),
                1..=63 if tail.len() > usize::from(length) => rest = &tail[usize::from(length)..],
                _ => return None,
            }
        }
        None
    }

    /// The wire format, in its own case.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels, leftmost first, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (&length, tail) = rest.split_first()?;
            let (label, tail) = tail.split_at_checked(usize::from(length))?;
            rest = tail;
            (length > 0).then_some(label)
        })
    }

    /// Whether this name is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        let mut rest: &[u8] = &self.0;
        while rest.len() > ancestor.0.len() {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        rest.eq_ignore_ascii_case(&ancestor.0)
    }

    /// Whether the leftmost label is `*` (RFC 4592).
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(&[1, b'*'])
    }

    /// The name below which a wildcard stands; nothing for a name that is none.
    #[must_use]
    pub fn below_wildcard(&self) -> Option<Self> {
        let below = self.as_wire().get(2..).filter(|_| self.is_wildcard());
        below.and_then(Self::from_wire)
    }
}

fn close_label(wire: &mut [u8], label: usize) -> Result<(), NameError> {
    match wire.len() - label - 1 {
        0 => Err(NameError::EmptyLabel),
        length @ 1..=63 => {
            wire[label] = u8::try_from(length).map_err(|_| NameError::LongLabel)?;
            Ok(())
        }
        _ => Err(NameError::LongLabel),
    }
}

/// What stands behind a backslash: `\.` or `\046` (RFC 1035, section 5.1).
fn unescape(bytes: &mut std::str::Bytes<'_>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::Escape)?;
    if !first.is_ascii_digit() {
        return first.is_ascii().then_some(first).ok_or(NameError::NotAscii);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit);
        value = value * 10 + u16::from(digit.ok_or(NameError::Escape)? - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::Escape)
}

/// Without the final dot, escaped as in a master file; the root is `.`.
impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return out.write_str(".");
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                out.write_str(".")?;
            }
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'@' | b'$' | b'(' | b')' => {
                        write!(out, "\\{}", char::from(byte))?;
                    }
                    0x21..=0x7E => write!(out, "{}", char::from(byte))?,
                    _ => write!(out, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in &self.0 {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

/// Canonical order (RFC 4034, section 6.1): by label from the right, without case.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let mut own: Vec<&[u8]> = self.labels().collect();
        let mut others: Vec<&[u8]> = other.labels().collect();
        own.reverse();
        others.reverse();
        let lower = |label: &&[u8]| label.to_ascii_lowercase();
        own.iter().map(lower).cmp(others.iter().map(lower))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_and_print() {
        for text in [
            "example.org",
            "a.b.c",
            "xn--bcher-kva.example",
            "*.example",
            "a\\.b.c",
            ".",
        ] {
            assert_eq!(Name::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Name::parse("Example.ORG.").unwrap().to_string(),
            "Example.ORG"
        );
        assert_eq!(Name::parse("a\\046b").unwrap().to_string(), "a\\.b");
    }

    #[test]
    fn bad_names_say_why() {
        for (text, error) in [
            ("", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("b\u{fc}cher.example", NameError::NotAscii),
            ("a\\", NameError::Escape),
            ("a\\300", NameError::Escape),
        ] {
            assert_eq!(Name::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::LongLabel));
        assert_eq!(
            Name::parse(&"abcdefg.".repeat(32)),
            Err(NameError::LongName)
        );
    }

    #[test]
    fn names_compare_without_case_and_know_their_ancestors() {
        let name = Name::parse("WWW.Example.org").unwrap();
        assert_eq!(name, Name::parse("www.eXample.ORG").unwrap());
        assert!(name.is_within(&Name::parse("example.org").unwrap()));
        assert!(name.is_within(&name.clone()));
        assert!(name.is_within(&Name::root()));
        assert!(!name.is_within(&Name::parse("xample.org").unwrap()));
        assert!(Name::parse("z.a.org").unwrap() < Name::parse("a.b.org").unwrap());
    }

    #[test]
    fn wire_names_are_checked() {
        assert!(Name::from_wire(b"\x01a\x00").is_some());
        for wire in [
            &b""[..],
            b"\x01a",
            b"\x02a\x00",
            b"\xC0\x0C",
            b"\x01a\x00\x00",
        ] {
            assert!(Name::from_wire(wire).is_none(), "{wire:?}");
        }
    }
}
