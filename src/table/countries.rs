//! Countries and the regions that serve them: the clients of each country, by the class that they fall into, and the regions that a table sends
//! them to.
//!
//! Addresses are gone through once for a map of a plan ([`CountryClients`]); after that a table is asked for classes, which are
//! few. Clients are counted by the IPv4 addresses of known country, in /24s, and of cohorts some stand for all
//! ([`COHORT_STRIDE`]): so what is told is good for a picture, and decides nothing. A country of which no IPv4 address is known
//! has no row. It knows no names of regions, and not why anybody is sent anywhere.
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, Family, MapId, RegionId, ServiceId};
use crate::geo::Country;
use crate::plan::Plan;

use super::Table;

/// One of so many cohorts is asked: an odd number, so that steps of ramps and weights do not fall together with it.
const COHORT_STRIDE: usize = 27;

/// Clients of each country, for services of one map.
#[derive(Debug)]
pub struct CountryClients {
    map: MapId,
    rows: Vec<CountryRow>,
}

/// Clients of one country.
#[derive(Debug)]
struct CountryRow {
    /// The country.
    country: Country,
    /// The first address of the largest network that is known to be there: one who can be asked for.
    client: IpAddr,
    /// The size of that network.
    largest: u64,
    /// Its classes with their /24s.
    classes: BTreeMap<ClassId, u64>,
}

/// The regions that the clients of a country are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryShares {
    /// The country.
    pub country: Country,
    /// A client of it.
    pub client: IpAddr,
    /// Parts in permille, largest first; without a region, those who get no address.
    pub regions: Vec<(Option<RegionId>, u16)>,
}

impl CountryClients {
    /// Goes through all addresses of a plan; that may take a while.
    #[must_use]
    pub fn of(plan: &Plan, map: MapId) -> Self {
        let networks = &plan.maps[map.index()].networks;
        let mut rows: BTreeMap<Country, CountryRow> = BTreeMap::new();
        let stretches = plan.atlas.stretches();
        for stretch in stretches.take_while(|stretch| stretch.first.is_ipv4()) {
            let (Some(country), size) = (stretch.place.country, stretch.size()) else {
                continue;
            };
            let row = rows.entry(country).or_insert_with(|| CountryRow {
                country,
                client: stretch.first,
                largest: 0,
                classes: BTreeMap::new(),
            });
            if size > row.largest {
                (row.client, row.largest) = (stretch.first, size);
            }
            // All of a stretch are at one place, and so in one class.
            let class = networks.find(stretch.first).class;
            *row.classes.entry(class).or_default() += size;
        }
        Self {
            map,
            rows: rows.into_values().collect(),
        }
    }

    /// Tells whether these are the clients of a service.
    #[must_use]
    pub fn belong_to(&self, plan: &Plan, service: ServiceId) -> bool {
        plan.services[service.index()].map == self.map
    }

    /// Tells where a table sends them; countries for which the service has no endpoint are left out.
    #[must_use]
    pub fn shares(
        &self,
        table: &Table,
        (service, family): (ServiceId, Family),
    ) -> Vec<CountryShares> {
        let mut known: BTreeMap<ClassId, BTreeMap<Option<RegionId>, u64>> = BTreeMap::new();
        let shares = self.rows.iter().filter_map(|row| {
            let mut sums: BTreeMap<Option<RegionId>, u64> = BTreeMap::new();
            for (&class, &size) in &row.classes {
                let parts = known
                    .entry(class)
                    .or_insert_with(|| sent(table, (service, family), class));
                for (&region, &part) in &*parts {
                    *sums.entry(region).or_default() += part * size;
                }
            }
            let regions = in_permille(&sums);
            (!regions.is_empty()).then_some(CountryShares {
                country: row.country,
                client: row.client,
                regions,
            })
        });
        shares.collect()
    }

