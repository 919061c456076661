//! What the node believes of every slot and target, and the guard over it.
//!
//! ```text
//! report -> slot -> tally -> doubt? -> targets that hang on the slot -> kept or out -> standings
//! ```
//!
//! Only what hangs on the slot is looked at again. The order is part of the contract: the doubt is
//! weighed once per report, and with it whether all is dark, after the slot and before the targets.
//!
//! It knows no table, no schedule and no words for the operator; it gives back which standings
//! changed.
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::{Moment, SlotId, Span, Standing, TargetId};
use crate::health::guard::{self, Last, Served, Tally};
use crate::health::slot::SlotHealth;
use crate::health::target::{Kept, Sight, TargetHealth};
use crate::health::{Outcome, Report};
use crate::plan::{Monitor, Plan, Recovery};

use super::index::Index;

/// All that is believed.
#[derive(Debug)]
pub(super) struct Beliefs {
    plan: Arc<Plan>,
    index: Index,
    slots: Vec<SlotHealth>,
    targets: Vec<TargetHealth>,
    standings: Vec<Standing>,
    served: Vec<Served>,
    steps: BTreeSet<(Moment, TargetId)>,
    tally: Tally,
    doubting: bool,
    dark: bool,
    out: usize,
    capped: BTreeSet<(Moment, TargetId)>,
}

/// One standing that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) target: TargetId,
    pub(super) from: Standing,
    pub(super) to: Standing,
}

impl Beliefs {
    /// Everything unproven.
    pub(super) fn new(plan: Arc<Plan>, now: Moment) -> Self {
        let slots = vec![SlotHealth::default(); plan.slots.len()];
        let targets = vec![TargetHealth::new(now); plan.targets.len()];
        Self::of(plan, slots, targets)
    }

    /// The beliefs of a new plan: what has the same key as in the old one keeps its health.
    pub(super) fn carry(&self, plan: Arc<Plan>, now: Moment, kept: &Kinship) -> Self {
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
        let (slots, targets) = (slots.collect(), targets.collect());
        let mut fresh = Self::of(plan, slots, targets);
        fresh.doubting = fresh.tally.doubts(&fresh.plan.guard);
        fresh.weigh_blackout(now);
        for id in (0..fresh.targets.len()).map(TargetId::from_index) {
            fresh.look(now, id);
        }
        fresh.fill_room();
        fresh
    }

    fn of(plan: Arc<Plan>, slots: Vec<SlotHealth>, targets: Vec<TargetHealth>) -> Self {
        let mut beliefs = Self {
            index: Index::new(&plan),
            tally: Tally::new(targets.len(), plan.regions.len()),
            standings: vec![Standing::UNPROVEN; targets.len()],
            served: vec![Served::No; targets.len()],
            steps: BTreeSet::new(),
            doubting: false,
            dark: false,
            out: targets.iter().filter(|target| target.is_out()).count(),
            capped: BTreeSet::new(),
            plan,
            slots,
            targets,
        };
        for id in (0..beliefs.slots.len()).map(SlotId::from_index) {
            beliefs.count_slot(id, Last::Nothing);
        }
        for id in (0..beliefs.targets.len()).map(TargetId::from_index) {
            let target = &beliefs.targets[id.index()];
            if target.kept() == Some(Kept::Capped) {
                beliefs.capped.insert((target.since(), id));
            }
            beliefs.note(id);
        }
        beliefs
    }

