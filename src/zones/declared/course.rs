//! The course of a batch: one after the other, each judged, laid over its zone, kept, served and answered.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::DECLARED_WAITING;
use crate::base::{Span, next_revision};
use crate::dns::Name;
use crate::dns::transfer::serial;
use crate::dns::zone::Presence;

use crate::zones::notice::Notice;
use crate::zones::{Memory, Output, Reply, Ticket, ZoneEngine};

use super::judge::{DeclaredGround, JudgedBatch};
use super::lay::{LaidZone, LayForm, Laying};
use super::order::{
    DeclaredAsk, DeclaredDone, DeclaredOrder, DeclaredPage, DeclaredPurpose, DeclaredRefusal,
    DeclaredReply,
};
use super::set::{Declaration, DeclaredPart, DeclaredZone};
use super::{AskedDeclaration, CourseEnd, CourseStage, DeclaredCourse};

impl ZoneEngine {
    /// Answers a question about declared records, or puts a batch into the queue.
    pub(in crate::zones) fn take_declared(&mut self, ticket: Ticket, ask: DeclaredAsk) {
        match ask {
            DeclaredAsk::Read(query) => {
                let page = match self.places.get(&query.zone) {
                    Some(&place) => {
                        let aside = &self.zones[place].aside;
                        let aside = |name: &Name, kind| aside.get(&(name.clone(), kind)).cloned();
                        let zone = self.declared.kept.zone(&query.zone);
                        Ok(DeclaredReply::Page(DeclaredPage::of(&query, zone, aside)))
                    }
                    None => Err(unknown(&query.zone)),
                };
                self.reply(ticket, Reply::Declared(page));
            }
            DeclaredAsk::Change(order) => self.enqueue(AskedDeclaration::Order(ticket, order)),
            DeclaredAsk::Agree(part) => self.enqueue(AskedDeclaration::Agreed(ticket, part)),
        }
    }

    pub(super) fn enqueue(&mut self, asked: AskedDeclaration) {
        if self.declared.queue.len() < DECLARED_WAITING {
            return self.declared.queue.push_back(asked);
        }
        let why = "too much is waiting: try again".to_owned();
        match asked {
            AskedDeclaration::Order(ticket, _) | AskedDeclaration::Agreed(ticket, _) => {
                self.refuse_declared(ticket, DeclaredRefusal::Failed(why))
            }
            AskedDeclaration::Update(update) => {
                self.refuse_update(*update, DeclaredRefusal::Failed(why))
            }
        }
    }

    pub(super) fn refuse_declared(&mut self, ticket: Ticket, refusal: DeclaredRefusal) {
        self.reply(ticket, Reply::Declared(Err(refusal)));
    }

    /// Goes on with what is asked of declared records, as far as nothing must be waited for.
    pub(in crate::zones) fn do_declared(&mut self) {
        while self.declared.change.is_none() {
            match self.declared.queue.pop_front() {
                None => return,
                Some(AskedDeclaration::Order(ticket, order)) => self.begin_order(ticket, &order),
                Some(AskedDeclaration::Agreed(ticket, part)) => self.begin_agreed(ticket, &part),
                Some(AskedDeclaration::Update(update)) => self.begin_update(update),
            }
        }
    }

    fn begin_order(&mut self, ticket: Ticket, order: &DeclaredOrder) {
        let declaration = Declaration {
            author: order.author.clone(),
            reason: order.reason.clone(),
            at: self.wall_ms / 1000,
        };
        let judged = self.on_ground(&order.zone, |ground| {
            ground.check(&order.expects)?;
            let wanted = ground.wanted(&order.changes)?;
            ground.judge(wanted, &order.by, declaration)
        });
        let judged = match judged {
            Ok(judged) => judged,
            Err(refusal) => return self.refuse_declared(ticket, refusal),
        };
        let then = match order.purpose {
            DeclaredPurpose::Do => CourseEnd::Order(ticket),
            DeclaredPurpose::Try => CourseEnd::Try(ticket),
        };
        self.begin_declared(judged, then, None);
    }

