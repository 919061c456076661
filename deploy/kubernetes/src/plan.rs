//! The service that a resource asks Waypost for, by what is known of its sources.
//!
//! A source of which nothing is known keeps the addresses that it has at Waypost. One that is known to be gone goes there as well, but
//! for the last: a service without endpoints of its own would be answered with those of the regions.
use std::collections::BTreeMap;
use std::net::IpAddr;

use kube::ResourceExt;
use serde_json::{Map, Value as Json, json};

use crate::config::{Cluster, Config};
use crate::facts::{ClusterFacts, World};
use crate::resource::{Addresses, Backend, EndpointStatus, ServiceSpec, WaypostService};

/// Addresses of one endpoint at Waypost, at the most.
const MOST_ADDRESSES: usize = 64;
/// Octets of a name at Waypost.
const MOST_NAME: usize = 63;

/// The readiness of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// That of all its addresses.
    All(bool),
    /// That of each.
    Each(BTreeMap<IpAddr, bool>),
}

/// What is to be of a resource.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Why it is nothing that can be asked for.
    pub(crate) fault: Option<String>,
    /// Its table at Waypost; absent if there is nothing to declare, or to change.
    pub(crate) table: Option<Json>,
    /// Readiness of its endpoints, as far as it is known.
    pub(crate) reports: BTreeMap<String, Option<Report>>,
    /// Reason and message of what is not known, or not there.
    pub(crate) unresolved: Option<(&'static str, String)>,
    /// Its endpoints.
    pub(crate) endpoints: Vec<EndpointStatus>,
}

/// Where an endpoint's clients go.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Addresses(Vec<IpAddr>),
    Hostname(String),
}

/// A source, as it is known.
enum Source {
    Known(Target, Option<Report>),
    /// It is not there, or has no address.
    Gone(String),
    /// Nobody could say.
    Unknown(String),
}

/// The name of a resource at Waypost; no name of Kubernetes has an underscore.
pub(crate) fn name_of(config: &Config, namespace: &str, name: &str) -> String {
    format!("{}{namespace}_{name}", config.prefix)
}

/// The monitor of readiness.
pub(crate) fn monitor_of(config: &Config) -> String {
    format!("{}ready", config.prefix)
}

/// Plans a service; `declared` is its table at Waypost.
pub(crate) fn plan(
    (own, config): (&WaypostService, &Config),
    world: &World,
    declared: Option<&Json>,
) -> Wanted {
    let namespace = own.namespace().unwrap_or_default();
    let name = name_of(config, &namespace, &own.name_any());
    let backends = match checked(&own.spec, config, &name) {
        Ok(backends) => backends,
        Err(fault) => {
            return Wanted {
                fault: Some(fault),
                ..Wanted::default()
            };
        }
    };
    let nothing = ClusterFacts::default();
    let sources: Vec<_> = backends
        .iter()
        .map(|(backend, cluster)| {
            let facts = world.clusters.get(&cluster.name).unwrap_or(&nothing);
            let endpoint = format!("{name}_{}", backend.name);
            let last = declared.and_then(|table| last_target(table, &endpoint));
            (endpoint, source(backend, facts, &namespace), last)
        })
        .collect();
    // The last addresses stay where none would be left.
    let is_bare = sources.iter().all(|(_, source, last)| match source {
        Source::Known(..) => false,
        Source::Unknown(_) => last.is_none(),
        Source::Gone(_) => true,
    });
    let mut wanted = Wanted::default();
    let (mut tables, mut told) = (Vec::new(), Vec::new());
    for ((endpoint, source, last), (backend, cluster)) in sources.into_iter().zip(backends) {
        let (target, report) = match source {
            Source::Known(target, report) => (Some(target), report),
            Source::Gone(why) => {
                told.push(("NoAddresses", format!("{}: {why}", backend.name)));
                (last.filter(|_| is_bare), Some(Report::All(false)))
            }
            Source::Unknown(why) => {
                told.push(("ClusterUnreachable", format!("{}: {why}", backend.name)));
                (last, None)
            }
        };
        if let Some(why) = heard(backend, world.clusters.get(&cluster.name)) {
            told.push(("ClusterUnreachable", format!("{}: {why}", backend.name)));
        }
        let Some(target) = target else { continue };
        wanted.endpoints.push(EndpointStatus {
            backend: backend.name.clone(),
            region: cluster.region.clone(),
            addresses: target.words(),
            ready: 0,
        });
        tables.push(endpoint_table(&endpoint, (backend, cluster), &target));
        wanted.reports.insert(endpoint, report);
    }
    let reason = told.iter().map(|own| own.0).min();
    told.dedup();
    let message: Vec<String> = told.into_iter().map(|own| own.1).collect();
    wanted.unresolved = reason.map(|reason| (reason, message.join("; ")));
    wanted.table = (!tables.is_empty()).then(|| service_table(&own.spec, config, tables));
    wanted
}

