//! Orders that wait for the engine's answer.
//!
//! An order is numbered and handed to the engine, which says in the same turn what it did
//! ([`OrderResult`]). Whoever gave it is told in a sentence, and the log as well, taken or not: who
//! ordered what and why must be found later. Nothing is decided here.
use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::keeper::OrderKeeping;
use super::order_log;
use super::order_spread::OrderReach;
use super::order_words::words;
use crate::base::Calendar;
use crate::engine::{Input, OrderId, OrderRequest, OrderResult};
use crate::io::control::{OrderRefusal, Ordered};

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Ordered, OrderRefusal>>;

/// Orders that the engine has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    last: OrderId,
    orders: BTreeMap<OrderId, (OrderRequest, Reply)>,
}

impl Waiting {
    /// Lets an order wait; gives what the engine is to be handed.
    pub(super) fn begin(&mut self, request: OrderRequest, reply: Reply) -> Input {
        self.last.0 += 1;
        self.orders.insert(self.last, (request.clone(), reply));
        Input::Order(self.last, request)
    }

    /// The order that was given, while it waits.
    pub(super) fn request(&self, id: OrderId) -> Option<&OrderRequest> {
        self.orders.get(&id).map(|(request, _)| request)
    }

    /// Tells whoever gave an order, and the log, what the engine answered, what a restart makes of it, and which nodes of the
    /// cluster know it.
    pub(super) fn end(
        &mut self,
        id: OrderId,
        result: &OrderResult,
        (keeping, calendar): (&OrderKeeping, Calendar),
        spread: Option<&OrderReach>,
    ) {
        let Some((request, reply)) = self.orders.remove(&id) else {
            return;
        };
        let mut told = words(&request, result, (keeping, calendar));
        if let (Ok(told), Ok(executed), Some(spread)) = (&mut told, result, spread) {
            told.result += &spread.words(executed);
            told.known = spread.known();
        }
        order_log::order(&request.order, &told);
        // Whoever asked may have gone.
        drop(reply.send(told));
    }
}
