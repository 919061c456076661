//! What nobody looks at is told, once, and changes no answer.
use waypost::base::{Cause, SlotId};
use waypost::engine::{Input, Notice};
use waypost::health::ProbeResult;
use waypost::share::Sight;
use waypost::sim::TestPlan;

use super::desk::{Desk, test_plan};

const LOCAL: ProbeResult = ProbeResult::Fail(Cause::Local);

/// The notices of one address: whether it was unwatched, and for how long by then.
fn told(desk: &Desk, address: &str) -> Vec<(bool, u64)> {
    let notices = desk.notices.iter().filter_map(|notice| {
        let Notice::Unwatched {
            address: own,
            active,
            age_ms,
            ..
        } = notice
        else {
            return None;
        };
        (own == address).then_some((*active, *age_ms))
    });
    notices.collect()
}

fn address_of(desk: &Desk, slot: SlotId) -> String {
    let plan = &desk.engine.table().plan;
    plan.slots[slot.index()].address.to_string()
}

/// The states and the shares of the first endpoint, and whether it is unwatched.
fn first(desk: &Desk) -> (String, u16, bool) {
    let status = desk.engine.status(desk.now);
    let target = &status.regions[0].endpoints[0].targets[0];
    (
        target.state.clone(),
        target.share_permille,
        target.unwatched,
    )
}

#[test]
fn a_probe_that_never_runs_makes_its_slot_unwatched_and_no_other() {
    let mut desk = Desk::new(&test_plan(1));
    let blind = |slot: SlotId| {
        if slot.0 == 0 {
            LOCAL
        } else {
            ProbeResult::Pass
        }
    };
    desk.run(16_000, blind);
    assert!(
        desk.notices
            .iter()
            .all(|notice| !matches!(notice, Notice::Unwatched { .. }))
    );
    desk.run(60_000, blind);
    // Three intervals and a timeout.
    let address = address_of(&desk, SlotId(0));
    assert_eq!(told(&desk, &address), [(true, 17_000)]);
    assert_eq!(first(&desk), ("unwatched".to_owned(), 1000, true));
    let others = desk
        .notices
        .iter()
        .filter(|notice| matches!(notice, Notice::Unwatched { .. }));
    assert_eq!(others.count(), 1);
    desk.run(70_000, |_| ProbeResult::Pass);
    let told = told(&desk, &address);
    assert_eq!((told.len(), told[1].0), (2, false));
    assert_eq!(first(&desk), ("healthy".to_owned(), 1000, false));
}

#[test]
fn what_was_known_is_answered_while_nobody_looks() {
    let mut desk = Desk::new(&test_plan(2));
    desk.run(30_000, |slot| match slot.0 {
        0 => ProbeResult::Fail(Cause::Refused),
        _ => ProbeResult::Pass,
    });
    let shares = desk.shares();
    desk.run(120_000, |_| LOCAL);
    assert_eq!(desk.shares(), shares);
    assert_eq!(first(&desk), ("down".to_owned(), 0, true));
    let status = desk.engine.status(desk.now);
    let slot = &status.regions[0].endpoints[0].targets[0].slots[0];
    assert!(slot.unwatched && slot.age_ms.unwrap() > 80_000);
}

#[test]
fn a_probe_that_never_reports_is_no_look_and_a_reload_is_none() {
    let plan = test_plan(1);
    let mut desk = Desk::new(&plan);
    desk.run(10_000, |_| ProbeResult::Pass);
    desk.idle(60_000);
    let address = address_of(&desk, SlotId(0));
    assert_eq!(told(&desk, &address).len(), 1);
    desk.handle(60_001, Input::Reload(plan.plan(), Default::default()));
    desk.idle(120_000);
    assert_eq!(told(&desk, &address).len(), 1, "it is told once");
    assert_eq!(first(&desk), ("unwatched".to_owned(), 1000, true));
}

#[test]
fn canaries_that_nobody_can_look_at_do_not_pass() {
    let mut desk = Desk::new(&TestPlan {
        canaries: 3,
        ..test_plan(1)
    });
    let canaries = desk.engine.table().plan.canaries.clone();
    desk.run(60_000, |_| ProbeResult::Pass);
    assert_eq!(desk.engine.sight().1, Sight::Clear);
    let blind = |slots: &[SlotId], slot: SlotId| match slots.contains(&slot) {
        true => LOCAL,
        false => ProbeResult::Pass,
    };
    desk.run(120_000, |slot| blind(&canaries[..1], slot));
    assert_eq!(desk.engine.sight().1, Sight::Clear, "most are seen");
    desk.run(180_000, |slot| blind(&canaries[..2], slot));
    assert_eq!(desk.engine.sight().1, Sight::Poor);
    desk.run(240_000, |_| ProbeResult::Pass);
    assert_eq!(desk.engine.sight().1, Sight::Clear);
}
