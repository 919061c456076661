//! Zones out of transfers: content into a zone, and changes into the next one, without text between.
//!
//! What comes over the wire is held against the same rules as a master file: a type that may stand in a zone,
//! data that is well formed for its type, TTLs above 2^31 - 1 taken for zero (RFC 2181, section 8). A
//! changed zone is made of the RRsets that the changes touch and of the zone as it was, so that what one
//! record costs does not grow with the zone beyond a copy of its lists.
//!
//! A record is the one that a change means only if its TTL is too: whoever has a zone whose TTLs were
//! evened out asks for the whole of it then. Whether as much may vanish is not asked here.
use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::content::{Content, Diff, Entry};
use super::master::entries;
use super::packed::Packed;
use crate::dns::Name;
use crate::dns::master::forms;
use crate::dns::rr::rtype;
use crate::dns::text::type_name;
use crate::dns::zone::{Builder, Edit, Given, Mount, Place, Refused, Zone, ZoneError};

/// Largest TTL (RFC 2181, section 8).
const TTL_MOST: u32 = 0x7FFF_FFFF;

/// Why changes do not make a zone of the one that is there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Misfit {
    /// They are for another version.
    #[error("the changes are to version {from}, and the zone is version {own}")]
    Version {
        /// The serial of the zone, or of the changes before.
        own: u32,
        /// The serial that the changes begin with.
        from: u32,
    },
    /// They remove a record that is not there.
    #[error("the changes remove a record of type {1} at `{0}` that is not there")]
    Absent(Name, u16),
    /// They add a record that is there.
    #[error("the changes add a record of type {1} at `{0}` that is there already")]
    Present(Name, u16),
    /// What they make is no zone; all that is wrong.
    #[error("the changes make no zone: {}", first(.0))]
    NoZone(Vec<ZoneError>),
}

fn first(errors: &[ZoneError]) -> String {
    errors
        .first()
        .map_or_else(String::new, |error| error.message.clone())
}

/// The zone of a content, steered names mounted.
///
/// # Errors
/// All that is wrong: as [`Zone::build`], and data that is not what its type says.
pub fn zone_of(
    apex: &Name,
    content: &Content,
    mounts: &[(Name, Mount)],
) -> Result<Zone, Vec<ZoneError>> {
    zone_of_packed(apex, Packed::of(apex, content), mounts)
}

/// The zone of records as they came, steered names mounted.
///
/// # Errors
/// As [`zone_of`].
pub fn zone_of_packed(
    apex: &Name,
    packed: Packed,
    mounts: &[(Name, Mount)],
) -> Result<Zone, Vec<ZoneError>> {
    let (names, labels) = packed.owners();
    let mut builder = Builder::with_room(apex, names, labels);
    let (soa, records, mut owners) = packed.into_parts();
    let mut errors: Vec<ZoneError> = flaw(&soa).into_iter().collect();
    let refuse = |owner: &[u8], refused: Refused, errors: &mut Vec<ZoneError>| {
        let owner = Name::from_wire(owner).unwrap_or_else(Name::root);
        errors.push(error(refused.message(&owner, apex), refused.help()));
    };
    let (mut runs, mut owner) = (builder.adopt(records), Vec::new());
    while let Some(run) = runs.next(&builder.records) {
        owners.next_into(&mut owner);
        let enlisted = builder.enlist(run, &owner, |raw, rdata| {
            errors.extend(flaw_of(&owner, raw.rtype, rdata));
            bounded(raw.ttl)
        });
        if let Err(refused) = enlisted {
            refuse(&owner, refused, &mut errors);
        }
    }
    let given = Given {
        owner: soa.owner.as_wire(),
        rtype: soa.rtype,
        ttl: bounded(soa.ttl),
        rdata: &soa.rdata,
        place: Place::NOWHERE,
    };
    if let Err(refused) = builder.add(&given) {
        refuse(given.owner, refused, &mut errors);
    }
    match builder.finish(mounts).zone {
        Ok(zone) if errors.is_empty() => Ok(zone),
        Ok(_) => Err(errors),
        Err(more) => Err(errors.into_iter().chain(more).collect()),
    }
}

/// What changes make of a zone, one after the other.
///
/// # Errors
/// When they do not fit the zone, or what they make of it is none.
pub fn apply(zone: &Zone, diffs: &[Diff]) -> Result<Zone, Misfit> {
    let Some(soa) = soa_of(zone) else {
        return Err(Misfit::NoZone(Vec::new()));
    };
    let mut changed = Changed {
        zone,
        soa,
        sets: BTreeMap::new(),
    };
    for diff in diffs {
        changed.take(diff)?;
    }
    let edits = changed.edits()?;
    zone.amended(&edits, &[]).map_err(Misfit::NoZone)
}

/// The SOA of a zone; `None` if it is awaited.
#[must_use]
pub fn soa_of(zone: &Zone) -> Option<Entry> {
    let set = zone.set_at(Zone::APEX, rtype::SOA)?;
    entries(zone.apex(), set).next()
}

