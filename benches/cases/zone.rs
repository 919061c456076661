//! What a zone costs: reading its master file and building it (once for each load), and finding
//! a name and type in it (once for each query).
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
use waypost::dns::zone::{Found, Zone};

use crate::cases::Case;

/// How many questions there are before they come again.
const QUESTIONS: usize = 65_536;

/// The cases of this subject.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name, prepare| Case { name, prepare };
    vec![
        case("zone/load 10,000 names", || load(10_000)),
        case("zone/load 100,000 names", || load(100_000)),
        case("zone/load 1,000,000 names", || load(1_000_000)),
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
