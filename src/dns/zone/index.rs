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

fn position(hash: u64) -> usize {
    usize::try_from(hash >> 32).expect("addresses have at least 32 bits")
}

fn id(slot: u64) -> u32 {
    u32::try_from((slot & !TAG) - 1).expect("the lower half of a slot has 32 bits")
}
