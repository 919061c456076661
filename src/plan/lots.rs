//! Regions that clients draw by weight, where a service says so (`policy = "weight"`).
//!
//! Clients of one place share one class as long as nothing else tells them apart; here each draws its own order of
//! regions, and every order that may be drawn is a class. So whatever looks at classes (fences, capacity, tables, the proof)
//! sees lists of regions as everywhere, and only whoever asks for one client's class has it draw
//! ([`Map::drawn`]).
//!
//! **The draw** is a race: each region has a number that is a keyed hash of the client's network and the region's name, and
//! arrives after `-log(number) / weight`. The first to arrive is a region in exactly its part of the draws, and so is the
//! next one among those that are left: whoever loses its region is shared out by weight among the others, and nobody else
//! moves. A weight that changes moves no more clients than it must, as does a region that comes or goes. The draw
//! knows nothing of cohorts, which are another hash of the same network.
//!
//! Of many regions there would be too many orders. Then only the first places of an order are drawn, as many as
//! [`REGION_ORDERS`] can tell apart, and for the rest there is one order for each beginning, drawn in the same way.
//!
//! It does not know what is healthy, nor fences: regions that a client may not use are not among those it draws.
use std::net::IpAddr;

use super::{Map, Plan, shared_out};
use crate::base::limits::{REGION_ORDERS, WEIGHTED_REGIONS};
use crate::base::{ClassId, ClientHash, HashKey, RegionId, ServiceId};

/// The orders of regions that clients of one class draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lots {
    /// The class of those who draw. It prefers nothing by itself.
    pub of: ClassId,
    /// The class of the first order; those of the others follow.
    pub first: ClassId,
    regions: Vec<Lot>,
    /// How many places of an order are drawn.
    depth: usize,
}

/// One region to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The region.
    pub region: RegionId,
    /// Its weight, not 0.
    pub weight: u16,
    seed: u64,
}

impl Lot {
    /// The lot of a region, by its name: its number in the config makes no difference.
    #[must_use]
    pub fn new(region: RegionId, name: &str, weight: u16) -> Self {
        Self {
            region,
            weight,
            seed: HashKey::from_secret(b"lots").hash(name.as_bytes()),
        }
    }

    /// How late it arrives in a client's race, before its weight is looked at.
    fn delay(&self, client: ClientHash) -> u64 {
        negative_log(client.draws(self.seed).next_u64())
    }
}

impl Lots {
    /// Lots of at least two regions and at most [`WEIGHTED_REGIONS`], for a class, with this class for the first order.
    #[must_use]
    pub fn new(of: ClassId, first: ClassId, regions: Vec<Lot>) -> Self {
        let (mut depth, mut orders) = (0, 1);
        while depth < regions.len() && orders * (regions.len() - depth) <= REGION_ORDERS {
            orders *= regions.len() - depth;
            depth += 1;
        }
        Self {
            of,
            first,
            regions,
            depth,
        }
    }

    /// The regions, with their weights.
    #[must_use]
    pub fn regions(&self) -> &[Lot] {
        &self.regions
    }

    /// How many orders there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let left = (0..self.depth).map(|drawn| self.regions.len() - drawn);
        left.product()
    }

    /// The classes of the orders.
    pub fn classes(&self) -> impl Iterator<Item = ClassId> + use<> {
        let first = self.first.index();
        (first..first + self.count()).map(ClassId::from_index)
    }

    /// The class that a client draws.
    #[must_use]
    pub fn draw(&self, client: ClientHash) -> ClassId {
        let mut race = Race::new(&self.regions, client);
        let mut number = 0;
        for _ in 0..self.depth {
            number = number * race.left + race.next().0;
        }
        ClassId::from_index(self.first.index() + number)
    }

    /// The orders by their numbers.
    #[must_use]
    pub fn orders(&self) -> Vec<Vec<RegionId>> {
        let mut beginnings: Vec<Vec<usize>> = vec![Vec::new()];
        for _ in 0..self.depth {
            let longer = beginnings.iter().flat_map(|known| {
                self.others(known)
                    .map(|next| [&known[..], &[next]].concat())
            });
            beginnings = longer.collect();
        }
        let orders = beginnings.into_iter().enumerate().map(|(number, known)| {
            let rest: Vec<Lot> = self.others(&known).map(|one| self.regions[one]).collect();
            let client = ClientHash::from(u16::try_from(number).unwrap_or(u16::MAX));
            let mut race = Race::new(&rest, client);
            let drawn = known.into_iter().map(|one| self.regions[one].region);
            let mut order: Vec<RegionId> = drawn.collect();
            order.extend((0..rest.len()).map(|_| rest[race.next().1].region));
            order
        });
        orders.collect()
    }

    /// Shares a number out among the orders, as they are drawn.
    #[must_use]
    pub fn parts(&self, whole: u64) -> Vec<u64> {
        let mut parts = vec![(whole, Vec::new())];
        for _ in 0..self.depth {
            let longer = parts.into_iter().flat_map(|(part, known)| {
                let others: Vec<usize> = self.others(&known).collect();
                let weights = others
                    .iter()
                    .map(|one| u64::from(self.regions[*one].weight));
                let shares = shared_out(part, &weights.collect::<Vec<u64>>());
                let longer = shares.into_iter().zip(others);
                longer
                    .map(|(share, next)| (share, [&known[..], &[next]].concat()))
                    .collect::<Vec<_>>()
            });
            parts = longer.collect();
        }
        parts.into_iter().map(|(part, _)| part).collect()
    }

    /// The regions that are not among these, by their places.
    fn others(&self, known: &[usize]) -> impl Iterator<Item = usize> {
        (0..self.regions.len()).filter(|one| !known.contains(one))
    }
}

