//! What goes wrong: drawn by a seed, a step a second.
//!
//! A storm is made of episodes of some seconds, each with one cut and one kind of bad line; in all of them operators give orders, machines
//! die and return, nodes are paused and killed. After every few, and at the end, all is well for a while, and must be everywhere.
use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use waypost::base::Draws;

use super::history::{self, History, Watch};
use super::site::{self, MACHINES, NODES, Site};
use crate::world::run;

/// Seconds of calm: those until all must be everywhere, and some in which that is seen.
const CALM: u64 = 42;
/// Rough seconds after which there is a calm.
const ROUGH: u64 = 120;
/// Machines that are down at once, at most.
const DEAD: usize = 2;

pub(super) struct Course {
    site: Site,
    book: History,
    draws: Draws,
    /// Seconds that are left until a paused node goes on, or a dead one begins.
    paused: [Option<u64>; NODES.len()],
    dead: [Option<u64>; NODES.len()],
    down: BTreeSet<usize>,
    orders: usize,
}

impl Course {
    pub(super) fn new(site: Site, book: History, seed: u64) -> Self {
        Self {
            site,
            book,
            draws: Draws::from_seed(seed),
            paused: [None; NODES.len()],
            dead: [None; NODES.len()],
            down: BTreeSet::new(),
            orders: 0,
        }
    }

    /// Goes through so many rough seconds, and the calms between and after them.
    pub(super) fn run(&mut self, seconds: u64) {
        self.book.write("begin", site::described());
        let folder = self.site.world.path("");
        let watch = Watch::start(&self.book, &folder);
        for node in 0..NODES.len() {
            let (from, to) = (self.site.state(node), self.backup(node));
            assert!(run("cp", &["-r", from.to_str().unwrap(), to.to_str().unwrap()]).1);
        }
        // Something that all see, before anything is torn.
        self.machine(0, false);
        self.order("drain", "tor-one", 1, None);
        for _ in 0..10 {
            Self::second(|| {});
        }
        let mut left = seconds;
        while left > 0 {
            let rough = left.min(ROUGH);
            self.storm(rough);
            self.calm();
            left -= rough;
        }
        watch.stop();
    }

    fn storm(&mut self, seconds: u64) {
        let mut episode = 0;
        for _ in 0..seconds {
            if episode == 0 {
                episode = 8 + self.draws.below(22);
                let wrong = self.wrong();
                self.set_links(&wrong);
            }
            episode -= 1;
            Self::second(|| self.step());
        }
    }

    /// Lets a second pass, in which this is done.
    fn second(mut deed: impl FnMut()) {
        let end = Instant::now() + Duration::from_secs(1);
        deed();
        thread::sleep(end.saturating_duration_since(Instant::now()));
    }

    /// All is whole, and stays so.
    fn calm(&mut self) {
        self.set_links(&json!({ "blocked": [], "loss": 0, "twice": 0, "delay": 0, "spread": 0 }));
        for node in 0..NODES.len() {
            self.go_on(node);
            self.begin(node);
        }
        for _ in 0..CALM {
            Self::second(|| {});
        }
    }

    fn set_links(&mut self, wrong: &Value) {
        self.site.links(wrong);
        self.book.write("links", wrong.clone());
    }

    /// What is wrong with the links for an episode.
    fn wrong(&mut self) -> Value {
        let near: Vec<usize> = (0..NODES.len())
            .filter(|_| self.draws.chance(450))
            .collect();
        let (one, other) = (self.node(), self.node());
        let mut blocked: Vec<[&str; 2]> = Vec::new();
        let mut cut = |from: usize, to: usize| {
            if from != to {
                blocked.push([NODES[from], NODES[to]]);
            }
        };
        let far = |node: &usize| !near.contains(node);
        let all = || (0..NODES.len()).filter(far);
        let shape = self.draws.below(7);
        match shape {
            // Torn in two.
            0 | 1 => near.iter().for_each(|near| {
                all().for_each(|far| {
                    cut(*near, far);
                    cut(far, *near);
                });
            }),
            // What one side sends is lost.
            2 => near
                .iter()
                .for_each(|near| all().for_each(|far| cut(*near, far))),
            // Torn in two but for a bridge.
            3 => near.iter().filter(|node| **node != one).for_each(|near| {
                all().filter(|far| *far != one).for_each(|far| {
                    cut(*near, far);
                    cut(far, *near);
                });
            }),
            // One hears nobody, or two do not hear each other.
            4 => (0..NODES.len()).for_each(|all| {
                cut(one, all);
                cut(all, one);
            }),
            5 => {
                cut(one, other);
                cut(other, one);
            }
            _ => {}
        }
        // Where the near side is small, it may see nothing else either.
        let blind: Vec<usize> = match shape {
            4 => vec![one],
            0 if near.len() < 3 => near.clone(),
            _ => Vec::new(),
        };
        if self.draws.chance(500) {
            for node in blind {
                blocked.extend([[NODES[node], "world"], ["world", NODES[node]]]);
            }
        }
        let (loss, twice, delay, spread) = match self.draws.below(6) {
            0 => (100, 50, 20, 60),
            1 => (30, 10, 150, 150),
            2 => (0, 0, 5, 40),
            _ => (0, 0, 0, 0),
        };
        json!({ "blocked": blocked, "loss": loss, "twice": twice, "delay": delay, "spread": spread })
    }

