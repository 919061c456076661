//! The time and memory that a zone takes; what is measured stands in `benches/cases/zone.rs`.
//!
//! `cargo bench --bench zone`. Before the times stands a table of what one load takes on its own,
//! in a process that does nothing else, as the system accounts for it: the CPU time of the load,
//! what the zone holds once the text is gone, and the most that was held on the way, the text
//! included. The bars: 1,000,000 names loaded in at most 1.5 times Knot's time, and no more memory. Where they are
//! installed, `kzonecheck` and `nsd-checkzone` read the same file: CPU time and memory of their whole process.
//! The same is told of a transfer of these names: CPU times of the messages taken in and of the zone made, and
//! the most that was held beside the messages, also for each octet that came.
//! Then one record is changed in 1,000,000 names, not signed and signed: the CPU time of the new zone, of what
//! it takes over from the signed one before, and of the signatures that are to be made. The bar: a second
//! in all, so that a notified change is served within one.
#![expect(clippy::print_stdout, reason = "the table is for whoever runs it")]
use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use criterion::{Criterion, criterion_group};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use waypost::dns::Name;
use waypost::dns::dnssec::{Algorithm, PrivateKey};
use waypost::dns::rr::rtype;
use waypost::dns::zone::signed::{Denial, Signed, Signing};
use waypost::dns::zone::{Edit, Zone};

mod cases;
#[path = "cases/zone.rs"]
mod subject;
mod timing;

/// Tells this program to load one zone of so many names, and to say what that took.
const ALONE: &str = "WAYPOST_BENCH_NAMES";
/// Tells this program to change a zone that is signed in this way.
const CHANGED: &str = "WAYPOST_BENCH_CHANGED";
/// Tells this program to take a transfer of so many names.
const TAKEN: &str = "WAYPOST_BENCH_TAKEN";
/// Programs that read a master file, and what they are called with in front of its name.
const READERS: [(&str, &[&str]); 2] = [
    ("kzonecheck", &["-o", "example.org"]),
    ("nsd-checkzone", &["example.org"]),
];
/// Ways to sign a zone that is changed.
const WAYS: [(&str, Option<Denial>); 3] = [
    ("not signed", None),
    ("NSEC", Some(Denial::Nsec)),
    ("NSEC3", Some(Denial::Nsec3)),
];
/// Names of that zone.
const NAMES: u32 = 1_000_000;
/// When it is signed, seconds since 1970.
const NOW: u64 = 1_800_000_000;

