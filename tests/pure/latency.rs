//! Steering by measured times (`policy = "latency"`): whole configs with their tables.
use std::path::Path;
use std::sync::Arc;

use waypost::audit::verify::{Verdict, verify};
use waypost::base::{Moment, Permille, Standing};
use waypost::config::{self, Compiled, Diagnostics, Files, Severity};
use waypost::dns::Name;
use waypost::io::state::measured;
use waypost::plan::{MeasuredInForce, Plan};
use waypost::table::Table;
use waypost::table::explain::{Question, explain};

use crate::mmdb;
use crate::plans::{BASE, ZONE, preference};

const TABLE: &str = "client,region,ms\n\
    # Germany is next to Iceland, by the sea.\n\
    DE,iceland,10\nDE,frankfurt,14.5\nDE,singapore,200\nDE,toronto,16\n\
    203.0.113.192/26,toronto,90\n203.0.113.192/26,singapore,20\n\
    \n";

/// The plan of a service `own` that is steered by a table.
fn compiled(
    table: &[u8],
    more: &str,
    before: &MeasuredInForce,
) -> Result<(Compiled, Diagnostics), Diagnostics> {
    let base = BASE.replacen("[geo]", "[geo]\ndatabase = \"tiny.mmdb\"", 1);
    let text = format!(
        "{base}[services.own]\nhostnames = [\"own.example.org\"]\nmonitors = [\"port\"]\n{more}\
         [services.own.steering]\npolicy = \"latency\"\nmeasured = \"latency.csv\"\n"
    );
    compile_tiny(&text, Some(table), before)
}

/// Compiles a text that names the database `tiny.mmdb`, and a table if there is one.
pub(crate) fn compile_tiny(
    text: &str,
    table: Option<&[u8]>,
    before: &MeasuredInForce,
) -> Result<(Compiled, Diagnostics), Diagnostics> {
    let (spec, found) = config::read(Path::new("/etc/config.toml"), text);
    let record = serde_json::json!({ "country_code": "DE" });
    let tiny = mmdb::write(&[("192.0.2.0/24", record)], &mmdb::Options::default());
    let files = [("example.org.zone", ZONE.as_bytes()), ("tiny.mmdb", &tiny)].into_iter();
    let files = files.chain(table.map(|table| ("latency.csv", table)));
    let files = files.map(|(name, octets)| (Path::new("/etc").join(name), Ok(Arc::from(octets))));
    let mut files: Files = files.collect();
    assert!(
        spec.files(&files)
            .iter()
            .all(|path| files.contains_key(path))
    );
    files.measured = Arc::new(before.clone());
    config::compile(&spec, found, &files)
}

fn plan(table: &str, before: Option<&Plan>) -> Plan {
    let before = before.map(Plan::measured).unwrap_or_default();
    let (compiled, found) = compiled(table.as_bytes(), "", &before).unwrap();
    assert!(found.list().is_empty(), "{}", found.render(false));
    compiled.plan
}

fn order(plan: &Plan, client: &str) -> String {
    preference(plan, "own", client)
}

const GERMAN: &str = "198.51.100.1";
const CANADIAN: &str = "198.51.100.33";

#[test]
fn regions_are_in_the_order_of_what_was_measured() {
    let own = plan(TABLE, None);
    // Frankfurt, which claims it, is equal to Iceland; Toronto is not any more, and comes before who is far.
    assert_eq!(order(&own, GERMAN), "fits");
    // Of Canada nothing was measured.
    assert_eq!(order(&own, CANADIAN), preference(&own, "api", CANADIAN));
    // A network has a row of its own, and of the others nothing is known there.
    assert_eq!(order(&own, "203.0.113.200"), "stfi");
    // Others of the plan sort their clients as before.
    assert_eq!(preference(&own, "api", "203.0.113.200"), "tfsi");
    assert_eq!(verify(&Arc::new(own)).result, Verdict::Proved);
}

#[test]
fn fences_come_before_what_was_measured() {
    let table = "DE,singapore,1\nDE,toronto,2\nDE,iceland,40\nDE,frankfurt,60\n";
    let none = MeasuredInForce::new();
    let strict = "residency = \"strict\"\nunknown = \"any\"\n";
    let (own, _) = compiled(table.as_bytes(), strict, &none).unwrap();
    assert_eq!(order(&own.plan, GERMAN), "if");
    assert_eq!(verify(&Arc::new(own.plan)).result, Verdict::Proved);
    let (own, _) = compiled(table.as_bytes(), "residency = \"prefer\"\n", &none).unwrap();
    assert_eq!(order(&own.plan, GERMAN), "ifst");
}

/// A fast region outside the fence makes nobody slow: those inside that are equal stay in the order by place.
#[test]
fn only_those_that_a_fence_lets_through_are_compared() {
    let none = MeasuredInForce::new();
    let table = "DE,toronto,4\nDE,iceland,8\nDE,frankfurt,12\n";
    let strict = "residency = \"strict\"\nunknown = \"any\"\n";
    for (residency, expected) in [
        // Frankfurt is more than the tolerance slower than Toronto.
        ("", "itfs"),
        (strict, "fi"),
        ("residency = \"prefer\"\n", "fits"),
    ] {
        let (own, _) = compiled(table.as_bytes(), residency, &none).unwrap();
        assert_eq!(order(&own.plan, GERMAN), expected, "{residency}");
    }
}

