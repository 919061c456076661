//! Sockets that this process was given open: by the program before it, or by the service manager.
//!
//! Decides which of them belongs to which listener: the one that is bound to its address. So nobody needs to agree
//! on names or an order, and a config that listens elsewhere than its predecessor takes what still fits, opens what is
//! new, and lets go of the rest. Datagrams and connections that wait in such a socket are not lost: they belong to the
//! socket, and not to whoever has it open.
//!
//! It does not know what is spoken on a socket, nor whether anybody else still reads it.
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Socket, Type};

/// Open sockets that nobody has claimed yet.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(SocketAddr, Socket)>,
    /// Sockets of this machine, each with the path that it was bound to.
    local: Vec<(PathBuf, Socket)>,
}

impl Inherited {
    /// Takes descriptors; those that are no bound sockets are closed.
    #[must_use]
    pub fn of(descriptors: Vec<OwnedFd>) -> Self {
        let mut given = Self::default();
        for socket in descriptors.into_iter().map(Socket::from) {
            let Ok(address) = socket.local_addr() else {
                continue;
            };
            if let Some(path) = address.as_pathname() {
                given.local.push((path.to_owned(), socket));
            } else if let Some(address) = address.as_socket() {
                given.sockets.push((address, socket));
            }
        }
        given
    }

    /// Adds those of another.
    pub fn extend(&mut self, other: Self) {
        self.sockets.extend(other.sockets);
        self.local.extend(other.local);
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

    /// Claims the listener of a path. It was bound there, or beside it under a name with a number behind it, and renamed.
    pub fn unix(&mut self, path: &Path) -> Option<UnixListener> {
        let is_number =
            |name: &OsStr| !name.is_empty() && name.as_bytes().iter().all(u8::is_ascii_digit);
        let is_own = |(bound, socket): &mut (PathBuf, Socket)| {
            let renamed = bound.extension().is_some_and(is_number);
            let is_there = bound == path || renamed && bound.with_extension("") == path;
            is_there && socket.is_listener().unwrap_or(false)
        };
        let (_, socket) = self.local.extract_if(.., is_own).next()?;
        Some(UnixListener::from(OwnedFd::from(socket)))
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

    #[test]
    fn a_socket_that_was_renamed_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("waypost.sock");
        let beside = folder.path().join("waypost.sock.4711");
        let listener = UnixListener::bind(&beside).unwrap();
        std::fs::rename(&beside, &path).unwrap();
        let mut given = Inherited::of(vec![listener.into()]);
        assert!(given.unix(&folder.path().join("other.sock")).is_none());
        let listener = given.unix(&path).unwrap();
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert!(listener.accept().is_ok());
        assert!(given.unix(&path).is_none(), "claimed twice");
    }
}
