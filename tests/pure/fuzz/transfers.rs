//! Transfers: streams whose messages are bent, lost, said twice or out of order.
use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::rr::rtype;
use waypost::dns::transfer::{Asked, Content, Journal, Messages, Packed, Receipt, Received};

use crate::bend::{Bender, rounds, survive};

const STREAMS: u64 = 30_000;
const ID: u16 = 7;
/// Version 1; each further one takes a record away and puts one in.
const VERSIONS: u32 = 4;

fn version(number: u32) -> Content {
    let mut text =
        format!("$TTL 300\n@ SOA ns host {number} 3600 600 604800 60\n@ NS ns\nns A 192.0.2.1\n");
    for record in number..number + 30 {
        text.push_str(&format!(
            "r{record} TXT \"{record}\"\nr{record} MX {record} mail.r{record}\n"
        ));
    }
    Content::of_master(&apex(), text.as_bytes()).unwrap()
}

fn apex() -> Name {
    Name::parse("example.org").unwrap()
}

/// The messages that a primary sends to one who has a version, or none.
fn stream(known: Option<u32>) -> Vec<Vec<u8>> {
    let mut journal = Journal::new(version(1));
    (2..=VERSIONS).for_each(|number| journal.push(version(number)));
    let qtype = known.map_or(rtype::AXFR, |_| rtype::IXFR);
    Messages::new(ID, &apex(), qtype, journal.send(known)).collect()
}

/// A stream as one input: each message behind its length, as over TCP.
fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let frame = |message: &Vec<u8>| {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        [&length, &message[..]].concat()
    };
    messages.iter().flat_map(frame).collect()
}

/// The messages of an input, as far as it has any.
fn messages(mut input: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = input.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (message, others) = rest.split_at(length);
        messages.push(message);
        input = others;
    }
    messages
}

/// What is received for one who asked; nothing, if it is broken off.
fn receive(asked: Asked, input: &[u8]) -> Option<Received> {
    let mut receipt = Receipt::new(&apex(), ID, asked);
    for message in messages(input) {
        receipt.take(message).ok()?;
        if receipt.is_whole() {
            break;
        }
    }
    receipt.finish()
}

fn is_inside(content: &Content) -> bool {
    let mut all = content.records().iter();
    content.soa.owner == apex() && all.all(|entry| entry.owner.is_within(&apex()))
}

#[test]
fn what_is_sent_is_received() {
    let whole = receive(Asked::Whole, &framed(&stream(None)));
    assert_eq!(
        whole,
        Some(Received::Whole(Packed::of(&apex(), &version(VERSIONS))))
    );
    let Some(Received::Changes(changes)) = receive(Asked::Changes(1), &framed(&stream(Some(1))))
    else {
        panic!("no changes");
    };
    let newest = changes
        .into_diffs()
        .iter()
        .try_fold(version(1), |content, diff| content.apply(diff));
    assert_eq!(newest.ok(), Some(version(VERSIONS)));
}

#[test]
fn bent_transfers_bring_a_zone_or_nothing() {
    let seeds = [None, Some(1), Some(3), Some(VERSIONS)].map(|known| framed(&stream(known)));
    let mut bender = Bender {
        seeds: &seeds,
        words: &[],
        draws: Draws::from_seed(0xA8),
    };
    let (mut whole, mut changes, mut nothing, mut broken) = (0, 0, 0, 0);
    let held = version(1);
    let inputs = (0..rounds(STREAMS)).map(|_| bender.bent());
    survive("transfers", inputs, |input| {
        for asked in [Asked::Whole, Asked::Newer(1), Asked::Changes(1)] {
            match receive(asked, input) {
                Some(Received::Whole(packed)) => {
                    let content = packed.into_content();
                    assert!(is_inside(&content));
                    let written = content.to_master("a test");
                    assert!(written.lines().count() > content.records().len());
                    whole += 1;
                }
                Some(Received::Changes(received)) => {
                    let fits = received
                        .into_diffs()
                        .iter()
                        .try_fold(held.clone(), |content, diff| content.apply(diff));
                    assert!(fits.is_err() || fits.is_ok_and(|content| is_inside(&content)));
                    changes += 1;
                }
                Some(Received::Nothing(_)) => nothing += 1,
                None => broken += 1,
            }
        }
    });
    let counts = [whole, changes, nothing, broken];
    assert!(counts.iter().all(|count| *count > rounds(50)), "{counts:?}");
}
