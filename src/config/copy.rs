//! The record that is kept beside the copy of a zone from a primary: what the copy was when it was written.
//!
//! A disk that was full, a machine that lost its power or a hand that slipped leaves a copy that is cut or
//! changed, and part of a zone is still a zone. So its length and a hash of it stand in a file of their
//! own. While one copy takes the place of another the record names both, so that a crash between the two
//! costs neither.
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::base::{HashKey, PieceHashing};

/// The first line of a record.
const HEAD: &str = "waypost copy 1";

/// Where the record of a copy is.
#[must_use]
pub fn record_of(copy: &Path) -> PathBuf {
    let mut name = copy.file_name().unwrap_or_default().to_owned();
    name.push(".digest");
    copy.with_file_name(name)
}

/// The line that a record has for this copy.
#[must_use]
pub fn line(copy: &[u8]) -> String {
    let mut line = CopyLine::of(copy.len() as u64);
    line.take(copy);
    line.finish()
}

/// The line for a copy that is read a piece at a time.
#[derive(Debug)]
pub struct CopyLine {
    length: u64,
    hashing: PieceHashing,
}

impl CopyLine {
    /// Of a copy of so many octets.
    #[must_use]
    pub fn of(length: u64) -> Self {
        let hashing = HashKey::from_secret(b"copy").hashing(length);
        Self { length, hashing }
    }

    /// Takes the next octets.
    pub fn take(&mut self, octets: &[u8]) {
        self.hashing.take(octets);
    }

    /// The line, once all octets were taken.
    #[must_use]
    pub fn finish(self) -> String {
        format!("{} {:016x}", self.length, self.hashing.finish())
    }
}

/// A record that names these copies by their lines.
#[must_use]
pub fn record<'l>(lines: impl IntoIterator<Item = &'l str>) -> String {
    let mut text = format!("{HEAD}\n");
    for line in lines {
        writeln!(text, "{line}").expect("text takes text");
    }
    text
}

/// The lines of a record; none of what is no record.
pub fn lines(record: &str) -> impl Iterator<Item = &str> {
    let named = record.strip_prefix(HEAD).unwrap_or_default();
    named.lines().filter(|line| !line.is_empty())
}

/// Whether a copy is one of those that a record names. A record that is none says nothing.
#[must_use]
pub fn is_whole(copy: &[u8], record: &[u8]) -> bool {
    let text = std::str::from_utf8(record).unwrap_or_default();
    if !text.starts_with(HEAD) {
        return true;
    }
    let own = line(copy);
    lines(text).any(|line| line == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_cut_or_changed_is_found_out() {
        let copy = b"example.org. 60 IN SOA a b 1 2 3 4 5\nexample.org. 60 IN NS a\n";
        let record = record([line(b"another").as_str(), line(copy).as_str()]);
        assert!(is_whole(copy, record.as_bytes()));
        assert!(is_whole(b"another", record.as_bytes()));
        for cut in 0..copy.len() {
            assert!(!is_whole(&copy[..cut], record.as_bytes()), "{cut}");
            let mut changed = copy.to_vec();
            changed[cut] ^= 1;
            assert!(!is_whole(&changed, record.as_bytes()), "{cut}");
        }
        assert!(is_whole(b"", b"what nobody has written"));
    }

    #[test]
    fn a_record_lies_beside_its_copy() {
        assert_eq!(
            record_of(Path::new("a/b.zone")),
            Path::new("a/b.zone.digest")
        );
    }
}
