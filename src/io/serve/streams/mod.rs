//! DNS over everything that has connections: TCP (RFC 7766), TLS (RFC 7858), HTTPS (RFC 8484) and
//! QUIC (RFC 9250).
//!
//! ```text
//! TCP listeners --.                        .--> connection (TCP)
//! TLS listeners --+--> manager: table -----+--> handshake --> connection (TLS)
//! HTTPS ----------+       (who may stay)   +--> handshake --> https
//! QUIC endpoints -'                        '--> quic
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | [`table`] | the connections that are open, and which must go when it is full |
//! | [`connection`] | queries and replies on a stream of octets; the same for TCP and TLS |
//! | [`frames`] | where a message ends |
//! | [`tls`] | handshakes, and which certificate they use |
//! | [`https`] | requests and responses |
//! | [`quic`] | streams of a QUIC connection, and whose address is to be proved first |
//! | [`listen`] | taking connections from the kernel |
//! | [`manager`] | a task per connection, ended when its place is another's or the server stops |
//!
//! One table holds those of all transports, so a client has as many connections as it may have, and not
//! that many for each transport. Nobody but the manager adds or removes connections, so there is
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

use self::table::Activity;
use super::Service;
use crate::answer::{Answered, Asker, Transport};
use crate::base::{Span, limits};
use crate::io::metrics::{Dropped, QueryCounters};

mod connection;
mod frames;
mod https;
mod listen;
mod manager;
mod quic;
mod table;
mod tls;

pub(super) use listen::StreamSockets;
pub(super) use manager::ConnectionManager;

/// Octets of a reply's length in front of it, on transports that need one.
const PREFIX: usize = 2;
/// Octets for a batch of replies, one of which may be of the greatest length.
const REPLY_BUFFER_BYTES: usize = limits::STREAM_BATCH_BYTES + PREFIX + limits::MESSAGE_BYTES;

thread_local! {
    /// The buffer that replies are written to; all connections of a thread share it.
    static REPLY_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; REPLY_BUFFER_BYTES].into());
}

/// State that all connections share.
#[derive(Debug)]
struct Streams {
    service: Service,
    /// By [`Transport`].
    counters: [Mutex<QueryCounters>; Transport::ALL.len()],
    /// Connections that are open.
    open: AtomicUsize,
    /// Connections that there may be, whatever a config says.
    possible: usize,
}

/// The facts of a connection that its task needs, whatever is spoken on it.
struct ConnectionContext {
    source: IpAddr,
    activity: Activity,
    stopping: watch::Receiver<()>,
}

impl Streams {
    fn new(service: Service, possible: usize) -> Self {
        let plan = service.published.load().plan.clone();
        let counters = Transport::ALL
            .map(|transport| Mutex::new(service.metrics.query_counters(&plan, transport)));
        Self {
            counters,
            open: AtomicUsize::new(0),
            possible,
            service,
        }
    }

    /// Defers a message that needs a worker; gives the replies that will come for it.
    fn deferred_replies(
        &self,
        source: IpAddr,
        transport: Transport,
        query: &[u8],
    ) -> Option<mpsc::Receiver<Vec<u8>>> {
        self.service
            .deferred
            .as_ref()?
            .defer(query, source, transport)
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
        let table = table.seen_from(source);
        let asker = Asker {
            source,
            transport,
            now: self.service.clock.now(),
            idle: self.idle(),
            cookies: self.service.cookies(table),
        };
        let answered = self.service.respond(table, &asker, query, reply)?;
        let mut counters = self.counters(transport);
        if !counters.belong_to(&table.plan) {
            let metrics = &self.service.metrics;
            *counters = metrics.query_counters(&table.plan, transport);
        }
        counters.count(&answered);
        drop(counters);
        if let Some(tap) = &self.service.tap {
            let reply = reply.get(..answered.length).unwrap_or_default();
            tap.take_in_turn(source, transport, reply);
        }
        Some(answered)
    }

    fn counters(&self, transport: Transport) -> MutexGuard<'_, QueryCounters> {
        let own = &self.counters[transport as usize];
        own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of connections that there may be.
    fn places(&self) -> usize {
        let wanted = self.service.published.load().plan.server.connections;
        wanted.min(self.possible)
    }

    /// The span that a connection may be silent now.
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

/// Lends the buffer for replies of this thread. It is lent to one at a time, and never across a wait.
fn with_reply_buffer<T>(write: impl FnOnce(&mut [u8]) -> T) -> T {
    REPLY_BUFFER.with_borrow_mut(|buffer| write(buffer))
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
