//! The log of a fleet: what happens to many endpoints at once is a few lines.
use std::fmt::Write as _;
use std::process::Command;

use crate::world::{Process, World, get, run, wait_for};

const ENDPOINTS: usize = 200;

const HEAD: &str = r#"
[server]
listen = ["127.0.0.20:53"]
[control]
listen = "127.0.0.1:8053"
[[zones]]
name = "example.org"
file = "zones/example.org.zone"
[monitors.web]
type = "tcp"
port = 8080
interval = "1s"
timeout = "500ms"
fall = 2
rise = 2
[recoveries.at-once]
steps = [100]
every = "1s"
[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
recovery = "at-once"
"#;

/// Two hundred endpoints in two regions, all on one port.
fn write_config(world: &World) {
    let mut text = HEAD.to_owned();
    for (region, place) in [("eu", "[50.1, 8.7]"), ("na", "[43.7, -79.4]")] {
        writeln!(text, "[regions.{region}]\nlocation = {place}").unwrap();
    }
    for number in 0..ENDPOINTS {
        let region = ["eu", "na"][number % 2];
        let (tier, last) = (number / 50 + 1, number + 1);
        writeln!(
            text,
            "[[regions.{region}.endpoints]]\nname = \"e{number}\"\nprovider = \"own\"\ntier = {tier}\naddresses = [\"127.3.0.{last}\"]"
        )
        .unwrap();
    }
    world.write("config.toml", &text);
    world.write(
        "zones/example.org.zone",
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.20\n",
    );
}

/// The lines of a log with this event.
fn lines(waypost: &Process, event: &str) -> Vec<serde_json::Value> {
    let log = waypost.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &serde_json::Value| line["event"] == event)
        .collect()
}

/// How many endpoints went to a state, as groups say, and in how many lines.
fn grouped(waypost: &Process, to: &str) -> (u64, usize) {
    let lines = lines(waypost, "standings");
    let own: Vec<_> = lines.iter().filter(|line| line["to"] == to).collect();
    let count = own.iter().map(|line| line["endpoints"].as_u64().unwrap());
    (count.sum(), own.len())
}

#[test]
fn two_hundred_endpoints_on_a_dead_port_are_a_few_lines() {
    let world = World::new();
    write_config(&world);
    let waypost = world.waypost();
    wait_for("all to be told down", || grouped(&waypost, "down").0 >= 200);
    let (endpoints, written) = grouped(&waypost, "down");
    assert_eq!(endpoints, 200, "{}", waypost.log());
    assert!(written <= 6, "{}", waypost.log());
    let down = &lines(&waypost, "standings")[0];
    assert_eq!(down["level"], "ERROR");
    assert_eq!(down["cause"], "connection refused");
    assert!(
        ["eu", "na"].contains(&down["region"].as_str().unwrap()),
        "{down}"
    );
    let text = down["message"].as_str().unwrap();
    assert!(
        text.contains("endpoints of") && text.contains("among them"),
        "{text}"
    );

    // An order changes a hundred at one moment.
    let config = world.path("config.toml");
    let order = [
        "force", "eu", "up", "--reason", "the port", "--author", "ada",
    ];
    let config = ["--config", config.to_str().unwrap()];
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &[&order[..], &config].concat(),
    );
    assert!(well, "{text}");
    wait_for("all to be told forced", || {
        grouped(&waypost, "forced").0 > 0
    });
    assert_eq!(grouped(&waypost, "forced"), (100, 1), "{}", waypost.log());
    assert_eq!(lines(&waypost, "standing"), [serde_json::Value::Null; 0]);
}

#[test]
fn each_single_one_stands_at_debug_level() {
    let world = World::new();
    write_config(&world);
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .args(["run", "--log", "json", "--config"])
        .arg(world.path("config.toml"))
        .env("RUST_LOG", "waypost=debug");
    let waypost = world.start("waypost", &mut command);
    wait_for("waypost to be ready", || {
        get("/readyz").is_some_and(|(status, _)| status == 200)
    });
    wait_for("all to be told down", || grouped(&waypost, "down").0 >= 200);
    let single = lines(&waypost, "standing");
    let mut names: Vec<&str> = single
        .iter()
        .filter(|line| line["to"] == "down" && line["level"] == "DEBUG")
        .map(|line| line["endpoint"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ENDPOINTS, "{names:?}");
}
