//! Many nodes: fifteen vantages, and followers who hear of them by relays.
//!
//! Vantages ask each other. Each follower asks three nodes of the tier before it, and one of these asks it; a tier has four times
//! the nodes of the one before. Who asks whom for what, and how often, is as `io::carry::peers` has it: one peer for news, the others
//! for orders, and these in turn for everything. Letters take 20 to 80 ms each way.
//!
//! `CLUSTER_NODES=1000 CLUSTER_TARGETS=100000 cargo test --release --test sim cluster::scale -- --nocapture` prints what each node
//! carries and holds, and the times until all rule the same. The times are those of the world, whatever the machine.
//!
//! All nodes hold one copy of each record, whose signature is verified once: otherwise these would be most of the machine's work.
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use waypost::base::{Cause, Draws, Family, Moment, Span, Utc};
use waypost::health::target::Verdict;
use waypost::share::{
    Author, AuthorSeal, Ballot, Boot, Cluster, ClusterStart, EntryHash, Have, Intent, LoadRow,
    LogAct, MemberAdmission, MemberRole, NodeHead, NodeLoad, PlanHash, ReadBundle, RecordFate,
    RecordStream, Roster, RosterMember, Ruling, Sealed, Sight, Trust, Tuning,
};

use super::number;

const VANTAGES: usize = 15;
/// Peers of a follower, and how many times the nodes of the tier before a tier has.
const PARENTS: usize = 3;
const GROWTH: usize = 4;
/// As the carrier has them: a long poll, the time to gather news, that after an answer of little worth, and that to ask again who
/// was not reached; octets that go in a second.
const POLL: u64 = 5000;
const GATHERED: u64 = 50;
const RETRY: u64 = 1000;
const PACE: u64 = 256 * 1024;
/// Time after which a question that is not answered is given up, and between two attempts to reach somebody then.
const GIVEN_UP: [u64; 2] = [10_000, 4000];
/// Time after which who was asked for news counts as silent, besides two beats.
const SILENT: u64 = 1000;
/// Records of a series that are held for all: some nodes hear of one when others have the next.
const KEPT: usize = 8;
const EPOCH: u64 = 1_800_000_000_000;
/// Rows of what a node has answered: services, families and classes.
const LOAD_ROWS: u16 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    News,
    Orders,
    State,
}

/// A peer as a node knows it.
struct Peer {
    node: usize,
    told: Option<Have>,
    heard: u64,
    /// When it is to be asked for everything again.
    state_at: u64,
}

struct Question {
    from: usize,
    peer: usize,
    asked: Asked,
    have: Have,
    /// The digest of the orders of whoever asks.
    orders: EntryHash,
    sent: u64,
    /// When it is answered, even if there is nothing.
    end: u64,
}

enum Event {
    Beat(usize),
    Ask(usize, usize),
    Arrive(usize, Question),
    Wake(usize),
    Answer(Question, Vec<u8>),
}

struct ScaleNode {
    cluster: Cluster,
    peers: Vec<Peer>,
    waiting: Vec<Question>,
    is_woken: bool,
    turn: u64,
    /// Octets, in and out.
    carried: [u64; 2],
}

struct Many {
    draws: Draws,
    now: u64,
    nodes: Vec<ScaleNode>,
    events: BTreeMap<(u64, u64), Event>,
    serial: u64,
    targets: u32,
    beat: u64,
    down: Vec<u32>,
    /// Nodes that are on the far side of a cut.
    far: Vec<bool>,
    /// The records of each series that were verified last.
    verified: BTreeMap<(Author, RecordStream), VecDeque<Sealed>>,
}

/// What is awaited at all nodes: the time at which each had it.
enum Awaited {
    Down(u32),
    Order(String),
}

