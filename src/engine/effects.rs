//! What an order did, as whoever gave it is told.
//!
//! Of what was ordered and what [`super::beliefs`] made of it: an endpoint to which an order made no
//! difference was as ordered before, except that an approval passes over what did not wait for it.
//! It knows no sentences; those are for whoever shows the answer to a person.
use std::collections::BTreeSet;

use super::beliefs::Beliefs;
use super::order::{Action, Effect, Executed, OrderResult, Refused};
use super::survey::state;
use crate::base::EndpointId;
use crate::plan::Plan;

/// What is answered to an order that did this to the endpoints of its scope.
pub(super) fn answer(
    plan: &Plan,
    beliefs: &Beliefs,
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
        let all = all.map(|(id, _)| (name(*id), states(plan, beliefs, *id)));
        return Err(Refused::NothingWaits(all.collect()));
    }
    Ok(Executed { endpoints })
}

fn states(plan: &Plan, beliefs: &Beliefs, endpoint: EndpointId) -> BTreeSet<&'static str> {
    let targets = beliefs.targets_of(endpoint).iter().map(|id| id.index());
    targets
        .map(|index| state(&plan.targets[index], &beliefs.standings()[index]))
        .collect()
}
