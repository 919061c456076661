//! Resolves names, checks what goes together, and builds the plan.
//!
//! All checks run before anything is built, and each goes on where another failed: what could
//! not be resolved is left out, and whoever would miss it says nothing. Ids are given in the
//! order of the config. The plan is built only when no check found an error, so building
//! need not ask again.
//!
//! | module | what it resolves |
//! |---|---|
//! | `names` | a name, or what was most likely meant |
//! | `naming` | machines that are known by name, and who is asked for them |
//! | `aliases` | names of zones with the addresses of others |
//! | `places` | jurisdictions, regions, endpoints |
//! | `checks` | monitors, recoveries |
//! | `defence` | what keeps the server from being used against others |
//! | `services` | services and their sizes |
//! | `steering` | how the clients of a service prefer regions |
//! | `fences` | whether a strict service can answer everybody |
//! | `capacity` | demands, and whether they go with the capacities |
//! | `records` | records that follow the choice, and what cannot stand beside them |
//! | `zone_checks` | what of zones does not go together |
//! | `zones` | zone files, with hostnames mounted |
//! | `geo` | the geo database |
//! | `claim_level` | which of two claims on a client counts |
//! | `claims` | whether it can serve what regions claim |
//! | `maps` | clients into classes |
//! | `tls` | the server's own certificate and key |
//! | `transfer` | who gets zones, and where they come from |
//! | `access` | who may ask the control API what |
//! | `notify` | who is told when something happens |
//! | `observation` | the form of the log, and where samples of answers go |
//! | `given` | whether answers of strict services may leave with them |
//! | `acme` | who may set challenges |
//! | `dynamic` | who may declare records |
//! | `discovery` | sources of endpoints |
//! | `cluster` | the nodes that share what they see, and whether they can agree |
//! | `tsig` | keys shared with other servers |
//! | `views` | clients with zones of their own, and which zones and services those are |
//! | `weights` | weights that are too small to hold |
//! | `policy` | what two nodes must agree on, as one number |
//! | `targets` | slots, targets, pools and cohort orders |
mod access;
mod acme;
mod aliases;
mod capacity;
mod checks;
mod claim_level;
mod claims;
mod cluster;
mod deals;
mod defence;
mod discovery;
mod dynamic;
mod fences;
mod followed;
mod geo;
mod given;
mod internal;
mod latency;
mod lots;
mod maintenance;
mod maps;
mod names;
mod naming;
mod notify;
mod observation;
mod places;
mod policy;
mod records;
mod region_sorting;
mod services;
mod steering;
mod targets;
mod tls;
mod transfer;
mod trickle;
mod tsig;
mod views;
mod watch;
mod weights;
mod zone_checks;
mod zones;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostic::Diagnostics;
use super::reader::At;
use super::spec::Spec;
use super::{Compiled, FiledZone, Files};
use crate::base::{HashKey, MapId, Permille, limits};
use crate::geo::{Atlas, FileDigest};
use crate::names::KnownNames;
use crate::plan::{
    ChosenRecords, Control, Defence, Endpoint, Followed, GeoFile, Overload, Plan, Resolving,
    Server, Service, Tls, TtlBounds, ZonePlan, Zoning,
};

use checks::Checks;
pub(crate) use latency::measured_client;
use names::within;
use places::Places;
use services::Draft;
use targets::Wiring;

/// All parts of a plan that were checked.
struct Parts<'p> {
    places: &'p Places<'p>,
    checks: &'p Checks<'p>,
    drafts: &'p [Draft<'p>],
    /// By service.
    records: Vec<ChosenRecords>,
    defence: Defence,
    atlas: Arc<Atlas>,
    geo: GeoFile,
    tls: Option<Tls>,
    control: Control,
}

/// Resolves a spec.
pub(crate) fn compile(
    spec: &Spec,
    mut found: Diagnostics,
    files: &Files,
) -> Result<(Compiled, Diagnostics), Diagnostics> {
    let compiled = try_compile(spec, &mut found, files);
    found.settle();
    match compiled {
        Some(compiled) if !found.has_errors() => Ok((compiled, found)),
        _ => Err(found),
    }
}

/// Reads the file of one zone again.
pub(crate) fn compile_zone(
    spec: &Spec,
    zone: &ZonePlan,
    files: &Files,
) -> Result<(FiledZone, Diagnostics), Diagnostics> {
    let mut found = Diagnostics::of_document(&spec.document);
    let filed = zones::reload(zone, spec, files, &mut found);
    found.settle();
    match filed {
        Some(filed) if !found.has_errors() => Ok((filed, found)),
        _ => Err(found),
    }
}

