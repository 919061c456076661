//! The moment at which each target is to be looked at again: the next step of its ramp, its drain, or a region's row of it.
//!
//! One moment for each target, the last that was said. Whoever says another need not know the one before, so that nothing is left behind
//! that would come due again and again.
use std::collections::BTreeSet;

use crate::base::{Moment, TargetId};

/// The steps to come, soonest first.
#[derive(Debug)]
pub(super) struct StepQueue {
    queue: BTreeSet<(Moment, TargetId)>,
    /// By target.
    due: Vec<Option<Moment>>,
}

impl StepQueue {
    /// None, for so many targets.
    pub(super) fn new(targets: usize) -> Self {
        Self {
            queue: BTreeSet::new(),
            due: vec![None; targets],
        }
    }

    /// The moment of the soonest, and whose step it is.
    pub(super) fn first(&self) -> Option<(Moment, TargetId)> {
        self.queue.first().copied()
    }

    /// The next step of a target is due then, or there is none to come.
    pub(super) fn set(&mut self, id: TargetId, due: Option<Moment>) {
        let before = std::mem::replace(&mut self.due[id.index()], due);
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, id));
        }
        if let Some(due) = due {
            self.queue.insert((due, id));
        }
    }
}
