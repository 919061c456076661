//! The consequences of a drain or an override, reckoned before it is given.
//!
//! Two tables are compared: that of the orders in force, and that with one order more. In both, every order has
//! done all that it does in the end, whatever steps it takes, and what fails and is only kept (for doubt, or for want
//! of room) counts as down: nobody should be told that a machine which fails is good enough to switch the other off.
//! What is lost is what the second leaves without anything healthy, or above the stated capacities, and the first
//! does not.
//!
//! It judges by what is known now. What an order that is still to come will meet, nobody knows.
use std::sync::Arc;

use super::health_state::HealthState;
use super::notices::{family_word, region_names};
use super::order::{Action, ClientLoss, Order, Override};
use crate::base::{EndpointId, Family, Moment, Permille, ServiceId, Standing, TargetId, Why};
use crate::dns::zone::Zones;
use crate::plan::{Demands, Plan};
use crate::table::{Basis, Table};

/// The consequences of an order that is not given yet.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The endpoints that it is for.
    pub endpoints: Vec<String>,
    /// The table that is out.
    pub before: Arc<Table>,
    /// The table that there would be in the end.
    pub after: Arc<Table>,
    /// The losses that it would bring.
    pub damage: Vec<ClientLoss>,
}

/// The state of things when an order is to be given.
#[derive(Clone, Copy)]
pub(super) struct Outlook<'e> {
    pub(super) now: Moment,
    pub(super) plan: &'e Arc<Plan>,
    pub(super) health: &'e HealthState,
    /// The table that is out.
    pub(super) table: &'e Arc<Table>,
    pub(super) demands: &'e Arc<Demands>,
    pub(super) zones: &'e Arc<Zones>,
}

impl Outlook<'_> {
    /// Reckons what an order would do to these endpoints.
    pub(super) fn forecast(&self, order: &Order, named: &[EndpointId]) -> Forecast {
        let after = ordered(self.plan, &self.settled(), order.action, named);
        let endpoints = named.iter().map(|id| &self.plan.endpoints[id.index()]);
        Forecast {
            endpoints: endpoints.map(|one| one.name.clone()).collect(),
            before: Arc::clone(self.table),
            after: Arc::new(self.table_of(after)),
            damage: self.damage(order, named),
        }
    }

    /// Reckons what an order would do to clients that they would not have to bear otherwise.
    pub(super) fn damage(&self, order: &Order, named: &[EndpointId]) -> Vec<ClientLoss> {
        match order.action {
            Action::Drain | Action::Force(Override::Share(_)) => {}
            Action::Force(Override::Up)
            | Action::Approve
            | Action::Refuse
            | Action::Undrain
            | Action::Lift => {
                return Vec::new();
            }
        }
        let mut before = self.settled();
        for standing in &mut before {
            if let Why::Doubted(_) | Why::Capped(_) = standing.why {
                standing.share = Permille::NONE;
            }
        }
        let after = ordered(self.plan, &before, order.action, named);
        if after == before {
            return Vec::new();
        }
        let [before, after] = [before, after].map(|standings| self.table_of(standings));
        let services = (0..).map(ServiceId).zip(&self.plan.services);
        let services = services.flat_map(|(id, service)| {
            let stranded = Family::ALL.map(|family| stranded([&before, &after], id, family));
            let overloaded = overloaded([&before, &after], id, &service.name);
            stranded.into_iter().chain([overloaded]).flatten()
        });
        services.collect()
    }

    /// Standings when all orders in force have done what they do.
    fn settled(&self) -> Vec<Standing> {
        let ids = (0..self.plan.targets.len()).map(TargetId::from_index);
        ids.map(|id| self.health.settled(id)).collect()
    }

    fn table_of(&self, standings: Vec<Standing>) -> Table {
        let basis = Basis {
            plan: self.plan.clone(),
            standings: standings.into(),
            demands: self.demands.clone(),
            zones: self.zones.clone(),
        };
        let generation = self.table.generation;
        Table::build_on(generation, basis, self.now, Some(self.table))
    }
}

/// The same with one order more; `named` are in order.
fn ordered(
    plan: &Plan,
    settled: &[Standing],
    action: Action,
    named: &[EndpointId],
) -> Vec<Standing> {
    let pairs = plan.targets.iter().zip(settled);
    let after = pairs.map(|(target, standing)| {
        if named.binary_search(&target.endpoint).is_err() {
            return *standing;
        }
        let (share, why) = match action {
            Action::Drain => (Permille::NONE, Why::Drained),
            Action::Force(Override::Share(most)) => (most.min(standing.share), Why::Forced),
            Action::Force(Override::Up) => (Permille::FULL, Why::Forced),
            Action::Approve | Action::Refuse | Action::Undrain | Action::Lift => {
                return *standing;
            }
        };
        Standing {
            share,
            why: if share == standing.share {
                standing.why
            } else {
                why
            },
            ..*standing
        }
    });
    after.collect()
}

fn stranded(tables: [&Table; 2], service: ServiceId, family: Family) -> Option<ClientLoss> {
    let [before, after] = tables.map(|table| table.stranded(service, family));
    let (before, after) = (before.unwrap_or_default(), after?);
    let is_known = |region| before.regions.contains(region);
    if after.classes <= before.classes && after.regions.iter().all(is_known) {
        return None;
    }
    let plan = &tables[1].plan;
    Some(ClientLoss::Stranded {
        service: plan.services[service.index()].name.clone(),
        family: family_word(family),
        prefer: region_names(plan, &after),
        classes: after.classes,
        of: after.of,
    })
}

fn overloaded(tables: [&Table; 2], service: ServiceId, name: &str) -> Option<ClientLoss> {
    let [before, after] = tables.map(|table| table.unplaced(service));
    (after > before).then(|| ClientLoss::Overloaded {
        service: name.to_owned(),
        demand_thousandths: tables[1].demands.total(service),
        overloaded_thousandths: after,
    })
}
