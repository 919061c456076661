//! Drives the engine of discoveries: has sources asked, lists compiled and kept, and tells what becomes of them.
//!
//! ```text
//! tasks (io::discovery) --lists--> DiscoveryEngine --Take--> reader (the config in force with them) --> control loop
//!                                                 <--Taken--'
//!                                                  --Remember--> disk      --Notice--> log
//! ```
//!
//! It decides nothing. Where nothing is read again (the demo) nothing is discovered.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tracing::{error, info, warn};

use super::discovered_lists::BesideConfig;
use super::latest_writer::LatestWriter;
use super::prepared::Source;
use super::reader::ReaderMessage;
use super::weigh::opening;
use crate::discovery::{
    DiscoveredLists, DiscoveryEngine, DiscoveryInput, DiscoveryNotice, DiscoveryOutput,
    DiscoveryReport, KeptList,
};
use crate::io::clock::Clock;
use crate::io::discovery::{self, WatchedSource};
use crate::io::log_line::LogList;
use crate::io::state;
use crate::plan::{Plan, Zoning};

/// Longest wait when there is nothing to do.
const IDLE: Duration = Duration::from_secs(60);

/// Ids of each kind in a line of the log.
const SHOWN: usize = 20;

/// A thing that the driver is asked for.
enum DiscoveryWish {
    /// To follow the discoveries of a plan, and to keep their lists in this folder.
    Use(Arc<Plan>, Option<PathBuf>),
    /// To look what is to be done now.
    Look,
}

/// The way to the discoveries, for the control loop.
#[derive(Clone)]
pub(super) struct DiscoveryHandle {
    engine: Arc<Mutex<DiscoveryEngine>>,
    wishes: mpsc::UnboundedSender<DiscoveryWish>,
    clock: Clock,
}

impl DiscoveryHandle {
    /// Starts with what was kept and what the config is in force with.
    pub(super) fn start(
        clock: Clock,
        in_force: &Source,
        reader: Option<std::sync::mpsc::Sender<ReaderMessage>>,
    ) -> Self {
        let (wishes, wished) = mpsc::unbounded_channel();
        let (inputs, input) = mpsc::unbounded_channel();
        let engine =
            DiscoveryEngine::new(kept(in_force, clock), in_force.brought.discovered.clone());
        let handle = Self {
            engine: Arc::new(Mutex::new(engine)),
            wishes,
            clock,
        };
        if let Some(reader) = reader {
            let driver = DiscoveryDriver {
                engine: Arc::clone(&handle.engine),
                clock,
                state: None,
                writer: LatestWriter::start(
                    |folder: &Path, kept: &Vec<KeptList>| state::discovered::write(folder, kept),
                    state::discovered::path,
                    "the endpoints that were discovered",
                ),
                tasks: BTreeMap::new(),
                inputs,
                reader,
            };
            tokio::spawn(driver.run(wished, input));
        }
        handle
    }

    /// Follows the discoveries of a plan from now on.
    pub(super) fn use_plan(&self, plan: &Arc<Plan>, zoning: &Zoning) {
        let wish = DiscoveryWish::Use(Arc::clone(plan), zoning.state.clone());
        // At the end of the server nobody wants it any more.
        let _ = self.wishes.send(wish);
    }

    /// Everything that an operator may see of each.
    pub(super) fn report(&self) -> Vec<DiscoveryReport> {
        lock(&self.engine).report(self.clock.wall_ms())
    }

    /// Has the list of one taken that is held back.
    ///
    /// # Errors
    /// The reason why there is nothing to accept; for a person.
    pub(super) fn accept(&self, name: &str) -> Result<String, String> {
        let done = lock(&self.engine).accept(self.clock.now(), self.clock.wall_ms(), name)?;
        // At the end of the server nobody wants it any more.
        let _ = self.wishes.send(DiscoveryWish::Look);
        Ok(done)
    }
}

/// The lists that were kept; what of them is damaged is told.
fn kept(in_force: &Source, clock: Clock) -> Vec<KeptList> {
    let Some(folder) = &in_force.zoning.state else {
        return Vec::new();
    };
    let (kept, damage) = state::discovered::read(folder);
    if let Some(reason) = damage {
        let path = state::discovered::path(folder);
        super::prepared::tell(&state::set_aside(&path, reason, clock.wall_seconds()));
    }
    kept
}

struct DiscoveryDriver {
    engine: Arc<Mutex<DiscoveryEngine>>,
    clock: Clock,
    state: Option<PathBuf>,
    writer: LatestWriter<Vec<KeptList>>,
    /// The task that asks each source, and what it asks.
    tasks: BTreeMap<String, (WatchedSource, AbortHandle)>,
    inputs: mpsc::UnboundedSender<DiscoveryInput>,
    reader: std::sync::mpsc::Sender<ReaderMessage>,
}

