//! Jurisdictions, regions and endpoints with their names resolved.
//!
//! A country has one law at the most: two jurisdictions that share a country would make the
//! fence of its clients a matter of order.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use super::latency::LatencyTables;
use super::names::Names;
use crate::base::{EndpointId, JurisdictionId, JurisdictionSet, RegionId, ServiceId};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::reader::At;
use crate::config::spec::{EndpointSpec, RegionSpec, Serves, ServiceSpec, Spec};
use crate::geo::{Network, Place, Territory};
use crate::monitor::reach;
use crate::names::KnownNames;
use crate::plan::{Endpoint, Jurisdiction, NamedMachine, Region};

/// Where things are, and under which law.
pub(super) struct Places<'s> {
    pub(super) jurisdiction_names: Names<'s>,
    pub(super) region_names: Names<'s>,
    pub(super) jurisdictions: Vec<Jurisdiction>,
    pub(super) regions: Vec<Region>,
    /// Those of regions, then those of services.
    pub(super) endpoints: Vec<Endpoint>,
    /// Endpoints as they are written, by id.
    pub(super) written: Vec<&'s EndpointSpec>,
    /// By region: its endpoints, which stand together.
    of_region: Vec<Range<usize>>,
    /// By service: its own endpoints, which stand together.
    of_service: Vec<Range<usize>>,
    /// Whose law holds in a country, or in a part of one.
    pub(super) law: BTreeMap<Territory, JurisdictionId>,
    /// Regions whose jurisdiction is named and not known.
    pub(super) unknown_law: BTreeSet<RegionId>,
    /// By region: where its clients go next.
    pub(super) fallback: Vec<Vec<RegionId>>,
    /// By region: which clients it claims.
    pub(super) claims: Vec<Vec<Serves>>,
    /// By region: whether clients whom it does not claim may be sent there, where somebody said so.
    pub(super) said_failover: Vec<Option<bool>>,
    /// Networks that regions and services claim, each once; its number is its mark in the atlas.
    pub(super) marks: Vec<(Network, u16)>,
    /// Tables of measured times; their networks are marked as well.
    pub(super) latency: LatencyTables,
    /// Order for clients whose place is unknown.
    pub(super) default: Vec<RegionId>,
}

/// Tells whether claims are of internal networks and of nothing else.
pub(super) fn are_internal(claims: &[Serves]) -> bool {
    let networks = claims.iter().map(network);
    !claims.is_empty()
        && networks
            .into_iter()
            .all(|one| one.is_some_and(Network::is_internal))
}

/// Warns of fallback to a region where nobody but internal networks is sent.
fn warn_of_internal(spec: &Spec, places: &Places<'_>, found: &mut Diagnostics) {
    let lists = spec.regions.iter().flat_map(|region| &region.fallback);
    for named in lists {
        let mut regions = places.regions.iter();
        let Some(place) = regions.position(|region| region.name == named.value) else {
            continue;
        };
        if places.said_failover[place].is_none() && are_internal(&places.claims[place]) {
            found
                .warn(&named.at, format!("`{}` takes no failover", named.value))
                .label("it claims internal networks alone")
                .help("say `takes_failover = true` there if others may be sent to it")
                .rests_on(Gap::Content("regions"));
        }
    }
}

impl<'s> Places<'s> {
    pub(super) fn resolve(spec: &'s Spec, known: &KnownNames, found: &mut Diagnostics) -> Self {
        Self::resolve_these(spec, known, found, |_| true)
    }

    /// The same without endpoints that are discovered.
    pub(super) fn resolve_stated(
        spec: &'s Spec,
        known: &KnownNames,
        found: &mut Diagnostics,
    ) -> Self {
        Self::resolve_these(spec, known, found, |own| own.discovery.is_none())
    }

