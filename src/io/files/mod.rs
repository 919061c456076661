//! Brings the files that a config asks for, and notices when they change.
//!
//! [`load`] knows no format: the config says which files it wants, and says so again when it has
//! seen those (`$INCLUDE` nests), until nothing is missing. A file that cannot be read is not an
//! error here: the reason is handed to the compiler, which shows it beside the line that named the
//! file. Only the config itself must be there.
//!
//! What is read is whole: a file that changes while it is read is read again, and so is one that has changed before the
//! last of the others was read, so that the files of one reading were there together. [`Watch`] notices changes.
use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::base::limits;
use crate::config::declared::{DeclaredObjects, DeclaredText};
use crate::config::{self, Contact, Diagnostics, Files, Included, Spec, Surroundings};
use crate::dns::Name;
use crate::io::state;
use crate::io::state::geo_data::GeoData;

/// Readings of a file that changes while it is read.
const ATTEMPTS: usize = 5;
/// Pause before each further one.
const PAUSE: Duration = Duration::from_millis(50);
/// The reason why a file cannot be read that is never at rest.
const MOVES: &str = "changes all the time while it is read";
/// Looks at the files of a config because one of them has changed.
const ROUNDS: usize = 5;

mod beside;
mod catalogs;
mod include;
mod watch;

pub use beside::Beside;
pub use include::load_in_force_with;
use watch::Stamp;
pub use watch::{PATIENCE, Watch};

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
    /// The file of the geo database, unless it is the embedded one.
    pub geo: Option<GeoData>,
    /// All that is declared, as it was compiled with the files.
    pub declared: Arc<DeclaredObjects>,
    /// The config itself, and the patterns and files of what it includes.
    own: Vec<PathBuf>,
    watch: Watch,
}

impl Loaded {
    /// A watch on the config and its files that also sees what changed since they were read.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The config, the folders that it includes files of, and every file it names, present or not.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let paths = self.watch.entries.iter().map(|entry| entry.path.as_path());
        paths.map(|path| watch::pattern_of(path).map_or(path, |(folder, _)| folder))
    }
}

/// Reads a config and all that it names.
///
/// # Errors
/// When the config itself cannot be read, is too large, or is not text.
pub fn load(config_path: &Path) -> Result<Loaded, Unreadable> {
    load_beside(config_path, Beside::default())
}

/// The same with these objects and endpoints.
///
/// # Errors
/// As [`load`].
pub fn load_beside(config_path: &Path, beside: Beside<'_>) -> Result<Loaded, Unreadable> {
    for _ in 0..ROUNDS {
        let loaded = load_once(config_path, beside)?;
        if !loaded.own.iter().any(|path| loaded.watch.has_moved(path)) {
            return Ok(loaded);
        }
    }
    Err(Unreadable {
        path: config_path.to_owned(),
        at: None,
        reason: MOVES.to_owned(),
    })
}

/// Reads all that a text names, as if it stood in the file of this path, which need not hold it.
///
/// # Errors
/// It is too large.
pub fn load_text(config_path: &Path, text: &str) -> Result<Loaded, Unreadable> {
    if text.len() as u64 > limits::CONFIG_BYTES {
        return Err(Unreadable {
            path: config_path.to_owned(),
            at: None,
            reason: format!("is larger than {} bytes", limits::CONFIG_BYTES),
        });
    }
    let beside = Beside::default();
    Ok(load_all((config_path, text), Watch::new([]), beside))
}

/// Reads all that the config in force names, its text and what it includes as they are in force, with these objects and endpoints.
#[must_use]
pub fn load_in_force(in_force: &Spec, beside: Beside<'_>) -> Loaded {
    let (config, included) = in_force.written();
    finish(
        (in_force.path(), config),
        (&included, beside),
        Watch::default(),
    )
}

fn load_once(config_path: &Path, beside: Beside<'_>) -> Result<Loaded, Unreadable> {
    let (stamp, bytes) = read(config_path, limits::CONFIG_BYTES);
    let config = config_text(config_path, bytes)?;
    let mut watch = Watch::default();
    watch.add(config_path.to_owned(), stamp);
    Ok(load_all((config_path, &config), watch, beside))
}

fn load_all((config_path, config): (&Path, &str), mut watch: Watch, beside: Beside<'_>) -> Loaded {
    let included = include::bring(config_path, config, &mut watch);
    finish((config_path, config), (&included, beside), watch)
}

