//! Orders in force, as the log comes to them, after what bounds a single author.
//!
//! # Revocation
//! A revoked author's word is void, whenever it was given: who has its key could have written it, with any clock. A revocation by
//! an order holds whoever gives it, a revoked author too (two that revoke each other are both out); but one author revokes fewer
//! than half of the members, its first ones: so a stolen key does not silence a cluster.
//!
//! # Half of the capacity
//! One author alone takes out at most half of the capacity, by drains and overrides together; in the order of their clocks those hold that
//! fit, and the others are **held back** and shown as such. What two authors order is bounded by the operators' judgement
//! alone: the second one orders the same for the same scope. A roster of one has no second author and no such bound.
//! What is to come counts once it has begun.
//!
//! # Several drains of one scope
//! Each ends at its own time, and a scope is out while any of them is in force; who lets it back means all that it knew of. Of
//! everything else the one that holds in its slot stands.
//!
//! It knows no plan: what a scope covers is asked of whoever knows.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Permille, Utc};

use super::entry::{LogAct, OrderSlot};
use super::log::{LoggedEntry, SharedLog, holding};
use super::roster::{MemberAdmission, Roster};
use super::seal::Author;

/// The knowledge of what scopes cover.
pub trait ScopeCapacity {
    /// The places that a scope covers, each with its capacity.
    fn covered(&self, scope: &str) -> Vec<(u32, u64)>;
    /// All capacity there is.
    fn total(&self) -> u64;
}

/// An order that holds in its slot, and is in force by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderInForce<'l> {
    /// The entry.
    pub entry: &'l LoggedEntry,
    /// Tells whether it does what it says.
    pub effect: OrderEffect,
}

/// Tells whether an order does what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEffect {
    /// It does.
    Whole,
    /// It would take out more than one author may alone.
    HeldBack,
}

/// The authors whose word is void: by the roster, and by orders.
#[must_use]
pub(super) fn revoked(log: &SharedLog, roster: &Roster) -> BTreeSet<Author> {
    let most = roster.members().len().saturating_sub(1) / 2;
    let mut by_author: BTreeMap<Author, BTreeSet<_>> = BTreeMap::new();
    for entry in log.entries() {
        if let LogAct::Revoke(whom) = entry.entry.act {
            let own = by_author.entry(entry.author).or_default();
            own.insert((entry.entry.stamp, whom));
        }
    }
    let by_order = by_author.values().flat_map(|own| own.iter().take(most));
    let members = roster.members();
    let by_roster = members.filter(|(_, member)| member.admission == MemberAdmission::Revoked);
    by_roster
        .map(|(author, _)| author)
        .chain(by_order.map(|(_, whom)| *whom))
        .collect()
}

/// The orders that stand at a time: in force or to come, those held back and those that end others among them, in the order of their
/// clocks.
#[must_use]
pub(super) fn standing<'l>(
    log: &'l SharedLog,
    void: &'l BTreeSet<Author>,
    wall: Utc,
    roster: &Roster,
    capacity: &dyn ScopeCapacity,
) -> Vec<OrderInForce<'l>> {
    let mut held: Vec<(&LoggedEntry, bool)> = Vec::new();
    for (_, entries) in log.slots(void) {
        let standing = standing_of(&entries);
        let standing = standing.filter(|entry| !entry.entry.is_over(wall));
        held.extend(standing.map(|entry| (entry, is_seconded(entry, &entries))));
    }
    held.sort_unstable_by_key(|(entry, _)| (entry.entry.stamp, entry.author, entry.hash));
    let mut taken = Takings::new(capacity);
    let bounded = roster.members().len() > 1;
    let orders = held.into_iter().map(|(entry, seconded)| {
        let counts = bounded && !seconded && takes(&entry.entry.act);
        let effect = match counts && entry.entry.is_in_force(wall) && !taken.fits(entry) {
            true => OrderEffect::HeldBack,
            false => OrderEffect::Whole,
        };
        OrderInForce { entry, effect }
    });
    orders.collect()
}

