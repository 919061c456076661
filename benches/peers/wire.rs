//! The generator's socket: many datagrams for one call of the kernel, none waited for.
//!
//! It is connected, so the kernel takes nothing from strangers, and it is polled rather than
//! slept on: no server pays for waking the generator. Where it is asked for, the kernel says
//! when each datagram came, so that the generator's own delays are no part of a latency.
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, recvmmsg, sendmmsg, setsockopt,
};
use nix::sys::time::TimeSpec;

use crate::{Failure, explain};

/// Datagrams for one call.
pub(crate) const BATCH: usize = 64;
/// Longest reply that is read.
const REPLY: usize = 1500;
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// A connected socket and its buffers.
pub(crate) struct Wire {
    socket: UdpSocket,
    incoming: MultiHeaders<()>,
    outgoing: MultiHeaders<()>,
    rooms: Vec<[u8; REPLY]>,
    /// Length and time of arrival (if wanted) of what came last.
    arrived: Vec<(usize, Option<Duration>)>,
}

/// Whether the kernel says when a datagram came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamps {
    Wanted,
    Unwanted,
}

impl Wire {
    /// A socket to a server on loopback.
    pub(crate) fn connect(port: u16, stamps: Stamps) -> Result<Self, Failure> {
        let socket = open(port).map_err(explain("a socket"))?;
        let control = match stamps {
            Stamps::Unwanted => None,
            Stamps::Wanted => {
                setsockopt(&socket, ReceiveTimestampns, &true).map_err(explain("time stamps"))?;
                Some(nix::cmsg_space!(TimeSpec))
            }
        };
        Ok(Self {
            socket,
            incoming: MultiHeaders::preallocate(BATCH, control),
            outgoing: MultiHeaders::preallocate(BATCH, None),
            rooms: vec![[0; REPLY]; BATCH],
            arrived: Vec::with_capacity(BATCH),
        })
    }

    /// Sends up to [`BATCH`] datagrams; gives how many the kernel took.
    pub(crate) fn send<'q>(
        &mut self,
        queries: impl Iterator<Item = &'q [u8]>,
    ) -> Result<usize, Failure> {
        let mut queries = queries.take(BATCH);
        let mut count = 0;
        let slices: [[IoSlice<'_>; 1]; BATCH] = std::array::from_fn(|_| {
            let query = queries.next();
            count += usize::from(query.is_some());
            [IoSlice::new(query.unwrap_or_default())]
        });
        let flags = MsgFlags::MSG_DONTWAIT;
        let nowhere = [None::<()>; BATCH];
        let fd = self.socket.as_raw_fd();
        match sendmmsg(
            fd,
            &mut self.outgoing,
            &slices[..count],
            &nowhere[..count],
            [],
            flags,
        ) {
            Ok(sent) => Ok(sent.count()),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(error) => Err(format!("cannot send: {error}")),
        }
    }

    /// Takes what has come; gives how many datagrams that is.
    pub(crate) fn receive(&mut self) -> Result<usize, Failure> {
        self.arrived.clear();
        let mut rooms = self.rooms.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().expect("as many as slices"))]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = self.socket.as_raw_fd();
        match recvmmsg(fd, &mut self.incoming, slices.iter_mut(), flags, None) {
            Ok(messages) => {
                let read = messages.map(|message| (message.bytes, stamp(message.cmsgs().ok())));
                self.arrived.extend(read);
                Ok(self.arrived.len())
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(error) => Err(format!("cannot receive: {error}")),
        }
    }

    /// The `index`-th datagram of those that came last.
    pub(crate) fn datagram(&self, index: usize) -> &[u8] {
        &self.rooms[index][..self.arrived[index].0]
    }

    /// When the kernel had it, since 1970.
    pub(crate) fn arrival(&self, index: usize) -> Option<Duration> {
        self.arrived[index].1
    }
}

/// A socket of the kernel's choice, connected.
pub(crate) fn open(port: u16) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
    Ok(socket)
}

fn stamp(messages: Option<impl Iterator<Item = ControlMessageOwned>>) -> Option<Duration> {
    messages?.find_map(|message| {
        if let ControlMessageOwned::ScmTimestampns(time) = message {
            return Some(time.into());
        }
        None
    })
}
