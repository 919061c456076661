//! Challenges: TXT records of `_acme-challenge` names, and of others that the config lists, set by orders and by
//! updates.
//!
//! ```text
//! order ----.
//! agreed ---+
//! update ---+--> [queue] --> change --> zones composed --> published --> kept on disk --> reply
//! expiry ---'                   '--cannot be served: as it was before
//! ```
//!
//! One is done after the other, and whoever asked hears of it when what was asked is served: a client that
//! gets its reply finds its record. When it cannot be served, everything is as it was before. A disk that
//! cannot be written costs the records their life after a restart, and no more. Whoever ordered them is told
//! so, and what a wildcard no longer stands for because of them.
//!
//! | module | what it decides |
//! |---|---|
//! | `agreed` | what other nodes of a cluster were given |
//! | `order` | what an operator may order, and what comes of it |
//! | `recorded` | what stands in the audit log of an update |
//! | `update` | who may update what (RFC 2136), and the reply |
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::base::ViewId;
use crate::base::limits::CHALLENGES_WAITING;
use crate::dns::challenges::{
    Challenge, Challenges, Misplaced, Pattern, Uncovered, place, uncovered,
};
use crate::dns::rr::rtype;
use crate::dns::tsig::{self, Signer};
use crate::dns::zone::{Edit, Presence, Zone, Zones};
use crate::dns::{Name, message};
use crate::plan::{TsigKey, Zoning, version_id};

use super::notice::Notice;
use super::{Memory, Output, Reply, Ticket, ZoneEngine};

mod agreed;
mod change;
mod order;
mod recorded;
mod update;

pub use change::ChallengeChange;
pub use recorded::{KeyChange, KeyChangeStage};

pub use order::{ChallengeName, ChallengeOrder, ChallengeRefusal, ChallengeStatus, ChallengesDone};

/// Challenges, and what is being done about them.
#[derive(Debug, Default)]
pub(super) struct Store {
    kept: Challenges,
    /// What is laid over the zones, by [`crate::plan::ZonePlan::id`].
    laid: BTreeMap<Name, Vec<Edit>>,
    /// The shared keys, ready for use.
    /// By their places in the config; absent while the secret is not known.
    keys: Vec<Option<tsig::Key>>,
    /// What wildcards no longer stand for, by the name that was set.
    uncovered: BTreeMap<Name, Uncovered>,
    queue: VecDeque<(Ticket, Ask)>,
    change: Option<Change>,
}

/// What is asked.
#[derive(Debug)]
enum Ask {
    Order(ChallengeOrder),
    Update(Vec<u8>),
    /// Nobody is answered.
    Agreed(Vec<ChallengeChange>),
}

/// A change that is on its way.
#[derive(Debug)]
struct Change {
    /// What there was.
    before: Challenges,
    /// The zones that must be composed first, and which of their wishes that is.
    waiting: BTreeMap<Name, u64>,
    /// Why one of them could not be.
    failed: Option<String>,
    /// The number under which it is being written in the audit log.
    recording: Option<Ticket>,
    /// The number under which it is being kept on the disk.
    keeping: Option<Ticket>,
    then: Then,
}

/// What is said once it is done.
#[derive(Debug)]
enum Then {
    /// To an operator: what was done, and what is lost if it is not on the disk.
    Order {
        ticket: Ticket,
        result: String,
        unkept: &'static str,
        set: Option<(Name, Uncovered)>,
    },
    /// To a client: the response code, signed.
    Update {
        ticket: Ticket,
        signer: Box<Signer>,
        message: Vec<u8>,
        changed: Vec<(Name, Option<Uncovered>)>,
    },
    /// To nobody.
    Nobody,
}

impl Store {
    /// What was kept over a restart.
    pub(super) fn new(kept: Challenges) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }

    /// What is laid over a zone.
    pub(super) fn laid(&self, apex: &Name) -> Vec<Edit> {
        self.laid.get(apex).cloned().unwrap_or_default()
    }

    /// What is to be laid over zones by another config, which is taken into force with this.
    pub(super) fn adopt(&mut self, zoning: &Zoning, laid: BTreeMap<Name, Vec<Edit>>) {
        self.keys = zoning.tsig.iter().map(TsigKey::key).collect();
        self.laid = laid;
    }

    /// When the next one goes, seconds since 1970.
    pub(super) fn next_expiry(&self) -> Option<u64> {
        self.kept.next_expiry()
    }

    /// What would be laid over the zones of a config, by [`crate::plan::ZonePlan::id`], without taking it into force: a challenge is
    /// in every version of its zone, since an authority may ask from any network.
    pub(super) fn wanted(&self, zoning: &Zoning, zones: &Zones) -> BTreeMap<Name, Vec<Edit>> {
        let patterns = &zoning.acme.names;
        let mut wanted = self.kept.edits(zones, patterns);
        for (index, seen) in zones.views().iter().enumerate() {
            let view = Some(ViewId::from_index(index));
            let edits = self.kept.edits(seen, patterns).into_iter();
            wanted.extend(edits.filter_map(|(apex, edits)| {
                zones.version(&apex, view)?;
                Some((version_id(&apex, Some(zoning.views.name(view)))?, edits))
            }));
        }
        wanted
    }
}

