//! Readers of the live state, and what they were told.
//!
//! A status that is taken in becomes pieces; those that are new go out as one message, to all who listen and into the ring for those
//! who come back. How many may read is bounded. When the engine is asked, and how a message travels, is decided elsewhere.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Mutex as Turn, broadcast};
use tokio::time::Instant;

use super::ring::{LiveMessage, MessageRing, MissedMessages};
use super::view::{LivePiece, LiveView, view};
use crate::base::Utc;
use crate::base::limits::LIVE_READERS;
use crate::engine::Status;
use crate::io::clock::Clock;
use crate::io::history::event::TimelineEvent;
use crate::plan::Plan;

/// Messages that a reader may be behind.
const BEHIND: usize = 64;

/// The live state, with whoever reads it.
#[derive(Debug)]
pub(crate) struct Live {
    shared: Mutex<LiveState>,
    /// Held by whoever asks the engine.
    pub(super) turn: Turn<()>,
    news: broadcast::Sender<Arc<LiveMessage>>,
}

/// Everything that changes.
#[derive(Debug)]
struct LiveState {
    ring: MessageRing,
    view: LiveView,
    /// The last status, and when it was told.
    status: Option<(Instant, Arc<Status>)>,
    readers: usize,
    is_watched: bool,
}

/// One who reads; it is counted until this is dropped.
#[derive(Debug)]
pub(super) struct LiveReader(pub(super) Arc<Live>);

/// The difference of two views.
#[derive(Serialize)]
struct LivePatch<'v> {
    set: BTreeMap<&'v str, &'v LivePiece>,
    gone: Vec<&'v str>,
}

impl Live {
    /// Nobody reads yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            shared: Mutex::new(LiveState {
                ring: MessageRing::new(clock.wall_ms()),
                view: LiveView::new(),
                status: None,
                readers: 0,
                is_watched: false,
            }),
            turn: Turn::new(()),
            news: broadcast::channel(BEHIND).0,
        }
    }

    /// Lets one more read, unless there are too many.
    pub(super) fn enter(self: &Arc<Self>) -> Option<LiveReader> {
        let mut shared = self.shared();
        let is_free = shared.readers < LIVE_READERS;
        shared.readers += usize::from(is_free);
        is_free.then(|| LiveReader(Arc::clone(self)))
    }

    /// The last status, if it is not older than that.
    pub(super) fn status_within(&self, age: Duration) -> Option<Arc<Status>> {
        let shared = self.shared();
        let known = shared.status.as_ref();
        let fresh = known.filter(|(at, _)| at.elapsed() < age);
        fresh.map(|(_, status)| Arc::clone(status))
    }

    /// Takes a status in, and tells what differs from the one before; gives the number of pieces.
    pub(super) fn take(
        &self,
        status: &Arc<Status>,
        plan: &Plan,
        (now, node): (Utc, &str),
    ) -> usize {
        let mut shared = self.shared();
        let next = view(status, plan, (now, node), &shared.view);
        let before = std::mem::replace(&mut shared.view, next);
        shared.status = Some((Instant::now(), Arc::clone(status)));
        let patch = LivePatch::between(&before, &shared.view);
        // Nobody was told anything yet: whoever comes is told the whole.
        if let Some(patch) = patch.filter(|_| !before.is_empty()) {
            let text = serde_json::to_string(&patch).unwrap_or_default();
            let message = shared.ring.add("patch", &text);
            // Nobody may listen.
            let _ = self.news.send(message);
        }
        shared.view.len()
    }

    /// Tells events.
    pub(super) fn tell(&self, events: &[Arc<TimelineEvent>]) {
        let events: Vec<&TimelineEvent> = events.iter().map(AsRef::as_ref).collect();
        let text = serde_json::to_string(&events).unwrap_or_default();
        let message = self.shared().ring.add("told", &text);
        // Nobody may listen.
        let _ = self.news.send(message);
    }

    /// Gives what one missed who has read until there, and the way to what follows.
    pub(super) fn resume(
        &self,
        last: &str,
    ) -> (Vec<Arc<LiveMessage>>, broadcast::Receiver<Arc<LiveMessage>>) {
        let shared = self.shared();
        let news = self.news.subscribe();
        let missed = match shared.ring.since(last) {
            MissedMessages::From(missed) => missed,
            MissedMessages::Anew => {
                let text = serde_json::to_string(&shared.view).unwrap_or_default();
                vec![Arc::new(shared.ring.whole(&text))]
            }
        };
        (missed, news)
    }

    /// Notes that somebody watches the engine from now on; tells whether nobody did.
    pub(super) fn begin_watch(&self) -> bool {
        !std::mem::replace(&mut self.shared().is_watched, true)
    }

    /// Notes that nobody watches the engine any more, if nobody reads; tells whether that is so.
    pub(super) fn end_watch(&self) -> bool {
        let mut shared = self.shared();
        let is_over = shared.readers == 0;
        if is_over {
            (shared.is_watched, shared.status) = (false, None);
        }
        is_over
    }

    fn shared(&self) -> MutexGuard<'_, LiveState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'v> LivePatch<'v> {
    /// The difference of two views; nothing if there is none.
    fn between(before: &'v LiveView, after: &'v LiveView) -> Option<Self> {
        let set = after.iter();
        let set = set.filter(|(key, piece)| before.get(*key) != Some(piece));
        let gone = before.keys().filter(|key| !after.contains_key(*key));
        let patch = Self {
            set: set.map(|(key, piece)| (key.as_str(), piece)).collect(),
            gone: gone.map(String::as_str).collect(),
        };
        (!patch.set.is_empty() || !patch.gone.is_empty()).then_some(patch)
    }
}

impl Drop for LiveReader {
    fn drop(&mut self) {
        self.0.shared().readers -= 1;
    }
}
