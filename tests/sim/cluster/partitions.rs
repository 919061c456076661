//! The table of partitions that k8gb publishes of itself (its documentation, "Split-Brain Scenarios and System Behavior"), row by row: what
//! happens here in its place. Its "edge DNS" is the way by which a place knows of the others; here that is the links between nodes.
//!
//! Three vantages; the first stands in the primary place, whose machines are 0 and 1, the second in the secondary, whose machines are 2
//! and 3. Clients of class 0 prefer the primary place, and those of class 1 the secondary.
use std::collections::BTreeSet;

use super::site::{ALONE_AFTER, MACHINES, Sites};
use super::world::Cut;

const NODES: usize = 3;
const PRIMARY: [usize; 2] = [0, 1];
const SECONDARY: [usize; 2] = [2, 3];
/// Time until a death shows everywhere, until a return is complete.
const SOON: u64 = 12_000;
const BACK: u64 = 40_000;

/// Which links are cut.
#[derive(Clone, Copy)]
enum Links {
    Whole,
    /// One node hears nobody, and nobody hears it.
    Without(usize),
    /// The same, and its probes fail as well.
    Blind(usize),
    /// Nobody hears anybody.
    None,
}

/// What clients of class 0 are given at each node.
type Given = [[usize; 2]; NODES];

struct Row {
    /// The heading of the table, and the condition.
    what: &'static str,
    links: Links,
    /// Machines that are dead.
    dead: &'static [usize],
    /// Soon after, and once nodes that are cut off may decide for themselves.
    soon: Given,
    late: Given,
}

const TABLE: [Row; 13] = [
    // There: all healthy addresses are merged.
    Row {
        what: "round robin: normal",
        links: Links::Whole,
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    // There: that place gives its own addresses alone, the others all. Here: all nodes give the same.
    Row {
        what: "round robin: one place cannot reach the edge",
        links: Links::Without(0),
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    Row {
        what: "the same, and sees nothing of the other place",
        links: Links::Blind(1),
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    // There: self-healing. Here as well.
    Row {
        what: "round robin: one place is unhealthy",
        links: Links::Whole,
        dead: &SECONDARY,
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    // There: each place gives its own addresses alone. Here: all nodes give the same.
    Row {
        what: "round robin: no place can reach the edge",
        links: Links::None,
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    Row {
        what: "failover: normal, primary healthy",
        links: Links::Whole,
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    Row {
        what: "failover: normal, primary unhealthy",
        links: Links::Whole,
        dead: &PRIMARY,
        soon: [SECONDARY; 3],
        late: [SECONDARY; 3],
    },
    // There: the secondary fails over too early.
    Row {
        what: "failover: primary cut off, healthy",
        links: Links::Without(0),
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    // There: the primary gives nothing at all. Here: what it gave, and after `alone_after` what it sees.
    Row {
        what: "failover: primary cut off, unhealthy",
        links: Links::Without(0),
        dead: &PRIMARY,
        soon: [PRIMARY, SECONDARY, SECONDARY],
        late: [SECONDARY; 3],
    },
    // There: the secondary fails over too early.
    Row {
        what: "failover: secondary cut off",
        links: Links::Without(1),
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    // There: both serve alone, and the secondary fails over too early.
    Row {
        what: "failover: no place can reach the edge, primary healthy",
        links: Links::None,
        dead: &[],
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
    // There: the primary gives nothing. Here: what was, and after `alone_after` each what it sees.
    Row {
        what: "failover: no place can reach the edge, primary unhealthy",
        links: Links::None,
        dead: &PRIMARY,
        soon: [PRIMARY; 3],
        late: [SECONDARY; 3],
    },
    Row {
        what: "failover: secondary cut off and blind, primary unhealthy",
        links: Links::Blind(1),
        dead: &PRIMARY,
        // The two that hear each other are at one provider, and a majority takes two: nothing leaves, whatever they see.
        soon: [PRIMARY; 3],
        late: [PRIMARY; 3],
    },
];

impl Links {
    fn cut(self) -> Option<Cut> {
        match self {
            Self::Whole => None,
            Self::Without(node) => Some(Cut::around([node])),
            Self::Blind(node) => {
                let mut cut = Cut::around([node]);
                cut.blind.insert(node);
                Some(cut)
            }
            Self::None => Some(Cut::of_all()),
        }
    }
}

/// Lets time pass, in which clients are always given something, and those of class 1 their own place while it lives.
fn run(world: &mut Sites, time: u64, what: &str) {
    for _ in 0..time / 1000 {
        world
            .run(1000)
            .unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
        for site in &world.sites {
            assert!(!site.chosen(0).is_empty(), "{what}: an empty answer");
            // There a place that is cut off gives its own addresses, wherever the client is.
            if world.truth[2] && world.truth[3] {
                assert_eq!(
                    site.chosen(1),
                    BTreeSet::from(SECONDARY),
                    "{what}: by place"
                );
            }
        }
    }
}

fn given(world: &Sites) -> Vec<BTreeSet<usize>> {
    world.sites.iter().map(|site| site.chosen(0)).collect()
}

#[test]
fn each_row_of_the_table_comes_out_as_it_is_written() {
    for row in TABLE {
        let what = row.what;
        let mut world = Sites::new(0, NODES, 0);
        run(&mut world, BACK, what);
        world.cut = row.links.cut();
        for machine in row.dead {
            world.truth[*machine] = false;
        }
        run(&mut world, SOON, what);
        assert_eq!(given(&world), row.soon.map(BTreeSet::from), "{what}, soon");
        run(&mut world, ALONE_AFTER + SOON, what);
        assert_eq!(given(&world), row.late.map(BTreeSet::from), "{what}, late");
        // Weights are those of the config as long as all that is well is in service: nothing that is well has left anywhere.
        for site in &world.sites {
            for machine in (0..MACHINES).filter(|machine| world.truth[*machine]) {
                assert_eq!(site.shares()[machine], 1000, "{what}: {machine} is well");
            }
        }
        // Convergence: healed, all give the same, by what is so.
        world.heal();
        run(&mut world, BACK, what);
        let primary = if row.dead == PRIMARY {
            SECONDARY
        } else {
            PRIMARY
        };
        assert_eq!(
            given(&world),
            vec![BTreeSet::from(primary); NODES],
            "{what}, healed"
        );
    }
}

/// One vantage's verdict flaps against that of the others: nobody's answers move.
#[test]
fn a_verdict_that_flaps_against_the_others_moves_nothing() {
    for (node, seen_by_others) in [(0, true), (1, true), (2, false)] {
        let mut world = Sites::new(0, NODES, 0);
        run(&mut world, BACK, "flapping");
        if !seen_by_others {
            world.truth[0] = false;
            run(&mut world, SOON, "flapping");
        }
        let before = given(&world);
        for turn in 0..20 {
            match (turn % 2 == 0, seen_by_others) {
                (true, true) => drop(world.sites[node].blocked.insert(0)),
                // It sees up what is down for the others, now and then.
                (true, false) => drop(world.sites[node].spared.insert(0)),
                (false, _) => {
                    world.sites[node].blocked.clear();
                    world.sites[node].spared.clear();
                }
            }
            run(&mut world, 7000, "flapping");
            assert_eq!(given(&world), before, "{node}, turn {turn}");
        }
    }
}
