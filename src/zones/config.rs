//! Another config, taken into force in one step.
//!
//! Its zones are composed beside those that are served; what nothing has changed for is kept as it is, with all
//! that is under way for it. What happens to zones meanwhile is taken in afterwards, in its order: it would be lost with
//! the zones that are replaced. When all are there, whoever drives the engine gets the zones for the plan of
//! steering that came with them, so that both change in one table. When one of them cannot be composed,
//! nothing changes.
//!
//! A config does not wait until a zone is signed that lacks many signatures: a new zone is not ready then, and one that is
//! served goes on with its last version ([`super::sign`]). Only where that does not fit the new config, because its
//! steered names are others or are answered otherwise, all of it waits.
//!
//! A zone that has come from a primary is newer than its copy on the disk: what is in memory counts, with the
//! steered names of the new config.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::compose::Composition;
use super::declared::lay::{LaidZone, LayForm};
use super::job::{Job, Made, Outcome, Work};
use super::kept::Recalled;
use super::keys::Keys;
use super::secondary::Secondary;
use super::zone::OneZone;
use super::{Output, Reply, Ticket, ZoneEngine};
use crate::base::Span;
use crate::dns::Name;
use crate::dns::zone::signed::Steered;
use crate::dns::zone::{Edit, Presence, Zone, Zones};
use crate::keys::Keyring;
use crate::plan::{ZonePlan, Zoning};

/// A config that is to be taken into force.
#[derive(Debug)]
pub struct NewConfig {
    /// What was decided of zones.
    pub zoning: Arc<Zoning>,
    /// What steered names may be answered with, by the number of their service; empty if no zone is signed.
    pub steered: Arc<[Steered]>,
    /// What there is of each zone, in the order of [`Zoning::zones`].
    pub zones: Vec<NewZone>,
}

/// What there is of a zone.
#[derive(Debug)]
pub struct NewZone {
    /// What its file holds; for one that comes from primaries, its copy.
    pub filed: Filed,
    /// Its keys, or why they cannot be read; `None` if it is not signed here.
    pub keys: Option<Result<Keyring, String>>,
    /// When its copy was written, seconds since 1970, for a zone that comes from primaries.
    pub copied_at: Option<u64>,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Filed {
    /// The zone, its steered names mounted.
    pub zone: Arc<Zone>,
    /// A number for the file.
    pub digest: u64,
    /// The largest TTL that anything of the zone may be answered with.
    pub longest_ttl: Span,
}

/// A config that is being composed.
#[derive(Debug)]
pub(super) struct Pending {
    ticket: Ticket,
    zoning: Arc<Zoning>,
    steered: Arc<[Steered]>,
    laid: BTreeMap<Name, Vec<Edit>>,
    zones: Vec<Next>,
    /// By job: the place of the zone that is being composed.
    jobs: BTreeMap<u64, usize>,
    /// Signatures that zones without any may still have made before all is taken into force.
    room: usize,
    failed: Option<String>,
}

/// What becomes of a zone.
#[derive(Debug)]
enum Next {
    /// It stays as it is, with all that is under way for it; its keys may have taken a step that shows nothing.
    Same(usize, Option<Box<Keys>>),
    /// It is another.
    Other(Box<OneZone>),
}

impl Pending {
    /// The wall clock was set by so many seconds.
    pub(super) fn clock_set(&mut self, by: i64) {
        for next in &mut self.zones {
            if let Next::Other(zone) = next {
                zone.clock_set(by);
            }
        }
    }
}

impl ZoneEngine {
    /// Begins to compose the zones of a config.
    pub(super) fn configure(&mut self, ticket: Ticket, config: NewConfig) {
        let NewConfig {
            zoning,
            steered,
            zones,
        } = config;
        if let Some(why) = self.decided_twice(&zoning) {
            let refused = Output::Configured(ticket, Err(why));
            return self.outputs.push_back(refused);
        }
        self.forget_challenges();
        let same_steered = are_alike(&self.steered, &steered);
        let plans = zoning.zones.iter().map(Arc::clone);
        let next: Vec<Next> = plans
            .zip(zones)
            .map(|(plan, new)| self.next(plan, new, same_steered))
            .collect();
        self.begin(ticket, (zoning, steered), next);
    }

