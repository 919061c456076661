//! How much clients are believed to ask for.
//!
//! What a config states is believed. Where a service says `demand = "observed"` it is the rate of
//! answers by family and class: the unit of capacities is then answers per second. Each observation
//! counts for a quarter ([`NEWEST`]), so a burst of one round is damped and a lasting change is
//! known to nine tenths after eight.
//!
//! Answers must not flutter with every count. So a demand is planned with until what is believed
//! differs from it by more than a tenth ([`WORTH`]), and by one answer per second at the least, for
//! the clients of some first region together: what is counted for a single class is mostly chance.
//!
//! It knows no standings and no capacity, and decides nothing about who serves.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::snapshot::KeptDemand;
use crate::base::{ClassId, EndpointId, Family, HashKey, RegionId, ServiceId, Span};
use crate::plan::{Demand, Demands, Map, Plan, shared_out};

/// One observation counts for one part in so many.
const NEWEST: u64 = 4;
/// A difference is worth a new plan from one part in so many on.
const WORTH: u64 = 10;

/// Answers that were counted since the last observation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The digest of the plan that services and classes are numbered by; one of another plan
    /// is ignored.
    pub digest: u64,
    /// In how much time.
    pub within: Span,
    /// Counts by class, of services whose demand is observed; what is absent is nothing.
    pub answers: BTreeMap<(ServiceId, Family), Vec<u64>>,
}

/// What is believed, and what is planned with.
#[derive(Debug)]
pub(super) struct DemandEstimate {
    /// Thousandths of an answer per second by family and class, of services whose demand is observed;
    /// absent before the first observation.
    rates: BTreeMap<ServiceId, [Vec<u64>; 2]>,
    planned: Arc<Demands>,
}

impl DemandEstimate {
    /// Begins with what a plan states.
    pub(super) fn new(planned: Arc<Demands>) -> Self {
        Self {
            rates: BTreeMap::new(),
            planned,
        }
    }

    /// Begins with what was believed before a restart.
    pub(super) fn restored(plan: &Plan, kept: &BTreeMap<String, KeptDemand>) -> Self {
        let mut demand = Self::new(Arc::new(Demands::stated(plan)));
        for service in observed_services(plan) {
            let Some(own) = kept.get(&plan.services[service.index()].name) else {
                continue;
            };
            let sizes = &map(plan, service).sizes;
            let rates = match own.classes == classes_hash(plan, service) {
                true => own.rates.clone(),
                false => shared_anew(&own.rates, sizes),
            };
            demand.rates.insert(service, rates);
        }
        demand.planned = Arc::new(demand.believed(Demands::stated(plan)));
        demand
    }

    /// The part of it that is kept over restarts.
    pub(super) fn kept(&self, plan: &Plan) -> BTreeMap<String, KeptDemand> {
        let kept = self.rates.iter().map(|(service, rates)| {
            let own = KeptDemand {
                classes: classes_hash(plan, *service),
                rates: rates.clone(),
            };
            (plan.services[service.index()].name.clone(), own)
        });
        kept.collect()
    }

    /// What is planned with.
    pub(super) fn planned(&self) -> &Arc<Demands> {
        &self.planned
    }

    /// Plans with these capacities of endpoints in place of the config's from now on; says whether they are others.
    pub(super) fn limit(&mut self, capacities: BTreeMap<EndpointId, u32>) -> bool {
        let is_other = !self.planned.has_capacities(&capacities);
        if is_other {
            let planned = Demands::clone(&self.planned);
            self.planned = Arc::new(planned.within(capacities));
        }
        is_other
    }

    /// Takes in what was counted; says whether something else is planned with from now on.
    pub(super) fn observe(&mut self, plan: &Plan, observed: &Observed) -> bool {
        if observed.digest != plan.digest || observed.within == Span::ZERO {
            return false;
        }
        let mut worth = false;
        for service in observed_services(plan) {
            let map = map(plan, service);
            for family in Family::ALL {
                let counts = observed.answers.get(&(service, family));
                self.smooth(service, family, &rates(map, counts, observed.within));
            }
            worth |= self.differs(service, map);
        }
        if worth {
            let planned = Demands::clone(&self.planned);
            self.planned = Arc::new(self.believed(planned));
        }
        worth
    }

