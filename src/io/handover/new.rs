//! The conversation as the program that takes over sees it.
//!
//! It is started with one end of the conversation as its standard input and [`TAKE_OVER`] among its arguments. Whatever goes
//! wrong before it answers ends it: the program before it is at work still, and says so.
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::channel::Channel;
use super::{FromNew, FromOld, PROTOCOL};
use crate::io::inherited::Inherited;

/// The argument of `waypost run` by which a program is told to take over.
pub const TAKE_OVER: &str = "--take-over";

/// The time that the running program may take for each step; it has bounds of its own, which are tighter.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program that was there before, and is still at work.
#[derive(Debug)]
pub struct Predecessor {
    channel: Channel,
}

impl Predecessor {
    /// Finds it at the other end of the standard input, which is empty from then on.
    ///
    /// # Errors
    /// When there is nobody: the program was not started by an upgrade.
    pub fn find() -> Result<Self, String> {
        let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3);
        let channel = socket.ok().and_then(Channel::of).ok_or_else(|| {
            format!("{TAKE_OVER} is said by a running server alone; say `waypost upgrade`")
        })?;
        let empty = File::open("/dev/null").map_err(|error| error.to_string())?;
        rustix::stdio::dup2_stdin(&empty).map_err(|error| error.to_string())?;
        Ok(Self { channel })
    }

    /// Asks for its sockets and its secrets.
    ///
    /// # Errors
    /// When it is gone, or does not speak as this program does.
    pub fn sockets(&self) -> io::Result<(Inherited, Vec<u8>)> {
        let wish = FromNew::Sockets { protocol: PROTOCOL };
        let FromOld::Sockets { number, secrets } = self.ask(&wish)?.0 else {
            return Err(strange());
        };
        let mut descriptors: Vec<OwnedFd> = Vec::new();
        while descriptors.len() < number {
            let (FromOld::More, some) = self.channel.receive(PATIENCE)? else {
                return Err(strange());
            };
            if some.is_empty() {
                return Err(strange());
            }
            descriptors.extend(some);
        }
        Ok((Inherited::of(descriptors), secrets))
    }

    /// Has it write its last state, and let go of it.
    ///
    /// # Errors
    /// When it is gone, or has changed its mind.
    pub fn release(&self) -> io::Result<()> {
        match self.ask(&FromNew::Release)?.0 {
            FromOld::Released => Ok(()),
            FromOld::Sockets { .. } | FromOld::More | FromOld::Freed => Err(strange()),
        }
    }

    /// Tells it that this program answers.
    ///
    /// # Errors
    /// When it is gone: whoever has ended it wanted no server.
    pub fn answering(&self) -> io::Result<()> {
        self.channel.send(&FromNew::Answering, &[], PATIENCE)
    }

    /// Tells it why this program does not take over.
    pub fn fail(&self, why: &str) {
        // If it is gone, nobody wants to know.
        let _ = self
            .channel
            .send(&FromNew::Failed(why.to_owned()), &[], PATIENCE);
    }

    /// Waits until it reads QUIC no more; that it has ended says so as well.
    pub fn await_freedom(&self) {
        let _ = self.channel.receive::<FromOld>(PATIENCE);
    }

    fn ask(&self, what: &FromNew) -> io::Result<(FromOld, Vec<OwnedFd>)> {
        self.channel.send(what, &[], PATIENCE)?;
        self.channel.receive(PATIENCE)
    }
}

fn strange() -> io::Error {
    io::Error::other(
        "the running program does not speak as this one does; restart the server instead",
    )
}

#[cfg(test)]
impl Predecessor {
    /// At the other end of this socket.
    pub(super) fn at(socket: OwnedFd) -> Self {
        let channel = Channel::of(socket).expect("a socket that keeps messages apart");
        Self { channel }
    }
}
