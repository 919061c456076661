//! The policy that two nodes must agree on, as one number.
//!
//! Nodes of one service listen on addresses of their own, have names, tokens and folders of their own, and may have read the
//! same zones at different times. What they must not differ in is what clients are told: where regions
//! are and whom they claim, endpoints, weights, monitors, recoveries, services, fences, guards, and by which key
//! clients fall into cohorts, and who votes on health in a cluster. That is read from what was compiled, so comments, spelling and defaults that are
//! written out make no difference. The geo database has a date of its own to be compared by.
use std::fmt::Debug;

use super::checks::Checks;
use super::places::Places;
use super::services::Draft;
use crate::base::{HashKey, Permille};
use crate::config::cluster::{ClusterNodeSpec, ClusterSpec};
use crate::config::maintenance::{MaintenanceSpec, WindowLength};
use crate::config::reader::At;
use crate::config::spec::{DiscoverySpec, Spec};
use crate::config::watch::FollowSpec;
use crate::monitor::source::ProbeSource;
use crate::plan::{FamilyPairing, Service, Subnets};

/// The hash of the policy.
pub(super) fn of(
    spec: &Spec,
    (places, checks): (&Places<'_>, &Checks<'_>),
    cohorts: HashKey,
    (drafts, services): (&[Draft<'_>], &[Service]),
) -> u64 {
    let key = HashKey::from_secret(b"policy");
    let mut hash = 0;
    let mut add = |one: &dyn Debug| {
        let text = format!("{hash:016x} {one:?}");
        hash = key.hash(text.as_bytes());
    };
    add(&cohorts.hash(b"cohorts"));
    add(&spec.guard);
    add(&spec
        .canaries
        .iter()
        .map(|one| one.value)
        .collect::<Vec<_>>());
    add(&places.jurisdictions);
    add(&places.regions);
    add(&places.endpoints);
    let followed = places
        .written
        .iter()
        .flat_map(|one| [&one.weight_from, &one.capacity_from].map(Option::as_deref));
    let followed: Vec<_> = followed
        .map(|one| one.map(|one| follows(&one.value)))
        .collect();
    if followed.iter().any(Option::is_some) {
        add(&followed);
    }
    add(&(&places.marks, &places.default));
    let overrides = spec.geo.overrides.iter();
    add(&overrides
        .clone()
        .map(|(network, own, _)| (network.value, *own))
        .collect::<Vec<_>>());
    let cities: Vec<_> = overrides.filter_map(|(_, _, city)| city.clone()).collect();
    if !cities.is_empty() {
        add(&cities);
    }
    for monitor in &checks.monitors {
        let mut monitor = monitor.clone();
        monitor.check.forget_paths();
        // Each node has addresses and interfaces of its own.
        monitor.source = ProbeSource::default();
        add(&monitor);
    }
    add(&checks.recoveries);
    if !spec.maintenance.is_empty() {
        let windows = spec.maintenance.iter().map(window);
        add(&windows.collect::<Vec<_>>());
    }
    if checks.own.iter().any(Option::is_some) {
        add(&checks.own);
    }
    for (draft, service) in drafts.iter().zip(services) {
        add(&draft.steering.outcome());
        add_service(service, &mut add);
    }
    let mut zones: Vec<String> = spec
        .zones
        .iter()
        .filter_map(|zone| Some((zone.name.as_ref()?, zone.dnssec.is_some())))
        .map(|(name, signed)| format!("{} {signed}", name.value.to_string().to_ascii_lowercase()))
        .collect();
    zones.sort();
    add(&zones);
    if !spec.discovery.is_empty() {
        let all = spec.discovery.iter().map(discovery);
        add(&all.collect::<Vec<_>>());
    }
    if let Some(own) = &spec.cluster {
        add(&cluster(own));
    }
    hash
}

/// The source of a number, wherever it stands in the file.
fn follows(spec: &FollowSpec) -> impl Debug {
    let FollowSpec {
        monitor,
        min,
        max,
        change_per_minute,
        stale_after,
    } = spec;
    let (monitor, max) = (written(monitor.as_ref()), written(max.as_ref()));
    format!("{monitor:?} {min} {max:?} {change_per_minute:?} {stale_after:?}")
}

/// A window of maintenance, wherever it stands in the file. Its reason is for people.
fn window(spec: &MaintenanceSpec) -> impl Debug {
    let MaintenanceSpec {
        name,
        scope,
        reason: _,
        start,
        zone,
        length,
        recurrence,
        lead,
    } = spec;
    let length = match length {
        WindowLength::For(span) => format!("for {span:?}"),
        WindowLength::Until(end) => format!("until {:?}", end.value),
        WindowLength::Unknown => String::new(),
    };
    let (scope, start) = (written(scope.as_ref()), written(start.as_ref()));
    let (name, zone, recurrence) = (&name.value, zone.iana_name(), written(recurrence.as_ref()));
    format!("{name:?} {scope:?} {start:?} {zone:?} {length} {recurrence:?} {lead:?}")
}

/// A discovery but for its source, which may be another on each node, and for bounds that decide when, not what.
fn discovery(spec: &DiscoverySpec) -> impl Debug {
    let (region, service) = (
        written(spec.region.as_ref()),
        written(spec.service.as_ref()),
    );
    let place = format!(
        "{region:?} {service:?} {:?}",
        written(spec.jurisdiction.as_ref())
    );
    let networks: Vec<_> = spec.networks.iter().map(|own| own.value).collect();
    let (name, provider, tier) = (&spec.name.value, &spec.provider, spec.tier);
    let (weight, port, flatten) = (spec.weight, spec.probe_port, spec.flatten);
    format!("{name:?} {place} {provider:?} {tier} {weight:?} {port} {flatten:?} {networks:?}")
}

/// The voters, and their rules: two nodes that differ in them come to different rulings. Which of the nodes this is, and how
/// others are reached, is each node's own.
fn cluster(spec: &ClusterSpec) -> impl Debug {
    let ClusterSpec {
        name,
        nodes,
        beat,
        alone_after,
        up_while,
        at: _,
        node: _,
        key: _,
        certificate: _,
        private_key: _,
        roots: _,
        revoked: _,
        listen: _,
        peers: _,
        nats: _,
        withdraw: _,
        withdraw_hold: _,
        stale_after: _,
        distribute: _,
        roll_cookies: _,
    } = spec;
    let nodes = nodes.iter().map(|node| {
        let ClusterNodeSpec {
            name,
            key,
            region,
            provider,
            // It is for people, and no ruling depends on it.
            control: _,
            is_vantage,
            is_revoked,
        } = node;
        let [name, region, provider] = [name, region, provider].map(|own| written(own.as_ref()));
        let key = written(key.as_ref());
        format!("{name:?} {key:?} {region:?} {provider:?} {is_vantage} {is_revoked}")
    });
    let mut nodes: Vec<String> = nodes.collect();
    nodes.sort();
    let (name, up_while) = (written(name.as_ref()), written(up_while.as_ref()));
    format!(
        "{name:?} {nodes:?} {beat:?} {:?} {up_while:?}",
        alone_after.value
    )
}

/// A value without its place in the file.
fn written<T>(value: Option<&At<T>>) -> Option<&T> {
    value.map(|own| &own.value)
}

/// A service but for the number of its map; who is alike for it follows from the rest.
fn add_service(service: &Service, add: &mut impl FnMut(&dyn Debug)) {
    let Service {
        name,
        hostnames,
        map: _,
        steering,
        // It is in the key of the steering.
        measured: _,
        residency,
        all_down,
        outside,
        unknown,
        demand,
        overload,
        answers,
        ttl,
        monitors,
        combination,
        reported,
        recovery,
        is_signed,
        // Each node resolves names by itself.
        is_unresolved: _,
        records,
        views,
        pools,
    } = service;
    if views[..] != [None] {
        add(views);
    }
    let hostnames: Vec<String> = hostnames.iter().map(ToString::to_string).collect();
    add(&(name, hostnames, residency, all_down, outside, unknown));
    add(&(demand, overload, answers, ttl, monitors, recovery));
    if !records.is_empty() {
        add(records);
    }
    // How clients are sorted is in the key of the steering, and so is what is not said here.
    if steering.subnets != Subnets::Counted {
        add(&steering.subnets);
    }
    if steering.families != FamilyPairing::Apart {
        add(&steering.families);
    }
    if combination.is_some() || !reported.is_empty() {
        add(&(combination, reported));
    }
    let trickle = pools.iter().flatten().map(|pool| pool.trickle).max();
    if trickle.is_some_and(|trickle| trickle > Permille::NONE) {
        add(&trickle);
    }
    if steering.is_sticky {
        add(&steering.is_sticky);
    }
    let least = pools.iter().flatten().map(|pool| pool.min_up);
    add(&least.collect::<Vec<_>>());
    let tiers = pools.iter().flatten().flat_map(|pool| &pool.tiers);
    // Signed fleets answer otherwise while some of a set are down.
    let fleets = tiers.clone().any(|tier| tier.fleet.is_some());
    if fleets {
        add(&is_signed);
    }
    let members = tiers.map(|tier| (tier.number, &tier.members));
    add(&members.collect::<Vec<_>>());
}