    fn resolve_these(
        spec: &'s Spec,
        known: &KnownNames,
        found: &mut Diagnostics,
        is_wanted: fn(&EndpointSpec) -> bool,
    ) -> Self {
        let jurisdictions = spec.jurisdictions.iter().map(|one| &*one.name.value);
        let regions = spec.regions.iter().map(|one| &*one.name.value);
        let mut places = Self {
            jurisdiction_names: Names::new("jurisdiction", jurisdictions),
            region_names: Names::new("region", regions),
            jurisdictions: Vec::new(),
            regions: Vec::new(),
            endpoints: Vec::new(),
            written: Vec::new(),
            of_region: Vec::new(),
            of_service: Vec::new(),
            law: BTreeMap::new(),
            unknown_law: BTreeSet::new(),
            fallback: Vec::new(),
            claims: Vec::new(),
            said_failover: Vec::new(),
            marks: marks(spec, BTreeSet::new()),
            latency: LatencyTables::default(),
            default: Vec::new(),
        };
        places.add_jurisdictions(spec, found);
        places.add_agreements(spec, found);
        for region in &spec.regions {
            places.add_region((region, is_wanted), known, found);
        }
        for service in &spec.services {
            places.add_own((service, is_wanted), known, found);
        }
        warn_of_empty(spec, &places, found);
        places.default = places.region_ids(&spec.geo.default, found);
        check_endpoints(spec, found);
        check_overrides(spec, found);
        check_shared_claims(spec, found);
        warn_of_internal(spec, &places, found);
        places
    }

    /// The same with tables of measured times.
    pub(super) fn measured(self, spec: &Spec, latency: LatencyTables) -> Self {
        Self {
            marks: marks(spec, latency.networks()),
            latency,
            ..self
        }
    }

    fn add_jurisdictions(&mut self, spec: &Spec, found: &mut Diagnostics) {
        for (place, jurisdiction) in spec.jurisdictions.iter().enumerate() {
            let Ok(id) = u8::try_from(place).map(JurisdictionId) else {
                return;
            };
            for entry in &jurisdiction.countries {
                self.claim_countries(id, entry, spec, found);
            }
            let own = self.law.iter().filter(|(_, owner)| **owner == id);
            let (parts, whole): (Vec<Territory>, Vec<Territory>) =
                own.map(|(own, _)| *own).partition(|own| own.is_part());
            self.jurisdictions.push(Jurisdiction {
                name: jurisdiction.name.value.clone(),
                countries: whole.into_iter().map(|own| own.country).collect(),
                subdivisions: parts,
                may_use: Vec::new(),
            });
        }
    }

    /// What jurisdictions may use besides themselves. Agreements are not passed on: that A may
    /// use B and B may use C says nothing of A and C.
    fn add_agreements(&mut self, spec: &Spec, found: &mut Diagnostics) {
        for (place, written) in spec.jurisdictions.iter().enumerate() {
            let mut others = self.jurisdiction_names.find_all(&written.may_use, found);
            others.retain(|other| *other != place);
            let ids = others.into_iter().filter_map(|one| u8::try_from(one).ok());
            if let Some(own) = self.jurisdictions.get_mut(place) {
                own.may_use.extend(ids.map(JurisdictionId));
            }
            let own = &written.name.value;
            if let Some(itself) = written.may_use.iter().find(|other| other.value == *own) {
                found
                    .warn(&itself.at, format!("`{own}` may use itself anyway"))
                    .help("name other jurisdictions, where its clients' data may lie as well");
            }
        }
    }

    /// Where the data of a jurisdiction's clients may lie.
    pub(super) fn fence_of(&self, law: JurisdictionId) -> JurisdictionSet {
        let own = JurisdictionSet::EMPTY.with(Some(law));
        let Some(jurisdiction) = self.jurisdictions.get(law.index()) else {
            return own;
        };
        let others = jurisdiction.may_use.iter();
        others.fold(own, |fence, other| fence.with(Some(*other)))
    }

    /// Whose law holds at a place: that of the part of the country, where one has it, otherwise the country's.
    pub(super) fn law_at(&self, place: &Place) -> Option<JurisdictionId> {
        let part = place.subdivision.and_then(|part| self.law.get(&part));
        let whole = place.country.map(Territory::from);
        part.or(whole.and_then(|whole| self.law.get(&whole)))
            .copied()
    }

