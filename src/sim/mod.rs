//! A seeded world in virtual time around the real engine and the real table.
//!
//! | module | what it holds |
//! |---|---|
//! | [`test_plan`] | a plan in short: regions, machines, services; drawn from a seed, or changed |
//! | [`truth`] | how the machines really are, whatever the probes have seen so far |
//! | [`swarm`] | which kinds of faults a seed lets loose, and how they strike and heal |
//! | [`test_probing`] | how its machines are probed |
//! | [`test_zone`] | the zone and the geography under every test plan |
//! | [`resolver`] | a client's resolver: real packets, real replies |
//! | [`play`] | `waypost simulate`: a scenario played against a config, and what its clients felt |
//! | here | the world: what happens when, and the record of it |
//!
//! The world does what `io` does (it carries out what the engine asks for and reports back) with
//! the waiting taken out: an hour passes in milliseconds, and one seed decides everything. It holds no opinion
//! on what is right: [`World::log`] is what the engine was told, [`World::published`] what it made
//! of it, and the checks in `tests/sim/worlds` compare the two.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Cause, Draws, Moment, Permille, SlotId, Span};
use crate::engine::{
    Engine, Input, Keep, Notice, OrderId, OrderRequest, OrderResult, Output, ProbeId, Snapshot,
};
use crate::health::{ProbeResult, Report, Timing};
use crate::plan::Plan;
use crate::table::Table;

pub mod play;
pub mod resolver;
pub mod swarm;
mod test_canary;
pub mod test_plan;
pub mod test_probing;
pub mod test_steering;
pub mod test_zone;
pub mod truth;

pub use swarm::Swarm;
pub use test_plan::TestPlan;
pub use test_steering::TestSteering;
pub use truth::Truth;

/// One run.
#[derive(Debug)]
pub struct World {
    /// The real state of the machines.
    pub truth: Truth,
    /// How many of 1000 probes of canaries fail, whatever else is so.
    pub canary_loss: Permille,
    /// The same of all other probes.
    pub probe_loss: Permille,
    record: Record,
    now: Moment,
    plan: Arc<Plan>,
    engine: Engine,
    table: Option<Arc<Table>>,
    arrivals: BTreeMap<(Moment, u64), (ProbeId, Report)>,
    sequence: u64,
    draws: Draws,
    log: Vec<(Moment, Event)>,
    published: Vec<(Moment, Arc<Table>)>,
    transcript: Vec<String>,
    notices: Vec<(Moment, Notice)>,
    probes: u64,
    orders: u64,
}

/// How much of a run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Every input, every table and a transcript: what checks need.
    Everything,
    /// The table in force, and the notices until they are taken: a day of probes is millions
    /// of inputs.
    Latest,
}

/// What happened between the world and the engine.
#[derive(Clone, Debug)]
pub enum Event {
    /// The engine asked for a probe.
    Asked(ProbeId),
    /// A report came in.
    Reported(ProbeId, Report),
    /// A report came in of a slot that nobody had probed.
    Unasked(SlotId, Report),
    /// A plan was put in force; the first one is the one it started with.
    Planned(Arc<Plan>),
    /// An operator gave an order.
    Ordered(OrderRequest),
    /// The engine answered it.
    Answered(OrderResult),
    /// The engine was woken because time passed.
    Woken,
    /// What the engine knew was given to be kept.
    Kept,
    /// The node was started again with what it knew at that moment, or with nothing.
    Restarted(Option<Moment>),
}

impl World {
    /// Starts a world in which everything is well, and keeps everything that happens in it.
    #[must_use]
    pub fn new(plan: Arc<Plan>, seed: u64) -> Self {
        Self::recording(plan, seed, Record::Everything)
    }

