//! A step function over all addresses of one family: the shape of everything in this folder.
//!
//! A list of starts, the first of them zero, and one value for each: a value holds from its
//! start up to the next one. Neighbours always differ, so two equal functions are equal lists,
//! and "how wide does this hold?" is a question about two numbers. Prefix trees would say the
//! same, but they are slower to merge and tell siblings apart that are alike.
//!
//! It does not know what an address or a value means.
use std::fmt::Debug;

/// An address as a number.
pub(super) trait Key: Copy + Ord + Debug {
    /// The first address.
    const ZERO: Self;
    /// Bits of an address.
    const WIDTH: u8;

    /// The bits of a prefix of this length, which is at most [`Self::WIDTH`].
    fn mask(prefix: u8) -> Self;
    /// The number with one bit set, the first of an address being 1 and the last [`Self::WIDTH`].
    fn bit(number: u8) -> Self;
    /// The first address of the network of this prefix around the address.
    fn first_of(self, prefix: u8) -> Self;
    /// The first address after the network of this prefix that starts here, unless that is
    /// the last network of all.
    fn after(self, prefix: u8) -> Option<Self>;
    /// The address before; before the first stands the last.
    fn previous(self) -> Self;
    /// How many leading bits two addresses share.
    fn shared_bits(self, other: Self) -> u8;
    /// How many leading bits it shares with that of two addresses with which it shares more.
    fn shared_with_either(self, one: Self, two: Self) -> u8;
    /// The number that `count` bits after the first `skip` make; at least one bit, at most 16,
    /// and no more than there are.
    fn part(self, skip: u8, count: u8) -> usize;
    /// The address so far behind this one, round the end of all.
    fn plus(self, step: Self) -> Self;
    /// The way from another address to this one.
    fn minus(self, before: Self) -> Self;
    /// Its octets, the lowest first, and zeros.
    fn octets(self) -> [u8; 16];
    /// The number of the first `count` octets, the lowest first, with so many octets of zero below them; some number
    /// where that is more than there is room for.
    fn from_octets(octets: &[u8; 16], count: u8, zeros: u8) -> Self;
}

macro_rules! key {
    ($number:ty, $width:literal) => {
        impl Key for $number {
            const ZERO: Self = 0;
            const WIDTH: u8 = $width;

            fn mask(prefix: u8) -> Self {
                (!0 as Self)
                    .checked_shl(u32::from($width - prefix))
                    .unwrap_or(0)
            }

            fn bit(number: u8) -> Self {
                (1 as Self)
                    .checked_shl(u32::from($width - number))
                    .unwrap_or(0)
            }

            fn first_of(self, prefix: u8) -> Self {
                self & Self::mask(prefix)
            }

            fn after(self, prefix: u8) -> Option<Self> {
                (self | !Self::mask(prefix)).checked_add(1)
            }

            fn previous(self) -> Self {
                self.wrapping_sub(1)
            }

            #[expect(clippy::cast_possible_truncation, reason = "at most 128")]
            fn shared_bits(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            #[expect(clippy::cast_possible_truncation, reason = "at most 128")]
            fn shared_with_either(self, one: Self, two: Self) -> u8 {
                (self ^ one).min(self ^ two).leading_zeros() as u8
            }

            fn part(self, skip: u8, count: u8) -> usize {
                let part = (self << skip) >> ($width - count);
                usize::try_from(part).expect("no more than 16 bits are asked for")
            }

            fn plus(self, step: Self) -> Self {
                self.wrapping_add(step)
            }

            fn minus(self, before: Self) -> Self {
                self.wrapping_sub(before)
            }

            fn octets(self) -> [u8; 16] {
                u128::from(self).to_le_bytes()
            }

            #[inline]
            fn from_octets(octets: &[u8; 16], count: u8, zeros: u8) -> Self {
                let own = octets.first_chunk().expect("no address has more octets");
                let unwanted = u32::from($width - count.wrapping_mul(8).min($width));
                let number = Self::from_le_bytes(*own) & (Self::MAX >> unwanted.min($width - 8));
                number.wrapping_shl(8 * u32::from(zeros))
            }
        }
    };
}
key!(u32, 32);
key!(u64, 64);
key!(u128, 128);

/// Values over all addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steps<K, V> {
    starts: Vec<K>,
    values: Vec<V>,
}