/// The race of a client's regions.
struct Race<'r> {
    regions: &'r [Lot],
    delays: [u64; WEIGHTED_REGIONS],
    /// Those who have not arrived, by their places, in order.
    running: [u8; WEIGHTED_REGIONS],
    left: usize,
}

impl<'r> Race<'r> {
    fn new(regions: &'r [Lot], client: ClientHash) -> Self {
        let mut race = Self {
            regions,
            delays: [0; WEIGHTED_REGIONS],
            running: [0; WEIGHTED_REGIONS],
            left: regions.len().min(WEIGHTED_REGIONS),
        };
        for (place, region) in (0_u8..).zip(regions).take(WEIGHTED_REGIONS) {
            race.delays[usize::from(place)] = region.delay(client);
            race.running[usize::from(place)] = place;
        }
        race
    }

    /// The next to arrive: its place among those that are left, and among all.
    fn next(&mut self) -> (usize, usize) {
        let running = &self.running[..self.left];
        let mut first = 0;
        for other in 1..running.len() {
            let [one, two] = [first, other].map(|one| usize::from(running[one]));
            // Delays over weights, without a division. A delay has 39 bits and a weight 16.
            let late = self.delays[one] * u64::from(self.regions[two].weight);
            if self.delays[two] * u64::from(self.regions[one].weight) < late {
                first = other;
            }
        }
        let place = usize::from(running[first]);
        self.running.copy_within(first + 1..self.left, first);
        self.left -= 1;
        (first, place)
    }
}

/// The negative binary logarithm of a number as a part of 2^64, in units of 2^-32; never 0.
fn negative_log(number: u64) -> u64 {
    let number = number.max(1);
    let zeros = number.leading_zeros();
    // Between 1 and 2, in units of 2^-63. Each squaring tells one bit of its logarithm.
    let mut mantissa = number << zeros;
    let mut fraction = 0;
    for _ in 0..32 {
        let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
        let bit = square >> 64;
        fraction = fraction << 1 | u64::from(bit > 0);
        mantissa = u64::try_from(square >> bit).unwrap_or(u64::MAX);
    }
    (u64::from(zeros + 1) << 32) - fraction
}

impl Map {
    /// The class that a client is in whose network is in one: that, or the one that it draws there.
    #[must_use]
    pub fn drawn(&self, class: ClassId, client: ClientHash) -> ClassId {
        self.lots_of(class).map_or(class, |lots| lots.draw(client))
    }

    /// The classes that clients of a network's class may be in.
    #[must_use]
    pub fn outcomes(&self, class: ClassId) -> Vec<ClassId> {
        match self.lots_of(class) {
            Some(lots) => lots.classes().collect(),
            None => vec![class],
        }
    }

    /// The lots of a class, where its clients draw.
    #[must_use]
    pub fn lots_of(&self, class: ClassId) -> Option<&Lots> {
        let place = self.lots.binary_search_by_key(&class, |lots| lots.of);
        place.ok().map(|place| &self.lots[place])
    }

    /// Shares numbers by class out: what those have who draw is what is drawn.
    pub fn share_out_drawn(&self, numbers: &mut [u64]) {
        for lots in &self.lots {
            let whole = std::mem::take(&mut numbers[lots.of.index()]);
            for (class, part) in lots.classes().zip(lots.parts(whole)) {
                numbers[class.index()] += part;
            }
        }
    }
}

impl Plan {
    /// The class of one client for a service.
    #[must_use]
    pub fn class_of(&self, service: ServiceId, client: IpAddr) -> ClassId {
        let class = self.classify(service, client).class;
        let map = &self.maps[self.services[service.index()].map.index()];
        map.drawn(class, self.client_hash(client))
    }
}

impl Lots {
    /// Tells whether every client draws the order of the same number.
    #[must_use]
    pub fn draws_as(&self, other: &Self) -> bool {
        let lots = |own: &Self| {
            let lots = own.regions.iter();
            lots.map(|lot| (lot.seed, lot.weight)).collect::<Vec<_>>()
        };
        lots(self) == lots(other)
    }
}
