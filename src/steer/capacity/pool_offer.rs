//! The offer of one pool to the planning of capacity: who of it may take which cohorts.
//!
//! A pool is first asked for what it gives by share (its *member sets*). Where a set is full, one member
//! with room may take a cohort alone (a *lone member*), as long as its share lets it: so a ramp bounds
//! what the planning may give just as it bounds everything else.
use std::sync::{Arc, OnceLock};

use crate::base::limits::{CAPACITY_CHOICES, COHORTS};
use crate::base::{EndpointId, Permille, RegionId, Standing};
use crate::plan::{CohortOrder, Pool, Tier};
use crate::steer::fleet::CohortSource;
use crate::steer::pool::Spread;

use super::cohorts::Cohorts;

/// The offer of one pool.
#[derive(Debug, PartialEq, Eq)]
pub struct PoolOffer {
    /// Its region.
    pub(super) region: RegionId,
    /// The cohorts that it takes by share.
    pub(super) takes: Cohorts,
    /// Who takes them.
    pub(super) sets: Vec<MemberSet>,
    /// Its members that have a share, tier by tier.
    pub(super) lone_members: Vec<LoneMember>,
    /// What all member sets together put on each endpoint: how many cohorts of member sets of how many
    /// members. In order of endpoints.
    pub(super) load_by_endpoint: Vec<(EndpointId, usize, u64)>,
    /// By tier, with the cohorts that go past it ([`Pool::passes`]).
    cohort_orders: Vec<(Arc<CohortOrder>, Cohorts)>,
    /// Made when a plan first asks for it, and kept for the next one.
    turns: CachedTurns,
}

/// Turns once they are found; they follow from the rest, so all are equal.
#[derive(Debug, Default)]
struct CachedTurns(OnceLock<Box<[Turn]>>);

impl PartialEq for CachedTurns {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CachedTurns {}

/// Members that answer some cohorts together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MemberSet {
    pub(super) endpoints: Vec<EndpointId>,
    pub(super) cohorts: Cohorts,
    /// The number of these.
    count: u16,
}

/// One member that may answer some cohorts alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoneMember {
    /// As a list of one, like those of member sets.
    pub(super) endpoint: [EndpointId; 1],
    pub(super) tier: u8,
    pub(super) member: u8,
    pub(super) accepts: Cohorts,
}

/// Cohorts whose next choice is the same lone member.
#[derive(Debug)]
pub(super) struct Turn {
    /// Index into [`PoolOffer::lone_members`].
    pub(super) lone: u16,
    pub(super) cohorts: Cohorts,
}

impl PoolOffer {
    /// Of a pool in a region that gives by `spread` picks of some `endpoints`, each by its number.
    pub fn new<'h>(
        (region, pool): (RegionId, &Pool),
        spread: &Spread,
        endpoints: impl Fn(usize) -> &'h [EndpointId],
        standings: &[Standing],
    ) -> Self {
        let mut offer = Self {
            region,
            takes: Cohorts::NONE,
            sets: member_sets(spread, endpoints),
            lone_members: lone_members(pool, standings),
            load_by_endpoint: Vec::new(),
            cohort_orders: (0..)
                .zip(&pool.tiers)
                .map(|(index, tier)| (Arc::clone(&tier.cohort_order), passing(pool, index)))
                .collect(),
            turns: CachedTurns::default(),
        };
        offer.count();
        offer
    }

    /// The cohorts that it takes by share, as the choices of its cohort order and its shares say.
    #[must_use]
    pub fn takes(&self) -> &Cohorts {
        &self.takes
    }

    /// Calls `each` with the endpoints of every member set and the cohorts among some that have it.
    pub fn deal_to(&self, some: &Cohorts, mut each: impl FnMut(&[EndpointId], u16)) {
        for set in &self.sets {
            let count = match *some == Cohorts::ALL {
                true => set.count,
                false => set.cohorts.and(some).len(),
            };
            if count > 0 {
                each(&set.endpoints, count);
            }
        }
    }

    fn count(&mut self) {
        for set in &mut self.sets {
            set.count = set.cohorts.len();
            self.takes = self.takes.or(&set.cohorts);
            let (size, count) = (set.endpoints.len(), u64::from(set.count));
            let ends = set.endpoints.iter();
            self.load_by_endpoint
                .extend(ends.map(|&id| (id, size, count)));
        }
        self.load_by_endpoint.sort_unstable();
    }

    /// In which order cohorts turn to lone members: tier by tier, those last that they go past, and in each by the
    /// choices of its cohort order; after [`CAPACITY_CHOICES`] of these, in the order of the config.
    pub(super) fn turns(&self) -> &[Turn] {
        self.turns.0.get_or_init(|| self.find_turns())
    }

    fn find_turns(&self) -> Box<[Turn]> {
        let orders = self.cohort_orders.iter().enumerate();
        let staying = orders.clone();
        let staying =
            staying.map(|(tier, (order, past))| (tier, order, Cohorts::ALL.without(past)));
        let past = orders.map(|(tier, (order, past))| (tier, order, *past));
        let mut turns = Vec::new();
        for (tier, order, some) in staying.chain(past) {
            if some.is_empty() {
                continue;
            }
            let own = (0..).zip(&self.lone_members);
            let own: Vec<(u16, &LoneMember)> = own
                .filter(|(_, lone)| usize::from(lone.tier) == tier)
                .collect();
            turns.extend(cohort_turns(order, &own, &some));
            if own.len() > CAPACITY_CHOICES {
                let later = own.iter().map(|(lone, own)| Turn {
                    lone: *lone,
                    cohorts: own.accepts.and(&some),
                });
                turns.extend(later.filter(|turn| !turn.cohorts.is_empty()));
            }
        }
        turns.into()
    }
}

