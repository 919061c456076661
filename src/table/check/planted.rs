//! Breaches of capacity that are planted into sound tables, and found.
use std::sync::Arc;

use crate::base::{Moment, Reason};
use crate::plan::{Demand, Overload, Plan};
use crate::steer::capacity::Placement;
use crate::steer::capacity::cohorts::Cohorts;
use crate::table::Table;
use crate::table::fixture::{Machine, World, standings};
use crate::table::service_routes::{Recipient, RouteAllocation};

use super::{Breach, check};

/// Two classes that ask for 50 each: `[0, 1, 2]` and `[1, 0, 2]`.
const CLASSES: [&[u16]; 2] = [&[0, 1, 2], &[1, 0, 2]];
const MACHINES: [Machine; 3] = [(0, 1, 100), (1, 1, 100), (2, 1, 100)];

/// The table of a plan with these capacities by endpoint, healthy but for these shares.
fn table(machines: &[Machine], capacities: &[u32], shares: &[u16]) -> Table {
    let mut plan = Arc::into_inner(World::new(machines, &CLASSES).plan()).unwrap();
    for (endpoint, capacity) in plan.endpoints.iter_mut().zip(capacities) {
        endpoint.capacity = Some(*capacity);
    }
    plan.services[0].demand = Demand::Whole(100);
    plan.services[0].overload = Overload::ShedLast;
    let standings = standings(&plan, shares);
    let table = Table::build(1, Arc::new(plan), standings, Moment(0), None);
    assert_eq!(check(&table), Ok(()));
    table
}

/// The allocations of class 0, whose route is the last but one.
fn allocations(table: &mut Table) -> &mut [RouteAllocation] {
    let routes = Arc::get_mut(&mut table.service_routes[0]).unwrap();
    let mut routes = routes
        .routes
        .iter_mut()
        .filter(|own| !own.allocations.is_empty());
    &mut routes.next().expect("someone is led").allocations
}

/// Alters the plan of a table after it was built.
fn alter(table: &mut Table, change: impl FnOnce(&mut Plan)) {
    let plan = World::new(&MACHINES, &CLASSES).plan();
    let mut plan = Arc::into_inner(plan).unwrap();
    plan.services[0].demand = table.plan.services[0].demand.clone();
    plan.services[0].overload = table.plan.services[0].overload;
    plan.services[0].pools = table.plan.services[0].pools.clone();
    plan.endpoints.clone_from(&table.plan.endpoints);
    change(&mut plan);
    table.plan = Arc::new(plan);
}

fn breach(table: &Table) -> Breach {
    check(table).expect_err("a breach was planted").breach
}

#[test]
fn a_place_above_its_capacity_is_found() {
    let mut table = table(&MACHINES, &[100, 80, 100], &[0]);
    alter(&mut table, |plan| plan.endpoints[1].capacity = Some(70));
    assert_eq!(breach(&table), Breach::Above("e1".into(), 80, 70));

    let mut table = self::table(&MACHINES, &[100, 80, 100], &[0]);
    alter(&mut table, |plan| plan.regions[2].capacity = Some(19));
    assert_eq!(breach(&table), Breach::Above("r2".into(), 20, 19));
}

#[test]
fn overload_that_is_hidden_is_found() {
    let mut table = table(&MACHINES, &[100, 40, 20], &[0]);
    for allocation in allocations(&mut table) {
        if allocation.placement == Placement::Overloaded {
            allocation.placement = Placement::Moved;
        }
    }
    assert!(matches!(breach(&table), Breach::Above(name, 50, 20) if name == "e2"));
}

#[test]
fn overload_while_there_is_room_is_found() {
    let mut table = table(&MACHINES, &[100, 40, 20], &[0]);
    alter(&mut table, |plan| plan.endpoints[2].capacity = Some(90));
    assert_eq!(breach(&table), Breach::Room("e2".into()));
}

#[test]
fn overload_that_is_served_elsewhere_than_asked_for_is_found() {
    let mut table = table(&MACHINES, &[100, 40, 20], &[0]);
    alter(&mut table, |plan| {
        plan.services[0].overload = Overload::Stay
    });
    assert_eq!(breach(&table), Breach::Reason(Reason::Overloaded));
}

#[test]
fn a_move_that_is_not_named_and_one_that_is_none_are_found() {
    let mut table = table(&MACHINES, &[100, 80, 100], &[0]);
    let moved = |allocation: &&mut RouteAllocation| allocation.placement == Placement::Moved;
    let allocation = allocations(&mut table).iter_mut().find(moved).unwrap();
    allocation.placement = Placement::Natural;
    assert_eq!(breach(&table), Breach::Reason(Reason::Preferred));

    let mut table = self::table(&MACHINES, &[100, 80, 100], &[0]);
    let stays = |allocation: &&mut RouteAllocation| allocation.placement == Placement::Natural;
    let allocation = allocations(&mut table).iter_mut().find(stays).unwrap();
    allocation.placement = Placement::Moved;
    assert_eq!(breach(&table), Breach::Reason(Reason::Full));
}

#[test]
fn cohorts_in_no_lot_and_in_two_are_found() {
    let mut table = table(&MACHINES, &[100, 80, 100], &[0]);
    let allocation = &mut allocations(&mut table)[0];
    allocation.cohorts = allocation.cohorts.first(0, 10);
    assert_eq!(breach(&table), Breach::Empty);

    let mut table = self::table(&MACHINES, &[100, 80, 100], &[0]);
    allocations(&mut table)[0].cohorts = Cohorts::ALL;
    assert_eq!(breach(&table), Breach::Scope);
}

#[test]
fn a_ramp_that_is_passed_because_another_place_is_full_is_found() {
    // The first is nearly full, the second on a ramp: it may take some of the first one's alone.
    let machines = [(0, 1, 100), (0, 1, 100), (1, 1, 100), (2, 1, 100)];
    let mut table = table(&machines, &[10, 100, 100, 100], &[1000, 600]);
    let routes = Arc::get_mut(&mut table.service_routes[0]).unwrap();
    let alone = |allocation: &RouteAllocation| matches!(&allocation.by, Recipient::Alone(endpoint, _) if endpoint.0 == 1);
    let mut routes = routes.routes.iter_mut();
    let route = routes
        .find(|own| own.allocations.iter().any(alone))
        .unwrap();
    let taken = route.allocations.iter().position(alone).unwrap();
    let others = route.allocations.iter().enumerate();
    let others = others.filter(|(place, _)| *place != taken);
    let all: Vec<Cohorts> = others.map(|(_, allocation)| allocation.cohorts).collect();
    for allocation in &mut route.allocations {
        allocation.cohorts = Cohorts::NONE;
    }
    let all = all.iter().fold(Cohorts::NONE, |all, own| all.or(own));
    route.allocations[taken].cohorts = all;
    assert_eq!(breach(&table), Breach::Beyond("e1".into()));
}
