//! Rise and fall: whether one address, watched in one way, is up.
//!
//! ```text
//!              first pass                 `fall` failures, accumulated
//!  unproven ---------------> up(failures) ---------------------------> down(successes)
//!      |                      ^                                            |  ^
//!      |                      '--------- `rise` successes in a row --------'  |
//!      '------------------------------- first failure ------------------------'
//! ```
//!
//! # Trip conditions
//! While up, failures add up; `fall` of them take the slot down. Only `rise` successes in a row
//! wipe the count: what fails every third probe is not well, and goes down in the end. A monitor that
//! asks for failures in a row ([`FailureCount::Consecutive`]) has the count wiped by any success.
//!
//! # Protection on first start
//! Before any result a slot is *unproven*, which is not down. The first result decides at once:
//! nobody waits for `rise` probes to learn what is plain to see. What is known from before a restart goes on
//! counting where it stopped, unless it is too old ([`SlotHealth::forget_older`]).
//!
//! # Recovery conditions
//! While down, `rise` successes in a row bring the slot up; any failure between starts the count
//! again. How much a recovered target may carry is for [`super::target`] to say.
//!
//! # Streaks
//! Successes in a row are counted in every state, the first one and those of a rise as well. A slot
//! that is up because it never quite fell has no streak after its last failure: that is not down,
//! but no proof either, and what asks for proof (a gate) asks for [`SlotHealth::has_streak`].
//!
//! # Slowness
//! Where slow endpoints serve a part of their clients (`degraded`), a second state of the same kind runs beside the first:
//! what passes later than `slow_after`, or fails, counts against it, and what passes in time for it. While that one is down and the
//! first is up, the slot is *slow* ([`SlotHealth::is_slow`]).
//!
//! It does not know whose slot it is, nor when it is probed next; it only says how long the
//! next interval should be.
use serde::{Deserialize, Serialize};

use crate::base::{Cause, Moment, Span};
use crate::plan::{FailureCount, Monitor, ValueBefore};

use super::{ProbeResult, Report};

/// What is known of one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotHealth {
    state: State,
    /// The same of its pace: down while it is slow; unproven where nobody asks.
    #[serde(default, skip_serializing_if = "State::is_unproven")]
    pace: State,
    last: Option<(Moment, Report)>,
}

/// Tells whether a slot is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No probe has finished yet.
    #[default]
    Unproven,
    /// Serving.
    Up {
        /// Failures counted since the count was last wiped.
        failures: u16,
        /// Successes in a row, up to `rise`.
        successes: u16,
    },
    /// Not serving.
    Down {
        /// Successes in a row.
        successes: u16,
        /// Of the failure that took it down.
        cause: Cause,
    },
}

impl SlotHealth {
    /// Folds one report in.
    pub fn observe(&mut self, monitor: &Monitor, now: Moment, report: Report) {
        let report = self.judged(monitor, report);
        self.state = match report.outcome {
            ProbeResult::Pass => self.state.passed(monitor),
            ProbeResult::Fail(cause) => self.state.failed(monitor, cause),
        };
        self.pace = match report.outcome {
            _ if monitor.degraded.is_none() => State::Unproven,
            ProbeResult::Pass if !report.is_late(monitor) => self.pace.passed(monitor),
            ProbeResult::Pass | ProbeResult::Fail(_) => self.pace.failed(monitor, Cause::Slow),
        };
        self.last = Some((now, report));
    }

    /// A report with its value judged: one that passes by the bounds alone may have to come back further.
    fn judged(&self, monitor: &Monitor, report: Report) -> Report {
        let before = match self.last_failure() {
            Some(Cause::OutOfBounds) => ValueBefore::Outside,
            Some(_) | None => ValueBefore::Within,
        };
        match (report.outcome, report.value) {
            (ProbeResult::Pass, Some(value)) if !monitor.holds(value, before) => Report {
                outcome: ProbeResult::Fail(Cause::OutOfBounds),
                ..report
            },
            (ProbeResult::Pass | ProbeResult::Fail(_), _) => report,
        }
    }

    /// Tells whether it is up.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Tells whether it is up, and slower than a monitor allows that leaves slow endpoints a part of their clients.
    #[must_use]
    pub fn is_slow(&self, monitor: &Monitor) -> bool {
        let is_up = matches!(self.state, State::Up { .. });
        is_up && monitor.degraded.is_some() && matches!(self.pace, State::Down { .. })
    }

    /// The state, and that of its pace.
    #[must_use]
    pub fn states(&self) -> (State, State) {
        (self.state, self.pace)
    }

    /// Tells whether it is up, and its last `rise` probes passed.
    #[must_use]
    pub fn has_streak(&self, monitor: &Monitor) -> bool {
        match self.state {
            State::Up { successes, .. } => successes >= monitor.rise,
            State::Unproven | State::Down { .. } => false,
        }
    }

