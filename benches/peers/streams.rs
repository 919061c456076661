//! Answers over streams: TCP beside Knot and BIND, TLS and HTTPS beside BIND.
//!
//! Other people's generators ask: `dnsperf` over TCP and TLS, `h2load` over HTTPS (dnsperf's own client for HTTPS loses replies that
//! arrive together). Connections are opened once and asked again and again; the handshakes of a round are part of its cost.
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use waypost::dns::{Name, ask};

use crate::process::{Cores, Process, Split};
use crate::report::median;
use crate::scenario::Stage;
use crate::world::{self, FEW, STATIC, ZONE};
use crate::{Failure, explain};

/// Connections that a generator has.
const CONNECTIONS: &str = "8";
/// Queries of a round.
const QUERIES: u32 = 20_000;
/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(20);

/// What queries travel by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Tcp,
    Tls,
    Https,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Streamer {
    Waypost,
    Knot,
    Bind,
}

/// What one server costs over one transport.
pub(crate) struct StreamCost {
    pub(crate) stream: Stream,
    pub(crate) server: &'static str,
    /// CPU time per query in each round, microseconds.
    pub(crate) rounds: Vec<f64>,
}

/// A server that answers, and its ports.
struct Running {
    own: Streamer,
    process: Process,
    ports: [u16; 3],
}

/// Measures all, interleaved.
pub(crate) fn run(stage: &Stage<'_>) -> Result<Vec<StreamCost>, Failure> {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let key = key.map_err(explain("a certificate"))?;
    let write = |name: &str, text: &str| {
        let path = stage.world.path(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
    };
    let write = |name: &str, text: &str| write(name, text).map_err(explain(name));
    write("pair.pem", &key.cert.pem())?;
    write("pair.key", &key.signing_key.serialize_pem())?;
    let name = Name::parse(&format!("{STATIC}.{ZONE}")).map_err(explain("the name"))?;
    let question = ask::Question {
        name,
        rtype: 1,
        wants: Vec::new(),
    };
    let query = ask::encode(0, &question);
    std::fs::write(stage.world.path("question"), query).map_err(explain("a question"))?;
    write("questions", &format!("{STATIC}.{ZONE} A\n"))?;
    let all = [Streamer::Waypost, Streamer::Knot, Streamer::Bind];
    let mut servers = Vec::new();
    for own in all {
        servers.push(own.start(stage)?);
    }
    let mut costs = Vec::new();
    for stream in [Stream::Tcp, Stream::Tls, Stream::Https] {
        for (place, server) in servers.iter().enumerate() {
            if server.own != Streamer::Knot || stream == Stream::Tcp {
                let none = StreamCost {
                    stream,
                    server: server.own.name(),
                    rounds: Vec::new(),
                };
                costs.push((place, none));
            }
        }
    }
    for round in 1..=stage.common.rounds {
        for (place, cost) in &mut costs {
            let server = &servers[*place];
            let measured = server.measure(cost.stream, stage)?;
            eprintln!(
                "streams {round}/{} {:?} {}: {measured:.2} us a query",
                stage.common.rounds, cost.stream, cost.server
            );
            cost.rounds.push(measured);
        }
    }
    Ok(costs.into_iter().map(|(_, cost)| cost).collect())
}

impl StreamCost {
    /// Median CPU time per query, microseconds.
    pub(crate) fn cost(&self) -> f64 {
        median(self.rounds.iter().copied())
    }
}

impl Streamer {
    fn name(self) -> &'static str {
        match self {
            Self::Waypost => "waypost",
            Self::Knot => "knot",
            Self::Bind => "bind",
        }
    }

    fn start(self, stage: &Stage<'_>) -> Result<Running, Failure> {
        let world = &stage.world;
        let folder = world.path(&format!("streams-{}", self.name()));
        std::fs::create_dir(&folder).map_err(explain("a folder"))?;
        let ports = free_ports().map_err(explain("free ports"))?;
        let files = [
            world.zone(FEW),
            world.path("pair.pem"),
            world.path("pair.key"),
        ];
        let config = folder.join("config");
        let text = self.config(&folder, &files, ports);
        std::fs::write(&config, text).map_err(explain("a config"))?;
        let mut command = match self {
            Self::Waypost => {
                let mut command = Command::new(&stage.common.waypost);
                command.args(["run", "--config"]).arg(&config);
                command
            }
            Self::Knot => {
                let mut command = Command::new("/usr/sbin/knotd");
                command.arg("-c").arg(&config);
                command
            }
            Self::Bind => {
                let mut command = Command::new("/usr/sbin/named");
                command.args(["-g", "-n", "1", "-c"]).arg(&config);
                command
            }
        };
        let log = folder.join("log");
        let split: &Split = &stage.split;
        let mut process = split.start(Cores::Server, self.name(), &mut command, log)?;
        await_answer(&mut process, ports[0])?;
        Ok(Running {
            own: self,
            process,
            ports,
        })
    }

    /// Its config: the small zone on three ports, for TCP, TLS and HTTPS.
    fn config(self, folder: &Path, files: &[std::path::PathBuf; 3], ports: [u16; 3]) -> String {
        let [zone, pair, key] = files.each_ref().map(|file| file.display().to_string());
        let (folder, [tcp, tls, https]) = (folder.display(), ports);
        match self {
            Self::Waypost => format!(
                "[server]\nlisten = [\"127.0.0.1:{tcp}\"]\nthreads = 1\n[server.tls]\ncertificate = \"{pair}\"\nkey = \"{key}\"\n\
                 listen = [\"127.0.0.1:{tls}\"]\nlisten_https = [\"127.0.0.1:{https}\"]\n[[zones]]\nname = \"{ZONE}\"\nfile = \"{zone}\"\n"
            ),
            Self::Knot => format!(
                "server:\n  rundir: {folder}\n  listen: 127.0.0.1@{tcp}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n\
                 log:\n  - target: stderr\n    any: error\ndatabase:\n  storage: {folder}\nzone:\n  - domain: {ZONE}\n    file: {zone}\n"
            ),
            Self::Bind => format!(
                "options {{\n  directory \"{folder}\";\n  pid-file none;\n  session-keyfile none;\n  recursion no;\n  minimal-responses yes;\n  tcp-clients 1000;\n  \
                 listen-on-v6 {{ none; }};\n  listen-on port {tcp} {{ 127.0.0.1; }};\n  listen-on port {tls} tls own {{ 127.0.0.1; }};\n  \
                 listen-on port {https} tls own http own {{ 127.0.0.1; }};\n}};\ntls own {{ cert-file \"{pair}\"; key-file \"{key}\"; }};\n\
                 http own {{ endpoints {{ \"/dns-query\"; }}; }};\ncontrols {{ }};\nzone \"{ZONE}\" {{ type primary; file \"{zone}\"; }};\n"
            ),
        }
    }
}

