//! Which endpoints of one pool take which cohorts.
//!
//! Tiers are asked in order, and within a tier the cohort's own order of choice (its
//! [`crate::plan::CohortOrder`]). The first tier that gives at least one member serves the cohort.
//! Nothing is known here of other regions: a cohort that nobody takes is someone else's matter.
use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::base::Standing;
use crate::base::limits::{ANSWERS, COHORTS, TIER_MEMBERS};
use crate::plan::cohort_order::Choice;
use crate::plan::{Pool, Tier};

/// How a member's share decides whether it takes a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It takes the cohorts whose rank for it is below its share.
    ByShare,
    /// Of those with any share, the largest share takes every cohort: where the partial
    /// shares of all pools leave cohorts over.
    Largest,
    /// Every member takes every cohort, whatever its share: where there is no share at all.
    Open,
}

/// Members of one tier that answer together, first choice first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pick {
    /// Index of the tier within its pool.
    pub tier: u8,
    count: u8,
    members: [u8; ANSWERS],
}

/// Which pick each cohort gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spread {
    /// None gets any.
    Nobody,
    /// All get the first pick.
    Everyone,
    /// At least two cohorts differ.
    ByCohort(Picks),
}

/// Index of the pick by cohort, in as few octets as the number of picks allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picks {
    /// At most 255 picks; [`Picks::FEW_NONE`] for cohorts that nobody takes.
    Few(Box<[u8]>),
    /// More; [`Picks::MANY_NONE`] for cohorts that nobody takes.
    Many(Box<[u16]>),
}

/// What one pool does with all cohorts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolAssignment {
    /// The distinct picks.
    pub picks: Vec<Pick>,
    /// Who gets which.
    pub spread: Spread,
}

impl Pick {
    /// Indexes of the members within their tier.
    #[must_use]
    pub fn members(&self) -> &[u8] {
        &self.members[..usize::from(self.count)]
    }
}

impl Picks {
    /// Marks a cohort that nobody takes, among few picks.
    pub const FEW_NONE: u8 = u8::MAX;
    /// Marks a cohort that nobody takes, among many picks.
    pub const MANY_NONE: u16 = u16::MAX;

    /// Of `count` picks.
    fn new(by_cohort: &[u16], count: usize) -> Self {
        if count > usize::from(Self::FEW_NONE) {
            return Self::Many(by_cohort.into());
        }
        let few = by_cohort.iter();
        let few = few.map(|&pick| u8::try_from(pick).unwrap_or(Self::FEW_NONE));
        Self::Few(few.collect())
    }

    fn get(&self, cohort: u16) -> Option<usize> {
        let cohort = usize::from(cohort);
        match self {
            Self::Few(picks) => match *picks.get(cohort)? {
                Self::FEW_NONE => None,
                pick => Some(usize::from(pick)),
            },
            Self::Many(picks) => match *picks.get(cohort)? {
                Self::MANY_NONE => None,
                pick => Some(usize::from(pick)),
            },
        }
    }

    fn taken(&self) -> usize {
        match self {
            Self::Few(picks) => picks.iter().filter(|pick| **pick != Self::FEW_NONE).count(),
            Self::Many(picks) => picks
                .iter()
                .filter(|pick| **pick != Self::MANY_NONE)
                .count(),
        }
    }
}

impl Spread {
    /// The pick of a cohort below [`COHORTS`].
    #[must_use]
    pub fn pick(&self, cohort: u16) -> Option<usize> {
        match self {
            Self::Nobody => None,
            Self::Everyone => Some(0),
            Self::ByCohort(picks) => picks.get(cohort),
        }
    }

    /// The number of cohorts that are taken; of 1000, so it reads as permille.
    #[must_use]
    pub fn taken(&self) -> u16 {
        match self {
            Self::Nobody => 0,
            Self::Everyone => COHORTS,
            Self::ByCohort(picks) => u16::try_from(picks.taken()).unwrap_or(COHORTS),
        }
    }
}

/// A tier that may serve under the rule, with its members' shares.
struct Candidate<'p> {
    index: usize,
    tier: &'p Tier,
    /// By member.
    shares: [u16; TIER_MEMBERS],
}

/// Decides for every cohort who of the pool takes it, at most `answers` members each.
/// `standings` are by [`crate::base::TargetId`].
#[must_use]
pub fn decide(pool: &Pool, rule: Rule, answers: u8, standings: &[Standing]) -> PoolAssignment {
    let tiers = match rule {
        Rule::ByShare if pool.is_short(standings) => Vec::new(),
        Rule::ByShare | Rule::Largest | Rule::Open => open_tiers(pool, rule, standings),
    };
    let answers = usize::from(answers).clamp(1, ANSWERS);
    let Some(first) = tiers.first() else {
        return PoolAssignment {
            picks: Vec::new(),
            spread: Spread::Nobody,
        };
    };
    if let Some(member) = first.takes_all_alone(rule) {
        return PoolAssignment {
            picks: vec![Hand::of_tier(first.index).with(member).pick()],
            spread: Spread::Everyone,
        };
    }
    match rule {
        Rule::ByShare if answers == 1 => gather_single(&tiers),
        Rule::ByShare => gather(|cohort| {
            let mut hands = tiers.iter().map(|tier| tier.by_share(cohort, answers));
            hands.find(|hand| !hand.is_empty())
        }),
        Rule::Largest => {
            let levels = first.levels();
            gather(|cohort| Some(first.by_level(cohort, answers, &levels)))
        }
        Rule::Open => gather(|cohort| Some(first.hand(cohort, answers, |_| true))),
    }
}

