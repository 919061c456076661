//! Counters and histograms of things that happen: a thin layer over the `metrics` recorder.
//!
//! The recorder is not installed globally, so that two servers in one process (a test, a
//! simulation) count apart. Every family is described here, once, with its help line.
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

static METADATA: Metadata<'_> = Metadata::new("waypost", Level::INFO, None);

/// Lateness and build times: from half a millisecond to what is long for a timeout.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

const CONNECTIONS: &str = "waypost_connections";
const COUNTERS: [(&str, &str); 7] = [
    (
        "waypost_rate_limit_exempt_total",
        "Replies that rate limits did not apply to: to holders of a cookie, and to exempt networks.",
    ),
    (
        "waypost_dropped_total",
        "Datagrams and connections that got no reply, by cause.",
    ),
    ("waypost_probe_failures_total", "Failed probes, by cause."),
    (
        "waypost_endpoint_transitions_total",
        "Changes of an endpoint's state, by the state it went to.",
    ),
    (
        "waypost_notices_total",
        "Transitions of the whole node, by event.",
    ),
    ("waypost_reloads_total", "Reloads of the config, by result."),
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

/// The recorder and its renderer.
#[derive(Debug)]
pub(super) struct Registry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Registry {
    pub(super) fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .expect("the buckets are not empty")
            .build_recorder();
        for (name, help) in COUNTERS {
            recorder.describe_counter(name.into(), None, help.into());
        }
        for (name, help) in HISTOGRAMS {
            recorder.describe_histogram(name.into(), None, help.into());
        }
        recorder.describe_gauge(
            CONNECTIONS.into(),
            None,
            "Connections that are open, by stream transport.".into(),
        );
        let handle = recorder.handle();
        Self { recorder, handle }
    }

    pub(super) fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder
            .register_counter(&key(name, labels), &METADATA)
    }

    /// The gauge of one transport's connections.
    pub(super) fn connections(&self, transport: &str) -> Gauge {
        let labels = [("transport", transport)];
        self.recorder
            .register_gauge(&key(CONNECTIONS, &labels), &METADATA)
    }

    pub(super) fn histogram(
        &self,
        name: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        self.recorder
            .register_histogram(&key(name, labels), &METADATA)
    }

    /// Moves samples into buckets, so that they do not pile up while nobody scrapes.
    pub(super) fn settle(&self) {
        self.handle.run_upkeep();
    }

    pub(super) fn render(&self) -> String {
        self.handle.render()
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<Label> = labels
        .iter()
        .map(|&(name, value)| Label::new(name, value.to_owned()))
        .collect();
    Key::from_parts(name, labels)
}
