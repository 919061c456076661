//! Takes connections from the kernel and hands them to the connection manager.
//!
//! An acceptor for each listener, which waits while the connection manager has not taken what it brought. When
//! the server stops, those that the kernel holds already are handed on before the listener closes.
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::{quic, tls};
use crate::base::limits;
use crate::io::publish::Published;
use crate::plan::Pair;

/// The wait after the system has refused a new socket.
const SHORTAGE: Duration = Duration::from_millis(50);

/// The protocol that is spoken behind a TCP listener.
#[derive(Clone)]
pub(super) enum Protocol {
    Tcp,
    Tls(TlsAcceptor),
    Https(TlsAcceptor),
}

/// A connection that has come and is not admitted yet.
pub(super) enum Arrival {
    Stream(Protocol, TcpStream, SocketAddr),
    Quic(Box<quinn::Incoming>),
}

/// Sockets that are open, do not block, and are not yet read.
#[derive(Debug, Default)]
pub(in crate::io::serve) struct StreamSockets {
    pub(in crate::io::serve) tcp: Vec<std::net::TcpListener>,
    pub(in crate::io::serve) tls: Vec<std::net::TcpListener>,
    pub(in crate::io::serve) https: Vec<std::net::TcpListener>,
    pub(in crate::io::serve) quic: Vec<UdpSocket>,
    /// The certificate and key that the server proves itself by, if anything is encrypted.
    pub(in crate::io::serve) pair: Option<Pair>,
}

/// The channels of an acceptor: where it brings what has come, and what tells it to stop.
#[derive(Clone, Debug)]
pub(super) struct AcceptorChannels {
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) stopping: watch::Receiver<()>,
}

impl StreamSockets {
    /// Starts an acceptor for each that QUIC is spoken on; inside a runtime. Their tasks end once no connection is left.
    pub(super) fn open_quic(
        &mut self,
        published: &Arc<Published>,
        channels: &AcceptorChannels,
    ) -> io::Result<Vec<JoinHandle<()>>> {
        let Some(pair) = &self.pair else {
            return Ok(Vec::new());
        };
        let identity = Arc::new(tls::Identity::new(pair.clone(), Arc::clone(published)));
        let opened = std::mem::take(&mut self.quic).into_iter().map(|socket| {
            let settings = tls::settings(&identity, &[b"doq"])?;
            let endpoint = quic::open(socket, settings)?;
            Ok(tokio::spawn(quic::accept(endpoint, channels.clone())))
        });
        opened.collect()
    }

    /// Starts an acceptor for each other; inside a runtime.
    pub(super) fn open(
        self,
        published: &Arc<Published>,
        channels: &AcceptorChannels,
    ) -> io::Result<()> {
        let mut listeners: Vec<_> = self
            .tcp
            .into_iter()
            .map(|own| (own, Protocol::Tcp))
            .collect();
        if let Some(pair) = self.pair {
            let identity = Arc::new(tls::Identity::new(pair, Arc::clone(published)));
            let over_tls = Protocol::Tls(tls::settings(&identity, &[b"dot"])?.into());
            let over_https =
                Protocol::Https(tls::settings(&identity, &[b"h2", b"http/1.1"])?.into());
            listeners.extend(self.tls.into_iter().map(|own| (own, over_tls.clone())));
            listeners.extend(self.https.into_iter().map(|own| (own, over_https.clone())));
        }
        for (listener, protocol) in listeners {
            let listener = TcpListener::from_std(listener)?;
            tokio::spawn(accept(listener, protocol, channels.clone()));
        }
        Ok(())
    }
}

/// Hands on connections until the server stops; those that wait already are handed on first.
async fn accept(listener: TcpListener, protocol: Protocol, mut channels: AcceptorChannels) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = channels.stopping.changed() => return accept_waiting(listener, &protocol, &channels.arrivals).await,
        };
        match accepted {
            Ok((stream, source)) => {
                let arrival = Arrival::Stream(protocol.clone(), stream, source);
                if channels.arrivals.send(arrival).await.is_err() {
                    return;
                }
            }
            Err(_) => sleep(SHORTAGE).await,
        }
    }
}

/// Hands on what the kernel holds, a backlog at most. The runtime is not asked: it knows only of arrivals that it has
/// been told of, and the kernel resets those that are left when a listener closes.
async fn accept_waiting(
    listener: TcpListener,
    protocol: &Protocol,
    arrivals: &mpsc::Sender<Arrival>,
) {
    let Ok(listener) = listener.into_std() else {
        return;
    };
    for _ in 0..limits::STREAM_BACKLOG {
        let Ok((stream, source)) = listener.accept() else {
            return;
        };
        let ready = stream.set_nonblocking(true);
        let Ok(stream) = ready.and_then(|()| TcpStream::from_std(stream)) else {
            continue;
        };
        let arrival = Arrival::Stream(protocol.clone(), stream, source);
        if arrivals.send(arrival).await.is_err() {
            return;
        }
    }
}
