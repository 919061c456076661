//! Which zone a name belongs to: the one with the longest apex.
//!
//! Apexes stand in one hash table; a query name is tried at each of its labels that could be
//! the start of one, longest first. What of a name is longer than the longest apex costs next to nothing.
use std::sync::Arc;

use super::index::Index;
use super::signed::Signed;
use super::{Presence, Zone};
use crate::base::Moment;
use crate::dns::Name;
use crate::dns::octets;
use crate::dns::rr::rtype;

/// The key of the apex hash; any will do.
const KEY: u64 = 0;

/// A zone as it is served.
#[derive(Clone, Debug)]
pub struct Served {
    /// Its data.
    pub zone: Arc<Zone>,
    /// The same data with its signatures; absent for a zone that is not signed.
    pub signed: Option<Arc<Signed>>,
    /// When the first of its signatures ends to hold, seconds since 1970.
    pub expires: u64,
    /// From when on clients that ask for signatures get none of this zone's data, seconds
    /// since 1970: nobody has made signatures for so long that they are about to expire.
    pub refuse_from: u64,
}

impl Served {
    /// A zone that is not signed.
    #[must_use]
    pub fn plain(zone: Arc<Zone>) -> Self {
        Self {
            zone,
            signed: None,
            expires: u64::MAX,
            refuse_from: u64::MAX,
        }
    }
}

/// The zones of a plan.
#[derive(Debug, Default)]
pub struct Zones {
    zones: Vec<Served>,
    index: Index,
    /// Octets of the longest apex.
    longest: usize,
    /// What the wall clock said when the server's own began, milliseconds since 1970.
    epoch_ms: u64,
}

impl Zones {
    /// Gathers zones; of several with one apex, the first counts.
    #[must_use]
    pub fn new(zones: Vec<Arc<Zone>>) -> Self {
        Self::served(zones.into_iter().map(Served::plain).collect(), 0)
    }

    /// Gathers zones as they are served; `epoch_ms` is what the wall clock said when the server's
    /// own began, milliseconds since 1970.
    #[must_use]
    pub fn served(zones: Vec<Served>, epoch_ms: u64) -> Self {
        let mut gathered = Self {
            epoch_ms,
            ..Self::default()
        };
        for served in zones {
            let apex = served.zone.apex().as_wire();
            if gathered.at(apex).is_some() {
                continue;
            }
            let id = u32::try_from(gathered.zones.len()).expect("limits.rs bounds the zones");
            gathered.index.insert(octets::hash(KEY, apex), id);
            gathered.longest = gathered.longest.max(apex.len());
            gathered.zones.push(served);
        }
        gathered
    }

    /// The zone with the longest apex that `qname` lies within (for `DS` at an apex, its parent's
    /// zone where that is ours too; RFC 4035, section 3.1.4.1), and where the apex starts in it.
    #[must_use]
    pub fn find(&self, qname: &[u8], qtype: u16) -> Option<(&Zone, usize)> {
        let (served, apex) = self.find_served(qname, qtype)?;
        Some((&*served.zone, apex))
    }

    /// The same, with its signatures.
    #[must_use]
    pub fn find_served(&self, qname: &[u8], qtype: u16) -> Option<(&Served, usize)> {
        let nearest = self.find_from(0, qname)?;
        if qtype == rtype::DS && nearest.1 == 0 {
            let above = 1 + usize::from(*qname.first()?);
            return self.find_from(above, qname).or(Some(nearest));
        }
        Some(nearest)
    }

    /// All zones, in the order of the config.
    #[must_use]
    pub fn all(&self) -> &[Served] {
        &self.zones
    }

    /// The zone of this apex.
    #[must_use]
    pub fn of(&self, apex: &Name) -> Option<&Served> {
        self.at(apex.as_wire())
    }

    /// The serial of a zone, as queries see it; `None` when it is not answered.
    #[must_use]
    pub fn serial(&self, apex: &Name) -> Option<u32> {
        let served = self.of(apex)?;
        match served.zone.presence() {
            Presence::Loaded => served.zone.serial(),
            Presence::Awaited | Presence::Withheld | Presence::Unsigned => None,
        }
    }

    /// What the wall clock says at a moment, seconds since 1970.
    #[must_use]
    pub fn wall_seconds(&self, now: Moment) -> u64 {
        self.epoch_ms.saturating_add(now.0) / 1000
    }

    /// The zone with the longest apex that starts at octet `start` or after it.
    fn find_from(&self, start: usize, qname: &[u8]) -> Option<(&Served, usize)> {
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

    /// The zone of this apex, in wire format.
    #[inline]
    fn at(&self, apex: &[u8]) -> Option<&Served> {
        let is_it = |id: u32| octets::same(self.zones[id as usize].zone.apex().as_wire(), apex);
        let id = self.index.find(octets::hash(KEY, apex), is_it)?;
        Some(&self.zones[id as usize])
    }
}
