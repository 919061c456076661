//! The set of what holds for all addresses of a network together.
//!
//! A class is looked up for one address, and a network may hold several. Where something is to be right for
//! everybody in it, what counts is what all of them have in common: the intersection of the sets that are known of
//! each. Over a tree of such intersections any network is found in a logarithm of steps, however many ranges it
//! spans, so that nobody makes a look-up dear by asking for half of the world.
//!
//! ```text
//!  ranges   a a b b a c      a network over [b b a] asks for two or three nodes of the tree,
//!  tree       ab  ac  ..     not for every range in it
//! ```
//!
//! IPv4-mapped networks count as IPv4; in those around them nothing is known of IPv4.
//!
//! It does not know what a set is of.
use std::net::IpAddr;

use super::network::Network;
use super::steps::Key;

/// The sets of all addresses, each a word of bits.
#[derive(Debug)]
pub struct Common {
    v4: IntersectionTree<u32>,
    v6: IntersectionTree<u128>,
}

/// Ranges of one family under a tree of intersections.
#[derive(Debug)]
struct IntersectionTree<K> {
    /// The start of each range; the first at zero.
    starts: Vec<K>,
    /// Twice as many as ranges: the second half are the ranges' own, and each before is the intersection of the two
    /// at twice its place. The first is unused.
    nodes: Vec<u64>,
}

/// Bits in front of an IPv4 address that is mapped into IPv6 (RFC 4291, section 2.5.5.2).
const MAPPED: u8 = 96;

impl Common {
    pub(super) fn new(
        v4: impl Iterator<Item = (u32, u64)>,
        v6: impl Iterator<Item = (u128, u64)>,
    ) -> Self {
        Self {
            v4: IntersectionTree::new(v4),
            v6: IntersectionTree::new(v6),
        }
    }

    /// The intersection of the sets of all addresses in a network.
    #[must_use]
    pub fn find(&self, network: Network) -> u64 {
        match network.address {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits(), network.prefix),
            IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), network.prefix.checked_sub(MAPPED)) {
                (Some(v4), Some(prefix)) => self.v4.find(v4.to_bits(), prefix),
                _ => self.v6.find(v6.to_bits(), network.prefix),
            },
        }
    }
}

impl<K: Key> IntersectionTree<K> {
    fn new(pairs: impl Iterator<Item = (K, u64)>) -> Self {
        let (starts, sets): (Vec<K>, Vec<u64>) = pairs.unzip();
        let mut nodes = vec![u64::MAX; sets.len()];
        nodes.extend(sets);
        for node in (1..starts.len()).rev() {
            nodes[node] = nodes[2 * node] & nodes[2 * node + 1];
        }
        Self { starts, nodes }
    }

    fn find(&self, address: K, prefix: u8) -> u64 {
        let first = address.first_of(prefix);
        let begun = self.starts.partition_point(|start| *start <= first);
        let end = first.after(prefix).map_or(self.starts.len(), |after| {
            self.starts.partition_point(|start| *start < after)
        });
        let ranges = self.starts.len();
        let (mut low, mut high) = (ranges + begun - 1, ranges + end);
        let mut common = u64::MAX;
        while low < high {
            if low % 2 == 1 {
                common &= self.nodes[low];
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                common &= self.nodes[high];
            }
            (low, high) = (low / 2, high / 2);
        }
        common
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Draws;
    use crate::geo::steps::Steps;

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    /// Random ranges in the top 8 bits: every network of up to 8 bits against a look at each of its addresses.
    #[test]
    fn what_is_common_is_common_to_every_address() {
        let mut draws = Draws::from_seed(61);
        for _ in 0..300 {
            let prefixes: Vec<(u32, u8, u64)> = (0..draws.below(14))
                .map(|_| {
                    let prefix = u8::try_from(draws.below(9)).unwrap();
                    let top = u32::try_from(draws.below(256)).unwrap() << 24;
                    (top.first_of(prefix), prefix, draws.below(16))
                })
                .collect();
            let steps = Steps::from_prefixes(7, prefixes.clone());
            let common = Common::new(steps.mapped(|set| set), Steps::all(3).mapped(|set| set));
            for prefix in 0..=8_u8 {
                for top in 0..256_u32 {
                    let address = top << 24;
                    let inside = (0..256_u32).map(|other| other << 24);
                    let inside =
                        inside.filter(|other| other.first_of(prefix) == address.first_of(prefix));
                    let expected = inside.fold(u64::MAX, |all, one| all & steps.find(one));
                    let network = Network::around(IpAddr::V4(address.into()), prefix);
                    assert_eq!(common.find(network), expected, "{network} of {prefixes:?}");
                }
            }
        }
    }

    #[test]
    fn mapped_networks_count_as_ipv4() {
        let v4 = Steps::from_prefixes(0b11, vec![(0xC000_0200, 24, 0b10)]);
        let v6 = Steps::from_prefixes(0b111, vec![(0x2001 << 112, 16, 0b110)]);
        let common = Common::new(v4.mapped(|set| set), v6.mapped(|set| set));
        for (text, expected) in [
            ("192.0.2.0/24", 0b10),
            ("192.0.2.128/32", 0b10),
            ("192.0.3.0/24", 0b11),
            ("192.0.2.0/23", 0b10),
            ("0.0.0.0/0", 0b10),
            ("::ffff:192.0.3.0/120", 0b11),
            ("::ffff:192.0.2.0/119", 0b10),
            ("::ffff:0.0.0.0/96", 0b10),
            ("::/16", 0b111),
            ("2001::/16", 0b110),
            ("2000::/15", 0b110),
            ("2002::/16", 0b111),
            ("::/0", 0b110),
        ] {
            assert_eq!(common.find(network(text)), expected, "{text}");
        }
    }
}
