//! Orders that stand, asked of one node's copy. How the log comes to them is in [`super::orders`].
use super::cluster::Cluster;
use super::entry::LogAct;
use super::orders::{self, OrderInForce, ScopeCapacity};
use crate::base::Utc;

impl Cluster {
    /// The orders that stand: in force or to come, those held back and those that end others among them.
    #[must_use]
    pub fn standing(&self, wall: Utc, capacity: &dyn ScopeCapacity) -> Vec<OrderInForce<'_>> {
        orders::standing(&self.log, &self.void, wall, &self.roster, capacity)
    }

    /// Those of them that are in force.
    #[must_use]
    pub fn in_force(&self, wall: Utc, capacity: &dyn ScopeCapacity) -> Vec<OrderInForce<'_>> {
        let mut orders = self.standing(wall, capacity);
        orders.retain(|order| order.entry.entry.is_in_force(wall));
        orders
    }

    /// Tells that an order which this node gives now would be held back.
    #[must_use]
    pub fn is_too_much(
        &self,
        wall: Utc,
        (act, scope): (&LogAct, &str),
        capacity: &dyn ScopeCapacity,
    ) -> bool {
        let standing = self.standing(wall, capacity);
        let is_bounded = self.roster.members().len() > 1;
        is_bounded && orders::is_too_much(&standing, (self.me, wall), (act, scope), capacity)
    }
}