/// What led is kept for each fence, in the form in which it outlasts a restart.
#[test]
fn a_restart_moves_nobody_whom_a_renewed_table_would_not_have_moved() {
    let folder = tempfile::tempdir().unwrap();
    let line = |iceland: u32| format!("DE,toronto,1\nDE,frankfurt,20\nDE,iceland,{iceland}\n");
    let strict = "residency = \"strict\"\nunknown = \"any\"\n";
    let none = MeasuredInForce::new();
    let (first, _) = compiled(line(40).as_bytes(), strict, &none).unwrap();
    assert_eq!(order(&first.plan, GERMAN), "fi");
    let text = measured::text(&first.plan.measured()).unwrap();
    std::fs::write(measured::path(folder.path()), text).unwrap();
    let (kept, damage) = measured::read(folder.path());
    assert_eq!((&kept, damage), (&first.plan.measured(), None));
    let renewed = line(12);
    let (forgetful, _) = compiled(renewed.as_bytes(), strict, &none).unwrap();
    assert_eq!(order(&forgetful.plan, GERMAN), "if");
    let (second, _) = compiled(renewed.as_bytes(), strict, &kept).unwrap();
    assert_eq!(order(&second.plan, GERMAN), "fi");
    // A table that is broken at the start has the last whole one in its place.
    let (broken, _) = compiled(b"DE;frankfurt\n", strict, &kept).unwrap();
    assert_eq!(order(&broken.plan, GERMAN), "fi");
}

#[test]
fn a_renewed_table_moves_who_gains_more_than_the_hysteresis() {
    let line = |frankfurt: u32| format!("DE,frankfurt,{frankfurt}\nDE,toronto,20\n");
    let first = plan(&line(12), None);
    assert_eq!(&order(&first, GERMAN)[..2], "ft");
    // Ten milliseconds slower than the fastest is no reason yet.
    let second = plan(&line(30), Some(&first));
    assert_eq!(&order(&second, GERMAN)[..2], "ft");
    let third = plan(&line(31), Some(&second));
    assert_eq!(&order(&third, GERMAN)[..2], "tf");
    // Nor is it one to go back.
    let fourth = plan(&line(12), Some(&third));
    assert_eq!(&order(&fourth, GERMAN)[..2], "tf");
    assert_ne!(
        fourth.policy, first.policy,
        "nodes that do not agree are told apart"
    );
}

#[test]
fn a_broken_table_leaves_the_last_one_in_force() {
    let good = plan(TABLE, None);
    for (broken, line, message) in [
        (
            "DE,frankfurt,10\nDE;toronto;5\n",
            2,
            "1 fields in place of three",
        ),
        ("DE,frankfurt,-10\n", 1, "`-10` is no time"),
        (
            "Germany,frankfurt,10\n",
            1,
            "`Germany` is not a place or network",
        ),
        (
            "192.0.2.7/24,frankfurt,1\n",
            1,
            "`192.0.2.7/24` is not a network",
        ),
        (
            "DE,frankfurt,1\n\nDE,frankfurt,2\n",
            3,
            "a second time between DE and `frankfurt`",
        ),
    ] {
        let (own, found) = compiled(broken.as_bytes(), "", &good.measured()).unwrap();
        let first = &found.list()[0];
        assert_eq!(
            (&*first.file, first.line, first.severity),
            ("/etc/latency.csv", line, Severity::Unsettled),
            "{}",
            found.render(false)
        );
        assert!(first.message.starts_with(message), "{}", first.message);
        assert!(first.help.is_some());
        assert_eq!(order(&own.plan, GERMAN), "fits");
        assert_eq!(order(&own.plan, "203.0.113.200"), "stfi");
        assert_eq!(own.plan.measured(), good.measured());
        // Without one, clients are sorted by place.
        let (alone, _) = compiled(broken.as_bytes(), "", &MeasuredInForce::new()).unwrap();
        assert_eq!(
            order(&alone.plan, GERMAN),
            preference(&alone.plan, "api", GERMAN)
        );
    }
    let (_, found) =
        compiled(b"DE,frankfurt,1\nDE,paris,1\n", "", &MeasuredInForce::new()).unwrap();
    assert_eq!(found.list()[0].message, "region `paris` is not known");
    assert!(!found.has_unsettled());
}

#[test]
fn explain_says_what_was_measured() {
    let own = Arc::new(plan(TABLE, None));
    let standings = own.targets.iter().map(|_| Standing {
        share: Permille::FULL,
        ..Standing::UNPROVEN
    });
    let table = Table::build(1, Arc::clone(&own), standings.collect(), Moment(0), None);
    let table = table.with_zones(waypost::sim::test_zone::zones(&own));
    let asked = |client: &str| {
        let question = Question {
            name: Name::parse("own.example.org").unwrap(),
            qtype: 1,
            client: client.parse().unwrap(),
            now: Moment(0),
            suppose: Vec::new(),
            view: Default::default(),
        };
        explain(&table, &question).unwrap().to_string()
    };
    let text = asked(GERMAN);
    let line = "frankfurt 14.500 ms = iceland 10.000 ms > toronto 16.000 ms > singapore 200.000 ms (of DE, by latency.csv)";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("(policy latency)"), "{text}");
    let text = asked("203.0.113.200");
    let line = "singapore 20.000 ms > toronto 90.000 ms, frankfurt unknown, iceland unknown (of 203.0.113.192/26";
    assert!(text.contains(line), "{text}");
    assert!(!asked(CANADIAN).contains("measured"));
}
