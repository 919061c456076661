//! Orders that the nodes of a cluster have agreed on, as the engine holds them; and an operator's order, as the shared log has it.
//!
//! ```text
//! operator --OrderRequest--> weigh --> engine: checked, carried out --intents--> shared log --> the other nodes
//! shared log --standing orders--> Agreed --by (action, scope, author)--> what the engine holds
//! ```
//!
//! There is one book, the engine's ([`super::orders`]): what is agreed on is held beside what this node alone was told, by the same
//! rules, and [`Agreed`] takes the place of all that was agreed on before. A node that stands alone is never given any.
//!
//! # Times
//! The log goes by civil time, the engine by moments: each turn says again which moment is meant, so that what ends by a clock ends
//! by this node's own, within the skew of the nodes' clocks.
//!
//! # Approvals
//! An approval names its outage: the endpoint, and the second of its fall where it was approved. It is for a target that
//! fell within [`CLUSTER_FALLS_APART`] of that, by its own node's clock, and before the approval was given; it waits for one that
//! still has to rise. So a replay approves nothing that falls later. Where a node saw the fall at another time, for it was cut off, it
//! asks for an approval of its own. A refusal names its outage likewise, the same one where one stands already; of an approval and a
//! refusal that were given in ignorance of each other, the refusal holds, whatever second each node has for the fall.
//!
//! It knows no record and no signature, and no node but by name.
use super::order::{
    Action, Executed, Order, OrderEnd, OrderOrigin, OrderRecord, OrderRequest, Override,
};
use crate::base::limits::{CLUSTER_APPROVAL, CLUSTER_FALLS_APART};
use crate::base::{Calendar, Moment, Permille, Span, TimeSpec, Utc};
use crate::plan::Plan;
use crate::share::{
    Cluster, Intent, IntentRefusal, LogAct, LoggedEntry, OrderEffect, OrderInForce, OrderSlot,
    ScopeCapacity,
};

/// Difference of two times that are the same, of which one was reckoned anew.
pub(super) const SAME: Span = Span(1000);

/// The orders that all nodes have agreed on, as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Those that are held, in the order of their clocks.
    pub(super) orders: Vec<OrderRecord>,
    /// Those that end others.
    pub(super) lifts: Vec<OrderRecord>,
    pub(super) approvals: Vec<AgreedApproval>,
    pub(super) missing: MissingOrders,
}

/// The fate of orders that were agreed on before, and that the log does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingOrders {
    /// They have ended.
    #[default]
    Ended,
    /// The log was lost: they are this node's own until somebody lifts them.
    Kept,
}

/// An approval, or the refusal, of the return after one outage of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgreedApproval {
    /// As it is remembered; its scope is the endpoint.
    pub(super) order: Order,
    /// The moment of the fall, where it was approved.
    fell: Moment,
    given: Moment,
}

/// Why an order cannot be one of all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreed {
    /// One node alone takes out at most half of the capacity, and this would be more.
    TooMuch,
    /// This one of the same scope has another window: a node has one for a scope.
    OtherWindow(Box<OrderRecord>),
    /// An override that takes nothing is `up` to the log.
    Nothing,
    /// The log does not take it.
    Refused(IntentRefusal),
}

/// The capacity of a plan's endpoints: as stated, if all of them state one; otherwise each counts alike.
#[derive(Clone, Copy, Debug)]
pub struct PlanCapacity<'p>(pub &'p Plan);

impl Agreed {
    /// The orders that stand in a node's copy of the log, and are not held back.
    #[must_use]
    pub fn of(cluster: &Cluster, plan: &Plan, calendar: Calendar) -> Self {
        let mut agreed = Self::default();
        for one in cluster.standing(calendar.utc, &PlanCapacity(plan)) {
            if one.effect == OrderEffect::HeldBack {
                continue;
            }
            if let Some(second) = one.entry.entry.act.outage() {
                let approval = approval(one.entry, second, (cluster, calendar));
                agreed.approvals.push(approval);
            }
            if let Some(record) = record(one.entry, cluster, calendar) {
                match record.order.action {
                    Action::Drain | Action::Force(_) => agreed.orders.push(record),
                    Action::Undrain | Action::Lift => agreed.lifts.push(record),
                    Action::Approve | Action::Refuse => {}
                }
            }
        }
        agreed
    }

    /// The same, with another fate of those that the log does not have.
    #[must_use]
    pub fn with_missing(self, missing: MissingOrders) -> Self {
        Self { missing, ..self }
    }