/// The cohorts that go past a tier of a pool to one that takes them.
fn passing(pool: &Pool, tier: usize) -> Cohorts {
    let mut passing = Cohorts::NONE;
    if pool.trickle > Permille::NONE {
        let cohorts = (0..COHORTS).filter(|cohort| pool.passes(tier, *cohort));
        cohorts.for_each(|cohort| passing.insert(cohort));
    }
    passing
}

/// The members that answer together, and whose cohorts. A fleet is one of them, and its endpoints are not told: none
/// of them states a capacity, and how much each carries is its weight's matter.
fn member_sets<'h>(
    spread: &Spread,
    endpoints: impl Fn(usize) -> &'h [EndpointId],
) -> Vec<MemberSet> {
    let set = |endpoints: &[EndpointId], cohorts| MemberSet {
        endpoints: endpoints.to_vec(),
        cohorts,
        count: 0,
    };
    if *spread == Spread::Everyone {
        return vec![set(endpoints(0), Cohorts::ALL)];
    }
    let mut picks: Vec<Cohorts> = Vec::new();
    let mut fleet = Cohorts::NONE;
    for (cohort, source) in (0..COHORTS).filter_map(|own| Some((own, spread.source(own)?))) {
        match source {
            CohortSource::Fleet => fleet.insert(cohort),
            CohortSource::Pick(pick) => {
                picks.resize(picks.len().max(pick + 1), Cohorts::NONE);
                picks[pick].insert(cohort);
            }
        }
    }
    let picks = picks.into_iter().enumerate();
    let picks = picks.map(|(pick, cohorts)| set(endpoints(pick), cohorts));
    let sets = picks.chain([set(&[], fleet)]);
    sets.filter(|set| !set.cohorts.is_empty()).collect()
}

/// The members of a pool that have a share, and whom each may take.
fn lone_members(pool: &Pool, standings: &[Standing]) -> Vec<LoneMember> {
    let tiers = (0..).zip(&pool.tiers);
    let tiers = tiers.filter(|(_, tier)| tier.fleet.is_none());
    let members = tiers.flat_map(|(index, tier)| {
        let members = (0..).zip(&tier.members);
        members.map(move |(member, own)| (index, tier, member, own))
    });
    let lone_members = members.map(|(index, tier, member, own)| LoneMember {
        endpoint: [own.endpoint],
        tier: index,
        member,
        accepts: accepts(tier, member, standings[own.target.index()].share.0),
    });
    lone_members
        .filter(|lone| !lone.accepts.is_empty() && !pool.is_short(standings))
        .collect()
}

/// The cohorts whose rank for a member is below its share.
fn accepts(tier: &Tier, member: u8, share: u16) -> Cohorts {
    match share {
        0 => return Cohorts::NONE,
        COHORTS.. => return Cohorts::ALL,
        _ => {}
    }
    let mut accepts = Cohorts::NONE;
    for cohort in 0..COHORTS {
        let mut choices = tier.cohort_order.choices(cohort).iter();
        if choices.any(|choice| choice.member() == member && choice.rank() < share) {
            accepts.insert(cohort);
        }
    }
    accepts
}

/// The first choices of some cohorts among some members of a tier, all first ones before all second
/// ones.
fn cohort_turns(
    cohort_order: &CohortOrder,
    own: &[(u16, &LoneMember)],
    some: &Cohorts,
) -> impl Iterator<Item = Turn> {
    let depth = own.len().min(CAPACITY_CHOICES);
    let mut sets = vec![Cohorts::NONE; depth * own.len()];
    let place = |member: u8| own.iter().position(|(_, lone)| lone.member == member);
    for cohort in some.iter() {
        let choices = cohort_order.choices(cohort).iter();
        let accepted = choices.filter_map(|choice| place(choice.member()));
        let accepted = accepted.filter(|place| own[*place].1.accepts.contains(cohort));
        for (level, place) in accepted.take(depth).enumerate() {
            sets[level * own.len() + place].insert(cohort);
        }
    }
    let numbers: Vec<u16> = own.iter().map(|(lone, _)| *lone).collect();
    let turns = numbers.into_iter().cycle().zip(sets);
    let turns = turns.map(|(lone, cohorts)| Turn { lone, cohorts });
    turns.filter(|turn| !turn.cohorts.is_empty())
}
