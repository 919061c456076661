//! The last good addresses of names, as they stand in their file: an entry for each, with a checksum ([`super::lines`]).
//!
//! Damage costs the names that it strikes; they are asked for again.
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lines;
use crate::base::limits::NAMES_FILE_BYTES;
use crate::dns::Name;
use crate::io::keep;
use crate::names::KeptName;

/// Name of the file in the folder of state.
const FILE: &str = "names.log";

#[derive(Serialize, Deserialize)]
struct NameEntry {
    name: String,
    addresses: Vec<IpAddr>,
    seen_ms: u64,
}

/// The file in its folder.
#[must_use]
pub fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Reads the file, and says what of it is damaged; nothing if there is none.
#[must_use]
pub fn read(folder: &Path) -> (Vec<KeptName>, Option<String>) {
    let text = match keep::read(&path(folder), NAMES_FILE_BYTES) {
        Ok(Some(text)) => text,
        Ok(None) => return (Vec::new(), None),
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let found = lines::read(&text);
    let kept = found.entries.iter().filter_map(|entry| {
        let entry: NameEntry = serde_json::from_slice(entry).ok()?;
        Some(KeptName {
            name: Name::parse(&entry.name).ok()?,
            addresses: entry.addresses,
            seen_ms: entry.seen_ms,
        })
    });
    (kept.collect(), found.damage)
}

/// Writes the file anew.
///
/// # Errors
/// The reason why it is not on the disk.
pub fn write(folder: &Path, names: &[KeptName]) -> io::Result<()> {
    let mut text = Vec::new();
    for (number, own) in (0..).zip(names) {
        let entry = NameEntry {
            name: own.name.to_string(),
            addresses: own.addresses.clone(),
            seen_ms: own.seen_ms,
        };
        lines::write(&mut text, number, &serde_json::to_vec(&entry)?);
    }
    keep::replace(&path(folder), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_whatever_bit_flips() {
        let folder = tempfile::tempdir().unwrap();
        let name = |text, last: u8| KeptName {
            name: Name::parse(text).unwrap(),
            addresses: vec![
                IpAddr::from([192, 0, 2, last]),
                "2001:db8::1".parse().unwrap(),
            ],
            seen_ms: 1_800_000_000_000,
        };
        let names = [name("one.test", 1), name("two.test", 2)];
        assert_eq!(read(folder.path()), (Vec::new(), None));
        write(folder.path(), &names).unwrap();
        assert_eq!(read(folder.path()), (names.to_vec(), None));
        let whole = std::fs::read(path(folder.path())).unwrap();
        for octet in (0..whole.len()).step_by(5) {
            let mut text = whole.clone();
            text[octet] ^= 1 << (octet % 8);
            std::fs::write(path(folder.path()), text).unwrap();
            assert_eq!(read(folder.path()).0, names, "{octet}");
        }
        std::fs::write(path(folder.path()), "no state").unwrap();
        let (kept, damage) = read(folder.path());
        assert!(kept.is_empty() && damage.is_some());
    }
}
