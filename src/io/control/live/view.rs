//! The state as the page is told it: piece by piece, each under a key, with moments in place of ages.
//!
//! An age changes with every look, a moment does not: so only what has changed is told again. A probe that went well changes nothing
//! here; when it was and how long it took is asked for one endpoint at a time ([`crate::io::control`]). Moments are found from ages
//! with two clocks, and a second's rounding; one that has moved by less than [`JITTER_MS`] has not moved.
use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::Utc;
use crate::engine::Status;
use crate::engine::status::{
    CertificateStatus, EndpointStatus, GeoStatus, LimitedStatus, OrderStatus, RegionStatus,
    RegionalStatus, ServiceStatus, SlotStatus, TargetStatus, ZoneStatus,
};
use crate::plan::Plan;
use crate::share::ClusterSummary;

/// Difference of two readings of one moment.
const JITTER_MS: u64 = 2500;

/// All pieces by key.
pub(super) type LiveView = BTreeMap<String, LivePiece>;

/// One piece; what of it is told is what it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum LivePiece {
    Head(Box<LiveHead>),
    Region(Box<LiveRegion>),
    Endpoint(Box<LiveEndpoint>),
    Service(Box<ServiceStatus>),
    Zone(Box<ZoneStatus>),
}

/// The node as a whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LiveHead {
    node: String,
    version: String,
    plan: String,
    policy: String,
    generation: u64,
    built_at: Utc,
    started_at: Utc,
    doubting: bool,
    doubt: String,
    capped: bool,
    unwatched: Vec<String>,
    refused: Option<LiveRefusal>,
    limited: Vec<LimitedStatus>,
    geo: GeoStatus,
    certificate: Option<CertificateStatus>,
    canaries: Vec<LiveSlot>,
    cluster: Option<ClusterSummary>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LiveRefusal {
    refused_at: Utc,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LiveRegion {
    name: String,
    jurisdiction: Option<String>,
    capacity: Option<u64>,
    load_thousandths: Option<u64>,
    latitude_thousandths: i32,
    longitude_thousandths: i32,
    place: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LiveEndpoint {
    name: String,
    region: String,
    provider: String,
    tier: u16,
    weight: u16,
    disabled: bool,
    capacity: Option<u32>,
    load_thousandths: Option<u64>,
    addresses: Vec<String>,
    orders: Vec<LiveOrder>,
    targets: Vec<LiveTarget>,
    place: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct LiveOrder {
    action: String,
    value: Option<String>,
    scope: String,
    author: String,
    reason: String,
    since_at: Utc,
    ends_at: Option<Utc>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct LiveTarget {
    family: String,
    monitors: Vec<String>,
    watch: String,
    services: Vec<String>,
    state: String,
    detail: String,
    share_permille: u16,
    next_step_at: Option<Utc>,
    since_at: Utc,
    unwatched: bool,
    without: Vec<String>,
    wants_approval: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    regions: Vec<RegionalStatus>,
    slots: Vec<LiveSlot>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LiveSlot {
    monitor: String,
    address: String,
    state: String,
    cause: Option<String>,
    unwatched: bool,
    certificate_expires_at: Option<Utc>,
}

/// Makes the pieces of a status that was told at `now`; moments that have not moved stay as they were.
pub(super) fn view(
    status: &Status,
    plan: &Plan,
    (now, node): (Utc, &str),
    before: &LiveView,
) -> LiveView {
    let mut pieces = LiveView::new();
    let ago = |age_ms: u64| Utc(now.0.saturating_sub(age_ms));
    let mut head = LiveHead::new(status, node, ago);
    if let Some(LivePiece::Head(before)) = before.get("h") {
        head.settle(before);
    }
    pieces.insert("h".to_owned(), LivePiece::Head(Box::new(head)));
    let mut place = 0;
    for region in &status.regions {
        let location = plan.regions.iter().find(|own| own.name == region.name);
        let location = location.map_or((0, 0), |own| {
            (own.location.latitude, own.location.longitude)
        });
        let piece = LiveRegion::new(region, location, pieces.len());
        pieces.insert(
            format!("r/{}", region.name),
            LivePiece::Region(Box::new(piece)),
        );
        for endpoint in &region.endpoints {
            let key = format!("e/{}", endpoint.name);
            let mut piece = LiveEndpoint::new(endpoint, &region.name, place, now);
            if let Some(LivePiece::Endpoint(before)) = before.get(&key) {
                piece.settle(before);
            }
            place += 1;
            pieces.insert(key, LivePiece::Endpoint(Box::new(piece)));
        }
    }
    for service in &status.services {
        let piece = LivePiece::Service(Box::new(service.clone()));
        pieces.insert(format!("s/{}", service.name), piece);
    }
    for zone in &status.zones {
        let piece = LivePiece::Zone(Box::new(zone.clone()));
        pieces.insert(format!("z/{}", zone.name), piece);
    }
    pieces
}

/// Keeps a moment that has not moved.
fn settle(own: &mut Utc, before: Utc) {
    if own.0.abs_diff(before.0) < JITTER_MS {
        *own = before;
    }
}

fn settle_some(own: &mut Option<Utc>, before: Option<Utc>) {
    if let (Some(own), Some(before)) = (own, before) {
        settle(own, before);
    }
}

impl LiveHead {
    fn new(status: &Status, node: &str, ago: impl Fn(u64) -> Utc) -> Self {
        let refused = status.refused.as_ref().map(|refused| LiveRefusal {
            refused_at: ago(refused.age_ms),
            reason: refused.reason.clone(),
        });
        Self {
            node: node.to_owned(),
            version: status.version.clone(),
            plan: status.plan.clone(),
            policy: status.policy.clone(),
            generation: status.generation,
            built_at: ago(status.table_age_ms),
            started_at: ago(status.uptime_ms),
            doubting: status.doubting,
            doubt: status.doubt.clone(),
            capped: status.capped,
            unwatched: status.unwatched.clone(),
            refused,
            limited: status.limited.clone(),
            geo: status.geo.clone(),
            certificate: status.certificate.clone(),
            canaries: status.canaries.iter().map(LiveSlot::new).collect(),
            cluster: status.cluster.clone(),
        }
    }

    fn settle(&mut self, before: &Self) {
        settle(&mut self.built_at, before.built_at);
        settle(&mut self.started_at, before.started_at);
        if let (Some(own), Some(before)) = (&mut self.refused, &before.refused) {
            settle(&mut own.refused_at, before.refused_at);
        }
    }
}

impl LiveRegion {
    fn new(region: &RegionStatus, (latitude, longitude): (i32, i32), place: usize) -> Self {
        Self {
            name: region.name.clone(),
            jurisdiction: region.jurisdiction.clone(),
            capacity: region.capacity,
            load_thousandths: region.load_thousandths,
            latitude_thousandths: latitude,
            longitude_thousandths: longitude,
            place,
        }
    }
}

impl LiveEndpoint {
    fn new(endpoint: &EndpointStatus, region: &str, place: usize, now: Utc) -> Self {
        let orders = endpoint.orders.iter();
        let targets = endpoint.targets.iter();
        Self {
            name: endpoint.name.clone(),
            region: region.to_owned(),
            provider: endpoint.provider.clone(),
            tier: endpoint.tier,
            weight: endpoint.weight,
            disabled: endpoint.disabled,
            capacity: endpoint.capacity,
            load_thousandths: endpoint.load_thousandths,
            addresses: endpoint.addresses.clone(),
            orders: orders.map(|own| LiveOrder::new(own, now)).collect(),
            targets: targets.map(|own| LiveTarget::new(own, now)).collect(),
            place,
        }
    }

    fn settle(&mut self, before: &Self) {
        for (own, before) in self.orders.iter_mut().zip(&before.orders) {
            settle(&mut own.since_at, before.since_at);
            settle_some(&mut own.ends_at, before.ends_at);
        }
        for (own, before) in self.targets.iter_mut().zip(&before.targets) {
            settle(&mut own.since_at, before.since_at);
            settle_some(&mut own.next_step_at, before.next_step_at);
        }
    }
}

impl LiveOrder {
    fn new(order: &OrderStatus, now: Utc) -> Self {
        Self {
            action: order.action.clone(),
            value: order.value.clone(),
            scope: order.scope.clone(),
            author: order.author.clone(),
            reason: order.reason.clone(),
            since_at: Utc(now.0.saturating_sub(order.since_ms)),
            ends_at: order
                .ends_in_ms
                .map(|left| Utc(now.0.saturating_add(left)).to_nearest_second()),
        }
    }
}

impl LiveTarget {
    fn new(target: &TargetStatus, now: Utc) -> Self {
        Self {
            family: target.family.clone(),
            monitors: target.monitors.clone(),
            watch: target.watch.clone(),
            services: target.services.clone(),
            state: target.state.clone(),
            detail: target.detail.clone(),
            share_permille: target.share_permille,
            next_step_at: target
                .next_step_ms
                .map(|left| Utc(now.0.saturating_add(left))),
            since_at: Utc(now.0.saturating_sub(target.since_ms)),
            unwatched: target.unwatched,
            without: target.without.clone(),
            wants_approval: target.wants_approval,
            regions: target.regions.clone(),
            slots: target.slots.iter().map(LiveSlot::new).collect(),
        }
    }
}

impl LiveSlot {
    fn new(slot: &SlotStatus) -> Self {
        Self {
            monitor: slot.monitor.clone(),
            address: slot.address.clone(),
            state: slot.state.clone(),
            cause: slot.cause.clone(),
            unwatched: slot.unwatched,
            certificate_expires_at: slot.certificate_expires.map(Utc::from_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::fixture::World;

    fn status(since_ms: u64, age_ms: u64) -> Status {
        let target = TargetStatus {
            since_ms,
            slots: vec![SlotStatus {
                age_ms: Some(age_ms),
                ..SlotStatus::default()
            }],
            ..TargetStatus::default()
        };
        let endpoint = EndpointStatus {
            name: "one".to_owned(),
            targets: vec![target],
            ..EndpointStatus::default()
        };
        Status {
            uptime_ms: since_ms,
            table_age_ms: since_ms,
            regions: vec![RegionStatus {
                endpoints: vec![endpoint],
                ..RegionStatus::default()
            }],
            ..Status::default()
        }
    }

    #[test]
    fn time_that_passes_changes_nothing_and_a_state_that_is_new_does() {
        let plan = World::new(&[(0, 1, 1)], &[&[0]]).plan();
        let first = view(
            &status(5000, 10),
            &plan,
            (Utc(100_000), "n"),
            &LiveView::new(),
        );
        let later = view(&status(7004, 2014), &plan, (Utc(102_001), "n"), &first);
        assert_eq!(first, later);
        let other = view(&status(0, 0), &plan, (Utc(110_000), "n"), &later);
        let changed: Vec<_> = other
            .iter()
            .filter(|(key, piece)| later.get(*key) != Some(piece))
            .map(|(key, _)| key.as_str())
            .collect();
        assert_eq!(changed, ["e/one", "h"]);
    }
}
