//! Orders on their way through the cluster: from an operator to the engine and into the log, and from the log to the engine.
//!
//! What is on the way is held in [`ClusterOrders`](super::cluster_orders::ClusterOrders); here is what becomes of it, turn by turn.
use std::collections::BTreeMap;

use tokio::sync::oneshot;
use tracing::warn;

use super::cluster::ClusterDriver;
use super::cluster_orders::{
    ChallengeKey, LOOK_EVERY, OrderPath, Spreading, by_key, intent, standing,
};
use super::control_loop::ControlLoop;
use super::keeper::OrderKeeping;
use super::order_spread::{self, OrderReach};
use super::order_words;
use super::ordered::Reply;
use crate::base::limits::CLUSTER_ORDER_KNOWN;
use crate::base::{Calendar, Moment};
use crate::dns::challenges::{Challenge, Challenges};
use crate::engine::agreed::{self, Disagreed, PlanCapacity};
use crate::engine::order::{Action, Consent, Effect, Executed, OrderRecord};
use crate::engine::{Agreed, Engine, Input, OrderBook, OrderId, OrderRequest, OrderResult};
use crate::io::state::cluster_log::SignedOctets;
use crate::plan::Plan;
use crate::share::{Intent, IntentRefusal, LogAct, LoggedEntry, OrderEffect, OrderSpread};
use crate::zones::{self, ChallengeChange};

impl ClusterDriver {
    /// Weighs an order that the engine has not been given.
    fn weigh(&self, (engine, plan): (&Engine, &Plan), mut request: OrderRequest) -> OrderPath {
        if request.order.is_of_window() {
            return OrderPath::CarryOut(request);
        }
        let (weighed, node) = self.copy().look(|cluster, now, utc| {
            let name = std::mem::take(&mut request.order.author);
            request.order.author = agreed::author_here(&name, cluster);
            let calendar = Calendar { now, utc };
            let weighed = agreed::weigh(cluster, plan, calendar, &request);
            let told = weighed.map_err(|why| (why, calendar));
            (told, agreed::author_here("", cluster))
        });
        let node = node.trim_start_matches('@');
        match weighed {
            Ok(()) => OrderPath::CarryOut(request),
            Err((why @ Disagreed::TooMuch, calendar)) => {
                let checked = engine.check(calendar.now, &request);
                let is_drain = request.order.action == Action::Drain;
                match checked {
                    Err(refused) => OrderPath::Refuse(order_words::refusal(&request, &refused)),
                    Ok(_) if is_drain && request.consent == Consent::Withheld => {
                        OrderPath::Refuse(order_spread::disagreed(&request, node, &why, calendar))
                    }
                    Ok(_) => OrderPath::HoldBack(request),
                }
            }
            Err((why, calendar)) => {
                OrderPath::Refuse(order_spread::disagreed(&request, node, &why, calendar))
            }
        }
    }

    /// Writes into the log what the engine has carried out.
    fn share(&mut self, id: OrderId, request: &OrderRequest, executed: &Executed) {
        let entries = self.copy().say(|cluster, now, utc| {
            let intents = agreed::intents(cluster, Calendar { now, utc }, request, executed);
            if intents.is_empty() {
                // What stands already is told of all the same.
                let standing = cluster.standing(utc, &agreed::Unlimited);
                let held = executed.held.as_ref();
                let held = held.and_then(|held| agreed::entry_of(&standing, held, cluster));
                return Ok(held.into_iter().cloned().collect());
            }
            let entries = intents.into_iter().map(|intent| cluster.order(utc, intent));
            entries.collect::<Result<Vec<LoggedEntry>, IntentRefusal>>()
        });
        if entries.as_ref().is_ok_and(Vec::is_empty) {
            return;
        }
        let until = self.copy().look(|_, now, _| now.after(CLUSTER_ORDER_KNOWN));
        let spreading = Spreading {
            entries,
            until,
            told: None,
        };
        self.orders.waiting.insert(id, spreading);
        self.news();
    }

    /// Has the agreement looked at, and others told at once what this node knows.
    pub(super) fn news(&mut self) {
        self.orders.look_at = Moment(0);
        self.beat_at = Moment(0);
    }

    /// The agreement of all nodes, if there is news of it or it is time; with all orders that are to be kept, if there are others
    /// than before.
    fn agreed(&mut self, plan: &Plan, now: Moment) -> Option<(Agreed, Option<Vec<SignedOctets>>)> {
        let has_arrived = !self.copy().take_arrived().is_empty();
        if has_arrived {
            self.news();
        }
        let is_own = self.orders.look_at == Moment(0);
        if self.orders.look_at > now {
            return None;
        }
        self.orders.look_at = now.after(LOOK_EVERY);
        let missing = self.orders.missing.take().unwrap_or_default();
        let agreed = self.copy().look(|cluster, now, utc| {
            let agreed = Agreed::of(cluster, plan, Calendar { now, utc });
            agreed.with_missing(missing)
        });
        Some((agreed, is_own.then(|| self.records())))
    }

