//! What is declared on nodes that are cut off, crash, lose disks and come back with old ones: in the end all have the same, and nothing that was
//! acknowledged is undone while one disk is left that had it.
//!
//! Each node keeps a map of things on its disk and tells it by the core's means. What must come of it is counted by the changes that were
//! acknowledged, and by whose disks have had them.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use waypost::base::{Draws, Moment, Span, Utc, next_revision};
use waypost::share::{Boot, Cluster, ClusterStart, DeclaredTelling, Roster, SharedChange, Tuning};

use super::nodes::{roster, seal};

const NODES: usize = 4;
const KEYS: u64 = 6;
const EPOCH: u64 = 1_800_000_000_000;

/// Things by their keys: revision and value, which is empty where it is declared no more.
type Things = BTreeMap<Vec<u8>, (u64, Vec<u8>)>;

/// A node; its disk is what it has.
struct Teller {
    cluster: Cluster,
    telling: DeclaredTelling,
    disk: Things,
    backup: Things,
    is_up: bool,
    skew: u64,
}

/// An acknowledged change.
struct Acknowledged {
    revision: u64,
    items: Vec<(Vec<u8>, Vec<u8>)>,
    /// Nodes whose disks have it, or something later, of all of its things.
    held: BTreeSet<usize>,
    may_be_lost: bool,
}

struct Tellers {
    draws: Draws,
    now: u64,
    nodes: Vec<Teller>,
    roster: Arc<Roster>,
    /// Nodes on the one side of a cut.
    side: BTreeSet<usize>,
    done: Vec<Acknowledged>,
    boots: u64,
    restored: u64,
    most: usize,
}

