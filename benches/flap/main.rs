//! What flapping endpoints cost those who ask: `cargo bench --bench flap [-- ROUNDS [RATE [SECONDS]]]`.
//!
//! A real `waypost run` with 10,000 HTTP endpoints, probed every 5 s, is pinned to one core, with all its
//! threads: those that answer must get past those that probe and build. On the other core a process
//! is probed, and a generator asks over UDP at a steady rate. Rounds are interleaved: *calm*, when
//! every probe passes, and *flapping*, when every endpoint is up for 10 s and down for 10 s, so that
//! some hundred change in each tenth of a second. Before a round the world settles.
//!
//! The bar: p99 grows by at most 20 % while the table is published ten times a second.
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
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "only one control message is asked for"
)]
#![expect(clippy::cast_possible_wrap, reason = "small numbers")]
#![expect(dead_code, reason = "the other bench uses the rest")]
use std::thread::sleep;
use std::time::{Duration, Instant};

#[path = "../probe/backend.rs"]
mod backend;
#[path = "../probe/child.rs"]
mod child;
#[path = "../probe/exposition.rs"]
mod exposition;
mod load;
#[path = "../probe/scene.rs"]
mod scene;
#[path = "../probe/usage.rs"]
mod usage;

use backend::Backend;
use load::Heard;
use scene::{Server, Wish};
use usage::Spent;

const ENDPOINTS: usize = 10_000;
const WARM_UP: Duration = Duration::from_secs(15);
const SETTLE: Duration = Duration::from_secs(12);
const PERIOD: Duration = Duration::from_secs(10);

/// What one round showed.
struct Round {
    heard: Heard,
    /// Part of the core that the server used.
    busy: f64,
    /// Tables published in each second.
    tables: f64,
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
    let rounds = numbers.next().unwrap_or(5).min(20);
    let rate = numbers.next().unwrap_or(5_000).clamp(100, 50_000);
    let time = Duration::from_secs(numbers.next().unwrap_or(10).min(60));
    let [core, other] = child::cores();
    let port = child::free_port();
    let backend = Backend::start(other, port, PERIOD);
    let wish = Wish {
        endpoints: ENDPOINTS,
        port,
        interval: 5,
        monitor: "fall = 1\nrise = 1",
        recovery: "steps = [100]\nevery = \"1s\"",
    };
    eprintln!("starting a server on core {core}, all else on core {other}");
    let server = Server::start(wish, core);
    child::pin_this_thread(other);
    sleep(WARM_UP);
    let (mut calm, mut flapping) = (Vec::new(), Vec::new());
    for number in 1..=rounds {
        for (manner, kept) in [("calm", &mut calm), ("flap", &mut flapping)] {
            backend.tell(manner);
            sleep(SETTLE);
            let round = measure(&server, rate, time);
            eprintln!("round {number} of {rounds}, {manner}: {}", round.row());
            kept.push(round);
        }
    }
    println!(
        "`cargo bench --bench flap -- {rounds} {rate} {}`\n",
        time.as_secs()
    );
    report(&calm, &flapping);
}

fn measure(server: &Server, rate: u64, time: Duration) -> Round {
    let tables = |text: &str| exposition::sum(text, "waypost_tables_published_total");
    let (before, began) = (server.metrics(), Instant::now());
    sleep(Duration::from_secs(1));
    let (spent, asking) = (Spent::by(server.id()), Instant::now());
    let heard = load::ask(server.port, rate, time);
    let spent = Spent::by(server.id()).since(&spent);
    let (asked_for, took) = (asking.elapsed(), began.elapsed());
    let published = tables(&server.metrics()) - tables(&before);
    let busy: Duration = spent.iter().map(|(_, spent)| *spent).sum();
    Round {
        heard,
        busy: busy.as_secs_f64() / asked_for.as_secs_f64(),
        tables: published / took.as_secs_f64(),
    }
}

impl Round {
    fn figures(&self) -> [f64; 6] {
        let heard = &self.heard;
        let [p50, p99, p999] = [500, 990, 999].map(|permille| heard.permille(permille));
        let lost = heard.lost() as f64;
        [p50, p99, p999, lost, self.tables, self.busy * 100.0]
    }

    fn row(&self) -> String {
        let figures = self.figures().map(|figure| format!("{figure:.1}"));
        figures.join(" | ")
    }
}

fn report(calm: &[Round], flapping: &[Round]) {
    println!("| medians | p50 µs | p99 µs | p99.9 µs | lost | tables/s | core % |");
    println!("|---|---|---|---|---|---|---|");
    for (title, rounds) in [("calm", calm), ("flapping", flapping)] {
        let figures: Vec<String> = (0..6)
            .map(|index| format!("{:.1}", median(rounds, index)))
            .collect();
        println!("| {title} | {} |", figures.join(" | "));
    }
    let growth = |index| median(flapping, index) / median(calm, index);
    println!(
        "\np99 flapping / calm: {:.2} (bar: at most 1.20)",
        growth(1)
    );
}

fn median(rounds: &[Round], index: usize) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(|round| round.figures()[index]).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
