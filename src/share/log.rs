//! The log of orders: the union of all authors' entries, as far as they matter still.
//!
//! ```text
//! entry --not spent--> slot --gives way to its own author's later ones--> kept --seen by another?--> holds
//! ```
//!
//! # What holds
//! Of the entries of a slot those hold that no other had seen. Where there are several, they were given in ignorance of each
//! other: the one with the most caution holds, and of those the greatest (clock, author). The outcome is a function of the
//! set alone, in whichever order it came.
//!
//! # What is kept
//! Of each author the entries of a slot that none of its own had seen. Those of others stay, though something replaced them: that two
//! authors ordered the same counts ([`super::orders`]). Passing entries go once they are spent. An author has room for
//! [`CLUSTER_LOG`]; beyond, its oldest go, and nobody else's.
//!
//! # Chains
//! An entry names the one before it of the same start. Two entries with one number, or one that names another predecessor than is there,
//! are a **fork**: two nodes write with one key, or one lies. Both are kept all the same, for union must not depend on who
//! came first, and the author is told of.
//!
//! It verifies nothing and knows no roster.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::Utc;
use crate::base::limits::{CLUSTER_LOG, CLUSTER_LOG_BOOTS, CLUSTER_SEEN};

use super::entry::{EntryHash, OrderEntry, OrderSlot, SeenEntry};
use super::record::Sealed;
use super::seal::{Author, hash};
use super::stamp::{Boot, HybridStamp};

/// An entry and its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    /// Its author.
    pub author: Author,
    /// The start of its author.
    pub boot: Boot,
    /// Its number in that.
    pub seq: u64,
    /// Its hash.
    pub hash: EntryHash,
    /// Its content.
    pub entry: OrderEntry,
    /// Its record.
    pub record: Sealed,
}

/// All entries that matter.
#[derive(Clone, Debug, Default)]
pub struct SharedLog {
    slots: BTreeMap<OrderSlot, Vec<LoggedEntry>>,
    /// The last entry of each start, whether it is kept or not.
    last: BTreeMap<(Author, Boot), (u64, EntryHash)>,
    /// By author: count, octets and sum of the hashes of what is kept.
    kept: BTreeMap<Author, AuthorsKept>,
    forked: BTreeSet<Author>,
}

/// Counts of what is kept of one author.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct AuthorsKept {
    entries: usize,
    octets: usize,
    sum: u64,
}

/// The outcome of adding an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is kept, and was not before.
    New,
    /// It is known, or a later one of its author stands in its place.
    Known,
    /// It is over, or its author has no room for one as old.
    Spent,
}

impl LoggedEntry {
    /// Tells that its author had seen the other when it was given.
    #[must_use]
    pub fn saw(&self, other: &Self) -> bool {
        if (self.author, self.boot) == (other.author, other.boot) {
            return self.entry.stamp > other.entry.stamp;
        }
        let mut seen = self.entry.seen.iter();
        seen.any(|seen| {
            (seen.author, seen.boot) == (other.author, other.boot)
                && seen.stamp >= other.entry.stamp
        })
    }

    fn rank(&self) -> (u16, HybridStamp, Author, Boot, EntryHash) {
        let caution = self.entry.act.caution();
        (caution, self.entry.stamp, self.author, self.boot, self.hash)
    }
}

/// The one of a slot's entries that holds.
#[must_use]
pub fn holding<'e>(entries: &[&'e LoggedEntry]) -> Option<&'e LoggedEntry> {
    let is_replaced = |one: &&&LoggedEntry| entries.iter().any(|other| other.saw(one));
    let standing = entries.iter().filter(|one| !is_replaced(one));
    standing.copied().max_by_key(|one| one.rank())
}

