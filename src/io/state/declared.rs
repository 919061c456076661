//! Declared records, as they stand in their file: an entry for each change, with a checksum ([`super::lines`]).
//!
//! An RRset stands there as a master file has it, so that a person can read it. The first entries of a file hold all that was declared
//! when it was written. A change that was answered is on the disk; one that could not be written is undone by whoever asked for
//! it, which stands in the next entry.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry_log::{EntryLog, LogContent, write_file};
use crate::base::limits::DECLARED_FILE_BYTES;
use crate::dns::{Name, master, text};
use crate::io::keep;
use crate::zones::declared::set::{Declaration, Declared, DeclaredPart, DeclaredSet};

/// Name of the file in its folder.
const FILE: &str = "declared.log";
/// RRsets of one entry of a file that is written anew: so many are lost where both copies are.
const AT_ONCE: usize = 100;

/// The file of declared records, and all that is in it.
#[derive(Debug)]
pub(super) struct DeclaredFile {
    path: PathBuf,
    log: EntryLog<Declared>,
}

/// A change, as it is written.
#[derive(Clone, Serialize, Deserialize)]
struct PartLine {
    zone: String,
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<u32>,
    sets: Vec<SetLine>,
}

/// An RRset, as it is written; one that is gone has no values, and a revision if that is remembered.
#[derive(Clone, Serialize, Deserialize)]
struct SetLine {
    name: String,
    r#type: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(default)]
    ttl_s: u32,
    #[serde(default)]
    revision: u64,
    #[serde(default)]
    at: u64,
    #[serde(default)]
    author: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// Changes, one after the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<PartLine>", into = "Vec<PartLine>")]
pub(super) struct LoggedParts(Vec<DeclaredPart>);

impl DeclaredFile {
    /// Opens the file in a folder; there need be neither. With it comes why the rest cannot be read.
    pub(super) fn open(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let (log, damage) = match keep::read(&path, DECLARED_FILE_BYTES) {
            Ok(None) => (EntryLog::default(), None),
            Ok(Some(text)) => {
                let (log, _, damage) = EntryLog::read(&text);
                (log, damage)
            }
            Err(error) => (EntryLog::default(), Some(error.to_string())),
        };
        (Self { path, log }, damage)
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All that is declared.
    pub(super) fn kept(&self) -> &Declared {
        self.log.kept()
    }

    /// Keeps changes, one after the other, in one step.
    ///
    /// # Errors
    /// The reason, if they are not on the disk.
    pub(super) fn keep(&mut self, parts: Vec<DeclaredPart>) -> Result<(), String> {
        self.log.take(LoggedParts(parts));
        let written = write_file(&self.path, &mut self.log);
        written.map_err(|error| format!("cannot write `{}`: {error}", self.path.display()))
    }
}

impl LogContent for Declared {
    type Entry = LoggedParts;

    fn take(&mut self, entry: LoggedParts) {
        for part in entry.0 {
            let _undo = Self::take(self, part);
        }
    }

    fn join(entry: &mut LoggedParts, later: LoggedParts) {
        entry.0.extend(later.0);
    }

    fn entries(&self) -> impl Iterator<Item = LoggedParts> {
        let parts = self.parts(AT_ONCE).into_iter();
        parts.map(|part| LoggedParts(vec![part]))
    }
}

impl From<LoggedParts> for Vec<PartLine> {
    fn from(parts: LoggedParts) -> Self {
        let parts = parts.0.into_iter();
        parts.map(PartLine::from).collect()
    }
}

impl TryFrom<Vec<PartLine>> for LoggedParts {
    type Error = String;

    fn try_from(lines: Vec<PartLine>) -> Result<Self, String> {
        let parts = lines.into_iter().map(DeclaredPart::try_from);
        Ok(Self(parts.collect::<Result<_, _>>()?))
    }
}

impl From<DeclaredPart> for PartLine {
    fn from(part: DeclaredPart) -> Self {
        let sets = part.sets.into_iter();
        Self {
            zone: part.zone.to_string(),
            revision: part.revision,
            serial: part.serial,
            sets: sets
                .map(|(name, kind, set)| written(&name, kind, set))
                .collect(),
        }
    }
}

fn written(name: &Name, kind: u16, set: Option<DeclaredSet>) -> SetLine {
    let line = SetLine {
        name: name.to_string(),
        r#type: text::type_name(kind),
        values: Vec::new(),
        ttl_s: 0,
        revision: 0,
        at: 0,
        author: String::new(),
        reason: String::new(),
    };
    let Some(set) = set else { return line };
    let values = set.records.iter();
    SetLine {
        values: values.map(|rdata| text::show_rdata(kind, rdata)).collect(),
        ttl_s: set.ttl,
        revision: set.revision,
        at: set.by.at,
        author: set.by.author.clone(),
        reason: set.by.reason.clone(),
        ..line
    }
}

impl TryFrom<PartLine> for DeclaredPart {
    type Error = String;

