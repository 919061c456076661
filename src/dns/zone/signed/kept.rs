//! Signatures that outlive the process: each is found again by what it is over and by what made it, and by nothing else.
//!
//! ```text
//! frame   "WPs1" length checksum | block signature signature ...      a frame's checksum is over all behind it
//! signature                        digest length RRSIG-RRset          ... and over its length
//! digest = SHA-256(public keys that sign the type | owner | type | TTL | RDATA in order), 16 octets of it
//! ```
//!
//! A frame holds signatures of one chunk; whole files have one for each chunk, and what changes later stands in further
//! frames behind them, of which the last counts. The number of the chunk is a hint alone, so that a zone whose names
//! have other numbers now finds its signatures too. Names in RDATA count as they are written, so that another case of
//! theirs costs a signature, which is allowed; the order of records does not count.
//!
//! **Why that is enough.** A kept signature is used where the digest of the RRset that is to be answered, made anew from
//! the zone and its present keys, is the one that stands beside it: 128 bits of SHA-256, so no other RRset and no other
//! key of the same tag has it (whoever could make two RRsets with one digest, in 2^64 steps, would gain an answer that does not
//! validate). The times are those that the signature itself says and covers. A flipped bit shows in the checksum, 128
//! bits too, and costs its frame. The digest has no secret key: it would have to lie beside the file, and whoever can write
//! there could only make answers bogus, which deleting the keys does as well. Signatures are not verified when they are
//! read: that costs more than to make them (two multiplications for one), and would find nothing else, since what is kept was
//! made here.
//!
//! It knows nothing of files, and not when anything is kept.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;

use super::base::{Base, Part};
use super::chain::{self, LinkOwner};
use super::chunk::{Chunk, Signatures, Times};
use super::{Signed, Signer, Signing, follow, rrsig};
use crate::dns::dnssec::PrivateKey;
use crate::dns::rr::{RrSet, rtype};

/// Octets of a digest and of a checksum.
const DIGEST_BYTES: usize = 16;
/// The beginning of every frame, with the version of the form.
const MAGIC: [u8; 4] = *b"WPs1";
/// Octets of a frame before what its checksum is over.
const HEAD_BYTES: usize = MAGIC.len() + 4 + DIGEST_BYTES;
/// Octets of a signature besides its RRset: digest and length.
const BESIDE_BYTES: usize = DIGEST_BYTES + 4;
/// Octets of a frame at the most; a chunk is smaller.
const FRAME_BYTES: usize = 1 << 26;

type SignaturePrint = [u8; DIGEST_BYTES];

/// Signatures as they were kept.
#[derive(Debug, Default)]
pub struct KeptSignatures {
    octets: Vec<u8>,
    /// By chunk: what its frames hold, the last of them first.
    frames: BTreeMap<u32, Vec<Range<usize>>>,
    /// The place of each digest; made when somebody has to look beyond the frames of a chunk.
    all: OnceLock<HashMap<SignaturePrint, Range<usize>>>,
}

/// The condition of what was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptCondition {
    /// Nothing.
    Whole,
    /// Its end was not written to the end: nobody was told that it is kept.
    Torn,
    /// So many octets are not what was written.
    Damaged(usize),
}

/// The signatures of a zone that have been kept.
#[derive(Clone, Debug, Default)]
pub struct KeptMark(Vec<Arc<Signatures>>);

impl KeptMark {
    /// Tells that a zone has the same signatures.
    #[must_use]
    pub fn is_of(&self, signed: &Signed) -> bool {
        let same = |(one, other): (&Arc<_>, &Arc<_>)| Arc::ptr_eq(one, other);
        self.0.len() == signed.chunks.len() && self.0.iter().zip(&signed.chunks).all(same)
    }
}

