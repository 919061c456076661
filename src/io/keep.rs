//! Small files of our own that must survive a crash: the whole of the new one, or the old one.
//!
//! Written beside the old file, flushed, then put in its place, so that a reader or a restart at any
//! step finds one of the two; the folder is flushed too, or the change of name might be lost with
//! the power. Only the server's own user may read what it does not say otherwise of.
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Users that may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// The server's own user.
    Own,
    /// Whoever the system lets.
    Any,
}

/// Puts these octets in place of what a file held, for the server's own user; its folder is made if it is not there.
///
/// # Errors
/// When the system does not let us; the old file is as it was.
pub fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    replace_for(Readers::Own, path, octets)
}

/// The same, for these readers.
///
/// # Errors
/// As for [`replace`].
pub fn replace_for(readers: Readers, path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut draft = FileDraft::new(readers, path)?;
    draft.file.write_all(octets)?;
    draft.put_in_place()
}

/// A file that is written beside the one whose place it is to take.
#[derive(Debug)]
pub struct FileDraft {
    /// The file itself, to be written and read.
    pub file: File,
    path: PathBuf,
    beside: PathBuf,
}

impl FileDraft {
    /// Begins one for these readers; its folder is made if it is not there.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn new(readers: Readers, path: &Path) -> io::Result<Self> {
        let (of_folder, of_file) = match readers {
            Readers::Own => (0o700, 0o600),
            Readers::Any => (0o777, 0o666),
        };
        let folder = folder_of(path);
        if !folder.is_dir() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(of_folder)
                .create(folder)?;
        }
        let mut beside = path.file_name().unwrap_or_default().to_owned();
        beside.push(".new");
        let beside = path.with_file_name(beside);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(of_file)
            .open(&beside)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            beside,
        })
    }

    /// Flushes it and puts it in place of the file.
    ///
    /// # Errors
    /// When the system does not let us; the old file is as it was.
    pub fn put_in_place(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.path)?;
        // The name is on the disk once its folder is.
        File::open(folder_of(&self.path))?.sync_all()
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|own| !own.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Puts octets at the end of a file that is there, and on the disk.
///
/// # Errors
/// When the system does not let us; the end of the file may be torn then.
pub fn append(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(octets)?;
    file.sync_data()
}

/// What a file holds, `most` octets at most; nothing if there is none.
///
/// # Errors
/// When it is there and cannot be read, or is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut octets = Vec::new();
    file.take(most + 1).read_to_end(&mut octets)?;
    match octets.len() as u64 > most {
        true => Err(io::Error::other(format!("is larger than {most} octets"))),
        false => Ok(Some(octets)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/one.json");
        assert_eq!(read(&path, 9).unwrap(), None);
        replace(&path, b"longer text").unwrap();
        replace(&path, b"text").unwrap();
        assert_eq!(read(&path, 4).unwrap().as_deref(), Some(&b"text"[..]));
        assert!(read(&path, 3).is_err());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let names = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(names.count(), 1, "nothing is left beside it");
        // What was left by a crash before the name was changed is written over.
        fs::write(path.with_extension("new"), "torn").unwrap();
        replace(&path, b"again").unwrap();
        assert_eq!(read(&path, 9).unwrap().as_deref(), Some(&b"again"[..]));
    }
}
