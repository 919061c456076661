//! Brings the files that a config asks for, and notices when they change.
//!
//! [`load`] knows no format: the config says which files it wants, and says so again when it has
//! seen those (`$INCLUDE` nests), until nothing is missing. A file that cannot be read is not an
//! error here: the reason is handed to the compiler, which shows it beside the line that named the
//! file. Only the config itself must be there.
//!
//! [`Watch`] compares what the file system says of each path, through symbolic links, because
//! Kubernetes swaps the link of a mounted folder and not the file. It asks instead of being told:
//! notifications are lost on network file systems, on swapped links and on folders that come later,
//! and one `stat` a second costs nothing. Very many files are looked at less often, so that a poll costs no
//! more than a bounded number of them on average. A change is told only when nothing has moved between two
//! polls, so that a file half written, or a folder half copied, is not read; something that never
//! rests is told after [`PATIENCE`] polls.
use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::base::{HashKey, limits};
use crate::config::{self, Contact, Diagnostics, Files, Spec};
use crate::dns::Name;

/// Polls for which a change may be held back because something else keeps moving.
pub const PATIENCE: u32 = 30;

/// The config cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{}: {reason}", path.display(), at.map_or(String::new(), |(line, column)| format!(":{line}:{column}")))]
pub struct Unreadable {
    /// Which file.
    pub path: PathBuf,
    /// Line and column, both from 1, if it is one place of the file that cannot be read.
    pub at: Option<(usize, usize)>,
    /// Why, for a person.
    pub reason: String,
}

/// A config with all that it names, as it was when it was read.
#[derive(Debug)]
pub struct Loaded {
    /// The config as written.
    pub spec: Spec,
    /// What is wrong with it so far.
    pub diagnostics: Diagnostics,
    /// What was brought for each file it names: the bytes, or why not.
    pub files: Files,
    /// Hash over the paths and contents of the config and the files; equal when nothing differs.
    pub digest: u64,
    watch: Watch,
}

impl Loaded {
    /// A watch on the config and its files that also sees what changed since they were read.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The config and every file it names, present or not.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.watch.entries.iter().map(|entry| entry.path.as_path())
    }
}

/// Reads a config and all that it names.
///
/// # Errors
/// When the config itself cannot be read, is too large, or is not text.
pub fn load(config_path: &Path) -> Result<Loaded, Unreadable> {
    let (stamp, bytes) = read(config_path, limits::CONFIG_BYTES);
    let config = config_text(config_path, bytes)?;
    let (spec, diagnostics) = config::read(config_path, &config);
    let mut watch = Watch::default();
    watch.add(config_path.to_owned(), stamp);
    let files = bring(&spec, &mut watch);
    // What the server writes itself is no change to be read.
    let own: BTreeSet<PathBuf> = spec.written_here().into_iter().collect();
    watch.entries.retain(|entry| !own.contains(&entry.path));
    Ok(Loaded {
        digest: digest(config_path, config.as_bytes(), &files),
        spec,
        diagnostics,
        files,
        watch,
    })
}

/// Reads the files of one zone again. They are watched from now on, as what they include now may be new.
#[must_use]
pub fn load_zone(spec: &Spec, apex: &Name, watch: &mut Watch) -> Files {
    let mut files = Files::new();
    loop {
        let wanted = spec.files_of(apex, &files);
        let missing: Vec<PathBuf> = wanted
            .into_iter()
            .filter(|path| !files.contains_key(path))
            .collect();
        if missing.is_empty() || files.len() >= limits::FILES {
            return files;
        }
        for path in missing {
            let (stamp, bytes) = read(&path, limits::FILE_BYTES);
            watch.see(path.clone(), stamp);
            files.insert(path, bytes.map(Arc::from));
        }
    }
}

/// Reads of a config where its server is reached, and opens nothing that the config names.
///
/// # Errors
/// As [`load`].
pub fn contact(config_path: &Path) -> Result<Contact, Unreadable> {
    let (_, bytes) = read(config_path, limits::CONFIG_BYTES);
    let config = config_text(config_path, bytes)?;
    Ok(config::contact(config_path, &config))
}

/// The text of a config, if it could be read and is text.
fn config_text(path: &Path, bytes: Result<Vec<u8>, String>) -> Result<String, Unreadable> {
    let refuse = |reason| Unreadable {
        path: path.to_owned(),
        at: None,
        reason,
    };
    let bytes = bytes.map_err(refuse)?;
    let text = text(&bytes).map_err(|(at, reason)| Unreadable {
        at: Some(at),
        ..refuse(reason)
    })?;
    Ok(text.to_owned())
}

