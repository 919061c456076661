//! Drains in force: of which endpoint, by whose order, and what they leave of each target.
//!
//! Orders go by the names of endpoints, so that they outlive a reload: a target that is new to an
//! endpoint which is drained has nothing from the start. An endpoint that is gone takes its order
//! with it. How a share goes down and up is for [`crate::health::drain`].
use std::collections::BTreeMap;

use crate::base::{Moment, Permille, TargetId};
use crate::health::drain::Ceiling;
use crate::plan::{Plan, Recovery};

use super::order::{Action, Order, OrderRecord};
use super::reload_map::ReloadMap;

/// The drains in force.
#[derive(Debug)]
pub(super) struct Drains {
    /// By endpoint.
    given: BTreeMap<String, ActiveDrain>,
    /// By target.
    ceilings: Vec<Ceiling>,
}

/// A drain in force.
#[derive(Clone, Debug)]
pub(super) struct ActiveDrain {
    pub(super) at: Moment,
    pub(super) author: String,
    pub(super) reason: String,
}

impl Drains {
    /// None.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            given: BTreeMap::new(),
            ceilings: vec![Ceiling::Open; plan.targets.len()],
        }
    }

    /// Those that were kept over a restart; `ceilings` are by target, absent for one that is new.
    pub(super) fn restored(
        plan: &Plan,
        orders: &[OrderRecord],
        ceilings: Vec<Option<Ceiling>>,
    ) -> Self {
        let mut drains = Self::new(plan);
        for record in orders {
            let named = plan.endpoints.iter();
            if named.clone().any(|own| own.name == record.order.scope) {
                let given = ActiveDrain {
                    at: record.given,
                    author: record.order.author.clone(),
                    reason: record.order.reason.clone(),
                };
                drains.given.insert(record.order.scope.clone(), given);
            }
        }
        for ((target, own), kept) in plan.targets.iter().zip(&mut drains.ceilings).zip(ceilings) {
            let is_drained = drains
                .given
                .contains_key(&plan.endpoints[target.endpoint.index()].name);
            *own = match (kept, is_drained) {
                (None | Some(Ceiling::Open | Ceiling::Rising { .. }), true) => Ceiling::Drained,
                (Some(kept), _) => kept,
                (None, false) => Ceiling::Open,
            };
        }
        drains
    }

    /// The orders in force, as they are kept over restarts.
    pub(super) fn records(&self) -> Vec<OrderRecord> {
        let records = self.given.iter().map(|(endpoint, given)| OrderRecord {
            order: Order {
                action: Action::Drain,
                scope: endpoint.clone(),
                author: given.author.clone(),
                reason: given.reason.clone(),
            },
            given: given.at,
            from: None,
            until: None,
        });
        records.collect()
    }

    /// Those of a new plan.
    pub(super) fn migrate(&self, (old, new): (&Plan, &Plan), reload: &ReloadMap) -> Self {
        let names = new.endpoints.iter().map(|endpoint| &endpoint.name);
        let given = names.filter_map(|name| Some((name.clone(), self.given.get(name)?.clone())));
        let given: BTreeMap<String, ActiveDrain> = given.collect();
        let ceilings = new
            .targets
            .iter()
            .zip(&reload.targets)
            .map(|(target, before)| {
                let Some(before) = before else {
                    let endpoint = &new.endpoints[target.endpoint.index()].name;
                    return match given.contains_key(endpoint) {
                        true => Ceiling::Drained,
                        false => Ceiling::Open,
                    };
                };
                let adopted = &old.recoveries[old.targets[before.index()].recovery.index()];
                let recovery = &new.recoveries[target.recovery.index()];
                self.ceilings[before.index()].adopted(adopted, recovery)
            });
        Self {
            ceilings: ceilings.collect(),
            given,
        }
    }

    /// Begins a drain; true if the endpoint was not drained before.
    pub(super) fn begin(&mut self, now: Moment, endpoint: &str, order: &Order) -> bool {
        if self.given.contains_key(endpoint) {
            return false;
        }
        let given = ActiveDrain {
            at: now,
            author: order.author.clone(),
            reason: order.reason.clone(),
        };
        self.given.insert(endpoint.to_owned(), given);
        true
    }

    /// Ends a drain; true if the endpoint was drained until now.
    pub(super) fn end(&mut self, endpoint: &str) -> bool {
        self.given.remove(endpoint).is_some()
    }

    /// Turns a target that has this share now onto its way down or up.
    pub(super) fn turn(
        &mut self,
        now: Moment,
        action: Action,
        (id, recovery): (TargetId, &Recovery),
        share: Permille,
    ) {
        let ceiling = &mut self.ceilings[id.index()];
        match action {
            Action::Drain => ceiling.drain(now, recovery, share),
            Action::Undrain => ceiling.undrain(now, recovery),
            Action::Approve => {}
        }
    }

    /// Takes the steps of a target that are due.
    pub(super) fn advance(&mut self, now: Moment, id: TargetId, recovery: &Recovery) {
        self.ceilings[id.index()].advance(now, recovery);
    }

    /// The ceiling that orders put on a target's share.
    pub(super) fn ceiling(&self, id: TargetId) -> Ceiling {
        self.ceilings[id.index()]
    }

    /// Tells that an order is taking a target out, or has.
    pub(super) fn takes_out(&self, id: TargetId) -> bool {
        self.ceilings[id.index()].takes_out()
    }

    /// The drain of an endpoint, if one is in force.
    pub(super) fn of(&self, endpoint: &str) -> Option<&ActiveDrain> {
        self.given.get(endpoint)
    }
}
