//! The floor: what it costs to take 64 datagrams from a socket and to send them back.
//!
//! One blocking `recvmmsg` that returns with what there is, one `sendmmsg`; nothing is looked at.
//! A server that answers from one socket per core can come near this, not below it.
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Command;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

use super::Setup;
use crate::wire::BATCH;
use crate::{Failure, explain};

const ROOM: usize = 2048;

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["echo", "--port", &setup.port.to_string()]);
    Ok(command)
}

/// Sends back what comes, until it is killed.
pub(crate) fn run(port: u16) -> Result<(), Failure> {
    let socket =
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).map_err(explain("the echo's port"))?;
    let fd = socket.as_raw_fd();
    let mut incoming = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut outgoing = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut rooms = vec![[0; ROOM]; BATCH];
    let (mut lengths, mut peers) = ([0; BATCH], [None; BATCH]);
    loop {
        let mut each = rooms.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(each.next().expect("as many as slices"))]);
        let one = MsgFlags::MSG_WAITFORONE;
        let came = recvmmsg(fd, &mut incoming, slices.iter_mut(), one, None);
        let mut count = 0;
        for message in came.map_err(explain("the echo"))? {
            (lengths[count], peers[count]) = (message.bytes, message.address);
            count += 1;
        }
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            std::array::from_fn(|index| [IoSlice::new(&rooms[index][..lengths[index]])]);
        let mut sent = 0;
        while sent < count {
            let (rest, to) = (&slices[sent..count], &peers[sent..count]);
            let gone = sendmmsg(fd, &mut outgoing, rest, to, [], MsgFlags::empty());
            sent += gone.map_err(explain("the echo"))?.count();
        }
    }
}
