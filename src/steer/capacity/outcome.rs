//! Result of a finished plan: the claims that get something else than without it, in allocations.
use super::cohorts::Cohorts;
use super::{
    Allocation, Assignee, Assignment, CapacityPlan, ClaimPlan, ClaimState, Placement, Planner,
    Selector, together,
};

impl Planner<'_> {
    pub(super) fn capacity_plan(&self) -> CapacityPlan {
        let mut loads = self.rooms.loads.clone();
        let mut claim_plans = Vec::new();
        for claim in 0..self.claims.len() {
            if let ClaimState::Unassigned | ClaimState::Whole(_) = self.states[claim] {
                continue;
            }
            let allocations = self.allocations(claim);
            let mut overloaded = 0;
            if let ClaimState::Split(split) = &self.states[claim] {
                for own in &split.over_capacity {
                    let offer = self.pool_offer(claim, own.pool);
                    let (demand, count) = (self.claims[claim].demand, own.cohorts.len().into());
                    loads.put(offer.region, together(offer, own.assignee), demand, count);
                    overloaded += demand * count;
                }
            }
            if allocations
                .iter()
                .any(|allocation| allocation.placement != Placement::Natural)
            {
                claim_plans.push(ClaimPlan {
                    claim,
                    allocations,
                    overloaded,
                });
            }
        }
        CapacityPlan { claim_plans, loads }
    }

    /// The cohorts of a claim by where they go, those of one pool and placement together.
    fn allocations(&self, claim: usize) -> Vec<Allocation> {
        let (assignments, over_capacity) = match &self.states[claim] {
            ClaimState::Unassigned => return Vec::new(),
            ClaimState::Whole(_) => (self.assignments_of_whole(claim), &[][..]),
            ClaimState::Split(split) => (split.assignments.clone(), &split.over_capacity[..]),
        };
        let mut allocations = Vec::new();
        for own in &assignments {
            let natural = self.natural(claim, own);
            let moved = own.cohorts.without(&natural);
            self.add_allocations(claim, (own, natural, Placement::Natural), &mut allocations);
            self.add_allocations(claim, (own, moved, Placement::Moved), &mut allocations);
        }
        for own in over_capacity {
            self.add_allocations(
                claim,
                (own, own.cohorts, Placement::Overloaded),
                &mut allocations,
            );
        }
        allocations
            .sort_by_key(|allocation| (allocation.pool, allocation.placement, allocation.by));
        allocations
    }

    fn add_allocations(
        &self,
        claim: usize,
        (own, cohorts, placement): (&Assignment, Cohorts, Placement),
        allocations: &mut Vec<Allocation>,
    ) {
        let offer = self.pool_offer(claim, own.pool);
        let sets = offer.sets.iter();
        let same = sets.filter(|set| set.endpoints == together(offer, own.assignee));
        let by_share = same.fold(Cohorts::NONE, |all, set| all.or(&set.cohorts));
        let mut add = |by, cohorts: Cohorts| {
            let (pool, key) = (own.pool, (own.pool, placement, by));
            let known = allocations.iter_mut();
            let mut known = known
                .filter(|allocation| (allocation.pool, allocation.placement, allocation.by) == key);
            match known.next() {
                _ if cohorts.is_empty() => {}
                Some(allocation) => allocation.cohorts = allocation.cohorts.or(&cohorts),
                None => allocations.push(Allocation {
                    pool,
                    by,
                    placement,
                    cohorts,
                }),
            }
        };
        add(Selector::Share, cohorts.and(&by_share));
        if let Assignee::Lone(lone) = own.assignee {
            let lone = &offer.lone_members[usize::from(lone)];
            let (tier, member) = (lone.tier, lone.member);
            add(
                Selector::Member { tier, member },
                cohorts.without(&by_share),
            );
        }
    }
}
