//! What the engine does by an operator's order.
use waypost::base::{ClassId, Family, Permille, Reason, ServiceId, SlotId};
use waypost::engine::order::{Action, Effect, Executed, Order, Refused};
use waypost::engine::{Input, Notice, OrderId, Output};
use waypost::health::ProbeResult;
use waypost::plan::Approval;
use waypost::sim::TestPlan;
use waypost::sim::test_plan::{Gating, TestEndpoint};

use super::desk::{Desk, FAIL, test_plan};

fn order(action: Action, scope: &str) -> Input {
    let order = Order {
        action,
        scope: scope.to_owned(),
        author: "ada".to_owned(),
        reason: "new disks".to_owned(),
    };
    Input::Order(OrderId(7), order.insisted())
}

/// Gives an order, and says what is answered: the endpoints, a `+` after those that changed; or why
/// it was refused.
fn told(desk: &mut Desk, action: Action, scope: &str) -> Result<String, Refused> {
    desk.answers.clear();
    desk.handle(desk.now.0 + 1, order(action, scope));
    words(desk)
}

/// What is answered to the one order that was given.
pub(super) fn words(desk: &Desk) -> Result<String, Refused> {
    let [(OrderId(7), result)] = &desk.answers[..] else {
        panic!("one answer, to its order: {:?}", desk.answers)
    };
    let Executed { endpoints, .. } = result.clone()?;
    let words = endpoints.iter().map(|(name, effect)| match effect {
        Effect::Changed => format!("{name}+"),
        Effect::Already => name.clone(),
        Effect::Planned => format!("{name}?"),
        Effect::StillHeld => format!("{name}!"),
        Effect::HeldBack => format!("{name}~"),
    });
    Ok(words.collect::<Vec<_>>().join(" "))
}

#[test]
fn an_answer_says_what_was_done_to_whom_and_what_was_so_already() {
    let mut desk = Desk::new(&stepwise());
    desk.run(20_000, |_| ProbeResult::Pass);
    for (action, scope, expected) in [
        (Action::Drain, "m1", "m1+"),
        (Action::Drain, "r0", "m0+ m1"),
        (Action::Drain, "p1", "m0 m1 m2+ m3+"),
        (Action::Undrain, "m3", "m3!"),
        (Action::Undrain, "r0", "m0! m1!"),
        (Action::Undrain, "p1", "m0+ m1! m2+ m3+"),
        (Action::Undrain, "m1", "m1+"),
        (Action::Undrain, "m1", "m1"),
    ] {
        let found = told(&mut desk, action, scope);
        assert_eq!(found.as_deref(), Ok(expected), "{action:?} {scope}");
    }
    assert_eq!(carried_out(&desk).len(), 5, "the others changed nothing");
}

#[test]
fn an_order_for_a_name_that_means_nothing_is_refused() {
    let bare = TestPlan {
        regions: 3,
        ..test_plan(2)
    };
    let mut desk = Desk::new(&bare);
    for action in [Action::Drain, Action::Undrain, Action::Approve] {
        assert_eq!(told(&mut desk, action, "r2"), Err(Refused::NoEndpoints));
        let Err(Refused::Unknown(unknown)) = told(&mut desk, action, "m77") else {
            panic!("nothing is called so")
        };
        assert_eq!(unknown.name, "m77");
    }
}

#[test]
fn the_answer_comes_before_all_that_follows_from_the_order() {
    let mut desk = Desk::new(&stepwise());
    desk.run(20_000, |_| ProbeResult::Pass);
    let input = order(Action::Drain, "r0");
    desk.engine.handle(desk.now, input);
    let first = desk.engine.poll();
    assert!(matches!(first, Some(Output::Ordered(..))), "{first:?}");
    let second = desk.engine.poll();
    assert!(
        matches!(second, Some(Output::Notice(Notice::Ordered { .. }))),
        "{second:?}"
    );
}

/// Two machines per region, drained by steps of 50 % and 10 %.
pub(super) fn stepwise() -> TestPlan {
    TestPlan {
        steps: [100, 500, 1000].map(Permille).to_vec(),
        ..test_plan(2)
    }
}

