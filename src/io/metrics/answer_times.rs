//! Times that answers over UDP took, from the read of their batch to the send of its replies.
//!
//! One of [`TIMED_TURNS`] turns of an answering thread is timed, its first batch: for every other turn that costs an addition
//! and a test beside a `poll`, a `recvmmsg` and a `sendmmsg`, and for a query nothing. Every answer of a batch
//! has waited for all of it, so each counts as long as the batch took. Buckets begin at microseconds, far below those of
//! probes.
//!
//! [`TIMED_TURNS`]: crate::base::limits::TIMED_TURNS
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::text::{Exposition, Kind};

/// The only series.
const LABELS: &str = "transport=\"udp\"";
/// Upper bounds of the buckets, in microseconds and as both forms have them, in seconds.
const BUCKETS: [(u64, &str); 12] = [
    (5, "le=\"0.000005\""),
    (10, "le=\"0.00001\""),
    (25, "le=\"0.000025\""),
    (50, "le=\"0.00005\""),
    (100, "le=\"0.0001\""),
    (250, "le=\"0.00025\""),
    (500, "le=\"0.0005\""),
    (1_000, "le=\"0.001\""),
    (2_500, "le=\"0.0025\""),
    (5_000, "le=\"0.005\""),
    (10_000, "le=\"0.01\""),
    (100_000, "le=\"0.1\""),
];

/// Samples of all threads by bucket, those past the last bound included, and their sum.
#[derive(Debug, Default)]
pub(super) struct AnswerTimes {
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum_ns: AtomicU64,
}

/// All of them at one moment.
#[derive(Debug)]
pub(super) struct AnswerTimesCopy {
    buckets: [u64; BUCKETS.len() + 1],
    sum_ns: u64,
}

impl AnswerTimes {
    /// Takes in a batch of so many answers.
    pub(super) fn add(&self, took: Duration, answers: usize) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let answers = answers as u64;
        let bucket = BUCKETS.partition_point(|(bound, _)| bound * 1000 < nanoseconds);
        self.buckets[bucket].fetch_add(answers, Ordering::Relaxed);
        let sum = nanoseconds.saturating_mul(answers);
        self.sum_ns.fetch_add(sum, Ordering::Relaxed);
    }

    /// Copies what there is.
    pub(super) fn copy(&self) -> AnswerTimesCopy {
        AnswerTimesCopy {
            buckets: std::array::from_fn(|index| self.buckets[index].load(Ordering::Relaxed)),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

impl AnswerTimesCopy {
    /// Writes the family.
    pub(super) fn write(&self, text: &mut Exposition) {
        text.family(
            "waypost_answer_duration_seconds",
            Kind::Histogram,
            "How long answers over UDP took from the read of their batch to the send of its replies, by samples.",
        );
        let bounds = BUCKETS.iter().map(|(_, bound)| *bound);
        let mut count = 0;
        for (bound, samples) in bounds.chain(["le=\"+Inf\""]).zip(&self.buckets) {
            count += samples;
            text.parted("_bucket", [LABELS, bound], count);
        }
        let (seconds, nanoseconds) = (self.sum_ns / 1_000_000_000, self.sum_ns % 1_000_000_000);
        text.part("_sum", LABELS, format_args!("{seconds}.{nanoseconds:09}"));
        text.part("_count", LABELS, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::metrics::text::{MetricsForm, Packing};

    #[test]
    fn each_answer_of_a_batch_counts_as_long_as_the_batch() {
        let times = AnswerTimes::default();
        times.add(Duration::from_micros(5), 2);
        times.add(Duration::from_nanos(5_001), 3);
        times.add(Duration::from_secs(1), 1);
        let mut text = Exposition::new(MetricsForm::Text, Packing::Plain);
        times.copy().write(&mut text);
        let text = String::from_utf8(text.finish()).unwrap();
        let name = "waypost_answer_duration_seconds";
        for line in [
            format!("{name}_bucket{{{LABELS},le=\"0.000005\"}} 2"),
            format!("{name}_bucket{{{LABELS},le=\"0.00001\"}} 5"),
            format!("{name}_bucket{{{LABELS},le=\"0.1\"}} 5"),
            format!("{name}_bucket{{{LABELS},le=\"+Inf\"}} 6"),
            format!("{name}_sum{{{LABELS}}} 1.000025003"),
            format!("{name}_count{{{LABELS}}} 6"),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }
}
