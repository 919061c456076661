//! The file of [`super::health_log`], on the disk.
use std::path::{Path, PathBuf};

use super::entry_log::write_file;
use super::health_log::{HealthLog, Restored};
use crate::base::limits::HEALTH_FILE_BYTES;
use crate::engine::Keep;
use crate::io::keep;

/// Name of the file in its folder.
const FILE: &str = "health.log";

/// The file of health, orders and demand, and all that is in it.
#[derive(Debug)]
pub(super) struct HealthFile {
    path: PathBuf,
    log: HealthLog,
}

impl HealthFile {
    /// Opens the file in a folder; there need be neither. With what was kept comes why the rest cannot be read.
    pub(super) fn open(folder: &Path) -> (Self, Option<Restored>, Option<String>) {
        let path = folder.join(FILE);
        let (log, restored, damage) = match keep::read(&path, HEALTH_FILE_BYTES) {
            Ok(None) => (HealthLog::default(), None, None),
            Ok(Some(text)) => HealthLog::read(&text),
            Err(error) => (HealthLog::default(), None, Some(error.to_string())),
        };
        (Self { path, log }, restored, damage)
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps what came one after the other, each with the time in milliseconds since 1970, in one step.
    ///
    /// # Errors
    /// The reason, if it is not on the disk. It is kept in memory all the same, and written with what comes next.
    pub(super) fn keep(&mut self, keeps: Vec<(Keep, u64)>) -> Result<(), String> {
        for (keep, wall_ms) in keeps {
            self.log.take(keep, wall_ms);
        }
        write_file(&self.path, &mut self.log)
    }
}
