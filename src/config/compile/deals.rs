//! Deals of tiers: by cohort, or as fleets; and whether their answers can be signed beforehand.
//!
//! A tier is dealt out by cohort where it can be. It is a fleet if it has more endpoints than a cohort order holds,
//! if a thousand cohorts cannot tell its weights apart, or if its answers are signed and there would be too many choices
//! of `answers` of them. Where endpoints state capacities cohorts are planned one by one, so such a tier stays with
//! them. The tiers of a service that is sticky are fleets of a kind that is drawn by names ([`Fleet::sticky`]).
//!
//! Deals are made of names, so a reload deals the same hands; those with the same members and weights share one.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::{COHORT_MEMBERS, COHORTS, STEERED_ANSWERS, TIER_SUBSETS};
use crate::base::{Family, HashKey};
use crate::plan::fleet::{Missing, choices};
use crate::plan::{AddressesDown, CohortOrder, Endpoint, Fleet, Plan, Service, Target, Tier};

/// Largest part of a share that may be rounded away unsaid: a tenth.
pub(super) const ROUNDED: u64 = 10;

/// The deals of a plan, each once.
#[derive(Default)]
pub(super) struct Deals {
    cohort_orders: BTreeMap<String, Arc<CohortOrder>>,
    fleets: BTreeMap<String, Arc<Fleet>>,
}

/// One tier to be dealt out.
pub(super) struct TierToDeal<'p> {
    /// Name of its region.
    pub(super) region: &'p str,
    /// Its endpoints.
    pub(super) endpoints: &'p [&'p Endpoint],
    /// Ways in which each of them may be given.
    pub(super) ways: &'p [u64],
    /// Endpoints in an answer.
    pub(super) answers: u8,
    /// The rule for an answer of which some are down.
    pub(super) missing: Missing,
    /// Tells whether clients draw endpoints by their names.
    pub(super) is_sticky: bool,
}

impl TierToDeal<'_> {
    fn is_fleet(&self, weights: &[u16]) -> bool {
        let stated = self.endpoints.iter().any(|one| one.capacity.is_some());
        let many = self.endpoints.len() > COHORT_MEMBERS;
        let choices = choices(self.ways, usize::from(self.answers));
        let signed = self.answers > 1 && self.missing == Missing::Divided;
        many || self.is_sticky
            || !stated && (!hold(weights) || signed && choices > TIER_SUBSETS as u64)
    }
}

impl Deals {
    /// The cohort order of a tier, or its fleet.
    pub(super) fn deal(
        &mut self,
        asked: &TierToDeal<'_>,
    ) -> (Arc<CohortOrder>, Option<Arc<Fleet>>) {
        let names: Vec<&str> = asked.endpoints.iter().map(|one| &*one.name).collect();
        // Those of weight 0 are a tier of their own, alike among themselves.
        let weights = asked.endpoints.iter().map(|one| one.weight.max(1));
        let weights: Vec<u16> = weights.collect();
        let tier = asked.endpoints[0].tier;
        let name = format!("{}/{tier}/{}", asked.region, names.join("/"));
        let seed = HashKey::from_secret(b"ring").hash(name.as_bytes());
        let key = format!("{name}/{weights:?}");
        if !asked.is_fleet(&weights) {
            return (self.cohort_order(key, &weights, seed), None);
        }
        if asked.is_sticky {
            let key = format!("sticky/{key}");
            let fleet = self.fleets.entry(key);
            let fleet = fleet.or_insert_with(|| Arc::new(Fleet::sticky(&weights, &names)));
            let fleet = Arc::clone(fleet);
            return (self.cohort_order(String::new(), &[], 0), Some(fleet));
        }
        // An answer of one is there or not; nothing of it is missing.
        let missing = match asked.answers {
            0 | 1 => Missing::Divided,
            _ => asked.missing,
        };
        let key = format!("{key}/{}/{missing:?}", asked.answers);
        let fleet = self.fleets.entry(key).or_insert_with(|| {
            let fleet = Fleet::deal(&weights, asked.answers, missing, seed);
            Arc::new(fleet)
        });
        let fleet = Arc::clone(fleet);
        (self.cohort_order(String::new(), &[], 0), Some(fleet))
    }

