//! Discoveries: sources of endpoints, and all that the config says of what they list. A source tells where machines are; region,
//! law, provider and tier stand here, and no list changes them.
use std::path::PathBuf;

use crate::base::{EndpointId, Permille, RegionId, Secret, Span};
use crate::dns::Name;
use crate::geo::Network;

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
