//! The health of every slot and target, as this node believes it, and the guard over it.
//!
//! ```text
//! report -> slot -> tally -> doubt? -> targets that hang on the slot -> kept or out --.
//!                                                                                     v
//! order -> ceilings of the targets in its scope, or their approval -------------> standings
//! ```
//!
//! Only what hangs on the slot is looked at again. The order is part of the contract: the doubt is
//! weighed once per report, and with it whether the outage is total, after the slot and before the targets.
//!
//! Whether a target falls is ruled by the vantages together ([`super::rulings`]); of a node that stands alone, by its own sight. One
//! that falls is kept if this node doubts itself and nobody else rules on it, and otherwise if the bound on ejections has no room; a drain
//! needs none. While the node doubts itself nothing leaves, also not what that bound holds back.
//! When there is room again, the one that fell first goes first; one that does not fit does not
//! stand in the way of a lighter one.
//!
//! Where addresses leave one by one, a doubt keeps those that are there, and lets come what comes back.
//!
//! It knows no table, no schedule and no words for the operator; it gives back which standings
//! changed.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{AddressSet, EndpointId, Moment, Permille, SlotId, Span, Standing, TargetId};
use crate::dns::Name;
use crate::health::ejections::Ejections;
use crate::health::guard::{self, Doubt, Last, Served, Tally};
use crate::health::slot::{SlotHealth, State};
use crate::health::target::{Evidence, KeepReason, TargetHealth};
use crate::health::{ProbeResult, Report};
use crate::plan::{AddressesDown, Plan};
use crate::share::{Ruling, VantagePanel};

use super::addresses;
use super::drains::Drains;
use super::index::{Index, SlotRole};
use super::orders::OrderTurn;
use super::own_sight::{self, OwnSight};
use super::regional_rows::{RegionalHealth, RowsBefore};
use super::reload_map::ReloadMap;
use super::rules_of::{monitor, own_endpoint, recovery};
use super::steps::StepQueue;
use super::weights::Weights;

/// The health of all slots and targets of a plan, and the drains in force.
#[derive(Debug)]
pub(super) struct HealthState {
    pub(super) plan: Arc<Plan>,
    pub(super) index: Index,
    slots: Vec<SlotHealth>,
    pub(super) targets: Vec<TargetHealth>,
    pub(super) standings: Vec<Standing>,
    served: Vec<Served>,
    /// By target: the most that slowness left of it when that was last asked.
    pub(super) paces: Vec<Permille>,
    /// By target: the result of the last probes of its combined monitors; nothing for targets without a combination.
    combined: Vec<Last>,
    steps: StepQueue,
    pub(super) tally: Tally,
    pub(super) doubt: Doubt,
    /// The votes of other vantages; of a node that stands alone there are none.
    pub(super) panel: VantagePanel,
    pub(super) regional: RegionalHealth,
    /// By target: what this node sees itself.
    pub(super) own: Vec<OwnSight>,
    pub(super) total_outage: bool,
    pub(super) ejections: Ejections,
    pub(super) drains: Drains,
    pub(super) weights: Weights,
    pub(super) turns: Vec<OrderTurn>,
    pub(super) capped: BTreeSet<(Moment, TargetId)>,
    /// Until when the addresses of names hold.
    pub(super) holds: BTreeMap<Name, Moment>,
}

/// All that is known of a plan when its state begins; all by the numbers of that plan.
pub(super) struct Beginning {
    pub(super) slots: Vec<SlotHealth>,
    pub(super) targets: Vec<TargetHealth>,
    /// The moment at which each target last left, if that counts still.
    pub(super) left_at: Vec<Option<Moment>>,
    /// The share that slowness leaves of each target.
    pub(super) paces: Vec<Permille>,
    /// The addresses that each target was answered without.
    pub(super) without: Vec<AddressSet>,
    pub(super) drains: Drains,
    pub(super) weights: Weights,
    /// The votes that were heard until then.
    pub(super) panel: VantagePanel,
    pub(super) rows: RowsBefore,
}

/// One standing that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) target: TargetId,
    pub(super) from: Standing,
    pub(super) to: Standing,
}

impl HealthState {
    /// Everything unproven, nothing ordered.
    pub(super) fn new(plan: Arc<Plan>, now: Moment) -> Self {
        let slots = vec![SlotHealth::default(); plan.slots.len()];
        let targets = vec![TargetHealth::new(now); plan.targets.len()];
        let drains = Drains::new(&plan);
        let weights = Weights::new(&plan, now);
        Self::of(plan, slots, targets, drains, weights)
    }

