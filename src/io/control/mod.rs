//! The control listener: API, metrics, health of the process, and a page for people.
//!
//! | module | what it decides |
//! |---|---|
//! | `listen` | how listeners are opened: the socket, HTTP, metrics alone |
//! | `serving` | how one connection is carried |
//! | `encryption` | TLS, and certificates of clients |
//! | `callers` | who asks |
//! | `failures` | how many refusals are recorded one by one |
//! | `commands` | what is asked of whoever owns the engine |
//! | `connections` | who may stay when there are too many connections |
//! | `routes` | which request means what |
//! | `origin` | whether a browser was led here by another site's page |
//! | `looks` | what is told of the server |
//! | `cluster` | what is told of other nodes, and how one is revoked |
//! | `secrets`, `secret_view` | secrets that all nodes have in common |
//! | `release` | releases of the shared config: brought, halted, let go on |
//! | `scrape` | in which form metrics are told |
//! | `changes` | what may be ordered |
//! | `parameters` | what stands behind `?` |
//! | `replies` | how a reply, or a problem, is made |
//! | `openapi` | the API described |
//! | `order` | how an operator's order is read from a request |
//! | `challenge` | how an order about challenges is read from a request |
//! | `declared` | how declared records are asked for and changed |
//! | `live` | how what changes is told to pages that stay open |
//! | `timeline` | what is told of the last day |
//! | `sampler` | what is noted of each minute |
//! | `map`, `maps` | which region serves which country: how that is asked, and drawn |
//! | `identity` | who asks, and what was changed last |
//! | `machines` | how the machines of a demo are killed and healed |
//! | `compare`, `compared` | how another config is held against the one in force, and that one is proved |
//! | `declared`, `objects`, `conditions` | what is declared while it runs: records, other objects, and what both ask alike |
//! | `declarations` | who declared what an explanation is about |
//! | `explain` | how a question about one client is read from a request |
//! | `heartbeat` | whether the control loop still turns |
//! | `page` | what a person sees |
//!
//! What the engine knows is asked for over a queue and waited for a second at most, so a
//! stuck engine is told and does not hang whoever asks. Whether the process is well asks nobody: that is
//! read off the control loop's heartbeat, and readiness off the published table, as `explain` is. Every connection carries one request and is bounded in
//! size and time (promise 8); how many there are at once is bounded too: a newer one takes the
//! place of one whose request does not come. Who may do what is the config's ([`crate::plan::AccessRules`]), and each change is recorded before it is made ([`crate::io::audit`]).
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

pub use self::commands::{
    Command, ControlSurroundings, Force, LogReport, MachineFate, MachineOrder, OrderRefusal,
    PushReport, ReleaseAsk, Revocation, SecretAsk, SecretReply, State,
};
pub use self::compared::{ComparedConfig, ComparedPart, ObjectsDone, ProvedConfig};
pub use self::failures::Failures;
pub use self::heartbeat::Heartbeat;
use self::listen::BoundListeners;
pub use self::openapi::document;
pub use self::orders::{
    EndpointShare, ForecastView, HeldView, Holding, OrderKnown, OrderList, OrderView, Ordered,
    PastView, RegionShift, ServiceShift,
};
pub use self::replies::ApiProblem;
pub use self::secret_view::{SecretView, SecretsView};
use self::serving::Listener;
use crate::io::inherited::Inherited;
use crate::plan::{AccessRules, Carriage};

mod callers;
mod challenge;
mod changes;
mod cluster;
mod commands;
mod compare;
mod compared;
mod conditions;
mod connections;
mod declarations;
mod declared;
mod encryption;
mod explain;
mod failures;
mod heartbeat;
mod identity;
mod listen;
mod live;
mod looks;
mod machines;
mod map;
mod maps;
mod objects;
mod openapi;
mod order;
mod orders;
mod origin;
mod page;
mod parameters;
mod push;
mod recorded;
mod release;
mod replies;
mod routes;
mod sampler;
mod scrape;
mod secret_view;
mod secrets;
mod serving;
mod timeline;

/// The listeners, open but not yet read.
#[derive(Debug)]
pub struct ControlServer {
    bound: BoundListeners,
    is_encrypted: bool,
}

/// Control listeners at work; they end when this is dropped.
#[derive(Debug)]
#[must_use = "the listeners end when this is dropped"]
pub struct Controlling(Vec<AbortHandle>);

impl ControlServer {
    /// Opens the listeners that a config asks for; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// One that the config states cannot be opened; the message names its key.
    pub fn bind(access: &AccessRules) -> io::Result<Self> {
        Self::open(access, &mut Inherited::default())
    }

    /// As [`ControlServer::bind`], but takes listeners that were given where they fit.
    ///
    /// # Errors
    /// As [`ControlServer::bind`].
    pub fn open(access: &AccessRules, given: &mut Inherited) -> io::Result<Self> {
        Ok(Self {
            bound: BoundListeners::open(access, given)?,
            is_encrypted: access.carriage != Carriage::Plain,
        })
    }

    /// Descriptors of their own for all of them, to be handed to another program.
    ///
    /// # Errors
    /// When the system has none left.
    pub fn descriptors(&self) -> io::Result<Vec<OwnedFd>> {
        self.bound.descriptors()
    }

    /// The address of the API over HTTP, if it listens there.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let listener = self.bound.http.as_ref()?;
        listener.local_addr().ok()
    }

    /// The address of the listener for metrics alone, if there is one.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        let listener = self.bound.metrics.as_ref()?;
        listener.local_addr().ok()
    }

    /// Listeners that are done without, each with the reason; for a person.
    #[must_use]
    pub fn doubts(&self) -> &[String] {
        &self.bound.doubts
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// The runtime does not take a listener.
    pub fn serve(self, state: State, runtime: &Handle) -> io::Result<Controlling> {
        let _entered = runtime.enter();
        let (router, open) = (routes::router(state.clone()), routes::open(state.clone()));
        let sampling = runtime.spawn(sampler::sample(state.clone())).abort_handle();
        let mut listeners = Vec::new();
        if let Some(unix) = self.bound.unix {
            listeners.push((
                Listener::Unix(UnixListener::from_std(unix)?),
                router.clone(),
            ));
        }
        if let Some(http) = self.bound.http {
            let http = TcpListener::from_std(http)?;
            let listener = match self.is_encrypted {
                true => Listener::Tls(http, Box::new(state)),
                false => Listener::Plain(http),
            };
            listeners.push((listener, router));
        }
        if let Some(metrics) = self.bound.metrics {
            listeners.push((Listener::Open(TcpListener::from_std(metrics)?), open));
        }
        let tasks = listeners.into_iter().map(|(listener, router)| {
            let task = runtime.spawn(serving::accept(listener, router));
            task.abort_handle()
        });
        Ok(Controlling(tasks.chain([sampling]).collect()))
    }
}

impl Drop for Controlling {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}
