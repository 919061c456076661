//! Who is who across a reload: things are recognised by their keys, never by their numbers.
use std::collections::BTreeMap;

use crate::base::{SlotId, TargetId};
use crate::plan::Plan;

/// Which slots and targets of a new plan were in the old one, by key.
#[derive(Debug)]
pub(super) struct Kinship {
    /// The old number of each new slot.
    pub(super) slots: Vec<Option<SlotId>>,
    /// The old number of each new target.
    pub(super) targets: Vec<Option<TargetId>>,
}

impl Kinship {
    pub(super) fn between(old: &Plan, new: &Plan) -> Self {
        let slots = match_keys(
            old.slots.iter().map(|slot| slot.key.as_str()),
            new.slots.iter().map(|slot| slot.key.as_str()),
        );
        let targets = match_keys(
            old.targets.iter().map(|target| target.key.as_str()),
            new.targets.iter().map(|target| target.key.as_str()),
        );
        Self {
            slots: slots.map(|old| old.map(SlotId::from_index)).collect(),
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
