//! One zone: what it came as, what is laid over it, what is served, and what is under way for it.
//!
//! Whatever changes a zone raises its **wish** by one; a zone that was composed has granted all wishes that
//! there were when that began. So who waits for a change waits for its wish, and changes that come close
//! together are composed together.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::alias::alias;
use super::compose::{Compose, Composed};
use super::job::{Arrival, Came, Drawing, Work};
use super::kept::{Recall, SignatureKeeping};
use super::keys::Keys;
use super::secondary::{Secondary, soa};
use super::status::{SigningStatus, UnfinishedStatus, ZoneStatus};
use super::unfinished::Unfinished;
use super::version::{Last, Versions};
use super::wall::Wall;
use super::{Filed, Ticket};
use crate::base::{Moment, Permille, Span};
use crate::dns::Name;
use crate::dns::transfer::Received;
use crate::dns::zone::signed::{Signed, Steered};
use crate::dns::zone::{Edit, Mount, Presence, Served, Zone};
use crate::keys::Time;
use crate::names::KnownNames;
use crate::plan::{Expired, ZonePlan};
use crate::table::{RenderView, StrictNames, Table};

/// Longest time that a signature is renewed late to be renewed with others, seconds …
const TOGETHER_SECONDS: u64 = 30;
/// … which is this part of its life at the most.
const RENEWALS: u64 = 100;
/// Chunks of signatures that are renewed at once; more wait for [`RENEW_EVERY`].
const CHUNKS: usize = 64;
/// Least time between two renewals.
const RENEW_EVERY: Span = Span::from_secs(1);
/// How often it is said that signatures are not renewed.
const WARN_EVERY: Span = Span::from_secs(600);

/// One zone, and what is made of it.
#[derive(Debug)]
pub(super) struct OneZone {
    pub(super) plan: Arc<ZonePlan>,
    /// Of its file; 0 for one that comes from primaries.
    pub(super) digest: u64,
    /// As it came, with all that is declared laid over it.
    pub(super) base: Arc<Zone>,
    /// Another version of its file, over which what is declared is yet to be laid.
    pub(super) filing: Option<Box<Filing>>,
    /// Set if the base is yet to have what is declared.
    pub(super) is_bare: bool,
    /// Declared RRsets that are not served, and why.
    pub(super) aside: BTreeMap<(Name, u16), String>,
    /// The steered names that the base is to have, if they are not those that it has.
    pub(super) remount: Option<Vec<(Name, Mount)>>,
    pub(super) keys: Option<Box<Keys>>,
    /// Whether it is known to have been signed before.
    pub(super) was_signed: bool,
    /// The serial that its SOA has at the least.
    pub(super) serial: Option<u32>,
    /// What is served.
    pub(super) composed: Composed,
    /// The version that is to be served once it has its signatures.
    pub(super) unfinished: Option<Box<Unfinished>>,
    /// Signatures that were made since the server started.
    pub(super) made: u64,
    pub(super) recall: Recall,
    pub(super) keeping: SignatureKeeping,
    wishes: u64,
    pub(super) granted: u64,
    /// Who waits for which wish.
    pub(super) waiting: Vec<(u64, Ticket)>,
    /// What is under way: the number of the job, and the wishes that it grants.
    pub(super) job: Option<(u64, u64)>,
    pub(super) secondary: Option<Box<Secondary>>,
    pub(super) versions: Option<Box<Versions>>,
    /// Whether all signatures are to be looked at, because the clock was set.
    pub(super) recheck: bool,
    /// When signatures may be renewed again.
    renew_not_before: Moment,
    /// When it was said last that they are not.
    warned: Option<Moment>,
    /// Why nothing of it is answered, as it was told.
    pub(super) told: Option<String>,
    /// Where it stands on the agenda.
    pub(super) planned: Option<Moment>,
}

/// A version of a zone's file that is not taken yet.
#[derive(Debug)]
pub(super) struct Filing {
    /// Those who wait for it.
    pub(super) tickets: Vec<Ticket>,
    pub(super) filed: Filed,
}

