//! A chain made of the one before, for a zone of which a few names have changed.
//!
//! Links that go are left out and links that come are put in where they belong, in every list at
//! once; what lies between is copied. An RRset is written anew where its name has other types or
//! another link comes next, behind those that are there; one that turns out the same stays.
use std::collections::BTreeSet;
use std::ops::Range;

use super::names::{has_data, is_authoritative, sort_key};
use super::{Chain, Order, offset};
use crate::dns::zone::Zone;
use crate::dns::zone::hashed::Hash;
use crate::dns::zone::signed::Steered;
use crate::dns::zone::signed::change::Change;
use crate::dns::zone::tree::{NONE, Node};

/// Octets of unused data that no chain is made anew for.
const UNUSED_FREE: usize = 1 << 16;

/// A chain that follows another.
pub(in crate::dns::zone::signed) struct Followed {
    pub(in crate::dns::zone::signed) chain: Chain,
    /// Nodes whose links say something else, or are new.
    pub(in crate::dns::zone::signed) linked: Vec<u32>,
    /// Places of lacks that say something else.
    pub(in crate::dns::zone::signed) lacking: Vec<usize>,
}

/// A run of the new order.
enum Piece {
    /// These links of the chain before.
    Old(Range<usize>),
    /// This one of the links that come.
    New(usize),
}

/// What links are sorted by.
enum Key {
    Name(Vec<u8>),
    Hash(Hash),
}

impl Chain {
    /// The chain of a zone that differs from the one before at these nodes; `None` if too much of it would
    /// lie unused. Steered names and their types are the same.
    pub(in crate::dns::zone::signed) fn following(
        &self,
        (zone, steered): (&Zone, &[Steered]),
        changes: &[Change],
    ) -> Option<Followed> {
        let data = self.data.as_ref()?;
        if data.len().saturating_sub(UNUSED_FREE) > 2 * self.made {
            return None;
        }
        let (lacks, omitted) = self.lacks_of(zone, steered);
        if lacks != self.lacks || omitted != self.omitted {
            return None;
        }
        let is_linked =
            |node: &Node, id| is_authoritative(node) && (self.is_hashed() || has_data(zone, id));
        let (mut gone, mut coming, mut stated) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            let link = self.matching(change.node);
            let node = zone.tree.nodes.get(change.node as usize);
            let is = node.is_some_and(|node| is_linked(node, change.node));
            match link {
                Some(link) if is && change.is_same_name => stated.push(link),
                _ => {
                    gone.extend(link);
                    coming.extend(is.then(|| (self.key(zone, change.node), change.node)));
                }
            }
        }
        gone.sort_unstable();
        let mut coming: Vec<(usize, Key, u32)> = coming
            .into_iter()
            .map(|(key, node)| (self.place(&key), key, node))
            .collect();
        coming.sort_by(|one, other| {
            one.0
                .cmp(&other.0)
                .then_with(|| one.1.octets().cmp(other.1.octets()))
        });
        let pieces = pieces(self.links(), &gone, &coming);
        let mut spliced = Spliced::new(self, zone, pieces, coming);
        spliced.cover_wildcards(self, zone, changes);
        let dirty = stated
            .into_iter()
            .map(|link| spliced.renumbered[link] as usize);
        spliced.dirty.extend(dirty);
        Some(spliced.write((zone, steered)))
    }

    fn key(&self, zone: &Zone, node: u32) -> Key {
        match &self.order {
            Order::Names { .. } => Key::Name(sort_key(zone, node)),
            Order::Hashes(_, hashing) => {
                Key::Hash(hashing.hash(&zone.tree.wire(node, zone.apex.as_wire())))
            }
        }
    }

    /// How many links come before a key.
    fn place(&self, key: &Key) -> usize {
        let before = |link: usize| match &self.order {
            Order::Names { keys, ends } => {
                let start = link.checked_sub(1).map_or(0, |before| ends[before]);
                keys[start as usize..ends[link] as usize] < *key.octets()
            }
            Order::Hashes(hashes, _) => hashes[link][..] < *key.octets(),
        };
        super::count_up_to(self.links(), before)
    }
}

impl Key {
    fn octets(&self) -> &[u8] {
        match self {
            Self::Name(key) => key,
            Self::Hash(hash) => hash,
        }
    }
}

