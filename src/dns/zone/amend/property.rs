//! Zones changed in place held against zones built anew: random zones, random edits, many in a row.
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::Draws;
use crate::dns::rr::{RrSet, rtype};
use crate::dns::zone::{Found, Record};

/// Labels that names are made of.
const LABELS: [&str; 7] = ["a", "b", "ns", "mail", "x-y", "*", "www"];
const TYPES: [u16; 14] = [
    rtype::A,
    rtype::AAAA,
    rtype::TXT,
    rtype::MX,
    rtype::NS,
    rtype::CNAME,
    rtype::SRV,
    rtype::HTTPS,
    rtype::DNAME,
    rtype::DS,
    rtype::SOA,
    rtype::DNSKEY,
    rtype::NSEC3PARAM,
    99,
];

pub(in crate::dns::zone) struct World {
    pub(in crate::dns::zone) draws: Draws,
    /// In how many of a thousand draws a type or label is one that changes more than a name.
    pub(in crate::dns::zone) odd: u64,
}

impl World {
    pub(in crate::dns::zone) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draws.below(bound as u64)).unwrap()
    }

    pub(in crate::dns::zone) fn name(&mut self) -> Name {
        let depth = self.below(4);
        let mut text = String::new();
        for _ in 0..depth {
            let last = match self.draws.chance(self.odd) {
                true => LABELS.len(),
                false => 5,
            };
            text.push_str(LABELS[self.below(last)]);
            text.push('.');
        }
        Name::parse(&format!("{text}z.test")).unwrap()
    }

    /// A type, and RDATA of it.
    fn record(&mut self) -> (u16, Vec<u8>) {
        let kind = match self.draws.chance(self.odd) {
            true => TYPES[self.below(TYPES.len())],
            false => TYPES[self.below(4)],
        };
        (kind, self.rdata(kind))
    }

    fn rdata(&mut self, kind: u16) -> Vec<u8> {
        let octet = u8::try_from(self.below(4)).unwrap();
        let target = self.name().as_wire().to_vec();
        match kind {
            rtype::A => vec![192, 0, 2, octet],
            rtype::AAAA => vec![octet; 16],
            rtype::MX => [&[0, octet], &target[..]].concat(),
            rtype::NS | rtype::CNAME | rtype::DNAME => target,
            rtype::SRV => [&[0, 1, 0, 2, 0, octet], &target[..]].concat(),
            rtype::HTTPS => [&[0, 1], &target[..]].concat(),
            rtype::SOA => {
                let mut soa =
                    b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05".to_vec();
                soa[9] = octet;
                soa
            }
            _ => vec![1, octet],
        }
    }

    pub(in crate::dns::zone) fn zone(&mut self) -> Option<Zone> {
        let record = |owner: Name, rtype, rdata: Vec<u8>| Record {
            owner,
            rtype,
            ttl: 60,
            rdata,
            line: 0,
        };
        let apex = Name::parse("z.test").unwrap();
        let mut records = vec![
            record(apex.clone(), rtype::SOA, self.rdata(rtype::SOA)),
            record(apex.clone(), rtype::NS, self.name().as_wire().to_vec()),
        ];
        for _ in 0..self.below(25) {
            let (kind, rdata) = self.record();
            records.push(record(self.name(), kind, rdata));
        }
        let mounts: Vec<(Name, Mount)> = match self.draws.chance(300) {
            true => vec![(self.name(), 3)],
            false => Vec::new(),
        };
        Zone::build(&apex, records, &mounts).ok()
    }

    pub(in crate::dns::zone) fn edits(&mut self, zone: &Zone) -> Vec<Edit> {
        let there: Vec<(Name, u16)> = zone
            .owners()
            .flat_map(|(owner, sets)| {
                sets.map(|set| (owner.clone(), set.rtype))
                    .collect::<Vec<_>>()
            })
            .collect();
        let count = 1 + self.below(3);
        (0..count)
            .map(|_| {
                let (owner, kind) = there[self.below(there.len())].clone();
                let (owner, rtype) = match self.below(20) {
                    0..10 => (owner, kind),
                    // A cut made above names that are there.
                    10 if owner != *zone.apex() => (above(&owner), rtype::NS),
                    _ => (self.name(), self.record().0),
                };
                let count = self.below(3);
                Edit {
                    owner,
                    rtype,
                    ttl: 30,
                    records: (0..count).map(|_| self.rdata(rtype)).collect(),
                }
            })
            .collect()
    }
}

fn above(name: &Name) -> Name {
    let wire = name.as_wire();
    Name::from_wire(&wire[1 + usize::from(wire[0])..]).unwrap()
}

/// RRsets without the numbers of nodes in them: with the names that these stand for.
fn set_in(zone: &Zone, set: RrSet<'_>) -> String {
    let records: Vec<&[u8]> = set.records().collect();
    let targets: Vec<_> = set
        .targets()
        .map(|target| {
            let node = target.node.map(|node| zone.name(node));
            let beside: Vec<_> = zone
                .beside(set.rtype, &target)
                .map(|set| (set.rtype, set.encoded.to_vec()))
                .collect();
            let glue: Vec<_> = zone.glue(&target).map(|set| set.encoded.to_vec()).collect();
            (target.name.to_vec(), target.needed, node, beside, glue)
        })
        .collect();
    let form = set.form();
    format!("{} {} {records:?} {targets:?} {form:?}", set.rtype, set.ttl)
}

