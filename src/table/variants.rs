//! Every answer that a service may ever give, for whoever signs answers beforehand.
//!
//! Whatever health does, an answer holds endpoints of one tier of one pool, as many as
//! `answers` says at most, or one endpoint alone where capacity leads a client to it. Their order is
//! the client's cohort's matter and changes no signature. Of an endpoint whose addresses leave one by one, any part
//! but none may be given. So the answers of a tier are its subsets of at
//! most that size (with each such part of their addresses), a finite list that follows from the plan alone.
//!
//! A fleet ([`crate::plan::Fleet`]) has more such subsets than could be signed, so of its sets only the halves, their halves
//! and so on are ever given: for `n` endpoints and `k` in an answer `n (log2 k + 1)` answers. An endpoint of which some
//! addresses are down is given alone there.
//!
//! Of a service whose zones nobody signs, what cannot be listed is left out: nobody asks for it.
use std::collections::BTreeSet;

use crate::base::limits::{STEERED_ANSWERS, TIER_SUBSETS};
use crate::base::{AddressSet, EndpointId, Family};
use crate::dns::addresses;
use crate::dns::zone::signed::Steered;
use crate::plan::fleet::Missing;
use crate::plan::{AddressesDown, Fleet, Member, Plan, Service};

/// There are more answers than can be signed beforehand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "service `{service}` may give more than {most} different answers, too many to sign beforehand: lower its `answers`, give a tier fewer endpoints, or write `addresses_down = \"endpoint\"` where endpoints have many addresses"
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
    let services = plan.services.iter();
    let each = services.map(|service| match of_service(plan, service) {
        Err(_) if !service.is_signed => Ok(Steered::default()),
        found => found,
    });
    each.collect()
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
            let parts = tier
                .members
                .iter()
                .map(|member| parts(plan, family, member));
            let parts: Option<Vec<Vec<Portion>>> = parts.collect();
            let subsets = parts.and_then(|parts| match &tier.fleet {
                Some(fleet) if fleet.missing() == Missing::Filled => None,
                Some(fleet) => Some(of_fleet(fleet, &parts)),
                None => subsets(&parts, most),
            });
            for subset in subsets.ok_or_else(|| too_many(TIER_SUBSETS))? {
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

/// An endpoint, and the addresses of it that are not given.
type Portion = (EndpointId, AddressSet);

/// The parts of a member that may be given: all its addresses, or what is left of them when some are down; `None` if that
/// is more than [`TIER_SUBSETS`] things.
fn parts(plan: &Plan, family: Family, member: &Member) -> Option<Vec<Portion>> {
    let mut sets = vec![AddressSet::EMPTY];
    let own = &plan.targets[member.target.index()];
    if own.addresses_down == AddressesDown::Address && !own.slots.is_empty() {
        let all = plan.endpoints[member.endpoint.index()].addresses.iter();
        let places = all
            .enumerate()
            .filter(|(_, one)| Family::of(**one) == family);
        let mut whole = AddressSet::EMPTY;
        for (place, _) in places {
            whole = whole.with(place);
            let larger: Vec<AddressSet> = sets.iter().map(|set| set.with(place)).collect();
            sets.extend(larger);
            if sets.len() > TIER_SUBSETS {
                return None;
            }
        }
        sets.retain(|set| *set != whole);
    }
    let parts = sets.into_iter().map(|without| (member.endpoint, without));
    Some(parts.collect())
}

/// Every choice of one to `most` members, each in one of its parts; `None` if there are more than
/// [`TIER_SUBSETS`].
fn subsets(members: &[Vec<Portion>], most: usize) -> Option<Vec<Vec<Portion>>> {
    let mut all: Vec<Vec<Portion>> = vec![Vec::new()];
    for parts in members {
        let smaller = all.clone();
        for chosen in smaller.iter().filter(|chosen| chosen.len() < most) {
            let larger = parts.iter().map(|part| [&chosen[..], &[*part]].concat());
            all.extend(larger);
            if all.len() > TIER_SUBSETS {
                return None;
            }
        }
    }
    all.retain(|chosen| !chosen.is_empty());
    Some(all)
}

/// The parts of a fleet's sets, whole, and each member alone in each of its parts.
fn of_fleet(fleet: &Fleet, members: &[Vec<Portion>]) -> Vec<Vec<Portion>> {
    let whole = |member: u16| members[usize::from(member)][0];
    let several = fleet.parts().into_iter().filter(|part| part.len() > 1);
    let several = several.map(|part| part.into_iter().map(whole).collect());
    let alone = members.iter().flatten().map(|part| vec![*part]);
    several.chain(alone).collect()
}

fn records(plan: &Plan, family: Family, chosen: &[Portion]) -> Box<[u8]> {
    let mut records = Vec::new();
    for (endpoint, without) in chosen {
        let own = plan.endpoints[endpoint.index()].addresses_of(family, *without);
        own.for_each(|one| addresses::put(one, &mut records));
    }
    records.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: AddressSet = AddressSet::EMPTY;

    #[test]
    fn subsets_are_all_there_and_bounded() {
        let members: Vec<Vec<Portion>> = (0..64)
            .map(|number| vec![(EndpointId(number), AddressSet::EMPTY)])
            .collect();
        assert_eq!(subsets(&members[..5], 1).unwrap().len(), 5);
        assert_eq!(subsets(&members[..5], 3).unwrap().len(), 5 + 10 + 10);
        assert_eq!(subsets(&members[..5], 16).unwrap().len(), 31);
        assert_eq!(subsets(&members, 2).unwrap().len(), 64 + 2016);
        assert_eq!(subsets(&members, 16), None);
        let halves = |id| [EMPTY, EMPTY.with(0), EMPTY.with(1)].map(|set| (EndpointId(id), set));
        let pairs: Vec<Vec<Portion>> = (0..3).map(|id| halves(id).to_vec()).collect();
        assert_eq!(subsets(&pairs, 1).unwrap().len(), 9);
        assert_eq!(subsets(&pairs, 2).unwrap().len(), 9 + 27);
        assert_eq!(subsets(&pairs, 3).unwrap().len(), 9 + 27 + 27);
    }
}
