//! Cookies, bounds and withheld answers, on a server without zones. Whole zones:
//! `tests/pure/amplification.rs`.
use std::net::Ipv4Addr;

use super::*;
use crate::answer::tests::{bare_plan, bare_table, opt, query, table_of};
use crate::answer::{Answered, answer, withhold};
use crate::base::Moment;
use crate::base::limits::MESSAGE_BYTES;
use crate::dns::cookie::{Jar, Secret};
use crate::dns::rr::{class, rtype};
use crate::plan::Defence;
use crate::table::Table;

type Answering = fn(&Table, &Asker, &[u8], &mut [u8]) -> Option<Answered>;

const NOW: u64 = 1_800_000_000;
const ID: &[u8] = b"\x02id\x06server\x00";

fn asker(transport: Transport) -> Asker {
    Asker {
        idle: crate::base::Span::ZERO,
        source: Ipv4Addr::new(192, 0, 2, 7).into(),
        transport,
        now: Moment(0),
        cookies: Some(Jar::new(&[Secret([3; 16])], NOW)),
    }
}

fn ask(by: Answering, table: &Table, asker: &Asker, query: &[u8]) -> (Answered, Vec<u8>) {
    let mut buffer = vec![0xAA; MESSAGE_BYTES];
    let answered = by(table, asker, query, &mut buffer).unwrap();
    buffer.truncate(answered.length);
    (answered, buffer)
}

/// A server that calls itself by so many letters and is bound by a factor.
fn bounded_table(letters: usize, amplification: u16) -> Table {
    let mut plan = bare_plan(Some(&"x".repeat(letters)));
    plan.server.defence = Defence {
        amplification,
        ..Defence::DEFAULT
    };
    table_of(plan)
}

fn identity(options: &[u8]) -> Vec<u8> {
    query(ID, rtype::TXT, class::CH, &opt(1232, 0, options))
}

/// The option with the client's part, and the server's if there is one.
fn cookie(server: &[u8]) -> Vec<u8> {
    let length = u8::try_from(8 + server.len()).unwrap();
    [&[0, 10, 0, length][..], &[1, 2, 3, 4, 5, 6, 7, 8], server].concat()
}

/// The server's part of the cookie in a reply that ends with it.
fn learnt(reply: &[u8]) -> Vec<u8> {
    let option = reply.last_chunk::<28>().unwrap();
    assert_eq!(option[..12], [0, 10, 0, 24, 1, 2, 3, 4, 5, 6, 7, 8]);
    option[12..].to_vec()
}

#[test]
fn a_cookie_is_learnt_and_proves_the_address_it_was_sent_to() {
    let table = bare_table(Some("fra1"));
    let own = asker(Transport::Udp);
    let (first, reply) = ask(answer, &table, &own, &identity(&cookie(&[])));
    assert_eq!((first.rcode, first.counted.proof), (0, Proof::Client));
    let server = learnt(&reply);
    let shown = identity(&cookie(&server));
    let (again, reply) = ask(answer, &table, &own, &shown);
    assert_eq!((again.rcode, again.counted.proof), (0, Proof::Server));
    assert_eq!(learnt(&reply), server, "a young one is given back");
    let other = Asker {
        source: Ipv4Addr::new(192, 0, 2, 8).into(),
        ..own
    };
    let (forged, reply) = ask(answer, &table, &other, &shown);
    assert_eq!((forged.rcode, forged.counted.proof), (0, Proof::Client));
    assert_ne!(learnt(&reply), server);
}

#[test]
fn without_secrets_cookies_are_passed_over() {
    let table = bare_table(Some("fra1"));
    let own = Asker {
        cookies: None,
        ..asker(Transport::Udp)
    };
    let (answered, reply) = ask(answer, &table, &own, &identity(&cookie(&[7; 16])));
    assert_eq!(answered.counted.proof, Proof::None);
    assert!(reply.ends_with(&[0x80, 0, 0, 0]), "OPT is bare: {reply:?}");
    let none = [
        &[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..],
        &opt(1232, 0, &cookie(&[])),
    ]
    .concat();
    let (answered, _) = ask(answer, &table, &own, &none);
    assert_eq!(answered.rcode, rcode::FORMERR);
}

