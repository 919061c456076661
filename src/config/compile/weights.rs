//! Weights that a thousand cohorts cannot tell apart.
//!
//! Where clients are divided into cohorts, a weight holds to a thousandth of its tier. A tier whose weights want more
//! is a fleet ([`crate::plan::Fleet`]), in which they hold exactly. Where its endpoints state capacities it is none, because
//! these are planned by cohort. No weight gets nobody there: what is
//! less than a part gets one ([`crate::plan::CohortOrder`]), which is more than its share; that is for the
//! operator to settle. What is rounded by much is told.
use std::collections::BTreeSet;

use super::deals::{ROUNDED, rounded};
use super::places::Places;
use super::services::{Draft, tiers};
use crate::base::Family;
use crate::config::diagnostic::Diagnostics;
use crate::plan::Endpoint;

/// Checks the weights of every tier that is dealt out by cohort whatever they are.
pub(super) fn check(drafts: &[Draft<'_>], places: &Places<'_>, found: &mut Diagnostics) {
    let mut told = BTreeSet::new();
    for draft in drafts {
        for region in &draft.regions {
            for family in Family::ALL {
                let all = tiers(draft, *region, family, places).into_iter();
                let states = |tier: &Vec<&Endpoint>| tier.iter().any(|one| one.capacity.is_some());
                for tier in all.filter(states) {
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
        let (parts, off) = rounded(u64::from(weight), sum);
        if parts < sum {
            told.insert(name);
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is less than a thousandth"
            );
            found
                .unsettled(at, message)
                .label("until it is more: a thousandth of the clients")
                .help("where endpoints state capacities, weights hold to a thousandth: raise this one, or lower the others");
        } else if off * ROUNDED > parts {
            told.insert(name);
            let least = parts / sum;
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is rounded to whole thousandths"
            );
            found
                .warn(at, message)
                .label(format!("{least} or {} of a thousand clients", least + 1))
                .help(
                    "where endpoints state capacities, weights hold to a thousandth of their tier",
                );
        }
    }
}
