//! From the death of an endpoint to the changed answer, beside gdnsd.
//!
//! Every name has an endpoint of its own and a spare. Both servers watch all of them over TCP, every 2 s (the least that gdnsd takes),
//! and three failures take an endpoint down. One endpoint after the other stops to listen at a random moment: whoever connects is
//! refused by the kernel, as after the end of a process. Both servers are asked in turn until each answers with the spare.
use std::fmt::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use waypost::dns::{Name, ask};

use crate::process::{Cores, Process};
use crate::scenario::Stage;
use crate::servers::{Kind, free_port};
use crate::world::{Random, ZONE};
use crate::{Failure, explain, wire};

/// Endpoints that die in each round.
const DEATHS: usize = 4;
/// Seconds between two probes of an endpoint.
const INTERVAL: u64 = 2;
/// Failures in a row that take it down.
const FALL: u32 = 3;
/// Address of every spare.
const SPARE: Ipv4Addr = Ipv4Addr::new(127, 79, 0, 1);
/// How long both may take until they answer with what is up.
const START: Duration = Duration::from_secs(60);
/// Probes enough for a first standing of everything.
const SETTLE: Duration = Duration::from_secs(INTERVAL * 6);
/// How long a change may take.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two queries to one server.
const PAUSE: Duration = Duration::from_millis(1);
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(1);

/// How long each server took for each death, seconds.
pub(crate) struct Changes {
    pub(crate) kind: Kind,
    pub(crate) taken: Vec<f64>,
}

/// An endpoint that takes connections until it dies.
struct Endpoint {
    listener: TcpListener,
}

/// A server, and how it is asked.
struct Watcher {
    kind: Kind,
    process: Process,
    socket: UdpSocket,
}

/// Lets one endpoint die after the other.
pub(crate) fn run(stage: &Stage<'_>) -> Result<Vec<Changes>, Failure> {
    let count = DEATHS * stage.common.rounds;
    let (port, endpoints, _spare) = listen(count).map_err(explain("endpoints"))?;
    let mut watchers = Vec::new();
    for kind in stage.chosen(&[Kind::Waypost, Kind::Gdnsd]) {
        watchers.push(Watcher::start(kind, stage, count, port)?);
    }
    for watcher in &mut watchers {
        watcher.await_start(count)?;
    }
    sleep(SETTLE);
    let none = |watcher: &Watcher| Changes {
        kind: watcher.kind,
        taken: Vec::new(),
    };
    let mut changes: Vec<Changes> = watchers.iter().map(none).collect();
    let mut random = Random::new();
    for (number, endpoint) in endpoints.into_iter().enumerate() {
        for watcher in &mut watchers {
            watcher.expect(number, address(number))?;
        }
        let phase = random.below(usize::try_from(INTERVAL * 1000).expect("small"));
        sleep(Duration::from_millis(u64::try_from(phase).expect("small")));
        let death = Instant::now();
        endpoint.die().map_err(explain("the end of an endpoint"))?;
        let mut awaited: Vec<usize> = (0..watchers.len()).collect();
        while !awaited.is_empty() {
            let mut failure = None;
            awaited.retain(|place| match watchers[*place].answer(number) {
                Ok(given) if given == SPARE => {
                    changes[*place].taken.push(death.elapsed().as_secs_f64());
                    false
                }
                Ok(_) if death.elapsed() < LONGEST => true,
                Ok(given) => {
                    let name = watchers[*place].kind.name();
                    failure = Some(format!("{name} still answers with {given}"));
                    true
                }
                Err(wrong) => {
                    failure = Some(wrong);
                    true
                }
            });
            if let Some(failure) = failure {
                return Err(failure);
            }
            sleep(PAUSE);
        }
        let taken = changes.iter().filter_map(|own| own.taken.last());
        let taken: Vec<String> = taken.map(|taken| format!("{taken:.2} s")).collect();
        eprintln!("death {}/{count}: {}", number + 1, taken.join(", "));
    }
    Ok(changes)
}

/// The address of an endpoint.
fn address(number: usize) -> Ipv4Addr {
    let number = u32::try_from(number).expect("few endpoints");
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 78, 0, 1).to_bits() + number)
}

/// All endpoints and the spare, on one port.
fn listen(count: usize) -> std::io::Result<(u16, Vec<Endpoint>, Endpoint)> {
    let spare = Endpoint::listen((SPARE, 0).into())?;
    let port = spare.listener.local_addr()?.port();
    let endpoints = (0..count).map(|number| Endpoint::listen((address(number), port).into()));
    Ok((port, endpoints.collect::<Result<_, _>>()?, spare))
}

impl Endpoint {
    fn listen(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let own = listener.try_clone()?;
        // Ends when the socket is shut down.
        std::thread::spawn(move || own.incoming().all(|stream| stream.is_ok()));
        Ok(Self { listener })
    }

    /// From now on the kernel refuses whoever connects.
    fn die(self) -> std::io::Result<()> {
        socket2::SockRef::from(&self.listener).shutdown(Shutdown::Both)
    }
}

