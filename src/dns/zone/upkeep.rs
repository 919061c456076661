//! What is kept of a zone for its next change; no look-up reads it.
//!
//! A change in place leaves node numbers as they are ([`Zone::amended`](super::Zone::amended)), so two
//! zones that come from one build differ only at the nodes that were touched since, in the one or the
//! other. Which RRset leads where was settled when it was written: names whose coming would
//! change that are remembered by their hashes, and who meets one builds the zone anew.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dns::octets;

/// The key of the hashes of names; any will do.
const KEY: u64 = 0;

/// What a change of a zone has to know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Upkeep {
    /// The build that gave nodes their numbers.
    build: Arc<()>,
    /// Nodes that were changed since then, sorted.
    touched: Vec<u32>,
    /// Hashes of names that are not there and that an RRset leads to, or below; sorted.
    missing: Vec<u64>,
    /// How many RRsets there are of each type.
    types: BTreeMap<u16, u32>,
    /// How many records there are.
    pub(super) records: usize,
    /// Octets among the data that belong to nothing any more.
    pub(super) garbage: usize,
    /// How many nodes are gone.
    pub(super) gone: usize,
}

impl Upkeep {
    /// Counts an RRset of so many records in.
    pub(super) fn count(&mut self, kind: u16, records: usize) {
        *self.types.entry(kind).or_default() += 1;
        self.records += records;
    }

    /// Counts an RRset out that takes so many octets.
    pub(super) fn discount(&mut self, kind: u16, records: usize, octets: usize) {
        if let Some(count) = self.types.get_mut(&kind) {
            *count = count.saturating_sub(1);
        }
        self.records = self.records.saturating_sub(records);
        self.garbage += octets;
    }

    /// How many RRsets there are of a type.
    pub(super) fn of_type(&self, kind: u16) -> u32 {
        self.types.get(&kind).copied().unwrap_or(0)
    }

    /// How many RRsets there are.
    pub(super) fn rrsets(&self) -> usize {
        self.types.values().map(|count| *count as usize).sum()
    }

    /// Notes a name that is not there.
    pub(super) fn note_missing(&mut self, name: &[u8]) {
        self.missing.push(octets::hash(KEY, name));
    }

    /// Whether a name, now that it comes, changes where an RRset leads.
    pub(super) fn misses(&self, name: &[u8]) -> bool {
        !self.missing.is_empty() && self.missing.binary_search(&octets::hash(KEY, name)).is_ok()
    }

    /// Puts in order what was noted.
    pub(super) fn settle(&mut self) {
        self.missing.sort_unstable();
        self.missing.dedup();
        self.missing.shrink_to_fit();
    }

    /// Notes nodes that are changed.
    pub(super) fn touch(&mut self, nodes: impl IntoIterator<Item = u32>) {
        self.touched.extend(nodes);
        self.touched.sort_unstable();
        self.touched.dedup();
    }

    /// The nodes at which two zones may differ, sorted; `None` if their numbers have nothing to do with
    /// each other.
    pub(super) fn between(&self, other: &Self) -> Option<Vec<u32>> {
        if !Arc::ptr_eq(&self.build, &other.build) {
            return None;
        }
        let mut nodes = [&self.touched[..], &other.touched].concat();
        nodes.sort_unstable();
        nodes.dedup();
        Some(nodes)
    }

    /// How many nodes were changed.
    pub(super) fn touched(&self) -> usize {
        self.touched.len()
    }
}
