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
//!
//! It knows no plan: what a scope covers is asked of whoever knows.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Permille, Utc};

use super::entry::LogAct;
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

/// The orders in force at a time, those held back among them, in the order of their clocks.
#[must_use]
pub(super) fn in_force<'l>(
    log: &'l SharedLog,
    void: &'l BTreeSet<Author>,
    wall: Utc,
    roster: &Roster,
    capacity: &dyn ScopeCapacity,
) -> Vec<OrderInForce<'l>> {
    let mut held: Vec<(&LoggedEntry, bool)> = Vec::new();
    for (_, entries) in log.slots(void) {
        if let Some(entry) = holding(&entries).filter(|entry| entry.entry.is_in_force(wall)) {
            held.push((entry, is_seconded(entry, &entries)));
        }
    }
    held.sort_unstable_by_key(|(entry, _)| (entry.entry.stamp, entry.author, entry.hash));
    let mut taken = Takings::new(capacity);
    let bounded = roster.members().len() > 1;
    let orders = held.into_iter().map(|(entry, seconded)| {
        let fits = !bounded || seconded || !takes(&entry.entry.act) || taken.fits(entry);
        let effect = if fits {
            OrderEffect::Whole
        } else {
            OrderEffect::HeldBack
        };
        OrderInForce { entry, effect }
    });
    orders.collect()
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
        let all = more
            .values()
            .fold(0_u64, |all, one| all.saturating_add(*one));
        let fits = all <= self.capacity.total() / 2;
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
        | LogAct::PutChallenge(_)
        | LogAct::DeleteChallenge(_)
        | LogAct::AddKey(_)
        | LogAct::SeeDs(_) => false,
    }
}

/// Tells that another author has ordered the same, and nobody has taken that back.
fn is_seconded(order: &LoggedEntry, entries: &[&LoggedEntry]) -> bool {
    let taken_back = |one: &LoggedEntry| {
        let mut others = entries.iter();
        others.any(|other| other.entry.act != one.entry.act && other.saw(one))
    };
    let mut others = entries.iter().filter(|other| other.author != order.author);
    others.any(|other| other.entry.act == order.entry.act && !taken_back(other))
}
