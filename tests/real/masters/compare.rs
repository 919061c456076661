//! All zones through all programs, and what comes of it.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::differences::{Case, DIFFERENCES};
use super::programs::{Verdict, judge, records_by_bind, serve_by_nsd};
use super::record::{Record, told, transfer};
use super::shrink::shrunk;
use super::slips::{SLIPS, slipped};
use super::words::Dialect;
use super::zones::Zone;
use crate::world::{World, wait_for};

const WAYPOST: &str = "127.0.0.20";
const NSD: &str = "127.0.0.22";
/// Zones when nothing else is asked for by `MASTER_ZONES`.
const ZONES: u64 = 400;
/// Zones in which every difference that is meant comes up.
const ENOUGH: usize = 600;
/// Zones without a slip for each that has one.
const WELL_PER_SLIP: u64 = 2;
/// Complaints that are told down to their lines.
const TOLD: usize = 20;

fn zones() -> Vec<Zone> {
    let asked = std::env::var("MASTER_ZONES").ok();
    let count = asked.map_or(ZONES, |count| count.parse().unwrap());
    let from: u64 = std::env::var("MASTER_FROM")
        .ok()
        .map_or(0, |f| f.parse().unwrap());
    let well = (from..from + count).map(Zone::of);
    let slips = (from..from + count / WELL_PER_SLIP).map(|number| slipped(SLIPS + number));
    well.chain(slips).collect()
}

fn folder(world: &World, zone: &Zone) -> PathBuf {
    world.path(&format!("zones/{}", zone.number))
}

/// What BIND, Knot and NSD say of each zone.
fn judged(world: &World, zones: &[Zone]) -> Vec<[Verdict; 3]> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(zone) = zones.get(index) else { break };
            let verdicts = judge(zone, &folder(world, zone));
            found.lock().unwrap().insert(index, verdicts);
        }
    };
    let threads = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    found.into_inner().unwrap().into_values().collect()
}

fn config<'z>(zones: impl Iterator<Item = &'z Zone>) -> String {
    let head =
        format!("[server]\nlisten = [\"{WAYPOST}:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n");
    zones.fold(head, |text, zone| {
        let (apex, number) = (zone.apex(), zone.number);
        text + &format!(
            "[[zones]]\nname = \"{apex}\"\nfile = \"zones/{number}/own.zone\"\ntransfer = {{ to = [\"127.0.0.0/8\"] }}\n"
        )
    })
}

