//! `waypost backup` and `waypost restore`: all that a node is, in one archive.
//!
//! ```text
//! etc/waypost/                      each folder, with its mode and owner
//! etc/waypost/config.toml           each file under the path that it was read from, without the first `/`
//! var/lib/waypost/health.log
//! waypost-backup.json               the last: what the archive is of, and the SHA-256 of every file
//! ```
//!
//! It is a tar archive in gzip, so that other programs can read it. Files of the state are replaced as a whole or appended with
//! checksums, so a copy that is made while a server runs is usable. What the server makes again by itself is omitted: its lock, drafts
//! of files, and geo databases as they were compiled.
//!
//! | module | what it does |
//! |---|---|
//! | `sources` | which files there are to save |
//! | `archive` | the archive: written, read |
//! | `restoring` | the files, put back |
mod archive;
mod restoring;
mod sources;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::arguments::Config;
use super::cost::bytes;
use super::say;
use crate::daemon::Failure;
use archive::Manifest;
use sources::{BackupPart, BackupSources};

/// Arguments of `waypost backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The archive, which must not be there yet; `-` for standard output
    file: PathBuf,
    #[command(flatten)]
    config: Config,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `waypost restore`.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// An archive of `waypost backup`
    file: PathBuf,
    /// Put everything below this folder, not where it was
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    to: PathBuf,
    /// Compare the digests, say what it holds, and write nothing
    #[arg(long, conflicts_with = "overwrite")]
    list: bool,
    /// Replace files that are there; those that the archive does not have stay
    #[arg(long)]
    overwrite: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Writes the archive, and says what it holds.
pub(super) fn backup(arguments: &Backup) -> Result<ExitCode, Failure> {
    let sources = BackupSources::of(&arguments.config.config)?;
    let failed = |error: io::Error| format!("{}: {error}", arguments.file.display());
    if arguments.file == Path::new("-") {
        let manifest = archive::write(&sources, io::stdout().lock())?;
        // A closed standard error is no reason to end otherwise.
        let _ = writeln!(io::stderr(), "{}", summary(&manifest));
        return Ok(ExitCode::SUCCESS);
    }
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let file = options.open(&arguments.file).map_err(failed)?;
    let written = archive::write(&sources, &file)
        .and_then(|manifest| file.sync_all().map_err(failed).map(|()| manifest));
    if written.is_err() {
        // Half an archive must not be taken for one.
        let _ = std::fs::remove_file(&arguments.file);
    }
    show(&written?, arguments.json)
}

/// Puts the files back, or only says what there is.
pub(super) fn restore(arguments: &Restore) -> Result<ExitCode, Failure> {
    let manifest = archive::verify(&arguments.file)?;
    if !arguments.list {
        let mode = match arguments.overwrite {
            true => restoring::Existing::Replaced,
            false => restoring::Existing::Refused,
        };
        restoring::restore(&arguments.file, &manifest, &arguments.to, mode)?;
    }
    show(&manifest, arguments.json)
}

fn show(manifest: &Manifest, json: bool) -> Result<ExitCode, Failure> {
    say(&match json {
        true => serde_json::to_string_pretty(manifest).map_err(|error| error.to_string())?,
        false => summary(manifest),
    });
    Ok(ExitCode::SUCCESS)
}

/// The parts with their sizes, for a person.
fn summary(manifest: &Manifest) -> String {
    let mut parts: BTreeMap<BackupPart, (usize, u64)> = BTreeMap::new();
    for file in &manifest.files {
        let (files, octets) = parts.entry(file.part).or_default();
        *files += 1;
        *octets += file.octets;
    }
    let mut text = format!(
        "backup of {} on {}, {}, by waypost {}",
        manifest.config.display(),
        manifest.host,
        crate::base::Utc::from_seconds(manifest.made_at),
        manifest.version
    );
    for (part, (files, octets)) in parts {
        let noun = if files == 1 { "file" } else { "files" };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n  {:<7} {files} {noun}, {}",
            part.word(),
            bytes(octets)
        );
        if part == BackupPart::Keys {
            text += " (secret: encrypt the archive wherever it is sent)";
        }
    }
    text
}
