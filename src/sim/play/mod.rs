//! `waypost simulate`: a scenario played against a config in virtual time.
//!
//! ```text
//! scenario --> faults, orders, reloads --> World (the real engine) --> tables
//!                        |                                               |
//!                        v                                               v
//!                 how machines really are                  caches (the real answers, held for
//!                        |                                   their TTL, of real client networks)
//!                        '-----------> accounting <------------------------'
//!                             what clients felt, what endpoints carried
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | [`scenario`], [`read`] | what a scenario can say |
//! | [`drill`] | what of a scenario orders can play on a live system |
//! | `faults` | what holds now, for probes and for clients |
//! | `windows` | planned maintenance, where the scenario says when it begins |
//! | `population` | who asks, under which law, and how much |
//! | `caches` | what each client's resolver holds, and when it asks again |
//! | `accounting` | sums over time |
//! | `endpoint_timelines` | how each endpoint stood: states, ramps, stops |
//! | `timeline` | what happened, in lines |
//! | `serving` | who is sent where |
//! | [`summary`], `text` | what it comes to, as data and in words |
//! | [`report`], `svg` | all of it as one page, and its pictures |
//!
//! Before the scenario begins there is a [`WARM_UP`]: the first probes are in and the caches are
//! full, so that the play shows the outage and not the start of a server.
//!
//! Nothing here decides what is right, and the engine does not know that it is played with.
//! Clients feel the truth; the engine only what its probes see.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{Calendar, Draws, MapId, Moment, ServiceId, Span, Utc};
use crate::plan::Plan;

use super::{Record, World};

mod accounting;
mod buckets;
mod caches;
pub mod drill;
mod endpoint_timelines;
mod faults;
mod population;
pub mod read;
pub mod report;
pub mod scenario;
mod serving;
pub mod summary;
mod svg;
mod text;
mod timeline;
mod windows;

use accounting::{Accounting, Felt};
use buckets::TimeBuckets;
use caches::{Caches, Group, Scene};
use endpoint_timelines::EndpointTimelines;
use faults::Faults;
pub use read::read;
use scenario::{Deed, Event};
pub use scenario::{Playable, Scenario, Script};
use serving::Serving;
pub use summary::Summary;
use timeline::{Kind, Timeline};
use windows::Windows;

/// What passes before the scenario begins.
const WARM_UP: Span = Span::from_secs(180);
/// First probes are in by then.
const FIRST_ASK: Span = Span::from_secs(5);
/// How often demand is set anew where it changes over the day.
const DEMAND_STEP: Span = Span::from_secs(15 * 60);

/// A scenario that is being played.
#[derive(Debug)]
pub struct Play {
    script: Script,
    plan: Arc<Plan>,
    world: World,
    now: Moment,
    start: Moment,
    end: Moment,
    agenda: BTreeSet<(Moment, Task)>,
    faults: Faults,
    /// By the number of the event.
    surges: BTreeMap<usize, (Option<String>, u32)>,
    caches: Caches,
    accounting: Accounting,
    timelines: EndpointTimelines,
    timeline: Timeline,
    serving: Serving,
    windows: Windows,
    buckets: TimeBuckets,
    /// What a group asks for usually, in thousandths.
    usual: Vec<u64>,
    /// The regions that a group prefers, best first, in the plan that the play began with.
    preferences: Vec<Vec<String>>,
    generation: u64,
    before: Before,
}

/// Counts of the warm-up, which are not the scenario's.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    probes: u64,
    generation: u64,
}

/// What is to be done at a moment, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// The warm-up is over.
    Start,
    /// The fault of an event is over.
    End(usize),
    /// An event happens.
    Begin(usize),
    /// A flapping machine turns over.
    Turn,
    /// A planned window opens, or is over.
    Window,
    /// Demand is set anew.
    Demand,
    /// A stretch of the charts is over.
    Bucket,
}

impl Play {
    /// Prepares everything; nothing has happened yet.
    #[must_use]
    pub fn new(script: Script) -> Self {
        let plan = script.plan.clone();
        let mut draws = Draws::from_seed(script.scenario.seed);
        let start = Moment(WARM_UP.0);
        let end = start.after(script.scenario.duration);
        let mut play = Self {
            world: World::recording(plan.clone(), draws.next_u64(), Record::Latest),
            now: Moment(0),
            start,
            end,
            agenda: BTreeSet::new(),
            faults: Faults::default(),
            surges: BTreeMap::new(),
            caches: Caches::new(script.scenario.resolvers),
            accounting: Accounting::default(),
            timelines: EndpointTimelines::default(),
            timeline: Timeline::default(),
            serving: Serving::default(),
            windows: Windows::default(),
            buckets: TimeBuckets::new(script.scenario.duration),
            usual: Vec::new(),
            preferences: Vec::new(),
            generation: 0,
            before: Before::default(),
            plan,
            script,
        };
        play.gather(&mut draws);
        play.adopt();
        play.fill_agenda();
        play.reckon();
        play.observe_world();
        play
    }