impl KeptSignatures {
    /// Reads what was kept, as far as it is what was written.
    #[must_use]
    pub fn read(octets: Vec<u8>) -> (Self, KeptCondition) {
        let mut frames: BTreeMap<u32, Vec<Range<usize>>> = BTreeMap::new();
        let (mut at, mut skipped, mut damaged) = (0, 0, 0);
        while at < octets.len() {
            match frame_at(&octets, at) {
                Some((block, body)) => {
                    // What is broken and has a whole frame behind it is no torn end.
                    damaged += std::mem::take(&mut skipped);
                    at = body.end;
                    frames.entry(block).or_default().insert(0, body);
                }
                None => {
                    let rest = octets.get(at + 1..).unwrap_or_default();
                    let next = rest.windows(MAGIC.len()).position(|own| own == MAGIC);
                    let next = next.map_or(octets.len(), |next| at + 1 + next);
                    skipped += next - at;
                    at = next;
                }
            }
        }
        let condition = match (damaged, skipped) {
            (0, 0) => KeptCondition::Whole,
            (0, torn) if torn < octets.len() => KeptCondition::Torn,
            (damaged, skipped) => KeptCondition::Damaged(damaged + skipped),
        };
        let kept = Self {
            octets,
            frames,
            all: OnceLock::new(),
        };
        (kept, condition)
    }

    /// Tells that there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    fn all(&self) -> &HashMap<SignaturePrint, Range<usize>> {
        self.all.get_or_init(|| {
            let mut bodies: Vec<&Range<usize>> = self.frames.values().flatten().collect();
            // What was written later counts.
            bodies.sort_unstable_by_key(|body| body.start);
            let bodies = bodies.into_iter();
            bodies
                .flat_map(|body| FrameEntries::of(&self.octets, body.clone()))
                .collect()
        })
    }
}

/// Signatures that were kept for one chunk, and where in it the next signature is to be expected.
struct ChunkShelf<'k> {
    kept: &'k KeptSignatures,
    /// Each digest once, as it was written last.
    entries: Vec<(SignaturePrint, Range<usize>)>,
    next: usize,
}

impl<'k> ChunkShelf<'k> {
    fn of(kept: &'k KeptSignatures, block: usize) -> Self {
        let frames = u32::try_from(block).ok();
        let frames = frames.and_then(|block| kept.frames.get(&block));
        let frames = frames.map_or(&[][..], Vec::as_slice);
        let entries = frames.iter();
        let entries = entries.flat_map(|body| FrameEntries::of(&kept.octets, body.clone()));
        let mut seen = HashSet::new();
        let is_new = |(digest, _): &(SignaturePrint, _)| frames.len() == 1 || seen.insert(*digest);
        Self {
            kept,
            entries: entries.filter(is_new).collect(),
            next: 0,
        }
    }

    /// The RRSIG RRset that was kept for a digest, wherever it stands.
    fn find(&mut self, digest: &SignaturePrint) -> Option<&'k [u8]> {
        let is_it = |(known, _): &(SignaturePrint, _)| known == digest;
        let place = match self.entries.get(self.next) {
            Some(entry) if is_it(entry) => Some(self.next),
            _ => self.entries.iter().position(is_it),
        };
        let octets = match place {
            Some(place) => {
                self.next = place + 1;
                self.entries.get(place).map(|(_, octets)| octets)
            }
            None => self.kept.all().get(digest),
        };
        self.kept.octets.get(octets?.clone())
    }
}

/// Signatures in the body of a frame, with the places of their RRsets.
struct FrameEntries<'o> {
    octets: &'o [u8],
    rest: Range<usize>,
}

impl<'o> FrameEntries<'o> {
    fn of(octets: &'o [u8], body: Range<usize>) -> Self {
        // The number of the chunk stands in front.
        let rest = body.start + 4..body.end;
        Self { octets, rest }
    }
}

impl Iterator for FrameEntries<'_> {
    type Item = (SignaturePrint, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.octets.get(self.rest.clone())?;
        let (digest, rest) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let start = self.rest.start + BESIDE_BYTES;
        self.rest.start = start + length;
        (self.rest.start <= self.rest.end).then(|| (*digest, start..start + length))
    }
}

/// The frame that begins at an octet, if a whole one does: its chunk, and where its body is.
fn frame_at(octets: &[u8], at: usize) -> Option<(u32, Range<usize>)> {
    let rest = octets.get(at..)?.strip_prefix(&MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let size = u32::from_be_bytes(*length) as usize;
    let body = rest.get(..size).filter(|_| size <= FRAME_BYTES)?;
    let block = u32::from_be_bytes(*body.first_chunk()?);
    let start = at + HEAD_BYTES;
    (*sum == checksum(*length, body)).then(|| (block, start..start + size))
}

fn checksum(length: [u8; 4], body: &[u8]) -> SignaturePrint {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&length);
    context.update(body);
    short(context.finish().as_ref())
}

