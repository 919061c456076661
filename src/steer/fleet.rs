//! Which endpoints of a pool answer whom, where a tier of it is a [`Fleet`].
//!
//! A tier takes cohorts as elsewhere: those of a rank below the largest share in it. What a client gets then follows
//! from its hash: the set that it draws, and who of it comes first. So a pool has here, for each *seat* (one
//! member of one set that comes first), what is given at which ranks; there are few, for shares are
//! few. All of it is made when a table is built; a client is answered by what its draws lead to.
//!
//! In the order of a seat come first the members of its set, from its own on and around, and then the others around the
//! ring of the fleet, from a place on that differs from seat to seat: the first of these whose share is above the rank answer. The order
//! never changes, so nobody moves but those who lose or regain somebody. Where sets are divided, the
//! largest part of the set around the seat answers in which all have such a share.
use std::sync::Arc;

use crate::base::ClientHash;
use crate::base::limits::COHORTS;
use crate::plan::fleet::{Fleet, Missing, halves};

use super::hands;
use super::pick::{Open, Pick, Picks, Rule};

/// The takings of the tiers of a pool with a fleet, best first.
#[derive(Debug, PartialEq, Eq)]
pub struct FleetSpread {
    tiers: Box<[TierSpread]>,
}

/// The clients that one tier takes.
#[derive(Debug, PartialEq, Eq)]
pub enum TierSpread {
    /// By cohort; picks are counted from the first one of the tier.
    ByCohort(Picks, usize),
    /// By draws.
    FleetDraws(FleetDraws),
}

/// The answers that a fleet gives by draws.
#[derive(Debug, PartialEq, Eq)]
pub struct FleetDraws {
    fleet: Arc<Fleet>,
    /// It takes the cohorts of a rank below this.
    below: u16,
    /// Ends of the levels of each seat.
    ends: Box<[u32]>,
    levels: Box<[SeatLevel]>,
}

/// The answer of a seat at some ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatLevel {
    /// Ranks below this, and not below that of the level before.
    pub below: u16,
    /// Number of the pick.
    pub pick: u32,
}

/// The one that gives to a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CohortSource {
    /// A pick.
    Pick(usize),
    /// A fleet, by draws.
    Fleet,
}

/// The set that a client drew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetDrawn {
    /// Its number, from 0.
    pub number: usize,
    /// The number of sets.
    pub of: usize,
    /// The pick.
    pub pick: usize,
}

impl FleetSpread {
    /// Its tiers that may serve, best first.
    #[must_use]
    pub fn tiers(&self) -> &[TierSpread] {
        &self.tiers
    }

    /// The pick of a client.
    #[cold]
    #[inline(never)]
    pub(super) fn pick(&self, client: ClientHash, cohort: u16) -> Option<usize> {
        let mut tiers = self.tiers.iter();
        tiers.find_map(|tier| match tier {
            TierSpread::ByCohort(picks, first) => Some(first + picks.get(cohort)?),
            TierSpread::FleetDraws(drawn) => Some(drawn.find(client, cohort)?.pick),
        })
    }

    /// The set that a client is given, if a fleet serves it.
    #[must_use]
    pub fn set(&self, client: ClientHash) -> Option<SetDrawn> {
        let cohort = client.cohort();
        let takes = |tier: &&TierSpread| tier.source(cohort).is_some();
        match self.tiers.iter().find(takes)? {
            TierSpread::FleetDraws(drawn) => drawn.find(client, cohort),
            TierSpread::ByCohort(..) => None,
        }
    }

    /// The one that gives to a cohort, if any.
    #[must_use]
    pub fn source(&self, cohort: u16) -> Option<CohortSource> {
        self.tiers.iter().find_map(|tier| tier.source(cohort))
    }
}

impl TierSpread {
    fn source(&self, cohort: u16) -> Option<CohortSource> {
        match self {
            Self::ByCohort(picks, first) => Some(CohortSource::Pick(first + picks.get(cohort)?)),
            Self::FleetDraws(drawn) => drawn.takes(cohort).then_some(CohortSource::Fleet),
        }
    }
}

impl FleetDraws {
    /// Tells whether it takes a cohort.
    #[must_use]
    pub fn takes(&self, cohort: u16) -> bool {
        self.fleet.rank(cohort) < self.below
    }

    /// Ranks of the cohorts that it takes are below this.
    #[must_use]
    pub fn below(&self) -> u16 {
        self.below
    }

