//! DNS over everything that has connections: TCP (RFC 7766), TLS (RFC 7858), HTTPS (RFC 8484) and
//! QUIC (RFC 9250).
//!
//! ```text
//! TCP listeners --.                        .--> connection (TCP)
//! TLS listeners --+--> doorkeeper: gate ---+--> handshake --> connection (TLS)
//! HTTPS ----------+       (who may stay)   +--> handshake --> https
//! QUIC endpoints -'                        '--> quic
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | [`gate`] | who must go when it is full |
//! | [`connection`] | queries and replies on a stream of octets; the same for TCP and TLS |
//! | [`frames`] | where a message ends |
//! | [`tls`] | handshakes, and which certificate they use |
//! | [`https`] | requests and responses |
//! | [`quic`] | streams of a QUIC connection, and whose address is to be proved first |
//! | [`listen`] | taking connections from the kernel |
//! | [`room`] | the doorkeeper: a task per connection, ended by its gate or when the server stops |
//!
//! One gate stands before all of them, so a client has as many connections as it may have, and not
//! that many for each transport. Nobody but the doorkeeper adds or removes connections, so there is
//! no lock.
//!
//! hickory-server and hickory-net are not used here. Their handlers take records rather than encoded
//! bytes, so every reply that the table holds in wire format would be decoded and encoded again.
//! They bound neither connections nor their pace, so six hundred idle peers would keep out the next;
//! the QUIC server finishes one handshake before it looks at another, for up to five seconds, and
//! its limits cannot be set (read in hickory-net 0.26.3, `quic_server.rs`). So the crates under them
//! are used directly: `tokio-rustls`, `hyper` and `quinn`.
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use self::gate::Activity;
use super::Service;
use crate::answer::{Answered, Asker, Transport};
use crate::base::{Span, limits};
use crate::io::metrics::{Dropped, QueryCounters};

mod connection;
mod frames;
mod gate;
mod https;
mod listen;
mod quic;
mod room;
mod tls;

pub(super) use listen::Doors;
pub(super) use room::Doorkeeper;

/// Octets of a reply's length in front of it, on transports that need one.
const PREFIX: usize = 2;
/// Room for a batch of replies, one of which may be of the greatest length.
const ROOM_BYTES: usize = limits::STREAM_BATCH_BYTES + PREFIX + limits::MESSAGE_BYTES;

thread_local! {
    /// Where replies are written; all connections of a thread share it.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; ROOM_BYTES].into());
}

/// What all connections share.
#[derive(Debug)]
struct Streams {
    service: Service,
    /// By [`Transport`].
    counters: [Mutex<QueryCounters>; Transport::ALL.len()],
    /// Connections that are open.
    open: AtomicUsize,
}

/// What a connection's task needs to know of it, whatever is spoken on it.
struct Visit {
    source: IpAddr,
    activity: Activity,
    stopping: watch::Receiver<()>,
}

impl Streams {
    fn new(service: Service) -> Self {
        let plan = service.published.load().plan.clone();
        let counters = Transport::ALL
            .map(|transport| Mutex::new(service.metrics.query_counters(&plan, transport)));
        Self {
            counters,
            open: AtomicUsize::new(0),
            service,
        }
    }

    /// Hands a message on, if it is one of those; gives what comes back.
    fn hand_on(
        &self,
        source: IpAddr,
        transport: Transport,
        query: &[u8],
    ) -> Option<mpsc::Receiver<Vec<u8>>> {
        self.service.slow.as_ref()?.take(query, source, transport)
    }

    /// Answers one query into `reply`, which holds a message of any length.
    fn respond(
        &self,
        source: IpAddr,
        transport: Transport,
        query: &[u8],
        reply: &mut [u8],
    ) -> Option<Answered> {
        let table = self.service.published.load();
        let asker = Asker {
            source,
            transport,
            now: self.service.clock.now(),
            idle: self.idle(),
            cookies: self.service.cookies(&table),
        };
        let answered = self.service.respond(&table, &asker, query, reply)?;
        let mut counters = self.counters(transport);
        if !counters.belong_to(&table.plan) {
            let metrics = &self.service.metrics;
            *counters = metrics.query_counters(&table.plan, transport);
        }
        counters.count(&answered);
        Some(answered)
    }

    fn counters(&self, transport: Transport) -> MutexGuard<'_, QueryCounters> {
        let own = &self.counters[transport as usize];
        own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections there may be.
    fn places(&self) -> usize {
        self.service.published.load().plan.server.connections
    }

    /// How long a connection may be silent now.
    fn idle(&self) -> Span {
        idle(self.open.load(Ordering::Relaxed), self.places())
    }

    /// Waits until a connection has been silent for as long as it may be.
    async fn silence(&self, activity: &Activity) {
        loop {
            let silent = self.service.clock.now().since(activity.last());
            let left = self.idle().0.saturating_sub(silent.0);
            if left == 0 {
                return;
            }
            sleep(duration(Span(left))).await;
        }
    }

    /// Does something, unless it takes too long; counts that.
    async fn in_time<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        match timeout(duration(limits::STREAM_TRANSFER), doing).await {
            Ok(done) => Some(done),
            Err(_) => {
                self.service.metrics.dropped(Dropped::Slow);
                None
            }
        }
    }
}

/// The whole time as long as half of the places are free; from there on less and less, down to the
/// least when none is.
fn idle(open: usize, places: usize) -> Span {
    let half = places.div_ceil(2).max(1);
    let free = places.saturating_sub(open).min(half);
    let part = |span: u64| span * free as u64 / half as u64;
    let most = limits::STREAM_IDLE.0 - limits::STREAM_IDLE_LEAST.0;
    Span(limits::STREAM_IDLE_LEAST.0 + part(most))
}

/// Lends the room for replies of this thread. It is lent to one at a time, and never across a wait.
fn with_room<T>(write: impl FnOnce(&mut [u8]) -> T) -> T {
    ROOM.with_borrow_mut(|room| write(room))
}

const fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_places_are_left_the_shorter_silence_may_be() {
        assert_eq!(idle(0, 512), limits::STREAM_IDLE);
        assert_eq!(idle(256, 512), limits::STREAM_IDLE);
        assert_eq!(idle(384, 512), Span(5_500));
        assert_eq!(idle(512, 512), limits::STREAM_IDLE_LEAST);
        assert_eq!(idle(700, 512), limits::STREAM_IDLE_LEAST);
        assert_eq!(idle(0, 0), limits::STREAM_IDLE_LEAST);
    }
}
