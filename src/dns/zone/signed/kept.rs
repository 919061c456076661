//! Signatures that outlive the process: each is found again by what it is over and by what made it, and by nothing else.
//!
//! ```text
//! frame   "WPs2" length checksum | block whole signature signature ...    a frame's checksum is over all behind it
//! signature                        digest length RRSIG-RRset              ... and over its length
//! digest = SHA-256(public keys that sign the type | owner | type | TTL | RDATA in order), 16 octets of it
//! whole  = SHA-256(what each signature of the chunk is over, its length in front), 16 octets of it; zeros where the
//!          frame does not hold all of them
//! ```
//!
//! Frames of "WPs1" are read as well: they have no `whole`, and their checksum is made with SHA-256.
//!
//! A frame holds signatures of one chunk; whole files have one for each chunk, and what changes later stands in further
//! frames behind them, of which the last counts. The number of the chunk is a hint alone, so that a zone whose names
//! have other numbers now finds its signatures too. Names in RDATA count as they are written, so that another case of
//! theirs costs a signature, which is allowed; the order of records does not count.
//!
//! **Why that is enough.** A kept signature is used where the digest of the RRset that is to be answered, made anew from
//! the zone and its present keys, is the one that stands beside it: 128 bits of SHA-256, so no other RRset and no other
//! key of the same tag has it (whoever could make two RRsets with one digest, in 2^64 steps, would gain an answer that does not
//! validate). One digest of the same kind tells that all of a chunk is what it was, so that a start digests once for each
//! chunk, and single ones only where something differs. The times are those that the signature itself says and covers. A
//! flipped bit shows in the checksum, 128 bits too, and costs its frame: whatever happens within eight octets changes it for
//! certain ([`checksum`]), anything else but for one case in 2^128. The digest has no secret key: it would have to lie beside the file, and whoever can write
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
const MAGIC: [u8; 4] = *b"WPs2";
/// The same of the form before.
const MAGIC_BEFORE: [u8; 4] = *b"WPs1";
/// The beginning of both.
const MAGIC_START: &[u8] = b"WPs";
/// In place of a digest of all: the frame does not have all of its chunk.
const NOT_WHOLE: SignaturePrint = [0; DIGEST_BYTES];
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
    frames: BTreeMap<u32, Vec<KeptFrame>>,
    /// The place of each digest; made when somebody has to look beyond the frames of a chunk.
    all: OnceLock<HashMap<SignaturePrint, Range<usize>>>,
}

