//! What survives a restart, in the folder of `[server] state`.
//!
//! ```text
//! state/
//!   geo/                geo databases as they were compiled last
//!   declared.log        records that were declared by orders and updates
//!   discovered.log      endpoints that were discovered, as they were in force last
//!   objects.log         services, monitors, regions and endpoints that were declared by orders
//!   challenges.json     TXT records that were set by orders and updates
//!   history/            the timeline, which has a writer of its own ([`crate::io::history`])
//!   cluster.log         orders of all nodes of the cluster, as their authors signed them
//!   health.log          health of slots and targets, orders, observed demand
//!   lock                held by the server that writes here
//!   measured.log        tables of measured times, and which regions led by them
//!   names.log           last good addresses of machines that are known by name
//!   signatures/         signatures of zones, one file for each
//!   secrets.log         secrets that all nodes of the cluster have in common
//!   transfers.json      serials that were given out, when zones were fresh, which were signed
//! ```
//!
//! A file that cannot be read, in whole or in part, costs what it holds and nothing else: it is set aside under
//! another name, and said. There is one writer, and one process ([`FolderInUse`]); what it writes is on the disk when
//! it says so. Signatures have a writer of their own, which nobody waits for. A folder that cannot be written is read nevertheless.
//!
//! | module | what it knows |
//! |---|---|
//! | [`geo_data`] | geo databases, compiled, and when they may be used |
//! | `challenges` | how challenges stand in their file |
//! | [`cluster_log`] | how orders of a cluster stand in theirs |
//! | `declared` | how declared records stand in theirs |
//! | [`objects`] | how other declared objects do |
//! | [`discovered`] | how discovered endpoints do |
//! | `content` | what could be read of a file, and in which form it was |
//! | [`health_log`] | how health, orders and demand stand in theirs, and when it is written anew |
//! | `entry_log` | when a file of entries is added to, and when it is written anew |
//! | [`lines`] | entries with checksums |
//! | `health_file` | that file on the disk |
//! | `lock` | who may write in the folder |
//! | [`measured`] | how tables of measured times stand in theirs |
//! | [`names`] | how addresses of names stand in theirs |
//! | [`vault`] | how secrets of all nodes stand in theirs |
//! | `writer` | the thread that writes |
//! | `signatures`, `signature_writer` | files of signatures, and the thread that writes them |
//! | `transfers` | how what is kept of zones stands in its file |
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::unistd::AccessFlags;

use crate::dns::Name;
use crate::engine::Keep;
use crate::io::keep;
use crate::zones::declared::set::DeclaredPart;
use crate::zones::{Known, Memories, Memory};

mod challenges;
pub mod cluster_log;
mod content;
mod declared;
pub mod discovered;
mod entry_log;
pub mod geo_data;
mod health_file;
pub mod health_log;
pub mod lines;
mod lock;
pub mod measured;
pub mod names;
pub mod objects;
mod signature_writer;
mod signatures;
mod transfers;
pub mod vault;
mod writer;

use cluster_log::{ClusterLog, OrdersBefore, SignedOctets};
use content::FileFormat;
use declared::DeclaredFile;
use health_file::HealthFile;
use health_log::Restored;
pub use lock::FolderInUse;
pub use signature_writer::SignatureWriter;
use transfers::ZoneFile;
pub use writer::{Acknowledge, StateWriter, WriterEvents};

/// Name of the file of challenges in its folder.
const CHALLENGES: &str = "challenges.json";

/// The folder of what survives a restart.
#[derive(Debug)]
pub struct State {
    zones: ZoneFile,
    challenges: PathBuf,
    declared: DeclaredFile,
    health: HealthFile,
    orders: ClusterLog,
    /// Held as long as this is there.
    _lock: Option<File>,
}

