//! Which endpoints of tiers that are dealt out by cohort take which cohorts.
//!
//! Tiers are asked in order, and within a tier the cohort's own order of choice (its
//! [`crate::plan::CohortOrder`]). The first tier that gives at least one member serves the cohort.
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::pick::{Open, Pick, Picks, Rule};
use crate::base::limits::{ANSWERS, COHORT_MEMBERS, COHORTS};
use crate::plan::Tier;
use crate::plan::cohort_order::Choice;

/// The picks that are dealt out of some tiers.
pub(super) struct CohortDeal {
    /// The distinct picks.
    pub(super) picks: Vec<Pick>,
    /// By cohort, the number of its pick; [`Picks::MANY_NONE`] for those that nobody takes.
    pub(super) by_cohort: [u16; COHORTS as usize],
}

/// A tier that is dealt out by cohort, with its members' shares.
struct Candidate<'p> {
    index: usize,
    tier: &'p Tier,
    /// By member.
    shares: [u16; COHORT_MEMBERS],
    open: Open<'p>,
}

/// Decides for every cohort who of tiers that may serve takes it, at most `answers` members each.
pub(super) fn deal(open: &[Open<'_>], rule: Rule, answers: u8) -> CohortDeal {
    let answers = usize::from(answers).clamp(1, ANSWERS);
    let tiers: Vec<Candidate<'_>> = open.iter().map(Candidate::new).collect();
    let Some(first) = tiers.first() else {
        return gather(|_| None);
    };
    match rule {
        Rule::ByShare if answers == 1 => gather_single(&tiers),
        Rule::ByShare => gather(|cohort| {
            let hand = |tier: &Candidate<'_>| {
                let hand = tier.by_share(cohort, answers);
                (!hand.is_empty()).then_some(hand)
            };
            let mut staying = tiers.iter().filter(|tier| !tier.open.passes(cohort));
            let found = staying.find_map(hand);
            found.or_else(|| tiers.iter().find_map(hand))
        }),
        Rule::Largest => {
            let levels = first.levels();
            gather(|cohort| Some(first.by_level(cohort, answers, &levels)))
        }
        Rule::Open => gather(|cohort| Some(first.hand(cohort, answers, |_| true))),
    }
}

impl<'p> Candidate<'p> {
    fn new(open: &Open<'p>) -> Self {
        let mut shares = [0; COHORT_MEMBERS];
        for (share, own) in shares.iter_mut().zip(open.shares()) {
            *share = own;
        }
        Self {
            index: open.index,
            tier: open.tier,
            shares,
            open: *open,
        }
    }

    /// Its members with their shares.
    fn members(&self) -> impl Iterator<Item = (u8, u16)> {
        let shares = self.shares.iter().copied();
        (0..).zip(shares).take(self.tier.members.len())
    }

    fn share(&self, choice: Choice) -> u16 {
        self.shares[usize::from(choice.member())]
    }

    /// The distinct shares that there are, largest first.
    fn levels(&self) -> Vec<u16> {
        let shares = self.members().map(|(_, share)| share);
        let mut levels: Vec<u16> = shares.filter(|share| *share > 0).collect();
        levels.sort_unstable_by_key(|share| Reverse(*share));
        levels.dedup();
        levels
    }

    /// The first who takes a cohort by its share.
    fn taker(&self, cohort: u16) -> Option<u8> {
        let mut choices = self.tier.cohort_order.choices(cohort).iter();
        let taker = choices.find(|choice| choice.rank() < self.share(**choice));
        taker.map(|choice| choice.member())
    }

    /// Those who take a cohort by their share.
    fn by_share(&self, cohort: u16, answers: usize) -> Hand {
        self.hand(cohort, answers, |choice| choice.rank() < self.share(choice))
    }

    /// Those with the largest shares, whatever these are.
    fn by_level(&self, cohort: u16, answers: usize, levels: &[u16]) -> Hand {
        let choices = self.tier.cohort_order.choices(cohort).iter();
        let ordered = levels.iter().flat_map(|level| {
            let choices = choices.clone();
            choices.filter(|choice| self.share(**choice) == *level)
        });
        let hand = Hand::of_tier(self.index);
        ordered
            .take(answers)
            .fold(hand, |hand, choice| hand.with(choice.member()))
    }

    /// The first choices of a cohort that are accepted.
    fn hand(&self, cohort: u16, answers: usize, accept: impl Fn(Choice) -> bool) -> Hand {
        let choices = self.tier.cohort_order.choices(cohort).iter();
        let accepted = choices.filter(|choice| accept(**choice)).take(answers);
        let hand = Hand::of_tier(self.index);
        accepted.fold(hand, |hand, choice| hand.with(choice.member()))
    }
}

/// A pick that is quick to make and to compare: a member is 7 bits, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hand {
    tier: u8,
    members: u128,
}

