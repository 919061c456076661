//! Runs the probes that the engine asks for, each in a task of its own, and reports each once.
//!
//! What it decides: nothing about health. It turns one slot of a plan into one [`Report`]: what was
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
//! Why not `reqwest`, which the control client uses: it cannot aim at an exact address under
//! another host's name without a client per address, it does not time the phases, and it does not
//! hand out the certificate of a handshake that failed. `hyper` over a connection of our own does.
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::duty::Duty;
use self::job::{Job, Jobs};
pub use self::tls::TlsError;
use self::tls::Trust;
use crate::base::{Moment, Span, limits};
use crate::engine::ProbeId;
use crate::health::Report;
use crate::io::clock::Clock;
use crate::plan::Plan;

mod cause;
mod duty;
mod http;
mod job;
mod postgres;
mod run;
mod stopwatch;
mod tls;

/// The end of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which probe.
    pub id: ProbeId,
    /// What it saw.
    pub report: Report,
    /// How long after its time it began: the node's own lateness, waiting for a place included.
    pub late: Span,
}

/// A monitor that cannot be run here; each of its probes ends as a local failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// Name of the monitor.
    pub monitor: String,
    /// Why, for a person.
    pub reason: String,
}

/// How many probes may be under way.
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
    reports: UnboundedSender<Finished>,
    bounds: Bounds,
    /// One for each probe that runs.
    running: Arc<Semaphore>,
    /// One for each probe that runs or waits.
    admitted: Arc<Semaphore>,
    trust: Trust,
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
            reports,
            bounds,
            running: Arc::new(Semaphore::new(bounds.in_flight)),
            admitted: Arc::new(Semaphore::new(bounds.in_flight + bounds.waiting)),
            trust: Trust::new()?,
            jobs: Jobs::none(),
        })
    }

    /// Probes from now on belong to this plan; those in flight end as they began. Monitors that
    /// cannot be run are returned, for the log.
    pub fn use_plan(&mut self, epoch: u32, plan: Arc<Plan>) -> Vec<Unready> {
        let (jobs, unready) = Jobs::prepare(epoch, plan, &mut self.trust);
        self.jobs = jobs;
        unready
    }

    /// Starts one probe that is due since `due`; returns at once.
    pub fn start(&self, id: ProbeId, due: Moment) {
        let duty = Duty::new(id, self.reports.clone());
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

    /// How many probes run at this moment.
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
        let (report, open) = run::run(&job).await;
        duty.fulfil(report);
        if let Some(stream) = open {
            run::part(stream).await;
        }
    }
}