impl OneZone {
    /// A zone that is yet to be composed.
    pub(super) fn new(plan: Arc<ZonePlan>, filed: Filed, keys: Option<Box<Keys>>) -> Self {
        // It is in force once it is composed; one that is to be signed may then still lack signatures.
        let zone = match keys {
            Some(_) => Arc::new(Zone::awaited(&plan.apex, &plan.mounts)),
            None => Arc::clone(&filed.zone),
        };
        Self {
            composed: Composed {
                base: Arc::clone(&filed.zone),
                zone,
                signed: None,
            },
            versions: plan.outgoing.as_ref().map(|_| Box::default()),
            plan,
            digest: filed.digest,
            base: filed.zone,
            filing: None,
            is_bare: false,
            aside: BTreeMap::new(),
            remount: None,
            keys,
            was_signed: false,
            serial: None,
            unfinished: None,
            made: 0,
            recall: Recall::default(),
            keeping: SignatureKeeping::default(),
            wishes: 1,
            granted: 0,
            waiting: Vec::new(),
            job: None,
            secondary: None,
            recheck: false,
            renew_not_before: Moment::default(),
            warned: None,
            told: None,
            planned: None,
        }
    }

    /// The wall clock was set by so many seconds: all signatures are looked at, and the zone expires when it would have.
    pub(super) fn clock_set(&mut self, by: i64) {
        self.recheck = true;
        if let Some(secondary) = &mut self.secondary {
            secondary.clock_set(by);
        }
    }

    /// Wants it composed again; the number of that wish.
    pub(super) fn wish(&mut self) -> u64 {
        self.wishes += 1;
        self.wishes
    }

    /// Whether all that was wished for is served.
    pub(super) fn is_settled(&self) -> bool {
        self.job.is_none() && self.granted == self.wishes
    }

    /// All wishes so far.
    pub(super) fn wishes(&self) -> u64 {
        self.wishes
    }

    /// Why it cannot be answered though its data may be there; `None` if it can.
    pub(super) fn withheld(&self) -> Option<String> {
        let keys = self.keys.as_ref().filter(|_| self.was_signed)?;
        if keys.is_unsigned_by_policy() {
            return None;
        }
        keys.loss()
    }

    /// What it is to be made of now.
    pub(super) fn compose(
        &self,
        dynamic: Vec<Edit>,
        (steered, names): (&Arc<[Steered]>, &KnownNames),
        (now, most): (u64, usize),
    ) -> Compose {
        let is_expired = self.secondary.as_ref().is_some_and(|own| own.is_expired);
        let is_waiting = self.keys.as_deref().is_some_and(Keys::is_waiting);
        let absent = match (is_expired || is_waiting, self.withheld()) {
            (true, _) => Some(Presence::Awaited),
            (false, Some(_)) => Some(Presence::Withheld),
            (false, None) => None,
        };
        Compose {
            base: Arc::clone(&self.base),
            mounts: self.remount.clone(),
            absent,
            dynamic,
            aliases: self.aliases(names),
            serial: self.serial,
            shown: self.keys.as_ref().and_then(|keys| keys.shown(&self.base)),
            steered: Arc::clone(steered),
            before: self.newest().cloned(),
            kept: self.recalled(),
            most,
            now,
        }
    }

    /// The addresses of its aliases.
    pub(super) fn aliases(&self, names: &KnownNames) -> Vec<Edit> {
        let aliases = self.plan.aliases.iter();
        aliases.flat_map(|own| alias(own, names)).collect()
    }

    /// What came from a primary, to be taken.
    pub(super) fn take(&mut self, max_shrink: Permille, steered: &Arc<[Steered]>) -> Option<Work> {
        let secondary = self.secondary.as_mut()?;
        let (received, primary) = secondary.arrived.take()?;
        let what = match received {
            Received::Whole(packed) => Came::Whole(packed),
            Received::Changes(changes) => Came::Changes(changes),
            Received::Nothing(_) => return None,
        };
        secondary.taking = Some(primary);
        Some(Work::Take(Box::new(Arrival {
            apex: self.plan.apex.clone(),
            what,
            base: Arc::clone(&self.base),
            mounts: self.plan.mounts.clone(),
            is_signed_here: self.keys.is_some(),
            steered: Arc::clone(steered),
            max_shrink,
            is_catalog: self.plan.is_catalog,
        })))
    }

