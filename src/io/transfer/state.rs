//! What survives a restart: which serial each zone has been given out with, and when each zone was
//! last known to be fresh.
//!
//! One file of JSON objects, each of which adds to those before it. The first holds all that was kept
//! when it was written, whole beside the old file and put in its place; a change is one more at the
//! end, because thousands of zones have one each when a server starts. Once the changes are as
//! long as the first, it is written anew. So a kill at any moment leaves all that was kept, and at the most
//! an end that is torn, which nobody was told was kept. A serial is written before anybody sees it: what was
//! given out once is never given out again for something else.
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::dns::Name;

/// Name of the file in its folder.
const FILE: &str = "transfers.json";

/// The last version of a zone that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) serial: u32,
    /// Of all but the serial.
    pub(super) digest: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    versions: BTreeMap<String, Version>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refreshed: BTreeMap<String, u64>,
}

/// The file, and what is in it.
#[derive(Debug)]
pub struct StateFile {
    /// Absent = nothing is kept.
    path: Option<PathBuf>,
    book: Mutex<Book>,
}

/// What is in the file.
#[derive(Debug)]
struct Book {
    kept: Kept,
    /// Octets that may be added at its end before it is written anew; none while the end may be torn.
    room: usize,
}

/// Octets of changes that a file has room for, however short it is.
const ROOM_LEAST: usize = 64 * 1024;

impl StateFile {
    /// Opens the file in a folder; there need be neither.
    ///
    /// # Errors
    /// When there is a file that cannot be read: to begin anew could let serials go back.
    pub fn open(folder: Option<&Path>) -> Result<Self, String> {
        let path = folder.map(|folder| folder.join(FILE));
        let kept = match &path {
            Some(path) => read(path).map_err(|error| {
                format!(
                    "cannot read the state of transfers, {}: {error}",
                    path.display()
                )
            })?,
            None => Kept::default(),
        };
        Ok(Self {
            path,
            book: Mutex::new(Book { kept, room: 0 }),
        })
    }

    /// The serials that zones have at the least.
    #[must_use]
    pub fn serials(&self, zones: &[Name]) -> BTreeMap<Name, u32> {
        let known = zones.iter().filter_map(|zone| {
            let version = self.version(zone)?;
            Some((zone.clone(), version.serial))
        });
        known.collect()
    }

    /// When a zone was last fresh, seconds since 1970.
    #[must_use]
    pub fn refreshed(&self, zone: &Name) -> Option<u64> {
        self.lock().kept.refreshed.get(&key(zone)).copied()
    }

    pub(super) fn version(&self, zone: &Name) -> Option<Version> {
        self.lock().kept.versions.get(&key(zone)).copied()
    }

    pub(super) fn set_version(&self, zone: &Name, version: Version) -> io::Result<()> {
        self.change(Kept {
            versions: BTreeMap::from([(key(zone), version)]),
            ..Kept::default()
        })
    }

    pub(super) fn set_refreshed(&self, zone: &Name, at: u64) -> io::Result<()> {
        self.change(Kept {
            refreshed: BTreeMap::from([(key(zone), at)]),
            ..Kept::default()
        })
    }

    /// Changes what is kept, once the change is on the disk.
    fn change(&self, change: Kept) -> io::Result<()> {
        let mut book = self.lock();
        if book.kept.has(&change) {
            return Ok(());
        }
        if let Some(path) = &self.path {
            book.write(path, &change)?;
        }
        book.kept.add(change);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Adds a change at the end of the file, or writes the file anew with it.
    fn write(&mut self, path: &Path, change: &Kept) -> io::Result<()> {
        let line = line(change)?;
        let room = std::mem::take(&mut self.room).checked_sub(line.len());
        if let Some(room) = room
            && append(path, &line).is_ok()
        {
            self.room = room;
            return Ok(());
        }
        let mut kept = self.kept.clone();
        kept.add(change.clone());
        let text = self::line(&kept)?;
        replace(path, &text)?;
        self.room = text.len().max(ROOM_LEAST);
        Ok(())
    }
}

impl Kept {
    fn add(&mut self, later: Self) {
        let Self {
            versions,
            refreshed,
        } = later;
        self.versions.extend(versions);
        self.refreshed.extend(refreshed);
    }

    /// Whether a change would change nothing.
    fn has(&self, change: &Self) -> bool {
        let mut versions = change.versions.iter();
        let mut refreshed = change.refreshed.iter();
        versions.all(|(zone, own)| self.versions.get(zone) == Some(own))
            && refreshed.all(|(zone, own)| self.refreshed.get(zone) == Some(own))
    }
}

fn line(kept: &Kept) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(kept).map_err(io::Error::other)?;
    text.push(b'\n');
    Ok(text)
}

fn key(zone: &Name) -> String {
    zone.to_string().to_ascii_lowercase()
}