const HAND_BITS: usize = 7;
const _: () = assert!(COHORT_MEMBERS < 1 << HAND_BITS && ANSWERS * HAND_BITS <= 128);

impl Hand {
    fn of_tier(tier: usize) -> Self {
        Self {
            tier: u8::try_from(tier).unwrap_or(u8::MAX),
            members: 0,
        }
    }

    fn is_empty(self) -> bool {
        self.members == 0
    }

    fn with(self, member: u8) -> Self {
        Self {
            members: (self.members << HAND_BITS) | (u128::from(member) + 1),
            ..self
        }
    }

    /// The last member, counted from 1.
    fn last(self) -> u8 {
        self.members.to_le_bytes()[0] & ((1 << HAND_BITS) - 1)
    }

    fn pick(self) -> Pick {
        let (mut members, mut count) = ([0; ANSWERS], 0);
        let mut rest = self;
        while !rest.is_empty() {
            members[count] = u16::from(rest.last() - 1);
            count += 1;
            rest.members >>= HAND_BITS;
        }
        members[..count].reverse();
        Pick::of(usize::from(self.tier), &members[..count])
    }
}

/// The distinct hands, in the order in which they were first seen.
struct Hands {
    hands: Vec<Hand>,
    numbers: BTreeMap<Hand, u16>,
    /// The number last given for a last member: the right one, nearly always, where an answer is of
    /// one or two.
    latest: [u16; 1 << HAND_BITS],
}

impl Hands {
    fn new() -> Self {
        Self {
            hands: Vec::new(),
            numbers: BTreeMap::new(),
            latest: [0; 1 << HAND_BITS],
        }
    }

    fn number(&mut self, hand: Hand) -> u16 {
        let last = usize::from(hand.last());
        let latest = self.latest[last];
        if self.hands.get(usize::from(latest)) == Some(&hand) {
            return latest;
        }
        let number = *self.numbers.entry(hand).or_insert_with(|| {
            self.hands.push(hand);
            u16::try_from(self.hands.len() - 1).expect("there are no more hands than cohorts")
        });
        self.latest[last] = number;
        number
    }
}

/// The deal of [`gather`] where shares decide and one member answers: most pools are of this kind,
/// and a member's number is all that must be told apart.
fn gather_single(tiers: &[Candidate<'_>]) -> CohortDeal {
    let mut numbers = vec![[Picks::MANY_NONE; COHORT_MEMBERS]; tiers.len()];
    let mut by_cohort = [Picks::MANY_NONE; COHORTS as usize];
    let mut hands = Vec::new();
    for (cohort, number) in (0..COHORTS).zip(&mut by_cohort) {
        let taker = |(place, tier): (usize, &Candidate<'_>)| Some((place, tier.taker(cohort)?));
        let all = tiers.iter().enumerate();
        let mut staying = all.clone().filter(|(_, tier)| !tier.open.passes(cohort));
        let found = staying.find_map(taker);
        let Some((place, member)) = found.or_else(|| all.clone().find_map(taker)) else {
            continue;
        };
        let tier = tiers[place].index;
        let known = &mut numbers[place][usize::from(member)];
        if *known == Picks::MANY_NONE {
            *known = u16::try_from(hands.len()).expect("there are no more hands than cohorts");
            hands.push(Hand::of_tier(tier).with(member));
        }
        *number = *known;
    }
    CohortDeal::new(hands, by_cohort)
}

/// Asks for the hand of every cohort and keeps each distinct one once.
fn gather(hand_of: impl Fn(u16) -> Option<Hand>) -> CohortDeal {
    let mut hands = Hands::new();
    let mut by_cohort = [Picks::MANY_NONE; COHORTS as usize];
    for (cohort, number) in (0..COHORTS).zip(&mut by_cohort) {
        if let Some(hand) = hand_of(cohort) {
            *number = hands.number(hand);
        }
    }
    CohortDeal::new(hands.hands, by_cohort)
}

impl CohortDeal {
    fn new(hands: Vec<Hand>, by_cohort: [u16; COHORTS as usize]) -> Self {
        Self {
            picks: hands.into_iter().map(Hand::pick).collect(),
            by_cohort,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_is_the_pick_that_it_was_made_of() {
        let most: Vec<u8> = (0..).map(|place| 63 - place).take(ANSWERS).collect();
        for (tier, members) in [(0, &[0][..]), (3, &[63, 0, 7]), (255, &most)] {
            let hand = Hand::of_tier(tier);
            assert!(hand.is_empty());
            let hand = members.iter().fold(hand, |hand, member| hand.with(*member));
            let pick = hand.pick();
            let found: Vec<u8> = pick
                .members()
                .map(|own| u8::try_from(own).unwrap())
                .collect();
            assert_eq!((usize::from(pick.tier), &found[..]), (tier, members));
        }
    }
}
