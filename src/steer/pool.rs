//! Which endpoints of one pool take which clients.
//!
//! Tiers are asked in order, by cohort ([`super::hands`]) or, where one of them is a fleet, by draws
//! ([`super::fleet`]). The first tier that gives at least one member serves the client, but for the few cohorts that go past a
//! tier to the next ([`Pool::passes`]) for as long as somebody takes them there.
//! Nothing is known here of other regions: a cohort that nobody takes is someone else's matter.
use std::sync::Arc;

use super::fleet::{self, CohortSource, FleetSpread};
use super::hands::{self, CohortDeal};
use super::pick::{Pick, Picks, Rule, open_tiers};
use crate::base::limits::COHORTS;
use crate::base::{ClientHash, Permille, Standing};
use crate::plan::Pool;

/// Which pick each cohort gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spread {
    /// None gets any.
    Nobody,
    /// All get the first pick.
    Everyone,
    /// At least two cohorts differ.
    ByCohort(Picks),
    /// A tier is a fleet: clients of one cohort differ.
    Fleet(Arc<FleetSpread>),
}

/// What one pool does with all cohorts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolAssignment {
    /// The distinct picks.
    pub picks: Vec<Pick>,
    /// Who gets which.
    pub spread: Spread,
}

impl Spread {
    /// The pick of a client of a cohort below [`COHORTS`].
    #[inline]
    #[must_use]
    pub fn pick(&self, client: ClientHash, cohort: u16) -> Option<usize> {
        match self {
            Self::Nobody => None,
            Self::Everyone => Some(0),
            Self::ByCohort(picks) => picks.get(cohort),
            Self::Fleet(fleet) => fleet.pick(client, cohort),
        }
    }

    /// The one that gives to a cohort, if any.
    #[must_use]
    pub fn source(&self, cohort: u16) -> Option<CohortSource> {
        match self {
            Self::Nobody => None,
            Self::Everyone => Some(CohortSource::Pick(0)),
            Self::ByCohort(picks) => picks.get(cohort).map(CohortSource::Pick),
            Self::Fleet(fleet) => fleet.source(cohort),
        }
    }

    /// The number of cohorts that are taken; of 1000, so it reads as permille.
    #[must_use]
    pub fn taken(&self) -> u16 {
        match self {
            Self::Nobody => 0,
            Self::Everyone => COHORTS,
            Self::ByCohort(picks) => u16::try_from(picks.taken()).unwrap_or(COHORTS),
            Self::Fleet(fleet) => {
                let taken = (0..COHORTS).filter(|cohort| fleet.source(*cohort).is_some());
                u16::try_from(taken.count()).unwrap_or(COHORTS)
            }
        }
    }
}

/// Decides for every client who of the pool takes it, at most `answers` members each.
/// `standings` are by [`crate::base::TargetId`].
#[must_use]
pub fn decide(pool: &Pool, rule: Rule, answers: u8, standings: &[Standing]) -> PoolAssignment {
    let open = match rule {
        Rule::ByShare if pool.is_short(standings) => Vec::new(),
        Rule::ByShare | Rule::Largest | Rule::Open => open_tiers(pool, rule, standings),
    };
    let Some(first) = open.first() else {
        return PoolAssignment {
            picks: Vec::new(),
            spread: Spread::Nobody,
        };
    };
    let trickles = pool.trickle > Permille::NONE && open.len() > 1;
    let alone = first.takes_all_alone(rule).filter(|_| !trickles);
    if let Some(member) = alone {
        return PoolAssignment {
            picks: vec![Pick::of(first.index, &[member])],
            spread: Spread::Everyone,
        };
    }
    if open.iter().any(|open| open.tier.fleet.is_some()) {
        let (picks, spread) = fleet::decide(&open, rule, answers);
        return PoolAssignment {
            picks,
            spread: Spread::Fleet(Arc::new(spread)),
        };
    }
    outcome(hands::deal(&open, rule, answers))
}

fn outcome(dealt: CohortDeal) -> PoolAssignment {
    let by_cohort = &dealt.by_cohort;
    let alike = by_cohort.iter().all(|number| *number == by_cohort[0]);
    let spread = match (alike, by_cohort[0]) {
        (true, Picks::MANY_NONE) => Spread::Nobody,
        (true, _) => Spread::Everyone,
        (false, _) => Spread::ByCohort(Picks::new(by_cohort, dealt.picks.len())),
    };
    PoolAssignment {
        picks: dealt.picks,
        spread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_are_read_as_they_were_written_few_or_many() {
        for count in [2, 255, 256, 999] {
            let written = |cohort: u16| (cohort > 0).then_some(cohort % count);
            let by_cohort = (0..COHORTS).map(|cohort| written(cohort).unwrap_or(Picks::MANY_NONE));
            let by_cohort: Vec<u16> = by_cohort.collect();
            let picks = Picks::new(&by_cohort, usize::from(count));
            assert_eq!(matches!(picks, Picks::Few(_)), count <= 255);
            let spread = Spread::ByCohort(picks);
            for cohort in 0..COHORTS {
                let found = spread.pick(ClientHash::from(cohort), cohort);
                assert_eq!(found, written(cohort).map(usize::from));
            }
            let none = spread.pick(ClientHash::from(COHORTS), COHORTS);
            assert_eq!((spread.taken(), none), (COHORTS - 1, None));
        }
    }
}
