//! References of a plan turned around: from slots to targets, from targets to pools.
//!
//! Made once per plan, so that a report touches what hangs on its slot and nothing else.
use crate::base::{EndpointId, Family, RegionId, SlotId, TargetId};
use crate::plan::Plan;

/// The plan's references, turned around.
#[derive(Debug)]
pub(super) struct Index {
    slots: Vec<SlotTargets>,
    roles: Vec<SlotRole>,
    targets_of: Vec<Vec<TargetId>>,
    /// Pools by number, each with its targets.
    pools: Vec<Vec<TargetId>>,
    pools_of: Vec<Vec<usize>>,
}

/// The targets that a slot concerns.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotTargets {
    /// It must be up for these.
    pub(super) watched: Vec<TargetId>,
    /// It is part of the gate of these.
    pub(super) gated: Vec<TargetId>,
}

/// The object of a slot's probes: what they say something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotRole {
    /// This node's own network.
    Canary,
    /// A target of this region.
    Watch(RegionId),
    /// Targets that need not all of their monitors to pass, and no other.
    Combined,
    /// A target's return, or nothing that decides.
    Aside,
}

impl Index {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut slots = vec![SlotTargets::default(); plan.slots.len()];
        for (id, target) in (0..).map(TargetId).zip(&plan.targets) {
            for slot in &target.slots {
                slots[slot.index()].watched.push(id);
            }
            for slot in &target.gate {
                slots[slot.index()].gated.push(id);
            }
        }
        let mut targets_of = vec![Vec::new(); plan.endpoints.len()];
        for (id, target) in (0..).map(TargetId).zip(&plan.targets) {
            targets_of[target.endpoint.index()].push(id);
        }
        let pools = pools(plan);
        let mut pools_of = vec![Vec::new(); plan.targets.len()];
        for (number, pool) in pools.iter().enumerate() {
            for target in pool {
                pools_of[target.index()].push(number);
            }
        }
        Self {
            roles: roles(plan, &slots),
            slots,
            targets_of,
            pools,
            pools_of,
        }
    }

    /// The targets that a slot concerns.
    pub(super) fn concerned(&self, slot: SlotId) -> &SlotTargets {
        &self.slots[slot.index()]
    }

    /// The object of a slot's probes: what they say something about.
    pub(super) fn role(&self, slot: SlotId) -> SlotRole {
        self.roles[slot.index()]
    }

    /// The targets of an endpoint.
    pub(super) fn targets_of(&self, endpoint: EndpointId) -> &[TargetId] {
        &self.targets_of[endpoint.index()]
    }

    /// The targets of each pool that a target serves in.
    pub(super) fn pools_of(&self, target: TargetId) -> impl Iterator<Item = &[TargetId]> {
        let numbers = self.pools_of[target.index()].iter();
        numbers.map(|number| self.pools[*number].as_slice())
    }
}

impl SlotTargets {
    /// Both kinds; a target that is of both comes once.
    pub(super) fn all(&self) -> Vec<TargetId> {
        let mut all = [self.watched.as_slice(), &self.gated].concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn roles(plan: &Plan, slots: &[SlotTargets]) -> Vec<SlotRole> {
    let mut roles = vec![SlotRole::Aside; slots.len()];
    for (role, concerned) in roles.iter_mut().zip(slots) {
        let mut targets = concerned.watched.iter().map(|id| &plan.targets[id.index()]);
        if let Some(plain) = targets.clone().find(|one| one.combination.is_none()) {
            *role = SlotRole::Watch(plan.endpoints[plain.endpoint.index()].region);
        } else if targets.next().is_some() {
            *role = SlotRole::Combined;
        }
    }
    for slot in &plan.canaries {
        roles[slot.index()] = SlotRole::Canary;
    }
    roles
}

fn pools(plan: &Plan) -> Vec<Vec<TargetId>> {
    let mut pools = Vec::new();
    for steered in &plan.services {
        for family in Family::ALL {
            for pool in &steered.pools[family.index()] {
                let members = pool.tiers.iter().flat_map(|tier| &tier.members);
                let targets: Vec<TargetId> = members.map(|member| member.target).collect();
                if !targets.is_empty() {
                    pools.push(targets);
                }
            }
        }
    }
    pools
}
