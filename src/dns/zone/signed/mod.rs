//! A zone with its signatures: each RRset that can be answered is signed before it is asked for.
//!
//! ```text
//! entries   RRsets of the zone, links of the chain | lacks | steered answers
//!              by node                               by node and records
//! chunks    [RRSIG sets of 32 nodes] [RRSIG sets of 32 nodes] ...
//! ```
//!
//! Which entries there are is settled once ([`Base`]); their signatures stand in chunks, by
//! reference, so that a renewal replaces a few chunks and shares the rest. Making a chunk is a
//! pure function of keys and time, so whoever has threads may use them. A zone takes the signatures of the
//! one before over, chunk by chunk where nothing changed ([`Signed::following`]).
//!
//! | module | what it decides |
//! |---|---|
//! | [`canonical`] | what a signature covers, and how names are sorted |
//! | [`rrsig`] | when a signature holds, and its octets |
//! | [`chain`] | NSEC and NSEC3: what is between the names |
//! | [`base`] | what is signed, and in which chunk its signatures stand |
//! | `follow` | what a zone takes over from the one before |
//! | `elsewhere` | zones that come with signatures |
//! | `kept` | signatures over restarts |
//! | `variant` | answers of steered names, whatever their order |
//! | `listing` | all of it in a row, for transfers |
//!
//! A zone that was signed **elsewhere** (its file, or its primary, brings signatures and a chain) is
//! served in the same way ([`Signed::elsewhere`]): its signatures stand beside what they cover among the
//! zone's own data, nothing of it is made here, and nothing of it falls due.
//!
//! It knows neither health nor tables: a steered answer is a list of address records that it
//! was told of beforehand. Files, clocks and the order of rollovers are not its matter either.
use std::sync::Arc;

use super::{Edit, Mount, Zone};
use crate::dns::dnssec::PrivateKey;
use crate::dns::rr::{RrSet, rtype};

mod base;
mod canonical;
mod chain;
mod change;
mod chunk;
mod elsewhere;
mod follow;
mod kept;
mod listing;
mod rrsig;
#[cfg(test)]
mod tests;
mod variant;

pub use chunk::Chunk;
pub use kept::{KeptCondition, KeptMark, KeptSignatures};

use base::Base;
use chain::LinkOwner;
use chunk::{Signatures, Times};
use variant::{set_hash, variant_hash};

/// Nodes, lacks or steered answers of one chunk.
const CHUNK: usize = 32;
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steered {
    /// The greatest TTL of these answers, seconds.
    pub ttl: u32,
    /// By family: each answer, as [`addresses::put`] makes it. A family without any is a type
    /// that the name does not have.
    pub answers: [Vec<Box<[u8]>>; 2],
    /// RRsets of other types, a CNAME among them, by their types.
    pub sets: Vec<SteeredSet>,
    /// The types that one client may lack all together, sorted; beside one address type, both, and each type alone,
    /// which are never missing here.
    pub lacking: Vec<Vec<u16>>,
}

/// One RRset that a steered name may be answered with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SteeredSet {
    /// Type; none of an address.
    pub rtype: u16,
    /// Its greatest TTL, seconds.
    pub ttl: u32,
    /// RDATA of each record, names uncompressed.
    pub records: Vec<Vec<u8>>,
}

/// Everything that one client gets of a steered name, whatever the health.
#[derive(Clone, Debug, Default)]
pub struct StaticForm<'c> {
    /// By family: the addresses, as [`addresses::put`] makes them.
    ///
    /// [`addresses::put`]: crate::dns::addresses::put
    pub addresses: [&'c [u8]; 2],
    /// RRsets of other types; a CNAME is the only one.
    pub sets: Vec<SteeredSet>,
}

/// A zone with its signatures.
#[derive(Clone, Debug)]
pub struct Signed {
    base: Arc<Base>,
    chunks: Vec<Arc<Signatures>>,
    /// By chunk: when its signatures hold.
    times: Vec<Times>,
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
    /// The types that the name has for some client, each once.
    #[must_use]
    pub fn types(&self) -> Vec<u16> {
        let types = [rtype::A, rtype::AAAA].into_iter().zip(&self.answers);
        let addresses = types.filter(|(_, answers)| !answers.is_empty());
        let addresses = addresses.map(|(rtype, _)| rtype);
        let mut types: Vec<u16> = addresses.collect();
        types.extend(self.sets.iter().map(|set| set.rtype));
        types.dedup();
        types
    }

    /// The greatest TTL of any answer, seconds.
    #[must_use]
    pub fn longest_ttl(&self) -> u32 {
        let sets = self.sets.iter().map(|set| set.ttl);
        sets.fold(self.ttl, u32::max)
    }
}

impl StaticForm<'_> {
    /// The types that there is something of.
    pub(super) fn types(&self) -> Vec<u16> {
        let types = [rtype::A, rtype::AAAA].into_iter().zip(self.addresses);
        let addresses = types.filter(|(_, records)| !records.is_empty());
        let sets = self.sets.iter().map(|set| set.rtype);
        addresses.map(|(rtype, _)| rtype).chain(sets).collect()
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
            kind if follow::BY_ENTRY_KEYS.contains(&kind) => &self.entry_keys,
            _ => &self.zone_keys,
        };
        keys.iter().map(|key| &**key)
    }
}

