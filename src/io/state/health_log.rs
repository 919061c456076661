//! Health, orders and demand in a file that is only added to.
//!
//! Each entry adds to those before it, with the time of the day at which it was made; when the file is written anew is
//! [`super::entry_log`]'s to say. It opens no file; whoever does tells it how a write went ([`HealthLog::written`]), and so a
//! simulation can keep one.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::entry_log::LogWrite;
use super::entry_log::{EntryLog, LogContent, WrittenLog};
use crate::base::{Moment, Span};
use crate::engine::{Keep, Snapshot};

/// Slots, and targets, of one entry of a file that is written anew: so much is lost where both copies are.
const AT_ONCE: usize = 100;

/// All that is kept, and how it gets into its file.
#[derive(Clone, Debug, Default)]
pub struct HealthLog(EntryLog<LogEntry>);

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LogEntry {
    /// Milliseconds since 1970.
    wall_ms: u64,
    snapshot: Snapshot,
}

/// The knowledge of another process, kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// All that it knew.
    pub snapshot: Snapshot,
    /// The time at which that was last kept, in milliseconds since 1970.
    pub wall_ms: u64,
}

impl Restored {
    /// The moment, by the clock of the snapshot, that it is at this time of the day: no earlier than
    /// the snapshot, also if the wall clock has been set back.
    #[must_use]
    pub fn moment_at(&self, wall_ms: u64) -> Moment {
        let away = Span(wall_ms.saturating_sub(self.wall_ms));
        self.snapshot.at.after(away)
    }
}

impl HealthLog {
    /// Reads a file, as far as it can be read. Gives what was kept, and what is wrong with the file.
    #[must_use]
    pub fn read(text: &[u8]) -> (Self, Option<Restored>, Option<String>) {
        let (log, is_any, damage) = EntryLog::read(text);
        let kept: &LogEntry = log.kept();
        let restored = is_any.then(|| Restored {
            snapshot: kept.snapshot.clone(),
            wall_ms: kept.wall_ms,
        });
        (Self(log), restored, damage)
    }

    /// Takes in what is to be kept; `wall_ms` is milliseconds since 1970.
    pub fn take(&mut self, keep: Keep, wall_ms: u64) {
        match keep {
            Keep::Whole(snapshot) => self.0.replace(LogEntry { wall_ms, snapshot }),
            Keep::Part(snapshot) => self.0.take(LogEntry { wall_ms, snapshot }),
        }
    }

    /// The change to the file after which it has all that is kept; nothing if it has.
    ///
    /// # Errors
    /// A defect: what is kept cannot be written as text.
    pub fn write(&mut self) -> Result<Option<LogWrite>, String> {
        self.0.write()
    }

    /// Takes in how a write went: `None` if it failed, and then the end of the file may be torn.
    pub fn written(&mut self, done: Option<&LogWrite>) {
        self.0.written(done);
    }
}

impl WrittenLog for HealthLog {
    fn next(&mut self) -> Result<Option<LogWrite>, String> {
        self.write()
    }

    fn went(&mut self, done: Option<&LogWrite>) {
        self.written(done);
    }
}

impl LogContent for LogEntry {
    type Entry = Self;

    fn take(&mut self, later: Self) {
        self.add(later);
    }

    fn join(entry: &mut Self, later: Self) {
        entry.add(later);
    }

    fn entries(&self) -> impl Iterator<Item = Self> {
        self.parts()
    }
}

impl LogEntry {
    fn add(&mut self, later: Self) {
        self.wall_ms = later.wall_ms;
        self.snapshot.add(later.snapshot);
    }

    /// The same in several entries, none of which is long.
    fn parts(&self) -> impl Iterator<Item = Self> {
        let Snapshot {
            at,
            slots,
            targets,
            curves,
            orders,
            past,
            demand,
        } = &self.snapshot;
        let (wall_ms, at) = (self.wall_ms, *at);
        let part = move |snapshot: Snapshot| Self {
            wall_ms,
            snapshot: Snapshot { at, ..snapshot },
        };
        let first = Snapshot {
            curves: curves.clone(),
            orders: orders.clone(),
            demand: demand.clone(),
            ..Snapshot::default()
        };
        let past = past.chunks(AT_ONCE).map(|past| Snapshot {
            past: past.to_vec(),
            ..Snapshot::default()
        });
        let slots = chunks(slots).map(|slots| Snapshot {
            slots,
            ..Snapshot::default()
        });
        let targets = chunks(targets).map(|targets| Snapshot {
            targets,
            ..Snapshot::default()
        });
        let parts = std::iter::once(first).chain(past);
        parts.chain(slots).chain(targets).map(part)
    }
}

