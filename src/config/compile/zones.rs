//! Zone files into zones, with the services' hostnames mounted over them.
//!
//! A slip in the name of a zone leaves every hostname outside it and every record of its file as well. So
//! hostnames that lie in no zone are told by the domain that they share, and when a zone that has none of
//! them is called almost so, it is the zone that is told, without what its file says of it.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::base::similar;
use crate::config::Files;
use crate::config::diagnostic::{Diagnostics, Gap, Severity};
use crate::config::reader::At;
use crate::config::spec::{ServiceSpec, Spec, ZoneSpec, beside};
use crate::dns::Name;
use crate::dns::master::{self, MasterError};
use crate::dns::zone::{Mount, Zone};
use crate::plan::ZoneDnssec;

/// A zone by its apex.
pub(super) type Loaded = (Name, Zone);

/// The hostnames that belong into one zone.
#[derive(Default)]
struct Mounts {
    names: Vec<(Name, Mount)>,
    /// Whether the zone's name is known to be wrong.
    misnamed: bool,
}

/// A hostname that lies in no zone, and the service that it belongs to.
type Outside<'s> = (&'s ServiceSpec, &'s At<Name>);

/// Domains of such hostnames that are compared with the names of all zones.
const COMPARED: usize = 16;

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

/// The zones that are signed, and how.
pub(super) fn signing(spec: &Spec) -> Vec<(Name, ZoneDnssec)> {
    let zones = spec.zones.iter();
    let signed = zones.filter_map(|zone| {
        let (name, dnssec) = zone.name.as_ref().zip(zone.dnssec.as_ref())?;
        let policy = ZoneDnssec {
            keys: spec.resolve(&dnssec.keys),
            ..dnssec.policy.clone()
        };
        Some((name.value.clone(), policy))
    });
    signed.collect()
}

/// Each zone is served from one file.
fn check_apexes(spec: &Spec, found: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for name in spec.zones.iter().filter_map(|zone| zone.name.as_ref()) {
        if !seen.insert(&name.value) {
            found
                .error(&name.at, format!("a second zone `{}`", name.value))
                .help("join the files with `$INCLUDE`");
        }
    }
}

/// By zone, the hostnames that lie in it and in no smaller one.
fn mounts(spec: &Spec, found: &mut Diagnostics) -> Vec<Mounts> {
    let mut mounts: Vec<Mounts> = spec.zones.iter().map(|_| Mounts::default()).collect();
    let apexes = spec.zones.iter().zip(0..);
    let apexes = apexes.filter_map(|(zone, place)| Some((&zone.name.as_ref()?.value, place)));
    let apexes: HashMap<&Name, usize> = apexes.collect();
    let mut owners: BTreeMap<&Name, &str> = BTreeMap::new();
    let mut outside: Vec<Outside<'_>> = Vec::new();
    for (service, number) in spec.services.iter().zip(0..) {
        for hostname in &service.hostnames {
            let owner = &service.name.value;
            if let Some(other) = owners.insert(&hostname.value, owner) {
                found
                    .error(
                        &hostname.at,
                        format!("`{}` is steered twice", hostname.value),
                    )
                    .label(format!("service `{other}` has it as well"))
                    .help("a hostname belongs to one service, and is listed once");
                continue;
            }
            match zone_of(&apexes, &hostname.value) {
                Some(zone) => mounts[zone].names.push((hostname.value.clone(), number)),
                None => outside.push((service, hostname)),
            }
        }
    }
    report_outside(&outside, spec, &mut mounts, found);
    mounts
}

/// The zone with the longest apex that a hostname lies in.
fn zone_of(apexes: &HashMap<&Name, usize>, hostname: &Name) -> Option<usize> {
    let mut rest = hostname.as_wire();
    loop {
        let ancestor = Name::from_wire(rest)?;
        if let Some(zone) = apexes.get(&ancestor) {
            return Some(*zone);
        }
        rest = rest.get(1 + usize::from(rest[0])..)?;
    }
}

