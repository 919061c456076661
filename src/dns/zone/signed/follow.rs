//! A signed zone made of the one before: what is the same keeps its signatures.
//!
//! ```text
//! one build, few names changed --> chain followed, chunks shared but for those of the changed names
//! anything else                --> chain made anew, every chunk made of signatures over what is the same
//! ```
//!
//! Nothing is digested: whether an RRset is the same is seen by comparing it. A chunk that nothing is
//! missing of keeps its time; where keys or the validity are others, its chunks are due, and when they
//! are made those signatures are kept that would come out the same.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::base::{Base, Part, content_of};
use super::chain::Chain;
use super::change::{Change, changes};
use super::chunk::{Chunk, Times};
use super::variant::{Variant, variants};
use super::{CHUNK, Signed, Signer, Signing, Steered, rrsig};
use crate::dns::dnssec::PrivateKey;
use crate::dns::rr::{RrSet, rtype};
use crate::dns::zone::Zone;
use crate::dns::zone::tree::{APEX, GONE, NONE};

/// Types that the entry keys sign.
pub(super) const BY_ENTRY_KEYS: [u16; 3] = [rtype::DNSKEY, rtype::CDS, rtype::CDNSKEY];

/// Which node of the zone before a node is.
enum Map {
    /// That of the same number, but for these.
    Same(Vec<Change>),
    /// By node; [`NONE`] where there was none.
    Names(Vec<u32>),
}

/// What a zone takes over from the one before.
struct Heir<'s> {
    before: &'s Signed,
    signing: Signing,
    map: Map,
    /// Whether all keys and the validity are the same.
    is_same_signer: bool,
}

impl Signed {
    /// A zone to be signed in this way, with all signatures of the one `before` that are over what is the
    /// same in both; the chunks that anything is missing of are [`stale`](Self::stale). `steered` is by
    /// mount.
    #[must_use]
    pub fn following(
        before: Option<&Self>,
        zone: Arc<Zone>,
        signing: Signing,
        steered: &[Steered],
    ) -> Self {
        let mut variants = variants(&zone, steered);
        let Some((before, old)) = before.and_then(|before| Some((before, before.signing()?)))
        else {
            let chain = Chain::new(&zone, signing.denial, steered);
            return Self::bare(Base::new(zone, Signer::Here(signing), chain, variants));
        };
        let changes = changes(before.zone(), &zone);
        let is_same_signer = are_same(&old.zone_keys, &signing.zone_keys)
            && are_same(&old.entry_keys, &signing.entry_keys)
            && old.validity == signing.validity;
        let is_same_chain = old.denial == signing.denial
            && before.base.variants == variants
            && before.zone().denial_soa().ttl == zone.denial_soa().ttl;
        let map = match changes {
            Some(changes) => Map::Same(changes),
            None => Map::Names(names(before.zone(), &zone)),
        };
        let heir = Heir {
            before,
            signing,
            map,
            is_same_signer,
        };
        let followed = is_same_chain.then(|| heir.followed(&zone, steered, &mut variants));
        match followed.flatten() {
            Some(signed) => signed,
            None => heir.renewed(zone, steered, variants),
        }
    }

    /// Without any signature.
    fn bare(base: Base) -> Self {
        let blocks = base.blocks();
        Self {
            base: Arc::new(base),
            chunks: vec![Arc::default(); blocks],
            times: vec![Times::MISSING; blocks],
        }
    }
}

