//! Orders of all nodes of a cluster, as their authors signed them, in a file that is only added to.
//!
//! Whoever gives orders to be kept gives all that there are; what the file does not have yet is put at its end, and once that has no
//! room the file is written anew with what there is, so that it stays in proportion to what the nodes hold ([`CLUSTER_LOG`] of each).
//! Each entry is a record in hexadecimal digits, with a checksum, twice ([`super::lines`]). After a write that failed
//! all is written anew.
//!
//! It reads no record and verifies no signature: what is read goes through the same gate as what comes from others.
//!
//! [`CLUSTER_LOG`]: crate::base::limits::CLUSTER_LOG
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lines;
use crate::base::limits::CLUSTER_FILE_BYTES;
use crate::base::to_hexadecimal;
use crate::io::keep;

/// Name of the file in its folder.
const FILE: &str = "cluster.log";
/// Octets of entries that a file has room for, however short it is.
const ROOM_LEAST: usize = 64 * 1024;

/// A record as its author signed it.
pub type SignedOctets = Arc<[u8]>;

/// Orders of all nodes, as a start finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrdersBefore {
    /// All that were kept.
    Whole(Vec<SignedOctets>),
    /// There is no file, or some of it cannot be read: these are what is left.
    Lost(Vec<SignedOctets>),
}

/// The file.
#[derive(Debug)]
pub(super) struct ClusterLog {
    path: PathBuf,
    in_file: BTreeSet<SignedOctets>,
    /// The number of the next entry.
    number: u32,
    /// Octets that may be added at the end of the file; none while the end may be torn.
    room: usize,
    /// All that is to be kept, while some of it is not on the disk.
    waiting: Option<Vec<SignedOctets>>,
}

impl Default for OrdersBefore {
    fn default() -> Self {
        Self::Lost(Vec::new())
    }
}

impl OrdersBefore {
    /// The records.
    #[must_use]
    pub fn records(&self) -> &[SignedOctets] {
        match self {
            Self::Whole(records) | Self::Lost(records) => records,
        }
    }
}

