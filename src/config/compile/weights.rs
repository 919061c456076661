//! Weights that a thousand cohorts cannot tell apart.
//!
//! Clients are divided into [`COHORTS`] parts, so a weight holds to a thousandth of its tier. No weight gets nobody: what is
//! less than a part gets one ([`crate::plan::CohortOrder`]), which is more than its share; that is for the
//! operator to settle. What is rounded by much is told.
use std::collections::BTreeSet;

use super::places::Places;
use super::services::{Draft, tiers};
use crate::base::Family;
use crate::base::limits::COHORTS;
use crate::config::diagnostic::Diagnostics;
use crate::plan::Endpoint;

/// Largest part of a share that may be rounded away unsaid: a tenth.
const ROUNDED: u64 = 10;

/// Checks the weights of every tier of every service.
pub(super) fn check(drafts: &[Draft<'_>], places: &Places<'_>, found: &mut Diagnostics) {
    let mut told = BTreeSet::new();
    for draft in drafts {
        for region in &draft.regions {
            for family in Family::ALL {
                for tier in tiers(draft, *region, family, places) {
                    check_tier(&tier, places, &mut told, found);
                }
            }
        }
    }
}

/// Checks those of one tier and family, each endpoint once.
fn check_tier<'p>(
    members: &[&'p Endpoint],
    places: &Places<'_>,
    told: &mut BTreeSet<&'p str>,
    found: &mut Diagnostics,
) {
    let sum: u64 = members.iter().map(|one| u64::from(one.weight)).sum();
    for one in members {
        if told.contains(&*one.name) || one.weight == 0 {
            continue;
        }
        let (name, weight) = (&one.name, one.weight);
        let Some(at) = places.written_of(name).map(|written| &written.name.at) else {
            continue;
        };
        let parts = u64::from(weight) * u64::from(COHORTS);
        let rest = parts % sum.max(1);
        let off = rest.min(sum - rest);
        if parts < sum {
            told.insert(name);
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is less than a thousandth"
            );
            found
                .unsettled(at, message)
                .label("until it is more: a thousandth of the clients")
                .help("weights hold to a thousandth of their tier: raise this one, or lower the others");
        } else if off * ROUNDED > parts {
            told.insert(name);
            let least = parts / sum;
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is rounded to whole thousandths"
            );
            found
                .warn(at, message)
                .label(format!("{least} or {} of a thousand clients", least + 1))
                .help("weights hold to a thousandth of their tier");
        }
    }
}