impl ZoneEngine {
    /// Puts an operator's order into the queue.
    pub(super) fn take_order(&mut self, ticket: Ticket, order: ChallengeOrder) {
        if self.challenges.queue.len() >= CHALLENGES_WAITING {
            let why = "too much is waiting: try again".to_owned();
            return self.reply(
                ticket,
                Reply::Challenges(Err(ChallengeRefusal::Failed(why))),
            );
        }
        self.challenges.queue.push_back((ticket, Ask::Order(order)));
    }

    /// Puts an update into the queue; one that finds it full is dropped, as a datagram would be.
    pub(super) fn take_update(&mut self, ticket: Ticket, message: Vec<u8>) {
        if self.challenges.queue.len() >= CHALLENGES_WAITING {
            return self.reply(ticket, Reply::Silence);
        }
        self.challenges
            .queue
            .push_back((ticket, Ask::Update(message)));
    }

    /// Puts what all nodes have agreed on into the queue.
    pub(super) fn take_agreed(&mut self, changes: Vec<ChallengeChange>) {
        let ticket = self.ticket();
        self.challenges
            .queue
            .push_back((ticket, Ask::Agreed(changes)));
    }

    /// Goes on with what is asked of challenges, as far as nothing must be waited for.
    pub(super) fn do_challenges(&mut self) {
        while self.challenges.change.is_none() {
            let Some((ticket, ask)) = self.challenges.queue.pop_front() else {
                return;
            };
            match ask {
                Ask::Order(order) => self.carry_out(ticket, order),
                Ask::Update(message) => self.update(ticket, message),
                Ask::Agreed(changes) => self.agree(changes),
            }
        }
    }

    /// Lets go what has expired.
    pub(super) fn expire_challenges(&mut self) {
        let due = self.challenges.next_expiry();
        if self.challenges.change.is_some() || due.is_none_or(|due| due > self.seconds()) {
            return;
        }
        let before = self.challenges.kept.clone();
        let gone = self.challenges.kept.expire(self.wall_ms / 1000);
        self.tell(Notice::info(
            "challenges_expired",
            format!("{gone} challenges are gone by themselves"),
        ));
        self.begin_change(before, Then::Nobody);
    }

    /// Lets go what has expired before it is laid over the first zones. On the disk it stays until something else
    /// changes: where a clock that is ahead made it seem expired, it is there again by one that is right.
    pub(super) fn forget_challenges(&mut self) {
        let seconds = self.seconds();
        let store = &mut self.challenges;
        if store.laid.is_empty() && store.change.is_none() {
            store.kept.expire(seconds);
        }
    }

    /// Keeps the time that is left of each, though the wall clock was set by so many seconds.
    pub(super) fn shift_challenges(&mut self, by: i64) {
        let ticket = self.ticket();
        let store = &mut self.challenges;
        store.kept.shift(by);
        if let Some(change) = &mut store.change {
            change.before.shift(by);
            if change.keeping.is_none() {
                // It is kept on the disk once it is served.
                return;
            }
            // What is on its way to the disk has the times of before: nothing is said until these are there.
            change.keeping = Some(ticket);
        } else if store.kept.is_empty() {
            return;
        }
        let memory = Memory::Challenges(store.kept.clone());
        self.outputs.push_back(Output::Remember(ticket, memory));
    }

    /// Has what is kept served; what was `before` is kept again if it cannot be.
    fn begin_change(&mut self, before: Challenges, then: Then) {
        let zones = Arc::clone(&self.served);
        let wanted = self.challenges.wanted(&self.zoning, &zones);
        let store = &mut self.challenges;
        store.uncovered.retain(|name, _| store.kept.has(name));
        let waiting = self.lay(wanted);
        self.challenges.change = Some(Change {
            before,
            waiting,
            failed: None,
            recording: None,
            keeping: None,
            then,
        });
        self.go_on_with_change();
    }

