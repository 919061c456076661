//! Gauges of machines that are known by name; there are none where no config knows any.
use super::text::{Exposition, Kind, seconds};
use crate::engine::Figures;

/// Writes what is known of names.
pub(super) fn write(text: &mut Exposition, figures: &Figures) {
    let names = &figures.names;
    text.family(
        "waypost_name_addresses",
        Kind::Gauge,
        "Addresses that a machine known by name is answered with, by name.",
    );
    for own in names {
        text.sample(&[("name", &own.name)], own.addresses.len());
    }
    text.family(
        "waypost_name_age_seconds",
        Kind::Gauge,
        "Time since the addresses of a name were confirmed, by name.",
    );
    for own in names {
        if let Some(age) = own.age_ms {
            text.sample(&[("name", &own.name)], seconds(age));
        }
    }
    text.family(
        "waypost_name_faulty",
        Kind::Gauge,
        "1 for a name with which something is wrong: its last good addresses stay.",
    );
    for own in names {
        if let Some(fault) = &own.fault {
            text.sample(&[("name", &own.name), ("fault", fault)], 1);
        }
    }
    text.family(
        "waypost_name_failures_total",
        Kind::Counter,
        "Questions for the addresses of a name that brought nothing, by name.",
    );
    for own in names {
        text.sample(&[("name", &own.name)], own.failures);
    }
}
