//! Listening sockets: opened, or taken over, before anything runs.
//!
//! It comes first at a start, so that a port that is taken ends it before anything is changed, and because root's
//! privileges are given up as soon as everything is open.
use std::io;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::{info, warn};

use super::Failure;
use crate::io::control::{self, ControlServer, Controlling};
use crate::io::handover::Predecessor;
use crate::io::inherited::Inherited;
use crate::io::serve::{HeldQuic, Listeners, Service, Serving};
use crate::plan::Plan;

/// Open sockets that nobody reads yet.
pub(crate) struct Sockets {
    pub(super) listeners: Listeners,
    pub(super) control: ControlServer,
    /// The listeners for peers of a cluster.
    peers: Vec<TcpListener>,
}

impl Sockets {
    /// Opens all that a plan wants; what was given of it is taken instead.
    ///
    /// # Errors
    /// When an address cannot be had.
    pub(crate) fn open(plan: &Plan, mut given: Inherited) -> Result<Self, Failure> {
        let sockets = Self {
            listeners: listeners(plan, &mut given)?,
            control: ControlServer::open(&plan.control.access, &mut given)
                .map_err(|error| cannot_open(&error))?,
            peers: peers(plan, &mut given).map_err(|error| cannot_listen("[cluster]", &error))?,
        };
        for address in given.unclaimed() {
            info!(event = "not_listening", %address, "{address} is listened on no more");
        }
        Ok(sockets)
    }

    /// Gives away the listeners for peers.
    pub(super) fn take_peers(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.peers)
    }

    /// Descriptors of their own for all of them.
    ///
    /// # Errors
    /// When the system has none left.
    pub(super) fn descriptors(&self) -> Result<Vec<OwnedFd>, Failure> {
        let all = || {
            let mut all = self.listeners.descriptors()?;
            all.extend(self.control.descriptors()?);
            let peers = self.peers.iter();
            let peers = peers.map(|one| Ok(one.try_clone()?.into()));
            all.extend(peers.collect::<io::Result<Vec<_>>>()?);
            Ok(all)
        };
        all().map_err(|error: io::Error| format!("cannot start answering: {error}"))
    }
}

/// Listeners on their way from open to answered.
pub(super) struct Doors {
    listeners: Listeners,
    /// The control listener, while a predecessor answers there.
    waiting: Option<(ControlServer, control::State)>,
    control: Option<OpenControl>,
    predecessor: Option<Arc<Predecessor>>,
    runtime: Handle,
}

/// Control listeners that are answered; they end when this is dropped.
pub(super) struct OpenControl {
    /// The address of the API over HTTP, if it listens there.
    pub(super) address: Option<SocketAddr>,
    _controlling: Controlling,
}

/// Listeners that are answered.
pub(super) struct OpenDoors {
    /// The addresses at which queries are answered.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) serving: Serving,
    /// QUIC, while a predecessor speaks it.
    pub(super) held: Option<HeldQuic>,
    /// The control listeners.
    pub(super) control: Option<OpenControl>,
}

impl Doors {
    /// Answers at the control listener, if there is one and no predecessor does: to say that the server is not ready. Inside a
    /// runtime.
    pub(super) fn open_control(
        sockets: Sockets,
        state: control::State,
        predecessor: Option<Arc<Predecessor>>,
    ) -> Result<Self, Failure> {
        let mut doors = Self {
            listeners: sockets.listeners,
            waiting: Some((sockets.control, state)),
            control: None,
            runtime: Handle::current(),
            predecessor,
        };
        if doors.predecessor.is_none() {
            doors.serve_control()?;
        }
        Ok(doors)
    }

    /// Answers everything, and tells a predecessor so.
    pub(super) fn open(mut self, service: Service, streams: &Handle) -> Result<OpenDoors, Failure> {
        self.serve_control()?;
        let addresses = self.listeners.addresses();
        let held = self
            .predecessor
            .is_some()
            .then(|| self.listeners.hold_quic());
        let serving = self.listeners.serve(service, streams);
        let serving = serving.map_err(|error| format!("cannot start answering: {error}"))?;
        if let Some(predecessor) = &self.predecessor {
            predecessor.answering().map_err(|error| {
                format!("the program whose place was to be taken has ended: {error}")
            })?;
        }
        Ok(OpenDoors {
            addresses,
            serving,
            held,
            control: self.control,
        })
    }

    fn serve_control(&mut self) -> Result<(), Failure> {
        if let Some((server, state)) = self.waiting.take() {
            for doubt in server.doubts() {
                warn!(event = "control_doubt", "{doubt}");
            }
            let address = server.address();
            let controlling = server.serve(state, &self.runtime);
            let controlling = controlling.map_err(|error| cannot_open(&error))?;
            self.control = Some(OpenControl {
                address,
                _controlling: controlling,
            });
        }
        Ok(())
    }
}

fn listeners(plan: &Plan, given: &mut Inherited) -> Result<Listeners, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = plan.server.threads.unwrap_or(cores);
    let listeners = Listeners::open(&plan.server.listen, threads, given)
        .map_err(|error| cannot_listen("[server]", &error))?;
    match &plan.server.tls {
        None => Ok(listeners),
        Some(tls) => listeners
            .with_encrypted_of(tls, given)
            .map_err(|error| cannot_listen("[server.tls]", &error)),
    }
}

/// Opens what peers of a cluster connect to; what was given of it is taken instead.
fn peers(plan: &Plan, given: &mut Inherited) -> io::Result<Vec<TcpListener>> {
    let wanted = plan.cluster.iter().flat_map(|rules| &rules.listen);
    let opened = wanted.map(|at| given.tcp(*at).map_or_else(|| TcpListener::bind(at), Ok));
    opened.collect()
}

/// A listener of the control API that cannot be opened; the error names it.
fn cannot_open(error: &io::Error) -> Failure {
    format!("{error}{}", help(error))
}

fn cannot_listen(section: &str, error: &io::Error) -> Failure {
    format!("{section} listen: {error}{}", help(error))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest needs no help line"
)]
fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "; another program has the port: stop it, or choose another (`waypost upgrade` replaces a running server)"
        }
        ErrorKind::PermissionDenied => "; a port below 1024 needs CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => "; no interface of this machine has the address",
        _ => "",
    }
}
