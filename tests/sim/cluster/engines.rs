//! Several engines, joined by what they share: what the vantages rule is what all of them answer.
use std::collections::BTreeSet;

use super::number;
use super::site::{ALONE_AFTER, MACHINES, Sites};
use super::world::Cut;

/// Time within which a death shows everywhere: two failures, a beat, two letters.
const SOON: u64 = 12_000;
/// Time within which a return is complete: as much, and a ramp of 10 s.
const BACK: u64 = 30_000;

/// Five honest vantages and a follower, to which all is well.
fn five() -> Sites {
    let mut world = Sites::new(0, 5, 1);
    world.run(BACK).unwrap();
    for site in &world.sites {
        assert_eq!(site.words(), ["healthy"; MACHINES]);
    }
    world
}

fn out_at(world: &Sites, places: &[usize]) -> Vec<BTreeSet<usize>> {
    let sites = places.iter().map(|place| world.sites[*place].outs());
    sites.collect()
}

#[test]
fn what_most_see_down_is_out_everywhere_and_comes_back_at_the_same_second() {
    let mut world = five();
    world.truth[1] = false;
    world.run(SOON).unwrap();
    let all = [0, 1, 2, 3, 4, 5];
    assert_eq!(out_at(&world, &all), vec![BTreeSet::from([1]); 6]);
    // One hears nothing while the machine comes back, and for a while after.
    world.cut = Some(Cut::around([4]));
    world.truth[1] = true;
    world.run(5_500).unwrap();
    world.cut = None;
    world.run(3_000).unwrap();
    let due = world.sites.iter().map(|site| site.next_step(1));
    let due: Option<Vec<u64>> = due.collect();
    let words = world.sites.iter().map(super::site::Site::words);
    let due = due.unwrap_or_else(|| panic!("{}: {:?}", world.now, words.collect::<Vec<_>>()));
    let spread = due.iter().max().unwrap() - due.iter().min().unwrap();
    assert!(spread <= 700, "steps are due at {due:?}");
    world.run(BACK).unwrap();
    for site in &world.sites {
        assert_eq!(site.shares(), [1000; MACHINES]);
    }
}

#[test]
fn a_minority_takes_nothing_out_and_says_so() {
    let mut world = five();
    for place in [0, 1, 5] {
        world.sites[place].blocked.insert(2);
    }
    world.run(60_000).unwrap();
    for (place, site) in world.sites.iter().enumerate() {
        let sees = [0, 1, 5].contains(&place);
        let word = if sees { "outvoted" } else { "healthy" };
        assert_eq!(site.words()[2], word);
        assert_eq!(site.shares(), [1000; MACHINES]);
    }
    let told = world.sites[0].told(2, world.now);
    let votes = "2 of 5 vantages see it down: timeout while connecting in region-0";
    assert!(told.contains(votes), "{told}");
    world.sites[2].blocked.insert(2);
    world.run(SOON).unwrap();
    let out = BTreeSet::from([2]);
    let all = [0, 1, 2, 3, 4, 5];
    assert_eq!(out_at(&world, &all), vec![out; 6], "three of five");
    assert_eq!(world.sites[4].words()[2], "down", "though it passes there");
    world.cut = Some(Cut::around([4]));
    world.restart(4);
    world.restart(4);
    world.run(10_000).unwrap();
    let out = [BTreeSet::from([2])];
    assert_eq!(out_at(&world, &[4]), out, "it has heard nobody yet");
    world.cut = None;
    world.run(SOON).unwrap();
    assert_eq!(out_at(&world, &[4]), out);
}

