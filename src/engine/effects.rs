//! What an order did, as whoever gave it is told.
//!
//! Of what was ordered and what [`super::health_state`] made of it: an endpoint to which an order made no
//! difference was as ordered before, except that an approval passes over what did not wait for it.
//! It knows no sentences; those are for whoever shows the answer to a person.
use std::collections::BTreeSet;

use super::health_state::HealthState;
use super::order::{Action, Effect, Executed, OrderResult, Refused};
use super::status_view::state;
use crate::base::EndpointId;
use crate::plan::Plan;

/// What is answered to an order that did this to the endpoints of its scope.
pub(super) fn answer(
    plan: &Plan,
    health: &HealthState,
    action: Action,
    effects: &[(EndpointId, Effect)],
) -> OrderResult {
    let name = |id: EndpointId| plan.endpoints[id.index()].name.clone();
    if effects.is_empty() {
        return Err(Refused::NoEndpoints);
    }
    let is_for = |effect: Effect| action != Action::Approve || effect == Effect::Changed;
    let own = effects.iter().filter(|(_, effect)| is_for(*effect));
    let endpoints: Vec<(String, Effect)> = own.map(|(id, effect)| (name(*id), *effect)).collect();
    if endpoints.is_empty() {
        let all = effects.iter();
        let all = all.map(|(id, _)| (name(*id), states(plan, health, *id)));
        return Err(Refused::NothingWaits(all.collect()));
    }
    Ok(Executed { endpoints })
}

fn states(plan: &Plan, health: &HealthState, endpoint: EndpointId) -> BTreeSet<&'static str> {
    let targets = health.targets_of(endpoint).iter().map(|id| id.index());
    targets
        .map(|index| state(&plan.targets[index], &health.standings()[index]))
        .collect()
}
