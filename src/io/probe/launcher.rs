//! The thread that starts the programs of `exec` monitors.
//!
//! A server that was started as root hands the right to open ports below 1024 on to programs that it starts
//! ([`crate::io::privileges`]), because one that takes over needs it. Programs of monitors do not. Capabilities belong to
//! a thread, and what a thread starts inherits its own: so this one gives up all that it could hand on, and
//! starts them. Who they run as, and that they can gain nothing, is the whole server's.
use std::sync::{Arc, mpsc};

use caps::CapSet;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::base::Cause;
use crate::base::limits::EXEC_AT_ONCE;

/// The means of all monitors of this type: places, and who starts programs.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// One for each program that may still run.
    pub(super) places: Arc<Semaphore>,
    /// The thread that starts them.
    pub(super) launcher: Launcher,
}

impl Programs {
    /// None has been started.
    ///
    /// # Errors
    /// When no thread can be started that starts them; for a person.
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            places: Arc::new(Semaphore::new(EXEC_AT_ONCE)),
            launcher: Launcher::start()?,
        })
    }
}

/// The way to the thread.
#[derive(Clone, Debug)]
pub(super) struct Launcher {
    launches: mpsc::Sender<Launch>,
}

/// A program to be started.
#[derive(Debug)]
struct Launch {
    command: Command,
    /// The runtime that waits for its end.
    runtime: Handle,
    reply: oneshot::Sender<Result<Child, Cause>>,
}

impl Launcher {
    /// Starts the thread; it ends with the last of its handles.
    ///
    /// # Errors
    /// When it cannot be started; for a person.
    pub(super) fn start() -> Result<Self, String> {
        let (launches, waiting) = mpsc::channel::<Launch>();
        let thread = std::thread::Builder::new().name("exec".to_owned());
        let run = move || {
            let is_bare = [CapSet::Ambient, CapSet::Inheritable]
                .into_iter()
                .all(|set| caps::clear(None, set).is_ok());
            for launch in waiting {
                let _inside = launch.runtime.enter();
                let mut command = launch.command;
                let child = match is_bare {
                    true => command.spawn().map_err(|_| Cause::Local),
                    false => Err(Cause::Local),
                };
                // Whoever asked may have gone: then the program is killed as it is dropped.
                let _ = launch.reply.send(child);
            }
        };
        let started = thread.spawn(run).map_err(|error| error.to_string());
        started.map(|_| Self { launches })
    }

    /// Starts a program.
    ///
    /// # Errors
    /// [`Cause::Local`] when it cannot be started.
    pub(super) async fn launch(&self, command: Command) -> Result<Child, Cause> {
        let (reply, started) = oneshot::channel();
        let launch = Launch {
            command,
            runtime: Handle::current(),
            reply,
        };
        self.launches.send(launch).map_err(|_| Cause::Local)?;
        started.await.unwrap_or(Err(Cause::Local))
    }
}