    fn cohort_order(&mut self, key: String, weights: &[u16], seed: u64) -> Arc<CohortOrder> {
        let known = self.cohort_orders.entry(key);
        Arc::clone(known.or_insert_with(|| Arc::new(CohortOrder::deal(weights, seed))))
    }
}

/// The number of ways in which an endpoint may be given by a target of so many addresses: all of them, or what is left of them.
pub(super) fn ways(target: &Target, addresses: usize) -> u64 {
    if target.addresses_down != AddressesDown::Address || target.slots.is_empty() {
        return 1;
    }
    let sets = u32::try_from(addresses)
        .ok()
        .and_then(|own| 1_u64.checked_shl(own));
    sets.map_or(u64::MAX, |sets| sets - 1)
}

/// More answers than can be signed beforehand.
pub(super) struct Excess {
    /// The number that could be.
    pub(super) most: usize,
    /// A way out.
    pub(super) help: &'static str,
}

/// Counts the answers of one family that a signed service may ever give.
///
/// # Errors
/// When there are too many to be signed.
pub(super) fn count(plan: &Plan, service: &Service, family: Family) -> Result<(), Excess> {
    let pools = service.pools[family.index()].iter();
    let mut sum: u64 = 0;
    for tier in pools.flat_map(|pool| &pool.tiers) {
        let own = count_tier(plan, service, (family, tier));
        let stated = || {
            let mut endpoints = tier.members.iter().map(|own| own.endpoint.index());
            endpoints.any(|own| plan.endpoints[own].capacity.is_some())
        };
        if tier.fleet.is_none() && own > TIER_SUBSETS as u64 {
            return Err(Excess {
                most: TIER_SUBSETS,
                help: match stated() {
                    true => {
                        "state the capacity of the region in place of its endpoints', or lower `answers`"
                    }
                    false => {
                        "write `addresses_down = \"endpoint\"` where endpoints have many addresses"
                    }
                },
            });
        }
        sum = sum.saturating_add(own);
    }
    match sum <= STEERED_ANSWERS as u64 {
        true => Ok(()),
        false => Err(Excess {
            most: STEERED_ANSWERS,
            help: "lower `answers`, write `addresses_down = \"endpoint\"`, or make several services of it",
        }),
    }
}

/// The number of answers that a tier may give, or a little more.
fn count_tier(plan: &Plan, service: &Service, (family, tier): (Family, &Tier)) -> u64 {
    let ways = tier.members.iter().map(|member| {
        let addresses = plan.endpoints[member.endpoint.index()].addresses.iter();
        let own = addresses.filter(|one| Family::of(**one) == family);
        ways(&plan.targets[member.target.index()], own.count())
    });
    let ways: Vec<u64> = ways.collect();
    let Some(fleet) = &tier.fleet else {
        return choices(&ways, usize::from(service.answers));
    };
    let alone = ways.iter().fold(0_u64, |sum, own| sum.saturating_add(*own));
    let sizes = fleet.size().next_power_of_two().ilog2();
    alone.saturating_add(u64::from(sizes) * fleet.count() as u64 * 2)
}

/// Tells whether a thousand cohorts hold the weights of a tier, none rounded by much.
fn hold(weights: &[u16]) -> bool {
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    weights.iter().all(|weight| {
        let (parts, off) = rounded(u64::from(*weight), sum);
        parts >= sum && off * ROUNDED <= parts
    })
}

/// A weight in cohorts, as parts of `sum`, and how far it is from a whole number of them.
pub(super) fn rounded(weight: u64, sum: u64) -> (u64, u64) {
    let parts = weight * u64::from(COHORTS);
    let rest = parts % sum.max(1);
    (parts, rest.min(sum - rest))
}
