//! The timeline: what happened in the last day, kept over restarts, for whoever looks at the page.
//!
//! | module | what it knows |
//! |---|---|
//! | [`event`] | one event, and how it is worded |
//! | [`timeline`] | what is remembered, and how much of it |
//! | `segments` | how it stands on the disk |
//!
//! Whoever tells something hands it over and goes on; a thread of its own remembers it, writes it and passes events on to those
//! who listen. What comes faster than that is not remembered, and counted ([`History::missed`]). Nothing waits for the disk, and
//! nothing is decided by what is kept here. How it is shown is not known here.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tracing::warn;

use crate::base::limits::HISTORY_WAITING;
use crate::base::{Standing, Utc};
use crate::io::background;
use crate::io::clock::Clock;
use crate::plan::Plan;
use crate::table::Table;

pub mod event;
mod segments;
pub mod timeline;

use event::TimelineEvent;
use segments::Segments;
use timeline::{HistoryEntry, HistoryTimeline, LatencySample, MinuteSummary};

/// Events that a listener may be behind.
const BEHIND: usize = 1024;
/// Things that are taken in one step.
const AT_ONCE: usize = 1024;

/// The way to the timeline; a default one remembers nothing.
#[derive(Clone, Debug, Default)]
pub struct History(Option<Arc<HistoryBook>>);

/// The timeline, and the way to the thread that keeps it.
#[derive(Debug)]
struct HistoryBook {
    clock: Clock,
    told: SyncSender<HistoryNews>,
    missed: AtomicU64,
    timeline: Mutex<HistoryTimeline>,
    news: broadcast::Sender<Arc<TimelineEvent>>,
}

/// Something that is handed over, with the time in milliseconds since 1970.
struct HistoryNews(u64, Tidings);

enum Tidings {
    Event(TimelineEvent),
    Minute(MinuteSummary),
    Latency(LatencySample),
    Published(Arc<Plan>, Arc<[Standing]>),
}

impl History {
    /// Reads what was kept in a folder, and starts the thread. Without a folder what is told is forgotten with the process; without
    /// a thread nothing is remembered.
    #[must_use]
    pub fn start(folder: Option<PathBuf>, clock: Clock) -> Self {
        let now = Utc(clock.wall_ms());
        let (mut timeline, mut segments) = (HistoryTimeline::default(), None);
        if let Some(folder) = folder {
            let (opened, entries, damages) = Segments::open(folder, now);
            for mut entry in entries {
                timeline.take(&mut entry);
            }
            for damage in damages {
                warn!(
                    event = "history_damaged",
                    "part of the timeline is lost: {damage}"
                );
            }
            segments = Some(opened);
        }
        let (told, queue) = sync_channel(HISTORY_WAITING);
        let (news, _) = broadcast::channel(BEHIND);
        let book = Arc::new(HistoryBook {
            clock,
            told,
            missed: AtomicU64::new(0),
            timeline: Mutex::new(timeline),
            news,
        });
        // The thread has no hold on the sender, so that it ends with the last who could tell it something.
        let writer = HistoryWriter {
            book: Arc::downgrade(&book),
            segments,
            published: 0,
            keys: (0, Vec::new()),
            is_failing: false,
        };
        match background::spawn("history", move || writer.run(&queue)) {
            Ok(()) => Self(Some(book)),
            Err(error) => {
                warn!(event = "history_unkept", "there is no timeline: {error}");
                Self(None)
            }
        }
    }

    /// Remembers an event that has just happened.
    pub fn event(&self, event: TimelineEvent) {
        self.tell(Tidings::Event(event));
    }

    /// Remembers a minute that has just ended.
    pub fn minute(&self, minute: MinuteSummary) {
        self.tell(Tidings::Minute(minute));
    }

    /// Remembers how long probes take.
    pub fn latency(&self, sample: LatencySample) {
        self.tell(Tidings::Latency(sample));
    }

    /// Remembers the shares of a table that has just been published.
    pub fn published(&self, table: &Table) {
        let (plan, standings) = (table.plan.clone(), table.standings.clone());
        self.tell(Tidings::Published(plan, standings));
    }

