//! The writer alone, and its messages read back by another implementation.
use hickory_proto::op::Message;

use super::*;
use crate::base::Draws;
use crate::dns::query;
use crate::dns::rrset::Source;

const QNAME: &[u8] = b"\x03www\x07Example\x03org\x00";

fn query_of(name: &[u8], id: u16) -> Vec<u8> {
    let mut packet = id.to_be_bytes().to_vec();
    packet.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    packet.extend(name);
    packet.extend([0, 1, 0, 1]);
    packet
}

/// Runs `write` on a fresh reply of at most `limit` octets and gives the message.
fn written(limit: usize, id: u16, write: impl FnOnce(&mut Reply<'_, '_>)) -> Vec<u8> {
    written_to(&query_of(QNAME, id), limit, write)
}

fn written_to(packet: &[u8], limit: usize, write: impl FnOnce(&mut Reply<'_, '_>)) -> Vec<u8> {
    let query = query::read(packet).unwrap();
    let mut buffer = vec![0; limit];
    let mut reply = Reply::begin(&mut buffer, query.header, query.question.as_ref()).unwrap();
    write(&mut reply);
    let length = reply.finish(AUTHORITATIVE, 0, None);
    buffer.truncate(length);
    buffer
}

fn lines(message: &[u8]) -> Vec<String> {
    let message = Message::from_vec(message).unwrap();
    let sections = [&message.answers, &message.authorities, &message.additionals];
    let records = sections.into_iter().flatten();
    records.map(ToString::to_string).collect()
}

/// An RRset as a zone has it, its owner the name of the question.
struct Encoded(Vec<u8>);

impl Encoded {
    fn new(rtype: u16, records: &[&[u8]]) -> Self {
        Self::at(QNAME, rtype, records)
    }

    fn at(owner: &[u8], rtype: u16, records: &[&[u8]]) -> Self {
        let mut data = Vec::new();
        let source = Source {
            rtype,
            ttl: 300,
            owner,
            records: records.iter().copied(),
            glue: &[],
        };
        source.put(&mut data);
        Self(data)
    }

    fn set(&self) -> RrSet<'_> {
        let mut rest = &self.0[..];
        let set = RrSet::take(&mut rest).unwrap();
        assert!(rest.is_empty());
        set
    }
}

#[test]
fn owners_point_into_the_question() {
    let one = Encoded::new(1, &[&[192, 0, 2, 1]]);
    let message = written(512, 0, |reply| {
        for (skip, section) in [
            (0, Section::Answer),
            (4, Section::Authority),
            (16, Section::Additional),
        ] {
            let owner = Place::QUESTION.suffix(skip);
            reply.rrset(section, owner, one.set()).unwrap();
        }
    });
    assert_eq!(message.len(), 12 + QNAME.len() + 4 + 3 * 16);
    assert_eq!(
        lines(&message),
        [
            "www.Example.org. 300 IN A 192.0.2.1",
            "Example.org. 300 IN A 192.0.2.1",
            ". 300 IN A 192.0.2.1",
        ]
    );
}

#[test]
fn names_in_rdata_are_cut_only_where_case_and_type_allow() {
    let same = b"\x02ns\x07Example\x03org\x00";
    let other_case = b"\x02ns\x07example\x03ORG\x00";
    let mx = [&[0, 10][..], same].concat();
    let soa = [&same[..], same, &[0; 20]].concat();
    for (rtype, given, cut) in [
        (rtype::NS, &same[..], 12 - 2 + 1),
        (rtype::PTR, same, 11),
        (rtype::CNAME, same, 11),
        (rtype::MX, &mx, 11),
        (rtype::SOA, &soa, 22),
        (rtype::NS, other_case, 3),
        (rtype::DNAME, same, 0),
        (rtype::SRV, same, 0),
        (99, same, 0),
    ] {
        let given_set = Encoded::new(rtype, &[given]);
        let message = written(512, 0, |reply| {
            let owner = Place::QUESTION.suffix(0);
            reply
                .rrset(Section::Answer, owner, given_set.set())
                .unwrap();
        });
        let whole = 12 + QNAME.len() + 4 + 12 + given.len();
        // `ORG` differs in case, so nothing of that name is shared.
        let cut = if given == other_case { 0 } else { cut };
        assert_eq!(message.len(), whole - cut, "type {rtype}");
    }
}

