//! What is listened on: opened, or taken over, before anything runs.
//!
//! It comes first at a start, so that a port that is taken ends it before anything is changed, and because root's
//! privileges are given up as soon as everything is open.
use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::info;

use super::Failure;
use crate::io::control::{self, ControlServer, Controlling};
use crate::io::handover::Predecessor;
use crate::io::inherited::Inherited;
use crate::io::serve::{HeldQuic, Listeners, Service, Serving};
use crate::plan::Plan;

/// Open sockets that nobody reads yet.
pub(crate) struct Sockets {
    pub(super) listeners: Listeners,
    pub(super) control: Option<ControlServer>,
}

impl Sockets {
    /// Opens all that a plan wants; what was given of it is taken instead.
    ///
    /// # Errors
    /// When an address cannot be had.
    pub(crate) fn open(plan: &Plan, mut given: Inherited) -> Result<Self, Failure> {
        let sockets = Self {
            listeners: listeners(plan, &mut given)?,
            control: control_server(plan, &mut given)?,
        };
        for address in given.unclaimed() {
            info!(event = "not_listening", %address, "{address} is listened on no more");
        }
        Ok(sockets)
    }

    /// Descriptors of their own for all of them.
    ///
    /// # Errors
    /// When the system has none left.
    pub(super) fn descriptors(&self) -> Result<Vec<OwnedFd>, Failure> {
        let all = || {
            let mut all = self.listeners.descriptors()?;
            if let Some(control) = &self.control {
                all.push(control.descriptor()?);
            }
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
    control: Option<(SocketAddr, Controlling)>,
    predecessor: Option<Arc<Predecessor>>,
    runtime: Handle,
}

/// Listeners that are answered.
pub(super) struct OpenDoors {
    /// The addresses at which queries are answered.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) serving: Serving,
    /// QUIC, while a predecessor speaks it.
    pub(super) held: Option<HeldQuic>,
    /// The control listener, with its address.
    pub(super) control: Option<(SocketAddr, Controlling)>,
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
            waiting: sockets.control.map(|server| (server, state)),
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
            let address = server.address();
            let controlling = server.serve(state, &self.runtime);
            let controlling = controlling.map_err(|error| cannot_listen("[control]", &error))?;
            self.control = Some((address, controlling));
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

fn control_server(plan: &Plan, given: &mut Inherited) -> Result<Option<ControlServer>, Failure> {
    let Some(address) = plan.control.listen else {
        return Ok(None);
    };
    let opened = match given.tcp(address) {
        Some(listener) => ControlServer::of(listener),
        None => ControlServer::bind(address),
    };
    opened
        .map(Some)
        .map_err(|error| cannot_listen("[control]", &error))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest needs no help line"
)]
fn cannot_listen(section: &str, error: &io::Error) -> Failure {
    let help = match error.kind() {
        ErrorKind::AddrInUse => {
            "; another program has the port: stop it, or choose another (`waypost upgrade` replaces a running server)"
        }
        ErrorKind::PermissionDenied => "; a port below 1024 needs CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => "; no interface of this machine has the address",
        _ => "",
    };
    format!("{section} listen: {error}{help}")
}
