//! What becomes of probes that are out while another plan comes.
use std::collections::BTreeMap;
use std::sync::Arc;

use waypost::base::{Cause, Moment, Span};
use waypost::engine::{Input, ProbeId};
use waypost::health::ProbeResult;
use waypost::plan::Plan;
use waypost::sim::TestPlan;

use super::desk::{Desk, FAIL, test_plan};

/// A desk whose probes take their time, under plans that come and go.
struct Course {
    desk: Desk,
    test_plan: TestPlan,
    plan: Arc<Plan>,
    started: usize,
    /// Reports to come: when, of which probe, of which endpoint.
    open: BTreeMap<(Moment, ProbeId), String>,
    /// Whose probes get no answer from now on.
    black_hole: Option<String>,
}

impl Course {
    fn new(test_plan: TestPlan) -> Self {
        Self {
            desk: Desk::new(&test_plan),
            plan: test_plan.plan(),
            test_plan,
            started: 0,
            open: BTreeMap::new(),
            black_hole: None,
        }
    }

    fn reload(&mut self, at: u64) {
        self.test_plan.edition += 1;
        self.plan = self.test_plan.plan();
        self.desk.handle(
            at,
            Input::Reload(self.plan.clone(), std::sync::Arc::default()),
        );
        self.begin_probes();
    }

    /// Until `end`: a probe passes in 5 ms, or fails after the whole timeout.
    fn run(&mut self, end: u64) {
        loop {
            let wake = self.desk.engine.wake_at().unwrap();
            let report = self.open.keys().next().copied();
            match report.filter(|(at, _)| *at <= wake) {
                Some(key @ (at, id)) if at.0 <= end => {
                    let endpoint = self.open.remove(&key).unwrap();
                    let lost = self.black_hole.as_ref() == Some(&endpoint);
                    let outcome = if lost {
                        ProbeResult::Fail(Cause::ConnectTimeout)
                    } else {
                        ProbeResult::Pass
                    };
                    self.desk.report(at.0, id, outcome);
                }
                None if wake.0 <= end => self.desk.handle(wake.0, Input::Tick),
                Some(_) | None => return,
            }
            self.begin_probes();
        }
    }

    fn begin_probes(&mut self) {
        for (at, id) in &self.desk.probes[self.started..] {
            let endpoint = self.plan.slots[id.slot.index()].endpoint.unwrap();
            let endpoint = self.plan.endpoints[endpoint.index()].name.clone();
            let takes = match self.black_hole.as_ref() == Some(&endpoint) {
                true => self.test_plan.probing.timeout,
                false => Span(5),
            };
            self.open.insert((at.after(takes), *id), endpoint);
        }
        self.started = self.desk.probes.len();
    }

    /// When `m1`, the second target, was first published as out.
    fn out_at(&self) -> Option<Moment> {
        let mut tables = self.desk.tables.iter();
        let out = tables.find(|(_, table)| table.standings[1].share.0 == 0);
        out.map(|(at, _)| *at)
    }
}

#[test]
fn reloads_faster_than_a_timeout_hide_no_black_hole() {
    // An interval with jitter until the next probe, then `fall` timeouts one after the other.
    let within = Span(5500 + 2 * 2000 + 100);
    for every in [u64::MAX, 1500, 700] {
        let mut course = Course::new(test_plan(2));
        course.run(20_000);
        course.black_hole = Some("m1".to_owned());
        let mut now = 20_000_u64;
        while now < 60_000 {
            now = now.saturating_add(every).min(60_000);
            course.run(now);
            course.reload(now);
        }
        let out_at = course.out_at();
        assert!(
            out_at.is_some_and(|at| at.since(Moment(20_000)) <= within),
            "reloads every {every} ms: out at {out_at:?}"
        );
        assert_eq!(course.desk.engine.lost_probes(), 0);
        let pace = course.desk.probes.iter().filter(|(at, _)| at.0 > 20_000);
        let most = 4 * 40_000 / 900;
        assert!(pace.count() < most, "reloads make nobody probe faster");
    }
}

/// An engine with all probes of the first second out, and their ids by slot number.
fn all_out() -> (Desk, TestPlan) {
    let test_plan = test_plan(2);
    let mut desk = Desk::new(&test_plan);
    desk.idle(1000);
    assert_eq!(desk.probes.len(), 4);
    (desk, test_plan)
}

fn probe_of(desk: &Desk, slot: u32) -> ProbeId {
    let mut probes = desk.probes.iter();
    let found = probes.find(|(_, id)| id.slot.0 == slot);
    found.unwrap().1
}

#[test]
fn a_report_goes_to_whom_it_is_about_under_whatever_number_now() {
    let (mut desk, mut test_plan) = all_out();
    let gone = test_plan.machines.remove(0);
    test_plan.edition += 1;
    desk.handle(
        1001,
        Input::Reload(test_plan.plan(), std::sync::Arc::default()),
    );
    // What is at the first place now is not what was there.
    desk.report(1002, probe_of(&desk, 0), FAIL);
    assert_eq!(desk.shares(), [1000, 1000, 1000], "{gone:?} is no more");
    desk.report(1003, probe_of(&desk, 2), FAIL);
    desk.handle(1200, Input::Tick);
    assert_eq!(desk.shares(), [1000, 0, 1000], "m2, the second now");
    // A report counts once, and not again for whoever has the number now.
    desk.report(1204, probe_of(&desk, 2), FAIL);
    desk.handle(1400, Input::Tick);
    assert_eq!(desk.shares(), [1000, 0, 1000]);
}

#[test]
fn what_is_probed_otherwise_from_now_on_waits_for_a_probe_of_the_new_kind() {
    let (mut desk, mut test_plan) = all_out();
    test_plan.edition += 1;
    test_plan.probing.timeout = Span(1900);
    desk.handle(
        1001,
        Input::Reload(test_plan.plan(), std::sync::Arc::default()),
    );
    for slot in 0..4 {
        desk.report(1002, probe_of(&desk, slot), FAIL);
    }
    desk.handle(1200, Input::Tick);
    assert_eq!(desk.shares(), [1000; 4], "nobody has asked for these");
    desk.idle(2100);
    assert_eq!(desk.probes.len(), 8, "and soon it is asked anew");
    for slot in 0..4 {
        let renewed = desk.probes[4..].iter();
        let renewed = renewed.map(|(_, id)| *id).find(|id| id.slot.0 == slot);
        desk.report(2200 + u64::from(slot), renewed.unwrap(), FAIL);
    }
    desk.handle(2400, Input::Tick);
    assert_eq!(desk.shares(), [0; 4]);
}

#[test]
fn a_probe_that_is_kept_is_lost_as_late_as_any_other() {
    let (mut desk, mut test_plan) = all_out();
    let first = probe_of(&desk, 0);
    test_plan.edition += 1;
    desk.handle(
        5000,
        Input::Reload(test_plan.plan(), std::sync::Arc::default()),
    );
    assert_eq!(desk.engine.slot_of(first), Some(first.slot));
    desk.idle(13_100);
    assert_eq!(
        desk.engine.lost_probes(),
        4,
        "timeout and twice the interval"
    );
    assert_eq!(desk.engine.slot_of(first), None);
    desk.report(13_200, first, FAIL);
    desk.handle(13_400, Input::Tick);
    assert_eq!(desk.shares(), [1000; 4], "too late to count");
}
