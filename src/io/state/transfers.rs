//! What is kept of zones: which serial each has been given out with, when each was last known to be
//! fresh, and which have been served signed.
//!
//! One file of JSON objects, each of which adds to those before it, with a checksum and twice ([`super::lines`]). The
//! first holds all that was kept when it was written, whole beside the old file and put in its place; a change is one
//! more at the end, because thousands of zones have one each when a server starts. Once the changes are as
//! long as the first, it is written anew. So a kill at any moment leaves all that was kept, and at the most
//! an end that is torn, which nobody was told was kept. A file of the older format, objects alone, begins with a brace;
//! it is read, and written anew as it should be. A serial is written before anybody sees it: what was
//! given out once is never given out again for something else.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::limits::TRANSFERS_FILE_BYTES;
use crate::dns::Name;
use crate::io::keep;
use crate::zones::{Known, Last, Memory, Signedness};

use super::content::{FileFormat, StateContent};
use super::lines;

/// Name of the file in its folder.
const FILE: &str = "transfers.json";

/// A version of a zone that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    serial: u32,
    /// Of all but the serial.
    digest: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    versions: BTreeMap<String, Version>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refreshed: BTreeMap<String, u64>,
    /// Whether a zone has been served signed here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    signed: BTreeMap<String, bool>,
}

/// The file, and what is in it.
#[derive(Debug)]
pub(super) struct ZoneFile {
    path: PathBuf,
    kept: Kept,
    /// The number of the next entry.
    number: u32,
    /// Octets that may be added at its end before it is written anew; none while the end may be torn.
    room: usize,
    /// Tells that what the file holds is not as it should be.
    is_stale: bool,
}

/// Octets of changes that a file has room for, however short it is.
const ROOM_LEAST: usize = 64 * 1024;

impl ZoneFile {
    /// Opens the file in a folder; there need be neither. With what can be read of it comes why the rest cannot.
    pub(super) fn open(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let found = match keep::read(&path, TRANSFERS_FILE_BYTES) {
            Ok(None) => StateContent::default(),
            Ok(Some(text)) => read(&text),
            Err(error) => StateContent {
                damage: Some(error.to_string()),
                ..StateContent::default()
            },
        };
        let file = Self {
            path,
            kept: found.kept,
            number: 0,
            room: 0,
            is_stale: found.format == FileFormat::Older || found.damage.is_some(),
        };
        (file, found.damage)
    }

