//! What the pools of a table give to whom: the outcome of [`crate::steer`] as address records.
//!
//! The records and endpoints of each distinct pick are kept once, one after the other, so
//! that an answer is a slice of bytes that are there already.
use crate::base::limits::COHORTS;
use crate::base::{ClientHash, EndpointId, Moment, Permille, RegionId, Span, Standing};
use crate::dns::addresses;
use crate::plan::{Member, Plan, Pool, Tier};
use crate::steer::capacity::pool_offer::PoolOffer;
use crate::steer::{self, Extent, PoolState, Rule, Spread};

use super::layout::{Planning, PoolPlace};

/// How long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// At the least, from any moment, if probes begin to disagree at once.
    hold: Span,
    /// Until it changes by itself; the last moment there is, if it does not.
    until: Moment,
}

/// What one pool gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PoolTable {
    /// Its region.
    pub(super) region: RegionId,
    /// What its standings make of it.
    pub(super) state: PoolState,
    /// How long all of its standings last.
    pub(super) wait: Wait,
    /// What it gives by share.
    pub(super) by_share: Given,
    /// What it gives when no pool of a preference takes a cohort: the largest share, or, if
    /// there is no share at all, every member. Absent where it takes every cohort by share.
    pub(super) spare: Option<Given>,
    /// What it offers where capacity is planned; absent where it is not. Apart, so that pools
    /// stay small where it is absent.
    pub(super) offer: Option<Box<PoolOffer>>,
}

/// What one pool gives under one rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// Who gets which pick.
    pub(super) spread: Spread,
    /// The distinct picks.
    pub(super) picks: Box<[Pick]>,
    /// Address records of every pick, as [`addresses::put`] makes them.
    records: Box<[u8]>,
    endpoints: Box<[EndpointId]>,
}

/// One pick: slices of the records and endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    /// Index of its tier within the pool.
    pub(super) tier: u8,
    /// How long the standings last that this pick depends on.
    pub(super) wait: Wait,
    records: Slice,
    endpoints: Slice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    start: u32,
    end: u32,
}

impl Wait {
    const NEVER: Moment = Moment(u64::MAX);
    /// The wait of nothing that could change.
    pub(super) const FOREVER: Self = Self {
        hold: Span(u64::MAX),
        until: Self::NEVER,
    };

    pub(super) fn new(hold: Span, until: Option<Moment>) -> Self {
        Self {
            hold,
            until: until.unwrap_or(Self::NEVER),
        }
    }

    /// Until either changes.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            hold: self.hold.min(other.hold),
            until: self.until.min(other.until),
        }
    }

    /// At the least, from any moment, if probes begin to disagree at once.
    pub(super) fn hold(self) -> Span {
        self.hold
    }

    /// Until it changes by itself, if it does.
    pub(super) fn until(self) -> Option<Moment> {
        (self.until != Self::NEVER).then_some(self.until)
    }
}

impl Slice {
    fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.start as usize..self.end as usize)
            .unwrap_or(&[])
    }
}

impl PoolTable {
    /// The number of its picks, under all rules.
    pub(super) fn picks(&self) -> usize {
        let spare = self.spare.as_ref().map_or(0, |given| given.picks.len());
        self.by_share.picks.len() + spare
    }

    pub(super) fn new(
        plan: &Plan,
        place: PoolPlace,
        standings: &[Standing],
        planning: Planning,
    ) -> Self {
        let pool = place.pool(plan);
        let by_share = Given::new(plan, place, Rule::ByShare, standings);
        let state = state(pool, &by_share.spread, standings);
        let spare = match (state.extent, state.largest) {
            (Extent::Everyone, _) => None,
            (_, Permille::NONE) => Some(Rule::Open),
            _ => Some(Rule::Largest),
        };
        let offer = match planning {
            Planning::Idle => None,
            Planning::Active => {
                let endpoints = |pick: usize| by_share.endpoints(&by_share.picks[pick]);
                let of = (place.region, pool);
                let offer = PoolOffer::new(of, &by_share.spread, endpoints, standings);
                Some(Box::new(offer))
            }
        };
        Self {
            region: place.region,
            offer,
            state,
            wait: wait(pool.tiers.iter().flat_map(|tier| &tier.members), standings),
            by_share,
            spare: spare.map(|rule| Given::new(plan, place, rule, standings)),
        }
    }
}

impl PoolTable {
    /// The same choices, where standings changed in nothing but how long they last. For pools that
    /// plan no capacity.
    pub(super) fn lasting(&self, plan: &Plan, place: PoolPlace, standings: &[Standing]) -> Self {
        let pool = place.pool(plan);
        let waits = waits(pool, standings);
        Self {
            region: self.region,
            state: self.state,
            wait: waits.last().copied().unwrap_or(Wait::FOREVER),
            by_share: self.by_share.lasting(&waits),
            spare: self.spare.as_ref().map(|spare| spare.lasting(&waits)),
            offer: None,
        }
    }

