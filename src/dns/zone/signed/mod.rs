//! A zone with its signatures: each RRset that can be answered is signed before it is asked for.
//!
//! ```text
//! entries   RRsets of the zone | links of the chain, and lacks | steered answers
//!              by node             by name or hash                 by node and records
//! chunks    [64 RRSIG sets] [64 RRSIG sets] [64 RRSIG sets] ...
//! ```
//!
//! Which entries there are is settled once ([`Base`]); their signatures stand in chunks, by
//! reference, so that a renewal replaces a few chunks and shares the rest. Making a chunk is a
//! pure function of keys and time, so whoever has threads may use them. A signature that
//! another generation of the zone holds for the same content is taken from there ([`Cache`]).
//!
//! | module | what it decides |
//! |---|---|
//! | [`canonical`] | what a signature covers, and how names are sorted |
//! | [`rrsig`] | when a signature holds, and its octets |
//! | [`chain`] | NSEC and NSEC3: what is between the names |
//! | `elsewhere` | zones that come with signatures |
//! | `variant` | answers of steered names, whatever their order |
//! | `listing` | all of it in a row, for transfers |
//!
//! A zone that was signed **elsewhere** (its file, or its primary, brings signatures and a chain) is
//! served in the same way ([`Signed::elsewhere`]): its signatures stand beside what they cover among the
//! zone's own data, nothing of it is made here, and nothing of it falls due.
//!
//! It knows neither health nor tables: a steered answer is a list of address records that it
//! was told of beforehand. Files, clocks and the order of rollovers are not its matter either.
use std::collections::HashMap;
use std::sync::Arc;

use super::index::Index;
use super::{Edit, Mount, Zone};
use crate::base::HashKey;
use crate::dns::dnssec::PrivateKey;
use crate::dns::rr::{RrSet, rtype};

mod canonical;
mod chain;
mod elsewhere;
mod listing;
mod rrsig;
#[cfg(test)]
mod tests;
mod variant;

use canonical::Content;
use chain::{Chain, LinkOwner};
use rrsig::Window;
use variant::{Variant, variant_hash, variants};

/// Entries of one chunk.
const CHUNK: usize = 64;
/// Keys of the two hashes that a content is known by.
const DIGESTS: [HashKey; 2] = [HashKey(0x4341_4348_4531), HashKey(0x4341_4348_4532)];
/// Types that only the signer makes; they are taken out of what it is given.
pub const MADE_HERE: [u16; 5] = [
    rtype::RRSIG,
    rtype::NSEC,
    rtype::NSEC3,
    rtype::NSEC3PARAM,
    rtype::DNSKEY,
];

/// How it is proved that something does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// By the names before and after (RFC 4034).
    Nsec,
    /// By hashes of them (RFC 5155), without iterations and salt (RFC 9276).
    Nsec3,
}

/// How a zone is signed.
#[derive(Clone, Debug)]
pub struct Signing {
    /// Keys that sign DNSKEY, CDS and CDNSKEY.
    pub entry_keys: Vec<Arc<PrivateKey>>,
    /// Keys that sign everything else.
    pub zone_keys: Vec<Arc<PrivateKey>>,
    /// How names and types are denied.
    pub denial: Denial,
    /// Seconds that a signature holds; at least two.
    pub validity: u64,
}

/// What a steered name may be answered with.
#[derive(Clone, Debug, Default)]
pub struct Steered {
    /// The greatest TTL of these answers, seconds.
    pub ttl: u32,
    /// By family: each answer, as [`addresses::put`] makes it. A family without any is a type
    /// that the name does not have.
    pub answers: [Vec<Box<[u8]>>; 2],
}

/// A zone with its signatures.
#[derive(Clone, Debug)]
pub struct Signed {
    base: Arc<Base>,
    chunks: Vec<Arc<Chunk>>,
}

/// What is signed, and by what.
#[derive(Debug)]
struct Base {
    zone: Arc<Zone>,
    signer: Signer,
    /// By node: the number of the entry of its first RRset; one more for the end.
    first: Vec<u32>,
    chain: Chain,
    variants: Vec<Variant>,
    variant_index: Index,
}

/// Who makes the signatures of a zone.
#[derive(Debug)]
enum Signer {
    /// This server, in this way.
    Here(Signing),
    /// Whoever the zone comes from; what it brought.
    Elsewhere(Brought),
}

/// What signatures that came with a zone are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// How many RRsets are signed, the chain's included.
    pub rrsets: usize,
    /// When the first of them ends to hold, seconds since 1970; `u64::MAX` without any.
    pub expires: u64,
    /// From when on that is alarming, seconds since 1970: an eighth of its life is left, which is later
    /// than any signer renews it.
    pub overdue: u64,
    /// Tags of the keys that have signed the SOA.
    pub keys: Vec<u16>,
}