    /// Takes the ramp steps that are due.
    pub(super) fn advance(&mut self, now: Moment) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some((due, id)) = self.steps.first().copied()
            && due <= now
        {
            changes.extend(self.look(now, id));
        }
        changes
    }

    /// Takes a report in.
    pub(super) fn probed(&mut self, now: Moment, id: SlotId, report: Report) -> Vec<Change> {
        let last = self.last(id);
        let monitor = monitor(&self.plan, id);
        self.slots[id.index()].observe(monitor, now, report);
        self.count_slot(id, last);
        let concerned = self.index.concerned(id).all();
        for target in &concerned {
            self.count_target(*target);
        }
        self.doubting = self.tally.doubts(&self.plan.guard);
        self.weigh_blackout(now);
        let failed = matches!(report.outcome, Outcome::Fail(_));
        if failed && !self.doubting {
            self.release_doubted(id);
        }
        let looked = concerned
            .iter()
            .filter_map(|target| self.look(now, *target));
        let mut changes: Vec<Change> = looked.collect();
        changes.extend(self.fill_room());
        changes
    }

    /// The standings, by target.
    pub(super) fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// When the next step of a ramp is due.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.steps.first().map(|(due, _)| *due)
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

    /// Whether the node doubts itself.
    pub(super) fn is_doubting(&self) -> bool {
        self.doubting
    }

    /// Whether nothing passes any more.
    pub(super) fn is_dark(&self) -> bool {
        self.dark
    }

    /// Whether the bound on automatic ejections holds something back.
    pub(super) fn is_capped(&self) -> bool {
        !self.capped.is_empty()
    }

    /// The counts of the guard.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many targets are out.
    pub(super) fn out(&self) -> usize {
        self.out
    }

    /// Whether some pool of this target has nobody left who may serve.
    pub(super) fn leaves_a_pool_empty(&self, id: TargetId) -> bool {
        self.index.pools_of(id).any(|pool| {
            let mut shares = pool.iter().map(|id| self.standings[id.index()].share);
            shares.all(|share| share.0 == 0)
        })
    }

    /// The standings reckoned anew from the slots up, with nothing remembered of the standings.
    pub(super) fn recompute(&self, now: Moment) -> Vec<Standing> {
        let ids = (0..self.targets.len()).map(TargetId::from_index);
        let standings = ids.map(|id| {
            let (sight, recovery) = (self.sight(id), recovery(&self.plan, id));
            let mut target = self.targets[id.index()].clone();
            target.observe(now, recovery, sight);
            target.standing(recovery, sight.hold)
        });
        standings.collect()
    }

    /// Looks at the slots of a target again, and keeps it if it just fell and must be kept.
    fn look(&mut self, now: Moment, id: TargetId) -> Option<Change> {
        let sight = self.sight(id);
        let target = &mut self.targets[id.index()];
        let (was_out, was_kept) = (target.is_out(), (target.since(), target.kept()));
        if let Some(due) = target.next_step() {
            self.steps.remove(&(due, id));
        }
        target.observe(now, recovery(&self.plan, id), sight);
        if was_out && !target.is_out() {
            self.out -= 1;
        }
        if let (since, Some(Kept::Capped)) = was_kept
            && target.kept().is_none()
        {
            self.capped.remove(&(since, id));
        }
        if !was_out && target.is_out() {
            self.excuse_in_blackout(id);
            self.eject_or_keep(id);
        }
        self.note(id)
    }

    /// When a blackout begins, what fell shortly before it fell with it.
    fn weigh_blackout(&mut self, now: Moment) {
        let was_dark = std::mem::replace(&mut self.dark, self.tally.is_dark());
        if was_dark || !self.dark {
            return;
        }
        let window = guard::window(&self.plan.monitors);
        for target in &mut self.targets {
            if now.since(target.since()) <= window {
                target.excuse();
            }
        }
    }

    /// What falls, or is let go, in a blackout goes with it.
    fn excuse_in_blackout(&mut self, id: TargetId) {
        if self.dark {
            self.targets[id.index()].excuse();
        }
    }

    /// A target is newly out: it leaves, or is kept.
    fn eject_or_keep(&mut self, id: TargetId) {
        let room = self.tally.room(&self.plan.guard);
        let target = &mut self.targets[id.index()];
        if self.doubting {
            target.keep(Kept::Doubted);
        } else if self.out >= room {
            target.keep(Kept::Capped);
        }
        match target.kept() {
            None => self.out += 1,
            Some(Kept::Doubted) => {}
            Some(Kept::Capped) => {
                self.capped.insert((target.since(), id));
            }
        }
    }

    /// A failure after the doubt has ended: what was kept because of it falls.
    fn release_doubted(&mut self, slot: SlotId) {
        for id in self.index.concerned(slot).watched.clone() {
            let target = &mut self.targets[id.index()];
            if target.kept() == Some(Kept::Doubted) {
                target.release();
                self.excuse_in_blackout(id);
                self.eject_or_keep(id);
            }
        }
    }

    /// Lets the oldest of those kept by the bound go, as far as there is room.
    fn fill_room(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while self.out < self.tally.room(&self.plan.guard)
            && let Some((_, id)) = self.capped.pop_first()
        {
            self.targets[id.index()].release();
            self.excuse_in_blackout(id);
            self.out += 1;
            changes.extend(self.note(id));
        }
        changes
    }

    /// Writes down the standing, the next step and the count of a target.
    fn note(&mut self, id: TargetId) -> Option<Change> {
        let hold = self.sight(id).hold;
        let target = &self.targets[id.index()];
        if let Some(due) = target.next_step() {
            self.steps.insert((due, id));
        }
        let to = target.standing(recovery(&self.plan, id), hold);
        let from = std::mem::replace(&mut self.standings[id.index()], to);
        self.count_target(id);
        (from != to).then_some(Change {
            target: id,
            from,
            to,
        })
    }

    fn sight(&self, id: TargetId) -> Sight {
        let target = &self.plan.targets[id.index()];
        let slots = target.slots.iter();
        Sight::of(
            slots.map(|slot| (&self.slots[slot.index()], monitor(&self.plan, *slot))),
            target.gate.iter().map(|slot| &self.slots[slot.index()]),
        )
    }

    fn count_slot(&mut self, id: SlotId, from: Last) {
        if !self.index.concerned(id).watched.is_empty() {
            let endpoint = self.plan.slots[id.index()].endpoint;
            let endpoint = endpoint.expect("what is watched for a target is an endpoint's");
            let region = self.plan.endpoints[endpoint.index()].region;
            self.tally.move_slot(region, from, self.last(id));
        }
    }

    fn count_target(&mut self, id: TargetId) {
        let slots = &self.plan.targets[id.index()].slots;
        let failing = slots.iter().any(|slot| self.last(*slot) == Last::Failed);
        let served = match (self.targets[id.index()].is_served_as_proven(), failing) {
            (false, _) => Served::No,
            (true, false) => Served::Sound,
            (true, true) => Served::Failing,
        };
        let from = std::mem::replace(&mut self.served[id.index()], served);
        self.tally.move_target(from, served);
    }

    fn last(&self, id: SlotId) -> Last {
        let slot = &self.slots[id.index()];
        match (slot.last(), slot.last_failure()) {
            (None, _) => Last::Nothing,
            (Some(_), None) => Last::Passed,
            (Some(_), Some(_)) => Last::Failed,
        }
    }
}

