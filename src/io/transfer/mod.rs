//! Zones given to secondaries and taken from primaries.
//!
//! ```text
//! tables --> outgoing: render, count up, keep --> journals --> desk --> serve (AXFR, IXFR)
//!                          |                         '-------> herald --> secondaries (NOTIFY)
//!                          '--Wish::Serial--> whoever makes the zones
//!
//! primaries --NOTIFY--> desk --bell--> incoming --fetch--> primaries
//!                                         |--master file--> the reader of the config
//!                                         '--Wish::GivenUp--> whoever makes the zones
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | `desk` | what is answered to requests for zones, to notifications, and to what is signed |
//! | `outgoing` | when a zone has a new version, and which serial it gets |
//! | `herald` | whom to tell of it, and how often |
//! | `incoming` | when to look at a primary, what to take, when a zone is too old |
//! | `fetch` | one transfer over TCP |
//! | `outlet` | nothing: it binds sockets to the addresses that they leave from |
//! | `state` | what survives a restart |
//!
//! Who may do what is in the plan of the present table; nothing here knows the config. That a zone
//! has a serial of its own, or is to be answered no longer, is a [`Wish`] to whoever makes the
//! zones that are served.
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Notify, Semaphore, oneshot};

use crate::base::limits::TRANSFERS_OUT;
use crate::dns::Name;
use crate::dns::transfer::Journal;
use crate::io::clock::Clock;

mod desk;
mod fetch;
mod herald;
mod incoming;
mod outgoing;
mod outlet;
mod state;

pub use desk::Stream;
pub use incoming::{Incomings, fetch_missing, given_up};
pub use outgoing::Outgoings;
pub use state::StateFile;

/// Told when a wish has been fulfilled, or why it is not.
pub type Done = oneshot::Sender<Result<(), String>>;

/// What is asked of whoever makes the zones that are served.
#[derive(Debug)]
pub enum Wish {
    /// A zone's SOA shall have this serial, or a newer one.
    Serial {
        /// The zone.
        apex: Name,
        /// The serial.
        serial: u32,
        /// Who waits for it.
        done: Done,
    },
    /// A zone that has not been refreshed for too long shall not be answered, or is to be again.
    Presence {
        /// The zone.
        apex: Name,
        /// What it shall be.
        given_up: GivenUp,
        /// Who waits for it.
        done: Done,
    },
}

/// Whether a zone has not been refreshed for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// It has not.
    Yes,
    /// It is fresh enough.
    No,
}

/// What requests are answered from; shared by all that serve.
#[derive(Debug)]
pub struct Desk {
    clock: Clock,
    journals: RwLock<BTreeMap<Name, Journal>>,
    bells: RwLock<BTreeMap<Name, Arc<Notify>>>,
    room: Arc<Semaphore>,
}

impl Desk {
    /// A desk without any zone yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            journals: RwLock::default(),
            bells: RwLock::default(),
            room: Arc::new(Semaphore::new(TRANSFERS_OUT)),
        }
    }

    /// The serial of a zone's present version, if it is given to anybody.
    #[must_use]
    pub fn serial(&self, apex: &Name) -> Option<u32> {
        self.journal(apex, |journal| journal.present().serial())
    }

    fn journal<T>(&self, apex: &Name, look: impl FnOnce(&Journal) -> T) -> Option<T> {
        let journals = self.journals.read().unwrap_or_else(PoisonError::into_inner);
        journals.get(apex).map(look)
    }

    fn change_journals<T>(&self, change: impl FnOnce(&mut BTreeMap<Name, Journal>) -> T) -> T {
        change(
            &mut self
                .journals
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn ring(&self, apex: &Name) {
        let bells = self.bells.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(apex) {
            bell.notify_one();
        }
    }

    fn hang_bells(&self, bells: BTreeMap<Name, Arc<Notify>>) {
        *self.bells.write().unwrap_or_else(PoisonError::into_inner) = bells;
    }
}