    /// The end of an order that is held; nothing, if it goes on.
    pub(super) fn end_of(&self, held: &OrderRecord, now: Moment) -> Option<OrderEnd> {
        let kind = |action: Action| std::mem::discriminant(&action);
        let lift = self.lifts.iter().find(|lift| {
            let is_for =
                lift.order.scope == held.order.scope && held.is_lifted_by(lift.order.action);
            is_for && held.given <= lift.given
        });
        let lifted = lift.map(|lift| OrderEnd::Lifted {
            by: lift.order.author.clone(),
            reason: lift.order.reason.clone(),
        });
        if held.origin == OrderOrigin::Here || self.orders.iter().any(|one| one.is_same(held)) {
            return lifted.filter(|_| held.origin == OrderOrigin::Here);
        }
        if lifted.is_some() || self.missing == MissingOrders::Kept {
            return lifted;
        }
        let mut others = self.orders.iter();
        let other = others.find(|one| {
            let is_kind = kind(one.order.action) == kind(held.order.action);
            is_kind && one.order.scope == held.order.scope
        });
        Some(match (other, held.until) {
            (Some(other), _) => OrderEnd::Replaced {
                by: other.order.author.clone(),
            },
            (None, Some(until)) if until <= now => OrderEnd::Expired,
            (None, _) => OrderEnd::Lifted {
                by: String::new(),
                reason: "it is held back, or comes from a time that lies ahead, or its author's word is void".to_owned(),
            },
        })
    }
}

impl AgreedApproval {
    /// Tells that it is for an endpoint's target that fell then.
    pub(super) fn is_for(&self, endpoint: &str, fell: Moment) -> bool {
        let apart = fell.since(self.fell).max(self.fell.since(fell));
        self.order.scope == endpoint && fell <= self.given && apart <= CLUSTER_FALLS_APART
    }
}

impl OrderRecord {
    /// Tells that both are the same order, whatever its times.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let key = |one: &Self| {
            (
                one.order.action,
                one.order.scope.clone(),
                one.order.author.clone(),
            )
        };
        key(self) == key(other)
    }

    /// Becomes the same order as it was agreed on, for the reason that was given last; times that were only reckoned anew stay.
    pub(super) fn adopt(&mut self, now: Moment, agreed: &Self) {
        let is_near = |one: Moment, other: Moment| one.since(other).max(other.since(one)) <= SAME;
        let is_end = match (self.until, agreed.until) {
            (Some(own), Some(other)) => is_near(own, other),
            (own, other) => own == other,
        };
        if !is_end {
            self.until = agreed.until;
        }
        let begins = [self.begins(), agreed.begins()];
        if begins.iter().any(|at| *at > now) && !is_near(begins[0], begins[1]) {
            self.from = Some(agreed.begins());
        }
        self.order.reason.clone_from(&agreed.order.reason);
        self.origin = OrderOrigin::Agreed;
    }
}

/// Weighs whether an order may be one of all nodes, before the engine is given it.
///
/// # Errors
/// The reason why not.
pub fn weigh(
    cluster: &Cluster,
    plan: &Plan,
    calendar: Calendar,
    request: &OrderRequest,
) -> Result<(), Disagreed> {
    let act = act(request.order.action);
    cluster
        .may_order(&act, &request.order.scope)
        .map_err(Disagreed::Refused)?;
    if request.order.action == Action::Force(Override::Share(Permille::FULL)) {
        return Err(Disagreed::Nothing);
    }
    let capacity = PlanCapacity(plan);
    // What cannot be is refused by the engine, with its own words.
    if let Ok(new) = OrderRecord::checked(calendar.now, request) {
        let slot = OrderSlot::of(&act, &request.order.scope);
        let standing = cluster.standing(calendar.utc, &capacity);
        let others = standing.iter().filter(|one| one.entry.entry.slot() == slot);
        for one in others {
            let is_own = one.entry.author == cluster.author();
            let held = record(one.entry, cluster, calendar);
            if let Some(held) = held.filter(|held| is_in_the_way(held, &new, calendar.now, is_own))
            {
                return Err(Disagreed::OtherWindow(Box::new(held)));
            }
        }
    }
    match cluster.is_too_much(calendar.utc, (&act, &request.order.scope), &capacity) {
        true => Err(Disagreed::TooMuch),
        false => Ok(()),
    }
}

