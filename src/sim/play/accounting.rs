//! What clients felt and what endpoints carried, summed over time.
//!
//! Nothing is sampled: every number that changes is multiplied by the time for which it stood, so
//! an outage of 40 ms counts 40 ms. Things are known by name here, because a reload may number
//! the endpoints anew while the caches still hold the old ones.
//!
//! Demand is in millionths of the operator's unit, so that whole numbers are enough.
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::{Moment, Span};
use crate::plan::Plan;

/// A number that changes, and its sum over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gauge {
    pub(super) now: u64,
    since: Moment,
    /// In milliseconds times the number.
    sum: u128,
}

/// What one endpoint or region carries.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    pub(super) name: String,
    /// All demand.
    pub(super) all: Gauge,
    /// Demand that was stated, so that it can be held against the capacity.
    pub(super) counted: Gauge,
    /// What it can carry.
    pub(super) capacity: Option<u64>,
    /// The most it carried of what counts.
    pub(super) peak: u64,
    /// How long it carried more than it can.
    pub(super) over: Span,
    /// Demand that it served while its data was behind.
    pub(super) behind: Gauge,
    is_behind: u64,
    /// Demand that it served while it was slow.
    pub(super) slow: Gauge,
    is_slow: u64,
}

/// What clients of one class of one service felt.
#[derive(Clone, Debug, Default)]
pub(super) struct Felt {
    /// The number of clients that stand for it.
    pub(super) clients: u64,
    /// What one of them asks for now.
    pub(super) weight: u64,
    /// Sum over clients of the part of their connections that is lost, permille.
    pub(super) lost: Gauge,
    /// What all ask for.
    pub(super) asked: Gauge,
    /// What of it is lost.
    pub(super) missed: Gauge,
}

/// The names of everything that ever had clients, and what they carry.
#[derive(Debug, Default)]
pub(super) struct Accounting {
    pub(super) endpoints: Vec<Load>,
    pub(super) regions: Vec<Load>,
    pub(super) groups: Vec<Felt>,
    /// The part of connections that each endpoint loses now, permille.
    pub(super) felt: Vec<u64>,
    /// The endpoint behind an address of the plan in force.
    by_address: BTreeMap<IpAddr, usize>,
    /// The region of each endpoint.
    region_of: Vec<usize>,
}

impl Gauge {
    /// The sum up to now.
    pub(super) fn sum(&self, now: Moment) -> u128 {
        self.sum + u128::from(self.now) * u128::from(now.since(self.since).0)
    }

    pub(super) fn set(&mut self, now: Moment, value: u64) {
        self.sum = self.sum(now);
        self.since = now;
        self.now = value;
    }

    /// Forgets what was before.
    fn restart(&mut self, now: Moment) {
        self.sum = 0;
        self.since = now;
    }
}

impl Load {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn set(&mut self, now: Moment, all: u64, counted: u64) {
        self.settle(now);
        self.all.set(now, all);
        self.counted.set(now, counted);
        self.mark(now);
        self.peak = self.peak.max(counted);
    }

    /// Counts what it carries from now on as served behind, or slowly.
    fn mark(&mut self, now: Moment) {
        self.behind.set(now, self.all.now * self.is_behind);
        self.slow.set(now, self.all.now * self.is_slow);
    }

    /// Counts the time up to now that was above capacity.
    pub(super) fn settle(&mut self, now: Moment) {
        let since = self.counted.since;
        if self.capacity.is_some_and(|most| self.counted.now > most) {
            self.over.0 += now.since(since).0;
        }
        let value = self.counted.now;
        self.counted.set(now, value);
    }

    fn restart(&mut self, now: Moment) {
        for gauge in [
            &mut self.all,
            &mut self.counted,
            &mut self.behind,
            &mut self.slow,
        ] {
            gauge.restart(now);
        }
        (self.peak, self.over) = (self.counted.now, Span::ZERO);
    }
}

impl Felt {
    /// Takes in what its clients feel and ask for from now on.
    pub(super) fn set(&mut self, now: Moment, lost: u64, weight: u64) {
        self.weight = weight;
        self.lost.set(now, lost);
        self.asked.set(now, weight * self.clients);
        self.missed.set(now, lost * weight / 1000);
    }

    fn restart(&mut self, now: Moment) {
        for gauge in [&mut self.lost, &mut self.asked, &mut self.missed] {
            gauge.restart(now);
        }
    }
}

