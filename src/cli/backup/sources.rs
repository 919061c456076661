//! The files that make a node: its config and what that names, keys, and state.
//!
//! A config with errors is saved as it is, as long as it can be read: a backup must not wait for a correct one.
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Spec;
use crate::daemon::Failure;
use crate::io::{audit, files};

/// All that is saved, by absolute path.
#[derive(Debug)]
pub(super) struct BackupSources {
    /// The config itself.
    pub(super) config: PathBuf,
    /// The folders of state and keys: a node is restored only where they are empty.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Every file, and what it is.
    pub(super) files: BTreeMap<PathBuf, BackupPart>,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BackupPart {
    /// The config, and what it names.
    Config,
    /// Zone files.
    Zones,
    /// Keys of zones.
    Keys,
    /// Whatever the server keeps.
    State,
}

impl BackupPart {
    /// The word for people.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Zones => "zones",
            Self::Keys => "keys",
            Self::State => "state",
        }
    }
}

impl BackupSources {
    /// Finds the files of a config.
    ///
    /// # Errors
    /// The config, or a folder, cannot be read.
    pub(super) fn of(config: &Path) -> Result<Self, Failure> {
        let loaded = files::load(config).map_err(|error| error.to_string())?;
        let mut sources = Self {
            config: absolute(config)?,
            folders: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        sources.add_named(&loaded.spec, loaded.paths(), &loaded.files)?;
        let state = loaded.spec.state();
        for folder in loaded.spec.key_folders() {
            sources.add_folder(&folder, BackupPart::Keys)?;
        }
        sources.add_folder(&state, BackupPart::State)?;
        let log = files::contact(config).map_err(|error| error.to_string())?;
        if let Some(log) = log.audit {
            // The log may lie elsewhere than the state; where there is none yet, nothing is lost.
            for path in audit::files(&log).unwrap_or_default() {
                sources.add(&path, BackupPart::State)?;
            }
        }
        Ok(sources)
    }

    /// The config, and whatever it names.
    fn add_named<'p>(
        &mut self,
        spec: &Spec,
        named: impl Iterator<Item = &'p Path>,
        brought: &crate::config::Files,
    ) -> Result<(), Failure> {
        let of_zones = spec.files_by_zone(brought);
        let zones = of_zones.into_iter().flat_map(|(_, paths)| paths);
        let zones: BTreeSet<PathBuf> = zones.chain(spec.written_here()).collect();
        for path in named.filter(|path| !zones.contains(*path)) {
            self.add(path, BackupPart::Config)?;
        }
        for path in &zones {
            self.add(path, BackupPart::Zones)?;
        }
        Ok(())
    }

    /// The files of a folder that is the server's own, and of folders below it; keys have none.
    fn add_folder(&mut self, folder: &Path, part: BackupPart) -> Result<(), Failure> {
        if !folder.is_dir() {
            return Ok(());
        }
        self.folders.insert(absolute(folder)?);
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() && part == BackupPart::State && name != "geo" {
                self.add_folder(&path, part)?;
            }
            if name != "lock" && path.extension() != Some(OsStr::new("new")) {
                self.add(&path, part)?;
            }
        }
        Ok(())
    }

    /// One file, unless it is known already or not there.
    fn add(&mut self, path: &Path, part: BackupPart) -> Result<(), Failure> {
        if path.is_file() {
            self.files.entry(absolute(path)?).or_insert(part);
        }
        Ok(())
    }
}

/// A path from the root, without links to folders and without `..`; the last part stays as it is named.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let folder = path.parent().filter(|own| !own.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let folder = folder.canonicalize().map_err(failed)?;
    Ok(folder.join(path.file_name().unwrap_or_default()))
}
