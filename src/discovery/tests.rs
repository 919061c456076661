//! Lists and bounds in virtual time.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::base::{Moment, Permille};

const MINUTE_MS: u64 = 60_000;

/// A discovery whose lists are taken into force at once, unless it says otherwise.
struct Stage {
    engine: DiscoveryEngine,
    now: u64,
    in_force: EndpointList,
    kept: Vec<KeptList>,
    notices: Vec<DiscoveryNotice>,
    refuses: Option<String>,
}

fn rules(changes_per_minute: usize, max_shrink: u16) -> DiscoveryRules {
    DiscoveryRules {
        source: "nodes.json".to_owned(),
        changes_per_minute,
        max_shrink: Permille(max_shrink),
        most: 1000,
        admission: EndpointAdmission(Arc::new(|own| {
            let first = own.addresses.first()?.to_string();
            first
                .starts_with("203.")
                .then(|| format!("{first} is elsewhere"))
        })),
    }
}

fn list(count: usize) -> EndpointList {
    let all: Vec<String> = (0..count).map(|one| format!("\"192.0.2.{one}\"")).collect();
    json_list(format!("[{}]", all.join(",")).as_bytes()).unwrap()
}

impl Stage {
    fn new(rules: DiscoveryRules) -> Self {
        Self::after(Vec::new(), rules)
    }

    fn after(kept: Vec<KeptList>, rules: DiscoveryRules) -> Self {
        let lists = kept
            .iter()
            .map(|own| (own.name.clone(), own.endpoints.clone()));
        let in_force = Arc::new(DiscoveredLists(lists.collect()));
        let mut stage = Self {
            in_force: in_force.0.get("web").cloned().unwrap_or_default(),
            engine: DiscoveryEngine::new(kept, in_force),
            now: 1000,
            kept: Vec::new(),
            notices: Vec::new(),
            refuses: None,
        };
        stage.handle(DiscoveryInput::Use(BTreeMap::from([(
            "web".to_owned(),
            rules,
        )])));
        stage
    }