    /// All orders that are to be kept.
    pub(super) fn records(&self) -> Vec<SignedOctets> {
        self.copy().look(|cluster, _, _| {
            let all = cluster.log().entries().chain(cluster.waiting());
            all.map(|entry| entry.record.octets().clone()).collect()
        })
    }

    /// Keeps an answer back until the others know the order; gives it, if it waits for nobody.
    fn await_others(
        &mut self,
        id: OrderId,
        told: (OrderResult, OrderKeeping),
    ) -> Option<(OrderResult, OrderKeeping)> {
        match self.orders.waiting.get_mut(&id) {
            Some(spreading) => {
                spreading.told = Some(told);
                None
            }
            None => Some(told),
        }
    }

    /// The answers that have waited for long enough.
    fn spread(&mut self, now: Moment) -> Vec<(OrderId, OrderResult, OrderKeeping, OrderReach)> {
        let ids: Vec<OrderId> = self.orders.waiting.keys().copied().collect();
        let mut ready = Vec::new();
        for id in ids {
            let Some(one) = self
                .orders
                .waiting
                .get(&id)
                .filter(|one| one.told.is_some())
            else {
                continue;
            };
            let spread = match &one.entries {
                Ok(entries) => OrderReach::Known(self.known_by(entries)),
                Err(why) => OrderReach::Unshared(*why),
            };
            let is_known = match &spread {
                OrderReach::Known(spread) => spread.is_whole(),
                OrderReach::Unshared(_) => true,
            };
            if (is_known || one.until <= now)
                && let Some((result, keeping)) =
                    self.orders.waiting.remove(&id).and_then(|one| one.told)
            {
                ready.push((id, result, keeping, spread));
            }
        }
        ready
    }

    /// The moment at which an answer has waited for long enough.
    pub(super) fn answer_at(&self) -> Option<Moment> {
        let waiting = self.orders.waiting.values();
        let waiting = waiting.filter(|one| one.told.is_some());
        waiting.map(|one| one.until).min()
    }

    fn known_by(&self, entries: &[LoggedEntry]) -> OrderSpread {
        self.copy().look(|cluster, now, _| {
            let all = entries.iter().map(|entry| cluster.spread(now, entry));
            let least = all.min_by_key(|spread| spread.known_by);
            least.unwrap_or(OrderSpread {
                known_by: 1,
                of: cluster.roster().members().len(),
                away: Vec::new(),
            })
        })
    }

    /// Adds to the engine's orders who knows them, and those that are held back.
    pub(super) fn complete(&self, book: &mut OrderBook, (engine, plan): (&Engine, &Plan)) {
        self.copy().look(|cluster, now, utc| {
            let standing = cluster.standing(utc, &PlanCapacity(plan));
            for held in &mut book.held {
                let entry = agreed::entry_of(&standing, &held.record, cluster);
                held.spread = entry.map(|entry| cluster.spread(now, entry));
            }
            let calendar = Calendar { now, utc };
            let back = standing
                .iter()
                .filter(|one| one.effect == OrderEffect::HeldBack);
            let back = back.filter_map(|one| {
                let record = agreed::record(one.entry, cluster, calendar)?;
                let mut held = engine.held_back(now, record);
                held.spread = Some(cluster.spread(now, one.entry));
                Some(held)
            });
            book.held_back = back.collect();
        });
    }

    /// Writes into the log what has become of the challenges that this node's zones have.
    fn share_challenges(&mut self, kept: Challenges) {
        let before = std::mem::replace(&mut self.orders.served, kept);
        let (before, now) = (by_key(&before), by_key(&self.orders.served));
        let refused = self.copy().say(|cluster, _, utc| {
            let known: BTreeMap<ChallengeKey, (Challenge, bool)> = standing(cluster, utc);
            let same = |key: &ChallengeKey, one: &Challenge| {
                known
                    .get(key)
                    .is_some_and(|(known, _)| (known.ttl, known.expires) == (one.ttl, one.expires))
            };
            let put = now
                .iter()
                .filter(|(key, one)| before.get(*key) != Some(*one) && !same(key, one));
            let put =
                put.map(|(key, one)| (LogAct::PutChallenge(one.ttl, key.1.clone()), &key.0, *one));
            let gone = before.iter().filter(|(key, one)| {
                !now.contains_key(*key) && one.expires > utc.0 / 1000 && known.contains_key(*key)
            });
            let gone =
                gone.map(|(key, one)| (LogAct::DeleteChallenge(key.1.clone()), &key.0, *one));
            let intents: Vec<Intent> = put.chain(gone).map(intent).collect();
            let ordered = intents.into_iter().map(|intent| cluster.order(utc, intent));
            ordered.filter_map(Result::err).next()
        });
        if let Some(why) = refused {
            let why = order_spread::unshared(why);
            warn!(
                event = "challenge_unshared",
                "a challenge is answered by this node alone: {why}"
            );
        }
        self.news();
    }

