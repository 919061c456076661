//! How long probes took, by what was probed and by phase.
//!
//! The histograms of the `metrics` recorder keep every sample until all of them are drained, and
//! weigh kilobytes each: with 10,000 endpoints that was 250 MB, and each drain held the probes up
//! for seconds. Here a histogram is a row of counters, and a sample is an addition.
//!
//! A scrape copies rows a few at a time and writes them without the lock, so that the end of a probe
//! waits for a copy of some rows, never for a text of megabytes.
//!
//! It does not know the plan: a series begins with its first sample and stays, as a counter must.
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use super::ProbeLabels;
use super::text::{Exposition, Kind, render_pairs};
use crate::health::Timing;

/// Upper bounds of the buckets, in microseconds and as the text format has them, in seconds: from a
/// neighbour's half millisecond to the longest timeout in use.
const BUCKETS: [(u32, &str); 14] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];
/// Rows that are copied at once.
const CHUNK: usize = 256;
const PHASES: [&str; 4] = ["connect", "tls", "response", "total"];

/// All series, by the values of their labels.
#[derive(Debug, Default)]
pub(super) struct Durations(Mutex<BTreeMap<String, Series>>);

/// What one labelled thing has: its labels as text, and a histogram for each phase.
#[derive(Clone, Debug)]
struct Series {
    labels: String,
    phases: [Histogram; PHASES.len()],
}

/// Samples by bucket, those past the last bound included, and their sum.
#[derive(Clone, Copy, Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len() + 1],
    sum_us: u64,
}

impl Durations {
    /// Takes in the times of one probe.
    pub(super) fn observe(&self, labels: ProbeLabels<'_>, timing: Timing) {
        let key = labels.pairs().map(|(_, value)| value).join("\n");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(key).or_insert_with(|| Series::of(labels));
        series.observe(timing);
    }

    /// Writes the family.
    pub(super) fn write(&self, text: &mut Exposition) {
        text.family(
            "waypost_probe_duration_seconds",
            Kind::Histogram,
            "How long probes took, by phase; phases that were not reached are left out.",
        );
        // No key is empty: there is a line break between any two values.
        let mut rows = self.rows_after("");
        while let Some((last, _)) = rows.last() {
            for (_, series) in &rows {
                series.write(text);
            }
            rows = self.rows_after(last);
        }
    }

    /// Copies of the rows that follow a key, at most [`CHUNK`] of them.
    fn rows_after(&self, key: &str) -> Vec<(String, Series)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = all.range::<str, _>((Bound::Excluded(key), Bound::Unbounded));
        rows.take(CHUNK)
            .map(|(key, series)| (key.clone(), series.clone()))
            .collect()
    }
}

impl Series {
    fn of(labels: ProbeLabels<'_>) -> Self {
        Self {
            labels: render_pairs(&labels.pairs()),
            phases: [Histogram::default(); PHASES.len()],
        }
    }

    fn observe(&mut self, timing: Timing) {
        let Timing {
            connect_us,
            tls_us,
            response_us,
            total_us,
        } = timing;
        let [connect, tls, response, total] = &mut self.phases;
        for (phase, micros) in [
            (connect, connect_us),
            (tls, tls_us),
            (response, response_us),
        ] {
            if micros > 0 {
                phase.add(micros);
            }
        }
        total.add(total_us);
    }

    fn write(&self, text: &mut Exposition) {
        for (phase, histogram) in PHASES.iter().zip(&self.phases) {
            if histogram.count() > 0 {
                let labels = format!("{},phase=\"{phase}\"", self.labels);
                histogram.write(text, &labels);
            }
        }
    }
}

impl Histogram {
    fn add(&mut self, micros: u32) {
        let bucket = BUCKETS.partition_point(|(bound, _)| *bound < micros);
        self.buckets[bucket] += 1;
        self.sum_us += u64::from(micros);
    }

    fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    fn write(&self, text: &mut Exposition, labels: &str) {
        let bounds = BUCKETS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        let mut count = 0;
        for (bound, samples) in bounds.zip(&self.buckets) {
            count += samples;
            text.part("_bucket", format_args!("{labels},le=\"{bound}\""), count);
        }
        let (seconds, micros) = (self.sum_us / 1_000_000, self.sum_us % 1_000_000);
        let sum = format_args!("{seconds}.{micros:06}");
        text.part("_sum", format_args!("{labels}"), sum);
        text.part("_count", format_args!("{labels}"), count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: ProbeLabels<'_> = ProbeLabels {
        region: "eu",
        provider: "own",
        endpoint: "one\"",
        monitor: "web",
        family: "v4",
    };

    fn text(durations: &Durations) -> String {
        let mut text = Exposition::default();
        durations.write(&mut text);
        text.finish()
    }

    #[test]
    fn buckets_add_up_and_phases_not_reached_are_left_out() {
        let durations = Durations::default();
        for connect_us in [500, 501, 20_000_000] {
            let timing = Timing {
                connect_us,
                total_us: connect_us + 1,
                ..Timing::default()
            };
            durations.observe(LABELS, timing);
        }
        let text = text(&durations);
        let labels =
            "{region=\"eu\",provider=\"own\",endpoint=\"one\\\"\",monitor=\"web\",family=\"v4\"";
        let connect = format!("{labels},phase=\"connect\"");
        let name = "waypost_probe_duration_seconds";
        for line in [
            format!("{name}_bucket{connect},le=\"0.0005\"}} 1"),
            format!("{name}_bucket{connect},le=\"0.001\"}} 2"),
            format!("{name}_bucket{connect},le=\"10\"}} 2"),
            format!("{name}_bucket{connect},le=\"+Inf\"}} 3"),
            format!("{name}_sum{connect}}} 20.001001"),
            format!("{name}_count{connect}}} 3"),
            format!("{name}_bucket{labels},phase=\"total\",le=\"0.0005\"}} 0"),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(!text.contains("\"tls\"") && !text.contains("\"response\""));
        assert!(text.contains("# TYPE waypost_probe_duration_seconds histogram\n"));
    }

    #[test]
    fn equal_labels_share_a_series() {
        let durations = Durations::default();
        for endpoint in ["one", "two", "one"] {
            let labels = ProbeLabels { endpoint, ..LABELS };
            durations.observe(labels, Timing::default());
        }
        let text = text(&durations);
        let counts = text.lines().filter(|line| line.contains("_count{"));
        let counts: Vec<&str> = counts.map(|line| &line[line.len() - 2..]).collect();
        assert_eq!(counts, [" 2", " 1"]);
    }

    #[test]
    fn more_series_than_are_copied_at_once_are_each_written_once() {
        let durations = Durations::default();
        let names: Vec<String> = (0..3 * CHUNK)
            .map(|number| format!("e{number:04}"))
            .collect();
        for endpoint in &names {
            let labels = ProbeLabels { endpoint, ..LABELS };
            durations.observe(labels, Timing::default());
        }
        let text = text(&durations);
        let counts = text.lines().filter(|line| line.contains("_count{"));
        let written: Vec<&str> = counts
            .filter_map(|line| line.split("endpoint=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(written, names);
        assert_eq!(durations.rows_after("").len(), CHUNK);
    }
}
