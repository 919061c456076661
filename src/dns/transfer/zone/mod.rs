//! Zones out of transfers: content into a zone, and changes into the next one, without text between.
//!
//! What comes over the wire is held against the same rules as a master file: a type that may stand in a zone,
//! data that is well formed for its type, TTLs above 2^31 - 1 taken for zero (RFC 2181, section 8). A
//! changed zone is made of the RRsets that the changes touch and of the zone as it was, so that what one
//! record costs does not grow with the zone beyond a copy of its lists.
//!
//! A record is the one that a change means only if its TTL is too: whoever has a zone whose TTLs were
//! evened out asks for the whole of it then. Whether as much may vanish is not asked here.
use thiserror::Error;

use super::changes::Changes;
use super::content::{Content, Entry};
use super::master::entries;
use super::packed::Packed;
use crate::dns::Name;
use crate::dns::master::forms;
use crate::dns::rr::rtype;
use crate::dns::text::type_name;
use crate::dns::zone::{Builder, Given, Mount, Place, Refused, Zone, ZoneError};

mod changed;

use changed::Changed;

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

/// What changes make of a zone.
///
/// # Errors
/// When they do not fit the zone, or what they make of it is none.
pub fn apply(zone: &Zone, changes: Changes) -> Result<Zone, Misfit> {
    let changed = Changed::new(zone, changes)?;
    zone.amended_by(changed, &[]).map_err(Misfit::NoZone)
}

/// The SOA of a zone; `None` if it is awaited.
#[must_use]
pub fn soa_of(zone: &Zone) -> Option<Entry> {
    let set = zone.set_at(Zone::APEX, rtype::SOA)?;
    entries(zone.apex(), set).next()
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
