//! Counts of times by size: a row of counters, and a sample is an addition.
//!
//! Histograms of a general recorder keep every sample until all of them are drained, and weigh kilobytes each; with 10,000
//! endpoints that was 250 MB. Bounds are the same for everything that is timed, from a neighbour's half millisecond to the
//! longest timeout in use.
use super::text::Exposition;

/// Upper bounds of the buckets, in microseconds and as both forms have them, in seconds.
const BUCKETS: [(u32, &str); 14] = [
    (500, "le=\"0.0005\""),
    (1_000, "le=\"0.001\""),
    (2_500, "le=\"0.0025\""),
    (5_000, "le=\"0.005\""),
    (10_000, "le=\"0.01\""),
    (25_000, "le=\"0.025\""),
    (50_000, "le=\"0.05\""),
    (100_000, "le=\"0.1\""),
    (250_000, "le=\"0.25\""),
    (500_000, "le=\"0.5\""),
    (1_000_000, "le=\"1.0\""),
    (2_500_000, "le=\"2.5\""),
    (5_000_000, "le=\"5.0\""),
    (10_000_000, "le=\"10.0\""),
];

/// Samples by bucket, those past the last bound included, and their sum.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Histogram {
    buckets: [u64; BUCKETS.len() + 1],
    sum_us: u64,
}

impl Histogram {
    /// Takes in one time.
    pub(super) fn add(&mut self, micros: u32) {
        let bucket = BUCKETS.partition_point(|(bound, _)| *bound < micros);
        self.buckets[bucket] += 1;
        self.sum_us += u64::from(micros);
    }

    /// Tells whether there is no sample yet.
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().all(|samples| *samples == 0)
    }

    /// Writes its samples under a family that was begun; `own` are its labels, without the braces.
    pub(super) fn write(&self, text: &mut Exposition, own: &str) {
        let bounds = BUCKETS.iter().map(|(_, bound)| *bound);
        let mut count = 0;
        for (bound, samples) in bounds.chain(["le=\"+Inf\""]).zip(&self.buckets) {
            count += samples;
            text.parted("_bucket", [own, bound], count);
        }
        let (seconds, micros) = (self.sum_us / 1_000_000, self.sum_us % 1_000_000);
        text.part("_sum", own, format_args!("{seconds}.{micros:06}"));
        text.part("_count", own, count);
    }
}
