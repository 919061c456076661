//! Which zone a name belongs to: the one with the longest apex.
//!
//! Apexes stand in one hash table; a query name is tried at each of its labels that could be
//! the start of one, longest first. Names deeper than the deepest apex cost nothing more.
use std::sync::Arc;

use crate::base::HashKey;
use crate::base::limits::NAME_BYTES;

use super::Zone;
use super::index::Index;
use super::tree::Labels;
use crate::dns::rr::rtype;

/// The key of the apex hash; any will do.
const KEY: HashKey = HashKey(0);

/// The zones of a plan.
#[derive(Debug, Default)]
pub struct Zones {
    zones: Vec<Arc<Zone>>,
    index: Index,
    /// Most labels of an apex.
    labels: usize,
}

impl Zones {
    /// Gathers zones; of several with one apex, the first counts.
    #[must_use]
    pub fn new(zones: Vec<Arc<Zone>>) -> Self {
        let mut gathered = Self::default();
        for zone in zones {
            let apex = zone.apex().as_wire().to_ascii_lowercase();
            if gathered.at(&apex).is_some() {
                continue;
            }
            let id = u32::try_from(gathered.zones.len()).expect("limits.rs bounds the zones");
            gathered.index.insert(KEY.hash(&apex), id);
            gathered.labels = gathered.labels.max(zone.apex().labels().count());
            gathered.zones.push(zone);
        }
        gathered
    }

    /// The zone with the longest apex that `qname` lies within (for `DS` at an apex, its parent's
    /// zone where that is ours too; RFC 4035, section 3.1.4.1), and where the apex starts in it.
    #[must_use]
    pub fn find(&self, qname: &[u8], qtype: u16) -> Option<(&Zone, usize)> {
        let mut lower = [0; NAME_BYTES];
        let lower = lower.get_mut(..qname.len())?;
        lower.copy_from_slice(qname);
        lower.make_ascii_lowercase();
        let root = lower.len().checked_sub(1)?;
        let labels = Labels::of(lower, root)?;
        let surplus = labels.starts().count().saturating_sub(self.labels);
        let mut starts = labels.starts().chain([root]).skip(surplus);
        let mut enclosing = starts
            .by_ref()
            .filter_map(|start| self.within(lower, start));
        let nearest = enclosing.next()?;
        if qtype == rtype::DS && nearest.1 == 0 {
            return enclosing.next().or(Some(nearest));
        }
        Some(nearest)
    }

    fn within(&self, lower: &[u8], start: usize) -> Option<(&Zone, usize)> {
        Some((self.at(&lower[start..])?, start))
    }

    /// The zone of this apex, in lower case.
    fn at(&self, apex: &[u8]) -> Option<&Zone> {
        let is_it = |id: u32| {
            let own = self.zones[id as usize].apex().as_wire();
            own.eq_ignore_ascii_case(apex)
        };
        let id = self.index.find(KEY.hash(apex), is_it)?;
        Some(&self.zones[id as usize])
    }
}
