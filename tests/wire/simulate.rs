//! `waypost simulate`, by the real program: each shipped scenario has a golden summary, each broken
//! one the words that must be said of it.
//!
//! `scenarios/NAME.toml` has its summary in `tests/simulate/NAME.txt`; so has a broken scenario
//! `tests/simulate/NAME.toml`. `UPDATE_SNAPSHOTS=1 cargo test --test wire simulate` writes them anew: read
//! the difference before it is committed.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::style;

/// Plays a scenario: what it prints, what it complains of, and its exit code.
fn simulate(scenario: &Path, more: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.arg("simulate").arg(scenario).args(more);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

fn json(scenario: &str, more: &[&str]) -> Value {
    let all = [&["--json"], more].concat();
    let (text, told, _) = simulate(Path::new(scenario), &all);
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}\n{text}{told}"))
}

fn scenarios(folder: &str) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files
        .filter(|path| !path.ends_with("platform.toml"))
        .collect()
}

fn golden(name: &Path) -> PathBuf {
    let stem = name.file_stem().unwrap();
    Path::new("tests/simulate").join(stem).with_extension("txt")
}

/// Holds texts against their golden ones, or writes those.
fn hold(found: &[(PathBuf, String)]) {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for (path, text) in found {
        if update {
            fs::write(path, text).unwrap();
        } else if fs::read_to_string(path).unwrap_or_default() != *text {
            wrong.push(format!("--- {} ---\n{text}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_shipped_scenario_has_its_golden_summary() {
    let all = scenarios("scenarios");
    assert!(all.len() >= 8, "{all:?}");
    let played = all.iter().map(|scenario| {
        let (text, told, code) = simulate(scenario, &[]);
        assert_eq!(
            (told.as_str(), code),
            ("", Some(0)),
            "{}",
            scenario.display()
        );
        (golden(scenario), text)
    });
    hold(&played.collect::<Vec<_>>());
}

/// Whether a page's transcript is what was printed, line by line; `…` stands for lines that are left out.
fn shows(shown: &str, printed: &str) -> Result<(), String> {
    let (mut printed, mut is_cut) = (printed.lines(), false);
    for line in shown.lines() {
        let is_there = match is_cut {
            true => printed.any(|own| own == line),
            false => line == "…" || printed.next() == Some(line),
        };
        is_cut = line == "…";
        if !is_there {
            return Err(line.to_owned());
        }
    }
    Ok(())
}

/// The golden summaries are what is printed, as another test sees to.
#[test]
fn transcripts_of_the_book_are_what_is_printed() {
    let mut count = 0;
    for page in ["explanation/costs.md", "how-to/drill.md"] {
        let text = fs::read_to_string(Path::new("docs/src").join(page)).unwrap();
        for block in text
            .split("```console\n$ waypost simulate scenarios/")
            .skip(1)
        {
            let (name, shown) = block.split_once('\n').unwrap();
            let (shown, _) = shown.split_once("```").unwrap();
            let printed = fs::read_to_string(golden(Path::new(name))).unwrap();
            assert_eq!(shows(shown, &printed), Ok(()), "{page}: {name}\n{printed}");
            let bent = shown.replace("0 answers", "1 answers");
            assert!(shows(&bent, &printed).is_err(), "{page}: {name}");
            count += 1;
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn each_broken_scenario_is_told_what_is_wrong_with_it_and_where() {
    let all = scenarios("tests/simulate");
    assert!(all.len() >= 2, "{all:?}");
    let told = all.iter().map(|scenario| {
        let (text, told, code) = simulate(scenario, &[]);
        assert_eq!(
            (text.as_str(), code),
            ("", Some(1)),
            "{}",
            scenario.display()
        );
        (golden(scenario), told)
    });
    hold(&told.collect::<Vec<_>>());
}

#[test]
fn a_seed_decides_and_the_same_seed_decides_the_same() {
    let of = |seed| json("scenarios/flapping-endpoint.toml", &["--seed", seed]);
    assert_eq!(of("7"), of("7"));
    assert_ne!(of("7")["timeline"], of("8")["timeline"]);
}

/// What a provider's outage must come to, whatever its golden summary says.
#[test]
fn what_clients_felt_fits_what_happened() {
    let summary = json("scenarios/provider-outage.toml", &[]);
    assert_eq!(summary["fence_breaches"], 0);
    for row in summary["clients"].as_array().unwrap() {
        let felt = row["unavailable_ms"].as_u64().unwrap();
        if row["prefer"] == "eu-frankfurt" {
            // Noticed within 15 s (three probes and a time-out), forgotten within 30 s (the TTL).
            assert!((1..45_000).contains(&felt), "{row}");
            assert!(row["longest_ms"].as_u64().unwrap() < 45_000, "{row}");
        } else {
            assert_eq!(felt, 0, "{row}");
        }
    }
    let named = |name: &str| {
        let endpoints = summary["endpoints"].as_array().unwrap();
        endpoints.iter().find(|own| own["name"] == name).unwrap()
    };
    let counts = |name: &str| (named(name)["falls"].clone(), named(name)["returns"].clone());
    assert_eq!(counts("fra-hetzner"), (1.into(), 1.into()));
    assert_eq!(counts("tor-digitalocean"), (0.into(), 0.into()));
    assert!(summary["moves"]["most_in_one_ramp"].as_u64().unwrap() <= 1);
    for switch in summary["switches"].as_array().unwrap() {
        let [longest, bound] = ["longest_ms", "bound_ms"].map(|key| switch[key].as_u64().unwrap());
        assert!(longest <= bound, "{switch}");
    }
    // 8 endpoints, each probed every 5 s by itself and as a gate, for an hour, with some jitter.
    let probes = summary["probes"].as_u64().unwrap();
    assert!((11_000..16_000).contains(&probes), "{probes}");
}

/// Of a machine that is slow, and what its monitor makes of it.
fn slowed(event: &str) -> Value {
    planned_by(
        &PLANNED.replace(
            "port = 80",
            "port = 80\ntimeout = \"2s\"\nslow_after = \"300ms\"\ndegraded = \"20%\"",
        ),
        &format!("[[events]]\nat = \"10m\"\n{event}\nfor = \"10m\"\n"),
    )
}

#[test]
fn an_endpoint_that_is_slow_sheds_load_and_loses_nobody() {
    let summary = slowed("slow = { of = \"fra-a\", by = \"700ms\" }");
    let told = &summary["timeline"];
    let begins = line(&summary, "fra-a is slower by 700ms");
    assert_eq!(begins, Some(600_000), "{told:#}");
    let shed = line(&summary, "fra-a v4: healthy -> degraded, share 20%").expect("it sheds load");
    // Three probes at the most, 5 s apart.
    assert!((600_000..620_000).contains(&shed), "{shed}");
    assert!(line(&summary, "degraded -> healthy").is_some(), "{told:#}");
    assert_eq!(summary["lost_ppm"], 0);
    let slow = |summary: &Value, name: &str| {
        let all = summary["endpoints"].as_array().unwrap();
        let own = all.iter().find(|one| one["name"] == name).unwrap();
        own["slow_ppm"].as_u64().unwrap()
    };
    // A fifth of its clients for a quarter of the time, when it carries less.
    assert!(
        (1..250_000).contains(&slow(&summary, "fra-a")),
        "{}",
        slow(&summary, "fra-a")
    );
    assert_eq!(slow(&summary, "fra-b"), 0);
    // Too little to be late: nobody is sent elsewhere, and all of what it carries waits.
    let unseen = slowed("slow = { of = \"fra-a\", by = \"100ms\" }");
    assert_eq!(line(&unseen, "degraded"), None);
    assert!(slow(&unseen, "fra-a") > slow(&summary, "fra-a"));
    // Later than the monitor waits: it is down, and its clients have felt it.
    let gone = slowed("slow = { of = \"fra-a\", by = \"2s\" }");
    assert!(line(&gone, "healthy -> down").is_some());
    assert!(gone["lost_ppm"].as_u64().unwrap() > 0);
    assert_eq!(slow(&gone, "fra-a"), 0, "nobody is served");
}

#[test]
fn its_json_is_of_the_one_style_and_so_is_what_it_says_of_a_failure() {
    let counts = [
        "capacity",
        "class",
        "falls",
        "fence_breaches",
        "most",
        "most_in_one_ramp",
        "probes",
        "queries",
        "ramps",
        "resolvers",
        "returns",
        "seed",
        "tables",
        "timeline_left_out",
        "times",
    ];
    let summary = json("scenarios/slow-endpoint.toml", &[]);
    assert!(style::check(&summary, &counts) > 200);
    let (text, told, code) = simulate(Path::new("none.toml"), &["--json"]);
    let problem: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    assert!(
        problem["detail"].as_str().unwrap().contains("none.toml"),
        "{problem}"
    );
    assert!(code == Some(1) && told.contains("none.toml"), "{told}");
}

#[test]
fn the_page_opens_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let scenario = Path::new("scenarios/region-outage.toml");
    let (_, told, code) = simulate(scenario, &["--report", page.to_str().unwrap()]);
    assert_eq!((told.as_str(), code), ("", Some(0)));
    let page = fs::read_to_string(page).unwrap();
    for needed in [
        "<!doctype html>",
        "Frankfurt is lost",
        "<svg",
        "fra-hetzner",
        "</html>",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
    for foreign in ["<script", "http://", "https://", "url(", "@import", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for tag in ["svg", "section", "table", "g", "ul"] {
        let count = |text: &str| page.matches(text).count();
        let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
    }
}

#[test]
fn a_report_that_cannot_be_written_and_a_scenario_that_is_not_there_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none/report.html");
    let scenario = Path::new("scenarios/provider-outage.toml");
    let (text, told, code) = simulate(scenario, &["--report", nowhere.to_str().unwrap()]);
    assert!(told.contains("none/report.html"), "{told}");
    assert!(
        text.contains("A provider is lost"),
        "the summary is there: {text}"
    );
    assert_eq!(code, Some(1));
    let torn = Path::new("tests/simulate/torn.toml");
    let (_, told, code) = simulate(torn, &["--config", "none.toml"]);
    assert!(
        told.contains("torn.toml:1:28"),
        "its own error comes first: {told}"
    );
    assert_eq!(code, Some(1));
    let (_, told, code) = simulate(Path::new("none.toml"), &[]);
    assert!(told.contains("none.toml"), "{told}");
    assert_eq!(code, Some(1));
}

/// Two machines of Frankfurt, the second one planned to be taken out, and a service of which one machine is known by name.
const PLANNED: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
[[zones]]
name = "example.org"
file = "example.org.zone"
[regions.fra]
location = [50.11, 8.68]
[monitors.web]
type = "tcp"
port = 80
[[maintenance]]
name = "patches"
scope = "fra-b"
start = "2027-03-21T02:30:00"
timezone = "Europe/Berlin"
duration = "20m"
lead = "5m"
recurrence = "FREQ=WEEKLY"
[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
[[services.api.endpoints]]
name = "fra-a"
region = "fra"
provider = "acme"
addresses = ["192.0.2.10"]
[[services.api.endpoints]]
name = "fra-b"
region = "fra"
provider = "acme"
addresses = ["192.0.2.11"]
[services.www]
hostnames = ["www.example.org"]
monitors = ["web"]
[[services.www.endpoints]]
name = "cdn"
region = "fra"
provider = "cdn-a"
hostname = "example.cdn-a.test"
[services.flat]
hostnames = ["flat.example.org"]
monitors = ["web"]
[[services.flat.endpoints]]
name = "flat-cdn"
region = "fra"
provider = "cdn-a"
hostname = "example.cdn-a.test"
flatten = true
"#;

/// Plays a scenario of half an hour against that.
fn planned(scenario: &str) -> Value {
    planned_by(PLANNED, scenario)
}

fn planned_by(config: &str, scenario: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("config.toml", config);
    write(
        "example.org.zone",
        "$TTL 3600\n@ SOA ns host 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n",
    );
    let head = "title = \"t\"\nconfig = \"config.toml\"\nduration = \"40m\"\n";
    write("scenario.toml", &format!("{head}{scenario}"));
    json(folder.path().join("scenario.toml").to_str().unwrap(), &[])
}

/// The line of the timeline that has this in it, in milliseconds.
fn line(summary: &Value, part: &str) -> Option<u64> {
    let lines = summary["timeline"].as_array().unwrap();
    let found = lines
        .iter()
        .find(|line| line["text"].as_str().unwrap().contains(part));
    found.map(|line| line["at_ms"].as_u64().unwrap())
}

#[test]
fn a_planned_window_drains_at_the_civil_time_that_the_scenario_begins_at() {
    // In Berlin there is no 02:30 on 28 March 2027: it is 01:30 in UTC, and clients are led away 5 minutes before.
    let summary = planned("begins = \"2027-03-28T01:15:00Z\"");
    let drained = line(&summary, "drain: fra-b");
    assert!(
        drained.is_some_and(|at| (600_000..601_000).contains(&at)),
        "{drained:?} {:#}",
        summary["timeline"]
    );
    assert!(
        line(&summary, "fra-b v4: healthy -> draining").is_some(),
        "{:#}",
        summary["timeline"]
    );
    let otherwise = planned("");
    assert_eq!(line(&otherwise, "drain"), None, "no civil time");
    let earlier = planned("begins = \"2027-03-28T00:15:00Z\"");
    assert_eq!(line(&earlier, "drain"), None, "an hour too early");
}

#[test]
fn clients_of_an_alias_feel_it_when_its_name_does_not_resolve() {
    let lost = |scenario: &str, service: &str| {
        let summary = planned(scenario);
        let rows = summary["clients"].as_array().unwrap().clone();
        let own = rows.iter().filter(|row| row["service"] == service);
        own.map(|row| row["longest_ms"].as_u64().unwrap()).max()
    };
    assert_eq!(lost("", "www"), Some(0), "an alias is an answer");
    let gone = "[[events]]\nat = \"10m\"\nunresolved = \"cdn-a\"\nfor = \"10m\"\n";
    let felt = lost(gone, "www").unwrap();
    // What they hold lasts no longer than its TTL.
    assert!((500_000..=605_000).contains(&felt), "{felt}");
    assert_eq!(lost(gone, "flat"), Some(0), "its last good addresses stay");
    assert_eq!(lost(gone, "api"), Some(0));
}

#[test]
fn clients_go_on_asking_where_a_machine_was_until_what_they_hold_runs_out() {
    let moves =
        "[[events]]\nat = \"10m\"\naddresses = { of = \"flat-cdn\", to = [\"203.0.113.7\"] }\n";
    let summary = planned(moves);
    let moved = line(&summary, "flat-cdn moves to 203.0.113.7");
    assert_eq!(moved, Some(600_000));
    let rows = summary["clients"].as_array().unwrap();
    let felt = |service: &str| {
        let own = rows.iter().filter(|row| row["service"] == service);
        own.map(|row| row["longest_ms"].as_u64().unwrap()).max()
    };
    let flat = felt("flat").unwrap();
    assert!((1_000..=60_000).contains(&flat), "{flat}");
    assert_eq!(felt("api"), Some(0));
    assert_eq!(summary["fence_breaches"], 0);
}
