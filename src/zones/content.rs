//! Whether what came from a primary is taken: it must be a zone that steered names have a place in, and not
//! too little of what there was.
use std::sync::Arc;

use super::job::{Arrival, Came};
use super::keys::longest_ttl;
use crate::base::{Permille, Span};
use crate::dns::Name;
use crate::dns::master;
use crate::dns::transfer::content::Unfit;
use crate::dns::transfer::{Content, Diff};
use crate::dns::zone::{Mount, Presence, Zone};

/// A zone that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) zone: Arc<Zone>,
    /// In which form it came.
    pub(super) form: &'static str,
    /// The largest TTL that anything of it may be answered with; of no matter for a zone that is not signed here.
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
    } = arrival;
    let (zone, form) = match what {
        Came::Whole(content) => {
            let zone = built(&apex, &content, &mounts).map_err(Refusal::Refused)?;
            (zone, "whole")
        }
        Came::Changes(diffs) => {
            let zone = changed(&base, &diffs, &mounts).map_err(Refusal::Unfit)?;
            (zone, "changes")
        }
    };
    if let Some(why) = shrunken(&base, &zone, max_shrink) {
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
        longest_ttl: match is_signed_here {
            true => longest_ttl(&zone, &steered),
            false => Span::ZERO,
        },
        zone: Arc::new(zone),
        form,
    })
}

fn built(apex: &Name, content: &Content, mounts: &[(Name, Mount)]) -> Result<Zone, String> {
    let text = content.to_master("from a primary");
    let nothing = |_: &str| Err("nothing is included".to_owned());
    let built = master::read(apex, text.as_bytes(), &nothing, mounts).zone;
    built.map_err(|errors| {
        let first = errors.first().map(|error| error.message.clone());
        first.unwrap_or_else(|| "it is no zone".to_owned())
    })
}

fn changed(base: &Zone, diffs: &[Diff], mounts: &[(Name, Mount)]) -> Result<Zone, String> {
    let unfit = || Unfit.to_string();
    let first = Content::of_zone(base).ok_or_else(unfit)?;
    let content = diffs
        .iter()
        .try_fold(first, |content, diff| content.apply(diff).ok());
    built(base.apex(), &content.ok_or_else(unfit)?, mounts)
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
