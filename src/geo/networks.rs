//! A flat table from addresses to classes.
//!
//! Decides how wide an answer holds: the widest aligned block around an address that lies in one
//! range of equal class (RFC 7871, section 7.2.1 calls it the scope). Since neighbours of one
//! class are merged over the whole address space, that block is a function of the range alone,
//! and every address inside it gets the same one: scopes cannot overlap.
//!
//! A look-up is one or two steps through an index over the leading bits and a search among the few
//! ranges that are left. The index grows with the table, so that the many small tables of a plan
//! stay small.
//!
//! It does not know what a class is, nor how much of an address may be looked at. The IPv6 table
//! holds what is said of IPv6; the IPv4-mapped block in it is never asked.
use std::net::IpAddr;

use super::steps::{Key, Steps};
use crate::base::ClassId;

/// Which class an address belongs to, and how wide around it that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassHit {
    /// The class.
    pub class: ClassId,
    /// Length of the widest prefix around the address that lies in this class whole: 0 to 32
    /// for IPv4, in IPv6-mapped form too, and 0 to 128 for IPv6.
    pub prefix: u8,
}

/// Client networks by class: sorted ranges, neighbours of one class merged.
#[derive(Debug)]
pub struct Networks {
    v4: Table<u32>,
    v6: Table<u128>,
}

impl Networks {
    /// Every address in one class.
    #[must_use]
    pub fn all(class: ClassId) -> Self {
        Self::new(Steps::all(class), Steps::all(class))
    }

    /// Prepares look-ups in two step functions.
    pub(super) fn new(v4: Steps<u32, ClassId>, v6: Steps<u128, ClassId>) -> Self {
        Self {
            v4: Table::new(v4),
            v6: Table::new(v6),
        }
    }

    /// Looks an address up; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> ClassHit {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }
    }

    /// How many ranges there are, of both families.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.v4.ranges.len() + self.v6.ranges.len()
    }
}

/// The ranges of one family, under an index of two levels.
///
/// ```text
///  leading bits --> slot --------------------> few ranges: search them
///                    '--> the bits after --> cell --> few ranges: search them
/// ```
///
/// Ranges crowd in a few blocks, most of all in IPv6; a crowded slot is divided again, the more
/// finely the more ranges start in it. So the index is about as large as the table.
#[derive(Debug)]
struct Table<K> {
    ranges: Vec<(K, ClassId)>,
    /// How many leading bits make the slot.
    slot_bits: u8,
    /// One more at the end.
    slots: Vec<Slot>,
    /// For each cell, how many starts lie before it; one more at the end of each slot's.
    cells: Vec<u32>,
}

/// The addresses that share their leading bits.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// How many starts lie before it.
    before: u32,
    /// Where its cells are, if it has any.
    cells: u32,
    /// How many of the bits after make the cell; 0 for none.
    cell_bits: u8,
}

/// Most bits that one level of the index tells apart.
const LEVEL_BITS_MAX: u32 = 16;
/// Most starts that are searched without cells.
const SEARCHED: usize = 8;

/// An address whose first bits say where to look.
trait Indexed: Key {
    /// Its first 32 bits.
    fn lead(self) -> u32;
}

impl Indexed for u32 {
    fn lead(self) -> u32 {
        self
    }
}

impl Indexed for u128 {
    fn lead(self) -> u32 {
        (self >> 96) as u32
    }
}

impl<K: Indexed> Table<K> {
    fn new(steps: Steps<K, ClassId>) -> Self {
        let (starts, classes) = steps.into_parts();
        let slot_bits = level_bits(starts.len());
        let befores = count_before(&starts, 0, 0, slot_bits);
        let (mut slots, mut cells) = (Vec::with_capacity(befores.len()), Vec::new());
        for edges in befores.windows(2) {
            let crowd = &starts[edges[0] as usize..edges[1] as usize];
            let slot = Slot {
                before: edges[0],
                cells: count(cells.len()),
                cell_bits: cell_bits(crowd.len()),
            };
            if slot.cell_bits > 0 {
                cells.extend(count_before(crowd, slot.before, slot_bits, slot.cell_bits));
            }
            slots.push(slot);
        }
        slots.push(Slot {
            before: count(starts.len()),
            cells: count(cells.len()),
            cell_bits: 0,
        });
        Self {
            ranges: starts.into_iter().zip(classes).collect(),
            slot_bits,
            slots,
            cells,
        }
    }

    fn find(&self, address: K) -> ClassHit {
        let (from, to) = self.candidates(address.lead());
        let inside = self.ranges[from..to].partition_point(|&(start, _)| start <= address);
        let found = from + inside - 1;
        let (start, class) = self.ranges[found];
        let next = self.ranges.get(found + 1).map(|(next, _)| next);
        ClassHit {
            class,
            prefix: widest(address, start, next),
        }
    }

