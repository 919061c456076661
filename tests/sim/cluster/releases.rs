//! Releases of the shared config in seeded worlds: good ones, harmful ones, such as no node can take, and forged ones; nodes that are cut off
//! or begin anew, and an operator who halts. The oracle knows what each text does and when each node had it in force, and nothing of the rules.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use waypost::base::{Draws, Moment, Span, Utc};
use waypost::share::{
    AuthorSeal, Boot, Cluster, ClusterStart, NodeHead, Release, ReleaseConsent, ReleaseHead,
    ReleaseOrder, ReleasePace, ReleaseStage, Rollout, RolloutDeed, RolloutRules, Roster, Sight,
    Trust, Tuning, Vitals,
};

use super::nodes::{roster, seal};

const BEAT: u64 = 2_000;
const SOAK: u64 = 20_000;
const HARM_AFTER: u64 = 5_000;
const EPOCH: u64 = 1_800_000_000_000;
const ROUGH: u64 = 240_000;
/// Longest time until all have a good release after everything has healed.
const QUIET: u64 = 240_000;
const SERVICE: &str = "api";

struct Node {
    member: usize,
    cluster: Cluster,
    rollout: Rollout,
    file: String,
    /// What the file held before, until a restart.
    before: Option<String>,
    /// The true time from which the file has been in force.
    since: u64,
    /// Texts that were in force for as long as it takes to prove one.
    proved: BTreeSet<String>,
    boot: u64,
}

struct World {
    draws: Draws,
    now: u64,
    roster: Arc<Roster>,
    nodes: Vec<Node>,
    cut: BTreeSet<usize>,
    turn: u64,
    /// Texts that the administrator has signed: the first node, and the kind.
    signed: BTreeMap<String, (usize, &'static str)>,
    versions: u64,
    taken: u64,
    refused: u64,
}

fn admin() -> AuthorSeal {
    AuthorSeal::from_seed(&[200; 32]).unwrap()
}

fn thief() -> AuthorSeal {
    AuthorSeal::from_seed(&[201; 32]).unwrap()
}

fn rules(key: &AuthorSeal) -> RolloutRules {
    RolloutRules {
        cluster: "sim".to_owned(),
        keys: vec![key.key()],
        soak: Span(SOAK),
    }
}

impl Node {
    fn begin(member: usize, roster: &Arc<Roster>, (now, boot): (u64, u64), file: String) -> Self {
        let tuning = Tuning {
            beat: Span(BEAT),
            alone_after: None,
            up_while: None,
        };
        let start = ClusterStart {
            now: Moment(now),
            boot: Boot(boot),
        };
        Self {
            member,
            cluster: Cluster::new(seal(member), Arc::clone(roster), tuning, start),
            rollout: Rollout::new(rules(&admin()), &file, Moment(now)),
            file,
            before: None,
            since: now,
            proved: BTreeSet::new(),
            boot,
        }
    }

    /// The vitals of a node: a harmful text takes the service away a while after it came into force.
    fn vitals(&self, now: u64) -> Vitals {
        let harmed = kind(&self.file) == "bad" && now >= self.since + HARM_AFTER;
        let services = BTreeSet::from([SERVICE.to_owned()]);
        let mut vitals = Vitals {
            targets: 4,
            ..Vitals::default()
        };
        if harmed {
            (vitals.down, vitals.dark) = (4, services);
        } else {
            vitals.alive = services;
        }
        vitals
    }
}

fn kind(text: &str) -> &str {
    let word = text.rsplit("kind = ").next().unwrap_or("");
    word.trim().trim_matches('"')
}

impl World {
    fn new(seed: u64) -> Self {
        let members = 4 + usize::try_from(seed % 5).unwrap();
        let roster = roster(members);
        let first = "kind = \"none\"\n".to_owned();
        let nodes =
            (0..members).map(|member| Node::begin(member, &roster, (10_000, 1), first.clone()));
        Self {
            draws: Draws::from_seed(seed ^ 0x5E_1E_A5_E5),
            now: 10_000,
            nodes: nodes.collect(),
            roster,
            cut: BTreeSet::new(),
            turn: 0,
            signed: BTreeMap::new(),
            versions: 0,
            taken: 0,
            refused: 0,
        }
    }

    fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.draws.below(below as u64)).unwrap()
    }

    fn wall(&self) -> Utc {
        Utc(EPOCH + self.now)
    }

    /// Signs a text, and brings it to a node.
    fn bring(
        &mut self,
        kind: &'static str,
        key: &AuthorSeal,
        pace: ReleasePace,
    ) -> (usize, String) {
        let (first, to) = (self.index(self.nodes.len()), self.index(self.nodes.len()));
        self.versions += 1;
        let head = ReleaseHead {
            version: self.wall().0 / 1000 + self.versions,
            cluster: "sim".to_owned(),
            first: format!("node-{first}"),
            pace,
            consent: ReleaseConsent::None,
        };
        let text = Release::sign(&format!("kind = \"{kind}\"\n"), &head, key);
        if key.key() == admin().key() {
            let wave = if pace == ReleasePace::Waves {
                first
            } else {
                usize::MAX
            };
            self.signed.insert(text.clone(), (wave, kind));
        }
        let wall = self.wall();
        let node = &mut self.nodes[to];
        let brought = node.rollout.bring(&node.cluster, &text, wall);
        assert!(brought.is_ok() || key.key() != admin().key(), "{brought:?}");
        assert!(
            brought.is_err() || key.key() == admin().key(),
            "a forged one was taken"
        );
        (first, text)
    }

    /// A member of the roster that has turned: it takes the thief's key for an administrator's, and gives what that has signed.
    fn turn_coat(&mut self) {
        let place = self.index(self.nodes.len());
        let wall = self.wall();
        let head = ReleaseHead {
            version: wall.0 / 1000 + 100,
            cluster: "sim".to_owned(),
            first: format!("node-{place}"),
            pace: ReleasePace::AtOnce,
            consent: ReleaseConsent::Weakens,
        };
        let text = Release::sign("kind = \"forged\"\n", &head, &thief());
        let now = Moment(self.now);
        let node = &mut self.nodes[place];
        let mut rogue = Rollout::new(rules(&thief()), "", now);
        rogue.bring(&node.cluster, &text, wall).unwrap();
        // It says that it waits, and gives the text; what it is asked to do it leaves.
        let _ = rogue.turn(&mut node.cluster, (now, wall), &Vitals::default);
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += 500;
        for node in &mut self.nodes {
            if self.now >= node.since + SOAK && !node.proved.contains(&node.file) {
                node.proved.insert(node.file.clone());
            }
        }
        for place in 0..self.nodes.len() {
            if (self.now + place as u64 * 500).is_multiple_of(BEAT) {
                self.live(place)?;
            }
        }
        self.check_now()
    }

    fn live(&mut self, place: usize) -> Result<(), String> {
        let (now, wall) = (Moment(self.now), self.wall());
        let node = &mut self.nodes[place];
        node.cluster.tick(now, wall, Sight::Clear);
        let ballot = node.cluster.ballot(Trust::Sure);
        node.cluster.say(now, wall, ballot);
        node.cluster.say_head(wall, NodeHead::default());
        let vitals = node.vitals(self.now);
        let deed = node
            .rollout
            .turn(&mut node.cluster, (now, wall), &|| vitals.clone());
        match deed {
            None => {}
            Some(RolloutDeed::Take(release)) => self.take(place, &release)?,
            Some(RolloutDeed::Return(_)) => {
                let node = &mut self.nodes[place];
                if let Some(before) = node.before.take() {
                    (node.file, node.since) = (before, self.now);
                    node.rollout.returned(&node.file);
                }
            }
        }
        for _ in 0..2 {
            let other = self.index(self.nodes.len());
            let is_cut = self.cut.contains(&place) != self.cut.contains(&other);
            if other == place || is_cut || self.draws.chance(150) {
                continue;
            }
            self.turn += 1;
            let bundle = self.nodes[other]
                .cluster
                .newer(&self.nodes[place].cluster.have(), self.turn);
            self.nodes[place].cluster.take(now, wall, &bundle);
        }
        Ok(())
    }

    /// A node takes a text: by what is true of the others, it may.
    fn take(&mut self, place: usize, release: &Release) -> Result<(), String> {
        let now = Moment(self.now);
        let Some((first, kind)) = self.signed.get(&*release.text).copied() else {
            return Err(format!("node {place} takes what nobody has signed"));
        };
        if kind == "unfit" {
            self.refused += 1;
            let why = "it does not compile".to_owned();
            self.nodes[place].rollout.taken(now, Err(why));
            return Ok(());
        }
        // Who has proved it may have another by now, of which this node has not heard.
        let has_proved = |node: &Node| node.proved.contains(&*release.text);
        let region = |member: usize| member / 2;
        if first != usize::MAX && place != first {
            if kind == "bad" {
                return Err(format!("node {place} takes what harms"));
            }
            let earlier = self.nodes.iter().filter(|node| {
                let is_near = region(node.member) == region(first);
                node.member == first || is_near && region(place) != region(first)
            });
            let earlier: Vec<&Node> = earlier.collect();
            let proved = earlier.iter().filter(|node| has_proved(node)).count();
            if proved * 2 <= earlier.len() {
                let of = earlier.len();
                return Err(format!(
                    "node {place} takes it when {proved} of {of} before it have proved it"
                ));
            }
        }
        self.taken += 1;
        let node = &mut self.nodes[place];
        node.before = Some(std::mem::replace(&mut node.file, release.text.to_string()));
        node.since = self.now;
        node.rollout.taken(now, Ok(()));
        Ok(())
    }

    /// No node is left with what harms it, unless it began anew in between and does not know what was before.
    fn check_now(&self) -> Result<(), String> {
        for node in &self.nodes {
            let is_long = self.now > node.since + HARM_AFTER + 4 * BEAT;
            if kind(&node.file) == "bad" && is_long && node.before.is_some() {
                return Err(format!("node {} goes on with what harms", node.member));
            }
        }
        Ok(())
    }

    fn go_wrong(&mut self) {
        match self.draws.below(400) {
            0..3 if self.cut.is_empty() => {
                let near = (0..self.nodes.len()).filter(|_| self.draws.chance(300));
                self.cut = near.collect();
            }
            0..4 => self.cut.clear(),
            4..6 => {
                let place = self.index(self.nodes.len());
                let node = &self.nodes[place];
                let (boot, file, since) = (node.boot + 1, node.file.clone(), node.since);
                let proved = node.proved.clone();
                self.nodes[place] = Node::begin(place, &self.roster, (self.now, boot), file);
                (self.nodes[place].since, self.nodes[place].proved) = (since, proved);
            }
            6..9 => {
                let kinds = ["good", "good", "bad", "unfit"];
                let kind = kinds[self.index(kinds.len())];
                self.bring(kind, &admin(), ReleasePace::Waves);
            }
            9 => {
                self.bring("good", &admin(), ReleasePace::AtOnce);
            }
            10 => {
                self.bring("forged", &thief(), ReleasePace::AtOnce);
            }
            11 => self.turn_coat(),
            _ => {}
        }
    }

    fn go_on(&mut self, until: impl Fn(&Self) -> bool, most: u64) -> Result<bool, String> {
        let end = self.now + most;
        while self.now < end && !until(self) {
            self.step()?;
        }
        Ok(until(self))
    }

    fn order(&mut self, place: usize, halts: bool) {
        let wall = self.wall();
        let order = ReleaseOrder {
            halts,
            by: "operator".to_owned(),
            reason: "a drill".to_owned(),
        };
        let node = &mut self.nodes[place];
        node.rollout.order(&mut node.cluster, wall, order).unwrap();
    }

    fn run(&mut self) -> Result<(), String> {
        let end = self.now + ROUGH;
        while self.now < end {
            self.step()?;
            self.go_wrong();
        }
        self.cut.clear();
        // Votes of all are fresh, and clocks are past all versions so far.
        self.go_on(|_| false, 60_000)?;
        let (first, text) = self.bring("good", &admin(), ReleasePace::Waves);
        let having = |world: &Self| world.nodes.iter().filter(|node| node.file == text).count();
        if !self.go_on(|world| having(world) > 0, QUIET)? {
            return Err(format!("node {first} does not take the last one"));
        }
        self.order(first, true);
        self.go_on(|_| false, 4 * SOAK)?;
        if having(self) != 1 {
            return Err(format!("{} nodes have taken what is halted", having(self)));
        }
        let any = self.index(self.nodes.len());
        self.order(any, false);
        let count = self.nodes.len();
        if !self.go_on(|world| having(world) == count, QUIET)? {
            let stages = self.nodes.iter().map(|node| node.rollout.stage().0);
            let stages: Vec<ReleaseStage> = stages.collect();
            return Err(format!(
                "{} of {count} have the last one: {stages:?}",
                having(self)
            ));
        }
        Ok(())
    }
}

#[test]
fn what_harms_stays_with_the_first_node_and_what_is_good_comes_to_all() {
    let worlds = super::number("CLUSTER_SEEDS", 6);
    let first = super::number("CLUSTER_FIRST", 0);
    let (mut taken, mut refused) = (0, 0);
    for seed in first..first + worlds {
        let mut world = World::new(seed);
        if let Err(wrong) = world.run() {
            panic!("seed {seed}, at {}: {wrong}", world.now);
        }
        taken += world.taken;
        refused += world.refused;
    }
    assert!(taken > 4 * worlds, "only {taken} were taken");
    assert!(refused > 0, "nobody refused one");
}
