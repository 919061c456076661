//! Who serves what fits nowhere, as the service says ([`Overload`]).
//!
//! Only regions of the preference are asked, so no overload leads outside the fence, and only members
//! whose share lets them take the cohort. What is put on someone here counts as above capacity, whether
//! it would be the first or the last to be too much.
use super::cohorts::Cohorts;
use super::{Assignee, Assignment, Planner};
use crate::plan::{Overload, shared_out};

impl Planner<'_> {
    /// Places what is still nowhere.
    pub(super) fn shed(&mut self) {
        for claim in 0..self.claims.len() {
            let left = self.left(claim);
            if left.is_empty() {
                continue;
            }
            let pools = 0..self.claims[claim].pools.len();
            let left = match self.claims[claim].overload {
                Overload::Stay => left,
                Overload::ShedLast => pools
                    .clone()
                    .rev()
                    .fold(left, |left, pool| self.put_over_capacity(claim, pool, left)),
                Overload::Spread => self.spread_out(claim, left),
            };
            pools.fold(left, |left, pool| self.put_over_capacity(claim, pool, left));
        }
    }

    /// Shares cohorts out among the regions in proportion to what these can carry; says who is
    /// left.
    fn spread_out(&mut self, claim: usize, left: Cohorts) -> Cohorts {
        let pools = 0..self.claims[claim].pools.len();
        let sizes: Vec<u64> = pools.map(|pool| self.size(claim, pool, &left)).collect();
        let quotas = shared_out(left.len().into(), &sizes);
        let quotas = quotas.into_iter().enumerate();
        quotas.fold(left, |left, (pool, quota)| {
            let offer = self.pool_offer(claim, pool);
            let start = self.claims[claim].start;
            let own = left.and(&offer.takes).first(start, quota);
            let rest = self.spread_within(claim, pool, own);
            let rest = self.put_over_capacity(claim, pool, rest);
            left.without(&own.without(&rest))
        })
    }

    /// What the members of a pool that a claim might use can carry together; 0 if it can use
    /// none.
    fn size(&self, claim: usize, pool: usize, left: &Cohorts) -> u64 {
        let offer = self.pool_offer(claim, pool);
        if !offer.takes.meet(left) {
            return 0;
        }
        let members = offer.lone_members.iter();
        let mut capacities = members.map(|own| self.rooms.capacity(own.endpoint[0]));
        let members = capacities.try_fold(0_u64, |sum, own| Some(sum.saturating_add(own?)));
        let region = self.rooms.region_capacity(offer.region);
        let size = members.into_iter().chain(region).min();
        // Where nothing is stated there was room, unless the search for it was cut short.
        size.unwrap_or(1).max(1)
    }

    /// Shares cohorts out among the members of a pool in proportion to what these can carry, if
    /// all of them say it; says who is left.
    fn spread_within(&mut self, claim: usize, pool: usize, cohorts: Cohorts) -> Cohorts {
        let offer = self.pool_offer(claim, pool);
        let members = offer.lone_members.iter();
        let sizes: Option<Vec<u64>> = members
            .map(|own| self.rooms.capacity(own.endpoint[0]))
            .collect();
        let Some(sizes) = sizes else {
            return cohorts;
        };
        let start = self.claims[claim].start;
        let quotas = shared_out(cohorts.len().into(), &sizes);
        let quotas = (0..).zip(&offer.lone_members).zip(quotas);
        let mut left = cohorts;
        for ((number, lone), quota) in quotas {
            let cohorts = left.and(&lone.accepts).first(start, quota);
            left = left.without(&cohorts);
            self.split(claim).put_over_capacity(Assignment {
                pool,
                assignee: Assignee::Lone(number),
                cohorts,
            });
        }
        left
    }

    /// Lets a pool take what it takes by share; says who is left.
    fn put_over_capacity(&mut self, claim: usize, pool: usize, cohorts: Cohorts) -> Cohorts {
        let offer = self.pool_offer(claim, pool);
        for (number, set) in (0..).zip(&offer.sets) {
            self.split(claim).put_over_capacity(Assignment {
                pool,
                assignee: Assignee::Set(number),
                cohorts: cohorts.and(&set.cohorts),
            });
        }
        cohorts.without(&offer.takes)
    }
}

impl super::Split {
    fn put_over_capacity(&mut self, assigned: Assignment) {
        if !assigned.cohorts.is_empty() {
            self.over_capacity.push(assigned);
        }
    }
}
