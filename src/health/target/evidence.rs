//! The evidence of a target's slots and of its gates together, at one moment.
use crate::base::{AddressSet, Cause, Span};
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
    /// Addresses that are down while others are not, where addresses leave one by one.
    pub without: AddressSet,
}

/// A slot, how it is watched, and the place of its address in the endpoint's list.
pub type AddressSlot<'s> = (usize, &'s SlotHealth, &'s Monitor);

/// The verdict of all slots of a target together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// None is down, but some have no result yet.
    Unknown,
    /// All are up; where addresses leave one by one, all of one address.
    Up,
    /// At least one is down (where addresses leave one by one, one of each); the cause is that of the first.
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
            without: AddressSet::EMPTY,
        }
    }

    /// Looks at the slots of a target for which one address is enough, and at those of its gates: it is up with the
    /// first address that is, and down with the last.
    pub fn by_address<'s>(
        slots: impl Iterator<Item = AddressSlot<'s>>,
        gates: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>,
    ) -> Self {
        let slots: Vec<AddressSlot<'s>> = slots.collect();
        let none = || std::iter::empty();
        let (mut verdicts, mut without) = (Vec::new(), AddressSet::EMPTY);
        for group in slots.chunk_by(|one, other| one.0 == other.0) {
            let own = group.iter().map(|(_, slot, monitor)| (*slot, *monitor));
            let own = Self::of(own, none());
            if let Verdict::Down(_) = own.verdict {
                without = without.with(group[0].0);
            }
            verdicts.push(own);
        }
        let hold = verdicts.iter().map(|own| own.hold).min();
        let verdict = together(verdicts.iter().map(|own| own.verdict));
        Self {
            verdict,
            gate: Gate::of(gates),
            hold: hold.unwrap_or(Span(u64::MAX)),
            without: match verdict {
                Verdict::Down(_) => AddressSet::EMPTY,
                Verdict::Up | Verdict::Unknown => without,
            },
        }
    }
}

/// The verdict of addresses that leave one by one.
fn together(addresses: impl Iterator<Item = Verdict>) -> Verdict {
    let all = addresses.reduce(|one, other| match (one, other) {
        (Verdict::Up, _) | (_, Verdict::Up) => Verdict::Up,
        (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
        (Verdict::Down(cause), Verdict::Down(_)) => Verdict::Down(cause),
    });
    all.unwrap_or(Verdict::Unknown)
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
