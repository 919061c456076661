//! Addresses beside records that follow the choice: those of the names that SRV, MX and their like lead to.
//!
//! The answer is one client's already, so a target that is steered gets what this client would get if it asked: its addresses
//! depend on the client no more than the answer does, if the scope is as narrow as either needs. What a name that may be
//! answered with a CNAME comes to is left to the client. As beside static answers nothing is looked up in other zones or below
//! cuts, and what has no room is left out.
use super::lookup::{Here, Walk};
use super::steered::Asking;
use crate::base::limits::ADDITIONAL_TARGETS;
use crate::base::{Family, ServiceId};
use crate::dns::octets;
use crate::dns::reply::{Owner, Section};
use crate::dns::rr::{RrSet, rtype};
use crate::dns::zone::{Found, MAY_ALIAS, Mount, Trail, service_number};

/// Adds addresses of the names that records lead to; they stand in the reply from `record` on.
pub(super) fn add(
    walk: &mut Walk<'_, '_, '_, '_>,
    here: Here<'_>,
    (mut record, set): (usize, RrSet<'_>),
) {
    if set.target_names().all(|name| name.is_none()) {
        return;
    }
    walk.show_proofs(here);
    let names = walk.reply.rotated(set.count, set.target_names());
    for name in names.take(ADDITIONAL_TARGETS) {
        let rdata = walk.reply.rdata(record);
        record = rdata.end;
        let Some((at, name)) = name else { continue };
        let Some(apex) = octets::ending(name, walk.zone.apex().as_wire()) else {
            continue;
        };
        let owner = Owner::at(rdata.start + at, name);
        for (family, kind) in Family::ALL.into_iter().zip([rtype::A, rtype::AAAA]) {
            match walk.zone.trace(name, apex, kind) {
                (Found::Answer(set), trail) => add_set(walk, owner, (trail, set)),
                (Found::Mounted(mount), trail) => add_steered(walk, owner, (trail, mount), family),
                (
                    Found::Cname(_)
                    | Found::Dname { .. }
                    | Found::Referral { .. }
                    | Found::Nodata
                    | Found::Nxdomain,
                    _,
                ) => {}
            }
        }
    }
}

fn add_set(walk: &mut Walk<'_, '_, '_, '_>, owner: Owner<'_>, (trail, set): (Trail, RrSet<'_>)) {
    let set = set.for_at_most(walk.longest);
    if walk.reply.rrset(Section::Additional, owner, set).is_ok() {
        // Without them the addresses are as good as unsigned ones (RFC 4035, section 3.1.1).
        let _ = walk.sign_set(Section::Additional, owner, (trail.node, set));
    }
}

fn add_steered(
    walk: &mut Walk<'_, '_, '_, '_>,
    owner: Owner<'_>,
    (trail, mount): (Trail, Mount),
    family: Family,
) {
    let id = ServiceId(service_number(mount));
    let request = walk.request;
    let service = request.table.plan.services.get(id.index());
    let Some(service) = service.filter(|_| mount & MAY_ALIAS == 0) else {
        return;
    };
    let asking = Asking::of(request, id);
    let found = request
        .table
        .select(id, family, asking.hit.class, asking.own);
    let Some(found) = found.filter(|found| !found.records.is_empty()) else {
        return;
    };
    let ttl = found.ttl(request.asker.now, service.ttl).min(walk.longest);
    let added = walk
        .reply
        .addresses_beside(owner, ttl, family, found.records);
    if added.is_err() {
        return;
    }
    if asking.named.is_some() {
        let scope = asking.scope(found.by_cohort);
        walk.outcome.scope = walk.outcome.scope.max(scope);
    }
    let signatures = walk
        .signed
        .and_then(|signed| signed.of_variant(trail.node, found.records));
    // As above.
    let _ = walk.sign(Section::Additional, owner, signatures, ttl);
}
