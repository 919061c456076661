//! The slots and targets of a new plan, matched with those of the old one across a reload: they are recognised by their keys, never by their numbers.
//!
//! A slot keeps its health by its key. What a probe sees that began before the reload still says
//! something of it if it is probed as before: the same address and host, by a monitor that has
//! changed in nothing.
use std::collections::BTreeMap;

use crate::base::{SlotId, TargetId};
use crate::plan::Plan;

/// The slots and targets of a new plan that were in the old one, by key.
#[derive(Debug)]
pub(super) struct ReloadMap {
    /// The old number of each new slot.
    pub(super) slots: Vec<Option<SlotId>>,
    /// Tells whether each new slot is probed as it was in the old plan; not if it is new.
    pub(super) probed_alike: Vec<bool>,
    /// The old number of each new target.
    pub(super) targets: Vec<Option<TargetId>>,
}

impl ReloadMap {
    pub(super) fn between(old: &Plan, new: &Plan) -> Self {
        let slots = match_keys(
            old.slots.iter().map(|slot| slot.key.as_str()),
            new.slots.iter().map(|slot| slot.key.as_str()),
        );
        let targets = match_keys(
            old.targets.iter().map(|target| target.key.as_str()),
            new.targets.iter().map(|target| target.key.as_str()),
        );
        let slots: Vec<Option<SlotId>> = slots.map(|old| old.map(SlotId::from_index)).collect();
        let pairs = slots.iter().zip(&new.slots);
        let probed_alike = pairs.map(|(before, slot)| {
            before.is_some_and(|before| {
                let (before, old_monitors) = (&old.slots[before.index()], &old.monitors);
                (before.address, &before.host) == (slot.address, &slot.host)
                    && old_monitors[before.monitor.index()] == new.monitors[slot.monitor.index()]
            })
        });
        Self {
            probed_alike: probed_alike.collect(),
            slots,
            targets: targets.map(|old| old.map(TargetId::from_index)).collect(),
        }
    }
}

fn match_keys<'k>(
    old: impl Iterator<Item = &'k str>,
    new: impl Iterator<Item = &'k str>,
) -> impl Iterator<Item = Option<usize>> {
    let places: BTreeMap<&str, usize> = old.enumerate().map(|(place, key)| (key, place)).collect();
    new.map(move |key| places.get(key).copied())
}
