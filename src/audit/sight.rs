//! Which clients a map really puts into which class.
//!
//! The classes of a map are asked for as a query asks for them ([`crate::geo::Networks::find`]), for
//! every stretch of the atlas, block by block: each look-up says how wide its class holds, the next
//! one is made behind that. So a stretch that is cut by a class which does not belong there is
//! seen cut, and a scope that is too wide would hide nothing but what resolvers could not see
//! either, as they keep an answer for just that block.
//!
//! It does not know what is right; that is `law`'s.
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::{ClassId, MapId};
use crate::geo::atlas::Stretch;
use crate::geo::{Country, Network, Networks, Territory};
use crate::plan::{Map, Plan};

use super::law::{Law, Who};

/// Clients of one class that are under one law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Their class.
    pub(super) class: ClassId,
    /// Their law.
    pub(super) who: Who,
    /// Their countries.
    pub(super) countries: Vec<Country>,
    /// How many stretches of the atlas they are.
    pub(super) networks: u64,
    /// IPv4 addresses whose place is known, in /24s rounded up.
    pub(super) size: u64,
    /// One of their networks.
    pub(super) example: Network,
}

/// What is seen of one country in one class.
struct Sighting {
    networks: u64,
    size: u64,
    example: Network,
}

/// The clients of a map, by class and law.
pub(super) fn groups(plan: &Plan, law: &Law<'_>, map: MapId) -> Vec<Group> {
    let map = &plan.maps[map.index()];
    let mut groups: BTreeMap<(ClassId, Who), Group> = BTreeMap::new();
    for ((class, territory), seen) in sightings(plan, &map.networks) {
        let who = law.who(territory);
        let group = groups.entry((class, who)).or_insert_with(|| Group {
            class,
            who,
            countries: Vec::new(),
            networks: 0,
            size: 0,
            example: seen.example,
        });
        let country = territory.map(|own| own.country);
        let is_new = |own: &Country| group.countries.last() != Some(own);
        group.countries.extend(country.filter(is_new));
        group.networks += seen.networks;
        group.size += seen.size;
    }
    let groups = groups.into_values();
    groups.flat_map(|group| outcomes(map, group)).collect()
}

/// The groups of those who draw regions, by what they draw.
fn outcomes(map: &Map, group: Group) -> Vec<Group> {
    let Some(lots) = map.lots_of(group.class) else {
        return vec![group];
    };
    let parts = lots.classes().zip(lots.parts(group.size));
    let groups = parts.map(|(class, size)| Group {
        class,
        size,
        ..group.clone()
    });
    groups.collect()
}

fn sightings(plan: &Plan, networks: &Networks) -> BTreeMap<(ClassId, Option<Territory>), Sighting> {
    let mut seen = BTreeMap::new();
    let mut walk = Walk {
        networks,
        block: None,
    };
    for stretch in plan.atlas.stretches() {
        walk.over(&stretch, |class, first, last| {
            let territory = stretch.place.territory();
            let own = seen.entry((class, territory)).or_insert_with(|| Sighting {
                networks: 0,
                size: 0,
                example: widest(first, last.min(stretch.last)),
            });
            own.networks += 1;
            if territory.is_some() && first == stretch.first {
                own.size += stretch.size();
            }
        });
    }
    seen
}

/// A walk over all addresses, from block to block of one class.
struct Walk<'n> {
    networks: &'n Networks,
    /// The class that was found last, and the last address that it is known to hold for.
    block: Option<(ClassId, IpAddr)>,
}

impl Walk<'_> {
    /// Tells the classes of a stretch, each time another follows, and the block that begins there.
    fn over(&mut self, stretch: &Stretch<'_>, mut tell: impl FnMut(ClassId, IpAddr, IpAddr)) {
        let mut next = Some(behind_mapped(stretch.first));
        let mut told = None;
        while let Some(address) = next.filter(|address| *address <= stretch.last) {
            let (class, last) = self.block_of(address);
            if told != Some(class) {
                tell(class, address, last);
                told = Some(class);
            }
            next = successor(last).map(behind_mapped);
        }
    }

    /// The class of an address, and the last address up to which it holds.
    fn block_of(&mut self, address: IpAddr) -> (ClassId, IpAddr) {
        let known = self
            .block
            .filter(|(_, last)| address.is_ipv4() == last.is_ipv4() && address <= *last);
        *self.block.insert(known.unwrap_or_else(|| {
            let hit = self.networks.find(address);
            (hit.class, last_of(Network::around(address, hit.prefix)))
        }))
    }
}