    /// Keeps what is believed for another plan: class by class where a service has the same
    /// classes in both, otherwise shared out by size like a demand that is stated.
    pub(super) fn migrate(&mut self, before: &Plan, after: &Plan) {
        let known = std::mem::take(&mut self.rates);
        let names = (0..).map(ServiceId).zip(&before.services);
        let names: BTreeMap<&str, ServiceId> =
            names.map(|(id, own)| (own.name.as_str(), id)).collect();
        for service in observed_services(after) {
            let own = &after.services[service.index()];
            let old = names.get(own.name.as_str());
            let Some((old, rates)) = old.and_then(|old| Some((*old, known.get(old)?))) else {
                continue;
            };
            let rates = match same_classes((before, old), (after, service)) {
                true => rates.clone(),
                false => shared_anew(rates, &map(after, service).sizes),
            };
            self.rates.insert(service, rates);
        }
        self.planned = Arc::new(self.believed(Demands::stated(after)));
    }

    fn believed(&self, planned: Demands) -> Demands {
        let rates = self.rates.iter();
        rates.fold(planned, |planned, (service, rates)| {
            planned.with(*service, rates.each_ref().map(Vec::as_slice))
        })
    }

    fn smooth(&mut self, service: ServiceId, family: Family, newest: &[u64]) {
        let rates = self.rates.entry(service).or_default();
        let rates = &mut rates[family.index()];
        if rates.is_empty() {
            rates.extend(newest);
            return;
        }
        for (rate, newest) in rates.iter_mut().zip(newest) {
            *rate = (*rate * (NEWEST - 1) + newest) / NEWEST;
        }
    }

    /// Tells whether what is believed of a service is worth a new plan.
    fn differs(&self, service: ServiceId, map: &Map) -> bool {
        let Some(rates) = self.rates.get(&service) else {
            return false;
        };
        Family::ALL.into_iter().any(|family| {
            let believed = by_first_region(map, &rates[family.index()]);
            let planned = by_first_region(map, self.planned.row(service, family));
            let regions = believed.keys().chain(planned.keys());
            let sum = |sums: &BTreeMap<_, u64>, region| sums.get(region).copied().unwrap_or(0);
            regions.into_iter().any(|region| {
                let (now, then) = (sum(&believed, region), sum(&planned, region));
                let difference = now.abs_diff(then);
                difference > now.max(then) / WORTH && difference >= Demands::UNIT
            })
        })
    }
}

fn observed_services(plan: &Plan) -> impl Iterator<Item = ServiceId> {
    let services = (0..).map(ServiceId).zip(&plan.services);
    services
        .filter(|(_, own)| own.demand == Demand::Observed)
        .map(|(id, _)| id)
}

fn map(plan: &Plan, service: ServiceId) -> &Map {
    &plan.maps[plan.services[service.index()].map.index()]
}

/// Thousandths of an answer per second by class.
fn rates(map: &Map, counts: Option<&Vec<u64>>, within: Span) -> Vec<u64> {
    let counts = counts.map_or(&[][..], Vec::as_slice);
    let classes = 0..map.classes.len();
    let counts = classes.map(|class| counts.get(class).copied().unwrap_or(0));
    let mut counts: Vec<u64> = counts.collect();
    map.share_out_drawn(&mut counts);
    let scale = Demands::UNIT * Span::from_secs(1).0;
    counts
        .into_iter()
        .map(|count| count.saturating_mul(scale) / within.0)
        .collect()
}

fn by_first_region(map: &Map, row: &[u64]) -> BTreeMap<Option<RegionId>, u64> {
    let mut sums = BTreeMap::new();
    for (class, rate) in map.classes.iter().zip(row) {
        *sums.entry(class.preference.first().copied()).or_default() += rate;
    }
    sums
}

/// The same in all, by the sizes of other classes.
fn shared_anew(rates: &[Vec<u64>; 2], sizes: &[u64]) -> [Vec<u64>; 2] {
    let totals = rates.each_ref().map(|rates| rates.iter().sum());
    totals.map(|total| shared_out(total, sizes))
}

/// A hash over the regions of a service's classes, by name and in order.
fn classes_hash(plan: &Plan, service: ServiceId) -> u64 {
    let mut text = String::new();
    for class in &map(plan, service).classes {
        for region in &class.preference {
            text.push_str(&plan.regions[region.index()].name);
            text.push(',');
        }
        text.push(';');
    }
    HashKey(0).hash(text.as_bytes())
}