    fn handle(&mut self, input: DiscoveryInput) {
        self.engine.handle(Moment(self.now), self.now, input);
        while let Some(output) = self.engine.poll() {
            match output {
                DiscoveryOutput::Take(lists) => {
                    let outcome = self.refuses.clone().map_or(Ok(()), Err);
                    if outcome.is_ok() {
                        self.in_force = lists.0["web"].clone();
                    }
                    let taken = DiscoveryInput::Taken(outcome);
                    self.engine.handle(Moment(self.now), self.now, taken);
                }
                DiscoveryOutput::Remember(kept) => self.kept = kept,
                DiscoveryOutput::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    fn lists(&mut self, list: EndpointList) {
        self.handle(DiscoveryInput::Listed("web".to_owned(), list));
    }

    /// Lets time pass, with every wake-up that the engine asks for.
    fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(wake) = self.engine.wake_at().filter(|wake| wake.0 <= end) {
            self.now = wake.0;
            self.handle(DiscoveryInput::Tick);
        }
        self.now = end;
    }

    fn report(&self) -> DiscoveryReport {
        self.engine.report(self.now).remove(0)
    }
}

#[test]
fn the_first_list_is_taken_whole_and_later_ones_by_so_many_a_minute() {
    let mut stage = Stage::new(rules(10, 1000));
    stage.lists(list(50));
    assert_eq!(stage.in_force.len(), 50);
    stage.pass(CHANGE_EVERY.0);
    stage.lists(list(75));
    assert_eq!(stage.in_force.len(), 60);
    assert_eq!(stage.report().pending, 15);
    // No minute sees more than ten, wherever it begins.
    stage.pass(MINUTE_MS - 1);
    assert_eq!(stage.in_force.len(), 60);
    stage.pass(1);
    assert_eq!(stage.in_force.len(), 70);
    stage.pass(MINUTE_MS);
    assert_eq!((stage.in_force.len(), stage.report().pending), (75, 0));
    // What comes goes before what leaves.
    let other = r#"[{"id":"new","address":"192.0.2.200"}]"#;
    stage.pass(MINUTE_MS);
    stage.lists(json_list(other.as_bytes()).unwrap());
    assert!(stage.in_force.contains_key("new"));
    assert_eq!(stage.in_force.len(), 75 + 1 - 9);
}

#[test]
fn a_list_that_shrinks_too_much_is_held_back_until_somebody_accepts_it() {
    let mut stage = Stage::new(rules(100, 500));
    stage.lists(list(10));
    stage.pass(CHANGE_EVERY.0);
    for size in [4, 0] {
        stage.lists(list(size));
        stage.pass(MINUTE_MS);
        assert_eq!(stage.in_force.len(), 10, "{size}");
        let report = stage.report();
        assert_eq!(
            (report.fault.as_deref(), report.held_back),
            (Some("refused"), Some(size))
        );
    }
    let told = stage.notices.iter();
    let told = told.filter(|own| matches!(own, DiscoveryNotice::Refused { .. }));
    assert_eq!(told.count(), 2, "each once");
    stage.lists(list(4));
    let (now, wall) = (Moment(stage.now), stage.now);
    assert!(stage.engine.accept(now, wall, "api").is_err());
    stage.engine.accept(now, wall, "web").unwrap();
    stage.handle(DiscoveryInput::Tick);
    assert_eq!((stage.in_force.len(), stage.report().fault), (4, None));
    // What was accepted is what the next one is held against.
    stage.pass(CHANGE_EVERY.0);
    stage.lists(list(4));
    assert_eq!(stage.report().fault, None);
    assert!(
        stage
            .engine
            .accept(Moment(stage.now), stage.now, "web")
            .is_err()
    );
}

#[test]
fn many_small_steps_are_judged_as_the_large_one_that_they_are() {
    let mut stage = Stage::new(rules(100, 500));
    stage.lists(list(10));
    for size in [8, 6, 5] {
        stage.pass(MINUTE_MS);
        stage.lists(list(size));
        assert_eq!(stage.in_force.len(), size);
    }
    stage.pass(MINUTE_MS);
    stage.lists(list(4));
    assert_eq!(stage.in_force.len(), 5, "4 of 10 within the window");
    stage.pass(SHRINK_WINDOW.0);
    stage.lists(list(4));
    assert_eq!(stage.in_force.len(), 4, "4 of 5");
}

#[test]
fn whatever_fails_the_last_good_list_goes_on_also_over_a_restart() {
    let mut stage = Stage::new(rules(100, 500));
    stage.lists(list(3));
    stage.pass(CHANGE_EVERY.0);
    for _ in 0..3 {
        stage.handle(DiscoveryInput::Failed("web".to_owned(), "gone".to_owned()));
        stage.pass(MINUTE_MS);
    }
    let failing = stage.notices.iter();
    let failing = failing.filter(|own| matches!(own, DiscoveryNotice::Failing { .. }));
    assert_eq!((failing.count(), stage.report().failures), (1, 3));
    assert_eq!(stage.in_force.len(), 3);
    let mut again = Stage::after(stage.kept.clone(), rules(100, 500));
    again.now += 10 * MINUTE_MS;
    again.handle(DiscoveryInput::Failed("web".to_owned(), "gone".to_owned()));
    let report = again.report();
    assert_eq!((report.endpoints, report.pending), (3, 0));
    assert!(report.age_ms > Some(9 * MINUTE_MS), "{report:?}");
    // It is bound by what was there before.
    again.lists(list(1));
    assert_eq!(again.report().held_back, Some(1));
    again.lists(list(3));
    assert_eq!(again.report().fault, None);
    assert!(
        again
            .notices
            .contains(&DiscoveryNotice::Recovered("web".to_owned()))
    );
}

#[test]
fn a_list_that_does_not_fit_is_tried_again_and_costs_nothing() {
    let mut stage = Stage::new(rules(100, 500));
    stage.lists(list(3));
    stage.pass(CHANGE_EVERY.0);
    stage.refuses = Some("a second endpoint".to_owned());
    stage.lists(list(4));
    assert_eq!(
        (stage.in_force.len(), stage.report().fault.as_deref()),
        (3, Some("unfit"))
    );
    stage.lists(list(4));
    assert_eq!(
        stage.report().fault.as_deref(),
        Some("unfit"),
        "it is not in force"
    );
    stage.refuses = None;
    stage.pass(TRY_AGAIN.0);
    assert_eq!((stage.in_force.len(), stage.report().fault), (4, None));
}

#[test]
fn endpoints_that_may_not_be_are_left_out_and_too_many_refused() {
    let mut stage = Stage::new(rules(100, 500));
    let mixed = json_list(br#"["192.0.2.1", "203.0.113.1"]"#).unwrap();
    stage.lists(mixed.clone());
    assert_eq!((stage.in_force.len(), stage.report().left_out), (1, 1));
    stage.lists(mixed);
    let told = stage.notices.iter();
    let told = told.filter(|own| matches!(own, DiscoveryNotice::LeftOut { .. }));
    assert_eq!(told.count(), 1);
    let all: Vec<String> = (0..10_000u32)
        .map(|one| format!("\"192.{}.{}.1\"", one >> 8, one & 255))
        .collect();
    stage.lists(json_list(format!("[{}]", all.join(",")).as_bytes()).unwrap());
    let report = stage.report();
    assert_eq!((report.endpoints, report.held_back), (1, None));
    assert!(report.reason.unwrap().contains("max_endpoints"));
}

#[test]
fn lists_are_read_strictly_and_choose_nothing_that_is_the_configs() {
    let text = r#"{"endpoints": [
        {"address": "192.0.2.1", "port": 8443, "region": "us", "jurisdiction": "US", "provider": "x", "tier": 9},
        {"address": "192.0.2.1", "port": 8080},
        {"id": "b/c", "addresses": ["2001:db8::1", "192.0.2.2"], "weight": 5},
        "host.example.net"
    ]}"#;
    let found = json_list(text.as_bytes()).unwrap();
    let ids: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        ids,
        ["192.0.2.1-8080", "b-c", "host.example.net"],
        "one for each place"
    );
    assert_eq!(found["192.0.2.1-8080"].rank, 0);
    for text in [
        "",
        "{",
        "null",
        "7",
        "{}",
        r#"[{}]"#,
        r#"[{"address":"192.0.2.256"}]"#,
        r#"[{"address":"192.0.2.1","hostname":"a.test"}]"#,
        r#"[{"address":"192.0.2.1","port":0}]"#,
        r#"[{"address":"192.0.2.1","port":70000}]"#,
        r#"[{"id":"","address":"192.0.2.1"}]"#,
        r#"["a b..c"]"#,
        r#"[7]"#,
        r#"[{"id":"a","address":"192.0.2.1"},{"id":"a","address":"192.0.2.2"}]"#,
        "<html>it works</html>",
    ] {
        assert!(json_list(text.as_bytes()).is_err(), "{text}");
        assert!(consul_list(text.as_bytes()).is_err(), "{text}");
    }
    assert!(json_list(b"[]").unwrap().is_empty());
}

