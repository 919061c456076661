//! Reads single figures out of the Prometheus text format.

/// The sum of all samples of a family.
pub(crate) fn sum(text: &str, family: &str) -> f64 {
    samples(text, family).map(|(_, value)| value).sum()
}

/// A histogram as (upper bound, samples up to it), the labels added up; empty if there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    pub(crate) fn read(text: &str, family: &str) -> Self {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (labels, value) in samples(text, &format!("{family}_bucket")) {
            let bound = labels
                .split("le=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            let bound = bound.parse().unwrap_or(f64::INFINITY);
            match buckets.iter_mut().find(|bucket| bucket.0 == bound) {
                Some(bucket) => bucket.1 += value,
                None => buckets.push((bound, value)),
            }
        }
        Self(buckets)
    }

    /// What came since an earlier reading.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| earlier.0.iter().find(|bucket| bucket.0 == bound);
        let buckets = self
            .0
            .iter()
            .map(|&(bound, count)| (bound, count - before(bound).map_or(0.0, |bucket| bucket.1)));
        Self(buckets.collect())
    }

    /// How many samples there are.
    pub(crate) fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |bucket| bucket.1)
    }

    /// The upper bound of the bucket in which a part of all samples is reached; part 1 is the most.
    pub(crate) fn bound_of(&self, part: f64) -> Option<f64> {
        let wanted = self.count() * part;
        let found = self
            .0
            .iter()
            .find(|bucket| bucket.1 >= wanted && bucket.1 > 0.0);
        found.map(|bucket| bucket.0)
    }
}

fn samples<'t>(text: &'t str, family: &str) -> impl Iterator<Item = (&'t str, f64)> {
    let family = family.to_owned();
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(&family)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        Some((labels, value.parse().ok()?))
    })
}
