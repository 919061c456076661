//! Zone files into zones, with the services' hostnames mounted over them.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::{ServiceSpec, Spec, ZoneSpec, beside};
use crate::dns::Name;
use crate::dns::master::{self, MasterError};
use crate::dns::zone::{Mount, Zone};

/// A zone by its apex.
pub(super) type Loaded = (Name, Zone);

/// The hostnames that belong into one zone.
type Mounts = Vec<(Name, Mount)>;

pub(super) fn load(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Vec<Loaded> {
    check_apexes(spec, found);
    let mounts = mounts(spec, found);
    let mut zones = Vec::new();
    for (zone, mounts) in spec.zones.iter().zip(mounts) {
        if let Some(loaded) = load_one(zone, spec, files, &mounts, found) {
            zones.push(loaded);
        }
    }
    zones
}

/// Each zone is served from one file.
fn check_apexes(spec: &Spec, found: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for name in spec.zones.iter().filter_map(|zone| zone.name.as_ref()) {
        if !seen.insert(&name.value) {
            found.error(&name.at, format!("a second zone `{}`", name.value));
        }
    }
}

/// By zone, the hostnames that lie in it and in no smaller one.
fn mounts(spec: &Spec, found: &mut Diagnostics) -> Vec<Mounts> {
    let mut mounts: Vec<Mounts> = spec.zones.iter().map(|_| Vec::new()).collect();
    let mut owners: BTreeMap<&Name, &str> = BTreeMap::new();
    for (service, number) in spec.services.iter().zip(0..) {
        for hostname in &service.hostnames {
            let owner = &service.name.value;
            if let Some(other) = owners.insert(&hostname.value, owner) {
                found
                    .error(
                        &hostname.at,
                        format!("`{}` is steered twice", hostname.value),
                    )
                    .label(format!("service `{other}` has it as well"));
                continue;
            }
            match zone_of(spec, &hostname.value) {
                Some(zone) => mounts[zone].push((hostname.value.clone(), number)),
                None => report_outside(spec, service, hostname, found),
            }
        }
    }
    mounts
}

fn zone_of(spec: &Spec, hostname: &Name) -> Option<usize> {
    let apexes = spec.zones.iter().enumerate();
    apexes
        .filter_map(|(place, zone)| Some((place, &zone.name.as_ref()?.value)))
        .filter(|(_, apex)| hostname.is_within(apex))
        .max_by_key(|(_, apex)| apex.as_wire().len())
        .map(|(place, _)| place)
}

fn report_outside(
    spec: &Spec,
    service: &ServiceSpec,
    hostname: &At<Name>,
    found: &mut Diagnostics,
) {
    if spec.zones.iter().any(|zone| zone.name.is_none()) {
        return; // It may lie in the zone whose name could not be read.
    }
    let message = format!("`{}` lies in none of the zones", hostname.value);
    let names = spec.zones.iter().filter_map(|zone| zone.name.as_ref());
    let names: Vec<String> = names.map(|name| name.value.to_string()).collect();
    found
        .error(&hostname.at, message)
        .label(format!("a hostname of service `{}`", service.name.value))
        .help(format!("the zones are: {}", names.join(", ")))
        .inferred();
}

fn load_one(
    zone: &ZoneSpec,
    spec: &Spec,
    files: &Files,
    mounts: &Mounts,
    found: &mut Diagnostics,
) -> Option<Loaded> {
    let file = zone.file.as_ref()?;
    let path = spec.resolve(file);
    let text = match files.get(&path) {
        Some(Ok(text)) => text,
        Some(Err(reason)) => {
            let message = format!("cannot read the zone file `{}`: {reason}", path.display());
            found.error(&file.at, message);
            return None;
        }
        None => {
            found.error(&file.at, format!("`{}` was not read", path.display()));
            return None;
        }
    };
    let apex = &zone.name.as_ref()?.value;
    let include = |name: &str| files.get(&beside(&path, name))?.as_ref().ok().cloned();
    match master::load(apex, text, &include, mounts) {
        Ok(zone) => Some((apex.clone(), zone)),
        Err(errors) => {
            for error in errors {
                report(error, &path, files, found);
            }
            None
        }
    }
}

fn report(error: MasterError, zone: &Path, files: &Files, found: &mut Diagnostics) {
    let path = error
        .file
        .map_or_else(|| zone.to_owned(), |name| beside(zone, &name));
    let text = files.get(&path).and_then(|text| text.as_ref().ok());
    let text = text.map_or(&[][..], |text| text);
    let file = found.add_file(path.display().to_string(), text);
    let place = (error.line, error.column);
    let reported = found.error_at_line(file, place, error.message);
    if let Some(help) = error.help {
        reported.help(help);
    }
}