impl Signed {
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
            Signer::Here(_) => {
                let base = &self.base;
                base.zone.upkeep.rrsets() + base.chain.len() + base.variants.len()
            }
            Signer::Elsewhere(brought) => brought.rrsets,
        }
    }

    /// When the first signature ends to hold, seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> u64 {
        let ends = self.times.iter().map(|times| times.expires);
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

    /// The chunks that have a signature to make at this time (seconds since 1970), longest due first:
    /// one that is missing, one whose time has come, or one that does not hold yet because the clock was
    /// ahead when it was made.
    #[must_use]
    pub fn stale(&self, now: u64) -> Vec<usize> {
        let all = self.times.iter().map(|times| times.due_at(now));
        let mut due: Vec<(u64, usize)> = all.zip(0..).filter(|(due, _)| *due <= now).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, number)| number).collect()
    }

    /// The chunks that keep the zone from being answered at this time (seconds since 1970): a signature of theirs
    /// is missing, is not by the present keys, does not hold yet, or should have been renewed long ago. In their order.
    #[must_use]
    pub fn lacking(&self, now: u64) -> Vec<usize> {
        let Some(signing) = self.signing() else {
            return Vec::new();
        };
        let is_lacking = |times: &Times| times.is_lacking(now, signing.validity);
        let all = (0..).zip(&self.times);
        all.filter(|(_, times)| is_lacking(times))
            .map(|(number, _)| number)
            .collect()
    }

    /// The number of signatures of a chunk that keep the zone from being answered at this time.
    #[must_use]
    pub fn lacks(&self, chunk: usize, now: u64) -> usize {
        let Some(signing) = self.signing() else {
            return 0;
        };
        let known = self.chunks.get(chunk);
        let parts = self.base.parts(chunk).into_iter().enumerate();
        let lacks = parts.filter_map(|(place, part)| {
            let kind = self.base.signed_type(part)?;
            let set = known.and_then(|known| known.set(place));
            let times = set.map_or(Times::MISSING, |set| rrsig::times(set, kind, signing));
            let is_lacking = times.is_lacking(now, signing.validity);
            is_lacking.then(|| signing.keys(kind).count())
        });
        lacks.sum()
    }

    /// When the next signature is to be made, seconds since 1970, as the clock stands now: 0 if one is missing
    /// or does not hold yet.
    #[must_use]
    pub fn due(&self, now: u64) -> u64 {
        let due = self.times.iter().map(|times| times.due_at(now));
        due.min().unwrap_or(u64::MAX)
    }

    /// Makes a chunk for this time, out of what it holds already and new signatures.
    #[must_use]
    pub fn sign(&self, chunk: usize, now: u64) -> Chunk {
        let mut made = Chunk::empty();
        let Signer::Here(signing) = &self.base.signer else {
            return made;
        };
        let signer = self.base.zone.apex.as_wire();
        let known = self.chunks.get(chunk);
        for (place, part) in self.base.parts(chunk).into_iter().enumerate() {
            if let Some(content) = self.base.content(part) {
                let known = known.and_then(|known| known.set(place));
                let by = (signing, signer);
                let from = made.signatures.octets.len();
                let times = rrsig::make(&content, by, now, known, &mut made.signatures.octets);
                made.times = made.times.and(times);
                made.count(from, known);
            }
            made.end_entry();
        }
        made
    }

    /// The same zone with some chunks replaced.
    #[must_use]
    pub fn renewed(&self, chunks: Vec<(usize, Chunk)>) -> Self {
        let mut renewed = self.clone();
        for (number, chunk) in chunks {
            renewed.put(number, chunk);
        }
        renewed
    }

    fn put(&mut self, number: usize, chunk: Chunk) {
        let places = (self.chunks.get_mut(number), self.times.get_mut(number));
        if let (Some(signatures), Some(times)) = places {
            *signatures = Arc::new(chunk.signatures);
            *times = chunk.times;
        }
    }

    /// The RRSIG RRset of an RRset of the zone.
    #[must_use]
    pub fn of_set(&self, node: u32, kind: u16) -> Option<RrSet<'_>> {
        if matches!(self.base.signer, Signer::Elsewhere(_)) {
            return self.base.zone.signatures(node, kind);
        }
        let chunk = self.chunks.get(node as usize / CHUNK)?;
        let first = *self.base.first.get(node as usize)? as usize;
        let mut sets = self.base.zone.sets(node).zip(first..);
        let (_, entry) = sets.find(|(set, _)| set.rtype == kind)?;
        chunk.set(entry)
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
        let number = self.variant(node, records)?;
        self.of_entry(self.base.variants_from + number)
    }

    /// The RRSIG RRset of a steered RRset that is none of addresses, whatever the order of its records.
    #[must_use]
    pub fn of_steered_set<'r>(
        &self,
        node: u32,
        rtype: u16,
        records: impl Iterator<Item = &'r [u8]> + Clone,
    ) -> Option<RrSet<'_>> {
        let number = self.steered_set(node, rtype, records)?;
        self.of_entry(self.base.variants_from + number)
    }

    fn steered_set<'r>(
        &self,
        node: u32,
        rtype: u16,
        records: impl Iterator<Item = &'r [u8]> + Clone,
    ) -> Option<usize> {
        let variants = &self.base.variants;
        let is_it = |number: u32| {
            let variant = &variants[number as usize];
            (variant.node, variant.rtype) == (node, rtype) && variant.has(records.clone())
        };
        let hash = set_hash(node, rtype, records.clone());
        let number = self.base.set_index.find(hash, is_it)?;
        Some(number as usize)
    }

    #[inline]
    fn variant(&self, node: u32, records: &[u8]) -> Option<usize> {
        let variants = &self.base.variants;
        let is_it = |number: u32| {
            let variant = &variants[number as usize];
            variant.node == node && variant.holds(records)
        };
        let hash = variant_hash(node, records);
        let number = self.base.variant_index.find(hash, is_it)?;
        Some(number as usize)
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
            (Signer::Here(_), _) => self.of_entry(self.base.chain.slot(number)?),
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
