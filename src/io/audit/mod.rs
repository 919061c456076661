//! The audit log: every change, and every change that was refused, in a file whose lines form a chain.
//!
//! | module | what it knows |
//! |---|---|
//! | `line` | how a line is written, and how lines are chained |
//! | `verify` | whether a chain is whole |
//!
//! A change is written when it is permitted, before anything is done, and again when it has ended; what cannot be written is
//! refused by whoever asks for the first of the two. A line is on the disk when [`AuditLog::record`] returns. Once the file is
//! larger than its bound it is renamed (`audit.jsonl.SEQ`, the number of its last line), and the chain goes on in a new one;
//! nothing is ever deleted here. A line that a crash tore had not been acknowledged: it is moved to a file of its own.
//! No client of DNS stands in it: an update is known by its key.
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::limits::{AUDIT_FILE_BYTES, AUDIT_LINE_BYTES};
use crate::io::clock::Clock;
use crate::plan::AccessRules;

mod line;
mod verify;

pub use line::{AuditEntry, AuditOutcome};
pub use verify::{BrokenChain, WholeChain, files, verify};

/// The way to an audit log, which may be none.
#[derive(Clone, Debug, Default)]
pub struct AuditTrail(Option<Arc<AuditLog>>);

/// An audit log that is written.
#[derive(Debug)]
pub struct AuditLog {
    clock: Clock,
    chain: Mutex<ChainFile>,
}

/// The file, and where its chain is.
#[derive(Debug)]
struct ChainFile {
    path: PathBuf,
    /// Size from which it is rotated away.
    most: u64,
    /// Absent until it could be opened.
    open: Option<OpenChain>,
}

/// A file that is open for writing.
#[derive(Debug)]
struct OpenChain {
    file: File,
    size: u64,
    seq: u64,
    head: String,
    /// Tells whether half a line may stand behind `size`.
    torn: bool,
}

impl AuditTrail {
    /// Opens the log that a config names, or the default one. The second part says what is wrong with it: one that is
    /// stated is tried again with each change, and the default one is done without.
    #[must_use]
    pub fn open(access: &AccessRules, clock: Clock) -> (Self, Option<String>) {
        let Some(wanted) = &access.audit else {
            return (Self(None), None);
        };
        let (log, trouble) = AuditLog::open(&wanted.value, AUDIT_FILE_BYTES, clock);
        match trouble {
            Some(why) if !wanted.stated => {
                (Self(None), Some(format!("{why}; changes are not recorded")))
            }
            Some(why) => (
                Self(Some(Arc::new(log))),
                Some(format!("{why}; changes are refused until it is")),
            ),
            None => (Self(Some(Arc::new(log))), None),
        }
    }

    /// Writes an entry; gives the number of its line, which is 0 where there is no log. Waits for the disk.
    ///
    /// # Errors
    /// The reason why it is not on the disk; for a person.
    pub fn record(&self, entry: &AuditEntry) -> Result<u64, String> {
        self.0.as_ref().map_or(Ok(0), |log| log.record(entry))
    }

    /// The number and the hash of the last line; absent where there is no log.
    #[must_use]
    pub fn head(&self) -> Option<(u64, String)> {
        let chain = self.0.as_ref()?.chain.lock();
        let chain = chain.unwrap_or_else(PoisonError::into_inner);
        chain
            .open
            .as_ref()
            .map(|open| (open.seq, open.head.clone()))
    }
}

impl AuditLog {
    /// Opens a log at its end; the folder is made if it is not there.
    #[must_use]
    pub fn open(path: &Path, most: u64, clock: Clock) -> (Self, Option<String>) {
        let mut chain = ChainFile {
            path: path.to_owned(),
            most,
            open: None,
        };
        let trouble = chain.ready().err();
        let log = Self {
            clock,
            chain: Mutex::new(chain),
        };
        (log, trouble)
    }

    /// Writes an entry; gives the number of its line.
    ///
    /// # Errors
    /// The reason why it is not on the disk; for a person.
    pub fn record(&self, entry: &AuditEntry) -> Result<u64, String> {
        let chain = self.chain.lock();
        let mut chain = chain.unwrap_or_else(PoisonError::into_inner);
        chain.append(entry, self.clock.wall_ms())
    }
}

impl ChainFile {
    fn append(&mut self, entry: &AuditEntry, wall_ms: u64) -> Result<u64, String> {
        self.rotate()
            .map_err(|error| unwritten(&self.path, &error))?;
        let path = self.path.clone();
        let open = self.ready()?;
        let _locked = open
            .catch_up(&path)
            .map_err(|error| unwritten(&path, &error))?;
        let seq = open.seq + 1;
        let (text, hash) = line::write(entry, seq, wall_ms, &open.head)?;
        if text.len() as u64 > AUDIT_LINE_BYTES {
            return Err(format!(
                "what is to be recorded is longer than {AUDIT_LINE_BYTES} octets"
            ));
        }
        let written = open.write(text.as_bytes());
        match written {
            Ok(()) => {
                open.size += text.len() as u64;
                (open.seq, open.head) = (seq, hash);
                Ok(seq)
            }
            Err(error) => Err(unwritten(&path, &error)),
        }
    }

