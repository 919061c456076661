//! What a cohort of a class gets: a few array reads, nothing kept, nothing allocated.
use std::sync::Arc;

use crate::base::{ClassId, Family, Reason, RegionId, ServiceId};

use super::part::{Part, Preference, Rest, Route, Step};
use super::pool::{Given, Pick, Wait};
use super::{PoolView, Selection, Stranded, Table};

/// What is found of a selection besides the pick itself.
struct Found {
    region: RegionId,
    reason: Reason,
    by_cohort: bool,
    wait: Wait,
}

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
        let lists = self.layout.lists_of(&self.plan, service);
        let route = self.part(service, family)?.route(lists.of(class)?)?;
        let steps = route.steps.iter();
        let mut taken = steps.filter_map(|step| self.take(route, *step, cohort));
        taken.next().or_else(|| self.leave(route, cohort))
    }

    /// For which classes of a service nothing is healthy: they get endpoints that are down, or
    /// no address, as the service says ([`crate::plan::AllDown`]). `None` if there are none.
    #[must_use]
    pub fn stranded(&self, service: ServiceId, family: Family) -> Option<Stranded> {
        let part = self.part(service, family).filter(|part| part.strands)?;
        let lists = self.layout.lists_of(&self.plan, service);
        let mut found = Stranded::default();
        for &list in &lists.of_class {
            let list = usize::from(list);
            let Some(route) = part.route(list) else {
                continue;
            };
            found.of += 1;
            if route.strands() {
                found.classes += 1;
                let pools = |&region: &RegionId| self.layout.pool_of(service, family, region);
                let mut regions = lists.lists[list].iter().copied();
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
        let mut steps = route.steps.iter().map(|step| step.pool as usize);
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

    fn take(&self, route: &Route, step: Step, cohort: u16) -> Option<Selection<'_>> {
        let given = &self.pools.get(step.pool as usize)?.by_share;
        let pick = given.pick(cohort)?;
        let found = Found {
            region: step.region,
            reason: match (step.place, pick.tier) {
                (Preference::First, 0) => Reason::Preferred,
                (Preference::First, _) => Reason::Backup,
                (Preference::Later, _) => Reason::Failover,
            },
            by_cohort: route.by_cohort,
            wait: step.before.or(pick.wait),
        };
        Some(found.with(given, pick))
    }

    /// What is left for a cohort that no step takes.
    fn leave(&self, route: &Route, cohort: u16) -> Option<Selection<'_>> {
        let (pool, region, reason) = match route.rest {
            Rest::Overflow(pool, region) => (pool, region, Reason::Overflow),
            Rest::FailOpen(pool, region) => (pool, region, Reason::FailOpen),
            Rest::AllDown => return Some(nothing(route)),
            Rest::Nobody => return None,
        };
        let given = self.pools.get(pool as usize)?.spare.as_ref()?;
        let found = Found {
            region,
            reason,
            by_cohort: route.by_cohort,
            wait: route.wait,
        };
        Some(found.with(given, given.pick(cohort)?))
    }
}

impl Found {
    fn with<'t>(&self, given: &'t Given, pick: &Pick) -> Selection<'t> {
        Selection {
            records: given.records(pick),
            endpoints: given.endpoints(pick),
            region: Some(self.region),
            reason: self.reason,
            by_cohort: self.by_cohort,
            hold: self.wait.hold,
            until: self.wait.until,
        }
    }
}

fn nothing(route: &Route) -> Selection<'static> {
    Selection {
        records: &[],
        endpoints: &[],
        region: None,
        reason: Reason::AllDown,
        by_cohort: route.by_cohort,
        hold: route.wait.hold,
        until: route.wait.until,
    }
}
