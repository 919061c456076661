//! Commands to whoever owns the engine, and what requests are answered from.
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::compared::{ComparedConfig, ComparedPart, ObjectsDone, ProvedConfig};
use super::failures::Failures;
use super::heartbeat::Heartbeat;
use super::live::hub::Live;
use super::maps::Maps;
use super::orders::Ordered;
use super::secret_view::SecretsView;
use crate::base::Span;
use crate::config::declared::{DeclaredObjects, ObjectOrder, ObjectPart, ObjectRefusal};
use crate::engine::status::{DnstapStatus, ObservationStatus};
use crate::engine::{Figures, Forecast, OrderBook, OrderRequest, Status};
use crate::health::Report;
use crate::io::audit::AuditTrail;
use crate::io::clock::Clock;
use crate::io::history::History;
use crate::io::metrics::Metrics;
use crate::io::publish::Published;
use crate::plan::Control;
use crate::share::{ClusterView, SecretOrder};
use crate::zones::declared::order::{DeclaredAsk, DeclaredRefusal, DeclaredReply};
use crate::zones::{ChallengeOrder, ChallengeRefusal, ChallengesDone};

/// A question or an order to whoever owns the engine.
#[derive(Debug)]
pub enum Command {
    /// Everything an operator may want to see.
    Status(oneshot::Sender<Status>),
    /// The same as numbers, for metrics.
    Figures(oneshot::Sender<Figures>),
    /// Read the config again and put it in force.
    Reload {
        /// Tells whether a large shrinkage is meant.
        force: Force,
        /// The result, or why there is none; for a person.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Take the list of a discovery that is held back.
    Accept {
        /// The discovery's name.
        discovery: String,
        /// The result, or why there is none; for a person.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Start the program anew in this one's place.
    Upgrade {
        /// Time that the new one may take until it answers.
        patience: Span,
        /// The result, or why there is none; for a person.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Compare a config with the one in force; nothing is changed.
    Compare {
        /// Its text.
        text: String,
        /// The part of it that is each node's own.
        part: ComparedPart,
        /// The comparison, or every error; for a person.
        reply: oneshot::Sender<Result<ComparedConfig, String>>,
    },
    /// Prove the plan in force, or say why that is not done now; for a person.
    Verify(oneshot::Sender<Result<ProvedConfig, String>>),
    /// Carry out an operator's order.
    Order {
        /// The order: for what, when, by whom and why.
        request: OrderRequest,
        /// The result, with its endpoints, or why there is none.
        reply: oneshot::Sender<Result<Ordered, OrderRefusal>>,
    },
    /// Say what an order would do, or why it would be refused.
    Forecast {
        /// The order.
        request: OrderRequest,
        /// The consequences.
        reply: oneshot::Sender<Result<Forecast, OrderRefusal>>,
    },
    /// All orders in force and to come, and those that have ended.
    Orders(oneshot::Sender<OrderBook>),
    /// Take a report that nobody asked for.
    Push {
        /// The report.
        push: PushReport,
        /// The number of slots that it is of, or why it is of none; for a person.
        reply: oneshot::Sender<Result<usize, String>>,
    },
    /// Say what is declared in a zone, or change it.
    Declared {
        /// The question, or the batch.
        ask: DeclaredAsk,
        /// The result, or why there is none.
        reply: oneshot::Sender<Result<DeclaredReply, DeclaredRefusal>>,
    },
    /// All declared services, monitors, regions and endpoints in force.
    Objects(oneshot::Sender<Arc<DeclaredObjects>>),
    /// Change them.
    Declare {
        /// The batch.
        order: Box<ObjectOrder>,
        /// The result, or why there is none.
        reply: oneshot::Sender<Result<ObjectsDone, ObjectRefusal>>,
    },
    /// Take what another node of the cluster has changed of them.
    Agree {
        /// The change.
        part: Box<ObjectPart>,
        /// The result, or why there is none.
        reply: oneshot::Sender<Result<ObjectsDone, ObjectRefusal>>,
    },
    /// Everything known of the other nodes; nothing, if there are none.
    Cluster(oneshot::Sender<Option<ClusterView>>),
    /// Listen to a node no more.
    Revoke {
        /// The order.
        revocation: Revocation,
        /// The result, or why there is none; for a person.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Tell of secrets that all nodes have in common, or change them.
    Secrets(SecretAsk, SecretReply),
    /// Bring a release of the shared config, halt it, or let it go on.
    Release {
        /// The wish.
        ask: ReleaseAsk,
        /// The result, or why there is none; for a person.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Set, remove or list challenges.
    Challenge {
        /// The order.
        order: ChallengeOrder,
        /// The result, or why there is none.
        reply: oneshot::Sender<Result<ChallengesDone, ChallengeRefusal>>,
    },
}

/// A report of a machine or a job about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReport {
    /// The monitor's name.
    pub monitor: String,
    /// The endpoint's.
    pub endpoint: String,
    /// The one address that it is about; absent = all of the endpoint's.
    pub address: Option<IpAddr>,
    /// The report itself.
    pub report: Report,
}

/// An order to listen to a node no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocation {
    /// Its name.
    pub node: String,
    /// The author.
    pub author: String,
    /// The reason.
    pub reason: String,
}

/// A wish about secrets that all nodes have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretAsk {
    /// Tell of all.
    List,
    /// Change some, each at once.
    Order(Vec<SecretOrder>),
}

/// The one who hears what became of it, or why nothing did; for a person.
pub type SecretReply = oneshot::Sender<Result<SecretsView, String>>;

/// A wish about releases of the shared config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseAsk {
    /// Take this one, signed, and give it to the others.
    Push(String),
    /// Halt the newest one, or let it go on.
    Halt {
        /// Tells which.
        halts: bool,
        /// The author.
        by: String,
        /// The reason.
        reason: String,
    },
}

/// A wish about machines of a demo.
#[derive(Debug)]
pub struct MachineOrder {
    /// A region's, a provider's, or one endpoint's.
    pub scope: String,
    /// The wish.
    pub fate: MachineFate,
    /// The result, or why there is none; for a person.
    pub reply: oneshot::Sender<Result<String, String>>,
}

/// The fate of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineFate {
    /// It dies.
    Die,
    /// It comes back.
    Return,
}