    /// Has a batch judged by the zone as it is.
    pub(super) fn on_ground<T>(
        &self,
        apex: &Name,
        judge: impl FnOnce(&DeclaredGround<'_>) -> Result<T, DeclaredRefusal>,
    ) -> Result<T, DeclaredRefusal> {
        let place = self.places.get(apex).ok_or_else(|| unknown(apex))?;
        let zone = &self.zones[*place];
        if zone.secondary.is_some() {
            let why = format!("zone {apex} comes from its primaries: declare it there");
            return Err(DeclaredRefusal::Owned(why));
        }
        if zone.base.presence() != Presence::Loaded {
            let why = format!("zone {apex} is not there yet: try again");
            return Err(DeclaredRefusal::Failed(why));
        }
        if zone.base.is_signed_elsewhere() && zone.keys.is_none() {
            let why =
                format!("zone {apex} was signed elsewhere: nobody here can sign what is added");
            return Err(DeclaredRefusal::Owned(why));
        }
        let nothing = DeclaredZone::default();
        let (dynamic, declared) = (&self.zoning.dynamic, self.declared.kept.zone(apex));
        let declared = declared.unwrap_or(&nothing);
        let ground = DeclaredGround {
            dynamic,
            apex,
            base: &zone.base,
            declared,
            next: next_revision(declared.revision, self.wall_ms, dynamic.node),
            aside: &zone.aside,
            records: self.declared.kept.records(),
        };
        judge(&ground)
    }

    /// Begins what was judged; one that changes nothing is done.
    pub(super) fn begin_declared(
        &mut self,
        judged: JudgedBatch,
        then: CourseEnd,
        recording: Option<Ticket>,
    ) {
        let apex = judged.part.zone.clone();
        let [added, changed, removed] = judged.counts;
        let is_nothing = judged.part.sets.is_empty();
        let before = self.declared.kept.zone(&apex);
        let revision = match is_nothing {
            true => before.map_or(0, |zone| zone.revision),
            false => judged.part.revision,
        };
        let change = DeclaredCourse {
            done: DeclaredDone {
                zone: apex.to_string(),
                revision,
                dry_run: matches!(then, CourseEnd::Try(_)),
                result: match is_nothing {
                    true => format!("nothing is to be changed in {apex}"),
                    false => format!(
                        "{apex}: {added} RRsets added, {changed} changed, {removed} removed"
                    ),
                },
                added,
                changed,
                removed,
                changes: judged.lines,
            },
            apex,
            edits: judged.edits,
            part: judged.part,
            stage: match recording {
                Some(ticket) => CourseStage::Recording(ticket),
                None => CourseStage::Laying { is_kept: false },
            },
            then,
        };
        if is_nothing {
            return self.say_declared(change);
        }
        self.declared.change = Some(change);
        self.lay_declared_again();
    }

    /// Goes on with a change that stands in the audit log, or gives it up; whether that was waited for.
    pub(in crate::zones) fn declared_recorded(
        &mut self,
        ticket: Ticket,
        outcome: &Result<(), String>,
    ) -> bool {
        let is_it = |change: &mut DeclaredCourse| match change.stage {
            CourseStage::Recording(own) => own == ticket,
            CourseStage::Laying { .. } | CourseStage::Keeping(..) | CourseStage::Serving(..) => {
                false
            }
        };
        let Some(mut change) = self.declared.change.take_if(is_it) else {
            return false;
        };
        if let Err(why) = outcome {
            let why = format!("a change that cannot be recorded is not made: {why}");
            self.fail_declared(change, DeclaredRefusal::Failed(why));
            return true;
        }
        change.stage = CourseStage::Laying { is_kept: false };
        self.declared.change = Some(change);
        self.lay_declared_again();
        true
    }

    /// The next thing to be laid over a zone, if anything is.
    pub(in crate::zones) fn next_laying(&self, place: usize) -> Option<Laying> {
        let zone = &self.zones[place];
        if let Some(filing) = &zone.filing {
            return Some(Laying {
                base: Arc::clone(&filing.filed.zone),
                ..self.declared.laying(
                    (&zone.plan.id, &zone.base),
                    LayForm::File(filing.filed.digest),
                    &self.zoning.dynamic,
                )
            });
        }
        let change = self.declared.change.as_ref()?;
        let is_it =
            change.apex == zone.plan.id && matches!(change.stage, CourseStage::Laying { .. });
        is_it.then(|| Laying {
            base: Arc::clone(&zone.base),
            edits: change.edits.clone(),
            form: LayForm::Change,
            fixed: Vec::new(),
        })
    }

    /// Takes in what was laid over a zone.
    pub(in crate::zones) fn laid(&mut self, place: usize, laid: LaidZone) {
        match laid.form {
            LayForm::File(digest) => self.file_laid(place, digest, laid),
            LayForm::Change => self.change_laid(place, laid),
            // That is for a config.
            LayForm::Start => {}
        }
    }

    /// Takes another version of a zone's file with all that is declared over it, or refuses it.
    fn file_laid(&mut self, place: usize, digest: u64, laid: LaidZone) {
        let zone = &mut self.zones[place];
        let Some(filing) = zone.filing.take_if(|own| own.filed.digest == digest) else {
            return;
        };
        match laid.zone {
            Ok(base) => {
                (zone.base, zone.digest) = (base, digest);
                zone.aside.clear();
                let longest = filing.filed.longest_ttl;
                let longest = longest.max(self.declared.longest_ttl(&zone.plan.id));
                let wish = zone.wish();
                let tickets = filing.tickets.into_iter();
                zone.waiting.extend(tickets.map(|ticket| (wish, ticket)));
                self.cover(place, longest);
            }
            Err(why) => {
                let why = format!("zone `{}`: {why}", zone.plan.id);
                for ticket in filing.tickets {
                    self.reply(ticket, Reply::Filed(Err(why.clone())));
                }
            }
        }
    }

    fn change_laid(&mut self, place: usize, laid: LaidZone) {
        let apex = &self.zones[place].plan.id;
        let is_it = |change: &mut DeclaredCourse| {
            change.apex == *apex && matches!(change.stage, CourseStage::Laying { .. })
        };
        let Some(mut change) = self.declared.change.take_if(is_it) else {
            return;
        };
        if let Err(why) = &laid.zone {
            let refusal = DeclaredRefusal::Unfit(why.clone());
            return self.fail_declared(change, refusal);
        }
        match (&change.then, &change.stage) {
            (CourseEnd::Try(_), _) => self.say_declared(change),
            (_, CourseStage::Laying { is_kept: true }) => self.commit_declared(place, change, laid),
            _ => {
                let ticket = self.ticket();
                change.part.serial = self.serial_after(place);
                let memory = Memory::Declared(change.part.clone());
                self.outputs.push_back(Output::Remember(ticket, memory));
                change.stage = CourseStage::Keeping(ticket, laid);
                self.declared.change = Some(change);
            }
        }
    }

    /// The serial of the next version of a zone; of one that is given to secondaries its versions decide that.
    fn serial_after(&self, place: usize) -> Option<u32> {
        let zone = &self.zones[place];
        if zone.plan.outgoing.is_some() {
            return None;
        }
        let served = zone.composed.zone.serial().or(zone.serial)?;
        Some(serial::next(served, zone.base.serial().unwrap_or(served)))
    }

    /// Takes note that a change is on the disk, or is not; whether that was waited for.
    pub(in crate::zones) fn declared_kept(
        &mut self,
        ticket: Ticket,
        kept: &Result<(), String>,
    ) -> bool {
        let is_it = |change: &mut DeclaredCourse| match &change.stage {
            CourseStage::Keeping(own, _) => *own == ticket,
            CourseStage::Recording(_) | CourseStage::Laying { .. } | CourseStage::Serving(..) => {
                false
            }
        };
        let Some(mut change) = self.declared.change.take_if(is_it) else {
            return false;
        };
        let laying = CourseStage::Laying { is_kept: true };
        let CourseStage::Keeping(_, laid) = std::mem::replace(&mut change.stage, laying) else {
            return true;
        };
        if let Err(why) = kept {
            let why = format!("what cannot be kept is not done: {why}");
            self.fail_declared(change, DeclaredRefusal::Failed(why));
            return true;
        }
        match self.places.get(&change.apex) {
            Some(&place) if Arc::ptr_eq(&laid.from, &self.zones[place].base) => {
                self.commit_declared(place, change, laid);
            }
            // The zone has become another meanwhile: it is laid over that, if it is there at all.
            Some(_) | None => {
                self.declared.change = Some(change);
                self.lay_declared_again();
            }
        }
        true
    }

    /// Has a change served that is on the disk.
    fn commit_declared(&mut self, place: usize, mut change: DeclaredCourse, laid: LaidZone) {
        let zone = &mut self.zones[place];
        if !Arc::ptr_eq(&laid.from, &zone.base) {
            self.touched.insert(place);
            self.declared.change = Some(change);
            return;
        }
        let Ok(base) = laid.zone else { return };
        zone.base = base;
        zone.serial = change.part.serial.or(zone.serial);
        for (name, kind, _) in &change.part.sets {
            zone.aside.remove(&(name.clone(), *kind));
        }
        let sets = change.part.sets.iter();
        let longest = sets.filter_map(|(_, _, set)| Some(set.as_ref()?.ttl)).max();
        if let Some((keys, longest)) = zone.keys.as_mut().zip(longest) {
            keys.cover_more(Span::from_secs(u64::from(longest)));
        }
        let wish = zone.wish();
        self.touched.insert(place);
        let undo = self.declared.kept.take(change.part.clone());
        change.stage = CourseStage::Serving(wish, undo);
        self.declared.change = Some(change);
    }

    /// Takes note that a zone was composed, with all wishes up to this one, or why it was not; or that its signatures are being
    /// made, which nobody waits for.
    pub(in crate::zones) fn declared_composed(
        &mut self,
        apex: &Name,
        wish: u64,
        failed: Option<&str>,
    ) {
        let is_it = |change: &mut DeclaredCourse| match &change.stage {
            CourseStage::Serving(own, _) => change.apex == *apex && *own <= wish,
            CourseStage::Recording(_) | CourseStage::Laying { .. } | CourseStage::Keeping(..) => {
                false
            }
        };
        let Some(change) = self.declared.change.take_if(is_it) else {
            return;
        };
        match failed {
            None => {
                self.publish();
                self.say_declared(change);
            }
            Some(why) => {
                let refusal = DeclaredRefusal::Failed(why.to_owned());
                self.fail_declared(change, refusal);
            }
        }
    }

    /// Goes on with what is to be laid over a zone, or gives it up if there is no such zone any more.
    pub(in crate::zones) fn lay_declared_again(&mut self) {
        let is_waiting =
            |change: &mut DeclaredCourse| matches!(change.stage, CourseStage::Laying { .. });
        let Some(change) = self.declared.change.take_if(is_waiting) else {
            return;
        };
        let place = self.places.get(&change.apex).copied();
        let has_base = |place: &usize| {
            let zone = &self.zones[*place];
            zone.secondary.is_none() && zone.base.presence() == Presence::Loaded
        };
        match place.filter(has_base) {
            Some(place) => {
                self.touched.insert(place);
                self.declared.change = Some(change);
            }
            None => {
                let refusal = unknown(&change.apex);
                self.fail_declared(change, refusal);
            }
        }
    }

    fn say_declared(&mut self, change: DeclaredCourse) {
        if !change.done.dry_run && !change.part.sets.is_empty() {
            let part = Box::new(change.part.clone());
            self.outputs.push_back(Output::Declared(part));
        }
        match change.then {
            CourseEnd::Order(ticket) => {
                if !change.part.sets.is_empty() {
                    let author = change.part.sets.iter().find_map(|own| own.2.as_ref());
                    let author = author.map(|set| set.by.author.clone()).unwrap_or_default();
                    let notice = Notice::info("declared", change.done.result.clone());
                    self.tell(notice.of(&change.apex).by(&author));
                }
                let done = DeclaredReply::Done(change.done);
                self.reply(ticket, Reply::Declared(Ok(done)));
            }
            CourseEnd::Try(ticket) => {
                let done = DeclaredReply::Done(change.done);
                self.reply(ticket, Reply::Declared(Ok(done)));
            }
            CourseEnd::Update(update) => self.update_done(*update, &change.done),
        }
    }

    /// Says that nothing was changed, and takes back what was.
    fn fail_declared(&mut self, change: DeclaredCourse, refusal: DeclaredRefusal) {
        let undo = match change.stage {
            CourseStage::Serving(_, undo) => {
                self.declared.kept.take(undo.clone());
                Some(undo)
            }
            // The disk may have it, or not.
            CourseStage::Laying { is_kept: true } => {
                let before = self.declared.kept.zone(&change.apex);
                let sets = change.part.sets.iter().map(|(name, kind, _)| {
                    let set = before.and_then(|zone| zone.known(name, *kind));
                    (name.clone(), *kind, set.cloned())
                });
                Some(DeclaredPart {
                    revision: change.part.revision,
                    serial: change.part.serial,
                    sets: sets.collect(),
                    zone: change.apex.clone(),
                })
            }
            CourseStage::Recording(_)
            | CourseStage::Laying { is_kept: false }
            | CourseStage::Keeping(..) => None,
        };
        if let Some(undo) = undo {
            let ticket = self.ticket();
            let memory = Memory::Declared(undo);
            self.outputs.push_back(Output::Remember(ticket, memory));
        }
        match change.then {
            CourseEnd::Order(ticket) | CourseEnd::Try(ticket) => {
                self.refuse_declared(ticket, refusal)
            }
            CourseEnd::Update(update) => self.refuse_update(*update, refusal),
        }
    }

    /// Takes a zone of a first config with what goes with it of what is declared.
    pub(in crate::zones) fn tell_aside(
        &mut self,
        apex: &Name,
        aside: &BTreeMap<(Name, u16), String>,
    ) {
        for ((name, _), why) in aside {
            let text = format!("what is declared is not served: {why}");
            let notice = Notice::error("declared_conflict", text);
            self.tell(notice.of(apex).name(name));
        }
    }
}

fn unknown(apex: &Name) -> DeclaredRefusal {
    DeclaredRefusal::Unknown(format!("there is no zone `{apex}`"))
}
