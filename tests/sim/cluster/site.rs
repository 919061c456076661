//! A node with a whole engine: it probes, votes, hears, and answers; and a world of several.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use waypost::base::limits::COHORTS;
use waypost::base::{
    Cause, ClassId, Draws, Family, Moment, Permille, ServiceId, SlotId, Span, Utc, Why,
};
use waypost::engine::{Engine, Input, Output, ProbeId, Snapshot};
use waypost::health::ProbeResult;
use waypost::health::target::Verdict;
use waypost::plan::{ClusterFiles, ClusterRules, Guard, Plan};
use waypost::share::{Ballot, Boot, Cluster, ClusterStart, Footing, Roster, TargetNames, Tuning};

use super::nodes::{Manner, provider, roster_in, seal};
use super::world::Cut;
use crate::engine::desk::{report, test_plan};

const TICK: u64 = 100;
const BEAT: u64 = 1_000;
pub(super) const ALONE_AFTER: u64 = 60_000;
/// Targets; each machine has one.
pub(super) const MACHINES: usize = 4;
const EPOCH: u64 = 1_800_000_000_000;
/// A vote counts for 15 s, and is under way for 5 s at most.
const HEARSAY: u64 = 20_000;

/// One node.
pub(super) struct Site {
    member: usize,
    pub(super) manner: Manner,
    pub(super) engine: Engine,
    pub(super) cluster: Cluster,
    /// Its monotonic clock less the true time.
    offset: u64,
    skew: i64,
    beat_at: u64,
    probes: Vec<(u64, ProbeId)>,
    /// Machines that it cannot reach, though they are well.
    pub(super) blocked: BTreeSet<usize>,
    /// Machines that it reaches, though they are not.
    pub(super) spared: BTreeSet<usize>,
    is_up: bool,
    /// Targets that were out when this was looked at last.
    out: BTreeSet<usize>,
}

/// Several nodes, the links between them, and the machines that they watch.
pub(super) struct Sites {
    pub(super) draws: Draws,
    pub(super) now: u64,
    pub(super) sites: Vec<Site>,
    pub(super) cut: Option<Cut>,
    pub(super) loss: u64,
    pub(super) truth: [bool; MACHINES],
    pub(super) ejections: u64,
    /// Members that vote; the others follow.
    vantages: usize,
    plan: Arc<Plan>,
    roster: Arc<Roster>,
    mail: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    serial: u64,
    /// By member and target: the true time at which it last voted down.
    said_down: Vec<[Option<u64>; MACHINES]>,
}

/// Two regions of two machines each, watched closely, on a node of a cluster.
pub(super) fn plan() -> Arc<Plan> {
    let mut short = test_plan(2);
    short.probing.interval = Span(2_000);
    short.canaries = 2;
    // Who has seen more falls would let return later.
    short.patience.damping.most = 1;
    short.guard = Guard {
        max_ejected_at_once: Permille::FULL,
        ..short.guard
    };
    let mut plan = Arc::try_unwrap(short.plan()).unwrap();
    plan.cluster = Some(Arc::new(ClusterRules {
        name: "sim".to_owned(),
        node: String::new(),
        nodes: Vec::new(),
        beat: Span(BEAT),
        alone_after: Some(Span(ALONE_AFTER)),
        up_while: None,
        withdraw: None,
        distribute: None,
        roll_cookies: Span(u64::MAX),
        listen: Vec::new(),
        peers: Vec::new(),
        nats: None,
        files: ClusterFiles {
            seal: "key".into(),
            certificate: "certificate".into(),
            private_key: "private".into(),
            roots: "roots".into(),
            revoked: None,
        },
    }));
    Arc::new(plan)
}