    /// Signatures that are to be renewed now. A few seconds' worth are renewed together, so that tables do not
    /// follow one another for each of them.
    pub(super) fn renew(&mut self, now: Moment, seconds: u64) -> Option<Work> {
        let signed = self.composed.signed.as_ref()?;
        let signing = signed.signing()?;
        let together = (signing.validity / RENEWALS).min(TOGETHER_SECONDS);
        let is_due = signed.due(seconds) + together <= seconds && self.renew_not_before <= now;
        if !is_due && !self.recheck {
            return None;
        }
        let mut chunks = signed.stale(seconds);
        self.recheck &= chunks.len() > CHUNKS;
        chunks.truncate(CHUNKS);
        if !self.recheck {
            self.renew_not_before = now.after(RENEW_EVERY);
        }
        (!chunks.is_empty()).then(|| Work::Renew {
            signed: Arc::clone(signed),
            chunks,
            now: seconds,
        })
    }

    /// A rendering for secondaries, if there may be something new for them in a table.
    pub(super) fn draw(
        &mut self,
        now: Moment,
        table: &Arc<Table>,
        last: Option<Last>,
    ) -> Option<Work> {
        let outgoing = self.plan.outgoing.as_ref()?;
        let versions = self.versions.as_mut()?;
        let served = table.zones.version(&self.plan.apex, self.plan.view)?;
        let generation = generation(&self.plan, table);
        let may = versions.keeping.is_none() && versions.not_before <= now;
        if !may || !versions.is_behind(served, generation) {
            return None;
        }
        versions.see(served, generation);
        Some(Work::Draw(Box::new(Drawing {
            table: Arc::clone(table),
            served: served.clone(),
            view: RenderView {
                client: outgoing.render_for,
                strict: match outgoing.render_strict {
                    Some(_) => StrictNames::Given,
                    None => StrictNames::LeftOut,
                },
            },
            journal: versions.journal.clone(),
            last,
        })))
    }

    /// When something is to be done for it, if nothing happens before.
    pub(super) fn wake_at(
        &self,
        now: Moment,
        wall: &Wall,
        table: Option<&Arc<Table>>,
    ) -> Option<Moment> {
        let secondary = self.secondary.as_deref();
        let look = secondary.and_then(Secondary::wake_at);
        let expiry = secondary
            .filter(|own| !own.is_expired)
            .and_then(|own| own.expires(&self.base))
            .map(|at| wall.moment(at));
        let free = self.is_settled();
        let signing = free.then(|| self.signing_at(wall)).flatten();
        let step = self.step_at(now, wall);
        let version = table.filter(|_| free).and_then(|table| self.draw_at(table));
        let overdue = self.overdue_at(wall);
        let keep = self.keeping.wake_at();
        let all = [look, expiry, signing, step, version, overdue, keep];
        all.into_iter().flatten().min()
    }

    fn signing_at(&self, wall: &Wall) -> Option<Moment> {
        let signed = self.composed.signed.as_ref()?;
        let signing = signed.signing()?;
        let together = (signing.validity / RENEWALS).min(TOGETHER_SECONDS);
        Some(
            wall.moment(signed.due(u64::MAX) + together)
                .max(self.renew_not_before),
        )
    }

    fn step_at(&self, now: Moment, wall: &Wall) -> Option<Moment> {
        let keys = self.keys.as_ref().filter(|keys| !keys.asked)?;
        let at = Time((wall.epoch_ms() + now.0) / 1000);
        let gives_way = keys.give_way(at);
        if !gives_way && !self.is_settled() {
            return None;
        }
        let due = wall.moment(keys.wake_at(at)?.0).max(keys.not_before);
        let settled = wall.settled_at(now).filter(|_| !gives_way);
        Some(settled.map_or(due, |settled| due.max(settled)))
    }

    fn draw_at(&self, table: &Arc<Table>) -> Option<Moment> {
        let versions = self.versions.as_ref()?;
        let served = table.zones.version(&self.plan.apex, self.plan.view)?;
        let is_due =
            versions.keeping.is_none() && versions.is_behind(served, generation(&self.plan, table));
        is_due.then_some(versions.not_before)
    }

    /// When it is to be said that signatures are not renewed.
    fn overdue_at(&self, wall: &Wall) -> Option<Moment> {
        let overdue = self.overdue()?;
        let again = self
            .warned
            .map_or(Moment::default(), |last| last.after(WARN_EVERY));
        Some(wall.moment(overdue).max(again))
    }

