//! Maps: which clients are alike, and what they prefer.
//!
//! The services of one map have the same regions, claims and fences, so that a client is looked up once for all of
//! them. All of it is made beforehand; an answer only finds a range.
use super::Lots;
use crate::base::{ClassId, JurisdictionSet, RegionId};
use crate::geo::{ClassHit, Common, Network, Networks};

/// Clients that are alike for some services, and what they prefer.
#[derive(Debug)]
pub struct Map {
    /// Classes by [`ClassId`].
    pub classes: Vec<Class>,
    /// Addresses to classes.
    pub networks: Networks,
    /// IPv4 addresses of each class whose place is known, in /24s rounded up; at least 1, and nothing for classes of
    /// [`Map::shared`] that no address by itself is in.
    pub sizes: Vec<u64>,
    /// By their class, sorted: where clients draw regions by weight. Nothing, where they do not.
    pub lots: Vec<Lots>,
    /// The classes of networks whose addresses are under several fences; absent where there are no fences.
    pub shared: Option<Shared>,
}

/// The class that answers a network as a whole, where its addresses lie behind different fences: one that is lawful for
/// all of them (RFC 7871, section 7.3.1 has a resolver give one answer to everybody in the prefix that it sent).
#[derive(Debug)]
pub struct Shared {
    /// The fences of all addresses, as the bits of [`JurisdictionSet`].
    pub fences: Common,
    /// Classes by their fence, sorted.
    pub classes: Vec<(JurisdictionSet, ClassId)>,
    /// The class of those who can be given nothing.
    pub nobody: ClassId,
}

impl Map {
    /// The class of a network that more than one class may share, and how wide around its first address that one's
    /// holds.
    pub(super) fn classify_shared(&self, network: Network, hit: ClassHit) -> ClassHit {
        let Some(shared) = &self.shared else {
            return hit;
        };
        let fence = JurisdictionSet(shared.fences.find(network));
        let own = self.classes[hit.class.index()].fence;
        if own.0 & !fence.0 == 0 {
            return hit;
        }
        let found = shared
            .classes
            .binary_search_by_key(&fence, |(fence, _)| *fence);
        let class = found.map_or(shared.nobody, |place| shared.classes[place].1);
        ClassHit { class, ..hit }
    }
}

/// Client networks that the plan treats alike for the services of one map.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Regions, best first; only regions of the map's services, inside the fence.
    pub preference: Vec<RegionId>,
    /// Where answers to this class may lie.
    pub fence: JurisdictionSet,
}
