//! Notices when files change, vanish, or come back.
//!
//! It compares what the file system says of each path, through symbolic links, because
//! Kubernetes swaps the link of a mounted folder and not the file. It asks instead of being told:
//! notifications are lost on network file systems, on swapped links and on folders that come later,
//! and one `stat` a second costs nothing. Very many files are looked at less often, so that a poll costs no
//! more than a bounded number of them on average. A change is told only when nothing has moved between two
//! polls, so that a file half written, or a folder half copied, is not read; something that never
//! rests is told after [`PATIENCE`] polls.
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::{HashKey, limits};
use crate::config;

/// Polls for which a change may be held back because something else keeps moving.
pub const PATIENCE: u32 = 30;

/// Notices when files change, vanish, or come back.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    pub(super) entries: Vec<Entry>,
    /// Polls since the first change that has not been told yet.
    held_back: u32,
    /// Polls that go by without a look, because the last one took many.
    resting: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// The stamp that was last told (or there at the start).
    told: Option<Stamp>,
    /// The stamp that the last poll saw.
    seen: Option<Stamp>,
}

/// Marks that tell one content of a path from another, as far as the file system knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    seconds: i64,
    nanoseconds: i64,
    /// Time of the last change of its inode: what sets the time of a file back does not set this one.
    changed: (i64, i64),
    bytes: u64,
    inode: u64,
    device: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            bytes: metadata.size(),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }

    /// Nothing where nothing can be seen. A pattern of a config's `include` has the stamp of the names that it means, so that
    /// what else comes and goes in its folder is no change.
    pub(super) fn take(path: &Path) -> Option<Self> {
        if let Some((folder, pattern)) = pattern_of(path) {
            return names_of(folder, pattern)
                .ok()
                .map(|names| Self::of_names(&names));
        }
        fs::metadata(path).ok().map(|found| Self::of(&found))
    }

    /// The stamp of a list of names.
    pub(super) fn of_names(names: &[String]) -> Self {
        let text = names.join("/");
        Self {
            seconds: 0,
            nanoseconds: 0,
            changed: (0, 0),
            bytes: text.len() as u64,
            inode: HashKey::from_secret(b"names").hash(text.as_bytes()),
            device: 0,
        }
    }
}

/// Folder and names of a path with `*` in its last part, if nothing is called so.
pub(super) fn pattern_of(path: &Path) -> Option<(&Path, &str)> {
    let name = path
        .file_name()?
        .to_str()
        .filter(|name| name.contains('*'))?;
    let folder = path.parent()?;
    fs::symlink_metadata(path)
        .is_err()
        .then_some((folder, name))
}