impl Many {
    #[expect(clippy::too_many_lines, reason = "one world")]
    fn new(nodes: usize, targets: u32, beat: u64) -> Self {
        let seal = |member: usize| {
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&(member as u64).to_le_bytes());
            AuthorSeal::from_seed(&seed).unwrap()
        };
        let members = (0..nodes).map(|member| RosterMember {
            name: format!("node-{:05}", nodes - member),
            key: seal(member).key(),
            region: format!("region-{}", member / 2),
            provider: format!("provider-{}", member % 4),
            role: if member < VANTAGES {
                MemberRole::Vantage
            } else {
                MemberRole::Follower
            },
            admission: MemberAdmission::Admitted,
        });
        let roster = Arc::new(Roster::new("sim", members.collect()).unwrap());
        let mut draws = Draws::from_seed(nodes as u64);
        let mut peers: Vec<Vec<usize>> = (0..nodes).map(|_| Vec::new()).collect();
        let mut before = 0..VANTAGES.min(nodes);
        for node in before.clone() {
            peers[node] = before.clone().filter(|other| *other != node).collect();
        }
        while before.end < nodes {
            let tier = before.end..nodes.min(before.end + before.len() * GROWTH);
            for node in tier.clone() {
                let parents = (0..PARENTS).map(|step| {
                    let own = (node - tier.start) / GROWTH + step * 7;
                    before.start + own % before.len()
                });
                peers[node] = parents.collect();
                let parent = peers[node][0];
                peers[parent].push(node);
            }
            before = tier;
        }
        // By their places in the ring: who stands nearer to the vantages has a later name, so that each asks upwards for news.
        for (node, own) in peers.iter_mut().enumerate() {
            own.sort_unstable_by_key(|peer| (node + nodes - peer) % nodes);
            own.dedup();
        }
        let nodes = peers
            .into_iter()
            .enumerate()
            .map(|(member, peers)| ScaleNode {
                cluster: Cluster::new(
                    seal(member),
                    roster.clone(),
                    Tuning {
                        beat: Span(beat),
                        alone_after: None,
                        up_while: None,
                    },
                    ClusterStart {
                        now: Moment(0),
                        boot: Boot::at(Utc(EPOCH), 1),
                    },
                ),
                peers: peers
                    .into_iter()
                    .map(|node| Peer {
                        node,
                        told: None,
                        heard: 0,
                        state_at: 0,
                    })
                    .collect(),
                waiting: Vec::new(),
                is_woken: false,
                turn: 0,
                carried: [0; 2],
            });
        let nodes: Vec<ScaleNode> = nodes.collect();
        let mut world = Self {
            now: 0,
            far: vec![false; nodes.len()],
            verified: BTreeMap::new(),
            events: BTreeMap::new(),
            serial: 0,
            targets,
            beat,
            down: Vec::new(),
            nodes,
            draws: Draws::from_seed(7),
        };
        for node in 0..world.nodes.len() {
            let at = draws.below(beat);
            world.at(at, Event::Beat(node));
            for peer in 0..world.nodes[node].peers.len() {
                let at = draws.below(RETRY);
                world.at(at, Event::Ask(node, peer));
            }
        }
        world
    }

    fn at(&mut self, time: u64, event: Event) {
        self.serial += 1;
        self.events.insert((time, self.serial), event);
    }

    /// Lets time pass; with something that is awaited, until all have it at the most: the times that it took them.
    fn run(&mut self, time: u64, awaited: Option<&Awaited>) -> Vec<u64> {
        let (began, end) = (self.now, self.now + time);
        let mut took: Vec<Option<u64>> = vec![None; self.nodes.len()];
        while let Some(first) = self.events.first_entry()
            && first.key().0 <= end
        {
            let ((now, _), event) = first.remove_entry();
            self.now = now;
            let Some(node) = self.happen(event) else {
                continue;
            };
            if let Some(awaited) = awaited
                && took[node].is_none()
                && self.has(node, awaited)
            {
                took[node] = Some(now - began);
            }
        }
        self.now = end;
        let mut took: Vec<u64> = took.into_iter().flatten().collect();
        took.sort_unstable();
        took
    }

    fn has(&self, node: usize, awaited: &Awaited) -> bool {
        let cluster = &self.nodes[node].cluster;
        match awaited {
            Awaited::Down(target) => self.rules_down(node, *target),
            Awaited::Order(scope) => cluster.log().entries().any(|one| one.entry.scope == *scope),
        }
    }

    fn rules_down(&self, node: usize, target: u32) -> bool {
        let own = match node < VANTAGES && self.down.contains(&target) {
            true => (Verdict::Down(Cause::Refused), Trust::Sure),
            false => (Verdict::Unknown, Trust::Doubting),
        };
        let panel = self.nodes[node].cluster.panel();
        matches!(panel.rule(Moment(self.now), target, own), Ruling::Down(_))
    }

    /// Lets something happen: the node that may know more by it.
    fn happen(&mut self, event: Event) -> Option<usize> {
        match event {
            Event::Beat(node) => {
                self.beat(node);
                return Some(node);
            }
            Event::Ask(node, peer) => self.ask(node, peer),
            Event::Arrive(node, question) => {
                self.nodes[node].waiting.push(question);
                self.serve(node);
                self.at(self.now + POLL, Event::Wake(node));
            }
            Event::Wake(node) => self.serve(node),
            Event::Answer(question, bundle) => return self.answer(question, &bundle),
        }
        None
    }

    fn beat(&mut self, node: usize) {
        let (now, wall) = (Moment(self.now), Utc(EPOCH + self.now));
        let mut ballot = Ballot::blank(PlanHash::of(&[]), self.targets, Trust::Sure);
        let own = &mut self.nodes[node].cluster;
        own.tick(now, wall, Sight::Clear);
        if node < VANTAGES {
            for target in 0..self.targets {
                ballot.add(
                    target,
                    match self.down.contains(&target) {
                        true => Verdict::Down(Cause::Refused),
                        false => Verdict::Up,
                    },
                );
            }
            own.say(now, wall, ballot);
        }
        let seconds = self.now / 1000 + node as u64;
        let is_due = |every: u64| seconds % every < self.beat.div_ceil(1000);
        if is_due(5) {
            own.say_head(wall, NodeHead::default());
        }
        if is_due(10) {
            let rows = (0..LOAD_ROWS).map(|row| {
                let row = LoadRow {
                    service: u64::from(row),
                    family: Family::V4,
                    class: 0,
                };
                (row, 1000)
            });
            own.say_load(
                now,
                wall,
                NodeLoad {
                    rows: rows.collect(),
                    ..NodeLoad::default()
                },
            );
        }
        self.wake(node);
        self.at(self.now + self.beat, Event::Beat(node));
    }
}

