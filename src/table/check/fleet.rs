//! The check of a pool with a fleet: every answer that a draw may lead to, and the cohorts that it takes.
//!
//! Which client draws what is the plan's and the client's; here every *seat* is looked at, so every answer whoever
//! draws it: all of it in one tier of the pool, nobody twice, with the addresses of its endpoints, at no rank that is past a
//! share. At each rank that the fleet takes somebody must be found.
use crate::base::limits::COHORTS;
use crate::base::{EndpointId, Family, Permille};
use crate::dns::addresses;
use crate::plan::fleet::Missing;
use crate::plan::{Member, Pool};
use crate::steer::CohortSource;
use crate::steer::fleet::{FleetDraws, FleetSpread, TierSpread};
use crate::table::pool::{Given, Pick};

use super::{Breach, Check, Subject};

/// By what endpoints may answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// Their share, at ranks below it.
    Share,
    /// Having a share at all.
    Life,
    /// Being configured: nobody has a share.
    Config,
}

/// The cohorts of a pool with a fleet, counted.
pub(super) struct FleetCount {
    /// Cohorts that get each pick that is dealt out by cohort.
    pub(super) takers: Vec<u16>,
    /// Those that get nothing.
    pub(super) left: u16,
}

/// The members of a pool by endpoint.
struct Members<'p>(Vec<Option<(usize, &'p Member)>>);

impl Check<'_> {
    /// Checks all that a pool with a fleet gives.
    pub(super) fn check_fleet(
        &self,
        own: Subject<'_>,
        pool: &Pool,
        (given, fleet): (&Given, &FleetSpread),
        ground: Ground,
    ) -> Result<FleetCount, Breach> {
        let members = Members::of(pool, self.table.plan.endpoints.len());
        for pick in &given.picks {
            self.check_members(own, &members, (given, pick), ground)?;
        }
        let mut found = FleetCount {
            takers: vec![0; given.picks.len()],
            left: 0,
        };
        for cohort in 0..COHORTS {
            match fleet.source(cohort) {
                Some(CohortSource::Pick(pick)) => {
                    *found.takers.get_mut(pick).ok_or(Breach::Empty)? += 1;
                }
                Some(CohortSource::Fleet) => {}
                None => found.left += 1,
            }
        }
        for tier in fleet.tiers() {
            if let TierSpread::FleetDraws(drawn) = tier {
                self.check_drawn((pool, &members), given, drawn, ground)?;
            }
        }
        Ok(found)
    }

    /// Checks one answer: members of the tier that it names, alive, nobody twice, with their addresses.
    fn check_members(
        &self,
        own: Subject<'_>,
        members: &Members<'_>,
        (given, pick): (&Given, &Pick),
        ground: Ground,
    ) -> Result<(), Breach> {
        let endpoints = given.endpoints(pick);
        if endpoints.is_empty() || endpoints.len() > usize::from(own.service.answers.max(1)) {
            return Err(Breach::Empty);
        }
        let mut read = addresses::read(own.family, given.records(pick));
        for (place, endpoint) in endpoints.iter().enumerate() {
            let foreign = || self.foreign(&[*endpoint]);
            let (tier, member) = members.find(*endpoint).ok_or_else(foreign)?;
            if tier != usize::from(pick.tier) || endpoints[..place].contains(endpoint) {
                return Err(foreign());
            }
            if ground != Ground::Config && self.share(member) == Permille::NONE {
                return Err(Breach::Dead(self.endpoint_name(*endpoint)));
            }
            let without = self.table.standings[member.target.index()].without;
            let all = self.table.plan.endpoints[endpoint.index()].addresses.iter();
            let all = all
                .enumerate()
                .filter(|(place, _)| !without.contains(*place));
            let mut all = all.filter(|(_, one)| Family::of(**one) == own.family);
            if !all.all(|(_, address)| read.next() == Some(*address)) {
                return Err(Breach::Addresses);
            }
        }
        match read.next() {
            None => Ok(()),
            Some(_) => Err(Breach::Addresses),
        }
    }

    /// Checks that each seat of a fleet gives at rising ranks what may be given there, and that somebody is found.
    fn check_drawn(
        &self,
        (pool, members): (&Pool, &Members<'_>),
        given: &Given,
        drawn: &FleetDraws,
        ground: Ground,
    ) -> Result<(), Breach> {
        let (mut seats, mut reached, mut tiers) = (0, (COHORTS, 0), (usize::MAX, 0));
        for levels in drawn.seats() {
            seats += 1;
            let mut below = 0;
            for level in levels {
                let pick = given.picks.get(level.pick as usize).ok_or(Breach::Empty)?;
                let tier = usize::from(pick.tier);
                tiers = (tiers.0.min(tier), tiers.1.max(tier));
                if level.below <= below {
                    return Err(Breach::Scope);
                }
                below = level.below;
                if ground == Ground::Share {
                    self.check_ahead(members, given.endpoints(pick), below)?;
                }
            }
            reached = (reached.0.min(below), reached.1.max(below));
        }
        let tier = pool.tiers.get(tiers.0).ok_or(Breach::Empty)?;
        let shares = tier.members.iter().map(|member| self.share(member).0);
        let largest = match ground {
            Ground::Share => shares.max().unwrap_or(0),
            Ground::Life | Ground::Config => COHORTS,
        };
        let fleet = drawn.fleet();
        // Where others fill places every seat finds somebody; elsewhere some seat does, and clients draw on.
        let everywhere = fleet.missing() == Missing::Filled && fleet.size() > 1;
        let least = if everywhere { reached.0 } else { reached.1 };
        let complete = seats == fleet.count() * fleet.size() && tiers.0 == tiers.1;
        match complete && least == largest && drawn.below() == largest {
            true => Ok(()),
            false => Err(Breach::Empty),
        }
    }

    /// Checks that all who answer at ranks below a number have such a share.
    fn check_ahead(
        &self,
        members: &Members<'_>,
        endpoints: &[EndpointId],
        below: u16,
    ) -> Result<(), Breach> {
        let found = endpoints.iter().filter_map(|own| members.find(*own));
        let mut shares = found.map(|(_, member)| (member, self.share(member)));
        match shares.find(|(_, share)| share.0 < below) {
            Some((member, share)) => {
                let name = self.endpoint_name(member.endpoint);
                Err(Breach::Ahead(name, below, share))
            }
            None => Ok(()),
        }
    }
}

impl<'p> Members<'p> {
    fn of(pool: &'p Pool, endpoints: usize) -> Self {
        let mut members = vec![None; endpoints];
        for (tier, own) in pool.tiers.iter().enumerate() {
            for member in &own.members {
                members[member.endpoint.index()] = Some((tier, member));
            }
        }
        Self(members)
    }

    fn find(&self, endpoint: EndpointId) -> Option<(usize, &'p Member)> {
        *self.0.get(endpoint.index())?
    }
}
