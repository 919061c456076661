//! Machines of an answer that are known by name, or were discovered.
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::EndpointId;
use crate::plan::Plan;

/// A machine that is known by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NameFacts {
    /// The endpoint.
    pub endpoint: String,
    /// Its name.
    pub name: String,
    /// Tells whether its addresses are no more than assumed, because nobody has asked for them here.
    pub assumed: bool,
}

/// A machine that was discovered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiscoveredFacts {
    /// The endpoint.
    pub endpoint: String,
    /// The discovery that it came by.
    pub discovery: String,
    /// The source of that.
    pub source: String,
}

/// Those among some endpoints that were discovered.
pub(super) fn discovered(plan: &Plan, endpoints: &[EndpointId]) -> Vec<DiscoveredFacts> {
    let found = endpoints.iter();
    let found = found.filter_map(|id| Some((&plan.endpoints[id.index()], plan.discovery_of(*id)?)));
    let facts = found.map(|(own, discovery)| DiscoveredFacts {
        endpoint: own.name.clone(),
        discovery: discovery.name.clone(),
        source: discovery.source.to_string(),
    });
    facts.collect()
}

/// Those among some endpoints that are known by name.
pub(super) fn of(plan: &Plan, endpoints: &[EndpointId]) -> Vec<NameFacts> {
    let endpoints = endpoints.iter().map(|id| &plan.endpoints[id.index()]);
    let named = endpoints.filter_map(|own| Some((own, own.named.as_ref()?)));
    let facts = named.map(|(own, named)| NameFacts {
        endpoint: own.name.clone(),
        name: named.name.to_string(),
        assumed: named.assumed,
    });
    facts.collect()
}
