//! Gauges of services: whether they still have what they answer with.
use super::text::{Exposition, Kind, render_pairs, thousandths};
use crate::base::{Permille, ServiceId};
use crate::engine::{Figures, ServiceFigures};
use crate::plan::{Plan, Pool, Service};

/// One service.
struct ServiceRow {
    /// Its label, rendered.
    label: String,
    told: ServiceFigures,
}

/// Endpoints of a service, each once.
struct EndpointCount {
    all: u32,
    /// Those that may serve a client in one family at least.
    up: u32,
}

/// Writes the families.
pub(super) fn write(text: &mut Exposition, figures: &Figures) {
    let services = (0..).map(ServiceId).zip(&figures.table.plan.services);
    let rows = services.map(|(id, service)| ServiceRow {
        label: label(service),
        told: figures.service(id),
    });
    let rows: Vec<ServiceRow> = rows.collect();
    text.family(
        "waypost_fail_open",
        Kind::Gauge,
        "Whether some clients of a service get endpoints that are down because nothing is healthy.",
    );
    for row in &rows {
        text.part("", &row.label, u8::from(row.told.fail_open));
    }
    text.family(
        "waypost_all_down",
        Kind::Gauge,
        "Whether some clients of a service get no address because nothing is healthy.",
    );
    for row in &rows {
        text.part("", &row.label, u8::from(row.told.all_down));
    }
    write_endpoints(text, figures);
    write_demand(text, &rows);
    write_steering(text, &figures.table.plan);
    write_tables(text, &figures.table.plan);
}

/// Writes how the clients of services are sent.
fn write_steering(text: &mut Exposition, plan: &Plan) {
    let family = text.family(
        "waypost_service_info",
        Kind::Info,
        "1, with the policy by which clients of a service are sent, and whether they stay over changes of the config.",
    );
    for service in &plan.services {
        let steering = &service.steering;
        let labels = [
            ("service", &*service.name),
            ("policy", steering.policy.word()),
            ("sticky", if steering.is_sticky { "true" } else { "false" }),
        ];
        family.sample(&labels, 1);
    }
    let family = text.family(
        "waypost_trickle_ratio",
        Kind::Gauge,
        "The part of a service's clients that go on to the next tier or region all the time.",
    );
    for service in &plan.services {
        let parts = [
            ("tiers", Pool::trickle_of(&service.pools)),
            ("regions", service.steering.region_trickle),
        ];
        for (between, part) in parts.into_iter().filter(|(_, part)| *part > Permille::NONE) {
            let labels = [("service", &*service.name), ("between", between)];
            family.sample(&labels, thousandths(part.0.into()));
        }
    }
}

/// Writes when the tables of measured times in force were written.
fn write_tables(text: &mut Exposition, plan: &Plan) {
    text.family(
        "waypost_latency_table_written_timestamp_seconds",
        Kind::Gauge,
        "When the table of measured times of a service was written, in seconds since 1970.",
    );
    for service in &plan.services {
        let table = service.measured.as_ref();
        if let Some(at) = table.and_then(|own| own.source.written_at) {
            text.part("", &label(service), at);
        }
    }
}

fn label(service: &Service) -> String {
    render_pairs(&[("service", &service.name)])
}

fn write_endpoints(text: &mut Exposition, figures: &Figures) {
    let counts = counts(&figures.plan, figures);
    let each = || figures.plan.services.iter().map(label).zip(&counts);
    text.family(
        "waypost_service_endpoints",
        Kind::Gauge,
        "Endpoints of a service.",
    );
    for (label, count) in each() {
        text.part("", &label, count.all);
    }
    text.family(
        "waypost_service_endpoints_up",
        Kind::Gauge,
        "Endpoints of a service that may serve a client of it now.",
    );
    for (label, count) in each() {
        text.part("", &label, count.up);
    }
}

fn counts(plan: &Plan, figures: &Figures) -> Vec<EndpointCount> {
    // By endpoint: the number of the last service that counted it, so that each is counted once.
    let mut seen = vec![[0_usize; 2]; plan.endpoints.len()];
    let services = plan.services.iter().enumerate().map(|(place, service)| {
        let mut count = EndpointCount { all: 0, up: 0 };
        let tiers = service.pools.iter().flatten().flat_map(|pool| &pool.tiers);
        for member in tiers.flat_map(|tier| &tier.members) {
            let endpoint = plan.targets[member.target.index()].endpoint;
            let [all, up] = &mut seen[endpoint.index()];
            if std::mem::replace(all, place + 1) != place + 1 {
                count.all += 1;
            }
            let share = figures.targets[member.target.index()].share;
            if share > Permille::NONE && std::mem::replace(up, place + 1) != place + 1 {
                count.up += 1;
            }
        }
        count
    });
    services.collect()
}

/// Writes what services are asked for, in the operator's unit; nothing where no demand is planned with.
fn write_demand(text: &mut Exposition, rows: &[ServiceRow]) {
    let asked = || rows.iter().filter(|row| row.told.demand_thousandths > 0);
    text.family(
        "waypost_demand",
        Kind::Gauge,
        "What a service is asked for, as it is planned with, in the operator's unit.",
    );
    for row in asked() {
        text.part("", &row.label, thousandths(row.told.demand_thousandths));
    }
    text.family(
        "waypost_overloaded_demand",
        Kind::Gauge,
        "What of a service's demand fits nowhere within the stated capacities, in the operator's unit.",
    );
    for row in asked() {
        text.part("", &row.label, thousandths(row.told.overloaded_thousandths));
    }
}
