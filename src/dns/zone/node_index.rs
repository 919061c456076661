//! The numbers of a zone's nodes by hash, little more than four octets each.
//!
//! A slot holds six bits of the hash and the number of a node plus one, so most wrong nodes are told apart without
//! looking at them. A number goes into the first empty slot from its *home* on; homes are in the order of hashes, and
//! the table may have any size, so that a zone of a million names pays for no more slots than it needs. Small zones
//! have more to spare, and their look-ups hardly ever meet a slot of another name.
//!
//! Hashes are not kept: whoever takes a number out or lets the table grow says what each one's hash is. The names are the
//! operator's own, so a stranger can choose only which short run of slots to read.

use std::ops::Range;

/// Bits of a slot that hold a number plus one.
const BITS: u32 = 26;
/// Those that hold a part of the hash.
const TAG: u32 = u32::MAX << BITS;
/// Most nodes that a zone may have; what is mounted comes on top.
pub(super) const NODES: usize = (1 << BITS) - (1 << 21);
/// Nodes up to which a table is that of a small zone.
const SMALL: usize = 1024;
/// Least homes of a table that has any.
const HOMES_LEAST: usize = 16;
/// Slots by which the end is moved when it is met.
const MORE: usize = 64;
/// Nodes whose homes are read one behind the other.
const TOGETHER: u32 = 64;

/// Numbers of nodes by hash.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeIndex {
    /// Homes, and behind the last of them what had no room there.
    slots: Vec<u32>,
    homes: usize,
    used: usize,
}

impl NodeIndex {
    /// The number with this hash that `is_it` confirms.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            if (slot ^ low(hash)) & TAG == 0 && is_it(number(slot)) {
                return Some(number(slot));
            }
            at += 1;
        }
    }

    /// Makes room for so many numbers in all.
    pub(super) fn reserve(&mut self, numbers: usize, hash_of: impl Fn(u32) -> u64) {
        if numbers * 4 > self.homes * 3 {
            self.resize(homes_for(numbers.max(self.used * 2)), hash_of);
        }
    }

    /// Adds a number that is not there yet and has room.
    pub(super) fn insert(&mut self, hash: u64, id: u32) {
        self.place(hash, id);
        self.used += 1;
    }

    /// Adds numbers that are not there yet and have room. The homes of some are read before these are put there: so the
    /// waits for memory overlap.
    pub(super) fn insert_all(&mut self, ids: Range<u32>, hash_of: impl Fn(u32) -> u64) {
        if ids.len() == 1 {
            return self.insert(hash_of(ids.start), ids.start);
        }
        let mut some = Vec::with_capacity(TOGETHER as usize);
        for first in ids.clone().step_by(TOGETHER as usize) {
            let end = ids.end.min(first.saturating_add(TOGETHER));
            some.clear();
            some.extend((first..end).map(|id| (hash_of(id), id)));
            let homes = some.iter().map(|(hash, _)| self.slots[self.home(*hash)]);
            std::hint::black_box(homes.fold(0, |all, slot| all | slot));
            some.iter().for_each(|(hash, id)| self.insert(*hash, *id));
        }
    }

    /// Takes a number out that was added with this hash, and moves what stands behind it up, so that a search still
    /// ends at the first empty slot.
    pub(super) fn remove(&mut self, hash: u64, id: u32, hash_of: impl Fn(u32) -> u64) {
        let wanted = slot_of(hash, id);
        let mut gap = self.home(hash);
        while let Some(&slot) = self.slots.get(gap) {
            match slot {
                0 => return,
                slot if slot == wanted => break,
                _ => gap += 1,
            }
        }
        let mut at = gap + 1;
        while let Some(&slot) = self.slots.get(at).filter(|slot| **slot != 0) {
            if self.home(hash_of(number(slot))) <= gap {
                self.slots[gap] = slot;
                gap = at;
            }
            at += 1;
        }
        if let Some(slot) = self.slots.get_mut(gap) {
            *slot = 0;
            self.used -= 1;
        }
    }

    /// Gives back the room of numbers that never came.
    pub(super) fn shrink(&mut self, hash_of: impl Fn(u32) -> u64) {
        let homes = homes_for(self.used);
        if homes + homes / 8 < self.homes {
            self.resize(homes, hash_of);
        }
    }

    fn resize(&mut self, homes: usize, hash_of: impl Fn(u32) -> u64) {
        self.homes = homes;
        for slot in std::mem::replace(&mut self.slots, vec![0; homes]) {
            if slot != 0 {
                self.place(hash_of(number(slot)), number(slot));
            }
        }
    }

    fn place(&mut self, hash: u64, id: u32) {
        let mut at = self.home(hash);
        while self.slots.get(at).is_some_and(|slot| *slot != 0) {
            at += 1;
        }
        if at >= self.slots.len() {
            self.slots.reserve_exact(MORE);
            self.slots.resize(at + MORE, 0);
        }
        self.slots[at] = slot_of(hash, id);
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        let home = ((hash >> 32) * self.homes as u64) >> 32;
        usize::try_from(home).unwrap_or(0)
    }
}

/// Homes of a table for so many numbers.
fn homes_for(numbers: usize) -> usize {
    match numbers {
        0..SMALL => (4 * numbers).max(HOMES_LEAST),
        _ => numbers + numbers * 2 / 3,
    }
}

fn slot_of(hash: u64, id: u32) -> u32 {
    low(hash) & TAG | (id + 1)
}

#[inline]
fn low(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
}

#[inline]
fn number(slot: u32) -> u32 {
    (slot & !TAG).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::Draws;

    /// Few homes, so that runs are long and go beyond the last of them.
    #[test]
    fn what_is_taken_out_is_gone_and_all_else_is_found() {
        let mut draws = Draws::from_seed(1);
        let (mut index, mut own) = (NodeIndex::default(), BTreeMap::<u32, u64>::new());
        for id in 0..4000_u32 {
            if draws.chance(500) || own.len() < 5 {
                let hash =
                    draws.below(12) << 60 | u64::from(u32::MAX >> 1) << 32 | draws.below(3) << 31;
                own.insert(id, hash);
                index.reserve(own.len(), |id| own[&id]);
                index.insert(hash, id);
            } else {
                let some = usize::try_from(draws.below(5)).unwrap();
                let (id, hash) = own.iter().nth(some).map(|(id, hash)| (*id, *hash)).unwrap();
                index.remove(hash, id, |id| own[&id]);
                own.remove(&id);
                assert_eq!(index.find(hash, |found| found == id), None);
            }
            if draws.chance(10) {
                index.shrink(|id| own[&id]);
            }
            for (id, hash) in &own {
                assert_eq!(index.find(*hash, |found| found == *id), Some(*id));
            }
            assert_eq!(index.used, own.len());
        }
        assert!(
            index.slots.len() > index.homes,
            "none went beyond the homes"
        );
    }

    /// Seven octets for each of many names.
    #[test]
    fn a_large_table_has_little_to_spare() {
        let mut index = NodeIndex::default();
        let hash_of = |id| crate::dns::octets::hash(1, &u32::to_be_bytes(id));
        index.reserve(100_000, hash_of);
        index.insert_all(0..100_000, hash_of);
        assert!(index.slots.capacity() * size_of::<u32>() < 700_000);
        for id in 0..100_000 {
            assert_eq!(index.find(hash_of(id), |found| found == id), Some(id));
        }
    }
}
