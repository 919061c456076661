//! The exchange of records: what a node has, what is newer than that, and what becomes of what comes in.
//!
//! Whatever comes is looked at from the cheap to the dear: whole, of this cluster, of a member, newer than what there is; only
//! then the signature is verified and the content read. So what is doubled, late or foreign costs a look-up.
//!
//! Of logs a node says the last entry of each start and the sum of all that it keeps. Whoever has another sum gives what is
//! newer; where nothing is, all that it keeps of that author, which fits into one bundle: so a hole, a fork, or a disk that was
//! restored from a backup heals like anything else.
//!
//! An order from too far ahead is not taken, and counts as had until its time comes, so that nobody offers it each second; then it is
//! asked for as if it were new.
use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use crate::base::limits::{CLUSTER_BUNDLE_BYTES, CLUSTER_DECLARED, CLUSTER_SKEW_MOST};
use crate::base::{Moment, Utc};

use super::ballot::{Ballot, TargetNames};
use super::cluster::{Cluster, logged};
use super::declared::SharedChange;
use super::entry::OrderEntry;
use super::have::{Have, LogMarks};
use super::head::{NodeHead, NodeLoad};
use super::hearing::Hearing;
use super::log::{Joined, LoggedEntry, SharedLog};
use super::packing::{Garbled, Packer, Unpacker};
use super::record::{Envelope, RecordStream, Sealed};
use super::roster::MemberAdmission;
use super::seal::{Author, AuthorKey};
use super::secrets::{NodeRings, NodeSecrets};
use super::stamp::{Boot, after};
use super::vault::NodeVault;

/// A bundle as it came, read, and its signatures verified as far as it was worth it. Verifying takes longest, and needs no copy.
#[derive(Debug)]
pub struct ReadBundle {
    records: Vec<(Result<Sealed, Garbled>, Option<SignatureCheck>)>,
    garbled: Option<Garbled>,
}

/// A signature that was verified: by this key, and whether it holds.
#[derive(Clone, Copy, Debug)]
struct SignatureCheck {
    key: AuthorKey,
    holds: bool,
}

/// A bundle after it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBundle {
    /// That of each record, in order.
    pub fates: Vec<RecordFate>,
    /// The place from which the bundle cannot be read, if there is one.
    pub garbled: Option<Garbled>,
}

/// The fate of a record that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFate {
    /// An order that was not known: to be kept on the disk, and obeyed.
    Order(Box<LoggedEntry>),
    /// The newest of its series.
    Newer(RecordStream, Author),
    /// Nothing new.
    Known,
    /// It is not taken.
    Refused(RecordRefusal),
}

/// Why a record is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordRefusal {
    /// It cannot be read.
    Garbled(Garbled),
    /// It is of another cluster.
    Foreign,
    /// Its author is not of the roster.
    Stranger,
    /// Its author is revoked.
    Revoked,
    /// Its author has not signed it.
    Forged,
    /// An order from a time that lies too far ahead: it waits where it is.
    Ahead,
    /// An order that is over, or has no room.
    Spent,
    /// This node's own key, and not its own word.
    Twin,
}

impl ReadBundle {
    /// Reads a bundle; no signature is looked at.
    #[must_use]
    pub fn parse(bundle: &[u8]) -> Self {
        let mut from = Unpacker::new(bundle);
        let mut read = Self {
            records: Vec::new(),
            garbled: None,
        };
        if bundle.len() > CLUSTER_BUNDLE_BYTES {
            read.garbled = Some(from.wrong("length"));
            return read;
        }
        while !from.is_at_end() {
            match from.octets(CLUSTER_DECLARED.0) {
                Ok(octets) => read.records.push((Sealed::parse(octets), None)),
                Err(garbled) => {
                    read.garbled = Some(garbled);
                    break;
                }
            }
        }
        read
    }

