//! One answer, whichever way the query came: the same octets over all five transports.
use waypost::answer::Transport;
use waypost::base::Draws;

use super::clients::{Https, ask_quic, exchange, quic, tls};
use crate::sample::Ask;
use crate::serving::{ask, connect, udp};
use crate::stage::{HERE, Stage};

const QUERIES: usize = 2_000;
const NAMES: [&str; 12] = [
    "example.org",
    "api.example.org",
    "data.example.org",
    "MAIL.example.org",
    "round.example.org",
    "c0.example.org",
    "a.wild.example.org",
    "x.y.lab.example.org",
    "big.example.org",
    "huge.example.org",
    "nowhere.example.org",
    "example.com",
];
const TYPES: [&str; 7] = ["A", "AAAA", "TXT", "MX", "SOA", "ANY", "TYPE0"];
/// TC, in the third octet of a message (RFC 1035, section 4.1.1).
const TRUNCATED: u8 = 2;

/// A random query; its id is 0, as QUIC wants it.
fn random(draws: &mut Draws) -> Vec<u8> {
    let mut pick = |from: &[&'static str]| {
        let most = u64::try_from(from.len()).unwrap();
        from[usize::try_from(draws.below(most)).unwrap()]
    };
    let question = format!("{} {}", pick(&NAMES), pick(&TYPES));
    let mut asked = Ask::new(&question);
    if draws.chance(500) {
        asked = asked.edns(4096);
    }
    if draws.chance(300) {
        asked = asked.subnet("198.51.100.0", 24);
    }
    asked.packet()
}

#[test]
fn every_transport_gives_the_same_octets() {
    let stage = Stage::open();
    let client = udp("127.0.0.1");
    let mut tcp = connect(HERE, stage.at(Transport::Tcp));
    let mut over_tls = tls(HERE, stage.at(Transport::Tls), &stage.authority, b"dot").unwrap();
    let runtime = &stage.rig.runtime;
    let at = |transport| stage.at(transport);
    let mut https = runtime.block_on(Https::connect(at(Transport::Https), &stage.authority));
    let (_endpoint, quic) = runtime.block_on(quic(at(Transport::Quic), &stage.authority));
    let mut draws = Draws::from_seed(9250);
    let mut truncated = 0;
    for _ in 0..QUERIES {
        let query = random(&mut draws);
        let expected = crate::serving::exchange(&mut tcp, &query);
        let context = query.escape_ascii();
        let (over_udp, _) = ask(&client, at(Transport::Udp), &query);
        match over_udp[2] & TRUNCATED {
            0 => assert_eq!(over_udp, expected, "UDP: {context}"),
            _ => truncated += 1,
        }
        assert_eq!(exchange(&mut over_tls, &query), expected, "TLS: {context}");
        let over_https = runtime.block_on(https.ask(&query));
        assert_eq!(over_https, expected, "HTTPS: {context}");
        let over_quic = runtime.block_on(ask_quic(&quic, &query));
        assert_eq!(over_quic, expected, "QUIC: {context}");
    }
    assert!(
        (1..QUERIES / 2).contains(&truncated),
        "{truncated} truncated"
    );
    let text = stage.rig.metrics.render(None);
    for word in Transport::ALL.map(Transport::word) {
        let label = format!("transport=\"{word}\"");
        let lines = text
            .lines()
            .filter(|line| line.starts_with("waypost_queries_total"));
        let counts = lines.filter(|line| line.contains(&label));
        let count: usize = counts
            .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
            .sum();
        assert_eq!(count, QUERIES, "{word}");
    }
}

/// Options of a reply's OPT, which ends it: code and data.
fn options(reply: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let at = reply
        .windows(3)
        .rposition(|three| three == [0, 0, 41])
        .unwrap();
    let mut rest = &reply[at + 11..];
    let mut found = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let code = u16::from_be_bytes([head[0], head[1]]);
        found.push((code, after[..length].to_vec()));
        rest = &after[length..];
    }
    found
}

#[test]
fn keepalive_and_padding_are_answered_where_they_mean_something() {
    let stage = Stage::open();
    let at = |transport| stage.at(transport);
    let mut asked = Ask::new("www.example.org A").edns(1232);
    asked.options = Some(vec![0, 11, 0, 0, 0, 12, 0, 0]);
    let query = asked.packet();
    asked.options = Some(vec![0, 12, 0, 0]);
    let for_quic = asked.packet();
    let runtime = &stage.rig.runtime;
    let codes = |reply: &[u8]| {
        let found = options(reply).into_iter();
        found.map(|(code, _)| code).collect::<Vec<_>>()
    };

    let (over_udp, _) = ask(&udp("127.0.0.1"), at(Transport::Udp), &query);
    assert!(codes(&over_udp).is_empty());
    let tcp = crate::serving::exchange(&mut connect(HERE, at(Transport::Tcp)), &query);
    // 10 seconds, in units of 100 ms.
    assert_eq!(options(&tcp), [(11, vec![0, 100])]);
    let mut stream = tls(HERE, at(Transport::Tls), &stage.authority, b"dot").unwrap();
    let over_tls = exchange(&mut stream, &query);
    assert_eq!(codes(&over_tls), [11, 12]);
    let over_https = runtime.block_on(async {
        let mut https = Https::connect(at(Transport::Https), &stage.authority).await;
        https.ask(&query).await
    });
    assert_eq!(codes(&over_https), [12]);
    let over_quic = runtime.block_on(async {
        let (_endpoint, connection) = quic(at(Transport::Quic), &stage.authority).await;
        ask_quic(&connection, &for_quic).await
    });
    assert_eq!(codes(&over_quic), [12]);
    for reply in [over_tls, over_https, over_quic] {
        assert_eq!(reply.len(), 468, "a whole block");
    }
}
