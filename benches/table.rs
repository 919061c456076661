//! How long a table takes to build, to check and to ask (`benches/cases/table.rs` says of what), and how
//! much memory it holds.
//!
//! Memory is what the process has more of after a table than before; the rings are the plan's, so
//! they are counted by themselves.
#![expect(clippy::print_stdout, reason = "a bench reports")]
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use waypost::base;
use waypost::dns;
use waypost::geo;
use waypost::plan;

mod cases;
#[path = "cases/table.rs"]
mod subject;
mod timing;

const SIZES: [usize; 3] = [10, 100, 1000];

fn memory(_: &mut Criterion) {
    for services in SIZES {
        let before = resident_kilobytes();
        let plan = subject::plan(services);
        let planned = resident_kilobytes();
        let table = subject::build(&plan, &[], None);
        let built = resident_kilobytes();
        println!(
            "table/{services} services: the table holds {} kB; the plan with its rings {} kB",
            built - planned,
            planned - before
        );
        // Kept, so that the next size is not given what this one has let go.
        std::mem::forget((plan, table));
    }
}

/// What of this process is in memory (`VmRSS`, proc(5)).
fn resident_kilobytes() -> u64 {
    let status =
        std::fs::read_to_string("/proc/self/status").expect("Linux tells a process of itself");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.parse().ok())
        .expect("VmRSS is a number of kB")
}

fn tables(criterion: &mut Criterion) {
    timing::time(criterion, subject::cases());
}

criterion_group!(
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    targets = memory, tables
);
criterion_main!(benches);
