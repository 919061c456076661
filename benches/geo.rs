//! The time that geo takes; what is measured stands in `benches/cases/geo.rs`.
//!
//! `cargo bench --bench geo`. The bars: 500,000 prefixes compiled within 300 ms, a look-up within
//! 40 ns.
use criterion::{Criterion, criterion_group, criterion_main};

mod cases;
#[path = "cases/geo.rs"]
mod subject;
mod timing;

fn time(criterion: &mut Criterion) {
    timing::time(criterion, subject::cases());
}

criterion_group!(benches, time);
criterion_main!(benches);
