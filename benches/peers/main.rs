//! The answer path beside its peers: CPU time per query, latency, and the loading of a zone.
//!
//! `benches/peers/run` builds and runs all of it. While tuning, one scenario by hand (release
//! build of waypost first, then `cargo bench --no-run --bench peers` names this program's path):
//!
//! ```text
//! target/release/deps/peers-HASH geo --only echo,waypost --waypost target/release/waypost --rounds 3
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `world` | the data: networks, regions, zones, the geo database |
//! | `servers` | how each server is told of it, one file for each |
//! | `packets` | queries encoded beforehand, and what their replies must be |
//! | `wire` | the socket of the generator |
//! | `closed` | the closed loop: as fast as the server can |
//! | `paced` | the open loop: a given rate, and how long answers take |
//! | `scenario` | who takes part in the closed loop, and the rounds |
//! | `latency`, `loading` | two other parts of a run |
//! | `probes`, `deaths` | what probing costs, and how soon it changes answers |
//! | `growing` | parts that `benches/growing/run` measures |
//! | `streams` | TCP, TLS and HTTPS, by other people's generators |
//! | `report` | medians, ratios, bars, as Markdown |
//! | `process` | start on a core, account, stop |
//!
//! Servers run on one core and the generator on another. Only the scheduler's account of the
//! server's processes counts; the clock on the wall is shown, and says little on a shared machine.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures: it reads clocks, waits and prints"
)]
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use process::Split;
use report::Report;
use scenario::{Scenario, Stage};
use servers::{Chain, Kind};
use world::World;

#[path = "../probe/backend.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the bench of probes"
)]
mod backend;
#[path = "../probe/child.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the bench of probes")]
mod child;
mod closed;
mod deaths;
mod growing;
mod latency;
mod loading;
#[path = "../../tests/support/mmdb.rs"]
#[expect(clippy::unwrap_used, reason = "shared with tests")]
mod mmdb;
mod paced;
mod packets;
mod probes;
mod process;
mod report;
mod scenario;
#[path = "../probe/scene.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "shared with the bench of probes"
)]
mod scene;
mod servers;
mod streams;
mod wire;
mod world;

/// What went wrong, in words.
type Failure = String;

/// Measures Waypost beside other servers.
#[derive(Parser)]
#[command(name = "peers")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Everything below, one after the other.
    All(Common),
    /// 20,000 ECS networks ask for one steered name.
    Geo(Common),
    /// The same of a signed zone, with the DO bit, and of us without it as well.
    Dnssec(Common),
    /// One static name.
    Static(Common),
    /// Random names in a zone of 100 names and in one of 1,000,000.
    Nxdomain(Common),
    /// The queries of `geo` at half of our own maximum rate: p50 and p99.
    Latency(Common),
    /// A zone of 1,000,000 names: time, memory, and a second load under queries.
    Load(Common),
    /// TCP beside Knot and BIND, TLS and HTTPS beside BIND.
    Streams(Common),
    /// Random names in a signed zone of 10,000, denied by NSEC and by NSEC3.
    Denials(Common),
    /// 10,000 small zones: time, CPU and memory.
    Zones(Common),
    /// 10,000 HTTP endpoints probed every 5 s, beside gdnsd.
    Probes(Common),
    /// From the death of an endpoint to the changed answer, beside gdnsd.
    Deaths(Common),
    /// 200,000 names signed at a start, beside kzonesign (by benches/growing/run).
    Signing(Common),
    /// A zone of 1,000,000 names transferred in and out, beside Knot and NSD (by benches/growing/run).
    Transfers(Common),
    /// hickory-server with our handler, in the foreground.
    Hickory {
        /// UDP port on 127.0.0.1.
        #[arg(long)]
        port: u16,
        /// The config.
        #[arg(long)]
        config: PathBuf,
    },
    /// What is probed.
    #[command(hide = true)]
    Backend { arguments: Vec<String> },
    /// The floor itself, in the foreground.
    Echo {
        /// UDP port on 127.0.0.1.
        #[arg(long)]
        port: u16,
    },
}

/// Options of every scenario.
#[derive(Args)]
struct Common {
    /// Servers to run; all that can if absent.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Interleaved rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Time of one server in one round, milliseconds.
    #[arg(long, default_value_t = 1000)]
    millis: u64,
    /// Queries per second of `latency`, instead of half of our maximum.
    #[arg(long)]
    rate: Option<f64>,
    /// The waypost program.
    #[arg(long, default_value = "target/release/waypost")]
    waypost: PathBuf,
}

