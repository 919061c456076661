//! Zones straight from entries held against zones by way of a master file.
use std::collections::BTreeMap;

use super::*;
use crate::base::Draws;
use crate::dns::master;
use crate::dns::rr::rtype;
use crate::dns::transfer::content::Diff;
use crate::dns::transfer::content::Entry;
use crate::dns::transfer::content::tests::{content, soa, text};

/// Zones that stand in the tree already, and their apexes.
const CORPORA: [(&str, &[u8]); 6] = [
    (
        "example.org",
        include_bytes!("../../../../zones/example.org.zone"),
    ),
    (
        "example.org",
        include_bytes!("../../../../tests/support/world.zone"),
    ),
    (
        "example.org",
        include_bytes!("../../../../tests/real/peers/parent.zone"),
    ),
    (
        "child.example.org",
        include_bytes!("../../../../tests/real/peers/child.zone"),
    ),
    (
        "example.com",
        include_bytes!("../../../../tests/real/peers/other.zone"),
    ),
    (
        "example.edu",
        include_bytes!("../../../../tests/real/peers/apex.zone"),
    ),
];

fn by_text(apex: &Name, content: &Content) -> Option<Zone> {
    let none = |_: &str| Err(String::new());
    let text = content.to_master("a test");
    master::read(apex, text.as_bytes(), &none, &[]).zone.ok()
}

/// Type, TTL and records of an RRset.
type Shown = (u16, u32, Vec<Vec<u8>>);

fn packed(apex: &Name, diffs: &[Diff]) -> PackedChanges {
    PackedChanges::of(apex, diffs).unwrap()
}

/// Everything in a zone, the order of records included.
fn all(zone: &Zone) -> BTreeMap<Name, Vec<Shown>> {
    let owners = zone.owners().map(|(owner, sets)| {
        let sets = sets.map(|set| {
            (
                set.rtype,
                set.ttl,
                set.records().map(<[u8]>::to_vec).collect(),
            )
        });
        (owner, sets.collect())
    });
    owners.collect()
}

/// Another version: some records gone, some of the pool there, some with another TTL.
fn next(draws: &mut Draws, before: &Content, pool: &[Entry]) -> Content {
    let chance = [20, 200][usize::from(draws.chance(300))];
    let mut records = before.records().to_vec();
    records.retain(|_| !draws.chance(chance));
    for _ in 0..draws.below(3) {
        let mut entry = pool[usize::try_from(draws.below(pool.len() as u64)).unwrap()].clone();
        match draws.below(4) {
            0 => entry.ttl += 1,
            1 => {
                entry.owner =
                    Name::from_wire(&[b"\x03new", entry.owner.as_wire()].concat()).unwrap()
            }
            2 if entry.rtype == rtype::A => {
                entry.rdata = vec![1; 3 + usize::from(!draws.chance(100))].into()
            }
            _ => {}
        }
        records.push(entry);
    }
    let serial = before.serial() + 1;
    Content::of(before.soa.with_serial(serial), records)
}

#[test]
fn entries_make_the_zone_that_their_text_makes() {
    for (apex, text) in CORPORA {
        let apex = Name::parse(apex).unwrap();
        let content = Content::of_master(&apex, text).unwrap();
        let zone = zone_of(&apex, &content, &[]).unwrap();
        assert_eq!(all(&zone), all(&by_text(&apex, &content).unwrap()));
        assert_eq!(soa_of(&zone), Some(content.soa.clone()));
        assert_eq!(zone.records(), content.records().len() + 1);
    }
}