impl Heir<'_> {
    /// All of the zone before but for what has changed. The steered answers, which are the same, are
    /// taken if it can be done.
    fn followed(
        &self,
        zone: &Arc<Zone>,
        steered: &[Steered],
        variants: &mut Vec<Variant>,
    ) -> Option<Signed> {
        let Map::Same(changes) = &self.map else {
            return None;
        };
        let old = &self.before.base;
        let followed = old.chain.following((zone, steered), changes)?;
        let changed = changes
            .iter()
            .map(|change| change.node)
            .chain(followed.linked);
        let count = zone.tree.nodes.len();
        let changed = changed
            .map(|node| node as usize)
            .filter(|node| *node < count);
        let mut blocks: BTreeSet<usize> = changed.map(|node| node / CHUNK).collect();
        let mut base = Base {
            zone: Arc::clone(zone),
            signer: Signer::Here(self.signing.clone()),
            first: old.first.clone(),
            chain: followed.chain,
            variants: std::mem::take(variants),
            variant_index: old.variant_index.clone(),
            set_index: old.set_index.clone(),
            variants_from: 0,
        };
        base.first.resize(count, 0);
        let (was, is) = (old.node_blocks(), base.node_blocks());
        base.variants_from = old.variants_from + is * CHUNK - was * CHUNK;
        blocks.extend(was..is);
        blocks.iter().for_each(|&block| base.place(block));
        blocks.extend(followed.lacking.iter().map(|lack| is + lack / CHUNK));
        Some(self.share(base, &blocks))
    }

    /// The chunks of the zone before, but for these.
    fn share(&self, base: Base, blocks: &BTreeSet<usize>) -> Signed {
        let (was, is) = (self.before.base.node_blocks(), base.node_blocks());
        let mut signed = Signed {
            chunks: self.before.chunks.clone(),
            times: self.before.times.clone(),
            base: Arc::new(base),
        };
        signed
            .chunks
            .splice(was..was, vec![Arc::default(); is - was]);
        signed
            .times
            .splice(was..was, vec![Times::MISSING; is - was]);
        for &block in blocks {
            signed.put(block, self.inherit(&signed.base, block));
        }
        self.unsettle(&mut signed);
        signed
    }

    /// Everything made anew, with the signatures that are there.
    fn renewed(&self, zone: Arc<Zone>, steered: &[Steered], variants: Vec<Variant>) -> Signed {
        let chain = Chain::new(&zone, self.signing.denial, steered);
        let base = Base::new(zone, Signer::Here(self.signing.clone()), chain, variants);
        let mut signed = Signed::bare(base);
        for block in 0..signed.chunks.len() {
            signed.put(block, self.inherit(&signed.base, block));
        }
        signed
    }

    /// Has those chunks looked at again that hold what other keys sign now, or for another time.
    fn unsettle(&self, signed: &mut Signed) {
        let Some(old) = self.before.signing().filter(|_| !self.is_same_signer) else {
            return;
        };
        let is_all = old.validity != self.signing.validity
            || !are_same(&old.zone_keys, &self.signing.zone_keys);
        if is_all {
            signed
                .times
                .iter_mut()
                .for_each(|times| *times = times.unsettled());
            return;
        }
        for node in signed.zone().holders(&BY_ENTRY_KEYS) {
            let times = &mut signed.times[node as usize / CHUNK];
            *times = times.unsettled();
        }
    }

    /// A chunk with those signatures of the zone before that are over what stands in it.
    fn inherit(&self, base: &Base, block: usize) -> Chunk {
        let mut chunk = Chunk::empty();
        for part in base.parts(block) {
            if let Some(kind) = base.signed_type(part) {
                let known = self.known(base, part);
                let times = known.map(|set| rrsig::times(set, kind, &self.signing));
                chunk.times = chunk.times.and(times.unwrap_or(Times::MISSING));
                if let Some(set) = known {
                    rrsig::copy(set, &mut chunk.signatures.octets);
                }
            }
            chunk.end_entry();
        }
        chunk
    }

    /// The signatures that there were over what an entry holds.
    fn known(&self, base: &Base, part: Part) -> Option<RrSet<'_>> {
        let old = &self.before.base;
        match part {
            Part::Nothing => None,
            Part::Set(node, place) => {
                let set = base.zone.sets(node).nth(place)?;
                let was = self.was(node)?;
                let before = old.zone.set(was, set.rtype)?;
                is_same(set, before).then_some(())?;
                self.before.of_set(was, set.rtype)
            }
            Part::Link(number) => {
                let (set, _) = base.chain.set(&base.zone, number)?;
                let was = match number.checked_sub(base.chain.links()) {
                    None => old
                        .chain
                        .matching(self.was(base.chain.slot(number)?.try_into().ok()?)?)?,
                    Some(lack) => {
                        let (node, rtype) = *base.chain.lacks().get(lack)?;
                        old.chain.lack(self.was(node)?, rtype)?
                    }
                };
                let (before, _) = old.chain.set(&old.zone, was)?;
                (set.encoded == before.encoded).then_some(())?;
                self.before.of_entry(old.chain.slot(was)?)
            }
            Part::Variant(number) => {
                let variant = base.variants.get(number)?;
                let was = self.was(variant.node)?;
                let number = match variant.is_of_addresses() {
                    true => self.before.variant(was, &variant.records)?,
                    false => self
                        .before
                        .steered_set(was, variant.rtype, variant.rdata())?,
                };
                old.variants[number].is_as(variant).then_some(())?;
                self.before.of_entry(old.variants_from + number)
            }
        }
    }

    /// The node of the zone before that has the name of this one.
    fn was(&self, node: u32) -> Option<u32> {
        match &self.map {
            Map::Same(changes) => match changes.binary_search_by_key(&node, |change| change.node) {
                Ok(place) => changes[place].is_same_name.then_some(node),
                Err(_) => Some(node),
            },
            Map::Names(names) => names
                .get(node as usize)
                .copied()
                .filter(|node| *node != NONE),
        }
    }
}

/// By node of a zone: the node of that name in the zone before.
fn names(before: &Zone, zone: &Zone) -> Vec<u32> {
    let mut names = vec![NONE; zone.tree.nodes.len()];
    names[APEX as usize] = APEX;
    for (node, entry) in (APEX..).zip(&zone.tree.nodes).skip(1) {
        let parent = names[entry.parent as usize];
        if parent != NONE && !entry.is(GONE) {
            let was = before.tree.child(parent, zone.tree.label(node));
            names[node as usize] = was.unwrap_or(NONE);
        }
    }
    names
}

/// Whether a signature over the one is a signature over the other, of the same owner.
fn is_same(set: RrSet<'_>, other: RrSet<'_>) -> bool {
    let wire = |set| content_of(Vec::new(), set).wire();
    set.encoded == other.encoded
        || set.rtype == other.rtype && set.ttl == other.ttl && wire(set) == wire(other)
}

fn are_same(keys: &[Arc<PrivateKey>], others: &[Arc<PrivateKey>]) -> bool {
    let public = |key: &Arc<PrivateKey>| key.public().rdata();
    keys.iter().map(public).eq(others.iter().map(public))
}
