//! Several orders at once: who is out while any holds it, when orders begin and end, and overrides.
use waypost::base::limits::{OVERRIDE_DEFAULT, OVERRIDE_LONGEST};
use waypost::base::{Moment, Permille, Span};
use waypost::engine::order::{Action, ClientLoss, Consent, Order, OrderEnd, Override, Refused};
use waypost::engine::{Engine, Input, Notice, OrderId, OrderRequest};
use waypost::health::ProbeResult;

use super::desk::{Desk, FAIL, test_plan};
use super::orders::{stepwise, words};

fn request(action: Action, scope: &str, author: &str) -> OrderRequest {
    let order = Order {
        action,
        scope: scope.to_owned(),
        author: author.to_owned(),
        reason: String::new(),
    };
    order.insisted()
}

fn between(request: OrderRequest, from: Option<u64>, until: Option<u64>) -> OrderRequest {
    OrderRequest {
        from: from.map(Moment),
        until: until.map(Moment),
        ..request
    }
}

/// Gives an order a moment later, and says what is answered.
fn told(desk: &mut Desk, request: OrderRequest) -> Result<String, Refused> {
    desk.answers.clear();
    desk.handle(desk.now.0 + 1, Input::Order(OrderId(7), request));
    words(desk)
}

fn started() -> Desk {
    let mut desk = Desk::new(&stepwise());
    desk.run(20_000, |_| ProbeResult::Pass);
    desk
}

fn shares_at(desk: &mut Desk, moments: &[u64]) -> Vec<u16> {
    let shares = moments.iter().map(|end| {
        desk.run(*end, |_| ProbeResult::Pass);
        desk.shares()[0]
    });
    shares.collect()
}

fn states(desk: &Desk) -> Vec<String> {
    let status = desk.engine.status(desk.now);
    let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    endpoints.map(|one| one.targets[0].state.clone()).collect()
}

#[test]
fn an_endpoint_is_out_until_the_last_order_for_it_is_lifted() {
    let mut desk = started();
    let ada = request(Action::Drain, "m0", "ada");
    let bob = request(Action::Drain, "r0", "bob");
    assert_eq!(told(&mut desk, ada).as_deref(), Ok("m0+"));
    assert_eq!(told(&mut desk, bob).as_deref(), Ok("m0 m1+"));
    assert_eq!(shares_at(&mut desk, &[60_000]), [0]);
    assert_eq!(states(&desk)[..2], ["drained", "drained"]);
    let eve = request(Action::Undrain, "r0", "eve");
    assert_eq!(told(&mut desk, eve).as_deref(), Ok("m0! m1+"));
    let executed = desk.answers[0].1.clone().unwrap();
    let lifted = executed.ended.iter().map(|one| one.order.author.as_str());
    assert_eq!(lifted.collect::<Vec<_>>(), ["bob"]);
    let [(other, names)] = &executed.others[..] else {
        panic!("one order holds: {executed:?}")
    };
    assert_eq!((&*other.order.author, &*other.order.scope), ("ada", "m0"));
    assert_eq!(names, &["m0"]);
    assert_eq!(states(&desk)[..2], ["drained", "returning"]);
    assert_eq!(shares_at(&mut desk, &[100_000]), [0], "ada's order holds");
    assert_eq!(desk.shares(), [0, 1000, 1000, 1000]);
    let ada = request(Action::Undrain, "m0", "ada");
    assert_eq!(told(&mut desk, ada).as_deref(), Ok("m0+"));
    let back = shares_at(&mut desk, &[100_200, 110_200, 120_200]);
    assert_eq!(back, [100, 500, 1000]);
    let book = desk.engine.orders(desk.now);
    assert_eq!(book.held, []);
    let past = book.past.iter().map(|past| match &past.end {
        OrderEnd::Lifted { by, .. } => (past.record.order.author.as_str(), by.as_str()),
        other => panic!("lifted: {other:?}"),
    });
    assert_eq!(past.collect::<Vec<_>>(), [("ada", "ada"), ("bob", "eve")]);
}

#[test]
fn an_order_begins_and_ends_by_itself_and_gradually() {
    let mut desk = started();
    let drain = request(Action::Drain, "m0", "ada");
    let planned = between(drain, Some(40_000), Some(80_000));
    assert_eq!(told(&mut desk, planned).as_deref(), Ok("m0?"));
    assert!(!desk.engine.orders(desk.now).held[0].in_force);
    let found = shares_at(&mut desk, &[39_900, 40_200, 50_200, 60_200, 79_900]);
    assert_eq!(found, [1000, 500, 100, 0, 0]);
    assert!(desk.engine.orders(desk.now).held[0].in_force);
    let found = shares_at(&mut desk, &[80_200, 90_200, 100_200]);
    assert_eq!(found, [100, 500, 1000]);
    let due = desk.notices.iter().filter_map(|notice| match notice {
        Notice::OrderDue {
            began, endpoints, ..
        } => Some((*began, endpoints.join(" "))),
        _ => None,
    });
    let due: Vec<_> = due.collect();
    assert_eq!(due, [(true, "m0".to_owned()), (false, "m0".to_owned())]);
    let book = desk.engine.orders(desk.now);
    let past: Vec<_> = book
        .past
        .iter()
        .map(|past| (past.ended, &past.end))
        .collect();
    assert_eq!(past, [(Moment(80_000), &OrderEnd::Expired)]);
    let over = between(request(Action::Drain, "m0", "ada"), None, Some(7));
    assert_eq!(told(&mut desk, over), Err(Refused::NoTime));
}

