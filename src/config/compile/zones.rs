//! Zone files into zones, with the services' hostnames mounted over them.
//!
//! A slip in the name of a zone leaves every hostname outside it and every record of its file as well. So
//! hostnames that lie in no zone are told by the domain that they share, and when a zone that has none of
//! them is called almost so, it is the zone that is told, without what its file says of it.
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::{HashKey, ViewId, similar};
use crate::config::diagnostic::{Diagnostics, Gap, Severity};
use crate::config::reader::At;
use crate::config::spec::{self, CatalogSpec, ServiceSpec, Spec, ZoneSpec, beside};
use crate::config::{FiledZone, Files, copy};
use crate::dns::Name;
use crate::dns::master::{self, MasterError};
use crate::dns::zone::{Mount, catalog};
use crate::plan::{ChosenRecords, ZoneAlias, ZoneDnssec, ZonePlan};

use super::transfer::Transfer;
use super::views::{self, Views};
use super::zone_checks;

/// The hostnames that belong into one zone.
#[derive(Default)]
pub(super) struct Mounts {
    pub(super) names: Vec<(Name, Mount)>,
    /// Whether the zone's name is known to be wrong.
    misnamed: bool,
}

/// A name, and the view in which it is meant.
type SeenName<'s> = (&'s Name, Option<ViewId>);

/// A hostname that lies in no zone, and the service that it belongs to.
type Outside<'s> = (&'s ServiceSpec, &'s At<Name>);

/// Domains of such hostnames that are compared with the names of all zones.
const COMPARED: usize = 16;

/// A zone of the config with what its file holds.
pub(super) struct Loaded {
    /// Which of the config's zones.
    pub(super) number: usize,
    pub(super) mounts: Mounts,
    filed: FiledZone,
}

impl Loaded {
    /// Tells whether its file has records of a type at a name.
    pub(super) fn holds(&self, name: &Name, rtype: u16) -> bool {
        let mut sets = self.filed.zone.rrsets(name.as_wire());
        sets.any(|set| set.rtype == rtype)
    }
}

/// Reads every zone's file, of whatever view; a service's names are mounted with the mark of its records.
pub(super) fn load(
    spec: &Spec,
    records: &[ChosenRecords],
    files: &Files,
    found: &mut Diagnostics,
) -> (Vec<Loaded>, Views) {
    let views = views::resolve(spec, found);
    zone_checks::check(spec, &views, found);
    let marks: Vec<Mount> = records.iter().map(ChosenRecords::mark).collect();
    let mounts = mounts(spec, (&marks, &views), found);
    let mut zones = Vec::new();
    for (number, (zone, mounts)) in spec.zones.iter().zip(mounts).enumerate() {
        if let Some(filed) = load_one(zone, spec, files, &mounts, found) {
            zones.push(Loaded {
                number,
                mounts,
                filed,
            });
        }
    }
    (zones, views)
}

/// The plan of each zone that was read; transfers are by zone of the config.
pub(super) fn plans(
    zones: Vec<Loaded>,
    spec: &Spec,
    (transfers, views): (&[Transfer], &Views),
) -> (Vec<Arc<ZonePlan>>, Vec<FiledZone>) {
    let planned = zones.into_iter().filter_map(|loaded| {
        let transfer = transfers.get(loaded.number)?.clone();
        let own = (&spec.zones[loaded.number], views.zones[loaded.number]?);
        let plan = plan(own, spec, loaded.mounts, transfer)?;
        Some((Arc::new(plan), loaded.filed))
    });
    planned.unzip()
}

