//! What survives a restart: which serial each zone has been given out with, and when each zone was
//! last known to be fresh.
//!
//! One small file, written whole beside the old one and put in its place, so that a kill at any
//! moment leaves one of the two. A serial is written before anybody sees it: what was given out
//! once is never given out again for something else.
use std::collections::BTreeMap;
use std::fs::{self, File};
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
    #[serde(default)]
    versions: BTreeMap<String, Version>,
    /// Seconds since 1970.
    #[serde(default)]
    refreshed: BTreeMap<String, u64>,
}

/// The file, and what is in it.
#[derive(Debug)]
pub struct StateFile {
    /// Absent = nothing is kept.
    path: Option<PathBuf>,
    kept: Mutex<Kept>,
}

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
            kept: Mutex::new(kept),
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
        self.lock().refreshed.get(&key(zone)).copied()
    }

    pub(super) fn version(&self, zone: &Name) -> Option<Version> {
        self.lock().versions.get(&key(zone)).copied()
    }

    pub(super) fn set_version(&self, zone: &Name, version: Version) -> io::Result<()> {
        self.change(|kept| {
            kept.versions.insert(key(zone), version);
        })
    }

    pub(super) fn set_refreshed(&self, zone: &Name, at: u64) -> io::Result<()> {
        self.change(|kept| {
            kept.refreshed.insert(key(zone), at);
        })
    }

    /// Changes what is kept, once the change is on the disk.
    fn change(&self, change: impl FnOnce(&mut Kept)) -> io::Result<()> {
        let mut kept = self.lock();
        let mut next = kept.clone();
        change(&mut next);
        if let Some(path) = &self.path {
            let text = serde_json::to_string_pretty(&next).map_err(io::Error::other)?;
            replace(path, text.as_bytes())?;
        }
        *kept = next;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(zone: &Name) -> String {
    zone.to_string().to_ascii_lowercase()
}

fn read(path: &Path) -> Result<Kept, String> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
        Err(error) => Err(error.to_string()),
    }
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
