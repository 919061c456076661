//! Steered answers: each list of addresses that a steered name may be answered with is signed as one
//! RRset, and so is each RRset of another type; it is found again whatever the order in which an answer gives it.
//!
//! Addresses have an index of their own, by whole records; other types are found by their RDATA.
use super::Steered;
use super::canonical::Content;
use crate::base::{Family, HashKey};
use crate::dns::addresses;
use crate::dns::rr::{DetachedSet, rtype};
use crate::dns::rrset;
use crate::dns::zone::tree::APEX;
use crate::dns::zone::{Zone, service_number};

/// One steered answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) node: u32,
    /// The type of its records.
    pub(super) rtype: u16,
    ttl: u32,
    /// Its records as a reply gives them, their TTL zero.
    pub(super) records: Box<[u8]>,
}

impl Variant {
    /// Tells whether it is these address records, in any order; there are few.
    pub(super) fn holds(&self, records: &[u8]) -> bool {
        let size = addresses::record_bytes(match self.rtype {
            rtype::A => Family::V4,
            _ => Family::V6,
        });
        records.len() == self.records.len()
            && (*records == *self.records
                || records
                    .chunks(size)
                    .all(|record| self.records.chunks(size).any(|own| own == record)))
    }

    /// Tells whether it has this RDATA and no other, in any order.
    pub(super) fn has<'r>(&self, records: impl Iterator<Item = &'r [u8]> + Clone) -> bool {
        let mut all = records.clone();
        records.count() == self.rdata().count()
            && all.all(|rdata| self.rdata().any(|own| own == rdata))
    }

    /// Tells whether it is of addresses.
    pub(super) fn is_of_addresses(&self) -> bool {
        matches!(self.rtype, rtype::A | rtype::AAAA)
    }

    /// Whether a signature over the one is a signature over the other, of the same owner; the records are
    /// the same but for their order.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.kind() == other.kind()
    }

    /// The type and the TTL of its records.
    pub(super) fn kind(&self) -> (u16, u32) {
        (self.rtype, self.ttl)
    }

    /// RDATA of each record.
    pub(super) fn rdata(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut rest = &*self.records;
        std::iter::from_fn(move || {
            let length = rrset::record_bytes(rest)?;
            let (record, tail) = rest.split_at_checked(length)?;
            rest = tail;
            record.get(rrset::HEAD_BYTES..)
        })
    }

    /// What is signed: `owner` is the name of its node.
    pub(super) fn content(&self, owner: Vec<u8>) -> Content {
        Content {
            owner,
            rtype: self.rtype,
            ttl: self.ttl,
            records: self.rdata().map(<[u8]>::to_vec).collect(),
        }
    }
}

/// All steered answers of a zone.
pub(super) fn variants(zone: &Zone, steered: &[Steered]) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (node, entry) in (APEX..).zip(&zone.tree.nodes) {
        let Some(mount) = entry.mount() else { continue };
        let Some(steered) = steered.get(usize::from(service_number(mount))) else {
            continue;
        };
        let types = [rtype::A, rtype::AAAA];
        for (rtype, answers) in types.into_iter().zip(&steered.answers) {
            variants.extend(answers.iter().map(|records| Variant {
                node,
                rtype,
                ttl: steered.ttl,
                records: records.clone(),
            }));
        }
        variants.extend(steered.sets.iter().map(|set| {
            Variant {
                node,
                rtype: set.rtype,
                ttl: set.ttl,
                records: DetachedSet::new(set.rtype, 0, &set.records)
                    .set()
                    .encoded
                    .into(),
            }
        }));
    }
    variants
}

/// A hash of the records of a node, the same in any order. They are of one size, which their lengths say.
pub(super) fn variant_hash(node: u32, records: &[u8]) -> u64 {
    let key = HashKey(u64::from(node));
    let mut rest = records;
    let mut sum = 0_u64;
    while let Some(size) = rrset::record_bytes(rest) {
        let Some((record, tail)) = rest.split_at_checked(size) else {
            break;
        };
        sum = sum.wrapping_add(key.hash(record));
        rest = tail;
    }
    sum
}

/// A hash of RDATA of a type at a node, the same in any order.
pub(super) fn set_hash<'r>(node: u32, rtype: u16, records: impl Iterator<Item = &'r [u8]>) -> u64 {
    let key = HashKey(u64::from(node) << 16 | u64::from(rtype));
    records.fold(0, |sum: u64, rdata| sum.wrapping_add(key.hash(rdata)))
}
