//! The servers: how each is told the same data, and when it is ready.
//!
//! Each gets one answering thread, no logging of queries, no rate limiting and minimal replies:
//! its documented best for one core. Its folder is its own and goes with the run. Where two ways
//! to set it up were open, the faster one is here.
use std::net::UdpSocket;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::explain;
use crate::packets::Packets;
use crate::process::{Cores, Process, Split};
use crate::wire;
use crate::world::{self, World, ZONE};

pub(crate) mod echo;
mod gdnsd;
pub(crate) mod hickory;
mod knot;
mod nsd;
mod pdns;
mod waypost;

/// How long a server may take until it answers, one million names included.
const START: Duration = Duration::from_secs(120);
/// How long an answer is waited for while a server starts; then it is asked again.
const TRY: Duration = Duration::from_millis(20);
/// How long after an answer that was not right it is asked again.
const PAUSE: Duration = Duration::from_millis(2);
/// How long an answer is waited for once it has started.
const ANSWER: Duration = Duration::from_secs(2);
/// After the first answer: what was asked in vain before may still fill the server's queue.
const SETTLE: Duration = Duration::from_millis(300);
/// Queries that are asked one by one and read in full before anything is measured.
const EXAMINED: usize = 200;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A UDP echo in batches: the floor.
    Echo,
    /// This project.
    Waypost,
    /// gdnsd with its geoip plugin.
    Gdnsd,
    /// hickory-server with our handler.
    Hickory,
    /// Knot DNS with mod-geoip.
    Knot,
    /// NSD, which steers nothing.
    Nsd,
    /// PowerDNS with its geoip backend, or its bind backend.
    Pdns,
}

/// What a server is to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The steered name, in a zone of few names.
    Steered,
    /// A zone of few names.
    Few,
    /// A zone of a million.
    Many,
    /// The steered name, in the same zone of few names, signed.
    Signed,
    /// A zone of some names, signed, of which names are asked that it does not have.
    Denying(Chain),
    /// Many small zones.
    Zones,
}

/// How a signed zone proves that a name does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// RFC 4034, section 4.
    Nsec,
    /// RFC 5155, without salt and further iterations (RFC 9276).
    Nsec3,
}

/// What a server is started with.
pub(crate) struct Setup<'w> {
    pub(crate) world: &'w World,
    /// The server's own folder.
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) content: Content,
    /// The zone file; the folder of all, where there are many.
    pub(crate) zone: PathBuf,
    /// The waypost program.
    pub(crate) waypost: PathBuf,
}

/// A server that answers.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) port: u16,
    pub(crate) process: Process,
}

impl Kind {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Waypost => "waypost",
            Self::Gdnsd => "gdnsd",
            Self::Hickory => "hickory",
            Self::Knot => "knot",
            Self::Nsd => "nsd",
            Self::Pdns => "pdns",
        }
    }

    /// Writes its config; gives the command that runs it in the foreground.
    fn prepare(self, setup: &Setup<'_>) -> std::io::Result<Command> {
        match self {
            Self::Echo => echo::prepare(setup),
            Self::Waypost => waypost::prepare(setup),
            Self::Gdnsd => gdnsd::prepare(setup),
            Self::Hickory => hickory::prepare(setup),
            Self::Knot => knot::prepare(setup),
            Self::Nsd => nsd::prepare(setup),
            Self::Pdns => pdns::prepare(setup),
        }
    }

    /// Starts it, without waiting.
    pub(crate) fn start(
        self,
        setup: &Setup<'_>,
        split: &Split,
        cores: Cores,
    ) -> Result<Server, Failure> {
        let failed = explain(self.name());
        let mut command = self.prepare(setup).map_err(failed)?;
        command.current_dir(&setup.folder);
        let log = setup.folder.join("log");
        Ok(Server {
            kind: self,
            port: setup.port,
            process: split.start(cores, self.name(), &mut command, log)?,
        })
    }
}

impl Content {
    /// Where its zone or zones are.
    fn zone(self, world: &World) -> PathBuf {
        match self {
            Self::Steered | Self::Few | Self::Signed => world.zone(world::FEW),
            Self::Denying(_) => world.zone(world::SOME),
            Self::Many => world.zone(world::MANY),
            Self::Zones => world.zones(),
        }
    }

