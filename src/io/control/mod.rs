//! The control listener: API, metrics, health of the process, and a page for people.
//!
//! | module | what it decides |
//! |---|---|
//! | `commands` | what is asked of whoever owns the engine |
//! | `connections` | who may stay when there are too many connections |
//! | `routes` | which request means what |
//! | `origin` | whether a browser was led here by another site's page |
//! | `looks` | what is told of the server |
//! | `changes` | what may be ordered |
//! | `parameters` | what stands behind `?` |
//! | `replies` | how a reply, or a problem, is made |
//! | `openapi` | the API described |
//! | `order` | how an operator's order is read from a request |
//! | `challenge` | how an order about challenges is read from a request |
//! | `explain` | how a question about one client is read from a request |
//! | `heartbeat` | whether the control loop still turns |
//! | `page` | what a person sees |
//!
//! What the engine knows is asked for over a queue and waited for a second at most, so a
//! stuck engine is told and does not hang whoever asks. Whether the process is well asks nobody: that is
//! read off the control loop's heartbeat, and readiness off the published table, as `explain` is. Every connection carries one request and is bounded in
//! size and time (promise 8); how many there are at once is bounded too: a newer one takes the
//! place of one whose request does not come. There is no login here: the listener belongs on loopback or behind a proxy.
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

pub use self::commands::{Command, Force, OrderRefusal, State};
use self::connections::{ControlConnections, Progress, Stage};
pub use self::heartbeat::Heartbeat;
pub use self::openapi::document;
pub use self::orders::{
    EndpointShare, ForecastView, HeldView, Holding, OrderList, OrderView, Ordered, PastView,
    RegionShift, ServiceShift,
};
pub use self::replies::ApiProblem;
use crate::base::limits::{
    CONTROL_CONNECTIONS, CONTROL_HEAD_BYTES, CONTROL_REQUEST, CONTROL_WHOLE_REQUEST,
};

mod challenge;
mod changes;
mod commands;
mod connections;
mod explain;
mod heartbeat;
mod looks;
mod openapi;
mod order;
mod orders;
mod origin;
mod page;
mod parameters;
mod replies;
mod routes;

/// Time to wait after the system has refused a new socket.
const SHORTAGE: Duration = Duration::from_millis(50);

/// A listener that is open but not yet read.
#[derive(Debug)]
pub struct ControlServer {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

/// A control listener at work; ends when this is dropped.
#[derive(Debug)]
#[must_use = "the listener ends when this is dropped"]
pub struct Controlling(AbortHandle);

impl ControlServer {
    /// Opens the listener; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// When it cannot be opened; the message names the address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let explain = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        };
        let listener = std::net::TcpListener::bind(address).map_err(explain)?;
        Self::of(listener)
    }

    /// A listener that is open already.
    ///
    /// # Errors
    /// When it is broken.
    pub fn of(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// A descriptor of its own, to be handed to another program.
    ///
    /// # Errors
    /// When the system has none left.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.listener.try_clone()?.into())
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// When the runtime does not take the listener.
    pub fn serve(self, state: State, runtime: &Handle) -> io::Result<Controlling> {
        let _entered = runtime.enter();
        let listener = TcpListener::from_std(self.listener)?;
        let task = runtime.spawn(accept(listener, state));
        Ok(Controlling(task.abort_handle()))
    }
}

impl Drop for Controlling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: TcpListener, state: State) {
    let mut connections = ControlConnections::new(CONTROL_CONNECTIONS);
    let router = routes::router(state);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let progress = Progress::start();
                let conversation = converse(stream, router.clone(), progress.clone());
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

/// One connection, which carries one request.
async fn converse(stream: TcpStream, router: Router, progress: Progress) {
    let service = service_fn(|request: Request<Incoming>| {
        let (router, progress) = (TowerToHyperService::new(router.clone()), &progress);
        async move {
            progress.reach(Stage::Working);
            let reply = hyper::service::Service::call(&router, request.map(Body::new)).await;
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
    // Whatever went wrong, the peer has seen; there is nothing to do about it here.
    let _ = timeout(Duration::from_millis(CONTROL_WHOLE_REQUEST.0), connection).await;
}
