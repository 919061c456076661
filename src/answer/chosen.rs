//! Steered names whose service answers with more than addresses: CNAMEs, and RRsets of other types by choice.
//!
//! Names of such services are marked ([`crate::dns::zone::HAS_RECORDS`]), so that all others are answered without a look at
//! what is here.
//!
//! ```text
//! the choice of the leading family --> a CNAME of its endpoint or region -> that, whatever is asked for
//!                                  '-> no CNAME: A, AAAA -> steered
//!                                                others  -> the RRset of the choice, or NODATA
//! ```
//!
//! **For whom it holds.** As for addresses. Where a CNAME may be given every answer depends on the choice, that for
//! types which the name does not have at all too; a chain has the narrowest scope of its names.
//!
//! **How long.** As long as the choice, and not longer than the RRset says; a denial that follows from the choice neither.
use super::led;
use super::lookup::{Alias, Here, Step, Walk};
use super::steered::{self, Asking, SteeredTurn};
use crate::base::{Family, Reason, ServiceId};
use crate::dns::reply::{Full, Section};
use crate::dns::rr::{RrSet, rcode, rtype};
use crate::dns::zone::{Trail, service_number};
use crate::plan::{ChosenSet, Hints, Service};
use crate::table::RecordChoice;

/// Answers for a name of a marked service, unless that is by an alias: then [`alias`] has it.
///
/// # Errors
/// [`Full`], with nothing written.
#[cold]
#[inline(never)]
pub(super) fn steer(
    walk: &mut Walk<'_, '_, '_, '_>,
    at: (Here<'_>, Trail),
    marked: ServiceId,
) -> Result<SteeredTurn, Full> {
    let id = ServiceId(service_number(marked.0));
    let request = walk.request;
    let Some(service) = request.table.plan.services.get(id.index()) else {
        walk.outcome.rcode = rcode::SERVFAIL;
        walk.outcome.authoritative = false;
        return Ok(SteeredTurn::Done);
    };
    let asking = Asking::of(request, id);
    let choice = request.table.choose(id, asking.hit.class, asking.own);
    let qtype = request.question.qtype;
    walk.outcome.service = Some(id);
    let may_alias = service.records.may_alias();
    if may_alias {
        narrow(walk, &asking, choice);
    }
    if let Some((choice, set)) = choice.and_then(|own| Some((own, own.alias(service)?))) {
        walk.outcome.region = choice.selection.region;
        walk.outcome.reason = choice.selection.reason;
        let is_counted = steered::family(qtype).is_some();
        walk.outcome.asked = is_counted.then_some((choice.family, asking.hit.class));
        if walk.shown.is_some() && qtype == rtype::RRSIG {
            let set = timed(walk, (service, &choice), set);
            let signed = walk.signed.or(walk.shown);
            let signatures = signed
                .and_then(|signed| signed.of_steered_set(at.1.node, set.rtype, set.records()));
            walk.sign(Section::Answer, at.0.owner(), signatures, set.ttl)?;
            walk.prove_wildcard(at.0, at.1);
            return Ok(SteeredTurn::Done);
        }
        return Ok(SteeredTurn::Alias);
    }
    let any = qtype == rtype::ANY || qtype == rtype::RRSIG && walk.shown.is_some();
    if any || steered::family(qtype).is_some() {
        let scope = walk.outcome.scope;
        let turn = steered::addresses(walk, at, (id, service));
        walk.outcome.scope = walk.outcome.scope.max(scope);
        return turn;
    }
    let Some(kind) = service.records.of_type(qtype) else {
        let longest = choice
            .filter(|_| may_alias)
            .map(|own| ttl(walk, (service, &own)));
        deny(walk, at, longest);
        return Ok(SteeredTurn::Done);
    };
    narrow(walk, &asking, choice);
    match choice {
        Some(choice) if choice.selection.endpoints.is_empty() => {
            steered::all_down(walk, at, service, &choice.selection);
        }
        Some(choice) => match choice
            .place()
            .and_then(|(region, first)| kind.of(region, first))
        {
            Some(set) => return give(walk, at, (id, service), (&choice, set)),
            None => {
                let longest = ttl(walk, (service, &choice));
                deny(walk, at, Some(longest));
            }
        },
        None => deny(walk, at, None),
    }
    Ok(SteeredTurn::Done)
}

/// The alias that a name of a marked service is answered with.
#[cold]
#[inline(never)]
pub(super) fn alias<'r>(walk: &Walk<'r, '_, '_, '_>, trail: Trail, marked: ServiceId) -> Step<'r> {
    let id = ServiceId(service_number(marked.0));
    let request = walk.request;
    let asking = Asking::of(request, id);
    let service = &request.table.plan.services[id.index()];
    let choice = request.table.choose(id, asking.hit.class, asking.own);
    let found = choice.and_then(|own| Some((own, own.alias(service)?)));
    match found {
        Some((choice, set)) => {
            Step::Alias(Alias::Name(timed(walk, (service, &choice), set)), trail)
        }
        None => Step::Done,
    }
}

/// Makes the scope as narrow as a choice asks for.
fn narrow(walk: &mut Walk<'_, '_, '_, '_>, asking: &Asking, choice: Option<RecordChoice<'_>>) {
    if asking.named.is_some() {
        let by_cohort = choice.is_some_and(|choice| choice.selection.by_cohort);
        let scope = asking.scope(by_cohort);
        walk.outcome.scope = walk.outcome.scope.max(scope);
    }
}

/// Seconds that what follows from a choice may be kept.
fn ttl(walk: &Walk<'_, '_, '_, '_>, (service, choice): (&Service, &RecordChoice<'_>)) -> u32 {
    let ttl = choice.selection.ttl(walk.request.asker.now, service.ttl);
    ttl.min(walk.longest)
}

/// An RRset with the TTL that it has by a choice.
fn timed<'r>(
    walk: &Walk<'_, '_, '_, '_>,
    of: (&Service, &RecordChoice<'_>),
    set: &'r ChosenSet,
) -> RrSet<'r> {
    set.records.set().for_at_most(ttl(walk, of))
}

/// Gives an RRset.
fn give(
    walk: &mut Walk<'_, '_, '_, '_>,
    (here, trail): (Here<'_>, Trail),
    (id, service): (ServiceId, &Service),
    (choice, chosen): (&RecordChoice<'_>, &ChosenSet),
) -> Result<SteeredTurn, Full> {
    walk.outcome.region = choice.selection.region;
    walk.outcome.reason = choice.selection.reason;
    let (owner, set) = (here.owner(), timed(walk, (service, choice), chosen));
    match chosen.hints {
        Hints::AsWritten => {
            let first = walk.reply.rrset(Section::Answer, owner, set)?;
            walk.sign_set(Section::Answer, owner, (trail.node, set))?;
            walk.prove_wildcard(here, trail);
            led::add(walk, here, (first, set));
            return Ok(SteeredTurn::Done);
        }
        Hints::Chosen => {
            let hints = walk.request.table.hints(id, choice);
            let hints = Family::ALL.map(|family| hints.of(family));
            let first = walk.reply.hinted_rrset(owner, set, &hints)?;
            let signatures = walk.signed.and_then(|signed| {
                signed.of_steered_set(trail.node, set.rtype, walk.reply.written_from(first))
            });
            walk.sign(Section::Answer, owner, signatures, set.ttl)?;
        }
    }
    walk.prove_wildcard(here, trail);
    Ok(SteeredTurn::Done)
}

/// Denies the type, for so many seconds at the most where that follows from the choice.
fn deny(walk: &mut Walk<'_, '_, '_, '_>, (here, trail): (Here<'_>, Trail), longest: Option<u32>) {
    walk.outcome.reason = Reason::Nodata;
    if let Some(longest) = longest {
        walk.longest = walk.longest.min(longest);
    }
    walk.add_soa(here, u32::MAX);
    walk.prove_lack_beside_alias(here, trail);
}
