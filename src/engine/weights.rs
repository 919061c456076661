//! Weights and capacities that follow values: what is left of each endpoint's share by them, and what it can carry.
//!
//! ```text
//! value of a slot --> level of its endpoint --> part of its weight, beside the others of its tier --> most of its share
//! ```
//!
//! A weight means something beside others only: so within a tier the endpoint whose part is largest, of those that
//! have a share at all, keeps its whole share, and the others keep theirs in proportion. When that one falls, the
//! others have its place at once; what a value changes comes by the steps of [`crate::health::weight`]. Cohorts keep
//! their order: by each step the fewest clients move that must, and the same come back.
//!
//! A capacity is planned with as it stands at the time ([`crate::plan::Demands`]), and never above that of the config.
//!
//! Nothing is reckoned for endpoints whose tier follows no value. It knows neither why a share is what it is
//! nor who serves whom.
use std::collections::{BTreeMap, BTreeSet};

use super::health_state::{Change, HealthState};
use crate::base::{
    EndpointId, Family, Moment, MonitorValue, Permille, SlotId, Standing, TargetId, Why,
};
use crate::health::followed::FollowedLevel;
use crate::plan::{Followed, Plan, ValueSource};

/// The levels of all endpoints, and who shares a tier with whom.
#[derive(Debug)]
pub(super) struct Weights {
    /// By endpoint and number; absent where that follows no value.
    levels: Vec<[Option<FollowedLevel>; 2]>,
    /// Numbers of endpoints that a slot's value stands for.
    readers: BTreeMap<SlotId, Vec<(EndpointId, Followed)>>,
    /// Tells that some capacity may be another than was taken last.
    recapacitated: bool,
    /// By endpoint: the tier of which some follow a value.
    tiers: Vec<Option<usize>>,
    /// The endpoints of each such tier.
    members: Vec<Vec<EndpointId>>,
    /// By target: the share that it has but for weights.
    shares: Vec<Permille>,
    /// Tiers whose parts have changed.
    changed: BTreeSet<usize>,
}

impl Weights {
    /// The weights of the config.
    pub(super) fn new(plan: &Plan, now: Moment) -> Self {
        let levels = plan.endpoints.iter();
        let levels = levels.map(|one| {
            Followed::ALL.map(|what| one.follows(what).map(|_| FollowedLevel::new(now)))
        });
        let mut by_tier: BTreeMap<_, Vec<EndpointId>> = BTreeMap::new();
        for (place, one) in plan.endpoints.iter().enumerate() {
            if one.enabled && one.weight > 0 {
                let tier = by_tier.entry((one.service, one.region, one.tier));
                tier.or_default().push(EndpointId::from_index(place));
            }
        }
        let follows = |id: &EndpointId| {
            let own = &plan.endpoints[id.index()];
            own.follows(Followed::Weight).is_some()
        };
        let members = by_tier.into_values();
        let members: Vec<Vec<EndpointId>> =
            members.filter(|tier| tier.iter().any(follows)).collect();
        let mut tiers = vec![None; plan.endpoints.len()];
        for (number, tier) in members.iter().enumerate() {
            for id in tier {
                tiers[id.index()] = Some(number);
            }
        }
        Self {
            levels: levels.collect(),
            readers: readers(plan),
            recapacitated: true,
            tiers,
            members,
            shares: vec![Permille::FULL; plan.targets.len()],
            changed: BTreeSet::new(),
        }
    }

    /// The same, with what is known of some endpoints.
    pub(super) fn known(
        mut self,
        of: impl Fn(EndpointId, Followed) -> Option<FollowedLevel>,
    ) -> Self {
        for (place, levels) in self.levels.iter_mut().enumerate() {
            for (level, what) in levels.iter_mut().zip(Followed::ALL) {
                let known = of(EndpointId::from_index(place), what).filter(|_| level.is_some());
                *level = known.or(level.take());
            }
        }
        self
    }

