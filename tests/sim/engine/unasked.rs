//! Reports of slots that nobody has probed, and what they do to the schedule.
use waypost::base::{Cause, Moment, SlotId};
use waypost::engine::Input;
use waypost::health::ProbeResult;

use super::desk::{Desk, FAIL, report, test_plan};

/// The slot of m0.
const SLOT: SlotId = SlotId(0);

fn push(desk: &mut Desk, at: u64, outcome: ProbeResult) {
    desk.handle(at, Input::Reported(SLOT, report(outcome)));
}

/// When the slot was probed after `since`.
fn probed(desk: &Desk, since: u64) -> Vec<u64> {
    let own = desk.probes.iter();
    let own = own.filter(|(at, id)| id.slot == SLOT && at.0 > since);
    own.map(|(at, _)| at.0).collect()
}

#[test]
fn an_unasked_report_is_judged_as_any_other() {
    let mut desk = Desk::new(&test_plan(2));
    // The very first one decides at once, as the first probe would.
    push(&mut desk, 1, FAIL);
    desk.handle(200, Input::Tick);
    assert_eq!(desk.shares(), [0, 1000, 1000, 1000]);
    let mut desk = Desk::new(&test_plan(2));
    desk.run(20_000, |_| ProbeResult::Pass);
    push(&mut desk, 20_001, FAIL);
    desk.handle(20_200, Input::Tick);
    assert_eq!(desk.shares(), [1000; 4], "one failure of two");
    push(&mut desk, 20_201, FAIL);
    desk.handle(20_400, Input::Tick);
    assert_eq!(desk.shares(), [0, 1000, 1000, 1000]);
    for at in [20_500, 20_600] {
        push(&mut desk, at, ProbeResult::Pass);
    }
    desk.handle(20_800, Input::Tick);
    assert_eq!(desk.shares(), [100, 1000, 1000, 1000], "two passes of two");
    let status = desk.engine.status(Moment(21_000));
    let slot = &status.regions[0].endpoints[0].targets[0].slots[0];
    assert_eq!(slot.age_ms, Some(400), "and it is what was seen last");
}

#[test]
fn whoever_reports_in_time_is_not_looked_at() {
    let mut desk = Desk::new(&test_plan(2));
    desk.run(20_000, |_| ProbeResult::Pass);
    for at in (20_001..60_000).step_by(4000) {
        push(&mut desk, at, ProbeResult::Pass);
        desk.run(at + 3999, |_| ProbeResult::Pass);
    }
    let last = 56_001;
    let unneeded = probed(&desk, 20_000);
    assert!(unneeded.is_empty(), "every 4 s, of 5 s: {unneeded:?}");
    desk.run(70_000, |_| ProbeResult::Pass);
    let first = probed(&desk, 20_000)[0];
    let interval = last + 4500..=last + 5500;
    assert!(
        interval.contains(&first),
        "an interval after the last: {first}"
    );
}

#[test]
fn bad_news_brings_the_next_look_nearer() {
    let mut desk = Desk::new(&test_plan(2));
    desk.run(20_000, |_| ProbeResult::Pass);
    push(&mut desk, 20_001, FAIL);
    desk.run(23_000, |_| ProbeResult::Pass);
    let first = probed(&desk, 20_001)[0];
    assert!((20_901..=21_101).contains(&first), "{first}");
}

#[test]
fn a_probe_that_is_out_still_counts() {
    let mut desk = Desk::new(&test_plan(2));
    desk.run(20_000, |_| ProbeResult::Pass);
    let before = desk.probes.len();
    let out = loop {
        let wake = desk.engine.wake_at().unwrap();
        desk.handle(wake.0, Input::Tick);
        let mut new = desk.probes[before..].iter();
        if let Some((at, id)) = new.find(|(_, id)| id.slot == SLOT) {
            assert_eq!(*at, desk.now);
            break *id;
        }
    };
    let now = desk.now.0;
    push(&mut desk, now + 1, FAIL);
    // By then a look would be due if the one that is under way had been forgotten.
    desk.idle(now + 1900);
    assert_eq!(desk.engine.lost_probes(), 0);
    assert_eq!(desk.engine.slot_of(out), Some(SLOT));
    desk.report(now + 1950, out, FAIL);
    desk.handle(now + 2150, Input::Tick);
    assert_eq!(desk.shares()[0], 0, "one failure of each");
}

#[test]
fn what_says_nothing_or_is_of_no_slot_changes_nothing() {
    let mut desk = Desk::new(&test_plan(2));
    desk.run(20_000, |_| ProbeResult::Pass);
    for at in [20_001, 20_002, 20_003] {
        push(&mut desk, at, ProbeResult::Fail(Cause::Local));
        let nowhere = Input::Reported(SlotId(4), report(FAIL));
        desk.handle(at, nowhere);
    }
    desk.handle(20_200, Input::Tick);
    assert_eq!(desk.shares(), [1000; 4]);
}
