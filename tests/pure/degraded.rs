//! Endpoints that are slow and serve a part of their clients: who is, for how long, and that a slow node is no slow world.
use std::sync::Arc;

use waypost::base::{Moment, SlotId};
use waypost::dns::Name;
use waypost::engine::{Engine, Input, Output};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::Plan;
use waypost::table::explain::{Question, explain};

use crate::plans::{BASE, compile};

const QUICK_US: u32 = 200_000;
const SLOW_US: u32 = 500_001;

fn plan() -> Arc<Plan> {
    let slow = "type = \"tcp\"\nport = 5432\nslow_after = \"500ms\"\ndegraded = \"20%\"";
    let config = BASE.replace("type = \"tcp\"\nport = 5432", slow);
    let (plan, found) = compile(&config);
    assert!(!found.has_errors(), "{}", found.render(false));
    Arc::new(plan)
}

struct Story {
    plan: Arc<Plan>,
    engine: Engine,
    now: u64,
    told: Vec<String>,
}

impl Story {
    /// Everything is well and quick.
    fn new() -> Self {
        let plan = plan();
        let engine = Engine::new(
            plan.clone(),
            waypost::sim::test_zone::zones(&plan),
            Moment(0),
            1,
        );
        let mut story = Self {
            plan,
            engine,
            now: 0,
            told: Vec::new(),
        };
        story.look_at("", QUICK_US);
        story
    }

    /// Each slot of endpoints whose names begin so passes, and took this long.
    fn look_at(&mut self, endpoints: &str, total_us: u32) {
        for slot in self.slots(endpoints) {
            let report = Report {
                outcome: ProbeResult::Pass,
                timing: Timing {
                    total_us,
                    ..Timing::default()
                },
                certificate_expires: None,
                value: None,
            };
            self.handle(Input::Reported(slot, report));
        }
        self.now += 200;
        self.handle(Input::Tick);
        assert!(self.engine.is_current(Moment(self.now)));
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(Moment(self.now), input);
        while let Some(output) = self.engine.poll() {
            if let Output::Notice(notice) = output {
                self.told.push(format!("{notice:?}"));
            }
        }
    }

    /// The explanation of what a client in Germany gets.
    fn explained(&self) -> String {
        let table = self.engine.table();
        let question = Question {
            name: Name::parse("home.example.org").unwrap(),
            qtype: 1,
            client: "198.51.100.1".parse().unwrap(),
            now: Moment(self.now),
            suppose: Vec::new(),
            view: Default::default(),
        };
        explain(table, &question).unwrap().to_string()
    }

    fn slots(&self, endpoints: &str) -> Vec<SlotId> {
        let targets = self.plan.targets.iter();
        let named = targets.filter(|one| {
            let own = &self.plan.endpoints[one.endpoint.index()];
            own.name.starts_with(endpoints)
        });
        let mut slots: Vec<SlotId> = named.flat_map(|one| one.slots.clone()).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The worst share of an endpoint in the table, and why.
    fn share(&self, endpoint: &str) -> (u16, &'static str) {
        let id = self.plan.endpoint(endpoint).unwrap();
        let pairs = self
            .plan
            .targets
            .iter()
            .zip(&self.engine.table().standings[..]);
        let own = pairs.filter(|(target, _)| target.endpoint == id);
        let shares = own.map(|(_, one)| (one.share.0, one.why.word()));
        shares.min().unwrap()
    }
}

#[test]
fn a_slow_endpoint_serves_a_part_of_its_clients_until_it_is_quick_again() {
    let mut story = Story::new();
    for _ in 0..2 {
        story.look_at("fra-a", SLOW_US);
    }
    assert_eq!(story.share("fra-a"), (1000, "healthy"));
    story.look_at("fra-a", SLOW_US);
    assert_eq!(story.share("fra-a"), (200, "degraded"));
    assert_eq!(story.share("fra-c"), (1000, "healthy"));
    let told = story.told.iter().any(|one| one.contains("Degraded"));
    assert!(told, "{:?}", story.told);
    let text = story.explained();
    assert!(text.contains("degraded"), "{text}");
    let status = story.engine.status(Moment(story.now));
    let mut endpoints = status.regions.iter().flat_map(|one| &one.endpoints);
    let target = &endpoints.find(|one| one.name == "fra-a").unwrap().targets[0];
    assert_eq!(target.detail, "slower than its monitor allows");
    assert!(target.slots.iter().any(|slot| slot.state == "slow"));
    for _ in 0..2 {
        story.look_at("fra-a", QUICK_US);
    }
    assert_eq!(story.share("fra-a"), (200, "degraded"));
    story.look_at("fra-a", QUICK_US);
    assert_eq!(story.share("fra-a"), (1000, "healthy"));
}

#[test]
fn a_node_that_finds_everybody_slow_makes_nobody_slow_and_forgets_nobody_who_was() {
    let mut story = Story::new();
    for _ in 0..3 {
        story.look_at("tor-a", SLOW_US);
    }
    for _ in 0..5 {
        story.look_at("", SLOW_US);
    }
    assert_eq!(story.share("fra-a"), (1000, "healthy"));
    assert_eq!(story.share("sin-a"), (1000, "healthy"));
    assert_eq!(story.share("tor-a"), (200, "degraded"));
    // One region is sound: the others are slow.
    story.look_at("kef-a", QUICK_US);
    for _ in 0..2 {
        story.look_at("kef-a", QUICK_US);
        story.look_at("sin-a", SLOW_US);
    }
    assert_eq!(story.share("kef-a"), (1000, "healthy"));
    assert_eq!(story.share("sin-a"), (200, "degraded"));
    assert_eq!(story.share("fra-a"), (200, "degraded"));
}
