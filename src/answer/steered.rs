//! Steered names: whose network counts, which addresses it gets, and for whom that holds.
//!
//! **Whose network.** The client subnet of the query, where there is one with a prefix; a
//! prefix of 0 says that the client's address is not to count (RFC 7871, section 7.1.2), so the
//! source address of the packet counts then, as it does without ECS. So it does for a service that says `ecs = false`; the
//! scope of its answers is 0: they hold for all whom the resolver asks for (section 7.2.1).
//!
//! **For whom it holds** (the scope). The widest prefix around the subnet that lies in one class;
//! where cohorts of the class are told apart, no wider than the network that a cohort is drawn for.
//! It may be longer than the prefix that was sent (RFC 7871, section 7.2.1); a resolver gives the answer to everybody
//! in that prefix all the same (section 7.3.1), so that of a strict service is then one that all of them may have. An IPv4-mapped IPv6
//! subnet is steered as the IPv4 address in it, and its scope counts the 96 bits in front.
//! Denials that follow from the class (no endpoint inside its fence) carry the scope of the
//! class, not 0: another class may get an answer, and a scope of 0 would deny it to all.
//!
//! **Denial** of a type follows from the config alone. When nothing is healthy and the service
//! asks for NODATA, the SOA is given no longer than the answer would have been: the lack is not
//! to outlast the outage in caches. A machine that is known by name and has not been resolved yet may have any type, so nothing
//! is denied that it could bring: that is SERVFAIL.
//!
//! Which endpoints are healthy and how a cohort chooses among them is the table's matter.
use std::net::IpAddr;

use super::Request;
use super::lookup::{Here, Walk};
use crate::base::limits::{COHORT_PREFIX_V4, COHORT_PREFIX_V6};
use crate::base::{ClientHash, Family, Reason, ServiceId};
use crate::dns::edns::Subnet;
use crate::dns::reply::{Full, Section};
use crate::dns::rr::{rcode, rtype};
use crate::dns::zone::Trail;
use crate::geo::{ClassHit, Network};
use crate::plan::{AllDown, Service, Subnets};
use crate::table::Selection;

/// Bits in front of the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// Outcome of a look at a steered name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SteeredTurn {
    /// It was answered, or denied.
    Done,
    /// Its answer is an alias, which is not written yet.
    Alias,
}

/// The client whose network counts, and where that falls.
#[derive(Clone, Copy)]
pub(super) struct Asking {
    client: IpAddr,
    /// The client, if the query names its network.
    pub(super) named: Option<IpAddr>,
    /// Its class.
    pub(super) hit: ClassHit,
    /// The hash of its network.
    pub(super) own: ClientHash,
}

impl Asking {
    /// Of a query about a service.
    #[inline(always)]
    pub(super) fn of(request: Request<'_>, id: ServiceId) -> Self {
        let plan = &request.table.plan;
        let subnet = request.edns.and_then(|edns| edns.subnet.as_ref());
        let subnet =
            subnet.filter(|_| plan.services[id.index()].steering.subnets == Subnets::Counted);
        let named = subnet.and_then(Subnet::client);
        let client = named.unwrap_or(request.asker.source);
        let hit = match (named, subnet) {
            (Some(address), Some(subnet)) => {
                let prefix = subnet.source_prefix;
                plan.classify_network(id, Network { address, prefix })
            }
            _ => plan.classify(id, client),
        };
        Self {
            client,
            named,
            hit,
            own: plan.client_hash(client),
        }
    }

    /// The scope of an answer: of its class, or no wider than a cohort's network.
    #[inline(always)]
    pub(super) fn scope(&self, by_cohort: bool) -> u8 {
        match by_cohort {
            true => cohort_scope(self.client, self.hit.prefix),
            false => scope(self.client, self.hit.prefix),
        }
    }
}

