//! Monitors of type `push`: what is reported decides, silence is down, and a report that comes with the silence counts.
use std::sync::Arc;

use waypost::base::{Cause, Moment, MonitorValue, SlotId};
use waypost::engine::{Engine, Input, Output, ProbeId};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::Plan;

use crate::plans::{BASE, compile};

const SILENT: ProbeResult = ProbeResult::Fail(Cause::Silent);

fn plan(monitor: &str) -> Arc<Plan> {
    let text = format!(
        "{BASE}
[monitors.beat]
type = \"push\"
ttl = \"30s\"
{monitor}
[services.job]
hostnames = [\"job.example.org\"]
monitors = [\"beat\"]
[[services.job.endpoints]]
name = \"job-fra\"
region = \"frankfurt\"
provider = \"a\"
addresses = [\"192.0.2.60\", \"192.0.2.61\"]
"
    );
    let (plan, found) = compile(&text);
    assert!(!found.has_errors(), "{}", found.render(false));
    Arc::new(plan)
}

fn report(outcome: ProbeResult, value: Option<i64>) -> Report {
    Report {
        outcome,
        timing: Timing::default(),
        certificate_expires: None,
        value: value.map(MonitorValue),
    }
}

/// The slots that job-fra is told of by.
fn told(plan: &Plan) -> Vec<SlotId> {
    let endpoint = plan.endpoint("job-fra").unwrap();
    let slots = plan.told_slots("beat", endpoint, None);
    assert_eq!(slots.len(), 2);
    let one = plan.told_slots("beat", endpoint, "192.0.2.61".parse().ok());
    assert_eq!(one, slots[1..]);
    assert!(plan.told_slots("web", endpoint, None).is_empty());
    slots
}

/// Lets time pass; the probes of these slots that were due, and when.
fn pass(engine: &mut Engine, end: u64, slots: &[SlotId]) -> Vec<(u64, ProbeId)> {
    let mut due = Vec::new();
    while let Some(wake) = engine.wake_at().filter(|wake| wake.0 <= end) {
        engine.handle(wake, Input::Tick);
        while let Some(output) = engine.poll() {
            match output {
                Output::Probe(id, _) if slots.contains(&id.slot) => due.push((wake.0, id)),
                // The others are well.
                Output::Probe(id, _) => {
                    engine.handle(wake, Input::Probed(id, report(ProbeResult::Pass, None)));
                }
                Output::Publish(_) | Output::Ordered(..) | Output::Notice(_) => {}
            }
        }
    }
    due
}

fn word(engine: &Engine, now: u64, slot: usize) -> String {
    let status = engine.status(Moment(now));
    let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let mut own = endpoints.filter(|one| one.name == "job-fra");
    let own = own.next().unwrap();
    let slot = &own.targets[0].slots[slot];
    let cause = slot.cause.as_deref().unwrap_or("well");
    format!("{} {cause}", slot.state)
}

#[test]
fn silence_is_down_after_the_time_and_not_before() {
    let plan = plan("");
    let slots = told(&plan);
    let mut engine = Engine::new(plan, Arc::default(), Moment(0), 1);
    let due = pass(&mut engine, 29_999, &slots);
    assert!(due.is_empty(), "the first one is waited for: {due:?}");
    let up = Input::Reported(slots[0], report(ProbeResult::Pass, None));
    engine.handle(Moment(29_999), up);
    let due = pass(&mut engine, 59_998, &slots);
    let of: Vec<_> = due.iter().map(|(at, id)| (*at, id.slot)).collect();
    assert_eq!(of, [(30_000, slots[1])], "the other one never said a word");
    engine.handle(
        Moment(30_001),
        Input::Probed(due[0].1, report(SILENT, None)),
    );
    assert_eq!(word(&engine, 30_001, 0), "up well");
    assert_eq!(word(&engine, 30_001, 1), "down silent");
    let due = pass(&mut engine, 60_000, &slots);
    assert_eq!((due[0].0, due[0].1.slot), (59_999, slots[0]));
}

#[test]
fn a_report_that_comes_with_the_silence_counts() {
    let plan = plan("");
    let slots = told(&plan);
    let mut engine = Engine::new(plan, Arc::default(), Moment(0), 1);
    let due = pass(&mut engine, 30_000, &slots);
    assert_eq!(due.len(), 2);
    let up = Input::Reported(slots[0], report(ProbeResult::Pass, None));
    engine.handle(Moment(30_000), up);
    for (_, id) in due {
        engine.handle(Moment(30_001), Input::Probed(id, report(SILENT, None)));
    }
    assert_eq!(word(&engine, 30_001, 0), "up well");
    assert_eq!(word(&engine, 30_001, 1), "down silent");
    let due = pass(&mut engine, 60_000, &slots[..1]);
    assert_eq!(due[0].0, 60_000, "the report held for its time");
}

#[test]
fn a_value_comes_back_further_than_it_went_also_over_a_restart() {
    let plan = plan("below = 10\nhysteresis = 2");
    let slots = told(&plan);
    let mut engine = Engine::new(plan.clone(), Arc::default(), Moment(0), 1);
    let push = |engine: &mut Engine, at: u64, value: i64| {
        let report = report(ProbeResult::Pass, Some(value));
        engine.handle(Moment(at), Input::Reported(slots[0], report));
        word(engine, at, 0)
    };
    assert_eq!(push(&mut engine, 1, 9_000), "up well");
    assert_eq!(push(&mut engine, 2, 10_000), "down out_of_bounds");
    assert_eq!(push(&mut engine, 3, 9_000), "down out_of_bounds");
    let text = serde_json::to_string(&engine.snapshot(Moment(4))).unwrap();
    let snapshot = serde_json::from_str(&text).unwrap();
    let mut engine = Engine::resume((plan, Arc::default()), &snapshot, Moment(5), 1);
    assert_eq!(push(&mut engine, 6, 9_000), "down out_of_bounds");
    assert_eq!(push(&mut engine, 7, 7_999), "up well");
}
