//! Starts of authors, and the hybrid clock of orders.
//!
//! A stamp is civil time in milliseconds and a counter. It never goes back where it is drawn, and is greater than all that were seen
//! there: so of two orders of which one's author knew the other, the later has the greater stamp, whatever the clocks say.
use crate::base::{Span, Utc};

/// One start of an author: the first 64 bits of a ULID, 48 of civil time in milliseconds and 16 drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Boot(pub u64);

/// A point of the hybrid clock: 48 bits of civil time in milliseconds, 16 of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HybridStamp(pub u64);

const COUNTER_BITS: u32 = 16;

impl Boot {
    /// A start at this time, with bits that somebody drew.
    #[must_use]
    pub fn at(wall: Utc, drawn: u16) -> Self {
        Self(shifted(wall) | u64::from(drawn))
    }

    /// One that counts as later than this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl HybridStamp {
    /// The first stamp of a time.
    #[must_use]
    pub fn at(wall: Utc) -> Self {
        Self(shifted(wall))
    }

    /// The next stamp to draw, where `last` is the greatest known.
    #[must_use]
    pub fn next(last: Self, wall: Utc) -> Self {
        Self::at(wall).max(Self(last.0.saturating_add(1)))
    }

    /// The civil time in it.
    #[must_use]
    pub fn time(self) -> Utc {
        Utc(self.0 >> COUNTER_BITS)
    }
}

/// The time so much later.
pub(super) fn after(time: Utc, span: Span) -> Utc {
    Utc(time.0.saturating_add(span.0))
}

fn shifted(wall: Utc) -> u64 {
    let most = u64::MAX >> COUNTER_BITS;
    wall.0.min(most) << COUNTER_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_goes_with_the_wall_and_never_back() {
        let first = HybridStamp::next(HybridStamp::default(), Utc(1000));
        assert_eq!(first.time(), Utc(1000));
        let back = HybridStamp::next(first, Utc(900));
        assert!(back > first);
        assert_eq!(back.time(), Utc(1000));
        assert!(HybridStamp::at(Utc(u64::MAX)) >= HybridStamp::at(Utc(1)));
        assert!(Boot::at(Utc(5), 9) < Boot::at(Utc(6), 0));
    }
}
