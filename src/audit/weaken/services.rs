//! Services, hostnames, regions and zones that are dropped, and what is lost of the services that stay.
//!
//! Services are told apart by their hostnames, as everywhere in a comparison: one that was renamed is the same.
use crate::audit::compare::LossKind;
use crate::audit::compare::subjects::{self, Subject};
use crate::base::{Family, MonitorId, RegionId};
use crate::plan::{
    AllDown, Approval, DampingPolicy, Demand, Plan, Pool, Recovery, Region, Residency, Service,
    Subnets,
};

use super::found::{Decisions, Findings};
use super::ramp;
use super::watches::{self, Side, lost_monitors};

/// The word for what is not there any more.
const GONE: &str = "gone";

pub(super) fn judge(sides: [Decisions<'_>; 2], found: &mut Findings) {
    let plans = sides.map(|side| side.plan);
    for subject in subjects::all(plans) {
        match (subject.services[0], subject.kept()) {
            (_, Some(services)) => {
                let [before, after] = [0, 1].map(|side: usize| {
                    let service = &plans[side].services[services[side].index()];
                    Side {
                        plan: plans[side],
                        service,
                    }
                });
                service(before, after, found);
            }
            (Some(_), None) => dropped(plans, &subject, found),
            (None, None) => {}
        }
    }
    regions(plans, found);
    overrides(plans, found);
    // What a catalog lists is its primary's to say.
    let own = sides[0].zoning.zones.iter();
    for zone in own.filter(|zone| zone.listed_by.is_none()) {
        if sides[1].zoning.zone(&zone.id).is_none() {
            found.tell(LossKind::Zone, &zone.id.to_string(), ["served", GONE]);
        }
    }
}

/// Hostnames that are steered no more.
fn dropped(plans: [&Plan; 2], subject: &Subject, found: &mut Findings) {
    let name = subject.name(plans);
    let hostnames = subject.hostnames.join(", ");
    let stays = plans[1].services.iter().any(|one| one.name == name);
    match stays {
        true => found.tell(LossKind::Name, &name, [&*hostnames, "not steered"]),
        false => found.tell(LossKind::Service, &name, [&*hostnames, GONE]),
    }
}

fn regions(plans: [&Plan; 2], found: &mut Findings) {
    let law = |side: usize, region: &Region| {
        let id = region.jurisdiction?;
        Some(plans[side].jurisdictions[id.index()].name.clone())
    };
    for before in &plans[0].regions {
        let Some(after) = plans[1].regions.iter().find(|one| one.name == before.name) else {
            found.tell(LossKind::Region, &before.name, ["there", GONE]);
            continue;
        };
        let Region {
            name,
            location: _,
            jurisdiction: _,
            capacity,
            takes_failover,
        } = before;
        // Another law is the fences' affair; without any, nobody knows what is inside.
        if let (Some(own), None) = (law(0, before), law(1, after)) {
            let of = format!("region {name}");
            found.tell(LossKind::Fence, &of, [&*own, "no jurisdiction"]);
        }
        if !takes_failover && after.takes_failover {
            let change = ["takes_failover = false", "takes everybody"];
            found.tell(LossKind::Fence, &format!("region {name}"), change);
        }
        if let (Some(own), None) = (capacity, after.capacity) {
            let change = [format!("capacity {own}"), "unlimited".to_owned()];
            found.tell(LossKind::Guard, &format!("region {name}"), change);
        }
    }
}

/// Networks whose country the config does not state any more, or states to be another, where a fence rests on countries.
fn overrides(plans: [&Plan; 2], found: &mut Findings) {
    let mut services = plans[0].services.iter();
    if !services.any(|one| one.residency == Residency::Strict) {
        return;
    }
    let [before, after] = plans.map(|plan| plan.atlas.overrides());
    for (network, country) in before {
        let mut others = after.iter();
        let next = others.find(|(other, _)| other == network);
        // A city changes nothing of the law that holds there.
        if next.is_none_or(|(_, other)| other.territory != country.territory) {
            let other = next.map_or(GONE.to_owned(), |(_, other)| other.territory.to_string());
            let change = [country.territory.to_string(), other];
            found.tell(LossKind::Fence, &format!("override {network}"), change);
        }
    }
}

fn service(before: Side<'_>, after: Side<'_>, found: &mut Findings) {
    let Service {
        name,
        hostnames: _,
        // What fences come to is judged client by client.
        map: _,
        steering,
        // Fences come before it.
        measured: _,
        outside: _,
        unknown: _,
        residency,
        all_down,
        demand,
        overload: _,
        answers: _,
        ttl: _,
        // Judged with those of its endpoints.
        monitors: _,
        combination: _,
        // They decide nothing.
        reported: _,
        recovery,
        // Zones are judged by themselves.
        is_signed: _,
        is_unresolved: _,
        // It follows the choice, which fences are held against.
        records: _,
        // A hostname that a view loses is a name that is gone.
        views: _,
        pools,
    } = before.service;
    let next = after.service;
    let trickles = [pools, &next.pools].map(Pool::trickle_of);
    found.fall(LossKind::Guard, &format!("trickle of {name}"), trickles);
    if next.residency < *residency {
        let word = |residency| match residency {
            Residency::Any => "any",
            Residency::Prefer => "prefer",
            Residency::Strict => "strict",
        };
        let change = [*residency, next.residency].map(word);
        found.tell(LossKind::Fence, name, change);
    }
    if *all_down != AllDown::FailOpen && next.all_down == AllDown::FailOpen {
        let change = ["all_down is no answer", "all_down = \"fail-open\""];
        found.tell(LossKind::Guard, name, change);
    }
    if steering.is_own && !next.steering.is_own {
        let change = ["steering of its own", "that of the regions"];
        found.tell(LossKind::Guard, name, change);
    } else if steering.is_closed && !next.steering.is_closed {
        let change = ["a closed fallback", "an open one"];
        found.tell(LossKind::Fence, name, change);
    }
    if (*residency, next.residency) == (Residency::Strict, Residency::Strict)
        && (steering.subnets, next.steering.subnets) == (Subnets::Counted, Subnets::PassedOver)
    {
        let change = ["fences by the client's network", "by its resolver's"];
        found.tell(LossKind::Fence, name, change);
    }
    if steering.is_sticky && !next.steering.is_sticky {
        let change = ["clients keep their endpoints", "they may be dealt anew"];
        found.tell(LossKind::Guard, name, change);
    }
    if before.has_own() && !after.has_own() {
        let change = ["endpoints of its own", "those of the regions"];
        found.tell(LossKind::Service, name, change);
    }
    if *demand != Demand::Unstated && next.demand == Demand::Unstated {
        found.tell(LossKind::Guard, name, ["demand", "no demand"]);
    }
    watches::judge([before, after], found);
    places(before, after, found);
    let own = &before.plan.recoveries[recovery.index()];
    let other = &after.plan.recoveries[next.recovery.index()];
    returns(name, [before, after], [own, other], found);
}

/// Regions where a service had endpoints of a family, and has none now.
fn places(before: Side<'_>, after: Side<'_>, found: &mut Findings) {
    let still = |region: &RegionId| {
        let name = &before.plan.regions[region.index()].name;
        after.plan.regions.iter().any(|one| one.name == *name)
    };
    let regions = (0..before.plan.regions.len()).map(RegionId::from_index);
    for region in regions.filter(still) {
        let name = &before.plan.regions[region.index()].name;
        for (family, kind) in [(Family::V4, "A"), (Family::V6, "AAAA")] {
            if before.is_in(family, name) && !after.is_in(family, name) {
                let change = [format!("{kind} in {name}"), "none there".to_owned()];
                found.tell(LossKind::Region, &before.service.name, change);
            }
        }
    }
}

/// Gates, approvals and the pace of returns.
fn returns(
    service: &str,
    sides: [Side<'_>; 2],
    [before, after]: [&Recovery; 2],
    found: &mut Findings,
) {
    let Recovery {
        name: _,
        steps,
        every,
        gates,
        approval,
        delay,
        damping: DampingPolicy { half_life, most },
    } = before;
    for gate in lost_monitors(sides, [gates, &after.gates]) {
        let change = [&*format!("gate {gate}"), "no such gate"];
        found.tell(LossKind::Gate, service, change);
    }
    for gate in other_gates(sides, [gates, &after.gates]) {
        let change = [&*format!("gate {gate}"), "another check"];
        found.tell(LossKind::Gate, service, change);
    }
    if (*approval, after.approval) == (Approval::Needed, Approval::Automatic) {
        let change = ["returns by approval", "returns by itself"];
        found.tell(LossKind::Gate, service, change);
    }
    found.fall(
        LossKind::Gate,
        &format!("delay of {service}"),
        [*delay, after.delay],
    );
    if ramp::runs_ahead((steps, *every), (&after.steps, after.every)) {
        found.tell(LossKind::Gate, service, ["its ramp", "a faster ramp"]);
    }
    let of = format!("damping of {service}");
    found.fall(LossKind::Guard, &of, [*most, after.damping.most]);
    found.fall(LossKind::Guard, &of, [*half_life, after.damping.half_life]);
}

/// Gates that stay by name and ask for something else now: less, for all that is known.
fn other_gates(sides: [Side<'_>; 2], lists: [&[MonitorId]; 2]) -> Vec<String> {
    let [own, other] = lists;
    let changed = own.iter().filter(|id| {
        let monitor = &sides[0].plan.monitors[id.index()];
        let others = other.iter().map(|id| &sides[1].plan.monitors[id.index()]);
        let mut same_name = others.filter(|other| other.name == monitor.name);
        same_name.any(|other| {
            other.check != monitor.check
                || other.port != monitor.port
                || other.slow_after != monitor.slow_after
                || other.degraded != monitor.degraded
        })
    });
    changed.map(|id| sides[0].monitor(*id).to_owned()).collect()
}
