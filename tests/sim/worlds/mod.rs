//! Seeded worlds, checked while faults fly and again once they stop.
//!
//! One seed decides a whole run: the test plan (of one seed in four its tiers are fleets), which kinds of faults are let
//! loose, when they strike, how long every probe takes. `SIM_SEEDS` says how many seeds run (1,000 if it is not set); a seed that fails
//! is appended to `tests/sim/worlds/failing-seeds.txt`, and the seeds in there run first.
//!
//! Each of these faults was planted once, alone, and taken out again. What caught it within 60 seeds:
//!
//! | planted | caught by |
//! |---|---|
//! | `health::slot`: one failure more than `fall` needed | oracle, timeliness, at once |
//! | `health::slot`: a single success wipes the failures | oracle, at once |
//! | `health::target`: the ramp skips a step | oracle |
//! | `health::target`: a failed gate does not hold the ramp | timeliness |
//! | `health::target`: what fell in a blackout ramps | oracle |
//! | `health::target`: a return needs no word | oracle |
//! | `health::target`: the failback delay is not waited for | oracle |
//! | `health::target`: a word outlives a fall while it waits | oracle |
//! | `health::slot`: a gate that merely never fell has a streak | oracle |
//! | `health::damping`: the last fall slows its own return | oracle, timeliness |
//! | `health::damping`: penalties never fade | oracle |
//! | `health::guard`: a wholly sound region does not end the doubt | oracle |
//! | `health::guard`: most canaries pass, and the node doubts itself all the same | oracle, timeliness |
//! | `health::guard`: most canaries pass, and a blackout excuses who fell | oracle |
//! | `health::ejections`: heads are counted where capacity is stated | oracle, at once |
//! | `health::ejections`: the bound within an interval is not asked | oracle |
//! | `health::ejections`: what came back has not left | oracle, progress |
//! | `health::drain`: the second step of a drain is the last | oracle |
//! | `engine::health_state`: a node whose canaries fail has a vote | oracle |
//! | `engine::health_state`: what is held back is let go newest first | oracle, at once |
//! | `engine::health_state`: what is held back is let go during a doubt | oracle |
//! | `engine::health_state`: nobody wakes when there is room again | progress |
//! | `engine::health_state`: what is drained and dead counts as ejected | timeliness, at once |
//! | `engine::health_state`: a drain asks for room | oracle |
//! | `engine::drains`: a reload forgets a drain | oracle |
//! | `engine`: the last endpoint of a pool is drained, and waits like any other | at once |
//! | `engine::health_state`: what was doubted is let go by a success | oracle |
//! | `engine::health_state`: the bound on ejections is one too wide | oracle |
//! | `engine::health_state`: a reload mixes up who is who | oracle, at once |
//! | `engine`: a step of a ramp is not published | timeliness |
//! | `engine`: the last endpoint of a pool waits like any other | at once |
//! | `engine`: coalescing starts anew with each change | timeliness, at once |
//! | `engine`: generations start anew with a reload | one world |
//! | `engine::schedule`: a report makes the next probe due now | pace |
//! | `engine::schedule`: a lost probe is not repeated | convergence |
//! | `engine::schedule`: a reload gives up the probes that are out | oracle, timeliness |
//! | `engine`: a report that nobody asked for is dropped | oracle, timeliness |
//! | `engine::schedule`: a probe goes by its slot's old number after a reload | oracle, timeliness |
//! | `steer::pool`: one cohort more than the share | timeliness: the table's own check rejects it |
//! | `steer::route`: the overflow goes to the smallest share | timeliness, at once: rejected |
//! | `table::build`: a standing that changed is overlooked in one pool | oracle, timeliness |
//! | `table::pool`: an answer has the addresses of both families | oracle |
//! | `table::select`: a cohort gets its neighbour's pick | oracle |
//!
//! Not caught: a `table::service_routes` that takes the route of a neighbouring preference list too soon. No two classes
//! of these worlds begin with the same region. The oracle of `tests/pure/table.rs` catches it, planted the same way.
use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use waypost::base::{Draws, Moment, Permille, SlotId, Span};
use waypost::engine::order::{Action, Order};
use waypost::plan::fleet::Missing;
use waypost::plan::{CohortOrder, Fleet, Plan};
use waypost::sim::swarm::{self, Fault};
use waypost::sim::{Swarm, TestPlan, Truth, World};

mod checks;
mod drains;
mod oracle;
mod record;
mod restarts;
mod staying;

use checks::Checks;

const SEEDS: u64 = 1000;
const STRIKES: u64 = 10;

/// What the worlds must show among them; a check of what never happens proves nothing.
const EVERYTHING: [&str; 19] = [
    "unproven",
    "healthy",
    "held",
    "gated",
    "unapproved",
    "draining",
    "drained",
    "returning",
    "ramping",
    "degraded",
    "down",
    "doubted",
    "capped",
    "preferred",
    "backup",
    "failover",
    "overflow",
    "fail_open",
    "all_down",
];