impl Site {
    fn begin(
        (member, manner): (usize, Manner),
        roster: &Arc<Roster>,
        plan: &Arc<Plan>,
        (now, draws): (u64, &mut Draws),
        before: Option<(&Snapshot, u64)>,
    ) -> Self {
        let offset = before.map_or_else(|| draws.below(1 << 40), |(_, offset)| offset);
        let skew = i64::try_from(draws.below(4_000)).unwrap() - 2_000;
        let (moment, seed) = (Moment(now + offset), draws.next_u64());
        let ground = (plan.clone(), Arc::default());
        let engine = match before {
            Some((snapshot, _)) => Engine::resume(ground, snapshot, moment, seed),
            None => Engine::new(ground.0, ground.1, moment, seed),
        };
        let tuning = Tuning {
            beat: Span(BEAT),
            alone_after: Some(Span(ALONE_AFTER)),
            up_while: None,
        };
        let drawn = u16::try_from(draws.below(1 << 16)).unwrap();
        let start = ClusterStart {
            now: moment,
            boot: Boot::at(Utc((EPOCH + now).saturating_add_signed(skew)), drawn),
        };
        let mut cluster = Cluster::new(seal(member), roster.clone(), tuning, start);
        let names = plan.targets.iter();
        cluster.plan(names.map(|one| TargetNames::hash(&one.key)).collect());
        let mut site = Self {
            member,
            manner,
            engine,
            cluster,
            offset,
            skew,
            beat_at: now + draws.below(BEAT),
            probes: Vec::new(),
            blocked: BTreeSet::new(),
            spared: BTreeSet::new(),
            is_up: true,
            out: BTreeSet::new(),
        };
        site.out = site.outs();
        site
    }

    fn moment(&self, now: u64) -> Moment {
        Moment(now + self.offset)
    }

    fn wall(&self, now: u64) -> Utc {
        Utc((EPOCH + now).saturating_add_signed(self.skew))
    }

    /// Lets the engine take something in, and starts the probes that it wants; each takes some time.
    fn handle(&mut self, now: u64, input: Input, draws: &mut Draws) {
        self.engine.handle(self.moment(now), input);
        while let Some(output) = self.engine.poll() {
            if let Output::Probe(id, _) = output {
                self.probes.push((now + 5 + draws.below(200), id));
            }
        }
    }

    fn hear(&mut self, now: u64, draws: &mut Draws) {
        if self.cluster.has_settled(self.moment(now)) {
            let panel = self.cluster.panel();
            self.handle(now, Input::Heard(panel), draws);
        }
    }

    /// What it votes: a liar the contrary of what it sees.
    fn ballot(&self, now: u64) -> Ballot {
        let (trust, _) = self.engine.sight();
        let blank = self.cluster.ballot(trust);
        let ballot = self.engine.vote(self.moment(now), blank.clone());
        if self.manner == Manner::Honest {
            return ballot;
        }
        let mut lies = blank;
        lies.trust = waypost::share::Trust::Sure;
        for place in 0..lies.up.length() {
            lies.add(
                place,
                match ballot.verdict(place) {
                    Verdict::Up => Verdict::Down(Cause::Body),
                    Verdict::Down(_) | Verdict::Unknown => Verdict::Up,
                },
            );
        }
        lies
    }

    /// Machines that health has taken out.
    pub(super) fn outs(&self) -> BTreeSet<usize> {
        let standings = self.engine.table().standings.iter().enumerate();
        let out = standings.filter(|(_, own)| matches!(own.why, Why::Down(_)));
        out.map(|(target, _)| target).collect()
    }

    pub(super) fn shares(&self) -> Vec<u16> {
        let standings = self.engine.table().standings.iter();
        standings.map(|own| own.share.0).collect()
    }

