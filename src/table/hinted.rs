//! RRsets by choice as whoever signs them beforehand or sends them away has them: with the addresses in them that
//! go there as hints.
//!
//! A reply writes the same octets without this, address by address; which addresses they are is not known here.
use std::net::IpAddr;

use crate::dns::svcb;
use crate::dns::zone::signed::SteeredSet;
use crate::plan::{ChosenSet, Hints};

/// RDATA of the records of a set, with these addresses where hints go.
fn composed(set: &ChosenSet, hints: [&[IpAddr]; 2]) -> Vec<Vec<u8>> {
    let records = set.records.set().records();
    let composed = records.map(|rdata| match set.hints {
        Hints::AsWritten => rdata.to_vec(),
        Hints::Chosen => svcb::with_hints(rdata, hints),
    });
    composed.collect()
}

/// A set with these addresses where hints go, as whoever signs it beforehand or sends it away has it.
pub(super) fn steered_set(set: &ChosenSet, hints: [&[IpAddr]; 2]) -> SteeredSet {
    let written = set.records.set();
    SteeredSet {
        rtype: written.rtype,
        ttl: written.ttl,
        records: composed(set, hints),
    }
}
