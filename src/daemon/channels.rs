//! What the control loop works with, and what it listens to.
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::carrier::CarrierKeeper;
use super::cluster::{ClusterDriver, SecretWord};
use super::comparer::Comparer;
use super::discovering::DiscoveryHandle;
use super::keeper::KeptOrders;
use super::names::{NameHandle, NameHolds};
use super::reader::{InForce, ReaderMessage, Reading};
use super::upgrade::{self, Hold};
use super::zone_driver::Events;
use crate::base::Moment;
use crate::dns::Name;
use crate::engine::Notice;
use crate::io::clock::Clock;
use crate::io::control::{Command, Heartbeat};
use crate::io::history::History;
use crate::io::metrics::Metrics;
use crate::io::notify::Notifier;
use crate::io::probe::{Finished, Prober};
use crate::io::serve::deferred;

/// A notice for an onlooker (the demo), and when it came.
pub(crate) type Shown = (Moment, Notice);

/// Everything that the control loop works with.
pub(crate) struct Handles {
    /// The time.
    pub(crate) clock: Clock,
    /// Counters.
    pub(crate) metrics: Arc<Metrics>,
    /// Those who are told what the log says.
    pub(crate) notifier: Notifier,
    /// The timeline.
    pub(crate) history: History,
    /// The record of each turn.
    pub(crate) heartbeat: Arc<Heartbeat>,
    /// The prober.
    pub(crate) prober: Prober,
    /// The reader of the config; absent = no reload.
    pub(crate) reader: Option<std::sync::mpsc::Sender<ReaderMessage>>,
    /// Compares configs; absent = there is none to compare with.
    pub(crate) comparer: Option<Comparer>,
    /// The config by which the files of zones are read.
    pub(crate) in_force: InForce,
    /// Machines that are known by name.
    pub(super) names: NameHandle,
    /// Endpoints that are discovered.
    pub(super) discoveries: DiscoveryHandle,
    /// The other nodes; absent: it stands alone.
    pub(super) cluster: Option<ClusterDriver>,
    /// The carrier of records to them and from them.
    pub(super) carrier: Option<CarrierKeeper>,
    /// An onlooker.
    pub(crate) onlooker: Option<mpsc::UnboundedSender<Shown>>,
    /// The way to upgrades; absent = there are none.
    pub(crate) upgrades: Option<mpsc::Sender<upgrade::UpgradeRequest>>,
}

impl Handles {
    /// Has releases of the shared config taken, by whoever reads configs.
    pub(super) fn distribute(&mut self) {
        let (Some(cluster), Some(reader)) = (&mut self.cluster, self.reader.clone()) else {
            return;
        };
        // A reader that has ended drops the reply, and that is the outcome.
        let share = move |text, reply| drop(reader.send(ReaderMessage::Share(text, reply)));
        let tools = (Box::new(share) as _, Arc::clone(&self.metrics));
        cluster.distribution.equip(tools);
    }

    /// Has the secrets of all nodes left alone while another program may change them, or no more.
    pub(super) fn hold_secrets(&self, is_held: bool) {
        let words = self.cluster.as_ref().and_then(|own| own.secrets.as_ref());
        // At the end of the server nobody looks at them any more.
        words.map(|words| words.send(SecretWord::Hold(is_held)).ok());
    }
}

/// Everything that the control loop listens to.
pub(crate) struct Channels {
    /// The control API and signals.
    pub(crate) commands: mpsc::Receiver<Command>,
    /// Finished probes.
    pub(crate) reports: mpsc::UnboundedReceiver<Finished>,
    /// Configs and files that were read again.
    pub(crate) readings: mpsc::Receiver<Reading>,
    /// Events of zones.
    pub(crate) events: Events,
    /// Zones that may have changed, as their primaries say.
    pub(crate) notified: mpsc::Receiver<Name>,
    /// Updates (RFC 2136).
    pub(crate) updates: mpsc::Receiver<deferred::Request>,
    /// The state is wanted by a program that takes this one's place.
    pub(super) holds: mpsc::Receiver<Hold>,
    /// Orders that are on the disk now, or are not.
    pub(super) kept: KeptOrders,
    /// Names whose addresses are confirmed.
    pub(super) holding: NameHolds,
    /// The end.
    pub(crate) stop: oneshot::Receiver<()>,
}
