//! Files of an archive, put back where they were, or below another folder.
//!
//! A node is restored into an empty place: half an old state and half a new one is neither. Each file is written beside its place, flushed
//! and renamed. It is given to the user who had it, if root does this; everybody else owns what he restores.
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, geteuid};

use super::archive::{ArchiveEntry, Manifest, each};
use crate::daemon::Failure;
use crate::io::keep::{FileDraft, Readers};
use crate::io::state;

/// The fate of files that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// Nothing is restored.
    Refused,
    /// They are replaced.
    Replaced,
}

/// Restores an archive whose digests were compared.
///
/// # Errors
/// Something is in the way, a server runs there, or the system does not let us write.
pub(super) fn restore(
    archive: &Path,
    manifest: &Manifest,
    to: &Path,
    existing: Existing,
) -> Result<(), Failure> {
    let folders = manifest.folders.iter().map(|path| below(to, path));
    for folder in folders.filter(|folder| folder.is_dir()) {
        state::check_unused(&folder).map_err(|taken| taken.to_string())?;
    }
    if existing == Existing::Refused
        && let Some(path) = in_the_way(manifest, to)
    {
        return Err(format!(
            "{} is there already, and nothing was written: restore into an empty place, or say --overwrite",
            path.display()
        ));
    }
    each(archive, |entry| {
        let is_manifest =
            entry.content.is_some() && !manifest.files.iter().any(|file| file.path == entry.path);
        match is_manifest {
            true => Ok(()),
            false => {
                let path = below(to, &entry.path);
                put(&path, &entry).map_err(|error| format!("{}: {error}", path.display()))
            }
        }
    })
}

/// A file that would be replaced, or one in a folder that must be empty.
fn in_the_way(manifest: &Manifest, to: &Path) -> Option<PathBuf> {
    let files = manifest.files.iter().map(|file| below(to, &file.path));
    let held = manifest.folders.iter().filter_map(|folder| {
        let mut entries = fs::read_dir(below(to, folder)).ok()?;
        entries.next()?.ok().map(|entry| entry.path())
    });
    files.filter(|path| path.exists()).chain(held).next()
}

fn put(path: &Path, entry: &ArchiveEntry) -> io::Result<()> {
    let Some(content) = &entry.content else {
        return match path.is_dir() {
            // It is somebody's already.
            true => Ok(()),
            false => {
                fs::create_dir_all(path)?;
                give(path, entry.owner)?;
                fs::set_permissions(path, Permissions::from_mode(entry.mode))
            }
        };
    };
    let mut draft = FileDraft::new(Readers::Own, path)?;
    draft.file.write_all(content)?;
    if geteuid().is_root() {
        let (user, group) = entry.owner;
        std::os::unix::fs::fchown(&draft.file, Some(user.as_raw()), Some(group.as_raw()))?;
    }
    draft
        .file
        .set_permissions(Permissions::from_mode(entry.mode))?;
    draft.put_in_place()
}

fn give(path: &Path, (user, group): (Uid, Gid)) -> io::Result<()> {
    match geteuid().is_root() {
        true => chown(path, Some(user.as_raw()), Some(group.as_raw())),
        false => Ok(()),
    }
}

fn below(to: &Path, path: &Path) -> PathBuf {
    to.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::backup::archive::{tests::saved, verify};

    #[test]
    fn what_is_there_stays_unless_somebody_says_otherwise() {
        let (folder, archive) = saved();
        let manifest = verify(&archive).unwrap();
        let place = tempfile::tempdir().unwrap();
        restore(&archive, &manifest, place.path(), Existing::Refused).unwrap();
        let root = folder.path().canonicalize().unwrap();
        let restored = |name: &str| below(place.path(), &root.join(name));
        let log = restored("state/health.log");
        assert_eq!(fs::read(&log).unwrap(), b"drain fra-one");
        fs::write(&log, "newer").unwrap();
        fs::remove_file(restored("config.toml")).unwrap();
        let again = |mode| restore(&archive, &manifest, place.path(), mode);
        let why = again(Existing::Refused).unwrap_err();
        assert!(why.contains("health.log is there already"), "{why}");
        assert!(!restored("config.toml").exists(), "nothing was written");
        // A stranger in the folder of the state is in the way too.
        fs::rename(&log, restored("state/other")).unwrap();
        assert!(again(Existing::Refused).is_err());
        again(Existing::Replaced).unwrap();
        assert_eq!(fs::read(&log).unwrap(), b"drain fra-one");
    }
}