impl Many {
    /// Somebody who waits at a node may be given something, once it is gathered.
    fn wake(&mut self, node: usize) {
        if !std::mem::replace(&mut self.nodes[node].is_woken, true) {
            self.at(self.now + GATHERED, Event::Wake(node));
        }
    }

    fn passes(&self, from: usize, to: usize) -> bool {
        self.far[from] == self.far[to]
    }

    fn ask(&mut self, node: usize, peer: usize) {
        let now = self.now;
        let own = &mut self.nodes[node];
        let silent = 2 * self.beat + SILENT;
        let speaks = |other: &Peer| other.heard > 0 && now - other.heard <= silent;
        let asked = match own.peers[..peer].iter().any(speaks) {
            false => Asked::News,
            true if own.peers[peer].state_at <= now => {
                let others = own.peers.len() as u64 - 1;
                own.peers[peer].state_at = now + others * RETRY;
                Asked::State
            }
            true => Asked::Orders,
        };
        let have = own.cluster.have();
        let to = own.peers[peer].node;
        if !self.passes(node, to) {
            self.lose(node, peer);
            return;
        }
        let own = &mut self.nodes[node];
        let octets = match &own.peers[peer].told {
            Some(told) => have.pack_after(told).len(),
            None => have.pack().len(),
        };
        own.carried[1] += octets as u64;
        let question = Question {
            from: node,
            peer,
            asked,
            have,
            orders: own.cluster.log().digest(),
            sent: now,
            end: now + POLL,
        };
        self.nodes[to].carried[0] += octets as u64;
        let late = self.letter();
        self.at(now + late, Event::Arrive(to, question));
    }

