//! The effect of orders on each endpoint and target: who is out by a drain, who is overridden, what is left of a share.
//!
//! ```text
//! orders (by scope) + plan --> cover of each endpoint --> ceiling of each target --> standing
//! ```
//!
//! An endpoint is out while any drain in force covers it; only the first one that does turns it onto its way down,
//! and only the end of the last one onto its way up. Overrides work at once: `up` gives it all that
//! health would keep from it, a share is the most that it has. Where several orders cover an endpoint the least counts,
//! so that a drain, or `down`, is never undone by somebody else's `up`. What an override took comes back by the
//! steps of the recovery, as after a drain.
//!
//! How a share goes down and up is for [`crate::health::drain`]; which orders there are is for
//! [`super::orders`]. Orders go by names, so that they outlive a reload: a target that is new to an endpoint which
//! is drained has nothing from the start.
use crate::base::{EndpointId, Moment, Permille, Standing, TargetId, Why};
use crate::health::drain::Ceiling;
use crate::plan::{Plan, Recovery};

use super::agreed::AgreedApproval;
use super::order::{Action, OrderRecord, OrderRequest, Override, Refused};
use super::orders::{OrderAddition, Orders, OrdersToResume};
use super::reload_map::ReloadMap;

/// The orders in force, and what they leave of endpoints and targets.
#[derive(Debug)]
pub(super) struct Drains {
    pub(super) orders: Orders,
    /// By endpoint.
    covers: Vec<Cover>,
    /// By target.
    ceilings: Vec<Ceiling>,
    /// Approvals and refusals that all nodes have agreed on; each waits for what it is for.
    pub(super) approvals: Vec<AgreedApproval>,
}

/// The orders in force for one endpoint, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    /// A drain covers it.
    drained: bool,
    /// An override gives it all.
    up: bool,
    /// The most that overrides leave.
    most: Permille,
    /// The moment at which the next order for it begins or ends.
    until: Option<Moment>,
}

/// The outcome of taking an order in.
#[derive(Debug, Default)]
pub(super) struct OrderTaken {
    /// The order as it is held, or that which covers it.
    pub(super) held: Option<OrderRecord>,
    /// Those that it ended.
    pub(super) ended: Vec<OrderRecord>,
}

/// A change in what orders make of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct CoverChange {
    pub(super) endpoint: EndpointId,
    from: Cover,
    to: Cover,
}

