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
//! ChosenRecords of other types are those that are written, and where addresses go into them as hints one for each such choice,
//! with and without the addresses of the other family.
//!
//! Of a service whose zones nobody signs, what cannot be listed is left out: nobody asks for it.
use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::base::limits::{STEERED_ANSWERS, TIER_SUBSETS};
use crate::base::{AddressSet, EndpointId, Family};
use crate::dns::addresses;
use crate::dns::rr::rtype;
use crate::dns::zone::signed::{Steered, SteeredSet};
use crate::plan::fleet::Missing;
use crate::plan::{
    AddressesDown, ChosenRecords, ChosenSet, Fleet, Hints, Member, Plan, RecordType, Service, Tier,
};

use super::records::steered_set;

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
    for family in Family::ALL {
        let pools = service.pools[family.index()].iter();
        let tiers = pools.flat_map(|pool| &pool.tiers);
        let mut answers = BTreeSet::new();
        for tier in tiers {
            for subset in choices(plan, service, (family, tier))? {
                if !is_led_away(plan, service, (family, &subset)) {
                    answers.insert(records(plan, family, &subset));
                }
            }
            if answers.len() > STEERED_ANSWERS {
                return Err(too_many(service, STEERED_ANSWERS));
            }
        }
        // A machine that is known by its name alone has no addresses to be answered.
        answers.remove(&[][..]);
        steered.answers[family.index()] = answers.into_iter().collect();
    }
    if !service.records.is_empty() {
        steered.sets = sets(plan, service)?;
        steered.lacking = lacking(plan, service, &steered);
    }
    Ok(steered)
}

fn too_many(service: &Service, most: usize) -> TooMany {
    TooMany {
        service: service.name.clone(),
        most,
    }
}

/// The choices of members that a tier may give.
fn choices(
    plan: &Plan,
    service: &Service,
    (family, tier): (Family, &Tier),
) -> Result<Vec<Vec<Portion>>, TooMany> {
    let members = tier.members.iter();
    let parts = members.map(|member| parts(plan, family, member));
    let parts: Option<Vec<Vec<Portion>>> = parts.collect();
    let subsets = parts.and_then(|parts| match &tier.fleet {
        Some(fleet) if fleet.missing() == Missing::Filled => None,
        Some(fleet) => Some(of_fleet(fleet, &parts)),
        None => subsets(&parts, usize::from(service.answers)),
    });
    subsets.ok_or_else(|| too_many(service, TIER_SUBSETS))
}

/// Tells whether whoever is given this choice gets a CNAME in place of its addresses: where the family leads for all clients.
fn is_led_away(plan: &Plan, service: &Service, (family, chosen): (Family, &[Portion])) -> bool {
    let [first, _] = ChosenRecords::LEADING;
    let has_first = service.pools[first.index()]
        .iter()
        .any(|pool| !pool.tiers.is_empty());
    let leads = family == first || !has_first;
    leads
        && chosen
            .iter()
            .all(|(endpoint, _)| alias(plan, service, *endpoint).is_some())
}

fn alias<'s>(plan: &Plan, service: &'s Service, endpoint: EndpointId) -> Option<&'s ChosenSet> {
    let region = plan.endpoints[endpoint.index()].region;
    service.records.alias(region, endpoint)
}

/// The tiers that a service's records can follow, of both families: of the second where a client has none of the first.
fn tiers(service: &Service) -> impl Iterator<Item = (Family, &Tier)> {
    let families = ChosenRecords::LEADING.into_iter();
    families.flat_map(|family| {
        let pools = service.pools[family.index()].iter();
        let tiers = pools.flat_map(|pool| &pool.tiers);
        tiers.map(move |tier| (family, tier))
    })
}

/// Every RRset of other types than addresses, by type.
fn sets(plan: &Plan, service: &Service) -> Result<Vec<SteeredSet>, TooMany> {
    let mut all = Vec::new();
    for kind in &service.records.types {
        let written = kind.sets.iter().map(|(_, set)| set);
        let mut own: Vec<SteeredSet> = written
            .clone()
            .filter(|set| set.hints == Hints::AsWritten)
            .map(|set| steered_set(set, [&[], &[]]))
            .collect();
        if written.clone().any(|set| set.hints == Hints::Chosen) {
            for of in tiers(service) {
                for subset in choices(plan, service, of)? {
                    own.extend(hinted(plan, kind, (of.0, subset)));
                }
                if own.len() > STEERED_ANSWERS {
                    return Err(too_many(service, STEERED_ANSWERS));
                }
            }
        }
        own.sort();
        own.dedup();
        all.append(&mut own);
    }
    Ok(all)
}

/// The RRsets with hints that a choice comes to: of each of its endpoints if that is named first, with and without
/// the addresses of the family that does not lead.
fn hinted(
    plan: &Plan,
    kind: &RecordType,
    (leading, chosen): (Family, Vec<Portion>),
) -> Vec<SteeredSet> {
    let mut chosen = chosen;
    chosen.sort_by_key(|(endpoint, _)| *endpoint);
    let addresses = |family: Family, whole: bool| -> Vec<IpAddr> {
        let all = chosen.iter().flat_map(|(endpoint, without)| {
            let without = if whole { AddressSet::EMPTY } else { *without };
            plan.endpoints[endpoint.index()].addresses_of(family, without)
        });
        all.collect()
    };
    let (v4, v6) = match leading {
        Family::V4 => (addresses(Family::V4, false), addresses(Family::V6, true)),
        Family::V6 => (Vec::new(), addresses(Family::V6, false)),
    };
    let others = match leading {
        Family::V4 => vec![&[][..], &v6],
        Family::V6 => vec![&v6[..]],
    };
    let sets = chosen.iter().filter_map(|(endpoint, _)| {
        let region = plan.endpoints[endpoint.index()].region;
        let set = kind.of(region, *endpoint)?;
        (set.hints == Hints::Chosen).then_some(set)
    });
    let each = sets.flat_map(|set| others.iter().map(|others| steered_set(set, [&v4, others])));
    each.collect()
}

/// The types that one client may lack all together: those that its choice has no RRset of, and addresses of none, one or
/// both families; where it has a CNAME, all others; and all, where it gets nothing.
fn lacking(plan: &Plan, service: &Service, steered: &Steered) -> Vec<Vec<u16>> {
    let types = steered.types();
    let has_alias = types.contains(&rtype::CNAME);
    let mut all: BTreeSet<Vec<u16>> = BTreeSet::from([types.clone()]);
    let members = tiers(service).flat_map(|(_, tier)| &tier.members);
    for member in members {
        let region = plan.endpoints[member.endpoint.index()].region;
        if alias(plan, service, member.endpoint).is_some() {
            let others = types.iter().filter(|kind| **kind != rtype::CNAME);
            all.insert(others.copied().collect());
            continue;
        }
        let lacks: Vec<u16> = service.records.lacks(region, member.endpoint).collect();
        for addresses in [
            &[][..],
            &[rtype::A],
            &[rtype::AAAA],
            &[rtype::A, rtype::AAAA],
        ] {
            let own = addresses.iter().filter(|kind| types.contains(kind));
            let alias = has_alias.then_some(rtype::CNAME);
            let mut omitted: Vec<u16> = own.chain(&lacks).copied().chain(alias).collect();
            omitted.sort_unstable();
            all.insert(omitted);
        }
    }
    all.into_iter()
        .filter(|omitted| !omitted.is_empty())
        .collect()
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
