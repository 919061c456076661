//! What happens next to a zone's keys, and when.
//!
//! The times are those of RFC 7583 (its names in brackets). Each is a sum of what a cache may
//! still hold, so a TTL that is stated too small is the one way to make a zone bogus here; too
//! large only makes rollovers slower.
use super::ring::{Goal, Heeded, Key, KeyId, Ring, Role, Time};
use crate::base::Span;
use crate::base::limits::KEYS_REMEMBERED;

/// How fast keys may be rolled, and how often they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a ZSK signs; `None` = until somebody rolls it.
    pub zsk_lifetime: Option<Span>,
    /// How long a KSK or a CSK signs; `None` = until somebody rolls it.
    pub ksk_lifetime: Option<Span>,
    /// The TTL of the DNSKEY RRset (TTLkey).
    pub dnskey_ttl: Span,
    /// The largest TTL of the zone, that of denials included (TTLsig).
    pub zone_ttl: Span,
    /// The TTL of the DS RRset in the parent zone (TTLds).
    pub ds_ttl: Span,
    /// How long a step takes to reach every server of the zone or of its parent, and by how much
    /// clocks differ (Dprp).
    pub propagation: Span,
    /// How long it takes until no signature of a retired key is served any more (Dsgn).
    pub signing: Span,
}

/// One change of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A key of this role is wanted; whoever makes it adds it by [`Ring::add`].
    Make(Role),
    /// The key's DNSKEY goes into the zone.
    Publish(KeyId),
    /// The key signs the zone, its predecessor does not any more.
    Activate(KeyId),
    /// CDS and CDNSKEY name the key, and no other.
    Submit(KeyId),
    /// Somebody says that the key's DS is at the parent.
    See(KeyId),
    /// The key's DNSKEY goes out of the zone.
    Remove(KeyId),
    /// Somebody says that the parent has no DS any more.
    SeeNone,
    /// The zone is not signed any more.
    Unsign,
}

/// When a step can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// From this time on.
    At(Time),
    /// When somebody has looked at the parent and says so.
    Word,
    /// After every node that signs the zone has taken the step before.
    Nodes,
}

/// A step that lies ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// What is to happen.
    pub step: Step,
    /// When.
    pub due: Due,
}

impl Policy {
    /// How long a new DNSKEY must have been published until every cache has it (Ipub).
    fn publication(&self) -> Span {
        sum([self.dnskey_ttl, self.propagation])
    }

    /// How long a zone must have been signed until nothing without signatures is cached.
    fn first_signing(&self) -> Span {
        sum([self.zone_ttl.max(self.dnskey_ttl), self.propagation])
    }

    /// How long after it has retired a key's signatures may still be met (Iret of a ZSK).
    fn retirement(&self) -> Span {
        sum([self.signing, self.zone_ttl, self.propagation])
    }

    /// Those of its times that a ring remembers.
    fn heeded(&self) -> Heeded {
        let seconds = |span: Span| span.0.div_ceil(1000);
        Heeded {
            dnskey_ttl: seconds(self.dnskey_ttl),
            zone_ttl: seconds(self.zone_ttl),
            ds_ttl: seconds(self.ds_ttl),
            signing: seconds(self.signing),
        }
    }

    /// How long after the parent's change a cache may have the DS RRset of before (Iret of a KSK).
    fn parent(&self) -> Span {
        sum([self.ds_ttl, self.propagation])
    }
}

fn sum<const N: usize>(spans: [Span; N]) -> Span {
    Span(spans.iter().fold(0, |sum, span| sum.saturating_add(span.0)))
}

impl Ring {
    /// All steps that lie ahead, as far as can be said now.
    #[must_use]
    pub fn prospects(&self, policy: &Policy) -> Vec<Prospect> {
        let ahead: Vec<Prospect> = match self.goal {
            Goal::Insecure => self.farewell(policy).into_iter().collect(),
            Goal::Secure => {
                let keys = self.live();
                keys.flat_map(|key| self.steps(key, policy)).collect()
            }
        };
        ahead.into_iter().map(|one| self.settle(one)).collect()
    }

    /// Steps that wait for caches wait for what these have from before a TTL became shorter.
    fn settle(&self, ahead: Prospect) -> Prospect {
        let waits = match ahead.step {
            Step::Activate(_) => self.signed.is_some(),
            Step::Submit(_) | Step::Remove(_) | Step::Unsign => true,
            Step::Make(_) | Step::Publish(_) | Step::See(_) | Step::SeeNone => false,
        };
        match (ahead.due, self.settled.filter(|_| waits)) {
            (Due::At(time), Some(settled)) => at(ahead.step, time.max(settled)),
            (Due::At(_) | Due::Word | Due::Nodes, _) => ahead,
        }
    }