    /// Something that goes to a peer, or comes from it, is lost; after a while the node tries anew.
    fn lose(&mut self, node: usize, peer: usize) {
        let stood = self.nodes[node].peers[peer].told.take().is_some();
        let again = self.now + GIVEN_UP[usize::from(!stood)];
        self.at(again, Event::Ask(node, peer));
    }

    fn letter(&mut self) -> u64 {
        20 + self.draws.below(60)
    }

    /// Answers those who wait at a node, if there is something for them, or they have waited for long.
    fn serve(&mut self, node: usize) {
        let now = self.now;
        let own = &mut self.nodes[node];
        own.is_woken = false;
        let digest = own.cluster.log().digest();
        for question in std::mem::take(&mut own.waiting) {
            let own = &mut self.nodes[node];
            own.turn += 1;
            let bundle = match question.asked {
                Asked::News | Asked::State => own.cluster.newer(&question.have, own.turn),
                Asked::Orders if question.orders == digest => Vec::new(),
                Asked::Orders => own.cluster.newer_orders(&question.have, own.turn),
            };
            if bundle.is_empty() && question.asked != Asked::State && now < question.end {
                own.waiting.push(question);
                continue;
            }
            own.carried[1] += bundle.len() as u64;
            let late = self.letter();
            self.at(now + late, Event::Answer(question, bundle));
        }
    }

    fn answer(&mut self, question: Question, bundle: &[u8]) -> Option<usize> {
        let (node, peer, now) = (question.from, question.peer, self.now);
        let from = self.nodes[node].peers[peer].node;
        if !self.passes(node, from) {
            self.lose(node, peer);
            return None;
        }
        let own = &mut self.nodes[node];
        own.carried[0] += bundle.len() as u64;
        let bundle_octets = bundle.len() as u64;
        let bundle = ReadBundle::parse(bundle);
        let keys = own.cluster.keys_for(&bundle);
        let verified = &mut self.verified;
        let bundle = bundle.verified_by(&keys, |record, key| {
            let envelope = record.envelope();
            let series = (envelope.author, envelope.stream);
            let verified = verified.entry(series).or_default();
            if let Some(known) = verified.iter().find(|known| *known == record) {
                *record = known.clone();
                return true;
            }
            let holds = record.is_signed_by(key);
            if holds {
                verified.truncate(KEPT - 1);
                verified.push_front(record.clone());
            }
            holds
        });
        let (wall, cluster) = (Utc(EPOCH + now), &mut own.cluster);
        let fates = cluster.take_read(Moment(now), wall, bundle).fates;
        let is_new =
            |fate: &&RecordFate| matches!(fate, RecordFate::Order(_) | RecordFate::Newer(..));
        let new = fates.iter().filter(is_new).count();
        own.peers[peer].heard = now;
        own.peers[peer].told = Some(question.have);
        let pace = (bundle_octets * 1000 / PACE).max(GATHERED);
        let again = match question.asked {
            Asked::News | Asked::Orders if new == 0 || new * 2 < fates.len() => {
                (question.sent + RETRY).max(now + pace)
            }
            Asked::News | Asked::Orders | Asked::State => now + pace,
        };
        self.at(again, Event::Ask(node, peer));
        if new == 0 {
            return None;
        }
        self.wake(node);
        Some(node)
    }

    fn order(&mut self, node: usize, scope: &str) {
        let intent = Intent {
            act: LogAct::Drain,
            scope: scope.to_owned(),
            by: "ada".to_owned(),
            reason: String::new(),
            begins: None,
            expires: None,
        };
        let own = &mut self.nodes[node].cluster;
        own.order(Utc(EPOCH + self.now), intent).unwrap();
        self.wake(node);
    }

    /// The time since each node's words came, of the oldest of them, by node.
    fn oldest_heads(&self) -> Vec<u64> {
        let ages = self.nodes.iter().map(|node| {
            let heads = node.cluster.heads();
            heads
                .map(|(_, came, _)| self.now - came.0)
                .max()
                .unwrap_or(u64::MAX)
        });
        let mut ages: Vec<u64> = ages.collect();
        ages.sort_unstable();
        ages
    }
}

