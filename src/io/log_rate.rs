//! A bound on lines of the log that strangers can bring about at will.
//!
//! One a second, and the next one says how many were left out: so whoever sends five thousand packets writes neither
//! five thousand lines nor over those of others. What was left out when it stops is said by whoever looks around
//! ([`LogRate::overdue`]).
//!
//! It knows neither what a line says nor where it goes.
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Moment;

/// Time between two lines of one kind, milliseconds.
const EVERY_MS: u64 = 1000;

/// The lines of one kind; threads share it.
#[derive(Debug, Default)]
pub struct LogRate {
    /// From when on the next line may be written, by the clock's milliseconds.
    due: AtomicU64,
    left_out: AtomicU64,
}

impl LogRate {
    /// Lets a line be written, or counts it as left out; gives how many were left out since the line before.
    #[must_use]
    pub fn admit(&self, now: Moment) -> Option<u64> {
        let admitted = self.take_turn(now);
        if !admitted {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }

    /// The number that were left out, if any were and a line may be written again.
    #[must_use]
    pub fn overdue(&self, now: Moment) -> Option<u64> {
        if self.left_out.load(Ordering::Relaxed) == 0 || !self.take_turn(now) {
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed)).filter(|left_out| *left_out > 0)
    }

    /// Of threads that come at once one has the turn.
    fn take_turn(&self, now: Moment) -> bool {
        let due = self.due.load(Ordering::Relaxed);
        let next = now.0.saturating_add(EVERY_MS);
        let (relaxed, again) = (Ordering::Relaxed, Ordering::Relaxed);
        now.0 >= due && self.due.compare_exchange(due, next, relaxed, again).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_and_all_are_counted() {
        let rate = LogRate::default();
        let at = |ms: u64| Moment(10_000 + ms);
        assert_eq!(rate.admit(at(0)), Some(0));
        for ms in 1..1000 {
            assert_eq!(rate.admit(at(ms)), None);
        }
        assert_eq!(rate.overdue(at(999)), None);
        assert_eq!(rate.admit(at(1000)), Some(999));
        assert_eq!(rate.overdue(at(2500)), None, "nothing was left out");
        assert_eq!(rate.admit(at(2500)), Some(0));
        assert_eq!(rate.admit(at(2600)), None);
        assert_eq!(rate.overdue(at(3500)), Some(1));
        assert_eq!(rate.admit(at(3600)), None, "that was a line as well");
    }
}