impl Running {
    /// CPU time per query of one round, microseconds.
    fn measure(&self, stream: Stream, stage: &Stage<'_>) -> Result<f64, Failure> {
        let before = self.process.cpu();
        let answered = match stream {
            Stream::Tcp => self.dnsperf("tcp", self.ports[0], stage)?,
            Stream::Tls => self.dnsperf("dot", self.ports[1], stage)?,
            Stream::Https => self.h2load(stage)?,
        };
        let cpu = (self.process.cpu() - before).as_secs_f64();
        if answered != QUERIES {
            let name = self.own.name();
            return Err(format!(
                "{name}: {answered} of {QUERIES} over {stream:?} were answered"
            ));
        }
        Ok(cpu * 1e6 / f64::from(QUERIES))
    }

    fn dnsperf(&self, mode: &str, port: u16, stage: &Stage<'_>) -> Result<u32, Failure> {
        let mut command = Command::new("dnsperf");
        command.args(["-m", mode, "-s", "127.0.0.1", "-c", CONNECTIONS, "-q", "64"]);
        command.args(["-p", &port.to_string(), "-n", &QUERIES.to_string()]);
        let said = said(command.arg("-d").arg(stage.world.path("questions")))?;
        let line = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("Response codes:"));
        number(
            line.and_then(|line| line.trim().strip_prefix("NOERROR ")),
            &said,
        )
    }

    /// Queries by POST (RFC 8484, section 4.1).
    fn h2load(&self, stage: &Stage<'_>) -> Result<u32, Failure> {
        let url = format!("https://127.0.0.1:{}/dns-query", self.ports[2]);
        let mut command = Command::new("h2load");
        command.args(["-c", CONNECTIONS, "-m", "8", "-n", &QUERIES.to_string()]);
        command.args(["-H", "content-type: application/dns-message", "-d"]);
        let said = said(command.arg(stage.world.path("question")).arg(url))?;
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("status codes: "));
        number(line, &said)
    }
}

/// Runs a generator to its end; what it printed.
fn said(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(explain(&format!(
        "{program} (benches/peers/run installs it)"
    )))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!(
        "{program}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The number that a line begins with.
fn number(line: Option<&str>, said: &str) -> Result<u32, Failure> {
    let word = line.and_then(|line| line.split_whitespace().next());
    let number = word.and_then(|word| word.parse().ok());
    number.ok_or_else(|| format!("the generator does not say how many were answered: {said}"))
}

/// Waits until a query over TCP is answered.
fn await_answer(process: &mut Process, port: u16) -> Result<(), Failure> {
    let end = std::time::Instant::now() + START;
    let question = format!("{STATIC}.{ZONE}");
    let words = [
        "@127.0.0.1",
        "-p",
        &port.to_string(),
        "+tcp",
        "+short",
        "+tries=1",
        "+time=1",
        &question,
        "A",
    ];
    let expected = world::static_address(1).to_string();
    loop {
        let output = Command::new("dig")
            .args(words)
            .output()
            .map_err(explain("dig"))?;
        if String::from_utf8_lossy(&output.stdout).trim() == expected {
            return Ok(());
        }
        process.check()?;
        if std::time::Instant::now() > end {
            return Err(format!("no answer: {}", process.said()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn free_ports() -> std::io::Result<[u16; 3]> {
    let open = || std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
    let all = [open()?, open()?, open()?];
    let [one, two, three] = all.map(|listener| listener.local_addr().map(|own| own.port()));
    Ok([one?, two?, three?])
}
