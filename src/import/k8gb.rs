//! k8gb: Gslb resources, as `kubectl get gslb -o yaml` prints them, one file for each cluster.
//!
//! A cluster is a region, by its geo tag. What the resource itself says is the strategy; its addresses stand in `status`, and a
//! cluster knows its own (`status.loadBalancer.exposedIps`) and what it saw of the others. So the same Gslb is given from each
//! cluster, and those of one name become one service.
//!
//! `roundRobin` answers with all clusters, which is one region of all; `failover` is an order that begins with the primary geo tag;
//! `geoip` goes by place, which k8gb takes out of a field of the database that its operator fills; weights are shares of regions.
use std::collections::BTreeMap;

use super::draft::{
    DraftMember, DraftPool, DraftService, DraftSteering, EVERYWHERE, ImportDraft, MemberTarget,
    PlaceLists,
};
use super::file::{ImportedFile, UnreadableFile};
use super::node::ConfigNode;
use super::remark::SourceLine;
use super::toml_text::{quoted, slug};
use super::zone_text::absolute;

/// k8gb's own default.
const TTL: u32 = 30;

/// A host, as all clusters together have it.
struct GslbHost {
    origin: SourceLine,
    strategy: String,
    primary: Option<String>,
    weights: Vec<(String, u32)>,
    ttl: u32,
    /// Addresses by geo tag.
    clusters: BTreeMap<String, Vec<DraftMember>>,
}

pub(super) fn draw(files: &[ImportedFile], draft: &mut ImportDraft) -> Result<(), UnreadableFile> {
    let mut hosts: BTreeMap<String, GslbHost> = BTreeMap::new();
    for file in files {
        for document in file.yaml()? {
            let items = document.get("items").unwrap_or(&document).items();
            for gslb in items
                .iter()
                .filter(|item| item.text_of("kind") == Some("Gslb"))
            {
                read(gslb, file, &mut hosts, draft);
            }
        }
    }
    for (name, host) in hosts {
        let zone = name.split_once('.').map_or(name.as_str(), |(_, zone)| zone);
        draft.zone(zone, &host.origin);
        service(&name, host, draft);
    }
    Ok(())
}

fn read(
    gslb: &ConfigNode,
    file: &ImportedFile,
    hosts: &mut BTreeMap<String, GslbHost>,
    draft: &mut ImportDraft,
) {
    let origin = file.origin(gslb.line);
    let strategy = gslb.at(&["spec", "strategy"]);
    let text = |key: &str| strategy.and_then(|own| own.text_of(key));
    let names = names(gslb);
    if names.is_empty() {
        let (why, help) = (
            "it leads to an Ingress that is not among the files",
            "give the Gslb with its status, or the Ingress's hosts",
        );
        draft.lose(&origin, "a Gslb without hosts", why, help);
    }
    let tag = gslb.at(&["status", "geoTag"]).and_then(ConfigNode::text);
    let tag = slug(tag.unwrap_or_else(|| file.base().split('.').next().unwrap_or_default()));
    for name in names {
        let host = hosts.entry(absolute(name)).or_insert_with(|| GslbHost {
            origin: origin.clone(),
            strategy: text("type").unwrap_or("roundRobin").to_owned(),
            primary: text("primaryGeoTag").map(slug),
            weights: weights(strategy),
            ttl: text("dnsTtlSeconds")
                .and_then(|ttl| ttl.parse().ok())
                .unwrap_or(TTL),
            clusters: BTreeMap::new(),
        });
        let members = members(gslb, file);
        if members.is_empty() {
            let (why, help) = (
                "its status has no address",
                "give the Gslb as the running cluster shows it, or add the endpoints",
            );
            draft.lose(&origin, format!("cluster `{tag}` of `{name}`"), why, help);
        }
        host.clusters
            .entry(tag.clone())
            .or_default()
            .extend(members);
    }
}

fn weights(strategy: Option<&ConfigNode>) -> Vec<(String, u32)> {
    let entries = strategy.and_then(|own| own.get("weight").or(own.get("weights")));
    let entries = entries.map_or(&[][..], ConfigNode::entries).iter();
    let read = entries.filter_map(|entry| {
        Some((
            slug(&entry.key),
            entry.value.text()?.trim_end_matches('%').parse().ok()?,
        ))
    });
    read.collect()
}

