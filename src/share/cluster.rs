//! One node's copy of all that is shared, and what it says itself.
//!
//! ```text
//!            majority heard                      for `alone_after`, and canaries pass
//!  Together <--------------> Apart ------------------------------------------------> Alone
//!      ^        not heard      ^------------------- canaries fail -------------------'  |
//!      '------------------------------ majority heard ---------------------------------'
//! ```
//!
//! *Apart* nothing is ruled down, because a majority of all is not there; *alone* the majority of those who are heard decides.
//!
//! Incoming records are in [`super::exchange`]. A record of one's own key that one did not write is the work of an earlier self (after a
//! clock was set back) or of a twin. A few times this node takes a start past it, for it may have had several earlier ones; should it
//! happen again, there are two, and this one is the one to fall silent: it neither votes nor takes orders until it is started anew.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::limits::{CLUSTER_FRESH, CLUSTER_LOG, CLUSTER_SKEW_MOST};
use crate::base::{Moment, Permille, Span, Utc};

use super::ballot::{Ballot, PlanHash, TargetNames};
use super::declared::DeclaredHeard;
use super::entry::{EntryHash, LogAct, OrderEntry, OrderSlot};
use super::head::{NodeHead, NodeLoad};
use super::hearing::Hearing;
use super::log::{LoggedEntry, SharedLog};
use super::orders;
use super::panel::{OtherVantage, VantagePanel};
use super::record::{Envelope, RecordStream, Sealed};
use super::release::ReleasesHeard;
use super::roster::Roster;
use super::ruling::Quorum;
use super::seal::{Author, AuthorSeal};
use super::secrets::KeysHeard;
use super::stamp::{Boot, HybridStamp, after};
use super::vault::VaultsHeard;

/// Starts of this node's key that may be an earlier self's.
const RAISES: u8 = 3;

/// One node's copy of all that is shared.
#[derive(Debug)]
pub struct Cluster {
    pub(super) roster: Arc<Roster>,
    seal: AuthorSeal,
    pub(super) me: Author,
    pub(super) tuning: Tuning,
    pub(super) boot: Boot,
    /// Times that a start was taken past one that somebody else had.
    raises: u8,
    pub(super) twin: bool,
    seqs: BTreeMap<RecordStream, u64>,
    /// The last own entry of this start.
    before: EntryHash,
    pub(super) newest: BTreeMap<(Author, RecordStream), Sealed>,
    pub(super) heard: BTreeMap<Author, (Hearing, Arc<Ballot>)>,
    pub(super) heads: BTreeMap<Author, (Moment, NodeHead)>,
    pub(super) loads: BTreeMap<Author, (Moment, NodeLoad)>,
    /// Keys of zones, as nodes serve them, and secrets on their way.
    pub(super) keys: KeysHeard,
    pub(super) declared: DeclaredHeard,
    pub(super) vaults: VaultsHeard,
    pub(super) releases: ReleasesHeard,
    pub(super) log: SharedLog,
    /// Own entries from a time that has not come, because the clock was set back before others had them.
    waiting: BTreeMap<EntryHash, LoggedEntry>,
    /// Orders of others that came from such a time, signed and not taken: who offers them is told that they are here.
    pub(super) ahead: SharedLog,
    pub(super) void: BTreeSet<Author>,
    names: Vec<u64>,
    plan: PlanHash,
    places: BTreeMap<PlanHash, Arc<[Option<u32>]>>,
    pub(super) started: Moment,
    majority_at: Moment,
    footing: Footing,
}

/// The beginning of a node's work.
#[derive(Clone, Copy, Debug)]
pub struct ClusterStart {
    /// The moment.
    pub now: Moment,
    /// This start.
    pub boot: Boot,
}

/// The part of a config that rules go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Time between two votes.
    pub beat: Span,
    /// Time without a majority after which those who are heard decide; absent: never.
    pub alone_after: Option<Span>,
    /// [`super::Electorate::up_while`].
    pub up_while: Option<Permille>,
}

/// Tells whether a majority of the vantages is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Footing {
    /// It is.
    Together,
    /// It is not: nothing is taken out.
    Apart,
    /// It has not been for long: those who are heard decide.
    Alone,
}

