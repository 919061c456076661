//! Sorts clients into classes: whom each region serves, in which order, inside which fence.
//!
//! The order of regions follows from the client and the service's steering (`steering`), which most services share. A
//! service skips the regions where it has no endpoint; residency then moves regions forward (`prefer`: first those of the
//! client's jurisdiction, then those that it may use) or takes them out (`strict`). Classes are what is left different: two
//! clients with the same list and fence are alike.
//!
//! A geo database may know a hundred thousand places and millions of networks. Both are looked at once: what a service may
//! ask of a client is its order and its law, and clients of one *kind* have both in common. Each map is made of the kinds of its
//! service's steering.
//!
//! A resolver may ask for a network that several classes share, and give one answer to everybody in it. For a strict
//! service that must be lawful for each, so there are classes for what fences have in common as well.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::lots::{self, Growing, Ranks, RegionDrawing};
use super::places::Places;
use super::services::Draft;
use super::steering::{RegionOrder, RegionOrderId, RegionOrders};
use crate::base::limits::{CLASSES, SHARED_FENCES};
use crate::base::{ClassId, JurisdictionId, JurisdictionSet, MapId, RegionId};
use crate::config::diagnostic::Diagnostics;
use crate::geo::{Atlas, Place, Sorted};
use crate::plan::{Class, Map, Residency, Shared};

/// Everything that makes two services sort clients differently.
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
    let mut clients: BTreeMap<&str, ClientKinds> = BTreeMap::new();
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
            let clients = clients.entry(&draft.steering.key);
            let clients = clients.or_insert_with(|| ClientKinds::sort(draft, places, atlas));
            maps.push(map(draft, places, clients, found));
            MapId::from_index(maps.len() - 1)
        });
        ids.push(id);
    }
    (maps, ids)
}

/// All clients, by what any service of one steering may ask of them.
struct ClientKinds {
    kinds: Vec<ClientKind>,
    sorted: Sorted,
    orders: Vec<RegionOrder>,
}

/// All that such a service may ask of a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ClientKind {
    order: RegionOrderId,
    country: ClientLaw,
}

/// The law of a client's country, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum ClientLaw {
    /// Nothing.
    Unknown,
    /// It is one of no jurisdiction.
    Lawless,
    /// The law that holds there.
    Law(JurisdictionId),
}

impl ClientKinds {
    fn sort(draft: &Draft<'_>, places: &Places<'_>, atlas: &Atlas) -> Self {
        let mut orders = RegionOrders::new(&draft.steering, places);
        let mut kinds = Vec::new();
        let mut known: HashMap<ClientKind, u32> = HashMap::new();
        let sorted = atlas.sort(&mut |place, mark| {
            let kind = ClientKind {
                order: orders.of(place, mark),
                country: knowledge(places, place),
            };
            *known.entry(kind).or_insert_with(|| {
                kinds.push(kind);
                u32::try_from(kinds.len() - 1).expect("there are fewer kinds than places")
            })
        });
        Self {
            kinds,
            sorted,
            orders: orders.into_list(),
        }
    }

    fn order(&self, kind: ClientKind) -> &RegionOrder {
        &self.orders[kind.order]
    }
}

fn knowledge(places: &Places<'_>, place: &Place) -> ClientLaw {
    match place.country.map(|_| places.law_at(place)) {
        None => ClientLaw::Unknown,
        Some(None) => ClientLaw::Lawless,
        Some(Some(law)) => ClientLaw::Law(law),
    }
}

fn map(
    draft: &Draft<'_>,
    places: &Places<'_>,
    clients: &ClientKinds,
    found: &mut Diagnostics,
) -> Map {
    let mut known: BTreeMap<(Vec<RegionId>, JurisdictionSet, Vec<u8>), ClassId> = BTreeMap::new();
    let (mut classes, mut ranks) = (Vec::new(), Ranks::new());
    let ids = clients.kinds.iter().map(|kind| {
        let class = class(draft, places, clients.order(*kind), kind.country);
        let own = ranks_of(draft, places, &class, kind.country);
        let key = (class.preference.clone(), class.fence, own.clone());
        match known.get(&key) {
            Some(id) => *id,
            None if classes.len() >= CLASSES => ClassId(0),
            None => {
                let id = ClassId::from_index(classes.len());
                known.insert(key, id);
                classes.push(class);
                ranks.insert(id, own);
                id
            }
        }
    });
    let ids: Vec<ClassId> = ids.collect();
    if classes.len() >= CLASSES {
        let name = &draft.spec.name;
        let message = format!("service `{}` tells too many clients apart", name.value);
        found.error(&name.at, message).help(format!(
            "{CLASSES} classes is the most: let it have fewer regions"
        ));
    }
    let mut sizes = sizes(clients, &ids, classes.len());
    let shared = (draft.spec.residency.value == Residency::Strict)
        .then(|| shared(draft, places, clients, &mut classes));
    sizes.resize(classes.len(), 0);
    let growing = &mut Growing {
        classes: &mut classes,
        sizes: &mut sizes,
    };
    let drawing = (draft.steering.drawing(), &places.regions[..]);
    let lots = lots::deal(drawing, &draft.spec.name, &ranks, growing, found);
    Map {
        lots,
        classes,
        networks: clients.sorted.classify(|kind| ids[kind as usize]),
        sizes,
        shared,
    }
}