/// The entries of the log that an order comes to, which the engine has carried out.
#[must_use]
pub fn intents(
    cluster: &Cluster,
    calendar: Calendar,
    request: &OrderRequest,
    executed: &Executed,
) -> Vec<Intent> {
    let intent = |act: LogAct| Intent {
        act,
        scope: request.order.scope.clone(),
        by: by(&request.order.author, cluster),
        reason: request.order.reason.clone(),
        begins: None,
        expires: None,
    };
    match request.order.action {
        Action::Approve | Action::Refuse => {
            let standing = cluster.standing(calendar.utc, &Unlimited);
            let decided = executed.decided.iter().map(|(endpoint, fell)| {
                let fell = calendar.utc_of(*fell);
                let second = outage(&standing, endpoint, fell).unwrap_or(fell.0 / 1000);
                let is_approval = request.order.action == Action::Approve;
                let expires = Utc(calendar.utc.0.saturating_add(CLUSTER_APPROVAL.0));
                Intent {
                    scope: endpoint.clone(),
                    // A refusal outlasts every approval that it could meet.
                    expires: is_approval.then_some(expires),
                    ..intent(match is_approval {
                        true => LogAct::Approve(second),
                        false => LogAct::Refuse(second),
                    })
                }
            });
            decided.collect()
        }
        Action::Undrain | Action::Lift => {
            let standing = cluster.standing(calendar.utc, &Unlimited);
            let slot = OrderSlot::of(&act(request.order.action), &request.order.scope);
            let mut own = standing.iter().filter(|one| one.entry.entry.slot() == slot);
            // What nothing stands for is said to nobody, but for what ends what each node has of its own.
            let is_for = own.any(|one| one.entry.entry.act != act(request.order.action));
            let is_needed = is_for || !executed.ended.is_empty();
            let all = is_needed.then(|| intent(act(request.order.action)));
            all.into_iter().collect()
        }
        Action::Drain | Action::Force(_) => {
            let new = OrderRecord::checked(calendar.now, request).ok();
            // What this node has ordered for as long already says nothing new; what was just added is not agreed on yet.
            let held = executed.held.as_ref();
            let covers = held.filter(|held| held.origin == OrderOrigin::Agreed);
            let is_known = covers.is_some_and(|held| is_by_this_node(held, cluster));
            let held = new.filter(|_| !is_known).map(|record| Intent {
                begins: record.from.map(|from| calendar.utc_of(from)),
                expires: record.until.map(|until| calendar.utc_of(until)),
                ..intent(act(record.order.action))
            });
            held.into_iter().collect()
        }
    }
}

/// The order of an entry, as the engine holds it; nothing, if it is of another kind.
#[must_use]
pub fn record(entry: &LoggedEntry, cluster: &Cluster, calendar: Calendar) -> Option<OrderRecord> {
    let moment = |utc| calendar.moment_of(TimeSpec::At(utc));
    let one = &entry.entry;
    let action = match one.act {
        LogAct::Drain => Action::Drain,
        LogAct::Undrain => Action::Undrain,
        LogAct::Override(Permille::FULL) => Action::Force(Override::Up),
        LogAct::Override(share) => Action::Force(Override::Share(share)),
        LogAct::Lift => Action::Lift,
        LogAct::Approve(_)
        | LogAct::Refuse(_)
        | LogAct::Revoke(_)
        | LogAct::PutChallenge(..)
        | LogAct::DeleteChallenge(_)
        | LogAct::HaltRelease(_)
        | LogAct::ResumeRelease(_) => return None,
    };
    Some(OrderRecord {
        order: Order {
            action,
            scope: one.scope.clone(),
            author: author(entry, cluster),
            reason: one.reason.clone(),
        },
        // A hybrid clock may be ahead of this node's.
        given: moment(one.stamp.time()).min(calendar.now),
        from: one.begins.map(moment),
        until: one.ends().map(moment),
        origin: OrderOrigin::Agreed,
    })
}

/// The author of an order that is given on this node: `name@node`.
#[must_use]
pub fn author_here(name: &str, cluster: &Cluster) -> String {
    format!("{name}@{}", node(cluster.author(), cluster))
}

/// Finds the entry that an order which the engine holds is of.
#[must_use]
pub fn entry_of<'c>(
    standing: &[OrderInForce<'c>],
    record: &OrderRecord,
    cluster: &Cluster,
) -> Option<&'c LoggedEntry> {
    let is_it = |one: &&OrderInForce<'_>| {
        let entry = &one.entry.entry;
        let is_for = entry.act == act(record.order.action) && entry.scope == record.order.scope;
        is_for && author(one.entry, cluster) == record.order.author
    };
    standing.iter().find(is_it).map(|one| one.entry)
}

