//! Weights that a thousand cohorts cannot tell apart.
//!
//! Where clients are divided into cohorts, a weight holds to a thousandth of its tier. A tier whose weights want more
//! is a fleet ([`crate::plan::Fleet`]), in which they hold exactly. Where its endpoints state capacities it is none, because
//! these are planned by cohort. No weight gets nobody there: what is
//! less than a part gets one ([`crate::plan::CohortOrder`]), which is more than its share; that is for the
//! operator to settle. What is rounded by much is told.
use super::deals::{ROUNDED, rounded};
use crate::base::Family;
use crate::config::diagnostic::Diagnostics;
use crate::config::spec::{EndpointSpec, Spec};

/// Checks the weights of every tier that is dealt out by cohort whatever they are.
pub(super) fn check(spec: &Spec, found: &mut Diagnostics) {
    for region in &spec.regions {
        let mut tiers: Vec<u16> = region.endpoints.iter().map(|one| one.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let stated = |tier: &u16| {
            let mut own = region.endpoints.iter().filter(|one| one.tier == *tier);
            own.any(|one| one.capacity.is_some())
        };
        for tier in tiers.into_iter().filter(stated) {
            let mut told: Vec<&str> = Vec::new();
            for family in Family::ALL {
                let members = region.endpoints.iter().filter(|one| one.tier == tier);
                let has = |one: &&EndpointSpec| {
                    one.addresses
                        .iter()
                        .any(|address| Family::of(address.value) == family)
                };
                check_tier(&members.filter(has).collect::<Vec<_>>(), &mut told, found);
            }
        }
    }
}

/// Checks those of one family, each endpoint once.
fn check_tier<'s>(members: &[&'s EndpointSpec], told: &mut Vec<&'s str>, found: &mut Diagnostics) {
    let sum: u64 = members.iter().map(|one| u64::from(one.weight)).sum();
    for one in members {
        if told.contains(&one.name.value.as_str()) {
            continue;
        }
        let (name, weight) = (&one.name.value, one.weight);
        let (parts, off) = rounded(u64::from(weight), sum);
        if parts < sum {
            told.push(name);
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is less than a thousandth"
            );
            found
                .unsettled(&one.name.at, message)
                .label("until it is more: a thousandth of the clients")
                .help("where endpoints state capacities, weights hold to a thousandth: raise this one, or lower the others");
        } else if off * ROUNDED > parts {
            told.push(name);
            let least = parts / sum;
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is rounded to whole thousandths"
            );
            found
                .warn(&one.name.at, message)
                .label(format!("{least} or {} of a thousand clients", least + 1))
                .help(
                    "where endpoints state capacities, weights hold to a thousandth of their tier",
                );
        }
    }
}
