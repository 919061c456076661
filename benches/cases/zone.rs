//! What a zone costs: reading its master file and building it (once for each load), taking it from a primary (once for
//! each transfer), and finding a name and type in it (once for each query).
//!
//! Ten times the names must cost ten times the load and no more, and a look-up about the same,
//! whether the name is there or not: what a look-up of a million names costs more than one of a
//! hundred is waiting for memory. Names are asked for in no order.
use std::fmt::Write;
use std::hint::black_box;

use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::master;
use waypost::dns::rr::rtype;
use waypost::dns::transfer::{Asked, Packed, Receipt, Received, zone_of_packed};
use waypost::dns::zone::{Found, Zone};

use crate::cases::Case;

/// How many questions there are before they come again.
const QUESTIONS: usize = 65_536;

/// Octets of a message that a primary fills.
const MESSAGE_BYTES: usize = 16_384;

/// The cases of this subject.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name, prepare| Case { name, prepare };
    vec![
        case("zone/load 10,000 names", || load(10_000)),
        case("zone/load 100,000 names", || load(100_000)),
        case("zone/load 1,000,000 names", || load(1_000_000)),
        case("zone/transfer of 1,000,000 names", || take(1_000_000)),
        case("zone/hit in 100 names", || find(100, "host")),
        case("zone/hit in 1,000,000 names", || find(1_000_000, "host")),
        case("zone/miss in 100 names", || find(100, "absent")),
        case("zone/miss in 1,000,000 names", || find(1_000_000, "absent")),
    ]
}

/// A master file with so many names, an address each.
pub(crate) fn master_file(names: u32) -> String {
    let mut text = String::from(
        "$ORIGIN example.org.\n$TTL 3600\n\
         @ SOA ns1 hostmaster 1 7200 900 1209600 300\n\
         @ NS ns1\n\
         ns1 A 192.0.2.1\n",
    );
    for number in 0..names {
        let [_, a, b, c] = number.to_be_bytes();
        writeln!(text, "host{number:07} A 10.{a}.{b}.{c}").expect("a string takes all");
    }
    text
}

/// The same zone as the messages of a transfer that a primary sends which shortens the names of its records.
pub(crate) fn transfer(names: u32) -> Vec<Vec<u8>> {
    const SOA: &[u8] = b"\x03ns1\xc0\x0c\x0ahostmaster\xc0\x0c\0\0\0\x01\0\0\x1c\x20\0\0\x03\x84\0\x12\x75\0\0\0\x01\x2c";
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut put = |record: &[u8]| {
        let is_full = |message: &Vec<u8>| message.len() + record.len() > MESSAGE_BYTES;
        if messages.last().is_none_or(is_full) {
            let head = b"\0\x07\x84\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\xfc\0\x01";
            messages.push(head.to_vec());
        }
        let message = messages.last_mut().expect("there is one");
        let count = u16::from_be_bytes([message[6], message[7]]) + 1;
        message[6..8].copy_from_slice(&count.to_be_bytes());
        message.extend_from_slice(record);
    };
    put(&record("", rtype::SOA, SOA));
    put(&record("", rtype::NS, b"\x03ns1\xc0\x0c"));
    put(&record("ns1", rtype::A, &[192, 0, 2, 1]));
    for number in 0..names {
        let [_, a, b, c] = number.to_be_bytes();
        put(&record(
            &format!("host{number:07}"),
            rtype::A,
            &[10, a, b, c],
        ));
    }
    put(&record("", rtype::SOA, SOA));
    messages
}

/// A record at a label below the apex, which stands behind the header of a message.
fn record(label: &str, kind: u16, rdata: &[u8]) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).expect("a short record");
    let mut record = Vec::new();
    if !label.is_empty() {
        record.extend_from_slice(&short(label.len()).to_be_bytes()[1..]);
        record.extend_from_slice(label.as_bytes());
    }
    record.extend_from_slice(&[0xC0, 12]);
    record.extend_from_slice(&kind.to_be_bytes());
    record.extend_from_slice(&[0, 1, 0, 0, 14, 16]);
    record.extend_from_slice(&short(rdata.len()).to_be_bytes());
    record.extend_from_slice(rdata);
    record
}

/// Takes the messages of a transfer in.
pub(crate) fn receive(messages: &[Vec<u8>]) -> Packed {
    let mut receipt = Receipt::new(&apex(), 7, Asked::Whole);
    for message in messages {
        receipt.take(message).expect("the messages are sound");
    }
    match receipt.finish() {
        Some(Received::Whole(packed)) => packed,
        other => panic!("{other:?}"),
    }
}

/// Makes a zone of what was received.
pub(crate) fn make(packed: Packed) -> Zone {
    zone_of_packed(&apex(), packed, &[]).expect("the zone is sound")
}

fn take(names: u32) -> Box<dyn FnMut()> {
    let messages = transfer(names);
    Box::new(move || drop(black_box(make(receive(black_box(&messages))))))
}

/// Reads and builds a zone.
pub(crate) fn build(text: &str) -> Zone {
    let include = |_: &str| Err(String::from("nothing is included"));
    master::load(&apex(), text.as_bytes(), &include, &[]).expect("the file is sound")
}

fn apex() -> Name {
    Name::parse("example.org").expect("a sound name")
}

fn load(names: u32) -> Box<dyn FnMut()> {
    let text = master_file(names);
    Box::new(move || drop(black_box(build(black_box(&text)))))
}

/// Asks for names that begin with a word: `host` is there.
fn find(names: u32, word: &str) -> Box<dyn FnMut()> {
    let zone = build(&master_file(names));
    let questions = questions(names, word);
    let mut next = 0;
    let hits = word == "host";
    Box::new(move || {
        let found = zone.find(black_box(questions[next].as_wire()), rtype::A);
        assert_eq!(matches!(black_box(found), Found::Answer(_)), hits);
        next = (next + 1) % QUESTIONS;
    })
}

fn questions(names: u32, word: &str) -> Vec<Name> {
    let mut draws = Draws::from_seed(7);
    let mut any = || {
        let number = draws.below(names.into());
        Name::parse(&format!("{word}{number:07}.example.org")).expect("a sound name")
    };
    (0..QUESTIONS).map(|_| any()).collect()
}
