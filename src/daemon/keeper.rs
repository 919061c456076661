//! Keeps what the engine knows: what has changed, at most once a second, and orders before they are acknowledged.
//!
//! Whoever gives an order is answered when it is on the disk, so that what was acknowledged outlives whatever
//! happens to this process next. A disk that does not take it is said in the answer; the order is in force all the same.
//! Without a folder of state nothing is kept, and the answer says that too ([`OrderKeeping`]).
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{error, info};

use super::measured_keeper;
use super::names::NamesBefore;
use super::zone_driver::DiskEvents;
use crate::base::Moment;
use crate::base::limits::{KEEP_AT_END, KEEP_EVERY};
use crate::dns::challenges::Challenges;
use crate::engine::{Engine, Keep, OrderId, OrderResult};
use crate::io::clock::Clock;
use crate::io::metrics::{Metrics, StateCondition};
use crate::io::state::cluster_log::{OrdersBefore, SignedOctets};
use crate::io::state::health_log::Restored;
use crate::io::state::{State, StateWriter};
use crate::plan::Zoning;
use crate::zones::Memories;

use super::prepared;

/// Orders that are on the disk now, or are not.
pub(super) type KeptOrders = mpsc::UnboundedReceiver<(OrderId, Result<(), String>)>;

/// The fate of an order at a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OrderKeeping {
    /// It is lost: there is no folder of state.
    Nowhere,
    /// It holds.
    OnDisk,
    /// It is lost: it could not be written, for this reason.
    Failed(String),
}

/// All that was kept over the restart.
pub(super) struct BeforeStart {
    pub(super) clock: Clock,
    pub(super) state: Option<State>,
    pub(super) zones: Memories,
    pub(super) health: Option<Restored>,
    /// Orders of all nodes of a cluster.
    orders: Option<OrdersBefore>,
    /// The addresses of machines that are known by name.
    pub(super) names: NamesBefore,
    damages: usize,
}

/// The orders and challenges of a cluster that the disk had.
#[derive(Debug, Default)]
pub(super) struct ClusterBefore {
    pub(super) orders: OrdersBefore,
    pub(super) challenges: Challenges,
}

/// Gives what an engine knows to the thread that writes.
pub(super) struct Keeper {
    writer: Option<StateWriter>,
    clock: Clock,
    /// No earlier than then is anything written again.
    next: Moment,
    /// At the latest then it is asked what has changed.
    look_at: Moment,
    /// Of the last table when it was asked.
    generation: u64,
    kept: mpsc::UnboundedSender<(OrderId, Result<(), String>)>,
    waiting: BTreeMap<OrderId, OrderResult>,
}

impl BeforeStart {
    /// Opens the folder of state, says what of it is damaged, and starts the clock where it stopped.
    ///
    /// # Errors
    /// Another process writes there.
    pub(super) fn open(zoning: &Zoning) -> Result<Self, String> {
        let (first, wall) = (Clock::start(), Clock::start().wall_ms());
        let Some(folder) = zoning.state.as_deref() else {
            return Ok(Self {
                clock: first,
                state: None,
                zones: Memories::default(),
                health: None,
                orders: None,
                names: NamesBefore::read(zoning, wall / 1000),
                damages: 0,
            });
        };
        let opened = State::open(folder, wall / 1000).map_err(|error| error.to_string())?;
        opened.damages.iter().for_each(prepared::tell);
        measured_keeper::set_aside_damaged(folder, wall / 1000);
        let clock = match &opened.health {
            Some(health) => {
                tell_resumed(folder, health, wall);
                Clock::start_at(health.moment_at(wall))
            }
            None => first,
        };
        Ok(Self {
            clock,
            state: Some(opened.state),
            zones: opened.zones,
            health: opened.health,
            orders: Some(opened.orders),
            names: NamesBefore::read(zoning, wall / 1000),
            damages: opened.damages.len(),
        })
    }

    /// The orders and challenges that a cluster goes on with.
    pub(super) fn agreed(&mut self) -> ClusterBefore {
        ClusterBefore {
            orders: self.orders.take().unwrap_or_default(),
            challenges: self.zones.challenges.clone(),
        }
    }

    /// Has it counted and told how the disk takes what is kept.
    pub(super) fn watch(&self, metrics: &Arc<Metrics>) -> DiskEvents {
        if self.state.is_some() {
            metrics.state(StateCondition::Opened {
                damages: self.damages,
            });
        }
        let metrics = Arc::clone(metrics);
        let last = std::sync::Mutex::new(Ok(()));
        Box::new(move |outcome| {
            let mut last = last
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            metrics.state(match outcome {
                Ok(()) => StateCondition::Written,
                Err(_) => StateCondition::Unwritable,
            });
            match (&*last, &outcome) {
                (Ok(()), Err(why)) => error!(
                    event = "state_unwritable",
                    "{why}; answering goes on, but a restart would not know what is known now"
                ),
                (Err(_), Ok(())) => info!(event = "state_writable", "the state is kept again"),
                (Ok(()), Ok(())) | (Err(_), Err(_)) => {}
            }
            *last = outcome;
        })
    }
}

