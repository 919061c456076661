//! Ranges of addresses, found by the bits in which their starts differ.
//!
//! Decides where to look. An index over leading bits leads to a few ranges, which are searched in
//! order. Ranges crowd in a few blocks, most of all in IPv6, and what a crowd's starts have in
//! common tells nothing; so a crowd is divided by the bits behind those, into a quarter as many
//! cells as it has ranges, and a cell that is still crowded is divided again. The index is far
//! smaller than the table, so that it stays in the nearer caches and a look-up waits for one line
//! of the table (with as many cells as ranges it waited twice, and took half as long again); two
//! steps of it are enough for whatever is not made to need more.
//!
//! ```text
//!  crowd: bits in common --> otherwise: before or behind all of it
//!          '-> bits behind them --> cell --> few ranges: search them
//!                                    '-----> crowd: again
//! ```
//!
//! Start and value of a range stand side by side, because what a look-up costs is the memory that
//! it waits for, not what it computes.
//!
//! The widest prefix within a range is one bit longer than what the address shares with either
//! neighbour of the range.
//!
//! It does not know what an address or a value means, nor that neighbours differ: a prefix ends
//! where the range does.
use super::steps::Key;

/// Sorted ranges under an index.
#[derive(Debug)]
pub(super) struct Ranges<K, V> {
    ranges: Vec<(K, V)>,
    /// The first is all of them.
    crowds: Vec<Crowd<K>>,
    /// How many starts lie before the cell, or [`DIVIDED`] and the number of a crowd.
    cells: Vec<u32>,
}

/// Ranges whose starts are told apart by some bits of theirs.
#[derive(Debug)]
struct Crowd<K> {
    /// The first start.
    first: K,
    /// How many bits all starts have in common.
    shared: u8,
    /// How many bits behind those make the cell.
    bits: u8,
    /// Where its cells begin.
    cells: u32,
    /// How many starts lie before it.
    before: u32,
    /// How many starts it has.
    length: u32,
}

/// Set in a cell that is a crowd.
const DIVIDED: u32 = 1 << 31;
/// Most bits that tell cells apart.
const CELL_BITS_MAX: u32 = 16;
/// Most starts of a cell that is not divided.
const SEARCHED: usize = 16;
/// How many starts are compared at once.
const WINDOW: usize = 4;

impl<K: Key, V: Copy> Ranges<K, V> {
    /// Ranges by their starts, at least one and in order, each up to the next.
    pub(super) fn new(ranges: Vec<(K, V)>) -> Self {
        let mut all = Self {
            crowds: Vec::new(),
            cells: Vec::with_capacity(ranges.len()),
            ranges,
        };
        all.divide(0, all.ranges.len());
        all.cells.shrink_to_fit();
        all
    }

    /// The value at an address, which is not below the first start, and the length of the widest
    /// prefix around it that lies in its range.
    pub(super) fn find(&self, address: K) -> (V, u8) {
        let behind = self.behind(address);
        let (start, value) = self.ranges[behind - 1];
        // The first range has no neighbour below it and the last none above. The other end of the
        // space stands in for it: a real border on the way there shares at least as many bits.
        let end = self.ranges.get(behind).map_or(K::ZERO, |&(end, _)| end);
        let prefix = match self.ranges.len() {
            1 => 0,
            _ => 1 + address.shared_with_either(start.previous(), end),
        };
        (value, prefix)
    }

    /// How many starts are not above an address.
    fn behind(&self, address: K) -> usize {
        let mut at = self.before(address) as usize;
        // Comparing all of a window costs less than guessing wrong where to stop in it.
        while let Some(window) = self.ranges[at..].first_chunk::<WINDOW>() {
            let below = |&(start, _): &(K, V)| usize::from(start <= address);
            let inside: usize = window.iter().map(below).sum();
            at += inside;
            if inside < WINDOW {
                return at;
            }
        }
        let rest = self.ranges[at..].iter();
        at + rest.take_while(|(start, _)| *start <= address).count()
    }

    /// A number of starts that are not above an address, few less than there are.
    fn before(&self, address: K) -> u32 {
        let mut crowd = &self.crowds[0];
        loop {
            if address.shared_bits(crowd.first) < crowd.shared {
                let behind = address > crowd.first;
                return crowd.before + crowd.length * u32::from(behind);
            }
            let cell = crowd.cells as usize + address.part(crowd.shared, crowd.bits);
            let cell = self.cells[cell];
            if cell < DIVIDED {
                return cell;
            }
            crowd = &self.crowds[(cell - DIVIDED) as usize];
        }
    }

