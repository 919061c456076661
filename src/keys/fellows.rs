//! Keys of a zone that several nodes sign, each from a folder of its own.
//!
//! Every node tells the others the ring that it serves. Two rules make one rollover of theirs:
//!
//! - **Nobody runs ahead.** A step waits until every node that signs the zone has taken the step before it, and its wait counts
//!   from the last of them ([`Ring::prospects_among`]). So what a cache holds of one node goes with what it gets from another,
//!   however long a cut lasts; a rollover rests meanwhile, and every ring in between may be served for ever.
//! - **Nobody stays behind.** What one has done the others do at once, and keep the time at which they did it ([`Ring::follow`]): that
//!   node had waited for all of them. A node that has lost its keys, or has old ones from a backup, comes to the ring of the others so.
//!
//! Keys that two nodes made without knowing of each other are not published before every node has both, for publishing is a
//! step as well. By then all of them have dropped the same one: the one that was made later, and of two of one second the one with the greater
//! tag.
//!
//! A key counts as known only once its secret is there: a ring with a key that is not held is not followed, not in part either.
//!
//! A ring with a step further ahead than clocks may differ ([`CLUSTER_SKEW_MOST`]) is one of a wrong clock, which lets no wait pass that caches need. It is
//! followed by nobody, and the rollover rests. Once that clock is right, the node gives such a ring up, and comes to that of the others. A key that was made
//! by such a clock, and has taken no step, counts as made when it is right again: no cache has it.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::limits::{CLUSTER_SKEW_MOST, KEYS_REMEMBERED};

use super::policy::{Due, Policy, Prospect, Step};
use super::ring::{Goal, Key, KeyId, Ring, Role, Time};

/// A ring as a node serves it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ToldRing {
    /// The steps of its keys.
    pub ring: Ring,
    /// By live key, a number made of its DNSKEY: two keys of one tag differ in it.
    pub prints: BTreeMap<KeyId, u64>,
}

/// Another node that signs the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fellow {
    /// It has not told what it serves.
    Unheard,
    /// It serves this.
    Serves(ToldRing),
}

/// The other nodes that sign a zone, and what this one has for following them. Nobody, by default.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fellows {
    /// The others.
    pub others: Vec<Fellow>,
    /// Keys whose secrets are here, with their prints.
    pub held: BTreeSet<(KeyId, u64)>,
    /// Tells that another node makes the successors of keys that have signed for their lifetime.
    pub is_second: bool,
}

impl Fellows {
    /// Tells that there are others, and that none has told what it serves: then nobody here knows whether the zone is signed.
    #[must_use]
    pub fn are_silent(&self) -> bool {
        let mut others = self.others.iter();
        !self.others.is_empty() && others.all(|one| *one == Fellow::Unheard)
    }

    fn told(&self) -> impl Iterator<Item = &ToldRing> {
        self.others.iter().filter_map(|fellow| match fellow {
            Fellow::Serves(told) => Some(told),
            Fellow::Unheard => None,
        })
    }

    /// Tells that a key of another node's ring is one that is held here, or is history there.
    fn has(&self, told: &ToldRing, id: KeyId) -> bool {
        let print = told.prints.get(&id);
        print.is_none_or(|print| self.held.contains(&(id, *print)))
    }
}

impl Ring {
    /// All steps that lie ahead of a zone that other nodes sign, too.
    #[must_use]
    pub fn prospects_among(&self, policy: &Policy, fellows: &Fellows) -> Vec<Prospect> {
        let own = self.prospects(policy);
        if fellows.others.is_empty() {
            return own;
        }
        let common = self.common(fellows);
        let common = common.map_or_else(Vec::new, |common| common.prospects(policy));
        let agreed = |one: Prospect| {
            let Due::At(time) = one.due else { return one };
            let mut same = common.iter().filter(|other| other.step == one.step);
            let due = match (one.step, same.next().map(|other| other.due)) {
                // The parent has no DS: nobody minds whether the zone is signed.
                (Step::Unsign, _) => one.due,
                (Step::Make(_), _) if fellows.is_second => Due::Nodes,
                (_, Some(Due::At(last))) => Due::At(time.max(last)),
                (_, Some(Due::Word | Due::Nodes) | None) => Due::Nodes,
            };
            Prospect { due, ..one }
        };
        own.into_iter().map(agreed).collect()
    }

    /// The first step that is due where other nodes sign, too.
    #[must_use]
    pub fn due_among(&self, policy: &Policy, fellows: &Fellows, now: Time) -> Option<Step> {
        let ahead = self.prospects_among(policy, fellows);
        let is_due = |one: &Prospect| matches!(one.due, Due::At(time) if time <= now);
        ahead.into_iter().find(is_due).map(|one| one.step)
    }