    /// The starts among which the next one after an address is: all before them are below it.
    fn candidates(&self, lead: u32) -> (usize, usize) {
        let number = bits(lead, 0, self.slot_bits);
        let slot = self.slots[number];
        let (from, to) = match slot.cell_bits {
            0 => (slot.before, self.slots[number + 1].before),
            cell_bits => {
                let cell = slot.cells as usize + bits(lead, self.slot_bits, cell_bits);
                (self.cells[cell], self.cells[cell + 1])
            }
        };
        (from as usize, to as usize)
    }
}

/// `count` bits of an address after the first `skip`, both at most [`LEVEL_BITS_MAX`].
fn bits(lead: u32, skip: u8, count: u8) -> usize {
    // In two steps, since no bits at all would be a shift by 32.
    (((lead << skip) >> (31 - count)) >> 1) as usize
}

/// About as many parts as ranges.
fn level_bits(ranges: usize) -> u8 {
    ranges.ilog2().min(LEVEL_BITS_MAX) as u8
}

fn cell_bits(ranges: usize) -> u8 {
    match ranges {
        0..=SEARCHED => 0,
        crowd => level_bits(crowd),
    }
}

/// For each part of a level, how many starts lie before it, and all of them at the end.
fn count_before<K: Indexed>(starts: &[K], first: u32, skip: u8, level_bits: u8) -> Vec<u32> {
    let mut counts = vec![0; (1 << level_bits) + 1];
    counts[0] = first;
    for start in starts {
        counts[bits(start.lead(), skip, level_bits) + 1] += 1;
    }
    let mut before = 0;
    for count in &mut counts {
        before += *count;
        *count = before;
    }
    counts
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a table has fewer ranges than IPv4 has addresses")
}

