//! Jurisdictions, regions and endpoints with their names resolved.
//!
//! A country has one law at the most: two jurisdictions that share a country would make the
//! fence of its clients a matter of order.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use super::names::Names;
use crate::base::{JurisdictionId, JurisdictionSet, RegionId};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::reader::At;
use crate::config::spec::{EndpointSpec, RegionSpec, Serves, Spec};
use crate::geo::{Country, Network};
use crate::plan::{AddressesDown, Endpoint, Jurisdiction, Region};

/// Where things are, and under which law.
pub(super) struct Places<'s> {
    pub(super) jurisdiction_names: Names<'s>,
    pub(super) region_names: Names<'s>,
    pub(super) jurisdictions: Vec<Jurisdiction>,
    pub(super) regions: Vec<Region>,
    pub(super) endpoints: Vec<Endpoint>,
    /// By endpoint: what it says of addresses that are down.
    pub(super) addresses_down: Vec<Option<At<AddressesDown>>>,
    /// By region: its endpoints, which stand together.
    endpoints_of: Vec<Range<usize>>,
    /// Whose law holds in a country.
    pub(super) law: BTreeMap<Country, JurisdictionId>,
    /// Regions whose jurisdiction is named and not known.
    pub(super) unknown_law: BTreeSet<RegionId>,
    /// By region: where its clients go next.
    pub(super) fallback: Vec<Vec<RegionId>>,
    /// By region: which clients it claims.
    pub(super) claims: Vec<Vec<Serves>>,
    /// Networks that regions claim.
    pub(super) marks: Vec<(Network, u16)>,
    /// Order for clients whose place is unknown.
    pub(super) default: Vec<RegionId>,
}

impl<'s> Places<'s> {
    pub(super) fn resolve(spec: &'s Spec, found: &mut Diagnostics) -> Self {
        let jurisdictions = spec.jurisdictions.iter().map(|one| &*one.name.value);
        let regions = spec.regions.iter().map(|one| &*one.name.value);
        let mut places = Self {
            jurisdiction_names: Names::new("jurisdiction", jurisdictions),
            region_names: Names::new("region", regions),
            jurisdictions: Vec::new(),
            regions: Vec::new(),
            endpoints: Vec::new(),
            addresses_down: Vec::new(),
            endpoints_of: Vec::new(),
            law: BTreeMap::new(),
            unknown_law: BTreeSet::new(),
            fallback: Vec::new(),
            claims: Vec::new(),
            marks: Vec::new(),
            default: Vec::new(),
        };
        places.add_jurisdictions(spec, found);
        places.add_agreements(spec, found);
        for region in &spec.regions {
            places.add_region(region, found);
        }
        places.default = places.region_ids(&spec.geo.default, found);
        check_endpoints(spec, found);
        check_overrides(spec, found);
        check_claimed_networks(spec, found);
        places
    }

