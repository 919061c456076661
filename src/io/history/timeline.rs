//! The timeline in memory: events, a summary of each minute, latencies of probes, and how shares have changed.
//!
//! All of it is bounded, by age ([`HISTORY_KEPT`]) and by number. Shares are kept as changes, each with what was before it, so
//! that the shares of any moment that is kept can be told ([`HistoryTimeline::shares_at`]) without a copy of all of them for each. It
//! knows no clock, no files, and not what a share is of: only its name, which outlasts a plan.
use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::TimelineEvent;
use crate::base::Utc;
use crate::base::limits::{
    HISTORY_CHANGES, HISTORY_EVENTS, HISTORY_KEPT, HISTORY_LATENCIES, HISTORY_MINUTES,
};

/// A minute in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MinuteSummary {
    /// The end of it.
    pub ended_at: Utc,
    /// The generation at its end.
    pub generation: u64,
    /// Tables that were published in it.
    pub tables: u64,
    /// Steered answers by region, none of them over a restart; those without a region under the empty name.
    pub answers: BTreeMap<String, u64>,
    /// The part of all clients of known place that is sent to each region, in permille, at its end.
    pub clients: BTreeMap<String, u16>,
    /// Endpoints by state, each in the worst of its targets.
    pub states: BTreeMap<String, u64>,
}

/// Durations of probes, in microseconds, by endpoint: the longest of its last ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencySample {
    /// The moment.
    pub at: Utc,
    /// By endpoint.
    pub took: BTreeMap<String, u32>,
}

/// Something to be remembered; how it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryEntry {
    /// An event.
    Event(TimelineEvent),
    /// A minute.
    Minute(MinuteSummary),
    /// Latencies.
    Latency(LatencySample),
    /// Shares that have changed: when, in milliseconds since 1970, and each with what it was and what it is.
    Shares(u64, Vec<(String, u16, u16)>),
}

/// A change of one share: what it was before.
#[derive(Clone, Copy, Debug)]
struct ShareChange {
    at_ms: u64,
    key: u32,
    before: u16,
}

/// All that is remembered.
#[derive(Debug, Default)]
pub struct HistoryTimeline {
    events: VecDeque<TimelineEvent>,
    minutes: VecDeque<MinuteSummary>,
    latencies: VecDeque<LatencySample>,
    changes: VecDeque<ShareChange>,
    keys: Vec<String>,
    numbers: HashMap<String, u32>,
    /// The shares that are known last, by key.
    last: Vec<Option<u16>>,
    next_event: u64,
}

impl HistoryTimeline {
    /// Takes something in, in the order in which it happened; an event is given its number.
    pub fn take(&mut self, entry: &mut HistoryEntry) {
        match entry {
            HistoryEntry::Event(event) => {
                if event.number == 0 {
                    event.number = self.next_event.max(1);
                }
                self.next_event = event.number + 1;
                push(&mut self.events, event.clone(), HISTORY_EVENTS);
            }
            HistoryEntry::Minute(minute) => {
                push(&mut self.minutes, minute.clone(), HISTORY_MINUTES);
                self.forget(minute.ended_at);
            }
            HistoryEntry::Latency(sample) => {
                push(&mut self.latencies, sample.clone(), HISTORY_LATENCIES);
            }
            HistoryEntry::Shares(at_ms, changes) => {
                for (key, before, after) in changes {
                    let key = self.number(key);
                    self.last[key as usize] = Some(*after);
                    let change = ShareChange {
                        at_ms: *at_ms,
                        key,
                        before: *before,
                    };
                    push(&mut self.changes, change, HISTORY_CHANGES);
                }
            }
        }
    }

    /// Changes that lead from the shares known last to these; those never seen before are noted as they are, and are none.
    pub fn changed<'k>(
        &mut self,
        shares: impl Iterator<Item = (&'k str, u16)>,
    ) -> Vec<(String, u16, u16)> {
        let mut changes = Vec::new();
        for (key, share) in shares {
            let number = self.number(key) as usize;
            match self.last[number].replace(share) {
                Some(before) if before != share => changes.push((key.to_owned(), before, share)),
                Some(_) | None => {}
            }
        }
        changes
    }

