//! Steered answers: each list of addresses that a steered name may be answered with is signed as one
//! RRset, and found again whatever the order in which an answer gives it.
use super::Steered;
use super::canonical::Content;
use crate::base::{Family, HashKey};
use crate::dns::addresses;
use crate::dns::rr::rtype;
use crate::dns::rrset;
use crate::dns::zone::Zone;
use crate::dns::zone::tree::APEX;

/// One steered answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) node: u32,
    family: Family,
    ttl: u32,
    pub(super) records: Box<[u8]>,
}

impl Variant {
    /// Whether it is these records, in any order; there are few.
    pub(super) fn holds(&self, records: &[u8]) -> bool {
        let size = addresses::record_bytes(self.family);
        records.len() == self.records.len()
            && (*records == *self.records
                || records
                    .chunks(size)
                    .all(|record| self.records.chunks(size).any(|own| own == record)))
    }

    /// The type of its records.
    pub(super) fn rtype(&self) -> u16 {
        match self.family {
            Family::V4 => rtype::A,
            Family::V6 => rtype::AAAA,
        }
    }

    /// Whether a signature over the one is a signature over the other, of the same owner; the records are
    /// the same but for their order.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.family == other.family && self.ttl == other.ttl
    }

    /// The type and the TTL of its records.
    pub(super) fn kind(&self) -> (u16, u32) {
        (self.rtype(), self.ttl)
    }

    /// RDATA of each record.
    pub(super) fn rdata(&self) -> impl Iterator<Item = &[u8]> {
        let size = addresses::record_bytes(self.family);
        let head = size - address_bytes(self.family);
        let records = self.records.chunks(size);
        records.filter_map(move |record| record.get(head..))
    }

    /// What is signed: `owner` is the name of its node.
    pub(super) fn content(&self, owner: Vec<u8>) -> Content {
        Content {
            owner,
            rtype: self.rtype(),
            ttl: self.ttl,
            records: self.rdata().map(<[u8]>::to_vec).collect(),
        }
    }
}

/// All steered answers of a zone.
pub(super) fn variants(zone: &Zone, steered: &[Steered]) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (node, entry) in (APEX..).zip(&zone.tree.nodes) {
        let Some(mount) = entry.mount else { continue };
        let Some(steered) = steered.get(usize::from(mount)) else {
            continue;
        };
        for (family, answers) in [Family::V4, Family::V6].into_iter().zip(&steered.answers) {
            variants.extend(answers.iter().map(|records| Variant {
                node,
                family,
                ttl: steered.ttl,
                records: records.clone(),
            }));
        }
    }
    variants
}

fn address_bytes(family: Family) -> usize {
    match family {
        Family::V4 => 4,
        Family::V6 => 16,
    }
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
