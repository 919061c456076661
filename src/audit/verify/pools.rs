//! What the pool of a service in a region can give, whatever the health of its endpoints.
//!
//! [`crate::steer::decide`] gives members of the pool, by their shares. To see all that it can
//! give, each member is tried alone, at full share and at the least, then as the only one that is
//! down, and all together, at full share, half of it and none, under each rule; a member that it
//! gives in no such case is given in none, for a share of another can only take cohorts away. What
//! is *never* given is not of interest here: all members count as what a client may get, and what
//! is given beside them is a breach.
//!
//! That someone is given whoever else is down rests on the cohort order: each cohort must have every
//! member of the tier among its choices, for then it has one that is up.
use std::collections::BTreeSet;

use crate::base::limits::COHORTS;
use crate::base::{EndpointId, Family, Permille, RegionId, ServiceId, Standing};
use crate::plan::{Member, Plan, Pool, Tier};
use crate::steer::{Rule, decide};

/// What one pool can give.
#[derive(Clone, Debug, Default)]
pub(super) struct Yield {
    /// Every endpoint that it can give, in order.
    pub(super) endpoints: Vec<EndpointId>,
    /// Endpoints of the last tier, which serve when all others are down.
    pub(super) last: Vec<EndpointId>,
    /// How many targets it has.
    pub(super) targets: u32,
    /// How many states of health were tried.
    pub(super) cases: u64,
    /// The states in which it gives nobody, though someone is up: who, in words.
    pub(super) empty: Vec<String>,
}

/// The pool of a service in a region, if it has a member.
pub(super) fn pool(
    plan: &Plan,
    service: ServiceId,
    family: Family,
    region: RegionId,
) -> Option<&Pool> {
    let pools = &plan.services[service.index()].pools[family.index()];
    let pool = pools.get(region.index())?;
    (members(pool).next().is_some()).then_some(pool)
}

/// The members of a pool, tier after tier.
pub(super) fn members(pool: &Pool) -> impl Iterator<Item = &Member> {
    pool.tiers.iter().flat_map(|tier| &tier.members)
}

/// Tries all that a pool can give; `standings` are by target, all down, and are left so.
pub(super) fn yields(plan: &Plan, pool: &Pool, answers: u8, standings: &mut [Standing]) -> Yield {
    let mut seen = Seen {
        pool,
        answers,
        given: BTreeSet::new(),
        cases: 0,
        empty: Vec::new(),
    };
    for member in members(pool) {
        let name = || plan.endpoints[member.endpoint.index()].name.clone();
        for share in [Permille::FULL, Permille(1)] {
            standings[member.target.index()].share = share;
            let whole = share == Permille::FULL;
            let by_share = seen.ask(Rule::ByShare, standings) || pool.is_short(standings);
            let taken = by_share && seen.ask(Rule::Largest, standings);
            if whole && !taken {
                seen.empty.push(format!("only {} is up", name()));
            }
        }
        standings[member.target.index()].share = Permille::NONE;
    }
    for share in [Permille::FULL, Permille(500)] {
        set_all(pool, share, standings);
        seen.ask(Rule::ByShare, standings);
        seen.ask(Rule::Largest, standings);
    }
    set_all(pool, Permille::FULL, standings);
    for member in members(pool) {
        standings[member.target.index()].share = Permille::NONE;
        let someone = members(pool).nth(1).is_some();
        if someone && !seen.ask(Rule::ByShare, standings) && !pool.is_short(standings) {
            let name = &plan.endpoints[member.endpoint.index()].name;
            seen.empty.push(format!("only {name} is down"));
        }
        standings[member.target.index()].share = Permille::FULL;
    }
    for tier in pool.tiers.iter().filter(|tier| !deals_to_all(tier)) {
        let number = tier.number;
        seen.empty.push(format!("some of tier {number} are up"));
    }
    set_all(pool, Permille::NONE, standings);
    if !seen.ask(Rule::Open, standings) {
        seen.empty.push("all are down".to_owned());
    }
    let last = pool
        .tiers
        .iter()
        .rev()
        .find(|tier| !tier.members.is_empty());
    let last = last.into_iter().flat_map(|tier| &tier.members);
    Yield {
        endpoints: seen.given.into_iter().collect(),
        last: last.map(|member| member.endpoint).collect(),
        targets: u32::try_from(members(pool).count()).unwrap_or(u32::MAX),
        cases: seen.cases,
        empty: seen.empty,
    }
}

