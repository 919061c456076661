//! The connection manager: runs a task for each connection and keeps the table of them.
//!
//! A connection has its place from the moment it is accepted, so a handshake that never ends is
//! a newcomer like any other and goes when it is crowded. A QUIC packet proves nothing of where it
//! came from: as soon as places are wanted, its sender has to show that it receives what is sent
//! there (RFC 9000, section 8.1.2), before it costs anybody a place.
//!
//! ```text
//! keeping --stop--> draining --all ended, or STREAM_DRAIN over--> gone
//! ```
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinHandle, JoinSet};
use tokio::time::timeout;

use super::connection::Connection;
use super::listen::{AcceptorChannels, Arrival, Protocol, StreamSockets};
use super::table::{Activity, ClientNetwork, ConnectionId, ConnectionTable};
use super::{ConnectionContext, Service, Streams, duration, https, quic, tls};
use crate::answer::Transport;
use crate::base::limits;
use crate::io::metrics::Dropped;
use crate::io::publish::Published;
use crate::io::serve::canonical;

/// Connections between the acceptors and the connection manager.
const ARRIVALS: usize = 16;

/// The acceptors, the connections and the way to stop them.
#[derive(Debug)]
pub(in crate::io::serve) struct ConnectionManager {
    /// Everything but QUIC stops when this is dropped.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
    quic: QuicAcceptors,
}

/// The acceptors of QUIC. It is apart from the rest because it may begin later and end earlier: what comes for a
/// connection has to be read by whoever knows it.
#[derive(Debug)]
struct QuicAcceptors {
    published: Arc<Published>,
    runtime: Handle,
    /// The channels by which connections are brought; gone once none may come any more.
    channels: Option<AcceptorChannels>,
    /// QUIC stops when this is dropped.
    stop: Option<watch::Sender<()>>,
    /// Each ends with the last connection of its socket.
    tasks: Vec<JoinHandle<()>>,
}

/// The connections, as the connection manager knows them.
struct ManagerTask {
    streams: Arc<Streams>,
    table: ConnectionTable<AbortHandle>,
    tasks: JoinSet<()>,
    admitted: HashMap<Id, (ConnectionId, Transport)>,
    /// Tasks by [`Transport`].
    open: [usize; Transport::ALL.len()],
    stopping: watch::Receiver<()>,
    stopping_quic: watch::Receiver<()>,
}

impl ConnectionManager {
    /// Starts to accept, `places` connections at once at the most, whatever a config says.
    pub(in crate::io::serve) fn start(
        mut sockets: StreamSockets,
        service: Service,
        places: usize,
        runtime: &Handle,
    ) -> io::Result<Self> {
        let _entered = runtime.enter();
        let (stop, stopping) = watch::channel(());
        let (stop_quic, stopping_quic) = watch::channel(());
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let channels = AcceptorChannels {
            arrivals: arrivals.clone(),
            stopping: stopping.clone(),
        };
        let of_quic = AcceptorChannels {
            arrivals,
            stopping: stopping_quic.clone(),
        };
        let published = Arc::clone(&service.published);
        let quic = QuicAcceptors {
            tasks: sockets.open_quic(&published, &of_quic)?,
            published: Arc::clone(&published),
            runtime: runtime.clone(),
            channels: Some(of_quic),
            stop: Some(stop_quic),
        };
        sockets.open(&published, &channels)?;
        let buffer = ManagerTask {
            streams: Arc::new(Streams::new(service, places)),
            table: ConnectionTable::new(limits::STREAM_CONNECTIONS_PER_CLIENT),
            tasks: JoinSet::new(),
            admitted: HashMap::new(),
            open: [0; Transport::ALL.len()],
            stopping,
            stopping_quic,
        };
        let task = runtime.spawn(buffer.keep(arrived));
        Ok(Self { stop, task, quic })
    }

    /// Accepts QUIC on these sockets too, unless that has ended already.
    pub(in crate::io::serve) fn add_quic(&mut self, mut sockets: StreamSockets) -> io::Result<()> {
        let quic = &mut self.quic;
        let _entered = quic.runtime.enter();
        if let Some(channels) = &quic.channels {
            let tasks = sockets.open_quic(&quic.published, channels)?;
            quic.tasks.extend(tasks);
        }
        Ok(())
    }

    /// Accepts no QUIC any more, and waits until its connections have ended, [`limits::STREAM_DRAIN`] at most.
    pub(in crate::io::serve) async fn end_quic(&mut self) {
        let quic = &mut self.quic;
        (quic.stop, quic.channels) = (None, None);
        let tasks = std::mem::take(&mut quic.tasks);
        let all_ended = async {
            for task in tasks {
                // One that failed reads nothing any more either.
                let _ = task.await;
            }
        };
        let _ = timeout(duration(limits::STREAM_DRAIN), all_ended).await;
    }