/// A folder that was opened, and all that it held.
#[derive(Debug)]
pub struct OpenedState {
    /// To write in it.
    pub state: State,
    /// Memories of zones.
    pub zones: Memories,
    /// Health, orders and demand.
    pub health: Option<Restored>,
    /// Orders of all nodes of a cluster.
    pub orders: OrdersBefore,
    /// Files that could not be read, in whole or in part.
    pub damages: Vec<Damage>,
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
    /// Opens a folder; it is made if it is not there, and read if it cannot be written. `now` is seconds since 1970.
    ///
    /// # Errors
    /// Another process writes in it.
    pub fn open(folder: &Path, now: u64) -> Result<OpenedState, FolderInUse> {
        let lock = lock::lock(folder)?;
        let mut damages = Vec::new();
        let (health, restored, damage) = HealthFile::open(folder);
        damages.extend(damage.map(|reason| copy_aside(health.path(), reason, now)));
        let (orders, orders_before, damage) = ClusterLog::open(folder);
        damages.extend(damage.map(|reason| copy_aside(orders.path(), reason, now)));
        let (mut zones, damage) = ZoneFile::open(folder);
        damages.extend(damage.map(|reason| copy_aside(zones.path(), reason, now)));
        zones.renew();
        let (declared, damage) = DeclaredFile::open(folder);
        damages.extend(damage.map(|reason| copy_aside(declared.path(), reason, now)));
        let (objects, damage) = objects::ObjectFile::open(folder);
        damages.extend(damage.map(|reason| copy_aside(objects.path(), reason, now)));
        let challenges = folder.join(CHALLENGES);
        let found = challenges::read(&challenges);
        let is_well = found.damage.is_none() && found.format == FileFormat::Current;
        damages.extend(
            found
                .damage
                .map(|reason| copy_aside(&challenges, reason, now)),
        );
        if !is_well {
            // Where that fails the disk cannot be written, and what comes next says so.
            let _ = keep::replace(&challenges, &challenges::write(&found.kept));
        }
        let memories = Memories {
            zones: zones.known(),
            challenges: found.kept,
            declared: declared.kept().clone(),
        };
        let state = Self {
            zones,
            challenges,
            declared,
            health,
            orders,
            _lock: lock,
        };
        Ok(OpenedState {
            state,
            zones: memories,
            health: restored,
            orders: orders_before,
            damages,
        })
    }

    /// Keeps what an engine knows; each with the time in milliseconds since 1970.
    ///
    /// # Errors
    /// The reason, if it is not on the disk; it will be with what comes next, once the disk takes it.
    pub fn keep_health(&mut self, keeps: Vec<(Keep, u64)>) -> Result<(), String> {
        let path = self.health.path().to_owned();
        let kept = self.health.keep(keeps);
        kept.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }

    /// Keeps all orders of a cluster's nodes; without any, those that could not be kept before.
    ///
    /// # Errors
    /// The reason, if some are not on the disk; they will be with what comes next, once the disk takes it.
    pub fn keep_orders(&mut self, records: Option<Vec<SignedOctets>>) -> Result<(), String> {
        let kept = self.orders.keep(records);
        kept.map_err(|error| unwritten(self.orders.path(), &error))
    }

    /// Memories of zones in a folder, as far as it can be read; nothing is set aside.
    #[must_use]
    pub fn known(folder: &Path) -> BTreeMap<Name, Known> {
        ZoneFile::open(folder).0.known()
    }