    /// The fleet.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The levels of each seat, by set and by who of it comes first.
    pub fn seats(&self) -> impl Iterator<Item = &[SeatLevel]> {
        (0..self.ends.len()).map(|seat| self.levels_of(seat))
    }

    fn levels_of(&self, seat: usize) -> &[SeatLevel] {
        let start = seat.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.levels[start as usize..self.ends[seat] as usize]
    }

    fn find(&self, client: ClientHash, cohort: u16) -> Option<SetDrawn> {
        let rank = self.fleet.rank(cohort);
        if rank >= self.below {
            return None;
        }
        self.fleet.find(client, |set| {
            let seats = set * self.fleet.size();
            let pick = self.fleet.first(client, set, |first| {
                let mut levels = self.levels_of(seats + first).iter();
                levels.find(|level| rank < level.below)
            })?;
            Some(SetDrawn {
                number: set,
                of: self.fleet.count(),
                pick: pick.pick as usize,
            })
        })
    }
}

/// Decides for tiers that may serve, a fleet among them, who of them answers whom.
pub(super) fn decide(open: &[Open<'_>], rule: Rule, answers: u8) -> (Vec<Pick>, FleetSpread) {
    let (mut picks, mut tiers) = (Vec::new(), Vec::new());
    for tier in open {
        let own = match &tier.tier.fleet {
            Some(fleet) => {
                TierSpread::FleetDraws(Seating::new(fleet, tier, rule).seat_all(&mut picks))
            }
            None => {
                let dealt = hands::deal(std::slice::from_ref(tier), rule, answers);
                let (start, count) = (picks.len(), dealt.picks.len());
                picks.extend(dealt.picks);
                TierSpread::ByCohort(Picks::new(&dealt.by_cohort, count), start)
            }
        };
        let takes_all = (0..COHORTS).all(|cohort| own.source(cohort).is_some());
        tiers.push(own);
        if takes_all {
            break; // Nobody is left to the tiers behind.
        }
    }
    let tiers = tiers.into();
    (picks, FleetSpread { tiers })
}

/// A fleet whose seats are found.
struct Seating<'p> {
    fleet: &'p Arc<Fleet>,
    rule: Rule,
    index: usize,
    /// By member, the rank below which it serves.
    shares: Vec<u16>,
    /// By member, the same for an answer of several where sets are divided: an endpoint of which some addresses are
    /// down answers alone, for what it is with others is signed beforehand.
    together: Vec<u16>,
    /// By place on the ring, the next place from there on of someone who serves at all; the ring's length if there is none.
    next: Vec<usize>,
    ends: Vec<u32>,
    levels: Vec<SeatLevel>,
}

impl<'p> Seating<'p> {
    fn new(fleet: &'p Arc<Fleet>, open: &Open<'p>, rule: Rule) -> Self {
        let of = |share| match rule {
            Rule::ByShare => share,
            Rule::Largest if fleet.missing() == Missing::Filled && fleet.size() > 1 => share,
            Rule::Largest if share == open.largest => COHORTS,
            Rule::Largest => 0,
            Rule::Open => COHORTS,
        };
        let shares: Vec<u16> = open.standings().map(|own| of(own.share.0)).collect();
        let together = shares.iter().zip(open.standings());
        let together = together.map(|(share, own)| match own.without.is_empty() {
            true => *share,
            false => 0,
        });
        Self {
            fleet,
            rule,
            index: open.index,
            together: together.collect(),
            next: next(fleet.ring(), &shares),
            shares,
            ends: Vec::with_capacity(fleet.count() * fleet.size()),
            levels: Vec::new(),
        }
    }

    /// Finds what each seat gives; the picks go behind those that there are.
    fn seat_all(mut self, picks: &mut Vec<Pick>) -> FleetDraws {
        for set in 0..self.fleet.count() {
            for first in 0..self.fleet.size() {
                match (self.fleet.missing(), self.rule) {
                    _ if self.fleet.size() == 1 => self.seat_part(set, first, picks),
                    (Missing::Divided, _) => self.seat_part(set, first, picks),
                    (Missing::Filled, Rule::ByShare | Rule::Open) => {
                        self.seat_filled(set, first, picks);
                    }
                    (Missing::Filled, Rule::Largest) => self.seat_largest(set, first, picks),
                }
                let end = u32::try_from(self.levels.len());
                self.ends
                    .push(end.expect("limits.rs bounds the members of a tier"));
            }
        }
        let below = match self.rule {
            Rule::ByShare => self.shares.iter().copied().max().unwrap_or(0),
            Rule::Largest | Rule::Open => COHORTS,
        };
        FleetDraws {
            fleet: Arc::clone(self.fleet),
            below,
            ends: self.ends.into(),
            levels: self.levels.into(),
        }
    }