    /// The changes of challenges at other nodes since this was asked last.
    fn challenge_changes(&mut self) -> Vec<ChallengeChange> {
        let known = self.copy().look(|cluster, _, utc| standing(cluster, utc));
        let is_first = !std::mem::replace(&mut self.orders.has_told, true);
        let before = std::mem::take(&mut self.orders.agreed);
        let gone = before.keys().filter(|key| !known.contains_key(*key));
        let gone = gone.map(|(name, rdata)| ChallengeChange::Remove(name.clone(), rdata.clone()));
        let mut changes: Vec<ChallengeChange> = gone.collect();
        for (key, (challenge, is_own)) in known {
            // What this node was given it has, but for what its disk has lost.
            if before.get(&key) != Some(&challenge) && (is_first || !is_own) {
                changes.push(ChallengeChange::Put(key.0.clone(), challenge.clone()));
            }
            self.orders.agreed.insert(key, challenge);
        }
        changes
    }
}

impl ControlLoop {
    /// Takes an order: of this node alone, or of all.
    pub(super) fn take_order(&mut self, request: OrderRequest, reply: Reply) {
        let path = match &self.handles.cluster {
            None => OrderPath::CarryOut(request),
            Some(cluster) => cluster.weigh((&self.engine, &self.plan), request),
        };
        match path {
            OrderPath::CarryOut(request) => {
                let input = self.orders.begin(request, reply);
                self.handle(input);
            }
            OrderPath::HoldBack(request) => self.hold_back(request, reply),
            // Whoever asked may have gone.
            OrderPath::Refuse(why) => drop(reply.send(Err(why))),
        }
    }

    /// Gives an order to all nodes that does nothing until another one orders the same.
    fn hold_back(&mut self, request: OrderRequest, reply: Reply) {
        let now = self.handles.clock.now();
        let names = self.engine.check(now, &request).unwrap_or_default();
        let executed = Executed {
            endpoints: names
                .into_iter()
                .map(|name| (name, Effect::HeldBack))
                .collect(),
            held: Some(OrderRecord::of(now, &request)),
            ..Executed::default()
        };
        if let Input::Order(id, _) = self.orders.begin(request, reply) {
            self.ordered(id, Ok(executed));
        }
    }

    /// Tells the other nodes what the engine has carried out, has it kept, and answers whoever gave it.
    pub(super) fn ordered(&mut self, id: OrderId, result: OrderResult) {
        let request = self
            .orders
            .request(id)
            .filter(|own| !own.order.is_of_window());
        if let (Some(cluster), Some(request), Ok(executed)) =
            (&mut self.handles.cluster, request, &result)
        {
            cluster.share(id, request, executed);
            self.agree();
        }
        let told = self.keeper.hold(&mut self.engine, id, result);
        self.answer_order(id, told);
    }

    /// Answers an order, unless it waits for the disk or for others.
    pub(super) fn answer_order(&mut self, id: OrderId, told: Option<(OrderResult, OrderKeeping)>) {
        let told = match (&mut self.handles.cluster, told) {
            (Some(cluster), Some(told)) => cluster.await_others(id, told),
            (_, told) => told,
        };
        if let Some((result, keeping)) = told {
            let calendar = self.handles.clock.calendar();
            self.orders.end(id, &result, (&keeping, calendar), None);
        }
    }

    /// Takes in what all nodes have agreed on, and answers those whose orders the others know.
    pub(super) fn agree(&mut self) {
        let now = self.handles.clock.now();
        let Some(cluster) = &mut self.handles.cluster else {
            return;
        };
        if let Some((agreed, records)) = cluster.agreed(&self.plan, now) {
            let changes = match self.is_held {
                true => Vec::new(),
                false => cluster.challenge_changes(),
            };
            if let Some(records) = records.filter(|_| !self.is_held) {
                self.keeper.keep_orders(records);
            }
            self.handle(Input::Agreed(agreed));
            if !changes.is_empty() {
                self.zone_event(zones::Input::Agreed(changes));
            }
        }
        let ready = self.handles.cluster.as_mut().map(|own| own.spread(now));
        for (id, result, keeping, spread) in ready.into_iter().flatten() {
            let calendar = self.handles.clock.calendar();
            self.orders
                .end(id, &result, (&keeping, calendar), Some(&spread));
        }
    }

    /// Tells the other nodes what has become of challenges.
    pub(super) fn share_challenges(&mut self, kept: Challenges) {
        if let Some(cluster) = &mut self.handles.cluster {
            cluster.share_challenges(kept);
        }
    }

    /// Answers which orders there are.
    pub(super) fn tell_orders(&self, reply: oneshot::Sender<OrderBook>) {
        let mut book = self.engine.orders(self.handles.clock.now());
        if let Some(cluster) = &self.handles.cluster {
            cluster.complete(&mut book, (&self.engine, &self.plan));
        }
        // Whoever asked may have gone.
        drop(reply.send(book));
    }
}
