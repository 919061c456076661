//! What was decided before start: the config with every name resolved to a dense id.
//!
//! A [`Plan`] never changes. `config::compile` makes it, `engine` and `table` read it, a reload
//! replaces it. Lists are indexed by the ids of [`crate::base`]; across plans, things are
//! recognised by their keys ([`Slot::key`], [`Target::key`]).
//!
//! ```text
//! service --monitors--> monitor        endpoint --addresses of one family--.
//!    |  \--recovery--> recovery            |                               |
//!    |                                     v                               v
//!    '--map--> class of a client        target (what steering picks) --> slots (what is probed)
//! ```
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::{
    AddressSet, ClassId, ClientHash, Family, HashKey, JurisdictionId, JurisdictionSet, MapId,
    MonitorId, Permille, RecoveryId, RegionId, ServiceId, SlotId, Span, ViewId, shown,
};
use crate::dns::Name;
use crate::geo::{Atlas, ClassHit, Country, Location, Network, Territory};

mod access;
mod acme;
mod admission;
mod agreed;
mod alias;
mod cluster;
pub mod cohort_order;
pub mod combination;
mod defence;
mod demand;
mod discovery;
mod dnssec;
mod dynamic;
pub mod fleet;
mod followed;
mod geo_loss;
mod latency;
mod law;
mod lots;
mod maintenance;
mod map;
mod metrics;
mod monitor;
mod naming;
mod observation;
mod pool;
mod records;
pub mod recurrence;
mod scope;
mod shrink;
mod steering;
mod target;
mod transfer;
mod transport;
mod tsig;
mod views;
mod webhook;
mod zoning;

pub use crate::base::Secret;
pub(crate) use crate::base::shared_out;
pub use crate::monitor::Check;
pub use crate::monitor::bounds::ValueBefore;
pub use crate::monitor::source::ProbeSource;
pub use access::{
    AccessRole, AccessRules, ApiToken, Carriage, Chosen, GroupRole, Permission, RoleGrant,
    ScopeKind, ScopePattern,
};
pub use acme::{Acme, Grant};
pub use agreed::AgreedSecrets;
pub use cluster::{
    ClusterFiles, ClusterNode, ClusterPart, ClusterRules, DistributeRule, NatsLink, NatsRules,
    NatsServer, WithdrawRule,
};
pub use cohort_order::CohortOrder;
pub use combination::Combination;
pub use defence::{Cookies, Defence, RateLimit, ResponseClass};
pub use demand::{Demands, Units};
pub use discovery::{ConsulQuery, Discovery, DiscoverySource, WebSource};
pub use dnssec::{Denial, Division, Expired, ZoneDnssec};
pub use dynamic::{
    Declarer, Dynamic, ExpectedState, NamePattern, ObjectKind, ObjectRule, RecordRule,
};
pub use fleet::Fleet;
pub use followed::{Followed, ValueSource};
pub use geo_loss::GeoKnowledge;
pub use latency::{
    BandRule, LeadingRegions, Measured, MeasuredClient, MeasuredInForce, MeasuredSource,
    TimesByClient,
};
pub use lots::{Lot, Lots};
pub use maintenance::{Maintenance, Occurrence};
pub use map::{Class, Map, Shared};
pub use metrics::EndpointSeries;
pub use monitor::{FailureCount, Monitor};
pub use naming::{NamedMachine, ProbedBy, Resolving, Spoken, Upstream, ZoneAlias};
pub use observation::{Dnstap, LogFormat, Observation, TapPlace};
pub use pool::{Member, Pool, Tier};
pub use records::{ChosenRecords, ChosenSet, Hints, RecordType, Whose};
pub use recurrence::Recurrence;
pub use scope::{Scope, UnknownScope};
pub use shrink::{Shrink, ZoneSize};
pub use steering::{FamilyPairing, SteeringFacts, SteeringPolicy, Subnets};
pub use target::{AddressesDown, Slot, Target};
pub use transfer::{Allowed, Incoming, Outgoing, Rule, Sources};
pub use transport::{Pair, Tls};
pub use tsig::TsigKey;
pub use views::{ClientView, ClientViews, DEFAULT_VIEW, version_id};
pub use webhook::{Urgency, Webhook, WebhookShape};
pub use zoning::{STATE_FILES, ZonePlan, Zoning};

