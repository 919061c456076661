//! Watch over what has not been looked at for longer than its interval allows: unwatched.
//!
//! A probe that ends for the node's own reasons says nothing of what it was to see, and so does one that never
//! reports, or that is put off for want of places. None of them is held against an endpoint; but what
//! was known of it grows old meanwhile, and past a bound ([`limits::UNWATCHED_INTERVALS`] intervals and
//! a timeout) nobody may take it for watched. So a slot is unwatched from that moment to its
//! next real result. That changes no standing: the answer goes on from what was seen last.
//!
//! It does not know what a result said, nor why there was none.
use std::collections::BTreeSet;

use crate::base::limits::{UNWATCHED_INTERVALS, UNWATCHED_LEAST};
use crate::base::{Moment, SlotId, Span};
use crate::plan::{Monitor, Plan, Target};

use super::reload_map::ReloadMap;

/// The last look at each slot, and those that are unwatched.
#[derive(Debug)]
pub(super) struct Lookout {
    /// By slot: the last real result; before the first, since when one is waited for.
    looked: Vec<Moment>,
    /// Each slot that is watched, by the moment at which it would be unwatched.
    due: BTreeSet<(Moment, SlotId)>,
    unwatched: BTreeSet<SlotId>,
}

impl Lookout {
    /// All are waited for since now.
    pub(super) fn new(plan: &Plan, now: Moment) -> Self {
        Self::of(plan, vec![now; plan.slots.len()])
    }

    fn of(plan: &Plan, looked: Vec<Moment>) -> Self {
        let due = (0..).map(SlotId).zip(&looked);
        let due = due.map(|(id, looked)| (looked.after(bound(plan, id)), id));
        Self {
            due: due.collect(),
            looked,
            unwatched: BTreeSet::new(),
        }
    }

    /// That of a new plan: a slot that was there before was looked at when it was.
    pub(super) fn migrate(&self, plan: &Plan, now: Moment, reload: &ReloadMap) -> Self {
        let old = |old: &Option<SlotId>| old.map_or(now, |old| self.looked[old.index()]);
        let mut fresh = Self::of(plan, reload.slots.iter().map(old).collect());
        for (id, old) in (0..).map(SlotId).zip(&reload.slots) {
            let was = old.is_some_and(|old| self.unwatched.contains(&old));
            if was && fresh.due.remove(&(fresh.due_of(plan, id), id)) {
                fresh.unwatched.insert(id);
            }
        }
        fresh
    }

    /// The slots that nobody has looked at for too long since the last call.
    pub(super) fn advance(&mut self, now: Moment) -> Vec<SlotId> {
        let mut late = Vec::new();
        while let Some((due, id)) = self.due.first().copied()
            && due <= now
        {
            self.due.remove(&(due, id));
            self.unwatched.insert(id);
            late.push(id);
        }
        late
    }

    /// A real result came in; tells whether the slot was unwatched.
    pub(super) fn look(&mut self, plan: &Plan, now: Moment, id: SlotId) -> bool {
        self.due.remove(&(self.due_of(plan, id), id));
        self.looked[id.index()] = now;
        self.due.insert((self.due_of(plan, id), id));
        self.unwatched.remove(&id)
    }

    /// The moment at which the next slot would be unwatched.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Tells that a slot is unwatched.
    pub(super) fn is_unwatched(&self, id: SlotId) -> bool {
        self.unwatched.contains(&id)
    }

    /// Tells that a slot of a target is unwatched.
    pub(super) fn is_blind_to(&self, target: &Target) -> bool {
        let mut slots = target.slots.iter().chain(&target.gate);
        slots.any(|slot| self.is_unwatched(*slot))
    }

    /// The time since the last real result, or since one was first waited for.
    pub(super) fn age(&self, now: Moment, id: SlotId) -> Span {
        now.since(self.looked[id.index()])
    }

    fn due_of(&self, plan: &Plan, id: SlotId) -> Moment {
        self.looked[id.index()].after(bound(plan, id))
    }
}

/// The time that a slot may go without a result.
fn bound(plan: &Plan, id: SlotId) -> Span {
    let monitor: &Monitor = &plan.monitors[plan.slots[id.index()].monitor.index()];
    let intervals = monitor.interval.times(UNWATCHED_INTERVALS);
    Span(intervals.0.saturating_add(monitor.timeout.0)).max(UNWATCHED_LEAST)
}