    /// Compares the times that caches go by with those of the last look. Where one became shorter,
    /// caches have something of before for a while. Whether there is something new to remember.
    pub fn heed(&mut self, policy: &Policy, now: Time) -> bool {
        let new = policy.heeded();
        let Some(old) = self.heeded.replace(new) else {
            return true;
        };
        let shorter = |old: u64, new: u64| if new < old { old } else { 0 };
        let caches = shorter(old.dnskey_ttl, new.dnskey_ttl).max(shorter(old.ds_ttl, new.ds_ttl));
        if caches > 0 {
            self.settle_at(now.after(sum([Span::from_secs(caches), policy.propagation])));
        }
        if (old.signing, old.zone_ttl) != (new.signing, new.zone_ttl) {
            // Old signatures are served for the old time, and cached for whichever TTL they had.
            let served = now
                .after(Span::from_secs(old.signing))
                .max(self.settled.unwrap_or(now));
            let cached = Span::from_secs(old.zone_ttl.max(new.zone_ttl));
            self.settle_at(served.after(sum([cached, policy.propagation])));
        }
        new != old
    }

    /// The first step that is due.
    #[must_use]
    pub fn due(&self, policy: &Policy, now: Time) -> Option<Step> {
        let mut ahead = self.prospects(policy).into_iter();
        let is_due = |due| matches!(due, Due::At(time) if time <= now);
        ahead.find(|one| is_due(one.due)).map(|one| one.step)
    }

    /// When the next step is due, if any comes by time alone.
    #[must_use]
    pub fn wake_at(&self, policy: &Policy) -> Option<Time> {
        let ahead = self.prospects(policy).into_iter();
        let times = ahead.filter_map(|one| match one.due {
            Due::At(time) => Some(time),
            Due::Word | Due::Nodes => None,
        });
        times.min()
    }

    fn settle_at(&mut self, until: Time) {
        self.settled = self.settled.max(Some(until));
    }

    /// What lies ahead of a zone that goes insecure. Its keys stay as they are: every state of a
    /// rollover may last.
    fn farewell(&self, policy: &Policy) -> Option<Prospect> {
        match (self.unsigned, self.gone) {
            (Some(_), _) => None,
            (None, Some(gone)) => Some(at(Step::Unsign, gone.after(policy.parent()))),
            (None, None) => Some(Prospect {
                step: Step::SeeNone,
                due: Due::Word,
            }),
        }
    }

    fn steps(&self, key: &Key, policy: &Policy) -> Vec<Prospect> {
        let Some(published) = key.published else {
            return vec![at(Step::Publish(key.id), key.created)];
        };
        let zone = key
            .role
            .is_zone()
            .then(|| self.zone_step(key, published, policy));
        let entry = key
            .role
            .is_entry()
            .then(|| self.entry_step(key, published, policy));
        let leave = self
            .leaving(key, policy)
            .map(|time| at(Step::Remove(key.id), time));
        let make = self.successor(key, published, policy);
        [zone.flatten(), entry.flatten(), leave, make]
            .into_iter()
            .flatten()
            .collect()
    }

    /// A published key signs the zone when all caches have its DNSKEY; the first one at once,
    /// because there is no signature yet that a cache would compare.
    fn zone_step(&self, key: &Key, published: Time, policy: &Policy) -> Option<Prospect> {
        if key.active.is_some() {
            return None;
        }
        let is_first = !self
            .live()
            .any(|other| other.role.is_zone() && other.is_active());
        let time = match is_first && self.signed.is_none() {
            true => published,
            false => published.after(policy.publication()),
        };
        Some(at(Step::Activate(key.id), time))
    }

    /// A published key is submitted when all caches have its DNSKEY and nothing without
    /// signatures.
    fn entry_step(&self, key: &Key, published: Time, policy: &Policy) -> Option<Prospect> {
        match (key.submitted, key.seen) {
            (None, _) => {
                let signed = self.signed?.after(policy.first_signing());
                let time = published.after(policy.publication()).max(signed);
                Some(at(Step::Submit(key.id), time))
            }
            (Some(_), None) => (self.submitted()?.id == key.id).then_some(Prospect {
                step: Step::See(key.id),
                due: Due::Word,
            }),
            (Some(_), Some(_)) => None,
        }
    }