/// Signatures of a few entries.
#[derive(Debug, Default)]
pub struct Chunk {
    /// When the first of them is to be made anew, seconds since 1970.
    due: u64,
    /// When the first of them ends to hold, seconds since 1970; 0 where there is none yet.
    expires: u64,
    ends: Vec<u32>,
    octets: Vec<u8>,
}

/// Signatures by what they cover.
#[derive(Debug, Default)]
pub struct Cache<'s>(HashMap<[u64; 2], RrSet<'s>>);

impl Cache<'_> {
    /// Whether everything has to be signed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A link of the chain, with its signatures.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'s> {
    owner: LinkOwner,
    /// The NSEC or NSEC3 RRset.
    pub set: RrSet<'s>,
    /// Its RRSIG RRset.
    pub signatures: RrSet<'s>,
    /// Which of the chain it is.
    pub number: usize,
}

impl Steered {
    /// The address types that the name has.
    fn types(&self) -> impl Iterator<Item = u16> {
        let types = [rtype::A, rtype::AAAA].into_iter().zip(&self.answers);
        types
            .filter(|(_, answers)| !answers.is_empty())
            .map(|(rtype, _)| rtype)
    }
}

impl Signing {
    /// What the apex must hold beside the operator's own records; `extra` are DNSKEY, CDS and
    /// CDNSKEY.
    #[must_use]
    pub fn edits(&self, zone: &Zone, extra: Vec<Edit>) -> Vec<Edit> {
        let mut edits = extra;
        if self.denial == Denial::Nsec3 {
            edits.push(Edit {
                owner: zone.apex.clone(),
                rtype: rtype::NSEC3PARAM,
                ttl: 0,
                records: vec![chain::NSEC3_PARAMETERS.to_vec()],
            });
        }
        edits
    }

    fn keys(&self, kind: u16) -> impl Iterator<Item = &PrivateKey> {
        let keys = match kind {
            rtype::DNSKEY | rtype::CDS | rtype::CDNSKEY => &self.entry_keys,
            _ => &self.zone_keys,
        };
        keys.iter().map(|key| &**key)
    }
}

