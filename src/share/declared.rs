//! Declared records, services, monitors, regions and endpoints, as nodes tell them to each other.
//!
//! ```text
//! declared here, on the disk --change--> a part of what this node tells --Declared(part)--> others: judged there, on the disk, in force
//! ```
//!
//! A **change** is all that was declared at once: of one zone, or of objects. It has a revision, drawn from a hybrid clock
//! ([`crate::base::next_revision`]), and for each thing a key and its value; a thing that is declared no more has a value that says so. Of each thing
//! the greatest revision holds, so that a change shrinks as later ones take its things, and goes with the last of them.
//!
//! Each node tells what it drew itself. What nobody tells who drew it (he is revoked, or has lost his disk), the first of those who have it
//! tells, by their authors: so as long as one disk is left that has it, all get it, and a node with an old backup as well. What a node has
//! told before and is no longer so harms nobody: what is later holds.
//!
//! Changes are put together in parts; one that is told keeps its place, so that a change costs one part. Keys and values are octets here.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::NodeMark;
use crate::base::limits::{CLUSTER_DECLARED, CLUSTER_TEXT_BYTES};

use super::packing::{Garbled, Packer, Unpacker};
use super::seal::Author;

/// Octets of a record beside its changes.
const RECORD_BYTES: usize = 1024;

/// Changes of one zone, or of objects, that were declared at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedChange {
    /// Its revision.
    pub revision: u64,
    /// The zone, or another name of the things that it is about.
    pub of: String,
    /// The author of all of them, the time, and why.
    pub note: Vec<u8>,
    /// Key and value of each, keys rising.
    pub items: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A change, and the node that tells it.
pub type ToldChange = (Author, NodeMark, Arc<SharedChange>);

/// All that was heard of what is declared.
#[derive(Debug, Default)]
pub(super) struct DeclaredHeard {
    pub(super) parts: BTreeMap<(Author, u16), Vec<Arc<SharedChange>>>,
    /// Rises with each word.
    pub(super) news: u64,
    pub(super) refused: Vec<String>,
}

/// The parts in which a node tells changes, by revision, what they are of, and their first key.
#[derive(Debug, Default)]
pub struct DeclaredTelling(BTreeMap<(u64, String, Vec<u8>), usize>);

/// A part that is put together.
#[derive(Default)]
struct TellingPart {
    octets: usize,
    changes: Vec<SharedChange>,
}

impl SharedChange {
    fn name(&self) -> (u64, String, Vec<u8>) {
        let first = self.items.first().map(|(key, _)| key.clone());
        (self.revision, self.of.clone(), first.unwrap_or_default())
    }

    /// It, or pieces of one that a node declared when it stood alone, which had no bound.
    fn in_pieces(self) -> Vec<Self> {
        if self.items.is_empty() {
            return Vec::new();
        }
        if TellingPart::default().has_room(&self) {
            return vec![self];
        }
        let (mut items, mut pieces) = (self.items.into_iter().peekable(), Vec::new());
        while items.peek().is_some() {
            let mut piece = Self {
                revision: self.revision,
                of: self.of.clone(),
                note: self.note.clone(),
                items: Vec::new(),
            };
            let mut octets = piece.octets();
            let size = |(key, value): &(Vec<u8>, Vec<u8>)| key.len() + value.len() + 8;
            while let Some(item) = items
                .next_if(|item| octets + size(item) <= CLUSTER_DECLARED.1 || piece.items.is_empty())
            {
                octets += size(&item);
                piece.items.push(item);
            }
            pieces.push(piece);
        }
        pieces
    }

    fn octets(&self) -> usize {
        let items = self.items.iter();
        let items = items.map(|(key, value)| key.len() + value.len() + 8);
        items.sum::<usize>() + self.of.len() + self.note.len() + 20
    }

