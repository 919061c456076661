//! A zone whose signatures are being made: what is answered meanwhile, and how far it is.
//!
//! ```text
//! composed --few are lacking--------------------------------------> served
//!     '------many: unfinished --[step]--[step]-- ... --none lacks---> served
//! ```
//!
//! **What is answered meanwhile.** The zone's last version goes on, signed or unsigned as it was, where there is one: after
//! a change of its file, a step of its keys, a reload. Without one (at a start without kept signatures, a new zone) it is
//! there and not ready ([`Presence::Unsigned`]). A zone that was signed is never answered unsigned.
//!
//! **Who waits.** Nobody but those who want this very zone as it will be: other zones, orders about them and the config go
//! on. A challenge for a zone that is answered and is being signed is refused with how far that is, because
//! challenges are done one after the other; one for a zone that is not answered yet stands in it once it is.
//!
//! **Changes meanwhile.** A change that comes is composed after the next step, with the signatures that there are: so none is made
//! twice, and the zone gets ready however often it changes.
use std::sync::Arc;

use super::compose::{Composed, Composition};
use super::job::{Effort, SigningStep, Work};
use super::notice::Notice;
use super::unfinished::Unfinished;
use super::zone::OneZone;
use super::{Reply, Ticket, ZoneEngine};
use crate::dns::zone::signed::Signed;
use crate::dns::zone::{Presence, Zone};

/// Parts of the work after each of which it is said how far it is.
const TOLD: usize = 10;

impl OneZone {
    /// The newest signatures, whether they are served or not.
    pub(super) fn newest(&self) -> Option<&Arc<Signed>> {
        let unfinished = self.unfinished.as_deref().and_then(Unfinished::signed);
        unfinished.or(self.composed.signed.as_ref())
    }

    /// The wishes for which it has been composed, whether that is served or not.
    pub(super) fn composed_for(&self) -> u64 {
        let unfinished = self.unfinished.as_ref();
        unfinished.map_or(self.granted, |own| own.wishes)
    }

    /// Takes what was composed and lacks signatures; the last version goes on.
    pub(super) fn begin_signing(&mut self, wishes: u64, composition: Composition) {
        let Composition {
            composed, lacking, ..
        } = composition;
        let before = self.unfinished.as_ref().map_or(0, |own| own.of);
        self.unfinished = Some(Box::new(Unfinished {
            composed,
            wishes,
            of: before.max(lacking),
            left: lacking,
            is_fresh: true,
        }));
    }

    /// Answers nothing until it is signed: there is no version that could go on.
    pub(super) fn be_unready(&mut self) {
        let (apex, mounts) = (&self.plan.apex, &self.plan.mounts);
        self.composed = Composed {
            base: Arc::clone(&self.base),
            zone: Arc::new(Zone::absent(apex, mounts, Presence::Unsigned)),
            signed: None,
        };
    }

    /// The next step of its signatures, if it lacks any.
    pub(super) fn step(&mut self, effort: Effort, seconds: u64) -> Option<Work> {
        let unfinished = self.unfinished.as_mut()?;
        unfinished.is_fresh = false;
        let signed = Arc::clone(unfinished.signed()?);
        Some(Work::Sign {
            signed,
            most: effort.step,
            now: seconds,
        })
    }

    /// Tells that a step is to be taken before anything else is looked at.
    pub(super) fn wants_step(&self) -> bool {
        self.unfinished.as_ref().is_some_and(|own| own.is_fresh)
    }

    /// Takes what a step has made; gives the zone if nothing is lacking any more, and the wishes that it grants.
    pub(super) fn stepped(&mut self, slice: SigningStep) -> Option<(Composed, u64)> {
        self.made += slice.made as u64;
        let unfinished = self.unfinished.as_mut()?;
        unfinished.composed.signed = Some(Arc::new(slice.signed));
        unfinished.left = unfinished.left.saturating_sub(slice.done);
        self.keeping.has_changed();
        let done = self.unfinished.take_if(|_| slice.is_last)?;
        Some((done.composed, done.wishes))
    }
}