/// Answers with addresses, or denies the type.
///
/// # Errors
/// [`Full`], with no address written.
#[inline(always)]
pub(super) fn addresses(
    walk: &mut Walk<'_, '_, '_, '_>,
    (here, trail): (Here<'_>, Trail),
    (id, service): (ServiceId, &Service),
) -> Result<SteeredTurn, Full> {
    let qtype = walk.request.question.qtype;
    let any = qtype == rtype::ANY || (qtype == rtype::RRSIG && walk.shown.is_some());
    let any = || first_family(service).filter(|_| any);
    let Some(family) = family(qtype).or_else(any) else {
        deny(walk, here, trail);
        return Ok(SteeredTurn::Done);
    };
    let asking = Asking::of(walk.request, id);
    let table = walk.request.table;
    walk.outcome.service = Some(id);
    let selection = table.select(id, family, asking.hit.class, asking.own);
    walk.outcome.asked = selection.map(|_| (family, asking.hit.class));
    // Whoever is given something is so by some endpoint; that of those who are not is looked for.
    if asking.named.is_some() && (selection.is_some() || has_endpoints(service, family)) {
        let by_cohort = selection.is_some_and(|selection| selection.by_cohort);
        walk.outcome.scope = asking.scope(by_cohort);
    }
    match selection {
        Some(selection) if selection.records.is_empty() => {
            all_down(walk, (here, trail), service, &selection)
        }
        Some(selection) => return give(walk, (here, trail), (service, family), &selection),
        None if service.is_unresolved => not_yet(walk),
        None => deny(walk, here, trail),
    }
    Ok(SteeredTurn::Done)
}

/// A machine that is known by name may have such addresses, and nobody knows yet.
#[cold]
fn not_yet(walk: &mut Walk<'_, '_, '_, '_>) {
    walk.reply.clear();
    walk.outcome.rcode = rcode::SERVFAIL;
    walk.outcome.authoritative = false;
    walk.outcome.reason = Reason::AllDown;
}

/// Answers with a selection. There are two callers of its caller, so it is not inlined by itself.
#[inline(always)]
fn give(
    walk: &mut Walk<'_, '_, '_, '_>,
    (here, trail): (Here<'_>, Trail),
    (service, family): (&Service, Family),
    selection: &Selection<'_>,
) -> Result<SteeredTurn, Full> {
    walk.outcome.region = selection.region;
    walk.outcome.reason = selection.reason;
    let ttl = selection.ttl(walk.request.asker.now, service.ttl);
    let ttl = ttl.min(walk.longest);
    if walk.request.question.qtype != rtype::RRSIG {
        walk.reply
            .addresses(here.owner(), ttl, family, selection.records)?;
    }
    let signed = walk.signed.or(walk.shown);
    let signatures = signed.and_then(|signed| signed.of_variant(trail.node, selection.records));
    walk.sign(Section::Answer, here.owner(), signatures, ttl)?;
    walk.prove_wildcard(here, trail);
    Ok(SteeredTurn::Done)
}

/// Nothing is healthy, and the service does not want that answered.
pub(super) fn all_down(
    walk: &mut Walk<'_, '_, '_, '_>,
    (here, trail): (Here<'_>, Trail),
    service: &Service,
    selection: &Selection<'_>,
) {
    walk.outcome.reason = Reason::AllDown;
    match service.all_down {
        AllDown::Nodata => {
            let longest = selection.ttl(walk.request.asker.now, service.ttl);
            walk.longest = walk.longest.min(longest);
            walk.add_soa(here, u32::MAX);
            walk.prove_lack(here, trail);
        }
        AllDown::Servfail | AllDown::FailOpen => {
            walk.reply.clear();
            walk.outcome.rcode = rcode::SERVFAIL;
            walk.outcome.authoritative = false;
        }
    }
}

pub(super) fn deny(walk: &mut Walk<'_, '_, '_, '_>, here: Here<'_>, trail: Trail) {
    walk.outcome.reason = Reason::Nodata;
    walk.add_soa(here, u32::MAX);
    walk.prove_lack(here, trail);
}

pub(super) fn family(qtype: u16) -> Option<Family> {
    match qtype {
        rtype::A => Some(Family::V4),
        rtype::AAAA => Some(Family::V6),
        _ => None,
    }
}

/// The first family that there are any addresses of: what is given to who asks for any, or for
/// signatures alone.
fn first_family(service: &Service) -> Option<Family> {
    let mut families = [Family::V4, Family::V6].into_iter();
    families.find(|&family| has_endpoints(service, family))
}

/// Whether any client can get an address of this family; if none can, no answer depends on
/// the client.
fn has_endpoints(service: &Service, family: Family) -> bool {
    let pools = &service.pools[family.index()];
    pools.iter().any(|pool| !pool.tiers.is_empty())
}

/// The scope of an answer that is the same for a whole class.
fn scope(client: IpAddr, prefix: u8) -> u8 {
    match is_mapped(client) {
        true => MAPPED_PREFIX.saturating_add(prefix),
        false => prefix,
    }
}

/// The scope of an answer that is the same for a cohort of a class.
fn cohort_scope(client: IpAddr, prefix: u8) -> u8 {
    let cohort = match client {
        IpAddr::V6(_) if !is_mapped(client) => COHORT_PREFIX_V6,
        IpAddr::V4(_) | IpAddr::V6(_) => COHORT_PREFIX_V4,
    };
    scope(client, prefix.max(cohort))
}

fn is_mapped(client: IpAddr) -> bool {
    match client {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_as_wide_as_the_answer_holds() {
        for (client, prefix, of_class, of_cohort) in [
            ("192.0.2.0", 0, 0, 24),
            ("192.0.2.0", 12, 12, 24),
            ("192.0.2.1", 32, 32, 32),
            ("2001:db8::", 0, 0, 48),
            ("2001:db8::", 32, 32, 48),
            ("2001:db8::", 64, 64, 64),
            ("::ffff:192.0.2.0", 0, 96, 120),
            ("::ffff:192.0.2.0", 16, 112, 120),
            ("::ffff:192.0.2.1", 32, 128, 128),
        ] {
            let client = client.parse().unwrap();
            assert_eq!(scope(client, prefix), of_class, "{client}/{prefix}");
            assert_eq!(cohort_scope(client, prefix), of_cohort, "{client}/{prefix}");
        }
    }

    #[test]
    fn only_address_types_are_steered() {
        assert_eq!(family(rtype::A), Some(Family::V4));
        assert_eq!(family(rtype::AAAA), Some(Family::V6));
        assert_eq!(family(rtype::TXT), None);
    }
}
