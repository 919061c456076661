//! What an order did, as whoever gave it is told.
//!
//! Of what was ordered, and what was so before and is now: an endpoint to which an order made no
//! difference was as ordered before, except that an approval passes over what did not wait for it, and that what
//! another order holds stays out when one is lifted. It knows no sentences; those are for whoever shows the answer to a
//! person.
use std::collections::BTreeSet;

use super::drains::{Cover, Drains, OrderTaken};
use super::lookout::Lookout;
use super::order::{Action, Effect, Executed, Order, OrderRecord, Refused};
use crate::base::{EndpointId, Moment, Standing, Why};
use crate::plan::{Plan, Target};

/// The endpoints of an order, each with what orders in force made of it before.
pub(super) type CoversBefore = Vec<(EndpointId, Cover)>;

/// The answer to a drain, an override, or the end of one.
pub(super) fn executed(
    (plan, drains): (&Plan, &Drains),
    now: Moment,
    order: &Order,
    before: &CoversBefore,
    taken: OrderTaken,
) -> Executed {
    let is_planned = taken.held.as_ref().is_some_and(|held| held.begins() > now);
    let effects = before.iter().map(|(id, from)| {
        let effect = match is_planned {
            true => Effect::Planned,
            false => effect(order.action, *from, drains.cover(*id)),
        };
        (*id, effect)
    });
    let effects: Vec<(EndpointId, Effect)> = effects.collect();
    let own = taken.held.as_ref();
    Executed {
        others: others(plan, drains, now, &effects, own),
        endpoints: named(plan, &effects),
        held: taken.held,
        ended: taken.ended,
        damage: Vec::new(),
        decided: BTreeSet::new(),
    }
}

/// The answer to an approval or a refusal, by its effects on endpoints.
pub(super) fn approved(
    plan: &Plan,
    standings: &[Standing],
    effects: &[(EndpointId, Effect)],
) -> Result<Executed, Refused> {
    let own = effects.iter().copied();
    let own = own.filter(|(_, effect)| *effect == Effect::Changed);
    let endpoints = named(plan, &own.collect::<Vec<_>>());
    if endpoints.is_empty() {
        let all = effects.iter().map(|(id, _)| {
            let name = plan.endpoints[id.index()].name.clone();
            (name, states(plan, standings, *id))
        });
        return Err(Refused::NothingWaits(all.collect()));
    }
    Ok(Executed {
        endpoints,
        ..Executed::default()
    })
}

fn effect(action: Action, from: Cover, to: Cover) -> Effect {
    let was_so = match action {
        Action::Drain => from.is_drained(),
        Action::Undrain if to.is_drained() => return Effect::StillHeld,
        Action::Undrain => !from.is_drained(),
        Action::Lift if from.does_as(&to) && to.is_overridden() => return Effect::StillHeld,
        Action::Force(_) | Action::Lift => from.does_as(&to),
        Action::Approve | Action::Refuse => false,
    };
    if was_so {
        Effect::Already
    } else {
        Effect::Changed
    }
}

fn named(plan: &Plan, effects: &[(EndpointId, Effect)]) -> Vec<(String, Effect)> {
    let name = |id: EndpointId| plan.endpoints[id.index()].name.clone();
    let named = effects.iter().map(|(id, effect)| (name(*id), *effect));
    named.collect()
}

/// Other orders in force for the endpoints, each with the names of those that it covers.
fn others(
    plan: &Plan,
    drains: &Drains,
    now: Moment,
    effects: &[(EndpointId, Effect)],
    own: Option<&OrderRecord>,
) -> Vec<(OrderRecord, Vec<String>)> {
    let held = drains.orders.held().iter();
    let held = held.filter(|held| held.is_in_force(now) && Some(*held) != own);
    let others = held.filter_map(|held| {
        let endpoints = effects.iter().map(|(id, _)| &plan.endpoints[id.index()]);
        let covered = endpoints.filter(|one| plan.is_called(one, &held.order.scope));
        let names: Vec<String> = covered.map(|one| one.name.clone()).collect();
        (!names.is_empty()).then(|| (held.clone(), names))
    });
    others.collect()
}

fn states(plan: &Plan, standings: &[Standing], endpoint: EndpointId) -> BTreeSet<&'static str> {
    let targets = plan.targets.iter().zip(standings);
    let own = targets.filter(|(target, _)| target.endpoint == endpoint);
    own.map(|(target, standing)| state(target, standing))
        .collect()
}

/// The state as an operator is shown it; that nobody looks is told where nothing worse is known.
pub(super) fn shown_state(lookout: &Lookout, target: &Target, standing: &Standing) -> &'static str {
    let served_in_full = matches!(standing.why, Why::Unproven | Why::Healthy);
    if served_in_full && lookout.is_blind_to(target) {
        return "unwatched";
    }
    state(target, standing)
}

/// The state as one word: what nothing watches stays unproven for ever, and is called so.
fn state(target: &Target, standing: &Standing) -> &'static str {
    if target.slots.is_empty() && standing.why == Why::Unproven {
        return "unmonitored";
    }
    standing.why.word()
}
