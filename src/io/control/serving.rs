//! Connections of the control API: each carries one request, and is bounded in size and time (promise 8).
//!
//! Each listener has a table of connections of its own, so that strangers who fill that of HTTP leave the socket to the
//! operator. The handshake of TLS counts as part of the request: whoever does not finish it is the first to go.
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::callers::ControlPeer;
use super::commands::State;
use super::connections::{ControlConnections, Progress, Stage};
use super::encryption::{self, Handshakes};
use crate::base::limits::{
    CONTROL_CONNECTIONS, CONTROL_HEAD_BYTES, CONTROL_REQUEST, CONTROL_WHOLE_REQUEST,
};

/// Time to wait after the system has refused a new socket.
const SHORTAGE: Duration = Duration::from_millis(50);

/// A listener, and what is spoken there.
pub(super) enum Listener {
    /// The Unix socket.
    Unix(UnixListener),
    /// HTTP in the clear.
    Plain(TcpListener),
    /// HTTP over TLS.
    Tls(TcpListener, Box<State>),
    /// Metrics and health alone.
    Open(TcpListener),
}

/// A connection before anything was read from it.
enum Accepted {
    Unix(UnixStream),
    Tcp(TcpStream, ControlPeer),
    Tls(TcpStream, TlsAcceptor),
}

impl Listener {
    async fn accept(&self, handshakes: &Handshakes) -> io::Result<Accepted> {
        Ok(match self {
            Self::Unix(listener) => Accepted::Unix(listener.accept().await?.0),
            Self::Plain(listener) => Accepted::Tcp(listener.accept().await?.0, ControlPeer::Plain),
            Self::Open(listener) => Accepted::Tcp(listener.accept().await?.0, ControlPeer::Open),
            Self::Tls(listener, state) => {
                let (stream, _) = listener.accept().await?;
                Accepted::Tls(stream, handshakes.by(&state.control())?)
            }
        })
    }
}

/// Answers on a listener until it is dropped.
pub(super) async fn accept(listener: Listener, router: Router) {
    let (mut connections, handshakes) = (
        ControlConnections::new(CONTROL_CONNECTIONS),
        Handshakes::default(),
    );
    loop {
        match listener.accept(&handshakes).await {
            Ok(accepted) => {
                let progress = Progress::start();
                let conversation = converse(accepted, router.clone(), progress.clone());
                let task = tokio::spawn(conversation).abort_handle();
                connections.leave(AbortHandle::is_finished);
                if let Some(crowded) = connections.admit(progress, task) {
                    crowded.abort();
                }
            }
            Err(_) => sleep(SHORTAGE).await,
        }
    }
}

/// One connection.
async fn converse(accepted: Accepted, router: Router, progress: Progress) {
    let carried = async {
        match accepted {
            Accepted::Tcp(stream, peer) => answer(stream, peer, router, progress).await,
            Accepted::Unix(stream) => {
                let Ok(credentials) = stream.peer_cred() else {
                    return;
                };
                let (uid, gid) = (credentials.uid(), credentials.gid());
                answer(stream, ControlPeer::Unix { uid, gid }, router, progress).await;
            }
            Accepted::Tls(stream, acceptor) => {
                let patience = Duration::from_millis(CONTROL_REQUEST.0);
                let Ok(Ok(stream)) = timeout(patience, acceptor.accept(stream)).await else {
                    return;
                };
                let shown = stream.get_ref().1.peer_certificates();
                let first = shown.and_then(|chain| chain.first());
                let names = first.map_or_else(Vec::new, |own| encryption::names(own));
                answer(stream, ControlPeer::Tls(names), router, progress).await;
            }
        }
    };
    // Whatever went wrong, the peer has seen; there is nothing to do about it here.
    let _ = timeout(Duration::from_millis(CONTROL_WHOLE_REQUEST.0), carried).await;
}

/// The one request of a connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: ControlPeer,
    router: Router,
    progress: Progress,
) {
    let service = service_fn(|mut request: Request<Incoming>| {
        let (router, progress) = (TowerToHyperService::new(router.clone()), &progress);
        request.extensions_mut().insert(peer.clone());
        async move {
            progress.reach(Stage::Working);
            let reply = router.call(request.map(Body::new)).await;
            progress.reach(Stage::Replied);
            reply
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(CONTROL_REQUEST.0))
        .max_buf_size(CONTROL_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}
