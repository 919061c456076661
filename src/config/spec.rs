//! The config as written: every value with its position, no name resolved yet.
//!
//! What is absent has its default here already, except where the default depends on other
//! things (a region's fallback, a service's regions). Names that point at other things stay
//! [`At`] their positions, so that `compile` can say where a wrong one is.
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Files;
use super::cluster::ClusterSpec;
pub(crate) use super::discovery::DiscoverySpec;
pub(crate) use super::dynamic::{DynamicSpec, ObjectRuleSpec, RecordRuleSpec};
pub(crate) use super::endpoint::{EndpointSpec, ProbeSpec};
use super::maintenance::MaintenanceSpec;
use super::naming::{AliasSpec, ResolversSpec};
use super::observation::ObservationSpec;
use super::reader::At;
use super::records::RecordsSpec;
use super::steering::SteeringSpec;
use super::watch::WatchSpec;
use super::webhook::WebhookSpec;
use crate::base::limits::INCLUDE_DEPTH;
use crate::base::{Permille, Span};
use crate::dns::cookie;
use crate::dns::tsig::Algorithm;
use crate::dns::{Name, master};
use crate::geo::{Continent, Country, Location, NamedCity, Network, Territory};
use crate::monitor::Written;
use crate::monitor::source::ProbeSource;
use crate::plan::{
    Acme, AddressesDown, AllDown, Approval, DampingPolicy, EndpointSeries, FailureCount, Guard,
    Overload, RateLimit, Residency, RoleGrant, Secret, ZoneDnssec,
};
use crate::text::document::Document;

/// The folder of the state, in that of the config.
const STATE: &str = "state";
/// The name of the control socket, in the folder of the config.
pub(crate) const SOCKET: &str = "waypost.sock";

/// The config as written, before names are resolved.
#[derive(Debug)]
pub struct Spec {
    /// The config's own path; other paths are relative to its folder.
    pub(crate) path: PathBuf,
    /// Its text, with that of all that it includes.
    pub(crate) document: Document,
    pub(crate) server: ServerSpec,
    pub(crate) control: ControlSpec,
    pub(crate) tokens: Vec<TokenSpec>,
    pub(crate) geo: GeoSpec,
    pub(crate) guard: Guard,
    /// `[guard] max_ejected` and `max_ejected_at_once` as they are written, if they let anything leave.
    pub(crate) ejection_bounds: Vec<At<Permille>>,
    /// `[guard] canaries`.
    pub(crate) canaries: Vec<At<SocketAddr>>,
    pub(crate) zones: Vec<ZoneSpec>,
    pub(crate) views: Vec<ViewSpec>,
    pub(crate) jurisdictions: Vec<JurisdictionSpec>,
    pub(crate) regions: Vec<RegionSpec>,
    pub(crate) monitors: Vec<MonitorSpec>,
    pub(crate) recoveries: Vec<RecoverySpec>,
    pub(crate) services: Vec<ServiceSpec>,
    pub(crate) maintenance: Vec<MaintenanceSpec>,
    pub(crate) tsig: Vec<TsigSpec>,
    pub(crate) acme: AcmeSpec,
    pub(crate) dynamic: DynamicSpec,
    pub(crate) resolvers: ResolversSpec,
    pub(crate) discovery: Vec<DiscoverySpec>,
    pub(crate) cluster: Option<ClusterSpec>,
}

/// `[server]`.
#[derive(Debug, Default)]
pub(crate) struct ServerSpec {
    pub(crate) listen: Vec<At<SocketAddr>>,
    pub(crate) identity: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) udp_reply_bytes: u16,
    pub(crate) threads: Option<usize>,
    pub(crate) cohort_key: Option<At<String>>,
    pub(crate) connections: Option<usize>,
    pub(crate) tls: Option<TlsSpec>,
    /// The user that root becomes.
    pub(crate) user: Option<String>,
    /// The folder of what must survive a restart.
    pub(crate) state: Option<String>,
    /// `watch = false`: files that change are left unread until somebody asks.
    pub(crate) watch_off: bool,
    /// `exec = true`: monitors may run programs.
    pub(crate) exec: bool,
    pub(crate) defence: DefenceSpec,
}

/// What `[server]` says of defences.
#[derive(Debug, Default)]
pub(crate) struct DefenceSpec {
    pub(crate) amplification: u16,
    pub(crate) cookies: CookieSpec,
    pub(crate) rate_limit: Option<RateLimit>,
}

/// `[server.cookies]`.
#[derive(Debug, Default)]
pub(crate) struct CookieSpec {
    pub(crate) off: bool,
    pub(crate) secrets: Vec<At<cookie::Secret>>,
    pub(crate) file: Option<At<String>>,
}