    fn claim_countries(
        &mut self,
        id: JurisdictionId,
        entry: &At<Vec<Territory>>,
        spec: &Spec,
        found: &mut Diagnostics,
    ) {
        for country in &entry.value {
            let owner = *self.law.entry(*country).or_insert(id);
            if owner != id {
                let other = &spec.jurisdictions[usize::from(owner.0)].name.value;
                found
                    .error(&entry.at, format!("{country} is in two jurisdictions"))
                    .label(format!("it is in `{other}` as well"))
                    .help("a country is in one jurisdiction at the most");
            }
        }
    }

    fn add_region(
        &mut self,
        (spec, is_wanted): (&'s RegionSpec, fn(&EndpointSpec) -> bool),
        known: &KnownNames,
        found: &mut Diagnostics,
    ) {
        let id = RegionId::from_index(self.regions.len());
        let jurisdiction = spec.jurisdiction.as_ref().and_then(|name| {
            let place = self.jurisdiction_names.find(name, found)?;
            u8::try_from(place).ok().map(JurisdictionId)
        });
        if spec.jurisdiction.is_some() && jurisdiction.is_none() {
            self.unknown_law.insert(id);
        }
        let claims = spec.serves.iter().map(|claim| claim.value.clone());
        let claims: Vec<Serves> = claims.collect();
        self.regions.push(Region {
            name: spec.name.value.clone(),
            location: spec.location,
            jurisdiction,
            capacity: spec.capacity.as_ref().map(|given| given.value),
            takes_failover: spec
                .takes_failover
                .unwrap_or_else(|| !are_internal(&claims)),
        });
        self.said_failover.push(spec.takes_failover);
        let own = &spec.name.value;
        if let Some(itself) = spec.fallback.iter().find(|next| next.value == *own) {
            found
                .warn(&itself.at, format!("region `{own}` falls back on itself"))
                .help("name where its clients go when it cannot serve them");
        }
        let fallback = self.region_ids(&spec.fallback, found);
        self.fallback.push(fallback);
        self.claims.push(claims);
        let first = self.endpoints.len();
        for one in spec.endpoints.iter().filter(|own| is_wanted(own)) {
            let named = self.named(one, known, found);
            self.endpoints.push(endpoint(one, (id, None), named));
            self.written.push(one);
        }
        self.of_region.push(first..self.endpoints.len());
    }

    /// The endpoints of a service's own. One whose region is not known belongs to none, which only matters until that is
    /// reported.
    fn add_own(
        &mut self,
        (spec, is_wanted): (&'s ServiceSpec, fn(&EndpointSpec) -> bool),
        known: &KnownNames,
        found: &mut Diagnostics,
    ) {
        let service = ServiceId::from_index(self.of_service.len());
        let first = self.endpoints.len();
        for one in spec.endpoints.iter().filter(|own| is_wanted(own)) {
            let region = one.region.as_ref();
            let place = region.and_then(|name| self.region_names.find(name, found));
            let Some(place) = place else { continue };
            let named = self.named(one, known, found);
            let own = endpoint(one, (RegionId::from_index(place), Some(service)), named);
            self.endpoints.push(own);
            self.written.push(one);
        }
        self.of_service.push(first..self.endpoints.len());
    }

    /// The name that an endpoint is known by, with the addresses that this has, if it is known by name.
    fn named(
        &self,
        spec: &EndpointSpec,
        known: &KnownNames,
        found: &mut Diagnostics,
    ) -> Option<(NamedMachine, Vec<IpAddr>)> {
        let own = spec.hostname.as_ref()?;
        let law = own.jurisdiction.as_ref();
        let law = law.and_then(|name| self.jurisdiction_names.find(name, found));
        let name = own.name.value.clone();
        let addresses = known.addresses(&name);
        let named = NamedMachine {
            flatten: own.flatten == Some(true),
            jurisdiction: law.and_then(|place| u8::try_from(place).ok().map(JurisdictionId)),
            assumed: known.is_assumed(&name),
            name,
        };
        Some((named, addresses))
    }

    /// The endpoints that a service may be answered with: its own if it has any, otherwise those of all regions.
    /// Disabled ones are nobody's.
    pub(super) fn endpoints_of(&self, service: ServiceId) -> impl Iterator<Item = EndpointId> + '_ {
        let own = self.of_service[service.index()].clone();
        let regions = self.of_region.last().map_or(0, |last| last.end);
        let all = match own.is_empty() {
            true => 0..regions,
            false => own,
        };
        all.filter(|place| self.endpoints[*place].enabled)
            .map(EndpointId::from_index)
    }

    /// The text of an endpoint.
    pub(super) fn written_of(&self, name: &str) -> Option<&'s EndpointSpec> {
        let mut all = self.written.iter().copied();
        all.find(|one| one.name.value == name)
    }

