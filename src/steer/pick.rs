//! Members of a tier that answer together, and under which rule a tier may serve at all.
//!
//! These are the words in which the deals by cohort ([`super::hands`]) and by draws ([`super::fleet`]) say what they
//! decide; nothing is decided here but which tiers are asked.
use std::cmp::Reverse;

use crate::base::Standing;
use crate::base::limits::{ANSWERS, COHORTS};
use crate::plan::{Pool, Tier};

/// The rule by which a member's share decides whether it takes a cohort.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Index of the tier within its pool.
    pub tier: u8,
    count: u8,
    /// Place of the first choice; the others follow around.
    first: u8,
    members: [u16; ANSWERS],
}

/// Index of the pick by cohort, in as few octets as the number of picks allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picks {
    /// At most 255 picks; [`Picks::FEW_NONE`] for cohorts that nobody takes.
    Few(Box<[u8]>),
    /// More; [`Picks::MANY_NONE`] for cohorts that nobody takes.
    Many(Box<[u16]>),
}

impl Pick {
    /// Some members of a tier, [`ANSWERS`] at the most.
    pub(super) fn of(tier: usize, members: &[u16]) -> Self {
        let mut pick = Self {
            tier: u8::try_from(tier).unwrap_or(u8::MAX),
            count: 0,
            first: 0,
            members: [0; ANSWERS],
        };
        for (place, member) in pick.members.iter_mut().zip(members) {
            *place = *member;
            pick.count += 1;
        }
        pick
    }

    /// The same, from another one of them on and around.
    pub(super) fn turned(self, first: usize) -> Self {
        Self {
            first: u8::try_from(first).unwrap_or(0),
            ..self
        }
    }

    /// Indexes of the members within their tier, first choice first.
    pub fn members(&self) -> impl Iterator<Item = u16> {
        let (before, from) = self.around().split_at(self.first());
        from.iter().chain(before).copied()
    }

    /// The same, from whom they are counted on.
    #[must_use]
    pub fn around(&self) -> &[u16] {
        &self.members[..usize::from(self.count)]
    }

    /// The place of the first choice in [`Pick::around`].
    #[must_use]
    pub fn first(&self) -> usize {
        usize::from(self.first)
    }

    /// Tells whether another pick is the same but for who comes first.
    #[must_use]
    pub fn is_turned(&self, other: &Self) -> bool {
        self.tier == other.tier && self.around() == other.around()
    }
}

impl Picks {
    /// Marks a cohort that nobody takes, among few picks.
    pub const FEW_NONE: u8 = u8::MAX;
    /// Marks a cohort that nobody takes, among many picks.
    pub const MANY_NONE: u16 = u16::MAX;

    /// Of `count` picks.
    pub(super) fn new(by_cohort: &[u16], count: usize) -> Self {
        if count > usize::from(Self::FEW_NONE) {
            return Self::Many(by_cohort.into());
        }
        let few = by_cohort.iter();
        let few = few.map(|&pick| u8::try_from(pick).unwrap_or(Self::FEW_NONE));
        Self::Few(few.collect())
    }

    #[inline]
    pub(super) fn get(&self, cohort: u16) -> Option<usize> {
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

    pub(super) fn taken(&self) -> usize {
        match self {
            Self::Few(picks) => picks.iter().filter(|pick| **pick != Self::FEW_NONE).count(),
            Self::Many(picks) => picks
                .iter()
                .filter(|pick| **pick != Self::MANY_NONE)
                .count(),
        }
    }
}

/// A tier that may serve under a rule.
#[derive(Clone, Copy)]
pub(super) struct Open<'p> {
    pub(super) index: usize,
    pub(super) tier: &'p Tier,
    pool: &'p Pool,
    standings: &'p [Standing],
    /// Of its members' shares.
    pub(super) largest: u16,
}

/// The tiers of which a member may serve, best first; but for shares it is one at the most.
pub(super) fn open_tiers<'p>(
    pool: &'p Pool,
    rule: Rule,
    standings: &'p [Standing],
) -> Vec<Open<'p>> {
    let tiers = 0..pool.tiers.len();
    let tiers = tiers.map(|index| Open::new(index, pool, standings));
    match rule {
        Rule::ByShare => tiers.filter(|tier| tier.largest > 0).collect(),
        Rule::Largest => {
            let best = tiers.filter(|tier| tier.largest > 0);
            let best = best.max_by_key(|tier| (tier.largest, Reverse(tier.index)));
            best.into_iter().collect()
        }
        Rule::Open => tiers.take(1).collect(),
    }
}

impl<'p> Open<'p> {
    fn new(index: usize, pool: &'p Pool, standings: &'p [Standing]) -> Self {
        let mut open = Self {
            index,
            tier: &pool.tiers[index],
            pool,
            standings,
            largest: 0,
        };
        open.largest = open.shares().max().unwrap_or(0);
        open
    }

    /// Tells whether a cohort goes past it, if another takes it.
    pub(super) fn passes(&self, cohort: u16) -> bool {
        self.pool.passes(self.index, cohort)
    }

    /// By member.
    pub(super) fn standings(&self) -> impl Iterator<Item = &'p Standing> {
        let standings = self.standings;
        let members = self.tier.members.iter();
        members.map(|member| &standings[member.target.index()])
    }

    /// By member.
    pub(super) fn shares(&self) -> impl Iterator<Item = u16> {
        self.standings().map(|standing| standing.share.0)
    }

    /// The one member that takes every cohort, if there is one: then nothing is to be counted out.
    pub(super) fn takes_all_alone(&self, rule: Rule) -> Option<u16> {
        let members = (0..).zip(self.shares());
        let mut serving = members.filter(|(_, share)| *share > 0 || rule == Rule::Open);
        let (member, share) = serving.next()?;
        let whole = share >= COHORTS || rule != Rule::ByShare;
        (whole && serving.next().is_none()).then_some(member)
    }
}