#[test]
fn two_truly_down_leave_although_one_node_is_cut_off_and_blind() {
    let mut world = five();
    let mut cut = Cut::around([3]);
    cut.blind.insert(3);
    world.cut = Some(cut);
    (world.truth[0], world.truth[3]) = (false, false);
    world.run(3 * ALONE_AFTER).unwrap();
    let out = BTreeSet::from([0, 3]);
    assert_eq!(out_at(&world, &[0, 1, 2, 4]), vec![out.clone(); 4]);
    let blind = &world.sites[3];
    assert_eq!(blind.shares(), [1000; MACHINES], "{:?}", blind.words());
    world.cut = None;
    world.run(SOON + 15_000).unwrap();
    assert_eq!(out_at(&world, &[3]), [out]);
}

#[test]
fn a_node_that_is_cut_off_and_sees_decides_after_a_while() {
    let mut world = five();
    world.cut = Some(Cut::around([2]));
    world.sites[2].blocked.insert(0);
    world.run(ALONE_AFTER - 5_000).unwrap();
    assert_eq!(out_at(&world, &[2]), [BTreeSet::new()], "apart");
    world.run(30_000).unwrap();
    assert_eq!(out_at(&world, &[2]), [BTreeSet::from([0])], "alone");
    world.cut = None;
    world.run(BACK).unwrap();
    assert_eq!(world.sites[2].words()[0], "outvoted");
}

#[test]
fn two_halves_take_nothing_out() {
    let mut world = Sites::new(0, 4, 0);
    world.run(BACK).unwrap();
    world.truth[1] = false;
    world.run(SOON).unwrap();
    assert_eq!(out_at(&world, &[0, 1, 2, 3]), vec![BTreeSet::from([1]); 4]);
    world.cut = Some(Cut::around([0, 1]));
    world.truth[2] = false;
    world.run(ALONE_AFTER - 10_000).unwrap();
    let out = BTreeSet::from([1]);
    assert_eq!(out_at(&world, &[0, 1, 2, 3]), vec![out; 4], "two of four");
    world.cut = None;
    world.run(SOON).unwrap();
    let out = BTreeSet::from([1, 2]);
    assert_eq!(out_at(&world, &[0, 1, 2, 3]), vec![out; 4]);
}

#[test]
fn engines_come_to_the_same_whatever_happens() {
    let (first, worlds) = (number("CLUSTER_FIRST", 0), number("CLUSTER_SEEDS", 8));
    let mut ejections = 0;
    for seed in first..first + worlds {
        let vantages = 3 + usize::try_from(seed % 4).unwrap();
        let mut world = Sites::new(seed, vantages, usize::try_from(seed % 2).unwrap());
        if let Err(wrong) = go_through(&mut world) {
            panic!("seed {seed}: {wrong}");
        }
        ejections += world.ejections;
    }
    assert!(ejections > 2 * worlds, "only {ejections} ejections");
}

/// A rough time, then a quiet one, at whose end all must be as it truly is.
fn go_through(world: &mut Sites) -> Result<(), String> {
    world.run(20_000)?;
    for _ in 0..40 {
        go_wrong(world);
        world.run(2_500)?;
    }
    world.heal();
    world.run(60_000)?;
    for site in world.honest() {
        let expected = world.truth.map(|up| if up { 1000 } else { 0 });
        if site.shares() != expected {
            let words = site.words();
            return Err(format!("{words:?}, and {:?} is so", world.truth));
        }
    }
    Ok(())
}

fn go_wrong(world: &mut Sites) {
    let nodes = world.sites.len();
    let place = usize::try_from(world.draws.below(nodes as u64)).unwrap();
    let machine = usize::try_from(world.draws.below(MACHINES as u64)).unwrap();
    match world.draws.below(12) {
        0..2 => world.truth[machine] ^= true,
        2 if world.cut.is_none() => world.cut = Some(Cut::draw(&mut world.draws, nodes)),
        2..4 => world.cut = None,
        4 => {
            world.sites[place].blocked.insert(machine);
        }
        5 => world.sites[place].blocked.clear(),
        6..8 => world.restart(place),
        8 => world.loss = world.draws.below(400),
        _ => {}
    }
}
