//! What zones hold, and what becomes of it over time: the second core without I/O and clock.
//!
//! It owns all that a zone goes through: what its file or its primaries say, records that come and go by themselves,
//! keys and their rollovers, signatures and their renewal, serials, transfers in and out, expiry. Whoever drives it
//! calls [`ZoneEngine::handle`] with what happened, does what [`ZoneEngine::poll`] says until it says nothing, and
//! calls again at [`ZoneEngine::wake_at`] at the latest.
//!
//! ```text
//! config, files -----.                                .--> Publish(zones) --> engine --> table
//! primaries ---------+--> what it came as --.         |--> Offer, Tell --> secondaries
//! orders, updates ---+--> laid over it -----+--[job]--+--> Remember, Copy --> disk
//! keys, wall clock --'--> keys -------------'         '--> Reply, Notice
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | `zone` | one zone: what it is made of, and what is due for it |
//! | `attend`, `incoming`, `outgoing` | what is done for zones, for those from primaries, for those given to secondaries |
//! | `compose` | what is laid over a zone, and its signatures |
//! | `sign`, `unfinished` | what is answered while signatures are made, and how far that is |
//! | `memory` | what is known over restarts |
//! | `keep`, `kept` | when signatures are kept over restarts, and asked for |
//! | `keys` | what a zone shows of its keys, and whether it may be answered without |
//! | `signedness` | whether a zone may be answered unsigned, over restarts |
//! | `secondary` | when primaries are asked, and when a zone is too old |
//! | `content` | whether what they give is taken |
//! | `version` | when there is a new version for secondaries, with which serial |
//! | `challenge` | records that are set by orders and updates, and go by themselves |
//! | [`declared`] | records that are declared by orders and updates, and stay |
//! | `config` | another config, taken into force in one step |
//! | `alias` | names with the addresses of others |
//! | `names` | other addresses of machines that are known by name, likewise |
//! | `wall` | when the wall clock was set |
//! | `job` | work that takes long |
//!
//! # One zone does not wait for another
//!
//! What takes long is a [`Job`] that changes nothing; a zone has one at a time, so its results come in order. Many
//! signatures are made in steps, and a config does not wait for them: a zone that was served goes on with its last version,
//! another one is not ready until it is signed.
//! A change of one zone reads no config, parses no other zone and touches no probe. A config is composed as a whole
//! beside what is served, and taken into force in one step; what happens to zones meanwhile waits for that.
//!
//! # The wall clock
//!
//! Signatures, expiry and rollovers go by it, and it is set by people. When it was set, every signature is looked
//! at and those that do not hold now are renewed at once; steps of rollovers wait until it has been steady.
//!
//! It decides nothing about answers; what it makes of steering is the list of all answers that there may be.
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Moment, Span};
use crate::dns::Name;
use crate::dns::transfer::{Entry, Journal, Received};
use crate::dns::zone::signed::Steered;
use crate::dns::zone::{Presence, Zone, Zones};
use crate::keys::{Fellows, Keyring, Policy, Step, Time, ToldRing};
use crate::names::KnownNames;
use crate::plan::{Incoming, Outgoing, TsigKey, Zoning};
use crate::table::Table;

mod alias;
mod attend;
pub mod challenge;
mod compose;
mod config;
mod content;
pub mod declared;
mod incoming;
pub mod job;
mod keep;
mod kept;
mod keys;
mod memory;
mod names;
mod notice;
mod outgoing;
mod secondary;
mod sign;
mod signedness;
pub mod status;
mod ticket;
mod unfinished;
mod version;
mod wall;
mod zone;

pub use challenge::{
    ChallengeChange, ChallengeName, ChallengeOrder, ChallengeRefusal, ChallengeStatus,
    ChallengesDone, KeyChange, KeyChangeStage,
};
pub use config::{Filed, NewConfig, NewZone};
pub use job::{Job, JobWeight, Made};
pub use kept::{Recalled, ToKeep};
pub use keys::{KeyNodes, longest_ttl, policy};
pub use memory::{Known, Memories, Memory, Signedness};
pub use notice::{Level, Notice};
pub use secondary::Want;
pub use status::ZoneStatus;
pub use ticket::Ticket;
pub use version::Last;

