//! What survives a restart, in the folder of `[server] state`.
//!
//! ```text
//! state/
//!   challenges.json     TXT records that were set by orders and updates
//!   transfers.json      serials that were given out, when zones were fresh, which were signed
//! ```
//!
//! A file that cannot be read, in whole or in part, costs what it holds and nothing else: it is set aside under
//! another name, and said. There is one writer; what it writes is on the disk when it says so.
//!
//! | module | what it knows |
//! |---|---|
//! | `challenges` | how challenges stand in their file |
//! | `transfers` | how what is kept of zones stands in its file |
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dns::Name;
use crate::io::keep;
use crate::zones::{Known, Memories, Memory};

mod challenges;
mod transfers;

use transfers::ZoneFile;

/// Name of the file of challenges in its folder.
const CHALLENGES: &str = "challenges.json";

/// The folder of what survives a restart.
#[derive(Debug)]
pub struct State {
    zones: ZoneFile,
    challenges: PathBuf,
}

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// Where it was set aside, or why it could not be.
    pub aside: Result<PathBuf, String>,
}

impl State {
    /// Opens a folder; it need not be there. `now` is seconds since 1970.
    #[must_use]
    pub fn open(folder: &Path, now: u64) -> (Self, Memories, Vec<Damage>) {
        let mut damages = Vec::new();
        let (zones, damage) = ZoneFile::open(folder);
        damages.extend(damage.map(|reason| set_aside(zones.path(), reason, now)));
        let challenges = folder.join(CHALLENGES);
        let kept = challenges::read(&challenges).unwrap_or_else(|reason| {
            damages.push(set_aside(&challenges, reason, now));
            crate::dns::challenges::Challenges::default()
        });
        let memories = Memories {
            zones: zones.known(),
            challenges: kept,
        };
        (Self { zones, challenges }, memories, damages)
    }

    /// What is kept of zones in a folder, as far as it can be read; nothing is set aside.
    #[must_use]
    pub fn known(folder: &Path) -> BTreeMap<Name, Known> {
        ZoneFile::open(folder).0.known()
    }

    /// Keeps what came one after the other; gives for each of them whether it is on the disk.
    pub fn keep(&mut self, memories: &[Memory]) -> Vec<Result<(), String>> {
        let of_zones = memories.iter().filter(|one| !is_challenges(one));
        let of_zones: Vec<&Memory> = of_zones.collect();
        let zones = match of_zones.is_empty() {
            true => Ok(()),
            false => self.zones.keep(&of_zones),
        };
        let zones = zones.map_err(|error| unwritten(self.zones.path(), &error));
        // The last of them holds all that those before it did.
        let last = memories.iter().rev().find(|one| is_challenges(one));
        let challenges = last.map_or(Ok(()), |last| self.keep_challenges(last));
        let outcomes = memories.iter().map(|one| match is_challenges(one) {
            true => challenges.clone(),
            false => zones.clone(),
        });
        outcomes.collect()
    }

    fn keep_challenges(&self, memory: &Memory) -> Result<(), String> {
        let Memory::Challenges(kept) = memory else {
            return Ok(());
        };
        let written = keep::replace(&self.challenges, &challenges::write(kept));
        written.map_err(|error| unwritten(&self.challenges, &error))
    }
}

fn is_challenges(memory: &Memory) -> bool {
    matches!(memory, Memory::Challenges(_))
}

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write `{}`: {error}", path.display())
}

/// Puts a damaged file out of the way, so that a person can look at it.
#[must_use]
pub fn set_aside(path: &Path, reason: String, now: u64) -> Damage {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".damaged-{now}"));
    let aside = path.with_file_name(name);
    let moved = std::fs::rename(path, &aside);
    Damage {
        path: path.to_owned(),
        reason,
        aside: moved.map(|()| aside).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::dns::Name;
    use crate::zones::{Known, Last};

    #[test]
    fn a_broken_file_is_set_aside_and_costs_what_it_held() {
        let folder = tempfile::tempdir().unwrap();
        let zone = Name::parse("example.org").unwrap();
        let last = Last {
            serial: 3,
            digest: 1,
        };
        let (mut state, memories, damages) = State::open(folder.path(), 7);
        assert!(memories.zones.is_empty() && damages.is_empty());
        let kept = state.keep(&[
            Memory::Version(zone.clone(), last),
            Memory::Challenges(memories.challenges),
        ]);
        assert_eq!(kept, [Ok(()), Ok(())]);
        fs::write(folder.path().join(CHALLENGES), "{").unwrap();
        let (_, memories, damages) = State::open(folder.path(), 7);
        let known = Known {
            last: Some(last),
            ..Known::default()
        };
        assert_eq!(memories.zones.get(&zone), Some(&known));
        assert_eq!(damages.len(), 1);
        let aside = folder.path().join("challenges.json.damaged-7");
        assert_eq!(damages[0].aside, Ok(aside.clone()));
        assert_eq!(fs::read_to_string(aside).unwrap(), "{");
        let (_, _, damages) = State::open(folder.path(), 8);
        assert!(damages.is_empty(), "it is gone from there");
    }
}
