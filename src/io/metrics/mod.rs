//! Metrics: all that Prometheus is told. Each name says what it means in its own line of help.
//!
//! | module | what it holds |
//! |---|---|
//! | [`queries`] | per-thread counters of answers, added up at the scrape |
//! | [`asked`] | per-thread counts of who asks, where demand is observed |
//! | `durations` | how long probes took, by what was probed |
//! | `limits` | who is limited at the moment |
//! | `registry` | counters and histograms of things that happen, by the `metrics` recorder |
//! | `state` | the engine's status as gauges, written afresh at each scrape |
//! | `state_folder` | whether the folder of state was damaged, and can be written |
//! | `process` | what the kernel says of this process |
//! | `text` | the text format |
//!
//! No label holds an address of a client, or anything else that a stranger's packet says: the
//! number of series follows from the config alone (promises 8 and 10).
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Histogram};

use self::asked::Asked;
use self::durations::Durations;
use self::limits::Limits;
use self::queries::Ledger;
use self::registry::Registry;
use self::state_folder::StateFolder;
use self::text::{Exposition, Kind};
use crate::answer::Transport;
use crate::base::{Family, Moment, SlotId, Span};
use crate::engine::status::LimitedStatus;
use crate::engine::{Notice, Status};
use crate::health::{ProbeResult, Report};
use crate::io::clock::Clock;
use crate::plan::Plan;
use crate::table::Table;

pub mod asked;
mod durations;
mod limits;
mod process;
pub mod queries;
mod registry;
mod state;
mod state_folder;
mod text;

pub use limits::LimitedNetwork;
pub use queries::QueryCounters;
pub use state_folder::StateCondition;

/// Probes after which samples are moved into buckets even if nobody scrapes.
const SETTLE_EVERY: u64 = 4096;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    clock: Clock,
    started_at: u64,
    registry: Registry,
    ledger: Ledger,
    durations: Durations,
    limits: Limits,
    observed: AtomicU64,
    loaded_at: AtomicU64,
    dropped: [Counter; Dropped::ALL.len()],
    lateness: Histogram,
    table_build: Histogram,
    tables: Counter,
    state_folder: StateFolder,
}

/// What a probe is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeLabels<'a> {
    /// Region of the endpoint.
    pub region: &'a str,
    /// Provider of the endpoint.
    pub provider: &'a str,
    /// Endpoint.
    pub endpoint: &'a str,
    /// Monitor.
    pub monitor: &'a str,
    /// `v4` or `v6`.
    pub family: &'a str,
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
        let registry = Registry::new();
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
            observed: AtomicU64::new(0),
            loaded_at: AtomicU64::new(clock.now().0),
            dropped: drops,
            lateness: registry.histogram("waypost_probe_lateness_seconds", &[]),
            table_build: registry.histogram("waypost_table_build_seconds", &[]),
            tables: registry.counter("waypost_tables_published_total", &[]),
            state_folder: StateFolder::default(),
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
        if let ProbeResult::Fail(cause) = report.outcome {
            let [region, provider, endpoint, monitor, family] = labels.pairs();
            let labels = [
                region,
                provider,
                endpoint,
                monitor,
                family,
                ("cause", cause.word()),
            ];
            self.registry
                .counter("waypost_probe_failures_total", &labels)
                .increment(1);
        }
        let observed = self.observed.fetch_add(1, Ordering::Relaxed);
        if observed % SETTLE_EVERY == SETTLE_EVERY - 1 {
            self.registry.settle();
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

    /// Takes in that a table was published, and how long it took to build.
    pub fn published(&self, _table: &Table, build: Duration) {
        self.tables.increment(1);
        self.table_build.record(build);
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

    /// Everything in the Prometheus text format. Without a status (the engine does not answer)
    /// what the engine knows is left out, and `waypost_engine_responding` is 0.
    #[must_use]
    pub fn render(&self, status: Option<&Status>) -> String {
        let mut text = Exposition::after(self.registry.render());
        self.ledger.write(&mut text);
        self.durations.write(&mut text);
        self.limits.write(&mut text);
        self.state_folder.write(&mut text);
        self.write_self(&mut text, status);
        if let Some(status) = status {
            state::write(&mut text, status);
        }
        process::write(&mut text, self.started_at);
        text.finish()
    }

    fn write_self(&self, text: &mut Exposition, status: Option<&Status>) {
        let loaded_at = Moment(self.loaded_at.load(Ordering::Relaxed));
        let age = self.clock.now().since(loaded_at);
        text.family(
            "waypost_build_info",
            Kind::Gauge,
            "The version of the program.",
        )
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.family(
            "waypost_config_age_seconds",
            Kind::Gauge,
            "Time since the config was last read and found good.",
        )
        .sample(&[], state::seconds(age.0));
        text.family(
            "waypost_engine_responding",
            Kind::Gauge,
            "Whether the engine answered this scrape (1) or not (0).",
        )
        .sample(&[], u8::from(status.is_some()));
    }

    fn count_transition(&self, notice: &Notice) {
        if let Notice::Standing {
            endpoint,
            region,
            provider,
            family,
            to,
            ..
        } = notice
        {
            let labels = [
                ("region", region.as_str()),
                ("provider", provider.as_str()),
                ("endpoint", endpoint.as_str()),
                ("family", *family),
                ("state", to.word()),
            ];
            self.registry
                .counter("waypost_endpoint_transitions_total", &labels)
                .increment(1);
        }
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
            provider: endpoint.map_or("", |endpoint| &endpoint.provider),
            endpoint: endpoint.map_or("canary", |endpoint| &endpoint.name),
            monitor: &plan.monitors[slot.monitor.index()].name,
            family: match Family::of(slot.address.ip()) {
                Family::V4 => "v4",
                Family::V6 => "v6",
            },
        }
    }

    fn pairs(self) -> [(&'static str, &'a str); 5] {
        [
            ("region", self.region),
            ("provider", self.provider),
            ("endpoint", self.endpoint),
            ("monitor", self.monitor),
            ("family", self.family),
        ]
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
