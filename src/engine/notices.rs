//! Notices to the operator: one per transition, none per probe.
//!
//! A change of the hold alone (a probe passed, a TTL is longer) is no transition. It decides
//! nothing else, and keeps only what it has last said.
use std::collections::{BTreeMap, VecDeque};

use crate::base::{Family, ServiceId, SlotId, Span, Standing, Why};
use crate::health::guard::Doubt;
use crate::plan::{AllDown, Plan, Target};
use crate::table::{Stranded, Table};

use super::health_state::{Change, HealthState};
use super::notice::{Clients, Sense};
use super::order::{Action, Effect, Order, OrderRecord, OrderResult};
use super::orders::OrderTurn;
use super::reload_map::ReloadMap;
use super::target_labels::TargetLabels;
use super::{Notice, Output};

/// The notices of the last time, against which the next are weighed.
#[derive(Debug, Default)]
pub(super) struct Notices {
    doubting: bool,
    capped: bool,
    stranded: BTreeMap<StrandedCase, Clients>,
}

/// A service and family with clients for whom nothing is healthy. Services by name, for their numbers change with a reload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StrandedCase {
    service: String,
    family: Family,
    answer: &'static str,
}

impl Notices {
    /// Tells of the guard, if something changed.
    pub(super) fn weigh(&mut self, health: &HealthState, outputs: &mut VecDeque<Output>) {
        let doubting = health.doubt() != Doubt::None;
        if std::mem::replace(&mut self.doubting, doubting) != doubting {
            outputs.push_back(Output::Notice(Notice::Doubt {
                active: doubting,
                because: sense(health),
                failing_permille: health.tally().failing().0,
            }));
        }
        let capped = health.is_capped();
        if std::mem::replace(&mut self.capped, capped) != capped {
            outputs.push_back(Output::Notice(Notice::Capped {
                active: capped,
                ejected_permille: health.ejections().out().0,
            }));
        }
    }

    /// Tells for which clients nothing is healthy any more, or something is again; call it when a
    /// table is published.
    pub(super) fn published(&mut self, table: &Table, outputs: &mut VecDeque<Output>) {
        let stranded = stranded(table);
        let told = std::mem::replace(&mut self.stranded, stranded);
        let ended = told
            .iter()
            .filter(|(case, _)| !self.stranded.contains_key(case));
        let ended = ended.map(|(case, clients)| case.notice(clients, false));
        let grown = self.stranded.iter().filter(|(case, clients)| {
            let before = told.get(case);
            before.is_none_or(|before| clients.are_more_than(before))
        });
        let grown = grown.map(|(case, clients)| case.notice(clients, true));
        outputs.extend(ended.chain(grown).map(Output::Notice));
    }
}

impl StrandedCase {
    fn notice(&self, clients: &Clients, active: bool) -> Notice {
        let (service, clients) = (self.service.clone(), clients.clone());
        let family = family_word(self.family);
        match self.answer {
            FAIL_OPEN => Notice::FailOpen {
                service,
                family,
                active,
                clients,
            },
            answer => Notice::AllDown {
                service,
                family,
                active,
                answer,
                clients,
            },
        }
    }
}

impl Clients {
    fn of(plan: &Plan, stranded: &Stranded) -> Self {
        Self {
            prefer: region_names(plan, stranded),
            classes: stranded.classes,
            of: stranded.of,
        }
    }

    fn are_more_than(&self, before: &Self) -> bool {
        let known = |name: &String| before.prefer.contains(name);
        self.classes > before.classes || !self.prefer.iter().all(known)
    }
}

const FAIL_OPEN: &str = "fail-open";

/// The answer of a service when nothing is healthy, as a word.
pub(super) fn answer_word(all_down: AllDown) -> &'static str {
    match all_down {
        AllDown::FailOpen => FAIL_OPEN,
        AllDown::Servfail => "servfail",
        AllDown::Nodata => "nodata",
    }
}

fn sense(health: &HealthState) -> Sense {
    match (health.doubt(), health.is_total_outage()) {
        (Doubt::CanariesFail, _) => Sense::CanariesFail,
        (Doubt::MostFail, _) => Sense::MostFail,
        (Doubt::None, true) => Sense::NothingPasses,
        (Doubt::None, false) => Sense::ProbesPass,
    }
}

fn stranded(table: &Table) -> BTreeMap<StrandedCase, Clients> {
    let services = (0..).map(ServiceId).zip(&table.plan.services);
    let pairs = services.flat_map(|service| Family::ALL.map(|family| (service, family)));
    let cases = pairs.filter_map(|((id, service), family)| {
        let clients = Clients::of(&table.plan, &table.stranded(id, family)?);
        let case = StrandedCase {
            service: service.name.clone(),
            family,
            answer: answer_word(service.all_down),
        };
        Some((case, clients))
    });
    cases.collect()
}

/// The names of the regions that stranded clients prefer first, sorted.
pub(super) fn region_names(plan: &Plan, stranded: &Stranded) -> Vec<String> {
    let regions = stranded.regions.iter();
    let names = regions.map(|id| plan.regions[id.index()].name.clone());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The notice of a change that is more than a change of the hold, with the votes that there were.
pub(super) fn standing(
    plan: &Plan,
    labels: &TargetLabels,
    change: &Change,
    vantages: impl FnOnce() -> Option<String>,
) -> Option<Notice> {
    if !is_transition(&change.from, &change.to) {
        return None;
    }
    let target = &plan.targets[change.target.index()];
    let endpoint = &plan.endpoints[target.endpoint.index()];
    Some(Notice::Standing {
        endpoint: endpoint.name.clone(),
        region: plan.regions[endpoint.region.index()].name.clone(),
        provider: endpoint.provider.clone(),
        family: family_word(target.family),
        monitors: labels.label(change.target).to_owned(),
        gate: gate(plan, target),
        from: change.from.why,
        to: change.to.why,
        share_permille: change.to.share.0,
        vantages: vantages(),
    })
}

/// The attention that a slot gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    /// Not any more.
    Lost,
    /// Again.
    Regained,
}

