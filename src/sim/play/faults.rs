//! The faults that hold now, as the truth they make, and as clients feel it.
//!
//! The truth is made anew from the list whenever it changes, so the end of one fault cannot end
//! another that lies over it. Clients and probes go different ways: a vantage that is cut off
//! harms no client, and data that is behind harms nobody who only asks whether it answers.
use super::scenario::Fault;
use crate::base::{EndpointId, Moment, Permille, Span};
use crate::plan::{Endpoint, Plan};
use crate::sim::truth::{Condition, Truth, Vantage};

/// The faults that hold now.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// By the number of the event that brought it, in the order in which they began.
    active: Vec<(usize, Fault)>,
}

impl Faults {
    pub(super) fn begin(&mut self, event: usize, fault: Fault) {
        self.active.push((event, fault));
    }

    pub(super) fn end(&mut self, event: usize) {
        self.active.retain(|(own, _)| *own != event);
    }

    /// Ends everything at what is named so.
    pub(super) fn heal(&mut self, whom: &str) {
        self.active.retain(|(_, fault)| fault.whom() != Some(whom));
    }

    /// Tells whether the fault of an event holds.
    pub(super) fn holds(&self, event: usize) -> bool {
        self.active.iter().any(|(own, _)| *own == event)
    }

    /// The truth they make.
    pub(super) fn truth(&self, plan: &Plan) -> Truth {
        let mut truth = Truth::default();
        for (_, fault) in &self.active {
            add(&mut truth, plan, fault);
        }
        truth
    }

    /// The parts of the probes that fail, whatever else is so: of canaries, and of all others.
    pub(super) fn losses(&self) -> (Permille, Permille) {
        let mut losses = (Permille::NONE, Permille::NONE);
        for (_, fault) in &self.active {
            match fault {
                Fault::CanaryLoss(part) => losses.0 = losses.0.max(*part),
                Fault::ProbeLoss(part) => losses.1 = losses.1.max(*part),
                Fault::Kill(_)
                | Fault::Slow(_)
                | Fault::Late(..)
                | Fault::Loss(..)
                | Fault::Flap(..)
                | Fault::Behind(_)
                | Fault::Unresolved(_)
                | Fault::VantageLoss(_) => {}
            }
        }
        losses
    }

    /// The next moment after `now` at which a flapping machine turns over.
    pub(super) fn next_turn(&self, now: Moment) -> Option<Moment> {
        let turns = self.active.iter().filter_map(|(_, fault)| match fault {
            Fault::Flap(_, period) => Some(Moment((now.0 / period.0 + 1) * period.0)),
            Fault::Kill(_)
            | Fault::Slow(_)
            | Fault::Late(..)
            | Fault::Loss(..)
            | Fault::Behind(_)
            | Fault::Unresolved(_)
            | Fault::VantageLoss(_)
            | Fault::CanaryLoss(_)
            | Fault::ProbeLoss(_) => None,
        });
        turns.min()
    }
}

fn add(truth: &mut Truth, plan: &Plan, fault: &Fault) {
    match fault {
        Fault::Kill(whom) => kill(truth, plan, whom),
        Fault::Slow(whom) => afflict(truth, plan, whom, Condition::Slow),
        Fault::Late(whom, by) => afflict(truth, plan, whom, Condition::Late(*by)),
        Fault::Loss(whom, part) => {
            afflict(truth, plan, whom, Condition::Lossy(u64::from(part.0)));
        }
        Fault::Flap(whom, period) => afflict(truth, plan, whom, Condition::Flapping(*period)),
        Fault::Behind(whom) => {
            let names = machines(plan, whom).map(|own| own.name.clone());
            truth.behind.extend(names);
        }
        Fault::Unresolved(whom) => {
            let named = machines(plan, whom).filter_map(|own| own.named.as_ref());
            truth.unresolved.extend(named.map(|own| own.name.clone()));
        }
        Fault::VantageLoss(part) => truth.vantage = worse(truth.vantage, *part),
        Fault::CanaryLoss(_) | Fault::ProbeLoss(_) => {}
    }
}

/// The worse of two losses holds.
fn worse(vantage: Vantage, part: Permille) -> Vantage {
    match vantage {
        Vantage::Blind => Vantage::Blind,
        _ if part == Permille::FULL => Vantage::Blind,
        Vantage::Dim(other) => Vantage::Dim(other.max(u64::from(part.0))),
        Vantage::Clear => Vantage::Dim(u64::from(part.0)),
    }
}

/// Regions and providers are cut off as such, so that a machine in them may have a fault of its
/// own besides.
fn kill(truth: &mut Truth, plan: &Plan, whom: &str) {
    if plan.regions.iter().any(|region| region.name == whom) {
        truth.dark_regions.insert(whom.to_owned());
    }
    if plan.endpoints.iter().any(|one| one.provider == whom) {
        truth.dark_providers.insert(whom.to_owned());
    }
    if plan.endpoints.iter().any(|one| one.name == whom) {
        truth.machines.insert(whom.to_owned(), Condition::Dead);
    }
}

/// The dead stay dead.
fn afflict(truth: &mut Truth, plan: &Plan, whom: &str, condition: Condition) {
    for own in machines(plan, whom) {
        if truth.machines.get(&own.name) != Some(&Condition::Dead) {
            truth.machines.insert(own.name.clone(), condition);
        }
    }
}

fn machines<'p>(plan: &'p Plan, whom: &str) -> impl Iterator<Item = &'p Endpoint> {
    let endpoints = plan.scope(whom).map(|scope| scope.endpoints);
    let endpoints = endpoints.unwrap_or_default().into_iter();
    endpoints.map(|id| &plan.endpoints[id.index()])
}

/// The part of its clients' connections that an endpoint loses now, permille. One that answers
/// after the timeout of a monitor that it must pass counts as lost: its clients have gone away.
pub(super) fn felt(truth: &Truth, plan: &Plan, id: EndpointId, now: Moment) -> u64 {
    if truth.is_dead(plan, id) {
        return 1000;
    }
    match truth.machines.get(&plan.endpoints[id.index()].name) {
        None => 0,
        Some(Condition::Dead | Condition::Slow) => 1000,
        Some(Condition::Late(by)) if *by >= patience(plan, id) => 1000,
        Some(Condition::Late(_)) => 0,
        Some(Condition::Lossy(part)) => *part,
        Some(Condition::Flapping(Span(period))) => match (now.0 / (*period).max(1)) % 2 {
            0 => 1000,
            _ => 0,
        },
    }
}

/// Tells whether an endpoint serves its clients, and is slow.
pub(super) fn is_slow(truth: &Truth, plan: &Plan, id: EndpointId, now: Moment) -> bool {
    let condition = truth.machines.get(&plan.endpoints[id.index()].name);
    matches!(condition, Some(Condition::Late(_))) && felt(truth, plan, id, now) == 0
}

/// The time for which clients of an endpoint wait: as long as the least patient of its monitors.
fn patience(plan: &Plan, id: EndpointId) -> Span {
    let targets = plan.targets.iter().filter(|one| one.endpoint == id);
    let slots = targets.flat_map(|one| &one.slots);
    let monitors = slots.map(|slot| plan.slots[slot.index()].monitor);
    let timeouts = monitors.map(|monitor| plan.monitors[monitor.index()].timeout);
    timeouts.min().unwrap_or(Span(u64::MAX))
}
