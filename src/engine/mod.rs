//! The control loop with the waiting taken out: the sole owner of changing state.
//!
//! `io` (or `sim`) calls [`Engine::handle`] with what happened, does what [`Engine::poll`]
//! says until it says nothing, and calls again at [`Engine::wake_at`] at the latest.
use std::sync::Arc;

use crate::base::{Moment, SlotId};
use crate::health::Report;
use crate::plan::Plan;
use crate::table::Table;

pub mod notice;
pub mod status;

pub use notice::Notice;
pub use status::Status;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed.
    Tick,
    /// A probe finished.
    Probed(ProbeId, Report),
    /// A new plan; health is kept by name.
    Reload(Arc<Plan>),
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Start a probe of this slot of the current plan.
    Probe(ProbeId),
    /// Serve from this table.
    Publish(Arc<Table>),
    /// Tell the operator.
    Notice(Notice),
}

/// One probe: a slot, and the plan that its number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeId {
    /// Which plan: counts up with each reload. Reports of older plans are ignored.
    pub epoch: u32,
    /// Which slot.
    pub slot: SlotId,
}

/// Owns all changing state.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// Starts with every target unproven; `seed` spreads the probes.
    #[must_use]
    pub fn new(_plan: Arc<Plan>, _now: Moment, _seed: u64) -> Self {
        Self {}
    }

    /// Takes in one thing that happened.
    pub fn handle(&mut self, _now: Moment, _input: Input) {}

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        None
    }

    /// When to call [`Engine::handle`] with [`Input::Tick`] if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        None
    }

    /// Everything an operator may want to see.
    #[must_use]
    pub fn status(&self, _now: Moment) -> Status {
        Status::default()
    }
}