/// `[control]`.
#[derive(Debug, Default)]
pub(crate) struct ControlSpec {
    pub(crate) socket: Wish,
    pub(crate) listen: Option<At<SocketAddr>>,
    pub(crate) metrics: Option<At<SocketAddr>>,
    pub(crate) hosts: Vec<At<String>>,
    pub(crate) tls: Option<ControlTlsSpec>,
    pub(crate) groups: Vec<(At<String>, At<RoleGrant>)>,
    pub(crate) audit: Wish,
    /// `[metrics] endpoints`.
    pub(crate) endpoint_series: EndpointSeries,
    /// `[notify]`.
    pub(crate) webhooks: Vec<WebhookSpec>,
    /// `[log]` and `[dnstap]`.
    pub(crate) observation: ObservationSpec,
}

/// A file that is there by default.
#[derive(Debug, Default)]
pub(crate) enum Wish {
    /// Nothing is said of it.
    #[default]
    Default,
    /// It is not wanted.
    Nothing,
    /// It is here.
    Path(At<String>),
}

/// `tls` of `[control]`.
#[derive(Debug)]
pub(crate) struct ControlTlsSpec {
    pub(crate) certificate: Option<At<String>>,
    pub(crate) key: Option<At<String>>,
    pub(crate) client_roots: Option<At<String>>,
}

/// One of `[tokens]`.
#[derive(Debug)]
pub(crate) struct TokenSpec {
    pub(crate) name: At<String>,
    pub(crate) hash: Option<[u8; 32]>,
    pub(crate) certificate: Option<At<String>>,
    pub(crate) grant: RoleGrant,
    /// Seconds since 1970.
    pub(crate) expires: Option<u64>,
}

/// `[server.tls]`.
#[derive(Debug)]
pub(crate) struct TlsSpec {
    pub(crate) listen: Vec<At<SocketAddr>>,
    pub(crate) listen_https: Vec<At<SocketAddr>>,
    pub(crate) listen_quic: Vec<At<SocketAddr>>,
    pub(crate) certificate: Option<At<String>>,
    pub(crate) key: Option<At<String>>,
}

/// `[geo]`.
#[derive(Debug, Default)]
pub(crate) struct GeoSpec {
    /// Path of the database; the embedded one if absent.
    pub(crate) database: Option<At<String>>,
    /// Path of a file of AS numbers, laid over the database.
    pub(crate) asn_database: Option<At<String>>,
    pub(crate) overrides: Vec<(At<Network>, Territory, Option<NamedCity>)>,
    pub(crate) default: Vec<At<String>>,
}

/// One of `[[views]]`.
#[derive(Debug)]
pub(crate) struct ViewSpec {
    pub(crate) name: At<String>,
    pub(crate) clients: Vec<At<Network>>,
    /// Names of `[tsig]`.
    pub(crate) keys: Vec<At<String>>,
}

/// One of `[[zones]]`.
#[derive(Debug)]
pub(crate) struct ZoneSpec {
    pub(crate) name: Option<At<Name>>,
    /// The view whose clients see it; absent = the default.
    pub(crate) view: Option<At<String>>,
    pub(crate) file: Option<At<String>>,
    pub(crate) dnssec: Option<Box<DnssecSpec>>,
    pub(crate) transfer: Option<Box<TransferSpec>>,
    pub(crate) incoming: Option<Box<IncomingSpec>>,
    /// Where requests and notifications leave from.
    pub(crate) source: Vec<At<IpAddr>>,
    /// Names with the addresses of others.
    pub(crate) aliases: Vec<AliasSpec>,
    /// The role of a catalog zone; absent for any other.
    pub(crate) catalog: Option<Box<CatalogSpec>>,
    /// The catalog that lists it, of a zone that the config does not name.
    pub(crate) listed_by: Option<Name>,
}

/// `catalog` of one of `[[zones]]`.
#[derive(Debug)]
pub(crate) enum CatalogSpec {
    /// It is made here, of these zones, or of all that are given to secondaries.
    Made(Option<Vec<At<Name>>>),
    /// It comes from primaries, and so do the zones that it lists: their copies are kept in this folder.
    Followed(At<String>),
}

