//! What the routing table is measured by: 10, 100 and 1,000 services, 250 classes, 8 regions with
//! 2 endpoints each.
//!
//! No two services share a ring, so nothing is decided once for several; and all services have the
//! same machines, so that a change of one endpoint changes a pool of every service. It knows no
//! clock: whoever takes it in (a timing harness, an instruction counter) says how it measures. The
//! crate that takes it in must name `base`, `dns`, `geo` and `plan` of `waypost` at its root.
use std::hint::black_box;
use std::sync::Arc;

use crate::base::{ClassId, Draws, Family, Moment, ServiceId};
use crate::cases::Case;
use crate::plan::fleet::Missing;
use crate::plan::{CohortOrder, Demand, Fleet, Plan};
use waypost::table::{Table, check, check_changed};

#[path = "../../src/table/fixture.rs"]
mod fixture;

use fixture::{SERVICE, World, standings};

const CLASSES: u16 = 250;
const REGIONS: u16 = 8;
/// Shares of the endpoints when the first of them is down, and when it is on a ramp.
const DOWN: [u16; 1] = [0];
const RAMPING: [u16; 1] = [250];
/// Shares when the first region is down.
const REGION_DOWN: [u16; 2] = [0, 0];
/// Shares when the second endpoint of each region is down: all cohorts get the same.
const SINGLE: [u16; 16] = [
    1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0, 1000, 0,
];

/// The cases of this subject, by size.
pub(crate) fn cases() -> Vec<Case> {
    let small = sized::<10>([
        "table/10 services: build from scratch",
        "table/10 services: rebuild, one endpoint down",
        "table/10 services: rebuild, one endpoint ramping",
        "table/10 services: check what changed, one endpoint down",
        "table/10 services: check what changed, one endpoint ramping",
        "table/10 services: check all",
    ]);
    let medium = sized::<100>([
        "table/100 services: build from scratch",
        "table/100 services: rebuild, one endpoint down",
        "table/100 services: rebuild, one endpoint ramping",
        "table/100 services: check what changed, one endpoint down",
        "table/100 services: check what changed, one endpoint ramping",
        "table/100 services: check all",
    ]);
    let large = sized::<1000>([
        "table/1,000 services: build from scratch",
        "table/1,000 services: rebuild, one endpoint down",
        "table/1,000 services: rebuild, one endpoint ramping",
        "table/1,000 services: check what changed, one endpoint down",
        "table/1,000 services: check what changed, one endpoint ramping",
        "table/1,000 services: check all",
    ]);
    let (roomy, crowded) = (roomy(), crowded());
    [
        &small[..],
        &medium,
        &large,
        &roomy,
        &crowded,
        &fleets(),
        &selections(),
        &rings(),
    ]
    .concat()
}

