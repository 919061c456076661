//! Random small zones against a slow model that shares no code with the zone.
//!
//! The model is a list of names, each a list of labels from the right, and RFC 1034, section
//! 4.3.2, written down as it reads. Every RRset has a TTL of its own, by which it is known.
//!
//! Planted once, and caught here: DS answered by a referral, wildcards sought at the apex only,
//! ANY not mounted, data below a DNAME let pass, labels hashed with their case. A name below a
//! DNAME below a cut taken for an error was caught by `scripts` alone.
use std::collections::BTreeMap;
use std::fmt::Write as _;

use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::master;
use waypost::dns::rr::rtype;
use waypost::dns::zone::{Found, Mount};

const ZONES: u64 = 4000;
const LABELS: [&str; 4] = ["a", "b", "*", "c"];
const TYPES: [(u16, &str); 7] = [
    (rtype::A, "A 192.0.2.1"),
    (rtype::AAAA, "AAAA 2001:db8::1"),
    (rtype::TXT, "TXT t"),
    (rtype::NS, "NS ns.invalid."),
    (rtype::DS, "DS 1 8 2 00"),
    (rtype::CNAME, "CNAME target.invalid."),
    (rtype::DNAME, "DNAME target.invalid."),
];

/// Labels from the right, below the apex.
type Path = Vec<&'static str>;

#[derive(Default)]
struct Model {
    sets: BTreeMap<Path, BTreeMap<u16, u32>>,
    mounts: BTreeMap<Path, Mount>,
}

#[derive(Debug, PartialEq)]
enum Says {
    Answer(u16, u32),
    Cname(u32),
    Dname(usize, u32),
    Mounted(Mount),
    Referral(usize, u32),
    Nodata,
    Nxdomain,
}

impl Model {
    fn random(draws: &mut Draws) -> Self {
        let mut model = Self::default();
        model
            .sets
            .insert(vec![], BTreeMap::from([(rtype::SOA, 9), (rtype::NS, 8)]));
        for ttl in 10..12 + draws.below(8) {
            let rare = if draws.chance(150) { 7 } else { 4 };
            let (kind, _) = TYPES[usize::try_from(draws.below(rare)).unwrap()];
            let sets = model.sets.entry(path(draws)).or_default();
            sets.entry(kind).or_insert(u32::try_from(ttl).unwrap());
        }
        for mount in 0..draws.below(3) {
            model
                .mounts
                .insert(path(draws), u16::try_from(mount).unwrap());
        }
        model
    }