    /// The state of a new plan: what has the same key as in the old one keeps its health.
    pub(super) fn migrate(&self, plan: Arc<Plan>, now: Moment, kept: &ReloadMap) -> Self {
        let slots = kept.slots.iter().map(|old| match old {
            Some(old) => self.slots[old.index()].clone(),
            None => SlotHealth::default(),
        });
        let targets = (0..).map(TargetId).zip(&kept.targets).map(|(id, old)| {
            let Some(old) = old else {
                return TargetHealth::new(now);
            };
            let mut target = self.targets[old.index()].clone();
            target.adopt(recovery(&self.plan, *old), recovery(&plan, id));
            target
        });
        let left_at = kept.targets.iter();
        let left_at = left_at.map(|old| old.and_then(|old| self.ejections.left_at(old)));
        let paces = kept.targets.iter();
        let paces = paces.map(|old| old.map_or(Permille::FULL, |old| self.paces[old.index()]));
        let without = (0..).map(TargetId).zip(&kept.targets).map(|(id, old)| {
            let left_out = old.map_or_else(Vec::new, |old| self.left_out(old));
            addresses::set_of(own_endpoint(&plan, id), &left_out)
        });
        let plans = (&*self.plan, &*plan);
        let drains = &self.drains;
        let known = Beginning {
            slots: slots.collect(),
            targets: targets.collect(),
            left_at: left_at.collect(),
            paces: paces.collect(),
            without: without.collect(),
            drains: drains.migrate(now, plans, kept, &self.standings),
            weights: self.weights.migrate(plans, now),
            panel: self.panel_for(kept),
            rows: self.rows_for(&plan, kept),
        };
        let mut next = Self::begin(plan, now, known);
        next.hold_all(self.holds.clone());
        next
    }

    /// The state of a plan of which something is known: from before a reload, or a restart.
    pub(super) fn begin(plan: Arc<Plan>, now: Moment, known: Beginning) -> Self {
        let mut fresh = Self::of(
            plan,
            known.slots,
            known.targets,
            known.drains,
            known.weights,
        );
        fresh.panel = known.panel;
        fresh.regional = RegionalHealth::of(known.rows);
        fresh.count_regions();
        for (id, left_at) in (0..).map(TargetId).zip(known.left_at) {
            if let Some(left_at) = left_at {
                fresh.ejections.remember(left_at, id);
            }
        }
        fresh.ejections.advance(now);
        fresh.doubt = fresh.tally.doubt(&fresh.plan.guard);
        fresh.paces = known.paces;
        for (standing, without) in fresh.standings.iter_mut().zip(known.without) {
            standing.without = without;
        }
        fresh.weigh_blackout(now);
        for id in (0..fresh.targets.len()).map(TargetId::from_index) {
            fresh.look(now, id);
        }
        fresh.fill_room(now);
        fresh
    }

    fn of(
        plan: Arc<Plan>,
        slots: Vec<SlotHealth>,
        targets: Vec<TargetHealth>,
        drains: Drains,
        weights: Weights,
    ) -> Self {
        let mut state = Self {
            index: Index::new(&plan),
            tally: Tally::new(targets.len(), plan.regions.len()),
            standings: vec![Standing::UNPROVEN; targets.len()],
            served: vec![Served::No; targets.len()],
            paces: vec![Permille::FULL; targets.len()],
            combined: vec![Last::Nothing; targets.len()],
            steps: StepQueue::new(targets.len()),
            doubt: Doubt::None,
            panel: own_sight::first_panel(&plan),
            regional: RegionalHealth::default(),
            own: Vec::new(),
            total_outage: false,
            ejections: Ejections::new(&plan),
            drains,
            weights,
            turns: Vec::new(),
            capped: BTreeSet::new(),
            holds: BTreeMap::new(),
            plan,
            slots,
            targets,
        };
        for id in (0..state.slots.len()).map(SlotId::from_index) {
            state.count_slot(id, Last::Nothing);
        }
        state.see_all();
        for id in (0..state.targets.len()).map(TargetId::from_index) {
            let target = &state.targets[id.index()];
            if target.kept() == Some(KeepReason::Capped) {
                state.capped.insert((target.since(), id));
            }
            state.note(id);
        }
        state
    }