/// Reads the file of one zone of a config that is in force, with the hostnames that lie in it.
pub(super) fn reload(
    zone: &ZonePlan,
    spec: &Spec,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<FiledZone> {
    let mut zones = spec.zones.iter();
    let own = zones.find(|own| own.version_id().as_ref() == Some(&zone.id))?;
    let mounts = Mounts {
        names: zone.mounts.clone(),
        misnamed: false,
    };
    load_one(own, spec, files, &mounts, found)
}

fn plan(
    (zone, view): (&ZoneSpec, Option<ViewId>),
    spec: &Spec,
    mounts: Mounts,
    transfer: Transfer,
) -> Option<ZonePlan> {
    let dnssec = zone.dnssec.as_ref().map(|dnssec| {
        Box::new(ZoneDnssec {
            keys: spec.resolve(&dnssec.keys),
            ..dnssec.policy.clone()
        })
    });
    Some(ZonePlan {
        aliases: aliases(zone),
        apex: zone.name.as_ref()?.value.clone(),
        view,
        id: zone.version_id()?,
        file: zone.file.as_ref().map(|file| spec.resolve(file)),
        dnssec,
        outgoing: transfer.outgoing.map(Box::new),
        incoming: transfer.incoming.map(Box::new),
        mounts: mounts.names,
        is_catalog: matches!(zone.catalog.as_deref(), Some(CatalogSpec::Followed(_))),
        listed_by: zone.listed_by.clone(),
    })
}

/// The aliases of a zone.
fn aliases(zone: &ZoneSpec) -> Vec<ZoneAlias> {
    let aliases = zone.aliases.iter().filter_map(|own| {
        Some(ZoneAlias {
            owner: own.name.as_ref()?.value.clone(),
            target: own.target.as_ref()?.value.clone(),
            families: own.families,
            ttl: own.ttl.as_secs(),
        })
    });
    aliases.collect()
}

/// By zone, the hostnames that lie in it and in no smaller one of its view.
fn mounts(spec: &Spec, (marks, views): (&[Mount], &Views), found: &mut Diagnostics) -> Vec<Mounts> {
    let mut mounts: Vec<Mounts> = spec.zones.iter().map(|_| Mounts::default()).collect();
    let versions = spec.zones.iter().zip(&views.zones).zip(0..);
    let versions = versions
        .filter_map(|((zone, view), place)| Some(((&zone.name.as_ref()?.value, (*view)?), place)));
    let versions: HashMap<SeenName<'_>, usize> = versions.collect();
    let mut owners: BTreeMap<SeenName<'_>, &str> = BTreeMap::new();
    let mut outside: Vec<Outside<'_>> = Vec::new();
    let numbers = (0..)
        .zip(marks)
        .map(|(number, mark): (Mount, _)| number | mark);
    let services = spec.services.iter().zip(&views.services).zip(numbers);
    for ((service, own), number) in services {
        let all = service.hostnames.iter();
        for (hostname, view) in all.flat_map(|name| own.iter().map(move |view| (name, *view))) {
            let owner = &service.name.value;
            if let Some(other) = owners.insert((&hostname.value, view), owner) {
                found
                    .error(
                        &hostname.at,
                        format!("`{}` is steered twice", hostname.value),
                    )
                    .label(format!("service `{other}` has it as well"))
                    .help("in each view a hostname belongs to one service, and is listed once");
                continue;
            }
            match zone_of(&versions, &hostname.value, view) {
                Some((zone, of)) if of == view => {
                    mounts[zone].names.push((hostname.value.clone(), number));
                }
                Some((zone, _)) => {
                    let apex = spec.zones[zone].name.as_ref();
                    let apex = apex.map_or_else(String::new, |name| name.value.to_string());
                    let name = views.all.name(view);
                    let message = format!("view `{name}` has no version of zone `{apex}`");
                    found
                        .error(&hostname.at, message)
                        .label("so its clients are answered from the default's")
                        .help(format!(
                            "write `[[zones]]` with `name = \"{apex}\"` and `view = \"{name}\"`"
                        ));
                }
                None => outside.push((service, hostname)),
            }
        }
    }
    report_outside(&outside, spec, &mut mounts, found);
    mounts
}

/// The zone with the longest apex that a hostname lies in, as a view sees it, and whose version that is.
fn zone_of(
    versions: &HashMap<SeenName<'_>, usize>,
    hostname: &Name,
    view: Option<ViewId>,
) -> Option<(usize, Option<ViewId>)> {
    let mut rest = hostname.as_wire();
    loop {
        let ancestor = Name::from_wire(rest)?;
        for of in [view, None] {
            if let Some(zone) = versions.get(&(&ancestor, of)) {
                return Some((*zone, of));
            }
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
) -> Option<FiledZone> {
    let apex = &zone.name.as_ref()?.value;
    if let Some(CatalogSpec::Made(..)) = zone.catalog.as_deref() {
        return made_catalog((zone, apex), spec, mounts, found);
    }
    let file = zone.file.as_ref()?;
    let path = spec.resolve(file);
    let text = match files.get(&path) {
        Some(Ok(text)) => text,
        Some(Err(_)) if zone.incoming.is_some() => {
            return Some(FiledZone::awaited(apex, &mounts.names, None));
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
    if zone.incoming.is_some()
        && let Some(damage) = damage(&path, text, files)
    {
        return Some(set_aside(file, apex, mounts, damage, found));
    }
    let include = |name: &str| match files.get(&beside(&path, name)) {
        Some(brought) => brought.clone(),
        None => Err("it was not read".to_owned()),
    };
    let loaded = master::read(apex, text, &include, &mounts.names);
    let report_all = |severity, errors: Vec<MasterError>, found: &mut Diagnostics| {
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
            report_all(Severity::Warning, warnings, found);
            if zone.dnssec.is_none() && loaded.is_signed_elsewhere() {
                refuse_steered(mounts, spec, found);
            }
            Some(FiledZone {
                zone: Arc::new(loaded),
                digest: digest(&path, files),
                damage: None,
            })
        }
        Err(_) if mounts.misnamed => None,
        Err(errors)
            if zone.incoming.is_some() && errors.iter().all(|error| error.mount.is_none()) =>
        {
            let first = errors.into_iter().next();
            let damage = first.map_or_else(String::new, |error| {
                format!("line {}: {}", error.line, error.message)
            });
            Some(set_aside(file, apex, mounts, damage, found))
        }
        Err(errors) => {
            report_all(Severity::Warning, warnings, found);
            report_all(Severity::Error, errors, found);
            None
        }
    }
}

/// A catalog that lists zones of this config.
fn made_catalog(
    (zone, apex): (&ZoneSpec, &Name),
    spec: &Spec,
    mounts: &Mounts,
    found: &mut Diagnostics,
) -> Option<FiledZone> {
    let (members, unknown) = spec.made_members(zone);
    for member in unknown {
        found
            .error(&member.at, format!("`{}` is no zone that secondaries get", member.value))
            .help("name zones of this config that have `transfer`, or leave `members` out for all of them");
    }
    if let Some(hostname) = mounts
        .names
        .first()
        .and_then(|(name, _)| written(name, spec))
    {
        found
            .error(&hostname.at, format!("`{}` lies in a catalog zone", hostname.value))
            .help("a catalog lists zones and nothing else: give it a name outside of all that is answered");
    }
    let text = catalog::text(apex, &members);
    let none = |_: &str| Err("a catalog includes nothing".to_owned());
    let loaded = master::read(apex, text.as_bytes(), &none, &[]).zone;
    let name = zone.name.as_ref()?;
    match loaded {
        Ok(loaded) => Some(FiledZone {
            zone: Arc::new(loaded),
            digest: HashKey::from_secret(b"zone").hash(text.as_bytes()),
            damage: None,
        }),
        Err(errors) => {
            let first = errors.into_iter().next();
            let why = first.map_or_else(String::new, |error| error.message);
            found
                .error(
                    &name.at,
                    format!("no catalog can be made of the zones: {why}"),
                )
                .help("give it a shorter name");
            None
        }
    }
}

/// What is wrong with the copy of a zone from a primary, by the record that is kept beside it.
fn damage(path: &Path, text: &[u8], files: &Files) -> Option<String> {
    let record = files.get(&copy::record_of(path))?.as_ref().ok()?;
    match copy::is_whole(text, record) {
        true => None,
        false => Some("it is not what was written: cut, or changed since".to_owned()),
    }
}

/// A damaged copy of a zone from a primary costs that zone alone, until it has come again.
fn set_aside(
    file: &At<String>,
    apex: &Name,
    mounts: &Mounts,
    damage: String,
    found: &mut Diagnostics,
) -> FiledZone {
    found
        .warn(
            &file.at,
            format!(
                "the copy of `{apex}` in `{}` is damaged: {damage}",
                file.value
            ),
        )
        .label("the zone is answered SERVFAIL until it has come from a primary again")
        .help("a server that starts sets the file aside and fetches the zone anew");
    FiledZone::awaited(apex, &mounts.names, Some(damage))
}

/// A number for the file of a zone and all that it includes.
fn digest(path: &Path, files: &Files) -> u64 {
    let included = spec::included(path, files);
    let all = std::iter::once(path).chain(included.iter().map(PathBuf::as_path));
    let texts = all.filter_map(|path| files.get(path)?.as_ref().ok());
    texts.fold(HashKey::from_secret(b"zone").0, |state, text| {
        HashKey(state).hash(text)
    })
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
    let text = text.map_or_else(|| Arc::from([]), Arc::clone);
    let file = found.add_file(path.display().to_string(), text);
    let place = (error.line, error.column);
    let reported = found.add_at_line(file, severity, place, error.message);
    if let Some(help) = error.help {
        reported.help(help);
    }
}
