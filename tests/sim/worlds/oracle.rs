//! What must be served, reckoned the slow way from the record of the world alone.
//!
//! Shares no code with health, engine, steer or table: it keeps whole histories and looks at all
//! of them again and again. What it reads of the plan is data: thresholds, steps, members, rings.
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use waypost::base::{ClassId, ClientHash, EndpointId, Family, Moment, Reason, RegionId, ServiceId};
use waypost::engine::OrderRequest;
use waypost::engine::OrderResult;
use waypost::engine::ProbeId;
use waypost::engine::order::{Action, Effect};
use waypost::health::{ProbeResult, Report};
use waypost::plan::{
    AllDown, Endpoint, FamilyPairing, Monitor, Plan, Pool, Recovery, Target, Tier,
};
use waypost::sim::Event;

use super::drains::{Drains, names};
use super::record::{Gates, Record};
use crate::fleet_oracle;

/// How old the last result may be before it says nothing, in milliseconds.
const OUTDATED: u64 = 15 * 60 * 1000;

/// The share of a target and the word for it.
pub(crate) type Expected = (u16, &'static str);

pub(crate) struct Oracle {
    plan: Arc<Plan>,
    /// Probes that were started and have not reported, each with its slot.
    open: BTreeMap<ProbeId, String>,
    /// All results that counted, by slot: true = passed.
    results: BTreeMap<String, Vec<bool>>,
    paces: Paces,
    records: BTreeMap<String, Record>,
    drains: Drains,
    /// Names of the endpoints that are drained.
    drained: BTreeSet<String>,
    /// What the last order must be answered with: whom it is for, and to whom it makes a difference.
    answer: Vec<(String, bool)>,
    now: u64,
    doubt: bool,
    /// Whether nothing passes at all.
    dark: bool,
    /// By slot: when its last result came.
    looked: BTreeMap<String, u64>,
    /// What was known whenever something was given to be kept.
    kept: BTreeMap<u64, Past>,
}

/// What was known at a moment.
#[derive(Clone)]
struct Past {
    results: BTreeMap<String, Vec<bool>>,
    paces: Paces,
    looked: BTreeMap<String, u64>,
    records: BTreeMap<String, Record>,
    drains: Drains,
    /// Those that were out.
    drained: BTreeSet<String>,
}

impl Oracle {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            open: BTreeMap::new(),
            results: BTreeMap::new(),
            paces: Paces::default(),
            records: BTreeMap::new(),
            drains: Drains::default(),
            drained: BTreeSet::new(),
            answer: Vec::new(),
            now: 0,
            doubt: false,
            dark: false,
            looked: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    pub(crate) fn feed(&mut self, at: Moment, event: &Event) {
        let now = at.0;
        if let Event::Restarted(kept) = event {
            return self.restarted(now, *kept);
        }
        self.pass_time(now);
        match event {
            Event::Kept => drop(self.kept.insert(now, self.past())),
            Event::Restarted(_) => {}
            Event::Woken => {}
            Event::Asked(id) => {
                let key = self.plan.slots[id.slot.index()].key.clone();
                // Whatever was out for this slot before is given up.
                self.open.retain(|_, other| *other != key);
                self.open.insert(*id, key);
            }
            Event::Reported(id, report) => {
                if let Some(key) = self.open.remove(id) {
                    self.report(now, &key, report);
                }
            }
            Event::Unasked(slot, report) => {
                let key = self.plan.slots[slot.index()].key.clone();
                self.report(now, &key, report);
            }
            Event::Planned(plan) => self.planned(now, plan),
            Event::Ordered(request) => self.ordered(now, request),
            Event::Answered(result) => self.answered(now, result),
        }
    }

    fn past(&self) -> Past {
        Past {
            results: self.results.clone(),
            paces: self.paces.clone(),
            looked: self.looked.clone(),
            records: self.records.clone(),
            drains: self.drains.clone(),
            drained: self.drained.clone(),
        }
    }

    /// What was known then is known again; nobody has watched since, and what is too old says nothing.
    fn restarted(&mut self, now: u64, kept: Option<Moment>) {
        let past = kept.map(|at| (at, self.kept[&at.0].clone()));
        let fresh = Self::new(self.plan.clone());
        let kept = std::mem::replace(self, fresh);
        self.kept = kept.kept;
        self.now = now;
        if let Some((at, past)) = past {
            (self.results, self.looked) = (past.results, past.looked);
            (self.records, self.drains) = (past.records, past.drains);
            let looked = &self.looked;
            let is_fresh = |key: &String| now - looked[key] <= OUTDATED;
            self.results.retain(|key, _| is_fresh(key));
            self.paces = past.paces;
            self.paces.resume(is_fresh);
            let plan = self.plan.clone();
            for target in &plan.targets {
                let slots = target.slots.iter().map(|id| self.is_up(id.index()));
                let slots: Vec<Option<bool>> = slots.collect();
                let Some(record) = self.records.get_mut(&target.key) else {
                    continue;
                };
                record.leave_out(now - at.0);
                let endpoint = &plan.endpoints[target.endpoint.index()];
                let is_drained = self.drains.cover(now, &plan, endpoint);
                match (past.drained.contains(&endpoint.name), is_drained) {
                    // Its end came meanwhile: the way back begins now.
                    (true, false) => {
                        record.undrain(now, &plan.recoveries[target.recovery.index()]);
                    }
                    // It began meanwhile: nobody was there who could have been sent here.
                    (false, true) => record.take_out(),
                    (true, true) | (false, false) => {}
                }
                let is_unknown = match record.down {
                    true => !slots.contains(&Some(false)),
                    false => slots.iter().all(Option::is_none),
                };
                if is_unknown {
                    record.forget(&plan.recoveries[target.recovery.index()]);
                }
            }
        }
        self.planned(now, &self.plan.clone());
    }

    /// An order is answered with what it did, and refused where it is for nothing.
    fn answered(&mut self, now: u64, result: &OrderResult) {
        let told = result.iter().flat_map(|executed| &executed.endpoints);
        let told = told.map(|(name, effect)| (name.clone(), *effect == Effect::Changed));
        let told: Vec<(String, bool)> = told.collect();
        assert_eq!(told, self.answer, "answer: at {now}");
    }

    /// By target, in the order of the plan.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        let targets = self.plan.targets.iter();
        targets.map(|target| self.expect(target)).collect()
    }

    /// When something next changes by itself.
    pub(crate) fn due(&self) -> Option<Moment> {
        let records = self.records.values();
        let own = records.clone().filter_map(|record| record.due(self.now));
        let interval = self.plan.guard.ejection_interval.0;
        let left = records.clone().filter_map(|record| record.left_at);
        let room = left.map(|at| at + interval).filter(|at| *at > self.now);
        let capped = records.clone().any(|record| record.kept == Some("capped"));
        // An order that is covered by another one may begin and end unseen.
        let is_seen = |turn: &u64| {
            let covered = |at| move |one| self.drains.cover(at, &self.plan, one);
            let mut all = self.plan.endpoints.iter();
            all.any(|one| covered(*turn)(one) != covered(turn - 1)(one))
        };
        let turns = self.drains.turns();
        let turns = turns.filter(|turn| *turn > self.now).filter(is_seen);
        own.chain(room.filter(|_| capped))
            .chain(turns)
            .min()
            .map(Moment)
    }

    pub(crate) fn doubts(&self) -> bool {
        self.doubt
    }

    /// Tells whether a target has left by its own fault at this very moment.
    pub(crate) fn has_just_left(&self, index: usize) -> bool {
        let record = &self.records[&self.plan.targets[index].key];
        record.left_at == Some(self.now)
    }

    fn expect(&self, target: &Target) -> Expected {
        let record = &self.records[&target.key];
        let health = record.health(self.recovery(target));
        let health = match (record.pace, health) {
            (pace, (share, _)) if share <= pace => health,
            // What is kept though it is down says that, whatever it is left.
            (pace, (_, word)) if record.kept.is_some() => (pace, word),
            (pace, _) => (pace, "degraded"),
        };
        match record.most(self.now) {
            most if most < health.0 => (most, record.word(self.now)),
            _ => health,
        }
    }

    fn recovery(&self, target: &Target) -> &Recovery {
        &self.plan.recoveries[target.recovery.index()]
    }

    fn is_drained(&self, target: &Target) -> bool {
        let name = &self.plan.endpoints[target.endpoint.index()].name;
        self.drained.contains(name)
    }

    fn planned(&mut self, now: u64, plan: &Arc<Plan>) {
        // The monitors of these worlds never change: a probe that is out counts while its slot is.
        self.plan = plan.clone();
        let slots: BTreeSet<&str> = plan.slots.iter().map(|slot| slot.key.as_str()).collect();
        self.open.retain(|_, key| slots.contains(key.as_str()));
        self.results.retain(|key, _| slots.contains(key.as_str()));
        self.paces.retain(|key| slots.contains(key.as_str()));
        let covered = |one: &&Endpoint| self.drains.cover(now, plan, one);
        let covered = plan.endpoints.iter().filter(covered);
        self.drained = covered.map(|one| one.name.clone()).collect();
        let old = std::mem::take(&mut self.records);
        for target in &plan.targets {
            let fresh = Record::new(self.is_drained(target));
            let record = old.get(&target.key).cloned().unwrap_or(fresh);
            self.records.insert(target.key.clone(), record);
        }
        self.doubt = self.reason_to_doubt();
        self.dark = self.nothing_passes();
        if self.dark {
            self.excuse_recent(now);
        }
        for target in plan.targets.clone() {
            self.look(now, &target);
        }
        self.fill(now);
    }

    /// What is named by an order obeys it, if that makes a difference.
    fn ordered(&mut self, now: u64, request: &OrderRequest) {
        let order = &request.order;
        let plan = self.plan.clone();
        let all = plan.endpoints.iter();
        let named = all.filter(|endpoint| names(&plan, endpoint).contains(&&order.scope));
        let named: Vec<String> = named.map(|endpoint| endpoint.name.clone()).collect();
        match order.action {
            Action::Approve => {
                let approved = |name: &String| self.approve(now, name);
                let names = named.into_iter().filter(approved);
                self.answer = names.map(|name| (name, true)).collect();
            }
            Action::Drain | Action::Undrain => {
                let before = self.drained.clone();
                if order.action == Action::Undrain || !named.is_empty() {
                    self.drains.take(now, request);
                }
                self.settle(now);
                let changed = |name: &String| before.contains(name) != self.drained.contains(name);
                let answer = named.into_iter().map(|name| (changed(&name), name));
                self.answer = answer.map(|(changed, name)| (name, changed)).collect();
            }
            Action::Force(_) | Action::Lift | Action::Refuse => {
                unreachable!("neither overrides nor refusals in these worlds")
            }
        }
        self.fill(now);
    }

    fn approve(&mut self, now: u64, endpoint: &str) -> bool {
        let plan = self.plan.clone();
        let mut approved = false;
        for target in targets_of(&plan, endpoint) {
            let recovery = &plan.recoveries[target.recovery.index()];
            let record = self.records.get_mut(&target.key).unwrap();
            approved |= record.approve(recovery);
            self.look(now, target);
        }
        approved
    }

    /// What is drained now and was not before goes down, and the other way round.
    fn settle(&mut self, now: u64) {
        let plan = self.plan.clone();
        for endpoint in &plan.endpoints {
            let name = &endpoint.name;
            let covered = self.drains.cover(now, &plan, endpoint);
            if covered == self.drained.contains(name) {
                continue;
            }
            let shares = targets_of(&plan, name).map(|target| self.expect(target).0);
            let shares: Vec<u16> = shares.collect();
            match covered {
                true => drop(self.drained.insert(name.clone())),
                false => drop(self.drained.remove(name)),
            }
            for (target, share) in targets_of(&plan, name).zip(shares) {
                let recovery = &plan.recoveries[target.recovery.index()];
                let record = self.records.get_mut(&target.key).unwrap();
                match covered {
                    true => record.drain(now, share, recovery),
                    false => record.undrain(now, recovery),
                }
                self.look(now, target);
            }
        }
    }

    /// A report as its monitor takes it. Where nothing is left to an endpoint that is slow, slowness is a failure.
    fn report(&mut self, now: u64, slot: &str, report: &Report) {
        // A probe may have been started by the number that its slot had before a reload.
        let mut slots = self.plan.slots.iter();
        let Some(own) = slots.find(|one| one.key == slot) else {
            return self.result(now, slot, report.outcome == ProbeResult::Pass);
        };
        let monitor = &self.plan.monitors[own.monitor.index()];
        let took = u64::from(report.timing.total_us);
        let late = monitor.slow_after.is_some_and(|most| took > most.0 * 1000);
        let passed = report.outcome == ProbeResult::Pass;
        let sheds = monitor.degraded.is_some();
        if sheds {
            self.paces.add(slot, (passed, late));
        }
        self.result(now, slot, passed && (sheds || !late));
    }

    fn result(&mut self, now: u64, slot: &str, passed: bool) {
        self.results
            .entry(slot.to_owned())
            .or_default()
            .push(passed);
        self.looked.insert(slot.to_owned(), now);
        let doubted = self.doubt;
        self.doubt = self.reason_to_doubt();
        let was_dark = self.dark;
        self.dark = self.nothing_passes();
        if self.dark && !was_dark {
            self.excuse_recent(now);
        }
        let plan = self.plan.clone();
        let of = |target: &&Target| plan.targets_slots(target).any(|key| key == slot);
        for target in plan.targets.iter().filter(of) {
            let record = self.records.get_mut(&target.key).unwrap();
            if !passed && !self.doubt && record.kept == Some("doubted") {
                record.kept = None;
                record.blackout |= self.dark;
                self.leave_or_stay(now, target);
            }
        }
        for target in &plan.targets {
            let gate = target
                .gate
                .iter()
                .any(|id| plan.slots[id.index()].key == slot);
            // What a doubt has kept of somebody slow is let go with it.
            if gate || of(&target) || doubted && !self.doubt {
                self.look(now, target);
            }
        }
        self.fill(now);
    }

    fn pass_time(&mut self, now: u64) {
        self.now = now;
        let plan = self.plan.clone();
        for target in &plan.targets {
            let recovery = &plan.recoveries[target.recovery.index()];
            let Some(record) = self.records.get_mut(&target.key) else {
                continue;
            };
            record.climb_to(now, recovery);
            if record
                .waiting
                .is_some_and(|own| own.word == "held" && own.until <= now)
            {
                self.look(now, target);
            }
        }
        self.settle(now);
        self.fill(now);
    }

    fn look(&mut self, now: u64, target: &Target) {
        let recovery = self.recovery(target).clone();
        let slots = target.slots.iter().map(|id| self.is_up(id.index()));
        let slots: Vec<Option<bool>> = slots.collect();
        let gates = target.gate.iter().map(|id| id.index());
        let gates = Gates {
            up: gates.clone().all(|slot| self.is_up(slot) == Some(true)),
            proven: gates.clone().all(|slot| self.has_proof(slot)),
        };
        let (dark, doubt) = (self.dark, self.doubt);
        let record = self.records.get_mut(&target.key).unwrap();
        record.climb_to(now, &recovery);
        if slots.contains(&Some(false)) {
            if !record.down {
                record.fall(now, dark, &recovery);
                let serves = record.share_before > 0;
                record.kept = (doubt && serves).then_some("doubted");
                if record.kept.is_none() {
                    self.leave_or_stay(now, target);
                }
            }
        } else if slots.iter().all(|up| *up == Some(true)) {
            record.rise(now, &recovery);
        }
        let pace = self.pace_of(target);
        let record = self.records.get_mut(&target.key).unwrap();
        // Nobody begins to be slow in a doubt.
        record.pace = if doubt { pace.max(record.pace) } else { pace };
        record.go_on(now, gates, &recovery);
    }

    /// A target that is out, by its own fault: it stays all the same if too much has left.
    fn leave_or_stay(&mut self, now: u64, target: &Target) {
        let serves = self.records[&target.key].share_before > 0;
        if serves && !self.may_leave(now, target) {
            self.records.get_mut(&target.key).unwrap().kept = Some("capped");
        } else {
            self.leave(now, target);
        }
    }

    fn leave(&mut self, now: u64, target: &Target) {
        let drained = self.is_drained(target);
        let record = self.records.get_mut(&target.key).unwrap();
        if record.share_before > 0 && !drained {
            record.left_at = Some(now);
        }
    }

    /// What stays for want of room leaves when there is room, in the order in which it fell.
    fn fill(&mut self, now: u64) {
        if self.doubt {
            return;
        }
        let plan = self.plan.clone();
        let capped = plan.targets.iter().enumerate();
        let capped = capped.filter_map(|(index, target)| {
            let record = self.records.get(&target.key)?;
            (record.kept == Some("capped")).then_some((record.fell_at, index))
        });
        let mut capped: Vec<(u64, usize)> = capped.collect();
        capped.sort_unstable();
        for (_, index) in capped {
            let target = &plan.targets[index];
            if self.may_leave(now, target) {
                let dark = self.dark;
                let record = self.records.get_mut(&target.key).unwrap();
                record.kept = None;
                record.blackout |= dark;
                self.leave(now, target);
            }
        }
    }

    /// Both bounds, read literally; a drain is not bound by them.
    fn may_leave(&self, now: u64, target: &Target) -> bool {
        let plan = &self.plan;
        let (mut whole, mut out, mut recent) = (0, 0, 0);
        for other in &plan.targets {
            let (weight, record) = (self.weight(other), &self.records[&other.key]);
            let is_it = other.key == target.key;
            whole += weight;
            if is_it || record.down && record.kept.is_none() && !self.is_drained(other) {
                out += weight;
            }
            let left = record.left_at;
            if is_it || left.is_some_and(|at| at + plan.guard.ejection_interval.0 > now) {
                recent += weight;
            }
        }
        let within = |part: u64, most: u16| part * 1000 <= whole * u64::from(most);
        self.is_drained(target)
            || within(out, plan.guard.max_ejected.0)
                && within(recent, plan.guard.max_ejected_at_once.0)
    }

    /// Capacity where all state one; heads otherwise.
    fn weight(&self, target: &Target) -> u64 {
        let all = self.plan.endpoints.iter().map(|one| one.capacity);
        let all: Option<Vec<u32>> = all.collect();
        all.map_or(1, |all| u64::from(all[target.endpoint.index()]))
    }

    /// A blackout begins: whatever went down within `fall` intervals before it went with it.
    fn excuse_recent(&mut self, now: u64) {
        let monitors = self.plan.monitors.iter();
        let longest = monitors.map(|monitor| monitor.interval.0 * u64::from(monitor.fall));
        let longest = longest.max().unwrap_or(0);
        for record in self.records.values_mut() {
            record.blackout |= record.down && record.fell_at + longest >= now;
        }
    }

    /// A blackout, read literally: of all the last results not one is a pass.
    fn nothing_passes(&self) -> bool {
        let plan = &self.plan;
        let watched = plan.targets.iter().flat_map(|target| &target.slots);
        let results = watched.filter_map(|id| self.last(id.index()));
        let results: Vec<bool> = results.collect();
        let ours = match self.canaries() {
            Some(sick) => sick,
            None => plan.targets.len() >= 4 && plan.regions.len() >= 2,
        };
        ours && !results.is_empty() && !results.contains(&true)
    }

    fn last(&self, slot: usize) -> Option<bool> {
        self.results
            .get(&self.plan.slots[slot].key)?
            .last()
            .copied()
    }

    /// Whether most canaries say that this node is sick, or that it is not; nothing otherwise.
    fn canaries(&self) -> Option<bool> {
        let results = self.plan.canaries.iter().filter_map(|id| {
            let passed = self.last(id.index())?;
            Some(passed && self.is_up(id.index()) != Some(false))
        });
        let results: Vec<bool> = results.collect();
        let failing = results.iter().filter(|passed| !**passed).count();
        let passing = results.len() - failing;
        (failing != passing).then_some(failing > passing)
    }

    /// Promise 5, read literally.
    fn reason_to_doubt(&self) -> bool {
        if let Some(sick) = self.canaries() {
            return sick;
        }
        let plan = &self.plan;
        let last = |slot: usize| self.last(slot);
        let served = plan.targets.iter().filter(|target| {
            let record = &self.records[&target.key];
            record.kept.is_some() || record.proven && !record.down && record.waiting.is_none()
        });
        let served: Vec<&Target> = served.collect();
        let failing = served.iter().filter(|target| {
            let mut slots = target.slots.iter();
            slots.any(|id| last(id.index()) == Some(false) || self.is_late(id.index()))
        });
        let failing = failing.count();
        let watched: BTreeSet<usize> = plan
            .targets
            .iter()
            .flat_map(|target| &target.slots)
            .map(|id| id.index())
            .collect();
        let region =
            |slot: usize| plan.endpoints[plan.slots[slot].endpoint.unwrap().index()].region;
        let sound = (0..plan.regions.len()).any(|index| {
            let own = watched
                .iter()
                .filter(|slot| region(**slot).index() == index);
            let results = own.filter_map(|slot| Some(last(*slot)? && !self.is_late(*slot)));
            let results: Vec<bool> = results.collect();
            !results.is_empty() && results.iter().all(|passed| *passed)
        });
        plan.targets.len() >= 4
            && plan.regions.len() >= 2
            && failing > 0
            && failing * 1000 >= served.len() * usize::from(plan.guard.doubt.0)
            && !sound
            && watched.iter().any(|slot| last(*slot) == Some(true))
    }

    /// Whether a gate's slot is up, and passed the last `rise` times without a break.
    fn has_proof(&self, slot: usize) -> bool {
        let rise = self.plan.monitors[self.plan.slots[slot].monitor.index()].rise;
        let results = self.results.get(&self.plan.slots[slot].key);
        let streak = results.map_or(0, |all| all.iter().rev().take_while(|one| **one).count());
        self.is_up(slot) == Some(true) && streak >= usize::from(rise)
    }

    /// Up, down, or not known, from the whole history.
    fn is_up(&self, slot: usize) -> Option<bool> {
        let slot = &self.plan.slots[slot];
        let monitor = &self.plan.monitors[slot.monitor.index()];
        flipped(monitor, self.results.get(&slot.key)?)
    }

    /// Whether the last probe of a slot passed, and too late for a monitor that has slow endpoints shed load.
    fn is_late(&self, slot: usize) -> bool {
        self.paces.late.contains(&self.plan.slots[slot].key)
    }

    /// What slowness leaves of a target: the least that a monitor of a slot leaves that is up, and whose probes are not in time.
    fn pace_of(&self, target: &Target) -> u16 {
        let parts = target.slots.iter().filter_map(|id| {
            let slot = &self.plan.slots[id.index()];
            let monitor = &self.plan.monitors[slot.monitor.index()];
            let in_time = flipped(monitor, self.paces.in_time.get(&slot.key)?);
            let is_slow = self.is_up(id.index()) == Some(true) && in_time == Some(false);
            monitor.degraded.filter(|_| is_slow)
        });
        parts.map(|part| part.0).min().unwrap_or(1000)
    }
}