impl<K: Key, V: Copy + PartialEq> Steps<K, V> {
    /// One value everywhere.
    pub(super) fn all(value: V) -> Self {
        Self {
            starts: vec![K::ZERO],
            values: vec![value],
        }
    }

    /// Nothing yet, and room for so many starts; the first that is set is zero.
    pub(super) fn with_room(room: usize) -> Self {
        Self {
            starts: Vec::with_capacity(room),
            values: Vec::with_capacity(room),
        }
    }

    /// Gives back the room that is not needed.
    pub(super) fn shrink(&mut self) {
        self.starts.shrink_to_fit();
        self.values.shrink_to_fit();
    }

    /// The starts, the first of them zero, each with the value from there.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (K, V)> {
        let starts = self.starts.iter().copied();
        starts.zip(self.values.iter().copied())
    }

    /// Lays prefixes over a value that holds everywhere else. The longest prefix wins; of two
    /// equal ones, the later in the list.
    pub(super) fn from_prefixes(elsewhere: V, mut prefixes: Vec<(K, u8, V)>) -> Self {
        prefixes.sort_by_key(|&(start, prefix, _)| (start, prefix));
        let mut steps = Self::all(elsewhere);
        // The prefixes around the current one, outermost first, with the address after each.
        let mut around: Vec<(Option<K>, V)> = vec![(None, elsewhere)];
        for (start, prefix, value) in prefixes {
            steps.close(&mut around, Some(start));
            steps.set_from(start, value);
            around.push((start.after(prefix), value));
        }
        steps.close(&mut around, None);
        steps
    }

    /// Ends the prefixes that end at or before `until`; the value around each goes on.
    fn close(&mut self, around: &mut Vec<(Option<K>, V)>, until: Option<K>) {
        while let [.., (_, outer), (Some(end), _)] = around[..] {
            if until.is_some_and(|until| end > until) {
                return;
            }
            around.pop();
            self.set_from(end, outer);
        }
    }

    /// Lets a value hold from here on; `start` is no less than any start so far.
    pub(super) fn set_from(&mut self, start: K, value: V) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.values.last() != Some(&value) {
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// The function of two functions' values. `combine` sees every pair that occurs.
    pub(super) fn zip<W, X>(
        &self,
        other: &Steps<K, W>,
        mut combine: impl FnMut(V, W) -> X,
    ) -> Steps<K, X>
    where
        W: Copy + PartialEq,
        X: Copy + PartialEq,
    {
        let mut steps = Steps {
            starts: Vec::with_capacity(self.starts.len()),
            values: Vec::with_capacity(self.starts.len()),
        };
        let mut at = 0;
        for (index, (from, other_value)) in other.starts.iter().zip(&other.values).enumerate() {
            let end = other.starts.get(index + 1);
            at += usize::from(self.starts.get(at + 1) == Some(from));
            steps.set_from(*from, combine(self.values[at], *other_value));
            while let Some(start) = self.starts.get(at + 1)
                && end.is_none_or(|end| start < end)
            {
                at += 1;
                steps.set_from(*start, combine(self.values[at], *other_value));
            }
        }
        steps
    }

    /// The pairs of the function of this one's values: neighbours that have become alike are one.
    pub(super) fn mapped<X: Copy + PartialEq>(
        &self,
        mut change: impl FnMut(V) -> X,
    ) -> impl Iterator<Item = (K, X)> {
        let mut last = None;
        let pairs = self.starts.iter().zip(&self.values);
        pairs.filter_map(move |(start, value)| {
            let value = change(*value);
            (last.replace(value) != Some(value)).then_some((*start, value))
        })
    }

    /// The value at an address.
    pub(super) fn find(&self, address: K) -> V {
        let after = self.starts.partition_point(|&start| start <= address);
        self.values[after - 1]
    }

    /// How many starts there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }
}

/// A step function that is written from its beginning to its end, as whoever looks up in it wants it.
#[derive(Debug)]
pub(super) struct Pairs<K, V>(Vec<(K, V)>);

