//! A generation out of a plan and standings, sharing what did not change.
//!
//! ```text
//! plan --once--> layout --.
//!                         v
//! standings --------> pools (who takes which cohort) --> routes (which pools a class consults)
//! ```
//!
//! A pool is made anew only when a standing of its members changed, the routes of a service only when one of their
//! pools did; all else is the previous generation's, by reference. Who takes which cohort is decided
//! anew only where a share changed: the first results after a start change how long everything lasts,
//! and nothing else. What depends on a change is looked up in the layout, so a change of one target
//! costs what hangs on it. What comes out is the same with and without a previous generation.
use std::sync::Arc;

use crate::base::{Moment, Standing};
use crate::dns::zone::Zones;
use crate::plan::{Demands, Plan};

use super::Table;
use super::layout::{Layout, Planning};
use super::load_plan::LoadPlan;
use super::pool::PoolTable;
use super::service_routes::ServiceRoutes;

/// What a table is built from.
#[derive(Clone, Debug)]
pub struct Basis {
    /// What was decided before start.
    pub plan: Arc<Plan>,
    /// By [`crate::base::TargetId`], one for every target of the plan.
    pub standings: Arc<[Standing]>,
    /// How much clients ask for.
    pub demands: Arc<Demands>,
    /// Zones with the plan's services mounted.
    pub zones: Arc<Zones>,
}

impl Table {
    /// Builds a generation; what `previous` (of the same plan) has and did not change is shared.
    /// `standings` are by [`crate::base::TargetId`], one for every target of the plan. Clients ask for
    /// what they asked for when `previous` was built, or for what the plan states; zones are those of
    /// `previous`, or none.
    #[must_use]
    pub fn build(
        generation: u64,
        plan: Arc<Plan>,
        standings: Arc<[Standing]>,
        now: Moment,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.filter(|previous| Arc::ptr_eq(&previous.plan, &plan));
        let demands = match previous {
            Some(previous) => Arc::clone(&previous.demands),
            None => Arc::new(Demands::stated(&plan)),
        };
        let zones = match previous {
            Some(previous) => Arc::clone(&previous.zones),
            None => Arc::default(),
        };
        let basis = Basis {
            plan,
            standings,
            demands,
            zones,
        };
        Self::build_on(generation, basis, now, previous)
    }

    /// Builds a generation for a demand that is not what the plan states.
    #[must_use]
    pub fn build_on(generation: u64, basis: Basis, now: Moment, previous: Option<&Self>) -> Self {
        let previous = previous.map(Self::whole);
        let previous = previous.filter(|previous| Arc::ptr_eq(&previous.plan, &basis.plan));
        let mut table = Self {
            generation,
            standings: basis.standings,
            demands: basis.demands,
            zones: basis.zones,
            built_at: now,
            layout: match previous {
                Some(previous) => Arc::clone(&previous.layout),
                None => Arc::new(Layout::new(&basis.plan)),
            },
            plan: basis.plan,
            pools: previous.map_or_else(Vec::new, |previous| previous.pools.clone()),
            service_routes: previous.map_or_else(Vec::new, |previous| previous.naturals().to_vec()),
            load_plan: None,
            regional: None,
            views: Vec::new(),
        };
        match previous {
            Some(previous) => table.build_changed(&previous.standings),
            None => table.build_all(),
        }
        table.plan_loads(previous);
        table.with_views()
    }

    /// The number of its picks and routes: what its memory and the time of building it grow with.
    #[must_use]
    pub fn entries(&self) -> usize {
        let picks = self.pools.iter().map(|pool| pool.picks());
        let routes = self.service_routes.iter().map(|own| own.routes.len());
        picks.sum::<usize>() + routes.sum::<usize>()
    }

    /// The same table, answering from these zones.
    #[must_use]
    pub fn with_zones(self, zones: Arc<Zones>) -> Self {
        Self { zones, ..self }.with_views()
    }

    /// The routes as they are without a plan of capacity.
    fn naturals(&self) -> &[Arc<ServiceRoutes>] {
        match &self.load_plan {
            Some(load_plan) => load_plan.naturals(),
            None => &self.service_routes,
        }
    }

    /// Diverts those for whom there is no room.
    fn plan_loads(&mut self, previous: Option<&Self>) {
        self.load_plan = LoadPlan::new(self, previous);
        if let Some(load_plan) = &self.load_plan {
            self.service_routes = load_plan.service_routes(self, previous);
        }
    }

    fn build_all(&mut self) {
        let pools = (0..self.layout.pools.len()).map(|number| self.new_pool(number));
        self.pools = pools.collect();
        let service_routes =
            (0..self.layout.service_routes.len()).map(|number| self.new_routes(number));
        self.service_routes = service_routes.collect();
    }

    /// Builds what depends on a standing that is not what it was.
    fn build_changed(&mut self, before: &[Standing]) {
        let layout = Arc::clone(&self.layout);
        let pools_where = |differ: fn(&Standing, &Standing) -> bool| {
            let pairs = self.standings.iter().zip(before).enumerate();
            let changed = pairs.filter(|(_, (now, before))| differ(now, before));
            distinct(changed.flat_map(|(target, _)| layout.pools_of.of(target)))
        };
        let decided =
            pools_where(|now, before| (now.share, now.without) != (before.share, before.without));
        let pools = pools_where(|now, before| !steers_alike(now, before));
        for &number in &pools {
            self.pools[number] = match decided.binary_search(&number) {
                Err(_) if layout.planning == Planning::Idle => self.lasting_pool(number),
                Ok(_) | Err(_) => self.new_pool(number),
            };
        }
        for number in distinct(
            pools
                .iter()
                .flat_map(|&pool| layout.routes_through.of(pool)),
        ) {
            self.service_routes[number] = self.new_routes(number);
        }
    }

    fn new_pool(&self, number: usize) -> Arc<PoolTable> {
        let place = self.layout.pools[number];
        let planning = self.layout.planning;
        Arc::new(PoolTable::new(&self.plan, place, &self.standings, planning))
    }

    fn lasting_pool(&self, number: usize) -> Arc<PoolTable> {
        let place = self.layout.pools[number];
        Arc::new(self.pools[number].lasting(&self.plan, place, &self.standings))
    }

    fn new_routes(&self, number: usize) -> Arc<ServiceRoutes> {
        let place = &self.layout.service_routes[number];
        Arc::new(ServiceRoutes::new(
            &self.plan,
            &self.layout,
            place,
            &self.pools,
        ))
    }
}

/// Tells whether nothing that steering looks at is different: why a share is what it is does not count.
fn steers_alike(one: &Standing, other: &Standing) -> bool {
    (one.share, one.until, one.hold, one.without)
        == (other.share, other.until, other.hold, other.without)
}

fn distinct<'n>(numbers: impl Iterator<Item = &'n u32>) -> Vec<usize> {
    let mut numbers: Vec<usize> = numbers.map(|number| *number as usize).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
