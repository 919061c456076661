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
//! Why not `reqwest`, which the control client uses: it cannot aim at an exact address under
//! another host's name without a client per address, it does not time the phases, and it does not
//! hand out the certificate of a handshake that failed. `hyper` over a connection of our own does.
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::attempt::Resources;
pub use self::cause::of_untrusted;
use self::duty::Duty;
pub use self::duty::Finished;
pub use self::job::Unready;
use self::job::{Job, Jobs};
pub use self::trust::TlsError;
use self::trust::Trust;
use crate::base::{Moment, limits};
use crate::engine::ProbeId;
use crate::io::clock::Clock;
use crate::plan::Plan;

mod attempt;
mod body;
mod cause;
mod dialogue;
mod duty;
mod http;
mod https;
mod job;
mod postgres;
mod stopwatch;
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
    handle: Handle,
    clock: Clock,
    bounds: Bounds,
    /// One for each probe that runs.
    running: Arc<Semaphore>,
    /// One for each probe that runs or waits.
    admitted: Arc<Semaphore>,
    resources: Resources,
    jobs: Jobs,
}

impl Prober {
    /// A prober without a plan. Probes run on `handle`; each sends one report. The channel has
    /// no bound of its own because the engine starts a slot again only after its report.
    ///
    /// # Errors
    /// When the cryptographic provider offers no usable TLS version.
    pub fn new(
        handle: Handle,
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
        handle: Handle,
        clock: Clock,
        reports: UnboundedSender<Finished>,
        bounds: Bounds,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            handle,
            clock,
            bounds,
            running: Arc::new(Semaphore::new(bounds.in_flight)),
            admitted: Arc::new(Semaphore::new(bounds.in_flight + bounds.waiting)),
            resources: Resources {
                trust: Trust::new()?,
                reports,
            },
            jobs: Jobs::none(),
        })
    }

    /// Probes from now on belong to this plan; those in flight end as they began. Monitors that
    /// cannot be run are returned, for the log.
    pub fn use_plan(&mut self, epoch: u32, plan: Arc<Plan>) -> Vec<Unready> {
        let (jobs, unready) = Jobs::prepare(epoch, plan, &mut self.resources);
        self.jobs = jobs;
        unready
    }

    /// Starts one probe that is due since `due`; returns at once.
    pub fn start(&self, id: ProbeId, due: Moment) {
        let duty = Duty::new(id, self.resources.reports.clone());
        let Some(job) = self.jobs.find(id) else {
            return;
        };
        let Ok(admitted) = Arc::clone(&self.admitted).try_acquire_owned() else {
            return;
        };
        let queue = Queue {
            clock: self.clock,
            due,
            running: Arc::clone(&self.running),
            _admitted: admitted,
        };
        self.handle.spawn(queue.run(job, duty));
    }

    /// Number of probes that run at this moment.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.bounds.in_flight - self.running.available_permits()
    }
}

/// A probe's place among those that wait or run.
struct Queue {
    clock: Clock,
    due: Moment,
    running: Arc<Semaphore>,
    _admitted: OwnedSemaphorePermit,
}

impl Queue {
    /// Waits for a place, runs the job, reports, and closes the connection politely.
    async fn run(self, job: Job, mut duty: Duty) {
        let patience = Duration::from_millis(job.timeout.0);
        let place = tokio::time::timeout(patience, Arc::clone(&self.running).acquire_owned()).await;
        duty.late(self.clock.now().since(self.due));
        let Ok(Ok(_place)) = place else {
            return;
        };
        let (report, open) = job.run().await;
        duty.fulfil(report);
        if let Some(stream) = open {
            attempt::close_gracefully(stream).await;
        }
    }
}
