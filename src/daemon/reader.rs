//! Reads the config again when someone asks or when it changes, and a zone's file when that changes.
//!
//! One thread does all of it, one reading after the other: so a slow disk holds up neither
//! answers nor probes, and an older text can never overtake a newer one. Requests that come
//! while it reads are answered together by the next reading. A change of zone files alone is no reload:
//! each is read by the config that is in force, whatever the text of the config says by now. It decides
//! nothing: what it compiled, or why it could not, goes to the control loop.
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::log;
use super::prepared::{Keys, Prepared, Source, filed};
use crate::config;
use crate::dns::Name;
use crate::io::control::Force;
use crate::io::files;
use crate::io::files::Watch;
use crate::zones::Filed;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is said to whoever asked: what was done, or why nothing was.
pub(super) type Reply = oneshot::Sender<Result<String, String>>;

/// Someone asks for a reload.
pub(super) struct Request {
    /// Whether a large shrinkage is meant.
    pub(super) force: Force,
    /// Who wants to know the outcome.
    pub(super) reply: Reply,
}

/// What was read again.
pub(super) enum Reading {
    /// The config with all that it names.
    Config {
        /// What it comes to, or every error.
        outcome: Result<Box<Prepared>, String>,
        /// Whether a large shrinkage is meant.
        force: Force,
        /// Who wants to know.
        replies: Vec<Reply>,
    },
    /// The file of one zone, by the config that is in force.
    Zone {
        /// Which.
        apex: Name,
        /// What it holds, or every error.
        outcome: Result<Filed, String>,
    },
}

/// The config in force, as the reader of zones sees it.
pub(super) type InForce = Arc<RwLock<Arc<Source>>>;

/// Starts the thread; it ends when nobody holds the returned sender any more.
pub(super) fn start(
    config: PathBuf,
    watch: Watch,
    in_force: InForce,
    readings: mpsc::Sender<Reading>,
) -> io::Result<Sender<Request>> {
    let (requests, queue) = std::sync::mpsc::channel();
    let reader = Reader {
        config,
        watch,
        in_force,
        readings,
    };
    std::thread::Builder::new()
        .name("config".to_owned())
        .spawn(move || reader.run(&queue))?;
    Ok(requests)
}

struct Reader {
    config: PathBuf,
    watch: Watch,
    in_force: InForce,
    readings: mpsc::Sender<Reading>,
}

/// Nobody wants to know any more.
struct Ended;

impl Reader {
    fn run(mut self, queue: &Receiver<Request>) {
        loop {
            let done = match queue.recv_timeout(LOOK_EVERY) {
                Ok(first) => {
                    let requests = std::iter::once(first).chain(queue.try_iter());
                    self.read(requests.collect())
                }
                Err(RecvTimeoutError::Timeout) => match self.watch.changed() {
                    Some(files) => self.follow(&files),
                    None => Ok(()),
                },
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Reads what has changed: zones where nothing else has, otherwise everything.
    fn follow(&mut self, files: &[PathBuf]) -> Result<(), Ended> {
        let source = self.source();
        let zones = source.files.iter();
        let changed = zones.filter(|(_, own)| own.iter().any(|file| files.contains(file)));
        let of_zones: BTreeSet<&PathBuf> = source.files.iter().flat_map(|(_, own)| own).collect();
        let only_zones = files.iter().all(|file| of_zones.contains(file));
        if only_zones {
            info!(event = "files_changed", ?files, "reading zones again");
        } else {
            info!(event = "files_changed", ?files, "reading the config again");
            if self.read_all(Vec::new())? {
                return Ok(());
            }
        }
        for (apex, _) in changed {
            self.read_zone(&source, apex)?;
        }
        Ok(())
    }

    fn source(&self) -> Arc<Source> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&mut self, requests: Vec<Request>) -> Result<(), Ended> {
        self.read_all(requests).map(drop)
    }

    /// Reads the config with all that it names; whether it could be.
    fn read_all(&mut self, requests: Vec<Request>) -> Result<bool, Ended> {
        let forced = requests.iter().any(|request| request.force == Force::Yes);
        let outcome = self.compile();
        let is_well = outcome.is_ok();
        self.send(Reading::Config {
            outcome,
            force: if forced { Force::Yes } else { Force::No },
            replies: requests.into_iter().map(|request| request.reply).collect(),
        })?;
        Ok(is_well)
    }

    fn read_zone(&mut self, source: &Source, apex: &Name) -> Result<(), Ended> {
        let Some(plan) = source.zoning.zone(apex) else {
            return Ok(());
        };
        let files = files::load_zone(&source.spec, apex, &mut self.watch);
        let compiled = config::compile_zone(&source.spec, plan, &files);
        let outcome = compiled
            .map(|(zone, doubts)| {
                log::findings(&doubts);
                filed(&zone, &source.steered)
            })
            .map_err(|found| found.render(false));
        self.send(Reading::Zone {
            apex: apex.clone(),
            outcome,
        })
    }

    fn send(&self, reading: Reading) -> Result<(), Ended> {
        self.readings.blocking_send(reading).map_err(|_| Ended)
    }

    /// Reads and compiles; from then on the files of this reading are watched.
    fn compile(&mut self) -> Result<Box<Prepared>, String> {
        let (outcome, watch) = compile(&self.config);
        if let Some(watch) = watch {
            let before = std::mem::replace(&mut self.watch, watch);
            if outcome.is_err() {
                // The config in force goes on, and its files are watched as before.
                self.watch.keep(before);
            }
        }
        outcome
    }
}

fn compile(path: &Path) -> (Result<Box<Prepared>, String>, Option<Watch>) {
    let mut loaded = match files::load(path) {
        Err(unreadable) => return (Err(unreadable.to_string()), None),
        Ok(loaded) => loaded,
    };
    let watch = loaded.watch();
    let diagnostics = std::mem::take(&mut loaded.diagnostics);
    let compiled = config::compile(&loaded.spec, diagnostics, &loaded.files);
    let prepared = match compiled {
        Ok((compiled, doubts)) => {
            log::findings(&doubts);
            Prepared::new(loaded, compiled, Keys::Read).map(Box::new)
        }
        Err(diagnostics) => Err(diagnostics.render(false)),
    };
    (prepared, Some(watch))
}
