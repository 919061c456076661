//! What of a zone is signed, and where the signatures over it stand.
//!
//! ```text
//! chunk of nodes    [link of each node | RRsets of the first node | of the second | ...]
//! chunk of lacks    [lack | lack | ...]        chunk of steered answers   [answer | answer | ...]
//! ```
//!
//! Chunks of nodes come first, then those of lacks, then those of answers. What stands at a node is in
//! the chunk of that node, wherever its link stands in the chain: a change of a few names leaves all other
//! chunks as they are.
use std::ops::Range;
use std::sync::Arc;

use super::canonical::Content;
use super::chain::{self, Chain, LinkOwner};
use super::variant::{Variant, set_hash, variant_hash};
use super::{CHUNK, Signer};
use crate::dns::rr::RrSet;
use crate::dns::zone::Zone;
use crate::dns::zone::index::Index;

/// What is signed, and by what.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) zone: Arc<Zone>,
    pub(super) signer: Signer,
    /// By node: which entry of its chunk is that of its first RRset.
    pub(super) first: Vec<u32>,
    pub(super) chain: Chain,
    pub(super) variants: Vec<Variant>,
    /// Those of addresses.
    pub(super) variant_index: Index,
    /// Those of other types.
    pub(super) set_index: Index,
    /// The number of the first steered answer among all entries, counted as if each chunk had
    /// [`CHUNK`] of them.
    pub(super) variants_from: usize,
}

/// One entry: what of the zone it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing: a node without a link.
    Nothing,
    /// An RRset of the chain, by its number.
    Link(usize),
    /// An RRset of a node, by its place there.
    Set(u32, usize),
    /// A steered answer.
    Variant(usize),
}

impl Base {
    /// Of a zone that is signed here.
    pub(super) fn new(
        zone: Arc<Zone>,
        signer: Signer,
        chain: Chain,
        variants: Vec<Variant>,
    ) -> Self {
        let (mut variant_index, mut set_index) = (Index::default(), Index::default());
        for (number, own) in (0..).zip(&variants) {
            match own.is_of_addresses() {
                true => variant_index.insert(variant_hash(own.node, &own.records), number),
                false => set_index.insert(set_hash(own.node, own.rtype, own.rdata()), number),
            }
        }
        let blocks = zone.tree.nodes.len().div_ceil(CHUNK) + chain.lacks().len().div_ceil(CHUNK);
        let mut base = Self {
            first: vec![0; zone.tree.nodes.len()],
            zone,
            signer,
            chain,
            variants,
            variant_index,
            set_index,
            variants_from: blocks * CHUNK,
        };
        for block in 0..base.node_blocks() {
            base.place(block);
        }
        base
    }

    /// Finds the places of RRsets in a chunk of nodes.
    pub(super) fn place(&mut self, block: usize) {
        let mut next = CHUNK;
        for node in self.nodes_of(block) {
            self.first[node as usize] = u32::try_from(next).expect("the builder bounds records");
            next += usize::from(self.zone.count_of(self.zone.tree.node(node)));
        }
    }

    /// How many chunks of nodes there are; those of lacks come behind.
    pub(super) fn node_blocks(&self) -> usize {
        self.zone.tree.nodes.len().div_ceil(CHUNK)
    }

    /// How many chunks there are.
    pub(super) fn blocks(&self) -> usize {
        self.variants_from / CHUNK + self.variants.len().div_ceil(CHUNK)
    }

    fn nodes_of(&self, block: usize) -> Range<u32> {
        let node = |block: usize| (block * CHUNK).min(self.zone.tree.nodes.len());
        let bound = |node| u32::try_from(node).expect("the builder bounds names");
        bound(node(block))..bound(node(block + 1))
    }

    /// The entries of a chunk, in order.
    pub(super) fn parts(&self, block: usize) -> Vec<Part> {
        if block < self.node_blocks() {
            return self.parts_of_nodes(block);
        }
        let within = |first: usize, count: usize| {
            let start = block.saturating_sub(first) * CHUNK;
            start..(start + CHUNK).min(count)
        };
        let variants = self.variants_from / CHUNK;
        if block < variants {
            let lacks = within(self.node_blocks(), self.chain.lacks().len());
            let links = self.chain.links();
            return lacks.map(|lack| Part::Link(links + lack)).collect();
        }
        let variants = within(variants, self.variants.len());
        variants.map(Part::Variant).collect()
    }

    fn parts_of_nodes(&self, block: usize) -> Vec<Part> {
        let link = |node| self.chain.matching(node).map_or(Part::Nothing, Part::Link);
        let mut parts: Vec<Part> = self.nodes_of(block).map(link).collect();
        parts.resize(CHUNK, Part::Nothing);
        for node in self.nodes_of(block) {
            let sets = 0..usize::from(self.zone.count_of(self.zone.tree.node(node)));
            parts.extend(sets.map(|place| Part::Set(node, place)));
        }
        parts
    }

    /// What is signed as an entry; nothing where it is not this zone's to sign.
    pub(super) fn content(&self, part: Part) -> Option<Content> {
        match part {
            Part::Nothing => None,
            Part::Link(number) => {
                let (set, _) = self.chain.set(&self.zone, number)?;
                let owner = match self.chain.owner(number)? {
                    LinkOwner::Node(node) => self.wire(node),
                    LinkOwner::Hash(label) => [&label, self.zone.apex.as_wire()].concat(),
                };
                Some(content_of(owner, set))
            }
            Part::Set(node, place) => {
                let set = self.zone.sets(node).nth(place)?;
                let is_signed = chain::is_signed(&self.zone, node, set.rtype);
                is_signed.then(|| content_of(self.wire(node), set))
            }
            Part::Variant(number) => {
                let variant = self.variants.get(number)?;
                Some(variant.content(self.wire(variant.node)))
            }
        }
    }

    /// The type of an entry, if it is to be signed.
    pub(super) fn signed_type(&self, part: Part) -> Option<u16> {
        match part {
            Part::Nothing => None,
            Part::Link(number) => Some(self.chain.set(&self.zone, number)?.0.rtype),
            Part::Set(node, place) => {
                let kind = self.zone.sets(node).nth(place)?.rtype;
                chain::is_signed(&self.zone, node, kind).then_some(kind)
            }
            Part::Variant(number) => Some(self.variants.get(number)?.rtype),
        }
    }

    fn wire(&self, node: u32) -> Vec<u8> {
        self.zone.tree.wire(node, self.zone.apex.as_wire())
    }
}

pub(super) fn content_of(owner: Vec<u8>, set: RrSet<'_>) -> Content {
    Content {
        owner,
        rtype: set.rtype,
        ttl: set.ttl,
        records: set.records().map(<[u8]>::to_vec).collect(),
    }
}