/// One part of a run.
#[derive(Clone, Copy)]
enum Part {
    Closed(Scenario),
    Latency,
    Load,
    Streams,
    Zones,
    Probes,
    Deaths,
    /// What `benches/growing/run` calls by this name.
    Growing(&'static str),
}

/// Signed denials, by both kinds of proof.
const DENIALS: [Part; 2] = [
    Part::Closed(Scenario::Denied(Chain::Nsec)),
    Part::Closed(Scenario::Denied(Chain::Nsec3)),
];

/// Transfers, in and out.
const TRANSFERS: [Part; 2] = [Part::Growing("transfer"), Part::Growing("out")];

/// All parts, in the order of the report.
const PARTS: [Part; 15] = [
    Part::Closed(Scenario::Geo),
    Part::Closed(Scenario::Dnssec),
    Part::Closed(Scenario::Static),
    Part::Closed(Scenario::Absent),
    DENIALS[0],
    DENIALS[1],
    Part::Latency,
    Part::Load,
    Part::Zones,
    Part::Streams,
    Part::Probes,
    Part::Deaths,
    Part::Growing("signing"),
    TRANSFERS[0],
    TRANSFERS[1],
];

impl Part {
    fn run(self, stage: &Stage<'_>, report: &mut Report) -> Result<(), Failure> {
        match self {
            Self::Closed(scenario) => report.scenario(scenario, &scenario.run(stage)?),
            Self::Latency => report.latency(&latency::run(stage)?),
            Self::Load => {
                report.loads(&loading::run(stage)?);
                report.reload(&loading::reload(stage)?);
            }
            Self::Streams => report.streams(&streams::run(stage)?),
            Self::Zones => report.zones(&loading::zones(stage)?),
            Self::Probes => report.probes(&probes::run(stage)?),
            Self::Deaths => report.deaths(&deaths::run(stage)?),
            Self::Growing(part) => report.adopt(&growing::run(stage, part)?)?,
        }
        Ok(())
    }
}

impl Common {
    fn time(&self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

fn main() -> ExitCode {
    let Some(command) = Cli::parse().command else {
        println!("peers: run benches/peers/run, or this program with --help");
        return ExitCode::SUCCESS;
    };
    let outcome = match command {
        Command::All(common) => run(&common, &PARTS),
        Command::Geo(common) => run(&common, &[Part::Closed(Scenario::Geo)]),
        Command::Dnssec(common) => run(&common, &[Part::Closed(Scenario::Dnssec)]),
        Command::Static(common) => run(&common, &[Part::Closed(Scenario::Static)]),
        Command::Nxdomain(common) => run(&common, &[Part::Closed(Scenario::Absent)]),
        Command::Latency(common) => run(&common, &[Part::Latency]),
        Command::Load(common) => run(&common, &[Part::Load]),
        Command::Streams(common) => run(&common, &[Part::Streams]),
        Command::Denials(common) => run(&common, &DENIALS),
        Command::Zones(common) => run(&common, &[Part::Zones]),
        Command::Probes(common) => run(&common, &[Part::Probes]),
        Command::Deaths(common) => run(&common, &[Part::Deaths]),
        Command::Signing(common) => run(&common, &[Part::Growing("signing")]),
        Command::Transfers(common) => run(&common, &TRANSFERS),
        Command::Backend { arguments } => {
            backend::run(&arguments);
            Ok(())
        }
        Command::Hickory { port, config } => servers::hickory::run(port, &config),
        Command::Echo { port } => servers::echo::run(port),
    };
    let Err(failure) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("peers: {failure}");
    ExitCode::FAILURE
}

/// Runs these parts and prints the report.
fn run(common: &Common, parts: &[Part]) -> Result<(), Failure> {
    process::clean_up_on_signals()?;
    let stage = Stage {
        split: Split::make()?,
        world: World::build()?,
        common,
    };
    let mut report = Report::default();
    let mut failures = Vec::new();
    for part in parts {
        // What was measured before is worth its minutes.
        if let Err(failure) = part.run(&stage, &mut report) {
            eprintln!("peers: {failure}");
            failures.push(failure);
        }
    }
    print!("{}", report.finish());
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!("the report is not whole: {}", failures.join("; ")))
}

/// Puts what was tried before an error.
fn explain<E: Display>(what: &str) -> impl FnOnce(E) -> Failure {
    let what = what.to_owned();
    move |error| format!("{what}: {error}")
}
