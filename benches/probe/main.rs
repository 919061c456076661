//! How many HTTP probes one core carries: `cargo bench --bench probe [-- SECONDS [ENDPOINTS]]`.
//!
//! A real `waypost run` with 10,000 endpoints, probed every 5 s, is pinned to one core; what is probed
//! is a process on the other core. After a warm-up the server is left alone for SECONDS (20 if not
//! given) and then asked what it did: no scrape falls between the two readings of the processor time.
//! Lateness is the server's own histogram (when a probe was due against when it began); that all
//! probes came is counted by the backend, which knows nothing of the server.
//!
//! The bars: p99 lateness under 100 ms, at most 60 % of the core, at most 300 MB.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "benches"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock, and waits"
)]
#![expect(clippy::cast_precision_loss, reason = "figures for a person")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "small numbers"
)]
#![expect(dead_code, reason = "the other bench uses the rest")]
use std::thread::sleep;
use std::time::{Duration, Instant};

mod backend;
mod child;
mod exposition;
mod scene;
mod usage;

use backend::Backend;
use exposition::Histogram;
use scene::{Server, Wish};
use usage::{Spent, memory};

const INTERVAL_SECONDS: f64 = 5.0;
const WARM_UP: Duration = Duration::from_secs(20);
const MOST_SECONDS: u64 = 300;
const LATENESS: &str = "waypost_probe_lateness_seconds";

/// What a window of time showed.
struct Window {
    took: Duration,
    probes: u64,
    spent: Vec<(String, Duration)>,
    lateness: Histogram,
    failures: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == backend::ROLE)
    {
        return backend::run(&arguments[1..]);
    }
    let mut numbers = arguments.iter().filter_map(|text| text.parse::<u64>().ok());
    let seconds = numbers.next().unwrap_or(20).min(MOST_SECONDS);
    let endpoints = numbers.next().unwrap_or(10_000) as usize;
    let [core, other] = child::cores();
    let port = child::free_port();
    let backend = Backend::start(other, port, Duration::from_secs(10));
    eprintln!(
        "starting a server with {endpoints} endpoints on core {core}, all else on core {other}"
    );
    let wish = Wish {
        endpoints,
        port,
        monitor: "",
        recovery: "steps = [100]\nevery = \"1s\"",
    };
    let server = Server::start(wish, core);
    eprintln!(
        "process {} is ready, warming up for {} s",
        server.id(),
        WARM_UP.as_secs()
    );
    sleep(WARM_UP);
    let window = watch(&server, &backend, Duration::from_secs(seconds));
    report(&window, endpoints, server.id());
}

/// Watches a server; it is scraped before and after, with a pause behind the first scrape.
fn watch(server: &Server, backend: &Backend, length: Duration) -> Window {
    let before = server.metrics();
    eprintln!(
        "a scrape has {} kB; measuring for {} s",
        before.len() / 1024,
        length.as_secs()
    );
    sleep(Duration::from_secs(2));
    let (probes, spent, began) = (backend.tally(), Spent::by(server.id()), Instant::now());
    sleep(length);
    let spent = Spent::by(server.id()).since(&spent);
    let (probes, took) = (backend.tally() - probes, began.elapsed());
    let after = server.metrics();
    let lateness = |text: &str| Histogram::read(text, LATENESS);
    let failures = |text: &str| exposition::sum(text, "waypost_probe_failures_total");
    Window {
        took,
        probes,
        spent,
        lateness: lateness(&after).since(&lateness(&before)),
        failures: failures(&after) - failures(&before),
    }
}

fn report(window: &Window, endpoints: usize, server: u32) {
    let seconds = window.took.as_secs_f64();
    let expected = endpoints as f64 * seconds / INTERVAL_SECONDS;
    let spent: Duration = window.spent.iter().map(|(_, spent)| *spent).sum();
    let late = |part| match window.lateness.bound_of(part) {
        Some(bound) => format!("≤ {} ms", bound * 1000.0),
        None => "not told".to_owned(),
    };
    println!("`cargo bench --bench probe`, {endpoints} endpoints, {seconds:.1} s\n");
    println!("| figure | measured | bar |\n|---|---|---|");
    println!(
        "| probes, of those expected | {} of {expected:.0} | all |",
        window.probes
    );
    println!("| probes that failed | {} | 0 |", window.failures);
    println!("| lateness p50 | {} | |", late(0.5));
    println!("| lateness p99 | {} | < 100 ms |", late(0.99));
    println!("| lateness, the most | {} | |", late(1.0));
    println!(
        "| processor time, of one core | {:.1} % | ≤ 60 % |",
        percent(spent, window.took)
    );
    for (name, spent) in &window.spent {
        println!(
            "| … thread {name} | {:.1} % | |",
            percent(*spent, window.took)
        );
    }
    let each = spent.as_secs_f64() * 1e6 / window.probes as f64;
    println!("| processor time for each probe | {each:.0} µs | |");
    for (title, figure) in [("memory", "VmRSS"), ("memory, the most", "VmHWM")] {
        println!(
            "| {title} | {} MB | ≤ 300 MB |",
            memory(server, figure) / 1_000_000
        );
    }
}

fn percent(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64() * 100.0
}
