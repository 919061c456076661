//! Entries in a file that is only added to: each with its number, its length and a checksum, and each twice.
//!
//! ```text
//! 1 0000002a 00000013 9f86d081884c7d65 {"wall_ms":…}⏎
//! | |        |        |                '-- the entry, text without a line end
//! | |        |        '-- SipHash-2-4 over all the rest
//! | |        '-- its length in octets
//! | '-- its number; one more with each entry
//! '-- the format's version
//! ```
//!
//! A line that does not match its checksum is passed over up to the next line end, so that damage costs the line that
//! it strikes. Each line is there twice, one after the other, so that one damaged place costs nothing at all; a number that is
//! missing tells what is lost nevertheless. Lines after the last whole one are the torn end of a write that nobody was
//! told of. It knows nothing of what is in an entry.
use std::collections::BTreeSet;

use crate::base::sip_hash;

/// The version of the format: of the lines, and of what is in them.
pub const VERSION: u8 = b'1';
/// Octets before the entry.
const HEAD: usize = 2 + 9 + 9 + 17;
/// The key of the checksum: anything that stays the same.
const KEY: [u8; 16] = *b"waypost's health";

/// The entries of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries<'t> {
    /// Those that are whole, each once, in order.
    pub entries: Vec<&'t [u8]>,
    /// The damage to the file; a torn end is none.
    pub damage: Option<String>,
    /// Tells that an entry is missing, or that there is none at all.
    pub is_lost: bool,
}

/// Writes an entry, as it is put at the end of a file.
pub fn write(text: &mut Vec<u8>, number: u32, entry: &[u8]) {
    let mut line = format!("{} {number:08x} {:08x} ", char::from(VERSION), entry.len());
    let sum = checksum(line.as_bytes(), entry);
    line.push_str(&format!("{sum:016x} "));
    for _ in 0..2 {
        text.extend(line.as_bytes());
        text.extend(entry);
        text.push(b'\n');
    }
}

/// Reads the entries of a file.
#[must_use]
pub fn read(text: &[u8]) -> Entries<'_> {
    let mut found = Entries::default();
    let mut numbers = BTreeSet::new();
    let (mut at, mut broken, mut damaged) = (0, 0, None);
    while at < text.len() {
        match line_at(&text[at..]) {
            Some((number, entry, length)) => {
                if numbers.insert(number) {
                    found.entries.push(entry);
                }
                // A broken place with a whole line behind it is no torn end.
                damaged = damaged.or((broken > 0).then_some(at));
                at += length;
            }
            None => {
                broken += 1;
                let rest = text[at..].iter().position(|octet| *octet == b'\n');
                at += rest.map_or(text.len() - at, |end| end + 1);
            }
        }
    }
    let last = numbers.last().map_or(0, |last| *last as usize + 1);
    let lost = last.saturating_sub(numbers.len());
    found.is_lost = lost > 0 || found.entries.is_empty();
    found.damage = match (found.entries.is_empty(), lost, damaged) {
        (true, ..) => Some(unreadable(text)),
        (false, 0, None) => None,
        (false, 0, Some(at)) => Some(format!("damaged before octet {at}; nothing of it is lost")),
        (false, lost, _) => Some(format!("{lost} of {last} entries are damaged")),
    };
    found
}

/// Why nothing in a file can be read.
fn unreadable(text: &[u8]) -> String {
    match text {
        [] => "the file is empty".to_owned(),
        [version, b' ', ..] if version.is_ascii_digit() && *version != VERSION => {
            let (version, own) = (char::from(*version), char::from(VERSION));
            format!("it is of version {version}, and this program knows version {own}")
        }
        _ => "nothing in it can be read".to_owned(),
    }
}

/// The line at the beginning of a text: its number, its entry, and how long it is in all.
fn line_at(text: &[u8]) -> Option<(u32, &[u8], usize)> {
    let (head, rest) = text.split_at_checked(HEAD)?;
    let [version, b' ', number @ .., b' '] = head else {
        return None;
    };
    let number = str::from_utf8(number).ok()?;
    let mut fields = number.split(' ');
    let number = u32::from_str_radix(fields.next()?, 16).ok()?;
    let length = usize::from_str_radix(fields.next()?, 16).ok()?;
    let sum = u64::from_str_radix(fields.next()?, 16).ok()?;
    let entry = rest.get(..length)?;
    let is_whole = *version == VERSION && checksum(&head[..HEAD - 17], entry) == sum;
    // The line end may be what is damaged.
    is_whole.then_some((number, entry, text.len().min(HEAD + length + 1)))
}

fn checksum(head: &[u8], entry: &[u8]) -> u64 {
    sip_hash(&KEY, &[head, entry].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: [&[u8]; 4] = [b"{}", b"{\"a\":1}", b"", b"{\"b\":\"long enough\"}"];

    fn file() -> Vec<u8> {
        let mut text = Vec::new();
        for (number, entry) in (0..).zip(ENTRIES) {
            write(&mut text, number, entry);
        }
        text
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = file();
        let read = read(&text);
        assert_eq!((read.entries, read.damage), (ENTRIES.to_vec(), None));
    }

    #[test]
    fn no_single_bit_costs_an_entry() {
        let whole = file();
        for bit in 0..whole.len() * 8 {
            let mut text = whole.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&text).entries, ENTRIES, "bit {bit}");
        }
    }

    #[test]
    fn a_torn_end_is_no_damage() {
        let whole = file();
        for length in HEAD + 3..whole.len() {
            let read = read(&whole[..length]);
            assert_eq!(read.damage, None, "{length}");
            assert!(ENTRIES.starts_with(&read.entries), "{length}");
        }
        let mut padded = whole;
        padded.extend([0; 4096]);
        assert_eq!(read(&padded).damage, None);
    }

    #[test]
    fn what_is_lost_is_told() {
        let whole = file();
        let place = whole.windows(3).position(|own| own == b"\"a\"").unwrap();
        let again = whole[place + 1..]
            .windows(3)
            .position(|own| own == b"\"a\"");
        let mut text = whole.clone();
        for place in [place, place + 1 + again.unwrap()] {
            text[place] = b'x';
        }
        let found = read(&text);
        assert_eq!(found.entries, [ENTRIES[0], ENTRIES[2], ENTRIES[3]]);
        assert_eq!(found.damage.as_deref(), Some("1 of 4 entries are damaged"));
        for (text, reason) in [
            (&b""[..], "the file is empty"),
            (
                b"2 00000000 ",
                "it is of version 2, and this program knows version 1",
            ),
            (b"no state", "nothing in it can be read"),
        ] {
            assert_eq!(read(text).damage.as_deref(), Some(reason));
        }
    }
}
