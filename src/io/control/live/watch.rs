//! Watches the engine for whoever reads the live state: asks it every second or two, and soon after an event.
//!
//! Whoever else wants the whole status is given the same one, so that pages that are open cost the engine one question at a time. It
//! knows not who reads, and nothing of messages.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::base::Utc;
use crate::engine::Status;
use crate::io::control::commands::State;
use crate::io::control::looks::engine_status;

/// Time between two questions to the engine.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pieces of the state from which on it is twice as long.
const MANY: usize = 1000;
/// Time after an event, which is hardly ever the only one.
const SOON: Duration = Duration::from_millis(200);
/// Events that are told in one message.
const TOGETHER: usize = 100;

/// Gives the status, not older than a second; whoever else asks meanwhile waits for the same one.
pub(crate) async fn status(state: &State) -> Option<Arc<Status>> {
    let _turn = state.live.turn.lock().await;
    match state.live.status_within(LOOK_EVERY) {
        Some(status) => Some(status),
        None => look(state).await.map(|(status, _)| status),
    }
}

/// Starts to watch the engine, unless that is done already.
pub(super) fn begin(state: &State) {
    if state.live.begin_watch() {
        tokio::spawn(watch(state.clone()));
    }
}

/// Asks the engine, and tells what has changed; gives the number of pieces too.
async fn look(state: &State) -> Option<(Arc<Status>, usize)> {
    let mut status = engine_status(state).await?;
    status.limited = state.metrics.limited_status(state.clock.now());
    let now = Utc(state.clock.wall_ms());
    let table = Arc::clone(&state.published.get()?.load());
    let node = node(table.plan.server.identity.as_deref());
    let status = Arc::new(status);
    let pieces = state.live.take(&status, &table.plan, (now, &node));
    Some((status, pieces))
}

/// Watches the engine for as long as anybody reads.
async fn watch(state: State) {
    let mut events = state.history.listen();
    let mut next = Instant::now() + LOOK_EVERY;
    loop {
        match &mut events {
            None => sleep_until(next).await,
            Some(events) => match timeout_at(next, events.recv()).await {
                Ok(Ok(first)) => {
                    let more = std::iter::from_fn(|| events.try_recv().ok());
                    let told: Vec<_> = std::iter::once(first).chain(more).take(TOGETHER).collect();
                    state.live.tell(&told);
                    next = next.min(Instant::now() + SOON);
                    continue;
                }
                // What was missed stands in the timeline.
                Ok(Err(RecvError::Lagged(_))) => continue,
                Ok(Err(RecvError::Closed)) => sleep_until(next).await,
                Err(_) => {}
            },
        }
        if state.live.end_watch() {
            return;
        }
        let _turn = state.live.turn.lock().await;
        let pieces = look(&state).await.map_or(0, |(_, pieces)| pieces);
        let pause = if pieces > MANY {
            LOOK_EVERY * 2
        } else {
            LOOK_EVERY
        };
        next = Instant::now() + pause;
    }
}

/// The name of this node: its identity, or that of the machine.
fn node(identity: Option<&str>) -> String {
    let named = identity.map(str::to_owned);
    named.unwrap_or_else(|| {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname");
        machine.unwrap_or_default().trim().to_owned()
    })
}
