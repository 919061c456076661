//! The engine's status as gauges.
//!
//! An endpoint of two services may have two targets of one family; the label `monitors` tells them
//! apart. But one address may be probed for several hosts; such things meet in one series by
//! the rule that the operator would want: the least share, the oldest probe, the first
//! certificate to expire. Prometheus takes a series only once in a scrape, so they must meet.
use std::collections::BTreeMap;

use super::text::{Exposition, Kind, render_labels};
use crate::engine::Status;
use crate::engine::status::{EndpointStatus, RegionStatus, SlotStatus, TargetStatus};
use crate::zones::ZoneStatus;

/// Samples by rendered labels.
type Series = BTreeMap<String, f64>;

/// Everything per endpoint, gathered in one walk.
#[derive(Default)]
struct Endpoints {
    states: Series,
    shares: Series,
    up: Series,
    unwatched: Series,
    ages: Series,
    expiries: Series,
}

/// Writes the gauges of a status.
pub(super) fn write(text: &mut Exposition, status: &Status) {
    write_node(text, status);
    write_certificate(text, status);
    write_canaries(text, status);
    write_endpoints(text, status);
    write_services(text, status);
    write_capacity(text, status);
    text.family(
        "waypost_geo_built_timestamp_seconds",
        Kind::Gauge,
        "When the geo database was built, in seconds since 1970.",
    )
    .sample(&[], status.geo.built_at);
    text.family(
        "waypost_zone_names",
        Kind::Gauge,
        "Names that hold data, by zone.",
    );
    for zone in &status.zones {
        text.sample(&[("zone", &zone.name)], zone.names);
    }
    text.family(
        "waypost_zone_serial",
        Kind::Gauge,
        "The serial of the zone's SOA, by zone.",
    );
    for zone in &status.zones {
        if let Some(serial) = zone.serial {
            text.sample(&[("zone", &zone.name)], serial);
        }
    }
    text.family(
        "waypost_zone_answered",
        Kind::Gauge,
        "0 for a zone that has not come from its primaries, came too long ago, is still being signed, or cannot be signed any more: SERVFAIL.",
    );
    for zone in &status.zones {
        text.sample(&[("zone", &zone.name)], u8::from(zone.serial.is_some()));
    }
    text.family(
        "waypost_zone_unsigned",
        Kind::Gauge,
        "1 for a zone that is to be signed here and is not: it has no keys, or was signed and is answered SERVFAIL.",
    );
    for zone in status.zones.iter().filter(|zone| zone.unsigned) {
        text.sample(&[("zone", &zone.name)], 1);
    }
    write_signing(text, status);
}

