//! Declared records and objects in the words that nodes share them in, and back.
//!
//! Of a record key and value are `NAME TYPE` and the TTL with the data of each record, of an object its word and itself as JSON. What somebody
//! else wrote is read as far as it makes sense; whether it may be is judged where it is taken.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::declared::{DeclaredObject, DeclaredObjects, ObjectPart, ObjectPath};
use crate::dns::Name;
use crate::share::SharedChange;
use crate::zones::declared::set::{Declaration, Declared, DeclaredPart, DeclaredSet};

/// The name of objects beside those of zones.
const OBJECTS: &str = "objects";

/// Something that another node has declared.
#[derive(Clone)]
pub(super) enum ToldDeclared {
    /// Records of a zone.
    Records(DeclaredPart),
    /// Objects.
    Objects(ObjectPart),
}

/// Keys, each with its value.
type Items = BTreeMap<Vec<u8>, Vec<u8>>;

/// All that is declared, by revision.
pub(super) fn changes(declared: &Declared, objects: &DeclaredObjects) -> Vec<SharedChange> {
    let mut all: BTreeMap<(u64, String), (Vec<u8>, Items)> = BTreeMap::new();
    for (apex, zone) in declared.zones() {
        for (name, kind, set) in zone.all() {
            let own = all.entry((set.revision, apex.to_string())).or_default();
            if own.0.is_empty() {
                own.0 = note(&set.by);
            }
            own.1
                .insert(format!("{name} {kind}").into_bytes(), value(set));
        }
    }
    for (path, object) in objects.all() {
        let own = all
            .entry((object.revision, OBJECTS.to_owned()))
            .or_default();
        let value = serde_json::to_vec(object).unwrap_or_default();
        own.1.insert(path.word().into_bytes(), value);
    }
    let all = all.into_iter();
    let all = all.map(|((revision, of), (note, items))| SharedChange {
        revision,
        of,
        note,
        items: items.into_iter().collect(),
    });
    all.collect()
}

fn note(by: &Declaration) -> Vec<u8> {
    serde_json::to_vec(&(&by.author, &by.reason, by.at)).unwrap_or_default()
}

/// TTL and records; nothing, for a grave.
fn value(set: &DeclaredSet) -> Vec<u8> {
    if set.is_grave() {
        return Vec::new();
    }
    let mut octets = set.ttl.to_be_bytes().to_vec();
    for rdata in &set.records {
        // An RRset has at most DECLARED_SET_BYTES of data, which is less than 2^16.
        let length = u16::try_from(rdata.len()).unwrap_or(u16::MAX);
        octets.extend(length.to_be_bytes());
        octets.extend(rdata);
    }
    octets
}

/// A change of another node, as far as it can be read.
pub(super) fn read(change: &SharedChange) -> Option<ToldDeclared> {
    let revision = change.revision;
    if change.of == OBJECTS {
        let objects = change.items.iter().filter_map(|(key, value)| {
            let path = ObjectPath::read(str::from_utf8(key).ok()?)?;
            let object: DeclaredObject = serde_json::from_slice(value).ok()?;
            Some((path, Some(DeclaredObject { revision, ..object })))
        });
        return Some(ToldDeclared::Objects(ObjectPart {
            revision,
            objects: objects.collect(),
        }));
    }
    let (author, reason, at) = serde_json::from_slice(&change.note).unwrap_or_default();
    let by = Arc::new(Declaration { author, reason, at });
    let sets = change.items.iter().filter_map(|(key, value)| {
        let (name, kind) = str::from_utf8(key).ok()?.rsplit_once(' ')?;
        let (ttl, records) = read_value(value)?;
        let set = DeclaredSet {
            ttl,
            records,
            by: Arc::clone(&by),
            revision,
        };
        Some((Name::parse(name).ok()?, kind.parse().ok()?, Some(set)))
    });
    Some(ToldDeclared::Records(DeclaredPart {
        zone: Name::parse(&change.of).ok()?,
        revision,
        serial: None,
        sets: sets.collect(),
    }))
}

fn read_value(value: &[u8]) -> Option<(u32, Vec<Vec<u8>>)> {
    if value.is_empty() {
        return Some((0, Vec::new()));
    }
    let (ttl, mut rest) = value.split_first_chunk()?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk()?;
        let (rdata, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
        records.push(rdata.to_vec());
        rest = after;
    }
    records.sort_unstable();
    records.dedup();
    Some((u32::from_be_bytes(*ttl), records))
}

impl ToldDeclared {
    /// The part of it that holds over what is known here; nothing, if none does.
    pub(super) fn news(mut self, declared: &Declared, objects: &DeclaredObjects) -> Option<Self> {
        let is_empty = match &mut self {
            Self::Records(part) => {
                let zone = declared.zone(&part.zone);
                part.sets.retain(|(name, kind, set)| {
                    let set = set.as_ref();
                    set.is_some_and(|set| zone.is_none_or(|own| own.yields(name, *kind, set)))
                });
                part.sets.is_empty()
            }
            Self::Objects(part) => {
                part.objects.retain(|(path, object)| {
                    let object = object.as_ref();
                    object.is_some_and(|own| objects.yields(path, own))
                });
                part.objects.is_empty()
            }
        };
        (!is_empty).then_some(self)
    }

    /// Changes of one zone, or of objects, in one, the later ones last; nothing of none.
    pub(super) fn joined(all: &[Self]) -> Option<Self> {
        let mut joined = all.first()?.clone();
        match &mut joined {
            Self::Records(part) => {
                let own = all.iter().filter_map(|told| match told {
                    Self::Records(own) => Some(own),
                    Self::Objects(_) => None,
                });
                part.revision = own.clone().map(|own| own.revision).max()?;
                let sets = own.flat_map(|own| &own.sets);
                let sets = sets.map(|(name, kind, set)| ((name, *kind), set));
                let sets: BTreeMap<(&Name, u16), &Option<DeclaredSet>> = sets.collect();
                let sets = sets.into_iter();
                part.sets = sets
                    .map(|((name, kind), set)| (name.clone(), kind, set.clone()))
                    .collect();
            }
            Self::Objects(part) => {
                let own = all.iter().filter_map(|told| match told {
                    Self::Objects(own) => Some(own),
                    Self::Records(_) => None,
                });
                part.revision = own.clone().map(|own| own.revision).max()?;
                let objects = own.flat_map(|own| own.objects.iter().cloned());
                let objects: BTreeMap<ObjectPath, Option<DeclaredObject>> = objects.collect();
                part.objects = objects.into_iter().collect();
            }
        }
        Some(joined)
    }
}
