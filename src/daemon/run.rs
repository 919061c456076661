//! `waypost run`: the server with signals and logs.
//!
//! ```text
//! plain start:  read, check --> open sockets --> give up root --> take keys' steps, state --> answer
//! taking over:  read, check --> get sockets ---> (not root) ----> wait for the state, read again --> answer --> QUIC
//! ```
//!
//! A program that takes over reads its config twice: once to find what is wrong before anything has changed, and
//! again once the state is its own, because zones and keys may have changed on the disk until then.
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::SigSet;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::prepared::{Keys, Prepared};
use super::server::{Server, Start};
use super::signalled::SignalledChange;
use super::sink::Sink;
use super::sockets::Sockets;
use super::upgrade::{Program, on_a_thread};
use super::{Failure, findings, log, runtimes};
use crate::config::{self, Compiled, Diagnostics, Severity};
use crate::io::clock::Clock;
use crate::io::control::{ControlSurroundings, LogReport};
use crate::io::files::{self, Beside, Loaded, Watch};
use crate::io::handover::Predecessor;
use crate::io::log_line::LogList;
use crate::io::memory::return_free_pages;
use crate::io::node_name::NodeName;
use crate::io::notify::Notifier;
use crate::io::privileges::{Account, RootDropped};
use crate::io::serve::Secrets;
use crate::io::service_manager::{self, ManagerWord};
use crate::io::terminal::has_colours;
use crate::keys::Time;
use crate::names::NameEngine;
use crate::plan::{LogFormat, Plan};

/// The way in which a server begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartRole {
    /// By itself.
    Plain,
    /// In the place of the program that has started this one.
    TakeOver,
}

/// Serves until SIGTERM or SIGINT, or until another program takes over; reads the config again on SIGHUP.
pub(crate) fn run(
    path: &Path,
    format: Option<LogFormat>,
    role: StartRole,
) -> Result<ExitCode, Failure> {
    early_signals()
        .thread_block()
        .map_err(|error| format!("cannot hold signals back: {error}"))?;
    let predecessor = match role {
        StartRole::Plain => None,
        StartRole::TakeOver => Some(Arc::new(Predecessor::find()?)),
    };
    let outcome = run_after(path, format, predecessor.clone());
    if let (Err(why), Some(predecessor)) = (&outcome, &predecessor) {
        predecessor.fail(why);
    }
    outcome
}

fn run_after(
    path: &Path,
    format: Option<LogFormat>,
    predecessor: Option<Arc<Predecessor>>,
) -> Result<ExitCode, Failure> {
    let program = Program::own().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut config = ReadConfig::read(path)?;
    let mut given = service_manager::sockets();
    let secrets = match &predecessor {
        None => Secrets::draw().map_err(|error| error.to_string())?,
        Some(predecessor) => {
            let (sockets, secrets) = predecessor.sockets().map_err(|error| error.to_string())?;
            given.extend(sockets);
            Secrets::of_octets(&secrets)
                .ok_or("the secrets of the running program are not as long as here")?
        }
    };
    let sockets = Sockets::open(&config.compiled.plan, given)?;
    let dropped = config.give_up_root()?;
    let pages_return = return_free_pages();
    if let Some(predecessor) = &predecessor {
        predecessor.release().map_err(|error| error.to_string())?;
        config = ReadConfig::read(path)?;
    }
    let now = Time(Clock::start().wall_seconds());
    let keys = match config.compiled.plan.cluster {
        // A step waits for the other nodes, and none has been heard.
        Some(_) => Keys::Read,
        None => Keys::Advance(now),
    };
    let prepared = Prepared::new(config.loaded, config.compiled, keys)?;
    let (sink, notifier, log) = start_log(format, &prepared.plan)?;
    let runtime = runtime()?;
    findings::doubts(&config.diagnostics);
    drop(config.diagnostics);
    for conflict in &config.conflicts {
        error!(
            event = "declared_conflict",
            "not in force, as it does not go with the config: {conflict}"
        );
    }
    if dropped == Some(RootDropped::Other) {
        warn!(
            event = "same_user",
            "[server] user is for a server that is started as root; this one stays who it is"
        );
    }
    if !pages_return {
        warn!(
            event = "free_pages",
            "the allocator has no thread that returns free pages: more memory is held"
        );
    }
    prepared.set_aside(Clock::start().wall_seconds());
    let start = Start {
        prepared,
        config: Some(path.to_owned()),
        watch: config.watch,
        notifier,
        onlooker: None,
        around: ControlSurroundings {
            log,
            machines: None,
        },
        sockets,
        secrets,
        predecessor,
        program: Some(program),
    };
    let outcome = runtime.block_on(serve(start));
    sink.flush();
    outcome
}

/// Starts the log in the form that the command line asks for, or else the config.
fn start_log(
    asked: Option<LogFormat>,
    plan: &Plan,
) -> Result<(Sink, Notifier, LogReport), Failure> {
    let node = NodeName::of(plan.server.identity.as_deref());
    let format = asked.unwrap_or(plan.control.observation.log);
    let (sink, notifier) = log::start(format, &node)?;
    let report = LogReport {
        form: format.word(),
        lost: sink.lost(),
    };
    Ok((sink, notifier, report))
}

/// A config that was read with all that it names, and found without errors.
struct ReadConfig {
    loaded: Loaded,
    compiled: Compiled,
    diagnostics: Diagnostics,
    watch: Watch,
    /// Declared objects that do not go with the files, and why: they are left out.
    conflicts: Vec<String>,
}

