//! Opens the sockets of the listen addresses, or takes those that this process was given open.
//!
//! Each answering thread has a UDP socket of its own for each address (`SO_REUSEPORT`): the
//! kernel spreads clients over them by a hash, and no two threads meet at a lock. The TCP
//! listener of an address is one, and without `SO_REUSEPORT`: so a second server that is
//! started by mistake fails here, and does not silently take half of the queries.
//!
//! Sockets that were given are all read, however many threads the config wants: what waits in one that is closed is
//! lost. Where there are fewer than threads (a service manager gives one), threads share them.
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol, Socket, Type};

use crate::base::limits;
use crate::io::inherited::Inherited;

/// Ports to try when the kernel chooses one for UDP that TCP has given away already.
const PORT_TRIES: usize = 16;

/// The sockets of one listen address.
#[derive(Debug)]
pub(super) struct Bound {
    /// Where they listen; with the port that the kernel chose if none was asked for.
    pub(super) address: SocketAddr,
    /// One for each thread.
    pub(super) udp: Vec<UdpSocket>,
    /// Not blocking.
    pub(super) tcp: TcpListener,
}

/// Opens UDP and TCP on one address, both on the same port; or takes what was given of it.
pub(super) fn bind(
    address: SocketAddr,
    threads: usize,
    given: &mut Inherited,
) -> io::Result<Bound> {
    let (tcp, udp) = (given.tcp(address), given.udp(address));
    if tcp.is_none() && udp.is_empty() {
        return bind_anew(address, threads);
    }
    adopt(address, threads, tcp, udp).map_err(|error| explain(address, &error))
}

/// Completes what was given of an address.
fn adopt(
    address: SocketAddr,
    threads: usize,
    tcp: Option<TcpListener>,
    udp: Vec<UdpSocket>,
) -> io::Result<Bound> {
    let tcp = match tcp {
        Some(listener) => adopt_listener(listener)?,
        None => bind_tcp(address)?,
    };
    if udp.is_empty() {
        let udp = (0..threads.max(1)).map(|_| bind_udp(address));
        let udp = udp.collect::<io::Result<_>>()?;
        return Ok(Bound { address, udp, tcp });
    }
    for socket in &udp {
        socket.set_nonblocking(true)?;
        if address.ip().is_unspecified() {
            ask_for_destination(socket, address)?;
        }
        // Best effort: without it a reply may be fragmented on its way.
        let _ = forbid_fragments(socket);
    }
    let shared: Vec<io::Result<UdpSocket>> = udp
        .iter()
        .cycle()
        .skip(udp.len())
        .take(threads.saturating_sub(udp.len()))
        .map(UdpSocket::try_clone)
        .collect();
    let udp = udp.into_iter().map(Ok).chain(shared);
    Ok(Bound {
        address,
        udp: udp.collect::<io::Result<_>>()?,
        tcp,
    })
}

fn adopt_listener(listener: TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn bind_anew(address: SocketAddr, threads: usize) -> io::Result<Bound> {
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_once(address, threads) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            done => return done.map_err(|error| explain(address, &error)),
        }
    }
}

/// Opens a listener for a stream transport of its own, or takes the one that was given.
pub(super) fn bind_stream(address: SocketAddr, given: &mut Inherited) -> io::Result<TcpListener> {
    let bound = match given.tcp(address) {
        Some(listener) => adopt_listener(listener),
        None => bind_tcp(address),
    };
    bound.map_err(|error| explain(address, &error))
}

/// Opens a socket for QUIC. It is one, for connections have to find their way back to it; and no
/// other may share its port.
pub(super) fn bind_quic(address: SocketAddr, given: &mut Inherited) -> io::Result<UdpSocket> {
    if let Some(socket) = given.udp(address).into_iter().next() {
        return socket.set_nonblocking(true).map(|()| socket);
    }
    let bound = open(address, Type::DGRAM, Protocol::UDP).and_then(|socket| {
        // Best effort: a small buffer loses bursts, which QUIC sends again.
        let _ = socket.set_recv_buffer_size(limits::UDP_RECEIVE_BUFFER_BYTES);
        socket.bind(&address.into())?;
        Ok(socket.into())
    });
    bound.map_err(|error| explain(address, &error))
}

fn bind_once(address: SocketAddr, threads: usize) -> io::Result<Bound> {
    let tcp = bind_tcp(address)?;
    let address = tcp.local_addr()?;
    let udp = (0..threads.max(1)).map(|_| bind_udp(address));
    Ok(Bound {
        address,
        udp: udp.collect::<io::Result<_>>()?,
        tcp,
    })
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_reuse_port(true)?;
    // Best effort: a small buffer loses bursts, it does not answer wrongly.
    let _ = socket.set_recv_buffer_size(limits::UDP_RECEIVE_BUFFER_BYTES);
    if address.ip().is_unspecified() {
        ask_for_destination(&socket, address)?;
    }
    socket.bind(&address.into())?;
    let socket = socket.into();
    // Best effort: without it a reply may be fragmented on its way.
    let _ = forbid_fragments(&socket);
    Ok(socket)
}

/// Has replies travel whole or not at all: fragments are lost often and forged easily (RFC 9715,
/// section 3.1). It also spares the kernel a number for each packet.
fn forbid_fragments(socket: &UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        SocketAddr::V4(_) => sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::PROBE)?,
        SocketAddr::V6(_) => sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::PROBE)?,
    }
    Ok(())
}

/// Lets replies be fragmented, because one is larger than the link takes: only a config that asks
/// for such large ones (`server.udp_reply_bytes`) makes them. Gives whether they were forbidden.
pub(super) fn allow_fragments(socket: &UdpSocket) -> bool {
    let allowed = match socket.local_addr() {
        Ok(SocketAddr::V4(_)) => sockopt::ip_mtu_discover(socket)
            .is_ok_and(|now| now == Ipv4PathMtuDiscovery::PROBE)
            .then(|| sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DONT)),
        Ok(SocketAddr::V6(_)) => sockopt::ipv6_mtu_discover(socket)
            .is_ok_and(|now| now == Ipv6PathMtuDiscovery::PROBE)
            .then(|| sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT)),
        Err(_) => None,
    };
    allowed.is_some_and(|set| set.is_ok())
}

/// Has the kernel tell which address a datagram was sent to, so that the reply comes from there.
fn ask_for_destination(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => setsockopt(&socket, Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::STREAM_BACKLOG)?;
    Ok(socket.into())
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn explain(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_forbidden_until_a_reply_needs_them() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = bind_udp(address.parse().unwrap()).unwrap();
            assert!(
                allow_fragments(&socket),
                "{address}: they were not forbidden"
            );
            assert!(!allow_fragments(&socket), "{address}: allowed twice");
            forbid_fragments(&socket).unwrap();
            assert!(allow_fragments(&socket), "{address}");
        }
    }
}