    /// Accepts what the kernel holds already, lets connections finish, then closes everything.
    pub(in crate::io::serve) async fn stop(self) {
        drop((self.stop, self.quic));
        // It fails only when the runtime ends first, and then everything is closed as well.
        let _ = self.task.await;
    }
}

impl ManagerTask {
    async fn keep(mut self, mut arrived: mpsc::Receiver<Arrival>) {
        loop {
            tokio::select! {
                arrival = arrived.recv() => match arrival {
                    Some(Arrival::Stream(protocol, stream, source)) => self.admit_stream(protocol, stream, source),
                    Some(Arrival::Quic(incoming)) => self.admit_quic(*incoming),
                    None => break,
                },
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.forget(ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
            }
            let open = self.table.open();
            self.streams.open.store(open, Ordering::Relaxed);
        }
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        // What has not finished by then is cut off when the set is dropped.
        let _ = timeout(duration(limits::STREAM_DRAIN), finished).await;
    }

    fn admit_stream(&mut self, protocol: Protocol, stream: TcpStream, source: SocketAddr) {
        // Best effort: without it replies are right, only later.
        let _ = stream.set_nodelay(true);
        let streams = Arc::clone(&self.streams);
        match protocol {
            Protocol::Tcp => self.admit(source, Transport::Tcp, |context| async move {
                let connection = Connection::new(stream, context, Transport::Tcp);
                connection.run(&streams).await;
            }),
            Protocol::Tls(acceptor) => self.admit(source, Transport::Tls, |context| async move {
                if let Some(stream) = tls::shake_hands(&acceptor, stream, &streams).await {
                    let connection = Connection::new(stream, context, Transport::Tls);
                    connection.run(&streams).await;
                }
            }),
            Protocol::Https(acceptor) => {
                self.admit(source, Transport::Https, |context| async move {
                    if let Some(stream) = tls::shake_hands(&acceptor, stream, &streams).await {
                        https::serve(stream, context, streams).await;
                    }
                })
            }
        }
    }

    fn admit_quic(&mut self, incoming: quinn::Incoming) {
        let source = incoming.remote_address();
        if !incoming.remote_address_validated() && self.is_wanted(source) && incoming.may_retry() {
            // It fails only where it may not be done.
            let _ = incoming.retry();
            return;
        }
        let streams = Arc::clone(&self.streams);
        self.admit(source, Transport::Quic, |context| {
            quic::serve(incoming, context, streams)
        });
    }

    /// Tells that a place for this client may soon be another's.
    fn is_wanted(&self, source: SocketAddr) -> bool {
        let held = self.table.held_by(ClientNetwork::of(source.ip()));
        self.table.open() >= self.streams.places() / 4
            || held >= limits::STREAM_CONNECTIONS_PER_CLIENT / 4
    }

    fn admit<F>(
        &mut self,
        source: SocketAddr,
        transport: Transport,
        serve: impl FnOnce(ConnectionContext) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        if !self.streams.service.admits(source) {
            return;
        }
        let activity = Activity::start(self.streams.service.clock.now());
        let stopping = match transport {
            Transport::Quic => &self.stopping_quic,
            Transport::Udp | Transport::Tcp | Transport::Tls | Transport::Https => &self.stopping,
        };
        let context = ConnectionContext {
            source: canonical(source),
            activity: activity.clone(),
            stopping: stopping.clone(),
        };
        let task = self.tasks.spawn(serve(context));
        let (task_id, client) = (task.id(), ClientNetwork::of(source.ip()));
        let places = self.streams.places();
        let (id, crowded) = self.table.admit(places, client, activity, task);
        self.admitted.insert(task_id, (id, transport));
        self.count(transport, |open| open + 1);
        if let Some(crowded) = crowded {
            crowded.abort();
            self.streams.service.metrics.dropped(Dropped::Crowded);
        }
    }

    fn forget(&mut self, ended: Id) {
        if let Some((id, transport)) = self.admitted.remove(&ended) {
            // One that was crowded out has left before.
            let _ = self.table.leave(id);
            self.count(transport, |open| open - 1);
        }
    }

    fn count(&mut self, transport: Transport, change: impl Fn(usize) -> usize) {
        let open = &mut self.open[transport as usize];
        *open = change(*open);
        self.streams.service.metrics.connections(transport, *open);
    }
}
