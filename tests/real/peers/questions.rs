//! What is asked: names that a zone has and names near them, every type that means something and
//! some that do not, in every way that a question can be put.
use std::collections::BTreeMap;

use waypost::base::Draws;

use super::wire::{self, Edns, NS};

/// A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, RP, AFSDB, KEY, AAAA, LOC, SRV, NAPTR, CERT, DNAME, DS, SSHFP, RRSIG, NSEC,
/// DNSKEY, NSEC3, NSEC3PARAM, TLSA, CDS, CDNSKEY, SVCB, HTTPS, EUI48, EUI64, ANY, URI, CAA, two without a name.
const TYPES: [u16; 36] = [
    1, 2, 5, 6, 12, 13, 15, 16, 17, 18, 25, 28, 29, 33, 35, 37, 39, 43, 44, 46, 47, 48, 50, 51, 52,
    59, 60, 64, 65, 108, 109, 255, 256, 257, 65_280, 65_534,
];
/// Nothing that a zone can hold: reserved, OPT, and what is for queries alone (RFC 6895, section
/// 3.1).
pub(crate) const META: [std::ops::RangeInclusive<u16>; 3] = [0..=0, 41..=41, 128..=254];
/// A, NS, SOA, MX, TXT, DNAME, DS, RRSIG, NSEC, ANY: what is asked of names that are only near an
/// owner, and more often than other types of all.
const FEW_TYPES: [u16; 10] = [1, 2, 6, 15, 16, 39, 43, 46, 47, 255];
/// Flags of the header of a query: RD and CD.
const FLAGS: [u16; 4] = [0, 0x0100, 0x0010, 0x0110];
/// Payload sizes of EDNS, those that make a difference more often.
const SIZES: [u16; 8] = [0, 512, 512, 900, 1232, 1232, 4096, 65_535];
/// Names longer than this cannot be.
const NAME_BYTES: usize = 255;

/// What a name has to do with the zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    /// It is above, below or beside one that has records.
    Around,
    /// It has records.
    Owner,
}

/// How a question is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) stream: bool,
    pub(crate) flags: u16,
    pub(crate) edns: Edns,
}

impl Way {
    fn draw(draws: &mut Draws) -> Self {
        let edns = match draws.chance(250) {
            true => None,
            false => Some((*pick(&SIZES, draws), draws.chance(700))),
        };
        Self {
            stream: draws.chance(250),
            flags: *pick(&FLAGS, draws),
            edns,
        }
    }
}

/// A question and how it is put.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) name: Vec<u8>,
    pub(crate) rtype: u16,
    pub(crate) way: Way,
}

impl Asked {
    /// A question that has room for every reply.
    fn with_room(name: Vec<u8>, rtype: u16) -> Self {
        let way = Way {
            stream: true,
            flags: 0,
            edns: Some((4096, true)),
        };
        Self { name, rtype, way }
    }

    /// The packet of this id.
    pub(crate) fn packet(&self, id: u16) -> Vec<u8> {
        wire::query(id, self.way.flags, (&self.name, self.rtype), self.way.edns)
    }

    /// Octets that a reply may have.
    pub(crate) fn room(&self) -> usize {
        let payload = self.way.edns.map_or(0, |(payload, _)| usize::from(payload));
        match self.way.stream {
            true => usize::from(u16::MAX),
            false => payload.clamp(512, 1232),
        }
    }

    /// Whether no zone can hold its type.
    pub(crate) fn is_meta(&self) -> bool {
        META.iter().any(|range| range.contains(&self.rtype))
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, way) = (wire::text(&self.name), self.way);
        let over = if way.stream { "tcp" } else { "udp" };
        write!(
            to,
            "{name} {} {over} {:04x} {:?}",
            self.rtype, way.flags, way.edns
        )
    }
}

/// Asks the zones for their servers; text and apex of each.
pub(crate) fn for_servers(files: &[(String, &str)]) -> Vec<Asked> {
    let apexes = files.iter().map(|(_, apex)| wire::name(apex, &[]));
    apexes.map(|apex| Asked::with_room(apex, NS)).collect()
}

