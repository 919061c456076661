//! Latency at half of our own maximum, the same rate for every server, round by round.
use std::ops::ControlFlow;
use std::time::Duration;

use crate::Failure;
use crate::paced::{self, Pace};
use crate::packets::{Packets, Signatures};
use crate::report::median;
use crate::scenario::{self, Stage};
use crate::servers::{Content, Kind, Server};

/// Rounds that find out the maximum.
const TRIALS: usize = 3;
/// A paced round is longer than a closed one: a ninety-ninth percentile wants many queries.
const LONGER: u32 = 2;

/// Latencies of one run, sorted.
pub(crate) struct Latencies(Vec<Duration>);

/// The percentiles of one round, microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Queries that were never answered.
    pub(crate) lost: usize,
}

/// All rounds of one server.
pub(crate) struct Paces {
    pub(crate) kind: Kind,
    pub(crate) rounds: Vec<Round>,
}

/// What was measured.
pub(crate) struct Outcome {
    /// Queries per second.
    pub(crate) rate: f64,
    pub(crate) servers: Vec<Paces>,
}

impl Latencies {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The latency that so many of a thousand do not exceed, microseconds.
    pub(crate) fn permille(&self, permille: usize) -> f64 {
        let index = (self.0.len() * permille / 1000).min(self.0.len().saturating_sub(1));
        self.0
            .get(index)
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// Measures the floor, us, and those of the peers that the bar names.
pub(crate) fn run(stage: &Stage<'_>) -> Result<Outcome, Failure> {
    let packets = Packets::steered(&stage.world, Signatures::Unwanted);
    let echoed = packets.echoed();
    let asked = |kind| {
        if kind == Kind::Echo {
            &echoed
        } else {
            &packets
        }
    };
    let ours = stage.open(Kind::Waypost, Content::Steered, &packets)?;
    let rate = match stage.common.rate {
        Some(rate) => rate,
        None => maximum(stage, &ours, &packets)? / 2.0,
    };
    drop(ours);
    let kinds = stage.chosen(&[Kind::Echo, Kind::Waypost, Kind::Gdnsd, Kind::Knot]);
    let open = |kind| stage.open(kind, Content::Steered, asked(kind));
    let servers: Vec<Server> = kinds.into_iter().map(open).collect::<Result<_, _>>()?;
    let none = |server: &Server| Paces {
        kind: server.kind,
        rounds: Vec::new(),
    };
    let mut paces: Vec<Paces> = servers.iter().map(none).collect();
    let pace = Pace {
        rate,
        time: stage.common.time() * LONGER,
    };
    for round in 1..=stage.common.rounds {
        for (server, paces) in servers.iter().zip(&mut paces) {
            let measured = measure(server, asked(server.kind), pace)?;
            let (name, rounds) = (server.kind.name(), stage.common.rounds);
            eprintln!("latency {round}/{rounds} {name}: {measured:.1?}");
            paces.rounds.push(measured);
        }
    }
    Ok(Outcome {
        rate,
        servers: paces,
    })
}

/// Queries per second that we reach in the closed loop.
fn maximum(stage: &Stage<'_>, ours: &Server, packets: &Packets) -> Result<f64, Failure> {
    let trial = |_| scenario::measure(ours, packets, stage.common.time());
    let trials: Vec<_> = (0..TRIALS).map(trial).collect::<Result<_, _>>()?;
    let maximum = median(trials.iter().map(|sample| sample.rate));
    eprintln!("our maximum: {maximum:.0} a second");
    Ok(maximum)
}

fn measure(server: &Server, packets: &Packets, pace: Pace) -> Result<Round, Failure> {
    let mut all = Vec::new();
    let tally = paced::run(server.port, packets, pace, |heard| {
        all.push(heard.latency);
        ControlFlow::Continue(())
    });
    let tally = tally.map_err(|failure| format!("{}: {failure}", server.kind.name()))?;
    // What was lost took longer than anything.
    all.extend(std::iter::repeat_n(Duration::MAX, tally.lost));
    let latencies = Latencies::new(all);
    Ok(Round {
        p50: latencies.permille(500),
        p99: latencies.permille(990),
        lost: tally.lost,
    })
}
