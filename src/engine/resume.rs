//! A start with what another process knew: what of it still counts, and how.
//!
//! | of a snapshot | after a time away |
//! |---|---|
//! | a slot | counts on where it stopped; older than its bound ([`limits::HEALTH_OUTDATED`]) it is unproven |
//! | held, gated, waiting for an approval | still so; the time away is left out of account |
//! | a ramp | at its step, for the rest of that step's time; one whose gate is unproven waits for it |
//! | down | still so; if its slots are too old unproven, or gated where a gate or an approval was due |
//! | ruled down by a cluster | still so until votes are heard, whatever its own slots say |
//! | health for clients of one region | as it was, until its vantages are heard |
//! | damping, recent leavings | as if no time had passed |
//! | a drain's way down or up | at its step, like a ramp |
//! | an order | in force; its own end is a time of the day, so the time away counts |
//! | an order that has ended | in the history, until its age or a newer one puts it out |
//! | doubt and blackout | weighed anew from the last results |
//! | addresses and slowness that a doubt kept | as they were, while there is a doubt |
//! | observed demand | believed as it was; older than the bound it is unknown |
//!
//! Nobody watched while the process was away, so nothing that asks to be watched gets on by it: then no error of
//! a wall clock opens a gate, ends a hold or takes a step. The worst that a clock far ahead does is to make
//! unproven what was up or down, and to end an order that has an end.
//!
//! It decides what counts, and nothing of what follows: the rules of a reload do the rest
//! ([`HealthState::begin`]).
use super::addresses;
use super::drains::Drains;
use super::health_state::Beginning;
use super::orders::OrdersToResume;
use super::own_sight;
use super::rules_of::{monitor, own_endpoint, recovery};
use super::snapshot::{KeptTarget, Snapshot};
use super::weights::Weights;
use crate::base::limits;
use crate::base::{AddressSet, Moment, Permille, RegionId, SlotId, Span, TargetId};
use crate::health::drain::Ceiling;
use crate::health::slot::{SlotHealth, State};
use crate::health::target::TargetHealth;
use crate::plan::{Followed, Monitor, Plan, Recovery};

/// Reads what a snapshot says of a plan at a later moment.
pub(super) fn known(plan: &Plan, snapshot: &Snapshot, now: Moment) -> Beginning {
    let view = Resumed {
        plan,
        snapshot,
        now,
        away: now.since(snapshot.at),
    };
    let slots: Vec<SlotHealth> = view.slots();
    let ids = (0..plan.targets.len()).map(TargetId::from_index);
    let targets = ids.clone().map(|id| view.target(id, &slots));
    let left_at = ids
        .clone()
        .map(|id| Some(view.kept(id)?.left_at?.after(view.away)));
    let ceilings = ids.clone().map(|id| view.ceiling(id));
    let orders = OrdersToResume {
        held: snapshot.orders.as_deref().unwrap_or_default(),
        past: &snapshot.past,
    };
    Beginning {
        targets: targets.collect(),
        left_at: left_at.collect(),
        paces: ids.clone().map(|id| view.pace(id)).collect(),
        without: ids.clone().map(|id| view.without(id)).collect(),
        weights: view.weights(),
        panel: own_sight::first_panel(plan),
        rows: ids.clone().flat_map(|id| view.rows(id)).collect(),
        drains: Drains::restored(plan, (snapshot.at, now), orders, ceilings.collect()),
        slots,
    }
}

/// The age past which the last look at a slot says nothing any more.
fn outdated(monitor: &Monitor) -> Span {
    limits::HEALTH_OUTDATED.max(monitor.interval.times(3))
}

/// Tells that what was observed of demand is too old.
pub(super) fn is_outdated(snapshot: &Snapshot, now: Moment) -> bool {
    now.since(snapshot.at) > limits::HEALTH_OUTDATED
}

struct Resumed<'s> {
    plan: &'s Plan,
    snapshot: &'s Snapshot,
    now: Moment,
    away: Span,
}

impl Resumed<'_> {
    fn slots(&self) -> Vec<SlotHealth> {
        let slots = (0..).map(SlotId).zip(&self.plan.slots).map(|(id, slot)| {
            let kept = self.snapshot.slots.get(&slot.key);
            let mut own = kept.cloned().unwrap_or_default();
            own.forget_older(self.now, outdated(monitor(self.plan, id)));
            own
        });
        slots.collect()
    }

    fn kept(&self, id: TargetId) -> Option<&KeptTarget> {
        self.snapshot
            .targets
            .get(&self.plan.targets[id.index()].key)
    }

    fn target(&self, id: TargetId, slots: &[SlotHealth]) -> TargetHealth {
        let Some(kept) = self.kept(id) else {
            return TargetHealth::new(self.now);
        };
        let recovery = recovery(self.plan, id);
        let mut health = kept.health.clone();
        health.adopt(&self.before(recovery), recovery);
        health.leave_out(self.away);
        let own = self.plan.targets[id.index()].slots.iter();
        let mut states = own.map(|slot| slots[slot.index()].state());
        // In a cluster others may have ruled it down.
        let is_own = self.plan.cluster.is_none();
        let is_unknown = match health.is_down() && is_own {
            true => !states.any(|state| matches!(state, State::Down { .. })),
            false => states.all(|state| state == State::Unproven),
        };
        if is_unknown {
            health.forget_slots(self.now, recovery);
        }
        health
    }

    /// The most that slowness left of a target.
    fn pace(&self, id: TargetId) -> Permille {
        let pace = self.kept(id).and_then(|kept| kept.pace);
        pace.unwrap_or(Permille::FULL)
    }

    /// The addresses that a target was answered without.
    fn without(&self, id: TargetId) -> AddressSet {
        let kept = self.kept(id).map_or(&[][..], |kept| &kept.without);
        addresses::set_of(own_endpoint(self.plan, id), kept)
    }

    /// The rows of a target by region.
    fn rows(&self, id: TargetId) -> Vec<((TargetId, RegionId), TargetHealth)> {
        let recovery = recovery(self.plan, id);
        let regions = self.kept(id).into_iter().flat_map(|kept| &kept.regions);
        let rows = regions.filter_map(|(name, health)| {
            let mut regions = self.plan.regions.iter();
            let place = regions.position(|region| region.name == *name)?;
            let mut health = health.clone();
            health.adopt(&self.before(recovery), recovery);
            health.leave_out(self.away);
            Some(((id, RegionId::from_index(place)), health))
        });
        rows.collect()
    }

    /// The levels of what follows values; the time away ages what was read.
    fn weights(&self) -> Weights {
        let level = |endpoint, what| {
            let mut own = (0..).map(TargetId).zip(&self.plan.targets);
            let (id, _) = own.find(|(_, target)| target.endpoint == endpoint)?;
            let kept = self.kept(id)?;
            match what {
                Followed::Weight => kept.weight.clone(),
                Followed::Capacity => kept.capacity.clone(),
            }
        };
        Weights::new(self.plan, self.now).known(level)
    }

    fn ceiling(&self, id: TargetId) -> Option<Ceiling> {
        let recovery = recovery(self.plan, id);
        let mut ceiling = self
            .kept(id)?
            .ceiling
            .adopted(&self.before(recovery), recovery);
        ceiling.leave_out(self.away);
        Some(ceiling)
    }

    /// A recovery with the steps that it had.
    fn before(&self, recovery: &Recovery) -> Recovery {
        let steps = self.snapshot.curves.get(&recovery.name);
        Recovery {
            steps: steps.unwrap_or(&recovery.steps).clone(),
            ..recovery.clone()
        }
    }
}
