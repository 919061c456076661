//! The set of a fleet that a client drew.
//!
//! What a fleet answers with follows from a draw and from who of the set that is drawn is up; both are told.
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::EndpointId;
use crate::plan::{Plan, Tier};
use crate::steer::fleet::SetDrawn;

/// A set of endpoints that a client drew of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SetFacts {
    /// Its number in the fleet, from 1.
    pub number: usize,
    /// The number of sets that the fleet has.
    pub of: usize,
    /// All endpoints of it, those that are down included.
    pub endpoints: Vec<String>,
}

/// The set that was drawn for an answer of which `first` comes first, by a fleet of some tiers.
pub(super) fn of(
    plan: &Plan,
    tiers: &[Tier],
    first: EndpointId,
    drawn: SetDrawn,
) -> Option<SetFacts> {
    let is_of = |tier: &&Tier| tier.members.iter().any(|own| own.endpoint == first);
    let tier = tiers.iter().find(is_of)?;
    let members = tier.fleet.as_ref()?.set(drawn.number).iter();
    let endpoints = members.map(|member| {
        let endpoint = tier.members[usize::from(*member)].endpoint;
        plan.endpoints[endpoint.index()].name.clone()
    });
    Some(SetFacts {
        number: drawn.number + 1,
        of: drawn.of,
        endpoints: endpoints.collect(),
    })
}