/// `transfer` of one of `[[zones]]`.
#[derive(Clone, Debug)]
pub(crate) struct TransferSpec {
    pub(crate) at: Range<usize>,
    pub(crate) to: Vec<At<AllowedSpec>>,
    pub(crate) notify: Vec<At<SocketAddr>>,
    pub(crate) key: Option<At<String>>,
    pub(crate) render_for: Option<At<RenderSpec>>,
    /// The jurisdiction whose clients secondaries answer.
    pub(crate) render_strict: Option<At<String>>,
    pub(crate) min_interval: Span,
    /// Where notifications leave from, where that is not the zone's `source`.
    pub(crate) source: Vec<At<IpAddr>>,
}

/// One who may have a zone.
#[derive(Clone, Debug)]
pub(crate) struct AllowedSpec {
    pub(crate) network: Option<Network>,
    /// A key's name.
    pub(crate) key: Option<String>,
}

/// Whose answers steered names are rendered as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RenderSpec {
    Country(Country),
    Address(IpAddr),
}

/// `primaries` and `key` of one of `[[zones]]`.
#[derive(Clone, Debug)]
pub(crate) struct IncomingSpec {
    pub(crate) primaries: At<Vec<At<SocketAddr>>>,
    pub(crate) key: Option<At<String>>,
    /// Octets that one transfer may have.
    pub(crate) max_size: Option<At<u64>>,
}

/// `dnssec` of one of `[[zones]]`.
#[derive(Debug)]
pub(crate) struct DnssecSpec {
    pub(crate) keys: At<String>,
    /// All that it says, but for the folder of the keys, which is not resolved yet.
    pub(crate) policy: ZoneDnssec,
}

/// `[acme]`.
#[derive(Debug)]
pub(crate) struct AcmeSpec {
    /// Tells whether there is such a table at all.
    pub(crate) configured: bool,
    pub(crate) keys: Vec<AcmeKeySpec>,
    /// Of keys that have none of their own, and of operators.
    pub(crate) names: Option<Vec<At<Name>>>,
    pub(crate) expire: Span,
    pub(crate) ttl: Span,
}

impl Default for AcmeSpec {
    fn default() -> Self {
        Self {
            configured: false,
            keys: Vec::new(),
            names: None,
            expire: Acme::EXPIRE,
            ttl: Acme::TTL,
        }
    }
}

/// One of `keys` of `[acme]`.
#[derive(Debug)]
pub(crate) struct AcmeKeySpec {
    /// A name of `[tsig]`.
    pub(crate) name: At<String>,
    /// Names that it may set; a first label `*` means all below.
    pub(crate) names: Option<Vec<At<Name>>>,
}

/// One of `[tsig]`.
#[derive(Debug)]
pub(crate) struct TsigSpec {
    pub(crate) name: At<String>,
    /// What the other side calls it, where that is not `name`.
    pub(crate) key_name: Option<At<Name>>,
    pub(crate) algorithm: Algorithm,
    pub(crate) secret: Option<At<TsigSecret>>,
}

/// Where the secret of a key is.
#[derive(Clone, Debug)]
pub(crate) enum TsigSecret {
    /// In the config, in base64.
    Here(Secret),
    /// In a file.
    File(String),
    /// With the nodes of the cluster.
    Cluster,
}

/// One of `[jurisdictions]`.
#[derive(Debug)]
pub(crate) struct JurisdictionSpec {
    pub(crate) name: At<String>,
    /// Countries, those of lists, and parts of countries.
    pub(crate) countries: Vec<At<Vec<Territory>>>,
    pub(crate) may_use: Vec<At<String>>,
}

/// One of `[regions]`.
#[derive(Debug)]
pub(crate) struct RegionSpec {
    pub(crate) name: At<String>,
    pub(crate) location: Location,
    pub(crate) jurisdiction: Option<At<String>>,
    pub(crate) serves: Vec<At<Serves>>,
    pub(crate) fallback: Vec<At<String>>,
    /// Tells whether clients whom it does not claim may be sent there; nobody said if absent.
    pub(crate) takes_failover: Option<bool>,
    pub(crate) capacity: Option<At<u32>>,
    pub(crate) endpoints: Vec<EndpointSpec>,
}

/// Clients that a region claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    Continent(Continent),
    /// One country, or those of a list.
    Countries(Vec<Country>),
    /// A part of a country.
    Subdivision(Territory),
    City(NamedCity),
    Asn(u32),
    Network(Network),
}

/// One of `[monitors]`.
#[derive(Debug)]
pub(crate) struct MonitorSpec {
    pub(crate) name: At<String>,
    /// The keys of its type.
    pub(crate) written: Written,
    pub(crate) source: ProbeSource,
    /// Time past which a probe that passed counts as one that failed.
    pub(crate) slow_after: Option<Span>,
    /// Part of its clients that an endpoint serves while it is slow.
    pub(crate) degraded: Option<Permille>,
    pub(crate) interval: Span,
    pub(crate) near_interval: Span,
    pub(crate) timeout: Span,
    pub(crate) fall: u16,
    pub(crate) failures: FailureCount,
    pub(crate) rise: u16,
}

