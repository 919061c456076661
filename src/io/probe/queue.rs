//! Probes that are due: who may run, who waits, and who has no place.
//!
//! Whatever has come since the last look is started together, so that a hundred probes that are due in the same
//! milliseconds wake the thread that runs them once. The bounds are the caller's; a probe that finds no place within the time
//! that it has, or too many before it, is dropped with its duty, which reports that.
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval};

use super::duty::Duty;
use super::job::Job;
use crate::base::Moment;
use crate::io::clock::Clock;

/// Probes that are started together at the most.
const TOGETHER: usize = 256;
/// Period of a timer that is always there while probes run. A runtime that sleeps without one is woken by a system call for
/// each deadline that a probe sets.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// The places of those that run and of those that wait.
#[derive(Debug)]
pub(super) struct Admission {
    clock: Clock,
    /// One for each probe that runs.
    running: Arc<Semaphore>,
    /// One for each probe that runs or waits.
    admitted: Arc<Semaphore>,
}

/// A probe that runs or waits.
#[derive(Debug)]
pub(super) struct DueProbe {
    job: Job,
    duty: Duty,
    clock: Clock,
    since: Moment,
    running: Arc<Semaphore>,
    _admitted: OwnedSemaphorePermit,
}

impl Admission {
    /// Places for so many.
    pub(super) fn new(clock: Clock, in_flight: usize, waiting: usize) -> Self {
        Self {
            clock,
            running: Arc::new(Semaphore::new(in_flight)),
            admitted: Arc::new(Semaphore::new(in_flight + waiting)),
        }
    }

    /// Takes a probe in that is due since a moment; `None` if too many wait.
    pub(super) fn admit(&self, job: Job, duty: Duty, since: Moment) -> Option<DueProbe> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().ok()?;
        Some(DueProbe {
            job,
            duty,
            clock: self.clock,
            since,
            running: Arc::clone(&self.running),
            _admitted: admitted,
        })
    }

    /// The number of probes that could run besides those that do.
    pub(super) fn places(&self) -> usize {
        self.running.available_permits()
    }
}

/// Begins to run what is sent; ends when nothing can be sent any more.
pub(super) fn start(handle: &Handle) -> UnboundedSender<DueProbe> {
    let (due, queue) = unbounded_channel();
    handle.spawn(run_all(queue));
    due
}

async fn run_all(mut queue: UnboundedReceiver<DueProbe>) {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_busy = false;
    let mut together = Vec::new();
    loop {
        tokio::select! {
            count = queue.recv_many(&mut together, TOGETHER) => {
                if count == 0 {
                    return;
                }
                is_busy = true;
                for due in together.drain(..) {
                    tokio::spawn(due.run());
                }
            }
            _ = heartbeat.tick(), if is_busy => is_busy = false,
        }
    }
}

impl DueProbe {
    /// Waits for a place, runs the job, reports, and puts away what is left.
    async fn run(mut self) {
        let place = self.place().await;
        self.duty.late(self.clock.now().since(self.since));
        let Some(_place) = place else {
            return;
        };
        let (report, left) = self.job.run().await;
        self.duty.fulfil(report);
        if let Some(left) = left {
            Box::pin(self.job.put_away(left)).await;
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.running).try_acquire_owned() {
            return Some(place);
        }
        let patience = Duration::from_millis(self.job.timeout.0);
        let place = Arc::clone(&self.running).acquire_owned();
        tokio::time::timeout(patience, place).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets of the task that a function makes of a probe.
    fn task_bytes<T>(_: impl FnOnce(DueProbe) -> T) -> usize {
        size_of::<T>()
    }

    #[test]
    fn the_task_of_a_probe_is_small_whatever_the_greatest_type_needs() {
        let bytes = task_bytes(DueProbe::run);
        assert!(bytes <= 1024, "{bytes}");
    }
}
