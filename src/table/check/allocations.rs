//! The check of classes that capacity diverts: each cohort once, nobody past its share or the
//! fence, and reasons that are true.
//!
//! Whom a pool takes is read off what it gives, which was checked; whom a member may take alone is
//! read off its cohort order and its share. Whether there is room is the matter of [`super::loads`].
use std::cell::OnceCell;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, EndpointId, Reason};
use crate::plan::{Class, FamilyPairing, Overload, Pool};
use crate::steer::capacity::Placement;
use crate::steer::capacity::cohorts::Cohorts;
use crate::steer::{CohortSource, Spread};
use crate::table::Table;
use crate::table::pool::PoolTable;
use crate::table::service_routes::{Preference, Recipient, Route, RouteAllocation};

use super::{Breach, Check, Given, Largest, Subject};

/// Whom a pool takes by share.
#[derive(Debug)]
pub(super) struct Takes {
    /// By pick, those who get it for sure.
    pub(super) by_pick: Vec<Cohorts>,
    /// Those to whom a fleet gives what they draw.
    pub(super) drawn: Cohorts,
    pub(super) all: Cohorts,
}

/// What each pool takes, found when it is first asked for; nothing where no capacity is planned.
#[derive(Debug)]
pub(super) struct AllTakes(Vec<OnceCell<Takes>>);

impl AllTakes {
    pub(super) fn new(table: &Table) -> Self {
        let mut services = table.plan.services.iter();
        let is_pair = services.any(|own| own.steering.families == FamilyPairing::Together);
        let count = match (&table.load_plan, is_pair) {
            (Some(_), _) | (None, true) => table.pools.len(),
            (None, false) => 0,
        };
        Self(std::iter::repeat_with(OnceCell::new).take(count).collect())
    }

    pub(super) fn of(&self, table: &Table, pool: usize) -> &Takes {
        self.0[pool].get_or_init(|| Takes::new(&table.pools[pool]))
    }
}

impl Takes {
    fn new(pool: &PoolTable) -> Self {
        let mut by_pick = vec![Cohorts::NONE; pool.by_share.picks.len()];
        let mut drawn = Cohorts::NONE;
        match &pool.by_share.spread {
            Spread::Nobody => {}
            Spread::Everyone => by_pick[0] = Cohorts::ALL,
            spread @ (Spread::ByCohort(_) | Spread::Fleet(_)) => {
                for cohort in 0..COHORTS {
                    match spread.source(cohort) {
                        Some(CohortSource::Pick(pick)) => by_pick[pick].insert(cohort),
                        Some(CohortSource::Fleet) => drawn.insert(cohort),
                        None => {}
                    }
                }
            }
        }
        let all = by_pick.iter().fold(drawn, |all, own| all.or(own));
        Self {
            by_pick,
            drawn,
            all,
        }
    }
}

