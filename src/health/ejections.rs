//! The bound on what may leave automatically (promise 5): in all, and within an interval.
//!
//! # What is counted
//! Capacity, not heads. A target weighs what its endpoint states as its capacity, if *every* endpoint
//! of the plan states one; otherwise each target weighs 1, for a sum of stated and unstated
//! would say nothing. Both bounds are parts of the sum over all targets, rounded down. A drain is
//! an order: what is drained, or on its way there, does not count, dead or not. Otherwise a region
//! that is switched off for maintenance would use up what is meant for accidents.
//!
//! # Trip conditions
//! A target leaves only if what is out with it is within `guard.max_ejected`, and what has left in
//! the last `guard.ejection_interval` with it is within `guard.max_ejected_at_once`. The interval
//! slides: each leaving is remembered with its moment, the last one of each target, so that what
//! flaps is not counted twice. What has come back since then has left all the same.
//!
//! # Recovery conditions
//! When something comes back, or a leaving grows older than the interval, there is room again; who
//! takes it is for the engine to say. What had no share when it fell is out, but has not left.
//!
//! It knows neither why a target fails nor whether it is kept for another reason.
use std::collections::BTreeSet;

use crate::base::{Moment, Permille, Span, TargetId};
use crate::plan::Plan;

/// What is out, and what has left of late.
#[derive(Clone, Debug)]
pub struct Ejections {
    weights: Vec<u64>,
    whole: u64,
    room: u64,
    room_at_once: u64,
    interval: Span,
    is_out: Vec<bool>,
    out: u64,
    recent: u64,
    leavings: BTreeSet<(Moment, TargetId)>,
    left_at: Vec<Option<Moment>>,
    freed: bool,
}

impl Ejections {
    /// Nothing is out.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let stated = plan.endpoints.iter().all(|one| one.capacity.is_some());
        let weights = plan.targets.iter().map(|target| {
            let capacity = plan.endpoints[target.endpoint.index()].capacity;
            let capacity = capacity.filter(|_| stated).unwrap_or(1);
            u64::from(capacity.max(1))
        });
        let guard = &plan.guard;
        let weights: Vec<u64> = weights.collect();
        let whole = weights.iter().sum();
        let part = |part: Permille| whole * u64::from(part.0) / 1000;
        Self {
            room: part(guard.max_ejected),
            room_at_once: part(guard.max_ejected_at_once),
            whole,
            left_at: vec![None; weights.len()],
            is_out: vec![false; weights.len()],
            weights,
            interval: guard.ejection_interval,
            out: 0,
            recent: 0,
            leavings: BTreeSet::new(),
            freed: true,
        }
    }

    /// Tells whether one more target may leave now.
    #[must_use]
    pub fn fits(&self, id: TargetId) -> bool {
        let own = self.weights[id.index()];
        let counted = self.left_at[id.index()].map_or(0, |_| own);
        self.out + own <= self.room && self.recent - counted + own <= self.room_at_once
    }

    /// A target is out, if it was not already.
    pub fn add(&mut self, id: TargetId) {
        if !std::mem::replace(&mut self.is_out[id.index()], true) {
            self.out += self.weights[id.index()];
        }
    }

    /// A target is not out any more, if it was.
    pub fn remove(&mut self, id: TargetId) {
        if std::mem::replace(&mut self.is_out[id.index()], false) {
            self.out -= self.weights[id.index()];
            self.freed = true;
        }
    }

    /// Something other than room may let go what was held back.
    pub fn reconsider(&mut self) {
        self.freed = true;
    }

    /// Remembers that a target has left at that moment.
    pub fn remember(&mut self, at: Moment, id: TargetId) {
        self.forget(id);
        self.left_at[id.index()] = Some(at);
        self.leavings.insert((at, id));
        self.recent += self.weights[id.index()];
    }

    /// Forgets what left longer ago than the interval.
    pub fn advance(&mut self, now: Moment) {
        while let Some((at, id)) = self.leavings.first().copied()
            && at.after(self.interval) <= now
        {
            self.forget(id);
            self.freed = true;
        }
    }

    /// When a target left, if that is still remembered.
    #[must_use]
    pub fn left_at(&self, id: TargetId) -> Option<Moment> {
        self.left_at[id.index()]
    }

    /// When the next leaving is forgotten.
    #[must_use]
    pub fn next_change(&self) -> Option<Moment> {
        let (at, _) = self.leavings.first()?;
        Some(at.after(self.interval))
    }

    /// Tells whether there may be more room than when this was asked last.
    pub fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// Part of all capacity that is out.
    #[must_use]
    pub fn out(&self) -> Permille {
        let permille = self.out * 1000 / self.whole.max(1);
        Permille(u16::try_from(permille).unwrap_or(1000))
    }

    fn forget(&mut self, id: TargetId) {
        if let Some(at) = self.left_at[id.index()].take() {
            self.leavings.remove(&(at, id));
            self.recent -= self.weights[id.index()];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ejections of targets with these weights, and both bounds.
    fn ejections(weights: &[u64], room: u64, room_at_once: u64) -> Ejections {
        Ejections {
            weights: weights.to_vec(),
            whole: weights.iter().sum(),
            room,
            room_at_once,
            interval: Span(100),
            is_out: vec![false; weights.len()],
            out: 0,
            recent: 0,
            leavings: BTreeSet::new(),
            left_at: vec![None; weights.len()],
            freed: false,
        }
    }

    fn leave(ejections: &mut Ejections, at: u64, id: u32) {
        ejections.add(TargetId(id));
        ejections.remember(Moment(at), TargetId(id));
    }

    #[test]
    fn capacity_counts_not_heads() {
        let mut own = ejections(&[60, 30, 10], 40, 100);
        assert_eq!(
            [0, 1, 2].map(|id| own.fits(TargetId(id))),
            [false, true, true]
        );
        leave(&mut own, 0, 1);
        assert!(own.fits(TargetId(2)), "exactly full is within");
        leave(&mut own, 0, 2);
        own.add(TargetId(2));
        assert_eq!(own.out(), Permille(400), "said twice");
        own.remove(TargetId(1));
        own.remove(TargetId(1));
        assert!(own.take_freed() && !own.take_freed());
        assert_eq!(own.out(), Permille(100));
    }

    #[test]
    fn the_interval_slides() {
        let mut own = ejections(&[1; 6], 6, 2);
        leave(&mut own, 0, 0);
        leave(&mut own, 60, 1);
        assert!(!own.fits(TargetId(2)));
        own.remove(TargetId(0));
        assert!(!own.fits(TargetId(2)), "back, but it has left");
        assert!(own.fits(TargetId(0)), "and leaves again at no cost");
        own.advance(Moment(99));
        assert_eq!(own.next_change(), Some(Moment(100)));
        assert!(!own.fits(TargetId(2)));
        own.advance(Moment(100));
        assert!(own.fits(TargetId(2)));
        assert_eq!(own.next_change(), Some(Moment(160)));
        leave(&mut own, 110, 2);
        leave(&mut own, 120, 1);
        assert_eq!(own.next_change(), Some(Moment(210)), "the last one of each");
    }

    #[test]
    fn what_flaps_never_fills_an_open_bound() {
        let mut own = ejections(&[5, 5], 10, 10);
        for at in 0..50 {
            assert!(own.fits(TargetId(0)));
            leave(&mut own, at, 0);
            own.remove(TargetId(0));
        }
        assert!(own.fits(TargetId(1)));
    }
}
