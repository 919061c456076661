//! Secrets that nodes have in common, while they are cut off, crash, lose disks and come back with old ones, and cookie secrets roll: a cookie that one node gave is
//! taken by every other that has heard it for a while, and all come to one key of cohorts and to one secret of each TSIG key.
//!
//! What must hold is told by cookies alone, as clients have them: which secrets there are, and in which phase, is not looked at.
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use waypost::base::{Draws, HashKey, Moment, Span, Utc};
use waypost::dns::Name;
use waypost::dns::cookie::{Jar, Proof, Secret};
use waypost::dns::edns::QueryCookie;
use waypost::io::keys::lock::NodeLock;
use waypost::share::{
    Author, Boot, Cluster, ClusterStart, NodeHead, Roster, SecretLock, SecretOrder, SecretWrap,
    Sight, Trust, Tuning, Vault, VaultKeeper, VaultRules,
};

use super::nodes::{roster, seal};

const NODES: usize = 4;
const EPOCH: u64 = 1_800_000_000_000;
/// Time between two looks, and between two votes.
const STEP: u64 = 60_000;
const HOUR: u64 = 3_600_000;
const ROLL: u64 = 6 * HOUR;
/// Looks after which two nodes that reach each other have what the other one has.
const HEARD: u64 = 6;
const CLIENT: &str = "192.0.2.77";

/// A node's lock, and secrets drawn by seed.
struct SeededLock {
    lock: NodeLock,
    draws: std::cell::RefCell<Draws>,
}

impl SecretLock for SeededLock {
    fn public(&self) -> [u8; 32] {
        self.lock.public()
    }

    fn seal(&self, named: (&str, u64), value: &str, to: (Author, [u8; 32])) -> Option<SecretWrap> {
        SecretLock::seal(&self.lock, named, value, to)
    }

    fn open(&self, named: (&str, u64), wrap: &SecretWrap) -> Option<String> {
        SecretLock::open(&self.lock, named, wrap)
    }

    fn draw(&self) -> Option<[u8; 16]> {
        let mut draws = self.draws.borrow_mut();
        let drawn = [
            draws.next_u64().to_be_bytes(),
            draws.next_u64().to_be_bytes(),
        ];
        drawn.concat().try_into().ok()
    }
}

struct Holder {
    cluster: Cluster,
    keeper: VaultKeeper,
    lock: SeededLock,
    /// The secrets that are in force: the first makes cookies.
    jar: Vec<Secret>,
    backup: Vault,
    /// It has come back with an old disk, and has not heard anybody for long enough since: it may make cookies with what the others have let go.
    is_old: bool,
    is_up: bool,
    skew: u64,
}

/// A cookie that a client has.
struct Given {
    by: usize,
    at: u64,
    cookie: QueryCookie,
}

struct Holders {
    draws: Draws,
    now: u64,
    nodes: Vec<Holder>,
    roster: Arc<Roster>,
    side: BTreeSet<usize>,
    /// By pair: since when both are up and reach each other.
    joined: [[u64; NODES]; NODES],
    cookies: Vec<Given>,
    boots: u64,
    checked: u64,
    rolled: BTreeSet<[u8; 16]>,
    told: Vec<String>,
}

fn rules(member: usize) -> VaultRules {
    VaultRules {
        roll_every: Span(ROLL),
        shares_cookies: true,
        // Each has other zones.
        first_cohort: Some(HashKey(member as u64)),
    }
}

