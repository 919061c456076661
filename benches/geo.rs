//! The time that geo takes; what is measured stands in `benches/cases/geo.rs`.
//!
//! `cargo bench --bench geo`. The bars: 500,000 prefixes compiled within 300 ms, a look-up within
//! 40 ns.
use criterion::{Criterion, criterion_group, criterion_main};

mod cases;
#[path = "cases/geo.rs"]
mod subject;

fn time(criterion: &mut Criterion) {
    for case in subject::cases() {
        let mut operation = None;
        criterion.bench_function(case.name, |bencher| {
            bencher.iter(operation.get_or_insert_with(case.prepare));
        });
    }
}

criterion_group!(benches, time);
criterion_main!(benches);