/// The backends with their clusters, or what is wrong with one.
fn checked<'a>(
    spec: &'a ServiceSpec,
    config: &'a Config,
    name: &str,
) -> Result<Vec<(&'a Backend, &'a Cluster)>, String> {
    let mut names = Vec::new();
    let backends = spec.backends.iter().map(|own| {
        let Backend { name: short, cluster, .. } = own;
        if names.contains(&short) {
            return Err(format!("backends: two of them are called {short}"));
        }
        names.push(short);
        if format!("{name}_{short}").len() > MOST_NAME {
            return Err(format!(
                "{name}_{short} is longer than {MOST_NAME} octets: shorten the name of the resource, or of the backend"
            ));
        }
        let found = config.clusters.iter().find(|own| own.name == *cluster);
        let found = found.ok_or_else(|| format!("{short}: the controller knows no cluster {cluster}"))?;
        match (&own.service, &own.gateway) {
            (Some(_), None) => Ok((own, found)),
            (None, Some(_)) if found.gateways => Ok((own, found)),
            (None, Some(_)) => Err(format!("{short}: cluster {cluster} has no `gateways: true` in the controller's config")),
            (None, None) | (Some(_), Some(_)) => Err(format!("{short}: one of service and gateway")),
        }
    });
    backends.collect()
}

/// Why nothing is heard of a backend's sources now, though something is known of them.
fn heard(backend: &Backend, facts: Option<&ClusterFacts>) -> Option<String> {
    let facts = facts?;
    let fault = |is_read: bool, fault: &Option<String>| fault.clone().filter(|_| is_read);
    match backend.gateway {
        Some(_) => fault(facts.gateways.is_read, &facts.gateways.fault),
        None => fault(facts.services.is_read, &facts.services.fault)
            .or_else(|| fault(facts.slices.is_read, &facts.slices.fault)),
    }
}

fn source(backend: &Backend, facts: &ClusterFacts, namespace: &str) -> Source {
    let unread = |fault: &Option<String>| {
        let why = fault.clone();
        Source::Unknown(why.unwrap_or_else(|| "its cluster was not heard yet".to_owned()))
    };
    if let Some(gateway) = &backend.gateway {
        let Some(own) = facts.gateways.of(namespace, &gateway.name).next() else {
            return match facts.gateways.is_read {
                true => Source::Gone(format!("there is no Gateway {}", gateway.name)),
                false => unread(&facts.gateways.fault),
            };
        };
        let what = format!("Gateway {}", gateway.name);
        return balanced(&own.addresses, Some(own.is_programmed), &what);
    }
    let Some(service) = &backend.service else {
        return Source::Gone("it has no source".to_owned());
    };
    let is_there = facts.services.of(namespace, &service.name).next();
    if !facts.services.is_read {
        return unread(&facts.services.fault);
    }
    let Some(ingress) = is_there else {
        return Source::Gone(format!("there is no Service {}", service.name));
    };
    let slices = || facts.slices.of(namespace, &service.name).flatten();
    match service.addresses {
        Addresses::LoadBalancer => {
            let is_ready = slices().any(|(_, ready)| *ready);
            let is_ready = facts.slices.is_read.then_some(is_ready);
            balanced(ingress, is_ready, &format!("Service {}", service.name))
        }
        Addresses::Endpoints if !facts.slices.is_read => unread(&facts.slices.fault),
        Addresses::Endpoints => {
            let mut all: BTreeMap<IpAddr, bool> = BTreeMap::new();
            for (address, ready) in slices() {
                // One pod may be in two slices while it moves from one to the other.
                *all.entry(*address).or_default() |= ready;
            }
            each(all, &service.name)
        }
    }
}

