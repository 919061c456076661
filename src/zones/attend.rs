//! What is done for zones when something happens to one, or when its time has come.
use std::sync::Arc;

use super::compose::Composed;
use super::config::Filed;
use super::content::{Refusal, Taken};
use super::job::{Job, Made, Outcome, Work};
use super::keys::Change;
use super::notice::Notice;
use super::secondary::{Copied, On, Secondary, Want, soa};
use super::version::{Drawn, New};
use super::zone::OneZone;
use super::{Memory, Output, Reply, Request, Signedness, Ticket, ZoneEngine};
use crate::base::{Moment, Span};
use crate::dns::Name;
use crate::dns::transfer::{Entry, Received};
use crate::dns::zone::Presence;
use crate::keys::{Keyring, Step, Time};
use crate::table::Table;

/// How long after a failure something is tried again.
const AGAIN_AFTER: Span = Span::from_secs(5);

impl ZoneEngine {
    /// Does what is due for every zone that something has happened to, or whose time has come.
    pub(super) fn attend(&mut self) {
        while let Some((at, place)) = self.agenda.first().copied()
            && at <= self.now
        {
            self.agenda.remove(&(at, place));
            self.zones[place].planned = None;
            self.touched.insert(place);
        }
        while let Some(place) = self.touched.pop_first() {
            self.attend_to(place);
            self.plan(place);
        }
    }

    fn attend_to(&mut self, place: usize) {
        self.look_for_expiry(place);
        self.ask_primaries(place);
        self.tell_secondaries(place);
        self.copy(place);
        self.look_at_signatures(place);
        if self.zones[place].job.is_none() {
            self.begin_work(place);
        }
        self.ask_for_step(place);
    }

    /// Puts a zone on the agenda.
    fn plan(&mut self, place: usize) {
        let zone = &mut self.zones[place];
        let soonest = self.now.after(Span(1));
        let at = zone.wake_at(self.now, &self.wall, self.table.as_ref());
        let at = at.map(|at| at.max(soonest));
        if let Some(before) = zone.planned.take() {
            self.agenda.remove(&(before, place));
        }
        zone.planned = at;
        self.agenda.extend(at.map(|at| (at, place)));
    }

    /// Begins the next job of a zone that has none, if there is anything to do.
    fn begin_work(&mut self, place: usize) {
        let seconds = self.wall_ms / 1000;
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
        let wishes = zone.wishes();
        let work = if let Some(work) = zone.take(self.zoning.max_shrink, &self.steered) {
            Some(work)
        } else if zone.granted < wishes {
            let laid = self.challenges.laid(&apex);
            let compose = zone.compose(laid, &self.steered, seconds);
            Some(Work::Compose(Box::new(compose)))
        } else if let Some(work) = zone.renew(self.now, seconds) {
            Some(work)
        } else if let Some(table) = &self.table {
            let known = self.known.get(&apex).and_then(|known| known.last);
            zone.draw(self.now, table, known)
        } else {
            None
        };
        if let Some(work) = work {
            let number = self.next_number();
            self.zones[place].job = Some((number, wishes));
            self.owners.insert(number, apex);
            self.outputs.push_back(Output::Work(number, Job::new(work)));
        }
    }

    /// Takes in what a job made.
    pub(super) fn made(&mut self, number: u64, made: Made) {
        let Some(apex) = self.owners.remove(&number) else {
            return;
        };
        let Some(&place) = self.places.get(&apex) else {
            return;
        };
        let Some((_, wishes)) = self.zones[place].job.take_if(|(own, _)| *own == number) else {
            return;
        };
        self.touched.insert(place);
        match made.0 {
            Outcome::Composed(composed) => self.composed(place, wishes, composed),
            Outcome::Renewed(signed) => {
                self.zones[place].composed.signed = Some(Arc::new(signed));
                self.is_stale = true;
            }
            Outcome::Taken(taken) => self.taken(place, taken),
            Outcome::Drawn(drawn) => self.drawn(place, *drawn),
        }
    }

