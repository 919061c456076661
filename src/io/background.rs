//! Work beside answers: what takes long runs on threads that yield to those that answer.
//!
//! Parsing, signing, compiling geo data, taking and rendering transfers, and proofs are bursts of computation that nobody
//! asked a question about. A thread that does them has the lowest priority of the system (nice 19: a core that is
//! wanted by a thread that answers gives it a sixtieth), so that a burst lengthens itself and not the answers. Where somebody waits
//! for the outcome (an operator for a reload, a scraper) it has a low one (nice 10: a tenth of such a core):
//! beside a neighbour that takes all there is the lowest is next to nothing, and they would give up. An
//! unprivileged thread cannot raise its priority again, so each piece of work has a thread of its own, which ends with it.
//! How many run at once is the caller's affair.
use std::io;
use std::thread::Builder;

use tokio::sync::oneshot;

/// The lowest priority of the system (setpriority(2)).
const LOWEST: i32 = 19;

/// The priority of work that somebody waits for.
const AWAITED: i32 = 10;

/// Does work on a thread of the lowest priority that bears `name`, and waits for it. None when the work has panicked, or no
/// thread could be started.
///
/// Once begun, the work goes on to its end, whether anybody still waits for it or not.
pub async fn run<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    run_at(LOWEST, name, work).await
}

/// The same for work that somebody waits for: on a thread of low priority.
pub async fn run_awaited<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    run_at(AWAITED, name, work).await
}

async fn run_at<T: Send + 'static>(
    nice: i32,
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    let started = spawn_at(nice, name, move || {
        // Whoever waited may have gone.
        let _ = done.send(work());
    });
    started.ok()?;
    result.await.ok()
}

/// Does work on a thread of the lowest priority that bears `name` (the system shows 15 octets of it).
///
/// # Errors
/// When no thread can be started.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    spawn_at(LOWEST, name, work)
}

/// The same for work that somebody waits for: on a thread of low priority.
///
/// # Errors
/// When no thread can be started.
pub fn spawn_awaited(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    spawn_at(AWAITED, name, work)
}

fn spawn_at(nice: i32, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = Builder::new().name(name.to_owned());
    thread.spawn(move || {
        lower(nice);
        work();
    })?;
    Ok(())
}

/// Gives the calling thread, and every thread that it starts, a priority.
fn lower(nice: i32) {
    // On Linux a priority is a thread's (setpriority(2), "C library/kernel differences"). Lowering one's own is always
    // allowed; where it is not, the work is done all the same.
    let _ = rustix::process::setpriority_process(None, nice);
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
        assert_eq!(run("work", nice).await, Some(LOWEST));
        assert_eq!(run_awaited("work", nice).await, Some(AWAITED));
        assert_eq!(nice(), before);
    }

    #[tokio::test]
    async fn work_that_panics_is_no_result() {
        assert_eq!(run("work", || assert_eq!(nice(), 20)).await, None);
    }
}
