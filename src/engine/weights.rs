//! Weights that follow values: what is left of each endpoint's share by them.
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
//! Nothing is reckoned for endpoints whose tier follows no value. It knows neither why a share is what it is
//! nor who serves whom.
use std::collections::{BTreeMap, BTreeSet};

use super::health_state::{Change, HealthState};
use crate::base::{
    EndpointId, Family, Moment, MonitorValue, Permille, SlotId, Standing, TargetId, Why,
};
use crate::health::weight::WeightLevel;
use crate::plan::Plan;

/// The levels of all endpoints, and who shares a tier with whom.
#[derive(Debug)]
pub(super) struct Weights {
    /// By endpoint; absent where the weight follows no value.
    levels: Vec<Option<WeightLevel>>,
    /// Endpoints that a slot's value is the weight of.
    readers: BTreeMap<SlotId, Vec<EndpointId>>,
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
        let levels = levels.map(|one| one.weight_from.as_ref().map(|_| WeightLevel::new(now)));
        let mut by_tier: BTreeMap<_, Vec<EndpointId>> = BTreeMap::new();
        for (place, one) in plan.endpoints.iter().enumerate() {
            if one.enabled && one.weight > 0 {
                let tier = by_tier.entry((one.service, one.region, one.tier));
                tier.or_default().push(EndpointId::from_index(place));
            }
        }
        let follows = |id: &EndpointId| plan.endpoints[id.index()].weight_from.is_some();
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
            tiers,
            members,
            shares: vec![Permille::FULL; plan.targets.len()],
            changed: BTreeSet::new(),
        }
    }

    /// The same, with what is known of some endpoints.
    pub(super) fn known(mut self, of: impl Fn(EndpointId) -> Option<WeightLevel>) -> Self {
        for (place, level) in self.levels.iter_mut().enumerate() {
            if let (Some(level), Some(known)) = (level, of(EndpointId::from_index(place))) {
                *level = known;
            }
        }
        self
    }

    /// Those of a new plan: an endpoint keeps its level by its name.
    pub(super) fn migrate(&self, (old, new): (&Plan, &Plan), now: Moment) -> Self {
        let fresh = Self::new(new, now);
        if fresh.members.is_empty() {
            return fresh;
        }
        let names = old.endpoints.iter().zip(&self.levels);
        let names = names.filter_map(|(one, level)| Some((one.name.as_str(), level.as_ref()?)));
        let known: BTreeMap<&str, &WeightLevel> = names.collect();
        let name = |id: EndpointId| new.endpoints[id.index()].name.as_str();
        fresh.known(|id| known.get(name(id)).copied().cloned())
    }

    /// The level of an endpoint, where its weight follows a value.
    pub(super) fn level(&self, id: EndpointId) -> Option<&WeightLevel> {
        self.levels[id.index()].as_ref()
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
        for id in readers.clone() {
            self.turn(plan, id, |level, (source, weight)| {
                level.read(source, weight, now, value);
            });
        }
    }

    /// Takes the steps that are due.
    pub(super) fn advance(&mut self, plan: &Plan, now: Moment) {
        if self.wake_at(plan).is_some_and(|due| due <= now) {
            for id in (0..self.levels.len()).map(EndpointId::from_index) {
                self.turn(plan, id, |level, (source, weight)| {
                    level.advance(source, weight, now);
                });
            }
        }
    }

    fn turn(
        &mut self,
        plan: &Plan,
        id: EndpointId,
        turn: impl Fn(&mut WeightLevel, (&crate::plan::WeightSource, u16)),
    ) {
        let endpoint = &plan.endpoints[id.index()];
        let source = endpoint.weight_from.as_ref();
        if let (Some(level), Some(source)) = (&mut self.levels[id.index()], source) {
            let before = level.share();
            turn(level, (source, endpoint.weight));
            if level.share() != before {
                self.changed.extend(self.tiers[id.index()]);
            }
        }
    }

    /// The moment at which the next step is due.
    pub(super) fn wake_at(&self, plan: &Plan) -> Option<Moment> {
        if self.members.is_empty() {
            return None;
        }
        let levels = self.levels.iter().zip(&plan.endpoints);
        let due = levels.filter_map(|(level, endpoint)| {
            let (level, source) = (level.as_ref()?, endpoint.weight_from.as_ref()?);
            level.next_step(source, endpoint.weight)
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
        let part = |id: EndpointId| self.level(id).map_or(Permille::FULL, WeightLevel::share);
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

/// The endpoints that read their weight of each slot.
fn readers(plan: &Plan) -> BTreeMap<SlotId, Vec<EndpointId>> {
    let mut readers: BTreeMap<SlotId, Vec<EndpointId>> = BTreeMap::new();
    for target in &plan.targets {
        let source = &plan.endpoints[target.endpoint.index()].weight_from;
        let Some(source) = source else { continue };
        let slots = target.slots.iter().chain(&target.reported);
        for slot in slots.filter(|slot| plan.slots[slot.index()].monitor == source.monitor) {
            let own = readers.entry(*slot).or_default();
            if !own.contains(&target.endpoint) {
                own.push(target.endpoint);
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

    /// Looks again at the targets of tiers whose weights, or whose members, have changed.
    pub(super) fn settle_weights(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some(tier) = self.weights.changed.pop_first() {
            for endpoint in self.weights.members[tier].clone() {
                for id in self.targets_of(endpoint).to_vec() {
                    self.steps_forget(id);
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
