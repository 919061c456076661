//! The same judge over whole worlds: a real engine among swarm faults, orders and reloads, and every
//! table that it publishes, until all is well again.
use std::sync::Arc;

use waypost::base::Span;
use waypost::engine::Order;
use waypost::engine::order::Action;
use waypost::plan::FamilyPairing;
use waypost::sim::swarm::{self, Fault};
use waypost::sim::{Swarm, TestPlan, Truth, World};

use super::*;

const STRIKES: u64 = 8;
/// After this everything is back: probes, hold-downs and ramps of these worlds are seconds.
const HEALING: Span = Span::from_secs(1200);

/// The plan of a test plan, with capacities and with services that ask for about as much as fits.
fn demanding(test_plan: &TestPlan, draws: &mut Draws) -> Arc<Plan> {
    let mut plan = Arc::into_inner(test_plan.plan()).unwrap();
    for endpoint in &mut plan.endpoints {
        endpoint.capacity = draws
            .chance(900)
            .then(|| 20 + u32::from(number(draws, 200)));
    }
    for region in &mut plan.regions {
        region.capacity = draws
            .chance(300)
            .then(|| 50 + u32::from(number(draws, 400)));
    }
    for map in Arc::get_mut(&mut plan.maps).unwrap() {
        map.sizes = map.classes.iter().map(|_| draws.below(1000)).collect();
        for lots in &map.lots {
            // Nobody is in it who is not in one of those that its clients draw.
            map.sizes[lots.of.index()] = 0;
        }
    }
    for service in &mut plan.services {
        // Families that come from one region are refused where demand is stated.
        service.steering.families = FamilyPairing::Apart;
        service.demand = Demand::Whole(20 + u32::from(number(draws, 300)));
        service.overload =
            [Overload::Spread, Overload::ShedLast, Overload::Stay][usize::from(number(draws, 3))];
    }
    Arc::new(plan)
}

/// Plays a seed, and judges every table of it.
fn judge_course(mut told: Told, seed: u64) -> Told {
    let mut draws = Draws::from_seed(seed);
    let mut test_plan = TestPlan::draw(&mut draws);
    let swarm = Swarm::draw(&mut draws);
    let plan = demanding(&test_plan, &mut draws);
    let mut world = World::new(plan, draws.next_u64());
    for _ in 0..STRIKES {
        let plan = world.plan().clone();
        match swarm.strike(&mut world.truth, &plan, &mut draws) {
            Fault::Reload => {
                test_plan.change(&mut draws);
                world.reload(demanding(&test_plan, &mut draws));
            }
            kind @ (Fault::Drain | Fault::Approve) => {
                let request = swarm::order(kind, &plan, world.now(), &mut draws);
                world.order(request);
            }
            Fault::Dead
            | Fault::Slow
            | Fault::Late
            | Fault::Flapping
            | Fault::Lossy
            | Fault::Region
            | Fault::Provider
            | Fault::Dim
            | Fault::Blind
            | Fault::Behind
            | Fault::Mislaid
            | Fault::Canary => {}
        }
        world.run_until(world.now().after(Span(200 + draws.below(9000))));
    }
    heal(&mut world);
    let mut before: Option<&Table> = None;
    for (_, table) in world.published() {
        let same = before.filter(|before| Arc::ptr_eq(&before.plan, &table.plan));
        if let Some(before) = same {
            assert_eq!(check_changed(table, before), Ok(()), "seed {seed}");
        }
        before = Some(table);
        let view = View::of(table);
        Judge { view: &view, seed }.judge();
        compare_loads(table, &view, seed);
        told.add(&view);
    }
    let shares = world.table().standings.iter().map(|own| own.share.0);
    assert!(
        shares.clone().all(|share| share == 1000),
        "seed {seed}: {:?}",
        shares.collect::<Vec<_>>()
    );
    told
}

/// Mends everything, lets everyone in, and waits.
fn heal(world: &mut World) {
    world.truth = Truth::default();
    let end = world.now().after(HEALING);
    let scopes = swarm::scopes(world.plan());
    while world.now() < end {
        for action in [Action::Undrain, Action::Approve] {
            for scope in &scopes {
                let order = Order {
                    action,
                    scope: scope.clone(),
                    author: String::new(),
                    reason: String::new(),
                };
                world.order(order.insisted());
            }
        }
        world.run_until(world.now().after(Span::from_secs(30)));
    }
}

#[test]
fn no_course_of_faults_and_orders_pushes_anybody_above() {
    // What all of them must have seen shows in a few, and not in one.
    let seeds = (seeds() / 40).max(5);
    let told = judge_all(seeds, judge_course);
    let often = |count| count > seeds;
    assert!(often(told.full) && often(told.overloaded), "{told:?}");
    assert!(often(told.calm) && often(told.fits_only_moved), "{told:?}");
}
