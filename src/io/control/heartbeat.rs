//! The sign that the control loop still turns, and its word on this node's anycast route.
//!
//! The loop writes down the moment of each of its turns; whoever asks how the process is compares
//! it with now. So a question about its health costs the loop nothing, and a loop that is stuck is
//! found by its silence. What the loop does in a turn is not known here.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use crate::base::limits::CONTROL_LOOP_TURN;
use crate::base::{Moment, Span};

/// When the control loop turned first and last.
#[derive(Debug, Default)]
pub struct Heartbeat {
    first: OnceLock<Moment>,
    /// Milliseconds of the clock; of no meaning before the first turn.
    last: AtomicU64,
    /// The reason for which the route is withdrawn.
    withdrawn: RwLock<Option<String>>,
}

impl Heartbeat {
    /// The loop begins a turn.
    pub fn beat(&self, now: Moment) {
        // Whoever sees that there was a first turn must see its moment as the last.
        self.last.store(now.0, Ordering::Release);
        self.first.get_or_init(|| now);
    }

    /// The anycast route is withdrawn for this reason, or may be announced.
    pub fn withdraw(&self, reason: Option<&str>) {
        if self.withdrawn().as_deref() != reason {
            let mut own = self
                .withdrawn
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *own = reason.map(str::to_owned);
        }
    }

    /// The reason for which the anycast route is withdrawn, if it is.
    #[must_use]
    pub fn withdrawn(&self) -> Option<String> {
        let own = self.withdrawn.read();
        own.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long the loop has been turning; `None` if it does not: before its first turn, and when
    /// the last one began longer ago than [`CONTROL_LOOP_TURN`].
    #[must_use]
    pub fn uptime(&self, now: Moment) -> Option<Span> {
        let first = self.first.get()?;
        let last = Moment(self.last.load(Ordering::Acquire));
        (now.since(last) <= CONTROL_LOOP_TURN).then(|| now.since(*first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_well_from_its_first_turn_until_one_is_overdue() {
        let heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.uptime(Moment(50)), None, "it has not begun");
        heartbeat.beat(Moment(100));
        let overdue = Moment(101).after(CONTROL_LOOP_TURN);
        assert_eq!(heartbeat.uptime(Moment(100)), Some(Span(0)));
        assert_eq!(heartbeat.uptime(overdue), None);
        heartbeat.beat(Moment(2100));
        let uptime = Span(CONTROL_LOOP_TURN.0 + 1);
        assert_eq!(heartbeat.uptime(overdue), Some(uptime));
        // A clock that was read before the beat is no reason to doubt it.
        assert_eq!(heartbeat.uptime(Moment(2099)), Some(Span(1999)));
    }
}
