//! Queries that are not as they should be, put to BIND, Knot, NSD and Waypost.
//!
//! Compared are whether there is a reply, its response code, flags and question, and whether it
//! speaks EDNS. The rule is that of the module above: like one of the three, or listed.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::Duration;

use super::servers::SERVERS;
use super::{served, wire};
use crate::world::World;

/// What is compared: flags, response code, octets of the question, TTL of OPT.
type Sign = Option<(u16, u16, Vec<u8>, Option<u32>)>;

const HOST: &[u8] = b"\x04host\x07example\x03org\x00\x00\x01\x00\x01";
const ABSENT: &[u8] = b"\x06absent\x07example\x03org\x00\x00\x01\x00\x01";
const PLAIN_OPT: &[u8] = b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x00";
const RECORD: &[u8] = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7F\x00\x00\x01";

fn packet(flags: u16, counts: [u16; 4], parts: &[&[u8]]) -> Vec<u8> {
    let words = [0x2A2A, flags].into_iter().chain(counts);
    let head: Vec<u8> = words.flat_map(u16::to_be_bytes).collect();
    [&head, &parts.concat()[..]].concat()
}

/// A query for the host of this opcode and these flags.
fn flagged(flags: u16) -> Vec<u8> {
    packet(flags, [1, 0, 0, 0], &[HOST])
}

/// A query for the host with an OPT of this version that holds this.
fn with_opt(version: u8, options: &[u8]) -> Vec<u8> {
    let length = u16::try_from(options.len()).unwrap().to_be_bytes();
    let head = [0, 0, 41, 0x04, 0xD0, 0, version, 0, 0];
    packet(0, [1, 0, 0, 1], &[HOST, &head, &length, options])
}

/// A query of another class.
fn classed(name: &[u8], rtype: u16, class: u16) -> Vec<u8> {
    let tail = [rtype.to_be_bytes(), class.to_be_bytes()].concat();
    packet(0, [1, 0, 0, 0], &[name, &tail])
}

/// What is sent, and the reason where we are like neither.
#[expect(clippy::too_many_lines, reason = "a table")]
fn packets() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let root = b"\x00".as_slice();
    let host = &HOST[..18];
    vec![
        ("plain", flagged(0), None),
        ("RD", flagged(0x0100), None),
        ("CD", flagged(0x0010), None),
        ("AD", flagged(0x0020), None),
        ("Z", flagged(0x0040), None),
        ("RA", flagged(0x0080), None),
        ("TC", flagged(0x0200), None),
        ("AA", flagged(0x0400), None),
        ("RCODE", flagged(0x0005), None),
        ("a reply", flagged(0x8000), None),
        ("IQUERY", flagged(0x0800), None),
        ("STATUS", flagged(0x1000), None),
        (
            "STATUS, EDNS",
            packet(0x1000, [1, 0, 0, 1], &[HOST, PLAIN_OPT]),
            None,
        ),
        ("opcode 3", flagged(0x1800), None),
        ("NOTIFY", flagged(0x2000), None),
        (
            "UPDATE",
            flagged(0x2800),
            Some("updates are for those who hold a key (RFC 2136, section 3.3)"),
        ),
        ("DSO", flagged(0x3000), None),
        ("opcode 15", flagged(0x7800), None),
        ("opcode 15, every flag", flagged(0x7FF0), None),
        ("no question", packet(0, [0; 4], &[]), None),
        (
            "no question, EDNS",
            packet(0, [0, 0, 0, 1], &[PLAIN_OPT]),
            None,
        ),
        (
            "two questions, EDNS",
            packet(0, [2, 0, 0, 1], &[HOST, ABSENT, PLAIN_OPT]),
            Some("a request with OPT gets OPT (RFC 6891, section 6.1.1)"),
        ),
        (
            "two questions",
            packet(0, [2, 0, 0, 0], &[HOST, ABSENT]),
            None,
        ),
        (
            "a question short of one",
            packet(0, [2, 0, 0, 0], &[HOST]),
            None,
        ),
        ("half a name", packet(0, [1, 0, 0, 0], &[&HOST[..9]]), None),
        ("no type", packet(0, [1, 0, 0, 0], &[host]), None),
        (
            "a pointer",
            packet(0, [1, 0, 0, 0], &[b"\xC0\x0C\x00\x01\x00\x01"]),
            None,
        ),
        ("a header less an octet", flagged(0)[..11].to_vec(), None),
        ("a single octet", vec![0], None),
        ("an answer", packet(0, [1, 1, 0, 0], &[HOST, RECORD]), None),
        (
            "an answer, EDNS",
            packet(0, [1, 1, 0, 1], &[HOST, RECORD, PLAIN_OPT]),
            None,
        ),
        (
            "no answer where one is counted",
            packet(0, [1, 1, 0, 0], &[HOST]),
            None,
        ),
        (
            "OPT as an answer",
            packet(0, [1, 1, 0, 0], &[HOST, PLAIN_OPT]),
            None,
        ),
        (
            "an authority",
            packet(0, [1, 0, 1, 0], &[HOST, RECORD]),
            None,
        ),
        (
            "an additional",
            packet(0, [1, 0, 0, 1], &[HOST, RECORD]),
            None,
        ),
        (
            "an additional short",
            packet(0, [1, 0, 0, 1], &[HOST, &RECORD[..9]]),
            None,
        ),
        (
            "octets behind",
            packet(0, [1, 0, 0, 0], &[HOST, b"behind"]),
            None,
        ),
        ("EDNS", with_opt(0, &[]), None),
        ("EDNS 1", with_opt(1, &[]), None),
        ("EDNS 255 with options", with_opt(255, &[0, 10, 0, 0]), None),
        (
            "two OPT",
            packet(0, [1, 0, 0, 2], &[HOST, PLAIN_OPT, PLAIN_OPT]),
            Some("a request with OPT gets OPT (RFC 6891, section 6.1.1)"),
        ),
        (
            "an OPT of a name",
            packet(0, [1, 0, 0, 1], &[HOST, b"\x01a", PLAIN_OPT]),
            None,
        ),
        (
            "an OPT before a record",
            packet(0, [1, 0, 0, 2], &[HOST, PLAIN_OPT, RECORD]),
            None,
        ),
        (
            "half an option",
            with_opt(0, &[0, 3, 0]),
            Some("a request with OPT gets OPT (RFC 6891, section 6.1.1)"),
        ),
        (
            "an option longer than OPT",
            with_opt(0, &[0, 3, 0, 9, 0]),
            Some("a request with OPT gets OPT (RFC 6891, section 6.1.1)"),
        ),
        ("NSID", with_opt(0, &[0, 3, 0, 0]), None),
        ("NSID with data", with_opt(0, &[0, 3, 0, 2, 1, 2]), None),
        (
            "a cookie",
            with_opt(0, &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
            None,
        ),
        ("a bad cookie", with_opt(0, &[0, 10, 0, 3, 1, 2, 3]), None),
        ("keepalive", with_opt(0, &[0, 11, 0, 0]), None),
        ("padding", with_opt(0, &[0, 12, 0, 4, 0, 0, 0, 0]), None),
        (
            "an unknown option",
            with_opt(0, &[0xFD, 0xE9, 0, 1, 7]),
            None,
        ),
        (
            "a client subnet",
            with_opt(0, &[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]),
            None,
        ),
        (
            "a bad client subnet",
            with_opt(0, &[0, 8, 0, 7, 0, 1, 33, 0, 192, 0, 2]),
            None,
        ),
        ("class CH", classed(b"\x02id\x06server\x00", 16, 3), None),
        ("class CH, elsewhere", classed(host, 1, 3), None),
        ("class HS", classed(host, 1, 4), None),
        ("class NONE", classed(host, 1, 254), None),
        (
            "class ANY",
            classed(host, 1, 255),
            Some("REFUSED by policy (RFC 1035, section 4.1.1): there is no class but IN"),
        ),
        ("class 0", classed(host, 1, 0), None),
        ("the root", classed(root, 2, 1), None),
        ("AXFR", classed(&HOST[5..18], 252, 1), None),
        ("IXFR", classed(&HOST[5..18], 251, 1), None),
    ]
}

