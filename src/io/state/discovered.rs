//! The lists of discovered endpoints that were in force last, as they stand in their file: an entry for each discovery, with a checksum
//! ([`super::lines`]).
//!
//! Damage costs the discoveries that it strikes; their sources are asked again anyway.
use std::io;
use std::path::{Path, PathBuf};

use super::lines;
use crate::base::limits::DISCOVERED_BYTES;
use crate::discovery::{DiscoveredLists, KeptList};
use crate::io::keep;

/// Name of the file in the folder of state.
const FILE: &str = "discovered.log";

/// The file in its folder.
#[must_use]
pub fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Reads the file, and says what of it is damaged; nothing if there is none.
#[must_use]
pub fn read(folder: &Path) -> (Vec<KeptList>, Option<String>) {
    let text = match keep::read(&path(folder), DISCOVERED_BYTES) {
        Ok(Some(text)) => text,
        Ok(None) => return (Vec::new(), None),
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let found = lines::read(&text);
    let kept = found.entries.iter();
    let kept = kept.filter_map(|entry| serde_json::from_slice(entry).ok());
    (kept.collect(), found.damage)
}

/// The lists of the file, by discovery.
#[must_use]
pub fn lists(kept: &[KeptList]) -> DiscoveredLists {
    let kept = kept.iter();
    let lists = kept.map(|own| (own.name.clone(), own.endpoints.clone()));
    DiscoveredLists(lists.collect())
}

/// Writes the file anew.
///
/// # Errors
/// The reason why it is not on the disk.
pub fn write(folder: &Path, kept: &[KeptList]) -> io::Result<()> {
    let mut text = Vec::new();
    for (number, own) in (0..).zip(kept) {
        lines::write(&mut text, number, &serde_json::to_vec(own)?);
    }
    keep::replace(&path(folder), &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::json_list;

    #[test]
    fn lists_are_found_again_whatever_bit_flips() {
        let folder = tempfile::tempdir().unwrap();
        let list = |name: &str, text: &str| KeptList {
            name: name.to_owned(),
            endpoints: json_list(text.as_bytes()).unwrap(),
            seen_ms: 1_800_000_000_000,
        };
        let kept = [
            list(
                "web",
                r#"["192.0.2.1", {"id":"b","address":"2001:db8::1","port":1,"weight":7}]"#,
            ),
            list("api", r#"["one.example.net"]"#),
        ];
        assert_eq!(read(folder.path()), (Vec::new(), None));
        write(folder.path(), &kept).unwrap();
        assert_eq!(read(folder.path()), (kept.to_vec(), None));
        let whole = std::fs::read(path(folder.path())).unwrap();
        for octet in (0..whole.len()).step_by(5) {
            let mut text = whole.clone();
            text[octet] ^= 1 << (octet % 8);
            std::fs::write(path(folder.path()), text).unwrap();
            assert_eq!(read(folder.path()).0, kept, "{octet}");
        }
        std::fs::write(path(folder.path()), "no state").unwrap();
        let (found, damage) = read(folder.path());
        assert!(found.is_empty() && damage.is_some());
    }
}
