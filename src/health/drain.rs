//! Drains: how much an operator's order leaves of a target's share.
//!
//! ```text
//!            drain: the next step below its share      each `every`
//!  open ----------------------------------------> falling ---------> drained
//!    ^                                               |                 |
//!    | step of 1000                          undrain: the next step up |
//!    '---------------------- rising <----------------------------------'
//! ```
//!
//! A drain takes the steps of the recovery downwards and an undrain takes them upwards, the first
//! one at once and each further one after `every`. An undrain asks for no gate and no approval:
//! the operator has just spoken, and damping is for what falls by itself.
//!
//! It is a ceiling over what health gives, and knows nothing of health: below it a target falls,
//! recovers and ramps as ever, so that what is undrained has the share that it is fit for. Whoever
//! gives less says why; health does where both give the same, for it outlasts the order.
use serde::{Deserialize, Serialize};

use crate::base::{Moment, Permille, Span, Standing, Why};
use crate::plan::Recovery;

/// What an order leaves of one target's share. A level of `n` is the `n`-th step of the recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ceiling {
    /// There is no order.
    #[default]
    Open,
    /// On the way down.
    Falling {
        /// The step that it may still have, from 1.
        level: u16,
        /// When the next step goes.
        next: Moment,
    },
    /// Nothing is left.
    Drained,
    /// On the way up.
    Rising {
        /// The step that it may have again, from 1.
        level: u16,
        /// When the next step comes.
        next: Moment,
    },
}

impl Ceiling {
    /// Begins to take away what a target has now: `share`.
    pub fn drain(&mut self, now: Moment, recovery: &Recovery, share: Permille) {
        match self {
            Self::Open | Self::Rising { .. } => {
                let level = recovery.steps.partition_point(|step| *step < share);
                *self = Self::falling(level, now, recovery);
            }
            Self::Falling { .. } | Self::Drained => {}
        }
    }

    /// Begins to give back.
    pub fn undrain(&mut self, now: Moment, recovery: &Recovery) {
        match *self {
            Self::Falling { level, .. } => *self = Self::rising(level + 1, now, recovery),
            Self::Drained => *self = Self::rising(1, now, recovery),
            Self::Open | Self::Rising { .. } => {}
        }
    }

    /// Goes up from `had`, after another order than a drain left no more than that; what a drain leaves stays less.
    pub fn rise_from(&mut self, now: Moment, recovery: &Recovery, had: Permille) {
        let up_to = |limit: Permille| recovery.steps.partition_point(|step| *step <= limit);
        match *self {
            Self::Drained => {}
            Self::Falling { level, next } => match as_level(up_to(had)).min(level) {
                0 => *self = Self::Drained,
                level => *self = Self::Falling { level, next },
            },
            Self::Open | Self::Rising { .. } => {
                if self.share(recovery) > had {
                    *self = Self::rising(as_level(up_to(had) + 1), now, recovery);
                }
            }
        }
    }

    /// Gives back at once what is on its way up.
    pub fn open(&mut self) {
        if let Self::Rising { .. } = self {
            *self = Self::Open;
        }
    }

    /// Takes the steps that are due.
    pub fn advance(&mut self, now: Moment, recovery: &Recovery) {
        while let Some(due) = self.next_step()
            && due <= now
        {
            *self = match *self {
                Self::Falling { level, .. } => Self::falling(usize::from(level - 1), due, recovery),
                Self::Rising { level, .. } => Self::rising(level + 1, due, recovery),
                still @ (Self::Open | Self::Drained) => still,
            };
        }
    }

    /// Tells whether an order is taking the target out, or has.
    #[must_use]
    pub fn takes_out(&self) -> bool {
        match self {
            Self::Falling { .. } | Self::Drained => true,
            Self::Open | Self::Rising { .. } => false,
        }
    }

    /// Tells whether it gives back, step by step.
    #[must_use]
    pub fn is_rising(&self) -> bool {
        matches!(self, Self::Rising { .. })
    }

    /// When the next step is due.
    #[must_use]
    pub fn next_step(&self) -> Option<Moment> {
        match *self {
            Self::Falling { next, .. } | Self::Rising { next, .. } => Some(next),
            Self::Open | Self::Drained => None,
        }
    }

    /// Leaves so much time out of account: no step is taken while nobody watches.
    pub fn leave_out(&mut self, time: Span) {
        match self {
            Self::Falling { next, .. } | Self::Rising { next, .. } => *next = next.after(time),
            Self::Open | Self::Drained => {}
        }
    }

