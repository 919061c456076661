//! No query costs an allocation, whatever it asks for and however it came.
//!
//! The counting allocator counts what this thread takes; the rooms for replies are there before.
use std::hint::black_box;

use allocation_counter::measure;
use waypost::answer::{Asker, Transport, answer};
use waypost::base::{Moment, Span};
use waypost::dns::Name;
use waypost::dns::rr::{rcode, rtype};
use waypost::dns::transfer::{
    Asked, Content, Entry, Journal, Messages, PackedChanges, Receipt, Received, apply,
    master_pieces, zone_of, zone_of_packed,
};
use waypost::table::Table;

use crate::sample::{Ask, GERMAN, reply_to, table};

/// Something of each kind, and the response code it gets.
const QUESTIONS: [(&str, u16); 23] = [
    ("api.example.org A", rcode::NOERROR),
    ("data.example.org AAAA", rcode::NOERROR),
    ("Mail.example.org A", rcode::NOERROR),
    ("example.org MX", rcode::NOERROR),
    ("eXAMPLE.org MX", rcode::NOERROR),
    ("example.org NS", rcode::NOERROR),
    ("mx-any.example.org MX", rcode::NOERROR),
    ("x.hosts.example.org HTTPS", rcode::NOERROR),
    ("naptr.example.org NAPTR", rcode::NOERROR),
    ("a.grow.example.org A", rcode::NOERROR),
    ("huge.example.org TXT", rcode::NOERROR),
    ("example.org ANY", rcode::NOERROR),
    ("nowhere.example.org A", rcode::NXDOMAIN),
    ("Mail.example.org TXT", rcode::NOERROR),
    ("x.y.lab.example.org A", rcode::NOERROR),
    ("a.wide.example.org A", rcode::NOERROR),
    ("any.text.example.org TXT", rcode::NOERROR),
    ("steered.example.org A", rcode::NOERROR),
    ("c0.example.org A", rcode::NOERROR),
    ("a.ring.example.org A", rcode::NOERROR),
    ("x.old.example.org A", rcode::NOERROR),
    ("www.example.com A", rcode::REFUSED),
    ("example.org AXFR", rcode::REFUSED),
];

/// Allocations of one query over this transport.
fn allocations(table: &Table, packet: &[u8], transport: Transport) -> u64 {
    let asker = Asker {
        source: GERMAN.parse().unwrap(),
        transport,
        now: Moment(0),
        idle: Span::ZERO,
        cookies: None,
    };
    let mut reply = vec![0; 65_535];
    let counted = measure(|| {
        black_box(answer(table, &asker, black_box(packet), &mut reply));
    });
    counted.count_total
}

/// Every question without EDNS and with a subnet, one of class CH, and what is malformed.
fn packets() -> Vec<(Vec<u8>, Option<u16>)> {
    let mut packets = Vec::new();
    for (question, rcode) in QUESTIONS {
        let plain = Ask::new(question);
        let subnet = plain.clone().subnet("192.0.2.0", 24);
        packets.extend([plain, subnet].map(|ask| (ask.packet(), Some(rcode))));
    }
    let mut chaos = Ask::new("version.bind TXT");
    *chaos.question.last_mut().unwrap() = 3;
    let malformed = Ask::new("api.example.org A").subnet("192.0.2.1", 25);
    let mut newer = Ask::new("api.example.org A").edns(1232).packet();
    let version = newer.len() - 5;
    newer[version] = 1;
    packets.extend([
        (chaos.packet(), Some(rcode::NOERROR)),
        (malformed.packet(), Some(rcode::FORMERR)),
        (newer, Some(rcode::BADVERS)),
        (vec![0; 12], Some(rcode::FORMERR)),
        (vec![0; 11], None),
    ]);
    packets
}

#[test]
fn no_query_allocates() {
    let world = table(&[]);
    for (packet, rcode) in packets() {
        for transport in Transport::ALL {
            let answered = reply_to(&world, &packet, GERMAN, transport);
            let answered = answered.map(|(answered, _)| answered.rcode);
            assert_eq!(answered, rcode, "{}", packet.escape_ascii());
            let counted = allocations(&world, &packet, transport);
            assert_eq!(counted, 0, "{}", packet.escape_ascii());
        }
    }
}

