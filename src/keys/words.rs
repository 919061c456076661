//! What an operator says: roll a key, the parent has its DS, ask the parent for none.
use crate::base::Utc;
use thiserror::Error;

use super::policy::{Due, Policy, Step};
use super::ring::{Goal, Key, KeyId, Ring, Role, Time};

/// Why what was said cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is no such key in the zone.
    #[error("no key {0} is in the zone")]
    Unknown(u16),
    /// The parent should not have its DS yet.
    #[error("key {0} is not submitted to the parent yet{1}")]
    Early(u16, When),
    /// The key is on its way out.
    #[error("key {0} has been replaced: the parent should have the DS of key {1}")]
    Replaced(u16, u16),
    /// Keys of this role are being rolled.
    #[error("a rollover is under way: one more can begin when it has ended")]
    UnderWay,
    /// The zone has no key that another could follow.
    #[error("there is no {} to roll", .0.word())]
    NoneSuch(Role),
    /// The successor has another algorithm.
    #[error("the zone is signed with {0}, and a key of another algorithm cannot follow")]
    Algorithm(KeyId),
    /// The zone is going insecure, or has gone.
    #[error("the zone is going insecure: say `waypost keys ds ZONE --publish` first")]
    Insecure,
    /// Nobody has asked the parent for it.
    #[error("the zone is not going insecure: say `waypost keys ds ZONE --withdraw` first")]
    Secure,
    /// The zone is not signed.
    #[error("the zone has no keys")]
    Empty,
}

/// From when on, if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When(pub Option<Time>);

impl std::fmt::Display for When {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(Time(seconds)) => write!(out, ": it will be at {}", Utc::from_seconds(seconds)),
            None => Ok(()),
        }
    }
}

impl Ring {
    /// Whether keys of these roles may be added to follow those that are there.
    ///
    /// # Errors
    /// When the zone is going insecure or a rollover of such keys is under way.
    pub fn may_follow(&self, role: Role, id: Option<KeyId>) -> Result<(), Refusal> {
        if self.goal == Goal::Insecure {
            return Err(Refusal::Insecure);
        }
        let mut others = self.live().filter(|key| key.is_published());
        let foreign = others.find(|key| id.is_some_and(|id| id.algorithm != key.id.algorithm));
        match foreign {
            Some(key) => Err(Refusal::Algorithm(key.id)),
            None if self.is_resting(role) => Ok(()),
            None => Err(Refusal::UnderWay),
        }
    }

    /// The key that a new one of this role would follow.
    ///
    /// # Errors
    /// When there is none, or no rollover may begin.
    pub fn predecessor(&self, role: Role) -> Result<&Key, Refusal> {
        self.may_follow(role, None)?;
        let mut live = self.live().rev();
        live.find(|key| key.role == role)
            .ok_or(Refusal::NoneSuch(role))
    }

    /// Somebody has seen at every server of the parent that the DS of `tag` is there.
    ///
    /// # Errors
    /// When it cannot be, or must not be yet.
    pub fn see(&mut self, tag: u16, policy: &Policy, now: Time) -> Result<(), Refusal> {
        if self.goal == Goal::Insecure {
            return Err(Refusal::Insecure);
        }
        let mut entries = self.live().filter(|key| key.role.is_entry());
        let found = entries.find(|key| key.id.tag == tag);
        let (id, submitted) = found
            .map(|key| (key.id, key.submitted))
            .ok_or(Refusal::Unknown(tag))?;
        drop(entries);
        if submitted.is_none() {
            return Err(Refusal::Early(tag, self.submission(id, policy)));
        }
        match self.submitted() {
            Some(last) if last.id != id => Err(Refusal::Replaced(tag, last.id.tag)),
            _ => {
                self.take(Step::See(id), now);
                Ok(())
            }
        }
    }

    /// When a key will be submitted, as far as can be said.
    fn submission(&self, id: KeyId, policy: &Policy) -> When {
        let ahead = self.prospects(policy).into_iter();
        let mut own = ahead.filter(|one| one.step == Step::Submit(id));
        When(own.find_map(|one| match one.due {
            Due::At(time) => Some(time),
            Due::Word | Due::Nodes => None,
        }))
    }

    /// The zone shall go insecure: CDS and CDNSKEY ask the parent to remove every DS.
    ///
    /// # Errors
    /// When the zone has no keys.
    pub fn withdraw(&mut self, now: Time) -> Result<(), Refusal> {
        if self.live().next().is_none() {
            return Err(Refusal::Empty);
        }
        if self.goal == Goal::Secure {
            self.turn(Goal::Insecure, now);
        }
        Ok(())
    }

    /// Somebody has seen at every server of the parent that there is no DS.
    ///
    /// # Errors
    /// When the zone is not going insecure.
    pub fn see_none(&mut self, now: Time) -> Result<(), Refusal> {
        match self.goal {
            Goal::Secure => Err(Refusal::Secure),
            Goal::Insecure => {
                self.take(Step::SeeNone, now);
                Ok(())
            }
        }
    }

    /// The zone shall be secure, again if it was going insecure. What was seen at the parent
    /// counts no more, because the parent may have removed it; it is asked for once more, when no
    /// cache has anything of a node that had gone insecure already. A zone that is not signed any more begins as a new one does.
    ///
    /// # Errors
    /// When the zone has no keys.
    pub fn publish(&mut self, now: Time) -> Result<(), Refusal> {
        if self.live().next().is_none() {
            return Err(Refusal::Empty);
        }
        if self.goal == Goal::Secure {
            return Ok(());
        }
        self.turn(Goal::Secure, now);
        self.gone = None;
        let begins = self.unsigned.take().is_some();
        for key in self.keys.iter_mut().filter(|key| key.is_live()) {
            (key.submitted, key.seen) = (None, None);
            if begins {
                *key = Key::new(key.id, key.role, key.created);
            }
        }
        Ok(())
    }

    /// Later than all that was said before, whatever the clock says.
    fn turn(&mut self, goal: Goal, now: Time) {
        let before = self.turned.map_or(0, |before| before.0 + 1);
        (self.goal, self.turned) = (goal, Some(Time(now.0.max(before))));
    }
}
