//! How long probes took, by monitor, region and phase.
//!
//! Not by endpoint: a histogram for each of 10,000 endpoints is half a million series, which no Prometheus wants. What a
//! monitor sees of a region tells a slow network from a slow service; which endpoint it is says `waypost status`.
//!
//! It does not know the plan: a series begins with its first sample and stays, as a counter must.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::ProbeLabels;
use super::histogram::Histogram;
use super::text::{Exposition, Kind, render_pairs};
use crate::health::Timing;

const PHASES: [&str; 5] = ["connect", "tls", "first_byte", "response", "total"];

/// All series, by monitor and region.
#[derive(Debug, Default)]
pub(super) struct Durations(Mutex<ByMonitor>);

/// All of them at one moment.
#[derive(Debug)]
pub(super) struct DurationsCopy(ByMonitor);

type ByMonitor = BTreeMap<String, BTreeMap<String, Series>>;

/// A histogram for each phase.
#[derive(Clone, Debug, Default)]
struct Series([Histogram; PHASES.len()]);

impl Durations {
    /// Takes in the times of one probe.
    pub(super) fn observe(&self, labels: ProbeLabels<'_>, timing: Timing) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get_mut(labels.monitor);
        let known = known.and_then(|regions| regions.get_mut(labels.region));
        if let Some(series) = known {
            return series.observe(timing);
        }
        let regions = all.entry(labels.monitor.to_owned()).or_default();
        let series = regions.entry(labels.region.to_owned()).or_default();
        series.observe(timing);
    }

    /// Copies what there is; the end of a probe does not wait for it to be written.
    pub(super) fn copy(&self) -> DurationsCopy {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        DurationsCopy(all.clone())
    }
}

impl DurationsCopy {
    /// Writes the family.
    pub(super) fn write(&self, text: &mut Exposition) {
        text.family(
            "waypost_probe_duration_seconds",
            Kind::Histogram,
            "How long probes took, by phase; phases that were not reached are left out.",
        );
        for (monitor, regions) in &self.0 {
            for (region, series) in regions {
                series.write(text, [("region", region), ("monitor", monitor)]);
            }
        }
    }
}

impl Series {
    fn observe(&mut self, timing: Timing) {
        let Timing {
            connect_us,
            tls_us,
            first_byte_us,
            response_us,
            total_us,
        } = timing;
        let [connect, tls, first_byte, response, total] = &mut self.0;
        for (phase, micros) in [
            (connect, connect_us),
            (tls, tls_us),
            (first_byte, first_byte_us),
            (response, response_us),
        ] {
            if micros > 0 {
                phase.add(micros);
            }
        }
        total.add(total_us);
    }

    fn write(&self, text: &mut Exposition, [region, monitor]: [(&str, &str); 2]) {
        for (phase, histogram) in PHASES.iter().zip(&self.0) {
            if !histogram.is_empty() {
                histogram.write(text, &render_pairs(&[region, monitor, ("phase", phase)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::metrics::text::{MetricsForm, Packing};

    const LABELS: ProbeLabels<'_> = ProbeLabels {
        region: "eu",
        endpoint: Some("one"),
        monitor: "web\"",
    };

    fn text(durations: &Durations) -> String {
        let mut text = Exposition::new(MetricsForm::Text, Packing::Plain);
        durations.copy().write(&mut text);
        String::from_utf8(text.finish()).unwrap()
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
        let labels = "{region=\"eu\",monitor=\"web\\\"\"";
        let connect = format!("{labels},phase=\"connect\"");
        let name = "waypost_probe_duration_seconds";
        for line in [
            format!("{name}_bucket{connect},le=\"0.0005\"}} 1"),
            format!("{name}_bucket{connect},le=\"0.001\"}} 2"),
            format!("{name}_bucket{connect},le=\"10.0\"}} 2"),
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
    fn endpoints_of_a_region_share_a_series() {
        let durations = Durations::default();
        for (endpoint, region) in [("one", "eu"), ("two", "eu"), ("one", "na")] {
            let labels = ProbeLabels {
                endpoint: Some(endpoint),
                region,
                ..LABELS
            };
            durations.observe(labels, Timing::default());
        }
        let text = text(&durations);
        let counts = text.lines().filter(|line| line.contains("_count{"));
        let counts: Vec<&str> = counts.map(|line| &line[line.len() - 2..]).collect();
        assert_eq!(counts, [" 2", " 1"]);
    }
}
