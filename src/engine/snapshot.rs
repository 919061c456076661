//! The state of the engine at one moment, by names that outlast the process.
//!
//! Slots and targets go by the keys by which a reload knows them again, orders and demand by the names of the
//! operator. So a snapshot means the same to another process with another plan: what that plan no longer has is
//! dropped, what is new in it starts unproven ([`super::resume`]).
//!
//! Whoever keeps snapshots asks for [`Engine::changes`] now and then, and gets what differs from what was
//! given before: all of it at first and after a reload. That a slot was looked at once more with the same
//! result is not worth an entry by itself; its age is brought up to date every [`limits::KEEP_AGE_EVERY`].
//!
//! All moments are of the engine's own clock. It knows no wall clock and no disk: how much time has passed between
//! two processes is for whoever starts the second one to say.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Engine;
use super::health_state::recovery;
use super::order::OrderRecord;
use crate::base::limits;
use crate::base::{Moment, Permille, SlotId, TargetId};
use crate::health::drain::Ceiling;
use crate::health::slot::SlotHealth;
use crate::health::target::TargetHealth;
use crate::plan::Demands;

/// All that an engine knows, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The moment at which it was taken.
    pub at: Moment,
    /// Slots by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, SlotHealth>,
    /// Targets by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, KeptTarget>,
    /// The steps of recoveries, by their names: by them the step of a ramp is a share.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub curves: BTreeMap<String, Vec<Permille>>,
    /// The orders in force; absent in a part that does not change them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Vec<OrderRecord>>,
    /// Observed demand, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub demand: BTreeMap<String, KeptDemand>,
}

/// What is kept of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTarget {
    /// Its phase and its damping.
    pub health: TargetHealth,
    /// What orders leave of its share.
    pub ceiling: Ceiling,
    /// The moment at which it last left, while that counts against the bound on ejections.
    pub left_at: Option<Moment>,
}

/// What is kept of a service's demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDemand {
    /// A hash over the regions of its classes, in order: whether another plan has the same classes.
    pub classes: u64,
    /// Thousandths of an answer per second, by family and class.
    pub rates: [Vec<u64>; 2],
}

/// What is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All that there is; what was kept before is of another plan.
    Whole(Snapshot),
    /// What differs from what was kept before.
    Part(Snapshot),
}

/// What was given to be kept.
#[derive(Debug)]
pub(super) struct Given {
    at: Moment,
    slots: Vec<SlotHealth>,
    targets: Vec<KeptTarget>,
    orders: Vec<OrderRecord>,
    planned: Arc<Demands>,
}

impl Snapshot {
    /// Tells that nothing is in it but its moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            at: self.at,
            ..Self::default()
        };
        *self == nothing
    }

    /// Adds a later part.
    pub fn add(&mut self, later: Self) {
        let Self {
            at,
            slots,
            targets,
            curves,
            orders,
            demand,
        } = later;
        self.at = at;
        self.slots.extend(slots);
        self.targets.extend(targets);
        self.curves.extend(curves);
        self.orders = orders.or(self.orders.take());
        self.demand.extend(demand);
    }
}

impl Keep {
    /// What is in it.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        match self {
            Self::Whole(snapshot) | Self::Part(snapshot) => snapshot,
        }
    }
}

impl Engine {
    /// All that is known now.
    #[must_use]
    pub fn snapshot(&self, now: Moment) -> Snapshot {
        self.differing(now, None)
    }

    /// What has changed since this was asked last; nothing if that is not worth keeping.
    pub fn changes(&mut self, now: Moment) -> Option<Keep> {
        let given = self.given.take();
        let changed = self.differing(now, given.as_ref());
        let keep = match given {
            None => Keep::Whole(changed),
            Some(given) if changed.is_empty() && now.since(given.at) < limits::KEEP_AGE_EVERY => {
                self.given = Some(given);
                return None;
            }
            Some(given) => {
                self.given = Some(self.given_with(given, &changed));
                return Some(Keep::Part(changed));
            }
        };
        self.given = Some(Given {
            at: now,
            slots: self
                .slot_ids()
                .map(|id| self.health.slot(id).clone())
                .collect(),
            targets: self
                .target_ids()
                .map(|id| self.health.kept_target(id))
                .collect(),
            orders: self.health.drains().records(),
            planned: Arc::clone(self.demand.planned()),
        });
        Some(keep)
    }

    /// What was given, now that this was given too.
    fn given_with(&self, mut given: Given, changed: &Snapshot) -> Given {
        given.at = changed.at;
        for id in self.slot_ids() {
            if changed.slots.contains_key(&self.plan.slots[id.index()].key) {
                given.slots[id.index()] = self.health.slot(id).clone();
            }
        }
        for id in self.target_ids() {
            if changed
                .targets
                .contains_key(&self.plan.targets[id.index()].key)
            {
                given.targets[id.index()] = self.health.kept_target(id);
            }
        }
        if let Some(orders) = &changed.orders {
            given.orders.clone_from(orders);
        }
        given.planned = Arc::clone(self.demand.planned());
        given
    }

    /// What differs from what was given; everything if nothing was.
    fn differing(&self, now: Moment, given: Option<&Given>) -> Snapshot {
        let slots = self.slot_ids().filter_map(|id| {
            let own = self.health.slot(id);
            let is_known = given.is_some_and(|given| is_as_given(own, &given.slots[id.index()]));
            (!is_known).then(|| (self.plan.slots[id.index()].key.clone(), own.clone()))
        });
        let targets = self.target_ids().filter_map(|id| {
            let own = self.health.kept_target(id);
            let is_known = given.is_some_and(|given| given.targets[id.index()] == own);
            (!is_known).then(|| (self.plan.targets[id.index()].key.clone(), own))
        });
        let orders = self.health.drains().records();
        let is_planned = |given: &Given| Arc::ptr_eq(&given.planned, self.demand.planned());
        Snapshot {
            at: now,
            slots: slots.collect(),
            targets: targets.collect(),
            curves: match given {
                Some(_) => BTreeMap::new(),
                None => self.curves(),
            },
            orders: match given {
                Some(given) if given.orders == orders => None,
                Some(_) | None => Some(orders),
            },
            demand: match given.is_some_and(is_planned) {
                true => BTreeMap::new(),
                false => self.demand.kept(&self.plan),
            },
        }
    }

    fn curves(&self) -> BTreeMap<String, Vec<Permille>> {
        let recoveries = self.target_ids().map(|id| recovery(&self.plan, id));
        let curves = recoveries.map(|own| (own.name.clone(), own.steps.clone()));
        curves.collect()
    }

    fn slot_ids(&self) -> impl Iterator<Item = SlotId> + use<> {
        (0..self.plan.slots.len()).map(SlotId::from_index)
    }

    fn target_ids(&self) -> impl Iterator<Item = TargetId> + use<> {
        (0..self.plan.targets.len()).map(TargetId::from_index)
    }
}

/// Tells that a slot counts as it did when it was given, and was not looked at much later.
fn is_as_given(own: &SlotHealth, given: &SlotHealth) -> bool {
    let looked_at = |slot: &SlotHealth| slot.last().map(|(at, _)| at).unwrap_or_default();
    own.state() == given.state() && looked_at(own).since(looked_at(given)) < limits::KEEP_AGE_EVERY
}
