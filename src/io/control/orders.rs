//! Orders as the control API shows them: what was taken, what holds, what has ended, and what one would do.
//!
//! Times are RFC 3339 in UTC. Orders themselves go by moments, which no clock that is set can move; so the same order
//! may be shown with another time once the system's clock has been set. Nothing is decided here.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::{Calendar, Family, Utc};
use crate::engine::order::{Order, OrderEnd, OrderRecord, PastOrder};
use crate::engine::{Forecast, HeldOrder, OrderBook};
use crate::plan::Plan;
use crate::share::OrderSpread;
use crate::table::{ClientShift, client_shifts};

/// An order that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ordered {
    /// The result; for a person.
    pub result: String,
    /// The endpoints that it is for.
    pub endpoints: Vec<String>,
    /// The order.
    pub order: OrderView,
    /// Other orders in force for some of these endpoints.
    pub held_by: Vec<Holding>,
    /// The nodes that know it, where several have one cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<OrderKnown>,
}

/// The nodes of a cluster that know an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderKnown {
    /// Those that are known to know it, the one that is asked among them.
    pub nodes: usize,
    /// All there are.
    pub of: usize,
    /// Names of nodes that are away: they are not known to know it, and were not heard for long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub away: Vec<String>,
}

/// One order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// `approve`, `refuse`, `drain`, `undrain`, `force` or `lift`.
    pub action: String,
    /// The value of an override: `up`, `down` or a share in percent.
    pub value: Option<String>,
    /// The region, provider or endpoint that was named.
    pub scope: String,
    /// The author.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
    /// The time at which it was given; absent for what holds nothing.
    #[serde(rename = "given_at")]
    pub given: Option<Utc>,
    /// The time from which it is in force.
    pub from: Option<Utc>,
    /// The time at which it ends by itself; absent if it does not.
    pub until: Option<Utc>,
}

/// An order that holds some endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Holding {
    /// The order.
    #[serde(flatten)]
    pub order: OrderView,
    /// The endpoints.
    pub endpoints: Vec<String>,
}

/// All orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderList {
    /// Those in force or to come, in the order in which they were given.
    pub orders: Vec<HeldView>,
    /// Those that have ended, last first.
    pub history: Vec<PastView>,
    /// Those of a cluster that do nothing until another node orders the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_back: Vec<HeldView>,
}

/// An order in force or to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldView {
    /// The order.
    #[serde(flatten)]
    pub order: OrderView,
    /// `in_force`, `pending` or `held_back`.
    pub state: String,
    /// The endpoints that it covers now.
    pub endpoints: Vec<EndpointShare>,
    /// The nodes that know it, where several have one cluster; absent for what this one has alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<OrderKnown>,
}

/// An endpoint, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointShare {
    /// Its name.
    pub name: String,
    /// Its share now, the largest of its targets.
    pub share_permille: u16,
}

/// An order that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastView {
    /// The order.
    #[serde(flatten)]
    pub order: OrderView,
    /// The time at which it ended.
    #[serde(rename = "ended_at")]
    pub ended: Utc,
    /// `expired`, `lifted`, `replaced`, or `done` at once.
    pub end: String,
    /// The name of who ended it; absent if it ended by itself.
    pub ended_by: Option<String>,
    /// Why it was ended; absent or empty if nobody said.
    pub ended_reason: Option<String>,
}

/// The consequences of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastView {
    /// The endpoints that it is for.
    pub endpoints: Vec<String>,
    /// The losses of clients, for a person; an order that does any damage needs `force`.
    pub damage: Vec<String>,
    /// The clients of each service and family that anybody asks for.
    pub services: Vec<ServiceShift>,
}

/// The clients of one family of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceShift {
    /// The service.
    pub service: String,
    /// `v4` or `v6`.
    pub family: String,
    /// The part that would be given other endpoints than now.
    pub moved_permille: u16,
    /// The regions that they are sent to.
    pub regions: Vec<RegionShift>,
}

/// The part of a service's clients that is sent to one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionShift {
    /// The region; absent for those who get no address.
    pub region: Option<String>,
    /// The part now.
    pub before_permille: u16,
    /// The part in the end.
    pub after_permille: u16,
}

impl OrderView {
    /// An order, and how it is held, if it is one that holds.
    #[must_use]
    pub fn new(order: &Order, held: Option<&OrderRecord>, calendar: Calendar) -> Self {
        let time = |moment| calendar.second_of(moment);
        Self {
            action: order.action.word().to_owned(),
            value: order.action.value().map(|value| value.to_string()),
            scope: order.scope.clone(),
            author: order.author.clone(),
            reason: order.reason.clone(),
            given: held.map(|held| time(held.given)),
            from: held.map(|held| time(held.begins())),
            until: held.and_then(|held| held.until).map(time),
        }
    }

    fn of(record: &OrderRecord, calendar: Calendar) -> Self {
        Self::new(&record.order, Some(record), calendar)
    }
}

impl OrderKnown {
    /// As it is shown.
    #[must_use]
    pub fn new(spread: &OrderSpread) -> Self {
        Self {
            nodes: spread.known_by,
            of: spread.of,
            away: spread.away.clone(),
        }
    }
}

impl OrderList {
    /// All orders, as they stand.
    #[must_use]
    pub fn new(book: &OrderBook, calendar: Calendar) -> Self {
        let held = book.held.iter().map(|held| HeldView::new(held, calendar));
        let past = book.past.iter().map(|past| PastView::new(past, calendar));
        let held_back = book.held_back.iter().map(|held| HeldView {
            state: "held_back".to_owned(),
            ..HeldView::new(held, calendar)
        });
        Self {
            orders: held.collect(),
            history: past.collect(),
            held_back: held_back.collect(),
        }
    }
}

