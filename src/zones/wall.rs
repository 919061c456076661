//! The wall clock beside the one that never jumps: when it was set, and what must not be trusted for a while.
//!
//! Signatures, expiry and the steps of keys go by the wall clock, which people, daemons and dead batteries
//! set. It is compared with the server's own clock, which only goes forward. A small step is taken as it is. After a large one, in
//! either direction, nothing that is remembered for good (a step of a rollover) is done for
//! [`SETTLING`]: a clock that was wrong for a moment has then been put right again. A clock that was not that of the other nodes of a
//! cluster, and is now, was put right: it is trusted at once.
use crate::base::{Moment, Span};

/// How far the wall clock must be from where it was thought to be to have been set; it is read in whole
/// seconds.
const SET: Span = Span::from_secs(5);
/// From which distance on what goes by it waits.
const FAR: Span = Span::from_secs(3600);
/// How long that waits.
const SETTLING: Span = Span::from_secs(600);

/// What is known of the wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wall {
    /// What it said when the server's own clock began, milliseconds since 1970; `None` before the first look.
    epoch_ms: Option<u64>,
    /// Until when it is not trusted with what is remembered for good.
    settling: Option<Moment>,
    /// Set while most of the other nodes have clocks that say the same.
    agrees: bool,
    /// Set if they said otherwise when it was set last.
    has_differed: bool,
}

/// What a look has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It goes on as it did.
    Steady,
    /// It was set: forward by so many milliseconds, or back if negative.
    Set(i64),
}

impl Wall {
    /// Compares the clocks; `wall_ms` is milliseconds since 1970.
    pub(super) fn look(&mut self, now: Moment, wall_ms: u64) -> Look {
        let epoch_ms = wall_ms.saturating_sub(now.0);
        let Some(before) = self.epoch_ms.replace(epoch_ms) else {
            return Look::Steady;
        };
        let by = epoch_ms.abs_diff(before);
        if by <= SET.0 {
            // What is read in whole seconds wavers; what is served goes by one epoch until it is left for good.
            self.epoch_ms = Some(before);
            return Look::Steady;
        }
        if by > FAR.0 {
            self.settling = Some(now.after(SETTLING));
            self.has_differed = !self.agrees;
        }
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        Look::Set(if epoch_ms < before { -by } else { by })
    }

    /// Takes in whether most of the other nodes, of all that there are, have clocks that say the same.
    pub(super) fn compare(&mut self, agrees: bool) {
        self.agrees = agrees;
        if agrees && self.has_differed {
            self.settling = None;
        }
    }

    /// What it said when the server's own clock began, milliseconds since 1970.
    pub(super) fn epoch_ms(&self) -> u64 {
        self.epoch_ms.unwrap_or(0)
    }

    /// Whether it was set far away only a while ago.
    pub(super) fn is_settling(&self, now: Moment) -> bool {
        self.settling.is_some_and(|until| now < until)
    }

    /// When it is trusted again, if that lies ahead.
    pub(super) fn settled_at(&self, now: Moment) -> Option<Moment> {
        self.settling.filter(|until| now < *until)
    }

    /// The moment at which it will say so many seconds since 1970, if nobody sets it.
    pub(super) fn moment(&self, seconds: u64) -> Moment {
        let ms = seconds.saturating_mul(1000);
        Moment(ms.saturating_sub(self.epoch_ms()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000_000;

    #[test]
    fn a_clock_that_wavers_was_not_set() {
        let mut wall = Wall::default();
        assert_eq!(wall.look(Moment(100), START + 100), Look::Steady);
        for ms in [0, 999, 5_000] {
            assert_eq!(wall.look(Moment(100), START + 100 + ms), Look::Steady);
            assert_eq!(wall.epoch_ms(), START, "one epoch");
        }
        assert_eq!(wall.moment(START / 1000 + 7), Moment(7000));
    }

    #[test]
    fn a_far_step_makes_it_settle_and_a_small_one_does_not() {
        let mut wall = Wall::default();
        wall.look(Moment(0), START);
        assert_eq!(wall.look(Moment(0), START + 60_000), Look::Set(60_000));
        assert!(!wall.is_settling(Moment(0)));
        let days = 3 * 86_400_000;
        let set = wall.look(Moment(1000), START + 61_000 + days);
        assert_eq!(set, Look::Set(i64::try_from(days).unwrap()));
        assert!(wall.is_settling(Moment(1000)));
        let back = wall.look(Moment(11_000), START + 71_000);
        assert_eq!(back, Look::Set(-i64::try_from(days).unwrap()));
        let over = Moment(11_000).after(SETTLING);
        assert!(wall.is_settling(Moment(over.0 - 1)) && !wall.is_settling(over));
    }

    #[test]
    fn a_clock_that_comes_to_that_of_the_others_is_trusted_and_one_that_leaves_it_is_not() {
        let mut wall = Wall::default();
        let days = 3 * 86_400_000;
        wall.look(Moment(0), START + days);
        wall.compare(false);
        wall.look(Moment(1000), START + 1000);
        assert!(wall.is_settling(Moment(1000)), "nobody has said so yet");
        wall.compare(true);
        assert!(!wall.is_settling(Moment(1000)));
        // From the others' away, be it that they go there, too.
        wall.look(Moment(2000), START + days + 2000);
        wall.compare(true);
        assert!(wall.is_settling(Moment(2000)));
        wall.compare(false);
        wall.look(Moment(3000), START + 3000);
        wall.compare(true);
        assert!(!wall.is_settling(Moment(3000)));
    }
}