impl SharedLog {
    /// Adds an entry.
    pub fn join(&mut self, wall: Utc, entry: LoggedEntry) -> Joined {
        if entry.entry.is_spent(wall) {
            return Joined::Spent;
        }
        self.note_chain(&entry);
        let (author, hash, slot) = (entry.author, entry.hash, entry.entry.slot());
        let entries = self.slots.entry(slot).or_default();
        let own = |other: &&LoggedEntry| other.author == author;
        if entries
            .iter()
            .filter(own)
            .any(|other| other.hash == hash || other.saw(&entry))
        {
            return Joined::Known;
        }
        let kept = self.kept.entry(author).or_default();
        entries.retain(|other| {
            let gives_way = other.author == author && entry.saw(other);
            if gives_way {
                kept.remove(other);
            }
            !gives_way
        });
        kept.add(&entry);
        entries.push(entry);
        let overfull = kept.entries > CLUSTER_LOG.0 || kept.octets > CLUSTER_LOG.1;
        if overfull && !self.trim(author).contains(&hash) {
            return Joined::Spent;
        }
        Joined::New
    }

    /// Takes out the entries of an author for which this holds.
    pub(super) fn take_out(
        &mut self,
        author: Author,
        out: impl Fn(&LoggedEntry) -> bool,
    ) -> Vec<LoggedEntry> {
        let out = |entry: &LoggedEntry| entry.author == author && out(entry);
        let taken: Vec<LoggedEntry> = self.entries().filter(|entry| out(entry)).cloned().collect();
        if !taken.is_empty() {
            self.retain(|entry| !out(entry));
        }
        taken
    }

    /// Forgets what is spent.
    pub fn forget_spent(&mut self, wall: Utc) {
        let spent = |entry: &LoggedEntry| entry.entry.is_spent(wall);
        if self.entries().any(spent) {
            self.retain(|entry| !spent(entry));
        }
    }

    /// All that is kept, slot by slot.
    pub fn entries(&self) -> impl Iterator<Item = &LoggedEntry> {
        self.slots.values().flatten()
    }