    pub(super) fn pack(changes: &[Self]) -> Vec<u8> {
        let mut out = Packer::default();
        out.count(changes.len());
        for change in changes {
            out.u64(change.revision);
            out.octets(change.of.as_bytes());
            out.octets(&change.note);
            out.count(change.items.len());
            for (key, value) in &change.items {
                out.octets(key);
                out.octets(value);
            }
        }
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Vec<Self>, Garbled> {
        let most = CLUSTER_DECLARED.0;
        let mut from = Unpacker::new(content);
        let mut changes = Vec::new();
        for _ in 0..from.count(most)? {
            let mut change = Self {
                revision: from.u64()?,
                of: from.text(CLUSTER_TEXT_BYTES.0 * 4)?,
                note: from.octets(most)?.to_vec(),
                items: Vec::new(),
            };
            for _ in 0..from.count(most)? {
                let key = from.octets(most)?.to_vec();
                if change.items.last().is_some_and(|last| last.0 >= key) {
                    return Err(from.wrong("order"));
                }
                change.items.push((key, from.octets(most)?.to_vec()));
            }
            changes.push(change);
        }
        from.end()?;
        Ok(changes)
    }
}

impl DeclaredHeard {
    pub(super) fn take(&mut self, place: (Author, u16), changes: Vec<SharedChange>) {
        self.news += 1;
        let changes = changes.into_iter().map(Arc::new);
        self.parts.insert(place, changes.collect());
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Author) -> bool) {
        let before = self.parts.len();
        self.parts.retain(|(author, _), _| stays(author));
        self.news += u64::from(self.parts.len() < before);
    }

    /// Has it looked at again who tells what.
    pub(super) fn stir(&mut self) {
        self.news += 1;
    }
}

impl DeclaredTelling {
    /// The parts that a node tells of all that it has, and the number of changes for which there is no room. With `heard` comes
    /// what others tell.
    pub fn parts(
        &mut self,
        (me, mark): (Author, NodeMark),
        heard: &[ToldChange],
        all: Vec<SharedChange>,
    ) -> (Vec<Vec<u8>>, usize) {
        // The first of those who tell a thing, or nobody if who drew it does.
        let mut told: BTreeMap<(u64, &str, &[u8]), Option<Author>> = BTreeMap::new();
        for (author, their, change) in heard.iter().filter(|(author, ..)| *author != me) {
            let drew = their.has_drawn(change.revision);
            for (key, _) in &change.items {
                let place = (change.revision, &*change.of, &**key);
                let first = told.entry(place).or_insert(Some(*author));
                *first = first.map(|own| own.min(*author)).filter(|_| !drew);
            }
        }
        let is_mine = |change: &SharedChange, key: &[u8]| {
            let first = told.get(&(change.revision, &*change.of, key));
            mark.has_drawn(change.revision)
                || first.is_none_or(|own| own.is_some_and(|own| own > me))
        };
        let (_, together, most) = CLUSTER_DECLARED;
        let mut parts: Vec<TellingPart> = Vec::new();
        let (mut places, mut unplaced) = (BTreeMap::new(), Vec::new());
        for mut change in all {
            let items = std::mem::take(&mut change.items);
            let own = items.into_iter().filter(|(key, _)| is_mine(&change, key));
            change.items = own.collect();
            for change in change.in_pieces() {
                let name = change.name();
                match self.0.get(&name) {
                    Some(&part) if parts.get(part).is_none_or(|own| own.has_room(&change)) => {
                        parts.resize_with(parts.len().max(part + 1), TellingPart::default);
                        parts[part].put(change);
                        places.insert(name, part);
                    }
                    Some(_) | None => unplaced.push(change),
                }
            }
        }
        let mut without = 0;
        for change in unplaced {
            let octets = change.octets();
            let fits = |part: &TellingPart| part.octets == 0 || part.octets + octets <= together;
            let part = parts.iter().position(fits).unwrap_or(parts.len());
            if part >= usize::from(most) || !TellingPart::default().has_room(&change) {
                without += 1;
                continue;
            }
            parts.resize_with(parts.len().max(part + 1), TellingPart::default);
            places.insert(change.name(), part);
            parts[part].put(change);
        }
        self.0 = places;
        let packed = parts.iter().map(|part| SharedChange::pack(&part.changes));
        (packed.collect(), without)
    }
}

impl TellingPart {
    /// Tells that a change goes in beside what is there, if there is anything at all.
    fn has_room(&self, change: &SharedChange) -> bool {
        self.octets + change.octets() <= CLUSTER_DECLARED.0 - RECORD_BYTES
    }

    fn put(&mut self, change: SharedChange) {
        self.octets += change.octets();
        self.changes.push(change);
    }
}
