//! The engine's state as gauges: the node, its canaries, its zones and what its regions carry.
//!
//! Endpoints and services are told apart from these ([`super::endpoints`], [`super::services`]). Several canaries of one
//! address meet in one series: Prometheus takes a series only once in a scrape.
use std::collections::BTreeMap;

use super::text::{Exposition, Kind, render_pairs, seconds, thousandths};
use crate::base::RegionId;
use crate::engine::Figures;
use crate::zones::ZoneStatus;

/// Writes the gauges of what the engine knows.
pub(super) fn write(text: &mut Exposition, figures: &Figures) {
    write_node(text, figures);
    write_certificate(text, figures);
    write_canaries(text, figures);
    write_capacity(text, figures);
    text.family(
        "waypost_geo_built_timestamp_seconds",
        Kind::Gauge,
        "When the geo database was built, in seconds since 1970.",
    )
    .sample(&[], figures.plan.geo.built_at);
    write_zones(text, figures);
}

fn write_zones(text: &mut Exposition, figures: &Figures) {
    text.family(
        "waypost_zone_names",
        Kind::Gauge,
        "Names that hold data, by zone.",
    );
    for zone in &figures.zones {
        text.sample(&[("zone", &zone.name)], zone.names);
    }
    text.family(
        "waypost_zone_declared_rrsets",
        Kind::Gauge,
        "RRsets that are declared, by zone that has any.",
    );
    for zone in figures.zones.iter().filter(|zone| zone.declared > 0) {
        text.sample(&[("zone", &zone.name)], zone.declared);
    }
    text.family(
        "waypost_zone_serial",
        Kind::Gauge,
        "The serial of the zone's SOA, by zone.",
    );
    for zone in &figures.zones {
        if let Some(serial) = zone.serial {
            text.sample(&[("zone", &zone.name)], serial);
        }
    }
    text.family(
        "waypost_zone_answered",
        Kind::Gauge,
        "0 for a zone that has not come from its primaries, came too long ago, is still being signed, or cannot be signed any more: SERVFAIL.",
    );
    for zone in &figures.zones {
        text.sample(&[("zone", &zone.name)], u8::from(zone.serial.is_some()));
    }
    text.family(
        "waypost_zone_unsigned",
        Kind::Gauge,
        "1 for a zone that is to be signed here and is not: it has no keys, or was signed and is answered SERVFAIL.",
    );
    for zone in figures.zones.iter().filter(|zone| zone.unsigned) {
        text.sample(&[("zone", &zone.name)], 1);
    }
    write_signing(text, figures);
}

fn write_signing(text: &mut Exposition, figures: &Figures) {
    let signed = || {
        let zones = figures.zones.iter();
        zones.filter_map(|zone| Some((&*zone.name, zone.signing.as_ref()?)))
    };
    text.family(
        "waypost_zone_signed_rrsets",
        Kind::Gauge,
        "RRsets that are signed, by zone.",
    );
    for (zone, signing) in signed() {
        text.sample(&[("zone", zone)], signing.rrsets);
    }
    text.family(
        "waypost_zone_signature_due_timestamp_seconds",
        Kind::Gauge,
        "When the next signature is renewed, or should have been by whoever signs the zone, in seconds since 1970, by zone.",
    );
    for (zone, signing) in signed() {
        text.sample(&[("zone", zone)], signing.due_at);
    }
    text.family(
        "waypost_zone_signature_expiry_timestamp_seconds",
        Kind::Gauge,
        "When the first signature expires, in seconds since 1970, by zone.",
    );
    for (zone, signing) in signed() {
        text.sample(&[("zone", zone)], signing.expires_at);
    }
    write_unfinished(text, figures);
    text.family(
        "waypost_zone_key",
        Kind::Gauge,
        "1 for each key of a zone, with how far it has come.",
    );
    for (zone, signing) in signed() {
        for key in &signing.keys {
            let tag = key.tag.to_string();
            let labels = [
                ("zone", zone),
                ("tag", &tag),
                ("algorithm", &key.algorithm),
                ("role", &key.role),
                ("phase", &key.phase),
            ];
            text.sample(&labels, 1);
        }
    }
}

