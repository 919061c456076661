//! A flood from forged addresses, and those who must not feel it.
//!
//! Every address of 127.0.0.0/8 is this machine's, so one network of it plays the victim: queries come from its addresses, which did
//! not ask for anything, and whatever is sent there counts as an attack on it.
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use waypost::base::Span;
use waypost::io::clock::Clock;
use waypost::io::screen::Screen;
use waypost::io::serve::deferred;
use waypost::plan::RateLimit;

use super::{PATIENCE, Rig, ask, ask_tcp, udp};
use crate::sample::{Ask, compile, table_of};

const VICTIMS: u8 = 20;
const ROUNDS: u32 = 400;
/// So few that no machine is too slow to go past them.
const PER_SECOND: u32 = 5;
const COOKIE: [u8; 12] = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
const TRUNCATED: u8 = 2;

fn server(change: impl FnOnce(&mut RateLimit)) -> Rig {
    let mut plan = compile().plan;
    let mut limit = RateLimit::of(PER_SECOND);
    change(&mut limit);
    plan.server.defence.rate_limit = Some(limit);
    let rig = Rig::start_with(&["127.0.0.1:0"], waypost::answer::answer);
    rig.published
        .publish(Arc::new(table_of(&Arc::new(plan), &[])));
    rig
}

/// What came back upon a network.
#[derive(Debug, Default)]
struct Received {
    replies: usize,
    octets: usize,
    whole: usize,
}

impl Received {
    fn take(&mut self, socket: &UdpSocket) {
        let mut room = [0; 4096];
        while let Ok(length) = socket.recv(&mut room) {
            self.replies += 1;
            self.octets += length;
            self.whole += usize::from(room[2] & TRUNCATED == 0);
        }
    }
}

