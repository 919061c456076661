//! The check of one pool: every cohort, what it gets by share, and how much each endpoint serves.
use crate::base::limits::COHORTS;
use crate::base::{EndpointId, Family, Permille, RegionId};
use crate::dns::addresses;
use crate::plan::{Member, Pool, Tier};
use crate::steer::{Extent, Picks, Spread};
use crate::table::pool::{Given, Pick};

use super::fleet::Ground;
use super::{Breach, Check, CheckError, Subject};

/// How many cohorts get what of one pool.
struct Count {
    /// By pick.
    takers: Vec<u16>,
    /// How many get nothing.
    left: u16,
}

impl Check<'_> {
    /// Checks the pool of a number.
    pub(super) fn check_pool(&self, number: usize) -> Result<(), CheckError> {
        let place = self.table.layout.pools[number];
        let own = self.subject(place.service, place.family);
        let failed = |breach| own.error(self.region_name(place.region), breach);
        let missing = || failed(Breach::Foreign(self.region_name(place.region)));
        let pool = own.pool(place.region).ok_or_else(missing)?;
        let table = &self.table.pools[number];
        self.check_by_share(own, pool, &table.by_share, table.state.extent)
            .map_err(failed)?;
        let spare = table.spare.iter();
        let mut checked = spare.map(|spare| self.check_spare(own, pool, spare));
        checked.try_for_each(|checked| checked.map_err(failed))
    }

    /// Checks what a pool gives by share.
    fn check_by_share(
        &self,
        own: Subject<'_>,
        pool: &Pool,
        given: &Given,
        extent: Extent,
    ) -> Result<(), Breach> {
        let count = match &given.spread {
            Spread::Fleet(fleet) => {
                let found = self.check_fleet(own, pool, (given, fleet), Ground::Share)?;
                self.check_passed(pool, last_tier(given))?;
                Count {
                    takers: found.takers,
                    left: found.left,
                }
            }
            Spread::Nobody | Spread::Everyone | Spread::ByCohort(_) => Count::of(given)?,
        };
        if pool.is_short(&self.table.standings) {
            return match count.left {
                COHORTS => count.check_extent(extent),
                _ => Err(Breach::Short(self.region_of(pool))),
            };
        }
        if count.left > 0 {
            self.check_passed(pool, pool.tiers.len())?;
        }
        let mut served = Served::none(pool);
        let mut passing = 0;
        for (pick, &takers) in given.picks.iter().zip(&count.takers) {
            if takers > 0 {
                let tier = self.check_pick(own, pool, given, pick)?;
                if let Err(breach) = self.check_passed(pool, tier) {
                    // No more than are meant to go past a tier that is well.
                    passing += takers;
                    if passing > pool.trickle.0 {
                        return Err(breach);
                    }
                }
                served.add(&pool.tiers[tier], tier, given.endpoints(pick), takers);
            }
        }
        for (tier, served) in pool.tiers.iter().zip(&served.0) {
            for (member, &served) in tier.members.iter().zip(served) {
                self.check_share(tier, member, served)?;
            }
        }
        count.check_extent(extent)
    }

    /// The name of the region of a pool.
    fn region_of(&self, pool: &Pool) -> String {
        let mut members = pool.tiers.iter().flat_map(|tier| &tier.members);
        let first = members.next();
        first.map_or_else(String::new, |member| {
            self.region_name(self.table.plan.endpoints[member.endpoint.index()].region)
        })
    }

    /// Checks what a pool gives where no share takes a cohort: something to every cohort, from
    /// endpoints that have a share as long as any has.
    fn check_spare(&self, own: Subject<'_>, pool: &Pool, given: &Given) -> Result<(), Breach> {
        let mut all = pool.tiers.iter().flat_map(|tier| &tier.members);
        let alive = all.any(|member| self.share(member) > Permille::NONE);
        if let Spread::Fleet(fleet) = &given.spread {
            let ground = if alive { Ground::Life } else { Ground::Config };
            let found = self.check_fleet(own, pool, (given, fleet), ground)?;
            return if found.left > 0 {
                Err(Breach::Empty)
            } else {
                Ok(())
            };
        }
        let count = Count::of(given)?;
        if count.left > 0 {
            return Err(Breach::Empty);
        }
        let picks = given.picks.iter().zip(&count.takers);
        for (pick, _) in picks.filter(|(_, takers)| **takers > 0) {
            if alive {
                self.check_pick(own, pool, given, pick)?;
            } else {
                self.check_together(own, pool, given.endpoints(pick), given.records(pick))?;
            }
        }
        Ok(())
    }

    /// Checks that all of a pick are alive, and that its tier is the one that it names.
    fn check_pick(
        &self,
        own: Subject<'_>,
        pool: &Pool,
        given: &Given,
        pick: &Pick,
    ) -> Result<usize, Breach> {
        let endpoints = given.endpoints(pick);
        let tier = self.check_together(own, pool, endpoints, given.records(pick))?;
        self.check_alive(&pool.tiers[tier], endpoints)?;
        if tier == usize::from(pick.tier) {
            Ok(tier)
        } else {
            Err(self.foreign(endpoints))
        }
    }

    /// Checks that endpoints that are given together are no more than may be, all of one tier of
    /// the pool, and that octets are their addresses. It says which tier that is.
    pub(super) fn check_together(
        &self,
        own: Subject<'_>,
        pool: &Pool,
        endpoints: &[EndpointId],
        records: &[u8],
    ) -> Result<usize, Breach> {
        if endpoints.is_empty() || endpoints.len() > usize::from(own.service.answers.max(1)) {
            return Err(Breach::Empty);
        }
        let holds = |tier: &Tier, endpoint| position(tier, endpoint).is_some();
        let mut tiers = pool.tiers.iter();
        let tier = tiers.position(|tier| holds(tier, endpoints[0]));
        let tier = tier.ok_or_else(|| self.foreign(endpoints))?;
        let mut endpoints_left = endpoints.iter();
        if let Some(stray) = endpoints_left.find(|one| !holds(&pool.tiers[tier], **one)) {
            return Err(self.foreign(&[*stray]));
        }
        self.check_addresses(own.family, (&pool.tiers[tier], endpoints), records)?;
        Ok(tier)
    }

    /// Checks that all of some endpoints of a tier have a share.
    pub(super) fn check_alive(&self, tier: &Tier, endpoints: &[EndpointId]) -> Result<(), Breach> {
        let members = tier.members.iter();
        let mut given = members.filter(|member| endpoints.contains(&member.endpoint));
        match given.find(|member| self.share(member) == Permille::NONE) {
            Some(dead) => Err(Breach::Dead(self.endpoint_name(dead.endpoint))),
            None => Ok(()),
        }
    }

    /// Checks that a member serves no more cohorts than its share.
    fn check_share(&self, tier: &Tier, member: &Member, served: u16) -> Result<(), Breach> {
        let share = self.share(member);
        if served <= share.0
            || u32::from(served) <= u32::from(share.0) + rounding(tier.members.len())
        {
            return Ok(());
        }
        let name = self.endpoint_name(member.endpoint);
        Err(Breach::Ahead(name, served, share))
    }

    /// Checks that no member with a full share stands in a better tier than the one that serves.
    pub(super) fn check_passed(&self, pool: &Pool, tier: usize) -> Result<(), Breach> {
        let mut better = pool.tiers[..tier].iter().flat_map(|tier| &tier.members);
        match better.find(|member| self.share(member) == Permille::FULL) {
            Some(member) => Err(Breach::Passed(self.endpoint_name(member.endpoint))),
            None => Ok(()),
        }
    }

    /// Checks that octets are the addresses of endpoints of a tier, in order, but for those that are out.
    fn check_addresses(
        &self,
        family: Family,
        (tier, endpoints): (&Tier, &[EndpointId]),
        records: &[u8],
    ) -> Result<(), Breach> {
        let ends = endpoints.iter().flat_map(|id| {
            let member = position(tier, *id).map(|place| tier.members[place].target);
            let without = member.map(|target| self.table.standings[target.index()].without);
            let all = self.table.plan.endpoints[id.index()]
                .addresses
                .iter()
                .enumerate();
            all.filter(move |(place, _)| without.is_none_or(|set| !set.contains(*place)))
        });
        let all = ends.map(|(_, address)| *address);
        let mut own = all.filter(|one| Family::of(*one) == family);
        let mut read = addresses::read(family, records);
        let whole = records
            .len()
            .is_multiple_of(addresses::record_bytes(family));
        if whole && !records.is_empty() && read.by_ref().eq(own.by_ref()) {
            Ok(())
        } else {
            Err(Breach::Addresses)
        }
    }

    pub(super) fn share(&self, member: &Member) -> Permille {
        self.table.standings[member.target.index()].share
    }

    pub(super) fn foreign(&self, endpoints: &[EndpointId]) -> Breach {
        match endpoints.first() {
            Some(endpoint) => Breach::Foreign(self.endpoint_name(*endpoint)),
            None => Breach::Empty,
        }
    }

    pub(super) fn endpoint_name(&self, endpoint: EndpointId) -> String {
        self.table.plan.endpoints[endpoint.index()].name.clone()
    }

    pub(super) fn region_name(&self, region: RegionId) -> String {
        self.table.plan.regions[region.index()].name.clone()
    }
}

