//! Updates (RFC 2136) of ordinary records: prerequisites, changes, and the reply.
//!
//! Whether the key may change these names and types is asked first, so that nobody learns by prerequisites what a query
//! would not tell. CourseEnd section 3.2 and 3.4 hold, with three differences that come of whose records they are: what stands in the zone's
//! file is not changed by an update (REFUSED, unless nothing would change), TTLs are bent to the bounds of `[dynamic]`, and a
//! serial rises by itself, never by an SOA that somebody sends. A CNAME beside other data, or other data beside a
//! CNAME, is passed over in silence (section 3.4.2.2).
//!
//! All of a message is done or nothing of it, and the reply comes when it is on the disk and served.
use crate::dns::rr::{rcode, rtype};
use crate::dns::update::Change;
use crate::dns::{Name, text};
use crate::plan::Declarer;
use crate::zones::ZoneEngine;
use crate::zones::challenge::KeyChangeStage;

use super::asked::AskedUpdate;
use super::judge::{DeclaredGround, JudgedBatch, Wanted, in_order};
use super::order::{DeclaredDone, DeclaredLine, DeclaredRefusal};
use super::set::Declaration;
use super::{AskedDeclaration, CourseEnd};

/// Why an update is not done: a response code, and words for the log.
type Unmet = (u16, String);

impl ZoneEngine {
    /// Puts an update into the queue of declared records.
    pub(crate) fn take_declared_update(&mut self, update: AskedUpdate) {
        self.enqueue(AskedDeclaration::Update(Box::new(update)));
    }

    /// Judges an update, and has it recorded before anything is done.
    pub(super) fn begin_update(&mut self, asked: Box<AskedUpdate>) {
        match self.judge_update(&asked) {
            Ok(judged) if judged.part.sets.is_empty() => {
                self.begin_declared(judged, CourseEnd::Update(asked), None);
            }
            Ok(judged) => {
                let author = asked.signer.key().name().to_string();
                let gone = in_lines(&judged.lines, |line| line.before.as_ref());
                let come = in_lines(&judged.lines, |line| line.after.as_ref());
                let ticket = self.record_begun(&author, gone, come);
                self.begin_declared(judged, CourseEnd::Update(asked), Some(ticket));
            }
            Err(unmet) => self.answer_update(*asked, KeyChangeStage::Refused, unmet),
        }
    }

    fn judge_update(&self, asked: &AskedUpdate) -> Result<JudgedBatch, Unmet> {
        let update = &asked.update;
        let by = [Declarer::Key(asked.key)];
        for change in &update.changes {
            let name = change.name();
            if !self.may_touch(&by, &update.zone, change) {
                let why =
                    format!("{name}: no rule of `[[dynamic.records]]` lets the key change it");
                return Err((rcode::REFUSED, why));
            }
        }
        let Some(&place) = self.places.get(&update.zone) else {
            return Err((
                rcode::NOTAUTH,
                format!("{} is none of our zones", update.zone),
            ));
        };
        let zone = &self.zones[place];
        // What is being signed is not served yet, and is there.
        let seen = match zone.unfinished {
            Some(_) => &zone.base,
            None => &zone.composed.zone,
        };
        if let Some(rcode) = update.unmet(seen) {
            return Err((rcode, "a prerequisite does not hold".to_owned()));
        }
        let declaration = Declaration {
            author: format!("key {}", asked.signer.key().name()),
            reason: String::new(),
            at: self.wall_ms / 1000,
        };
        let judged = self.on_ground(&update.zone, |ground| {
            let wanted = ground.updated(&update.changes)?;
            ground.judge(wanted, &by, declaration)
        });
        judged.map_err(unmet)
    }

    /// Tells whether any rule is for what a change is about.
    fn may_touch(&self, by: &[Declarer], zone: &Name, change: &Change) -> bool {
        let dynamic = &self.zoning.dynamic;
        match change.kind() {
            Some(kind) => dynamic.allows(by, zone, (change.name(), kind)),
            None => dynamic.records.iter().any(|rule| {
                let is_for = rule.by.iter().any(|own| by.contains(own));
                is_for && rule.zone == *zone && rule.covers(change.name())
            }),
        }
    }

    /// Says that an update is served.
    pub(super) fn update_done(&mut self, asked: AskedUpdate, done: &DeclaredDone) {
        let detail = done.result.clone();
        self.answer_update(asked, KeyChangeStage::Done, (rcode::NOERROR, detail));
    }

    /// Says that an update is not done.
    pub(super) fn refuse_update(&mut self, asked: AskedUpdate, refusal: DeclaredRefusal) {
        let stage = match refusal {
            DeclaredRefusal::Failed(_) => KeyChangeStage::Failed,
            DeclaredRefusal::Unknown(_)
            | DeclaredRefusal::Forbidden(_)
            | DeclaredRefusal::Owned(_)
            | DeclaredRefusal::Stale(_)
            | DeclaredRefusal::Unfit(_)
            | DeclaredRefusal::Full(_) => KeyChangeStage::Refused,
        };
        self.answer_update(asked, stage, unmet(refusal));
    }

    fn answer_update(&mut self, asked: AskedUpdate, stage: KeyChangeStage, (code, why): Unmet) {
        let author = asked.signer.key().name().to_string();
        let told = match code {
            rcode::NOERROR => String::new(),
            _ => why.clone(),
        };
        self.record_end(&author, stage, told);
        self.tell_of_update(&author, code, why);
        let reply = self.answer(&asked.message, code, Some(*asked.signer));
        self.reply(asked.ticket, reply);
    }
}

