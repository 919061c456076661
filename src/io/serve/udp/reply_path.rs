//! The path of a reply to the sender of one datagram, if it does not come at once.
//!
//! Like a reply of a batch it leaves by the address that was asked, because a client takes no reply
//! from another one.
use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};

use super::batch::{Local, v4_source, v6_source};

/// The source of one datagram, and which of our addresses it came to.
#[derive(Debug)]
pub(in crate::io::serve) struct ReplyPath {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) peer: SocketAddr,
    pub(super) local: Local,
}

impl ReplyPath {
    /// Sends one datagram back, if the kernel takes it at once.
    pub(in crate::io::serve) fn send(&self, message: &[u8]) -> io::Result<()> {
        let slices = [IoSlice::new(message)];
        let peer = SockaddrStorage::from(self.peer);
        let send = |control: &[ControlMessage<'_>]| {
            let socket = self.socket.as_raw_fd();
            sendmsg(
                socket,
                &slices,
                control,
                MsgFlags::MSG_DONTWAIT,
                Some(&peer),
            )
        };
        let sent = match self.local {
            Local::Bound => send(&[]),
            Local::V4(address) => send(&[ControlMessage::Ipv4PacketInfo(&v4_source(address))]),
            Local::V6(address, interface) => send(&[ControlMessage::Ipv6PacketInfo(&v6_source(
                address, interface,
            ))]),
        };
        sent.map(|_| ()).map_err(io::Error::from)
    }
}