    fn has(&self, path: &[&'static str], kind: u16) -> Option<u32> {
        self.sets.get(path)?.get(&kind).copied()
    }

    fn exists(&self, path: &[&'static str]) -> bool {
        let mut names = self.sets.keys().chain(self.mounts.keys());
        names.any(|name| name.starts_with(path))
    }

    fn below(&self, path: &[&'static str], kind: u16) -> bool {
        let least = usize::from(kind == rtype::NS);
        (least..path.len()).any(|length| self.has(&path[..length], kind).is_some())
    }

    /// Whether nothing stands together that may not.
    fn is_sound(&self) -> bool {
        self.sets.iter().all(|(path, sets)| {
            let wild = path.last() == Some(&"*");
            let has = |kind: u16| sets.contains_key(&kind);
            let cut = has(rtype::NS) && !path.is_empty();
            (!has(rtype::CNAME) || sets.len() == 1)
                && !(has(rtype::DNAME) && cut)
                && !(wild && (has(rtype::DNAME) || cut))
                && (!self.below(path, rtype::DNAME) || self.below(path, rtype::NS))
        }) && self.mounts.keys().all(|path| {
            let own = [rtype::A, rtype::AAAA, rtype::CNAME];
            let cut = !path.is_empty() && self.has(path, rtype::NS).is_some();
            own.iter().all(|kind| self.has(path, *kind).is_none())
                && !cut
                && !self.below(path, rtype::NS)
                && !self.below(path, rtype::DNAME)
        })
    }

    fn find(&self, path: &[&'static str], kind: u16) -> Says {
        for length in 0..=path.len() {
            let above = &path[..length];
            let whole = length == path.len();
            let own = length == 0 || (whole && kind == rtype::DS);
            if let Some(ns) = self.has(above, rtype::NS).filter(|_| !own) {
                return Says::Referral(length, ns);
            }
            if let Some(ttl) = self.has(above, rtype::DNAME).filter(|_| !whole) {
                return Says::Dname(length, ttl);
            }
        }
        if self.exists(path) {
            return self.data(path, kind);
        }
        let lengths = (0..path.len()).rev();
        let encloser = lengths
            .map(|length| &path[..length])
            .find(|name| self.exists(name));
        let wildcard = [encloser.unwrap_or_default(), &["*"]].concat();
        if self.exists(&wildcard) {
            return self.data(&wildcard, kind);
        }
        Says::Nxdomain
    }

    fn data(&self, path: &[&'static str], kind: u16) -> Says {
        if let Some(ttl) = self.has(path, kind) {
            return Says::Answer(kind, ttl);
        }
        if let Some(mount) = self.mounts.get(path) {
            return Says::Mounted(*mount);
        }
        if let Some(ttl) = self.has(path, rtype::CNAME) {
            return Says::Cname(ttl);
        }
        let mut sets = self.sets.get(path).into_iter().flatten();
        match sets.next().filter(|_| kind == rtype::ANY) {
            Some((kind, ttl)) => Says::Answer(*kind, *ttl),
            None => Says::Nodata,
        }
    }

    /// As a master file, its lines in any order and case.
    fn text(&self, draws: &mut Draws) -> String {
        let mut lines = vec![
            (0, "@ 9 SOA ns mail 1 2 3 4 5\n".to_owned()),
            (0, "@ 8 NS ns\n".to_owned()),
        ];
        for (path, sets) in &self.sets {
            for (kind, ttl) in sets {
                if let Some((_, words)) = TYPES.iter().find(|(of, _)| of == kind && *ttl > 9) {
                    let line = format!("{}. {ttl} {words}\n", name(path, draws));
                    lines.push((draws.next_u64(), line));
                }
            }
        }
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

fn path(draws: &mut Draws) -> Path {
    let mut label = || LABELS[usize::try_from(draws.below(4)).unwrap()];
    let labels = [label(), label(), label()];
    labels[..1 + usize::try_from(draws.below(3)).unwrap()].to_vec()
}

fn name(path: &[&str], draws: &mut Draws) -> String {
    let mut text = String::new();
    for label in path.iter().rev() {
        let label = if draws.chance(300) {
            label.to_ascii_uppercase()
        } else {
            (*label).to_owned()
        };
        write!(text, "{label}.").unwrap();
    }
    text + "zone"
}

fn says(found: &Found<'_>, name: &Name) -> Says {
    let length = |owner: usize| {
        let owner = Name::from_wire(&name.as_wire()[owner..]).unwrap();
        owner.labels().count() - 1
    };
    match *found {
        Found::Answer(set) => Says::Answer(set.rtype, set.ttl),
        Found::Cname(set) => Says::Cname(set.ttl),
        Found::Dname { owner, rrset } => Says::Dname(length(owner), rrset.ttl),
        Found::Mounted(mount) => Says::Mounted(mount),
        Found::Referral { owner, ns } => Says::Referral(length(owner), ns.ttl),
        Found::Nodata => Says::Nodata,
        Found::Nxdomain => Says::Nxdomain,
    }
}

/// Every path of at most four labels, asked for every type.
fn ask_all(model: &Model, zone: &waypost::dns::zone::Zone, seed: u64, draws: &mut Draws) {
    let mut open: Vec<Path> = vec![vec![]];
    while let Some(path) = open.pop() {
        let name = Name::parse(&name(&path, draws)).unwrap();
        for kind in TYPES
            .map(|(kind, _)| kind)
            .into_iter()
            .chain([rtype::ANY, rtype::MX])
        {
            let found = says(&zone.find(name.as_wire(), kind), &name);
            assert_eq!(found, model.find(&path, kind), "seed {seed}: {name} {kind}");
        }
        let glue = zone
            .addresses(name.as_wire())
            .map(|set| set.map(|set| set.ttl));
        let known = [rtype::A, rtype::AAAA].map(|kind| model.has(&path, kind));
        assert_eq!(glue, known, "seed {seed}: addresses of {name}");
        if path.len() < 4 && model.exists(&path) {
            open.extend(LABELS.map(|label| [&path[..], &[label]].concat()));
        }
    }
}

#[test]
fn zones_say_what_the_model_says() {
    let (mut sound, mut refused) = (0, 0);
    for seed in 0..ZONES {
        let mut draws = Draws::from_seed(seed);
        let model = Model::random(&mut draws);
        let text = model.text(&mut draws);
        let apex = Name::parse("zone").unwrap();
        let mounts: Vec<_> = model
            .mounts
            .iter()
            .map(|(path, mount)| (Name::parse(&name(path, &mut draws)).unwrap(), *mount))
            .collect();
        let zone = master::load(&apex, text.as_bytes(), &|_| Err(String::new()), &mounts);
        assert_eq!(
            zone.is_ok(),
            model.is_sound(),
            "seed {seed}: {zone:?}\n{text}"
        );
        let Ok(zone) = zone else {
            refused += 1;
            continue;
        };
        sound += 1;
        ask_all(&model, &zone, seed, &mut draws);
        let holding = model
            .mounts
            .keys()
            .filter(|path| !model.sets.contains_key(*path));
        assert_eq!(
            zone.names(),
            model.sets.len() + holding.count(),
            "seed {seed}"
        );
        let sets: usize = zone.owners().map(|(_, sets)| sets.count()).sum();
        assert_eq!(sets, model.sets.values().map(BTreeMap::len).sum::<usize>());
    }
    assert!(
        sound > 1000 && refused > 300,
        "{sound} sound, {refused} refused"
    );
}
