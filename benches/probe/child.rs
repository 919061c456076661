//! Child processes of a bench: each pinned to one core, each stopped by its own id.
//!
//! A child inherits the cores of the thread that starts it, so that thread is moved for as long as
//! the start takes. A child that is still there when its handle is dropped (a panic on the way) is
//! killed and waited for.
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::{Child, Command};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// A running child.
#[derive(Debug)]
pub(crate) struct Pinned(pub(crate) Child);

impl Pinned {
    /// Starts a program on one core.
    pub(crate) fn start(command: &mut Command, core: usize) -> Self {
        let own = sched_getaffinity(this_thread()).unwrap();
        pin_this_thread(core);
        let child = command.spawn();
        sched_setaffinity(this_thread(), &own).unwrap();
        Self(child.unwrap())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, and the wait is short.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Keeps the calling thread on one core from now on.
pub(crate) fn pin_this_thread(core: usize) {
    let mut wanted = CpuSet::new();
    wanted.set(core).unwrap();
    sched_setaffinity(this_thread(), &wanted).unwrap();
}

/// The calling thread, as the kernel's calls name it.
fn this_thread() -> Pid {
    Pid::from_raw(0)
}

/// The two cores that a bench uses: the first for what is measured, the second for the rest.
pub(crate) fn cores() -> [usize; 2] {
    let own = sched_getaffinity(this_thread()).unwrap();
    let mut cores = (0..CpuSet::count()).filter(|core| own.is_set(*core).unwrap_or(false));
    let first = cores.next().unwrap();
    [first, cores.next().unwrap_or(first)]
}

/// A port that is free for TCP and UDP at this moment.
pub(crate) fn free_port() -> u16 {
    let found = (0..100).find_map(|_| {
        let stream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let port = stream.local_addr().ok()?.port();
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(port)
    });
    found.unwrap()
}