impl ZoneEngine {
    /// Takes in what was composed for a zone.
    pub(super) fn composed(
        &mut self,
        place: usize,
        wishes: u64,
        composed: Result<Composition, String>,
    ) {
        match composed {
            Ok(composition) => {
                let is_lacking = composition.lacking > 0;
                let zone = &mut self.zones[place];
                zone.take_note(&composition);
                if is_lacking {
                    let is_new = zone.unfinished.is_none();
                    zone.begin_signing(wishes, composition);
                    self.signing_goes_on(place, wishes, is_new.then_some(0));
                } else {
                    zone.unfinished = None;
                    self.serve(place, wishes, composition.composed);
                }
            }
            Err(why) => {
                // What came last makes no zone with what is laid over it: the one before stays.
                let zone = &mut self.zones[place];
                zone.base = Arc::clone(&zone.composed.base);
                zone.unfinished = None;
                self.tell(Notice::error("signing_failed", why.clone()));
                self.granted(place, wishes, Some(&why));
            }
        }
    }

    /// Says that signatures are being made, and lets nobody wait for it who holds up others.
    pub(super) fn signing_goes_on(&mut self, place: usize, wishes: u64, part: Option<usize>) {
        let zone = &self.zones[place];
        let Some(unfinished) = &zone.unfinished else {
            return;
        };
        let apex = zone.plan.id.clone();
        let told = unfinished.in_words();
        let is_answered = zone.composed.zone.presence() == Presence::Loaded;
        if part.is_some() {
            let meanwhile = match is_answered {
                true => "its last version is served meanwhile",
                false => "it is answered SERVFAIL (not ready) until all are there",
            };
            let text = format!("signatures of the zone are being made, {told}; {meanwhile}");
            self.tell(Notice::info("signing", text).of(&apex));
        }
        let why = format!("zone `{apex}` is being signed, {told}: try again");
        self.challenge_held_up(&apex, wishes, is_answered.then_some(&why));
        self.declared_composed(&apex, wishes, None);
        self.go_on_with_change();
    }

    /// Takes in a step of a zone's signatures.
    pub(super) fn signed(&mut self, place: usize, slice: SigningStep) {
        let zone = &mut self.zones[place];
        let before = zone.unfinished.as_deref().map(Unfinished::progress);
        if let Some((composed, wishes)) = zone.stepped(slice) {
            let text = before.map_or_else(String::new, |(_, of)| {
                format!("all of the {of} signatures that the zone lacked are made")
            });
            let apex = zone.plan.id.clone();
            self.serve(place, wishes, composed);
            return self.tell(Notice::info("signed", text).of(&apex));
        }
        let after = zone.unfinished.as_deref().map(Unfinished::progress);
        let part =
            |progress: Option<(usize, usize)>| progress.map(|(made, of)| made * TOLD / of.max(1));
        if let (Some(unfinished), true) = (&zone.unfinished, part(before) != part(after)) {
            let text = format!(
                "signatures of the zone are being made, {}",
                unfinished.in_words()
            );
            let apex = zone.plan.id.clone();
            self.tell(Notice::info("signing", text).of(&apex));
        }
    }

    /// Serves what was composed.
    fn serve(&mut self, place: usize, wishes: u64, composed: Composed) {
        self.zones[place].settle(composed);
        self.is_stale = true;
        self.granted(place, wishes, None);
    }

    /// Answers those who waited for these wishes.
    fn granted(&mut self, place: usize, wishes: u64, failed: Option<&str>) {
        self.zones[place].granted = wishes;
        self.remember_signed(place);
        self.tell_withheld(place);
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        let waited = zone.waiting.extract_if(.., |(wish, _)| *wish <= wishes);
        let waited: Vec<Ticket> = waited.map(|(_, ticket)| ticket).collect();
        if !waited.is_empty() {
            self.publish();
        }
        for ticket in waited {
            let outcome = failed.map_or(Ok(()), |why| Err(why.to_owned()));
            self.reply(ticket, Reply::Filed(outcome));
        }
        self.challenge_composed(&apex, wishes, failed);
        self.declared_composed(&apex, wishes, failed);
        self.go_on_with_change();
    }
}
