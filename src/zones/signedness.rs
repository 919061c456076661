//! Memory of which zones are signed, so that none is answered unsigned by mistake: kept over restarts, and told.
//!
//! Whoever has seen a DS of a zone takes its unsigned answers for bogus, so that a zone which was signed must be known
//! to have been even when all of its keys are gone. A disk that is full costs that only while it is full: what could
//! not be kept is kept again.
use std::collections::BTreeMap;

use super::keys::Keys;
use super::notice::Notice;
use super::{Memory, Output, Signedness, Ticket, ZoneEngine};
use crate::base::{Moment, Span};
use crate::dns::Name;

/// The wait after a failure before it is tried again.
const AGAIN_AFTER: Span = Span::from_secs(5);

/// Facts on their way to the disk, and those that could not be written.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// By ticket: of which zone.
    keeping: BTreeMap<Ticket, Name>,
    /// By zone: when it is tried again.
    again: BTreeMap<Name, Moment>,
}

impl Keeping {
    /// The time at which something is to be kept once more.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.again.values().min().copied()
    }
}

impl ZoneEngine {
    /// Remembers whether a zone is signed here, so that it is never answered unsigned by mistake.
    pub(super) fn remember_signed(&mut self, place: usize) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        let was = self.known.get(&apex).is_some_and(|known| known.signed);
        let made_here = zone.composed.signed.is_some() && !zone.is_signed_elsewhere();
        let given_up = match &zone.keys {
            Some(keys) => keys.is_unsigned_by_policy(),
            None => true,
        };
        let is = made_here || was && !given_up;
        zone.was_signed = is;
        if is == was {
            return;
        }
        self.known.entry(apex.clone()).or_default().signed = is;
        let signedness = match is {
            true => Signedness::Signed,
            false => Signedness::Unsigned,
        };
        self.keep_signedness(apex, signedness);
    }

    fn keep_signedness(&mut self, apex: Name, signedness: Signedness) {
        let ticket = self.ticket();
        self.signedness.keeping.insert(ticket, apex.clone());
        let memory = Memory::Signed(apex, signedness);
        self.outputs.push_back(Output::Remember(ticket, memory));
    }

    /// Takes note that it is on the disk, or that it is to be tried again; whether that was what was kept.
    pub(super) fn signedness_kept(&mut self, ticket: Ticket, kept: &Result<(), String>) -> bool {
        let Some(apex) = self.signedness.keeping.remove(&ticket) else {
            return false;
        };
        match kept {
            Ok(()) => drop(self.signedness.again.remove(&apex)),
            Err(why) => {
                let text = format!("what a restart should know cannot be kept: {why}");
                if !self.signedness.again.contains_key(&apex) {
                    self.tell(Notice::warn("state_unkept", text).of(&apex));
                }
                self.signedness
                    .again
                    .insert(apex, self.now.after(AGAIN_AFTER));
            }
        }
        true
    }

    /// Keeps once more what could not be kept a while ago: the disk may have room now.
    pub(super) fn keep_signedness_again(&mut self) {
        let now = self.now;
        let due = self
            .signedness
            .again
            .iter_mut()
            .filter(|(_, at)| **at <= now);
        let due = due.map(|(apex, at)| {
            *at = now.after(AGAIN_AFTER);
            apex.clone()
        });
        for apex in due.collect::<Vec<Name>>() {
            let signedness = match self.known.get(&apex).is_some_and(|known| known.signed) {
                true => Signedness::Signed,
                false => Signedness::Unsigned,
            };
            self.keep_signedness(apex, signedness);
        }
    }

    /// Says why a zone cannot be answered, or cannot be signed, when that is new.
    pub(super) fn tell_withheld(&mut self, place: usize) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        let why = zone.withheld();
        let unsigned = zone.keys.as_ref().filter(|_| why.is_none());
        let unsigned = unsigned.filter(|keys| !keys.is_unsigned_by_policy());
        let state = why.clone().or_else(|| unsigned?.loss());
        if state == zone.told {
            return;
        }
        let before = std::mem::replace(&mut zone.told, state.clone());
        let is_empty = zone.keys.as_deref().is_some_and(Keys::is_empty);
        let keys = zone.keys.as_ref();
        let unless = match keys.is_none_or(|keys| keys.fellows().others.is_empty()) {
            true => "",
            false => ", and is not answered before another node is heard: if none has any",
        };
        let notice = match (why, state) {
            (Some(why), _) => Notice::error(
                "zone_withheld",
                format!(
                    "the zone was signed and cannot be signed now, so that it is answered SERVFAIL: {why}"
                ),
            ),
            (None, Some(_)) if is_empty => Notice::warn(
                "no_keys",
                format!(
                    "the zone is to be signed and has no keys{unless}: `waypost keys generate {apex}`"
                ),
            ),
            (None, Some(why)) => Notice::error(
                "keys_unreadable",
                format!("the zone is to be signed and is not: {why}"),
            ),
            (None, None) if before.is_some() => {
                Notice::info("zone_returned", "the zone is signed and answered again")
            }
            (None, None) => return,
        };
        self.tell(notice.of(&apex));
    }
}
