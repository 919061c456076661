//! `waypost check --cost`: what a server with a config will hold and do, before there is one.
//!
//! It is counted on a [`DryStart`]: the plan, the table, the zones and their signatures are those of a server, and so is the
//! memory that they take here. What only a server that answers has is added from what was measured on one: the
//! threads' own and what a probe keeps. Series that count queries come on top, because they are made by what clients ask.
use std::io::Write;

use serde::Serialize;

use crate::base::Span;
use crate::config::Compiled;
use crate::daemon::Failure;
use crate::daemon::dry_start::DryStart;
use crate::daemon::prepared::{Keys, Prepared};
use crate::dns::rr::rtype;
use crate::dns::transfer::Messages;
use crate::io::clock::Clock;
use crate::io::files::Loaded;
use crate::io::memory::bytes_in_use;
use crate::io::metrics::{MetricsForm, Packing};
use crate::io::terminal::can_redraw;
use crate::plan::{Plan, Zoning};

/// Octets of a running server that no config changes: threads, runtimes, buffers, and pages that the allocator keeps for half a second.
const SERVER_BYTES: u64 = 6_200_000;
/// Octets that a server holds for each probe slot beside what the engine does.
const SLOT_BYTES: u64 = 2500;
/// Octets before each message over TCP (RFC 1035, section 4.2.2).
const LENGTH_BYTES: usize = 2;
const SECONDS_A_DAY: f64 = 86_400.0;

/// What a config costs.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    /// Memory that is the process's own, with every signature made; the program itself is not counted.
    memory_bytes: u64,
    /// Probes a second while everything is well.
    probes_per_second: f64,
    /// Connections a second that they open.
    connections_per_second: f64,
    /// Time series of a scrape, without those that count queries.
    metric_series: usize,
    /// Octets of a scrape.
    scrape_bytes: usize,
    /// Picks and routes that the table holds.
    table_entries: usize,
    /// Signatures that are made at a start without kept ones.
    signatures_at_start: u64,
    /// Signatures that are made in a day.
    signatures_per_day: f64,
    /// What one secondary gets that has nothing yet.
    transfers: Vec<TransferCost>,
}

/// A zone that is given to secondaries.
#[derive(Debug, Serialize)]
struct TransferCost {
    zone: String,
    /// Octets of a whole transfer over TCP.
    bytes: usize,
}

impl Cost {
    /// Counts it; progress is shown while zones are signed.
    pub(super) fn of(loaded: Loaded, compiled: Compiled) -> Result<Self, Failure> {
        let clock = Clock::start();
        let prepared = Prepared::new(loaded, compiled, Keys::Read)?;
        let zoning = prepared.source.zoning.clone();
        let start = DryStart::of(prepared, clock, &mut progress())?;
        let held = bytes_in_use().unwrap_or(0);
        let plan = &start.plan;
        let slots = u64::try_from(plan.slots.len()).unwrap_or(u64::MAX);
        let figures = start.figures();
        let table_entries = figures.as_ref().map_or(0, |own| own.table.entries());
        let made = |figures: &crate::engine::Figures| {
            figures.zones.iter().map(|zone| zone.signatures_made).sum()
        };
        let signatures_at_start = figures.as_ref().map_or(0, made);
        let signatures_per_day = figures.as_ref().map_or(0.0, |figures| {
            let zones = figures.zones.iter().zip(&zoning.zones);
            let daily = zones.filter_map(|(status, zone)| {
                let validity = zone.dnssec.as_ref()?.signature_validity;
                Some(per_day(status.signatures_made, validity))
            });
            daily.fold(0.0, |sum, one| sum + one)
        });
        let scrape = start.metrics.gather();
        let scrape = scrape.write(MetricsForm::Text, Packing::Plain, figures.as_ref());
        Ok(Self {
            memory_bytes: held + SERVER_BYTES + slots * SLOT_BYTES,
            probes_per_second: rate(plan, |_| 1.0),
            connections_per_second: rate(plan, connections),
            metric_series: series(&scrape),
            scrape_bytes: scrape.len(),
            table_entries,
            signatures_at_start,
            signatures_per_day,
            transfers: transfers(&start, &zoning),
        })
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            format!("memory               {}", bytes(self.memory_bytes)),
            format!(
                "probes               {:.1} a second, over {:.1} new connections a second",
                self.probes_per_second, self.connections_per_second
            ),
            format!(
                "metrics              {} series, {} a scrape, and those that count queries",
                self.metric_series,
                bytes(wide(self.scrape_bytes))
            ),
            format!("table                {} entries", self.table_entries),
        ];
        if self.signatures_at_start > 0 {
            lines.push(format!(
                "signatures           {} at a start without kept ones, {:.0} a day",
                self.signatures_at_start, self.signatures_per_day
            ));
        }
        let transfers = self.transfers.iter();
        lines.extend(transfers.map(|one| {
            let size = bytes(wide(one.bytes));
            format!("transfer             {size} of zone `{}`", one.zone)
        }));
        lines.join("\n")
    }
}

