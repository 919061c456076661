//! Clients of regions whose own vantages see otherwise than the rest: what is down for them is answered to nobody else, and to them alone
//! comes back by a ramp.
use std::collections::BTreeSet;

use super::number;
use super::site::{MACHINES, Sites};
use super::world::Cut;

/// Time within which what is seen shows everywhere, and within which a return is complete.
const SOON: u64 = 12_000;
const BACK: u64 = 40_000;
/// Regions with two vantages of their own and two machines each; the vantages and machines of one are those of its number.
const REGIONS: u16 = 2;

/// Five vantages, of which two stand where each region of the plan is, and those who follow.
fn five(seed: u64, followers: usize) -> Sites {
    let mut world = Sites::in_regions("r", seed, (5, followers));
    world.run(BACK).unwrap();
    world
}

fn vantages_of(region: u16) -> [usize; 2] {
    let first = usize::from(region) * 2;
    [first, first + 1]
}

/// Keeps both vantages of a region from machines.
fn block(world: &mut Sites, region: u16, machines: &[usize]) {
    for place in vantages_of(region) {
        world.sites[place].blocked.extend(machines);
    }
}

fn assert_chosen(world: &Sites, class: u16, expected: &[usize]) {
    for (place, site) in world.sites.iter().enumerate() {
        let chosen = site.chosen(class);
        let expected: BTreeSet<usize> = expected.iter().copied().collect();
        assert_eq!(
            chosen,
            expected,
            "class {class} at {place}: {:?}",
            site.words()
        );
    }
}

#[test]
fn what_both_vantages_of_a_region_see_down_is_out_for_its_clients_alone() {
    let mut world = five(0, 1);
    assert_chosen(&world, 0, &[0, 1]);
    block(&mut world, 0, &[0, 2]);
    world.run(SOON).unwrap();
    assert_chosen(&world, 0, &[1]);
    assert_chosen(&world, 1, &[2, 3]);
    for site in &world.sites {
        assert_eq!(site.shares(), [1000; MACHINES], "for the rest all is well");
        assert!(site.is_current(world.now));
        let told = site.told(0, world.now);
        let words = "down for clients of r0: 2 of 2 vantages there see it down; up for the rest";
        assert!(told.contains(words), "{told}");
    }
    // All of their own region is out for them: they go to what they see of the other.
    block(&mut world, 0, &[1]);
    world.sites.iter_mut().for_each(|site| {
        site.blocked.remove(&2);
    });
    world.run(BACK).unwrap();
    assert_chosen(&world, 0, &[2, 3]);
    assert_chosen(&world, 1, &[2, 3]);
    // One of the two sees it again: they do not agree, and the whole decides.
    world.sites[1].blocked.clear();
    world.run(BACK).unwrap();
    assert_chosen(&world, 0, &[0, 1]);
    let rows = world
        .sites
        .iter()
        .map(|site| site.engine.table().region_rows().count());
    assert_eq!(rows.max(), Some(0), "nothing is kept that is as for all");
}

#[test]
fn what_is_down_for_all_but_one_region_stays_for_its_clients() {
    let mut world = five(0, 0);
    block(&mut world, 1, &[3]);
    world.sites[4].blocked.insert(3);
    world.run(SOON).unwrap();
    assert_chosen(&world, 0, &[0, 1]);
    assert_chosen(&world, 1, &[2]);
    assert!(
        world.sites.iter().all(|site| site.shares()[3] == 0),
        "three of five"
    );
    // Nothing is left where they are but what the others do not see.
    block(&mut world, 0, &[0, 1]);
    world.run(SOON).unwrap();
    assert_chosen(&world, 0, &[2, 3]);
}