impl Signed {
    /// A zone that is yet to be signed: all its chunks are due. `steered` is by mount.
    #[must_use]
    pub fn unsigned(zone: Arc<Zone>, signing: Signing, steered: &[Steered]) -> Self {
        let chain = Chain::new(&zone, signing.denial, steered);
        let mut first = vec![0];
        let counts = zone.tree.nodes.iter().map(|node| u32::from(node.count));
        first.extend(counts.scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        let variants = variants(&zone, steered);
        let mut variant_index = Index::default();
        for (number, variant) in (0..).zip(&variants) {
            variant_index.insert(variant_hash(variant.node, &variant.records), number);
        }
        let base = Base {
            zone,
            signer: Signer::Here(signing),
            first,
            chain,
            variants,
            variant_index,
        };
        let chunks = base.entries().div_ceil(CHUNK);
        Self {
            chunks: vec![Arc::default(); chunks],
            base: Arc::new(base),
        }
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &Arc<Zone> {
        &self.base.zone
    }

    /// How it is signed here; `None` where others do it.
    #[must_use]
    pub fn signing(&self) -> Option<&Signing> {
        match &self.base.signer {
            Signer::Here(signing) => Some(signing),
            Signer::Elsewhere(_) => None,
        }
    }

    /// What its signatures are like; `None` where they are made here.
    #[must_use]
    pub fn brought(&self) -> Option<&Brought> {
        match &self.base.signer {
            Signer::Here(_) => None,
            Signer::Elsewhere(brought) => Some(brought),
        }
    }

    /// How many RRsets are signed, or could be.
    #[must_use]
    pub fn entries(&self) -> usize {
        match &self.base.signer {
            Signer::Here(_) => self.base.entries(),
            Signer::Elsewhere(brought) => brought.rrsets,
        }
    }

    /// When the first signature ends to hold, seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> u64 {
        let ends = self.chunks.iter().map(|chunk| chunk.expires);
        match &self.base.signer {
            Signer::Here(_) => ends.min().unwrap_or(u64::MAX),
            Signer::Elsewhere(brought) => brought.expires,
        }
    }

    /// Tags of the keys whose signatures are over its data.
    #[must_use]
    pub fn key_tags(&self) -> Vec<u16> {
        match &self.base.signer {
            Signer::Here(signing) => {
                let keys = signing.zone_keys.iter();
                keys.map(|key| key.public().tag()).collect()
            }
            Signer::Elsewhere(brought) => brought.keys.clone(),
        }
    }

    /// The chunks that have a signature to make at this time (seconds since 1970), longest due first.
    #[must_use]
    pub fn stale(&self, now: u64) -> Vec<usize> {
        let all = self.chunks.iter().enumerate();
        let mut due: Vec<(u64, usize)> = all
            .filter(|(_, chunk)| chunk.due <= now)
            .map(|(number, chunk)| (chunk.due, number))
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, number)| number).collect()
    }

    /// When the next signature is to be made, seconds since 1970.
    #[must_use]
    pub fn due(&self) -> u64 {
        let due = self.chunks.iter().map(|chunk| chunk.due);
        due.min().unwrap_or(u64::MAX)
    }

    /// All signatures, for a later generation of the zone.
    #[must_use]
    pub fn cache(&self) -> Cache<'_> {
        let signed = (0..self.base.entries())
            .filter_map(|entry| Some((digest(&self.base.content(entry)?), self.of_entry(entry)?)));
        Cache(signed.collect())
    }

    /// Makes a chunk for this time, out of what it holds already, what another generation of the zone
    /// holds, and new signatures.
    #[must_use]
    pub fn sign(&self, chunk: usize, now: u64, cache: &Cache<'_>) -> Chunk {
        let entries = chunk * CHUNK..((chunk + 1) * CHUNK).min(self.base.entries());
        let mut made = Chunk {
            due: u64::MAX,
            expires: u64::MAX,
            ..Chunk::default()
        };
        for entry in entries {
            if let Some(content) = self.base.content(entry) {
                let known = self.of_entry(entry);
                self.base.sign(&content, now, (known, cache), &mut made);
            }
            let end = u32::try_from(made.octets.len()).expect("a chunk is a few messages long");
            made.ends.push(end);
        }
        made
    }

    /// The same zone with some chunks replaced.
    #[must_use]
    pub fn renewed(&self, chunks: Vec<(usize, Chunk)>) -> Self {
        let mut renewed = self.clone();
        for (number, chunk) in chunks {
            if let Some(place) = renewed.chunks.get_mut(number) {
                *place = Arc::new(chunk);
            }
        }
        renewed
    }

    /// The RRSIG RRset of an RRset of the zone.
    #[must_use]
    pub fn of_set(&self, node: u32, kind: u16) -> Option<RrSet<'_>> {
        if matches!(self.base.signer, Signer::Elsewhere(_)) {
            return self.base.zone.signatures(node, kind);
        }
        let place = self
            .base
            .zone
            .sets(node)
            .position(|set| set.rtype == kind)?;
        self.of_entry(*self.base.first.get(node as usize)? as usize + place)
    }

    /// The RRSIG RRset of the first RRset of a node that is signed.
    #[must_use]
    pub fn of_any(&self, node: u32) -> Option<RrSet<'_>> {
        let mut sets = self.base.zone.sets(node);
        sets.find_map(|set| self.of_set(node, set.rtype))
    }

    /// The RRSIG RRset of a steered answer, whatever the order of its records.
    #[must_use]
    pub fn of_variant(&self, node: u32, records: &[u8]) -> Option<RrSet<'_>> {
        let variants = &self.base.variants;
        let is_it = |number: u32| {
            let variant = &variants[number as usize];
            variant.node == node && variant.holds(records)
        };
        let hash = variant_hash(node, records);
        let number = self.base.variant_index.find(hash, is_it)?;
        self.of_entry(self.base.behind_chain() + number as usize)
    }

    /// Whether names are denied by their hashes.
    #[must_use]
    pub fn is_hashed(&self) -> bool {
        self.base.chain.is_hashed()
    }

    /// The link of a node, if it has one.
    #[must_use]
    pub fn matching(&self, node: u32) -> Option<Proof<'_>> {
        self.proof(self.base.chain.matching(node)?)
    }

    /// The link of a steered node, without a type that it has for other clients.
    #[must_use]
    pub fn lack(&self, node: u32, rtype: u16) -> Option<Proof<'_>> {
        self.proof(self.base.chain.lack(node, rtype)?)
    }

    /// The link that covers a name in which the apex starts at octet `apex`.
    #[must_use]
    pub fn covering(&self, name: &[u8], apex: usize) -> Option<Proof<'_>> {
        self.proof(self.base.chain.covering(name, apex)?)
    }

    /// The link that covers the wildcard below a node; `None` where nothing is below that node, and
    /// [`covering`](Self::covering) has to look.
    #[must_use]
    pub fn covering_wildcard(&self, node: u32) -> Option<Proof<'_>> {
        self.proof(self.base.chain.covering_wildcard(node)?)
    }

    /// A link by its number.
    #[must_use]
    pub fn proof(&self, number: usize) -> Option<Proof<'_>> {
        let owner = self.base.chain.owner(number)?;
        let (set, mut behind) = self.base.chain.set(&self.base.zone, number)?;
        let signatures = match (&self.base.signer, owner) {
            (Signer::Here(_), _) => self.of_entry(self.base.sets() + number),
            (Signer::Elsewhere(_), LinkOwner::Node(node)) => {
                self.base.zone.signatures(node, rtype::NSEC)
            }
            (Signer::Elsewhere(_), LinkOwner::Hash(_)) => RrSet::take(&mut behind),
        };
        Some(Proof {
            owner,
            set,
            signatures: signatures?,
            number,
        })
    }

    /// The labels of a link's owner in front of the apex.
    pub fn owner_below_apex<'o>(&self, proof: &Proof<'_>, octets: &'o mut [u8; 255]) -> &'o [u8] {
        let length = match &proof.owner {
            LinkOwner::Hash(label) => {
                octets[..label.len()].copy_from_slice(label);
                label.len()
            }
            LinkOwner::Node(node) => self.base.zone.tree.labels_into(*node, octets),
        };
        &octets[..length]
    }

    fn of_entry(&self, entry: usize) -> Option<RrSet<'_>> {
        self.chunks.get(entry / CHUNK)?.set(entry % CHUNK)
    }
}