fn write_signing(text: &mut Exposition, status: &Status) {
    let signed = || {
        let zones = status.zones.iter();
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
    write_unfinished(text, status);
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
fn write_unfinished(text: &mut Exposition, status: &Status) {
    let unfinished = || {
        let zones = status.zones.iter();
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
    for zone in status.zones.iter().filter(is_ours) {
        text.sample(&[("zone", &zone.name)], zone.signatures_made);
    }
    text.family(
        "waypost_zone_signatures_unkept",
        Kind::Gauge,
        "1 for a zone whose signatures could not be read after a restart, or cannot be written for the next one.",
    );
    let unkept = |zone: &&ZoneStatus| zone.signatures_unkept.is_some();
    for zone in status.zones.iter().filter(unkept) {
        text.sample(&[("zone", &zone.name)], 1);
    }
}

/// Nothing where nothing is encrypted.
fn write_certificate(text: &mut Exposition, status: &Status) {
    text.family(
        "waypost_server_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        "When the server's own certificate expires, in seconds since 1970.",
    );
    if let Some(certificate) = &status.certificate {
        text.sample(&[], certificate.expires);
    }
}

fn write_node(text: &mut Exposition, status: &Status) {
    text.family(
        "waypost_table_generation",
        Kind::Gauge,
        "Generation of the published table.",
    )
    .sample(&[], status.generation);
    text.family(
        "waypost_table_age_seconds",
        Kind::Gauge,
        "Age of the published table.",
    )
    .sample(&[], seconds(status.table_age_ms));
    text.family(
        "waypost_config_info",
        Kind::Gauge,
        "1, with the digest of the whole config, and that of what is decided for clients: nodes that serve the same agree on it.",
    )
    .sample(&[("plan", &status.plan), ("policy", &status.policy)], 1);
    text.family(
        "waypost_doubting",
        Kind::Gauge,
        "Whether the node doubts its own probes (1) or not (0).",
    )
    .sample(&[], u8::from(status.doubting));
    text.family(
        "waypost_capped",
        Kind::Gauge,
        "Whether the bound on automatic ejections holds something back (1) or not (0).",
    )
    .sample(&[], u8::from(status.capped));
    text.family(
        "waypost_config_refused",
        Kind::Gauge,
        "Whether the config that was read last was refused (1) or is in force (0).",
    )
    .sample(&[], u8::from(status.refused.is_some()));
}

/// One series by address: several canaries of one address meet in the least.
fn write_canaries(text: &mut Exposition, status: &Status) {
    let mut series = Series::new();
    for canary in &status.canaries {
        let labels = [
            ("monitor", canary.monitor.as_str()),
            ("address", canary.address.as_str()),
        ];
        let passed = canary.age_ms.is_some() && canary.cause.is_none();
        keep_least(&mut series, render_labels(&labels), f64::from(passed));
    }
    text.family(
        "waypost_canary_up",
        Kind::Gauge,
        "Whether the last probe of a canary passed (1) or not (0).",
    );
    for (labels, value) in &series {
        text.rendered(labels, value);
    }
}

fn write_endpoints(text: &mut Exposition, status: &Status) {
    let mut endpoints = Endpoints::default();
    for region in &status.regions {
        for endpoint in &region.endpoints {
            for target in &endpoint.targets {
                endpoints.take(region, endpoint, target);
            }
        }
    }
    let families = [
        (
            "waypost_endpoint_state",
            "1 for the present state of an endpoint.",
            endpoints.states,
        ),
        (
            "waypost_endpoint_share_ratio",
            "Part of its clients that an endpoint may serve now.",
            endpoints.shares,
        ),
        (
            "waypost_endpoint_up",
            "Whether an endpoint that is monitored may serve any client now.",
            endpoints.up,
        ),
        (
            "waypost_endpoint_unwatched",
            "Whether nobody has looked at an endpoint for longer than a monitor's interval allows (1) or somebody has (0).",
            endpoints.unwatched,
        ),
        (
            "waypost_probe_age_seconds",
            "Age of the last probe of an address.",
            endpoints.ages,
        ),
        (
            "waypost_certificate_expiry_timestamp_seconds",
            "When the certificate of an address expires, in seconds since 1970.",
            endpoints.expiries,
        ),
    ];
    for (name, help, series) in families {
        text.family(name, Kind::Gauge, help);
        for (labels, value) in &series {
            text.rendered(labels, value);
        }
    }
}

impl Endpoints {
    fn take(&mut self, region: &RegionStatus, endpoint: &EndpointStatus, target: &TargetStatus) {
        let own = [
            ("region", region.name.as_str()),
            ("provider", endpoint.provider.as_str()),
            ("endpoint", endpoint.name.as_str()),
            ("family", target.family.as_str()),
        ];
        let monitors = ("monitors", target.watch.as_str());
        let state = with(&own, &[monitors, ("state", &target.state)]);
        self.states.insert(state, 1.0);
        let labels = with(&own, &[monitors]);
        let share = f64::from(target.share_permille) / 1000.0;
        if !target.monitors.is_empty() {
            keep_least(&mut self.up, labels.clone(), f64::from(share > 0.0));
            let unwatched = self.unwatched.entry(labels.clone()).or_default();
            *unwatched = unwatched.max(f64::from(target.unwatched));
        }
        keep_least(&mut self.shares, labels, share);
        for slot in &target.slots {
            self.take_slot(&own, slot);
        }
    }

    fn take_slot(&mut self, own: &[(&str, &str)], slot: &SlotStatus) {
        let more = [
            ("monitor", slot.monitor.as_str()),
            ("address", slot.address.as_str()),
        ];
        let labels = with(own, &more);
        if let Some(expires) = slot.certificate_expires {
            keep_least(&mut self.expiries, labels.clone(), whole(expires));
        }
        if let Some(age) = slot.age_ms {
            let oldest = self.ages.entry(labels).or_default();
            *oldest = oldest.max(seconds(age));
        }
    }
}

fn write_services(text: &mut Exposition, status: &Status) {
    text.family(
        "waypost_fail_open",
        Kind::Gauge,
        "Whether some clients of a service get endpoints that are down because nothing is healthy.",
    );
    for service in &status.services {
        text.sample(&[("service", &service.name)], u8::from(service.fail_open));
    }
    text.family(
        "waypost_all_down",
        Kind::Gauge,
        "Whether some clients of a service get no address because nothing is healthy.",
    );
    for service in &status.services {
        text.sample(&[("service", &service.name)], u8::from(service.all_down));
    }
}

/// What places carry and can carry, in the operator's unit; nothing where no capacity is planned.
fn write_capacity(text: &mut Exposition, status: &Status) {
    text.family(
        "waypost_region_load",
        Kind::Gauge,
        "What a region carries by the demand that is planned with, in the operator's unit.",
    );
    for region in &status.regions {
        if let Some(load) = region.load_thousandths {
            text.sample(&[("region", &region.name)], thousandths(load));
        }
    }
    text.family(
        "waypost_region_capacity",
        Kind::Gauge,
        "What a region can carry, in the operator's unit: its own bound, or what its endpoints can carry together.",
    );
    for region in &status.regions {
        if let Some(capacity) = region.capacity {
            text.sample(&[("region", &region.name)], capacity);
        }
    }
    text.family(
        "waypost_demand",
        Kind::Gauge,
        "What a service is asked for, as it is planned with, in the operator's unit.",
    );
    let asked = status
        .services
        .iter()
        .filter(|own| own.demand_thousandths > 0);
    for service in asked.clone() {
        let demand = thousandths(service.demand_thousandths);
        text.sample(&[("service", &service.name)], demand);
    }
    text.family(
        "waypost_overloaded_demand",
        Kind::Gauge,
        "What of a service's demand fits nowhere within the stated capacities, in the operator's unit.",
    );
    for service in asked {
        let overloaded = thousandths(service.overloaded_thousandths);
        text.sample(&[("service", &service.name)], overloaded);
    }
}

fn thousandths(number: u64) -> f64 {
    whole(number) / 1000.0
}

fn with(own: &[(&str, &str)], more: &[(&str, &str)]) -> String {
    render_labels(&[own, more].concat())
}

fn keep_least(series: &mut Series, labels: String, value: f64) {
    let least = series.entry(labels).or_insert(value);
    *least = least.min(value);
}

/// Milliseconds as seconds.
pub(super) fn seconds(millis: u64) -> f64 {
    whole(millis) / 1000.0
}

/// Exact below 2^53, which is far past any time that is shown.
#[expect(clippy::cast_precision_loss, reason = "a figure for a graph")]
fn whole(number: u64) -> f64 {
    number as f64
}