    /// The last report and when it came.
    #[must_use]
    pub fn last(&self) -> Option<(Moment, Report)> {
        self.last
    }

    /// Forgets all if the last report is older than `most`: it says nothing any more, neither that it is up nor
    /// that it is down.
    pub fn forget_older(&mut self, now: Moment, most: Span) {
        if self.last.is_some_and(|(at, _)| now.since(at) > most) {
            *self = Self::default();
        }
    }

    /// What the last probe saw, if it failed.
    #[must_use]
    pub fn last_failure(&self) -> Option<Cause> {
        match self.last?.1.outcome {
            ProbeResult::Pass => None,
            ProbeResult::Fail(cause) => Some(cause),
        }
    }

    /// Time to the next probe: short when one more result or two would flip the state.
    #[must_use]
    pub fn next_interval(&self, monitor: &Monitor) -> Span {
        let is_near = |state: &State| match state {
            State::Up { failures: 1.., .. } | State::Down { successes: 1.., .. } => true,
            State::Unproven | State::Up { .. } | State::Down { .. } => false,
        };
        match [self.state, self.pace].iter().any(is_near) {
            true => monitor.near_interval,
            false => monitor.interval,
        }
    }

    /// The time until it could flip at the earliest: the results still missing, times the
    /// interval in force. Nothing while unproven, for then the next result decides.
    #[must_use]
    pub fn hold(&self, monitor: &Monitor) -> Span {
        let Some(missing) = self.state.missing(monitor) else {
            return Span::ZERO;
        };
        let missing = missing.min(self.pace.missing(monitor).unwrap_or(missing));
        self.next_interval(monitor).times(u64::from(missing.max(1)))
    }
}

impl State {
    fn passed(self, monitor: &Monitor) -> Self {
        match self {
            Self::Unproven => Self::up(1),
            Self::Up {
                failures,
                successes,
            } => {
                let successes = successes.saturating_add(1).min(monitor.rise);
                let wiped =
                    successes >= monitor.rise || monitor.failures == FailureCount::Consecutive;
                Self::Up {
                    failures: if wiped { 0 } else { failures },
                    successes,
                }
            }
            Self::Down { successes, .. } if successes.saturating_add(1) >= monitor.rise => {
                Self::up(monitor.rise)
            }
            Self::Down { successes, cause } => Self::Down {
                successes: successes + 1,
                cause,
            },
        }
    }

    fn failed(self, monitor: &Monitor, cause: Cause) -> Self {
        match self {
            Self::Up { failures, .. } if failures.saturating_add(1) < monitor.fall => Self::Up {
                failures: failures + 1,
                successes: 0,
            },
            Self::Unproven | Self::Up { .. } => Self::Down {
                successes: 0,
                cause,
            },
            Self::Down { cause, .. } => Self::Down {
                successes: 0,
                cause,
            },
        }
    }

    /// Results that it takes at the least until it flips; absent while the next one decides.
    fn missing(self, monitor: &Monitor) -> Option<u16> {
        match self {
            Self::Unproven => None,
            Self::Up { failures, .. } => Some(monitor.fall.saturating_sub(failures)),
            Self::Down { successes, .. } => Some(monitor.rise.saturating_sub(successes)),
        }
    }

    fn is_unproven(&self) -> bool {
        *self == Self::Unproven
    }

    const fn up(successes: u16) -> Self {
        Self::Up {
            failures: 0,
            successes,
        }
    }

