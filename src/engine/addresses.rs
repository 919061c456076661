//! Addresses of one endpoint that leave its answers one by one ([`AddressesDown::Address`]).
//!
//! Which of them are out is a function of the slots and of the node's doubt alone, so it needs no memory but the
//! last standing: a doubt takes nothing out that was in, also over a reload or a restart. It does not know how a target
//! stands as a whole.
use std::net::IpAddr;

use crate::base::{AddressSet, SlotId};
use crate::health::guard::{Doubt, Last};
use crate::health::slot::SlotHealth;
use crate::health::target::{AddressSlot, Evidence, KeepReason, Verdict};
use crate::plan::{AddressesDown, Combination, Endpoint, Plan, Target};

/// The addresses that a target is answered without, where it was without `had`: those that are down while others are
/// not. One that is down with all of them is without none, or kept as it was.
pub(super) fn without(
    doubt: Doubt,
    kept: Option<KeepReason>,
    evidence: Evidence,
    had: AddressSet,
) -> AddressSet {
    match (evidence.verdict, doubt) {
        (Verdict::Down(_), _) if kept.is_none() => AddressSet::EMPTY,
        (Verdict::Down(_), _) => had,
        (Verdict::Up | Verdict::Unknown, Doubt::None) => evidence.without,
        (Verdict::Up | Verdict::Unknown, Doubt::MostFail | Doubt::CanariesFail) => {
            evidence.without.and(had)
        }
    }
}

/// The addresses of an endpoint that are in a set.
pub(super) fn of_set(endpoint: &Endpoint, set: AddressSet) -> Vec<IpAddr> {
    let all = endpoint.addresses.iter().enumerate();
    let own = all.filter(|(place, _)| set.contains(*place));
    own.map(|(_, address)| *address).collect()
}

/// The set of those of an endpoint's addresses that are among others.
pub(super) fn set_of(endpoint: &Endpoint, others: &[IpAddr]) -> AddressSet {
    let all = endpoint.addresses.iter().enumerate();
    let own = all.filter(|(_, address)| others.contains(address));
    own.fold(AddressSet::EMPTY, |set, (place, _)| set.with(place))
}

/// The slots of a target, each with the place of its address in the endpoint's list.
pub(super) fn slots<'s>(
    plan: &'s Plan,
    target: &'s Target,
    slots: &'s [SlotHealth],
) -> impl Iterator<Item = AddressSlot<'s>> {
    let addresses = &plan.endpoints[target.endpoint.index()].addresses;
    target.slots.iter().map(move |slot| {
        let own = plan.slots[slot.index()].address.ip();
        let place = addresses.iter().position(|address| *address == own);
        let place = place.unwrap_or(addresses.len());
        let monitor = plan.slots[slot.index()].monitor;
        (place, &slots[slot.index()], &plan.monitors[monitor.index()])
    })
}

/// The result of the last probes of a target whose monitors are combined, all of its addresses together.
pub(super) fn combined(
    plan: &Plan,
    (target, combination): (&Target, &Combination<usize>),
    last: impl Fn(SlotId) -> Last,
) -> Last {
    let address = |slot: &SlotId| plan.slots[slot.index()].address.ip();
    let groups = target
        .slots
        .chunk_by(|one, other| address(one) == address(other));
    let each = groups.map(|own| {
        combination.judge(&|place| match last(*own.get(*place)?) {
            Last::Nothing => None,
            Last::Passed | Last::Slow => Some(true),
            Last::Failed => Some(false),
        })
    });
    let each: Vec<Option<bool>> = each.collect();
    let decisive = target.addresses_down != AddressesDown::Endpoint;
    let is_slow = target.slots.iter().any(|slot| last(*slot) == Last::Slow);
    let word = |passed: bool| match passed {
        true if is_slow => Last::Slow,
        true => Last::Passed,
        false => Last::Failed,
    };
    if each.contains(&Some(decisive)) {
        word(decisive)
    } else if each.contains(&None) {
        Last::Nothing
    } else {
        word(!decisive)
    }
}

/// Tells that the last probe of some slot failed or was slow; where one address is enough, of each address.
pub(super) fn is_failing(plan: &Plan, target: &Target, last: impl Fn(SlotId) -> Last) -> bool {
    let failed = |slot: &SlotId| last(*slot).is_amiss();
    let address = |slot: &SlotId| plan.slots[slot.index()].address.ip();
    match target.addresses_down {
        AddressesDown::Endpoint => target.slots.iter().any(failed),
        AddressesDown::Address | AddressesDown::Stay => {
            let mut each = target
                .slots
                .chunk_by(|one, other| address(one) == address(other));
            !target.slots.is_empty() && each.all(|own| own.iter().any(failed))
        }
    }
}