/// The entries of a slot that stand: that which holds, and beside a drain all others that nobody has taken back, for their ends differ.
pub(super) fn standing_of<'e>(
    entries: &[&'e LoggedEntry],
) -> impl Iterator<Item = &'e LoggedEntry> {
    let holds = holding(entries);
    let stands = move |one: &&LoggedEntry| {
        let is_beside = |holds: &LoggedEntry| {
            let both = [&holds.entry.act, &one.entry.act];
            both == [&LogAct::Drain; 2] && !is_taken_back(one, entries)
        };
        holds.is_some_and(|holds| holds.hash == one.hash || is_beside(holds))
    };
    let standing: Vec<&LoggedEntry> = entries.iter().copied().filter(stands).collect();
    standing.into_iter()
}

/// Places that single authors have taken out already.
struct Takings<'c> {
    capacity: &'c dyn ScopeCapacity,
    by_author: BTreeMap<Author, BTreeMap<u32, u64>>,
}

impl<'c> Takings<'c> {
    fn new(capacity: &'c dyn ScopeCapacity) -> Self {
        Self {
            capacity,
            by_author: BTreeMap::new(),
        }
    }

    /// Takes out what an order covers, if its author may.
    fn fits(&mut self, order: &LoggedEntry) -> bool {
        let own = self.by_author.entry(order.author).or_default();
        let mut more = own.clone();
        more.extend(self.capacity.covered(&order.entry.scope));
        let fits = sum(&more) <= self.capacity.total() / 2;
        if fits {
            *own = more;
        }
        fits
    }
}

fn takes(act: &LogAct) -> bool {
    match act {
        LogAct::Drain => true,
        LogAct::Override(share) => *share < Permille::FULL,
        LogAct::Undrain
        | LogAct::Lift
        | LogAct::Approve(_)
        | LogAct::Refuse(_)
        | LogAct::Revoke(_)
        | LogAct::PutChallenge(..)
        | LogAct::DeleteChallenge(_)
        | LogAct::HaltRelease(_)
        | LogAct::ResumeRelease(_) => false,
    }
}

/// Tells that another author has ordered the same, and nobody has taken that back.
fn is_seconded(order: &LoggedEntry, entries: &[&LoggedEntry]) -> bool {
    let mut others = entries.iter().filter(|other| other.author != order.author);
    others.any(|other| other.entry.act == order.entry.act && !is_taken_back(other, entries))
}

fn is_taken_back(one: &LoggedEntry, entries: &[&LoggedEntry]) -> bool {
    let mut others = entries.iter();
    others.any(|other| other.entry.act != one.entry.act && other.saw(one))
}

/// Tells that an act which is given now by this author, on this scope, would be held back among those that stand.
#[must_use]
pub(super) fn is_too_much(
    standing: &[OrderInForce<'_>],
    (author, wall): (Author, Utc),
    (act, scope): (&LogAct, &str),
    capacity: &dyn ScopeCapacity,
) -> bool {
    let slot = OrderSlot::of(act, scope);
    let is_seconded = |one: &&OrderInForce<'_>| {
        let same = one.entry.author != author && one.entry.entry.act == *act;
        same && one.entry.entry.slot() == slot
    };
    if !takes(act) || standing.iter().any(|one| is_seconded(&one)) {
        return false;
    }
    let own = standing.iter().filter(|one| {
        let counts = one.effect == OrderEffect::Whole && takes(&one.entry.entry.act);
        let entry = &one.entry.entry;
        counts && one.entry.author == author && entry.is_in_force(wall) && entry.slot() != slot
    });
    let mut all: BTreeMap<u32, u64> = capacity.covered(scope).into_iter().collect();
    all.extend(own.flat_map(|one| capacity.covered(&one.entry.entry.scope)));
    sum(&all) > capacity.total() / 2
}

fn sum(places: &BTreeMap<u32, u64>) -> u64 {
    places.values().fold(0, |all, one| all.saturating_add(*one))
}