fn short(digest: &[u8]) -> SignaturePrint {
    *digest.first_chunk().expect("SHA-256 has 32 octets")
}

/// Digests of the keys that sign a zone: of those that sign its entry, and of the others.
struct KeyPrints([SignaturePrint; 2]);

impl KeyPrints {
    fn of(signing: &Signing) -> Self {
        Self([&signing.entry_keys, &signing.zone_keys].map(|keys| of_keys(keys)))
    }

    fn of_type(&self, kind: u16) -> &SignaturePrint {
        let [entry, zone] = &self.0;
        match kind {
            kind if follow::BY_ENTRY_KEYS.contains(&kind) => entry,
            _ => zone,
        }
    }
}

fn of_keys(keys: &[Arc<PrivateKey>]) -> SignaturePrint {
    let mut context = digest::Context::new(&digest::SHA256);
    for key in keys {
        let rdata = key.public().rdata();
        context.update(&number(rdata.len()));
        context.update(&rdata);
    }
    short(context.finish().as_ref())
}

fn number(size: usize) -> [u8; 4] {
    let size = u32::try_from(size).expect("what is kept is shorter than a zone");
    size.to_be_bytes()
}

impl Base {
    /// The digest of an entry as its keys sign it, and its type; `room` is for its octets.
    fn digest(
        &self,
        part: Part,
        makers: &KeyPrints,
        room: &mut Vec<u8>,
    ) -> Option<(SignaturePrint, u16)> {
        let (kind, ttl) = match part {
            Part::Nothing => return None,
            Part::Link(link) => self.chain.set(&self.zone, link).map(|(set, _)| set)?.kind(),
            Part::Set(node, place) => self.zone.sets(node).nth(place)?.kind(),
            Part::Variant(variant) => self.variants.get(variant)?.kind(),
        };
        room.clear();
        room.extend_from_slice(makers.of_type(kind));
        match part {
            Part::Nothing => return None,
            Part::Link(link) => {
                match self.chain.owner(link)? {
                    LinkOwner::Node(node) => self.put_owner(node, room),
                    LinkOwner::Hash(label) => {
                        room.extend_from_slice(&label);
                        room.extend_from_slice(self.zone.apex.as_wire());
                    }
                }
                let (set, _) = self.chain.set(&self.zone, link)?;
                put_records((kind, ttl), set.records(), room);
            }
            Part::Set(node, place) => {
                let set = self.zone.sets(node).nth(place)?;
                chain::is_signed(&self.zone, node, kind).then_some(())?;
                self.put_owner(node, room);
                put_records((kind, ttl), set.records(), room);
            }
            Part::Variant(variant) => {
                let variant = self.variants.get(variant)?;
                self.put_owner(variant.node, room);
                put_records((kind, ttl), variant.rdata(), room);
            }
        }
        let digest = digest::digest(&digest::SHA256, room);
        Some((short(digest.as_ref()), kind))
    }

    fn put_owner(&self, node: u32, room: &mut Vec<u8>) {
        let mut labels = [0; 255];
        let length = self.zone.tree.labels_into(node, &mut labels);
        let at = room.len();
        room.extend_from_slice(labels.get(..length).unwrap_or_default());
        room.extend_from_slice(self.zone.apex.as_wire());
        if let Some(owner) = room.get_mut(at..) {
            owner.make_ascii_lowercase();
        }
    }
}

impl RrSet<'_> {
    fn kind(&self) -> (u16, u32) {
        (self.rtype, self.ttl)
    }
}

/// Appends type, TTL and records, in order and none twice.
fn put_records<'r>(
    (kind, ttl): (u16, u32),
    mut records: impl Iterator<Item = &'r [u8]>,
    room: &mut Vec<u8>,
) {
    room.extend_from_slice(&kind.to_be_bytes());
    room.extend_from_slice(&ttl.to_be_bytes());
    let mut put = |rdata: &[u8]| {
        room.extend_from_slice(&number(rdata.len()));
        room.extend_from_slice(rdata);
    };
    let Some(first) = records.next() else { return };
    let Some(second) = records.next() else {
        return put(first);
    };
    let mut all: Vec<&[u8]> = [first, second].into_iter().chain(records).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().for_each(put);
}