/// Tells whether a service has the same classes in two plans: their regions by name, in order.
fn same_classes(one: (&Plan, ServiceId), other: (&Plan, ServiceId)) -> bool {
    let names = |(plan, service): (&Plan, ServiceId), class: usize| -> Vec<String> {
        let class = plan.class(service, ClassId::from_index(class));
        let regions = class.preference.iter();
        let names = regions.map(|region| plan.regions[region.index()].name.clone());
        names.collect()
    };
    let count = |(plan, service)| map(plan, service).classes.len();
    count(one) == count(other)
        && (0..count(one)).all(|class| names(one, class) == names(other, class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::fixture::{SERVICE, World};

    fn plan(classes: &[&[u16]]) -> Plan {
        let world = World::new(&[(0, 1, 100), (1, 1, 100)], classes);
        let mut plan = Arc::into_inner(world.plan()).unwrap();
        plan.services[0].demand = Demand::Observed;
        plan
    }

    fn demand(plan: &Plan) -> DemandEstimate {
        DemandEstimate::new(Arc::new(Demands::stated(plan)))
    }

    /// So many answers over IPv4 within ten seconds.
    fn counted(plan: &Plan, answers: &[u64]) -> Observed {
        Observed {
            digest: plan.digest,
            within: Span::from_secs(10),
            answers: BTreeMap::from([((SERVICE, Family::V4), answers.to_vec())]),
        }
    }

    fn row(demand: &DemandEstimate) -> &[u64] {
        demand.planned().row(SERVICE, Family::V4)
    }

    #[test]
    fn the_first_count_is_believed_and_the_next_ones_by_a_quarter() {
        let plan = plan(&[&[0, 1], &[1, 0]]);
        let mut demand = demand(&plan);
        assert_eq!(row(&demand), [0_u64; 0]);
        assert!(demand.observe(&plan, &counted(&plan, &[1000, 500])));
        assert_eq!(row(&demand), [100_000, 50_000], "answers per second");
        assert!(demand.observe(&plan, &counted(&plan, &[2000, 500])));
        assert_eq!(row(&demand), [125_000, 50_000]);
        assert!(demand.observe(&plan, &counted(&plan, &[2000])));
        assert_eq!(row(&demand), [143_750, 37_500], "absent is nothing");
    }

    #[test]
    fn a_tenth_is_not_worth_a_new_plan_and_little_never_is() {
        let plan = plan(&[&[0, 1], &[0], &[1, 0]]);
        let mut demand = demand(&plan);
        assert!(
            !demand.observe(&plan, &counted(&plan, &[9, 0, 0])),
            "0.9 a second"
        );
        let mut demand = self::demand(&plan);
        assert!(demand.observe(&plan, &counted(&plan, &[500, 500, 1000])));
        let before = row(&demand).to_vec();
        assert!(
            !demand.observe(&plan, &counted(&plan, &[700, 700, 1000])),
            "by a tenth"
        );
        assert!(
            !demand.observe(&plan, &counted(&plan, &[0, 1000, 1000])),
            "one region"
        );
        assert_eq!(
            row(&demand),
            before,
            "it is planned with until it is worth another"
        );
        assert!(demand.observe(&plan, &counted(&plan, &[0, 0, 1000])));
    }

    #[test]
    fn counts_of_another_plan_and_of_no_time_say_nothing() {
        let plan = plan(&[&[0, 1]]);
        let mut demand = demand(&plan);
        let other = Observed {
            digest: plan.digest + 1,
            ..counted(&plan, &[1000])
        };
        assert!(!demand.observe(&plan, &other));
        let none = Observed {
            within: Span::ZERO,
            ..counted(&plan, &[1000])
        };
        assert!(!demand.observe(&plan, &none));
        assert!(demand.rates.is_empty());
    }

    #[test]
    fn a_reload_keeps_what_is_believed() {
        let before = plan(&[&[0, 1], &[1, 0]]);
        let mut demand = demand(&before);
        assert!(demand.observe(&before, &counted(&before, &[1000, 500])));
        demand.migrate(&before, &plan(&[&[0, 1], &[1, 0]]));
        assert_eq!(row(&demand), [100_000, 50_000], "class by class");
        let mut other = plan(&[&[0, 1], &[1], &[1, 0]]);
        Arc::get_mut(&mut other.maps).unwrap()[0].sizes = vec![1, 1, 3];
        demand.migrate(&before, &other);
        assert_eq!(row(&demand), [30_000, 30_000, 90_000], "by size");
        let mut stated = plan(&[&[0, 1]]);
        stated.services[0].demand = Demand::Whole(7);
        demand.migrate(&other, &stated);
        assert_eq!(row(&demand), [7_000]);
    }
}
