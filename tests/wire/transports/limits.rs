//! What a peer may not do: hold more than its part, take its time, or break the protocol.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use waypost::answer::Transport;

use super::clients::{TlsClient, ask_quic, exchange, quic, send_on_quic, tls};
use crate::sample::Ask;
use crate::serving::{PATIENCE, connect, framed, plan, read_frame};
use crate::stage::{HERE, Stage};

/// Connections that one address may hold.
const PART: u64 = 64;

fn query() -> Vec<u8> {
    Ask::new("www.example.org A").packet()
}

fn open(stage: &Stage) -> u64 {
    let each = ["tcp", "tls", "https", "quic"];
    let lines = each.map(|word| format!("waypost_connections{{transport=\"{word}\"}} "));
    lines.iter().map(|line| stage.metric(line)).sum()
}

#[test]
fn a_client_has_one_part_over_all_transports() {
    let stage = Stage::with(plan());
    let at = |transport| stage.at(transport);
    let tcp: Vec<TcpStream> = (0..50).map(|_| connect(HERE, at(Transport::Tcp))).collect();
    let over_tls: Vec<TlsClient> = (0..50)
        .map(|_| tls(HERE, at(Transport::Tls), &stage.authority, b"dot").unwrap())
        .collect();
    let (_endpoint, connection) = stage
        .rig
        .runtime
        .block_on(quic(at(Transport::Quic), &stage.authority));
    stage.await_metric("waypost_dropped_total{cause=\"crowded\"} ", 37);
    assert_eq!(open(&stage), PART);
    assert_eq!(
        stage.metric("waypost_dropped_total{cause=\"crowded\"} "),
        37
    );
    let reply = stage.rig.runtime.block_on(ask_quic(&connection, &query()));
    assert_eq!(reply[..2], [0, 0]);
    drop((tcp, over_tls));
}

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    let stage = Stage::with(plan());
    let mut silent = connect(HERE, stage.at(Transport::Tls));
    let mut half = connect(HERE, stage.at(Transport::Https));
    // A record of 500 octets is announced, and 3 come.
    half.write_all(&[22, 3, 1, 1, 0xF4, 1, 0, 1]).unwrap();
    for stream in [&mut silent, &mut half] {
        stream.set_read_timeout(Some(3 * PATIENCE)).unwrap();
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0)), "it stays open");
    }
    stage.await_metric("waypost_dropped_total{cause=\"slow\"} ", 2);
}

#[test]
fn another_protocol_is_refused_in_the_handshake() {
    let stage = Stage::with(plan());
    let at = |transport| stage.at(transport);
    assert!(tls(HERE, at(Transport::Tls), &stage.authority, b"h2").is_err());
    assert!(tls(HERE, at(Transport::Https), &stage.authority, b"dot").is_err());
    let mut plain = connect(HERE, at(Transport::Tls));
    plain.write_all(&framed(&query())).unwrap();
    // An alert at most, and no reply.
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest);
    assert!(rest.len() < 12, "{rest:?}");
    stage.await_metric("waypost_dropped_total{cause=\"handshake\"} ", 3);
}

#[test]
fn a_peer_that_does_not_read_is_cut_off_over_tls() {
    let stage = Stage::open();
    let mut stream = tls(HERE, stage.at(Transport::Tls), &stage.authority, b"dot").unwrap();
    let large = framed(&Ask::new("huge.example.org TXT").edns(4096).packet());
    stream
        .sock
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    // More than the kernel holds for both ends, or until it takes no more.
    let _ = (0..20_000).try_for_each(|_| stream.write_all(&large));
    stage.await_metric("waypost_dropped_total{cause=\"slow\"} ", 1);
}

