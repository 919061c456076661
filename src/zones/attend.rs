//! What is done for zones when something happens to one, or when its time has come.
use std::sync::Arc;

use super::compose::Composed;
use super::config::Filed;
use super::job::{Job, Made, Outcome, Work};
use super::keys::{Change, KeyNodes};
use super::notice::Notice;
use super::zone::{Filing, OneZone};
use super::{Output, Reply, Ticket, ZoneEngine};
use crate::base::Span;
use crate::dns::Name;
use crate::keys::{Keyring, Step, Time};
use crate::plan::ZonePlan;

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
        self.keep_signatures(place);
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

    /// Begins the next job of a zone that has none, if there is anything to do. Nothing is signed with keys that are given up.
    fn begin_work(&mut self, place: usize) {
        let seconds = self.wall_ms / 1000;
        let keys = self.zones[place].keys.as_ref();
        if keys.is_some_and(|keys| keys.give_way(Time(seconds))) {
            return;
        }
        let effort = self.effort;
        let laying = self.next_laying(place);
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        let wishes = zone.wishes();
        let work = if let Some(work) = zone.take(self.zoning.max_shrink, &self.steered) {
            Some(work)
        } else if let Some(laying) = laying {
            Some(Work::Lay(Box::new(laying)))
        } else if zone.wants_step() {
            zone.step(effort, seconds)
        } else if zone.composed_for() < wishes {
            if zone.wants_recall() {
                return self.ask_for_kept(place);
            }
            let laid = self.challenges.laid(&apex);
            let given = (&self.steered, &*self.names);
            let compose = zone.compose(laid, given, (seconds, effort.at_once));
            Some(Work::Compose(Box::new(compose)))
        } else {
            let work = zone.renew(self.now, seconds);
            work.or_else(|| self.draw(place))
                .or_else(|| self.zones[place].step(effort, seconds))
        };
        if let Some(work) = work {
            let number = self.begin_job(place);
            self.outputs.push_back(Output::Work(number, Job::new(work)));
        }
    }

    /// Something is under way for a zone; its number.
    fn begin_job(&mut self, place: usize) -> u64 {
        let number = self.next_number();
        let zone = &mut self.zones[place];
        zone.job = Some((number, zone.wishes()));
        self.owners.insert(number, zone.plan.id.clone());
        number
    }

    /// Asks for the signatures of a zone that were kept.
    fn ask_for_kept(&mut self, place: usize) {
        let number = self.begin_job(place);
        let apex = self.zones[place].plan.id.clone();
        self.outputs.push_back(Output::Recall(number, apex));
    }

    /// A rendering of a zone for secondaries, if there may be something new for them.
    fn draw(&mut self, place: usize) -> Option<Work> {
        let table = self.table.as_ref()?;
        let zone = &mut self.zones[place];
        let known = self.known.get(&zone.plan.id).and_then(|known| known.last);
        zone.draw(self.now, table, known)
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
            Outcome::Signed(slice) => self.signed(place, slice),
            Outcome::Renewed(signed, made) => {
                let zone = &mut self.zones[place];
                zone.composed.signed = Some(Arc::new(signed));
                zone.made += made as u64;
                zone.keeping.has_changed();
                self.is_stale = true;
            }
            Outcome::Taken(taken) => self.taken(place, taken),
            Outcome::Laid(laid) => self.laid(place, *laid),
            Outcome::Drawn(drawn) => self.drawn(place, *drawn),
        }
    }

    fn look_at_signatures(&mut self, place: usize) {
        let (now, seconds) = (self.now, self.wall_ms / 1000);
        if let Some(text) = self.zones[place].overdue_text(now, seconds) {
            let apex = self.zones[place].plan.id.clone();
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
        if self.declared.has(apex) {
            let tickets = zone.filing.take().map_or_else(Vec::new, |own| own.tickets);
            zone.filing = Some(Box::new(Filing {
                tickets: tickets.into_iter().chain([ticket]).collect(),
                filed,
            }));
            self.touched.insert(place);
            return;
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

    /// The plan of a zone that there is.
    #[must_use]
    pub fn plan_of(&self, id: &Name) -> Option<&ZonePlan> {
        let place = *self.places.get(id)?;
        Some(&self.zones[place].plan)
    }

    /// Takes another largest TTL of a zone, less than the last one only where no other version is signed with its keys.
    pub(super) fn cover(&mut self, place: usize, ttl: Span) {
        let own = Arc::clone(&self.zones[place].plan);
        let sharing = self.zones.iter().filter(|zone| zone.plan.shares_keys(&own));
        if sharing.count() > 1 {
            return self.cover_more(place, ttl);
        }
        if let Some(keys) = &mut self.zones[place].keys {
            keys.cover(ttl);
        }
    }

    /// Takes the largest TTL of what has come into a zone. Steps of its keys wait for that of all versions that are signed with them.
    pub(super) fn cover_more(&mut self, place: usize, ttl: Span) {
        let own = Arc::clone(&self.zones[place].plan);
        for zone in &mut self.zones {
            if let Some(keys) = &mut zone.keys
                && zone.plan.shares_keys(&own)
            {
                keys.cover_more(ttl);
            }
        }
    }

    /// The same, among other nodes that sign the same zones.
    #[must_use]
    pub fn with_nodes(self, nodes: KeyNodes) -> Self {
        Self { nodes, ..self }
    }

    /// Tells that it is not known yet whether the keys here are those of other nodes.
    #[must_use]
    pub fn awaits_nodes(&self) -> bool {
        self.nodes.are_awaited() && self.zones.iter().any(|zone| zone.keys.is_some())
    }

    /// Takes which other nodes sign zones, and what they serve of their keys.
    pub(super) fn take_nodes(&mut self, nodes: KeyNodes) {
        self.wall.compare(nodes.agree());
        self.nodes = nodes;
        for (place, zone) in self.zones.iter_mut().enumerate() {
            let Some(keys) = &mut zone.keys else { continue };
            if keys.meet(&zone.plan.id, &self.nodes) {
                zone.wish();
            }
            self.touched.insert(place);
        }
    }

    /// Asks for the step of a rollover that is due, if what was remembered before is what is served: the waits of
    /// a rollover count from there. While the wall clock is not trusted, nothing is remembered by it, but that what was done by
    /// another clock is given up for what others do.
    fn ask_for_step(&mut self, place: usize) {
        let at = Time(self.wall_ms / 1000);
        let (now, is_settling) = (self.now, self.wall.is_settling(self.now));
        let zone = &mut self.zones[place];
        let is_settled = zone.is_settled();
        let Some(keys) = &mut zone.keys else { return };
        if is_settled && let Some(told) = keys.news() {
            let told = Output::Told(zone.plan.id.clone(), Box::new(told));
            self.outputs.push_back(told);
        }
        let may = is_settled && !is_settling || keys.give_way(at);
        let may = may && !keys.asked && keys.not_before <= now;
        if !may || !keys.is_due(at) {
            return;
        }
        keys.asked = true;
        self.outputs.push_back(Output::Advance {
            apex: zone.plan.id.clone(),
            policy: Box::new(keys.policy().clone()),
            fellows: Arc::clone(keys.fellows()),
            at,
        });
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
