//! A zone on three to five nodes, each with keys of its own, that tell each other what they serve: cut off, crashed, brought back from a
//! backup, rolled on two of them at once. Nothing that a cache may hold ever fails to validate, and in the end all have the same.
//!
//! A word of a node reaches another at some time while nothing is between them; a key's secret follows when somebody has it who is heard.
//! A cut lasts for longer than every wait of a rollover together. A node that begins answers once it has heard most of the
//! others and has their keys, or after a while; one that comes from a backup is not cut off, which nobody could stand.
//! At times one begins with a clock that is a year ahead, at times it makes the first keys; later that clock is set right while it runs, or it
//! begins anew with one that is right: meanwhile nobody takes what it signs.
//! The parent follows CDS once all nodes have the same, and what it has is said on any of them.
use std::collections::{BTreeMap, BTreeSet};

use waypost::base::Span;
use waypost::dns::dnssec::Algorithm;
use waypost::keys::{
    Fellow, Fellows, Goal, Key, KeyId, Policy, Ring, Role, Step, Sync, Time, ToldRing, View,
};

use super::model::{Caches, Random, World, truth};

/// Seconds that things go wrong, and after that.
const ROUGH: u64 = 15_000;
const QUIET: u64 = 5000;
/// Seconds for which a node that begins waits to hear the others.
const PATIENCE: u64 = 15;
const YEAR: u64 = 365 * 86_400;

/// A step of the rules that is taken out, to see it found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A node goes by its own ring.
    RunsAhead,
    /// A node that begins answers at once.
    AnswersAtOnce,
}

struct Node {
    skew: u64,
    /// What its folder remembers, and had before.
    ring: Ring,
    backups: Vec<Ring>,
    held: BTreeSet<KeyId>,
    /// What the others have told, as far as it came.
    heard: BTreeMap<usize, (ToldRing, BTreeSet<KeyId>)>,
    view: Option<View>,
    told: Option<ToldRing>,
    lingering: Vec<(KeyId, u64)>,
    looked: u64,
    /// Absent while it answers; since when it waits, else.
    waits: Option<u64>,
    /// Set until it answers, if its folder is from a backup.
    is_restored: bool,
    down_until: u64,
    /// Nothing reaches it or leaves it until then.
    cut_until: u64,
    /// Set while its clock is a year ahead.
    is_wrong: bool,
}

struct Fleet {
    world: World,
    policy: Policy,
    random: Random,
    now: u64,
    rough: bool,
    fault: Fault,
    nodes: Vec<Node>,
    parent: BTreeSet<KeyId>,
    parent_late: Option<(BTreeSet<KeyId>, u64)>,
    caches: Caches,
    tags: u16,
    removed: usize,
    restored: usize,
    righted: usize,
    met: usize,
    /// Set if the first keys were made by a clock that is wrong.
    began_wrong: bool,
}

fn told(ring: &Ring) -> ToldRing {
    ToldRing {
        prints: ring
            .live()
            .map(|key| (key.id, u64::from(key.id.tag)))
            .collect(),
        ring: ring.clone(),
    }
}

impl Fleet {
    fn new(seed: u64, fault: Fault) -> Self {
        let mut random = Random::new(seed);
        let mut up_to = |most| 1 + random.below(most);
        let world = World {
            dnskey_ttl: up_to(80),
            zone_ttl: up_to(80),
            ds_ttl: up_to(150),
            lag: up_to(30),
            skew: up_to(10),
            signing: up_to(150),
        };
        let lifetime = |random: &mut Random| match random.once_in(2) {
            true => None,
            false => Some(Span::from_secs(300 + random.below(1500))),
        };
        let policy = Policy {
            zsk_lifetime: lifetime(&mut random),
            ksk_lifetime: lifetime(&mut random),
            ..truth(&world)
        };
        let count = 3 + usize::try_from(random.below(3)).unwrap();
        let node = |random: &mut Random| Node {
            skew: random.below(2 * world.skew + 1),
            ring: Ring::default(),
            backups: Vec::new(),
            held: BTreeSet::new(),
            heard: BTreeMap::new(),
            view: None,
            told: None,
            lingering: Vec::new(),
            looked: 0,
            waits: Some(100_000),
            is_restored: false,
            down_until: 0,
            cut_until: 0,
            is_wrong: false,
        };
        let nodes = (0..count).map(|_| node(&mut random)).collect();
        let mut fleet = Self {
            world,
            policy,
            random,
            now: 100_000,
            rough: true,
            fault,
            nodes,
            parent: BTreeSet::new(),
            parent_late: None,
            caches: Caches::default(),
            tags: 0,
            removed: 0,
            restored: 0,
            righted: 0,
            met: 0,
            began_wrong: false,
        };
        let roles = match fleet.random.once_in(2) {
            true => &[Role::Csk][..],
            false => &[Role::Ksk, Role::Zsk],
        };
        fleet.began_wrong = fleet.random.once_in(4);
        fleet.nodes[0].is_wrong = fleet.began_wrong;
        let clock = fleet.clock(0);
        fleet.add(0, roles, clock);
        fleet
    }