/// The names in a folder that a pattern means, in order.
///
/// # Errors
/// Those of the system.
pub(super) fn names_of(folder: &Path, pattern: &str) -> io::Result<Vec<String>> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if config::fits(pattern, &name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

impl Watch {
    /// Watches these paths, present or not, from now on.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut watch = Self::default();
        for path in paths {
            let stamp = Stamp::take(&path);
            watch.add(path, stamp);
        }
        watch
    }

    /// Goes on watching what another watch did.
    pub fn keep(&mut self, other: Self) {
        let known: BTreeSet<PathBuf> = self.entries.iter().map(|own| own.path.clone()).collect();
        let more = other.entries.into_iter();
        self.entries
            .extend(more.filter(|entry| !known.contains(&entry.path)));
    }

    /// The paths that are not any more as they were seen.
    pub(super) fn moved(&self) -> Vec<PathBuf> {
        let entries = self.entries.iter();
        let moved = entries.filter(|entry| Stamp::take(&entry.path) != entry.seen);
        moved.map(|entry| entry.path.clone()).collect()
    }

    /// Tells whether a path is not as it was seen.
    pub(super) fn has_moved(&self, path: &Path) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.path == path && Stamp::take(path) != entry.seen)
    }

    /// Takes a path for read as it was at this stamp.
    pub(super) fn see(&mut self, path: PathBuf, stamp: Option<Stamp>) {
        match self.entries.iter_mut().find(|entry| entry.path == path) {
            Some(entry) => (entry.told, entry.seen) = (stamp, stamp),
            None => self.add(path, stamp),
        }
    }

    pub(super) fn add(&mut self, path: PathBuf, stamp: Option<Stamp>) {
        self.entries.push(Entry {
            path,
            told: stamp,
            seen: stamp,
        });
    }

    /// One poll: the paths that differ from what was last told, once they have come to rest.
    pub fn changed(&mut self) -> Option<Vec<PathBuf>> {
        if self.held_back == 0 && self.resting > 0 {
            self.resting -= 1;
            return None;
        }
        self.resting = self.entries.len() / limits::FILES_AT_A_POLL;
        let moving = self.look();
        if self.entries.iter().all(|entry| entry.seen == entry.told) {
            self.held_back = 0;
            return None;
        }
        self.held_back += 1;
        if moving && self.held_back < PATIENCE {
            return None;
        }
        self.held_back = 0;
        Some(self.tell())
    }

    /// Looks at every path; whether any differs from the last look.
    fn look(&mut self) -> bool {
        let mut moving = false;
        for entry in &mut self.entries {
            let now = Stamp::take(&entry.path);
            moving |= now != entry.seen;
            entry.seen = now;
        }
        moving
    }

    fn tell(&mut self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for entry in &mut self.entries {
            if entry.seen != entry.told {
                entry.told = entry.seen;
                paths.push(entry.path.clone());
            }
        }
        paths
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::{TempDir, tempdir};

    pub(in crate::io::files) fn folder_with(names: &[&str]) -> (TempDir, Vec<PathBuf>) {
        let folder = tempdir().unwrap();
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        for path in &paths {
            fs::write(path, "one").unwrap();
        }
        (folder, paths)
    }

    /// Polls as often as a change needs to be told when nothing moves.
    pub(in crate::io::files) fn settle(watch: &mut Watch) -> Option<Vec<PathBuf>> {
        watch.changed().or_else(|| watch.changed())
    }

    #[test]
    fn a_change_is_told_once_and_only_at_rest() {
        let (_folder, paths) = folder_with(&["a", "b"]);
        let mut watch = Watch::new(paths.clone());
        assert_eq!(settle(&mut watch), None);
        fs::write(&paths[0], "half").unwrap();
        assert_eq!(watch.changed(), None, "it may still be written");
        fs::write(&paths[0], "half and half").unwrap();
        assert_eq!(watch.changed(), None, "it was still written");
        assert_eq!(watch.changed(), Some(vec![paths[0].clone()]));
        assert_eq!(settle(&mut watch), None);
    }

    #[test]
    fn a_file_that_still_moves_holds_back_the_others() {
        let (_folder, paths) = folder_with(&["a", "b"]);
        let mut watch = Watch::new(paths.clone());
        fs::write(&paths[0], "changed").unwrap();
        assert_eq!(watch.changed(), None);
        fs::write(&paths[1], "changed").unwrap();
        assert_eq!(watch.changed(), None);
        assert_eq!(watch.changed(), Some(paths));
    }

    #[test]
    fn very_many_files_are_looked_at_less_often() {
        let (folder, paths) = folder_with(&["a"]);
        let many =
            (0..2 * limits::FILES_AT_A_POLL).map(|number| folder.path().join(number.to_string()));
        let mut watch = Watch::new(paths.iter().cloned().chain(many));
        assert_eq!(watch.changed(), None);
        fs::write(&paths[0], "two").unwrap();
        for rest in 0..2 {
            assert_eq!(watch.changed(), None, "poll {rest}");
            assert_eq!(watch.held_back, 0, "nobody has looked");
        }
        // What moves is looked at again at once.
        assert_eq!(settle(&mut watch), Some(paths));
    }

    #[test]
    fn what_never_rests_is_told_in_the_end() {
        let (_folder, paths) = folder_with(&["log"]);
        let mut watch = Watch::new(paths.clone());
        for poll in 1..=PATIENCE {
            fs::write(&paths[0], "x".repeat(poll as usize + 10)).unwrap();
            assert_eq!(watch.changed().is_some(), poll == PATIENCE, "poll {poll}");
        }
    }

    #[test]
    fn vanishing_and_coming_back_are_changes() {
        let (_folder, paths) = folder_with(&["a"]);
        let mut watch = Watch::new(paths.clone());
        fs::remove_file(&paths[0]).unwrap();
        assert_eq!(settle(&mut watch), Some(paths.clone()));
        fs::write(&paths[0], "back").unwrap();
        assert_eq!(settle(&mut watch), Some(paths.clone()));
        assert_eq!(settle(&mut watch), None);
    }

    #[test]
    fn a_file_that_was_gone_for_one_poll_is_told_when_it_is_back() {
        let (folder, paths) = folder_with(&["a"]);
        let mut watch = Watch::new(paths.clone());
        let aside = folder.path().join("aside");
        fs::rename(&paths[0], &aside).unwrap();
        assert_eq!(watch.changed(), None);
        fs::rename(&aside, &paths[0]).unwrap();
        assert_eq!(watch.changed(), None, "it has just come back");
        // Its inode was touched; whoever reads it finds the same text.
        let told = watch.changed();
        assert!(told.is_none_or(|told| told == paths));
        assert_eq!(settle(&mut watch), None);
    }

    #[test]
    fn what_sets_its_time_back_is_seen_all_the_same() {
        let (_folder, paths) = folder_with(&["a"]);
        let mut watch = Watch::new(paths.clone());
        let before = fs::metadata(&paths[0]).unwrap().modified().unwrap();
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        fs::write(&paths[0], "two").unwrap();
        let file = fs::File::options().write(true).open(&paths[0]).unwrap();
        file.set_modified(before).unwrap();
        assert_eq!(settle(&mut watch), Some(paths));
    }

    #[test]
    fn a_swapped_link_above_the_file_is_seen() {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["..v1", "..v2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("config.toml"), version).unwrap();
        }
        symlink("..v1", at("..data")).unwrap();
        symlink("..data/config.toml", at("config.toml")).unwrap();
        let mut watch = Watch::new([at("config.toml")]);
        symlink("..v2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_eq!(settle(&mut watch), Some(vec![at("config.toml")]));
    }
}
