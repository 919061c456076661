//! How the clients of a service prefer its regions, with names resolved: by the regions' own maps, or as
//! `[services.NAME.steering]` says.
//!
//! By place, the order is: the regions that claim the client, the most specific claim first (network, AS, city, part of a
//! country, country, continent; the nearest among equals), then where the first of them falls back to, then the rest by distance. Who is
//! claimed by none goes to the nearest region. A list for the client's place comes before all of it. A region that takes no
//! failover is there only for those whom it claims, and a closed fallback has nobody behind it. With an `order`, whoever is
//! claimed by none goes by that, and not to the nearest. By latency, it is the order of what was measured, and regions that are equal
//! by that are in the order by place.
//!
//! It does not know which regions a service has endpoints in, nor fences: `maps` takes out what may not be.
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::claim_level::{BY_NETWORK, city_of, level};
use super::internal::Openness;
use super::latency::MeasuredSteering;
use super::lots::RegionDrawing;
use super::places::{Places, are_internal, network};
use super::region_sorting::{self, RegionSorting};
use crate::base::{Permille, RegionId};
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::{Serves, ServiceSpec};
use crate::config::steering::SteeringSpec;
use crate::geo::{City, Continent, Direction, Location, Network, Place, Territory, country};
use crate::plan::{FamilyPairing, Measured, MeasuredClient, Residency, SteeringFacts};

/// The way in which clients prefer regions.
#[derive(Debug)]
pub(super) struct Steering {
    sorting: RegionSorting,
    /// SteeringFacts that are told of it.
    pub(super) facts: SteeringFacts,
    /// Claims by region.
    claims: Vec<Vec<Serves>>,
    /// By mark: the regions that claim the network, or the longest one around it that is claimed.
    by_mark: Vec<Vec<RegionId>>,
    /// Clients of a place, and the regions that they prefer.
    places: Vec<(Preferring, Vec<RegionId>)>,
    /// By place: whom nobody claims goes by this, unless it is empty.
    unclaimed: Vec<RegionId>,
    /// Regions to which the clients of each go next.
    fallback: Vec<Vec<RegionId>>,
    /// Tells of each region whether clients whom it does not claim may be sent there.
    takes_failover: Vec<bool>,
    /// By region: percent by which it counts as nearer.
    bias: Vec<i16>,
    /// Times that were measured.
    measured: Option<MeasuredSteering>,
    /// All of the above as text: two services that agree in it sort clients alike.
    pub(super) key: String,
    /// The same, but for times that were measured.
    rest: String,
}

/// Clients that a list of regions is for.
#[derive(Debug)]
enum Preferring {
    /// Those of a place that is no network.
    Of(Serves),
    /// Those of a network of this prefix length, by marks.
    Marks(u8, Vec<u16>),
}

/// The steering of services that say nothing of it.
pub(super) fn by_regions(places: &Places<'_>) -> Rc<Steering> {
    Rc::new(Steering::new(places).keyed())
}

