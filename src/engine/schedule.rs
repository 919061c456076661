//! When each slot is probed next, and which probes are out.
//!
//! Every slot has its own schedule and its own seeded jitter: no rounds, so a slow probe never delays
//! another, and a thousand endpoints are not probed in the same millisecond. A slot whose probe is
//! out is not probed again until the report is in, or is so late that it must have been lost.
//!
//! A probe goes by the number that its slot had in the plan it was started by. Over a reload it is
//! waited for as long as the slot is probed as before, whatever the slot's number is now: reloads
//! that follow each other faster than a probe times out must not hide what does not answer.
//!
//! It does not know what a probe is or says; [`super::health_state`] says how long the next interval is.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::limits;
use crate::base::{Draws, HashKey, Moment, SlotId, Span};
use crate::plan::{Monitor, Plan};

use super::reload_map::ReloadMap;

/// One probe: a slot, and the plan that its number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeId {
    /// Which plan it was started by: counts up with each reload.
    pub epoch: u32,
    /// Which slot of that plan.
    pub slot: SlotId,
}

/// The schedules of all slots.
#[derive(Debug)]
pub(super) struct Schedule {
    seed: u64,
    /// Counts up with each reload.
    epoch: u32,
    queue: BTreeSet<(Moment, SlotId)>,
    slots: Vec<Entry>,
    /// The probes that are waited for, and the slots that they are of now.
    in_flight: BTreeMap<ProbeId, SlotId>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// When it is looked at again.
    due: Moment,
    /// When it should be probed: earlier than `due` for a probe that was put off.
    wanted: Moment,
    out: Option<Flight>,
    lost: u64,
    /// Tells whether its probes have a place of their own in the interval.
    spread: Spread,
    draws: Draws,
}

/// A probe that is waited for.
#[derive(Clone, Copy, Debug)]
struct Flight {
    probe: ProbeId,
    started: Moment,
}

/// Where in the interval the probes of a slot lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    /// All of a new plan's first probes lie within the same second.
    Crowded,
    /// Anywhere.
    Even,
}

impl Schedule {
    /// First probes soon, spread over the first interval or second.
    pub(super) fn new(plan: &Plan, now: Moment, seed: u64) -> Self {
        let mut schedule = Self {
            seed,
            epoch: 0,
            queue: BTreeSet::new(),
            slots: Vec::with_capacity(plan.slots.len()),
            in_flight: BTreeMap::new(),
        };
        for slot in &plan.slots {
            let monitor = &plan.monitors[slot.monitor.index()];
            let entry = Entry::new(seed, &slot.key, monitor, now);
            schedule.push(entry);
        }
        schedule
    }

    /// The schedule of a new plan. A probe that is out is waited for where its slot is probed as
    /// before; else nobody wants its report, and the slot is probed when it would be next.
    pub(super) fn migrate(&self, plan: &Plan, now: Moment, reload: &ReloadMap) -> Self {
        let mut fresh = Self {
            epoch: self.epoch + 1,
            ..Self::new(plan, now, self.seed)
        };
        let kept = reload.slots.iter().zip(&reload.probed_alike);
        for (id, (old, alike)) in (0..).map(SlotId).zip(kept) {
            let Some(old) = old else { continue };
            let mut entry = self.slots[old.index()].clone();
            match entry.out {
                Some(out) if *alike => drop(fresh.in_flight.insert(out.probe, id)),
                Some(out) => {
                    let monitor = &plan.monitors[plan.slots[id.index()].monitor.index()];
                    entry.out = None;
                    entry.due = out.started.after(monitor.near_interval);
                    entry.wanted = entry.due;
                }
                None => {}
            }
            entry.due = entry.due.max(now.after(Span(1)));
            fresh.replace(id, entry);
        }
        fresh
    }

    /// The next moment at which [`Schedule::start_due`] has something to do.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// Starts the next probe that is due now, if there is one, and says since when it is. With too
    /// many probes in flight it puts the rest off a little.
    pub(super) fn start_due(&mut self, plan: &Plan, now: Moment) -> Option<(ProbeId, Moment)> {
        while let Some((due, id)) = self.queue.first().copied()
            && due <= now
        {
            self.give_up(id);
            if self.in_flight.len() < limits::PROBES_IN_FLIGHT {
                return Some(self.start(plan, now, id));
            }
            self.put_off(id, now.after(limits::COALESCE));
        }
        None
    }