    /// The entries of each slot, of those authors that are listened to.
    pub fn slots<'l>(
        &'l self,
        void: &'l BTreeSet<Author>,
    ) -> impl Iterator<Item = (&'l OrderSlot, Vec<&'l LoggedEntry>)> {
        let slots = self.slots.iter();
        let heeded = |entry: &&LoggedEntry| !void.contains(&entry.author);
        slots.map(move |(slot, entries)| (slot, entries.iter().filter(heeded).collect()))
    }

    /// Entries that a new one for this slot would say that it has seen: of each start the greatest clock, also by hearsay.
    #[must_use]
    pub fn seen(&self, slot: &OrderSlot) -> Vec<SeenEntry> {
        let mut seen: BTreeMap<(Author, Boot), HybridStamp> = BTreeMap::new();
        for entry in self.slots.get(slot).into_iter().flatten() {
            let own = SeenEntry {
                author: entry.author,
                boot: entry.boot,
                stamp: entry.entry.stamp,
            };
            for SeenEntry {
                author,
                boot,
                stamp,
            } in entry.entry.seen.iter().copied().chain([own])
            {
                let known = seen.entry((author, boot)).or_default();
                *known = stamp.max(*known);
            }
        }
        let mut seen: Vec<SeenEntry> = seen
            .into_iter()
            .map(|((author, boot), stamp)| SeenEntry {
                author,
                boot,
                stamp,
            })
            .collect();
        // What has no room is as if it had not been seen: then the safer holds.
        seen.sort_unstable_by_key(|seen| std::cmp::Reverse(seen.stamp));
        seen.truncate(CLUSTER_SEEN);
        seen.sort_unstable();
        seen
    }

    /// The greatest clock of all that is kept.
    #[must_use]
    pub fn latest(&self) -> HybridStamp {
        self.entries()
            .map(|entry| entry.entry.stamp)
            .max()
            .unwrap_or_default()
    }

    /// The last entry of each start.
    pub fn last(&self) -> impl Iterator<Item = (Author, Boot, u64)> {
        let last = self.last.iter();
        last.map(|((author, boot), (seq, _))| (*author, *boot, *seq))
    }

    /// The sum of the hashes of all that is kept of an author.
    #[must_use]
    pub fn sum(&self, author: Author) -> u64 {
        self.kept.get(&author).map_or(0, |kept| kept.sum)
    }

    /// The authors of whom something is kept.
    pub fn authors(&self) -> impl Iterator<Item = Author> {
        self.kept.keys().copied()
    }

    /// The number of entries and octets that are kept of an author.
    #[must_use]
    pub fn size(&self, author: Author) -> (usize, usize) {
        let kept = self.kept.get(&author).copied().unwrap_or_default();
        (kept.entries, kept.octets)
    }

    /// The same, without what the author has said of a slot.
    #[must_use]
    pub fn size_beside(&self, author: Author, slot: &OrderSlot) -> (usize, usize) {
        let own = self.slots.get(slot).into_iter().flatten();
        let own = own.filter(|entry| entry.author == author);
        own.fold(self.size(author), |(entries, octets), entry| {
            (entries - 1, octets - entry.record.octets().len())
        })
    }

    /// The hash of all that is kept: the same on two nodes that have the same.
    #[must_use]
    pub fn digest(&self) -> EntryHash {
        let hashes: BTreeSet<EntryHash> = self.entries().map(|entry| entry.hash).collect();
        let octets: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        EntryHash(hash(&octets))
    }

    /// Authors of whom there is a fork.
    pub fn forked(&self) -> impl Iterator<Item = Author> {
        self.forked.iter().copied()
    }

    fn note_chain(&mut self, entry: &LoggedEntry) {
        let (seq, before) = (entry.seq, entry.entry.before);
        let place = (entry.author, entry.boot);
        let last = self.last.get(&place).copied();
        if let Some((last, hash)) = last {
            let is_other = last == seq && hash != entry.hash;
            let breaks = last.checked_add(1) == Some(seq) && before != hash;
            if is_other || breaks {
                self.forked.insert(entry.author);
            }
        }
        if last.is_none_or(|(last, _)| last < seq) {
            self.last.insert(place, (seq, entry.hash));
        }
        let boots = (entry.author, Boot(0))..=(entry.author, Boot(u64::MAX));
        if self.last.range(boots.clone()).count() > CLUSTER_LOG_BOOTS
            && let Some((oldest, _)) = self.last.range(boots).next()
        {
            let oldest = *oldest;
            self.last.remove(&oldest);
        }
    }

    /// Leaves of an author's entries the newest that have room; gives them.
    fn trim(&mut self, author: Author) -> BTreeSet<EntryHash> {
        let own = self.entries().filter(|entry| entry.author == author);
        let mut own: Vec<(HybridStamp, EntryHash, usize)> = own
            .map(|entry| (entry.entry.stamp, entry.hash, entry.record.octets().len()))
            .collect();
        own.sort_unstable();
        let mut octets = 0;
        let fitting = own
            .iter()
            .rev()
            .take(CLUSTER_LOG.0)
            .take_while(|(_, _, length)| {
                octets += length;
                octets <= CLUSTER_LOG.1
            });
        let fitting: BTreeSet<EntryHash> = fitting.map(|(_, hash, _)| *hash).collect();
        self.retain(|entry| entry.author != author || fitting.contains(&entry.hash));
        fitting
    }

    fn retain(&mut self, keep: impl Fn(&LoggedEntry) -> bool) {
        let kept = &mut self.kept;
        self.slots.retain(|_, entries| {
            entries.retain(|entry| {
                let stays = keep(entry);
                if !stays && let Some(kept) = kept.get_mut(&entry.author) {
                    kept.remove(entry);
                }
                stays
            });
            !entries.is_empty()
        });
        self.kept.retain(|_, kept| kept.entries > 0);
    }
}

impl AuthorsKept {
    fn add(&mut self, entry: &LoggedEntry) {
        self.entries += 1;
        self.octets += entry.record.octets().len();
        self.sum = self.sum.wrapping_add(addend(entry));
    }

    fn remove(&mut self, entry: &LoggedEntry) {
        self.entries -= 1;
        self.octets -= entry.record.octets().len();
        self.sum = self.sum.wrapping_sub(addend(entry));
    }
}

fn addend(entry: &LoggedEntry) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = entry.hash.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