impl Accounting {
    /// Takes in the names, addresses and capacities of a plan that is now in force.
    pub(super) fn adopt(&mut self, plan: &Plan, now: Moment) {
        for load in self.endpoints.iter_mut().chain(&mut self.regions) {
            load.settle(now);
        }
        self.by_address.clear();
        for region in &plan.regions {
            let place = place_of(&mut self.regions, &region.name);
            self.regions[place].capacity = region.capacity.map(micro);
        }
        for endpoint in &plan.endpoints {
            let place = place_of(&mut self.endpoints, &endpoint.name);
            self.endpoints[place].capacity = endpoint.capacity.map(micro);
            let region = &plan.regions[endpoint.region.index()].name;
            let region = place_of(&mut self.regions, region);
            self.region_of.resize(self.endpoints.len(), region);
            self.region_of[place] = region;
            for address in &endpoint.addresses {
                self.by_address.entry(*address).or_insert(place);
            }
        }
    }

    /// Begins to count: whatever was before does not matter.
    pub(super) fn restart(&mut self, now: Moment) {
        let loads = self.endpoints.iter_mut().chain(&mut self.regions);
        loads.for_each(|load| load.restart(now));
        self.groups.iter_mut().for_each(|felt| felt.restart(now));
    }

    /// The endpoints behind addresses, as far as they are known.
    pub(super) fn endpoints_at(&self, addresses: &[IpAddr]) -> Vec<usize> {
        let mut places: Vec<usize> = addresses
            .iter()
            .filter_map(|address| self.by_address.get(address).copied())
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The region of each endpoint, by place.
    pub(super) fn regions_of_endpoints(&self) -> &[usize] {
        &self.region_of
    }

    /// The place of an endpoint of this name.
    pub(super) fn endpoint(&self, name: &str) -> Option<usize> {
        self.endpoints.iter().position(|load| load.name == name)
    }

    /// Adds to (or takes from) what some endpoints carry together, and their regions.
    pub(super) fn shift(&mut self, now: Moment, endpoints: &[usize], by: Shift) {
        let share = |whole: u64| whole / (endpoints.len() as u64).max(1);
        for place in endpoints {
            let region = self.region_of[*place];
            let loads = [&mut self.endpoints[*place], &mut self.regions[region]];
            for load in loads {
                let (all, counted) = match by {
                    Shift::Onto { all, counted } => (
                        load.all.now.saturating_add(share(all)),
                        load.counted.now.saturating_add(share(counted)),
                    ),
                    Shift::Off { all, counted } => (
                        load.all.now.saturating_sub(share(all)),
                        load.counted.now.saturating_sub(share(counted)),
                    ),
                };
                load.set(now, all, counted);
            }
        }
    }

    /// Replaces what everything carries: (all, counted) by endpoint.
    pub(super) fn replace(&mut self, now: Moment, loads: &[(u64, u64)]) {
        let mut of_regions = vec![(0, 0); self.regions.len()];
        for (place, (all, counted)) in loads.iter().copied().enumerate() {
            self.endpoints[place].set(now, all, counted);
            let sum: &mut (u64, u64) = &mut of_regions[self.region_of[place]];
            (sum.0, sum.1) = (sum.0 + all, sum.1 + counted);
        }
        for (load, (all, counted)) in self.regions.iter_mut().zip(of_regions) {
            load.set(now, all, counted);
        }
    }

    /// Says whose data is behind, and who is slow.
    pub(super) fn set_marks(&mut self, now: Moment, marks: impl Fn(&str) -> (bool, bool)) {
        for load in &mut self.endpoints {
            let (is_behind, is_slow) = marks(&load.name);
            (load.is_behind, load.is_slow) = (u64::from(is_behind), u64::from(is_slow));
            load.mark(now);
        }
    }

    /// Counts everything up to now.
    pub(super) fn settle(&mut self, now: Moment) {
        let loads = self.endpoints.iter_mut().chain(&mut self.regions);
        loads.for_each(|load| load.settle(now));
    }
}

/// A change of what endpoints carry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shift {
    /// More.
    Onto { all: u64, counted: u64 },
    /// Less.
    Off { all: u64, counted: u64 },
}

/// The operator's units in millionths.
fn micro(units: u32) -> u64 {
    u64::from(units) * 1_000_000
}

fn place_of(loads: &mut Vec<Load>, name: &str) -> usize {
    match loads.iter().position(|load| load.name == name) {
        Some(place) => place,
        None => {
            loads.push(Load::named(name));
            loads.len() - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_multiply_by_the_time_for_which_they_stood() {
        let mut gauge = Gauge::default();
        gauge.set(Moment(10), 3);
        gauge.set(Moment(14), 1);
        assert_eq!(gauge.sum(Moment(20)), 3 * 4 + 6);
        gauge.restart(Moment(20));
        assert_eq!(gauge.sum(Moment(22)), 2);
    }

    #[test]
    fn time_above_capacity_is_counted_and_no_other() {
        let mut load = Load {
            capacity: Some(10),
            ..Load::default()
        };
        load.set(Moment(0), 99, 10);
        load.set(Moment(50), 11, 11);
        load.set(Moment(80), 10, 10);
        load.settle(Moment(500));
        assert_eq!((load.over, load.peak), (Span(30), 11));
    }
}