    pub(super) fn words(&self) -> Vec<&'static str> {
        let standings = self.engine.table().standings.iter();
        standings.map(|own| own.why.word()).collect()
    }

    /// The machines that the clients of a class are given.
    pub(super) fn chosen(&self, class: u16) -> BTreeSet<usize> {
        let table = self.engine.table();
        let given = (0..COHORTS).flat_map(|cohort| {
            let found = table.select(ServiceId(0), Family::V4, ClassId(class), cohort);
            found.map_or(&[][..], |found| found.endpoints)
        });
        given.map(|endpoint| endpoint.index()).collect()
    }

    /// Tells that its table is what all that it knows comes to.
    pub(super) fn is_current(&self, now: u64) -> bool {
        self.engine.is_current(self.moment(now))
    }

    /// What its status says of a target.
    pub(super) fn told(&self, target: usize, now: u64) -> String {
        let status = self.engine.status(self.moment(now));
        let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
        let mut targets = endpoints.flat_map(|endpoint| &endpoint.targets);
        targets.nth(target).unwrap().detail.clone()
    }

    /// The true time at which the next step of a target's ramp is due.
    pub(super) fn next_step(&self, target: usize) -> Option<u64> {
        let until = self.engine.table().standings[target].until?;
        Some(until.0 - self.offset)
    }
}

impl Sites {
    pub(super) fn new(seed: u64, vantages: usize, followers: usize) -> Self {
        Self::in_regions("region-", seed, (vantages, followers))
    }

    /// The same, where two nodes stand in each region of this name and a number.
    pub(super) fn in_regions(
        region: &str,
        seed: u64,
        (vantages, followers): (usize, usize),
    ) -> Self {
        let mut draws = Draws::from_seed(seed ^ 0xE1_6E_5E);
        let roster = roster_in(region, vantages, followers);
        let (plan, now) = (plan(), 10_000);
        let (members, lies) = (vantages + followers, seed % 3 == 1);
        let sites = (0..members).map(|member| {
            let manner = match lies && member + 1 == vantages {
                true => Manner::Liar,
                false => Manner::Honest,
            };
            let time = (now, &mut draws);
            Site::begin((member, manner), &roster, &plan, time, None)
        });
        Self {
            sites: sites.collect(),
            now,
            cut: None,
            loss: 0,
            truth: [true; MACHINES],
            ejections: 0,
            vantages,
            plan,
            roster,
            mail: BTreeMap::new(),
            serial: 0,
            said_down: vec![[None; MACHINES]; members],
            draws,
        }
    }

