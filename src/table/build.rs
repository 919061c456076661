//! A generation out of a plan and standings, sharing what did not change.
//!
//! ```text
//! plan --once--> layout --.
//!                         v
//! standings --------> pools (who takes which cohort) --> parts (which pools a class consults)
//! ```
//!
//! A pool is made anew only when a standing of its members changed, a part only when one of its
//! pools did; all else is the previous generation's, by reference. What comes out is the same
//! with and without a previous generation.
use std::sync::Arc;

use crate::base::{Moment, Standing};
use crate::plan::{Plan, Pool};

use super::Table;
use super::layout::{ABSENT, Layout, PartPlace, PoolPlace};
use super::part::Part;
use super::pool::PoolTable;

impl Table {
    /// Builds a generation; what `previous` (of the same plan) has and did not change is shared.
    /// `standings` are by [`crate::base::TargetId`], one for every target of the plan.
    #[must_use]
    pub fn build(
        generation: u64,
        plan: Arc<Plan>,
        standings: Arc<[Standing]>,
        now: Moment,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.filter(|previous| Arc::ptr_eq(&previous.plan, &plan));
        let layout = match previous {
            Some(previous) => Arc::clone(&previous.layout),
            None => Arc::new(Layout::new(&plan)),
        };
        let mut table = Self {
            generation,
            plan,
            standings,
            built_at: now,
            layout,
            pools: Vec::new(),
            parts: Vec::new(),
        };
        table.pools = table.build_pools(previous);
        table.parts = table.build_parts(previous);
        table
    }

    fn build_pools(&self, previous: Option<&Self>) -> Vec<Arc<PoolTable>> {
        let places = self.layout.pools.iter().enumerate();
        let pools = places.map(|(index, &place)| match previous {
            Some(previous) if self.stands_alike(place, previous) => {
                Arc::clone(&previous.pools[index])
            }
            _ => Arc::new(PoolTable::new(&self.plan, place, &self.standings)),
        });
        pools.collect()
    }

    fn build_parts(&self, previous: Option<&Self>) -> Vec<Arc<Part>> {
        let places = self.layout.parts.iter().enumerate();
        let parts = places.map(|(index, place)| match previous {
            Some(previous) if self.shares_pools(place, previous) => {
                Arc::clone(&previous.parts[index])
            }
            _ => Arc::new(Part::new(&self.plan, &self.layout, place, &self.pools)),
        });
        parts.collect()
    }

    /// Whether every member of a pool stands as it did in `previous`.
    fn stands_alike(&self, place: PoolPlace, previous: &Self) -> bool {
        let pool: &Pool = place.pool(&self.plan);
        let mut members = pool.tiers.iter().flat_map(|tier| &tier.members);
        members.all(|member| {
            let target = member.target.index();
            self.standings[target] == previous.standings[target]
        })
    }

    fn shares_pools(&self, place: &PartPlace, previous: &Self) -> bool {
        let mut numbers = place.pools.iter().filter(|&&number| number != ABSENT);
        numbers.all(|&number| {
            let index = number as usize;
            Arc::ptr_eq(&self.pools[index], &previous.pools[index])
        })
    }
}
