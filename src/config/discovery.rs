//! `[discovery]` as it is written, and what it makes of a machine that is listed.
use super::endpoint::{EndpointSpec, ProbeSpec};
use super::naming::HostnameSpec;
use super::reader::At;
use crate::base::{Permille, Span};
use crate::discovery::{DiscoveredEndpoint, endpoint_name};
use crate::dns::Name;
use crate::geo::Network;
use crate::plan::ConsulQuery;

/// One of `[discovery]`.
#[derive(Debug)]
pub(crate) struct DiscoverySpec {
    pub(crate) name: At<String>,
    /// Absent where none is written, or it does not fit.
    pub(crate) source: Option<At<DiscoverySourceSpec>>,
    pub(crate) token: Option<At<String>>,
    pub(crate) token_file: Option<At<String>>,
    pub(crate) roots: Option<At<String>>,
    pub(crate) every: At<Span>,
    pub(crate) timeout: Span,
    pub(crate) region: Option<At<String>>,
    /// The service whose own endpoints they are; absent: they are the region's.
    pub(crate) service: Option<At<String>>,
    pub(crate) provider: String,
    pub(crate) tier: u16,
    /// In place of what the source says.
    pub(crate) weight: Option<u16>,
    /// Of machines that are known by name.
    pub(crate) jurisdiction: Option<At<String>>,
    pub(crate) flatten: Option<bool>,
    /// The port of the source is the one that is probed.
    pub(crate) probe_port: bool,
    pub(crate) networks: Vec<At<Network>>,
    pub(crate) changes_per_minute: At<usize>,
    pub(crate) max_shrink: At<Permille>,
    pub(crate) max_endpoints: At<usize>,
}

/// The source of its lists.
#[derive(Debug)]
pub(crate) enum DiscoverySourceSpec {
    File(String),
    Url(String),
    Srv(Name),
    Consul(String, ConsulQuery),
}

impl DiscoverySpec {
    /// The files that it names: a token and roots, never the list.
    pub(crate) fn files(&self) -> impl Iterator<Item = &At<String>> {
        self.token_file.iter().chain(&self.roots)
    }

    /// An endpoint of its list; `number` is its own place in the config.
    pub(super) fn endpoint(
        &self,
        number: usize,
        id: &str,
        own: &DiscoveredEndpoint,
    ) -> EndpointSpec {
        let at = &self.name.at;
        let port = own.port.filter(|_| self.probe_port);
        let hostname = own.hostname.as_ref();
        let hostname = hostname.and_then(|name| Name::parse(name).ok());
        EndpointSpec {
            name: At {
                value: endpoint_name(&self.name.value, id),
                at: at.clone(),
            },
            region: self.service.as_ref().and(self.region.clone()),
            provider: self.provider.clone(),
            tier: self.tier.saturating_add(own.rank).min(99),
            weight: self.weight.or(own.weight).unwrap_or(100),
            weight_from: None,
            capacity: None,
            capacity_from: None,
            addresses: own
                .addresses
                .iter()
                .map(|address| At {
                    value: *address,
                    at: at.clone(),
                })
                .collect(),
            hostname: hostname.map(|name| {
                Box::new(HostnameSpec {
                    name: At {
                        value: name,
                        at: at.clone(),
                    },
                    jurisdiction: self.jurisdiction.clone(),
                    flatten: self.flatten,
                })
            }),
            addresses_down: None,
            is_disabled: false,
            monitors: None,
            probe: port.map(|port| {
                Box::new(ProbeSpec {
                    address: None,
                    by: None,
                    port: Some(port),
                    host: None,
                })
            }),
            discovery: u16::try_from(number).ok(),
        }
    }
}
