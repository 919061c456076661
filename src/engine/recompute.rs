//! Standings reckoned anew, from the slots up.
//!
//! What the state keeps is changed piece by piece; that it is what all of the pieces come to is compared with this.
use super::health_state::HealthState;
use super::rules_of::recovery;
use crate::base::{Moment, Standing, TargetId};

impl HealthState {
    /// The standings reckoned anew from the slots up, with nothing remembered of the standings.
    pub(super) fn recompute(&self, now: Moment) -> Vec<Standing> {
        let ids = (0..self.targets.len()).map(TargetId::from_index);
        let standings = ids.map(|id| {
            let (evidence, recovery) = (self.evidence(id), recovery(&self.plan, id));
            let sight = self.sight_after(now, id, evidence.verdict);
            let ruled = self.ruled(now, id, sight);
            let mut target = self.targets[id.index()].clone();
            target.observe_since(now, recovery, ruled.evidence(evidence), ruled.up_since);
            let health = self.standing_of(id, &target, (sight, evidence));
            let own = (id, self.endpoint(id));
            self.while_known(id, self.drains.over_later(now, health, own, recovery))
        });
        self.weigh_all(standings.collect())
    }
}
