//! A server with a stand-in for the answer: what comes back says how the query came.
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;
use waypost::answer::{Answered, Asker, Counted, Transport};
use waypost::base::{Moment, Reason, Standing};
use waypost::config::{self, Compiled, Files};
use waypost::dns::zone::Zones;
use waypost::io::clock::Clock;
use waypost::io::metrics::Metrics;
use waypost::io::publish::Published;
use waypost::io::serve::deferred::DeferredQueue;
use waypost::io::serve::{Listeners, Responder, Secrets, Service, Serving};
use waypost::plan::Plan;
use waypost::table::Table;

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A running server.
pub(crate) struct Rig {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) encrypted: Vec<(Transport, SocketAddr)>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) published: Arc<Published>,
    pub(crate) runtime: Runtime,
    serving: Option<Serving>,
}

impl Rig {
    /// A server with the stand-in.
    pub(crate) fn start(listen: &[&str]) -> Self {
        Self::start_with(listen, respond)
    }

    /// A server with another responder.
    pub(crate) fn start_with(listen: &[&str], responder: Responder) -> Self {
        let mut plan = plan();
        plan.server.listen = listen.iter().map(|text| text.parse().unwrap()).collect();
        Self::of(plan, compiled().unsigned(), responder)
    }

    /// A server of this plan: where it listens, what it proves itself by, what it knows.
    pub(crate) fn of(plan: Plan, zones: Arc<Zones>, responder: Responder) -> Self {
        Self::deferring((plan, zones), responder, None)
    }

    /// A server that puts messages into a queue.
    pub(crate) fn deferring(
        (plan, zones): (Plan, Arc<Zones>),
        responder: Responder,
        deferred: Option<DeferredQueue>,
    ) -> Self {
        let mut listeners = Listeners::bind(&plan.server.listen, 2).unwrap();
        if let Some(tls) = &plan.server.tls {
            listeners = listeners.with_encrypted(tls).unwrap();
        }
        let (addresses, encrypted) = (listeners.addresses(), listeners.encrypted());
        let runtime = Runtime::new().unwrap();
        let clock = Clock::start();
        let metrics = Arc::new(Metrics::new(clock));
        let published = Arc::new(Published::new(Arc::new(unproven(1, plan, zones))));
        let service = Service {
            published: Arc::clone(&published),
            clock,
            metrics: Arc::clone(&metrics),
            responder,
            deferred,
            secrets: Secrets::draw().unwrap(),
            tap: None,
        };
        let serving = listeners.serve(service, runtime.handle()).unwrap();
        Self {
            addresses,
            encrypted,
            clock,
            metrics,
            published,
            runtime,
            serving: Some(serving),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.addresses[0].port()
    }

    pub(crate) fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.stop());
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Stands in for the answer: the query with QR set, the generation, and for `big` queries
/// 60,000 octets more. Queries that begin with `!` panic, those with QR set get no reply.
pub(crate) fn respond(
    table: &Table,
    asker: &Asker,
    query: &[u8],
    reply: &mut [u8],
) -> Option<Answered> {
    if query.len() < 12 || query[2] & 0x80 != 0 {
        return None;
    }
    assert!(query[12..].first() != Some(&b'!'), "planted panic");
    reply[..query.len()].copy_from_slice(query);
    reply[2] |= 0x80;
    let generation = u8::try_from(table.generation).unwrap();
    reply[query.len()] = generation;
    let big = asker.transport == Transport::Tcp && query[12..].starts_with(b"big");
    Some(Answered {
        length: query.len() + 1 + if big { 60_000 } else { 0 },
        rcode: 0,
        service: None,
        region: None,
        asked: None,
        reason: Reason::Static,
        truncated: false,
        counted: Counted::NOTHING,
    })
}

/// A query of this number, with a text behind its header.
pub(crate) fn query(id: u16, text: &str) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([0; 10]);
    query.extend(text.as_bytes());
    query
}

/// The reply that the stand-in gives.
pub(crate) fn reply(id: u16, text: &str, generation: u8) -> Vec<u8> {
    let mut reply = query(id, text);
    reply[2] |= 0x80;
    reply.push(generation);
    reply
}

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

/// A UDP client; any port of this address.
pub(crate) fn udp(local: &str) -> UdpSocket {
    let socket = UdpSocket::bind((local.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Sends and waits for the reply; gives where it came from.
pub(crate) fn ask(socket: &UdpSocket, server: SocketAddr, query: &[u8]) -> (Vec<u8>, SocketAddr) {
    socket.send_to(query, server).unwrap();
    let mut room = [0; 4096];
    let (length, source) = socket.recv_from(&mut room).unwrap();
    (room[..length].to_vec(), source)
}

/// A TCP connection from a loopback address of choice.
pub(crate) fn connect(from: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect_timeout(&server.into(), PATIENCE).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    read_frame_of(stream)
}

/// The same of any stream.
pub(crate) fn read_frame_of(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// One query over a connection of its own.
pub(crate) fn ask_tcp(from: Ipv4Addr, server: SocketAddr, query: &[u8]) -> Vec<u8> {
    exchange(&mut connect(from, server), query)
}

/// One query and its reply on a connection that stays.
pub(crate) fn exchange(stream: &mut TcpStream, query: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(query)).unwrap();
    read_frame(stream).unwrap()
}

/// A table of a small plan with a zone and a service, every endpoint unproven.
pub(crate) fn table(generation: u64) -> Arc<Table> {
    table_of(generation, plan())
}

/// A table of this plan, every endpoint unproven.
pub(crate) fn table_of(generation: u64, plan: Plan) -> Arc<Table> {
    Arc::new(unproven(generation, plan, compiled().unsigned()))
}

fn unproven(generation: u64, plan: Plan, zones: Arc<Zones>) -> Table {
    let plan = Arc::new(plan);
    let standings = vec![Standing::UNPROVEN; plan.targets.len()].into();
    Table::build(generation, plan, standings, Moment(0), None).with_zones(zones)
}

pub(crate) fn plan() -> Plan {
    compiled().plan
}

fn compiled() -> Compiled {
    let (spec, found) = config::read(Path::new("config.toml"), CONFIG);
    let mut files = Files::new();
    for path in spec.files(&files) {
        files.insert(path, Ok(ZONE.as_bytes().into()));
    }
    let compiled = config::compile(&spec, found, &files);
    compiled.map_err(|found| found.render(false)).unwrap().0
}

const ZONE: &str = "\
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A 192.0.2.53
www A 192.0.2.80
";

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
connections = 512
[[zones]]
name = "example.org"
file = "example.org.zone"
[regions.eu]
location = [50.1, 8.7]
[[regions.eu.endpoints]]
name = "fra"
provider = "hetzner"
addresses = ["192.0.2.10"]
[monitors.web]
type = "http"
[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
"#;