/// Sends queries from many addresses of 127.7.7.0/24; gives their octets and what came back.
fn flood(server: SocketAddr, query: impl Fn(u32) -> Vec<u8>) -> (usize, Received) {
    let sockets: Vec<UdpSocket> = (1..=VICTIMS)
        .map(|last| udp(&format!("127.7.7.{last}")))
        .collect();
    for socket in &sockets {
        socket.set_nonblocking(true).unwrap();
    }
    let (mut sent, mut received) = (0, Received::default());
    for round in 0..ROUNDS {
        for (number, socket) in (0..).zip(&sockets) {
            let packet = query(round * u32::from(VICTIMS) + number);
            sent += socket.send_to(&packet, server).unwrap();
            received.take(socket);
        }
        // The server's queue is to hold what comes, or nothing would be learnt of the rest.
        if round % 20 == 0 {
            let bystander = udp(&format!("127.8.{}.1", round / 20));
            ask(&bystander, server, &query(round));
        }
    }
    (sent, received)
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn counter(rig: &Rig, name: &str) -> u64 {
    let text = rig.metrics.render(None);
    let lines = text.lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}

#[test]
fn a_victim_gets_less_than_was_sent_in_its_name() {
    let rig = server(|limit| limit.per_second[1] = 1_000_000);
    let at = rig.addresses[0];
    let query = |number: u32| {
        let mut ask = Ask::new("huge.example.org TXT").edns(1232);
        ask.id = u16::try_from(number % 65_536).unwrap();
        ask.packet()
    };
    let (sent, received) = flood(at, query);
    let asked = usize::try_from(ROUNDS).unwrap() * usize::from(VICTIMS);
    assert!(received.octets < sent * 6 / 10, "{received:?} for {sent}");
    // A slip for every second, give or take; no answer at all but the first few.
    assert!(received.replies > asked / 3, "{received:?} of {asked}");
    assert!(received.replies < asked * 6 / 10, "{received:?} of {asked}");
    wait_for("drops to be counted", || {
        let dropped = counter(&rig, r#"waypost_dropped_total{cause="rate_limited"}"#);
        dropped > u64::try_from(asked / 3).unwrap()
    });
    let status = rig.metrics.limited_status(rig.clock.now());
    let networks: Vec<&str> = status.iter().map(|one| one.network.as_str()).collect();
    assert_eq!(networks, ["127.7.7.0/24"], "of one class, by its prefix");
}

#[test]
fn names_that_are_made_up_count_as_one() {
    for below in ["example.org", "text.example.org", "lab.example.org"] {
        let rig = server(|limit| limit.slip = 0);
        let at = rig.addresses[0];
        let query = |number: u32| Ask::new(&format!("made-up-{number}.{below} TXT")).packet();
        let (sent, received) = flood(at, query);
        // A second's worth at once, and what a slow machine earns before it goes past it.
        assert!(
            received.replies < 50,
            "{received:?} for {sent} octets of {below}"
        );
        assert!(received.replies > 0, "{below}");
    }
}

#[test]
fn others_holders_of_cookies_and_streams_do_not_feel_it() {
    let rig = server(|limit| {
        limit.slip = 1;
        limit.exempt = vec!["127.9.9.0/24".parse().unwrap()];
    });
    let at = rig.addresses[0];
    let query = |_| Ask::new("www.example.org A").edns(1232).packet();
    flood(at, query);
    let plain = Ask::new("www.example.org A").edns(1232);
    // Without a cookie there is nothing for that network; a client that knows of cookies learns one.
    let neighbour = udp("127.7.7.200");
    assert_eq!(ask(&neighbour, at, &plain.packet()).0[2] & TRUNCATED, 2);
    let mut first = plain.clone();
    first.options = Some(COOKIE.to_vec());
    let (reply, _) = ask(&neighbour, at, &first.packet());
    assert_eq!((reply[3] & 15, reply[2] & TRUNCATED), (7, 0), "BADCOOKIE");
    let mut shown = plain.clone();
    let cookie = reply.last_chunk::<28>().unwrap();
    assert_eq!(cookie[..4], [0, 10, 0, 24]);
    shown.options = Some(cookie.to_vec());
    for _ in 0..500 {
        let (reply, _) = ask(&neighbour, at, &shown.packet());
        assert_eq!((reply[3] & 15, reply[2] & TRUNCATED), (0, 0));
        assert!(reply[7] > 0, "an answer");
    }
    wait_for("spared replies to be counted", || {
        counter(&rig, "waypost_rate_limit_exempt_total") >= 500
    });
    let elsewhere = "127.7.7.201".parse().unwrap();
    assert!(ask_tcp(elsewhere, at, &plain.packet())[7] > 0, "over TCP");
    assert!(
        ask(&udp("127.8.8.2"), at, &plain.packet()).0[7] > 0,
        "another"
    );
    let exempt = udp("127.9.9.1");
    for _ in 0..100 {
        assert!(ask(&exempt, at, &plain.packet()).0[7] > 0, "an exempt one");
    }
}

#[test]
fn a_limit_ends_and_is_seen_to_end() {
    let rig = server(|limit| {
        limit.window = Span::from_secs(1);
        limit.slip = 0;
    });
    let at = rig.addresses[0];
    flood(at, |_| Ask::new("www.example.org A").packet());
    assert_eq!(counter(&rig, "waypost_rate_limited_networks"), 1);
    wait_for("the limit to end", || {
        counter(&rig, "waypost_rate_limited_networks") == 0
    });
    let again = udp("127.7.7.1");
    let query = Ask::new("www.example.org A").packet();
    again
        .set_read_timeout(Some(Duration::from_millis(1500)))
        .unwrap();
    let mut room = [0; 4096];
    wait_for("an answer again", || {
        again.send_to(&query, at).unwrap();
        again.recv(&mut room).is_ok() && room[7] > 0
    });
}

#[test]
fn a_network_gets_only_so_much_in_all() {
    let rig = server(|limit| {
        limit.per_second = [0, 0, 0, 0, PER_SECOND];
        limit.slip = 0;
    });
    let query = |number: u32| match number % 3 {
        0 => Ask::new("www.example.org A").packet(),
        1 => Ask::new(&format!("made-up-{number}.example.org TXT")).packet(),
        _ => Ask::new("www.elsewhere.test A").packet(),
    };
    let (_, received) = flood(rig.addresses[0], query);
    assert!((1..50).contains(&received.replies), "{received:?}");
    let status = rig.metrics.limited_status(rig.clock.now());
    assert_eq!(status[0].class, "total");
}

/// A message of this kind about `example.org`, unsigned.
fn unsigned(opcode: u8, qtype: u8, number: u32) -> Vec<u8> {
    let [.., high, low] = number.to_be_bytes();
    let head = [high, low, opcode << 3, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&head[..], b"\x07example\x03org\0\0", &[qtype, 0, 1]].concat()
}

/// Strangers get refusals, and of those no more than of anything; nobody else waits behind them.
#[test]
fn unsigned_messages_are_refused_before_they_are_queued_and_counted() {
    for (opcode, qtype, rcode) in [(5, 6, 5), (4, 6, 9), (0, 252, 5), (0, 251, 5)] {
        let mut plan = compile().plan;
        plan.server.listen = vec!["127.0.0.1:0".parse().unwrap()];
        let limit = RateLimit {
            slip: 0,
            ..RateLimit::of(PER_SECOND)
        };
        plan.server.defence.rate_limit = Some(limit);
        let screen = Arc::new(Screen::new(Clock::start()));
        let (deferred, mut waiting) = deferred::queue(screen);
        let served = (plan, compile().unsigned());
        let rig = Rig::deferring(served, waypost::answer::answer, Some(deferred));
        let (at, what) = (rig.addresses[0], format!("opcode {opcode}, type {qtype}"));
        let reply = ask(&udp("127.8.200.1"), at, &unsigned(opcode, qtype, 7)).0;
        assert_eq!(reply[3] & 15, rcode, "{what}");
        let over_tcp = ask_tcp(
            "127.8.200.1".parse().unwrap(),
            at,
            &unsigned(opcode, qtype, 7),
        );
        assert_eq!(over_tcp[3] & 15, rcode, "{what} over TCP");
        let (_, received) = flood(at, |number| unsigned(opcode, qtype, number % 65_536));
        assert!((1..50).contains(&received.replies), "{what}: {received:?}");
        let next = rig.runtime.block_on(async {
            tokio::time::timeout(Duration::from_millis(1), waiting.recv()).await
        });
        assert!(next.is_err(), "{what} was queued: {next:?}");
    }
}