impl Watcher {
    fn start(kind: Kind, stage: &Stage<'_>, names: usize, probed: u16) -> Result<Self, Failure> {
        let port = free_port().map_err(explain("a free port"))?;
        let folder = stage.world.path(&format!("deaths-{}", kind.name()));
        let zones = folder.join("zones");
        std::fs::create_dir_all(&zones).map_err(explain("a folder"))?;
        let zone = std::fs::read_to_string(stage.world.zone(crate::world::FEW));
        let mut zone = zone.map_err(explain("the zone"))?;
        let config = folder.join("config");
        let (text, mut command) = if kind == Kind::Gdnsd {
            for number in 0..names {
                writeln!(zone, "d{number} IN 300 DYNA simplefo!d{number}")
                    .expect("a string takes all");
            }
            let mut command = Command::new("/usr/sbin/gdnsd");
            command.arg("-c").arg(&folder).arg("start");
            (
                gdnsd(&folder.display().to_string(), port, names, probed),
                command,
            )
        } else {
            let waypost = stage.common.waypost.canonicalize();
            let mut command = Command::new(waypost.map_err(explain("the waypost program"))?);
            command.args(["run", "--config"]).arg(&config);
            let file = zones.join(ZONE).display().to_string();
            (waypost_config(&file, port, names, probed), command)
        };
        std::fs::write(zones.join(ZONE), zone).map_err(explain("the zone"))?;
        std::fs::write(config, text).map_err(explain("a config"))?;
        let log = folder.join("log");
        let process = stage
            .split
            .start(Cores::Server, kind.name(), &mut command, log)?;
        let socket = wire::open(port).map_err(explain("a socket"))?;
        let patience = socket.set_read_timeout(Some(ANSWER));
        patience.map_err(explain("a socket"))?;
        Ok(Self {
            kind,
            process,
            socket,
        })
    }

    /// Waits until every name is answered with its endpoint.
    fn await_start(&mut self, names: usize) -> Result<(), Failure> {
        let end = Instant::now() + START;
        for number in 0..names {
            while let Err(wrong) = self.expect(number, address(number)) {
                self.process.check()?;
                if Instant::now() > end {
                    return Err(format!("{wrong}\n{}", self.process.said()));
                }
                sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    fn expect(&mut self, number: usize, wanted: Ipv4Addr) -> Result<(), Failure> {
        let given = self.answer(number)?;
        if given == wanted {
            return Ok(());
        }
        let name = self.kind.name();
        Err(format!("{name}: {given} instead of {wanted}"))
    }

    /// The address that a name is answered with.
    fn answer(&self, number: usize) -> Result<Ipv4Addr, Failure> {
        let name = self.kind.name();
        let asked = Name::parse(&format!("d{number}.{ZONE}")).map_err(explain("a name"))?;
        let question = ask::Question {
            name: asked,
            rtype: 1,
            wants: Vec::new(),
        };
        let id = u16::try_from(number).expect("few endpoints");
        let sent = self.socket.send(&ask::encode(id, &question));
        sent.map_err(explain(name))?;
        let mut reply = [0; 1500];
        let length = self.socket.recv(&mut reply).map_err(explain(name))?;
        let read = ask::decode(&reply[..length]).filter(|read| read.answers(id, &question));
        let addresses: Vec<_> = read.iter().flat_map(ask::Reply::addresses).collect();
        match addresses[..] {
            [std::net::IpAddr::V4(address)] => Ok(address),
            _ => Err(format!("{name}: {addresses:?} for endpoint {number}")),
        }
    }
}

fn gdnsd(folder: &str, port: u16, names: usize, probed: u16) -> String {
    let mut text = format!(
        "options => {{ listen => 127.0.0.1:{port}, udp_threads => 1, tcp_threads => 1, run_dir => {folder}/run, state_dir => {folder}/state }}\n\
         service_types => {{ tcp => {{ plugin => tcp_connect, port => {probed}, interval => {INTERVAL}, timeout => 1,\n\
         up_thresh => {FALL}, ok_thresh => {FALL}, down_thresh => {FALL} }} }}\n\
         plugins => {{ tcp_connect => {{}}, simplefo => {{ service_types => tcp\n"
    );
    for number in 0..names {
        let address = address(number);
        writeln!(
            text,
            "d{number} => {{ primary => {address}, secondary => {SPARE} }}"
        )
        .expect("a string takes all");
    }
    text + "}}\n"
}

fn waypost_config(zone: &str, port: u16, names: usize, probed: u16) -> String {
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\"]\nthreads = 1\n[[zones]]\nname = \"{ZONE}\"\nfile = \"{zone}\"\n\
         [monitors.tcp]\ntype = \"tcp\"\nport = {probed}\ninterval = \"{INTERVAL}s\"\ntimeout = \"1s\"\nfall = {FALL}\nrise = {FALL}\n\
         [regions.one]\nlocation = [50.1, 8.7]\n"
    );
    for number in 0..names {
        let own = address(number);
        write!(
            text,
            "[services.d{number}]\nhostnames = [\"d{number}.{ZONE}\"]\nmonitors = [\"tcp\"]\nresidency = \"any\"\n"
        )
        .expect("a string takes all");
        for (name, tier, address) in [("own", 1, own), ("spare", 2, SPARE)] {
            write!(
                text,
                "[[services.d{number}.endpoints]]\nname = \"{name}-{number}\"\nregion = \"one\"\nprovider = \"bench\"\ntier = {tier}\naddresses = [\"{address}\"]\n"
            )
            .expect("a string takes all");
        }
    }
    text
}
