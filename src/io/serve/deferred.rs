//! Deferred messages: those whose answer takes a disk, a peer or another thread.
//!
//! Updates (RFC 2136) and notifications (RFC 1996) change something, transfers are many messages, and
//! a signature takes a look at keys, so somebody must be waited for; the threads that answer wait for nobody. They put such a message, and the way back to
//! its sender, into a queue with a bound, and go on. Whoever reads the queue replies when there is
//! something to say: once to a datagram, any number of times to a stream. When the queue is full
//! the thread itself says SERVFAIL, so that a client tries again later instead of waiting.
//!
//! ```text
//! thread --Screen--> refused at once: answered here
//!            '--offer--> [lane of its kind] --in turn--> handler --Request::reply--> datagram, or the connection's writer
//! ```
//!
//! Strangers do not get in the way of those who are entitled: what can be seen to be nobody's right is refused before
//! it is queued ([`Screen`]); each kind has a lane of its own, apart for datagrams, whose senders may be forged, and
//! streams; lanes are emptied in turn; and of a lane a peer has a part and no more.
//!
//! What a message means is not known here, nor which ones are deferred: `inspect` tells that.
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::inspect::needs_worker;
use super::udp::ReplyPath;
use crate::answer::Transport;
use crate::base::Moment;
use crate::base::limits::{
    DEFERRED_BY_PEER, DEFERRED_WAITING, MESSAGE_BYTES, UDP_REPLY_BYTES_PLAIN,
};
use crate::dns::message;
use crate::dns::rr::rcode;
use crate::geo::Network;
use crate::io::screen::{RequestKind, Screen, ScreenResult};

/// Lanes of the queue: for each kind one of datagrams and one of streams.
const LANES: usize = 2 * RequestKind::ALL.len();

/// A message that was deferred.
#[derive(Debug)]
pub struct Request {
    /// The octets of the message.
    pub message: Vec<u8>,
    /// Its sender.
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
pub struct DeferredQueue {
    screen: Arc<Screen>,
    lanes: [mpsc::Sender<Request>; LANES],
    shares: Arc<Shares>,
}

/// The end of the queue at which messages come out.
#[derive(Debug)]
pub struct DeferredRequests {
    lanes: [mpsc::Receiver<Request>; LANES],
    /// The lane whose turn it is.
    turn: usize,
    shares: Arc<Shares>,
}

/// A peer, as shares count them: an IPv4 address or an IPv6 /64.
type PeerNetwork = Network;

/// The number of messages of each peer that wait in each lane.
#[derive(Debug, Default)]
struct Shares(Mutex<HashMap<(usize, PeerNetwork), usize>>);

/// The queue: where the answering threads put messages that the screen lets through, and where they come out.
#[must_use]
pub fn queue(screen: Arc<Screen>) -> (DeferredQueue, DeferredRequests) {
    let lanes: [_; LANES] = std::array::from_fn(|_| mpsc::channel(DEFERRED_WAITING));
    let senders = lanes.each_ref().map(|(sender, _)| sender.clone());
    let shares = Arc::new(Shares::default());
    let queue = DeferredQueue {
        screen,
        lanes: senders,
        shares: Arc::clone(&shares),
    };
    let requests = DeferredRequests {
        lanes: lanes.map(|(_, receiver)| receiver),
        turn: 0,
        shares,
    };
    (queue, requests)
}

impl Shares {
    /// Takes a place in a lane, if the peer has one left.
    fn take(&self, lane: usize, peer: PeerNetwork) -> Result<(), QueueFull> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry((lane, peer)).or_default();
        if *own >= DEFERRED_BY_PEER {
            return Err(QueueFull);
        }
        *own += 1;
        Ok(())
    }

    fn give_back(&self, lane: usize, peer: PeerNetwork) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get_mut(&(lane, peer)) {
            *own -= 1;
            if *own == 0 {
                all.remove(&(lane, peer));
            }
        }
    }
}

impl DeferredRequests {
    /// The next message, of each lane in turn; `None` when nobody puts any in any more.
    pub async fn recv(&mut self) -> Option<Request> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Request>> {
        let mut closed = 0;
        for step in 0..LANES {
            let lane = (self.turn + step) % LANES;
            match self.lanes[lane].poll_recv(context) {
                Poll::Ready(Some(request)) => {
                    self.turn = (lane + 1) % LANES;
                    self.shares.give_back(lane, peer(request.source));
                    return Poll::Ready(Some(request));
                }
                Poll::Ready(None) => closed += 1,
                Poll::Pending => {}
            }
        }
        match closed {
            LANES => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }
}

fn peer(source: IpAddr) -> PeerNetwork {
    let source = source.to_canonical();
    Network::around(source, if source.is_ipv4() { 32 } else { 64 })
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
    /// Judges a message that needs a worker.
    pub(super) fn judge(&self, source: IpAddr, message: &[u8]) -> ScreenResult {
        self.screen.judge(source, message)
    }

    /// Says what was left out of the log in a flood that is over.
    pub(super) fn sweep(&self, now: Moment) {
        self.screen.sweep(now);
    }

    /// Takes a message of a stream, if it needs a worker; gives the replies that will come, which is one at once where
    /// it is refused, and one SERVFAIL when there is no room.
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
        let at_once = match self.judge(source, message) {
            ScreenResult::Ordinary => return None,
            ScreenResult::Refused(reply) => reply,
            ScreenResult::Queued(kind) => {
                let request = Request {
                    message: message.to_vec(),
                    source,
                    transport,
                    replies: Replies::Stream(writer.clone()),
                };
                let offered = self.offer(kind, request);
                offered.err().and_then(|QueueFull| busy(message))
            }
        };
        // There is room for one: nothing else has been written to it.
        at_once
            .into_iter()
            .for_each(|reply| drop(writer.try_send(reply)));
        Some(replies)
    }

