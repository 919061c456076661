//! Zones out of transfers: content into a zone, and changes into the next one, without text between.
//!
//! What comes over the wire is held against the same rules as a master file: a type that may stand in a zone,
//! data that is well formed for its type, TTLs above 2^31 - 1 taken for zero (RFC 2181, section 8). A
//! changed zone is made of the RRsets that the changes touch and of the zone as it was, so that what one
//! record costs does not grow with the zone beyond a copy of its lists.
//!
//! A record is the one that a change means only if its TTL is too: whoever has a zone whose TTLs were
//! evened out asks for the whole of it then. Whether as much may vanish is not asked here.
use super::changes::PackedChanges;
use super::content::Content;
use super::packed::Packed;
use crate::dns::Name;
use crate::dns::zone::{Builder, Given, Mount, Place, Refused, Zone, ZoneError};

mod changed;
mod flaws;

use changed::ChangedZone;
pub use flaws::{Misfit, soa_of};
use flaws::{bounded, error, flaw, flaw_of};

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
pub fn apply(zone: &Zone, changes: PackedChanges) -> Result<Zone, Misfit> {
    let changed = ChangedZone::new(zone, changes)?;
    zone.amended_by(changed, &[]).map_err(Misfit::NoZone)
}

#[cfg(test)]
mod tests;