fn part(sorted: &[u64], permille: usize) -> u64 {
    sorted[(sorted.len() - 1) * permille / 1000]
}

/// All nodes came to it: how long half of them, all but a hundredth, and the last took.
fn tell(what: &str, took: &[u64], nodes: usize) {
    eprintln!(
        "{what:<34} p50 {:>6} ms  p99 {:>6} ms  all {:>6} ms",
        part(took, 500),
        part(took, 990),
        part(took, 1000)
    );
    assert_eq!(took.len(), nodes, "{what}: the others have not come to it");
}

#[test]
fn many_nodes_come_to_the_same_after_a_change_and_after_a_cut() {
    let nodes = usize::try_from(number("CLUSTER_NODES", 60)).unwrap();
    let targets = u32::try_from(number("CLUSTER_TARGETS", 1000)).unwrap();
    let seconds = number("CLUSTER_SECONDS", 10) * 1000;
    let mut world = Many::new(nodes, targets, number("CLUSTER_BEAT", 1000));
    world.run(2 * seconds, None);
    let before: Vec<[u64; 2]> = world.nodes.iter().map(|node| node.carried).collect();
    world.run(seconds, None);
    let rates = world
        .nodes
        .iter()
        .zip(&before)
        .map(|(node, before)| [0, 1].map(|way| (node.carried[way] - before[way]) / seconds));
    let rates: Vec<[u64; 2]> = rates.collect();
    let octets = world.nodes.iter().map(|node| node.cluster.octets());
    let octets = octets.sum::<usize>() / nodes;
    eprintln!("{nodes} nodes, {VANTAGES} of them vantages, {targets} targets");
    for (what, own) in [("a vantage", 0..VANTAGES), ("a follower", VANTAGES..nodes)] {
        let own = &rates[own];
        for (way, word) in ["in", "out"].iter().enumerate() {
            let mean = own.iter().map(|rate| rate[way]).sum::<u64>() / own.len() as u64;
            let most = own.iter().map(|rate| rate[way]).max().unwrap();
            eprintln!("{what:<12} {word:<4} {mean:>6} kB/s, at most {most:>6}");
        }
    }
    eprintln!(
        "records held: {} kB a node; all of it here {} MB",
        octets / 1000,
        resident()
    );
    let ages = world.oldest_heads();
    eprintln!(
        "oldest word of another node: {} ms at half of the nodes, at most {}",
        part(&ages, 500),
        part(&ages, 1000)
    );
    for node in &world.nodes {
        assert_eq!(
            node.cluster.hearings().count(),
            VANTAGES - usize::from(node.cluster.roster().seat(node.cluster.author()).is_some())
        );
    }

    world.down.push(3);
    let took = world.run(2 * seconds, Some(&Awaited::Down(3)));
    tell("a target dies", &took, nodes);
    world.order(nodes - 1, "eu");
    let took = world.run(2 * seconds, Some(&Awaited::Order("eu".to_owned())));
    tell("an order of the last follower", &took, nodes);

    // A third of all is cut off from the rest, in which a target dies meanwhile and an order is given.
    world.far = (0..nodes).map(|node| node % 3 == 0).collect();
    world.run(2 * seconds, None);
    world.down.push(5);
    world.order(1, "ap");
    world.run(3 * seconds + 4321, None);
    let is_far = |node: &usize| world.far[*node];
    for node in (0..nodes).filter(is_far) {
        assert!(!world.rules_down(node, 5), "{node} is of a minority");
    }
    world.far = vec![false; nodes];
    let took = world.run(3 * seconds, Some(&Awaited::Down(5)));
    tell("healed: all rule the same", &took, nodes);
    let digest = world.nodes[0].cluster.log().digest();
    for node in &world.nodes {
        assert!(node.cluster.log().digest() == digest, "orders differ");
        assert!(node.cluster.log().entries().count() == 2);
    }
}

/// Megabytes that this process holds.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096 / 1_000_000
}
