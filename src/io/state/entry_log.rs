//! Something that changes by entries, in a file that is only added to.
//!
//! Each entry adds to those before it. The first ones hold all that was known when the file was written; once the entries
//! behind them are as long, it is written anew, whole beside the old one and put in its place. Whatever a write was told to be
//! done with is on the disk.
//!
//! It holds all that is kept in memory as well: after a write that failed (a full disk) the end of the
//! file may be torn, and the next one writes all of it anew. It opens no file; whoever does tells it how
//! a write went ([`EntryLog::written`]).
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lines;
use crate::io::keep;

/// Octets of entries that a file has room for, however short it is.
pub(super) const ROOM_LEAST: usize = 256 * 1024;

/// Something that changes by entries.
pub(super) trait LogContent: Default {
    /// A change of it.
    type Entry: Clone + Serialize + DeserializeOwned;

    /// Takes a change in.
    fn take(&mut self, entry: Self::Entry);

    /// Makes one change of two.
    fn join(entry: &mut Self::Entry, later: Self::Entry);

    /// Changes that make all of it of nothing, none of them long.
    fn entries(&self) -> impl Iterator<Item = Self::Entry>;
}

/// All that is kept, and how it gets into its file.
#[derive(Clone, Debug, Default)]
pub(super) struct EntryLog<C: LogContent> {
    kept: C,
    /// Entries that the file does not have yet.
    waiting: Option<Unwritten<C::Entry>>,
    /// The number of the next entry.
    number: u32,
    /// The same once the write that is under way is done.
    number_then: u32,
    /// Octets that may be added at the end of the file; none while the end may be torn.
    room: usize,
}

#[derive(Clone, Debug)]
enum Unwritten<E> {
    Everything,
    Part(E),
}

/// A change to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogWrite {
    /// Put these octets at its end.
    Append(Vec<u8>),
    /// Put these in place of all that it holds.
    Replace(Vec<u8>),
}

/// A log that says what is to be written, and is told how that went.
pub(super) trait WrittenLog {
    /// The next write; nothing if the file has all.
    fn next(&mut self) -> Result<Option<LogWrite>, String>;

    /// Takes in how it went: `None` if it failed.
    fn went(&mut self, done: Option<&LogWrite>);
}

/// Writes what a log has for its file, in one step.
///
/// # Errors
/// The reason, if it is not on the disk. It is kept in memory all the same, and written with what comes next.
pub(super) fn write_file(path: &Path, log: &mut impl WrittenLog) -> Result<(), String> {
    while let Some(write) = log.next()? {
        let done = match &write {
            LogWrite::Append(octets) => keep::append(path, octets),
            LogWrite::Replace(octets) => keep::replace(path, octets),
        };
        match done {
            Ok(()) => log.went(Some(&write)),
            Err(error) => {
                log.went(None);
                // A file that went away, or cannot be added to, may be written anew.
                if matches!(write, LogWrite::Replace(_)) {
                    return Err(error.to_string());
                }
            }
        }
    }
    Ok(())
}

impl<C: LogContent> EntryLog<C> {
    /// Reads a file, as far as it can be read. Gives whether there was any entry, and what is wrong with the file.
    pub(super) fn read(text: &[u8]) -> (Self, bool, Option<String>) {
        let found = lines::read(text);
        let mut damage = found.damage;
        let (mut kept, mut is_any) = (C::default(), false);
        for entry in found.entries {
            match serde_json::from_slice(entry) {
                Ok(entry) => {
                    is_any = true;
                    kept.take(entry);
                }
                Err(error) => damage = Some(format!("an entry cannot be understood: {error}")),
            }
        }
        let log = Self {
            kept,
            waiting: None,
            number: 0,
            number_then: 0,
            room: 0,
        };
        (log, is_any, damage)
    }

    /// All that is kept.
    pub(super) fn kept(&self) -> &C {
        &self.kept
    }

    /// Takes a change in.
    pub(super) fn take(&mut self, entry: C::Entry) {
        self.kept.take(entry.clone());
        match &mut self.waiting {
            Some(Unwritten::Everything) => {}
            Some(Unwritten::Part(part)) => C::join(part, entry),
            None => self.waiting = Some(Unwritten::Part(entry)),
        }
    }

    /// Keeps this in place of all that was kept.
    pub(super) fn replace(&mut self, kept: C) {
        self.kept = kept;
        self.waiting = Some(Unwritten::Everything);
    }

    /// The change to the file after which it has all that is kept; nothing if it has.
    ///
    /// # Errors
    /// A defect: what is kept cannot be written as text.
    pub(super) fn write(&mut self) -> Result<Option<LogWrite>, String> {
        let write = match &self.waiting {
            None => return Ok(None),
            Some(Unwritten::Part(part)) if self.room > 0 => {
                let mut text = Vec::new();
                lines::write(&mut text, self.number, &as_text(part)?);
                (text.len() <= self.room).then_some(LogWrite::Append(text))
            }
            Some(Unwritten::Part(_) | Unwritten::Everything) => None,
        };
        if let Some(append) = write {
            self.number_then = self.number.wrapping_add(1);
            return Ok(Some(append));
        }
        let (text, number) = self.everything()?;
        self.number_then = number;
        Ok(Some(LogWrite::Replace(text)))
    }

    /// Takes in how a write went: `None` if it failed, and then the end of the file may be torn.
    pub(super) fn written(&mut self, done: Option<&LogWrite>) {
        match done {
            None => {
                self.room = 0;
                self.waiting = Some(Unwritten::Everything);
            }
            Some(LogWrite::Append(text)) => {
                (self.waiting, self.number) = (None, self.number_then);
                self.room = self.room.saturating_sub(text.len());
            }
            Some(LogWrite::Replace(text)) => {
                (self.waiting, self.number) = (None, self.number_then);
                self.room = text.len().max(ROOM_LEAST);
            }
        }
    }

    /// All that is kept, and the number of the entry that may follow.
    fn everything(&self) -> Result<(Vec<u8>, u32), String> {
        let (mut text, mut number) = (Vec::new(), 0);
        for part in self.kept.entries() {
            lines::write(&mut text, number, &as_text(&part)?);
            number += 1;
        }
        Ok((text, number))
    }
}

impl<C: LogContent> WrittenLog for EntryLog<C> {
    fn next(&mut self) -> Result<Option<LogWrite>, String> {
        self.write()
    }

    fn went(&mut self, done: Option<&LogWrite>) {
        self.written(done);
    }
}

impl LogWrite {
    /// The octets that are written.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Append(octets) | Self::Replace(octets) => octets,
        }
    }
}

fn as_text<E: Serialize>(entry: &E) -> Result<Vec<u8>, String> {
    serde_json::to_vec(entry).map_err(|error| error.to_string())
}
