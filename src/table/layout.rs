//! What of a table follows from the plan alone: made once per plan, shared by its generations.
//!
//! Things that are equal are given one number here, so that they are decided once and kept
//! once: services with the same map, pools and wishes are one *part*, pools with the same
//! members, rings and number of answers are one *pool*, classes with the same preference are one
//! *list*. Lists are sorted, so that those with equal routes are neighbours.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{ClassId, EndpointId, Family, RegionId, ServiceId, TargetId};
use crate::plan::{AllDown, Map, Plan, Pool, Service};

/// Marks what is absent in dense lists of numbers.
pub(super) const ABSENT: u32 = u32::MAX;

/// What of a table follows from the plan alone.
#[derive(Debug)]
pub(super) struct Layout {
    /// The distinct pools.
    pub(super) pools: Vec<PoolPlace>,
    /// The distinct parts.
    pub(super) parts: Vec<PartPlace>,
    /// Part by service and family.
    pub(super) part_of: Vec<[u32; 2]>,
    /// Preference lists by map.
    pub(super) lists: Vec<Lists>,
}

/// Where a distinct pool stands in the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolPlace {
    /// One of the services that have it.
    pub(super) service: ServiceId,
    /// Its family.
    pub(super) family: Family,
    /// Its region.
    pub(super) region: RegionId,
}

/// Services of one family that are steered alike.
#[derive(Debug)]
pub(super) struct PartPlace {
    /// One of the services.
    pub(super) service: ServiceId,
    /// Pool by region, [`ABSENT`] where there is none.
    pub(super) pools: Box<[u32]>,
}

/// The distinct preferences of one map.
#[derive(Debug)]
pub(super) struct Lists {
    /// In order.
    pub(super) lists: Vec<Box<[RegionId]>>,
    /// Index into `lists` by class.
    pub(super) of_class: Box<[u16]>,
}

/// What makes pools equal.
type PoolKey = (RegionId, u8, Vec<(u16, usize, Vec<(EndpointId, TargetId)>)>);
/// What makes parts equal.
type PartKey = (usize, Box<[u32]>, u8);

impl PoolPlace {
    pub(super) fn pool(self, plan: &Plan) -> &Pool {
        let service = &plan.services[self.service.index()];
        &service.pools[self.family.index()][self.region.index()]
    }

    pub(super) fn answers(self, plan: &Plan) -> u8 {
        plan.services[self.service.index()].answers
    }
}

impl Layout {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut layout = Self {
            pools: Vec::new(),
            parts: Vec::new(),
            part_of: Vec::with_capacity(plan.services.len()),
            lists: plan.maps.iter().map(Lists::new).collect(),
        };
        let (mut pools, mut parts) = (BTreeMap::new(), BTreeMap::new());
        for index in 0..plan.services.len() {
            let place = |family| (ServiceId::from_index(index), family);
            let of_service = Family::ALL.map(|family| {
                let numbers = layout.number_pools(plan, place(family), &mut pools);
                layout.number_part(plan, place(family).0, numbers, &mut parts)
            });
            layout.part_of.push(of_service);
        }
        layout
    }

    /// The number of each region's pool of a service and family.
    fn number_pools(
        &mut self,
        plan: &Plan,
        (service, family): (ServiceId, Family),
        known: &mut BTreeMap<PoolKey, u32>,
    ) -> Box<[u32]> {
        let own = &plan.services[service.index()];
        let mut numbers = vec![ABSENT; plan.regions.len()].into_boxed_slice();
        for (index, pool) in own.pools[family.index()].iter().enumerate() {
            if pool.tiers.is_empty() {
                continue;
            }
            let region = RegionId::from_index(index);
            let key = pool_key(region, own.answers, pool);
            numbers[index] = *known.entry(key).or_insert_with(|| {
                self.pools.push(PoolPlace {
                    service,
                    family,
                    region,
                });
                number(self.pools.len())
            });
        }
        numbers
    }

    fn number_part(
        &mut self,
        plan: &Plan,
        service: ServiceId,
        pools: Box<[u32]>,
        known: &mut BTreeMap<PartKey, u32>,
    ) -> u32 {
        let key = part_key(&plan.services[service.index()], pools.clone());
        *known.entry(key).or_insert_with(|| {
            self.parts.push(PartPlace { service, pools });
            number(self.parts.len())
        })
    }

    /// The number of a pool, if there is one.
    pub(super) fn pool_of(
        &self,
        service: ServiceId,
        family: Family,
        region: RegionId,
    ) -> Option<usize> {
        let part = self.part_of.get(service.index())?[family.index()];
        let number = *self.parts[part as usize].pools.get(region.index())?;
        (number != ABSENT).then_some(number as usize)
    }

    /// The lists of the map of a service.
    pub(super) fn lists_of(&self, plan: &Plan, service: ServiceId) -> &Lists {
        &self.lists[plan.services[service.index()].map.index()]
    }
}

impl Lists {
    fn new(map: &Map) -> Self {
        let mut lists: Vec<Box<[RegionId]>> = map
            .classes
            .iter()
            .map(|class| class.preference.as_slice().into())
            .collect();
        lists.sort_unstable();
        lists.dedup();
        let of_class = map.classes.iter().map(|class| {
            let found = lists.binary_search_by(|list| (**list).cmp(&class.preference));
            u16::try_from(found.unwrap_or(0)).expect("limits.rs bounds the classes of a map")
        });
        Self {
            of_class: of_class.collect(),
            lists,
        }
    }

    /// The list of a class.
    pub(super) fn of(&self, class: ClassId) -> Option<usize> {
        self.of_class
            .get(class.index())
            .map(|&list| usize::from(list))
    }
}

/// The number of the last of `count` things.
fn number(count: usize) -> u32 {
    u32::try_from(count - 1).expect("limits.rs bounds services and regions")
}

fn pool_key(region: RegionId, answers: u8, pool: &Pool) -> PoolKey {
    let tiers = pool.tiers.iter().map(|tier| {
        let members = tier.members.iter();
        let members = members.map(|member| (member.endpoint, member.target));
        // Where two rings are one object they are equal; where not, the pools stay apart.
        (
            tier.number,
            Arc::as_ptr(&tier.ring).addr(),
            members.collect(),
        )
    });
    (region, answers, tiers.collect())
}

fn part_key(service: &Service, pools: Box<[u32]>) -> PartKey {
    let all_down = match service.all_down {
        AllDown::FailOpen => 0,
        AllDown::Servfail | AllDown::Nodata => 1,
    };
    (service.map.index(), pools, all_down)
}
