//! What a client of a class gets: a few array reads, nothing kept, nothing allocated.
use std::sync::Arc;

use crate::base::{ClassId, ClientHash, Family, Reason, RegionId, ServiceId};
use crate::steer::Spread;
use crate::steer::capacity::Placement;
use crate::steer::fleet::SetDrawn;

use super::pool::{Given, Pick, PoolTable, Wait};
use super::service_routes::{
    Preference, Recipient, Rest, Route, RouteAllocation, ServiceRoutes, Step, Whole,
};
use super::{PoolView, Selection, Stranded, Table};

impl Table {
    /// What a client of a class gets, or a cohort, by one client that stands for it; `None` if the service has no
    /// endpoint of this family inside the class's fence (a fact of the config, never of health).
    #[inline]
    #[must_use]
    pub fn select(
        &self,
        service: ServiceId,
        family: Family,
        class: ClassId,
        client: impl Into<ClientHash>,
    ) -> Option<Selection<'_>> {
        let Some(route) = self.routes(service, family)?.route(class) else {
            return self.select_drawn((service, family), class, client.into());
        };
        match &route.whole {
            Some(whole) => Some(whole.selection()),
            None => route.ask(&self.pools, client.into()),
        }
    }

    /// The same for a class without a route: that of clients who draw regions, each of which has a class of its own, or of
    /// those who can be given nothing. It is apart, so that others do not pay for it.
    #[cold]
    #[inline(never)]
    fn select_drawn(
        &self,
        (service, family): (ServiceId, Family),
        class: ClassId,
        client: ClientHash,
    ) -> Option<Selection<'_>> {
        let map = self.plan.services[service.index()].map;
        let lots = self.plan.maps[map.index()].lots_of(class)?;
        let found = self.select(service, family, lots.draw(client), client)?;
        Some(Selection {
            by_cohort: true,
            ..found
        })
    }

    /// The set of a fleet that a client is given by the pool of a service in a region: by share, or of what it gives
    /// to those whom no share takes.
    pub(super) fn set_drawn(
        &self,
        (service, family): (ServiceId, Family),
        region: RegionId,
        (client, reason): (ClientHash, Reason),
    ) -> Option<SetDrawn> {
        let number = self.layout.pool_of(service, family, region)?;
        let pool = &self.pools[number];
        let given = match matches!(reason, Reason::Overflow | Reason::FailOpen) {
            true => pool.spare.as_ref()?,
            false => &pool.by_share,
        };
        match &given.spread {
            Spread::Fleet(fleet) => fleet.set(client),
            Spread::Nobody | Spread::Everyone | Spread::ByCohort(_) => None,
        }
    }

    /// For which classes of a service nothing is healthy: they get endpoints that are down, or
    /// no address, as the service says ([`crate::plan::AllDown`]). `None` if there are none.
    #[must_use]
    pub fn stranded(&self, service: ServiceId, family: Family) -> Option<Stranded> {
        let routes = self
            .routes(service, family)
            .filter(|routes| routes.strands)?;
        let map = self.plan.services[service.index()].map;
        let classes = &self.plan.maps[map.index()].classes;
        let mut found = Stranded::default();
        for (index, class) in classes.iter().enumerate() {
            let Some(route) = routes.route(ClassId::from_index(index)) else {
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
        let tier = given.picks.iter().map(|pick| pick.tier).min();
        let mut serving = given.all_endpoints().to_vec();
        serving.sort_unstable();
        serving.dedup();
        Some(PoolView {
            share_permille: given.spread.taken(),
            tier: tier.map(|tier| pool.tiers[usize::from(tier)].number),
            serving,
        })
    }

    /// Tells whether every client gets the same from both, for as long: tables of the same plan whose
    /// standings differ only in what no class consults.
    #[must_use]
    pub fn same_choices(&self, other: &Self) -> bool {
        if let (Some(own), Some(theirs)) = (&self.regional, &other.regional) {
            let pairs = || own.views.iter().zip(&theirs.views);
            return own.whole.same_choices(&theirs.whole)
                && own.views.len() == theirs.views.len()
                && pairs().all(|(one, two)| one.0.region == two.0.region)
                && pairs().all(|(one, two)| one.1.same_choices(&two.1));
        }
        if self.regional.is_some() || other.regional.is_some() {
            return false;
        }
        let related = Arc::ptr_eq(&self.layout, &other.layout);
        let mut service_routes = self.service_routes.iter().zip(&other.service_routes);
        related
            && service_routes.all(|(one, two)| {
                one == two && one.routes.iter().all(|route| self.same_given(route, other))
            })
    }

    /// Tells whether the pools that a route consults give the same in both.
    fn same_given(&self, route: &Route, other: &Self) -> bool {
        let allocations = route
            .allocations
            .iter()
            .map(|allocation| allocation.pool as usize);
        let mut pools = route
            .steps()
            .map(|step| step.pool as usize)
            .chain(allocations);
        let same = pools.all(|pool| {
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

    #[inline]
    pub(super) fn routes(&self, service: ServiceId, family: Family) -> Option<&ServiceRoutes> {
        let number = self.layout.routes_of.get(service.index())?[family.index()];
        self.service_routes
            .get(number as usize)
            .map(|routes| &**routes)
    }
}

/// A client that asks; its cohort is found once for all steps.
#[derive(Clone, Copy)]
struct AskingClient {
    client: ClientHash,
    cohort: u16,
}

impl Whole {
    #[inline]
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
    /// What the pools of a table give to a client.
    pub(super) fn ask<'t>(
        &'t self,
        pools: &'t [Arc<PoolTable>],
        client: ClientHash,
    ) -> Option<Selection<'t>> {
        let asker = AskingClient {
            client,
            cohort: client.cohort(),
        };
        if !self.allocations.is_empty() {
            return self.ask_allocations(pools, asker);
        }
        let first = self.first.as_ref();
        let first = first.and_then(|step| step.take(pools, asker));
        first
            .or_else(|| self.later.iter().find_map(|step| step.take(pools, asker)))
            .or_else(|| self.leave(pools, asker))
    }

    /// The same where a plan of capacity diverts; apart, so that others do not pay for it.
    #[cold]
    #[inline(never)]
    fn ask_allocations<'t>(
        &'t self,
        pools: &'t [Arc<PoolTable>],
        asker: AskingClient,
    ) -> Option<Selection<'t>> {
        let mut allocations = self.allocations.iter();
        match allocations.find(|allocation| allocation.cohorts.contains(asker.cohort)) {
            Some(allocation) => allocation.take(pools, asker, self.wait),
            None => self.leave(pools, asker),
        }
    }

    /// What is left for a client whose cohort no step takes.
    fn leave<'t>(
        &'t self,
        pools: &'t [Arc<PoolTable>],
        asker: AskingClient,
    ) -> Option<Selection<'t>> {
        let (pool, region, reason) = match self.rest {
            Rest::Overflow(pool, region) => (pool, region, Reason::Overflow),
            Rest::FailOpen(pool, region) => (pool, region, Reason::FailOpen),
            Rest::AllDown => return Some(nothing(self.wait)),
            Rest::Nobody => return None,
        };
        let given = pools.get(pool as usize)?.spare.as_ref()?;
        let pick = given.pick(asker.client, asker.cohort)?;
        Some(given.selection(pick, region, reason, self.wait))
    }
}

