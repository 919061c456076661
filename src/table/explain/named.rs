//! Machines of an answer that are known by name.
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

/// Those among some endpoints.
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
