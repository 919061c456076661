//! A step function packed into octets: one form on the disk and in memory.
//!
//! The networks of a city file are millions, and hardly ever looked up one by one: a plan walks over all of them once,
//! and `explain` finds one now and then. So they stay as they were read from the disk, at a third of the room that lists
//! would take, and neither a start nor a reload copies them. An entry is the step from the start before it and the value
//! from there on:
//!
//! ```text
//! control: octets of the step - 1 (low 4 bits), octets of zero behind it (high 4 bits)
//! step, the lowest octet first, without the zeros that it ends with | value, the lowest octet first, always of one width
//! ```
//!
//! Every [`BLOCK`]th entry is known by its start and its place, which is found when the octets are taken up and is not
//! written. Behind the last entry there are zeros, so that reading one never looks beyond the end.
//!
//! What is taken up has been checked: starts that rise, values that differ from their neighbours' and are below a bound, and
//! nothing left over. It does not know what a value means, nor whether the octets are what was written once.
use bytes::Bytes;

use super::steps::{Key, Steps};

/// PackedEntries between two whose start is known.
const BLOCK: usize = 64;
/// Octets of the longest entry: control, step, value.
const LONGEST: usize = 1 + 16 + 4;

/// Values over all addresses, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedSteps<K> {
    octets: Bytes,
    /// Octets of a value.
    width: usize,
    length: usize,
    /// The start of the first entry of each block, and where that stands.
    blocks: Vec<(K, usize)>,
}

/// The octets that values below a bound need.
pub(super) fn width_of(bound: usize) -> usize {
    let bits = usize::BITS - bound.saturating_sub(1).leading_zeros();
    (bits as usize).div_ceil(8).clamp(1, 4)
}

impl<K: Key> PackedSteps<K> {
    /// Packs a step function whose values are below a bound.
    pub(super) fn of(steps: &Steps<K, u32>, bound: usize) -> Self {
        let width = width_of(bound);
        let mut octets = Vec::with_capacity(steps.len() * (3 + width) + LONGEST);
        let mut blocks = Vec::with_capacity(steps.len() / BLOCK + 1);
        let mut before = K::ZERO;
        for (number, (start, value)) in steps.pairs().enumerate() {
            if number % BLOCK == 0 {
                blocks.push((start, octets.len()));
            }
            write_step(&mut octets, start.minus(before));
            octets.extend(&value.to_le_bytes()[..width]);
            before = start;
        }
        octets.resize(octets.len() + LONGEST, 0);
        Self {
            octets: octets.into(),
            width,
            length: steps.len(),
            blocks,
        }
    }

    /// Takes up the octets of so many entries with values below a bound; None when they are not that.
    pub(super) fn take_up(octets: Bytes, length: usize, bound: usize) -> Option<Self> {
        let width = width_of(bound);
        // An entry has three octets at least: this bounds what a broken length may ask for.
        let mut blocks = Vec::with_capacity(length.min(octets.len() / 3) / BLOCK + 1);
        let mut entries = PackedEntries::<K>::at(&octets, width, 0, K::ZERO);
        let mut last: Option<(K, u32)> = None;
        for number in 0..length {
            let place = entries.place;
            let (start, value) = entries.checked()?;
            let follows = match last {
                None => start == K::ZERO,
                Some((before, other)) => start > before && value != other,
            };
            if !follows || value as usize >= bound {
                return None;
            }
            if number % BLOCK == 0 {
                blocks.push((start, place));
            }
            last = Some((start, value));
        }
        let is_whole = length > 0 && entries.place + LONGEST == octets.len();
        is_whole.then_some(Self {
            octets,
            width,
            length,
            blocks,
        })
    }

    /// The octets, to be taken up again.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The starts, the first of them zero, each with the value from there.
    pub(super) fn pairs(&self) -> PackedEntries<'_, K> {
        PackedEntries::at(&self.octets, self.width, 0, K::ZERO)
    }

    /// The same from the entry that holds at an address; that comes first.
    pub(super) fn pairs_from(&self, address: K) -> impl Iterator<Item = (K, u32)> {
        let block = self.blocks.partition_point(|(start, _)| *start <= address);
        let (start, place) = self.blocks[block - 1];
        let mut entries = PackedEntries::at(&self.octets, self.width, place, K::ZERO);
        // The entry says how far it is from the one before it; where it is itself is known.
        let first = entries.next().map(|(_, value)| (start, value));
        entries.start = start;
        let mut now = first;
        for next in entries.clone().take(BLOCK) {
            if next.0 > address {
                break;
            }
            entries.next();
            now = Some(next);
        }
        now.into_iter().chain(entries)
    }

    /// The value at an address.
    pub(super) fn find(&self, address: K) -> u32 {
        let found = self.pairs_from(address).next();
        found.map_or(0, |(_, value)| value)
    }
}

/// A walk over entries.
#[derive(Clone)]
pub(super) struct PackedEntries<'o, K> {
    octets: &'o [u8],
    mask: u32,
    width: usize,
    place: usize,
    start: K,
}

impl<'o, K: Key> PackedEntries<'o, K> {
    fn at(octets: &'o [u8], width: usize, place: usize, start: K) -> Self {
        Self {
            octets,
            mask: u32::MAX >> (32 - 8 * width),
            width,
            place,
            start,
        }
    }