    /// Why a config cannot follow the one in force: it decides itself what is declared.
    fn decided_twice(&self, zoning: &Zoning) -> Option<String> {
        let zones = zoning.zones.iter().filter(|_| !self.zones.is_empty());
        let faults = zones.flat_map(|zone| self.declared.fixed(&zone.id, &zoning.dynamic));
        let faults: Vec<String> = faults.map(|(_, _, why)| why).collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    /// Begins to compose what is not as it was.
    fn begin(
        &mut self,
        ticket: Ticket,
        (zoning, steered): (Arc<Zoning>, Arc<[Steered]>),
        next: Vec<Next>,
    ) {
        let laid = self.challenges.wanted(&zoning, &self.bases(&next));
        let others = next.iter().enumerate();
        let others = others.filter(|(_, next)| matches!(next, Next::Other(_)));
        let others: Vec<usize> = others.map(|(place, _)| place).collect();
        let mut pending = Pending {
            ticket,
            zoning,
            steered,
            laid,
            zones: next,
            jobs: BTreeMap::new(),
            room: self.effort.at_once,
            failed: None,
        };
        for place in others {
            self.begin_next(&mut pending, place);
        }
        self.pending = Some(pending);
        self.adopt();
    }

    /// Begins to compose a zone of a config, or asks first for the signatures that were kept of it.
    fn begin_next(&mut self, pending: &mut Pending, place: usize) {
        let Next::Other(zone) = &pending.zones[place] else {
            return;
        };
        let number = self.next_number();
        self.owners.insert(number, zone.plan.id.clone());
        pending.jobs.insert(number, place);
        if zone.is_bare {
            let form = match self.zones.is_empty() {
                true => LayForm::Start,
                false => LayForm::File(zone.digest),
            };
            let laying =
                self.declared
                    .laying((&zone.plan.id, &zone.base), form, &pending.zoning.dynamic);
            let job = Job::new(Work::Lay(Box::new(laying)));
            return self.outputs.push_back(Output::Work(number, job));
        }
        if zone.wants_recall() {
            let apex = zone.plan.id.clone();
            return self.outputs.push_back(Output::Recall(number, apex));
        }
        let dynamic = pending.laid.get(&zone.plan.id).cloned();
        let most = match (zone.newest(), zone.recalled()) {
            (None, None) => {
                // A record has a link of the chain beside it at the most.
                let all = 2 * zone.base.records();
                let most = pending.room;
                pending.room = pending.room.saturating_sub(all);
                most
            }
            _ => self.effort.at_once,
        };
        let times = (self.wall_ms / 1000, most);
        let given = (&pending.steered, &*self.names);
        let compose = zone.compose(dynamic.unwrap_or_default(), given, times);
        let job = Job::new(Work::Compose(Box::new(compose)));
        self.outputs.push_back(Output::Work(number, job));
    }

    /// Takes a zone of a config with what is declared laid over it.
    fn laid_next(&mut self, place: usize, laid: LaidZone) {
        let Some(mut pending) = self.pending.take() else {
            return;
        };
        if let Next::Other(zone) = &mut pending.zones[place] {
            match laid.zone {
                Ok(base) => {
                    zone.composed.base = Arc::clone(&base);
                    (zone.base, zone.is_bare) = (base, false);
                    let aside = laid.aside.into_iter();
                    zone.aside = aside.map(|(name, kind, why)| ((name, kind), why)).collect();
                    let (apex, aside) = (zone.plan.id.clone(), zone.aside.clone());
                    self.tell_aside(&apex, &aside);
                    self.begin_next(&mut pending, place);
                }
                Err(why) => {
                    let why = format!("zone `{}`: {why}", zone.plan.id);
                    pending.failed.get_or_insert(why);
                }
            }
        }
        self.pending = Some(pending);
    }

    /// Takes what was kept of the signatures of a zone of a config.
    pub(super) fn recalled_next(&mut self, number: u64, recalled: Recalled) {
        let Some(mut pending) = self.pending.take() else {
            return;
        };
        if let Some(place) = pending.jobs.remove(&number) {
            self.owners.remove(&number);
            if let Next::Other(zone) = &mut pending.zones[place] {
                let notice = zone.take_recalled(recalled);
                self.outputs.extend(notice.map(Output::Notice));
            }
            self.begin_next(&mut pending, place);
        }
        self.pending = Some(pending);
    }

    /// Begins to compose the zones of the config in force for steered names that are answered otherwise.
    pub(super) fn steer(&mut self, ticket: Ticket, steered: Arc<[Steered]>) {
        let next = (0..self.zones.len()).map(|place| {
            let own = &self.zones[place];
            if own.plan.mounts.is_empty() || own.keys.is_none() {
                return Next::Same(place, None);
            }
            let filed = Filed {
                zone: Arc::clone(&own.base),
                digest: own.digest,
                longest_ttl: Span::ZERO,
            };
            let copied_at = None;
            let keys = own.keys.clone();
            let mut next = self.other(Arc::clone(&own.plan), (filed, copied_at), keys);
            next.aside.clone_from(&own.aside);
            Next::Other(Box::new(next))
        });
        let next = next.collect();
        self.begin(ticket, (Arc::clone(&self.zoning), steered), next);
    }

    /// What becomes of a zone.
    fn next(&mut self, plan: Arc<ZonePlan>, new: NewZone, same_steered: bool) -> Next {
        let place = self.places.get(&plan.id).copied();
        let own = place.map(|place| &self.zones[place]);
        let keys = plan.dnssec.clone().zip(new.keys).map(|(how, read)| {
            let kept = own.and_then(|own| own.keys.clone());
            let longest = self.declared.longest_ttl(&plan.id);
            let fresh = Keys::new(*how, new.filed.longest_ttl.max(longest), read);
            let fresh = Box::new(fresh.among(&plan.id, &self.nodes));
            // Keys that cannot be read any more are in memory still.
            match kept {
                Some(kept) if fresh.complaint().is_some() => kept,
                _ => fresh,
            }
        });
        if let Some((place, own)) = place.zip(own)
            && *own.plan == *plan
            && (same_steered || plan.mounts.is_empty())
            && (own.secondary.is_some() || own.digest == new.filed.digest)
            && Keys::are_alike(own.keys.as_deref(), keys.as_deref())
        {
            return Next::Same(place, keys);
        }
        let mut next = self.other(plan, (new.filed, new.copied_at), keys);
        next.is_bare = next.secondary.is_none() && self.declared.has(&next.plan.id);
        Next::Other(Box::new(next))
    }

    /// A zone that takes the place of the one of its name, if there is one, and goes on from it.
    fn other(
        &self,
        plan: Arc<ZonePlan>,
        (filed, copied_at): (Filed, Option<u64>),
        keys: Option<Box<Keys>>,
    ) -> OneZone {
        let own = self.places.get(&plan.id).map(|place| &self.zones[*place]);
        let known = self.known.get(&plan.id).copied().unwrap_or_default();
        let mut next = OneZone::new(plan, filed, keys);
        next.was_signed = known.signed && next.keys.is_some();
        next.serial = match next.plan.outgoing {
            Some(_) => known.last.map(|last| last.serial),
            None => self.declared.serial(&next.plan.id),
        };
        if next.plan.incoming.is_some() {
            let refreshed = known.refreshed.or(copied_at);
            // What was noted by a clock that was ahead does not keep the zone longer.
            let refreshed = refreshed.map(|at| at.min(self.wall_ms / 1000));
            let mut secondary = Secondary::new(self.now, refreshed);
            let expires = secondary.expires(&next.base);
            secondary.is_expired = expires.is_some_and(|at| at <= self.wall_ms / 1000);
            next.secondary = Some(Box::new(secondary));
            next.digest = 0;
        }
        if let Some(own) = own {
            next.follow(own);
        }
        next
    }

    /// The zones as they came, in which places for challenges are looked for.
    fn bases(&self, next: &[Next]) -> Zones {
        let bases = next.iter().map(|next| match next {
            Next::Same(place, _) => self.zones[*place].served(),
            Next::Other(zone) => zone.came(),
        });
        Zones::served(bases.collect(), 0)
    }

    /// Whether a job is for the config that is being composed.
    pub(super) fn is_for_config(&self, number: u64) -> bool {
        let pending = self.pending.as_ref();
        pending.is_some_and(|pending| pending.jobs.contains_key(&number))
    }

    /// Takes in what a job made for the config that is being composed.
    pub(super) fn composed_next(&mut self, number: u64, made: Made) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        let Some(place) = pending.jobs.remove(&number) else {
            return;
        };
        self.owners.remove(&number);
        let Next::Other(zone) = &mut pending.zones[place] else {
            return;
        };
        match made.0 {
            Outcome::Composed(Ok(composition)) => {
                zone.take_note(&composition);
                match composition.lacking {
                    0 => zone.is_composed(composition),
                    _ => self.is_lacking(place, composition),
                }
            }
            Outcome::Composed(Err(why)) => {
                pending.failed.get_or_insert(why);
            }
            Outcome::Laid(laid) => self.laid_next(place, *laid),
            Outcome::Signed(slice) => match zone.stepped(slice) {
                Some((composed, wishes)) => {
                    zone.settle(composed);
                    zone.granted = wishes;
                }
                None => self.step_next(place),
            },
            Outcome::Renewed(..) | Outcome::Taken(_) | Outcome::Drawn(_) => {}
        }
        self.adopt();
    }

