//! Planned windows: orders that the config gives, at the time that it names.
//!
//! Which window is due is the plan's to say ([`crate::plan::Maintenance`]); this brings the clock. A window that is due becomes a drain with
//! an end, ordered by `maintenance NAME`: so it goes down and comes back by the steps of the recovery, is shown, held over
//! restarts and lifted like any other, and is refused like any other where it would leave clients with nothing. Then it is asked
//! for again, as long as it is due. What it does stands in the log of changes, as what an operator does; what
//! cannot be recorded is not done.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::base::{Calendar, TimeSpec, Utc};
use crate::engine::OrderRequest;
use crate::engine::status::MaintenanceStatus;
use crate::io::audit::{AuditEntry, AuditOutcome, AuditTrail};
use crate::io::clock::Clock;
use crate::io::control::{Command, OrderRefusal, Ordered};
use crate::io::publish::Published;
use crate::plan::{Maintenance, Plan};

/// Time between two looks at the clock.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks between two attempts at what was refused.
const PATIENCE: u32 = 12;

/// The way to everything that a window needs.
#[derive(Debug)]
pub(super) struct MaintenanceKeeper {
    published: Arc<Published>,
    clock: Clock,
    commands: mpsc::Sender<Command>,
    audit: AuditTrail,
}

/// The progress of one occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WindowProgress {
    Ordered,
    /// It was refused, and is tried again after so many looks.
    Refused(u32),
}

impl MaintenanceKeeper {
    /// Starts beside a control loop, and ends with it.
    pub(super) fn start(
        published: &Arc<Published>,
        clock: Clock,
        (commands, audit): (&mpsc::Sender<Command>, &AuditTrail),
    ) {
        let keeper = Self {
            published: Arc::clone(published),
            clock,
            commands: commands.clone(),
            audit: audit.clone(),
        };
        tokio::spawn(keeper.run());
    }

    /// Goes on until nobody takes orders any more.
    async fn run(self) {
        let mut progress: BTreeMap<(String, Utc), WindowProgress> = BTreeMap::new();
        while !self.commands.is_closed() {
            let plan = Arc::clone(&self.published.load().plan);
            let calendar = self.clock.calendar();
            let mut due = BTreeMap::new();
            for window in &plan.maintenance {
                let Some(occurrence) = window.due(calendar.utc) else {
                    continue;
                };
                let key = (window.name.clone(), occurrence.start);
                let before = progress.get(&key).copied();
                let now = match before {
                    Some(WindowProgress::Ordered) => WindowProgress::Ordered,
                    Some(WindowProgress::Refused(looks @ 1..)) => {
                        WindowProgress::Refused(looks - 1)
                    }
                    Some(WindowProgress::Refused(0)) | None => {
                        self.order(window, occurrence.end, calendar, before).await
                    }
                };
                due.insert(key, now);
            }
            // What is over is forgotten.
            progress = due;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Orders the drain of a window; a refusal is recorded the first time.
    async fn order(
        &self,
        window: &Maintenance,
        end: Utc,
        calendar: Calendar,
        before: Option<WindowProgress>,
    ) -> WindowProgress {
        let until = calendar.moment_of(TimeSpec::At(end));
        let request = OrderRequest::of_window(window, until);
        let asked = AuditEntry {
            identity: request.order.author.clone(),
            way: "config".to_owned(),
            what: json!({ "action": "drain", "scope": window.scope, "until": end.to_string() }),
            reason: request.order.reason.clone(),
            ..AuditEntry::default()
        };
        let is_told = before.is_some();
        let seq = match self.record(asked.clone(), is_told).await {
            Ok(seq) => seq,
            Err(why) => {
                let name = &window.name;
                error!(
                    event = "maintenance_refused",
                    name, "a change that cannot be recorded is not made: {why}"
                );
                return WindowProgress::Refused(PATIENCE);
            }
        };
        let (outcome, detail, progress) = match self.give(request).await {
            Some(Ok(ordered)) => (AuditOutcome::Done, ordered.result, WindowProgress::Ordered),
            Some(Err(refusal)) => {
                let why = words(refusal);
                (
                    AuditOutcome::Refused,
                    why,
                    WindowProgress::Refused(PATIENCE),
                )
            }
            None => {
                let why = "the engine did not answer in time".to_owned();
                (AuditOutcome::Failed, why, WindowProgress::Refused(0))
            }
        };
        if progress != WindowProgress::Ordered && !is_told {
            let (name, scope) = (&window.name, &window.scope);
            warn!(
                event = "maintenance_refused",
                name, scope, "the window is due, and nothing is drained: {detail}"
            );
        }
        let ended = AuditEntry {
            outcome,
            begun: (seq > 0).then_some(seq),
            detail,
            ..asked
        };
        let is_known = is_told && progress != WindowProgress::Ordered;
        if let Err(why) = self.record(ended, is_known).await {
            error!(event = "audit_doubt", "{why}");
        }
        progress
    }

    async fn give(&self, request: OrderRequest) -> Option<Result<Ordered, OrderRefusal>> {
        let (reply, done) = oneshot::channel();
        let command = Command::Order { request, reply };
        self.commands.send(command).await.ok()?;
        done.await.ok()
    }

    /// Writes an entry, unless the same is known already.
    async fn record(&self, entry: AuditEntry, is_known: bool) -> Result<u64, String> {
        if is_known {
            return Ok(0);
        }
        let audit = self.audit.clone();
        let written = tokio::task::spawn_blocking(move || audit.record(&entry)).await;
        written.unwrap_or_else(|error| Err(error.to_string()))
    }
}

fn words(refusal: OrderRefusal) -> String {
    match refusal {
        OrderRefusal::Unknown(why)
        | OrderRefusal::Needless(why)
        | OrderRefusal::Damaging(why)
        | OrderRefusal::Bad(why) => why,
    }
}

/// The windows of a plan that are open or to come, each at its next time.
pub(super) fn status(plan: &Plan, now: Utc) -> Vec<MaintenanceStatus> {
    let windows = plan.maintenance.iter().filter_map(|window| {
        let next = window.after(now).next()?;
        Some(MaintenanceStatus {
            name: window.name.clone(),
            scope: window.scope.clone(),
            reason: window.reason.clone(),
            due: window.due(now).is_some(),
            drain_at: next.begins(window.lead),
            start_at: next.start,
            end_at: next.end,
        })
    });
    windows.collect()
}
