//! The engine and a demand that it is told of: taken in, kept over a reload, and told about.
use std::collections::BTreeMap;

use waypost::base::Span;
use waypost::engine::{Engine, Input, Notice, Observed, Output};

use super::*;

/// A service of two classes over two regions that can carry 100 each.
fn plan(digest: u64) -> Plan {
    let world = World::new(&[(0, 1, 100), (1, 1, 100)], &[&[0, 1], &[1, 0]]);
    let mut plan = Arc::into_inner(world.plan()).unwrap();
    plan.digest = digest;
    plan.services[0].demand = Demand::Observed;
    plan.services[0].overload = Overload::Stay;
    for region in &mut plan.regions {
        region.capacity = Some(100);
    }
    plan
}

struct Desk {
    engine: Engine,
    now: Moment,
    notices: Vec<Notice>,
}

impl Desk {
    fn new(plan: Plan) -> Self {
        let mut desk = Self {
            engine: Engine::new(Arc::new(plan), Arc::default(), NOW, 1),
            now: NOW,
            notices: Vec::new(),
        };
        desk.drain();
        desk
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            if let Output::Notice(notice) = output {
                self.notices.push(notice);
            }
        }
    }

    fn handle(&mut self, after: Span, input: Input) {
        self.now = self.now.after(after);
        self.engine.handle(self.now, input);
        self.drain();
    }

    /// Tells of so many answers a second by class, and waits for what follows; the generation.
    fn observe(&mut self, digest: u64, a_second: [u64; 2]) -> u64 {
        let counts = a_second.map(|rate| rate * 10).to_vec();
        let observed = Observed {
            digest,
            within: Span::from_secs(10),
            answers: BTreeMap::from([((ServiceId(0), Family::V4), counts)]),
        };
        self.handle(Span::from_secs(10), Input::Observed(observed));
        self.handle(Span::from_secs(1), Input::Tick);
        self.engine.table().generation
    }

    fn loads(&self) -> [u64; 2] {
        let load = |id| self.engine.table().region_load(RegionId(id)).unwrap();
        [0, 1].map(|id| load(id) / UNIT)
    }

    /// What was told of overload since the last time: whether it is so, and how much.
    fn told(&mut self) -> Vec<(bool, u64)> {
        let notices = std::mem::take(&mut self.notices);
        let told = notices.iter().filter_map(|notice| {
            let Notice::Overload {
                active,
                overloaded_thousandths,
                ..
            } = notice
            else {
                return None;
            };
            Some((*active, *overloaded_thousandths))
        });
        told.collect()
    }
}

#[test]
fn what_is_observed_is_planned_with_when_it_is_worth_it() {
    let mut desk = Desk::new(plan(1));
    assert_eq!(desk.loads(), [0, 0]);
    assert_eq!(desk.observe(1, [125, 20]), 2);
    assert_eq!(
        desk.loads(),
        [100, 45],
        "what is too much for one goes to the other"
    );
    assert_eq!(desk.observe(1, [130, 20]), 2, "not worth another table");
    assert_eq!(desk.observe(7, [0, 0]), 2, "counted by another plan");
    // 125 and 130 are smoothed to 126.25; three quarters of that and a quarter of 30 are 102.2.
    assert_eq!(desk.observe(1, [30, 20]), 3);
    assert_eq!(desk.loads(), [99, 22]);
    assert!(desk.told().is_empty());
    assert!(desk.engine.is_current(desk.now));
}

#[test]
fn what_is_observed_outlasts_a_reload() {
    let mut desk = Desk::new(plan(1));
    desk.observe(1, [125, 20]);
    desk.handle(
        Span::from_secs(1),
        Input::Reload(Arc::new(plan(2)), Arc::default()),
    );
    assert_eq!(desk.loads(), [100, 45]);
    let mut stated = plan(3);
    stated.services[0].demand = Demand::Whole(60);
    desk.handle(
        Span::from_secs(1),
        Input::Reload(Arc::new(stated), Arc::default()),
    );
    assert_eq!(desk.loads(), [30, 30]);
}

#[test]
fn overload_is_told_when_it_begins_when_it_doubles_and_when_it_ends() {
    let mut desk = Desk::new(plan(1));
    desk.observe(1, [200, 20]);
    assert_eq!(desk.told(), [(true, 20_000)]);
    let status = desk.engine.status(desk.now);
    let service = &status.services[0];
    assert_eq!(service.demand_thousandths, 220_000);
    assert_eq!(service.overloaded_thousandths, 20_000);
    assert_eq!(service.overload, "stay");
    let region = |index: usize| {
        let region = &status.regions[index];
        (region.load_thousandths, region.capacity)
    };
    assert_eq!(region(0), (Some(120_000), Some(100)));
    assert_eq!(region(1), (Some(100_000), Some(100)));
    let endpoint = &status.regions[0].endpoints[0];
    assert_eq!(
        (endpoint.load_thousandths, endpoint.capacity),
        (Some(120_000), None)
    );

    desk.observe(1, [240, 20]);
    assert_eq!(desk.told(), [], "10 more are not twice as much");
    desk.observe(1, [800, 20]);
    assert_eq!(desk.told().len(), 1);
    desk.observe(1, [0, 0]);
    for _ in 0..4 {
        desk.observe(1, [0, 0]);
    }
    assert_eq!(desk.told(), [(false, 0)]);
}

#[test]
fn a_demand_without_any_capacity_makes_no_tables() {
    let mut plan = plan(1);
    plan.regions.iter_mut().for_each(|own| own.capacity = None);
    let mut desk = Desk::new(plan);
    assert_eq!(desk.observe(1, [150, 20]), 1);
}