/// Which slots and targets of a new plan were in the old one, by key.
#[derive(Debug)]
pub(super) struct Kinship {
    /// The old number of each new slot.
    pub(super) slots: Vec<Option<SlotId>>,
    /// The old number of each new target.
    pub(super) targets: Vec<Option<TargetId>>,
}

impl Kinship {
    pub(super) fn between(old: &Plan, new: &Plan) -> Self {
        let slots = match_keys(
            old.slots.iter().map(|slot| slot.key.as_str()),
            new.slots.iter().map(|slot| slot.key.as_str()),
        );
        let targets = match_keys(
            old.targets.iter().map(|target| target.key.as_str()),
            new.targets.iter().map(|target| target.key.as_str()),
        );
        Self {
            slots: slots.map(|old| old.map(SlotId::from_index)).collect(),
            targets: targets.map(|old| old.map(TargetId::from_index)).collect(),
        }
    }
}

fn match_keys<'k>(
    old: impl Iterator<Item = &'k str>,
    new: impl Iterator<Item = &'k str>,
) -> impl Iterator<Item = Option<usize>> {
    let places: std::collections::BTreeMap<&str, usize> =
        old.enumerate().map(|(place, key)| (key, place)).collect();
    new.map(move |key| places.get(key).copied())
}

pub(super) fn monitor(plan: &Plan, slot: SlotId) -> &Monitor {
    &plan.monitors[plan.slots[slot.index()].monitor.index()]
}

fn recovery(plan: &Plan, target: TargetId) -> &Recovery {
    &plan.recoveries[plan.targets[target.index()].recovery.index()]
}
