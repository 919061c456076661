//! What is listened on: opened, or taken over, before anything runs.
//!
//! It comes first at a start, so that a port that is taken ends it before anything is changed, and because root's
//! privileges are given up as soon as everything is open.
use std::io;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;

use tracing::info;

use super::Failure;
use crate::io::control::ControlServer;
use crate::io::inherited::Inherited;
use crate::io::serve::Listeners;
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
            control: control(plan, &mut given)?,
        };
        for address in given.unclaimed() {
            info!(event = "not_listening", %address, "{address} is listened on no more");
        }
        Ok(sockets)
    }

    /// Descriptors of their own for all of them.
    pub(super) fn descriptors(&self) -> io::Result<Vec<OwnedFd>> {
        let mut all = self.listeners.descriptors()?;
        if let Some(control) = &self.control {
            all.push(control.descriptor()?);
        }
        Ok(all)
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

fn control(plan: &Plan, given: &mut Inherited) -> Result<Option<ControlServer>, Failure> {
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
pub(super) fn cannot_listen(section: &str, error: &io::Error) -> Failure {
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
