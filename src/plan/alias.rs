//! Draws of one of many by weight, in one step and exactly.
//!
//! Walker's alias method in whole numbers: there is a column for each of `n` things, all of the height of the whole
//! weight, and a part of each belongs to its own thing, the rest to another one. So each thing has
//! `n` times its weight of the area. One number draws both the column and the place in it.

/// Things that are drawn by weight, as their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WeightedDraw {
    columns: Box<[DrawColumn]>,
    /// The sum of the weights, which is the height of a column.
    pub(super) height: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DrawColumn {
    /// Height up to which the column's own thing is drawn.
    below: u64,
    /// The thing that is drawn above it.
    other: u32,
}

impl WeightedDraw {
    /// Of these weights, whose sum times their number is below 2^64.
    pub(super) fn new(weights: &[u64]) -> Self {
        let height: u64 = weights.iter().sum();
        let count = weights.len() as u64;
        let mut columns: Vec<DrawColumn> = (0..)
            .zip(weights)
            .map(|(own, weight)| DrawColumn {
                below: weight * count,
                other: own,
            })
            .collect();
        let is_low = |columns: &[DrawColumn], place: &usize| columns[*place].below < height;
        let places = 0..columns.len();
        let (mut low, mut high): (Vec<usize>, Vec<usize>) =
            places.partition(|place| is_low(&columns, place));
        // What a low column lacks, a high one fills; it is low itself then, or still high.
        while let (Some(own), Some(&giver)) = (low.pop(), high.last()) {
            columns[own].other = columns[giver].other;
            columns[giver].below -= height - columns[own].below;
            if columns[giver].below < height {
                low.extend(high.pop());
            }
        }
        Self {
            columns: columns.into(),
            height,
        }
    }

    /// The thing that a number draws, of all numbers evenly.
    #[inline]
    pub(super) fn pick(&self, drawn: u64) -> usize {
        let (own, rest) = scaled(drawn, self.columns.len() as u64);
        let (height, _) = scaled(rest, self.height);
        match self.columns.get(own) {
            Some(column) if height as u64 >= column.below => column.other as usize,
            _ => own,
        }
    }
}

/// A number as a part of all, times `bound`: what is whole of it, and the rest as a part of all.
#[inline]
fn scaled(drawn: u64, bound: u64) -> (usize, u64) {
    let product = u128::from(drawn) * u128::from(bound);
    let rest = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
    (usize::try_from(product >> 64).unwrap_or(0), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The area of each thing, counted off the columns.
    fn areas(alias: &WeightedDraw) -> Vec<u64> {
        let mut areas = vec![0; alias.columns.len()];
        for (own, column) in alias.columns.iter().enumerate() {
            let below = column.below.min(alias.height);
            areas[own] += below;
            areas[column.other as usize] += alias.height - below;
        }
        areas
    }

    #[test]
    fn each_has_exactly_its_weight_of_the_area() {
        let many: Vec<u64> = (1..=1000).map(|own| own * own % 65_535 + 1).collect();
        for weights in [&[5][..], &[1, 9_999], &[3, 3, 3], &[65_535, 1, 1, 7], &many] {
            let count = weights.len() as u64;
            let expected: Vec<u64> = weights.iter().map(|own| own * count).collect();
            assert_eq!(areas(&WeightedDraw::new(weights)), expected);
        }
    }

    #[test]
    fn even_numbers_draw_by_weight() {
        let weights = [1, 9_999];
        let alias = WeightedDraw::new(&weights);
        let step = u64::MAX / 1_000_000;
        let drawn = (0..1_000_000).filter(|number| alias.pick(number * step) == 0);
        assert!((99..=101).contains(&drawn.count()));
    }
}