    fn composed(&mut self, place: usize, wishes: u64, composed: Result<Composed, String>) {
        let zone = &mut self.zones[place];
        zone.granted = wishes;
        let failed = match composed {
            Ok(composed) => {
                zone.settle(composed);
                self.is_stale = true;
                None
            }
            Err(why) => {
                // What came last makes no zone with what is laid over it: the one before stays.
                zone.base = Arc::clone(&zone.composed.base);
                self.tell(Notice::error("signing_failed", why.clone()));
                Some(why)
            }
        };
        self.remember_signed(place);
        self.tell_withheld(place);
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
        let waited = zone.waiting.extract_if(.., |(wish, _)| *wish <= wishes);
        let waited: Vec<Ticket> = waited.map(|(_, ticket)| ticket).collect();
        if !waited.is_empty() {
            self.publish();
        }
        for ticket in waited {
            let outcome = failed.clone().map_or(Ok(()), Err);
            self.reply(ticket, Reply::Filed(outcome));
        }
        self.challenge_composed(&apex, wishes, failed.as_deref());
        self.go_on_with_change();
    }

    /// Remembers whether a zone is signed here, so that it is never answered unsigned by mistake.
    pub(super) fn remember_signed(&mut self, place: usize) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
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
        let ticket = self.ticket();
        let memory = Memory::Signed(apex, signedness);
        self.outputs.push_back(Output::Remember(ticket, memory));
    }

    /// Says why a zone cannot be answered, or cannot be signed, when that is new.
    pub(super) fn tell_withheld(&mut self, place: usize) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
        let why = zone.withheld();
        let unsigned = zone.keys.as_ref().filter(|_| why.is_none());
        let unsigned = unsigned.filter(|keys| !keys.is_unsigned_by_policy());
        let state = why.clone().or_else(|| unsigned?.loss());
        if state == zone.told {
            return;
        }
        let before = std::mem::replace(&mut zone.told, state.clone());
        let is_empty = zone.keys.as_ref().is_some_and(super::keys::Keys::is_empty);
        let notice = match (why, state) {
            (Some(why), _) => Notice::error(
                "zone_withheld",
                format!(
                    "the zone was signed and cannot be signed now, so that it is answered SERVFAIL: {why}"
                ),
            ),
            (None, Some(_)) if is_empty => Notice::warn(
                "no_keys",
                format!("the zone is to be signed and has no keys: `waypost keys generate {apex}`"),
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

    fn look_at_signatures(&mut self, place: usize) {
        let (now, seconds) = (self.now, self.wall_ms / 1000);
        if let Some(text) = self.zones[place].overdue_text(now, seconds) {
            let apex = self.zones[place].plan.apex.clone();
            self.tell(Notice::error("signatures_overdue", text).of(&apex));
        }
    }

    /// Takes what the file of a zone holds now.
    pub(super) fn take_file(&mut self, ticket: Ticket, apex: &Name, filed: Filed) {
        let Some(&place) = self.places.get(apex) else {
            let why = format!("there is no zone `{apex}`");
            return self.reply(ticket, Reply::Filed(Err(why)));
        };
        let zone = &mut self.zones[place];
        if zone.secondary.is_some() || zone.digest == filed.digest {
            return self.reply(ticket, Reply::Filed(Ok(())));
        }
        (zone.base, zone.digest) = (filed.zone, filed.digest);
        if let Some(keys) = &mut zone.keys {
            keys.cover(filed.longest_ttl);
        }
        let wish = zone.wish();
        zone.waiting.push((wish, ticket));
        self.touched.insert(place);
    }

    /// Takes what the folder of a zone's keys holds now.
    pub(super) fn take_keys(&mut self, apex: &Name, steps: &[Step], read: Result<Keyring, String>) {
        let Some(&place) = self.places.get(apex) else {
            return;
        };
        let again = self.now.after(AGAIN_AFTER);
        let zone = &mut self.zones[place];
        let Some(keys) = &mut zone.keys else { return };
        keys.asked = false;
        if read.is_err() {
            keys.not_before = again;
        }
        let (change, complaint) = keys.take(read);
        if change == Change::Shown {
            zone.wish();
        }
        self.touched.insert(place);
        for step in steps {
            let text = format!("a rollover goes on: {}", step.word());
            self.tell(Notice::info("key_step", text).of(apex).form(step.word()));
        }
        if let Some(why) = complaint {
            let text = format!("zone `{apex}` goes on with the keys that it has: {why}");
            self.tell(Notice::error("keys_unreadable", text).of(apex));
        }
    }

    /// Asks for the step of a rollover that is due, if what was remembered before is what is served: the waits of
    /// a rollover count from there. While the wall clock is not trusted, nothing is remembered by it.
    fn ask_for_step(&mut self, place: usize) {
        let at = Time(self.wall_ms / 1000);
        let (now, is_settling) = (self.now, self.wall.is_settling(self.now));
        let zone = &mut self.zones[place];
        let is_settled = zone.is_settled();
        let Some(keys) = &mut zone.keys else { return };
        let may = is_settled && !is_settling && !keys.asked && keys.not_before <= now;
        if !may || !keys.is_due(at) {
            return;
        }
        keys.asked = true;
        self.outputs.push_back(Output::Advance {
            apex: zone.plan.apex.clone(),
            policy: Box::new(keys.policy().clone()),
            at,
        });
    }
}

// Zones that come from primaries.
impl ZoneEngine {
    /// Looks soon at the primaries of a zone.
    pub(super) fn notified(&mut self, apex: &Name) {
        let Some(&place) = self.places.get(apex) else {
            return;
        };
        if let Some(secondary) = &mut self.zones[place].secondary {
            secondary.notified(self.now);
            self.touched.insert(place);
        }
    }

    fn ask_primaries(&mut self, place: usize) {
        let number = self.number + 1;
        let Some(secondary) = &mut self.zones[place].secondary else {
            return;
        };
        if secondary.begin(self.now, number) {
            self.number = number;
            self.request(place, number, Want::News);
        }
    }

    fn request(&mut self, place: usize, number: u64, want: Want) {
        let zone = &self.zones[place];
        let Some((incoming, secondary)) = zone.plan.incoming.as_ref().zip(zone.secondary.as_ref())
        else {
            return;
        };
        let Some(primary) = secondary.primary(incoming) else {
            return;
        };
        let key = incoming.key.and_then(|key| self.zoning.tsig.get(key));
        let request = Request {
            apex: zone.plan.apex.clone(),
            primary,
            want,
            soa: soa(&zone.base),
            incoming: incoming.clone(),
            key: key.cloned(),
        };
        self.owners.insert(number, request.apex.clone());
        self.outputs
            .push_back(Output::Fetch(number, Box::new(request)));
    }

    /// Takes in what a primary gave.
    pub(super) fn fetched(&mut self, number: u64, outcome: Result<Received, String>) {
        let Some(apex) = self.owners.remove(&number) else {
            return;
        };
        let Some(&place) = self.places.get(&apex) else {
            return;
        };
        let zone = &mut self.zones[place];
        let Some((incoming, secondary)) = zone.plan.incoming.as_ref().zip(zone.secondary.as_mut())
        else {
            return;
        };
        if !secondary.answered(number) {
            return;
        }
        self.touched.insert(place);
        let primary = secondary.primary(incoming);
        match (outcome, primary) {
            (Ok(Received::Nothing(serial)), _) => {
                self.compare(place, serial);
                self.be_fresh(place);
            }
            (Ok(received), Some(primary)) => secondary.arrived = Some((received, primary)),
            (Err(why), Some(primary)) => {
                self.tell(
                    Notice::warn("transfer_failed", why)
                        .of(&apex)
                        .primary(primary),
                );
                self.ask_next(place);
            }
            (_, None) => self.be_stale(place),
        }
    }

    /// A primary whose serial is behind ours has been set back: nothing newer can come from it.
    fn compare(&mut self, place: usize, serial: u32) {
        let zone = &self.zones[place];
        let own = soa(&zone.base).map(|soa| soa.serial());
        if let Some(own) = own.filter(|own| *own != serial) {
            let apex = zone.plan.apex.clone();
            let text = format!("the primary's serial is behind ours, {own}; raise it there");
            self.tell(
                Notice::warn("primary_behind", text)
                    .of(&apex)
                    .serial(serial),
            );
        }
    }

    fn ask_next(&mut self, place: usize) {
        self.ask_on(place, On::Next, Want::News);
    }

    fn ask_on(&mut self, place: usize, on: On, want: Want) {
        let number = self.next_number();
        let zone = &mut self.zones[place];
        let Some((incoming, secondary)) = zone.plan.incoming.as_ref().zip(zone.secondary.as_mut())
        else {
            return;
        };
        match secondary.ask_on(on, incoming, number) {
            Some(_) => self.request(place, number, want),
            None => self.be_stale(place),
        }
    }

    /// Takes over a zone that came from a primary, or asks for it otherwise.
    fn taken(&mut self, place: usize, taken: Result<Taken, Refusal>) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
        let Some(primary) = zone.secondary.as_mut().and_then(|own| own.taking.take()) else {
            return;
        };
        match taken {
            Ok(taken) => {
                let serial = soa(&taken.zone).map_or(0, |soa| soa.serial());
                zone.base = taken.zone;
                if let Some(keys) = &mut zone.keys {
                    keys.cover_more(taken.longest_ttl);
                }
                zone.wish();
                let now = self.now;
                if let Some(secondary) = &mut zone.secondary {
                    secondary.copy_soon(now);
                }
                let notice = Notice::info("transferred", "the zone has come from a primary");
                self.tell(notice.of(&apex).serial(serial).form(taken.form));
                self.be_fresh(place);
            }
            Err(Refusal::Unfit(why)) => {
                let text = format!("asking for the whole zone: {why}");
                let notice = Notice::info("transfer_changes_unfit", text);
                self.tell(notice.of(&apex).primary(primary));
                self.ask_on(place, On::Same, Want::Whole);
            }
            Err(Refusal::Refused(why)) => {
                let text = format!("the zone stays as it was: {why}");
                self.tell(
                    Notice::error("transfer_refused", text)
                        .of(&apex)
                        .primary(primary),
                );
                self.ask_next(place);
            }
        }
    }

    fn be_fresh(&mut self, place: usize) {
        let (now, wall) = (self.now, self.wall_ms / 1000);
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
        let base = Arc::clone(&zone.base);
        let Some(secondary) = &mut zone.secondary else {
            return;
        };
        secondary.be_fresh(now, wall, &base);
        if std::mem::take(&mut secondary.is_expired) {
            zone.wish();
            self.tell(Notice::info("zone_returned", "the zone is fresh again").of(&apex));
        }
        self.known.entry(apex.clone()).or_default().refreshed = Some(wall);
        let ticket = self.ticket();
        let memory = Memory::Refreshed(apex, wall);
        self.outputs.push_back(Output::Remember(ticket, memory));
    }

    fn be_stale(&mut self, place: usize) {
        let now = self.now;
        let zone = &mut self.zones[place];
        let base = Arc::clone(&zone.base);
        if let Some(secondary) = &mut zone.secondary {
            secondary.be_stale(now, &base);
        }
    }

    /// Gives a zone up that no primary has been heard of for too long.
    fn look_for_expiry(&mut self, place: usize) {
        let seconds = self.wall_ms / 1000;
        let zone = &mut self.zones[place];
        let base = Arc::clone(&zone.base);
        let is_over = |own: &&mut Secondary| {
            !own.is_expired && own.expires(&base).is_some_and(|at| at <= seconds)
        };
        let Some(secondary) = zone.secondary.as_mut().filter(is_over) else {
            return;
        };
        secondary.is_expired = true;
        zone.wish();
        let apex = zone.plan.apex.clone();
        let text =
            "no primary has been heard for as long as the SOA allows: SERVFAIL for the whole zone";
        self.tell(Notice::error("zone_expired", text).of(&apex));
    }

    fn copy(&mut self, place: usize) {
        let now = self.now;
        let zone = &mut self.zones[place];
        let base = Arc::clone(&zone.base);
        let is_due =
            |own: &&mut Secondary| !own.is_copying && own.copy_at.is_some_and(|at| at <= now);
        let Some(secondary) = zone.secondary.as_mut().filter(is_due) else {
            return;
        };
        secondary.copy_at = None;
        if base.presence() != Presence::Loaded {
            return;
        }
        secondary.is_copying = true;
        self.outputs.push_back(Output::Copy {
            file: zone.plan.file.clone(),
            zone: base,
        });
    }

    /// Notes what became of the copy of a zone.
    pub(super) fn copied(&mut self, apex: &Name, took: Span, outcome: Result<(), String>) {
        let Some(&place) = self.places.get(apex) else {
            return;
        };
        let copied = match &outcome {
            Ok(()) => Copied::Well,
            Err(_) => Copied::Failed,
        };
        if let Some(secondary) = &mut self.zones[place].secondary {
            secondary.copied(self.now, took, copied);
        }
        self.touched.insert(place);
        if let Err(why) = outcome {
            let text =
                format!("the zone is served, and its copy would be missed after a restart: {why}");
            self.tell(Notice::error("copy_unwritten", text).of(apex));
        }
    }
}