/// The orders that were carried out: what, and for which endpoints.
fn carried_out(desk: &Desk) -> Vec<(Action, String)> {
    let orders = desk.notices.iter().filter_map(|notice| {
        let Notice::Ordered {
            action,
            endpoints,
            author,
            reason,
            ..
        } = notice
        else {
            return None;
        };
        assert_eq!((&**author, &**reason), ("ada", "new disks"));
        Some((*action, endpoints.join(" ")))
    });
    orders.collect()
}

#[test]
fn a_drain_goes_down_by_steps_and_an_undrain_up_again() {
    let mut desk = Desk::new(&stepwise());
    desk.run(20_000, |_| ProbeResult::Pass);
    desk.handle(20_001, order(Action::Drain, "m0"));
    desk.handle(20_002, order(Action::Drain, "m0"));
    let mut seen = Vec::new();
    for end in [20_200, 30_200, 40_200, 90_000] {
        desk.run(end, |_| ProbeResult::Pass);
        seen.push(desk.shares()[0]);
    }
    assert_eq!(seen, [500, 100, 0, 0]);
    let status = desk.engine.status(desk.now);
    let endpoint = &status.regions[0].endpoints[0];
    assert_eq!(endpoint.targets[0].state, "drained");
    let drain = endpoint.drain.as_ref().unwrap();
    assert_eq!(
        (&*drain.author, drain.since_ms),
        ("ada", desk.now.0 - 20_001)
    );
    desk.handle(90_001, order(Action::Undrain, "m0"));
    let mut seen = Vec::new();
    for end in [90_200, 100_200, 110_200] {
        desk.run(end, |_| ProbeResult::Pass);
        seen.push(desk.shares()[0]);
    }
    assert_eq!(seen, [100, 500, 1000]);
    let expected = [Action::Drain, Action::Undrain].map(|action| (action, "m0".to_owned()));
    assert_eq!(carried_out(&desk), expected, "once each");
}

#[test]
fn an_order_for_a_region_that_leaves_nobody_is_published_at_once() {
    let mut abrupt = test_plan(2);
    abrupt.steps = vec![Permille::FULL];
    let mut desk = Desk::new(&abrupt);
    desk.run(20_000, |_| ProbeResult::Pass);
    desk.handle(20_001, order(Action::Drain, "r0"));
    assert_eq!(desk.tables.last().unwrap().0.0, 20_001);
    assert_eq!(desk.shares(), [0, 0, 1000, 1000]);
}

#[test]
fn an_order_for_nothing_that_there_is_does_nothing() {
    let mut desk = Desk::new(&test_plan(2));
    desk.run(20_000, |_| ProbeResult::Pass);
    let tables = desk.tables.len();
    for action in [Action::Drain, Action::Undrain, Action::Approve] {
        desk.handle(20_001, order(action, "nowhere"));
    }
    desk.handle(20_001, order(Action::Undrain, "m0"));
    desk.handle(20_001, order(Action::Approve, "m0"));
    desk.run(21_000, |_| ProbeResult::Pass);
    assert_eq!((desk.tables.len(), carried_out(&desk)), (tables, vec![]));
}

#[test]
fn a_drain_outlives_a_reload_and_health_goes_on_beneath_it() {
    let mut test_plan = stepwise();
    let mut desk = Desk::new(&test_plan);
    desk.run(20_000, |_| ProbeResult::Pass);
    desk.handle(20_001, order(Action::Drain, "m0"));
    desk.run(50_000, |_| ProbeResult::Pass);
    test_plan.edition += 1;
    test_plan.machines[1].weight = 3;
    desk.handle(
        50_001,
        Input::Reload(test_plan.plan(), std::sync::Arc::default()),
    );
    assert_eq!(desk.shares(), [0, 1000, 1000, 1000]);
    let state = |desk: &Desk| {
        let status = desk.engine.status(desk.now);
        status.regions[0].endpoints[0].targets[0].state.clone()
    };
    desk.run(
        80_000,
        |slot| if slot.0 == 0 { FAIL } else { ProbeResult::Pass },
    );
    assert_eq!(state(&desk), "down");
    desk.run(150_000, |_| ProbeResult::Pass);
    assert_eq!((&*state(&desk), desk.shares()[0]), ("drained", 0));
}