/// How quick the slots of monitors were that have slow endpoints shed load.
#[derive(Clone, Default)]
struct Paces {
    /// All results, by slot: true = passed in time.
    in_time: BTreeMap<String, Vec<bool>>,
    /// Slots whose last probe passed too late.
    late: BTreeSet<String>,
}

impl Paces {
    fn add(&mut self, slot: &str, (passed, late): (bool, bool)) {
        let all = self.in_time.entry(slot.to_owned()).or_default();
        all.push(passed && !late);
        self.late.remove(slot);
        if passed && late {
            self.late.insert(slot.to_owned());
        }
    }

    fn retain(&mut self, is_there: impl Fn(&String) -> bool) {
        self.in_time.retain(|key, _| is_there(key));
        self.late.retain(&is_there);
    }

    /// How long the last probe took is not kept over a restart.
    fn resume(&mut self, is_fresh: impl Fn(&String) -> bool) {
        self.retain(is_fresh);
        self.late.clear();
    }
}

/// Up, down, or not known, from a whole history by rise and fall.
fn flipped(monitor: &Monitor, results: &[bool]) -> Option<bool> {
    let (mut up, mut bad, mut good) = (None, 0, 0);
    for passed in results {
        good = if *passed { good + 1 } else { 0 };
        bad += u16::from(!passed);
        match up {
            None => (up, bad, good) = (Some(*passed), 0, 0),
            Some(true) if bad >= monitor.fall => (up, good) = (Some(false), 0),
            Some(true) if good >= monitor.rise => bad = 0,
            Some(false) if good >= monitor.rise => (up, bad, good) = (Some(true), 0, 0),
            Some(_) => {}
        }
    }
    up
}

