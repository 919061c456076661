//! How the machines of a test plan are probed.
use crate::base::{Draws, Permille, Span};

/// The way in which machines are probed.
#[derive(Clone, Copy, Debug)]
pub struct Probing {
    /// Between probes.
    pub interval: Span,
    /// Between probes near a flip.
    pub near_interval: Span,
    /// For one probe.
    pub timeout: Span,
    /// Failures that take a slot down.
    pub fall: u16,
    /// Successes that bring it up.
    pub rise: u16,
    /// The time after which a probe that passes is slow.
    pub slow_after: Option<Span>,
    /// The share that is left of an endpoint that is slow; without it, it is down.
    pub degraded: Option<Permille>,
}

impl Probing {
    /// Lets slowness count, in most plans: what no machine is that is well.
    pub fn draw_pace(&mut self, draws: &mut Draws) {
        let most = self.timeout.0.saturating_sub(USUAL.0).max(1);
        let after = Span(USUAL.0 + draws.below(most));
        let counts = draws.below(4);
        let part = u16::try_from(1 + draws.below(999)).unwrap_or(1);
        self.slow_after = (counts > 0).then_some(after);
        self.degraded = (counts > 1).then_some(Permille(part));
    }
}

/// No machine that is well takes longer.
const USUAL: Span = Span(62);