/// The addresses of slices.
fn each(all: BTreeMap<IpAddr, bool>, service: &str) -> Source {
    if all.is_empty() {
        return Source::Gone(format!(
            "no EndpointSlice of Service {service} has an address"
        ));
    }
    let mut all: Vec<_> = all.into_iter().collect();
    if all.len() > MOST_ADDRESSES {
        all.sort_by_key(|(address, ready)| (!ready, *address));
        all.truncate(MOST_ADDRESSES);
        all.sort_unstable();
    }
    let first = all[0].1;
    let report = match all.iter().all(|own| own.1 == first) {
        true => Report::All(first),
        false => Report::Each(all.iter().copied().collect()),
    };
    let addresses = all.into_iter().map(|own| own.0);
    Source::Known(Target::Addresses(addresses.collect()), Some(report))
}

/// The addresses of a load balancer, or its name.
fn balanced(addresses: &[String], is_ready: Option<bool>, what: &str) -> Source {
    let mut all: Vec<IpAddr> = addresses
        .iter()
        .filter_map(|own| own.parse().ok())
        .collect();
    all.sort_unstable();
    all.dedup();
    all.truncate(MOST_ADDRESSES);
    let target = match (all.is_empty(), addresses.first()) {
        (false, _) => Target::Addresses(all),
        (true, Some(name)) => Target::Hostname(name.clone()),
        (true, None) => return Source::Gone(format!("{what} has no address yet")),
    };
    Source::Known(target, is_ready.map(Report::All))
}

/// The target of an endpoint as it is declared.
fn last_target(table: &Json, endpoint: &str) -> Option<Target> {
    let all = table["endpoints"].as_array()?;
    let own = all.iter().find(|own| own["name"] == endpoint)?;
    if let Some(name) = own["hostname"].as_str() {
        return Some(Target::Hostname(name.to_owned()));
    }
    let addresses = own["addresses"].as_array()?.iter();
    let addresses = addresses.filter_map(|own| own.as_str()?.parse().ok());
    let addresses: Vec<IpAddr> = addresses.collect();
    (!addresses.is_empty()).then_some(Target::Addresses(addresses))
}

impl Target {
    fn words(&self) -> Vec<String> {
        match self {
            Self::Addresses(all) => all.iter().map(IpAddr::to_string).collect(),
            Self::Hostname(name) => vec![name.clone()],
        }
    }
}

fn endpoint_table(endpoint: &str, of: (&Backend, &Cluster), target: &Target) -> Json {
    let (backend, cluster) = of;
    let mut own = json!({
        "name": endpoint, "region": cluster.region, "provider": cluster.provider,
        "weight": backend.weight, "tier": backend.tier,
        "probe": backend.port.map(|port| json!({ "port": port })),
    });
    match target {
        Target::Addresses(_) => own["addresses"] = json!(target.words()),
        Target::Hostname(name) => own["hostname"] = json!(name),
    }
    without_nulls(own)
}

fn service_table(spec: &ServiceSpec, config: &Config, endpoints: Vec<Json>) -> Json {
    let list = |all: &[String]| (!all.is_empty()).then(|| json!(all));
    // `any` is a word, and no list.
    let places = |all: &[String]| match all {
        [one] if one == "any" => Some(json!(one)),
        all => list(all),
    };
    let mut monitors = spec.monitors.clone();
    monitors.push(monitor_of(config));
    let steering = json!({ "policy": spec.policy, "order": list(&spec.order) });
    let steering = without_nulls(steering);
    without_nulls(json!({
        "hostnames": spec.hostnames, "monitors": monitors, "recovery": spec.recovery,
        "residency": spec.residency, "outside": places(&spec.outside), "unknown": places(&spec.unknown),
        "answers": spec.answers, "ttl": spec.ttl, "all_down": spec.all_down,
        "steering": (steering != json!({})).then_some(steering), "endpoints": endpoints,
    }))
}

fn without_nulls(own: Json) -> Json {
    let Json::Object(all) = own else { return own };
    all.into_iter().filter(|(_, own)| !own.is_null()).collect()
}

/// The merge patch (RFC 7386) that makes one object of another.
pub(crate) fn patch(from: &Json, to: &Json) -> Json {
    let (Json::Object(before), Json::Object(after)) = (from, to) else {
        return to.clone();
    };
    let mut own = Map::new();
    for (key, value) in after {
        match before.get(key) {
            Some(old) if old == value => {}
            Some(old) => drop(own.insert(key.clone(), patch(old, value))),
            None => drop(own.insert(key.clone(), value.clone())),
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        own.insert(key.clone(), Json::Null);
    }
    Json::Object(own)
}

#[cfg(test)]
mod tests;
