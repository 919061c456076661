//! The running server's part of an upgrade: it starts the program that takes its place, and tells what became of that.
//!
//! The new program is the server's own executable as it stands on the disk now, with the arguments that this one was
//! started with; nobody can name another. One upgrade is under way at a time. While the new program makes itself ready
//! nothing changes here; from the moment when it has the state until it answers, health is followed and queries are
//! answered as always, but nothing is taken that would have to be kept: orders, challenges and updates
//! wait or are refused ([`Hold`]).
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::base::Span;
use crate::io::handover::{Offer, Successor, TAKE_OVER, UpgradeError};
use crate::io::serve::Secrets;
use crate::io::service_manager::{self, ManagerWord, OWN_VARIABLES};

/// Asks for an upgrade.
#[derive(Debug)]
pub(crate) struct UpgradeRequest {
    /// Time that the new program may take until it answers.
    pub(crate) patience: Span,
    /// The result, or why there is none; for a person.
    pub(crate) reply: oneshot::Sender<Result<String, String>>,
}

/// Asks the control loop to let go of the state, or to take it up again.
#[derive(Debug)]
pub(super) enum Hold {
    /// Write the last state; it is another program's once this is answered.
    Release(oneshot::Sender<()>),
    /// The other program did not answer: it is this one's again.
    Resume,
}

/// The way to upgrades, and what comes of them.
pub(super) struct Upgrades {
    /// The queue in which they are asked for; absent = there are none.
    pub(super) requests: Option<mpsc::Sender<UpgradeRequest>>,
    /// Words to the control loop.
    pub(super) holds: mpsc::Receiver<Hold>,
    /// The task that carries them out.
    pub(super) task: Option<JoinHandle<Option<Successor>>>,
}

impl Upgrades {
    /// Carries them out from now on, if a program is known.
    pub(super) fn offer(
        program: Option<Program>,
        sockets: &Arc<Vec<OwnedFd>>,
        secrets: &Secrets,
    ) -> Self {
        let (holds, hold_queue) = mpsc::channel(1);
        let (requests, queue) = mpsc::channel(1);
        let upgrader = program.map(|program| Upgrader {
            requests: queue,
            holds,
            sockets: Arc::clone(sockets),
            secrets: secrets.to_octets(),
            program,
        });
        Self {
            requests: upgrader.is_some().then_some(requests),
            holds: hold_queue,
            task: upgrader.map(|upgrader| tokio::spawn(upgrader.run())),
        }
    }
}

/// All that an upgrade needs of the server.
struct Upgrader {
    /// Those who ask.
    requests: mpsc::Receiver<UpgradeRequest>,
    /// The way to the control loop.
    holds: mpsc::Sender<Hold>,
    /// Every socket that is listened on.
    sockets: Arc<Vec<OwnedFd>>,
    /// Secrets that were drawn.
    secrets: Vec<u8>,
    /// The program that is started.
    program: Program,
}

/// The executable and the arguments of this process.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// Finds out how this process was started. Called at the start: later the file may be another, and then the system
    /// does not know its path any more.
    pub(crate) fn own() -> std::io::Result<Self> {
        let mut words = std::env::args_os();
        let called = words.next().unwrap_or_default();
        // A path as it was written keeps the links in it, so that a link to another version is followed.
        let path = match Path::new(&called).components().count() {
            0 | 1 => std::env::current_exe()?,
            _ => std::path::absolute(called)?,
        };
        let arguments = words.filter(|word| word.to_str() != Some(TAKE_OVER));
        Ok(Self {
            path,
            arguments: arguments.collect(),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).arg(TAKE_OVER);
        for variable in OWN_VARIABLES {
            command.env_remove(variable);
        }
        command
    }
}

impl Upgrader {
    /// Carries out upgrades until one succeeds; `None` once nobody can ask any more.
    async fn run(mut self) -> Option<Successor> {
        while let Some(UpgradeRequest { patience, reply }) = self.requests.recv().await {
            info!(
                event = "upgrade",
                "starting {}",
                self.program.path.display()
            );
            service_manager::tell(ManagerWord::Upgrading);
            match self.upgrade(patience).await {
                Ok(successor) => {
                    let pid = successor.pid();
                    info!(
                        event = "upgraded",
                        pid, "process {pid} answers; this one ends"
                    );
                    service_manager::tell(ManagerWord::Successor(pid));
                    // Whoever asked may have gone.
                    let _ = reply.send(Ok(format!("process {pid} answers now")));
                    return Some(successor);
                }
                Err(why) => {
                    service_manager::tell(ManagerWord::Ready);
                    error!(
                        event = "upgrade_failed",
                        "this program stays at work: {why}"
                    );
                    let _ = reply.send(Err(format!("nothing has changed: {why}")));
                }
            }
        }
        None
    }

    async fn upgrade(&mut self, patience: Span) -> Result<Successor, String> {
        // Where the server is the first process, its end is the end of all others.
        if std::process::id() == 1 {
            return Err("the server is process 1, and with it everything here would end: start it under an init (`docker run --init`), or replace the container".to_owned());
        }
        let (holds, command) = (self.holds.clone(), self.program.command());
        let (sockets, secrets) = (Arc::clone(&self.sockets), self.secrets.clone());
        let conversation = on_a_thread(move || {
            let offer = Offer {
                sockets: &sockets,
                secrets,
                patience: Duration::from_millis(patience.0),
            };
            let mut is_released = false;
            let made = offer.make(command, || {
                is_released = true;
                release(&holds)
            });
            if made.is_err() && is_released {
                // If the loop has ended, the server stops anyway.
                let _ = holds.blocking_send(Hold::Resume);
            }
            made
        });
        let mut conversation =
            conversation.map_err(|error| format!("cannot start a thread: {error}"))?;
        let made = loop {
            tokio::select! {
                made = &mut conversation => break made,
                Some(other) = self.requests.recv() => {
                    let _ = other.reply.send(Err("an upgrade is under way already".to_owned()));
                }
            }
        };
        let made: Result<Successor, UpgradeError> = made.map_err(|error| error.to_string())?;
        made.map_err(|error| error.to_string())
    }
}

/// Does something that blocks, on a thread that the end of the server does not wait for.
pub(super) fn on_a_thread<T: Send + 'static>(
    doing: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<oneshot::Receiver<T>> {
    let (done, is_done) = oneshot::channel();
    let thread = std::thread::Builder::new().name("upgrade".to_owned());
    // Whoever waited may be gone by then.
    thread.spawn(move || drop(done.send(doing())))?;
    Ok(is_done)
}

/// Has the control loop let go of the state.
fn release(holds: &mpsc::Sender<Hold>) -> Result<(), String> {
    let (done, is_done) = oneshot::channel();
    let sent = holds.blocking_send(Hold::Release(done));
    sent.map_err(|error| error.to_string())?;
    is_done.blocking_recv().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_program_is_told_once_to_take_over() {
        let program = Program {
            path: "/usr/bin/waypost".into(),
            arguments: vec!["run".into(), "--config".into(), "c.toml".into()],
        };
        let command = program.command();
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["run", "--config", "c.toml", TAKE_OVER]);
        let removed = command.get_envs().filter(|(_, value)| value.is_none());
        assert_eq!(removed.count(), OWN_VARIABLES.len());
        assert!(Program::own().unwrap().path.is_absolute());
    }
}
