//! DNS over TCP (RFC 7766).
//!
//! An acceptor for each listener hands connections to the one doorkeeper, which runs a task for
//! each and keeps the [`gate`]: who may stay when there are too many. Nobody else adds or
//! removes connections, so there is no lock.
//!
//! hickory-server is not used here. Its handler takes records rather than encoded bytes, so
//! every reply that the table holds in wire format would be decoded and encoded again; and it
//! bounds neither connections nor their pace, so six hundred idle peers would keep out the next.
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use self::connection::Connection;
use self::gate::{Activity, Client, Gate};
use super::{Service, canonical};
use crate::answer::{Asker, Transport};
use crate::base::{Span, limits};
use crate::io::metrics::{Dropped, QueryCounters};

mod connection;
mod frames;
mod gate;

/// Connections between the acceptors and the doorkeeper.
const ARRIVALS: usize = 16;
/// How long to wait after the system has refused a new socket.
const SHORTAGE: Duration = Duration::from_millis(50);

/// What bounds connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    connections: usize,
    per_client: usize,
    queries: usize,
    idle: Duration,
    transfer: Duration,
}

/// The acceptors, the connections and the way to stop them.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    /// Everything stops when this is dropped.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
struct Streams {
    service: Service,
    counters: Mutex<QueryCounters>,
}

/// The connections, as the doorkeeper knows them.
struct Room {
    streams: Arc<Streams>,
    limits: Limits,
    gate: Gate<AbortHandle>,
    tasks: JoinSet<()>,
}

impl Limits {
    /// What [`crate::base::limits`] says.
    pub(super) const STANDARD: Self = Self {
        connections: limits::TCP_CONNECTIONS,
        per_client: limits::TCP_CONNECTIONS_PER_CLIENT,
        queries: limits::TCP_QUERIES_PER_CONNECTION,
        idle: duration(limits::TCP_IDLE),
        transfer: duration(limits::TCP_TRANSFER),
    };
}

impl Doorkeeper {
    /// Starts to accept from listeners that do not block.
    pub(super) fn start(
        listeners: Vec<std::net::TcpListener>,
        service: Service,
        limits: Limits,
        runtime: &Handle,
    ) -> io::Result<Self> {
        let _entered = runtime.enter();
        let (stop, stopping) = watch::channel(());
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        for listener in listeners {
            let listener = TcpListener::from_std(listener)?;
            runtime.spawn(accept(listener, arrivals.clone(), stopping.clone()));
        }
        let room = Room::new(service, limits);
        let task = runtime.spawn(room.keep(arrived, stopping));
        Ok(Self { stop, task })
    }

    /// Accepts what the kernel holds already, lets connections finish, then closes everything.
    pub(super) async fn stop(self) {
        drop(self.stop);
        // It fails only when the runtime ends first, and then everything is closed as well.
        let _ = self.task.await;
    }
}

impl Room {
    fn new(service: Service, limits: Limits) -> Self {
        let plan = Arc::clone(&service.published.load().plan);
        let counters = service.metrics.query_counters(&plan, Transport::Tcp);
        let streams = Streams {
            service,
            counters: Mutex::new(counters),
        };
        Self {
            streams: Arc::new(streams),
            limits,
            gate: Gate::new(limits.connections, limits.per_client),
            tasks: JoinSet::new(),
        }
    }

    async fn keep(
        mut self,
        mut arrived: mpsc::Receiver<(TcpStream, SocketAddr)>,
        stopping: watch::Receiver<()>,
    ) {
        loop {
            tokio::select! {
                arrival = arrived.recv() => match arrival {
                    Some((stream, source)) => self.admit(stream, source, stopping.clone()),
                    None => break,
                },
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.forget(ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
            }
            let metrics = &self.streams.service.metrics;
            metrics.tcp_connections(self.gate.open());
        }
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        // What has not finished by then is cut off when the set is dropped.
        let _ = timeout(duration(limits::TCP_DRAIN), finished).await;
    }

    fn admit(&mut self, stream: TcpStream, source: SocketAddr, stopping: watch::Receiver<()>) {
        if !self.streams.service.admits(source) {
            return;
        }
        // Best effort: without it replies are right, only later.
        let _ = stream.set_nodelay(true);
        let activity = Activity::start(self.streams.service.clock.now());
        let connection = Connection {
            stream,
            source: canonical(source),
            activity: activity.clone(),
            limits: self.limits,
            stopping,
        };
        let streams = Arc::clone(&self.streams);
        let task = self
            .tasks
            .spawn(async move { connection.run(&streams).await });
        let client = Client::of(source.ip());
        if let Some(crowded) = self.gate.admit(client, activity, task) {
            crowded.abort();
            self.streams.service.metrics.dropped(Dropped::Crowded);
        }
    }

    fn forget(&mut self, ended: Id) {
        self.gate.leave(|task| task.id() == ended);
    }
}

impl Streams {
    /// Hands a message on, if it is one of those; gives what comes back.
    fn hand_on(&self, source: IpAddr, query: &[u8]) -> Option<mpsc::Receiver<Vec<u8>>> {
        let slow = self.service.slow.as_ref();
        slow?.take(query, source, Transport::Tcp)
    }

    /// Answers one query; gives the length of the reply.
    fn respond(&self, source: IpAddr, query: &[u8], reply: &mut [u8]) -> Option<u16> {
        let table = self.service.published.load();
        let asker = Asker {
            source,
            transport: Transport::Tcp,
            now: self.service.clock.now(),
        };
        let answered = self.service.respond(&table, &asker, query, reply)?;
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if !counters.belong_to(&table.plan) {
            let metrics = &self.service.metrics;
            *counters = metrics.query_counters(&table.plan, Transport::Tcp);
        }
        counters.count(&answered);
        u16::try_from(answered.length).ok()
    }
}

/// Hands on connections until the server stops; those that wait already are handed on first.
async fn accept(
    listener: TcpListener,
    arrivals: mpsc::Sender<(TcpStream, SocketAddr)>,
    mut stopping: watch::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => return accept_waiting(listener, arrivals).await,
        };
        match accepted {
            Ok(arrival) => {
                if arrivals.send(arrival).await.is_err() {
                    return;
                }
            }
            Err(_) => sleep(SHORTAGE).await,
        }
    }
}

/// Hands on what the kernel holds, a backlog at most. The runtime is not asked: it knows only of arrivals that it has
/// been told of, and the kernel resets those that are left when a listener closes.
async fn accept_waiting(listener: TcpListener, arrivals: mpsc::Sender<(TcpStream, SocketAddr)>) {
    let Ok(listener) = listener.into_std() else {
        return;
    };
    for _ in 0..limits::TCP_BACKLOG {
        let Ok((stream, source)) = listener.accept() else {
            return;
        };
        let ready = stream.set_nonblocking(true);
        let Ok(stream) = ready.and_then(|()| TcpStream::from_std(stream)) else {
            continue;
        };
        if arrivals.send((stream, source)).await.is_err() {
            return;
        }
    }
}

const fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0)
}
