//! Amazon Route 53: record sets and health checks in the JSON of `aws route53 list-resource-record-sets` and
//! `list-health-checks`.
//!
//! Record sets of one name and different set identifiers are one service. *Weighted*, *failover* and *multivalue* answer choose
//! among endpoints, in one region; *geolocation* chooses by place, *latency* and *geoproximity* by distance, and each set of these is a
//! region ([`regions`]). An alias to a name in the same files is what that name answers ([`targets`]), so that trees of
//! record sets become pools; any other alias is a machine known by name. A and AAAA of one set are one endpoint.
mod checks;
mod regions;
mod sets;
mod targets;

use sets::{ALIAS_TTL, HostedSets, RecordSet, RoutingKind, plain};

use super::draft::{DraftPool, DraftService, DraftSteering, EVERYWHERE, ImportDraft};
use super::file::{ImportedFile, UnreadableFile};
use super::node::ConfigNode;
use super::remark::{Feature, SourceLine};
use super::zone_text::absolute_data;

pub(super) fn draw(files: &[ImportedFile], draft: &mut ImportDraft) -> Result<(), UnreadableFile> {
    let mut all = HostedSets::default();
    for file in files {
        for document in file.yaml()? {
            all.read(&document, file);
        }
    }
    let apexes: Vec<(String, SourceLine)> = all.apexes();
    for (apex, origin) in &apexes {
        draft.zone(apex, origin);
    }
    for (name, sets) in &all.sets {
        let Some(apex) = apex_of(name, &apexes) else {
            let (why, help) = (
                "no SOA among the files is of a zone above it",
                "give all record sets of its zone",
            );
            draft.lose(&sets[0].origin, format!("`{name}`"), why, help);
            continue;
        };
        all.draw_name(name, apex, draft);
    }
    Ok(())
}

/// The apex of the zone of a name.
fn apex_of<'a>(name: &str, apexes: &'a [(String, SourceLine)]) -> Option<&'a str> {
    let all = apexes.iter().map(|(apex, _)| apex.as_str());
    let above = all.filter(|apex| is_below(name, apex));
    above.max_by_key(|apex| apex.len())
}

fn is_below(name: &str, apex: &str) -> bool {
    name == apex || name.ends_with(&format!(".{apex}"))
}

impl HostedSets {
    /// All sets of a name: what follows a choice, and what does not.
    fn draw_name(&self, name: &str, apex: &str, draft: &mut ImportDraft) {
        let sets = &self.sets[name];
        let steered: Vec<&RecordSet> = sets
            .iter()
            .filter(|set| {
                set.is_address()
                    && (set.routing() != RoutingKind::Simple
                        || set.node.get("AliasTarget").is_some())
            })
            .collect();
        for set in sets {
            if set.routing() != RoutingKind::Simple && !set.is_address() {
                draft.lacks(
                    Feature::SteeredRecords,
                    &set.origin,
                    format!("{} {} `{}`", set.name, set.kind, set.identifier()),
                );
            } else if set.routing() == RoutingKind::Simple
                && !steered.iter().any(|own| std::ptr::eq(*own, set))
            {
                for (_, value) in set.values() {
                    let data = absolute_data(&set.kind, value);
                    draft
                        .zone(apex, &set.origin)
                        .record(name, set.ttl(), &set.kind, &data);
                }
            }
        }
        if let Some(first) = steered.first() {
            self.draw_service(name, first, &steered, draft);
        }
    }

    fn draw_service(
        &self,
        name: &str,
        first: &RecordSet,
        sets: &[&RecordSet],
        draft: &mut ImportDraft,
    ) {
        if first.routing() == RoutingKind::Simple {
            self.draw_alias(name, first, draft);
            return;
        }
        let mut service = DraftService::new(name.trim_end_matches('.'), first.origin.clone());
        service.hostnames.push(name.to_owned());
        service.ttl = Some((
            None,
            sets.iter().map(|set| set.ttl()).max().unwrap_or(ALIAS_TTL),
        ));
        match first.routing() {
            RoutingKind::Simple
            | RoutingKind::Weighted
            | RoutingKind::Failover
            | RoutingKind::Multivalue => {
                let members = self.members_of(name, 0, draft);
                service.answers = if first.routing() == RoutingKind::Multivalue {
                    8
                } else {
                    1
                };
                service.answers = service.answers.min(members.len()).max(1);
                service.pools.push(DraftPool {
                    region: EVERYWHERE.to_owned(),
                    members,
                });
            }
            RoutingKind::Geolocation => self.by_geolocation(&mut service, sets, draft),
            RoutingKind::Latency | RoutingKind::Geoproximity => {
                self.by_distance(&mut service, sets, draft)
            }
            RoutingKind::Cidr => {
                self.by_distance(&mut service, sets, draft);
                let (why, help) = (
                    "the networks stand in a CIDR collection, which is not among record sets",
                    "name them in `places`",
                );
                draft.lose(&first.origin, format!("networks of `{name}`"), why, help);
                let order = service.pools.iter().map(|pool| pool.region.clone());
                service.steering = DraftSteering::Everyone(order.collect());
            }
        }
        draft.add_service(service);
    }

    /// A lone alias: a service of what it leads to, or a borrowed name.
    fn draw_alias(&self, name: &str, set: &RecordSet, draft: &mut ImportDraft) {
        let target = set
            .node
            .at(&["AliasTarget", "DNSName"])
            .and_then(ConfigNode::text);
        let target = plain(target.unwrap_or_default());
        let apexes = self.apexes();
        let Some(apex) = apex_of(name, &apexes) else {
            return;
        };
        let Some(own) = self.sets.get(&target).filter(|_| target != *name) else {
            let zone = draft.zone(apex, &set.origin);
            zone.alias(name, &target, [set.kind.as_str()]);
            return;
        };
        let steered = own
            .iter()
            .find(|set| set.is_address() && set.routing() != RoutingKind::Simple);
        match steered {
            // The service of the target answers here as well.
            Some(first) => {
                let sets: Vec<&RecordSet> = own.iter().filter(|set| set.is_address()).collect();
                self.draw_service(&target, first, &sets, draft);
                let service = draft
                    .services
                    .iter_mut()
                    .find(|service| service.hostnames.contains(&target));
                if let Some(service) =
                    service.filter(|service| !service.hostnames.iter().any(|own| own == name))
                {
                    service.hostnames.push(name.to_owned());
                }
            }
            None => {
                for own in own.iter().filter(|own| own.kind == set.kind) {
                    for (_, value) in own.values() {
                        draft.zone(apex, &set.origin).record(
                            name,
                            own.ttl(),
                            &own.kind,
                            &absolute_data(&own.kind, value),
                        );
                    }
                }
                let (why, help) = (
                    "its records are copies: a change there is to be made here too",
                    "write a CNAME where one may stand",
                );
                draft.note(&set.origin, format!("{name} alias to {target}"), why, help);
            }
        }
    }
}
