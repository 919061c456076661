//! The server behind the protocol, as all requests share it.
use std::sync::{Arc, Mutex, PoisonError};

use super::count::Counts;
use crate::base::Span;
use crate::cli::remote::{Remote, RemoteError};
use crate::cli::shared_arguments::Control;
use crate::daemon::Failure;
use crate::dns::Name;

/// A server, and what external-dns may have declared on it.
pub(super) struct Provider {
    /// Zones whose records it may have.
    pub(super) zones: Vec<Name>,
    /// The TTL of records for which nobody says one.
    pub(super) ttl: Span,
    /// Numbers since the start.
    pub(super) counts: Counts,
    control: Control,
    remote: Mutex<Arc<Remote>>,
}

impl Provider {
    /// The server that the arguments name.
    pub(super) fn new(zones: Vec<Name>, ttl: Span, control: Control) -> Result<Self, Failure> {
        let remote = Mutex::new(Arc::new(Remote::find(&control)?));
        Ok(Self {
            zones,
            ttl,
            counts: Counts::default(),
            control,
            remote,
        })
    }

    /// Asks the server. A token or certificate that it does not know any more is read again once: it may have been replaced.
    pub(super) fn ask<T>(
        &self,
        ask: impl Fn(&Remote) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        let held = || self.remote.lock().unwrap_or_else(PoisonError::into_inner);
        let remote = Arc::clone(&held());
        match ask(&remote) {
            Err(RemoteError::Refused(401, _)) => {
                let renewed = Remote::find(&self.control).map_err(RemoteError::Silent)?;
                let renewed = Arc::new(renewed);
                *held() = Arc::clone(&renewed);
                ask(&renewed)
            }
            answered => answered,
        }
    }
}
