//! Sound tables pass; each planted breach is found.
use std::sync::Arc;

use crate::base::{EndpointId, Family, JurisdictionSet, Moment, Permille, Reason, RegionId};
use crate::dns::addresses::put;
use crate::plan::Plan;
use crate::steer::{Extent, Spread};
use crate::table::fixture::{SERVICE, World, standings};
use crate::table::layout::Planning;
use crate::table::pool::{PoolTable, Wait};
use crate::table::service_routes::{Rest, Route, ServiceRoutes, Step, Whole};

use super::{Breach, Table, check, check_changed};

fn plan() -> Arc<Plan> {
    World::new(
        &[(0, 1, 100), (0, 1, 100), (0, 2, 100), (1, 1, 100)],
        &[&[0, 1], &[1, 0], &[0]],
    )
    .plan()
}

fn table(shares: &[u16]) -> Table {
    let plan = plan();
    let standings = standings(&plan, shares);
    Table::build(1, plan, standings, Moment(0), None)
}

fn pool(table: &mut Table, index: usize) -> &mut PoolTable {
    Arc::get_mut(&mut table.pools[index]).unwrap()
}

fn shared_routes(table: &mut Table) -> &mut ServiceRoutes {
    Arc::get_mut(&mut table.service_routes[0]).unwrap()
}

fn breach(table: &Table) -> Breach {
    check(table).expect_err("a breach was planted").breach
}

#[test]
fn sound_tables_pass() {
    for shares in [
        &[1000, 1000, 1000, 1000][..],
        &[300, 1000, 1000, 1000],
        &[300, 200, 0, 0],
        &[0, 0, 0, 1],
        &[0, 0, 0, 0],
        &[1, 999, 500, 2],
    ] {
        assert_eq!(check(&table(shares)), Ok(()), "{shares:?}");
    }
}

#[test]
fn a_dead_endpoint_that_serves_is_found() {
    let mut table = table(&[]);
    let plan = Arc::clone(&table.plan);
    table.standings = standings(&plan, &[0]);
    assert_eq!(breach(&table), Breach::Dead("e0".into()));
}

#[test]
fn a_ramp_ahead_of_its_curve_is_found() {
    let mut table = table(&[600, 0, 0, 0]);
    let plan = Arc::clone(&table.plan);
    table.standings = standings(&plan, &[500, 0, 0, 0]);
    assert!(matches!(breach(&table), Breach::Ahead(name, 600, Permille(500)) if name == "e0"));
}

#[test]
fn a_better_tier_and_a_better_region_passed_over_are_found() {
    let mut table = table(&[0, 0, 1000, 1000]);
    let plan = Arc::clone(&table.plan);
    table.standings = standings(&plan, &[1000, 0, 1000, 1000]);
    assert_eq!(breach(&table), Breach::Passed("e0".into()));

    let mut table = self::table(&[]);
    for route in &mut shared_routes(&mut table).routes {
        for step in steps(route) {
            (step.pool, step.region) = (1, RegionId(1));
        }
    }
    assert_eq!(breach(&table), Breach::Passed("r0".into()));
}

fn steps(route: &mut Route) -> impl Iterator<Item = &mut Step> {
    route.first.iter_mut().chain(&mut route.later)
}

#[test]
fn an_answer_outside_the_fence_or_the_preference_is_found() {
    let strayed = |fence: Option<JurisdictionSet>| {
        let world = World::new(&[(0, 1, 100), (1, 1, 100)], &[&[0]]);
        let mut plan = Arc::into_inner(world.plan()).unwrap();
        let class = &mut Arc::get_mut(&mut plan.maps).unwrap()[0].classes[0];
        class.fence = fence.unwrap_or(class.fence);
        let standings = standings(&plan, &[0, 0]);
        let mut table = Table::build(1, Arc::new(plan), standings, Moment(0), None);
        lead_rest_to(&mut shared_routes(&mut table).routes[0], 1);
        breach(&table)
    };
    assert_eq!(strayed(None), Breach::Fence("r1".into()));
    let everywhere = strayed(Some(JurisdictionSet::EVERYWHERE));
    assert_eq!(everywhere, Breach::Preference("r1".into()));
}

#[test]
fn failing_open_anywhere_but_nearest_is_found() {
    let mut table = table(&[0, 0, 0, 0]);
    for route in &mut shared_routes(&mut table).routes {
        lead_rest_to(route, 1);
    }
    assert_eq!(breach(&table), Breach::Reason(Reason::FailOpen));
}

/// Fails open in this region, and has nothing ready.
fn lead_rest_to(route: &mut Route, region: u16) {
    route.whole = None;
    route.rest = Rest::FailOpen(region.into(), RegionId(region));
}

#[test]
fn a_pool_of_another_region_than_said_is_found() {
    let mut table = table(&[300, 300, 300, 300]);
    let routes = &mut shared_routes(&mut table).routes;
    for step in routes.iter_mut().flat_map(steps) {
        step.pool = 1 - step.pool;
    }
    assert_eq!(breach(&table), Breach::Foreign("r0".into()));

    let mut table = self::table(&[300, 300, 300, 300]);
    for route in &mut shared_routes(&mut table).routes {
        route.rest = Rest::Overflow(1, RegionId(0));
    }
    assert_eq!(breach(&table), Breach::Foreign("r0".into()));
}