impl<K: Key, V: Copy + PartialEq> Pairs<K, V> {
    /// One value everywhere, and room for so many.
    pub(super) fn all(value: V, room: usize) -> Self {
        let mut pairs = Vec::with_capacity(room);
        pairs.push((K::ZERO, value));
        Self(pairs)
    }

    /// As [`Steps::set_from`].
    pub(super) fn set_from(&mut self, start: K, value: V) {
        self.0.pop_if(|(last, _)| *last == start);
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((start, value));
        }
    }

    /// The starts, the first of them zero, each with the value from there.
    pub(super) fn into_list(mut self) -> Vec<(K, V)> {
        self.0.shrink_to_fit();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Steps};
    use crate::base::Draws;

    #[test]
    fn masks_and_neighbours() {
        assert_eq!(u32::mask(0), 0);
        assert_eq!(u32::mask(32), u32::MAX);
        assert_eq!(u128::mask(1), 1 << 127);
        assert_eq!(0x0A00_0000_u32.after(8), Some(0x0B00_0000));
        assert_eq!(0xFF00_0000_u32.after(8), None);
        assert_eq!(0_u32.after(0), None);
        assert_eq!(0_u32.shared_bits(0), 32);
        assert_eq!(0x8000_0000_u32.shared_bits(0), 0);
        assert_eq!(5_u64.shared_with_either(4, u64::MAX), 63);
        assert_eq!(5_u64.shared_with_either(0, 5), 64);
        assert_eq!(0_u64.previous(), u64::MAX);
    }

    #[test]
    fn the_longest_prefix_wins() {
        let steps = Steps::from_prefixes(
            0,
            vec![
                (0x0A01_0000_u32, 16, 2),
                (0x0A00_0000, 8, 1),
                (0x0A01_0200, 24, 1),
            ],
        );
        let values =
            [0x0900_0000, 0x0A00_0000, 0x0A01_0000, 0x0A01_0200].map(|address| steps.find(address));
        assert_eq!(values, [0, 1, 2, 1]);
        assert_eq!(steps.find(0x0A01_0300), 2);
        assert_eq!(steps.find(0x0B00_0000), 0);
        // Nothing, the first, the second, the third, and each of the outer ones once more.
        assert_eq!(steps.len(), 7);
    }

    #[test]
    fn a_later_equal_prefix_replaces_the_earlier() {
        let steps = Steps::from_prefixes(0, vec![(0_u32, 0, 1), (0, 0, 2)]);
        assert_eq!(steps, Steps::all(2));
    }

    /// Random prefixes over the top 8 bits, against a search of the list for each address.
    #[test]
    fn prefixes_and_zips_agree_with_a_plain_search() {
        let mut draws = Draws::from_seed(1);
        for _ in 0..200 {
            let (one, two) = (random_prefixes(&mut draws), random_prefixes(&mut draws));
            let steps = Steps::from_prefixes(0, one.clone());
            let both = steps.zip(&Steps::from_prefixes(0, two.clone()), |a, b| a * 10 + b);
            for top in 0..=255_u32 {
                let address = (top << 24) | 0x1234;
                let expected = (search(&one, address), search(&two, address));
                assert_eq!(steps.find(address), expected.0);
                assert_eq!(both.find(address), expected.0 * 10 + expected.1);
            }
            let pairs: Vec<_> = both.pairs().collect();
            assert!(pairs.windows(2).all(|pair| pair[0].1 != pair[1].1));
        }
    }

    fn random_prefixes(draws: &mut Draws) -> Vec<(u32, u8, u32)> {
        (0..draws.below(12))
            .map(|_| {
                let prefix = u8::try_from(draws.below(9)).unwrap();
                let start = u32::try_from(draws.below(256)).unwrap() << 24;
                let value = u32::try_from(draws.below(4)).unwrap();
                (start.first_of(prefix), prefix, value)
            })
            .collect()
    }

    fn search(prefixes: &[(u32, u8, u32)], address: u32) -> u32 {
        let found = prefixes
            .iter()
            .filter(|&&(start, prefix, _)| address.first_of(prefix) == start)
            .max_by_key(|&&(_, prefix, _)| prefix);
        found.map_or(0, |&(_, _, value)| value)
    }
}