/// The second of an outage by which it stands in the log already, as one node saw it; that of a refusal, if there is one.
fn outage(standing: &[OrderInForce<'_>], endpoint: &str, fell: Utc) -> Option<u64> {
    let apart = |second: &u64| {
        let other = Utc::from_seconds(*second);
        other.0.abs_diff(fell.0) <= CLUSTER_FALLS_APART.0
    };
    let own = standing.iter().map(|one| &one.entry.entry);
    let own = own.filter(|one| one.scope == endpoint);
    let mut own: Vec<_> = own.collect();
    own.sort_by_key(|one| std::cmp::Reverse(one.act.caution()));
    let mut seconds = own.into_iter().filter_map(|one| one.act.outage());
    seconds.find(apart)
}

fn approval(
    entry: &LoggedEntry,
    second: u64,
    (cluster, calendar): (&Cluster, Calendar),
) -> AgreedApproval {
    let one = &entry.entry;
    AgreedApproval {
        order: Order {
            action: match one.act.caution() {
                0 => Action::Approve,
                1.. => Action::Refuse,
            },
            scope: one.scope.clone(),
            author: author(entry, cluster),
            reason: one.reason.clone(),
        },
        fell: calendar.moment_of(TimeSpec::At(Utc::from_seconds(second))),
        given: calendar.moment_of(TimeSpec::At(one.stamp.time())),
    }
}

/// Tells that an order which stands would be lost by a new one of the same scope, or the other way round.
fn is_in_the_way(held: &OrderRecord, new: &OrderRecord, now: Moment, is_own: bool) -> bool {
    match new.order.action {
        // Drains of several nodes are held beside each other.
        Action::Drain => is_own && !held.outlasts(new, now) && !new.outlasts(held, now),
        Action::Force(_) => held.order.action.value().is_some() && !held.overlaps(new),
        Action::Approve | Action::Refuse | Action::Undrain | Action::Lift => false,
    }
}

fn is_by_this_node(record: &OrderRecord, cluster: &Cluster) -> bool {
    let own = author_here("", cluster);
    record.order.author.ends_with(&own)
}

/// The name of whoever orders, without that of this node.
fn by(author: &str, cluster: &Cluster) -> String {
    let node = author_here("", cluster);
    author.strip_suffix(&node).unwrap_or(author).to_owned()
}

/// The author of an entry: `name@node`.
#[must_use]
pub fn author(entry: &LoggedEntry, cluster: &Cluster) -> String {
    format!("{}@{}", entry.entry.by, node(entry.author, cluster))
}

fn node(author: crate::share::Author, cluster: &Cluster) -> &str {
    let member = cluster.roster().member(author);
    member.map_or("?", |member| member.name.as_str())
}

fn act(action: Action) -> LogAct {
    match action {
        // Which outage is told by what the engine has approved.
        Action::Approve => LogAct::Approve(0),
        Action::Refuse => LogAct::Refuse(0),
        Action::Drain => LogAct::Drain,
        Action::Undrain => LogAct::Undrain,
        Action::Force(Override::Up) => LogAct::Override(Permille::FULL),
        Action::Force(Override::Share(share)) => LogAct::Override(share),
        Action::Lift => LogAct::Lift,
    }
}

/// No capacity at all: nothing is held back for taking too much of it.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

impl ScopeCapacity for Unlimited {
    fn covered(&self, _: &str) -> Vec<(u32, u64)> {
        Vec::new()
    }

    fn total(&self) -> u64 {
        0
    }
}

impl ScopeCapacity for PlanCapacity<'_> {
    fn covered(&self, scope: &str) -> Vec<(u32, u64)> {
        let scope = self.0.scope(scope);
        let endpoints = scope.map(|scope| scope.endpoints).unwrap_or_default();
        let covered = endpoints.into_iter().map(|id| (id.0, self.of(id.index())));
        covered.collect()
    }

    fn total(&self) -> u64 {
        (0..self.0.endpoints.len())
            .map(|place| self.of(place))
            .sum()
    }
}

impl PlanCapacity<'_> {
    fn of(&self, place: usize) -> u64 {
        let all = &self.0.endpoints;
        let is_stated = all.iter().all(|one| one.capacity.is_some());
        let own = all[place].capacity.filter(|_| is_stated).unwrap_or(1);
        own.max(1).into()
    }
}