/// The steering that a service has of its own, otherwise the one of the regions.
pub(super) fn of_service(
    (spec, regions): (&ServiceSpec, &[RegionId]),
    places: &Places<'_>,
    by_regions: &Rc<Steering>,
    found: &mut Diagnostics,
) -> Rc<Steering> {
    let kind = (regions, spec.residency.value);
    let Some(written) = &spec.steering else {
        let closed = by_regions.internal(kind, places);
        if closed.is_empty() {
            return Rc::clone(by_regions);
        }
        return Rc::new(Steering::new(places).closing(&closed).keyed());
    };
    let mut own = Steering::new(places);
    own.sorting = RegionSorting::of(written, places, found);
    if let (RegionSorting::Place | RegionSorting::Latency, Some(order)) =
        (&own.sorting, &written.order)
    {
        own.unclaimed = places.region_ids(&order.value, found);
    }
    own.facts = SteeringFacts {
        policy: written.policy.value,
        is_own: true,
        is_closed: written.is_closed,
        subnets: written.subnets,
        families: written
            .families
            .as_ref()
            .map_or(FamilyPairing::default(), |families| families.value),
        is_sticky: written.sticky.as_ref().is_some_and(|own| own.value),
        region_trickle: written
            .region_trickle
            .as_ref()
            .map_or(Permille::NONE, |part| part.value),
    };
    refuse_diverted(spec, written, found);
    if let Some(serves) = &written.serves {
        own.claim(serves, places, found);
    }
    for (region, fallback) in &written.fallback {
        let fallback = places.region_ids(fallback, found);
        if let Some(place) = places.region_names.find(region, found) {
            own.fallback[place] = fallback;
        }
    }
    for (place, regions) in &written.places {
        let regions = places.region_ids(regions, found);
        let preferring = match network(&place.value) {
            Some(outer) => Preferring::Marks(outer.prefix, inside(outer, places)),
            None => Preferring::Of(place.value.clone()),
        };
        own.places.push((preferring, regions));
    }
    for (region, percent) in &written.bias {
        if let Some(place) = places.region_names.find(region, found) {
            own.bias[place] = percent.value;
        }
    }
    region_sorting::tell_needless(written, found);
    let closed = own.internal(kind, places);
    own = own.closing(&closed);
    if let RegionSorting::Latency = own.sorting {
        // Of those that anybody may be sent to.
        let open = regions.iter().copied();
        let open = open.filter(|region| own.takes_failover[region.index()]);
        let named = (&*spec.name.value, written);
        let measured = places
            .latency
            .of_service(named, &open.collect::<Vec<_>>(), &places.regions);
        own.measured = measured;
    }
    Rc::new(own.keyed())
}

/// Refuses families that are to be together where capacity would take them apart.
fn refuse_diverted(spec: &ServiceSpec, written: &SteeringSpec, found: &mut Diagnostics) {
    let families = written.families.as_ref();
    let families = families.filter(|own| own.value == FamilyPairing::Together);
    if let (Some(families), Some(_)) = (families, &spec.demand) {
        found
            .error(
                &families.at,
                "families that are together cannot be planned by demand",
            )
            .label("who finds no room is led elsewhere family by family")
            .help("take out `families` or the service's `demand`");
    }
}

/// Marks of networks inside a network.
fn inside(outer: Network, places: &Places<'_>) -> Vec<u16> {
    let marks = places.marks.iter();
    let own =
        marks.filter(|(inner, _)| outer.prefix <= inner.prefix && outer.contains(inner.address));
    own.map(|(_, mark)| *mark).collect()
}

impl Steering {
    /// The steering of the regions.
    fn new(places: &Places<'_>) -> Self {
        let mut own = Self {
            sorting: RegionSorting::Place,
            facts: SteeringFacts::default(),
            claims: places.claims.clone(),
            by_mark: Vec::new(),
            places: Vec::new(),
            unclaimed: Vec::new(),
            fallback: places.fallback.clone(),
            takes_failover: places
                .said_failover
                .iter()
                .map(|said| said.unwrap_or(true))
                .collect(),
            bias: vec![0; places.regions.len()],
            measured: None,
            rest: String::new(),
            key: String::new(),
        };
        own.mark(places);
        own
    }

    /// Regions of a service that are for internal networks alone.
    fn internal(
        &self,
        (regions, residency): (&[RegionId], Residency),
        places: &Places<'_>,
    ) -> Vec<RegionId> {
        let claims = self.claims.iter();
        let internal: Vec<bool> = claims.map(|own| are_internal(own)).collect();
        let openness = Openness {
            regions: &places.regions,
            said: &places.said_failover,
            internal: &internal,
            named: &self.sorting.named(),
        };
        openness.closed(regions, residency)
    }

    fn closing(mut self, closed: &[RegionId]) -> Self {
        for region in closed {
            self.takes_failover[region.index()] = false;
        }
        self
    }

    /// The times that clients are sorted by.
    pub(super) fn measured(&self) -> Option<Arc<Measured>> {
        self.measured.as_ref().map(|own| Arc::new(own.led()))
    }

    /// The text of what it comes to, once maps are made.
    pub(super) fn outcome(&self) -> String {
        let measured = self.measured.as_ref().map(MeasuredSteering::outcome);
        measured.map_or_else(
            || self.rest.clone(),
            |own| format!("{} {own:016x}", self.rest),
        )
    }