// Zones that are given to secondaries.
impl ZoneEngine {
    /// Looks at what a new table means for those who are given zones.
    pub(super) fn look_at(&mut self, table: Arc<Table>) {
        self.table = Some(table);
        if self.pending.is_some() {
            return;
        }
        let given = self.zones.iter().enumerate();
        let given = given.filter(|(_, zone)| zone.versions.is_some());
        self.touched.extend(given.map(|(place, _)| place));
    }

    fn drawn(&mut self, place: usize, drawn: Drawn) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
        let Some(versions) = &mut zone.versions else {
            return;
        };
        match drawn {
            Drawn::Same => {}
            Drawn::Nothing => {
                if versions.journal.take().is_some() {
                    self.outputs.push_back(Output::Offer(apex, None));
                }
            }
            Drawn::New(new) => {
                if new.is_behind {
                    let text = "the zone was signed elsewhere and has changed without a newer serial: secondaries will not take it before that is raised";
                    let serial = new.last.serial;
                    self.outputs.push_back(Output::Notice(
                        Notice::warn("serial_not_raised", text)
                            .of(&apex)
                            .serial(serial),
                    ));
                }
                let last = new.last;
                versions.keeping = Some(new);
                let ticket = self.ticket();
                self.keeping.insert(ticket, apex.clone());
                let memory = Memory::Version(apex, last);
                self.outputs.push_back(Output::Remember(ticket, memory));
            }
        }
    }

    /// Goes on once something is on the disk, or cannot be.
    pub(super) fn remembered(&mut self, ticket: Ticket, outcome: Result<(), String>) {
        if self.challenge_kept(ticket, &outcome) {
            return;
        }
        let Some(apex) = self.keeping.remove(&ticket) else {
            if let Err(why) = outcome {
                let text = format!("what a restart should know cannot be kept: {why}");
                self.tell(Notice::warn("state_unkept", text));
            }
            return;
        };
        let Some(&place) = self.places.get(&apex) else {
            return;
        };
        self.touched.insert(place);
        let versions = self.zones[place].versions.as_mut();
        let Some(new) = versions.and_then(|versions| versions.keeping.take()) else {
            return;
        };
        match outcome {
            Ok(()) => self.give(place, new),
            Err(why) => {
                let text =
                    format!("secondaries get no new version: the serial cannot be kept: {why}");
                self.tell(Notice::error("version_failed", text).of(&apex));
                self.again(place, self.now.after(AGAIN_AFTER));
            }
        }
    }

    fn again(&mut self, place: usize, at: Moment) {
        if let Some(versions) = &mut self.zones[place].versions {
            versions.again(at);
        }
    }

    /// Gives a version out from now on.
    fn give(&mut self, place: usize, new: New) {
        let now = self.now;
        let zone = &mut self.zones[place];
        let apex = zone.plan.apex.clone();
        self.known.entry(apex.clone()).or_default().last = Some(new.last);
        // Whatever comes next, queries see no serial that is behind this one.
        zone.serial = Some(new.last.serial);
        if new.raise.is_some() {
            zone.wish();
        }
        if new.is_signed_first {
            // Its SOA is signed with the serial first; the table that comes then is the version.
            return;
        }
        let Some((outgoing, versions)) = zone.plan.outgoing.clone().zip(zone.versions.as_mut())
        else {
            return;
        };
        versions.not_before = now.after(outgoing.min_interval);
        versions.journal = Some(new.journal.clone());
        versions.telling = Some(new.journal.present().soa.clone());
        let text = "the zone has a new version for secondaries";
        let notice = Notice::info("zone_version", text);
        self.tell(notice.of(&apex).serial(new.last.serial));
        self.outputs
            .push_back(Output::Offer(apex, Some(new.journal)));
        self.tell_secondaries(place);
    }

    /// Tells secondaries of a version once queries see its serial: they ask for that first.
    fn tell_secondaries(&mut self, place: usize) {
        let zone = &mut self.zones[place];
        let seen = self.table.as_ref();
        let seen = seen.and_then(|table| table.zones.serial(&zone.plan.apex));
        let Some(versions) = &mut zone.versions else {
            return;
        };
        let is_seen = |soa: &mut Entry| seen == Some(soa.serial());
        let Some(soa) = versions.telling.take_if(is_seen) else {
            return;
        };
        if let Some(outgoing) = zone.plan.outgoing.clone() {
            let key = outgoing.key.and_then(|key| self.zoning.tsig.get(key));
            self.outputs.push_back(Output::Tell {
                soa,
                key: key.cloned(),
                outgoing: Box::new(outgoing),
            });
        }
    }
}

impl OneZone {
    /// Serves what was composed.
    pub(super) fn settle(&mut self, composed: Composed) {
        if self.remount.take().is_some() {
            self.base = Arc::clone(&composed.base);
        }
        self.composed = composed;
    }
}