fn finish(
    (config_path, config): (&Path, &str),
    (included, beside): (&[Included], Beside<'_>),
    mut watch: Watch,
) -> Loaded {
    let read =
        |texts: &[DeclaredText]| config::read_within(config_path, config, &around(included, texts));
    let (mut spec, mut diagnostics) = read(&[]);
    let (declared, unread) = match beside.declared {
        Some(declared) => (Arc::clone(declared), None),
        None => {
            let (file, damage) = state::objects::ObjectFile::open(&spec.state());
            (Arc::new(file.kept().clone()), damage)
        }
    };
    if !declared.is_empty() {
        (spec, diagnostics) = read(&declared.texts());
    }
    if let Some(why) = unread {
        let message = format!("a part of what was declared cannot be read, and is left out: {why}");
        diagnostics.warn(&(0..0), message);
    }
    let config_files: Vec<PathBuf> = watch.entries.iter().map(|own| own.path.clone()).collect();
    let (catalogs, listing) = catalogs::bring(&spec, &mut watch);
    spec.add_listed(&listing, &mut diagnostics);
    let discovered = beside::discovered(&spec, beside.discovered);
    spec.add_discovered(&discovered);
    // What the server writes itself is no change to be read, but for what catalogs list.
    let own: BTreeSet<PathBuf> = spec.written_here().into_iter().collect();
    let (mut files, geo) = bring(&spec, (listing, &own), &mut watch);
    files.names = Arc::new(beside::known_names(&spec));
    files.discovered = discovered;
    files.agreed = beside::agreed(&spec, beside.agreed);
    beside::bring_measured(&spec, &mut files);
    spec.warn_of_secrets(|path| is_open_to_all(Path::new(path)), &mut diagnostics);
    watch
        .entries
        .retain(|entry| catalogs.contains(&entry.path) || !own.contains(&entry.path));
    Loaded {
        spec,
        diagnostics,
        files,
        geo,
        declared,
        own: config_files,
        watch,
    }
}

/// All that a config is read with.
fn around<'s>(included: &'s [Included], declared: &'s [DeclaredText]) -> Surroundings<'s> {
    Surroundings {
        included,
        declared,
        environment: Some(&|name| std::env::var(name).ok()),
    }
}

/// Reads the files of one zone again. They are watched from now on, as what they include now may be new.
#[must_use]
pub fn load_zone(spec: &Spec, id: &Name, watch: &mut Watch) -> Files {
    let mut files = Files::new();
    loop {
        let wanted = spec.files_of(id, &files);
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

/// Reads of a config where its server is reached, and opens nothing that the config names but what it includes.
///
/// # Errors
/// As [`load`].
pub fn contact(config_path: &Path) -> Result<Contact, Unreadable> {
    let (_, bytes) = read(config_path, limits::CONFIG_BYTES);
    let config = config_text(config_path, bytes)?;
    let included = include::bring(config_path, &config, &mut Watch::default());
    Ok(config::contact(
        config_path,
        &config,
        &around(&included, &[]),
    ))
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

/// Brings files until the config wants no more of them, and those once more that have changed meanwhile.
fn bring(
    spec: &Spec,
    (mut files, own): (Files, &BTreeSet<PathBuf>),
    watch: &mut Watch,
) -> (Files, Option<GeoData>) {
    // Those were read before, and one that has moved has everything read again.
    let config: BTreeSet<PathBuf> = watch.entries.iter().map(|own| own.path.clone()).collect();
    let mut geo = bring_geo(spec, &mut files, watch);
    for _ in 0..ROUNDS {
        bring_missing(spec, &mut files, watch);
        let mut moved = watch.moved();
        moved.retain(|path| !own.contains(path) && !config.contains(path));
        if moved.is_empty() {
            break;
        }
        for path in &moved {
            files.remove(path);
        }
        watch.entries.retain(|entry| !moved.contains(&entry.path));
        if geo.as_ref().is_some_and(|geo| moved.contains(&geo.source)) {
            files.geo = None;
            geo = bring_geo(spec, &mut files, watch);
        }
    }
    let missing = spec.files(&files).into_iter();
    files.extend(missing.map(|path| (path, Err(MOVES.to_owned()))));
    if let Some(geo) = &mut geo
        && let Some(Ok(octets)) = files.get(&geo.source)
        && let Some(ready) = geo.find_by_content(octets)
    {
        files.remove(&geo.source);
        files.geo = Some(ready);
    }
    (files, geo)
}

/// Brings the geo database, if it is kept compiled. Its file is watched from before the look at it, so that whatever
/// changes after that is seen.
fn bring_geo(spec: &Spec, files: &mut Files, watch: &mut Watch) -> Option<GeoData> {
    let source = spec.geo_file()?;
    let stamp = Stamp::take(&source);
    let (geo, ready) = GeoData::find(&spec.state(), &source);
    if ready.is_some() {
        watch.add(source, stamp);
    }
    files.geo = ready;
    Some(geo)
}

fn bring_missing(spec: &Spec, files: &mut Files, watch: &mut Watch) {
    let secrets = spec.secrets();
    loop {
        let wanted: BTreeSet<PathBuf> = spec.files(files).into_iter().collect();
        let missing: Vec<PathBuf> = wanted
            .into_iter()
            .filter(|path| !files.contains_key(path))
            .collect();
        if missing.is_empty() {
            return;
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

/// Tells whether any user of the machine may read a file.
fn is_open_to_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0)
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

/// Reads a file of at most `most` bytes, again if it changes meanwhile. The stamp is that of what was read, so that
/// whatever changes later differs from it.
fn read(path: &Path, most: u64) -> (Option<Stamp>, Result<Vec<u8>, String>) {
    read_at_rest(path, |metadata| read_regular(path, metadata, most))
}

fn read_at_rest(
    path: &Path,
    mut read: impl FnMut(&Metadata) -> Result<Vec<u8>, String>,
) -> (Option<Stamp>, Result<Vec<u8>, String>) {
    let mut stamp = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::park_timeout(PAUSE);
        }
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return (None, Err(explain(path, &error))),
        };
        stamp = Some(Stamp::of(&metadata));
        let bytes = read(&metadata);
        if bytes.is_err() || Stamp::take(path) == stamp {
            return (stamp, bytes);
        }
    }
    (stamp, Err(MOVES.to_owned()))
}

/// Never opens what could block or never end: a pipe, a device.
fn read_regular(path: &Path, metadata: &Metadata, most: u64) -> Result<Vec<u8>, String> {
    if metadata.is_dir() {
        return Err("is a directory, not a file".to_owned());
    }
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    // One octet more than it holds, so that its end is found without more room.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(most) + 1).unwrap_or(0));
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

#[cfg(test)]
mod tests {
    use super::watch::tests::{folder_with, settle};
    use super::*;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tempfile::tempdir;

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
    fn files_behind_links_that_are_swapped_are_of_one_version() {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |number: u32| {
            let (name, version) = (number.to_string(), number % 2);
            fs::create_dir(at(&name)).unwrap();
            let config = format!("[[zones]]\nname = \"a\"\nfile = \"z\"\n# {version}");
            fs::write(at(&name).join("config.toml"), config).unwrap();
            fs::write(at(&name).join("z"), version.to_string()).unwrap();
            symlink(&name, at("next")).unwrap();
            fs::rename(at("next"), at("data")).unwrap();
        };
        write(0);
        symlink("data/config.toml", at("config.toml")).unwrap();
        symlink("data/z", at("z")).unwrap();
        let version = || {
            let loaded = load(&at("config.toml")).ok()?;
            let zone = loaded.files.get(&at("z"))?.clone().ok()?;
            let config = loaded.spec.text().chars().next_back();
            Some((config, char::from(zone[0])))
        };
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // A version never comes back, as in a volume of Kubernetes.
            scope.spawn(|| {
                let mut numbers = (1..).take_while(|_| !done.load(Ordering::Relaxed));
                numbers.try_for_each(|number| (number < 100_000).then(|| write(number)))
            });
            let seen: Vec<_> = (0..100).filter_map(|_| version()).collect();
            done.store(true, Ordering::Relaxed);
            for (config, zone) in seen {
                assert_eq!(config, Some(zone));
            }
        });
        let (config, zone) = version().unwrap();
        assert_eq!(config, Some(zone), "at rest");
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        let (_folder, paths) = folder_with(&["a"]);
        let path = &paths[0];
        let mut changes = ["half", "whole"].iter();
        let (stamp, text) = read_at_rest(path, |_| {
            let before = fs::read(path).unwrap();
            if let Some(next) = changes.next() {
                fs::write(path, next).unwrap();
            }
            Ok(before)
        });
        assert_eq!(text, Ok(b"whole".to_vec()));
        assert_eq!(stamp, Stamp::take(path));
        let mut length = 10;
        let (_, text) = read_at_rest(path, |_| {
            length += 1;
            fs::write(path, "x".repeat(length)).unwrap();
            Ok(Vec::new())
        });
        assert_eq!(text, Err(MOVES.to_owned()));
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
}
