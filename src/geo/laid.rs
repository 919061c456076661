//! A short step function laid over a packed one: a walk over both, side by side.
//!
//! It does not know what either says.
use super::packed::{PackedEntries, PackedSteps};
use super::place::Locality;
use super::steps::{Key, Steps};

/// The layers over a network: a territory (or a city) in place of the database's, and a mark.
pub(super) type Over = (Option<Locality>, Option<u16>);

/// A place, by its number, and the mark over it.
pub(super) type Spot = (u32, Option<u16>);

/// The number of /24s that the addresses from the first to the last lie in.
pub(super) fn blocks(first: u32, last: u32) -> u64 {
    u64::from(last >> 8) - u64::from(first >> 8) + 1
}

/// Each start at which one of the two changes, with what each says from there.
pub(super) struct Laid<'a, K, O> {
    entries: PackedEntries<'a, K>,
    overs: O,
    entry: Option<(K, u32)>,
    over: Option<(K, u32)>,
    now: (u32, u32),
}

impl<'a, K: Key> Laid<'a, K, ()> {
    /// Begins at the first address.
    pub(super) fn new(
        below: &'a PackedSteps<K>,
        above: &'a Steps<K, u32>,
    ) -> Laid<'a, K, impl Iterator<Item = (K, u32)>> {
        let (mut entries, mut overs) = (below.pairs(), above.pairs());
        Laid {
            entry: entries.next(),
            over: overs.next(),
            entries,
            overs,
            now: (0, 0),
        }
    }
}

impl<K: Key, O: Iterator<Item = (K, u32)>> Iterator for Laid<'_, K, O> {
    type Item = (K, u32, u32);

    #[inline]
    fn next(&mut self) -> Option<(K, u32, u32)> {
        if let Some((start, place)) = self.entry
            && self.over.is_none_or(|(over, _)| start < over)
        {
            self.now.0 = place;
            self.entry = self.entries.next();
            return Some((start, place, self.now.1));
        }
        let start = match (self.entry, self.over) {
            (Some((entry, _)), Some((over, _))) => entry.min(over),
            (Some((start, _)), None) | (None, Some((start, _))) => start,
            (None, None) => return None,
        };
        if let Some((_, place)) = self.entry.filter(|(entry, _)| *entry == start) {
            self.now.0 = place;
            self.entry = self.entries.next();
        }
        if let Some((_, over)) = self.over.filter(|(over, _)| *over == start) {
            self.now.1 = over;
            self.over = self.overs.next();
        }
        Some((start, self.now.0, self.now.1))
    }
}
