//! One answer, whichever way the query came: a large random set of queries, each asked over UDP and
//! over TCP, byte by byte.
//!
//! UDP replies may be as long as a config allows. What is truncated over UDP is asked again
//! with room for all of it, and has to be what TCP gave at once.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use waypost::base::Draws;
use waypost::base::limits::UDP_REPLY_BYTES_MOST;
use waypost::dns::rr::class;

use crate::sample::{Ask, compile, table_of};
use crate::serving::{Rig, ask, connect, exchange, udp};

const QUERIES: usize = 8_000;
/// TC, in the third octet of a message (RFC 1035, section 4.1.1).
const TRUNCATED: u8 = 2;

const NAMES: [&str; 22] = [
    "example.org",
    "api.example.org",
    "data.example.org",
    "Mail.example.org",
    "round.example.org",
    "steered.example.org",
    "c0.example.org",
    "a.ring.example.org",
    "x.old.example.org",
    "a.wild.example.org",
    "a.text.example.org",
    "x.y.lab.example.org",
    "a.wide.example.org",
    "big.example.org",
    "huge.example.org",
    "srv.example.org",
    "nowhere.example.org",
    "empty.example.org",
    "soft.example.org",
    "example.com",
    "version.bind",
    ".",
];
const TYPES: [&str; 12] = [
    "A", "AAAA", "TXT", "MX", "NS", "SOA", "CNAME", "DS", "SRV", "ANY", "AXFR", "TYPE0",
];
const PAYLOADS: [u16; 4] = [0, 512, 1232, 4096];

/// A server of the world's names that gives UDP replies of the greatest length.
fn server() -> Rig {
    let mut plan = compile().plan;
    plan.server.udp_reply_bytes = u16::try_from(UDP_REPLY_BYTES_MOST).unwrap();
    plan.server.defence.amplification = u16::MAX;
    let rig = Rig::start_with(&["127.0.0.1:0"], waypost::answer::answer);
    let table = table_of(&Arc::new(plan), &[]);
    rig.published.publish(Arc::new(table));
    rig
}

/// A random query; some are malformed.
fn random(draws: &mut Draws) -> Ask {
    let name = match draws.chance(300) {
        true => pick(draws, &NAMES).to_ascii_uppercase(),
        false => pick(draws, &NAMES).to_owned(),
    };
    let mut asked = Ask::new(&format!("{name} {}", pick(draws, &TYPES)));
    asked.id = u16::try_from(draws.below(1 << 16)).unwrap();
    if draws.chance(100) {
        *asked.question.last_mut().unwrap() = u8::try_from(class::CH).unwrap();
    }
    if draws.chance(400) {
        // Where bits are set behind the prefix the option is malformed.
        let network = Ipv4Addr::from(u32::try_from(draws.below(1 << 32)).unwrap());
        let prefix = pick(draws, &[8, 16, 24, 32, 25, 31]);
        asked = asked.subnet(&network.to_string(), prefix);
    }
    if draws.chance(500) {
        asked = asked.edns(pick(draws, &PAYLOADS));
    }
    if draws.chance(200) {
        let identity = [0, 3, 0, u8::from(draws.chance(100))];
        asked.options.get_or_insert_default().extend(identity);
    }
    asked
}

fn pick<T: Copy>(draws: &mut Draws, from: &[T]) -> T {
    let most = u64::try_from(from.len()).unwrap();
    from[usize::try_from(draws.below(most)).unwrap()]
}

/// A reply without TC.
fn whole(mut reply: Vec<u8>) -> Vec<u8> {
    reply[2] &= !TRUNCATED;
    reply
}

#[test]
fn streams_give_what_udp_gives() {
    let rig = server();
    let at: SocketAddr = rig.addresses[0];
    let (client, mut stream) = (udp("127.0.0.1"), connect(Ipv4Addr::LOCALHOST, at));
    let mut draws = Draws::from_seed(7766);
    let (mut replies, mut truncated, mut refetched) = (0, 0, 0);
    for _ in 0..QUERIES {
        let asked = random(&mut draws);
        let packet = asked.packet();
        let context = packet.escape_ascii();
        let (over_udp, _) = ask(&client, at, &packet);
        let over_tcp = exchange(&mut stream, &packet);
        assert_eq!(over_tcp[2] & TRUNCATED, 0, "{context}");
        if over_udp[2] & TRUNCATED == 0 {
            assert_eq!(over_tcp, over_udp, "{context}");
            replies += 1;
            continue;
        }
        truncated += 1;
        assert_eq!(whole(over_udp)[..4], over_tcp[..4], "{context}");
        if asked.options.is_some() {
            let roomy = asked.edns(u16::MAX).packet();
            let (over_udp, _) = ask(&client, at, &roomy);
            assert_eq!(over_tcp, over_udp, "{context}");
            refetched += 1;
        }
    }
    assert!(
        replies > 7_000 && truncated > 100 && refetched > 50,
        "{replies} whole, {truncated} truncated, {refetched} asked again"
    );
}