    /// The standing that is left of what health gives.
    #[must_use]
    pub fn over(&self, health: Standing, recovery: &Recovery) -> Standing {
        let share = self.share(recovery);
        if share < health.share {
            return Standing {
                share,
                why: self.why(),
                until: self.next_step(),
                hold: health.hold,
                without: health.without,
            };
        }
        let sinks_at = match *self {
            Self::Falling { next, .. } => Some(next),
            Self::Open | Self::Drained | Self::Rising { .. } => None,
        };
        Standing {
            until: health.until.into_iter().chain(sinks_at).min(),
            ..health
        }
    }

    /// Goes on under another recovery policy (of the same name, after a reload): never with more
    /// than it had on the way down, never with less on the way up.
    #[must_use]
    pub fn adopted(self, old: &Recovery, new: &Recovery) -> Self {
        let had = self.share(old);
        match self {
            Self::Open | Self::Drained => self,
            Self::Falling { next, .. } => match new.steps.partition_point(|step| *step <= had) {
                0 => Self::Drained,
                level => Self::Falling {
                    level: as_level(level),
                    next,
                },
            },
            Self::Rising { next, .. } => {
                let level = as_level(new.steps.partition_point(|step| *step < had) + 1);
                match share_of(level, new) {
                    Permille::FULL => Self::Open,
                    _ => Self::Rising { level, next },
                }
            }
        }
    }

    fn why(&self) -> Why {
        match self {
            Self::Falling { .. } => Why::Draining,
            Self::Open | Self::Drained => Why::Drained,
            Self::Rising { .. } => Why::Returning,
        }
    }

    fn share(&self, recovery: &Recovery) -> Permille {
        match *self {
            Self::Open => Permille::FULL,
            Self::Drained => Permille::NONE,
            Self::Falling { level, .. } | Self::Rising { level, .. } => share_of(level, recovery),
        }
    }

    fn falling(level: usize, at: Moment, recovery: &Recovery) -> Self {
        match as_level(level) {
            0 => Self::Drained,
            level => Self::Falling {
                level,
                next: after_step(at, recovery),
            },
        }
    }

    fn rising(level: u16, at: Moment, recovery: &Recovery) -> Self {
        match share_of(level, recovery) {
            Permille::FULL => Self::Open,
            _ => Self::Rising {
                level,
                next: after_step(at, recovery),
            },
        }
    }
}

/// The share of a level from 1; past the last step it is full.
fn share_of(level: u16, recovery: &Recovery) -> Permille {
    let step = usize::from(level).checked_sub(1);
    let share = step.and_then(|step| recovery.steps.get(step));
    share.copied().unwrap_or(Permille::FULL)
}

fn as_level(steps: usize) -> u16 {
    u16::try_from(steps).unwrap_or(u16::MAX)
}

