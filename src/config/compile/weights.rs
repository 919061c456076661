//! Weights that a thousand cohorts cannot tell apart.
//!
//! Clients are divided into [`COHORTS`] parts, so a weight holds to a thousandth of its tier. No weight gets nobody: what is
//! less than a part gets one ([`crate::plan::CohortOrder`]), which is more than its share; that is for the
//! operator to settle. What is rounded by much is told.
use crate::base::Family;
use crate::base::limits::COHORTS;
use crate::config::diagnostic::Diagnostics;
use crate::config::spec::{EndpointSpec, Spec};

/// Largest part of a share that may be rounded away unsaid: a tenth.
const ROUNDED: u64 = 10;

/// Checks the weights of every tier.
pub(super) fn check(spec: &Spec, found: &mut Diagnostics) {
    for region in &spec.regions {
        let mut tiers: Vec<u16> = region.endpoints.iter().map(|one| one.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        for tier in tiers {
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
        let parts = u64::from(weight) * u64::from(COHORTS);
        let rest = parts % sum.max(1);
        let off = rest.min(sum - rest);
        if parts < sum {
            told.push(name);
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is less than a thousandth"
            );
            found
                .unsettled(&one.name.at, message)
                .label("until it is more: a thousandth of the clients")
                .help("weights hold to a thousandth of their tier: raise this one, or lower the others");
        } else if off * ROUNDED > parts {
            told.push(name);
            let least = parts / sum;
            let message = format!(
                "the weight of `{name}`, {weight} of {sum} in its tier, is rounded to whole thousandths"
            );
            found
                .warn(&one.name.at, message)
                .label(format!("{least} or {} of a thousand clients", least + 1))
                .help("weights hold to a thousandth of their tier");
        }
    }
}