    /// Verifies those records for which there is a key, by their places.
    #[must_use]
    pub fn verified(self, keys: &[Option<AuthorKey>]) -> Self {
        self.verified_by(keys, |record, key| record.is_signed_by(key))
    }

    /// The same by another's word, who may put a copy that is there already in the place of a record: for many nodes in one process.
    #[must_use]
    pub fn verified_by(
        mut self,
        keys: &[Option<AuthorKey>],
        mut verify: impl FnMut(&mut Sealed, &AuthorKey) -> bool,
    ) -> Self {
        for ((record, check), key) in self.records.iter_mut().zip(keys) {
            if let (Ok(record), Some(key)) = (record, *key) {
                let holds = verify(record, &key);
                *check = Some(SignatureCheck { key, holds });
            }
        }
        self
    }
}

impl TakenBundle {
    /// Tells that something came of it: otherwise whoever carries should wait before asking again.
    #[must_use]
    pub fn is_progress(&self) -> bool {
        let mut fates = self.fates.iter();
        fates.any(|fate| matches!(fate, RecordFate::Order(_) | RecordFate::Newer(..)))
    }

    /// Tells that half of it was new at least: whoever gave it is worth asking again at once.
    #[must_use]
    pub fn is_worth_more(&self) -> bool {
        let is_new =
            |fate: &&RecordFate| matches!(fate, RecordFate::Order(_) | RecordFate::Newer(..));
        let new = self.fates.iter().filter(is_new).count();
        new > 0 && new * 2 >= self.fates.len()
    }
}

impl Cluster {
    /// The octets of all records that are held.
    #[must_use]
    pub fn octets(&self) -> usize {
        let newest = self.newest.values().map(|record| record.octets().len());
        let log = self.log().entries().chain(self.waiting());
        newest.sum::<usize>() + log.map(|entry| entry.record.octets().len()).sum::<usize>()
    }

    /// The positions up to which this node has records.
    #[must_use]
    pub fn have(&self) -> Have {
        let newest = self.newest.iter().map(|(key, record)| {
            let envelope = record.envelope();
            (*key, (envelope.boot, envelope.seq))
        });
        let mut have = Have::of(newest);
        let log = self.known_log();
        for (author, boot, seq) in log.last() {
            have.add_log(author, log.sum(author), (boot, seq));
        }
        have
    }

    /// A bundle of what this node has and the other has not; empty, if there is nothing. Where there is not room for all, those votes
    /// come first that the other is furthest behind with, and of the rest those whose turn it is, as counted by whoever asks.
    #[must_use]
    pub fn newer(&self, have: &Have, turn: u64) -> Vec<u8> {
        self.newer_of(&self.authors(turn), have)
    }

    /// The same, of this node's own records alone: for who gets those of others from themselves.
    #[must_use]
    pub fn newer_own(&self, have: &Have) -> Vec<u8> {
        let mut have = have.clone();
        if let Some(marks) = have.log_mut(self.me) {
            let had = |boot: &Boot| marks.last.get(boot).copied().unwrap_or(0);
            let mut own = self.log.last().filter(|(author, ..)| *author == self.me);
            if own.all(|(_, boot, seq)| had(&boot) >= seq) {
                // Entries that are not kept any more are no news.
                marks.sum = self.log.sum(self.me);
            }
        }
        self.newer_of(&[self.me], &have)
    }

    fn newer_of(&self, authors: &[Author], have: &Have) -> Vec<u8> {
        let mut bundle = Packer::default();
        let missing = have.missing(self.newest.values());
        let of = |author: Author| {
            let from = missing.partition_point(|(record, _)| record.envelope().author < author);
            let own = missing[from..].iter();
            own.take_while(move |(record, _)| record.envelope().author == author)
        };
        let is_vote = |record: &Sealed| record.envelope().stream == RecordStream::Vote;
        let votes = authors.iter().flat_map(|author| of(*author));
        let mut votes: Vec<_> = votes.filter(|(record, _)| is_vote(record)).collect();
        votes.sort_by_key(|(_, behind)| Reverse(*behind));
        for (record, _) in votes {
            put(&mut bundle, record);
        }
        let known = self.known_log();
        for &author in authors {
            let log = self.newer_log(author, have, &known);
            let others = of(author).map(|(record, _)| *record);
            let others = others.filter(|record| !is_vote(record));
            for record in log.into_iter().chain(others) {
                if !put(&mut bundle, record) {
                    break;
                }
            }
        }
        bundle.0
    }