    /// When signatures should have been renewed at the latest, seconds since 1970.
    fn overdue(&self) -> Option<u64> {
        let signed = self.composed.signed.as_ref()?;
        match (signed.brought(), signed.signing()) {
            (Some(brought), _) => Some(brought.overdue),
            // A quarter of the validity is left then.
            (None, Some(signing)) => Some(signed.due(u64::MAX) + signing.validity / 4),
            (None, None) => None,
        }
    }

    /// Why signatures are overdue, if they are and it was not said a while ago.
    pub(super) fn overdue_text(&mut self, now: Moment, seconds: u64) -> Option<String> {
        let again = self.warned.is_none_or(|last| now.since(last) >= WARN_EVERY);
        if !again || self.overdue()? > seconds {
            return None;
        }
        self.warned = Some(now);
        let signed = self.composed.signed.as_ref()?;
        let left = signed.expires().saturating_sub(seconds);
        let remedy = match signed.brought() {
            Some(_) => "have the zone signed again where it comes from",
            None => "restart the server",
        };
        Some(format!(
            "no signatures are renewed; the first expires in {left} s: {remedy}"
        ))
    }

    /// The zone as it came, for those who see this version.
    pub(super) fn came(&self) -> Served {
        Served {
            view: self.plan.view,
            ..Served::plain(Arc::clone(&self.base))
        }
    }

    /// The zone as answers see it.
    pub(super) fn served(&self) -> Served {
        let Some(signed) = &self.composed.signed else {
            return Served {
                view: self.plan.view,
                ..Served::plain(Arc::clone(&self.composed.zone))
            };
        };
        let how = self.keys.as_deref().map(Keys::how);
        let how = how.filter(|_| signed.signing().is_some());
        let expires = signed.expires();
        let refuse_from = how.map_or(u64::MAX, |how| match how.expired {
            Expired::Refuse => expires.saturating_sub(how.margin.0 / 1000),
            Expired::Serve => u64::MAX,
        });
        Served {
            zone: Arc::clone(&self.composed.zone),
            signed: Some(Arc::clone(signed)),
            expires: how.map_or(u64::MAX, |_| expires),
            refuse_from,
            view: self.plan.view,
        }
    }

    /// Whether its signatures came with it.
    pub(super) fn is_signed_elsewhere(&self) -> bool {
        let signed = self.composed.signed.as_ref();
        signed.is_some_and(|signed| signed.signing().is_none())
    }

    /// What an operator may see of it.
    pub(super) fn status(&self, declared: usize) -> ZoneStatus {
        let zone = &self.composed.zone;
        ZoneStatus {
            name: self.plan.id.to_string(),
            names: self.base.names(),
            declared,
            declared_aside: self.aside.len(),
            serial: soa(zone).map(|soa| soa.serial()),
            listed_by: self.plan.listed_by.as_ref().map(ToString::to_string),
            signing: self.signing(),
            withheld: self.withheld(),
            unsigned: self.unfinished.is_none()
                && self.keys.as_ref().is_some_and(|keys| {
                    self.composed.signed.is_none() && !keys.is_unsigned_by_policy()
                }),
            unfinished: self.unfinished.as_ref().map(|own| {
                let (made, of) = own.progress();
                UnfinishedStatus { made, of }
            }),
            signatures_made: self.made,
            signatures_unkept: self.keeping.trouble.clone(),
        }
    }

    fn signing(&self) -> Option<SigningStatus> {
        let signed: &Signed = self.composed.signed.as_ref()?;
        let denial = if signed.is_hashed() { "nsec3" } else { "nsec" }.to_owned();
        if let Some(brought) = signed.brought() {
            return Some(SigningStatus {
                elsewhere: true,
                denial,
                rrsets: brought.rrsets,
                due_at: brought.overdue,
                expires_at: brought.expires,
                overdue_at: brought.overdue,
                ..SigningStatus::default()
            });
        }
        let (keys, next) = self.keys.as_ref()?.report();
        Some(SigningStatus {
            elsewhere: false,
            denial,
            rrsets: signed.entries(),
            due_at: signed.due(u64::MAX),
            expires_at: signed.expires(),
            overdue_at: self.overdue().unwrap_or(u64::MAX),
            keys,
            next,
        })
    }
}

/// What of a table a zone depends on besides its data: everything, where names are steered.
fn generation(plan: &ZonePlan, table: &Table) -> Option<u64> {
    (!plan.mounts.is_empty()).then_some(table.generation)
}
