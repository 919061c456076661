//! What must be served, reckoned the slow way from the record of the world alone.
//!
//! Shares no code with health, engine, steer or table: it keeps whole histories and looks at all
//! of them again and again. What it reads of the plan is data: thresholds, steps, members, rings.
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use waypost::base::{ClassId, EndpointId, Family, Moment, Reason, ServiceId};
use waypost::engine::ProbeId;
use waypost::health::Outcome;
use waypost::plan::{AllDown, Plan, Recovery, Target, Tier};
use waypost::sim::Event;

/// The share of a target and the word for it.
pub(crate) type Expected = (u16, &'static str);

pub(crate) struct Oracle {
    plan: Arc<Plan>,
    epoch: Option<u32>,
    /// Slots that were asked and have not reported.
    open: BTreeSet<String>,
    /// All results that counted, by slot: true = passed.
    results: BTreeMap<String, Vec<bool>>,
    records: BTreeMap<String, Record>,
    doubt: bool,
    /// Whether nothing passes at all.
    dark: bool,
}

/// Marks what goes on where it was: in full.
const FULL: usize = usize::MAX;
/// Marks what has no past to go on with.
const RAMP_ANEW: usize = usize::MAX - 1;

/// One target's story so far.
#[derive(Clone, Debug, Default)]
struct Record {
    proven: bool,
    down: bool,
    waiting: bool,
    /// Step and, unless the gate holds it, when the next is due.
    ramp: Option<(usize, Option<u64>)>,
    healthy_since: u64,
    fell_at: u64,
    share_before: u16,
    kept: Option<&'static str>,
    slower: u64,
    fell: Fell,
    /// Whether it went with a blackout.
    blackout: bool,
    /// The step that it goes on with once its gate is open, or [`FULL`] or [`RAMP_ANEW`].
    resume: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Fell {
    #[default]
    Whenever,
    InRamp,
    Rested,
}

impl Oracle {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            epoch: None,
            open: BTreeSet::new(),
            results: BTreeMap::new(),
            records: BTreeMap::new(),
            doubt: false,
            dark: false,
        }
    }

    pub(crate) fn feed(&mut self, at: Moment, event: &Event) {
        let now = at.0;
        self.pass_time(now);
        match event {
            Event::Woken => {}
            Event::Asked(id) => {
                let key = self.key(*id).unwrap();
                self.open.insert(key);
            }
            Event::Reported(id, report) => {
                if let Some(key) = self.key(*id)
                    && self.open.remove(&key)
                {
                    self.result(now, &key, report.outcome == Outcome::Pass);
                }
            }
            Event::Planned(plan) => self.planned(now, plan),
        }
    }

    /// By target, in the order of the plan.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        let targets = self.plan.targets.iter();
        targets.map(|target| self.expect(target)).collect()
    }

    pub(crate) fn doubts(&self) -> bool {
        self.doubt
    }

    fn expect(&self, target: &Target) -> Expected {
        let record = &self.records[&target.key];
        let recovery = &self.plan.recoveries[target.recovery.index()];
        match record {
            Record {
                down: true,
                kept: Some(word),
                ..
            } => (record.share_before, word),
            Record { down: true, .. } => (0, "down"),
            Record { proven: false, .. } => (1000, "unproven"),
            Record { waiting: true, .. } => (0, "gated"),
            Record {
                ramp: Some((step, None)),
                ..
            } => (recovery.steps[*step].0, "gated"),
            Record {
                ramp: Some((step, _)),
                ..
            } => (recovery.steps[*step].0, "ramping"),
            Record { .. } => (1000, "healthy"),
        }
    }

    fn key(&self, id: ProbeId) -> Option<String> {
        (Some(id.epoch) == self.epoch).then(|| self.plan.slots[id.slot.index()].key.clone())
    }

    fn planned(&mut self, now: u64, plan: &Arc<Plan>) {
        self.plan = plan.clone();
        self.epoch = Some(self.epoch.map_or(0, |epoch| epoch + 1));
        self.open.clear();
        let slots: BTreeSet<&str> = plan.slots.iter().map(|slot| slot.key.as_str()).collect();
        self.results.retain(|key, _| slots.contains(key.as_str()));
        let old = std::mem::take(&mut self.records);
        for target in &plan.targets {
            let fresh = Record {
                slower: 1,
                ..Record::default()
            };
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
        self.fill();
    }

    fn result(&mut self, now: u64, slot: &str, passed: bool) {
        self.results
            .entry(slot.to_owned())
            .or_default()
            .push(passed);
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
                self.keep_if_full(&target.key, 1);
            }
        }
        for target in &plan.targets {
            let gate = target
                .gate
                .iter()
                .any(|id| plan.slots[id.index()].key == slot);
            if gate || of(&target) {
                self.look(now, target);
            }
        }
        self.fill();
    }

    fn pass_time(&mut self, now: u64) {
        for target in &self.plan.clone().targets {
            let recovery = self.plan.recoveries[target.recovery.index()].clone();
            let Some(record) = self.records.get_mut(&target.key) else {
                continue;
            };
            while let Some((step, Some(due))) = record.ramp
                && due <= now
            {
                record.climb(step + 1, due, &recovery);
            }
        }
    }

    fn look(&mut self, now: u64, target: &Target) {
        let recovery = self.plan.recoveries[target.recovery.index()].clone();
        let slots: Vec<Option<bool>> = target
            .slots
            .iter()
            .map(|id| self.is_up(id.index()))
            .collect();
        let gate_open = target
            .gate
            .iter()
            .all(|id| self.is_up(id.index()) == Some(true));
        let before = self.expect(target).0;
        let record = self.records.get_mut(&target.key).unwrap();
        if slots.contains(&Some(false)) {
            if !record.down {
                let length = recovery.every.0 * record.slower * (recovery.steps.len() as u64 - 1);
                record.fell = match record {
                    Record { ramp: Some(_), .. } => Fell::InRamp,
                    Record { proven: false, .. } | Record { waiting: true, .. } => Fell::Whenever,
                    _ if now - record.healthy_since >= length => Fell::Rested,
                    _ => Fell::Whenever,
                };
                (record.down, record.fell_at, record.share_before) = (true, now, before);
                record.resume = record.past();
                record.proven = true;
                record.blackout = self.dark;
                record.ramp = record.ramp.map(|(step, _)| (step, None));
                if self.doubt && before > 0 {
                    record.kept = Some("doubted");
                } else if before > 0 {
                    self.keep_if_full(&target.key, 1);
                }
            }
            return;
        }
        if slots.iter().all(|up| *up == Some(true)) {
            if record.down && record.kept.take().is_some() {
                record.down = false;
                record.healthy_since = now;
                record.ramp = record.ramp.map(|(step, _)| (step, None));
            } else if record.down && record.blackout && record.resume != RAMP_ANEW {
                (record.down, record.waiting, record.ramp) = (false, true, None);
            } else if record.down {
                record.resume = 0;
                record.slower = match record.fell {
                    Fell::InRamp => (record.slower * 2).min(8),
                    Fell::Rested => 1,
                    Fell::Whenever => record.slower,
                };
                (record.down, record.waiting, record.ramp) = (false, true, None);
            } else if !record.proven {
                (record.proven, record.healthy_since) = (true, now);
            }
        }
        if record.down {
            return;
        }
        if record.waiting && gate_open {
            record.waiting = false;
            record.go_on(now, &recovery);
        } else if let Some((step, due)) = record.ramp {
            match (due, gate_open) {
                (None, true) => record.climb(step, now, &recovery),
                (_, false) => record.ramp = Some((step, None)),
                (Some(_), true) => {}
            }
        }
    }

    /// Keeps a target that is newly out if `extra` more than may be out are.
    fn keep_if_full(&mut self, key: &str, extra: usize) {
        if self.out() > self.room() + extra - 1 {
            self.records.get_mut(key).unwrap().kept = Some("capped");
        }
    }

    fn fill(&mut self) {
        while self.out() < self.room() {
            let targets = self.plan.targets.iter().enumerate();
            let capped =
                targets.filter(|(_, target)| self.records[&target.key].kept == Some("capped"));
            let oldest =
                capped.min_by_key(|(index, target)| (self.records[&target.key].fell_at, *index));
            let Some(key) = oldest.map(|(_, target)| target.key.clone()) else {
                return;
            };
            let record = self.records.get_mut(&key).unwrap();
            record.kept = None;
            record.blackout |= self.dark;
        }
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
        let results: Vec<bool> = watched
            .filter_map(|id| {
                self.results
                    .get(&plan.slots[id.index()].key)?
                    .last()
                    .copied()
            })
            .collect();
        let large = plan.targets.len() >= 4 && plan.regions.len() >= 2;
        large && !results.is_empty() && !results.contains(&true)
    }

    fn out(&self) -> usize {
        let out = |record: &&Record| record.down && record.kept.is_none();
        self.records.values().filter(out).count()
    }

    fn room(&self) -> usize {
        self.plan.targets.len() * usize::from(self.plan.guard.max_ejected.0) / 1000
    }

    /// Promise 5, read literally.
    fn reason_to_doubt(&self) -> bool {
        let plan = &self.plan;
        let last = |slot: usize| self.results.get(&plan.slots[slot].key)?.last().copied();
        let served = plan.targets.iter().filter(|target| {
            let record = &self.records[&target.key];
            record.kept.is_some() || record.proven && !record.down && !record.waiting
        });
        let served: Vec<&Target> = served.collect();
        let failing = served.iter().filter(|target| {
            let mut slots = target.slots.iter();
            slots.any(|id| last(id.index()) == Some(false))
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
            let results: Vec<bool> = own.filter_map(|slot| last(*slot)).collect();
            !results.is_empty() && results.iter().all(|passed| *passed)
        });
        plan.targets.len() >= 4
            && plan.regions.len() >= 2
            && failing > 0
            && failing * 1000 >= served.len() * usize::from(plan.guard.doubt.0)
            && !sound
            && watched.iter().any(|slot| last(*slot) == Some(true))
    }

    /// Up, down, or not known, from the whole history.
    fn is_up(&self, slot: usize) -> Option<bool> {
        let slot = &self.plan.slots[slot];
        let monitor = &self.plan.monitors[slot.monitor.index()];
        let (mut up, mut bad, mut good) = (None, 0, 0);
        for passed in self.results.get(&slot.key)? {
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
}

impl Record {
    /// What it goes on with after a blackout; what was never proven has nothing to go on with.
    fn past(&self) -> usize {
        match self {
            Self { proven: false, .. } => RAMP_ANEW,
            Self { waiting: true, .. } => self.resume,
            Self {
                ramp: Some((step, _)),
                ..
            } => *step,
            _ => FULL,
        }
    }

    fn go_on(&mut self, now: u64, recovery: &Recovery) {
        match self.resume {
            FULL => self.healthy_since = now,
            step => self.climb(step, now, recovery),
        }
    }

    fn climb(&mut self, step: usize, at: u64, recovery: &Recovery) {
        if recovery.steps[step].0 == 1000 {
            (self.ramp, self.healthy_since) = (None, at);
        } else {
            self.ramp = Some((step, Some(at + recovery.every.0 * self.slower)));
        }
    }
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

/// Who asks for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client {
    pub(crate) service: ServiceId,
    pub(crate) family: Family,
    pub(crate) class: ClassId,
    pub(crate) cohort: u16,
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
        .map(|region| &service.pools[client.family.index()][region.index()].tiers);
    let pools: Vec<&Vec<Tier>> = pools.filter(|tiers| !tiers.is_empty()).collect();
    let count = usize::from(service.answers);
    let share = |tier: &Tier, member: u8| shares[tier.members[usize::from(member)].target.index()];
    let name = |tier: &Tier, member: u8| tier.members[usize::from(member)].endpoint;
    let first = *pools.first()?;
    for (place, tiers) in pools.iter().enumerate() {
        for (depth, tier) in tiers.iter().enumerate() {
            let choices = tier.ring.choices(client.cohort).iter();
            let takers = choices.filter(|choice| choice.rank() < share(tier, choice.member()));
            let takers: Vec<EndpointId> = takers
                .take(count)
                .map(|choice| name(tier, choice.member()))
                .collect();
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
    let largest = |tier: &Tier| {
        tier.members
            .iter()
            .map(|member| shares[member.target.index()])
            .max()
            .unwrap()
    };
    let most = all.clone().map(largest).max().unwrap();
    if most == 0 {
        if service.all_down != AllDown::FailOpen {
            return Some((Vec::new(), Reason::AllDown));
        }
        let choices = first[0].ring.choices(client.cohort).iter().take(count);
        return Some((
            choices
                .map(|choice| name(&first[0], choice.member()))
                .collect(),
            Reason::FailOpen,
        ));
    }
    let tier = all.clone().find(|tier| largest(tier) == most).unwrap();
    let mut order: Vec<u8> = tier
        .ring
        .choices(client.cohort)
        .iter()
        .map(|choice| choice.member())
        .collect();
    order.retain(|member| share(tier, *member) > 0);
    order.sort_by_key(|member| 1000 - share(tier, *member));
    let endpoints = order
        .into_iter()
        .take(count)
        .map(|member| name(tier, member));
    Some((endpoints.collect(), Reason::Overflow))
}