/// The first error of each zone that `waypost check` refuses.
fn refused(world: &World, zones: &[Zone]) -> BTreeMap<u64, String> {
    let path = world.write("config.toml", &config(zones.iter()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    let output = command
        .args(["check", "--json", "--config"])
        .arg(path)
        .output();
    let findings: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let mut refused = BTreeMap::new();
    for finding in findings.as_array().unwrap() {
        let file = Path::new(finding["file"].as_str().unwrap());
        let inside = file.strip_prefix(world.path("zones"));
        let Ok(inside) = inside else {
            panic!("{finding}")
        };
        if finding["severity"] == "error" {
            let number = inside.iter().next().unwrap().to_str().unwrap();
            refused.entry(number.parse().unwrap()).or_insert_with(|| {
                let (line, column) = (&finding["line"], &finding["column"]);
                let message = finding["message"].as_str().unwrap();
                format!("{}:{line}:{column} {message}", inside.display())
            });
        }
    }
    refused
}

/// The records of a zone; a server may still be about to load it.
fn transferred(server: &str, apex: &str) -> BTreeSet<Record> {
    let mut records = None;
    wait_for(&format!("a transfer of {apex}"), || {
        records = transfer(server, apex).ok();
        records.is_some()
    });
    records.unwrap()
}

/// Every zone with what everyone says of it.
fn cases(world: &World) -> Vec<Case> {
    let zones = zones();
    let judged = judged(world, &zones);
    let refused = refused(world, &zones);
    let is_taken = |zone: &&Zone| !refused.contains_key(&zone.number);
    world.write("config.toml", &config(zones.iter().filter(is_taken)));
    let by_nsd = zones
        .iter()
        .zip(&judged)
        .filter(|(zone, verdicts)| zone.dialect == Dialect::Nsd && verdicts[2].takes);
    let by_nsd: Vec<&Zone> = by_nsd.map(|(zone, _)| zone).collect();
    let _servers = [world.waypost(), serve_by_nsd(world, NSD, &by_nsd)];
    let pairs = zones.iter().zip(judged);
    let cases = pairs.map(|(zone, verdicts)| {
        let apex = zone.apex();
        Case {
            ours: match refused.get(&zone.number) {
                Some(error) => Err(error.clone()),
                None => Ok(transferred(WAYPOST, &apex)),
            },
            theirs: match (zone.dialect, &verdicts) {
                (Dialect::Nsd, [_, _, nsd]) if nsd.takes => Some(transferred(NSD, &apex)),
                (Dialect::Common | Dialect::Bind, [bind, _, _]) if bind.takes => {
                    Some(records_by_bind(&folder(world, zone)))
                }
                _ => None,
            },
            zone: zone.clone(),
            verdicts,
        }
    });
    cases.collect()
}

/// Everything about a case that is not as it should be.
fn complaint(case: &Case) -> Option<String> {
    let (ours, theirs) = match (&case.ours, &case.theirs) {
        (Err(error), _) if case.is_well_elsewhere() => {
            return Some(format!("refused: {error}"));
        }
        (Ok(_), None) if case.takers() == 0 => return Some("taken".to_owned()),
        (Ok(ours), Some(theirs)) if ours != theirs => (ours, theirs),
        _ => return None,
    };
    let only = |who, one: &BTreeSet<Record>, other| {
        let records = one.difference(other).take(3);
        records
            .map(|record| format!("\n  {who} {}", told(record)))
            .collect::<String>()
    };
    Some(only("here  ", ours, theirs) + &only("others", theirs, ours))
}

/// How the cases came out: dialect, whether it has a slip, who takes it, how many.
fn tally(cases: &[Case]) -> String {
    let mut counts = BTreeMap::<_, usize>::new();
    for case in cases {
        let takes = case.verdicts.each_ref().map(|verdict| verdict.takes);
        let slip = case.zone.number >= SLIPS;
        *counts
            .entry((case.zone.dialect, slip, takes, case.ours.is_ok()))
            .or_default() += 1;
    }
    let lines = counts
        .into_iter()
        .map(|((dialect, slip, takes, ours), count)| {
            format!(
                "{dialect:?}, slip {slip}: BIND, Knot, NSD {takes:?}, Waypost {ours}: {count}\n"
            )
        });
    lines.collect()
}

#[test]
fn zones_are_read_as_others_read_them() {
    let world = World::new();
    let cases = cases(&world);
    let (mut complaints, mut needed) = (Vec::new(), vec![0; DIFFERENCES.len()]);
    for case in &cases {
        let Some(complaint) = complaint(case) else {
            continue;
        };
        match DIFFERENCES.iter().position(|one| (one.explains)(case)) {
            Some(index) => needed[index] += 1,
            None => complaints.push((case, complaint)),
        }
    }
    let told = complaints
        .iter()
        .enumerate()
        .map(|(index, (case, complaint))| {
            let zone = match index < TOLD {
                true => shrunk(case, &world.path("shrunk")),
                false => String::new(),
            };
            format!("{}: {complaint}\n{zone}", case.zone.apex())
        });
    let told: Vec<String> = told.collect();
    let tally = tally(&cases);
    assert!(
        told.is_empty(),
        "{} differences:\n{}\n{tally}",
        told.len(),
        told.join("\n")
    );
    // In a few zones what is meant need not come up.
    let enough = cases.len() >= ENOUGH;
    for (difference, count) in DIFFERENCES.iter().zip(needed).filter(|_| enough) {
        assert!(count > 0, "no longer needed: {}\n{tally}", difference.why);
    }
    // What is compared is enough to compare.
    let compared = cases
        .iter()
        .filter(|case| case.ours.is_ok() && case.theirs.is_some());
    let refused = cases
        .iter()
        .filter(|case| case.ours.is_err() && case.takers() == 0);
    assert!(compared.count() * 10 > cases.len() * 6, "{tally}");
    assert!(refused.count() * 10 > cases.len(), "{tally}");
}