fn found_in(zone: &Zone, name: &Name, kind: u16) -> String {
    let apex = name.as_wire().len() - zone.apex().as_wire().len();
    let (found, trail) = zone.trace(name.as_wire(), apex, kind);
    let at = zone.name(trail.node);
    let set = |set| set_in(zone, set);
    let found = match found {
        Found::Answer(rrset) => format!("answer {}", set(rrset)),
        Found::Cname(rrset) => format!("cname {}", set(rrset)),
        Found::Dname { owner, rrset } => format!("dname {owner} {}", set(rrset)),
        Found::Referral { owner, ns } => format!("referral {owner} {}", set(ns)),
        Found::Mounted(_) | Found::Nodata | Found::Nxdomain => format!("{found:?}"),
    };
    format!(
        "{found} {at} {:?} {} {}",
        trail.how, trail.encloser, trail.next_closer
    )
}

/// All names that a zone of [`World`] can have, and some that it cannot.
fn names() -> Vec<Name> {
    let mut texts = vec!["z.test".to_owned()];
    let mut last = texts.clone();
    for depth in 0..4 {
        let labels: &[&str] = match depth {
            3 => &["a", "other"],
            _ => &LABELS,
        };
        last = last
            .iter()
            .flat_map(|text| labels.iter().map(move |label| format!("{label}.{text}")))
            .collect();
        texts.extend(last.clone());
    }
    texts
        .iter()
        .map(|text| Name::parse(text).unwrap())
        .collect()
}

fn owners(zone: &Zone) -> BTreeMap<Name, BTreeSet<String>> {
    let owners = zone.owners();
    owners
        .map(|(owner, sets)| (owner, sets.map(|set| set_in(zone, set)).collect()))
        .collect()
}

fn assert_same(one: &Zone, other: &Zone, names: &[Name], story: &str) {
    assert_eq!(owners(one), owners(other), "{story}");
    assert_eq!(one.names(), other.names(), "{story}");
    assert_eq!(one.denial_soa(), other.denial_soa(), "{story}");
    assert_eq!(one.upkeep.records, other.upkeep.records, "{story}");
    let mounts = |zone: &Zone| zone.mounts().into_iter().collect::<BTreeMap<_, _>>();
    assert_eq!(mounts(one), mounts(other), "{story}");
    for kind in TYPES.into_iter().chain([rtype::ANY]) {
        assert_eq!(
            one.upkeep.of_type(kind),
            other.upkeep.of_type(kind),
            "{kind} {story}"
        );
        for name in names {
            assert_eq!(
                found_in(one, name, kind),
                found_in(other, name, kind),
                "{name} {kind} {story}"
            );
        }
    }
}

/// Edits one zone so often in both ways; how many went in place.
fn run(seed: u64, odd: u64, steps: usize, names: &[Name]) -> usize {
    let mut world = World {
        draws: Draws::from_seed(seed),
        odd,
    };
    let Some(mut zone) = world.zone() else {
        return 0;
    };
    let mut in_place = 0;
    for step in 0..steps {
        let edits = world.edits(&zone);
        let barred: &[u16] = match world.draws.chance(200) {
            true => &[rtype::DNSKEY, rtype::NSEC3PARAM, 99],
            false => &[],
        };
        let story = format!("seed {seed}, step {step}: {edits:?}");
        let built = zone.rebuilt(&edits, barred, &zone.mounts());
        let quick = zone.amended_in_place(&Listed::new(&edits), barred);
        match (quick, built) {
            (Some(quick), Ok(built)) => {
                in_place += 1;
                assert_same(&quick, &built, names, &story);
                zone = quick;
            }
            (None, Ok(built)) => zone = built,
            (None, Err(_)) => {}
            (Some(_), Err(errors)) => panic!("{story}: {errors:?}"),
        }
    }
    in_place
}

#[test]
fn in_place_or_built_anew_is_the_same() {
    let mut names = names();
    let mut draws = Draws::from_seed(5);
    for at in 1..names.len() {
        names.swap(at, usize::try_from(draws.below(at as u64 + 1)).unwrap());
    }
    let mut in_place = 0;
    for seed in 0..150 {
        let some = 20 * usize::try_from(seed % 10).unwrap();
        let some = &names[some..some + 40];
        in_place += run(
            seed,
            [20, 150, 400][usize::try_from(seed % 3).unwrap()],
            12,
            some,
        );
    }
    assert!(in_place > 600, "{in_place} in place");
}

#[test]
fn what_lies_unused_is_left_behind_in_the_end() {
    let mut world = World {
        draws: Draws::from_seed(1),
        odd: 0,
    };
    let zone = std::iter::from_fn(|| Some(world.zone()))
        .flatten()
        .next()
        .unwrap();
    let text = |length: usize| Edit {
        owner: Name::parse("text.z.test").unwrap(),
        rtype: rtype::TXT,
        ttl: 30,
        records: vec![vec![0; length]; usize::from(length > 0)],
    };
    let (mut changed, mut anew) = (zone, 0);
    for round in 0..6000 {
        let before = changed;
        changed = before.amended(&[text(100 * (round % 2))], &[]).unwrap();
        anew += u32::from(before.upkeep.between(&changed.upkeep).is_none());
        assert!(changed.data.len() < 200_000 && changed.tree.nodes.len() < 3000);
    }
    assert!((1..20).contains(&anew), "{anew} times");
}