#[test]
fn an_allocation_would_be_noticed() {
    let counted = measure(|| drop(black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1);
}

fn entry(owner: &str, rtype: u16, rdata: &[u8]) -> Entry {
    Entry {
        owner: Name::parse(owner).unwrap(),
        rtype,
        ttl: 300,
        rdata: rdata.into(),
    }
}

/// A zone of 200,000 names in its messages.
fn messages(apex: &Name) -> Vec<Vec<u8>> {
    let soa = b"\x02ns\x01z\x04test\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
    let hosts = (0..200_000_u32).map(|number| {
        let owner = format!("host-{number:0>6}.z.test");
        entry(&owner, rtype::A, &number.to_be_bytes())
    });
    let whole = [
        entry("z.test", rtype::SOA, soa),
        entry("z.test", rtype::NS, b"\x02ns\x05other\x04test\0"),
    ];
    let content = Content::new(whole.into_iter().chain(hosts)).unwrap();
    let sending = Journal::new(content).send(None);
    Messages::new(7, apex, rtype::AXFR, sending).collect()
}

/// While a transfer comes in, it holds about what it brought; while the zone is made, at most two octets for each that
/// came, the zone among them, which takes 1.85 of records as short as these. Neither allocates for each record.
#[test]
fn a_transfer_holds_little_more_than_the_zone_that_it_brought() {
    let apex = Name::parse("z.test").unwrap();
    let messages = messages(&apex);
    let octets: u64 = messages.iter().map(|message| message.len() as u64).sum();
    let mut receipt = Some(Receipt::new(&apex, 7, Asked::Whole));
    let mut received = None;
    let taking = measure(|| {
        let mut receipt = receipt.take().unwrap();
        for message in &messages {
            receipt.take(message).unwrap();
        }
        received = receipt.finish();
    });
    let Some(Received::Whole(packed)) = received else {
        panic!("{received:?}");
    };
    let (mut packed, mut zone) = (Some(packed), None);
    let making = measure(|| {
        zone = Some(zone_of_packed(&apex, packed.take().unwrap(), &[]).unwrap());
    });
    assert_eq!(zone.unwrap().records(), 200_002);
    let held = u64::try_from(taking.bytes_current).unwrap();
    let stays = taking.bytes_current + making.bytes_current;
    let told = format!(
        "of {octets} octets: {} % while they come, {} % while the zone is made, of which {} % stay; {} and {} allocations",
        100 * taking.bytes_max / octets,
        100 * (held + making.bytes_max) / octets,
        100 * u64::try_from(stays).unwrap() / octets,
        taking.count_total,
        making.count_total,
    );
    eprintln!("{told}");
    assert!(taking.bytes_max <= octets, "{told}");
    assert!(held + making.bytes_max <= 2 * octets, "{told}");
    assert!(taking.count_total + making.count_total < 10_000, "{told}");
}

/// Beside the zone that they make, changes hold at most two octets for each that came: whether the zone is changed where they
/// touch it, or built anew because they touch most of it.
#[test]
fn changes_hold_little_beside_the_zone_that_they_make() {
    let apex = Name::parse("z.test").unwrap();
    let version = |serial: u32, names: u32, every: u32| {
        let mut soa = b"\x02ns\x01z\x04test\0\x01h\0".to_vec();
        soa.extend(serial.to_be_bytes());
        soa.extend(b"\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05");
        let hosts = (0..names).map(move |number| {
            let changed = u32::from(number.is_multiple_of(every)) * serial;
            entry(
                &format!("host-{number:0>6}.z.test"),
                rtype::A,
                &(8 * number + changed).to_be_bytes(),
            )
        });
        let apex = [
            entry("z.test", rtype::SOA, &soa),
            entry("z.test", rtype::NS, b"\x02ns\x05other\x04test\0"),
        ];
        Content::new(apex.into_iter().chain(hosts)).unwrap()
    };
    for (names, every) in [(100_000, 2), (100_000, 4), (8000, 4)] {
        let version = |serial| version(serial, names, every);
        let zone = zone_of(&apex, &version(1), &[]).unwrap();
        let diff = version(1).diff(&version(2));
        // An owner whose apex is a pointer, and what each record has.
        let octets = u64::try_from(diff.len() * (12 + 2 + 10 + 4)).unwrap();
        let (mut changes, mut changed) = (None, None);
        let taking = measure(|| changes = PackedChanges::of(&apex, std::slice::from_ref(&diff)));
        let making = measure(|| changed = Some(apply(&zone, changes.take().unwrap()).unwrap()));
        assert_eq!(changed.unwrap().serial(), Some(2));
        let held = u64::try_from(taking.bytes_current).unwrap();
        let beside = i64::try_from(making.bytes_max).unwrap() - making.bytes_current;
        let told = format!("{held} held, {beside} beside, for {octets} octets");
        eprintln!("every {every} of {names}: {told}");
        // In a small one the heads of lists count.
        assert!(held <= octets + 1024 * u64::from(names < 10_000), "{told}");
        assert!(beside <= 2 * i64::try_from(octets).unwrap(), "{told}");
    }
}

/// The copy of a zone is written a piece at a time: its text is never there as a whole.
#[test]
fn a_copy_is_written_without_a_text_of_the_zone() {
    let apex = Name::parse("z.test").unwrap();
    let mut receipt = Receipt::new(&apex, 7, Asked::Whole);
    for message in messages(&apex) {
        receipt.take(&message).unwrap();
    }
    let Some(Received::Whole(packed)) = receipt.finish() else {
        panic!("no zone");
    };
    let zone = zone_of_packed(&apex, packed, &[]).unwrap();
    let mut octets = 0;
    let writing = measure(|| {
        let pieces = master_pieces(&zone, "a test").unwrap();
        octets = pieces.map(|piece| black_box(piece).len() as u64).sum();
    });
    assert!(octets > 6_000_000, "{octets}");
    assert!(writing.bytes_max < 300_000, "{}", writing.bytes_max);
}
