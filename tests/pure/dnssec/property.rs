//! What signing may not change: answers carry the same data with signatures as without, and
//! every RRset of a signed answer has a signature that another implementation verifies.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_proto::dnssec::{PublicKeyBuf, Verifier};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use waypost::answer::Transport;
use waypost::base::Draws;
use waypost::dns::dnssec::PrivateKey;
use waypost::dns::zone::signed::Denial;
use waypost::dns::zone::{Served, Zones};
use waypost::table::Table;

use crate::sample::{self, Ask, reply_to};
use crate::signed::{Pair, World, sign, table, ways};

/// When signatures are made, seconds since 1970.
const NOW: u64 = 1_800_000_000;
const CLIENTS: [&str; 4] = ["192.0.2.99", "198.51.100.7", "203.0.113.5", "8.8.8.8"];
const LABELS: [&str; 36] = [
    "api",
    "data",
    "four",
    "hard",
    "soft",
    "old-two",
    "www",
    "steered",
    "away",
    "gone",
    "bare",
    "down",
    "absent",
    "one",
    "c0",
    "text",
    "wild",
    "old",
    "lab",
    "wide",
    "empty",
    "non",
    "big",
    "new",
    "mx",
    "mx-steered",
    "mx-cut",
    "mx-any",
    "hosts",
    "http",
    "http-alias",
    "svcb",
    "naptr",
    "srv",
    "crowd",
    "grow",
];
const TYPES: [&str; 15] = [
    "A",
    "AAAA",
    "TXT",
    "NS",
    "DS",
    "CNAME",
    "MX",
    "SOA",
    "DNSKEY",
    "TYPE65280",
    "NSEC3PARAM",
    "SRV",
    "NAPTR",
    "SVCB",
    "HTTPS",
];

fn asked(table: &Table, question: &str, client: &str, dnssec: bool) -> Message {
    let mut packet = Ask::new(question).edns(1232).packet();
    let flags = packet.len() - 4;
    packet[flags] = if dnssec { 0x80 } else { 0 };
    let (_, reply) = reply_to(table, &packet, client, Transport::Tcp).unwrap();
    Message::from_vec(&reply).unwrap()
}

/// The reply over UDP to a client that takes so many octets and wants signatures.
fn asked_by_datagram(table: &Table, question: &str, payload: u16) -> Message {
    let mut packet = Ask::new(question).edns(payload).packet();
    let flags = packet.len() - 4;
    packet[flags] = 0x80;
    let (_, reply) = reply_to(table, &packet, CLIENTS[0], Transport::Udp).unwrap();
    Message::from_vec(&reply).unwrap()
}

fn is_dnssec(record: &Record) -> bool {
    matches!(
        record.record_type(),
        RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3
    )
}

/// The records that are data; the DS of a delegation, in the authority section, is not.
fn data(message: &Message) -> Vec<String> {
    let authority = message.authorities.iter();
    let authority = authority.filter(|record| record.record_type() != RecordType::DS);
    let all = message
        .answers
        .iter()
        .chain(authority)
        .chain(&message.additionals);
    all.filter(|record| !is_dnssec(record))
        .map(ToString::to_string)
        .collect()
}

fn verifies(keys: &[DNSKEY], rrsig: &RRSIG, owner: &Name, set: &[&Record]) -> bool {
    keys.iter().any(|key| {
        key.calculate_key_tag().unwrap() == rrsig.input().key_tag
            && key
                .verify_rrsig(owner, DNSClass::IN, rrsig, set.iter().copied())
                .is_ok()
    })
}

/// Whether a signature is valid at the time of the test (RFC 4034, section 3.1.5).
fn is_in_time(rrsig: &RRSIG) -> bool {
    let input = rrsig.input();
    let times = [input.sig_inception, input.sig_expiration];
    let [inception, expiration] = times.map(|time| u64::from(time.get()));
    (inception..=expiration).contains(&NOW)
}

/// Whether the name is another server's to sign for.
fn is_delegated(name: &str) -> bool {
    ["lab.example.org.", "wide.example.org."]
        .iter()
        .any(|cut| name.ends_with(cut))
}

