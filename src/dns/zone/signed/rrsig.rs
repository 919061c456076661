//! When a signature holds, and its making.
//!
//! A signature is a function of what it covers, of the key and of the time, and of nothing else,
//! so that several nodes with the same keys give the same octets and a restart changes none:
//!
//! ```text
//! content --hash--> phase --.
//!                           v
//! |----period----|----period----|----period----|      period = half the validity
//!         ^phase         ^ start    ^ now
//!                        '-- inception an hour before; expiration a whole validity after
//! ```
//!
//! Each is made anew when the next period of its content begins: at half its life, and spread
//! evenly over all contents. What is left of a signature is never less than half the validity.
use super::Signing;
use super::canonical::Content;
use super::chunk::Times;
use crate::base::HashKey;
use crate::dns::dnssec::PrivateKey;
use crate::dns::rr::{RrSet, rtype};
use crate::dns::rrset::Source;

/// How far a validator's clock may be behind.
const CLOCK_SKEW_SECONDS: u64 = 3600;
/// Octets of RDATA before the signer's name (RFC 4034, section 3.1).
const HEAD_BYTES: usize = 18;
/// The key of the hash that spreads contents over a period; the same on all nodes.
const PHASE: HashKey = HashKey(0x5252_5349_4753);

/// From when until when a signature holds, seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// When the period began.
    pub(super) start: u64,
    /// When the next one begins, and a new signature is due.
    pub(super) due: u64,
    /// When it ends.
    pub(super) expiration: u64,
}

impl Window {
    /// The window of a content at a time, for signatures that hold so many seconds.
    pub(super) fn at(now: u64, wire: &[u8], validity: u64) -> Self {
        let period = period(validity);
        let phase = PHASE.hash(wire) % period;
        let start = now - (now % period + period - phase) % period;
        Self {
            start,
            due: start + period,
            expiration: start + period * 2,
        }
    }

    fn inception(self) -> u64 {
        self.start.saturating_sub(CLOCK_SKEW_SECONDS)
    }
}

/// Appends RDATA of an RRSIG without its signature (RFC 4034, section 3.1).
fn put_head(content: &Content, key: &PrivateKey, signer: &[u8], window: Window, out: &mut Vec<u8>) {
    out.extend_from_slice(&content.rtype.to_be_bytes());
    out.push(key.public().algorithm.number());
    out.push(content.labels());
    out.extend_from_slice(&content.ttl.to_be_bytes());
    out.extend_from_slice(&time(window.expiration));
    out.extend_from_slice(&time(window.inception()));
    out.extend_from_slice(&key.tag().to_be_bytes());
    let name = out.len();
    out.extend_from_slice(signer);
    out[name..].make_ascii_lowercase();
}

/// A time as RRSIG has it: modulo 2^32 (RFC 4034, section 3.1.5).
fn time(seconds: u64) -> [u8; 4] {
    let [_, _, _, _, low @ ..] = seconds.to_be_bytes();
    low
}

/// Appends the RRSIG RRset of a content, one record for each key, as a zone keeps it.
fn encode<'k>(
    content: &Content,
    wire: &[u8],
    keys: impl Iterator<Item = &'k PrivateKey>,
    (signer, window): (&[u8], Window),
    out: &mut Vec<u8>,
) {
    let mut message = Vec::with_capacity(HEAD_BYTES + signer.len() + wire.len());
    let records: Vec<Vec<u8>> = keys
        .map(|key| {
            message.clear();
            put_head(content, key, signer, window, &mut message);
            let head = message.len();
            message.extend_from_slice(wire);
            let signature = key.sign(&message);
            [&message[..head], &signature].concat()
        })
        .collect();
    let set = Source {
        rtype: rtype::RRSIG,
        ttl: content.ttl,
        owner: &[],
        records: records.iter().map(Vec::as_slice),
        glue: &[],
    };
    if !records.is_empty() {
        set.put(out);
    }
}

