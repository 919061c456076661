//! The evidence of a target's slots and of its gates together, at one moment.
use crate::base::{AddressSet, Cause, Permille, Span};
use crate::health::slot::{SlotHealth, State};
use crate::plan::{Combination, Monitor};

/// The evidence of a target's slots and gates together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The slots.
    pub verdict: Verdict,
    /// The gates.
    pub gate: Gate,
    /// The time until one slot could flip at the earliest.
    pub hold: Span,
    /// The most that slots that are slow leave of the target.
    pub most: Permille,
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
        let mut most = Permille::FULL;
        let mut slots = slots.peekable();
        if slots.peek().is_none() {
            // Nothing watches it, so nothing is ever known of it.
            verdict = Verdict::Unknown;
        }
        for (slot, monitor) in slots {
            hold = hold.min(slot.hold(monitor));
            let is_slow = slot.is_slow(monitor);
            most = most.min(monitor.degraded.filter(|_| is_slow).unwrap_or(most));
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
            most,
            without: AddressSet::EMPTY,
        }
    }

    /// Looks at the slots of a target all of whose addresses must be up, and at those of its gates.
    pub fn of_each<'s>(
        combination: Option<&Combination<usize>>,
        slots: impl Iterator<Item = AddressSlot<'s>>,
        gates: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>,
    ) -> Self {
        let slots: Vec<AddressSlot<'s>> = slots.collect();
        let addresses = addresses(combination, &slots);
        let verdicts = addresses.iter().map(|(_, own)| own.verdict);
        Self {
            verdict: verdicts.reduce(both).unwrap_or(Verdict::Unknown),
            gate: Gate::of(gates),
            hold: shortest(&addresses),
            most: least(&addresses),
            without: AddressSet::EMPTY,
        }
    }

    /// Looks at the slots of a target for which one address is enough, and at those of its gates: it is up with the
    /// first address that is, and down with the last.
    pub fn by_address<'s>(
        combination: Option<&Combination<usize>>,
        slots: impl Iterator<Item = AddressSlot<'s>>,
        gates: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>,
    ) -> Self {
        let slots: Vec<AddressSlot<'s>> = slots.collect();
        let addresses = addresses(combination, &slots);
        let is_down = |own: &Self| matches!(own.verdict, Verdict::Down(_));
        let down = addresses.iter().filter(|(_, own)| is_down(own));
        let without = down.fold(AddressSet::EMPTY, |set, (place, _)| set.with(*place));
        let verdict = together(addresses.iter().map(|(_, own)| own.verdict));
        Self {
            verdict,
            gate: Gate::of(gates),
            hold: shortest(&addresses),
            most: least(&addresses),
            without: match verdict {
                Verdict::Down(_) => AddressSet::EMPTY,
                Verdict::Up | Verdict::Unknown => without,
            },
        }
    }

    /// Looks at the slots of one address.
    fn of_address(
        combination: Option<&Combination<usize>>,
        slots: &[(&SlotHealth, &Monitor)],
    ) -> Self {
        let all = Self::of(slots.iter().copied(), std::iter::empty());
        Self {
            verdict: combination.map_or(all.verdict, |own| combined(own, slots)),
            ..all
        }
    }
}

/// The addresses of a target, each by its place and with what its slots say.
fn addresses(
    combination: Option<&Combination<usize>>,
    slots: &[AddressSlot<'_>],
) -> Vec<(usize, Evidence)> {
    let groups = slots.chunk_by(|one, other| one.0 == other.0);
    let each = groups.map(|group| {
        let own = group.iter().map(|(_, slot, monitor)| (*slot, *monitor));
        let own: Vec<_> = own.collect();
        (group[0].0, Evidence::of_address(combination, &own))
    });
    each.collect()
}

fn shortest(addresses: &[(usize, Evidence)]) -> Span {
    let holds = addresses.iter().map(|(_, own)| own.hold);
    holds.min().unwrap_or(Span(u64::MAX))
}

fn least(addresses: &[(usize, Evidence)]) -> Permille {
    let parts = addresses.iter().map(|(_, own)| own.most);
    parts.min().unwrap_or(Permille::FULL)
}

/// The verdict of the slots of one address, by their combination.
fn combined(combination: &Combination<usize>, slots: &[(&SlotHealth, &Monitor)]) -> Verdict {
    let holds = |place: &usize| match slots.get(*place)?.0.state() {
        State::Unproven => None,
        State::Up { .. } => Some(true),
        State::Down { .. } => Some(false),
    };
    match combination.judge(&holds) {
        None => Verdict::Unknown,
        Some(true) => Verdict::Up,
        Some(false) => Verdict::Down(cause(combination, slots, &holds)),
    }
}

/// The reason why a combination does not hold: how many are too few, or the cause of the first part that had to hold.
fn cause(
    combination: &Combination<usize>,
    slots: &[(&SlotHealth, &Monitor)],
    holds: &impl Fn(&usize) -> Option<bool>,
) -> Cause {
    if let Some(short) = combination.shortfall(holds) {
        let [needed, of, held] = [short.needed, short.of, short.holding]
            .map(|count| u8::try_from(count).unwrap_or(u8::MAX));
        return Cause::TooFew { needed, of, held };
    }
    match combination {
        Combination::Monitor(place) => match slots.get(*place).map(|(slot, _)| slot.state()) {
            Some(State::Down { cause, .. }) => cause,
            Some(State::Unproven | State::Up { .. }) | None => Cause::Opposed,
        },
        Combination::Not(_) => Cause::Opposed,
        Combination::Need { of, .. } => {
            let mut failing = of.iter().filter(|one| one.judge(holds) == Some(false));
            let first = failing.next();
            first.map_or(Cause::Opposed, |first| cause(first, slots, holds))
        }
    }
}

/// The verdict of two addresses that must both be up.
fn both(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Down(cause), _) | (_, Verdict::Down(cause)) => Verdict::Down(cause),
        (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
        (Verdict::Up, Verdict::Up) => Verdict::Up,
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
