//! The runtimes, and what runs in which.
//!
//! | runtime | its tasks |
//! |---|---|
//! | background | engine, control |
//! | probes | probes: one thread, so that none is handed from one to another |
//! | streams | TCP answers |
//!
//! They are apart so that no crowd of TCP clients holds up a probe, and no scrape an answer. All threads
//! have the process's own priority: with the background's lowered, a flood of queries starved
//! probes until their timeouts called healthy endpoints dead, and answers were no faster for it.
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// Threads of each runtime.
const WORKERS: usize = 2;

/// The runtime of everything that does not answer.
pub(crate) fn background() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("background")
        .enable_all()
        .build()
}

/// The runtime of probes, and its thread. It ends when this is dropped, with what runs in it.
pub(crate) struct Probes {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Probes {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("probes".to_owned());
        thread.spawn(move || {
            // Nothing is sent: that the other end is dropped says enough.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, _end: end })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// The runtime of TCP answers. It ends without waiting, so it may be dropped inside another.
pub(crate) struct Streams(Option<Runtime>);

impl Streams {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("streams")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    pub(crate) fn handle(&self) -> &Handle {
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

    #[test]
    fn streams_may_be_dropped_inside_another_runtime() {
        let background = background().unwrap();
        background.block_on(async { drop(Streams::start().unwrap()) });
    }
}