/// What one run leaves behind.
#[derive(PartialEq)]
struct Played {
    transcript: Vec<String>,
    seen: BTreeSet<&'static str>,
}

/// Plays one seed with all checks.
fn play(seed: u64) -> Played {
    let mut draws = Draws::from_seed(seed);
    let mut test_plan = TestPlan::draw(&mut draws);
    let swarm = Swarm::draw(&mut draws);
    let mut world = World::new(dealt(&test_plan, seed), draws.next_u64());
    let mut checks = Checks::new(&world, &mut draws);
    for _ in 0..STRIKES {
        strike(&mut world, &swarm, (&mut test_plan, seed), &mut draws);
        checks.observe(&world);
        speak_up(&mut world, &mut draws);
        checks.observe(&world);
        let end = world.now().after(Span(200 + draws.below(9000)));
        run(&mut world, &mut checks, end);
    }
    converge(&mut world, &mut checks, &test_plan);
    Played {
        transcript: world.transcript().to_vec(),
        seen: checks.seen,
    }
}

/// Plays the faults of a seed again without looking; gives what an onlooker would have seen.
fn replay(seed: u64) -> Vec<String> {
    let mut draws = Draws::from_seed(seed);
    let mut test_plan = TestPlan::draw(&mut draws);
    let swarm = Swarm::draw(&mut draws);
    let mut world = World::new(dealt(&test_plan, seed), draws.next_u64());
    Checks::new(&world, &mut draws);
    for _ in 0..STRIKES {
        strike(&mut world, &swarm, (&mut test_plan, seed), &mut draws);
        speak_up(&mut world, &mut draws);
        world.run_until(world.now().after(Span(200 + draws.below(9000))));
    }
    world.transcript().to_vec()
}

/// The way in which tiers of a seed's plan are fleets.
#[derive(Clone, Copy)]
enum FleetKind {
    Drawn(Missing),
    /// By names, where an answer is of one.
    Sticky,
}

/// The plan; of three seeds in eight its tiers are fleets.
fn dealt(test_plan: &TestPlan, seed: u64) -> Arc<Plan> {
    let kind = match seed % 8 {
        3 => FleetKind::Drawn(Missing::Filled),
        5 => FleetKind::Sticky,
        7 => FleetKind::Drawn(Missing::Divided),
        _ => return test_plan.plan(),
    };
    let mut plan = Arc::into_inner(test_plan.plan()).unwrap();
    let endpoints = &plan.endpoints;
    for service in &mut plan.services {
        // Of a fleet nobody goes past a tier: that is said by cohort.
        let pools = service.pools.iter_mut().flatten();
        pools.for_each(|pool| pool.trickle = Permille::NONE);
        let pools = service.pools.iter_mut().flatten().enumerate();
        for (number, tier) in
            pools.flat_map(|(number, pool)| pool.tiers.iter_mut().map(move |tier| (number, tier)))
        {
            let weights: Vec<u16> = tier.members.iter().map(|member| member.weight).collect();
            let seed = u64::try_from(number).unwrap() << 16 | u64::from(tier.number);
            let names = tier.members.iter();
            let names = names.map(|member| &*endpoints[member.endpoint.index()].name);
            let names: Vec<&str> = names.collect();
            tier.fleet = Some(Arc::new(match kind {
                FleetKind::Sticky if service.answers == 1 => Fleet::sticky(&weights, &names),
                FleetKind::Sticky => Fleet::deal(&weights, service.answers, Missing::Filled, seed),
                FleetKind::Drawn(missing) => Fleet::deal(&weights, service.answers, missing, seed),
            }));
            tier.cohort_order = Arc::new(CohortOrder::deal(&[], 0));
        }
    }
    Arc::new(plan)
}

fn strike(
    world: &mut World,
    swarm: &Swarm,
    (test_plan, seed): (&mut TestPlan, u64),
    draws: &mut Draws,
) {
    let plan = world.plan().clone();
    match swarm.strike(&mut world.truth, &plan, draws) {
        Fault::Reload => {
            test_plan.change(draws);
            world.reload(dealt(test_plan, seed));
        }
        kind @ (Fault::Drain | Fault::Approve) => {
            let request = swarm::order(kind, &plan, world.now(), draws);
            world.order(request);
        }
        Fault::Dead
        | Fault::Slow
        | Fault::Late
        | Fault::Flapping
        | Fault::Lossy
        | Fault::Region
        | Fault::Provider
        | Fault::Dim
        | Fault::Blind
        | Fault::Behind
        | Fault::Mislaid
        | Fault::Canary => {}
    }
}

/// Now and then a machine says how it is before it is asked.
fn speak_up(world: &mut World, draws: &mut Draws) {
    if draws.chance(300) {
        let slot = draws.below(world.plan().slots.len() as u64);
        let slot = usize::try_from(slot).unwrap();
        world.report_unasked(SlotId::from_index(slot));
    }
}