impl ClusterLog {
    /// Opens the file in a folder; there need be neither. With what was kept comes why the rest cannot be read.
    pub(super) fn open(folder: &Path) -> (Self, OrdersBefore, Option<String>) {
        let path = folder.join(FILE);
        let (before, damage) = match keep::read(&path, CLUSTER_FILE_BYTES) {
            Ok(None) => (OrdersBefore::Lost(Vec::new()), None),
            Ok(Some(text)) => read(&text),
            Err(error) => (OrdersBefore::Lost(Vec::new()), Some(error.to_string())),
        };
        // A damaged file is written anew as soon as anything is kept.
        let in_file = before.records().iter().filter(|_| damage.is_none());
        let log = Self {
            path,
            in_file: in_file.cloned().collect(),
            number: 0,
            room: 0,
            waiting: None,
        };
        (log, before, damage)
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps all of these; without any, those that an earlier write has failed to keep.
    ///
    /// # Errors
    /// When some are not on the disk; they will be with what comes next, once the disk takes it.
    pub(super) fn keep(&mut self, records: Option<Vec<SignedOctets>>) -> io::Result<()> {
        self.waiting = records.or(self.waiting.take());
        let Some(records) = self.waiting.take() else {
            return Ok(());
        };
        let missing = records.iter().filter(|own| !self.in_file.contains(*own));
        let missing: Vec<SignedOctets> = missing.cloned().collect();
        if missing.is_empty() || self.append(&missing) {
            return Ok(());
        }
        let replaced = self.replace(&records);
        if replaced.is_err() {
            self.waiting = Some(records);
        }
        replaced
    }

    /// Puts records at the end; false if there is no room, or it cannot be.
    fn append(&mut self, records: &[SignedOctets]) -> bool {
        let (text, number) = text(self.number, records);
        if text.len() > self.room {
            return false;
        }
        self.room -= text.len();
        let is_done = keep::append(&self.path, &text).is_ok();
        if is_done {
            self.number = number;
            self.in_file.extend(records.iter().cloned());
        }
        is_done
    }

    fn replace(&mut self, records: &[SignedOctets]) -> io::Result<()> {
        self.room = 0;
        let (text, number) = text(0, records);
        keep::replace(&self.path, &text)?;
        (self.number, self.room) = (number, text.len().max(ROOM_LEAST));
        self.in_file = records.iter().cloned().collect();
        Ok(())
    }
}

/// Entries from this number on, and the number of the one that may follow.
fn text(mut number: u32, records: &[SignedOctets]) -> (Vec<u8>, u32) {
    let mut text = Vec::new();
    for record in records {
        lines::write(&mut text, number, to_hexadecimal(record).as_bytes());
        number = number.wrapping_add(1);
    }
    (text, number)
}

fn read(text: &[u8]) -> (OrdersBefore, Option<String>) {
    let found = lines::read(text);
    let entries = found.entries.len();
    let records = found.entries.into_iter().filter_map(octets);
    let records: Vec<SignedOctets> = records.collect();
    let strange = entries - records.len();
    let strange = (strange > 0).then(|| format!("{strange} entries are no records"));
    // Where the second copy of a line is there, nothing is lost.
    let is_whole = strange.is_none() && !found.is_lost;
    let damage = found.damage.or(strange);
    match is_whole {
        true => (OrdersBefore::Whole(records), damage),
        false => (OrdersBefore::Lost(records), damage),
    }
}

fn octets(digits: &[u8]) -> Option<SignedOctets> {
    let pairs = digits.chunks(2).map(|pair| {
        let is_pair = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
        let pair = str::from_utf8(pair).ok().filter(|_| is_pair)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u16) -> SignedOctets {
        let octets = number.to_be_bytes().repeat(200);
        octets.into()
    }

    fn all(numbers: std::ops::Range<u16>) -> Vec<SignedOctets> {
        numbers.map(record).collect()
    }

    fn found(folder: &Path) -> OrdersBefore {
        ClusterLog::open(folder).1
    }

    #[test]
    fn what_is_kept_is_found_again_and_the_file_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, before, damage) = ClusterLog::open(folder.path());
        assert_eq!((before, damage), (OrdersBefore::Lost(Vec::new()), None));
        for last in 1..400 {
            let first = last - last.min(20);
            log.keep(Some(all(first..last))).unwrap();
            let OrdersBefore::Whole(records) = found(folder.path()) else {
                panic!("{last}: it is whole")
            };
            let kept = all(first..last);
            assert!(kept.iter().all(|own| records.contains(own)), "{last}");
        }
        let length = std::fs::metadata(log.path()).unwrap().len();
        assert!(length < 3 * ROOM_LEAST as u64, "{length}");
    }

    #[test]
    fn what_is_acknowledged_is_there_wherever_the_file_is_torn_and_whatever_bit_flips() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, ..) = ClusterLog::open(folder.path());
        log.keep(Some(all(0..2))).unwrap();
        let acknowledged = std::fs::read(log.path()).unwrap();
        log.keep(Some(all(0..3))).unwrap();
        let whole = std::fs::read(log.path()).unwrap();
        let path = log.path().to_owned();
        for length in (acknowledged.len()..whole.len()).step_by(11) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let before = found(folder.path());
            assert!(matches!(before, OrdersBefore::Whole(_)), "{length}");
            assert!(all(0..3).starts_with(before.records()), "{length}");
            assert!(before.records().len() >= 2, "{length}");
        }
        for octet in (0..whole.len()).step_by(7) {
            let mut text = whole.clone();
            text[octet] ^= 1 << (octet % 8);
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                found(folder.path()),
                OrdersBefore::Whole(all(0..3)),
                "{octet}"
            );
        }
        std::fs::write(&path, &whole[whole.len() / 2..]).unwrap();
        assert!(matches!(found(folder.path()), OrdersBefore::Lost(_)));
        // The next write makes it whole again.
        let (mut log, ..) = ClusterLog::open(folder.path());
        log.keep(Some(all(0..4))).unwrap();
        assert_eq!(found(folder.path()), OrdersBefore::Whole(all(0..4)));
    }

    #[test]
    fn what_the_disk_did_not_take_is_written_with_what_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        std::fs::write(&folder, "a file, not a folder").unwrap();
        let (mut log, ..) = ClusterLog::open(&folder);
        log.keep(Some(all(0..2))).unwrap_err();
        log.keep(None).unwrap_err();
        std::fs::remove_file(&folder).unwrap();
        log.keep(None).unwrap();
        assert_eq!(found(&folder), OrdersBefore::Whole(all(0..2)));
    }
}
