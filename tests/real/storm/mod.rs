//! Five real nodes in a storm: cuts of every shape, lines that lose, delay, double and reorder packets, nodes that are paused, killed, and
//! lose their disks; and a judge in another language who reads what was written down of it.
//!
//! `tests/run cluster --minutes N` goes on for longer and with a seed of the day, which it prints; what it wrote down is kept if anything
//! is wrong.
//!
//! | part | what it is |
//! |---|---|
//! | `site` | nodes, machines, and the fabric between them |
//! | `fabric`, `fabric.py` | packets that are carried, late, twice or not at all |
//! | `course` | what goes wrong |
//! | `history` | what is written down |
//! | `judge.py` | what must hold of it |
//! | `judged` | histories that are wrong on purpose |
mod course;
pub(crate) mod fabric;
mod history;
mod judged;
mod site;

use std::process::Command;

use course::Course;
use history::History;
use serde_json::Value;
use site::Site;

use crate::world::repository;

/// Seconds of a storm, unless somebody asks for more.
const SECONDS: u64 = 75;
const SEED: u64 = 17;

/// Has a history judged: what was looked at, and what is wrong.
fn judge(history: &std::path::Path) -> (Value, Vec<String>) {
    let mut command = Command::new("/usr/bin/python3");
    command
        .arg(repository("tests/real/storm/judge.py"))
        .arg(history);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let told = lines
        .pop()
        .and_then(|line| serde_json::from_str(&line).ok());
    let said = String::from_utf8_lossy(&output.stderr);
    let told: Value = told.unwrap_or_else(|| panic!("the judge failed: {said}"));
    assert_eq!(output.status.success(), lines.is_empty(), "{said}");
    (told, lines)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_is_cut_paused_or_killed_nothing_is_lost_and_no_minority_ejects() {
    let seconds = number("STORM_MINUTES").map_or(SECONDS, |minutes| minutes * 60);
    let seed = number("STORM_SEED").unwrap_or(SEED);
    eprintln!("storm: seed {seed}, {seconds} seconds");
    let site = Site::start(seed);
    let history = History::begin(site.world.path("history.jsonl"));
    let mut course = Course::new(site, history.clone(), seed);
    course.run(seconds);
    history.end();
    let (told, wrong) = judge(&history.path);
    eprintln!("storm: {told}");
    if !wrong.is_empty() {
        let kept = history::keep(&history.path, seed);
        panic!(
            "seed {seed}, history {}:\n{}",
            kept.display(),
            wrong.join("\n")
        );
    }
    // Otherwise it would be a proof of a storm in which nothing happens.
    for (what, least) in [
        ("rests", 1),
        ("ejections", 3),
        ("orders", 1),
        ("answers", 500),
        ("fenced", 300),
    ] {
        let seen = told[what].as_u64().unwrap_or(0);
        assert!(seen >= least, "{what}: {told}");
    }
}