/// Hostnames that lie in no zone, those of one domain at the first.
fn report_outside(
    outside: &[Outside<'_>],
    spec: &Spec,
    mounts: &mut [Mounts],
    found: &mut Diagnostics,
) {
    if spec.zones.iter().any(|zone| zone.name.is_none()) {
        return; // They may lie in the zone whose name could not be read.
    }
    let mut domains: BTreeMap<Name, Vec<Outside<'_>>> = BTreeMap::new();
    for own in outside {
        domains.entry(tail(&own.1.value, 2)).or_default().push(*own);
    }
    for (nth, hostnames) in domains.values().enumerate() {
        let meant = (nth < COMPARED).then(|| meant(&hostnames[0].1.value, spec));
        let meant = meant.flatten();
        if let Some((place, _)) = meant
            && hostnames.len() > 1
            && mounts[place].names.is_empty()
        {
            mounts[place].misnamed = true;
            report_misnamed(&spec.zones[place], hostnames, found);
        } else {
            report_hostnames(hostnames, meant.map(|(_, name)| name), spec, found);
        }
    }
}

/// The last labels of a name.
fn tail(name: &Name, labels: usize) -> Name {
    let mut rest = name.as_wire();
    for _ in labels..name.labels().count() {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    Name::from_wire(rest).expect("a name without its first labels is one")
}

/// The zone that a hostname was most likely meant to lie in, by its place and its name.
fn meant<'s>(hostname: &Name, spec: &'s Spec) -> Option<(usize, &'s Name)> {
    let zones = spec.zones.iter().zip(0..);
    let mut zones = zones.filter_map(|(zone, place)| Some((place, &zone.name.as_ref()?.value)));
    zones.find(|(_, zone)| {
        let labels = zone.labels().count();
        let own = tail(hostname, labels);
        labels > 0 && similar(&own.to_string(), [&*zone.to_string()]).is_some()
    })
}

fn report_misnamed(zone: &ZoneSpec, hostnames: &[Outside<'_>], found: &mut Diagnostics) {
    let Some(name) = &zone.name else { return };
    let domain = tail(&hostnames[0].1.value, name.value.labels().count());
    let message = format!(
        "no hostname lies in zone `{}`, and {} lie in `{domain}`",
        name.value,
        hostnames.len()
    );
    found
        .error(&name.at, message)
        .label(format!("the first is `{}`", hostnames[0].1.value))
        .help(format!("did you mean `{domain}`?"))
        .rests_on(Gap::Names("zones"));
}

fn report_hostnames(
    hostnames: &[Outside<'_>],
    meant: Option<&Name>,
    spec: &Spec,
    found: &mut Diagnostics,
) {
    let (service, hostname) = hostnames[0];
    let label = match hostnames.len() - 1 {
        0 => format!("a hostname of service `{}`", service.name.value),
        1 => format!("and so does `{}`", hostnames[1].1.value),
        more => format!("and so do {more} others of its domain"),
    };
    let help = match meant {
        Some(zone) => format!("did you mean a name in `{zone}`?"),
        None => format!("the zones are: {}", some_zones(spec)),
    };
    let message = format!("`{}` lies in none of the zones", hostname.value);
    found
        .error(&hostname.at, message)
        .label(label)
        .help(help)
        .rests_on(Gap::Names("zones"));
}

/// The names of the first zones.
fn some_zones(spec: &Spec) -> String {
    const SHOWN: usize = 10;
    let names = spec.zones.iter().filter_map(|zone| zone.name.as_ref());
    let mut names: Vec<String> = names.map(|name| name.value.to_string()).collect();
    if let Some(more) = names.len().checked_sub(SHOWN + 1) {
        names.truncate(SHOWN);
        names.push(format!("and {} more", more + 1));
    }
    names.join(", ")
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
        Some(Err(_)) if zone.incoming.is_some() => {
            let apex = &zone.name.as_ref()?.value;
            return Some((apex.clone(), Zone::awaited(apex, &mounts.names)));
        }
        Some(Err(reason)) => {
            let message = format!("cannot read the zone file `{}`: {reason}", path.display());
            found.error(&file.at, message).help(HELP);
            return None;
        }
        None => {
            let message = format!("`{}` was not read", path.display());
            found.error(&file.at, message).help(HELP);
            return None;
        }
    };
    let apex = &zone.name.as_ref()?.value;
    let include = |name: &str| match files.get(&beside(&path, name)) {
        Some(brought) => brought.clone(),
        None => Err("it was not read".to_owned()),
    };
    let loaded = master::read(apex, text, &include, &mounts.names);
    let mut report_all = |severity, errors: Vec<MasterError>| {
        for error in errors {
            match error.mount.as_ref().and_then(|name| written(name, spec)) {
                Some(hostname) => report_mount(hostname, error, found),
                None => report(severity, error, &path, files, found),
            }
        }
    };
    let warnings = loaded.warnings;
    match loaded.zone {
        Ok(loaded) => {
            report_all(Severity::Warning, warnings);
            if zone.dnssec.is_none() && loaded.is_signed_elsewhere() {
                refuse_steered(mounts, spec, found);
            }
            Some((apex.clone(), loaded))
        }
        Err(_) if mounts.misnamed => None,
        Err(errors) => {
            report_all(Severity::Warning, warnings);
            report_all(Severity::Error, errors);
            None
        }
    }
}

const HELP: &str = "paths are relative to the folder of the config";

/// Whoever signed the zone has not signed the answers of names that are steered here.
fn refuse_steered(mounts: &Mounts, spec: &Spec, found: &mut Diagnostics) {
    for hostname in mounts
        .names
        .iter()
        .filter_map(|(name, _)| written(name, spec))
    {
        let message = format!(
            "`{}` is steered, and its zone comes signed: nobody would sign its answers",
            hostname.value
        );
        found
            .error(&hostname.at, message)
            .help("sign the zone here (`dnssec = {}`), or take the name out of `hostnames`");
    }
}

/// Where a steered name is written.
fn written<'s>(name: &Name, spec: &'s Spec) -> Option<&'s At<Name>> {
    let mut hostnames = spec.services.iter().flat_map(|one| &one.hostnames);
    hostnames.find(|hostname| hostname.value == *name)
}

fn report_mount(hostname: &At<Name>, error: MasterError, found: &mut Diagnostics) {
    let reported = found.error(&hostname.at, error.message);
    if let Some(help) = error.help {
        reported.help(help);
    }
}

fn report(
    severity: Severity,
    error: MasterError,
    zone: &Path,
    files: &Files,
    found: &mut Diagnostics,
) {
    let path = error
        .file
        .map_or_else(|| zone.to_owned(), |name| beside(zone, &name));
    let text = files.get(&path).and_then(|text| text.as_ref().ok());
    let text = text.map_or(&[][..], |text| text);
    let file = found.add_file(path.display().to_string(), text);
    let place = (error.line, error.column);
    let reported = found.add_at_line(file, severity, place, error.message);
    if let Some(help) = error.help {
        reported.help(help);
    }
}
