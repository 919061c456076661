//! A flat table from addresses to classes.
//!
//! Decides how wide an answer holds: the widest aligned block around an address that lies in one
//! range of equal class (RFC 7871, section 7.2.1 calls it the scope). Since neighbours of one
//! class are merged over the whole address space, that block is a function of the range alone,
//! and every address inside it gets the same one: scopes cannot overlap.
//!
//! IPv6 stands in two tables. Nearly all that is known of it is said of whole /64s, so the first
//! table holds the first half of each address only, at half the memory and half the work; a /64
//! that two classes share is *divided*, and what holds inside it stands in the second table.
//! Scopes stay exact: no block around an address outside of a divided /64 can hold one class and
//! reach into that /64, so for such an address it does not matter where in it the border runs.
//!
//! It does not know what a class is, nor how much of an address may be looked at, nor how ranges
//! are found. The IPv6 table holds what is said of IPv6; the IPv4-mapped block in it is never
//! asked.
use std::net::IpAddr;

use super::ranges::Ranges;
use super::steps::{Pairs, Steps};
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
    v4: Ranges<u32, ClassId>,
    v6: Halves,
    ranges: usize,
}

impl Networks {
    /// Every address in one class.
    #[must_use]
    pub fn all(class: ClassId) -> Self {
        Self::new(&Steps::all(()), &Steps::all(()), |()| class)
    }

    /// Prepares look-ups in the classes of two step functions' values.
    pub(super) fn new<V: Copy + PartialEq>(
        v4: &Steps<u32, V>,
        v6: &Steps<u128, V>,
        class_of: impl Fn(V) -> ClassId,
    ) -> Self {
        let mut v4_ranges = Vec::with_capacity(v4.len());
        v4_ranges.extend(v4.mapped(&class_of));
        v4_ranges.shrink_to_fit();
        let (v6, v6_ranges) = Halves::new(v6.mapped(&class_of), v6.len());
        let ranges = v4_ranges.len() + v6_ranges;
        Self {
            v4: Ranges::new(v4_ranges),
            v6,
            ranges,
        }
    }

    /// Looks an address up; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> ClassHit {
        let (class, prefix) = match address {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => match mapped(v6.to_bits()) {
                Some(v4) => self.v4.find(v4),
                None => self.v6.find(v6.to_bits()),
            },
        };
        ClassHit { class, prefix }
    }

    /// How many ranges there are, of both families.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.ranges
    }
}

/// The ranges of IPv6, by the first half of an address and, where that is not enough, by all of
/// it.
#[derive(Debug)]
struct Halves {
    /// By the first half; nothing for a /64 that is divided.
    first: Ranges<u64, Option<ClassId>>,
    /// What holds in the /64s that are divided; between them, nothing of meaning.
    divided: Ranges<u128, ClassId>,
}

impl Halves {
    /// Of ranges by their starts, the first of them zero, neighbours of different classes; and how many there were, which
    /// is no more than `most`.
    fn new(ranges: impl Iterator<Item = (u128, ClassId)>, most: usize) -> (Self, usize) {
        let mut count = 0;
        let mut ranges = ranges.inspect(|_| count += 1).peekable();
        let mut before = ranges.peek().map_or(ClassId(0), |(_, class)| *class);
        let (mut first, mut divided) = (Pairs::all(Some(before), most), Pairs::all(before, 0));
        while let Some((start, class)) = ranges.next() {
            let number = half(start);
            let is_inside = |(next, _): &(u128, ClassId)| half(*next) == number;
            let mut after = class;
            if start == start_of(number) && !ranges.peek().is_some_and(is_inside) {
                first.set_from(number, Some(class));
            } else {
                first.set_from(number, None);
                divided.set_from(start_of(number), before);
                divided.set_from(start, class);
                while let Some((start, class)) = ranges.next_if(is_inside) {
                    divided.set_from(start, class);
                    after = class;
                }
                // The next /64 is whole again, unless its own ranges say otherwise.
                number
                    .checked_add(1)
                    .inspect(|next| first.set_from(*next, Some(after)));
            }
            before = after;
        }
        drop(ranges);
        let halves = Self {
            first: Ranges::new(first.into_list()),
            divided: Ranges::new(divided.into_list()),
        };
        (halves, count)
    }

