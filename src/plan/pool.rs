//! What a service can be answered with in one region: endpoints by tier.
use std::sync::Arc;

use super::{CohortOrder, Fleet};
use crate::base::{EndpointId, Permille, Standing, TargetId};

/// A service's endpoints of one family in one region.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Best first; none is empty. The endpoints of weight 0 are a tier of their own, after the others of their number.
    pub tiers: Vec<Tier>,
    /// The number of members that must have their full share for it to serve by share; 1 asks for nothing.
    pub min_up: usize,
}

impl Pool {
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