/// The new order: what is there now without those that go, and those that come at their places.
fn pieces(links: usize, gone: &[usize], coming: &[(usize, Key, u32)]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut gone = gone.iter().copied().peekable();
    let mut at = 0;
    let places = coming.iter().map(|(place, ..)| *place).enumerate();
    for (number, place) in places
        .map(|(number, place)| (Some(number), place))
        .chain([(None, links)])
    {
        while at < place {
            let end = gone.next_if(|gone| *gone < place);
            let stop = end.unwrap_or(place);
            if at < stop {
                pieces.push(Piece::Old(at..stop));
            }
            at = stop + usize::from(end.is_some());
        }
        pieces.extend(number.map(Piece::New));
    }
    pieces
}

/// The lists of a chain, put together anew.
struct Spliced {
    chain: Chain,
    /// By link of the chain before: its number now, or [`NONE`].
    renumbered: Vec<u32>,
    /// Links that came.
    new: BTreeSet<usize>,
    /// Links whose RRset may be another.
    dirty: BTreeSet<usize>,
}

impl Spliced {
    fn new(
        before: &Chain,
        zone: &Zone,
        pieces: Vec<Piece>,
        coming: Vec<(usize, Key, u32)>,
    ) -> Self {
        let links = before.links();
        let mut chain = before.empty(zone, links + coming.len());
        let (mut renumbered, mut new) = (vec![NONE; links], BTreeSet::new());
        let mut dirty = BTreeSet::new();
        let mut last = 0;
        for piece in pieces {
            let number = chain.slots.len();
            match piece {
                Piece::Old(range) => {
                    // What stood between is gone: the link in front of it leads further now.
                    if range.start != last {
                        dirty.insert(number.wrapping_sub(1));
                    }
                    last = range.end;
                    for (place, number) in renumbered[range.clone()].iter_mut().zip(number..) {
                        *place = offset(number);
                    }
                    chain.take(before, range);
                }
                Piece::New(which) => {
                    new.insert(number);
                    dirty.extend([number, number.wrapping_sub(1)]);
                    let (_, key, node) = &coming[which];
                    chain.insert(key, *node);
                }
            }
        }
        let count = chain.slots.len();
        if last != links {
            dirty.insert(count - 1);
        }
        // In front of the first is the last.
        if dirty.remove(&usize::MAX) {
            dirty.insert(count - 1);
        }
        chain.starts.extend(&before.starts[links..]);
        chain.number();
        chain.place_lacks();
        Self {
            chain,
            renumbered,
            new,
            dirty,
        }
    }

    /// Follows the links that cover wildcards: another does if it went, or if one came right behind it.
    fn cover_wildcards(&mut self, before: &Chain, zone: &Zone, changes: &[Change]) {
        let links = self.chain.links();
        let is_there = |node: u32| {
            let node = zone.tree.nodes.get(node as usize);
            node.is_some_and(is_authoritative)
        };
        let renamed: Vec<u32> = changes
            .iter()
            .filter(|change| !change.is_same_name)
            .map(|change| change.node)
            .collect();
        let kept = before
            .wildcards
            .iter()
            .filter(|(node, _)| renamed.binary_search(node).is_err());
        let mut wildcards: Vec<(u32, u32)> = kept
            .filter_map(|&(node, link)| {
                let now = self.renumbered[link as usize];
                let is_same = now != NONE && !self.new.contains(&((now as usize + 1) % links));
                match is_same {
                    true => Some((node, now)),
                    false => Some((node, self.chain.below(zone, node)?)),
                }
            })
            .collect();
        let born = renamed.into_iter().filter(|&node| is_there(node));
        let parents: BTreeSet<u32> = born.map(|node| zone.tree.node(node).parent).collect();
        let known = |parent: &u32| {
            wildcards
                .binary_search_by_key(parent, |(node, _)| *node)
                .is_ok()
        };
        let parents = parents.into_iter().filter(|parent| !known(parent));
        let covered: Vec<(u32, u32)> = parents
            .filter_map(|parent| Some((parent, self.chain.below(zone, parent)?)))
            .collect();
        if !covered.is_empty() {
            wildcards.extend(covered);
            wildcards.sort_unstable();
        }
        self.chain.wildcards = wildcards;
    }

