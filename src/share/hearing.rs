//! Freshness: how old a vote is that came just now, and how far its author's clock is off.
//!
//! A vote's age runs by the receiver's monotonic clock from when it came. What comes late was on its way for long, though, or was
//! kept by a relay whose author is long dead; its author's own clock says so, but that clock may be wrong by some minutes. So the
//! receiver remembers the least delay of an author, by both wall clocks: as much as a vote is slower than that, it is old when it
//! comes. An author whose clock was set shows as late for some seconds; votes that come over such a time with the same delay are no
//! relay's store, and make that delay the least.
//!
//! Past [`CLUSTER_SKEW_MOST`] a vote does not count at all. So a carrier that holds back one author's votes by
//! less than that, all of them and evenly, is not told from a clock that is wrong.
use crate::base::limits::CLUSTER_SKEW_MOST;
use crate::base::{Moment, Span, Utc};

/// Difference of two delays that are the same.
const SAME_DELAY: u64 = 2_000;
/// Time over which delays are the same until that is the author's clock.
const STEADY: Span = Span(5_000);

/// Clock and delay of an author, by its votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// The moment from which the newest vote's age counts; none, if that was before this process began.
    at: Option<Moment>,
    came: Moment,
    /// The receiver's wall clock less the sender's, of the newest vote.
    delay: i64,
    least: i64,
    /// Since when delays are the same as this one.
    steady: (Moment, i64),
}

impl Hearing {
    /// The hearing after a vote that was sent at that time came now; `before` is the one until then.
    #[must_use]
    pub fn of(before: Option<Self>, now: Moment, wall: Utc, sent: Utc) -> Self {
        let delay = difference(wall, sent);
        let steady = before.map(|before| before.steady);
        let steady = steady.filter(|(_, same)| same.abs_diff(delay) <= SAME_DELAY);
        let steady = steady.unwrap_or((now, delay));
        let least = match before {
            None => delay.min(0),
            Some(before) if now.since(steady.0) >= STEADY => delay.min(before.delay),
            Some(before) => before.least.min(delay),
        };
        let late = Span(delay.abs_diff(least));
        Self {
            at: now.0.checked_sub(late.0).map(Moment),
            came: now,
            delay,
            least,
            steady,
        }
    }

    /// The moment at which the newest vote was given, by the receiver's clock; none, if clocks are too far apart, or it was before
    /// that clock began.
    #[must_use]
    pub fn at(&self) -> Option<Moment> {
        self.at.filter(|_| self.skew() <= CLUSTER_SKEW_MOST)
    }

    /// The moment at which it came.
    #[must_use]
    pub fn came(&self) -> Moment {
        self.came
    }

    /// The difference of the two wall clocks, its delay included.
    #[must_use]
    pub fn skew(&self) -> Span {
        Span(self.delay.unsigned_abs())
    }
}

fn difference(wall: Utc, sent: Utc) -> i64 {
    let apart = i64::try_from(wall.0.abs_diff(sent.0)).unwrap_or(i64::MAX);
    if wall >= sent { apart } else { -apart }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ages at which votes count that come at these moments with these delays.
    fn ages(votes: &[(u64, i64)]) -> Vec<Option<u64>> {
        let mut hearing = None;
        let mut ages = Vec::new();
        for (came, delay) in votes {
            let wall = Utc(10_000_000);
            let sent = Utc(wall.0.checked_add_signed(-delay).unwrap());
            let next = Hearing::of(hearing, Moment(*came), wall, sent);
            ages.push(next.at().map(|at| came - at.0));
            hearing = Some(next);
        }
        ages
    }

    #[test]
    fn what_was_kept_by_a_relay_is_old_when_it_comes() {
        let kept = ages(&[
            (100_000, 50),
            (101_000, 60),
            (150_000, 40_000),
            (151_000, 41_000),
        ]);
        assert_eq!(kept, [Some(50), Some(60), Some(40_000), Some(41_000)]);
        assert_eq!(
            ages(&[(100_000, 60_000)]),
            [Some(60_000)],
            "the first of all"
        );
        let begun = ages(&[(1_500, 60_000)]);
        assert_eq!(begun, [None], "by one that has just begun");
    }

    #[test]
    fn a_clock_that_is_off_counts_once_its_delay_is_steady() {
        let slow = ages(&[
            (100_000, 20_000),
            (101_000, 20_100),
            (105_000, 20_050),
            (106_000, 20_080),
        ]);
        assert_eq!(slow, [Some(20_000), Some(20_100), Some(0), Some(30)]);
        let fast = ages(&[(100_000, -20_000), (101_000, -19_900)]);
        assert_eq!(fast, [Some(0), Some(100)]);
        let set_back = ages(&[
            (100_000, 0),
            (101_000, 40_000),
            (104_000, 40_000),
            (106_000, 40_000),
        ]);
        assert_eq!(set_back, [Some(0), Some(40_000), Some(40_000), Some(0)]);
    }

    #[test]
    fn five_minutes_off_has_no_vote() {
        let off = ages(&[(900_000, 300_001), (906_000, 300_001)]);
        assert_eq!(off, [None, None]);
        assert_eq!(ages(&[(900_000, -300_001)]), [None]);
        let just = ages(&[(900_000, 300_000), (906_000, 300_000)]);
        assert_eq!(just, [Some(300_000), Some(0)]);
    }
}