    /// Makes keys on a node.
    fn add(&mut self, number: usize, roles: &[Role], now: Time) {
        for role in roles {
            self.tags += 1;
            let id = KeyId {
                tag: self.tags,
                algorithm: Algorithm::EcdsaP256,
            };
            let node = &mut self.nodes[number];
            node.held.insert(id);
            node.ring.add(Key::new(id, *role, now));
        }
    }

    fn clock(&self, number: usize) -> Time {
        let node = &self.nodes[number];
        let wrong = if node.is_wrong { YEAR } else { 0 };
        Time(self.now + node.skew + wrong - self.world.skew)
    }

    fn reaches(&self, one: usize, other: usize) -> bool {
        [one, other].iter().all(|number| {
            let node = &self.nodes[*number];
            node.down_until <= self.now && node.cut_until <= self.now
        })
    }

    fn tick(&mut self) -> Result<(), String> {
        self.now += 1;
        for number in 0..self.nodes.len() {
            self.hear(number);
            self.node(number);
        }
        self.parent();
        if self.random.once_in(20) {
            self.operator();
        }
        if self.rough {
            self.mishap();
        }
        for node in self.nodes.iter().filter(|node| node.waits.is_none()) {
            if let Some(view) = &node.view
                && !node.is_wrong
            {
                self.caches
                    .see(view, &node.lingering, self.now, &self.world);
            }
        }
        self.caches.see_ds(&self.parent, self.now, &self.world);
        if let Some((late, _)) = &self.parent_late {
            self.caches.see_ds(late, self.now, &self.world);
        }
        let well = self.caches.validate(self.now);
        well.map_err(|bogus| format!("{bogus}\n{}", self.show()))
    }

