//! What the operator is told: one notice per transition, none per probe.
//!
//! A change of the hold alone (a probe passed, a TTL is longer) is no transition. It decides
//! nothing else, and keeps only what it has last said.
use std::collections::{BTreeSet, VecDeque};

use crate::base::{Family, ServiceId, SlotId, Why};
use crate::plan::Plan;
use crate::table::Table;

use super::beliefs::{self, Beliefs, Change, Kinship};
use super::{Notice, Output};

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Herald {
    doubting: bool,
    capped: bool,
    open: BTreeSet<(String, Family)>,
}

impl Herald {
    /// Tells of the guard, if something changed.
    pub(super) fn weigh(&mut self, beliefs: &Beliefs, outputs: &mut VecDeque<Output>) {
        let doubting = beliefs.is_doubting();
        if std::mem::replace(&mut self.doubting, doubting) != doubting {
            outputs.push_back(Output::Notice(Notice::Doubt {
                active: doubting,
                failing_permille: beliefs.tally().failing().0,
            }));
        }
        let capped = beliefs.is_capped();
        if std::mem::replace(&mut self.capped, capped) != capped {
            outputs.push_back(Output::Notice(Notice::Capped {
                active: capped,
                ejected_permille: beliefs.tally().part_of_all(beliefs.out()).0,
            }));
        }
    }

    /// Tells which services began or ceased to fall open; call it when a table is published.
    pub(super) fn published(&mut self, table: &Table, outputs: &mut VecDeque<Output>) {
        let open = falling_open(table);
        let ended = self.open.difference(&open).map(|pool| (pool, false));
        let begun = open.difference(&self.open).map(|pool| (pool, true));
        for ((service, family), active) in ended.chain(begun) {
            outputs.push_back(Output::Notice(Notice::FailOpen {
                service: service.clone(),
                family: family_word(*family),
                active,
            }));
        }
        self.open = open;
    }
}

/// Services by name, for their numbers change with a reload.
fn falling_open(table: &Table) -> BTreeSet<(String, Family)> {
    let services = (0..).map(ServiceId).zip(&table.plan.services);
    let pairs = services.flat_map(|service| Family::ALL.map(|family| (service, family)));
    pairs
        .filter(|((id, _), family)| table.fails_open(*id, *family))
        .map(|((_, service), family)| (service.name.clone(), family))
        .collect()
}

/// The notice of a change that is more than a change of the hold.
pub(super) fn standing(plan: &Plan, change: &Change) -> Option<Notice> {
    if !is_transition(change.from.why, change.to.why) {
        return None;
    }
    let target = &plan.targets[change.target.index()];
    let endpoint = &plan.endpoints[target.endpoint.index()];
    Some(Notice::Standing {
        endpoint: endpoint.name.clone(),
        region: plan.regions[endpoint.region.index()].name.clone(),
        provider: endpoint.provider.clone(),
        family: family_word(target.family),
        monitors: monitors(plan, &target.slots),
        from: change.from.why,
        to: change.to.why,
        share_permille: change.to.share.0,
    })
}

/// The notice of a reload; the old plan had `before` targets.
pub(super) fn reloaded(plan: &Plan, before: usize, kin: &Kinship) -> Notice {
    let kept = kin.targets.iter().flatten().count();
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

fn is_transition(from: Why, to: Why) -> bool {
    match (from, to) {
        (Why::Ramping { step: from, .. }, Why::Ramping { step: to, .. }) => from != to,
        (from, to) => from.word() != to.word(),
    }
}

/// The monitors of some slots, each once, joined by `+`.
fn monitors(plan: &Plan, slots: &[SlotId]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for slot in slots {
        let name = beliefs::monitor(plan, *slot).name.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join("+")
}
