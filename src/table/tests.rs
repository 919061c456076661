//! What a table gives, by hand-built plans.
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, EndpointId, Family, Moment, Reason, RegionId, Span, Standing};
use crate::dns::addresses;
use crate::plan::{AllDown, Plan, TtlBounds};

use super::fixture::{SERVICE, World, standing, standings};
use super::{Selection, Stranded, Table};

const NOW: Moment = Moment(1_000_000);

fn table(plan: &Arc<Plan>, shares: &[u16]) -> Table {
    build(plan, standings(plan, shares), None)
}

fn build(plan: &Arc<Plan>, standings: Arc<[Standing]>, previous: Option<&Table>) -> Table {
    Table::build(1, Arc::clone(plan), standings, NOW, previous)
}

fn select(table: &Table, class: u16, cohort: u16) -> Selection<'_> {
    let found = table.select(SERVICE, Family::V4, ClassId(class), cohort);
    found.expect("every class of these worlds has an endpoint")
}

/// Reason, region and how many cohorts, for a class.
fn outcome(table: &Table, class: u16) -> Vec<(Reason, Vec<u32>, usize)> {
    let mut found: std::collections::BTreeMap<(Reason, Vec<u32>), usize> = Default::default();
    for cohort in 0..COHORTS {
        let selection = select(table, class, cohort);
        let endpoints = selection
            .endpoints
            .iter()
            .map(|endpoint| endpoint.0)
            .collect();
        *found.entry((selection.reason, endpoints)).or_default() += 1;
    }
    let flat = found.into_iter();
    flat.map(|((reason, endpoints), count)| (reason, endpoints, count))
        .collect()
}

/// Region 0 with a primary (0) and a backup (1), region 1 with a primary (2) and a backup (3).
fn two_regions() -> World {
    World::new(
        &[(0, 1, 100), (0, 2, 100), (1, 1, 100), (1, 2, 100)],
        &[&[0, 1], &[1, 0], &[0]],
    )
}

#[test]
fn chains_go_from_tier_to_tier_and_region_to_region() {
    let plan = two_regions().plan();
    let whole = |reason, endpoint: u32| vec![(reason, vec![endpoint], 1000)];
    for (shares, class, expected) in [
        (
            &[1000, 1000, 1000, 1000][..],
            0,
            whole(Reason::Preferred, 0),
        ),
        (&[1000, 1000, 1000, 1000], 1, whole(Reason::Preferred, 2)),
        (&[0, 1000, 1000, 1000], 0, whole(Reason::Backup, 1)),
        (&[0, 0, 1000, 1000], 0, whole(Reason::Failover, 2)),
        (&[0, 0, 0, 1000], 0, whole(Reason::Failover, 3)),
        (&[0, 0, 0, 0], 0, whole(Reason::FailOpen, 0)),
        (&[0, 0, 0, 0], 1, whole(Reason::FailOpen, 2)),
        (&[0, 0, 1000, 1000], 2, whole(Reason::FailOpen, 0)),
        (
            &[0, 0, 0, 5],
            0,
            vec![
                (Reason::Failover, vec![3], 5),
                (Reason::Overflow, vec![3], 995),
            ],
        ),
        (
            &[300, 1000, 1000, 1000],
            0,
            vec![
                (Reason::Preferred, vec![0], 300),
                (Reason::Backup, vec![1], 700),
            ],
        ),
        (
            &[300, 0, 1000, 1000],
            0,
            vec![
                (Reason::Preferred, vec![0], 300),
                (Reason::Failover, vec![2], 700),
            ],
        ),
        (
            &[300, 0, 0, 0],
            0,
            vec![
                (Reason::Preferred, vec![0], 300),
                (Reason::Overflow, vec![0], 700),
            ],
        ),
    ] {
        let table = table(&plan, shares);
        assert_eq!(outcome(&table, class), expected, "{shares:?} class {class}");
    }
}

#[test]
fn all_down_is_said_where_the_service_asks_for_it() {
    let mut world = two_regions();
    world.all_down = AllDown::Servfail;
    let plan = world.plan();
    let dead = table(&plan, &[0, 0, 0, 0]);
    let selection = select(&dead, 0, 17);
    assert_eq!(
        (selection.reason, selection.region),
        (Reason::AllDown, None)
    );
    assert!(selection.records.is_empty() && selection.endpoints.is_empty());
    let stranded = |table: &Table| table.stranded(SERVICE, Family::V4);
    let all = Stranded {
        classes: 3,
        of: 3,
        regions: vec![RegionId(0), RegionId(1)],
    };
    assert_eq!(stranded(&dead), Some(all));
    let alive = table(&plan, &[0, 0, 0, 1]);
    assert_eq!(select(&alive, 0, 17).reason, Reason::Overflow);
    let last = Stranded {
        classes: 1,
        of: 3,
        regions: vec![RegionId(0)],
    };
    assert_eq!(stranded(&alive), Some(last), "class 2 sees region 0 only");
    assert_eq!(stranded(&table(&plan, &[1, 0, 0, 0])), None);
}

