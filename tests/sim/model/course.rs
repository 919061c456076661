//! A whole engine through every short course of reports, orders, reloads and time, and what it
//! publishes, on its way to those who answer.
//!
//! A state is the course that led to it, gone through anew by a real engine: nothing is restated and
//! nothing left away, so no two courses are alike, and their length is what bounds them.
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use stateright::{Model, Property};

use waypost::base::{Cause, Moment, Span};
use waypost::engine::order;
use waypost::engine::{Engine, Input, Order, OrderId, Output, ProbeId};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::Plan;
use waypost::table::Table;

use super::ground::{FRA_A, FRA_B, TORONTO, Wrong, plan};
use super::refuted;

/// Actions of the longest course.
const LONGEST: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    /// A probe that is under way fails.
    Fail(usize),
    /// It passes.
    Pass(usize),
    /// Toronto is drained.
    Drain,
    Undrain,
    /// The other of two plans is loaded.
    Reload,
    /// Time passes until something is due, and all that is due is done.
    Wait,
    /// A table that was published reaches those who answer.
    Deliver,
}

const ACTIONS: [Action; 9] = [
    Action::Fail(FRA_A),
    Action::Fail(FRA_B),
    Action::Fail(TORONTO),
    Action::Pass(FRA_A),
    Action::Drain,
    Action::Undrain,
    Action::Reload,
    Action::Wait,
    Action::Deliver,
];

/// In which order published tables arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// That of the engine's outputs, as the task that owns it does.
    InOrder,
    /// The newest first: the guard taken out.
    NewestFirst,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    course: Vec<Action>,
    wrong: Wrong,
    backwards: bool,
    generation: u64,
}

struct Courses {
    delivery: Delivery,
    plans: [Arc<Plan>; 2],
}

/// An engine on its way.
struct Run<'m> {
    model: &'m Courses,
    engine: Engine,
    now: Moment,
    plan: usize,
    probing: BTreeSet<ProbeId>,
    on_the_way: VecDeque<Arc<Table>>,
    served: Arc<Table>,
    wrong: Wrong,
    backwards: bool,
}

impl<'m> Run<'m> {
    fn new(model: &'m Courses) -> Self {
        let now = Moment(0);
        let engine = Engine::new(model.plans[0].clone(), Arc::default(), now, 7);
        let mut run = Self {
            model,
            served: engine.table().clone(),
            engine,
            now,
            plan: 0,
            probing: BTreeSet::new(),
            on_the_way: VecDeque::new(),
            wrong: Wrong::default(),
            backwards: false,
        };
        run.collect();
        run.on_the_way.clear();
        // The first probes are due within a second.
        run.handle(Moment(1000), Input::Tick);
        run
    }

    fn act(&mut self, action: Action) -> Option<()> {
        match action {
            Action::Fail(slot) => self.report(slot, ProbeResult::Fail(Cause::Refused))?,
            Action::Pass(slot) => self.report(slot, ProbeResult::Pass)?,
            Action::Drain => self.order(order::Action::Drain),
            Action::Undrain => self.order(order::Action::Undrain),
            Action::Reload => {
                self.plan = 1 - self.plan;
                let plan = self.model.plans[self.plan].clone();
                self.handle(self.now, Input::Reload(plan, Arc::default()));
            }
            Action::Wait => {
                let due = self.engine.wake_at()?;
                self.handle(due, Input::Tick);
            }
            Action::Deliver => self.deliver()?,
        }
        Some(())
    }

    fn order(&mut self, action: order::Action) {
        let order = Order {
            action,
            scope: "toronto".to_owned(),
            author: String::new(),
            reason: String::new(),
        };
        self.handle(self.now, Input::Order(OrderId(0), order.insisted()));
    }

    fn report(&mut self, slot: usize, outcome: ProbeResult) -> Option<()> {
        // At most one is out for a slot, started before a reload or after it.
        let mut out = self.probing.iter();
        let id = *out.find(|id| id.slot.index() == slot)?;
        self.probing.remove(&id);
        let report = Report {
            outcome,
            timing: Timing::default(),
            certificate_expires: None,
            value: None,
        };
        self.handle(self.now.after(Span(1)), Input::Probed(id, report));
        Some(())
    }

    fn handle(&mut self, now: Moment, input: Input) {
        self.now = now;
        self.engine.handle(now, input);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Probe(id, _) => drop(self.probing.insert(id)),
                Output::Publish(table) => self.on_the_way.push_back(table),
                Output::Ordered(..) | Output::Notice(_) => {}
            }
        }
    }

    fn deliver(&mut self) -> Option<()> {
        let table = match self.model.delivery {
            Delivery::InOrder => self.on_the_way.pop_front(),
            Delivery::NewestFirst => self.on_the_way.pop_back(),
        }?;
        self.backwards |= table.generation <= self.served.generation;
        let found = Wrong::in_answers(&table);
        self.wrong.empty |= found.empty;
        self.wrong.outside |= found.outside;
        self.served = table;
        Some(())
    }
}

impl Courses {
    fn new(delivery: Delivery) -> Self {
        let first = plan();
        let mut second = plan();
        second.guard.max_shrink.0 /= 2;
        Self {
            delivery,
            plans: [first, second].map(Arc::new),
        }
    }
}

impl Model for Courses {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            course: Vec::new(),
            wrong: Wrong::default(),
            backwards: false,
            generation: 1,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.course.len() < LONGEST {
            actions.extend(ACTIONS);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut run = Run::new(self);
        for earlier in &last.course {
            run.act(*earlier)?;
        }
        run.act(action)?;
        let course = last.course.iter().copied().chain([action]);
        Some(State {
            course: course.collect(),
            wrong: run.wrong,
            backwards: run.backwards,
            generation: run.served.generation,
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no answer is empty", |_, state: &State| !state.wrong.empty),
            Property::always("the fence", |_, state: &State| !state.wrong.outside),
            Property::always("generations only rise", |_, state: &State| !state.backwards),
            Property::sometimes("three tables were served", |_, state: &State| {
                state.generation >= 3
            }),
        ]
    }
}

/// A sometimes-property that is met is a discovery, too.
const MET: &str = "three tables were served";

#[test]
fn no_course_of_an_engine_breaks_a_promise() {
    let found = refuted(Courses::new(Delivery::InOrder), "courses of an engine");
    assert_eq!(found, [MET]);
}

#[test]
fn tables_that_overtake_each_other_are_found() {
    let found = refuted(Courses::new(Delivery::NewestFirst), "tables overtake");
    assert_eq!(found, ["generations only rise", MET]);
}