/// Everything that was decided before start.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Hash over the config and all files that it names but copies of zones from primaries; tells plans apart.
    pub digest: u64,
    /// Hash over what is decided for clients: regions, endpoints, monitors, services, maps by claim. Nodes that serve the
    /// same agree on it, whatever addresses they listen on, whoever controls them and wherever their files are.
    pub policy: u64,
    /// Key of the cohort hash.
    pub key: HashKey,
    /// Listeners and the server's own words.
    pub server: Server,
    /// The control listener.
    pub control: Control,
    /// Guards against the prober's own faults.
    pub guard: Guard,
    /// Jurisdictions by [`JurisdictionId`].
    pub jurisdictions: Vec<Jurisdiction>,
    /// Regions by [`RegionId`], in the order of the config.
    pub regions: Vec<Region>,
    /// Endpoints by [`EndpointId`].
    pub endpoints: Vec<Endpoint>,
    /// Monitors by [`MonitorId`].
    pub monitors: Vec<Monitor>,
    /// Recoveries by [`RecoveryId`].
    pub recoveries: Vec<Recovery>,
    /// Slots by [`SlotId`].
    pub slots: Vec<Slot>,
    /// Targets by [`TargetId`].
    pub targets: Vec<Target>,
    /// By mark of the atlas: the region that claims the network by its `serves`; nothing where only services claim it.
    pub claimants: Vec<Option<RegionId>>,
    /// Slots of canaries: addresses outside the plan whose probes tell whether this node can see.
    pub canaries: Vec<SlotId>,
    /// Windows of maintenance.
    pub maintenance: Vec<Maintenance>,
    /// Services by [`ServiceId`]; the id is also the number of a mount in a zone.
    pub services: Vec<Service>,
    /// Maps by [`MapId`].
    pub maps: Arc<Vec<Map>>,
    /// Clients that are answered from zones of their own.
    pub views: Arc<ClientViews>,
    /// Where addresses are; for `explain`.
    pub atlas: Arc<Atlas>,
    /// What the geo database is.
    pub geo: GeoFile,
    /// The resolvers that are asked for machines that are known by name.
    pub resolving: Resolving,
    /// Sources of endpoints, in the order of the config.
    pub discoveries: Vec<Discovery>,
    /// The cluster that this node is of; absent: it stands alone.
    pub cluster: Option<Arc<ClusterRules>>,
}

/// Listeners and the server's own words.
#[derive(Clone, Debug)]
pub struct Server {
    /// UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Answer of `id.server` and NSID; nothing if absent.
    pub identity: Option<String>,
    /// Answer of `version.bind`; nothing if absent.
    pub version: Option<String>,
    /// Largest UDP reply to a client with EDNS, octets.
    pub udp_reply_bytes: u16,
    /// Answering threads; absent = one per core.
    pub threads: Option<usize>,
    /// Connections at once, over all clients and all stream transports.
    pub connections: usize,
    /// Encrypted transports; absent = none.
    pub tls: Option<Tls>,
    /// How it keeps itself from being used against others.
    pub defence: Defence,
    /// Tells whether monitors may run programs of this machine.
    pub exec: bool,
}

/// The control API.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// The rules of where it listens, and who may ask it what.
    pub access: AccessRules,
    /// The certificate that it proves itself by, where it speaks TLS.
    pub pair: Option<Pair>,
    /// The endpoints that metrics tell of one by one.
    pub endpoint_series: EndpointSeries,
    /// The receivers that are told when something happens.
    pub webhooks: Vec<Webhook>,
    /// The rest of what the server tells of itself.
    pub observation: Observation,
}