#[test]
fn a_peer_that_has_closed_its_side_gets_all_replies() {
    let stage = Stage::with(plan());
    let mut stream = connect(HERE, stage.at(Transport::Tcp));
    let queries: Vec<u8> = (0..300).flat_map(|_| framed(&query())).collect();
    stream.write_all(&queries).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    for _ in 0..300 {
        read_frame(&mut stream).unwrap();
    }
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn what_breaks_the_protocol_does_not_take_earlier_replies_along() {
    let stage = Stage::with(plan());
    let mut stream = connect(HERE, stage.at(Transport::Tcp));
    let mut queries: Vec<u8> = (0..100).flat_map(|_| framed(&query())).collect();
    queries.extend(framed(b"short"));
    // What comes behind is never looked at; a reset for it would overtake the replies.
    queries.extend((0..500).flat_map(|_| framed(&query())));
    stream.write_all(&queries).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    for number in 0..100 {
        read_frame(&mut stream).unwrap_or_else(|error| panic!("{number}: {error}"));
    }
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_stream_of_quic_holds_one_query_with_the_id_0() {
    let stage = Stage::with(plan());
    let mut with_id = query();
    with_id[1] = 7;
    let mut asked = Ask::new("www.example.org A").edns(1232);
    asked.options = Some(vec![0, 11, 0, 0]);
    let two = [framed(&query()), framed(&query())].concat();
    for wrong in [framed(&with_id), framed(&asked.packet()), two, vec![0]] {
        stage.rig.runtime.block_on(async {
            let (_endpoint, connection) = quic(stage.at(Transport::Quic), &stage.authority).await;
            ask_quic(&connection, &query()).await;
            assert_eq!(send_on_quic(&connection, &wrong).await, None);
            let closed = connection.closed().await;
            let quinn::ConnectionError::ApplicationClosed(close) = closed else {
                panic!("{closed}");
            };
            assert_eq!(close.error_code.into_inner(), 2, "DOQ_PROTOCOL_ERROR");
        });
    }
}

#[test]
fn a_slow_stream_of_quic_does_not_hold_up_the_next() {
    let stage = Stage::with(plan());
    stage.rig.runtime.block_on(async {
        let (_endpoint, connection) = quic(stage.at(Transport::Quic), &stage.authority).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&framed(&query())[..5]).await.unwrap();
        for _ in 0..200 {
            ask_quic(&connection, &query()).await;
        }
        assert!(receive.read_to_end(100).await.is_err(), "it is reset");
        ask_quic(&connection, &query()).await;
    });
}

/// Passes packets between one client and a server, and notes whether the server sent a Retry.
struct Relay {
    address: SocketAddr,
    retried: Arc<AtomicBool>,
}

impl Relay {
    fn start(server: SocketAddr) -> Self {
        let [near, far] = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        let address = near.local_addr().unwrap();
        far.connect(server).unwrap();
        let retried = Arc::new(AtomicBool::new(false));
        let (near, far) = (Arc::new(near), Arc::new(far));
        let client = Arc::new(std::sync::Mutex::new(None));
        let (own_near, own_far, own_client) = (near.clone(), far.clone(), client.clone());
        std::thread::spawn(move || {
            let mut room = [0; 2048];
            while let Ok((length, source)) = own_near.recv_from(&mut room) {
                *own_client.lock().unwrap() = Some(source);
                let _ = own_far.send(&room[..length]);
            }
        });
        let seen = retried.clone();
        std::thread::spawn(move || {
            let mut room = [0; 2048];
            while let Ok(length) = far.recv(&mut room) {
                // A long header with the type of a Retry (RFC 9000, section 17.2.5).
                let is_retry = room[0] & 0xF0 == 0xF0;
                seen.fetch_or(is_retry, Ordering::Relaxed);
                if let Some(client) = *client.lock().unwrap() {
                    let _ = near.send_to(&room[..length], client);
                }
            }
        });
        Self { address, retried }
    }
}

#[test]
fn an_address_is_to_be_proved_once_places_are_wanted() {
    let stage = Stage::with(plan());
    let ask = |relay: &Relay| {
        stage.rig.runtime.block_on(async {
            let (_endpoint, connection) = quic(relay.address, &stage.authority).await;
            ask_quic(&connection, &query()).await;
        });
        relay.retried.load(Ordering::Relaxed)
    };
    let at = stage.at(Transport::Quic);
    assert!(!ask(&Relay::start(at)), "there is room");
    let held: Vec<TcpStream> = (0..40)
        .map(|_| connect(HERE, stage.at(Transport::Tcp)))
        .collect();
    stage.await_metric("waypost_connections{transport=\"tcp\"} ", 40);
    assert!(ask(&Relay::start(at)), "places are wanted");
    drop(held);
}

#[test]
fn a_stop_lets_encrypted_connections_finish() {
    let mut stage = Stage::with(plan());
    let at = stage.at(Transport::Tls);
    let mut stream = tls(HERE, at, &stage.authority, b"dot").unwrap();
    let queries: Vec<u8> = (0..200).flat_map(|_| framed(&query())).collect();
    exchange(&mut stream, &query());
    stream.write_all(&queries).unwrap();
    stream.flush().unwrap();
    stage.rig.stop();
    for _ in 0..200 {
        crate::serving::read_frame_of(&mut stream).unwrap();
    }
    assert_eq!(
        stream.read(&mut [0; 1]).unwrap(),
        0,
        "a proper end, not a cut"
    );
}