    /// Events and minutes since a moment, and tables that were published.
    #[must_use]
    pub fn since(&self, from: Utc) -> (Vec<TimelineEvent>, Vec<MinuteSummary>) {
        let events = self.events.iter().filter(|event| event.told_at >= from);
        let minutes = self.minutes.iter().filter(|minute| minute.ended_at >= from);
        (events.cloned().collect(), minutes.cloned().collect())
    }

    /// Durations of an endpoint's probes, oldest first.
    #[must_use]
    pub fn latencies(&self, endpoint: &str) -> Vec<(Utc, u32)> {
        let samples = self.latencies.iter();
        let own = samples.filter_map(|one| Some((one.at, *one.took.get(endpoint)?)));
        own.collect()
    }

    /// The shares that have changed since a moment, as they were then.
    #[must_use]
    pub fn shares_at(&self, at: Utc) -> BTreeMap<&str, u16> {
        let mut found: BTreeMap<u32, u16> = BTreeMap::new();
        // From the last to the first: what was before the earliest change that came later is what was then.
        for change in self.changes.iter().rev() {
            if change.at_ms <= at.0 {
                break;
            }
            found.insert(change.key, change.before);
        }
        let found = found.into_iter();
        found
            .map(|(key, share)| (self.keys[key as usize].as_str(), share))
            .collect()
    }

    /// The first moment of which anything is known; absent if there is none.
    #[must_use]
    pub fn begins(&self) -> Option<Utc> {
        let minute = self.minutes.front().map(|minute| minute.ended_at);
        let event = self.events.front().map(|event| event.told_at);
        minute.into_iter().chain(event).min()
    }

    fn number(&mut self, key: &str) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = u32::try_from(self.keys.len()).expect("targets are fewer than 2^32");
        self.keys.push(key.to_owned());
        self.last.push(None);
        self.numbers.insert(key.to_owned(), number);
        number
    }

    /// Forgets what is older than is kept.
    fn forget(&mut self, now: Utc) {
        let first = Utc(now.0.saturating_sub(HISTORY_KEPT.0));
        let is_old = |at: Utc| at < first;
        while self.events.front().is_some_and(|own| is_old(own.told_at)) {
            self.events.pop_front();
        }
        while self.minutes.front().is_some_and(|own| is_old(own.ended_at)) {
            self.minutes.pop_front();
        }
        while self.latencies.front().is_some_and(|own| is_old(own.at)) {
            self.latencies.pop_front();
        }
        while self.changes.front().is_some_and(|own| own.at_ms < first.0) {
            self.changes.pop_front();
        }
    }
}

fn push<T>(list: &mut VecDeque<T>, one: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(seconds: u64) -> HistoryEntry {
        HistoryEntry::Minute(MinuteSummary {
            ended_at: Utc::from_seconds(seconds),
            ..MinuteSummary::default()
        })
    }

    #[test]
    fn the_shares_of_a_moment_are_those_before_what_came_later() {
        let mut timeline = HistoryTimeline::default();
        let first = timeline.changed([("a", 1000), ("b", 500)].into_iter());
        assert!(first.is_empty(), "nothing has changed yet");
        for (at, shares) in [(10, [0, 500]), (20, [0, 900]), (30, [1000, 900])] {
            let shares = ["a", "b"].into_iter().zip(shares);
            let changes = timeline.changed(shares);
            timeline.take(&mut HistoryEntry::Shares(at, changes));
        }
        for (at, expected) in [
            (9, vec![("a", 1000), ("b", 500)]),
            (10, vec![("a", 0), ("b", 500)]),
            (25, vec![("a", 0)]),
            (30, vec![]),
        ] {
            let found: Vec<_> = timeline.shares_at(Utc(at)).into_iter().collect();
            assert_eq!(found, expected, "{at}");
        }
    }

    #[test]
    fn what_is_old_is_forgotten_and_numbers_go_on() {
        let mut timeline = HistoryTimeline::default();
        let mut event = |at| {
            let mut entry = HistoryEntry::Event(TimelineEvent {
                told_at: Utc::from_seconds(at),
                ..TimelineEvent::default()
            });
            timeline.take(&mut entry);
        };
        event(100);
        event(200_000);
        timeline.take(&mut minute(200_060));
        let (events, minutes) = timeline.since(Utc(0));
        assert_eq!((events.len(), minutes.len()), (1, 1));
        assert_eq!(events[0].number, 2);
        assert_eq!(timeline.begins(), Some(Utc::from_seconds(200_000)));
    }
}
