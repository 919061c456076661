//! Everything an operator may want to see, as `/api/v1/status` gives it.
//!
//! Ages and times to come are milliseconds, shares are permille: units stand in the names. Moments are seconds since 1970, and
//! shown as text.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::{Utc, shown};
use crate::discovery::DiscoveryReport;
use crate::names::NameReport;
use crate::share::ClusterSummary;

pub use crate::zones::status::{KeyStatus, SigningStatus, ZoneStatus};

/// The state of a running server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Digest of the plan, as hexadecimal.
    pub plan: String,
    /// Digest of what is decided for clients, as hexadecimal: nodes that serve the same have the same, whatever they listen
    /// on, whoever controls them and wherever their files are.
    #[serde(default)]
    pub policy: String,
    /// Generation of the published table.
    pub generation: u64,
    /// Age of the published table.
    pub table_age_ms: u64,
    /// Time since start.
    pub uptime_ms: u64,
    /// Tells whether the node doubts itself.
    pub doubting: bool,
    /// Why it does: `most_fail`, `canaries_fail`; empty if it does not.
    #[serde(default)]
    pub doubt: String,
    /// Tells that the bound on automatic ejections holds something back.
    pub capped: bool,
    /// Endpoints that nobody has looked at for longer than a monitor's interval allows, sorted.
    #[serde(default)]
    pub unwatched: Vec<String>,
    /// The config that was refused last; absent when the last one was taken.
    pub refused: Option<RefusedConfig>,
    /// Networks that get no more replies for now; known to the transports, not to the engine.
    #[serde(default)]
    pub limited: Vec<LimitedStatus>,
    /// The log and samples of answers; known to whoever writes them, not to the engine.
    #[serde(default)]
    pub observation: ObservationStatus,
    /// Geo database.
    pub geo: GeoStatus,
    /// What the server proves itself by on encrypted transports, if there are any.
    #[serde(default)]
    pub certificate: Option<CertificateStatus>,
    /// Canaries: whether this node can see.
    #[serde(default)]
    pub canaries: Vec<SlotStatus>,
    /// Windows of maintenance that are open or to come; known to whoever has a calendar, not to the engine.
    #[serde(default)]
    pub maintenance: Vec<MaintenanceStatus>,
    /// Machines that are known by name.
    #[serde(default)]
    pub names: Vec<NameReport>,
    /// Sources of endpoints.
    #[serde(default)]
    pub discoveries: Vec<DiscoveryReport>,
    /// The cluster, if the node is of one; known to whoever speaks to the others, not to the engine.
    #[serde(default)]
    pub cluster: Option<ClusterSummary>,
    /// Zones.
    pub zones: Vec<ZoneStatus>,
    /// Regions with their endpoints, in the order of the config.
    pub regions: Vec<RegionStatus>,
    /// Services, in the order of the config.
    pub services: Vec<ServiceStatus>,
}

/// Log lines and samples of answers, as the server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObservationStatus {
    /// The form of log lines: `text`, `json`, `ecs` or `otlp`; empty where nobody writes any.
    pub log_format: String,
    /// Lines that were lost since the start, because nobody took them.
    pub lost_lines: u64,
    /// Samples of answers; absent where none are taken.
    pub dnstap: Option<DnstapStatus>,
}

/// Samples of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DnstapStatus {
    /// The socket or file that they go to.
    pub place: String,
    /// One of so many answers is taken.
    pub one_in: u32,
    /// Samples that were written.
    pub written: u64,
    /// Samples that nobody took in time.
    pub dropped: u64,
}

/// A config that was read again and refused: the one before it is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedConfig {
    /// How long ago.
    pub age_ms: u64,
    /// Why, for a person: the first lines of what the log says.
    pub reason: String,
}

/// A window of maintenance, at its next time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceStatus {
    /// Its name.
    pub name: String,
    /// The region, provider or endpoint that is taken out.
    pub scope: String,
    /// The reason; empty if nobody said.
    pub reason: String,
    /// Tells whether it is open, or clients are being led away for it.
    pub due: bool,
    /// The time at which clients begin to be led away.
    pub drain_at: Utc,
    /// The time at which it opens.
    pub start_at: Utc,
    /// The time at which it closes.
    pub end_at: Utc,
}

/// A network that gets no more replies of a class for now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitedStatus {
    /// Its prefix, as limits tell networks apart.
    pub network: String,
    /// Which replies: `answer`, `denial`, `referral` or `error`.
    pub class: String,
    /// For how long.
    pub age_ms: u64,
}

