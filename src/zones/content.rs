//! Whether what came from a primary is taken: it must be a zone that steered names have a place in, and not
//! too little of what there was.
use std::sync::Arc;

use super::job::{Arrival, Came};
use super::keys::longest_ttl;
use crate::base::{Permille, Span};
use crate::dns::transfer::{apply, zone_of_packed};
use crate::dns::zone::{Presence, Zone, ZoneError, catalog};

/// A zone that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) zone: Arc<Zone>,
    /// In which form it came.
    pub(super) form: &'static str,
    /// The largest TTL that anything new of it may be answered with; of no matter for a zone that is not signed
    /// here.
    pub(super) longest_ttl: Span,
}

/// Why a zone that has come is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The changes make no zone of ours; the whole may be one.
    Unfit(String),
    /// It is not wanted, in whatever form it comes.
    Refused(String),
}

/// Makes a zone of what came.
pub(super) fn take(arrival: Arrival) -> Result<Taken, Refusal> {
    let Arrival {
        apex,
        what,
        base,
        mounts,
        is_signed_here,
        steered,
        max_shrink,
        is_catalog,
    } = arrival;
    let (zone, form, longest_ttl) = match what {
        Came::Whole(packed) => {
            let zone = zone_of_packed(&apex, packed, &mounts);
            let zone = zone.map_err(|errors| Refusal::Refused(first(&errors)))?;
            let longest = is_signed_here.then(|| longest_ttl(&zone, &steered));
            (zone, "whole", longest.unwrap_or(Span::ZERO))
        }
        Came::Changes(changes) => {
            let longest = Span::from_secs(u64::from(changes.longest_ttl()));
            let zone = apply(&base, changes);
            let zone = zone.map_err(|misfit| Refusal::Unfit(misfit.to_string()))?;
            (zone, "changes", longest)
        }
    };
    if let Some(why) = shrunken(&base, &zone, max_shrink) {
        return Err(Refusal::Refused(why));
    }
    if is_catalog && let Err(why) = catalog::members(&zone) {
        return Err(Refusal::Refused(why));
    }
    if zone.is_signed_elsewhere()
        && !is_signed_here
        && let Some((name, _)) = mounts.first()
    {
        // Whoever signed the zone has not signed the answers of names that are steered here.
        return Err(Refusal::Refused(format!(
            "it comes signed, and nobody would sign the answers of `{name}`, which is steered here: \
             sign the zone here (`dnssec = {{}}`), or steer no name of it"
        )));
    }
    Ok(Taken {
        zone: Arc::new(zone),
        form,
        longest_ttl,
    })
}

fn first(errors: &[ZoneError]) -> String {
    let first = errors.first().map(|error| error.message.clone());
    first.unwrap_or_else(|| "it is no zone".to_owned())
}

/// Why a zone is too little of what there was.
fn shrunken(before: &Zone, after: &Zone, most: Permille) -> Option<String> {
    if before.presence() != Presence::Loaded {
        return None;
    }
    let (before, after) = (before.records(), after.records());
    let lost = before.checked_sub(after)? * 1000 / before.max(1);
    (lost > usize::from(most.0)).then(|| {
        format!("it has {after} records in place of {before}, and `[guard] max_shrink` is {most}")
    })
}
