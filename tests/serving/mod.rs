//! A server with a stand-in for the answer: what comes back says how the query came.
#![expect(clippy::unwrap_used, reason = "tests")]
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;
use waypost::answer::{Answered, Asker, Transport};
use waypost::base::{HashKey, Moment, Permille, Reason};
use waypost::dns::zone::Zones;
use waypost::geo::{Atlas, Database, EMBEDDED};
use waypost::io::clock::Clock;
use waypost::io::metrics::Metrics;
use waypost::io::publish::Published;
use waypost::io::serve::{Listeners, Service, Serving};
use waypost::plan::{Control, GeoFile, Guard, Plan, Server};
use waypost::table::Table;

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A running server.
pub(crate) struct Rig {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) published: Arc<Published>,
    pub(crate) runtime: Runtime,
    serving: Option<Serving>,
}

impl Rig {
    pub(crate) fn start(listen: &[&str]) -> Self {
        let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().unwrap()).collect();
        let listeners = Listeners::bind(&listen, 2).unwrap();
        let addresses = listeners.addresses();
        let runtime = Runtime::new().unwrap();
        let clock = Clock::start();
        let metrics = Arc::new(Metrics::new(clock));
        let published = Arc::new(Published::new(table(1)));
        let service = Service {
            published: Arc::clone(&published),
            clock,
            metrics: Arc::clone(&metrics),
            responder: respond,
        };
        let serving = listeners.serve_with(service, runtime.handle()).unwrap();
        Self {
            addresses,
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
    let big = asker.transport == Transport::Stream && query[12..].starts_with(b"big");
    Some(Answered {
        length: query.len() + 1 + if big { 60_000 } else { 0 },
        rcode: 0,
        service: None,
        region: None,
        reason: Reason::Static,
        truncated: false,
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
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// One query over a connection of its own.
pub(crate) fn ask_tcp(from: Ipv4Addr, server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let mut stream = connect(from, server);
    stream.write_all(&framed(query)).unwrap();
    read_frame(&mut stream).unwrap()
}

/// A table of an empty plan.
pub(crate) fn table(generation: u64) -> Arc<Table> {
    let plan = Arc::new(plan());
    let none = Arc::from(Vec::new());
    Arc::new(Table::build(generation, plan, none, Moment(0), None))
}

fn plan() -> Plan {
    Plan {
        digest: 7,
        key: HashKey(1),
        server: Server {
            listen: Vec::new(),
            identity: None,
            version: None,
            udp_reply_bytes: 1232,
            threads: None,
        },
        control: Control { listen: None },
        guard: Guard {
            doubt: Permille(500),
            max_ejected: Permille(500),
            max_shrink: Permille(500),
        },
        jurisdictions: Vec::new(),
        regions: Vec::new(),
        endpoints: Vec::new(),
        monitors: Vec::new(),
        recoveries: Vec::new(),
        slots: Vec::new(),
        targets: Vec::new(),
        services: Vec::new(),
        maps: Vec::new(),
        zones: Zones::default(),
        zone_list: Vec::new(),
        atlas: Arc::new(Atlas::new(&Database::read(EMBEDDED).unwrap(), &[], &[])),
        geo: GeoFile {
            source: "embedded".into(),
            built_at: 0,
            networks: 0,
        },
    }
}