    /// Tells where a table sends the clients of all countries together.
    #[must_use]
    pub fn whole(
        &self,
        table: &Table,
        (service, family): (ServiceId, Family),
    ) -> Vec<(Option<RegionId>, u16)> {
        let mut classes: BTreeMap<ClassId, u64> = BTreeMap::new();
        for (&class, &size) in self.rows.iter().flat_map(|row| &row.classes) {
            *classes.entry(class).or_default() += size;
        }
        let mut sums: BTreeMap<Option<RegionId>, u64> = BTreeMap::new();
        for (class, size) in classes {
            for (region, part) in sent(table, (service, family), class) {
                *sums.entry(region).or_default() += part * size;
            }
        }
        in_permille(&sums)
    }
}

/// Counts where the clients of a class are sent, in cohorts.
fn sent(
    table: &Table,
    (service, family): (ServiceId, Family),
    class: ClassId,
) -> BTreeMap<Option<RegionId>, u64> {
    let mut parts = BTreeMap::new();
    let cohorts = (0..COHORTS).step_by(COHORT_STRIDE);
    let all = u64::from(COHORTS).div_ceil(COHORT_STRIDE as u64);
    for cohort in cohorts {
        let Some(selection) = table.select(service, family, class, cohort) else {
            break;
        };
        if !selection.by_cohort {
            return BTreeMap::from([(selection.region, all)]);
        }
        *parts.entry(selection.region).or_default() += 1;
    }
    parts
}

/// Parts of all, largest first.
fn in_permille(sums: &BTreeMap<Option<RegionId>, u64>) -> Vec<(Option<RegionId>, u16)> {
    let all: u64 = sums.values().sum();
    let parts = sums.iter().map(|(&region, &part)| {
        let permille = (part * 1000 + all / 2).checked_div(all).unwrap_or(0);
        (region, u16::try_from(permille).unwrap_or(1000))
    });
    let mut parts: Vec<_> = parts.collect();
    parts.sort_by_key(|&(region, permille)| (std::cmp::Reverse(permille), region));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Moment, Permille};
    use crate::table::fixture::{SERVICE, World, standings};

    #[test]
    fn countries_follow_their_classes() {
        let plan = World::new(&[(0, 1, 1), (1, 1, 1)], &[&[0, 1]]).plan();
        let table = |shares: [u16; 2]| {
            let mut standings = standings(&plan, &[]).to_vec();
            for (standing, share) in standings.iter_mut().zip(shares) {
                standing.share = Permille(share);
            }
            Table::build(1, plan.clone(), standings.into(), Moment(0), None)
        };
        let row = CountryRow {
            country: Country(*b"DE"),
            client: "192.0.2.1".parse().unwrap(),
            largest: 1,
            classes: BTreeMap::from([(ClassId(0), 5)]),
        };
        let clients = CountryClients {
            map: plan.services[SERVICE.index()].map,
            rows: vec![row],
        };
        assert!(clients.belong_to(&plan, SERVICE));
        for (shares, expected) in [
            ([1000, 1000], vec![(Some(RegionId(0)), 1000)]),
            ([0, 1000], vec![(Some(RegionId(1)), 1000)]),
        ] {
            let table = table(shares);
            let found = clients.shares(&table, (SERVICE, Family::V4));
            assert_eq!(found[0].regions, expected, "{shares:?}");
            assert_eq!(clients.whole(&table, (SERVICE, Family::V4)), expected);
        }
        let half = clients.whole(&table([500, 1000]), (SERVICE, Family::V4));
        assert_eq!(half.len(), 2, "a ramp is seen: {half:?}");
        assert!(
            half.iter().all(|(_, part)| part.abs_diff(500) < 60),
            "{half:?}"
        );
    }

    #[test]
    fn parts_add_up_and_the_largest_is_first() {
        let sums = BTreeMap::from([(None, 1), (Some(RegionId(3)), 2)]);
        assert_eq!(in_permille(&sums), [(Some(RegionId(3)), 667), (None, 333)]);
        assert!(in_permille(&BTreeMap::new()).is_empty());
    }
}
