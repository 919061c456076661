//! The check of one pool: every cohort, what it gets by share, and how much each endpoint serves.
use std::sync::Arc;

use crate::base::limits::COHORTS;
use crate::base::{EndpointId, Family, Permille, RegionId};
use crate::dns::addresses;
use crate::plan::{Member, Pool, Tier};

use crate::table::pool::{Given, Pick};

use super::{Breach, Check, CheckError, Subject};

impl<'t> Check<'t> {
    /// Checks the pools of a service that were not checked yet.
    pub(super) fn check_pools(&mut self, subject: Subject<'t>) -> Result<(), CheckError> {
        for index in 0..self.table.plan.regions.len() {
            let region = RegionId::from_index(index);
            let failed = |breach| subject.error(self.region_name(region), breach);
            let number = self
                .table
                .layout
                .pool_of(subject.id, subject.family, region);
            let (number, pool) = match (number, subject.pool(region)) {
                (Some(number), Some(pool)) => (number, pool),
                (None, None) => continue,
                (Some(_), None) => return Err(failed(Breach::Foreign(self.region_name(region)))),
                (None, Some(_)) => return Err(failed(Breach::Empty)),
            };
            if self.is_known(number, subject, pool) {
                continue;
            }
            self.check_pool(subject, pool, &self.table.pools[number].by_share)
                .map_err(failed)?;
            self.pools[number] = Some(subject.id);
        }
        Ok(())
    }

    /// Whether an equal pool of this number was checked, now or for the previous table.
    fn is_known(&self, number: usize, subject: Subject<'_>, pool: &Pool) -> bool {
        let place = self.table.layout.pools[number];
        let checked = match (self.pools[number], self.previous) {
            (Some(twin), _) => Some(twin),
            (None, Some(previous)) => {
                Arc::ptr_eq(&self.table.pools[number], &previous.pools[number])
                    .then_some(place.service)
            }
            (None, None) => None,
        };
        checked.is_some_and(|twin| {
            let twin = &self.table.plan.services[twin.index()];
            let other = &twin.pools[subject.family.index()][place.region.index()];
            twin.answers == subject.service.answers && same_members(other, pool)
        })
    }

    fn check_pool(&self, own: Subject<'_>, pool: &Pool, given: &Given) -> Result<(), Breach> {
        let mut takers = vec![0_u16; given.picks.len()];
        let mut left = false;
        for cohort in 0..COHORTS {
            match given.spread.pick(cohort) {
                Some(pick) => *takers.get_mut(pick).ok_or(Breach::Empty)? += 1,
                None => left = true,
            }
        }
        if left {
            self.check_passed(pool, None)?;
        }
        for (pick, _) in given
            .picks
            .iter()
            .zip(&takers)
            .filter(|(_, count)| **count > 0)
        {
            self.check_pick(own, pool, given, pick)?;
            self.check_passed(pool, Some(pick))?;
        }
        for tier in &pool.tiers {
            for member in &tier.members {
                self.check_share(tier, member, given, &takers)?;
            }
        }
        Ok(())
    }

    /// Checks that a member serves no more cohorts than its share.
    fn check_share(
        &self,
        tier: &Tier,
        member: &Member,
        given: &Given,
        takers: &[u16],
    ) -> Result<(), Breach> {
        let picks = given.picks.iter().zip(takers);
        let own = picks.filter(|(pick, _)| given.endpoints(pick).contains(&member.endpoint));
        let count: u16 = own.map(|(_, count)| count).sum();
        let share = self.share(member);
        if u32::from(count) > u32::from(share.0) + rounding(tier.members.len()) {
            let name = self.endpoint_name(member.endpoint);
            return Err(Breach::Ahead(name, count, share));
        }
        Ok(())
    }

    /// Checks that a pick holds no more than it may, of its own tier only, and all alive.
    fn check_pick(
        &self,
        subject: Subject<'_>,
        pool: &Pool,
        given: &Given,
        pick: &Pick,
    ) -> Result<(), Breach> {
        let endpoints = given.endpoints(pick);
        if endpoints.is_empty() || endpoints.len() > usize::from(subject.service.answers.max(1)) {
            return Err(Breach::Empty);
        }
        let tier: Option<&Tier> = pool.tiers.get(usize::from(pick.tier));
        for &endpoint in endpoints {
            let mut members = tier.into_iter().flat_map(|tier| &tier.members);
            match members.find(|member| member.endpoint == endpoint) {
                None => return Err(Breach::Foreign(self.endpoint_name(endpoint))),
                Some(member) if self.share(member) == Permille::NONE => {
                    return Err(Breach::Dead(self.endpoint_name(endpoint)));
                }
                Some(_) => {}
            }
        }
        self.check_addresses(subject.family, endpoints, given.records(pick))
    }

    /// Checks that no member with a full share stands in a better tier than the one that serves.
    fn check_passed(&self, pool: &Pool, pick: Option<&Pick>) -> Result<(), Breach> {
        let better = pick.map_or(pool.tiers.len(), |pick| usize::from(pick.tier));
        let mut better = pool.tiers[..better].iter().flat_map(|tier| &tier.members);
        match better.find(|member| self.share(member) == Permille::FULL) {
            Some(member) => Err(Breach::Passed(self.endpoint_name(member.endpoint))),
            None => Ok(()),
        }
    }

    /// Checks that octets are the addresses of endpoints, in order.
    pub(super) fn check_addresses(
        &self,
        family: Family,
        endpoints: &[EndpointId],
        records: &[u8],
    ) -> Result<(), Breach> {
        let ends = endpoints.iter();
        let all = ends.flat_map(|id| &self.table.plan.endpoints[id.index()].addresses);
        let own = all.copied().filter(|one| Family::of(*one) == family);
        let whole = records.len() == own.clone().count() * addresses::record_bytes(family);
        if whole && addresses::read(family, records).eq(own) {
            Ok(())
        } else {
            Err(Breach::Addresses)
        }
    }

    fn share(&self, member: &Member) -> Permille {
        self.table.standings[member.target.index()].share
    }

    pub(super) fn endpoint_name(&self, endpoint: EndpointId) -> String {
        self.table.plan.endpoints[endpoint.index()].name.clone()
    }

    pub(super) fn region_name(&self, region: RegionId) -> String {
        self.table.plan.regions[region.index()].name.clone()
    }
}

fn same_members(one: &Pool, other: &Pool) -> bool {
    let tiers = one.tiers.iter().zip(&other.tiers);
    one.tiers.len() == other.tiers.len()
        && tiers
            .into_iter()
            .all(|(one, other)| one.members == other.members && Arc::ptr_eq(&one.ring, &other.ring))
}

/// How many cohorts a share of hands may be rounded up by: one per hand that a ring of so many
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
