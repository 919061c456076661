//! `[acme]`: its keys found, its names those of our zones.
//!
//! A key without `names` has those of `[acme]`; without any there it may set every `_acme-challenge`
//! name. An operator may set those, and all that are listed for anybody.
use super::names::Names;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::Spec;
use crate::dns::Name;
use crate::dns::challenges::Pattern;
use crate::plan::{Acme, Grant};

/// Who may set challenges, and which.
pub(super) fn acme(spec: &Spec, found: &mut Diagnostics) -> Acme {
    let own = spec.acme.names.iter();
    let keys = spec.acme.keys.iter();
    for list in own.chain(keys.filter_map(|key| key.names.as_ref())) {
        check_places(list, spec, found);
    }
    let grants = grants(spec, found);
    let mut names = vec![Pattern::Challenges];
    let common = spec.acme.names.as_ref().map(|list| patterns(list));
    let listed = common.iter().chain(grants.iter().map(|grant| &grant.names));
    for pattern in listed.flatten() {
        if !names.contains(pattern) {
            names.push(pattern.clone());
        }
    }
    Acme {
        configured: spec.acme.configured,
        grants,
        names,
        expire: spec.acme.expire,
        ttl: spec.acme.ttl,
    }
}

fn grants(spec: &Spec, found: &mut Diagnostics) -> Vec<Grant> {
    let known = Names::new("key", spec.tsig.iter().map(|key| key.name.value.as_str()));
    let written: Vec<At<String>> = spec.acme.keys.iter().map(|key| key.name.clone()).collect();
    let places = known.find_all(&written, found);
    let grants = places.into_iter().filter_map(|place| {
        let mut keys = spec.acme.keys.iter();
        let key = keys.find(|key| known.place(&key.name.value) == Some(place))?;
        let names = key.names.as_ref().or(spec.acme.names.as_ref());
        Some(Grant {
            key: place,
            names: names.map_or_else(|| vec![Pattern::Challenges], |list| patterns(list)),
        })
    });
    grants.collect()
}

fn patterns(names: &[At<Name>]) -> Vec<Pattern> {
    names.iter().map(|name| Pattern::of(&name.value)).collect()
}

/// Reports names that lie in no zone of the config: nothing could ever be set there.
fn check_places(names: &[At<Name>], spec: &Spec, found: &mut Diagnostics) {
    let zones = spec.zones.iter();
    let zones: Vec<&Name> = zones
        .filter_map(|zone| zone.name.as_ref())
        .map(|name| &name.value)
        .collect();
    for name in names {
        let has_place = |zone: &&Name| match Pattern::of(&name.value) {
            Pattern::Below(base) => base.is_within(zone) || zone.is_within(&base),
            Pattern::Name(name) => name.is_within(zone),
            Pattern::Challenges => true,
        };
        if !zones.iter().any(has_place) {
            found
                .error(&name.at, format!("`{}` lies in no zone of this config", name.value))
                .help("a name that is set here is one of `[[zones]]`; an alias elsewhere may lead to it")
                .inferred();
        }
    }
}