impl Signatures {
    /// The octets of an entry's RRSIG RRset; empty where there is none.
    fn octets_of(&self, place: usize) -> &[u8] {
        let end = self.ends.get(place).map_or(0, |end| *end as usize);
        let before = place
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |start| *start as usize);
        self.octets.get(start..end).unwrap_or_default()
    }

    /// Tells that an entry has these octets, looked for at its own place first.
    fn has(&self, place: usize, octets: &[u8]) -> bool {
        self.octets_of(place) == octets
            || (0..self.ends.len()).any(|other| self.octets_of(other) == octets)
    }
}

impl Signed {
    /// The signatures that it has now, to be kept; [`Signed::frame`] gives what has changed since.
    #[must_use]
    pub fn mark(&self) -> KeptMark {
        KeptMark(self.chunks.clone())
    }

    /// The number of its chunks.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.chunks.len()
    }

    /// About how many octets its signatures take when all of them are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        let of_chunk = |chunk: &Arc<Signatures>| {
            HEAD_BYTES + chunk.octets.len() + chunk.ends.len() * BESIDE_BYTES
        };
        self.chunks.iter().map(of_chunk).sum::<usize>() as u64
    }

    /// Appends a frame with those signatures of a chunk that were not there before; nothing if there are none, or as
    /// long as one of the chunk is missing or is to be replaced at once.
    pub fn frame(&self, block: usize, since: &KeptMark, out: &mut Vec<u8>) {
        let (Some(chunk), Some(times)) = (self.chunks.get(block), self.times.get(block)) else {
            return;
        };
        let before = since.0.get(block);
        let is_same = before.is_some_and(|before| Arc::ptr_eq(before, chunk));
        let Signer::Here(signing) = &self.base.signer else {
            return;
        };
        if is_same || times.due == 0 {
            return;
        }
        let (makers, mut room) = (KeyPrints::of(signing), Vec::new());
        let mut body = number(block).to_vec();
        let head = body.len();
        for (place, part) in self.base.parts(block).into_iter().enumerate() {
            let octets = chunk.octets_of(place);
            if octets.is_empty() || before.is_some_and(|before| before.has(place, octets)) {
                continue;
            }
            if let Some((digest, _)) = self.base.digest(part, &makers, &mut room) {
                body.extend_from_slice(&digest);
                body.extend_from_slice(&number(octets.len()));
                body.extend_from_slice(octets);
            }
        }
        if body.len() > head {
            let length = number(body.len());
            out.extend_from_slice(&MAGIC);
            out.extend_from_slice(&length);
            out.extend_from_slice(&checksum(length, &body));
            out.append(&mut body);
        }
    }

    /// Makes a chunk of what was kept for it; what was not is missing.
    #[must_use]
    pub fn adopt(&self, block: usize, kept: &KeptSignatures) -> Chunk {
        let mut chunk = Chunk::empty();
        let Signer::Here(signing) = &self.base.signer else {
            return chunk;
        };
        let mut shelf = ChunkShelf::of(kept, block);
        let room = shelf.entries.iter().map(|(_, octets)| octets.len()).sum();
        chunk.signatures.octets.reserve_exact(room);
        let (makers, mut room) = (KeyPrints::of(signing), Vec::new());
        for part in self.base.parts(block) {
            if let Some((digest, kind)) = self.base.digest(part, &makers, &mut room) {
                let found = shelf.find(&digest);
                let found = found.and_then(|octets| Some((octets, signatures(octets, kind)?)));
                let times = found.map(|(_, set)| rrsig::times(set, kind, signing));
                chunk.times = chunk.times.and(times.unwrap_or(Times::MISSING));
                if let Some((octets, _)) = found {
                    chunk.signatures.octets.extend_from_slice(octets);
                }
            }
            chunk.end_entry();
        }
        chunk
    }
}

/// The RRSIG RRset that octets are, if it is over this type.
fn signatures(mut octets: &[u8], kind: u16) -> Option<RrSet<'_>> {
    let set = RrSet::take(&mut octets)?;
    let is_over = set.rtype == rtype::RRSIG && set.covers() == Some(kind);
    (is_over && octets.is_empty()).then_some(set)
}
