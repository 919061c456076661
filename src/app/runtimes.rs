//! The two runtimes, and which threads step back for which.
//!
//! | runtime | its tasks | its priority |
//! |---|---|---|
//! | background | engine, probes, control | steps back |
//! | streams | TCP answers | as UDP answers: the process's own |
//!
//! A query waits for a thread that answers, a probe has seconds: so what probes, builds, renders or
//! logs yields to what answers when both want a core. It steps back by [`STEP`], not to the end of the
//! line: under a flood of queries it still gets a quarter of a core for each of its threads, for a node
//! that no longer probes is sick as well.
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tracing::warn;

/// Threads of each runtime.
const WORKERS: usize = 2;
/// How far a thread steps back, in the kernel's steps of niceness; each is a tenth of the share.
const STEP: i32 = 5;

/// The runtime of everything that does not answer.
pub(super) fn background() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("background")
        .on_thread_start(step_back)
        .enable_all()
        .build()
}

/// Lets the threads that answer go before this one.
pub(super) fn step_back() {
    if let Err(error) = rustix::process::nice(STEP) {
        warn!(event = "priority", %error, "a thread keeps its priority");
    }
}

/// The runtime of TCP answers. It ends without waiting, so it may be dropped inside another.
pub(super) struct Streams(Option<Runtime>);

impl Streams {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("streams")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> &Handle {
        let runtime = self.0.as_ref();
        runtime.expect("it is there until it is dropped").handle()
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[test]
    fn background_threads_step_back_and_streams_do_not() {
        let own = niceness();
        let background = background().unwrap();
        let streams = Streams::start().unwrap();
        let ask = |handle: &Handle| {
            let asked = handle.spawn(async { niceness() });
            background.block_on(asked).unwrap()
        };
        assert_eq!(ask(background.handle()), own + STEP);
        assert_eq!(ask(streams.handle()), own);
        assert_eq!(niceness(), own, "the thread that starts them stays");
    }

    #[test]
    fn streams_may_be_dropped_inside_another_runtime() {
        let background = background().unwrap();
        background.block_on(async { drop(Streams::start().unwrap()) });
    }
}
