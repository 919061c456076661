//! Changes as the audit log has them: written before they are made, and again when they have ended.
//!
//! A change that cannot be written at the beginning is refused. What cannot be written at the end was made, and stands in the log as begun.
//! Refusals are written too, as far as there are not too many of them ([`super::failures`]).
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::callers::Caller;
use super::commands::State;
use super::replies::{Refusal, Reply, engine_is_silent};
use crate::io::audit::{AuditEntry, AuditOutcome};
use crate::plan::Permission;

/// The record of a change of which nobody says what became of it.
pub(super) const SILENT: &str =
    "the engine did not answer in time: look at what there is before it is tried again";

/// A change that is asked for.
#[derive(Clone, Debug)]
pub(super) struct AskedChange {
    /// The caller.
    pub(super) caller: Caller,
    /// The change: `action`, and what it is for.
    pub(super) what: Value,
    /// Why, as whoever asks says.
    pub(super) reason: String,
}

/// A change that stands in the log as begun.
#[derive(Debug)]
pub(super) struct BegunChange {
    asked: AskedChange,
    seq: u64,
    before: Value,
}

/// The end of a change.
#[derive(Debug)]
pub(super) struct ChangeEnding {
    /// Its outcome.
    pub(super) outcome: AuditOutcome,
    /// The state now.
    pub(super) after: Value,
    /// The result, in words.
    pub(super) detail: String,
}

impl ChangeEnding {
    /// It was carried out.
    pub(super) fn done(after: Value, detail: impl Into<String>) -> Self {
        Self {
            outcome: AuditOutcome::Done,
            after,
            detail: detail.into(),
        }
    }

    /// It was not.
    pub(super) fn failed(detail: impl Into<String>) -> Self {
        Self {
            outcome: AuditOutcome::Failed,
            after: Value::Null,
            detail: detail.into(),
        }
    }
}

impl AskedChange {
    fn entry(&self, outcome: AuditOutcome) -> AuditEntry {
        AuditEntry {
            identity: self.caller.identity.clone(),
            role: self.caller.role().map(str::to_owned),
            way: self.caller.way.to_owned(),
            outcome,
            what: self.what.clone(),
            reason: self.reason.clone(),
            ..AuditEntry::default()
        }
    }

    /// Lets it pass if the caller's role allows that; otherwise it is recorded as refused.
    pub(super) async fn permitted(
        self,
        permission: Permission,
        state: &State,
    ) -> Result<Self, Refusal> {
        match self.caller.may(permission) {
            Ok(()) => Ok(self),
            Err(refusal) => Err(self.refused(state, refusal).await),
        }
    }

    /// Writes that it begins, or refuses it.
    pub(super) async fn begin(self, state: &State, before: Value) -> Result<BegunChange, Refusal> {
        let entry = AuditEntry {
            before: before.clone(),
            ..self.entry(AuditOutcome::Begun)
        };
        let seq = record(state, entry).await.map_err(|why| {
            let message = format!("a change that cannot be recorded is not made: {why}");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
        })?;
        Ok(BegunChange {
            asked: self,
            seq,
            before,
        })
    }

    /// Writes that it was refused; gives the refusal back.
    pub(super) async fn refused(self, state: &State, refusal: Refusal) -> Refusal {
        let Some(untold) = state.failures.count(state.clock.now()) else {
            return Refusal {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..refusal
            };
        };
        let more = match untold {
            0 => String::new(),
            untold => format!(" (and {untold} refusals before it)"),
        };
        let entry = AuditEntry {
            detail: format!("{}{more}", refusal.message),
            ..self.entry(AuditOutcome::Refused)
        };
        // It is refused whether that is written or not.
        drop(record(state, entry).await);
        refusal
    }
}

impl BegunChange {
    /// Writes what became of it, and what there was before, where that is known only now.
    pub(super) async fn end_from(mut self, state: &State, before: Value, ending: ChangeEnding) {
        self.before = before;
        self.end(state, ending).await;
    }

    /// Writes that it was refused after all, or that nobody says what became of it; gives that back.
    pub(super) async fn unmade(
        self,
        state: &State,
        refusal: Option<Refusal>,
    ) -> Result<Reply, Refusal> {
        let why = refusal.as_ref().map_or(SILENT, |own| &own.message);
        self.end(state, ChangeEnding::failed(why)).await;
        refusal.map_or_else(|| Ok(engine_is_silent()), Err)
    }

    /// Writes what became of it.
    pub(super) async fn end(self, state: &State, ending: ChangeEnding) {
        let entry = AuditEntry {
            begun: (self.seq > 0).then_some(self.seq),
            before: self.before,
            after: ending.after,
            detail: ending.detail,
            ..self.asked.entry(ending.outcome)
        };
        // That it has begun is written; whether it has ended cannot be undone any more.
        drop(record(state, entry).await);
    }
}

async fn record(state: &State, entry: AuditEntry) -> Result<u64, String> {
    let audit = state.audit.clone();
    let written = spawn_blocking(move || audit.record(&entry)).await;
    written.unwrap_or_else(|error| Err(error.to_string()))
}

/// A request that nobody has read yet, as a change.
pub(super) fn unread(method: &str, path: &str) -> Value {
    json!({ "action": method, "path": path })
}