    /// Whether the steered name is asked for.
    fn is_steered(self) -> bool {
        matches!(self, Self::Steered | Self::Signed)
    }

    /// How a zone that is to be signed proves absence.
    fn chain(self) -> Option<Chain> {
        match self {
            Self::Signed => Some(Chain::Nsec),
            Self::Denying(chain) => Some(chain),
            Self::Steered | Self::Few | Self::Many | Self::Zones => None,
        }
    }
}

impl Chain {
    /// The type of its records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nsec => "NSEC",
            Self::Nsec3 => "NSEC3",
        }
    }
}

impl<'w> Setup<'w> {
    /// A folder and a port for a server of this content.
    pub(crate) fn new(
        world: &'w World,
        kind: Kind,
        content: Content,
        waypost: &std::path::Path,
    ) -> Result<Self, Failure> {
        let port = free_port().map_err(explain("a free port"))?;
        let folder = world.path(&format!("{}-{port}", kind.name()));
        std::fs::create_dir(&folder).map_err(explain("a folder"))?;
        Ok(Self {
            world,
            folder,
            port,
            content,
            zone: content.zone(world),
            waypost: waypost.to_owned(),
        })
    }

    /// Every zone to serve, with its file.
    fn zones(&self) -> Vec<(String, PathBuf)> {
        if self.content != Content::Zones {
            return vec![(ZONE.to_owned(), self.zone.clone())];
        }
        let each = |number| {
            let name = world::small_zone(number);
            let file = self.zone.join(&name);
            (name, file)
        };
        (0..world::ZONES).map(each).collect()
    }

    /// Writes a file of the server's folder.
    fn write(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// Runs a program that makes keys or signatures, to its end.
fn run_to_end(command: &mut Command) -> std::io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(std::io::Error::other(format!("{command:?}: {said}")))
}

impl Server {
    /// Waits for the first right answer.
    pub(crate) fn await_answer(&mut self, packets: &Packets) -> Result<(), Failure> {
        self.await_answers(packets, 0..1)
    }

    /// Waits for the right answer to each of these queries in turn.
    pub(crate) fn await_answers(
        &mut self,
        packets: &Packets,
        indices: Range<usize>,
    ) -> Result<(), Failure> {
        let socket = self.socket(TRY)?;
        let end = Instant::now() + START;
        for index in indices {
            while let Err(wrong) = answer_of(&socket, packets, index) {
                self.process.check()?;
                if Instant::now() > end {
                    let (name, said) = (self.kind.name(), self.process.said());
                    return Err(format!("{name} does not answer: {wrong}\n{said}"));
                }
                // What refuses at once is not kept from its work by being asked.
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// Asks queries one by one and reads the answers in full.
    pub(crate) fn examine(&self, packets: &Packets) -> Result<(), Failure> {
        std::thread::sleep(SETTLE);
        let socket = self.socket(ANSWER)?;
        let all = packets.queries.len();
        for index in (0..all).step_by(all.div_ceil(EXAMINED)) {
            let answer = answer_of(&socket, packets, index);
            answer.map_err(|wrong| format!("{}: query {index}: {wrong}", self.kind.name()))?;
        }
        Ok(())
    }

    fn socket(&self, patience: Duration) -> Result<UdpSocket, Failure> {
        let socket = wire::open(self.port).map_err(explain("a socket"))?;
        socket
            .set_read_timeout(Some(patience))
            .map_err(explain("a socket"))?;
        Ok(socket)
    }
}

/// Asks one query and reads its answer in full; answers to earlier ones are passed over.
fn answer_of(socket: &UdpSocket, packets: &Packets, index: usize) -> Result<(), Failure> {
    let query = &packets.queries[index];
    let mut reply = [0; 4096];
    // Before the server listens, the kernel says so: that comes back at once.
    socket.send(query).map_err(|error| error.to_string())?;
    loop {
        let length = socket.recv(&mut reply).map_err(|error| error.to_string())?;
        if reply[..2] == query[..2] {
            return packets.examine(index, &reply[..length]);
        }
    }
}

/// A port that neither UDP nor TCP has.
pub(crate) fn free_port() -> std::io::Result<u16> {
    let tcp = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    let port = tcp.local_addr()?.port();
    UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, port))?;
    Ok(port)
}
