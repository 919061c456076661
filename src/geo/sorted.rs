//! All addresses, sorted by kind: what a plan tells apart, before it is told apart service by service.
//!
//! A city file has millions of networks and a hundred thousand places, and what a plan makes of them is a few hundred orders
//! of regions. So its networks are walked over once, and what the maps of all services are made of is the short list that is
//! left when neighbours of one kind are one.
//!
//! It does not know what a kind is.
use rustc_hash::FxHashMap;

use super::common::Common;
use super::laid::{Spot, blocks};
use super::networks::Networks;
use super::steps::{Key, Steps};
use crate::base::ClassId;

/// All addresses by kind.
#[derive(Debug)]
pub struct Sorted {
    v4: Steps<u32, u32>,
    v6: Steps<u128, u32>,
    sizes: Vec<u64>,
}

impl Sorted {
    /// By kind, how many IPv4 addresses it has: /24s, rounded up for each stretch of one place and mark.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The classes of the kinds.
    pub fn classify(&self, class_of: impl Fn(u32) -> ClassId) -> Networks {
        Networks::new(&self.v4, &self.v6, class_of)
    }

    /// Finds what all addresses of a network have in common, of sets by kind.
    #[must_use]
    pub fn common(&self, sets: &[u64]) -> Common {
        let set_of = |kind: u32| sets[kind as usize];
        Common::new(self.v4.mapped(set_of), self.v6.mapped(set_of))
    }
}

/// Stands for the kind of a spot that nobody was asked for.
const UNASKED: u32 = u32::MAX;

/// Everything that has been sorted so far.
pub(super) struct Sorting<F> {
    kind_of: F,
    /// By place: the kind of it without a mark, once it has been asked for. Nearly all are so, and need no hash.
    unmarked: Vec<u32>,
    marked: FxHashMap<Spot, u32>,
    sizes: Vec<u64>,
}

/// The addresses of a family, of which sizes are counted where that is done.
pub(super) trait Sized24: Key {
    /// The /24s from the first address to the last.
    fn size(first: Self, last: Self) -> u64;
}

impl Sized24 for u32 {
    fn size(first: Self, last: Self) -> u64 {
        blocks(first, last)
    }
}

impl Sized24 for u128 {
    fn size(_: Self, _: Self) -> u64 {
        0
    }
}

impl<F: FnMut(Spot) -> u32> Sorting<F> {
    /// Begins with so many places.
    pub(super) fn new(places: usize, kind_of: F) -> Self {
        Self {
            kind_of,
            unmarked: vec![UNASKED; places],
            marked: FxHashMap::default(),
            sizes: Vec::new(),
        }
    }

    /// Sorts a family: starts with the place and what is laid over it, which together are a spot.
    pub(super) fn family<K: Sized24>(
        &mut self,
        laid: impl Iterator<Item = (K, u32, u32)>,
        room: usize,
        spot_of: impl Fn(u32, u32) -> Spot,
    ) -> Steps<K, u32> {
        let mut steps = Steps::with_room(room / 2);
        let mut last: Option<(K, Spot, u32)> = None;
        for (start, place, over) in laid {
            let spot = spot_of(place, over);
            if let Some((begin, before, kind)) = last {
                if before == spot {
                    continue;
                }
                self.count(kind, K::size(begin, start.previous()));
            }
            let kind = self.kind(spot);
            steps.set_from(start, kind);
            last = Some((start, spot, kind));
        }
        if let Some((begin, _, kind)) = last {
            self.count(kind, K::size(begin, K::ZERO.previous()));
        }
        steps.shrink();
        steps
    }

    /// Everything that was sorted.
    pub(super) fn finish(self, v4: Steps<u32, u32>, v6: Steps<u128, u32>) -> Sorted {
        Sorted {
            v4,
            v6,
            sizes: self.sizes,
        }
    }

    fn count(&mut self, kind: u32, size: u64) {
        self.sizes[kind as usize] += size;
    }

    #[inline]
    fn kind(&mut self, spot: Spot) -> u32 {
        let known = match spot {
            (place, None) => self.unmarked[place as usize],
            (_, Some(_)) => self.marked.get(&spot).copied().unwrap_or(UNASKED),
        };
        match known {
            UNASKED => self.ask(spot),
            kind => kind,
        }
    }

    fn ask(&mut self, spot: Spot) -> u32 {
        let kind = (self.kind_of)(spot);
        let kinds = self.sizes.len().max(kind as usize + 1);
        self.sizes.resize(kinds, 0);
        match spot {
            (place, None) => self.unmarked[place as usize] = kind,
            (_, Some(_)) => drop(self.marked.insert(spot, kind)),
        }
        kind
    }
}