#[test]
fn a_chain_of_aliases_points_back_at_its_targets() {
    let message = written(512, 0, |reply| {
        let first = Place::QUESTION.suffix(0);
        let near = b"\x01a\x01b\x07Example\x03org\x00";
        let place = reply.cname(first, 60, near).unwrap();
        let far = b"\x01c\x05other\x00";
        let next = reply.cname(place.suffix(0), 60, far).unwrap();
        let one = Encoded::new(1, &[&[192, 0, 2, 1]]);
        let set = one.set();
        reply.rrset(Section::Answer, next.suffix(0), set).unwrap();
        for owner in [
            place.suffix(2),
            place.suffix(4),
            place.suffix(12),
            next.suffix(2),
        ] {
            reply.rrset(Section::Authority, owner, set).unwrap();
        }
    });
    assert_eq!(
        lines(&message),
        [
            "www.Example.org. 60 IN CNAME a.b.Example.org.",
            "a.b.Example.org. 60 IN CNAME c.other.",
            "c.other. 300 IN A 192.0.2.1",
            "b.Example.org. 300 IN A 192.0.2.1",
            "Example.org. 300 IN A 192.0.2.1",
            "org. 300 IN A 192.0.2.1",
            "other. 300 IN A 192.0.2.1",
        ]
    );
}

fn records(texts: &[&str]) -> Vec<u8> {
    let mut records = Vec::new();
    for text in texts {
        addresses::put(text.parse().unwrap(), &mut records);
    }
    records
}

#[test]
fn an_rrset_fits_whole_or_not_at_all() {
    let address: &[u8] = &[192, 0, 2, 1];
    let (small, large) = (Encoded::new(1, &[address]), Encoded::new(1, &[address; 40]));
    let message = written(512, 0, |reply| {
        let owner = Place::QUESTION.suffix(0);
        let before = reply.room();
        let written = reply.rrset(Section::Answer, owner, large.set());
        assert_eq!((written, reply.room()), (Err(Full), before));
        reply.rrset(Section::Answer, owner, small.set()).unwrap();
        let written = reply.addresses(owner, 1, Family::V4, &records(&["192.0.2.1"; 40]));
        assert_eq!((written, reply.room()), (Err(Full), before - 16));
    });
    assert_eq!(lines(&message), ["www.Example.org. 300 IN A 192.0.2.1"]);
}

#[test]
fn the_last_octet_counts() {
    let room = 512 - 12 - QNAME.len() - 4 - 12;
    for (length, fits) in [(room, true), (room + 1, false)] {
        let long = Encoded::new(999, &[&vec![7; length]]);
        let message = written(512, 0, |reply| {
            let owner = Place::QUESTION.suffix(0);
            let written = reply.rrset(Section::Answer, owner, long.set());
            assert_eq!(written.is_ok(), fits);
        });
        assert_eq!(message.len() == 512, fits);
    }
}

#[test]
fn records_rotate_by_the_id() {
    let three = Encoded::new(1, &[&[1, 1, 1, 1], &[2, 2, 2, 2], &[3, 3, 3, 3]]);
    for (id, first) in [
        (0, "1.1.1.1"),
        (1, "2.2.2.2"),
        (5, "3.3.3.3"),
        (65535, "1.1.1.1"),
    ] {
        let message = written(512, id, |reply| {
            let owner = Place::QUESTION.suffix(0);
            reply.rrset(Section::Answer, owner, three.set()).unwrap();
        });
        let shown = lines(&message);
        assert_eq!(shown.len(), 3);
        assert!(shown[0].ends_with(first), "{id}: {shown:?}");
    }
}

#[test]
fn steered_addresses_keep_their_order() {
    let message = written(512, 2, |reply| {
        let owner = Place::QUESTION.suffix(0);
        let two = records(&["9.9.9.9", "1.1.1.1"]);
        reply.addresses(owner, 5, Family::V4, &two).unwrap();
        let one = records(&["::1"]);
        reply.addresses(owner, 5, Family::V6, &one).unwrap();
    });
    assert_eq!(
        lines(&message),
        [
            "www.Example.org. 5 IN A 9.9.9.9",
            "www.Example.org. 5 IN A 1.1.1.1",
            "www.Example.org. 5 IN AAAA ::1",
        ]
    );
}

#[test]
fn glue_may_stand_further_than_a_pointer_reaches() {
    let names: Vec<Vec<u8>> = (0..1000_u16)
        .map(|number| {
            [
                &b"\x14server"[..],
                format!("{number:014}").as_bytes(),
                b"\x00",
            ]
            .concat()
        })
        .collect();
    let borrowed: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let ns = Encoded::new(rtype::NS, &borrowed);
    let glue = Encoded::new(1, &[&[192, 0, 2, 1]]);
    let message = written(65_535, 1, |reply| {
        let set = ns.set();
        let cut = Place::QUESTION.suffix(4);
        let mut record = reply.rrset(Section::Authority, cut, set).unwrap();
        for target in reply.rotated(set.count, set.records()) {
            let rdata = reply.rdata(record);
            record = rdata.end;
            let owner = Owner::at(rdata.start, target);
            reply.rrset(Section::Additional, owner, glue.set()).unwrap();
        }
    });
    let read = Message::from_vec(&message).unwrap();
    assert_eq!(read.additionals.len(), 1000);
    for (ns, glue) in read.authorities.iter().zip(&read.additionals) {
        assert_eq!(ns.data.to_string(), glue.name.to_string());
    }
}

