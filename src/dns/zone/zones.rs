//! Which zone a name belongs to: the one with the longest apex.
//!
//! Where clients of some networks see versions of zones of their own, each of their views is a table of all zones as they see
//! them, over the same list: its own version of a zone, or the default's.
//!
//! Apexes stand in one hash table; a query name is tried at each of its labels that could be
//! the start of one, longest first. What of a name is longer than the longest apex costs next to nothing.
use std::sync::Arc;

use super::index::Index;
use super::signed::Signed;
use super::{Presence, Zone};
use crate::base::{Moment, ViewId};
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
    /// The view whose clients see it; absent = the default.
    pub view: Option<ViewId>,
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
            view: None,
        }
    }
}

/// The zones of a plan.
#[derive(Debug, Default)]
pub struct Zones {
    /// Those of every view.
    zones: Arc<[Served]>,
    /// The zones of one view.
    index: Index,
    /// Octets of the longest apex.
    longest: usize,
    /// What the wall clock said when the server's own began, milliseconds since 1970.
    epoch_ms: u64,
    /// Zones as views see them, up to the last one that has any; empty in the table of a view.
    views: Vec<Arc<Self>>,
}

impl Zones {
    /// Gathers zones; of several with one apex in one view, the first counts.
    #[must_use]
    pub fn new(zones: Vec<Arc<Zone>>) -> Self {
        Self::served(zones.into_iter().map(Served::plain).collect(), 0)
    }

    /// Gathers zones as they are served; `epoch_ms` is what the wall clock said when the server's
    /// own began, milliseconds since 1970.
    #[must_use]
    pub fn served(zones: Vec<Served>, epoch_ms: u64) -> Self {
        let zones: Arc<[Served]> = zones.into();
        let views = zones.iter().filter_map(|served| served.view);
        let views = views.map(|view| view.index() + 1).max().unwrap_or(0);
        let views = (0..views).map(ViewId::from_index);
        let seen = |view| Self::of_view(Arc::clone(&zones), epoch_ms, view);
        Self {
            views: views.map(|view| Arc::new(seen(Some(view)))).collect(),
            ..seen(None)
        }
    }

    /// The zones that a view sees: its own versions before those of the default.
    fn of_view(zones: Arc<[Served]>, epoch_ms: u64, view: Option<ViewId>) -> Self {
        let mut seen = Self {
            zones: Arc::clone(&zones),
            epoch_ms,
            ..Self::default()
        };
        let numbered = || (0_u32..).zip(&*zones);
        let own = numbered().filter(|(_, served)| served.view == view);
        let common = numbered().filter(|(_, served)| served.view.is_none() && view.is_some());
        for (id, served) in own.chain(common) {
            let apex = served.zone.apex().as_wire();
            if seen.at(apex).is_none() {
                seen.index.insert(octets::hash(KEY, apex), id);
                seen.longest = seen.longest.max(apex.len());
            }
        }
        seen
    }

    /// The zones as views see them, by [`ViewId`], up to the last one that has any of its own.
    #[must_use]
    pub fn views(&self) -> &[Arc<Self>] {
        &self.views
    }

    /// The zones as a view sees them.
    #[must_use]
    pub fn seen(&self, view: Option<ViewId>) -> &Self {
        let own = view.and_then(|view| self.views.get(view.index()));
        own.map_or(self, |own| own)
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

    /// All zones, those of every view, in the order of the config.
    #[must_use]
    pub fn all(&self) -> &[Served] {
        &self.zones
    }

    /// The zone of this apex.
    #[must_use]
    pub fn of(&self, apex: &Name) -> Option<&Served> {
        self.at(apex.as_wire())
    }

    /// The version of a zone that this very view has.
    #[must_use]
    pub fn version(&self, apex: &Name, view: Option<ViewId>) -> Option<&Served> {
        let seen = self.seen(view).of(apex);
        seen.filter(|served| served.view == view)
    }

    /// The serial of a zone, as queries see it; `None` when it is not answered.
    #[must_use]
    pub fn serial(&self, apex: &Name) -> Option<u32> {
        self.serial_in(apex, None)
    }

    /// The serial of the version of a zone that this very view has, likewise.
    #[must_use]
    pub fn serial_in(&self, apex: &Name, view: Option<ViewId>) -> Option<u32> {
        let served = self.version(apex, view)?;
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
