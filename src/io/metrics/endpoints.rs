//! Gauges of endpoints: at most ten series for each, whatever watches it.
//!
//! An endpoint may be judged by several sets of monitors for several services, and probed at several addresses; one line for
//! each of them would be as many series as the product of them all. So they meet in one series by the rule that an operator
//! would want: the worst state, the least share, the oldest probe, the first certificate to expire. State, share and whether
//! it is up are told by family (six series), the rest once (four). `waypost status` tells them apart.
//!
//! `[metrics] endpoints` says whose series are written; how many endpoints of a region are in which state is always told.
use std::collections::BTreeMap;

use super::text::{Exposition, Kind, render_pairs, seconds, whole};
use crate::base::{Family, Permille, SlotId, Span};
use crate::engine::{Figures, TargetFigures};
use crate::plan::{EndpointSeries, Plan, Target};

/// States of an endpoint, the worst first: of two with the same share, the earlier one is told.
const STATES: [&str; 19] = [
    "down",
    "drained",
    "refused",
    "unapproved",
    "gated",
    "held",
    "doubted",
    "capped",
    "outvoted",
    "unwatched",
    "forced",
    "draining",
    "returning",
    "ramping",
    "degraded",
    "weighted",
    "unproven",
    "healthy",
    "unmonitored",
];
/// States of which nothing needs to be told: all is well, or nothing is known yet.
const QUIET: [&str; 4] = ["weighted", "unproven", "healthy", "unmonitored"];

/// Failed probes by endpoint, since the process started.
pub(super) type FailedProbes = BTreeMap<String, u64>;

/// The figures of one endpoint.
struct EndpointRow {
    /// Its labels, rendered.
    labels: String,
    families: [Option<FamilyRow>; 2],
    is_unwatched: bool,
    /// Tells whether anything watches it.
    is_monitored: bool,
    oldest: Option<Span>,
    expires: Option<u64>,
    failures: u64,
}

/// The figures of its addresses of one family.
#[derive(Clone, Copy)]
struct FamilyRow {
    share: Permille,
    /// Index into [`STATES`].
    state: usize,
    /// The least share of a target that is monitored.
    monitored: Option<Permille>,
}

/// Writes the families.
pub(super) fn write(text: &mut Exposition, figures: &Figures, failures: &FailedProbes) {
    let plan = &figures.plan;
    let mut rows = rows(figures, failures);
    write_regions(text, plan, &rows);
    write_apart(text, figures);
    match plan.control.endpoint_series {
        EndpointSeries::All => {}
        EndpointSeries::NotHealthy => rows.retain(|row| !row.is_quiet()),
        EndpointSeries::None => rows.clear(),
    }
    write_families(text, &rows);
    write_whole(text, &rows);
}

fn rows(figures: &Figures, failures: &FailedProbes) -> Vec<EndpointRow> {
    let plan = &figures.plan;
    let endpoints = plan.endpoints.iter().map(|endpoint| {
        let labels = [
            ("region", &*plan.regions[endpoint.region.index()].name),
            ("provider", &*endpoint.provider),
            ("endpoint", &*endpoint.name),
        ];
        EndpointRow {
            labels: render_pairs(&labels),
            families: [None; 2],
            is_unwatched: false,
            is_monitored: false,
            oldest: None,
            expires: None,
            failures: failures.get(&endpoint.name).copied().unwrap_or_default(),
        }
    });
    let mut rows: Vec<EndpointRow> = endpoints.collect();
    for (target, told) in plan.targets.iter().zip(&figures.targets) {
        rows[target.endpoint.index()].take(figures, target, told);
    }
    rows
}

impl EndpointRow {
    fn take(&mut self, figures: &Figures, target: &Target, told: &TargetFigures) {
        let is_monitored = !target.slots.is_empty();
        let own = FamilyRow {
            share: told.share,
            state: rank(told.state),
            monitored: is_monitored.then_some(told.share),
        };
        let family = &mut self.families[target.family.index()];
        *family = Some(family.map_or(own, |other| own.and(other)));
        self.is_monitored |= is_monitored;
        self.is_unwatched |= told.unwatched;
        let reported = &target.reported;
        for slot in target.slots.iter().chain(&target.gate).chain(reported) {
            self.take_slot(figures, *slot);
        }
    }

    fn take_slot(&mut self, figures: &Figures, id: SlotId) {
        let slot = &figures.slots[id.index()];
        self.oldest = self.oldest.max(slot.age);
        let expires = [self.expires, slot.certificate_expires];
        self.expires = expires.into_iter().flatten().min();
    }

    /// The worst state of both families.
    fn state(&self) -> Option<usize> {
        let families = self.families.iter().flatten();
        let worst = families.min_by_key(|family| (family.share, family.state));
        worst.map(|family| family.state)
    }

    fn is_quiet(&self) -> bool {
        let mut families = self.families.iter().flatten();
        !self.is_unwatched && families.all(|family| QUIET.contains(&STATES[family.state]))
    }
}

impl FamilyRow {
    /// The two as one.
    fn and(self, other: Self) -> Self {
        let worst = (self.share, self.state).min((other.share, other.state));
        let monitored = [self.monitored, other.monitored];
        Self {
            share: worst.0,
            state: worst.1,
            monitored: monitored.into_iter().flatten().min(),
        }
    }
}

fn rank(state: &str) -> usize {
    let place = STATES.iter().position(|word| *word == state);
    place.unwrap_or_default()
}

