//! `waypost run`: the server with signals and logs.
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::log::LogFormat;
use super::prepared::{Keys, Prepared};
use super::server::{Server, Start};
use super::{Failure, log, runtimes};
use crate::config::{self, Diagnostics};
use crate::io::audit::{AuditEntry, AuditOutcome, AuditTrail};
use crate::io::clock::Clock;
use crate::io::control::{Command, Force};
use crate::io::files::{self, Watch};
use crate::keys::Time;

/// Serves until SIGTERM or SIGINT; reads the config again on SIGHUP.
pub(crate) fn run(path: &Path, format: LogFormat) -> Result<ExitCode, Failure> {
    let (prepared, diagnostics, watch) = read(path)?;
    let sink = log::start(format)?;
    let runtime = runtime()?;
    log::findings(&diagnostics);
    prepared.set_aside(Clock::start().wall_seconds());
    let start = Start {
        prepared,
        config: Some(path.to_owned()),
        watch,
        onlooker: None,
    };
    let outcome = runtime.block_on(serve(start));
    sink.flush();
    outcome
}

/// Reads the config and all that it names; steps of keys that are due are taken.
fn read(path: &Path) -> Result<(Prepared, Diagnostics, Watch), Failure> {
    let mut loaded = files::load(path).map_err(|error| error.to_string())?;
    let watch = loaded.watch();
    let diagnostics = std::mem::take(&mut loaded.diagnostics);
    let compiled = config::compile(&loaded.spec, diagnostics, &loaded.files);
    let (compiled, diagnostics) = compiled.map_err(|diagnostics| {
        format!(
            "the config has errors; nothing was started\n{}",
            diagnostics.render(std::io::stderr().is_terminal())
        )
    })?;
    let now = Time(Clock::start().wall_seconds());
    let prepared = Prepared::new(loaded, compiled, Keys::Advance(now))?;
    Ok((prepared, diagnostics, watch))
}

/// The runtime that a server is started in.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    runtimes::background().map_err(|error| format!("cannot start the runtime: {error}"))
}

async fn serve(start: Start) -> Result<ExitCode, Failure> {
    let mut signals =
        Signals::new().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let server = Server::start(start).await?;
    let control = server.control().map(tracing::field::display);
    info!(event = "ready", listen = ?server.addresses(), control, "answering");
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => drop(tokio::spawn(ask_reload(server.commands(), server.audit().clone()))),
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            // Without a handler they would kill the process.
            _ = signals.user_one.recv() => info!(event = "signal", "SIGUSR1 means nothing here"),
            _ = signals.user_two.recv() => info!(event = "signal", "SIGUSR2 means nothing here"),
        }
    }
    info!(
        event = "stopping",
        "answering what was accepted, then ending"
    );
    server.stop().await;
    Ok(ExitCode::SUCCESS)
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

/// Asks for a reload, and records it; the outcome is logged where it happens.
async fn ask_reload(commands: mpsc::Sender<Command>, audit: AuditTrail) {
    let asked = AuditEntry {
        identity: "whoever may signal this process".to_owned(),
        way: "signal".to_owned(),
        what: json!({ "action": "reload", "signal": "SIGHUP" }),
        ..AuditEntry::default()
    };
    let seq = match record(&audit, asked.clone()).await {
        Ok(seq) => seq,
        Err(why) => {
            let event = "reload_refused";
            return error!(event, "a change that cannot be recorded is not made: {why}");
        }
    };
    let (reply, outcome) = oneshot::channel();
    let command = Command::Reload {
        force: Force::No,
        reply,
    };
    let (outcome, detail) = match commands.try_send(command) {
        Err(_) => {
            let why = "too much is waiting: SIGHUP was not taken up, send it again";
            error!(event = "reload_refused", "{why}");
            (AuditOutcome::Failed, why.to_owned())
        }
        Ok(()) => match outcome.await {
            Ok(Ok(result)) => (AuditOutcome::Done, result),
            Ok(Err(why)) => (AuditOutcome::Failed, why),
            Err(_) => (AuditOutcome::Failed, "the server ended".to_owned()),
        },
    };
    let ended = AuditEntry {
        outcome,
        begun: (seq > 0).then_some(seq),
        detail,
        ..asked
    };
    if let Err(why) = record(&audit, ended).await {
        error!(event = "audit_doubt", "{why}");
    }
}

async fn record(audit: &AuditTrail, entry: AuditEntry) -> Result<u64, String> {
    let audit = audit.clone();
    let written = tokio::task::spawn_blocking(move || audit.record(&entry)).await;
    written.unwrap_or_else(|error| Err(error.to_string()))
}