#[test]
fn a_return_for_one_region_has_a_ramp_of_its_own_over_a_restart() {
    let mut world = five(0, 0);
    block(&mut world, 0, &[0]);
    world.run(SOON).unwrap();
    for place in 0..5 {
        world.restart(place);
        world.restart(place);
    }
    world.run(5_000).unwrap();
    assert_chosen(&world, 0, &[1]);
    world.sites.iter_mut().for_each(|site| site.blocked.clear());
    world.run(8_000).unwrap();
    for site in &world.sites {
        let rows = site.engine.table().region_rows();
        let shares: Vec<u16> = rows
            .flat_map(|own| &own.rows)
            .map(|(_, own)| own.share.0)
            .collect();
        assert_eq!(shares, [100], "the first step of the ramp");
        assert_eq!(site.shares(), [1000; MACHINES]);
    }
    world.run(BACK).unwrap();
    assert_chosen(&world, 0, &[0, 1]);
}

#[test]
fn a_restart_on_two_ramps_leaves_no_step_behind() {
    let mut world = five(0, 0);
    for site in &mut world.sites {
        site.blocked.insert(0);
    }
    world.run(SOON).unwrap();
    world.sites[2..]
        .iter_mut()
        .for_each(|site| site.blocked.clear());
    world.run(8_000).unwrap();
    world.sites.iter_mut().for_each(|site| site.blocked.clear());
    // Each node restarts elsewhere in between the steps of the whole and those of the region.
    for place in 0..5 {
        world.run(1_700).unwrap();
        world.restart(place);
        world.restart(place);
    }
    world.run(2 * BACK).unwrap();
    assert_chosen(&world, 0, &[0, 1]);
    assert_chosen(&world, 1, &[2, 3]);
}

#[test]
fn clients_are_given_what_their_region_sees_whatever_happened() {
    let (first, worlds) = (number("CLUSTER_FIRST", 0), number("CLUSTER_SEEDS", 8));
    let mut apart = 0;
    for seed in first..first + worlds {
        let followers = usize::try_from(seed % 2).unwrap();
        let mut world = five(seed, followers);
        for _ in 0..30 {
            go_wrong(&mut world);
            world.run(2_500).unwrap();
        }
        world.heal();
        world.truth = [true; MACHINES];
        let dead = usize::try_from(world.draws.below(MACHINES as u64)).unwrap();
        world.truth[dead] = world.draws.chance(500);
        let mut unseen = Vec::new();
        for region in 0..REGIONS {
            let machine = usize::try_from(world.draws.below(MACHINES as u64)).unwrap();
            block(&mut world, region, &[machine]);
            unseen.push(machine);
        }
        world.run(2 * BACK).unwrap();
        for region in 0..REGIONS {
            let expected = expected(&world.truth, region, unseen[usize::from(region)]);
            for site in world.honest() {
                let words = site.words();
                assert_eq!(
                    site.chosen(region),
                    expected,
                    "seed {seed}, {region}: {words:?}"
                );
                assert!(site.is_current(world.now), "seed {seed}");
                apart += site.engine.table().region_rows().count();
            }
        }
    }
    let least = usize::try_from(worlds).unwrap();
    assert!(apart > least, "only {apart} rows");
}

/// The machines that are well and seen in the first region of its preference that has any, from what truly is.
fn expected(truth: &[bool; MACHINES], region: u16, unseen: usize) -> BTreeSet<usize> {
    let order = [region, 1 - region];
    let mut pools = order.iter().map(|own| {
        let machines = vantages_of(*own).into_iter();
        machines
            .filter(|machine| truth[*machine] && *machine != unseen)
            .collect::<BTreeSet<usize>>()
    });
    pools.find(|pool| !pool.is_empty()).unwrap()
}

fn go_wrong(world: &mut Sites) {
    let nodes = world.sites.len();
    let place = usize::try_from(world.draws.below(nodes as u64)).unwrap();
    let machine = usize::try_from(world.draws.below(MACHINES as u64)).unwrap();
    let region = u16::try_from(world.draws.below(REGIONS.into())).unwrap();
    match world.draws.below(10) {
        0 => world.truth[machine] ^= true,
        1 if world.cut.is_none() => world.cut = Some(Cut::draw(&mut world.draws, nodes)),
        1..3 => world.cut = None,
        3..6 => block(world, region, &[machine]),
        6..8 => vantages_of(region)
            .into_iter()
            .for_each(|place| world.sites[place].blocked.clear()),
        8 => world.restart(place),
        _ => world.loss = world.draws.below(300),
    }
}
