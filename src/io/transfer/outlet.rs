//! Sockets to other servers, bound to the address that the plan has them leave from.
//!
//! Whoever is asked lets us in, and believes our notifications, by that address. One that this machine does
//! not have is an error that says so: to leave from another in its place would be refused over there,
//! where nobody looks. Which address it is, is in the plan ([`Sources`]).
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use crate::plan::Sources;

/// Connects a stream.
///
/// # Errors
/// When the address is not to be left from, or the target not to be reached.
pub(super) async fn stream(sources: &Sources, to: SocketAddr) -> io::Result<TcpStream> {
    let (from, to) = ends(sources, to);
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.bind(from).map_err(|error| stuck(from, &error))?;
    socket.connect(to).await
}

/// A datagram socket that takes from nobody but the target.
///
/// # Errors
/// As for [`stream`].
pub(super) async fn datagrams(sources: &Sources, to: SocketAddr) -> io::Result<UdpSocket> {
    let (from, to) = ends(sources, to);
    let socket = UdpSocket::bind(from).await;
    let socket = socket.map_err(|error| stuck(from, &error))?;
    socket.connect(to).await?;
    Ok(socket)
}

/// Where to leave from, the port left to the system, and where to.
fn ends(sources: &Sources, to: SocketAddr) -> (SocketAddr, SocketAddr) {
    let to = match to.ip().to_canonical() {
        IpAddr::V4(own) => SocketAddr::from((own, to.port())),
        IpAddr::V6(_) => to,
    };
    let any = match to {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let from = sources.towards(to.ip()).unwrap_or(any);
    (SocketAddr::from((from, 0)), to)
}

fn stuck(from: SocketAddr, error: &io::Error) -> io::Error {
    let from = from.ip();
    io::Error::new(error.kind(), format!("cannot leave from {from}: {error}"))
}
