//! Which orders there are and were, and for whom.
//!
//! Only reads. An order in force is shown with what is left of each of its endpoints now, so that whoever waits for a
//! drain sees it end; where an endpoint has several targets that is the share of the one that has most.
use crate::base::{EndpointId, Moment, Permille};
use crate::plan::Plan;
use crate::share::OrderSpread;

use super::health_state::HealthState;
use super::order::{OrderRecord, PastOrder};

/// All orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderBook {
    /// Those in force or to come, in the order in which they were given.
    pub held: Vec<HeldOrder>,
    /// Those that have ended, last first.
    pub past: Vec<PastOrder>,
    /// Those of a cluster that do nothing, for one node alone may not take out so much.
    pub held_back: Vec<HeldOrder>,
}

/// An order in force or to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOrder {
    /// The order.
    pub record: OrderRecord,
    /// Tells whether it is in force; otherwise it is to come.
    pub in_force: bool,
    /// The endpoints that it covers, each with what is left of its share.
    pub endpoints: Vec<(String, Permille)>,
    /// The nodes that know it, if it is one of all nodes of a cluster; for whoever drives the engine to say.
    pub spread: Option<OrderSpread>,
}

/// All orders, as they stand now.
pub(super) fn orders(plan: &Plan, health: &HealthState, now: Moment) -> OrderBook {
    let orders = &health.drains().orders;
    let held = orders.held().iter();
    let held = held.map(|record| held_order(plan, health, now, record.clone()));
    OrderBook {
        held: held.collect(),
        past: orders
            .past()
            .rev()
            .filter(|past| past.is_recent(now))
            .cloned()
            .collect(),
        held_back: Vec::new(),
    }
}

/// An order with what is left of the endpoints that it is for.
pub(super) fn held_order(
    plan: &Plan,
    health: &HealthState,
    now: Moment,
    record: OrderRecord,
) -> HeldOrder {
    let scope = plan.scope(&record.order.scope);
    let endpoints = scope.map(|scope| scope.endpoints).unwrap_or_default();
    let named = endpoints.into_iter().map(|id| {
        let name = plan.endpoints[id.index()].name.clone();
        (name, share(health, id))
    });
    HeldOrder {
        in_force: record.is_in_force(now),
        endpoints: named.collect(),
        record,
        spread: None,
    }
}

fn share(health: &HealthState, endpoint: EndpointId) -> Permille {
    let targets = health.targets_of(endpoint).iter();
    let shares = targets.map(|id| health.standings()[id.index()].share);
    shares.max().unwrap_or(Permille::NONE)
}
