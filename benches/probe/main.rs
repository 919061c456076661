//! What probes cost: `cargo bench --bench probe [-- SECONDS [ENDPOINTS [INTERVAL]]] [kept]`.
//!
//! A real `waypost run` with 10,000 HTTP endpoints, probed every 5 s, is pinned to one core; what is probed
//! is a process on the other core. After a warm-up the server is left alone for SECONDS (20 if not
//! given) and then asked what it did: no scrape falls between the two readings of the processor time.
//! The same endpoints beside gdnsd: `benches/peers/run probes`.
//! Lateness is the server's own histogram (when a probe was due against when it began); that all
//! probes came is counted by the backend, which knows nothing of the server. With `kept` connections are kept from one probe
//! to the next (`reuse = true`).
//!
//! The bars: p99 lateness under 100 ms; 60 MB. Large:
//! `-- 30 100000 30`, a hundred thousand endpoints every half minute.
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
    connections: u64,
    /// Octets of memory before anybody has scraped.
    memory: u64,
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
    let interval = numbers.next().unwrap_or(5);
    let length = Duration::from_secs(seconds);
    let [core, other] = child::cores();
    let port = child::free_port();
    let backend = Backend::start(other, port, Duration::from_secs(10));
    let is_kept = arguments.iter().any(|word| word == "kept");
    let wish = Wish {
        endpoints,
        port,
        interval,
        monitor: if is_kept { "reuse = true" } else { "" },
        recovery: "steps = [100]\nevery = \"1s\"",
    };
    let warm_up = WARM_UP.max(Duration::from_secs(3 * interval));
    eprintln!("a server with {endpoints} endpoints on core {core}, all else on core {other}");
    let server = Server::start(wish, core);
    sleep(warm_up);
    let window = watch(&server, &backend, length);
    report(&window, wish, server.id());
}

/// Processor time for each probe, in microseconds.
fn each(spent: &[(String, Duration)], probes: u64) -> f64 {
    let spent: Duration = spent.iter().map(|(_, spent)| *spent).sum();
    spent.as_secs_f64() * 1e6 / probes as f64
}

/// Watches a server; it is scraped before and after, with a pause behind the first scrape.
fn watch(server: &Server, backend: &Backend, length: Duration) -> Window {
    let memory = memory(server.id(), "VmRSS");
    let before = server.metrics();
    eprintln!(
        "a scrape has {} kB; measuring for {} s",
        before.len() / 1024,
        length.as_secs()
    );
    sleep(Duration::from_secs(2));
    let connections = backend.connections();
    let (probes, spent, began) = (backend.tally(), Spent::by(server.id()), Instant::now());
    sleep(length);
    let spent = Spent::by(server.id()).since(&spent);
    let (probes, took) = (backend.tally() - probes, began.elapsed());
    // Its own questions are connections too.
    let connections = backend.connections() - connections - 3;
    let after = server.metrics();
    let lateness = |text: &str| Histogram::read(text, LATENESS);
    let failures = |text: &str| exposition::sum(text, "waypost_probe_failures_total");
    Window {
        took,
        probes,
        spent,
        lateness: lateness(&after).since(&lateness(&before)),
        failures: failures(&after) - failures(&before),
        connections,
        memory,
    }
}

fn report(window: &Window, wish: Wish, server: u32) {
    let (seconds, endpoints) = (window.took.as_secs_f64(), wish.endpoints);
    let expected = endpoints as f64 * seconds / wish.interval as f64;
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
    println!("| connections | {} | |", window.connections);
    println!("| probes that failed | {} | 0 |", window.failures);
    println!("| lateness p50 | {} | |", late(0.5));
    println!("| lateness p99 | {} | < 100 ms |", late(0.99));
    println!("| lateness, the most | {} | |", late(1.0));
    println!(
        "| processor time, of one core | {:.1} % | |",
        percent(spent, window.took)
    );
    for (name, spent) in &window.spent {
        println!(
            "| … thread {name} | {:.1} % | |",
            percent(*spent, window.took)
        );
    }
    let each = each(&window.spent, window.probes);
    println!("| processor time for each probe | {each:.1} µs | |");
    println!(
        "| memory, before a scrape | {} MB | ≤ 60 MB |",
        window.memory / 1_000_000
    );
    for (title, figure) in [("memory", "VmRSS"), ("memory, the most", "VmHWM")] {
        println!("| {title} | {} MB | |", memory(server, figure) / 1_000_000);
    }
}

fn percent(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64() * 100.0
}