    /// The state as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Up { .. } => "up",
            Self::Down { .. } => "down",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Check, ProbeSource};

    use super::*;

    fn monitor(rise: u16, fall: u16) -> Monitor {
        Monitor {
            name: "web".into(),
            check: Check::default(),
            port: 443,
            interval: Span(5000),
            near_interval: Span(1000),
            timeout: Span(2000),
            slow_after: None,
            degraded: None,
            source: ProbeSource::default(),
            fall,
            failures: FailureCount::Accumulated,
            rise,
        }
    }

    #[test]
    fn failures_in_a_row_are_wiped_by_any_success() {
        let monitor = Monitor {
            failures: FailureCount::Consecutive,
            ..monitor(3, 3)
        };
        for (results, expected) in [
            ("+--+--+--", "uuuuuuuuu"),
            ("+---", "uuud"),
            ("+--+---", "uuuuuud"),
            ("+---++-+++", "uuuddddddu"),
        ] {
            assert_eq!(states(&monitor, results), expected, "{results}");
        }
    }

    fn report(result: char) -> Report {
        let outcome = match result {
            '+' => ProbeResult::Pass,
            _ => ProbeResult::Fail(Cause::Refused),
        };
        Report {
            outcome,
            timing: crate::health::Timing::default(),
            certificate_expires: None,
            value: None,
        }
    }

    /// The states after each of a row of results: `+` passed, `-` failed.
    fn states(monitor: &Monitor, results: &str) -> String {
        let mut slot = SlotHealth::default();
        let letters = results.chars().map(|result| {
            slot.observe(monitor, Moment(7), report(result));
            slot.state().word().chars().next().unwrap()
        });
        letters.collect()
    }

    #[test]
    fn rise_and_fall() {
        for (rise, fall, results, expected) in [
            (3, 3, "+", "u"),
            (3, 3, "-", "d"),
            (3, 3, "+---", "uuud"),
            (3, 3, "+--+-", "uuuud"),
            (3, 3, "+--+++--", "uuuuuuuu"),
            (3, 3, "+--++-", "uuuuud"),
            // One failure in three is too many.
            (3, 3, "+-++-++-", "uuuuuuud"),
            (3, 3, "-+++", "dddu"),
            (3, 3, "-++-++-+++", "dddddddddu"),
            (1, 1, "+-+-", "udud"),
            (1, 2, "+-+-+--", "uuuuuud"),
            // Failures from before an outage do not count after it.
            (2, 2, "+--++-", "uudduu"),
        ] {
            assert_eq!(states(&monitor(rise, fall), results), expected, "{results}");
        }
    }

    #[test]
    fn what_passes_too_late_makes_a_slot_slow_and_not_down() {
        let monitor = Monitor {
            slow_after: Some(Span(500)),
            degraded: Some(crate::base::Permille(200)),
            ..monitor(3, 3)
        };
        for (results, expected) in [
            // `s` passes late. The first result decides.
            ("s", "s"),
            ("+s+ss", "uuuus"),
            // Quick ones in a row wipe the count, and bring it back.
            ("+ss+++ss", "uuuuuuuu"),
            ("sss++s+++", "ssssssssu"),
            // What fails is not quick, and a slot that is down is not slow.
            ("+-s-", "uuus"),
            ("---sss+++", "dddddsssu"),
        ] {
            let mut slot = SlotHealth::default();
            let letters = results.chars().map(|result| {
                let mut report = report(if result == 's' { '+' } else { result });
                report.timing.total_us = if result == 's' { 500_001 } else { 500_000 };
                slot.observe(&monitor, Moment(7), report);
                match slot.is_slow(&monitor) {
                    true => 's',
                    false => slot.state().word().chars().next().unwrap(),
                }
            });
            assert_eq!(letters.collect::<String>(), expected, "{results}");
        }
    }

    /// Tells whether the slot has a streak after each of a row of results.
    fn streaks(monitor: &Monitor, results: &str) -> String {
        let mut slot = SlotHealth::default();
        let letters = results.chars().map(|result| {
            slot.observe(monitor, Moment(7), report(result));
            if slot.has_streak(monitor) { 'y' } else { 'n' }
        });
        letters.collect()
    }

    #[test]
    fn a_streak_is_rise_successes_in_a_row() {
        for (rise, results, expected) in [
            (3, "+++", "nny"),
            (3, "+++-+++", "nnynnny"),
            (3, "----+++", "nnnnnny"),
            (3, "-+++-++", "nnnynnn"),
            (1, "+-+", "yny"),
        ] {
            assert_eq!(streaks(&monitor(rise, 3), results), expected, "{results}");
        }
    }

    #[test]
    fn interval_and_hold_shrink_near_a_flip() {
        let monitor = monitor(3, 3);
        let mut slot = SlotHealth::default();
        let mut seen = vec![(slot.next_interval(&monitor), slot.hold(&monitor))];
        for outcome in [
            ProbeResult::Pass,
            ProbeResult::Fail(Cause::Reset),
            ProbeResult::Fail(Cause::Reset),
            ProbeResult::Fail(Cause::Status(503)),
            ProbeResult::Pass,
            ProbeResult::Fail(Cause::Body),
        ] {
            let report = Report {
                outcome,
                timing: crate::health::Timing::default(),
                certificate_expires: None,
                value: None,
            };
            slot.observe(&monitor, Moment(9), report);
            seen.push((slot.next_interval(&monitor), slot.hold(&monitor)));
        }
        let expected = [
            (5000, 0),
            (5000, 15_000),
            (1000, 2000),
            (1000, 1000),
            (5000, 15_000),
            (1000, 2000),
            (5000, 15_000),
        ];
        assert_eq!(seen, expected.map(|(next, hold)| (Span(next), Span(hold))));
        assert_eq!(slot.last_failure(), Some(Cause::Body));
        let down = State::Down {
            successes: 0,
            cause: Cause::Status(503),
        };
        assert_eq!(slot.state(), down, "the cause is that of the fall");
    }
}
