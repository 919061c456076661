//! What a service can be answered with in one region: endpoints by tier.
use std::sync::Arc;

use super::{CohortOrder, Fleet};
use crate::base::limits::COHORTS;
use crate::base::{EndpointId, Permille, Standing, TargetId};

/// A service's endpoints of one family in one region.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Best first; none is empty. The endpoints of weight 0 are a tier of their own, after the others of their number.
    pub tiers: Vec<Tier>,
    /// The number of members that must have their full share for it to serve by share; 1 asks for nothing.
    pub min_up: usize,
    /// The part of a tier's clients that go to the next one all the time.
    pub trickle: Permille,
}

impl Pool {
    /// The part of a tier's clients that go to the next one all the time, for a service of these pools.
    #[must_use]
    pub fn trickle_of(pools: &[Vec<Self>; 2]) -> Permille {
        let trickles = pools.iter().flatten().map(|pool| pool.trickle);
        trickles.max().unwrap_or(Permille::NONE)
    }

    /// Tells whether clients of a cohort go past a tier, by its place, to whichever after it takes them: always the same
    /// cohorts of a tier's number, so that a backup is known to work before it is needed. Endpoints of weight 0 are of no
    /// other number than those before them, and nobody goes past the last number.
    #[must_use]
    pub fn passes(&self, tier: usize, cohort: u16) -> bool {
        self.trickle > Permille::NONE && self.is_followed(tier) && {
            let number = u32::from(self.tiers[tier].number);
            // 387 has no factor in common with 1000: each place is some cohort's.
            let place = (u32::from(cohort) * 387 + number * 211) % u32::from(COHORTS);
            place < u32::from(self.trickle.0)
        }
    }

    /// Tells whether a tier of another number comes after one.
    fn is_followed(&self, tier: usize) -> bool {
        let number = self.tiers[tier].number;
        let mut later = self.tiers[tier..].iter();
        later.any(|other| other.number != number)
    }

    /// Tells whether too few members have their full share for it to serve by share. Who asks it then is served elsewhere,
    /// and by what it still has where there is nothing else. A member that is on its way back does not count: the pool would
    /// take all its clients at the first step of a ramp, and give some of them to another at the next.
    #[must_use]
    pub fn is_short(&self, standings: &[Standing]) -> bool {
        if self.min_up <= 1 {
            return false; // By a ramp alone clients return to it gradually.
        }
        let members = self.tiers.iter().flat_map(|tier| &tier.members);
        let up = members.filter(|one| standings[one.target.index()].share >= Permille::FULL);
        up.count() < self.min_up
    }
}

/// The endpoints of one pool that serve together.
#[derive(Clone, Debug)]
pub struct Tier {
    /// The tier's number in the config, 1 = primary.
    pub number: u16,
    /// Its endpoints, in the order of the config.
    pub members: Vec<Member>,
    /// The order of the members for each cohort, shared by equal tiers; nobody's where the tier is a fleet.
    pub cohort_order: Arc<CohortOrder>,
    /// In place of it where cohorts are too coarse, or choices too many.
    pub fleet: Option<Arc<Fleet>>,
}

/// One endpoint of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The target that its health is known as.
    pub target: TargetId,
    /// Configured weight.
    pub weight: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(number: u16) -> Tier {
        Tier {
            number,
            members: Vec::new(),
            cohort_order: Arc::new(CohortOrder::deal(&[], 0)),
            fleet: None,
        }
    }

    #[test]
    fn what_trickles_is_that_part_of_the_cohorts() {
        for trickle in [0, 1, 10, 500] {
            let pool = Pool {
                tiers: [1, 1, 2, 3].map(tier).into(),
                min_up: 0,
                trickle: Permille(trickle),
            };
            let passing = |tier: usize| {
                let cohorts = (0..COHORTS).filter(|cohort| pool.passes(tier, *cohort));
                cohorts.collect::<Vec<u16>>()
            };
            for tier in 0..3 {
                assert_eq!(passing(tier).len(), usize::from(trickle), "{tier}");
            }
            // Those of weight 0 are passed by the same; those of the next tier by others.
            assert_eq!(passing(0), passing(1));
            assert!(trickle == 0 || passing(0) != passing(2));
            assert_eq!(passing(3), [0; 0], "there is nobody after the last");
        }
    }
}