fn try_compile(spec: &Spec, found: &mut Diagnostics, files: &Files) -> Option<Compiled> {
    check_listeners(spec, found);
    check_canaries(spec, found);
    if !check_limits(spec, found) {
        return None;
    }
    let places = Places::resolve(spec, &files.names, found);
    let places = places.measured(spec, latency::read(spec, files, found));
    let checks = Checks::resolve(spec, &places, files, found);
    let drafts = services::resolve(spec, &places, &checks, found);
    naming::check((spec, &places), &drafts, found);
    let records = records::resolve(&drafts, &places, found);
    let (zones, views) = zones::load(spec, &records, files, found);
    records::check_zones(spec, &zones, found);
    aliases::check(spec, &zones, found);
    let tls = tls::resolve(spec, files, found);
    let resolving = naming::resolving(spec, files, found);
    let control = access::control(spec, files, found);
    let tsig = tsig::keys(spec, files, found);
    let mut transfers = transfer::resolve(spec, found);
    let given = &mut transfers.transfers;
    given::settle(spec, (&places, &drafts), &zones, given, found);
    let defence = defence::resolve(spec, files, found);
    let acme = acme::acme(spec, found);
    let dynamic = dynamic::resolve(spec, found);
    let discoveries = discovery::resolve(spec, &places, files, found);
    let cluster = cluster::resolve(spec, files, found).map(Arc::new);
    if found.has_errors() && spec.geo.database.is_none() {
        return None; // Nothing can be wrong with the embedded database.
    }
    let (atlas, geo) = geo::atlas(spec, &places, files, found)?;
    let mut transfers = transfers.locate(&atlas, found);
    given::render(spec, (&places, &atlas), &zones, &mut transfers);
    if found.has_errors() {
        return None;
    }
    let parts = Parts {
        places: &places,
        checks: &checks,
        drafts: &drafts,
        records,
        defence,
        atlas,
        geo,
        tls,
        control,
    };
    let mut plan = build(spec, files, parts, found);
    views.enter(&mut plan);
    (plan.resolving, plan.discoveries, plan.cluster) = (resolving, discoveries, cluster);
    plan.maintenance = maintenance::resolve(spec, &plan, found);
    check_bounds(spec, &plan, found);
    followed::check(&plan, &places, found);
    services::check_signed(&plan, &drafts, found);
    trickle::check(spec, &plan, &drafts, found);
    let given = (&zones[..], &transfers[..]);
    given::check(spec, (&places, &plan), &drafts, given, found);
    let (plans, zones) = zones::plans(zones, spec, (&transfers, &views));
    Some(Compiled {
        zoning: Zoning {
            zones: plans,
            tsig,
            views: Arc::clone(&plan.views),
            acme,
            dynamic,
            state: Some(spec.state()),
            max_shrink: spec.guard.max_shrink,
        },
        plan,
        zones,
    })
}

/// A bound on ejections that is less than the lightest target lets nothing leave, ever. A target
/// weighs what its endpoint can carry if all of them say, otherwise each is one.
fn check_bounds(spec: &Spec, plan: &Plan, found: &mut Diagnostics) {
    let all_say = plan.endpoints.iter().all(|own| own.capacity.is_some());
    let weights = plan.targets.iter().map(|target| {
        let capacity = plan.endpoints[target.endpoint.index()].capacity;
        u64::from(capacity.filter(|_| all_say).unwrap_or(1).max(1))
    });
    let (whole, lightest) = (weights.clone().sum::<u64>(), weights.min().unwrap_or(0));
    for bound in &spec.ejection_bounds {
        if whole * u64::from(bound.value.0) / 1000 >= lightest {
            continue;
        }
        let least = (lightest * 1000).div_ceil(whole);
        let least = Permille(u16::try_from(least).unwrap_or(1000));
        found
            .warn(&bound.at, "so little is less than any endpoint is")
            .label("endpoints that fail are never taken out of the answers")
            .help(format!(
                "write at least \"{least}\", or leave the key away (\"100%\")"
            ))
            .inferred();
    }
}