    /// How long the scenario has played, and how long it plays.
    #[must_use]
    pub fn progress(&self) -> (Span, Span) {
        (self.now.since(self.start), self.script.scenario.duration)
    }

    /// Plays on until so long after the beginning; gives whether there is more.
    pub fn run_until(&mut self, time: Span) -> bool {
        let until = self.start.after(time).min(self.end);
        while self.now < until {
            self.step(until);
        }
        until < self.end
    }

    /// Plays to the end and says what it came to.
    #[must_use]
    pub fn finish(mut self) -> Summary {
        self.run_until(self.script.scenario.duration);
        self.buckets
            .close(self.now, &self.accounting, &self.serving);
        self.caches.end(self.now);
        self.accounting.settle(self.now);
        summary::summarize(&self)
    }

    /// The next thing that happens, at `until` at the latest.
    fn step(&mut self, until: Moment) {
        let task = self.agenda.first().map(|(at, _)| *at);
        let due = task.into_iter().chain(self.caches.wake_at()).min();
        let next = due.map_or(until, |due| due.clamp(self.now, until));
        if self.world.step(next) {
            // A table may have come of it, and somebody may ask sooner than was known.
            self.now = self.now.max(self.world.now());
            self.observe_world();
            return;
        }
        self.now = next;
        while let Some((at, task)) = self.agenda.first().copied()
            && at <= next
        {
            self.agenda.pop_first();
            self.do_task(task);
        }
        let table = self.world.table().clone();
        self.caches.refresh(&mut Scene {
            now: next,
            table: &table,
            unresolved: &self.world.truth.unresolved,
            accounting: &mut self.accounting,
            timelines: &mut self.timelines,
        });
    }

    /// Finds clients for every class of every service.
    fn gather(&mut self, draws: &mut Draws) {
        let plan = self.plan.clone();
        let cohorts = self.script.scenario.resolvers.cohorts;
        let mut panels: BTreeMap<MapId, Vec<population::Panel>> = BTreeMap::new();
        for id in (0..plan.services.len()).map(ServiceId::from_index) {
            let service = &plan.services[id.index()];
            self.caches.add_service(&plan, id);
            let usual = population::usual(&plan, &self.script.scenario, id);
            let of_map = panels
                .entry(service.map)
                .or_insert_with(|| population::panels(&plan, service.map, cohorts, draws));
            let width = self.script.scenario.resolvers.keeps(service.ttl.max).0;
            let width = width.min(WARM_UP.0 / 2);
            for panel in of_map.iter() {
                let own = usual[panel.class.index()];
                let clients = panel.clients.iter();
                let clients =
                    clients.map(|client| (*client, Moment(FIRST_ASK.0 + draws.below(width))));
                let clients: Vec<(IpAddr, Moment)> = clients.collect();
                self.accounting.groups.push(Felt {
                    clients: clients.len() as u64,
                    ..Felt::default()
                });
                self.usual.push(own.milli);
                let group = Group {
                    service: id.index(),
                    class: panel.class,
                    caches: 0..0,
                    stated: own.stated,
                };
                let class = plan.class(id, panel.class);
                let names = class.preference.iter();
                let names = names.map(|region| plan.regions[region.index()].name.clone());
                let names: Vec<String> = names.collect();
                self.serving.add_group(id.index(), names.first().cloned());
                self.preferences.push(names);
                self.caches.add_group(group, &clients);
            }
        }
    }

    /// Takes in the plan that is now in force.
    fn adopt(&mut self) {
        let resolvers = self.script.scenario.resolvers;
        self.accounting.adopt(&self.plan, self.now);
        self.caches.adopt(&self.plan, &self.accounting);
        self.timelines
            .adopt(&self.plan, &self.accounting, |ttl| resolvers.keeps(ttl));
    }