/// Brings files until the config wants no more of them.
fn bring(spec: &Spec, watch: &mut Watch) -> Files {
    let (mut files, secrets) = (Files::new(), spec.secrets());
    loop {
        let wanted: BTreeSet<PathBuf> = spec.files(&files).into_iter().collect();
        let missing: Vec<PathBuf> = wanted
            .into_iter()
            .filter(|path| !files.contains_key(path))
            .collect();
        if missing.is_empty() {
            return files;
        }
        for path in missing {
            let bytes = if files.len() < limits::FILES {
                let bytes = bring_one(&path, watch);
                match secrets.contains(&path) {
                    true => bytes.and_then(|bytes| keep_secret(&path).map(|()| bytes)),
                    false => bytes,
                }
            } else {
                Err(format!("is one of more than {} files", limits::FILES))
            };
            files.insert(path, bytes);
        }
    }
}

/// Refuses a secret that any user of the machine may read, or others than its owner may change.
fn keep_secret(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| explain(path, &error))?;
    let mode = metadata.mode() & 0o777;
    match mode & 0o027 {
        0 => Ok(()),
        _ => Err(format!(
            "is open to other users of this machine (mode {mode:03o}); `chmod 600` it, or 640 for a group that is trusted"
        )),
    }
}

fn bring_one(path: &Path, watch: &mut Watch) -> Result<Arc<[u8]>, String> {
    let (stamp, bytes) = read(path, limits::FILE_BYTES);
    watch.add(path.to_owned(), stamp);
    bytes.map(Arc::from)
}

/// Reads a file of at most `most` bytes. The stamp is taken before the first byte, so that
/// whatever changes later differs from it.
fn read(path: &Path, most: u64) -> (Option<Stamp>, Result<Vec<u8>, String>) {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return (None, Err(explain(path, &error))),
    };
    let stamp = Some(Stamp::of(&metadata));
    (stamp, read_regular(path, &metadata, most))
}

/// Never opens what could block or never end: a pipe, a device.
fn read_regular(path: &Path, metadata: &Metadata, most: u64) -> Result<Vec<u8>, String> {
    if metadata.is_dir() {
        return Err("is a directory, not a file".to_owned());
    }
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| explain(path, &error))?;
    if bytes.len() as u64 > most {
        return Err(format!("is larger than {most} bytes"));
    }
    Ok(bytes)
}

/// The bytes as text; else line and column of the first that is none, and what it is.
fn text(bytes: &[u8]) -> Result<&str, ((usize, usize), String)> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let before = String::from_utf8_lossy(&bytes[..offset]);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before
            .rsplit('\n')
            .next()
            .map_or(0, |last| last.chars().count());
        let reason = format!("byte {offset} (0x{:02x}) is not UTF-8 text", bytes[offset]);
        ((line, column), reason)
    })
}

/// An error of the system in words of the person who wrote the path.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum of errors is open; the system words the rest"
)]
fn explain(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound if fs::symlink_metadata(path).is_ok() => {
            "is a symbolic link to something that does not exist".to_owned()
        }
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::NotADirectory => "a part of the path is not a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn digest(config_path: &Path, config: &[u8], files: &Files) -> u64 {
    let key = HashKey::from_secret(b"files");
    let of = |path: &Path, bytes: &[u8]| {
        let path = key.hash(path.as_os_str().as_encoded_bytes());
        HashKey(path).hash(bytes)
    };
    let first = of(config_path, config);
    files.iter().fold(first, |state, (path, bytes)| {
        let hash = match bytes {
            Ok(bytes) => of(path, bytes),
            Err(reason) => !of(path, reason.as_bytes()),
        };
        HashKey(state).hash_u64(hash)
    })
}

/// Notices when files change, vanish, or come back.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    entries: Vec<Entry>,
    /// Polls since the first change that has not been told yet.
    held_back: u32,
    /// Polls that go by without a look, because the last one took many.
    resting: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    /// What was last told (or there at the start).
    told: Option<Stamp>,
    /// What the last poll saw.
    seen: Option<Stamp>,
}