fn tell_resumed(folder: &Path, health: &Restored, wall_ms: u64) {
    let snapshot = &health.snapshot;
    info!(
        event = "resumed",
        away_ms = health.moment_at(wall_ms).since(snapshot.at).0,
        slots = snapshot.slots.len(),
        targets = snapshot.targets.len(),
        orders = snapshot.orders.as_ref().map_or(0, Vec::len),
        "going on with what is kept in {}",
        folder.display()
    );
}

impl Keeper {
    /// Keeps by this writer, if there is a folder.
    pub(super) fn new(writer: Option<StateWriter>, clock: Clock) -> (Self, KeptOrders) {
        let (kept, queue) = mpsc::unbounded_channel();
        let keeper = Self {
            writer,
            clock,
            next: clock.now(),
            look_at: clock.now(),
            generation: 0,
            kept,
            waiting: BTreeMap::new(),
        };
        (keeper, queue)
    }

    /// Keeps what has changed: at once if a new table came of it, and nothing was written within the last second.
    pub(super) fn look(&mut self, engine: &mut Engine) {
        let now = self.clock.now();
        let generation = engine.table().generation;
        let is_time = self.look_at <= now || self.generation != generation && self.next <= now;
        let Some(writer) = self.writer.as_ref().filter(|_| is_time) else {
            return;
        };
        (self.look_at, self.generation) = (now.after(KEEP_EVERY), generation);
        if let Some(keep) = engine.changes(now) {
            self.next = now.after(KEEP_EVERY);
            writer.keep_health(keep, self.clock.wall_ms(), None);
        }
    }

    /// Keeps all orders of a cluster's nodes, before what is handed over next.
    pub(super) fn keep_orders(&self, records: Vec<SignedOctets>) {
        if let Some(writer) = &self.writer {
            writer.keep_orders(records);
        }
    }

    /// Keeps what an order has changed. Gives its result if nothing has to be waited for.
    pub(super) fn hold(
        &mut self,
        engine: &mut Engine,
        id: OrderId,
        result: OrderResult,
    ) -> Option<(OrderResult, OrderKeeping)> {
        let writer = match &self.writer {
            Some(writer) if result.is_ok() => writer,
            Some(_) | None => return Some((result, OrderKeeping::Nowhere)),
        };
        let now = self.clock.now();
        let nothing = || {
            Keep::Part(crate::engine::Snapshot {
                at: now,
                ..Default::default()
            })
        };
        let keep = engine.changes(now).unwrap_or_else(nothing);
        self.waiting.insert(id, result);
        let kept = self.kept.clone();
        let acknowledge = Box::new(move |outcome| {
            // At the end of the server nobody wants it any more.
            let _ = kept.send((id, outcome));
        });
        writer.keep_health(keep, self.clock.wall_ms(), Some(acknowledge));
        None
    }

    /// An order is on the disk now, or is not; gives what its result was.
    pub(super) fn written(
        &mut self,
        id: OrderId,
        outcome: Result<(), String>,
    ) -> Option<(OrderResult, OrderKeeping)> {
        let keeping = match outcome {
            Ok(()) => OrderKeeping::OnDisk,
            Err(why) => OrderKeeping::Failed(why),
        };
        Some((self.waiting.remove(&id)?, keeping))
    }

    /// Has all that is known now written, and lets go of the folder, for a program that takes this one's place; false if the
    /// disk takes too long. Nothing is to be kept from then on.
    pub(super) async fn release(&mut self, engine: &mut Engine) -> bool {
        let Some(writer) = &self.writer else {
            return true;
        };
        if let Some(keep) = engine.changes(self.clock.now()) {
            writer.keep_health(keep, self.clock.wall_ms(), None);
        }
        let patience = Duration::from_millis(KEEP_AT_END.0);
        let released = tokio::time::timeout(patience, writer.release()).await;
        released.is_ok()
    }

    /// Takes the folder up again, as whoever had it meanwhile has left it.
    pub(super) fn resume(&self, folder: Option<PathBuf>) {
        if let (Some(writer), Some(folder)) = (&self.writer, folder) {
            writer.resume(folder, self.clock.wall_seconds());
        }
    }

    /// Has all that is known now written, within a bounded time, and the folder released for a successor.
    pub(super) async fn close(self, engine: &mut Engine) {
        let Some(writer) = self.writer else { return };
        if let Some(keep) = engine.changes(self.clock.now()) {
            writer.keep_health(keep, self.clock.wall_ms(), None);
        }
        let patience = Duration::from_millis(KEEP_AT_END.0);
        if tokio::time::timeout(patience, writer.close())
            .await
            .is_err()
        {
            error!(
                event = "state_unwritable",
                "the disk takes too long; the end does not wait for it"
            );
        }
    }
}
