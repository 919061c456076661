//! Opens the sockets of the listen addresses.
//!
//! Each answering thread has a UDP socket of its own for each address (`SO_REUSEPORT`): the
//! kernel spreads clients over them by a hash, and no two threads meet at a lock. The TCP
//! listener of an address is one, and without `SO_REUSEPORT`: so a second server that is
//! started by mistake fails here, and does not silently take half of the queries.
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use socket2::{Domain, Protocol, Socket, Type};

use crate::base::limits;

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

/// Opens UDP and TCP on one address, both on the same port.
pub(super) fn bind(address: SocketAddr, threads: usize) -> io::Result<Bound> {
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_once(address, threads) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            done => return done.map_err(|error| explain(address, &error)),
        }
    }
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
    Ok(socket.into())
}

/// Has the kernel tell which address a datagram was sent to, so that the reply comes from there.
fn ask_for_destination(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => setsockopt(socket, Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::TCP_BACKLOG)?;
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
