//! Messages with descriptors between two programs: a pair of Unix sockets that keep messages apart.
//!
//! A message is a line of JSON, so that a newer program can say to an older one what is wrong. Descriptors travel
//! beside it (`SCM_RIGHTS`, unix(7)); the kernel gives the receiver descriptors of its own for the same sockets. Every wait has
//! an end, because the other side may hang.
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Descriptors beside one message; the kernel takes 253.
pub(super) const DESCRIPTORS: usize = 64;
/// Octets of a message.
const MESSAGE_BYTES: usize = 64 * 1024;

/// One end of the conversation.
#[derive(Debug)]
pub(super) struct Channel {
    socket: OwnedFd,
}

impl Channel {
    /// Both ends; neither outlives a program that is started, unless it is given to it.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (own, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self { socket: own }, other))
    }

    /// The end that this descriptor is; nothing if it is no such end.
    pub(super) fn of(socket: OwnedFd) -> Option<Self> {
        let kind = sockopt::socket_type(&socket).ok()?;
        (kind == SocketType::SEQPACKET).then_some(Self { socket })
    }

    /// Says something, with at most [`DESCRIPTORS`] descriptors.
    ///
    /// # Errors
    /// When the other side is gone, or takes nothing for this long.
    pub(super) fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
        patience: Duration,
    ) -> io::Result<()> {
        sockopt::set_socket_timeout(&self.socket, Timeout::Send, Some(patience))?;
        let text = serde_json::to_vec(message)?;
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut beside = SendAncillaryBuffer::new(&mut room);
        if !descriptors.is_empty() {
            let fits = beside.push(SendAncillaryMessage::ScmRights(descriptors));
            debug_assert!(fits, "too many descriptors for one message");
        }
        let flags = SendFlags::NOSIGNAL;
        rustix::net::sendmsg(&self.socket, &[IoSlice::new(&text)], &mut beside, flags)?;
        Ok(())
    }

    /// Waits for what the other side says.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other side is gone, `WouldBlock` when it says nothing for this long, and when what it says cannot
    /// be read.
    pub(super) fn receive<M: DeserializeOwned>(
        &self,
        patience: Duration,
    ) -> io::Result<(M, Vec<OwnedFd>)> {
        let patience = patience.max(Duration::from_millis(1));
        sockopt::set_socket_timeout(&self.socket, Timeout::Recv, Some(patience))?;
        let mut text = vec![0; MESSAGE_BYTES];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut beside = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let came = {
            let mut into = [IoSliceMut::new(&mut text)];
            rustix::io::retry_on_intr(|| {
                rustix::net::recvmsg(&self.socket, &mut into, &mut beside, flags)
            })?
        };
        let mut descriptors = Vec::new();
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(given) = message {
                descriptors.extend(given);
            }
        }
        if came.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if came
            .flags
            .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
        {
            return Err(io::Error::other("a message that is cut short"));
        }
        Ok((serde_json::from_slice(&text[..came.bytes])?, descriptors))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