    /// Takes the steps that are due, and lets go what the bound on ejections has room for again.
    pub(super) fn advance(&mut self, now: Moment) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some((due, id)) = self.steps.first()
            && due <= now
        {
            changes.extend(self.look(now, id));
            // Progress: whoever was looked at has another step, or none.
            assert_ne!(self.steps.first(), Some((due, id)));
        }
        changes.extend(self.forget_old_votes(now));
        changes.extend(self.turn_orders(now));
        self.weights.advance(&self.plan, now);
        self.ejections.advance(now);
        changes.extend(self.fill_room(now));
        changes
    }

    /// Takes a report in.
    pub(super) fn probed(&mut self, now: Moment, id: SlotId, report: Report) -> Vec<Change> {
        let last = self.last(id);
        let monitor = monitor(&self.plan, id);
        self.slots[id.index()].observe(monitor, now, report);
        self.weights.read(&self.plan, now, id, report.value);
        self.count_slot(id, last);
        let concerned = self.index.concerned(id).all();
        for target in &concerned {
            self.count_target(*target);
        }
        let doubt = self.tally.doubt(&self.plan.guard);
        let before = std::mem::replace(&mut self.doubt, doubt);
        self.weigh_blackout(now);
        let failed = matches!(report.outcome, ProbeResult::Fail(_));
        if failed && self.doubt == Doubt::None {
            self.trust_again(id);
        }
        let looked = concerned
            .iter()
            .filter_map(|target| self.look(now, *target));
        let mut changes: Vec<Change> = looked.collect();
        if (before == Doubt::None) != (self.doubt == Doubt::None) {
            changes.extend(self.weigh_own_votes(now));
        }
        if before != Doubt::None && self.doubt == Doubt::None {
            changes.extend(self.release_addresses(now));
        }
        changes.extend(self.fill_room(now));
        changes
    }

    /// The addresses that a target is answered without.
    pub(super) fn left_out(&self, id: TargetId) -> Vec<IpAddr> {
        let without = self.standings[id.index()].without;
        addresses::of_set(own_endpoint(&self.plan, id), without)
    }

    /// The standings, by target.
    pub(super) fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// The moment at which the next step of a ramp or drain is due, or what is held back may leave.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let step = self.steps.first().map(|(due, _)| due);
        let room = self.ejections.next_change().filter(|_| self.is_capped());
        let turn = self.drains.orders.wake_at();
        let weight = self.weights.wake_at(&self.plan);
        let orders = room.into_iter().chain(turn);
        let orders = orders.chain(self.panel.next_expiry());
        step.into_iter().chain(orders).chain(weight).min()
    }

    /// The time to the next probe of a slot, before jitter.
    pub(super) fn next_interval(&self, id: SlotId) -> Span {
        self.slots[id.index()].next_interval(monitor(&self.plan, id))
    }

    pub(super) fn slot(&self, id: SlotId) -> &SlotHealth {
        &self.slots[id.index()]
    }

    pub(super) fn target(&self, id: TargetId) -> &TargetHealth {
        &self.targets[id.index()]
    }

    /// The targets of an endpoint.
    pub(super) fn targets_of(&self, endpoint: EndpointId) -> &[TargetId] {
        self.index.targets_of(endpoint)
    }

    /// The node's doubt in itself, and why.
    pub(super) fn doubt(&self) -> Doubt {
        self.doubt
    }

    /// The orders in force.
    pub(super) fn drains(&self) -> &Drains {
        &self.drains
    }

    /// The orders that began or ended by themselves since this was asked last.
    pub(super) fn take_turns(&mut self) -> Vec<OrderTurn> {
        std::mem::take(&mut self.turns)
    }

    /// The standing of a target once all orders in force have done what they do.
    pub(super) fn settled(&self, id: TargetId) -> Standing {
        let recovery = recovery(&self.plan, id);
        let evidence = self.evidence(id);
        let health = self.targets[id.index()].standing(recovery, evidence.hold);
        let health = self.slowed(id, health, evidence);
        self.drains.settled(health, self.endpoint(id), recovery)
    }

    /// Tells that nothing passes any more.
    pub(super) fn is_total_outage(&self) -> bool {
        self.total_outage
    }

    /// Tells that the bound on automatic ejections holds something back.
    pub(super) fn is_capped(&self) -> bool {
        !self.capped.is_empty()
    }

    /// The counts of the guard.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The ejections in force.
    pub(super) fn ejections(&self) -> &Ejections {
        &self.ejections
    }

    /// Tells that some pool of this target has nobody left who may serve.
    pub(super) fn leaves_a_pool_empty(&self, id: TargetId) -> bool {
        self.index.pools_of(id).any(|pool| {
            let mut shares = pool.iter().map(|id| self.standings[id.index()].share);
            shares.all(|share| share.0 == 0)
        })
    }

    /// Looks at the slots of a target and at the votes on it again, and keeps it if it just fell and must be kept.
    pub(super) fn look(&mut self, now: Moment, id: TargetId) -> Option<Change> {
        let evidence = self.evidence(id);
        let own = self.sight_after(now, id, evidence.verdict);
        self.own[id.index()] = own;
        let ruled = self.ruled(now, id, own);
        let recovery = recovery(&self.plan, id);
        self.drains.advance(now, id, recovery);
        let before = self.before_look(id);
        let target = &mut self.targets[id.index()];
        let (was_out, was_kept) = (target.is_out(), (target.since(), target.kept()));
        let evidence = ruled.evidence(evidence);
        target.observe_since(now, recovery, evidence, ruled.up_since);
        self.decide_agreed(now, (id, evidence));
        let target = &mut self.targets[id.index()];
        if let (since, Some(KeepReason::Capped)) = was_kept
            && target.kept().is_none()
        {
            self.capped.remove(&(since, id));
        }
        if ruled.is_down() && target.kept() == Some(KeepReason::Doubted) {
            target.release();
        }
        if !was_out && target.is_out() {
            self.attribute_in_blackout(now, id);
            self.eject_or_keep(now, id, ruled.ruling);
        }
        if let Some(before) = before {
            self.decide_agreed_regions(now, id);
            self.look_regions(now, id, &before, (ruled, evidence));
        }
        self.note(id)
    }

    /// Attributes to a blackout that begins what fell shortly before it.
    fn weigh_blackout(&mut self, now: Moment) {
        let was_total = std::mem::replace(&mut self.total_outage, self.tally.is_total_outage());
        if was_total || !self.total_outage {
            return;
        }
        let window = guard::window(&self.plan.monitors);
        for id in (0..self.targets.len()).map(TargetId::from_index) {
            if now.since(self.targets[id.index()].since()) <= window {
                self.attribute_in_blackout(now, id);
            }
        }
    }

    /// Attributes to a blackout what falls, or is let go, in it, unless others have seen it fall.
    fn attribute_in_blackout(&mut self, now: Moment, id: TargetId) {
        if self.total_outage && !self.falls_for_others(now, id) {
            self.targets[id.index()].attribute_to_outage();
        }
    }

    /// A target is newly out: it leaves, or is kept.
    fn eject_or_keep(&mut self, now: Moment, id: TargetId, ruling: Ruling) {
        let may_leave = self.may_leave(id);
        let target = &mut self.targets[id.index()];
        match ruling {
            Ruling::Down(_) if may_leave => {}
            Ruling::Down(_) => target.keep(KeepReason::Capped),
            Ruling::Up | Ruling::Undecided => target.keep(KeepReason::Doubted),
        }
        match target.kept() {
            None => self.eject(now, id),
            Some(KeepReason::Doubted) => {}
            Some(KeepReason::Capped) => {
                self.capped.insert((target.since(), id));
            }
        }
    }

    /// Tells that the bound on ejections lets a target go. It does not bind an operator.
    fn may_leave(&self, id: TargetId) -> bool {
        self.is_ordered(id) || self.ejections.fits(id)
    }

    /// Tells that orders decide whether a target is out.
    fn is_ordered(&self, id: TargetId) -> bool {
        self.drains.decide(id, self.endpoint(id))
    }

    fn eject(&mut self, now: Moment, id: TargetId) {
        self.count_ejection(id);
        if !self.is_ordered(id) && self.targets[id.index()].fell_from_service() {
            self.ejections.remember(now, id);
        }
    }

    /// Counts a target as out, or not, as it is now.
    fn count_ejection(&mut self, id: TargetId) {
        match self.targets[id.index()].is_out() && !self.is_ordered(id) {
            true => self.ejections.add(id),
            false => self.ejections.remove(id),
        }
    }

    /// Lets those go that the bound holds back, oldest first, as far as there is room again.
    pub(super) fn fill_room(&mut self, now: Moment) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.capped.is_empty() || self.doubt != Doubt::None || !self.ejections.take_freed() {
            return changes;
        }
        for (since, id) in self.capped.clone() {
            if self.may_leave(id) {
                self.capped.remove(&(since, id));
                self.targets[id.index()].release();
                self.attribute_in_blackout(now, id);
                self.eject(now, id);
                changes.extend(self.note(id));
            }
        }
        changes
    }

    /// Writes down the standing, the next step and the count of a target.
    pub(super) fn note(&mut self, id: TargetId) -> Option<Change> {
        let evidence = self.evidence(id);
        let recovery = recovery(&self.plan, id);
        let target = &self.targets[id.index()];
        let health = self.standing_of(id, target, (self.own[id.index()], evidence));
        self.paces[id.index()] = self.pace_allows(id, evidence);
        let to = self.drains.over(health, (id, self.endpoint(id)), recovery);
        let to = self.while_known(id, to);
        let to = self.weigh(id, to);
        let from = std::mem::replace(&mut self.standings[id.index()], to);
        self.note_regions(id, evidence);
        self.schedule_step(id);
        self.count_target(id);
        self.count_ejection(id);
        (from != to).then_some(Change {
            target: id,
            from,
            to,
        })
    }

    /// Takes note of when a target is to be looked at again.
    pub(super) fn schedule_step(&mut self, id: TargetId) {
        self.steps.set(id, self.next_step(id));
    }

    /// The moment at which a target's next step is due, of its ramp or of its drain.
    fn next_step(&self, id: TargetId) -> Option<Moment> {
        let own = self.targets[id.index()].next_step().into_iter();
        let rows = self.regional.of_target(id);
        let rows = rows.filter_map(|(_, row)| row.health.next_step());
        own.chain(self.drains.next_step(id)).chain(rows).min()
    }

    pub(super) fn endpoint(&self, id: TargetId) -> EndpointId {
        self.plan.targets[id.index()].endpoint
    }

    pub(super) fn evidence(&self, id: TargetId) -> Evidence {
        let target = &self.plan.targets[id.index()];
        let watched = |slot: &SlotId| (&self.slots[slot.index()], monitor(&self.plan, *slot));
        let gates = target.gate.iter().map(watched);
        let by_address = || addresses::slots(&self.plan, target, &self.slots);
        let combination = target.combination.as_ref();
        match (target.addresses_down, combination) {
            (AddressesDown::Endpoint, None) => {
                Evidence::of(target.slots.iter().map(watched), gates)
            }
            (AddressesDown::Endpoint, Some(_)) => {
                Evidence::of_each(combination, by_address(), gates)
            }
            (AddressesDown::Address, _) => Evidence::by_address(combination, by_address(), gates),
            (AddressesDown::Stay, _) => Evidence {
                without: AddressSet::EMPTY,
                ..Evidence::by_address(combination, by_address(), gates)
            },
        }
    }

    fn count_slot(&mut self, id: SlotId, from: Last) {
        let to = self.last(id);
        match self.index.role(id) {
            SlotRole::Canary => self.tally.move_canary(from, to),
            SlotRole::Watch(region) => self.tally.move_slot(region, from, to),
            SlotRole::Combined => self.tally.move_passing(from, to),
            SlotRole::Aside => {}
        }
    }

    fn count_target(&mut self, id: TargetId) {
        let target = &self.plan.targets[id.index()];
        let failing = match &target.combination {
            None => addresses::is_failing(&self.plan, target, |slot| self.last(slot)),
            Some(own) => {
                let to = addresses::combined(&self.plan, (target, own), |slot| self.last(slot));
                let from = std::mem::replace(&mut self.combined[id.index()], to);
                let region = self.plan.endpoints[target.endpoint.index()].region;
                self.tally.move_combined(region, from, to);
                to.is_amiss()
            }
        };
        let served = match (self.targets[id.index()].is_served_as_proven(), failing) {
            (false, _) => Served::No,
            (true, false) => Served::Sound,
            (true, true) => Served::Failing,
        };
        let from = std::mem::replace(&mut self.served[id.index()], served);
        self.tally.move_target(from, served);
    }

    /// The result of a slot's last probe, as the guard counts it. One that passed does not make a sick canary well: that takes
    /// `rise` of them in a row.
    fn last(&self, id: SlotId) -> Last {
        let slot = &self.slots[id.index()];
        let is_sick =
            self.index.role(id) == SlotRole::Canary && matches!(slot.state(), State::Down { .. });
        match (slot.last(), slot.last_failure()) {
            (None, _) => Last::Nothing,
            (Some(_), None) if is_sick => Last::Failed,
            (Some((_, report)), None) if report.is_late(monitor(&self.plan, id)) => Last::Slow,
            (Some(_), None) => Last::Passed,
            (Some(_), Some(_)) => Last::Failed,
        }
    }
}
