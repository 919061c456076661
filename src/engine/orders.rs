//! Orders in force and to come, and those that have ended.
//!
//! # Which there are
//! Orders go by their scope, a name. Of drains of one scope a new one is held beside those that there are, unless one
//! of them is in force whenever it would be; one of the same author that the new one outlasts gives way to it. Of
//! overrides of one scope the last word counts: it takes the place of each that it overlaps in time.
//!
//! # When they end
//! At their time, by themselves, or when somebody lifts them: all of one kind that have that very scope, and no
//! others. What ended is the history: kept over restarts like what is in force, bounded in number and age.
//!
//! An order whose scope means nothing any more, after a reload, is held as before, and covers nothing: the next reload
//! may bring the name back, and a machine that somebody took out must not come back by a slip in a file.
//!
//! It knows no plan and no shares: which endpoints a scope covers, and what becomes of them, is for
//! [`super::drains`].
use std::collections::VecDeque;

use crate::base::Moment;
use crate::base::limits::{ORDERS_HELD, ORDERS_PAST};

use super::agreed::{Agreed, MissingOrders, SAME};
use super::order::{Action, Order, OrderEnd, OrderOrigin, OrderRecord, PastOrder};

/// Orders in force and to come, and the history.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    /// In the order in which they were given.
    held: Vec<OrderRecord>,
    /// Until when all turns were taken.
    seen: Moment,
    /// Oldest first.
    past: VecDeque<PastOrder>,
    /// All that have ever ended here, those that are forgotten included.
    ended: u64,
}

/// Orders as they were before a restart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OrdersToResume<'s> {
    /// Those in force or to come.
    pub(super) held: &'s [OrderRecord],
    /// Those that had ended, oldest first.
    pub(super) past: &'s [PastOrder],
}

/// The outcome of adding an order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OrderAddition {
    /// It is held; these gave way to it.
    Held(Vec<OrderRecord>),
    /// It is not, for this one is in force whenever it would be.
    Covered(Box<OrderRecord>),
    /// It is not, for there are too many.
    Full,
}

/// An order that began or ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OrderTurn {
    /// Its time has come.
    Began(OrderRecord),
    /// Its time is over.
    Expired(OrderRecord),
}

impl Orders {
    /// Those before a restart. What has ended meanwhile is in the history.
    pub(super) fn restored(now: Moment, kept: OrdersToResume<'_>) -> Self {
        let mut orders = Self {
            held: kept.held.to_vec(),
            seen: now,
            ..Self::default()
        };
        for past in kept.past {
            orders.remember_past(now, past.clone());
        }
        orders.end_where(now, |held| {
            let over = held.until.is_some_and(|until| until <= now);
            over.then_some(OrderEnd::Expired)
        });
        orders
    }

    /// Those in force or to come, in the order in which they were given.
    pub(super) fn held(&self) -> &[OrderRecord] {
        &self.held
    }

    /// Those that have ended, oldest first.
    pub(super) fn past(&self) -> impl DoubleEndedIterator<Item = &PastOrder> {
        self.past.iter()
    }

    /// The number of all that have ever ended.
    pub(super) fn ended(&self) -> u64 {
        self.ended
    }

    /// Those of them that ended since so many had, oldest first, as far as they are remembered.
    pub(super) fn past_since(&self, ended: u64) -> impl Iterator<Item = &PastOrder> {
        let newer = usize::try_from(self.ended.saturating_sub(ended)).unwrap_or(usize::MAX);
        self.past.iter().skip(self.past.len().saturating_sub(newer))
    }

