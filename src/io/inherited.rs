//! Sockets that this process was given open: by the program before it, or by the service manager.
//!
//! Decides which of them belongs to which listener: the one that is bound to its address. So nobody needs to agree
//! on names or an order, and a config that listens elsewhere than its predecessor takes what still fits, opens what is
//! new, and lets go of the rest. Datagrams and connections that wait in such a socket are not lost: they belong to the
//! socket, and not to whoever has it open.
//!
//! It does not know what is spoken on a socket, nor whether anybody else still reads it.
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use socket2::{Socket, Type};

/// Open sockets that nobody has claimed yet.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(SocketAddr, Socket)>,
}

impl Inherited {
    /// Takes descriptors; those that are no bound sockets of the internet are closed.
    #[must_use]
    pub fn of(descriptors: Vec<OwnedFd>) -> Self {
        let sockets = descriptors.into_iter().map(Socket::from);
        let bound = sockets.filter_map(|socket| {
            let address = socket.local_addr().ok()?.as_socket()?;
            Some((address, socket))
        });
        Self {
            sockets: bound.collect(),
        }
    }

    /// Adds those of another.
    pub fn extend(&mut self, other: Self) {
        self.sockets.extend(other.sockets);
    }

    /// Claims the datagram sockets of an address.
    pub fn udp(&mut self, address: SocketAddr) -> Vec<UdpSocket> {
        let own = self.claim(address, Type::DGRAM);
        own.into_iter().map(UdpSocket::from).collect()
    }

    /// Claims the listener of an address; of several all but the first are closed.
    pub fn tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let own = self.claim(address, Type::STREAM);
        let mut listening = own.into_iter();
        listening
            .find(|socket| socket.is_listener().unwrap_or(false))
            .map(TcpListener::from)
    }

    /// Addresses of sockets that no listener has claimed; they close with this.
    pub fn unclaimed(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|(address, _)| *address)
    }

    fn claim(&mut self, address: SocketAddr, kind: Type) -> Vec<Socket> {
        let is_own = |(bound, socket): &mut (SocketAddr, Socket)| {
            *bound == address && socket.r#type().is_ok_and(|own| own == kind)
        };
        let own = self.sockets.extract_if(.., is_own);
        own.map(|(_, socket)| socket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_goes_to_the_listener_of_its_address() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = [0, 1].map(|_| {
            let socket = Socket::new(socket2::Domain::IPV4, Type::DGRAM, None).unwrap();
            socket.set_reuse_port(true).unwrap();
            socket.bind(&address.into()).unwrap();
            OwnedFd::from(socket)
        });
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let elsewhere = other.local_addr().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let mut given = Inherited::of(vec![tcp.into(), file.into(), other.into()]);
        given.extend(Inherited::of(udp.into()));
        assert_eq!(given.udp(address).len(), 2);
        assert_eq!(given.udp(address).len(), 0, "claimed twice");
        let listener = given.tcp(address).unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
        assert!(given.tcp(elsewhere).is_none(), "it is for datagrams");
        assert_eq!(given.unclaimed().collect::<Vec<_>>(), [elsewhere]);
    }
}
