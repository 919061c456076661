//! Datagrams in and out, many for one call of the kernel.
//!
//! Every buffer is made when the thread starts and used again for each batch. A reply leaves by
//! the address that was asked: on a socket that is bound to one address the kernel sees to that,
//! on a wildcard socket each query brings its destination and the reply names it as its source
//! (`IP_PKTINFO`, RFC 3542 section 6.2). One call names one source, so replies go out in groups.
//!
//! It knows sockets and bytes; what the bytes mean it does not know.
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, SockaddrIn6,
    SockaddrLike, recvmmsg, sendmmsg,
};

use super::reply_path::ReplyPath;
use crate::base::limits::{UDP_BATCH, UDP_QUERY_BYTES, UDP_REPLY_BYTES_MOST};
use crate::io::serve::bind::allow_fragments;

/// How long a full send queue is waited for before a reply is given up, milliseconds.
const SEND_WAIT_MS: u8 = 100;
/// Stands for a sender that the kernel does not name; refused by the access decision.
const UNKNOWN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
/// What keeps the starts of neighbouring buffers out of one set of a processor's cache, which
/// they would share if they lay a power of two apart.
const STAGGER_BYTES: usize = 192;

type QueryRoom = [u8; UDP_QUERY_BYTES + STAGGER_BYTES];
type ReplyRoom = [u8; UDP_REPLY_BYTES_MOST + STAGGER_BYTES];

/// An address of one family, as the kernel has it.
pub(super) trait Peer: SockaddrLike + Copy {
    /// Room for the control message that names one of our addresses.
    fn control_room() -> Vec<u8>;

    /// The same as the standard library has it.
    fn address(self) -> SocketAddr;
}

/// Which of our addresses a datagram came to, and by which interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Local {
    /// The one that the socket is bound to.
    Bound,
    V4(Ipv4Addr),
    V6(Ipv6Addr, u32),
}

/// One datagram that came.
#[derive(Clone, Copy, Debug)]
struct Arrival<P> {
    peer: Option<P>,
    local: Local,
    length: usize,
    size: Size,
}

/// Tells whether a datagram is longer than any query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Fits,
    Oversize,
}

/// A datagram to be answered.
pub(super) struct Exchange<'b> {
    /// Who sent it.
    pub(super) source: SocketAddr,
    /// What came; absent if it is longer than any query.
    pub(super) query: Option<&'b [u8]>,
    /// Room for the reply.
    pub(super) reply: &'b mut [u8],
}

/// One reply that waits to be sent.
#[derive(Clone, Copy, Debug)]
struct Departure {
    /// Which arrival it answers; its buffer is the reply's.
    index: usize,
    length: usize,
    local: Local,
}

/// The buffers of one socket.
pub(super) struct Batch<P> {
    headers: MultiHeaders<P>,
    queries: Vec<QueryRoom>,
    replies: Vec<ReplyRoom>,
    arrivals: Vec<Arrival<P>>,
    departures: Vec<Departure>,
    plain: MultiHeaders<P>,
    sourced: MultiHeaders<P>,
}

impl<P: Peer> Batch<P> {
    /// Buffers for one socket.
    pub(super) fn new() -> Self {
        let control = P::control_room();
        Self {
            headers: MultiHeaders::preallocate(UDP_BATCH, Some(control.clone())),
            queries: vec![[0; _]; UDP_BATCH],
            replies: vec![[0; _]; UDP_BATCH],
            arrivals: Vec::with_capacity(UDP_BATCH),
            departures: Vec::with_capacity(UDP_BATCH),
            plain: MultiHeaders::preallocate(UDP_BATCH, None),
            sourced: MultiHeaders::preallocate(UDP_BATCH, Some(control)),
        }
    }

