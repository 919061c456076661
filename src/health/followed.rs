//! The part of its weight or its capacity that an endpoint has now, where that follows a value.
//!
//! ```text
//! value -> smoothed -> inside min..max -> goal --at most change_per_minute--> level
//!                                          ^
//! no value for stale_after: the config ----'
//! ```
//!
//! # Smoothing
//! Each value moves what is believed by a quarter of the difference ([`SMOOTHING`]), so that one that is far off moves little. The
//! first one, and the first after a silence of `stale_after`, is believed as it is.
//!
//! # Pace
//! The level goes towards its goal in steps, one each [`WEIGHT_STEP`], and never faster than the source allows; at a
//! change of the goal by no more than one of its steps. It begins with the number of the config, and goes back there
//! as slowly when the values are too old.
//!
//! The level is a part of the configured number: that is the most. It knows neither who reads the values nor how clients are
//! dealt out by what is left.
use serde::{Deserialize, Serialize};

use crate::base::limits::WEIGHT_STEP;
use crate::base::{Moment, MonitorValue, Permille};
use crate::plan::ValueSource;

/// All of the number, in millionths of it.
const FULL: u64 = 1_000_000;
/// A value moves what is believed by the difference divided by this.
const SMOOTHING: i64 = 4;
/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// The level of one number of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedLevel {
    /// Millionths of the number of the config.
    level: u64,
    /// The moment up to which steps were taken.
    moved: Moment,
    /// The last value, smoothed, and when it was read.
    believed: Option<(Moment, MonitorValue)>,
}

impl FollowedLevel {
    /// The number of the config.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            level: FULL,
            moved: now,
            believed: None,
        }
    }

    /// Takes a value in; steps follow.
    pub fn read(&mut self, source: &ValueSource, whole: u32, now: Moment, value: MonitorValue) {
        self.advance(source, whole, now);
        let believed = match self.believed {
            Some((at, before)) if now.since(at) <= source.stale_after => {
                MonitorValue(before.0 + (value.0 - before.0) / SMOOTHING)
            }
            Some(_) | None => value,
        };
        self.believed = Some((now, believed));
    }

    /// Takes the steps that are due.
    pub fn advance(&mut self, source: &ValueSource, whole: u32, now: Moment) {
        // What was believed until it was too old had its steps until then.
        if let Some(stale) = self.stale_at(source).filter(|stale| *stale <= now) {
            let last = Moment(stale.0 - 1);
            self.step(source, whole, last);
            if self.moved == last {
                self.moved = stale;
            }
        }
        self.step(source, whole, now);
    }

    fn step(&mut self, source: &ValueSource, whole: u32, now: Moment) {
        let goal = self.goal(source, whole, now);
        if self.level == goal {
            self.moved = self.moved.max(now);
            return;
        }
        let steps = now.since(self.moved).0 / WEIGHT_STEP.0;
        self.moved = self.moved.after(WEIGHT_STEP.times(steps));
        let pace = u64::from(source.change_per_minute.0) * 1000 * WEIGHT_STEP.0 / MINUTE_MS;
        let most = pace.saturating_mul(steps);
        self.level = goal.clamp(self.level.saturating_sub(most), self.level + most);
        if self.level == goal {
            self.moved = now;
        }
    }

    /// The part that it goes to.
    fn goal(&self, source: &ValueSource, whole: u32, now: Moment) -> u64 {
        match self.believed {
            Some((at, value)) if now.since(at) <= source.stale_after => {
                let [least, most, all] = [source.min, source.max, whole].map(u64::from);
                let wanted = u64::try_from(value.0).unwrap_or_default();
                let wanted = wanted.clamp(least * 1000, most * 1000);
                (wanted * 1000 / all.max(1)).min(FULL)
            }
            Some(_) | None => FULL,
        }
    }

    /// The number in force, where the config has this one; never none of it.
    #[must_use]
    pub fn part_of(&self, whole: u32) -> u32 {
        let now = (u64::from(whole) * self.level).div_ceil(FULL);
        u32::try_from(now).unwrap_or(whole).max(1)
    }

    /// The part of the number in force; never none of it.
    #[must_use]
    pub fn share(&self) -> Permille {
        let share = u16::try_from(self.level / 1000).unwrap_or(Permille::FULL.0);
        Permille(share.clamp(1, Permille::FULL.0))
    }

    /// The moment at which it may change next, if nothing is read.
    #[must_use]
    pub fn next_step(&self, source: &ValueSource, whole: u32) -> Option<Moment> {
        if self.level != self.goal(source, whole, self.moved) {
            return Some(self.moved.after(WEIGHT_STEP));
        }
        self.stale_at(source).filter(|_| self.level != FULL)
    }

    /// The first moment at which what is believed is too old; absent where it is so already.
    fn stale_at(&self, source: &ValueSource) -> Option<Moment> {
        let (at, _) = self.believed?;
        let stale = at.after(source.stale_after).after(crate::base::Span(1));
        (stale > self.moved).then_some(stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{MonitorId, Span};

    fn source() -> ValueSource {
        ValueSource {
            monitor: MonitorId(0),
            min: 20,
            max: 100,
            change_per_minute: Permille(120),
            stale_after: Span::from_secs(60),
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1000)
    }

    #[test]
    fn a_value_is_followed_slowly_inside_its_limits() {
        let source = source();
        let mut level = FollowedLevel::new(at(0));
        // A tenth of the weight is below the least; two permille a second is the pace.
        level.read(&source, 100, at(100), MonitorValue(10_000));
        assert_eq!(
            level.share(),
            Permille(1000),
            "nothing moves by the value itself"
        );
        for (seconds, share) in [(109, 1000), (110, 980), (119, 980), (120, 960), (160, 880)] {
            level.advance(&source, 100, at(seconds));
            assert_eq!(level.share(), Permille(share), "{seconds}");
        }
        for seconds in (170..700).step_by(10) {
            level.read(&source, 100, at(seconds), MonitorValue(10_000));
        }
        assert_eq!(level.share(), Permille(200), "min");
        assert_eq!(level.next_step(&source, 100), Some(Moment(750_001)));
    }

    #[test]
    fn what_is_too_old_gives_way_to_the_config_as_slowly() {
        let source = source();
        let mut level = FollowedLevel::new(at(0));
        for seconds in (0..=600).step_by(10) {
            level.read(&source, 100, at(seconds), MonitorValue(50_000));
        }
        assert_eq!(level.share(), Permille(500));
        level.advance(&source, 100, at(660));
        assert_eq!(level.share(), Permille(500), "60 s are not too old");
        level.advance(&source, 100, at(691));
        assert_eq!(level.share(), Permille(560), "three steps, however late");
        level.advance(&source, 100, at(2000));
        assert_eq!(level.share(), Permille::FULL);
        assert_eq!(level.next_step(&source, 100), None);
    }

    #[test]
    fn one_value_that_is_far_off_moves_little() {
        let source = source();
        let mut level = FollowedLevel::new(at(0));
        for seconds in (0..=600).step_by(10) {
            level.read(&source, 100, at(seconds), MonitorValue(80_000));
        }
        level.read(&source, 100, at(601), MonitorValue(0));
        level.advance(&source, 100, at(650));
        assert_eq!(
            level.share(),
            Permille(720),
            "a quarter of the way, by four steps"
        );
        level.advance(&source, 100, at(661));
        assert_eq!(
            level.share(),
            Permille(680),
            "a quarter of the way is not min"
        );
    }
}