/// Guards against the prober's own faults and against a careless reload.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Part of the targets that were healthy and whose last probe failed at which the node
    /// doubts itself, if no region is left wholly sound.
    pub doubt: Permille,
    /// Most part of all capacity that may be out automatically at one time; past it nothing
    /// more leaves.
    pub max_ejected: Permille,
    /// Most part of all capacity that may leave automatically within [`Guard::ejection_interval`].
    pub max_ejected_at_once: Permille,
    /// The time over which [`Guard::max_ejected_at_once`] is counted.
    pub ejection_interval: Span,
    /// Most part of services, hostnames, regions, endpoints, zones, names or networks that a
    /// reload may drop without force.
    pub max_shrink: Permille,
    /// Most part of a zone's names that a file may drop that has no higher serial, unless a reload is forced.
    pub max_shrink_watched: Permille,
    /// Most part of demand that a new config may move while everything is healthy (`waypost plan`).
    pub max_moved: Permille,
    /// What `waypost plan` makes of a config that loses capacity or redundancy.
    pub losses: Losses,
}

impl Guard {
    /// What a config has that says nothing of it.
    pub const DEFAULT: Self = Self {
        doubt: Permille(800),
        max_ejected: Permille::FULL,
        max_ejected_at_once: Permille::FULL,
        ejection_interval: Span::from_secs(60),
        max_shrink: Permille(500),
        max_shrink_watched: Permille(100),
        max_moved: Permille::FULL,
        losses: Losses::Refuse,
    };
}

/// What `waypost plan` makes of a config that loses capacity or redundancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Losses {
    /// It says so.
    Report,
    /// It says so, and exits 1.
    Refuse,
}

/// The geo database, as status shows it.
#[derive(Clone, Debug, Serialize)]
pub struct GeoFile {
    /// `embedded`, or the path.
    pub source: String,
    /// When it was built, in seconds since 1970.
    pub built_at: u64,
    /// How many networks it tells apart.
    pub networks: usize,
    /// Kinds of things that it knows of them.
    pub knows: GeoKnowledge,
    /// Those of them that regions claim by.
    pub claimed: GeoKnowledge,
}

/// A legal space.
#[derive(Clone, Debug)]
pub struct Jurisdiction {
    /// Name.
    pub name: String,
    /// Its countries.
    pub countries: Vec<Country>,
    /// Parts of countries that are its, whoever has the rest.
    pub subdivisions: Vec<Territory>,
    /// Other jurisdictions in which the data of its clients may lie as well, by agreement.
    pub may_use: Vec<JurisdictionId>,
}

/// A place with a location and a jurisdiction.
#[derive(Clone, Debug)]
pub struct Region {
    /// Name.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// Whose law holds there.
    pub jurisdiction: Option<JurisdictionId>,
    /// What its endpoints can carry together, in the operator's unit; unlimited if absent.
    pub capacity: Option<u32>,
    /// Tells whether clients whom it does not claim may be sent there.
    pub takes_failover: bool,
}

/// One target of a region at a provider.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name, unique in the plan.
    pub name: String,
    /// Its region.
    pub region: RegionId,
    /// The one service that it belongs to; absent = it is its region's, for all services without endpoints of their own.
    pub service: Option<ServiceId>,
    /// Tells whether it serves anybody, and is probed: the config can take it out for good.
    pub enabled: bool,
    /// Who runs the machine.
    pub provider: String,
    /// 1 = primary, 2 = backup, ….
    pub tier: u16,
    /// Weight within its tier; 0 = it serves only what the others of its tier cannot.
    pub weight: u16,
    /// The value that its weight follows, up to `weight`; absent = none.
    pub weight_from: Option<ValueSource>,
    /// What it can carry, in the operator's unit; unlimited if absent.
    pub capacity: Option<u32>,
    /// The value that its capacity follows, up to `capacity`; absent = none.
    pub capacity_from: Option<ValueSource>,
    /// Addresses of both families; of a machine that is known by name, those by which it was known when the plan was made.
    pub addresses: Vec<IpAddr>,
    /// The name that it is known by, in place of addresses in the config; answered as a CNAME where the service has one of it
    /// ([`ChosenRecords`]).
    pub named: Option<NamedMachine>,
}