/// Tells whether the node's own canaries pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// They do.
    Clear,
    /// They fail, or there are none.
    Poor,
}

/// An order as an operator gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The act.
    pub act: LogAct,
    /// The scope.
    pub scope: String,
    /// The name of whoever gives it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The time from which it is in force, if not at once.
    pub begins: Option<Utc>,
    /// The time at which it ends by itself.
    pub expires: Option<Utc>,
}

/// Why an order was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentRefusal {
    /// Another node writes with this one's key.
    Twin,
    /// This node is revoked.
    Revoked,
    /// There are too many orders of this node.
    Full,
    /// It cannot be: this is wrong with it.
    Fault(&'static str),
}

impl Footing {
    /// The footing of a node that hears so many of so many vantages, itself among them, and has heard no majority for so long.
    #[must_use]
    pub fn of(
        (heard, of): (usize, usize),
        apart: Span,
        alone_after: Option<Span>,
        sight: Sight,
    ) -> Self {
        if heard * 2 > of {
            return Self::Together;
        }
        match sight {
            Sight::Clear if alone_after.is_some_and(|limit| apart >= limit) => Self::Alone,
            Sight::Clear | Sight::Poor => Self::Apart,
        }
    }

    /// The vantages of which more than half must say down.
    #[must_use]
    pub fn quorum(self) -> Quorum {
        match self {
            Self::Together | Self::Apart => Quorum::OfAll,
            Self::Alone => Quorum::OfHeard,
        }
    }
}

impl Cluster {
    /// The copy of a node that knows nothing yet.
    #[must_use]
    pub fn new(seal: AuthorSeal, roster: Arc<Roster>, tuning: Tuning, start: ClusterStart) -> Self {
        let log = SharedLog::default();
        Self {
            me: seal.key().author(),
            void: orders::revoked(&log, &roster),
            log,
            roster,
            seal,
            tuning,
            boot: start.boot,
            raises: 0,
            twin: false,
            seqs: BTreeMap::new(),
            before: EntryHash::default(),
            newest: BTreeMap::new(),
            heard: BTreeMap::new(),
            heads: BTreeMap::new(),
            loads: BTreeMap::new(),
            declared: DeclaredHeard::default(),
            vaults: VaultsHeard::default(),
            keys: KeysHeard::default(),
            releases: ReleasesHeard::default(),
            waiting: BTreeMap::new(),
            ahead: SharedLog::default(),
            names: Vec::new(),
            plan: PlanHash::of(&[]),
            places: BTreeMap::new(),
            started: start.now,
            majority_at: start.now,
            footing: Footing::Apart,
        }
    }

    /// Takes another roster and tuning; what was known of those who are not in it is forgotten.
    pub fn adopt(&mut self, roster: Arc<Roster>, tuning: Tuning) {
        self.roster = roster;
        self.tuning = tuning;
        self.keys.stir();
        for author in self.log.authors().collect::<Vec<_>>() {
            if self.roster.member(author).is_none() {
                self.log.take_out(author, |_| true);
            }
        }
        self.weigh_void();
    }

    /// Takes the names of a plan's targets, in its order, and tells the others. A node that follows tells nobody: names are for votes.
    pub fn plan(&mut self, names: Vec<u64>) {
        self.plan = PlanHash::of(&names);
        self.names = names;
        if self.roster.seat(self.me).is_none() {
            self.match_places();
            return;
        }
        let parts: Vec<TargetNames> = TargetNames::parts(&self.names).collect();
        for (part, names) in (0..).zip(&parts) {
            self.publish(RecordStream::Names(part), &names.pack());
        }
        // A part that a longer plan had is empty now: it cannot be taken back.
        let none = TargetNames::none(self.plan);
        for part in (0..).skip(parts.len()) {
            if !self
                .newest
                .contains_key(&(self.me, RecordStream::Names(part)))
            {
                break;
            }
            self.publish(RecordStream::Names(part), &none.pack());
        }
        self.match_places();
    }

