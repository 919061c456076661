//! The evidence of a target's slots and of its gates together, at one moment.
use crate::base::{Cause, Span};
use crate::health::slot::{SlotHealth, State};
use crate::plan::Monitor;

/// The evidence of a target's slots and gates together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The slots.
    pub verdict: Verdict,
    /// The gates.
    pub gate: Gate,
    /// The time until one slot could flip at the earliest.
    pub hold: Span,
}

/// The verdict of all slots of a target together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// None is down, but some have no result yet.
    Unknown,
    /// All are up.
    Up,
    /// At least one is down; the cause is that of the first.
    Down(Cause),
}

/// The state of all gates together: may a ramp begin, or go on?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Each slot is up and has passed `rise` times in a row, or there is none.
    Open,
    /// Each slot is up, but some have no such streak: a ramp goes on, but none begins.
    Unproven,
    /// At least one slot is not up.
    Shut,
}

impl Evidence {
    /// Looks at the slots of a target and at those of its gates.
    pub fn of<'s>(
        slots: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>,
        gates: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>,
    ) -> Self {
        let (mut verdict, mut hold) = (Verdict::Up, Span(u64::MAX));
        let mut slots = slots.peekable();
        if slots.peek().is_none() {
            // Nothing watches it, so nothing is ever known of it.
            verdict = Verdict::Unknown;
        }
        for (slot, monitor) in slots {
            hold = hold.min(slot.hold(monitor));
            verdict = match (verdict, slot.state()) {
                (Verdict::Down(cause), _) | (_, State::Down { cause, .. }) => Verdict::Down(cause),
                (_, State::Unproven) => Verdict::Unknown,
                (verdict, State::Up { .. }) => verdict,
            };
        }
        Self {
            verdict,
            gate: Gate::of(gates),
            hold,
        }
    }
}

impl Gate {
    fn of<'s>(slots: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>) -> Self {
        let mut gate = Self::Open;
        for (slot, monitor) in slots {
            gate = match slot.state() {
                State::Unproven | State::Down { .. } => return Self::Shut,
                State::Up { .. } if slot.has_streak(monitor) => gate,
                State::Up { .. } => Self::Unproven,
            };
        }
        gate
    }
}