use config::Pending;
use declared::DeclaredStore;
use declared::order::{DeclaredAsk, DeclaredRefusal, DeclaredReply};
use job::Effort;
use wall::{Look, Wall};
use zone::OneZone;

/// Least time between two publications, unless somebody waits for one.
const COALESCE: Span = Span(50);
/// How often the clocks are compared.
const LOOK_EVERY: Span = Span::from_secs(1);

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Time passed.
    Tick,
    /// A config is to be taken into force; answered by [`Output::Configured`].
    Config(Ticket, Box<NewConfig>),
    /// Machines that are known by name have other addresses: steered names are answered with these from then on, and aliases have
    /// them; answered by [`Output::Configured`].
    Names(Ticket, Arc<[Steered]>, Arc<KnownNames>),
    /// The file of a zone was read again; answered by [`Reply::Filed`].
    Filed {
        /// Who waits for it.
        ticket: Ticket,
        /// The zone.
        apex: Name,
        /// What its file holds.
        filed: Filed,
    },
    /// A primary says that a zone may have changed; whoever gives this knows that it is one.
    Notified(Name),
    /// What a primary gave, or why it gave nothing.
    Fetched(u64, Result<Received, String>),
    /// A job is done.
    Made(u64, Made),
    /// The signatures of a zone that were kept.
    Recalled(u64, Recalled),
    /// The signatures of a zone are on the disk, or why they are not.
    SignaturesKept(Name, Result<(), String>),
    /// The process is about to end: what waits to be kept is to be kept now.
    Ending,
    /// The folder of a zone's keys was looked at.
    Keys {
        /// The zone.
        apex: Name,
        /// Steps that were taken there.
        steps: Vec<Step>,
        /// Its content, or why it cannot be read or changed.
        read: Box<Result<Keyring, String>>,
    },
    /// Other nodes of the cluster have told what they serve of their keys, or there are other nodes.
    Nodes(KeyNodes),
    /// Something is on the disk, or why it is not.
    Remembered(Ticket, Result<(), String>),
    /// A change stands in the audit log, or why it does not.
    Recorded(Ticket, Result<(), String>),
    /// The copy of a zone is on the disk, or why it is not.
    Copied {
        /// The zone.
        apex: Name,
        /// How long it took.
        took: Span,
        /// Why it is not there.
        outcome: Result<(), String>,
    },
    /// Challenges that other nodes of the cluster were given, and that are there no more.
    Agreed(Vec<ChallengeChange>),
    /// An order about challenges; answered by [`Reply::Challenges`].
    Order(Ticket, ChallengeOrder),
    /// A question about declared records, or a batch of changes; answered by [`Reply::Declared`].
    Declared(Ticket, DeclaredAsk),
    /// An update (RFC 2136); answered by [`Reply::Message`].
    Update(Ticket, Vec<u8>),
    /// A table was published.
    Published(Arc<Table>),
}

/// What to do.
#[derive(Debug)]
pub enum Output {
    /// Do a job, and give what it made back with its number.
    Work(u64, Job),
    /// Read the signatures of a zone that were kept, and give them back with this number.
    Recall(u64, Name),
    /// Keep signatures over restarts; answered by [`Input::SignaturesKept`].
    KeepSignatures(Box<ToKeep>),
    /// Keep no signatures but those of these zones.
    RetainSignatures(BTreeSet<Name>),
    /// Ask a primary for a zone, and give back what comes with its number.
    Fetch(u64, Box<Request>),
    /// Take the steps of a zone's keys that are due at a time, in their folder.
    Advance {
        /// The zone.
        apex: Name,
        /// When steps are due.
        policy: Box<Policy>,
        /// Other nodes that sign the zone.
        fellows: Arc<Fellows>,
        /// The time.
        at: Time,
    },
    /// Tell the other nodes of the cluster that this is served of a zone's keys.
    Told(Name, Box<ToldRing>),
    /// Tell them that this was declared.
    Declared(Box<declared::set::DeclaredPart>),
    /// Keep something over restarts.
    Remember(Ticket, Memory),
    /// Write in the audit log what a key changes; answered by [`Input::Recorded`].
    Record(Ticket, Box<KeyChange>),
    /// Write the copy of a zone that came from a primary.
    Copy {
        /// The zone, as [`Input::Copied`] wants it.
        id: Name,
        /// The file.
        file: PathBuf,
        /// What it is to hold.
        zone: Arc<Zone>,
    },
    /// Give a zone to secondaries in these versions; in none, if there is no journal.
    Offer(Name, Option<Journal>),
    /// Tell secondaries of a version (RFC 1996).
    Tell {
        /// Its SOA.
        soa: Entry,
        /// Whom.
        outgoing: Box<Outgoing>,
        /// What signs it.
        key: Option<TsigKey>,
    },
    /// Answer whoever asked.
    Reply(Ticket, Reply),
    /// A config can be taken into force with these zones, or not at all.
    Configured(Ticket, Result<Arc<Zones>, String>),
    /// Serve these zones.
    Publish(Arc<Zones>),
    /// Tell the operator.
    Notice(Notice),
}