    /// A blank vote on all targets of the plan.
    #[must_use]
    pub fn ballot(&self, trust: super::ruling::Trust) -> Ballot {
        let targets = u32::try_from(self.names.len()).expect("limits.rs bounds the targets");
        Ballot::blank(self.plan, targets, trust)
    }

    /// Votes. A node that follows, or has a twin, has no vote.
    pub fn say(&mut self, now: Moment, wall: Utc, mut ballot: Ballot) {
        if self.twin || self.roster.seat(self.me).is_none() {
            return;
        }
        ballot.sent = wall;
        ballot.heard = self.fresh(now).collect();
        self.publish(RecordStream::Vote, &ballot.pack());
    }

    /// Tells what this node has and runs.
    pub fn say_head(&mut self, wall: Utc, head: NodeHead) {
        let mut last = BTreeMap::new();
        for (author, boot, seq) in self.log.last() {
            last.insert(author, (author, boot, seq));
        }
        let head = NodeHead {
            sent: wall,
            last: last.into_values().collect(),
            digest: self.log.digest(),
            ..head
        };
        if !self.twin {
            self.publish(RecordStream::Head, &head.pack());
        }
    }

    /// Tells what this node has answered.
    pub fn say_load(&mut self, now: Moment, wall: Utc, load: NodeLoad) {
        let load = NodeLoad { sent: wall, ..load };
        if !self.twin {
            self.publish(RecordStream::Load, &load.pack());
            self.loads.insert(self.me, (now, load));
        }
    }

    /// Takes an order: it is in force here, and the others will have it. It is to be acknowledged once the record is on the disk.
    ///
    /// # Errors
    /// The reason for which it is not taken.
    pub fn order(&mut self, wall: Utc, intent: Intent) -> Result<LoggedEntry, IntentRefusal> {
        self.may_order(&intent.act, &intent.scope)?;
        let slot = OrderSlot::of(&intent.act, &intent.scope);
        let (_, octets) = self.log.size_beside(self.me, &slot);
        let entry = OrderEntry {
            before: self.before,
            stamp: HybridStamp::next(self.log.latest(), wall),
            seen: self.log.seen(&slot),
            act: intent.act,
            scope: intent.scope,
            by: intent.by,
            reason: intent.reason,
            begins: intent.begins,
            expires: intent.expires,
        };
        if let Some(fault) = entry.fault() {
            return Err(IntentRefusal::Fault(fault));
        }
        let content = entry.pack();
        if octets + content.len() + 128 > CLUSTER_LOG.1 {
            return Err(IntentRefusal::Full);
        }
        let record = self.seal(RecordStream::Log, &content);
        let logged = logged(record, entry);
        self.before = logged.hash;
        self.log.join(wall, logged.clone());
        self.weigh_void();
        Ok(logged)
    }

    /// Tells whether this node may give such an order, if that is not too long. What it has said of the same makes room for it; half of
    /// the room is for what lasts, so that no client that sets challenges stands in the way of a drain.
    ///
    /// # Errors
    /// The reason for which it would not be taken.
    pub fn may_order(&self, act: &LogAct, scope: &str) -> Result<(), IntentRefusal> {
        if self.twin {
            return Err(IntentRefusal::Twin);
        }
        if self.void.contains(&self.me) {
            return Err(IntentRefusal::Revoked);
        }
        let slot = OrderSlot::of(act, scope);
        let (entries, octets) = self.log.size_beside(self.me, &slot);
        let adds = matches!(act, LogAct::PutChallenge(..) | LogAct::Approve(_));
        let part = if adds { 2 } else { 1 };
        if entries >= CLUSTER_LOG.0 / part || octets > CLUSTER_LOG.1 / part {
            return Err(IntentRefusal::Full);
        }
        Ok(())
    }

    /// Looks at the time: who is heard, what has ended, what has waited long enough.
    pub fn tick(&mut self, now: Moment, wall: Utc, sight: Sight) {
        self.log.forget_spent(wall);
        self.put_ahead_aside(wall);
        self.let_ahead_come(wall);
        let own = usize::from(self.has_vote());
        let heard = (self.fresh(now).count() + own, self.roster.vantages().len());
        let alone_after = self.tuning.alone_after;
        self.footing = Footing::of(heard, now.since(self.majority_at), alone_after, sight);
        if self.footing == Footing::Together {
            self.majority_at = now;
        }
    }