#[test]
fn a_family_without_endpoints_is_none_and_the_rest_is_found_by_region() {
    let plan = two_regions().plan();
    let table = table(&plan, &[]);
    assert_eq!(table.select(SERVICE, Family::V6, ClassId(0), 0), None);
    assert_eq!(table.select(SERVICE, Family::V4, ClassId(99), 0), None);
    let selection = select(&table, 1, 999);
    let given: Vec<IpAddr> = addresses::read(Family::V4, selection.records).collect();
    assert_eq!(given, ["192.0.0.2".parse::<IpAddr>().unwrap()]);
    assert_eq!(selection.endpoints, [EndpointId(2)]);
    assert_eq!(selection.region, Some(RegionId(1)));
    assert!(!selection.by_cohort);
}

#[test]
fn a_region_without_members_is_not_the_first_preference() {
    let plan = World::new(&[(1, 1, 1), (2, 1, 1)], &[&[0, 1, 2]]).plan();
    let reason = |shares: &[u16]| select(&table(&plan, shares), 0, 3).reason;
    assert_eq!(reason(&[1000, 1000]), Reason::Preferred);
    assert_eq!(reason(&[0, 1000]), Reason::Failover);
}

#[test]
fn weights_and_several_answers_follow_the_ring() {
    let mut world = World::new(&[(0, 1, 100), (0, 1, 300)], &[&[0]]);
    let counts = outcome(&table(&world.plan(), &[]), 0);
    let by_weight = [(vec![0], 250), (vec![1], 750)];
    assert_eq!(
        counts,
        by_weight.map(|(who, count)| (Reason::Preferred, who, count))
    );
    world.answers = 2;
    let table = table(&world.plan(), &[]);
    let counts = outcome(&table, 0);
    let by_weight = [(vec![0, 1], 250), (vec![1, 0], 750)];
    assert_eq!(
        counts,
        by_weight.map(|(who, count)| (Reason::Preferred, who, count))
    );
    let records = select(&table, 0, 0).records;
    assert_eq!(addresses::read(Family::V4, records).count(), 2);
    assert!(select(&table, 0, 0).by_cohort);
}

#[test]
fn ttl_is_the_time_until_something_consulted_could_change() {
    let plan = two_regions().plan();
    let bounds = TtlBounds {
        min: Span::from_secs(10),
        max: Span::from_secs(60),
    };
    let lasting = |share, hold, until: Option<u64>| Standing {
        hold: Span::from_secs(hold),
        until: until.map(|seconds| NOW.after(Span::from_secs(seconds))),
        ..standing(share)
    };
    for (why, row, expected) in [
        (
            "its own hold",
            [(1000, 20, None), (1000, 12, None), (1000, 12, None)],
            20,
        ),
        (
            "the tier above may come back",
            [(0, 25, None), (1000, 40, None), (1000, 12, None)],
            25,
        ),
        (
            "the region before may come back",
            [(0, 33, None), (0, 31, None), (1000, 50, None)],
            31,
        ),
        (
            "a ramp step comes first",
            [(1000, 40, Some(22)), (1000, 1, None), (1000, 1, None)],
            22,
        ),
        (
            "not below the least",
            [(1000, 0, None), (1000, 30, None), (1000, 30, None)],
            10,
        ),
        (
            "not above the most",
            [(1000, 900, None), (1000, 30, None), (1000, 30, None)],
            60,
        ),
    ] {
        let mut all = vec![lasting(1000, 12, None); 4];
        for (place, (share, hold, until)) in all.iter_mut().zip(row) {
            *place = lasting(share, hold, until);
        }
        let table = build(&plan, all.into(), None);
        assert_eq!(select(&table, 0, 5).ttl(NOW, bounds), expected, "{why}");
    }
}

#[test]
fn what_did_not_change_is_shared() {
    let plan = two_regions().plan();
    let first = table(&plan, &[]);
    let same = build(&plan, standings(&plan, &[]), Some(&first));
    assert!(Arc::ptr_eq(&first.layout, &same.layout));
    assert!(
        first
            .service_routes
            .iter()
            .zip(&same.service_routes)
            .all(|(one, other)| Arc::ptr_eq(one, other))
    );
    let next = build(&plan, standings(&plan, &[0]), Some(&first));
    let shared = first.pools.iter().zip(&next.pools);
    let shared: Vec<bool> = shared.map(|(one, other)| Arc::ptr_eq(one, other)).collect();
    assert_eq!(shared, [false, true], "one pool of two changed");
    let scratch = table(&plan, &[0]);
    assert_eq!(
        (&scratch.pools, &scratch.service_routes),
        (&next.pools, &next.service_routes)
    );
    let elsewhere = build(&two_regions().plan(), standings(&plan, &[]), Some(&first));
    assert!(!Arc::ptr_eq(&first.layout, &elsewhere.layout));
}

#[test]
fn services_that_are_steered_alike_are_one_part() {
    let mut world = two_regions();
    world.services = 5;
    world.families = vec![Family::V4, Family::V6];
    let table = table(&world.plan(), &[]);
    assert_eq!(table.layout.routes_of.len(), 5);
}

#[test]
fn a_pool_is_seen_as_status_shows_it() {
    let plan = two_regions().plan();
    let table = table(&plan, &[300, 0, 0, 1000]);
    let view = |region| table.pool_view(SERVICE, Family::V4, RegionId(region));
    let (first, second) = (view(0).unwrap(), view(1).unwrap());
    assert_eq!((first.share_permille, first.tier), (300, Some(1)));
    assert_eq!(first.serving, [EndpointId(0)]);
    assert_eq!((second.share_permille, second.tier), (1000, Some(2)));
    assert_eq!(table.pool_view(SERVICE, Family::V6, RegionId(0)), None);
}