trait TargetSlots {
    fn targets_slots<'p>(&'p self, target: &'p Target) -> impl Iterator<Item = &'p str>;
}

impl TargetSlots for Plan {
    fn targets_slots<'p>(&'p self, target: &'p Target) -> impl Iterator<Item = &'p str> {
        target
            .slots
            .iter()
            .map(|id| self.slots[id.index()].key.as_str())
    }
}

fn targets_of<'p>(plan: &'p Plan, endpoint: &'p str) -> impl Iterator<Item = &'p Target> {
    let own = plan.targets.iter();
    own.filter(move |one| plan.endpoints[one.endpoint.index()].name == endpoint)
}

/// Who asks for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client {
    pub(crate) service: ServiceId,
    pub(crate) family: Family,
    pub(crate) class: ClassId,
    /// The region whose clients live where it does.
    pub(crate) home: u16,
    pub(crate) hash: ClientHash,
    pub(crate) address: Ipv4Addr,
}

/// What a client must get while the targets have these shares; `None` if nothing is configured.
pub(crate) fn serve(
    plan: &Plan,
    shares: &[u16],
    client: Client,
) -> Option<(Vec<EndpointId>, Reason)> {
    let service = &plan.services[client.service.index()];
    let preference = &plan.class(client.service, client.class).preference;
    let pools = preference
        .iter()
        .map(|region| &service.pools[client.family.index()][region.index()]);
    let asked: Vec<&Pool> = pools.filter(|pool| !pool.tiers.is_empty()).collect();
    let pools: Vec<&Vec<Tier>> = asked.iter().map(|pool| &pool.tiers).collect();
    let up = |tiers: &[Tier]| {
        let members = tiers.iter().flat_map(|tier| &tier.members);
        let shares = members.map(|member| shares[member.target.index()]);
        shares.filter(|share| *share == 1000).count()
    };
    let count = usize::from(service.answers);
    let first = *pools.first()?;
    let pair = pair_region(plan, shares, client);
    let has_pool = |one: &&RegionId| {
        let pools = &service.pools[client.family.index()];
        !pools[one.index()].tiers.is_empty()
    };
    let regions: Vec<RegionId> = preference.iter().filter(has_pool).copied().collect();
    for (place, tiers) in pools.iter().enumerate() {
        if pair.is_some_and(|pair| regions[place] != pair) {
            continue;
        }
        if asked[place].min_up > 1 && up(tiers) < asked[place].min_up {
            continue;
        }
        // Who goes past a tier all the time is served by it if nobody else does.
        let cohort = client.hash.cohort();
        let (passing, staying): (Vec<_>, Vec<_>) =
            (0..tiers.len()).partition(|depth| asked[place].passes(*depth, cohort));
        for depth in staying.into_iter().chain(passing) {
            let takers = takers((&tiers[depth], shares), client, count);
            if !takers.is_empty() {
                let reason = match (place, depth) {
                    (0, 0) => Reason::Preferred,
                    (0, _) => Reason::Backup,
                    _ => Reason::Failover,
                };
                return Some((takers, reason));
            }
        }
    }
    let all = pools.iter().flat_map(|tiers| tiers.iter());
    let largest = |tier: &Tier| shares_of(tier, shares).into_iter().max().unwrap();
    let most = all.clone().map(largest).max().unwrap();
    if most == 0 && service.all_down != AllDown::FailOpen {
        return Some((Vec::new(), Reason::AllDown));
    }
    if most == 0 {
        return Some((spare((&first[0], shares), client, count), Reason::FailOpen));
    }
    let tier = all.clone().find(|tier| largest(tier) == most).unwrap();
    Some((spare((tier, shares), client, count), Reason::Overflow))
}

