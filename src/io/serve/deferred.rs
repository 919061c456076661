//! Deferred messages: those whose answer takes a disk, a peer or another thread.
//!
//! Updates (RFC 2136) and notifications (RFC 1996) change something, transfers are many messages, and
//! a signature takes a look at keys, so somebody must be waited for; the threads that answer wait for nobody. They put such a message, and the way back to
//! its sender, into a queue with a bound, and go on. Whoever reads the queue replies when there is
//! something to say: once to a datagram, any number of times to a stream. When the queue is full
//! the thread itself says SERVFAIL, so that a client tries again later instead of waiting.
//!
//! ```text
//! thread --offer--> [queue] --> handler --Request::reply--> datagram, or the connection's writer
//! ```
//!
//! What a message means is not known here, nor which ones are deferred: `inspect` tells that.
use std::net::IpAddr;

use tokio::sync::mpsc;

use super::inspect::needs_worker;
use super::udp::ReplyPath;
use crate::answer::Transport;
use crate::base::limits::{DEFERRED_WAITING, MESSAGE_BYTES, UDP_REPLY_BYTES_PLAIN};
use crate::dns::message;
use crate::dns::rr::rcode;

/// A message that was deferred.
#[derive(Debug)]
pub struct Request {
    /// The octets of the message.
    pub message: Vec<u8>,
    /// Who sent it.
    pub source: IpAddr,
    /// How it came.
    pub transport: Transport,
    replies: Replies,
}

/// The path by which replies reach whoever sent a message.
#[derive(Debug)]
pub(super) enum Replies {
    /// One datagram.
    Datagram(ReplyPath),
    /// Messages that the connection's own task writes.
    Stream(mpsc::Sender<Vec<u8>>),
}

/// The error that whoever asked has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerGone;

/// The end of the queue at which the answering threads put messages in.
#[derive(Clone, Debug)]
pub struct DeferredQueue(mpsc::Sender<Request>);

/// The queue: where the answering threads put messages, and where they come out.
#[must_use]
pub fn queue() -> (DeferredQueue, mpsc::Receiver<Request>) {
    let (sender, receiver) = mpsc::channel(DEFERRED_WAITING);
    (DeferredQueue(sender), receiver)
}

impl Request {
    /// Sends one message back; dropping the request afterwards says that it was the last.
    ///
    /// # Errors
    /// When whoever asked has gone.
    pub async fn reply(&self, message: Vec<u8>) -> Result<(), PeerGone> {
        match &self.replies {
            Replies::Datagram(back) => back.send(&message).map_err(|_| PeerGone),
            Replies::Stream(writer) => writer.send(message).await.map_err(|_| PeerGone),
        }
    }

    /// Octets that one message back may have at most, EDNS not looked at.
    #[must_use]
    pub fn limit(&self) -> usize {
        match self.replies {
            Replies::Datagram(_) => UDP_REPLY_BYTES_PLAIN,
            Replies::Stream(_) => MESSAGE_BYTES,
        }
    }
}

impl DeferredQueue {
    /// Puts a message of a stream into the queue, if it needs a worker; gives the replies that will come, which is one
    /// SERVFAIL when there is no room.
    pub(super) fn defer(
        &self,
        message: &[u8],
        source: IpAddr,
        transport: Transport,
    ) -> Option<mpsc::Receiver<Vec<u8>>> {
        if !needs_worker(message) {
            return None;
        }
        let (writer, replies) = mpsc::channel(1);
        let taken = Replies::Stream(writer.clone());
        if self.offer(message.to_vec(), source, transport, taken) == Err(QueueFull) {
            // There is room for one: nothing else has been written to it.
            busy(message)
                .into_iter()
                .for_each(|reply| drop(writer.try_send(reply)));
        }
        Some(replies)
    }

    /// Puts a message into the queue, if there is room.
    pub(super) fn offer(
        &self,
        message: Vec<u8>,
        source: IpAddr,
        transport: Transport,
        replies: Replies,
    ) -> Result<(), QueueFull> {
        let request = Request {
            message,
            source,
            transport,
            replies,
        };
        self.0.try_send(request).map_err(|_| QueueFull)
    }
}

/// The error that there is no room, or nobody who takes messages out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

/// The reply to a client when there is no room.
pub(super) fn busy(message: &[u8]) -> Option<Vec<u8>> {
    message::reply(message, rcode::SERVFAIL).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_takes_no_more() {
        let (deferred, mut waiting) = queue();
        let source = IpAddr::from([192, 0, 2, 1]);
        let offer = || {
            let (writer, _) = mpsc::channel(1);
            deferred.offer(vec![0], source, Transport::Tcp, Replies::Stream(writer))
        };
        for _ in 0..DEFERRED_WAITING {
            assert_eq!(offer(), Ok(()));
        }
        assert_eq!(offer(), Err(QueueFull));
        drop(waiting.try_recv());
        assert_eq!(offer(), Ok(()));
    }
}