    /// Puts a datagram into the queue, if there is room.
    pub(super) fn offer_datagram(
        &self,
        kind: RequestKind,
        (source, message): (IpAddr, &[u8]),
        back: ReplyPath,
    ) -> Result<(), QueueFull> {
        let request = Request {
            message: message.to_vec(),
            source,
            transport: Transport::Udp,
            replies: Replies::Datagram(back),
        };
        self.offer(kind, request)
    }

    fn offer(&self, kind: RequestKind, request: Request) -> Result<(), QueueFull> {
        let lane = 2 * kind as usize + usize::from(request.transport.is_stream());
        let peer = peer(request.source);
        self.shares.take(lane, peer)?;
        let sent = self.lanes[lane].try_send(request);
        sent.map_err(|_| {
            self.shares.give_back(lane, peer);
            QueueFull
        })
    }
}

/// The error that there is no room, or nobody who takes messages out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

/// The reply to a client that has had enough over UDP: that there is more over TCP.
pub(super) fn short(message: &[u8]) -> Option<Vec<u8>> {
    let mut reply = message::reply(message, rcode::NOERROR).ok()?;
    message::set_truncated(&mut reply);
    Some(reply)
}

/// The reply to a client when there is no room.
pub(super) fn busy(message: &[u8]) -> Option<Vec<u8>> {
    message::reply(message, rcode::SERVFAIL).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::clock::Clock;

    fn started() -> (DeferredQueue, DeferredRequests) {
        queue(Arc::new(Screen::new(Clock::start())))
    }

    fn request(last: u8, transport: Transport) -> Request {
        let (writer, _) = mpsc::channel(1);
        Request {
            message: vec![last],
            source: IpAddr::from([192, 0, 2, last]),
            transport,
            replies: Replies::Stream(writer),
        }
    }

    /// How many messages of a peer there is room for.
    fn fill(
        deferred: &DeferredQueue,
        kind: RequestKind,
        (last, transport): (u8, Transport),
    ) -> usize {
        let offers = std::iter::repeat_with(|| deferred.offer(kind, request(last, transport)));
        offers.take_while(Result::is_ok).count()
    }

    #[test]
    fn a_peer_has_a_part_of_a_lane_and_a_full_lane_takes_no_more() {
        let (deferred, _waiting) = started();
        let from = |last| (last, Transport::Udp);
        let of_kind = |kind| fill(&deferred, kind, from(1));
        assert_eq!(of_kind(RequestKind::Update), DEFERRED_BY_PEER);
        let others: usize = (2..20)
            .map(|last| fill(&deferred, RequestKind::Update, from(last)))
            .sum();
        assert_eq!(others, DEFERRED_WAITING - DEFERRED_BY_PEER);
        assert_eq!(
            of_kind(RequestKind::Transfer),
            DEFERRED_BY_PEER,
            "another kind"
        );
        let by_stream = fill(&deferred, RequestKind::Update, (30, Transport::Tcp));
        assert_eq!(by_stream, DEFERRED_BY_PEER, "a stream is not forged");
    }

    #[tokio::test]
    async fn lanes_are_emptied_in_turn_and_places_come_free() {
        let (deferred, mut waiting) = started();
        let flood = (1, Transport::Udp);
        assert_eq!(
            fill(&deferred, RequestKind::Update, flood),
            DEFERRED_BY_PEER
        );
        deferred
            .offer(RequestKind::Transfer, request(9, Transport::Tcp))
            .unwrap();
        let first = [waiting.recv().await.unwrap(), waiting.recv().await.unwrap()];
        assert!(
            first.iter().any(|request| request.message == [9]),
            "{first:?}"
        );
        assert_eq!(fill(&deferred, RequestKind::Update, flood), 1);
        drop(deferred);
        for _ in 0..DEFERRED_BY_PEER {
            assert!(waiting.recv().await.is_some());
        }
        assert!(waiting.recv().await.is_none());
    }

    #[test]
    fn what_needs_no_worker_is_not_deferred() {
        let (deferred, _waiting) = started();
        let source = IpAddr::from([192, 0, 2, 1]);
        assert!(deferred.defer(&[0; 12], source, Transport::Tcp).is_none());
    }

    /// Without a config nobody may change anything.
    #[test]
    fn what_is_refused_is_answered_at_once() {
        let (deferred, _waiting) = started();
        let update = b"\x12\x34\x28\0\0\x01\0\0\0\0\0\0\x01z\0\0\x06\0\x01";
        let source = IpAddr::from([192, 0, 2, 1]);
        let replies = deferred.defer(update, source, Transport::Tcp);
        let reply = replies.unwrap().try_recv().unwrap();
        assert_eq!(reply[3] & 0xF, 5, "REFUSED");
        assert_eq!(reply[..2], [0x12, 0x34]);
    }
}
