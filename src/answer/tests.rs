//! What is answered before any zone is looked at. Zones and steering: `tests/pure/answer.rs`.
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use super::*;
use crate::base::{HashKey, Permille, Span};
use crate::geo::{Atlas, Database, EMBEDDED};
use crate::plan::{Control, Defence, GeoFile, GeoKnowledge, Guard, Plan, Resolving};

const IN: u16 = class::IN;
const CH: u16 = class::CH;

/// An atlas, read once for all tests.
fn atlas() -> Arc<Atlas> {
    static ATLAS: OnceLock<Arc<Atlas>> = OnceLock::new();
    let read = || Atlas::new(&Database::read(EMBEDDED).unwrap(), &[], &[]);
    Arc::clone(ATLAS.get_or_init(|| Arc::new(read())))
}

/// A server with a name and a version, and not a single zone.
pub(super) fn bare_table(identity: Option<&str>) -> Table {
    table_of(bare_plan(identity))
}

pub(super) fn table_of(plan: Plan) -> Table {
    Table::build(1, Arc::new(plan), Arc::from([]), Moment(0), None)
}

pub(super) fn bare_plan(identity: Option<&str>) -> Plan {
    Plan {
        digest: 0,
        policy: 0,
        key: HashKey(0),
        server: Server {
            listen: Vec::new(),
            identity: identity.map(str::to_owned),
            version: identity.map(|_| "waypost 1".to_owned()),
            udp_reply_bytes: 1232,
            threads: None,
            connections: 64,
            tls: None,
            exec: false,
            defence: Defence {
                amplification: u16::MAX,
                ..Defence::DEFAULT
            },
        },
        control: Control::default(),
        guard: Guard {
            doubt: Permille(500),
            max_ejected: Permille(500),
            max_shrink: Permille(500),
            max_shrink_watched: Permille(100),
            ..Guard::DEFAULT
        },
        jurisdictions: Vec::new(),
        regions: Vec::new(),
        endpoints: Vec::new(),
        monitors: Vec::new(),
        recoveries: Vec::new(),
        slots: Vec::new(),
        targets: Vec::new(),
        canaries: Vec::new(),
        maintenance: Vec::new(),
        services: Vec::new(),
        maps: Arc::default(),
        views: Arc::default(),
        claimants: Vec::new(),
        resolving: Resolving::default(),
        discoveries: Vec::new(),
        cluster: None,
        atlas: atlas(),
        geo: GeoFile {
            source: "embedded".to_owned(),
            built_at: 0,
            networks: 0,
            knows: GeoKnowledge::default(),
            claimed: GeoKnowledge::default(),
        },
    }
}

/// A query of id 0x1234 with RD set.
pub(super) fn query(name: &[u8], qtype: u16, qclass: u16, opt: &[u8]) -> Vec<u8> {
    let additional = u8::from(!opt.is_empty());
    let mut packet = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional];
    packet.extend(name);
    packet.extend([qtype, qclass].iter().flat_map(|word| word.to_be_bytes()));
    packet.extend(opt);
    packet
}

pub(super) fn opt(payload: u16, version: u8, options: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0, 41];
    record.extend(payload.to_be_bytes());
    record.extend([0, version, 0x80, 0, 0, u8::try_from(options.len()).unwrap()]);
    record.extend(options);
    record
}

fn ask(table: &Table, query: &[u8], transport: Transport) -> (Answered, Vec<u8>) {
    let asker = Asker {
        source: Ipv4Addr::LOCALHOST.into(),
        transport,
        now: Moment(0),
        idle: Span::ZERO,
        cookies: None,
    };
    let mut buffer = vec![0xAA; MESSAGE_BYTES];
    let answered = answer(table, &asker, query, &mut buffer).unwrap();
    buffer.truncate(answered.length);
    (answered, buffer)
}

const VERSION: &[u8] = b"\x07vErSion\x04BIND\x00";
const ID: &[u8] = b"\x02id\x06server\x00";

