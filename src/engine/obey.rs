//! Orders carried out on the health of targets: taken in, settled, and what changed by it.
//!
//! What orders make of an endpoint is decided in [`super::drains`]; here targets are turned that are concerned,
//! and looked at again. An approval is the one order that changes health itself, and holds nothing.
use super::effects;
use super::health_state::{Change, HealthState, recovery};
use super::order::{Action, Effect, Executed, OrderRequest, Refused};
use crate::base::{EndpointId, Moment};
use crate::health::target::ApprovalResult;

impl HealthState {
    /// Carries an order out for these endpoints. Gives what changed, and what it did to each.
    ///
    /// # Errors
    /// If it is for nothing, or cannot be held.
    pub(super) fn order(
        &mut self,
        now: Moment,
        request: &OrderRequest,
        named: &[EndpointId],
    ) -> Result<(Vec<Change>, Executed), Refused> {
        let order = &request.order;
        if order.action == Action::Approve {
            return self.approve(now, request, named);
        }
        let covers = named.iter().map(|id| (*id, self.drains.cover(*id)));
        let before: effects::CoversBefore = covers.collect();
        let taken = self.drains.take(now, request)?;
        let mut changes = self.settle(now);
        changes.extend(self.fill_room(now));
        let known = (&*self.plan, &self.drains);
        let executed = effects::executed(known, now, order, &before, taken);
        Ok((changes, executed))
    }

    /// Lets orders begin and end whose time has come.
    pub(super) fn turn_orders(&mut self, now: Moment) -> Vec<Change> {
        let turns = self.drains.orders.advance(now);
        if turns.is_empty() {
            return Vec::new();
        }
        self.turns.extend(turns);
        self.settle(now)
    }

    /// Brings what orders make of endpoints otherwise than before into force.
    fn settle(&mut self, now: Moment) -> Vec<Change> {
        let mut changes = Vec::new();
        for change in self.drains.settle(now, &self.plan) {
            let targets = self.index.targets_of(change.endpoint).to_vec();
            for id in &targets {
                self.steps_forget(*id);
                let share = self.standings[id.index()].share;
                let recovery = recovery(&self.plan, *id);
                self.drains.turn(now, change, (*id, recovery), share);
            }
            self.ejections.reconsider();
            changes.extend(targets.iter().filter_map(|id| self.look(now, *id)));
        }
        changes
    }

    fn approve(
        &mut self,
        now: Moment,
        request: &OrderRequest,
        named: &[EndpointId],
    ) -> Result<(Vec<Change>, Executed), Refused> {
        let (mut changes, mut effects) = (Vec::new(), Vec::new());
        for endpoint in named {
            let targets = self.index.targets_of(*endpoint).to_vec();
            let mut effect = Effect::Already;
            for id in &targets {
                let target = &mut self.targets[id.index()];
                if target.approve(recovery(&self.plan, *id)) == ApprovalResult::Accepted {
                    effect = Effect::Changed;
                }
            }
            effects.push((*endpoint, effect));
            if effect == Effect::Changed {
                changes.extend(targets.iter().filter_map(|id| self.look(now, *id)));
            }
        }
        let executed = effects::approved(&self.plan, &self.standings, &effects)?;
        self.drains.take(now, request)?;
        changes.extend(self.fill_room(now));
        Ok((changes, executed))
    }
}