    /// Brings the regions that a client may be sent to into the order of what was measured, if it was.
    pub(super) fn sort_measured(&self, list: &mut [RegionId], client: Option<MeasuredClient>) {
        if let (Some(own), Some(client)) = (&self.measured, client) {
            own.sort(list, client);
        }
    }

    fn keyed(mut self) -> Self {
        let claims = (&self.claims, &self.by_mark, &self.places);
        let lists = (
            &self.unclaimed,
            &self.fallback,
            &self.takes_failover,
            &self.bias,
        );
        let closed = self.facts.is_closed;
        self.rest = format!("{:?} {claims:?} {lists:?} {closed}", self.sorting);
        let trickle = self.facts.region_trickle;
        if trickle > Permille::NONE {
            self.rest += &format!(" {trickle:?}");
        }
        self.key = match &self.measured {
            Some(measured) => format!("{} {:016x}", self.rest, measured.digest),
            None => self.rest.clone(),
        };
        self
    }

    /// Takes over claims in place of those of all regions.
    fn claim(
        &mut self,
        serves: &[(At<String>, Vec<At<Serves>>)],
        places: &Places<'_>,
        found: &mut Diagnostics,
    ) {
        self.claims = vec![Vec::new(); places.regions.len()];
        for (region, claims) in serves {
            if let Some(place) = places.region_names.find(region, found) {
                let claims = claims.iter().map(|claim| claim.value.clone());
                self.claims[place] = claims.collect();
            }
        }
        self.mark(places);
    }

    /// Works out who claims each network that is marked.
    fn mark(&mut self, places: &Places<'_>) {
        let mut owners: BTreeMap<Network, Vec<RegionId>> = BTreeMap::new();
        for (place, claims) in self.claims.iter().enumerate() {
            for network in claims.iter().filter_map(network) {
                owners
                    .entry(network)
                    .or_default()
                    .push(RegionId::from_index(place));
            }
        }
        let marks = places.marks.iter().map(|(network, _)| {
            let mut around = (0..=network.prefix).rev();
            let found =
                around.find_map(|prefix| owners.get(&Network::around(network.address, prefix)));
            found.cloned().unwrap_or_default()
        });
        self.by_mark = marks.collect();
    }

    /// Cities that are claimed, or have a list.
    fn cities(&self) -> FxHashSet<City> {
        let preferring = self.places.iter().filter_map(|(own, _)| match own {
            Preferring::Of(claim) => Some(claim),
            Preferring::Marks(..) => None,
        });
        let all = self.claims.iter().flatten().chain(preferring);
        all.filter_map(city_of).collect()
    }

    /// Claims on a client, and the list for its place.
    fn claimed(&self, place: &Place, mark: Option<u16>) -> Claimed {
        let marked = mark.and_then(|mark| self.by_mark.get(usize::from(mark)));
        let levels = (0..).map(RegionId::from_index).zip(&self.claims);
        let levels = levels.map(|(region, claims)| {
            if marked.is_some_and(|owners| owners.contains(&region)) {
                return BY_NETWORK;
            }
            let levels = claims.iter().map(|claim| level(claim, place));
            levels.max().unwrap_or(0)
        });
        let lists = self.places.iter().map(|(preferring, regions)| {
            let rank = match preferring {
                Preferring::Of(claim) => (level(claim, place), 0),
                Preferring::Marks(prefix, marks) => {
                    match mark.is_some_and(|own| marks.contains(&own)) {
                        true => (BY_NETWORK, *prefix),
                        false => (0, 0),
                    }
                }
            };
            (rank, regions)
        });
        let best = lists
            .filter(|((level, _), _)| *level > 0)
            .max_by_key(|(rank, _)| *rank);
        Claimed {
            levels: levels.collect(),
            preferred: best.map_or_else(Vec::new, |(_, regions)| regions.clone()),
        }
    }
}

/// The number of an order.
pub(super) type RegionOrderId = usize;

/// An order of regions for clients, and the row of the table of times that counts for them; by that each fence sorts those that it
/// lets through ([`Steering::sort_measured`]).
pub(super) type RegionOrder = (Vec<RegionId>, Option<MeasuredClient>);