/// What a primary is asked for.
#[derive(Debug)]
pub struct Request {
    /// The zone.
    pub apex: Name,
    /// Who is asked.
    pub primary: SocketAddr,
    /// In which form.
    pub want: Want,
    /// The SOA of what there is, if there is anything.
    pub soa: Option<Entry>,
    /// Where the request leaves from, and what signs it.
    pub incoming: Incoming,
    /// What signs it.
    pub key: Option<TsigKey>,
}

/// What is said to whoever asked.
#[derive(Debug)]
pub enum Reply {
    /// Whether a zone is served as its file has it now, or why not.
    Filed(Result<(), String>),
    /// What was done about challenges.
    Challenges(Result<ChallengesDone, ChallengeRefusal>),
    /// All that is declared, or was changed, or why it was not.
    Declared(Result<DeclaredReply, DeclaredRefusal>),
    /// A message.
    Message(Vec<u8>),
    /// Nothing.
    Silence,
}

/// Owns all changing state of zones.
#[derive(Debug)]
pub struct ZoneEngine {
    zoning: Arc<Zoning>,
    steered: Arc<[Steered]>,
    /// The addresses of machines that are known by name.
    names: Arc<KnownNames>,
    /// Other nodes that sign the same zones.
    nodes: KeyNodes,
    /// In the order of the config.
    zones: Vec<OneZone>,
    places: HashMap<Name, usize>,
    /// When which zone wants to be looked at.
    agenda: BTreeSet<(Moment, usize)>,
    /// Zones that something has happened to.
    touched: BTreeSet<usize>,
    effort: Effort,
    challenges: challenge::Store,
    declared: DeclaredStore,
    known: BTreeMap<Name, Known>,
    /// What is being kept of whether zones are signed.
    signedness: signedness::Keeping,
    /// Versions that are being kept on the disk.
    keeping: BTreeMap<Ticket, Name>,
    pending: Option<Pending>,
    deferred: VecDeque<Input>,
    /// The zone that each job and each request is for.
    owners: BTreeMap<u64, Name>,
    number: u64,
    now: Moment,
    wall_ms: u64,
    wall: Wall,
    looked: Moment,
    table: Option<Arc<Table>>,
    served: Arc<Zones>,
    /// Whether what is served is not what it should be.
    is_stale: bool,
    published: Option<Moment>,
    outputs: VecDeque<Output>,
}

impl ZoneEngine {
    /// Begins without any zone, with what was kept over a restart; the first [`Input::Config`] brings them.
    #[must_use]
    pub fn new(memories: Memories) -> Self {
        Self {
            zoning: Arc::default(),
            steered: Arc::from([]),
            names: Arc::new(KnownNames::of(BTreeMap::new())),
            nodes: KeyNodes::Lone,
            zones: Vec::new(),
            places: HashMap::new(),
            agenda: BTreeSet::new(),
            touched: BTreeSet::new(),
            effort: Effort::default(),
            challenges: challenge::Store::new(memories.challenges),
            declared: DeclaredStore::new(memories.declared),
            known: memories.zones,
            signedness: signedness::Keeping::default(),
            keeping: BTreeMap::new(),
            pending: None,
            deferred: VecDeque::new(),
            owners: BTreeMap::new(),
            number: 0,
            now: Moment::default(),
            wall_ms: 0,
            wall: Wall::default(),
            looked: Moment::default(),
            table: None,
            served: Arc::default(),
            is_stale: false,
            published: None,
            outputs: VecDeque::new(),
        }
    }