/// Shows a person who waits how many signatures have been made.
fn progress() -> impl FnMut(usize, usize) {
    let is_watched = can_redraw(&std::io::stderr());
    move |made, of| {
        if is_watched {
            let end = if made < of { "" } else { "\r\x1b[K" };
            // Nobody needs the progress to be written.
            let _ = write!(std::io::stderr(), "\r{made} of {of} signatures{end}");
        }
    }
}

/// Signatures that are renewed in a day: each at half its validity.
fn per_day(signatures: u64, validity: Span) -> f64 {
    let period = f64::from(validity.as_secs().max(2)) / 2.0;
    count(signatures) * SECONDS_A_DAY / period
}

/// What all slots do in a second, each as often as it is probed.
fn rate(plan: &Plan, each: impl Fn(&crate::plan::Monitor) -> f64) -> f64 {
    let slots = plan.slots.iter();
    let rates = slots.map(|slot| {
        let monitor = &plan.monitors[slot.monitor.index()];
        each(monitor) * 1000.0 / count(monitor.interval.0.max(1))
    });
    rates.fold(0.0, |sum, one| sum + one)
}

/// Connections for each probe.
fn connections(monitor: &crate::plan::Monitor) -> f64 {
    let kept = monitor.check.exchange().kept;
    kept.map_or(1.0, |kept| {
        (count(monitor.interval.0) / count(kept.0.max(1))).min(1.0)
    })
}

/// Lines of a scrape that are no comments and count no queries.
fn series(scrape: &[u8]) -> usize {
    let text = String::from_utf8_lossy(scrape);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter(|line| !line.starts_with("waypost_queries_total"))
        .count()
}

/// What a secondary gets of each zone that is given to any.
fn transfers(start: &DryStart, zoning: &Zoning) -> Vec<TransferCost> {
    let zones = zoning.zones.iter();
    let given = zones.filter_map(|zone| Some((zone, start.journals.get(&zone.id)?)));
    let sizes = given.map(|(zone, journal)| {
        let messages = Messages::new(0, &zone.apex, rtype::AXFR, journal.send(None));
        TransferCost {
            zone: zone.id.to_string(),
            bytes: messages.map(|message| message.len() + LENGTH_BYTES).sum(),
        }
    });
    sizes.collect()
}

/// `640 octets`, `12.5 kB`, `1.2 MB`.
pub(super) fn bytes(octets: u64) -> String {
    match octets {
        0..1000 => format!("{octets} octets"),
        1000..1_000_000 => format!("{:.1} kB", count(octets) / 1e3),
        _ => format!("{:.1} MB", count(octets) / 1e6),
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A count as it is calculated with: exact below 2^32, capped there.
fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(bytes(640), "640 octets");
        assert_eq!(bytes(12_500), "12.5 kB");
        assert_eq!(bytes(1_200_000), "1.2 MB");
    }

    #[test]
    fn a_signature_is_renewed_at_half_its_validity() {
        let fortnight = Span::from_secs(14 * 86_400);
        assert!((per_day(700, fortnight) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn comments_and_counts_of_queries_are_no_series_of_the_config() {
        let scrape =
            b"# HELP a b\n# TYPE a gauge\na 1\nwaypost_queries_total{service=\"\"} 3\nb 2\n";
        assert_eq!(series(scrape), 2);
    }
}
