//! Declared services, monitors, regions and endpoints, as they stand in their file: an entry for each change, with a checksum
//! ([`super::lines`]). A change that was answered is on the disk; one that did not come into force is undone by the next entry.
use std::path::{Path, PathBuf};

use super::entry_log::{EntryLog, LogContent, write_file};
use crate::base::limits::DECLARED_FILE_BYTES;
use crate::config::declared::{DeclaredObjects, ObjectPart};
use crate::io::keep;

/// Name of the file in the folder of state.
const FILE: &str = "objects.log";
/// Objects of one entry of a file that is written anew: so many are lost where both copies are.
const AT_ONCE: usize = 20;

/// The file of declared objects, and all that is in it.
#[derive(Debug)]
pub struct ObjectFile {
    path: PathBuf,
    log: EntryLog<DeclaredObjects>,
}

impl ObjectFile {
    /// Opens the file in a folder; there need be neither. With it comes why the rest cannot be read.
    #[must_use]
    pub fn open(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let (log, damage) = match keep::read(&path, DECLARED_FILE_BYTES) {
            Ok(None) => (EntryLog::default(), None),
            Ok(Some(text)) => {
                let (log, _, damage) = EntryLog::read(&text);
                (log, damage)
            }
            Err(error) => (EntryLog::default(), Some(error.to_string())),
        };
        (Self { path, log }, damage)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that is declared.
    #[must_use]
    pub fn kept(&self) -> &DeclaredObjects {
        self.log.kept()
    }

    /// Keeps a change.
    ///
    /// # Errors
    /// The reason, if it is not on the disk. It is in memory all the same: undo it.
    pub fn keep(&mut self, part: ObjectPart) -> Result<(), String> {
        self.log.take(vec![part]);
        let written = write_file(&self.path, &mut self.log);
        written.map_err(|error| format!("cannot write `{}`: {error}", self.path.display()))
    }
}

impl LogContent for DeclaredObjects {
    type Entry = Vec<ObjectPart>;

    fn take(&mut self, entry: Vec<ObjectPart>) {
        for part in entry {
            Self::take(self, part);
        }
    }

    fn join(entry: &mut Vec<ObjectPart>, later: Vec<ObjectPart>) {
        entry.extend(later);
    }

    fn entries(&self) -> impl Iterator<Item = Vec<ObjectPart>> {
        let parts = self.parts(AT_ONCE).into_iter();
        parts.map(|part| vec![part])
    }
}