/// Whether each part of our reply is like that part of one of theirs.
fn is_like_one(ours: &Sign, theirs: &[Sign]) -> bool {
    let Some((flags, rcode, question, opt)) = ours else {
        return theirs.contains(&None);
    };
    let theirs = || theirs.iter().flatten();
    theirs().any(|their| their.0 == *flags)
        && theirs().any(|their| their.1 == *rcode)
        && theirs().any(|their| their.2 == *question)
        && theirs().any(|their| their.3 == *opt)
}

fn sign(reply: &[u8]) -> Sign {
    let reply = wire::read(reply).unwrap();
    Some((reply.flags, reply.rcode, reply.question, reply.opt))
}

fn by_datagram(address: &str, packet: &[u8]) -> Sign {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect((address, 53)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    socket.send(packet).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    sign(&buffer[..length])
}

/// Over a connection of its own, half closed behind the query.
fn by_stream(address: &str, packet: &[u8]) -> Sign {
    let mut stream = TcpStream::connect((address, 53)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, packet].concat()).unwrap();
    let _ = stream.shutdown(Shutdown::Write);
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).ok()?;
    sign(&reply)
}

#[test]
fn odd_queries_are_answered_as_others_answer_them() {
    let world = World::new();
    let _processes = served(&world, None);
    let mut wrong = Vec::new();
    for (what, packet, reason) in packets() {
        let unlike = |ask: fn(&str, &[u8]) -> Sign| {
            let said = SERVERS.map(|(server, address)| (server, ask(address, &packet)));
            let theirs = said[1..].iter().map(|(_, sign)| sign.clone());
            let is_like_one = is_like_one(&said[0].1, &theirs.collect::<Vec<_>>());
            (!is_like_one).then(|| format!("{what}: {said:x?}"))
        };
        let differences: Vec<_> = [by_datagram as fn(&str, &[u8]) -> Sign, by_stream]
            .into_iter()
            .filter_map(unlike)
            .collect();
        match reason {
            None => wrong.extend(differences),
            Some(why) if differences.is_empty() => wrong.push(format!("{what}: not needed: {why}")),
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