/// Counts the endpoints of each region by state.
fn write_regions(text: &mut Exposition, plan: &Plan, rows: &[EndpointRow]) {
    let mut counts = vec![[0_u32; STATES.len()]; plan.regions.len()];
    for (endpoint, row) in plan.endpoints.iter().zip(rows) {
        if let Some(state) = row.state() {
            counts[endpoint.region.index()][state] += 1;
        }
    }
    text.family(
        "waypost_region_endpoints",
        Kind::Gauge,
        "Endpoints of a region, by their worst state.",
    );
    for (region, counts) in plan.regions.iter().zip(&counts) {
        for (state, count) in STATES.iter().zip(counts) {
            text.sample(&[("region", &region.name), ("state", state)], count);
        }
    }
}

/// Counts what is otherwise for the clients of a region than for the rest; nothing where all is as for all.
fn write_apart(text: &mut Exposition, figures: &Figures) {
    text.family(
        "waypost_region_targets_apart",
        Kind::Gauge,
        "Endpoints, by family and monitors, that are otherwise for the clients of a region than for the rest.",
    );
    let regions = &figures.table.plan.regions;
    for own in figures.table.region_rows() {
        let name = &regions[own.region.index()].name;
        text.sample(&[("region", name)], own.rows.len());
    }
}

fn write_families(text: &mut Exposition, rows: &[EndpointRow]) {
    let words = Family::ALL.map(|family| format!("family=\"{}\"", family.word()));
    let each = || {
        let families = rows
            .iter()
            .map(|row| (row, row.families.iter().zip(&words)));
        families.flat_map(|(row, families)| {
            families.filter_map(|(family, word)| Some((&*row.labels, &**word, family.as_ref()?)))
        })
    };
    text.family(
        "waypost_endpoint_state",
        Kind::Gauge,
        "1 for the present state of an endpoint, the worst of those that its monitors see.",
    );
    for (own, family, row) in each() {
        let state = STATES[row.state];
        text.parted("", [own, &format!("{family},state=\"{state}\"")], 1);
    }
    text.family(
        "waypost_endpoint_share_ratio",
        Kind::Gauge,
        "Part of its clients that an endpoint may serve now.",
    );
    for (own, family, row) in each() {
        text.parted("", [own, family], f64::from(row.share.0) / 1000.0);
    }
    text.family(
        "waypost_endpoint_up",
        Kind::Gauge,
        "Whether an endpoint that is monitored may serve any client now.",
    );
    for (own, family, row) in each() {
        if let Some(share) = row.monitored {
            text.parted("", [own, family], u8::from(share > Permille::NONE));
        }
    }
}

/// Writes what is told once of an endpoint; nothing of one that nothing watches.
fn write_whole(text: &mut Exposition, rows: &[EndpointRow]) {
    let monitored = || rows.iter().filter(|row| row.is_monitored);
    text.family(
        "waypost_endpoint_unwatched",
        Kind::Gauge,
        "Whether nobody has looked at an endpoint for longer than a monitor's interval allows (1) or somebody has (0).",
    );
    for row in monitored() {
        text.part("", &row.labels, u8::from(row.is_unwatched));
    }
    text.family(
        "waypost_endpoint_probe_failures_total",
        Kind::Counter,
        "Failed probes of an endpoint.",
    );
    for row in monitored() {
        text.part("", &row.labels, row.failures);
    }
    text.family(
        "waypost_probe_age_seconds",
        Kind::Gauge,
        "Age of the last probe of an endpoint; the oldest, where it is probed in several ways.",
    );
    for row in rows {
        if let Some(age) = row.oldest {
            text.part("", &row.labels, seconds(age.0));
        }
    }
    text.family(
        "waypost_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        "When the certificate of an endpoint expires, in seconds since 1970; the first, where it shows several.",
    );
    for row in rows {
        if let Some(expires) = row.expires {
            text.part("", &row.labels, whole(expires));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(share: u16, state: &str, monitored: Option<u16>) -> FamilyRow {
        FamilyRow {
            share: Permille(share),
            state: rank(state),
            monitored: monitored.map(Permille),
        }
    }

    #[test]
    fn targets_meet_in_the_worst() {
        for (one, other, state, share, monitored) in [
            (
                family(1000, "healthy", Some(1000)),
                family(0, "down", Some(0)),
                "down",
                0,
                Some(0),
            ),
            (
                family(0, "drained", Some(0)),
                family(0, "down", Some(0)),
                "down",
                0,
                Some(0),
            ),
            (
                family(1000, "healthy", Some(1000)),
                family(1000, "unmonitored", None),
                "healthy",
                1000,
                Some(1000),
            ),
            (
                family(200, "ramping", Some(200)),
                family(1000, "doubted", Some(1000)),
                "ramping",
                200,
                Some(200),
            ),
            (
                family(1000, "unmonitored", None),
                family(1000, "unmonitored", None),
                "unmonitored",
                1000,
                None,
            ),
        ] {
            for met in [one.and(other), other.and(one)] {
                assert_eq!(STATES[met.state], state);
                assert_eq!(met.share, Permille(share));
                assert_eq!(met.monitored, monitored.map(Permille));
            }
        }
    }

    #[test]
    fn every_state_that_an_endpoint_can_have_is_known() {
        use crate::base::{Cause, Why};
        for why in [
            Why::Unproven,
            Why::Healthy,
            Why::Held,
            Why::Gated,
            Why::Unapproved,
            Why::Refused,
            Why::Ramping { step: 1, of: 2 },
            Why::Down(Cause::Body),
            Why::Doubted(Cause::Body),
            Why::Capped(Cause::Body),
            Why::Draining,
            Why::Drained,
            Why::Returning,
            Why::Weighted,
            Why::Degraded,
            Why::Forced,
        ] {
            assert!(STATES.contains(&why.word()), "{why:?}");
        }
    }
}