/// The tiers of which a member may serve, best first; but for shares it is one at the most.
fn open_tiers<'p>(pool: &'p Pool, rule: Rule, standings: &[Standing]) -> Vec<Candidate<'p>> {
    let tiers = pool.tiers.iter().enumerate();
    let tiers = tiers.map(|(index, tier)| Candidate::new(index, tier, standings));
    match rule {
        Rule::ByShare => tiers.filter(|tier| tier.largest() > 0).collect(),
        Rule::Largest => {
            let best = tiers.filter(|tier| tier.largest() > 0);
            let best = best.max_by_key(|tier| (tier.largest(), Reverse(tier.index)));
            best.into_iter().collect()
        }
        Rule::Open => tiers.take(1).collect(),
    }
}

impl<'p> Candidate<'p> {
    fn new(index: usize, tier: &'p Tier, standings: &[Standing]) -> Self {
        let mut shares = [0; TIER_MEMBERS];
        for (share, member) in shares.iter_mut().zip(&tier.members) {
            *share = standings[member.target.index()].share.0;
        }
        Self {
            index,
            tier,
            shares,
        }
    }

    fn largest(&self) -> u16 {
        self.members().map(|(_, share)| share).max().unwrap_or(0)
    }

    /// Its members with their shares.
    fn members(&self) -> impl Iterator<Item = (u8, u16)> {
        let shares = self.shares.iter().copied();
        (0..).zip(shares).take(self.tier.members.len())
    }

    /// The one member that takes every cohort, if there is one: then nothing is to be counted out.
    fn takes_all_alone(&self, rule: Rule) -> Option<u8> {
        let mut serving = self
            .members()
            .filter(|(_, share)| *share > 0 || rule == Rule::Open);
        let (member, share) = serving.next()?;
        let whole = share >= COHORTS || rule != Rule::ByShare;
        (whole && serving.next().is_none()).then_some(member)
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
const _: () = assert!(TIER_MEMBERS < 1 << HAND_BITS && ANSWERS * HAND_BITS <= 128);

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
        let mut pick = Pick {
            tier: self.tier,
            count: 0,
            members: [0; ANSWERS],
        };
        let mut rest = self;
        while !rest.is_empty() {
            pick.members[usize::from(pick.count)] = rest.last() - 1;
            pick.count += 1;
            rest.members >>= HAND_BITS;
        }
        pick.members[..usize::from(pick.count)].reverse();
        pick
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

/// What [`gather`] gives where shares decide and one member answers: most pools are of this kind,
/// and a member's number is all that must be told apart.
fn gather_single(tiers: &[Candidate<'_>]) -> PoolAssignment {
    let mut numbers = vec![[Picks::MANY_NONE; TIER_MEMBERS]; tiers.len()];
    let mut by_cohort = [Picks::MANY_NONE; COHORTS as usize];
    let mut hands = Vec::new();
    for (cohort, number) in (0..COHORTS).zip(&mut by_cohort) {
        let takers = tiers.iter().zip(&mut numbers);
        let mut takers = takers.filter_map(|(tier, numbers)| {
            let member = tier.taker(cohort)?;
            Some((tier.index, member, &mut numbers[usize::from(member)]))
        });
        let Some((tier, member, known)) = takers.next() else {
            continue;
        };
        if *known == Picks::MANY_NONE {
            *known = u16::try_from(hands.len()).expect("there are no more hands than cohorts");
            hands.push(Hand::of_tier(tier).with(member));
        }
        *number = *known;
    }
    outcome(hands, &by_cohort)
}

/// Asks for the hand of every cohort and keeps each distinct one once.
fn gather(hand_of: impl Fn(u16) -> Option<Hand>) -> PoolAssignment {
    let mut hands = Hands::new();
    let mut by_cohort = [Picks::MANY_NONE; COHORTS as usize];
    for (cohort, number) in (0..COHORTS).zip(&mut by_cohort) {
        if let Some(hand) = hand_of(cohort) {
            *number = hands.number(hand);
        }
    }
    outcome(hands.hands, &by_cohort)
}

fn outcome(hands: Vec<Hand>, by_cohort: &[u16]) -> PoolAssignment {
    let alike = by_cohort.iter().all(|number| *number == by_cohort[0]);
    let spread = match (alike, by_cohort[0]) {
        (true, Picks::MANY_NONE) => Spread::Nobody,
        (true, _) => Spread::Everyone,
        (false, _) => Spread::ByCohort(Picks::new(by_cohort, hands.len())),
    };
    PoolAssignment {
        picks: hands.into_iter().map(Hand::pick).collect(),
        spread,
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
            assert_eq!((usize::from(pick.tier), pick.members()), (tier, members));
        }
    }

    #[test]
    fn picks_are_read_as_they_were_written_few_or_many() {
        for count in [2, 255, 256, 999] {
            let written = |cohort: u16| (cohort > 0).then_some(cohort % count);
            let by_cohort = (0..COHORTS).map(|cohort| written(cohort).unwrap_or(Picks::MANY_NONE));
            let by_cohort: Vec<u16> = by_cohort.collect();
            let picks = Picks::new(&by_cohort, usize::from(count));
            assert_eq!(matches!(picks, Picks::Few(_)), count <= 255);
            let spread = Spread::ByCohort(picks);
            for cohort in 0..COHORTS {
                assert_eq!(spread.pick(cohort), written(cohort).map(usize::from));
            }
            assert_eq!((spread.taken(), spread.pick(COHORTS)), (COHORTS - 1, None));
        }
    }
}