    /// Writes a damaged file, or one of the older format, anew with all that could be read of it. Where that fails the disk
    /// cannot be written, and what is kept next says so.
    pub(super) fn renew(&mut self) {
        if self.is_stale {
            let _ = self.write(&Kept::default());
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All that is kept, by zone.
    pub(super) fn known(&self) -> BTreeMap<Name, Known> {
        let mut known: BTreeMap<Name, Known> = BTreeMap::new();
        let mut at = |zone: &str, set: &dyn Fn(&mut Known)| {
            if let Ok(zone) = Name::parse(zone) {
                set(known.entry(zone).or_default());
            }
        };
        for (zone, version) in &self.kept.versions {
            let last = Last {
                serial: version.serial,
                digest: version.digest,
            };
            at(zone, &|known| known.last = Some(last));
        }
        for (zone, when) in &self.kept.refreshed {
            at(zone, &|known| known.refreshed = Some(*when));
        }
        for (zone, signed) in &self.kept.signed {
            at(zone, &|known| known.signed = *signed);
        }
        known
    }

    /// Keeps changes, all of them in one step.
    ///
    /// # Errors
    /// When they are not on the disk; then none of them is kept.
    pub(super) fn keep(&mut self, memories: &[&Memory]) -> io::Result<()> {
        let mut change = Kept::default();
        for memory in memories {
            change.take(memory);
        }
        if self.kept.has(&change) {
            return Ok(());
        }
        self.write(&change)?;
        self.kept.add(change);
        Ok(())
    }

    /// Adds a change at the end of the file, or writes the file anew with it.
    fn write(&mut self, change: &Kept) -> io::Result<()> {
        let line = entry(change, self.number)?;
        let room = std::mem::take(&mut self.room).checked_sub(line.len());
        if let Some(room) = room
            && keep::append(&self.path, &line).is_ok()
        {
            self.room = room;
            self.number += 1;
            return Ok(());
        }
        let mut kept = self.kept.clone();
        kept.add(change.clone());
        let text = entry(&kept, 0)?;
        keep::replace(&self.path, &text)?;
        self.room = text.len().max(ROOM_LEAST);
        (self.number, self.is_stale) = (1, false);
        Ok(())
    }
}

impl Kept {
    fn take(&mut self, memory: &Memory) {
        match memory {
            Memory::Version(zone, last) => {
                let version = Version {
                    serial: last.serial,
                    digest: last.digest,
                };
                self.versions.insert(key(zone), version);
            }
            Memory::Refreshed(zone, at) => drop(self.refreshed.insert(key(zone), *at)),
            Memory::Signed(zone, signedness) => {
                let is_signed = *signedness == Signedness::Signed;
                self.signed.insert(key(zone), is_signed);
            }
            Memory::Challenges(_) | Memory::Declared(_) => {}
        }
    }

    fn add(&mut self, later: Self) {
        let Self {
            versions,
            refreshed,
            signed,
        } = later;
        self.versions.extend(versions);
        self.refreshed.extend(refreshed);
        self.signed.extend(signed);
    }

    /// Whether a change would change nothing.
    fn has(&self, change: &Self) -> bool {
        let mut versions = change.versions.iter();
        let mut refreshed = change.refreshed.iter();
        let mut signed = change.signed.iter();
        versions.all(|(zone, own)| self.versions.get(zone) == Some(own))
            && refreshed.all(|(zone, own)| self.refreshed.get(zone) == Some(own))
            && signed.all(|(zone, own)| self.signed.get(zone) == Some(own))
    }
}

fn entry(kept: &Kept, number: u32) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let entry = serde_json::to_vec(kept).map_err(io::Error::other)?;
    lines::write(&mut text, number, &entry);
    Ok(text)
}

fn key(zone: &Name) -> String {
    zone.to_string().to_ascii_lowercase()
}

/// Reads a file as far as it can be read.
fn read(text: &[u8]) -> StateContent<Kept> {
    if text.first() == Some(&b'{') {
        let (kept, damage) = read_older(text);
        return StateContent {
            kept,
            format: FileFormat::Older,
            damage,
        };
    }
    let lines = lines::read(text);
    let mut found = StateContent {
        damage: lines.damage,
        ..StateContent::<Kept>::default()
    };
    for entry in lines.entries {
        match serde_json::from_slice(entry) {
            Ok(later) => found.kept.add(later),
            Err(error) => {
                found.damage = Some(format!("an entry cannot be understood: {error}"));
            }
        }
    }
    found
}

/// Reads objects as far as they can be read; why no further. A torn end is what nobody was told was kept.
fn read_older(text: &[u8]) -> (Kept, Option<String>) {
    // A file system may have made room for what it has not written.
    let end = text.iter().rposition(|octet| *octet != 0);
    let text = text.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
    let mut objects = serde_json::Deserializer::from_slice(text).into_iter::<Kept>();
    let mut kept = match objects.next() {
        None => return (Kept::default(), Some("the file is empty".to_owned())),
        Some(Err(error)) => return (Kept::default(), Some(error.to_string())),
        Some(Ok(first)) => first,
    };
    for later in objects {
        match later {
            Ok(later) => kept.add(later),
            Err(error) if error.is_eof() => break,
            Err(error) => return (kept, Some(error.to_string())),
        }
    }
    (kept, None)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(folder: &Path) -> ZoneFile {
        let (file, damage) = ZoneFile::open(folder);
        assert_eq!(damage, None);
        file
    }

    fn zone(number: u32) -> Name {
        Name::parse(&format!("zone{number}.example")).unwrap()
    }

    fn version(number: u32, serial: u32) -> Memory {
        Memory::Version(zone(number), Last { serial, digest: 9 })
    }

    fn serial(file: &ZoneFile, number: u32) -> Option<u32> {
        file.known()
            .get(&zone(number))?
            .last
            .map(|last| last.serial)
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let own = Name::parse("Example.org").unwrap();
        let last = Last {
            serial: 7,
            digest: 9,
        };
        let memories = [
            Memory::Version(own.clone(), last),
            Memory::Refreshed(own.clone(), 1_800_000_000),
            Memory::Signed(own.clone(), Signedness::Signed),
        ];
        let mut file = open(&folder);
        file.keep(&memories.iter().collect::<Vec<_>>()).unwrap();
        let known = Known {
            last: Some(last),
            refreshed: Some(1_800_000_000),
            signed: true,
        };
        let again = open(&folder).known();
        assert_eq!(again, BTreeMap::from([(own, known)]));
    }

    #[test]
    fn changes_are_added_and_the_file_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = open(folder.path());
        let length = || fs::metadata(folder.path().join(FILE)).unwrap().len();
        file.keep(&[&version(0, 1)]).unwrap();
        let first = length();
        file.keep(&[&version(0, 2)]).unwrap();
        assert_eq!(length(), 2 * first, "one more object");
        file.keep(&[&version(0, 2)]).unwrap();
        assert_eq!(length(), 2 * first, "nothing has changed");
        for serial in 3..3000 {
            file.keep(&[&version(serial % 5, serial)]).unwrap();
        }
        assert!(length() < 2 * ROOM_LEAST as u64, "{}", length());
        let again = open(folder.path());
        for number in 0..5 {
            assert_eq!(serial(&again, number), Some(2995 + number));
        }
    }

