//! The clients of two plans, laid over each other.
//!
//! Two plans may cut the addresses in different places: another geo file, another override, another claim
//! of a region. So the stretches of both atlases are walked side by side, and what lies in one stretch of
//! each is one piece; pieces of the same classes and laws in both plans are one cell. Within a cell all
//! clients are treated alike before, and alike after.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::joint;
use crate::audit::law::{Law, Who};
use crate::audit::sight::{successor, widest};
use crate::base::{ClassId, MapId};
use crate::geo::atlas::Stretch;
use crate::geo::{Country, Network, Territory};
use crate::plan::{Map, Plan, shared_out};

/// Clients that are alike in both plans; pairs are before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Their classes.
    pub(super) classes: [ClassId; 2],
    /// Their laws.
    pub(super) laws: [Who; 2],
    /// Their countries, as the new plan places them.
    pub(super) countries: BTreeSet<Country>,
    /// How many pieces of address space they are.
    pub(super) networks: u64,
    /// IPv4 addresses whose place is known in either plan, in /24s rounded up.
    pub(super) size: u64,
    /// One of their networks.
    pub(super) example: Network,
}

type Key = ([ClassId; 2], [Who; 2]);

/// The cells of a map of the one plan and a map of the other.
pub(super) fn cells(plans: [&Plan; 2], laws: [&Law<'_>; 2], maps: [MapId; 2]) -> Vec<Cell> {
    let mut cells: BTreeMap<Key, Cell> = BTreeMap::new();
    let networks = [0, 1].map(|side: usize| &plans[side].maps[maps[side].index()].networks);
    let mut walk = Walk::new(plans);
    while let Some((stretch, places)) = walk.next() {
        let classes = networks.map(|networks| networks.find(stretch.first).class);
        let own = [0, 1].map(|side: usize| laws[side].who(places[side]));
        let cell = cells.entry((classes, own)).or_insert_with(|| Cell {
            classes,
            laws: own,
            countries: BTreeSet::new(),
            networks: 0,
            size: 0,
            example: widest(stretch.first, stretch.last),
        });
        cell.networks += 1;
        if places != [None, None] {
            cell.size += stretch.size();
        }
        if let Some(territory) = places[1].or(places[0]) {
            cell.countries.insert(territory.country);
        }
    }
    let maps = [0, 1].map(|side: usize| &plans[side].maps[maps[side].index()]);
    let cells = cells.into_values();
    cells.flat_map(|cell| drawn(maps, cell)).collect()
}

/// The parts of a cell whose clients draw regions, by what they draw before and after.
fn drawn(maps: [&Map; 2], cell: Cell) -> Vec<Cell> {
    let joint = joint::of(maps, cell.classes);
    if let [_] = joint[..] {
        return vec![cell];
    }
    let parts: Vec<u64> = joint.iter().map(|(_, part)| *part).collect();
    let sizes = shared_out(cell.size, &parts);
    let networks = shared_out(cell.networks, &parts);
    let cells = joint.into_iter().zip(sizes.into_iter().zip(networks));
    let cells = cells.map(|((classes, _), (size, networks))| Cell {
        classes,
        networks: networks.max(1),
        size,
        ..cell.clone()
    });
    cells.collect()
}

/// A walk over the stretches of two atlases, side by side.
struct Walk<'p> {
    sides: [Box<dyn Iterator<Item = Stretch<'p>> + 'p>; 2],
    /// The stretches that the next piece lies in.
    now: [Option<Stretch<'p>>; 2],
    /// Where the next piece begins.
    first: Option<IpAddr>,
}

impl<'p> Walk<'p> {
    fn new(plans: [&'p Plan; 2]) -> Self {
        let mut sides = plans.map(|plan| {
            let stretches: Box<dyn Iterator<Item = Stretch<'p>> + 'p> =
                Box::new(plan.atlas.stretches());
            stretches
        });
        let now = [sides[0].next(), sides[1].next()];
        Self {
            first: now[0].map(|stretch| stretch.first),
            sides,
            now,
        }
    }

    /// The next piece, as a stretch, and its territory in both plans.
    fn next(&mut self) -> Option<(Stretch<'p>, [Option<Territory>; 2])> {
        let [before, after] = [self.now[0]?, self.now[1]?];
        let piece = Stretch {
            first: self.first?,
            last: before.last.min(after.last),
            ..after
        };
        let following = successor(piece.last);
        for (side, now) in self.sides.iter_mut().zip(&mut self.now) {
            if now.is_some_and(|stretch| stretch.last == piece.last) {
                *now = side.next();
            }
        }
        // The end of IPv4 is the end of both; IPv6 begins with both.
        let begin = self.now[0].map(|stretch| stretch.first);
        self.first = following.or(begin);
        Some((piece, [before.place.territory(), after.place.territory()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Atlas, Database, EMBEDDED, Network};
    use crate::table::fixture::World;
    use std::sync::Arc;

    fn plan(own: &[(&str, &str)]) -> Plan {
        let world = World::new(&[(0, 1, 1)], &[&[0]]);
        let mut plan = Arc::into_inner(world.plan()).unwrap();
        let database = Database::read(EMBEDDED).unwrap();
        let own = own.iter().map(|(network, country)| {
            let network = Network::parse(network).unwrap();
            (network, Territory::parse(country).unwrap())
        });
        let own: Vec<_> = own.collect();
        plan.atlas = Arc::new(Atlas::new(&database, &own, &[]));
        let networks = plan
            .atlas
            .classify(&mut |place, _| ClassId(u16::from(place.country == Some(Country(*b"BR")))));
        Arc::get_mut(&mut plan.maps).unwrap()[0].networks = networks;
        plan
    }

    #[test]
    fn what_two_plans_cut_differently_is_a_cell_of_its_own() {
        let before = plan(&[("198.51.100.0/24", "DE")]);
        let after = plan(&[("198.51.100.128/25", "BR"), ("2001:db8::/32", "BR")]);
        let laws = [Law::new(&before), Law::new(&after)];
        let cells = cells([&before, &after], [&laws[0], &laws[1]], [MapId(0); 2]);
        let of = |one: u16, other: u16| {
            let own = cells
                .iter()
                .filter(|cell| cell.classes == [ClassId(one), ClassId(other)]);
            own.map(|cell| (cell.laws, cell.networks, cell.size))
                .collect::<Vec<_>>()
        };
        // Half a /24 that was German, and a block of IPv6 that nobody knew.
        let moved = vec![
            ([Who::Outside, Who::Outside], 1, 1),
            ([Who::Unknown, Who::Outside], 1, 0),
        ];
        assert_eq!(of(0, 1), moved);
        assert_eq!(of(1, 0), []);
        assert!(of(1, 1)[0].2 > 100_000);
    }

    #[test]
    fn pieces_cover_all_addresses_without_a_gap() {
        let plans = [
            plan(&[("10.0.0.0/8", "DE")]),
            plan(&[("10.128.0.0/9", "BR")]),
        ];
        let mut walk = Walk::new([&plans[0], &plans[1]]);
        let mut expected: Option<IpAddr> = "0.0.0.0".parse().ok();
        let mut last = None;
        while let Some((piece, _)) = walk.next() {
            assert_eq!(Some(piece.first), expected);
            assert!(piece.first <= piece.last);
            expected = successor(piece.last).or("::".parse().ok());
            last = Some(piece.last);
        }
        assert_eq!(last, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().ok());
    }
}
