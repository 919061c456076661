//! The endpoints that record sets choose among.
//!
//! A weighted or failover set is one endpoint with all its values. One that is an alias to another name of the files has the
//! endpoints of that name; a weight is then shared out among them, and tiers come one behind the other.
use super::sets::{HostedSets, RecordSet, RoutingKind, plain};
use crate::import::draft::{DraftMember, ImportDraft, MemberTarget};
use crate::import::node::ConfigNode;

/// Aliases of aliases that are followed.
const DEPTH: usize = 8;

impl HostedSets {
    /// The endpoints of a name whose sets choose among endpoints.
    pub(super) fn members_of(
        &self,
        name: &str,
        depth: usize,
        draft: &mut ImportDraft,
    ) -> Vec<DraftMember> {
        let sets = self.sets.get(name).map_or(&[][..], Vec::as_slice);
        let mut members: Vec<DraftMember> = Vec::new();
        for set in sets.iter().filter(|set| set.is_address()) {
            let own = self.targets(set, depth, draft);
            let own = match set.routing() {
                RoutingKind::Weighted => weigh(own, set.node.number_of("Weight").unwrap_or(0)),
                RoutingKind::Failover if set.node.text_of("Failover") == Some("SECONDARY") => {
                    behind(own, sets, self, (depth, draft))
                }
                RoutingKind::Simple
                | RoutingKind::Failover
                | RoutingKind::Multivalue
                | RoutingKind::Geolocation
                | RoutingKind::Latency
                | RoutingKind::Geoproximity
                | RoutingKind::Cidr => own,
            };
            for member in own {
                merge(&mut members, member);
            }
        }
        members
    }

    /// The endpoints of one set.
    pub(super) fn targets(
        &self,
        set: &RecordSet,
        depth: usize,
        draft: &mut ImportDraft,
    ) -> Vec<DraftMember> {
        let monitors = self.monitors(set, draft);
        let Some(alias) = set
            .node
            .at(&["AliasTarget", "DNSName"])
            .and_then(ConfigNode::text)
        else {
            return self.valued(set, monitors);
        };
        let alias = plain(alias);
        let Some(sets) = self
            .sets
            .get(&alias)
            .filter(|_| depth < DEPTH && alias != set.name)
        else {
            let target = MemberTarget::Hostname(alias.trim_start_matches("dualstack.").to_owned());
            let mut member = DraftMember::new(set.origin.clone(), set.identifier(), target);
            member.monitors = monitors;
            return vec![member];
        };
        let is_nested = sets.iter().any(|set| {
            !matches!(
                set.routing(),
                RoutingKind::Simple
                    | RoutingKind::Weighted
                    | RoutingKind::Failover
                    | RoutingKind::Multivalue
            )
        });
        if is_nested {
            let (why, help) = (
                "clients are sorted by place once, and not again inside a region",
                "list the places of both in one service",
            );
            draft.lose(&set.origin, format!("alias to `{alias}`"), why, help);
        }
        let mut members = self.members_of(&alias, depth + 1, draft);
        for member in &mut members {
            member.label = format!("{}-{}", set.identifier(), member.label);
            if let Some(own) = &monitors {
                member
                    .monitors
                    .get_or_insert_default()
                    .extend(own.iter().cloned());
            }
        }
        members
    }

    /// The values of a set, as one endpoint.
    fn valued(&self, set: &RecordSet, monitors: Option<Vec<String>>) -> Vec<DraftMember> {
        let values = set.values();
        let addresses: Vec<_> = values
            .iter()
            .filter_map(|(_, value)| value.parse().ok())
            .collect();
        let target = match (set.kind.as_str(), values.first()) {
            ("CNAME", Some((_, name))) => MemberTarget::Hostname(plain(name)),
            (_, _) => MemberTarget::Addresses(addresses),
        };
        let mut member = DraftMember::new(set.origin.clone(), set.identifier(), target);
        member.probe = self.probed_elsewhere(set, &member);
        member.monitors = monitors;
        vec![member]
    }
}

/// Puts a secondary behind all tiers of the primary.
fn behind(
    own: Vec<DraftMember>,
    sets: &[RecordSet],
    all: &HostedSets,
    rest: (usize, &mut ImportDraft),
) -> Vec<DraftMember> {
    let (depth, draft) = rest;
    let primaries = sets
        .iter()
        .filter(|set| set.is_address() && set.node.text_of("Failover") == Some("PRIMARY"));
    let tiers = primaries
        .flat_map(|set| all.targets(set, depth, draft))
        .map(|member| member.tier);
    let after = tiers.max().unwrap_or(1);
    own.into_iter()
        .map(|member| DraftMember {
            tier: member.tier + after,
            ..member
        })
        .collect()
}

/// Shares out a weight; the parts are as large as the weights inside make them.
fn weigh(mut members: Vec<DraftMember>, weight: u64) -> Vec<DraftMember> {
    let weight = u32::try_from(weight).unwrap_or(u32::MAX);
    let inside: u32 = members.iter().map(|member| member.weight).sum();
    for member in &mut members {
        member.weight = match (weight, inside) {
            (0, _) | (_, 0) => 0,
            (_, _) => (weight * 200 * member.weight / inside).max(1),
        };
    }
    members
}

/// Adds an endpoint, or the addresses of its other family to the one of the same set.
fn merge(members: &mut Vec<DraftMember>, member: DraftMember) {
    let same = members.iter_mut().find(|own| {
        own.label == member.label && own.weight == member.weight && own.tier == member.tier
    });
    match same.map(|own| (&mut own.target, &member.target)) {
        Some((MemberTarget::Addresses(own), MemberTarget::Addresses(more))) => {
            let more = more.iter().filter(|one| !own.contains(one)).copied();
            let more: Vec<_> = more.collect();
            own.extend(more);
        }
        Some((MemberTarget::Hostname(own), MemberTarget::Hostname(more))) if own == more => {}
        _ => members.push(member),
    }
}