    /// The next entry, if it is one that is written so.
    fn checked(&mut self) -> Option<(K, u32)> {
        let control = *self.octets.get(self.place)?;
        let (count, zeros) = (control % 16 + 1, control / 16);
        let before = self.start;
        let entry = self.next()?;
        let fits = (count + zeros) * 8 <= K::WIDTH && entry.0 >= before;
        fits.then_some(entry)
    }
}

impl<K: Key> Iterator for PackedEntries<'_, K> {
    type Item = (K, u32);

    #[inline]
    fn next(&mut self) -> Option<(K, u32)> {
        let entry: &[u8; LONGEST] = self.octets.get(self.place..)?.first_chunk()?;
        if self.place + LONGEST == self.octets.len() {
            return None;
        }
        let [control, step @ .., _, _, _, _] = entry;
        let (count, zeros) = (control % 16 + 1, control / 16);
        let behind = 1 + usize::from(count);
        let value = entry.get(behind..)?.first_chunk()?;
        self.start = self.start.plus(K::from_octets(step, count, zeros));
        self.place += behind + self.width;
        Some((self.start, u32::from_le_bytes(*value) & self.mask))
    }
}

/// Writes the control octet and the step.
fn write_step<K: Key>(out: &mut Vec<u8>, step: K) {
    let octets = step.octets();
    let first = octets.iter().position(|octet| *octet != 0).unwrap_or(0);
    let last = octets.iter().rposition(|octet| *octet != 0).unwrap_or(0);
    let nibble = |number: usize| u8::try_from(number).expect("a number has 16 octets at most");
    out.push(nibble(first) * 16 + nibble(last - first));
    out.extend(&octets[first..=last]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Draws;

    /// Steps of all lengths, crowded and far apart.
    fn any<K: Key>(draws: &mut Draws, bound: u32, number: fn(&mut Draws) -> K) -> Steps<K, u32> {
        let mut starts: Vec<K> = (0..draws.below(400)).map(|_| number(draws)).collect();
        starts.sort_unstable();
        let mut steps = Steps::all(draw(draws, bound));
        for start in starts {
            steps.set_from(start, draw(draws, bound));
        }
        steps
    }

    fn draw(draws: &mut Draws, bound: u32) -> u32 {
        u32::try_from(draws.below(bound.into())).unwrap()
    }

    fn number_v4(draws: &mut Draws) -> u32 {
        let bits = u32::try_from(draws.next_u64() >> 32).unwrap();
        bits >> draws.below(20) & u32::MAX << draws.below(28)
    }

    fn number_v6(draws: &mut Draws) -> u128 {
        let bits = u128::from(draws.next_u64()) << 64 | u128::from(draws.next_u64());
        bits >> draws.below(100) & u128::MAX << draws.below(120)
    }

    fn check<K: Key>(
        steps: &Steps<K, u32>,
        bound: u32,
        draws: &mut Draws,
        number: fn(&mut Draws) -> K,
    ) {
        let bound = bound as usize;
        let packed = PackedSteps::of(steps, bound);
        let octets = Bytes::copy_from_slice(packed.octets());
        let again = PackedSteps::take_up(octets.clone(), packed.len(), bound).unwrap();
        assert_eq!(again, packed);
        assert!(packed.pairs().eq(steps.pairs()));
        for _ in 0..200 {
            let address = number(draws);
            let at = steps.pairs().filter(|(start, _)| *start <= address).count() - 1;
            assert!(packed.pairs_from(address).eq(steps.pairs().skip(at)));
            assert_eq!(packed.find(address), steps.find(address));
        }
        for (length, bound) in [
            (packed.len() + 1, bound),
            (packed.len() - 1, bound),
            (0, bound),
        ] {
            assert_eq!(
                PackedSteps::<K>::take_up(octets.clone(), length, bound),
                None
            );
        }
    }

    #[test]
    fn what_is_packed_is_the_same_function() {
        let mut draws = Draws::from_seed(41);
        for round in 0..60 {
            let bound = [1, 2, 255, 256, 257, 70_000, 1 << 24, u32::MAX][round % 8];
            let v4 = any(&mut draws, bound, number_v4);
            check(&v4, bound, &mut draws, number_v4);
            let v6 = any(&mut draws, bound, number_v6);
            check(&v6, bound, &mut draws, number_v6);
        }
    }

    #[test]
    fn octets_that_nobody_wrote_are_refused_or_are_a_function() {
        let mut draws = Draws::from_seed(42);
        let steps = any(&mut draws, 300, number_v6);
        let packed = PackedSteps::of(&steps, 300);
        for place in 0..packed.octets().len() {
            let mut octets = packed.octets().to_vec();
            octets[place] ^= 1 << draws.below(8);
            let Some(found) = PackedSteps::<u128>::take_up(octets.into(), packed.len(), 300) else {
                continue;
            };
            let pairs: Vec<_> = found.pairs().collect();
            assert_eq!(pairs.len(), packed.len());
            assert!(
                pairs
                    .windows(2)
                    .all(|two| two[0].0 < two[1].0 && two[0].1 != two[1].1)
            );
            assert!(pairs.iter().all(|(_, value)| *value < 300));
        }
        for length in 0..packed.octets().len() {
            let octets = Bytes::copy_from_slice(&packed.octets()[..length]);
            assert_eq!(
                PackedSteps::<u128>::take_up(octets, packed.len(), 300),
                None
            );
        }
    }
}
