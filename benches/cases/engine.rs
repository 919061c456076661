//! What a step of the engine is measured by: 10,000 endpoints in 200 regions, four services.
//!
//! Every endpoint is probed once an hour, and its first probe after that fails: it is out, probed
//! again a second later, passes, and is back. So single endpoints flap all the time, some of them
//! within one publication, and nothing else happens. It knows no clock: time is the engine's own.
use std::hint::black_box;
use std::sync::Arc;

use waypost::base::{Cause, Family, Moment, Permille, Span};
use waypost::engine::{Engine, Input, Output, ProbeId};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::{AllDown, Guard, Residency};
use waypost::sim::test_plan::{Gating, Patience, Probing, TestEndpoint, TestService};
use waypost::sim::{TestPlan, TestSteering};

use crate::cases::Case;

const ENDPOINTS: u16 = 10_000;
const PER_REGION: u16 = 50;
const HOUR: Span = Span::from_secs(3600);

/// Everything that is measured.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case {
        name: "engine/10,000 endpoints: steps until a change is published",
        prepare: until_published,
    }]
}

fn until_published() -> Box<dyn FnMut()> {
    let mut flapping = Flapping::new();
    Box::new(move || while black_box(flapping.step()) == Step::Unpublished {})
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It published a table.
    Published,
    /// It did not.
    Unpublished,
}

/// An engine, and the probes that are out.
#[derive(Debug)]
pub(crate) struct Flapping {
    engine: Engine,
    now: Moment,
    out: Vec<ProbeId>,
    /// How many probes of each slot have ended.
    ended: Vec<u64>,
}

impl Flapping {
    /// Everything has passed its first probe.
    pub(crate) fn new() -> Self {
        let plan = test_plan().plan();
        let mut flapping = Self {
            ended: vec![0; plan.slots.len()],
            engine: Engine::new(plan, Arc::default(), Moment(0), 1),
            now: Moment(0),
            out: Vec::new(),
        };
        while flapping.ended.contains(&0) {
            flapping.step();
        }
        flapping
    }

    /// One call of the engine: a probe has ended, or time has passed.
    pub(crate) fn step(&mut self) -> Step {
        match self.out.pop() {
            Some(probe) => self.end(probe),
            None => {
                self.now = self.engine.wake_at().expect("there are slots to be probed");
                self.engine.handle(self.now, Input::Tick);
            }
        }
        let mut step = Step::Unpublished;
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Probe(probe, _) => self.out.push(probe),
                Output::Publish(_) => step = Step::Published,
                Output::Ordered(..) | Output::Notice(_) => {}
            }
        }
        step
    }

    fn end(&mut self, probe: ProbeId) {
        let count = &mut self.ended[probe.slot.index()];
        let outcome = match *count % 2 {
            0 => ProbeResult::Pass,
            _ => ProbeResult::Fail(Cause::Refused),
        };
        *count += 1;
        let report = Report {
            outcome,
            timing: Timing::default(),
            certificate_expires: None,
            value: None,
        };
        self.engine.handle(self.now, Input::Probed(probe, report));
    }
}

fn test_plan() -> TestPlan {
    let machine = |number: u16| TestEndpoint {
        number,
        region: number / PER_REGION,
        tier: 1 + number % 2,
        weight: 1 + number % 7,
        capacity: None,
        families: vec![Family::V4],
    };
    let service = |number: u8| TestService {
        residency: [Residency::Any, Residency::Strict][usize::from(number % 2)],
        all_down: AllDown::FailOpen,
        answers: 1 + number / 2,
        gating: Gating::Free,
        min_up: Permille::NONE,
        steering: TestSteering::default(),
    };
    TestPlan {
        regions: ENDPOINTS / PER_REGION,
        machines: (0..ENDPOINTS).map(machine).collect(),
        services: (0..4).map(service).collect(),
        probing: Probing {
            interval: HOUR,
            near_interval: Span::from_secs(1),
            timeout: Span::from_secs(2),
            fall: 1,
            rise: 1,
            slow_after: None,
            degraded: None,
        },
        steps: vec![Permille::FULL],
        every: Span::from_secs(1),
        patience: Patience::NONE,
        canaries: 0,
        guard: Guard {
            doubt: Permille(800),
            max_ejected: Permille::FULL,
            max_shrink: Permille(500),
            max_shrink_watched: Permille(100),
            ..Guard::DEFAULT
        },
        edition: 1,
    }
}