    /// The number of things that were not remembered, because they came too fast.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |book| book.missed.load(Ordering::Relaxed))
    }

    /// To hear of events from now on.
    #[must_use]
    pub fn listen(&self) -> Option<broadcast::Receiver<Arc<TimelineEvent>>> {
        Some(self.0.as_ref()?.news.subscribe())
    }

    /// Looks at what is remembered; nothing if there is no timeline.
    pub fn look<T>(&self, look: impl FnOnce(&HistoryTimeline) -> T) -> Option<T> {
        Some(look(&self.0.as_ref()?.timeline()))
    }

    /// The shares by target that have changed since a moment, as they were then.
    #[must_use]
    pub fn shares_at(&self, at: Utc) -> BTreeMap<String, u16> {
        let found = self.look(|timeline| {
            let shares = timeline.shares_at(at).into_iter();
            shares.map(|(key, share)| (key.to_owned(), share)).collect()
        });
        found.unwrap_or_default()
    }

    fn tell(&self, tidings: Tidings) {
        if let Some(book) = &self.0 {
            let told = HistoryNews(book.clock.wall_ms(), tidings);
            if book.told.try_send(told).is_err() {
                book.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl HistoryBook {
    fn timeline(&self) -> MutexGuard<'_, HistoryTimeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own.
struct HistoryWriter {
    book: std::sync::Weak<HistoryBook>,
    segments: Option<Segments>,
    /// Tables that were published since the last minute.
    published: u64,
    /// The digest of the plan whose targets these are, and their names.
    keys: (u64, Vec<String>),
    /// The last writing failed, and that was said.
    is_failing: bool,
}

impl HistoryWriter {
    fn run(mut self, queue: &Receiver<HistoryNews>) {
        while let Ok(first) = queue.recv() {
            let Some(book) = self.book.upgrade() else {
                return;
            };
            let all = std::iter::once(first).chain(queue.try_iter().take(AT_ONCE));
            let mut entries = Vec::new();
            for HistoryNews(at_ms, tidings) in all {
                let mut timeline = book.timeline();
                let Some(mut entry) = self.entry(at_ms, tidings, &mut timeline) else {
                    continue;
                };
                timeline.take(&mut entry);
                drop(timeline);
                if let HistoryEntry::Event(event) = &entry {
                    // Nobody may listen.
                    let _ = book.news.send(Arc::new(event.clone()));
                }
                entries.push(entry);
            }
            self.write(&entries, Utc(book.clock.wall_ms()));
        }
    }

    fn entry(
        &mut self,
        at_ms: u64,
        tidings: Tidings,
        timeline: &mut HistoryTimeline,
    ) -> Option<HistoryEntry> {
        Some(match tidings {
            Tidings::Event(event) => HistoryEntry::Event(TimelineEvent {
                told_at: Utc(at_ms),
                ..event
            }),
            Tidings::Minute(minute) => HistoryEntry::Minute(MinuteSummary {
                ended_at: Utc(at_ms),
                tables: std::mem::take(&mut self.published),
                ..minute
            }),
            Tidings::Latency(sample) => HistoryEntry::Latency(LatencySample {
                at: Utc(at_ms),
                ..sample
            }),
            Tidings::Published(plan, standings) => {
                self.published += 1;
                if self.keys.0 != plan.digest || self.keys.1.len() != plan.targets.len() {
                    let keys = plan.targets.iter().map(|target| target.key.clone());
                    self.keys = (plan.digest, keys.collect());
                }
                let shares = standings.iter().map(|standing| standing.share.0);
                let keys = self.keys.1.iter().map(String::as_str);
                let changes = timeline.changed(keys.zip(shares));
                if changes.is_empty() {
                    return None;
                }
                HistoryEntry::Shares(at_ms, changes)
            }
        })
    }

    /// Writes what was remembered; that it cannot be is said once.
    fn write(&mut self, entries: &[HistoryEntry], now: Utc) {
        let Some(segments) = self.segments.as_mut().filter(|_| !entries.is_empty()) else {
            return;
        };
        match segments.add(entries, now) {
            Ok(()) => self.is_failing = false,
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                warn!(
                    event = "history_unwritten",
                    "the timeline cannot be written, and ends with this process: {error}"
                );
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests wait for a thread")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::{Moment, Permille};
    use crate::table::fixture::{World, standings};

    fn wait_for(history: &History, is_there: impl Fn(&HistoryTimeline) -> bool) {
        for _ in 0..2000 {
            if history.look(&is_there) == Some(true) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it did not come");
    }

    #[test]
    fn what_is_told_is_remembered_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("history");
        let clock = Clock::start();
        let history = History::start(Some(folder.clone()), clock);
        let mut heard = history.listen().unwrap();
        let plan = World::new(&[(0, 1, 1), (1, 1, 1)], &[&[0, 1]]).plan();
        let table = |share: u16| {
            let mut standings = standings(&plan, &[]).to_vec();
            standings[0].share = Permille(share);
            Table::build(1, plan.clone(), standings.into(), Moment(0), None)
        };
        history.published(&table(1000));
        history.event(TimelineEvent::start("1.0"));
        wait_for(&history, |own| own.since(Utc(0)).0.len() == 1);
        assert_eq!(heard.try_recv().unwrap().number, 1);
        let before = Utc(clock.wall_ms());
        std::thread::sleep(Duration::from_millis(5));
        history.published(&table(0));
        history.minute(MinuteSummary::default());
        wait_for(&history, |own| own.since(Utc(0)).1.len() == 1);
        let key = plan.targets[0].key.clone();
        let then = BTreeMap::from([(key, 1000)]);
        assert_eq!(history.shares_at(before), then);
        drop(history);

        let again = History::start(Some(folder), clock);
        wait_for(&again, |own| own.since(Utc(0)).0.len() == 1);
        assert_eq!(again.shares_at(before), then);
        let tables = again.look(|own| own.since(Utc(0)).1[0].tables);
        assert_eq!(tables, Some(2));
        again.event(TimelineEvent::start("1.1"));
        wait_for(&again, |own| own.since(Utc(0)).0.len() == 2);
        let numbers = again.look(|own| own.since(Utc(0)).0.iter().map(|one| one.number).collect());
        assert_eq!(numbers, Some(vec![1, 2]));
    }

    #[test]
    fn nobody_remembers_where_there_is_no_timeline() {
        let history = History::default();
        history.event(TimelineEvent::start("1.0"));
        assert!(history.listen().is_none() && history.look(|_| ()).is_none());
        assert_eq!((history.missed(), history.shares_at(Utc(0)).len()), (0, 0));
    }
}
