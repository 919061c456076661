//! How the machines really are, whatever the probes have seen so far.
//!
//! Everything that is not said is well. Faults lie over each other: a dead machine in a dark region
//! stays dead when the region comes back. The truth knows no engine; it answers one question:
//! what would a probe of this slot see now?
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Cause, Draws, EndpointId, Moment, SlotId, Span};
use crate::dns::Name;
use crate::health::ProbeResult;
use crate::plan::{Endpoint, Monitor, Plan};

/// How everything really is.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Machines that are not well, by the endpoint's name.
    pub machines: BTreeMap<String, Condition>,
    /// Regions that are cut off.
    pub dark_regions: BTreeSet<String>,
    /// Providers that are cut off.
    pub dark_providers: BTreeSet<String>,
    /// Endpoints whose gate does not let a ramp go on: their data is behind.
    pub behind: BTreeSet<String>,
    /// Canaries that are dead, by the slot's key.
    pub canaries: BTreeSet<String>,
    /// Names that no resolver finds an address of. Whoever was sent on to one goes nowhere; probes go on to the addresses that
    /// were known last.
    pub unresolved: BTreeSet<Name>,
    /// How well this node can see.
    pub vantage: Vantage,
    /// How many of 1000 reports never come, and how many come twice.
    pub mislaid: u64,
}

/// How a machine that is not well is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It refuses connections.
    Dead,
    /// It answers after the time is out.
    Slow,
    /// It answers, so much later than others.
    Late(Span),
    /// It is dead and well by turns, this long each.
    Flapping(Span),
    /// This many of 1000 probes fail.
    Lossy(u64),
}

/// How well this node can see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vantage {
    /// As it should.
    #[default]
    Clear,
    /// This many of 1000 probes fail, wherever they go.
    Dim(u64),
    /// Every probe fails.
    Blind,
}

impl Truth {
    /// What comes of a probe that starts now: reports with their delays; none if the report is lost.
    pub fn probe(
        &self,
        plan: &Plan,
        slot: SlotId,
        now: Moment,
        draws: &mut Draws,
    ) -> Vec<(Span, ProbeResult)> {
        let slot = &plan.slots[slot.index()];
        let endpoint = slot.endpoint.map(|id| &plan.endpoints[id.index()]);
        let monitor = &plan.monitors[slot.monitor.index()];
        let is_gate = plan
            .recoveries
            .iter()
            .any(|recovery| recovery.gates.contains(&slot.monitor));
        let behind = endpoint.is_some_and(|endpoint| self.behind.contains(&endpoint.name));
        let outcome = match self.failure((plan, monitor), endpoint, now, draws) {
            None if is_gate && behind => Some(Cause::Body),
            // Nothing is amiss that such a monitor would find.
            None if slot.opposed => Some(Cause::Body),
            None if self.canaries.contains(&slot.key) => Some(Cause::Refused),
            failure => failure,
        };
        let late = match (
            outcome,
            endpoint.and_then(|own| self.machines.get(&own.name)),
        ) {
            (None, Some(Condition::Late(by))) => *by,
            (Some(_), _) | (_, None | Some(_)) => Span::ZERO,
        };
        let took = Span(delay(outcome, monitor, draws).0 + late.0);
        let seen = (took, as_outcome(outcome));
        match draws.below(1000) {
            luck if luck < self.mislaid / 2 => Vec::new(),
            luck if luck < self.mislaid => vec![seen, (seen.0.times(3), seen.1)],
            _ => vec![seen],
        }
    }

    /// Tells whether nobody could reach an endpoint, from wherever.
    #[must_use]
    pub fn is_dead(&self, plan: &Plan, endpoint: EndpointId) -> bool {
        let endpoint = &plan.endpoints[endpoint.index()];
        self.is_cut_off(plan, endpoint)
            || self.machines.get(&endpoint.name) == Some(&Condition::Dead)
    }

    fn is_cut_off(&self, plan: &Plan, endpoint: &Endpoint) -> bool {
        let region = &plan.regions[endpoint.region.index()].name;
        self.dark_regions.contains(region) || self.dark_providers.contains(&endpoint.provider)
    }

    fn failure(
        &self,
        (plan, monitor): (&Plan, &Monitor),
        endpoint: Option<&Endpoint>,
        now: Moment,
        draws: &mut Draws,
    ) -> Option<Cause> {
        let luck = draws.below(1000);
        let blind = match self.vantage {
            Vantage::Clear => false,
            Vantage::Dim(part) => luck < part,
            Vantage::Blind => true,
        };
        let cut_off = endpoint.is_some_and(|endpoint| self.is_cut_off(plan, endpoint));
        if blind || cut_off {
            return Some(Cause::ConnectTimeout);
        }
        match *self.machines.get(&endpoint?.name)? {
            Condition::Dead => Some(Cause::Refused),
            Condition::Slow => Some(Cause::ResponseTimeout),
            Condition::Late(by) => (by >= monitor.timeout).then_some(Cause::ResponseTimeout),
            Condition::Flapping(period) => {
                let turn = now.0 / period.0.max(1);
                turn.is_multiple_of(2).then_some(Cause::Status(503))
            }
            Condition::Lossy(part) => (draws.below(1000) < part).then_some(Cause::Reset),
        }
    }
}

fn as_outcome(failure: Option<Cause>) -> ProbeResult {
    failure.map_or(ProbeResult::Pass, ProbeResult::Fail)
}

/// Timeouts take the whole time, everything else a few milliseconds.
fn delay(failure: Option<Cause>, monitor: &Monitor, draws: &mut Draws) -> Span {
    match failure {
        Some(Cause::ConnectTimeout | Cause::ResponseTimeout) => monitor.timeout,
        _ => Span(2 + draws.below(60)),
    }
}
