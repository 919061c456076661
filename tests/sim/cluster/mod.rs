//! Several nodes that share what they know, in seeded worlds: links, clocks, disks, liars and twins.
//!
//! | module | what it is |
//! |---|---|
//! | `world` | three to seven nodes, the links between them, what operators order, what goes wrong |
//! | `nodes` | one node: its core, its disk, its clock, what it believes |
//! | `checks` | what must hold, by what truly happened; names nothing of the core's rules |
//! | `declared` | what is declared on one node, and comes to all |
//! | `engines`, `site` | the same with a whole engine on each node: what the cluster's ruling does to health and answers |
//! | `regions` | clients of regions whose own vantages see otherwise than the rest |
//! | `rosters` | a roster that has changed on some of the nodes |
//! | `secrets` | secrets that all nodes have in common: no cookie of one is refused by another |
//! | `releases` | releases of the shared config: in waves, halted, refused |
//! | `scale` | fifteen vantages and many followers: what each carries, and the time until all rule the same |
//! | `partitions` | a table of partitions, row by row |
//! | `model` | three nodes and every interleaving: votes, orders, isolation, being alone |
//!
//! A world is rough for some minutes, then everything heals but the liars, and all must come to the same. `CLUSTER_SEEDS` says how
//! many worlds are gone through, `CLUSTER_FIRST` with which seed they begin.
mod checks;
mod declared;
mod engines;
mod model;
mod nodes;
mod partitions;
mod regions;
mod releases;
mod rosters;
mod scale;
mod secrets;
mod site;
mod world;

use world::World;

/// The number that the environment says, or this one.
fn number(name: &str, usual: u64) -> u64 {
    let asked = std::env::var(name).ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn nodes_come_to_the_same_whatever_happens() {
    let (mut orders, mut ejections, mut cuts) = (0, 0, 0);
    let (first, worlds) = (number("CLUSTER_FIRST", 0), number("CLUSTER_SEEDS", 12));
    for seed in first..first + worlds {
        let mut world = World::new(seed);
        if let Err(wrong) = world.run() {
            panic!("seed {seed}: {wrong}\n{}", world.told());
        }
        orders += world.acknowledged.len() as u64;
        ejections += world.ejections;
        cuts += world.cuts;
    }
    // Otherwise it would be a proof of worlds in which nothing happens.
    assert!(orders > 3 * worlds, "only {orders} orders");
    assert!(ejections > 2 * worlds, "only {ejections} ejections");
    assert!(2 * cuts > worlds, "only {cuts} cuts");
}
