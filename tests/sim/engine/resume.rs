//! A start with what another process knew.
use std::sync::Arc;

use waypost::base::{Moment, Permille, Span, limits};
use waypost::engine::order::{Action, Effect};
use waypost::engine::{Engine, Input, Keep, Order, OrderId, Snapshot};
use waypost::health::ProbeResult;
use waypost::plan::{Approval, Guard};
use waypost::sim::TestPlan;
use waypost::sim::test_plan::{Gating, Patience};

use super::desk::{Desk, FAIL, test_plan};

/// The words of all standings.
fn words(desk: &Desk) -> Vec<&'static str> {
    let standings = desk.tables.last().unwrap().1.standings.iter();
    standings.map(|standing| standing.why.word()).collect()
}

/// What is kept, through its text and back.
fn kept(desk: &Desk) -> Snapshot {
    let text = serde_json::to_string(&desk.engine.snapshot(desk.now)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Another process with what this one knew, so many milliseconds later; its first table is the last one here.
fn restarted(desk: &Desk, test_plan: &TestPlan, away: u64) -> Desk {
    let snapshot = kept(desk);
    let now = desk.now.after(Span(away));
    let engine = Engine::resume((test_plan.plan(), Arc::default()), &snapshot, now, 43);
    Desk::on(engine, now)
}

fn order(desk: &mut Desk, action: Action, scope: &str) {
    let order = Order {
        action,
        scope: scope.to_owned(),
        author: "ada".to_owned(),
        reason: "a test".to_owned(),
    };
    desk.handle(desk.now.0, Input::Order(OrderId(1), order.insisted()));
    let (_, result) = desk.answers.last().unwrap();
    assert!(!result.as_ref().unwrap().with(Effect::Changed).is_empty());
}

/// One machine (the first of four) has been down and is back: what its return waits for is not over.
fn returning(test_plan: &TestPlan) -> Desk {
    let mut desk = Desk::new(test_plan);
    let slots = test_plan.plan().slots.clone();
    desk.run(20_000, |slot| {
        match slots[slot.index()].key.starts_with("m0/") {
            true => FAIL,
            false => ProbeResult::Pass,
        }
    });
    assert_eq!(words(&desk)[0], "down");
    desk
}

#[test]
fn the_first_table_has_what_was_known() {
    let plan = test_plan(2);
    let desk = returning(&plan);
    let again = restarted(&desk, &plan, 60_000);
    assert_eq!(words(&again), words(&desk));
    assert_eq!(again.tables.len(), 1, "the first one");
    // What was down needs `rise` passes in a row, as if nothing had happened between.
    let mut again = restarted(&desk, &plan, 0);
    again.run(desk.now.0 + 1500, |_| ProbeResult::Pass);
    assert_eq!(words(&again)[0], "down", "one pass is not `rise` of them");
}

#[test]
fn what_is_too_old_is_unknown_and_never_down() {
    let plan = test_plan(2);
    let desk = returning(&plan);
    let again = restarted(&desk, &plan, limits::HEALTH_OUTDATED.0 + 30_000);
    assert_eq!(words(&again), ["unproven"; 4]);
    assert_eq!(again.shares(), [1000; 4]);
}

#[test]
fn a_gate_and_a_word_that_were_due_are_due_still() {
    let mut plan = test_plan(2);
    plan.services[0].gating = Gating::Gated;
    plan.patience = Patience {
        approval: Approval::Needed,
        ..plan.patience
    };
    let desk = returning(&plan);
    for away in [0, 60_000, limits::HEALTH_OUTDATED.0 + 30_000, u64::MAX / 4] {
        let mut again = restarted(&desk, &plan, away);
        assert_eq!(again.shares()[0], 0, "away for {away}");
        let start = again.now.0;
        again.run(start + 60_000, |_| ProbeResult::Pass);
        assert_eq!(words(&again)[0], "unapproved", "away for {away}");
        // And again, now that it waits for a word.
        let mut waiting = restarted(&again, &plan, away);
        let start = waiting.now.0;
        waiting.run(start + 60_000, |_| ProbeResult::Pass);
        assert_eq!(words(&waiting)[0], "unapproved", "away for {away}");
        assert_eq!(waiting.shares()[0], 0);
        order(&mut waiting, Action::Approve, "m0");
        // The word is kept.
        let mut approved = restarted(&waiting, &plan, 500);
        let start = approved.now.0;
        approved.run(start + 2000, |_| ProbeResult::Pass);
        assert_eq!(words(&approved)[0], "ramping");
    }
}

#[test]
fn a_ramp_goes_on_at_its_step_for_the_rest_of_it() {
    let mut plan = test_plan(2);
    plan.steps = [100, 300, 1000].map(Permille).to_vec();
    let mut desk = returning(&plan);
    desk.run(30_000, |_| ProbeResult::Pass);
    assert_eq!(words(&desk)[0], "ramping");
    let share = desk.shares()[0];
    let due = desk.tables.last().unwrap().1.standings[0].until.unwrap();
    let rest = due.since(desk.now).0;
    assert!(rest > 2000 && share < 1000);
    for away in [1, 9_999, 10_000_000] {
        let mut again = restarted(&desk, &plan, away);
        assert_eq!(again.shares()[0], share, "away for {away}");
        let start = again.now.0;
        again.run(start + rest - 200, |_| ProbeResult::Pass);
        assert_eq!(again.shares()[0], share, "not ahead, away for {away}");
        again.run(start + rest + 200, |_| ProbeResult::Pass);
        assert!(again.shares()[0] > share, "away for {away}");
    }
}

#[test]
fn a_hold_lasts_as_much_longer_as_nobody_watched() {
    let mut plan = test_plan(2);
    plan.patience = Patience {
        delay: Span(30_000),
        ..plan.patience
    };
    let mut desk = returning(&plan);
    desk.run(30_000, |_| ProbeResult::Pass);
    assert_eq!(words(&desk)[0], "held");
    let rest = desk.tables.last().unwrap().1.standings[0].until.unwrap();
    let rest = rest.since(desk.now).0;
    let mut again = restarted(&desk, &plan, 3_600_000);
    let start = again.now.0;
    again.run(start + rest - 200, |_| ProbeResult::Pass);
    assert_eq!(words(&again)[0], "held");
    again.run(start + rest + 200, |_| ProbeResult::Pass);
    assert_eq!(words(&again)[0], "ramping");
}

#[test]
fn orders_hold_and_drains_go_on() {
    let plan = test_plan(2);
    let mut desk = Desk::new(&plan);
    desk.run(10_000, |_| ProbeResult::Pass);
    order(&mut desk, Action::Drain, "m1");
    let given = desk.now;
    let mut again = restarted(&desk, &plan, 60_000);
    assert_eq!(again.shares(), [1000, 100, 1000, 1000], "at its step");
    let start = again.now.0;
    again.run(start + 9000, |_| ProbeResult::Pass);
    assert_eq!(again.shares()[1], 100, "the step is not over");
    again.run(start + 11_000, |_| ProbeResult::Pass);
    assert_eq!(again.shares()[1], 0);
    let status = again.engine.status(again.now);
    let drained = &status.regions[0].endpoints[1];
    let drain = drained.drain.as_ref().unwrap();
    assert_eq!((&*drain.author, &*drain.reason), ("ada", "a test"));
    assert_eq!(drain.since_ms, again.now.since(given).0);
    order(&mut again, Action::Undrain, "m1");
    let again = restarted(&again, &plan, 1);
    assert_eq!(again.shares()[1], 100, "on its way back");
}

#[test]
fn what_another_plan_does_not_have_is_dropped_and_what_is_new_starts_unproven() {
    let mut plan = test_plan(2);
    let desk = returning(&plan);
    let gone = plan.machines.remove(1);
    plan.machines.push(waypost::sim::test_plan::TestEndpoint {
        number: 9,
        region: 0,
        ..gone
    });
    let again = restarted(&desk, &plan, 1000);
    assert_eq!(words(&again), ["down", "healthy", "healthy", "unproven"]);
}

#[test]
fn what_was_kept_by_the_guard_is_kept_still() {
    let mut plan = test_plan(2);
    plan.guard = Guard {
        max_ejected: Permille(250),
        ..plan.guard
    };
    let mut desk = Desk::new(&plan);
    desk.run(10_000, |_| ProbeResult::Pass);
    desk.run(30_000, |slot| match slot.0 {
        0 | 1 => FAIL,
        _ => ProbeResult::Pass,
    });
    let before = words(&desk);
    assert!(
        before.contains(&"down") && before.contains(&"capped"),
        "{before:?}"
    );
    assert_eq!(words(&restarted(&desk, &plan, 5000)), before);
}

#[test]
fn only_what_has_changed_is_given_to_be_kept() {
    let plan = test_plan(2);
    let mut desk = Desk::new(&plan);
    let Some(Keep::Whole(mut known)) = desk.engine.changes(desk.now) else {
        panic!("everything at first");
    };
    assert_eq!(desk.engine.changes(desk.now), None);
    for end in 1..120 {
        desk.run(end * 1000, |slot| match (slot.0, end) {
            (0, 30..60) => FAIL,
            _ => ProbeResult::Pass,
        });
        if end == 70 {
            order(&mut desk, Action::Drain, "m2");
        }
        match desk.engine.changes(Moment(end * 1000)) {
            None => {}
            Some(Keep::Part(part)) => known.add(part),
            Some(Keep::Whole(_)) => panic!("{end}: nothing was reloaded"),
        }
        let now = desk.engine.snapshot(Moment(end * 1000));
        assert_eq!((&known.targets, &known.orders), (&now.targets, &now.orders));
        for (key, slot) in &now.slots {
            let kept = &known.slots[key];
            assert_eq!(kept.state(), slot.state(), "{end}: {key}");
            let seen = |slot: &waypost::health::slot::SlotHealth| slot.last().map(|(at, _)| at.0);
            assert!(seen(kept).unwrap_or(0) + 12_000 > seen(slot).unwrap_or(0));
        }
    }
    desk.handle(120_000, Input::Reload(plan.plan(), Arc::default()));
    assert!(matches!(
        desk.engine.changes(desk.now),
        Some(Keep::Whole(_))
    ));
}

/// The scopes of the orders that have ended, last first.
fn history(desk: &Desk) -> Vec<String> {
    let past = desk.engine.orders(desk.now).past.into_iter();
    past.map(|past| past.record.order.scope).collect()
}

#[test]
fn the_history_of_orders_is_kept_in_parts() {
    let plan = test_plan(2);
    let mut desk = Desk::new(&plan);
    desk.run(5_000, |_| ProbeResult::Pass);
    let Some(Keep::Whole(mut kept)) = desk.engine.changes(desk.now) else {
        panic!("everything is given at first");
    };
    for scope in ["m0", "m1", "m2"] {
        order(&mut desk, Action::Drain, scope);
        order(&mut desk, Action::Undrain, scope);
        let Some(Keep::Part(part)) = desk.engine.changes(desk.now) else {
            panic!("an order that ended is worth keeping");
        };
        assert_eq!(part.past.len(), 1, "{scope}: only what is new");
        kept.add(part);
    }
    let start = |kept: &Snapshot, now| {
        let engine = Engine::resume((plan.plan(), Arc::default()), kept, now, 43);
        Desk::on(engine, now)
    };
    let mut again = start(&kept, desk.now.after(Span(60_000)));
    assert_eq!(history(&again), ["m2", "m1", "m0"]);
    order(&mut again, Action::Drain, "m3");
    order(&mut again, Action::Undrain, "m3");
    let again = start(&self::kept(&again), again.now);
    assert_eq!(history(&again), ["m3", "m2", "m1", "m0"]);
    let much_later = again.now.after(limits::ORDERS_PAST_AGE).after(Span(1));
    let again = start(&self::kept(&again), much_later);
    assert!(history(&again).is_empty(), "each has its age");
}