#[test]
fn an_order_that_expires_leaves_out_what_another_holds() {
    let mut desk = started();
    let short = between(request(Action::Drain, "r0", "bob"), None, Some(60_000));
    assert_eq!(told(&mut desk, short).as_deref(), Ok("m0+ m1+"));
    let ada = request(Action::Drain, "m0", "ada");
    assert_eq!(told(&mut desk, ada).as_deref(), Ok("m0"));
    desk.run(120_000, |_| ProbeResult::Pass);
    assert_eq!(desk.shares(), [0, 1000, 1000, 1000]);
}

#[test]
fn an_order_for_a_region_takes_what_comes_into_it_and_is_kept_for_what_is_gone() {
    let mut plan = stepwise();
    let mut desk = Desk::new(&plan);
    desk.run(20_000, |_| ProbeResult::Pass);
    told(&mut desk, request(Action::Drain, "r0", "ada")).unwrap();
    told(&mut desk, request(Action::Drain, "m3", "bob")).unwrap();
    desk.run(60_000, |_| ProbeResult::Pass);
    let gone = plan.machines.pop().unwrap();
    let mut fresh = plan.machines[0].clone();
    fresh.number = 9;
    plan.machines.push(fresh);
    plan.edition += 1;
    desk.handle(
        60_001,
        Input::Reload(plan.plan(), std::sync::Arc::default()),
    );
    assert_eq!(desk.shares(), [0, 0, 1000, 0], "m9 is of r0");
    plan.machines.pop();
    plan.machines.push(gone);
    plan.edition += 1;
    desk.handle(
        60_002,
        Input::Reload(plan.plan(), std::sync::Arc::default()),
    );
    assert_eq!(desk.shares(), [0, 0, 1000, 0], "m3 is back, and out");
    plan.machines.pop();
    plan.edition += 1;
    desk.handle(
        60_003,
        Input::Reload(plan.plan(), std::sync::Arc::default()),
    );
    let lifted = told(&mut desk, request(Action::Undrain, "m3", "bob"));
    assert_eq!(lifted.as_deref(), Ok(""), "for a name that means nothing");
    assert_eq!(desk.engine.orders(desk.now).held.len(), 1);
}

#[test]
fn an_override_gives_what_probes_deny_and_takes_what_they_allow() {
    let mut desk = started();
    let dead = |slot: waypost::base::SlotId| if slot.0 == 0 { FAIL } else { ProbeResult::Pass };
    desk.run(40_000, dead);
    assert_eq!(desk.shares(), [0, 1000, 1000, 1000]);
    let up = request(Action::Force(Override::Up), "m0", "ada");
    assert_eq!(told(&mut desk, up).as_deref(), Ok("m0+"));
    desk.run(41_000, dead);
    assert_eq!((desk.shares()[0], &*states(&desk)[0]), (1000, "forced"));
    let half = Action::Force(Override::Share(Permille(300)));
    told(&mut desk, request(half, "r0", "bob")).unwrap();
    desk.run(42_000, dead);
    assert_eq!(desk.shares()[..2], [300, 300], "the least counts");
    told(
        &mut desk,
        request(Action::Force(Override::DOWN), "m1", "bob"),
    )
    .unwrap();
    desk.run(43_000, dead);
    assert_eq!(desk.shares()[..2], [300, 0]);
    let lift = told(&mut desk, request(Action::Lift, "m1", "bob"));
    assert_eq!(lift.as_deref(), Ok("m1+"), "from nothing to a share");
    desk.run(44_000, dead);
    assert_eq!(desk.shares()[..2], [300, 100], "by steps");
    desk.run(60_000, dead);
    assert_eq!(desk.shares()[..2], [300, 300]);
    told(&mut desk, request(Action::Lift, "m0", "ada")).unwrap();
    desk.run(61_000, dead);
    assert_eq!((desk.shares()[0], &*states(&desk)[0]), (0, "down"));
}

