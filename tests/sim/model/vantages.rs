//! Three vantages that probe, tell each other what they see, and rule; one of them decides.
//!
//! What one decides changes nothing for the others: its vote is what *it* sees. So one vantage that
//! decides is gone through at a time, the isolated one among them. Time stands still but for votes,
//! which may grow too old at any moment. Kept of an endpoint is only whether it is up, seen and
//! believed; the production's own state is made from that, asked, and read again.
use std::sync::Arc;

use stateright::{Model, Property};

use waypost::base::{Cause, Moment, RegionId, Span, Standing};
use waypost::health::drain::Ceiling;
use waypost::health::guard::{Doubt, Last, Served, Tally};
use waypost::health::slot::SlotHealth;
use waypost::health::target::{Evidence, Gate, TargetHealth, Verdict};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::{AllDown, Plan};
use waypost::share::ruling::{Quorum, Seat};
use waypost::share::{Electorate, Trust, VantageId, Vote};
use waypost::table::{Table, check};

use super::ground::{ENDPOINTS, FRA_A, FRA_B, SINGAPORE, TORONTO, Wrong, plan};
use super::refuted;

const VANTAGES: usize = 3;
/// The one that may be cut off.
const LONELY: usize = 2;
/// Endpoints that are dead from the start, though nobody has seen it yet.
const DEAD: [usize; 2] = [FRA_A, FRA_B];

const NOW: Moment = Moment(1_000_000);
const WINDOW: Span = Span(15_000);

/// Whether something is up, as seen or as believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Light {
    Up,
    Down,
}
use Light::{Down, Up};

type Lights = [Light; ENDPOINTS];

/// What a vantage last told the one that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Letter {
    seen: Lights,
    trust: Trust,
    stale: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    cut_off: bool,
    seen: [Lights; VANTAGES],
    heard: [Option<Letter>; VANTAGES],
    believed: Lights,
    drained: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// A probe of an endpoint ends at a vantage.
    Probe(usize, usize),
    /// What a vantage sees reaches the one that decides; until then it is late or lost.
    Deliver(usize),
    /// What was heard of a vantage grows too old.
    Age(usize),
    /// The lonely vantage is cut off from all else.
    Isolate,
    /// It is back.
    Heal,
    Drain,
    Undrain,
    /// The votes on an endpoint are counted.
    Rule(usize),
}

/// What is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Each vantage decides alone.
    Votes,
    /// Classes prefer regions outside of their fence, too.
    Fence,
    /// Where nothing is healthy nothing is answered.
    FailOpen,
}

struct Vantages {
    decider: usize,
    without: Without,
    plan: Arc<Plan>,
    /// By what is believed and whether there is a drain: what a table answers then.
    answers: Vec<Wrong>,
}

impl Vantages {
    fn new(decider: usize, without: Without) -> Self {
        let mut plan = plan();
        match without {
            Without::Nothing | Without::Votes => {}
            Without::Fence => {
                let regions = (0..3).map(RegionId);
                for class in Arc::get_mut(&mut plan.maps)
                    .unwrap()
                    .iter_mut()
                    .flat_map(|map| &mut map.classes)
                {
                    let known = class.preference.clone();
                    let more = regions.clone().filter(|region| !known.contains(region));
                    class.preference.extend(more);
                    class.fence = waypost::base::JurisdictionSet::EVERYWHERE;
                }
            }
            Without::FailOpen => {
                for service in &mut plan.services {
                    service.all_down = AllDown::Nodata;
                }
            }
        }
        let mut model = Self {
            decider,
            without,
            plan: Arc::new(plan),
            answers: Vec::new(),
        };
        let numbers = 0..2 << ENDPOINTS;
        model.answers = numbers.map(|number| model.answer(number)).collect();
        model
    }

    /// What a table answers when this is believed, as [`number_of`] counts it.
    fn answer(&self, number: usize) -> Wrong {
        let recovery = &self.plan.recoveries[0];
        let standings = (0..ENDPOINTS).map(|endpoint| {
            let believed = if number >> endpoint & 1 == 1 {
                Down
            } else {
                Up
            };
            let health = target(believed, &self.plan).standing(recovery, Span::ZERO);
            let mut ceiling = Ceiling::Open;
            if endpoint == TORONTO && number >> ENDPOINTS == 1 {
                ceiling.drain(NOW, recovery, health.share);
            }
            ceiling.over(health, recovery)
        });
        let standings: Arc<[Standing]> = standings.collect();
        let table = Table::build(1, self.plan.clone(), standings, NOW, None);
        // A table that breaks the law of the unguarded plan is what is looked for.
        assert!(self.without != Without::Nothing || check(&table).is_ok());
        Wrong::in_answers(&table)
    }

