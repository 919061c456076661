//! Updates (RFC 2136) of declared records, message by message.
use super::{APEX, served, serving, tsig_key};
use crate::base::Span;
use crate::dns::message::{self, Header, opcode};
use crate::dns::rr::{class, rcode, rtype};
use crate::dns::tsig::Signer;
use crate::zones::tests::{Bench, name};
use crate::zones::{Input, Reply, Ticket};

/// Type, class, TTL, RDATA of a change; the name before it.
type Line<'a> = (&'a str, u16, u16, u32, &'a [u8]);

/// Sends an update that is signed; gives the response code.
fn update(bench: &mut Bench, prerequisites: &[Line<'_>], changes: &[Line<'_>]) -> u16 {
    let count = |lines: &[Line<'_>]| u16::try_from(lines.len()).unwrap();
    let counts = [1, count(prerequisites), count(changes), 0];
    let mut octets = message::header(7, opcode::UPDATE, None, counts).to_vec();
    octets.extend(name(APEX).as_wire());
    octets.extend([0, 6, 0, 1]);
    for (owner, kind, class, ttl, rdata) in prerequisites.iter().chain(changes) {
        octets.extend(name(owner).as_wire());
        octets.extend(kind.to_be_bytes());
        octets.extend(class.to_be_bytes());
        octets.extend(ttl.to_be_bytes());
        octets.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
        octets.extend(*rdata);
    }
    Signer::request(&tsig_key().key().unwrap())
        .sign(&mut octets, 1_800_000_000 + bench.now.0 / 1000);
    bench.give(Input::Update(Ticket(4), octets));
    bench.work();
    bench.pass(Span(100));
    match bench.replies.pop() {
        Some((Ticket(4), Reply::Message(reply))) => Header::read(&reply).unwrap().rcode(),
        other => panic!("{other:?}"),
    }
}

/// Prerequisites, changes, the response code, and the addresses of `x` that there are afterwards.
type Case = (
    &'static [Line<'static>],
    &'static [Line<'static>],
    u16,
    usize,
);

/// In this order, each on what the one before has left.
const CASES: &[Case] = {
    const NONE: u16 = 254;
    let (a, txt, cname, any) = (rtype::A, rtype::TXT, rtype::CNAME, rtype::ANY);
    let (is, all) = (class::IN, class::ANY);
    let (one, two): (&[u8], &[u8]) = (&[192, 0, 2, 1], &[192, 0, 2, 2]);
    &[
        (
            &[],
            &[
                ("x.own.test", a, is, 60, one),
                ("X.own.test", a, is, 60, two),
            ],
            0,
            2,
        ),
        (
            &[("x.own.test", any, NONE, 0, b"")],
            &[("x.own.test", a, all, 0, b"")],
            6,
            2,
        ),
        (
            &[("x.own.test", a, NONE, 0, b"")],
            &[("x.own.test", a, all, 0, b"")],
            7,
            2,
        ),
        (
            &[("x.own.test", txt, all, 0, b"")],
            &[("x.own.test", a, all, 0, b"")],
            8,
            2,
        ),
        (
            &[("no.own.test", any, all, 0, b"")],
            &[("x.own.test", a, all, 0, b"")],
            3,
            2,
        ),
        (
            &[("x.own.test", a, is, 0, one)],
            &[("x.own.test", a, all, 0, b"")],
            8,
            2,
        ),
        // The file's own, in the midst of what would go.
        (
            &[],
            &[
                ("x.own.test", a, all, 0, b""),
                ("www.own.test", a, is, 60, two),
            ],
            5,
            2,
        ),
        (&[], &[("www.own.test", a, all, 0, b"")], 5, 2),
        (&[], &[("www.own.test", any, all, 0, b"")], 5, 2),
        (&[], &[("www.own.test", a, NONE, 0, one)], 5, 2),
        (&[], &[("www.own.test", a, is, 60, one)], 0, 2),
        (&[], &[("www.own.test", a, NONE, 0, two)], 0, 2),
        (&[], &[("x.own.test", rtype::NS, is, 60, b"\x01x\0")], 5, 2),
        (&[], &[("x.other.test", a, is, 60, one)], 10, 2),
        // A CNAME beside other data is passed over.
        (&[], &[("x.own.test", cname, is, 60, b"\x01x\0")], 0, 2),
        (
            &[("x.own.test", a, all, 0, b"")],
            &[("x.own.test", a, NONE, 0, one)],
            0,
            1,
        ),
        (&[], &[("x.own.test", any, all, 0, b"")], 0, 0),
        (&[], &[("x.own.test", cname, is, 60, b"\x01x\0")], 0, 0),
        (&[], &[("x.own.test", a, is, 60, one)], 0, 0),
        (
            &[],
            &[
                ("x.own.test", cname, all, 0, b""),
                ("x.own.test", a, is, 60, one),
            ],
            0,
            1,
        ),
    ]
};

#[test]
fn an_update_does_all_that_it_says_or_nothing() {
    let mut bench = serving(false);
    for (prerequisites, changes, code, left) in CASES {
        let code_now = update(&mut bench, prerequisites, changes);
        assert_eq!(code_now, *code, "{prerequisites:?} {changes:?}");
        let addresses = served(&bench, "x.own.test", rtype::A).len();
        assert_eq!(addresses, *left, "{prerequisites:?} {changes:?}");
    }
    assert_eq!(served(&bench, "www.own.test", rtype::A), ["192.0.2.1"]);
    bench.disk = Err("no space left on device".to_owned());
    let change = [("x.own.test", rtype::A, class::ANY, 0, &b""[..])];
    assert_eq!(update(&mut bench, &[], &change), rcode::SERVFAIL);
    assert_eq!(served(&bench, "x.own.test", rtype::A).len(), 1);
}