#[test]
fn an_override_ends_by_itself() {
    let mut desk = started();
    let now = desk.now.0 + 1;
    let down = request(Action::Force(Override::DOWN), "m0", "ada");
    told(&mut desk, down).unwrap();
    let held = desk.engine.orders(desk.now).held;
    let until = Moment(now).after(OVERRIDE_DEFAULT);
    assert_eq!(held[0].record.until, Some(until));
    desk.run(now + 1000, |_| ProbeResult::Pass);
    assert_eq!((desk.shares()[0], &*states(&desk)[0]), (0, "forced"));
    let end = until.0;
    let found = shares_at(&mut desk, &[end - 1, end + 200, end + 10_200, end + 20_200]);
    assert_eq!(found, [0, 100, 500, 1000]);
    let long = desk.now.after(OVERRIDE_LONGEST).after(Span(10));
    let up = request(Action::Force(Override::Up), "m0", "ada");
    let found = told(&mut desk, between(up, None, Some(long.0)));
    assert_eq!(found, Err(Refused::TooLong));
}

#[test]
fn a_drain_that_does_damage_is_refused_unless_it_is_meant() {
    let mut desk = started();
    let careful = |scope: &str| OrderRequest {
        consent: Consent::Withheld,
        ..request(Action::Drain, scope, "ada")
    };
    assert_eq!(told(&mut desk, careful("m0")).as_deref(), Ok("m0+"));
    assert_eq!(told(&mut desk, careful("r1")).as_deref(), Ok("m2+ m3+"));
    let Err(Refused::Damaging(damage)) = told(&mut desk, careful("m1")) else {
        panic!("all others are out: {:?}", desk.answers)
    };
    let [
        ClientLoss::Stranded {
            service, prefer, ..
        },
    ] = &damage[..]
    else {
        panic!("{damage:?}")
    };
    assert_eq!(
        (&**service, &prefer[..]),
        ("s0", &["r0".to_owned(), "r1".to_owned()][..])
    );
    let sentence = damage[0].to_string();
    assert!(
        sentence.contains("s0 (v4) would have no healthy endpoint"),
        "{sentence}"
    );
    let forecast = desk
        .engine
        .forecast(desk.now, &careful("m1").order)
        .unwrap();
    assert_eq!(
        (forecast.endpoints, forecast.damage),
        (vec!["m1".to_owned()], damage)
    );
    assert_eq!(
        desk.engine.orders(desk.now).held.len(),
        2,
        "nothing was changed"
    );
    let meant = told(&mut desk, request(Action::Drain, "m1", "ada"));
    assert_eq!(meant.as_deref(), Ok("m1+"));
    assert_eq!(desk.answers[0].1.as_ref().unwrap().damage.len(), 1);
}

/// What fails and is only kept is nobody to rely on.
#[test]
fn a_drain_may_not_leave_clients_to_what_fails() {
    let mut bounded = test_plan(1);
    bounded.guard.max_ejected = Permille(0);
    let mut desk = Desk::new(&bounded);
    desk.run(20_000, |_| ProbeResult::Pass);
    let dead = |slot: waypost::base::SlotId| if slot.0 == 0 { FAIL } else { ProbeResult::Pass };
    desk.run(40_000, dead);
    assert_eq!((&*states(&desk)[0], desk.shares()[0]), ("capped", 1000));
    let careful = OrderRequest {
        consent: Consent::Withheld,
        ..request(Action::Drain, "m1", "ada")
    };
    assert!(matches!(
        told(&mut desk, careful),
        Err(Refused::Damaging(_))
    ));
}

#[test]
fn orders_are_taken_up_again_after_a_restart_where_they_were() {
    let mut desk = started();
    let drain =
        |scope: &str, from, until| between(request(Action::Drain, scope, "ada"), from, until);
    told(&mut desk, drain("m0", None, None)).unwrap();
    told(&mut desk, drain("m1", Some(200_000), Some(300_000))).unwrap();
    told(&mut desk, drain("m2", None, Some(50_000))).unwrap();
    told(
        &mut desk,
        request(Action::Force(Override::DOWN), "m3", "ada"),
    )
    .unwrap();
    let again = |desk: &Desk, away| {
        let snapshot = desk.engine.snapshot(desk.now);
        let plan = (stepwise().plan(), std::sync::Arc::default());
        let engine = Engine::resume(plan, &snapshot, desk.now.after(Span(away)), 1);
        let standings = engine.table().standings.iter();
        standings.map(|one| one.share.0).collect::<Vec<_>>()
    };
    for end in [30_100, 50_100, 60_100] {
        desk.run(end, |_| ProbeResult::Pass);
        assert_eq!(again(&desk, 0), desk.shares(), "at {end}");
    }
    assert_eq!(desk.shares(), [0, 1000, 500, 0]);
    let later = again(&desk, 150_000);
    assert_eq!(later, [0, 0, 500, 0], "m1 is to be out by now");
    let last = again(&desk, OVERRIDE_DEFAULT.0 * 2);
    assert_eq!(
        last,
        [0, 1000, 500, 100],
        "what has ended comes back by steps"
    );
}