    /// Tells whether a majority is heard.
    #[must_use]
    pub fn footing(&self) -> Footing {
        self.footing
    }

    /// Tells that it has heard a majority, or has been here for long enough to hear whoever can be heard. Before, what it knows of
    /// others is chance, and nothing should be ruled by it.
    #[must_use]
    pub fn has_settled(&self, now: Moment) -> bool {
        self.footing == Footing::Together || now.since(self.started) > self.window()
    }

    /// Tells that another node writes with this one's key, and that this one is silent therefore.
    #[must_use]
    pub fn is_twin(&self) -> bool {
        self.twin
    }

    /// The roster that this node goes by.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// This node as an author.
    #[must_use]
    pub fn author(&self) -> Author {
        self.me
    }

    /// The panel of all vantages, as it is now.
    #[must_use]
    pub fn panel(&self) -> VantagePanel {
        let mut electorate = self.roster.electorate(self.window());
        electorate.up_while = self.tuning.up_while;
        let others = self.others().filter_map(|(author, (hearing, ballot))| {
            let places = if ballot.plan == self.plan {
                None
            } else {
                Some(self.places.get(&ballot.plan)?.clone())
            };
            Some(OtherVantage {
                vantage: self.roster.seat(*author)?,
                at: hearing.at()?,
                ballot: ballot.clone(),
                places,
            })
        });
        VantagePanel {
            electorate,
            own: self.roster.seat(self.me).filter(|_| self.has_vote()),
            quorum: self.footing.quorum(),
            others: others.collect(),
            labels: self.roster.labels().clone(),
        }
    }

    /// All orders that are kept; on the disk they are what this node must have after a restart.
    #[must_use]
    pub fn log(&self) -> &SharedLog {
        &self.log
    }

    /// Authors whose word is void.
    #[must_use]
    pub fn void(&self) -> &BTreeSet<Author> {
        &self.void
    }

    /// Own orders that wait because the clock was set back behind them.
    pub fn waiting(&self) -> impl Iterator<Item = &LoggedEntry> {
        self.waiting.values()
    }

    /// The newest head of each other node, and when it came.
    pub fn heads(&self) -> impl Iterator<Item = (Author, Moment, &NodeHead)> {
        let heads = self.heads.iter();
        heads.map(|(author, (came, head))| (*author, *came, head))
    }

    /// Clock and delay of each vantage that was heard.
    pub fn hearings(&self) -> impl Iterator<Item = (Author, &Hearing)> {
        self.heard
            .iter()
            .map(|(author, (hearing, _))| (*author, hearing))
    }

    /// Weighs anew whose word is void, and forgets what they said.
    pub(super) fn weigh_void(&mut self) {
        self.void = orders::revoked(&self.log, &self.roster);
        let (void, roster) = (&self.void, &self.roster);
        let stays = |author: &Author| !void.contains(author) && roster.member(*author).is_some();
        self.newest.retain(|(author, _), _| stays(author));
        self.heard.retain(|author, _| stays(author));
        self.heads.retain(|author, _| stays(author));
        self.loads.retain(|author, _| stays(author));
        self.keys.retain(stays);
        self.declared.retain(stays);
        self.vaults.said.retain(|author, _| stays(author));
        self.releases.retain(stays);
    }

    /// Takes a start past one that somebody else has, under this node's key; if it has done so too often, there is a twin.
    pub(super) fn raise(&mut self, past: Boot) {
        if self.raises == RAISES {
            self.twin = true;
            return;
        }
        self.raises += 1;
        self.boot = past.next();
        self.seqs.clear();
        self.before = EntryHash::default();
        let me = self.me;
        self.newest.retain(|(author, _), _| *author != me);
        let names = std::mem::take(&mut self.names);
        self.plan(names);
        self.say_keys_again();
        self.declared.stir();
    }

    /// The number of this node's last record of a series, in this start.
    pub(super) fn last_seq(&self, stream: RecordStream) -> u64 {
        self.seqs.get(&stream).copied().unwrap_or(0)
    }