impl Step {
    #[inline]
    fn take<'t>(&self, pools: &'t [Arc<PoolTable>], asker: AskingClient) -> Option<Selection<'t>> {
        let given = &pools.get(self.pool as usize)?.by_share;
        let pick = given.pick(asker.client, asker.cohort)?;
        let reason = self.place.reason(pick);
        let wait = self.before.or(pick.wait);
        Some(given.selection(pick, self.region, reason, wait))
    }
}

impl Preference {
    /// Why clients get a pick by share.
    fn reason(self, pick: &Pick) -> Reason {
        match (self, pick.tier) {
            (Self::First, 0) => Reason::Preferred,
            (Self::First, _) => Reason::Backup,
            (Self::Later, _) => Reason::Failover,
        }
    }
}

impl RouteAllocation {
    /// What it gives to one of its cohorts; that lasts as long as all pools do which the class
    /// might use, for each of them may gain or lose room.
    fn take<'t>(
        &'t self,
        pools: &'t [Arc<PoolTable>],
        asker: AskingClient,
        wait: Wait,
    ) -> Option<Selection<'t>> {
        let reason = |natural| match self.placement {
            Placement::Natural => natural,
            Placement::Moved => Reason::Full,
            Placement::Overloaded => Reason::Overloaded,
        };
        match &self.by {
            Recipient::Share => {
                let given = &pools.get(self.pool as usize)?.by_share;
                let pick = given.pick(asker.client, asker.cohort)?;
                let reason = reason(self.place.reason(pick));
                Some(given.selection(pick, self.region, reason, wait))
            }
            Recipient::Alone(endpoint, records) => Some(Selection {
                records,
                endpoints: std::slice::from_ref(endpoint),
                region: Some(self.region),
                // One who is alone is nobody's natural choice; the check would find it.
                reason: reason(Reason::Full),
                by_cohort: true,
                hold: wait.hold(),
                until: wait.until(),
            }),
        }
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
