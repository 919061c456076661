//! Queries at a steady rate, whatever the server does, and how long each answer took.
//!
//! One query every so many microseconds; the thread spins between them, so its own wake-ups are no
//! part of the figure. A latency runs from just before the call that sends to the kernel's own stamp
//! on the reply (`SO_TIMESTAMPNS`). If the generator was kept from its core, what it missed is left
//! out: its own troubles are not blamed on the server. What was never answered is counted apart.
use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;

/// How far behind its time a query may still be sent.
const LATE: Duration = Duration::from_micros(200);
/// How long answers are waited for after the last query.
const PATIENCE: Duration = Duration::from_millis(500);
const SERVICES: u64 = 10;

/// What one run of queries showed.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Latencies, sorted.
    latencies: Vec<Duration>,
    /// Queries sent.
    pub(crate) asked: usize,
}

impl Heard {
    /// The latency that so many of a thousand do not exceed, microseconds.
    pub(crate) fn permille(&self, permille: usize) -> f64 {
        let last = self.latencies.len() - 1;
        let index = (self.latencies.len() * permille / 1000).min(last);
        self.latencies[index].as_secs_f64() * 1e6
    }

    /// Queries that were never answered.
    pub(crate) fn lost(&self) -> usize {
        self.asked - self.latencies.len()
    }
}

/// Asks `rate` times a second for as long as `time`.
pub(crate) fn ask(port: u16, rate: u64, time: Duration) -> Heard {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    socket.set_nonblocking(true).unwrap();
    setsockopt(&socket, ReceiveTimestampns, &true).unwrap();
    let mut sent = vec![Duration::ZERO; 0x1_0000];
    let (mut asked, mut latencies) = (0, Vec::new());
    let gap = Duration::from_secs(1) / u32::try_from(rate).unwrap();
    let begin = now();
    let mut due = begin;
    while due < begin + time {
        let moment = now();
        if moment > due + LATE {
            due = moment;
        }
        if moment >= due {
            due += gap;
            let id = u16::try_from(asked % 0x1_0000).unwrap();
            let query = query(id, asked as u64);
            sent[usize::from(id)] = now();
            socket.send(&query).unwrap();
            asked += 1;
        }
        listen(&socket, &sent, &mut latencies);
    }
    let end = now() + PATIENCE;
    while latencies.len() < asked && now() < end {
        listen(&socket, &sent, &mut latencies);
    }
    latencies.sort_unstable();
    Heard { latencies, asked }
}

/// Takes one reply if there is one.
fn listen(socket: &UdpSocket, sent: &[Duration], latencies: &mut Vec<Duration>) {
    let mut reply = [0; 1500];
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(&mut reply)];
    let received = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    );
    let received = match received {
        Ok(received) => received,
        Err(error) => {
            let error = std::io::Error::from(error);
            return assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        }
    };
    let stamp = received.cmsgs().unwrap().find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    let id = usize::from(u16::from_be_bytes([reply[0], reply[1]]));
    assert!(
        reply[3] & 0x0F == 0 && reply[7] > 0,
        "an answer with addresses"
    );
    latencies.push(stamp.unwrap().saturating_sub(sent[id]));
}

/// `s0.example.org A` to `s9`, each time for another client network (RFC 7871).
fn query(id: u16, number: u64) -> Vec<u8> {
    let digit = b'0' + u8::try_from(number % SERVICES).unwrap();
    let network = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let mut query = id.to_be_bytes().to_vec();
    query.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    query.extend([2, b's', digit]);
    query.extend(b"\x07example\x03org\0\0\x01\0\x01");
    query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0]);
    // Every first octet that is somebody's: 1 to 223, loopback left out.
    let first = match network[0] % 223 + 1 {
        127 => 128,
        first => first,
    };
    query.extend([first, network[1], network[2]]);
    query
}

/// The time of the kernel's stamps.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
