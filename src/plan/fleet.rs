//! A tier of many endpoints, or of weights that a thousand cohorts cannot hold.
//!
//! **Sets.** A fleet answers with one of its *sets* of endpoints; where an answer is of one endpoint, the sets are the
//! endpoints. Of larger ones there are as many as endpoints at most: the endpoints lie on a ring, each on as much of it as
//! its weight says, and `k` hands stand on it at equal distances. What the hands point to is a set; as they turn
//! together by one distance, it changes once for each endpoint (systematic sampling). So each
//! endpoint is in `k` times its share of the sets, exactly, and in none twice; one that has more than a whole part of
//! `k` is in all of them. Each set is drawn as often as the hands stay on it.
//!
//! **Who gets which.** A client draws by its hash a set (in one step, exactly for any weights), and which of it comes first,
//! evenly. If nobody of the set can serve it, it draws again, always in the same order; when it has drawn in vain for
//! [`FLEET_DRAWS`] times, all sets are compared by weighted rendezvous. So survivors share by weight, and those
//! whose endpoints are up do not move when others die.
//!
//! **Who serves whom first.** The cohort of a client has a *rank* in the fleet; an endpoint with a share of `s` permille
//! serves cohorts of a rank below `s`. Draws do not depend on cohorts, so that is `s` permille of what its weight is
//! worth; and a client moves once as a share rises. The ranks are the same for all of a fleet: while all of it ramps,
//! so much of the clients come.
//!
//! **When some of a set are down** ([`Missing`]): others fill their places, so that an answer is as
//! large as it can be. Any subset may come of that, which is more than can be signed beforehand. In a signed zone the
//! set is *divided* instead: its halves, their halves and so on are known beforehand, and a client gets the
//! largest of them around its own first choice in which all are up. So all of a set that are up still get equal parts of its
//! clients, no answer is empty while one is up, and a fleet of `n` has no more than `n (log2 k + 1)` answers.
//!
//! **Sticky.** A fleet of answers of one may be drawn by the names of its endpoints alone ([`Fleet::sticky`]): no draws in one
//! step, weighted rendezvous of all at once. It costs each client as many hashes as there are endpoints, and then a change of the
//! config moves no more than it must: an endpoint that comes, goes or has another weight gains or loses exactly its share, and
//! nobody moves between two others.
//!
//! It knows weights and a key, not health; equal inputs give equal fleets everywhere.
use std::collections::BTreeSet;
use std::ops::Range;

use crate::base::limits::{COHORTS, FLEET_DRAWS};
use crate::base::{ClientHash, Draws, HashKey};

use super::alias::WeightedDraw;

/// The sets of a tier, and who draws which.
#[derive(Debug, PartialEq, Eq)]
pub struct Fleet {
    seed: u64,
    missing: Missing,
    /// The members in the order in which they fill the places of others.
    ring: Box<[u16]>,
    /// Members of each set, one set after the other.
    sets: Box<[u16]>,
    /// Members of one set.
    size: usize,
    /// Times that each set is drawn, as parts of their sum.
    widths: Box<[u64]>,
    by_width: WeightedDraw,
    /// Places on the ring, by the weights of who stands there.
    by_place: WeightedDraw,
    /// By cohort.
    ranks: Box<[u16]>,
    /// Draws in one step before all sets are compared.
    draws: usize,
    /// By set: what tells its own number of a client from those of others.
    set_seeds: Box<[u64]>,
}

/// Draws of who of a set comes first, before the next one around is taken.
const FIRST_DRAWS: usize = 4;

/// The rule for a set of which some are down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// Others fill their places.
    Filled,
    /// Its largest part that is up answers.
    Divided,
}

