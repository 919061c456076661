//! Who asks: clients that stand for their classes, the law of the place where each is, and how
//! much each class asks for.
//!
//! The clients of a class are drawn from its real networks, the larger network the likelier, one
//! in each of equally wide ranges of cohorts: so a ramp of 5 % moves one of twenty clients, and
//! not none or three. Where a class has too few networks for that, some stand in for others.
//!
//! **Law.** Where a client's answers may lie is found here from its address (its country, the
//! jurisdiction of that, and what that may use), not from the class that the plan puts it into: a
//! class with the wrong fence must not excuse itself.
//!
//! **Demand** is counted in thousandths of the operator's unit. What a service asks for in all is what
//! the scenario says, otherwise the config; a service of which neither says anything asks for
//! [`UNSTATED`] and is not held against capacities.
use std::net::IpAddr;

use super::scenario::{Curve, Scenario};
use crate::base::limits::COHORTS;
use crate::base::{ClassId, Draws, Family, JurisdictionSet, MapId, RegionId, ServiceId};
use crate::plan::{Demand, Plan, Residency, Service};

/// What a service asks for of which nobody says how much: only parts of it mean something.
const UNSTATED: u64 = 1000;
/// Thousandths in a unit.
const UNIT: u64 = 1000;
/// The number of clients that are drawn for each that is wanted: with ten, one range of cohorts in ten thousand
/// finds none.
const TRIES: usize = 10;
const MINUTES_OF_DAY: u64 = 24 * 60;

/// The clients that stand for one class of a map.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) class: ClassId,
    pub(super) clients: Vec<IpAddr>,
}

/// Some neighbouring addresses.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: IpAddr,
    last: IpAddr,
    /// In /24s.
    size: u64,
}

/// The networks of one class.
#[derive(Clone, Debug, Default)]
struct Networks {
    known: Vec<Range>,
    /// The first network of unknown place, and the first of IPv6, in case there is no other.
    spare: [Option<Range>; 2],
}

/// Draws clients for all classes of a map.
pub(super) fn panels(plan: &Plan, map: MapId, cohorts: u16, draws: &mut Draws) -> Vec<Panel> {
    let own = &plan.maps[map.index()];
    let mut panels = Vec::new();
    for (index, networks) in networks(plan, map).into_iter().enumerate() {
        let ranges = networks.ranges();
        let place = ClassId::from_index(index);
        if ranges.is_empty() {
            continue;
        }
        for class in own.outcomes(place) {
            let is_own = |client| own.drawn(place, plan.client_hash(client)) == class;
            let clients = draw_clients((plan, cohorts), &ranges, is_own, draws);
            if !clients.is_empty() {
                panels.push(Panel { class, clients });
            }
        }
    }
    panels
}

fn networks(plan: &Plan, map: MapId) -> Vec<Networks> {
    let map = &plan.maps[map.index()];
    let mut all = vec![Networks::default(); map.classes.len()];
    for stretch in plan.atlas.stretches() {
        let class = map.networks.find(stretch.first).class;
        let Some(own) = all.get_mut(class.index()) else {
            continue;
        };
        let range = Range {
            first: stretch.first,
            last: stretch.last,
            size: stretch.size().max(1),
        };
        match (stretch.first.is_ipv4(), stretch.place.country) {
            (true, Some(_)) => own.known.push(range),
            (true, None) => own.spare[0] = own.spare[0].or(Some(range)),
            (false, _) => own.spare[1] = own.spare[1].or(Some(range)),
        }
    }
    all
}

impl Networks {
    fn ranges(self) -> Vec<Range> {
        match self.known.is_empty() {
            false => self.known,
            true => self.spare.into_iter().flatten().take(1).collect(),
        }
    }
}

/// Clients of some networks that are wanted; none if none are found.
fn draw_clients(
    (plan, cohorts): (&Plan, u16),
    ranges: &[Range],
    is_wanted: impl Fn(IpAddr) -> bool,
    draws: &mut Draws,
) -> Vec<IpAddr> {
    let mut ends = Vec::with_capacity(ranges.len());
    let mut sum = 0;
    for range in ranges {
        sum += range.size;
        ends.push(sum);
    }
    let mut seats = vec![None; usize::from(cohorts)];
    let mut spare = None;
    for _ in 0..TRIES * seats.len() {
        let client = draw_one(ranges, &ends, sum, draws);
        if is_wanted(client) {
            let seat = usize::from(plan.cohort(client)) * seats.len() / usize::from(COHORTS);
            seats[seat].get_or_insert(client);
            spare = Some(client);
        }
    }
    seats
        .into_iter()
        .filter_map(|client| client.or(spare))
        .collect()
}

fn draw_one(ranges: &[Range], ends: &[u64], sum: u64, draws: &mut Draws) -> IpAddr {
    let number = draws.below(sum);
    let range = ranges[ends.partition_point(|end| *end <= number)];
    match (range.first, range.last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let step = u32::try_from(draws.below(range.size)).unwrap_or(0);
            let network = ((first.to_bits() >> 8) + step) << 8;
            let client = (network | 1).clamp(first.to_bits(), last.to_bits());
            IpAddr::V4(client.into())
        }
        (first, _) => first,
    }
}