    /// Starts a world in which everything is well.
    #[must_use]
    pub fn recording(plan: Arc<Plan>, seed: u64, record: Record) -> Self {
        let now = Moment(0);
        let mut draws = Draws::from_seed(seed);
        let mut world = Self {
            truth: Truth::default(),
            canary_loss: Permille::NONE,
            probe_loss: Permille::NONE,
            record,
            now,
            engine: Engine::new(plan.clone(), test_zone::zones(&plan), now, draws.next_u64()),
            log: Vec::new(),
            plan: plan.clone(),
            table: None,
            arrivals: BTreeMap::new(),
            sequence: 0,
            draws,
            published: Vec::new(),
            transcript: Vec::new(),
            notices: Vec::new(),
            probes: 0,
            orders: 0,
        };
        world.note(Event::Planned(plan));
        world.drain();
        world
    }

    /// Lets the next thing happen, if it happens by `end`; gives whether it did.
    ///
    /// # Panics
    /// When the engine wants to be woken at a moment that has passed: it would spin.
    pub fn step(&mut self, end: Moment) -> bool {
        let arrival = self.arrivals.keys().next().copied();
        let wake = self.engine.wake_at();
        assert!(
            wake.is_none_or(|wake| wake > self.now || self.now == Moment(0)),
            "wake-up at {wake:?} is not ahead of {:?}",
            self.now
        );
        let next = arrival.map(|(at, _)| at).into_iter().chain(wake).min();
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = self.now.max(end);
            return false;
        };
        self.now = self.now.max(next);
        let (event, input) = match arrival.filter(|(at, _)| *at <= self.now) {
            Some(key) => {
                let (id, report) = self.arrivals.remove(&key).expect("its key was just read");
                (Event::Reported(id, report), Input::Probed(id, report))
            }
            None => (Event::Woken, Input::Tick),
        };
        self.note(event);
        self.engine.handle(self.now, input);
        self.drain();
        true
    }

    /// Runs to `end`.
    pub fn run_until(&mut self, end: Moment) {
        while self.step(end) {}
    }

    /// Puts another plan in force.
    pub fn reload(&mut self, plan: Arc<Plan>) {
        self.plan = plan.clone();
        self.note(Event::Planned(plan.clone()));
        let zones = test_zone::zones(&plan);
        self.engine.handle(self.now, Input::Reload(plan, zones));
        self.drain();
    }

    /// Gives what has changed to be kept, as far as that is worth it.
    pub fn keep(&mut self) -> Option<Keep> {
        let keep = self.engine.changes(self.now)?;
        self.note(Event::Kept);
        Some(keep)
    }

    /// Kills the node and starts it again, so much later, with what was kept. Nobody waits for the probes that
    /// were out, and the machines go on as they are.
    pub fn restart(&mut self, kept: Option<&Snapshot>, away: Span) {
        self.now = self.now.after(away);
        self.arrivals.clear();
        let zones = test_zone::zones(&self.plan);
        let (plan, seed) = (self.plan.clone(), self.draws.next_u64());
        self.engine = match kept {
            Some(kept) => Engine::resume((plan, zones), kept, self.now, seed),
            None => Engine::new(plan, zones, self.now, seed),
        };
        self.note(Event::Restarted(kept.map(|kept| kept.at)));
        self.drain();
    }

    /// Hands an operator's order to the engine; gives what that says to it.
    pub fn order(&mut self, request: OrderRequest) -> Option<OrderResult> {
        self.note(Event::Ordered(request.clone()));
        self.orders += 1;
        let id = OrderId(self.orders);
        self.engine.handle(self.now, Input::Order(id, request));
        self.drain()
    }

    /// Lets a machine say unasked how it is; nothing comes of it where a probe's report is lost.
    pub fn report_unasked(&mut self, slot: SlotId) {
        let (plan, now) = (&self.plan, self.now);
        let seen = self.truth.probe(plan, slot, now, &mut self.draws);
        if let Some((delay, outcome)) = seen.first() {
            let report = report(*delay, *outcome);
            self.note(Event::Unasked(slot, report));
            self.engine.handle(now, Input::Reported(slot, report));
            self.drain();
        }
    }

    /// The notices since they were taken last; none while everything is recorded, for then they
    /// are in the transcript.
    pub fn take_notices(&mut self) -> Vec<(Moment, Notice)> {
        std::mem::take(&mut self.notices)
    }

    /// The number of probes that were started.
    #[must_use]
    pub fn probes(&self) -> u64 {
        self.probes
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The table that answers are read from.
    ///
    /// # Panics
    /// Never: an engine publishes when it starts.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        self.table
            .as_ref()
            .expect("an engine publishes when it starts")
    }

    /// Everything that passed between the world and the engine, oldest first.
    #[must_use]
    pub fn log(&self) -> &[(Moment, Event)] {
        &self.log
    }

    /// Every table that was published, oldest first.
    #[must_use]
    pub fn published(&self) -> &[(Moment, Arc<Table>)] {
        &self.published
    }

    /// What an onlooker would have seen, line by line.
    #[must_use]
    pub fn transcript(&self) -> &[String] {
        &self.transcript
    }

    /// Carries out what the engine asks for; gives its answer to an order, if there is one.
    fn drain(&mut self) -> Option<OrderResult> {
        let mut answer = None;
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Probe(id, _) => self.start_probe(id),
                Output::Publish(table) => self.publish(table),
                Output::Ordered(_, result) => {
                    self.note(Event::Answered(result.clone()));
                    answer = Some(result);
                }
                Output::Notice(notice) => self.write_notice(notice),
            }
        }
        answer
    }

    fn start_probe(&mut self, id: ProbeId) {
        self.probes += 1;
        self.note(Event::Asked(id));
        let mut probed = self
            .truth
            .probe(&self.plan, id.slot, self.now, &mut self.draws);
        self.lose(id, &mut probed);
        for (delay, outcome) in probed {
            let report = report(delay, outcome);
            self.sequence += 1;
            let key = (self.now.after(delay.max(Span(1))), self.sequence);
            self.arrivals.insert(key, (id, report));
        }
    }

    /// Lets a probe fail by [`World::canary_loss`] or [`World::probe_loss`].
    fn lose(&mut self, id: ProbeId, probed: &mut [(Span, ProbeResult)]) {
        let loss = match self.plan.slots[id.slot.index()].endpoint {
            None => self.canary_loss,
            Some(_) => self.probe_loss,
        };
        // Nothing is drawn where nothing is lost: seeded worlds stay what they are.
        if loss > Permille::NONE && self.draws.chance(u64::from(loss.0)) {
            for (_, outcome) in probed {
                *outcome = ProbeResult::Fail(Cause::ConnectTimeout);
            }
        }
    }

    fn note(&mut self, event: Event) {
        match self.record {
            Record::Everything => self.log.push((self.now, event)),
            Record::Latest => {}
        }
    }

    fn publish(&mut self, table: Arc<Table>) {
        if self.record == Record::Everything {
            self.transcribe(&table);
            self.published.push((self.now, table.clone()));
        }
        self.table = Some(table);
    }

    fn transcribe(&mut self, table: &Table) {
        let shares: Vec<String> = table
            .standings
            .iter()
            .map(|standing| format!("{}:{}", standing.why.word(), standing.share.0))
            .collect();
        self.transcript.push(format!(
            "{:>8} generation {} of {:x}: {}",
            self.now.0,
            table.generation,
            table.plan.digest,
            shares.join(" ")
        ));
    }

    fn write_notice(&mut self, notice: Notice) {
        match self.record {
            Record::Everything => {
                let line = format!("{:>8} {notice:?}", self.now.0);
                self.transcript.push(line);
            }
            Record::Latest => self.notices.push((self.now, notice)),
        }
    }
}

fn report(took: Span, outcome: ProbeResult) -> Report {
    Report {
        outcome,
        timing: Timing {
            total_us: u32::try_from(took.0 * 1000).unwrap_or(u32::MAX),
            ..Timing::default()
        },
        certificate_expires: None,
        value: None,
    }
}
