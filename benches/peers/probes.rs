//! Ten thousand HTTP endpoints, each probed every 5 s: processor time and memory, beside gdnsd.
//!
//! The endpoints are the world of `benches/probe`: one responder on the generator's core, that all of 127.0.0.0/8 reaches and that
//! counts what comes. Waypost opens a connection for each probe, as gdnsd does, and is measured with connections that are kept
//! (`reuse = true`) as well. In each round each of the three has the server's core for itself, one after the other, and is left alone
//! from its warm-up to the end.
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::process::{Cores, Memory};
use crate::scenario::Stage;
use crate::scene::{self, Wish};
use crate::servers::{Kind, free_port};
use crate::{Failure, child, explain};

/// Rounds at most; a window of one holds 40,000 probes.
const ROUNDS: usize = 3;
const ENDPOINTS: u16 = 10_000;
/// Seconds between two probes of an endpoint.
const INTERVAL: u16 = 5;
/// Addresses of one resource of gdnsd's: 64 are the most.
const MULTIPLE: u16 = 50;
/// How long it may take until there were as many probes as endpoints.
const START: Duration = Duration::from_secs(120);
const WARM_UP: Duration = Duration::from_secs(15);
const WINDOW: Duration = Duration::from_secs(20);

/// Who probes, and by which connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prober {
    /// A connection for each probe.
    Waypost,
    /// Connections that are kept.
    Kept,
    Gdnsd,
}

/// What probes cost one of them.
pub(crate) struct Probing {
    pub(crate) prober: Prober,
    pub(crate) rounds: Vec<Round>,
}

/// One window of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// CPU time per probe, microseconds.
    pub(crate) cost: f64,
    /// Part of a core.
    pub(crate) busy: f64,
    /// Probes that came, of those that were due.
    pub(crate) done: f64,
    /// Connections for each probe.
    pub(crate) dialled: f64,
    pub(crate) memory: Memory,
}

/// Measures all, interleaved.
pub(crate) fn run(stage: &Stage<'_>) -> Result<Vec<Probing>, Failure> {
    // The one core that this thread has.
    let [core, _] = child::cores();
    let port = free_port().map_err(explain("a free port"))?;
    let backend = Backend::start(core, port, Duration::from_secs(10));
    let mut all = Vec::new();
    for prober in [Prober::Waypost, Prober::Kept, Prober::Gdnsd] {
        if !stage.chosen(&[prober.kind()]).is_empty() {
            let rounds = Vec::new();
            all.push(Probing { prober, rounds });
        }
    }
    let rounds = stage.common.rounds.min(ROUNDS);
    for round in 1..=rounds {
        for Probing {
            prober,
            rounds: own,
        } in &mut all
        {
            let measured = prober.measure(stage, &backend, port)?;
            eprintln!("probes {round}/{rounds} {}: {measured:.2?}", prober.name());
            own.push(measured);
        }
    }
    Ok(all)
}

impl Prober {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waypost => "waypost",
            Self::Kept => "waypost, connections kept",
            Self::Gdnsd => "gdnsd",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Waypost | Self::Kept => Kind::Waypost,
            Self::Gdnsd => Kind::Gdnsd,
        }
    }

    fn measure(self, stage: &Stage<'_>, backend: &Backend, port: u16) -> Result<Round, Failure> {
        let folder = tempfile::tempdir_in(stage.world.path("")).map_err(explain("a folder"))?;
        let command = self.prepare(stage, folder.path(), port);
        let mut command = command.map_err(explain(self.name()))?;
        let log = folder.path().join("log");
        let mut process = stage
            .split
            .start(Cores::Server, self.name(), &mut command, log)?;
        let (end, all) = (
            Instant::now() + START,
            backend.tally() + u64::from(ENDPOINTS),
        );
        while backend.tally() < all {
            process.check()?;
            if Instant::now() > end {
                let (name, said) = (self.name(), process.said());
                return Err(format!("{name} does not probe all endpoints\n{said}"));
            }
            sleep(Duration::from_millis(100));
        }
        sleep(WARM_UP);
        let (probes, connections) = (backend.tally(), backend.connections());
        let (before, start) = (process.cpu(), Instant::now());
        sleep(WINDOW);
        let (cpu, taken) = (process.cpu() - before, start.elapsed().as_secs_f64());
        let number = |count| u32::try_from(count).map_or(f64::NAN, f64::from);
        let probes = number(backend.tally() - probes);
        // The backend's own questions are two of them.
        let connections = number(backend.connections() - connections - 2);
        process.check()?;
        let cpu = cpu.as_secs_f64();
        Ok(Round {
            cost: cpu * 1e6 / probes,
            busy: cpu / taken,
            dialled: connections / probes,
            done: probes * f64::from(INTERVAL) / (f64::from(ENDPOINTS) * taken),
            memory: process.memory(),
        })
    }

    /// Writes its config; gives the command that runs it in the foreground.
    fn prepare(self, stage: &Stage<'_>, folder: &Path, port: u16) -> std::io::Result<Command> {
        let monitor = match self {
            Self::Waypost => "",
            Self::Kept => "reuse = true",
            Self::Gdnsd => return gdnsd(folder, port),
        };
        let wish = Wish {
            endpoints: ENDPOINTS.into(),
            port,
            interval: INTERVAL.into(),
            monitor,
            recovery: "steps = [100]\nevery = \"1s\"",
        };
        scene::write_config(folder, wish, free_port()?, free_port()?);
        let mut command = Command::new(stage.common.waypost.canonicalize()?);
        command
            .args(["run", "--config"])
            .arg(folder.join("config.toml"));
        Ok(command)
    }
}

/// The same endpoints, in sets of some each.
fn gdnsd(folder: &Path, port: u16) -> std::io::Result<Command> {
    let root = folder.display();
    let own = free_port()?;
    let mut text = format!(
        "options => {{ listen => [ 127.0.0.1:{own} ], udp_threads => 1, tcp_threads => 1, run_dir => {root}/run, state_dir => {root}/state }}\n\
         service_types => {{ web => {{ plugin => http_status, port => {port}, url_path => /healthz,\n\
         vhost => health.example.org, interval => {INTERVAL}, timeout => 2 }} }}\nplugins => {{ multifo => {{\n"
    );
    for resource in 0..ENDPOINTS / MULTIPLE {
        writeln!(text, "r{resource} => {{ service_types => web").expect("a string takes all");
        for index in 0..MULTIPLE {
            let address = scene::address((resource * MULTIPLE + index).into());
            writeln!(text, "a{index} => {address}").expect("a string takes all");
        }
        text.push_str("}\n");
    }
    text.push_str("}}\n");
    std::fs::create_dir(folder.join("zones"))?;
    std::fs::write(folder.join("config"), text)?;
    std::fs::write(folder.join("zones/example.org"), scene::ZONE)?;
    let mut command = Command::new("/usr/sbin/gdnsd");
    command.arg("-c").arg(folder).arg("start");
    Ok(command)
}