    /// The time of the next step there, if any comes by time alone, or from which the ring of another node is not ahead any more.
    #[must_use]
    pub fn wake_among(&self, policy: &Policy, fellows: &Fellows, now: Time) -> Option<Time> {
        let ahead = self.prospects_among(policy, fellows);
        let times = ahead.into_iter().filter_map(|one| match one.due {
            Due::At(time) => Some(time),
            Due::Word | Due::Nodes => None,
        });
        let rings = fellows.told().map(|told| &told.ring);
        let come = rings.map(|ring| ring.latest().before(CLUSTER_SKEW_MOST));
        times.chain(come.filter(|time| *time > now)).min()
    }

    /// The steps that every node has taken, each at the time of the last. Nothing, if one is unheard or its zone goes elsewhere.
    fn common(&self, fellows: &Fellows) -> Option<Self> {
        let mut common = self.clone();
        for fellow in &fellows.others {
            let told = match fellow {
                Fellow::Serves(told) if told.ring.course() == self.course() => told,
                Fellow::Serves(_) | Fellow::Unheard => return None,
            };
            let theirs = &told.ring;
            common.settled = common.settled.max(theirs.settled);
            common.signed = both(common.signed, theirs.signed);
            common.keys.retain_mut(|key| {
                let other = theirs.find(key.id).filter(|_| fellows.has(told, key.id));
                let Some(other) = other else {
                    // Who has never had a key, or has forgotten it, does not use it.
                    return key.retired.is_some() || key.submitted.is_some();
                };
                key.published = both(key.published, other.published);
                key.active = both(key.active, other.active);
                key.retired = both(key.retired, other.retired);
                other.is_live() || other.published.is_some()
            });
        }
        Some(common)
    }

    /// Takes over what other nodes have done already; tells whether that is anything.
    pub fn follow(&mut self, fellows: &Fellows, now: Time) -> bool {
        let before = self.clone();
        let mut others = fellows.told();
        if self.is_ahead(now) && !others.any(|told| told.ring.is_wrong(now)) {
            self.redate(now);
        }
        let present = fellows.told().filter(|told| !told.ring.is_ahead(now));
        let present: Vec<&ToldRing> = present.collect();
        let followed = |mut ring: Self| {
            for told in &present {
                if ring.may_follow_ring(told, fellows) {
                    ring.follow_one(&told.ring, now);
                }
            }
            ring
        };
        // A ring of a wrong clock is given up for one of others whose keys are here, never for none.
        let anew = self.is_ahead(now).then(|| followed(Self::default()));
        let anew = anew.filter(|ring| ring.live().next().is_some());
        let next = anew.unwrap_or_else(|| followed(self.clone()));
        *self = next;
        before != *self
    }

    /// Tells that this ring is ahead, and one of others, whose keys are here, is to be followed in its place: what it says is not to be
    /// signed with.
    #[must_use]
    pub fn gives_way(&self, fellows: &Fellows, now: Time) -> bool {
        self.is_wrong(now) && {
            let mut next = self.clone();
            next.follow(fellows, now) && !next.is_ahead(now)
        }
    }

    /// Has keys that have taken no step, and were made further ahead than clocks may differ, count as made now. Where nothing was done
    /// yet, the course of the zone was said now, too.
    fn redate(&mut self, now: Time) {
        let horizon = now.after(CLUSTER_SKEW_MOST);
        let is_new = |key: &Key| *key == Key::new(key.id, key.role, key.created);
        let early = self.keys.iter_mut();
        let early = early.filter(|key| is_new(key) && key.created > horizon);
        early.for_each(|key| key.created = now);
        let done = [self.signed, self.gone, self.unsigned];
        if done == [None; 3] && self.keys.iter().all(is_new) {
            self.turned = self
                .turned
                .map(|time| if time > horizon { now } else { time });
        }
    }

    /// Tells that steps lie ahead which were taken: of two clocks that differ so, this node's may be the wrong one.
    fn is_wrong(&self, now: Time) -> bool {
        self.is_ahead(now) && {
            let mut taken = self.clone();
            taken.redate(now);
            taken.is_ahead(now)
        }
    }

    /// The time of the last of all its steps.
    fn latest(&self) -> Time {
        let keys = self.keys.iter().map(Key::latest);
        let turns = [self.turned, self.signed, self.gone, self.unsigned];
        keys.chain(turns.into_iter().flatten())
            .max()
            .unwrap_or_default()
    }

    /// Tells that a step lies further ahead than clocks may differ: nobody follows it.
    #[must_use]
    pub fn is_ahead(&self, now: Time) -> bool {
        self.latest() > now.after(CLUSTER_SKEW_MOST)
    }

    /// Tells that another ring is not behind this one, and that all its keys are here.
    fn may_follow_ring(&self, told: &ToldRing, fellows: &Fellows) -> bool {
        let theirs = &told.ring;
        let mut own = self.live();
        let lacks = |key: &Key| {
            key.is_published() && key.retired.is_none() && theirs.find(key.id).is_none()
        };
        let is_behind = theirs.course() < self.course() || own.any(lacks);
        !is_behind && theirs.live().all(|key| fellows.has(told, key.id))
    }

