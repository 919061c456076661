//! Discoveries: sources of endpoints, and all that the config says of what they list. A source tells where machines are; region,
//! law, provider and tier stand here, and no list changes them.
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Plan, Secret};
use crate::base::{EndpointId, Permille, RegionId, Span};
use crate::discovery::{Admission, DiscoveredEndpoint, DiscoveryRules};
use crate::dns::Name;
use crate::geo::{Network, Territory};
use crate::names::{PrivateAddresses, is_unfit_address};

/// One of `[discovery]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Its name.
    pub name: String,
    /// The source.
    pub source: DiscoverySource,
    /// Time between two questions; for Consul, the longest time that an answer may wait for a change.
    pub every: Span,
    /// Longest that an answer may take.
    pub timeout: Span,
    /// The region of all its endpoints.
    pub region: RegionId,
    /// Networks that vouch for the addresses in them; none = all that the region may have.
    pub networks: Vec<Network>,
    /// Endpoints that may come, go or change within a minute.
    pub changes_per_minute: usize,
    /// Part that a list may be smaller than the largest before it.
    pub max_shrink: Permille,
    /// Endpoints that a list may have.
    pub max_endpoints: usize,
    /// Its endpoints in this plan, sorted.
    pub endpoints: Vec<EndpointId>,
}

/// A source of endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoverySource {
    /// A JSON file.
    File(PathBuf),
    /// A JSON document.
    Url(WebSource),
    /// SRV records (RFC 2782), asked of `[resolvers]`.
    Srv(Name),
    /// A service in Consul's catalog.
    Consul(WebSource, ConsulQuery),
}

/// A source that is asked over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSource {
    /// Its address; of Consul, that of the agent.
    pub url: String,
    /// The token that it is asked with.
    pub token: Option<Secret>,
    /// Certificates that it may be vouched for by, in DER; none = the system's.
    pub roots: Vec<Vec<u8>>,
}

/// A question to Consul's catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsulQuery {
    /// The service.
    pub service: String,
    /// Tags that an instance must have, all of them.
    pub tags: Vec<String>,
    /// Instances whose checks pass, or all.
    pub passing: bool,
    /// The datacenter, where it is not the agent's own.
    pub datacenter: Option<String>,
}

impl Discovery {
    /// Time between two questions where the config says nothing.
    pub const EVERY: Span = Span::from_secs(10);
    /// Longest time of an answer where it says nothing.
    pub const TIMEOUT: Span = Span::from_secs(5);
    /// Changes within a minute where it says nothing.
    pub const CHANGES_PER_MINUTE: usize = 60;
    /// Shrinkage where it says nothing.
    pub const MAX_SHRINK: Permille = Permille(500);
    /// Endpoints of a list where it says nothing.
    pub const MAX_ENDPOINTS: usize = 1000;

    /// The rules that its lists are judged by, in this plan.
    #[must_use]
    pub fn rules(&self, plan: &Arc<Plan>) -> DiscoveryRules {
        let (plan, own) = (Arc::clone(plan), self.clone());
        DiscoveryRules {
            source: self.source.to_string(),
            changes_per_minute: self.changes_per_minute,
            max_shrink: self.max_shrink,
            most: self.max_endpoints,
            admission: Admission(Arc::new(move |endpoint| plan.obstacle(&own, endpoint))),
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

impl std::fmt::Display for DiscoverySource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(out, "{}", path.display()),
            // What stands behind `?` may be a secret.
            Self::Url(web) => write!(out, "{}", web.url.split('?').next().unwrap_or_default()),
            Self::Srv(name) => write!(out, "SRV {name}"),
            Self::Consul(web, query) => write!(out, "{} of Consul at {}", query.service, web.url),
        }
    }
}
