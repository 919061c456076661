//! Reads the config again when someone asks, or when a file changes.
//!
//! One thread does all of it, one reading after the other: so a slow disk holds up neither
//! answers nor probes, and an older text can never overtake a newer one. Requests that come
//! while it reads are answered together by the next reading. It decides nothing: what it
//! compiled, or why it could not, goes to the keeper of the engine.
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::log;
use crate::config;
use crate::io::control::Force;
use crate::io::files;
use crate::io::files::Watch;
use crate::plan::Plan;

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

/// A config that was read again.
pub(super) struct Reading {
    /// The plan, or every error.
    pub(super) outcome: Result<Box<Plan>, String>,
    /// Whether a large shrinkage is meant.
    pub(super) force: Force,
    /// Who wants to know.
    pub(super) replies: Vec<Reply>,
}

/// Starts the thread; it ends when nobody holds the returned sender any more.
pub(super) fn start(
    config: PathBuf,
    watch: Watch,
    readings: mpsc::Sender<Reading>,
) -> io::Result<Sender<Request>> {
    let (requests, queue) = std::sync::mpsc::channel();
    let reader = Reader {
        config,
        watch,
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
    readings: mpsc::Sender<Reading>,
}

impl Reader {
    fn run(mut self, queue: &Receiver<Request>) {
        loop {
            let requests: Vec<Request> = match queue.recv_timeout(LOOK_EVERY) {
                Ok(first) => std::iter::once(first).chain(queue.try_iter()).collect(),
                Err(RecvTimeoutError::Timeout) => match self.watch.changed() {
                    Some(files) => {
                        info!(event = "files_changed", ?files, "reading the config again");
                        Vec::new()
                    }
                    None => continue,
                },
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let reading = self.read(requests);
            if self.readings.blocking_send(reading).is_err() {
                return;
            }
        }
    }

    fn read(&mut self, requests: Vec<Request>) -> Reading {
        let forced = requests.iter().any(|request| request.force == Force::Yes);
        Reading {
            outcome: self.compile(),
            force: if forced { Force::Yes } else { Force::No },
            replies: requests.into_iter().map(|request| request.reply).collect(),
        }
    }

    /// Reads and compiles; from then on the files of this reading are watched.
    fn compile(&mut self) -> Result<Box<Plan>, String> {
        let (outcome, watch) = compile(&self.config);
        if let Some(watch) = watch {
            self.watch = watch;
        }
        outcome
    }
}

fn compile(path: &Path) -> (Result<Box<Plan>, String>, Option<Watch>) {
    match files::load(path) {
        Err(unreadable) => (Err(unreadable.to_string()), None),
        Ok(loaded) => {
            let watch = loaded.watch();
            let outcome = config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
            let outcome = outcome.map(|(plan, doubts)| {
                log::findings(&doubts);
                Box::new(plan)
            });
            let outcome = outcome.map_err(|diagnostics| diagnostics.render(false));
            (outcome, Some(watch))
        }
    }
}