#[test]
fn instances_of_consul_are_where_their_service_is_or_their_node() {
    let text = r#"[
        {"Node": {"Node": "n1", "Address": "192.0.2.1"}, "Service": {"ID": "w1", "Service": "web", "Address": "", "Port": 80, "Weights": {"Passing": 10, "Warning": 1}},
         "Checks": [{"Status": "passing"}]},
        {"Node": {"Node": "n2", "Address": "192.0.2.2"}, "Service": {"ID": "w2", "Service": "web", "Address": "192.0.2.9", "Port": 0, "Weights": {"Passing": 10, "Warning": 1}},
         "Checks": [{"Status": "passing"}, {"Status": "warning"}]}
    ]"#;
    let found = consul_list(text.as_bytes()).unwrap();
    let seen = found
        .iter()
        .map(|(id, own)| (id.as_str(), own.port, own.weight));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            ("192.0.2.1-80", Some(80), Some(10)),
            ("192.0.2.9", None, Some(1))
        ]
    );
}

#[test]
fn names_are_as_long_as_a_name_may_be_and_differ() {
    let long = "x".repeat(100);
    let names = [format!("{long}1"), format!("{long}2")].map(|id| endpoint_name("web", &id));
    assert!(names.iter().all(|name| name.len() == NAME_LENGTH) && names[0] != names[1]);
    assert_eq!(endpoint_name("web", "a-1"), "web-a-1");
}

#[test]
fn a_source_that_fails_is_asked_again_ever_less_often() {
    let every = crate::base::Span::from_secs(10);
    let pauses: Vec<u64> = (0..9)
        .map(|failures| pause(every, failures).0 / 1000)
        .collect();
    assert_eq!(pauses, [10, 1, 2, 4, 8, 16, 32, 60, 60]);
}
