//! A world: nodes, the links between them, what operators order, and what goes wrong.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use waypost::base::{Draws, Utc};
use waypost::share::{EntryHash, Have, Intent, LogAct, Roster, Trust};

use super::nodes::{BEAT, Disk, Manner, SimNode, TARGETS, half, roster};

const TICK: u64 = 500;
/// The rough part of a world, and the quiet one after it.
const ROUGH: u64 = 160_000;
const QUIET: u64 = 70_000;
/// Clocks of one world are this far off at most, where nothing is wrong with them.
const SKEW: u64 = 20_000;
const TOLD: usize = 60;

/// An order that an operator has been told is in force.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    pub(super) hash: EntryHash,
    pub(super) scope: String,
    pub(super) drain: bool,
    pub(super) rank: (u64, usize),
    /// Orders for the same scope that its node had then, and those that these had followed.
    pub(super) past: BTreeSet<EntryHash>,
    /// The clock of its node was wrong.
    pub(super) tainted: bool,
}

/// A cut through the links.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut {
    /// Nodes on one side.
    near: BTreeSet<usize>,
    /// A node that reaches both sides.
    bridge: Option<usize>,
    /// What the near side sends is lost, what the other sends is not.
    one_way: bool,
    /// Nobody hears anybody.
    all: bool,
    /// Nodes whose probes fail, too.
    pub(super) blind: BTreeSet<usize>,
}

impl Cut {
    /// A cut through these links, whole for both sides.
    pub(super) fn around(near: impl IntoIterator<Item = usize>) -> Self {
        Self {
            near: near.into_iter().collect(),
            ..Self::default()
        }
    }

    /// A cut of all links.
    pub(super) fn of_all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// A cut drawn through so many nodes; where the near side is small, it may be blind.
    pub(super) fn draw(draws: &mut Draws, nodes: usize) -> Self {
        let near = (0..nodes).filter(|_| draws.chance(500));
        let near: BTreeSet<usize> = near.collect();
        let any = |draws: &mut Draws| usize::try_from(draws.below(nodes as u64)).unwrap();
        let bridge = draws.chance(200).then(|| any(draws));
        let small = near.len() * 2 < nodes;
        let blind = if small && draws.chance(600) {
            near.clone()
        } else {
            BTreeSet::new()
        };
        Self {
            near,
            bridge,
            one_way: draws.chance(250),
            all: false,
            blind,
        }
    }

    /// Tells that what one node sends another gets through.
    pub(super) fn is_passed(&self, from: usize, to: usize) -> bool {
        if self.all {
            return false;
        }
        if [Some(from), Some(to)].contains(&self.bridge) {
            return true;
        }
        let (near, far) = (self.near.contains(&from), self.near.contains(&to));
        near == far || (self.one_way && !near)
    }
}

enum Letter {
    Pull(Vec<u8>),
    Give(Vec<u8>),
}

