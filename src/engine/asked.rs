//! Questions that are asked of the engine beside what happens to it: its vote, and what an order would do; and what it takes in of
//! demand.
use super::Engine;
use super::demand::Observed;
use super::forecast::Forecast;
use super::order::{Order, OrderRecord, OrderRequest, Refused};
use super::order_book::{self, HeldOrder};
use crate::base::{Moment, limits};
use crate::share::{Ballot, Sight, Trust};

impl Engine {
    /// This node's vote on all targets of the plan, in place of a blank one.
    #[must_use]
    pub fn vote(&self, now: Moment, blank: Ballot) -> Ballot {
        self.health.vote(now, blank)
    }

    /// Tells whether this node trusts itself, and whether its canaries pass. Those that it cannot look at do not, whatever was seen
    /// of them last: a node that has lost its address or its routes runs no probe.
    #[must_use]
    pub fn sight(&self) -> (Trust, Sight) {
        let all = &self.plan.canaries;
        let blind = all.iter().filter(|slot| self.lookout.is_unwatched(**slot));
        let sight = match self.health.sight() {
            Sight::Clear if blind.count() * 2 < all.len() => Sight::Clear,
            Sight::Clear | Sight::Poor => Sight::Poor,
        };
        (self.health.trust(), sight)
    }

    /// Reckons what a drain or an override would do; nothing changes.
    ///
    /// # Errors
    /// If it is for nothing.
    pub fn forecast(&self, now: Moment, order: &Order) -> Result<Forecast, Refused> {
        let named = self.named(order)?;
        Ok(self.outlook(now).forecast(order, &named))
    }

    /// An order that does nothing now, with what is left of the endpoints that it is for.
    #[must_use]
    pub fn held_back(&self, now: Moment, record: OrderRecord) -> HeldOrder {
        HeldOrder {
            in_force: false,
            ..order_book::held_order(&self.plan, &self.health, now, record)
        }
    }

    /// Checks what an order is for and when; nothing changes. Gives the endpoints.
    ///
    /// # Errors
    /// If it is for nothing, or cannot be held.
    pub fn check(&self, now: Moment, request: &OrderRequest) -> Result<Vec<String>, Refused> {
        let named = self.named(&request.order)?;
        OrderRecord::checked(now, request)?;
        let names = named.iter().map(|id| &self.plan.endpoints[id.index()].name);
        Ok(names.cloned().collect())
    }

    /// Takes in what was counted; a table follows if it is worth one.
    pub(super) fn observe(&mut self, now: Moment, observed: &Observed) {
        let is_worth = self.demand.observe(&self.plan, observed);
        self.replan(now, is_worth);
    }

    /// Plans to publish, where another demand or capacity is planned with.
    pub(super) fn replan(&mut self, now: Moment, is_other: bool) {
        if is_other && self.table.plans_capacity() {
            let due = now.after(limits::COALESCE);
            self.publish_at = Some(self.publish_at.map_or(due, |planned| planned.min(due)));
        }
    }
}
