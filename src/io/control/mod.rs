//! The control listener: API, metrics, health of the process, and a page for people.
//!
//! | module | what it decides |
//! |---|---|
//! | `connections` | who may stay when there are too many connections |
//! | `routes` | which request means what, and which mean nothing |
//! | `replies` | what is said to each |
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
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use self::connections::{ControlConnections, Progress, Stage};
pub use self::heartbeat::Heartbeat;
use crate::base::Span;
use crate::base::limits::{
    CONTROL_CONNECTIONS, CONTROL_HEAD_BYTES, CONTROL_REQUEST, CONTROL_WHOLE_REQUEST,
};
use crate::engine::Status;
use crate::engine::order::Order;
use crate::io::clock::Clock;
use crate::io::metrics::Metrics;
use crate::io::publish::Published;
use crate::zones::{ChallengeOrder, ChallengeRefusal, ChallengesDone};

mod challenge;
mod connections;
mod explain;
mod heartbeat;
mod order;
mod page;
mod replies;
mod routes;

/// How long to wait after the system has refused a new socket.
const SHORTAGE: Duration = Duration::from_millis(50);

/// What is asked of whoever owns the engine.
#[derive(Debug)]
pub enum Command {
    /// Everything an operator may want to see.
    Status(oneshot::Sender<Status>),
    /// Read the config again and put it in force.
    Reload {
        /// Whether a large shrinkage is meant.
        force: Force,
        /// What was done, or why nothing was; for a person.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Start the program anew in this one's place.
    Upgrade {
        /// How long the new one may take until it answers.
        patience: Span,
        /// What was done, or why nothing was; for a person.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Carry out an operator's order.
    Order {
        /// What is ordered, for what, by whom and why.
        order: Order,
        /// What was ordered for which endpoints, or why nothing was.
        reply: oneshot::Sender<Result<Ordered, OrderRefusal>>,
    },
    /// Set, remove or list challenges.
    Challenge {
        /// What is ordered.
        order: ChallengeOrder,
        /// What was done, or why nothing was.
        reply: oneshot::Sender<Result<ChallengesDone, ChallengeRefusal>>,
    },
}

/// An order that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ordered {
    /// What was ordered; for a person.
    pub result: String,
    /// The endpoints that it is for.
    pub endpoints: Vec<String>,
    /// The order.
    pub order: Order,
}

/// Why an order was not taken; for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRefusal {
    /// Nothing has the name.
    Unknown(String),
    /// The name is known, and there is nothing to do for it.
    Needless(String),
}

/// Whether a change that drops much of what there was is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It is not: refuse it.
    No,
    /// It is.
    Yes,
}

/// What requests are answered from.
#[derive(Clone, Debug)]
pub struct State {
    /// Set once there is a first table; until then the server is not ready.
    pub published: Arc<OnceLock<Arc<Published>>>,
    /// What time it is.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether whoever owns the engine still turns.
    pub heartbeat: Arc<Heartbeat>,
    /// The way to whoever owns the engine.
    pub commands: mpsc::Sender<Command>,
}

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

    /// Where it listens.
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
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let progress = Progress::start();
                let conversation = converse(stream, state.clone(), progress.clone());
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
async fn converse(stream: TcpStream, state: State, progress: Progress) {
    let service = service_fn(|request| serve(request, &state, &progress));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(CONTROL_REQUEST.0))
        .max_buf_size(CONTROL_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever went wrong, the peer has seen; there is nothing to do about it here.
    let _ = timeout(Duration::from_millis(CONTROL_WHOLE_REQUEST.0), connection).await;
}

async fn serve(
    request: Request<Incoming>,
    state: &State,
    progress: &Progress,
) -> Result<Response<Full<Bytes>>, Infallible> {
    progress.reach(Stage::Working);
    let reply = match routes::find(&request) {
        Ok(route) => replies::reply(route, state).await,
        Err(refusal) => replies::refuse(&refusal),
    };
    progress.reach(Stage::Replied);
    Ok(reply)
}
