//! What is probed: one cheap HTTP responder that all of 127.0.0.0/8 reaches, in a process of its own.
//!
//! One thread takes all connections, and answers what comes over each until the other side closes it; it closes first
//! where a request says `connection: close`. Nothing else is parsed but the first letters of the path: `/tally` is answered with how many probes came, `/flap` and `/calm`
//! say whether addresses flip from now on (not at first), all else is a probe.
//! A probe of an address that is *down* at that moment is answered with 500. Which addresses are
//! down follows from the address and the time alone: with a period of `p` every address is up
//! for `p` and down for `p`, and the flips of all addresses are spread evenly over the time.
//!
//! The process ends when its standard input does, so it never outlives the bench.
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::child::Pinned;

/// The first argument that makes the bench's program a backend.
pub(crate) const ROLE: &str = "backend";

const BACKLOG: i32 = 16_384;
const WELL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n";
const ILL: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n";
const LAST: &str = "connection: close\r\n\r\nok";
const NOT_LAST: &str = "\r\nok";

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

    /// How many connections it has taken.
    pub(crate) fn connections(&self) -> u64 {
        self.ask("conn").unwrap()
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

/// What the connections of a backend share.
struct Desk {
    probes: AtomicU64,
    connections: AtomicU64,
    period_ms: u64,
    flaps: AtomicBool,
}

/// Is a backend until standard input ends; `arguments` are a port and a period in milliseconds.
pub(crate) fn run(arguments: &[String]) {
    let (port, period_ms) = (arguments[0].parse().unwrap(), arguments[1].parse().unwrap());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    socket.bind(&address.into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    let desk = Arc::new(Desk {
        probes: AtomicU64::new(0),
        connections: AtomicU64::new(0),
        period_ms,
        flaps: AtomicBool::new(false),
    });
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(desk.serve(socket.into()));
    });
    let _ = std::io::stdin().read(&mut [0]);
}

impl Desk {
    async fn serve(self: Arc<Self>, listener: std::net::TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            // A peer that went away is its own affair.
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            self.connections.fetch_add(1, Ordering::Relaxed);
            let desk = Arc::clone(&self);
            tokio::spawn(async move {
                let _ = desk.answer_all(stream).await;
            });
        }
    }

    async fn answer_all(&self, mut stream: tokio::net::TcpStream) -> std::io::Result<()> {
        let mut request = [0; 1024];
        loop {
            let length = stream.read(&mut request).await?;
            let text = &request[..length];
            let answer = match &text[..length.min(9)] {
                [] => return Ok(()),
                b"GET /flap" => self.flap(true),
                b"GET /calm" => self.flap(false),
                b"GET /tall" => self.tell(&self.probes),
                b"GET /conn" => self.tell(&self.connections),
                _ => {
                    let is_last = text
                        .windows(6)
                        .any(|word| word.eq_ignore_ascii_case(b" close"));
                    let answer = self.answer(stream.local_addr()?.ip(), is_last);
                    stream.write_all(answer.as_bytes()).await?;
                    if is_last {
                        return Ok(());
                    }
                    continue;
                }
            };
            return stream.write_all(answer.as_bytes()).await;
        }
    }

    fn flap(&self, flaps: bool) -> String {
        self.flaps.store(flaps, Ordering::Relaxed);
        self.tell(&self.probes)
    }

    fn tell(&self, count: &AtomicU64) -> String {
        format!("HTTP/1.1 200 OK\r\n\r\n{}", count.load(Ordering::Relaxed))
    }

    fn answer(&self, address: IpAddr, is_last: bool) -> String {
        self.probes.fetch_add(1, Ordering::Relaxed);
        let flaps = self.flaps.load(Ordering::Relaxed);
        let status = if !flaps || is_up(address, self.period_ms) {
            WELL
        } else {
            ILL
        };
        format!("{status}{}", if is_last { LAST } else { NOT_LAST })
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