    fn wrong(&self, state: &State) -> Wrong {
        self.answers[number_of(state)]
    }

    fn reaches(state: &State, vantage: usize) -> bool {
        !(state.cut_off && vantage == LONELY)
    }

    /// Whether a vantage trusts what it sees, of which it serves what it believes to be up.
    fn trust(&self, seen: &Lights, believed: &Lights) -> Trust {
        let mut tally = Tally::new(ENDPOINTS, self.plan.regions.len());
        for (endpoint, (seen, believed)) in seen.iter().zip(believed).enumerate() {
            let (last, served) = match (seen, believed) {
                (Up, Up) => (Last::Passed, Served::Sound),
                (Down, Up) => (Last::Failed, Served::Failing),
                (Up, Down) => (Last::Passed, Served::No),
                (Down, Down) => (Last::Failed, Served::No),
            };
            let region = self.plan.endpoints[endpoint].region;
            tally.move_slot(region, Last::Nothing, last);
            tally.move_target(Served::No, served);
        }
        match tally.doubt(&self.plan.guard) {
            Doubt::None => Trust::Sure,
            Doubt::MostFail | Doubt::CanariesFail => Trust::Doubting,
        }
    }

    /// What is believed of an endpoint once the votes are counted.
    fn rule(&self, state: &State, endpoint: usize) -> Light {
        let own = Letter {
            seen: state.seen[self.decider],
            trust: self.trust(&state.seen[self.decider], &state.believed),
            stale: false,
        };
        let vote = |vantage: usize, letter: &Letter| Vote {
            vantage: VantageId(u16::try_from(vantage).unwrap()),
            verdict: self.verdict(letter.seen[endpoint]),
            at: if letter.stale {
                Moment(NOW.0 - WINDOW.0 - 1)
            } else {
                NOW
            },
            trust: letter.trust,
        };
        let ruling = if self.without == Without::Votes {
            Electorate::ALONE.rule(NOW, &[vote(0, &own)], Quorum::OfAll)
        } else {
            let heard = state.heard.iter().enumerate();
            let heard = heard.filter_map(|(from, letter)| Some(vote(from, letter.as_ref()?)));
            let votes: Vec<Vote> = heard.chain([vote(self.decider, &own)]).collect();
            let seat = |provider| Seat {
                region: 0,
                provider,
            };
            let three = Electorate {
                seats: vec![seat(0), seat(1), seat(0)].into(),
                window: WINDOW,
                up_while: None,
            };
            three.rule(NOW, &votes, Quorum::OfAll)
        };
        let mut target = target(state.believed[endpoint], &self.plan);
        let verdict = ruling.over(target.verdict());
        target.observe(NOW, &self.plan.recoveries[0], evidence(verdict));
        match target.verdict() {
            Verdict::Up => Up,
            Verdict::Down(_) => Down,
            Verdict::Unknown => unreachable!("all were proven"),
        }
    }

    /// What a slot says whose probes went like this.
    fn verdict(&self, seen: Light) -> Verdict {
        let monitor = &self.plan.monitors[0];
        let mut slot = SlotHealth::default();
        slot.observe(monitor, NOW, report(ProbeResult::Pass));
        if seen == Down {
            slot.observe(monitor, NOW, report(ProbeResult::Fail(Cause::Refused)));
        }
        Evidence::of([(&slot, monitor)].into_iter(), std::iter::empty()).verdict
    }
}

/// A target that is healthy, or has fallen from that.
fn target(believed: Light, plan: &Plan) -> TargetHealth {
    let recovery = &plan.recoveries[0];
    let mut target = TargetHealth::new(NOW);
    target.observe(NOW, recovery, evidence(Verdict::Up));
    if believed == Down {
        target.observe(NOW, recovery, evidence(Verdict::Down(Cause::Refused)));
    }
    target
}

