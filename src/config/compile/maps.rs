//! Sorts clients into classes: whom each region serves, in which order, inside which fence.
//!
//! The order of regions follows from the client and the service's steering (`steering`). A service skips the regions
//! where it has no endpoint; residency then moves regions forward (`prefer`: first those of the
//! client's jurisdiction, then those that it may use) or takes them out (`strict`). Classes are what is left different: two clients with the same list and fence
//! are alike.
//!
//! A resolver may ask for a network that several classes share, and give one answer to everybody in it. For a strict
//! service that must be lawful for each, so there are classes for what fences have in common as well.
use std::collections::{BTreeMap, BTreeSet};

use super::places::Places;
use super::services::Draft;
use super::steering::Client;
use crate::base::limits::{CLASSES, SHARED_FENCES};
use crate::base::{ClassId, JurisdictionId, JurisdictionSet, MapId, RegionId};
use crate::config::diagnostic::Diagnostics;
use crate::geo::{Atlas, Networks, Place};
use crate::plan::{Class, Map, Residency, Shared};

/// What makes two services sort clients differently.
type MapKey<'k> = (
    Vec<RegionId>,
    Residency,
    JurisdictionSet,
    JurisdictionSet,
    &'k str,
);

/// The maps of a plan, and each service's own.
pub(super) fn build(
    drafts: &[Draft<'_>],
    places: &Places<'_>,
    atlas: &Atlas,
    found: &mut Diagnostics,
) -> (Vec<Map>, Vec<MapId>) {
    let mut known: BTreeMap<MapKey<'_>, MapId> = BTreeMap::new();
    let (mut maps, mut ids) = (Vec::new(), Vec::new());
    for draft in drafts {
        let residency = draft.spec.residency.value;
        let key = (
            draft.regions.clone(),
            residency,
            draft.outside,
            draft.unknown,
            &*draft.steering.key,
        );
        let id = *known.entry(key).or_insert_with(|| {
            maps.push(map(draft, places, atlas, found));
            MapId::from_index(maps.len() - 1)
        });
        ids.push(id);
    }
    (maps, ids)
}

fn map(draft: &Draft<'_>, places: &Places<'_>, atlas: &Atlas, found: &mut Diagnostics) -> Map {
    let mut known: BTreeMap<(Vec<RegionId>, JurisdictionSet), ClassId> = BTreeMap::new();
    let mut classes = Vec::new();
    let networks = atlas.classify(&mut |place, mark| {
        let class = class(draft, places, place, mark);
        let key = (class.preference.clone(), class.fence);
        match known.get(&key) {
            Some(id) => *id,
            None if classes.len() >= CLASSES => ClassId(0),
            None => {
                let id = ClassId::from_index(classes.len());
                known.insert(key, id);
                classes.push(class);
                id
            }
        }
    });
    if classes.len() >= CLASSES {
        let name = &draft.spec.name;
        let message = format!("service `{}` tells too many clients apart", name.value);
        found.error(&name.at, message).help(format!(
            "{CLASSES} classes is the most: let it have fewer regions"
        ));
    }
    let mut sizes = sizes(&networks, classes.len(), atlas);
    let shared = (draft.spec.residency.value == Residency::Strict)
        .then(|| shared(draft, places, atlas, &mut classes));
    sizes.resize(classes.len(), 0);
    Map {
        classes,
        networks,
        sizes,
        shared,
    }
}

/// The classes of networks that lie behind several fences: for every fence that some of them may have in common a
/// class, with the order of regions of clients whose place is unknown.
fn shared(
    draft: &Draft<'_>,
    places: &Places<'_>,
    atlas: &Atlas,
    classes: &mut Vec<Class>,
) -> Shared {
    let own = classes.iter().map(|class| class.fence);
    let fences = intersections(own.collect());
    let everywhere = order(draft, places, &Place::default(), None);
    let mut found = Vec::new();
    for fence in fences {
        let class = fenced(draft, places, &everywhere, fence);
        let known = classes.iter().position(|own| *own == class);
        let id = known.unwrap_or_else(|| {
            classes.push(class);
            classes.len() - 1
        });
        found.push((fence, ClassId::from_index(id)));
    }
    let of_place = |place: &Place, _| {
        let law = place.country.and_then(|country| places.law.get(&country));
        fence(draft, places, place, law.copied()).0
    };
    Shared {
        fences: atlas.common(&mut { of_place }),
        nobody: found[0].1,
        classes: found,
    }
}

/// All sets that some of these have in common, in order, the empty one first; past [`SHARED_FENCES`] the rest is
/// left out, and whoever has that in common is nobody's.
fn intersections(sets: BTreeSet<JurisdictionSet>) -> BTreeSet<JurisdictionSet> {
    let mut all = sets.clone();
    all.insert(JurisdictionSet::EMPTY);
    let mut new: Vec<JurisdictionSet> = sets.iter().copied().collect();
    while let Some(one) = new.pop() {
        for other in &sets {
            let both = JurisdictionSet(one.0 & other.0);
            if all.len() < SHARED_FENCES && all.insert(both) {
                new.push(both);
            }
        }
    }
    all
}

/// The class of a fence, with regions in this order.
fn fenced(
    draft: &Draft<'_>,
    places: &Places<'_>,
    order: &[RegionId],
    fence: JurisdictionSet,
) -> Class {
    let law_of = |region: &RegionId| places.regions[region.index()].jurisdiction;
    let may = |region: &&RegionId| draft.regions.contains(region) && fence.contains(law_of(region));
    Class {
        preference: order.iter().filter(may).copied().collect(),
        fence,
    }
}

/// How large each class is ([`Map::sizes`]).
fn sizes(networks: &Networks, classes: usize, atlas: &Atlas) -> Vec<u64> {
    let mut sizes = vec![1; classes];
    for extent in atlas.extents() {
        if extent.place.country.is_some() {
            sizes[networks.find(extent.example.into()).class.index()] += extent.size;
        }
    }
    sizes
}

/// The class of a client for a service.
fn class(draft: &Draft<'_>, places: &Places<'_>, place: &Place, mark: Option<u16>) -> Class {
    let law = place.country.and_then(|country| places.law.get(&country));
    let law = law.copied();
    let fence = match draft.spec.residency.value {
        Residency::Any | Residency::Prefer => JurisdictionSet::EVERYWHERE,
        Residency::Strict => fence(draft, places, place, law),
    };
    let law_of = |region: &RegionId| places.regions[region.index()].jurisdiction;
    let mut preference = order(draft, places, place, mark);
    preference.retain(|region| draft.regions.contains(region) && fence.contains(law_of(region)));
    if let (Residency::Prefer, Some(law)) = (draft.spec.residency.value, law) {
        let near = places.fence_of(law);
        preference.sort_by_key(|region| match law_of(region) {
            own if own == Some(law) => 0,
            other if near.contains(other) => 1,
            _ => 2,
        });
    }
    Class { preference, fence }
}

fn fence(
    draft: &Draft<'_>,
    places: &Places<'_>,
    place: &Place,
    law: Option<JurisdictionId>,
) -> JurisdictionSet {
    match (place.country, law) {
        (None, _) => draft.unknown,
        (Some(_), None) => draft.outside,
        (Some(_), Some(law)) => places.fence_of(law),
    }
}

/// Regions in the order in which a client of a service should be served by them.
fn order(
    draft: &Draft<'_>,
    places: &Places<'_>,
    place: &Place,
    mark: Option<u16>,
) -> Vec<RegionId> {
    let client = Client {
        place,
        mark,
        is_usable: &|region| draft.regions.contains(&region),
    };
    draft.steering.order(places, client)
}