    #[test]
    fn a_torn_end_costs_what_it_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut file = open(folder.path());
        file.keep(&[&version(0, 1)]).unwrap();
        file.keep(&[&version(1, 2)]).unwrap();
        let whole = fs::read(&path).unwrap();
        let entry = entry(&Kept::default(), 0).unwrap().len() / 2;
        for cut in 1..20 {
            // Neither copy of the last entry is whole.
            let mut torn = whole[..whole.len() - whole.len() / 4 - 1 - cut].to_vec();
            assert!(whole.len() / 4 > entry);
            torn.extend(vec![0; cut % 3]);
            fs::write(&path, &torn).unwrap();
            let mut file = open(folder.path());
            assert_eq!((serial(&file, 0), serial(&file, 1)), (Some(1), None));
            // What comes then is not put behind it.
            file.keep(&[&version(2, 3)]).unwrap();
            assert_eq!(serial(&open(folder.path()), 2), Some(3));
        }
    }

    #[test]
    fn a_file_that_is_gone_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = open(folder.path());
        for serial in 1..3 {
            file.keep(&[&version(0, serial)]).unwrap();
        }
        fs::remove_file(folder.path().join(FILE)).unwrap();
        file.keep(&[&version(1, 7)]).unwrap();
        let again = open(folder.path());
        assert_eq!((serial(&again, 0), serial(&again, 1)), (Some(2), Some(7)));
    }

    #[test]
    fn damage_to_a_file_of_the_older_format_costs_what_stands_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        for (text, known) in [("", None), ("{", None), ("{} x", None)] {
            fs::write(folder.path().join(FILE), text).unwrap();
            let (file, damage) = ZoneFile::open(folder.path());
            assert!(damage.is_some(), "{text}");
            assert_eq!(serial(&file, 0), known);
        }
    }

    #[test]
    fn a_flipped_bit_costs_nothing_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut file = open(folder.path());
        file.keep(&[&version(0, 1)]).unwrap();
        file.keep(&[&version(1, 2)]).unwrap();
        let whole = fs::read(&path).unwrap();
        let mut told = 0;
        for octet in 0..whole.len() {
            let mut text = whole.clone();
            text[octet] ^= 1 << (octet % 8);
            fs::write(&path, text).unwrap();
            let (mut file, damage) = ZoneFile::open(folder.path());
            assert_eq!((serial(&file, 0), serial(&file, 1)), (Some(1), Some(2)));
            told += usize::from(damage.is_some());
            file.renew();
            open(folder.path());
        }
        // A line end says nothing, and the last line has nothing behind it that would tell it from a torn one.
        assert!(told > whole.len() * 7 / 10, "{told} of {}", whole.len());
    }

    #[test]
    fn damage_to_both_copies_costs_what_they_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut file = open(folder.path());
        for number in 0..3 {
            file.keep(&[&version(number, 7)]).unwrap();
        }
        let mut text = fs::read(&path).unwrap();
        let line = text.len() / 6;
        for copy in [2, 3] {
            text[line * copy + line / 2] ^= 4;
        }
        fs::write(&path, text).unwrap();
        let (mut file, damage) = ZoneFile::open(folder.path());
        assert_eq!(damage.as_deref(), Some("1 of 3 entries are damaged"));
        let serials = [0, 1, 2].map(|number| serial(&file, number));
        assert_eq!(serials, [Some(7), None, Some(7)]);
        file.renew();
        assert_eq!(serial(&open(folder.path()), 2), Some(7));
    }

    #[test]
    fn a_file_of_the_older_format_is_read_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let older = "{\"versions\":{\"zone0.example\":{\"serial\":7,\"digest\":9}}}\n{\"signed\":{\"zone1.example\":true}}\n{\"ver";
        fs::write(&path, older).unwrap();
        let mut file = open(folder.path());
        assert_eq!(serial(&file, 0), Some(7));
        assert!(file.known()[&zone(1)].signed);
        file.renew();
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .starts_with("1 00000000 ")
        );
        let again = open(folder.path());
        assert_eq!(again.known(), file.known());
    }

    #[test]
    fn what_cannot_be_written_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = ZoneFile::open(&folder.path().join("a"));
        fs::write(folder.path().join("a"), "a file, not a folder").unwrap();
        assert!(file.keep(&[&version(0, 7)]).is_err());
        assert_eq!(serial(&file, 0), None);
    }
}