fn set_all(pool: &Pool, share: Permille, standings: &mut [Standing]) {
    for member in members(pool) {
        standings[member.target.index()].share = share;
    }
}

/// Whether every cohort has all members of a tier among its choices.
fn deals_to_all(tier: &Tier) -> bool {
    (0..COHORTS).all(|cohort| {
        let choices = tier.cohort_order.choices(cohort).iter();
        let mut chosen: Vec<u8> = choices.map(|choice| choice.member()).collect();
        chosen.sort_unstable();
        chosen.len() == tier.members.len() && (0..).zip(&chosen).all(|(own, one)| own == *one)
    })
}

/// What a pool has been seen to give.
struct Seen<'p> {
    pool: &'p Pool,
    answers: u8,
    given: BTreeSet<EndpointId>,
    cases: u64,
    empty: Vec<String>,
}

impl Seen<'_> {
    /// Asks once; whether every cohort was given someone.
    fn ask(&mut self, rule: Rule, standings: &[Standing]) -> bool {
        self.cases += 1;
        let outcome = decide(self.pool, rule, self.answers, standings);
        for pick in &outcome.picks {
            let tier = &self.pool.tiers[usize::from(pick.tier)];
            let members = pick.members().iter();
            self.given
                .extend(members.map(|member| tier.members[usize::from(*member)].endpoint));
        }
        let whole = outcome.picks.iter().all(|pick| !pick.members().is_empty());
        whole && outcome.spread.taken() == COHORTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::fixture::{SERVICE, World, standing};

    #[test]
    fn every_member_can_be_given_and_the_last_tier_is_the_last() {
        let world = World::new(
            &[(0, 1, 65535), (0, 1, 1), (0, 3, 7), (1, 1, 1)],
            &[&[0, 1]],
        );
        let plan = world.plan();
        let mut standings = vec![standing(0); plan.targets.len()];
        let pool = pool(&plan, SERVICE, Family::V4, RegionId(0)).unwrap();
        let found = yields(&plan, pool, 1, &mut standings);
        assert_eq!(found.endpoints, [0, 1, 2].map(EndpointId));
        assert_eq!((found.last, found.targets), (vec![EndpointId(2)], 3));
        assert_eq!(found.empty, [""; 0]);
        assert!(standings.iter().all(|one| one.share == Permille::NONE));
    }

    #[test]
    fn a_pool_that_leaves_a_cohort_to_nobody_is_seen() {
        let world = World::new(&[(0, 1, 1), (0, 1, 1), (0, 1, 1)], &[&[0]]);
        let plan = world.plan();
        let mut standings = vec![standing(0); plan.targets.len()];
        let mut pool = pool(&plan, SERVICE, Family::V4, RegionId(0))
            .unwrap()
            .clone();
        // The cohort order deals to the first member only, as if the others had no choices.
        pool.tiers[0].cohort_order = std::sync::Arc::new(crate::plan::CohortOrder::deal(&[1], 1));
        let found = yields(&plan, &pool, 1, &mut standings);
        assert_eq!(found.empty, ["only e0 is down", "some of tier 1 are up"]);
    }

    #[test]
    fn a_first_tier_without_a_member_is_seen() {
        let world = World::new(&[(0, 1, 1), (0, 2, 1)], &[&[0]]);
        let plan = world.plan();
        let mut standings = vec![standing(0); plan.targets.len()];
        let mut pool = pool(&plan, SERVICE, Family::V4, RegionId(0))
            .unwrap()
            .clone();
        // When all are down the first tier answers, and there is nobody in it.
        pool.tiers[0].members.clear();
        pool.tiers[0].cohort_order = std::sync::Arc::new(crate::plan::CohortOrder::deal(&[], 1));
        let found = yields(&plan, &pool, 1, &mut standings);
        assert_eq!(found.empty, ["all are down"]);
    }
}