    /// The file, opened anew if somebody has put it away.
    fn ready(&mut self) -> Result<&mut OpenChain, String> {
        let explain = |error: io::Error| unwritten(&self.path, &error);
        let is_there = self
            .open
            .as_ref()
            .is_some_and(|open| is_still(&self.path, &open.file));
        let is_new = fs::metadata(&self.path).is_ok_and(|found| found.len() > 0);
        match (self.open.take(), is_there) {
            (Some(open), true) => Ok(self.open.insert(open)),
            // Another process has put it away and gone on: during an upgrade there are two for a moment.
            (Some(_), false) if is_new => {
                let open = open(&self.path).map_err(explain)?;
                Ok(self.open.insert(open))
            }
            (Some(gone), false) => {
                // The chain goes on where it was, whatever became of the file.
                let file = create(&self.path).map_err(explain)?;
                let size = file.metadata().map_err(explain)?.len();
                Ok(self.open.insert(OpenChain {
                    file,
                    size,
                    torn: false,
                    ..gone
                }))
            }
            (None, _) => {
                let open = open(&self.path).map_err(explain)?;
                Ok(self.open.insert(open))
            }
        }
    }

    /// Puts a file that has grown too large away.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(open) = self.open.as_ref().filter(|open| open.size >= self.most) else {
            return Ok(());
        };
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", open.seq));
        fs::rename(&self.path, self.path.with_file_name(name))
    }
}

impl OpenChain {
    /// Keeps another process from writing for as long as the result is there, and reads what one has written: during
    /// an upgrade there are two for a moment.
    fn catch_up(&mut self, path: &Path) -> io::Result<File> {
        let locked = File::open(path)?;
        locked.lock()?;
        if !self.torn && self.file.metadata()?.len() > self.size {
            *self = open(path)?;
        }
        Ok(locked)
    }

    /// Writes a line whole; what was left of one that could not be written goes first.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.size)?;
            self.torn = false;
        }
        let written = self.file.write_all(line);
        let written = written.and_then(|()| self.file.sync_data());
        if written.is_err() {
            self.torn = self.file.set_len(self.size).is_err();
        }
        written
    }
}

/// Tells whether the file at a path is the one that is open.
fn is_still(path: &Path, file: &File) -> bool {
    match (fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => (named.dev(), named.ino()) == (open.dev(), open.ino()),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|own| !own.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let file = options.open(path)?;
    if let Some(folder) = folder {
        // The name is on the disk once its folder is.
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

/// Opens a file at the end of its chain. A torn line is put away first.
fn open(path: &Path) -> io::Result<OpenChain> {
    let mut file = create(path)?;
    let size = file.metadata()?.len();
    let from = size.saturating_sub(2 * AUDIT_LINE_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    (&mut file)
        .take(2 * AUDIT_LINE_BYTES)
        .read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .rposition(|octet| *octet == b'\n')
        .map_or(0, |end| end + 1);
    let size = from + whole as u64;
    if whole < tail.len() {
        let torn = beside(path, "torn");
        fs::write(torn, &tail[whole..])?;
        file.set_len(size)?;
    }
    let last = tail[..whole].trim_ascii_end();
    let last = last
        .rsplit(|octet| *octet == b'\n')
        .next()
        .unwrap_or_default();
    let (seq, head) = match last {
        [] => last_rotated(path)?,
        last => {
            let text = String::from_utf8_lossy(last);
            let link = line::read(&text).map_err(|why| {
                let (path, aside) = (path.display(), beside(path, "damaged"));
                let help = "look at it with `waypost audit verify`, then move it away";
                io::Error::new(
                    ErrorKind::InvalidData,
                    format!(
                        "the last line of `{path}`: {why}; {help} ({})",
                        aside.display()
                    ),
                )
            })?;
            (link.seq, link.hash)
        }
    };
    Ok(OpenChain {
        file,
        size,
        seq,
        head,
        torn: false,
    })
}

/// The end of a chain whose newest file is empty: that of the one before it.
fn last_rotated(path: &Path) -> io::Result<(u64, String)> {
    let mut all = verify::files(path)?;
    all.pop();
    let Some(newest) = all.pop() else {
        return Ok((0, line::GENESIS.to_owned()));
    };
    let text = fs::read_to_string(newest)?;
    let last = text.lines().last().map(line::read);
    Ok(match last {
        Some(Ok(link)) => (link.seq, link.hash),
        Some(Err(_)) | None => (0, line::GENESIS.to_owned()),
    })
}

fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{word}"));
    path.with_file_name(name)
}

fn unwritten(path: &Path, error: &io::Error) -> String {
    format!("cannot write the audit log `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests;