/// One of `[recoveries]`.
#[derive(Debug)]
pub(crate) struct RecoverySpec {
    pub(crate) name: At<String>,
    pub(crate) steps: Vec<Permille>,
    pub(crate) every: Span,
    /// Monitors, and the word `approve`.
    pub(crate) gates: Vec<At<String>>,
    /// What the config says of it; the gate may say it as well.
    pub(crate) failback: Option<At<Approval>>,
    pub(crate) delay: Span,
    pub(crate) damping: DampingPolicy,
}

/// One of `[services]`.
#[derive(Debug)]
pub(crate) struct ServiceSpec {
    pub(crate) name: At<String>,
    pub(crate) hostnames: Vec<At<Name>>,
    /// The views in whose zones it has its hostnames; none = the default.
    pub(crate) views: Vec<At<String>>,
    pub(crate) monitors: WatchSpec,
    pub(crate) recovery: Option<At<String>>,
    /// All regions if absent.
    pub(crate) regions: Option<At<Vec<At<String>>>>,
    pub(crate) residency: At<Residency>,
    pub(crate) outside: Option<At<Lands>>,
    pub(crate) unknown: Option<At<Lands>>,
    pub(crate) answers: At<u8>,
    pub(crate) ttl_min: Span,
    pub(crate) ttl_max: Span,
    pub(crate) all_down: AllDown,
    pub(crate) demand: Option<At<DemandSpec>>,
    pub(crate) overload: Option<At<Overload>>,
    /// Of its endpoints that say nothing themselves.
    pub(crate) addresses_down: Option<At<AddressesDown>>,
    /// Its own; with any, those of regions are not its.
    pub(crate) endpoints: Vec<EndpointSpec>,
    /// The part of a pool that must be up for the pool to serve.
    pub(crate) min_up: Option<At<Permille>>,
    pub(crate) steering: Option<SteeringSpec>,
    pub(crate) records: Vec<RecordsSpec>,
}

/// How much the clients of a service ask for.
#[derive(Clone, Debug)]
pub(crate) enum DemandSpec {
    Whole(u32),
    Observed,
    /// By the region that clients prefer first.
    ByRegion(Vec<(At<String>, At<u32>)>),
}

/// Where answers to clients without a jurisdiction may lie.
#[derive(Clone, Debug)]
pub(crate) enum Lands {
    Any,
    Only(Vec<At<String>>),
}