/// Length of the widest prefix around an address within its range: one bit more than the address
/// shares with either neighbour of the range.
fn widest<K: Key>(address: K, start: K, end: Option<&K>) -> u8 {
    let below = (start != K::ZERO).then(|| address.shared_bits(start.previous()) + 1);
    let above = end.map(|&end| address.shared_bits(end) + 1);
    below.max(above).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::{ClassHit, Networks};
    use crate::base::{ClassId, Draws};
    use crate::geo::steps::{Key, Steps};

    #[test]
    fn one_class_holds_everywhere() {
        let networks = Networks::all(ClassId(7));
        for address in ["0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "ffff::"] {
            let hit = networks.find(address.parse().unwrap());
            assert_eq!((hit.class, hit.prefix), (ClassId(7), 0));
        }
        assert_eq!(networks.ranges(), 2);
    }

    #[test]
    fn mapped_addresses_count_as_ipv4() {
        let v4 = Steps::from_prefixes(ClassId(0), vec![(0xC000_0200, 24, ClassId(1))]);
        let networks = Networks::new(v4, Steps::all(ClassId(2)));
        let plain = networks.find("192.0.2.9".parse().unwrap());
        assert_eq!((plain.class, plain.prefix), (ClassId(1), 24));
        assert_eq!(networks.find("::ffff:192.0.2.9".parse().unwrap()), plain);
        assert_eq!(
            networks.find("2001:db8::".parse().unwrap()).class,
            ClassId(2)
        );
    }

    /// Siblings of one class merge, so the scope is wider than any prefix that was laid.
    #[test]
    fn siblings_share_a_scope() {
        let halves = vec![
            (0xC000_0200, 25, ClassId(1)),
            (0xC000_0280, 25, ClassId(1)),
            (0xC000_0300, 24, ClassId(1)),
        ];
        let v4 = Steps::from_prefixes(ClassId(0), halves);
        let networks = Networks::new(v4, Steps::all(ClassId(0)));
        let hit = networks.find("192.0.2.200".parse().unwrap());
        assert_eq!((hit.class, hit.prefix), (ClassId(1), 23));
    }

    /// Every address of a space of 10 bits, set at the top, in the middle and at the end of an
    /// address: class and scope agree with a search of the list, and with each other.
    #[test]
    fn scopes_are_widest_and_never_overlap() {
        let mut draws = Draws::from_seed(9);
        for round in 0..120 {
            let depth = [0, 11, 22][round % 3];
            let prefixes = random_prefixes(&mut draws, depth);
            let networks = networks(&prefixes);
            for low in 0..1024_u32 {
                let address = spread(low, depth);
                let expected = oracle(&prefixes, address, depth);
                assert_eq!(networks.find(v4(address)), expected, "{:?}", v4(address));
                let v6_hit = networks.find(v6(address));
                assert_eq!(v6_hit.class, expected.class);
                assert_eq!(v6_hit.prefix, expected.prefix + 16);
            }
        }
    }

    /// Over the whole space, and crowded into 10.0.0.0/8, where the index needs its cells.
    #[test]
    fn each_address_of_a_scope_has_that_scope() {
        let mut draws = Draws::from_seed(5);
        for round in 0..40 {
            let block = 8 * (round % 2);
            let any = |draws: &mut Draws| match block {
                0 => any_u32(draws),
                _ => (10 << 24) | (any_u32(draws) >> block),
            };
            let prefixes: Vec<_> = (0..400)
                .map(|_| {
                    let shortest = 1 + u8::try_from(block).unwrap();
                    let prefix = shortest + u8::try_from(draws.below(24)).unwrap();
                    (
                        any(&mut draws).first_of(prefix),
                        prefix,
                        class(draws.below(3)),
                    )
                })
                .collect();
            let networks = networks(&prefixes);
            for _ in 0..500 {
                let address = any(&mut draws);
                let hit = networks.find(v4(address));
                let inside = any_u32(&mut draws) & !u32::mask(hit.prefix);
                let neighbour = address.first_of(hit.prefix) | inside;
                assert_eq!(networks.find(v4(neighbour)), hit);
                assert_eq!(hit.class, longest(&prefixes, address));
                assert_eq!(networks.find(v6(address)).class, hit.class);
            }
        }
    }

    #[test]
    fn ipv6_is_found_outside_the_public_space_too() {
        let starts: Vec<_> = [
            "::",
            "1::",
            "1fff:ffff::",
            "2000::",
            "2001:db8::",
            "2a00::",
            "3fff:ffff:ffff::",
            "4000::",
            "fc00::",
            "ffff::",
        ]
        .iter()
        .map(|text| text.parse::<Ipv6Addr>().unwrap().to_bits())
        .collect();
        let prefixes = (0..)
            .zip(&starts)
            .map(|(number, &start)| (start, 64, ClassId(number + 1)));
        let steps = Steps::from_prefixes(ClassId(0), prefixes.collect());
        let networks = Networks::new(Steps::all(ClassId(0)), steps);
        for (number, &start) in (1..).zip(&starts) {
            let hit = networks.find(IpAddr::V6((start + 5).into()));
            assert_eq!((hit.class, hit.prefix), (ClassId(number), 64));
            let beyond = networks.find(IpAddr::V6((start + (1 << 64)).into()));
            assert_eq!(beyond.class, ClassId(0));
        }
    }

    type Prefixes = Vec<(u32, u8, ClassId)>;

    /// Both families say the same: the IPv4 space is laid out again at 2001::/16.
    fn networks(prefixes: &Prefixes) -> Networks {
        let lifted = prefixes.iter().map(|&(start, prefix, class)| {
            let IpAddr::V6(address) = v6(start) else {
                unreachable!("v6 makes IPv6 addresses")
            };
            (address.to_bits(), prefix + 16, class)
        });
        let mut lifted: Vec<_> = lifted.collect();
        // What is around 2001::/16 is of a class of its own, so that scopes end there.
        lifted.push((0x2001 << 112, 16, ClassId(0)));
        lifted.rotate_right(1);
        Networks::new(
            Steps::from_prefixes(ClassId(0), prefixes.clone()),
            Steps::from_prefixes(ClassId(99), lifted),
        )
    }

    fn v4(address: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(address))
    }

    fn v6(address: u32) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(
            (0x2001 << 112) | (u128::from(address) << 80),
        ))
    }

    fn class(number: u64) -> ClassId {
        ClassId(u16::try_from(number).unwrap())
    }

    fn any_u32(draws: &mut Draws) -> u32 {
        u32::try_from(draws.below(1 << 32)).unwrap()
    }

    /// 10 bits after `depth` bits of a fixed pattern.
    fn spread(low: u32, depth: u8) -> u32 {
        (0xA5A5_A5A5 & u32::mask(depth)) | (low << (22 - depth))
    }

    fn random_prefixes(draws: &mut Draws, depth: u8) -> Prefixes {
        (0..draws.below(16))
            .map(|_| {
                let prefix = depth + u8::try_from(draws.below(11)).unwrap();
                let low = u32::try_from(draws.below(1024)).unwrap();
                (
                    spread(low, depth).first_of(prefix),
                    prefix,
                    class(draws.below(3)),
                )
            })
            .collect()
    }

    fn longest(prefixes: &Prefixes, address: u32) -> ClassId {
        let found = prefixes
            .iter()
            .filter(|&&(start, prefix, _)| address.first_of(prefix) == start)
            .max_by_key(|&&(_, prefix, _)| prefix);
        found.map_or(ClassId(0), |&(_, _, class)| class)
    }

    /// Bit by bit from the widest: the first prefix in which all addresses are of one class.
    /// Outside of the 10 bits everything is of class 0.
    fn oracle(prefixes: &Prefixes, address: u32, depth: u8) -> ClassHit {
        let class = longest(prefixes, address);
        let uniform = |prefix: &u8| {
            let start = address.first_of(*prefix);
            let outside = *prefix < depth && class != ClassId(0);
            let same = |low: u32| {
                let other = spread(low, depth);
                other.first_of(*prefix) != start || longest(prefixes, other) == class
            };
            !outside && (0..1024).all(same)
        };
        let prefix = (0..=32).find(uniform).unwrap();
        ClassHit { class, prefix }
    }
}