    fn give(&mut self, below: u16, pick: Pick, picks: &mut Vec<Pick>) {
        let number = u32::try_from(picks.len()).expect("limits.rs bounds the members of a tier");
        picks.push(pick);
        self.levels.push(SeatLevel {
            below,
            pick: number,
        });
    }

    /// The parts of a set around a seat, each at the ranks at which no larger one can answer.
    fn seat_part(&mut self, set: usize, first: usize, picks: &mut Vec<Pick>) {
        let mut reached = 0;
        for part in halves(self.fleet.size(), first) {
            let members = &self.fleet.set(set)[part.clone()];
            let shares = match members.len() {
                1 => &self.shares,
                _ => &self.together,
            };
            let shares = members.iter().map(|own| shares[usize::from(*own)]);
            let below = shares.min().unwrap_or(0);
            if below > reached {
                let pick = Pick::of(self.index, members).turned(first - part.start);
                self.give(below, pick, picks);
                reached = below;
            }
        }
    }

    /// The first in the order of a seat, at each rank.
    fn seat_filled(&mut self, set: usize, first: usize, picks: &mut Vec<Pick>) {
        let members = self.fleet.set(set);
        let share = |member: &u16| self.shares[usize::from(*member)];
        let least = members.iter().map(share).min().unwrap_or(0);
        let mut reached = 0;
        if least > 0 {
            let pick = Pick::of(self.index, members).turned(first);
            self.give(least, pick, picks);
            reached = least;
        }
        loop {
            let mut chosen = Vec::with_capacity(members.len());
            self.choose((set, first), |share| share > reached, &mut chosen);
            let shares = chosen.iter().map(|own| self.shares[usize::from(*own)]);
            let Some(below) = shares.min() else { return };
            self.give(below, Pick::of(self.index, &chosen), picks);
            reached = below;
        }
    }

    /// Those with the largest shares, whatever these are.
    fn seat_largest(&mut self, set: usize, first: usize, picks: &mut Vec<Pick>) {
        let mut chosen = Vec::with_capacity(self.fleet.size());
        let mut level = self.shares.iter().copied().max().unwrap_or(0);
        while level > 0 && chosen.len() < self.fleet.size() {
            self.choose((set, first), |share| share == level, &mut chosen);
            let lower = self.shares.iter().copied().filter(|share| *share < level);
            level = lower.max().unwrap_or(0);
        }
        self.give(COHORTS, Pick::of(self.index, &chosen), picks);
    }

    /// Adds the first of a seat's order whose share is accepted, until an answer is full.
    fn choose(
        &self,
        (set, first): (usize, usize),
        accept: impl Fn(u16) -> bool,
        chosen: &mut Vec<u16>,
    ) {
        let members = self.fleet.set(set);
        let size = members.len();
        let accepted = |member: u16| accept(self.shares[usize::from(member)]);
        let own = (0..size).map(|step| members[(first + step) % size]);
        chosen.extend(
            own.filter(|member| accepted(*member))
                .take(size - chosen.len()),
        );
        let ring = self.fleet.ring();
        let start = self.fleet.fill_from(set, first);
        for range in [start..ring.len(), 0..start] {
            let mut place = range.start;
            while chosen.len() < size {
                place = self.next.get(place).copied().unwrap_or(ring.len());
                if place >= range.end {
                    break;
                }
                let member = ring[place];
                if accepted(member) && !members.contains(&member) {
                    chosen.push(member);
                }
                place += 1;
            }
        }
    }
}

/// By place on a ring, the next place from there on of someone with a share; the ring's length if there is none.
fn next(ring: &[u16], shares: &[u16]) -> Vec<usize> {
    let mut next = vec![ring.len(); ring.len()];
    let mut latest = ring.len();
    for (place, member) in ring.iter().enumerate().rev() {
        if shares[usize::from(*member)] > 0 {
            latest = place;
        }
        next[place] = latest;
    }
    next
}