impl Drains {
    /// None.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            orders: Orders::default(),
            covers: vec![Cover::NONE; plan.endpoints.len()],
            ceilings: vec![Ceiling::Open; plan.targets.len()],
            approvals: Vec::new(),
        }
    }

    /// Drains that were kept over a restart, as they were `then`; `ceilings` are by target, absent for one that is new.
    /// An end meanwhile begins a way back; a beginning meanwhile has taken all.
    pub(super) fn restored(
        plan: &Plan,
        (then, now): (Moment, Moment),
        kept: OrdersToResume<'_>,
        ceilings: Vec<Option<Ceiling>>,
    ) -> Self {
        let orders = Orders::restored(now, kept);
        let (before, after) = (
            covers(plan, kept.held, then),
            covers(plan, orders.held(), now),
        );
        let ceilings = plan.targets.iter().zip(ceilings).map(|(target, kept)| {
            let endpoint = target.endpoint.index();
            let (from, to) = (before[endpoint], after[endpoint]);
            let recovery = &plan.recoveries[target.recovery.index()];
            let mut ceiling = kept.unwrap_or_default();
            if to.drained && !ceiling.takes_out() {
                return Ceiling::Drained;
            }
            turn(&mut ceiling, now, recovery, (from, to), Permille::FULL);
            ceiling
        });
        Self {
            ceilings: ceilings.collect(),
            covers: after,
            orders,
            approvals: Vec::new(),
        }
    }

    /// The orders in force and to come, as they are kept over restarts.
    pub(super) fn records(&self) -> Vec<OrderRecord> {
        self.orders.held().to_vec()
    }

    /// Those of a new plan; `standings` are those of the old one.
    pub(super) fn migrate(
        &self,
        now: Moment,
        (old, new): (&Plan, &Plan),
        reload: &ReloadMap,
        standings: &[Standing],
    ) -> Self {
        let covers = covers(new, self.orders.held(), now);
        let targets = new.targets.iter().zip(&reload.targets);
        let ceilings = targets.map(|(target, before)| {
            let to = covers[target.endpoint.index()];
            let Some(before) = before else {
                return if to.drained {
                    Ceiling::Drained
                } else {
                    Ceiling::Open
                };
            };
            let was = &old.targets[before.index()];
            let adopted = &old.recoveries[was.recovery.index()];
            let recovery = &new.recoveries[target.recovery.index()];
            let from = self.covers[was.endpoint.index()];
            let mut ceiling = self.ceilings[before.index()].adopted(adopted, recovery);
            let share = standings[before.index()].share;
            turn(&mut ceiling, now, recovery, (from, to), share);
            ceiling
        });
        Self {
            ceilings: ceilings.collect(),
            covers,
            orders: self.orders.clone(),
            approvals: self.approvals.clone(),
        }
    }

    /// Changes in what orders make of endpoints, now that these are in force.
    pub(super) fn settle(&mut self, now: Moment, plan: &Plan) -> Vec<CoverChange> {
        let covers = covers(plan, self.orders.held(), now);
        let before = std::mem::replace(&mut self.covers, covers);
        let pairs = before.into_iter().zip(&self.covers).enumerate();
        let changed = pairs.filter(|(_, (from, to))| from != *to);
        let changed = changed.map(|(index, (from, to))| CoverChange {
            endpoint: EndpointId::from_index(index),
            from,
            to: *to,
        });
        changed.collect()
    }

    /// Turns a target that has this share now onto its way down or up.
    pub(super) fn turn(
        &mut self,
        now: Moment,
        change: CoverChange,
        (id, recovery): (TargetId, &Recovery),
        share: Permille,
    ) {
        let ceiling = &mut self.ceilings[id.index()];
        turn(ceiling, now, recovery, (change.from, change.to), share);
    }

    /// Takes the steps of a target that are due.
    pub(super) fn advance(&mut self, now: Moment, id: TargetId, recovery: &Recovery) {
        self.ceilings[id.index()].advance(now, recovery);
    }

    /// The ceiling that drains put on a target's share.
    pub(super) fn ceiling(&self, id: TargetId) -> Ceiling {
        self.ceilings[id.index()]
    }

    /// The moment at which the next step of a target's drain is due.
    pub(super) fn next_step(&self, id: TargetId) -> Option<Moment> {
        self.ceilings[id.index()].next_step()
    }

    /// The standing that is left of what health gives to a target of an endpoint.
    pub(super) fn over(
        &self,
        health: Standing,
        (id, endpoint): (TargetId, EndpointId),
        recovery: &Recovery,
    ) -> Standing {
        let ceiling = self.ceilings[id.index()];
        self.covers[endpoint.index()].over(health, ceiling, recovery)
    }

    /// The same, a while later, when nothing else has happened.
    pub(super) fn over_later(
        &self,
        now: Moment,
        health: Standing,
        (id, endpoint): (TargetId, EndpointId),
        recovery: &Recovery,
    ) -> Standing {
        let mut ceiling = self.ceilings[id.index()];
        ceiling.advance(now, recovery);
        self.covers[endpoint.index()].over(health, ceiling, recovery)
    }

    /// Tells that orders decide whether a target is out, so that its failures are nobody's affair.
    pub(super) fn decide(&self, id: TargetId, endpoint: EndpointId) -> bool {
        let cover = self.covers[endpoint.index()];
        self.ceilings[id.index()].takes_out() || cover.up || cover.most == Permille::NONE
    }

    /// Takes an order in; what it makes of endpoints is seen by [`Drains::settle`].
    pub(super) fn take(
        &mut self,
        now: Moment,
        request: &OrderRequest,
    ) -> Result<OrderTaken, Refused> {
        let order = &request.order;
        match order.action {
            Action::Undrain | Action::Lift => Ok(OrderTaken {
                held: None,
                ended: self.orders.lift(now, order),
            }),
            Action::Approve | Action::Refuse => {
                self.orders.remember(now, order);
                Ok(OrderTaken::default())
            }
            Action::Drain | Action::Force(_) => {
                let record = OrderRecord::checked(now, request)?;
                match self.orders.add(now, record.clone()) {
                    OrderAddition::Held(ended) => Ok(OrderTaken {
                        held: Some(record),
                        ended,
                    }),
                    OrderAddition::Covered(by) => Ok(OrderTaken {
                        held: Some(*by),
                        ended: Vec::new(),
                    }),
                    OrderAddition::Full => Err(Refused::TooMany),
                }
            }
        }
    }

    /// The orders in force for an endpoint, taken together.
    pub(super) fn cover(&self, endpoint: EndpointId) -> Cover {
        self.covers[endpoint.index()]
    }

    /// The standing of a target of an endpoint once all orders in force have done what they do: by the steps of a
    /// recovery, in the end.
    pub(super) fn settled(
        &self,
        health: Standing,
        endpoint: EndpointId,
        recovery: &Recovery,
    ) -> Standing {
        let cover = self.covers[endpoint.index()];
        let ceiling = if cover.drained {
            Ceiling::Drained
        } else {
            Ceiling::Open
        };
        cover.over(health, ceiling, recovery)
    }

    /// The orders in force for an endpoint, in the order in which they were given.
    pub(super) fn of<'d>(
        &'d self,
        plan: &'d Plan,
        endpoint: EndpointId,
        now: Moment,
    ) -> impl Iterator<Item = &'d OrderRecord> {
        let held = self.orders.held().iter();
        let in_force = held.filter(move |held| held.is_in_force(now));
        let endpoint = &plan.endpoints[endpoint.index()];
        in_force.filter(move |held| plan.is_called(endpoint, &held.order.scope))
    }
}

