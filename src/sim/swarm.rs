//! Swarm faults: each seed switches a random subset of the kinds on.
//!
//! A run in which everything goes wrong at once explores little: the world is simply down. So each
//! seed has its own few kinds of trouble, and strikes with those only.
use std::collections::BTreeSet;

use crate::base::{Draws, Moment, Span};
use crate::engine::order::{Action, Order, OrderRequest};
use crate::plan::Plan;

use super::truth::{Condition, Truth, Vantage};

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A machine dies.
    Dead,
    /// A machine is slower than the monitor's timeout.
    Slow,
    /// A machine is slower than the others.
    Late,
    /// A machine comes and goes.
    Flapping,
    /// A machine loses some probes.
    Lossy,
    /// A region is cut off.
    Region,
    /// A provider is cut off everywhere.
    Provider,
    /// This node sees little.
    Dim,
    /// This node sees nothing.
    Blind,
    /// The data of a machine is behind.
    Behind,
    /// Reports get lost, or come twice.
    Mislaid,
    /// A canary dies.
    Canary,
    /// An operator drains something, or takes that back.
    Drain,
    /// An operator approves what waits.
    Approve,
    /// Another plan is put in force.
    Reload,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Dead,
        Self::Slow,
        Self::Late,
        Self::Flapping,
        Self::Lossy,
        Self::Region,
        Self::Provider,
        Self::Dim,
        Self::Blind,
        Self::Behind,
        Self::Mislaid,
        Self::Canary,
        Self::Drain,
        Self::Approve,
        Self::Reload,
    ];
}

/// The kinds of trouble of one seed.
#[derive(Clone, Debug)]
pub struct Swarm {
    kinds: Vec<Fault>,
}

impl Swarm {
    /// Draws a subset; never an empty one.
    #[must_use]
    pub fn draw(draws: &mut Draws) -> Self {
        let mut kinds = Fault::ALL.to_vec();
        kinds.retain(|_| draws.chance(350));
        if kinds.is_empty() {
            kinds.push(pick(&Fault::ALL, draws));
        }
        Self { kinds }
    }

    /// The kinds.
    #[must_use]
    pub fn kinds(&self) -> &[Fault] {
        &self.kinds
    }

    /// Lets one thing go wrong, or come right. Gives which kind it was; a reload and an order do
    /// nothing to the truth, the caller puts the plan in force or gives the [`order`].
    pub fn strike(&self, truth: &mut Truth, plan: &Plan, draws: &mut Draws) -> Fault {
        let kind = pick(&self.kinds, draws);
        match kind {
            Fault::Dead => afflict(truth, plan, Condition::Dead, draws),
            Fault::Slow => afflict(truth, plan, Condition::Slow, draws),
            Fault::Late => {
                // Now and then later than any monitor waits.
                let longest = plan.monitors.iter().map(|own| own.timeout.0).max();
                let by = Span(draws.below(longest.unwrap_or(0) * 5 / 4 + 1));
                afflict(truth, plan, Condition::Late(by), draws);
            }
            Fault::Flapping => {
                let period = Span(500 + draws.below(15_000));
                afflict(truth, plan, Condition::Flapping(period), draws);
            }
            Fault::Lossy => {
                let part = 50 + draws.below(600);
                afflict(truth, plan, Condition::Lossy(part), draws);
            }
            Fault::Region => {
                let region = pick_of(&plan.regions, draws).name.clone();
                toggle(&mut truth.dark_regions, region);
            }
            Fault::Provider => {
                let provider = pick_of(&plan.endpoints, draws).provider.clone();
                toggle(&mut truth.dark_providers, provider);
            }
            Fault::Dim => {
                let part = 200 + draws.below(750);
                turn(&mut truth.vantage, Vantage::Dim(part));
            }
            Fault::Blind => turn(&mut truth.vantage, Vantage::Blind),
            Fault::Behind => {
                let name = pick_of(&plan.endpoints, draws).name.clone();
                toggle(&mut truth.behind, name);
            }
            Fault::Mislaid => truth.mislaid = draws.below(300),
            Fault::Canary => {
                if !plan.canaries.is_empty() {
                    let slot = pick_of(&plan.canaries, draws);
                    toggle(&mut truth.canaries, plan.slots[slot.index()].key.clone());
                }
            }
            Fault::Drain | Fault::Approve | Fault::Reload => {}
        }
        kind
    }
}

/// Everything that an order can be for.
#[must_use]
pub fn scopes(plan: &Plan) -> BTreeSet<String> {
    let regions = plan.regions.iter().map(|region| &region.name);
    let endpoints = plan.endpoints.iter();
    let own = endpoints.flat_map(|endpoint| [&endpoint.name, &endpoint.provider]);
    regions.chain(own).cloned().collect()
}

/// What an operator orders: something about an endpoint, a region or a provider, now and then about
/// nothing that there is; a drain now and then for later, or for a while.
#[must_use]
pub fn order(kind: Fault, plan: &Plan, now: Moment, draws: &mut Draws) -> OrderRequest {
    let endpoint = pick_of(&plan.endpoints, draws);
    let scope = match draws.below(8) {
        0 => &plan.regions[endpoint.region.index()].name,
        1 => &endpoint.provider,
        2 => "nowhere",
        _ => &endpoint.name,
    };
    let action = match (kind, draws.below(2)) {
        (Fault::Approve, _) => Action::Approve,
        (_, 0) => Action::Undrain,
        _ => Action::Drain,
    };
    let order = Order {
        action,
        scope: scope.to_owned(),
        author: "ada".into(),
        reason: String::new(),
    };
    let mut request = order.insisted();
    if action == Action::Drain {
        let from = draws
            .chance(200)
            .then(|| now.after(Span(1 + draws.below(30_000))));
        let begins = from.unwrap_or(now);
        let lasts = draws.chance(300).then(|| Span(1 + draws.below(60_000)));
        request.from = from;
        request.until = lasts.map(|span| begins.after(span));
    }
    request
}

/// Makes a machine ill, or well again if it was ill.
fn afflict(truth: &mut Truth, plan: &Plan, condition: Condition, draws: &mut Draws) {
    let name = pick_of(&plan.endpoints, draws).name.clone();
    if truth.machines.remove(&name).is_none() {
        truth.machines.insert(name, condition);
    }
}

fn toggle(names: &mut std::collections::BTreeSet<String>, name: String) {
    if !names.remove(&name) {
        names.insert(name);
    }
}

fn turn(vantage: &mut Vantage, trouble: Vantage) {
    *vantage = match vantage {
        Vantage::Clear => trouble,
        Vantage::Dim(_) | Vantage::Blind => Vantage::Clear,
    };
}

fn pick(kinds: &[Fault], draws: &mut Draws) -> Fault {
    *pick_of(kinds, draws)
}

fn pick_of<'t, T>(things: &'t [T], draws: &mut Draws) -> &'t T {
    let place = usize::try_from(draws.below(things.len() as u64)).unwrap_or(0);
    &things[place]
}