    /// Takes what has come, without waiting; gives how many datagrams that is.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> nix::Result<usize> {
        self.arrivals.clear();
        self.departures.clear();
        let mut rooms = self.queries.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; UDP_BATCH] = std::array::from_fn(|_| {
            let room = rooms.next().expect("there are as many buffers as slices");
            [IoSliceMut::new(&mut room[..UDP_QUERY_BYTES])]
        });
        let messages = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        self.arrivals.extend(messages.map(|one| Arrival::of(&one)));
        Ok(self.arrivals.len())
    }

    /// The `index`-th datagram that came.
    pub(super) fn exchange(&mut self, index: usize) -> Exchange<'_> {
        let arrival = &self.arrivals[index];
        let query = &self.queries[index][..arrival.length];
        Exchange {
            source: arrival.peer.map_or(UNKNOWN, Peer::address),
            query: (arrival.size == Size::Fits).then_some(query),
            reply: &mut self.replies[index][..UDP_REPLY_BYTES_MOST],
        }
    }

    /// The path of a reply to the sender of the `index`-th datagram, for a reply that comes later.
    pub(super) fn reply_path(&self, index: usize, socket: &Arc<UdpSocket>) -> ReplyPath {
        let arrival = &self.arrivals[index];
        ReplyPath {
            socket: Arc::clone(socket),
            peer: arrival.peer.map_or(UNKNOWN, Peer::address),
            local: arrival.local,
        }
    }

    /// Marks the first `length` octets of the reply to the `index`-th datagram for sending.
    pub(super) fn reply(&mut self, index: usize, length: usize) {
        let local = self.arrivals[index].local;
        self.departures.push(Departure {
            index,
            length,
            local,
        });
    }

    /// Sends what is marked; gives how many replies the kernel would not take.
    pub(super) fn send(&mut self, socket: &UdpSocket) -> usize {
        if !self
            .departures
            .is_sorted_by_key(|departure| departure.local)
        {
            self.departures.sort_by_key(|departure| departure.local);
        }
        let mut unsent = 0;
        let mut start = 0;
        while let Some(first) = self.departures.get(start) {
            let alike = self.departures[start..].iter();
            let end = start + alike.take_while(|one| one.local == first.local).count();
            unsent += self.send_group(socket, start..end);
            start = end;
        }
        unsent
    }

    /// Sends replies that leave by one address; gives how many did not.
    fn send_group(&mut self, socket: &UdpSocket, group: std::ops::Range<usize>) -> usize {
        let (mut start, mut unsent) = (group.start, 0);
        while start < group.end {
            match self.send_some(socket.as_raw_fd(), start..group.end) {
                Ok(sent) => start += sent.max(1),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if wait_for_room(socket) => {}
                Err(Errno::EAGAIN) => return unsent + (group.end - start),
                Err(Errno::EMSGSIZE) if allow_fragments(socket) => {}
                // The first of the rest is what the kernel refuses; the others may do.
                Err(_) => (start, unsent) = (start + 1, unsent + 1),
            }
        }
        unsent
    }

    /// One call of the kernel; gives how many it took.
    fn send_some(&mut self, socket: RawFd, group: std::ops::Range<usize>) -> nix::Result<usize> {
        let group = &self.departures[group];
        let slices: [[IoSlice<'_>; 1]; UDP_BATCH] = std::array::from_fn(|index| {
            let bytes = group.get(index).map_or(&[][..], |departure| {
                &self.replies[departure.index][..departure.length]
            });
            [IoSlice::new(bytes)]
        });
        let peers: [Option<P>; UDP_BATCH] = std::array::from_fn(|index| {
            let departure = group.get(index)?;
            self.arrivals[departure.index].peer
        });
        let (slices, peers) = (&slices[..group.len()], &peers[..group.len()]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = match group[0].local {
            Local::Bound => sendmmsg(socket, &mut self.plain, slices, peers, [], flags)?.count(),
            Local::V4(address) => {
                let info = v4_source(address);
                let control = [ControlMessage::Ipv4PacketInfo(&info)];
                sendmmsg(socket, &mut self.sourced, slices, peers, control, flags)?.count()
            }
            Local::V6(address, interface) => {
                let info = v6_source(address, interface);
                let control = [ControlMessage::Ipv6PacketInfo(&info)];
                sendmmsg(socket, &mut self.sourced, slices, peers, control, flags)?.count()
            }
        };
        Ok(sent)
    }
}

impl<P: Peer> Arrival<P> {
    fn of(message: &RecvMsg<'_, '_, P>) -> Self {
        let cut = message.flags.contains(MsgFlags::MSG_TRUNC);
        Self {
            peer: message.address,
            local: Local::of(message),
            length: message.bytes.min(UDP_QUERY_BYTES),
            size: if cut { Size::Oversize } else { Size::Fits },
        }
    }
}

impl Local {
    fn of<P>(message: &RecvMsg<'_, '_, P>) -> Self {
        let found = message.cmsgs().ok().and_then(|mut all| all.next());
        match found {
            Some(ControlMessageOwned::Ipv4PacketInfo(info)) => {
                Self::V4(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
            }
            Some(ControlMessageOwned::Ipv6PacketInfo(info)) => {
                Self::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr), info.ipi6_ifindex)
            }
            _ => Self::Bound,
        }
    }
}

impl Peer for SockaddrIn {
    fn control_room() -> Vec<u8> {
        nix::cmsg_space!(libc::in_pktinfo)
    }

    fn address(self) -> SocketAddr {
        SocketAddrV4::from(self).into()
    }
}

impl Peer for SockaddrIn6 {
    fn control_room() -> Vec<u8> {
        nix::cmsg_space!(libc::in6_pktinfo)
    }

    fn address(self) -> SocketAddr {
        SocketAddrV6::from(self).into()
    }
}

pub(super) fn v4_source(address: Ipv4Addr) -> libc::in_pktinfo {
    libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: libc::in_addr {
            s_addr: u32::from_ne_bytes(address.octets()),
        },
        ipi_addr: libc::in_addr { s_addr: 0 },
    }
}

/// The interface matters for link-local addresses only; elsewhere the routes decide.
pub(super) fn v6_source(address: Ipv6Addr, interface: u32) -> libc::in6_pktinfo {
    libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: address.octets(),
        },
        ipi6_ifindex: if address.is_unicast_link_local() {
            interface
        } else {
            0
        },
    }
}

fn wait_for_room(socket: &UdpSocket) -> bool {
    let mut wanted = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    poll(&mut wanted, SEND_WAIT_MS).is_ok_and(|ready| ready > 0)
}