/// Each address can be listened on once, and one that stands for all of its family takes the
/// port on each of them.
fn check_listeners(spec: &Spec, found: &mut Diagnostics) {
    let mut taken: Vec<(Carrier, SocketAddr)> = Vec::new();
    for (carrier, listen) in listeners(spec) {
        let own = listen.value;
        if own.port() == 0 {
            continue;
        }
        let rivals = taken.iter().filter(|(other, _)| carrier.meets(*other));
        let covers = |other: &&SocketAddr| {
            let is_wide = own.ip().is_unspecified() || other.ip().is_unspecified();
            let is_kin = own.is_ipv4() == other.is_ipv4() && own.port() == other.port();
            **other == own || is_kin && is_wide
        };
        match rivals.map(|(_, address)| address).find(covers) {
            None => {}
            Some(other) if *other == own => {
                found
                    .error(&listen.at, format!("`{own}` is listened on already"))
                    .help("give it a port of its own");
            }
            Some(other) => {
                found
                    .error(
                        &listen.at,
                        format!("`{own}` and `{other}` cannot both be had"),
                    )
                    .label("one of them means every address, so the other's as well")
                    .help("keep one of them, or give it a port of its own");
            }
        }
        taken.push((carrier, own));
    }
}

/// What a listener takes its port of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Udp,
    Tcp,
    Both,
}

impl Carrier {
    fn meets(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }
}

fn listeners(spec: &Spec) -> impl Iterator<Item = (Carrier, &At<SocketAddr>)> {
    let own = spec.server.listen.iter().map(|one| (Carrier::Both, one));
    let tls = spec.server.tls.iter();
    let streams = tls
        .clone()
        .flat_map(|tls| tls.listen.iter().chain(&tls.listen_https));
    let quic = tls.flat_map(|tls| &tls.listen_quic);
    let control = spec.control.listen.iter().chain(&spec.control.metrics);
    let peers = spec.cluster.iter().flat_map(|own| &own.listen);
    own.chain(
        streams
            .chain(control)
            .chain(peers)
            .map(|one| (Carrier::Tcp, one)),
    )
    .chain(quic.map(|one| (Carrier::Udp, one)))
}

/// A canary tells whether this node's own network works; one of the endpoints could not.
fn check_canaries(spec: &Spec, found: &mut Diagnostics) {
    for canary in &spec.canaries {
        let ip = canary.value.ip();
        let owner = spec
            .endpoints()
            .find(|one| one.addresses.iter().any(|own| own.value == ip));
        if let Some(owner) = owner {
            let message = format!("`{ip}` is an address of endpoint `{}`", owner.name.value);
            found.warn(&canary.at, message).help(
                "a canary must not fail with what it is to judge: choose one outside this config",
            );
        }
    }
}

/// Ids must not run out; false if they would.
fn check_limits(spec: &Spec, found: &mut Diagnostics) -> bool {
    use limits::{
        CLAIMED_NETWORKS, ENDPOINTS, JURISDICTIONS, MONITORS, REGIONS, SERVICES, TSIG_KEYS, ZONES,
    };
    let jurisdictions = spec.jurisdictions.iter().map(|one| &one.name.at);
    let regions = spec.regions.iter().map(|one| &one.name.at);
    let endpoints = spec.endpoints();
    let monitors = spec.monitors.iter().map(|one| &one.name.at);
    let recoveries = spec.recoveries.iter().map(|one| &one.name.at);
    let services = spec.services.iter().map(|one| &one.name.at);
    let zones = spec.zones.iter().filter_map(|one| one.name.as_ref());
    let tsig = spec.tsig.iter().map(|one| &one.name.at);
    let claims = spec
        .claims()
        .filter(|one| places::network(&one.value).is_some());
    let claims = claims.map(|one| &one.at);
    let fits = [
        within("jurisdictions", JURISDICTIONS, jurisdictions, found),
        within("regions", REGIONS, regions, found),
        within(
            "endpoints",
            ENDPOINTS,
            endpoints.map(|one| &one.name.at),
            found,
        ),
        within("monitors", MONITORS, monitors, found),
        within("recoveries", MONITORS, recoveries, found),
        within("services", SERVICES, services, found),
        within("zones", ZONES, zones.map(|name| &name.at), found),
        within("keys", TSIG_KEYS, tsig, found),
        within("claimed networks", CLAIMED_NETWORKS, claims, found),
    ];
    fits == [true; 9]
}

