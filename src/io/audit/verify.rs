//! Proof that an audit log is whole: each line unaltered, and each behind the one that was written before it.
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::line::{self, GENESIS, LinkOfChain};

/// An audit log that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeChain {
    /// The number of its first line; above 1 where older files are not here.
    pub first: u64,
    /// The number of its last line; 0 where there is none.
    pub last: u64,
    /// The hash of its last line.
    pub head: String,
}

/// The first place at which a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {why}", path.display())]
pub struct BrokenChain {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The fault.
    pub why: String,
}

/// The files of an audit log, oldest first: those that were rotated away, then the one that is written.
///
/// # Errors
/// The folder cannot be read.
pub fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|own| !own.as_os_str().is_empty());
    let stem = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
        + ".";
    let mut rotated: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix(&stem).and_then(|rest| rest.parse().ok());
        rotated.extend(number.map(|number| (number, entry.path())));
    }
    rotated.sort();
    let mut all: Vec<PathBuf> = rotated.into_iter().map(|(_, path)| path).collect();
    all.push(path.to_owned());
    Ok(all)
}

/// Goes through files, each of which goes on where the one before it ends.
///
/// # Errors
/// The first place at which the chain is broken, or a file that cannot be read.
pub fn verify(paths: &[PathBuf]) -> Result<WholeChain, BrokenChain> {
    let mut whole = WholeChain {
        first: 0,
        last: 0,
        head: GENESIS.to_owned(),
    };
    for path in paths {
        let broken = |line: usize, why: &str| BrokenChain {
            path: path.clone(),
            line,
            why: why.to_owned(),
        };
        let text = fs::read_to_string(path).map_err(|error| broken(1, &error.to_string()))?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(broken(
                text.lines().count(),
                "the line is torn: it has no end",
            ));
        }
        for (index, text) in text.lines().enumerate() {
            let link = line::read(text).map_err(|why| broken(index + 1, why))?;
            follows(&whole, &link).map_err(|why| broken(index + 1, &why))?;
            if whole.last == 0 {
                whole.first = link.seq;
            }
            (whole.last, whole.head) = (link.seq, link.hash);
        }
    }
    Ok(whole)
}

/// Tells whether a line may stand behind those before it.
fn follows(whole: &WholeChain, link: &LinkOfChain) -> Result<(), String> {
    let is_first = whole.last == 0;
    if is_first && link.seq == 1 && link.prev != GENESIS {
        return Err("it is the first line, and names one before it".to_owned());
    }
    if is_first || link.seq == whole.last + 1 && link.prev == whole.head {
        return Ok(());
    }
    let (seq, last) = (link.seq, whole.last);
    Err(match seq == last + 1 {
        true => "the line before it is not the one that was there when it was written".to_owned(),
        false => {
            format!("line number {seq} stands behind {last}: lines were dropped or put elsewhere")
        }
    })
}