impl Count {
    fn of(given: &Given) -> Result<Self, Breach> {
        let mut count = Self {
            takers: vec![0; given.picks.len()],
            left: 0,
        };
        match &given.spread {
            Spread::Nobody => count.left = COHORTS,
            Spread::Everyone => *count.takers.first_mut().ok_or(Breach::Empty)? = COHORTS,
            // Draws are not counted by cohort.
            Spread::Fleet(_) => return Err(Breach::Scope),
            Spread::ByCohort(Picks::Few(picks)) => {
                let mut by_pick = [0; 1 << u8::BITS];
                for pick in picks {
                    by_pick[usize::from(*pick)] += 1;
                }
                count.left = by_pick[usize::from(Picks::FEW_NONE)];
                count.take(&by_pick[..usize::from(Picks::FEW_NONE)])?;
            }
            Spread::ByCohort(Picks::Many(picks)) => {
                let mut by_pick = vec![0; picks.len()];
                for pick in picks {
                    match by_pick.get_mut(usize::from(*pick)) {
                        Some(takers) => *takers += 1,
                        None if *pick == Picks::MANY_NONE => count.left += 1,
                        None => return Err(Breach::Empty),
                    }
                }
                count.take(&by_pick)?;
            }
        }
        let taken = count
            .takers
            .iter()
            .fold(count.left, |sum, takers| sum + takers);
        // Every cohort has its place, and none more.
        if taken == COHORTS {
            Ok(count)
        } else {
            Err(Breach::Empty)
        }
    }