impl Endpoint {
    /// The source of a number of it, and that number in the config; absent where it follows no value.
    #[must_use]
    pub fn follows(&self, what: Followed) -> Option<(&ValueSource, u32)> {
        match what {
            Followed::Weight => Some((self.weight_from.as_ref()?, self.weight.into())),
            Followed::Capacity => Some((self.capacity_from.as_ref()?, self.capacity?)),
        }
    }

    /// Its addresses of a family, but for some.
    pub fn addresses_of(
        &self,
        family: Family,
        without: AddressSet,
    ) -> impl Iterator<Item = IpAddr> + Clone + '_ {
        let all = self.addresses.iter().copied().enumerate();
        let own =
            all.filter(move |(place, one)| Family::of(*one) == family && !without.contains(*place));
        own.map(|(_, one)| one)
    }
}

/// Steps, pace and gate of a return.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// Name; the built-in one is `default`.
    pub name: String,
    /// Shares of the steps, rising to 1000.
    pub steps: Vec<Permille>,
    /// How long each step lasts.
    pub every: Span,
    /// Monitors that must pass before and during the ramp.
    pub gates: Vec<MonitorId>,
    /// Whether an operator must say so before the ramp starts (gate `approve`, manual failback).
    pub approval: Approval,
    /// How long it must have been up before the ramp starts (failback delay).
    pub delay: Span,
    /// How relapses slow the next return down.
    pub damping: DampingPolicy,
}

impl Recovery {
    /// Tells whether something beside time must be there before an endpoint returns: a gate, or an operator's word.
    #[must_use]
    pub fn guards_data(&self) -> bool {
        !self.gates.is_empty() || self.approval == Approval::Needed
    }
}

/// Whether a return waits for an operator's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// It does not.
    Automatic,
    /// It does.
    Needed,
}

/// How relapses slow the next return down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DampingPolicy {
    /// Time in which the penalty of a fall halves.
    pub half_life: Span,
    /// The most times over that hold-down and steps can last.
    pub most: u16,
}

impl DampingPolicy {
    /// What a recovery has that says nothing of it.
    pub const DEFAULT: Self = Self {
        half_life: Span::from_secs(600),
        most: 8,
    };
}

/// What is steered.
#[derive(Clone, Debug)]
pub struct Service {
    /// Name.
    pub name: String,
    /// Its hostnames; mounted over the zones.
    pub hostnames: Vec<Name>,
    /// The views in whose zones it has them, in ascending order; absent in it = the default.
    pub views: Vec<Option<ViewId>>,
    /// Which clients are alike for it, and what they prefer.
    pub map: MapId,
    /// The steering that its map was made by.
    pub steering: SteeringFacts,
    /// The times that its clients are sorted by, where the policy is that.
    pub measured: Option<Arc<Measured>>,
    /// How strictly answers stay in the client's jurisdiction.
    pub residency: Residency,
    /// Where answers to clients outside every jurisdiction may lie, if it is strict.
    pub outside: JurisdictionSet,
    /// Where answers to clients of unknown place may lie, if it is strict.
    pub unknown: JurisdictionSet,
    /// What to answer when nothing is healthy.
    pub all_down: AllDown,
    /// How much its clients ask for.
    pub demand: Demand,
    /// Who serves what fits nowhere.
    pub overload: Overload,
    /// Endpoints per answer.
    pub answers: u8,
    /// Bounds of the TTL.
    pub ttl: TtlBounds,
    /// The monitors that decide on its endpoints, but for endpoints that have their own.
    pub monitors: Vec<MonitorId>,
    /// Their combination; absent = all must hold.
    pub combination: Option<Combination<MonitorId>>,
    /// Monitors that are probed and shown, and decide nothing.
    pub reported: Vec<MonitorId>,
    /// How its targets come back.
    pub recovery: RecoveryId,
    /// Tells whether its answers are signed beforehand, in a zone that is signed here.
    pub is_signed: bool,
    /// Tells whether a machine of it that is known by name has no address yet: types that it lacks may come, and are not denied.
    pub is_unresolved: bool,
    /// Records of other types that follow the choice, CNAMEs among them.
    pub records: ChosenRecords,
    /// Its pools by family and region; empty where it has no endpoint.
    pub pools: [Vec<Pool>; 2],
}