    /// The same, of orders alone: for who gets everything else from somebody else.
    #[must_use]
    pub fn newer_orders(&self, have: &Have, turn: u64) -> Vec<u8> {
        let mut bundle = Packer::default();
        let known = self.known_log();
        for author in self.authors(turn) {
            let log = self.newer_log(author, have, &known).into_iter();
            // The rest of one that has no room comes next time.
            let _ = log.take_while(|record| put(&mut bundle, record)).count();
        }
        bundle.0
    }

    /// All members, another one first each turn.
    fn authors(&self, turn: u64) -> Vec<Author> {
        let mut authors: Vec<Author> = self.roster.members().map(|(author, _)| author).collect();
        let first = usize::try_from(turn % authors.len().max(1) as u64).unwrap_or(0);
        authors.rotate_left(first);
        authors
    }

    /// The keys by which the records of a bundle are to be verified, by their places; none for what is not taken whoever signed it.
    #[must_use]
    pub fn keys_for(&self, bundle: &ReadBundle) -> Vec<Option<AuthorKey>> {
        let records = bundle.records.iter();
        let key = |record: &Sealed| self.weigh(record).ok().flatten();
        records
            .map(|(record, _)| record.as_ref().ok().and_then(key))
            .collect()
    }

    /// Takes a bundle.
    pub fn take(&mut self, now: Moment, wall: Utc, bundle: &[u8]) -> TakenBundle {
        self.take_read(now, wall, ReadBundle::parse(bundle))
    }

    /// Takes a bundle that was read; what was not verified is now.
    pub fn take_read(&mut self, now: Moment, wall: Utc, bundle: ReadBundle) -> TakenBundle {
        let records = bundle.records.into_iter();
        let fates = records.map(|(record, check)| {
            let record = record.map_err(RecordRefusal::Garbled);
            let fate = record.and_then(|record| self.take_parsed(now, wall, record, check));
            fate.unwrap_or_else(RecordFate::Refused)
        });
        TakenBundle {
            fates: fates.collect(),
            garbled: bundle.garbled,
        }
    }

    /// Weighs a record before its signature is looked at: the key that must have signed it, or nothing if it is known.
    fn weigh(&self, record: &Sealed) -> Result<Option<AuthorKey>, RecordRefusal> {
        let envelope = record.envelope();
        if envelope.cluster != self.roster.cluster() {
            return Err(RecordRefusal::Foreign);
        }
        let member = self.roster.member(envelope.author);
        let member = member.ok_or(RecordRefusal::Stranger)?;
        // Orders of those whom an order has revoked are void, but shared: all must come to the same.
        let is_void = envelope.stream != RecordStream::Log && self.void.contains(&envelope.author);
        if member.admission == MemberAdmission::Revoked || is_void {
            return Err(RecordRefusal::Revoked);
        }
        Ok(Some(member.key).filter(|_| !self.is_known(record)))
    }

    /// Takes one record.
    ///
    /// # Errors
    /// The reason for which it is not taken.
    pub fn take_record(
        &mut self,
        now: Moment,
        wall: Utc,
        octets: &[u8],
    ) -> Result<RecordFate, RecordRefusal> {
        let record = Sealed::parse(octets).map_err(RecordRefusal::Garbled)?;
        self.take_parsed(now, wall, record, None)
    }

