//! Drives the engine of names: carries questions out to resolvers, and what it knows to whoever serves by it.
//!
//! ```text
//! NameEngine --Ask--> tasks (io::resolve) --.      --Known--> reader (a plan with other addresses) --> control loop
//!            <--answers---------------------'      --Holds--> control loop
//!                                                  --Remember--> disk      --Notice--> log
//! ```
//!
//! It decides nothing. Where nothing is read again (the demo) no name is resolved.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tracing::{error, info, warn};

use super::latest_writer::LatestWriter;
use super::reader::ReaderMessage;
use crate::base::Moment;
use crate::base::limits::NAME_QUESTIONS;
use crate::dns::Name;
use crate::io::clock::Clock;
use crate::io::resolve::NameResolver;
use crate::io::state;
use crate::names::{
    KeptName, KnownNames, NameEngine, NameInput, NameNotice, NameOutput, NameReport, WantedNames,
};
use crate::plan::{Plan, Resolving, Zoning};

/// Longest wait when there is nothing to do.
const IDLE: Duration = Duration::from_secs(60);

/// The names that are wanted, the resolvers for them, and the folder that they are kept in.
struct NameWish {
    wanted: WantedNames,
    resolving: Resolving,
    state: Option<PathBuf>,
}

/// Names whose addresses are confirmed, and until when they hold.
pub(super) type NameHolds = mpsc::UnboundedReceiver<(Name, Moment)>;

/// The way to the names, for the control loop.
#[derive(Clone)]
pub(super) struct NameHandle {
    engine: Arc<Mutex<NameEngine>>,
    wishes: mpsc::UnboundedSender<NameWish>,
    clock: Clock,
}

impl NameHandle {
    /// Has the names of a plan resolved from now on.
    pub(super) fn use_plan(&self, plan: &Plan, zoning: &Zoning) {
        // At the end of the server nobody wants it any more.
        let _ = self.wishes.send(NameWish {
            wanted: wanted(plan, zoning),
            resolving: plan.resolving.clone(),
            state: zoning.state.clone(),
        });
    }

    /// Everything that an operator may see of each.
    pub(super) fn report(&self) -> Vec<NameReport> {
        lock(&self.engine).report(self.clock.now(), self.clock.wall_ms())
    }
}

/// The names of a plan.
fn wanted(plan: &Plan, zoning: &Zoning) -> WantedNames {
    let named = plan.endpoints.iter().filter(|own| own.enabled);
    let named = named.filter_map(|own| own.named.as_ref());
    let aliases = zoning.zones.iter().flat_map(|zone| &zone.aliases);
    let targets = aliases.map(|own| own.target.clone());
    let hostnames = plan.services.iter().flat_map(|own| &own.hostnames);
    WantedNames {
        names: named.map(|own| own.name.clone()).chain(targets).collect(),
        bounds: plan.resolving.bounds,
        private: plan.resolving.private,
        steered: hostnames.cloned().collect(),
        apexes: zoning.zones.iter().map(|zone| zone.apex.clone()).collect(),
    }
}

/// The names as they were known when the server stopped, and their engine.
pub(super) struct NamesBefore(NameEngine);

impl NamesBefore {
    /// Reads what was kept, and says what of it is damaged.
    pub(super) fn read(zoning: &Zoning, now: u64) -> Self {
        let Some(folder) = &zoning.state else {
            return Self(NameEngine::new(Vec::new()));
        };
        let (kept, damage) = state::names::read(folder);
        if let Some(reason) = damage {
            super::prepared::tell(&state::set_aside(&state::names::path(folder), reason, now));
        }
        Self(NameEngine::new(kept))
    }

    /// Their addresses.
    pub(super) fn known(&self) -> Arc<KnownNames> {
        Arc::clone(self.0.given())
    }

    /// Starts to resolve.
    pub(super) fn start(
        self,
        clock: Clock,
        reader: Option<std::sync::mpsc::Sender<ReaderMessage>>,
    ) -> (NameHandle, NameHolds) {
        let (wishes, wished) = mpsc::unbounded_channel();
        let (answers, answered) = mpsc::unbounded_channel();
        let (holds, holding) = mpsc::unbounded_channel();
        let handle = NameHandle {
            engine: Arc::new(Mutex::new(self.0)),
            wishes,
            clock,
        };
        let Some(reader) = reader else {
            return (handle, holding);
        };
        let driver = NameDriver {
            engine: Arc::clone(&handle.engine),
            clock,
            resolver: NameResolver::new(&Resolving::default()),
            resolving: Resolving::default(),
            state: None,
            writer: LatestWriter::start(
                |folder: &Path, kept: &Vec<KeptName>| state::names::write(folder, kept),
                state::names::path,
                "the addresses of names",
            ),
            room: Arc::new(Semaphore::new(NAME_QUESTIONS)),
            answers,
            reader,
            holds,
        };
        tokio::spawn(driver.run(wished, answered));
        (handle, holding)
    }
}