/// What is done to a table of so many services.
fn sized<const SERVICES: usize>(names: [&'static str; 6]) -> [Case; 6] {
    let [scratch, down, ramping, check_down, check_ramping, all] = names;
    let case = |name, prepare| Case { name, prepare };
    [
        case(scratch, || Bench::new(SERVICES).scratch()),
        case(down, || Bench::new(SERVICES).rebuild(&DOWN)),
        case(ramping, || Bench::new(SERVICES).rebuild(&RAMPING)),
        case(check_down, || Bench::new(SERVICES).check(&DOWN)),
        case(check_ramping, || Bench::new(SERVICES).check(&RAMPING)),
        case(all, || Bench::new(SERVICES).check_all()),
    ]
}

/// A region fails, of 12, and nobody is above a capacity.
fn roomy() -> [Case; 2] {
    let case = |name, prepare| Case { name, prepare };
    [
        case(
            "table/50 services, capacities with room: rebuild, one region down",
            || Bench::planned(60).rebuild(&REGION_DOWN),
        ),
        case(
            "table/50 services, capacities with room: check what changed, one region down",
            || Bench::planned(60).check(&REGION_DOWN),
        ),
    ]
}

/// A region fails, of 12, and the others are full, or more than full.
fn crowded() -> [Case; 4] {
    let case = |name, prepare| Case { name, prepare };
    [
        case(
            "table/50 services, capacities just enough: rebuild, one region down",
            || Bench::planned(47).rebuild(&REGION_DOWN),
        ),
        case(
            "table/50 services, capacities just enough: check what changed, one region down",
            || Bench::planned(47).check(&REGION_DOWN),
        ),
        case(
            "table/50 services, capacities too small: rebuild, one region down",
            || Bench::planned(44).rebuild(&REGION_DOWN),
        ),
        case(
            "table/50 services, capacities too small: check what changed, one region down",
            || Bench::planned(44).check(&REGION_DOWN),
        ),
    ]
}

/// A service of 8 regions with 1,000 endpoints in each, no two weights in a row alike.
fn fleets() -> [Case; 12] {
    let case = |name, prepare| Case { name, prepare };
    [
        case("table/fleets of 1,000: deal", || dealt(1)),
        case("table/fleets of 1,000: build from scratch", || {
            Bench::of_fleets(1).scratch()
        }),
        case("table/fleets of 1,000: rebuild, one endpoint down", || {
            Bench::of_fleets(1).rebuild(&DOWN)
        }),
        case(
            "table/fleets of 1,000: check what changed, one endpoint down",
            || Bench::of_fleets(1).check(&DOWN),
        ),
        case("table/fleets of 1,000: check all", || {
            Bench::of_fleets(1).check_all()
        }),
        case("table/fleets of 1,000: select", || of_fleet(1, &[])),
        case("table/fleets of 1,000, answers of 16: deal", || dealt(16)),
        case(
            "table/fleets of 1,000, answers of 16: build from scratch",
            || Bench::of_fleets(16).scratch(),
        ),
        case(
            "table/fleets of 1,000, answers of 16: rebuild, one endpoint down",
            || Bench::of_fleets(16).rebuild(&DOWN),
        ),
        case(
            "table/fleets of 1,000, answers of 16: check what changed, one endpoint down",
            || Bench::of_fleets(16).check(&DOWN),
        ),
        case("table/fleets of 1,000, answers of 16: check all", || {
            Bench::of_fleets(16).check_all()
        }),
        case("table/fleets of 1,000, answers of 16: select", || {
            of_fleet(16, &[])
        }),
    ]
}

/// Single questions: of one service, and of all services in turn.
fn selections() -> [Case; 4] {
    let case = |name, prepare| Case { name, prepare };
    [
        case("table/select, cohorts alike", || {
            asked(&SINGLE, |_| SERVICE)
        }),
        case("table/select, by cohort", || asked(&[], |_| SERVICE)),
        case(
            "table/select, cohorts alike, 1,000 services in turn",
            || asked(&SINGLE, in_turn),
        ),
        case("table/select, by cohort, 1,000 services in turn", || {
            asked(&[], in_turn)
        }),
    ]
}

/// What a plan has dealt once for each tier of each region, before there is a table.
fn rings() -> [Case; 2] {
    let case = |name, prepare| Case { name, prepare };
    [
        case("table/deal a ring of 8 members", || deal(8)),
        case("table/deal a ring of 64 members", || deal(64)),
    ]
}

/// The plan of so many services.
pub(crate) fn plan(services: usize) -> Arc<Plan> {
    let machines: Vec<_> = (0..2 * REGIONS).map(|index| (index / 2, 1, 100)).collect();
    let mut world = World::new(&machines, &[]);
    let mut draws = Draws::from_seed(1);
    world.classes = (0..CLASSES)
        .map(|_| shuffled(REGIONS, &mut draws))
        .collect();
    world.services = services;
    world.plan()
}

/// The plan of 50 services over 12 regions that ask for 1,000 units in all, where each of the 24
/// endpoints can carry so many: all healthy, each carries 41.7; with a region down, 45.5.
fn planned(capacity: u32) -> Arc<Plan> {
    let machines: Vec<_> = (0..24).map(|index| (index / 2, 1, 100)).collect();
    let mut world = World::new(&machines, &[]);
    let mut draws = Draws::from_seed(1);
    world.classes = (0..CLASSES).map(|_| shuffled(12, &mut draws)).collect();
    world.services = 50;
    let mut plan = Arc::into_inner(world.plan()).expect("nobody else has it");
    for service in &mut plan.services {
        service.demand = Demand::Whole(20);
    }
    for endpoint in &mut plan.endpoints {
        endpoint.capacity = Some(capacity);
    }
    Arc::new(plan)
}

/// The plan of a service with a fleet in each region, so many of it in an answer.
fn fleet_plan(answers: u8) -> Arc<Plan> {
    let machines = (0..1000 * REGIONS).map(|index| (index / 1000, 1, weight(index)));
    let machines: Vec<_> = machines.collect();
    let mut world = World::new(&machines, &[]);
    let mut draws = Draws::from_seed(1);
    world.classes = (0..CLASSES)
        .map(|_| shuffled(REGIONS, &mut draws))
        .collect();
    world.answers = answers;
    world.fleets = Some(Missing::Divided);
    world.plan()
}

/// Some weight up to 250.
fn weight(index: u16) -> u16 {
    1 + index.wrapping_mul(7919) % 250
}

/// What a plan has dealt for a fleet.
fn dealt(answers: u8) -> Box<dyn FnMut()> {
    let weights: Vec<u16> = (0..1000).map(weight).collect();
    Box::new(move || {
        let weights = black_box(&weights);
        drop(black_box(Fleet::deal(
            weights,
            answers,
            Missing::Divided,
            1,
        )));
    })
}

/// Asks a table of fleets for one selection after the other.
fn of_fleet(answers: u8, shares: &[u16]) -> Box<dyn FnMut()> {
    let table = build(&fleet_plan(answers), shares, None);
    let mut count: u16 = 0;
    Box::new(move || {
        count = count.wrapping_add(7);
        let found = table.select(SERVICE, Family::V4, ClassId(count % CLASSES), count);
        black_box(found).expect("every class of this plan has an endpoint");
    })
}

/// The table of a plan, with everything healthy but the shares of the first endpoints.
pub(crate) fn build(plan: &Arc<Plan>, shares: &[u16], previous: Option<&Table>) -> Table {
    let standings = standings(plan, shares);
    Table::build(1, Arc::clone(plan), standings, Moment(0), previous)
}

fn shuffled(regions: u16, draws: &mut Draws) -> Vec<u16> {
    let mut regions: Vec<(u64, u16)> = (0..regions)
        .map(|region| (draws.next_u64(), region))
        .collect();
    regions.sort_unstable();
    regions.into_iter().map(|(_, region)| region).collect()
}

/// A plan, and its table with everything healthy.
struct Bench {
    plan: Arc<Plan>,
    whole: Table,
}

impl Bench {
    fn new(services: usize) -> Self {
        let plan = plan(services);
        let whole = build(&plan, &[], None);
        Self { plan, whole }
    }

    fn of_fleets(answers: u8) -> Self {
        let plan = fleet_plan(answers);
        let whole = build(&plan, &[], None);
        Self { plan, whole }
    }

    fn planned(capacity: u32) -> Self {
        let plan = planned(capacity);
        let whole = build(&plan, &[], None);
        Self { plan, whole }
    }

    fn scratch(self) -> Box<dyn FnMut()> {
        Box::new(move || drop(black_box(build(&self.plan, &[], None))))
    }

    fn rebuild(self, shares: &'static [u16]) -> Box<dyn FnMut()> {
        Box::new(move || drop(black_box(build(&self.plan, shares, Some(&self.whole)))))
    }

    fn check(self, shares: &[u16]) -> Box<dyn FnMut()> {
        let next = build(&self.plan, shares, Some(&self.whole));
        Box::new(move || assert_eq!(check_changed(black_box(&next), &self.whole), Ok(())))
    }

    fn check_all(self) -> Box<dyn FnMut()> {
        Box::new(move || assert_eq!(check(black_box(&self.whole)), Ok(())))
    }
}

/// Asks a table of 1,000 services for one selection after the other.
fn asked(shares: &[u16], service: fn(u16) -> ServiceId) -> Box<dyn FnMut()> {
    let table = build(&plan(1000), shares, None);
    let mut count: u16 = 0;
    Box::new(move || {
        count = (count + 7) % 1000;
        let class = ClassId(count / 4);
        let found = table.select(service(count), Family::V4, class, count);
        black_box(found).expect("every class of this plan has an endpoint");
    })
}

fn in_turn(count: u16) -> ServiceId {
    ServiceId(count % 1000)
}

/// Weights as they are in practice: a few sizes of machine.
fn deal(members: usize) -> Box<dyn FnMut()> {
    let weights: Vec<u16> = [100, 100, 200, 50]
        .into_iter()
        .cycle()
        .take(members)
        .collect();
    Box::new(move || drop(black_box(CohortOrder::deal(black_box(&weights), 1))))
}