/// Checks each RRset; gives what is not signed and should be.
fn unsigned(message: &Message, keys: &[DNSKEY]) -> Vec<String> {
    let mut wrong = Vec::new();
    for section in [&message.answers, &message.authorities, &message.additionals] {
        let mut sets: BTreeMap<(String, u16), Vec<&Record>> = BTreeMap::new();
        let mut signatures: BTreeMap<(String, u16), Vec<(&Record, &RRSIG)>> = BTreeMap::new();
        for record in section {
            let name = record.name.to_lowercase().to_string();
            if let RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) = &record.data {
                let covered = u16::from(rrsig.input().type_covered);
                signatures
                    .entry((name, covered))
                    .or_default()
                    .push((record, rrsig));
            } else {
                sets.entry((name, u16::from(record.record_type())))
                    .or_default()
                    .push(record);
            }
        }
        let dnames: BTreeSet<String> = sets
            .keys()
            .filter(|(_, kind)| *kind == 39)
            .map(|(name, _)| name.clone())
            .collect();
        for ((name, kind), set) in &sets {
            let key = (name.clone(), *kind);
            let delegation = is_delegated(name) && [1, 2, 28].contains(kind);
            let synthesized = *kind == 5
                && dnames
                    .iter()
                    .any(|dname| name.ends_with(&format!(".{dname}")));
            if delegation || synthesized {
                continue;
            }
            let own = signatures.get(&key).map_or(&[][..], Vec::as_slice);
            let good = own.iter().any(|(record, rrsig)| {
                record.ttl == set[0].ttl
                    && record.ttl <= rrsig.input().original_ttl
                    && is_in_time(rrsig)
                    && verifies(keys, rrsig, &set[0].name, set)
            });
            if !good {
                wrong.push(format!("{name} {kind}"));
            }
        }
        for key in signatures.keys().filter(|key| !sets.contains_key(key)) {
            wrong.push(format!("signature of {key:?} without its records"));
        }
    }
    wrong
}

fn dnskey(key: &PrivateKey) -> DNSKEY {
    let public = key.public();
    let algorithm = hickory_proto::dnssec::Algorithm::from_u8(public.algorithm.number());
    DNSKEY::with_flags(
        public.flags,
        PublicKeyBuf::new(public.octets.to_vec(), algorithm),
    )
}

fn question(draws: &mut Draws) -> String {
    let mut pick = |from: &[&'static str]| {
        let most = u64::try_from(from.len()).unwrap();
        from[usize::try_from(draws.below(most)).unwrap()]
    };
    let rtype = pick(&TYPES);
    let depth = pick(&["0", "1", "1", "1", "2", "2", "3"])
        .parse::<usize>()
        .unwrap();
    let labels: Vec<&str> = (0..depth).map(|_| pick(&LABELS)).collect();
    let name = [labels, vec!["example.org"]].concat().join(".");
    format!("{name} {rtype}")
}

#[test]
fn signed_and_unsigned_answers_carry_the_same_data() {
    let mut seen = BTreeSet::new();
    for way in ways() {
        let pair = Pair::new(way.algorithm);
        let plan = sign(sample::compile(), way, &pair, NOW);
        let keys = [dnskey(&pair.entry), dnskey(&pair.zone)];
        let mut draws = Draws::from_seed(5);
        for down in [
            &[][..],
            &["eu-one"],
            &[
                "eu-one",
                "eu-backup",
                "na-one",
                "na-two",
                "ap-four",
                "af-four",
            ],
        ] {
            let table = table(&plan, down);
            for _ in 0..1500 {
                let question = question(&mut draws);
                let client = CLIENTS[usize::try_from(draws.below(4)).unwrap()];
                let plain = asked(&table, &question, client, false);
                let signed = asked(&table, &question, client, true);
                let context = format!("{question} of {client}, {way:?}, without {down:?}");
                assert_eq!(
                    plain.metadata.response_code, signed.metadata.response_code,
                    "{context}"
                );
                assert_eq!(data(&plain), data(&signed), "{context}");
                assert!(
                    plain.all_sections().all(|record| !is_dnssec(record)),
                    "{context}"
                );
                let wrong = unsigned(&signed, &keys);
                assert!(wrong.is_empty(), "{context}: {wrong:?} in {signed}");
                seen.extend(signed.all_sections().map(Record::record_type));
            }
        }
        let link = match way.denial {
            Denial::Nsec => RecordType::NSEC,
            Denial::Nsec3 => RecordType::NSEC3,
        };
        assert!(seen.contains(&link), "{link} was never answered");
    }
    for kind in [RecordType::DS, RecordType::DNAME, RecordType::AAAA] {
        assert!(seen.contains(&kind), "{kind} was never answered");
    }
}