struct NameDriver {
    engine: Arc<Mutex<NameEngine>>,
    clock: Clock,
    resolver: NameResolver,
    resolving: Resolving,
    state: Option<PathBuf>,
    writer: LatestWriter<Vec<KeptName>>,
    room: Arc<Semaphore>,
    answers: mpsc::UnboundedSender<NameInput>,
    reader: std::sync::mpsc::Sender<ReaderMessage>,
    holds: mpsc::UnboundedSender<(Name, Moment)>,
}

impl NameDriver {
    async fn run(
        mut self,
        mut wishes: mpsc::UnboundedReceiver<NameWish>,
        mut answers: mpsc::UnboundedReceiver<NameInput>,
    ) {
        loop {
            let wake = lock(&self.engine).wake_at();
            let wait = wake.map_or(IDLE, |wake| {
                Duration::from_millis(wake.since(self.clock.now()).0)
            });
            let input = tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(wish) => self.adopt(wish),
                    None => return,
                },
                Some(input) = answers.recv() => input,
                () = tokio::time::sleep(wait.min(IDLE)) => NameInput::Tick,
            };
            self.handle(input);
        }
    }

    fn adopt(&mut self, wish: NameWish) -> NameInput {
        if self.resolving != wish.resolving {
            self.resolver = NameResolver::new(&wish.resolving);
            self.resolving = wish.resolving;
        }
        self.state = wish.state;
        NameInput::Use(wish.wanted)
    }

    fn handle(&self, input: NameInput) {
        let mut outputs = Vec::new();
        {
            let mut engine = lock(&self.engine);
            engine.handle(self.clock.now(), self.clock.wall_ms(), input);
            outputs.extend(std::iter::from_fn(|| engine.poll()));
        }
        for output in outputs {
            self.carry_out(output);
        }
    }

    fn carry_out(&self, output: NameOutput) {
        match output {
            NameOutput::Ask(question, name) => self.ask(question, name),
            NameOutput::Known(known) => {
                // At the end of the server nobody wants it any more.
                let _ = self.reader.send(ReaderMessage::Names(known));
            }
            NameOutput::Holds(name, until) => {
                let _ = self.holds.send((name, until));
            }
            NameOutput::Remember(kept) => self.remember(kept),
            NameOutput::Notice(notice) => tell(&notice),
        }
    }

    fn ask(&self, question: u64, name: Name) {
        let (resolver, room) = (self.resolver.clone(), Arc::clone(&self.room));
        let answers = self.answers.clone();
        tokio::spawn(async move {
            let Ok(_turn) = room.acquire_owned().await else {
                return;
            };
            let resolution = resolver.resolve(&name).await;
            // At the end of the server nobody wants it any more.
            let _ = answers.send(NameInput::Resolved(question, name, resolution));
        });
    }

    fn remember(&self, kept: Vec<KeptName>) {
        if let Some(folder) = &self.state {
            self.writer.write(folder, kept);
        }
    }
}

fn lock(engine: &Mutex<NameEngine>) -> MutexGuard<'_, NameEngine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(notice: &NameNotice) {
    match notice {
        NameNotice::Changed { name, addresses } => info!(
            event = "name_changed",
            %name,
            ?addresses,
            "the addresses of a machine that is known by name"
        ),
        NameNotice::Faulty {
            name,
            fault,
            kept: 0,
            ..
        } => error!(
            event = "name_faulty",
            %name,
            fault = fault.word(),
            "{name} has no address that can be served: {fault}; its endpoint is down until it has"
        ),
        NameNotice::Faulty {
            name,
            fault,
            kept,
            age,
        } => warn!(
            event = "name_faulty",
            %name,
            fault = fault.word(),
            kept,
            age_ms = age.map(|age| age.0),
            "{name}: {fault}; its last good addresses stay"
        ),
        NameNotice::Well(name) => info!(event = "name_well", %name, "{name} resolves again"),
        NameNotice::Inside { name, target } => warn!(
            event = "name_inside",
            %name,
            %target,
            "{name} leads to {target}, in a zone that is served here: it cannot be resolved while this server is not"
        ),
    }
}
