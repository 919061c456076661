//! For each cohort, the order in which it would choose the members of a tier.
//!
//! The first choices follow the weights to within one cohort; so do the second choices of
//! those whose first is taken away, and so on: after any failure the rest still share by
//! weight. Each choice has a *rank*: a member whose share is `s` permille serves the cohorts
//! whose rank for it is below `s`. As a share rises, cohorts move to that member only, and each
//! once; that is why a client moves at most once per ramp (promise 4).
//!
//! It knows weights and a key, not health. Cohorts are dealt out by whole-number quotas
//! (largest remainder) after a keyed shuffle, so equal inputs give equal orders everywhere. While all
//! are there nobody gets nothing, however small the weight: one cohort is the least.
//!
//! Cohort orders are most of what a large plan holds in memory, and what a table is built from reads all of
//! them; so a choice is two octets: 10 bits of rank and 6 of member.
use crate::base::hash::Draws;
use crate::base::limits::{COHORT_MEMBERS, COHORTS};

/// The choices of every cohort.
#[derive(Debug, PartialEq, Eq)]
pub struct CohortOrder {
    members: usize,
    choices: Vec<Choice>,
}

/// One choice of one cohort: the rank in the upper bits, the member in the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Choice(u16);

/// Bits that hold the index of a member.
const MEMBER_BITS: u32 = COHORT_MEMBERS.ilog2();
const _: () = assert!(COHORT_MEMBERS.is_power_of_two() && COHORTS <= 1 << (16 - MEMBER_BITS));

impl Choice {
    /// Index of the member within its tier.
    #[must_use]
    pub fn member(self) -> u8 {
        self.0.to_le_bytes()[0] & ((1 << MEMBER_BITS) - 1)
    }

    /// 0 to 999: the member serves the cohort if its share is above this.
    #[must_use]
    pub fn rank(self) -> u16 {
        self.0 >> MEMBER_BITS
    }

    fn new(member: u8, rank: usize) -> Self {
        let rank = u16::try_from(rank).unwrap_or(COHORTS - 1);
        Self((rank << MEMBER_BITS) | u16::from(member))
    }
}

impl CohortOrder {
    /// Deals the cohorts out by `weights` (one per member, none zero, at most
    /// [`COHORT_MEMBERS`]); `seed` makes orders of different tiers independent.
    #[must_use]
    pub fn deal(weights: &[u16], seed: u64) -> Self {
        let members = weights.len();
        let mut order = Self {
            members,
            choices: vec![Choice::default(); members * usize::from(COHORTS)],
        };
        let mut draws = Draws::from_seed(seed);
        let cohorts: Vec<u16> = (0..COHORTS).collect();
        let left: Vec<u8> = (0..).take(members).collect();
        order.deal_rest(cohorts, &left, weights, &mut draws);
        order
    }

    /// The choices of one cohort, first choice first.
    #[must_use]
    pub fn choices(&self, cohort: u16) -> &[Choice] {
        let start = usize::from(cohort) * self.members;
        &self.choices[start..start + self.members]
    }

    /// Deals `cohorts` out among the members `left`, then each hand's next choices.
    fn deal_rest(
        &mut self,
        mut cohorts: Vec<u16>,
        left: &[u8],
        weights: &[u16],
        draws: &mut Draws,
    ) {
        match cohorts[..] {
            [] => return,
            [cohort] => return self.deal_one(cohort, left.to_vec(), weights, draws),
            _ if left.is_empty() => return,
            _ => shuffle(&mut cohorts, draws),
        }
        let depth = self.members - left.len();
        let own: Vec<u64> = left
            .iter()
            .map(|&member| u64::from(weights[usize::from(member)]))
            .collect();
        let mut quotas = quotas(&own, cohorts.len(), draws);
        if depth == 0 {
            leave_nobody_out(&mut quotas);
        }
        let mut rest = cohorts.as_slice();
        for (&member, quota) in left.iter().zip(quotas) {
            let (hand, others) = rest.split_at(quota);
            rest = others;
            if hand.is_empty() {
                continue;
            }
            for (place, &cohort) in hand.iter().enumerate() {
                let rank = place * usize::from(COHORTS) / hand.len();
                self.choices[usize::from(cohort) * self.members + depth] =
                    Choice::new(member, rank);
            }
            let others: Vec<u8> = left
                .iter()
                .copied()
                .filter(|&other| other != member)
                .collect();
            self.deal_rest(hand.to_vec(), &others, weights, draws);
        }
    }

