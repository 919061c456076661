//! A set of cohorts: one bit each, so that a thousand are compared in sixteen steps.
use crate::base::limits::COHORTS;

const WORDS: usize = COHORTS.div_ceil(64) as usize;

/// Some of the cohorts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cohorts([u64; WORDS]);

impl std::fmt::Debug for Cohorts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} cohorts", self.len())
    }
}

impl Cohorts {
    /// None of them.
    pub const NONE: Self = Self([0; WORDS]);
    /// All of them.
    pub const ALL: Self = {
        let mut words = [u64::MAX; WORDS];
        words[WORDS - 1] >>= WORDS * 64 - COHORTS as usize;
        Self(words)
    };

    /// Takes one in.
    pub fn insert(&mut self, cohort: u16) {
        self.0[usize::from(cohort / 64)] |= 1 << (cohort % 64);
    }

    /// Tells whether one is among them.
    #[must_use]
    pub fn contains(&self, cohort: u16) -> bool {
        let word = self.0.get(usize::from(cohort / 64));
        word.is_some_and(|word| word & (1 << (cohort % 64)) != 0)
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> u16 {
        let bits = self.0.iter().map(|word| word.count_ones());
        u16::try_from(bits.sum::<u32>()).unwrap_or(COHORTS)
    }

    /// Those that are among others as well.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        self.combined(others, |own, other| own & other)
    }

    /// These and others.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        self.combined(others, |own, other| own | other)
    }

    /// Those that are not among others.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        self.combined(others, |own, other| own & !other)
    }

    /// Tells whether one at least is among others as well.
    #[must_use]
    pub fn meet(&self, others: &Self) -> bool {
        let mut words = self.0.iter().zip(&others.0);
        words.any(|(own, other)| own & other != 0)
    }

    /// The first `count` of them, counted from cohort `start` on and around.
    #[must_use]
    pub fn first(&self, start: u16, count: u64) -> Self {
        if count >= u64::from(COHORTS) {
            return *self;
        }
        let mut left = u32::try_from(count).unwrap_or(u32::MAX);
        let mut taken = Self::NONE;
        let (word, bit) = (usize::from(start / 64) % WORDS, start % 64);
        // The word of the start is passed twice: first from the start on, at last up to it.
        for step in 0..=WORDS {
            let index = (word + step) % WORDS;
            let mask = match step {
                0 => u64::MAX << bit,
                WORDS => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            let some = lowest(self.0[index] & mask, left);
            taken.0[index] |= some;
            left -= some.count_ones();
            if left == 0 {
                break;
            }
        }
        taken
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        let words = (0..).step_by(64).zip(self.0);
        words.flat_map(|(first, word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = u16::try_from(left.trailing_zeros()).ok()?;
                left &= left.checked_sub(1)?;
                Some(first + bit)
            })
        })
    }

    fn combined(&self, others: &Self, each: impl Fn(u64, u64) -> u64) -> Self {
        let mut words = self.0;
        for (own, other) in words.iter_mut().zip(&others.0) {
            *own = each(*own, *other);
        }
        Self(words)
    }
}

/// At most `count` bits of a word, the lowest.
fn lowest(word: u64, count: u32) -> u64 {
    if word.count_ones() <= count {
        return word;
    }
    let mut rest = word;
    for _ in 0..count {
        rest &= rest - 1;
    }
    word & !rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_counted_from_the_start_and_around() {
        let mut some = Cohorts::NONE;
        for cohort in [0, 3, 64, 65, 700, 999] {
            some.insert(cohort);
        }
        for (start, count, expected) in [
            (0, 2, &[0, 3][..]),
            (3, 2, &[3, 64]),
            (65, 3, &[65, 700, 999]),
            (66, 4, &[0, 3, 700, 999]),
            (999, 2, &[0, 999]),
            (500, 100, &[0, 3, 64, 65, 700, 999]),
            (500, 5000, &[0, 3, 64, 65, 700, 999]),
            (1, 6, &[0, 3, 64, 65, 700, 999]),
            (0, 0, &[]),
        ] {
            let first: Vec<u16> = some.first(start, count).iter().collect();
            assert_eq!(first, expected, "{count} from {start}");
        }
    }

    #[test]
    fn sets_are_sets() {
        assert_eq!((Cohorts::ALL.len(), Cohorts::NONE.len()), (1000, 0));
        let half = Cohorts::ALL.first(250, 500);
        let rest = Cohorts::ALL.without(&half);
        assert_eq!(
            (half.len(), rest.len(), half.meet(&rest)),
            (500, 500, false)
        );
        assert_eq!(half.or(&rest), Cohorts::ALL);
        assert!(half.and(&rest).is_empty() && half.meet(&Cohorts::ALL));
        assert!(half.contains(250) && !half.contains(750) && !half.contains(u16::MAX));
    }
}
