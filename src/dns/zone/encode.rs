//! RRsets into the data of a zone, with what each target is there.
//!
//! A target's node is written beside the record that names it, so that an answer finds the
//! addresses without a look-up. What must happen for it to be another node is noted as well
//! ([`Upkeep`](super::upkeep::Upkeep)), for whoever changes a zone that is built.
use std::collections::BTreeSet;

use super::Zone;
use super::build::Builder;
use super::records::RecordRow;
use super::tree::{APEX, CUT, Labels, TARGET, Tree, label_at};
use super::upkeep::Upkeep;
use crate::dns::name::Name;
use crate::dns::octets::{self, is_within};
use crate::dns::rr::rtype;
use crate::dns::rrset::{Glue, Source, may_be_cut};
use crate::dns::targets;

impl Builder {
    /// Appends an RRset to those of its name, what its targets are in this zone included.
    pub(super) fn encode(&mut self, id: u32, kind: u16, ttl: u32, records: &[RecordRow]) {
        let mut data = std::mem::take(&mut self.sets);
        let owner = match may_be_cut(kind) {
            true => self.tree.wire(id, self.apex.as_wire()),
            false => Vec::new(),
        };
        let rdatas = records.iter().map(|row| self.records.data(row));
        let glue: Vec<Glue> = match kind == rtype::NS && self.tree.node(id).is(CUT) {
            true => rdatas.clone().map(|name| self.glue(name, &owner)).collect(),
            false => self.targets(id, kind, rdatas.clone()),
        };
        let source = Source {
            rtype: kind,
            ttl,
            owner: owner.strip_prefix(b"\x01*").unwrap_or(&owner),
            records: rdatas,
            glue: &glue,
        };
        source.put(&mut data);
        self.sets = data;
        self.note_targets(kind, records);
    }

    fn glue(&self, server: &[u8], cut: &[u8]) -> Glue {
        let apex = octets::ending(server, self.apex.as_wire());
        Glue {
            needed: is_within(server, cut),
            node: apex.and_then(|apex| self.tree.reach(server, apex)),
        }
    }

    /// What is known of the names that records point to, each name once; empty if that is nothing.
    fn targets<'r>(
        &self,
        id: u32,
        kind: u16,
        records: impl Iterator<Item = &'r [u8]>,
    ) -> Vec<Glue> {
        if !targets::may_have(kind) {
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let known = records.map(|rdata| Glue {
            needed: false,
            node: targets::place(kind, rdata)
                .map(|place| &rdata[place])
                .filter(|name| seen.insert(name.to_ascii_lowercase()))
                .and_then(|name| match targets::is_own(kind, rdata) {
                    true => Some(id),
                    false => self.target(name),
                }),
        });
        let known: Vec<Glue> = known.collect();
        match known.iter().any(|target| target.node.is_some()) {
            true => known,
            false => Vec::new(),
        }
    }

    /// The node that answers for a name in this zone; the root is nobody's host.
    fn target(&self, name: &[u8]) -> Option<u32> {
        let apex = octets::ending(name, self.apex.as_wire()).filter(|_| name.len() > 1)?;
        self.tree.reach_or_wildcard(name, apex)
    }

    /// Notes the names that records lead to: where one leads changes when its name comes, or when the
    /// name goes that answers for it or would be its closest encloser.
    fn note_targets(&mut self, kind: u16, records: &[RecordRow]) {
        if !targets::may_have(kind) {
            return;
        }
        for record in records {
            let rdata = self.records.data(record);
            if let Some(place) = targets::place(kind, rdata) {
                note_target(&self.apex, &mut self.tree, &mut self.upkeep, &rdata[place]);
            }
        }
    }
}

fn note_target(apex: &Name, tree: &mut Tree, upkeep: &mut Upkeep, name: &[u8]) {
    let start = octets::ending(name, apex.as_wire()).filter(|_| name.len() > 1);
    let Some(labels) = start.and_then(|apex| Labels::of(name, apex)) else {
        return;
    };
    let mut node = APEX;
    let mut is_missing = false;
    for start in labels {
        let child = if is_missing {
            None
        } else {
            tree.child(node, label_at(name, start))
        };
        match child {
            Some(child) => node = child,
            None => {
                is_missing = true;
                upkeep.note_missing(&name[start..]);
            }
        }
    }
    tree.nodes[node as usize].flags |= TARGET;
}

impl Zone {
    /// The SOA once more, with the TTL that denials have (RFC 2308, section 3).
    pub(super) fn encode_denial(&self) -> Vec<u8> {
        let mut encoded = Vec::new();
        if let Some(soa) = self.set(APEX, rtype::SOA) {
            let rdata = soa.records().next().unwrap_or_default();
            let minimum = rdata.last_chunk().copied().map_or(0, u32::from_be_bytes);
            let denial = Source {
                rtype: rtype::SOA,
                ttl: soa.ttl.min(minimum),
                owner: self.apex.as_wire(),
                records: soa.records(),
                glue: &[],
            };
            denial.put(&mut encoded);
        }
        encoded
    }
}
