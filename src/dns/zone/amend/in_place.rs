//! A zone changed where it is touched and copied everywhere else.
//!
//! ```text
//! copy the lists --> take the touched names' records back --> put in what is to be there
//!     --> take empty names away --> write the touched names anew, behind the other data
//! ```
//!
//! Numbers of nodes stay, new ones are added at the end; what was written before lies unused until it
//! is half of the data. Names are judged and written by the builder itself, so that a rule stands in
//! one place. Whatever reaches further than the touched names is left to a build of the whole zone, errors
//! included: DNAME, a cut made or unmade above other names, wildcards that come or go, a name that
//! an RRset elsewhere leads to, zones that were signed elsewhere.
use std::collections::BTreeSet;

use super::{Amendment, Edit};
use crate::dns::rr::{RrSet, rtype};
use crate::dns::zone::Zone;
use crate::dns::zone::build::{ARENA_BYTES, Builder, Given, RECORDS, is_soa};
use crate::dns::zone::path::NamePath;
use crate::dns::zone::records::Place;
use crate::dns::zone::tree::{APEX, CUT, DNAME, GONE, NONE, TARGET, UNDER_DNAME, WILD};

/// Octets of unused data that no zone is built anew for.
const GARBAGE_FREE: usize = 1 << 16;
/// Touched and gone nodes that no zone is built anew for.
const TOUCHED_FREE: usize = 1 << 10;
/// Types whose coming or going is felt beyond their name, or in how the zone is served.
const FAR_REACHING: [u16; 4] = [rtype::DNAME, rtype::RRSIG, rtype::NSEC, rtype::NSEC3];

/// A change under way.
struct Change<'z> {
    zone: &'z Zone,
    builder: Builder,
    /// Nodes whose records were taken back, and those that are new; sorted.
    touched: BTreeSet<u32>,
    /// How many nodes there were.
    known: u32,
    children: Option<Vec<u32>>,
}

impl Zone {
    /// The zone with these edits, if they reach no further than the names that they are of; it is what
    /// a build of the whole would give.
    pub(super) fn amended_in_place(&self, edits: &impl Amendment, barred: &[u16]) -> Option<Self> {
        let is_far = |edit: &Edit| FAR_REACHING.contains(&edit.rtype);
        if self.signed_elsewhere || self.data.len() > ARENA_BYTES {
            return None;
        }
        let mut change = Change::new(self, edits.names())?;
        edits.each(|edits| {
            if edits.iter().any(is_far) {
                return None;
            }
            match self.node_of(edits.first()?.owner.as_wire()) {
                Some(node) => change.replace(node, edits, barred),
                None => edits.iter().try_for_each(|edit| change.add(edit)),
            }
        })?;
        for node in self.holders(barred) {
            if !change.touched.contains(&node) {
                change.replace(node, &[], barred)?;
            }
        }
        change.admit()?;
        change.take_away()?;
        change.settle()?;
        change.finish()
    }

    /// The nodes that hold RRsets of these types.
    pub(in crate::dns::zone) fn holders(&self, kinds: &[u16]) -> Vec<u32> {
        let is_there = |kind: &&u16| self.upkeep.of_type(**kind) > 0;
        let kinds: BTreeSet<u16> = kinds.iter().filter(is_there).copied().collect();
        let holds = |node: u32| self.sets(node).any(|set| kinds.contains(&set.rtype));
        let all: u32 = kinds.iter().map(|kind| self.upkeep.of_type(*kind)).sum();
        let apex = self.sets(APEX).filter(|set| kinds.contains(&set.rtype));
        // Most of them stand at the apex and nowhere else.
        if apex.count() == all as usize {
            return (all > 0).then_some(APEX).into_iter().collect();
        }
        let nodes = (APEX..).zip(&self.tree.nodes).map(|(node, _)| node);
        nodes.filter(|node| holds(*node)).collect()
    }
}

impl<'z> Change<'z> {
    fn new(zone: &'z Zone, names: usize) -> Option<Self> {
        Some(Self {
            zone,
            builder: Builder::over(zone, names),
            touched: BTreeSet::new(),
            known: u32::try_from(zone.tree.nodes.len()).ok()?,
            children: None,
        })
    }