impl Fleet {
    /// The fleet of members with `weights` (one per member, none zero), `answers` of them in an answer; `seed` makes
    /// different tiers independent.
    #[must_use]
    pub fn deal(weights: &[u16], answers: u8, missing: Missing, seed: u64) -> Self {
        let mut draws = Draws::from_seed(seed);
        let mut ring: Vec<u16> = (0..).take(weights.len()).collect();
        shuffle(&mut ring, &mut draws);
        let mut ranks: Vec<u16> = (0..COHORTS).collect();
        shuffle(&mut ranks, &mut draws);
        let (sets, widths) = turn(&ring, weights, usize::from(answers.max(1)));
        let own = ring.iter().map(|member| weights[usize::from(*member)]);
        let own: Vec<u64> = own.map(u64::from).collect();
        let set_seeds = (1..)
            .take(widths.len())
            .map(|set: u64| set.rotate_right(16));
        Self {
            draws: FLEET_DRAWS,
            set_seeds: set_seeds.collect(),
            seed: draws.next_u64(),
            missing,
            size: sets.len() / widths.len().max(1),
            sets: sets.into(),
            by_width: WeightedDraw::new(&widths),
            by_place: WeightedDraw::new(&own),
            widths: widths.into(),
            ring: ring.into(),
            ranks: ranks.into(),
        }
    }

    /// The fleet of members with `weights` and `names`, one each, one of them in an answer. Who draws whom, and which cohorts
    /// return first, follows from the names alone, so that members that are the same in two fleets are drawn alike.
    #[must_use]
    pub fn sticky(weights: &[u16], names: &[&str]) -> Self {
        let key = HashKey::from_secret(b"sticky");
        let seeds = names.iter().map(|name| key.hash(name.as_bytes()));
        let ring: Box<[u16]> = (0..).take(weights.len()).collect();
        let widths: Box<[u64]> = weights.iter().map(|weight| u64::from(*weight)).collect();
        Self {
            draws: 0,
            set_seeds: seeds.collect(),
            sets: ring.clone(),
            ring,
            size: 1,
            by_width: WeightedDraw::new(&widths),
            by_place: WeightedDraw::new(&widths),
            widths,
            ..Self::deal(&[], 1, Missing::Divided, key.0)
        }
    }

    /// Tells whether it is drawn by names alone.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        self.draws == 0
    }

    /// The rule for a set of which some are down.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.missing
    }

    /// The number of sets.
    #[must_use]
    pub fn count(&self) -> usize {
        self.widths.len()
    }

    /// Members of one set.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The members of a set, in the order in which they follow one another.
    #[must_use]
    pub fn set(&self, number: usize) -> &[u16] {
        &self.sets[number * self.size..(number + 1) * self.size]
    }

    /// Times that a set is drawn, of [`Fleet::whole`].
    #[must_use]
    pub fn width(&self, set: usize) -> u64 {
        self.widths[set]
    }

    /// The sum of all widths.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.by_width.height
    }

    /// The rank of a cohort, 0 to 999: members serve it if their share is above.
    #[must_use]
    pub fn rank(&self, cohort: u16) -> u16 {
        self.ranks[usize::from(cohort)]
    }

    /// The members in the order in which they fill the places of others.
    #[must_use]
    pub fn ring(&self) -> &[u16] {
        &self.ring
    }

    /// The place on the ring from which a member is sought for those of a set who are down, where the `first` of it comes
    /// first: by weight, another one for each.
    #[must_use]
    pub fn fill_from(&self, set: usize, first: usize) -> usize {
        let seat = u64::try_from(set * self.size + first).unwrap_or(0);
        let drawn = Draws::from_seed(self.seed ^ seat).next_u64();
        self.by_place.pick(drawn)
    }

    /// The first of the sets that a client draws in which `serves` finds something.
    pub fn find<T>(
        &self,
        client: ClientHash,
        mut serves: impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        let mut draws = client.draws(self.seed);
        let mut drawn = (0..self.draws).map(|_| self.by_width.pick(draws.next_u64()));
        drawn
            .find_map(&mut serves)
            .or_else(|| self.nearest(client, serves))
    }

    /// Of all sets in which `serves` finds something, that which is nearest to a client; by weighted rendezvous.
    #[cold]
    fn nearest<T>(
        &self,
        client: ClientHash,
        mut serves: impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        // Remoteness by width is what counts; products are compared instead of quotients.
        let is_nearer = |one: (u64, u64), other: (u64, u64)| {
            u128::from(one.0) * u128::from(other.1) < u128::from(other.0) * u128::from(one.1)
        };
        let mut nearest: Option<((u64, u64), T)> = None;
        for (set, &width) in self.widths.iter().enumerate() {
            let mut own = client.draws(self.seed ^ self.set_seeds[set]);
            let drawn = own.next_u64();
            let may_win = |bound: u64| {
                let least = nearest.as_ref().map(|(least, _)| *least);
                least.is_none_or(|least| is_nearer((bound, width), least))
            };
            if !may_win(least_remoteness(drawn)) {
                continue;
            }
            let own = remoteness(drawn);
            if may_win(own)
                && let Some(found) = serves(set)
            {
                nearest = Some(((own, width), found));
            }
        }
        nearest.map(|(_, found)| found)
    }

    /// Which of a set comes first for a client: the first in its own order in which `serves` finds something.
    pub fn first<T>(
        &self,
        client: ClientHash,
        set: usize,
        mut serves: impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        if self.size == 1 {
            return serves(0);
        }
        let (mut draws, size) = (self.own_draws(client, set), self.size);
        draws.pass_over(); // It is the set's own.
        let mut place = 0;
        for _ in 0..FIRST_DRAWS {
            place = usize::try_from(draws.below(size as u64)).unwrap_or(0);
            if let Some(found) = serves(place) {
                return Some(found);
            }
        }
        (1..size).find_map(|step| serves((place + step) % size))
    }

    fn own_draws(&self, client: ClientHash, set: usize) -> Draws {
        let number = u64::try_from(set).unwrap_or(0) + 1;
        client.draws(self.seed ^ number.rotate_right(16))
    }

    /// Every part of a set that may answer where sets are divided, each once, as members in order of their numbers.
    #[must_use]
    pub fn parts(&self) -> BTreeSet<Vec<u16>> {
        let places = (0..self.size).flat_map(|place| halves(self.size, place));
        let ranges: BTreeSet<(usize, usize)> = places.map(|own| (own.start, own.end)).collect();
        let sets = (0..self.count()).map(|number| self.set(number));
        let parts = sets.flat_map(|set| ranges.iter().map(|(start, end)| &set[*start..*end]));
        let sorted = parts.map(|part| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part
        });
        sorted.collect()
    }
}