fn run(world: &mut World, checks: &mut Checks, end: Moment) {
    loop {
        let more = world.step(end);
        checks.observe(world);
        if !more {
            break;
        }
    }
    checks.at_rest(world);
}

/// All is well again, and the operators have undone what they did: in bounded time everything must
/// be served in full. Time passes until everything is up, until nothing is held or gated, and for
/// the ramps after the last approvals.
fn converge(world: &mut World, checks: &mut Checks, test_plan: &TestPlan) {
    world.truth = Truth::default();
    for action in [Action::Undrain, Action::Approve] {
        order_everywhere(world, checks, action);
    }
    let probing = &test_plan.probing;
    let period = (probing.interval.0 * 11 / 10).max(probing.timeout.0);
    let rises = period * (2 * u64::from(probing.rise) + 6) + 4 * probing.timeout.0;
    let slowest = u64::from(test_plan.patience.damping.most.max(1));
    let held = test_plan.patience.delay.0 + test_plan.every.0 * (slowest - 1);
    run(world, checks, world.now().after(Span(rises + held)));
    order_everywhere(world, checks, Action::Approve);
    let ramp = slowest * test_plan.every.0 * test_plan.steps.len() as u64;
    let end = world.now().after(Span(ramp + 1000));
    while world.now() < end && !Checks::is_well(world) {
        run(world, checks, world.now().after(Span(1000)));
    }
    run(world, checks, world.now().after(Span(200)));
    checks.assert_well(world);
}

fn order_everywhere(world: &mut World, checks: &mut Checks, action: Action) {
    for scope in swarm::scopes(world.plan()) {
        let order = Order {
            action,
            scope,
            author: String::new(),
            reason: String::new(),
        };
        world.order(order.insisted());
        checks.observe(world);
    }
}

#[test]
fn worlds_hold_and_replay() {
    let count = std::env::var("SIM_SEEDS").ok();
    let count = count.map_or(SEEDS, |count| count.parse().unwrap());
    let seeds: Vec<u64> = saved().into_iter().chain(0..count).collect();
    let hands = 4;
    let played: Vec<_> = std::thread::scope(|scope| {
        let hands = (0..hands).map(|hand| {
            let own = seeds.iter().skip(hand).step_by(hands);
            scope.spawn(move || own.map(|seed| play_twice(*seed)).collect::<Vec<_>>())
        });
        let hands: Vec<_> = hands.collect();
        let played = hands.into_iter().flat_map(|hand| hand.join().unwrap());
        played.collect()
    });
    let failures: Vec<&String> = played.iter().filter_map(|one| one.as_ref().err()).collect();
    assert!(failures.is_empty(), "\n{failures:#?}");
    let seen: BTreeSet<&str> = played.into_iter().flatten().flatten().collect();
    for word in EVERYTHING {
        assert!(seen.contains(word), "no world has shown `{word}`");
    }
}

/// Plays a seed twice: what was seen, or what is wrong with it.
fn play_twice(seed: u64) -> Result<BTreeSet<&'static str>, String> {
    let told = match catch_unwind(AssertUnwindSafe(|| (play(seed), replay(seed)))) {
        Ok((played, again)) if played.transcript.starts_with(&again) => return Ok(played.seen),
        Ok((played, again)) => {
            let pairs = played.transcript.iter().zip(&again);
            let same = pairs.take_while(|(one, two)| one == two).count();
            format!("replay: the transcripts differ from line {same} on")
        }
        Err(panic) => match panic.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => panic.downcast_ref::<String>().cloned().unwrap(),
        },
    };
    save(seed);
    Err(format!("seed {seed}: {told}"))
}

/// Reloads that follow each other faster than a probe times out, while a region is a black hole.
#[test]
fn reloads_hide_nothing_that_is_dead() {
    for seed in 0..20 {
        let mut draws = Draws::from_seed(seed);
        let mut test_plan = TestPlan::draw(&mut draws);
        let mut world = World::new(test_plan.plan(), draws.next_u64());
        let mut checks = Checks::new(&world, &mut draws);
        run(&mut world, &mut checks, Moment(30_000));
        world.truth.dark_regions.insert("r0".to_owned());
        let every = Span(test_plan.probing.timeout.0 * 3 / 4);
        while world.now() < Moment(90_000) {
            test_plan.change(&mut draws);
            world.reload(test_plan.plan());
            checks.observe(&world);
            let end = world.now().after(every);
            run(&mut world, &mut checks, end);
        }
        assert!(checks.seen.contains("down"), "seed {seed}");
    }
}

const SAVED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/sim/worlds/failing-seeds.txt"
);

fn saved() -> Vec<u64> {
    let text = std::fs::read_to_string(SAVED).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.parse().unwrap()).collect()
}

fn save(seed: u64) {
    if !saved().contains(&seed) {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(SAVED)
            .unwrap();
        writeln!(file, "{seed}").unwrap();
    }
}