/// The region that takes a client for both families, if they are to come from one.
fn pair_region(plan: &Plan, shares: &[u16], client: Client) -> Option<RegionId> {
    let service = &plan.services[client.service.index()];
    if service.steering.families == FamilyPairing::Apart {
        return None;
    }
    let takes = |region: RegionId, family: Family| {
        let pool = &service.pools[family.index()][region.index()];
        let members = pool.tiers.iter().flat_map(|tier| &tier.members);
        let up = members
            .filter(|one| shares[one.target.index()] == 1000)
            .count();
        let is_short = pool.min_up > 1 && up < pool.min_up;
        let client = Client { family, ..client };
        let count = usize::from(service.answers);
        let mut tiers = pool.tiers.iter();
        !is_short && tiers.any(|tier| !takers((tier, shares), client, count).is_empty())
    };
    let mut preference = plan.class(client.service, client.class).preference.iter();
    preference
        .find(|region| Family::ALL.iter().all(|family| takes(**region, *family)))
        .copied()
}

/// Those of a tier who take a client by their shares.
fn takers((tier, shares): (&Tier, &[u16]), client: Client, count: usize) -> Vec<EndpointId> {
    let own = shares_of(tier, shares);
    if let Some(fleet) = &tier.fleet {
        return of_tier(tier, fleet_oracle::by_share(fleet, &own, client.hash));
    }
    let choices = tier.cohort_order.choices(client.hash.cohort()).iter();
    let takers = choices.filter(|choice| choice.rank() < own[usize::from(choice.member())]);
    let takers = takers.map(|choice| tier.members[usize::from(choice.member())].endpoint);
    takers.take(count).collect()
}