pub(super) struct World {
    pub(super) draws: Draws,
    pub(super) now: u64,
    pub(super) roster: Arc<Roster>,
    pub(super) members: usize,
    pub(super) nodes: Vec<SimNode>,
    pub(super) cut: Option<Cut>,
    /// In a thousand letters.
    loss: u64,
    mail: BTreeMap<(u64, u64), (usize, usize, Letter)>,
    serial: u64,
    turn: u64,
    pub(super) truth: [bool; TARGETS as usize],
    /// By member and target: the true time at which it last said down, and trusted itself.
    pub(super) said_down: Vec<[Option<u64>; TARGETS as usize]>,
    pub(super) acknowledged: Vec<Acknowledged>,
    pub(super) ejections: u64,
    pub(super) cuts: u64,
    told: VecDeque<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut draws = Draws::from_seed(seed ^ 0xC1_05_7E_12);
        let members = 3 + usize::try_from(seed % 5).unwrap();
        let roster = roster(members);
        let mut world = Self {
            now: 10_000,
            members,
            roster,
            nodes: Vec::new(),
            cut: None,
            loss: draws.below(200),
            mail: BTreeMap::new(),
            serial: 0,
            turn: 0,
            truth: [true; TARGETS as usize],
            said_down: vec![[None; TARGETS as usize]; members],
            acknowledged: Vec::new(),
            ejections: 0,
            cuts: 0,
            told: VecDeque::new(),
            draws,
        };
        let lies = seed.is_multiple_of(3);
        for member in 0..members {
            let manner = if lies && member + 1 == members {
                Manner::Liar
            } else {
                Manner::Honest
            };
            let node = world.begin(member, manner, Vec::new());
            world.nodes.push(node);
        }
        world
    }

    /// Goes through all of it.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let end = self.now + ROUGH;
        while self.now < end {
            self.step()?;
            self.go_wrong();
        }
        self.heal();
        let end = self.now + QUIET;
        while self.now < end {
            self.step()?;
        }
        self.check_end()
    }

    /// The last things that happened.
    pub(super) fn told(&self) -> String {
        let mut all = String::new();
        for line in &self.told {
            writeln!(all, "  {line}").unwrap();
        }
        all
    }

    fn tell(&mut self, what: String) {
        self.told.push_back(format!("{}: {what}", self.now));
        if self.told.len() > TOLD {
            self.told.pop_front();
        }
    }

    fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.draws.below(below as u64)).unwrap()
    }

    fn begin(&mut self, member: usize, manner: Manner, disk: Disk) -> SimNode {
        let skew =
            i64::try_from(self.draws.below(2 * SKEW)).unwrap() - i64::try_from(SKEW).unwrap();
        let drawn = u16::try_from(self.draws.below(1 << 16)).unwrap();
        let clock = (self.now, skew);
        SimNode::begin((member, manner), &self.roster, clock, drawn, disk)
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += TICK;
        while let Some(first) = self.mail.first_entry()
            && first.key().0 <= self.now
        {
            let (from, to, letter) = first.remove();
            self.deliver(from, to, letter);
        }
        for place in 0..self.nodes.len() {
            if self.nodes[place].is_up {
                self.live(place)?;
            }
        }
        Ok(())
    }

    fn live(&mut self, place: usize) -> Result<(), String> {
        if (self.now + place as u64 * TICK).is_multiple_of(BEAT) {
            let (seen, trust) = self.sees(place);
            self.note_votes(place, &seen, trust);
            self.nodes[place].speak(self.now, &seen, trust);
            let pulls = match self.nodes[place].manner {
                Manner::Honest => 2,
                Manner::Liar => 0,
            };
            for _ in 0..pulls {
                let to = self.index(self.nodes.len());
                let have = self.nodes[place].cluster.have().pack();
                self.send(place, to, &Letter::Pull(have));
            }
            self.check_now(place, &seen, trust)?;
        }
        Ok(())
    }

    /// What a node sees of the targets. One that is blind sees nothing, and finds that out half of the time.
    fn sees(&mut self, place: usize) -> (Vec<bool>, Trust) {
        let blind = self
            .cut
            .as_ref()
            .is_some_and(|cut| cut.blind.contains(&place));
        let trust = if blind && self.draws.chance(500) {
            Trust::Doubting
        } else {
            Trust::Sure
        };
        let seen = self.truth.iter().map(|up| *up && !blind);
        let lies = self.nodes[place].manner == Manner::Liar;
        (seen.map(|up| up != lies).collect(), trust)
    }

    fn note_votes(&mut self, place: usize, seen: &[bool], trust: Trust) {
        let node = &self.nodes[place];
        let all = node.manner == Manner::Liar;
        for (target, up) in seen.iter().enumerate() {
            if all || (!up && trust == Trust::Sure) {
                self.said_down[node.member][target] = Some(self.now);
            }
        }
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        let cut = self.cut.as_ref();
        cut.is_none_or(|cut| cut.is_passed(from, to))
    }

    fn send(&mut self, from: usize, to: usize, letter: &Letter) {
        if from == to || !self.reaches(from, to) || self.draws.chance(self.loss) {
            return;
        }
        let copies = 1 + u64::from(self.draws.chance(50));
        for _ in 0..copies {
            let slow = if self.draws.chance(30) { 4_000 } else { 300 };
            let due = self.now + 20 + self.draws.below(slow);
            self.serial += 1;
            let copy = match letter {
                Letter::Pull(octets) => Letter::Pull(octets.clone()),
                Letter::Give(octets) => Letter::Give(octets.clone()),
            };
            self.mail.insert((due, self.serial), (from, to, copy));
        }
    }

    fn deliver(&mut self, from: usize, to: usize, letter: Letter) {
        if !self.nodes[to].is_up {
            return;
        }
        match letter {
            Letter::Pull(have) => {
                let have = Have::unpack(&have).unwrap();
                self.turn += 1;
                let turn = self.turn;
                let node = &self.nodes[to];
                let teller = match &node.shadow {
                    Some(shadow) if turn.is_multiple_of(2) => shadow,
                    _ => &node.cluster,
                };
                let mut bundle = teller.newer(&have, turn);
                if node.manner == Manner::Liar {
                    self.spoil(&mut bundle);
                }
                if !bundle.is_empty() {
                    self.send(to, from, &Letter::Give(bundle));
                }
            }
            Letter::Give(bundle) => self.nodes[to].take(self.now, &bundle),
        }
    }

    /// A liar carries what is forged and garbled, too.
    fn spoil(&mut self, bundle: &mut Vec<u8>) {
        if self.draws.chance(300) && !bundle.is_empty() {
            let at = self.index(bundle.len());
            bundle[at] ^= 1 << self.draws.below(8);
        }
        if self.draws.chance(100) {
            bundle.extend_from_within(..);
        }
    }

    fn go_wrong(&mut self) {
        match self.draws.below(240) {
            0..3 if self.cut.is_none() => self.cut_links(),
            0..3 => self.heal_links(),
            3..11 => self.order(),
            11..13 => self.set_clock(),
            13..16 => self.restart(),
            16..19 => {
                let target = self.index(self.truth.len());
                self.truth[target] ^= true;
                self.tell(format!("target {target} is up: {}", self.truth[target]));
            }
            19 => self.clone_node(),
            20 => self.loss = self.draws.below(400),
            21..23 => self.flood(),
            23..25 => {
                let place = self.index(self.nodes.len());
                self.nodes[place].backup = self.nodes[place].disk.clone();
            }
            _ => {}
        }
    }

    fn cut_links(&mut self) {
        let cut = Cut::draw(&mut self.draws, self.nodes.len());
        self.tell(format!("{cut:?}"));
        self.cut = Some(cut);
        self.cuts += 1;
    }

    fn heal_links(&mut self) {
        self.cut = None;
        self.tell("links are whole".to_owned());
    }

    fn order(&mut self) {
        let place = self.index(self.nodes.len());
        let scope = format!("s{}", self.draws.below(5));
        let act = match self.draws.below(8) {
            0..3 => LogAct::Drain,
            3..6 => LogAct::Undrain,
            6 => half(),
            _ => LogAct::Approve(self.draws.below(3)),
        };
        let now = self.now;
        let node = &mut self.nodes[place];
        if !node.is_up || node.manner == Manner::Liar {
            return;
        }
        let wall = node.wall(now);
        let life = 10_000 + self.draws.below(60_000);
        let expires = act.needs_end().then_some(Utc(wall.0 + life));
        let intent = Intent {
            act: act.clone(),
            scope: scope.clone(),
            by: "ada".to_owned(),
            reason: String::new(),
            begins: None,
            expires,
        };
        let Ok(entry) = node.cluster.order(wall, intent) else {
            return;
        };
        node.disk.push(entry.record.octets().clone());
        if matches!(act, LogAct::Drain | LogAct::Undrain) {
            let known = self.acknowledged.iter();
            let known = known.filter(|one| one.scope == scope && node.knows.contains(&one.hash));
            let past = known.flat_map(|one| one.past.iter().copied().chain([one.hash]));
            let one = Acknowledged {
                hash: entry.hash,
                scope: scope.clone(),
                drain: act == LogAct::Drain,
                rank: (entry.entry.stamp.0, node.member),
                past: past.collect(),
                tainted: node.skew.unsigned_abs() > SKEW,
            };
            self.acknowledged.push(one);
        }
        node.knows.insert(entry.hash);
        self.tell(format!("{act:?} of {scope} at {place}"));
    }

    fn set_clock(&mut self) {
        let place = self.index(self.nodes.len());
        let mut others = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != place);
        if others.any(|(_, other)| other.skew.unsigned_abs() > SKEW) {
            return;
        }
        let skew = match self.draws.below(8) {
            0 => 20 * 60_000,
            1 => -20 * 60_000,
            2 => 365 * 86_400_000,
            3 => -365 * 86_400_000,
            _ => i64::try_from(self.draws.below(SKEW)).unwrap(),
        };
        self.nodes[place].skew = skew;
        self.tell(format!("clock of {place} is off by {skew}"));
    }

    /// Ends a node, or lets it begin again: with its disk, without it, or with that of an old backup.
    fn restart(&mut self) {
        let place = self.index(self.nodes.len());
        if self.nodes[place].is_up {
            self.nodes[place].is_up = false;
            self.tell(format!("{place} ends"));
            return;
        }
        let (disk, how) = match self.draws.below(4) {
            0 => (Vec::new(), "an empty disk"),
            1 => (self.nodes[place].backup.clone(), "an old disk"),
            _ => (self.nodes[place].disk.clone(), "its disk"),
        };
        self.tell(format!("{place} begins with {how}"));
        self.bring_up(place, disk);
    }

    fn bring_up(&mut self, place: usize, disk: Disk) {
        let (member, manner) = (self.nodes[place].member, self.nodes[place].manner);
        let backup = std::mem::take(&mut self.nodes[place].backup);
        let mut node = self.begin(member, manner, disk);
        node.backup = backup;
        self.nodes[place] = node;
    }

    /// A copy of an honest node, its key and its disk, begins beside it.
    fn clone_node(&mut self) {
        if self.nodes.len() > self.members {
            return;
        }
        let place = self.index(self.members);
        if self.nodes[place].manner == Manner::Honest {
            let disk = self.nodes[place].disk.clone();
            let twin = self.begin(place, Manner::Honest, disk);
            self.nodes.push(twin);
            self.tell(format!("{} is a copy of {place}", self.members));
        }
    }

    fn flood(&mut self) {
        let now = self.now;
        for node in &mut self.nodes {
            let wall = node.wall(now);
            for number in 0..25 {
                let intent = |core: &str| Intent {
                    act: LogAct::Drain,
                    scope: format!("liar-{core}-{}", now + number),
                    by: "eve".to_owned(),
                    reason: "x".repeat(400),
                    begins: None,
                    expires: None,
                };
                if let Some(shadow) = &mut node.shadow {
                    drop(shadow.order(wall, intent("shadow")));
                    drop(node.cluster.order(wall, intent("open")));
                }
            }
        }
    }

    /// All is well again but for the liars.
    fn heal(&mut self) {
        self.heal_links();
        self.loss = 0;
        for place in 0..self.nodes.len() {
            if self.nodes[place].skew.unsigned_abs() > SKEW {
                self.nodes[place].skew = 0;
            }
            if !self.nodes[place].is_up {
                let disk = self.nodes[place].disk.clone();
                self.bring_up(place, disk);
            }
        }
    }
}