/// The geo database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GeoStatus {
    /// `embedded`, or the path.
    pub source: String,
    /// When it was built, in seconds since 1970.
    #[serde(with = "shown::utc")]
    #[schema(value_type = Utc)]
    pub built_at: u64,
    /// The number of networks that it tells apart.
    pub networks: usize,
}

/// The server's own certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateStatus {
    /// For whom it is: names and addresses.
    pub names: Vec<String>,
    /// When it expires, in seconds since 1970.
    #[serde(rename = "expires_at", with = "shown::utc")]
    #[schema(value_type = Utc)]
    pub expires: u64,
}

/// One region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionStatus {
    /// Name.
    pub name: String,
    /// Jurisdiction, if it has one.
    pub jurisdiction: Option<String>,
    /// What it can carry, in the operator's unit: its own bound, or what all its endpoints can carry
    /// together; absent where there is no bound.
    #[serde(default)]
    pub capacity: Option<u64>,
    /// What they carry by the demand that is planned with, in thousandths of the unit; absent where
    /// no capacity is planned.
    #[serde(default)]
    pub load_thousandths: Option<u64>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointStatus>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    /// Name.
    pub name: String,
    /// Provider.
    pub provider: String,
    /// Tier, 1 = primary.
    pub tier: u16,
    /// Weight within its tier; the most, where it follows a value.
    pub weight: u16,
    /// The weight that it has now, in thousandths, where it follows a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_now_thousandths: Option<u64>,
    /// Tells whether the config has it serve nobody (`enabled = false`).
    #[serde(default)]
    pub disabled: bool,
    /// The discovery that it came by; absent where the config states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<String>,
    /// What it can carry, in the operator's unit; absent where no bound is stated.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Capacity now, in thousandths, where it follows a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_now_thousandths: Option<u64>,
    /// What it carries, as for regions.
    #[serde(default)]
    pub load_thousandths: Option<u64>,
    /// The name that it is known by, in place of addresses.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Addresses.
    pub addresses: Vec<String>,
    /// The first of the orders by which it is drained, if it is.
    #[serde(default)]
    pub drain: Option<DrainStatus>,
    /// All orders in force for it, in the order in which they were given.
    #[serde(default)]
    pub orders: Vec<OrderStatus>,
    /// What health knows of it: one entry per family, monitors and recovery.
    pub targets: Vec<TargetStatus>,
}

/// A drain in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrainStatus {
    /// How long ago it was ordered.
    pub since_ms: u64,
    /// By whom; empty if nobody said.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
}

/// An order in force for an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderStatus {
    /// `drain` or `force`.
    pub action: String,
    /// The value of an override: `up`, `down` or a share in percent.
    pub value: Option<String>,
    /// The region, provider or endpoint that was named.
    pub scope: String,
    /// Time for which it has been in force.
    pub since_ms: u64,
    /// Time until it ends by itself; absent if it does not.
    pub ends_in_ms: Option<u64>,
    /// By whom; empty if nobody said.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
}

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetStatus {
    /// `v4` or `v6`.
    pub family: String,
    /// Monitors that judge it; none if nothing watches it.
    pub monitors: Vec<String>,
    /// The combination of its monitors, such as `2 of (web, ping, tls)`; absent = all must be up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combination: Option<String>,
    /// The monitors joined by `+`; with hosts and recovery where the endpoint has another target
    /// of the same monitors. Tells the targets of one endpoint and family apart.
    pub watch: String,
    /// Services that use it.
    pub services: Vec<String>,
    /// `unmonitored`, `unproven`, `healthy`, `held`, `gated`, `unapproved`, `refused`, `ramping`, `down`,
    /// `doubted`, `capped`, `outvoted`, `draining`, `drained`, `returning`, `forced`, `weighted`; `unwatched` instead of `unproven` or `healthy` where nobody looks.
    pub state: String,
    /// For a person: the cause, or the step of the ramp.
    pub detail: String,
    /// Share now.
    pub share_permille: u16,
    /// Time until the share changes by itself.
    pub next_step_ms: Option<u64>,
    /// How long it has been in this state.
    pub since_ms: u64,
    /// Tells whether nobody has looked at one of its addresses for longer than a monitor's interval allows.
    #[serde(default)]
    pub unwatched: bool,
    /// Addresses that are down and left out, while others of it are answered.
    #[serde(default)]
    pub without: Vec<String>,
    /// Tells whether it is back, and an operator's approval would let it go on.
    #[serde(default)]
    pub wants_approval: bool,
    /// The votes on it, in words: `3 of 5 vantages see it down: …`; absent if nobody sees it down, or this node stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub votes: Option<String>,
    /// The word of each vantage of the cluster on it; none, where this node stands alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vantages: Vec<VantageStatus>,
    /// The target as it is for clients of single regions, where that is not what it is for the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<RegionalStatus>,
    /// Its probes.
    pub slots: Vec<SlotStatus>,
}