/// The classes of networks that lie behind several fences: for every fence that some of them may have in common a
/// class, with the order of regions of clients whose place is unknown.
fn shared(
    draft: &Draft<'_>,
    places: &Places<'_>,
    clients: &ClientKinds,
    classes: &mut Vec<Class>,
) -> Shared {
    let own = classes.iter().map(|class| class.fence);
    let fences = intersections(own.collect());
    let mut orders = RegionOrders::new(&draft.steering, places);
    orders.of(&Place::default(), None);
    let everywhere = orders.into_list();
    let mut found = Vec::new();
    for fence in fences {
        let class = fenced(draft, places, &everywhere[0], fence);
        let known = classes.iter().position(|own| *own == class);
        let id = known.unwrap_or_else(|| {
            classes.push(class);
            classes.len() - 1
        });
        found.push((fence, ClassId::from_index(id)));
    }
    let kinds = clients.kinds.iter();
    let sets = kinds.map(|kind| fence(draft, places, kind.country).0);
    Shared {
        fences: clients.sorted.common(&sets.collect::<Vec<u64>>()),
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
    (order, measured): &RegionOrder,
    fence: JurisdictionSet,
) -> Class {
    let law_of = |region: &RegionId| places.regions[region.index()].jurisdiction;
    let may = |region: &&RegionId| draft.regions.contains(region) && fence.contains(law_of(region));
    let mut preference: Vec<RegionId> = order.iter().filter(may).copied().collect();
    draft.steering.sort_measured(&mut preference, *measured);
    Class { preference, fence }
}

/// The size of each class ([`Map::sizes`]).
fn sizes(clients: &ClientKinds, ids: &[ClassId], classes: usize) -> Vec<u64> {
    let mut sizes = vec![1; classes];
    let kinds = clients.kinds.iter().zip(ids);
    for ((kind, id), size) in kinds.zip(clients.sorted.sizes()) {
        if kind.country != ClientLaw::Unknown {
            sizes[id.index()] += size;
        }
    }
    sizes
}

/// The class of a client for a service.
fn class(draft: &Draft<'_>, places: &Places<'_>, order: &RegionOrder, country: ClientLaw) -> Class {
    let fence = match draft.spec.residency.value {
        Residency::Any | Residency::Prefer => JurisdictionSet::EVERYWHERE,
        Residency::Strict => fence(draft, places, country),
    };
    let (Residency::Prefer, ClientLaw::Law(law)) = (draft.spec.residency.value, country) else {
        return fenced(draft, places, order, fence);
    };
    let (regions, measured) = order;
    let mut class = fenced(draft, places, &(regions.clone(), None), fence);
    let distance = |region: &RegionId| distance_from_home(places, law, *region);
    class.preference.sort_by_key(distance);
    // Those that are as far from home are compared with each other alone.
    let alike = |one: &RegionId, other: &RegionId| distance(one) == distance(other);
    for group in class.preference.chunk_by_mut(alike) {
        draft.steering.sort_measured(group, *measured);
    }
    class
}

/// The distance of a region from a client's jurisdiction: in it, where its data may lie as well, or elsewhere.
fn distance_from_home(places: &Places<'_>, law: JurisdictionId, region: RegionId) -> u8 {
    match places.regions[region.index()].jurisdiction {
        own if own == Some(law) => 0,
        other if places.fence_of(law).contains(other) => 1,
        _ => 2,
    }
}

/// The distances from home of the regions of a class, where that matters to draws; otherwise nothing.
fn ranks_of(draft: &Draft<'_>, places: &Places<'_>, class: &Class, country: ClientLaw) -> Vec<u8> {
    let is_drawn = !matches!(draft.steering.drawing(), RegionDrawing::Nothing);
    match (draft.spec.residency.value, country) {
        (Residency::Prefer, ClientLaw::Law(law)) if is_drawn => {
            let regions = class.preference.iter();
            let ranks = regions.map(|region| distance_from_home(places, law, *region));
            ranks.collect()
        }
        _ => Vec::new(),
    }
}

fn fence(draft: &Draft<'_>, places: &Places<'_>, country: ClientLaw) -> JurisdictionSet {
    match country {
        ClientLaw::Unknown => draft.unknown,
        ClientLaw::Lawless => draft.outside,
        ClientLaw::Law(law) => places.fence_of(law),
    }
}