    fn fill_agenda(&mut self) {
        self.agenda.insert((self.start, Task::Start));
        for (number, event) in self.script.scenario.events.iter().enumerate() {
            let at = self.start.after(event.at);
            self.agenda.insert((at, Task::Begin(number)));
            if let Some(lasts) = event.lasts {
                self.agenda.insert((at.after(lasts), Task::End(number)));
            }
        }
        if !self.script.scenario.curves.is_empty() {
            self.agenda.insert((self.start, Task::Demand));
        }
        self.agenda.insert((self.start, Task::Window));
        let first = self.start.after(self.buckets.width);
        self.agenda.insert((first, Task::Bucket));
    }

    fn do_task(&mut self, task: Task) {
        match task {
            Task::Start => self.begin_to_count(),
            Task::Begin(number) => self.begin(number),
            Task::End(number) => self.end_event(number),
            Task::Turn => self.plan_turn(),
            Task::Window => self.open_windows(),
            Task::Demand => {
                self.agenda
                    .insert((self.now.after(DEMAND_STEP), Task::Demand));
            }
            Task::Bucket => {
                let next = self.now.after(self.buckets.width);
                self.agenda.insert((next, Task::Bucket));
                self.buckets
                    .close(self.now, &self.accounting, &self.serving);
                return;
            }
        }
        self.reckon();
    }

    fn begin_to_count(&mut self) {
        self.before = Before {
            probes: self.world.probes(),
            generation: self.generation,
        };
        self.accounting.restart(self.now);
        self.buckets.begin(self.now);
        self.timelines.restart();
        self.caches.restart(self.now);
        self.timeline.restart(self.now);
        let served = self.serving.restart(&self.accounting);
        for line in served {
            self.timeline.add(self.now, Kind::Clients, line);
        }
    }

    fn begin(&mut self, number: usize) {
        let event = self.script.scenario.events[number].clone();
        self.timeline.add(self.now, Kind::Event, event.words());
        match event.deed {
            Deed::Fault(fault) => {
                self.faults.begin(number, fault);
                self.plan_turn();
            }
            Deed::Heal(whom) => self.faults.heal(&whom),
            Deed::Order(order) => {
                self.world.order(order.insisted());
                self.observe_world();
            }
            Deed::Reload(_) => self.renew(number),
            Deed::Readdress(..) => {
                if let Some(next) = self.script.renewals.get(&number) {
                    self.caches.leave(&self.plan, next);
                }
                self.renew(number);
            }
            Deed::Surge(of, factor) => {
                self.surges.insert(number, (of, factor));
            }
        }
    }

    fn end_event(&mut self, number: usize) {
        let had = self.faults.holds(number) || self.surges.contains_key(&number);
        self.faults.end(number);
        self.surges.remove(&number);
        if had {
            let text = format!("over: {}", self.script.scenario.events[number].words());
            self.timeline.add(self.now, Kind::Event, text);
        }
    }

    /// Looks again when a flapping machine turns over next.
    fn plan_turn(&mut self) {
        if let Some(next) = self.faults.next_turn(self.now) {
            self.agenda.insert((next, Task::Turn));
        }
    }

    /// Opens the windows that are due, if the scenario is of a civil time.
    fn open_windows(&mut self) {
        let Some(begins) = self.script.scenario.begins else {
            return;
        };
        let played = self.now.since(self.start);
        let calendar = Calendar {
            now: self.now,
            utc: Utc(begins.0.saturating_add(played.0)),
        };
        let next = self.windows.open(&self.plan, calendar, &mut self.world);
        self.agenda.extend(next.map(|next| (next, Task::Window)));
        self.observe_world();
    }

    /// Puts the plan of an event into force.
    fn renew(&mut self, number: usize) {
        let Some(plan) = self.script.renewals.get(&number).cloned() else {
            return;
        };
        self.plan = plan.clone();
        self.adopt();
        self.world.reload(plan);
        self.observe_world();
        self.open_windows();
    }

    /// Takes in what the world has done.
    fn observe_world(&mut self) {
        let now = self.world.now();
        for (at, notice) in self.world.take_notices() {
            self.timeline
                .add(at, Kind::Notice, timeline::words(&notice));
        }
        let table = self.world.table();
        if table.generation == self.generation {
            return;
        }
        self.generation = table.generation;
        self.caches.rouse(now);
        self.timelines.observe(now, table);
        if !self.timeline.is_full() {
            let lines = self.serving.observe(table, &self.caches, &self.accounting);
            for line in lines {
                self.timeline.add(now, Kind::Clients, line);
            }
        }
    }