/// A target as it is for the clients of one region, by the ruling of that region's own vantages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionalStatus {
    /// The region: that which its clients prefer first.
    pub region: String,
    /// [`TargetStatus::state`] there.
    pub state: String,
    /// Its share there.
    pub share_permille: u16,
    /// For a person: `down for clients of na-toronto: 2 of 2 vantages there see it down; up for the rest`.
    pub detail: String,
}

/// The word of one vantage of the cluster on a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VantageStatus {
    /// The vantage.
    pub node: String,
    /// Its region.
    pub region: String,
    /// `up`, `down`, `doubted` (down, by a vantage that doubts itself), `unproven`, or `unheard` where no vote of it is fresh.
    pub says: String,
    /// The failure that it saw, if it says down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The age of its vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
}

/// One probe slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlotStatus {
    /// Monitor.
    pub monitor: String,
    /// Address and port.
    pub address: String,
    /// `unproven`, `up`, `slow` (up, and later than `slow_after`), `down`.
    pub state: String,
    /// Failures counted while up.
    pub failures: u16,
    /// Successes in a row.
    pub successes: u16,
    /// Cause of the last failure, as one word, if the last probe failed.
    pub cause: Option<String>,
    /// Age of the last result; absent before the first.
    pub age_ms: Option<u64>,
    /// Tells whether the last result is older than the monitor's interval allows.
    #[serde(default)]
    pub unwatched: bool,
    /// The value that was read last, in thousandths; absent where none is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_thousandths: Option<i64>,
    /// Tells whether it is shown only, and decides nothing here.
    #[serde(default)]
    pub report_only: bool,
    /// How long the last probe took, in microseconds.
    pub took_us: u32,
    /// When the certificate expires, in seconds since 1970.
    #[serde(
        rename = "certificate_expires_at",
        default,
        with = "shown::utc_or_null"
    )]
    #[schema(value_type = Option<Utc>)]
    pub certificate_expires: Option<u64>,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceStatus {
    /// Name.
    pub name: String,
    /// Hostnames.
    pub hostnames: Vec<String>,
    /// `any`, `prefer`, `strict`.
    pub residency: String,
    /// Tells whether nothing is healthy for some class, and it gets endpoints that are down.
    pub fail_open: bool,
    /// The regions that those classes prefer first, sorted.
    pub fail_open_regions: Vec<String>,
    /// Tells whether nothing is healthy for some class, and it gets no address because the service
    /// says so.
    pub all_down: bool,
    /// The regions that those classes prefer first, sorted.
    pub all_down_regions: Vec<String>,
    /// What the service answers when nothing is healthy: `fail-open`, `servfail`, `nodata`.
    pub when_all_down: String,
    /// Demand for it, in thousandths of the operator's unit; 0 if nobody said.
    #[serde(default)]
    pub demand_thousandths: u64,
    /// What of that fits nowhere within the stated capacities.
    #[serde(default)]
    pub overloaded_thousandths: u64,
    /// Who serves what fits nowhere: `spread`, `shed-last`, `stay`.
    #[serde(default)]
    pub overload: String,
    /// The way in which its clients are sorted among regions and endpoints.
    #[serde(default)]
    pub steering: SteeringStatus,
    /// Its pools.
    pub pools: Vec<PoolStatus>,
}

/// The way in which a service's clients are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SteeringStatus {
    /// `place`, `nearest`, `order`, `weight`, `latency`.
    pub policy: String,
    /// Tells whether clients keep their endpoints over changes of the config.
    pub sticky: bool,
    /// The part of a tier's clients that go to the next one all the time.
    pub trickle_permille: u16,
    /// The part of a region's clients that go to the next one all the time.
    pub region_trickle_permille: u16,
    /// The table of times in force; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredStatus>,
}

/// A table of measured times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeasuredStatus {
    /// Its file, as the config names it.
    pub file: String,
    /// The time of its writing, in seconds since 1970; absent where nobody knows.
    #[serde(default, with = "shown::utc_or_null")]
    #[schema(value_type = Option<Utc>)]
    pub written_at: Option<u64>,
    /// Clients that it has times of: networks and places.
    pub rows: u64,
}

/// One pool of a service: its endpoints of one family in one region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolStatus {
    /// Region.
    pub region: String,
    /// `v4` or `v6`.
    pub family: String,
    /// Part of the cohorts that it serves when asked first.
    pub share_permille: u16,
    /// The lowest tier number that serves someone; absent when none does.
    pub tier: Option<u16>,
    /// Endpoints that serve someone.
    pub serving: Vec<String>,
}
