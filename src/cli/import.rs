//! `waypost import`: files of another server are read, and what they translate to is written.
//!
//! What a translation means is [`crate::import`]'s. A file that is there already is never overwritten: somebody may have
//! amended it since.
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::import_arguments::ImportArguments;
use super::say;
use crate::daemon::Failure;
use crate::import::{self, ImportedFile, Remark, RemarkKind, Translation};

/// Writes the translation; exits 1 when something was lost.
pub(super) fn import(arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let files = arguments.files.iter().map(|path| read(path));
    let files: Vec<ImportedFile> = files.collect::<Result<_, _>>()?;
    let translation =
        import::translate(arguments.maker, &files).map_err(|error| error.to_string())?;
    write_new(&arguments.out, &translation.files)?;
    let remarks = &translation.remarks;
    if arguments.json {
        say(&serde_json::to_string_pretty(remarks).map_err(|error| error.to_string())?);
    } else {
        for remark in remarks {
            // A closed standard error is no reason to end otherwise.
            let _ = writeln!(std::io::stderr(), "{remark}");
        }
        say(&summary(&arguments.out, &translation));
    }
    Ok(match translation.has_losses() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn read(path: &Path) -> Result<ImportedFile, Failure> {
    let named = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    Ok(ImportedFile {
        name: path.display().to_string(),
        text: std::fs::read_to_string(path).map_err(named)?,
    })
}

/// Writes files, each with its text, below a folder: all, or none where one of them is there.
pub(super) fn write_new(out: &Path, files: &[(String, String)]) -> Result<(), Failure> {
    let paths = files.iter().map(|(name, _)| out.join(name));
    if let Some(there) = paths.clone().find(|path| path.exists()) {
        return Err(format!(
            "{} is there already and is not overwritten: give another folder by --out",
            there.display()
        ));
    }
    for (path, (_, text)) in paths.zip(files) {
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
    }
    Ok(())
}

fn summary(out: &Path, translation: &Translation) -> String {
    let count = |kind: RemarkKind| {
        let remarks = translation.remarks.iter();
        remarks
            .filter(|remark: &&Remark| remark.kind == kind)
            .count()
    };
    let config = out.join(import::CONFIG);
    format!(
        "{} and {} zone files written; lost: {}, to be known: {}. Next: waypost check --config {}",
        config.display(),
        translation.files.len() - 1,
        count(RemarkKind::Lost),
        count(RemarkKind::Note),
        config.display()
    )
}
