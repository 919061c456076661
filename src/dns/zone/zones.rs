//! Which zone a name belongs to: the one with the longest apex.
//!
//! Apexes stand in one hash table; a query name is tried at each of its labels that could be
//! the start of one, longest first. What of a name is longer than the longest apex costs next to nothing.
use std::sync::Arc;

use super::Zone;
use super::index::Index;
use crate::dns::octets;
use crate::dns::rr::rtype;

/// The key of the apex hash; any will do.
const KEY: u64 = 0;

/// The zones of a plan.
#[derive(Debug, Default)]
pub struct Zones {
    zones: Vec<Arc<Zone>>,
    index: Index,
    /// Octets of the longest apex.
    longest: usize,
}

impl Zones {
    /// Gathers zones; of several with one apex, the first counts.
    #[must_use]
    pub fn new(zones: Vec<Arc<Zone>>) -> Self {
        let mut gathered = Self::default();
        for zone in zones {
            let apex = zone.apex().as_wire();
            if gathered.at(apex).is_some() {
                continue;
            }
            let id = u32::try_from(gathered.zones.len()).expect("limits.rs bounds the zones");
            gathered.index.insert(octets::hash(KEY, apex), id);
            gathered.longest = gathered.longest.max(apex.len());
            gathered.zones.push(zone);
        }
        gathered
    }

    /// The zone with the longest apex that `qname` lies within (for `DS` at an apex, its parent's
    /// zone where that is ours too; RFC 4035, section 3.1.4.1), and where the apex starts in it.
    #[must_use]
    pub fn find(&self, qname: &[u8], qtype: u16) -> Option<(&Zone, usize)> {
        let nearest = self.find_from(0, qname)?;
        if qtype == rtype::DS && nearest.1 == 0 {
            let above = 1 + usize::from(*qname.first()?);
            return self.find_from(above, qname).or(Some(nearest));
        }
        Some(nearest)
    }

    /// The zone with the longest apex that starts at octet `start` or after it.
    fn find_from(&self, start: usize, qname: &[u8]) -> Option<(&Zone, usize)> {
        let mut at = start;
        loop {
            let name = qname.get(at..)?;
            let found = match name.len() <= self.longest {
                true => self.at(name),
                false => None,
            };
            if let Some(zone) = found {
                return Some((zone, at));
            }
            match *name.first()? {
                0 => return None,
                length => at += 1 + usize::from(length),
            }
        }
    }

    /// The zone of this apex.
    #[inline]
    fn at(&self, apex: &[u8]) -> Option<&Zone> {
        let is_it = |id: u32| octets::same(self.zones[id as usize].apex().as_wire(), apex);
        let id = self.index.find(octets::hash(KEY, apex), is_it)?;
        Some(&self.zones[id as usize])
    }
}