    /// When a key may go: no cache has a signature of it, no cache has a DS RRset without the
    /// key that took over.
    fn leaving(&self, key: &Key, policy: &Policy) -> Option<Time> {
        let zone = match key.role.is_zone() {
            true => Some(key.retired?.after(policy.retirement())),
            false => None,
        };
        let entry = match key.role.is_entry() {
            true => {
                let heir = self.submitted().filter(|heir| self.is_later(heir, key))?;
                Some(heir.seen?.after(policy.parent()))
            }
            false => None,
        };
        zone.max(entry)
    }

    /// A key that has signed for its lifetime wants a successor, which has its own time until it
    /// signs; nothing is wanted while a rollover is under way.
    fn successor(&self, key: &Key, published: Time, policy: &Policy) -> Option<Prospect> {
        let (lifetime, since) = match key.role {
            Role::Zsk => (policy.zsk_lifetime?, key.active?),
            Role::Ksk => (policy.ksk_lifetime?, published),
            Role::Csk => (policy.ksk_lifetime?, key.active?),
        };
        let is_alone = self.is_resting(key.role) && key.retired.is_none();
        let ahead = Span(policy.publication().0.min(lifetime.0));
        is_alone.then(|| at(Step::Make(key.role), since.after(lifetime).before(ahead)))
    }

    /// Whether no key of what such a key does is coming or going.
    pub(super) fn is_resting(&self, role: Role) -> bool {
        let zone = self.live().filter(|key| key.role.is_zone()).count();
        let entry = self.live().filter(|key| key.role.is_entry()).count();
        (!role.is_zone() || zone <= 1) && (!role.is_entry() || entry <= 1)
    }

    fn is_later(&self, one: &Key, other: &Key) -> bool {
        let place = |id: KeyId| self.keys.iter().position(|key| key.id == id);
        place(one.id) > place(other.id)
    }

    /// Takes a step. A step that was taken before changes nothing.
    pub fn take(&mut self, step: Step, now: Time) {
        match step {
            Step::Make(_) => {}
            Step::Publish(id) => self.mark(id, |key| &mut key.published, now),
            Step::Activate(id) => self.activate(id, now),
            Step::Submit(id) => self.mark(id, |key| &mut key.submitted, now),
            Step::See(id) => self.mark(id, |key| &mut key.seen, now),
            Step::Remove(id) => self.mark(id, |key| &mut key.removed, now),
            Step::SeeNone => _ = self.gone.get_or_insert(now),
            Step::Unsign => self.unsign(now),
        }
        self.forget();
    }

    /// Adds a key that was made or brought. What it has done already is taken as done.
    pub fn add(&mut self, key: Key) {
        if self.find(key.id).is_none() {
            self.keys.push(key);
        }
    }

    fn mark(&mut self, id: KeyId, field: impl Fn(&mut Key) -> &mut Option<Time>, now: Time) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.id == id) {
            field(key).get_or_insert(now);
        }
    }

    fn activate(&mut self, id: KeyId, now: Time) {
        self.signed.get_or_insert(now);
        for key in self.keys.iter_mut().filter(|key| key.role.is_zone()) {
            if key.id == id {
                key.active.get_or_insert(now);
            } else if key.active.is_some() {
                key.retired.get_or_insert(now);
            }
        }
    }

    /// Of a rollover that was under way only what would have become of it stays.
    fn unsign(&mut self, now: Time) {
        self.unsigned.get_or_insert(now);
        self.signed = None;
        let last = |test: &dyn Fn(&Key) -> bool| self.live().rev().find(|key| test(key));
        let zone = last(&|key| key.role.is_zone()).map(|key| key.id);
        let entry = last(&|key| key.role.is_entry()).map(|key| key.id);
        for key in &mut self.keys {
            if Some(key.id) != zone && Some(key.id) != entry {
                key.removed.get_or_insert(now);
            }
        }
    }

    /// Removed keys are history, and history is bounded.
    pub(super) fn forget(&mut self) {
        while self.keys.len() > KEYS_REMEMBERED {
            let Some(oldest) = self.keys.iter().position(|key| !key.is_live()) else {
                return;
            };
            self.keys.remove(oldest);
        }
    }
}

const fn at(step: Step, time: Time) -> Prospect {
    Prospect {
        step,
        due: Due::At(time),
    }
}
