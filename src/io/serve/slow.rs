//! What the answering threads hand on: messages whose answer takes a disk, a peer or another thread.
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
//! What a message means is not known here; only which ones never concern the table.
use std::net::IpAddr;

use tokio::sync::mpsc;

use super::concern;
use super::udp::WayBack;
use crate::answer::Transport;
use crate::base::limits::{MESSAGE_BYTES, SLOW_WAITING, UDP_REPLY_BYTES_PLAIN};
use crate::dns::message;
use crate::dns::rr::rcode;

/// A message that was handed on.
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

/// The way back to whoever sent a message.
#[derive(Debug)]
pub(super) enum Replies {
    /// One datagram.
    Datagram(WayBack),
    /// Messages that the connection's own task writes.
    Stream(mpsc::Sender<Vec<u8>>),
}

/// Whoever asked has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Where messages are handed on.
#[derive(Clone, Debug)]
pub struct Slow(mpsc::Sender<Request>);

/// The queue: where the answering threads put messages, and where they come out.
#[must_use]
pub fn queue() -> (Slow, mpsc::Receiver<Request>) {
    let (sender, receiver) = mpsc::channel(SLOW_WAITING);
    (Slow(sender), receiver)
}

impl Request {
    /// Sends one message back; dropping the request afterwards says that it was the last.
    ///
    /// # Errors
    /// When whoever asked has gone.
    pub async fn reply(&self, message: Vec<u8>) -> Result<(), Gone> {
        match &self.replies {
            Replies::Datagram(back) => back.send(&message).map_err(|_| Gone),
            Replies::Stream(writer) => writer.send(message).await.map_err(|_| Gone),
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

impl Slow {
    /// Hands a message of a stream on, if it is one of those; gives what comes back, which is a word
    /// of regret when there is no room.
    pub(super) fn take(
        &self,
        message: &[u8],
        source: IpAddr,
        transport: Transport,
    ) -> Option<mpsc::Receiver<Vec<u8>>> {
        if !is_slow(message) {
            return None;
        }
        let (writer, replies) = mpsc::channel(1);
        let taken = Replies::Stream(writer.clone());
        if self.offer(message.to_vec(), source, transport, taken) == Err(Full) {
            // There is room for one: nothing else has been written to it.
            busy(message)
                .into_iter()
                .for_each(|reply| drop(writer.try_send(reply)));
        }
        Some(replies)
    }

    /// Hands a message on; whether there was room.
    pub(super) fn offer(
        &self,
        message: Vec<u8>,
        source: IpAddr,
        transport: Transport,
        replies: Replies,
    ) -> Result<(), Full> {
        let request = Request {
            message,
            source,
            transport,
            replies,
        };
        self.0.try_send(request).map_err(|_| Full)
    }
}

/// There is no room, or nobody who takes messages out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Whether a message is one to hand on.
pub(super) fn is_slow(message: &[u8]) -> bool {
    concern::concerns(message)
}

/// What a client is told when there is no room.
pub(super) fn busy(message: &[u8]) -> Option<Vec<u8>> {
    message::reply(message, rcode::SERVFAIL).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_takes_no_more() {
        let (slow, mut waiting) = queue();
        let source = IpAddr::from([192, 0, 2, 1]);
        let offer = || {
            let (writer, _) = mpsc::channel(1);
            slow.offer(vec![0], source, Transport::Tcp, Replies::Stream(writer))
        };
        for _ in 0..SLOW_WAITING {
            assert_eq!(offer(), Ok(()));
        }
        assert_eq!(offer(), Err(Full));
        drop(waiting.try_recv());
        assert_eq!(offer(), Ok(()));
    }
}
