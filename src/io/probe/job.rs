//! Preparation of a plan's monitors, so that a probe only has to run.
//!
//! Roots, methods, paths and headers are read once for each monitor. A monitor that cannot be run
//! (roots that do not parse, a header that is none) is told to the caller and its probes end as
//! local failures; the other monitors of the plan go on. The compiler of the config refuses most of
//! these first. What a monitor of each type does is not known here. A job is a place in what is prepared, so that a probe
//! copies nothing of it.
use std::borrow::Cow;
use std::sync::Arc;

use super::attempt::{Attempt, Destination, Left, Resources};
use super::memory::{SlotMemories, SlotMemory};
use super::types::Prepared;
use crate::base::{Cause, SlotId, Span};
use crate::engine::ProbeId;
use crate::health::Report;
use crate::monitor::source::ProbeSource;
use crate::plan::{Plan, Slot};

/// A monitor that cannot be run here; each of its probes ends as a local failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// Name of the monitor.
    pub monitor: String,
    /// Why, for a person.
    pub reason: String,
}

/// One probe, ready to run.
#[derive(Debug)]
pub(super) struct Job {
    /// Time that it has.
    pub(super) timeout: Span,
    jobs: Arc<Jobs>,
    slot: SlotId,
    prepared: Prepared,
}

impl Job {
    /// Runs the probe. With the report comes what it leaves, if that is to be put away.
    pub(super) async fn run(&self) -> (Report, Option<Left>) {
        let Some((slot, source)) = self.jobs.aim(self.slot) else {
            let nowhere = ProbeSource::default();
            let attempt = Attempt::start(self.timeout, &nowhere, self.memory());
            return attempt.conclude(Err(Cause::Local));
        };
        let mut attempt = Attempt::start(self.timeout, source, self.memory());
        let result = self.prepared.look(&destination(slot), &mut attempt).await;
        attempt.conclude(result)
    }

    /// Puts away what it has left.
    pub(super) async fn put_away(&self, left: Left) {
        left.put_away(self.memory()).await;
    }

    fn memory(&self) -> SlotMemory<'_> {
        self.jobs.memories.of(self.slot)
    }
}

/// A plan with its monitors prepared, and what its probes leave each other.
#[derive(Debug)]
pub(super) struct Jobs {
    current: Option<(u32, Arc<Plan>)>,
    /// By monitor; `None` for one that cannot be run.
    prepared: Vec<Option<Prepared>>,
    memories: SlotMemories,
}

impl Jobs {
    /// Before the first plan: nothing can be probed.
    pub(super) fn none() -> Self {
        Self {
            current: None,
            prepared: Vec::new(),
            memories: SlotMemories::new(0, 0),
        }
    }

    /// Prepares the monitors of a plan, and tells which cannot be run.
    pub(super) fn prepare(
        epoch: u32,
        plan: Arc<Plan>,
        resources: &mut Resources,
    ) -> (Self, Vec<Unready>) {
        let mut unready = Vec::new();
        let mut prepared = Vec::with_capacity(plan.monitors.len());
        for monitor in &plan.monitors {
            let made = Prepared::of(&monitor.check, resources);
            let made = made.map_err(|reason| {
                let monitor = monitor.name.clone();
                unready.push(Unready { monitor, reason });
            });
            prepared.push(made.ok());
        }
        let memories = SlotMemories::new(plan.slots.len(), plan.server.connections);
        let jobs = Self {
            current: Some((epoch, plan)),
            prepared,
            memories,
        };
        (jobs, unready)
    }

    /// The job of a probe; `None` if it is of another plan or its monitor cannot be run.
    pub(super) fn find(self: &Arc<Self>, id: ProbeId) -> Option<Job> {
        let (epoch, plan) = self.current.as_ref()?;
        let slot = self.slot(id.slot)?;
        let monitor = plan.monitors.get(slot.monitor.index())?;
        let prepared = self.prepared.get(slot.monitor.index())?.as_ref()?;
        (*epoch == id.epoch).then(|| Job {
            timeout: monitor.timeout,
            jobs: Arc::clone(self),
            slot: id.slot,
            prepared: prepared.clone(),
        })
    }

    /// The slot, and where its probes leave this node.
    fn aim(&self, slot: SlotId) -> Option<(&Slot, &ProbeSource)> {
        let (_, plan) = self.current.as_ref()?;
        let slot = plan.slots.get(slot.index())?;
        let monitor = plan.monitors.get(slot.monitor.index())?;
        Some((slot, &monitor.source))
    }

    fn slot(&self, slot: SlotId) -> Option<&Slot> {
        let (_, plan) = self.current.as_ref()?;
        plan.slots.get(slot.index())
    }
}

/// Address and host of a slot's probes.
fn destination(slot: &Slot) -> Destination<'_> {
    let host = match &*slot.host {
        "" => Cow::Owned(slot.address.ip().to_string()),
        named => Cow::Borrowed(named),
    };
    Destination {
        address: slot.address,
        host,
    }
}