    fn take_parsed(
        &mut self,
        now: Moment,
        wall: Utc,
        record: Sealed,
        check: Option<SignatureCheck>,
    ) -> Result<RecordFate, RecordRefusal> {
        let Some(key) = self.weigh(&record)? else {
            return Ok(RecordFate::Known);
        };
        let is_signed = match check {
            Some(check) if check.key == key => check.holds,
            Some(_) | None => record.is_signed_by(&key),
        };
        if !is_signed {
            return Err(RecordRefusal::Forged);
        }
        let envelope = *record.envelope();
        if envelope.author == self.me && self.is_of_a_twin(&envelope) {
            return Err(RecordRefusal::Twin);
        }
        match envelope.stream {
            RecordStream::Log => self.take_order(wall, record, after(wall, CLUSTER_SKEW_MOST)),
            RecordStream::Vote
            | RecordStream::Names(_)
            | RecordStream::Head
            | RecordStream::Load
            | RecordStream::Rings(_)
            | RecordStream::Secrets
            | RecordStream::Vault
            | RecordStream::Declared(_)
            | RecordStream::Release(_) => self
                .take_newer(now, wall, record)
                .map_err(RecordRefusal::Garbled),
        }
    }

    /// Takes an order from this node's own disk: what was taken once is not weighed by a clock again.
    ///
    /// # Errors
    /// The reason for which it is not taken.
    pub fn restore(&mut self, wall: Utc, octets: &[u8]) -> Result<RecordFate, RecordRefusal> {
        let record = Sealed::parse(octets).map_err(RecordRefusal::Garbled)?;
        let envelope = record.envelope();
        let member = self.roster.member(envelope.author);
        let member = member.ok_or(RecordRefusal::Stranger)?;
        if envelope.cluster != self.roster.cluster() || envelope.stream != RecordStream::Log {
            return Err(RecordRefusal::Foreign);
        }
        if !record.is_signed_by(&member.key) {
            return Err(RecordRefusal::Forged);
        }
        self.take_order(wall, record, Utc(u64::MAX))
    }

