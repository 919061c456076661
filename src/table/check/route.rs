//! The check of one route: where its cohorts are led, and that none is left over.
use crate::base::limits::COHORTS;
use crate::base::{ClassId, Permille, Reason, RegionId};
use crate::steer::{Extent, Spread};
use crate::table::Selection;
use crate::table::pool::PoolTable;
use crate::table::service_routes::{Preference, Rest, Route, Whole};

use super::{Breach, Check, CheckError, Given, Subject};

/// Some of the cohorts.
#[derive(Clone, Copy)]
struct Cohorts([u64; WORDS]);

const WORDS: usize = COHORTS.div_ceil(64) as usize;

impl Check<'_> {
    /// Tells whether a route leads as one that was checked, and so do its pools. How long that lasts is
    /// nothing that is checked.
    pub(super) fn leads_alike(&self, before: &Route, route: &Route) -> bool {
        let steps = route.steps().map(|step| step.pool);
        let rest = match route.rest {
            Rest::Overflow(pool, _) | Rest::FailOpen(pool, _) => Some(pool),
            Rest::Nobody | Rest::AllDown => None,
        };
        before.diverts_as(route) && steps.chain(rest).all(|pool| self.shared[pool as usize])
    }

    /// Checks what a route gives, through one of the classes that have it.
    pub(super) fn check_route(
        &self,
        own: Subject<'_>,
        class: ClassId,
        route: &Route,
    ) -> Result<Vec<Given>, CheckError> {
        let failed = |breach| own.error(format!("class {}", class.0), breach);
        let asked = match &route.whole {
            Some(whole) => {
                self.check_whole(own, whole).map_err(failed)?;
                vec![0]
            }
            None => self.led(own, route).map_err(failed)?,
        };
        let gives = asked.into_iter().map(|cohort| {
            let place = || format!("class {}, cohort {cohort}", class.0);
            let failed = |breach| own.error(place(), breach);
            let found = self.table.select(own.id, own.family, class, cohort);
            let found = found.ok_or_else(|| failed(Breach::Empty))?;
            self.check_selection(own, found).map_err(failed)?;
            Ok(Given {
                region: found.region,
                reason: found.reason,
            })
        });
        gives.collect()
    }

    /// One cohort for each pool that the route leads some to.
    fn led(&self, own: Subject<'_>, route: &Route) -> Result<Vec<u16>, Breach> {
        let mut left = Cohorts::ALL;
        let mut asked = Vec::new();
        for step in route.steps() {
            let pool = self.own_pool(own, step.region, step.pool)?;
            let after = match pool.state.extent {
                Extent::Everyone => Cohorts::NONE,
                Extent::Some => left.not_in(&pool.by_share.spread),
                Extent::Nobody => left,
            };
            asked.extend(left.first_not_in(after));
            left = after;
        }
        // Spare picks are for every cohort, so any of those that are left stands for all.
        if let Some(cohort) = left.first_not_in(Cohorts::NONE) {
            if let Rest::Overflow(pool, region) | Rest::FailOpen(pool, region) = route.rest {
                self.own_pool(own, region, pool)?;
            }
            asked.push(cohort);
        }
        Ok(asked)
    }

    /// Checks that what all cohorts are said to get is what all of them get.
    fn check_whole(&self, own: Subject<'_>, whole: &Whole) -> Result<(), Breach> {
        let Some(region) = whole.region else {
            return Ok(());
        };
        let number = self.table.layout.pool_of(own.id, own.family, region);
        let pool = number.and_then(|number| self.table.pools.get(number));
        let pool = pool.ok_or_else(|| Breach::Foreign(self.region_name(region)))?;
        let given = if takes_the_rest(whole.reason) {
            pool.spare.as_ref()
        } else {
            Some(&pool.by_share)
        };
        let given = given.ok_or(Breach::Empty)?;
        match (&given.spread, given.picks.first()) {
            (Spread::Everyone, Some(pick)) if *given.endpoints(pick) == *whole.endpoints => Ok(()),
            (Spread::Everyone, Some(pick)) => Err(self.foreign(given.endpoints(pick))),
            _ => Err(Breach::Scope),
        }
    }

    /// The pool of a number, if it is that of the subject in a region.
    pub(super) fn own_pool(
        &self,
        own: Subject<'_>,
        region: RegionId,
        number: u32,
    ) -> Result<&PoolTable, Breach> {
        let right = self.table.layout.pool_of(own.id, own.family, region);
        let pool = right.filter(|right| *right == number as usize);
        let pool = pool.and_then(|number| self.table.pools.get(number));
        pool.map(|pool| &**pool)
            .ok_or_else(|| Breach::Foreign(self.region_name(region)))
    }

    /// Checks that endpoints and addresses are what the config says, alive, and of the best tier.
    pub(super) fn check_selection(
        &self,
        own: Subject<'_>,
        found: Selection<'_>,
    ) -> Result<(), Breach> {
        if found.reason == Reason::AllDown {
            let empty = found.records.is_empty() && found.endpoints.is_empty();
            return if empty {
                Ok(())
            } else {
                Err(Breach::Addresses)
            };
        }
        let pool = found.region.and_then(|region| own.pool(region));
        let pool = pool.ok_or_else(|| self.foreign(found.endpoints))?;
        let tier = self.check_together(own, pool, found.endpoints, found.records)?;
        let by_room = matches!(found.reason, Reason::Full | Reason::Overloaded);
        // How many go past a tier that is well was counted with the pool.
        let by_trickle = pool.trickle > Permille::NONE;
        if !takes_the_rest(found.reason) && !by_room && !by_trickle {
            self.check_passed(pool, tier)?;
        }
        if found.reason == Reason::FailOpen {
            return Ok(());
        }
        self.check_alive(&pool.tiers[tier], found.endpoints)
    }
}

