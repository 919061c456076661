//! Chains, windows and renewals of small zones; what validators make of them is `tests/real/dnssec`.
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;
use crate::dns::Name;
use crate::dns::addresses;
use crate::dns::dnssec::Algorithm;
use crate::dns::zone::Record;

mod following;
mod kept;
mod wall_clock;

const NOW: u64 = 1_800_000_000;
const VALIDITY: u64 = 14 * 86_400;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn zone(texts: &[&str]) -> Arc<Zone> {
    let record = |owner: &str, rtype, rdata: &[u8]| Record {
        owner: name(owner),
        rtype,
        ttl: 60,
        rdata: rdata.to_vec(),
        line: 1,
    };
    let soa = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
    let mut records = vec![
        record("z.test", rtype::SOA, soa),
        record("z.test", rtype::NS, b"\x02ns\x05other\x04test\0"),
        record("cut.z.test", rtype::NS, b"\x02ns\x03cut\x01z\x04test\0"),
        record("ns.cut.z.test", rtype::A, &[192, 0, 2, 1]),
        record("a.b.c.z.test", rtype::TXT, b"\x01x"),
    ];
    records.extend(
        texts
            .iter()
            .map(|owner| record(owner, rtype::TXT, b"\x01t")),
    );
    let mounts = [(name("www.z.test"), 0), (name("*.wild.z.test"), 0)];
    Arc::new(Zone::build(&name("z.test"), records, &mounts).unwrap())
}

fn steered() -> Vec<Steered> {
    let answer = |addresses: &[&str]| {
        let mut records = Vec::new();
        for address in addresses {
            let address: IpAddr = address.parse().unwrap();
            addresses::put(address, &mut records);
        }
        records.into_boxed_slice()
    };
    let v4 = vec![answer(&["192.0.2.1"]), answer(&["192.0.2.1", "192.0.2.2"])];
    vec![Steered {
        ttl: 30,
        answers: [v4, vec![answer(&["2001:db8::1"])]],
        ..Steered::default()
    }]
}

fn signing(denial: Denial, seed: u8) -> Signing {
    let key = Arc::new(PrivateKey::generate(Algorithm::Ed25519, 257, [seed; 32]).unwrap());
    Signing {
        entry_keys: vec![Arc::clone(&key)],
        zone_keys: vec![key],
        denial,
        validity: VALIDITY,
    }
}

fn sign(zone: &Arc<Zone>, signing: &Signing, now: u64) -> Signed {
    let unsigned = Signed::following(None, Arc::clone(zone), signing.clone(), &steered());
    renew(&unsigned, now, usize::MAX)
}

fn renew(signed: &Signed, now: u64, most: usize) -> Signed {
    let due = signed.stale(now).into_iter().take(most);
    signed.renewed(due.map(|chunk| (chunk, signed.sign(chunk, now))).collect())
}

/// The owners of a chain's links and whom each names next, in lower case.
fn links(signed: &Signed) -> Vec<(Vec<u8>, Vec<u8>)> {
    let links = signed.base.chain.len() - 3 * 2;
    (0..links)
        .map(|number| {
            let proof = signed.proof(number).unwrap();
            let mut labels = [0; 255];
            let labels = signed.owner_below_apex(&proof, &mut labels).to_vec();
            let rdata = proof.set.records().next().unwrap();
            let next = match signed.is_hashed() {
                false => {
                    let mut rest = rdata;
                    let name = crate::dns::query::take_name(&mut rest).unwrap();
                    name[..name.len() - 8].to_vec()
                }
                true => rdata[6..26].to_vec(),
            };
            (labels, next)
        })
        .collect()
}

#[test]
fn the_chain_is_closed_and_covers_exactly_the_names() {
    let zone = zone(&["mail.z.test", "*.text.z.test"]);
    let signed = sign(&zone, &signing(Denial::Nsec, 1), NOW);
    let links = links(&signed);
    let owners: BTreeSet<&[u8]> = links.iter().map(|(owner, _)| &owner[..]).collect();
    let names: BTreeSet<&[u8]> = [
        b"".as_slice(),
        b"\x01a\x01b\x01c",
        b"\x03cut",
        b"\x04mail",
        b"\x01*\x04text",
        b"\x01*\x04wild",
        b"\x03www",
    ]
    .into();
    assert_eq!(owners, names);
    for (number, (_, next)) in links.iter().enumerate() {
        assert_eq!(*next, links[(number + 1) % links.len()].0);
    }
}

