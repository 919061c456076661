//! What the guards keep, what they let go, and that they are not the outage themselves.
use waypost::base::{ClassId, Family, Moment, Permille, Reason, ServiceId, SlotId, Span};
use waypost::engine::Notice;
use waypost::engine::notice::Sense;
use waypost::health::ProbeResult;
use waypost::plan::Guard;
use waypost::sim::TestPlan;
use waypost::sim::test_plan::{Probing, TestEndpoint};

use super::desk::{Desk, FAIL, test_plan};

/// Four regions of three machines, probed and guarded as a config has it that says nothing of either.
fn by_default(canaries: u16) -> TestPlan {
    let plain = test_plan(3);
    let pattern = plain.machines[0].clone();
    let machines = (0..12).map(|number| TestEndpoint {
        number,
        region: number / 3,
        ..pattern.clone()
    });
    TestPlan {
        regions: 4,
        machines: machines.collect(),
        probing: Probing {
            interval: Span(5000),
            near_interval: Span(2500),
            timeout: Span(2000),
            fall: 3,
            rise: 3,
            slow_after: None,
            degraded: None,
        },
        guard: Guard::DEFAULT,
        canaries,
        ..plain
    }
}

fn passes_if(passes: bool) -> ProbeResult {
    if passes { ProbeResult::Pass } else { FAIL }
}

/// The notices of doubt: whether it began, and why.
fn doubts(desk: &Desk) -> Vec<(bool, Sense)> {
    let doubts = desk.notices.iter().filter_map(|notice| {
        let Notice::Doubt {
            active, because, ..
        } = notice
        else {
            return None;
        };
        Some((*active, *because))
    });
    doubts.collect()
}

/// The notices of the bound on ejections: whether it was reached, and what was out.
fn caps(desk: &Desk) -> Vec<(bool, u16)> {
    let caps = desk.notices.iter().filter_map(|notice| {
        let Notice::Capped {
            active,
            ejected_permille,
        } = notice
        else {
            return None;
        };
        Some((*active, *ejected_permille))
    });
    caps.collect()
}

#[test]
fn with_defaults_a_real_loss_of_all_regions_but_one_moves_everyone_within_seconds() {
    // Without canaries it is the survivor, sound as a whole, that shows that the node can see; with
    // canaries one of the survivor's own machines may be failing as well.
    for (canaries, survivors) in [(0, 9..12), (3, 9..12), (3, 9..10)] {
        let mut desk = Desk::new(&by_default(canaries));
        desk.run(60_000, |_| ProbeResult::Pass);
        desk.run(75_000, |slot| {
            passes_if(slot.0 >= 12 || survivors.contains(&slot.0))
        });
        let expected: Vec<u16> = (0..12)
            .map(|number| if survivors.contains(&number) { 1000 } else { 0 })
            .collect();
        assert_eq!(desk.shares(), expected, "{canaries} canaries");
        assert_eq!(doubts(&desk), [], "{canaries} canaries");
        let table = desk.engine.table();
        for class in 0..4 {
            for cohort in [0, 333, 999] {
                let found = table.select(ServiceId(0), Family::V4, ClassId(class), cohort);
                let found = found.unwrap();
                let own = found.endpoints.iter().map(|id| id.0);
                assert!(
                    own.clone().all(|id| survivors.contains(&id)),
                    "class {class}"
                );
                assert_ne!(found.reason, Reason::FailOpen);
            }
        }
    }
}

#[test]
fn with_canaries_that_pass_a_loss_of_everything_is_believed_and_comes_back_by_the_ramp() {
    for (canaries, share) in [(0, 1000), (3, 100)] {
        let mut desk = Desk::new(&by_default(canaries));
        desk.run(60_000, |_| ProbeResult::Pass);
        desk.run(80_000, |slot| passes_if(slot.0 >= 12));
        assert_eq!(desk.shares(), [0; 12]);
        assert!(
            doubts(&desk)
                .iter()
                .all(|(active, _)| canaries == 0 || !active)
        );
        desk.run(89_000, |_| ProbeResult::Pass);
        let shares = desk.shares();
        assert!(shares.contains(&share), "{canaries} canaries: {shares:?}");
    }
}

#[test]
fn while_most_canaries_fail_nothing_leaves_and_it_thaws_by_itself() {
    let mut desk = Desk::new(&by_default(3));
    desk.run(60_000, |_| ProbeResult::Pass);
    // One canary passes, and so does all of the last region: without canaries that would be proof.
    desk.run(90_000, |slot| {
        passes_if(slot.0 >= 14 || (9..12).contains(&slot.0))
    });
    assert_eq!(desk.shares(), [1000; 12]);
    assert_eq!(doubts(&desk), [(true, Sense::CanariesFail)]);
    let status = desk.engine.status(desk.now);
    assert_eq!((status.doubting, &*status.doubt), (true, "canaries_fail"));
    assert_eq!(status.canaries.len(), 3);
    assert_eq!(status.regions[0].endpoints[0].targets[0].state, "doubted");
    // The canaries are well again, the first machine is not.
    desk.run(110_000, |slot| passes_if(slot.0 != 0));
    let mut expected = [1000; 12];
    expected[0] = 0;
    assert_eq!(desk.shares(), expected, "the others never left");
    let thawed = (false, Sense::ProbesPass);
    assert_eq!(doubts(&desk).last(), Some(&thawed));
}

#[test]
fn of_what_falls_at_once_a_part_leaves_per_interval() {
    let mut bounded = test_plan(5);
    bounded.guard.max_ejected_at_once = Permille(300);
    bounded.guard.ejection_interval = Span(60_000);
    let mut desk = Desk::new(&bounded);
    desk.run(20_000, |_| ProbeResult::Pass);
    let dies = |slot: SlotId| passes_if(slot.0 >= 5);
    desk.run(50_000, dies);
    let out = |desk: &Desk| desk.shares().iter().filter(|share| **share == 0).count();
    assert_eq!(out(&desk), 3);
    assert_eq!(caps(&desk), [(true, 300)]);
    assert!(desk.engine.status(desk.now).capped);
    desk.run(78_000, dies);
    assert_eq!(out(&desk), 3, "within the interval");
    desk.run(100_000, dies);
    assert_eq!(out(&desk), 5);
    assert_eq!(caps(&desk), [(true, 300), (false, 500)]);
}

#[test]
fn nothing_more_leaves_than_the_bound_of_capacity() {
    let mut bounded = test_plan(2);
    for (machine, capacity) in bounded.machines.iter_mut().zip([60, 20, 15, 5]) {
        machine.capacity = Some(capacity);
    }
    bounded.guard.max_ejected = Permille(400);
    let mut desk = Desk::new(&bounded);
    desk.run(20_000, |_| ProbeResult::Pass);
    desk.run(40_000, |slot| passes_if(slot.0 != 0));
    assert_eq!(desk.shares(), [1000; 4], "more than half in one machine");
    assert_eq!(caps(&desk), [(true, 0)]);
    let state = &desk.engine.status(desk.now).regions[0].endpoints[0].targets[0].state;
    assert_eq!(state, "capped");
    desk.run(60_000, |slot| passes_if(slot.0 > 1));
    assert_eq!(desk.shares(), [1000, 0, 1000, 1000], "a lighter one fits");
    assert!(desk.now <= Moment(60_000));
}
