//! Orders carried out on the health of targets: taken in, settled, and what changed by it.
//!
//! What orders make of an endpoint is decided in [`super::drains`]; here targets are turned that are concerned,
//! and looked at again. An approval and a refusal are the orders that change health itself, and hold nothing.
use std::collections::BTreeSet;

use super::agreed::{Agreed, AgreedApproval};
use super::effects;
use super::health_state::{Change, HealthState};
use super::order::{Action, Effect, Executed, Order, OrderRecord, OrderRequest, Refused};
use super::regional::decide;
use super::rules_of::recovery;
use crate::base::{EndpointId, Moment, TargetId};
use crate::health::target::{ApprovalResult, Evidence};
use crate::plan::Approval;

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
        if matches!(order.action, Action::Approve | Action::Refuse) {
            return self.decide_returns(now, request, named);
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

    /// Takes in what all nodes have agreed on. Gives what changed, the orders that are new, and those that have ended.
    pub(super) fn agree(
        &mut self,
        now: Moment,
        agreed: Agreed,
    ) -> (Vec<Change>, [Vec<OrderRecord>; 2]) {
        let before = self.drains.records();
        let orders = self.drains.orders.agree(now, &agreed);
        let mut changes = match before == self.drains.records() {
            true => Vec::new(),
            false => self.settle(now),
        };
        if self.drains.approvals != agreed.approvals {
            self.drains.approvals = agreed.approvals;
            let ids = (0..self.targets.len()).map(TargetId::from_index);
            let is_asked = |id: &TargetId| recovery(&self.plan, *id).approval == Approval::Needed;
            let asked: Vec<TargetId> = ids.filter(is_asked).collect();
            changes.extend(asked.into_iter().filter_map(|id| self.look(now, id)));
        }
        changes.extend(self.fill_room(now));
        (changes, orders)
    }

    /// Lets a target go on, or keeps it out, if all nodes have agreed on that.
    pub(super) fn decide_agreed(&mut self, now: Moment, (id, evidence): (TargetId, Evidence)) {
        let Some(order) = self.agreed_for(id, self.targets[id.index()].fell()) else {
            return;
        };
        let recovery = recovery(&self.plan, id);
        let target = &mut self.targets[id.index()];
        // What has returned by an approval that a refusal overrules is taken back.
        let result = match order.action == Action::Refuse {
            true => target.refuse(now, recovery),
            false => decide(target, now, recovery, order.action),
        };
        if result == ApprovalResult::Accepted {
            target.observe(now, recovery, evidence);
            self.drains.orders.remember_once(now, &order);
        }
    }

    /// The same for its rows by region; what follows is seen when they are looked at.
    pub(super) fn decide_agreed_regions(&mut self, now: Moment, id: TargetId) {
        let rows = self.regional.of_target(id);
        let orders =
            rows.map(|(_, row)| (row.health.fell(), self.agreed_for(id, row.health.fell())));
        let orders: Vec<_> = orders.collect();
        self.decide_regions(now, id, |health| {
            let own = orders.iter().find(|(fell, _)| *fell == health.fell());
            own.and_then(|(_, order)| order.as_ref())
                .map(|order| order.action)
        });
    }

    /// The word of all nodes on what fell at a moment. Where both words are said, it stays out.
    fn agreed_for(&self, id: TargetId, fell: Option<Moment>) -> Option<Order> {
        let (fell, name) = (fell?, &self.plan.endpoints[self.endpoint(id).index()].name);
        let approvals = self.drains.approvals.iter();
        let mut own = approvals.filter(|one| one.is_for(name, fell));
        let is_refusal = |one: &&AgreedApproval| one.order.action == Action::Refuse;
        let own = own.clone().find(is_refusal).or_else(|| own.next());
        own.map(|one| one.order.clone())
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
                let share = self.standings[id.index()].share;
                let recovery = recovery(&self.plan, *id);
                self.drains.turn(now, change, (*id, recovery), share);
            }
            self.ejections.reconsider();
            changes.extend(targets.iter().filter_map(|id| self.look(now, *id)));
        }
        changes
    }

    /// Approves or refuses the returns of these endpoints. What was agreed on before for the same outages gives way to it.
    fn decide_returns(
        &mut self,
        now: Moment,
        request: &OrderRequest,
        named: &[EndpointId],
    ) -> Result<(Vec<Change>, Executed), Refused> {
        let (mut changes, mut effects) = (Vec::new(), Vec::new());
        let mut decided = BTreeSet::new();
        for endpoint in named {
            let targets = self.index.targets_of(*endpoint).to_vec();
            let mut effect = Effect::Already;
            for id in &targets {
                let recovery = recovery(&self.plan, *id);
                let target = &mut self.targets[id.index()];
                let action = request.order.action;
                let result = decide(target, now, recovery, action);
                let own = target.fell().filter(|_| result == ApprovalResult::Accepted);
                let rows = self.decide_regions(now, *id, |_| Some(action));
                self.schedule_step(*id);
                if result == ApprovalResult::Accepted || !rows.is_empty() {
                    effect = Effect::Changed;
                }
                let name = &self.plan.endpoints[endpoint.index()].name;
                for fell in own.into_iter().chain(rows) {
                    let agreed = &mut self.drains.approvals;
                    agreed.retain(|one| !one.is_for(name, fell));
                    decided.insert((name.clone(), fell));
                }
            }
            effects.push((*endpoint, effect));
            if effect == Effect::Changed {
                changes.extend(targets.iter().filter_map(|id| self.look(now, *id)));
            }
        }
        let executed = effects::approved(&self.plan, &self.standings, &effects)?;
        let executed = Executed {
            decided,
            ..executed
        };
        self.drains.take(now, request)?;
        changes.extend(self.fill_room(now));
        Ok((changes, executed))
    }
}
