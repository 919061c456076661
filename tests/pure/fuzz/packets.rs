//! A million packets that nobody should send, and every query type there is.
//!
//! Each packet starts as one of a few sound queries and is then bent: bits flipped, cut short, two
//! spliced into one, counts and lengths made to lie, or it is noise from the start. Whatever
//! comes, `answer` returns, the reply is a reply to that query, and it is no longer than the
//! transport and the client allow. One in a hundred is read back by another implementation.
use hickory_proto::op::Message;
use waypost::answer::{Answered, Asker, Transport, answer};
use waypost::base::{Draws, Moment, Reason, Span};
use waypost::dns::rr::rcode;
use waypost::table::Table;

use crate::bend::{Bender, rounds, survive};
use crate::sample::{Ask, GERMAN, reply_to, table};

const PACKETS: u64 = 1_000_000;

/// Sound queries, one for every way through the code.
fn seeds() -> Vec<Vec<u8>> {
    let questions = [
        "api.example.org A",
        "data.example.org AAAA",
        "wWw.eXample.org A",
        "nowhere.example.org TXT",
        "x.y.lab.example.org A",
        "a.wide.example.org AAAA",
        "a.b.old.example.org A",
        "c0.example.org A",
        "a.ring.example.org A",
        "huge.example.org TXT",
        "example.org ANY",
        "example.org AXFR",
        "version.bind TXT",
        ". NS",
    ];
    let mut seeds = Vec::new();
    for question in questions {
        let plain = Ask::new(question);
        let mut named = plain.clone().edns(4096);
        named.options = Some(vec![0, 3, 0, 0, 0xFD, 0xE9, 0, 2, 1, 2]);
        let four = plain.clone().subnet("192.0.2.0", 24);
        let six = plain.clone().subnet("2001:db8:2::", 48);
        seeds.extend([plain, named, four, six].map(|ask| ask.packet()));
    }
    seeds
}

fn packet(bender: &mut Bender<'_>) -> Vec<u8> {
    if bender.draws.chance(50) {
        let length = bender.index(200);
        return (0..length).map(|_| bender.octet()).collect();
    }
    let mut packet = bender.bent();
    if bender.draws.chance(100) && packet.len() > 12 {
        packet[4 + bender.index(8)] = bender.octet() & 3;
    }
    if bender.draws.chance(700) && packet.len() > 2 {
        packet[2] &= 0x7F;
    }
    packet
}

/// What holds for every reply.
fn check(query: &[u8], answered: &Answered, reply: &[u8], transport: Transport) {
    assert_eq!(reply[..2], query[..2], "id");
    assert_eq!(reply[2] & 0xF8, (query[2] | 0x80) & 0xF8, "QR and opcode");
    assert_eq!(u16::from(reply[3] & 0x0F), answered.rcode & 0x0F);
    assert_eq!(reply[2] & 2 != 0, answered.truncated);
    let most = match (transport.is_stream(), reply[11]) {
        (true, _) => 65_535,
        (false, 0) => 512,
        (false, _) => 1232,
    };
    assert!(reply.len() <= most, "{} octets", reply.len());
}

#[test]
fn a_million_bent_packets_are_survived() {
    let world = table(&["eu-one"]);
    let seeds = seeds();
    let mut bender = Bender {
        seeds: &seeds,
        words: &[],
        draws: Draws::from_seed(0x00BA_DBAD),
    };
    let inputs = (0..rounds(PACKETS)).map(|_| packet(&mut bender));
    let mut draws = Draws::from_seed(7);
    let mut buffer = vec![0; 65_535];
    let mut outcomes = [0_u64; Reason::ALL.len()];
    let (mut silent, mut number) = (0, 0);
    survive("packets", inputs, |query| {
        number += 1;
        let [one, other, ..] = draws.next_u64().to_be_bytes();
        let transport = Transport::ALL[usize::from(one) % Transport::ALL.len()];
        let asker = Asker {
            source: [192, 0, 2, other].into(),
            transport,
            now: Moment(number),
            idle: Span::ZERO,
            cookies: None,
        };
        let Some(answered) = answer(&world, &asker, query, &mut buffer) else {
            let deserved = query.len() < 12 || query[2] & 0x80 != 0;
            assert!(deserved, "no reply to {query:02X?}");
            silent += 1;
            return;
        };
        let reply = &buffer[..answered.length];
        check(query, &answered, reply, transport);
        outcomes[answered.reason.index()] += 1;
        if number % 100 == 0 {
            let read = Message::from_vec(reply);
            assert!(read.is_ok(), "{read:?}: {query:02X?} -> {reply:02X?}");
        }
    });
    // The packets must not all have died at the door.
    for reason in [
        Reason::Backup,
        Reason::Static,
        Reason::Referral,
        Reason::Nodata,
        Reason::Nxdomain,
        Reason::Refused,
        Reason::Formerr,
        Reason::Notimp,
        Reason::Badvers,
    ] {
        let count = outcomes[reason.index()];
        assert!(
            count > rounds(200),
            "{reason:?} only {count} times: {outcomes:?}"
        );
    }
    assert!(silent > rounds(10_000), "{silent}");
}

/// The response code that a type must get, given that of an ordinary type.
fn rcode_for(qtype: u16, ordinary: u16) -> u16 {
    match qtype {
        // None of the names is an apex.
        251 | 252 => rcode::NOTAUTH,
        255 => ordinary,
        0 | 41 | 128..=254 => rcode::FORMERR,
        _ => ordinary,
    }
}

/// `data` are the types that the name has, and how many records stand beside each.
fn ask_every_type(world: &Table, name: &str, ordinary: u16, data: &[(u16, u8)]) {
    let mut ask = Ask::new(&format!("{name} A")).edns(1232);
    let at = ask.question.len() - 4;
    for qtype in 0..=u16::MAX {
        ask.question[at..at + 2].copy_from_slice(&qtype.to_be_bytes());
        let packet = ask.packet();
        let (answered, reply) = reply_to(world, &packet, GERMAN, Transport::Udp).unwrap();
        assert_eq!(answered.rcode, rcode_for(qtype, ordinary), "type {qtype}");
        let counts = [reply[7], reply[9], reply[11]];
        let expected = match data.iter().find(|(own, _)| *own == qtype) {
            Some((_, beside)) => [1, 0, beside + 1],
            None if answered.rcode == ordinary => [0, 1, 1],
            None => [0, 0, 1],
        };
        assert_eq!(counts, expected, "type {qtype} of {name}");
    }
}

#[test]
fn every_type_of_a_steered_name_has_its_reply() {
    let addresses_and_any = [(1, 0), (28, 0), (255, 0)];
    ask_every_type(&table(&[]), "api.example.org", 0, &addresses_and_any);
}

#[test]
fn every_type_of_a_static_name_has_its_reply() {
    ask_every_type(
        &table(&[]),
        "Mail.example.org",
        0,
        &[(1, 0), (28, 0), (255, 0)],
    );
    ask_every_type(&table(&[]), "srv.example.org", 0, &[(33, 2), (255, 0)]);
}

#[test]
fn every_type_of_an_absent_name_has_its_reply() {
    ask_every_type(&table(&[]), "nowhere.example.org", rcode::NXDOMAIN, &[]);
}