fn build(spec: &Spec, files: &Files, parts: Parts<'_>, found: &mut Diagnostics) -> Plan {
    let (maps, map_ids) = maps::build(parts.drafts, parts.places, &parts.atlas, found);
    let endpoints = weighed(parts.places, parts.checks, found);
    let mut wiring = Wiring::new(parts.places, parts.checks);
    let drafts = parts.drafts.iter().zip(map_ids).zip(parts.records.clone());
    let services = drafts.map(|((draft, map), records)| Service {
        records,
        ..service(draft, map, &mut wiring)
    });
    let services: Vec<Service> = services.collect();
    let canaries = wiring.canaries(&spec.canaries);
    Plan {
        claimants: places::claimants(spec, &parts.places.marks),
        resolving: Resolving::default(),
        discoveries: Vec::new(),
        cluster: None,
        digest: digest(spec, files),
        policy: policy(spec, files, &parts, &services),
        key: cohort_key(spec, files),
        server: server(spec, parts.tls, parts.defence),
        control: parts.control,
        guard: spec.guard.clone(),
        jurisdictions: parts.places.jurisdictions.clone(),
        regions: parts.places.regions.clone(),
        endpoints,
        monitors: parts.checks.monitors.clone(),
        recoveries: parts.checks.recoveries.clone(),
        slots: wiring.slots,
        targets: wiring.targets,
        canaries,
        // Of scopes of this plan.
        maintenance: Vec::new(),
        services,
        maps: maps.into(),
        // They are resolved beside it, like those of services.
        views: Arc::default(),
        atlas: parts.atlas,
        geo: parts.geo,
    }
}

/// The hash of the policy: as if names had the addresses that stand for them, and nothing was discovered, since each node resolves
/// and discovers at times of its own.
fn policy(spec: &Spec, files: &Files, parts: &Parts<'_>, services: &[Service]) -> u64 {
    let of =
        |places: &Places<'_>, checks: &Checks<'_>, drafts: &[Draft<'_>], services: &[Service]| {
            policy::of(
                spec,
                (places, checks),
                cohort_key(spec, files),
                (drafts, services),
            )
        };
    let is_stated = spec.endpoints().all(|one| one.discovery.is_none());
    if is_stated && parts.places.endpoints.iter().all(|one| one.named.is_none()) {
        return of(parts.places, parts.checks, parts.drafts, services);
    }
    let mut told = Diagnostics::of_document(&spec.document);
    let places = Places::resolve_stated(spec, &KnownNames::default(), &mut told);
    let places = places.measured(spec, parts.places.latency.clone());
    let checks = Checks::resolve(spec, &places, files, &mut told);
    let drafts = services::resolve(spec, &places, &checks, &mut told);
    let mut wiring = Wiring::new(&places, &checks);
    let services = drafts.iter().zip(services);
    let services = services.map(|(draft, own)| Service {
        records: own.records.clone(),
        ..service(draft, own.map, &mut wiring)
    });
    let services: Vec<Service> = services.collect();
    of(&places, &checks, &drafts, &services)
}

/// The plan of a config in force with other addresses of names.
pub(crate) fn readdress(spec: &Spec, files: &Files, in_force: &Plan) -> Result<Plan, Diagnostics> {
    let mut found = Diagnostics::of_document(&spec.document);
    let places = Places::resolve(spec, &files.names, &mut found);
    let checks = Checks::resolve(spec, &places, files, &mut found);
    let drafts = services::resolve(spec, &places, &checks, &mut found);
    let mut wiring = Wiring::new(&places, &checks);
    let services = drafts.iter().zip(&in_force.services);
    let services = services.map(|(draft, own)| Service {
        records: own.records.clone(),
        views: own.views.clone(),
        measured: own.measured.clone(),
        ..service(draft, own.map, &mut wiring)
    });
    let services = services.collect();
    let canaries = wiring.canaries(&spec.canaries);
    let plan = Plan {
        endpoints: weighed(&places, &checks, &mut found),
        slots: wiring.slots,
        targets: wiring.targets,
        canaries,
        services,
        ..in_force.clone()
    };
    services::check_signed(&plan, &drafts, &mut found);
    match found.has_errors() {
        true => Err(found),
        false => Ok(plan),
    }
}