/// Asks for every type at every owner.
pub(crate) fn for_all(files: &[(String, &str)]) -> Vec<Asked> {
    let names = names(files).into_iter();
    let owners = names.filter(|(_, near)| *near == Near::Owner);
    let each = |(owner, _)| TYPES.map(|rtype| Asked::with_room(Vec::clone(&owner), rtype));
    owners.flat_map(each).collect()
}

/// Every owner with every type, in some way; then drawn ones, so many in all.
pub(crate) fn questions(files: &[(String, &str)], seed: u64, count: usize) -> Vec<Asked> {
    let mut draws = Draws::from_seed(seed);
    let names: Vec<(Vec<u8>, Near)> = names(files).into_iter().collect();
    let owners = names.iter().filter(|(_, near)| *near == Near::Owner);
    let mut questions = Vec::new();
    for (name, _) in owners {
        for rtype in TYPES {
            questions.push(asked(name, rtype, &mut draws));
        }
    }
    while questions.len() < count {
        let (name, _) = pick(&names, &mut draws);
        let rtype = match draws.below(10) {
            0..6 => *pick(&FEW_TYPES, &mut draws),
            6..8 => *pick(&TYPES, &mut draws),
            8 => u16::try_from(128 + draws.below(128)).unwrap(),
            _ => u16::try_from(draws.below(65_536)).unwrap(),
        };
        questions.push(asked(name, rtype, &mut draws));
    }
    questions
}

fn asked(name: &[u8], rtype: u16, draws: &mut Draws) -> Asked {
    let way = Way::draw(draws);
    let name = name.to_vec();
    Asked { name, rtype, way }
}

fn pick<'a, T>(all: &'a [T], draws: &mut Draws) -> &'a T {
    let bound = u64::try_from(all.len()).unwrap();
    &all[usize::try_from(draws.below(bound)).unwrap()]
}

/// Every owner of the zones, the names around each, and names elsewhere; text and apex of each zone.
fn names(files: &[(String, &str)]) -> BTreeMap<Vec<u8>, Near> {
    let mut names = BTreeMap::new();
    for (text, apex) in files {
        let apex = wire::name(apex, &[]);
        for line in text.lines() {
            let owner = line.split([' ', '\t']).next().unwrap_or_default();
            if owner.is_empty() || owner.starts_with(';') {
                continue;
            }
            let owner = wire::name(owner, &apex);
            // One glue record is like the other.
            if line.starts_with('g') && line.contains(".large") && !line.starts_with("g0") {
                continue;
            }
            // The owner of an NSEC3 is no name (RFC 5155, section 7.2.8), and there are many.
            if line.split_whitespace().any(|word| word == "NSEC3") {
                let below = [b"\x01x", &owner[..]].concat();
                names.extend([owner, below].map(|name| (name, Near::Around)));
                continue;
            }
            for name in around(&owner) {
                names.entry(name).or_insert(Near::Around);
            }
            names.insert(owner, Near::Owner);
        }
    }
    names.insert(vec![0], Near::Around);
    for elsewhere in ["org.", "example.net.", "ns.example.net."] {
        names.insert(wire::name(elsewhere, &[]), Near::Around);
    }
    names.retain(|name, _| name.len() <= NAME_BYTES);
    names
}

fn around(name: &[u8]) -> Vec<Vec<u8>> {
    let parent = &name[1 + usize::from(name[0])..];
    let below = |labels: &[u8], name: &[u8]| [labels, name].concat();
    let long = [&[60][..], &[b'x'; 60]].concat();
    vec![
        parent.to_vec(),
        name.to_ascii_uppercase(),
        below(b"\x01x", name),
        below(b"\x01*", name),
        below(b"\x04hOsT", name),
        below(b"\x05alias", name),
        below(b"\x01y\x01w", name),
        below(&long, name),
        below(b"\x01!", parent),
        below(b"\x01~", parent),
        below(b"\x01*", parent),
        below(b"\x01y\x01w", parent),
    ]
}