impl HeldView {
    fn new(held: &HeldOrder, calendar: Calendar) -> Self {
        let state = if held.in_force { "in_force" } else { "pending" };
        let endpoints = held.endpoints.iter().map(|(name, share)| EndpointShare {
            name: name.clone(),
            share_permille: share.0,
        });
        Self {
            order: OrderView::of(&held.record, calendar),
            state: state.to_owned(),
            endpoints: endpoints.collect(),
            known: held.spread.as_ref().map(OrderKnown::new),
        }
    }
}

impl PastView {
    fn new(past: &PastOrder, calendar: Calendar) -> Self {
        let (end, by, reason) = match &past.end {
            OrderEnd::Expired => ("expired", None, None),
            OrderEnd::Lifted { by, reason } => ("lifted", Some(by), Some(reason)),
            OrderEnd::Replaced { by } => ("replaced", Some(by), None),
            OrderEnd::Done => ("done", None, None),
        };
        Self {
            order: OrderView::of(&past.record, calendar),
            ended: calendar.second_of(past.ended),
            end: end.to_owned(),
            ended_by: by.cloned(),
            ended_reason: reason.cloned(),
        }
    }
}

impl ForecastView {
    /// Tells the consequences; this counts all clients, and may take long.
    #[must_use]
    pub fn new(forecast: &Forecast) -> Self {
        let plan = &forecast.before.plan;
        let shifts = client_shifts(&forecast.before, &forecast.after);
        Self {
            endpoints: forecast.endpoints.clone(),
            damage: forecast.damage.iter().map(ToString::to_string).collect(),
            services: shifts
                .iter()
                .map(|own| ServiceShift::new(plan, own))
                .collect(),
        }
    }
}

impl ServiceShift {
    fn new(plan: &Plan, shift: &ClientShift) -> Self {
        let part = |some: u128| permille(some, shift.clients);
        let regions: BTreeMap<_, _> = shift.regions.iter().collect();
        let regions = regions
            .into_iter()
            .map(|(region, [before, after])| RegionShift {
                region: region.map(|id| plan.regions[id.index()].name.clone()),
                before_permille: part(*before),
                after_permille: part(*after),
            });
        Self {
            service: plan.services[shift.service.index()].name.clone(),
            family: match shift.family {
                Family::V4 => "v4".to_owned(),
                Family::V6 => "v6".to_owned(),
            },
            moved_permille: part(shift.moved),
            regions: regions.collect(),
        }
    }
}

/// A part of all, rounded; what is not nothing is at least one.
fn permille(part: u128, all: u128) -> u16 {
    let rounded = (part * 1000 + all / 2).checked_div(all).unwrap_or(0);
    let least = u128::from(part > 0);
    u16::try_from(rounded.max(least)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Moment, Permille};
    use crate::engine::order::{Action, OrderOrigin, Override};

    fn record(action: Action, until: Option<u64>) -> OrderRecord {
        OrderRecord {
            order: Order {
                action,
                scope: "eu".into(),
                author: "ada".into(),
                reason: "disks".into(),
            },
            given: Moment(1000),
            from: None,
            until: until.map(Moment),
            origin: OrderOrigin::Here,
        }
    }

    #[test]
    fn orders_are_shown_with_times_of_day() {
        let calendar = Calendar {
            now: Moment(5000),
            utc: Utc::parse("2027-03-01T22:00:04Z").unwrap(),
        };
        let half = Action::Force(Override::Share(Permille(305)));
        let book = OrderBook {
            held: vec![HeldOrder {
                record: record(half, Some(61_000)),
                in_force: true,
                endpoints: vec![("fra".into(), Permille(305))],
                spread: Some(OrderSpread {
                    known_by: 4,
                    of: 5,
                    away: Vec::new(),
                }),
            }],
            held_back: Vec::new(),
            past: vec![PastOrder {
                record: record(Action::Drain, None),
                ended: Moment(4000),
                end: OrderEnd::Lifted {
                    by: "bob".into(),
                    reason: String::new(),
                },
            }],
        };
        let list = OrderList::new(&book, calendar);
        let found = serde_json::to_value(&list).unwrap();
        let expected = serde_json::json!({
            "orders": [{
                "action": "force", "value": "30.5%", "scope": "eu", "author": "ada", "reason": "disks",
                "given_at": "2027-03-01T22:00:00Z", "from": "2027-03-01T22:00:00Z", "until": "2027-03-01T22:01:00Z",
                "state": "in_force",
                "endpoints": [{ "name": "fra", "share_permille": 305 }],
                "known": { "nodes": 4, "of": 5 },
            }],
            "history": [{
                "action": "drain", "value": null, "scope": "eu", "author": "ada", "reason": "disks",
                "given_at": "2027-03-01T22:00:00Z", "from": "2027-03-01T22:00:00Z", "until": null,
                "ended_at": "2027-03-01T22:00:03Z", "end": "lifted", "ended_by": "bob", "ended_reason": "",
            }],
        });
        assert_eq!(found, expected);
        assert_eq!(serde_json::from_value::<OrderList>(found).unwrap(), list);
    }

    #[test]
    fn a_part_is_told_without_making_something_nothing() {
        let told = [0, 1, 4999, 500_000, 1_000_000].map(|part| permille(part, 1_000_000));
        assert_eq!(told, [0, 1, 5, 500, 1000]);
        assert_eq!(permille(0, 0), 0);
    }
}
