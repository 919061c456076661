//! Records that can stand in no zone, and changes that fit none.
use thiserror::Error;

use crate::dns::Name;
use crate::dns::master::forms;
use crate::dns::rr::rtype;
use crate::dns::text::type_name;
use crate::dns::transfer::content::Entry;
use crate::dns::transfer::master::entries;
use crate::dns::zone::{Zone, ZoneError};

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
    /// They make no zone; all that is wrong.
    #[error("the changes make no zone: {}", first(.0))]
    NoZone(Vec<ZoneError>),
}

fn first(errors: &[ZoneError]) -> String {
    errors
        .first()
        .map_or_else(String::new, |error| error.message.clone())
}

/// The SOA of a zone; `None` if it is awaited.
#[must_use]
pub fn soa_of(zone: &Zone) -> Option<Entry> {
    let set = zone.set_at(Zone::APEX, rtype::SOA)?;
    entries(zone.apex(), set).next()
}

pub(super) fn bounded(ttl: u32) -> u32 {
    if ttl > TTL_MOST { 0 } else { ttl }
}

/// All that is wrong with a record by itself.
pub(super) fn flaw(entry: &Entry) -> Option<ZoneError> {
    flaw_of(entry.owner.as_wire(), entry.rtype, &entry.rdata)
}

pub(super) fn flaw_of(owner: &[u8], rtype: u16, rdata: &[u8]) -> Option<ZoneError> {
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

pub(super) fn error(message: String, help: Option<&'static str>) -> ZoneError {
    ZoneError {
        file: 0,
        line: 0,
        message,
        help,
        mount: None,
    }
}