    /// Writes what says something else now.
    fn write(mut self, of: (&Zone, &[Steered])) -> Followed {
        let links = self.chain.links();
        let (mut linked, mut lacking) = (Vec::new(), Vec::new());
        for &link in &self.dirty {
            let set = self.chain.encode(of, link, &[]);
            if self.new.contains(&link) || !self.chain.is_set(link, &set) {
                self.chain.replace(link, &set);
                linked.push(self.chain.slots[link]);
            }
        }
        for place in 0..self.chain.lacks.len() {
            let link = self.chain.of_node[self.chain.lacks[place].0 as usize] as usize;
            if !self.dirty.contains(&link) {
                continue;
            }
            let set = self.chain.encode(of, link, &self.chain.omitted[place]);
            if !self.chain.is_set(links + place, &set) {
                self.chain.replace(links + place, &set);
                lacking.push(place);
            }
        }
        Followed {
            chain: self.chain,
            linked,
            lacking,
        }
    }
}

impl Chain {
    /// One without links yet, but with room for so many, and all that they said before.
    fn empty(&self, zone: &Zone, links: usize) -> Self {
        let order = match &self.order {
            Order::Names { keys, .. } => Order::Names {
                keys: Vec::with_capacity(keys.len() + 1024),
                ends: Vec::with_capacity(links),
            },
            Order::Hashes(_, hashing) => Order::Hashes(Vec::with_capacity(links), hashing.clone()),
        };
        let own = self.data.as_deref().unwrap_or_default();
        let mut data = Vec::with_capacity(own.len() + 4096);
        data.extend_from_slice(own);
        Self {
            order,
            slots: Vec::with_capacity(links + self.lacks.len()),
            of_node: vec![NONE; zone.tree.nodes.len()],
            lacks: self.lacks.clone(),
            omitted: self.omitted.clone(),
            wildcards: Vec::new(),
            starts: Vec::with_capacity(links + self.lacks.len()),
            data: Some(data),
            made: self.made,
        }
    }

    /// Appends links of another chain.
    fn take(&mut self, other: &Self, links: Range<usize>) {
        self.slots.extend_from_slice(&other.slots[links.clone()]);
        self.starts.extend_from_slice(&other.starts[links.clone()]);
        match (&mut self.order, &other.order) {
            (
                Order::Names { keys, ends },
                Order::Names {
                    keys: others,
                    ends: their_ends,
                },
            ) => {
                let start = links
                    .start
                    .checked_sub(1)
                    .map_or(0, |before| their_ends[before]);
                let end = their_ends[links.end - 1];
                let base = offset(keys.len());
                keys.extend_from_slice(&others[start as usize..end as usize]);
                ends.extend(their_ends[links].iter().map(|end| end - start + base));
            }
            (Order::Hashes(hashes, _), Order::Hashes(others, _)) => {
                hashes.extend_from_slice(&others[links]);
            }
            (Order::Names { .. }, Order::Hashes(..)) | (Order::Hashes(..), Order::Names { .. }) => {
            }
        }
    }

    /// Appends a link whose RRset is yet to be written.
    fn insert(&mut self, key: &Key, node: u32) {
        self.slots.push(node);
        self.starts.push(0);
        match (&mut self.order, key) {
            (Order::Names { keys, ends }, Key::Name(key)) => {
                keys.extend_from_slice(key);
                ends.push(offset(keys.len()));
            }
            (Order::Hashes(hashes, _), Key::Hash(hash)) => hashes.push(*hash),
            (Order::Names { .. }, Key::Hash(_)) | (Order::Hashes(..), Key::Name(_)) => {}
        }
    }

    /// Whether an RRset is written so.
    fn is_set(&self, number: usize, set: &[u8]) -> bool {
        let data = self.data.as_deref().unwrap_or_default();
        let written = data.get(self.starts[number] as usize..);
        written.is_some_and(|written| written.starts_with(set))
    }

    /// Writes an RRset in place of another.
    fn replace(&mut self, number: usize, set: &[u8]) {
        let data = self.data.get_or_insert_default();
        self.starts[number] = offset(data.len());
        data.extend_from_slice(set);
    }
}
