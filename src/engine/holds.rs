//! Addresses of machines that are known by name hold for a while; a standing lasts no longer than they do.
//!
//! So the TTL of an answer is never more than what is left of the TTL of the addresses in it, within the bounds of the
//! service. What is asked for again in time goes on; where that fails the addresses stay, and answers have the least TTL.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::health_state::{Change, HealthState};
use crate::base::{Moment, Standing, TargetId};
use crate::dns::Name;

impl HealthState {
    /// Takes note that the addresses of a name hold until then.
    pub(super) fn hold(&mut self, name: &Name, until: Moment) -> Vec<Change> {
        self.holds.insert(name.clone(), until);
        let plan = Arc::clone(&self.plan);
        let is_it = |id: &TargetId| {
            let endpoint = &plan.endpoints[plan.targets[id.index()].endpoint.index()];
            endpoint.named.as_ref().is_some_and(|own| own.name == *name)
        };
        let ids = (0..self.targets.len()).map(TargetId::from_index);
        let ids: Vec<TargetId> = ids.filter(is_it).collect();
        let changes = ids.into_iter().filter_map(|id| self.note(id));
        changes.collect()
    }

    /// Takes over until when the addresses of all names hold.
    pub(super) fn hold_all(&mut self, holds: BTreeMap<Name, Moment>) {
        self.holds = holds;
        let ids = (0..self.targets.len()).map(TargetId::from_index);
        let ids: Vec<TargetId> = ids.filter(|id| self.known_until(*id).is_some()).collect();
        for id in ids {
            self.note(id);
        }
    }

    /// A standing lasts no longer than the addresses that it is about.
    pub(super) fn while_known(&self, id: TargetId, standing: Standing) -> Standing {
        match self.known_until(id) {
            None => standing,
            Some(until) => Standing {
                until: Some(standing.until.map_or(until, |own| own.min(until))),
                ..standing
            },
        }
    }

    /// The moment at which the addresses of a target run out, if they are those of a name.
    fn known_until(&self, id: TargetId) -> Option<Moment> {
        let endpoint = &self.plan.endpoints[self.endpoint(id).index()];
        self.holds.get(&endpoint.named.as_ref()?.name).copied()
    }
}
