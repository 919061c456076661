//! `waypost plan`, as an operator types it.
use std::process::Command;

use crate::policy::{self, CONFIG, with};

/// Runs the program in a folder with two configs.
fn run(current: &str, new: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("config.toml", current.as_bytes());
    write("new.toml", new.as_bytes());
    write("example.org.zone", &policy::zone());
    write("test.mmdb", &policy::database());
    let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .arg("plan")
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text, output.status.code())
}

#[test]
fn the_command_says_by_its_exit_code_whether_the_change_may_be_made() {
    let moved = with(&[("weight = 300", "weight = 100")]);
    let (text, code) = run(CONFIG, &moved, &["new.toml"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("allowed: 8.3% of all clients move, nothing is lost\n"),
        "{text}"
    );
    let strict = moved.replace("[geo]", "[guard]\nmax_moved = \"10%\"\n[geo]");
    let (text, code) = run(CONFIG, &strict, &["new.toml"]);
    assert_eq!(code, Some(1), "{text}");
    let why = "12.5% of the clients of data move, and guard.max_moved allows 10%";
    assert!(text.contains(why), "{text}");
    // The current config's rule does not bind the new one; that it is lifted is a loss.
    let (text, code) = run(&strict, CONFIG, &["new.toml"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("1 loss of guard") && !text.contains("guard.max_moved allows"),
        "{text}"
    );
    assert_eq!(run(CONFIG, &moved, &[]).1, Some(2));
    assert_eq!(run(CONFIG, "[server", &["new.toml"]).1, Some(1));
    assert_eq!(
        run(CONFIG, CONFIG, &["config.toml", "--config", "new.toml"]).1,
        Some(0)
    );
}

#[test]
fn the_artefact_is_whole_and_the_same_each_time() {
    let new = with(&[
        ("weight = 300", "weight = 100"),
        ("outside = [\"EEA\", \"CA\"]", "outside = \"any\""),
    ]);
    let (text, code) = run(CONFIG, &new, &["new.toml", "--json"]);
    assert_eq!(code, Some(1), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["result"], "refused");
    assert_eq!(json["broken"][0]["rule"], "fence");
    assert_eq!(json["current"]["files"][0]["path"], "config.toml");
    assert_eq!(json["new"]["files"][0]["path"], "new.toml");
    let first = &json["services"][0]["moves"][0];
    assert_eq!(first["from"]["name"], "toronto: tor-a");
    assert_eq!(first["from"]["addresses"][0], "192.0.2.30");
    assert_eq!(first["clients"]["size"], 192);
    assert_eq!(json["losses"][0]["kind"], "fence");
    assert_eq!(json["failures"].as_array().unwrap().len(), 4 + 2 + 6);
    assert_eq!(json["failures"][0]["kind"], "region");
    let strip = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("\"judged_at\""));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(
        strip(&text),
        strip(&run(CONFIG, &new, &["new.toml", "--json"]).0)
    );
}

/// New addresses are tried before anybody is sent there; what the config in use probes as well is not.
#[test]
fn what_is_new_is_probed_once_on_demand() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let current = with(&[("port = 80", &format!("port = {port}"))]);
    let machine = |name: &str, address: &str| {
        format!(
            "[[regions.frankfurt.endpoints]]\nname = \"{name}\"\nprovider = \"acme\"\ntier = 2\n{address}\n[regions.iceland]"
        )
    };
    let add = |text: &str, machine: String| text.replacen("[regions.iceland]", &machine, 1);
    let sound = add(&current, machine("fra-c", "addresses = [\"127.0.0.1\"]"));
    let (text, code) = run(&current, &sound, &["new.toml", "--probe"]);
    assert_eq!(code, Some(0), "{text}");
    let tried = format!("  web of fra-c at 127.0.0.1:{port}: passes in ");
    assert!(
        text.contains("1 of 1 pass\n") && text.contains(&tried),
        "{text}"
    );
    let named = "hostname = \"machine.example.net\"\njurisdiction = \"EEA\"";
    let dead = add(&sound, machine("fra-d", "addresses = [\"127.0.0.2\"]"));
    let dead = add(&dead, machine("fra-e", named));
    let (text, code) = run(&current, &dead, &["new.toml", "--probe"]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "1 of 2 pass\n",
        &format!("  web of fra-d at 127.0.0.2:{port}: fails: connection refused\n"),
        "  not tried, known by name: fra-e\n",
    ] {
        assert!(text.contains(part), "{part}{text}");
    }
    let (text, code) = run(&current, &dead, &["new.toml", "--probe", "--json"]);
    assert_eq!(code, Some(1), "{text}");
    let trials = serde_json::from_str::<serde_json::Value>(&text).unwrap()["trials"].take();
    assert_eq!(trials["probes"][0]["passed"], true);
    assert_eq!(trials["probes"][1]["cause"], "refused");
    assert_eq!(trials["not_tried"][0], "fra-e");
    let (text, code) = run(&current, &dead, &["new.toml"]);
    assert_eq!(
        code,
        Some(0),
        "nothing is probed that was not asked for: {text}"
    );
    let (text, code) = run(&sound, &sound, &["new.toml", "--probe"]);
    assert!(
        code == Some(0) && text.contains("nothing is probed that was not before\n"),
        "{text}"
    );
}
