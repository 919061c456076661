//! What is probed: one cheap HTTP responder that all of 127.0.0.0/8 reaches, in a process of its own.
//!
//! A few threads each take a connection, read once, write once and close. Nothing is parsed but the
//! first letters of the path: `/tally` is answered with how many probes came, `/flap` and `/calm`
//! say whether addresses flip from now on (not at first), all else is a probe.
//! A probe of an address that is *down* at that moment is answered with 500. Which addresses are
//! down follows from the address and the time alone: with a period of `p` every address is up
//! for `p` and down for `p`, and the flips of all addresses are spread evenly over the time.
//!
//! The process ends when its standard input does, so it never outlives the bench.
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Socket, Type};

use crate::child::Pinned;

/// The first argument that makes the bench's program a backend.
pub(crate) const ROLE: &str = "backend";

const THREADS: usize = 16;
const BACKLOG: i32 = 4096;
const WELL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const ILL: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno";

/// A backend at work.
#[derive(Debug)]
pub(crate) struct Backend {
    _process: Pinned,
    port: u16,
}

impl Backend {
    /// Starts one, calm; once told to flap, every address flips once in each `period`.
    pub(crate) fn start(core: usize, port: u16, period: Duration) -> Self {
        let period = period.as_millis();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([ROLE, &port.to_string(), &period.to_string()]);
        command.stdin(Stdio::piped());
        let process = Pinned::start(&mut command, core);
        let backend = Self {
            _process: process,
            port,
        };
        while backend.ask("tally").is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        backend
    }

    /// Tells it to `flap` or to be `calm`.
    pub(crate) fn tell(&self, manner: &str) {
        self.ask(manner).unwrap();
    }

    /// How many probes it has answered.
    pub(crate) fn tally(&self) -> u64 {
        self.ask("tally").unwrap()
    }

    fn ask(&self, path: &str) -> Option<u64> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        // In one piece: the backend reads once, and unread bytes would make its close a reset.
        let request = format!("GET /{path} HTTP/1.1\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.rsplit_once("\r\n\r\n")?.1.parse().ok()
    }
}

/// What the threads of a backend share.
struct Desk {
    listener: TcpListener,
    probes: AtomicU64,
    period_ms: u64,
    flaps: AtomicBool,
}

/// Is a backend until standard input ends; `arguments` are a port and a period in milliseconds.
pub(crate) fn run(arguments: &[String]) {
    let (port, period_ms) = (arguments[0].parse().unwrap(), arguments[1].parse().unwrap());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    socket.bind(&address.into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    let desk = Arc::new(Desk {
        listener: socket.into(),
        probes: AtomicU64::new(0),
        period_ms,
        flaps: AtomicBool::new(false),
    });
    for _ in 0..THREADS {
        let desk = Arc::clone(&desk);
        std::thread::spawn(move || desk.serve());
    }
    let _ = std::io::stdin().read(&mut [0]);
}

impl Desk {
    fn serve(&self) {
        loop {
            // A peer that went away is its own affair.
            let _ = self
                .listener
                .accept()
                .and_then(|(stream, _)| self.answer(stream));
        }
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = [0; 1024];
        let length = stream.read(&mut request)?;
        match &request[..length.min(9)] {
            b"GET /flap" => self.flaps.store(true, Ordering::Relaxed),
            b"GET /calm" => self.flaps.store(false, Ordering::Relaxed),
            b"GET /tall" => {}
            _ => return self.answer_probe(&mut stream),
        }
        let tally = self.probes.load(Ordering::Relaxed);
        write!(stream, "HTTP/1.1 200 OK\r\n\r\n{tally}")
    }

    fn answer_probe(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        self.probes.fetch_add(1, Ordering::Relaxed);
        let flaps = self.flaps.load(Ordering::Relaxed);
        let is_well = !flaps || is_up(stream.local_addr()?.ip(), self.period_ms);
        stream.write_all(if is_well { WELL } else { ILL })
    }
}

fn is_up(address: IpAddr, period_ms: u64) -> bool {
    let IpAddr::V4(address) = address else {
        return true;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    // An odd factor scatters neighbours over the whole period.
    let phase = u64::from(address.to_bits()) * 2_654_435_761 % (2 * period_ms);
    ((now + phase) / period_ms).is_multiple_of(2)
}