    fn add_jurisdictions(&mut self, spec: &Spec, found: &mut Diagnostics) {
        for (place, jurisdiction) in spec.jurisdictions.iter().enumerate() {
            let Ok(id) = u8::try_from(place).map(JurisdictionId) else {
                return;
            };
            for entry in &jurisdiction.countries {
                self.claim_countries(id, entry, spec, found);
            }
            let countries = self.law.iter().filter(|(_, owner)| **owner == id);
            self.jurisdictions.push(Jurisdiction {
                name: jurisdiction.name.value.clone(),
                countries: countries.map(|(country, _)| *country).collect(),
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

    fn claim_countries(
        &mut self,
        id: JurisdictionId,
        entry: &At<Vec<Country>>,
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

    fn add_region(&mut self, spec: &RegionSpec, found: &mut Diagnostics) {
        let id = RegionId::from_index(self.regions.len());
        let jurisdiction = spec.jurisdiction.as_ref().and_then(|name| {
            let place = self.jurisdiction_names.find(name, found)?;
            u8::try_from(place).ok().map(JurisdictionId)
        });
        if spec.jurisdiction.is_some() && jurisdiction.is_none() {
            self.unknown_law.insert(id);
        }
        self.regions.push(Region {
            name: spec.name.value.clone(),
            location: spec.location,
            jurisdiction,
            capacity: spec.capacity.as_ref().map(|given| given.value),
        });
        let fallback = self.region_ids(&spec.fallback, found);
        self.fallback.push(fallback);
        let claims = spec.serves.iter().map(|claim| claim.value.clone());
        self.claims.push(claims.collect());
        let networks = spec.serves.iter().filter_map(|claim| network(&claim.value));
        self.marks.extend(networks.map(|network| (network, id.0)));
        let endpoints = spec.endpoints.iter().map(|one| endpoint(one, id));
        let said = spec.endpoints.iter().map(|one| one.addresses_down.clone());
        self.addresses_down.extend(said);
        let first = self.endpoints.len();
        self.endpoints.extend(endpoints);
        self.endpoints_of.push(first..self.endpoints.len());
        if spec.endpoints.is_empty() {
            let message = format!("region `{}` has no endpoints", spec.name.value);
            let help = format!("write `[[regions.{}.endpoints]]`", spec.name.value);
            found
                .warn(&spec.name.at, message)
                .help(help)
                .rests_on(Gap::Content("regions"));
        }
    }

    /// What the endpoints of a region say of addresses that are down.
    pub(super) fn addresses_down_in(&self, region: RegionId) -> &[Option<At<AddressesDown>>] {
        &self.addresses_down[self.endpoints_of[region.index()].clone()]
    }

    /// The endpoints of a region.
    pub(super) fn endpoints_in(&self, region: RegionId) -> &[Endpoint] {
        &self.endpoints[self.endpoints_of[region.index()].clone()]
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

fn endpoint(spec: &EndpointSpec, region: RegionId) -> Endpoint {
    Endpoint {
        name: spec.name.value.clone(),
        region,
        provider: spec.provider.clone(),
        tier: spec.tier,
        weight: spec.weight,
        capacity: spec.capacity.as_ref().map(|given| given.value),
        addresses: spec.addresses.iter().map(|address| address.value).collect(),
    }
}

/// Names must be unique over all regions; addresses should be.
fn check_endpoints(spec: &Spec, found: &mut Diagnostics) {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut owners: BTreeMap<IpAddr, &str> = BTreeMap::new();
    for region in &spec.regions {
        for endpoint in &region.endpoints {
            let name = &endpoint.name;
            if let Some(other) = names.insert(&name.value, &region.name.value)
                && !name.value.is_empty()
            {
                found
                    .error(&name.at, format!("a second endpoint `{}`", name.value))
                    .label(format!("the first is in region `{other}`"))
                    .help("health, orders and metrics know an endpoint by its name alone");
            }
            for address in &endpoint.addresses {
                let owner = *owners.entry(address.value).or_insert(&name.value);
                if owner != name.value {
                    let message = format!("`{}` is an address of `{owner}` too", address.value);
                    found
                        .warn(&address.at, message)
                        .help("two endpoints at one address fail together");
                }
            }
        }
    }
}

/// Each network can be overridden once.
fn check_overrides(spec: &Spec, found: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for (network, _) in &spec.geo.overrides {
        if seen.insert(network.value, ()).is_some() {
            let message = "this network is overridden twice";
            found.error(&network.at, message).help("remove one of them");
        }
    }
}

/// Each network can be claimed by one region.
fn check_claimed_networks(spec: &Spec, found: &mut Diagnostics) {
    let mut owners: BTreeMap<Network, &str> = BTreeMap::new();
    for region in &spec.regions {
        for claim in &region.serves {
            let Some(network) = network(&claim.value) else {
                continue;
            };
            if let Some(other) = owners.insert(network, &region.name.value) {
                found
                    .error(&claim.at, "this network is claimed twice")
                    .label(format!("region `{other}` claims it as well"))
                    .help("a network belongs to one region; a longer prefix may go to another");
            }
        }
    }
}

fn network(claim: &Serves) -> Option<Network> {
    match claim {
        Serves::Network(network) => Some(*network),
        Serves::Continent(_) | Serves::Countries(_) | Serves::Asn(_) => None,
    }
}