/// RRsets that differ from those of a zone.
struct Changed<'z> {
    zone: &'z Zone,
    soa: Entry,
    /// By owner, in lower case, and type: the records that are there now.
    sets: BTreeMap<(Vec<u8>, u16), Set>,
}

#[derive(Default)]
struct Set {
    records: BTreeSet<Entry>,
    /// Records that were put in, not all of which need be there now.
    added: Vec<Entry>,
}

impl Changed<'_> {
    fn take(&mut self, diff: &Diff) -> Result<(), Misfit> {
        let (own, from) = (self.soa.serial(), diff.from.serial());
        if own != from {
            return Err(Misfit::Version { own, from });
        }
        for entry in &diff.removed {
            if !self.set(entry).records.remove(entry) {
                return Err(Misfit::Absent(entry.owner.clone(), entry.rtype));
            }
        }
        for entry in &diff.added {
            let entry = Entry {
                ttl: bounded(entry.ttl),
                ..entry.clone()
            };
            let set = self.set(&entry);
            if !set.records.insert(entry.clone()) {
                return Err(Misfit::Present(entry.owner, entry.rtype));
            }
            set.added.push(entry);
        }
        self.soa = diff.to.clone();
        Ok(())
    }

    /// The records of an entry's owner and type.
    fn set(&mut self, entry: &Entry) -> &mut Set {
        let key = (entry.owner.as_wire().to_ascii_lowercase(), entry.rtype);
        let zone = self.zone;
        self.sets.entry(key).or_insert_with(|| {
            let sets = zone.all_rrsets(entry.owner.as_wire());
            let sets = sets.filter(|set| set.rtype == entry.rtype);
            Set {
                records: sets.flat_map(|set| entries(&entry.owner, set)).collect(),
                added: Vec::new(),
            }
        })
    }

    fn edits(self) -> Result<Vec<Edit>, Misfit> {
        let added = self.sets.values().flat_map(Set::added);
        let flaws: Vec<ZoneError> = added.chain([&self.soa]).filter_map(flaw).collect();
        if !flaws.is_empty() {
            return Err(Misfit::NoZone(flaws));
        }
        let soa = Set {
            records: BTreeSet::from([self.soa]),
            added: Vec::new(),
        };
        let apex = self.zone.apex().as_wire().to_vec();
        let sets = self.sets.into_iter();
        let sets = sets.chain([((apex, rtype::SOA), soa)]);
        Ok(sets
            .flat_map(|((owner, kind), set)| set.edits(&owner, kind))
            .collect())
    }
}

impl Set {
    /// Records that are there and were not before.
    fn added(&self) -> impl Iterator<Item = &Entry> {
        let added = self.added.iter();
        added.filter(|entry| self.records.contains(entry))
    }

    /// What makes the RRset what it is now, its records in order. Signatures have the TTLs of what they
    /// cover, so several; of other records the least counts.
    fn edits(self, owner: &[u8], rtype: u16) -> Vec<Edit> {
        let owner = self
            .records
            .first()
            .map(|entry| entry.owner.clone())
            .or_else(|| Name::from_wire(owner));
        let Some(owner) = owner else {
            return Vec::new();
        };
        let least = self
            .records
            .iter()
            .map(|entry| entry.ttl)
            .min()
            .unwrap_or_default();
        let mut by_ttl: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
        for entry in self.records {
            let ttl = if rtype == rtype::RRSIG {
                entry.ttl
            } else {
                least
            };
            by_ttl.entry(ttl).or_default().push(entry.rdata.into());
        }
        if by_ttl.is_empty() {
            by_ttl.insert(0, Vec::new());
        }
        by_ttl
            .into_iter()
            .map(|(ttl, records)| Edit {
                owner: owner.clone(),
                rtype,
                ttl,
                records,
            })
            .collect()
    }
}

fn bounded(ttl: u32) -> u32 {
    if ttl > TTL_MOST { 0 } else { ttl }
}

/// What is wrong with a record by itself.
fn flaw(entry: &Entry) -> Option<ZoneError> {
    flaw_of(entry.owner.as_wire(), entry.rtype, &entry.rdata)
}

fn flaw_of(owner: &[u8], rtype: u16, rdata: &[u8]) -> Option<ZoneError> {
    let words = || {
        let owner = Name::from_wire(owner).unwrap_or_else(Name::root);
        (owner, type_name(rtype))
    };
    match rtype {
        0 | rtype::OPT | 128..=255 => {
            let (owner, kind) = words();
            let message =
                format!("`{owner}` has a record of type {kind}, which is never stored in a zone");
            Some(error(message, None))
        }
        _ if !forms::is_well_formed(rtype, rdata) => {
            let (owner, kind) = words();
            let message = format!("the data of the {kind} at `{owner}` is not well formed");
            Some(error(message, None))
        }
        _ => None,
    }
}

fn error(message: String, help: Option<&'static str>) -> ZoneError {
    ZoneError {
        file: 0,
        line: 0,
        message,
        help,
        mount: None,
    }
}

#[cfg(test)]
mod tests;
