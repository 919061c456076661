//! The node's copy of all that is shared, for several hands: the driver's, and those of carriers.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::base::{Moment, Utc};
use crate::io::clock::Clock;
use crate::share::{
    Author, Cluster, Have, LoggedEntry, MemberAdmission, NatsView, ReadBundle, RecordFate,
    RecordStream, TakenBundle,
};

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
    /// The beginning and the end of the certificate that carriers show; seconds since 1970, both 0 before one was read.
    certificate: [AtomicU64; 2],
    /// Peers with whom there is no speaking because a certificate is not valid by one's clock, and why.
    untimely: Mutex<BTreeMap<String, String>>,
    /// The connection to NATS, where the config has one.
    nats: Mutex<Option<NatsView>>,
    /// The carrier that brought the newest vote or head of a node.
    heard_by: Mutex<BTreeMap<Author, CarrierKind>>,
}

/// A carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierKind {
    /// A node that was asked.
    Peers,
    /// A NATS server.
    Nats,
}

impl CarrierKind {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Nats => "nats",
        }
    }
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
            certificate: [const { AtomicU64::new(0) }; 2],
            untimely: Mutex::default(),
            nats: Mutex::default(),
            heard_by: Mutex::default(),
        }))
    }

    /// Looks at the copy.
    pub fn look<R>(&self, with: impl FnOnce(&Cluster, Moment, Utc) -> R) -> R {
        let (now, wall) = self.time();
        with(&held(&self.0.cluster), now, wall)
    }

    /// Lets this node say something; whoever waits for news hears of it.
    pub fn say<R>(&self, with: impl FnOnce(&mut Cluster, Moment, Utc) -> R) -> R {
        let (now, wall) = self.time();
        let said = with(&mut held(&self.0.cluster), now, wall);
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

    /// A bundle of this node's own records that another has not, and the positions up to which this node has any.
    #[must_use]
    pub fn newer_own(&self, have: &Have) -> (Vec<u8>, Have) {
        self.look(|cluster, _, _| (cluster.newer_own(have), cluster.have()))
    }

    /// Tells that a member of this name is listened to.
    #[must_use]
    pub fn listens_to(&self, name: &str) -> bool {
        self.look(|cluster, _, _| {
            let mut members = cluster.roster().members();
            members.any(|(author, member)| {
                let is_admitted = member.admission == MemberAdmission::Admitted;
                member.name == name && is_admitted && !cluster.void().contains(&author)
            })
        })
    }

    /// Takes a bundle that a carrier brought. Signatures are verified while others may look at the copy.
    pub fn take(&self, bundle: &[u8], by: CarrierKind) -> TakenBundle {
        let bundle = ReadBundle::parse(bundle);
        let keys = self.look(|cluster, _, _| cluster.keys_for(&bundle));
        let bundle = bundle.verified(&keys);
        let (now, wall) = self.time();
        let taken = held(&self.0.cluster).take_read(now, wall, bundle);
        if taken.is_progress() {
            let (mut arrived, mut heard_by) = (held(&self.0.arrived), held(&self.0.heard_by));
            for fate in &taken.fates {
                match fate {
                    RecordFate::Order(entry) => arrived.push((**entry).clone()),
                    RecordFate::Newer(RecordStream::Vote | RecordStream::Head, author) => {
                        heard_by.insert(*author, by);
                    }
                    RecordFate::Newer(..) | RecordFate::Known | RecordFate::Refused(_) => {}
                }
            }
            self.0.version.send_modify(|version| *version += 1);
        }
        taken
    }

    /// The carrier that brought the newest vote or head of a node; absent for one that was not heard.
    #[must_use]
    pub fn heard_by(&self, author: Author) -> Option<CarrierKind> {
        held(&self.0.heard_by).get(&author).copied()
    }

    /// Orders of others that have come since this was asked last; they are to be kept on the disk.
    #[must_use]
    pub fn take_arrived(&self) -> Vec<LoggedEntry> {
        std::mem::take(&mut *held(&self.0.arrived))
    }

    /// Notes when the certificate begins and expires that a carrier shows, in seconds since 1970.
    pub(super) fn shows_certificate(&self, begins: u64, expires: u64) {
        let [held_begins, held_expires] = &self.0.certificate;
        held_begins.store(begins, Relaxed);
        held_expires.store(expires, Relaxed);
    }

    /// Notes that a certificate keeps a peer of this address and this node from speaking, and why; or that none does.
    pub(super) fn shows_untimely(&self, address: &str, why: Option<String>) {
        let mut untimely = held(&self.0.untimely);
        match why {
            Some(why) => _ = untimely.insert(address.to_owned(), why),
            None => _ = untimely.remove(address),
        }
    }

    /// Certificates that are not valid by a clock: this node's by its own, and those that keep it and these peers from speaking.
    #[must_use]
    pub fn untimely(&self, peers: &[String]) -> Vec<String> {
        let seconds = self.time().1.0 / 1000;
        let [begins, expires] = [0, 1].map(|end: usize| self.0.certificate[end].load(Relaxed));
        let own = match (begins, expires) {
            (_, 0) => None,
            (_, expires) if expires < seconds => Some("has expired"),
            (begins, _) if begins > seconds => Some("is not valid yet"),
            (_, _) => None,
        };
        let own = own.map(|what| format!("this node's certificate {what}, by its clock"));
        let untimely = held(&self.0.untimely);
        let others = untimely
            .iter()
            .filter(|(address, _)| peers.contains(address));
        let others = others.map(|(address, why)| format!("{address}: {why}"));
        own.into_iter().chain(others).collect()
    }

    /// The time at which the certificate expires that carriers show, in seconds since 1970; absent before one was read.
    #[must_use]
    pub fn certificate_expires(&self) -> Option<u64> {
        let expires = self.0.certificate[1].load(Relaxed);
        (expires > 0).then_some(expires)
    }

    /// Notes the server of NATS that is connected to from now on, or why none is; `None` where the config has no NATS.
    pub(super) fn shows_nats(&self, state: Option<Result<&str, &str>>) {
        let (_, wall) = self.time();
        let mut shown = held(&self.0.nats);
        *shown = state.map(|state| {
            let before = shown.take();
            // A connection to the same server that took the place of another one is no news, nor is one more attempt that failed.
            let same = before.as_ref();
            let same = same.filter(|before| before.server.as_deref() == state.ok());
            NatsView {
                server: state.ok().map(str::to_owned),
                since: same.map_or(wall.0 / 1000, |same| same.since),
                trouble: match state {
                    Err(why) if !why.is_empty() => Some(why.to_owned()),
                    Ok(_) | Err(_) => before.and_then(|before| before.trouble),
                },
            }
        });
    }

    /// The connection to NATS; absent, where the config has none.
    #[must_use]
    pub fn nats(&self) -> Option<NatsView> {
        held(&self.0.nats).clone()
    }

    /// Tells when the copy has something that it had not.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    fn time(&self) -> (Moment, Utc) {
        let calendar = self.0.clock.calendar();
        (calendar.now, calendar.utc)
    }
}

/// Locks, whatever has happened to whoever held it before: what is behind these locks is whole at each moment.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