    /// Takes a zone that lacks many signatures: what can do without goes on without.
    fn is_lacking(&mut self, place: usize, composition: Composition) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        let Next::Other(zone) = &mut pending.zones[place] else {
            return;
        };
        let wishes = zone.wishes();
        zone.begin_signing(wishes, composition);
        let last = self.places.get(&zone.plan.id);
        let last = last.map(|place| &self.zones[*place]);
        let last = last.filter(|last| last.composed.zone.presence() == Presence::Loaded);
        let Some(last) = last else {
            return zone.be_unready();
        };
        let mounts = &zone.plan.mounts;
        let steered = (&self.steered, &pending.steered);
        if last.plan.mounts == *mounts && (mounts.is_empty() || are_alike(steered.0, steered.1)) {
            zone.composed = last.composed.clone();
        } else {
            self.step_next(place);
        }
    }

    /// Has more signatures of a zone made, for which the config waits.
    fn step_next(&mut self, place: usize) {
        let number = self.next_number();
        let Some(pending) = &mut self.pending else {
            return;
        };
        let Next::Other(zone) = &mut pending.zones[place] else {
            return;
        };
        if let Some(work) = zone.step(self.effort, self.wall_ms / 1000) {
            self.owners.insert(number, zone.plan.id.clone());
            pending.jobs.insert(number, place);
            self.outputs.push_back(Output::Work(number, Job::new(work)));
        }
    }