    /// Makes a crowd of some ranges; its number. Each has at least one bit more in common than
    /// the one around it.
    fn divide(&mut self, before: usize, behind: usize) -> u32 {
        let (first, last) = (self.ranges[before].0, self.ranges[behind - 1].0);
        let bits = cell_bits(behind - before);
        let shared = first.shared_bits(last).min(K::WIDTH - bits);
        let (number, cells) = (self.crowds.len(), self.cells.len());
        self.crowds.push(Crowd {
            first,
            shared,
            bits,
            cells: count(cells),
            before: count(before),
            length: count(behind - before),
        });
        self.cells.resize(cells + (1 << bits), 0);
        let mut at = before;
        for cell in 0..1 << bits {
            let inside = self.ranges[at..behind]
                .iter()
                .take_while(|(start, _)| start.part(shared, bits) == cell)
                .count();
            self.cells[cells + cell] = match inside {
                0..=SEARCHED => count(at),
                _ => DIVIDED | self.divide(at, at + inside),
            };
            at += inside;
        }
        count(number)
    }
}

/// A quarter as many cells as ranges, so that the cells stay in the nearer caches.
fn cell_bits(ranges: usize) -> u8 {
    (ranges.ilog2().saturating_sub(2)).clamp(1, CELL_BITS_MAX) as u8
}

fn count(number: usize) -> u32 {
    let number = u32::try_from(number).ok();
    number
        .filter(|number| *number < DIVIDED)
        .expect("a table has fewer ranges and cells than half of IPv4 has addresses")
}

#[cfg(test)]
mod tests {
    use super::{Key, Ranges, SEARCHED};
    use crate::base::Draws;

    /// Bit by bit from the widest: the first block around an address without a border in it.
    fn oracle(starts: &[u128], address: u128) -> (usize, u8) {
        let found = starts.partition_point(|start| *start <= address) - 1;
        let holds = |prefix: &u8| {
            let first = address.first_of(*prefix);
            let last = first | !u128::mask(*prefix);
            starts[found] <= first && starts.get(found + 1).is_none_or(|next| last < *next)
        };
        (found, (0..=128).find(holds).unwrap())
    }

    /// A zero, and random starts that share so many bits, differ in the next ones, and end with
    /// zeros.
    fn crowd(draws: &mut Draws, shared: u8, differing: u8, starts: usize) -> Vec<u128> {
        let pattern = u128::from(draws.next_u64()) << 64 | u128::from(draws.next_u64());
        let any = |_| {
            let low = u128::from(draws.next_u64()) & ((1 << differing) - 1);
            pattern.first_of(shared) | low << (128 - shared - differing)
        };
        (0..starts).map(any).chain([0]).collect()
    }

    #[test]
    fn crowds_are_found_wherever_their_starts_differ() {
        let mut draws = Draws::from_seed(4);
        for (shared, differing) in [(0, 20), (4, 10), (16, 30), (40, 48), (60, 8), (100, 28)] {
            let mut starts = crowd(&mut draws, shared, differing, 700);
            // One crowd inside of another, as a provider's networks are.
            let narrow = (shared + differing).min(120);
            let inside = crowd(&mut draws, narrow, 128 - narrow, 100);
            let around = starts[5].first_of(narrow);
            starts.extend(inside.iter().map(|low| around | low & !u128::mask(narrow)));
            check(starts, &mut draws);
        }
    }

    #[test]
    fn small_tables_hold_everywhere() {
        let mut draws = Draws::from_seed(6);
        for starts in 0..2 * SEARCHED {
            check(crowd(&mut draws, 3, 40, starts), &mut draws);
        }
        check(vec![0, u128::MAX], &mut draws);
        check(vec![0, 1, u128::MAX - 1, u128::MAX], &mut draws);
    }

    /// Looks up every start, its neighbours, random addresses, and both ends of the space; the
    /// index leaves few starts to be searched each time.
    fn check(mut starts: Vec<u128>, draws: &mut Draws) {
        starts.sort_unstable();
        starts.dedup();
        let ranges = Ranges::new(starts.iter().copied().zip(0..).collect());
        let mut addresses = vec![0, 1, u128::MAX - 1, u128::MAX];
        for start in &starts {
            let low = u128::from(draws.next_u64());
            addresses.extend([
                *start,
                start.wrapping_sub(1),
                start | low,
                start ^ low << 32,
            ]);
            addresses.push(low << 64 | low);
        }
        for address in addresses {
            let expected = oracle(&starts, address);
            assert_eq!(ranges.find(address), expected, "{address:x}");
            let searched = expected.0 + 1 - ranges.before(address) as usize;
            assert!(searched <= SEARCHED, "{searched} at {address:x}");
        }
    }

    /// However starts are chosen, the index stays about as large as the table.
    #[test]
    fn the_index_is_about_as_large_as_the_table() {
        let mut draws = Draws::from_seed(8);
        for (shared, differing) in [(0, 60), (16, 16), (30, 60), (64, 64)] {
            let mut starts = crowd(&mut draws, shared, differing, 60_000);
            starts.sort_unstable();
            starts.dedup();
            let ranges = Ranges::new(starts.iter().copied().zip(0..60_000).collect());
            assert!(
                ranges.cells.len() < 4 * starts.len(),
                "{shared} {differing}"
            );
            assert!(ranges.crowds.len() < starts.len() / SEARCHED);
        }
    }
}
