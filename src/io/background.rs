//! Work beside answers: what takes long runs on threads that yield to those that answer.
//!
//! Parsing, signing, compiling geo data, taking and rendering transfers, and proofs are bursts of computation that nobody
//! asked a question about. A thread that does them has the lowest priority of the system (nice 19: a core that is
//! wanted by a thread that answers gives it a sixtieth), so that a burst lengthens itself and not the answers. An
//! unprivileged thread cannot raise its priority again, so each piece of work has a thread of its own, which ends with it.
//! How many run at once is the caller's affair.
use std::io;
use std::thread::Builder;

use tokio::sync::oneshot;

/// The lowest priority of the system (setpriority(2)).
const NICE: i32 = 19;

/// Does work on a thread of low priority that bears `name`, and waits for it. None when the work has panicked, or no
/// thread could be started.
///
/// Once begun, the work goes on to its end, whether anybody still waits for it or not.
pub async fn run<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    let started = spawn(name, move || {
        // Whoever waited may have gone.
        let _ = done.send(work());
    });
    started.ok()?;
    result.await.ok()
}

/// Does work on a thread of low priority that bears `name` (the system shows 15 octets of it).
///
/// # Errors
/// When no thread can be started.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = Builder::new().name(name.to_owned());
    thread.spawn(move || {
        yield_to_answers();
        work();
    })?;
    Ok(())
}

/// Gives the calling thread, and every thread that it starts, the lowest priority.
pub fn yield_to_answers() {
    // On Linux a priority is a thread's (setpriority(2), "C library/kernel differences"). Lowering one's own is always
    // allowed; where it is not, the work is done all the same.
    let _ = rustix::process::setpriority_process(None, NICE);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nice() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[tokio::test]
    async fn work_yields_and_its_caller_does_not() {
        let before = nice();
        assert_eq!(run("work", nice).await, Some(NICE));
        assert_eq!(nice(), before);
    }

    #[tokio::test]
    async fn work_that_panics_is_no_result() {
        assert_eq!(run("work", || assert_eq!(nice(), 20)).await, None);
    }
}