impl Cover {
    const NONE: Self = Self {
        drained: false,
        up: false,
        most: Permille::FULL,
        until: None,
    };

    /// Tells that a drain takes it out.
    pub(super) fn is_drained(&self) -> bool {
        self.drained
    }

    /// Tells that an override is in force for it.
    pub(super) fn is_overridden(&self) -> bool {
        self.up || self.most < Permille::FULL
    }

    /// Tells two that do the same to an endpoint now, for however long.
    pub(super) fn does_as(&self, other: &Self) -> bool {
        let until = self.until;
        *self == Self { until, ..*other }
    }

    fn add(&mut self, record: &OrderRecord, now: Moment) {
        let next = record.turns().filter(|turn| *turn > now);
        self.until = self.until.into_iter().chain(next).min();
        if !record.is_in_force(now) {
            return;
        }
        match record.order.action {
            Action::Drain => self.drained = true,
            Action::Force(Override::Up) => self.up = true,
            Action::Force(Override::Share(most)) => self.most = self.most.min(most),
            Action::Approve | Action::Refuse | Action::Undrain | Action::Lift => {}
        }
    }

    fn over(&self, health: Standing, ceiling: Ceiling, recovery: &Recovery) -> Standing {
        let mut standing = health;
        if self.up && health.share < Permille::FULL {
            standing = Standing {
                share: Permille::FULL,
                why: Why::Forced,
                until: None,
                ..health
            };
        }
        standing = ceiling.over(standing, recovery);
        if self.most < standing.share {
            standing = Standing {
                share: self.most,
                why: Why::Forced,
                ..standing
            };
        }
        standing.until = standing.until.into_iter().chain(self.until).min();
        standing
    }
}

/// Turns a ceiling over a target that has this share now.
fn turn(
    ceiling: &mut Ceiling,
    now: Moment,
    recovery: &Recovery,
    (from, to): (Cover, Cover),
    share: Permille,
) {
    ceiling.advance(now, recovery);
    if to.drained && !from.drained {
        ceiling.drain(now, recovery, share);
    }
    if from.drained && !to.drained {
        ceiling.undrain(now, recovery);
    }
    if to.most > from.most {
        ceiling.rise_from(now, recovery, from.most);
    }
    if to.up && !from.up {
        ceiling.open();
    }
}

/// The orders that cover each endpoint, taken together.
fn covers(plan: &Plan, held: &[OrderRecord], now: Moment) -> Vec<Cover> {
    let mut covers = vec![Cover::NONE; plan.endpoints.len()];
    for record in held {
        for endpoint in endpoints_of(plan, record) {
            covers[endpoint.index()].add(record, now);
        }
    }
    covers
}

/// The endpoints that an order covers; none where its scope means nothing any more.
fn endpoints_of(plan: &Plan, record: &OrderRecord) -> Vec<EndpointId> {
    let scope = plan.scope(&record.order.scope);
    scope.map_or_else(|_| Vec::new(), |scope| scope.endpoints)
}
