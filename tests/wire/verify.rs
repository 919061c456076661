//! `waypost verify`, as an operator types it.
use std::process::Command;

use crate::policy::{self, CONFIG};

/// Writes a config with what it names into a folder of its own.
fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("config.toml", config.as_bytes());
    write("example.org.zone", &policy::zone());
    write("test.mmdb", &policy::database());
    folder
}

fn run(config: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let folder = folder(config);
    let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.code(),
    )
}

#[test]
fn the_command_proves_or_fails_with_a_counterexample() {
    let (text, code) = run(CONFIG, &["verify"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("proved: "), "{text}");
    let (text, code) = run(&CONFIG.replace("192.0.2.40", "192.0.2.20"), &["verify"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("given   192.0.2.20 of kef-a in iceland (EEA)"),
        "{text}"
    );
    assert_eq!(run(CONFIG, &["verify", "--sideways"]).1, Some(2));
    assert_eq!(run("[server]", &["verify"]).1, Some(1));
}

#[test]
fn the_artefact_names_what_was_proved() {
    let (text, code) = run(CONFIG, &["verify", "--json"]);
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["result"], "proved");
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["files"].as_array().unwrap().len(), 3);
    // `sha256sum config.toml` says the same.
    let hash = json["files"][0]["sha256"].as_str().unwrap();
    let folder = folder(CONFIG);
    let sum = Command::new("sha256sum")
        .arg(folder.path().join("config.toml"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(sum.stdout).unwrap().split(' ').next(),
        Some(hash)
    );
    assert_eq!(json["services"][1]["clients"][0]["result"], "proved");
    // But for the time, the artefact is the same each time.
    let (again, _) = run(CONFIG, &["verify", "--json"]);
    let strip = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("\"judged_at\""));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(strip(&text), strip(&again));
}