    /// Takes the config into force once its zones are composed.
    fn adopt(&mut self) {
        let is_composed = |pending: &mut Pending| pending.jobs.is_empty();
        let Some(pending) = self.pending.take_if(is_composed) else {
            return;
        };
        self.touched.extend(0..self.zones.len());
        if let Some(why) = pending.failed {
            let refused = Output::Configured(pending.ticket, Err(why));
            return self.outputs.push_back(refused);
        }
        let old = std::mem::take(&mut self.zones);
        let mut old: Vec<Option<OneZone>> = old.into_iter().map(Some).collect();
        self.zones.reserve_exact(pending.zones.len());
        let mut others = Vec::new();
        let bases = {
            let bases = pending.zones.iter().filter_map(|next| match next {
                Next::Same(..) => None,
                Next::Other(zone) => Some(zone.came()),
            });
            Zones::served(bases.collect(), 0)
        };
        for next in pending.zones {
            let place = self.zones.len();
            let zone = match next {
                Next::Same(before, keys) => old[before].take().map(|mut zone| {
                    zone.renew_keys(keys);
                    zone
                }),
                Next::Other(mut zone) => {
                    let before = self.places.get(&zone.plan.id);
                    let before = before.and_then(|place| old[*place].take());
                    if let Some(before) = before {
                        self.inherit(&mut zone, before);
                    }
                    others.push(place);
                    Some(*zone)
                }
            };
            self.zones.extend(zone);
        }
        let gone: Vec<OneZone> = old.into_iter().flatten().collect();
        self.zoning = pending.zoning;
        self.steered = pending.steered;
        self.challenges.adopt(&self.zoning, pending.laid);
        self.renumber();
        for place in others {
            self.remember_signed(place);
            self.tell_withheld(place);
            let apex = self.zones[place].plan.id.clone();
            match self.zones[place].unfinished {
                Some(_) => self.signing_goes_on(place, u64::MAX, Some(0)),
                None => {
                    self.challenge_composed(&apex, u64::MAX, None);
                    self.declared_composed(&apex, u64::MAX, None);
                }
            }
        }
        (self.is_stale, self.published) = (false, Some(self.now));
        self.served = self.gather();
        let zones = Arc::clone(&self.served);
        self.outputs
            .push_back(Output::Configured(pending.ticket, Ok(zones)));
        self.retain_signatures();
        self.answer_replaced();
        for gone in gone {
            self.part_with(gone);
        }
        self.note_kept(&bases);
        self.go_on_with_change();
        self.lay_declared_again();
    }