    /// The moment at which the next order begins or ends by itself.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let turns = self.held.iter().flat_map(OrderRecord::turns);
        turns.filter(|turn| *turn > self.seen).min()
    }

    /// Lets those begin and end whose time has come.
    pub(super) fn advance(&mut self, now: Moment) -> Vec<OrderTurn> {
        if self.wake_at().is_none_or(|wake| wake > now) {
            return Vec::new();
        }
        let seen = std::mem::replace(&mut self.seen, now);
        let began = self.held.iter();
        let began = began.filter(|held| held.begins() > seen && held.begins() <= now);
        let began = began.cloned().map(OrderTurn::Began);
        let mut turns: Vec<OrderTurn> = began.collect();
        let ended = self.end_where(now, |held| {
            let over = held.until.is_some_and(|until| until <= now);
            over.then_some(OrderEnd::Expired)
        });
        turns.extend(ended.into_iter().map(OrderTurn::Expired));
        turns
    }

    /// Holds a drain or an override.
    pub(super) fn add(&mut self, now: Moment, record: OrderRecord) -> OrderAddition {
        self.seen = self.seen.max(now);
        let by = record.order.author.clone();
        let replaced = match record.order.action {
            Action::Drain => {
                let same = self.held.iter().filter(|held| held.is_like(&record));
                if let Some(held) = same.clone().find(|held| held.outlasts(&record, now)) {
                    return OrderAddition::Covered(Box::new(held.clone()));
                }
                self.end_where(now, |held| {
                    let own = held.is_like(&record) && held.order.author == by;
                    let gives_way = own && record.outlasts(held, now);
                    gives_way.then(|| OrderEnd::Replaced { by: by.clone() })
                })
            }
            Action::Force(_)
            | Action::Approve
            | Action::Refuse
            | Action::Undrain
            | Action::Lift => self.end_where(now, |held| {
                let gives_way = held.is_like(&record) && held.overlaps(&record);
                gives_way.then(|| OrderEnd::Replaced { by: by.clone() })
            }),
        };
        if self.held.len() >= ORDERS_HELD {
            return OrderAddition::Full;
        }
        self.held.push(record);
        OrderAddition::Held(replaced)
    }

    /// Holds what all nodes have agreed on in place of all that was agreed on before; gives what is new, and what has ended.
    pub(super) fn agree(&mut self, now: Moment, agreed: &Agreed) -> [Vec<OrderRecord>; 2] {
        self.seen = self.seen.max(now);
        let ended = self.end_where(now, |held| agreed.end_of(held, now));
        if agreed.missing == MissingOrders::Kept {
            self.held
                .iter_mut()
                .for_each(|held| held.origin = OrderOrigin::Here);
        }
        let mut new = Vec::new();
        for order in &agreed.orders {
            let mut held = self.held.iter_mut();
            match held.find(|held| held.is_same(order)) {
                Some(held) => held.adopt(now, order),
                // What is over in a moment was held here already, and has ended by this node's own clock.
                None if order.until.is_some_and(|until| until <= now.after(SAME)) => {}
                None => {
                    self.held.push(order.clone());
                    new.push(order.clone());
                }
            }
        }
        [new, ended]
    }

    /// Lifts all orders that this one is to lift; gives them.
    pub(super) fn lift(&mut self, now: Moment, by: &Order) -> Vec<OrderRecord> {
        self.end_where(now, |held| {
            let lifted = held.order.scope == by.scope && held.is_lifted_by(by.action);
            lifted.then(|| OrderEnd::Lifted {
                by: by.author.clone(),
                reason: by.reason.clone(),
            })
        })
    }

    /// Tells that there is an order that this one would lift.
    pub(super) fn has_for(&self, by: &Order) -> bool {
        let mut held = self.held.iter();
        held.any(|held| held.order.scope == by.scope && held.is_lifted_by(by.action))
    }

    /// Writes down an order that was carried out at once; an approval comes once for each target that it is for.
    pub(super) fn remember_once(&mut self, now: Moment, order: &Order) {
        let last = self.past.back();
        if last.is_none_or(|last| (last.ended, &last.record.order) != (now, order)) {
            self.remember(now, order);
        }
    }

    /// Writes down an order that was carried out at once.
    pub(super) fn remember(&mut self, now: Moment, order: &Order) {
        let record = OrderRecord {
            order: order.clone(),
            given: now,
            from: None,
            until: None,
            origin: OrderOrigin::Here,
        };
        self.bury(now, record, OrderEnd::Done);
    }

    /// Ends those for which there is an end; gives them.
    fn end_where(
        &mut self,
        now: Moment,
        end: impl Fn(&OrderRecord) -> Option<OrderEnd>,
    ) -> Vec<OrderRecord> {
        let (mut held, mut ended) = (Vec::new(), Vec::new());
        for record in std::mem::take(&mut self.held) {
            match end(&record) {
                None => held.push(record),
                Some(end) => {
                    self.bury(now, record.clone(), end);
                    ended.push(record);
                }
            }
        }
        self.held = held;
        ended
    }

    fn bury(&mut self, now: Moment, record: OrderRecord, end: OrderEnd) {
        let ended = match (&end, record.until) {
            (OrderEnd::Expired, Some(until)) => until,
            _ => now,
        };
        self.remember_past(now, PastOrder { record, ended, end });
    }

    /// Adds to the history; what is too old, or one too many, goes.
    fn remember_past(&mut self, now: Moment, past: PastOrder) {
        self.past.push_back(past);
        self.past.retain(|past| past.is_recent(now));
        if self.past.len() > ORDERS_PAST {
            self.past.pop_front();
        }
        self.ended += 1;
    }
}