#[test]
fn a_foreign_name_is_refused_with_its_question() {
    let table = bare_table(None);
    let packet = query(b"\x03wWw\x07example\x00", 1, IN, &[]);
    let (answered, reply) = ask(&table, &packet, Transport::Udp);
    assert_eq!(
        (answered.rcode, answered.reason),
        (rcode::REFUSED, Reason::Refused)
    );
    let mut expected = packet;
    expected[2..4].copy_from_slice(&[0x81, 0x05]);
    assert_eq!(reply, expected);
}

#[test]
fn what_cannot_be_data_is_turned_away() {
    let table = bare_table(None);
    for (qtype, qclass, rcode) in [
        (rtype::AXFR, IN, rcode::NOTAUTH),
        (rtype::IXFR, IN, rcode::NOTAUTH),
        (rtype::AXFR, CH, rcode::NOTAUTH),
        (0, IN, rcode::FORMERR),
        (rtype::OPT, IN, rcode::FORMERR),
        (128, IN, rcode::FORMERR),
        (250, IN, rcode::FORMERR),
        (254, IN, rcode::FORMERR),
        (rtype::ANY, IN, rcode::REFUSED),
        (256, IN, rcode::REFUSED),
        (rtype::A, class::ANY, rcode::REFUSED),
        (rtype::A, 4, rcode::REFUSED),
    ] {
        for transport in Transport::ALL {
            let packet = query(b"\x00", qtype, qclass, &[]);
            let (answered, reply) = ask(&table, &packet, transport);
            assert_eq!(answered.rcode, rcode, "type {qtype} class {qclass}");
            assert_eq!(reply.len(), packet.len());
        }
    }
}

#[test]
fn the_server_speaks_of_itself_only_if_told_to() {
    let (named, nameless) = (bare_table(Some("fra1")), bare_table(None));
    for (name, text) in [
        (VERSION, "waypost 1"),
        (b"\x07version\x06server\x00", "waypost 1"),
        (ID, "fra1"),
        (b"\x08hostname\x04bind\x00", "fra1"),
    ] {
        let packet = query(name, rtype::TXT, CH, &[]);
        let (answered, reply) = ask(&named, &packet, Transport::Udp);
        assert_eq!((answered.rcode, answered.reason), (0, Reason::Chaos));
        assert_eq!(reply[2..4], [0x85, 0x00], "AA and RD");
        let length = u8::try_from(text.len()).unwrap();
        let mut record = vec![0xC0, 12, 0, 16, 0, 3, 0, 0, 0, 0, 0, length + 1, length];
        record.extend(text.as_bytes());
        assert!(reply.ends_with(&record), "{reply:?}");
        let (refused, _) = ask(&nameless, &packet, Transport::Udp);
        assert_eq!(refused.rcode, rcode::REFUSED);
    }
    for (name, qtype) in [(VERSION, rtype::A), (&b"\x01x\x00"[..], rtype::TXT)] {
        let (refused, _) = ask(&named, &query(name, qtype, CH, &[]), Transport::Udp);
        assert_eq!(refused.rcode, rcode::REFUSED);
    }
}

#[test]
fn a_text_longer_than_a_packet_is_truncated_over_udp_only() {
    let table = bare_table(Some(&"x".repeat(1500)));
    let packet = query(ID, rtype::TXT, CH, &opt(4096, 0, &[]));
    let (answered, reply) = ask(&table, &packet, Transport::Udp);
    assert!(answered.truncated);
    assert_eq!(reply[2] & 2, 2, "TC");
    assert_eq!(reply[6..12], [0, 0, 0, 0, 0, 1], "only OPT is left");
    let (answered, reply) = ask(&table, &packet, Transport::Tcp);
    assert!(!answered.truncated);
    assert_eq!(reply[6..12], [0, 1, 0, 0, 0, 1]);
}

#[test]
fn no_record_takes_the_room_of_opt() {
    for length in 1100..1250 {
        let table = bare_table(Some(&"x".repeat(length)));
        let packet = query(ID, rtype::TXT, CH, &opt(4096, 0, &[]));
        let (answered, reply) = ask(&table, &packet, Transport::Udp);
        // Header, question, record with a length octet for each 255, OPT.
        let whole = 12 + 15 + 12 + length + length.div_ceil(255) + 11;
        assert_eq!(answered.truncated, whole > 1232, "{length}");
        assert_eq!(reply[11], 1, "OPT at {length}");
    }
}

