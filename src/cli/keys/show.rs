//! The keys of a zone, their DS records, and their secrets.
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::arguments::{Ds, Export, List};
use super::change::now;
use super::{Signed, judged, signed};
use crate::base::Utc;
use crate::cli::say;
use crate::daemon::Failure;
use crate::dns::Name;
use crate::dns::dnssec::pkcs8;
use crate::keys::{Key, Report, Ring, Time, as_utc};

/// A zone's keys, for programs.
#[derive(Serialize)]
struct ZoneReport {
    zone: Name,
    folder: PathBuf,
    #[serde(flatten)]
    report: Report,
    /// Private files of the zone that are not in use.
    strays: Vec<PathBuf>,
}

/// A DS record, for programs.
#[derive(Serialize)]
struct DsReport {
    tag: u16,
    algorithm: u8,
    digest_type: u8,
    digest: String,
    /// Whether the parent may have it now.
    ready: bool,
    /// From when on it may, if that can be said.
    #[serde(rename = "ready_at", serialize_with = "as_utc")]
    from: Option<Time>,
}

/// Shows the keys of one zone or of all.
pub(super) fn list(arguments: &List) -> Result<ExitCode, Failure> {
    let zones: Vec<Name> = match &arguments.zone {
        Some(zone) => vec![zone.clone()],
        None => {
            let zoning = judged::read(&arguments.config.config)?.compiled.zoning;
            let signed = zoning.zones.iter().filter(|zone| zone.dnssec.is_some());
            signed.map(|zone| zone.id.clone()).collect()
        }
    };
    let mut reports = Vec::new();
    for zone in &zones {
        let signed = signed(&arguments.config, zone)?;
        let ring = signed.store.ring().map_err(|error| error.to_string())?;
        reports.push(report(&signed, &ring)?);
    }
    if arguments.json {
        print_json(&reports)?;
    } else {
        reports.iter().for_each(print);
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows one zone after something was changed.
pub(super) fn zone(signed: &Signed, ring: &Ring, json: bool) -> Result<ExitCode, Failure> {
    let report = report(signed, ring)?;
    match json {
        true => print_json(&report)?,
        false => print(&report),
    }
    Ok(ExitCode::SUCCESS)
}

fn report(signed: &Signed, ring: &Ring) -> Result<ZoneReport, Failure> {
    let strays = signed.store.strays(ring);
    Ok(ZoneReport {
        zone: signed.store.zone().clone(),
        folder: signed.how.keys.clone(),
        report: ring.report(&signed.policy),
        strays: strays.map_err(|error| error.to_string())?,
    })
}

fn print(report: &ZoneReport) {
    let zone = &report.zone;
    let state = match report.report.signed {
        Some(since) => format!("signed since {}", shown(since)),
        None => "not signed".to_owned(),
    };
    say(&format!(
        "{zone}: {state}; keys in {}",
        report.folder.display()
    ));
    for key in &report.report.keys {
        let since = key.key.latest();
        say(&format!(
            "  {:>5}  {}  {:<11} {:<9} since {}",
            key.key.id.tag,
            key.key.role.word(),
            key.key.id.algorithm.name(),
            key.phase,
            shown(since)
        ));
    }
    if report.report.keys.is_empty() {
        say(&format!(
            "  no keys: `waypost keys generate {zone}` makes some"
        ));
    }
    for next in &report.report.next {
        say(&format!("  next: {}", ahead(zone, next)));
    }
    for stray in &report.strays {
        say(&format!("  not in use: {}", stray.display()));
    }
}

/// A step that lies ahead, for a person.
fn ahead(zone: &Name, next: &crate::keys::NextReport) -> String {
    let what = match next.tag {
        Some(tag) => format!("{} {tag}", next.step),
        None => next.step.to_owned(),
    };
    match (next.at, next.tag) {
        (Some(time), _) if time <= now() => format!("{what}, by the server that serves the zone"),
        (Some(time), _) => format!("{what} from {} on", shown(time)),
        (None, Some(tag)) => format!(
            "when every server of the parent has the DS of {tag}: `waypost keys ds {zone} --seen {tag}`"
        ),
        (None, None) => format!(
            "when no server of the parent has a DS any more: `waypost keys ds {zone} --gone`"
        ),
    }
}

/// Prints the DS records that the parent should have.
pub(super) fn ds(arguments: &Ds) -> Result<ExitCode, Failure> {
    let zone = &arguments.zone.zone;
    let signed = signed(&arguments.zone.config, zone)?;
    let ring = signed.store.ring().map_err(|error| error.to_string())?;
    let mut entries = ring.live().filter(|key| key.role.is_entry()).peekable();
    if entries.peek().is_none() {
        return Err(format!(
            "zone `{zone}` has no keys: `waypost keys generate {zone}` makes some"
        ));
    }
    let mut reports = Vec::new();
    for key in entries {
        let is_replaced = ring
            .submitted()
            .is_some_and(|last| key.submitted < last.submitted)
            && key.submitted.is_some();
        if !is_replaced {
            reports.push(ds_report(&signed, &ring, key, arguments)?);
        }
    }
    if arguments.json {
        print_json(&reports)?;
        return Ok(ExitCode::SUCCESS);
    }
    for one in reports {
        let from = one.from.map_or("its zone is signed".to_owned(), |from| {
            shown(from).to_string()
        });
        if !one.ready {
            say(&format!("; not before {from}:"));
        }
        let (algorithm, kind) = (one.algorithm, one.digest_type);
        say(&format!(
            "{zone}. IN DS {} {algorithm} {kind} {}",
            one.tag, one.digest
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn ds_report(signed: &Signed, ring: &Ring, key: &Key, arguments: &Ds) -> Result<DsReport, Failure> {
    let public = signed
        .store
        .public(key.id)
        .map_err(|error| error.to_string())?;
    let rdata = public.ds(&arguments.zone.zone, arguments.digest.digest());
    let digest = rdata.iter().skip(4).map(|octet| format!("{octet:02X}"));
    let report = ring.report(&signed.policy);
    let mut submission = report.next.iter().filter(|next| next.step == "submit");
    Ok(DsReport {
        tag: key.id.tag,
        algorithm: key.id.algorithm.number(),
        digest_type: arguments.digest.digest().number(),
        digest: digest.collect(),
        ready: key.submitted.is_some(),
        from: submission
            .find(|next| next.tag == Some(key.id.tag))
            .and_then(|next| next.at),
    })
}

/// Prints a private key.
pub(super) fn export(arguments: &Export) -> Result<ExitCode, Failure> {
    let zone = &arguments.zone.zone;
    let signed = signed(&arguments.zone.config, zone)?;
    let ring = signed.store.ring().map_err(|error| error.to_string())?;
    let mut keys = ring.keys.iter();
    let Some(key) = keys.find(|key| key.id.tag == arguments.tag) else {
        return Err(format!("zone `{zone}` has no key {}", arguments.tag));
    };
    let key = signed
        .store
        .key(key.id)
        .map_err(|error| error.to_string())?;
    let text = pkcs8::write(&key).ok_or("the key cannot be written")?;
    say(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    say(&text);
    Ok(())
}

/// `2026-11-26 04:14:23 UTC`.
fn shown(time: Time) -> Utc {
    Utc::from_seconds(time.0)
}
