//! Dynamic updates (RFC 2136) taken apart.
//!
//! ```text
//! octets --read--> Update --unmet(zone)--> prerequisites hold?
//!                     '----- changes -----> for whoever keeps the records
//! ```
//!
//! All prerequisites of section 2.4 and all changes of section 2.5 are understood; whether a name or a type may be changed at
//! all is for whoever keeps the records. Errors are response codes, in the order that sections 3.1 to 3.4 ask for; an
//! update that is refused has changed nothing.
//!
//! Who signed the message, and whether that suffices, is not known here.
use std::collections::{BTreeMap, BTreeSet};

use super::Name;
use super::message::{Header, Malformed, Reader, Record};
use super::rr::{class, rcode, rtype};
use super::zone::Zone;
use crate::base::limits::UPDATE_RECORDS;

/// Class NONE (section 2.4).
const NONE: u16 = 254;
/// Meta-types cannot be added or deleted (section 3.4.1.2); ANY can be deleted.
const META: std::ops::RangeInclusive<u16> = 128..=255;

/// What a client wants of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The apex of the zone.
    pub zone: Name,
    /// What must hold first.
    pub prerequisites: Vec<Prerequisite>,
    /// What to do then, in order.
    pub changes: Vec<Change>,
}

/// What must hold before anything is changed (section 2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prerequisite {
    /// The name has records.
    InUse(Name),
    /// The name has none.
    NotInUse(Name),
    /// There is an RRset of this type.
    Exists(Name, u16),
    /// There is none.
    Missing(Name, u16),
    /// There is an RRset of exactly these records.
    Same(Name, u16, Vec<Vec<u8>>),
}

/// One change of records (section 2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Add a record.
    Add {
        /// Owner.
        name: Name,
        /// Type.
        kind: u16,
        /// Seconds.
        ttl: u32,
        /// RDATA.
        rdata: Vec<u8>,
    },
    /// Delete one record.
    Remove {
        /// Owner.
        name: Name,
        /// Type.
        kind: u16,
        /// RDATA.
        rdata: Vec<u8>,
    },
    /// Delete the RRset of a type.
    RemoveSet {
        /// Owner.
        name: Name,
        /// Type.
        kind: u16,
    },
    /// Delete all records of the name.
    Clear {
        /// Owner.
        name: Name,
    },
}

/// Reads an update.
///
/// # Errors
/// A response code: FORMERR for what is malformed, NOTZONE for a name outside the zone, REFUSED for
/// more records than anybody needs.
pub fn read(message: &[u8]) -> Result<Update, u16> {
    let header = Header::read(message).map_err(formerr)?;
    let mut reader = Reader::new(message).map_err(formerr)?;
    if header.counts[0] != 1 {
        return Err(rcode::FORMERR);
    }
    let zone = reader.question().map_err(formerr)?;
    if (zone.qtype, zone.qclass) != (rtype::SOA, class::IN) {
        return Err(rcode::FORMERR);
    }
    let [_, prerequisites, changes, _] = header.counts.map(usize::from);
    if prerequisites + changes > UPDATE_RECORDS {
        return Err(rcode::REFUSED);
    }
    let mut take = |count: usize| -> Result<Vec<Record>, u16> {
        let records = (0..count).map(|_| reader.record().map_err(formerr));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        match records.iter().all(|one| one.owner.is_within(&zone.name)) {
            true => Ok(records),
            false => Err(rcode::NOTZONE),
        }
    };
    let (prerequisites, changes) = (take(prerequisites)?, take(changes)?);
    Ok(Update {
        prerequisites: read_prerequisites(prerequisites)?,
        changes: changes
            .into_iter()
            .map(read_change)
            .collect::<Result<_, _>>()?,
        zone: zone.name,
    })
}

fn formerr(_: Malformed) -> u16 {
    rcode::FORMERR
}

/// Records of one RRset that must be there are gathered: they count together (section 3.2.3).
fn read_prerequisites(records: Vec<Record>) -> Result<Vec<Prerequisite>, u16> {
    let mut found = Vec::new();
    let mut sets: BTreeMap<(Name, u16), Vec<Vec<u8>>> = BTreeMap::new();
    for record in records {
        if record.ttl != 0 || (record.class != class::IN && !record.rdata.is_empty()) {
            return Err(rcode::FORMERR);
        }
        let Record { owner, rtype, .. } = record;
        match (record.class, rtype) {
            (class::ANY, rtype::ANY) => found.push(Prerequisite::InUse(owner)),
            (class::ANY, _) => found.push(Prerequisite::Exists(owner, rtype)),
            (NONE, rtype::ANY) => found.push(Prerequisite::NotInUse(owner)),
            (NONE, _) => found.push(Prerequisite::Missing(owner, rtype)),
            (class::IN, _) => sets.entry((owner, rtype)).or_default().push(record.rdata),
            _ => return Err(rcode::FORMERR),
        }
    }
    let same = |((owner, rtype), records)| Prerequisite::Same(owner, rtype, records);
    found.extend(sets.into_iter().map(same));
    Ok(found)
}

