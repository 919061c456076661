//! What the routing table is measured by: 10, 100 and 1,000 services, 250 classes, 8 regions with
//! 2 endpoints each.
//!
//! No two services share a ring, so nothing is decided once for several; and all services have the
//! same machines, so that a change of one endpoint changes a pool of every service. It knows no
//! clock: whoever takes it in (a timing harness, an instruction counter) says how it measures. The
//! crate that takes it in must name `base`, `dns`, `geo` and `plan` of `waypost` at its root.
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::{ClassId, Draws, Family, Moment, ServiceId};
use crate::plan::Plan;
use waypost::table::{Table, check, check_changed};

#[path = "../../src/table/fixture.rs"]
mod fixture;

use fixture::{SERVICE, World, standings};

/// A name, and what is measured; one call is one operation.
pub(crate) type Case = (&'static str, Box<dyn FnMut()>);

const CLASSES: u16 = 250;
const REGIONS: u16 = 8;
/// Shares of the endpoints when the first of them is down, and when it is on a ramp.
const DOWN: [u16; 1] = [0];
const RAMPING: [u16; 1] = [250];
/// Shares when the second endpoint of each region is down: all cohorts get the same.
const SINGLE: [u16; 16] = [
    1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0,
];

/// Everything that is measured, by size.
pub(crate) fn cases() -> Vec<Case> {
    let small = Bench::new(10).cases([
        "10 services: build from scratch",
        "10 services: rebuild, one endpoint down",
        "10 services: rebuild, one endpoint ramping",
        "10 services: check what changed, one endpoint down",
        "10 services: check what changed, one endpoint ramping",
        "10 services: check all",
    ]);
    let medium = Bench::new(100).cases([
        "100 services: build from scratch",
        "100 services: rebuild, one endpoint down",
        "100 services: rebuild, one endpoint ramping",
        "100 services: check what changed, one endpoint down",
        "100 services: check what changed, one endpoint ramping",
        "100 services: check all",
    ]);
    let large = Bench::new(1000);
    let selections = large.selections();
    let large = large.cases([
        "1000 services: build from scratch",
        "1000 services: rebuild, one endpoint down",
        "1000 services: rebuild, one endpoint ramping",
        "1000 services: check what changed, one endpoint down",
        "1000 services: check what changed, one endpoint ramping",
        "1000 services: check all",
    ]);
    [small, medium, large, selections]
        .into_iter()
        .flatten()
        .collect()
}

/// The plan of so many services.
pub(crate) fn plan(services: usize) -> Arc<Plan> {
    let machines: Vec<_> = (0..2 * REGIONS).map(|index| (index / 2, 1, 100)).collect();
    let mut world = World::new(&machines, &[]);
    let mut draws = Draws::from_seed(1);
    world.classes = (0..CLASSES).map(|_| shuffled(&mut draws)).collect();
    world.services = services;
    world.plan()
}

/// The table of a plan, with everything healthy but the shares of the first endpoints.
pub(crate) fn build(plan: &Arc<Plan>, shares: &[u16], previous: Option<&Table>) -> Table {
    let standings = standings(plan, shares);
    Table::build(1, Arc::clone(plan), standings, Moment(0), previous)
}

fn shuffled(draws: &mut Draws) -> Vec<u16> {
    let mut regions: Vec<(u64, u16)> = (0..REGIONS)
        .map(|region| (draws.next_u64(), region))
        .collect();
    regions.sort_unstable();
    regions.into_iter().map(|(_, region)| region).collect()
}

/// A plan, and its table with everything healthy.
struct Bench {
    plan: Arc<Plan>,
    whole: Rc<Table>,
}

impl Bench {
    fn new(services: usize) -> Self {
        let plan = plan(services);
        let whole = Rc::new(build(&plan, &[], None));
        Self { plan, whole }
    }

    fn cases(self, names: [&'static str; 6]) -> Vec<Case> {
        let [scratch, down, ramping, check_down, check_ramping, check_all] = names;
        let plan = Arc::clone(&self.plan);
        let whole = Rc::clone(&self.whole);
        vec![
            (
                scratch,
                Box::new(move || drop(black_box(build(&plan, &[], None)))),
            ),
            (down, self.rebuild(&DOWN)),
            (ramping, self.rebuild(&RAMPING)),
            (check_down, self.check(&DOWN)),
            (check_ramping, self.check(&RAMPING)),
            (
                check_all,
                Box::new(move || assert_eq!(check(black_box(&whole)), Ok(()))),
            ),
        ]
    }

    fn rebuild(&self, shares: &'static [u16]) -> Box<dyn FnMut()> {
        let (plan, whole) = (Arc::clone(&self.plan), Rc::clone(&self.whole));
        Box::new(move || drop(black_box(build(&plan, shares, Some(&whole)))))
    }

    fn check(&self, shares: &[u16]) -> Box<dyn FnMut()> {
        let whole = Rc::clone(&self.whole);
        let next = build(&self.plan, shares, Some(&whole));
        Box::new(move || assert_eq!(check_changed(black_box(&next), &whole), Ok(())))
    }

    /// Single questions: of one service, and of all services in turn.
    fn selections(&self) -> Vec<Case> {
        let single = Rc::new(build(&self.plan, &SINGLE, None));
        let (whole, other) = (Rc::clone(&self.whole), Rc::clone(&self.whole));
        let last = Rc::clone(&single);
        vec![
            (
                "select, cohorts alike",
                Box::new(asked(move |_| SERVICE, single)),
            ),
            (
                "select, by cohort",
                Box::new(asked(move |_| SERVICE, whole)),
            ),
            (
                "select, cohorts alike, 1000 services in turn",
                Box::new(asked(|count| ServiceId(count % 1000), last)),
            ),
            (
                "select, by cohort, 1000 services in turn",
                Box::new(asked(|count| ServiceId(count % 1000), other)),
            ),
        ]
    }
}

/// Asks a table for one selection after the other.
fn asked(service: impl Fn(u16) -> ServiceId, table: Rc<Table>) -> impl FnMut() {
    let mut count: u16 = 0;
    move || {
        count = (count + 7) % 1000;
        let class = ClassId(count / 4);
        let found = table.select(service(count), Family::V4, class, count);
        black_box(found).expect("every class of this plan has an endpoint");
    }
}
