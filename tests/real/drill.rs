//! `waypost drill` on a real server: in the shadow, live, stopped by a guard, with its terminal gone, and killed.
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::mmdb::{self, Options};
use crate::world::{CONFIG, Process, World, ZONE, get, run, state_of, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// One endpoint is out for a while.
const SCENARIO: &str = r#"
title = "The first machine of Frankfurt is lost"
duration = "7s"

[[events]]
at = "1s"
kill = "fra-one"
for = "4s"
"#;

/// The same for long enough that whatever is tested comes before its end.
const LONG: &str = r#"
title = "The first machine of Frankfurt is lost for long"
duration = "2m"

[[events]]
at = "0s"
kill = "fra-one"
for = "110s"
"#;

/// A geo database that is read at once.
pub(crate) fn tiny_database() -> Vec<u8> {
    let country = |code: &str| serde_json::json!({ "country_code": code });
    let networks = [
        ("198.51.100.0/24", country("DE")),
        ("203.0.113.0/24", country("CA")),
    ];
    mmdb::write(&networks, &Options::default())
}

/// A world in which all is well.
fn world() -> (World, Vec<Process>) {
    let world = World::new();
    world.write(
        "config.toml",
        &CONFIG.replace("\"embedded\"", "\"tiny.mmdb\""),
    );
    world.write("zones/example.org.zone", ZONE);
    std::fs::write(world.path("tiny.mmdb"), tiny_database()).unwrap();
    world.write("drill.toml", SCENARIO);
    world.write("long.toml", LONG);
    let backends = ["127.1.0.1", "127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
    let mut all = vec![world.waypost()];
    all.extend(backends);
    for endpoint in ["fra-one", "fra-two", "tor-one"] {
        wait_for("all to be healthy", || state_of(endpoint) == "healthy");
    }
    (world, all)
}

fn arguments(world: &World, scenario: &str, more: &[&str]) -> Vec<String> {
    let [scenario, config] = [scenario, "config.toml"].map(|name| world.path(name));
    let mut all = vec!["drill".to_owned(), scenario.display().to_string()];
    all.extend(["--config".to_owned(), config.display().to_string()]);
    all.extend(["--author", "ada", "--reason", "drill"].map(str::to_owned));
    all.extend(more.iter().map(|one| (*one).to_owned()));
    all
}

fn drill(world: &World, scenario: &str, more: &[&str]) -> (String, bool) {
    let all = arguments(world, scenario, more);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    run(WAYPOST, &all)
}

/// Starts one that goes on, and waits for its drain.
fn start(world: &World, more: &[&str]) -> Process {
    let mut command = Command::new(WAYPOST);
    command.args(arguments(world, "long.toml", more));
    let process = world.start("drill", &mut command);
    wait_for("the drain", || state_of("fra-one") == "drained");
    process
}

/// The orders of one kind: `orders` or `history`.
fn orders(kind: &str) -> Vec<Value> {
    let (_, body) = get("/api/v1/orders").unwrap();
    let all: Value = serde_json::from_str(&body).unwrap();
    all[kind].as_array().unwrap().clone()
}

#[test]
fn a_shadow_orders_nothing_and_a_drill_goes_as_predicted_and_is_undone() {
    let (world, _running) = world();
    let (text, went_well) = drill(&world, "drill.toml", &["--shadow"]);
    assert!(went_well, "{text}");
    assert!(text.contains("In the table alone"), "{text}");
    assert!(text.contains("without fra-one"), "{text}");
    assert!(orders("history").is_empty() && orders("orders").is_empty());
    let (text, went_well) = drill(&world, "drill.toml", &["--allow", "tor-one"]);
    assert!(!went_well && text.contains("--allow fra-one"), "{text}");
    assert!(
        orders("history").is_empty(),
        "nothing is done that is not allowed"
    );
    let page = world.path("drill.html");
    let page = page.to_str().unwrap();
    let (text, went_well) = drill(
        &world,
        "drill.toml",
        &["--allow", "fra-one", "--lease", "3s", "--report", page],
    );
    assert!(went_well, "{text}");
    for part in [
        "played to its end",
        "every drain is lifted",
        "went where they were predicted",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<h2>What happened</h2>"), "{page}");
    assert!(orders("orders").is_empty());
    let history = orders("history");
    let ended = history.iter().map(|one| one["end"].as_str().unwrap());
    assert!(
        ended.clone().any(|end| end == "replaced"),
        "its end was put off"
    );
    assert!(ended.clone().any(|end| end == "lifted"), "{history:?}");
}

#[test]
fn a_drill_is_undone_when_its_terminal_is_gone_and_ends_by_itself_when_it_is_killed() {
    let (world, _running) = world();
    let mut process = start(&world, &["--allow", "fra-one"]);
    kill(process.id(), Signal::SIGHUP).unwrap();
    assert_eq!(process.wait(), Some(1));
    let log = process.log();
    assert!(log.contains("SIGHUP came"), "{log}");
    assert!(orders("orders").is_empty(), "{log}");
    wait_for("the return", || state_of("fra-one") == "healthy");
    let process = start(&world, &["--allow", "fra-one", "--lease", "2s"]);
    process.kill();
    wait_for("the end by itself", || orders("orders").is_empty());
    let last = &orders("history")[0];
    assert_eq!(last["end"], "expired", "{last}");
}

#[test]
fn a_drill_stops_when_something_else_fails() {
    let (world, mut running) = world();
    let mut process = start(&world, &["--allow", "fra-one"]);
    let toronto = running.pop().unwrap();
    toronto.kill();
    assert_eq!(process.wait(), Some(1));
    let log = process.log();
    assert!(log.contains("STOPPED"), "{log}");
    assert!(log.contains("every drain is lifted"), "{log}");
    assert!(orders("orders").is_empty(), "{log}");
}