    fn node(&mut self) -> usize {
        usize::try_from(self.draws.below(NODES.len() as u64)).unwrap()
    }

    fn step(&mut self) {
        for node in 0..NODES.len() {
            if Self::is_due(&mut self.paused[node]) {
                self.go_on(node);
            }
            if Self::is_due(&mut self.dead[node]) {
                self.begin(node);
            }
        }
        let node = self.node();
        let is_whole = self.paused.iter().chain(&self.dead).all(Option::is_none);
        match self.draws.below(20) {
            0..6 => {
                let scope = MACHINES[usize::try_from(self.draws.below(6)).unwrap()].0;
                let life =
                    [None, Some(15), Some(40)][usize::try_from(self.draws.below(3)).unwrap()];
                let act = if self.draws.chance(600) {
                    "drain"
                } else {
                    "undrain"
                };
                if self.paused[node].is_none() && self.dead[node].is_none() {
                    self.order(act, scope, node, life);
                }
            }
            6..9 => {
                let machine = usize::try_from(self.draws.below(6)).unwrap();
                let is_down = self.down.contains(&machine);
                if is_down || self.down.len() < DEAD {
                    self.machine(machine, is_down);
                }
            }
            9..11 if is_whole => {
                self.book.write("stop", json!({ "node": NODES[node] }));
                self.site.signal(node, Signal::SIGSTOP);
                self.paused[node] = Some(2 + self.draws.below(20));
            }
            11..13 if is_whole => self.kill(node),
            _ => {}
        }
    }

    fn is_due(left: &mut Option<u64>) -> bool {
        *left = left.map(|left| left.saturating_sub(1));
        *left == Some(0)
    }

    /// Kills a node, and touches its disk now and then.
    fn kill(&mut self, node: usize) {
        let name = NODES[node];
        self.book.write("kill", json!({ "node": name }));
        self.site.kill(node);
        self.dead[node] = Some(1 + self.draws.below(8));
        let state = self.site.state(node);
        let what = match self.draws.below(6) {
            0 => {
                fs::remove_dir_all(&state).unwrap();
                "wipe"
            }
            1 => {
                fs::remove_dir_all(&state).unwrap();
                let backup = self.backup(node);
                assert!(
                    run(
                        "cp",
                        &["-r", backup.to_str().unwrap(), state.to_str().unwrap()]
                    )
                    .1
                );
                "restore"
            }
            2 => {
                let files = fs::read_dir(&state)
                    .unwrap()
                    .map(|file| file.unwrap().path());
                let mut files: Vec<_> = files.filter(|file| file.is_file()).collect();
                files.sort();
                let file = &files[usize::try_from(self.draws.below(files.len() as u64)).unwrap()];
                let mut octets = fs::read(file).unwrap();
                let bits = octets.len() as u64 * 8;
                if bits > 0 {
                    let bit = self.draws.below(bits);
                    octets[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
                    fs::write(file, octets).unwrap();
                }
                eprintln!("storm: a bit of {} turns", file.display());
                "flip"
            }
            _ => return,
        };
        self.book.write(what, json!({ "node": name }));
    }

    fn backup(&self, node: usize) -> std::path::PathBuf {
        self.site.world.path(&format!("backup-{}", NODES[node]))
    }

    fn begin(&mut self, node: usize) {
        if self.dead[node].take().is_some() {
            self.site.begin(node);
            self.book.write("ready", json!({ "node": NODES[node] }));
        }
    }

    fn go_on(&mut self, node: usize) {
        if self.paused[node].take().is_some() {
            self.site.signal(node, Signal::SIGCONT);
            self.book.write("cont", json!({ "node": NODES[node] }));
        }
    }

    fn machine(&mut self, machine: usize, is_well: bool) {
        let fields = json!({ "target": MACHINES[machine].0, "up": is_well });
        self.book.write("truth", fields);
        self.site.set(machine, is_well);
        if is_well {
            self.down.remove(&machine);
        } else {
            self.down.insert(machine);
        }
    }

    /// Gives an order; one that is refused is none.
    fn order(&mut self, act: &str, scope: &str, node: usize, life: Option<u64>) {
        self.orders += 1;
        let id = format!("o{}", self.orders);
        let folder = self.site.world.path("");
        let Some(saw) = history::orders(&folder, node) else {
            return;
        };
        let saw: Vec<Value> = saw.iter().map(|one| one["reason"].clone()).collect();
        let given = self.book.now();
        let life = match life {
            Some(seconds) if act == "drain" => format!("&for={seconds}s"),
            _ => String::new(),
        };
        let path =
            format!("/api/v1/orders?action={act}&scope={scope}&reason={id}&force=true{life}");
        if let Some((200, said)) = site::call(&folder, node, "POST", &path) {
            let until = said["order"]["until"].as_str();
            let expires = until.and_then(|until| self.book.of_civil(until));
            let fields = json!({
                "node": NODES[node], "id": id, "act": act, "scope": scope, "given": given, "saw": saw, "expires": expires,
            });
            self.book.write("order", fields);
        }
    }
}