#[test]
fn an_extent_that_is_not_the_true_one_is_found() {
    for (shares, extent) in [
        (&[300, 0, 0, 0][..], Extent::Everyone),
        (&[300, 0, 0, 0], Extent::Nobody),
        (&[], Extent::Some),
    ] {
        let mut table = table(shares);
        pool(&mut table, 0).state.extent = extent;
        assert_eq!(breach(&table), Breach::Scope, "{extent:?}");
    }
}

#[test]
fn a_spare_that_leaves_cohorts_or_is_dead_is_found() {
    let mut table = table(&[300, 200, 0, 0]);
    pool(&mut table, 0).spare.as_mut().unwrap().spread = Spread::Nobody;
    assert_eq!(breach(&table), Breach::Empty);

    let mut table = self::table(&[300, 200, 0, 0]);
    let dead = standings(&table.plan, &[0, 200, 0, 0]);
    pool(&mut table, 0).by_share =
        PoolTable::new(&plan(), table.layout.pools[0], &dead, Planning::Idle).by_share;
    table.standings = dead;
    assert_eq!(breach(&table), Breach::Dead("e0".into()));
}

#[test]
fn an_empty_answer_and_a_missing_one_are_found() {
    let mut table = table(&[]);
    pool(&mut table, 0).by_share.spread = Spread::Nobody;
    assert_eq!(breach(&table), Breach::Passed("e0".into()));

    let mut table = self::table(&[0, 0, 0, 0]);
    pool(&mut table, 0).spare = None;
    assert_eq!(breach(&table), Breach::Empty);

    let mut table = self::table(&[300, 0, 0, 0]);
    pool(&mut table, 0).spare = None;
    assert_eq!(breach(&table), Breach::Empty, "of some cohorts only");
}

#[test]
fn another_ones_addresses_are_found() {
    let mut table = table(&[]);
    table.pools.swap(0, 1);
    assert_eq!(breach(&table), Breach::Foreign("e3".into()));

    let mut table = self::table(&[]);
    let mut plan = Arc::into_inner(plan()).unwrap();
    plan.endpoints[1].addresses = plan.endpoints[0].addresses.clone();
    table.plan = Arc::new(plan);
    assert_eq!(breach(&table), Breach::Addresses);
}

/// What this endpoint gives, ready for every cohort of the first region's clients.
fn ready(table: &Table, endpoint: u32, reason: Reason) -> Whole {
    let mut records = Vec::new();
    let addresses = &table.plan.endpoints[endpoint as usize].addresses;
    addresses.iter().for_each(|one| put(*one, &mut records));
    Whole {
        records: records.into(),
        endpoints: [EndpointId(endpoint)].into(),
        region: Some(RegionId(0)),
        reason,
        wait: Wait::FOREVER,
    }
}

#[test]
fn cohorts_said_to_be_alike_that_differ_are_found() {
    let mut table = table(&[]);
    let whole = ready(&table, 0, Reason::Preferred);
    shared_routes(&mut table).routes[0].whole = Some(whole);
    assert_eq!(breach(&table), Breach::Scope);
}

#[test]
fn what_is_ready_and_not_what_the_pool_gives_is_found() {
    let planted = |shares: &[u16], endpoint, reason| {
        let mut table = table(shares);
        let whole = ready(&table, endpoint, reason);
        shared_routes(&mut table).routes[0].whole = Some(whole);
        breach(&table)
    };
    let other = planted(&[0, 1000, 1000, 1000], 2, Reason::Backup);
    assert_eq!(other, Breach::Foreign("e1".into()));
    let wrong = planted(&[0, 1000, 1000, 1000], 1, Reason::Failover);
    assert_eq!(wrong, Breach::Reason(Reason::Failover));
    let mut table = table(&[0, 1000, 1000, 1000]);
    let mut whole = ready(&table, 1, Reason::Preferred);
    whole.records[15] ^= 1;
    shared_routes(&mut table).routes[0].whole = Some(whole);
    assert_eq!(breach(&table), Breach::Addresses);
}

#[test]
fn only_what_changed_is_checked_again() {
    let before = table(&[]);
    let plan = Arc::clone(&before.plan);
    let dead = standings(&plan, &[0]);
    let mut next = Table::build(2, plan, Arc::clone(&dead), Moment(1), Some(&before));
    assert_eq!(check_changed(&next, &before), Ok(()));
    next.pools[0] = Arc::clone(&before.pools[0]);
    next.service_routes[0] = Arc::clone(&before.service_routes[0]);
    assert_eq!(
        check_changed(&next, &before),
        Ok(()),
        "shared routes are left out"
    );
    assert_eq!(breach(&next), Breach::Dead("e0".into()));
    assert!(
        next.select(SERVICE, Family::V4, crate::base::ClassId(0), 0)
            .is_some()
    );
}
