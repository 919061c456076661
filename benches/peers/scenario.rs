//! The scenarios of the closed loop: who takes part, with which zone and which queries.
//!
//! All servers of a scenario run at the same time, and one of them has work: round by round each
//! is asked for a second, so that what disturbs the machine disturbs all alike. Whoever answers
//! wrongly, or not at all, ends the run. Where signatures are asked for, the same process of ours
//! is asked without them too, in a turn of its own: the difference is what they cost.
use std::time::Duration;

use crate::closed::Closed;
use crate::packets::{Packets, Signatures};
use crate::process::{Cores, Split};
use crate::report::median;
use crate::servers::{Chain, Content, Kind, Server, Setup};
use crate::world::{self, World};
use crate::{Common, Failure, explain};

/// Load before anything is counted.
const WARM_UP: Duration = Duration::from_millis(150);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// The steered name, by 20,000 client networks.
    Geo,
    /// The same, of a signed zone and with the DO bit.
    Dnssec,
    /// One static name.
    Static,
    /// Random names, in a small zone and in a large one.
    Absent,
    /// The same, of a signed zone and with the DO bit.
    Denied(Chain),
}

/// The world and the cores, for every part of a run.
pub(crate) struct Stage<'c> {
    pub(crate) world: World,
    pub(crate) split: Split,
    pub(crate) common: &'c Common,
}

/// What one server did in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// CPU time per query, microseconds.
    pub(crate) cost: f64,
    /// Queries per second.
    pub(crate) rate: f64,
    /// Part of the time in which the server ran.
    pub(crate) busy: f64,
}

/// What one server did in all rounds, asked in one way.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) content: Content,
    pub(crate) signatures: Signatures,
    pub(crate) samples: Vec<Sample>,
}

/// All that is asked in a scenario.
struct Questions {
    packets: Packets,
    echoed: Packets,
    /// Without signatures, for us alone.
    plain: Option<Packets>,
}

/// A server, and one way in which it is asked.
struct Turn<'a> {
    server: &'a Server,
    packets: &'a Packets,
    line: Line,
}

impl Scenario {
    /// The servers that can do it.
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Geo => &[
                Kind::Echo,
                Kind::Waypost,
                #[cfg(feature = "hickory")]
                Kind::Hickory,
                Kind::Gdnsd,
                Kind::Knot,
                Kind::Pdns,
            ],
            Self::Dnssec => &[Kind::Waypost, Kind::Knot, Kind::Pdns],
            Self::Denied(_) => &[Kind::Waypost, Kind::Knot, Kind::Nsd],
            Self::Static | Self::Absent => &[
                Kind::Echo,
                Kind::Waypost,
                Kind::Gdnsd,
                Kind::Knot,
                Kind::Nsd,
                Kind::Pdns,
            ],
        }
    }

    fn contents(self) -> &'static [Content] {
        match self {
            Self::Geo => &[Content::Steered],
            Self::Dnssec => &[Content::Signed],
            Self::Static => &[Content::Few],
            Self::Absent => &[Content::Few, Content::Many],
            Self::Denied(Chain::Nsec) => &[Content::Denying(Chain::Nsec)],
            Self::Denied(Chain::Nsec3) => &[Content::Denying(Chain::Nsec3)],
        }
    }

    fn packets(self, world: &World) -> Packets {
        match self {
            Self::Geo => Packets::steered(world, Signatures::Unwanted),
            Self::Dnssec => Packets::steered(world, Signatures::Wanted),
            Self::Static => Packets::fixed(),
            Self::Absent => Packets::absent(),
            Self::Denied(chain) => Packets::denied(chain),
        }
    }

    /// Runs all rounds.
    pub(crate) fn run(self, stage: &Stage<'_>) -> Result<Vec<Line>, Failure> {
        let questions = self.questions(&stage.world);
        let mut servers = Vec::new();
        // What is compared stands side by side: each server with itself, too.
        for kind in stage.chosen(self.kinds()) {
            for content in self.contents() {
                let asked = questions.first(kind);
                servers.push((*content, stage.open(kind, *content, asked)?));
            }
        }
        let mut turns = questions.turns(&servers)?;
        for round in 1..=stage.common.rounds {
            for Turn {
                server,
                packets,
                line,
            } in &mut turns
            {
                let sample = measure(server, packets, stage.common.time())?;
                eprintln!(
                    "{self:?} {round}/{} {} ({:?}): {:.2} us a query, {:.0} a second, {:.0} % busy",
                    stage.common.rounds,
                    line.name(),
                    line.content,
                    sample.cost,
                    sample.rate,
                    100.0 * sample.busy
                );
                line.samples.push(sample);
            }
        }
        Ok(turns.into_iter().map(|turn| turn.line).collect())
    }

    fn questions(self, world: &World) -> Questions {
        let packets = self.packets(world);
        let plain = || Packets::steered(world, Signatures::Unwanted);
        Questions {
            echoed: packets.echoed(),
            packets,
            plain: (self == Self::Dnssec).then(plain),
        }
    }
}

