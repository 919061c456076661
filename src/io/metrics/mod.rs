//! Metrics: all that Prometheus is told. Each name says what it means in its own line of help.
//!
//! | module | what it holds |
//! |---|---|
//! | [`queries`] | per-thread counters of answers, added up at the scrape |
//! | `answer_times` | how long answers took, by samples |
//! | [`asked`] | per-thread counts of who asks, where demand is observed |
//! | `carried` | traffic between nodes, and troubles with peers |
//! | `durations` | how long probes took, by monitor and region |
//! | `histogram` | times by size |
//! | `limits` | who is limited at the moment |
//! | `registry` | counters and histograms of things that happen, behind handles of the `metrics` crate |
//! | `state` | what the engine knows as gauges, written afresh at each scrape |
//! | `cluster` | what is known of other nodes |
//! | `endpoints`, `services` | of that, what is told of each endpoint and service |
//! | `state_folder` | whether the folder of state was damaged, and can be written |
//! | `process` | what the kernel says of this process |
//! | `text` | the two forms in which all of it is written |
//!
//! No label holds an address of a client, or anything else that a stranger's packet says: the
//! number of series follows from the config alone (promises 8 and 10). `docs/metrics.md` has them all, with the number of
//! series that each makes, and a test that counts them in a scrape.
//!
//! A scrape is taken in two steps. [`Metrics::gather`] copies what is counted, and holds a lock for no longer than that;
//! [`Gathered::write`] makes the text of it, which takes a thousand times as long, holds nothing, and belongs on a thread that
//! yields to those that answer.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Histogram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::answer_times::{AnswerTimes, AnswerTimesCopy};
use self::asked::Asked;
use self::durations::{Durations, DurationsCopy};
use self::endpoints::FailedProbes;
use self::limits::Limits;
use self::queries::{Ledger, LedgerCopy};
use self::registry::{Registry, RegistryCopy};
use self::state_folder::StateFolder;
use self::text::{Exposition, Kind};
use crate::answer::Transport;
use crate::base::limits::{SCRAPE_PATIENCE, SCRAPES};
use crate::base::{Moment, SlotId, Span};
use crate::engine::status::LimitedStatus;
use crate::engine::{Figures, Notice};
use crate::health::{ProbeResult, Report};
use crate::io::clock::Clock;
use crate::plan::Plan;
use crate::table::Table;

mod answer_times;
pub mod asked;
mod carried;
mod cluster;
mod discovery;
mod durations;
mod endpoints;
mod histogram;
mod limits;
mod names;
mod process;
pub mod queries;
mod registry;
mod services;
mod state;
mod state_folder;
mod text;

pub use carried::{CarriedWay, PeerTrouble};
pub use limits::LimitedNetwork;
pub use queries::QueryCounters;
pub use state_folder::StateCondition;
pub use text::{MetricsForm, Packing};

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    clock: Clock,
    started_at: u64,
    registry: Registry,
    ledger: Ledger,
    durations: Durations,
    limits: Limits,
    failures: Mutex<FailedProbes>,
    /// The digest of the plan whose endpoints are counted.
    counted_by: AtomicU64,
    scrapes: Arc<Semaphore>,
    loaded_at: AtomicU64,
    dropped: [Counter; Dropped::ALL.len()],
    lateness: Histogram,
    table_build: Histogram,
    tables: Counter,
    state_folder: Arc<StateFolder>,
    answer_times: AnswerTimes,
}

/// All that was counted up to one moment, to be written.
#[derive(Debug)]
pub struct Gathered {
    registry: RegistryCopy,
    ledger: LedgerCopy,
    durations: DurationsCopy,
    failures: FailedProbes,
    limited: usize,
    state_folder: Arc<StateFolder>,
    answer_times: AnswerTimesCopy,
    config_age: Span,
    started_at: u64,
}

/// What a probe is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeLabels<'a> {
    /// Region of the endpoint; empty for a canary.
    pub region: &'a str,
    /// Endpoint; absent for a canary.
    pub endpoint: Option<&'a str>,
    /// Monitor.
    pub monitor: &'a str,
}