/// The progress of signatures, where they are made here.
fn write_unfinished(text: &mut Exposition, figures: &Figures) {
    let unfinished = || {
        let zones = figures.zones.iter();
        zones.filter_map(|zone| Some((&*zone.name, zone.unfinished?)))
    };
    text.family(
        "waypost_zone_signatures_lacking",
        Kind::Gauge,
        "Signatures that a zone lacked when its signing began, by zone that is being signed.",
    );
    for (zone, unfinished) in unfinished() {
        text.sample(&[("zone", zone)], unfinished.of);
    }
    text.family(
        "waypost_zone_signatures_ready",
        Kind::Gauge,
        "How many of them have been made, by zone that is being signed.",
    );
    for (zone, unfinished) in unfinished() {
        text.sample(&[("zone", zone)], unfinished.made);
    }
    text.family(
        "waypost_zone_signatures_made_total",
        Kind::Counter,
        "Signatures made since the server started, by zone that is signed here.",
    );
    let is_ours = |zone: &&ZoneStatus| {
        let signing = zone.signing.as_ref();
        zone.unfinished.is_some() || signing.is_some_and(|signing| !signing.elsewhere)
    };
    for zone in figures.zones.iter().filter(is_ours) {
        text.sample(&[("zone", &zone.name)], zone.signatures_made);
    }
    text.family(
        "waypost_zone_signatures_unkept",
        Kind::Gauge,
        "1 for a zone whose signatures could not be read after a restart, or cannot be written for the next one.",
    );
    let unkept = |zone: &&ZoneStatus| zone.signatures_unkept.is_some();
    for zone in figures.zones.iter().filter(unkept) {
        text.sample(&[("zone", &zone.name)], 1);
    }
}

/// Nothing where nothing is encrypted.
fn write_certificate(text: &mut Exposition, figures: &Figures) {
    text.family(
        "waypost_server_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        "When the server's own certificate expires, in seconds since 1970.",
    );
    if let Some(tls) = &figures.plan.server.tls {
        text.sample(&[], tls.pair.expires);
    }
}

fn write_node(text: &mut Exposition, figures: &Figures) {
    let digests = [figures.plan.digest, figures.plan.policy];
    let [plan, policy] = digests.map(|digest| format!("{digest:016x}"));
    text.family(
        "waypost_table_generation",
        Kind::Gauge,
        "Generation of the published table.",
    )
    .sample(&[], figures.table.generation);
    text.family(
        "waypost_table_entries",
        Kind::Gauge,
        "Picks of pools and routes of classes that the published table holds.",
    )
    .sample(&[], figures.table.entries());
    text.family(
        "waypost_table_age_seconds",
        Kind::Gauge,
        "Age of the published table.",
    )
    .sample(&[], seconds(figures.at.since(figures.table.built_at).0));
    text.family(
        "waypost_config_info",
        Kind::Info,
        "1, with the digest of the whole config, and that of what is decided for clients: nodes that serve the same agree on it.",
    )
    .sample(&[("plan", &plan), ("policy", &policy)], 1);
    text.family(
        "waypost_doubting",
        Kind::Gauge,
        "Whether the node doubts its own probes (1) or not (0).",
    )
    .sample(&[], u8::from(figures.doubting));
    text.family(
        "waypost_capped",
        Kind::Gauge,
        "Whether the bound on automatic ejections holds something back (1) or not (0).",
    )
    .sample(&[], u8::from(figures.capped));
    text.family(
        "waypost_config_refused",
        Kind::Gauge,
        "Whether the config that was read last was refused (1) or is in force (0).",
    )
    .sample(&[], u8::from(figures.refused));
}

/// One series by address: several canaries of one address meet in the least.
fn write_canaries(text: &mut Exposition, figures: &Figures) {
    let mut series = BTreeMap::new();
    let plan = &figures.plan;
    for id in &plan.canaries {
        let slot = &plan.slots[id.index()];
        let address = slot.address.to_string();
        let labels = [
            ("monitor", &*plan.monitors[slot.monitor.index()].name),
            ("address", &*address),
        ];
        let passed = figures.slots[id.index()].passed;
        let least = series.entry(render_pairs(&labels)).or_insert(passed);
        *least &= passed;
    }
    text.family(
        "waypost_canary_up",
        Kind::Gauge,
        "Whether the last probe of a canary passed (1) or not (0).",
    );
    for (labels, passed) in &series {
        text.part("", labels, u8::from(*passed));
    }
}

/// What places carry and can carry, in the operator's unit; nothing where no capacity is planned.
fn write_capacity(text: &mut Exposition, figures: &Figures) {
    let regions = || (0..).map(RegionId).zip(&figures.plan.regions);
    text.family(
        "waypost_region_load",
        Kind::Gauge,
        "What a region carries by the demand that is planned with, in the operator's unit.",
    );
    for (id, region) in regions() {
        if let Some(load) = figures.region_load(id) {
            text.sample(&[("region", &region.name)], thousandths(load));
        }
    }
    text.family(
        "waypost_region_capacity",
        Kind::Gauge,
        "What a region can carry, in the operator's unit: its own bound, or what its endpoints can carry together.",
    );
    for ((_, region), capacity) in regions().zip(figures.plan.region_capacities()) {
        if let Some(capacity) = capacity {
            text.sample(&[("region", &region.name)], capacity);
        }
    }
}
