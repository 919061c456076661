//! The play in equal stretches, for charts: what was carried and lost in each, as means.
use super::accounting::{Accounting, Felt, Gauge};
use super::serving::Serving;
use crate::base::{Moment, Span};

/// The number of stretches that there are, about.
const COUNT: u64 = 360;
/// None is shorter.
const LEAST: Span = Span::from_secs(5);

/// One stretch.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// Mean demand carried by each region: all, and what counts; in millionths.
    pub(super) regions: Vec<(u64, u64)>,
    /// By row of [`Serving`]: the part of demand that was lost, in millionths.
    pub(super) lost: Vec<u64>,
}

/// All stretches.
#[derive(Debug)]
pub(super) struct TimeBuckets {
    pub(super) width: Span,
    pub(super) list: Vec<Bucket>,
    regions: Vec<[u128; 2]>,
    rows: Vec<[u128; 2]>,
    closed: Moment,
}

impl TimeBuckets {
    pub(super) fn new(duration: Span) -> Self {
        let width = (duration.0 / COUNT).max(LEAST.0).div_ceil(1000) * 1000;
        Self {
            width: Span(width),
            list: Vec::new(),
            regions: Vec::new(),
            rows: Vec::new(),
            closed: Moment(0),
        }
    }

    /// The first stretch begins.
    pub(super) fn begin(&mut self, now: Moment) {
        self.closed = now;
    }

    /// Ends a stretch, if it has begun.
    pub(super) fn close(&mut self, now: Moment, accounting: &Accounting, serving: &Serving) {
        let loads = |loads: &[super::accounting::Load]| -> Vec<[u128; 2]> {
            let sums = loads
                .iter()
                .map(|load| [load.all.sum(now), load.counted.sum(now)]);
            sums.collect()
        };
        let width = u128::from(now.since(self.closed).0);
        if width == 0 {
            return;
        }
        self.closed = now;
        let mean = |pair: [u128; 2]| (narrow(pair[0] / width), narrow(pair[1] / width));
        let regions = advance(&mut self.regions, loads(&accounting.regions));
        let rows = advance(&mut self.rows, by_row(now, &accounting.groups, serving));
        let part = |pair: [u128; 2]| narrow(pair[0] * 1_000_000 / pair[1].max(1));
        self.list.push(Bucket {
            regions: regions.into_iter().map(mean).collect(),
            lost: rows.into_iter().map(part).collect(),
        });
    }
}

/// What was missed and asked for up to now, by row.
pub(super) fn by_row(now: Moment, groups: &[Felt], serving: &Serving) -> Vec<[u128; 2]> {
    let mut rows = vec![[0; 2]; serving.rows.len()];
    let sum = |gauge: &Gauge| gauge.sum(now);
    for (felt, row) in groups.iter().zip(&serving.row_of) {
        rows[*row][0] += sum(&felt.missed);
        rows[*row][1] += sum(&felt.asked);
    }
    rows
}

/// Replaces sums by later ones, and gives what came in between.
fn advance(before: &mut Vec<[u128; 2]>, after: Vec<[u128; 2]>) -> Vec<[u128; 2]> {
    before.resize(after.len(), [0; 2]);
    let pairs = before.iter().zip(&after);
    let between = pairs.map(|(old, new)| [new[0] - old[0], new[1] - old[1]]);
    let between = between.collect();
    *before = after;
    between
}

fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
