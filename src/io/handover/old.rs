//! The conversation as the running program leads it.
//!
//! It blocks, so it has a thread of its own. It ends in one of two ways: the new program answers, and a
//! [`Successor`] is given back; or it does not, and then it is no more when this returns.
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::channel::{Channel, DESCRIPTORS};
use super::{FromNew, FromOld, PROTOCOL};

/// The time in which the new program must take what is said to it.
const SEND_PATIENCE: Duration = Duration::from_secs(5);

/// All that is handed over.
#[derive(Debug)]
pub struct Offer<'o> {
    /// Every socket that is listened on.
    pub sockets: &'o [OwnedFd],
    /// Secrets that were drawn, as whoever drew them writes them.
    pub secrets: Vec<u8>,
    /// Time that all of it may take.
    pub patience: Duration,
}

/// Why the new program has not taken over; for a person.
#[derive(Debug, Error)]
pub enum UpgradeError {
    /// It could not be started.
    #[error("cannot start `{0}`: {1}")]
    Start(String, io::Error),
    /// It said what is wrong.
    #[error("the new program cannot take over: {0}")]
    Refused(String),
    /// It ended.
    #[error("the new program has ended before it answered ({0})")]
    Ended(String),
    /// It hung, and was killed.
    #[error("the new program did not answer in time, and was killed")]
    Late,
    /// It said something that it should not, and was killed.
    #[error("the new program does not speak as this one does ({0}); restart the server instead")]
    Strange(String),
}

/// A program that has taken over.
#[derive(Debug)]
pub struct Successor {
    channel: Channel,
    pid: u32,
}

impl Successor {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Tells it that the sockets of QUIC are its own.
    pub fn free(&self) {
        // If it is gone, there is nobody to tell, and nothing left to do for it.
        let _ = self.channel.send(&FromOld::Freed, &[], SEND_PATIENCE);
    }
}

impl Offer<'_> {
    /// Starts a program and hands over to it. `release` is called when it wants the state: it returns once that is let go of.
    ///
    /// # Errors
    /// When it does not take over; it is not running any more then.
    pub fn make(
        &self,
        mut command: Command,
        release: impl FnOnce() -> Result<(), String>,
    ) -> Result<Successor, UpgradeError> {
        let name = command.get_program().to_string_lossy().into_owned();
        let start = |error| UpgradeError::Start(name.clone(), error);
        let (channel, other) = Channel::pair().map_err(start)?;
        let mut child = command.stdin(Stdio::from(other)).spawn().map_err(start)?;
        // It holds the other end, which would keep the channel open.
        drop(command);
        match self.converse(&channel, release) {
            Ok(()) => Ok(Successor {
                channel,
                pid: child.id(),
            }),
            Err(trouble) => Err(conclude(&mut child, trouble)),
        }
    }

    fn converse(
        &self,
        channel: &Channel,
        release: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), Breakdown> {
        let end = now() + self.patience;
        hear(channel, end, &FromNew::Sockets { protocol: PROTOCOL })?;
        self.give_sockets(channel)?;
        hear(channel, end, &FromNew::Release)?;
        release().map_err(Breakdown::Strange)?;
        channel.send(&FromOld::Released, &[], SEND_PATIENCE)?;
        hear(channel, end, &FromNew::Answering)
    }

    pub(super) fn give_sockets(&self, channel: &Channel) -> io::Result<()> {
        let head = FromOld::Sockets {
            number: self.sockets.len(),
            secrets: self.secrets.clone(),
        };
        channel.send(&head, &[], SEND_PATIENCE)?;
        for some in self.sockets.chunks(DESCRIPTORS) {
            let borrowed: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
            channel.send(&FromOld::More, &borrowed, SEND_PATIENCE)?;
        }
        Ok(())
    }
}

/// The end of a conversation that went wrong.
enum Breakdown {
    Refused(String),
    Gone,
    Late,
    Strange(String),
}

impl Breakdown {
    fn of(said: FromNew) -> Self {
        match said {
            FromNew::Failed(why) => Self::Refused(why),
            FromNew::Sockets { protocol } if protocol != PROTOCOL => Self::Strange(format!(
                "its way of taking over is version {protocol}, this one's {PROTOCOL}"
            )),
            other @ (FromNew::Sockets { .. } | FromNew::Release | FromNew::Answering) => {
                Self::Strange(format!("it said {other:?} when that had no meaning"))
            }
        }
    }
}

impl From<io::Error> for Breakdown {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest is as the error says"
    )]
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                Self::Gone
            }
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Late,
            _ => Self::Strange(error.to_string()),
        }
    }
}

/// Waits for what the new program has to say next.
fn hear(channel: &Channel, end: Instant, expected: &FromNew) -> Result<(), Breakdown> {
    let left = end.saturating_duration_since(now());
    let (said, _) = channel.receive::<FromNew>(left)?;
    if said == *expected {
        Ok(())
    } else {
        Err(Breakdown::of(said))
    }
}

/// Sees to it that the new program runs no more, and says what went wrong.
fn conclude(child: &mut Child, trouble: Breakdown) -> UpgradeError {
    // One that has ended already, or says that it does, is not hurried.
    let waits = matches!(trouble, Breakdown::Gone | Breakdown::Refused(_));
    let ended = if waits { wait_briefly(child) } else { None };
    if ended.is_none() {
        let _ = child.kill();
    }
    let status = child.wait();
    match trouble {
        Breakdown::Refused(why) => UpgradeError::Refused(why),
        Breakdown::Late => UpgradeError::Late,
        Breakdown::Strange(why) => UpgradeError::Strange(why),
        Breakdown::Gone => UpgradeError::Ended(match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }),
    }
}

/// Gives a program that is ending a second to end.
#[expect(
    clippy::disallowed_methods,
    reason = "this thread has nothing else to do, and the system tells of an end to whoever asks"
)]
fn wait_briefly(child: &mut Child) -> Option<std::process::ExitStatus> {
    for _ in 0..100 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

#[expect(
    clippy::disallowed_methods,
    reason = "a deadline of a conversation between two processes is no moment of the server"
)]
fn now() -> Instant {
    Instant::now()
}
