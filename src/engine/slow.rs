//! The part of its clients that slowness leaves a target, while its probes pass late.
//!
//! A doubt makes nobody slow who was not, for a node whose own line is slow finds everybody slow; who is quick again has
//! all of its clients again. So what was left is remembered, and nothing else. It does not know when a slot is slow
//! ([`crate::health::slot`]).
use super::addresses;
use super::health_state::{Change, HealthState};
use crate::base::{Moment, Permille, Standing, TargetId, Why};
use crate::health::guard::Doubt;
use crate::health::target::Evidence;

impl HealthState {
    /// A standing by probes with what slowness leaves of it. One that has less already, or none, says why itself.
    pub(super) fn slowed(&self, id: TargetId, standing: Standing, evidence: Evidence) -> Standing {
        let most = self.pace_allows(id, evidence);
        if standing.share <= most {
            return standing;
        }
        let is_kept = standing.why.cause().is_some();
        Standing {
            share: most,
            why: if is_kept { standing.why } else { Why::Degraded },
            ..standing
        }
    }

    /// The most that slowness leaves of a target.
    pub(super) fn pace_allows(&self, id: TargetId, evidence: Evidence) -> Permille {
        match self.doubt {
            Doubt::None => evidence.most,
            Doubt::MostFail | Doubt::CanariesFail => evidence.most.max(self.paces[id.index()]),
        }
    }

    /// Lets go, at the end of a doubt, of what it has kept: addresses that are down leave, and who is slow is so now.
    pub(super) fn release_addresses(&mut self, now: Moment) -> Vec<Change> {
        let ids = (0..self.targets.len()).map(TargetId::from_index);
        let kept: Vec<TargetId> = ids.filter(|id| self.keeps_addresses(*id)).collect();
        let looked = kept.into_iter().filter_map(|id| self.look(now, id));
        looked.collect()
    }

    fn keeps_addresses(&self, id: TargetId) -> bool {
        let had = self.standings[id.index()].without;
        let kept = self.targets[id.index()].kept();
        let evidence = self.evidence(id);
        addresses::without(self.doubt, kept, evidence, had) != had
            || self.pace_allows(id, evidence) != self.paces[id.index()]
    }
}
