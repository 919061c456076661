//! Preparation of a plan's monitors, so that a probe only has to run.
//!
//! Roots, methods, paths and headers are read once for each monitor. A monitor that cannot be run
//! (roots that do not parse, a header that is none) is told to the caller and its probes end as
//! local failures; the other monitors of the plan go on. The compiler of the config refuses most of
//! these first. What a monitor of each type does is not known here.
use std::sync::Arc;

use super::attempt::{Attempt, Destination, OpenStream, Resources};
use super::types::Prepared;
use crate::base::Span;
use crate::engine::ProbeId;
use crate::health::Report;
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
    pub(super) timeout: Span,
    to: Destination,
    prepared: Prepared,
}

impl Job {
    /// Runs the probe. With the report comes the connection, if it still stands and deserves a polite end.
    pub(super) async fn run(&self) -> (Report, Option<Box<dyn OpenStream>>) {
        let mut attempt = Attempt::start(self.timeout);
        let result = self.prepared.look(&self.to, &mut attempt).await;
        attempt.conclude(result)
    }
}

/// A plan with its monitors prepared.
#[derive(Debug)]
pub(super) struct Jobs {
    current: Option<(u32, Arc<Plan>)>,
    /// By monitor; `None` for one that cannot be run.
    prepared: Vec<Option<Prepared>>,
}

impl Jobs {
    /// Before the first plan: nothing can be probed.
    pub(super) fn none() -> Self {
        Self {
            current: None,
            prepared: Vec::new(),
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
        let current = Some((epoch, plan));
        (Self { current, prepared }, unready)
    }

    /// The job of a probe; `None` if it is of another plan or its monitor cannot be run.
    pub(super) fn find(&self, id: ProbeId) -> Option<Job> {
        let (epoch, plan) = self.current.as_ref()?;
        let slot = plan.slots.get(id.slot.index())?;
        let monitor = plan.monitors.get(slot.monitor.index())?;
        let prepared = self.prepared.get(slot.monitor.index())?.as_ref()?;
        (*epoch == id.epoch).then(|| Job {
            timeout: monitor.timeout,
            to: destination(slot),
            prepared: prepared.clone(),
        })
    }
}

/// Address and host of a slot's probes.
fn destination(slot: &Slot) -> Destination {
    let host = match &*slot.host {
        "" => slot.address.ip().to_string(),
        named => named.to_owned(),
    };
    Destination {
        address: slot.address,
        host,
    }
}
