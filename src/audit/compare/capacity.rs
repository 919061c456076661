//! What can be carried, before and after, whole and under each single failure.
//!
//! Sums of what stands: of a pool the best tier of which something is up, of a region never more than
//! it states itself. What states no capacity is unlimited. Who is sent where when places are full
//! is not worked out here; a sum that is too small is too small however clients are dealt.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{EndpointId, RegionId, ServiceId};
use crate::plan::{Demand, Plan};

use super::failures::Failing;
use super::losses::{Loss, LossKind};
use super::subjects::Subject;

/// A sum of capacities in the operator's unit; `None` is unlimited.
type Capacity = Option<u64>;

/// What all services together are called.
pub(super) const ALL: &str = "all services";

/// The losses of regions, of services, and of all services together.
pub(super) fn losses(
    plans: [&Plan; 2],
    subjects: &[Subject],
    failures: &BTreeSet<Failing>,
) -> Vec<Loss> {
    let mut losses = of_regions(plans);
    let mut told: BTreeSet<[ServiceId; 2]> = BTreeSet::new();
    for subject in subjects {
        let Some(services) = subject.kept().filter(|own| told.insert(*own)) else {
            continue;
        };
        let of = |side: usize| {
            let plan = plans[side];
            let service = services[side];
            Load {
                plan,
                tiers: tiers(plan, service),
                demand: stated(&plan.services[service.index()].demand),
            }
        };
        losses.extend(lost(&subject.name(plans), [of(0), of(1)], failures));
    }
    let all = plans.map(|plan| {
        let services = plan.services.iter();
        let demands = services.filter_map(|service| stated(&service.demand));
        let sum = demands.clone().sum();
        Load {
            plan,
            tiers: all_tiers(plan),
            demand: (demands.count() > 1).then_some(sum),
        }
    });
    losses.extend(lost(ALL, all, failures).into_iter().filter(|loss| {
        // A sum over all is worth telling where a demand meets it; else each service has told it.
        loss.after.contains(DEMANDED)
    }));
    losses
}

/// What follows a demand in words.
const DEMANDED: &str = "asked for";

/// Endpoints that carry a load, by region and tier.
type Tiers = BTreeMap<(RegionId, u16), BTreeSet<EndpointId>>;

struct Load<'p> {
    plan: &'p Plan,
    tiers: Tiers,
    demand: Option<u64>,
}

impl Load<'_> {
    /// What stands while something fails.
    fn standing(&self, failing: Option<&Failing>) -> Capacity {
        let is_up = |id: &&EndpointId| {
            let endpoint = &self.plan.endpoints[id.index()];
            failing.is_none_or(|failing| !failing.takes(self.plan, endpoint))
        };
        let mut by_region: BTreeMap<RegionId, Capacity> = BTreeMap::new();
        for ((region, _), endpoints) in &self.tiers {
            let mut up = endpoints.iter().filter(is_up).peekable();
            if up.peek().is_none() || by_region.contains_key(region) {
                continue;
            }
            let own = up.map(|id| self.plan.endpoints[id.index()].capacity.map(u64::from));
            let own: Capacity = own.sum();
            let most = self.plan.regions[region.index()].capacity.map(u64::from);
            by_region.insert(*region, least(own, most));
        }
        by_region.into_values().sum()
    }
}

fn least(one: Capacity, other: Capacity) -> Capacity {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (limited, None) | (None, limited) => limited,
    }
}

/// Whether there is less of it.
fn is_less(after: Capacity, before: Capacity) -> bool {
    match (after, before) {
        (Some(after), Some(before)) => after < before,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn told(capacity: Capacity) -> String {
    capacity.map_or_else(|| "unlimited".to_owned(), |sum| sum.to_string())
}

fn stated(demand: &Demand) -> Option<u64> {
    match demand {
        Demand::Unstated | Demand::Observed => None,
        Demand::Whole(whole) => Some(u64::from(*whole)),
        Demand::ByRegion(parts) => Some(parts.iter().map(|(_, part)| u64::from(*part)).sum()),
    }
}

fn tiers(plan: &Plan, service: ServiceId) -> Tiers {
    let mut tiers = Tiers::new();
    for pools in &plan.services[service.index()].pools {
        for (region, pool) in pools.iter().enumerate() {
            for tier in &pool.tiers {
                let key = (RegionId::from_index(region), tier.number);
                let own = tiers.entry(key).or_default();
                own.extend(tier.members.iter().map(|member| member.endpoint));
            }
        }
    }
    tiers
}

fn all_tiers(plan: &Plan) -> Tiers {
    let mut tiers = Tiers::new();
    for (index, endpoint) in plan.endpoints.iter().enumerate() {
        let own = tiers.entry((endpoint.region, endpoint.tier)).or_default();
        own.insert(EndpointId::from_index(index));
    }
    tiers
}

/// Regions that both plans have and that can carry less.
fn of_regions(plans: [&Plan; 2]) -> Vec<Loss> {
    let [before, after] = plans.map(|plan| {
        let tiers = all_tiers(plan);
        let regions = plan.regions.iter().enumerate().map(|(index, region)| {
            let id = RegionId::from_index(index);
            let own = tiers.iter().filter(|((region, _), _)| *region == id);
            let load = Load {
                plan,
                tiers: own.map(|(key, own)| (*key, own.clone())).collect(),
                demand: None,
            };
            (region.name.clone(), load.standing(None))
        });
        regions.collect::<BTreeMap<_, _>>()
    });
    let lost = after.into_iter().filter_map(|(name, after)| {
        let before = *before.get(&name)?;
        let change = [before, after].map(told);
        is_less(after, before)
            .then(|| Loss::new(LossKind::Capacity, format!("region {name}"), change))
    });
    lost.collect()
}

/// What carries less, and under which failures a demand that fitted before does not any more.
fn lost(name: &str, loads: [Load<'_>; 2], failures: &BTreeSet<Failing>) -> Vec<Loss> {
    let mut losses = Vec::new();
    let [before, after] = [0, 1].map(|side: usize| loads[side].standing(None));
    if is_less(after, before) {
        let change = [before, after].map(told);
        losses.push(Loss::new(LossKind::Capacity, name, change));
    }
    // A thing that only one plan has takes nothing from the other, which would look like a loss.
    let common = failures
        .iter()
        .filter(|failing| loads.iter().all(|load| failing.is_of(load.plan)));
    for failing in std::iter::once(None).chain(common.map(Some)) {
        let left = [0, 1].map(|side: usize| {
            let standing = loads[side].standing(failing);
            let demand = loads[side].demand;
            let fits = !is_less(standing, demand.filter(|_| standing.is_some()));
            let text = match demand {
                Some(demand) => format!("{} left, {demand} {DEMANDED}", told(standing)),
                None => format!("{} left", told(standing)),
            };
            (fits || demand.is_none(), text)
        });
        let [(true, before), (false, after)] = left else {
            continue;
        };
        losses.push(Loss {
            failing: failing.cloned(),
            ..Loss::new(LossKind::Capacity, name, [before, after])
        });
    }
    losses
}