    /// All zones as they are served now.
    pub(super) fn gather(&self) -> Arc<Zones> {
        let zones = self.zones.iter().map(OneZone::served);
        Arc::new(Zones::served(zones.collect(), self.wall.epoch_ms()))
    }

    /// Hands on what a zone keeps over another config.
    fn inherit(&mut self, zone: &mut OneZone, mut before: OneZone) {
        // What they wait for is in this version.
        let wishes = zone.wishes();
        let waiting = std::mem::take(&mut before.waiting).into_iter();
        let filing = before.filing.take();
        let filing = filing.map_or_else(Vec::new, |own| own.tickets);
        let waiting = waiting.map(|(_, ticket)| ticket).chain(filing);
        zone.waiting = waiting.map(|ticket| (wishes, ticket)).collect();
        zone.made += before.made;
        zone.keep_as(before.keeping);
        let same_source = before.plan.incoming == zone.plan.incoming;
        if let Some(mut secondary) = before.secondary.filter(|_| same_source) {
            secondary.go_on(self.now);
            zone.secondary = Some(secondary);
        }
        if zone.plan.outgoing.is_some() {
            zone.versions = before.versions.or(zone.versions.take());
            if let Some(versions) = &mut zone.versions {
                // What was rendered of the zone before is not taken any more.
                versions.again(versions.not_before);
            }
        } else if before.versions.is_some() {
            let apex = zone.plan.id.clone();
            self.outputs.push_back(Output::Offer(apex, None));
        }
        zone.told = before.told;
    }

    /// Answers those who wait for zones that were replaced: what they wait for is in them.
    fn answer_replaced(&mut self) {
        let is_over = |zone: &OneZone| zone.is_settled();
        let settled = self.zones.iter_mut().filter(|zone| is_over(zone));
        let waiting = settled.flat_map(|zone| std::mem::take(&mut zone.waiting));
        for (_, ticket) in waiting.collect::<Vec<_>>() {
            self.reply(ticket, Reply::Filed(Ok(())));
        }
    }

    /// Ends what concerns others of a zone that is no longer served.
    fn part_with(&mut self, gone: OneZone) {
        for (_, ticket) in gone.waiting {
            let why = format!("zone `{}` is no longer configured", gone.plan.id);
            self.reply(ticket, Reply::Filed(Err(why)));
        }
        if let Some(filing) = gone.filing {
            let why = format!("zone `{}` is no longer configured", gone.plan.id);
            for ticket in filing.tickets {
                self.reply(ticket, Reply::Filed(Err(why.clone())));
            }
        }
        let apex = gone.plan.id.clone();
        let why = Some("its zone is no longer configured");
        self.challenge_composed(&apex, u64::MAX, why);
        self.declared_composed(&apex, u64::MAX, why);
        if gone.versions.is_some() {
            self.outputs.push_back(Output::Offer(apex, None));
        }
    }

    fn renumber(&mut self) {
        let apexes = self.zones.iter().map(|zone| zone.plan.id.clone());
        self.places = apexes.zip(0..).collect();
        self.agenda.clear();
        for zone in &mut self.zones {
            zone.planned = None;
        }
        self.touched = (0..self.zones.len()).collect();
    }
}

/// Tells that steered names may be answered with the same.
pub(super) fn are_alike(one: &[Steered], other: &[Steered]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(one, other)| one == other)
}

impl OneZone {
    /// Serves what was composed for a config.
    fn is_composed(&mut self, composition: Composition) {
        self.settle(composition.composed);
        self.granted = self.wishes();
    }

    /// Goes on from what another config had of the zone: its signatures, and what came from a primary.
    fn follow(&mut self, own: &Self) {
        self.composed.signed = own.newest().cloned();
        if self.secondary.is_some()
            && own.secondary.is_some()
            && own.base.presence() == Presence::Loaded
        {
            self.base = Arc::clone(&own.base);
            let is_other = own.plan.mounts != self.plan.mounts;
            self.remount = is_other.then(|| self.plan.mounts.clone());
        }
    }

    /// Takes over keys that show the same.
    fn renew_keys(&mut self, keys: Option<Box<Keys>>) {
        if let Some((own, keys)) = self.keys.as_mut().zip(keys) {
            let (asked, not_before) = (own.asked, own.not_before);
            *own = keys;
            (own.asked, own.not_before) = (asked, not_before);
        }
    }
}