fn read_change(record: Record) -> Result<Change, u16> {
    let Record {
        owner: name,
        rtype: kind,
        ttl,
        rdata,
        ..
    } = record;
    let is_meta = META.contains(&kind) || [0, rtype::OPT].contains(&kind);
    match record.class {
        class::IN if is_meta || !is_well_formed(kind, &rdata) => Err(rcode::FORMERR),
        class::IN => Ok(Change::Add {
            name,
            kind,
            ttl,
            rdata,
        }),
        class::ANY if ttl != 0 || !rdata.is_empty() => Err(rcode::FORMERR),
        class::ANY if kind == rtype::ANY => Ok(Change::Clear { name }),
        class::ANY if is_meta => Err(rcode::FORMERR),
        class::ANY => Ok(Change::RemoveSet { name, kind }),
        NONE if ttl != 0 || is_meta => Err(rcode::FORMERR),
        NONE => Ok(Change::Remove { name, kind, rdata }),
        _ => Err(rcode::FORMERR),
    }
}

/// Tells whether RDATA is what its type says; of a type without a form nobody can tell.
fn is_well_formed(kind: u16, rdata: &[u8]) -> bool {
    match kind {
        rtype::TXT => is_text(rdata),
        _ => super::text::is_well_formed(kind, rdata),
    }
}

/// One string or several, each with its length before it (RFC 1035, section 3.3.14).
#[must_use]
pub fn is_text(rdata: &[u8]) -> bool {
    let mut rest = rdata;
    while let Some((&length, tail)) = rest.split_first() {
        let Some(tail) = tail.get(usize::from(length)..) else {
            return false;
        };
        rest = tail;
    }
    !rdata.is_empty()
}

impl Change {
    /// The type that it is about; `None` for all.
    #[must_use]
    pub fn kind(&self) -> Option<u16> {
        match self {
            Self::Add { kind, .. } | Self::Remove { kind, .. } | Self::RemoveSet { kind, .. } => {
                Some(*kind)
            }
            Self::Clear { .. } => None,
        }
    }

    /// The name that it is about.
    #[must_use]
    pub fn name(&self) -> &Name {
        match self {
            Self::Add { name, .. }
            | Self::Remove { name, .. }
            | Self::RemoveSet { name, .. }
            | Self::Clear { name } => name,
        }
    }
}

impl Update {
    /// The response code of the first prerequisite that does not hold in the zone, if one does not
    /// (section 3.2).
    #[must_use]
    pub fn unmet(&self, zone: &Zone) -> Option<u16> {
        self.prerequisites.iter().find_map(|one| one.unmet(zone))
    }
}

impl Prerequisite {
    fn unmet(&self, zone: &Zone) -> Option<u16> {
        let (holds, otherwise) = match self {
            Self::InUse(name) => (is_in_use(zone, name), rcode::NXDOMAIN),
            Self::NotInUse(name) => (!is_in_use(zone, name), rcode::YXDOMAIN),
            Self::Exists(name, kind) => (has(zone, name, *kind), rcode::NXRRSET),
            Self::Missing(name, kind) => (!has(zone, name, *kind), rcode::YXRRSET),
            Self::Same(name, kind, records) => {
                (is_same(zone, name, *kind, records), rcode::NXRRSET)
            }
        };
        (!holds).then_some(otherwise)
    }
}

fn is_in_use(zone: &Zone, name: &Name) -> bool {
    zone.rrsets(name.as_wire()).next().is_some() || zone.is_mounted(name.as_wire())
}

/// A steered name has addresses, whichever they are.
fn has(zone: &Zone, name: &Name, kind: u16) -> bool {
    let steered = [rtype::A, rtype::AAAA].contains(&kind) && zone.is_mounted(name.as_wire());
    steered || zone.rrsets(name.as_wire()).any(|set| set.rtype == kind)
}

fn is_same(zone: &Zone, name: &Name, kind: u16, records: &[Vec<u8>]) -> bool {
    let Some(set) = zone.rrsets(name.as_wire()).find(|set| set.rtype == kind) else {
        return false;
    };
    let there: BTreeSet<&[u8]> = set.records().collect();
    there == records.iter().map(Vec::as_slice).collect()
}

#[cfg(test)]
mod tests;