/// Those of a tier whom a client gets where no share takes it: the largest shares, or everybody where there is none.
fn spare((tier, shares): (&Tier, &[u16]), client: Client, count: usize) -> Vec<EndpointId> {
    let own = shares_of(tier, shares);
    if let Some(fleet) = &tier.fleet {
        return of_tier(tier, fleet_oracle::spare(fleet, &own, client.hash));
    }
    let choices = tier.cohort_order.choices(client.hash.cohort()).iter();
    let mut order: Vec<usize> = choices.map(|choice| usize::from(choice.member())).collect();
    if own.iter().any(|share| *share > 0) {
        order.retain(|member| own[*member] > 0);
        order.sort_by_key(|member| 1000 - own[*member]);
    }
    let endpoints = order
        .into_iter()
        .map(|member| tier.members[member].endpoint);
    endpoints.take(count).collect()
}

/// The shares of a tier's members.
fn shares_of(tier: &Tier, shares: &[u16]) -> Vec<u16> {
    let members = tier.members.iter();
    members
        .map(|member| shares[member.target.index()])
        .collect()
}

/// The endpoints of some of its members.
fn of_tier(tier: &Tier, members: Vec<u16>) -> Vec<EndpointId> {
    let members = members.into_iter();
    members
        .map(|own| tier.members[usize::from(own)].endpoint)
        .collect()
}
