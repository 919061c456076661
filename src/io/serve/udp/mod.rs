//! One thread that answers datagrams.
//!
//! Each round is one `poll`, and for every socket that has something one `recvmmsg`, one look
//! at the table, one look at the clock and one `sendmmsg`, for up to [`UDP_BATCH`] queries. A
//! socket that fills a batch is read again at once, [`BATCHES_IN_A_ROW`] times at most, so that
//! none waits for another's flood. Threads share nothing that is written.
//!
//! ```text
//! serving --stop--> draining --queues empty, or UDP_DRAIN over--> gone
//! ```
//!
//! hickory-server is not used here: its loop takes two to three times the processor time for a
//! query, with a system call and a task for each.
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{SockaddrIn, SockaddrIn6};

use self::batch::{Batch, Exchange, Peer};
use self::limiter::{Ruling, Sending};
use super::deferred;
use super::inspect;
use super::onlooker::{Nobody, Onlooker, Sampler};
use super::{Service, canonical};
use crate::answer::{Asker, Counted, Transport, withhold};
use crate::base::limits::{TIMED_TURNS, UDP_BATCH, UDP_DRAIN};
use crate::base::{Draws, Moment, Span};
use crate::dns::cookie::Proof;
use crate::io::metrics::{Dropped, QueryCounters};
use crate::io::publish::Reader;
use crate::io::screen::ScreenResult;
use crate::plan::{RateLimit, ResponseClass};
use crate::table::Table;

mod batch;
mod limiter;
mod rate;
mod reply_path;

pub(in crate::io::serve) use limiter::Limiter;

pub(super) use reply_path::ReplyPath;

/// The time for which an idle thread keeps the last table that it has seen, milliseconds.
const IDLE_MS: u16 = 1000;
/// The number of times that a socket that fills its batch is read before others have their turn.
const BATCHES_IN_A_ROW: usize = 4;
/// The number of times that a receive that brought an error instead of datagrams is tried again at once.
const RECEIVE_TRIES: usize = 8;

/// One thread's sockets and what it needs.
pub(super) struct Worker {
    sockets: Vec<Arc<UdpSocket>>,
    stopped: Arc<UnixStream>,
    service: Service,
    limiter: Arc<Limiter>,
}

/// A socket with its buffers.
struct BufferedSocket<'w> {
    socket: &'w Arc<UdpSocket>,
    batch: AnyBatch,
}

/// Buffers for the addresses of one family.
enum AnyBatch {
    V4(Batch<SockaddrIn>),
    V6(Batch<SockaddrIn6>),
}

/// State that a thread keeps between rounds.
struct BatchResponder<'w, O> {
    service: &'w Service,
    limiter: &'w Limiter,
    reader: Reader,
    counters: QueryCounters,
    /// Which replies past a limit slip through.
    draws: Draws,
    /// Replies of a batch that no limit applied to.
    exempt: u64,
    /// The one who sees what is sent.
    onlooker: O,
}

/// The event that woke a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    /// Sockets that may have something to read; maybe none.
    Ready,
    /// The server stops.
    Stopped,
}

impl Worker {
    pub(super) fn new(
        sockets: Vec<UdpSocket>,
        stopped: Arc<UnixStream>,
        service: Service,
        limiter: Arc<Limiter>,
    ) -> Self {
        Self {
            sockets: sockets.into_iter().map(Arc::new).collect(),
            stopped,
            service,
            limiter,
        }
    }

    /// Answers until the server stops. What panics outside of an answer is a defect as well:
    /// it is counted, costs a batch, and the thread goes on.
    pub(super) fn run(&self) {
        while catch_unwind(AssertUnwindSafe(|| self.answer_watched())).is_err() {
            self.service.metrics.dropped(Dropped::Panicked);
        }
    }

    /// Chooses the code that is run, with or without samples.
    fn answer_watched(&self) {
        match &self.service.tap {
            None => self.answer_all(Nobody),
            Some(tap) => self.answer_all(Sampler::new(tap.clone())),
        }
    }

    fn answer_all(&self, onlooker: impl Onlooker) {
        let mut responder = BatchResponder::open(&self.service, &self.limiter, onlooker);
        let mut sockets: Vec<BufferedSocket<'_>> =
            self.sockets.iter().map(BufferedSocket::new).collect();
        let mut watched = self.watched();
        let mut turns: u32 = 0;
        while wait(&mut watched) == Woken::Ready {
            drop(responder.table());
            self.sweep();
            turns = turns.wrapping_add(1);
            let is_timed = turns.is_multiple_of(TIMED_TURNS);
            for (socket, watched) in sockets.iter_mut().zip(&watched[1..]) {
                if has_events(watched) {
                    if is_timed {
                        socket.answer_timed(&mut responder);
                    }
                    socket.answer_waiting(&mut responder);
                }
            }
        }
        self.drain(&mut responder, &mut sockets);
    }