/// A set of `size`, the half of it in which `place` is, the half of that, and so on to the place alone.
pub fn halves(size: usize, place: usize) -> impl Iterator<Item = Range<usize>> {
    let half = move |whole: &Range<usize>| {
        let middle = whole.start + whole.len().div_ceil(2);
        match (whole.len(), place < middle) {
            (0 | 1, _) => None,
            (_, true) => Some(whole.start..middle),
            (_, false) => Some(middle..whole.end),
        }
    };
    std::iter::successors((place < size).then_some(0..size), half)
}

/// The number of choices of one to `most` members, each of which may be given in so many ways; at most `u64::MAX`.
#[must_use]
pub fn choices(ways: &[u64], most: usize) -> u64 {
    let mut of_size = vec![0_u64; most + 1];
    of_size[0] = 1;
    for &own in ways {
        for size in (1..=most).rev() {
            let more = of_size[size - 1].saturating_mul(own);
            of_size[size] = of_size[size].saturating_add(more);
        }
    }
    of_size[1..]
        .iter()
        .fold(0, |sum, own| sum.saturating_add(*own))
}

/// The sets that `answers` hands show as they turn, one after the other, and how long each stays.
fn turn(ring: &[u16], weights: &[u16], answers: usize) -> (Vec<u16>, Vec<u64>) {
    let weight = |member: &u16| u64::from(weights[usize::from(*member)]);
    let (always, rest) = certain(ring, weights, answers);
    let hands = (answers - always.len()).min(rest.len());
    let whole: u64 = rest.iter().map(weight).sum();
    if hands == 0 {
        let alone = if always.is_empty() {
            Vec::new()
        } else {
            vec![1]
        };
        return (always, alone);
    }
    // All is scaled by the number of hands, so that they stand at whole places.
    let scale = hands as u64;
    let mut ends = Vec::with_capacity(rest.len());
    let mut end = 0;
    for member in &rest {
        end += weight(member) * scale;
        ends.push(end);
    }
    let mut changes: Vec<u64> = ends.iter().map(|end| end % whole).collect();
    changes.sort_unstable();
    changes.dedup();
    let next = changes.iter().skip(1).copied().chain([whole]);
    let widths = changes.iter().zip(next).map(|(start, end)| end - start);
    let mut sets = Vec::with_capacity(changes.len() * (always.len() + hands));
    for start in &changes {
        sets.extend(&always);
        let places = (0..scale).map(|hand| start + hand * whole);
        sets.extend(places.map(|place| rest[ends.partition_point(|end| *end <= place)]));
    }
    (sets, widths.collect())
}

