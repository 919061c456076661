//! Regions for internal networks alone, to which the public is not sent.
//!
//! Whoever claims nothing but private networks (an office, a data centre's inside) has addresses there that the public cannot
//! reach, or must not. So such a region takes no failover unless the config says `takes_failover = true`, or names it in the
//! list or the weights that are for all clients. A service without another region keeps it all the same: it always
//! has an answer. For a strict service that is a matter of each jurisdiction.
use crate::base::RegionId;
use crate::plan::{Region, Residency};

/// Regions, as far as it matters here who is sent to them.
#[derive(Clone, Copy)]
pub(super) struct Openness<'p> {
    /// The regions.
    pub(super) regions: &'p [Region],
    /// By region: whether clients whom it does not claim may be sent there, where somebody said so.
    pub(super) said: &'p [Option<bool>],
    /// Tells of each region whether it claims internal networks and nothing else.
    pub(super) internal: &'p [bool],
    /// Those that a service names for all its clients.
    pub(super) named: &'p [RegionId],
}

impl Openness<'_> {
    /// The regions of a service that the public is not sent to, though nobody says so.
    pub(super) fn closed(self, regions: &[RegionId], residency: Residency) -> Vec<RegionId> {
        let law_of = |region: &RegionId| self.regions[region.index()].jurisdiction;
        let has_other = |region: &RegionId| {
            let open = regions.iter().filter(|other| self.is_open(**other));
            let mut others = open.map(law_of);
            match residency {
                Residency::Any | Residency::Prefer => others.next().is_some(),
                Residency::Strict => others.any(|law| law == law_of(region)),
            }
        };
        let closed = regions
            .iter()
            .filter(|one| self.is_internal(**one) && has_other(one));
        closed.copied().collect()
    }

    fn is_internal(self, region: RegionId) -> bool {
        let place = region.index();
        self.said[place].is_none() && self.internal[place] && !self.named.contains(&region)
    }

    fn is_open(self, region: RegionId) -> bool {
        self.said[region.index()] != Some(false) && !self.is_internal(region)
    }
}