    /// Says what is over: limits, and floods that were left out of the log.
    fn sweep(&self) {
        let service = &self.service;
        self.limiter.sweep(service.clock, &service.metrics);
        if let Some(deferred) = &service.deferred {
            deferred.sweep(service.clock.now());
        }
    }

    /// The end first, then every socket.
    fn watched(&self) -> Vec<PollFd<'_>> {
        let sockets = self.sockets.iter().map(|socket| socket.as_fd());
        let all = std::iter::once(self.stopped.as_fd()).chain(sockets);
        all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect()
    }

    /// Answers what has come already, as long as there is something and time.
    fn drain(
        &self,
        responder: &mut BatchResponder<'_, impl Onlooker>,
        sockets: &mut [BufferedSocket<'_>],
    ) {
        let end = self.service.clock.now().after(UDP_DRAIN);
        for socket in sockets {
            while socket.answer(responder) > 0 && self.service.clock.now() < end {}
        }
    }
}

impl<'w> BufferedSocket<'w> {
    /// Either family will do for a socket that cannot say.
    fn new(socket: &'w Arc<UdpSocket>) -> Self {
        let batch = match socket.local_addr() {
            Ok(SocketAddr::V4(_)) => AnyBatch::V4(Batch::new()),
            Ok(SocketAddr::V6(_)) | Err(_) => AnyBatch::V6(Batch::new()),
        };
        Self { socket, batch }
    }

    /// Answers until a batch is not full, or others should have their turn.
    fn answer_waiting(&mut self, responder: &mut BatchResponder<'_, impl Onlooker>) {
        let mut turns = 0..BATCHES_IN_A_ROW;
        while turns.next().is_some() && self.answer(responder) == UDP_BATCH {}
    }

    /// Answers one batch, and tells how long that took.
    fn answer_timed(&mut self, responder: &mut BatchResponder<'_, impl Onlooker>) {
        let Service { clock, metrics, .. } = responder.service;
        let began = clock.running();
        let answered = self.answer(responder);
        if answered > 0 {
            metrics.timed_answers(clock.running().saturating_sub(began), answered);
        }
    }

    /// Answers one batch; gives how many datagrams it held.
    fn answer(&mut self, responder: &mut BatchResponder<'_, impl Onlooker>) -> usize {
        match &mut self.batch {
            AnyBatch::V4(batch) => responder.answer_batch(self.socket, batch),
            AnyBatch::V6(batch) => responder.answer_batch(self.socket, batch),
        }
    }
}

impl<'w, O: Onlooker> BatchResponder<'w, O> {
    fn open(service: &'w Service, limiter: &'w Limiter, onlooker: O) -> Self {
        let mut reader = service.published.reader();
        let plan = &reader.load().plan;
        let counters = service.metrics.query_counters(plan, Transport::Udp);
        Self {
            service,
            limiter,
            reader,
            counters,
            draws: Draws::from_seed(service.clock.now().0),
            exempt: 0,
            onlooker,
        }
    }

    /// The present table, for a whole batch; takes new counters when its plan is another.
    fn table(&mut self) -> Arc<Table> {
        let table = Arc::clone(self.reader.load());
        if !self.counters.belong_to(&table.plan) {
            let metrics = &self.service.metrics;
            self.counters = metrics.query_counters(&table.plan, Transport::Udp);
        }
        table
    }

    /// Answers one batch; gives how many datagrams it held.
    fn answer_batch<P: Peer>(&mut self, socket: &Arc<UdpSocket>, batch: &mut Batch<P>) -> usize {
        let received = receive(socket, batch);
        let table = self.table();
        let mut asker = Asker {
            source: Ipv4Addr::UNSPECIFIED.into(),
            transport: Transport::Udp,
            now: self.service.clock.now(),
            cookies: self.service.cookies(&table),
            idle: Span::ZERO,
        };
        let (from, all) = ((socket, &*table), (batch, received));
        let batch = match table.has_views() {
            false => self.answer_received(|table, _| table, from, all, &mut asker),
            true => self.answer_received(Table::seen_from, from, all, &mut asker),
        };
        let metrics = &self.service.metrics;
        for _ in 0..batch.send(socket) {
            metrics.dropped(Dropped::Unsent);
        }
        if self.exempt > 0 {
            metrics.exempt(std::mem::take(&mut self.exempt));
        }
        received
    }