    /// Sets truth, demand and everything that hangs on them anew.
    fn reckon(&mut self) {
        let now = self.now;
        let truth = self.faults.truth(&self.plan);
        let before = std::mem::replace(&mut self.world.truth, truth);
        if before.unresolved != self.world.truth.unresolved {
            self.caches.rouse(now);
        }
        (self.world.canary_loss, self.world.probe_loss) = self.faults.losses();
        let truth = &self.world.truth;
        self.accounting.felt = vec![0; self.accounting.endpoints.len()];
        for index in 0..self.plan.endpoints.len() {
            let id = crate::base::EndpointId::from_index(index);
            if let Some(place) = self.accounting.endpoint(&self.plan.endpoints[index].name) {
                self.accounting.felt[place] = faults::felt(truth, &self.plan, id, now);
            }
        }
        let slow = self.plan.endpoints.iter().enumerate().filter(|(index, _)| {
            let id = crate::base::EndpointId::from_index(*index);
            faults::is_slow(truth, &self.plan, id, now)
        });
        let slow: BTreeSet<&str> = slow.map(|(_, own)| own.name.as_str()).collect();
        self.accounting.set_marks(now, |name| {
            (truth.behind.contains(name), slow.contains(name))
        });
        let weights = self.weights();
        let before: Vec<u64> = self
            .accounting
            .groups
            .iter()
            .map(|felt| felt.weight)
            .collect();
        self.caches.reckon(now, &weights, &mut self.accounting);
        let changes = before.iter().zip(&weights).enumerate();
        let mut ends = false;
        for (group, (before, after)) in changes {
            match (*before, *after) {
                (0, 1..) => self.caches.resume(group, now),
                (1.., 0) => ends = true,
                _ => {}
            }
        }
        if ends {
            self.caches.rouse(now);
        }
    }

    /// What one client of each group asks for now.
    fn weights(&self) -> Vec<u64> {
        let minute = self.now.since(self.start).0 / 60_000;
        let factor = |home: Option<&str>| {
            let curves = self.script.scenario.curves.iter().rev();
            let mut own = curves.filter(|(region, _)| Some(region.value.as_str()) == home);
            let by_day = own
                .next()
                .map_or(1000, |(_, curve)| population::at(curve, minute));
            let surges = self.surges.values();
            let surges = surges.filter(|(of, _)| of.is_none() || of.as_deref() == home);
            surges.fold(by_day, |factor, (_, surge)| {
                factor * u64::from(*surge) / 1000
            })
        };
        let groups = self.usual.iter().zip(&self.accounting.groups).enumerate();
        let weights = groups.map(|(group, (milli, felt))| {
            milli * factor(self.serving.home(group)) / felt.clients.max(1)
        });
        weights.collect()
    }
}

impl Event {
    /// As a line of the timeline.
    fn words(&self) -> String {
        use scenario::Fault;
        let lasts = self
            .lasts
            .map_or(String::new(), |lasts| format!(" for {lasts}"));
        let deed = match &self.deed {
            Deed::Fault(Fault::Kill(whom)) => format!("kill {whom}"),
            Deed::Fault(Fault::Slow(whom)) => format!("{whom} is slow"),
            Deed::Fault(Fault::Late(whom, by)) => format!("{whom} is slower by {by}"),
            Deed::Fault(Fault::Loss(whom, part)) => format!("{whom} loses {part}"),
            Deed::Fault(Fault::Flap(whom, period)) => format!("{whom} flaps every {period}"),
            Deed::Fault(Fault::Behind(whom)) => format!("data of {whom} is behind"),
            Deed::Fault(Fault::Unresolved(whom)) => format!("the name of {whom} does not resolve"),
            Deed::Fault(Fault::VantageLoss(part)) => {
                format!("this node loses {part} of all its probes")
            }
            Deed::Fault(Fault::CanaryLoss(part)) => {
                format!("{part} of the probes of canaries fail")
            }
            Deed::Fault(Fault::ProbeLoss(part)) => {
                format!("{part} of the probes of endpoints fail")
            }
            Deed::Heal(whom) => format!("heal {whom}"),
            Deed::Order(order) => format!("order: {} {}", order.action.word(), order.scope),
            Deed::Reload(path) => format!("reload {path}"),
            Deed::Readdress(whom, addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                format!("{whom} moves to {}", addresses.join(" "))
            }
            Deed::Surge(of, factor) => {
                let of = of.as_ref();
                let of = of.map_or(String::new(), |of| format!(" of clients of {of}"));
                format!("demand{of} at {}%", factor / 10)
            }
        };
        deed + &lasts
    }
}