    /// Regions by name, unknown ones reported.
    pub(super) fn region_ids(
        &self,
        names: &[At<String>],
        found: &mut Diagnostics,
    ) -> Vec<RegionId> {
        let places = self.region_names.find_all(names, found);
        places.into_iter().map(RegionId::from_index).collect()
    }
}

fn endpoint(
    spec: &EndpointSpec,
    (region, service): (RegionId, Option<ServiceId>),
    named: Option<(NamedMachine, Vec<IpAddr>)>,
) -> Endpoint {
    let written = spec.addresses.iter().map(|address| address.value);
    let (named, addresses) = match named {
        Some((named, addresses)) => (Some(named), addresses),
        None => (None, written.collect()),
    };
    Endpoint {
        name: spec.name.value.clone(),
        region,
        service,
        enabled: !spec.is_disabled,
        provider: spec.provider.clone(),
        tier: spec.tier,
        weight: spec.weight,
        // By the numbers of monitors, which are found later.
        weight_from: None,
        capacity_from: None,
        capacity: spec.capacity.as_ref().map(|given| given.value),
        addresses,
        named,
    }
}

/// Tells of regions where no endpoint is, neither their own nor a service's.
fn warn_of_empty(spec: &Spec, places: &Places<'_>, found: &mut Diagnostics) {
    let used: BTreeSet<RegionId> = places.endpoints.iter().map(|one| one.region).collect();
    for (place, region) in spec.regions.iter().enumerate() {
        let mut sources = spec.discovery.iter().filter_map(|own| own.region.as_ref());
        if used.contains(&RegionId::from_index(place))
            || sources.any(|own| own.value == region.name.value)
        {
            continue;
        }
        let message = format!("region `{}` has no endpoints", region.name.value);
        let help = format!("write `[[regions.{}.endpoints]]`", region.name.value);
        found
            .warn(&region.name.at, message)
            .help(help)
            .rests_on(Gap::Content("regions"))
            .rests_on(Gap::Content("services"));
    }
}

/// Names must be unique over the whole config. So should addresses be, but that services of one machine may each watch it
/// in a way of their own.
fn check_endpoints(spec: &Spec, found: &mut Diagnostics) {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let mut owners: BTreeMap<(Option<&str>, IpAddr), &str> = BTreeMap::new();
    for (owner, endpoint) in owned(spec) {
        let name = &endpoint.name;
        let whose = match owner {
            EndpointOwner::Region(region) => format!("in region `{region}`"),
            EndpointOwner::Service(service) => format!("of service `{service}`"),
        };
        if let Some(other) = names.insert(&name.value, whose)
            && !name.value.is_empty()
        {
            found
                .error(&name.at, format!("a second endpoint `{}`", name.value))
                .label(format!("the first is {other}"))
                .help("health, orders and metrics know an endpoint by its name alone");
        }
        let service = match owner {
            EndpointOwner::Region(_) => None,
            EndpointOwner::Service(service) => Some(service),
        };
        for address in &endpoint.addresses {
            check_reach(address, found);
            let owner = owners.entry((service, address.value));
            let owner = *owner.or_insert(&name.value);
            if owner != name.value {
                let message = format!("`{}` is an address of `{owner}` too", address.value);
                found
                    .warn(&address.at, message)
                    .help("two endpoints at one address fail together");
            }
        }
        if let Some(probed) = &endpoint.probe().address {
            check_reach(probed, found);
        }
    }
}

