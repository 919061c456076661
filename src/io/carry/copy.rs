//! The node's copy of all that is shared, for several hands: the driver's, and those of carriers.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::base::{Moment, Utc};
use crate::io::clock::Clock;
use crate::share::{Cluster, Have, LoggedEntry, ReadBundle, RecordFate, TakenBundle};

/// This node's copy of all that is shared; its clones are the same one.
#[derive(Clone, Debug)]
pub struct SharedCopy(Arc<Held>);

#[derive(Debug)]
struct Held {
    clock: Clock,
    cluster: Mutex<Cluster>,
    /// Rises when the copy has something that it had not.
    version: watch::Sender<u64>,
    /// Orders of others that have come and are not on the disk yet.
    arrived: Mutex<Vec<LoggedEntry>>,
    /// The end of the certificate that carriers show; seconds since 1970, 0 before one was read.
    certificate_expires: AtomicU64,
}

impl SharedCopy {
    /// Shares a copy.
    #[must_use]
    pub fn new(cluster: Cluster, clock: Clock) -> Self {
        Self(Arc::new(Held {
            clock,
            cluster: Mutex::new(cluster),
            version: watch::Sender::new(0),
            arrived: Mutex::default(),
            certificate_expires: AtomicU64::new(0),
        }))
    }

    /// Looks at the copy.
    pub fn look<R>(&self, with: impl FnOnce(&Cluster, Moment, Utc) -> R) -> R {
        let (now, wall) = self.time();
        let cluster = self.0.cluster.lock();
        with(&cluster.unwrap_or_else(PoisonError::into_inner), now, wall)
    }

    /// Lets this node say something; whoever waits for news hears of it.
    pub fn say<R>(&self, with: impl FnOnce(&mut Cluster, Moment, Utc) -> R) -> R {
        let (now, wall) = self.time();
        let cluster = self.0.cluster.lock();
        let mut cluster = cluster.unwrap_or_else(PoisonError::into_inner);
        let said = with(&mut cluster, now, wall);
        drop(cluster);
        self.0.version.send_modify(|version| *version += 1);
        said
    }

    /// The positions up to which this node has records, packed.
    #[must_use]
    pub fn have(&self) -> Vec<u8> {
        self.look(|cluster, _, _| cluster.have().pack())
    }

    /// A bundle of what this node has and another has not; empty, if there is nothing.
    #[must_use]
    pub fn newer(&self, have: &Have, turn: u64) -> Vec<u8> {
        self.look(|cluster, _, _| cluster.newer(have, turn))
    }

    /// The same, of orders alone.
    #[must_use]
    pub fn newer_orders(&self, have: &Have, turn: u64) -> Vec<u8> {
        self.look(|cluster, _, _| cluster.newer_orders(have, turn))
    }

    /// Takes a bundle that came. Signatures are verified while others may look at the copy.
    pub fn take(&self, bundle: &[u8]) -> TakenBundle {
        let bundle = ReadBundle::parse(bundle);
        let keys = self.look(|cluster, _, _| cluster.keys_for(&bundle));
        let bundle = bundle.verified(&keys);
        let (now, wall) = self.time();
        let cluster = self.0.cluster.lock();
        let mut cluster = cluster.unwrap_or_else(PoisonError::into_inner);
        let taken = cluster.take_read(now, wall, bundle);
        drop(cluster);
        if taken.is_progress() {
            let orders = taken.fates.iter().filter_map(|fate| match fate {
                RecordFate::Order(entry) => Some((**entry).clone()),
                RecordFate::Newer(..) | RecordFate::Known | RecordFate::Refused(_) => None,
            });
            self.arrived().extend(orders);
            self.0.version.send_modify(|version| *version += 1);
        }
        taken
    }

    /// Orders of others that have come since this was asked last; they are to be kept on the disk.
    #[must_use]
    pub fn take_arrived(&self) -> Vec<LoggedEntry> {
        std::mem::take(&mut *self.arrived())
    }

    /// Notes when the certificate expires that a carrier shows, in seconds since 1970.
    pub(super) fn shows_certificate(&self, expires: u64) {
        self.0.certificate_expires.store(expires, Relaxed);
    }

    /// The time at which the certificate expires that carriers show, in seconds since 1970; absent before one was read.
    #[must_use]
    pub fn certificate_expires(&self) -> Option<u64> {
        let expires = self.0.certificate_expires.load(Relaxed);
        (expires > 0).then_some(expires)
    }

    /// Tells when the copy has something that it had not.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    fn arrived(&self) -> std::sync::MutexGuard<'_, Vec<LoggedEntry>> {
        let arrived = self.0.arrived.lock();
        arrived.unwrap_or_else(PoisonError::into_inner)
    }

    fn time(&self) -> (Moment, Utc) {
        let calendar = self.0.clock.calendar();
        (calendar.now, calendar.utc)
    }
}