    fn try_from(line: PartLine) -> Result<Self, String> {
        let mut last = Arc::new(Declaration::default());
        let sets = line.sets.into_iter().map(|set| {
            let kind = text::type_number(&set.r#type);
            let kind = kind.ok_or_else(|| format!("{} is no type", set.r#type))?;
            let declaration = Declaration {
                author: set.author,
                reason: set.reason,
                at: set.at,
            };
            // Those of one batch have one.
            if *last != declaration {
                last = Arc::new(declaration);
            }
            let values = set.values.iter().map(|value| master::rdata(kind, value));
            let records: Vec<Vec<u8>> =
                values.collect::<Result<_, _>>().map_err(|error| error.0)?;
            let declared = DeclaredSet {
                ttl: set.ttl_s,
                records,
                by: Arc::clone(&last),
                revision: set.revision,
            };
            let is_there = !declared.is_grave() || declared.revision > 0;
            Ok((name(&set.name)?, kind, is_there.then_some(declared)))
        });
        Ok(Self {
            zone: name(&line.zone)?,
            revision: line.revision,
            serial: line.serial,
            sets: sets.collect::<Result<_, String>>()?,
        })
    }
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| format!("{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn part(revision: u64, sets: &[(&str, &str, &[&str])]) -> DeclaredPart {
        let by = Declaration {
            author: "token ci \u{2603}".to_owned(),
            reason: "roll-out\n7".to_owned(),
            at: 1_800_000_000,
        };
        let by = Arc::new(by);
        let sets = sets.iter().map(|(owner, kind, values)| {
            let kind = text::type_number(kind).unwrap();
            let values = values
                .iter()
                .map(|value| master::rdata(kind, value).unwrap());
            let set = DeclaredSet {
                ttl: 60,
                records: values.collect(),
                by: Arc::clone(&by),
                revision,
            };
            let is_there = !set.records.is_empty();
            (name(owner).unwrap(), kind, is_there.then_some(set))
        });
        DeclaredPart {
            zone: name("z.test").unwrap(),
            revision,
            serial: Some(7),
            sets: sets.collect(),
        }
    }

    /// A file with three changes, and what they come to.
    fn filled(folder: &Path) -> Declared {
        let (mut file, damage) = DeclaredFile::open(folder);
        assert_eq!(damage, None);
        file.keep(vec![part(
            1,
            &[("a.z.test", "A", &["192.0.2.1", "192.0.2.2"])],
        )])
        .unwrap();
        file.keep(vec![part(
            2,
            &[("*.\\046.z.test", "TXT", &["\"a b\" \"\\\"\""])],
        )])
        .unwrap();
        file.keep(vec![
            part(3, &[("a.z.test", "A", &[])]),
            part(4, &[("b.z.test", "TYPE4711", &["\\# 2 0102"])]),
        ])
        .unwrap();
        file.kept().clone()
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let kept = filled(folder.path());
        assert_eq!(kept.records(), 2);
        let (mut file, damage) = DeclaredFile::open(folder.path());
        assert_eq!((file.kept(), damage), (&kept, None));
        // The next change writes all of it anew.
        file.keep(vec![part(5, &[("c.z.test", "A", &["192.0.2.3"])])])
            .unwrap();
        let (again, _) = DeclaredFile::open(folder.path());
        assert_eq!((again.kept().records(), again.kept()), (3, file.kept()));
    }

    #[test]
    fn a_flipped_bit_costs_nothing_and_a_torn_end_no_more_than_what_nobody_was_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let kept = filled(folder.path());
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for octet in (0..whole.len()).step_by(5) {
            let mut text = whole.clone();
            text[octet] ^= 1 << (octet % 8);
            fs::write(&path, text).unwrap();
            assert_eq!(*DeclaredFile::open(folder.path()).0.kept(), kept, "{octet}");
        }
        let mut revisions = Vec::new();
        for length in 1..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (file, _) = DeclaredFile::open(folder.path());
            let zone = file.kept().zone(&name("z.test").unwrap());
            revisions.push(zone.map_or(0, |zone| zone.revision));
        }
        revisions.dedup();
        assert_eq!(revisions, [0, 1, 2, 4]);
        fs::write(&path, "rubbish").unwrap();
        let (file, damage) = DeclaredFile::open(folder.path());
        assert_eq!((file.kept().records(), damage.is_some()), (0, true));
    }

    #[test]
    fn a_disk_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        fs::write(&folder, "a file, not a folder").unwrap();
        let (mut file, _) = DeclaredFile::open(&folder);
        let set = [("a.z.test", "A", &["192.0.2.1"][..])];
        let refused = file.keep(vec![part(1, &set)]).unwrap_err();
        assert!(refused.starts_with("cannot write `"), "{refused}");
    }
}
