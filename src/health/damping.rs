//! Flap damping: how much slower the next ramp is.
//!
//! An endpoint that falls while it ramps was not ready for the load it was given; the next ramp
//! takes twice as long a step, and so on up to eight times. Only a fall after it has been
//! healthy for as long as its ramp took brings the configured pace back. A fall between
//! (healthy, but not for long) changes nothing.
//!
//! It knows no time: [`super::target`] says how the target fell.
use crate::base::Span;

/// The memory of relapses of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damping {
    doublings: u8,
}

/// From what a target fell, as far as damping cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fall {
    /// From a step of its ramp.
    Relapse,
    /// After a full healthy period.
    Rested,
    /// Anything else.
    Early,
}

impl Damping {
    const DOUBLINGS_MOST: u8 = 3;

    /// The damping after a fall.
    #[must_use]
    pub fn after(self, fall: Fall) -> Self {
        match fall {
            Fall::Relapse => Self {
                doublings: (self.doublings + 1).min(Self::DOUBLINGS_MOST),
            },
            Fall::Rested => Self::default(),
            Fall::Early => self,
        }
    }

    /// How long a step lasts that is configured to last `every`; never no time at all.
    #[must_use]
    pub fn pace(self, every: Span) -> Span {
        every.max(Span(1)).times(1 << self.doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relapses_double_up_to_eight_times_and_rest_forgives() {
        let mut damping = Damping::default();
        let paces = [
            Fall::Early,
            Fall::Relapse,
            Fall::Early,
            Fall::Relapse,
            Fall::Relapse,
            Fall::Relapse,
            Fall::Rested,
        ]
        .map(|fall| {
            damping = damping.after(fall);
            damping.pace(Span(10)).0
        });
        assert_eq!(paces, [10, 20, 20, 40, 80, 80, 10]);
    }
}