#[test]
fn a_query_without_a_question_gets_a_cookie_and_nothing_else() {
    let table = bare_table(Some("fra1"));
    let bare = |options: &[u8]| {
        let header = [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        [&header[..], &opt(1232, 0, options)].concat()
    };
    for transport in Transport::ALL {
        let own = asker(transport);
        let (answered, reply) = ask(answer, &table, &own, &bare(&cookie(&[])));
        assert_eq!((answered.rcode, answered.reason), (0, Reason::Cookie));
        assert_eq!(reply[2..12], [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let server = learnt(&reply);
        let (_, reply) = ask(answer, &table, &own, &bare(&cookie(&server)));
        assert_eq!(learnt(&reply), server);
    }
    let own = asker(Transport::Udp);
    for malformed in [
        &bare(&[]),
        &bare(&cookie(&[0; 7])),
        &bare(&cookie(&[0; 33])),
    ] {
        let (answered, _) = ask(answer, &table, &own, malformed);
        assert_eq!(answered.rcode, rcode::FORMERR);
    }
}

#[test]
fn who_has_proved_nothing_gets_no_more_than_the_factor_allows() {
    let table = bounded_table(600, 5);
    let own = asker(Transport::Udp);
    let plain = identity(&[]);
    let (answered, reply) = ask(answer, &table, &own, &plain);
    assert!(answered.truncated && reply.len() <= 5 * plain.len());
    assert_eq!(reply[6..12], [0, 0, 0, 0, 0, 1], "nothing but OPT");
    let first = identity(&cookie(&[]));
    let (answered, reply) = ask(answer, &table, &own, &first);
    assert!(answered.truncated && reply.len() <= 5 * first.len());
    let (answered, reply) = ask(answer, &table, &own, &identity(&cookie(&learnt(&reply))));
    assert!(!answered.truncated, "a holder of a cookie gets it all");
    assert!(reply.len() > 600);
    let (answered, _) = ask(answer, &table, &asker(Transport::Tcp), &plain);
    assert!(!answered.truncated, "and so does who comes by a stream");
    let (answered, _) = ask(answer, &bounded_table(600, 100), &own, &plain);
    assert!(!answered.truncated, "what is allowed fits");
}

#[test]
fn the_least_factor_leaves_room_for_everything_that_must_be_said() {
    use crate::base::limits::AMPLIFICATION_LEAST;
    let table = bounded_table(255, AMPLIFICATION_LEAST);
    let subnet = [0, 8, 0, 11, 0, 2, 56, 0, 0x20, 1, 0xD, 0xB8, 1, 2, 3];
    let options = [&[0, 3, 0, 0][..], &subnet, &cookie(&[])].concat();
    let packet = query(b"\x00", 1, class::IN, &opt(1232, 0, &options));
    let (answered, reply) = ask(answer, &table, &asker(Transport::Udp), &packet);
    assert_eq!(answered.rcode, rcode::REFUSED);
    let length = usize::from(AMPLIFICATION_LEAST) * packet.len();
    assert!(reply.len() <= length, "{} of {length}", reply.len());
    let holds = |part: &[u8]| reply.windows(part.len()).any(|window| window == part);
    assert!(holds(&subnet) && holds(&[0, 10, 0, 24, 1, 2, 3]));
    let least = query(b"\x00", 1, class::IN, &opt(1232, 0, &[]));
    let (answered, reply) = ask(answer, &table, &asker(Transport::Udp), &least);
    assert_eq!((answered.rcode, reply[11]), (rcode::REFUSED, 1));
}

#[test]
fn withheld_answers_show_the_way_to_one() {
    let table = bare_table(Some("fra1"));
    let own = asker(Transport::Udp);
    let plain = identity(&[]);
    let (answered, reply) = ask(withhold, &table, &own, &plain);
    assert_eq!((answered.rcode, answered.reason), (0, Reason::Limited));
    assert!(answered.truncated && reply[2] & 2 != 0, "TC: {reply:?}");
    assert_eq!(reply.len(), plain.len());
    let (answered, reply) = ask(withhold, &table, &own, &identity(&cookie(&[])));
    assert_eq!(answered.rcode, rcode::BADCOOKIE);
    assert_eq!((reply[2] & 2, reply[3] & 15), (0, 7), "no TC, 23 - 16");
    let server = learnt(&reply);
    let (answered, _) = ask(answer, &table, &own, &identity(&cookie(&server)));
    assert_eq!(answered.counted.proof, Proof::Server, "it was a good one");
    let wrong = identity(&cookie(&[9; 16]));
    assert_eq!(
        ask(withhold, &table, &own, &wrong).0.rcode,
        rcode::BADCOOKIE
    );
    let malformed = identity(&cookie(&[9; 3]));
    assert_eq!(
        ask(withhold, &table, &own, &malformed).0.rcode,
        rcode::FORMERR
    );
}

#[test]
fn refusals_say_what_kind_they_are() {
    let table = bare_table(None);
    for (qtype, qclass, rcode, code) in [
        (rtype::A, class::IN, rcode::REFUSED, 20),
        (rtype::AXFR, class::IN, rcode::NOTAUTH, 20),
        (rtype::A, class::ANY, rcode::REFUSED, 21),
    ] {
        let packet = query(b"\x01a\x00", qtype, qclass, &opt(1232, 0, &[]));
        let (answered, reply) = ask(answer, &table, &asker(Transport::Udp), &packet);
        assert_eq!(answered.rcode, rcode);
        assert!(reply.ends_with(&[0, 15, 0, 2, 0, code]), "type {qtype}");
        let plain = query(b"\x01a\x00", qtype, qclass, &[]);
        let (_, reply) = ask(answer, &table, &asker(Transport::Udp), &plain);
        assert_eq!(reply.len(), plain.len(), "nothing without EDNS");
    }
}