fn main() {
    if let Ok(names) = env::var(ALONE) {
        return load_alone(names.parse().expect("a number of names"));
    }
    if let Ok(names) = env::var(TAKEN) {
        return take_alone(names.parse().expect("a number of names"));
    }
    if let Ok(way) = env::var(CHANGED) {
        let way = WAYS.iter().find(|(word, _)| *word == way);
        return change_alone(way.expect("one of the ways"));
    }
    // With a filter, someone wants to see one case again.
    if env::args().skip(1).eq(["--bench"]) {
        others();
        accounts();
        transfers();
        changes();
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

/// What others take for the largest of these files; their times come in the order in which they ran.
fn others() {
    println!("| program | CPU ms | most MB of those so far |\n|---|---|---|");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("zone");
    fs::write(&file, subject::master_file(NAMES)).expect("room on the disk");
    for (program, arguments) in READERS {
        let before = children();
        let status = Command::new(program).args(arguments).arg(&file).output();
        let Ok(output) = status else {
            println!("| {program} | not installed | |");
            continue;
        };
        assert!(output.status.success(), "{program}: {output:?}");
        let (cpu, most) = children();
        println!("| {program} | {} | {} |", cpu - before.0, most / 1024);
    }
}

/// CPU milliseconds of all processes that were waited for, and the most kB that one of them held.
fn children() -> (i64, i64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("Linux");
    let cpu = usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds();
    (cpu, usage.max_rss())
}

/// One process for each size.
fn transfers() {
    println!(
        "| names | octets MB | taken in ms | zone made ms | zone MB | most MB | most for each octet |\n|---|---|---|---|---|---|---|"
    );
    for names in [10_000, 100_000, 1_000_000] {
        let own = env::current_exe().expect("a program knows its path");
        let status = Command::new(own).env(TAKEN, names.to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "{names} names");
    }
}

fn take_alone(names: u32) {
    let messages = subject::transfer(names);
    let octets: usize = messages.iter().map(Vec::len).sum();
    // What was held before is not to be counted (proc(5)).
    fs::write("/proc/self/clear_refs", "5").expect("a process may ask this of itself");
    let (before, start) = (kilobytes("VmRSS:"), cpu_ms());
    let packed = subject::receive(&messages);
    let received = cpu_ms();
    let zone = subject::make(packed);
    let made = cpu_ms();
    let most = kilobytes("VmHWM:").saturating_sub(before);
    let held = kilobytes("VmRSS:").saturating_sub(before);
    let hundredths = 100 * 1024 * most / octets as u64;
    println!(
        "| {names} | {} | {} | {} | {} | {} | {}.{:02} |",
        (octets + (1 << 19)) >> 20,
        received - start,
        made - received,
        (held + 512) / 1024,
        (most + 512) / 1024,
        hundredths / 100,
        hundredths % 100,
    );
    drop(zone);
}

/// One process for each way.
fn changes() {
    println!(
        "| zone | change | new zone ms | taken over ms | signed ms | chunks |\n|---|---|---|---|---|---|"
    );
    for (way, _) in WAYS {
        let own = env::current_exe().expect("a program knows its path");
        let status = Command::new(own).env(CHANGED, way).status();
        assert!(status.is_ok_and(|status| status.success()), "{way}");
    }
}

fn change_alone((word, denial): &(&str, Option<Denial>)) {
    let mut zone = Arc::new(subject::build(&subject::master_file(NAMES)));
    let key = PrivateKey::generate(Algorithm::Ed25519, 257, [7; 32]).expect("any seed will do");
    let key = Arc::new(key);
    let signing = denial.map(|denial| Signing {
        entry_keys: vec![Arc::clone(&key)],
        zone_keys: vec![key],
        denial,
        validity: 14 * 86_400,
    });
    let mut signed = signing.as_ref().map(|signing| {
        sign_all(Signed::following(
            None,
            Arc::clone(&zone),
            signing.clone(),
            &[],
        ))
    });
    for (what, edit) in edits() {
        let start = cpu_ms();
        zone = Arc::new(zone.amended(&[edit, soa(&zone)], &[]).expect("a zone"));
        let made = cpu_ms();
        let followed = signing.as_ref().map(|signing| {
            Signed::following(signed.as_ref(), Arc::clone(&zone), signing.clone(), &[])
        });
        let taken = cpu_ms();
        let chunks = followed
            .as_ref()
            .map_or(0, |followed| followed.stale(NOW).len());
        signed = followed.map(sign_stale);
        let end = cpu_ms();
        println!(
            "| {word} | {what} | {} | {} | {} | {chunks} |",
            made - start,
            taken - made,
            end - taken
        );
    }
}

fn edits() -> Vec<(&'static str, Edit)> {
    let edit = |owner: &str, records: Vec<Vec<u8>>| Edit {
        owner: Name::parse(owner).expect("a sound name"),
        rtype: rtype::A,
        ttl: 3600,
        records,
    };
    vec![
        (
            "another address",
            edit("host0500000.example.org", vec![vec![192, 0, 2, 9]]),
        ),
        (
            "a new name",
            edit("another.example.org", vec![vec![192, 0, 2, 9]]),
        ),
        ("a name less", edit("host0500001.example.org", Vec::new())),
    ]
}

/// The SOA with the next serial.
fn soa(zone: &Zone) -> Edit {
    let set = zone
        .set_at(Zone::APEX, rtype::SOA)
        .expect("a zone has an SOA");
    let mut rdata = set.records().next().expect("an SOA").to_vec();
    let at = rdata.len() - 20;
    let serial = zone.serial().expect("an SOA has one") + 1;
    rdata[at..at + 4].copy_from_slice(&serial.to_be_bytes());
    Edit {
        owner: zone.apex().clone(),
        rtype: rtype::SOA,
        ttl: set.ttl,
        records: vec![rdata],
    }
}

fn sign_stale(signed: Signed) -> Signed {
    let stale = signed.stale(NOW).into_iter();
    let made = stale.map(|chunk| (chunk, signed.sign(chunk, NOW)));
    signed.renewed(made.collect())
}

/// By all processors, as this is not what is measured.
fn sign_all(signed: Signed) -> Signed {
    let stale = signed.stale(NOW);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = stale.len().div_ceil(threads).max(1);
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = stale
            .chunks(share)
            .map(|own| {
                let signed = &signed;
                scope.spawn(move || {
                    let own = own.iter();
                    own.map(|&chunk| (chunk, signed.sign(chunk, NOW)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let made = threads.into_iter().map(|thread| thread.join());
        made.flat_map(|made| made.expect("signing does not panic"))
            .collect()
    });
    signed.renewed(made)
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
