//! All that signing adds to a zone as one client sees it: for transfers.
use super::{Mount, Proof, Signed, StaticForm, chain};
use crate::dns::name::Name;
use crate::dns::rr::RrSet;
use crate::dns::transfer::Entry;
use crate::dns::zone::tree::APEX;

impl Signed {
    /// RRSIG, NSEC and NSEC3 records beside those of the zone and of its steered names, for a client
    /// that gets of each mount what `form` says; none where they are among those of the zone, because they came with it.
    pub fn additions<'c>(&self, form: impl Fn(Mount) -> StaticForm<'c>) -> Vec<Entry> {
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
            let given = entry.mount().map(&form);
            if let Some(given) = &given {
                self.put_steered((node, &owner), given, &mut entries);
            }
            self.put_link(node, given.as_ref(), &mut entries);
        }
        entries
    }

    fn put_steered(
        &self,
        (node, owner): (u32, &Name),
        given: &StaticForm<'_>,
        entries: &mut Vec<Entry>,
    ) {
        let addresses = given.addresses.iter().filter(|one| !one.is_empty());
        for records in addresses {
            put(owner, self.of_variant(node, records), entries);
        }
        for set in &given.sets {
            let records = set.records.iter().map(Vec::as_slice);
            put(
                owner,
                self.of_steered_set(node, set.rtype, records),
                entries,
            );
        }
    }

    /// The link of a node, without the types that this client gets nothing of.
    fn put_link(&self, node: u32, given: Option<&StaticForm<'_>>, entries: &mut Vec<Entry>) {
        let Some(link) = self.link_for(node, given) else {
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

    fn link_for(&self, node: u32, given: Option<&StaticForm<'_>>) -> Option<Proof<'_>> {
        let has = given.map(StaticForm::types).unwrap_or_default();
        let variants = &self.base.variants;
        let first = variants.partition_point(|variant| variant.node < node);
        let own = variants[first..].iter();
        let own = own.take_while(|variant| given.is_some() && variant.node == node);
        let mut lacks: Vec<u16> = own.map(|variant| variant.rtype).collect();
        lacks.retain(|kind| !has.contains(kind));
        lacks.sort_unstable();
        lacks.dedup();
        let lack = self.base.chain.lack_of_all(node, &lacks);
        let lack = lack.filter(|_| !lacks.is_empty());
        self.proof(lack.or_else(|| self.base.chain.matching(node))?)
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