#[test]
fn replies_to_edns_carry_edns_whatever_the_outcome() {
    let table = bare_table(Some("fra1"));
    let refused = &[
        0, 0, 41, 0x04, 0xD0, 0, 0, 0x80, 0, 0, 6, 0, 15, 0, 2, 0, 20,
    ][..];
    let bare = &refused[..9];
    let bare = &[bare, &[0, 0]].concat()[..];
    let bad_subnet = [0, 8, 0, 4, 0, 9, 0, 0];
    let badvers = &[0, 0, 41, 0x04, 0xD0, 1, 0, 0x80, 0, 0, 0][..];
    for (opt, rcode, expected) in [
        (opt(512, 0, &[]), rcode::REFUSED, refused),
        (opt(0, 0, &[0xFD, 0xE9, 0, 0]), rcode::REFUSED, refused),
        (opt(512, 0, &bad_subnet), rcode::FORMERR, bare),
        (opt(512, 1, &bad_subnet), rcode::BADVERS, badvers),
    ] {
        let packet = query(b"\x00", 1, IN, &opt);
        let (answered, reply) = ask(&table, &packet, Transport::Udp);
        assert_eq!(answered.rcode, rcode);
        assert!(reply.ends_with(expected), "{reply:?}");
        assert_eq!(reply.len(), 17 + expected.len());
    }
}

#[test]
fn identity_and_subnet_are_echoed_when_asked_for() {
    let table = bare_table(Some("fra1"));
    let subnet = [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2];
    let options = [&[0, 3, 0, 0][..], &subnet].concat();
    let packet = query(b"\x00", 1, IN, &opt(1232, 0, &options));
    let (_, reply) = ask(&table, &packet, Transport::Udp);
    let error = [0, 15, 0, 2, 0, 20];
    let expected = [&[0, 25, 0, 3, 0, 4][..], b"fra1", &subnet, &error].concat();
    assert!(reply.ends_with(&expected), "{reply:?}");
    let nameless = bare_table(None);
    let (_, reply) = ask(&nameless, &packet, Transport::Udp);
    assert!(reply.ends_with(&[&[0, 17][..], &subnet, &error].concat()));
}

#[test]
fn an_identity_that_does_not_fit_is_left_out() {
    let table = bare_table(Some(&"x".repeat(600)));
    let packet = query(b"\x00", 1, IN, &opt(512, 0, &[0, 3, 0, 0]));
    let (answered, reply) = ask(&table, &packet, Transport::Udp);
    assert!(!answered.truncated);
    assert_eq!(reply.len(), packet.len() - 4 + 6, "an error in its place");
}

#[test]
fn another_opcode_is_answered_with_the_header_or_the_question() {
    let table = bare_table(None);
    let mut packet = query(b"\x01a\x00", 6, IN, &[]);
    packet[2] = 0x28;
    let (answered, reply) = ask(&table, &packet, Transport::Udp);
    assert_eq!(answered.reason, Reason::Notimp);
    assert_eq!(reply[2..4], [0xA8, 0x04]);
    assert_eq!(reply[12..], packet[12..]);
    let (_, reply) = ask(&table, &packet[..13], Transport::Udp);
    assert_eq!(reply, [0x12, 0x34, 0xA8, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn nothing_is_answered_to_replies_scraps_or_into_scraps() {
    let table = bare_table(None);
    let asker = Asker {
        source: Ipv4Addr::LOCALHOST.into(),
        transport: Transport::Udp,
        now: Moment(0),
        idle: Span::ZERO,
        cookies: None,
    };
    let mut packet = query(b"\x00", 1, IN, &[]);
    assert_eq!(answer(&table, &asker, &packet, &mut [0; 511]), None);
    assert_eq!(answer(&table, &asker, &packet[..11], &mut [0; 1232]), None);
    packet[2] |= 0x80;
    assert_eq!(answer(&table, &asker, &packet, &mut [0; 1232]), None);
}