/// What a route that was checked says that it gives.
pub(super) fn known_to_give(route: &Route) -> Vec<Given> {
    if let Some(whole) = &route.whole {
        return vec![Given {
            region: whole.region,
            reason: whole.reason,
        }];
    }
    let steps = route.steps().map(|step| Given {
        region: Some(step.region),
        reason: match step.place {
            Preference::First => Reason::Preferred,
            Preference::Later => Reason::Failover,
        },
    });
    let rest = match route.rest {
        Rest::Nobody => None,
        Rest::Overflow(_, region) => Some((Some(region), Reason::Overflow)),
        Rest::FailOpen(_, region) => Some((Some(region), Reason::FailOpen)),
        Rest::AllDown => Some((None, Reason::AllDown)),
    };
    let rest = rest.map(|(region, reason)| Given { region, reason });
    steps.chain(rest).collect()
}

/// Tells whether a reason is that no share takes the client.
fn takes_the_rest(reason: Reason) -> bool {
    matches!(reason, Reason::Overflow | Reason::FailOpen)
}

impl Cohorts {
    const NONE: Self = Self([0; WORDS]);
    const ALL: Self = {
        let mut words = [u64::MAX; WORDS];
        words[WORDS - 1] >>= WORDS * 64 - COHORTS as usize;
        Self(words)
    };

    /// Those whom a spread leaves.
    fn not_in(self, spread: &Spread) -> Self {
        let mut left = self;
        for cohort in (0..COHORTS).filter(|cohort| spread.source(*cohort).is_some()) {
            left.0[usize::from(cohort / 64)] &= !(1 << (cohort % 64));
        }
        left
    }

    /// The first that is not among others.
    fn first_not_in(self, others: Self) -> Option<u16> {
        let words = self.0.iter().zip(others.0);
        let mut words = (0..).zip(words.map(|(own, other)| own & !other));
        let (place, word): (u32, u64) = words.find(|(_, word)| *word != 0)?;
        u16::try_from(place * 64 + word.trailing_zeros()).ok()
    }
}
