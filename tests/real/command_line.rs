//! The subcommands as a person uses them.
use std::process::Command;

use crate::world::{World, repository, run};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

#[test]
fn the_shipped_config_checks_well() {
    let config = repository("config.toml");
    let (text, well) = run(WAYPOST, &["check", "--config", config.to_str().unwrap()]);
    assert!(well && text.contains("well:"), "{text}");
}

#[test]
fn check_names_every_error_with_its_place() {
    let world = World::new();
    let broken = crate::world::CONFIG
        .replace("residency = \"strict\"", "residancy = \"strict\"")
        .replace("port = 8080", "port = 808080");
    let config = world.write("config.toml", &broken);
    world.write(
        "zones/example.org.zone",
        &crate::world::ZONE.replace("192.0.2.25", "192.0.2.256"),
    );
    let (text, well) = run(WAYPOST, &["check", "--config", config.to_str().unwrap()]);
    assert!(!well);
    for part in [
        "residancy",
        "residency",
        "808080",
        "192.0.2.256",
        "example.org.zone:9",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

/// A config that owes a decision is not to be rolled out, and still starts at three in the morning.
#[test]
fn check_insists_on_what_a_server_takes() {
    let world = World::new();
    let owing = crate::world::CONFIG.replace("unknown = \"any\"\n", "");
    let config = world.write("config.toml", &owing);
    world.write("zones/example.org.zone", crate::world::ZONE);
    let config = config.to_str().unwrap();
    let says = "strict service `userdata` must say where clients of unknown place";
    let (text, well) = run(WAYPOST, &["check", "--config", config]);
    assert!(!well && text.contains(says), "{text}");
    assert!(!text.contains("well:"), "{text}");
    let (text, well) = run(WAYPOST, &["check", "--json", "--config", config]);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(!well, "{text}");
    assert_eq!(found[0]["severity"], "error", "{text}");
    let client = ["--client", "192.0.2.1", "--config", config];
    let asked = [&["explain", "data.example.org"], &client[..]].concat();
    let (text, well) = run(WAYPOST, &asked);
    assert!(well, "{text}");
    let _waypost = world.waypost();
    let reloaded = run(WAYPOST, &["reload", "--config", config]);
    assert!(reloaded.1, "{}", reloaded.0);
    let log = std::fs::read_to_string(world.path("waypost.log")).unwrap();
    let lines = log.lines().filter(|line| line.contains("config_unsettled"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 2, "at the start and at the reload:\n{log}");
    assert!(
        lines[0].contains("\"ERROR\"") && lines[0].contains(says),
        "{log}"
    );
}

/// Over the real API: who gave an order, and why, is found in the log.
#[test]
fn orders_are_taken_and_logged_with_author_and_reason() {
    let world = World::new();
    world.write_config();
    let _waypost = world.waypost();
    let config = world.path("config.toml");
    let order = |arguments: &[&str]| {
        let output = Command::new(WAYPOST)
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .env("USER", "ada")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code())
    };
    let (text, code) = order(&["drain", "eu-frankfurt", "--force", "--reason", "new disks"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("draining fra-one, fra-two;"), "{text}");
    let (text, code) = order(&["drain", "fra-one"]);
    let expected = "drained already: fra-one (drain eu-frankfurt by ada (user root) for \"new disks\" holds fra-one)";
    assert!(code == Some(0) && text.starts_with(expected), "{text}");
    let (text, _) = order(&["status"]);
    let told = "order: drain eu-frankfurt  for ";
    assert_eq!(text.matches(told).count(), 1, "once for both: {text}");
    assert!(text.contains("by ada (user root): new disks"), "{text}");
    let (text, code) = order(&["undrain", "ovh", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &found["endpoints"][0]), (Some(0), &"fra-two".into()));
    let (text, code) = order(&["drain", "eu-frankfort"]);
    assert!(code == Some(1) && text.contains("eu-frankfurt"), "{text}");
    let (text, code) = order(&["approve", "eu-frankfurt"]);
    assert!(
        code == Some(1) && text.contains("waits for approval"),
        "{text}"
    );
    let log = std::fs::read_to_string(world.path("waypost.log")).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("\"event\":\"order\""));
    let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
    let said = ["action", "scope", "author", "reason"].map(|key| line[key].as_str().unwrap());
    assert_eq!(
        said,
        ["drain", "eu-frankfurt", "ada (user root)", "new disks"]
    );
    assert!(log.contains("order_refused"), "{log}");
}

/// `waypost check | head -0` must not pass for a config with errors.
#[test]
fn check_fails_whoever_reads_along() {
    let world = World::new();
    let config = world.write("config.toml", "[server]\n");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(WAYPOST)
        .args(["check", "--config", config.to_str().unwrap()])
        .stdout(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn explain_supposes_a_region_down() {
    let config = repository("config.toml");
    let config = config.to_str().unwrap();
    let (text, well) = run(
        WAYPOST,
        &[
            "explain",
            "api.example.org",
            "--client",
            "193.99.144.80",
            "--config",
            config,
        ],
    );
    assert!(
        well && text.contains("DE") && text.contains("eu-frankfurt"),
        "{text}"
    );
    let (text, well) = run(
        WAYPOST,
        &[
            "explain",
            "api.example.org",
            "--client",
            "193.99.144.80",
            "--down",
            "eu-frankfurt",
            "--config",
            config,
            "--json",
        ],
    );
    assert!(well, "{text}");
    let explained: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(explained["chain"]["reason"], "failover", "{text}");
    let (text, well) = run(
        WAYPOST,
        &[
            "explain",
            "api.example.org",
            "--client",
            "193.99.144.80",
            "--down",
            "eu-frankfort",
            "--config",
            config,
        ],
    );
    assert!(
        !well && text.contains("eu-frankfurt"),
        "did you mean: {text}"
    );
}

#[test]
fn status_and_reload_talk_to_a_running_server() {
    let world = World::new();
    world.write_config();
    let _waypost = world.waypost();
    let (text, well) = run(WAYPOST, &["status", "--control", "http://127.0.0.1:8053"]);
    assert!(
        well && text.contains("eu-frankfurt") && text.contains("fra-one"),
        "{text}"
    );
    let (text, well) = run(WAYPOST, &["reload", "--control", "http://127.0.0.1:8053"]);
    assert!(!well && text.contains("takes role admin"), "{text}");
    let socket = format!("unix:{}", world.path("waypost.sock").display());
    let (text, well) = run(WAYPOST, &["reload", "--control", &socket]);
    assert!(well && !text.contains('{'), "{text}");
    let (text, well) = run(WAYPOST, &["status", "--control", "http://127.0.0.1:1"]);
    assert!(!well && text.contains("waypost run"), "{text}");
}

#[test]
fn the_demo_ends_by_itself_without_a_wrong_answer_wherever_it_is_run() {
    let world = World::new();
    let script = world.write(
        "script",
        "1s kill fra-hetzner\n4s heal fra-hetzner\n20s end\n",
    );
    let output = Command::new(WAYPOST)
        .current_dir(std::env::temp_dir())
        .args(["demo", "--script"])
        .arg(script)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("wrong answers 0"), "{text}");
    assert!(
        text.contains("noticed after") && !text.contains("never"),
        "{text}"
    );
}

/// What `.cargo/config.toml` says gets into the program: without it a reload's memory stays where it was.
#[test]
fn the_allocator_gives_memory_back() {
    let output = Command::new(WAYPOST)
        .arg("--version")
        .env("_RJEM_MALLOC_CONF", "stats_print:true")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    for part in ["opt.narenas: 2", "opt.dirty_decay_ms: 500"] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}