    /// Finds for each target of this node's plan its place in the plans of others.
    pub(super) fn match_places(&mut self) {
        self.places.clear();
        for author in self.roster.vantages() {
            let parts =
                (*author, RecordStream::Names(0))..=(*author, RecordStream::Names(u16::MAX));
            let parts = self.newest.range(parts).map(|(_, record)| record.content());
            let first = parts.clone().next().and_then(TargetNames::plan_of);
            let Some(plan) = first.filter(|plan| *plan != self.plan) else {
                continue;
            };
            if self.places.contains_key(&plan) {
                continue;
            }
            let same = parts.filter_map(|part| TargetNames::unpack(part).ok());
            let same = same.take_while(|part| part.plan == plan);
            let names: Vec<u64> = same.flat_map(|part| part.names).collect();
            if PlanHash::of(&names) == plan {
                let theirs: BTreeMap<u64, u32> = names.into_iter().zip(0..).collect();
                let places = self.names.iter().map(|name| theirs.get(name).copied());
                self.places.insert(plan, places.collect());
            }
        }
    }

    pub(super) fn publish(&mut self, stream: RecordStream, content: &[u8]) {
        let record = self.seal(stream, content);
        self.newest.insert((self.me, stream), record);
    }

    fn seal(&mut self, stream: RecordStream, content: &[u8]) -> Sealed {
        let seq = self.seqs.entry(stream).or_default();
        *seq += 1;
        let envelope = Envelope {
            cluster: self.roster.cluster(),
            author: self.me,
            stream,
            boot: self.boot,
            seq: *seq,
        };
        Sealed::seal(envelope, content, &self.seal)
    }

    pub(super) fn has_vote(&self) -> bool {
        !self.twin && !self.void.contains(&self.me) && self.roster.seat(self.me).is_some()
    }

    /// Those whose votes are another's; for a node that is silent its twin is one of them.
    fn others(&self) -> impl Iterator<Item = (&Author, &(Hearing, Arc<Ballot>))> {
        let heard = self.heard.iter();
        heard.filter(|(author, _)| self.twin || **author != self.me)
    }

    /// Other vantages whose votes are fresh.
    pub(super) fn fresh(&self, now: Moment) -> impl Iterator<Item = Author> {
        let window = self.window();
        let fresh = self.others().filter(move |(author, (hearing, _))| {
            let is_fresh = hearing.at().is_some_and(|at| now.since(at) <= window);
            is_fresh && self.roster.seat(**author).is_some()
        });
        fresh.map(|(author, _)| *author)
    }

    pub(super) fn window(&self) -> Span {
        CLUSTER_FRESH.max(self.tuning.beat.times(3))
    }

    /// Puts own orders aside that others will not take before a time that lies far ahead, and takes back those whose time has come.
    fn put_ahead_aside(&mut self, wall: Utc) {
        let horizon = after(wall, CLUSTER_SKEW_MOST);
        let heads = self.heads.iter().filter(|(author, _)| **author != self.me);
        let heads: Vec<&NodeHead> = heads.map(|(_, (_, head))| head).collect();
        let known = |entry: &LoggedEntry| {
            let mut heads = heads.iter();
            heads.any(|head| head.knows(entry.author, entry.boot, entry.seq))
        };
        let ahead = |entry: &LoggedEntry| entry.entry.stamp.time() > horizon && !known(entry);
        let aside = self.log.take_out(self.me, ahead);
        self.waiting
            .extend(aside.into_iter().map(|entry| (entry.hash, entry)));
        let due = self
            .waiting
            .values()
            .filter(|entry| entry.entry.stamp.time() <= horizon);
        for entry in due.cloned().collect::<Vec<_>>() {
            self.waiting.remove(&entry.hash);
            self.log.join(wall, entry);
        }
    }
}

/// An entry with its record.
pub(super) fn logged(record: Sealed, entry: OrderEntry) -> LoggedEntry {
    let envelope = record.envelope();
    LoggedEntry {
        author: envelope.author,
        boot: envelope.boot,
        seq: envelope.seq,
        hash: record.hash(),
        entry,
        record,
    }
}