    /// Lets so much time pass.
    pub(super) fn run(&mut self, time: u64) -> Result<(), String> {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            while let Some(first) = self.mail.first_entry()
                && first.key().0 <= self.now
            {
                let (to, bundle) = first.remove();
                self.deliver(to, &bundle);
            }
            for place in 0..self.sites.len() {
                if self.sites[place].is_up {
                    self.live(place)?;
                }
            }
        }
        Ok(())
    }

    /// Ends a node, or lets it begin again with what it knew.
    pub(super) fn restart(&mut self, place: usize) {
        let site = &mut self.sites[place];
        if site.is_up {
            site.is_up = false;
            return;
        }
        let snapshot = site.engine.snapshot(site.moment(self.now));
        let whom = (site.member, site.manner);
        let before = Some((&snapshot, site.offset));
        let blocked = std::mem::take(&mut site.blocked);
        let time = (self.now, &mut self.draws);
        self.sites[place] = Site::begin(whom, &self.roster, &self.plan, time, before);
        self.sites[place].blocked = blocked;
    }

    /// All is well again but for the liar and the machines.
    pub(super) fn heal(&mut self) {
        (self.cut, self.loss) = (None, 0);
        for place in 0..self.sites.len() {
            self.sites[place].blocked.clear();
            if !self.sites[place].is_up {
                self.restart(place);
            }
        }
    }

    pub(super) fn honest(&self) -> impl Iterator<Item = &Site> {
        let sites = self.sites.iter();
        sites.filter(|site| site.manner == Manner::Honest)
    }

    fn live(&mut self, place: usize) -> Result<(), String> {
        let now = self.now;
        self.probe(place);
        let site = &mut self.sites[place];
        let moment = site.moment(now);
        if site.engine.wake_at().is_some_and(|wake| wake <= moment) {
            site.handle(now, Input::Tick, &mut self.draws);
        }
        if site.beat_at <= now {
            site.beat_at += BEAT;
            self.beat(place);
        }
        self.check_ejections(place)
    }

    /// Probes that end now.
    fn probe(&mut self, place: usize) {
        let now = self.now;
        let blind = self
            .cut
            .as_ref()
            .is_some_and(|cut| cut.blind.contains(&place));
        let site = &mut self.sites[place];
        let (due, open) = std::mem::take(&mut site.probes)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        site.probes = open;
        let due: Vec<(u64, ProbeId)> = due;
        for (_, id) in due {
            let SlotId(slot) = id.slot;
            let machine = usize::try_from(slot).unwrap();
            let is_well = self.truth.get(machine).copied().unwrap_or(true);
            let is_well = is_well || site.spared.contains(&machine);
            let passes = is_well && !blind && !site.blocked.contains(&machine);
            let outcome = match passes {
                true => ProbeResult::Pass,
                false => ProbeResult::Fail(Cause::ConnectTimeout),
            };
            site.handle(now, Input::Probed(id, report(outcome)), &mut self.draws);
        }
    }

    fn beat(&mut self, place: usize) {
        let now = self.now;
        let site = &mut self.sites[place];
        let (moment, wall) = (site.moment(now), site.wall(now));
        let (_, sight) = site.engine.sight();
        site.cluster.tick(moment, wall, sight);
        let ballot = site.ballot(now);
        for (target, said) in (0..).zip(&mut self.said_down[site.member]) {
            let lies = site.manner == Manner::Liar;
            if lies || matches!(ballot.verdict(target), Verdict::Down(_)) {
                *said = Some(now);
            }
        }
        site.cluster.say(moment, wall, ballot);
        site.hear(now, &mut self.draws);
        for _ in 0..2 {
            let from = usize::try_from(self.draws.below(self.sites.len() as u64)).unwrap();
            self.pull(place, from);
        }
    }

    /// A node asks another for what is newer than what it has.
    fn pull(&mut self, to: usize, from: usize) {
        let passes = |cut: &Cut| cut.is_passed(to, from) && cut.is_passed(from, to);
        let is_cut = !self.cut.as_ref().is_none_or(passes);
        if to == from || is_cut || !self.sites[from].is_up || self.draws.chance(self.loss) {
            return;
        }
        let bundle = self.sites[from]
            .cluster
            .newer(&self.sites[to].cluster.have(), self.serial);
        let slow = if self.draws.chance(self.loss / 4) {
            4_000
        } else {
            200
        };
        self.serial += 1;
        let due = self.now + 20 + self.draws.below(slow);
        self.mail.insert((due, self.serial), (to, bundle));
    }

    fn deliver(&mut self, to: usize, bundle: &[u8]) {
        let site = &mut self.sites[to];
        let (moment, wall) = (site.moment(self.now), site.wall(self.now));
        if site.is_up && site.cluster.take(moment, wall, bundle).is_progress() {
            site.hear(self.now, &mut self.draws);
        }
    }

    /// What a node takes out, more than half of all have seen down of late, at two providers; or it is alone.
    fn check_ejections(&mut self, place: usize) -> Result<(), String> {
        let site = &mut self.sites[place];
        let out = site.outs();
        let before = std::mem::replace(&mut site.out, out.clone());
        let is_alone = site.cluster.footing() == Footing::Alone;
        if site.manner == Manner::Liar || is_alone {
            return Ok(());
        }
        // What it sees itself counts here before it has told anybody.
        let own = (site.member, site.ballot(self.now));
        for target in out.difference(&before) {
            self.ejections += 1;
            let members = 0..self.vantages;
            let said = members.filter(|member| {
                if *member == own.0 && own.1.down.has(u32::try_from(*target).unwrap()) {
                    return true;
                }
                let when = self.said_down[*member][*target];
                when.is_some_and(|when| self.now - when <= HEARSAY)
            });
            let said: Vec<usize> = said.collect();
            let providers: BTreeSet<usize> = said.iter().map(|one| provider(*one)).collect();
            if said.len() * 2 <= self.vantages || providers.len() < 2 {
                let now = self.now;
                return Err(format!(
                    "{now}: {place} takes {target} out, and {said:?} said so"
                ));
            }
        }
        Ok(())
    }
}