    /// Takes in how many have each pick; there may be none of picks that there are not.
    fn take(&mut self, by_pick: &[u16]) -> Result<(), Breach> {
        let known = by_pick.len().min(self.takers.len());
        self.takers[..known].copy_from_slice(&by_pick[..known]);
        match by_pick[known..].iter().all(|takers| *takers == 0) {
            true => Ok(()),
            false => Err(Breach::Empty),
        }
    }

    /// Checks that what routes are made by is what was counted.
    fn check_extent(&self, extent: Extent) -> Result<(), Breach> {
        let counted = match self.left {
            0 => Extent::Everyone,
            COHORTS => Extent::Nobody,
            _ => Extent::Some,
        };
        if counted == extent {
            Ok(())
        } else {
            Err(Breach::Scope)
        }
    }
}

/// The number of cohorts that each member of each tier serves.
struct Served(Vec<Vec<u16>>);

impl Served {
    fn none(pool: &Pool) -> Self {
        let tiers = pool.tiers.iter();
        Self(tiers.map(|tier| vec![0; tier.members.len()]).collect())
    }

    fn add(&mut self, tier: &Tier, number: usize, endpoints: &[EndpointId], takers: u16) {
        for member in endpoints.iter().filter_map(|one| position(tier, *one)) {
            self.0[number][member] += takers;
        }
    }
}

/// The last tier that somebody is given of.
fn last_tier(given: &Given) -> usize {
    let tiers = given.picks.iter().map(|pick| usize::from(pick.tier));
    tiers.max().unwrap_or(0)
}

fn position(tier: &Tier, endpoint: EndpointId) -> Option<usize> {
    let mut members = tier.members.iter();
    members.position(|member| member.endpoint == endpoint)
}

/// The number of cohorts that a share of hands may be rounded up by: one per hand that a cohort order of so many
/// members deals to one of them, and there are as many hands as ways to it.
fn rounding(members: usize) -> u32 {
    let mut hands: u32 = 1;
    let mut ways: u32 = 1;
    for others in (1..members).rev() {
        ways = ways.saturating_mul(u32::try_from(others).unwrap_or(u32::MAX));
        hands = hands.saturating_add(ways);
    }
    hands.min(u32::from(COHORTS))
}
