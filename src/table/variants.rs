//! Every answer that a service may ever give, for whoever signs answers beforehand.
//!
//! Whatever health does, an answer holds endpoints of one tier of one pool, as many as
//! `answers` says at most, or one endpoint alone where capacity leads a client to it. Their order is
//! the client's cohort's matter and changes no signature. So the answers of a tier are its subsets of at
//! most that size, a finite list that follows from the plan alone.
use std::collections::BTreeSet;

use crate::base::limits::{STEERED_ANSWERS, TIER_SUBSETS};
use crate::base::{EndpointId, Family};
use crate::dns::addresses;
use crate::dns::zone::signed::Steered;
use crate::plan::{Member, Plan, Service};

/// There are more answers than can be signed beforehand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "service `{service}` may give more than {most} different answers, too many to sign beforehand: lower its `answers`, or give a tier fewer endpoints"
)]
pub struct TooMany {
    /// The service.
    pub service: String,
    /// The number of answers that are taken.
    pub most: usize,
}

/// What each service may answer with, by its id.
///
/// # Errors
/// When there are more than [`TIER_SUBSETS`] for one tier, or [`STEERED_ANSWERS`] for one service.
pub fn variants(plan: &Plan) -> Result<Vec<Steered>, TooMany> {
    plan.services
        .iter()
        .map(|service| of_service(plan, service))
        .collect()
}

fn of_service(plan: &Plan, service: &Service) -> Result<Steered, TooMany> {
    let mut steered = Steered {
        ttl: service.ttl.max.as_secs(),
        ..Steered::default()
    };
    for family in [Family::V4, Family::V6] {
        let tiers = service.pools[family.index()]
            .iter()
            .flat_map(|pool| &pool.tiers);
        let mut answers = BTreeSet::new();
        for tier in tiers {
            let most = usize::from(service.answers);
            let too_many = |most| TooMany {
                service: service.name.clone(),
                most,
            };
            let subsets = subsets(&tier.members, most).ok_or_else(|| too_many(TIER_SUBSETS))?;
            for subset in subsets {
                answers.insert(records(plan, family, &subset));
            }
            if answers.len() > STEERED_ANSWERS {
                return Err(too_many(STEERED_ANSWERS));
            }
        }
        steered.answers[family.index()] = answers.into_iter().collect();
    }
    Ok(steered)
}

/// Every choice of one to `most` members; `None` if there are more than [`TIER_SUBSETS`].
fn subsets(members: &[Member], most: usize) -> Option<Vec<Vec<EndpointId>>> {
    let mut all: Vec<Vec<EndpointId>> = vec![Vec::new()];
    for member in members {
        let larger: Vec<Vec<EndpointId>> = all
            .iter()
            .filter(|chosen| chosen.len() < most)
            .map(|chosen| [&chosen[..], &[member.endpoint]].concat())
            .collect();
        all.extend(larger);
        if all.len() > TIER_SUBSETS {
            return None;
        }
    }
    all.retain(|chosen| !chosen.is_empty());
    Some(all)
}

fn records(plan: &Plan, family: Family, chosen: &[EndpointId]) -> Box<[u8]> {
    let mut records = Vec::new();
    for endpoint in chosen {
        let all = &plan.endpoints[endpoint.index()].addresses;
        let own = all.iter().filter(|one| Family::of(**one) == family);
        own.for_each(|&one| addresses::put(one, &mut records));
    }
    records.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TargetId;

    #[test]
    fn subsets_are_all_there_and_bounded() {
        let members: Vec<Member> = (0..64)
            .map(|number| Member {
                endpoint: EndpointId(number),
                target: TargetId(number),
                weight: 1,
            })
            .collect();
        assert_eq!(subsets(&members[..5], 1).unwrap().len(), 5);
        assert_eq!(subsets(&members[..5], 3).unwrap().len(), 5 + 10 + 10);
        assert_eq!(subsets(&members[..5], 16).unwrap().len(), 31);
        assert_eq!(subsets(&members, 2).unwrap().len(), 64 + 2016);
        assert_eq!(subsets(&members, 16), None);
    }
}