/// What tells one content of a path from another, as far as the file system knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    seconds: i64,
    nanoseconds: i64,
    bytes: u64,
    inode: u64,
    device: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            bytes: metadata.size(),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }

    /// Nothing where nothing can be seen.
    fn take(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::of(&found))
    }
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

    /// Takes a path for read as it was at this stamp.
    fn see(&mut self, path: PathBuf, stamp: Option<Stamp>) {
        match self.entries.iter_mut().find(|entry| entry.path == path) {
            Some(entry) => (entry.told, entry.seen) = (stamp, stamp),
            None => self.add(path, stamp),
        }
    }

    fn add(&mut self, path: PathBuf, stamp: Option<Stamp>) {
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
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::{TempDir, tempdir};

    fn folder_with(names: &[&str]) -> (TempDir, Vec<PathBuf>) {
        let folder = tempdir().unwrap();
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        for path in &paths {
            fs::write(path, "one").unwrap();
        }
        (folder, paths)
    }

    /// Polls as often as a change needs to be told when nothing moves.
    fn settle(watch: &mut Watch) -> Option<Vec<PathBuf>> {
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
    fn a_file_that_is_gone_for_one_poll_is_no_change() {
        let (folder, paths) = folder_with(&["a"]);
        let mut watch = Watch::new(paths.clone());
        let aside = folder.path().join("aside");
        fs::rename(&paths[0], &aside).unwrap();
        assert_eq!(watch.changed(), None);
        fs::rename(&aside, &paths[0]).unwrap();
        assert_eq!(settle(&mut watch), None);
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

    #[test]
    fn a_config_that_cannot_be_read_says_why() {
        let (folder, paths) = folder_with(&["plain"]);
        let at = |name: &str| folder.path().join(name);
        fs::write(at("binary"), b"a = 1\nb = \"\xff\"\n").unwrap();
        symlink("nowhere", at("link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (path, reason) in [
            (at("absent"), ": no such file"),
            (folder.path().to_owned(), ": is a directory, not a file"),
            (at("binary"), ":2:6: byte 11 (0xff) is not UTF-8 text"),
            (
                at("link"),
                ": is a symbolic link to something that does not exist",
            ),
            (at("pipe"), ": is not a regular file"),
            (
                paths[0].join("below"),
                ": a part of the path is not a directory",
            ),
        ] {
            let error = load(&path).unwrap_err();
            assert_eq!(error.to_string(), format!("{}{reason}", path.display()));
        }
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let (_folder, paths) = folder_with(&["key.pem"]);
        for (mode, is_kept) in [
            (0o600, true),
            (0o640, true),
            (0o400, true),
            (0o644, false),
            (0o660, false),
            (0o601, false),
        ] {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(&paths[0], permissions).unwrap();
            assert_eq!(keep_secret(&paths[0]).is_ok(), is_kept, "{mode:o}");
        }
    }

    #[test]
    fn a_file_past_its_bound_is_refused() {
        let (_folder, paths) = folder_with(&["a"]);
        assert_eq!(read(&paths[0], 3).1, Ok(b"one".to_vec()));
        assert_eq!(
            read(&paths[0], 2).1,
            Err("is larger than 2 bytes".to_owned())
        );
    }

    #[test]
    fn a_change_between_reading_and_watching_is_seen() {
        let (_folder, paths) = folder_with(&["config.toml"]);
        let loaded = load(&paths[0]).unwrap();
        assert_eq!(loaded.paths().collect::<Vec<_>>(), [paths[0].as_path()]);
        fs::write(&paths[0], "changed").unwrap();
        assert_eq!(settle(&mut loaded.watch()), Some(paths));
    }

    #[test]
    fn the_digest_follows_the_contents() {
        let (_folder, paths) = folder_with(&["config.toml"]);
        let digest_of = |text: &str| {
            fs::write(&paths[0], text).unwrap();
            load(&paths[0]).unwrap().digest
        };
        assert_eq!(digest_of("# one"), digest_of("# one"));
        assert_ne!(digest_of("# one"), digest_of("# two"));
        let files = |bytes| Files::from([(PathBuf::from("zone"), bytes)]);
        let of = |bytes| digest(&paths[0], b"", &files(bytes));
        assert_ne!(of(Ok(Arc::from(*b"a"))), of(Ok(Arc::from(*b"b"))));
        assert_ne!(of(Ok(Arc::from(*b"a"))), of(Err("a".to_owned())));
    }
}