/// Why an order was not taken; for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRefusal {
    /// Nothing has the name.
    Unknown(String),
    /// The name is known, and there is nothing to do for it.
    Needless(String),
    /// Clients would lose by it, and that is not said to be meant.
    Damaging(String),
    /// It cannot be held as it is.
    Bad(String),
}

/// The word that a change which drops much of what there was is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It is not: refuse it.
    No,
    /// It is.
    Yes,
}

/// The things that requests are answered from.
#[derive(Clone, Debug)]
pub struct State {
    /// Set once there is a first table; until then the server is not ready.
    pub published: Arc<OnceLock<Arc<Published>>>,
    /// The rules of access until there is a first table.
    pub first: Control,
    /// The time.
    pub clock: Clock,
    /// Counters and gauges.
    pub metrics: Arc<Metrics>,
    /// The sign that whoever owns the engine still turns.
    pub heartbeat: Arc<Heartbeat>,
    /// The way to whoever owns the engine.
    pub commands: mpsc::Sender<Command>,
    /// The way to the audit log.
    pub audit: AuditTrail,
    /// Refusals of the last while.
    pub failures: Failures,
    /// The timeline; nothing is remembered until one is given.
    pub history: History,
    /// Whoever looks at the page.
    pub(super) live: Arc<Live>,
    /// Maps that were drawn.
    pub(super) maps: Arc<Maps>,
    /// The things around the server that it tells of.
    pub surroundings: ControlSurroundings,
}

/// Things around a server that are there before it is.
#[derive(Clone, Debug, Default)]
pub struct ControlSurroundings {
    /// The log.
    pub log: LogReport,
    /// The way to the machines of a demo; absent where the machines are somebody's own.
    pub machines: Option<mpsc::Sender<MachineOrder>>,
}

/// The form of log lines, and how many were lost.
#[derive(Clone, Debug, Default)]
pub struct LogReport {
    /// The word of the form; empty where nobody writes any.
    pub form: &'static str,
    /// Lines that were lost since the start.
    pub lost: Arc<AtomicU64>,
}

impl State {
    /// State of a server that is about to start.
    #[must_use]
    pub fn new(
        first: Control,
        clock: Clock,
        (commands, audit): (mpsc::Sender<Command>, AuditTrail),
    ) -> Self {
        Self {
            published: Arc::default(),
            first,
            clock,
            metrics: Arc::new(Metrics::new(clock)),
            heartbeat: Arc::default(),
            commands,
            audit,
            failures: Failures::default(),
            history: History::default(),
            live: Arc::new(Live::new(clock)),
            maps: Arc::default(),
            surroundings: ControlSurroundings::default(),
        }
    }

    /// Asks whoever owns the engine; `None` if nobody answers in time.
    pub(super) async fn look<T>(
        &self,
        patience: Duration,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send(command(reply)).await.ok()?;
            answer.await.ok()
        };
        timeout(patience, asked).await.ok()?
    }

    /// Orders something of whoever owns the engine, and does not queue where there is no room; `None` if nobody answers in time.
    pub(super) async fn order<T>(
        &self,
        patience: Duration,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(command(reply)).ok()?;
        timeout(patience, answer).await.ok()?.ok()
    }

    /// The log and samples, for status.
    pub(super) fn observation(&self) -> ObservationStatus {
        // Both are decided when the server starts.
        let dnstap = self.first.observation.dnstap.as_ref();
        ObservationStatus {
            log_format: self.surroundings.log.form.to_owned(),
            lost_lines: self.surroundings.log.lost.load(Ordering::Relaxed),
            dnstap: dnstap.map(|own| {
                let (written, dropped) = self.metrics.samples();
                DnstapStatus {
                    place: own.place.path().display().to_string(),
                    one_in: own.one_in,
                    written,
                    dropped,
                }
            }),
        }
    }

    /// The rules of access by the config in force.
    pub(super) fn control(&self) -> Control {
        let table = self.published.get().map(|published| published.load());
        table.map_or_else(|| self.first.clone(), |table| table.plan.control.clone())
    }
}