impl ReadConfig {
    /// Reads it. What is declared or discovered and does not go with the files costs itself, and not the start.
    fn read(path: &Path) -> Result<Self, Failure> {
        let (mut declared, mut discovered, mut conflicts) = (None, None, Vec::new());
        loop {
            let beside = Beside {
                declared: declared.as_ref(),
                discovered: discovered.as_ref(),
                agreed: None,
            };
            let mut loaded = files::load_beside(path, beside).map_err(|error| error.to_string())?;
            let watch = loaded.watch();
            // Nothing is assumed of names here: those that nothing is known of have no address.
            let kept = crate::io::state::names::read(&loaded.spec.state()).0;
            loaded.files.names = Arc::clone(NameEngine::new(kept).given());
            let diagnostics = std::mem::take(&mut loaded.diagnostics);
            match config::compile(&loaded.spec, diagnostics, &loaded.files) {
                Ok((compiled, diagnostics)) => {
                    return Ok(Self {
                        loaded,
                        compiled,
                        diagnostics,
                        watch,
                        conflicts,
                    });
                }
                Err(found) if !loaded.files.discovered.is_empty() => {
                    let errors = found.list().into_iter();
                    let mut errors = errors.filter(|own| own.severity == Severity::Error);
                    let why = errors.next().map_or(String::new(), |own| own.message);
                    conflicts.push(format!("discovered endpoints: {why}"));
                    discovered = Some(Arc::default());
                }
                Err(found) if loaded.declared.is_empty() => {
                    let shown = found.render(has_colours(&std::io::stderr()));
                    return Err(format!(
                        "the config has errors; nothing was started\n{shown}"
                    ));
                }
                Err(found) => {
                    let (rest, why) = loaded.declared.without_faulty(&found.list());
                    conflicts.extend(why);
                    declared = Some(Arc::new(rest));
                }
            }
        }
    }

    /// Becomes the user of `[server] user`, if there is one, and sees whether that one can do what has to be done later.
    fn give_up_root(&self) -> Result<Option<RootDropped>, Failure> {
        let Some(user) = self.loaded.spec.user() else {
            return Ok(None);
        };
        let account = Account::find(user)?;
        for folder in self.own_folders() {
            let owned = account.own(&folder);
            owned.map_err(|error| {
                format!(
                    "`{}` cannot be given to `{user}`: {error}",
                    folder.display()
                )
            })?;
        }
        let dropped = account.become_it()?;
        if dropped == RootDropped::Now {
            account.check_readable(self.loaded.paths())?;
            for folder in self.own_folders() {
                account.check_writable(&folder)?;
            }
        }
        Ok(Some(dropped))
    }

    /// Folders that the server writes in.
    fn own_folders(&self) -> Vec<PathBuf> {
        self.compiled.zoning.state.iter().cloned().collect()
    }
}

/// The runtime that a server is started in.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    runtimes::background().map_err(|error| format!("cannot start the runtime: {error}"))
}

async fn serve(start: Start) -> Result<ExitCode, Failure> {
    let mut signals =
        Signals::new().map_err(|error| format!("cannot listen for signals: {error}"))?;
    // Those that have come meanwhile are heard now.
    let unblocked = early_signals().thread_unblock();
    unblocked.map_err(|error| format!("cannot listen for signals: {error}"))?;
    let predecessor = start.predecessor.clone();
    let mut server = Server::start(start).await?;
    let control = server.control().map(tracing::field::display);
    info!(event = "ready", listen = ?LogList(server.addresses()), control, "answering");
    let freed = follow(predecessor);
    tokio::pin!(freed);
    let mut is_first = true;
    let mut watchdog = tokio::time::interval(service_manager::watchdog().unwrap_or(NO_WATCHDOG));
    let successor = loop {
        tokio::select! {
            () = &mut freed, if is_first => {
                is_first = false;
                server.add_quic()?;
                service_manager::store(server.descriptors());
                service_manager::tell(ManagerWord::Ready);
            }
            successor = server.succeeded() => break Some(successor),
            _ = watchdog.tick() => if server.is_well() { service_manager::tell(ManagerWord::Alive) },
            _ = signals.hangup.recv() => ask(&server, SignalledChange::Reload),
            _ = signals.terminate.recv() => break None,
            _ = signals.interrupt.recv() => break None,
            // Without a handler it would kill the process.
            _ = signals.user_one.recv() => info!(event = "signal", "SIGUSR1 means nothing here"),
            _ = signals.user_two.recv() => ask(&server, SignalledChange::Upgrade),
        }
    };
    info!(
        event = "stopping",
        "answering what was accepted, then ending"
    );
    match successor {
        Some(successor) => server.give_way(&successor).await,
        None => {
            service_manager::tell(ManagerWord::Stopping);
            server.stop().await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The time between two looks at whether all is well, where no service manager wants to know.
const NO_WATCHDOG: Duration = Duration::from_secs(3600);

/// Waits until a predecessor, if there is one, reads QUIC no more.
async fn follow(predecessor: Option<Arc<Predecessor>>) {
    let Some(predecessor) = predecessor else {
        return;
    };
    // Without a thread nobody waits; then both speak QUIC for a moment.
    if let Ok(freed) = on_a_thread(move || predecessor.await_freedom()) {
        let _ = freed.await;
    }
}

/// Signals that would kill a server that does not listen for them yet. They are held back from the first moment, and
/// wait until it does.
fn early_signals() -> SigSet {
    use nix::sys::signal::Signal::{SIGHUP, SIGUSR1, SIGUSR2};
    [SIGHUP, SIGUSR1, SIGUSR2].into_iter().collect()
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    user_one: Signal,
    user_two: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user_one: signal(SignalKind::user_defined1())?,
            user_two: signal(SignalKind::user_defined2())?,
        })
    }
}

/// Asks for what a signal asks for, beside everything else.
fn ask(server: &Server, change: SignalledChange) {
    tokio::spawn(change.ask(server.commands(), server.audit().clone()));
}