/// A frame that is sound.
#[derive(Clone, Debug)]
struct KeptFrame {
    /// The digest of all that its chunk has signatures over; [`NOT_WHOLE`] if it has not all of them.
    whole: SignaturePrint,
    /// The place of its signatures.
    entries: Range<usize>,
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
        let mut frames: BTreeMap<u32, Vec<KeptFrame>> = BTreeMap::new();
        let (mut at, mut skipped, mut damaged) = (0, 0, 0);
        while at < octets.len() {
            match frame_at(&octets, at) {
                Some((block, frame)) => {
                    // What is broken and has a whole frame behind it is no torn end.
                    damaged += std::mem::take(&mut skipped);
                    at = frame.entries.end;
                    frames.entry(block).or_default().insert(0, frame);
                }
                None => {
                    let rest = octets.get(at + 1..).unwrap_or_default();
                    let mut windows = rest.windows(MAGIC_START.len());
                    let next = windows.position(|own| own == MAGIC_START);
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

    /// The frames of a chunk, the last of them first.
    fn frames_of(&self, block: usize) -> &[KeptFrame] {
        let frames = u32::try_from(block).ok();
        let frames = frames.and_then(|block| self.frames.get(&block));
        frames.map_or(&[], Vec::as_slice)
    }

    fn all(&self) -> &HashMap<SignaturePrint, Range<usize>> {
        self.all.get_or_init(|| {
            let mut frames: Vec<&KeptFrame> = self.frames.values().flatten().collect();
            // What was written later counts.
            frames.sort_unstable_by_key(|frame| frame.entries.start);
            let frames = frames.into_iter();
            frames
                .flat_map(|frame| FrameEntries::of(&self.octets, frame))
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
        let frames = kept.frames_of(block);
        let entries = frames.iter();
        let entries = entries.flat_map(|frame| FrameEntries::of(&kept.octets, frame));
        let mut seen = HashSet::new();
        let is_new = |(digest, _): &(SignaturePrint, _)| frames.len() == 1 || seen.insert(*digest);
        Self {
            kept,
            entries: entries.filter(is_new).collect(),
            next: 0,
        }
    }

    /// Without signatures.
    fn empty(kept: &'k KeptSignatures) -> Self {
        Self {
            kept,
            entries: Vec::new(),
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
    fn of(octets: &'o [u8], frame: &KeptFrame) -> Self {
        let rest = frame.entries.clone();
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

/// The frame that begins at an octet, if a whole one does, and its chunk.
fn frame_at(octets: &[u8], at: usize) -> Option<(u32, KeptFrame)> {
    let (magic, rest) = octets.get(at..)?.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let size = u32::from_be_bytes(*length) as usize;
    let body = rest.get(..size).filter(|_| size <= FRAME_BYTES)?;
    let (block, rest) = body.split_first_chunk()?;
    let (own, whole, entries) = match *magic {
        MAGIC => {
            let (whole, entries) = rest.split_first_chunk()?;
            (checksum(*length, body), *whole, entries)
        }
        MAGIC_BEFORE => (checksum_before(*length, body), NOT_WHOLE, rest),
        _ => return None,
    };
    let end = at + HEAD_BYTES + size;
    let entries = end - entries.len()..end;
    (*sum == own).then(|| (u32::from_be_bytes(*block), KeptFrame { whole, entries }))
}

/// A checksum of 128 bits, for damage and not against anybody, in a small part of the time of a digest.
///
/// Both halves take eight octets at a time in by a step that can be undone (or, an odd factor, a turn), so that two bodies
/// that differ in nothing but one of these words never have the same.
fn checksum(length: [u8; 4], body: &[u8]) -> SignaturePrint {
    const FACTORS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03];
    let (words, rest) = body.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let size = u64::from(u32::from_be_bytes(length));
    let [mut left, mut right] = FACTORS.map(|factor| (size + 1).wrapping_mul(factor));
    let mut take = |word: u64| {
        left = (left ^ word).wrapping_mul(FACTORS[0]).rotate_left(29);
        right = (right ^ word).wrapping_mul(FACTORS[1]).rotate_left(37);
    };
    words
        .iter()
        .for_each(|word| take(u64::from_le_bytes(*word)));
    take(u64::from_le_bytes(last));
    // What came last has to reach all bits.
    (0..4).for_each(take);
    let mut sum = NOT_WHOLE;
    sum[..8].copy_from_slice(&left.to_be_bytes());
    sum[8..].copy_from_slice(&right.to_be_bytes());
    sum
}

/// The same frames in the form before.
#[cfg(test)]
pub(super) fn in_form_before(octets: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some((block, frame)) = frame_at(octets, at) {
        at = frame.entries.end;
        let body = [&block.to_be_bytes(), &octets[frame.entries]].concat();
        let length = number(body.len());
        let sum = checksum_before(length, &body);
        out.extend([&MAGIC_BEFORE, &length, &sum[..], &body].concat());
    }
    out
}

/// The checksum of the form before.
fn checksum_before(length: [u8; 4], body: &[u8]) -> SignaturePrint {
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
    /// Appends what an entry is, as its keys sign it; its type. Nothing where nothing is to be signed.
    fn put_subject(&self, part: Part, makers: &KeyPrints, room: &mut Vec<u8>) -> Option<u16> {
        match part {
            Part::Nothing => None,
            Part::Link(link) => {
                let (set, _) = self.chain.set(&self.zone, link)?;
                let owner = self.chain.owner(link)?;
                room.extend_from_slice(makers.of_type(set.rtype));
                match owner {
                    LinkOwner::Node(node) => self.put_owner(node, room),
                    LinkOwner::Hash(label) => {
                        room.extend_from_slice(&label);
                        room.extend_from_slice(self.zone.apex.as_wire());
                    }
                }
                put_records(set.kind(), set.records(), room);
                Some(set.rtype)
            }
            Part::Set(node, place) => {
                let set = self.zone.sets(node).nth(place)?;
                chain::is_signed(&self.zone, node, set.rtype).then_some(())?;
                room.extend_from_slice(makers.of_type(set.rtype));
                self.put_owner(node, room);
                put_records(set.kind(), set.records(), room);
                Some(set.rtype)
            }
            Part::Variant(variant) => {
                let variant = self.variants.get(variant)?;
                let (kind, ttl) = variant.kind();
                room.extend_from_slice(makers.of_type(kind));
                self.put_owner(variant.node, room);
                put_records((kind, ttl), variant.rdata(), room);
                Some(kind)
            }
        }
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

/// The subjects of the signatures of a chunk, one behind the other, each behind its length.
#[derive(Default)]
struct ChunkSubjects {
    octets: Vec<u8>,
    /// By entry: its type, and the place of what it is; `None` where nothing is signed.
    entries: Vec<Option<(u16, Range<usize>)>>,
}

impl ChunkSubjects {
    fn of(base: &Base, block: usize, makers: &KeyPrints) -> Self {
        let mut subjects = Self::default();
        for part in base.parts(block) {
            let Self { octets, entries } = &mut subjects;
            let from = octets.len();
            octets.extend_from_slice(&number(0));
            let start = octets.len();
            let kind = base.put_subject(part, makers, octets);
            let length = number(octets.len() - start);
            match kind {
                Some(_) => octets[from..start].copy_from_slice(&length),
                None => octets.truncate(from),
            }
            entries.push(kind.map(|kind| (kind, start..octets.len())));
        }
        subjects
    }

    /// The digest of all.
    fn print(&self) -> SignaturePrint {
        print(&self.octets)
    }

    /// The digest of one.
    fn print_of(&self, place: &Range<usize>) -> SignaturePrint {
        print(self.octets.get(place.clone()).unwrap_or_default())
    }
}

fn print(octets: &[u8]) -> SignaturePrint {
    short(digest::digest(&digest::SHA256, octets).as_ref())
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
            let head = HEAD_BYTES + 4 + DIGEST_BYTES;
            head + chunk.octets.len() + chunk.ends.len() * BESIDE_BYTES
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
        let subjects = ChunkSubjects::of(&self.base, block, &KeyPrints::of(signing));
        let mut body = number(block).to_vec();
        let whole = body.len();
        body.extend_from_slice(&subjects.print());
        let head = body.len();
        for (place, subject) in subjects.entries.iter().enumerate() {
            let Some((_, subject)) = subject else {
                continue;
            };
            let octets = chunk.octets_of(place);
            if octets.is_empty() || before.is_some_and(|before| before.has(place, octets)) {
                body[whole..head].copy_from_slice(&NOT_WHOLE);
                continue;
            }
            body.extend_from_slice(&subjects.print_of(subject));
            body.extend_from_slice(&number(octets.len()));
            body.extend_from_slice(octets);
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
        let subjects = ChunkSubjects::of(&self.base, block, &KeyPrints::of(signing));
        let last = kept.frames_of(block).first();
        let mut whole = last
            .filter(|frame| frame.whole != NOT_WHOLE && frame.whole == subjects.print())
            .map(|frame| FrameEntries::of(&kept.octets, frame));
        let mut shelf = match whole {
            Some(_) => ChunkShelf::empty(kept),
            None => ChunkShelf::of(kept, block),
        };
        let all = whole.as_ref().map(|all| all.rest.len());
        let room = match all {
            Some(all) => all - BESIDE_BYTES * subjects.entries.iter().flatten().count(),
            None => shelf.entries.iter().map(|(_, octets)| octets.len()).sum(),
        };
        chunk.signatures.octets.reserve_exact(room);
        for subject in &subjects.entries {
            if let Some((kind, subject)) = subject {
                let found = match &mut whole {
                    // All that is signed is what it was, in the same order.
                    Some(all) => all.next().and_then(|(_, place)| kept.octets.get(place)),
                    None => shelf.find(&subjects.print_of(subject)),
                };
                let kind = *kind;
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
