//! Updates as clients send them, and as nobody should.
use super::*;
use crate::dns::message::{self, opcode};
use crate::dns::zone::Record as ZoneRecord;

const SOA: &[u8] = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";

/// Name, type, class, TTL, RDATA.
type Line<'a> = (&'a str, u16, u16, u32, &'a [u8]);

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn message(zone: (&str, u16, u16), prerequisites: &[Line<'_>], changes: &[Line<'_>]) -> Vec<u8> {
    let count = |lines: &[Line<'_>]| u16::try_from(lines.len()).unwrap();
    let counts = [1, count(prerequisites), count(changes), 0];
    let mut octets = message::header(7, opcode::UPDATE, None, counts).to_vec();
    octets.extend(name(zone.0).as_wire());
    octets.extend(zone.1.to_be_bytes());
    octets.extend(zone.2.to_be_bytes());
    for (owner, kind, class, ttl, rdata) in prerequisites.iter().chain(changes) {
        octets.extend(name(owner).as_wire());
        octets.extend(kind.to_be_bytes());
        octets.extend(class.to_be_bytes());
        octets.extend(ttl.to_be_bytes());
        octets.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
        octets.extend(*rdata);
    }
    octets
}

fn given(prerequisites: &[Line<'_>], changes: &[Line<'_>]) -> Result<Update, u16> {
    read(&message(
        ("z.test", rtype::SOA, class::IN),
        prerequisites,
        changes,
    ))
}

const OWNER: &str = "_acme-challenge.www.z.test";

#[test]
fn records_are_added_and_deleted() {
    let update = given(
        &[],
        &[
            (OWNER, rtype::TXT, class::IN, 60, b"\x01a"),
            (OWNER, rtype::TXT, NONE, 0, b"\x01b"),
            (OWNER, rtype::TXT, class::ANY, 0, b""),
            (OWNER, rtype::ANY, class::ANY, 0, b""),
            (OWNER, rtype::A, class::IN, 60, b"\xC0\0\x02\x01"),
            (OWNER, 4711, class::IN, 60, b"\x01"),
        ],
    )
    .unwrap();
    assert_eq!(update.zone, name("z.test"));
    let name = name(OWNER);
    let (added, removed) = (b"\x01a".to_vec(), b"\x01b".to_vec());
    let expected = [
        Change::Add {
            name: name.clone(),
            kind: rtype::TXT,
            ttl: 60,
            rdata: added,
        },
        Change::Remove {
            name: name.clone(),
            kind: rtype::TXT,
            rdata: removed,
        },
        Change::RemoveSet {
            name: name.clone(),
            kind: rtype::TXT,
        },
        Change::Clear { name: name.clone() },
        Change::Add {
            name: name.clone(),
            kind: rtype::A,
            ttl: 60,
            rdata: vec![192, 0, 2, 1],
        },
        Change::Add {
            name,
            kind: 4711,
            ttl: 60,
            rdata: vec![1],
        },
    ];
    assert_eq!(update.changes, expected);
}

#[test]
fn what_is_malformed_is_told() {
    for (change, expected) in [
        (
            (OWNER, rtype::A, class::IN, 60, &b"\xC0\0\x02"[..]),
            rcode::FORMERR,
        ),
        ((OWNER, rtype::MX, class::IN, 60, b"\0"), rcode::FORMERR),
        ((OWNER, 0, class::ANY, 0, b""), rcode::FORMERR),
        (
            (
                "_acme-challenge.other.test",
                rtype::TXT,
                class::IN,
                60,
                b"\x01a",
            ),
            rcode::NOTZONE,
        ),
        ((OWNER, rtype::TXT, class::IN, 60, b""), rcode::FORMERR),
        ((OWNER, rtype::TXT, class::IN, 60, b"\x02a"), rcode::FORMERR),
        ((OWNER, rtype::ANY, class::IN, 60, b""), rcode::FORMERR),
        ((OWNER, rtype::AXFR, class::ANY, 0, b""), rcode::FORMERR),
        ((OWNER, rtype::TXT, class::ANY, 1, b""), rcode::FORMERR),
        ((OWNER, rtype::TXT, class::ANY, 0, b"\x01a"), rcode::FORMERR),
        ((OWNER, rtype::TXT, NONE, 1, b"\x01a"), rcode::FORMERR),
        ((OWNER, rtype::ANY, NONE, 0, b""), rcode::FORMERR),
        ((OWNER, rtype::TXT, class::CH, 0, b"\x01a"), rcode::FORMERR),
    ] {
        assert_eq!(given(&[], &[change]), Err(expected), "{change:?}");
    }
    let well = (OWNER, rtype::TXT, class::IN, 60, &b"\x01a"[..]);
    for zone in [
        ("z.test", rtype::A, class::IN),
        ("z.test", rtype::SOA, class::CH),
    ] {
        assert_eq!(read(&message(zone, &[], &[well])), Err(rcode::FORMERR));
    }
    let many = vec![well; UPDATE_RECORDS + 1];
    assert_eq!(given(&[], &many), Err(rcode::REFUSED));
    let whole = message(("z.test", rtype::SOA, class::IN), &[], &[well]);
    for length in 0..whole.len() {
        assert_eq!(read(&whole[..length]), Err(rcode::FORMERR), "{length}");
    }
}

fn zone() -> Zone {
    let record = |owner: &str, rtype, rdata: &[u8]| ZoneRecord {
        owner: name(owner),
        rtype,
        ttl: 60,
        rdata: rdata.to_vec(),
        line: 1,
    };
    let records = vec![
        record("z.test", rtype::SOA, SOA),
        record("z.test", rtype::NS, b"\x02ns\x01z\x04test\0"),
        record("a.b.z.test", rtype::TXT, b"\x01a"),
        record("a.b.z.test", rtype::TXT, b"\x01b"),
        record("*.w.z.test", rtype::TXT, b"\x01w"),
    ];
    Zone::build(&name("z.test"), records, &[(name("www.z.test"), 1)]).unwrap()
}

#[test]
fn prerequisites_hold_or_say_why_not() {
    let (any, none) = (class::ANY, NONE);
    let (text, all) = (rtype::TXT, rtype::ANY);
    let zone = zone();
    for (lines, expected) in [
        (&[("a.b.z.test", all, any, 0, &b""[..])][..], None),
        (&[("A.B.z.test", text, any, 0, b"")], None),
        (
            &[("a.b.z.test", rtype::A, any, 0, b"")],
            Some(rcode::NXRRSET),
        ),
        (&[("a.b.z.test", all, none, 0, b"")], Some(rcode::YXDOMAIN)),
        (&[("a.b.z.test", text, none, 0, b"")], Some(rcode::YXRRSET)),
        (&[("a.b.z.test", rtype::A, none, 0, b"")], None),
        // An empty non-terminal and what a wildcard would answer have no records of their own.
        (&[("b.z.test", all, any, 0, b"")], Some(rcode::NXDOMAIN)),
        (&[("x.w.z.test", all, none, 0, b"")], None),
        (&[("www.z.test", rtype::A, any, 0, b"")], None),
        (&[("www.z.test", all, none, 0, b"")], Some(rcode::YXDOMAIN)),
        (&[("www.z.test", text, none, 0, b"")], None),
        (
            &[
                ("a.b.z.test", text, class::IN, 0, b"\x01b"),
                ("a.b.z.test", text, class::IN, 0, b"\x01a"),
            ],
            None,
        ),
        (
            &[("a.b.z.test", text, class::IN, 0, b"\x01b")],
            Some(rcode::NXRRSET),
        ),
        (
            &[("no.z.test", text, class::IN, 0, b"\x01b")],
            Some(rcode::NXRRSET),
        ),
    ] {
        let update = given(lines, &[]).unwrap();
        assert_eq!(update.unmet(&zone), expected, "{lines:?}");
    }
    for (line, expected) in [
        (("a.z.test", text, any, 1, &b""[..]), rcode::FORMERR),
        (("a.z.test", text, any, 0, b"\x01a"), rcode::FORMERR),
        (("a.z.test", text, none, 0, b"\x01a"), rcode::FORMERR),
        (("a.z.test", text, class::CH, 0, b""), rcode::FORMERR),
        (("other.test", text, any, 0, b""), rcode::NOTZONE),
    ] {
        assert_eq!(given(&[line], &[]), Err(expected), "{line:?}");
    }
}