    fn find(&self, address: u128) -> (ClassId, u8) {
        match self.first.find(half(address)) {
            (Some(class), prefix) => (class, prefix),
            (None, _) => self.divided.find(address),
        }
    }
}

/// The IPv4 address in `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
fn mapped(address: u128) -> Option<u32> {
    u32::try_from(address.checked_sub(0xFFFF << 32)?).ok()
}

/// The first half of an address: the number of its /64.
fn half(address: u128) -> u64 {
    (address >> 64) as u64
}

/// The first address of a /64.
fn start_of(number: u64) -> u128 {
    u128::from(number) << 64
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::{ClassHit, Networks};
    use crate::base::{ClassId, Draws};
    use crate::geo::Network;
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
        let networks = of_classes(v4, Steps::all(ClassId(2)));
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
        let networks = of_classes(v4, Steps::all(ClassId(0)));
        let hit = networks.find("192.0.2.200".parse().unwrap());
        assert_eq!((hit.class, hit.prefix), (ClassId(1), 23));
    }

    /// Every address of a space of 10 bits, set at the top, in the middle and at the end of an
    /// address: class and scope agree with a search of the list, and with each other. In IPv6
    /// that is above, across and below the end of the first half.
    #[test]
    fn scopes_are_widest_and_never_overlap() {
        let mut draws = Draws::from_seed(9);
        for round in 0..120 {
            let depth = [0, 11, 22][round % 3];
            let prefixes = random_prefixes(&mut draws, depth);
            let lift = LIFTS[round / 3 % LIFTS.len()];
            let networks = networks(&prefixes, lift);
            for low in 0..1024_u32 {
                let address = spread(low, depth);
                let expected = oracle(&prefixes, address, depth);
                assert_eq!(networks.find(v4(address)), expected, "{:?}", v4(address));
                let v6_hit = networks.find(lift.v6(address));
                assert_eq!(v6_hit.class, expected.class, "{:?}", lift.v6(address));
                assert_eq!(v6_hit.prefix, expected.prefix + lift.length());
            }
        }
    }

    /// Over the whole space, and crowded into 10.0.0.0/8.
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
            let lift = LIFTS[round / 2 % LIFTS.len()];
            let networks = networks(&prefixes, lift);
            for _ in 0..500 {
                let address = any(&mut draws);
                let hit = networks.find(v4(address));
                let inside = any_u32(&mut draws) & !u32::mask(hit.prefix);
                let neighbour = address.first_of(hit.prefix) | inside;
                assert_eq!(networks.find(v4(neighbour)), hit);
                assert_eq!(hit.class, longest(&prefixes, address));
                assert_eq!(networks.find(lift.v6(address)).class, hit.class);
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
        let networks = of_classes(Steps::all(ClassId(0)), steps);
        for (number, &start) in (1..).zip(&starts) {
            let hit = networks.find(IpAddr::V6((start + 5).into()));
            assert_eq!((hit.class, hit.prefix), (ClassId(number), 64));
            let beyond = networks.find(IpAddr::V6((start + (1 << 64)).into()));
            assert_eq!(beyond.class, ClassId(0));
        }
    }

    /// Networks longer than /64: where a /64 has borders inside, the ones beside it must not
    /// count them as its own, nor look through them.
    #[test]
    fn borders_inside_a_64_are_exact() {
        let laid = [
            ("2001:db8::/32", 1),
            ("2001:db8:0:1::/65", 2),
            ("2001:db8:1::1/128", 3),
            ("2001:db8:2:0:8000::/65", 4),
            ("2001:db8:2:1::/64", 4),
            ("2001:db8:3::/65", 5),
            ("2001:db8:3:1::/65", 6),
            ("::/65", 7),
            ("ffff:ffff:ffff:ffff:8000::/65", 8),
        ];
        let prefixes = laid.map(|(text, class)| {
            let Network { address, prefix } = Network::parse(text).unwrap();
            let IpAddr::V6(v6) = address else {
                unreachable!("all are IPv6")
            };
            (v6.to_bits(), prefix, ClassId(class))
        });
        let steps = Steps::from_prefixes(ClassId(0), prefixes.to_vec());
        let networks = of_classes(Steps::all(ClassId(0)), steps);
        for (address, class, prefix) in [
            ("2001:db8:0:1::5", 2, 65),
            ("2001:db8:0:1:8000::", 1, 65),
            ("2001:db8::", 1, 64),
            ("2001:db8:0:2::", 1, 63),
            ("2001:db8:0:4::", 1, 62),
            ("2001:db8:1::1", 3, 128),
            ("2001:db8:1::", 1, 128),
            ("2001:db8:1::3", 1, 127),
            ("2001:db8:1:0:8000::", 1, 65),
            ("2001:db8:1:1::", 1, 64),
            ("2001:db8:2::", 1, 65),
            ("2001:db8:2:0:8000::1", 4, 65),
            ("2001:db8:2:1::1", 4, 64),
            ("2001:db8:2:2::1", 1, 63),
            ("2001:db8:3::1", 5, 65),
            ("2001:db8:3:0:ffff::", 1, 65),
            ("2001:db8:3:1::1", 6, 65),
            ("2001:db8:3:1:8000::", 1, 65),
            ("2001:db9::", 0, 32),
            ("::", 7, 65),
            ("::8000:0:0:0", 0, 65),
            ("0:0:0:1::", 0, 64),
            ("ffff:ffff:ffff:fffe::", 0, 64),
            ("ffff:ffff:ffff:ffff::", 0, 65),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 8, 65),
        ] {
            let hit = networks.find(address.parse().unwrap());
            let expected = ClassHit {
                class: ClassId(class),
                prefix,
            };
            assert_eq!(hit, expected, "{address}");
        }
    }

    fn of_classes(v4: Steps<u32, ClassId>, v6: Steps<u128, ClassId>) -> Networks {
        Networks::new(&v4, &v6, |class| class)
    }

    type Prefixes = Vec<(u32, u8, ClassId)>;

    /// Where the IPv4 space is laid out again in IPv6.
    #[derive(Clone, Copy)]
    struct Lift {
        base: u128,
        shift: u8,
    }

    /// In the public space: in the first half, across its end, and behind it. Then at both ends
    /// of everything.
    const LIFTS: [Lift; 7] = [
        Lift::new(0x2001 << 112, 80),
        Lift::new(0x2001 << 112, 59),
        Lift::new(0x2001 << 112, 48),
        Lift::new(0x2001 << 112, 37),
        Lift::new(0x2001 << 112, 0),
        Lift::new(0, 48),
        Lift::new(!0, 48),
    ];

    impl Lift {
        const fn new(pattern: u128, shift: u8) -> Self {
            let base = pattern >> (32 + shift) << (32 + shift);
            Self { base, shift }
        }

        fn bits(self, address: u32) -> u128 {
            self.base | (u128::from(address) << self.shift)
        }

        fn v6(self, address: u32) -> IpAddr {
            IpAddr::V6(Ipv6Addr::from(self.bits(address)))
        }

        /// Bits in front of the lifted ones.
        fn length(self) -> u8 {
            96 - self.shift
        }
    }

    /// Both families say the same. What is around the lifted space is of a class of its own, so
    /// that scopes end there.
    fn networks(prefixes: &Prefixes, lift: Lift) -> Networks {
        let around = [(lift.base, lift.length(), ClassId(0))];
        let lifted = prefixes
            .iter()
            .map(|&(start, prefix, class)| (lift.bits(start), prefix + lift.length(), class));
        of_classes(
            Steps::from_prefixes(ClassId(0), prefixes.clone()),
            Steps::from_prefixes(ClassId(99), around.into_iter().chain(lifted).collect()),
        )
    }

    fn v4(address: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(address))
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