/// The response code of a refusal.
fn unmet(refusal: DeclaredRefusal) -> Unmet {
    match refusal {
        DeclaredRefusal::Unknown(why) => (rcode::NOTAUTH, why),
        DeclaredRefusal::Failed(why) => (rcode::SERVFAIL, why),
        DeclaredRefusal::Forbidden(why)
        | DeclaredRefusal::Owned(why)
        | DeclaredRefusal::Stale(why)
        | DeclaredRefusal::Unfit(why)
        | DeclaredRefusal::Full(why) => (rcode::REFUSED, why),
    }
}

/// RRsets as the audit log has them.
fn in_lines<'l>(
    lines: &'l [DeclaredLine],
    side: impl Fn(&'l DeclaredLine) -> Option<&'l String>,
) -> Vec<String> {
    let lines = lines.iter();
    lines
        .filter_map(|line| Some(format!("{} {} {}", line.name, line.r#type, side(line)?)))
        .collect()
}

impl DeclaredGround<'_> {
    /// RRsets as they are to be by the changes of an update.
    pub(super) fn updated(&self, changes: &[Change]) -> Result<Wanted, DeclaredRefusal> {
        let mut wanted = Wanted::new();
        for change in changes {
            match change {
                Change::Add {
                    name,
                    kind,
                    ttl,
                    rdata,
                } => self.add(&mut wanted, (name, *kind), (*ttl, rdata))?,
                Change::Remove { name, kind, rdata } => {
                    self.remove(&mut wanted, (name, *kind), rdata)?;
                }
                Change::RemoveSet { name, kind } => {
                    if self.is_filed(name, *kind) {
                        return Err(filed(name, *kind));
                    }
                    wanted.insert((name.clone(), *kind), None);
                }
                Change::Clear { name } => self.clear(&mut wanted, name)?,
            }
        }
        Ok(wanted)
    }

    fn add(
        &self,
        wanted: &mut Wanted,
        (name, kind): (&Name, u16),
        (ttl, rdata): (u32, &Vec<u8>),
    ) -> Result<(), DeclaredRefusal> {
        if self.is_passed_over(wanted, name, kind) {
            return Ok(());
        }
        if self.is_filed(name, kind) {
            // What is there already is no change.
            return match self.has_filed(name, kind, rdata) {
                true => Ok(()),
                false => Err(filed(name, kind)),
            };
        }
        let before = self.now(wanted, name, kind);
        let mut records = before.map_or_else(Vec::new, |own| own.1);
        // A CNAME takes the place of the one before (section 3.4.2.2).
        if kind == rtype::CNAME {
            records.clear();
        }
        records.push(rdata.clone());
        let [least, most] = self.dynamic.ttl.map(|bound| bound.as_secs());
        let set = (ttl.clamp(least, most), in_order(records));
        wanted.insert((name.clone(), kind), Some(set));
        Ok(())
    }

    /// Tells whether a record is passed over because of a CNAME: it is one, and the name has other data, or the other way round.
    fn is_passed_over(&self, wanted: &Wanted, name: &Name, kind: u16) -> bool {
        let coming = wanted
            .iter()
            .filter(|(own, set)| own.0 == *name && set.is_some());
        let coming = coming.map(|(own, _)| own.1);
        let sets = self.base.rrsets(name.as_wire()).map(|set| set.rtype);
        let going = |kind: &u16| wanted.get(&(name.clone(), *kind)) == Some(&None);
        let mut kinds = sets.filter(|kind| !going(kind)).chain(coming);
        match kind {
            rtype::CNAME => kinds.any(|own| own != rtype::CNAME),
            _ => kinds.any(|own| own == rtype::CNAME),
        }
    }

    fn has_filed(&self, name: &Name, kind: u16, rdata: &[u8]) -> bool {
        let mut sets = self.base.rrsets(name.as_wire());
        let set = sets.find(|set| set.rtype == kind);
        set.is_some_and(|set| set.records().any(|own| own == rdata))
    }

    fn remove(
        &self,
        wanted: &mut Wanted,
        (name, kind): (&Name, u16),
        rdata: &[u8],
    ) -> Result<(), DeclaredRefusal> {
        if self.is_filed(name, kind) {
            return match self.has_filed(name, kind, rdata) {
                true => Err(filed(name, kind)),
                false => Ok(()),
            };
        }
        let Some((ttl, mut records)) = self.now(wanted, name, kind) else {
            return Ok(());
        };
        records.retain(|own| own != rdata);
        let left = (!records.is_empty()).then_some((ttl, records));
        wanted.insert((name.clone(), kind), left);
        Ok(())
    }

    /// Takes all of a name out, but for what makes an apex one (section 3.4.2.3).
    fn clear(&self, wanted: &mut Wanted, name: &Name) -> Result<(), DeclaredRefusal> {
        let makes_apex = |kind: u16| name == self.apex && [rtype::SOA, rtype::NS].contains(&kind);
        let sets = self.base.rrsets(name.as_wire()).map(|set| set.rtype);
        let mut fixed = sets.filter(|kind| self.is_filed(name, *kind) && !makes_apex(*kind));
        if let Some(kind) = fixed.next() {
            return Err(filed(name, kind));
        }
        let coming: Vec<u16> = wanted
            .keys()
            .filter(|own| own.0 == *name)
            .map(|own| own.1)
            .collect();
        let kinds = self.declared.kinds(name).chain(coming);
        wanted.extend(kinds.map(|kind| ((name.clone(), kind), None)));
        Ok(())
    }
}

fn filed(name: &Name, kind: u16) -> DeclaredRefusal {
    let kind = text::type_name(kind);
    DeclaredRefusal::Owned(format!(
        "{name} {kind} stands in the zone's file, which owns it"
    ))
}