fn read(path: &Path) -> Result<Kept, String> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(error.to_string()),
    };
    // A file system may have made room for what it has not written.
    let end = text.iter().rposition(|octet| *octet != 0);
    let text = text.get(..=end.unwrap_or(0)).unwrap_or_default();
    let mut objects = serde_json::Deserializer::from_slice(text).into_iter::<Kept>();
    let first = objects.next().ok_or("the file is empty")?;
    let mut kept = first.map_err(|error| error.to_string())?;
    for later in objects {
        match later {
            Ok(later) => kept.add(later),
            Err(error) if error.is_eof() => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(kept)
}

/// Puts octets at the end of a file that is there.
fn append(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(octets)?;
    file.sync_data()
}

/// Puts a whole file in the place of another, or of none; its folder is made if it is not there.
pub(super) fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = File::create(&beside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name is on the disk once its folder is.
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let zone = Name::parse("Example.org").unwrap();
        let version = Version {
            serial: 7,
            digest: 9,
        };
        let state = StateFile::open(Some(&folder)).unwrap();
        state.set_version(&zone, version).unwrap();
        state.set_refreshed(&zone, 1_800_000_000).unwrap();
        let again = StateFile::open(Some(&folder)).unwrap();
        assert_eq!(
            again.version(&Name::parse("example.ORG").unwrap()),
            Some(version)
        );
        assert_eq!(again.refreshed(&zone), Some(1_800_000_000));
        assert_eq!(
            again.serials(std::slice::from_ref(&zone)),
            BTreeMap::from([(zone, 7)])
        );
    }

    fn zone(number: u32) -> Name {
        Name::parse(&format!("zone{number}.example")).unwrap()
    }

    fn version(serial: u32) -> Version {
        Version { serial, digest: 9 }
    }

    #[test]
    fn changes_are_added_and_the_file_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(Some(folder.path())).unwrap();
        let length = || fs::metadata(folder.path().join(FILE)).unwrap().len();
        state.set_version(&zone(0), version(1)).unwrap();
        let first = length();
        state.set_version(&zone(0), version(2)).unwrap();
        assert_eq!(length(), 2 * first, "one more object");
        state.set_version(&zone(0), version(2)).unwrap();
        assert_eq!(length(), 2 * first, "nothing has changed");
        for serial in 3..3000 {
            state
                .set_version(&zone(serial % 5), version(serial))
                .unwrap();
        }
        assert!(length() < 2 * ROOM_LEAST as u64, "{}", length());
        let again = StateFile::open(Some(folder.path())).unwrap();
        for number in 0..5 {
            assert_eq!(again.version(&zone(number)), Some(version(2995 + number)));
        }
    }

    #[test]
    fn a_torn_end_costs_what_it_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let state = StateFile::open(Some(folder.path())).unwrap();
        state.set_version(&zone(0), version(1)).unwrap();
        state.set_version(&zone(1), version(2)).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 1..20 {
            let mut torn = whole[..whole.len() - 1 - cut].to_vec();
            torn.extend(vec![0; cut % 3]);
            fs::write(&path, &torn).unwrap();
            let state = StateFile::open(Some(folder.path())).unwrap();
            assert_eq!(state.version(&zone(0)), Some(version(1)));
            assert_eq!(state.version(&zone(1)), None);
            // What comes then is not put behind it.
            state.set_version(&zone(2), version(3)).unwrap();
            let again = StateFile::open(Some(folder.path())).unwrap();
            assert_eq!(again.version(&zone(2)), Some(version(3)));
        }
        fs::write(&path, [b"{} x", &whole[..]].concat()).unwrap();
        assert!(StateFile::open(Some(folder.path())).is_err());
    }

    #[test]
    fn a_file_that_is_gone_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(Some(folder.path())).unwrap();
        for serial in 1..3 {
            state.set_version(&zone(0), version(serial)).unwrap();
        }
        fs::remove_file(folder.path().join(FILE)).unwrap();
        state.set_version(&zone(1), version(7)).unwrap();
        let again = StateFile::open(Some(folder.path())).unwrap();
        assert_eq!(again.version(&zone(0)), Some(version(2)));
        assert_eq!(again.version(&zone(1)), Some(version(7)));
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        let error = StateFile::open(Some(folder.path())).unwrap_err();
        assert!(error.contains(FILE), "{error}");
    }

    #[test]
    fn what_cannot_be_written_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(Some(&folder.path().join("a"))).unwrap();
        fs::write(folder.path().join("a"), "a file, not a folder").unwrap();
        let zone = Name::parse("example.org").unwrap();
        let version = Version {
            serial: 7,
            digest: 9,
        };
        assert!(state.set_version(&zone, version).is_err());
        assert_eq!(state.version(&zone), None);
    }
}
