//! A flat table from addresses to classes.
//!
//! Decides how wide an answer holds: the widest aligned block around an address that lies in one
//! range of equal class (RFC 7871, section 7.2.1 calls it the scope). Since neighbours of one
//! class are merged over the whole address space, that block is a function of the range alone,
//! and every address inside it gets the same one: scopes cannot overlap.
//!
//! A look-up is one step through an index over the leading bits and a binary search among the
//! few ranges that are left. The index grows with the table, so that the many small tables of a
//! plan stay small.
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
        self.v4.starts.len() + self.v6.starts.len()
    }
}

/// The ranges of one family.
#[derive(Debug)]
struct Table<K> {
    starts: Vec<K>,
    classes: Vec<ClassId>,
    /// For each bucket, how many starts lie in the buckets before it; one more at the end.
    index: Vec<u32>,
    /// How many leading bits make the bucket.
    index_bits: u8,
}

/// Most leading bits that the index tells apart.
const INDEX_BITS_MAX: u32 = 16;

/// How an address finds its bucket; the buckets of growing addresses never fall.
trait Bucket: Key {
    fn bucket(self, bits: u8) -> usize;
}

impl Bucket for u32 {
    fn bucket(self, bits: u8) -> usize {
        // In two steps, since no bits at all would be a shift by 32.
        ((self >> (31 - bits)) >> 1) as usize
    }
}

impl Bucket for u128 {
    /// Counted within 2000::/3, where all of the public space is; what lies before and after
    /// shares the first and the last bucket.
    fn bucket(self, bits: u8) -> usize {
        let high = (self >> 64) as u64;
        let inside = high.saturating_sub(0x2000 << 48).min((1 << 61) - 1);
        (inside >> (61 - bits)) as usize
    }
}

impl<K: Bucket> Table<K> {
    fn new(steps: Steps<K, ClassId>) -> Self {
        let (starts, classes) = steps.into_parts();
        let index_bits = index_bits(starts.len());
        Self {
            index: index(&starts, index_bits),
            starts,
            classes,
            index_bits,
        }
    }

    fn find(&self, address: K) -> ClassHit {
        let bucket = address.bucket(self.index_bits);
        let (from, to) = (self.index[bucket] as usize, self.index[bucket + 1] as usize);
        let inside = self.starts[from..to].partition_point(|&start| start <= address);
        let found = from + inside - 1;
        ClassHit {
            class: self.classes[found],
            prefix: widest(address, self.starts[found], self.starts.get(found + 1)),
        }
    }
}

/// About as many buckets as ranges.
fn index_bits(ranges: usize) -> u8 {
    ranges.ilog2().min(INDEX_BITS_MAX) as u8
}

fn index<K: Bucket>(starts: &[K], bits: u8) -> Vec<u32> {
    let mut index = vec![0_u32; (1 << bits) + 1];
    for start in starts {
        index[start.bucket(bits) + 1] += 1;
    }
    let mut before = 0;
    for count in &mut index {
        before += *count;
        *count = before;
    }
    index
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

    #[test]
    fn each_address_of_a_scope_has_that_scope() {
        let mut draws = Draws::from_seed(5);
        for _ in 0..40 {
            let prefixes: Vec<_> = (0..400)
                .map(|_| {
                    let prefix = u8::try_from(1 + draws.below(32)).unwrap();
                    let start = any_u32(&mut draws).first_of(prefix);
                    (start, prefix, class(draws.below(3)))
                })
                .collect();
            let networks = networks(&prefixes);
            for _ in 0..500 {
                let address = any_u32(&mut draws);
                let hit = networks.find(v4(address));
                let inside = any_u32(&mut draws) & !u32::mask(hit.prefix);
                let neighbour = address.first_of(hit.prefix) | inside;
                assert_eq!(networks.find(v4(neighbour)), hit);
                assert_eq!(hit.class, longest(&prefixes, address));
            }
        }
    }

    #[test]
    fn ipv6_buckets_never_fall() {
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