impl Check<'_> {
    /// Checks a class that is diverted; apart from the loop over all classes, which is hot.
    #[inline(never)]
    pub(super) fn check_allocations(
        &self,
        own: Subject<'_>,
        (id, class): (ClassId, &Class),
        route: &Route,
        largest: &Largest,
    ) -> Result<(), Breach> {
        if self.table.load_plan.is_none() {
            return Err(Breach::Reason(Reason::Full));
        }
        let mut seen = Cohorts::NONE;
        for allocation in &route.allocations {
            self.check_lot(own, class, allocation)?;
            if seen.meet(&allocation.cohorts) {
                return Err(Breach::Scope);
            }
            seen = seen.or(&allocation.cohorts);
        }
        let pools = self.pools_of(own, class);
        let takers = pools.iter();
        let takers = takers.fold(Cohorts::NONE, |all, pool| all.or(&self.takes(*pool).all));
        if seen != takers {
            return Err(Breach::Empty);
        }
        if let Some(whole) = &route.whole {
            self.check_same_for_all(whole.endpoints.as_ref(), route)?;
        }
        let left = Cohorts::ALL.without(&seen).iter().next();
        let asked = route
            .allocations
            .iter()
            .filter_map(|allocation| allocation.cohorts.iter().next());
        for cohort in asked.chain(left) {
            let found = self.table.select(own.id, own.family, id, cohort);
            let found = found.ok_or(Breach::Empty)?;
            self.check_selection(own, found)?;
            if !seen.contains(cohort) {
                let (region, reason) = (found.region, found.reason);
                self.check_class(own, largest, class, Given { region, reason })?;
            }
        }
        Ok(())
    }

    /// Checks that what all cohorts are said to get is what the one allocation of a route gives.
    fn check_same_for_all(&self, said: &[EndpointId], route: &Route) -> Result<(), Breach> {
        let [allocation] = &*route.allocations else {
            return Err(Breach::Scope);
        };
        let by_share = &self.table.pools[allocation.pool as usize].by_share;
        let same = match (&allocation.by, &by_share.spread) {
            (Recipient::Alone(endpoint, _), _) => said == [*endpoint],
            (Recipient::Share, Spread::Everyone) => by_share
                .picks
                .first()
                .is_some_and(|pick| by_share.endpoints(pick) == said),
            (Recipient::Share, Spread::Nobody | Spread::ByCohort(_) | Spread::Fleet(_)) => false,
        };
        match same && allocation.cohorts == Cohorts::ALL {
            true => Ok(()),
            false => Err(Breach::Scope),
        }
    }

    fn check_lot(
        &self,
        own: Subject<'_>,
        class: &Class,
        allocation: &RouteAllocation,
    ) -> Result<(), Breach> {
        self.check_fence(class, allocation.region)?;
        let pool = self.own_pool(own, allocation.region, allocation.pool)?;
        let pools = self.pools_of(own, class);
        let place = pools
            .iter()
            .position(|number| *number == allocation.pool as usize);
        let place = place.ok_or_else(|| Breach::Foreign(self.region_name(allocation.region)))?;
        let first = matches!(allocation.place, Preference::First);
        if first != (place == 0) {
            return Err(Breach::Reason(Reason::Preferred));
        }
        let before = pools[..place].iter();
        let before = before.fold(Cohorts::NONE, |all, pool| all.or(&self.takes(*pool).all));
        let by_share = match &allocation.by {
            Recipient::Share => self.takes(allocation.pool as usize).all,
            Recipient::Alone(endpoint, records) => {
                let plan = own.pool(allocation.region).ok_or(Breach::Empty)?;
                let together = [*endpoint];
                self.check_together(own, plan, &together, records)?;
                self.check_alone(plan, *endpoint, &allocation.cohorts)?;
                self.given_alone(allocation.pool as usize, pool, *endpoint)
            }
        };
        if matches!(allocation.by, Recipient::Share)
            && !allocation.cohorts.without(&by_share).is_empty()
        {
            return Err(Breach::Empty);
        }
        // Without a capacity they would get what the first pool gives that takes them.
        let natural = by_share.without(&before);
        let right = match allocation.placement {
            Placement::Natural => allocation.cohorts.without(&natural).is_empty(),
            Placement::Moved => !allocation.cohorts.meet(&natural),
            Placement::Overloaded => self.is_shed_right(own, (&pools, place), allocation, &natural),
        };
        match right {
            true => Ok(()),
            false => Err(Breach::Reason(reason(allocation.placement))),
        }
    }

    /// Tells whether those who fit nowhere are where the service wants them.
    fn is_shed_right(
        &self,
        own: Subject<'_>,
        (pools, place): (&[usize], usize),
        allocation: &RouteAllocation,
        natural: &Cohorts,
    ) -> bool {
        match own.service.overload {
            Overload::Stay => allocation.cohorts.without(natural).is_empty(),
            Overload::ShedLast => {
                let mut later = pools[place + 1..].iter();
                later.all(|pool| !self.takes(*pool).all.meet(&allocation.cohorts))
            }
            Overload::Spread => true,
        }
    }

    /// Checks that an endpoint takes only cohorts that its share lets it.
    fn check_alone(
        &self,
        pool: &Pool,
        endpoint: EndpointId,
        cohorts: &Cohorts,
    ) -> Result<(), Breach> {
        match cohorts.without(&self.accepts(pool, endpoint)).is_empty() {
            true => Ok(()),
            false => Err(Breach::Beyond(self.endpoint_name(endpoint))),
        }
    }

    /// The cohorts that the share of an endpoint of a pool lets it take.
    pub(super) fn accepts(&self, pool: &Pool, endpoint: EndpointId) -> Cohorts {
        let members = pool.tiers.iter().flat_map(|tier| {
            let members = (0..).zip(&tier.members);
            members.map(move |(number, member)| (tier, number, member))
        });
        let mut same = members.filter(|(_, _, member)| member.endpoint == endpoint);
        let Some((tier, number, member)) = same.next() else {
            return Cohorts::NONE;
        };
        if let Some(fleet) = &tier.fleet {
            // Of a fleet nobody is led to one alone; but where it has room, so have its cohorts.
            let mut accepts = Cohorts::NONE;
            let share = self.share(member).0;
            for cohort in (0..COHORTS).filter(|cohort| fleet.rank(*cohort) < share) {
                accepts.insert(cohort);
            }
            return accepts;
        }
        let share = self.share(member).0;
        match share {
            0 => return Cohorts::NONE,
            COHORTS.. => return Cohorts::ALL,
            _ => {}
        }
        let mut accepts = Cohorts::NONE;
        for cohort in 0..COHORTS {
            let choices = tier.cohort_order.choices(cohort).iter();
            let mut own = choices.filter(|choice| choice.member() == number);
            if own.any(|choice| choice.rank() < share) {
                accepts.insert(cohort);
            }
        }
        accepts
    }

    /// The cohorts that a pool gives to one endpoint alone.
    fn given_alone(&self, number: usize, pool: &PoolTable, endpoint: EndpointId) -> Cohorts {
        let picks = pool.by_share.picks.iter();
        let picks = picks.zip(&self.takes(number).by_pick);
        let alone = picks.filter(|(pick, _)| pool.by_share.endpoints(pick) == [endpoint]);
        alone.fold(Cohorts::NONE, |all, (_, own)| all.or(own))
    }

    /// The numbers of the pools of a class, in the order of its preference.
    pub(super) fn pools_of(&self, own: Subject<'_>, class: &Class) -> Vec<usize> {
        let regions = class.preference.iter();
        let layout = &self.table.layout;
        regions
            .filter_map(|&region| layout.pool_of(own.id, own.family, region))
            .collect()
    }

    pub(super) fn takes(&self, pool: usize) -> &Takes {
        self.takes.of(self.table, pool)
    }
}

fn reason(placement: Placement) -> Reason {
    match placement {
        Placement::Natural => Reason::Preferred,
        Placement::Moved => Reason::Full,
        Placement::Overloaded => Reason::Overloaded,
    }
}