/// Appends the RRSIG RRset of a content as it is to be at a time, a known one if it is that; when it holds.
/// `known` is over the same content.
pub(super) fn make(
    content: &Content,
    (signing, signer): (&Signing, &[u8]),
    now: u64,
    known: Option<RrSet<'_>>,
    out: &mut Vec<u8>,
) -> Times {
    let wire = content.wire();
    let window = Window::at(now, &wire, signing.validity);
    let keys = || signing.keys(content.rtype);
    match known.filter(|set| is_current(set.records(), keys(), window)) {
        Some(set) => copy(set, out),
        None => encode(content, &wire, keys(), (signer, window), out),
    }
    Times {
        opens: window.inception(),
        due: window.due,
        expires: window.expiration,
    }
}

/// When signatures over a type hold, as they say themselves; due at once where they were made by other keys
/// or for another validity.
pub(super) fn times(set: RrSet<'_>, kind: u16, signing: &Signing) -> Times {
    let period = period(signing.validity);
    let life = CLOCK_SKEW_SECONDS + 2 * period;
    let is_by = set
        .records()
        .map(maker)
        .eq(signing.keys(kind).map(|key| Some(maker_of(key))));
    let times = set.records().map(|rdata| {
        let [expires, opens] = [8, 12].map(|at| {
            let octets = rdata.get(at..).and_then(<[u8]>::first_chunk);
            octets.map_or(0, |octets| u64::from(u32::from_be_bytes(*octets)))
        });
        let is_whole = is_by && expires.checked_sub(opens) == Some(life);
        Times {
            opens,
            due: if is_whole { expires - period } else { 0 },
            expires,
        }
    });
    times.fold(Times::NOTHING, Times::and)
}

/// The tag and the algorithm of whoever made a signature.
fn maker(rdata: &[u8]) -> Option<([u8; 2], u8)> {
    Some((*rdata.get(16..)?.first_chunk()?, *rdata.get(2)?))
}

fn maker_of(key: &PrivateKey) -> ([u8; 2], u8) {
    (key.tag().to_be_bytes(), key.public().algorithm.number())
}

/// How long a content has one and the same signature, seconds.
fn period(validity: u64) -> u64 {
    (validity / 2).max(1)
}

/// Appends an RRSIG RRset as it is.
pub(super) fn copy(set: RrSet<'_>, out: &mut Vec<u8>) {
    let again = Source {
        rtype: rtype::RRSIG,
        ttl: set.ttl,
        owner: &[],
        records: set.records(),
        glue: &[],
    };
    again.put(out);
}

/// Whether an encoded RRset, made for the same content, is what [`encode`] would make.
fn is_current<'s, 'k>(
    records: impl Iterator<Item = &'s [u8]>,
    keys: impl Iterator<Item = &'k PrivateKey>,
    window: Window,
) -> bool {
    let times = [time(window.expiration), time(window.inception())].concat();
    let of_record = |rdata: &[u8]| Some((rdata.get(8..16)? == times, maker(rdata)?));
    let of_key = |key: &PrivateKey| Some((true, maker_of(key)));
    records.map(of_record).eq(keys.map(of_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_one_another_and_never_leave_less_than_half() {
        let validity = 1000;
        let mut phases = std::collections::BTreeSet::new();
        for content in 0..200_u32 {
            let wire = content.to_be_bytes();
            let mut last: Option<Window> = None;
            for now in (1_700_000_000..1_700_002_000).step_by(7) {
                let window = Window::at(now, &wire, validity);
                assert!(
                    window.start <= now && now < window.due,
                    "{window:?} at {now}"
                );
                assert!(window.expiration - now > validity / 2);
                assert!(last.is_none_or(|last| last == window || last.due == window.start));
                last = Some(window);
            }
            phases.insert(Window::at(1_700_000_000, &wire, validity).start);
        }
        assert!(phases.len() > 100, "spread over the period");
    }
}
