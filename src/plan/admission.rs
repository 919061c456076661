//! Machines that may be endpoints of a discovery: no list leads a client out of the networks, or under another law, than the config says.
use std::net::IpAddr;
use std::sync::Arc;

use super::{Discovery, Plan};
use crate::base::EndpointId;
use crate::discovery::{DiscoveredEndpoint, DiscoveryRules, EndpointAdmission};
use crate::geo::Territory;
use crate::names::{PrivateAddresses, is_unfit_address};

impl Discovery {
    /// The rules that its lists are judged by, in this plan.
    #[must_use]
    pub fn rules(&self, plan: &Arc<Plan>) -> DiscoveryRules {
        let (plan, own) = (Arc::clone(plan), self.clone());
        DiscoveryRules {
            source: self.source.to_string(),
            changes_per_minute: self.changes_per_minute,
            max_shrink: self.max_shrink,
            most: self.max_endpoints,
            admission: EndpointAdmission(Arc::new(move |endpoint| plan.obstacle(&own, endpoint))),
        }
    }
}

impl Plan {
    /// The discovery that an endpoint came by.
    #[must_use]
    pub fn discovery_of(&self, endpoint: EndpointId) -> Option<&Discovery> {
        let mut all = self.discoveries.iter();
        all.find(|own| own.endpoints.binary_search(&endpoint).is_ok())
    }

    /// Tells why a machine may not be one of a discovery's; for a person.
    fn obstacle(&self, own: &Discovery, endpoint: &DiscoveredEndpoint) -> Option<String> {
        let mut addresses = endpoint.addresses.iter();
        addresses.find_map(|address| self.obstacle_at(own, *address))
    }

    fn obstacle_at(&self, own: &Discovery, address: IpAddr) -> Option<String> {
        if is_unfit_address(address, PrivateAddresses::Serve) {
            return Some(format!("nobody can be sent to {address}"));
        }
        if !own.networks.is_empty() {
            let is_vouched = own.networks.iter().any(|one| one.contains(address));
            return (!is_vouched).then(|| format!("{address} lies in none of `networks`"));
        }
        if is_unfit_address(address, self.resolving.private) {
            return Some(format!("{address} is a private address"));
        }
        let region = self.regions.get(own.region.index())?;
        let law = &self.jurisdictions.get(region.jurisdiction?.index())?.name;
        let place = self.atlas.find(address).0;
        let whole = place.country.map(Territory::from);
        let there = [place.subdivision, whole].into_iter().flatten();
        let mut there = there.filter_map(|own| {
            let mut all = self.jurisdictions.iter();
            Some((
                own,
                all.find(|one| one.territories().any(|two| two == own))?,
            ))
        });
        let (territory, other) = there.next().filter(|(_, other)| other.name != *law)?;
        let (region, other) = (&region.name, &other.name);
        Some(format!(
            "{address} is in {territory}, of jurisdiction {other}; region {region} is of {law}"
        ))
    }
}
