//! `[dynamic]`: its zones, keys and tokens found.
//!
//! A rule without anybody is for the roles that change zones, dns and admin. A zone that comes from primaries is theirs, so
//! that nothing can be declared in it.
use std::collections::BTreeMap;

use super::names::Names;
use crate::base::{NodeMark, Span};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::reader::At;
use crate::config::spec::{ObjectRuleSpec, RecordRuleSpec, Spec, ZoneSpec};
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::plan::{AccessRole, Declarer, Dynamic, NamePattern, ObjectKind, ObjectRule, RecordRule};

/// The rules of who may declare what.
pub(super) fn resolve(spec: &Spec, found: &mut Diagnostics) -> Dynamic {
    let own = &spec.dynamic;
    let [least, most] = &own.ttl;
    let value = |bound: &Option<At<Span>>, other| bound.as_ref().map_or(other, |own| own.value);
    let ttl = [
        value(least, Dynamic::TTL_LEAST),
        value(most, Dynamic::TTL_MOST),
    ];
    if ttl[0] > ttl[1]
        && let Some(bound) = least.as_ref().or(most.as_ref())
    {
        let message = format!("no TTL is at least {} and at most {}", ttl[0], ttl[1]);
        found
            .error(&bound.at, message)
            .help("write `min` below `max`");
    }
    let rules = own.records.iter();
    Dynamic {
        records: rules
            .filter_map(|rule| resolve_rule(rule, spec, found))
            .collect(),
        objects: own
            .objects
            .iter()
            .map(|rule| resolve_objects(rule, spec, found))
            .collect(),
        max_records: own.max_records.unwrap_or(Dynamic::MAX_RECORDS),
        ttl,
        fixed: fixed(spec),
        node: node(spec),
    }
}

/// This node in its cluster.
fn node(spec: &Spec) -> Option<NodeMark> {
    let cluster = spec.cluster.as_ref()?;
    let name = cluster.node.as_ref().map(|own| own.value.clone());
    let name = name.or_else(|| spec.server.identity.clone())?;
    let is_it = |own: &&At<String>| own.value == name;
    let mut nodes = cluster.nodes.iter();
    let own = nodes.find(|node| node.name.as_ref().filter(is_it).is_some())?;
    Some(NodeMark::of(&own.key.as_ref()?.value))
}

/// RRsets that the config itself decides: what services answer at their hostnames, and addresses of aliases.
fn fixed(spec: &Spec) -> BTreeMap<Name, Vec<u16>> {
    let addresses = [rtype::A, rtype::AAAA, rtype::CNAME];
    let aliases = spec.zones.iter().flat_map(|zone| &zone.aliases);
    let aliases =
        aliases.filter_map(|own| Some((own.name.as_ref()?.value.clone(), addresses.to_vec())));
    let hostnames = spec.services.iter().flat_map(|service| {
        let followed = service.records.iter();
        let followed = followed.filter_map(|own| own.rtype.as_ref().map(|kind| kind.value));
        let kinds: Vec<u16> = addresses.into_iter().chain(followed).collect();
        let names = service.hostnames.iter();
        names.map(move |name| (name.value.clone(), kinds.clone()))
    });
    aliases.chain(hostnames).collect()
}

fn resolve_rule(rule: &RecordRuleSpec, spec: &Spec, found: &mut Diagnostics) -> Option<RecordRule> {
    let zone = check_zone(rule, spec, found)?;
    for name in &rule.names {
        let is_inside = match NamePattern::of(&name.value) {
            NamePattern::Name(name) => name.is_within(&zone),
            NamePattern::Below(base) => base.is_within(&zone),
        };
        if !is_inside {
            found
                .error(
                    &name.at,
                    format!("`{}` does not lie in `{zone}`", name.value),
                )
                .help("a rule is for names of its own zone: write one for each zone");
        }
    }
    let types = match rule.types.is_empty() {
        true => Dynamic::TYPES.to_vec(),
        false => rule.types.iter().map(|kind| kind.value).collect(),
    };
    let names = rule.names.iter();
    Some(RecordRule {
        zone,
        names: names.map(|name| NamePattern::of(&name.value)).collect(),
        types,
        by: declarers(rule, spec, found),
    })
}

/// A rule without anybody is for admins.
fn resolve_objects(rule: &ObjectRuleSpec, spec: &Spec, found: &mut Diagnostics) -> ObjectRule {
    let kinds: Vec<ObjectKind> = match rule.kinds.is_empty() {
        true => ObjectRule::KINDS.to_vec(),
        false => rule.kinds.iter().map(|kind| kind.value).collect(),
    };
    let roles = rule.roles.iter().map(|role| role.value);
    let mut by: Vec<Declarer> = roles.map(Declarer::Role).collect();
    by.extend(tokens(&rule.tokens, spec, found));
    if rule.roles.is_empty() && rule.tokens.is_empty() {
        by = vec![Declarer::Role(AccessRole::Admin)];
    }
    ObjectRule {
        kinds,
        names: rule.names.iter().map(|name| name.value.clone()).collect(),
        hostnames: rule
            .hostnames
            .iter()
            .map(|name| NamePattern::of(&name.value))
            .collect(),
        by,
    }
}

/// The zone of a rule, which is one of the config's own.
fn check_zone(rule: &RecordRuleSpec, spec: &Spec, found: &mut Diagnostics) -> Option<Name> {
    let zone = rule.zone.as_ref()?;
    let is_it = |own: &&ZoneSpec| {
        own.name
            .as_ref()
            .is_some_and(|name| name.value == zone.value)
    };
    match spec.zones.iter().find(is_it) {
        None => {
            found
                .error(&zone.at, format!("there is no zone `{}`", zone.value))
                .help("records are declared in one of `[[zones]]`: name it as it is there")
                .rests_on(Gap::Names("zones"));
        }
        Some(own) if own.incoming.is_some() => {
            found
                .error(
                    &zone.at,
                    format!("`{}` comes from its primaries", zone.value),
                )
                .help("what a zone from elsewhere holds is decided there: declare it there");
        }
        Some(_)
            if spec
                .zones
                .iter()
                .any(|own| is_it(&own) && own.view_name().is_some()) =>
        {
            found
                .error(
                    &zone.at,
                    format!("`{}` has versions in views", zone.value),
                )
                .help(
                    "nothing can be declared in such a zone: declare in a zone of its own below it, which all views see",
                );
        }
        Some(_) => return Some(zone.value.clone()),
    }
    None
}

fn declarers(rule: &RecordRuleSpec, spec: &Spec, found: &mut Diagnostics) -> Vec<Declarer> {
    let keys = Names::new("key", spec.tsig.iter().map(|key| key.name.value.as_str()));
    let keys = keys.find_all(&rule.keys, found);
    let mut by: Vec<Declarer> = rule
        .roles
        .iter()
        .map(|role| Declarer::Role(role.value))
        .collect();
    let named = rule.roles.len() + rule.tokens.len() + rule.keys.len();
    if named == 0 {
        by = [AccessRole::Dns, AccessRole::Admin]
            .map(Declarer::Role)
            .to_vec();
    }
    by.extend(tokens(&rule.tokens, spec, found));
    by.extend(keys.into_iter().map(Declarer::Key));
    by
}

fn tokens(named: &[At<String>], spec: &Spec, found: &mut Diagnostics) -> Vec<Declarer> {
    let all = spec.tokens.iter().map(|own| own.name.value.as_str());
    let places = Names::new("token", all).find_all(named, found);
    let tokens = places.into_iter();
    tokens
        .map(|place| Declarer::Token(spec.tokens[place].name.value.clone()))
        .collect()
}
