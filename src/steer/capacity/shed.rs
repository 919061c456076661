//! Who serves what fits nowhere, as the service says ([`Overload`]).
//!
//! Only regions of the preference are asked, so no overload leads outside the fence, and only members
//! whose share lets them take the cohort. What is put on someone here counts as above capacity, whether
//! it would be the first or the last to be too much.
use super::cohorts::Cohorts;
use super::{Planner, Seat, Seated};
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
                    .fold(left, |left, pool| self.stand(claim, pool, left)),
                Overload::Spread => self.spread_out(claim, left),
            };
            pools.fold(left, |left, pool| self.stand(claim, pool, left));
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
            let stock = self.stock(claim, pool);
            let start = self.claims[claim].start;
            let own = left.and(&stock.takes).first(start, quota);
            let rest = self.spread_within(claim, pool, own);
            let rest = self.stand(claim, pool, rest);
            left.without(&own.without(&rest))
        })
    }

    /// What the members of a pool that a claim might use can carry together; 0 if it can use
    /// none.
    fn size(&self, claim: usize, pool: usize, left: &Cohorts) -> u64 {
        let stock = self.stock(claim, pool);
        if !stock.takes.meet(left) {
            return 0;
        }
        let members = stock.singles.iter();
        let mut capacities = members.map(|own| self.rooms.capacity(own.endpoint[0]));
        let members = capacities.try_fold(0_u64, |sum, own| Some(sum.saturating_add(own?)));
        let region = self.rooms.region_capacity(stock.region);
        let size = members.into_iter().chain(region).min();
        // Where nothing is stated there was room, unless the search for it was cut short.
        size.unwrap_or(1).max(1)
    }

    /// Shares cohorts out among the members of a pool in proportion to what these can carry, if
    /// all of them say it; says who is left.
    fn spread_within(&mut self, claim: usize, pool: usize, cohorts: Cohorts) -> Cohorts {
        let stock = self.stock(claim, pool);
        let members = stock.singles.iter();
        let sizes: Option<Vec<u64>> = members
            .map(|own| self.rooms.capacity(own.endpoint[0]))
            .collect();
        let Some(sizes) = sizes else {
            return cohorts;
        };
        let start = self.claims[claim].start;
        let quotas = shared_out(cohorts.len().into(), &sizes);
        let quotas = (0..).zip(&stock.singles).zip(quotas);
        let mut left = cohorts;
        for ((number, single), quota) in quotas {
            let cohorts = left.and(&single.accepts).first(start, quota);
            left = left.without(&cohorts);
            self.parted(claim).stand(Seated {
                pool,
                seat: Seat::Single(number),
                cohorts,
            });
        }
        left
    }

    /// Lets a pool take what it takes by share; says who is left.
    fn stand(&mut self, claim: usize, pool: usize, cohorts: Cohorts) -> Cohorts {
        let stock = self.stock(claim, pool);
        for (number, hand) in (0..).zip(&stock.hands) {
            self.parted(claim).stand(Seated {
                pool,
                seat: Seat::Hand(number),
                cohorts: cohorts.and(&hand.cohorts),
            });
        }
        cohorts.without(&stock.takes)
    }
}

impl super::Parted {
    fn stand(&mut self, seated: Seated) {
        if !seated.cohorts.is_empty() {
            self.standing.push(seated);
        }
    }
}