/// All endpoints, with the sources of what follows a value.
fn weighed(places: &Places<'_>, checks: &Checks<'_>, found: &mut Diagnostics) -> Vec<Endpoint> {
    let pairs = places.endpoints.iter().zip(&places.written);
    let weighed = pairs.map(|(endpoint, written)| Endpoint {
        weight_from: followed::source((written, Followed::Weight), checks, found),
        capacity_from: followed::source((written, Followed::Capacity), checks, found),
        ..endpoint.clone()
    });
    weighed.collect()
}

fn server(spec: &Spec, tls: Option<Tls>, defence: Defence) -> Server {
    let server = &spec.server;
    Server {
        listen: server.listen.iter().map(|listen| listen.value).collect(),
        identity: server.identity.clone(),
        version: server.version.clone(),
        udp_reply_bytes: server.udp_reply_bytes,
        threads: server.threads,
        connections: server.connections.unwrap_or(limits::STREAM_CONNECTIONS),
        tls,
        defence,
        exec: server.exec,
    }
}

fn service(draft: &Draft<'_>, map: MapId, wiring: &mut Wiring<'_>) -> Service {
    let places = wiring.places;
    let spec = draft.spec;
    let hostnames = spec.hostnames.iter().map(|name| name.value.clone());
    Service {
        name: spec.name.value.clone(),
        hostnames: hostnames.collect(),
        map,
        steering: draft.steering.facts,
        measured: draft.steering.measured(),
        residency: spec.residency.value,
        all_down: spec.all_down,
        outside: draft.outside,
        unknown: draft.unknown,
        demand: draft.demand.clone(),
        overload: spec
            .overload
            .as_ref()
            .map_or(Overload::Spread, |given| given.value),
        answers: spec.answers.value,
        ttl: TtlBounds {
            min: spec.ttl_min,
            max: spec.ttl_max,
        },
        monitors: draft.watch.monitors.clone(),
        combination: draft.watch.combination.clone(),
        reported: draft.watch.reported.clone(),
        recovery: draft.recovery,
        is_signed: draft.is_signed,
        is_unresolved: draft.endpoints.iter().any(|id| {
            let own = &places.endpoints[id.index()];
            own.named.is_some() && own.addresses.is_empty()
        }),
        records: ChosenRecords::default(),
        views: Vec::new(),
        pools: wiring.pools(draft),
    }
}

/// The key of the cohort hash: the operator's, else that on which the nodes of a cluster have agreed, else one that is the same on
/// all nodes that serve the same zones.
fn cohort_key(spec: &Spec, files: &Files) -> HashKey {
    if let Some(secret) = &spec.server.cohort_key {
        return HashKey::from_secret(secret.value.as_bytes());
    }
    if let Some(key) = files.agreed.cohort.filter(|_| spec.cluster.is_some()) {
        return key;
    }
    // What catalogs list comes and goes, and moves nobody.
    let own = spec.zones.iter().filter(|zone| zone.listed_by.is_none());
    let zones = own.filter_map(|zone| zone.name.as_ref());
    let mut names: Vec<String> = zones
        .map(|name| name.value.to_string().to_ascii_lowercase())
        .collect();
    names.sort();
    // Another version of a zone moves nobody.
    names.dedup();
    HashKey::from_secret(names.join(" ").as_bytes())
}

/// One number for the config and all that it names but what the server writes itself; the same whether the geo database
/// was compiled before or not.
fn digest(spec: &Spec, files: &Files) -> u64 {
    let key = HashKey::from_secret(b"digest");
    let mut own: BTreeSet<PathBuf> = spec.written_here().into_iter().collect();
    let geo = spec.geo_file();
    let read = || files.get(geo.as_ref()?)?.as_ref().ok();
    let of_geo = match &files.geo {
        Some(ready) => Some(ready.digest),
        None => read().map(|octets| FileDigest::of(octets)),
    };
    own.extend(geo.clone());
    let others = files.iter().filter(|(path, _)| !own.contains(*path));
    let texts = others.filter_map(|(_, file)| file.as_ref().ok());
    let values = spec
        .document
        .filled()
        .iter()
        .map(|(_, value)| value.as_bytes());
    let own = std::iter::once(spec.text().as_bytes()).chain(values);
    let texts = own.chain(texts.map(|text| &**text));
    let hashes: Vec<u8> = texts
        .map(|text| key.hash(text))
        .chain(of_geo)
        .chain(
            [files.discovered.digest(), files.agreed.digest()]
                .into_iter()
                .filter(|digest| *digest != 0),
        )
        .flat_map(u64::to_le_bytes)
        .collect();
    key.hash(&hashes)
}