impl Base {
    /// How many RRsets the zone has.
    fn sets(&self) -> usize {
        self.first.last().map_or(0, |&end| end as usize)
    }

    fn behind_chain(&self) -> usize {
        self.sets() + self.chain.len()
    }

    fn entries(&self) -> usize {
        self.behind_chain() + self.variants.len()
    }

    /// What is signed as an entry; nothing where the RRset is not this zone's to sign.
    fn content(&self, entry: usize) -> Option<Content> {
        if entry < self.sets() {
            return self.content_of_set(entry);
        }
        match entry.checked_sub(self.behind_chain()) {
            None => self.content_of_link(entry - self.sets()),
            Some(number) => {
                let variant = self.variants.get(number)?;
                Some(variant.content(self.wire(variant.node)))
            }
        }
    }

    fn content_of_set(&self, entry: usize) -> Option<Content> {
        let node = self
            .first
            .partition_point(|&first| first as usize <= entry)
            .checked_sub(1)?;
        let place = entry - self.first[node] as usize;
        let node = u32::try_from(node).ok()?;
        let set = self.zone.sets(node).nth(place)?;
        chain::is_signed(&self.zone, node, set.rtype).then(|| self.content_of(node, set))
    }

    fn content_of(&self, node: u32, set: RrSet<'_>) -> Content {
        Content {
            owner: self.wire(node),
            rtype: set.rtype,
            ttl: set.ttl,
            records: set.records().map(<[u8]>::to_vec).collect(),
        }
    }

    fn content_of_link(&self, number: usize) -> Option<Content> {
        let (set, _) = self.chain.set(&self.zone, number)?;
        let owner = match self.chain.owner(number)? {
            LinkOwner::Node(node) => self.wire(node),
            LinkOwner::Hash(label) => [&label, self.zone.apex.as_wire()].concat(),
        };
        Some(Content {
            owner,
            rtype: set.rtype,
            ttl: set.ttl,
            records: set.records().map(<[u8]>::to_vec).collect(),
        })
    }

    fn wire(&self, node: u32) -> Vec<u8> {
        self.zone.tree.wire(node, self.zone.apex.as_wire())
    }

    /// Appends the RRSIG RRset of a content: a known one if it still is what would be made.
    fn sign(
        &self,
        content: &Content,
        now: u64,
        (known, cache): (Option<RrSet<'_>>, &Cache<'_>),
        made: &mut Chunk,
    ) {
        let Signer::Here(signing) = &self.signer else {
            return;
        };
        let wire = content.wire();
        let window = Window::at(now, &wire, signing.validity);
        let keys = || signing.keys(content.rtype);
        let is_current = |set: &RrSet<'_>| rrsig::is_current(set.records(), keys(), window);
        let found = known
            .filter(is_current)
            .or_else(|| cache.0.get(&digest(content)).copied().filter(is_current));
        match found {
            Some(set) => rrsig::copy(set, &mut made.octets),
            None => {
                let signer = self.zone.apex.as_wire();
                let encoded = rrsig::encode(content, &wire, keys(), signer, window);
                made.octets.extend(encoded);
            }
        }
        made.due = made.due.min(window.due);
        made.expires = made.expires.min(window.expiration);
    }
}

impl Chunk {
    /// When the first of its signatures is to be made anew.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.due
    }

    fn set(&self, place: usize) -> Option<RrSet<'_>> {
        let end = *self.ends.get(place)? as usize;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        RrSet::take(&mut self.octets.get(start..end)?)
    }
}

fn digest(content: &Content) -> [u64; 2] {
    let wire = content.wire();
    DIGESTS.map(|key| key.hash(&wire))
}