    /// Has zones composed with these records over them; gives what is to be waited for.
    fn lay(&mut self, wanted: BTreeMap<Name, Vec<Edit>>) -> BTreeMap<Name, u64> {
        let before = std::mem::replace(&mut self.challenges.laid, wanted);
        let after = &self.challenges.laid;
        let apexes = before.keys().chain(after.keys());
        let changed = apexes.filter(|apex| before.get(*apex) != after.get(*apex));
        let changed: Vec<Name> = changed.cloned().collect();
        let waits = changed
            .into_iter()
            .filter_map(|apex| self.wish(&apex).map(|wish| (apex, wish)));
        waits.collect()
    }

    /// Takes note that a zone was composed, with all wishes up to this one, or why it was not.
    pub(super) fn challenge_composed(&mut self, apex: &Name, wish: u64, failed: Option<&str>) {
        let Some(change) = &mut self.challenges.change else {
            return;
        };
        if change.waiting.get(apex).is_some_and(|waits| *waits <= wish) {
            change.waiting.remove(apex);
            if let Some(why) = failed {
                change.failed.get_or_insert_with(|| why.to_owned());
            }
        }
    }

    /// Takes note that a zone was composed and is yet to be signed, which takes long: nobody waits for that. `refused` is why
    /// nothing new can be shown there for now; where the zone is not answered at all, it will be once that is.
    pub(super) fn challenge_held_up(&mut self, apex: &Name, wish: u64, refused: Option<&str>) {
        let change = self.challenges.change.as_ref();
        // What goes by itself goes with the zone's next version.
        let is_asked = change.is_some_and(|change| !matches!(change.then, Then::Nobody));
        self.challenge_composed(apex, wish, refused.filter(|_| is_asked));
    }

    /// Keeps a change once it is served, or undoes it if it cannot be.
    pub(super) fn go_on_with_change(&mut self) {
        let is_served = |change: &mut Change| {
            let is_under_way = change.recording.is_some() || change.keeping.is_some();
            change.waiting.is_empty() && !is_under_way
        };
        let Some(mut change) = self.challenges.change.take_if(|change| is_served(change)) else {
            return;
        };
        if change.failed.is_none() {
            self.publish();
            // What others were given is shown once it has a place here.
            let is_asked = !matches!(change.then, Then::Nobody);
            let misplaced = is_asked.then(|| self.misplaced(&change.before));
            change.failed = misplaced.flatten();
        }
        if let Some(why) = change.failed {
            let text = format!("nothing was changed: {why}");
            self.tell(Notice::error("challenges_unserved", text));
            self.challenges.kept = change.before;
            let zones = Arc::clone(&self.served);
            let wanted = self.challenges.wanted(&self.zoning, &zones);
            self.lay(wanted);
            return self.say_failed(change.then, why);
        }
        let ticket = self.ticket();
        change.keeping = Some(ticket);
        let memory = Memory::Challenges(self.challenges.kept.clone());
        self.outputs.push_back(Output::Remember(ticket, memory));
        self.challenges.change = Some(change);
    }

    /// Why a record that was set since `before` is not served, if one is not: the zone may have changed meanwhile.
    fn misplaced(&self, before: &Challenges) -> Option<String> {
        let parts =
            |(name, one): (&Name, &Challenge)| (name.clone(), one.rdata.clone(), one.expires);
        let before: BTreeSet<_> = before.iter().map(parts).collect();
        let kept = self.challenges.kept.iter();
        let mut new = kept.filter(|own| !before.contains(&parts(*own)));
        new.find_map(|(name, _)| {
            let placed = self.placed(name, &self.zoning.acme.names);
            placed.err().map(|why| format!("{name}: {why}"))
        })
    }

    /// Says what was done, once it is on the disk or cannot be; whether that was waited for.
    pub(super) fn challenge_kept(&mut self, ticket: Ticket, kept: &Result<(), String>) -> bool {
        let is_it = |change: &mut Change| change.keeping == Some(ticket);
        let Some(change) = self.challenges.change.take_if(is_it) else {
            return false;
        };
        if let Err(why) = kept {
            let text = format!("challenges will not outlive a restart: {why}");
            self.tell(Notice::warn("state_unwritten", text));
        }
        self.say_done(change.then, kept.as_ref().err());
        true
    }

