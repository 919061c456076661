//! What a cohort of a class gets: a few array reads, nothing kept, nothing allocated.
use std::sync::Arc;

use crate::base::{ClassId, Family, Reason, RegionId, ServiceId};

use super::part::{Part, Preference, Rest, Route, Step, Whole};
use super::pool::{Given, Pick, PoolTable, Wait};
use super::{PoolView, Selection, Stranded, Table};

impl Table {
    /// What a cohort of a class gets; `None` if the service has no endpoint of this family
    /// inside the class's fence (a fact of the config, never of health).
    #[must_use]
    pub fn select(
        &self,
        service: ServiceId,
        family: Family,
        class: ClassId,
        cohort: u16,
    ) -> Option<Selection<'_>> {
        let route = self.part(service, family)?.route(class)?;
        match &route.whole {
            Some(whole) => Some(whole.selection()),
            None => route.ask(&self.pools, cohort),
        }
    }

    /// For which classes of a service nothing is healthy: they get endpoints that are down, or
    /// no address, as the service says ([`crate::plan::AllDown`]). `None` if there are none.
    #[must_use]
    pub fn stranded(&self, service: ServiceId, family: Family) -> Option<Stranded> {
        let part = self.part(service, family).filter(|part| part.strands)?;
        let map = self.plan.services[service.index()].map;
        let classes = &self.plan.maps[map.index()].classes;
        let mut found = Stranded::default();
        for (index, class) in classes.iter().enumerate() {
            let Some(route) = part.route(ClassId::from_index(index)) else {
                continue;
            };
            found.of += 1;
            if route.strands() {
                found.classes += 1;
                let pools = |&region: &RegionId| self.layout.pool_of(service, family, region);
                let mut regions = class.preference.iter().copied();
                found
                    .regions
                    .extend(regions.find(|region| pools(region).is_some()));
            }
        }
        found.regions.sort_unstable();
        found.regions.dedup();
        Some(found)
    }

    /// What the pool of a service in a region gives when it is asked first; `None` if there is
    /// no such pool.
    #[must_use]
    pub fn pool_view(
        &self,
        service: ServiceId,
        family: Family,
        region: RegionId,
    ) -> Option<PoolView> {
        let number = self.layout.pool_of(service, family, region)?;
        let pool = self.layout.pools[number].pool(&self.plan);
        let given = &self.pools[number].by_share;
        let picks = given.picks.iter();
        let tier = picks.clone().map(|pick| pick.tier).min();
        let mut serving: Vec<_> = picks
            .flat_map(|pick| given.endpoints(pick))
            .copied()
            .collect();
        serving.sort_unstable();
        serving.dedup();
        Some(PoolView {
            share_permille: given.spread.taken(),
            tier: tier.map(|tier| pool.tiers[usize::from(tier)].number),
            serving,
        })
    }

    /// Whether every client gets the same from both, for as long: tables of the same plan whose
    /// standings differ only in what no class consults.
    #[must_use]
    pub fn same_choices(&self, other: &Self) -> bool {
        let related = Arc::ptr_eq(&self.layout, &other.layout);
        let mut parts = self.parts.iter().zip(&other.parts);
        related
            && parts.all(|(one, two)| {
                one == two && one.routes.iter().all(|route| self.same_given(route, other))
            })
    }

    /// Whether the pools that a route consults give the same in both.
    fn same_given(&self, route: &Route, other: &Self) -> bool {
        let mut steps = route.steps().map(|step| step.pool as usize);
        let same = steps.all(|pool| {
            let (one, two) = (&self.pools[pool], &other.pools[pool]);
            Arc::ptr_eq(one, two) || one.by_share == two.by_share
        });
        same && match route.rest {
            Rest::Overflow(pool, _) | Rest::FailOpen(pool, _) => {
                let (one, two) = (&self.pools[pool as usize], &other.pools[pool as usize]);
                Arc::ptr_eq(one, two) || one.spare == two.spare
            }
            Rest::Nobody | Rest::AllDown => true,
        }
    }

    pub(super) fn part(&self, service: ServiceId, family: Family) -> Option<&Part> {
        let number = self.layout.part_of.get(service.index())?[family.index()];
        self.parts.get(number as usize).map(|part| &**part)
    }
}

impl Whole {
    fn selection(&self) -> Selection<'_> {
        Selection {
            records: &self.records,
            endpoints: &self.endpoints,
            region: self.region,
            reason: self.reason,
            by_cohort: false,
            hold: self.wait.hold(),
            until: self.wait.until(),
        }
    }
}

impl Route {
    /// What the pools of a table give to a cohort.
    pub(super) fn ask<'t>(
        &self,
        pools: &'t [Arc<PoolTable>],
        cohort: u16,
    ) -> Option<Selection<'t>> {
        let first = self.first.as_ref();
        let first = first.and_then(|step| step.take(pools, cohort));
        first
            .or_else(|| self.later.iter().find_map(|step| step.take(pools, cohort)))
            .or_else(|| self.leave(pools, cohort))
    }

    /// What is left for a cohort that no step takes.
    fn leave<'t>(&self, pools: &'t [Arc<PoolTable>], cohort: u16) -> Option<Selection<'t>> {
        let (pool, region, reason) = match self.rest {
            Rest::Overflow(pool, region) => (pool, region, Reason::Overflow),
            Rest::FailOpen(pool, region) => (pool, region, Reason::FailOpen),
            Rest::AllDown => return Some(nothing(self.wait)),
            Rest::Nobody => return None,
        };
        let given = pools.get(pool as usize)?.spare.as_ref()?;
        let pick = given.pick(cohort)?;
        Some(given.selection(pick, region, reason, self.wait))
    }
}

impl Step {
    #[inline]
    fn take<'t>(&self, pools: &'t [Arc<PoolTable>], cohort: u16) -> Option<Selection<'t>> {
        let given = &pools.get(self.pool as usize)?.by_share;
        let pick = given.pick(cohort)?;
        let reason = match (self.place, pick.tier) {
            (Preference::First, 0) => Reason::Preferred,
            (Preference::First, _) => Reason::Backup,
            (Preference::Later, _) => Reason::Failover,
        };
        let wait = self.before.or(pick.wait);
        Some(given.selection(pick, self.region, reason, wait))
    }
}

impl Given {
    fn selection(
        &self,
        pick: &Pick,
        region: RegionId,
        reason: Reason,
        wait: Wait,
    ) -> Selection<'_> {
        Selection {
            records: self.records(pick),
            endpoints: self.endpoints(pick),
            region: Some(region),
            reason,
            by_cohort: true,
            hold: wait.hold(),
            until: wait.until(),
        }
    }
}

fn nothing(wait: Wait) -> Selection<'static> {
    Selection {
        records: &[],
        endpoints: &[],
        region: None,
        reason: Reason::AllDown,
        by_cohort: true,
        hold: wait.hold(),
        until: wait.until(),
    }
}