/// The hosts of the embedded Ingress, otherwise those that the status knows.
fn names(gslb: &ConfigNode) -> Vec<&str> {
    let rules = gslb
        .at(&["spec", "ingress", "rules"])
        .map_or(&[][..], ConfigNode::items);
    let hosts: Vec<&str> = rules
        .iter()
        .filter_map(|rule| rule.text_of("host"))
        .collect();
    if !hosts.is_empty() {
        return hosts;
    }
    let known = gslb
        .at(&["status", "serviceHealth"])
        .or(gslb.at(&["status", "healthyRecords"]));
    let known = known.map_or(&[][..], ConfigNode::entries);
    known.iter().map(|entry| entry.key.as_str()).collect()
}

/// The addresses of the cluster that shows the resource.
fn members(gslb: &ConfigNode, file: &ImportedFile) -> Vec<DraftMember> {
    let exposed = gslb.at(&["status", "loadBalancer", "exposedIps"]);
    let items = exposed.map_or(&[][..], ConfigNode::items).iter();
    let addresses = items.filter_map(|item| Some((item.line, item.text()?.parse().ok()?)));
    let members = (1..).zip(addresses).map(|(number, (line, address))| {
        let target = MemberTarget::Addresses(vec![address]);
        DraftMember::new(file.origin(line), format!("{number}"), target)
    });
    members.collect()
}

fn service(name: &str, host: GslbHost, draft: &mut ImportDraft) {
    let mut service = DraftService::new(name.trim_end_matches('.'), host.origin.clone());
    service.hostnames.push(name.to_owned());
    service.ttl = Some((None, host.ttl));
    service.monitors.push(monitor(&host.origin, draft));
    let tags: Vec<String> = host.clusters.keys().cloned().collect();
    service.answers = host
        .clusters
        .values()
        .map(Vec::len)
        .max()
        .unwrap_or(1)
        .max(1);
    let pools = host
        .clusters
        .into_iter()
        .map(|(region, members)| DraftPool { region, members });
    service.pools = pools.collect();
    match host.strategy.as_str() {
        "roundRobin" if host.weights.is_empty() => {
            let members: Vec<DraftMember> = service
                .pools
                .drain(..)
                .flat_map(|pool| {
                    let region = pool.region;
                    pool.members.into_iter().map(move |member| DraftMember {
                        label: format!("{region}-{}", member.label),
                        ..member
                    })
                })
                .collect();
            service.answers = members.len();
            service.pools.push(DraftPool {
                region: EVERYWHERE.to_owned(),
                members,
            });
        }
        "roundRobin" => service.steering = DraftSteering::Weights(host.weights),
        "failover" => {
            let first = host.primary.into_iter();
            let mut order: Vec<String> = first.collect();
            let others: Vec<String> = tags
                .into_iter()
                .filter(|tag| !order.contains(tag))
                .collect();
            order.extend(others);
            service.steering = DraftSteering::Everyone(order);
        }
        "geoip" => {
            let (why, help) = (
                "which clients belong to a geo tag stands in the database that k8gb reads",
                "state `serves` or `places`, and locations: until then clients go to the nearest region",
            );
            draft.lose(&host.origin, format!("geo tags of `{name}`"), why, help);
            service.steering = DraftSteering::ByPlace(PlaceLists::default());
        }
        other => {
            let (why, help) = (
                "no strategy has this name",
                "state `[services.NAME.steering]`",
            );
            draft.lose(&host.origin, format!("strategy `{other}`"), why, help);
        }
    }
    draft.add_service(service);
}

/// k8gb looks at the readiness of pods, which nobody outside sees.
fn monitor(origin: &SourceLine, draft: &mut ImportDraft) -> String {
    let (why, help) = (
        "k8gb goes by the readiness of pods, which only the cluster knows: endpoints are watched by https instead",
        "state the path of a health page",
    );
    draft.note(origin, "health", why, help);
    let name = "https".to_owned();
    draft
        .monitors
        .insert(name.clone(), vec![("type".to_owned(), quoted("https"))]);
    name
}
