//! The timeline on the disk: files that are only added to, one after the other, each for an hour at most.
//!
//! ```text
//! state/history/
//!   1764439200123-4711.log     the time of its beginning in milliseconds since 1970, and the process that writes it
//! ```
//!
//! Entries are lines with checksums ([`crate::io::state::lines`]). Every process writes files of its own, so that two may write
//! side by side while one takes the other's place. A file in which something is damaged is set aside, and what can be read of it is
//! written again. Files that are too old, or too many octets in all, are removed, the oldest first. What cannot be written is
//! forgotten with the process: answers never depend on it.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::timeline::HistoryEntry;
use crate::base::Utc;
use crate::base::limits::{HISTORY_FILE_BYTES, HISTORY_FILES_BYTES, HISTORY_KEPT};
use crate::io::keep;
use crate::io::state::{lines, set_aside};

/// Longest time that a file is added to.
const FILE_AGE_MS: u64 = 60 * 60 * 1000;

/// The files of a folder.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    open: Option<Segment>,
}

/// The file that is added to.
#[derive(Debug)]
struct Segment {
    file: File,
    since: Utc,
    bytes: u64,
    next: u32,
}

impl Segments {
    /// Files in a folder, and all that stands in them, oldest first; with what was damaged, for a person.
    pub(super) fn open(folder: PathBuf, now: Utc) -> (Self, Vec<HistoryEntry>, Vec<String>) {
        let (mut entries, mut damages) = (Vec::new(), Vec::new());
        for (_, path) in files(&folder) {
            let (read, damage) = read(&path, now);
            entries.extend(read);
            damages.extend(damage);
        }
        let segments = Self { folder, open: None };
        segments.remove_old(now);
        (segments, entries, damages)
    }

    /// Adds entries at the end.
    ///
    /// # Errors
    /// They are not on the disk.
    pub(super) fn add(&mut self, entries: &[HistoryEntry], now: Utc) -> io::Result<()> {
        let is_full = |own: &Segment| {
            own.bytes >= HISTORY_FILE_BYTES || now.0.saturating_sub(own.since.0) >= FILE_AGE_MS
        };
        let mut segment = match self.open.take().filter(|own| !is_full(own)) {
            Some(open) => open,
            None => {
                self.remove_old(now);
                self.begin(now)?
            }
        };
        let mut text = Vec::new();
        for entry in entries {
            lines::write(&mut text, segment.next, &serde_json::to_vec(entry)?);
            segment.next += 1;
        }
        segment.file.write_all(&text)?;
        segment.bytes += text.len() as u64;
        self.open = Some(segment);
        Ok(())
    }

    fn begin(&self, now: Utc) -> io::Result<Segment> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.folder)?;
        let name = format!("{:014}-{}.log", now.0, std::process::id());
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        Ok(Segment {
            file: options.open(self.folder.join(name))?,
            since: now,
            bytes: 0,
            next: 0,
        })
    }

    /// Removes files that are too old, or too many.
    fn remove_old(&self, now: Utc) {
        let oldest = now.0.saturating_sub(HISTORY_KEPT.0 + FILE_AGE_MS);
        let mut sum = 0;
        for (began_ms, path) in files(&self.folder).into_iter().rev() {
            sum += fs::metadata(&path).map_or(0, |found| found.len());
            if began_ms < oldest || sum > HISTORY_FILES_BYTES {
                // One that stays is met again.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Files of a folder with the time of their beginning, oldest first.
fn files(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
            let began = name.split('-').next()?.parse().ok()?;
            Some((began, path))
        })
        .collect();
    found.sort();
    found
}

/// Entries of a file, and what is damaged.
fn read(path: &Path, now: Utc) -> (Vec<HistoryEntry>, Option<String>) {
    let text = match fs::read(path) {
        Ok(text) if text.is_empty() => return (Vec::new(), None),
        Ok(text) => text,
        Err(error) => return (Vec::new(), Some(format!("`{}`: {error}", path.display()))),
    };
    let found = lines::read(&text);
    let parsed = found.entries.iter().map(|own| serde_json::from_slice(own));
    let entries: Vec<HistoryEntry> = parsed.filter_map(Result::ok).collect();
    let Some(damage) = found.damage else {
        return (entries, None);
    };
    let aside = set_aside(path, damage, now.0 / 1000);
    let mut again = Vec::new();
    for (number, entry) in (0..).zip(&found.entries) {
        lines::write(&mut again, number, entry);
    }
    let kept = aside
        .aside
        .and_then(|_| keep::replace(path, &again).map_err(|own| own.to_string()));
    let also = kept
        .err()
        .map_or_else(String::new, |own| format!("; {own}"));
    let told = format!("`{}`: {}{also}", path.display(), aside.reason);
    (entries, Some(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(at_ms: u64) -> HistoryEntry {
        HistoryEntry::Shares(at_ms, vec![("key".to_owned(), 0, 1000)])
    }

    #[test]
    fn what_is_added_is_found_again_and_a_damaged_line_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("history");
        let open = |now| Segments::open(folder.clone(), Utc(now));
        let (mut segments, entries, damages) = open(5);
        assert!(entries.is_empty() && damages.is_empty());
        segments.add(&[shares(1), shares(2)], Utc(5)).unwrap();
        segments.add(&[shares(3)], Utc(6)).unwrap();
        segments.add(&[shares(4)], Utc(5 + FILE_AGE_MS)).unwrap();
        assert_eq!(files(&folder).len(), 2, "one for each hour");
        let expected = [1, 2, 3, 4].map(shares);
        assert_eq!(open(7).1, expected);
        let path = files(&folder)[0].1.clone();
        let mut text = fs::read(&path).unwrap();
        text[70] ^= 1;
        fs::write(&path, &text).unwrap();
        let (_, entries, damages) = open(8000);
        assert_eq!((entries, damages.len()), (expected.to_vec(), 1));
        assert_eq!(open(9000).2.len(), 0, "it is whole again");
        let aside = path.with_extension("log.damaged-8");
        assert_eq!(fs::read(aside).unwrap(), text);
    }

    #[test]
    fn files_go_with_their_age() {
        let folder = tempfile::tempdir().unwrap();
        let (mut segments, ..) = Segments::open(folder.path().to_owned(), Utc(5));
        segments.add(&[shares(1)], Utc(5)).unwrap();
        let late = Utc(HISTORY_KEPT.0 + 2 * FILE_AGE_MS);
        segments.add(&[shares(2)], late).unwrap();
        let (_, entries, _) = Segments::open(folder.path().to_owned(), late);
        assert_eq!(entries, [shares(2)]);
    }
}