/// All that regions claim clients by.
type ClaimKey = (
    Option<Territory>,
    Option<City>,
    Option<Continent>,
    Option<u32>,
    Option<u16>,
);

/// Claims on a client.
struct Claimed {
    /// By region: 6 by network, 5 by AS, 4 by city, 3 by part of a country, 2 by country, 1 by continent, 0 not at all.
    levels: Vec<u8>,
    /// The list for its place.
    preferred: Vec<RegionId>,
}

/// Orders of regions, of which there are far fewer than places. A city file has a hundred thousand of those: claims are
/// looked through once for each territory, continent, AS number and mark that occur, and distances are computed once for
/// each place.
pub(super) struct RegionOrders<'p> {
    steering: &'p Steering,
    places: &'p Places<'p>,
    /// Places of regions.
    directions: Vec<Direction>,
    claims: FxHashMap<ClaimKey, Claimed>,
    /// Cities that anything is claimed for: all others are as their surroundings are.
    cities: FxHashSet<City>,
    known: FxHashMap<Option<MeasuredClient>, FxHashMap<Vec<RegionId>, RegionOrderId>>,
    count: usize,
    /// Distances of regions from the client at hand, as their bias has them.
    distances: Vec<u32>,
    /// The order of the client at hand, and room to sort in.
    list: Vec<RegionId>,
    rest: Vec<RegionId>,
}

