//! A zone of a million names, or ten thousand small zones: from start to the first answer; and answers
//! while the large zone is read again.
//!
//! Loading may use every core, and is asked for the zone's last name; of many zones one of a hundred is
//! asked, and the last, and all must answer. The second load runs in a server that has one core for
//! both, under a steady stream of queries of which none may be lost.
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::latency::Latencies;
use crate::paced::{self, Pace};
use crate::packets::Packets;
use crate::process::{Cores, Memory};
use crate::scenario::Stage;
use crate::servers::{Content, Kind};
use crate::world::{self, MANY};
use crate::{Failure, explain};

/// Rounds at most; a load is long enough to be steady.
const ROUNDS: usize = 3;
/// After the first answer, before memory is read.
const SETTLE: Duration = Duration::from_millis(300);
/// Queries per second during the second load.
const RATE: f64 = 20_000.0;
/// How long those go on before the second load is asked for.
const QUIET: Duration = Duration::from_secs(2);
/// How long they go on once the new version is served.
const AFTER: Duration = Duration::from_secs(1);
/// How long they go on at most.
const WATCHED: Duration = Duration::from_secs(60);

/// One start of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Seconds until the first answer.
    pub(crate) wall: f64,
    /// Seconds of CPU until then.
    pub(crate) cpu: f64,
    pub(crate) memory: Memory,
}

/// All starts of one server.
pub(crate) struct Loads {
    pub(crate) kind: Kind,
    pub(crate) rounds: Vec<Load>,
}

/// What became of the queries while the zone was read again; microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reload {
    pub(crate) asked: usize,
    pub(crate) lost: usize,
    pub(crate) p99_before: f64,
    pub(crate) p99_during: f64,
    /// Seconds until the new version was served.
    pub(crate) taken: f64,
    /// Memory afterwards.
    pub(crate) memory: Memory,
}

/// Starts each server in turn, with the large zone.
pub(crate) fn run(stage: &Stage<'_>) -> Result<Vec<Loads>, Failure> {
    starts(stage, Content::Many, &Packets::last())
}

/// Starts each server in turn, with ten thousand small zones.
pub(crate) fn zones(stage: &Stage<'_>) -> Result<Vec<Loads>, Failure> {
    starts(stage, Content::Zones, &Packets::zones())
}

fn starts(stage: &Stage<'_>, content: Content, packets: &Packets) -> Result<Vec<Loads>, Failure> {
    let kinds = stage.chosen(&[Kind::Waypost, Kind::Knot, Kind::Nsd]);
    let none = |kind| Loads {
        kind,
        rounds: Vec::new(),
    };
    let mut loads: Vec<Loads> = kinds.into_iter().map(none).collect();
    for round in 1..=stage.common.rounds.min(ROUNDS) {
        for Loads { kind, rounds } in &mut loads {
            let load = load(stage, *kind, content, packets)?;
            eprintln!("load ({content:?}) {round} {}: {load:.2?}", kind.name());
            rounds.push(load);
        }
    }
    Ok(loads)
}

fn load(
    stage: &Stage<'_>,
    kind: Kind,
    content: Content,
    packets: &Packets,
) -> Result<Load, Failure> {
    let setup = stage.setup(kind, content)?;
    let start = Instant::now();
    let mut server = kind.start(&setup, &stage.split, Cores::All)?;
    server.await_answers(packets, 0..packets.queries.len())?;
    let (wall, cpu) = (
        start.elapsed().as_secs_f64(),
        server.process.cpu().as_secs_f64(),
    );
    std::thread::sleep(SETTLE);
    Ok(Load {
        wall,
        cpu,
        memory: server.process.memory(),
    })
}

/// Has Waypost read a new version of the zone under load.
pub(crate) fn reload(stage: &Stage<'_>) -> Result<Reload, Failure> {
    let packets = Packets::fixed();
    let mut setup = stage.setup(Kind::Waypost, Content::Many)?;
    let (file, next) = (setup.folder.join("zone"), setup.folder.join("next"));
    world::write_zone(&file, MANY, 1).map_err(explain("the zone"))?;
    world::write_zone(&next, MANY, 2).map_err(explain("the next zone"))?;
    setup.zone.clone_from(&file);
    let mut server = Kind::Waypost.start(&setup, &stage.split, Cores::Server)?;
    server.await_answer(&packets)?;
    let pid = server.process.pid();
    let trigger = std::thread::spawn(move || {
        std::thread::sleep(QUIET);
        std::fs::rename(next, file).map_err(explain("the next zone"))?;
        kill(pid, Signal::SIGHUP).map_err(explain("SIGHUP"))
    });
    let pace = Pace {
        rate: RATE,
        time: WATCHED,
    };
    let (mut all, mut renewed) = (Vec::new(), None);
    let tally = paced::run(server.port, &packets, pace, |heard| {
        all.push((heard.asked, heard.latency));
        if renewed.is_none() && world::is_renewed(heard.reply) {
            renewed = Some(heard.asked);
        }
        match renewed {
            Some(at) if heard.asked > at + AFTER => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })?;
    trigger
        .join()
        .map_err(|_| "the reload was not asked for")??;
    let renewed = renewed.ok_or("the new version was never served")?;
    let between = |from: Duration, to: Duration| {
        let inside = all.iter().filter(|(asked, _)| (from..to).contains(asked));
        Latencies::new(inside.map(|(_, latency)| *latency).collect())
    };
    Ok(Reload {
        asked: tally.asked,
        lost: tally.lost,
        p99_before: between(Duration::ZERO, QUIET).permille(990),
        p99_during: between(QUIET, renewed).permille(990),
        taken: (renewed - QUIET).as_secs_f64(),
        memory: server.process.memory(),
    })
}