fn chunks<T: Clone>(all: &BTreeMap<String, T>) -> impl Iterator<Item = BTreeMap<String, T>> {
    let mut rest = all.iter().peekable();
    std::iter::from_fn(move || {
        rest.peek()?;
        let chunk = rest.by_ref().take(AT_ONCE);
        Some(
            chunk
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Order;
    use crate::engine::order::{Action, OrderEnd, OrderOrigin, OrderRecord, PastOrder};
    use crate::health::slot::SlotHealth;
    use crate::io::state::entry_log::ROOM_LEAST;
    use crate::io::state::lines;

    fn record(scope: &str) -> OrderRecord {
        OrderRecord {
            order: Order {
                action: Action::Drain,
                scope: scope.to_owned(),
                author: "ada \u{2603}\n".to_owned(),
                reason: String::new(),
            },
            given: Moment(7),
            from: None,
            until: Some(Moment(u64::MAX)),
            origin: OrderOrigin::Here,
        }
    }

    /// A snapshot of so many slots, with one order.
    fn snapshot(at: u64, slots: usize) -> Snapshot {
        let slots = (0..slots).map(|number| (format!("slot {number}"), SlotHealth::default()));
        Snapshot {
            at: Moment(at),
            slots: slots.collect(),
            orders: Some(vec![record("one")]),
            ..Snapshot::default()
        }
    }

    fn part(at: u64, scope: &str) -> Keep {
        Keep::Part(Snapshot {
            at: Moment(at),
            orders: Some(vec![record(scope)]),
            ..Snapshot::default()
        })
    }

    /// Writes what is to be written to a file in memory.
    fn write(log: &mut HealthLog, file: &mut Vec<u8>) {
        while let Some(write) = log.write().unwrap() {
            match &write {
                LogWrite::Append(octets) => file.extend(octets),
                LogWrite::Replace(octets) => file.clone_from(octets),
            }
            log.written(Some(&write));
        }
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let (mut log, mut file) = (HealthLog::default(), Vec::new());
        log.take(Keep::Whole(snapshot(1000, 250)), 5_000_000);
        write(&mut log, &mut file);
        log.take(part(2000, "two"), 5_001_000);
        write(&mut log, &mut file);
        let (_, restored, damage) = HealthLog::read(&file);
        let restored = restored.unwrap();
        let expected = Snapshot {
            at: Moment(2000),
            orders: Some(vec![record("two")]),
            ..snapshot(0, 250)
        };
        assert_eq!((&restored.snapshot, damage), (&expected, None));
        for (wall_ms, moment) in [
            (5_001_000, 2000),
            (5_004_000, 5000),
            (1, 2000),
            (u64::MAX, u64::MAX - 5_001_000 + 2000),
        ] {
            assert_eq!(restored.moment_at(wall_ms), Moment(moment));
        }
    }

    #[test]
    fn a_history_is_written_in_parts_and_a_file_without_one_is_read() {
        let past = (0..250).map(|at| PastOrder {
            record: record("one"),
            ended: Moment(at),
            end: OrderEnd::Lifted {
                by: "bob".to_owned(),
                reason: String::new(),
            },
        });
        let whole = Snapshot {
            past: past.collect(),
            ..snapshot(1000, 1)
        };
        let (mut log, mut file) = (HealthLog::default(), Vec::new());
        log.take(Keep::Whole(whole.clone()), 5);
        write(&mut log, &mut file);
        assert_eq!(HealthLog::read(&file).1.unwrap().snapshot, whole);
        // As it was written before there was a history.
        let older = br#"{"wall_ms":5,"snapshot":{"at":9,"orders":[{"order":{"action":"drain","scope":"eu","author":"ada","reason":""},"given":7,"from":null,"until":null}]}}"#;
        let mut file = Vec::new();
        lines::write(&mut file, 0, older);
        let (_, restored, damage) = HealthLog::read(&file);
        let found = restored.unwrap().snapshot;
        assert_eq!((found.orders.unwrap().len(), damage), (1, None));
        assert_eq!(found.past, []);
    }

    #[test]
    fn a_file_stays_short() {
        let (mut log, mut file) = (HealthLog::default(), Vec::new());
        log.take(Keep::Whole(snapshot(0, 1000)), 0);
        for at in 1..5000 {
            log.take(part(at, "two"), at);
            write(&mut log, &mut file);
            assert!(file.len() < 3 * ROOM_LEAST, "{at}: {}", file.len());
        }
        let (_, restored, damage) = HealthLog::read(&file);
        assert_eq!(
            (restored.unwrap().snapshot.at, damage),
            (Moment(4999), None)
        );
    }

    #[test]
    fn after_a_write_that_failed_everything_is_written() {
        let (mut log, mut file) = (HealthLog::default(), Vec::new());
        log.take(Keep::Whole(snapshot(0, 10)), 0);
        write(&mut log, &mut file);
        log.take(part(1, "two"), 1);
        assert!(matches!(log.write(), Ok(Some(LogWrite::Append(_)))));
        log.written(None);
        log.take(part(2, "three"), 2);
        assert!(matches!(log.write(), Ok(Some(LogWrite::Replace(_)))));
        write(&mut log, &mut file);
        assert_eq!(log.write(), Ok(None));
        let (_, restored, _) = HealthLog::read(&file);
        assert_eq!(
            restored.unwrap().snapshot.orders,
            Some(vec![record("three")])
        );
    }
}