/// Why something that came got no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The one access decision refused it.
    Access,
    /// A datagram longer than any query.
    Oversize,
    /// Nothing to reply to: too short, or itself a reply.
    Unanswerable,
    /// The kernel would not send the reply.
    Unsent,
    /// The answer panicked: a defect of the program.
    Panicked,
    /// Its network has had enough replies.
    RateLimited,
    /// A connection was closed to make room for a newer one.
    Crowded,
    /// A connection was closed because its peer was too slow.
    Slow,
    /// A connection whose peer would not have the handshake: another name, protocol or version.
    Handshake,
}

/// The outcome for something that a receiver of `[notify]` was to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notified {
    /// A message was taken.
    Delivered,
    /// A message was given up.
    Failed,
    /// A line did not go into a message: too many waited.
    LeftOut,
}

impl Notified {
    fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::LeftOut => "left_out",
        }
    }
}

/// The fate of a sample of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampled {
    /// It was written.
    Written,
    /// Too many waited, or nobody took it.
    Dropped,
}

impl Sampled {
    fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Dropped => "dropped",
        }
    }
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// The new plan is in force.
    Applied,
    /// Nothing had changed.
    Unchanged,
    /// The new config was refused; the old one stays.
    Refused,
}

impl Metrics {
    /// Starts from nothing; the age of the config counts from now.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let registry = Registry::default();
        let drops = Dropped::ALL
            .map(|cause| registry.counter("waypost_dropped_total", &[("cause", cause.word())]));
        for result in ReloadResult::ALL {
            registry
                .counter("waypost_reloads_total", &[("result", result.word())])
                .increment(0);
        }
        Self {
            clock,
            started_at: clock.wall_seconds(),
            ledger: Ledger::default(),
            durations: Durations::default(),
            limits: Limits::new(&registry),
            failures: Mutex::default(),
            counted_by: AtomicU64::new(0),
            scrapes: Arc::new(Semaphore::new(SCRAPES)),
            loaded_at: AtomicU64::new(clock.now().0),
            dropped: drops,
            lateness: registry.histogram("waypost_probe_lateness_seconds", &[]),
            table_build: registry.histogram("waypost_table_build_seconds", &[]),
            tables: registry.counter("waypost_tables_published_total", &[]),
            state_folder: Arc::default(),
            answer_times: AnswerTimes::default(),
            registry,
        }
    }

    /// Says what has become of the folder of state.
    pub fn state(&self, condition: StateCondition) {
        self.state_folder.set(condition);
    }

    /// Counters for one thread that answers from tables of this plan.
    #[must_use]
    pub fn query_counters(&self, plan: &Plan, transport: Transport) -> QueryCounters {
        self.ledger.open(plan, transport)
    }

    /// How often the clients of each class have asked since this plan is in force, for services
    /// whose demand is observed.
    #[must_use]
    pub fn asked(&self, plan: &Plan) -> Asked {
        self.ledger.asked(plan)
    }

    /// Steered answers by region, since the process started; those without one under the empty name.
    #[must_use]
    pub fn answers_by_region(&self) -> BTreeMap<String, u64> {
        self.ledger.copy().by_region()
    }

    /// All answers since the process started, and those of them that were SERVFAIL.
    #[must_use]
    pub fn servfails(&self) -> (u64, u64) {
        self.ledger.copy().servfails()
    }

    /// Counts something that got no reply.
    pub fn dropped(&self, cause: Dropped) {
        self.dropped[cause as usize].increment(1);
    }

    /// Says which networks are limited.
    pub fn limited(&self, networks: Vec<LimitedNetwork>) {
        self.limits.set(networks);
    }

    /// The networks that are limited, for status.
    #[must_use]
    pub fn limited_status(&self, now: Moment) -> Vec<LimitedStatus> {
        self.limits.status(now)
    }

    /// Counts replies that no limit applied to.
    pub fn exempt(&self, replies: u64) {
        self.limits.spare(replies);
    }

    /// Says how many connections of a stream transport are open.
    pub fn connections(&self, transport: Transport, open: usize) {
        self.registry
            .connections(transport.word())
            .set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
    }

    /// Takes in what one probe saw.
    pub fn observe_probe(&self, labels: ProbeLabels<'_>, report: &Report) {
        self.durations.observe(labels, report.timing);
        let ProbeResult::Fail(cause) = report.outcome else {
            return;
        };
        let by = [
            ("region", labels.region),
            ("monitor", labels.monitor),
            ("cause", cause.word()),
        ];
        self.registry
            .counter("waypost_probe_failures_total", &by)
            .increment(1);
        if let Some(endpoint) = labels.endpoint {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            match failures.get_mut(endpoint) {
                Some(count) => *count += 1,
                None => drop(failures.insert(endpoint.to_owned(), 1)),
            }
        }
    }

    /// Takes in how long after its time one probe began.
    pub fn probe_late(&self, late: Span) {
        self.lateness.record(Duration::from_millis(late.0));
    }

    /// Takes in one transition.
    pub fn notice(&self, notice: &Notice) {
        let event = match notice {
            Notice::Standing { .. } => return self.count_transition(notice),
            Notice::FailOpen { .. } => "fail_open",
            Notice::AllDown { .. } => "all_down",
            Notice::Doubt { .. } => "doubt",
            Notice::Capped { .. } => "capped",
            Notice::Overload { .. } => "overload",
            Notice::Ordered { .. } => "ordered",
            Notice::OrderDue { .. } => "order_due",
            Notice::Reloaded { .. } => "reloaded",
            Notice::Rejected { .. } => "rejected",
            Notice::Unwatched { .. } => "unwatched",
            Notice::Address { .. } => "address",
        };
        self.registry
            .counter("waypost_notices_total", &[("event", event)])
            .increment(1);
    }

    /// Counts things that a receiver of `[notify]` was to be told.
    pub fn notified(&self, receiver: &str, outcome: Notified, count: u64) {
        let labels = [("receiver", receiver), ("result", outcome.word())];
        self.registry
            .counter("waypost_notifications_total", &labels)
            .increment(count);
    }

    /// The count of one outcome for a receiver of `[notify]`.
    #[cfg(test)]
    pub(crate) fn notifications(&self, receiver: &str, outcome: Notified) -> u64 {
        let labels = [("receiver", receiver), ("result", outcome.word())];
        self.registry.count("waypost_notifications_total", &labels)
    }

    /// Counts samples of answers.
    pub fn sampled(&self, outcome: Sampled, count: u64) {
        let labels = [("result", outcome.word())];
        self.registry
            .counter("waypost_dnstap_samples_total", &labels)
            .increment(count);
    }

    /// Samples of answers that were written, and those that were dropped.
    #[must_use]
    pub fn samples(&self) -> (u64, u64) {
        let of = |outcome: Sampled| {
            let labels = [("result", outcome.word())];
            self.registry.count("waypost_dnstap_samples_total", &labels)
        };
        (of(Sampled::Written), of(Sampled::Dropped))
    }

    /// Takes in one batch of answers over UDP that was timed, and how many they were.
    pub fn timed_answers(&self, took: Duration, answers: usize) {
        self.answer_times.add(took, answers);
    }

    /// Wall time, in seconds since 1970.
    #[must_use]
    pub fn wall_seconds(&self) -> u64 {
        self.clock.wall_seconds()
    }

    /// Takes in that a table was published, and how long it took to build.
    pub fn published(&self, table: &Table, build: Duration) {
        self.tables.increment(1);
        self.table_build.record(build);
        let digest = table.plan.digest;
        if self.counted_by.swap(digest, Ordering::Relaxed) != digest {
            self.forget_gone(&table.plan);
        }
    }

    /// Forgets what was counted of endpoints that a plan does not have.
    fn forget_gone(&self, plan: &Plan) {
        let names: BTreeSet<&str> = plan.endpoints.iter().map(|one| &*one.name).collect();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|name, _| names.contains(&**name));
    }

    /// Takes in how a change of what is declared ended.
    pub fn declared(&self, is_done: bool) {
        let result = if is_done { "done" } else { "refused" };
        self.registry
            .counter("waypost_declared_changes_total", &[("result", result)])
            .increment(1);
    }

    /// Takes in how a reload ended.
    pub fn reload(&self, result: ReloadResult) {
        self.registry
            .counter("waypost_reloads_total", &[("result", result.word())])
            .increment(1);
        if result != ReloadResult::Refused {
            self.loaded_at.store(self.clock.now().0, Ordering::Relaxed);
        }
    }

    /// Lets a scrape begin, once fewer than [`SCRAPES`] are under way; none if that takes too long. Until the permit is
    /// dropped, it is under way.
    pub async fn admit_scrape(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.scrapes).acquire_owned();
        let patience = Duration::from_millis(SCRAPE_PATIENCE.0);
        timeout(patience, permit).await.ok()?.ok()
    }

    /// Copies what is counted.
    #[must_use]
    pub fn gather(&self) -> Gathered {
        let loaded_at = Moment(self.loaded_at.load(Ordering::Relaxed));
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = FailedProbes::clone(&failures);
        Gathered {
            registry: self.registry.copy(),
            ledger: self.ledger.copy(),
            durations: self.durations.copy(),
            failures,
            limited: self.limits.count(),
            state_folder: Arc::clone(&self.state_folder),
            answer_times: self.answer_times.copy(),
            config_age: self.clock.now().since(loaded_at),
            started_at: self.started_at,
        }
    }

    /// Everything in the text format of Prometheus, as [`Gathered::write`] has it.
    #[must_use]
    pub fn render(&self, figures: Option<&Figures>) -> String {
        let octets = self
            .gather()
            .write(MetricsForm::Text, Packing::Plain, figures);
        String::from_utf8(octets).expect("names are UTF-8, and what is not packed is text")
    }

    fn count_transition(&self, notice: &Notice) {
        if let Notice::Standing { region, to, .. } = notice {
            let labels = [("region", region.as_str()), ("state", to.word())];
            self.registry
                .counter("waypost_endpoint_transitions_total", &labels)
                .increment(1);
        }
    }
}