    /// Keeps what came one after the other; gives for each of them whether it is on the disk.
    pub fn keep(&mut self, memories: &[Memory]) -> Vec<Result<(), String>> {
        let kind = |memory: &Memory| match memory {
            Memory::Challenges(_) => 0,
            Memory::Declared(_) => 1,
            Memory::Version(..) | Memory::Refreshed(..) | Memory::Signed(..) => 2,
        };
        let of = |wanted| memories.iter().filter(move |one| kind(one) == wanted);
        let zones: Vec<&Memory> = of(2).collect();
        let zones = match zones.is_empty() {
            true => Ok(()),
            false => self.zones.keep(&zones),
        };
        let zones = zones.map_err(|error| unwritten(self.zones.path(), &error));
        let parts = of(1).filter_map(|memory| match memory {
            Memory::Declared(part) => Some(part.clone()),
            Memory::Challenges(_)
            | Memory::Version(..)
            | Memory::Refreshed(..)
            | Memory::Signed(..) => None,
        });
        let parts: Vec<DeclaredPart> = parts.collect();
        let declared = match parts.is_empty() {
            true => Ok(()),
            false => self.declared.keep(parts),
        };
        // The last of them holds all that those before it did.
        let challenges = of(0)
            .next_back()
            .map_or(Ok(()), |last| self.keep_challenges(last));
        let outcomes = [challenges, declared, zones];
        let outcomes = memories.iter().map(|one| outcomes[kind(one)].clone());
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

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write `{}`: {error}", path.display())
}

/// Tells whether a folder could be written by this user; nothing is changed. It need not be there yet.
///
/// # Errors
/// Why it could not.
pub fn usable(folder: &Path) -> Result<(), String> {
    let known = folder.ancestors().find(|own| own.exists());
    let known = known.filter(|own| !own.as_os_str().is_empty());
    let known = known.unwrap_or(Path::new("."));
    if !known.is_dir() {
        return Err(format!("{} is not a folder", known.display()));
    }
    let allowed = nix::unistd::access(known, AccessFlags::W_OK | AccessFlags::X_OK);
    allowed.map_err(|error| format!("{} cannot be written: {error}", known.display()))
}

/// Sees that no server keeps its state in a folder.
///
/// # Errors
/// One does.
pub fn check_unused(folder: &Path) -> Result<(), FolderInUse> {
    lock::check(folder)
}

/// Puts a damaged file out of the way, so that a person can look at it.
#[must_use]
pub fn set_aside(path: &Path, reason: String, now: u64) -> Damage {
    let aside = name_aside(path, now);
    let moved = fs::rename(path, &aside);
    Damage {
        path: path.to_owned(),
        reason,
        aside: moved.map(|()| aside).map_err(|error| error.to_string()),
    }
}

/// Gives a damaged file another name besides its own: what could be read of it stays where it is
/// until it is written anew.
fn copy_aside(path: &Path, reason: String, now: u64) -> Damage {
    let aside = name_aside(path, now);
    let linked = fs::hard_link(path, &aside).or_else(|_| fs::rename(path, &aside));
    Damage {
        path: path.to_owned(),
        reason,
        aside: linked.map(|()| aside).map_err(|error| error.to_string()),
    }
}

fn name_aside(path: &Path, now: u64) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".damaged-{now}"));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
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
        let open = |now| State::open(folder.path(), now).unwrap();
        let OpenedState {
            mut state,
            zones: memories,
            damages,
            ..
        } = open(7);
        assert!(memories.zones.is_empty() && damages.is_empty());
        let kept = state.keep(&[
            Memory::Version(zone.clone(), last),
            Memory::Challenges(memories.challenges),
        ]);
        assert_eq!(kept, [Ok(()), Ok(())]);
        fs::write(folder.path().join(CHALLENGES), "{").unwrap();
        drop(state);
        let OpenedState {
            zones: memories,
            damages,
            ..
        } = open(7);
        let known = Known {
            last: Some(last),
            ..Known::default()
        };
        assert_eq!(memories.zones.get(&zone), Some(&known));
        assert_eq!(damages.len(), 1);
        let aside = folder.path().join("challenges.json.damaged-7");
        assert_eq!(damages[0].aside, Ok(aside.clone()));
        assert_eq!(fs::read_to_string(aside).unwrap(), "{");
        let damages = open(8).damages;
        assert!(damages.is_empty(), "it is gone from there");
    }

    fn seen(at: u64, scope: &str) -> (Keep, u64) {
        let order = crate::engine::Order {
            action: crate::engine::order::Action::Drain,
            scope: scope.to_owned(),
            author: String::new(),
            reason: String::new(),
        };
        let record = crate::engine::order::OrderRecord {
            order,
            given: crate::base::Moment(at),
            from: None,
            until: None,
            origin: crate::engine::order::OrderOrigin::Here,
        };
        let snapshot = crate::engine::Snapshot {
            at: crate::base::Moment(at),
            orders: Some(vec![record]),
            ..crate::engine::Snapshot::default()
        };
        match at {
            0 => (Keep::Whole(snapshot), at),
            _ => (Keep::Part(snapshot), at),
        }
    }

    /// The scope of the order that is found in a folder, and how many files were set aside.
    fn found(folder: &Path, now: u64) -> (Option<String>, usize) {
        let opened = State::open(folder, now).unwrap();
        let order = opened.health.and_then(|own| own.snapshot.orders?.pop());
        (order.map(|record| record.order.scope), opened.damages.len())
    }

    #[test]
    fn health_is_found_again_whatever_bit_flips_and_wherever_it_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        let mut opened = State::open(&folder, 7).unwrap();
        opened.state.keep_health(vec![seen(0, "one")]).unwrap();
        let first = fs::metadata(folder.join("health.log")).unwrap().len();
        opened
            .state
            .keep_health(vec![seen(1, "two"), seen(2, "three")])
            .unwrap();
        drop(opened);
        let whole = fs::read(folder.join("health.log")).unwrap();
        for octet in (0..whole.len()).step_by(7) {
            let mut text = whole.clone();
            text[octet] ^= 1 << (octet % 8);
            fs::write(folder.join("health.log"), text).unwrap();
            assert_eq!(
                found(&folder, octet as u64).0.as_deref(),
                Some("three"),
                "{octet}"
            );
            let _ = fs::remove_file(folder.join(format!("health.log.damaged-{octet}")));
        }
        for length in usize::try_from(first).unwrap()..whole.len() {
            fs::write(folder.join("health.log"), &whole[..length]).unwrap();
            let (scope, damages) = found(&folder, 0);
            assert_eq!(damages, 0, "{length}");
            assert!(
                ["one", "three"].contains(&scope.unwrap().as_str()),
                "{length}"
            );
        }
    }

    #[test]
    fn a_file_that_says_nothing_is_set_aside_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        for (now, text) in [(1, ""), (2, "rubbish"), (3, "9 00000000 00000002 ")] {
            fs::write(folder.path().join("health.log"), text).unwrap();
            let mut opened = State::open(folder.path(), now).unwrap();
            assert_eq!((&opened.health, opened.damages.len()), (&None, 1), "{text}");
            let aside = folder.path().join(format!("health.log.damaged-{now}"));
            assert_eq!(opened.damages[0].aside, Ok(aside.clone()));
            opened.state.keep_health(vec![seen(0, "one")]).unwrap();
            drop(opened);
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
            assert_eq!(found(folder.path(), 9), (Some("one".to_owned()), 0));
        }
    }

    #[test]
    fn a_folder_has_one_writer() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("deep/state");
        let mut first = State::open(&folder, 7).unwrap();
        first.state.keep_health(vec![seen(0, "one")]).unwrap();
        let refused = State::open(&folder, 7).unwrap_err();
        assert_eq!(refused.process, Some(std::process::id().to_string()));
        assert!(refused.to_string().contains("another server (process "));
        let mode = |name: &str| {
            let metadata = fs::metadata(folder.join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(
            (mode(""), mode("health.log"), mode("lock")),
            (0o700, 0o600, 0o600)
        );
        drop(first);
        assert_eq!(found(&folder, 7).0.as_deref(), Some("one"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_and_comes_right_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        fs::write(&folder, "a file, not a folder").unwrap();
        let mut state = State::open(&folder, 7).unwrap().state;
        let refused = state.keep_health(vec![seen(0, "one")]).unwrap_err();
        assert!(refused.starts_with("cannot write `"), "{refused}");
        fs::remove_file(&folder).unwrap();
        state.keep_health(vec![seen(1, "two")]).unwrap();
        drop(state);
        assert_eq!(found(&folder, 7).0.as_deref(), Some("two"));
    }
}
