//! How the cost of a config grows with each thing that there can be many of, as a picture.
//!
//! `cargo bench --bench growth [-- NAME…] [--most TIMES]`. For each of names, signed, zones, endpoints, services, networks and
//! secondaries it writes configs of 1 % to `TIMES` times (1 unless said) the size that the project promises, has
//! `waypost check --cost` read, compile, build, sign and render each, and takes the processor time and the memory that the
//! kernel charged it. What a config of the smallest size takes in any case (some 30 ms) is part of every figure, so that curves
//! begin flat.
//!
//! It prints a table, writes `docs/src/images/growth.svg`, and exits 1 if between the two largest sizes a cost grew
//! faster than n log n, by more than a quarter.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that measures: it waits and prints"
)]
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

#[path = "../cases/cities.rs"]
mod cities;
mod picture;
mod worlds;

use worlds::World;

/// Parts of the whole size, in hundredths.
const PARTS: [usize; 7] = [1, 3, 10, 30, 100, 300, 1000];
/// What a growth may exceed n log n by before it counts.
const SLACK: f64 = 1.25;

/// What one size took.
#[derive(Clone, Copy, Debug)]
struct Took {
    size: usize,
    seconds: f64,
    megabytes: f64,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let most = words.iter().position(|word| word == "--most");
    let most: usize = most.map_or(1, |place| words[place + 1].parse().unwrap());
    let wanted = |world: &World| {
        let names = words.iter().filter(|word| World::named(word).is_some());
        let mut names = names.peekable();
        names.peek().is_none() || names.any(|name| *name == world.name)
    };
    let mut curves = Vec::new();
    for world in World::ALL.iter().filter(|world| wanted(world)) {
        let parts = PARTS.iter().filter(|part| **part <= most * 100);
        let sizes = parts.map(|part| (world.whole * part / 100).max(1));
        let took: Vec<Took> = sizes.map(|size| measure(world, size)).collect();
        curves.push((world.name, took));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/images/growth.svg");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, picture::draw(&curves)).unwrap();
    println!("wrote docs/src/images/growth.svg");
    let steep = curves.iter().filter(|(name, took)| is_steep(name, took));
    match steep.count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Has one config judged, and takes what the kernel says of it.
fn measure(world: &World, size: usize) -> Took {
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path(), size);
    let before = charged();
    let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(["check", "--cost", "--json"])
        .current_dir(folder.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let seconds = charged() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let said: serde_json::Value = serde_json::from_str(&text).unwrap();
    let bytes = said["cost"]["memory_bytes"].as_f64();
    let bytes = bytes.unwrap_or_else(|| panic!("{} of {}: {text}", size, world.name));
    let took = Took {
        size,
        seconds,
        megabytes: bytes / 1e6,
    };
    println!(
        "{:<12} {size:>10}  {:>9.3} CPU s  {:>9.1} MB",
        world.name, took.seconds, took.megabytes
    );
    took
}

/// Processor time of children that have ended, in seconds.
fn charged() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    let seconds = times.map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
    seconds.iter().sum()
}

/// Whether the last step was steeper than n log n.
fn is_steep(name: &str, took: &[Took]) -> bool {
    let [.., before, last] = took else {
        return false;
    };
    let order = |size: usize| size as f64 * (size.max(2) as f64).ln();
    let allowed = order(last.size) / order(before.size) * SLACK;
    let grew = [
        ("processor time", last.seconds / before.seconds),
        ("memory", last.megabytes / before.megabytes),
    ];
    let steep = grew.iter().filter(|(_, grew)| *grew > allowed);
    let told = steep.inspect(|(what, grew)| {
        println!(
            "{name}: {what} grew {grew:.1} times, n log n {:.1} times",
            allowed / SLACK
        );
    });
    told.count() > 0
}