impl DiscoveryDriver {
    async fn run(
        mut self,
        mut wishes: mpsc::UnboundedReceiver<DiscoveryWish>,
        mut inputs: mpsc::UnboundedReceiver<DiscoveryInput>,
    ) {
        loop {
            let wake = lock(&self.engine).wake_at();
            let wait = wake.map_or(IDLE, |wake| {
                Duration::from_millis(wake.since(self.clock.now()).0)
            });
            let input = tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(DiscoveryWish::Use(plan, state)) => {
                        self.state = state;
                        self.adopt(&plan)
                    }
                    Some(DiscoveryWish::Look) => DiscoveryInput::Tick,
                    None => break,
                },
                Some(input) = inputs.recv() => input,
                () = tokio::time::sleep(wait.min(IDLE)) => DiscoveryInput::Tick,
            };
            self.handle(input);
        }
        self.tasks.values().for_each(|(_, task)| task.abort());
    }

    /// Has the sources of a plan asked, and no others.
    fn adopt(&mut self, plan: &Arc<Plan>) -> DiscoveryInput {
        let mut before = std::mem::take(&mut self.tasks);
        for own in &plan.discoveries {
            let source = WatchedSource::of(own, &plan.resolving);
            let task = match before.remove(&own.name) {
                Some((same, task)) if same == source => task,
                other => {
                    if let Some((_, task)) = other {
                        task.abort();
                    }
                    let asked = discovery::watch(source.clone(), self.inputs.clone());
                    tokio::spawn(asked).abort_handle()
                }
            };
            self.tasks.insert(own.name.clone(), (source, task));
        }
        before.values().for_each(|(_, task)| task.abort());
        let rules = plan.discoveries.iter();
        let rules = rules.map(|own| (own.name.clone(), own.rules(plan)));
        DiscoveryInput::Use(rules.collect())
    }

    fn handle(&self, input: DiscoveryInput) {
        let mut outputs = Vec::new();
        {
            let mut engine = lock(&self.engine);
            engine.handle(self.clock.now(), self.clock.wall_ms(), input);
            outputs.extend(std::iter::from_fn(|| engine.poll()));
        }
        for output in outputs {
            match output {
                DiscoveryOutput::Take(lists) => self.take(lists),
                DiscoveryOutput::Remember(kept) => self.remember(kept),
                DiscoveryOutput::Notice(notice) => tell(&notice),
            }
        }
    }

    fn take(&self, lists: Arc<DiscoveredLists>) {
        let (reply, done) = oneshot::channel();
        // A reader that has ended drops the reply, and that is the outcome.
        drop(
            self.reader
                .send(ReaderMessage::Discovered(BesideConfig::Lists(lists), reply)),
        );
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let outcome = done
                .await
                .unwrap_or_else(|_| Err("the server ended".to_owned()));
            let outcome = outcome.map_err(|why| opening(&why).replace('\n', " "));
            // At the end of the server nobody wants it any more.
            let _ = inputs.send(DiscoveryInput::Taken(outcome));
        });
    }

    fn remember(&self, kept: Vec<KeptList>) {
        if let Some(folder) = &self.state {
            self.writer.write(folder, kept);
        }
    }
}

fn lock(engine: &Mutex<DiscoveryEngine>) -> MutexGuard<'_, DiscoveryEngine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many ids as a line of the log has.
fn first(ids: &[String]) -> &[String] {
    &ids[..ids.len().min(SHOWN)]
}

fn tell(notice: &DiscoveryNotice) {
    match notice {
        DiscoveryNotice::Changed {
            name,
            endpoints,
            ids: [came, went, changed],
            pending,
        } => info!(
            event = "discovered",
            discovery = name,
            endpoints,
            came = ?LogList(first(came)),
            went = ?LogList(first(went)),
            changed = ?LogList(first(changed)),
            pending,
            "the endpoints of discovery {name} are others"
        ),
        DiscoveryNotice::Refused { name, why } => error!(
            event = "discovery_refused",
            discovery = name,
            "the list of discovery {name} is not taken, the last good one goes on: {why}"
        ),
        DiscoveryNotice::Failing {
            name,
            why,
            endpoints,
        } => warn!(
            event = "discovery_failing",
            discovery = name,
            endpoints,
            "the source of discovery {name} gives no list, the last good one goes on: {why}"
        ),
        DiscoveryNotice::Recovered(name) => info!(
            event = "discovery_recovered",
            discovery = name,
            "the list of discovery {name} is taken again"
        ),
        DiscoveryNotice::LeftOut { name, count, first } => warn!(
            event = "discovery_left_out",
            discovery = name,
            count,
            "discovery {name} lists endpoints that it may not have: {first}"
        ),
    }
}
