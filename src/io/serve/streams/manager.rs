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
use crate::io::serve::canonical;

/// Connections between the acceptors and the connection manager.
const ARRIVALS: usize = 16;

/// The acceptors, the connections and the way to stop them.
#[derive(Debug)]
pub(in crate::io::serve) struct ConnectionManager {
    /// Everything stops when this is dropped.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
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
}

impl ConnectionManager {
    /// Starts to accept, `places` connections at once at the most, whatever a config says.
    pub(in crate::io::serve) fn start(
        sockets: StreamSockets,
        service: Service,
        places: usize,
        runtime: &Handle,
    ) -> io::Result<Self> {
        let _entered = runtime.enter();
        let (stop, stopping) = watch::channel(());
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let channels = AcceptorChannels {
            arrivals,
            stopping: stopping.clone(),
        };
        sockets.open(&service.published, &channels)?;
        let buffer = ManagerTask {
            streams: Arc::new(Streams::new(service, places)),
            table: ConnectionTable::new(limits::STREAM_CONNECTIONS_PER_CLIENT),
            tasks: JoinSet::new(),
            admitted: HashMap::new(),
            open: [0; Transport::ALL.len()],
            stopping,
        };
        let task = runtime.spawn(buffer.keep(arrived));
        Ok(Self { stop, task })
    }

    /// Accepts what the kernel holds already, lets connections finish, then closes everything.
    pub(in crate::io::serve) async fn stop(self) {
        drop(self.stop);
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
        let context = ConnectionContext {
            source: canonical(source),
            activity: activity.clone(),
            stopping: self.stopping.clone(),
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
