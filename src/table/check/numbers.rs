//! The check of what the layout has numbered: things of one number are alike.
//!
//! It follows from the plan alone, so it is made once for the tables of one layout.
use std::sync::Arc;

use crate::base::{Family, RegionId, ServiceId};
use crate::plan::{AllDown, Demand, Overload, Pool, Service, Tier};

use super::{Breach, Check, CheckError, Subject};

impl<'t> Check<'t> {
    /// Checks that what services share they may share.
    pub(super) fn check_numbers(&self) -> Result<(), CheckError> {
        for index in 0..self.table.plan.services.len() {
            for family in Family::ALL {
                let own = self.subject(ServiceId::from_index(index), family);
                self.check_sharing(own)
                    .map_err(|breach| own.error("layout".to_owned(), breach))?;
            }
        }
        Ok(())
    }

    fn check_sharing(&self, own: Subject<'t>) -> Result<(), Breach> {
        for index in 0..self.table.plan.regions.len() {
            self.check_pool_number(own, RegionId::from_index(index))?;
        }
        let layout = &self.table.layout;
        let number = layout.routes_of[own.id.index()][own.family.index()];
        let place = &layout.service_routes[number as usize];
        let twin = self.subject(place.service, place.family);
        let opens = |own: Subject<'_>| own.service.all_down == AllDown::FailOpen;
        let stands_for_it = layout.routes_of[twin.id.index()][twin.family.index()] == number;
        let alike = twin.service.map == own.service.map
            && opens(twin) == opens(own)
            && planned(twin.service) == planned(own.service);
        if stands_for_it && alike {
            Ok(())
        } else {
            Err(Breach::Foreign(twin.service.name.clone()))
        }
    }

    /// Checks that the pool in a region has the number of an equal one.
    fn check_pool_number(&self, own: Subject<'t>, region: RegionId) -> Result<(), Breach> {
        let number = self.table.layout.pool_of(own.id, own.family, region);
        let (number, pool) = match (number, own.pool(region)) {
            (Some(number), Some(pool)) => (number, pool),
            (None, None) => return Ok(()),
            (Some(_), None) => return Err(Breach::Foreign(self.region_name(region))),
            (None, Some(_)) => return Err(Breach::Empty),
        };
        let place = self.table.layout.pools[number];
        let twin = self.subject(place.service, place.family);
        let alike = (place.family, place.region) == (own.family, region)
            && twin.service.answers == own.service.answers
            && twin
                .pool(region)
                .is_some_and(|other| same_members(other, pool));
        if alike {
            Ok(())
        } else {
            Err(Breach::Foreign(self.region_name(region)))
        }
    }
}

/// How a service's demand is planned, if it is.
fn planned(service: &Service) -> Option<Overload> {
    (service.demand != Demand::Unstated).then_some(service.overload)
}

fn same_members(one: &Pool, other: &Pool) -> bool {
    let mut tiers = one.tiers.iter().zip(&other.tiers);
    one.tiers.len() == other.tiers.len()
        && tiers.all(|(one, other)| one.members == other.members && is_dealt_alike(one, other))
}

fn is_dealt_alike(one: &Tier, other: &Tier) -> bool {
    match (&one.fleet, &other.fleet) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => Arc::ptr_eq(&one.cohort_order, &other.cohort_order),
        (Some(_), None) | (None, Some(_)) => false,
    }
}