    /// All nodes in a few lines.
    fn show(&self) -> String {
        let lines = self.nodes.iter().enumerate().map(|(number, node)| {
            let keys = node.ring.keys.iter().filter(|key| key.removed.is_none_or(|at| at.0 + 600 > self.now));
            let keys: Vec<String> = keys
                .map(|key| {
                    let steps = [key.published, key.active, key.retired, key.submitted, key.seen, key.removed];
                    let steps = steps.map(|step| step.map_or(0, |time| time.0));
                    format!("{} {} {steps:?}", key.id.tag, key.role.word())
                })
                .collect();
            let (cut, down) = (node.cut_until, node.down_until);
            let waits = node.waits;
            let (goal, turned) = (node.ring.goal, node.ring.turned);
            format!(
                "{number}: cut until {cut}, down until {down}, waits {waits:?}, {goal:?} {turned:?} signed {:?} unsigned {:?}\n  {}",
                node.ring.signed,
                node.ring.unsigned,
                keys.join("\n  ")
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Lets a node hear what others tell, and take the secrets that they give.
    fn hear(&mut self, number: usize) {
        for other in 0..self.nodes.len() {
            let is_lucky = self.random.once_in(4);
            if other == number || !is_lucky || !self.reaches(number, other) {
                continue;
            }
            let Some(told) = &self.nodes[other].told else {
                continue;
            };
            let word = (told.clone(), self.nodes[other].held.clone());
            self.nodes[number].heard.insert(other, word);
        }
        let node = &mut self.nodes[number];
        let given = node.heard.values().flat_map(|(told, held)| {
            told.ring
                .live()
                .map(|key| key.id)
                .filter(|id| held.contains(id))
        });
        node.held.extend(given.collect::<Vec<_>>());
    }

    fn fellows(&self, number: usize) -> Fellows {
        let node = &self.nodes[number];
        let others = (0..self.nodes.len()).filter(|other| *other != number);
        let others = others.map(|other| match node.heard.get(&other) {
            Some((told, _)) => Fellow::Serves(told.clone()),
            None => Fellow::Unheard,
        });
        Fellows {
            others: others.collect(),
            held: node
                .held
                .iter()
                .map(|id| (*id, u64::from(id.tag)))
                .collect(),
            is_second: number > 0,
        }
    }

    fn node(&mut self, number: usize) {
        let (now, lag, fault) = (self.now, self.world.lag, self.fault);
        let most = self.nodes.len();
        let node = &mut self.nodes[number];
        node.lingering.retain(|(_, until)| *until >= now);
        let is_late = now - node.looked >= lag;
        let looks = node.waits.is_some() || is_late || self.random.once_in(lag.max(2) / 2);
        if node.down_until > now || !looks {
            return;
        }
        let (fellows, clock) = (self.fellows(number), self.clock(number));
        let node = &mut self.nodes[number];
        if let Some(since) = node.waits {
            node.told = Some(told(&node.ring));
            node.ring.follow(&fellows, clock);
            let has_all = node
                .heard
                .values()
                .all(|(told, _)| told.ring.live().all(|key| node.held.contains(&key.id)));
            let heard = node.heard.values();
            let heard = heard.filter(|(told, _)| !told.ring.is_ahead(clock)).count();
            let is_heard = 2 * (heard + 1) > most && has_all;
            if !is_heard && now.saturating_sub(since) < PATIENCE && fault != Fault::AnswersAtOnce {
                return;
            }
            (node.waits, node.is_restored) = (None, false);
            return self.serve(number);
        }
        self.advance(number, &fellows, clock);
        self.serve(number);
    }

    fn advance(&mut self, number: usize, fellows: &Fellows, clock: Time) {
        let lone = Fellows::default();
        let fellows_heeded = match self.fault {
            Fault::RunsAhead => &lone,
            Fault::None | Fault::AnswersAtOnce => fellows,
        };
        self.nodes[number].ring.follow(fellows, clock);
        self.nodes[number].ring.heed(&self.policy, clock);
        loop {
            let ring = &mut self.nodes[number].ring;
            let Some(step) = ring.due_among(&self.policy, fellows_heeded, clock) else {
                return;
            };
            match step {
                Step::Make(role) => self.add(number, &[role], clock),
                Step::Publish(_)
                | Step::Activate(_)
                | Step::Submit(_)
                | Step::See(_)
                | Step::Remove(_)
                | Step::SeeNone
                | Step::Unsign => {
                    ring.take(step, clock);
                    self.removed += usize::from(matches!(step, Step::Remove(_)));
                }
            }
        }
    }

    fn serve(&mut self, number: usize) {
        let most = self.world.signing + 1;
        let node = &mut self.nodes[number];
        let view = node.ring.view();
        if let Some(old) = &node.view {
            let gone = old.zone_signers.iter();
            let gone = gone.filter(|id| !view.zone_signers.contains(id));
            for signer in gone {
                let until = self.now + self.random.below(most);
                node.lingering.push((*signer, until));
            }
        }
        node.lingering.retain(|(id, _)| view.published.contains(id));
        node.looked = self.now;
        node.view = Some(view);
        node.told = Some(told(&node.ring));
        if self.random.once_in(50) {
            node.backups.push(node.ring.clone());
        }
    }

    fn mishap(&mut self) {
        let number = usize::try_from(self.random.below(self.nodes.len() as u64)).unwrap();
        let now = self.now;
        if self.nodes.iter().any(|node| node.is_restored) {
            return;
        }
        let mut nodes = self.nodes.iter();
        let is_whole = nodes.all(|node| node.cut_until <= now && node.down_until <= now);
        match self.random.below(400) {
            0 => {
                let long = self.random.below(1500);
                self.nodes[number].cut_until = now + long;
            }
            1 => self.crash(number),
            3 if self.nodes.iter().all(|node| !node.is_wrong) => {
                self.crash(number);
                self.nodes[number].is_wrong = true;
            }
            4..8 if self.nodes[number].is_wrong && is_whole => self.right(number),
            2 if is_whole => {
                let node = &self.nodes[number];
                let count = node.backups.len() as u64;
                if node.waits.is_some() || count == 0 {
                    return;
                }
                let old = usize::try_from(self.random.below(count)).unwrap();
                let node = &mut self.nodes[number];
                node.ring = node.backups[old].clone();
                node.held = node.ring.keys.iter().map(|key| key.id).collect();
                node.is_restored = true;
                self.restored += 1;
                self.crash(number);
            }
            _ => {}
        }
    }

    /// Sets a node's clock right: while it runs, or for its next start. Nothing is signed with a ring that gives way, and what was signed
    /// before by the clock that was wrong validates nowhere.
    fn right(&mut self, number: usize) {
        let runs = self.nodes[number].waits.is_none() && self.random.once_in(2);
        if !runs {
            self.crash(number);
        }
        let node = &mut self.nodes[number];
        (node.is_wrong, node.is_restored) = (false, !runs);
        node.view = None;
        node.lingering.clear();
        self.righted += 1;
    }

    fn crash(&mut self, number: usize) {
        let down = self.now + self.random.below(300);
        let node = &mut self.nodes[number];
        (node.view, node.told) = (None, None);
        node.lingering.clear();
        node.heard.clear();
        node.down_until = down;
        node.waits = Some(down.max(self.now));
    }

    fn parent(&mut self) {
        if self
            .parent_late
            .as_ref()
            .is_some_and(|(_, until)| *until < self.now)
        {
            self.parent_late = None;
        }
        if self.parent_late.is_some() || !self.random.once_in(60) {
            return;
        }
        let views = self.nodes.iter();
        let views = views.map(|node| node.view.as_ref().filter(|_| node.waits.is_none()));
        let Some(said) = views
            .map(|view| view.map(|view| view.sync))
            .collect::<Option<Vec<Sync>>>()
        else {
            return;
        };
        if said.iter().any(|sync| *sync != said[0]) {
            return;
        }
        let wanted = match said[0] {
            Sync::Key(id) => BTreeSet::from([id]),
            Sync::Delete => BTreeSet::new(),
            Sync::Silent => return,
        };
        if wanted != self.parent {
            let until = self.now + self.random.below(self.world.lag + 1);
            let old = std::mem::replace(&mut self.parent, wanted);
            self.parent_late = Some((old, until));
        }
    }

    /// Somebody works on one of the nodes; at times on two, without knowing of each other.
    fn operator(&mut self) {
        let number = usize::try_from(self.random.below(self.nodes.len() as u64)).unwrap();
        let clock = self.clock(number);
        let node = &mut self.nodes[number];
        if node.down_until > self.now || node.waits.is_some() {
            return;
        }
        // Before, the parent may still follow what the node said last.
        let asks = node
            .view
            .as_ref()
            .is_some_and(|view| view.sync == Sync::Delete);
        if asks && node.ring.goal == Goal::Insecure && self.parent.is_empty() {
            node.ring.see_none(clock).unwrap();
        }
        for id in &self.parent {
            let _ = node.ring.see(id.tag, &self.policy, clock);
        }
        if !self.rough {
            return;
        }
        match self.random.below(60) {
            0 => _ = node.ring.withdraw(clock),
            1..=4 => _ = node.ring.publish(clock),
            5..=8 => self.roll(number, &[Role::Csk]),
            9..=12 => self.roll(number, &[Role::Ksk, Role::Zsk]),
            13..=16 => self.roll(number, &[Role::Zsk]),
            17..=20 => self.roll(number, &[Role::Ksk]),
            21..=24 => {
                let other = (number + 1) % self.nodes.len();
                let before = self.tags;
                self.roll(number, &[Role::Csk]);
                self.roll(other, &[Role::Csk]);
                self.met += usize::from(self.tags == before + 2);
            }
            _ => {}
        }
    }

    fn roll(&mut self, number: usize, roles: &[Role]) {
        let clock = self.clock(number);
        let ring = &self.nodes[number].ring;
        let is_combined = ring.live().any(|key| key.role == Role::Csk);
        let may = roles
            .iter()
            .all(|role| ring.may_follow(*role, None).is_ok());
        let is_empty = ring.live().next().is_none();
        if is_empty || !may || is_combined && roles.len() == 1 && roles[0] != Role::Csk {
            return;
        }
        self.add(number, roles, clock);
    }

    fn quiet(&mut self) {
        self.rough = false;
        (self.policy.zsk_lifetime, self.policy.ksk_lifetime) = (None, None);
        for number in 0..self.nodes.len() {
            if self.nodes[number].is_wrong {
                self.right(number);
            }
        }
        for node in &mut self.nodes {
            (node.cut_until, node.down_until) = (0, node.down_until.min(self.now));
        }
    }

    /// All live keys of a node.
    fn live(&self, number: usize) -> BTreeSet<KeyId> {
        self.nodes[number].ring.live().map(|key| key.id).collect()
    }
}

/// Goes through a world; how many keys were removed, nodes brought back, clocks set right, rollovers begun twice, and first keys made by a
/// clock that is wrong.
fn go(seed: u64, fault: Fault) -> Result<[usize; 5], String> {
    let mut fleet = Fleet::new(seed, fault);
    for _ in 0..ROUGH {
        fleet.tick()?;
    }
    fleet.quiet();
    for _ in 0..200 {
        fleet.tick()?;
    }
    // Nobody publishes for an operator who has gone.
    let clock = fleet.clock(0);
    let _ = fleet.nodes[0].ring.publish(clock);
    for _ in 0..QUIET {
        fleet.tick()?;
    }
    let first = fleet.live(0);
    for number in 0..fleet.nodes.len() {
        let ring = &fleet.nodes[number].ring;
        let ahead = ring.prospects_among(&fleet.policy, &fleet.fellows(number));
        if !ahead.is_empty() || fleet.live(number) != first || ring.signed.is_none() {
            return Err(format!("never ends: node {number} {ahead:?}\n{ring:#?}"));
        }
    }
    let began_wrong = usize::from(fleet.began_wrong);
    Ok([
        fleet.removed,
        fleet.restored,
        fleet.righted,
        fleet.met,
        began_wrong,
    ])
}

fn seeds() -> u64 {
    number("KEYS_SEEDS", 24)
}

fn first() -> u64 {
    number("KEYS_FIRST", 0)
}

fn number(name: &str, usual: u64) -> u64 {
    let asked = std::env::var(name).ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn nodes_with_keys_of_their_own_are_never_bogus_and_come_to_the_same() {
    let mut sums = [0; 5];
    for seed in first()..first() + seeds() {
        match go(seed, Fault::None) {
            Ok(counts) => sums
                .iter_mut()
                .zip(counts)
                .for_each(|(sum, own)| *sum += own),
            Err(bogus) => panic!("seed {seed}: {bogus}"),
        }
    }
    let [removed, restored, righted, met, began_wrong] = sums;
    let least = usize::try_from(seeds()).unwrap();
    assert!(removed > 5 * least, "only {removed} removals");
    assert!(restored > least, "only {restored} backups");
    assert!(righted > least, "only {righted} clocks set right");
    assert!(met > least / 2, "only {met} rollovers on two nodes at once");
    assert!(
        began_wrong > least / 8,
        "only {began_wrong} first keys of a wrong clock"
    );
}

/// The model can fail: each rule is needed.
#[test]
fn a_fleet_without_one_of_the_rules_is_found_out() {
    for fault in [Fault::RunsAhead, Fault::AnswersAtOnce] {
        let found = (0..100).any(|seed| {
            let went = go(seed, fault);
            went.is_err_and(|bogus| !bogus.starts_with("never"))
        });
        assert!(found, "{fault:?} is not found out");
    }
}