    /// The same, with another effort of signing.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// The same, where machines that are known by name have these addresses.
    #[must_use]
    pub fn with_names(self, names: Arc<KnownNames>) -> Self {
        Self { names, ..self }
    }

    /// Takes in one thing that happened; `wall_ms` is milliseconds since 1970.
    ///
    /// # Panics
    /// When work that is due now has been left undone: a defect, found here and not as a busy loop.
    pub fn handle(&mut self, now: Moment, wall_ms: u64, input: Input) {
        (self.now, self.wall_ms) = (now, wall_ms);
        self.compare_clocks();
        self.take(input);
        while self.pending.is_none()
            && let Some(input) = self.deferred.pop_front()
        {
            self.take(input);
        }
        if self.pending.is_none() {
            self.keep_signedness_again();
            self.expire_challenges();
            self.do_challenges();
            self.do_declared();
            self.attend();
        }
        if self.is_stale && self.publish_at() <= now {
            self.publish();
        }
        // Progress: whatever is due has been done, so the next wake-up lies ahead.
        assert!(self.wake_at().is_none_or(|wake| wake > now));
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`ZoneEngine::handle`] with [`Input::Tick`] if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        // What is due while a config is composed is done when that is in force.
        let agenda = self.agenda.first().filter(|_| self.pending.is_none());
        let agenda = agenda.map(|(at, _)| *at);
        let publish = self.is_stale.then(|| self.publish_at());
        let look = (!self.zones.is_empty()).then(|| self.looked.after(LOOK_EVERY));
        let again = self.signedness.wake_at().filter(|_| self.pending.is_none());
        let all = [agenda, publish, look, again];
        all.into_iter().flatten().min()
    }

    /// What zones are answered from.
    #[must_use]
    pub fn served(&self) -> &Arc<Zones> {
        &self.served
    }

    /// What an operator may see of each zone, in the order of the config.
    #[must_use]
    pub fn status(&self) -> Vec<ZoneStatus> {
        let zones = self.zones.iter();
        let declared = |zone: &OneZone| self.declared.rrsets(&zone.plan.id);
        zones.map(|zone| zone.status(declared(zone))).collect()
    }

    /// Tells that nothing is under way: every zone is as it should be, and once there is a table, those that are given to
    /// secondaries can be. What primaries do is not waited for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.may_answer() && self.zones.iter().all(OneZone::is_settled)
    }

    /// Tells that nothing is under way that a first answer should wait for: the same, but for zones whose signatures are
    /// being made.
    #[must_use]
    pub fn may_answer(&self) -> bool {
        let has_table = self.table.is_some();
        let is_given = |zone: &OneZone| {
            let versions = zone.versions.as_ref().filter(|_| has_table);
            versions.is_none_or(|own| {
                zone.composed.zone.presence() != Presence::Loaded || own.journal.is_some()
            })
        };
        let is_ready = |zone: &OneZone| zone.unfinished.is_some() || zone.is_settled();
        self.pending.is_none()
            && !self.is_stale
            && self
                .zones
                .iter()
                .all(|zone| is_ready(zone) && is_given(zone))
    }

    /// Tells that signatures are being made without which a zone is not as it should be.
    #[must_use]
    pub fn is_signing(&self) -> bool {
        self.zones.iter().any(|zone| zone.unfinished.is_some())
    }

    /// Tells that every zone that comes from primaries is there, or they have been asked for it in vain.
    #[must_use]
    pub fn has_asked_primaries(&self) -> bool {
        let has_come = |zone: &OneZone| {
            let secondary = zone.secondary.as_ref();
            secondary.is_none_or(|own| zone.base.presence() == Presence::Loaded || own.has_looked())
        };
        self.zones.iter().all(has_come)
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::Published(table) => self.look_at(table),
            Input::Made(number, made) if self.is_for_config(number) => {
                self.composed_next(number, made);
            }
            Input::Recalled(number, recalled) if self.is_for_config(number) => {
                self.recalled_next(number, recalled);
            }
            input if self.pending.is_some() => self.deferred.push_back(input),
            Input::Made(number, made) => self.made(number, made),
            Input::Recalled(number, recalled) => self.recalled(number, recalled),
            Input::SignaturesKept(apex, outcome) => self.signatures_kept(&apex, outcome),
            Input::Ending => self.keep_all_signatures(),
            Input::Remembered(ticket, outcome) => self.remembered(ticket, outcome),
            Input::Recorded(ticket, outcome) => {
                if !self.declared_recorded(ticket, &outcome) {
                    self.challenge_recorded(ticket, outcome);
                }
            }
            Input::Config(ticket, config) => self.configure(ticket, *config),
            Input::Names(ticket, steered, known) => self.rename(ticket, steered, known),
            Input::Filed {
                ticket,
                apex,
                filed,
            } => self.take_file(ticket, &apex, filed),
            Input::Notified(apex) => self.notified(&apex),
            Input::Fetched(number, outcome) => self.fetched(number, outcome),
            Input::Nodes(nodes) => self.take_nodes(nodes),
            Input::Keys { apex, steps, read } => self.take_keys(&apex, &steps, *read),
            Input::Copied {
                apex,
                took,
                outcome,
            } => self.copied(&apex, took, outcome),
            Input::Agreed(changes) => self.take_agreed(changes),
            Input::Order(ticket, order) => self.take_order(ticket, order),
            Input::Declared(ticket, ask) => self.take_declared(ticket, ask),
            Input::Update(ticket, message) => self.take_update(ticket, message),
        }
    }

    /// Notices when the wall clock was set.
    fn compare_clocks(&mut self) {
        self.looked = self.now;
        let Look::Set(by) = self.wall.look(self.now, self.wall_ms) else {
            return;
        };
        let steps = match self.wall.is_settling(self.now) {
            true => "; steps of keys wait until it has been steady for a while",
            false => "",
        };
        let text = format!(
            "the wall clock was set by {} s: every signature is looked at{steps}",
            by / 1000
        );
        self.tell(Notice::warn("clock_set", text));
        self.is_stale |= self.zones.iter().any(|zone| zone.composed.signed.is_some());
        for zone in &mut self.zones {
            zone.clock_set(by / 1000);
        }
        if let Some(pending) = &mut self.pending {
            pending.clock_set(by / 1000);
        }
        self.touched.extend(0..self.zones.len());
        self.shift_kept(by / 1000);
    }

    /// What stays for a length of time stays so long by the server's own clock: its end is put where the wall
    /// clock, which was set by so many seconds, will show it.
    fn shift_kept(&mut self, by: i64) {
        let known = self.known.iter_mut();
        let refreshed: Vec<(Name, u64)> = known
            .filter_map(|(apex, known)| {
                let at = known.refreshed.as_mut()?;
                *at = at.saturating_add_signed(by);
                Some((apex.clone(), *at))
            })
            .collect();
        for (apex, at) in refreshed {
            let ticket = self.ticket();
            let memory = Memory::Refreshed(apex, at);
            self.outputs.push_back(Output::Remember(ticket, memory));
        }
        self.shift_challenges(by);
    }

    /// When what has changed is to be served.
    fn publish_at(&self) -> Moment {
        self.published.map_or(self.now, |last| last.after(COALESCE))
    }

    /// Serves what there is.
    fn publish(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        self.published = Some(self.now);
        self.served = self.gather();
        let zones = Arc::clone(&self.served);
        self.outputs.push_back(Output::Publish(zones));
    }

    /// Wants a zone composed again; the number of that wish. `None` if there is no such zone.
    fn wish(&mut self, apex: &Name) -> Option<u64> {
        let place = *self.places.get(apex)?;
        self.touched.insert(place);
        Some(self.zones[place].wish())
    }

    fn ticket(&mut self) -> Ticket {
        Ticket(u64::MAX - self.next_number())
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn tell(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.outputs.push_back(Output::Reply(ticket, reply));
    }
}

#[cfg(test)]
mod tests;