/// Members that are in every set, because more than one hand would point to them; and the others.
fn certain(ring: &[u16], weights: &[u16], answers: usize) -> (Vec<u16>, Vec<u16>) {
    let weight = |member: u16| u64::from(weights[usize::from(member)]);
    let mut by_weight = ring.to_vec();
    by_weight.sort_by_key(|member| std::cmp::Reverse(weight(*member)));
    let mut left: u64 = by_weight.iter().map(|member| weight(*member)).sum();
    let mut always = Vec::new();
    for member in by_weight {
        let hands = (answers - always.len()) as u64;
        if weight(member) * hands < left {
            break;
        }
        left -= weight(member);
        always.push(member);
    }
    let rest = ring.iter().copied().filter(|own| !always.contains(own));
    let rest = rest.collect();
    (always, rest)
}

/// -log2 of a number as a part of all numbers, in parts of 2^32.
fn remoteness(drawn: u64) -> u64 {
    const BITS: u32 = 32;
    let zeros = (drawn | 1).leading_zeros();
    // Between 1 and 2, with 63 bits behind the point; its logarithm comes bit by bit, by squaring.
    let mut part = u128::from(drawn | 1) << zeros;
    let mut fraction = 0;
    for _ in 0..BITS {
        part = (part * part) >> 63;
        fraction <<= 1;
        if part >> 64 != 0 {
            fraction |= 1;
            part >>= 1;
        }
    }
    (u64::from(zeros + 1) << BITS) - fraction
}

/// A lower bound of [`remoteness`], at less cost: near 1, where those are who win, it is little less.
fn least_remoteness(drawn: u64) -> u64 {
    !drawn >> 32
}

