//! Flap damping: how much slower the next return is.
//!
//! Every fall leaves a penalty of one behind, and a penalty halves with each half-life. At the return
//! what is left of the *earlier* falls, rounded to a whole number `n`, makes the return `2^n` times
//! as slow, at most `most` times: so one relapse within a half-life doubles, two in a row make it
//! four times as slow, and rest forgives by itself.
//!
//! # Trip conditions
//! A fall counts if clients had to leave because of it: the target was proven, had a share, and was
//! neither kept nor struck by a blackout ([`super::target`] says which it was). A fall while it
//! waited to come back took nothing from anyone; it leaves the pace as it is.
//!
//! # Protection on first start
//! A first fall has nothing earlier: no hold-down, steps as configured. What a node finds down when
//! it starts has not fallen before its eyes, and leaves no penalty.
//!
//! # Recovery conditions
//! Steps of the ramp last `every` times the factor, and before the first gate the target is held
//! down for `every` times (the factor less one). The factor stays what it was when the target
//! rose: a ramp that changed its pace on the way could not be foretold.
//!
//! Whole numbers only (thousandths of a fall, milliseconds), so that every machine reckons alike:
//! within a half-life the penalty shrinks along a straight line.
use serde::{Deserialize, Serialize};

use crate::base::{Moment, Span};
use crate::plan::DampingPolicy;

/// The penalties of one target, and the pace that they have set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damping {
    /// Of all falls but the last that counted.
    earlier: Penalty,
    /// Of all falls that counted.
    all: Penalty,
    times: u16,
}

/// How the fall counts after which a target is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fall {
    /// Clients had to leave because of it, at this moment.
    Counts(Moment),
    /// It took nothing from anyone, or never happened before this node's eyes.
    Slight,
}

/// So many thousandths of a fall, at that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Penalty {
    millis: u64,
    at: Moment,
}

const ONE_FALL: u64 = 1000;
/// More doublings than a factor has room for.
const DOUBLINGS_MOST: u64 = 15;

impl Damping {
    /// A target that has never fallen.
    pub const NONE: Self = Self {
        earlier: Penalty::NONE,
        all: Penalty::NONE,
        times: 1,
    };

    /// The target is back: sets the pace of this return.
    pub fn returns(&mut self, policy: &DampingPolicy, fall: Fall, now: Moment) {
        if let Fall::Counts(fell) = fall {
            self.earlier = self.all;
            self.all = Penalty {
                millis: self.all.left(policy, fell) + ONE_FALL,
                at: fell,
            };
        }
        let falls = (self.earlier.left(policy, now) + ONE_FALL / 2) / ONE_FALL;
        let times = 1_u16 << falls.min(DOUBLINGS_MOST);
        self.times = times.min(policy.most).max(1);
    }

    /// Leaves so much time out of account: no penalty fades while nobody watches.
    pub fn leave_out(&mut self, time: Span) {
        for penalty in [&mut self.earlier, &mut self.all] {
            penalty.at = penalty.at.after(time);
        }
    }

    /// How long a step lasts that is configured to last `every`; never no time at all.
    #[must_use]
    pub fn pace(self, every: Span) -> Span {
        every.max(Span(1)).times(u64::from(self.times))
    }

    /// How long the target is held down before its return begins.
    #[must_use]
    pub fn hold_down(self, every: Span) -> Span {
        every.times(u64::from(self.times - 1))
    }
}

impl Penalty {
    const NONE: Self = Self {
        millis: 0,
        at: Moment(0),
    };

    /// What is left of it: half for each whole half-life, and on a straight line between.
    fn left(self, policy: &DampingPolicy, now: Moment) -> u64 {
        let half_life = policy.half_life.0.max(1);
        let age = now.since(self.at).0;
        let halvings = u32::try_from(age / half_life).unwrap_or(u32::MAX);
        let half_lived = self.millis.checked_shr(halvings).unwrap_or(0);
        let part = u128::from(half_lived) * u128::from(age % half_life);
        let lost = part / (2 * u128::from(half_life));
        half_lived - u64::try_from(lost).unwrap_or(half_lived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: DampingPolicy = DampingPolicy {
        half_life: Span(1000),
        most: 8,
    };

    #[test]
    fn a_penalty_halves_with_each_half_life() {
        let penalty = Penalty {
            millis: 4000,
            at: Moment(100),
        };
        for (now, left) in [
            (0, 4000),
            (100, 4000),
            (350, 3500),
            (600, 3000),
            (1100, 2000),
            (1600, 1500),
            (2100, 1000),
            (12_100, 0),
            (u64::MAX, 0),
        ] {
            assert_eq!(penalty.left(&POLICY, Moment(now)), left, "at {now}");
        }
    }

    /// The factors of a row of returns, each one a moment after its fall.
    fn factors(policy: &DampingPolicy, falls: &[u64]) -> Vec<u64> {
        let mut damping = Damping::NONE;
        let returns = falls.iter().map(|fell| {
            damping.returns(policy, Fall::Counts(Moment(*fell)), Moment(fell + 1));
            let pace = damping.pace(Span(10)).0;
            assert_eq!(damping.hold_down(Span(10)).0, pace - 10);
            pace / 10
        });
        returns.collect()
    }

    #[test]
    fn relapses_double_up_to_the_most_and_rest_forgives() {
        let most = |most| DampingPolicy { most, ..POLICY };
        let quick = [0, 10, 20, 30, 40];
        assert_eq!(factors(&POLICY, &quick), [1, 2, 4, 8, 8]);
        assert_eq!(factors(&most(3), &quick), [1, 2, 3, 3, 3]);
        assert_eq!(factors(&most(1), &quick), [1; 5]);
        assert_eq!(factors(&POLICY, &[0, 998, 10_000]), [1, 2, 1]);
        assert_eq!(factors(&POLICY, &[0, 1010]), [1, 1], "halved, so forgiven");
        let many: Vec<u64> = (0..40).collect();
        assert_eq!(factors(&most(u16::MAX), &many).last(), Some(&(1 << 15)));
    }

    #[test]
    fn a_slight_fall_adds_nothing_and_is_slowed_by_earlier_ones_only() {
        let mut damping = Damping::NONE;
        let mut pace = |fall, now| {
            damping.returns(&POLICY, fall, Moment(now));
            damping.pace(Span(10)).0
        };
        assert_eq!(pace(Fall::Counts(Moment(0)), 5), 10);
        assert_eq!(
            pace(Fall::Slight, 10),
            10,
            "its own fall is not an earlier one"
        );
        assert_eq!(pace(Fall::Counts(Moment(20)), 25), 20);
        assert_eq!(pace(Fall::Slight, 30), 20);
        assert_eq!(pace(Fall::Slight, 2000), 10, "forgiven while it waited");
    }

    #[test]
    fn no_configured_time_is_still_some_time() {
        assert_eq!(Damping::NONE.pace(Span::ZERO), Span(1));
        assert_eq!(Damping::NONE.hold_down(Span::ZERO), Span::ZERO);
    }
}
