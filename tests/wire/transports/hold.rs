//! Ten thousand connections that never finish what they say, while others are served.
//!
//! They come from a thousand addresses of loopback, over TCP and TLS; each says a little now and
//! then, and is made anew when the server closes it. Meanwhile a client of every transport asks, on
//! connections that stay and on new ones, and is to have every reply.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use waypost::answer::Transport;

use super::clients::{Https, ask_quic, exchange, quic, tls};
use crate::sample::Ask;
use crate::serving::{ask, connect, plan, udp};
use crate::stage::{HERE, Stage};

const CONNECTIONS: u16 = 10_000;
/// Those of the test, and of the server, and some for everything else.
const DESCRIPTORS: u64 = 15_500;
/// As a server has it by default.
const PLACES: usize = 4096;
/// Queries of each client while the connections are held.
const ROUNDS: usize = 150;

/// What all that hold on have come to.
#[derive(Default)]
struct Tally {
    opened: AtomicU64,
    stop: AtomicBool,
}

/// An address of its own for ten connections each, none of them the clients'.
fn address(number: u16) -> Ipv4Addr {
    let [high, low] = (number / 10).to_be_bytes();
    Ipv4Addr::new(127, 66, high, low)
}

async fn open(from: Ipv4Addr, server: SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    let socket = tokio::net::TcpSocket::from_std_stream(socket.into());
    socket.connect(server).await
}

/// Holds one connection after the other; says one more octet of the same unfinished message every
/// second.
async fn hold(number: u16, server: SocketAddr, says: &'static [u8], tally: Arc<Tally>) {
    while !tally.stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = open(address(number), server).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        tally.opened.fetch_add(1, Ordering::Relaxed);
        let mut octets = says.iter();
        let mut room = [0; 64];
        loop {
            tokio::select! {
                read = stream.read(&mut room) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                },
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    let octet = octets.next().copied().unwrap_or(0);
                    if tally.stop.load(Ordering::Relaxed) || stream.write_all(&[octet]).await.is_err() {
                        break;
                    }
                }
            }
        }
        // Whoever is turned away comes back, but does not make a flood of packets of it.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn ten_thousand_connections_that_never_finish_disturb_nobody() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(
        hard >= DESCRIPTORS,
        "{hard} descriptors are too few for this test"
    );
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let mut plan = plan();
    plan.server.connections = PLACES;
    let stage = Stage::with(plan);
    let at = |transport| stage.at(transport);
    let tally = Arc::new(Tally::default());
    let crowd = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    // The beginning of a query of 500 octets, and that of a handshake.
    let unfinished: [(Transport, &'static [u8]); 2] = [
        (Transport::Tcp, &[1, 0xF4, 0, 0]),
        (Transport::Tls, &[22, 3, 1, 1, 0xF4, 1, 0]),
    ];

    let query = Ask::new("www.example.org A").packet();
    let client = udp("127.0.0.1");
    let (expected, _) = ask(&client, at(Transport::Udp), &query);
    let mut tcp = connect(HERE, at(Transport::Tcp));
    let mut over_tls = tls(HERE, at(Transport::Tls), &stage.authority, b"dot").unwrap();
    let runtime = &stage.rig.runtime;
    let mut https = runtime.block_on(Https::connect(at(Transport::Https), &stage.authority));
    let (_endpoint, over_quic) = runtime.block_on(quic(at(Transport::Quic), &stage.authority));
    let mut ask_on_all = |round: usize| {
        assert_eq!(
            ask(&client, at(Transport::Udp), &query).0,
            expected,
            "UDP {round}"
        );
        let reply = crate::serving::exchange(&mut tcp, &query);
        assert_eq!(reply, expected, "TCP {round}");
        assert_eq!(exchange(&mut over_tls, &query), expected, "TLS {round}");
        assert_eq!(
            runtime.block_on(https.ask(&query)),
            expected,
            "HTTPS {round}"
        );
        assert_eq!(
            runtime.block_on(ask_quic(&over_quic, &query)),
            expected,
            "QUIC {round}"
        );
    };
    ask_on_all(0);

    for number in 0..CONNECTIONS {
        let (transport, says) = unfinished[usize::from(number % 2)];
        crowd.spawn(hold(number, at(transport), says, tally.clone()));
    }
    let opened = || tally.opened.load(Ordering::Relaxed);
    // A new connection may wait a second for its turn at the door (a SYN that is sent again), and those that stay may not be silent for so long
    // while all places are taken. So they are asked beside it.
    let come_anew = || {
        for round in 1..=ROUNDS {
            let from = Ipv4Addr::new(127, 77, 0, u8::try_from(1 + round % 200).unwrap());
            let mut fresh = connect(from, at(Transport::Tcp));
            assert_eq!(
                crate::serving::exchange(&mut fresh, &query),
                expected,
                "new TCP {round}"
            );
            let mut fresh = tls(from, at(Transport::Tls), &stage.authority, b"dot").unwrap();
            assert_eq!(exchange(&mut fresh, &query), expected, "new TLS {round}");
        }
    };
    std::thread::scope(|scope| {
        let newcomers = scope.spawn(come_anew);
        let mut round = 0;
        while round < ROUNDS || opened() < u64::from(CONNECTIONS) || !newcomers.is_finished() {
            round += 1;
            ask_on_all(round);
        }
        newcomers.join().unwrap();
    });
    let crowded = stage.metric("waypost_dropped_total{cause=\"crowded\"} ");
    assert!(crowded > 1000, "only {crowded} had to make room");
    tally.stop.store(true, Ordering::Relaxed);
    crowd.shutdown_background();
}