/// Where answers to a client of a service may lie, by the law of the client's place.
pub(super) fn allowed(plan: &Plan, service: &Service, client: IpAddr) -> JurisdictionSet {
    match service.residency {
        Residency::Any | Residency::Prefer => return JurisdictionSet::EVERYWHERE,
        Residency::Strict => {}
    }
    let (place, _) = plan.atlas.find(client);
    let Some(country) = place.country else {
        return service.unknown;
    };
    let laws = (0..)
        .map(crate::base::JurisdictionId)
        .zip(&plan.jurisdictions);
    let own = place.subdivision;
    let of_part = laws
        .clone()
        .find(|(_, law)| own.is_some_and(|own| law.subdivisions.contains(&own)));
    let of_country = laws
        .clone()
        .find(|(_, law)| law.countries.contains(&country));
    match of_part.or(of_country) {
        None => service.outside,
        Some((own, law)) => {
            let others = law.may_use.iter();
            others.fold(JurisdictionSet::EMPTY.with(Some(own)), |set, other| {
                set.with(Some(*other))
            })
        }
    }
}

/// The family that the clients of a service ask for.
pub(super) fn family(service: &Service) -> Family {
    let pools = &service.pools[Family::V4.index()];
    match pools.iter().any(|pool| !pool.tiers.is_empty()) {
        true => Family::V4,
        false => Family::V6,
    }
}

/// What one class of a service asks for, usually.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usual {
    /// In thousandths of the unit.
    pub(super) milli: u64,
    /// Tells whether somebody said so, so that it can be held against capacities.
    pub(super) stated: Stated,
}

/// Tells whether somebody said how much a service asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stated {
    Yes,
    No,
}

/// What each class of a service asks for usually, by class.
pub(super) fn usual(plan: &Plan, scenario: &Scenario, id: ServiceId) -> Vec<Usual> {
    let service = &plan.services[id.index()];
    let map = &plan.maps[service.map.index()];
    let by_scenario = scenario.services.iter().rev();
    let mut by_scenario = by_scenario.filter(|(name, _)| name.value == service.name);
    let whole = match (by_scenario.next(), &service.demand) {
        (Some((_, whole)), _) | (None, Demand::Whole(whole)) => Some(u64::from(*whole)),
        (None, Demand::ByRegion(_)) => None,
        (None, Demand::Unstated | Demand::Observed) => {
            return share(UNSTATED, &map.sizes, Stated::No);
        }
    };
    match (whole, &service.demand) {
        (None, Demand::ByRegion(list)) => by_region(plan, service, list),
        (whole, _) => share(whole.unwrap_or(0), &map.sizes, Stated::Yes),
    }
}

fn share(whole: u64, sizes: &[u64], stated: Stated) -> Vec<Usual> {
    let sum: u128 = sizes.iter().map(|size| u128::from(*size)).sum();
    let of = |size: &u64| {
        let milli = u128::from(whole * UNIT) * u128::from(*size) / sum.max(1);
        u64::try_from(milli).unwrap_or(u64::MAX)
    };
    // A class of no known size asks for next to nothing, so that its fence is tried as well.
    let least = u64::from(whole > 0);
    let usual = sizes.iter().map(|size| Usual {
        milli: of(size).max(least),
        stated,
    });
    usual.collect()
}

fn by_region(plan: &Plan, service: &Service, list: &[(RegionId, u32)]) -> Vec<Usual> {
    let map = &plan.maps[service.map.index()];
    let mut usual = vec![
        Usual {
            milli: 0,
            stated: Stated::Yes
        };
        map.classes.len()
    ];
    for (region, whole) in list {
        let is_own = |index: usize| map.classes[index].preference.first() == Some(region);
        let sizes = map.sizes.iter().enumerate();
        let own: Vec<(usize, u64)> = sizes
            .filter(|(index, _)| is_own(*index))
            .map(|(index, size)| (index, *size))
            .collect();
        let sizes: Vec<u64> = own.iter().map(|(_, size)| *size).collect();
        let parts = share(u64::from(*whole), &sizes, Stated::Yes);
        for ((index, _), part) in own.into_iter().zip(parts) {
            usual[index].milli += part.milli;
        }
    }
    usual
}

/// A curve's permille at a minute of the play.
pub(super) fn at(curve: &Curve, minute: u64) -> u64 {
    let minute = minute % MINUTES_OF_DAY;
    let time = |point: &(u32, u32)| u64::from(point.0);
    let (Some(first), Some(last)) = (curve.first(), curve.last()) else {
        return 1000;
    };
    let next = curve.partition_point(|point| time(point) <= minute);
    let from = if next == 0 { last } else { &curve[next - 1] };
    let to = curve.get(next).unwrap_or(first);
    let width = (time(to) + MINUTES_OF_DAY - time(from)) % MINUTES_OF_DAY;
    let gone = (minute + MINUTES_OF_DAY - time(from)) % MINUTES_OF_DAY;
    let (low, high) = (u64::from(from.1), u64::from(to.1));
    match width {
        0 => low,
        width => (low * (width - gone) + high * gone) / width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_straight_from_point_to_point_and_over_midnight() {
        let curve = vec![(360, 1000), (1080, 200)];
        for (minute, permille) in [(360, 1000), (720, 600), (1080, 200), (0, 600), (1440, 600)] {
            assert_eq!(at(&curve, minute), permille, "{minute}");
        }
        assert_eq!(at(&vec![(60, 700)], 0), 700);
    }

    #[test]
    fn shares_follow_the_sizes() {
        let parts = share(100, &[1, 3], Stated::Yes);
        assert_eq!((parts[0].milli, parts[1].milli), (25_000, 75_000));
    }
}