/// Fisher-Yates.
fn shuffle(numbers: &mut [u16], draws: &mut Draws) {
    for end in (1..numbers.len()).rev() {
        let pick = usize::try_from(draws.below(end as u64 + 1)).unwrap_or(0);
        numbers.swap(end, pick);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Weights of many kinds: equal, unequal, one that outweighs all others.
    fn weights(count: usize, seed: u64) -> Vec<u16> {
        let mut draws = Draws::from_seed(seed);
        let mut own = |bound| u16::try_from(1 + draws.below(bound)).unwrap();
        let bound = [1, 7, 500, 65_535][usize::try_from(seed % 4).unwrap()];
        let mut weights: Vec<u16> = (0..count).map(|_| own(bound)).collect();
        if seed.is_multiple_of(5) {
            weights[count / 2] = 65_535;
        }
        weights
    }

    /// Times that each member is in a set that is drawn, of `k` times the whole.
    fn inclusions(fleet: &Fleet, count: usize) -> Vec<u64> {
        let mut inclusions = vec![0; count];
        for set in 0..fleet.count() {
            for member in fleet.set(set) {
                inclusions[usize::from(*member)] += fleet.width(set);
            }
        }
        inclusions
    }

    #[test]
    fn each_member_is_in_exactly_its_share_of_the_sets() {
        for (seed, count) in (0..40).zip([2, 3, 17, 65, 200, 1000].into_iter().cycle()) {
            for answers in [1, 2, 3, 8, 16] {
                let weights = weights(count, seed);
                let fleet = Fleet::deal(&weights, answers, Missing::Divided, seed);
                let size = usize::from(answers).min(count);
                assert_eq!(fleet.size(), size);
                assert!(fleet.count() <= count, "as many sets as members at most");
                for set in 0..fleet.count() {
                    let distinct: BTreeSet<&u16> = fleet.set(set).iter().collect();
                    assert_eq!(distinct.len(), size, "nobody twice");
                }
                // Those who are in every set take a hand each; the others share what hands are left.
                let found = inclusions(&fleet, count);
                let always = |own: &usize| found[*own] == fleet.whole();
                let rest: Vec<usize> = (0..count).filter(|own| !always(own)).collect();
                let hands = size - (count - rest.len());
                let sum: u64 = rest.iter().map(|own| u64::from(weights[*own])).sum();
                for own in rest {
                    let expected =
                        u128::from(weights[own]) * hands as u128 * u128::from(fleet.whole());
                    assert_eq!(u128::from(found[own]) * u128::from(sum), expected);
                }
            }
        }
    }

    #[test]
    fn a_fleet_has_few_parts() {
        for seed in 0..4 {
            let fleet = Fleet::deal(&weights(1000, seed), 16, Missing::Divided, seed);
            let parts = fleet.parts();
            assert!(parts.len() <= 5 * 1000 + 5 * 16, "{}", parts.len());
            let alone = parts.iter().filter(|part| part.len() == 1).count();
            assert_eq!(alone, 1000);
        }
    }

    #[test]
    fn halves_end_at_the_place_alone() {
        let all = |size, place| halves(size, place).collect::<Vec<_>>();
        assert_eq!(all(1, 0), std::iter::once(0..1).collect::<Vec<_>>());
        assert_eq!(all(4, 2), [0..4, 2..4, 2..3]);
        assert_eq!(all(5, 4), [0..5, 3..5, 4..5]);
        assert!(all(3, 3).is_empty());
    }

    #[test]
    fn choices_are_counted() {
        assert_eq!(choices(&[1; 5], 1), 5);
        assert_eq!(choices(&[1; 5], 3), 5 + 10 + 10);
        assert_eq!(choices(&[3; 3], 2), 9 + 27);
        assert_eq!(choices(&[1; 5], 16), 31);
        assert!(choices(&[1; 1000], 16) > 1 << 60);
    }

    #[test]
    fn ranks_are_every_number_once() {
        let fleet = Fleet::deal(&[1; 100], 1, Missing::Filled, 3);
        let ranks: BTreeSet<u16> = (0..COHORTS).map(|cohort| fleet.rank(cohort)).collect();
        assert_eq!(ranks.len(), usize::from(COHORTS));
    }

    #[test]
    fn those_who_are_left_share_by_weight_however_few() {
        let weights: Vec<u16> = (1..=1000).collect();
        let fleet = Fleet::deal(&weights, 1, Missing::Filled, 9);
        // Of a thousand, four are up: 1 % of the weight, so most draws are in vain.
        let up = [100_u16, 200, 300, 400];
        let mut counts: BTreeMap<u16, u32> = BTreeMap::new();
        let clients = 20_000;
        let mut draws = Draws::from_seed(1);
        for _ in 0..clients {
            let client = ClientHash::of(
                crate::base::HashKey(draws.next_u64()),
                [192, 0, 2, 1].into(),
            );
            let serves = |set: usize| {
                let weight = weights[usize::from(fleet.set(set)[0])];
                up.contains(&weight).then_some(weight)
            };
            *counts
                .entry(fleet.find(client, serves).unwrap())
                .or_default() += 1;
        }
        let chi: f64 = up
            .iter()
            .map(|own| {
                let expected = f64::from(*own) / 1000.0 * f64::from(clients);
                (f64::from(counts[own]) - expected).powi(2) / expected
            })
            .sum();
        // With 3 degrees of freedom 16.3 is passed once in a thousand.
        assert!(chi < 16.3, "chi-square {chi}: {counts:?}");
    }

    #[test]
    fn logarithms_are_right() {
        for (drawn, expected) in [(1_u64 << 63, 1.0), (1 << 62, 2.0), (3 << 62, 0.415_037_5)] {
            let found = remoteness(drawn) as f64 / (1_u64 << 32) as f64;
            assert!((found - expected).abs() < 1e-6, "{drawn}: {found}");
        }
        assert!(remoteness(u64::MAX) <= 1);
        let mut draws = Draws::from_seed(5);
        for _ in 0..1000 {
            let drawn = draws.next_u64();
            assert!(least_remoteness(drawn) <= remoteness(drawn));
        }
    }
}
