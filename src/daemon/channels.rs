//! What the control loop works with, and what it listens to.
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::keeper::KeptOrders;
use super::reader::{InForce, Reading, Request};
use super::upgrade::{self, Hold};
use super::zone_driver::Events;
use crate::base::Moment;
use crate::dns::Name;
use crate::engine::Notice;
use crate::io::clock::Clock;
use crate::io::control::{Command, Heartbeat};
use crate::io::metrics::Metrics;
use crate::io::probe::{Finished, Prober};
use crate::io::serve::deferred;

/// What an onlooker (the demo) is shown: each notice, and when it came.
pub(crate) type Shown = (Moment, Notice);

/// What the control loop works with.
pub(crate) struct Handles {
    /// What time it is.
    pub(crate) clock: Clock,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where each turn is written down.
    pub(crate) heartbeat: Arc<Heartbeat>,
    /// What probes.
    pub(crate) prober: Prober,
    /// What reads the config again; absent = no reload.
    pub(crate) reader: Option<std::sync::mpsc::Sender<Request>>,
    /// By what the files of zones are read.
    pub(crate) in_force: InForce,
    /// Who else wants to know.
    pub(crate) onlooker: Option<mpsc::UnboundedSender<Shown>>,
    /// The way to upgrades; absent = there are none.
    pub(crate) upgrades: Option<mpsc::Sender<upgrade::UpgradeRequest>>,
}

/// What the control loop listens to.
pub(crate) struct Channels {
    /// The control API and signals.
    pub(crate) commands: mpsc::Receiver<Command>,
    /// Finished probes.
    pub(crate) reports: mpsc::UnboundedReceiver<Finished>,
    /// What was read again.
    pub(crate) readings: mpsc::Receiver<Reading>,
    /// What has happened to zones.
    pub(crate) events: Events,
    /// Zones that may have changed, as their primaries say.
    pub(crate) notified: mpsc::Receiver<Name>,
    /// Updates (RFC 2136).
    pub(crate) updates: mpsc::Receiver<deferred::Request>,
    /// The state is wanted by a program that takes this one's place.
    pub(super) holds: mpsc::Receiver<Hold>,
    /// Orders that are on the disk now, or are not.
    pub(super) kept: KeptOrders,
    /// The end.
    pub(crate) stop: oneshot::Receiver<()>,
}