#[test]
fn changes_make_the_zone_that_the_text_of_their_outcome_makes() {
    let (mut draws, mut zones, mut refused) = (Draws::from_seed(3), 0, 0);
    for round in 0..120 {
        let (apex, text) = CORPORA[round % CORPORA.len()];
        let apex = Name::parse(apex).unwrap();
        let mut before = Content::of_master(&apex, text).unwrap();
        let pool = before.records().to_vec();
        let mut zone = by_text(&apex, &before).unwrap();
        for _ in 0..6 {
            let middle = next(&mut draws, &before, &pool);
            let after = next(&mut draws, &middle, &pool);
            let diffs = [before.diff(&middle), middle.diff(&after)];
            match (apply(&zone, packed(&apex, &diffs)), by_text(&apex, &after)) {
                (Ok(applied), Some(read)) => {
                    assert_eq!(all(&applied), all(&read), "round {round}");
                    before = Content::of_zone(&read).unwrap();
                    zone = applied;
                    zones += 1;
                }
                (Err(Misfit::NoZone(_)), None) => refused += 1,
                (applied, read) => panic!("round {round}: {applied:?} {}", read.is_some()),
            }
        }
    }
    assert!(zones > 300 && refused > 30, "{zones} {refused}");
}

#[test]
fn what_does_not_fit_is_told() {
    let apex = Name::parse("z.test").unwrap();
    let ns = Entry {
        rtype: rtype::NS,
        rdata: b"\0"[..].into(),
        ..text("z.test", "")
    };
    let with_ns = |content: Content| {
        let records = content.records().iter().cloned().chain([ns.clone()]);
        Content::of(content.soa.clone(), records.collect())
    };
    let one = with_ns(content(1, &["a", "b"]));
    let two = with_ns(content(2, &["b", "c"]));
    let zone = zone_of(&apex, &one, &[]).unwrap();
    let diff = one.diff(&two);
    assert_eq!(
        apply(&zone, packed(&apex, std::slice::from_ref(&diff))).map(|zone| all(&zone)),
        Ok(all(&zone_of(&apex, &two, &[]).unwrap()))
    );
    let later = apply(&zone, packed(&apex, &[two.diff(&one)]));
    assert_eq!(later.unwrap_err(), Misfit::Version { own: 1, from: 2 });
    let with = |removed: &[Entry], added: &[Entry]| {
        let diff = Diff {
            from: soa(1),
            to: soa(2),
            removed: removed.to_vec(),
            added: added.to_vec(),
        };
        apply(&zone, packed(&apex, &[diff])).unwrap_err()
    };
    let a = || text("a.z.test", "a");
    let mut longer = a();
    longer.ttl += 1;
    let absent = Misfit::Absent(a().owner, rtype::TXT);
    assert_eq!(with(&[text("a.z.test", "x")], &[]), absent);
    assert_eq!(with(&[longer], &[]), absent, "with another TTL");
    assert_eq!(with(&[a(), a()], &[]), absent, "twice");
    assert_eq!(with(&[], &[a()]), Misfit::Present(a().owner, rtype::TXT));
    let no_zone = |misfit| matches!(misfit, Misfit::NoZone(errors) if errors.len() == 1);
    assert!(no_zone(with(std::slice::from_ref(&ns), &[])));
    for (kind, rdata) in [
        (rtype::A, &[1, 2, 3][..]),
        (rtype::OPT, &[]),
        (rtype::ANY, &[]),
    ] {
        let bad = Entry {
            rtype: kind,
            rdata: rdata.into(),
            ..a()
        };
        assert!(no_zone(with(&[], &[bad])), "{kind}");
    }
}

#[test]
fn a_ttl_too_large_means_none() {
    let mut content = content(1, &["a"]);
    let mut records = content.records().to_vec();
    records[0].ttl = 1 << 31;
    records.push(Entry {
        rtype: rtype::NS,
        rdata: b"\0"[..].into(),
        ..text("z.test", "")
    });
    content = Content::of(content.soa.clone(), records);
    let zone = zone_of(&Name::parse("z.test").unwrap(), &content, &[]).unwrap();
    assert_eq!(all(&zone)[&Name::parse("a.z.test").unwrap()][0].1, 0);
}