impl OrderRecord {
    /// The moments at which it begins and ends by itself.
    pub(super) fn turns(&self) -> impl Iterator<Item = Moment> {
        [Some(self.begins()), self.until].into_iter().flatten()
    }

    /// Tells two orders of one kind for one scope.
    fn is_like(&self, other: &Self) -> bool {
        let kinds = [self, other].map(|one| std::mem::discriminant(&one.order.action));
        kinds[0] == kinds[1] && self.order.scope == other.order.scope
    }

    /// Tells an order of a kind that this one lifts.
    pub(super) fn is_lifted_by(&self, action: Action) -> bool {
        match self.order.action {
            Action::Drain => action == Action::Undrain,
            Action::Force(_) => action == Action::Lift,
            Action::Approve | Action::Refuse | Action::Undrain | Action::Lift => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Permille;
    use crate::base::limits::ORDERS_PAST_AGE;
    use crate::engine::order::{OrderOrigin, Override};

    fn order(action: Action, scope: &str, author: &str) -> Order {
        Order {
            action,
            scope: scope.into(),
            author: author.into(),
            reason: String::new(),
        }
    }

    fn record(order: Order, window: (Option<u64>, Option<u64>)) -> OrderRecord {
        OrderRecord {
            order,
            given: Moment(10),
            from: window.0.map(Moment),
            until: window.1.map(Moment),
            origin: OrderOrigin::Here,
        }
    }

    fn drain(author: &str, window: (Option<u64>, Option<u64>)) -> OrderRecord {
        record(order(Action::Drain, "eu", author), window)
    }

    fn authors(orders: &Orders) -> Vec<&str> {
        let held = orders.held().iter();
        held.map(|held| held.order.author.as_str()).collect()
    }

    #[test]
    fn a_drain_is_held_beside_others_unless_one_covers_it() {
        let mut orders = Orders::default();
        let now = Moment(10);
        let held = |added| matches!(added, OrderAddition::Held(_));
        assert!(held(orders.add(now, drain("ada", (None, Some(50))))));
        assert!(!held(orders.add(now, drain("bob", (None, Some(40))))));
        assert!(held(orders.add(now, drain("bob", (None, Some(60))))));
        assert_eq!(
            authors(&orders),
            ["ada", "bob"],
            "the longer one of another"
        );
        let own = orders.add(now, drain("ada", (None, Some(70))));
        assert_eq!(
            own,
            OrderAddition::Held(vec![drain("ada", (None, Some(50)))])
        );
        assert!(held(orders.add(now, drain("ada", (Some(90), Some(95))))));
        assert_eq!(
            authors(&orders),
            ["bob", "ada", "ada"],
            "two windows of one"
        );
        let lifted = orders.lift(now, &order(Action::Undrain, "eu", "eve"));
        assert_eq!((lifted.len(), orders.held().len()), (3, 0));
        assert!(
            orders
                .lift(now, &order(Action::Undrain, "eu", "eve"))
                .is_empty()
        );
    }

    #[test]
    fn orders_begin_and_end_at_their_time() {
        let mut orders = Orders::default();
        let later = drain("ada", (Some(20), Some(30)));
        orders.add(Moment(10), later.clone());
        assert_eq!(orders.wake_at(), Some(Moment(20)));
        assert_eq!(orders.advance(Moment(19)), []);
        let began = orders.advance(Moment(20));
        assert_eq!(began, [OrderTurn::Began(later.clone())]);
        assert_eq!(orders.wake_at(), Some(Moment(30)));
        let ended = orders.advance(Moment(35));
        assert_eq!(ended, [OrderTurn::Expired(later)]);
        assert_eq!((orders.wake_at(), orders.held().len()), (None, 0));
        let past: Vec<_> = orders.past().map(|one| (one.ended.0, &one.end)).collect();
        assert_eq!(past, [(30, &OrderEnd::Expired)]);
    }

    #[test]
    fn of_overrides_the_last_word_counts() {
        let mut orders = Orders::default();
        let now = Moment(10);
        let force = |own, window| record(order(Action::Force(own), "eu", "ada"), window);
        let half = Override::Share(Permille(500));
        orders.add(now, force(Override::Up, (None, Some(20))));
        orders.add(now, force(half, (Some(30), Some(40))));
        orders.add(now, drain("ada", (None, None)));
        let last = orders.add(now, force(Override::DOWN, (None, Some(25))));
        let replaced = vec![force(Override::Up, (None, Some(20)))];
        assert_eq!(last, OrderAddition::Held(replaced));
        assert_eq!(orders.held().len(), 3);
        let lifted = orders.lift(now, &order(Action::Lift, "eu", "bob"));
        assert_eq!((lifted.len(), authors(&orders)), (2, vec!["ada"]));
    }

    #[test]
    fn what_is_held_and_what_is_remembered_has_a_bound() {
        let mut orders = Orders::default();
        let of = |number: usize| {
            let scope = format!("e{number}");
            record(order(Action::Drain, &scope, "ada"), (None, None))
        };
        for number in 0..ORDERS_HELD {
            assert_eq!(
                orders.add(Moment(10), of(number)),
                OrderAddition::Held(vec![])
            );
        }
        assert_eq!(orders.add(Moment(10), of(ORDERS_HELD)), OrderAddition::Full);
        for _ in 0..ORDERS_PAST + 5 {
            orders.remember(Moment(10), &order(Action::Approve, "eu", "ada"));
        }
        assert_eq!(orders.past().count(), ORDERS_PAST);
    }

    #[test]
    fn what_ended_during_a_restart_is_in_the_history() {
        let records = [
            drain("ada", (None, Some(20))),
            drain("bob", (None, Some(40))),
        ];
        let kept = OrdersToResume {
            held: &records,
            past: &[],
        };
        let orders = Orders::restored(Moment(30), kept);
        assert_eq!(authors(&orders), ["bob"]);
        assert_eq!(orders.past().count(), 1);
        assert_eq!(orders.wake_at(), Some(Moment(40)));
    }

    #[test]
    fn the_history_goes_on_after_a_restart_and_is_bounded_in_number_and_age() {
        let ended_at = |at| PastOrder {
            record: drain("ada", (None, Some(at))),
            ended: Moment(at),
            end: OrderEnd::Expired,
        };
        let past: Vec<PastOrder> = (0..ORDERS_PAST as u64 + 7).map(ended_at).collect();
        let kept = OrdersToResume {
            held: &[],
            past: &past,
        };
        let mut orders = Orders::restored(Moment(1000), kept);
        let found: Vec<_> = orders.past().cloned().collect();
        assert_eq!(found, past[7..]);
        let known = orders.ended();
        assert_eq!(orders.past_since(known).count(), 0);
        orders.remember(Moment(2000), &order(Action::Approve, "eu", "bob"));
        let newer: Vec<_> = orders.past_since(known).map(|past| past.ended).collect();
        assert_eq!(newer, [Moment(2000)]);
        assert_eq!(orders.past().count(), ORDERS_PAST);
        let much_later = Moment(1500).after(ORDERS_PAST_AGE);
        assert_eq!(Orders::restored(much_later, kept).past().count(), 0);
        orders.remember(much_later, &order(Action::Approve, "eu", "bob"));
        assert_eq!(orders.past().count(), 2, "older ones are forgotten");
    }
}