    /// All orders that nobody needs to offer: the log, and what is ahead.
    fn known_log(&self) -> Cow<'_, SharedLog> {
        let mut log = Cow::Borrowed(&self.log);
        for entry in self.ahead.entries() {
            log.to_mut().join(Utc(0), entry.clone());
        }
        log
    }

    /// Forgets what was ahead and is no more, so that it is offered again.
    pub(super) fn let_ahead_come(&mut self, wall: Utc) {
        let horizon = after(wall, CLUSTER_SKEW_MOST);
        for author in self.ahead.authors().collect::<Vec<_>>() {
            let is_member = self.roster.member(author).is_some();
            let comes = |entry: &LoggedEntry| !is_member || entry.entry.stamp.time() <= horizon;
            self.ahead.take_out(author, comes);
        }
    }

    fn newer_log(&self, author: Author, have: &Have, known: &SharedLog) -> Vec<&Sealed> {
        let none = LogMarks::default();
        let marks = have.log(author).unwrap_or(&none);
        // Whoever has what this node has put aside has it from somebody else.
        if [self.log.sum(author), known.sum(author)].contains(&marks.sum) {
            return Vec::new();
        }
        let own = self.log.entries().filter(|entry| entry.author == author);
        let mut own: Vec<&LoggedEntry> = own.collect();
        own.sort_unstable_by_key(|entry| (entry.boot, entry.seq));
        let is_newer = |entry: &&LoggedEntry| {
            let last = marks.last.get(&entry.boot);
            last.is_none_or(|last| *last < entry.seq)
        };
        if own.iter().any(is_newer) {
            own.retain(is_newer);
        }
        own.into_iter().map(|entry| &entry.record).collect()
    }

    fn is_known(&self, record: &Sealed) -> bool {
        let envelope = record.envelope();
        if envelope.stream == RecordStream::Log {
            let all = self.log.entries().chain(self.ahead.entries());
            let mut own = all.filter(|entry| entry.author == envelope.author);
            return own.any(|entry| entry.record == *record);
        }
        let known = self.newest.get(&(envelope.author, envelope.stream));
        known.is_some_and(|known| {
            let known = known.envelope();
            (known.boot, known.seq) >= (envelope.boot, envelope.seq)
        })
    }

    /// Looks at a record of this node's own key that it does not have. What it wrote in an earlier start, or gave up, is its own.
    fn is_of_a_twin(&mut self, envelope: &Envelope) -> bool {
        let is_log = envelope.stream == RecordStream::Log;
        let is_ahead = envelope.seq > self.last_seq(envelope.stream);
        match envelope.boot.cmp(&self.boot) {
            Ordering::Less => false,
            Ordering::Equal if !is_ahead => !is_log,
            Ordering::Greater if is_log => false,
            Ordering::Greater => {
                self.raise(envelope.boot);
                !self.twin
            }
            Ordering::Equal => {
                self.twin = true;
                false
            }
        }
    }

    /// Takes an order; none from a time past the horizon.
    fn take_order(
        &mut self,
        wall: Utc,
        record: Sealed,
        horizon: Utc,
    ) -> Result<RecordFate, RecordRefusal> {
        let entry = OrderEntry::unpack(record.content()).map_err(RecordRefusal::Garbled)?;
        let is_ahead = entry.stamp.time() > horizon;
        let entry = logged(record, entry);
        if is_ahead {
            self.ahead.join(wall, entry);
            return Err(RecordRefusal::Ahead);
        }
        match self.log.join(wall, entry.clone()) {
            Joined::New => {
                self.weigh_void();
                Ok(RecordFate::Order(Box::new(entry)))
            }
            Joined::Known => Ok(RecordFate::Known),
            Joined::Spent => Err(RecordRefusal::Spent),
        }
    }

    fn take_newer(
        &mut self,
        now: Moment,
        wall: Utc,
        record: Sealed,
    ) -> Result<RecordFate, Garbled> {
        let Envelope { author, stream, .. } = *record.envelope();
        let content = record.content();
        match stream {
            RecordStream::Vote => {
                let ballot = Ballot::unpack(content)?;
                let before = self.heard.get(&author).map(|(hearing, _)| *hearing);
                let hearing = Hearing::of(before, now, wall, ballot.sent);
                self.heard.insert(author, (hearing, Arc::new(ballot)));
            }
            RecordStream::Names(part) => {
                TargetNames::unpack(content)?;
                self.newest.insert((author, stream), record);
                self.match_places();
                return Ok(RecordFate::Newer(RecordStream::Names(part), author));
            }
            RecordStream::Head => {
                let head = NodeHead::unpack(content)?;
                self.heads.insert(author, (now, head));
            }
            RecordStream::Load => {
                let load = NodeLoad::unpack(content)?;
                self.loads.insert(author, (now, load));
            }
            RecordStream::Rings(part) => {
                let rings = NodeRings::unpack(content)?;
                self.keys.rings_of(author).insert(part, rings);
            }
            RecordStream::Secrets => {
                let secrets = NodeSecrets::unpack(content)?;
                self.keys.take_secrets(author, secrets);
            }
            RecordStream::Vault => {
                let told = Arc::new(NodeVault::unpack(content)?);
                self.vaults.said.insert(author, told);
                self.vaults.news += 1;
            }
            RecordStream::Declared(part) => {
                self.declared
                    .take((author, part), SharedChange::unpack(content)?);
            }
            RecordStream::Release(part) => self.releases.take(author, part, content)?,
            RecordStream::Log => {}
        }
        self.newest.insert((author, stream), record);
        Ok(RecordFate::Newer(stream, author))
    }
}

/// Adds a record to a bundle, if there is room.
fn put(bundle: &mut Packer, record: &Sealed) -> bool {
    let octets = record.octets();
    let fits = bundle.0.len() + octets.len() + 4 <= CLUSTER_BUNDLE_BYTES;
    if fits {
        bundle.octets(octets);
    }
    fits
}