    /// Deals one cohort all that is left. In a large tier most hands are of one, and their quotas
    /// are quickly found: the largest weight takes it, and equal weights draw lots.
    fn deal_one(&mut self, cohort: u16, mut left: Vec<u8>, weights: &[u16], draws: &mut Draws) {
        let own = left.iter().map(|&member| weights[usize::from(member)]);
        let mut own: Vec<u16> = own.collect();
        let end = (usize::from(cohort) + 1) * self.members;
        for choice in &mut self.choices[end - left.len()..end] {
            let taker = heaviest(&own, draws);
            own.remove(taker);
            *choice = Choice::new(left.remove(taker), 0);
        }
    }
}

/// Index of the largest weight; of equal ones, that with the largest lot. Every weight has a lot,
/// in order; those of the others are passed over.
fn heaviest(weights: &[u16], draws: &mut Draws) -> usize {
    let most = weights.iter().copied().max().unwrap_or(0);
    let (mut taker, mut largest) = (0, 0);
    for (index, &weight) in weights.iter().enumerate() {
        if weight < most {
            draws.pass_over();
            continue;
        }
        let lot = draws.next_u64();
        if lot >= largest {
            (taker, largest) = (index, lot);
        }
    }
    taker
}

/// Splits `total` by `weights`, whole, by largest remainder; equal remainders draw lots.
fn quotas(weights: &[u64], total: usize, draws: &mut Draws) -> Vec<usize> {
    let sum: u64 = weights.iter().sum::<u64>().max(1);
    let parts: Vec<u64> = weights.iter().map(|weight| weight * total as u64).collect();
    let mut quotas: Vec<usize> = parts
        .iter()
        .map(|part| usize::try_from(part / sum).unwrap_or(0))
        .collect();
    let mut order: Vec<(u64, u64, usize)> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| (part % sum, draws.next_u64(), index))
        .collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let missing = total - quotas.iter().sum::<usize>();
    for (_, _, index) in order.into_iter().cycle().take(missing) {
        quotas[index] += 1;
    }
    quotas
}

/// Gives one to each who got none, of those who got most: there are more cohorts than members.
fn leave_nobody_out(quotas: &mut [usize]) {
    while let Some(none) = quotas.iter().position(|quota| *quota == 0) {
        let most = (0..quotas.len()).max_by_key(|index| quotas[*index]);
        let Some(most) = most.filter(|most| quotas[*most] > 1) else {
            return;
        };
        quotas[most] -= 1;
        quotas[none] = 1;
    }
}