fn evidence(verdict: Verdict) -> Evidence {
    Evidence {
        verdict,
        gate: Gate::Open,
        hold: Span::ZERO,
        without: waypost::base::AddressSet::EMPTY,
        most: waypost::base::Permille::FULL,
    }
}

fn report(outcome: ProbeResult) -> Report {
    Report {
        outcome,
        timing: Timing::default(),
        certificate_expires: None,
        value: None,
    }
}

/// What a state is believed to be, as a number: a bit for each endpoint that is down, and one for the
/// drain.
fn number_of(state: &State) -> usize {
    let down = state.believed.iter().enumerate();
    let down = down.filter(|(_, light)| **light == Down);
    let bits: usize = down.map(|(endpoint, _)| 1 << endpoint).sum();
    bits + (usize::from(state.drained) << ENDPOINTS)
}

impl Model for Vantages {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            cut_off: false,
            seen: [[Up; ENDPOINTS]; VANTAGES],
            heard: [None; VANTAGES],
            believed: [Up; ENDPOINTS],
            drained: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for vantage in 0..VANTAGES {
            actions.extend((0..ENDPOINTS).map(|endpoint| Action::Probe(vantage, endpoint)));
            if vantage != self.decider {
                actions.extend([Action::Deliver(vantage), Action::Age(vantage)]);
            }
        }
        actions.extend((0..ENDPOINTS).map(Action::Rule));
        actions.push(if state.cut_off {
            Action::Heal
        } else {
            Action::Isolate
        });
        actions.push(if state.drained {
            Action::Undrain
        } else {
            Action::Drain
        });
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Probe(vantage, endpoint) => {
                let passes = Self::reaches(last, vantage) && !DEAD.contains(&endpoint);
                state.seen[vantage][endpoint] = if passes { Up } else { Down };
            }
            Action::Deliver(from) => {
                if Self::reaches(last, from) && Self::reaches(last, self.decider) {
                    let seen = last.seen[from];
                    state.heard[from] = Some(Letter {
                        seen,
                        trust: self.trust(&seen, &[Up; ENDPOINTS]),
                        stale: false,
                    });
                }
            }
            Action::Age(from) => state.heard[from].as_mut()?.stale = true,
            Action::Isolate => state.cut_off = true,
            Action::Heal => state.cut_off = false,
            Action::Drain => state.drained = true,
            Action::Undrain => state.drained = false,
            Action::Rule(endpoint) => state.believed[endpoint] = self.rule(last, endpoint),
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no answer is empty", |model: &Self, state: &State| {
                !model.wrong(state).empty
            }),
            Property::always("the fence", |model: &Self, state: &State| {
                !model.wrong(state).outside
            }),
            Property::always("what most see well stays", |_, state: &State| {
                [TORONTO, SINGAPORE].map(|alive| state.believed[alive]) == [Up, Up]
            }),
            Property::always(
                "a drained endpoint is left",
                |model: &Self, state: &State| {
                    let others = [FRA_A, FRA_B, SINGAPORE].map(|other| state.believed[other]);
                    !(state.drained && others.contains(&Up) && model.wrong(state).toronto)
                },
            ),
            // Not met, the proof would be of a world in which nothing happens.
            Property::sometimes("both dead are out, by votes", |_, state: &State| {
                DEAD.map(|dead| state.believed[dead]) == [Down, Down]
            }),
        ]
    }
}

/// A sometimes-property that is met is a discovery, too.
const MET: &str = "both dead are out, by votes";

#[test]
fn no_interleaving_of_three_vantages_breaks_a_promise() {
    for decider in [0, LONELY] {
        let model = Vantages::new(decider, Without::Nothing);
        assert_eq!(refuted(model, &format!("vantage {decider} decides")), [MET]);
    }
}

#[test]
fn each_guard_is_what_keeps_its_promise() {
    for (without, broken) in [
        (Without::Votes, "what most see well stays"),
        (Without::Fence, "the fence"),
        (Without::FailOpen, "no answer is empty"),
    ] {
        let model = Vantages::new(LONELY, without);
        let found = refuted(model, &format!("without {without:?}"));
        assert!(found.contains(&broken), "{without:?}: {found:?}");
    }
}
