//! Weights and capacities that follow values: within their limits, slowly, beside the others of the tier, and back to the config.
use std::sync::Arc;

use waypost::base::{Family, Moment, MonitorValue, SlotId};
use waypost::engine::{Engine, Input};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::Plan;

use crate::plans::{BASE, compile, service};

const OWN: &str = "
[monitors.load]
type = \"push\"
ttl = \"1h\"
[services.spot]
hostnames = [\"spot.example.org\"]
monitors = { all = [\"port\"], report_only = [\"load\"] }
[[services.spot.endpoints]]
name = \"spot-a\"
region = \"frankfurt\"
provider = \"a\"
addresses = [\"192.0.2.70\"]
weight_from = { monitor = \"load\", min = 10, change_per_minute = \"60%\", stale_after = \"5m\" }
[[services.spot.endpoints]]
name = \"spot-b\"
region = \"frankfurt\"
provider = \"b\"
addresses = [\"192.0.2.71\"]
weight_from = { monitor = \"load\", min = 10, change_per_minute = \"60%\", stale_after = \"5m\" }
[services.cap]
hostnames = [\"cap.example.org\"]
monitors = { all = [\"port\"], report_only = [\"load\"] }
demand = 100
[[services.cap.endpoints]]
name = \"cap-a\"
region = \"frankfurt\"
provider = \"a\"
addresses = [\"192.0.2.80\"]
capacity = 100
capacity_from = { monitor = \"load\", min = 10, change_per_minute = \"60%\", stale_after = \"5m\" }
[[services.cap.endpoints]]
name = \"cap-b\"
region = \"frankfurt\"
provider = \"b\"
addresses = [\"192.0.2.81\"]
capacity = 100
";

fn plan() -> Arc<Plan> {
    let (plan, found) = compile(&format!("{BASE}{OWN}"));
    assert!(!found.has_errors(), "{}", found.render(false));
    Arc::new(plan)
}

struct Story {
    plan: Arc<Plan>,
    engine: Engine,
    now: u64,
}

impl Story {
    /// Everything is well, and nothing was read.
    fn new() -> Self {
        let plan = plan();
        let engine = Engine::new(plan.clone(), Arc::default(), Moment(0), 1);
        let mut story = Self {
            plan,
            engine,
            now: 0,
        };
        for slot in (0..story.plan.slots.len()).map(SlotId::from_index) {
            story.report(slot, ProbeResult::Pass, None);
        }
        story
    }

    fn report(&mut self, slot: SlotId, outcome: ProbeResult, value: Option<i64>) {
        let report = Report {
            outcome,
            timing: Timing::default(),
            certificate_expires: None,
            value: value.map(|value| MonitorValue(value * 1000)),
        };
        let input = Input::Reported(slot, report);
        self.engine.handle(Moment(self.now), input);
        while self.engine.poll().is_some() {}
    }

    fn slot(&self, endpoint: &str, monitor: &str) -> SlotId {
        let id = self.plan.endpoint(endpoint).unwrap();
        let targets = self.plan.targets.iter().filter(|one| one.endpoint == id);
        let mut slots = targets.flat_map(|one| one.slots.iter().chain(&one.reported));
        let is_it = |slot: &&SlotId| {
            let slot = &self.plan.slots[slot.index()];
            self.plan.monitors[slot.monitor.index()].name == monitor
        };
        *slots.find(is_it).unwrap()
    }

    fn push(&mut self, endpoint: &str, value: i64) {
        let slot = self.slot(endpoint, "load");
        self.report(slot, ProbeResult::Pass, Some(value));
    }

    /// Lets time pass; nothing else happens, but that what is not told is well.
    fn pass(&mut self, seconds: u64) {
        let end = self.now + seconds * 1000;
        while let Some(wake) = self.engine.wake_at().filter(|wake| wake.0 <= end) {
            self.engine.handle(wake, Input::Tick);
            while self.engine.poll().is_some() {}
        }
        self.now = end;
        self.engine.handle(Moment(end), Input::Tick);
        while self.engine.poll().is_some() {}
    }

    /// Shares of both in the table, and why.
    fn shares(&self) -> Vec<(u16, &'static str)> {
        let id = service(&self.plan, "spot");
        let pool = &self.plan.services[id.index()].pools[Family::V4.index()][0];
        let members = pool.tiers[0].members.iter();
        let standings = members.map(|one| self.engine.table().standings[one.target.index()]);
        assert!(self.engine.is_current(Moment(self.now)));
        standings.map(|one| (one.share.0, one.why.word())).collect()
    }
}

#[test]
fn a_weight_follows_a_value_slowly_and_down_to_its_least() {
    let mut story = Story::new();
    story.push("spot-a", 50);
    story.pass(9);
    assert_eq!(story.shares(), [(1000, "healthy"), (1000, "healthy")]);
    let mut before = 1000;
    for second in (10..=60).step_by(10) {
        story.pass(if second == 10 { 2 } else { 10 });
        let share = story.shares()[0].0;
        assert!(before - share <= 100, "{second}: {before} to {share}");
        before = share;
    }
    assert_eq!(story.shares(), [(500, "weighted"), (1000, "healthy")]);
    let status = story.engine.status(Moment(story.now));
    let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let told = endpoints.filter(|one| one.name.starts_with("spot"));
    let told: Vec<_> = told.map(|one| one.weight_now_thousandths).collect();
    assert_eq!(told, [Some(50_000), Some(100_000)]);
    for _ in 0..20 {
        story.push("spot-a", 0);
        story.pass(10);
    }
    assert_eq!(
        story.shares()[0],
        (100, "weighted"),
        "10 of 100 is the least"
    );
}

#[test]
fn what_all_of_a_tier_have_less_of_is_no_less_for_anybody() {
    let mut story = Story::new();
    for _ in 0..20 {
        story.push("spot-a", 50);
        story.push("spot-b", 25);
        story.pass(10);
    }
    assert_eq!(story.shares(), [(1000, "healthy"), (500, "weighted")]);
    // When the larger one falls, the other has its place at once.
    let port = story.slot("spot-a", "port");
    for _ in 0..3 {
        story.report(port, ProbeResult::Fail(waypost::base::Cause::Refused), None);
    }
    story.pass(1);
    assert_eq!(story.shares(), [(0, "down"), (1000, "healthy")]);
}

#[test]
fn what_is_too_old_gives_way_to_the_config_also_over_a_restart() {
    let mut story = Story::new();
    for _ in 0..20 {
        story.push("spot-a", 20);
        story.pass(10);
    }
    assert_eq!(story.shares()[0], (200, "weighted"));
    let text = serde_json::to_string(&story.engine.snapshot(Moment(story.now))).unwrap();
    let snapshot = serde_json::from_str(&text).unwrap();
    let at = Moment(story.now + 1000);
    story.engine = Engine::resume((story.plan.clone(), Arc::default()), &snapshot, at, 1);
    story.now = at.0;
    assert_eq!(
        story.shares()[0],
        (200, "weighted"),
        "it goes on where it was"
    );
    story.pass(280);
    assert_eq!(story.shares()[0], (200, "weighted"));
    story.pass(40);
    let (share, _) = story.shares()[0];
    assert!((300..600).contains(&share), "as slowly: {share}");
    story.pass(120);
    assert_eq!(story.shares()[0], (1000, "healthy"));
}

/// What `cap-a` can carry and carries, in thousandths.
fn carried(story: &Story) -> (Option<u64>, u64) {
    let status = story.engine.status(Moment(story.now));
    let mut endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let own = endpoints.find(|one| one.name == "cap-a").unwrap();
    (own.capacity_now_thousandths, own.load_thousandths.unwrap())
}

#[test]
fn a_capacity_follows_a_value_slowly_and_what_it_cannot_carry_goes_elsewhere() {
    let mut story = Story::new();
    story.pass(1);
    let (now, load) = carried(&story);
    assert_eq!(now, Some(100_000));
    assert!((40_000..60_000).contains(&load), "half of 100: {load}");
    let mut before = 100_000;
    for _ in 0..20 {
        story.push("cap-a", 30);
        // A step, and the table that follows from it.
        story.pass(11);
        let (now, load) = carried(&story);
        let now = now.unwrap();
        assert!(before - now <= 20_000, "{before} to {now}");
        assert!(load <= now, "{load} of {now}");
        before = now;
    }
    assert_eq!(carried(&story).0, Some(30_000));
    // A restart goes on where it was, from the first table on.
    let text = serde_json::to_string(&story.engine.snapshot(Moment(story.now))).unwrap();
    let snapshot = serde_json::from_str(&text).unwrap();
    let at = Moment(story.now + 1000);
    story.engine = Engine::resume((story.plan.clone(), Arc::default()), &snapshot, at, 1);
    story.now = at.0;
    let (now, load) = carried(&story);
    assert!(now == Some(30_000) && load <= 30_000, "{load} of {now:?}");
    // What is too old gives way to the config.
    story.pass(600);
    let (now, load) = carried(&story);
    assert!(now == Some(100_000) && load > 40_000, "{load} of {now:?}");
}