#[test]
fn the_hashed_chain_has_the_names_in_between_as_well() {
    let zone = zone(&[]);
    let signed = sign(&zone, &signing(Denial::Nsec3, 1), NOW);
    let links = links(&signed);
    // Apex, a.b.c, b.c, c, cut, *.wild, wild, www; not what lies below the cut.
    assert_eq!(links.len(), 8);
    let hashes: BTreeSet<&Vec<u8>> = links.iter().map(|(_, next)| next).collect();
    assert_eq!(hashes.len(), 8);
    let next: Vec<&Vec<u8>> = links.iter().map(|(_, next)| next).collect();
    let mut sorted = next.clone();
    sorted.sort();
    sorted.rotate_left(1);
    assert_eq!(next, sorted, "each names the next, the last the first");
}

#[test]
fn two_nodes_with_one_key_give_the_same_octets() {
    let zone = zone(&["mail.z.test"]);
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let one = sign(&zone, &signing(denial, 1), NOW);
        let other = sign(&zone, &signing(denial, 1), NOW + 5);
        let octets = |signed: &Signed| {
            let chunks = signed.chunks.iter();
            chunks.map(|chunk| chunk.octets.clone()).collect::<Vec<_>>()
        };
        assert_eq!(octets(&one), octets(&other));
        assert_ne!(octets(&one), octets(&sign(&zone, &signing(denial, 2), NOW)));
    }
}

#[test]
fn answers_are_found_whatever_their_order() {
    let zone = zone(&[]);
    let signed = sign(&zone, &signing(Denial::Nsec, 1), NOW);
    let www = zone.tree.reach(name("www.z.test").as_wire(), 4).unwrap();
    let both = &steered()[0].answers[0][1];
    let (first, second) = both.split_at(16);
    let found = signed.of_variant(www, both).unwrap();
    assert_eq!(
        signed.of_variant(www, &[second, first].concat()),
        Some(found)
    );
    assert_eq!(
        signed.of_variant(www, second),
        None,
        "never an answer alone"
    );
    assert_eq!(signed.of_variant(Zone::APEX, both), None, "of another name");
}

#[test]
fn renewals_are_spread_bounded_and_in_time() {
    let texts: Vec<String> = (0..400).map(|number| format!("t{number}.z.test")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let zone = zone(&texts);
    let mut signed = sign(&zone, &signing(Denial::Nsec, 1), NOW);
    let step = 3600;
    let mut busiest = 0;
    for now in (NOW..NOW + VALIDITY).step_by(step) {
        assert!(signed.expires() > now + VALIDITY / 2 - u64::try_from(step).unwrap());
        let due = signed.stale(now);
        busiest = busiest.max(due.len());
        signed = renew(&signed, now, usize::MAX);
        assert!(signed.due(now) > now && signed.stale(now).is_empty());
    }
    assert!(
        busiest < signed.chunks.len(),
        "never all at once: {busiest}"
    );
    // With one chunk a step those that are longest due come first, and all of them in the end.
    let late = NOW + 2 * VALIDITY;
    let mut rest = signed.stale(late).len();
    while rest > 0 {
        signed = renew(&signed, late, 1);
        assert_eq!(signed.stale(late).len(), rest - 1);
        rest -= 1;
    }
}

#[test]
fn what_was_signed_is_not_signed_again() {
    let small = zone(&["mail.z.test"]);
    let signing = signing(Denial::Nsec, 1);
    let before = sign(&small, &signing, NOW);
    let larger = zone(&["mail.z.test", "new.z.test"]);
    let after = Signed::following(
        Some(&before),
        Arc::clone(&larger),
        signing.clone(),
        &steered(),
    );
    assert!(after.chunks.len() > after.stale(NOW).len());
    let after = renew(&after, NOW, usize::MAX);
    let fresh = sign(&larger, &signing, NOW);
    for (one, other) in after.chunks.iter().zip(&fresh.chunks) {
        assert_eq!(
            one.octets, other.octets,
            "taken over or not, it is the same"
        );
    }
}

#[test]
fn wildcards_that_are_not_there_are_covered_beforehand_as_a_search_would() {
    let zone = zone(&["Big.z.test", "x.y.z.test", "z.y.z.test"]);
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let signed = sign(&zone, &signing(denial, 7), NOW);
        let below = |name: &Name| name.as_wire().len() - zone.apex().as_wire().len();
        let of = |owner: &str| {
            let name = name(owner);
            let (_, trail) = zone.trace(name.as_wire(), below(&name), rtype::A);
            let proof = signed.covering_wildcard(trail.node);
            proof.map(|proof| proof.number)
        };
        for parent in ["z.test", "y.z.test", "c.z.test", "b.c.z.test"] {
            let wildcard = name(&format!("*.{parent}"));
            let searched = signed.covering(wildcard.as_wire(), below(&wildcard));
            assert_eq!(
                of(parent),
                searched.map(|proof| proof.number),
                "{parent}, {denial:?}"
            );
            assert!(of(parent).is_some());
        }
        for leaf in ["big.z.test", "a.b.c.z.test"] {
            assert_eq!(of(leaf), None, "nothing is below {leaf}");
        }
    }
}
