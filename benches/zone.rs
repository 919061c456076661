//! The time and memory that a zone takes; what is measured stands in `benches/cases/zone.rs`.
//!
//! `cargo bench --bench zone`. Before the times stands a table of what one load takes on its own,
//! in a process that does nothing else, as the system accounts for it: the CPU time of the load,
//! what the zone holds once the text is gone, and the most that was held on the way, the text
//! included. The bars: 1,000,000 names loaded in at most 1.5 times Knot's time, and no more memory.
#![expect(clippy::print_stdout, reason = "the table is for whoever runs it")]
use std::env;
use std::fs;
use std::process::Command;

use criterion::{Criterion, criterion_group};

mod cases;
#[path = "cases/zone.rs"]
mod subject;
mod timing;

/// Tells this program to load one zone of so many names, and to say what that took.
const ALONE: &str = "WAYPOST_BENCH_NAMES";

fn main() {
    if let Ok(names) = env::var(ALONE) {
        return load_alone(names.parse().expect("a number of names"));
    }
    // With a filter, someone wants to see one case again.
    if env::args().skip(1).eq(["--bench"]) {
        accounts();
    }
    times();
    Criterion::default().configure_from_args().final_summary();
}

fn time(criterion: &mut Criterion) {
    timing::time(criterion, subject::cases());
}

criterion_group!(
    name = times;
    config = Criterion::default().sample_size(10);
    targets = time
);

/// One process for each size, so that none profits from memory that another has left.
fn accounts() {
    println!("| names | text MB | CPU ms | zone MB | most MB |\n|---|---|---|---|---|");
    for names in [10_000, 100_000, 1_000_000] {
        let own = env::current_exe().expect("a program knows its path");
        let status = Command::new(own).env(ALONE, names.to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "{names} names");
    }
}

fn load_alone(names: u32) {
    let text = subject::master_file(names);
    let size = text.len() as u64 / 1024;
    let (empty, start) = (kilobytes("VmRSS:"), cpu_ms());
    let zone = subject::build(&text);
    let (milliseconds, most) = (cpu_ms() - start, kilobytes("VmHWM:"));
    drop(text);
    let held = (kilobytes("VmRSS:") + size).saturating_sub(empty);
    let [size, held, most] = [size, held, most].map(|size| (size + 512) / 1024);
    println!("| {names} | {size} | {milliseconds} | {held} | {most} |");
    drop(zone);
}

/// A line of what the system knows of this process (proc(5)).
fn kilobytes(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let number = found.and_then(|text| text.split_whitespace().next());
    number
        .and_then(|text| text.parse().ok())
        .expect("a size in kB")
}

/// User and system time so far.
fn cpu_ms() -> u64 {
    let text = fs::read_to_string("/proc/self/schedstat").expect("Linux");
    let nanoseconds = text.split_whitespace().next();
    let nanoseconds: Option<u64> = nanoseconds.and_then(|text| text.parse().ok());
    nanoseconds.expect("a time in nanoseconds") / 1_000_000
}
