//! Times the phases of one probe, and holds every phase to the probe's deadline.
//!
//! It reads the runtime's own clock, because that is the clock the deadline runs out by; moments of
//! the engine ([`crate::base::Moment`]) are whole milliseconds, too coarse for a connection in the
//! same rack.
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::base::{Cause, Span};

/// One probe's clock.
pub(super) struct Stopwatch {
    began: Instant,
    phase: Instant,
    deadline: Instant,
}

impl Stopwatch {
    /// Starts, with the time that the probe has in all.
    pub(super) fn start(timeout: Span) -> Self {
        let began = Instant::now();
        Self {
            began,
            phase: began,
            deadline: began + Duration::from_millis(timeout.0),
        }
    }

    /// Runs a phase; past the deadline it has failed as `late`. Gives how long it took, in
    /// microseconds, at least one: 0 is for a phase that was not reached.
    pub(super) async fn phase<T>(
        &mut self,
        late: Cause,
        work: impl Future<Output = Result<T, Cause>>,
    ) -> (u32, Result<T, Cause>) {
        let result = timeout_at(self.deadline, work).await;
        let took = micros(self.phase.elapsed());
        self.phase = Instant::now();
        (took.max(1), result.unwrap_or(Err(late)))
    }

    /// The moment of the start.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Milliseconds until the deadline.
    pub(super) fn left_ms(&self) -> u64 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    /// Microseconds since the start.
    pub(super) fn total(&self) -> u32 {
        micros(self.began.elapsed())
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
