//! How many instructions each case takes, counted by valgrind's callgrind: a figure that a shared
//! machine and its other tenants cannot change, beside the times that criterion takes.
//!
//! `cargo bench --bench counts`, or with a part of a name behind `--` for the cases that have it.
//! The program runs itself under callgrind, once for each case, with a single operation; if that
//! is short, once more with [`MANY`] on top, and the difference is divided by them, so that what
//! only the first operation does (a first allocation, a symbol that is resolved) is left out. Only
//! what happens inside of [`count_operations`] is counted: preparing a case is not.
//!
//! It does not know how long an instruction takes. A look-up in a large table has few of them and
//! waits for memory all the same; that is for the times to say.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is for whoever runs it"
)]
use std::env;
use std::io::ErrorKind;
use std::process::{Command, ExitCode, Output};

use waypost::base;
use waypost::dns;
use waypost::geo;
use waypost::plan;

mod cases;
#[path = "cases/answer.rs"]
mod of_answer;
#[path = "cases/engine.rs"]
mod of_engine;
#[path = "cases/geo.rs"]
mod of_geo;
#[path = "cases/table.rs"]
mod of_table;
#[path = "cases/zone.rs"]
mod of_zone;

use cases::Case;

/// Tells this program which case to run.
const CASE: &str = "WAYPOST_BENCH_CASE";
/// Tells it how often.
const TIMES: &str = "WAYPOST_BENCH_TIMES";
/// Operations of the second count, beside the one of the first.
const MANY: u64 = 4096;
/// An operation of so many instructions is counted once.
const LONG: u64 = 1_000_000;

fn main() -> ExitCode {
    let cases = [
        of_answer::cases(),
        of_table::cases(),
        of_engine::cases(),
        of_geo::cases(),
        of_zone::cases(),
    ]
    .concat();
    if let Ok(name) = env::var(CASE) {
        run(&cases, &name);
        return ExitCode::SUCCESS;
    }
    let (options, parts): (Vec<_>, Vec<_>) = env::args()
        .skip(1)
        .partition(|argument| argument.starts_with('-'));
    if !options.contains(&"--bench".to_owned()) {
        println!("counting takes minutes: `cargo bench --bench counts`");
        return ExitCode::SUCCESS;
    }
    let wanted = |case: &&Case| parts.iter().all(|part| case.name.contains(part));
    match print(cases.iter().filter(wanted)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn print<'c>(cases: impl Iterator<Item = &'c Case>) -> Result<(), String> {
    println!("| case | instructions | operations counted |\n|---|---|---|");
    for case in cases {
        let one = collected(case, 1)?;
        let (instructions, operations) = if one < LONG {
            let more = collected(case, 1 + MANY)?;
            (more.saturating_sub(one) / MANY, MANY)
        } else {
            (one, 1)
        };
        println!("| {} | {instructions} | {operations} |", case.name);
    }
    Ok(())
}

/// What callgrind collects while a case runs so many times.
fn collected(case: &Case, times: u64) -> Result<u64, String> {
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*count_operations*")
        .arg(own)
        .env(CASE, case.name)
        .env(TIMES, times.to_string())
        .output();
    let output = output.map_err(|error| match error.kind() == ErrorKind::NotFound {
        true => "valgrind is not installed: `apt-get install valgrind` (Debian package `valgrind`)"
            .to_owned(),
        false => format!("valgrind does not run: {error}"),
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    sum(&output, &said).ok_or_else(|| format!("`{}` was not counted:\n{said}", case.name))
}

/// `==12345== Collected : 987654321`; zero means that the function was not found.
fn sum(output: &Output, said: &str) -> Option<u64> {
    let (_, rest) = said.split_once("Collected :")?;
    let number: u64 = rest.split_whitespace().next()?.parse().ok()?;
    (output.status.success() && number > 0).then_some(number)
}

/// What runs under callgrind.
fn run(cases: &[Case], name: &str) {
    let case = cases.iter().find(|case| case.name == name);
    let mut operation = (case.expect("the parent names a case it has").prepare)();
    let times = env::var(TIMES).expect("the parent says how often");
    count_operations(&mut *operation, times.parse().expect("a number"));
}

/// Callgrind knows this by its name.
#[inline(never)]
fn count_operations(operation: &mut dyn FnMut(), times: u64) {
    for _ in 0..times {
        operation();
    }
}