#[test]
fn what_is_drained_and_dies_uses_up_nothing_of_the_bound() {
    let mut bounded = test_plan(2);
    bounded.guard.max_ejected = Permille(250);
    for (drained, expected) in [(false, [0, 1000]), (true, [0, 0])] {
        let mut desk = Desk::new(&bounded);
        desk.run(20_000, |_| ProbeResult::Pass);
        if drained {
            desk.handle(20_001, order(Action::Drain, "m0"));
        }
        desk.run(
            50_000,
            |slot| if slot.0 == 0 { FAIL } else { ProbeResult::Pass },
        );
        desk.run(
            80_000,
            |slot| if slot.0 < 2 { FAIL } else { ProbeResult::Pass },
        );
        assert_eq!(desk.shares()[..2], expected, "drained: {drained}");
    }
}

#[test]
fn what_the_bound_holds_back_goes_by_an_order_at_once() {
    let mut bounded = test_plan(2);
    bounded.guard.max_ejected = Permille(200);
    let fails = |slot: SlotId| if slot.0 == 0 { FAIL } else { ProbeResult::Pass };
    let mut desk = Desk::new(&bounded);
    desk.run(20_000, |_| ProbeResult::Pass);
    desk.run(50_000, fails);
    assert!(desk.engine.status(desk.now).capped);
    assert_eq!(desk.shares()[0], 1000);
    desk.handle(50_001, order(Action::Drain, "m0"));
    desk.run(50_200, fails);
    assert_eq!(desk.shares()[0], 0);
    assert!(!desk.engine.status(desk.now).capped);
}

#[test]
fn with_everything_drained_clients_are_answered_all_the_same() {
    let mut desk = Desk::new(&stepwise());
    desk.run(20_000, |_| ProbeResult::Pass);
    for region in ["r0", "r1"] {
        desk.handle(20_001, order(Action::Drain, region));
    }
    desk.run(60_000, |_| ProbeResult::Pass);
    assert_eq!(desk.shares(), [0; 4]);
    let table = desk.engine.table();
    for class in 0..2 {
        let found = table.select(ServiceId(0), Family::V4, ClassId(class), 7);
        let found = found.unwrap();
        assert_eq!((found.endpoints.len(), found.reason), (1, Reason::FailOpen));
    }
}

#[test]
fn a_return_that_needs_a_word_waits_for_it() {
    let mut asking = test_plan(2);
    asking.services[0].gating = Gating::Gated;
    asking.patience.approval = Approval::Needed;
    let pattern = asking.machines[0].clone();
    asking.machines = (0..4)
        .map(|number| TestEndpoint {
            number,
            region: number / 2,
            ..pattern.clone()
        })
        .collect();
    let mut desk = Desk::new(&asking);
    // Each machine has its own slot and then that of its gate.
    let dead = |slot: SlotId| if slot.0 == 0 { FAIL } else { ProbeResult::Pass };
    desk.run(20_000, |_| ProbeResult::Pass);
    desk.run(40_000, dead);
    let states = [("m0", "down"), ("m1", "healthy")];
    let states = states.map(|(name, state)| (name.to_owned(), [state].into()));
    let refused = Err(Refused::NothingWaits(states.to_vec()));
    assert_eq!(told(&mut desk, Action::Approve, "r0"), refused);
    assert_eq!(carried_out(&desk), [], "nobody vouches for what is down");
    desk.run(90_000, |_| ProbeResult::Pass);
    let target = |desk: &Desk| {
        let status = desk.engine.status(desk.now);
        status.regions[0].endpoints[0].targets[0].clone()
    };
    let waiting = target(&desk);
    assert_eq!(
        (&*waiting.state, waiting.wants_approval),
        ("unapproved", true)
    );
    let found = told(&mut desk, Action::Approve, "r0");
    assert_eq!(found.as_deref(), Ok("m0+"), "and for no other");
    assert_eq!(carried_out(&desk), [(Action::Approve, "m0".to_owned())]);
    desk.run(90_200, |_| ProbeResult::Pass);
    let ramping = target(&desk);
    assert_eq!(
        (&*ramping.state, ramping.wants_approval),
        ("ramping", false)
    );
    desk.run(110_000, dead);
    desk.run(170_000, |_| ProbeResult::Pass);
    assert_eq!(
        target(&desk).state,
        "unapproved",
        "each return needs its own"
    );
}