/// What stands beside an answer or a delegation goes in as far as there is room: addresses before their
/// signatures, and never at the cost of TC (RFC 4035, section 3.1.1).
#[test]
fn signatures_beside_an_answer_are_left_out_without_truncation() {
    let way = ways()[0];
    let plan = sign(sample::compile(), way, &Pair::new(way.algorithm), NOW);
    let table = table(&plan, &[]);
    for question in [
        "crowd.example.org MX",
        "mx.example.org MX",
        "svcb.example.org SVCB",
        "x.lab.example.org A",
    ] {
        let whole = asked(&table, question, CLIENTS[0], true);
        let (mut truncated, mut bare) = (true, 0);
        for payload in 512..=1232 {
            let reply = asked_by_datagram(&table, question, payload);
            let context = format!("{question} in {payload} octets: {reply}");
            let shorter = reply.metadata.truncation;
            assert!(truncated || !shorter, "longer and truncated: {context}");
            truncated = shorter;
            if truncated {
                continue;
            }
            assert_eq!(reply.answers, whole.answers, "{context}");
            assert_eq!(reply.authorities, whole.authorities, "{context}");
            let known = |record: &Record| whole.additionals.contains(record);
            assert!(reply.additionals.iter().all(known), "{context}");
            let (signatures, addresses): (Vec<&Record>, Vec<&Record>) = reply
                .additionals
                .iter()
                .partition(|record| is_dnssec(record));
            let sets: BTreeSet<_> = addresses
                .iter()
                .map(|record| (record.name.to_string(), record.record_type()))
                .collect();
            bare += u32::from(signatures.len() < sets.len());
        }
        assert!(bare > 0, "{question}: no address without its signature");
    }
}

/// The same world when the wall clock says another time, seconds since 1970.
fn at(world: World, time: u64) -> World {
    let zones = world.zones.all().to_vec();
    World {
        zones: Arc::new(Zones::served(zones, time * 1000)),
        ..world
    }
}

#[test]
fn nothing_outlives_its_signature_and_what_would_is_refused() {
    let way = ways()[0];
    let signed = || sign(sample::compile(), way, &Pair::new(way.algorithm), NOW);
    let expires = signed().zones.all()[0].expires;
    let refuse_from = signed().zones.all()[0].refuse_from;
    assert!(refuse_from < expires);
    for (left, served) in [(100_000, true), (20, false), (0, false)] {
        let plan = at(signed(), expires - left);
        let table = table(&plan, &[]);
        for question in [
            "mail.example.org A",
            "api.example.org A",
            "absent.example.org A",
            "lab.example.org A",
        ] {
            let reply = asked(&table, question, CLIENTS[0], true);
            let well = reply.metadata.response_code != ResponseCode::ServFail;
            assert_eq!(well, served, "{question} with {left} s left");
            // Who does not ask for signatures is not concerned.
            let plain = asked(&table, question, CLIENTS[0], false);
            assert_ne!(plain.metadata.response_code, ResponseCode::ServFail);
        }
    }
    // Where the operator would rather serve them to the end, no TTL reaches past it.
    let mut own = at(signed(), expires - 20);
    let served = own.zones.all().iter().cloned();
    let served = served.map(|one| Served {
        refuse_from: u64::MAX,
        ..one
    });
    own.zones = Arc::new(Zones::served(served.collect(), (expires - 20) * 1000));
    let table = table(&own, &[]);
    for question in [
        "mail.example.org A",
        "api.example.org A",
        "www.example.org A",
        "absent.example.org A",
        "lab.example.org A",
    ] {
        let reply = asked(&table, question, CLIENTS[0], true);
        let opts = |record: &&Record| record.record_type() != RecordType::OPT;
        let own = reply.answers.iter().chain(&reply.authorities).filter(opts);
        let delegation = |record: &&Record| record.record_type() != RecordType::NS;
        let longest = own
            .filter(delegation)
            .map(|record| record.ttl)
            .max()
            .unwrap();
        assert!(longest <= 20, "{question}: {longest}");
    }
}
