//! Orders that stand, who knows them, and what all nodes answer together, asked of one node's copy. How the log comes to them is in [`super::orders`].
use std::collections::BTreeMap;

use super::cluster::{Cluster, Footing};
use super::entry::LogAct;
use super::head::LoadRow;
use super::log::LoggedEntry;
use super::orders::{self, OrderInForce, ScopeCapacity};
use super::seal::Author;
use crate::base::limits::CLUSTER_LOAD_FRESH;
use crate::base::{Moment, Utc};

/// The nodes of a cluster that know an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderSpread {
    /// Those that are known to know it, this one among them.
    pub known_by: usize,
    /// All that are listened to.
    pub of: usize,
    /// Names of those that are away, and are not known to know it.
    pub away: Vec<String>,
}

impl OrderSpread {
    /// Tells that nobody who is there has still to hear of it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.known_by + self.away.len() >= self.of
    }
}

impl Cluster {
    /// The sum of what all nodes answered lately.
    #[must_use]
    pub fn load(&self, now: Moment) -> BTreeMap<LoadRow, u64> {
        let mut sum: BTreeMap<LoadRow, u64> = BTreeMap::new();
        let fresh = self.loads.values();
        let fresh = fresh.filter(|(came, _)| now.since(*came) <= CLUSTER_LOAD_FRESH);
        for (row, count) in fresh.flat_map(|(_, load)| &load.rows) {
            let all = sum.entry(*row).or_default();
            *all = all.saturating_add(*count);
        }
        sum
    }

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

    /// The nodes that know an entry. One that does not is away once nothing was heard of it for longer than a vote is fresh, unless it
    /// is this node that is cut off.
    #[must_use]
    pub fn spread(&self, now: Moment, entry: &LoggedEntry) -> OrderSpread {
        let mut spread = OrderSpread::default();
        for (author, member) in self.roster.members() {
            if self.void.contains(&author) && author != self.me {
                continue;
            }
            let head = self.heads.get(&author);
            let knows =
                head.is_some_and(|(_, head)| head.knows(entry.author, entry.boot, entry.seq));
            spread.of += 1;
            if knows || author == self.me {
                spread.known_by += 1;
            } else if self.is_away(now, author) {
                spread.away.push(member.name.clone());
            }
        }
        spread
    }

    /// The moment at which the newest word of another node came.
    pub(super) fn last_heard(&self, author: Author) -> Option<Moment> {
        let voted = self.heard.get(&author);
        let voted = voted.map(|(hearing, _)| hearing.came());
        voted.max(self.heads.get(&author).map(|(came, _)| *came))
    }

    pub(super) fn is_away(&self, now: Moment, author: Author) -> bool {
        let last = self.last_heard(author).unwrap_or(self.started);
        self.footing() != Footing::Apart && now.since(last) > self.window()
    }
}
