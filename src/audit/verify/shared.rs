//! Networks that lie behind several fences: asked for as a whole, they are answered for everybody in them.
//!
//! A resolver sends a prefix of its own choice (RFC 7871), and gives the answer to every client in it. So every network
//! that is not under one law is gone through, from the whole address space down to where one law begins, and what
//! its law is, is put together from the laws of all in it; the class that answers it must be fenced in by that.
//! What such a class leads to is then proved as for any other.
//!
//! The prefix of length 0 is left out: it says that nothing of a client is to count (section 7.1.2), and is answered
//! like a query without the option.
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::audit::law::Who;
use crate::audit::sight::Group;
use crate::base::{ClassId, JurisdictionSet, ServiceId};
use crate::geo::Network;
use crate::plan::Residency;

use super::Prover;

/// The laws that all networks of one class have in common, and one of them.
struct SharedClass {
    allowed: JurisdictionSet,
    networks: u64,
    example: Network,
}

/// The addresses of one family, cut where the law changes.
struct Borders {
    /// The start of each range, the first at zero, and what is lawful in it.
    ranges: Vec<(u128, JurisdictionSet)>,
    width: u8,
}

/// A look at every network that is not under one law.
struct SharedWalk<'w> {
    borders: &'w Borders,
    tell: &'w mut dyn FnMut(Network, JurisdictionSet),
}

/// The network of IPv4 addresses in IPv6 (RFC 4291, section 2.5.5.2), whose clients count as IPv4.
const MAPPED: (u128, u8) = (0xFFFF << 32, 96);

impl Prover<'_> {
    /// Proves that networks behind several fences are answered with what is lawful for all in them.
    pub(super) fn prove_shared(&mut self, id: ServiceId) {
        if self.plan.services[id.index()].residency != Residency::Strict {
            return;
        }
        let map = &self.plan.maps[self.plan.services[id.index()].map.index()];
        for (class, seen) in self.shared(id) {
            self.cases.shared += seen.networks;
            for class in map.outcomes(class) {
                let group = Group {
                    class,
                    who: Who::Several,
                    countries: Vec::new(),
                    networks: seen.networks,
                    size: 0,
                    example: seen.example,
                };
                self.prove_lawful(id, &group, seen.allowed);
            }
        }
    }

    /// The classes of such networks, as a query for them finds them.
    fn shared(&self, id: ServiceId) -> BTreeMap<ClassId, SharedClass> {
        let plan = self.plan;
        let mut all: BTreeMap<ClassId, SharedClass> = BTreeMap::new();
        let mut tell = |network: Network, allowed: JurisdictionSet| {
            let class = plan.classify_network(id, network).class;
            let fence = plan.class(id, class).fence;
            let seen = all.entry(class).or_insert(SharedClass {
                allowed,
                networks: 0,
                example: network,
            });
            // The example is one that disproves it, if there is any.
            if fence.0 & !allowed.0 != 0 && fence.0 & !seen.allowed.0 == 0 {
                seen.example = network;
            }
            seen.networks += 1;
            seen.allowed.0 &= allowed.0;
        };
        for is_ipv4 in [true, false] {
            let borders = self.borders(id, is_ipv4);
            let mut walk = SharedWalk {
                borders: &borders,
                tell: &mut tell,
            };
            walk.over(&borders.ranges, (0, 0));
        }
        all
    }

    fn borders(&self, id: ServiceId, is_ipv4: bool) -> Borders {
        let service = &self.plan.services[id.index()];
        let mut ranges: Vec<(u128, JurisdictionSet)> = Vec::new();
        let own = self.plan.atlas.stretches();
        for stretch in own.filter(|stretch| stretch.first.is_ipv4() == is_ipv4) {
            let allowed = self
                .law
                .allowed(service, self.law.who(stretch.place.territory()));
            if ranges.last().is_none_or(|(_, last)| *last != allowed) {
                ranges.push((bits(stretch.first), allowed));
            }
        }
        let width = if is_ipv4 { 32 } else { 128 };
        Borders { ranges, width }
    }
}

impl SharedWalk<'_> {
    /// The set that is lawful in all of a network, which some ranges lie in; tells of it and of all in it that need it.
    fn over(
        &mut self,
        ranges: &[(u128, JurisdictionSet)],
        (first, prefix): (u128, u8),
    ) -> JurisdictionSet {
        let width = self.borders.width;
        if width == 128 && (first, prefix) == MAPPED {
            return JurisdictionSet::EVERYWHERE;
        }
        if let [(_, allowed)] = ranges {
            return *allowed;
        }
        let half = prefix + 1;
        let middle = first | 1_u128 << (width - half);
        let before = ranges.partition_point(|(start, _)| *start < middle);
        let from = ranges.partition_point(|(start, _)| *start <= middle) - 1;
        let lower = self.over(&ranges[..before], (first, half));
        let upper = self.over(&ranges[from..], (middle, half));
        let both = JurisdictionSet(lower.0 & upper.0);
        if prefix > 0 {
            (self.tell)(network(first, prefix, width), both);
        }
        both
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn network(first: u128, prefix: u8, width: u8) -> Network {
    let address = match u32::try_from(first) {
        Ok(v4) if width == 32 => IpAddr::V4(v4.into()),
        Ok(_) | Err(_) => IpAddr::V6(first.into()),
    };
    Network { address, prefix }
}
