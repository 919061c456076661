//! Counters, gauges and histograms of things that happen, behind the handles of the `metrics` crate.
//!
//! It is not installed globally, so that two servers in one process (a test, a
//! simulation) count apart. Every family is described here, once, with its help line; its labels are words of the program
//! and names of the config.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, HistogramFn};

use super::histogram::Histogram;
use super::text::{Exposition, Kind, render_pairs};

const CONNECTIONS: &str = "waypost_connections";
const COUNTERS: [(&str, &str); 12] = [
    (
        "waypost_cluster_carried_bytes_total",
        "Octets of records and of questions for them, by direction; only where there is a [cluster].",
    ),
    (
        "waypost_cluster_troubles_total",
        "Troubles with other nodes of the cluster, by node (empty: none of the roster) and kind.",
    ),
    (
        "waypost_dnstap_samples_total",
        "Samples of answers for dnstap by what became of them; only where there is a [dnstap].",
    ),
    (
        "waypost_rate_limit_exempt_total",
        "Replies that rate limits did not apply to: to holders of a cookie, and to exempt networks.",
    ),
    (
        "waypost_dropped_total",
        "Datagrams and connections that got no reply, by cause.",
    ),
    (
        "waypost_probe_failures_total",
        "Failed probes, by monitor, region and cause.",
    ),
    (
        "waypost_endpoint_transitions_total",
        "Changes of endpoints' states, by region and the state they went to.",
    ),
    (
        "waypost_notices_total",
        "Transitions of the whole node, by event.",
    ),
    (
        "waypost_declared_changes_total",
        "Changes of what is declared that came over the control API, by result.",
    ),
    ("waypost_reloads_total", "Reloads of the config, by result."),
    (
        "waypost_notifications_total",
        "Messages to receivers of [notify] by what became of them, and lines that were left out of them.",
    ),
    (
        "waypost_tables_published_total",
        "Tables that were published.",
    ),
];

const HISTOGRAMS: [(&str, &str); 2] = [
    (
        "waypost_probe_lateness_seconds",
        "How long after its time a probe began: what this node was late by itself.",
    ),
    (
        "waypost_table_build_seconds",
        "How long it took to build a table.",
    ),
];

/// Series by family and rendered labels.
type Families<T> = BTreeMap<&'static str, BTreeMap<String, Arc<T>>>;

/// All handles that were given out.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<SeriesHandles>);

#[derive(Debug, Default)]
struct SeriesHandles {
    counters: Families<AtomicU64>,
    /// Bits of a float, as the `metrics` crate keeps gauges.
    gauges: Families<AtomicU64>,
    histograms: Families<Samples>,
}

/// All of them at one moment.
#[derive(Debug)]
pub(super) struct RegistryCopy {
    counters: Families<AtomicU64>,
    gauges: Families<AtomicU64>,
    histograms: BTreeMap<&'static str, BTreeMap<String, Histogram>>,
}

/// A histogram that whoever holds its handle adds to.
#[derive(Debug, Default)]
struct Samples(Mutex<Histogram>);

impl HistogramFn for Samples {
    /// Takes in a time in seconds.
    fn record(&self, seconds: f64) {
        let took = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.get().add(micros);
    }
}

impl Samples {
    fn get(&self) -> MutexGuard<'_, Histogram> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    pub(super) fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        Counter::from_arc(series(&mut self.handles().counters, name, labels))
    }

    /// The value of a counter.
    pub(super) fn count(&self, name: &'static str, labels: &[(&'static str, &str)]) -> u64 {
        series(&mut self.handles().counters, name, labels).load(Ordering::Relaxed)
    }

    /// The gauge of one transport's connections.
    pub(super) fn connections(&self, transport: &str) -> Gauge {
        let labels = [("transport", transport)];
        Gauge::from_arc(series(&mut self.handles().gauges, CONNECTIONS, &labels))
    }

    pub(super) fn histogram(
        &self,
        name: &'static str,
        labels: &[(&'static str, &str)],
    ) -> metrics::Histogram {
        metrics::Histogram::from_arc(series(&mut self.handles().histograms, name, labels))
    }

    /// Copies what there is; nobody who counts waits for it to be written.
    pub(super) fn copy(&self) -> RegistryCopy {
        let handles = self.handles();
        let histograms = handles.histograms.iter().map(|(name, family)| {
            let copies = family
                .iter()
                .map(|(labels, one)| (labels.clone(), *one.get()));
            (*name, copies.collect())
        });
        RegistryCopy {
            counters: handles.counters.clone(),
            gauges: handles.gauges.clone(),
            histograms: histograms.collect(),
        }
    }

    fn handles(&self) -> MutexGuard<'_, SeriesHandles> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RegistryCopy {
    /// Writes all of it.
    pub(super) fn write(&self, text: &mut Exposition) {
        for (name, help) in COUNTERS {
            text.family(name, Kind::Counter, help);
            for (labels, count) in self.counters.get(name).into_iter().flatten() {
                text.part("", labels, count.load(Ordering::Relaxed));
            }
        }
        let help = "Connections that are open, by stream transport.";
        text.family(CONNECTIONS, Kind::Gauge, help);
        for (labels, open) in self.gauges.get(CONNECTIONS).into_iter().flatten() {
            text.part("", labels, f64::from_bits(open.load(Ordering::Relaxed)));
        }
        for (name, help) in HISTOGRAMS {
            text.family(name, Kind::Histogram, help);
            for (labels, histogram) in self.histograms.get(name).into_iter().flatten() {
                histogram.write(text, labels);
            }
        }
    }
}

/// The series of a family with these labels; it is made when it is first asked for.
fn series<T: Default>(
    families: &mut Families<T>,
    name: &'static str,
    labels: &[(&'static str, &str)],
) -> Arc<T> {
    let family = families.entry(name).or_default();
    Arc::clone(family.entry(render_pairs(labels)).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::metrics::text::{MetricsForm, Packing};

    #[test]
    fn handles_of_the_same_labels_count_together() {
        let registry = Registry::default();
        for cause in ["slow", "slow", "access"] {
            let labels = [("cause", cause)];
            registry
                .counter("waypost_dropped_total", &labels)
                .increment(2);
        }
        registry.connections("tcp").set(3.0);
        let lateness = registry.histogram("waypost_probe_lateness_seconds", &[]);
        lateness.record(Duration::from_micros(1500));
        lateness.record(-1.0);
        let mut text = Exposition::new(MetricsForm::Text, Packing::Plain);
        registry.copy().write(&mut text);
        let text = String::from_utf8(text.finish()).unwrap();
        for line in [
            "waypost_dropped_total{cause=\"slow\"} 4",
            "waypost_dropped_total{cause=\"access\"} 2",
            "waypost_connections{transport=\"tcp\"} 3",
            "waypost_probe_lateness_seconds_bucket{le=\"0.0005\"} 1",
            "waypost_probe_lateness_seconds_bucket{le=\"0.0025\"} 2",
            "waypost_probe_lateness_seconds_sum 0.001500",
            "waypost_probe_lateness_seconds_count 2",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }
}
