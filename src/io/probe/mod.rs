//! Runs the probes that the engine asks for, each in a task of its own, and reports each once.
//!
//! What it decides: nothing about health. It turns one slot of a plan into one [`crate::health::Report`]: what was
//! seen, how long each phase took, when the certificate expires. When to probe, and what a failure
//! means, is the engine's.
//!
//! What it promises: every [`Prober::start`] gives exactly one [`Finished`], also when the probe's
//! code panics, the plan is not the one the probe was meant for, or the node is too busy (then the
//! cause is [`crate::base::Cause::Local`], which says nothing about the endpoint). Each probe has
//! its own task, so up to [`limits::PROBES_IN_FLIGHT`] none waits for another, however slow that
//! is. Past that bound a probe waits, at most as long as it may take; its time counts from when it
//! runs, so that a busy node does not make an endpoint look slow.
//!
//! ```text
//! start -> waiting --a place is free--> running --report--> Finished
//!    |        '-- timeout of the monitor: Local       '-- panic: Local
//!    '-- too many wait, or another plan: Local
//! ```
//!
//! How a probe dials and judges is its type's: one file for each, declared below and with a row in [`types`]. A
//! type makes its probes of what [`attempt`] has, and need not connect at all.
//!
//! Why not `reqwest`, which the control client uses, or `hyper` below it: `reqwest` cannot aim at an exact address under
//! another host's name without a client per address, does not time the phases, and does not
//! hand out the certificate of a handshake that failed; `hyper` takes 5 µs and a buffer of 8 kB for one small response, and
//! 75 µs where it is given room for as many header fields as a head may have, which it asks the system for each time. A probe
//! writes its request in one piece and reads the response as it comes ([`response`]), in 1.5 µs and without a buffer.
//!
//! What a probe leaves to the next one is in [`memory`]: for most monitors nothing.
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use self::attempt::Resources;
pub use self::cause::of_untrusted;
use self::duty::Duty;
pub use self::duty::Finished;
use self::job::Jobs;
pub use self::job::Unready;
use self::queue::{Admission, DueProbe};
use self::trust::Trust;
pub use self::trust::{TlsError, indifferent};
use crate::base::{Moment, limits};
use crate::engine::ProbeId;
use crate::io::clock::Clock;
use crate::plan::Plan;

mod attempt;
mod body;
mod bounded;
mod cause;
mod dialogue;
mod dns;
mod duty;
mod encrypted;
mod exchange;
mod exec;
mod expectation;
mod grpc;
mod http;
mod http2;
mod https;
mod icmp;
mod job;
mod launcher;
mod ldap;
mod memory;
mod mysql;
mod postgres;
mod prometheus;
mod push;
mod queue;
mod redis;
pub mod response;
mod session;
mod smtp;
mod starttls;
mod stopwatch;
mod stream;
mod tcp;
mod tls;
mod trust;
mod types;

/// Bounds on the probes under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Running at once.
    pub in_flight: usize,
    /// Waiting beyond those.
    pub waiting: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            in_flight: limits::PROBES_IN_FLIGHT,
            waiting: limits::PROBES_WAITING,
        }
    }
}

/// Runs probes.
#[derive(Debug)]
pub struct Prober {
    bounds: Bounds,
    admission: Admission,
    due: UnboundedSender<DueProbe>,
    resources: Resources,
    jobs: Arc<Jobs>,
}

impl Prober {
    /// A prober without a plan. Probes run on `handle`, best a runtime of one thread that does nothing else; each sends one
    /// report. The channel has no bound of its own because the engine starts a slot again only after its report.
    ///
    /// # Errors
    /// When the cryptographic provider offers no usable TLS version.
    pub fn new(
        handle: &Handle,
        clock: Clock,
        reports: UnboundedSender<Finished>,
    ) -> Result<Self, TlsError> {
        Self::bounded(handle, clock, reports, Bounds::default())
    }

    /// As [`Prober::new`], with bounds of its own.
    ///
    /// # Errors
    /// As [`Prober::new`].
    pub fn bounded(
        handle: &Handle,
        clock: Clock,
        reports: UnboundedSender<Finished>,
        bounds: Bounds,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            bounds,
            admission: Admission::new(clock, bounds.in_flight, bounds.waiting),
            due: queue::start(handle),
            resources: Resources {
                trust: Trust::new()?,
                reports,
                programs: None,
            },
            jobs: Arc::new(Jobs::none()),
        })
    }

    /// Probes from now on belong to this plan; those in flight end as they began, and leave nothing to its probes. Monitors
    /// that cannot be run are returned, for the log.
    pub fn use_plan(&mut self, epoch: u32, plan: Arc<Plan>) -> Vec<Unready> {
        let (jobs, unready) = Jobs::prepare(epoch, plan, &mut self.resources);
        self.jobs = Arc::new(jobs);
        unready
    }

    /// Starts one probe that is due since `due`; returns at once.
    pub fn start(&self, id: ProbeId, due: Moment) {
        let duty = Duty::new(id, self.resources.reports.clone());
        if let Some(job) = self.jobs.find(id)
            && let Some(due) = self.admission.admit(job, duty, due)
        {
            // Without anybody who takes it, it is reported as it is dropped.
            let _ = self.due.send(due);
        }
    }

    /// Number of probes that run at this moment.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.bounds.in_flight - self.admission.places()
    }
}