    fn follow_one(&mut self, theirs: &Self, now: Time) {
        self.turn_with(theirs, now);
        for key in &theirs.keys {
            if let Some(own) = self.keys.iter_mut().find(|own| own.id == key.id) {
                take_over(own, key, now);
            }
        }
        // By its history a node tells who is behind: it must be the same on all.
        let history = theirs.keys.iter().filter(|key| !key.is_live());
        for key in history {
            if self.find(key.id).is_none() && self.keys.len() < KEYS_REMEMBERED {
                self.keys.insert(0, key.clone());
            }
        }
        let dropped = self.rivals(theirs);
        for key in theirs.live().filter(|key| !dropped.contains(&key.id)) {
            if self.find(key.id).is_none() {
                let mut own = Key::new(key.id, key.role, key.created);
                take_over(&mut own, key, now);
                self.keys.push(own);
            }
        }
        for id in dropped {
            self.drop_key(theirs, id, now);
        }
        let signs = self.live().any(|key| key.role.is_zone() && key.is_active());
        if self.unsigned.is_none() && signs && self.signed.is_none() {
            self.signed = theirs.signed.map(|time| time.max(now));
        }
        if self.goal == Goal::Insecure {
            self.gone = self.gone.or(theirs.gone.map(|time| time.max(now)));
            if theirs.unsigned.is_some() {
                self.take(Step::Unsign, now);
            }
        }
        self.forget();
    }

    /// The course of the zone, and the time from which on it goes there: of two the greater counts, and of two of one second the one that stays signed.
    fn course(&self) -> (Option<Time>, bool) {
        (self.turned, self.goal == Goal::Secure)
    }

    /// Goes where the zone goes, if that was said later than what is known here.
    fn turn_with(&mut self, theirs: &Self, now: Time) {
        if theirs.course() <= self.course() {
            return;
        }
        // Where it goes as it did, it has gone elsewhere meanwhile: what was true of it before counts no more.
        let times = if self.goal == theirs.goal { 2 } else { 1 };
        for _ in 0..times {
            // Without keys there is nothing to undo.
            let _ = match self.goal {
                Goal::Secure => self.withdraw(now),
                Goal::Insecure => self.publish(now),
            };
        }
        (self.goal, self.turned) = (theirs.goal, theirs.turned);
    }

    /// Keys that were made where others were made for the same, unknown to each other: those that give way, own or theirs.
    fn rivals(&self, theirs: &Self) -> BTreeSet<KeyId> {
        let new = |ring: &Self, other: &Self| -> Vec<Key> {
            let keys = ring.live().filter(|key| other.find(key.id).is_none());
            keys.filter(|key| key.published.is_none())
                .cloned()
                .collect()
        };
        let (own, coming) = (new(self, theirs), new(theirs, self));
        let ids = |keys: &[Key]| keys.iter().map(|key| key.id).collect::<BTreeSet<_>>();
        // A rollover that has been published goes on, and nothing begins beside it.
        let mut known = Self::clone(self);
        known.keys.retain(Key::is_published);
        let unknown = theirs.live().filter(|key| self.find(key.id).is_none());
        let published = unknown.filter(|key| key.is_published()).cloned();
        known.keys.extend(published);
        if coming.iter().any(|key| !known.is_resting(key.role)) {
            return ids(&coming);
        }
        if own.iter().any(|key| !known.is_resting(key.role)) {
            return ids(&own);
        }
        let meet = |one: &Key| own.iter().any(|other| overlap(one.role, other.role));
        if !coming.iter().any(meet) {
            return BTreeSet::new();
        }
        let first = |keys: &[Key]| keys.iter().map(|key| (key.created, key.id)).min();
        match first(&own) < first(&coming) {
            true => ids(&coming),
            false => ids(&own),
        }
    }

    /// Drops a key that was never published, and remembers that.
    fn drop_key(&mut self, theirs: &Self, id: KeyId, now: Time) {
        if self.find(id).is_none()
            && let Some(key) = theirs.find(id)
        {
            self.keys.push(Key::new(id, key.role, key.created));
        }
        self.take(Step::Remove(id), now);
    }
}

/// Takes the steps of a key that another node has taken.
fn take_over(own: &mut Key, theirs: &Key, now: Time) {
    for (own, theirs) in [
        (&mut own.published, theirs.published),
        (&mut own.active, theirs.active),
        (&mut own.retired, theirs.retired),
        (&mut own.submitted, theirs.submitted),
        (&mut own.seen, theirs.seen),
        (&mut own.removed, theirs.removed),
    ] {
        *own = own.or(theirs.map(|time| time.max(now)));
    }
}

fn both(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    Some(one?.max(other?))
}

fn overlap(one: Role, other: Role) -> bool {
    (one.is_zone() && other.is_zone()) || (one.is_entry() && other.is_entry())
}
