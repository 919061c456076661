//! A day of a platform in virtual time: 20 services in 8 regions, every machine probed every 5 s for
//! each service by itself, clients of all classes, and an outage every three hours.
//!
//! `cargo bench --bench simulate`; the figure is processor time, which neighbours disturb least.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench is run by hand"
)]
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

const SERVICES: usize = 20;
const ROUNDS: usize = 3;
/// Name, latitude, longitude and what it serves.
const REGIONS: [(&str, i32, i32, &str); 8] = [
    ("frankfurt", 50, 8, "EU"),
    ("toronto", 43, -79, "NA"),
    ("singapore", 1, 103, "AS"),
    ("reykjavik", 64, -21, "IS"),
    ("sydney", -33, 151, "OC"),
    ("saopaulo", -23, -46, "SA"),
    ("capetown", -33, 18, "AF"),
    ("tokyo", 35, 139, "JP"),
];

fn config() -> String {
    let mut text = "[server]\nlisten = [\"127.0.0.1:5300\"]\n[[zones]]\nname = \"example.org\"\n\
                    file = \"example.org.zone\"\n[monitors.web]\ntype = \"http\"\n"
        .to_owned();
    for (number, (name, latitude, longitude, serves)) in REGIONS.iter().enumerate() {
        write!(
            text,
            "[regions.{name}]\nlocation = [{latitude}, {longitude}]\nserves = [\"{serves}\"]\n\
             [[regions.{name}.endpoints]]\nname = \"{name}-a\"\nprovider = \"a\"\n\
             addresses = [\"127.1.{number}.1\"]\n\
             [[regions.{name}.endpoints]]\nname = \"{name}-b\"\nprovider = \"b\"\ntier = 2\n\
             addresses = [\"127.1.{number}.2\"]\n"
        )
        .unwrap();
    }
    for number in 0..SERVICES {
        write!(
            text,
            "[services.s{number}]\nhostnames = [\"s{number}.example.org\"]\nmonitors = [\"web\"]\n"
        )
        .unwrap();
    }
    text
}

fn scenario() -> String {
    let mut text = "title = \"A day\"\nduration = \"24h\"\n".to_owned();
    for (number, (name, ..)) in REGIONS.iter().enumerate() {
        let hour = number * 3 + 1;
        write!(
            text,
            "[[events]]\nat = \"{hour}h\"\nkill = \"{name}\"\nfor = \"20m\"\n"
        )
        .unwrap();
    }
    text
}

/// Processor time of children so far, in seconds.
fn spent() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("config.toml"), config()).unwrap();
    fs::write(path("day.toml"), scenario()).unwrap();
    let zone = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\n";
    fs::write(path("example.org.zone"), zone).unwrap();
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| round(&path)).collect();
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (cpu, wall) = rounds[ROUNDS / 2];
    println!("median of {ROUNDS}: {cpu:.2} s of processor time, {wall:.2} s by the clock");
}

fn round(path: &dyn Fn(&str) -> std::path::PathBuf) -> (f64, f64) {
    let (before, start) = (spent(), Instant::now());
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.arg("simulate").arg(path("day.toml"));
    command.arg("--config").arg(path("config.toml"));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (cpu, wall) = (spent() - before, start.elapsed().as_secs_f64());
    let head = text.lines().nth(1).unwrap_or_default();
    println!("{head}: {cpu:.2} s of processor time, {wall:.2} s by the clock");
    (cpu, wall)
}