    /// Tells whether it gives the same to everyone as another, for however long.
    pub(super) fn chooses_as(&self, other: &Self) -> bool {
        let spares = match (&self.spare, &other.spare) {
            (Some(one), Some(two)) => one.chooses_as(two),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let alike = (self.region, self.state) == (other.region, other.state);
        alike && spares && self.offer == other.offer && self.by_share.chooses_as(&other.by_share)
    }
}

fn state(pool: &Pool, spread: &Spread, standings: &[Standing]) -> PoolState {
    let extent = match spread {
        Spread::Nobody => Extent::Nobody,
        Spread::Everyone => Extent::Everyone,
        Spread::ByCohort(_) | Spread::Fleet(_) => match spread.taken() {
            0 => Extent::Nobody,
            COHORTS => Extent::Everyone,
            _ => Extent::Some,
        },
    };
    let members = pool.tiers.iter().flat_map(|tier| &tier.members);
    let shares = members.map(|member| standings[member.target.index()].share);
    PoolState {
        extent,
        largest: shares.max().unwrap_or(Permille::NONE),
    }
}

fn wait<'p>(members: impl Iterator<Item = &'p Member>, standings: &[Standing]) -> Wait {
    let standings = members.map(|member| &standings[member.target.index()]);
    let waits = standings.map(|standing| Wait::new(standing.hold, standing.until));
    waits.fold(Wait::FOREVER, Wait::or)
}

impl Given {
    fn new(plan: &Plan, place: PoolPlace, rule: Rule, standings: &[Standing]) -> Self {
        let pool = place.pool(plan);
        let outcome = steer::decide(pool, rule, place.answers(plan), standings);
        let waits = waits(pool, standings);
        let mut writer = Writer {
            plan,
            place,
            standings,
            records: Vec::new(),
            endpoints: Vec::new(),
        };
        let mut picks = Vec::with_capacity(outcome.picks.len());
        for turned in outcome.picks.chunk_by(steer::Pick::is_turned) {
            let tier = turned[0].tier;
            let wait = waits[usize::from(tier)];
            let slices = writer.write(&pool.tiers[usize::from(tier)], turned);
            picks.extend(slices.into_iter().map(|(records, endpoints)| Pick {
                tier,
                wait,
                records,
                endpoints,
            }));
        }
        Self {
            picks: picks.into(),
            spread: outcome.spread,
            records: writer.records.into(),
            endpoints: writer.endpoints.into(),
        }
    }

    /// The same for other waits, by tier.
    fn lasting(&self, waits: &[Wait]) -> Self {
        let picks = self.picks.iter().map(|pick| Pick {
            wait: waits[usize::from(pick.tier)],
            ..*pick
        });
        Self {
            picks: picks.collect(),
            spread: self.spread.clone(),
            records: self.records.clone(),
            endpoints: self.endpoints.clone(),
        }
    }

    fn chooses_as(&self, other: &Self) -> bool {
        let pairs = self.picks.iter().zip(&other.picks);
        let mut same = pairs.map(|(one, two)| {
            Pick {
                wait: two.wait,
                ..*one
            } == *two
        });
        let counts = (self.picks.len(), &self.records, &self.endpoints);
        counts == (other.picks.len(), &other.records, &other.endpoints)
            && self.spread == other.spread
            && same.all(|same| same)
    }

    /// What a client of a cohort gets, if anything.
    #[inline]
    pub(super) fn pick(&self, client: ClientHash, cohort: u16) -> Option<&Pick> {
        self.picks.get(self.spread.pick(client, cohort)?)
    }

    /// The address records of one of its picks.
    pub(super) fn records(&self, pick: &Pick) -> &[u8] {
        pick.records.of(&self.records)
    }

    /// The endpoints of all its picks, some of them more than once.
    pub(super) fn all_endpoints(&self) -> &[EndpointId] {
        &self.endpoints
    }

    /// The endpoints of one of its picks.
    pub(super) fn endpoints(&self, pick: &Pick) -> &[EndpointId] {
        pick.endpoints.of(&self.endpoints)
    }
}

/// Writes the records and endpoints of picks.
struct Writer<'p> {
    plan: &'p Plan,
    place: PoolPlace,
    standings: &'p [Standing],
    records: Vec<u8>,
    endpoints: Vec<EndpointId>,
}

impl Writer<'_> {
    /// Writes picks of a tier that differ in nothing but who comes first. Where there are several, the members are
    /// written twice around, and each pick is so much of it from its own first member on.
    fn write(&mut self, tier: &Tier, turned: &[steer::Pick]) -> Vec<(Slice, Slice)> {
        let around = turned[0].around();
        let count = around.len();
        let (start, length) = match turned {
            [alone] => (alone.first(), count),
            _ => (0, 2 * count),
        };
        let (mut ends, first) = (vec![self.records.len()], self.endpoints.len());
        for step in 0..length {
            let member = around[(start + step) % count];
            self.put(&tier.members[usize::from(member)]);
            ends.push(self.records.len());
        }
        let slices = turned.iter().map(|pick| {
            let from = pick.first() - start;
            let endpoints = slice(first + from, first + from + count);
            (slice(ends[from], ends[from + count]), endpoints)
        });
        slices.collect()
    }

    fn put(&mut self, member: &Member) {
        self.endpoints.push(member.endpoint);
        let endpoint = &self.plan.endpoints[member.endpoint.index()];
        let without = self.standings[member.target.index()].without;
        let own = endpoint.addresses_of(self.place.family, without);
        own.for_each(|one| addresses::put(one, &mut self.records));
    }
}

/// By tier: how long the standings last of its members and of those in the tiers before.
fn waits(pool: &Pool, standings: &[Standing]) -> Vec<Wait> {
    let mut all = Wait::FOREVER;
    let tiers = pool.tiers.iter().map(|tier| {
        all = all.or(wait(tier.members.iter(), standings));
        all
    });
    let waits: Vec<Wait> = tiers.collect();
    // Who goes past a tier is served there until one behind it can.
    match pool.trickle > Permille::NONE {
        true => vec![all; waits.len()],
        false => waits,
    }
}

fn slice(start: usize, end: usize) -> Slice {
    let bound = |at| u32::try_from(at).expect("limits.rs bounds the picks of a pool");
    Slice {
        start: bound(start),
        end: bound(end),
    }
}