/// The notice that a slot is unwatched, or watched again; its last real result is so old.
pub(super) fn unwatched(plan: &Plan, id: SlotId, attention: Attention, age: Span) -> Notice {
    let slot = &plan.slots[id.index()];
    let endpoint = slot.endpoint.map(|id| &plan.endpoints[id.index()]);
    Notice::Unwatched {
        endpoint: endpoint.map(|own| own.name.clone()),
        region: endpoint.map(|own| plan.regions[own.region.index()].name.clone()),
        monitor: plan.monitors[slot.monitor.index()].name.clone(),
        address: slot.address.to_string(),
        active: attention == Attention::Lost,
        age_ms: age.0,
    }
}

/// The notices of addresses that left an endpoint's answers, or came back, while others of it stay.
pub(super) fn addresses(plan: &Plan, change: &Change) -> Vec<Notice> {
    if change.from.without == change.to.without {
        return Vec::new();
    }
    let target = &plan.targets[change.target.index()];
    let endpoint = &plan.endpoints[target.endpoint.index()];
    let of_family = endpoint.addresses.iter().enumerate();
    let of_family = of_family.filter(|(_, one)| Family::of(**one) == target.family);
    let moved = of_family.filter(|(place, _)| {
        change.from.without.contains(*place) != change.to.without.contains(*place)
    });
    let notices = moved.map(|(place, address)| Notice::Address {
        endpoint: endpoint.name.clone(),
        region: plan.regions[endpoint.region.index()].name.clone(),
        address: address.to_string(),
        left: change.to.without.contains(place),
    });
    notices.collect()
}

/// The notice of a reload; the old plan had `before` targets.
pub(super) fn reloaded(plan: &Plan, before: usize, reload: &ReloadMap) -> Notice {
    let kept = reload.targets.iter().flatten().count();
    Notice::Reloaded {
        digest: format!("{:016x}", plan.digest),
        kept,
        new: plan.targets.len() - kept,
        gone: before - kept,
    }
}

/// `v4` or `v6`.
pub(super) fn family_word(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

/// Tells a change that is worth a line: one in kind, a step of a ramp, another override.
fn is_transition(from: &Standing, to: &Standing) -> bool {
    match (from.why, to.why) {
        (Why::Ramping { step: from, .. }, Why::Ramping { step: to, .. }) => from != to,
        (Why::Forced, Why::Forced) => from.share != to.share,
        (from, to) => from.word() != to.word(),
    }
}

/// The notice of an order, for the endpoints to which it made a difference; none if to nobody.
pub(super) fn ordered(order: &Order, result: &OrderResult) -> Option<Notice> {
    let changed = result.as_ref().ok()?.with(Effect::Changed);
    (!changed.is_empty()).then(|| Notice::Ordered {
        action: order.action,
        scope: order.scope.clone(),
        endpoints: changed.into_iter().map(str::to_owned).collect(),
        author: order.author.clone(),
        reason: order.reason.clone(),
    })
}

/// The notices of orders that other nodes gave: of those that have ended, as what ends them, and of those that are new.
pub(super) fn agreed<'p>(
    plan: &'p Plan,
    new: &'p [OrderRecord],
    ended: &'p [OrderRecord],
) -> impl Iterator<Item = Notice> + 'p {
    let ended = ended.iter().map(|record| {
        let action = match record.order.action {
            Action::Force(_) => Action::Lift,
            Action::Drain | Action::Approve | Action::Refuse | Action::Undrain | Action::Lift => {
                Action::Undrain
            }
        };
        (action, record)
    });
    let new = new.iter().map(|record| (record.order.action, record));
    ended.chain(new).map(|(action, record)| Notice::Ordered {
        action,
        scope: record.order.scope.clone(),
        endpoints: names_of(plan, &record.order.scope),
        author: record.order.author.clone(),
        reason: record.order.reason.clone(),
    })
}

/// The names of all endpoints of a scope.
fn names_of(plan: &Plan, scope: &str) -> Vec<String> {
    let endpoints = plan.scope(scope).map(|scope| scope.endpoints);
    let endpoints = endpoints.unwrap_or_default().into_iter();
    let names = endpoints.map(|id| plan.endpoints[id.index()].name.clone());
    names.collect()
}

/// The notice of an order that began or ended by itself.
pub(super) fn due(plan: &Plan, turn: &OrderTurn) -> Notice {
    let (began, record) = match turn {
        OrderTurn::Began(record) => (true, record),
        OrderTurn::Expired(record) => (false, record),
    };
    let order = record.order.clone();
    let endpoints = names_of(plan, &order.scope);
    Notice::OrderDue {
        began,
        action: order.action,
        scope: order.scope,
        endpoints,
        author: order.author,
        reason: order.reason,
    }
}

/// The names of the monitors that are a target's gate.
fn gate(plan: &Plan, target: &Target) -> Option<String> {
    let gates = plan.recoveries[target.recovery.index()].gates.iter();
    let names: Vec<&str> = gates
        .map(|gate| plan.monitors[gate.index()].name.as_str())
        .collect();
    (!names.is_empty()).then(|| names.join("+"))
}