    /// Those of a new plan: an endpoint keeps its level by its name.
    pub(super) fn migrate(&self, (old, new): (&Plan, &Plan), now: Moment) -> Self {
        let fresh = Self::new(new, now);
        if fresh.readers.is_empty() {
            return fresh;
        }
        let names = old.endpoints.iter().zip(&self.levels);
        let known: BTreeMap<&str, _> = names
            .map(|(one, levels)| (one.name.as_str(), levels))
            .collect();
        let name = |id: EndpointId| new.endpoints[id.index()].name.as_str();
        fresh.known(|id, what| known.get(name(id))?[what.index()].clone())
    }

    /// The level of a number of an endpoint, where that follows a value.
    pub(super) fn level(&self, id: EndpointId, what: Followed) -> Option<&FollowedLevel> {
        self.levels[id.index()][what.index()].as_ref()
    }

    /// The capacities that follow values, as they are now, if they may be others than were taken last.
    fn take_capacities(&mut self, plan: &Plan) -> Option<BTreeMap<EndpointId, u32>> {
        if !std::mem::take(&mut self.recapacitated) {
            return None;
        }
        let own = plan.endpoints.iter().enumerate();
        let own = own.filter_map(|(place, one)| {
            let (_, whole) = one.follows(Followed::Capacity)?;
            let id = EndpointId::from_index(place);
            Some((id, self.level(id, Followed::Capacity)?.part_of(whole)))
        });
        Some(own.collect())
    }

    /// Takes in what a slot has read.
    pub(super) fn read(
        &mut self,
        plan: &Plan,
        now: Moment,
        slot: SlotId,
        value: Option<MonitorValue>,
    ) {
        let (Some(value), Some(readers)) = (value, self.readers.get(&slot)) else {
            return;
        };
        for reader in readers.clone() {
            self.turn(plan, reader, |level, (source, whole)| {
                level.read(source, whole, now, value);
            });
        }
    }

    /// Takes the steps that are due.
    pub(super) fn advance(&mut self, plan: &Plan, now: Moment) {
        if self.wake_at(plan).is_some_and(|due| due <= now) {
            for id in (0..self.levels.len()).map(EndpointId::from_index) {
                for what in Followed::ALL {
                    self.turn(plan, (id, what), |level, (source, whole)| {
                        level.advance(source, whole, now);
                    });
                }
            }
        }
    }

    fn turn(
        &mut self,
        plan: &Plan,
        (id, what): (EndpointId, Followed),
        turn: impl Fn(&mut FollowedLevel, (&ValueSource, u32)),
    ) {
        let followed = plan.endpoints[id.index()].follows(what);
        let level = &mut self.levels[id.index()][what.index()];
        let (Some(level), Some((source, whole))) = (level, followed) else {
            return;
        };
        let before = (level.share(), level.part_of(whole));
        turn(level, (source, whole));
        match what {
            Followed::Weight if level.share() != before.0 => {
                self.changed.extend(self.tiers[id.index()]);
            }
            Followed::Capacity => self.recapacitated |= level.part_of(whole) != before.1,
            Followed::Weight => {}
        }
    }

    /// The moment at which the next step is due.
    pub(super) fn wake_at(&self, plan: &Plan) -> Option<Moment> {
        if self.readers.is_empty() {
            return None;
        }
        let levels = self.levels.iter().zip(&plan.endpoints);
        let due = levels.flat_map(|(levels, endpoint)| {
            let own = levels.iter().zip(Followed::ALL);
            own.filter_map(|(level, what)| {
                let (source, whole) = endpoint.follows(what)?;
                level.as_ref()?.next_step(source, whole)
            })
        });
        due.min()
    }

    /// Notes the share that a target has but for weights.
    fn note(&mut self, (id, endpoint): (TargetId, EndpointId), share: Permille) {
        let before = std::mem::replace(&mut self.shares[id.index()], share);
        let is_other = (before == Permille::NONE) != (share == Permille::NONE);
        self.changed
            .extend(self.tiers[endpoint.index()].filter(|_| is_other));
    }

