//! The lock on a folder of state: two processes never write one.
//!
//! An advisory lock of the kernel on a file of its own; it goes with the process, however that ends. The number of the process
//! stands in the file for whoever is told that the folder is taken.
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Name of the file in its folder.
const FILE: &str = "lock";

/// A folder of state that another server writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "another server{} keeps its state in `{}`: stop it, or give this one a folder of its own (`[server] state`)",
    .process.as_ref().map(|own| format!(" (process {own})")).unwrap_or_default(),
    .folder.display()
)]
pub struct FolderInUse {
    /// The folder.
    pub folder: PathBuf,
    /// The process that holds it, if it could be read.
    pub process: Option<String>,
}

/// Takes a folder over; it is made if it is not there. Nothing if there is no way to write in it.
///
/// # Errors
/// Another process has it.
pub(super) fn lock(folder: &Path) -> Result<Option<File>, FolderInUse> {
    let path = folder.join(FILE);
    let (mut file, is_ours) = match open(folder, &path) {
        Ok(file) => (file, true),
        Err(_) => match File::open(&path) {
            Ok(file) => (file, false),
            Err(_) => return Ok(None),
        },
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let read = file.take(32).read_to_string(&mut process);
            return Err(FolderInUse {
                folder: folder.to_owned(),
                process: read
                    .ok()
                    .map(|_| process.trim().to_owned())
                    .filter(|own| !own.is_empty()),
            });
        }
        // A file system without locks: then nobody else has one either.
        Err(TryLockError::Error(_)) => {}
    }
    if is_ours && file.set_len(0).is_ok() {
        // It is for people; a full disk takes nothing else away.
        let _ = writeln!(file, "{}", std::process::id());
    }
    Ok(Some(file))
}

/// Sees that no process has a folder.
///
/// # Errors
/// One has it.
pub(super) fn check(folder: &Path) -> Result<(), FolderInUse> {
    match folder.join(FILE).exists() {
        true => lock(folder).map(drop),
        false => Ok(()),
    }
}

fn open(folder: &Path, path: &Path) -> io::Result<File> {
    if !folder.is_dir() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