/// How strictly answers stay in the client's jurisdiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Residency {
    /// Preference order as it is.
    Any,
    /// The client's jurisdiction first, then the rest.
    Prefer,
    /// Never outside.
    Strict,
}

/// How much the clients of a service ask for, in the operator's unit (that of capacities).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nobody said: the service takes no part in the planning of capacity.
    Unstated,
    /// So much in all, shared out among classes by the size of their networks.
    Whole(u32),
    /// So much from the clients whose first region it is, shared out likewise.
    ByRegion(Vec<(RegionId, u32)>),
    /// What is observed: answers by class.
    Observed,
}

/// Who serves what fits nowhere, always inside the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overload {
    /// Everyone in the preference, in proportion to capacity.
    Spread,
    /// The last healthy region of the preference.
    ShedLast,
    /// The first healthy region of the preference.
    Stay,
}

impl Overload {
    /// The word of the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::ShedLast => "shed-last",
            Self::Stay => "stay",
        }
    }
}

/// What to answer when nothing is healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AllDown {
    /// The configured endpoints, nearest first.
    FailOpen,
    /// SERVFAIL.
    Servfail,
    /// An empty answer.
    Nodata,
}

/// Bounds of a service's TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TtlBounds {
    /// At the least.
    #[serde(rename = "min_ms", serialize_with = "shown::ms")]
    #[schema(value_type = u64)]
    pub min: Span,
    /// At the most.
    #[serde(rename = "max_ms", serialize_with = "shown::ms")]
    #[schema(value_type = u64)]
    pub max: Span,
}

impl Plan {
    /// The class of a client for a service, and how wide around it that holds. Where clients draw regions, it is the one
    /// of all who draw alike, and [`Plan::class_of`] is the client's own.
    #[must_use]
    pub fn classify(&self, service: ServiceId, client: IpAddr) -> ClassHit {
        let map = self.services[service.index()].map;
        self.maps[map.index()].networks.find(client)
    }

    /// The class of all clients of a network, and how wide around its first address that one's class holds. Where
    /// that is less than the network, the answer is one that everybody in it may be given.
    #[inline(always)]
    #[must_use]
    pub fn classify_network(&self, service: ServiceId, network: Network) -> ClassHit {
        let hit = self.classify(service, network.address);
        let prefix = match network.address {
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => network.prefix.saturating_sub(96),
            IpAddr::V4(_) | IpAddr::V6(_) => network.prefix,
        };
        if prefix >= hit.prefix {
            return hit;
        }
        let map = self.services[service.index()].map;
        self.maps[map.index()].classify_shared(network, hit)
    }

    /// The tables of times by which services sort their clients.
    #[must_use]
    pub fn measured(&self) -> MeasuredInForce {
        let services = self.services.iter();
        let measured = services.filter_map(|own| Some((own.name.clone(), own.measured.clone()?)));
        measured.collect()
    }

    /// A class of a service's map.
    #[must_use]
    pub fn class(&self, service: ServiceId, class: ClassId) -> &Class {
        let map = self.services[service.index()].map;
        &self.maps[map.index()].classes[class.index()]
    }

    /// The cohort of a client, the same for its whole network (/24 or /48): 0 to 999.
    #[must_use]
    pub fn cohort(&self, client: IpAddr) -> u16 {
        self.client_hash(client).cohort()
    }

    /// The keyed hash of a client's network (/24 or /48).
    #[inline]
    #[must_use]
    pub fn client_hash(&self, client: IpAddr) -> ClientHash {
        ClientHash::of(self.key, client)
    }
}
