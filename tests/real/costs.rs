//! What `check --cost` says of a config, beside what a server with it is then seen to hold and do.
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{Process, World, dig, get, run, wait_for};

/// What an estimate may be off by.
const OFF: f64 = 0.2;
/// Time over which probes and connections are counted.
const COUNTED: Duration = Duration::from_secs(10);

/// What precedes the services of a config.
const HEAD: &str = r#"
[server]
listen = ["127.0.0.20:53"]

[control]
listen = "127.0.0.1:8053"

[[zones]]
name = "example.org"
file = "zones/example.org.zone"
"#;

/// A config with so many endpoints in four regions and so many services, all probed on port 8080.
fn config(zone: &str, monitor: &str, endpoints: usize, services: usize) -> String {
    let mut text = format!(
        "{HEAD}{zone}\n[monitors.web]\nport = 8080\ninterval = \"1s\"\ntimeout = \"900ms\"\n{monitor}\n"
    );
    for region in 0..4 {
        let longitude = region * 40;
        writeln!(
            text,
            "[regions.region-{region}]\nlocation = [10, {longitude}]"
        )
        .unwrap();
    }
    for number in 0..endpoints {
        let (region, high, low) = (number % 4, number / 200, number % 200 + 1);
        writeln!(
            text,
            "[[regions.region-{region}.endpoints]]\nname = \"endpoint-{number}\"\nprovider = \"own\"\naddresses = [\"127.1.{high}.{low}\"]"
        )
        .unwrap();
    }
    for number in 0..services {
        writeln!(
            text,
            "[services.service-{number}]\nhostnames = [\"s{number}.example.org\"]\nmonitors = [\"web\"]"
        )
        .unwrap();
    }
    text
}

fn zone(names: usize) -> String {
    let mut text =
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.20\n"
            .to_owned();
    for number in 0..names {
        writeln!(text, "host-{number} A 192.0.2.{}", number % 250).unwrap();
    }
    text
}

/// Takes connections on port 8080 of every address, answers one request over each, and counts them.
fn backend() -> Arc<AtomicU64> {
    let listener = TcpListener::bind("0.0.0.0:8080").unwrap();
    let taken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || answer_all(stream.unwrap()));
        }
    });
    taken
}

/// Answers every request over one connection, until it is closed.
fn answer_all(mut stream: TcpStream) {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        request.extend_from_slice(&piece[..count]);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwell\n";
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}

/// The value of a series without labels, or the sum of those whose line begins so.
fn metric(begin: &str) -> f64 {
    let (_, body) = get("/metrics").unwrap();
    let lines = body.lines().filter(|line| line.starts_with(begin));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

/// Probes that have ended so far.
fn probes() -> f64 {
    let (_, body) = get("/metrics").unwrap();
    let counts = body.lines().filter(|line| {
        line.starts_with("waypost_probe_duration_seconds_count") && line.contains("phase=\"total\"")
    });
    let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    counts.sum()
}

fn all_healthy(endpoints: usize) -> bool {
    (metric("waypost_endpoint_up{") - endpoints as f64).abs() < 0.5
}

fn private_bytes(process: &Process) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024.0
}

/// What `check --cost` says.
fn told(world: &World) -> Value {
    let config = world.path("config.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(["check", "--cost", "--json", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    said["cost"].clone()
}

fn near(what: &str, told: &Value, seen: f64) {
    let told = told.as_f64().unwrap();
    assert!(
        (told - seen).abs() <= seen * OFF,
        "{what}: {told} was told, {seen} is seen"
    );
}

/// Holds what is told of the world's config beside what its server does.
fn compare(world: &World, endpoints: usize) {
    let cost = told(world);
    let taken = backend();
    let waypost = world.waypost();
    wait_for("every endpoint to be up", || all_healthy(endpoints));
    wait_for("its zones", || {
        metric("waypost_zone_signatures_lacking") == 0.0
    });
    let (began, probed) = (Instant::now(), probes());
    let connected = taken.load(Ordering::Relaxed);
    std::thread::sleep(COUNTED);
    let probed = probes() - probed;
    let connected = taken.load(Ordering::Relaxed) - connected;
    let seconds = began.elapsed().as_secs_f64();
    near("probes", &cost["probes_per_second"], probed / seconds);
    let kept = cost["connections_per_second"].as_f64().unwrap() < 1.0;
    if kept {
        // One in ten minutes is told for each; on a machine that is busy, some probes fail, and are dialled again.
        assert!(
            (connected as f64) < probed * OFF,
            "{connected} connections of {probed} probes"
        );
    } else {
        near(
            "connections",
            &cost["connections_per_second"],
            connected as f64 / seconds,
        );
    }
    near("memory", &cost["memory_bytes"], private_bytes(&waypost));
    let (_, scrape) = get("/metrics").unwrap();
    let series = scrape
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("waypost_queries_total"));
    near("series", &cost["metric_series"], series.count() as f64);
    near("scrape", &cost["scrape_bytes"], scrape.len() as f64);
    near(
        "table",
        &cost["table_entries"],
        metric("waypost_table_entries "),
    );
    near(
        "signatures",
        &cost["signatures_at_start"],
        metric("waypost_zone_signatures_made_total{"),
    );
    for transfer in cost["transfers"].as_array().unwrap() {
        let name = transfer["zone"].as_str().unwrap();
        let text = dig(&["+time=30", "@127.0.0.20", "-b", "127.0.0.2", name, "AXFR"]);
        let size = text.lines().find(|line| line.starts_with(";; XFR size:"));
        let size = size.unwrap_or_else(|| panic!("no transfer of {name}: {text}"));
        let (_, octets) = size.rsplit_once("bytes ").unwrap();
        near(
            "transfer",
            &transfer["bytes"],
            octets.trim_end_matches(')').parse().unwrap(),
        );
    }
}

#[test]
fn a_small_config_costs_what_is_told() {
    let world = World::new();
    world.write(
        "config.toml",
        &config("", "type = \"http\"\nhost = \"www.example.org\"", 8, 3),
    );
    world.write("zones/example.org.zone", &zone(10));
    compare(&world, 8);
}

#[test]
fn many_endpoints_and_services_cost_what_is_told() {
    let world = World::new();
    let monitor = "type = \"http\"\nhost = \"www.example.org\"\nreuse = true";
    world.write("config.toml", &config("", monitor, 400, 60));
    world.write("zones/example.org.zone", &zone(10));
    compare(&world, 400);
}

#[test]
fn a_signed_zone_that_is_given_away_costs_what_is_told() {
    let world = World::new();
    let zone_keys = "dnssec = { keys = \"keys\" }\ntransfer = { to = [\"127.0.0.2/32\"] }";
    world.write("config.toml", &config(zone_keys, "type = \"tcp\"", 4, 2));
    world.write("zones/example.org.zone", &zone(2000));
    let config = world.path("config.toml");
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &[
            "keys",
            "generate",
            "example.org",
            "--config",
            config.to_str().unwrap(),
        ],
    );
    assert!(well, "{text}");
    compare(&world, 4);
}