impl Questions {
    /// What a server of this kind must answer before anything is measured.
    fn first(&self, kind: Kind) -> &Packets {
        match kind {
            Kind::Echo => &self.echoed,
            Kind::Waypost | Kind::Hickory | Kind::Gdnsd | Kind::Knot | Kind::Nsd | Kind::Pdns => {
                &self.packets
            }
        }
    }

    /// Who is asked what in a round.
    fn turns<'a>(&'a self, servers: &'a [(Content, Server)]) -> Result<Vec<Turn<'a>>, Failure> {
        let mut turns = Vec::new();
        for (content, server) in servers {
            turns.push(Turn::new(server, *content, self.first(server.kind)));
            if let (Kind::Waypost, Some(plain)) = (server.kind, &self.plain) {
                server.examine(plain)?;
                turns.push(Turn::new(server, *content, plain));
            }
        }
        Ok(turns)
    }
}

impl<'a> Turn<'a> {
    fn new(server: &'a Server, content: Content, packets: &'a Packets) -> Self {
        let line = Line {
            kind: server.kind,
            content,
            signatures: packets.signatures,
            samples: Vec::new(),
        };
        Self {
            server,
            packets,
            line,
        }
    }
}

impl Line {
    /// Median CPU time per query, microseconds.
    pub(crate) fn cost(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.cost))
    }

    /// Its name in tables.
    pub(crate) fn name(&self) -> String {
        let name = self.kind.name();
        match (self.content, self.signatures) {
            (Content::Signed, Signatures::Unwanted) => format!("{name} without DO"),
            _ => name.to_owned(),
        }
    }
}

impl Stage<'_> {
    /// Those of these servers that were asked for.
    pub(crate) fn chosen(&self, kinds: &[Kind]) -> Vec<Kind> {
        let only = &self.common.only;
        let chosen = kinds
            .iter()
            .filter(|kind| only.is_empty() || only.contains(kind));
        chosen.copied().collect()
    }

    /// Starts a server on its core, waits for its first answer, and reads some in full.
    pub(crate) fn open(
        &self,
        kind: Kind,
        content: Content,
        packets: &Packets,
    ) -> Result<Server, Failure> {
        let setup = self.setup(kind, content)?;
        let mut server = kind.start(&setup, &self.split, Cores::Server)?;
        server.await_answer(packets)?;
        server.examine(packets)?;
        let (name, threads) = (kind.name(), server.process.thread_count());
        eprintln!("{name} ({content:?}) answers rightly, {threads} threads");
        Ok(server)
    }

    /// What a server is started with.
    pub(crate) fn setup(&self, kind: Kind, content: Content) -> Result<Setup<'_>, Failure> {
        match content {
            Content::Steered | Content::Few | Content::Signed => {}
            Content::Denying(_) => self.world.need_zone(world::SOME)?,
            Content::Many => self.world.need_zone(world::MANY)?,
            Content::Zones => self.world.need_small_zones()?,
        }
        let waypost = self.common.waypost.canonicalize();
        let waypost = waypost.map_err(explain("--waypost"))?;
        Setup::new(&self.world, kind, content, &waypost)
    }
}

/// One round of one server.
pub(crate) fn measure(
    server: &Server,
    packets: &Packets,
    time: Duration,
) -> Result<Sample, Failure> {
    let named = |failure| format!("{}: {failure}", server.kind.name());
    let mut generator = Closed::connect(server.port, packets)?;
    generator.run(WARM_UP).map_err(named)?;
    let before = server.process.cpu();
    let (queries, taken) = generator.run(time).map_err(named)?;
    let cpu = (server.process.cpu() - before).as_secs_f64();
    let queries = f64::from(u32::try_from(queries).expect("a few million"));
    Ok(Sample {
        cost: cpu * 1e6 / queries,
        rate: queries / taken.as_secs_f64(),
        busy: cpu / taken.as_secs_f64(),
    })
}