impl Spec {
    /// All claims of clients: those of regions, then those of services.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &At<Serves>> + Clone {
        let of_regions = self.regions.iter().flat_map(|region| &region.serves);
        let steering = self.services.iter().filter_map(|one| one.steering.as_ref());
        let serves = steering.clone().flat_map(|own| own.serves.iter().flatten());
        let serves = serves.flat_map(|(_, claims)| claims);
        let of_places = steering.flat_map(|own| own.places.iter().map(|(place, _)| place));
        of_regions.chain(serves).chain(of_places)
    }

    /// All endpoints: those of regions, then those of services, in the order of their ids.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &EndpointSpec> {
        let of_regions = self.regions.iter().flat_map(|one| &one.endpoints);
        of_regions.chain(self.services.iter().flat_map(|one| &one.endpoints))
    }

    /// The files wanted beyond those already brought, paths relative to the config's folder
    /// resolved; ask again with what was brought until nothing is wanted (`$INCLUDE` nests).
    #[must_use]
    pub fn files(&self, brought: &Files) -> Vec<PathBuf> {
        let mut wanted = Vec::new();
        wanted.extend(self.geo_file().filter(|_| brought.geo.is_none()));
        let systems = self.geo.asn_database.as_ref();
        wanted.extend(systems.map(|path| self.resolve(path)));
        wanted.extend(self.measured().map(|path| self.resolve(path)));
        let of_monitors = self.monitors.iter().flat_map(|one| &one.written.files);
        wanted.extend(of_monitors.map(|(_, path)| self.resolve(path)));
        let own = self.server.tls.iter();
        let pair = own.flat_map(|tls| tls.certificate.iter().chain(&tls.key));
        wanted.extend(pair.map(|path| self.resolve(path)));
        let control = self.control.tls.iter();
        let control = control.flat_map(|tls| [&tls.certificate, &tls.key, &tls.client_roots]);
        wanted.extend(control.flatten().map(|path| self.resolve(path)));
        let webhooks = self.control.webhooks.iter();
        let webhooks = webhooks.filter_map(|one| one.secret.as_ref());
        wanted.extend(webhooks.map(|path| self.resolve(path)));
        let cluster = self.cluster.iter().flat_map(ClusterSpec::files);
        wanted.extend(cluster.map(|path| self.resolve(path)));
        for secret in self.tsig.iter().filter_map(|key| key.secret.as_ref()) {
            match &secret.value {
                TsigSecret::File(path) => wanted.push(beside(&self.path, path)),
                TsigSecret::Here(_) | TsigSecret::Cluster => {}
            }
        }
        let roots = self.resolvers.roots.as_ref();
        wanted.extend(roots.map(|path| self.resolve(path)));
        let discovery = self.discovery.iter().flat_map(DiscoverySpec::files);
        wanted.extend(discovery.map(|path| self.resolve(path)));
        let secrets = self.server.defence.cookies.file.as_ref();
        wanted.extend(secrets.map(|path| self.resolve(path)));
        wanted.extend(
            self.zones
                .iter()
                .flat_map(|zone| self.zone_files(zone, brought)),
        );
        wanted.retain(|path| !brought.contains_key(path));
        wanted.sort();
        wanted.dedup();
        wanted
    }

    /// The file of the geo database, unless it is the embedded one.
    #[must_use]
    pub fn geo_file(&self) -> Option<PathBuf> {
        let path = self.geo.database.as_ref();
        path.map(|path| self.resolve(path))
    }

    /// Those of [`Spec::files`] that nobody but the server is to read.
    #[must_use]
    pub fn secrets(&self) -> Vec<PathBuf> {
        let control = self.control.tls.iter().filter_map(|tls| tls.key.as_ref());
        let keys = self.server.tls.iter().filter_map(|tls| tls.key.as_ref());
        let webhooks = self.control.webhooks.iter();
        let control = control.chain(webhooks.filter_map(|one| one.secret.as_ref()));
        let cluster = self.cluster.iter().flat_map(ClusterSpec::secrets);
        let discovery = self
            .discovery
            .iter()
            .filter_map(|own| own.token_file.as_ref());
        let all = keys.chain(control).chain(cluster).chain(discovery);
        all.map(|path| self.resolve(path)).collect()
    }

    /// The user that a server that is started as root becomes.
    pub(crate) fn user(&self) -> Option<&str> {
        self.server.user.as_deref()
    }

    /// The folder of what must survive a restart.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        beside(&self.path, self.server.state.as_deref().unwrap_or(STATE))
    }

    /// The folders of the keys of signed zones.
    #[must_use]
    pub fn key_folders(&self) -> BTreeSet<PathBuf> {
        let signed = self.zones.iter().filter_map(|zone| zone.dnssec.as_ref());
        signed.map(|own| self.resolve(&own.keys)).collect()
    }

    /// A file beside the config.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        beside(&self.path, name)
    }

    /// Tells whether files are read again when they change (`[server] watch`).
    #[must_use]
    pub fn is_watched(&self) -> bool {
        !self.server.watch_off
    }

    /// The config's text.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        self.document.text()
    }

    /// Path and text of each file that the config is written in, its own first.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.document.parts()
    }

    /// A path of the config, relative to the config's folder.
    pub(crate) fn resolve(&self, path: &At<String>) -> PathBuf {
        beside(&self.path, &path.value)
    }
}

/// The audit log of a config that names none: in the folder of the state.
pub(crate) fn default_audit(config: &Path, state: Option<&str>) -> PathBuf {
    beside(config, state.unwrap_or(STATE)).join("audit.jsonl")
}

/// A path as written in the file `base`: relative to that file's folder.
pub(crate) fn beside(base: &Path, path: &str) -> PathBuf {
    base.parent().unwrap_or(Path::new("")).join(path)
}

/// The files that a zone file includes, as far as what was brought shows; each name is relative
/// to the folder of the file that has it.
pub(crate) fn included(zone: &Path, brought: &Files) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut layer = vec![zone.to_owned()];
    for _ in 0..INCLUDE_DEPTH {
        let texts = layer
            .iter()
            .filter_map(|path| Some((path, brought.get(path)?.as_ref().ok()?)));
        let paths = texts.flat_map(|(path, text)| {
            let names = master::includes(text).into_iter();
            names.map(|name| beside(path, &name))
        });
        let paths = paths.filter(|path| path != zone && !found.contains(path));
        layer = paths.collect::<BTreeSet<_>>().into_iter().collect();
        if layer.is_empty() {
            break;
        }
        found.extend(layer.iter().cloned());
    }
    found
}
