//! `waypost plan --probe`: what another config probes and the one in use does not, tried once before anybody is sent there.
//!
//! A slot is new if its address, its host or its monitor is. Each is probed once, from this machine, in the way of a server, and by its
//! monitor's own timeout. Left out is what reports by itself, and machines known by name, of whose addresses nobody has asked here.
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;

use super::present::line;
use crate::base::{Cause, SlotId, limits};
use crate::daemon::Failure;
use crate::engine::ProbeId;
use crate::health::{ProbeResult, Report};
use crate::io::clock::Clock;
use crate::io::probe::{Finished, Prober};
use crate::plan::{Plan, Slot};

/// The number of the only plan that is probed.
const EPOCH: u32 = 1;

/// One slot that is new, and what its probe saw.
#[derive(Debug, Serialize)]
struct Trial {
    monitor: String,
    /// Absent for a canary.
    endpoint: Option<String>,
    address: SocketAddr,
    /// Tells that the config can do with what was seen: it passed, or a combination wants that it does not.
    passed: bool,
    /// Why the probe failed, as metrics have it.
    cause: Option<&'static str>,
    /// The same for a person.
    reason: Option<String>,
    duration_ms: u32,
}

/// All that is new.
#[derive(Debug, Default, Serialize)]
pub(super) struct Trials {
    probes: Vec<Trial>,
    /// Names of endpoints that were not tried: they are known by name.
    not_tried: BTreeSet<String>,
}

impl Trials {
    /// Probes what is new.
    ///
    /// # Errors
    /// When no probes can be made here at all; for a person.
    pub(super) fn of(old: &Plan, new: &Arc<Plan>) -> Result<Self, Failure> {
        let ids = (0..).map(SlotId).zip(&new.slots);
        let ids = ids.filter(|(_, slot)| is_new(old, new, slot));
        let (named, ids): (Vec<_>, Vec<_>) = ids.partition(|(_, slot)| is_assumed(new, slot));
        let ids: Vec<SlotId> = ids.into_iter().map(|(id, _)| id).collect();
        let named = named.into_iter();
        let named = named.filter_map(|(_, slot)| endpoint(new, slot).map(str::to_owned));
        let reports = probe(new, &ids)?;
        let probes = reports.into_iter();
        Ok(Self {
            probes: probes
                .map(|(id, report, why)| Trial::new(new, id, report, why))
                .collect(),
            not_tried: named.collect(),
        })
    }

    /// Tells that all that was tried has passed.
    pub(super) fn passed(&self) -> bool {
        self.probes.iter().all(|trial| trial.passed)
    }
}

impl Trial {
    /// `why` is why its monitor cannot be run here at all.
    fn new(plan: &Plan, id: SlotId, report: Report, why: Option<String>) -> Self {
        let slot = &plan.slots[id.index()];
        let monitor = &plan.monitors[slot.monitor.index()];
        let cause: Option<Cause> = match report.judged_by(monitor).outcome {
            ProbeResult::Pass => None,
            ProbeResult::Fail(cause) => Some(cause),
        };
        Self {
            monitor: monitor.name.clone(),
            endpoint: endpoint(plan, slot).map(str::to_owned),
            address: slot.address,
            passed: cause.is_none() || slot.opposed,
            cause: cause.map(Cause::word),
            reason: why.or_else(|| cause.map(|cause| cause.to_string())),
            duration_ms: report.timing.total_us / 1000,
        }
    }
}

/// Tells that the old plan does not probe this address in this way.
fn is_new(old: &Plan, new: &Plan, slot: &Slot) -> bool {
    let monitor = &new.monitors[slot.monitor.index()];
    let alike = |own: &Slot| {
        (own.address, &own.host) == (slot.address, &slot.host)
            && old.monitors[own.monitor.index()] == *monitor
    };
    monitor.check.silence().is_none() && !old.slots.iter().any(alike)
}

/// Tells that the address is no more than assumed.
fn is_assumed(plan: &Plan, slot: &Slot) -> bool {
    let endpoint = slot.endpoint.map(|id| &plan.endpoints[id.index()]);
    let named = endpoint.and_then(|own| own.named.as_ref());
    named.is_some_and(|named| named.assumed)
}

fn endpoint<'p>(plan: &'p Plan, slot: &Slot) -> Option<&'p str> {
    Some(&*plan.endpoints[slot.endpoint?.index()].name)
}

/// Probes some slots, no more at once than a server does; gives what was seen, and why where a monitor cannot be run.
fn probe(
    plan: &Arc<Plan>,
    slots: &[SlotId],
) -> Result<Vec<(SlotId, Report, Option<String>)>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    let (sender, mut reports) = mpsc::unbounded_channel::<Finished>();
    let clock = Clock::start();
    let prober = Prober::new(runtime.handle(), clock, sender);
    let mut prober = prober.map_err(|error| format!("cannot start the prober: {error}"))?;
    let unready = prober.use_plan(EPOCH, Arc::clone(plan));
    let mut seen = Vec::with_capacity(slots.len());
    for some in slots.chunks(limits::PROBES_IN_FLIGHT) {
        for slot in some {
            let id = ProbeId {
                epoch: EPOCH,
                slot: *slot,
            };
            prober.start(id, clock.now());
        }
        for _ in some {
            let Some(finished) = runtime.block_on(reports.recv()) else {
                return Err("the prober has gone".to_owned());
            };
            let slot = &plan.slots[finished.id.slot.index()];
            let name = &plan.monitors[slot.monitor.index()].name;
            let why = unready.iter().find(|own| own.monitor == *name);
            let why = why.map(|own| own.reason.clone());
            seen.push((finished.id.slot, finished.report, why));
        }
    }
    seen.sort_by_key(|(slot, ..)| *slot);
    Ok(seen)
}

impl fmt::Display for Trials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let passed = self.probes.iter().filter(|trial| trial.passed).count();
        let head = match self.probes.len() {
            0 => "nothing is probed that was not before".to_owned(),
            count => format!("new probes, once each from here: {passed} of {count} pass"),
        };
        line(&mut text, &head);
        for trial in &self.probes {
            let monitor = &trial.monitor;
            let of = trial.endpoint.as_deref().unwrap_or("a canary");
            let result = match (&trial.reason, trial.passed) {
                (None, _) => format!("passes in {} ms", trial.duration_ms),
                (Some(reason), true) => format!("fails, as it is to: {reason}"),
                (Some(reason), false) => format!("fails: {reason}"),
            };
            line(
                &mut text,
                &format!("  {monitor} of {of} at {}: {result}", trial.address),
            );
        }
        if !self.not_tried.is_empty() {
            let names = Vec::from_iter(self.not_tried.iter().map(String::as_str)).join(", ");
            line(&mut text, &format!("  not tried, known by name: {names}"));
        }
        out.write_str(text.trim_end())
    }
}