impl Gathered {
    /// Writes everything. Without figures (the engine does not answer)
    /// what the engine knows is left out, and `waypost_engine_responding` is 0.
    #[must_use]
    pub fn write(self, form: MetricsForm, packing: Packing, figures: Option<&Figures>) -> Vec<u8> {
        let mut text = Exposition::new(form, packing);
        self.registry.write(&mut text);
        self.durations.write(&mut text);
        self.answer_times.write(&mut text);
        limits::write(&mut text, self.limited);
        self.state_folder.write(&mut text);
        self.write_self(&mut text, figures);
        self.ledger.write(&mut text);
        if let Some(figures) = figures {
            state::write(&mut text, figures);
            names::write(&mut text, figures);
            discovery::write(&mut text, figures);
            endpoints::write(&mut text, figures, &self.failures);
            services::write(&mut text, figures);
            cluster::write(&mut text, figures.cluster.as_ref());
        }
        process::write(&mut text, self.started_at);
        text.finish()
    }

    fn write_self(&self, text: &mut Exposition, figures: Option<&Figures>) {
        text.family(
            "waypost_build_info",
            Kind::Info,
            "The version of the program.",
        )
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.family(
            "waypost_config_age_seconds",
            Kind::Gauge,
            "Time since the config was last read and found good.",
        )
        .sample(&[], text::seconds(self.config_age.0));
        text.family(
            "waypost_engine_responding",
            Kind::Gauge,
            "Whether the engine answered this scrape (1) or not (0).",
        )
        .sample(&[], u8::from(figures.is_some()));
    }
}

