//! An engine on a desk: what it is told by hand, and everything that it says.
use std::sync::Arc;

use waypost::base::{Cause, Family, Moment, Permille, SlotId, Span};
use waypost::engine::{Engine, Input, Notice, OrderId, OrderResult, Output, ProbeId};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::{AllDown, Guard, Plan, Residency};
use waypost::sim::test_plan::{Gating, Patience, Probing, TestEndpoint, TestService};
use waypost::sim::{TestPlan, TestSteering};
use waypost::table::Table;

pub(crate) const FAIL: ProbeResult = ProbeResult::Fail(Cause::Refused);

/// `machines` per region in two regions, one open service, a ramp of 10 % and 100 %.
pub(crate) fn test_plan(machines: u16) -> TestPlan {
    let machine = |number: u16| TestEndpoint {
        number,
        region: number / machines,
        tier: 1,
        weight: 1,
        capacity: None,
        families: vec![Family::V4],
    };
    TestPlan {
        regions: 2,
        machines: (0..2 * machines).map(machine).collect(),
        services: vec![TestService {
            residency: Residency::Any,
            all_down: AllDown::FailOpen,
            answers: 1,
            gating: Gating::Free,
            min_up: Permille::NONE,
            steering: TestSteering::default(),
        }],
        probing: Probing {
            interval: Span(5000),
            near_interval: Span(1000),
            timeout: Span(2000),
            fall: 2,
            rise: 2,
            slow_after: None,
            degraded: None,
        },
        steps: vec![Permille(100), Permille(1000)],
        every: Span(10_000),
        patience: Patience::NONE,
        canaries: 0,
        guard: Guard {
            doubt: Permille(600),
            max_ejected: Permille::FULL,
            max_shrink: Permille(500),
            max_shrink_watched: Permille(100),
            ..Guard::DEFAULT
        },
        edition: 1,
    }
}

/// An engine, and everything that it has said.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) now: Moment,
    pub(crate) probes: Vec<(Moment, ProbeId)>,
    pub(crate) tables: Vec<(Moment, Arc<Table>)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) answers: Vec<(OrderId, OrderResult)>,
}

impl Desk {
    pub(crate) fn new(test_plan: &TestPlan) -> Self {
        Self::of(test_plan.plan())
    }

    pub(crate) fn of(plan: Arc<Plan>) -> Self {
        let now = Moment(0);
        let engine = Engine::new(plan, Arc::default(), now, 42);
        Self::on(engine, now)
    }

    pub(crate) fn on(engine: Engine, now: Moment) -> Self {
        let mut desk = Self {
            engine,
            now,
            probes: Vec::new(),
            tables: Vec::new(),
            notices: Vec::new(),
            answers: Vec::new(),
        };
        desk.drain();
        desk
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Probe(id, _) => self.probes.push((self.now, id)),
                Output::Publish(table) => self.tables.push((self.now, table)),
                Output::Ordered(id, result) => self.answers.push((id, result)),
                Output::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    pub(crate) fn handle(&mut self, at: u64, input: Input) {
        self.now = Moment(at);
        self.engine.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn report(&mut self, at: u64, id: ProbeId, outcome: ProbeResult) {
        self.handle(at, Input::Probed(id, report(outcome)));
    }

    /// Wakes the engine until `end`; every probe reports 5 ms after it started.
    pub(crate) fn run(&mut self, end: u64, outcome: impl Fn(SlotId) -> ProbeResult) {
        let mut open: Vec<(u64, ProbeId)> = Vec::new();
        let mut heard = self.probes.len();
        loop {
            let started = self.probes[heard..].iter();
            open.extend(started.map(|(at, id)| (at.0 + 5, *id)));
            heard = self.probes.len();
            let wake = self.engine.wake_at().unwrap().0;
            let first = open.first().copied().filter(|(at, _)| *at <= wake);
            match first {
                Some((at, id)) if at <= end => {
                    open.remove(0);
                    self.report(at, id, outcome(id.slot));
                }
                None if wake <= end => self.handle(wake, Input::Tick),
                _ => return,
            }
        }
    }

    /// Wakes the engine until `end`; no probe reports.
    pub(crate) fn idle(&mut self, end: u64) {
        while let Some(wake) = self.engine.wake_at().filter(|wake| wake.0 <= end) {
            self.handle(wake.0, Input::Tick);
        }
    }

    pub(crate) fn shares(&self) -> Vec<u16> {
        let table = &self.tables.last().unwrap().1;
        let standings = table.standings.iter();
        standings.map(|standing| standing.share.0).collect()
    }
}

pub(crate) fn report(outcome: ProbeResult) -> Report {
    Report {
        outcome,
        timing: Timing {
            total_us: 1234,
            ..Timing::default()
        },
        certificate_expires: None,
        value: None,
    }
}
