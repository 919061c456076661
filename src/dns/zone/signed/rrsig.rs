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
use super::canonical::Content;
use crate::base::HashKey;
use crate::dns::dnssec::PrivateKey;
use crate::dns::rr::{RrSet, rtype};
use crate::dns::rrset::Source;

/// How far a validator's clock may be behind.
const CLOCK_SKEW_SECONDS: u64 = 3600;
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
        let period = (validity / 2).max(1);
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

/// RDATA of an RRSIG without its signature (RFC 4034, section 3.1).
fn head(content: &Content, key: &PrivateKey, signer: &[u8], window: Window) -> Vec<u8> {
    let public = key.public();
    let mut head = Vec::with_capacity(18 + signer.len() + 64);
    head.extend_from_slice(&content.rtype.to_be_bytes());
    head.push(public.algorithm.number());
    head.push(content.labels());
    head.extend_from_slice(&content.ttl.to_be_bytes());
    head.extend_from_slice(&time(window.expiration));
    head.extend_from_slice(&time(window.inception()));
    head.extend_from_slice(&public.tag().to_be_bytes());
    head.extend_from_slice(&signer.to_ascii_lowercase());
    head
}

/// A time as RRSIG has it: modulo 2^32 (RFC 4034, section 3.1.5).
fn time(seconds: u64) -> [u8; 4] {
    let [_, _, _, _, low @ ..] = seconds.to_be_bytes();
    low
}

/// The RRSIG RRset of a content, one record for each key, as a zone keeps it.
pub(super) fn encode<'k>(
    content: &Content,
    wire: &[u8],
    keys: impl Iterator<Item = &'k PrivateKey>,
    signer: &[u8],
    window: Window,
) -> Vec<u8> {
    let records: Vec<Vec<u8>> = keys
        .map(|key| {
            let mut rdata = head(content, key, signer, window);
            let signature = key.sign(&[&rdata, wire].concat());
            rdata.extend_from_slice(&signature);
            rdata
        })
        .collect();
    let set = Source {
        rtype: rtype::RRSIG,
        ttl: content.ttl,
        owner: &[],
        records: records.iter().map(Vec::as_slice),
        glue: &[],
    };
    let mut encoded = Vec::new();
    if !records.is_empty() {
        set.put(&mut encoded);
    }
    encoded
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
pub(super) fn is_current<'s, 'k>(
    records: impl Iterator<Item = &'s [u8]>,
    keys: impl Iterator<Item = &'k PrivateKey>,
    window: Window,
) -> bool {
    let of_record = |rdata: &[u8]| {
        let octets = rdata.get(8..18)?;
        Some((octets.to_vec(), *rdata.get(2)?))
    };
    let of_key = |key: &PrivateKey| {
        let times = [time(window.expiration), time(window.inception())].concat();
        let tag = key.public().tag().to_be_bytes();
        ([&times[..], &tag].concat(), key.public().algorithm.number())
    };
    records.map(of_record).eq(keys.map(|key| Some(of_key(key))))
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