/// A name of a few labels in any case, in wire format.
fn random_name(draws: &mut Draws) -> Vec<u8> {
    let mut name = Vec::new();
    for _ in 0..draws.below(5) {
        let labels: [&[u8]; 5] = [b"\x01a", b"\x01b", b"\x02NS", b"\x02ns", b"\x07example"];
        name.extend(labels[usize::try_from(draws.below(5)).unwrap()]);
    }
    name.push(0);
    name
}

/// RDATA of a type, its names random.
fn random_rdata(rtype: u16, draws: &mut Draws) -> Vec<u8> {
    let name = random_name(draws);
    let number = draws.next_u64().to_be_bytes();
    match rtype {
        rtype::MX => [&number[..2], &name].concat(),
        rtype::SRV => [&number[..6], &name].concat(),
        rtype::SOA => [&name[..], &random_name(draws), &[7; 20]].concat(),
        rtype::A => number[..4].to_vec(),
        rtype::TXT => [&[5], &number[..5]].concat(),
        _ => name,
    }
}

/// A question for an owner: the same octets, another case, or a name below it.
fn random_question(owner: &[u8], draws: &mut Draws) -> Vec<u8> {
    match draws.below(3) {
        0 => owner.to_vec(),
        1 => owner.to_ascii_uppercase(),
        _ => [b"\x03www", owner].concat(),
    }
}

#[test]
fn what_is_copied_is_what_is_spelled() {
    let mut draws = Draws::from_seed(1035);
    let (mut copies, mut cut) = (0, 0);
    for round in 0..20_000 {
        let types = [
            rtype::NS,
            rtype::CNAME,
            rtype::PTR,
            rtype::MX,
            rtype::SOA,
            rtype::A,
            rtype::TXT,
            rtype::SRV,
            rtype::DNAME,
        ];
        let rtype = types[usize::try_from(draws.below(9)).unwrap()];
        let owner = random_name(&mut draws);
        let records: Vec<Vec<u8>> = (0..=draws.below(4))
            .map(|_| random_rdata(rtype, &mut draws))
            .collect();
        let borrowed: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let encoded = Encoded::at(&owner, rtype, &borrowed);
        let question = random_question(&owner, &mut draws);
        let packet = query_of(&question, u16::try_from(draws.below(1 << 16)).unwrap());
        let at = Place::QUESTION.suffix(question.len() - owner.len());
        let mut set = encoded.set();
        set.ttl -= u32::try_from(draws.below(2)).unwrap();
        let copied = written_to(&packet, 512, |reply| {
            reply.rrset(Section::Answer, at, set).unwrap();
        });
        let spelled = written_to(&packet, 512, |reply| {
            reply.spell(Section::Answer, at, set).unwrap();
        });
        assert_eq!(lines(&copied), lines(&spelled), "round {round}");
        if question == owner {
            assert_eq!(copied, spelled, "round {round}: {}", copied.escape_ascii());
            copies += 1;
            cut += usize::from(!set.form().pointers.is_empty());
        }
    }
    assert!(copies > 5_000 && cut > 1_000, "{copies} copied, {cut} cut");
}

#[test]
fn a_copy_that_is_too_long_is_spelled() {
    // Cut for its owner an RRset may be longer than cut for a name below it.
    let owner = b"\x01b\x00";
    let server: &[u8] =
        b"\x3Faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x01b\x00";
    let encoded = Encoded::at(owner, rtype::NS, &[server; 8]);
    let message = written_to(&query_of(server, 0), 512, |reply| {
        let at = Place::QUESTION.suffix(server.len() - owner.len());
        reply.rrset(Section::Authority, at, encoded.set()).unwrap();
    });
    assert_eq!(lines(&message).len(), 8);
}

#[test]
fn shared_suffixes_are_whole_labels_in_the_same_case() {
    for (name, other, shared) in [
        (&b"\x01a\x01b\x00"[..], &b"\x01b\x00"[..], Some((2, 0))),
        (b"\x01b\x00", b"\x01a\x01b\x00", Some((0, 2))),
        (b"\x01a\x01b\x00", b"\x01c\x01b\x00", Some((2, 2))),
        (b"\x01a\x01b\x00", b"\x01a\x01B\x00", None),
        (b"\x03a\x01b\x00", b"\x01b\x00", None),
        (b"\x00", b"\x00", None),
        (b"\x01a\x00", b"", None),
    ] {
        assert_eq!(shared_suffix(name, other), shared, "{name:?} {other:?}");
    }
}

#[test]
fn the_reserve_is_kept_from_records() {
    written(512, 0, |reply| {
        let before = reply.room();
        reply.reserve(100);
        assert_eq!(reply.room(), before - 100);
        reply.reserve(1000);
        assert_eq!(reply.room(), 0);
        assert_eq!(reply.chaos_text(b"x"), Err(Full));
    });
}
