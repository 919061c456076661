//! Changes since the last time that anybody asked for them, so that what is kept is added to and not written anew.
//!
//! All of it is given at first and after a reload, and then what differs from what was given before. That a slot was
//! looked at once more with the same result is not worth an entry by itself; its age is brought up to date
//! every [`limits::KEEP_AGE_EVERY`]. It compares everything each time: then no change can be forgotten, and a
//! comparison costs little beside a probe.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::demand::DemandEstimate;
use super::health_state::HealthState;
use super::order::{OrderRecord, PastOrder};
use super::rules_of::recovery;
use super::snapshot::{Keep, KeptTarget, Snapshot};
use crate::base::limits;
use crate::base::{Moment, Permille, SlotId, TargetId};
use crate::health::slot::{SlotHealth, State};
use crate::plan::{Demands, Followed, Plan};

/// All that an engine knows.
#[derive(Clone, Copy)]
pub(super) struct Knowledge<'e> {
    pub(super) plan: &'e Plan,
    pub(super) health: &'e HealthState,
    pub(super) demand: &'e DemandEstimate,
}

/// All that was given to be kept.
#[derive(Debug)]
pub(super) struct LastKept {
    at: Moment,
    slots: Vec<SeenSlot>,
    targets: Vec<KeptTarget>,
    orders: Vec<OrderRecord>,
    /// Orders that had ended.
    ended: u64,
    planned: Arc<Demands>,
}

/// The part of a slot by which one that was given is told from another.
#[derive(Clone, Copy, Debug)]
struct SeenSlot {
    /// Up or down, and slow or not.
    states: (State, State),
    /// The moment at which it was looked at.
    at: Moment,
}

impl Knowledge<'_> {
    /// All of it.
    pub(super) fn snapshot(self, now: Moment) -> Snapshot {
        self.differing(now, None)
    }

    /// Gives what differs from what was given last, if that is worth keeping, and takes it down as given.
    pub(super) fn changes(self, now: Moment, last: &mut Option<LastKept>) -> Option<Keep> {
        let changed = self.differing(now, last.as_ref());
        let Some(given) = last else {
            *last = Some(self.given(now));
            return Some(Keep::Whole(changed));
        };
        if changed.is_empty() && now.since(given.at) < limits::KEEP_AGE_EVERY {
            return None;
        }
        self.take_down(given, &changed);
        Some(Keep::Part(changed))
    }

    fn given(self, now: Moment) -> LastKept {
        let slots = self.slots().map(|(_, own)| seen(own));
        let targets = self.targets().map(|(_, own)| own);
        LastKept {
            at: now,
            slots: slots.collect(),
            targets: targets.collect(),
            orders: self.health.drains().records(),
            ended: self.health.drains().orders.ended(),
            planned: Arc::clone(self.demand.planned()),
        }
    }

    fn take_down(self, given: &mut LastKept, changed: &Snapshot) {
        given.at = changed.at;
        for ((key, own), given) in self.slots().zip(&mut given.slots) {
            if changed.slots.contains_key(key) {
                *given = seen(own);
            }
        }
        for ((key, own), given) in self.targets().zip(&mut given.targets) {
            if changed.targets.contains_key(key) {
                *given = own;
            }
        }
        if let Some(orders) = &changed.orders {
            given.orders.clone_from(orders);
        }
        given.ended = self.health.drains().orders.ended();
        given.planned = Arc::clone(self.demand.planned());
    }

    /// Gives what differs from what was given; everything if nothing was.
    fn differing(self, now: Moment, given: Option<&LastKept>) -> Snapshot {
        let slots = self.slots().enumerate();
        let slots = slots.filter(|(place, (_, own))| {
            !given.is_some_and(|given| is_as_given(seen(own), given.slots[*place]))
        });
        let targets = self.targets().enumerate();
        let targets = targets
            .filter(|(place, (_, own))| !given.is_some_and(|given| given.targets[*place] == *own));
        let orders = self.health.drains().records();
        let is_planned = |given: &LastKept| Arc::ptr_eq(&given.planned, self.demand.planned());
        Snapshot {
            at: now,
            slots: slots
                .map(|(_, (key, own))| (key.to_owned(), own.clone()))
                .collect(),
            targets: targets
                .map(|(_, (key, own))| (key.to_owned(), own))
                .collect(),
            curves: match given {
                Some(_) => BTreeMap::new(),
                None => self.curves(),
            },
            orders: match given {
                Some(given) if given.orders == orders => None,
                Some(_) | None => Some(orders),
            },
            past: self.past_since(given.map_or(0, |given| given.ended)),
            demand: match given.is_some_and(is_planned) {
                true => BTreeMap::new(),
                false => self.demand.kept(self.plan),
            },
        }
    }

    /// The orders that ended since so many had.
    fn past_since(self, ended: u64) -> Vec<PastOrder> {
        let past = self.health.drains().orders.past_since(ended);
        past.cloned().collect()
    }

    fn curves(self) -> BTreeMap<String, Vec<Permille>> {
        let targets = (0..self.plan.targets.len()).map(TargetId::from_index);
        let recoveries = targets.map(|id| recovery(self.plan, id));
        let curves = recoveries.map(|own| (own.name.clone(), own.steps.clone()));
        curves.collect()
    }
}

impl<'e> Knowledge<'e> {
    /// The slots with their keys.
    fn slots(self) -> impl Iterator<Item = (&'e str, &'e SlotHealth)> {
        let slots = (0..).map(SlotId).zip(&self.plan.slots);
        slots.map(move |(id, slot)| (slot.key.as_str(), self.health.slot(id)))
    }

    /// The targets with their keys.
    fn targets(self) -> impl Iterator<Item = (&'e str, KeptTarget)> {
        let targets = (0..).map(TargetId).zip(&self.plan.targets);
        targets.map(move |(id, target)| (target.key.as_str(), self.health.kept_target(id)))
    }
}

impl HealthState {
    /// The part of a target that is kept over a restart.
    fn kept_target(&self, id: TargetId) -> KeptTarget {
        let level = |what| self.weights.level(self.endpoint(id), what).cloned();
        KeptTarget {
            health: self.target(id).clone(),
            ceiling: self.drains.ceiling(id),
            left_at: self.ejections.left_at(id),
            weight: level(Followed::Weight),
            capacity: level(Followed::Capacity),
            regions: self.kept_rows(id),
            pace: Some(self.paces[id.index()]).filter(|pace| *pace < Permille::FULL),
            without: self.left_out(id),
        }
    }
}

/// Tells that a slot counts as it did when it was given, and was not looked at much later.
fn is_as_given(own: SeenSlot, given: SeenSlot) -> bool {
    own.states == given.states && own.at.since(given.at) < limits::KEEP_AGE_EVERY
}

fn seen(slot: &SlotHealth) -> SeenSlot {
    let at = slot.last().map(|(at, _)| at);
    SeenSlot {
        states: slot.states(),
        at: at.unwrap_or_default(),
    }
}
