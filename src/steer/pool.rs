//! Which endpoints of one pool take which cohorts.
//!
//! Tiers are asked in order, and within a tier the cohort's own order of choice (its
//! [`crate::plan::Ring`]). The first tier that gives at least one member serves the cohort.
//! Nothing is known here of other regions: a cohort that nobody takes is someone else's matter.
use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::base::Standing;
use crate::base::limits::{ANSWERS, COHORTS};
use crate::plan::ring::Choice;
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
    /// Index of the pick by cohort, [`Spread::NONE`] for cohorts that nobody takes; at least
    /// two cohorts differ.
    ByCohort(Box<[u16]>),
}

/// What one pool does with all cohorts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
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

    fn new(tier: usize) -> Self {
        Self {
            tier: u8::try_from(tier).unwrap_or(u8::MAX),
            count: 0,
            members: [0; ANSWERS],
        }
    }

    fn push(&mut self, member: u8) {
        self.members[usize::from(self.count)] = member;
        self.count += 1;
    }
}

impl Spread {
    /// Marks a cohort that nobody takes.
    pub const NONE: u16 = u16::MAX;

    /// The pick of a cohort below [`COHORTS`].
    #[must_use]
    pub fn pick(&self, cohort: u16) -> Option<usize> {
        match self {
            Self::Nobody => None,
            Self::Everyone => Some(0),
            Self::ByCohort(picks) => {
                let pick = picks.get(usize::from(cohort)).copied();
                pick.filter(|&pick| pick != Self::NONE).map(usize::from)
            }
        }
    }

    /// How many cohorts are taken; of 1000, so it reads as permille.
    #[must_use]
    pub fn taken(&self) -> u16 {
        (0..COHORTS).fold(0, |taken, cohort| {
            taken + u16::from(self.pick(cohort).is_some())
        })
    }
}

/// A tier that may serve under the rule, with its members' shares.
struct Candidate<'p> {
    index: usize,
    tier: &'p Tier,
    shares: Vec<u16>,
}

/// Decides for every cohort who of the pool takes it, at most `answers` members each.
/// `standings` are by [`crate::base::TargetId`].
#[must_use]
pub fn decide(pool: &Pool, rule: Rule, answers: u8, standings: &[Standing]) -> Outcome {
    let tiers = open_tiers(pool, rule, standings);
    let answers = usize::from(answers).clamp(1, ANSWERS);
    let Some(first) = tiers.first() else {
        return Outcome {
            picks: Vec::new(),
            spread: Spread::Nobody,
        };
    };
    if first.takes_all_alone(rule) {
        let mut pick = Pick::new(first.index);
        pick.push(0);
        return Outcome {
            picks: vec![pick],
            spread: Spread::Everyone,
        };
    }
    gather(|cohort| {
        let mut picks = tiers.iter().map(|tier| tier.pick(cohort, rule, answers));
        picks.find(|pick| pick.count > 0)
    })
}

/// The tiers of which a member may serve, best first.
fn open_tiers<'p>(pool: &'p Pool, rule: Rule, standings: &[Standing]) -> Vec<Candidate<'p>> {
    let tiers = pool
        .tiers
        .iter()
        .enumerate()
        .map(|(index, tier)| Candidate {
            index,
            tier,
            shares: shares(tier, standings),
        });
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

fn shares(tier: &Tier, standings: &[Standing]) -> Vec<u16> {
    let members = tier.members.iter();
    members
        .map(|member| standings[member.target.index()].share.0)
        .collect()
}

impl Candidate<'_> {
    fn largest(&self) -> u16 {
        self.shares.iter().copied().max().unwrap_or(0)
    }

    /// Whether it is one member that takes every cohort: then there is nothing to count out.
    fn takes_all_alone(&self, rule: Rule) -> bool {
        self.shares.len() == 1 && (rule != Rule::ByShare || self.shares[0] >= COHORTS)
    }

    fn pick(&self, cohort: u16, rule: Rule, answers: usize) -> Pick {
        let choices = self.tier.ring.choices(cohort);
        match rule {
            Rule::ByShare => {
                let takes = |choice: &&Choice| choice.rank < self.share(choice);
                self.gather(choices.iter().filter(takes), answers)
            }
            Rule::Largest => {
                let mut alive: Vec<&Choice> = choices.iter().collect();
                alive.retain(|choice| self.share(choice) > 0);
                alive.sort_by_key(|choice| Reverse(self.share(choice)));
                self.gather(alive.into_iter(), answers)
            }
            Rule::Open => self.gather(choices.iter(), answers),
        }
    }

    fn share(&self, choice: &Choice) -> u16 {
        self.shares[usize::from(choice.member)]
    }

    fn gather<'c>(&self, choices: impl Iterator<Item = &'c Choice>, answers: usize) -> Pick {
        let mut pick = Pick::new(self.index);
        for choice in choices.take(answers) {
            pick.push(choice.member);
        }
        pick
    }
}

/// Asks for the pick of every cohort and keeps each distinct one once.
fn gather(pick_of: impl Fn(u16) -> Option<Pick>) -> Outcome {
    let mut known: BTreeMap<Pick, u16> = BTreeMap::new();
    let mut picks = Vec::new();
    let by_cohort: Box<[u16]> = (0..COHORTS)
        .map(|cohort| {
            let Some(pick) = pick_of(cohort) else {
                return Spread::NONE;
            };
            *known.entry(pick).or_insert_with(|| {
                picks.push(pick);
                u16::try_from(picks.len() - 1).expect("there are no more picks than cohorts")
            })
        })
        .collect();
    let alike = by_cohort.iter().all(|pick| *pick == by_cohort[0]);
    let spread = match (alike, by_cohort[0]) {
        (true, Spread::NONE) => Spread::Nobody,
        (true, _) => Spread::Everyone,
        (false, _) => Spread::ByCohort(by_cohort),
    };
    Outcome { picks, spread }
}