    fn start(&mut self, plan: &Plan, now: Moment, id: SlotId) -> (ProbeId, Moment) {
        let monitor = &plan.monitors[plan.slots[id.index()].monitor.index()];
        let patience = monitor.timeout.0.saturating_add(monitor.interval.0 * 2);
        let probe = ProbeId {
            epoch: self.epoch,
            slot: id,
        };
        let entry = &mut self.slots[id.index()];
        let wanted = entry.wanted;
        entry.out = Some(Flight {
            probe,
            started: now,
        });
        self.in_flight.insert(probe, id);
        self.set_due(id, now.after(Span(patience.max(1))));
        (probe, wanted)
    }

    /// Counts a probe as lost if one is out for this slot.
    fn give_up(&mut self, id: SlotId) {
        let entry = &mut self.slots[id.index()];
        if let Some(out) = entry.out.take() {
            entry.lost += 1;
            self.in_flight.remove(&out.probe);
        }
    }

    /// The slot, by its present number, that a probe is of; `None` if the probe is not waited for.
    pub(super) fn slot_of(&self, probe: ProbeId) -> Option<SlotId> {
        self.in_flight.get(&probe).copied()
    }

    /// Tells whether a probe of this slot is waited for.
    pub(super) fn is_out(&self, slot: SlotId) -> bool {
        self.slots[slot.index()].out.is_some()
    }

    /// Takes a report in; gives the slot that it is of, and when its probe started. `None` if the
    /// probe is not waited for.
    pub(super) fn finish(&mut self, probe: ProbeId) -> Option<(SlotId, Moment)> {
        let slot = self.in_flight.remove(&probe)?;
        let out = self.slots[slot.index()].out.take()?;
        Some((slot, out.started))
    }

    /// Plans the probe after one that started at `started`: an interval later with jitter. The
    /// second one comes anywhere in an interval's width, no sooner than the shortest interval:
    /// jitter alone would take minutes to draw the crowd of the first second apart.
    pub(super) fn plan_next(
        &mut self,
        slot: SlotId,
        monitor: &Monitor,
        started: Moment,
        interval: Span,
    ) {
        let entry = &mut self.slots[slot.index()];
        let spread = std::mem::replace(&mut entry.spread, Spread::Even);
        let wait = match spread {
            // What reports by itself has its whole time, and needs not be drawn apart.
            _ if monitor.check.silence().is_some() => interval.0,
            Spread::Crowded => monitor.near_interval.0 + entry.draws.below(interval.0.max(1)),
            Spread::Even => interval.0 * (900 + entry.draws.below(201)) / 1000,
        };
        self.set_due(slot, started.after(Span(wait.max(1))));
    }

    /// How many probes of a slot never reported.
    pub(super) fn lost(&self) -> u64 {
        self.slots.iter().map(|entry| entry.lost).sum()
    }

    fn push(&mut self, entry: Entry) {
        let id = SlotId::from_index(self.slots.len());
        self.queue.insert((entry.due, id));
        self.slots.push(entry);
    }

    fn replace(&mut self, id: SlotId, entry: Entry) {
        let due = entry.due;
        self.queue.remove(&(self.slots[id.index()].due, id));
        self.slots[id.index()] = entry;
        self.queue.insert((due, id));
    }

    fn set_due(&mut self, id: SlotId, due: Moment) {
        self.slots[id.index()].wanted = due;
        self.put_off(id, due);
    }

    /// Looks at a slot again at `due`; when it should be probed stays as it was.
    fn put_off(&mut self, id: SlotId, due: Moment) {
        let entry = &mut self.slots[id.index()];
        self.queue.remove(&(entry.due, id));
        entry.due = due;
        self.queue.insert((due, id));
    }
}

impl Entry {
    fn new(seed: u64, key: &str, monitor: &Monitor, now: Moment) -> Self {
        let mut draws = Draws::from_seed(HashKey(seed).hash(key.as_bytes()));
        let first = monitor.interval.min(Span::from_secs(1));
        let soon = now.after(Span(1 + draws.below(first.0)));
        let silence = monitor.check.silence();
        let due = silence.map_or(soon, |silence| now.after(silence));
        Self {
            due,
            wanted: due,
            out: None,
            lost: 0,
            spread: Spread::Crowded,
            draws,
        }
    }
}
