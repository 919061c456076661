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

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage,
    recvmmsg, sendmmsg,
};

use crate::base::Family;
use crate::base::limits::{UDP_BATCH, UDP_QUERY_BYTES, UDP_REPLY_BYTES_MOST};

/// How long a full send queue is waited for before a reply is given up, milliseconds.
const SEND_WAIT_MS: u8 = 100;
/// Stands for a sender that the kernel does not name; refused by the access decision.
const UNKNOWN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// Which of our addresses a datagram came to, and by which interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    /// The one that the socket is bound to.
    Bound,
    V4(Ipv4Addr),
    V6(Ipv6Addr, u32),
}

/// One datagram that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Who sent it.
    pub(super) source: SocketAddr,
    /// Whether it is longer than any query.
    pub(super) oversize: bool,
    length: usize,
    peer: SockaddrStorage,
    local: Local,
}

/// One reply that waits to be sent.
#[derive(Clone, Copy, Debug)]
struct Departure {
    /// Which reply buffer.
    index: usize,
    length: usize,
    peer: SockaddrStorage,
    local: Local,
}

/// The buffers of one socket.
pub(super) struct Batch {
    headers: MultiHeaders<SockaddrStorage>,
    queries: Vec<[u8; UDP_QUERY_BYTES]>,
    replies: Vec<[u8; UDP_REPLY_BYTES_MOST]>,
    arrivals: Vec<Arrival>,
    departures: Vec<Departure>,
    plain: MultiHeaders<SockaddrStorage>,
    sourced: MultiHeaders<SockaddrStorage>,
}

impl Batch {
    /// Buffers for one socket.
    pub(super) fn new(family: Family) -> Self {
        let control = match family {
            Family::V4 => nix::cmsg_space!(libc::in_pktinfo),
            Family::V6 => nix::cmsg_space!(libc::in6_pktinfo),
        };
        Self {
            headers: MultiHeaders::preallocate(UDP_BATCH, Some(control.clone())),
            queries: vec![[0; UDP_QUERY_BYTES]; UDP_BATCH],
            replies: vec![[0; UDP_REPLY_BYTES_MOST]; UDP_BATCH],
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
            [IoSliceMut::new(room)]
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

    /// The `index`-th datagram that came: what is known of it, its bytes, and room for a reply.
    pub(super) fn exchange(&mut self, index: usize) -> (Arrival, &[u8], &mut [u8]) {
        let arrival = self.arrivals[index];
        let query = &self.queries[index][..arrival.length];
        (arrival, query, &mut self.replies[index])
    }

    /// Marks the first `length` octets of the reply to the `index`-th datagram for sending.
    pub(super) fn reply(&mut self, index: usize, length: usize) {
        let Arrival { peer, local, .. } = self.arrivals[index];
        self.departures.push(Departure {
            index,
            length,
            peer,
            local,
        });
    }

    /// Sends what is marked; gives how many replies the kernel would not take.
    pub(super) fn send(&mut self, socket: &UdpSocket) -> usize {
        self.departures.sort_by_key(|departure| departure.local);
        let mut unsent = 0;
        for group in self
            .departures
            .chunk_by(|one, next| one.local == next.local)
        {
            let headers = match group[0].local {
                Local::Bound => &mut self.plain,
                Local::V4(..) | Local::V6(..) => &mut self.sourced,
            };
            unsent += send_group(socket, headers, &self.replies, group);
        }
        unsent
    }
}

impl Arrival {
    fn of(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
        let peer = message.address.unwrap_or(UNKNOWN.into());
        Self {
            source: socket_address(&peer),
            oversize: message.flags.contains(MsgFlags::MSG_TRUNC),
            length: message.bytes.min(UDP_QUERY_BYTES),
            peer,
            local: Local::of(message),
        }
    }
}

impl Local {
    fn of(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
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

/// Sends replies that leave by one address; gives how many did not.
fn send_group(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrStorage>,
    replies: &[[u8; UDP_REPLY_BYTES_MOST]],
    group: &[Departure],
) -> usize {
    let (mut rest, mut unsent) = (group, 0);
    while !rest.is_empty() {
        match send_some(socket.as_raw_fd(), headers, replies, rest) {
            Ok(sent) => rest = &rest[sent.clamp(1, rest.len())..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) if wait_for_room(socket) => {}
            Err(Errno::EAGAIN) => return unsent + rest.len(),
            // The first of the rest is what the kernel refuses; the others may do.
            Err(_) => (rest, unsent) = (&rest[1..], unsent + 1),
        }
    }
    unsent
}

/// One call of the kernel; gives how many it took.
fn send_some(
    socket: RawFd,
    headers: &mut MultiHeaders<SockaddrStorage>,
    replies: &[[u8; UDP_REPLY_BYTES_MOST]],
    group: &[Departure],
) -> nix::Result<usize> {
    let slices: [[IoSlice<'_>; 1]; UDP_BATCH] = std::array::from_fn(|index| {
        let bytes = group.get(index).map_or(&[][..], |departure| {
            &replies[departure.index][..departure.length]
        });
        [IoSlice::new(bytes)]
    });
    let peers: [Option<SockaddrStorage>; UDP_BATCH] =
        std::array::from_fn(|index| group.get(index).map(|departure| departure.peer));
    let (slices, peers) = (&slices[..group.len()], &peers[..group.len()]);
    let flags = MsgFlags::MSG_DONTWAIT;
    let sent = match group[0].local {
        Local::Bound => sendmmsg(socket, headers, slices, peers, [], flags)?.count(),
        Local::V4(address) => {
            let info = v4_source(address);
            let control = [ControlMessage::Ipv4PacketInfo(&info)];
            sendmmsg(socket, headers, slices, peers, control, flags)?.count()
        }
        Local::V6(address, interface) => {
            let info = v6_source(address, interface);
            let control = [ControlMessage::Ipv6PacketInfo(&info)];
            sendmmsg(socket, headers, slices, peers, control, flags)?.count()
        }
    };
    Ok(sent)
}

fn v4_source(address: Ipv4Addr) -> libc::in_pktinfo {
    libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: libc::in_addr {
            s_addr: u32::from_ne_bytes(address.octets()),
        },
        ipi_addr: libc::in_addr { s_addr: 0 },
    }
}

/// The interface matters for link-local addresses only; elsewhere the routes decide.
fn v6_source(address: Ipv6Addr, interface: u32) -> libc::in6_pktinfo {
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

fn socket_address(peer: &SockaddrStorage) -> SocketAddr {
    let v4 = peer
        .as_sockaddr_in()
        .map(|v4| SocketAddrV4::from(*v4).into());
    let v6 = || {
        peer.as_sockaddr_in6()
            .map(|v6| SocketAddrV6::from(*v6).into())
    };
    v4.or_else(v6).unwrap_or(UNKNOWN)
}
