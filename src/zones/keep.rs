//! Signatures over restarts: when those of a zone are kept, and when they are asked for.
//!
//! ```text
//! to be signed, nothing in memory --Recall--> io --Recalled--> composed with what was kept
//! signatures have changed ----KeepSignatures-> io --SignaturesKept--> what stands on the disk
//! another config ---------RetainSignatures--> io removes files of zones that are gone
//! ```
//!
//! A change is kept [`KEEP_SIGNATURES_EVERY`] after the last write at the earliest, so that a zone that changes all the time
//! writes what has changed and not more often; also what is there of a zone that is still being signed, so that a
//! restart in the middle of it goes on and does not begin again. A disk that takes nothing costs only that: it is
//! told, and tried again. How signatures stand in a file is not known here.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::compose::Composition;
use super::kept::{Recall, Recalled, SignatureKeeping, ToKeep};
use super::notice::Notice;
use super::zone::OneZone;
use super::{Output, ZoneEngine};
use crate::base::limits::KEEP_SIGNATURES_EVERY;
use crate::base::{Moment, Span};
use crate::dns::Name;
use crate::dns::zone::Presence;
use crate::dns::zone::signed::KeptSignatures;

/// The wait after a failure before it is tried again.
const AGAIN_AFTER: Span = Span::from_secs(10);

impl OneZone {
    /// Goes on as the version before was kept.
    pub(super) fn keep_as(&mut self, keeping: SignatureKeeping) {
        self.keeping = keeping;
        self.keeping.has_changed();
    }

    /// Tells that it is to be signed with signatures that nobody has asked for yet.
    pub(super) fn wants_recall(&self) -> bool {
        let may_sign = self.keys.as_ref().is_some_and(|keys| keys.loss().is_none());
        may_sign
            && self.newest().is_none()
            && self.base.presence() == Presence::Loaded
            && matches!(self.recall, Recall::Open)
    }

    /// The signatures that were kept, for the first time that it is composed.
    pub(super) fn recalled(&self) -> Option<Arc<KeptSignatures>> {
        match &self.recall {
            Recall::Open => None,
            Recall::Come(kept) => kept.clone(),
        }
    }

    /// Takes note of the signatures that were taken over or made.
    pub(super) fn take_note(&mut self, composition: &Composition) {
        self.made += composition.made as u64;
        self.recall = Recall::Open;
        if self.keeping.mark.is_none() {
            self.keeping.mark.clone_from(&composition.mark);
        }
        self.keeping.has_changed();
    }
}

impl ZoneEngine {
    /// Takes what was kept of a zone's signatures.
    pub(super) fn recalled(&mut self, number: u64, recalled: Recalled) {
        let Some(apex) = self.owners.remove(&number) else {
            return;
        };
        let Some(&place) = self.places.get(&apex) else {
            return;
        };
        let zone = &mut self.zones[place];
        if zone.job.take_if(|(own, _)| *own == number).is_none() {
            return;
        }
        self.touched.insert(place);
        let notice = zone.take_recalled(recalled);
        self.outputs.extend(notice.map(Output::Notice));
    }

    /// Has a zone's signatures kept, if others stand on the disk.
    pub(super) fn keep_signatures(&mut self, place: usize) {
        let now = self.now;
        let zone = &mut self.zones[place];
        if zone.keeping.wake_at().is_none_or(|at| at > now) {
            return;
        }
        zone.keeping.is_behind = false;
        let newest = zone.newest().filter(|signed| signed.signing().is_some());
        let Some(signed) = newest.map(Arc::clone) else {
            return;
        };
        let since = zone.keeping.mark.clone();
        if since.as_ref().is_some_and(|mark| mark.is_of(&signed)) {
            return;
        }
        zone.keeping.writing = Some(signed.mark());
        let to_keep = ToKeep {
            apex: zone.plan.id.clone(),
            signed,
            since,
        };
        let output = Output::KeepSignatures(Box::new(to_keep));
        self.outputs.push_back(output);
    }

    /// Has all kept that waits for it: the process is about to end.
    pub(super) fn keep_all_signatures(&mut self) {
        for place in 0..self.zones.len() {
            self.zones[place].keeping.not_before = Moment::default();
            self.keep_signatures(place);
        }
    }

    /// Takes note that a zone's signatures are on the disk, or why not.
    pub(super) fn signatures_kept(&mut self, apex: &Name, outcome: Result<(), String>) {
        let Some(&place) = self.places.get(apex) else {
            return;
        };
        let now = self.now;
        let keeping = &mut self.zones[place].keeping;
        let written = keeping.writing.take();
        let notice = match outcome {
            Ok(()) => {
                keeping.mark = written;
                keeping.not_before = now.after(KEEP_SIGNATURES_EVERY);
                let was_told = keeping.trouble.take();
                was_told.map(|_| Notice::info("signatures_kept", "the signatures are kept again"))
            }
            Err(why) => {
                (keeping.mark, keeping.is_behind) = (None, true);
                keeping.not_before = now.after(AGAIN_AFTER);
                let text = format!("signatures are not kept over a restart: {why}");
                let is_new = keeping.trouble.replace(why).is_none();
                is_new.then(|| Notice::warn("signatures_unkept", text))
            }
        };
        self.touched.insert(place);
        if let Some(notice) = notice {
            self.tell(notice.of(apex));
        }
    }

    /// Has nothing kept of zones that are not signed here.
    pub(super) fn retain_signatures(&mut self) {
        let signed = self.zones.iter().filter(|zone| zone.keys.is_some());
        let signed: BTreeSet<Name> = signed.map(|zone| zone.plan.id.clone()).collect();
        self.outputs.push_back(Output::RetainSignatures(signed));
    }
}

impl OneZone {
    /// Takes what was kept; gives what is to be told of it.
    pub(super) fn take_recalled(&mut self, recalled: Recalled) -> Option<Notice> {
        let Recalled { kept, damage } = recalled;
        self.recall = Recall::Come(kept);
        let why = damage?;
        let text = format!(
            "signatures that were kept cannot be used, and are made anew where they are missing: {why}"
        );
        self.keeping.trouble = Some(why);
        Some(Notice::error("signatures_damaged", text).of(&self.plan.id))
    }
}
