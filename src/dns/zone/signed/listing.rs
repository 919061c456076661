//! All that signing adds to a zone as one client sees it: for transfers.
use super::{Mount, Signed, chain};
use crate::base::Family;
use crate::dns::name::Name;
use crate::dns::rr::{RrSet, rtype};
use crate::dns::transfer::Entry;
use crate::dns::zone::tree::APEX;

impl Signed {
    /// RRSIG, NSEC and NSEC3 records beside those of the zone and of its steered names, for a client
    /// that gets of each mount and family the addresses that `chosen` says; none where they are among
    /// those of the zone, because they came with it.
    pub fn additions<'c>(&self, chosen: impl Fn(Mount, Family) -> &'c [u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.signing().is_none() {
            return entries;
        }
        let zone = &self.base.zone;
        for (node, entry) in (APEX..).zip(&zone.tree.nodes) {
            let owner = zone.name(node);
            for set in zone.sets(node) {
                if chain::is_signed(zone, node, set.rtype) {
                    put(&owner, self.of_set(node, set.rtype), &mut entries);
                }
            }
            let given = Family::ALL.map(|family| entry.mount.map(|mount| chosen(mount, family)));
            for records in given
                .into_iter()
                .flatten()
                .filter(|records| !records.is_empty())
            {
                put(&owner, self.of_variant(node, records), &mut entries);
            }
            self.put_link(node, &given, &mut entries);
        }
        entries
    }

    /// The link of a node, without the types that this client gets nothing of.
    fn put_link(&self, node: u32, given: &[Option<&[u8]>; 2], entries: &mut Vec<Entry>) {
        let lacks = |records: Option<&[u8]>| records.is_some_and(<[u8]>::is_empty);
        let lack = match given.map(lacks) {
            [true, true] => self
                .lack(node, chain::BOTH)
                .or_else(|| self.lack(node, rtype::A))
                .or_else(|| self.lack(node, rtype::AAAA)),
            [true, false] => self.lack(node, rtype::A),
            [false, true] => self.lack(node, rtype::AAAA),
            [false, false] => None,
        };
        let Some(link) = lack.or_else(|| self.matching(node)) else {
            return;
        };
        let mut labels = [0; 255];
        let labels = self.owner_below_apex(&link, &mut labels);
        let wire = [labels, self.base.zone.apex.as_wire()].concat();
        let Some(owner) = Name::from_wire(&wire) else {
            return;
        };
        put(&owner, Some(link.set), entries);
        put(&owner, Some(link.signatures), entries);
    }
}

fn put(owner: &Name, set: Option<RrSet<'_>>, entries: &mut Vec<Entry>) {
    if let Some(set) = set {
        entries.extend(set.records().map(|rdata| Entry {
            owner: owner.clone(),
            rtype: set.rtype,
            ttl: set.ttl,
            rdata: rdata.into(),
        }));
    }
}