/// The owner of an endpoint.
#[derive(Clone, Copy)]
enum EndpointOwner<'s> {
    Region(&'s str),
    Service(&'s str),
}

fn owned(spec: &Spec) -> impl Iterator<Item = (EndpointOwner<'_>, &EndpointSpec)> {
    let of_regions = spec.regions.iter().flat_map(|region| {
        let owner = EndpointOwner::Region(&region.name.value);
        region.endpoints.iter().map(move |one| (owner, one))
    });
    let of_services = spec.services.iter().flat_map(|service| {
        let owner = EndpointOwner::Service(&service.name.value);
        service.endpoints.iter().map(move |one| (owner, one))
    });
    of_regions.chain(of_services)
}

/// Tells of an address that clients and probes cannot reach at all. A server takes one that nobody can: its probes
/// fail, so it is down.
fn check_reach(address: &At<IpAddr>, found: &mut Diagnostics) {
    let own = address.value;
    if let Some(obstacle) = reach::obstacle(own) {
        found
            .unsettled(&address.at, format!("nobody can reach `{own}`: {obstacle}"))
            .label("until it is another: down")
            .help("write the address that clients should connect to");
    } else if let Some(doubt) = reach::doubt(own) {
        found
            .warn(
                &address.at,
                format!("many clients cannot reach `{own}`: {doubt}"),
            )
            .help("write a native address, or leave IPv6 away");
    }
}

/// Each network can be overridden once.
fn check_overrides(spec: &Spec, found: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for (network, ..) in &spec.geo.overrides {
        if seen.insert(network.value, ()).is_some() {
            let message = "this network is overridden twice";
            found.error(&network.at, message).help("remove one of them");
        }
        if network.value.prefix == 0 {
            let message = "this overrides every address of its family";
            found
                .warn(&network.at, message)
                .label("so the geo database says nothing of any")
                .help("name the networks whose country you know better");
        }
    }
}

/// A place that two regions claim goes to the nearer one of them, which nobody reads out of the text.
fn check_shared_claims(spec: &Spec, found: &mut Diagnostics) {
    let mut owners: Vec<(&Serves, &str)> = Vec::new();
    for region in &spec.regions {
        let own = region.name.value.as_str();
        for claim in &region.serves {
            let others = owners.iter().filter(|(_, name)| *name != own);
            let other = others.clone().find(|(other, _)| *other == &claim.value);
            let is_network = matches!(claim.value, Serves::Network(_));
            if let Some((_, other)) = other.filter(|_| !is_network) {
                found
                    .warn(&claim.at, format!("`{other}` and `{own}` both claim this"))
                    .label("each client goes to the nearer of them")
                    .help("if that is not meant, let one region claim it");
            }
            owners.push((&claim.value, own));
        }
    }
}

/// All networks that are claimed anywhere, and more of them, each with its number.
fn marks(spec: &Spec, mut networks: BTreeSet<Network>) -> Vec<(Network, u16)> {
    networks.extend(spec.claims().filter_map(|claim| network(&claim.value)));
    networks.into_iter().zip(0..).collect()
}

/// By mark: the region that claims the network by its own `serves`, the first of several.
pub(super) fn claimants(spec: &Spec, marks: &[(Network, u16)]) -> Vec<Option<RegionId>> {
    let claims = |network: Network| {
        let is = |region: &RegionSpec| {
            let mut claims = region.serves.iter();
            claims.any(|claim| self::network(&claim.value) == Some(network))
        };
        spec.regions.iter().position(is).map(RegionId::from_index)
    };
    marks.iter().map(|(network, _)| claims(*network)).collect()
}

/// The network that a claim is, if it is one.
pub(super) fn network(claim: &Serves) -> Option<Network> {
    match claim {
        Serves::Network(network) => Some(*network),
        Serves::Continent(_)
        | Serves::Countries(_)
        | Serves::Subdivision(_)
        | Serves::City(_)
        | Serves::Asn(_) => None,
    }
}
