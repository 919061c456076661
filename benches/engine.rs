//! How long the engine thinks about one thing that happened, among 10,000 endpoints
//! (`benches/cases/engine.rs` says what happens).
#![expect(clippy::print_stdout, reason = "a bench reports")]
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

mod cases;
#[path = "cases/engine.rs"]
mod subject;
mod timing;

use subject::{Flapping, Step};

const STEPS: usize = 20_000;

/// Single steps: how they lie apart, which an average does not tell.
fn single_steps(_: &mut Criterion) {
    let mut flapping = Flapping::new();
    let (mut published, mut others) = (Vec::new(), Vec::new());
    for _ in 0..STEPS {
        let (step, took) = timed(|| flapping.step());
        match step {
            Step::Published => published.push(took),
            Step::Unpublished => others.push(took),
        }
    }
    report("steps that publish", published);
    report("other steps", others);
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let before = Instant::now();
    let result = run();
    (result, before.elapsed())
}

fn report(name: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let count = took.len();
    let at = |permille: usize| {
        took.get(count * permille / 1000)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "engine/{name}: {count}, median {:?}, p99 {:?}, longest {:?}",
        at(500),
        at(990),
        took.last().copied().unwrap_or_default()
    );
}

fn steps(criterion: &mut Criterion) {
    timing::time(criterion, subject::cases());
}

criterion_group!(
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    targets = single_steps, steps
);
criterion_main!(benches);
