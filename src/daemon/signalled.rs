//! Changes that a signal asks for: recorded like those of the control API, and then asked of the control loop.
//!
//! A signal does not say who sent it, so the identity is whoever may signal the process. There is nobody to tell: what
//! became of it stands in the log, where it happens, and in the audit log.
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::base::limits::UPGRADE;
use crate::io::audit::{AuditEntry, AuditOutcome, AuditTrail};
use crate::io::control::{Command, Force};

/// A change that a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalledChange {
    /// SIGHUP: read the config again.
    Reload,
    /// SIGUSR2: start the program anew.
    Upgrade,
}

impl SignalledChange {
    /// Action and signal.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Reload => ["reload", "SIGHUP"],
            Self::Upgrade => ["upgrade", "SIGUSR2"],
        }
    }

    /// The log's name for one that was not carried out.
    fn event(self) -> &'static str {
        match self {
            Self::Reload => "reload_refused",
            Self::Upgrade => "upgrade_failed",
        }
    }

    fn command(self, reply: oneshot::Sender<Result<String, String>>) -> Command {
        match self {
            Self::Reload => Command::Reload {
                force: Force::No,
                reply,
            },
            Self::Upgrade => Command::Upgrade {
                patience: UPGRADE,
                reply,
            },
        }
    }

    /// Records the change, asks for it, waits, and records what became of it.
    pub(super) async fn ask(self, commands: mpsc::Sender<Command>, audit: AuditTrail) {
        let ([action, signal], event) = (self.words(), self.event());
        let asked = AuditEntry {
            identity: "whoever may signal this process".to_owned(),
            way: "signal".to_owned(),
            what: json!({ "action": action, "signal": signal }),
            ..AuditEntry::default()
        };
        let seq = match record(&audit, asked.clone()).await {
            Ok(seq) => seq,
            Err(why) => {
                return error!(event, "a change that cannot be recorded is not made: {why}");
            }
        };
        let (reply, outcome) = oneshot::channel();
        let (outcome, detail) = match commands.try_send(self.command(reply)) {
            Err(_) => {
                let why = format!("too much is waiting: {signal} was not taken up, send it again");
                error!(event, "{why}");
                (AuditOutcome::Failed, why)
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
}

async fn record(audit: &AuditTrail, entry: AuditEntry) -> Result<u64, String> {
    let audit = audit.clone();
    let written = tokio::task::spawn_blocking(move || audit.record(&entry)).await;
    written.unwrap_or_else(|error| Err(error.to_string()))
}