    /// Takes a name's records back, and puts in those that are to be there.
    fn replace(&mut self, id: u32, edits: &[Edit], barred: &[u16]) -> Option<()> {
        let node = *self.zone.tree.node(id);
        let goes = |set: &RrSet<'_>| {
            barred.contains(&set.rtype) || edits.iter().any(|edit| edit.rtype == set.rtype)
        };
        let wire = self.zone.tree.wire(id, self.zone.apex.as_wire());
        let stays = self.zone.sets(id).any(|set| !goes(&set));
        let mut coming = edits.iter().filter(|edit| !edit.records.is_empty());
        let same_case = coming.all(|edit| edit.owner.as_wire() == wire);
        // A name that nothing is left of is written as whoever brings it back writes it.
        if node.is(DNAME | UNDER_DNAME) || node.count > 0 && !stays && !same_case {
            return None;
        }
        self.builder.take_back(id, self.zone.sets(id));
        self.touched.insert(id);
        for set in self.zone.sets(id).filter(|set| !goes(set)) {
            for rdata in set.records() {
                self.put(&wire, (set.rtype, set.ttl), rdata)?;
            }
        }
        edits.iter().try_for_each(|edit| self.add(edit))
    }

    fn add(&mut self, edit: &Edit) -> Option<()> {
        let mut records = edit.records.iter();
        let owner = edit.owner.as_wire();
        records.try_for_each(|rdata| self.put(owner, (edit.rtype, edit.ttl), rdata))
    }

    fn put(&mut self, owner: &[u8], (rtype, ttl): (u16, u32), rdata: &[u8]) -> Option<()> {
        let given = Given {
            owner,
            rtype,
            ttl,
            rdata,
            place: Place::NOWHERE,
        };
        self.builder.add(&given).ok()
    }

    /// Looks at the names that are new.
    fn admit(&mut self) -> Option<()> {
        let tree = &self.builder.tree;
        let coming = self.known..u32::try_from(tree.nodes.len()).ok()?;
        for id in coming.clone() {
            let wire = tree.wire(id, self.zone.apex.as_wire());
            if tree.label(id) == b"*" || self.zone.upkeep.misses(&wire) {
                return None;
            }
        }
        self.touched.extend(coming);
        Some(())
    }

    /// Takes names away that hold nothing, and that none is below, and those above them that are
    /// such then.
    fn take_away(&mut self) -> Option<()> {
        let touched: Vec<u32> = self.touched.iter().copied().collect();
        for id in touched {
            let mut at = id;
            while at != APEX && self.holds_nothing(at) && self.children()[at as usize] == 0 {
                let tree = &mut self.builder.tree;
                let node = *tree.node(at);
                if node.is(TARGET) || tree.label(at) == b"*" {
                    return None;
                }
                tree.remove(at);
                self.children()[node.parent as usize] -= 1;
                self.builder.upkeep.gone += 1;
                self.touched.insert(at);
                at = node.parent;
            }
        }
        Some(())
    }

    fn holds_nothing(&self, id: u32) -> bool {
        let node = self.builder.tree.node(id);
        let is_written = !self.touched.contains(&id);
        node.mount().is_none()
            && node.count == 0
            && (is_written || node.sets == NONE)
            && !node.is(GONE)
    }

    fn children(&mut self) -> &mut [u32] {
        let tree = &self.builder.tree;
        self.children.get_or_insert_with(|| tree.children())
    }

    /// Judges and writes the touched names, parents first.
    fn settle(&mut self) -> Option<()> {
        let mut records = Vec::new();
        for id in self.touched.clone() {
            let before = *self.builder.tree.node(id);
            if before.is(GONE) {
                continue;
            }
            self.builder.tree.nodes[id as usize].flags &= WILD | TARGET;
            self.builder.settle(id, &mut records);
            let was_cut = id < self.known && before.is(CUT);
            let is_cut = self.builder.tree.node(id).is(CUT);
            let is_leaf =
                id >= self.known || was_cut == is_cut || self.children()[id as usize] == 0;
            if !is_leaf || !self.builder.errors.is_empty() {
                return None;
            }
        }
        Some(())
    }

    fn finish(self) -> Option<Zone> {
        let Self {
            zone,
            builder,
            touched,
            ..
        } = self;
        let denial = (!touched.contains(&APEX)).then_some(zone.denial);
        let mut amended = builder.into_amended(zone, touched);
        let soa = amended.set(APEX, rtype::SOA)?;
        let is_whole = soa.records().all(is_soa) && amended.set(APEX, rtype::NS).is_some();
        let upkeep = &amended.upkeep;
        let unused = upkeep.garbage.saturating_sub(GARBAGE_FREE) * 2 > amended.data.len();
        let nodes = upkeep.gone.max(upkeep.touched());
        let worn = nodes.saturating_sub(TOUCHED_FREE) * 2 > amended.tree.nodes.len();
        if !is_whole || unused || worn || upkeep.records > RECORDS {
            return None;
        }
        amended.denial = denial.unwrap_or_else(|| {
            let encoded = amended.encode_denial();
            amended.upkeep.garbage += encoded.len();
            amended.data.push(&encoded)
        });
        amended.data.shrink();
        Some(amended)
    }
}

impl Builder {
    /// What a built zone was made of, to be changed: room for so many more names.
    fn over(zone: &Zone, names: usize) -> Self {
        let mut builder = Self::new(&zone.apex);
        builder.tree = zone.tree.with_room(names);
        builder.path = NamePath::into_any();
        builder.data = zone.data.clone();
        builder.names = zone.names;
        builder.upkeep = zone.upkeep.clone();
        builder
    }

    /// Takes a name's RRsets out; they can be put in again as records.
    fn take_back<'z>(&mut self, id: u32, sets: impl Iterator<Item = RrSet<'z>>) {
        for set in sets {
            let octets = set.encoded_bytes();
            self.upkeep
                .discount(set.rtype, usize::from(set.count), octets);
        }
        let node = &mut self.tree.nodes[id as usize];
        self.names -= usize::from(node.count > 0 || node.mount().is_some());
        (node.sets, node.count) = (NONE, 0);
    }

    /// The zone, without a place for its denials yet.
    fn into_amended(mut self, before: &Zone, touched: BTreeSet<u32>) -> Zone {
        self.data.close();
        self.upkeep.touch(touched);
        self.upkeep.settle();
        Zone {
            apex: self.apex,
            tree: self.tree,
            data: self.data,
            hashed: Vec::new(),
            signed_elsewhere: false,
            denial: 0,
            names: self.names,
            presence: before.presence,
            upkeep: self.upkeep,
        }
    }
}