/// Fisher-Yates.
fn shuffle(cohorts: &mut [u16], draws: &mut Draws) {
    for end in (1..cohorts.len()).rev() {
        let pick = usize::try_from(draws.below(end as u64 + 1)).unwrap_or(0);
        cohorts.swap(end, pick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many cohorts each member gets if it accepts ranks below its share.
    fn served(order: &CohortOrder, shares: &[u16]) -> Vec<u32> {
        let mut counts = vec![0; shares.len()];
        for cohort in 0..COHORTS {
            let taker = order
                .choices(cohort)
                .iter()
                .find(|choice| choice.rank() < shares[usize::from(choice.member())]);
            if let Some(choice) = taker {
                counts[usize::from(choice.member())] += 1;
            }
        }
        counts
    }

    #[test]
    fn first_choices_follow_weights_exactly() {
        let order = CohortOrder::deal(&[100, 50, 50], 7);
        assert_eq!(served(&order, &[1000, 1000, 1000]), [500, 250, 250]);
        let order = CohortOrder::deal(&[1, 1, 1], 7);
        let counts = served(&order, &[1000, 1000, 1000]);
        assert!(
            counts.iter().all(|count| (333..=334).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn no_weight_gets_nobody() {
        for weights in [
            &[9999, 1][..],
            &[1, 9999],
            &[1999, 1],
            &[65_535, 1, 1, 1],
            &[65_535, 65_535, 1],
            &[[65_535].as_slice(), &[1; 63]].concat(),
        ] {
            let all = vec![1000; weights.len()];
            for seed in 0..5 {
                let counts = served(&CohortOrder::deal(weights, seed), &all);
                assert!(
                    counts.iter().all(|count| *count > 0),
                    "{weights:?}: {counts:?}"
                );
                assert_eq!(counts.iter().sum::<u32>(), 1000);
            }
        }
    }

    #[test]
    fn survivors_share_by_weight() {
        let order = CohortOrder::deal(&[100, 50, 50, 200], 3);
        let counts = served(&order, &[0, 1000, 1000, 1000]);
        for (count, ideal) in counts.iter().zip([0_u32, 167, 167, 667]) {
            assert!(count.abs_diff(ideal) <= 3, "{counts:?}");
        }
    }

    #[test]
    fn a_rising_share_only_gains_and_each_cohort_moves_once() {
        let order = CohortOrder::deal(&[3, 2, 5, 1, 4], 11);
        let taker = |cohort, share: u16| {
            let shares = [1000, 1000, share, 1000, 1000];
            let found = order
                .choices(cohort)
                .iter()
                .find(|choice| choice.rank() < shares[usize::from(choice.member())]);
            found.map(|choice| choice.member())
        };
        for cohort in 0..COHORTS {
            let moves =
                (1..=1000).filter(|&share| taker(cohort, share - 1) != taker(cohort, share));
            let moves: Vec<u16> = moves.collect();
            assert!(moves.len() <= 1, "cohort {cohort} moves at {moves:?}");
            for share in moves {
                assert_eq!(taker(cohort, share), Some(2));
            }
        }
    }

    #[test]
    fn a_share_is_that_part_of_the_hand() {
        let order = CohortOrder::deal(&[1, 1], 5);
        for share in [0, 50, 200, 500, 1000] {
            let counts = served(&order, &[share, 1000]);
            assert_eq!(counts[0], u32::from(share).div_ceil(2), "share {share}");
        }
        let alone = CohortOrder::deal(&[9], 5);
        assert_eq!(served(&alone, &[370]), [370]);
    }

    #[test]
    fn a_hand_of_one_is_dealt_as_its_quotas_say() {
        for seed in 0..50 {
            let weights = [3, 1, 3, 7, 1, 7];
            let mut order = CohortOrder::deal(&weights, seed);
            let mut draws = Draws::from_seed(seed);
            order.deal_one(9, (0..6).collect(), &weights, &mut draws);
            let (mut left, mut draws) = ((0..6).collect::<Vec<u8>>(), Draws::from_seed(seed));
            for choice in order.choices(9) {
                let own: Vec<u64> = left
                    .iter()
                    .map(|&member| u64::from(weights[usize::from(member)]))
                    .collect();
                let quotas = quotas(&own, 1, &mut draws);
                let taker = quotas.iter().position(|quota| *quota == 1).unwrap();
                assert_eq!((choice.member(), choice.rank()), (left.remove(taker), 0));
            }
        }
    }

    #[test]
    fn equal_inputs_give_equal_rings() {
        assert_eq!(
            CohortOrder::deal(&[1, 2, 3], 1),
            CohortOrder::deal(&[1, 2, 3], 1)
        );
        assert_ne!(
            CohortOrder::deal(&[1, 2, 3], 1),
            CohortOrder::deal(&[1, 2, 3], 2)
        );
    }
}
