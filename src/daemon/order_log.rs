//! Lines of the log about orders: each that is given, taken or not, and each that begins or ends by itself.
//!
//! Who ordered what and why must be found later, so they stand in fields of their own. Nothing is decided here.
use tracing::{info, warn};

use crate::engine::Notice;
use crate::engine::order::Order;
use crate::io::control::{OrderRefusal, Ordered};
use crate::io::log_line::LogList;

/// Writes an operator's order as a line, with what the engine answered.
pub(super) fn order(order: &Order, answer: &Result<Ordered, OrderRefusal>) {
    let (action, scope) = (order.action.word(), &order.scope);
    let (author, reason) = (&order.author, &order.reason);
    match answer {
        Ok(ordered) => info!(
            event = "order",
            action, scope, author, reason, "{}", ordered.result
        ),
        Err(
            OrderRefusal::Unknown(why)
            | OrderRefusal::Needless(why)
            | OrderRefusal::Damaging(why)
            | OrderRefusal::Bad(why),
        ) => warn!(
            event = "order_refused",
            action, scope, author, reason, "{why}"
        ),
    }
}

/// Writes that an order began or ended by itself.
pub(super) fn due(notice: &Notice) {
    let Notice::OrderDue {
        began,
        action,
        scope,
        endpoints,
        author,
        reason,
    } = notice
    else {
        return;
    };
    let (action, endpoints) = (action.word(), LogList(endpoints));
    let (event, text) = match began {
        true => ("order_began", "the time of an order has come"),
        false => ("order_expired", "the time of an order is over"),
    };
    info!(event, action, scope, ?endpoints, author, reason, "{text}");
}
