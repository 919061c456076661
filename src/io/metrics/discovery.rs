//! Gauges of discoveries; there are none where the config has none.
use super::text::{Exposition, Kind, seconds};
use crate::discovery::DiscoveryReport;
use crate::engine::Figures;

/// Counters by what they count.
type DiscoveryCounter = (&'static str, &'static str, fn(&DiscoveryReport) -> u64);

const COUNTERS: [DiscoveryCounter; 3] = [
    (
        "waypost_discovery_failures_total",
        "Questions to the source of a discovery that brought no list.",
        |own| own.failures,
    ),
    (
        "waypost_discovery_refusals_total",
        "Lists of a discovery that were refused.",
        |own| own.refusals,
    ),
    (
        "waypost_discovery_changes_total",
        "Endpoints of a discovery that came, went or changed.",
        |own| own.changes,
    ),
];

/// Writes what is known of discoveries.
pub(super) fn write(text: &mut Exposition, figures: &Figures) {
    let all = &figures.discoveries;
    let name = |own: &DiscoveryReport| own.name.clone();
    text.family(
        "waypost_discovery_endpoints",
        Kind::Gauge,
        "Endpoints of a discovery that are in force.",
    );
    for own in all {
        text.sample(&[("discovery", &name(own))], own.endpoints);
    }
    text.family(
        "waypost_discovery_pending",
        Kind::Gauge,
        "Changes of a discovery that wait for their turn.",
    );
    for own in all {
        text.sample(&[("discovery", &name(own))], own.pending);
    }
    text.family(
        "waypost_discovery_age_seconds",
        Kind::Gauge,
        "Time since the source of a discovery confirmed its list.",
    );
    for own in all {
        if let Some(age) = own.age_ms {
            text.sample(&[("discovery", &name(own))], seconds(age));
        }
    }
    text.family(
        "waypost_discovery_faulty",
        Kind::Gauge,
        "1 for a discovery with which something is wrong: its last good list goes on.",
    );
    for own in all {
        if let Some(fault) = &own.fault {
            text.sample(&[("discovery", &name(own)), ("fault", fault)], 1);
        }
    }
    for (family, help, of) in COUNTERS {
        text.family(family, Kind::Counter, help);
        for own in all {
            text.sample(&[("discovery", &name(own))], of(own));
        }
    }
}