impl<'p> RegionOrders<'p> {
    pub(super) fn new(steering: &'p Steering, places: &'p Places<'p>) -> Self {
        let regions = places.regions.iter();
        Self {
            steering,
            places,
            directions: regions.map(|own| own.location.direction()).collect(),
            claims: FxHashMap::default(),
            cities: steering.cities(),
            known: FxHashMap::default(),
            count: 0,
            distances: vec![0; places.regions.len()],
            list: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// The order for a client.
    pub(super) fn of(&mut self, place: &Place, mark: Option<u16>) -> RegionOrderId {
        self.fill(place, mark);
        let known = self.known.entry(self.measured(place, mark)).or_default();
        if let Some(id) = known.get(&self.list) {
            return *id;
        }
        let id = self.count;
        known.insert(self.list.clone(), id);
        self.count += 1;
        id
    }

    /// The orders by their numbers.
    pub(super) fn into_list(self) -> Vec<RegionOrder> {
        let mut list = vec![(Vec::new(), None); self.count];
        for (measured, orders) in self.known {
            for (order, id) in orders {
                list[id] = (order, measured);
            }
        }
        list
    }

    /// Regions in the order in which a client should be served by them.
    fn fill(&mut self, place: &Place, mark: Option<u16>) {
        let own = place.location.map(Location::direction);
        match own {
            Some(own) => self.measure(own),
            None => self.distances.fill(0),
        }
        self.list.clear();
        let city = place.city.filter(|own| self.cities.contains(own));
        let key = (place.territory(), city, place.continent, place.asn, mark);
        let steering = self.steering;
        let claims = self.claims.entry(key);
        claims.or_insert_with(|| steering.claimed(place, mark));
        match &steering.sorting {
            RegionSorting::Order(order) => self.list.extend(order),
            RegionSorting::Nearest => {}
            RegionSorting::Weight(weights) => self.take_weighted(weights),
            RegionSorting::Place | RegionSorting::Latency => {
                self.take_claims(key, own.is_some());
            }
        }
        self.take_rest(own);
        let Some(claimed) = self.claims.get(&key) else {
            return;
        };
        self.list.retain(|region| {
            steering.takes_failover[region.index()]
                || claimed.levels[region.index()] > 0
                || claimed.preferred.contains(region)
        });
    }

    /// Takes the regions that clients draw, then the others in the order for clients whose place is unknown: draws are of
    /// all clients alike.
    fn take_weighted(&mut self, weights: &[u16]) {
        let all = (0..weights.len()).map(RegionId::from_index);
        let drawn = all.clone().filter(|one| weights[one.index()] > 0);
        self.list.extend(drawn);
        if !self.steering.facts.is_closed {
            append(&mut self.list, self.places.default.iter().copied());
            append(&mut self.list, all);
        }
    }

    /// Takes whom the policy "place" names for a client: the list for its place, who claims it, and the fallback of the first.
    fn take_claims(&mut self, key: ClaimKey, is_located: bool) {
        let Some(claimed) = self.claims.get(&key) else {
            return;
        };
        let all = (0..self.directions.len()).map(RegionId::from_index);
        self.list.extend(&claimed.preferred);
        let (levels, distances) = (&claimed.levels, &self.distances);
        self.rest.clear();
        self.rest
            .extend(all.clone().filter(|one| levels[one.index()] > 0));
        let rank = |one: &RegionId| (Reverse(levels[one.index()]), distances[one.index()], *one);
        self.rest.sort_unstable_by_key(rank);
        append(&mut self.list, self.rest.iter().copied());
        if self.list.is_empty() {
            self.list.extend(&self.steering.unclaimed);
        }
        if self.list.is_empty() && is_located {
            let open = all.filter(|one| self.steering.takes_failover[one.index()]);
            let nearest = open.min_by_key(|one| (distances[one.index()], *one));
            self.list.extend(nearest);
        }
        if let Some(first) = self.list.first().copied() {
            let fallback = &self.steering.fallback[first.index()];
            append(&mut self.list, fallback.iter().copied());
        }
    }

    /// Takes everybody else by distance: from the client, or from its first region if its location is unknown.
    fn take_rest(&mut self, own: Option<Direction>) {
        if self.steering.facts.is_closed && !self.list.is_empty() {
            return;
        }
        let all = (0..self.directions.len()).map(RegionId::from_index);
        match (own, self.list.first().copied()) {
            (None, None) => {
                self.list.extend(&self.places.default);
                append(&mut self.list, all);
                return;
            }
            (None, Some(first)) => self.measure(self.directions[first.index()]),
            (Some(_), _) => {}
        }
        let (list, distances) = (&self.list, &self.distances);
        self.rest.clear();
        self.rest.extend(all.filter(|one| !list.contains(one)));
        self.rest
            .sort_unstable_by_key(|one| (distances[one.index()], *one));
        self.list.extend(&self.rest);
    }

    /// The row of the table of times that counts for a client.
    fn measured(&self, place: &Place, mark: Option<u16>) -> Option<MeasuredClient> {
        let own = self.steering.measured.as_ref()?;
        let network = mark.map(|mark| self.places.marks[usize::from(mark)].0);
        own.table.client(network, place)
    }

    /// Finds how far each region counts as being from a point.
    fn measure(&mut self, from: Direction) {
        let regions = self.directions.iter().zip(&self.steering.bias);
        for (distance, (region, bias)) in self.distances.iter_mut().zip(regions) {
            let percent = u32::from((100 - bias).unsigned_abs());
            *distance = from.distance_km(*region) * percent / 100;
        }
    }
}

impl Steering {
    /// The regions that clients draw.
    pub(super) fn drawing(&self) -> RegionDrawing<'_> {
        match &self.sorting {
            RegionSorting::Weight(weights) => RegionDrawing::Weighted(weights),
            _ if self.facts.region_trickle > Permille::NONE => {
                RegionDrawing::Trickle(self.facts.region_trickle)
            }
            RegionSorting::Place
            | RegionSorting::Nearest
            | RegionSorting::Order(_)
            | RegionSorting::Latency => RegionDrawing::Nothing,
        }
    }

    /// Tells whether a region serves clients whom nobody claims.
    pub(super) fn takes_failover(&self, region: RegionId) -> bool {
        self.takes_failover[region.index()]
    }

    /// Tells whether a region claims the whole of a country, or of a part of one.
    pub(super) fn claims_territory(&self, region: RegionId, own: Territory) -> bool {
        let place = Place {
            country: Some(own.country),
            subdivision: Some(own).filter(|own| own.is_part()),
            continent: country::find(own.country).map(|facts| facts.continent),
            ..Place::default()
        };
        let claims = self.claims[region.index()].iter();
        claims
            .map(|claim| level(claim, &place))
            .any(|level| level > 0)
    }
}

/// Appends what is not in the list yet.
fn append(list: &mut Vec<RegionId>, more: impl IntoIterator<Item = RegionId>) {
    for region in more {
        if !list.contains(&region) {
            list.push(region);
        }
    }
}
