//! An open-addressing table from hashes to ids.
//!
//! It keeps no keys: whoever asks says whether an id is the one meant. A slot holds the upper
//! half of the hash and the id plus one, so most wrong ids are told apart without looking at
//! what they stand for, and the table grows without hashing anything again. At most half of
//! the slots are taken; the names in it are the operator's own, so a stranger can choose only
//! which short run of slots to read.

/// Upper half of a slot.
const TAG: u64 = 0xFFFF_FFFF_0000_0000;
/// Slots of the first table; always a power of two.
const SLOTS_LEAST: usize = 16;

/// Ids by hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    slots: Vec<u64>,
    used: usize,
}

impl Index {
    /// The id with this hash that `is_it` confirms.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = position(hash);
        for _ in 0..self.slots.len() {
            let slot = self.slots[at & (self.slots.len() - 1)];
            if slot == 0 {
                return None;
            }
            if slot & TAG == hash & TAG && is_it(id(slot)) {
                return Some(id(slot));
            }
            at = at.wrapping_add(1);
        }
        None
    }

    /// Adds an id that is not there yet.
    pub(super) fn insert(&mut self, hash: u64, id: u32) {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        self.used += 1;
        self.place(hash & TAG | (u64::from(id) + 1));
    }

    /// Adds ids that are not there yet. Their places are read first, one behind the other: so the waits for memory
    /// overlap.
    pub(super) fn insert_all(&mut self, ids: &[(u64, u32)]) {
        self.reserve(self.used + ids.len());
        let mask = self.slots.len().wrapping_sub(1);
        let places = ids
            .iter()
            .map(|(hash, _)| self.slots[position(*hash) & mask]);
        std::hint::black_box(places.fold(0, |all, slot| all | slot));
        for (hash, id) in ids {
            self.insert(*hash, *id);
        }
    }

    /// Takes an id out that was added with this hash, and moves what stands behind it up, so that a
    /// search still ends at the first empty slot.
    pub(super) fn remove(&mut self, hash: u64, id: u32) {
        let wanted = hash & TAG | (u64::from(id) + 1);
        let mask = self.slots.len().wrapping_sub(1);
        let mut gap = position(hash) & mask;
        while self.slots[gap] != wanted {
            if self.slots[gap] == 0 {
                return;
            }
            gap = (gap + 1) & mask;
        }
        let mut at = (gap + 1) & mask;
        while self.slots[at] != 0 {
            let from_home = at.wrapping_sub(position(self.slots[at])) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
            at = (at + 1) & mask;
        }
        self.slots[gap] = 0;
        self.used -= 1;
    }

    /// Makes room for so many ids in all.
    pub(super) fn reserve(&mut self, ids: usize) {
        let slots = slots_for(ids);
        if slots > self.slots.len() {
            self.resize(slots);
        }
    }

    /// Gives back the room of ids that never came.
    pub(super) fn shrink(&mut self) {
        let slots = slots_for(self.used);
        if slots < self.slots.len() {
            self.resize(slots);
        }
    }

    fn grow(&mut self) {
        self.resize((self.slots.len() * 2).max(SLOTS_LEAST));
    }

    fn resize(&mut self, slots: usize) {
        for slot in std::mem::replace(&mut self.slots, vec![0; slots]) {
            if slot != 0 {
                self.place(slot);
            }
        }
    }

    fn place(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = position(slot) & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

/// Slots of the smallest table that takes so many ids.
fn slots_for(ids: usize) -> usize {
    (2 * ids).next_power_of_two().max(SLOTS_LEAST)
}

fn position(hash: u64) -> usize {
    usize::try_from(hash >> 32).expect("addresses have at least 32 bits")
}

fn id(slot: u64) -> u32 {
    u32::try_from((slot & !TAG) - 1).expect("the lower half of a slot has 32 bits")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::Draws;

    /// Few places, so that runs are long and go round the end.
    #[test]
    fn what_is_taken_out_is_gone_and_all_else_is_found() {
        let mut draws = Draws::from_seed(1);
        let (mut index, mut own) = (Index::default(), BTreeMap::new());
        for id in 0..4000_u32 {
            if draws.chance(500) || own.len() < 5 {
                let hash = draws.below(12) << 32 | draws.below(3) << 60;
                index.insert(hash, id);
                own.insert(id, hash);
            } else {
                let some = usize::try_from(draws.below(5)).unwrap();
                let (id, hash) = own.iter().nth(some).map(|(id, hash)| (*id, *hash)).unwrap();
                index.remove(hash, id);
                own.remove(&id);
                assert_eq!(index.find(hash, |found| found == id), None);
            }
            for (id, hash) in &own {
                assert_eq!(index.find(*hash, |found| found == *id), Some(*id));
            }
            assert_eq!(index.used, own.len());
        }
    }
}
