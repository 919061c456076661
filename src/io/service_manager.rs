//! The service manager (systemd): sockets that it holds for this process, and what it is told of it.
//!
//! Everything is best effort: without a manager nothing is said, and one that does not listen changes nothing of how queries
//! are answered (sd_notify(3), sd_listen_fds(3)).
//!
//! The manager also keeps a copy of each socket (`FileDescriptorStoreMax=`), so that a restart finds them open, with what
//! waits in them. It gives sockets of a socket unit and copies of its store in one list; which is which does not matter,
//! because a socket says itself where it listens.
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::inherited::Inherited;

/// The name under which sockets are kept.
const STORE: &str = "waypost";
/// Environment variables that are meant for one process, and not for those that it starts.
pub const OWN_VARIABLES: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// A word to the service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagerWord {
    /// Queries are answered.
    Ready,
    /// Another program is about to take over.
    Upgrading,
    /// Another process is the server from now on.
    Successor(u32),
    /// This ends once what was accepted is answered.
    Stopping,
    /// All is well.
    Alive,
}

/// Takes the sockets that the manager gave this process.
#[must_use]
pub fn sockets() -> Inherited {
    let mut given = ListenFd::from_env();
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for index in 0..given.len() {
        // Each is tried as each kind; what it is not leaves it in its place. The control socket is among those that are kept.
        if let Ok(Some(socket)) = given.take_udp_socket(index) {
            descriptors.push(socket.into());
        } else if let Ok(Some(listener)) = given.take_tcp_listener(index) {
            descriptors.push(listener.into());
        } else if let Ok(Some(listener)) = given.take_unix_listener(index) {
            descriptors.push(listener.into());
        }
    }
    Inherited::of(descriptors)
}

/// Has the manager keep these sockets, and none that it kept before.
pub fn store(sockets: &[OwnedFd]) {
    let name = NotifyState::FdName(STORE);
    let _ = sd_notify::notify(&[NotifyState::FdStoreRemove, name.clone()]);
    for socket in sockets {
        let words = [NotifyState::FdStore, name.clone()];
        if sd_notify::notify_with_fds(&words, &[socket.as_fd()]).is_err() {
            return;
        }
    }
}

/// Tells the manager something.
pub fn tell(word: ManagerWord) {
    let now = NotifyState::monotonic_usec_now();
    let words = match word {
        ManagerWord::Ready => vec![NotifyState::Ready],
        ManagerWord::Upgrading => std::iter::once(NotifyState::Reloading)
            .chain(now.ok())
            .collect(),
        ManagerWord::Successor(pid) => vec![NotifyState::MainPid(pid), NotifyState::Ready],
        ManagerWord::Stopping => vec![NotifyState::Stopping],
        ManagerWord::Alive => vec![NotifyState::Watchdog],
    };
    let _ = sd_notify::notify(&words);
}

/// The time after which the manager wants to be told that all is well, if it does; half of the time after which it restarts this process.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|most| most / 2)
}