impl Tellers {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            draws: Draws::from_seed(seed),
            now: 1000,
            nodes: Vec::new(),
            roster: roster(NODES),
            side: BTreeSet::new(),
            done: Vec::new(),
            boots: 0,
            restored: 0,
            most: 0,
        };
        for member in 0..NODES {
            let node = Teller {
                cluster: world.core(member),
                telling: DeclaredTelling::default(),
                disk: Things::new(),
                backup: Things::new(),
                is_up: true,
                skew: world.draws.below(60_000),
            };
            world.nodes.push(node);
        }
        world
    }

    fn core(&mut self, member: usize) -> Cluster {
        self.boots += 1;
        let tuning = Tuning {
            beat: Span(1000),
            alone_after: None,
            up_while: None,
        };
        let start = ClusterStart {
            now: Moment(self.now),
            boot: Boot::at(Utc(EPOCH + self.now + self.boots), 0),
        };
        Cluster::new(seal(member), Arc::clone(&self.roster), tuning, start)
    }

    /// Some things are declared at once on a node, or declared no more.
    fn declare(&mut self, member: usize) {
        let count = 1 + self.draws.below(3);
        let keys: BTreeSet<u64> = (0..count).map(|_| self.draws.below(KEYS)).collect();
        let items = keys.into_iter().map(|key| {
            let length = match self.draws.below(4) {
                0 => 0,
                1 => 20_000,
                _ => 8,
            };
            let value = vec![u8::try_from(self.draws.below(250)).unwrap(); length];
            (key.to_be_bytes().to_vec(), value)
        });
        let items: Vec<(Vec<u8>, Vec<u8>)> = items.collect();
        let node = &mut self.nodes[member];
        let wall = EPOCH + self.now + node.skew;
        let known = node.disk.values().map(|own| own.0).max().unwrap_or(0);
        let revision = next_revision(known, wall, node.cluster.mark());
        for (key, value) in &items {
            node.disk.insert(key.clone(), (revision, value.clone()));
        }
        self.done.push(Acknowledged {
            revision,
            items,
            held: BTreeSet::from([member]),
            may_be_lost: false,
        });
    }

    /// A node takes what it has heard, and tells what it has.
    fn turn(&mut self, member: usize) {
        let node = &mut self.nodes[member];
        let heard = node.cluster.declared();
        for (_, _, change) in &heard {
            for (key, value) in &change.items {
                let told = (change.revision, value.clone());
                if node.disk.get(key).is_none_or(|own| *own < told) {
                    node.disk.insert(key.clone(), told);
                }
            }
        }
        let mut all: BTreeMap<u64, SharedChange> = BTreeMap::new();
        for (key, (revision, value)) in &node.disk {
            let own = all.entry(*revision).or_insert_with(|| SharedChange {
                revision: *revision,
                of: "things".to_owned(),
                ..SharedChange::default()
            });
            own.items.push((key.clone(), value.clone()));
        }
        let me = (node.cluster.author(), node.cluster.mark().unwrap());
        let (parts, without) = node.telling.parts(me, &heard, all.into_values().collect());
        assert_eq!(without, 0);
        self.most = self.most.max(parts.len());
        node.cluster.say_declared(&parts);
        let disk = &self.nodes[member].disk;
        for done in &mut self.done {
            let mut items = done.items.iter();
            if items.all(|(key, _)| disk.get(key).is_some_and(|own| own.0 >= done.revision)) {
                done.held.insert(member);
            }
        }
    }

    /// One asks another for what is new.
    fn ask(&mut self, from: usize, whom: usize) {
        let is_cut = self.side.contains(&from) != self.side.contains(&whom);
        if is_cut || !self.nodes[from].is_up || !self.nodes[whom].is_up {
            return;
        }
        let have = self.nodes[from].cluster.have();
        let turn = self.draws.next_u64();
        let bundle = self.nodes[whom].cluster.newer(&have, turn);
        let (now, wall) = (
            Moment(self.now),
            Utc(EPOCH + self.now + self.nodes[from].skew),
        );
        let taken = self.nodes[from].cluster.take(now, wall, &bundle);
        assert_eq!(taken.garbled, None);
    }

    /// A node begins anew with another disk; what no other disk has had is gone.
    fn restart_with(&mut self, member: usize, disk: Things) {
        for done in &mut self.done {
            let kept = done
                .items
                .iter()
                .all(|(key, _)| disk.get(key).is_some_and(|own| own.0 >= done.revision));
            if !kept {
                done.held.remove(&member);
            }
            done.may_be_lost |= done.held.is_empty();
        }
        let core = self.core(member);
        let node = &mut self.nodes[member];
        (node.cluster, node.telling, node.disk) = (core, DeclaredTelling::default(), disk);
    }

    fn step(&mut self) {
        self.now += 200;
        let member = usize::try_from(self.draws.below(NODES as u64)).unwrap();
        match self.draws.below(24) {
            0..4 if self.nodes[member].is_up => self.declare(member),
            4 => self.side = (0..NODES).filter(|_| self.draws.below(2) == 0).collect(),
            5 => self.side.clear(),
            6 => self.nodes[member].backup = self.nodes[member].disk.clone(),
            7 => self.nodes[member].is_up ^= true,
            8 => {
                let disk = self.nodes[member].disk.clone();
                self.restart_with(member, disk);
            }
            9 if self.draws.below(3) == 0 => {
                self.restored += 1;
                let disk = match self.draws.below(2) {
                    0 => Things::new(),
                    _ => self.nodes[member].backup.clone(),
                };
                self.restart_with(member, disk);
            }
            _ => {}
        }
        self.talk();
    }

    fn talk(&mut self) {
        for member in 0..NODES {
            let whom = usize::try_from(self.draws.below(NODES as u64)).unwrap();
            if whom != member {
                self.ask(member, whom);
            }
            if self.nodes[member].is_up {
                self.turn(member);
            }
        }
    }

    /// Heals everything, and holds what all have come to against what was acknowledged.
    fn settle(&mut self) -> Result<(), String> {
        self.side.clear();
        for node in &mut self.nodes {
            node.is_up = true;
        }
        for _ in 0..80 {
            self.now += 200;
            self.talk();
        }
        for member in 1..NODES {
            if self.nodes[member].disk != self.nodes[0].disk {
                return Err(format!("node {member} has something else than node 0"));
            }
        }
        let before: Vec<u64> = self
            .nodes
            .iter()
            .map(|node| node.cluster.declared_news())
            .collect();
        (0..8).for_each(|_| self.talk());
        let after: Vec<u64> = self
            .nodes
            .iter()
            .map(|node| node.cluster.declared_news())
            .collect();
        if before != after {
            return Err("they go on telling what all know".to_owned());
        }
        for key in 0..KEYS {
            self.check(key)?;
        }
        Ok(())
    }

    fn check(&self, key: u64) -> Result<(), String> {
        let key = key.to_be_bytes().to_vec();
        let changes = self.done.iter().filter_map(|done| {
            let (_, value) = done.items.iter().find(|(own, _)| *own == key)?;
            Some((done, value))
        });
        let last = changes.clone().filter(|(done, _)| !done.may_be_lost);
        let last = last.map(|(done, _)| done.revision).max();
        let Some((revision, value)) = self.nodes[0].disk.get(&key) else {
            let lost = format!("{key:?} is gone, and was declared");
            return last.map_or(Ok(()), |_| Err(lost));
        };
        if last.is_some_and(|last| *revision < last) {
            return Err(format!(
                "{key:?} is what it was before {last:?}: {revision}"
            ));
        }
        let mut changes = changes;
        match changes.any(|(done, own)| done.revision == *revision && own == value) {
            true => Ok(()),
            false => Err(format!("nobody has declared {key:?} so")),
        }
    }
}

#[test]
fn what_is_declared_comes_to_the_same_on_all_and_is_not_undone() {
    let (first, worlds) = (
        super::number("CLUSTER_FIRST", 0),
        super::number("CLUSTER_SEEDS", 60),
    );
    let (mut done, mut lost, mut restored, mut most) = (0, 0, 0, 0);
    for seed in first..first + worlds {
        let mut world = Tellers::new(seed);
        (0..300).for_each(|_| world.step());
        if let Err(wrong) = world.settle() {
            panic!("seed {seed}: {wrong}");
        }
        done += world.done.len() as u64;
        lost += world.done.iter().filter(|own| own.may_be_lost).count() as u64;
        restored += world.restored;
        most = most.max(world.most);
    }
    // Otherwise it would be a proof of worlds in which nothing happens, or in which everything may be lost.
    assert!(done > 20 * worlds, "only {done} changes");
    assert!(10 * lost < done, "{lost} of {done} may be lost");
    assert!(restored > worlds, "only {restored} disks were lost or old");
    assert!(most > 1, "all of it went into one part");
}