impl<'a> ProbeLabels<'a> {
    /// The labels of a slot of a plan.
    #[must_use]
    pub fn of(plan: &'a Plan, slot: SlotId) -> Self {
        let slot = &plan.slots[slot.index()];
        let endpoint = slot.endpoint.map(|id| &plan.endpoints[id.index()]);
        let region = endpoint.map(|endpoint| &plan.regions[endpoint.region.index()]);
        Self {
            region: region.map_or("", |region| &region.name),
            endpoint: endpoint.map(|endpoint| &*endpoint.name),
            monitor: &plan.monitors[slot.monitor.index()].name,
        }
    }
}

impl Dropped {
    const ALL: [Self; 9] = [
        Self::Access,
        Self::Oversize,
        Self::Unanswerable,
        Self::Unsent,
        Self::Panicked,
        Self::RateLimited,
        Self::Crowded,
        Self::Slow,
        Self::Handshake,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Oversize => "oversize",
            Self::Unanswerable => "unanswerable",
            Self::Unsent => "unsent",
            Self::Panicked => "panicked",
            Self::RateLimited => "rate_limited",
            Self::Crowded => "crowded",
            Self::Slow => "slow",
            Self::Handshake => "handshake",
        }
    }
}

impl ReloadResult {
    const ALL: [Self; 3] = [Self::Applied, Self::Unchanged, Self::Refused];

    fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}