/// The address itself, or the first behind `::ffff:0:0/96`, whose clients count as IPv4.
fn behind_mapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => IpAddr::V6((0x1_0000_u128 << 32).into()),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

fn last_of(network: Network) -> IpAddr {
    let prefix = u32::from(network.prefix);
    match network.address {
        IpAddr::V4(first) => {
            let hosts = u32::MAX.checked_shr(prefix).unwrap_or(0);
            IpAddr::V4((first.to_bits() | hosts).into())
        }
        IpAddr::V6(first) => {
            let hosts = u128::MAX.checked_shr(prefix).unwrap_or(0);
            IpAddr::V6((first.to_bits() | hosts).into())
        }
    }
}

/// The next address of the family, if there is one.
pub(super) fn successor(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => Some(IpAddr::V4(v4.to_bits().checked_add(1)?.into())),
        IpAddr::V6(v6) => Some(IpAddr::V6(v6.to_bits().checked_add(1)?.into())),
    }
}

/// The widest network that begins at an address and ends at another at the latest.
pub(super) fn widest(first: IpAddr, last: IpAddr) -> Network {
    let mut networks = (0..=128).map(|prefix| Network::around(first, prefix));
    let fits = |network: &Network| network.address == first && last_of(*network) <= last;
    networks
        .find(fits)
        .unwrap_or_else(|| Network::around(first, 128))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Atlas, Database, EMBEDDED};

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    fn country(text: &str) -> Country {
        Country::parse(text).unwrap()
    }

    /// One class for each of a few countries, over the real database: nothing is left out and
    /// nothing is counted twice.
    #[test]
    fn every_stretch_is_seen_once_in_the_class_that_it_is_in() {
        let database = Database::read(EMBEDDED).unwrap();
        let own = [
            (network("198.51.100.128/25"), country("BR").into()),
            (network("2001:db8:5::/80"), country("SG").into()),
        ];
        let atlas = Atlas::new(&database, &own, &[]);
        let class_of = |country: Option<Country>| match country {
            Some(Country([b'D', b'E'])) => ClassId(0),
            Some(Country([b'B', b'R'])) => ClassId(1),
            Some(_) => ClassId(2),
            None => ClassId(3),
        };
        let networks = atlas.classify(&mut |place, _| class_of(place.country));
        let mut walk = Walk {
            networks: &networks,
            block: None,
        };
        let mut stretches = 0;
        for stretch in atlas.stretches() {
            let mut found = Vec::new();
            walk.over(&stretch, |class, _, _| found.push(class));
            let mapped = stretch.first == behind_mapped(stretch.first);
            if mapped {
                assert_eq!(found, [class_of(stretch.place.country)], "{stretch:?}");
            }
            stretches += 1;
        }
        assert!(stretches > 100_000, "{stretches}");
    }

    #[test]
    fn a_foreign_class_inside_of_a_stretch_is_seen() {
        let database = Database::read(EMBEDDED).unwrap();
        let right = Atlas::new(&database, &[], &[]);
        let wrong = Atlas::new(
            &database,
            &[(network("53.7.0.0/16"), country("BR").into())],
            &[],
        );
        let is_german = |country| country == Some(Country(*b"DE"));
        let networks = wrong.classify(&mut |place, _| ClassId(u16::from(is_german(place.country))));
        let mut walk = Walk {
            networks: &networks,
            block: None,
        };
        let inside = "53.7.9.9".parse::<IpAddr>().unwrap();
        let stretch = right
            .stretches()
            .find(|stretch| stretch.first <= inside && inside <= stretch.last)
            .unwrap();
        assert!(is_german(stretch.place.country), "{stretch:?}");
        let mut found = Vec::new();
        walk.over(&stretch, |class, first, _| {
            found.push((class.0, first.to_string()))
        });
        assert_eq!(
            found[1..],
            [(0, "53.7.0.0".to_owned()), (1, "53.8.0.0".to_owned())]
        );
    }

    #[test]
    fn an_example_is_the_widest_network_at_the_start() {
        let example = |first: &str, last: &str| {
            widest(first.parse().unwrap(), last.parse().unwrap()).to_string()
        };
        assert_eq!(example("198.51.100.0", "198.51.101.255"), "198.51.100.0/23");
        assert_eq!(example("198.51.100.1", "198.51.101.255"), "198.51.100.1/32");
        assert_eq!(example("0.0.0.0", "255.255.255.255"), "0.0.0.0/0");
        assert_eq!(example("2001:db8::", "2001:db8::ffff"), "2001:db8::/112");
    }
}