    fn say_done(&mut self, then: Then, lost: Option<&String>) {
        match then {
            Then::Order {
                ticket,
                result,
                unkept,
                set,
            } => {
                let lost = lost.map(|why| format!("{unkept}: {why}"));
                let mut warnings: Vec<String> = lost.into_iter().collect();
                if let Some((name, uncovered)) = set {
                    warnings.push(in_words(&uncovered));
                    self.note(&name, uncovered);
                }
                let done = ChallengesDone {
                    result,
                    warnings,
                    challenges: self.list(),
                };
                self.reply(ticket, Reply::Challenges(Ok(done)));
            }
            Then::Update {
                ticket,
                signer,
                message,
                changed,
            } => self.updated(ticket, *signer, &message, changed),
            Then::Nobody => {}
        }
    }

    fn say_failed(&mut self, then: Then, why: String) {
        match then {
            Then::Order { ticket, .. } => {
                let refusal = ChallengeRefusal::Failed(why);
                self.reply(ticket, Reply::Challenges(Err(refusal)));
            }
            Then::Update {
                ticket,
                signer,
                message,
                ..
            } => self.update_failed(ticket, *signer, &message, why),
            Then::Nobody => {}
        }
    }

    /// The zone that a name is set in, where these names may be set.
    fn placed(&self, name: &Name, patterns: &[Pattern]) -> Result<Name, Misplaced> {
        let zones = looked_in(&self.served, name);
        let apex = place(zones, name, patterns)?.apex().clone();
        let view = zones.of(&apex).and_then(|served| served.view);
        let view = view.map(|own| self.zoning.views.name(Some(own)));
        let base = version_id(&apex, view).and_then(|id| self.unshown(&id));
        if let Some(base) = base {
            place(&Zones::new(vec![base]), name, patterns)?;
        }
        Ok(apex)
    }

    /// The data of a zone that is not answered now; a challenge is to have its place there once it is.
    fn unshown(&self, id: &Name) -> Option<Arc<Zone>> {
        let zone = &self.zones[*self.places.get(id)?];
        let is_shown = zone.composed.zone.presence() == Presence::Loaded;
        let has_data = zone.base.presence() == Presence::Loaded;
        (has_data && !is_shown).then(|| Arc::clone(&zone.base))
    }

    /// What a wildcard no longer stands for once a name is set, or stands for no longer since it was.
    fn uncovered(&self, name: &Name) -> Option<Uncovered> {
        let known = self.challenges.uncovered.get(name).cloned();
        known.or_else(|| uncovered(looked_in(&self.served, name), name))
    }

    /// Remembers that a name which is served now took others out of a wildcard, and says so the first time.
    fn note(&mut self, name: &Name, uncovered: Uncovered) {
        let store = &self.challenges;
        if !store.kept.has(name) || store.uncovered.contains_key(name) {
            return;
        }
        let notice = Notice::warn("wildcard_uncovered", in_words(&uncovered));
        self.tell(notice.name(name).uncovering(uncovered.clone()));
        self.challenges.uncovered.insert(name.clone(), uncovered);
    }

    /// Says what wildcards no longer stand for because of challenges that were kept over a restart; `zones`
    /// are without them.
    pub(super) fn note_kept(&mut self, zones: &Zones) {
        let owners = self.challenges.laid.values().flatten();
        let names: Vec<Name> = owners.map(|edit| edit.owner.clone()).collect();
        for name in names {
            if let Some(uncovered) = uncovered(looked_in(zones, &name), &name) {
                self.note(&name, uncovered);
            }
        }
    }

    fn seconds(&self) -> u64 {
        self.wall_ms / 1000
    }

    /// A reply to a message with this response code, signed if there is a signer.
    pub(in crate::zones) fn answer(
        &self,
        message: &[u8],
        rcode: u16,
        signer: Option<Signer>,
    ) -> Reply {
        let Ok(mut reply) = message::reply(message, rcode) else {
            return Reply::Silence;
        };
        if let Some(mut signer) = signer {
            signer.sign(&mut reply, self.seconds());
        }
        Reply::Message(reply)
    }
}

/// The zones in which a name is looked for: the default's, or where that has none those of the first view that has one.
fn looked_in<'z>(zones: &'z Zones, name: &Name) -> &'z Zones {
    let has = |zones: &&Zones| zones.find(name.as_wire(), rtype::TXT).is_some();
    let views = zones.views().iter().map(|own| &**own);
    let mut all = std::iter::once(zones).chain(views);
    all.find(has).unwrap_or(zones)
}

/// What became of a wildcard, for a person.
fn in_words(uncovered: &Uncovered) -> String {
    let Uncovered { name, wildcard } = uncovered;
    format!(
        "{name} exists while the challenge stands, so that {wildcard} no longer stands for it nor for names below it \
         (RFC 4592, section 2.2.2): give it records of its own"
    )
}

#[cfg(test)]
mod tests;