fn after_step(at: Moment, recovery: &Recovery) -> Moment {
    at.after(recovery.every.max(Span(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::AddressSet;
    use crate::plan::{Approval, DampingPolicy};

    fn recovery(steps: &[u16]) -> Recovery {
        Recovery {
            name: "gradual".into(),
            steps: steps.iter().copied().map(Permille).collect(),
            every: Span(100),
            gates: Vec::new(),
            approval: Approval::Automatic,
            delay: Span::ZERO,
            damping: DampingPolicy::DEFAULT,
        }
    }

    fn health(share: u16, until: Option<Moment>) -> Standing {
        Standing {
            share: Permille(share),
            why: Why::Healthy,
            until,
            hold: Span(7),
            without: AddressSet::EMPTY,
        }
    }

    /// The shares of a healthy target at each of these moments.
    fn shares(ceiling: &mut Ceiling, recovery: &Recovery, moments: &[u64]) -> Vec<u16> {
        let shares = moments.iter().map(|now| {
            ceiling.advance(Moment(*now), recovery);
            ceiling.over(health(1000, None), recovery).share.0
        });
        shares.collect()
    }

    #[test]
    fn a_drain_goes_down_the_steps_and_an_undrain_goes_up() {
        let curve = recovery(&[50, 200, 500, 1000]);
        let mut ceiling = Ceiling::Open;
        ceiling.drain(Moment(0), &curve, Permille::FULL);
        let down = shares(&mut ceiling, &curve, &[0, 99, 100, 200, 299, 300, 9000]);
        assert_eq!(down, [500, 500, 200, 50, 50, 0, 0]);
        assert_eq!(ceiling, Ceiling::Drained);
        ceiling.undrain(Moment(10_000), &curve);
        let up = shares(
            &mut ceiling,
            &curve,
            &[10_000, 10_099, 10_100, 10_250, 10_300],
        );
        assert_eq!(up, [50, 50, 200, 500, 1000]);
        assert_eq!(ceiling, Ceiling::Open);
    }

    #[test]
    fn an_order_that_is_taken_back_turns_around_at_once() {
        let curve = recovery(&[50, 200, 500, 1000]);
        let mut ceiling = Ceiling::Open;
        ceiling.drain(Moment(0), &curve, Permille::FULL);
        assert_eq!(shares(&mut ceiling, &curve, &[100]), [200]);
        ceiling.undrain(Moment(110), &curve);
        assert_eq!(shares(&mut ceiling, &curve, &[110, 209]), [500, 500]);
        ceiling.drain(Moment(209), &curve, Permille(500));
        assert_eq!(shares(&mut ceiling, &curve, &[209]), [200]);
        ceiling.drain(Moment(210), &curve, Permille(200));
        assert_eq!(shares(&mut ceiling, &curve, &[309]), [50], "said twice");
    }

    #[test]
    fn a_drain_begins_below_what_the_target_has() {
        let curve = recovery(&[50, 200, 500, 1000]);
        for (share, left) in [(1000, 500), (300, 200), (200, 50), (50, 0), (0, 0)] {
            let mut ceiling = Ceiling::Open;
            ceiling.drain(Moment(0), &curve, Permille(share));
            assert_eq!(shares(&mut ceiling, &curve, &[0]), [left], "{share}");
        }
        let mut ceiling = Ceiling::Open;
        ceiling.drain(Moment(0), &recovery(&[1000]), Permille::FULL);
        assert_eq!(ceiling, Ceiling::Drained, "a curve of one step");
        ceiling.undrain(Moment(1), &recovery(&[1000]));
        assert_eq!(ceiling, Ceiling::Open);
    }

    #[test]
    fn whoever_gives_less_says_why() {
        let curve = recovery(&[200, 500, 1000]);
        let mut ceiling = Ceiling::Open;
        ceiling.drain(Moment(0), &curve, Permille::FULL);
        let less = ceiling.over(health(1000, Some(Moment(40))), &curve);
        assert_eq!((less.share, less.why), (Permille(500), Why::Draining));
        assert_eq!((less.until, less.hold), (Some(Moment(100)), Span(7)));
        for until in [None, Some(Moment(170))] {
            let same = ceiling.over(health(500, until), &curve);
            assert_eq!((same.share, same.why), (Permille(500), Why::Healthy));
            assert_eq!(same.until, Some(Moment(100)), "the ceiling sinks first");
        }
        ceiling.advance(Moment(200), &curve);
        let nothing = ceiling.over(health(0, None), &curve);
        assert_eq!((nothing.share, nothing.why), (Permille::NONE, Why::Healthy));
        assert_eq!(ceiling.over(health(50, None), &curve).why, Why::Drained);
        ceiling.undrain(Moment(300), &curve);
        let back = ceiling.over(health(1000, None), &curve);
        assert_eq!((back.share, back.why), (Permille(200), Why::Returning));
    }

    #[test]
    fn what_another_order_left_comes_back_by_steps() {
        let curve = recovery(&[50, 200, 500, 1000]);
        let next = Moment(100);
        let falling = |level| Ceiling::Falling { level, next };
        let rising = |level| Ceiling::Rising { level, next };
        for (before, had, after) in [
            (Ceiling::Open, 0, rising(1)),
            (Ceiling::Open, 199, rising(2)),
            (Ceiling::Open, 200, rising(3)),
            (Ceiling::Open, 500, Ceiling::Open),
            (Ceiling::Open, 1000, Ceiling::Open),
            (rising(1), 200, rising(1)),
            (rising(3), 0, rising(1)),
            (falling(3), 200, falling(2)),
            (falling(1), 300, falling(1)),
            (falling(3), 0, Ceiling::Drained),
            (Ceiling::Drained, 300, Ceiling::Drained),
        ] {
            let mut ceiling = before;
            ceiling.rise_from(Moment(0), &curve, Permille(had));
            assert_eq!(ceiling, after, "{before:?} {had}");
        }
        let mut ceiling = rising(1);
        ceiling.open();
        assert_eq!(ceiling, Ceiling::Open);
    }

    #[test]
    fn another_curve_gives_no_more_on_the_way_down_and_no_less_on_the_way_up() {
        let (old, new) = (recovery(&[50, 200, 1000]), recovery(&[100, 300, 1000]));
        let next = Moment(5);
        let falling = |level| Ceiling::Falling { level, next };
        let rising = |level| Ceiling::Rising { level, next };
        for (before, after) in [
            (falling(2), falling(1)),
            (falling(1), Ceiling::Drained),
            (rising(1), rising(1)),
            (rising(2), rising(2)),
            (Ceiling::Drained, Ceiling::Drained),
            (Ceiling::Open, Ceiling::Open),
        ] {
            assert_eq!(before.adopted(&old, &new), after, "{before:?}");
        }
        assert_eq!(
            rising(2).adopted(&old, &recovery(&[100, 1000])),
            Ceiling::Open
        );
    }
}
