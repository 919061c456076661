//! Aliases of zones: what does not go together in them.
//!
//! An alias is a name of its zone that has the addresses of its target and no others, so what a zone's file says of the name must
//! leave room for them. A zone from primaries is served as they give it.
use std::collections::BTreeMap;

use super::naming::check_target;
use super::zones::Loaded;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::Spec;
use crate::dns::Name;
use crate::dns::rr::rtype;

/// Aliases are names of their zone, and have no other addresses.
pub(super) fn check(spec: &Spec, zones: &[Loaded], found: &mut Diagnostics) {
    for (number, zone) in spec.zones.iter().enumerate() {
        let mut owners: BTreeMap<&Name, ()> = BTreeMap::new();
        for alias in &zone.aliases {
            let (Some(name), Some(target), Some(apex)) = (&alias.name, &alias.target, &zone.name)
            else {
                continue;
            };
            check_target(spec, target, found);
            if !name.value.is_within(&apex.value) {
                let message = format!("`{}` is not in zone `{}`", name.value, apex.value);
                found
                    .error(&name.at, message)
                    .help("an alias belongs to the zone that its name is in");
                continue;
            }
            if owners.insert(&name.value, ()).is_some() {
                let message = format!("a second alias `{}`", name.value);
                found
                    .error(&name.at, message)
                    .help("a name has the addresses of one target");
            }
            if zone.incoming.is_some() {
                let message = "a zone from primaries is served as they give it";
                found
                    .error(&name.at, message)
                    .help("set the alias where the zone comes from");
            }
            let loaded = zones.iter().find(|one| one.number == number);
            if let Some(loaded) = loaded {
                check_owner(loaded, name, found);
            }
        }
    }
}

/// Refuses an alias where the file of the zone has addresses of its own.
fn check_owner(loaded: &Loaded, name: &At<Name>, found: &mut Diagnostics) {
    if loaded
        .mounts
        .names
        .iter()
        .any(|(own, _)| *own == name.value)
    {
        let message = format!("`{}` is a hostname of a service", name.value);
        found
            .error(&name.at, message)
            .help("give the service an endpoint with `hostname` in place of the alias");
        return;
    }
    for (rtype, word) in [
        (rtype::A, "A"),
        (rtype::AAAA, "AAAA"),
        (rtype::CNAME, "CNAME"),
    ] {
        if loaded.holds(&name.value, rtype) {
            let message = format!("`{}` has {word} records in the zone's file", name.value);
            found
                .error(&name.at, message)
                .help("remove them: an alias has the addresses of its target and no others");
            return;
        }
    }
}