    /// Answers what has been received, by the table that is chosen for a source. The choice is code and no value, so that where
    /// there are no views there is nothing to ask.
    fn answer_received<'b, P: Peer>(
        &mut self,
        choose: impl Fn(&Table, IpAddr) -> &Table,
        (socket, table): (&Arc<UdpSocket>, &Table),
        (batch, received): (&'b mut Batch<P>, usize),
        asker: &mut Asker,
    ) -> &'b mut Batch<P> {
        for index in 0..received {
            if !self.set_aside((socket, table), (batch, index), asker.now) {
                self.answer_one((&choose, table), (batch, index), asker);
            }
        }
        batch
    }

    /// Deals with a datagram that needs a worker; false when it is to be answered like any other.
    fn set_aside<P: Peer>(
        &mut self,
        (socket, table): (&Arc<UdpSocket>, &Table),
        (batch, index): (&mut Batch<P>, usize),
        now: Moment,
    ) -> bool {
        let Exchange { source, query, .. } = batch.exchange(index);
        let (Some(deferred), Some(message)) = (&self.service.deferred, query) else {
            return false;
        };
        if !inspect::needs_worker(message) {
            return false;
        }
        if !self.service.admits(source) {
            return true;
        }
        let source = canonical(source);
        let judgement = deferred.judge(source, message);
        let counted = match judgement {
            ScreenResult::Ordinary => return false,
            ScreenResult::Queued(_) => Counted {
                class: ResponseClass::Answer,
                subject: inspect::asked_name(message),
                proof: Proof::None,
            },
            ScreenResult::Refused(_) => Counted::NOTHING,
        };
        let message = message.to_vec();
        let sending = Sending {
            source,
            query: &message,
            counted,
        };
        let reply = match self.ruling(table, sending, now) {
            Ruling::Drop => None,
            Ruling::Slip => deferred::short(&message),
            Ruling::Send | Ruling::Exempt => match judgement {
                ScreenResult::Ordinary => None,
                ScreenResult::Refused(reply) => reply,
                ScreenResult::Queued(kind) => {
                    let back = batch.reply_path(index, socket);
                    let offered = deferred.offer_datagram(kind, (source, &message), back);
                    offered.err().and_then(|_| deferred::busy(&message))
                }
            },
        };
        if let Some(reply) = reply {
            let room = &mut batch.exchange(index).reply[..reply.len()];
            room.copy_from_slice(&reply);
            batch.reply(index, reply.len());
        }
        true
    }

    /// Decides on a reply that is no answer of the table, where rates are limited.
    fn ruling(&mut self, table: &Table, sending: Sending<'_>, now: Moment) -> Ruling {
        match &table.plan.server.defence.rate_limit {
            None => Ruling::Send,
            Some(limit) => self.rule(limit, sending, now),
        }
    }

    /// Answers one datagram; all but the source is the same for a batch.
    fn answer_one<P: Peer>(
        &mut self,
        (choose, table): (&impl Fn(&Table, IpAddr) -> &Table, &Table),
        (batch, index): (&mut Batch<P>, usize),
        asker: &mut Asker,
    ) {
        let Exchange {
            source,
            query,
            reply,
        } = batch.exchange(index);
        let Some(query) = query else {
            return self.service.metrics.dropped(Dropped::Oversize);
        };
        if !self.service.admits(source) {
            return;
        }
        asker.source = canonical(source);
        let table = choose(table, asker.source);
        let mut answered = self.service.respond(table, asker, query, reply);
        if let (Some(limit), Some(whole)) = (&table.plan.server.defence.rate_limit, &answered) {
            let sending = Sending {
                source: asker.source,
                query,
                counted: whole.counted,
            };
            answered = match self.rule(limit, sending, asker.now) {
                Ruling::Send | Ruling::Exempt => answered,
                Ruling::Slip => withhold(table, asker, query, reply),
                Ruling::Drop => None,
            };
        }
        if let Some(answered) = answered {
            self.counters.count(&answered);
            self.onlooker.see(asker.source, &reply[..answered.length]);
            batch.reply(index, answered.length);
        }
    }

    /// Decides on a reply where rates are limited.
    fn rule(&mut self, limit: &RateLimit, sending: Sending<'_>, now: Moment) -> Ruling {
        let metrics = &self.service.metrics;
        let ruling = self
            .limiter
            .rule(limit, sending, (now, &mut self.draws), metrics);
        match ruling {
            Ruling::Send | Ruling::Slip => {}
            Ruling::Exempt => self.exempt += 1,
            Ruling::Drop => metrics.dropped(Dropped::RateLimited),
        }
        ruling
    }
}

/// Waits until there is something to do, [`IDLE_MS`] at most. After an interruption sockets may
/// seem ready that are not; they give nothing.
fn wait(watched: &mut [PollFd<'_>]) -> Woken {
    match poll(watched, IDLE_MS) {
        Ok(_) if has_events(&watched[0]) => Woken::Stopped,
        Ok(_) | Err(_) => Woken::Ready,
    }
}

fn has_events(watched: &PollFd<'_>) -> bool {
    watched.revents().is_some_and(|events| !events.is_empty())
}

/// Takes what has come. An interruption, or an ICMP error that an earlier reply brought back,
/// may hide datagrams behind it, so it is asked again a few times.
fn receive<P: Peer>(socket: &UdpSocket, batch: &mut Batch<P>) -> usize {
    for _ in 0..RECEIVE_TRIES {
        match batch.receive(socket) {
            Ok(received) => return received,
            Err(Errno::EINTR | Errno::ECONNREFUSED) => {}
            Err(_) => return 0,
        }
    }
    0
}
