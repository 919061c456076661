//! The time from exec to the first answer, with the config that is shipped, on one core.
//!
//! `cargo bench --bench start [ROUNDS]`. The bar: 50 ms of wall time at the median of all rounds. Processor time is what the kernel
//! charges to the server up to the moment of its first answer and its end by SIGKILL; it says what the start costs where
//! the wall clock says how busy the machine was.
//!
//! Each round has a state folder of its own, so that nothing is kept from the one before. The server runs on one core,
//! and whoever asks on another: it asks again every [`PAUSE`], so an answer is seen that late at most.
//!
//! `cargo bench --bench start cities [ROUNDS]` does the same with a city file of 2.94 million networks (drawn, and left in the
//! target folder): the first start compiles it, the second takes up what is kept of it. The bars: 0.6 s and 100 ms of wall
//! time.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that measures: it reads clocks, waits and prints"
)]
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::Pid;

#[path = "cases/cities.rs"]
mod cities;

/// Networks and records of the city file.
const CITIES: (usize, usize) = (3_000_000, 100_000);

/// The time between two questions.
const PAUSE: Duration = Duration::from_micros(200);
/// The core of the server, and that of whoever asks.
const CORES: [&str; 2] = ["0", "1"];
/// Rounds, unless the command line says.
const ROUNDS: usize = 31;

/// What one start took.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    processor: Duration,
}

fn main() {
    let rounds = std::env::args().find_map(|word| word.parse().ok());
    let rounds = 0..rounds.unwrap_or(ROUNDS);
    pin_to(CORES[1].parse().unwrap());
    if std::env::args().any(|word| word == "cities") {
        let (first, second): (Vec<Took>, Vec<Took>) = rounds.map(start_with_cities).unzip();
        report("start/cities, first", &first);
        report("start/cities, second", &second);
    } else {
        let took: Vec<Took> = rounds.map(start_afresh).collect();
        report("start", &took);
    }
}

fn report(subject: &str, took: &[Took]) {
    for (name, of) in [
        ("wall", (|took| took.wall) as fn(&Took) -> Duration),
        ("processor", |took| took.processor),
    ] {
        let mut sorted: Vec<Duration> = took.iter().map(of).collect();
        sorted.sort();
        let milliseconds = |one: Duration| one.as_secs_f64() * 1000.0;
        println!(
            "{subject}/{name}: median {:.1} ms, least {:.1} ms, most {:.1} ms ({} rounds)",
            milliseconds(sorted[sorted.len() / 2]),
            milliseconds(sorted[0]),
            milliseconds(sorted[sorted.len() - 1]),
            sorted.len(),
        );
    }
}

/// Starts the server in a folder of its own, asks until it answers, and kills it.
fn start_afresh(round: usize) -> Took {
    let folder = tempfile::tempdir().unwrap();
    let (config, server) = write_config(folder.path(), round, "embedded");
    start_once(&config, &server, || {})
}

/// The same with a city file: the first time, and when it is kept compiled.
fn start_with_cities(round: usize) -> (Took, Took) {
    let cities = cities();
    let folder = tempfile::tempdir().unwrap();
    let (config, server) = write_config(folder.path(), round, cities.to_str().unwrap());
    let first = start_once(&config, &server, || {});
    let kept = folder.path().join("state/geo");
    let is_kept = || {
        let files = std::fs::read_dir(&kept).into_iter().flatten();
        files
            .flatten()
            .any(|file| file.path().extension().is_some_and(|end| end == "geo"))
    };
    start_once(&config, &server, || {
        while !is_kept() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    (first, start_once(&config, &server, || {}))
}

/// The city file, which is drawn once.
fn cities() -> PathBuf {
    let (networks, records) = CITIES;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cities-{networks}.mmdb"));
    if !path.exists() {
        std::fs::write(&path, cities::write(networks, records)).unwrap();
    }
    path
}

/// Starts the server, asks until it answers, waits for what is to be waited for, and kills it.
fn start_once(config: &Path, server: &str, wait: impl FnOnce()) -> Took {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server).unwrap();
    client.set_read_timeout(Some(PAUSE)).unwrap();
    let charged = charged_to_children();
    let begin = Instant::now();
    let mut child = Command::new("taskset")
        .args([
            "-c",
            CORES[0],
            env!("CARGO_BIN_EXE_waypost"),
            "run",
            "--config",
        ])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reply = [0; 512];
    let wall = loop {
        // Refused until the port is open, unanswered until the first table is there.
        let _ = client.send(QUERY);
        match client.recv(&mut reply) {
            Ok(length) if length > 12 => break begin.elapsed(),
            Ok(_) => {}
            Err(_) => std::thread::sleep(PAUSE),
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "no answer");
    };
    wait();
    child.kill().unwrap();
    child.wait().unwrap();
    Took {
        wall,
        processor: charged_to_children() - charged,
    }
}

/// `api.example.org A`, recursion not wanted.
const QUERY: &[u8] = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x03api\x07example\x03org\0\0\x01\0\x01";

/// The shipped config on ports of its own, with this geo database.
fn write_config(folder: &Path, round: usize, database: &str) -> (PathBuf, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let port = 20_000 + round % 10_000;
    let text = std::fs::read_to_string(root.join("config.toml")).unwrap();
    let text = text
        .replace(
            "database = \"embedded\"",
            &format!("database = \"{database}\""),
        )
        .replace(":5300", &format!(":{port}"))
        .replace(":8053", &format!(":{}", port + 10_000));
    std::fs::create_dir(folder.join("zones")).unwrap();
    let zone = Path::new("zones/example.org.zone");
    std::fs::copy(root.join(zone), folder.join(zone)).unwrap();
    let config = folder.join("config.toml");
    std::fs::write(&config, text).unwrap();
    (config, format!("127.0.0.1:{port}"))
}

fn charged_to_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let part = |time: nix::sys::time::TimeVal| {
        let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(microseconds).unwrap())
    };
    part(usage.user_time()) + part(usage.system_time())
}

fn pin_to(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core).unwrap();
    sched_setaffinity(Pid::this(), &cores).unwrap();
}