impl Holders {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            draws: Draws::from_seed(seed),
            now: STEP,
            nodes: Vec::new(),
            roster: roster(NODES),
            side: BTreeSet::new(),
            joined: [[STEP; NODES]; NODES],
            cookies: Vec::new(),
            boots: 0,
            checked: 0,
            rolled: BTreeSet::new(),
            told: Vec::new(),
        };
        for member in 0..NODES {
            let lock = SeededLock {
                lock: NodeLock::from_seed(&[u8::try_from(member).unwrap() + 1; 32]).unwrap(),
                draws: Draws::from_seed(seed ^ (member as u64) << 32).into(),
            };
            let cluster = world.core(member);
            let skew = world.draws.below(60_000);
            world.nodes.push(Holder {
                cluster,
                keeper: VaultKeeper::new(Vault::default(), Moment(STEP)),
                lock,
                jar: Vec::new(),
                backup: Vault::default(),
                is_old: false,
                is_up: true,
                skew,
            });
        }
        world
    }

    fn core(&mut self, member: usize) -> Cluster {
        self.boots += 1;
        let tuning = Tuning {
            beat: Span(STEP),
            alone_after: None,
            up_while: None,
        };
        let start = ClusterStart {
            now: Moment(self.now),
            boot: Boot::at(Utc(EPOCH + self.now + self.boots), 0),
        };
        let mut core = Cluster::new(seal(member), Arc::clone(&self.roster), tuning, start);
        core.plan(Vec::new());
        core
    }

    fn wall(&self, member: usize) -> Utc {
        Utc(EPOCH + self.now + self.nodes[member].skew)
    }

    /// A node votes, takes what it has heard, and tells what it has.
    fn turn(&mut self, member: usize) {
        let (now, wall) = (Moment(self.now), self.wall(member));
        let node = &mut self.nodes[member];
        node.cluster.tick(now, wall, Sight::Clear);
        let ballot = node.cluster.ballot(Trust::Sure);
        node.cluster.say(now, wall, ballot);
        node.cluster.say_head(wall, NodeHead::default());
        let sight = node.cluster.vault_sight(now, wall);
        node.keeper.turn(&sight, &rules(member), &node.lock);
        node.jar = node.keeper.cookies(&sight);
        node.keeper.is_in_force(BTreeSet::new());
        let told = node.keeper.told(&sight, &node.lock);
        node.cluster.say_vault(told);
    }

    fn reaches(&self, from: usize, whom: usize) -> bool {
        let is_cut = self.side.contains(&from) != self.side.contains(&whom);
        !is_cut && self.nodes[from].is_up && self.nodes[whom].is_up
    }

    fn ask(&mut self, from: usize, whom: usize) {
        if from == whom || !self.reaches(from, whom) {
            return;
        }
        let have = self.nodes[from].cluster.have();
        let turn = self.draws.next_u64();
        let bundle = self.nodes[whom].cluster.newer(&have, turn);
        let (now, wall) = (Moment(self.now), self.wall(from));
        let taken = self.nodes[from].cluster.take(now, wall, &bundle);
        assert_eq!(taken.garbled, None);
    }

    fn talk(&mut self) {
        for member in 0..NODES {
            for whom in 0..NODES {
                self.ask(member, whom);
            }
            if self.nodes[member].is_up {
                self.turn(member);
            }
        }
    }

    fn judge(&self, member: usize, cookie: &QueryCookie) -> (Proof, Option<QueryCookie>) {
        let jar = Jar::new(&self.nodes[member].jar, self.wall(member).0 / 1000);
        let client: IpAddr = CLIENT.parse().unwrap();
        let (proof, given) = jar.judge(cookie, client);
        let given = given.map(|octets| {
            let (client, server) = octets.split_first_chunk().unwrap();
            QueryCookie {
                client: *client,
                server: server.try_into().ok(),
            }
        });
        (proof, given)
    }

    /// Clients ask each node for a cookie, and show every node those that they have.
    fn ask_for_cookies(&mut self) -> Result<(), String> {
        for by in 0..NODES {
            let fresh = QueryCookie {
                client: [7; 8],
                server: None,
            };
            let is_heard = |other: &usize| {
                *other != by
                    && self.reaches(by, *other)
                    && self.now - self.joined[by][*other] >= HEARD * STEP
            };
            self.nodes[by].is_old &= !(0..NODES).any(|other| is_heard(&other));
            if self.nodes[by].is_up
                && !self.nodes[by].is_old
                && let (_, Some(cookie)) = self.judge(by, &fresh)
            {
                let at = self.now;
                self.cookies.push(Given { by, at, cookie });
                self.rolled
                    .extend(self.nodes[by].jar.first().map(|own| own.0));
            }
        }
        let now = self.now;
        // An hour, less what clocks are apart.
        self.cookies.retain(|given| now - given.at < HOUR - 120_000);
        for member in 0..NODES {
            for given in &self.cookies {
                let is_joined = self.reaches(member, given.by)
                    && now - self.joined[member][given.by] >= HEARD * STEP;
                if !is_joined {
                    continue;
                }
                self.checked += 1;
                if self.judge(member, &given.cookie).0 != Proof::Server {
                    let ago = (now - given.at) / 1000;
                    return Err(format!(
                        "after {} s node {member} refuses a cookie that node {} gave {ago} s ago",
                        now / 1000,
                        given.by
                    ));
                }
            }
        }
        Ok(())
    }

    /// A node begins anew with another vault; what it gave clients without telling anybody is gone with it.
    fn restart_with(&mut self, member: usize, vault: Vault) {
        let is_whole = vault == *self.nodes[member].keeper.vault();
        if !is_whole {
            self.cookies.retain(|given| given.by != member);
        }
        let core = self.core(member);
        let now = Moment(self.now);
        let node = &mut self.nodes[member];
        node.cluster = core;
        node.is_old = !is_whole && vault != Vault::default();
        node.jar = vault.cookies(Utc(EPOCH + now.0 + node.skew));
        node.keeper = VaultKeeper::new(vault, now);
        self.part(member);
    }

    /// Whoever is joined with this node is so from now on only.
    fn part(&mut self, member: usize) {
        for other in 0..NODES {
            self.joined[member][other] = self.now;
            self.joined[other][member] = self.now;
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += STEP;
        let member = usize::try_from(self.draws.below(NODES as u64)).unwrap();
        let event = self.draws.below(400);
        if event < 32 {
            self.told
                .push(format!("{} s: event {event} at {member}", self.now / 1000));
        }
        match event {
            0..3 => {
                self.side = (0..NODES).filter(|_| self.draws.below(2) == 0).collect();
                (0..NODES).for_each(|member| self.part(member));
            }
            3..8 => {
                self.side.clear();
                (0..NODES).for_each(|member| self.part(member));
            }
            8..10 => {
                self.nodes[member].is_up = false;
                self.part(member);
            }
            10..12 => {
                for place in 0..NODES {
                    if !std::mem::replace(&mut self.nodes[place].is_up, true) {
                        self.part(place);
                    }
                }
            }
            12 => self.nodes[member].backup = self.nodes[member].keeper.vault().clone(),
            13..15 => {
                let vault = self.nodes[member].keeper.vault().clone();
                self.restart_with(member, vault);
            }
            15 => {
                let vault = match self.draws.below(2) {
                    0 => Vault::default(),
                    _ => self.nodes[member].backup.clone(),
                };
                self.restart_with(member, vault);
            }
            // A fifth would let the first go, whether cookies of it are about or not.
            16 | 22..32 if self.nodes.iter().all(|node| node.jar.len() < 3) => {
                self.order(member, &SecretOrder::RollCookie);
            }
            17..19 => self.order(member, &SecretOrder::RollCohort),
            19..22 => {
                let key = Name::parse("transfer.example").unwrap();
                let value = (self.draws.below(3) > 0)
                    .then(|| format!("AAAA{:04}", self.now / STEP % 10_000));
                self.order(member, &SecretOrder::Tsig(key, value));
            }
            _ => {}
        }
        self.talk();
        self.ask_for_cookies()
    }

    fn order(&mut self, member: usize, order: &SecretOrder) {
        let (now, wall) = (Moment(self.now), self.wall(member));
        let node = &mut self.nodes[member];
        if node.is_up {
            let sight = node.cluster.vault_sight(now, wall);
            node.keeper.order(&sight, order, &node.lock).unwrap();
        }
    }

    /// Heals everything; all must come to the same, and say no more.
    fn settle(&mut self) -> Result<(), String> {
        self.side.clear();
        for node in &mut self.nodes {
            node.is_up = true;
        }
        (0..NODES).for_each(|member| self.part(member));
        for _ in 0..2 * HEARD {
            self.now += STEP;
            self.talk();
            self.ask_for_cookies()?;
        }
        let of = |node: &Holder| {
            let tsig: Vec<_> = node.keeper.vault().tsig().collect();
            (
                node.keeper.vault().cohort(),
                tsig,
                node.jar.first().copied(),
            )
        };
        let first = of(&self.nodes[0]);
        if first.0.is_none() || first.2.is_none() {
            return Err("there are none".to_owned());
        }
        match self.nodes.iter().all(|node| of(node) == first) {
            true => Ok(()),
            false => Err("they have not come to the same".to_owned()),
        }
    }
}

#[test]
fn a_cookie_of_one_node_is_taken_by_all_and_clients_keep_their_cohorts() {
    let (first, worlds) = (
        super::number("CLUSTER_FIRST", 0),
        // Secrets are encrypted in earnest, which takes its time.
        super::number("CLUSTER_SEEDS", 40).div_ceil(10),
    );
    let (mut checked, mut rolled) = (0, 0);
    for seed in first..first + worlds {
        let mut world = Holders::new(seed);
        let run = (0..1000).try_for_each(|_| world.step());
        if let Err(wrong) = run.and_then(|()| world.settle()) {
            let told = world.told.split_off(world.told.len().saturating_sub(70));
            panic!("seed {seed}: {wrong}\n{}", told.join("\n"));
        }
        checked += world.checked;
        rolled += world.rolled.len() as u64;
    }
    // Otherwise it would be a proof of worlds in which nothing happens.
    assert!(
        checked > 20_000 * worlds,
        "only {checked} cookies were shown"
    );
    assert!(rolled > 2 * worlds, "only {rolled} secrets");
}