    /// The most that a target of an endpoint has by weights, where the targets have these shares but for weights.
    fn most(
        &self,
        state: &HealthState,
        (endpoint, family): (EndpointId, Family),
        shares: &[Permille],
    ) -> Permille {
        let Some(tier) = self.tiers[endpoint.index()] else {
            return Permille::FULL;
        };
        let part = |id: EndpointId| {
            let level = self.level(id, Followed::Weight);
            level.map_or(Permille::FULL, FollowedLevel::share)
        };
        let serves = |id: &EndpointId| {
            let mut targets = state.targets_of(*id).iter();
            targets.any(|target| {
                let is_kin = state.plan.targets[target.index()].family == family;
                is_kin && shares[target.index()] > Permille::NONE
            })
        };
        let members = self.members[tier].iter();
        let largest = members.filter(|id| serves(id)).map(|id| part(*id)).max();
        let largest = u32::from(largest.unwrap_or(Permille::FULL).0.max(1));
        let own = u32::from(part(endpoint).0) * u32::from(Permille::FULL.0) / largest;
        let own = u16::try_from(own).unwrap_or(Permille::FULL.0);
        Permille(own.clamp(1, Permille::FULL.0))
    }
}

/// The numbers that are read of each slot.
fn readers(plan: &Plan) -> BTreeMap<SlotId, Vec<(EndpointId, Followed)>> {
    let mut readers: BTreeMap<SlotId, Vec<_>> = BTreeMap::new();
    for (target, what) in plan
        .targets
        .iter()
        .flat_map(|own| Followed::ALL.map(|what| (own, what)))
    {
        let Some((source, _)) = plan.endpoints[target.endpoint.index()].follows(what) else {
            continue;
        };
        let slots = target.slots.iter().chain(&target.reported);
        for slot in slots.filter(|slot| plan.slots[slot.index()].monitor == source.monitor) {
            let own = readers.entry(*slot).or_default();
            if !own.contains(&(target.endpoint, what)) {
                own.push((target.endpoint, what));
            }
        }
    }
    readers
}

impl HealthState {
    /// The standing that weights leave of one.
    pub(super) fn weigh(&mut self, id: TargetId, standing: Standing) -> Standing {
        let target = &self.plan.targets[id.index()];
        let own = (target.endpoint, target.family);
        self.weights.note((id, own.0), standing.share);
        let most = self.weights.most(self, own, &self.weights.shares);
        limited(standing, most)
    }

    /// The part that weights leave of a standing; nothing is remembered of it.
    pub(super) fn limit(&self, id: TargetId, standing: Standing) -> Standing {
        let target = &self.plan.targets[id.index()];
        let own = (target.endpoint, target.family);
        limited(standing, self.weights.most(self, own, &self.weights.shares))
    }

    /// All standings with what weights leave of them, where nothing is remembered of what was reckoned before.
    pub(super) fn weigh_all(&self, standings: Vec<Standing>) -> Vec<Standing> {
        let shares: Vec<Permille> = standings.iter().map(|one| one.share).collect();
        let pairs = standings.into_iter().zip(&self.plan.targets);
        let weighed = pairs.map(|(standing, target)| {
            let own = (target.endpoint, target.family);
            limited(standing, self.weights.most(self, own, &shares))
        });
        weighed.collect()
    }

    /// The capacities that follow values, if they may be others than were taken last.
    pub(super) fn take_capacities(&mut self) -> Option<BTreeMap<EndpointId, u32>> {
        self.weights.take_capacities(&self.plan)
    }

    /// Looks again at the targets of tiers whose weights, or whose members, have changed.
    pub(super) fn settle_weights(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some(tier) = self.weights.changed.pop_first() {
            for endpoint in self.weights.members[tier].clone() {
                for id in self.targets_of(endpoint).to_vec() {
                    changes.extend(self.note(id));
                }
            }
        }
        changes
    }
}

fn limited(standing: Standing, most: Permille) -> Standing {
    // A ramp, a drain or a gate that leaves less says why; a share that is whole has nothing else to say.
    let share = u32::from(standing.share.0) * u32::from(most.0) / u32::from(Permille::FULL.0);
    let share = u16::try_from(share).unwrap_or(Permille::FULL.0);
    if most == Permille::FULL || standing.share == Permille::NONE {
        return standing;
    }
    let is_well = matches!(standing.why, Why::Healthy | Why::Unproven);
    Standing {
        share: Permille(share.max(1)),
        why: if is_well { Why::Weighted } else { standing.why },
        ..standing
    }
}
